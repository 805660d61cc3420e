use proptest::prelude::*;

use super::{World, environment};
use crate::expr::{Limits, Outcome, Program, render_all};

/// Expressions of type bool, well typed by construction.
fn bools() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("t".to_owned()),
        Just("f".to_owned()),
        Just("u".to_owned()),
        Just("e".to_owned()),
        Just("severity >= high".to_owned()),
        Just("epss > 0.5".to_owned()),
        Just("n / 0 == 1".to_owned()),
        (any::<i32>(), any::<i32>()).prop_map(|(left, right)| format!("{left} <= {right}")),
    ];
    leaf.prop_recursive(6, 64, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(left, right)| format!("({left}) && ({right})")),
            (inner.clone(), inner.clone()).prop_map(|(left, right)| format!("({left}) || ({right})")),
            inner.clone().prop_map(|operand| format!("!({operand})")),
            (inner.clone(), inner.clone(), inner.clone()).prop_map(|(a, b, c)| format!("({a}) ? ({b}) : ({c})")),
            (inner.clone(), inner.clone()).prop_map(|(left, right)| format!("[{left}, {right}].all(x, x)")),
            (inner.clone(), inner).prop_map(|(left, right)| format!("[{left}].exists(x, x == ({right}))")),
        ]
    })
}

fn run(source: &str) -> Outcome {
    let program =
        Program::compile(source, &environment()).unwrap_or_else(|found| panic!("{}", render_all(&found, source)));
    program.evaluate(&World)
}

/// What is not settled, without the names, which may come in another order.
fn class(outcome: &Outcome) -> u8 {
    match outcome {
        Outcome::True => 0,
        Outcome::False => 1,
        Outcome::Unknown(_) => 2,
        Outcome::Error(_) => 3,
    }
}

proptest! {
    #[test]
    fn any_text_compiles_or_is_explained(source in "\\PC{0,80}") {
        if let Err(found) = Program::compile(&source, &environment()) {
            prop_assert!(!render_all(&found, &source).is_empty());
        }
    }

    #[test]
    fn any_row_of_tokens_terminates(parts in proptest::collection::vec(prop_oneof![
        Just("("), Just(")"), Just("["), Just("]"), Just("{"), Just("}"), Just(","), Just("."), Just("?"), Just(":"), Just("!"), Just("-"),
        Just("+"), Just("*"), Just("/"), Just("%"), Just("&&"), Just("||"), Just("=="), Just("<"), Just("in"), Just("t"), Just("u"), Just("n"),
        Just("d"), Just("m"), Just("severity"), Just("high"), Just("'a'"), Just("r'"), Just("b'\\x"), Just("1"), Just("2u"), Just(".5"), Just("has("),
        Just(".all(x,"), Just(".map(x,"), Just("size("), Just(".matches("), Just("duration("), Just("\\u00"), Just("\n"), Just("//"),
    ], 0..40)) {
        for separator in ["", " "] {
            let source = parts.join(separator);
            match Program::compile_any(&source, &environment(), Limits { max_cost: 10_000, ..Limits::default() }) {
                Ok((program, _)) => { let _ = program.evaluate(&World); }
                Err(found) => prop_assert!(!render_all(&found, &source).is_empty()),
            }
        }
    }

    #[test]
    fn well_typed_expressions_compile_and_run(source in bools()) {
        run(&source);
    }

    #[test]
    fn junctions_are_commutative(left in bools(), right in bools()) {
        for op in ["&&", "||"] {
            let (one, other) = (run(&format!("({left}) {op} ({right})")), run(&format!("({right}) {op} ({left})")));
            prop_assert_eq!(class(&one), class(&other), "{} {} {}", left, op, right);
        }
    }

    #[test]
    fn de_morgan_holds_with_unknowns(left in bools(), right in bools()) {
        let (one, other) = (run(&format!("!(({left}) && ({right}))")), run(&format!("!({left}) || !({right})")));
        prop_assert_eq!(class(&one), class(&other));
    }
}
