//! Maven versions.
//!
//! Source: Maven POM reference, "Version Order Specification"; maven-artifact `ComparableVersion` (MNG-7644: zeros
//! before a qualifier do not count). A version is a list of tokens, each behind a dot or a hyphen; a change between
//! letters and digits counts as a hyphen. Null tokens (`0`, ``, `ga`, `final`, `release`) are trimmed from the end and
//! from before every hyphen or qualifier. Because of that trimming the tokens compare like letters of a word.

use std::cmp::Ordering;

use crate::num;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    /// alpha 1, beta 2, milestone 3, rc 4, snapshot 5.
    Before(u8),
    End,
    /// A null qualifier that a further number keeps alive.
    Release,
    ServicePack,
    Qualifier(&'a [u8]),
    Dashed(&'a [u8]),
    Dotted(&'a [u8]),
}

fn rank(token: Token<'_>) -> u8 {
    match token {
        Token::Before(kind) => kind,
        Token::End => 6,
        Token::Release => 7,
        Token::ServicePack => 8,
        Token::Qualifier(_) => 9,
        Token::Dashed(_) => 10,
        Token::Dotted(_) => 11,
    }
}

fn is_null(token: Token<'_>) -> bool {
    match token {
        Token::Release => true,
        Token::Dashed(digits) | Token::Dotted(digits) => num::is_zero(digits),
        _ => false,
    }
}

#[derive(Clone, Copy)]
struct Tokens<'a> {
    text: &'a [u8],
    at: usize,
    /// Nulls up to here are known to stay.
    kept: usize,
    started: bool,
    /// The order before MNG-7644: a qualifier behind a dot leaves zeros before it alone.
    old: bool,
}

impl<'a> Tokens<'a> {
    fn new(text: &'a str, old: bool) -> Self {
        Self { text: text.as_bytes(), at: 0, kept: 0, started: false, old }
    }

    /// The next token before trimming, and whether a hyphen (real or implied) stands before it.
    #[inline]
    fn raw(&mut self) -> (Token<'a>, bool) {
        let mut dashed = false;
        if self.started {
            match self.text.get(self.at) {
                None => return (Token::End, false),
                Some(b'.') => self.at += 1,
                Some(b'-') => {
                    dashed = true;
                    self.at += 1;
                }
                Some(_) => dashed = true,
            }
        } else if self.text.is_empty() {
            return (Token::End, false);
        }
        self.started = true;
        let rest = self.text.get(self.at..).unwrap_or_default();
        let digits = num::run(rest);
        let word = match rest.first() {
            Some(byte) if digits == 0 && !matches!(byte, b'.' | b'-') => {
                rest.iter().position(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-')).unwrap_or(rest.len())
            }
            _ => 0,
        };
        if word > 0 {
            self.at += word;
            let number_follows = rest.get(word).is_some_and(u8::is_ascii_digit);
            return (qualifier(&rest[..word], number_follows), dashed);
        }
        self.at += digits;
        let number = &rest[..digits];
        (if dashed { Token::Dashed(number) } else { Token::Dotted(number) }, dashed)
    }

    /// The next token after trimming.
    #[inline]
    fn next(&mut self) -> (Token<'a>, bool) {
        loop {
            let (token, behind_hyphen) = self.raw();
            if self.at <= self.kept || !is_null(token) {
                return (token, behind_hyphen);
            }
            // A null stays only if a number behind a dot, itself not null, follows the run of nulls.
            let mut ahead = *self;
            loop {
                let before = ahead;
                let (follower, dashed) = ahead.raw();
                if !dashed && is_null(follower) {
                    continue;
                }
                if matches!(follower, Token::Dotted(_)) || self.old && !dashed && follower != Token::End {
                    self.kept = ahead.at;
                    return (token, behind_hyphen);
                }
                *self = before;
                break;
            }
        }
    }
}

fn qualifier(word: &[u8], number_follows: bool) -> Token<'_> {
    // Known words are short; the table is only asked about those.
    if word.len() > 9 {
        return Token::Qualifier(word);
    }
    let is = |name: &[u8]| word.eq_ignore_ascii_case(name);
    match word[0].to_ascii_lowercase() {
        b'a' if is(b"alpha") || number_follows && word.len() == 1 => Token::Before(1),
        b'b' if is(b"beta") || number_follows && word.len() == 1 => Token::Before(2),
        b'm' if is(b"milestone") || number_follows && word.len() == 1 => Token::Before(3),
        b'r' if is(b"rc") => Token::Before(4),
        b'c' if is(b"cr") => Token::Before(4),
        b's' if is(b"snapshot") => Token::Before(5),
        b'g' if is(b"ga") => Token::Release,
        b'f' if is(b"final") => Token::Release,
        b'r' if is(b"release") => Token::Release,
        b's' if is(b"sp") => Token::ServicePack,
        _ => Token::Qualifier(word),
    }
}

pub(crate) fn compare(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (Tokens::new(a, false), Tokens::new(b, false));
    loop {
        let ((x, _), (y, _)) = (left.next(), right.next());
        let order = match (x, y) {
            (Token::Dashed(x), Token::Dashed(y)) | (Token::Dotted(x), Token::Dotted(y)) => num::compare(x, y),
            (Token::Qualifier(x), Token::Qualifier(y)) => {
                x.iter().map(u8::to_ascii_lowercase).cmp(y.iter().map(u8::to_ascii_lowercase))
            }
            (x, y) => rank(x).cmp(&rank(y)),
        };
        if order.is_ne() || x == Token::End {
            return order;
        }
    }
}

/// The order of the specification before MNG-7644, which OSV follows.
///
/// Of different tokens `.qualifier` < `-qualifier` < `-number` < `.number`; a shorter version goes on with the null
/// that fits the other's separator. It is symmetric but not transitive: `1-sp` < `1.0.alpha` < `1` < `1-sp`.
pub(crate) fn compare_old(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (Tokens::new(a, true), Tokens::new(b, true));
    loop {
        let (mut x, mut y) = (left.next(), right.next());
        if x.0 == Token::End && y.0 == Token::End {
            return Ordering::Equal;
        }
        if x.0 == Token::End {
            x = null_beside(y);
        }
        if y.0 == Token::End {
            y = null_beside(x);
        }
        let class = |(token, dashed): (Token<'_>, bool)| match (token, dashed) {
            (Token::Dashed(_) | Token::Dotted(_), true) => 2,
            (Token::Dashed(_) | Token::Dotted(_), false) => 3,
            (_, true) => 1,
            (_, false) => 0,
        };
        let order = match (x.0, y.0) {
            _ if x.1 != y.1 => class(x).cmp(&class(y)),
            (Token::Dashed(x), Token::Dashed(y)) | (Token::Dotted(x), Token::Dotted(y)) => num::compare(x, y),
            (Token::Qualifier(x), Token::Qualifier(y)) => {
                x.iter().map(u8::to_ascii_lowercase).cmp(y.iter().map(u8::to_ascii_lowercase))
            }
            (x, y) => rank(x).cmp(&rank(y)),
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// What a version that has ended puts against one that goes on with this token.
fn null_beside((token, dashed): (Token<'_>, bool)) -> (Token<'static>, bool) {
    let null = match token {
        Token::Dashed(_) => Token::Dashed(b""),
        Token::Dotted(_) => Token::Dotted(b""),
        _ => Token::Release,
    };
    (null, dashed)
}

/// Bytes in the order of [`compare`].
pub(crate) fn key(text: &str, out: &mut Vec<u8>) {
    let mut tokens = Tokens::new(text, false);
    loop {
        let (token, _) = tokens.next();
        out.push(rank(token));
        match token {
            Token::End => return,
            Token::Qualifier(word) => {
                out.extend(word.iter().map(u8::to_ascii_lowercase));
                out.push(0);
            }
            Token::Dashed(digits) | Token::Dotted(digits) => num::key(digits, out),
            Token::Before(_) | Token::Release | Token::ServicePack => {}
        }
    }
}

/// The version without the `.jre11` or `.jdk17` at its end, which names a build of the same source.
///
/// Grype's reading; Maven itself sorts such a version after the bare one.
#[must_use]
pub fn strip_java_suffix(version: &str) -> &str {
    let digits = version.bytes().rev().take_while(u8::is_ascii_digit).count();
    let word = &version[..version.len() - digits];
    if digits == 0 {
        return version;
    }
    word.strip_suffix(".jre").or_else(|| word.strip_suffix(".jdk")).unwrap_or(version)
}
