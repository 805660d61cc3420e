//! TOML with line numbers, over the `toml` crate.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Node, SyntaxError, Value};

/// Reads a TOML document into the tree that JSON and YAML have, too. The `toml` crate bounds the depth.
///
/// Lines of a table are those from its header to its last value. Errors: what is not TOML, with its line.
pub(crate) fn parse(text: &str) -> Result<Node, SyntaxError> {
    let lines = Lines { starts: memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1).collect() };
    match DeTable::parse(text) {
        Ok(table) => Ok(lines.table(table.get_ref(), (1, 1))),
        Err(error) => {
            let line = error.span().map_or(1, |span| lines.of(span.start));
            Err(SyntaxError { line, what: "not TOML" })
        }
    }
}

struct Lines {
    /// Offset of each line but the first.
    starts: Vec<usize>,
}

impl Lines {
    fn of(&self, offset: usize) -> u32 {
        let line = self.starts.partition_point(|start| *start <= offset);
        u32::try_from(line).unwrap_or(u32::MAX).saturating_add(1)
    }

    fn node(&self, value: &Spanned<DeValue<'_>>) -> Node {
        let span = value.span();
        let lines = (self.of(span.start), self.of(span.end.saturating_sub(1).max(span.start)));
        let simple = |value| Node { lines, value };
        match value.get_ref() {
            DeValue::String(text) => simple(Value::String(text.to_string())),
            DeValue::Integer(number) => simple(Value::Number(number.as_str().to_owned())),
            DeValue::Float(number) => simple(Value::Number(number.as_str().to_owned())),
            DeValue::Boolean(truth) => simple(Value::Bool(*truth)),
            DeValue::Datetime(time) => simple(Value::String(time.to_string())),
            DeValue::Array(items) => simple(Value::Array(items.iter().map(|item| self.node(item)).collect())),
            DeValue::Table(table) => self.table(table, lines),
        }
    }

    fn table(&self, table: &DeTable<'_>, mut lines: (u32, u32)) -> Node {
        let members: Vec<(String, Node)> =
            table.iter().map(|(key, value)| (key.get_ref().to_string(), self.node(value))).collect();
        lines.1 = members.iter().map(|(_, node)| node.lines.1).fold(lines.1, u32::max);
        Node { lines, value: Value::Object(members) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let node =
            parse("a = 1\n\n[[p]]\nname = \"x\"\nlist = [\n 1,\n]\n\n[p.q]\nr = true\n\n[[p]]\nname = 'y'\n").unwrap();
        let tables = node.get("p").unwrap().items();
        assert_eq!(tables.iter().map(|table| table.lines).collect::<Vec<_>>(), [(3, 10), (12, 13)]);
        assert_eq!(tables[0].get("list").unwrap().lines, (5, 7));
        assert!(tables[0].get("q").unwrap().is_true("r"));
        assert_eq!(parse("a = 1\nb = \n").map_err(|error| error.line), Err(2));
        assert!(parse(&format!("a = {}", "[".repeat(100_000))).is_err());
    }
}
