use serde_json::json;

use super::{Context, Template};

fn fill(template: &str, value: &serde_json::Value) -> Result<String, String> {
    let context =
        Context { now: "2026-01-16T00:00:00Z".parse().unwrap(), app_version: "1.2.3", env: &[("AWS_REGION", "eu-1")] };
    Template::parse("t", template).and_then(|parsed| parsed.render(value, &context)).map_err(|err| err.to_string())
}

fn sample() -> serde_json::Value {
    json!({
        "name": "shop", "n": 3, "f": 0.25, "yes": true, "none": null, "empty": [],
        "list": ["a", "b", "c"], "map": { "y": 2, "x": 1 },
        "matches": [
            { "artifact": { "name": "zlib", "version": "1" }, "vulnerability": { "id": "CVE-2", "severity": "High" } },
            { "artifact": { "name": "tls", "version": "3" }, "vulnerability": { "id": "CVE-1", "severity": "Low" } },
        ],
        "Results": [{ "Target": "<shop>", "Vulnerabilities": [{ "VulnerabilityID": "CVE-1", "Severity": "LOW", "Title": "a & b" }] }],
    })
}

#[track_caller]
fn check(template: &str, expected: &str) {
    assert_eq!(fill(template, &sample()).as_deref(), Ok(expected), "{template}");
}

#[track_caller]
fn refused(template: &str, needle: &str) {
    let err = fill(template, &sample()).expect_err(template);
    assert!(err.contains(needle), "{template}: {err}");
}

#[test]
fn text_fields_and_trimming() {
    check("plain", "plain");
    check("{{ .name }}", "shop");
    check("a {{- .name -}} b", "ashopb");
    check("a {{/* nothing */}} b", "a  b");
    check("a {{- /* nothing\n */ -}} b", "ab");
    check("{{ .map.x }}{{ .nowhere }}{{ .nowhere.deeper }}|", "1|");
    check("{{ .Map.X }}", "1");
    check("{{ .list }} {{ .map }} {{ .f }} {{ .yes }}", "[a b c] map[x:1 y:2] 0.25 true");
    check("{{ \"a\\n\\u0041\" }}{{ `\\n` }}{{ 'a' }}{{ -3 }}{{ 1e3 }}{{ 0x10 }}", "a\nA\\n97-3100016");
    check("{{ \"}}\" }}", "}}");
    check("{{- 3 }} {{3 -}} x", "3 3x");
    check("{{-3}}", "-3");
}

#[test]
fn conditions_and_scopes() {
    check("{{ if .yes }}a{{ else }}b{{ end }}{{ if .empty }}a{{ else if .n }}c{{ else }}b{{ end }}", "ac");
    check("{{ with .map }}{{ .x }}{{ $.name }}{{ end }}{{ with .none }}a{{ else }}b{{ end }}", "1shopb");
    check("{{ with $m := .map }}{{ $m.y }}{{ end }}", "2");
    check("{{ $a := 1 }}{{ if true }}{{ $a = 2 }}{{ $b := 3 }}{{ $b }}{{ end }}{{ $a }}", "32");
    check("{{ if and .yes (eq .n 3) (not .none) }}a{{ end }}{{ or .none .name }}", "ashop");
    // `and` stops at the first that does not hold.
    check("{{ if and .none (index .none 1) }}a{{ else }}b{{ end }}", "b");
    check(
        "{{ eq .n 1 2 3 }}{{ ne .name \"x\" }}{{ lt 1 2 }}{{ le 2 2 }}{{ gt \"b\" \"a\" }}{{ ge 1.5 2 }}{{ eq .nowhere \"\" }}",
        "truetruetruetruetruefalsetrue",
    );
}

#[test]
fn loops() {
    check("{{ range .list }}{{ . }},{{ end }}", "a,b,c,");
    check("{{ range $i, $e := .list }}{{ if $i }}, {{ end }}{{ $i }}={{ $e }}{{ end }}", "0=a, 1=b, 2=c");
    check("{{ range $k, $v := .map }}{{ $k }}{{ $v }}{{ end }}", "x1y2");
    check("{{ range .empty }}a{{ else }}none{{ end }}{{ range .nowhere }}a{{ else }}none{{ end }}", "nonenone");
    check("{{ range .list }}{{ if eq . \"b\" }}{{ continue }}{{ end }}{{ . }}{{ end }}", "ac");
    check("{{ range .list }}{{ if eq . \"b\" }}{{ break }}{{ end }}{{ . }}{{ end }}", "a");
    check(
        "{{ $first := true }}{{ range .list }}{{ if $first }}{{ $first = false }}{{ else }},{{ end }}{{ . }}{{ end }}",
        "a,b,c",
    );
    check("{{ range 3 }}{{ . }}{{ end }}{{ range until 2 }}{{ . }}{{ end }}", "01201");
}

