use signet_yaml::{Limits, parse};

use super::*;

/// Remarks as `line check`, in their order.
#[track_caller]
fn check(text: &str, expected: &[(u32, &str)]) {
    let documents = parse(text, &Limits::default()).unwrap();
    let remarks = lint(&documents[0].root).expect("a known kind");
    let found: Vec<(u32, &str)> = remarks.iter().map(|remark| (remark.line, remark.check)).collect();
    assert_eq!(found, expected, "{remarks:#?}\n{text}");
    for remark in remarks {
        assert!(CHECKS.iter().any(|(name, _)| *name == remark.check), "{} is listed", remark.check);
        assert!(!remark.message.ends_with('.') && remark.column > 0, "{remark:?}");
    }
}

/// A rule about Pods, from line 6 on, under `Enforce`.
fn rule(body: &str) -> String {
    let body = body.replace('\n', "\n    ");
    format!(
        "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {{name: p}}\nspec:\n  validationFailureAction: Enforce\n  rules:\n  - name: r\n    match: {{any: [{{resources: {{kinds: [Pod]}}}}]}}\n    {body}\n"
    )
}

#[test]
fn regular_expressions_hold_the_whole_text() {
    for (expression, expected) in [
        ("^https://github.com/my-org/.*$", None),
        ("^(a|b)$", None),
        ("\\Aa\\z", None),
        ("https://github.com/my-org/", Some("unanchored-regexp")),
        ("^https://github.com/my-org/", Some("unanchored-regexp")),
        ("my-org/.*$", Some("unanchored-regexp")),
        // Each branch is its own.
        ("^a|b$", Some("unanchored-regexp")),
        ("^.*$", Some("anybody")),
        ("^(", Some("invalid")),
    ] {
        let text = rule(&format!(
            "verifyImages:\n- imageReferences: [r.example/*]\n  attestors: [{{entries: [{{keyless: {{issuer: i, subjectRegExp: '{expression}'}}}}]}}]"
        ));
        // What is no regular expression keeps the rule from being loaded too.
        let mut wanted = if expected == Some("invalid") { vec![(7, "invalid")] } else { Vec::new() };
        wanted.push((10, "image-volumes"));
        wanted.extend(expected.map(|check| (11, check)));
        check(&text, &wanted);
    }
}

#[test]
fn a_registry_ends_with_a_slash() {
    let text = rule(
        "verifyImages:\n- imageReferences:\n  - registry.example.com*\n  - registry.example.com/*\n  - registry.example.com/app*\n  - '*'\n  - localhost:5000*\n  attestors: [{entries: [{keys: {publicKeys: k}}]}]",
    );
    check(&text, &[(10, "image-volumes"), (11, "missing-slash"), (13, "missing-slash"), (15, "missing-slash")]);
    let text = rule(
        "validate:\n  pattern:\n    spec:\n      containers:\n      - image: \"r.example.com* | other.example.com/*\"\n      =(initContainers):\n      - image: \"r.example.com/*\"\n      =(ephemeralContainers):\n      - image: r.example.com/*\n      =(volumes):\n      - =(image): {reference: r.example.com/*}",
    );
    check(&text, &[(13, "missing-slash")]);
}

#[test]
fn containers_of_every_kind_are_looked_at() {
    let only = "validate:\n  pattern:\n    spec:\n      containers:\n      - securityContext: {runAsNonRoot: true}";
    check(&rule(only), &[(10, "containers-only")]);
    let loops = |list: &str| {
        rule(&format!(
            "validate:\n  foreach:\n  - list: \"{list}\"\n    deny: {{conditions: {{any: [{{key: '{{{{ element.image }}}}', operator: Equals, value: x}}]}}}}"
        ))
    };
    check(&loops("request.object.spec.containers"), &[(10, "containers-only"), (10, "image-volumes")]);
    check(&loops("request.object.spec.[initContainers, ephemeralContainers, containers][]"), &[(10, "image-volumes")]);
    check(&loops("request.object.spec.[initContainers, ephemeralContainers, containers, volumes][]"), &[]);
    // Not about Pods.
    check(&rule(only).replace("[Pod]", "[ConfigMap]"), &[]);
}

