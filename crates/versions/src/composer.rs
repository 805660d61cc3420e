//! Composer (Packagist) versions.
//!
//! Source: PHP `version_compare` and composer/semver `VersionParser`. A version is a list of numbers and words, split
//! at `.`, `-`, `_`, `+` and between letters and digits. Composer fills the numbers up with zeros, so zeros at the end
//! of the leading numbers do not count; words have the order dev, alpha, beta, RC, (none), patch.

use std::cmp::Ordering;

use crate::error::Why;
use crate::num;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    /// An unknown word 0, dev 1, alpha 2, beta 3, RC 4.
    Before(u8, &'a [u8]),
    End,
    Patch,
    Number(&'a [u8]),
    /// PHP's `#`, which stands for any number and equals all of them.
    AnyNumber,
}

fn rank(token: Token<'_>) -> u8 {
    match token {
        Token::Before(kind, _) => kind,
        Token::End => 5,
        Token::Patch => 6,
        Token::Number(_) | Token::AnyNumber => 7,
    }
}

/// Bytes in the order of [`compare`]; false, with `out` spoilt, if a `#` stands in the version, which has no one place.
pub(crate) fn key(version: &Version<'_>, out: &mut Vec<u8>) -> bool {
    let mut tokens = Tokens::new(version);
    loop {
        let token = tokens.next();
        out.push(rank(token));
        match token {
            Token::End => return true,
            Token::AnyNumber => return false,
            Token::Number(digits) => num::key(digits, out),
            Token::Before(0, word) => {
                out.extend_from_slice(word);
                out.push(0);
            }
            Token::Before(..) | Token::Patch => {}
        }
    }
}

/// OSV's reading: PHP's `version_compare` of the bare text. Nothing is filled up, words are known by their first
/// letters and with case, unknown words are equal to each other, and a patch is above any further number.
pub(crate) fn compare_php(a: &Version<'_>, b: &Version<'_>) -> Ordering {
    let mut left = Tokens { rest: a.text, leading: false, kept: 0, php: true };
    let mut right = Tokens { rest: b.text, leading: false, kept: 0, php: true };
    let place = |token| match token {
        Token::Patch => 8,
        token => rank(token),
    };
    loop {
        let (x, y) = (left.raw(), right.raw());
        let order = match (x, y) {
            (Token::Number(x), Token::Number(y)) => num::compare(x, y),
            (x, y) => place(x).cmp(&place(y)),
        };
        if order.is_ne() || x == Token::End {
            return order;
        }
    }
}

/// A word as PHP knows it: the first name that it begins with.
fn php_word(word: &[u8]) -> Token<'_> {
    const NAMES: [(&[u8], u8); 8] =
        [(b"dev", 1), (b"a", 2), (b"b", 3), (b"RC", 4), (b"rc", 4), (b"pl", 6), (b"p", 6), (b"#", 7)];
    match NAMES.iter().find(|(name, _)| word.starts_with(name)) {
        Some((_, 6)) => Token::Patch,
        Some((_, kind)) => Token::Before(*kind, b""),
        None => Token::Before(0, b""),
    }
}

/// What `1.x-dev` puts in the place of the `x`.
const BRANCH: &[u8] = b"9999999";

#[derive(Clone, Copy)]
pub(crate) struct Version<'a> {
    text: &'a [u8],
}

pub(crate) fn parse(text: &str) -> Result<Version<'_>, Why> {
    let bytes = text.as_bytes();
    let bytes = match bytes {
        [b'v' | b'V', rest @ ..] if rest.first().is_some_and(u8::is_ascii_digit) => rest,
        _ => bytes,
    };
    match bytes.first() {
        None => Err("it is empty"),
        Some(_) if bytes.iter().any(|byte| byte.is_ascii_control()) => Err("it holds a control character"),
        Some(_) => Ok(Version { text: bytes }),
    }
}