#[test]
fn templates_within() {
    check("{{ define \"row\" }}<{{ . }}>{{ end }}{{ range .list }}{{ template \"row\" . }}{{ end }}", "<a><b><c>");
    check("{{ block \"b\" .name }}[{{ . }}]{{ end }}", "[shop]");
    refused("{{ template \"nowhere\" }}", "there is no template \"nowhere\"");
    refused("{{ define \"a\" }}{{ template \"a\" }}{{ end }}{{ template \"a\" }}", "call each other");
}

#[test]
fn functions() {
    check("{{ .name | upper | printf \"%-6s|\" }}", "SHOP  |");
    check(
        "{{ printf \"%05d %x %q %.2f %t %v %5.1f %%\" .n 255 \"a\\\"b\" .f .yes .list 1.25 }}",
        "00003 ff \"a\\\"b\" 0.25 true [a b c]   1.2 %",
    );
    check(
        "{{ len .list }}{{ len .nowhere }}{{ len \"abc\" }}{{ index .list 1 }}{{ index .map \"y\" }}{{ slice .name 1 3 }}",
        "303b2ho",
    );
    check(
        "{{ escapeXML \"<a b='c'>&\" }} {{ html \"<\" }} {{ urlquery \"a b&c\" }} {{ js \"'<\" }}",
        "&lt;a b=&#39;c&#39;&gt;&amp; &lt; a+b%26c \\'\\u003C",
    );
    check(
        "{{ join \",\" .list }} {{ splitList \",\" \"a,b\" }} {{ (split \",\" \"a,b\")._1 }} {{ replace \"a\" \"b\" \"aa\" }}",
        "a,b,c [a b] b bb",
    );
    check(
        "{{ default \"x\" .nowhere }}{{ .name | default \"x\" }}{{ coalesce .none \"y\" }}{{ ternary 1 2 .yes }}",
        "xshopy1",
    );
    check("{{ add 1 2 3 }} {{ sub 5 2 }} {{ div 7 2 }} {{ mod 7 2 }} {{ int \"12\" }} {{ add1 .n }}", "6 3 3 1 12 4");
    check(
        "{{ trunc 2 .name }} {{ trunc -2 .name }} {{ abbrev 5 \"abcdefgh\" }} {{ title \"ab cd\" }} {{ quote .name .none }} {{ nindent 2 \"a\\nb\" }}",
        "sh op ab... Ab Cd \"shop\" \n  a\n  b",
    );
    check(
        "{{ toJson .map }}{{ $d := dict \"a\" 1 }}{{ $d.a }}{{ hasKey $d \"b\" }}{{ keys .map }}{{ list 1 2 | last }}",
        "{\"x\":1,\"y\":2}1false[x y]2",
    );
    check(
        "{{ now }} {{ now | date \"2006-01-02 15:04\" }} {{ appVersion }}",
        "2026-01-16T00:00:00Z 2026-01-16 00:00 1.2.3",
    );
    check(
        "{{ endWithPeriod \"a\" }}{{ toLower \"A\" }}{{ hasPrefix \"sh\" .name }}{{ contains \"ho\" .name }}",
        "a.atruetrue",
    );
}

#[test]
fn as_the_documentation_of_the_peers_has_it() {
    check(
        "\"Package\",\"Severity\"\n{{- range .Matches}}\n\"{{.Artifact.Name}}\",\"{{.Vulnerability.Severity}}\"\n{{- end}}",
        "\"Package\",\"Severity\"\n\"zlib\",\"High\"\n\"tls\",\"Low\"",
    );
    check("{{ range byMatchName .Matches }}{{ .Artifact.Name }} {{ end }}", "tls zlib ");
    check(
        "{{ range .Results }}{{ $target := .Target }}{{ range .Vulnerabilities }}{{ escapeXML $target }} {{ .VulnerabilityID }} {{ .Vulnerability.Severity }} {{ escapeXML .Title }}{{ end }}{{ if (eq (len .Misconfigurations) 0) }}!{{ end }}{{ end }}",
        "&lt;shop&gt; CVE-1 LOW a &amp; b!",
    );
}

