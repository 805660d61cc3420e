use signet_yaml::{Limits, parse};

use super::*;

/// The document in words: headings, and points indented below them.
#[track_caller]
fn told(text: &str) -> String {
    let documents = parse(text, &Limits::default()).unwrap();
    let paragraphs = explain(&documents[0].root).expect("a known kind");
    let mut out = String::new();
    for paragraph in paragraphs {
        assert!(paragraph.line > 0 && !paragraph.heading.is_empty());
        out.push_str(&format!("{}\n", paragraph.heading));
        for point in paragraph.points {
            assert!(!point.text.ends_with('.') && !point.text.contains('\n'), "{}", point.text);
            out.push_str(&format!("{}- {}\n", "  ".repeat(point.depth), point.text));
        }
    }
    out
}

/// A rule about Pods, from its `match` on.
#[track_caller]
fn check(rule: &str, want: &str) {
    let rule = rule.replace('\n', "\n    ");
    let text = format!(
        "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {{name: p}}\nspec:\n  rules:\n  - name: r\n    match: {{resources: {{kinds: [Pod]}}}}\n    {rule}\n"
    );
    let found = told(&text);
    let (_, found) = found.split_once("- applies to:\n  - `Pod`\n").expect(&found);
    assert_eq!(found, want, "{rule}");
}

#[test]
fn patterns_in_words() {
    check(
        "validate:\n  message: Say it.\n  pattern:\n    metadata: {labels: {team: '?*'}}\n    spec:\n      =(hostNetwork): false\n      X(hostPID): true\n      replicas: '>=2 & <10 | !5'\n      (nodeName): n*\n      containers:\n      - image: '!*:latest'\n        =(resources): {memory: 10Mi-1Gi, cpu: '*', note: null}\n      ^(volumes): [{name: data}]",
        "- it must be so:\n  - `metadata.labels.team` must hold at least one letter\n  - only where holds:\n    - `spec.nodeName` must look like `n*`\n    - if there is `spec.hostNetwork`:\n      - `spec.hostNetwork` must be `false`\n    - `spec.hostPID` must not be there\n    - `spec.replicas` must be at least `2` and be less than `10`, or not be `5`\n    - each entry of `spec.containers`:\n      - `spec.containers[].image` must not look like `*:latest`\n      - if there is `spec.containers[].resources`:\n        - `spec.containers[].resources.memory` must lie between `10Mi` and `1Gi`\n        - `spec.containers[].resources.cpu` must be there\n        - `spec.containers[].resources.note` must be empty, or not be there\n    - at least one entry of `spec.volumes` must be so:\n      - `spec.volumes[].name` must be `data`\n- who fails is told: \"Say it.\"\n",
    );
    check(
        "validate: {anyPattern: [{a: 1}, {<(b): x, c: []}]}",
        "- it must be so, in at least one of these ways:\n  - way 1:\n    - `a` must be `1`\n  - way 2:\n    - the rule is only about resources of which holds:\n      - `b` must be `x`\n    - `c` must be an empty list\n",
    );
}

