//! Text to tokens. Source: cel-spec `doc/langdef.md`, "Syntax".

use super::text;
use super::{Diagnostic, Span};

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Ident(String),
    /// The magnitude; a sign is an operator.
    Int(u64),
    Uint(u64),
    Double(f64),
    String(String),
    Bytes(Vec<u8>),
    /// An operator or bracket.
    Sign(&'static str),
    End,
}

/// Longest first.
const SIGNS: [&str; 23] = [
    "||", "&&", "<=", ">=", "==", "!=", "<", ">", "!", "+", "-", "*", "/", "%", "?", ":", ".", ",", "(", ")", "[", "]",
    "{",
];

/// All tokens with their places; the last one is [`Token::End`].
pub(super) fn tokens(source: &str) -> Result<Vec<(Token, Span)>, Diagnostic> {
    let mut lexer = Lexer { source, at: 0 };
    let mut found = Vec::new();
    loop {
        lexer.skip_blank();
        let start = lexer.at;
        let token = lexer.token()?;
        let done = token == Token::End;
        found.push((token, Span::new(start, lexer.at)));
        if done {
            return Ok(found);
        }
    }
}

struct Lexer<'s> {
    source: &'s str,
    at: usize,
}

impl<'s> Lexer<'s> {
    fn rest(&self) -> &'s str {
        self.source.get(self.at..).unwrap_or_default()
    }

    fn skip_blank(&mut self) {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start_matches([' ', '\t', '\n', '\r', '\u{c}']);
            self.at += rest.len() - trimmed.len();
            if !trimmed.starts_with("//") {
                return;
            }
            self.at += trimmed.find('\n').unwrap_or(trimmed.len());
        }
    }

    fn token(&mut self) -> Result<Token, Diagnostic> {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return Ok(Token::End) };
        if let Some(string) = text::string_literal(self.source, self.at) {
            let (token, end) = string?;
            self.at = end;
            return Ok(token);
        }
        if first.is_ascii_alphabetic() || first == '_' {
            let end = rest.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').unwrap_or(rest.len());
            self.at += end;
            return Ok(Token::Ident(rest.get(..end).unwrap_or_default().to_owned()));
        }
        let mut letters = rest.chars();
        let fraction = letters.next() == Some('.') && letters.next().is_some_and(|letter| letter.is_ascii_digit());
        if first.is_ascii_digit() || fraction {
            return self.number();
        }
        for sign in SIGNS.into_iter().chain(["}"]) {
            if rest.starts_with(sign) {
                self.at += sign.len();
                return Ok(Token::Sign(sign));
            }
        }
        let span = Span::new(self.at, self.at + first.len_utf8());
        let problem = Diagnostic::new(format!("`{first}` has no meaning here"), span);
        Err(match first {
            '=' => problem.hint("equality is written `==`"),
            '&' => problem.hint("\"and\" is written `&&`"),
            '|' => problem.hint("\"or\" is written `||`"),
            '“' | '”' | '‘' | '’' | '„' => problem.hint("write straight quotes: `\"` or `'`"),
            '≥' => problem.hint("write `>=`"),
            '≤' => problem.hint("write `<=`"),
            _ => problem,
        })
    }

    fn number(&mut self) -> Result<Token, Diagnostic> {
        let start = self.at;
        let rest = self.rest();
        let (token, length) = match rest.strip_prefix("0x").or_else(|| rest.strip_prefix("0X")) {
            Some(hex) => {
                let digits = hex.bytes().take_while(u8::is_ascii_hexdigit).count();
                let value = u64::from_str_radix(hex.get(..digits).unwrap_or_default(), 16).ok();
                (value.map(Token::Int), digits + 2)
            }
            None => {
                let digits = |from: usize| rest.bytes().skip(from).take_while(u8::is_ascii_digit).count();
                let byte = |at: usize| rest.as_bytes().get(at).copied();
                let whole = digits(0);
                let mut end = whole;
                if byte(end) == Some(b'.') && byte(end + 1).is_some_and(|next| next.is_ascii_digit()) {
                    end += 1 + digits(end + 1);
                }
                if matches!(byte(end), Some(b'e' | b'E')) {
                    let sign = usize::from(matches!(byte(end + 1), Some(b'+' | b'-')));
                    let exponent = digits(end + 1 + sign);
                    if exponent > 0 {
                        end += 1 + sign + exponent;
                    }
                }
                let text = rest.get(..end).unwrap_or_default();
                let token = if end == whole {
                    text.parse().ok().map(Token::Int)
                } else {
                    text.parse().ok().filter(|value: &f64| value.is_finite()).map(Token::Double)
                };
                (token, end)
            }
        };
        self.at += length;
        let Some(mut token) = token else {
            return Err(Diagnostic::new("the number is out of range", Span::new(start, self.at)));
        };
        if let (Token::Int(value), Some(b'u' | b'U')) = (&token, self.rest().as_bytes().first()) {
            self.at += 1;
            token = Token::Uint(*value);
        }
        let tail =
            self.rest().find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(self.rest().len());
        if tail > 0 {
            let written = self.source.get(start..self.at + tail).unwrap_or_default();
            let problem = Diagnostic::new(format!("`{written}` is no number"), Span::new(start, self.at + tail));
            return Err(match crate::parse_duration(written) {
                Some(_) => problem.hint(format!("a duration is written `duration(\"{written}\")`")),
                None => problem,
            });
        }
        Ok(token)
    }
}