#[test]
fn mistakes_say_where() {
    refused("a\nb {{ .x", "t:2: an action has no `}}`");
    refused("\n{{ if .x }}", "t:2: there is no `end`");
    refused("{{ end }}", "`end` without a beginning");
    refused("{{ else }}", "`else` without");
    refused("{{ frobnicate .x }}", "t:1: there is no function `frobnicate`");
    refused("{{ getEnv \"HOME\" }}", "the variable `HOME` is refused");
    refused("{{ env \"HOME\" }}", "the variable `HOME` is refused");
    check("{{ env \"AWS_REGION\" }}{{ getEnv \"AWS_REGION\" }}", "eu-1eu-1");
    refused("{{ $x }}", "there is no variable `$x`");
    refused("{{ .name.deeper }}", "no `.deeper`");
    refused("{{ index .list 7 }}", "there is no item 7");
    refused("{{ printf \"%d\" .name }}", "does not fit");
    refused("{{ lt .name 1 }}", "cannot be compared");
    refused("{{ break }}", "outside of `range`");
    refused("{{ \"a }}", "a string has no end");
    refused("{{ }}", "an action is empty");
    refused("{{ 1 | 2 }}", "only a function");
    refused("{{ /* x }}", "a comment has no end");
    refused("{{ fail \"because\" }}", "because");
    refused(&"{{ if true }}".repeat(100), "nested more than");
    refused(&format!("{{{{ {}1{} }}}}", "(".repeat(100), ")".repeat(100)), "nested more than");
}

#[test]
fn a_run_is_bounded() {
    refused("{{ range 1000000 }}{{ range 1000000 }}{{ end }}{{ end }}", "steps");
    refused("{{ repeat 100000000 \"aaaaaaaaaa\" }}", "longer than");
    refused("{{ printf \"%99999d\" 1 }}", "a width above");
    refused("{{ $x := list 1 }}{{ range 60 }}{{ $x = list $x $x }}{{ end }}", "larger than");
    refused("{{ $x := \"aaaaaaaa\" }}{{ range 60 }}{{ $x = printf \"%s%s\" $x $x }}{{ end }}", "larger than");
    refused("{{ $x := list 1 }}{{ range 1000 }}{{ $x = list $x }}{{ end }}", "nested more than");
    refused("{{ $x := until 1000000 }}{{ range 100000 }}{{ $y := reverse $x }}{{ end }}", "steps");
    let deep = format!(
        "{{{{ define \"r\" }}}}{}{{{{ template \"r\" . }}}}{}{{{{ end }}}}",
        "{{ if true }}".repeat(55),
        "{{ end }}".repeat(55)
    );
    refused(&(deep + "{{ template \"r\" . }}"), "deep");
    refused("{{ $x := repeat 16000000 \"a\" }}{{ range 100 }}{{ $x }}{{ end }}", "gives more than");
}

#[test]
fn damaged_templates_never_panic() {
    let seed = "{{- define \"r\" }}{{ range $i, $e := .list -}} {{ if eq $i 1 }}{{ printf \"%-5.2f|%q\" 1.5 \"x\\u0041\" }}{{ else if .n }}{{/* c */}}{{ end }}{{ end }}{{ end }}{{ template \"r\" . }}{{ (index .map \"x\") | add 1 }}";
    let value = sample();
    let bytes = seed.as_bytes();
    for at in 0..bytes.len() {
        // Cut, leave one out, and put something else in its place.
        let mut damaged = vec![bytes[..at].to_vec(), [&bytes[..at], &bytes[at + 1..]].concat()];
        for other in *b"{}\"'`$.|()%\\ -=:,0a\xff" {
            let mut copy = bytes.to_vec();
            copy[at] = other;
            damaged.push(copy);
        }
        for bytes in damaged {
            // Whether it is right is not asked, only that an answer comes.
            let _answer = fill(&String::from_utf8_lossy(&bytes), &value);
        }
    }
}

#[test]
fn regular_expressions_and_sums() {
    check(r#"{{ .name | regexFind "[^h]+" }}{{ regexMatch "^s.*p$" .name }}{{ regexMatch "x" .name }}"#, "struefalse");
    check(
        r#"{{ regexReplaceAll "(s)(h)" .name "${2}${1}" }} {{ regexReplaceAllLiteral "sh" .name "$1" }}"#,
        "hsop $1op",
    );
    check(r#"{{ regexFindAll "[a-z]" "a1b2c3" 2 }} {{ regexFindAll "[a-z]" "a1b2c3" -1 }}"#, "[a b] [a b c]");
    check(r#"{{ regexSplit "[,;]" "a,b;c" -1 }} {{ regexSplit "," "a,b,c" 2 }}"#, "[a b c] [a b,c]");
    check(r#"{{ regexQuoteMeta "a.b" }}{{ mustRegexMatch "a" "a" }}"#, r"a\.btrue");
    refused(r#"{{ regexMatch "(" "a" }}"#, "no regular expression");
    refused(r#"{{ regexMatch "((a{1,100}){1,100}){1,100}" "a" }}"#, "no regular expression");
    check(r#"{{ "abc" | sha1sum }} {{ b64dec "YQ==" }}"#, "a9993e364706816aba3e25717850c26c9cd0d89d a");
    check("{{ sum 1 2 }} {{ ceil 1.2 }} {{ floor 1.8 }} {{ list 0 1 \"\" 2 | compact }}", "3 2 1 [1 2]");
}
