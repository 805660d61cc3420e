//! Alpine package versions: `1.2.3a_rc1~hash-r4`.
//!
//! Source: apk-package(5); the token order and the fuzzy comparison of apk-tools. A version is a list of tokens; a
//! token that cannot follow is `Invalid`, which ends the list and sorts before the end. So any text has a place, as
//! it has for apk itself; [`is_valid`] says whether apk would accept it.

use std::cmp::Ordering;

use crate::num;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Token<'a> {
    /// `_alpha` to `_rc` are below `NO_SUFFIX`, `_cvs` to `_p` above.
    Suffix(u8),
    Invalid,
    End,
    Revision(&'a [u8]),
    Hash(&'a [u8]),
    SuffixNumber(&'a [u8]),
    Letter(u8),
    Number(&'a [u8]),
    First(&'a [u8]),
}

const SUFFIXES: [&[u8]; 9] = [b"alpha", b"beta", b"pre", b"rc", b"cvs", b"svn", b"git", b"hg", b"p"];
const NO_SUFFIX: u8 = 4;

/// The order of tokens of different kinds at the same position. One that carries the version on in a lower level
/// (a further number) is above one of a higher level, and the end is below them; only a suffix of a pre-release is
/// below the end.
fn rank(token: Token<'_>) -> u8 {
    match token {
        Token::Suffix(kind) if kind < NO_SUFFIX => 1,
        Token::Invalid => 2,
        Token::End => 3,
        Token::Revision(_) => 4,
        Token::Hash(_) => 5,
        Token::SuffixNumber(_) => 6,
        Token::Suffix(_) => 7,
        Token::Letter(_) => 8,
        Token::Number(_) => 9,
        Token::First(_) => 10,
    }
}

/// How far into a version the reader is; a token may not lead back.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Number,
    Letter,
    Suffix,
    SuffixNumber,
    Hash,
    Revision,
    Done,
}

struct Reader<'a> {
    rest: &'a [u8],
    level: Level,
    strict: bool,
}

impl<'a> Reader<'a> {
    fn digits(&mut self) -> &'a [u8] {
        let (digits, rest) = self.rest.split_at(num::run(self.rest));
        self.rest = rest;
        digits
    }

    fn first(text: &'a str, strict: bool) -> (Self, Token<'a>) {
        let mut reader = Self { rest: text.as_bytes(), level: Level::Number, strict };
        let digits = reader.digits();
        if digits.is_empty() && strict {
            reader.level = Level::Done;
            return (reader, Token::Invalid);
        }
        (reader, Token::First(digits))
    }

    fn next(&mut self) -> Token<'a> {
        let token = self.take();
        if matches!(token, Token::End | Token::Invalid) {
            self.level = Level::Done;
        }
        token
    }

    fn take(&mut self) -> Token<'a> {
        let Some(&byte) = self.rest.first() else { return Token::End };
        match byte {
            b'a'..=b'z' if self.level == Level::Number => {
                self.rest = &self.rest[1..];
                self.level = Level::Letter;
                Token::Letter(byte)
            }
            b'.' if self.level <= Level::Letter => {
                self.rest = &self.rest[1..];
                let digits = self.digits();
                if self.strict && (digits.is_empty() || self.level == Level::Letter) {
                    return Token::Invalid;
                }
                self.level = Level::Number;
                Token::Number(digits)
            }
            // `6.6.2p1` is refused by apk 3, yet exists and compares as a number in apk 2.
            b'0'..=b'9' if self.level == Level::Letter && !self.strict => {
                self.level = Level::Number;
                Token::Number(self.digits())
            }
            b'0'..=b'9' if self.level == Level::Suffix => {
                self.level = Level::SuffixNumber;
                Token::SuffixNumber(self.digits())
            }
            b'_' if self.level <= Level::SuffixNumber => {
                let name = &self.rest[1..];
                let length = name.iter().position(|byte| !byte.is_ascii_lowercase()).unwrap_or(name.len());
                let Some(kind) = SUFFIXES.iter().position(|suffix| *suffix == &name[..length]) else {
                    return Token::Invalid;
                };
                self.rest = &name[length..];
                self.level = Level::Suffix;
                let kind = u8::try_from(kind).unwrap_or(u8::MAX);
                Token::Suffix(if kind < NO_SUFFIX { kind } else { kind + 1 })
            }
            b'~' if self.level < Level::Hash => {
                let hash = &self.rest[1..];
                let hex = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
                let length = hash.iter().position(|byte| !hex(byte)).unwrap_or(hash.len());
                if length == 0 {
                    return Token::Invalid;
                }
                self.rest = &hash[length..];
                self.level = Level::Hash;
                Token::Hash(&hash[..length])
            }
            b'-' if self.level < Level::Revision && self.rest.get(1) == Some(&b'r') => {
                self.rest = &self.rest[2..];
                self.level = Level::Revision;
                let digits = self.digits();
                let word = self.rest.first().is_some_and(u8::is_ascii_alphabetic);
                if digits.is_empty() && (self.strict || word) {
                    return Token::Invalid;
                }
                Token::Revision(digits)
            }
            _ => Token::Invalid,
        }
    }
}

