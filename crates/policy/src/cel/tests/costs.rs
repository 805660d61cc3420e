//! What is large costs as much as it is large, and before it is made.

use std::cell::Cell;
use std::fmt::Write as _;

use serde_json::{Value as Json, json};

use super::super::types::Type;
use super::super::{Budget, Environment, Limits, Program};
use super::{Given, environment, run};

const COST: &str = "operation cancelled: actual cost limit exceeded";

/// What an expression costs on an object, in units, whether it gives something or not.
fn cost(text: &str, object: &Json) -> u64 {
    let program = Program::compile(text, &environment()).expect("because it is an expression");
    let limits = Limits { expression: 10_000_000, policy: 10_000_000 };
    let map = Json::Null;
    let host = Given { object, map: &map, budget: Budget::new(limits), depth: Cell::new(0) };
    let _ = program.evaluate(&host);
    10_000_000 - host.budget.left()
}

#[track_caller]
fn costs(text: &str, object: &Json, least: u64) {
    let found = cost(text, object);
    assert!(found >= least, "{text}: costs {found}, and should at least {least}");
}

#[track_caller]
fn fails_on(text: &str, object: &Json, wanted: &str) {
    match run(text, object) {
        Ok(value) => {
            let shown: String = value.to_string().chars().take(200).collect();
            panic!("{text}: gives {shown}, and should fail with `{wanted}`")
        }
        Err(message) => assert!(message.starts_with(wanted), "{text}: `{message}` should begin `{wanted}`"),
    }
}

#[test]
fn functions_pay_for_all_that_they_are_given() {
    let text = "a".repeat(100_000);
    let object = json!({
        "t": text, "v": format!("1.2.3-{text}"), "u": format!("https://h/{text}"), "xs": vec![1; 5_000],
        "texts": vec!["a"; 5_000], "maps": vec![json!({"k": "a"}); 500],
    });
    for expression in [
        "size(object.t)",
        "object.t.size()",
        "jsonpatch.escapeKey(object.t)",
        "bytes(object.t)",
        "string(object.t)",
        "base64.encode(bytes(object.t))",
        "isSemver(object.v)",
        "isURL(object.u)",
        "isQuantity(object.t)",
        "isIP(object.t)",
        "isCIDR(object.t)",
        "object.t.charAt(5)",
        "object.t.trim()",
        "'x'.contains(object.t)",
        "'x'.replace(object.t, 'b')",
        "strings.quote(object.t)",
        "format.dns1123Label().validate(object.t)",
        "md5(object.t)",
        "isImage(object.t)",
        "parseServiceAccount(object.t)",
        "{'a': 1}[object.t]",
        "object.t in {'a': 1}",
        "{object.t: 1}",
        "'%s'.format([object.t])",
        "'%x'.format([object.t])",
        "'%s'.format([{object.t: 1}])",
        "json.marshal({object.t: 1})",
        "time.now().getHours(object.t)",
    ] {
        costs(expression, &object, 10_000);
    }
    // Twice: what is given, and what is made.
    for expression in
        ["string(bytes(object.t))", "object.t.upperAscii()", "object.t.reverse()", "object.t.substring(0)"]
    {
        costs(expression, &object, 20_000);
    }
    for expression in [
        "math.greatest(object.xs)",
        "math.least(object.xs)",
        "sets.contains(object.xs, [])",
        "sets.intersects([], object.xs)",
        "object.xs.slice(0, 1)",
        "optional.unwrap(object.xs)",
        "object.texts.join()",
        "'%s'.format([object.xs])",
    ] {
        costs(expression, &object, 5_000);
    }
    costs("listObjToMap(object.maps, object.maps, 'k', 'k')", &object, 1_000);
    costs("semver(object.v).compareTo(semver(object.v))", &object, 40_000);
    costs("semver(object.v) == semver(object.v)", &object, 30_000);
    costs(&format!("lists.range(100).all(i, b'{}' != b'')", "a".repeat(1_000)), &object, 10_000);
    costs("object.t.split('')", &object, 100_000);
    costs("object.t.findAll('a')", &object, 100_000);
    costs("regex.extractAll(object.t, 'a')", &object, 100_000);
    // What only passes a value on costs nothing of its size.
    for expression in
        ["size(object.xs)", "type(object.t) == string", "optional.of(object.t).hasValue()", "object.xs.first()"]
    {
        let found = cost(expression, &object);
        assert!(found < 20, "{expression}: costs {found}");
    }
}

