use super::check;
use crate::expr::{Environment, Limits, Lookup, Outcome, Program};

#[test]
fn literals() {
    check("1", "1");
    check("-9223372036854775808", "-9223372036854775808");
    check("0x1F", "31");
    check("-0x1F", "-31");
    check("18446744073709551615u", "18446744073709551615u");
    check("1.5e3", "1500.0");
    check(".5", "0.5");
    check("1e2", "100.0");
    check("'a' + \"b\" + '''c\nd''' + \"\"\"e\"f\"\"\"", r#""abc\nde\"f""#);
    check(r#""\n\t\\\"\'\x41\u00e4\U0001F600\101""#, r#""\n\t\\\"'AäðŸ˜€A""#.replace("ðŸ˜€", "😀").as_str());
    check(r#"r"\d+""#, r#""\\d+""#);
    check(r#"b"\xffa""#, "b[255, 97]");
    check("[1, 2,]", "[1, 2]");
    check("{'a': 1, 'b': 2}", r#"{"a": 1, "b": 2}"#);
    check("null", "null");
    check("// a remark\ntrue // and another", "true");
}

#[test]
fn arithmetic() {
    check("1 + 2 * 3 - 4 / 2", "5");
    check("(1 + 2) * 3", "9");
    check("-7 / 2", "-3");
    check("-7 % 3", "-1");
    check("- - 7", "7");
    check("7.0 / 2.0", "3.5");
    check("2u * 3u", "6u");
    check("n - 1", "6");
    check("[1] + [2, 3]", "[1, 2, 3]");
    check("b'a' + b'b'", "b[97, 98]");
    check("1 / 0", "error: division by zero");
    check("1 % 0", "error: division by zero");
    check("1.0 / 0.0", "inf");
    check("9223372036854775807 + 1", "error: the result is out of range");
    check("-9223372036854775808 / -1", "error: the result is out of range");
    check("0u - 1u", "error: the result is out of range");
    check("now - now", "0s");
    check("now + duration('1d') - now", "1d");
    check("duration('1h') + duration('30m')", "1h30m");
    check("timestamp('9999-12-30T00:00:00Z') + duration('100d')", "error: the result is out of range");
}

#[test]
fn comparisons() {
    for (source, want) in [
        ("1 < 2", true),
        ("2 <= 2", true),
        ("1 == 1.0", true),
        ("1u == 1", true),
        ("9223372036854775807 < 9223372036854775808.0", true),
        ("9223372036854775807 == 9223372036854775807.0", false),
        ("18446744073709551615u > 1", true),
        ("-1 < 0u", true),
        ("1.5 > 1", true),
        ("'a' < 'b'", true),
        ("b'a' < b'b'", true),
        ("false < true", true),
        ("duration('60m') == duration('1h')", true),
        ("age > duration('24h')", true),
        ("age > duration('2d')", false),
        ("now > timestamp('2026-01-01T00:00:00Z')", true),
        ("severity >= high", true),
        ("severity == high", true),
        ("severity > high", false),
        ("unknown < low && low < medium && medium < high && high < critical", true),
        ("[1, 2] == [1.0, 2u]", true),
        ("[1] == [1, 2]", false),
        ("{'a': 1} == {'a': 1.0}", true),
        ("null == null", true),
        ("double('NaN') < 1.0", false),
        ("double('NaN') == double('NaN')", false),
        ("d == 1", false),
        ("d == 'text'", true),
    ] {
        check(source, &want.to_string());
    }
    check("d < 1", "error: `<` is not defined between string and int");
}

#[test]
fn membership_and_access() {
    check("'CVE-1' in aliases", "true");
    check("3 in [1, 2]", "false");
    check("'a' in m", "true");
    check("1.0 in {1: 2}", "true");
    check("m.a", "1");
    check("m['a']", "1");
    check("has(m.a)", "true");
    check("has(m.b)", "false");
    check("m.b", "error: the map has no `b`");
    check("[10, 20][1]", "20");
    check("[10][1]", "error: index 1 is outside of a list of 1");
    check("[10][-1]", "error: index -1 is outside of a list of 1");
    check("{'a': {'b': [1, 2]}}.a.b[1]", "2");
    check("{'a': 1, 'a': 2}", "error: the key stands in the map twice");
    check("n > 5 ? 'many' : 'few'", "\"many\"");
    check("d.field", "error: expected a list or a map, found string");
}

#[test]
fn macros() {
    check("aliases.exists(a, a.startsWith('GHSA-'))", "true");
    check("aliases.all(a, a.startsWith('GHSA-'))", "false");
    check("aliases.exists_one(a, a.startsWith('GHSA-'))", "true");
    check("aliases.filter(a, a.contains('CVE'))", "[\"CVE-1\"]");
    check("[1, 2, 3].map(x, x * x)", "[1, 4, 9]");
    check("[1, 2, 3].map(x, x > 1, x * x)", "[4, 9]");
    check("m.all(k, m[k] == 1)", "true");
    check("[].all(x, false)", "true");
    check("[].exists(x, true)", "false");
    check("[[1, 2], [3]].map(row, row.map(x, x + size(row)))", "[[3, 4], [4]]");
    check("[1, 2].exists(n, n == 2)", "true");
    // commutative over errors, as || and && are
    check("[0, 1].exists(x, 1 / x == 1)", "true");
    check("[0, 1].all(x, 1 / x == 1)", "error: division by zero");
    check("[0, 2].all(x, 1 / x == 1)", "false");
}

#[test]
fn functions() {
    check("size('äb')", "2");
    check("[1, 2].size() + size({'a': 1}) + size(b'abc')", "6");
    check("package.contains('lib')", "true");
    check("package.startsWith('z') && package.endsWith('g')", "true");
    check("package.matches('^zlib[0-9]')", "true");
    check("matches(package, '(?i)^ZLIB')", "true");
    check("package.matches('lib$')", "false");
    check("package.matches('(' + ')')", "true");
    check("package.matches('(' + '')", "error: the pattern cannot be read: unclosed group");
    check("'aBc'.lowerAscii() + 'aBc'.upperAscii()", "\"abcABC\"");
    check("'  a '.trim()", "\"a\"");
    check("'äbc'.reverse()", "\"cbä\"");
    check("'aaa'.replace('a', 'b')", "\"bbb\"");
    check("'aaa'.replace('a', 'b', 2)", "\"bba\"");
    check("'a,b,c'.split(',')", r#"["a", "b", "c"]"#);
    check("'a,b,c'.split(',', 2)", r#"["a", "b,c"]"#);
    check("'a,b'.split(',', 0)", "[]");
    check("'abc'.split('')", r#"["a", "b", "c"]"#);
    check("'abc'.split('', 2)", r#"["a", "bc"]"#);
    check("['a', 'b'].join('-')", "\"a-b\"");
    check("['a', 'b'].join()", "\"ab\"");
    check("'äbc'.charAt(1)", "\"b\"");
    check("'äbc'.charAt(3)", "\"\"");
    check("'äbc'.charAt(4)", "error: position 4 is outside of the string");
    check("'äbcb'.indexOf('b')", "1");
    check("'äbcb'.indexOf('b', 2)", "3");
    check("'äbcb'.lastIndexOf('b')", "3");
    check("'abc'.indexOf('x')", "-1");
    check("'äbcd'.substring(1, 3)", "\"bc\"");
    check("'äbcd'.substring(2)", "\"cd\"");
    check("'abc'.substring(2, 1)", "error: the substring ends before it begins");
}

#[test]
fn conversions() {
    check("int('12') + int(3.9) + int(2u)", "17");
    check("int(now)", "1772368496");
    check("int(1e30)", "error: this double cannot be read as an int");
    check("uint(-1)", "error: this int cannot be read as a uint");
    check("double('1.5') + double(1)", "2.5");
    check("bool('true') && !bool('f')", "true");
    check("string(12) + string(true) + string(1.5) + string(age) + string(severity)", "\"12true1.51d12hhigh\"");
    check("string(b'hi')", "\"hi\"");
    check("string(b'\\xff')", "error: this bytes cannot be read as a string: the bytes are not UTF-8");
    check("bytes('hi')", "b[104, 105]");
    check("duration('7d')", "7d");
    check("duration(d)", "error: `text` cannot be read as a duration: write for example `90s`, `24h` or `7d`");
    check("timestamp('2026-01-01T00:00:00+01:00')", "2025-12-31T23:00:00Z");
    check("timestamp(0)", "1970-01-01T00:00:00Z");
    check("now.getFullYear()", "2026");
    check("now.getMonth()", "2");
    check("now.getDate()", "1");
    check("now.getDayOfMonth()", "0");
    check("now.getDayOfWeek()", "0");
    check("now.getDayOfYear()", "59");
    check("now.getHours()", "12");
    check("now.getMinutes()", "34");
    check("now.getSeconds()", "56");
    check("now.getMilliseconds()", "789");
    check("age.getHours()", "36");
    check("age.getMinutes()", "2160");
}

#[test]
fn dear_expressions_stop() {
    let nested = "[0,1,2,3,4,5,6,7,8,9]";
    let dear = (0..8).fold("true".to_owned(), |body, level| format!("{nested}.all(x{level}, {body})"));
    check(&dear, "error: the expression costs more than its limit allows");
    // no `||` saves it: the limit is not an error of an operand
    check(&format!("{dear} || t"), "error: the expression costs more than its limit allows");
    let doubled = (0..40).fold("'aaaaaaaaaaaaaaaa'".to_owned(), |text, _| format!("{text}.replace('a', 'aa')"));
    check(&doubled, "error: the expression costs more than its limit allows");
}

#[test]
fn limits_hold() {
    let environment = Environment::new();
    let limits = |source: &str| {
        Program::compile_within(source, &environment, Limits { max_source: 100_000, ..Limits::default() })
    };
    for source in [
        "(".repeat(10_000) + "true" + &")".repeat(10_000),
        "!".repeat(10_000) + "true",
        "[".repeat(10_000),
        "1".to_owned() + &" + 1".repeat(10_000) + " == 1",
        "true ? ".repeat(10_000),
        "{}".to_owned() + &".a".repeat(10_000),
        "-".repeat(10_000),
        "true || true && 1 < 1 + 1 * (".repeat(10_000),
        "[1].map(x, ".repeat(10_000),
    ] {
        assert!(limits(&source).is_err(), "{}", &source[..20]);
    }
    let long = vec!["true"; 10_000].join(" && ");
    assert_eq!(limits(&long).unwrap().evaluate(&super::World), Outcome::True);
    assert!(Program::compile(&" ".repeat(70_000), &environment).is_err());
}

#[test]
fn variables_are_listed() {
    let program =
        Program::compile("severity >= high && aliases.exists(id, id == package) || kev", &super::environment())
            .unwrap();
    assert_eq!(program.variables(), ["aliases", "kev", "package", "severity"]);
    assert!(matches!(super::Activation::lookup(&super::World, "kev"), Lookup::Missing(_)));
}
