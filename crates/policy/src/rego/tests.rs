//! Policies over statements: what allows, what denies, and what cannot be talked into allowing.

use proptest::prelude::*;
use signet_model::Timestamp;

use super::*;

fn now() -> Timestamp {
    "2026-01-16T00:00:00Z".parse().unwrap()
}

fn module(text: &str) -> Module {
    Module { name: "p.rego".to_owned(), text: format!("package signature\n{text}") }
}

fn ask_within(text: &str, statement: &str, limits: Limits) -> Result<Allowed, Denied> {
    Policy::compile(vec![module(text)], limits).unwrap().evaluate(statement, now())
}

const STATEMENT: &str = r#"{"predicateType": "https://x/p", "predicate": {
    "Data": "foo", "n": 17, "big": 18446744073709551615, "half": 0.5, "Timestamp": "2022-04-12T00:00:00Z", "bad": "soon", "list": [1, 2, 3]}}"#;

#[track_caller]
fn check(text: &str, wanted: bool) {
    let found = ask_within(text, STATEMENT, Limits::default());
    assert_eq!(found.is_ok(), wanted, "{text}\n{found:?}");
}

/// What a denial says.
#[track_caller]
fn denied(text: &str, needle: &str) {
    let found = ask_within(text, STATEMENT, Limits::default()).unwrap_err().to_string();
    assert!(found.contains(needle), "{text}\nno `{needle}` in {found}");
}

#[test]
fn only_true_allows() {
    check("allow { input.predicateType == \"https://x/p\" }", true);
    check("default allow = false\nallow { input.predicate.Data == \"foo\" }", true);
    check("allow = true", true);
    check("default allow = false\nallow { input.predicate.Data == \"bar\" }", false);
    denied("allow { input.predicate.Data == \"bar\" }", "result is undefined for query 'data.signature.allow'");
    denied("deny { true }", "undefined");
    denied("allow = \"true\"", "expression value, \"true\", is not true");
    denied("allow = 1", "expression value, 1, is not true");
    denied("allow[x] { x := input.predicate.list[_] }", "is not true");
    denied("allow = {\"a\": true}", "is not true");
    denied("allow = true\nallow = false { input.predicate.n == 17 }", "cannot be evaluated");
    check("allow { some i; input.predicate.list[i] == 3 }", true);
    check("import future.keywords.in\nallow { 3 in input.predicate.list }", true);
    check("import rego.v1\nallow if { 3 in input.predicate.list }", true);
}

/// OPA takes what a call needs out of a negation; a module in which that cannot be done is none, and its negations are not read as we would.
#[test]
fn a_negation_that_cannot_be_read_as_opa_reads_it_is_refused() {
    let deep = format!("allow {{ not {}startswith(input.absent, \"x\"){} }}", "(".repeat(40), ")".repeat(40));
    let found = Policy::compile(vec![module(&deep)], Limits::default()).unwrap_err().to_string();
    assert!(found.contains("line 2: a negation is too long, too deep"), "{found}");
    check("allow { not startswith(input.absent, \"x\") }", false);
    check("allow { not count([x | x := input.predicate.list[_]; not startswith(input.absent, \"x\")]) == 1 }", true);
}

#[test]
fn times_come_from_outside() {
    check("allow { time.now_ns() == 1768521600000000000 }", true);
    check(
        "allow { time.parse_rfc3339_ns(input.predicate.Timestamp) < time.parse_rfc3339_ns(\"2022-04-15T17:10:27Z\") }",
        true,
    );
    check(
        "allow { time.parse_rfc3339_ns(input.predicate.Timestamp) < time.parse_rfc3339_ns(\"2022-04-01T17:10:27Z\") }",
        false,
    );
    check(
        "allow { time.now_ns() - time.parse_rfc3339_ns(input.predicate.Timestamp) > time.parse_duration_ns(\"24h\") }",
        true,
    );
    check(
        "allow { time.date(time.now_ns()) == [2026, 1, 16]; time.clock([time.now_ns(), \"UTC\"]) == [0, 0, 0]; time.weekday(time.now_ns()) == \"Friday\" }",
        true,
    );
    check("allow { time.add_date(time.now_ns(), 0, 1, 15) == time.parse_rfc3339_ns(\"2026-03-03T00:00:00Z\") }", true);
    check("allow { time.parse_rfc3339_ns(input.predicate.bad) < 1 }", false);
    denied("allow { not time.clock([1, \"Europe/Rome\"]) }", "time zone");
}

