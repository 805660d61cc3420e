//! The part of YAML that lock files are written in, with line numbers.
//!
//! pnpm and yarn write block mappings and block sequences, one-line flow collections, quoted scalars, literal and folded scalars,
//! and `? ` before very long keys. Anchors, aliases and tags never stand in a lock file and are refused: so nothing can expand.

use super::{Node, SyntaxError, Value};

/// Nesting beyond this is refused.
const DEPTH: u32 = 60;

/// Lines of blocks and scalars in one text; each costs about a hundred bytes.
const NODES: u32 = 3_000_000;

/// Lines over which a quoted scalar or flow collection may go on. Writers of lock files put them on one.
const CONTINUED: usize = 200;

/// Reads all documents of a text.
///
/// Errors: what is outside of this part of YAML. Documents before the error are kept.
pub(crate) fn parse_all(text: &str) -> (Vec<Node>, Option<SyntaxError>) {
    let mut reader = Reader { lines: text.lines().collect(), at: 0, nodes: 0 };
    let mut documents = Vec::new();
    loop {
        reader.skip_blank();
        while reader.line().is_some_and(is_marker) {
            reader.at += 1;
            reader.skip_blank();
        }
        let Some(line) = reader.line() else { return (documents, None) };
        match reader.block(indent(line), 0) {
            Ok(node) => documents.push(node),
            Err(error) => return (documents, Some(error)),
        }
        if reader.rest().is_some_and(|line| !is_marker(line)) {
            return (documents, Some(reader.error("indented less than what it belongs to")));
        }
    }
}

struct Reader<'a> {
    lines: Vec<&'a str>,
    at: usize,
    nodes: u32,
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

fn is_marker(line: &str) -> bool {
    let line = line.trim_end();
    line == "---" || line == "..." || line.starts_with('%')
}

fn is_item(content: &str) -> bool {
    content == "-" || content.starts_with("- ")
}

