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

/// Reads one JSON document in which `//` and `/* */` comments and a comma after the last item may stand (JSONC).
///
/// Otherwise as [`parse`].
pub(crate) fn parse_relaxed(text: &str) -> Result<Node, SyntaxError> {
    let mut reader = Reader { relaxed: true, ..Reader::new(text) };
    let node = reader.value(0)?;
    reader.space();
    match reader.peek() {
        None => Ok(node),
        Some(_) => Err(reader.error("something follows the JSON document")),
    }
}

/// Reads one JSON object, and gives the members of the object under `member` away one by one instead of keeping them: a lock file of 32 MiB
/// would be a tree of 100 MB.
///
/// Other members are kept, but for `instead`, which is checked and dropped when it comes after a `member` that was not empty. Otherwise as [`parse`];
/// what was given away before an error is of a text that is no JSON.
pub(crate) fn parse_streamed(
    text: &str,
    member: &str,
    instead: &str,
    mut each: impl FnMut(String, Node),
) -> Result<Node, SyntaxError> {
    let mut reader = Reader::new(text);
    reader.space();
    if reader.peek() != Some(b'{') {
        return parse(text);
    }
    let (first, mut members, mut given) = (reader.line, Vec::new(), false);
    reader.members(0, |reader, name| {
        reader.space();
        if name == member && reader.peek() == Some(b'{') {
            return reader.members(1, |reader, name| {
                given = true;
                let node = reader.value(2)?;
                each(name, node);
                Ok(())
            });
        }
        reader.discard = given && name == instead;
        let node = reader.value(1)?;
        if !std::mem::take(&mut reader.discard) {
            members.push((name, node));
        }
        Ok(())
    })?;
    let lines = (first, reader.line);
    reader.space();
    match reader.peek() {
        None => Ok(Node { lines, value: Value::Object(members) }),
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
    /// Comments and trailing commas are taken.
    relaxed: bool,
    /// Values are checked and not kept.
    discard: bool,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str) -> Reader<'a> {
        Reader { text, at: 0, line: 1, nodes: 0, relaxed: false, discard: false }
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
        if self.relaxed && self.peek() == Some(b'/') && self.comment() {
            self.space_after_comments();
        }
    }

    /// White space and comments, after a first comment. A loop, so that a file of comments needs no deep stack.
    fn space_after_comments(&mut self) {
        loop {
            match self.peek() {
                Some(b'\n') => {
                    self.line = self.line.saturating_add(1);
                    self.at += 1;
                }
                Some(b' ' | b'\t' | b'\r') => self.at += 1,
                Some(b'/') if self.comment() => {}
                _ => return,
            }
        }
    }

    /// Skips the comment that begins here, if one does. One that never ends reaches to the end of the text.
    fn comment(&mut self) -> bool {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let length = if rest.starts_with("//") {
            memchr::memchr(b'\n', rest.as_bytes()).unwrap_or(rest.len())
        } else if let Some(body) = rest.strip_prefix("/*") {
            body.find("*/").map_or(rest.len(), |end| end + 4)
        } else {
            return false;
        };
        let skipped = rest.get(..length).unwrap_or_default();
        let lines = memchr::memchr_iter(b'\n', skipped.as_bytes()).count();
        self.line = self.line.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX));
        self.at += length;
        true
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
        let mut members = Vec::new();
        self.members(depth, |reader, name| {
            let node = reader.value(depth + 1)?;
            if !reader.discard {
                members.push((name, node));
            }
            Ok(())
        })?;
        // most objects are small, and the space for more would weigh as much as they do
        members.shrink_to_fit();
        Ok(Value::Object(members))
    }

    /// An object from its opening brace on. `each` reads the value of a member.
    fn members(
        &mut self,
        depth: u32,
        mut each: impl FnMut(&mut Self, String) -> Result<(), SyntaxError>,
    ) -> Result<(), SyntaxError> {
        if depth > DEPTH {
            return Err(self.error("nested too deeply"));
        }
        self.at += 1;
        let mut first = true;
        loop {
            self.space();
            match self.peek() {
                Some(b'}') if first || self.relaxed => break,
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
            each(self, name)?;
            first = false;
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => break,
                None => return Err(self.error("the JSON document ends inside an object")),
                Some(_) => return Err(self.error("expected a comma or the end of the object")),
            }
        }
        self.at += 1;
        Ok(())
    }

    fn array(&mut self, depth: u32) -> Result<Value, SyntaxError> {
        self.at += 1;
        let (mut items, mut first) = (Vec::new(), true);
        loop {
            self.space();
            if self.peek() == Some(b']') && (first || self.relaxed) {
                break;
            }
            let item = self.value(depth + 1)?;
            first = false;
            if !self.discard {
                items.push(item);
            }
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => break,
                None => return Err(self.error("the JSON document ends inside an array")),
                Some(_) => return Err(self.error("expected a comma or the end of the array")),
            }
        }
        self.at += 1;
        items.shrink_to_fit();
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
    fn relaxed() {
        let text = "// head\n{ /* a\n b */ \"a\": [1, 2,], // tail\n \"u\": \"http://x\",\n}\n// end";
        let node = parse_relaxed(text).unwrap();
        assert_eq!((node.get("a").unwrap().lines, node.str("u")), ((3, 3), Some("http://x")));
        assert!(parse(text).is_err());
        for broken in ["{ /* a", "[,]", "{,}", "[1,,2]", "/ 1", "[1 // x"] {
            assert!(parse_relaxed(broken).is_err(), "{broken}");
        }
    }

    #[test]
    fn streamed() {
        let read = |text: &str| {
            let mut given = Vec::new();
            let root = parse_streamed(text, "p", "d", |name, node| given.push((name, node.lines)));
            (root.map(|root| root.members().iter().map(|(name, _)| name.clone()).collect::<Vec<_>>().concat()), given)
        };
        let (root, given) = read("{\"a\": 1, \"p\": {\"x\": {},\n\"y\": [1]}, \"d\": {\"z\": [2, {}]}, \"b\": 2}");
        assert_eq!((root, given), (Ok("ab".to_owned()), vec![("x".to_owned(), (1, 1)), ("y".to_owned(), (2, 2))]));
        assert_eq!(read("{\"p\": {}, \"d\": {}}").0, Ok("d".to_owned()));
        assert_eq!(read("{\"d\": {}, \"p\": {\"x\": 1}}").0, Ok("d".to_owned()));
        assert_eq!(read("{\"p\": []}").0, Ok("p".to_owned()));
        for broken in ["{\"p\": {\"x\": 1}", "{\"p\": {\"x\": 1,}}", "{} 1", "{\"p\": {\"x\": 1}, \"d\": {]}", "["] {
            assert!(read(broken).0.is_err(), "{broken}");
        }
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
            prop_assert_eq!(parse_streamed(&text, "a", "b", |_, _| {}).is_ok(), ours.is_ok());
            let _ = parse_relaxed(&text.replace(['0', '9'], "/").replace('8', "*"));
            if let Ok(value) = serde_json::from_str::<serde_json::Value>(&text) {
                prop_assert_eq!(plain(&ours.unwrap()), value);
            }
        }
    }
}