#[test]
fn text_is_paid_for_before_it_is_made() {
    let text = "a".repeat(1_000_000);
    let many = json!({"t": text, "s": "a".repeat(200_000), "by": "\\0".repeat(60_000), "m": {text.as_str(): 1}});
    // Sixty thousand times two hundred kilobytes.
    fails_on("regex.replace(object.s, '(?s)^.*$', object.by)", &many, COST);
    // Nine thousand keys of a megabyte.
    fails_on("'%s'.format([lists.range(9000).map(i, object.m)])", &many, COST);
    fails_on("json.marshal(lists.range(9000).map(i, object.m))", &many, COST);
    fails_on("lists.range(9000).map(i, object.m)", &many, "a value is too large to be written");
    fails_on("lists.range(9000).map(i, {object.t: 1})", &many, COST);
    fails_on("(object.t + object.t + object.t).split('')", &many, COST);
    fails_on("http.Post('http://x/', [object.t, object.t])", &many, "a body of more than 1048576 bytes is not sent");
}

#[test]
fn documents_cost_what_is_in_them() {
    // A million values out of some hundred bytes.
    let mut laughs = "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n".to_owned();
    for (name, before) in [('b', 'a'), ('c', 'b'), ('d', 'c'), ('e', 'd'), ('f', 'e')] {
        let items = vec![format!("*{before}"); 10].join(", ");
        writeln!(laughs, "{name}: &{name} [{items}]").expect("because text takes all");
    }
    let object = json!({"y": laughs, "few": "a: &a [1, 1]\nb: [*a, *a]", "j": format!("[{}0]", "[],".repeat(50_000))});
    fails_on("yaml.parse(object.y).a == 1 || true", &object, "a YAML text is not read");
    costs("yaml.parse(object.few)", &object, 10);
    costs("json.unmarshal(object.j)", &object, 50_000 + 15_000);
    let large = json!({"j": format!("[{}0]", "[],".repeat(1_000_000))});
    fails_on("json.unmarshal(object.j) == 1 || true", &large, COST);
    fails_on("json.unmarshal(object.j + ' 1')", &object, "failed to unmarshal JSON");
    let keys = json!({"j": "{\"a\": [1], \"a\": {\"b\": []}}"});
    assert_eq!(run("json.unmarshal(object.j)", &keys), Ok(json!({"a": {"b": []}})), "the last of two keys");
    let kinds = json!({"j": "[1, -2, 3.5, 18446744073709551615, null, true, \"x\", {\"k\": [1]}]"});
    assert_eq!(
        run("json.unmarshal(object.j)", &kinds),
        Ok(json!([1, -2, 3.5, u64::MAX as f64, null, true, "x", {"k": [1]}])),
    );
    let deep = json!({"j": format!("{}{}", "[".repeat(100), "]".repeat(100))});
    fails_on("json.unmarshal(object.j) == 1 || true", &deep, "a value nests deeper than 64 levels");
}

#[test]
fn patterns_cost_by_text_and_by_what_they_stand_for() {
    let object =
        json!({"t": "a".repeat(10_000), "p": "(a{100}){10}", "huge": "(a{1000}){1000}", "long": "a".repeat(20_000)});
    // Short pattern, short text.
    assert!(cost("'nginx:1.2'.matches('^[a-z]+:[0-9.]+$')", &object) < 100, "the usual is cheap");
    costs("object.t.matches('(a{100}){10}b')", &object, 100_000);
    costs("object.t.find('a')", &object, 4_000);
    fails_on("lists.range(100).all(i, object.t.matches(object.p))", &object, COST);
    // Too large is a limit: `||` does not hide it.
    fails_on("'a'.matches(object.huge) || true", &object, "the regular expression is too large");
    fails_on("'a'.matches(object.long) || true", &object, "the regular expression is longer");
    // What is known only now is compiled once.
    let once = cost("'a'.matches(object.p)", &object);
    let often = cost("lists.range(10).all(i, 'a'.matches(object.p) || true)", &object);
    assert!(often < once * 8, "once {once}, ten times {often}");
    // What is a literal was compiled before.
    let literal = cost("'a'.matches('(a{100}){10}')", &object);
    assert!(literal < once, "a literal {literal}, another {once}");
}

