//! Literals, operators, macros, optionals, errors as values.

use serde_json::json;

use super::{check, fails};

#[test]
fn literals_are_read_as_written() {
    check("1 + 0x10", json!(17));
    check("-9223372036854775808", json!(i64::MIN));
    check("18446744073709551615u", json!(u64::MAX));
    check("1.5e3 + .5", json!(1500.5));
    check(r#""a\n\u00e9\x41\101" + 'b'"#, json!("a\n\u{e9}AAb"));
    check(r#"r'a\n' + '''x'y'''"#, json!("a\\nx'y"));
    // In a raw string nothing is escaped, the quote that ends it least of all.
    check(r#"[r'a\', r"b\\", r'''c\''']"#, json!(["a\\", "b\\\\", "c\\"]));
    fails(r#"r'a\'b'"#, "load: ");
    check("b'\\xff\\x00' == b'\\377\\000'", json!(true));
    check("[1, 2,] // a comment\n + [3]", json!([1, 2, 3]));
    check("{'a': 1, 2: 'b', true: null}", json!({"a": 1, "2": "b", "true": null}));
    fails("9223372036854775808", "load: invalid int literal");
    fails("'open", "load: a string that is never closed");
    fails("1 +", "load: syntax error");
    fails("a b", "load: syntax error");
    fails("package", "load: reserved identifier: package");
}

#[test]
fn operators_bind_as_the_specification_says() {
    check("1 + 2 * 3 - 4 / 2", json!(5));
    check("7 % 4 == 3 && !(2 > 3) || false", json!(true));
    check("-2 * -3", json!(6));
    check("!!true", json!(true));
    check("--5", json!(5));
    check("true ? 1 : false ? 2 : 3", json!(1));
    check("1 < 2 == true", json!(true));
    check("'b' in ['a', 'b'] && 'app' in object.metadata.labels && !(3 in [1, 2])", json!(true));
    check("[1] + [2, 3]", json!([1, 2, 3]));
    check("'a' + 'b' + 'c'", json!("abc"));
}

#[test]
fn numbers_compare_across_their_types() {
    check("1 == 1u && 1 == 1.0 && 1u == 1.0", json!(true));
    check("1 < 1.5 && 2u > 1 && 1.5 < 2u", json!(true));
    check("9223372036854775807 < 9223372036854775808.0", json!(true));
    check("dyn('1') == 1", json!(false));
    check("dyn(null) == 0", json!(false));
    check("[1, 2.0] == [1.0, 2]", json!(true));
    check("{'a': dyn(1)} == {'a': 1u}", json!(true));
    check("2 in [1, 2.0]", json!(true));
    check("object.spec.replicas > 2.5", json!(true));
    // A number that is none is not equal to itself, and has no order.
    check("0.0 / 0.0 == 0.0 / 0.0", json!(false));
    fails("0.0 / 0.0 < 1.0", "NaN values cannot be ordered");
    fails("1 >= 0.0 / 0.0", "NaN values cannot be ordered");
    fails("[1.0, 0.0 / 0.0].max()", "NaN values cannot be ordered");
    fails("[1.0, 0.0 / 0.0].isSorted()", "NaN values cannot be ordered");
    fails("math.least(0.0 / 0.0, 1.0)", "NaN values cannot be ordered");
}

#[test]
fn overflows_and_divisions_by_zero_are_errors() {
    fails("9223372036854775807 + 1", "integer overflow");
    fails("-9223372036854775808 - 1", "integer overflow");
    fails("-9223372036854775808 / -1", "integer overflow");
    fails("0u - 1u", "unsigned integer overflow");
    fails("4611686018427387904 * 2", "integer overflow");
    fails("1 / 0", "division by zero");
    fails("1 % 0", "modulus by zero");
    fails("int(1e300)", "integer overflow");
    fails("uint(-1)", "unsigned integer overflow");
}

#[test]
fn what_is_missing_is_an_error_and_has_tells() {
    fails("object.spec.nothing", "no such key: nothing");
    fails("object.spec.nothing.deeper", "no such key: nothing");
    fails("object.metadata.annotations.x", "no such key: x");
    fails("object.spec.containers[5]", "index out of bounds: 5");
    fails("object.spec.containers[-1]", "index out of bounds: -1");
    fails("object.metadata.labels['none']", "no such key: none");
    check("has(object.spec.nothing)", json!(false));
    check("has(object.metadata.annotations)", json!(true));
    check("has(object.metadata.annotations.x)", json!(false));
    check("has(object.spec.host.x)", json!(false));
    fails("has(object.nothing.x)", "no such key: nothing");
    // A list has positions and no fields.
    fails("has(object.spec.containers.name)", "unsupported index type 'string' in list");
    fails("object.spec.containers[?'name'].hasValue()", "unsupported index type 'string' in list");
    fails("object.spec.containers.?name.hasValue()", "unsupported index type 'string' in list");
    fails("has(object)", "load: invalid argument to has() macro");
}

#[test]
fn and_and_or_absorb_errors_that_do_not_matter() {
    check("true || 1 / 0 == 1", json!(true));
    check("1 / 0 == 1 || true", json!(true));
    check("false && 1 / 0 == 1", json!(false));
    check("1 / 0 == 1 && false", json!(false));
    check("object.none == 1 || object.other == 2 || object.kind == 'Pod'", json!(true));
    fails("1 / 0 == 1 || false", "division by zero");
    fails("1 / 0 == 1 && true", "division by zero");
    fails("dyn('text') && true", "no such overload");
    check("[1, 0, 2].exists(x, 2 / x == 1)", json!(true));
    check("[0, 2].all(x, 2 / x == 3)", json!(false));
    fails("[0, 2].all(x, 2 / x == 1)", "division by zero");
    fails("[0, 2].exists(x, 2 / x == 7)", "division by zero");
    fails("1 / 0 == 1 ? true : false", "division by zero");
}

#[test]
fn macros_go_over_lists_and_keys_of_maps() {
    check("object.spec.containers.all(c, c.image != '')", json!(true));
    check("object.spec.containers.exists(c, c.name == 'b')", json!(true));
    check("object.spec.containers.exists_one(c, has(c.ports))", json!(true));
    check("object.spec.containers.map(c, c.name)", json!(["a", "b"]));
    check("object.spec.containers.map(c, has(c.ports), c.ports[0])", json!([80]));
    check("object.spec.containers.filter(c, !has(c.ports)).map(c, c.image)", json!(["redis"]));
    check("object.metadata.labels.map(k, k)", json!(["app", "tier"]));
    check("object.metadata.labels.all(k, object.metadata.labels[k] != '')", json!(true));
    check("{'a': 1, 'b': 2}.filter(k, k == 'b')", json!(["b"]));
    check("[].all(x, false) && ![].exists(x, true)", json!(true));
    check("[1, 2, 2].exists_one(x, x == 2)", json!(false));
    // A variable of a macro hides what is outside of it, and ends with it.
    check("[1, 2].map(object, object + 1)[1] + object.spec.replicas", json!(6));
    fails("object.spec.replicas.all(x, true)", "no such overload");
    fails("1.all(x, true)", "load:");
    fails("[1].all(x.y, true)", "load: argument must be a simple name");
    fails("[1].map(x, x) == y", "load: undeclared reference to 'y'");
}

#[test]
fn macros_with_two_variables_see_position_or_key() {
    check("[5, 6].all(i, v, v == i + 5)", json!(true));
    check("{'a': 1, 'b': 2}.exists(k, v, k == 'b' && v == 2)", json!(true));
    check("[4, 5].existsOne(i, v, i == 1)", json!(true));
    check("[4, 5].transformList(i, v, i * v)", json!([0, 5]));
    check("[4, 5].transformList(i, v, i > 0, v)", json!([5]));
    check("{'a': 1, 'b': 2}.transformMap(k, v, v * 10)", json!({"a": 10, "b": 20}));
    check("{'a': 1, 'b': 2}.transformMap(k, v, k != 'a', v)", json!({"b": 2}));
    check("{'a': 'x'}.transformMapEntry(k, v, {v: k})", json!({"x": "a"}));
    fails("{'a': 'x', 'b': 'x'}.transformMapEntry(k, v, {v: k})", "insert failed: key x already exists");
    check("cel.bind(x, object.spec.replicas, x + x)", json!(6));
}

#[test]
fn optionals_carry_what_may_be_missing() {
    check("object.?spec.?replicas.orValue(1)", json!(3));
    check("object.?status.?phase.orValue('none')", json!("none"));
    check("object.metadata.?annotations.?x.hasValue()", json!(false));
    check("object.metadata.?labels['app'].orValue('')", json!("nginx"));
    check("object.metadata.labels[?'none'].orValue('x')", json!("x"));
    check("object.spec.containers[?9].hasValue()", json!(false));
    check("object.spec.?containers[0].name.orValue('')", json!("a"));
    check("optional.of(1).or(optional.of(2)).value()", json!(1));
    check("optional.none().orValue(1 + 1)", json!(2));
    check("optional.of(1).orValue(1 / 0)", json!(1));
    check("optional.ofNonZeroValue('').hasValue()", json!(false));
    check("object.?spec.optMap(s, s.replicas + 1).value()", json!(4));
    check("object.?none.optMap(s, s.replicas).hasValue()", json!(false));
    check("optional.of(2).optFlatMap(x, optional.of(x + 1)).value()", json!(3));
    check("[?object.?none, ?object.?kind, 'x']", json!(["Pod", "x"]));
    check("{?'a': object.?none, 'b': 1}", json!({"b": 1}));
    check("optional.none() == optional.none() && optional.of(1) == optional.of(1)", json!(true));
    fails("optional.none().value()", "optional.none() dereference");
    // What turns out to be no optional has its value.
    check("object.spec.replicas.orValue(1)", json!(3));
    fails("object.spec.none.orValue(1)", "no such key: none");
}

#[test]
fn types_are_values() {
    check("type(1) == int && type('') == string && type([]) == list && type({}) == map", json!(true));
    check("type(null) == null_type && type(type(1)) == type && type(1.0) != int", json!(true));
    check("[int('42'), int(3.9), int(-3.9), int(7u)]", json!([42, 3, -3, 7]));
    check("[double('1.5'), double(2)]", json!([1.5, 2]));
    check("[string(1), string(1.5), string(true), string(b'x'), string(2u)]", json!(["1", "1.5", "true", "x", "2"]));
    check("[string(1e100), string(1e-7), string(100000.0)]", json!(["1e+100", "1e-07", "100000"]));
    check("bool('true') && !bool('F')", json!(true));
    check("[int('+5'), int('-5')]", json!([5, -5]));
    fails("int('x')", "strconv.ParseInt");
    fails("uint('+5')", "strconv.ParseUint");
    fails("double('1e400')", "strconv.ParseFloat");
    fails("string(b'\\xff')", "invalid UTF-8");
    fails("bool('yes')", "type conversion error");
}

#[test]
fn times_have_parts_and_an_arithmetic() {
    check("timestamp('2024-02-29T12:30:45.5Z').getMonth()", json!(1));
    check("timestamp('2024-02-29T23:30:00Z').getDayOfMonth('+02:00')", json!(0));
    check("timestamp('2024-02-29T12:30:45.5Z').getDayOfWeek()", json!(4));
    check("timestamp('2024-02-29T12:30:45.5Z').getMilliseconds()", json!(500));
    check("timestamp('2024-02-29T00:00:00Z').getDayOfYear()", json!(59));
    check("timestamp('2024-01-01T00:00:00Z') + duration('36h')", json!("2024-01-02T12:00:00Z"));
    check("timestamp('2024-01-02T00:00:00Z') - timestamp('2024-01-01T00:00:00Z') == duration('24h')", json!(true));
    check("timestamp('2020-05-01T03:15:12-07:00') < timestamp(1600000000)", json!(true));
    check("string(duration('1h0.5s'))", json!("3600.5s"));
    check("duration('90m').getHours()", json!(1));
    check("duration('3.5s').getMilliseconds()", json!(3500));
    check("timestamp('2024-02-29T12:30:45,123456789012+02:00').getMilliseconds()", json!(123));
    for other in ["30Z", "30:45z", "30:45+0000", "30:60Z", "30:45", "30:45.Z"] {
        fails(&format!("timestamp('2024-02-29T12:{other}')"), "parsing time");
    }
    fails("timestamp('2024-02-29t12:30:45Z')", "parsing time");
    check("int(timestamp(5))", json!(5));
    fails("timestamp('yesterday')", "parsing time");
    fails("timestamp('9999-12-30T00:00:00Z') + duration('24h')", "timestamp overflow");
    fails("duration('soon')", "time: invalid duration");
}
