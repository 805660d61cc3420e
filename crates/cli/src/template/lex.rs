//! Text into pieces: what is printed as it stands, and actions as tokens.

use super::value::Number;

/// A part of a template.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Piece {
    Text(String),
    /// The tokens between `{{` and `}}`, and the line that they begin on.
    Action(Vec<Token>, usize),
}

/// A token. `spaced` tells `.a .b`, two operands, from `.a.b`, one.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) spaced: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    Dot,
    /// `.name`
    Field(String),
    /// `$name`; `$` alone is the empty name.
    Variable(String),
    Word(String),
    Text(String),
    Number(Number),
    Pipe,
    Open,
    Close,
    Comma,
    /// `:=`
    Declare,
    /// `=`
    Assign,
}

type Wrong = (usize, String);

/// Splits a template. Errors carry the line.
pub(super) fn pieces(text: &str) -> Result<Vec<Piece>, Wrong> {
    let mut pieces = Vec::new();
    let mut rest = text;
    let mut line = 1;
    let mut trim_next = false;
    loop {
        let (before, after) = match rest.split_once("{{") {
            Some((before, after)) => (before, Some(after)),
            None => (rest, None),
        };
        let mut plain = if trim_next { before.trim_start_matches(SPACE) } else { before };
        line += before.matches('\n').count();
        let Some(after) = after else {
            push_text(&mut pieces, plain);
            return Ok(pieces);
        };
        let mut inside = after;
        // `{{- ` trims; `{{-3}}` is a number.
        if let Some(trimmed) = after.strip_prefix('-').filter(|rest| rest.starts_with(SPACE)) {
            plain = plain.trim_end_matches(SPACE);
            inside = trimmed;
        }
        push_text(&mut pieces, plain);
        let begin = line;
        let candidate = inside.trim_start_matches(SPACE);
        if let Some(comment) = candidate.strip_prefix("/*") {
            let Some((comment, end)) = comment.split_once("*/") else {
                return Err((begin, "a comment has no end".to_owned()));
            };
            let lead = inside.get(..inside.len() - candidate.len()).unwrap_or_default();
            line += lead.matches('\n').count() + comment.matches('\n').count();
            let tail = end.trim_start_matches(SPACE);
            let spaced = tail.len() < end.len();
            line += end.get(..end.len() - tail.len()).unwrap_or_default().matches('\n').count();
            if let Some(after) = tail.strip_prefix("-}}").filter(|_| spaced) {
                (rest, trim_next) = (after, true);
            } else if let Some(after) = tail.strip_prefix("}}") {
                (rest, trim_next) = (after, false);
            } else {
                return Err((begin, "a comment must fill its action".to_owned()));
            }
            continue;
        }
        let (tokens, after, trims) = action(inside, &mut line)?;
        pieces.push(Piece::Action(tokens, begin));
        (rest, trim_next) = (after, trims);
    }
}

const SPACE: [char; 4] = [' ', '\t', '\r', '\n'];

fn push_text(pieces: &mut Vec<Piece>, text: &str) {
    if !text.is_empty() {
        pieces.push(Piece::Text(text.to_owned()));
    }
}