#[test]
fn what_has_no_order_is_not_sorted() {
    let xs = json!([72, 97, 8, "a", 15, 63, 97, 57, 60, 83, 48, 26, 12, 62, 3, 49, 55, 77, "a", 98, 0, 89, 57, 34]);
    let mut numbers: Vec<String> = (0..28).map(|number| (number * 37 % 28).to_string()).collect();
    numbers.insert(3, "NaN".to_owned());
    numbers.insert(17, "NaN".to_owned());
    let object = json!({"xs": xs, "numbers": numbers, "maps": [{}], "many": (0..5_000).rev().collect::<Vec<i64>>()});
    fails_on("object.xs.sort()", &object, "list elements must have the same type");
    fails_on("object.xs.sortBy(x, x)", &object, "list elements must have the same type");
    fails_on("object.numbers.sortBy(x, double(x))", &object, "NaN values cannot be ordered");
    fails_on("object.maps.sort()", &object, "no such overload");
    fails_on("[1, 2].sortBy(x, x == 1 ? dyn(1) : dyn(2.0))", &object, "list elements must have the same type");
    assert_eq!(run("object.many.sort()[4999] + object.many.sortBy(x, -x)[0]", &object), Ok(json!(9_998)));
    assert_eq!(run("[].sort() + ['b', 'a'].sortBy(x, size(x))", &object), Ok(json!(["b", "a"])), "equal keys stay");
    costs("object.many.sort()", &object, 5_000 * 13);
    fails_on("lists.range(90000).sort()", &object, COST);
}

#[test]
fn types_nest_no_deeper_than_they_may() {
    let mut environment = Environment::kubernetes(["object"]).with_variables();
    let mut text = "[0]".to_owned();
    for _ in 0..100 {
        write!(text, ".map(y, {}y{})", "[".repeat(48), "]".repeat(48)).expect("because text takes all");
    }
    for round in 0..40 {
        let before = match round {
            0 => text.clone(),
            round => text.replacen("[0]", &format!("variables.v{}", round - 1), 1),
        };
        let program = Program::compile(&before, &environment).expect("because a deep type is none that is wrong");
        environment.declare(&format!("v{round}"), &program);
    }
    let program = Program::compile("variables.v39", &environment).expect("because it is declared");
    assert_eq!(program.result.clone().bounded(), program.result, "{}", program.result);
    // What is not deep keeps its type, and so its errors.
    let shallow = Program::compile("[[[1]]]", &environment).expect("because it is an expression");
    assert_eq!(shallow.result.to_string(), "list(list(list(int)))");
    let mut deep = Type::Int;
    for _ in 0..32 {
        deep = Type::List(Box::new(deep));
    }
    assert_ne!(deep.clone().bounded(), Type::Dyn);
    assert_eq!(Type::Optional(Box::new(deep)).bounded(), Type::Dyn);
}

#[test]
fn what_an_expression_was_too_dear_for_its_policy_has_paid() {
    let object = Json::Null;
    let limits = Limits { expression: 1_000, policy: 60_000 };
    let host = Given { object: &object, map: &object, budget: Budget::new(limits), depth: Cell::new(0) };
    let dear = Program::compile_bool("size(lists.range(50000)) == 1", &environment()).expect("because it is one");
    let cheap = Program::compile_bool("1 + 1 == 2", &environment()).expect("because it is one");
    let held = |program: &Program| program.holds(&host).map_err(|err| err.to_string());
    assert_eq!(held(&dear), Err(COST.to_owned()));
    assert_eq!(held(&cheap), Ok(true), "the next expression has its own");
    assert_eq!(held(&dear), Err(COST.to_owned()));
    assert_eq!(held(&cheap), Err(COST.to_owned()), "the policy has nothing left");
}
