//! Regular expressions of Go's syntax, by the same linear-time kind of engine.
//!
//! Both descend from RE2. What differs is translated: Go's `\d`, `\w`, `\s` and `\b` are ASCII (its `\B` stays Unicode, as the
//! engine wants), `\Q..\E` quotes, and inside `[..]` the signs
//! `[`, `&&`, `--` and `~~` stand for themselves. Source: pkg.go.dev/regexp/syntax.

use regex::{Regex, RegexBuilder};

/// Longest pattern, in bytes.
const LONGEST: usize = 16 << 10;
/// Largest compiled form, in bytes.
const LARGEST: usize = 1 << 20;

/// Compiles a pattern of Go's. Errors: why it is none, or is too large, without its text.
pub(crate) fn compile(pattern: &str) -> Result<Regex, String> {
    let translated = translate(pattern)?;
    RegexBuilder::new(&translated).size_limit(LARGEST).dfa_size_limit(LARGEST).nest_limit(100).build().map_err(|err| {
        match err {
            regex::Error::CompiledTooBig(_) => "the regular expression is too large".to_owned(),
            other => format!("no regular expression: {}", other.to_string().lines().last().unwrap_or_default()),
        }
    })
}

/// The pattern in the engine's own syntax.
pub(crate) fn translate(pattern: &str) -> Result<String, String> {
    if pattern.len() > LONGEST {
        return Err(format!("the regular expression is longer than {LONGEST} bytes"));
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
                Some(other) => out.extend(['\\', other]),
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
            other => out.push(other),
        }
    }
    Ok(out)
}
