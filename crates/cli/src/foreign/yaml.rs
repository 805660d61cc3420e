//! A value as YAML in block style, as tools that are written in Go print their reports.
//!
//! Texts are only written plain where no reader of YAML 1.1 or 1.2 could take them for anything else; else in double quotes, whose escapes are those of
//! JSON. Source: YAML 1.2.2, 7.3.1 (double-quoted), 7.3.3 (plain), 8.2 (block collections); YAML 1.1 type repository.

use std::fmt::Write as _;

use serde_json::Value;

/// Collections are written in flow style, which is JSON, from this depth on.
const DEEPEST: usize = 64;

/// Words that readers take for something else than a text.
const WORDS: [&str; 12] = ["y", "n", "yes", "no", "true", "false", "on", "off", "null", "nan", "inf", "e"];

/// The document, with a line break at its end.
pub(crate) fn write(value: &Value) -> String {
    let mut out = String::new();
    block(value, 0, false, &mut out);
    out
}

/// Writes a value on a line of its own at this depth; `begun`: the first line's indentation, or a dash in its place, stands there already.
fn block(value: &Value, depth: usize, begun: bool, out: &mut String) {
    let mut begun = begun;
    let mut indent = |out: &mut String| {
        if !std::mem::take(&mut begun) {
            out.extend(std::iter::repeat_n("  ", depth));
        }
    };
    match value {
        Value::Object(members) if !members.is_empty() && depth < DEEPEST => {
            for (key, value) in members {
                indent(out);
                scalar(key, out);
                out.push(':');
                member(value, depth, out);
            }
        }
        Value::Array(items) if !items.is_empty() && depth < DEEPEST => {
            for item in items {
                indent(out);
                out.push_str("- ");
                block(item, depth + 1, true, out);
            }
        }
        Value::String(text) => {
            indent(out);
            scalar(text, out);
            out.push('\n');
        }
        // Numbers, words, and what is empty or too deep: as JSON.
        other => {
            indent(out);
            let _ = writeln!(out, "{other}");
        }
    }
}

fn member(value: &Value, depth: usize, out: &mut String) {
    let below = match value {
        Value::Object(members) => !members.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    };
    if !below || depth + 1 >= DEEPEST {
        out.push(' ');
        return block(value, DEEPEST, true, out);
    }
    out.push('\n');
    // A list stands as far left as its key, as Go's libraries write it.
    let deeper = if value.is_array() { depth } else { depth + 1 };
    block(value, deeper, false, out);
}

fn scalar(text: &str, out: &mut String) {
    let plain = text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '/')
        && !text.ends_with(' ')
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || " ./_-@()".contains(letter))
        && !WORDS.iter().any(|word| text.eq_ignore_ascii_case(word));
    if plain {
        out.push_str(text);
        return;
    }
    let quoted = Value::String(text.to_owned()).to_string();
    for letter in quoted.chars() {
        // Line breaks of Unicode, and marks that a reader may take for none of the text.
        match letter {
            '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(letter));
            }
            _ => out.push(letter),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;
    use signet_yaml::{Limits, parse, to_json};

    use super::*;

    #[track_caller]
    fn back(value: &Value) {
        let text = write(value);
        let documents = parse(&text, &Limits::default()).unwrap_or_else(|err| panic!("{err} in\n{text}"));
        assert_eq!(to_json(&documents[0].root), *value, "{text}");
    }

    #[test]
    fn it_is_written_as_people_read_it() {
        let value = json!({"kind": "Report", "results": [{"a": "no", "b": ["x", []]}, "y: z"], "summary": {"pass": 1}});
        assert_eq!(
            write(&value),
            "kind: Report\nresults:\n- a: \"no\"\n  b:\n  - x\n  - []\n- \"y: z\"\nsummary:\n  pass: 1\n"
        );
    }

    #[test]
    fn texts_stay_texts() {
        for text in [
            "",
            "yes",
            "NULL",
            "1",
            "1.5",
            "0x1f",
            "2026-01-01",
            "- a",
            "a: b",
            "a #b",
            " a",
            "a ",
            "a\nb",
            "\u{85}",
            "~",
            "é",
            "=",
            "<<",
            "e",
            ".inf",
            "/a b",
            "x\u{feff}",
        ] {
            back(&json!({text: [text, {"k": text}]}));
        }
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i32>().prop_map(Value::from),
            ".{0,12}".prop_map(Value::String),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
                prop::collection::btree_map("[a-z:# -]{0,6}", inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(value in values()) {
            back(&json!({"v": value}));
        }
    }
}
