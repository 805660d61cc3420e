//! Nothing costs more than it may, and nothing panics.

use proptest::prelude::*;
use serde_json::json;

use super::{fails, object, run};

#[test]
fn work_is_bounded() {
    let cost = "operation cancelled: actual cost limit exceeded";
    fails("lists.range(1000).all(a, lists.range(1000).all(b, lists.range(1000).all(c, true)))", cost);
    // Doubling text.
    let mut text = "'aaaaaaaaaaaaaaaa'".to_owned();
    for _ in 0..24 {
        text = format!("cel.bind(x, {text}, x + x)");
    }
    fails(&text, cost);
    fails("lists.range(100001)", "lists.range() is asked for more");
    fails(
        "'a'.replace('', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa').matches('(a{1000}){1000}')",
        "load: the regular expression is too large",
    );
    // A limit is not absorbed, or `||` would hide it.
    fails("true && (lists.range(100000).all(a, lists.range(100).all(b, true)) || true)", cost);
}

#[test]
fn depth_is_bounded() {
    fails(&"(".repeat(5000), "load: brackets nest deeper");
    fails(&"[".repeat(5000), "load: brackets nest deeper");
    fails(&format!("{}1", "1 + ".repeat(5000)), "load: the expression nests deeper");
    fails(&format!("object{}", ".a".repeat(5000)), "load: the expression nests deeper");
    let mut text = "[1]".to_owned();
    for _ in 0..20 {
        text = format!("cel.bind(x, {text}, [[[[x]]]])");
    }
    fails(&text, "a value nests deeper than 64 levels");
    // A value that is small in memory and large when it is written.
    let mut text = "[1]".to_owned();
    for _ in 0..30 {
        text = format!("cel.bind(x, {text}, [x, x])");
    }
    fails(&text, "a value is too large to be written");
    fails(&text.replace("[1]", "[1] == [1] ? [1] : [1]"), "a value is too large");
    fails(&"!".repeat(200_000), "load: the expression is longer");
}

#[test]
fn equal_values_that_share_their_parts_cost_what_they_cost() {
    let mut text = "[1]".to_owned();
    for _ in 0..30 {
        text = format!("cel.bind(x, {text}, [x, x])");
    }
    fails(&format!("{text} == {text}"), "operation cancelled");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_text_panics(text in ".{0,60}") {
        let _ = run(&text, &object());
    }

    #[test]
    fn no_words_panic(words in proptest::collection::vec(prop_oneof![
        Just("object"), Just("."), Just(".?"), Just("spec"), Just("containers"), Just("["), Just("]"), Just("[?"), Just("("), Just(")"),
        Just("{"), Just("}"), Just("?"), Just(":"), Just(","), Just("+"), Just("-"), Just("!"), Just("&&"), Just("||"), Just("=="), Just("<"),
        Just("in"), Just("1"), Just("-9223372036854775808"), Just("2u"), Just("1.5"), Just("'a'"), Just("b'a'"), Just("null"), Just("true"),
        Just("has"), Just("all"), Just("map"), Just("x"), Just("size"), Just("orValue"), Just("cel.bind"), Just("Object"), Just("JSONPatch"),
        Just("split"), Just("substring"), Just("indexOf"), Just("format"), Just("duration"), Just("timestamp"), Just("math.greatest"),
    ], 0..24)) {
        let _ = run(&words.join(" "), &object());
    }

    #[test]
    fn functions_on_text_take_everything(text in "\\PC{0,12}", part in "\\PC{0,4}", from in any::<i64>(), to in -3_i64..16) {
        let object = json!({"t": text, "p": part, "f": from, "n": to});
        for expression in [
            "object.t.substring(object.n)", "object.t.substring(object.f, object.n)", "object.t.indexOf(object.p, object.n)",
            "object.t.lastIndexOf(object.p, object.n)", "object.t.lastIndexOf(object.p)", "object.t.charAt(object.n)",
            "object.t.split(object.p, object.n)", "object.t.replace(object.p, 'x', object.n)", "object.t.format([object.n])",
            "object.t.matches(object.p)", "url(object.t)", "quantity(object.t)", "semver(object.t, true)", "cidr(object.t)",
            "timestamp(object.t)", "duration(object.t)", "image(object.t)", "format.qualifiedName().validate(object.t)",
            "math.bitShiftRight(object.f, object.n)", "timestamp(object.f)", "regex.replace(object.t, object.p, object.t)",
            "json.unmarshal(object.t)", "yaml.parse(object.t)", "base64.decode(object.t)", "timestamp(5).getHours(object.t)",
        ] {
            let found = run(expression, &object);
            prop_assert!(!found.as_ref().is_err_and(|err| err.starts_with("load")), "{expression}: {found:?}");
        }
    }
}
