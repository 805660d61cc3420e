//! Regular expressions of Go's syntax, by the same linear-time kind of engine.
//!
//! Both descend from RE2. What differs is translated: Go's `\d`, `\w`, `\s` and `\b` are ASCII (its `\B` stays Unicode, as the
//! engine wants), `\Q..\E` quotes, and inside `[..]` the signs
//! `[`, `&&`, `--` and `~~` stand for themselves; Go's flags and counts are fewer. Source: pkg.go.dev/regexp/syntax.

use std::iter::Peekable;
use std::str::Chars;

use regex::{Regex, RegexBuilder};

/// Longest pattern, in bytes.
const LONGEST: usize = 16 << 10;
/// Sizes of compiled forms, in bytes; the last is the largest that is taken.
const SIZES: [usize; 6] = [1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, LARGEST];
const LARGEST: usize = 1 << 20;
/// Most repetitions that Go counts.
const COUNT: u32 = 1000;

/// Why a pattern is not compiled, without its text.
#[derive(Debug)]
pub(crate) enum Unfit {
    /// It is none.
    Wrong(String),
    /// It may be one, and is too large for us.
    TooLarge(String),
}

/// Compiles a pattern of Go's. Errors: why it is none, or is too large, without its text.
pub(crate) fn compile(pattern: &str) -> Result<Regex, String> {
    match compile_sized(pattern) {
        Ok((regex, _)) => Ok(regex),
        Err(Unfit::Wrong(why) | Unfit::TooLarge(why)) => Err(why),
    }
}

/// The same with the size of the compiled form: the first of [`SIZES`] that it fits into. What a text costs grows with it.
pub(crate) fn compile_sized(pattern: &str) -> Result<(Regex, usize), Unfit> {
    if pattern.len() > LONGEST {
        return Err(Unfit::TooLarge(too_long()));
    }
    let translated = translate(pattern).map_err(Unfit::Wrong)?;
    for size in SIZES {
        let mut builder = RegexBuilder::new(&translated);
        match builder.size_limit(size).dfa_size_limit(LARGEST).nest_limit(100).build() {
            Ok(regex) => return Ok((regex, size)),
            Err(regex::Error::CompiledTooBig(_)) => {}
            Err(other) => {
                let why = other.to_string();
                return Err(Unfit::Wrong(format!("no regular expression: {}", why.lines().last().unwrap_or_default())));
            }
        }
    }
    Err(Unfit::TooLarge("the regular expression is too large".to_owned()))
}

fn too_long() -> String {
    format!("the regular expression is longer than {LONGEST} bytes")
}

/// The pattern in the engine's own syntax.
pub(crate) fn translate(pattern: &str) -> Result<String, String> {
    if pattern.len() > LONGEST {
        return Err(too_long());
    }
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut letters = pattern.chars().peekable();
    let mut class = false;
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some('d') => out.push_str("[0-9]"),
                Some('D') => out.push_str("[^0-9]"),
                Some('w') => out.push_str("[0-9A-Za-z_]"),
                Some('W') => out.push_str("[^0-9A-Za-z_]"),
                Some('s') => out.push_str("[\\t\\n\\x0C\\r ]"),
                Some('S') => out.push_str("[^\\t\\n\\x0C\\r ]"),
                Some('b') if !class => out.push_str("(?-u:\\b)"),
                Some('Q') if !class => {
                    let mut quoted = String::new();
                    while let Some(letter) = letters.next() {
                        if letter == '\\' && letters.next_if_eq(&'E').is_some() {
                            break;
                        }
                        quoted.push(letter);
                    }
                    out.push_str(&regex::escape(&quoted));
                }
                // To the engine these are the ends of words.
                Some(sign @ ('<' | '>')) => out.push(sign),
                Some(other) => {
                    out.extend(['\\', other]);
                    // The braces of `\x{10FFFF}` and `\p{Greek}` count nothing.
                    if matches!(other, 'x' | 'p' | 'P') && letters.next_if_eq(&'{').is_some() {
                        out.push('{');
                    }
                }
                None => return Err("no regular expression: a backslash at the end".to_owned()),
            },
            '[' if !class => {
                class = true;
                out.push('[');
                if letters.next_if_eq(&'^').is_some() {
                    out.push('^');
                }
                // A `]` that stands first is meant as itself.
                if letters.next_if_eq(&']').is_some() {
                    out.push_str("\\]");
                }
            }
            '[' if letters.peek() == Some(&':') => {
                out.push('[');
                for letter in letters.by_ref() {
                    out.push(letter);
                    if letter == ']' {
                        break;
                    }
                }
            }
            ']' if class => {
                class = false;
                out.push(']');
            }
            '[' | '&' | '~' if class => out.extend(['\\', letter]),
            '-' if class && letters.peek() == Some(&'-') => out.push_str("\\-"),
            '(' if !class => {
                out.push('(');
                if letters.next_if_eq(&'?').is_some() {
                    out.push('?');
                    flags(&mut letters, &mut out)?;
                }
            }
            '{' if !class => match counts(letters.clone()) {
                Some(counts) if counts.iter().flatten().all(|count| *count <= COUNT) => out.push('{'),
                Some(_) => return Err("no regular expression: invalid repeat count".to_owned()),
                // Braces that count nothing stand for themselves.
                None => out.push_str("\\{"),
            },
            other => out.push(other),
        }
    }
    Ok(out)
}