#[derive(Clone, Copy)]
struct Tokens<'a> {
    rest: &'a [u8],
    /// Still in the leading numbers, where zeros at the end do not count.
    leading: bool,
    /// Zeros that turned out to count.
    kept: usize,
    php: bool,
}

impl<'a> Tokens<'a> {
    fn new(version: &Version<'a>) -> Self {
        Self { rest: version.text, leading: true, kept: 0, php: false }
    }

    #[inline]
    fn raw(&mut self) -> Token<'a> {
        loop {
            let skip = self.rest.iter().position(|byte| !is_separator(*byte)).unwrap_or(self.rest.len());
            self.rest = &self.rest[skip..];
            match self.rest.first() {
                None => return Token::End,
                Some(b'#' | b'*') => {
                    self.rest = &self.rest[1..];
                    return Token::AnyNumber;
                }
                Some(byte) if byte.is_ascii_digit() => {
                    let (digits, rest) = self.rest.split_at(num::run(self.rest));
                    self.rest = rest;
                    return Token::Number(digits);
                }
                Some(_) => {
                    let ends = |byte: &u8| is_separator(*byte) || byte.is_ascii_digit() || *byte == b'#';
                    let length = self.rest.iter().position(ends).unwrap_or(self.rest.len());
                    let (word, rest) = self.rest.split_at(length);
                    self.rest = rest;
                    if self.php {
                        return php_word(word);
                    }
                    if let Some(token) = word_token(word) {
                        return token;
                    }
                }
            }
        }
    }

    #[inline]
    fn next(&mut self) -> Token<'a> {
        if self.kept > 0 {
            self.kept -= 1;
            return self.raw();
        }
        let start = *self;
        let token = self.raw();
        match token {
            Token::Number(digits) if self.leading && num::is_zero(digits) => {
                let mut ahead = *self;
                let mut zeros = 0;
                loop {
                    match ahead.raw() {
                        Token::Number(digits) if num::is_zero(digits) => zeros += 1,
                        Token::Number(_) | Token::AnyNumber => break,
                        follower => {
                            ahead.leading = false;
                            *self = ahead;
                            return follower;
                        }
                    }
                }
                *self = start;
                self.raw();
                self.kept = zeros;
            }
            Token::Number(_) | Token::AnyNumber => {}
            _ => self.leading = false,
        }
        token
    }
}

fn is_separator(byte: u8) -> bool {
    matches!(byte, b'.' | b'-' | b'_' | b'+' | b' ')
}

/// None for `stable`, which says nothing.
fn word_token(word: &[u8]) -> Option<Token<'_>> {
    let is = |names: &[&[u8]]| names.iter().any(|name| word.eq_ignore_ascii_case(name));
    Some(if is(&[b"dev"]) {
        Token::Before(1, b"")
    } else if is(&[b"a", b"alpha"]) {
        Token::Before(2, b"")
    } else if is(&[b"b", b"beta"]) {
        Token::Before(3, b"")
    } else if is(&[b"rc", b"c"]) {
        Token::Before(4, b"")
    } else if is(&[b"p", b"pl", b"patch"]) {
        Token::Patch
    } else if is(&[b"x"]) {
        Token::Number(BRANCH)
    } else if is(&[b"stable"]) {
        return None;
    } else {
        Token::Before(0, word)
    })
}

pub(crate) fn compare(a: &Version<'_>, b: &Version<'_>) -> Ordering {
    let (mut left, mut right) = (Tokens::new(a), Tokens::new(b));
    loop {
        let (x, y) = (left.next(), right.next());
        let order = match (x, y) {
            (Token::Number(x), Token::Number(y)) => num::compare(x, y),
            (Token::Before(0, x), Token::Before(0, y)) => x.cmp(y),
            (x, y) => rank(x).cmp(&rank(y)),
        };
        if order.is_ne() || x == Token::End {
            return order;
        }
    }
}