#[test]
fn an_image_without_a_tag_is_latest() {
    let pattern = |image: &str| {
        rule(&format!(
            "validate:\n  pattern:\n    spec:\n      containers: [{{image: '{image}'}}]\n      =(initContainers): [{{image: '{image}'}}]\n      =(ephemeralContainers): [{{image: '{image}'}}]\n      =(volumes): []"
        ))
    };
    check(&pattern("!*:latest"), &[(12, "untagged")]);
    check(&pattern("*:* & !*:latest"), &[]);
    let mut both = pattern("!*:latest");
    both += "  - name: tagged\n    match: {any: [{resources: {kinds: [Pod]}}]}\n    validate: {pattern: {spec: {containers: [{image: '*:*'}], =(initContainers): [], =(ephemeralContainers): [], =(volumes): []}}}\n";
    check(&both, &[]);
}

#[test]
fn what_the_articles_print() {
    // E: operators of other tools, one kind of containers, and no tag at all.
    check(
        &rule(
            "validate:\n  foreach:\n  - list: \"request.object.spec.containers\"\n    deny:\n      conditions:\n        any:\n        - key: \"{{ element.image }}\"\n          operator: EndsWith\n          value: \":latest\"\n        - key: \"{{ element.image }}\"\n          operator: Contains\n          value: \":latest@\"",
        ),
        &[(10, "containers-only"), (10, "image-volumes"), (16, "not-kyverno"), (17, "untagged"), (19, "not-kyverno")],
    );
    // F: a repository's name that may go on.
    check(
        &rule(
            "verifyImages:\n- imageReferences: [\"myregistry.io/myapp*\"]\n  attestors: [{entries: [{keys: {publicKeys: k}}]}]",
        ),
        &[(10, "image-volumes"), (10, "missing-slash")],
    );
}

#[test]
fn what_refuses_nothing_is_told() {
    let audit = rule("validate: {deny: {}}").replace("Enforce", "Audit");
    check(&audit, &[(5, "audit")]);
    check(&audit.replace("  validationFailureAction: Audit\n", ""), &[(5, "audit")]);
    check(
        &audit.replace("validationFailureAction: Audit", "failurePolicy: Ignore"),
        &[(5, "audit"), (5, "fails-open")],
    );
    let verify = |body: &str| rule(&format!("verifyImages:\n- imageReferences: [r.example/*]\n  {body}"));
    check(&verify("required: true"), &[(10, "image-volumes"), (10, "not-verified")]);
    check(
        &verify("attestors: [{count: 2, entries: [{keyless: {issuer: '*', subject: s, rekor: {ignoreTlog: true}}}]}]"),
        &[(7, "invalid"), (10, "image-volumes"), (11, "count"), (11, "anybody"), (11, "no-log")],
    );
    check(
        &verify("attestations: [{type: t}]\n  attestors: [{entries: [{keyless: {issuer: i}}]}]"),
        &[(10, "image-volumes"), (11, "not-verified"), (12, "anybody")],
    );
    check(
        &verify(
            "required: false\n  verifyDigest: false\n  mutateDigest: false\n  attestors: [{entries: [{keys: {publicKeys: k}}]}]",
        ),
        &[(10, "image-volumes"), (10, "not-verified")],
    );
}

#[test]
fn a_document_that_does_not_load_is_told_with_its_place() {
    check(&rule("validate: {patern: {}}"), &[(9, "invalid")]);
    check(
        "apiVersion: kyverno.io/v2\nkind: PolicyException\nmetadata: {name: e}\nspec: {exception: []}\n",
        &[(4, "invalid")],
    );
    let other = parse("apiVersion: v1\nkind: Pod\n", &Limits::default()).unwrap();
    assert_eq!(lint(&other[0].root), None);
}