impl<'a> Reader<'a> {
    fn line(&self) -> Option<&'a str> {
        self.lines.get(self.at).copied()
    }

    /// The next line with content.
    fn rest(&mut self) -> Option<&'a str> {
        self.skip_blank();
        self.line()
    }

    fn skip_blank(&mut self) {
        while self.line().is_some_and(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
            self.at += 1;
        }
    }

    fn number(&self) -> u32 {
        u32::try_from(self.at).unwrap_or(u32::MAX).saturating_add(1)
    }

    fn error(&self, what: &'static str) -> SyntaxError {
        SyntaxError { line: self.number(), what }
    }

    /// The block whose lines begin at `level`.
    fn block(&mut self, level: usize, depth: u32) -> Result<Node, SyntaxError> {
        if depth > DEPTH {
            return Err(self.error("nested too deeply"));
        }
        let first = self.number();
        let content = self.line().map(str::trim).unwrap_or_default();
        if content.starts_with('\t') || self.line().is_some_and(|line| line.trim_start_matches(' ').starts_with('\t')) {
            return Err(self.error("indented with a tab"));
        }
        let value = match is_item(content) {
            true => self.sequence(level, depth)?,
            false => self.mapping(level, depth)?,
        };
        // the last line that belongs to the block: blank lines and comments after it do not
        let mut last = self.at;
        while last > 0
            && self.lines.get(last - 1).is_some_and(|line| line.trim().is_empty() || line.trim_start().starts_with('#'))
        {
            last -= 1;
        }
        Ok(Node { lines: (first, u32::try_from(last).unwrap_or(u32::MAX).max(first)), value })
    }

    fn sequence(&mut self, level: usize, depth: u32) -> Result<Value, SyntaxError> {
        let mut items = Vec::new();
        while let Some(line) = self.rest() {
            let content = line.trim();
            if indent(line) != level || !is_item(content) || is_marker(line) {
                break;
            }
            let item = content.get(1..).unwrap_or_default().trim_start();
            if item.is_empty() {
                self.at += 1;
                items.push(self.nested(level, depth)?);
            } else if is_item(item) || (split_key(item).is_some() && !item.starts_with(['{', '['])) {
                return Err(self.error("collections in a sequence are not read"));
            } else {
                items.push(self.scalar(item, level)?);
            }
        }
        if self.rest().is_some_and(|line| indent(line) > level) {
            return Err(self.error("indented more than its neighbours"));
        }
        Ok(Value::Array(items))
    }

    fn mapping(&mut self, level: usize, depth: u32) -> Result<Value, SyntaxError> {
        let mut members = Vec::new();
        while let Some(line) = self.rest() {
            if is_marker(line) || indent(line) < level {
                break;
            }
            let content = line.trim();
            if indent(line) > level {
                return Err(self.error("indented more than its neighbours"));
            }
            self.nodes += 1;
            if self.nodes > NODES {
                return Err(self.error("too many values"));
            }
            let first = self.number();
            let (key, value) = match content.strip_prefix("? ") {
                Some(key) => {
                    let key = unquote(key.trim()).ok_or_else(|| self.error("a key's quotes do not match"))?;
                    self.at += 1;
                    let next = self.rest().filter(|line| indent(line) == level).map(str::trim);
                    let value = next.and_then(|next| next.strip_prefix(':'));
                    (key, value.ok_or_else(|| self.error("a key has no value"))?.trim())
                }
                None => split_key(content).ok_or_else(|| self.error("expected `key: value`"))?,
            };
            let mut node = match value {
                "" => {
                    self.at += 1;
                    self.nested(level, depth)?
                }
                value if value.starts_with(['|', '>']) => self.literal(level),
                value => self.scalar(value, level)?,
            };
            node.lines.0 = first;
            members.push((key, node));
        }
        Ok(Value::Object(members))
    }

    /// What follows a key or dash that has nothing on its own line.
    fn nested(&mut self, level: usize, depth: u32) -> Result<Node, SyntaxError> {
        let before = self.number().saturating_sub(1);
        match self.rest() {
            Some(line) if !is_marker(line) && indent(line) > level => self.block(indent(line), depth + 1),
            // a sequence may stand at the level of its key
            Some(line) if indent(line) == level && is_item(line.trim()) && !is_marker(line) => {
                let first = self.number();
                let value = self.sequence(level, depth + 1)?;
                Ok(Node { lines: (first, self.number().saturating_sub(1)), value })
            }
            _ => Ok(Node { lines: (before, before), value: Value::Null }),
        }
    }

    /// A `|` or `>` scalar: all lines that are indented more than the key. Folding is not undone: no leaf reads such texts by content.
    fn literal(&mut self, level: usize) -> Node {
        let first = self.number();
        self.at += 1;
        let mut text = String::new();
        while let Some(line) = self.line() {
            if !line.trim().is_empty() && indent(line) <= level {
                break;
            }
            text.push_str(line.trim());
            text.push('\n');
            self.at += 1;
        }
        Node { lines: (first, self.number().saturating_sub(1)), value: Value::String(text) }
    }

    /// A scalar or flow collection that begins with `start` on this line, and goes on over lines that are indented more.
    fn scalar(&mut self, start: &str, level: usize) -> Result<Node, SyntaxError> {
        let first = self.number();
        let mut text = start.to_owned();
        self.at += 1;
        loop {
            let enclosed = text.starts_with(['\'', '"', '{', '[']);
            let done = enclosed && flow(&text).is_some();
            if enclosed && self.at.saturating_sub(first as usize) > CONTINUED {
                return Err(SyntaxError { line: first, what: "brackets or quotes do not match" });
            }
            match self.line() {
                Some(line) if !done && !line.trim().is_empty() && indent(line) > level => {
                    text.push(' ');
                    text.push_str(line.trim());
                    self.at += 1;
                }
                _ => break,
            }
        }
        let lines = (first, self.number().saturating_sub(1));
        let refused = |what| SyntaxError { line: first, what };
        let value = match text.as_bytes().first() {
            Some(b'&' | b'*' | b'!') => return Err(refused("anchors, aliases and tags are not read")),
            Some(b'\'' | b'"' | b'{' | b'[') => {
                flow(&text).ok_or_else(|| refused("brackets or quotes do not match"))?
            }
            _ => plain(&text),
        };
        Ok(set_lines(value, lines))
    }
}

