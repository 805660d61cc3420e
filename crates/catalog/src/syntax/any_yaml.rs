//! All of YAML, over `signet-yaml`, as the tree that JSON and TOML have, too.
//!
//! For files that people write (workflows, manifests): anchors, lists of mappings, scalars of every style. Lock files of npm's relatives are
//! read by `block_yaml`, which is faster.

use signet_yaml::{Limits, YamlError};

use super::{Node, Value};

/// What one file may hold. The largest of its kind (`Podfile.lock`, `pubspec.lock`) have some ten thousand lines.
const LIMITS: Limits =
    Limits { max_bytes: 16 << 20, max_depth: 60, max_nodes: 500_000, max_documents: 100, max_copied_bytes: 4 << 20 };

/// Reads the first document; an empty text is `Null`. Numbers and dates stay as written: `1.10` is `Number("1.10")`.
///
/// Errors: no YAML, or a limit.
pub(crate) fn parse(text: &str) -> Result<Node, YamlError> {
    let documents = signet_yaml::parse(text, &LIMITS)?;
    Ok(documents.first().map_or(Node { lines: (1, 1), value: Value::Null }, |document| node(&document.root)))
}

/// Depth is bounded by [`LIMITS`].
fn node(from: &signet_yaml::Node) -> Node {
    let value = match &from.value {
        signet_yaml::Value::Null => Value::Null,
        signet_yaml::Value::Bool(truth) => Value::Bool(*truth),
        signet_yaml::Value::String(text) => Value::String(text.clone()),
        signet_yaml::Value::Sequence(items) => Value::Array(items.iter().map(node).collect()),
        signet_yaml::Value::Mapping(members) => {
            let member = |(key, value): &(signet_yaml::Node, signet_yaml::Node)| {
                let mut value = node(value);
                value.lines.0 = value.lines.0.min(key.span.line);
                (key.text().unwrap_or_default().to_owned(), value)
            };
            Value::Object(members.iter().map(member).collect())
        }
        _ => Value::Number(from.text().unwrap_or_default().to_owned()),
    };
    // a block's end is the start of the line behind it
    let last = if from.span.end_column <= 1 { from.span.end_line.saturating_sub(1) } else { from.span.end_line };
    Node { lines: (from.span.line, last.max(from.span.line)), value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tree() {
        let root = parse("a:\n  - b: 1.10\n    c: &x yes\n  - *x\nd: >\n  e\n").unwrap();
        let items = root.get("a").unwrap().items();
        assert_eq!(items[0].get("b").unwrap().value, Value::Number("1.10".to_owned()));
        assert_eq!(items[0].get("b").unwrap().lines, (2, 2));
        assert_eq!(root.str("d"), Some("e\n"));
        assert_eq!(parse("").unwrap().value, Value::Null);
        assert_eq!(parse("a: [").map_err(|error| error.line).unwrap_err(), 1);
    }
}
