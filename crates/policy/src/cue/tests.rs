//! What CUE policies become, and that nothing of one is lost in silence.

use proptest::prelude::*;

use super::refuse;

#[track_caller]
fn check(cue: &str, rego: &[&str], cel: &[&str], untold: &[usize]) {
    let refused = refuse("p.cue", cue, 1);
    let body: Vec<&str> = refused
        .rego
        .lines()
        .filter(|line| line.starts_with("  "))
        .map(str::trim)
        .filter(|line| !line.starts_with("false"))
        .collect();
    assert_eq!(body, rego, "{refused}");
    let body: Vec<&str> = refused
        .cel
        .lines()
        .map(|line| line.trim_end_matches(" &&").trim())
        .filter(|line| !line.is_empty() && !line.starts_with("false"))
        .collect();
    assert_eq!(body, cel, "{refused}");
    assert_eq!(refused.untold.iter().map(|(line, _)| *line).collect::<Vec<_>>(), untold, "{refused}");
}

#[test]
fn the_table_of_counterparts() {
    check("predicateType: \"X\"", &["input.predicateType == \"X\""], &["statement.predicateType == \"X\""], &[]);
    check("predicate: Data: \"v\"\n", &["input.predicate.Data == \"v\""], &["statement.predicate.Data == \"v\""], &[]);
    check(
        "import \"time\"\n\nbefore: time.Parse(time.RFC3339, \"2049-10-09T17:10:27Z\")\npredicate: {\n  Timestamp: <before\n}",
        &["time.parse_rfc3339_ns(input.predicate.Timestamp) < time.parse_rfc3339_ns(\"2049-10-09T17:10:27Z\")"],
        &["timestamp(statement.predicate.Timestamp) < timestamp(\"2049-10-09T17:10:27Z\")"],
        &[],
    );
    check(
        "predicate: { scanner: { \"builder.id\": =~\"^a\" & !=\"ab\", n: >=-1.5, ok: true } }",
        &[
            "regex.match(\"^a\", input.predicate.scanner[\"builder.id\"])",
            "input.predicate.scanner[\"builder.id\"] != \"ab\"",
            "input.predicate.scanner.n >= -1.5",
            "input.predicate.scanner.ok == true",
        ],
        &[
            "statement.predicate.scanner[\"builder.id\"].matches(\"^a\")",
            "statement.predicate.scanner[\"builder.id\"] != \"ab\"",
            "statement.predicate.scanner.n >= -1.5",
            "statement.predicate.scanner.ok == true",
        ],
        &[],
    );
    check(
        "predicate: a: !~\"b\"",
        &["regex.match(\"b\", input.predicate.a) == false"],
        &["!statement.predicate.a.matches(\"b\")"],
        &[],
    );
    // A name may stand below its use.
    check(
        "predicate: a: name\nname: \"v\" // why",
        &["input.predicate.a == \"v\""],
        &["statement.predicate.a == \"v\""],
        &[],
    );
}

#[test]
fn what_is_not_told_denies() {
    for (cue, line) in [
        ("predicate: a: \"b\" | \"c\"", 1),
        ("predicate: {\n  a: [...{b: 1}]\n}", 2),
        ("predicate: a?: \"b\"", 1),
        ("predicate: a: string", 1),
        ("predicate: a: \"\\(x)\"", 1),
        ("predicate: a: 1_000", 1),
        ("predicate: a: 0x1f", 1),
        ("predicate: #Def\n#Def: {a: 1}", 1),
        ("\n\nif true { predicate: a: 1 }", 3),
        ("limit: <5", 1),
        ("predicate: a: unknown", 1),
        ("predicate: {a: {b: \"c\"} & #D}", 1),
        ("}", 1),
        ("predicate: {a: 1", 1),
    ] {
        let refused = refuse("p.cue", cue, 1);
        assert!(refused.untold.iter().any(|(found, _)| *found == line), "{cue}\n{refused}");
        assert!(refused.rego.contains("\n  false #") && refused.cel.contains("false //"), "{cue}\n{refused}");
    }
    let empty = refuse("p.cue", "// nothing", 1);
    assert!(empty.rego.contains("  false #") && empty.cel.contains("false //"), "{empty}");
}

#[test]
fn the_message_names_file_and_line() {
    let text = refuse("dir/p.cue", "import \"time\"\n\n// a rule\npredicateType: \"X\"\n", 1).to_string();
    assert!(text.starts_with("`dir/p.cue`, line 4: CUE policies are not evaluated"), "{text}");
    assert!(
        text.contains("\n\nhint: the same rules as Rego") && text.contains("    input.predicateType == \"X\"\n"),
        "{text}"
    );
    // Inside of another document, lines count from there.
    let text = refuse("cip.yaml", "predicateType: \"X\"\npredicate: a: b.c\n", 17).to_string();
    assert!(text.starts_with("`cip.yaml`, line 17:") && text.contains("line 18 has no counterpart"), "{text}");
}

proptest! {
    #[test]
    fn any_text_is_refused(text in "([a-z\"{}\\[\\]():,<>=!~&|*.?/\\\\\n 0-9_#\u{e9}-]|time\\.Parse\\(|predicate: ){0,60}") {
        let refused = refuse("p.cue", &text, 1);
        prop_assert!(refused.rego.starts_with("package signature"));
    }
}
