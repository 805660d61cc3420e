//! Text into words. Source: cel-spec:doc/langdef.md, "Syntax".

use super::CompileError;

/// Longest expression, in bytes. The API server's own limit is of this order.
pub(crate) const LONGEST: usize = 128 << 10;

/// One word.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Word {
    Ident(String),
    /// A name between backticks: only a field.
    Quoted(String),
    Int(u64),
    Uint(u64),
    Double(f64),
    String(String),
    Bytes(Vec<u8>),
    Sign(&'static str),
    End,
}

/// A word with its place, in bytes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Token {
    pub(crate) word: Word,
    pub(crate) at: usize,
}

/// Longer ones first.
const SIGNS: [&str; 26] = [
    "==", "!=", "<=", ">=", "&&", "||", "[?", ".?", "{?", "(", ")", "[", "]", "{", "}", ".", ",", ":", "?", "+", "-",
    "*", "/", "%", "<", ">",
];

/// Splits an expression into words; the last one is [`Word::End`].
pub(crate) fn words(text: &str) -> Result<Vec<Token>, CompileError> {
    if text.len() > LONGEST {
        return Err(CompileError::at(text, 0, format!("the expression is longer than {LONGEST} bytes")));
    }
    let mut lexer = Lexer { text, at: 0 };
    let mut tokens = Vec::new();
    loop {
        lexer.skip();
        let at = lexer.at;
        let word = lexer.word()?;
        let end = word == Word::End;
        tokens.push(Token { word, at });
        if end {
            return Ok(tokens);
        }
    }
}