/// Compares two tokens at the same position.
fn compare_tokens(a: Token<'_>, b: Token<'_>) -> Ordering {
    match (a, b) {
        (Token::Number(x), Token::Number(y)) => number(x, y),
        (Token::First(x), Token::First(y))
        | (Token::SuffixNumber(x), Token::SuffixNumber(y))
        | (Token::Revision(x), Token::Revision(y)) => num::compare(x, y),
        (Token::Letter(x), Token::Letter(y)) | (Token::Suffix(x), Token::Suffix(y)) => x.cmp(&y),
        (Token::Hash(x), Token::Hash(y)) => x.cmp(y),
        (x, y) => rank(x).cmp(&rank(y)),
    }
}

/// Numbers after the first are fractions when one of them begins with a zero (as in Gentoo): text order.
fn number(a: &[u8], b: &[u8]) -> Ordering {
    if matches!(a.first(), None | Some(b'0')) || matches!(b.first(), None | Some(b'0')) {
        a.cmp(b)
    } else {
        num::compare(a, b)
    }
}

pub(crate) fn compare(a: &str, b: &str) -> Ordering {
    walk(a, b, false)
}

/// apk's fuzzy match (`~` in a dependency): `version` equals `prefix` as far as `prefix` goes.
#[must_use]
pub fn matches_fuzzy(version: &str, prefix: &str) -> bool {
    walk(version.trim(), prefix.trim(), true).is_eq()
}

fn walk(a: &str, b: &str, fuzzy: bool) -> Ordering {
    let (mut left, mut x) = Reader::first(a, false);
    let (mut right, mut y) = Reader::first(b, false);
    loop {
        if fuzzy && y == Token::End {
            return Ordering::Equal;
        }
        let order = compare_tokens(x, y);
        if order.is_ne() || left.level == Level::Done || right.level == Level::Done {
            return order;
        }
        x = left.next();
        y = right.next();
    }
}

/// Bytes in the order of [`compare`].
pub(crate) fn key(text: &str, out: &mut Vec<u8>) {
    let (mut reader, mut token) = Reader::first(text, false);
    loop {
        out.push(rank(token));
        match token {
            Token::First(digits) | Token::SuffixNumber(digits) | Token::Revision(digits) => num::key(digits, out),
            Token::Number(digits) if matches!(digits.first(), None | Some(b'0')) => {
                out.push(0);
                out.extend_from_slice(digits);
                out.push(0);
            }
            Token::Number(digits) => {
                out.push(1);
                num::key(digits, out);
            }
            Token::Letter(byte) | Token::Suffix(byte) => out.push(byte),
            Token::Hash(hash) => {
                out.extend_from_slice(hash);
                out.push(0);
            }
            Token::Invalid | Token::End => return,
        }
        token = reader.next();
    }
}

/// Whether apk 3 accepts the text as a version.
pub(crate) fn is_valid(text: &str) -> bool {
    let (mut reader, mut token) = Reader::first(text, true);
    while !matches!(token, Token::Invalid | Token::End) {
        token = reader.next();
    }
    token == Token::End
}
