use crate::expr::{Program, render_all};

/// All diagnostics, one per line: `start..end message (hint)`.
#[track_caller]
fn check(source: &str, want: &[&str]) {
    let diagnostics = Program::compile(source, &super::environment()).expect_err(source);
    let found: Vec<String> = diagnostics
        .iter()
        .map(|diagnostic| {
            let hint = diagnostic.hint.as_ref().map_or(String::new(), |hint| format!(" ({hint})"));
            let place = source.get(diagnostic.span.start..diagnostic.span.end).unwrap_or("OUTSIDE");
            format!("[{place}] {}{hint}", diagnostic.message)
        })
        .collect();
    assert_eq!(found, want, "{source}");
}

#[test]
fn names() {
    check("severty >= high", &["[severty] there is no variable `severty` (did you mean `severity`?)"]);
    check("severity >= HIGH", &["[HIGH] there is no variable `HIGH` (did you mean `high`?)"]);
    check(
        "kev && exploited",
        &[
            "[exploited] there is no variable `exploited` (there are: severity, fixed, status, kev, epss, cvss, age, package, version, purl, path, layer, base, id, aliases, loaded, malicious, t, f, e, u, v, n, nums, m, d, now, color)",
        ],
    );
    check(
        "fixd || True",
        &[
            "[fixd] there is no variable `fixd` (did you mean `fixed`?)",
            "[True] there is no variable `True` (did you mean `true`?)",
        ],
    );
    check("aliases.exists(alias, alais == 'x')", &["[alais] there is no variable `alais` (did you mean `alias`?)"]);
    check("package.startWith('a')", &["[startWith] there is no function `startWith` (did you mean `startsWith`?)"]);
    check(
        "contains(package, 'a')",
        &["[contains] there is no function `contains` (it is called as `value.contains(...)`)"],
    );
    check("'5'.int() == 5", &["[int] there is no function `int` (it is called as `int(value)`)"]);
    check("m.a.b == 1", &["[m.a.b] an int has no field `b`"]);
    check("package.size == 3", &["[package.size] a string has no field `size` (`size` is a function: `.size(...)`)"]);
}

#[test]
fn comparisons_that_make_no_sense() {
    check(
        "severity >= \"high\"",
        &[
            "[\"high\"] `>=` is not defined between a severity and a string (severities are written without quotes: `high`)",
        ],
    );
    check(
        "'CRITICAL' == severity",
        &[
            "['CRITICAL'] `==` is not defined between a string and a severity (severities are written without quotes: `critical`)",
        ],
    );
    check(
        "severity >= 7",
        &[
            "[7] `>=` is not defined between a severity and an int (compare with `unknown`, `low`, `medium`, `high` or `critical`; scores are in `cvss`)",
        ],
    );
    check(
        "severity in ['high']",
        &[
            "[['high']] `in` is not defined between a severity and a list(string) (severities are written without quotes: `[high, critical]`)",
        ],
    );
    check(
        "fixed == \"true\"",
        &["[\"true\"] `==` is not defined between a bool and a string (write `true` without quotes)"],
    );
    check(
        "kev == 1",
        &[
            "[1] `==` is not defined between a bool and an int (a bool is compared with `true` and `false`, or stands alone)",
        ],
    );
    check(
        "age > '24h'",
        &["['24h'] `>` is not defined between a duration and a string (a duration is written `duration(\"24h\")`)"],
    );
    check(
        "age > 30",
        &[
            "[30] `>` is not defined between a duration and an int (a duration is written `duration(\"24h\")` or `duration(\"7d\")`)",
        ],
    );
    check("age > 24h", &["[24h] `24h` is no number (a duration is written `duration(\"24h\")`)"]);
    check("epss > '0.1'", &["['0.1'] `>` is not defined between a double and a string (write `0.1` without quotes)"]);
    check("cvss + 1 > 9.0", &["[1] `+` is not defined between a double and an int (write `1.0`)"]);
    check("package == zlib", &[ZLIB]);
    check(
        "package == fixed",
        &["[fixed] `==` is not defined between a string and a bool (a text is written in quotes: \"fixed\")"],
    );
    check(
        "aliases == 'CVE-1'",
        &[
            "['CVE-1'] `==` is not defined between a list(string) and a string (to ask whether a list holds something, write `value in list` instead of `==`)",
        ],
    );
    check(
        "'lib' in package",
        &[
            "[package] `in` looks into a list or a map, not into a string (a part of a string is found by `text.contains(part)`)",
        ],
    );
    check("epss == null", &["[epss == null] `==` is not defined between a double and null"]);
    check("aliases < aliases", &["[aliases < aliases] `<` is not defined between a list(string) and a list(string)"]);
    check("1 < 2 < 3", &["[1 < 2 < 3] `<` is not defined between a bool and an int"]);
}