/// A node with all parts on the same lines.
fn set_lines(value: Value, lines: (u32, u32)) -> Node {
    let value = match value {
        Value::Array(items) => Value::Array(items.into_iter().map(|node| set_lines(node.value, lines)).collect()),
        Value::Object(members) => {
            Value::Object(members.into_iter().map(|(name, node)| (name, set_lines(node.value, lines))).collect())
        }
        other => other,
    };
    Node { lines, value }
}

/// A plain scalar without its comment.
fn plain(text: &str) -> Value {
    let text = text.split(" #").next().unwrap_or_default().trim();
    match text {
        "null" | "~" | "" => Value::Null,
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ if text.parse::<f64>().is_ok() && text.starts_with(|c: char| c.is_ascii_digit() || c == '-') => {
            Value::Number(text.to_owned())
        }
        _ => Value::String(text.to_owned()),
    }
}

/// Splits `key: value`. The key may be quoted.
fn split_key(content: &str) -> Option<(String, &str)> {
    if content.starts_with(['\'', '"']) {
        let end = quoted_end(content)?;
        let key = unquote(content.get(..end)?)?;
        let rest = content.get(end..)?.trim_start().strip_prefix(':')?;
        return (rest.is_empty() || rest.starts_with(' ')).then(|| (key, strip_comment(rest)));
    }
    let at = memchr::memchr_iter(b':', content.as_bytes())
        .find(|at| matches!(content.as_bytes().get(at + 1), None | Some(b' ')))?;
    let key = content.get(..at)?.trim_end();
    let usable = !key.is_empty() && !key.starts_with(['{', '[', '&', '*', '!', '#']);
    usable.then(|| (key.to_owned(), strip_comment(content.get(at + 1..).unwrap_or_default())))
}

fn strip_comment(value: &str) -> &str {
    let value = value.trim();
    if value.starts_with('#') { "" } else { value }
}

/// Length of the quoted scalar at the start, quotes included.
fn quoted_end(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let quote = *bytes.first()?;
    let mut at = 1;
    loop {
        let byte = *bytes.get(at)?;
        match byte {
            b'\\' if quote == b'"' => at += 2,
            _ if byte == quote && quote == b'\'' && bytes.get(at + 1) == Some(&quote) => at += 2,
            _ if byte == quote => return Some(at + 1),
            _ => at += 1,
        }
    }
}

/// A scalar without its quotes, if it has any.
fn unquote(text: &str) -> Option<String> {
    match text.as_bytes().first() {
        Some(b'\'') => (quoted_end(text)? == text.len())
            .then(|| text.get(1..text.len() - 1).unwrap_or_default().replace("''", "'")),
        // what yarn and pnpm write in double quotes is JSON
        Some(b'"') => match super::json::parse(text).ok()?.value {
            Value::String(text) => Some(text),
            _ => None,
        },
        _ => Some(text.to_owned()),
    }
}

/// A flow collection or quoted scalar that is the whole text, but for a comment.
fn flow(text: &str) -> Option<Value> {
    let mut rest = text;
    let value = flow_value(&mut rest, 0)?;
    let rest = rest.trim();
    (rest.is_empty() || rest.starts_with('#')).then_some(value)
}

fn flow_value(rest: &mut &str, depth: u32) -> Option<Value> {
    *rest = rest.trim_start();
    if depth > DEPTH {
        return None;
    }
    match rest.as_bytes().first()? {
        b'{' => {
            *rest = rest.get(1..)?;
            let mut members = Vec::new();
            loop {
                *rest = rest.trim_start();
                if let Some(after) = rest.strip_prefix('}') {
                    *rest = after;
                    return Some(Value::Object(members));
                }
                let key = flow_scalar(rest, true)?;
                *rest = rest.trim_start();
                let value = match rest.strip_prefix(':') {
                    Some(after) => {
                        *rest = after;
                        flow_value(rest, depth + 1)?
                    }
                    None => Value::Null,
                };
                members.push((key, Node { lines: (0, 0), value }));
                flow_next(rest, '}')?;
            }
        }
        b'[' => {
            *rest = rest.get(1..)?;
            let mut items = Vec::new();
            loop {
                *rest = rest.trim_start();
                if let Some(after) = rest.strip_prefix(']') {
                    *rest = after;
                    return Some(Value::Array(items));
                }
                items.push(Node { lines: (0, 0), value: flow_value(rest, depth + 1)? });
                flow_next(rest, ']')?;
            }
        }
        b'\'' | b'"' => flow_scalar(rest, false).map(Value::String),
        _ => flow_scalar(rest, false).map(|text| plain(&text)),
    }
}

