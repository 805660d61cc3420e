//! Words and signs of Starlark. Source: github.com/bazelbuild/starlark:spec.md, "Lexical elements".

/// One word or sign.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Name(String),
    Text(String),
    Number,
    Sign(char),
    /// `+=`, `==`, `->`, `**` and the like.
    Pair([char; 2]),
    End,
}

/// Splits a text. Lines end a statement only outside of brackets.
pub(super) fn tokens(text: &str) -> (Vec<(Token, u32)>, Option<String>) {
    let mut tokens = Vec::new();
    let mut rest = text;
    let (mut line, mut open) = (1u32, 0u32);
    while let Some(c) = rest.chars().next() {
        let next = rest.chars().nth(1).unwrap_or(' ');
        let until = |stop: fn(char) -> bool| rest.find(stop).unwrap_or(rest.len());
        let length = match c {
            '\n' => {
                if open == 0 {
                    tokens.push((Token::End, line));
                }
                1
            }
            '\\' if next == '\n' => 2,
            c if c.is_whitespace() => c.len_utf8(),
            '#' => until(|c| c == '\n'),
            '"' | '\'' | 'r' | 'b' if matches!(c, '"' | '\'') || matches!(next, '"' | '\'') => {
                let prefix = usize::from(matches!(c, 'r' | 'b'));
                let Some((value, length)) = string(rest.get(prefix..).unwrap_or_default(), c == 'r') else {
                    return (tokens, Some(format!("line {line}: a text has no end")));
                };
                tokens.push((Token::Text(value), line));
                prefix + length
            }
            c if c.is_alphabetic() || c == '_' => {
                let length = until(|c| !c.is_alphanumeric() && c != '_');
                tokens.push((Token::Name(rest.get(..length).unwrap_or_default().to_owned()), line));
                length
            }
            c if c.is_ascii_digit() => {
                tokens.push((Token::Number, line));
                until(|c| !c.is_alphanumeric() && c != '.')
            }
            '+' | '-' | '*' | '/' | '%' | '=' | '!' | '<' | '>' | '|' | '&'
                if next == '=' || (matches!(c, '*' | '/') && next == c) =>
            {
                tokens.push((Token::Pair([c, next]), line));
                2
            }
            c => {
                open = match c {
                    '(' | '[' | '{' => open.saturating_add(1),
                    ')' | ']' | '}' => open.saturating_sub(1),
                    _ => open,
                };
                tokens.push((if c == ';' { Token::End } else { Token::Sign(c) }, line));
                c.len_utf8()
            }
        };
        let lines = rest.get(..length).unwrap_or_default().matches('\n').count();
        line = line.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX));
        rest = rest.get(length..).unwrap_or_default();
    }
    tokens.push((Token::End, line));
    (tokens, None)
}

/// A text from its quote on, and how long it was written. `raw`: backslashes stand for themselves.
fn string(text: &str, raw: bool) -> Option<(String, usize)> {
    let quote = text.get(..1)?;
    let long = quote.repeat(3);
    let mark = if text.starts_with(&long) { long.as_str() } else { quote };
    let mut out = String::new();
    let mut at = mark.len();
    loop {
        let rest = text.get(at..)?;
        if rest.starts_with(mark) {
            return Some((out, at + mark.len()));
        }
        let c = rest.chars().next()?;
        at += c.len_utf8();
        match c {
            '\\' => {
                let next = text.get(at..)?.chars().next()?;
                at += next.len_utf8();
                match next {
                    _ if raw => out.extend(['\\', next]),
                    'n' => out.push('\n'),
                    't' => out.push('\t'),
                    'r' => out.push('\r'),
                    '\n' => {}
                    '\\' | '"' | '\'' => out.push(next),
                    other => out.extend(['\\', other]),
                }
            }
            '\n' if mark.len() == 1 => return None,
            c => out.push(c),
        }
    }
}