#[test]
fn rules_in_words() {
    check(
        "exclude: {any: [{resources: {namespaces: [kube-system]}}, {subjects: [{kind: User, name: root}]}]}\npreconditions: {all: [{key: '{{ request.operation }}', operator: NotEquals, value: DELETE}]}\nvalidate: {failureAction: Enforce, deny: {conditions: {any: [{key: a, operator: AnyIn, value: [b, c]}, {key: d, operator: LessThan, value: 3}]}}}",
        "- but not to:\n  - at least one of:\n    - resources of every kind, in the namespaces `kube-system`\n    - by User `root`\n- only where hold:\n  - `{{ request.operation }}` is not `DELETE`\n- what fails is refused\n- it is refused where hold:\n  - at least one of:\n    - `a` is, or holds, one of `b` or `c`\n    - `d` is less than `3`\n",
    );
    check("validate: {deny: {}}", "- it is refused, always\n");
    check(
        "context: [{name: v, variable: {value: 1}}]\nvalidate: {foreach: [{list: request.object.spec.containers, deny: {conditions: [{key: '{{ element.image }}', operator: EndsWith, value: ':latest', message: no}]}}]}",
        "- `v` stands for `1`\n- for each element of `request.object.spec.containers`:\n  - it is refused where hold:\n    - `{{ element.image }}` ends with `:latest` (\"no\")\n",
    );
    check(
        "validate: {podSecurity: {level: baseline, exclude: [{controlName: Capabilities, images: ['a*']}]}}",
        "- it must keep the Pod Security Standard `baseline`, as of version `latest`\n- the control `Capabilities` is not asked for for the images `a*`\n",
    );
    check(
        "mutate: {patchStrategicMerge: {metadata: {labels: {+(a): b}}}}",
        "- it is merged with: `{\"metadata\":{\"labels\":{\"+(a)\":\"b\"}}}`\n  - `(key)` only where that holds, `+(key)` only where it is not there\n",
    );
    check(
        "generate: {kind: NetworkPolicy, apiVersion: networking.k8s.io/v1, name: deny, namespace: x, synchronize: true, data: {spec: {}}}",
        "- a NetworkPolicy `x/deny` is made\n  - that holds `{\"spec\":{}}`\n- it is kept as the policy says, and goes when the policy goes\n",
    );
    check(
        "verifyImages:\n- imageReferences: ['r.example/*']\n  required: false\n  attestors: [{count: 1, entries: [{keyless: {issuer: i, subjectRegExp: '^s$', rekor: {ignoreTlog: true}}}, {keys: {publicKeys: k8s://a/b}}]}]\n  attestations: [{type: t, conditions: [{all: [{key: x, operator: Equals, value: y}]}]}]",
        "- images like `r.example/*` must be verified (Cosign)\n  - signed by 1 of these:\n    - the identity something that matches `^s$`, as the issuer `i` (a wildcard) vouches\n      - no transparency log need know of it\n    - the key `k8s://a/b`\n  - there must be statements of the type `t`\n    - and each must say:\n      - `x` is `y`\n  - the digest that was verified is written into the image\n  - the image must have a digest\n  - an image that was not verified may pass\n",
    );
}

#[test]
fn other_kinds_in_words() {
    assert_eq!(
        told(
            "apiVersion: policies.kyverno.io/v1\nkind: ValidatingPolicy\nmetadata: {name: p}\nspec:\n  validationActions: [Audit]\n  matchConstraints: {resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: [CREATE], resources: [pods]}]}\n  matchConditions: [{name: c, expression: 'true'}]\n  variables: [{name: v, expression: '1'}]\n  validations: [{expression: 'variables.v == 1', message: no}]\n"
        ),
        "ValidatingPolicy `p`\n- what fails is reported\nWhat it is about\n- `pods` of the core group, version `v1`, on `CREATE`\nOnly where all of this holds\n- `c`: `true`\nNames that its expressions use, as `variables.NAME`\n- `v` stands for `1`\nWhat must hold\n- it must hold: `variables.v == 1`\n  - else is said: `no`\n"
    );
    assert_eq!(
        told(
            "apiVersion: policy.sigstore.dev/v1beta1\nkind: ClusterImagePolicy\nmetadata: {name: p}\nspec:\n  images: [{glob: 'r.example/**'}]\n  authorities:\n  - keyless: {identities: [{issuer: i, subjectRegExp: s}]}\n    attestations: [{name: a, predicateType: vuln, policy: {type: cue, data: 'a: 1'}}]\n  - static: {action: pass}\n"
        ),
        "ClusterImagePolicy `p`\n- it is about the images `r.example/**`\n- what fails does not run\n- one of its 2 authorities is enough\nAuthority `authority-0`\n- signed by one of these, as a certificate vouches:\n  - something that matches `s` of the issuer `i`\n- there must be a signed statement of the type `vuln`\n  - a policy in CUE, which is not evaluated: each image that it matches is denied: `a: 1`\nAuthority `authority-1`\n- every image passes, signed or not\n"
    );
    let exception = told(
        "apiVersion: kyverno.io/v2\nkind: PolicyException\nmetadata: {name: e}\nspec:\n  exceptions: [{policyName: p, ruleNames: [a, b]}]\n  match: {any: [{resources: {kinds: [Pod], names: [x*]}}]}\n",
    );
    assert_eq!(
        exception,
        "PolicyException `e`\n- the rules `a` and `b` of the policy `p` do not hold\n- for:\n  - `Pod`, named `x*`\n"
    );
}