#[test]
fn a_policy_reaches_nothing() {
    for call in [
        "http.send({\"method\": \"get\", \"url\": \"http://localhost\"})",
        "opa.runtime()",
        "rand.intn(\"a\", 2)",
        "uuid.rfc4122(\"a\")",
        "io.jwt.decode(\"a\")",
        "net.lookup_ip_addr(\"localhost\")",
        "time.diff(1, 2)",
    ] {
        // Behind `not`, an unknown function must not become true.
        denied(&format!("allow {{ not {call} }}"), "could not find function");
        denied(&format!("allow {{ {call} }}"), "could not find function");
    }
}

#[test]
fn numbers_are_exact_or_refused() {
    check("allow { input.predicate.big == 18446744073709551615 }", true);
    check("allow { input.predicate.big == 18446744073709551614 }", false);
    check("allow { input.predicate.half == 0.5 }", true);
    let policy = "allow { input.n > 1 }";
    let found = ask_within(policy, r#"{"n": 18446744073709551617}"#, Limits::default());
    assert!(matches!(&found, Err(Denied::Input(why)) if why.contains("18446744073709551617")), "{found:?}");
    assert!(matches!(ask_within(policy, "{", Limits::default()), Err(Denied::Input(_))));
}

#[test]
fn limits_deny() {
    let few = Limits { steps: 1_000, ..Limits::default() };
    let slow = "allow { count([1 | numbers.range(1, 1000)[_]; numbers.range(1, 1000)[_]]) > 1 }";
    assert_eq!(ask_within(slow, "{}", few.clone()), Err(Denied::Steps(1_000)));
    assert_eq!(
        ask_within("allow { not slow }\nslow { numbers.range(1, 100000)[_] == 0 }", "{}", few.clone()),
        Err(Denied::Steps(1_000))
    );
    assert_eq!(ask_within("allow { true }", "{}", few), Ok(Allowed::default()));
    let small = Limits { input_bytes: 10, ..Limits::default() };
    assert!(matches!(ask_within("allow { true }", r#"{"a": "01234"}"#, small), Err(Denied::Input(_))));
    denied("allow { numbers.range(1, 1000000000000)[_] == 7 }", "more than");
    denied("allow { numbers.range_step(-9223372036854775808, 9223372036854775807, 2)[_] == 7 }", "more than");
    let long = Policy::compile(vec![module("allow { true }")], Limits { policy_bytes: 9, ..Limits::default() });
    assert!(matches!(long, Err(RegoError::TooLong { .. })), "{long:?}");
}

/// A megabyte, within which each of these bombs must end, whatever makes it.
#[track_caller]
fn explodes(body: &str) {
    let limits = Limits { made_bytes: 1 << 20, ..Limits::default() };
    let found = ask_within(body, r#"{"a": "0123456789abcdef", "list": [1, 2, 3]}"#, limits.clone());
    assert_eq!(found, Err(Denied::Memory(1 << 20)), "{body}");
    // What is refused does not become true behind `not`.
    let behind = format!("allow {{ not bomb }}\nbomb {{ false }}\n{}", body.replacen("allow", "bomb", 1));
    assert_eq!(
        ask_within(&behind, r#"{"a": "0123456789abcdef", "list": [1, 2, 3]}"#, limits),
        Err(Denied::Memory(1 << 20)),
        "{behind}"
    );
}

/// Forty rules, of which each makes the next one out of itself.
fn chain(step: &str, last: &str) -> String {
    let rules: String = (0..40).map(|at| format!("x{} = {}\n", at + 1, step.replace("@", &format!("x{at}")))).collect();
    format!("allow {{ {} }}\nx0 = input.a\n{rules}", last.replace("@", "x40"))
}

#[test]
fn bombs_of_memory_end() {
    for step in [
        "concat(\"\", [@, @])",
        "sprintf(\"%s%s\", [@, @])",
        "replace(@, \"0\", @)",
        "replace(@, \"\", \"ab\")",
        "strings.replace_n({\"0\": @}, @)",
        "regex.replace(@, \"[0-9]\", @)",
        "regex.replace(@, \".*\", \"$0$0$0\")",
        "json.marshal([@, @])",
        "base64.encode(concat(\"\", [@, @]))",
        "upper(concat(@, [\"a\", @]))",
    ] {
        explodes(&chain(step, "count(@) > 1"));
    }
    // Lists that share their parts are small until they are written out.
    for last in ["count(json.marshal(@)) > 1", "count(sprintf(\"%v\", [@])) > 1", "walk(@, [[], _])"] {
        explodes(&chain("[@, @]", last));
    }
    for body in [
        "allow { count([x | x := numbers.range(1, 1000000)]) > 1 }",
        "allow { count([y | x := numbers.range(1, 1000)[_]; y := numbers.range(1, 1000)]) > 1 }",
        "allow { count(concat(\"\", [input.a | numbers.range(1, 10000)[_]; numbers.range(1, 10)[_]])) > 1 }",
        "allow { count(array.concat(numbers.range(1, 9000), numbers.range(1, 9000))) > 1; count(array.concat(numbers.range(1, 9000), numbers.range(1, 9000))) > 1 }",
        "allow { sprintf(\"%999999999d\", [1]) != \"\" }",
        "allow { sprintf(\"%0999999999d\", [1]) != \"\" }",
        "allow { bits.lsh(1, 4000000000) > 1 }",
        "allow { graph.reachable_paths({\"a\": [\"b\"], \"b\": []}, {\"a\"}) != set() }",
        "allow { json.marshal_with_options(input, {\"prefix\": concat(\"\", [input.a | numbers.range(1, 2000)[_]]), \"pretty\": true}) != \"\" }",
    ] {
        explodes(body);
    }
    // A result is not written out whole to say that it is not `true`.
    denied(
        &chain("[@, @]", "true").replacen("allow { true }", "allow = x40", 1).replace("input.a", "1"),
        "too large to be shown",
    );
    // Numbers that are spelt in nine letters and take a gigabyte.
    for call in ["to_number(\"1e999999999\")", "json.unmarshal(\"[1e999999999]\")[0]"] {
        explodes(&format!("allow {{ {call} > 1 }}"));
    }
    let found = Policy::compile(vec![module("allow { 1e999999999 > 1 }")], Limits::default()).unwrap_err();
    assert!(found.to_string().contains("the exponent of the number `1e999999999`"), "{found}");
    assert!(matches!(
        ask_within("allow { input.n > 1 }", r#"{"n": 1e999999999}"#, Limits::default()),
        Err(Denied::Input(_))
    ));
}

#[test]
fn functions_that_pay_do_what_they_did() {
    for body in [
        "concat(\",\", [\"a\", \"b\"]) == \"a,b\"",
        "concat(\",\", {\"b\", \"a\"}) == \"a,b\"",
        "sprintf(\"%s-%d-%v\", [\"a\", 7, [1]]) == \"a-7-[1]\"",
        "replace(\"aba\", \"a\", \"cc\") == \"ccbcc\"",
        "strings.replace_n({\"a\": \"b\"}, \"aa\") == \"bb\"",
        "regex.replace(\"a1b2\", \"[0-9]\", \"\") == \"ab\"",
        "split(\"a/b\", \"/\") == [\"a\", \"b\"]",
        "split(\"a/b\", \"/\")[1] == \"b\"",
        "array.concat([1], [2]) == [1, 2]",
        "array.slice([1, 2, 3], 1, 2) == [2]",
        "json.unmarshal(json.marshal({\"a\": [1]})) == {\"a\": [1]}",
        "base64.decode(base64.encode(\"x\")) == \"x\"",
        "hex.encode(\"x\") == \"78\"",
        "object.union({\"a\": 1}, {\"b\": 2}) == {\"a\": 1, \"b\": 2}",
        "object.remove({\"a\": 1, \"b\": 2}, [\"a\"]) == {\"b\": 2}",
        "union({{1}, {2}}) == {1, 2}",
        "upper(\"a\") == \"A\"; lower(\"A\") == \"a\"; trim_space(\" a \") == \"a\"; trim(\"xax\", \"x\") == \"a\"",
        "trim_prefix(\"v1\", \"v\") == \"1\"; substring(\"abc\", 1, 1) == \"b\"; indexof_n(\"aba\", \"a\") == [0, 2]",
        "bits.lsh(1, 70) == 1180591620717411303424; format_int(255, 16) == \"ff\"",
        "[[\"a\"], 1] == [p | walk({\"a\": 1}, p)][1]",
        "regex.find_n(\"a.\", \"abac\", -1) == [\"ab\", \"ac\"]",
    ] {
        check(&format!("allow {{ {body} }}"), true);
    }
    // A call that fails is undefined, and that is told.
    let allowed = ask_within("allow { not concat(1, 2) }", "{}", Limits::default()).unwrap();
    assert_eq!(allowed.warnings.len(), 1, "{allowed:?}");
    check("allow { concat(1, 2) }", false);
}

#[test]
fn recursion_ends() {
    // In rules and in functions.
    assert!(ask_within("allow { a }\na { b }\nb { a }", "{}", Limits::default()).is_err());
    assert_eq!(ask_within("allow { not f(1) }\nf(x) { f(x + 1) }", "{}", Limits::default()), Err(Denied::Recursion));
    let deep = format!("allow {{ {}1{} }}", "(".repeat(5_000), ")".repeat(5_000));
    assert!(matches!(Policy::compile(vec![module(&deep)], Limits::default()), Err(RegoError::Syntax { .. })));
}

#[test]
fn a_panic_denies() {
    assert_eq!(engine::isolated::<()>(|| panic!("on purpose")), Err(Denied::Panicked("on purpose".to_owned())));
}

#[test]
fn a_failed_call_behind_not_is_told() {
    let allowed = ask_within(
        "allow { not old }\nold { time.parse_rfc3339_ns(input.predicate.bad) < 1 }",
        STATEMENT,
        Limits::default(),
    );
    let warnings = allowed.unwrap().warnings;
    assert!(warnings.len() == 1 && warnings[0].contains("`soon` is no time"), "{warnings:?}");
    let allowed = ask_within("allow { not to_number(\"x\") }", STATEMENT, Limits::default()).unwrap();
    assert_eq!(allowed.warnings.len(), 1, "{allowed:?}");
    assert_eq!(
        ask_within("allow { not input.predicate.absent }", STATEMENT, Limits::default()),
        Ok(Allowed::default())
    );
}

#[test]
fn modules_belong_together_or_stand_alone() {
    let library = Module { name: "lib.rego".to_owned(), text: "package lib\nfine { input.a == 1 }".to_owned() };
    let uses = Module {
        name: "uses.rego".to_owned(),
        text: "package signature\nimport data.lib\nallow { lib.fine }".to_owned(),
    };
    let other = Module { name: "other.rego".to_owned(), text: "package signature\nallow { input.b == 1 }".to_owned() };
    let all = vec![library.clone(), uses, other];
    let statement = r#"{"a": 1, "b": 2}"#;
    // As Cosign evaluates them: one of the rules suffices.
    Policy::compile(all.clone(), Limits::default()).unwrap().evaluate(statement, now()).unwrap();
    // Each for itself, and each must hold.
    let each = Policy::each(all, &Limits::default()).unwrap();
    let found: Vec<(&str, bool)> =
        each.iter().map(|(name, policy)| (name.as_str(), policy.evaluate(statement, now()).is_ok())).collect();
    assert_eq!(found, [("uses.rego", true), ("other.rego", false)]);
    for compiled in [
        Policy::compile(vec![library.clone()], Limits::default()).map(|_| ()),
        Policy::each(vec![library], &Limits::default()).map(|_| ()),
    ] {
        assert!(matches!(&compiled, Err(RegoError::NoEntry { names }) if names == "`lib.rego`"), "{compiled:?}");
    }
    let broken = Policy::compile(vec![module("allow {")], Limits::default()).unwrap_err();
    assert!(
        matches!(&broken, RegoError::Syntax { name, why } if name == "p.rego" && why.contains("p.rego:2")),
        "{broken:?}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]
    #[test]
    fn mutated_policies_never_panic(at in 0_usize..90, with in ".{0,3}") {
        let text = "allow { some i; input.predicate.list[i] == 3; not time.now_ns() < 5; startswith(\"a\", \"b\") }";
        let mut letters: Vec<char> = text.chars().collect();
        let at = at.min(letters.len() - 1);
        letters.splice(at..=at, with.chars());
        if let Ok(policy) = Policy::compile(vec![module(&letters.iter().collect::<String>())], Limits { steps: 10_000, ..Limits::default() }) {
            let found = policy.evaluate(STATEMENT, now());
            prop_assert!(!matches!(found, Err(Denied::Panicked(_))), "{:?}", found);
        }
    }
}
