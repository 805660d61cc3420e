//! opam's file format, as far as fields of texts and lists go.

use crate::syntax::SyntaxError;

/// Nesting beyond this is refused.
const DEPTH: u32 = 60;

/// Values in one file; each costs about a hundred bytes.
const VALUES: u32 = 200_000;

/// A field: name, value, first and last line.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) value: Value,
}

/// A value with the line on which it begins.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// `"text"` or `"""text"""`, with what stands in braces behind it: `"dune" {= "3.7"}`.
    Text(String, Vec<Value>, u32),
    /// `[a b]`.
    List(Vec<Value>),
    /// A word or an operator: `true`, `>=`, `&`, `with-test`.
    Word(String),
}

impl Value {
    /// The text.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Value::Text(text, ..) => Some(text),
            _ => None,
        }
    }

    /// The texts of a list, or the one text.
    pub(super) fn texts(&self) -> Vec<&Value> {
        match self {
            Value::List(items) => items.iter().filter(|item| item.text().is_some()).collect(),
            Value::Text(..) => vec![self],
            Value::Word(_) => Vec::new(),
        }
    }
}

/// Reads the fields of a file; those of sections (`url { src: ".." }`) stand among them as `SECTION.NAME`. What precedes an error is kept.
/// Source: opam.ocaml.org/doc/Manual.html, "Common file format".
pub(super) fn parse(text: &str) -> (Vec<Field>, Option<SyntaxError>) {
    let mut reader = Reader { text, at: 0, line: 1, values: 0 };
    let mut fields = Vec::new();
    let error = reader.fields(&mut fields, "", 0).err();
    (fields, error)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    line: u32,
    values: u32,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn error(&self, what: &'static str) -> SyntaxError {
        SyntaxError { line: self.line, what }
    }

    fn skip(&mut self, bytes: usize) {
        let lines = self.rest().bytes().take(bytes).filter(|byte| *byte == b'\n').count();
        self.line = self.line.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX));
        self.at += bytes;
    }

    fn space(&mut self) {
        loop {
            let rest = self.rest();
            match self.peek() {
                Some(b' ' | b'\t' | b'\r' | b'\n') => self.skip(1),
                Some(b'#') => self.skip(rest.find('\n').unwrap_or(rest.len())),
                Some(b'(') if rest.starts_with("(*") => self.skip(rest.find("*)").map_or(rest.len(), |end| end + 2)),
                _ => return,
            }
        }
    }

    fn word(&mut self) -> &'a str {
        let rest = self.rest();
        let end = rest
            .bytes()
            .position(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'+' | b'.' | b'~')))
            .unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or_default()
    }

    fn fields(&mut self, fields: &mut Vec<Field>, section: &str, depth: u32) -> Result<(), SyntaxError> {
        if depth > DEPTH {
            return Err(self.error("nested too deeply"));
        }
        loop {
            self.space();
            match self.peek() {
                None if depth == 0 => return Ok(()),
                None => return Err(self.error("a section has no end")),
                Some(b'}') if depth > 0 => {
                    self.at += 1;
                    return Ok(());
                }
                Some(_) => {}
            }
            let word = self.word();
            if word.is_empty() {
                return Err(self.error("expected the name of a field"));
            }
            let name = if section.is_empty() { word.to_owned() } else { format!("{section}.{word}") };
            self.space();
            match self.peek() {
                Some(b':') => {
                    self.at += 1;
                    let value = self.value(0)?;
                    fields.push(Field { name, value });
                    self.values += 1;
                }
                // `extra-source "file" {`
                Some(b'"' | b'{') => {
                    if self.peek() == Some(b'"') {
                        self.quoted()?;
                        self.space();
                    }
                    if self.peek() != Some(b'{') {
                        return Err(self.error("expected a section"));
                    }
                    self.at += 1;
                    self.fields(fields, &name, depth + 1)?;
                }
                _ => return Err(self.error("expected a colon after the name of a field")),
            }
        }
    }

    fn value(&mut self, depth: u32) -> Result<Value, SyntaxError> {
        self.space();
        self.values += 1;
        if depth > DEPTH || self.values > VALUES {
            return Err(self.error("nested too deeply, or too many values"));
        }
        let line = self.line;
        match self.peek() {
            None => Err(self.error("a field has no value")),
            Some(b'"') => {
                let text = self.quoted()?;
                self.space();
                let options = match self.peek() {
                    Some(b'{') => {
                        self.at += 1;
                        self.items(b'}', depth)?
                    }
                    _ => Vec::new(),
                };
                Ok(Value::Text(text, options, line))
            }
            Some(b'[') => {
                self.at += 1;
                let items = self.items(b']', depth)?;
                // a command's filter: `["dune" "subst"] {dev}`
                self.space();
                if self.peek() == Some(b'{') {
                    self.at += 1;
                    self.items(b'}', depth)?;
                }
                Ok(Value::List(items))
            }
            Some(b'(') => {
                self.at += 1;
                self.items(b')', depth).map(Value::List)
            }
            Some(byte) if !byte.is_ascii_alphanumeric() && byte.is_ascii_graphic() => {
                let rest = self.rest();
                let end = rest.bytes().position(|b| !b"=<>!&|?:-_%$+".contains(&b)).unwrap_or(rest.len());
                if end == 0 {
                    return Err(self.error("expected a value"));
                }
                self.at += end;
                Ok(Value::Word(rest.get(..end).unwrap_or_default().to_owned()))
            }
            Some(_) => match self.word() {
                "" => Err(self.error("expected a value")),
                word => Ok(Value::Word(word.to_owned())),
            },
        }
    }

    fn items(&mut self, close: u8, depth: u32) -> Result<Vec<Value>, SyntaxError> {
        let mut items = Vec::new();
        loop {
            self.space();
            match self.peek() {
                None => return Err(self.error("a bracket is not closed")),
                Some(byte) if byte == close => {
                    self.at += 1;
                    return Ok(items);
                }
                Some(_) => items.push(self.value(depth + 1)?),
            }
        }
    }

    fn quoted(&mut self) -> Result<String, SyntaxError> {
        let long = self.rest().starts_with("\"\"\"");
        let quote = if long { "\"\"\"" } else { "\"" };
        self.at += quote.len();
        let mut out = String::new();
        loop {
            let rest = self.rest();
            let Some(stop) = memchr::memchr2(b'"', b'\\', rest.as_bytes()) else {
                return Err(self.error("a text has no end"));
            };
            out.push_str(rest.get(..stop).unwrap_or_default());
            self.skip(stop);
            if self.rest().starts_with(quote) {
                self.at += quote.len();
                return Ok(out);
            }
            let escaped = self.peek() == Some(b'\\');
            self.at += 1;
            if !escaped {
                out.push('"');
                continue;
            }
            let Some(next) = self.rest().chars().next() else { return Err(self.error("a text has no end")) };
            self.skip(next.len_utf8());
            match next {
                'n' => out.push('\n'),
                '\n' => {}
                other => out.push(other),
            }
        }
    }
}