#[test]
fn policies_in_cel() {
    check(
        "apiVersion: policies.kyverno.io/v1\nkind: ValidatingPolicy\nmetadata: {name: p}\nspec:\n  failurePolicy: Ignore\n  validationActions: [Audit]\n  matchConstraints: {resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: [CREATE], resources: [pods]}]}\n  validations: [{expression: \"object.metadata.name != 'x'\"}]\n",
        &[(5, "fails-open"), (6, "audit")],
    );
    let text = "apiVersion: policies.kyverno.io/v1\nkind: ImageValidatingPolicy\nmetadata: {name: p}\nspec:\n  matchConstraints: {resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: [CREATE], resources: [pods]}]}\n  matchImageReferences:\n  - glob: r.example.com*\n  attestors:\n  - name: a\n    cosign: {keyless: {identities: [{issuer: i, subjectRegExp: me}]}}\n  validations: [{expression: \"images.containers.map(i, verifyImageSignatures(i, [attestors.a])).all(n, n > 0)\"}]\n";
    check(text, &[(7, "missing-slash"), (10, "unanchored-regexp")]);
    check(
        &text.replace("images.containers", "imagos.containers"),
        &[(7, "missing-slash"), (10, "unanchored-regexp"), (11, "invalid")],
    );
}

#[test]
fn cluster_image_policies() {
    check(
        "apiVersion: policy.sigstore.dev/v1beta1\nkind: ClusterImagePolicy\nmetadata: {name: p}\nspec:\n  mode: warn\n  images:\n  - glob: 'r.example.com*'\n  - glob: '**'\n  authorities:\n  - static: {action: pass}\n  - keyless:\n      identities: [{issuer: i, subjectRegExp: '.*'}]\n    attestations:\n    - {name: a, predicateType: vuln, policy: {type: cue, data: x}}\n",
        &[
            (5, "audit"),
            (7, "missing-slash"),
            (10, "not-verified"),
            (12, "anybody"),
            (12, "unanchored-regexp"),
            (14, "cue"),
        ],
    );
    check(
        "apiVersion: policy.sigstore.dev/v1beta1\nkind: ClusterImagePolicy\nmetadata: {name: p}\nspec:\n  images: [{glob: r/**}]\n",
        &[(5, "invalid"), (5, "not-verified")],
    );
    check(
        "apiVersion: policy.sigstore.dev/v1alpha1\nkind: TrustRoot\nmetadata: {name: r}\nspec:\n  remote: {mirror: 'https://m', root: _}\n",
        &[(5, "invalid")],
    );
}

#[test]
fn gatekeeper_documents() {
    let template = |body: &str| {
        format!(
            "apiVersion: templates.gatekeeper.sh/v1\nkind: ConstraintTemplate\nmetadata: {{name: k}}\nspec:\n  crd: {{spec: {{names: {{kind: K}}}}}}\n  targets:\n  - target: admission.k8s.gatekeeper.sh\n    rego: |\n      package k\n      violation[{{\"msg\": \"m\"}}] {{ {body} }}\n"
        )
    };
    check(&template("input.review.object.spec.hostNetwork"), &[]);
    check(&template("not startswith(input.review.object.a, \"b\")"), &[(7, "undefined")]);
    check(&template("data.secrets.x"), &[(7, "invalid")]);
    let constraint = |spec: &str| {
        format!("apiVersion: constraints.gatekeeper.sh/v1beta1\nkind: K\nmetadata: {{name: c}}\nspec:\n{spec}\n")
    };
    check(&constraint("  match: {kinds: [{apiGroups: [''], kinds: [Pod]}]}"), &[]);
    check(
        &constraint("  enforcementAction: dryrun\n  match: {kinds: [{apiGroups: [apps], kinds: [Pod]}]}"),
        &[(5, "audit"), (6, "not-verified")],
    );
    check(&constraint("  enforcementAction: maybe"), &[(5, "invalid")]);
}

#[test]
fn connaisseur_configurations() {
    let config = |rules: &str| {
        format!(
            "validators:\n- {{name: default, type: static, approve: true}}\n- {{name: dct, type: notaryv1, trustRoots: [{{name: r, key: k}}]}}\n- {{name: c, type: cosign, trustRoots: [{{name: r, key: k}}]}}\npolicy:\n{rules}"
        )
    };
    check(&config("- {pattern: '*:*', validator: c}\n"), &[]);
    check(&config("- pattern: '*:*'\n"), &[(6, "not-verified")]);
    check(&config("- {pattern: 'a.example/*', validator: x}\n"), &[(6, "invalid")]);
    check(&config("- {pattern: 'a.example/*', validator: dct}\n"), &[(6, "invalid")]);
    check(&config("- pattern: 'a.example/*'\n"), &[(6, "missing-slash")]);
    check(
        &config(
            "- pattern: 'a.example/*'\n  validator: c\n  with:\n    mode: insecureValidateOnly\n    verifyInTransparencyLog: false\n",
        ),
        &[(9, "not-pinned"), (10, "no-log")],
    );
    check(&config("- validator: c\n"), &[(6, "invalid")]);
}