#[test]
fn a_trust_policy_in_words() {
    let found = told(crate::trust_policy::RECOMMENDED);
    assert!(
        found.starts_with(
            "TrustPolicy `recommended`\n- what it denies does not run\n- it is about every image\nVulnerabilities\n"
        ),
        "{found}"
    );
    let found = told(
        "apiVersion: signet.dev/v1\nkind: TrustPolicy\nmetadata: {name: p}\nspec:\n  mode: warn\n  images: ['r.example/**']\n  digest: pin\n  signatures: {require: 1, authorities: [{keyless: {issuer: i, subject: s}}, {key: {file: a.pub}}]}\n  sbom: {require: true}\n  base: {allow: [scratch], endOfLife: deny}\n  revoked: {identities: [x]}\n  debug: {images: [], groups: [sre]}\n  breakGlass: {approvers: [{key: {file: b.pub}, person: anna}], maxDuration: 8h}\n",
    );
    for line in [
        "- what it denies is a warning, and runs\n",
        "- an image that neither it nor another policy names is denied\n",
        "- the digest that was judged is written beside the tag, so that nothing else can run\n",
        "- the image must be signed by `1` of these, and nobody counts twice:\n  - the identity `s`, as `i` vouches (`*` is any text)\n  - the holder of the key in the file `a.pub`\n",
        "- there must be an SBOM for each platform, sealed by one of the authorities of `signatures`\n",
        "- it must stand on `scratch`, and its layers must show it\n- a base past its end of life: `deny`\n",
        "- signatures by these identities count for nothing: `x`\n",
        "- only these images may be attached to what runs: none\n- only by members of: `sre`\n",
        "- `2` different people of these may let a denial pass, for at most `8h`, and it shows in every decision:\n  - the holder of the key in the file `b.pub`, who is `anna`\n",
    ] {
        assert!(found.contains(line), "{line}\n{found}");
    }
}

#[test]
fn what_is_no_policy_is_not_explained() {
    for text in ["apiVersion: v1\nkind: Pod\n", "a: 1\n", "[1]\n", "apiVersion: kyverno.io/v1\nkind: Other\n"] {
        assert!(explain(&parse(text, &Limits::default()).unwrap()[0].root).is_none(), "{text}");
    }
    // What is broken is told as far as it goes.
    assert_eq!(
        told("apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nspec: 3\n"),
        "ClusterPolicy \n- what fails is reported, and admitted\n"
    );
    let long = format!(
        "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nspec: {{rules: [{}]}}\n",
        "{validate: {deny: {}}}, ".repeat(30_000)
    );
    let limits = Limits { max_nodes: 1_000_000, ..Limits::default() };
    let paragraphs = explain(&parse(&long, &limits).unwrap()[0].root).unwrap();
    let points: usize = paragraphs.iter().map(|paragraph| paragraph.points.len()).sum();
    assert_eq!(points, POINTS + 1);
}

proptest::proptest! {
    #[test]
    fn nothing_panics(at in 0_usize..3000, byte in proptest::prelude::any::<u8>()) {
        let mut bytes = format!("{}---\n{}", crate::trust_policy::RECOMMENDED, "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: p}\nspec: {rules: [{name: r, match: {any: [{resources: {kinds: [Pod]}}]}, validate: {pattern: {(a): {=(b): [x, '>=1']}}, deny: {conditions: [{key: a, operator: In, value: [1]}]}}, verifyImages: [{attestors: [{entries: [{keyless: {issuer: i}}]}]}]}]}\n").into_bytes();
        let length = bytes.len();
        if let Some(found) = bytes.get_mut(at % length) { *found = byte; }
        if let Ok(documents) = signet_yaml::parse_bytes(&bytes, &Limits::default()) {
            documents.iter().for_each(|document| drop(explain(&document.root)));
        }
    }
}
