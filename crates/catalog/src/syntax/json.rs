//! JSON with line numbers.

use super::{Node, SyntaxError, Value};

/// Nesting beyond this is refused. npm's deepest lock files (version 1) nest about thirty levels.
const DEPTH: u32 = 200;

/// Values in one text. A large lock file has some hundred thousand; each costs about a hundred bytes.
const NODES: u32 = 3_000_000;

/// Reads one JSON document; nothing but white space may follow.
///
/// Shape: RFC 8259. Lone surrogates become U+FFFD. Duplicated names are kept.
/// Errors: what breaks the grammar, or nests deeper than 200.
pub(crate) fn parse(text: &str) -> Result<Node, SyntaxError> {
    let mut reader = Reader::new(text);
    let node = reader.value(0)?;
    reader.space();
    match reader.peek() {
        None => Ok(node),
        Some(_) => Err(reader.error("something follows the JSON document")),
    }
}

/// Reads JSON documents that follow each other. Those before an error are kept.
pub(crate) fn parse_all(text: &str) -> (Vec<Node>, Option<SyntaxError>) {
    let mut reader = Reader::new(text);
    let mut documents = Vec::new();
    loop {
        reader.space();
        if reader.peek().is_none() && !documents.is_empty() {
            return (documents, None);
        }
        match reader.value(0) {
            Ok(node) => documents.push(node),
            Err(error) => return (documents, Some(error)),
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    line: u32,
    nodes: u32,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str) -> Reader<'a> {
        Reader { text, at: 0, line: 1, nodes: 0 }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn error(&self, what: &'static str) -> SyntaxError {
        SyntaxError { line: self.line, what }
    }

    fn space(&mut self) {
        while let Some(byte @ (b' ' | b'\t' | b'\r' | b'\n')) = self.peek() {
            self.line = self.line.saturating_add(u32::from(byte == b'\n'));
            self.at += 1;
        }
    }

    fn value(&mut self, depth: u32) -> Result<Node, SyntaxError> {
        if depth > DEPTH {
            return Err(self.error("nested too deeply"));
        }
        self.nodes += 1;
        if self.nodes > NODES {
            return Err(self.error("too many values"));
        }
        self.space();
        let first = self.line;
        let value = match self.peek() {
            None => return Err(self.error("the JSON document ends too early")),
            Some(b'{') => self.object(depth)?,
            Some(b'[') => self.array(depth)?,
            Some(b'"') => Value::String(self.string()?),
            Some(b't') => self.word("true", Value::Bool(true))?,
            Some(b'f') => self.word("false", Value::Bool(false))?,
            Some(b'n') => self.word("null", Value::Null)?,
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(_) => return Err(self.error("not a JSON value")),
        };
        Ok(Node { lines: (first, self.line), value })
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, SyntaxError> {
        match self.text.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
            true => {
                self.at += word.len();
                Ok(value)
            }
            false => Err(self.error("not a JSON value")),
        }
    }

    fn number(&mut self) -> Result<Value, SyntaxError> {
        let start = self.at;
        while let Some(b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        let written = self.text.get(start..self.at).unwrap_or_default();
        match written.parse::<f64>() {
            Ok(_) => Ok(Value::Number(written.to_owned())),
            Err(_) => Err(self.error("not a JSON number")),
        }
    }

    fn object(&mut self, depth: u32) -> Result<Value, SyntaxError> {
        self.at += 1;
        let mut members = Vec::new();
        loop {
            self.space();
            match self.peek() {
                Some(b'}') if members.is_empty() => break,
                Some(b'"') => {}
                None => return Err(self.error("the JSON document ends inside an object")),
                Some(_) => return Err(self.error("expected a member name in quotes")),
            }
            let name = self.string()?;
            self.space();
            match self.peek() {
                Some(b':') => self.at += 1,
                _ => return Err(self.error("expected a colon after a member name")),
            }
            members.push((name, self.value(depth + 1)?));
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => break,
                None => return Err(self.error("the JSON document ends inside an object")),
                Some(_) => return Err(self.error("expected a comma or the end of the object")),
            }
        }
        self.at += 1;
        Ok(Value::Object(members))
    }

    fn array(&mut self, depth: u32) -> Result<Value, SyntaxError> {
        self.at += 1;
        let mut items = Vec::new();
        loop {
            self.space();
            if self.peek() == Some(b']') && items.is_empty() {
                break;
            }
            items.push(self.value(depth + 1)?);
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => break,
                None => return Err(self.error("the JSON document ends inside an array")),
                Some(_) => return Err(self.error("expected a comma or the end of the array")),
            }
        }
        self.at += 1;
        Ok(Value::Array(items))
    }

    /// A string from its opening quote on. Raw control characters are taken as they are: package authors write tabs.
    fn string(&mut self) -> Result<String, SyntaxError> {
        self.at += 1;
        let mut out = String::new();
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            let Some(stop) = memchr::memchr3(b'"', b'\\', b'\n', rest.as_bytes()) else {
                return Err(self.error("a string has no end"));
            };
            out.push_str(rest.get(..stop).unwrap_or_default());
            self.at += stop + 1;
            match rest.as_bytes().get(stop) {
                Some(b'"') => return Ok(out),
                Some(b'\\') => self.escape(&mut out)?,
                _ => return Err(self.error("a line ends inside a string")),
            }
        }
    }

    fn escape(&mut self, out: &mut String) -> Result<(), SyntaxError> {
        let Some(byte) = self.peek() else { return Err(self.error("a string has no end")) };
        self.at += 1;
        out.push(match byte {
            b'"' | b'\\' | b'/' => byte as char,
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let high = self.hex4()?;
                let rest = self.text.get(self.at..).unwrap_or_default();
                let low = match (0xd800..0xdc00).contains(&high) && rest.starts_with("\\u") {
                    true => {
                        let before = self.at;
                        self.at += 2;
                        let low = self.hex4()?;
                        if !(0xdc00..0xe000).contains(&low) {
                            self.at = before;
                        }
                        low
                    }
                    false => 0,
                };
                let code = match (0xdc00..0xe000).contains(&low) {
                    true => 0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00),
                    false => high,
                };
                char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            _ => return Err(self.error("unknown escape in a string")),
        });
        Ok(())
    }

    fn hex4(&mut self) -> Result<u32, SyntaxError> {
        let digits = self.text.get(self.at..self.at + 4).filter(|text| text.bytes().all(|b| b.is_ascii_hexdigit()));
        match digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()) {
            Some(code) => {
                self.at += 4;
                Ok(code)
            }
            None => Err(self.error("unknown escape in a string")),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The tree as serde_json sees it, for comparison.
    fn plain(node: &Node) -> serde_json::Value {
        match &node.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(truth) => (*truth).into(),
            Value::Number(text) => serde_json::from_str(text).unwrap(),
            Value::String(text) => text.as_str().into(),
            Value::Array(items) => items.iter().map(plain).collect(),
            Value::Object(members) => {
                serde_json::Value::Object(members.iter().map(|(name, node)| (name.clone(), plain(node))).collect())
            }
        }
    }

    #[track_caller]
    fn same_as_serde(text: &str) {
        assert_eq!(plain(&parse(text).unwrap()), serde_json::from_str::<serde_json::Value>(text).unwrap(), "{text}");
    }

    #[track_caller]
    fn refused(text: &str, line: u32) {
        assert_eq!(parse(text).map_err(|error| error.line), Err(line), "{text}");
    }

    #[test]
    fn values() {
        same_as_serde(r#" {"a": [1, -2.5e3, true, false, null], "b": {}, "c": [], "d": "x\n\u00e9\ud83d\ude00\/"} "#);
        same_as_serde("\"\"");
    }

    #[test]
    fn lines() {
        let node = parse("{\n \"a\": {\n  \"b\": 1\n },\n \"c\": 2\n}").unwrap();
        assert_eq!(node.lines, (1, 6));
        assert_eq!(node.get("a").unwrap().lines, (2, 4));
        assert_eq!(node.get("c").unwrap().lines, (5, 5));
    }

    #[test]
    fn what_is_no_json() {
        refused("", 1);
        refused("{\n\"a\":1,\n}", 3);
        refused("[1,]", 1);
        refused("{\"a\" 1}", 1);
        refused("nul", 1);
        refused("{} x", 1);
        refused("\"a", 1);
        refused("1.2.3", 1);
        refused(&"[".repeat(100_000), 1);
    }

    #[test]
    fn documents_in_a_row() {
        let (documents, error) = parse_all("{\"a\":1}\n{\"b\":2}\n");
        assert_eq!((documents.len(), error), (2, None));
        let (documents, error) = parse_all("{\"a\":1}\n{");
        assert_eq!((documents.len(), error.map(|error| error.line)), (1, Some(2)));
    }

    proptest! {
        #[test]
        fn never_panics(text in "[\\[\\]{}\",:0-9a-z\\\\ \n\u{e9}]{0,60}") {
            let ours = parse(&text);
            if let Ok(value) = serde_json::from_str::<serde_json::Value>(&text) {
                prop_assert_eq!(plain(&ours.unwrap()), value);
            }
        }
    }
}
