//! Bombs: what would take memory, time or the stack without bound is an error.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::{Expression, Limits, SearchError, Surroundings, functions};
use super::{kyverno, refused, search};

#[test]
fn nesting_is_bounded() {
    for (open, close) in [("(", ")"), ("[", "]"), ("!", ""), ("length(", ")"), ("{a: ", "}"), ("map(&", ", @)")] {
        let deep = format!("{}a{}", open.repeat(5_000), close.repeat(5_000));
        assert!(Expression::parse(&deep).is_err(), "{open}");
    }
    for link in [".a", "[0]", "|a", "[]", "||a", " == a", "[?a]", "[*].a"] {
        let err = Expression::parse(&format!("a{}", link.repeat(5_000))).expect_err(link);
        assert!(err.message.contains("deeper"), "{link}: {err}");
        let fine = format!("a{}", link.repeat(40));
        assert!(Expression::parse(&fine).is_ok(), "{link}");
    }
    refused(&"a".repeat(70_000), 0, "longer");
}

/// Shared parts are cheap until somebody writes them out: 2^40 leaves here.
#[test]
fn doubling_is_paid_for() {
    let doubled = format!("`1`{}", " | [@, @]".repeat(40));
    for text in [doubled.clone(), format!("{doubled} | to_string(@)"), format!("{doubled} | @ == @")] {
        let err = search(&text, &json!({}), &kyverno()).expect_err(&text);
        assert!(matches!(err, SearchError::TooLarge | SearchError::TooMuchWork), "{err}");
    }
    let text = format!("'0123456789'{}", " | join('', [@, @])".repeat(40));
    assert!(matches!(search(&text, &json!({}), &kyverno()), Err(SearchError::TooLarge)));
    let text = format!("'aaaaaaaaaa'{}", " | replace_all(@, 'a', 'aaaaaaaaaa')".repeat(20));
    assert!(matches!(search(&text, &json!({}), &kyverno()), Err(SearchError::TooLarge)));
    let text = format!("'aaaaaaaaaa'{}", " | regex_replace_all('a*', @, '$0$0$0')".repeat(40));
    assert!(matches!(search(&text, &json!({}), &kyverno()), Err(SearchError::TooLarge | SearchError::TooMuchWork)));
    assert!(search("random('((((a{1000}){1000}){1000}){1000})')", &json!({}), &kyverno()).is_err());
}

#[test]
fn each_limit_holds() {
    let list: Value = (0..1000).collect::<Vec<u32>>().into();
    let with = |limits: Limits, text: &str| search(text, &list, &Surroundings { limits, ..kyverno() });
    assert!(with(Limits::default(), "[?contains(`[1, 2]`, @)]").is_ok());
    let err = with(Limits { steps: 100, ..Limits::default() }, "[?@ > `1`]").unwrap_err();
    assert!(matches!(err, SearchError::TooMuchWork), "{err}");
    let err = with(Limits { bytes: 100, ..Limits::default() }, "[*]").unwrap_err();
    assert!(matches!(err, SearchError::TooLarge), "{err}");
}

/// CVE-2025-47281: `{{ @ | {{..}} }}`-like arguments of a wrong type brought Kyverno's controller down.
#[test]
fn cve_2025_47281_every_function_with_every_kind_of_argument() {
    let kinds = [
        "`null`",
        "`true`",
        "`-1`",
        "`1e308`",
        "'x'",
        "''",
        "`[]`",
        "`[null]`",
        "`{}`",
        "`{\"a\": {\"b\": [1]}}`",
        "`[{\"a\": 1}, {\"a\": \"b\"}]`",
        "missing",
    ];
    let mut called = 0;
    for function in functions() {
        let count = function
            .signature
            .split_once('(')
            .unwrap()
            .1
            .split_once(')')
            .unwrap()
            .0
            .split(", ")
            .filter(|part| !part.is_empty())
            .count();
        for first in kinds {
            for second in kinds {
                let arguments: Vec<_> = [first, second, first, second].into_iter().take(count).collect();
                let text = format!("{}({})", function.name, arguments.join(", "));
                let _outcome = search(&text, &json!({}), &kyverno());
                called += 1;
            }
        }
    }
    assert!(called > 7_000, "{called}");
}

/// An expression that could be a value could be passed to itself.
#[test]
fn a_reference_is_no_value() {
    refused("[&a]", 1, "found `&`");
    refused("to_array(&a)", 9, "argument 1 of `to_array` is a value");
    refused("not_null(a, &b)", 12, "argument 2");
    refused("&a", 0, "found `&`");
    refused("map(&(&a), b)", 6, "found `&`");
    let err = search("sort_by(`[1]`, 'x')", &json!({}), &kyverno()).unwrap_err();
    assert!(err.to_string().contains("argument #2 is not of type Expression"), "{err}");
}

const PARTS: &[&str] = &[
    "a",
    "b",
    "\"c d\"",
    ".",
    "[",
    "]",
    "[]",
    "[?",
    "*",
    "@",
    "&",
    "&&",
    "||",
    "|",
    "!",
    "==",
    "<",
    ">=",
    "(",
    ")",
    "{",
    "}",
    ":",
    ",",
    "1",
    "-1",
    "`[1, \"a\"]`",
    "`{\"a\": 1}`",
    "'x'",
    "'1Ki'",
    "'5s'",
    "length(",
    "sort_by(",
    "map(&",
    "to_string(",
    "regex_replace_all('a(.)', ",
    "random('[a-z]{3}')",
    "time_parse('2006', ",
    "sum(",
    "divide(",
    "items(",
    "x509_decode(",
    "semver_compare(",
    "truncate(",
    "parse_yaml(",
    "merge(",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn any_text_does_no_harm(text in ".{0,60}") {
        let _outcome = Expression::parse(&text);
    }

    #[test]
    fn any_row_of_tokens_does_no_harm(parts in prop::collection::vec(prop::sample::select(PARTS), 1..24)) {
        let text = parts.concat();
        if let Ok(expression) = Expression::parse(&text) {
            let document = json!({"a": [{"a": 1, "b": "x"}, {"b": [2]}], "b": {"c d": null}});
            let surroundings = kyverno();
            let once = expression.search(&document, &surroundings);
            let again = expression.search(&document, &surroundings);
            prop_assert_eq!(once.map_err(|err| err.to_string()), again.map_err(|err| err.to_string()));
            prop_assert!(expression.tree().starts_with("AST"));
        }
    }
}
