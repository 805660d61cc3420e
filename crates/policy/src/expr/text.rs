//! String and bytes literals: quotes, triple quotes, raw strings, escapes.

use super::lexer::Token;
use super::{Diagnostic, Span};

/// The literal that begins at `at`, with the place behind it; `None` if none begins there.
pub(super) fn string_literal(source: &str, at: usize) -> Option<Result<(Token, usize), Diagnostic>> {
    let rest = source.get(at..)?;
    let prefix = rest.bytes().take(2).take_while(|byte| matches!(byte, b'r' | b'R' | b'b' | b'B')).count();
    let letters = rest.get(..prefix)?.to_ascii_lowercase();
    let quoted = rest.get(prefix..)?;
    let quote = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quote| quoted.starts_with(quote))?;
    if letters == "rr" || letters == "bb" {
        return None;
    }
    Some(read(source, at, at + prefix + quote.len(), quote, letters.contains('r'), letters.contains('b')))
}

fn read(
    source: &str,
    start: usize,
    content: usize,
    quote: &str,
    raw: bool,
    bytes: bool,
) -> Result<(Token, usize), Diagnostic> {
    let mut out: Vec<u8> = Vec::new();
    let mut at = content;
    loop {
        let rest = source.get(at..).unwrap_or_default();
        if rest.starts_with(quote) {
            let end = at + quote.len();
            if bytes {
                return Ok((Token::Bytes(out), end));
            }
            // Escapes of strings only make whole characters, so this cannot fail; if it did, it would be our error, not a panic.
            let text = String::from_utf8(out)
                .map_err(|_| Diagnostic::new("the string is not UTF-8", Span::new(start, end)))?;
            return Ok((Token::String(text), end));
        }
        let Some(letter) = rest.chars().next().filter(|letter| quote.len() == 3 || *letter != '\n') else {
            let problem = Diagnostic::new("the string has no end", Span::new(start, at));
            return Err(problem.hint(format!("close it with `{quote}`")));
        };
        if letter == '\\' && !raw {
            at += escape(source, at, bytes, &mut out)?;
        } else {
            out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
            at += letter.len_utf8();
        }
    }
}

/// Reads the escape at `at` and tells its length.
fn escape(source: &str, at: usize, bytes: bool, out: &mut Vec<u8>) -> Result<usize, Diagnostic> {
    let bad = |length: usize, why: &str| {
        let mut end = at + length;
        while !source.is_char_boundary(end.min(source.len())) {
            end += 1;
        }
        let problem = Diagnostic::new(why.to_owned(), Span::new(at, end.min(source.len())));
        Err(problem.hint("a backslash itself is written `\\\\`, or use a raw string: `r\"...\"`"))
    };
    let Some(letter) = source.get(at + 1..).and_then(|rest| rest.chars().next()) else {
        return bad(1, "the string ends in a backslash");
    };
    let plain = match letter {
        '\\' | '"' | '\'' | '`' | '?' => Some(letter as u8),
        'a' => Some(7),
        'b' => Some(8),
        'f' => Some(12),
        'n' => Some(b'\n'),
        'r' => Some(b'\r'),
        't' => Some(b'\t'),
        'v' => Some(11),
        _ => None,
    };
    if let Some(byte) = plain {
        out.push(byte);
        return Ok(2);
    }
    let (skip, digits, radix) = match letter {
        'x' | 'X' => (2, 2, 16),
        'u' if !bytes => (2, 4, 16),
        'U' if !bytes => (2, 8, 16),
        '0'..='3' => (1, 3, 8),
        _ => return bad(1 + letter.len_utf8(), &format!("`\\{letter}` is no escape")),
    };
    let code = source
        .get(at + skip..at + skip + digits)
        .filter(|text| text.chars().all(|digit| digit.is_digit(radix)))
        .and_then(|text| u32::from_str_radix(text, radix).ok());
    let Some(code) = code else { return bad(2, &format!("`\\{letter}` needs {digits} digits")) };
    if bytes {
        match u8::try_from(code) {
            Ok(byte) => out.push(byte),
            Err(_) => return bad(skip + digits, "the escape is no byte"),
        }
    } else {
        let Some(letter) = char::from_u32(code) else { return bad(skip + digits, "the escape is no character") };
        out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
    }
    Ok(skip + digits)
}
