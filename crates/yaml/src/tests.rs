use proptest::prelude::*;

use super::*;

fn one(text: &str) -> Node {
    let documents = parse(text, &Limits::default()).unwrap_or_else(|err| panic!("{text:?}: {err}"));
    assert_eq!(documents.len(), 1, "{text:?}");
    documents.into_iter().next().unwrap().root
}

fn fails(text: &str, line: u32, column: u32, part: &str) {
    let err = parse(text, &Limits::default()).expect_err(text);
    assert!(err.message.contains(part), "{text:?}: {err}");
    assert_eq!((err.line, err.column), (line, column), "{text:?}: {err}");
}

#[track_caller]
fn scalar(text: &str, want: Value) {
    let node = one(&format!("key: {text}\n"));
    assert_eq!(node.get("key").unwrap().value, want, "{text}");
}

fn string(text: &str) -> Value {
    Value::String(text.to_owned())
}

#[test]
fn booleans_are_those_of_kubernetes() {
    for yes in ["y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "true", "True", "TRUE"] {
        scalar(yes, Value::Bool(true));
    }
    for no in ["n", "N", "no", "No", "NO", "off", "Off", "OFF", "false", "False", "FALSE"] {
        scalar(no, Value::Bool(false));
    }
    for text in ["yEs", "oN", "tRUE", "nO", "t", "f", "yess"] {
        scalar(text, string(text));
    }
}

#[test]
fn nulls() {
    for null in ["", "~", "null", "Null", "NULL"] {
        scalar(null, Value::Null);
    }
    scalar("nULL", string("nULL"));
    scalar("''", string(""));
}

#[test]
fn integers() {
    scalar("0", Value::Int(0));
    scalar("0644", Value::Int(420));
    scalar("0777", Value::Int(511));
    scalar("017", Value::Int(15));
    scalar("0o17", Value::Int(15));
    scalar("-0o17", Value::Int(-15));
    scalar("0x1F", Value::Int(31));
    scalar("-0x1F", Value::Int(-31));
    scalar("0b101", Value::Int(5));
    scalar("1_000", Value::Int(1000));
    scalar("+12", Value::Int(12));
    scalar("-12", Value::Int(-12));
    scalar("9223372036854775807", Value::Int(i64::MAX));
    scalar("-9223372036854775808", Value::Int(i64::MIN));
    scalar("9223372036854775808", Value::UInt(9_223_372_036_854_775_808));
    scalar("18446744073709551615", Value::UInt(u64::MAX));
    scalar("18446744073709551616", Value::Float(18_446_744_073_709_551_616.0));
    scalar("0xFFFFFFFFFFFFFFFFF", Value::Float(295_147_905_179_352_825_855.0));
    scalar("10000000000000000000000", Value::Float(1e22));
}

#[test]
fn floats() {
    scalar("08", Value::Float(8.0));
    scalar("1.5", Value::Float(1.5));
    scalar("1.", Value::Float(1.0));
    scalar(".5", Value::Float(0.5));
    scalar("1e3", Value::Float(1000.0));
    scalar("1E-3", Value::Float(0.001));
    scalar("-1.5e+3", Value::Float(-1500.0));
    scalar("1_0.5", Value::Float(10.5));
    scalar(".inf", Value::Float(f64::INFINITY));
    scalar("-.INF", Value::Float(f64::NEG_INFINITY));
    assert!(matches!(one("[.nan]").as_seq().unwrap()[0].value, Value::Float(value) if value.is_nan()));
}

#[test]
fn what_stays_a_string() {
    for text in [
        "2024-01-01",
        "2024-01-01T10:00:00Z",
        "12:30:45",
        "1.2.3",
        "1e400",
        "0x",
        "0b2",
        "0o9",
        "-x",
        "+",
        ".",
        "1e",
        "_1",
        "e3",
        "inf",
        "nan",
        "._5",
        "v1",
        "10Mi",
        "100m",
        "0xZZ",
    ] {
        scalar(text, string(text));
    }
    scalar("'yes'", string("yes"));
    scalar("\"0644\"", string("0644"));
    scalar("|\n  12", string("12\n"));
}