const ZLIB: &str = "[zlib] there is no variable `zlib` (there are: severity, fixed, status, kev, epss, cvss, age, package, version, purl, path, layer, base, id, aliases, loaded, malicious, t, f, e, u, v, n, nums, m, d, now, color)";

#[test]
fn closed_sets() {
    check("status == 'fixd'", &["['fixd'] `status` is never \"fixd\" (did you mean \"fixed\"?)"]);
    check("color != 'blue'", &["['blue'] `color` is never \"blue\" (it is one of: red, green)"]);
    check("color in ['red', 'gren']", &["['gren'] `color` is never \"gren\" (did you mean \"green\"?)"]);
}

#[test]
fn bools_and_calls() {
    check("severity && fixed", &["[severity] `&&` takes a bool, not a severity (compare it: `severity >= high`)"]);
    check("!package", &["[package] `!` takes a bool, not a string (compare it: `package == \"...\"`)"]);
    check(
        "epss",
        &["[epss] the expression gives a double, not a bool (it must say yes or no: compare it with something)"],
    );
    check("kev ? 1 : 'a'", &["[1 : 'a'] one branch gives an int, the other a string"]);
    check(
        "package.contains(1)",
        &["[package.contains(1)] `contains(int)` is not defined on a string (there is `string.contains(string)`)"],
    );
    check(
        "matches(package)",
        &["[matches(package)] `matches(string)` is not defined (there is `matches(string, string)`)"],
    );
    check(
        "package.matches('[')",
        &[
            "['['] the pattern cannot be read: unclosed character class (patterns are those of RE2: no look-around, no back-references)",
        ],
    );
    check(
        "package.matches('a{1000}{1000}')",
        &["['a{1000}{1000}'] the pattern is too large (patterns are those of RE2: no look-around, no back-references)"],
    );
    check(
        "age > duration('1y')",
        &["['1y'] `1y` cannot be read as a duration: write for example `90s`, `24h` or `7d`"],
    );
    check(
        "now > timestamp('yesterday')",
        &["['yesterday'] `yesterday` cannot be read as a point in time: write for example `2026-01-31T00:00:00Z`"],
    );
    check(
        "has(epss) && kev",
        &[
            "[epss] `has` asks for a field of a map: `has(map.field)` (a variable needs no `has`: where its data is missing, the result is unknown, and an unknown `deny` denies)",
        ],
    );
    check("aliases.exists('a', true)", &["['a'] the first argument of `exists` is a name for the element"]);
    check(
        "aliases.all(a)",
        &["[all] `all` takes a variable and a condition (for example `aliases.all(a, a.startsWith(\"GHSA-\"))`)"],
    );
    check("package.all(a, true)", &["[package] a string has no elements to go through"]);
    check("n[0] == 1", &["[n] an int has no elements"]);
    check("aliases['a'] == 'b'", &["['a'] a list(string) is not indexed by a string"]);
}

#[test]
fn syntax() {
    check("", &["[] the expression is empty"]);
    check("kev and fixed", &["[and] expected an operator or the end, found `and` (\"and\" is written `&&`)"]);
    check("not kev", &["[not] expected a value, found `not` (\"not\" is written `!`)"]);
    check("kev = true", &["[=] `=` has no meaning here (equality is written `==`)"]);
    check("kev & fixed", &["[&] `&` has no meaning here (\"and\" is written `&&`)"]);
    check("kev &&", &["[] expected a value, found the end"]);
    check("(kev", &["[] expected `)`, found the end"]);
    check("[1, 2", &["[] expected `,` or `]`, found the end"]);
    check("package == 'a", &["['a] the string has no end (close it with `'`)"]);
    check("package == “a”", &["[“] `“` has no meaning here (write straight quotes: `\"` or `'`)"]);
    check(
        r"package == '\d'",
        &[r#"[\d] `\d` is no escape (a backslash itself is written `\\`, or use a raw string: `r"..."`)"#],
    );
    check("99999999999999999999 > 1", &["[99999999999999999999] the number is out of range"]);
    check("if > 1", &["[if] `if` is a reserved word"]);
    check("epss > 10%", &["[] expected a value, found the end"]);
}

#[test]
fn rendering_underlines_the_place() {
    let source = "fixed &&\n  severity >= \"high\" && kv";
    let diagnostics = Program::compile(source, &super::environment()).unwrap_err();
    assert_eq!(
        render_all(&diagnostics, source),
        r#"error: `>=` is not defined between a severity and a string
  |
2 |   severity >= "high" && kv
  |               ^^^^^^
  |
  = hint: severities are written without quotes: `high`

error: there is no variable `kv`
  |
2 |   severity >= "high" && kv
  |                         ^^
  |
  = hint: did you mean `kev`?
"#
    );
}