/// What stands behind `(?`: a name, or flags. Go knows `i`, `m`, `s` and `U`; the engine knows more, such as `x`, with which spaces say nothing.
fn flags(letters: &mut Peekable<Chars<'_>>, out: &mut String) -> Result<(), String> {
    if matches!(letters.peek(), Some('P' | '<')) {
        return Ok(());
    }
    for letter in letters.by_ref() {
        out.push(letter);
        match letter {
            ')' | ':' => return Ok(()),
            'i' | 'm' | 's' | 'U' | '-' => {}
            _ => break,
        }
    }
    Err("no regular expression: invalid or unsupported Perl syntax".to_owned())
}

/// The counts of `{n}`, `{n,}` or `{n,m}`, of which the brace was read. `None`: it is none of them.
fn counts(mut letters: Peekable<Chars<'_>>) -> Option<[Option<u32>; 2]> {
    let mut number = || {
        let mut found = None;
        while let Some(digit) = letters.peek().and_then(|letter| letter.to_digit(10)) {
            letters.next();
            found = Some(found.unwrap_or(0_u32).saturating_mul(10).saturating_add(digit));
        }
        (found, letters.next())
    };
    match number() {
        (Some(least), Some('}')) => Some([Some(least), None]),
        (Some(least), Some(',')) => match number() {
            (most, Some('}')) => Some([Some(least), most]),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Unfit, compile, compile_sized};

    #[track_caller]
    fn finds(pattern: &str, text: &str, wanted: &str) {
        let regex = compile(pattern).unwrap_or_else(|err| panic!("{pattern}: {err}"));
        assert_eq!(regex.find(text).map(|found| found.as_str()), Some(wanted), "{pattern} in {text}");
    }

    #[track_caller]
    fn refuses(pattern: &str, wanted: &str) {
        match compile(pattern) {
            Ok(_) => panic!("{pattern}: is no error"),
            Err(why) => assert!(why.contains(wanted), "{pattern}: {why}"),
        }
    }

    #[test]
    fn a_pattern_means_what_it_means_to_go() {
        finds("(?i)AB(?-i:c)", "xabc", "abc");
        finds("(?P<n>a)(?<m>b)(?:c)", "abc", "abc");
        finds("a{2}b{1,}c{0,2}", "aabbc", "aabbc");
        // Braces that count nothing stand for themselves.
        finds("a{,2}", "a{,2}", "a{,2}");
        finds("{\"a\"}", "{\"a\"}", "{\"a\"}");
        finds("a{x}", "a{x}", "a{x}");
        finds(r"\x{41}\x{e9}", "A\u{e9}", "A\u{e9}");
        finds(r"\<a\>", "<a>", "<a>");
        finds("[{(?]+", "a{(?", "{(?");
        finds("a{1000}", &"a".repeat(1000), &"a".repeat(1000));
        refuses("a{1001}", "invalid repeat count");
        refuses("a{1,99999999999}", "invalid repeat count");
        // The engine knows more flags than Go.
        refuses("(?x)a b", "unsupported Perl syntax");
        refuses("(?u:a)", "unsupported Perl syntax");
        refuses("(?R)a", "unsupported Perl syntax");
        refuses("(?=a)", "unsupported Perl syntax");
        refuses("(?i", "unsupported Perl syntax");
    }

    #[test]
    fn the_size_of_what_is_compiled_is_known() {
        let size = |pattern: &str| compile_sized(pattern).map(|(_, size)| size).expect("because it is a pattern");
        assert!(size("^[a-z]+$") <= 4 << 10, "{}", size("^[a-z]+$"));
        assert!(size("(a{100}){10}") >= 16 << 10, "{}", size("(a{100}){10}"));
        assert!(matches!(compile_sized("(a{1000}){1000}"), Err(Unfit::TooLarge(_))));
        assert!(matches!(compile_sized(&"a".repeat(20_000)), Err(Unfit::TooLarge(_))));
        assert!(matches!(compile_sized("("), Err(Unfit::Wrong(_))));
    }
}