#[test]
fn trust_policies() {
    check(
        "apiVersion: signet.dev/v1\nkind: TrustPolicy\nspec:\n  mode: audit\n  otherwise: ignore\n  images: ['r.example.com**', 'r.example.com/**']\n  signatures:\n    require: 2\n    authorities: [{keyless: {issuer: i, subject: '*'}}]\n",
        &[(4, "audit"), (5, "fails-open"), (6, "missing-slash"), (8, "not-pinned"), (8, "count"), (9, "anybody")],
    );
    let spec =
        |lines: &[&str]| format!("apiVersion: signet.dev/v1\nkind: TrustPolicy\nspec:\n  {}\n", lines.join("\n  "));
    const SIGNED: &str =
        "signatures: {authorities: [{keyless: {issuer: 'https://i.example', subject: 'https://a.example/b/*'}}]}";
    check(&spec(&["digest: pin", SIGNED]), &[]);
    check(&spec(&["digest: pin", SIGNED, "vulnerabilities: {deny: kev, maxAge: 24h}", "sbom: {}"]), &[]);
    check(&spec(&["digest: pin", SIGNED, "vulnerabilities: {deny: kev}"]), &[(6, "stale")]);
    check(&spec(&["digest: ignore", SIGNED]), &[(4, "not-pinned")]);
    check(&spec(&["digest: ignore"]), &[(4, "not-verified")]);
    check(&spec(&["digest: require", "sbom: {}", "secrets: {deny: verified}"]), &[(5, "unsealed"), (6, "unsealed")]);
    check(&spec(&["otherwise: deny", "digest: require"]), &[(4, "asks-nothing")]);
    // One section each that asks for nothing, beside one that asks.
    for idle in [
        "sbom: {require: false}",
        "secrets: {}",
        "config: {}",
        "provenance: {level: 0}",
        "freshness: {notOlderThanRunning: false}",
        "base: {endOfLife: ignore}",
    ] {
        let found = spec(&["digest: pin", SIGNED, idle]);
        check(&found, &[(6, "asks-nothing")]);
        check(
            &spec(&["digest: pin", idle]),
            &[(4, "asks-nothing")]
                .map(|(_, check)| (5, check))
                .into_iter()
                .chain((idle.starts_with("se") || idle.starts_with("co")).then_some((5, "unsealed")))
                .collect::<Vec<_>>(),
        );
    }
    check(&spec(&["digest: pin", SIGNED, "vulnerabilities: {deny: 'false', maxAge: 24h}"]), &[(6, "asks-nothing")]);
    for (subject, expected) in [
        ("https://a.example/b*", Some("missing-slash")),
        ("*example.com", Some("missing-slash")),
        ("*@example.com", None),
        ("https://*.example/x", None),
        ("*", Some("anybody")),
        ("exact", None),
    ] {
        let policy = spec(&["digest: pin", &SIGNED.replace("https://a.example/b/*", subject)]);
        check(&policy, &expected.map(|check| (5, check)).into_iter().collect::<Vec<_>>());
    }
    check(
        &spec(&["digest: pin", "provenance: {builder: '*', source: 'github.com/a*'}"]),
        &[(5, "anybody"), (5, "missing-slash")],
    );
    check(&spec(&["digest: pin", "base: {allow: ['r.example*/**']}"]), &[(5, "missing-slash")]);
}

/// The book names the checks, and only those.
#[test]
fn the_book_has_every_check() {
    let book = include_str!("../../../../docs/policies.md");
    let (_, book) = book.split_once("# What a policy does not do").unwrap();
    for (name, _) in CHECKS {
        assert!(book.contains(&format!("\n| `{name}` | ")), "docs/policies.md lacks `{name}`");
    }
    assert_eq!(book.matches("\n| `").count(), CHECKS.len());
}
