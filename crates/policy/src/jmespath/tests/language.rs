//! The language itself, construct by construct. Source: jmespath.org/specification.html and the kinds of its compliance suite.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::{Expression, Roots, SearchError};
use super::{check, kyverno, refused, search};

const DOCUMENT: &str = r#"{
    "foo": {"bar": {"baz": "correct"}, "1": ["one", "two", "three"], "foo.bar": 1, "null": null, "": "empty"},
    "list": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    "people": [{"name": "a", "age": 1, "tags": ["x", "y"]}, {"name": "b", "age": 3}, {"name": "c", "age": 2, "tags": []}, {"other": 1}],
    "nested": [[1, [2]], 3, [], [[4], 5]],
    "map": {"b": {"n": 2}, "a": {"n": 1}, "c": 3},
    "yes": true, "no": false, "zero": 0, "text": "t", "none": null, "float": 1.0, "large": 9007199254740993
}"#;

#[test]
fn fields() {
    check(DOCUMENT, "foo.bar.baz", r#""correct""#);
    check(DOCUMENT, "foo . bar . baz", r#""correct""#);
    check(DOCUMENT, "\"foo\".\"foo.bar\"", "1");
    check(DOCUMENT, "\"f\\u006fo\".\"\"", r#""empty""#);
    check(DOCUMENT, "foo.missing", "null");
    check(DOCUMENT, "foo.missing.further", "null");
    check(DOCUMENT, "text.further", "null");
    check(DOCUMENT, "list.name", "null");
    check(DOCUMENT, "foo\n.\nbar", r#"{"baz": "correct"}"#);
    check(r#"{"with-hyphen": 1, "\\\"": 2, "☃": 3}"#, r#""with-hyphen""#, "1");
    check(r#"{"with-hyphen": 1, "\\\"": 2, "☃": 3}"#, r#""\\\"""#, "2");
    check(r#"{"with-hyphen": 1, "\\\"": 2, "☃": 3}"#, "\"☃\"", "3");
}

#[test]
fn indices_and_slices() {
    check(DOCUMENT, "list[0]", "0");
    check(DOCUMENT, "list[-1]", "9");
    check(DOCUMENT, "list[10]", "null");
    check(DOCUMENT, "list[-11]", "null");
    check(DOCUMENT, "foo[0]", "null");
    check(DOCUMENT, "list[9223372036854775807]", "null");
    check(DOCUMENT, "list[-9223372036854775808]", "null");
    check(DOCUMENT, "foo.\"1\"[1]", r#""two""#);
    check(DOCUMENT, "list[0:3]", "[0, 1, 2]");
    check(DOCUMENT, "list[:3:]", "[0, 1, 2]");
    check(DOCUMENT, "list[7:]", "[7, 8, 9]");
    check(DOCUMENT, "list[-2:]", "[8, 9]");
    check(DOCUMENT, "list[::4]", "[0, 4, 8]");
    check(DOCUMENT, "list[::-4]", "[9, 5, 1]");
    check(DOCUMENT, "list[8:2:-2]", "[8, 6, 4]");
    check(DOCUMENT, "list[2:-2:-1]", "[]");
    check(DOCUMENT, "list[100:-100:-3]", "[9, 6, 3, 0]");
    check(DOCUMENT, "list[-100:100:3]", "[0, 3, 6, 9]");
    check(DOCUMENT, "list[5:5]", "[]");
    check(DOCUMENT, "list[-9223372036854775808:9223372036854775807:9223372036854775807]", "[0]");
    check(DOCUMENT, "foo[0:1]", "null");
    check(DOCUMENT, "people[:2].name", r#"["a", "b"]"#);
    check("[[1, 2], [3, 4]]", "[*][0]", "[1, 3]");
    check("[[1, 2], [3, 4]]", "[0][1]", "2");
}

#[test]
fn projections() {
    check(DOCUMENT, "people[*].name", r#"["a", "b", "c"]"#);
    check(DOCUMENT, "people[*].tags[0]", r#"["x"]"#);
    check(DOCUMENT, "people[*].tags[]", r#"["x", "y"]"#);
    check(DOCUMENT, "people[].tags[*]", r#"[["x", "y"], []]"#);
    check(DOCUMENT, "(people[*].tags)[0]", r#"["x", "y"]"#);
    check(DOCUMENT, "people[*].missing", "[]");
    check(DOCUMENT, "map.*.n", "[1, 2]");
    check(DOCUMENT, "map.*", r#"[{"n": 1}, {"n": 2}, 3]"#);
    check(DOCUMENT, "map.* | [0]", r#"{"n": 1}"#);
    check(DOCUMENT, "text[*]", "null");
    check(DOCUMENT, "text.*", "null");
    check(DOCUMENT, "list.*", "null");
    check(DOCUMENT, "map[*]", "null");
    check(DOCUMENT, "nested[]", "[1, [2], 3, [4], 5]");
    check(DOCUMENT, "nested[][]", "[1, 2, 3, 4, 5]");
    check(DOCUMENT, "text[]", "null");
    check("[1, [2]]", "[]", "[1, 2]");
    check("[{\"a\": 1}]", "[*].a", "[1]");
    check(r#"{"a": {"b": 1}}"#, "*.b", "[1]");
    check(r#"{"a": [{"b": [{"c": 1}, {"c": 2}]}, {"b": [{"c": 3}]}]}"#, "a[].b[].c", "[1, 2, 3]");
    check(r#"{"a": [{"b": [{"c": 1}, {"c": 2}]}, {"b": [{"c": 3}]}]}"#, "a[*].b[*].c", "[[1, 2], [3]]");
}

#[test]
fn filters() {
    check(DOCUMENT, "people[?age > `1`].name", r#"["b", "c"]"#);
    check(DOCUMENT, "people[?name == 'a' || age == `2`].name", r#"["a", "c"]"#);
    check(DOCUMENT, "people[?name == 'a' && age == `2`].name", "[]");
    check(DOCUMENT, "people[?!tags].name", r#"["b", "c"]"#);
    check(DOCUMENT, "people[?tags][].name", r#"["a"]"#);
    check(DOCUMENT, "people[?contains(tags || `[]`, 'x')] | [0].name", r#""a""#);
    check(DOCUMENT, "text[?@]", "null");
    check(DOCUMENT, "list[?@ >= `8`]", "[8, 9]");
    check(DOCUMENT, "list[?@ < `1` || @ <= `0` || @ != @]", "[0]");
    check("[{\"a\": {\"b\": 1}}, {\"a\": 2}]", "[?a.b == `1`]", r#"[{"a": {"b": 1}}]"#);
}

#[test]
fn comparisons_and_logic() {
    check(DOCUMENT, "yes && text", r#""t""#);
    check(DOCUMENT, "no && text", "false");
    check(DOCUMENT, "zero && text", r#""t""#);
    check(DOCUMENT, "none || text", r#""t""#);
    check(DOCUMENT, "yes || no && no", "true");
    check(DOCUMENT, "(yes || no) && no", "false");
    check(DOCUMENT, "!yes || !no", "true");
    check(DOCUMENT, "!!text", "true");
    check(DOCUMENT, "!`[]`", "true");
    check(DOCUMENT, "!`{}`", "true");
    check(DOCUMENT, "!''", "true");
    check(DOCUMENT, "!zero", "false");
    check(DOCUMENT, "text < 'u'", "null");
    check(DOCUMENT, "float == `1`", "true");
    check(DOCUMENT, "float >= `1` && float <= `1`", "true");
    check(DOCUMENT, "large == `9007199254740992`", "false");
    check(DOCUMENT, "large > `9007199254740992`", "true");
    check(DOCUMENT, "map.a == `{\"n\": 1.0}`", "true");
    check(DOCUMENT, "nested[0] == `[1, [2]]`", "true");
    check(DOCUMENT, "nested[0] != `[1, [3]]`", "true");
    check(DOCUMENT, "none == missing", "true");
    check(DOCUMENT, "zero == no", "false");
}

#[test]
fn selections_and_pipes() {
    check(DOCUMENT, "foo.{a: bar.baz, \"b c\": missing}", r#"{"a": "correct", "b c": null}"#);
    check(DOCUMENT, "[text, zero, missing]", r#"["t", 0, null]"#);
    check(DOCUMENT, "people[*].[name, age] | [1]", r#"["b", 3]"#);
    check(DOCUMENT, "missing.[a, b]", "null");
    // As Kyverno's parser takes it: a comma between pairs may be left out, and nothing else.
    check(DOCUMENT, "foo.{a: bar.baz b: missing, c: `1`}", r#"{"a": "correct", "b": null, "c": 1}"#);
    refused("{a: b c}", 7, "expected");
    refused("{a: b, }", 7, "expected a key");
    check(DOCUMENT, "missing.{a: b}", "null");
    check(DOCUMENT, "people[*].{n: name}[?n == 'b']", r#"[{"n": "b"}]"#);
    check(DOCUMENT, "people[*].{n: name} | [?n == 'b']", r#"[{"n": "b"}]"#);
    check(DOCUMENT, "foo | bar | baz", r#""correct""#);
    check(DOCUMENT, "@.text", r#""t""#);
    check(DOCUMENT, "[@.text, @ | text]", r#"["t", "t"]"#);
    check("5", "@", "5");
}

#[test]
fn literals() {
    check("{}", "`{\"a\": [1, 2.5, null, true, \"x\\ty\"]}`", r#"{"a": [1, 2.5, null, true, "x\ty"]}"#);
    check("{}", "`\"back\\`tick\"`", r#""back`tick""#);
    check("{}", "` 1 `", "1");
    check("{}", "'it\\'s'", r#""it's""#);
    check("{}", r"'a\b'", r#""a\\b""#);
    check("{}", r"'a\\b'", r#""a\\\\b""#);
    check("{}", "''", r#""""#);
    check("{}", "'`\"☃'", r#""`\"☃""#);
}

#[test]
fn what_is_no_expression() {
    refused("", 0, "expected an expression, found the end");
    refused("foo.", 4, "expected a name");
    refused("foo bar", 4, "unexpected `bar`");
    refused("foo[", 4, "expected `*`");
    refused("foo[0", 5, "");
    refused("foo[0:1:2:3]", 9, "");
    refused("foo[0:1:0]", 10, "steps of 0");
    refused("foo[1 2]", 6, "");
    refused("foo[1,2]", 5, "");
    refused("foo[abc]", 4, "expected `*`");
    refused("foo.[", 5, "expected an expression");
    refused("foo.{a}", 6, "expected `:`");
    refused("{}", 1, "expected a key");
    refused("foo = bar", 4, "write `==`");
    refused("'open", 0, "no closing");
    refused("\"open", 0, "no closing");
    refused("`1", 0, "no closing");
    refused("`nope`", 0, "no JSON");
    refused("a.b.#", 4, "starts nothing");
    refused("-", 0, "no digit");
    refused("foo.1", 4, "expected a name");
    refused("lenght(@)", 0, "did you mean `length`");
    refused("length()", 0, "takes 1 arguments, found 0");
    refused("length(@, @)", 0, "takes 1 arguments");
    refused("not_null()", 0, "at least 1");
    refused("length(@,)", 9, "after `,`");
    refused("\"length\"(@)", 8, "quoted");
    refused("@(foo)", 1, "unexpected `(`");
    refused("a ? b : c", 2, "`?`");
    refused("[[0]", 4, "");
    refused("ünicode", 0, "starts nothing");
}

#[test]
fn a_missing_key_is_kyvernos_error() {
    let document: Value = serde_json::from_str(DOCUMENT).unwrap();
    let of = |expression: &str| search(expression, &document, &kyverno());
    for (expression, key) in [
        ("missing", "missing"),
        ("foo.missing", "missing"),
        ("missing.further", "missing"),
        ("missing[0]", "missing"),
        ("yes && missing", "missing"),
        ("foo.bar.x", "x"),
    ] {
        let err = of(expression).expect_err(expression);
        assert!(err.is_unknown_key(), "{expression}");
        assert_eq!(err.to_string(), format!("Unknown key \"{key}\" in path"), "{expression}");
    }
    for (expression, wanted) in [
        ("missing || 'x'", json!("x")),
        ("foo.missing.further || 'x'", json!("x")),
        ("missing || foo.missing", Value::Null),
        ("none", Value::Null),
        ("none.further", Value::Null),
        ("text.further", Value::Null),
        ("list[99].further", Value::Null),
        ("missing[*].a", Value::Null),
        ("missing[]", Value::Null),
        ("missing[?a]", Value::Null),
        ("missing.*", Value::Null),
        ("missing | length('abc')", json!(3)),
        ("people[*].name", json!(["a", "b", "c"])),
        ("people[?age > `1`].name", json!(["b", "c"])),
        ("[missing, text]", json!([null, "t"])),
        ("{a: missing}", json!({"a": null})),
        ("!missing", json!(true)),
        ("missing == `null`", json!(true)),
        ("not_null(missing, text)", json!("t")),
        ("map(&missing, list[:2])", json!([null, null])),
    ] {
        assert_eq!(of(expression).unwrap_or_else(|err| panic!("{expression}: {err}")), wanted, "{expression}");
    }
    // Other errors are none that `||` makes go away.
    let err = of("to_upper(missing) || 'x'").expect_err("an argument of a wrong type");
    assert_eq!(err.to_string(), "JMESPath function 'to_upper': argument #1 is not of type String, found null");
}

/// Names at the top that count how often they are asked for.
struct Lazy {
    values: BTreeMap<&'static str, Value>,
    asked: std::cell::RefCell<Vec<String>>,
}

impl Roots for Lazy {
    fn get(&self, name: &str) -> Option<Result<&Value, super::super::RootError>> {
        self.asked.borrow_mut().push(name.to_owned());
        if name == "broken" {
            return Some(Err("the registry said no".into()));
        }
        self.values.get(name).map(Ok)
    }
}

#[test]
fn only_the_roots_that_are_named_are_loaded() {
    let values = BTreeMap::from([("request", json!({"object": {"kind": "Pod"}})), ("element", json!(1))]);
    let lazy = Lazy { values, asked: Default::default() };
    let surroundings = kyverno();
    let of = |text: &str| {
        let expression = Expression::parse(text).unwrap();
        expression.search_roots(&lazy, &surroundings).map(|found| found.into_owned())
    };
    assert_eq!(of("request.object.kind").unwrap(), "Pod");
    assert_eq!(of("element || request").unwrap(), 1);
    assert_eq!(*lazy.asked.borrow(), ["request", "element"]);
    assert_eq!(of("[request.object.kind, element]").unwrap(), json!(["Pod", 1]));
    assert_eq!(of("@.element").unwrap(), 1);
    assert_eq!(of("@ | element").unwrap(), 1);
    assert!(of("unknown").unwrap_err().is_unknown_key());
    assert_eq!(of("unknown || 'x'").unwrap(), "x");
    assert!(matches!(of("broken.a || 'x'").unwrap_err(), SearchError::Root { name, .. } if name == "broken"));
    assert!(matches!(of("to_string(@)").unwrap_err(), SearchError::NoWhole));
    assert!(matches!(of("@").unwrap_err(), SearchError::NoWhole));
}

#[test]
fn a_part_of_the_document_is_borrowed() {
    let document: Value = serde_json::from_str(DOCUMENT).unwrap();
    let surroundings = kyverno();
    for text in ["foo.bar", "people[0]", "missing || map", "people[*].tags | [0]", "not_null(none, map)", "(list)"] {
        let expression = Expression::parse(text).unwrap();
        let found = expression.search(&document, &surroundings).unwrap();
        assert!(matches!(found, std::borrow::Cow::Borrowed(_)), "{text}");
    }
}