/// After an item: a comma, or the closing bracket, which stays.
fn flow_next(rest: &mut &str, close: char) -> Option<()> {
    *rest = rest.trim_start();
    match rest.strip_prefix(',') {
        Some(after) => *rest = after,
        None if rest.starts_with(close) => {}
        None => return None,
    }
    Some(())
}

fn flow_scalar(rest: &mut &str, key: bool) -> Option<String> {
    if rest.starts_with(['\'', '"']) {
        let end = quoted_end(rest)?;
        let text = unquote(rest.get(..end)?)?;
        *rest = rest.get(end..)?;
        return Some(text);
    }
    let end = rest.char_indices().find(|(at, c)| match c {
        ',' | '}' | ']' | '{' | '[' => true,
        ':' => key && matches!(rest.as_bytes().get(at + 1), None | Some(b' ' | b',' | b'}')),
        _ => false,
    });
    let end = end.map_or(rest.len(), |(at, _)| at);
    let text = rest.get(..end)?.trim().to_owned();
    *rest = rest.get(end..)?;
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one(text: &str) -> Node {
        let (mut documents, error) = parse_all(text);
        assert_eq!((documents.len(), error), (1, None), "{text}");
        documents.remove(0)
    }

    #[track_caller]
    fn refused(text: &str, line: u32) {
        assert_eq!(parse_all(text).1.map(|error| error.line), Some(line), "{text}");
    }

    #[test]
    fn blocks() {
        let node = one("a:\n  b: 1 # one\n  'c d': {x: y, z: [1, 'two']}\n\n# note\ne:\n- f\n- g\nh: true\n");
        assert_eq!(node.get("a").unwrap().lines, (1, 3));
        assert_eq!(node.get("a").unwrap().get("b").unwrap().scalar(), Some("1"));
        let flow = node.get("a").unwrap().get("c d").unwrap();
        assert_eq!((flow.str("x"), flow.get("z").unwrap().items().len()), (Some("y"), 2));
        assert_eq!(node.get("e").unwrap().items().len(), 2);
        assert!(node.is_true("h"));
    }

    #[test]
    fn scalars() {
        let node = one(concat!(
            "url: https://x/y:z\na@https://b/c: {}\n\"d@npm:^1, e@npm:2\":\n  version: 1.2.3\n",
            "deprecated: >-\n  long: text\n  more\nfolded: some\n  words\nengines: {node: '>=4', npm: \">1\"}\n",
            "? 'very long'\n: x\nempty:\n"
        ));
        assert_eq!(node.str("url"), Some("https://x/y:z"));
        assert!(node.get("a@https://b/c").is_some());
        assert_eq!(node.get("d@npm:^1, e@npm:2").unwrap().str("version"), Some("1.2.3"));
        assert_eq!(node.str("deprecated"), Some("long: text\nmore\n"));
        assert_eq!(node.str("folded"), Some("some words"));
        assert_eq!(node.get("engines").unwrap().str("node"), Some(">=4"));
        assert_eq!(node.str("very long"), Some("x"));
        assert_eq!(node.get("empty").unwrap().value, Value::Null);
    }

    #[test]
    fn documents() {
        let (documents, error) = parse_all("---\na: 1\n---\nb: 2\n");
        assert_eq!((documents.len(), error), (2, None));
    }

    #[test]
    fn what_is_not_read() {
        refused("a: 1\njust words\n", 2);
        refused("a: &x 1\n", 1);
        refused("a: *x\n", 1);
        refused("a: {b: 1\n", 1);
        refused("  a: 1\nb: 2\n", 2);
        refused("a: 'b\n", 1);
        refused(&(0..200).map(|n| format!("{}a:\n", " ".repeat(n))).collect::<String>(), 62);
    }

    proptest! {
        #[test]
        fn never_panics(text in "[-a-z0-9:?'\"{}\\[\\],&#|> \n]{0,80}") {
            let _ = parse_all(&text);
        }
    }
}