#[test]
fn numbers_keep_their_text() {
    let node = one("version: 1.10\nmode: 0644\non: push\n");
    assert_eq!(node.get("version").unwrap().text(), Some("1.10"));
    assert_eq!(node.get("mode").unwrap().text(), Some("0644"));
    assert_eq!(node.get("on").unwrap().as_str(), Some("push"));
    assert_eq!(to_json(&node).to_string(), r#"{"mode":420,"true":"push","version":1.1}"#);
}

#[test]
fn tags() {
    scalar("!!str 12", string("12"));
    scalar("!!str", string(""));
    scalar("!!float 3", Value::Float(3.0));
    scalar("!!int 0x10", Value::Int(16));
    scalar("!!binary aGk=", Value::Binary(b"hi".to_vec()));
    scalar("!!binary |\n  aG\n  k=", Value::Binary(b"hi".to_vec()));
    scalar("!!timestamp 2024-01-01", string("2024-01-01"));
    scalar("! 12", string("12"));
    let node = one("a: !Ref Bucket\nb: !Sub [x, {y: z}]\n");
    assert_eq!(node.get("a").unwrap().tag.as_deref(), Some("!Ref"));
    assert_eq!(node.get("a").unwrap().as_str(), Some("Bucket"));
    assert_eq!(node.get("b").unwrap().tag.as_deref(), Some("!Sub"));
    assert_eq!(one("a: !Ref\nb: 1\n").get("a").unwrap().as_str(), Some(""));
    assert_eq!(one("a:\nb: ~\n").get("a").unwrap().text(), Some(""));
    assert_eq!(one("a:\nb: ~\n").get("b").unwrap().text(), Some("~"));
    fails("a: !!int x\n", 1, 10, "cannot be read as `!!int`");
    fails("a: !!binary '%'\n", 1, 13, "no base64");
    fails("a: !!bool [1]\n", 1, 11, "stands before a collection");
}

#[test]
fn documents_are_counted_with_the_empty_ones() {
    let read = |text: &str| -> Vec<(usize, Value)> {
        parse(text, &Limits::default())
            .unwrap()
            .into_iter()
            .map(|document| (document.index, document.root.value))
            .collect()
    };
    assert_eq!(read(""), vec![]);
    assert_eq!(read("# only a remark\n"), vec![]);
    assert_eq!(read("---\n"), vec![(0, Value::Null)]);
    assert_eq!(read("1\n---\n---\n2\n"), vec![(0, Value::Int(1)), (1, Value::Null), (2, Value::Int(2))]);
    assert_eq!(read("---\n# x\n---\na\n...\n---\nb\n"), vec![(0, Value::Null), (1, string("a")), (2, string("b"))]);
}

#[test]
fn byte_order_marks_and_encodings() {
    let bytes = |bytes: &[u8]| parse_bytes(bytes, &Limits::default());
    let documents = bytes(b"\xef\xbb\xbfa: b\n").unwrap();
    assert_eq!(documents[0].root.get("a").unwrap().as_str(), Some("b"));
    assert!(bytes(b"\xff\xfea\0").unwrap_err().message.contains("UTF-16"));
    assert!(bytes(b"\xfe\xff\0a").unwrap_err().message.contains("UTF-16"));
    assert!(bytes(b"a\0:\0").unwrap_err().message.contains("UTF-16"));
    let err = bytes(b"a: b\nc: \xc3\xa4\xff").unwrap_err();
    assert_eq!((err.line, err.column), (2, 5));
}

#[test]
fn anchors_aliases_and_merge_keys() {
    let node = one(
        "base: &b {x: 1, z: 2}\nuse: {<<: *b, z: 3}\nlist: {<<: [*b, {w: 4, x: 9}]}\nagain: *b\nquoted: {'<<': 1}\n",
    );
    assert_eq!(to_json(node.get("use").unwrap()).to_string(), r#"{"x":1,"z":3}"#);
    assert_eq!(to_json(node.get("list").unwrap()).to_string(), r#"{"w":4,"x":1,"z":2}"#);
    assert_eq!(to_json(node.get("again").unwrap()).to_string(), r#"{"x":1,"z":2}"#);
    assert_eq!(to_json(node.get("quoted").unwrap()).to_string(), r#"{"<<":1}"#);
    fails("a: {<<: 1}\n", 1, 9, "`<<` takes a mapping");
    fails("a: &a [*a]\n", 1, 8, "inside the node that it names");
    assert!(parse("a: *nowhere\n", &Limits::default()).is_err());
}

#[test]
fn keys() {
    fails("a: 1\nb: 2\na: 3\n", 3, 1, "the key `a` stands here for the second time; first in line 1");
    fails("{a: 1, \"a\": 2}\n", 1, 8, "second time");
    fails("on: 1\nyes: 2\n", 2, 1, "second time");
    fails("? [a, b]\n: c\n", 1, 8, "key is a collection");
    fails("image: {{ .Values.image }}\n", 1, 25, "render it first");
}

#[test]
fn billion_laughs_are_refused() {
    let mut text = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
    for level in 1..12 {
        let refs = vec![format!("*a{}", level - 1); 9].join(", ");
        text.push_str(&format!("a{level}: &a{level} [{refs}]\n"));
    }
    let err = parse(&text, &Limits::default()).unwrap_err();
    assert!(err.too_large, "{err}");
    // one long string, often
    let text = format!("a: &a '{}'\nb: [{}]\n", "x".repeat(1 << 20), vec!["*a"; 1000].join(", "));
    assert!(parse(&text, &Limits::default()).unwrap_err().too_large);
}

#[test]
fn limits_are_errors() {
    let tight = Limits { max_bytes: 100, max_depth: 3, max_nodes: 10, max_documents: 2, ..Limits::default() };
    for text in ["[[[[1]]]]", "a:\n b:\n  c:\n   d: 1\n", "[1,2,3,4,5,6,7,8,9,10]", "---\n---\n---\n", &"x".repeat(101)]
    {
        let err = parse(text, &tight).unwrap_err();
        assert!(err.too_large, "{text}: {err}");
    }
    assert!(parse("[[[1]]]", &tight).is_ok());
    assert!(parse(&"[".repeat(100_000), &Limits::default()).is_err());
    assert!(parse(&"{a: ".repeat(100_000), &Limits::default()).is_err());
    assert!(parse(&"- ".repeat(100_000), &Limits::default()).is_err());
}

#[test]
fn positions() {
    let text = "spec:\n  image: 'nginx:1'   # why\n  args: [\"-x\", ä, y]\n  nested:\n    a: 1\n\n\nlast: |\n  text\n";
    let node = one(text);
    let at = |route: &[&str]| {
        let span = node.path(route).unwrap().span;
        (span.line, span.column, span.slice(text).unwrap())
    };
    assert_eq!(at(&["spec", "image"]), (2, 10, "'nginx:1'"));
    assert_eq!(at(&["spec", "args"]), (3, 9, "[\"-x\", ä, y]"));
    assert_eq!(at(&["spec", "args", "2"]), (3, 19, "y"));
    assert_eq!(at(&["spec", "nested"]), (5, 5, "a: 1"));
    assert_eq!(at(&["last"]), (9, 3, "text\n"));
    let key = node.get("spec").unwrap().key_span("nested").unwrap();
    assert_eq!((key.line, key.column, key.slice(text)), (4, 3, Some("nested")));
    assert_eq!(node.path(&["spec", "nowhere"]), None);
    assert_eq!(node.path(&["spec", "args", "9"]), None);
}

#[test]
fn json_is_yaml() {
    let text = r#"{"a": [1, 2.5, true, null, "x\u00e4\n\/"], "b": {"c":"d"}, "e":[]}"#;
    assert_eq!(to_json(&one(text)), serde_json::from_str::<serde_json::Value>(text).unwrap());
    let long = format!(r#"{{"{}": 1}}"#, "k".repeat(20_000));
    assert_eq!(to_json(&one(&long)), serde_json::from_str::<serde_json::Value>(&long).unwrap());
    let tabs = "{\n\t\"a\": {\n\t\t\"b\": [\n\t\t\t1\n\t\t]\n\t}\n}\n";
    assert_eq!(to_json(&one(tabs)), serde_json::from_str::<serde_json::Value>(tabs).unwrap());
}

fn small() -> Limits {
    Limits { max_nodes: 10_000, max_copied_bytes: 1 << 20, ..Limits::default() }
}

/// Every plain or quoted one-line scalar is found again in the text at its span.
fn spans_hold(node: &Node, text: &str) {
    assert!(node.span.slice(text).is_some(), "{:?} in {text:?}", node.span);
    match &node.value {
        Value::Sequence(items) => items.iter().for_each(|item| spans_hold(item, text)),
        Value::Mapping(entries) => entries.iter().for_each(|(key, value)| {
            spans_hold(key, text);
            spans_hold(value, text);
        }),
        Value::String(content) if node.style == Style::Plain && node.span.line == node.span.end_line => {
            assert_eq!(node.span.slice(text), Some(content.as_str()));
        }
        _ => {}
    }
    let before = &text.as_bytes()[..node.span.offset as usize];
    let lines = 1 + before.iter().filter(|byte| **byte == b'\n').count();
    if !text.contains('\r') {
        assert_eq!(node.span.line as usize, lines, "{:?} in {text:?}", node.span);
    }
}

proptest! {
    #[test]
    fn never_panics_on_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = parse_bytes(&bytes, &small());
    }

    #[test]
    fn never_panics_on_signs(text in "[-:?,\\[\\]{}#&*!|>'\"%@`~<a1 \n\t]{0,120}") {
        if let Ok(documents) = parse(&text, &small()) {
            documents.iter().for_each(|document| { let _ = to_json(&document.root); });
        }
    }

    #[test]
    fn positions_come_back(entries in proptest::collection::vec(("[a-zäöü]{1,6}", "[a-z0-9äß .-]{0,12}"), 1..12), indent in 1_usize..5) {
        let mut text = String::new();
        for (at, (key, value)) in entries.iter().enumerate() {
            text.push_str(&format!("{key}{at}:\n{}- {}\n{}- [{}, 'q']\n", " ".repeat(indent), value.trim(), " ".repeat(indent), value.trim()));
        }
        if let Ok(documents) = parse(&text, &small()) {
            documents.iter().for_each(|document| spans_hold(&document.root, &text));
        }
    }

    #[test]
    fn a_cut_or_flipped_manifest_never_panics(cut in 0_usize..220, flip in 0_usize..220, bit in 0_u8..8) {
        let mut bytes = b"apiVersion: v1\nkind: List\nitems:\n- &a {kind: Pod, spec: {containers: [{image: \"x:1\"}]}}\n- *a\n- <<: *a\n  data: |\n    text\n    more\n---\n!!binary aGk=\n".to_vec();
        if let Some(byte) = bytes.get_mut(flip) { *byte ^= 1 << bit; }
        bytes.truncate(cut);
        let _ = parse_bytes(&bytes, &small());
    }
}