/// The tokens up to `}}`, what follows it, and whether it trims.
fn action<'t>(text: &'t str, line: &mut usize) -> Result<(Vec<Token>, &'t str, bool), Wrong> {
    let mut tokens = Vec::new();
    let mut rest = text;
    loop {
        let trimmed = rest.trim_start_matches(SPACE);
        let skipped = rest.get(..rest.len() - trimmed.len()).unwrap_or_default();
        *line += skipped.matches('\n').count();
        let spaced = !skipped.is_empty();
        rest = trimmed;
        if let Some(after) = rest.strip_prefix("}}") {
            return Ok((tokens, after, false));
        }
        if let Some(after) = rest.strip_prefix("-}}").filter(|_| spaced) {
            return Ok((tokens, after, true));
        }
        let Some(first) = rest.chars().next() else {
            return Err((*line, "an action has no `}}`".to_owned()));
        };
        let tail = rest.get(first.len_utf8()..).unwrap_or_default();
        let (kind, after) = match first {
            '|' => (Kind::Pipe, tail),
            '(' => (Kind::Open, tail),
            ')' => (Kind::Close, tail),
            ',' => (Kind::Comma, tail),
            ':' => match tail.strip_prefix('=') {
                Some(after) => (Kind::Declare, after),
                None => return Err((*line, "`:` means nothing here".to_owned())),
            },
            '=' => (Kind::Assign, tail),
            '"' => quoted(tail, *line)?,
            '`' => match tail.split_once('`') {
                Some((raw, after)) => {
                    *line += raw.matches('\n').count();
                    (Kind::Text(raw.to_owned()), after)
                }
                None => return Err((*line, "a raw string has no end".to_owned())),
            },
            '\'' => {
                let (kind, after) = until(tail, '\'', *line)?;
                let mut chars = kind.chars();
                match (chars.next(), chars.next()) {
                    (Some(c), None) => (Kind::Number(Number::Int(i64::from(u32::from(c)))), after),
                    _ => return Err((*line, "a character constant holds one character".to_owned())),
                }
            }
            '$' => {
                let (name, after) = word(tail);
                (Kind::Variable(name.to_owned()), after)
            }
            '.' if tail.starts_with(|c: char| c.is_ascii_digit()) => number(rest, *line)?,
            '.' => match word(tail) {
                ("", after) => (Kind::Dot, after),
                (name, after) => (Kind::Field(name.to_owned()), after),
            },
            c if c.is_ascii_digit() || matches!(c, '-' | '+') => number(rest, *line)?,
            c if c.is_alphabetic() || c == '_' => {
                let (name, after) = word(rest);
                (Kind::Word(name.to_owned()), after)
            }
            c => return Err((*line, format!("`{}` means nothing here", c.escape_debug()))),
        };
        tokens.push(Token { kind, spaced });
        rest = after;
    }
}

fn word(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    text.split_at(end)
}

fn number(text: &str, line: usize) -> Result<(Kind, &str), Wrong> {
    let mut end = 0;
    let mut before = ' ';
    for c in text.chars() {
        let sign = matches!(c, '+' | '-') && (end == 0 || matches!(before, 'e' | 'E'));
        if !(c.is_ascii_alphanumeric() || c == '.' || c == '_' || sign) {
            break;
        }
        before = c;
        end += c.len_utf8();
    }
    let (number, after) = text.split_at(end);
    let plain = number.replace('_', "");
    let whole = match plain.strip_prefix("0x") {
        Some(hex) => i64::from_str_radix(hex, 16).ok(),
        None => plain.parse().ok(),
    };
    let number = match (whole, plain.parse::<f64>()) {
        (Some(whole), _) => Number::Int(whole),
        (None, Ok(float)) if float.is_finite() => Number::Float(float),
        _ => return Err((line, format!("`{number}` is no number"))),
    };
    Ok((Kind::Number(number), after))
}

fn quoted(text: &str, line: usize) -> Result<(Kind, &str), Wrong> {
    let (string, after) = until(text, '"', line)?;
    Ok((Kind::Text(string), after))
}

/// Go's escapes up to the closing mark.
fn until(text: &str, mark: char, line: usize) -> Result<(String, &str), Wrong> {
    let mut out = String::new();
    let mut chars = text.char_indices();
    let no_end = || (line, "a string has no end".to_owned());
    while let Some((at, c)) = chars.next() {
        match c {
            c if c == mark => return Ok((out, text.get(at + c.len_utf8()..).unwrap_or_default())),
            '\n' => return Err(no_end()),
            '\\' => {
                let (_, escape) = chars.next().ok_or_else(no_end)?;
                let digits = |count: usize, chars: &mut std::str::CharIndices<'_>| -> Option<char> {
                    let digits: String = chars.by_ref().take(count).map(|(_, c)| c).collect();
                    char::from_u32(u32::from_str_radix(&digits, 16).ok()?)
                };
                let c = match escape {
                    'n' => Some('\n'),
                    't' => Some('\t'),
                    'r' => Some('\r'),
                    'a' => Some('\u{7}'),
                    'b' => Some('\u{8}'),
                    'f' => Some('\u{c}'),
                    'v' => Some('\u{b}'),
                    '\\' | '"' | '\'' => Some(escape),
                    'x' => digits(2, &mut chars),
                    'u' => digits(4, &mut chars),
                    'U' => digits(8, &mut chars),
                    _ => None,
                };
                out.push(c.ok_or_else(|| (line, format!("`\\{}` is no escape", escape.escape_debug())))?);
            }
            c => out.push(c),
        }
    }
    Err(no_end())
}
