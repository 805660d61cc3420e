//! The functions, row by row. Rows about Kyverno's come from its documentation and from the types of its source.

use serde_json::{Value, json};

use super::super::{Expression, Surroundings, functions};
use super::{check, fails, gives, kyverno, search};

#[test]
fn of_the_language() {
    check("{}", "abs(`-2.5`)", "2.5");
    check("{}", "[ceil(`1.2`), floor(`-1.2`), ceil(`3`)]", "[2, -2, 3]");
    check("{}", "[avg(`[1, 2]`), avg(`[]`), sum(`[1, 2.5]`), sum(`[]`)]", "[1.5, null, 3.5, 0]");
    check("{}", "[contains('abc', 'b'), contains('abc', `1`), contains(`[1, [2]]`, `[2.0]`)]", "[true, false, true]");
    check("{}", "[starts_with('abc', 'ab'), ends_with('abc', 'ab')]", "[true, false]");
    check("{}", "[join(', ', `[\"a\", \"b\"]`), join(',', `[]`)]", r#"["a, b", ""]"#);
    check("{\"b\": 1, \"a\": 2}", "[keys(@), values(@)]", r#"[["a", "b"], [2, 1]]"#);
    check("{}", "[length('äbc'), length(`[1]`), length(@)]", "[3, 1, 0]");
    check("[{\"a\": 1}, {}]", "map(&a, @)", "[1, null]");
    check("{}", "[max(`[1, 3, 2]`), min(`[\"b\", \"a\"]`), max(`[]`)]", r#"[3, "a", null]"#);
    check(
        "[{\"a\": 2, \"n\": 1}, {\"a\": 1, \"n\": 2}, {\"a\": 1, \"n\": 3}]",
        "[max_by(@, &a).n, min_by(@, &a).n]",
        "[1, 2]",
    );
    check("[{\"a\": 2, \"n\": 1}, {\"a\": 1, \"n\": 2}, {\"a\": 1, \"n\": 3}]", "sort_by(@, &a)[].n", "[2, 3, 1]");
    check("[]", "[max_by(@, &a), sort_by(@, &a)]", "[null, []]");
    check("{}", "merge(`{\"a\": 1, \"b\": 2}`, `{\"b\": 3}`)", r#"{"a": 1, "b": 3}"#);
    check("{}", "[not_null(a, 'x'), not_null(a)]", r#"["x", null]"#);
    check("{}", "[reverse('abä'), reverse(`[1, 2]`)]", r#"["äba", [2, 1]]"#);
    check("{}", "[sort(`[3, 1.5, 2]`), sort(`[\"b\", \"B\", \"a\"]`)]", r#"[[1.5, 2, 3], ["B", "a", "b"]]"#);
    check("{}", "[to_array('a'), to_array(`[1]`)]", r#"[["a"], [1]]"#);
    check(
        "{}",
        "[to_number('1.5'), to_number('12'), to_number('x'), to_number(`[]`), to_number('inf'), to_number('-5.')]",
        "[1.5, 12, null, null, null, -5]",
    );
    check("{}", "[to_string('a'), to_string(`[1.0, \"<\"]`)]", r#"["a", "[1.0,\"<\"]"]"#);
    check(
        "{}",
        "[type('a'), type(`1`), type(`true`), type(`null`), type(`[]`), type(@)]",
        r#"["string", "number", "boolean", "null", "array", "object"]"#,
    );
    fails("sort(`[1, \"a\"]`)", "argument #1 is not of type Array of String or Array of Number, found array");
    fails("sort_by(`[{\"a\": 1}, {\"a\": \"b\"}]`, &a)", "all have to be numbers, or all strings");
    fails("max_by(`[{\"a\": true}]`, &a)", "gives boolean");
    fails("length(`1`)", "not of type String or Array or Object, found number");
    fails("join(',', `[1]`)", "argument #2 is not of type Array of String");
}

#[test]
fn numbers_are_written_as_go_writes_them() {
    gives("to_string(`1.0`)", json!("1"));
    gives(
        "to_string(`[1e21, 1e20, 1e-7, 0.000001, -2.50, 9007199254740993]`)",
        json!("[1e+21,100000000000000000000,1e-7,0.000001,-2.5,9007199254740993]"),
    );
    gives(r#"to_string(`{"b": "<&>\n\u2028", "a": null}`)"#, json!(r#"{"a":null,"b":"\u003c\u0026\u003e\n\u2028"}"#));
}

#[test]
fn text() {
    gives("[compare('a', 'b'), compare('b', 'b'), compare('b', 'a')]", json!([-1, 0, 1]));
    gives(
        "[equal_fold('Go', 'gO'), equal_fold('ſ', 'S'), equal_fold('ß', 'SS'), equal_fold('a', 'b')]",
        json!([true, true, false, false]),
    );
    gives("replace('x x x', 'x', 'y', `2`)", json!("y y x"));
    gives("replace('x x x', 'x', 'y', `-1`)", json!("y y y"));
    gives("replace_all('ab', '', '-')", json!("-a-b-"));
    gives("[to_upper('aß#1'), to_lower('ÄΣ')]", json!(["Aß#1", "äσ"]));
    gives("trim('¡¡Hello!!', '!¡')", json!("Hello"));
    gives("[trim_prefix('v1.2', 'v'), trim_prefix('1.2', 'v')]", json!(["1.2", "1.2"]));
    gives("[split('a,b,,', ','), split('äb', ''), split('', ',')]", json!([["a", "b", "", ""], ["ä", "b"], [""]]));
    gives("[to_boolean('TrUe'), to_boolean('FALSE')]", json!([true, false]));
    fails("to_boolean('yes')", "'true' or 'false'");
    gives(
        "[truncate('Lorem ipsum', `5`), truncate('äöü', `2.6`), truncate('a', `-1`), truncate('a', `1e300`)]",
        json!(["Lorem", "äö", "", "a"]),
    );
    for (path, wanted) in [
        ("", ""),
        ("///", "/"),
        ("/var/run///a.sock", "/var/run/a.sock"),
        ("/run/../etc/", "/etc"),
        ("/../../", "/"),
        ("a/../..", ".."),
        ("./a/.", "a"),
        ("a/..", "."),
    ] {
        gives(&format!("path_canonicalize('{path}')"), json!(wanted));
    }
    fails("trim(`1`, 'a')", "JMESPath function 'trim': argument #1 is not of type String, found number");
}

#[test]
fn patterns() {
    gives(
        "[regex_match('12.*', 'a-12b'), regex_match('^[1-7]$', `7`), regex_match('^x', 'ax')]",
        json!([true, true, false]),
    );
    gives(r"regex_replace_all('([Hh]e|G)l', 'Hello world, helworldlo', '${2}G')", json!("Glo world, Gworldlo"));
    gives("regex_replace_all('a(.)', 'axay', '$1-')", json!("x-y-"));
    gives("regex_replace_all_literal('[Hh]el?', 'Hello, helo', '$1')", json!("$1lo, $1o"));
    // ASCII classes, and signs that stand for themselves in a class, as in Go.
    gives(
        r"[regex_match('^\d$', '٣'), regex_match('^\w$', 'ä'), regex_match('^[[&&~-]+$', '[&~-'), regex_match('^[]a]+$', ']a')]",
        json!([false, false, true, true]),
    );
    gives(
        r"[regex_match('^\Qa.b\E.$', 'a.bc'), regex_match('^[\d_]+$', '1_2'), regex_match('^[[:alpha:]]+$', 'ab')]",
        json!([true, true, true]),
    );
    gives(
        r"[regex_match('^\S+$', 'a b'), regex_match('\bb', 'a b'), regex_match('(?i)^A$', 'a')]",
        json!([false, true, true]),
    );
    fails("regex_match('(', 'a')", "no regular expression");
    fails("regex_match('(?=a)', 'a')", "no regular expression");
    fails(r"regex_match('((a{100}){100}){100}', 'a')", "too large");
    gives(
        "[pattern_match('prefix-*', 'prefix-foo'), pattern_match('12?', `123`), pattern_match('?', ''), pattern_match('a*c*', 'a/b/c'), pattern_match('*a', 'ba b')]",
        json!([true, true, false, true, false]),
    );
    let worst = format!("pattern_match('{}b', '{}')", "*a".repeat(40), "a".repeat(2000));
    gives(&worst, json!(false));
}

#[test]
fn a_pattern_that_changes_is_not_the_one_that_was_kept() {
    let expression = Expression::parse("map(&regex_match(p, t), @)").unwrap();
    let document = json!([{"p": "^a", "t": "a"}, {"p": "^b", "t": "a"}, {"p": "^a", "t": "b"}, {"p": "^b", "t": "b"}]);
    let surroundings = kyverno();
    for _ in 0..2 {
        assert_eq!(*expression.search(&document, &surroundings).unwrap(), json!([true, false, false, true]));
    }
}

#[test]
fn arithmetic() {
    for (expression, wanted) in [
        ("add(`12`, `13`)", json!(25)),
        ("add(`0.1`, `0.2`)", json!(0.1 + 0.2)),
        ("add(`9007199254740993`, `1`)", json!(9_007_199_254_740_994_i64)),
        ("add('12Ki', '13Ki')", json!("25Ki")),
        ("add('12Ki', '13')", json!("12301")),
        ("add('0', '1Ki')", json!("1Ki")),
        ("add('12s', '13s')", json!("25s")),
        ("sum(['12Ki', '13Ki', '1Ki', '4Ki'])", json!("30Ki")),
        ("sum(['12s', '13s', '1s'])", json!("26s")),
        ("sum([`12`])", json!(12)),
        ("sum([`12`, `13`, `1.5`])", json!(26.5)),
        ("subtract('12Ki', '13Ki')", json!("-1Ki")),
        ("subtract('1', '100m')", json!("900m")),
        ("subtract('12s', '13s')", json!("-1s")),
        ("multiply('12Ki', `2`)", json!("24Ki")),
        ("multiply(`2.5`, '12Ki')", json!("30Ki")),
        ("multiply('100m', `0.5`)", json!("50m")),
        ("multiply(`2.5`, '40s')", json!("1m40s")),
        ("multiply(`2.5`, `2.5`)", json!(6.25)),
        ("divide('8', '3')", json!(8.0 / 3.0)),
        ("divide('12Ki', '200')", json!(61.44)),
        ("divide('12Ki', `3`)", json!("4Ki")),
        ("divide('10', `4`)", json!("2")),
        ("divide('10.0', `4`)", json!("2500m")),
        ("divide('12s', '5s')", json!(2.4)),
        ("divide('12s', `3`)", json!("4s")),
        ("divide(`14`, `4`)", json!(3.5)),
        ("modulo('12Ki', '5Ki')", json!("2Ki")),
        ("modulo('13s', '2s')", json!("1s")),
        ("modulo(`-13`, `5`)", json!(-3)),
        ("round(`2.345`, `2`)", json!(2.35)),
        ("round(`-2.5`, `0`)", json!(-3)),
        ("round(`1.5`, `400`)", json!(1.5)),
    ] {
        gives(expression, wanted);
    }
    for (expression, needle) in [
        ("add('12', `13`)", "Types mismatch"),
        ("add('12Ki', '13s')", "Types mismatch"),
        ("add('12s', '13')", "Types mismatch"),
        ("add('x', `1`)", "invalid operands"),
        ("add('1d', '1d')", "invalid operands"),
        ("add(`null`, `1`)", "invalid operands"),
        ("sum(`[]`)", "at least one element"),
        ("sum(['12', '13s'])", "Types mismatch"),
        ("multiply('12Ki', '12')", "Types mismatch"),
        ("divide(`14`, '5')", "Types mismatch"),
        ("divide(`14`, `0`)", "Zero divisor"),
        ("divide('4', '0Ki')", "Zero divisor"),
        ("divide('4s', '0s')", "Zero divisor"),
        ("modulo(`14`, `0`)", "Zero divisor"),
        ("modulo('4', '1.5')", "Non-integer"),
        ("modulo(`14.5`, `2`)", "Non-integer"),
        ("add('2562047h', '2562047h')", "larger"),
        ("multiply('2562047h', `10`)", "larger"),
        ("multiply(`1e300`, `1e300`)", "no finite number"),
        ("round(`1`, `0.5`)", "Non-integer"),
        ("round(`1`, `-1`)", "out of bounds"),
    ] {
        fails(expression, needle);
    }
}

#[test]
fn quantities_are_written_canonically() {
    let canonical = |text: &str| crate::quantity::Quantity::parse(text).map(|found| found.to_string());
    for (text, wanted) in [
        ("1000m", "1"),
        ("1500m", "1500m"),
        ("0.5", "500m"),
        ("1.5Gi", "1536Mi"),
        ("1024Ki", "1Mi"),
        ("1000Ki", "1000Ki"),
        ("1000", "1k"),
        ("100k", "100k"),
        ("1E", "1E"),
        ("1e3", "1e3"),
        ("12e2", "1200"),
        ("1e-3", "1e-3"),
        ("0.0000000001", "1n"),
        ("+5", "5"),
        ("-0.5Ki", "-512"),
        ("0.1Ki", "102400m"),
        ("100Ei", "9223372036854775807"),
        ("00", "0"),
        (".5", "500m"),
        ("5.", "5"),
        ("1e99", "9223372036854775807"),
        ("1E3", "1e3"),
        ("0.00000000000000000000000000000000001Ki", "1n"),
        ("99999999999999999999999999999Ki", "9223372036854775807"),
    ] {
        assert_eq!(canonical(text).as_deref(), Some(wanted), "{text}");
    }
    for text in ["", "+", ".", "1x", "1 Ki", "Ki", "1KiB", "1e", "1e1.5", "--1", "1.2.3", "0x10", "1e+", "5s"] {
        assert_eq!(canonical(text), None, "{text}");
    }
    assert!(crate::quantity::Quantity::parse("1Gi") > crate::quantity::Quantity::parse("1G"));
}

#[test]
fn collections() {
    gives("lookup(`{\"a\": 1}`, 'a')", json!(1));
    gives(
        "[lookup(`{\"a\": 1}`, 'b'), lookup(`[1]`, `-1`), lookup(`[1]`, `1`), lookup(`[1, 2]`, `1.0`)]",
        json!([null, null, null, 2]),
    );
    fails("lookup(`{}`, `1`)", "argument #2 is not of type String");
    fails("lookup(`[]`, 'a')", "argument #2 is not of type Number");
    fails("lookup(`[]`, `1.5`)", "expected an integer number but got: 1.5");
    gives("items(`{\"b\": 2, \"a\": 1}`, 'k', 'v')", json!([{"k": "a", "v": 1}, {"k": "b", "v": 2}]));
    gives("items(`[\"A\"]`, 'k', 'v')", json!([{"k": 0, "v": "A"}]));
    gives("object_from_lists(`[\"a\", 1, \"b\"]`, `[1, 2]`)", json!({"a": 1, "1": 2, "b": null}));
    fails("object_from_lists(`[null]`, `[]`)", "Array of String");
    gives(
        "[label_match(`{\"a\": \"1\"}`, `{\"a\": \"1\", \"b\": \"2\"}`), label_match(`{\"a\": \"1\"}`, `{\"a\": \"2\"}`), label_match(`{\"a\": {}}`, `{\"a\": {}}`), label_match(`{}`, `{}`)]",
        json!([true, false, true, true]),
    );
    gives("parse_json('[1, {\"a\": \"b\"}]')[1].a", json!("b"));
    fails("parse_json('{')", "no JSON");
    fails(&format!("parse_json('{}')", "[".repeat(1000)), "no JSON");
    gives("parse_yaml('a: [1, yes, ~]')", json!({"a": [1, true, null]}));
    gives("parse_yaml('')", Value::Null);
    fails("parse_yaml('a: [')", "no YAML");
}

#[test]
fn digests() {
    gives("md5('')", json!("d41d8cd98f00b204e9800998ecf8427e"));
    gives("md5('message digest')", json!("f96b697d7cb7938d525a2f31aaf161d0"));
    gives(
        "md5('12345678901234567890123456789012345678901234567890123456789012345678901234567890')",
        json!("57edf4a22be3c955ac49da2e2107b67a"),
    );
    gives("sha1('abc')", json!("a9993e364706816aba3e25717850c26c9cd0d89d"));
    gives("sha256('abc')", json!("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
    gives("base64_decode(base64_encode('Hello, wörld'))", json!("Hello, wörld"));
    gives("base64_decode('SGk\n=')", json!("Hi"));
    fails("base64_decode('SGk')", "no standard base64");
}

#[test]
fn versions() {
    for (version, range, wanted) in [
        ("4.1.3", ">=4.1.x", true),
        ("4.1.3", "!4.x.x", false),
        ("1.8.6", ">1.0.0 <2.0.0", true),
        ("2.1.5", "<2.0.0 || >=3.0.0", false),
        ("3.1.5", "<2.0.0||>=3.0.0", true),
        ("1.2.3-rc.1", "<1.2.3", true),
        ("1.2.3-rc.2", ">1.2.3-rc.10", false),
        ("1.2.3+b", "==1.2.3", true),
        ("1.3.0", "<=1.2.x", false),
        ("1.2.9", ">1.2.x", false),
        ("1.3.0", ">1.2.x", true),
        ("1.2.3", "1.2.3", true),
        ("1.2.3", ">= 1.2.3", true),
        // What is no version counts as 0.0.0.
        ("latest", "<0.0.1", true),
    ] {
        gives(&format!("semver_compare('{version}', '{range}')"), json!(wanted));
    }
    for range in ["", "abc", ">>1.0.0", "1.0", "x", ">=1.0.0 ||", "1.x.2"] {
        fails(&format!("semver_compare('1.0.0', '{range}')"), "no range");
    }
}

#[test]
fn images() {
    let digest = format!("sha256:{}", "0".repeat(64));
    for (image, wanted) in [
        ("nginx", "docker.io/nginx:latest".to_owned()),
        ("team/app:1", "docker.io/team/app:1".to_owned()),
        ("ghcr.io/a/b", "ghcr.io/a/b:latest".to_owned()),
        ("localhost/a", "localhost/a:latest".to_owned()),
        ("r:5000/a:1", "r:5000/a:1".to_owned()),
        (&format!("a:1@{digest}"), format!("docker.io/a@{digest}")),
    ] {
        gives(&format!("image_normalize('{image}')"), json!(wanted));
    }
    let plain = Surroundings { show_default_registry: false, ..kyverno() };
    assert_eq!(search("image_normalize('nginx')", &json!({}), &plain).unwrap(), "nginx:latest");
    let other = Surroundings { default_registry: "r.example".into(), ..kyverno() };
    assert_eq!(search("image_normalize('nginx')", &json!({}), &other).unwrap(), "r.example/nginx:latest");
    for image in [
        "",
        "a//b",
        "a@sha256:0",
        "A",
        "ngіnx",
        "a:b:c/d e",
        "-a",
        "a..b",
        "r.example/",
        "a@b@c",
        "ex ample.com/a",
        "a:",
    ] {
        fails(&format!("image_normalize('{image}')"), "bad image");
    }
}

#[test]
fn urls() {
    for (url, wanted) in [
        ("http://127.0.0.1/a", false),
        ("https://10.1.2.3:443", false),
        ("http://[::1]:80/", false),
        ("http://[::ffff:192.168.0.1]/", false),
        ("http://8.8.8.8", true),
        ("http://u:p@8.8.8.8:80/#x", true),
        ("https://localhost", false),
        ("http://169.254.169.254/latest", false),
        ("http://[2001:4860::1]", true),
        ("http://[fd00::1]", false),
    ] {
        gives(&format!("is_external_url('{url}')"), json!(wanted));
    }
    fails("is_external_url('https://example.com')", "names are not resolved here");
    fails("is_external_url('example.com')", "no URL with a host");
}

#[test]
fn random_text_fits_and_comes_from_the_seed() {
    let of = |text: &str, seed: [u8; 32]| {
        let surroundings = Surroundings { seed, ..kyverno() };
        search(text, &json!({}), &surroundings).unwrap().as_str().unwrap().to_owned()
    };
    for pattern in ["[a-z0-9]{10}", "abc", "(foo|bar)-[0-9]{2,4}", r"\\d+", ".{3}", "[^a-z]?x*"] {
        let regex = regex::Regex::new(&format!("^(?:{})$", pattern.replace("\\\\", "\\"))).unwrap();
        for seed in 0..20 {
            let found = of(&format!("random('{}')", pattern.replace("\\\\", "\\")), [seed; 32]);
            assert!(regex.is_match(&found), "{pattern}: {found}");
        }
    }
    let twice = "join('', [random('[a-z]{20}'), random('[a-z]{20}')])";
    assert_eq!(of(twice, [1; 32]), of(twice, [1; 32]));
    assert_ne!(of(twice, [1; 32]), of(twice, [2; 32]));
    let both = of(twice, [1; 32]);
    assert_ne!(both[..20], both[20..]);
    fails("random('')", "no pattern");
    fails("random('(')", "no regular expression");
}

#[test]
fn certificates() {
    // Self-signed by OpenSSL for this test: CN=jmespath.example, O=Signet, C=CH, with names, purposes and a CA's constraints.
    let pem = include_str!("../testdata/rsa.pem");
    let document = json!({ "pem": pem });
    let of = |text: &str| search(text, &document, &kyverno()).unwrap_or_else(|err| panic!("{text}: {err}"));
    let found = of("x509_decode(pem)");
    assert_eq!(found["Subject"]["CommonName"], "jmespath.example");
    assert_eq!(found["Issuer"]["Organization"], json!(["Signet"]));
    assert_eq!(found["Subject"]["Names"][0], json!({"Type": [2, 5, 4, 6], "Value": "CH"}));
    assert_eq!(found["Subject"]["StreetAddress"], Value::Null);
    assert_eq!(found["PublicKey"]["E"], 65537);
    assert_eq!(found["PublicKey"]["N"].as_str().unwrap().len(), 617);
    assert_eq!(
        (&found["SignatureAlgorithm"], &found["PublicKeyAlgorithm"], &found["Version"]),
        (&json!(4), &json!(1), &json!(3))
    );
    assert_eq!(found["SerialNumber"], 4711);
    assert_eq!(
        (&found["NotBefore"], &found["NotAfter"]),
        (&json!("2026-01-01T00:00:00Z"), &json!("2036-01-01T00:00:00Z"))
    );
    assert_eq!(found["DNSNames"], json!(["jmespath.example", "www.jmespath.example"]));
    assert_eq!(found["IPAddresses"], json!(["192.0.2.1"]));
    // digitalSignature (1) and certSign (32).
    assert_eq!(found["KeyUsage"], 33);
    assert_eq!(
        (&found["IsCA"], &found["BasicConstraintsValid"], &found["MaxPathLen"], &found["MaxPathLenZero"]),
        (&json!(true), &json!(true), &json!(0), &json!(true))
    );
    assert_eq!(found["ExtKeyUsage"], json!([1]));
    assert_eq!(found["ExtraExtensions"], Value::Null);
    assert_eq!(of("x509_decode(base64_decode(base64_encode(pem))).Subject.CommonName"), "jmespath.example");
    // The policies of the public ask by whole days.
    assert_eq!(of("time_diff(x509_decode(pem).NotBefore, x509_decode(pem).NotAfter)"), "87648h0m0s");
    let request = json!({ "pem": include_str!("../testdata/rsa.csr") });
    let found = search("x509_decode(pem)", &request, &kyverno()).unwrap();
    assert_eq!(
        (&found["Subject"]["CommonName"], &found["Version"], &found["Attributes"]),
        (&json!("jmespath.example"), &json!(0), &Value::Null)
    );
    assert_eq!(found["DNSNames"], json!(["request.example"]));
    fails("x509_decode('x')", "failed to decode PEM block");
    let elliptic = json!({ "pem": include_str!("../testdata/ec.pem") });
    let err = search("x509_decode(pem)", &elliptic, &kyverno()).unwrap_err();
    assert!(err.to_string().contains("certificate should use rsa algorithm"), "{err}");
    // Every cut and every flipped byte of the block is read or refused.
    for cut in (0..pem.len()).step_by(7) {
        let _outcome =
            search("x509_decode(pem)", &json!({ "pem": format!("{}A{}", &pem[..cut], &pem[cut..]) }), &kyverno());
    }
}

#[test]
fn the_list_of_functions_is_kyvernos() {
    let functions = functions();
    assert_eq!(functions.len(), 51);
    let signature = |name: &str| functions.iter().find(|function| function.name == name).unwrap().signature.clone();
    assert_eq!(signature("regex_match"), "regex_match(string, string|number) bool");
    assert_eq!(signature("lookup"), "lookup(object|array, string|number) any");
    assert_eq!(signature("time_now"), "time_now() string");
    assert_eq!(signature("split"), "split(string, string) array[string]");
}

#[test]
fn the_tree_is_upstreams() {
    let tree = Expression::parse("a.b | truncate(@, `9`)").unwrap().tree();
    assert_eq!(
        tree,
        "ASTPipe {\n  children: {\n    ASTSubexpression {\n      children: {\n        ASTField {\n          value: \"a\"\n        }\n        ASTField {\n          value: \"b\"\n        }\n      }\n    }\n    ASTFunctionExpression {\n      value: \"truncate\"\n      children: {\n        ASTCurrentNode {\n        }\n        ASTLiteral {\n          value: 9\n        }\n      }\n    }\n  }\n}\n"
    );
}