struct Lexer<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Lexer<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn wrong(&self, at: usize, message: impl Into<String>) -> CompileError {
        CompileError::at(self.text, at, message)
    }

    fn skip(&mut self) {
        loop {
            let rest = self.rest();
            let bare = rest.trim_start_matches([' ', '\t', '\n', '\r', '\u{c}']);
            self.at += rest.len() - bare.len();
            if !bare.starts_with("//") {
                return;
            }
            self.at += bare.find('\n').unwrap_or(bare.len());
        }
    }

    fn word(&mut self) -> Result<Word, CompileError> {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return Ok(Word::End) };
        if let Some((raw, bytes, prefix)) = string_prefix(rest) {
            return self.string(raw, bytes, prefix);
        }
        if first.is_ascii_alphabetic() || first == '_' {
            let length =
                rest.find(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_')).unwrap_or(rest.len());
            self.at += length;
            return Ok(Word::Ident(rest.get(..length).unwrap_or_default().to_owned()));
        }
        let digit_behind = rest.as_bytes().get(1).is_some_and(u8::is_ascii_digit);
        if first.is_ascii_digit() || (first == '.' && digit_behind) {
            return self.number();
        }
        if first == '`' {
            let inner = rest.get(1..).unwrap_or_default();
            let Some(end) = inner.find('`') else { return Err(self.wrong(self.at, "a backtick that is never closed")) };
            let name = inner.get(..end).unwrap_or_default();
            let fits = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.' | '-' | '/' | ' ');
            if name.is_empty() || !name.chars().all(fits) {
                return Err(
                    self.wrong(self.at, "between backticks stand letters, digits, `_`, `.`, `-`, `/` and spaces")
                );
            }
            self.at += end + 2;
            return Ok(Word::Quoted(name.to_owned()));
        }
        if first == '!' && !rest.starts_with("!=") {
            self.at += 1;
            return Ok(Word::Sign("!"));
        }
        match SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            // `a ?.1 : b` has no meaning, and `a.?b` is one sign; a conditional before `.5` is not.
            Some(sign) => {
                self.at += sign.len();
                Ok(Word::Sign(sign))
            }
            None => Err(self.wrong(self.at, format!("token recognition error at: '{first}'"))),
        }
    }

    fn number(&mut self) -> Result<Word, CompileError> {
        let start = self.at;
        let rest = self.rest();
        let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        if let Some(hex) = rest.strip_prefix("0x").or_else(|| rest.strip_prefix("0X")) {
            let length = hex.bytes().take_while(u8::is_ascii_hexdigit).count();
            let value = u64::from_str_radix(hex.get(..length).unwrap_or_default(), 16);
            self.at += 2 + length;
            let value = value.map_err(|_| self.wrong(start, "invalid int literal"))?;
            return self.integer(start, value);
        }
        let whole = digits(rest);
        let mut length = whole;
        let mut double = false;
        let after = rest.get(length..).unwrap_or_default();
        if let Some(fraction) = after.strip_prefix('.').map(digits).filter(|count| *count > 0) {
            double = true;
            length += 1 + fraction;
        }
        let after = rest.get(length..).unwrap_or_default();
        if let Some(power) = after.strip_prefix(['e', 'E']) {
            let sign = usize::from(power.starts_with(['+', '-']));
            let count = digits(power.get(sign..).unwrap_or_default());
            if count > 0 {
                double = true;
                length += 1 + sign + count;
            }
        }
        let text = rest.get(..length).unwrap_or_default();
        self.at += length;
        if double {
            return text.parse().map(Word::Double).map_err(|_| self.wrong(start, "invalid double literal"));
        }
        let value = text.parse().map_err(|_| self.wrong(start, "invalid int literal"))?;
        self.integer(start, value)
    }

    fn integer(&mut self, start: usize, value: u64) -> Result<Word, CompileError> {
        let word = if self.rest().starts_with(['u', 'U']) {
            self.at += 1;
            Word::Uint(value)
        } else {
            Word::Int(value)
        };
        if self.rest().starts_with(|letter: char| letter.is_ascii_alphanumeric() || letter == '_') {
            return Err(self.wrong(start, "letters stand behind a number"));
        }
        Ok(word)
    }

    fn string(&mut self, raw: bool, bytes: bool, prefix: usize) -> Result<Word, CompileError> {
        let start = self.at;
        self.at += prefix;
        let rest = self.rest();
        let quote = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quote| rest.starts_with(quote)).unwrap_or("\"");
        self.at += quote.len();
        let single = quote.len() == 1;
        let mut out: Vec<u8> = Vec::new();
        loop {
            let rest = self.rest();
            if rest.starts_with(quote) {
                self.at += quote.len();
                break;
            }
            let Some(letter) = rest.chars().next() else {
                return Err(self.wrong(start, "a string that is never closed"));
            };
            if single && matches!(letter, '\n' | '\r') {
                return Err(self.wrong(start, "a string that is not closed in its line"));
            }
            self.at += letter.len_utf8();
            if letter == '\\' {
                // In a raw string a backslash is a letter as any other: the quote behind it closes.
                if !raw {
                    self.escape(bytes, &mut out)?;
                    continue;
                }
            }
            out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
        }
        if bytes {
            return Ok(Word::Bytes(out));
        }
        String::from_utf8(out).map(Word::String).map_err(|_| self.wrong(start, "the string is no UTF-8"))
    }

    fn escape(&mut self, bytes: bool, out: &mut Vec<u8>) -> Result<(), CompileError> {
        let start = self.at.saturating_sub(1);
        let rest = self.rest();
        let wrong = |lexer: &Self| lexer.wrong(start, "there is no such escape");
        let Some(letter) = rest.chars().next() else { return Err(wrong(self)) };
        self.at += letter.len_utf8();
        let plain = match letter {
            'a' => 7,
            'b' => 8,
            'f' => 12,
            'n' => b'\n',
            'r' => b'\r',
            't' => b'\t',
            'v' => 11,
            '\\' | '\'' | '"' | '`' | '?' => letter as u8,
            _ => 0,
        };
        if plain != 0 {
            out.push(plain);
            return Ok(());
        }
        let (skip, length, radix) = match letter {
            'x' | 'X' => (1, 2, 16),
            'u' if !bytes => (1, 4, 16),
            'U' if !bytes => (1, 8, 16),
            '0'..='3' => (0, 3, 8),
            _ => return Err(wrong(self)),
        };
        let digits = rest.get(skip..skip + length).ok_or_else(|| wrong(self))?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(wrong(self));
        }
        let value = u32::from_str_radix(digits, radix).map_err(|_| wrong(self))?;
        self.at = start + 1 + skip + length;
        if bytes {
            out.push(u8::try_from(value).map_err(|_| wrong(self))?);
        } else {
            let letter = char::from_u32(value).ok_or_else(|| wrong(self))?;
            out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
        }
        Ok(())
    }
}

/// Whether a string begins here: raw, bytes, and how long its prefix is.
fn string_prefix(text: &str) -> Option<(bool, bool, usize)> {
    let (mut raw, mut bytes) = (false, false);
    for (index, letter) in text.bytes().enumerate() {
        match letter {
            b'r' | b'R' if !raw => raw = true,
            b'b' | b'B' if !bytes => bytes = true,
            b'"' | b'\'' => return Some((raw, bytes, index)),
            _ => return None,
        }
    }
    None
}
