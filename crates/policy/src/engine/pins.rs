//! What the validating call refuses although every signature is there: an image that the changing call would have pinned otherwise. And policies beside
//! one that refuses nothing.

use jiff::Timestamp;
use serde_json::{Value, json};
use signet_model::Digest;

use super::*;
use crate::jmespath::Surroundings;
use crate::kyverno::verify_images::{Answer, Found, ImageNeed};
use crate::kyverno::{Input, Operation, Status};
use crate::trust_policy::facts::{self, Manifest, Question, Seal, Signer};
use crate::trust_policy::{Authority, KeySource};

const KEY: &str = "-----BEGIN PUBLIC KEY-----\\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEZxAfzrQG1EbWyCI8LiSB7YgSFXoI\\nFNGTyQGKHFc6/H8TQumT9VLS78pUwtv3w7EfKoyFZoP32KrO7nzUy2q6Cw==\\n-----END PUBLIC KEY-----\\n";

const TRUST: &str = "
apiVersion: signet.dev/v1
kind: TrustPolicy
metadata: {name: ours}
spec:
  images: ['r.example.com/**']
  digest: pin
  signatures: {authorities: [{key: {pem: KEY}}]}
";
const CLUSTER_IMAGE: &str = "
apiVersion: policy.sigstore.dev/v1beta1
kind: ClusterImagePolicy
metadata: {name: theirs}
spec:
  images: [{glob: 'r.example.com/**'}]
  authorities: [{key: {data: KEY}}]
";
const KYVERNO: &str = "
apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: verify}
spec:
  validationFailureAction: Enforce
  rules:
  - name: signed
    match: {any: [{resources: {kinds: [Pod]}}]}
    verifyImages: [{imageReferences: ['r.example.com/*'], verifyDigest: false, attestors: [{entries: [{keys: {publicKeys: KEY}}]}]}]
";
const CONNAISSEUR: &str = "
validators: [{name: default, type: cosign, trustRoots: [{name: default, key: KEY}]}]
policy: [{pattern: '*:*'}]
";

fn digest() -> Digest {
    Digest::sha256(b"image")
}

fn other() -> Digest {
    Digest::sha256(b"another image")
}

fn set(documents: &[&str]) -> Set {
    let mut builder = Builder::default();
    for text in documents {
        for taken in builder.take_text("p.yaml", &text.replace("KEY", &format!("\"{KEY}\""))) {
            assert_eq!(taken, Ok(Taken::Policy), "{text}");
        }
    }
    builder.finish().unwrap()
}

fn pod(image: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "d"}, "spec": {"containers": [{"name": "c", "image": image}]}})
}

/// A registry where each tag is `digest()`, signed by everybody, and where nobody signed anything else.
fn answer(need: &ImageNeed) -> Answer {
    let good = digest().to_string();
    match need {
        ImageNeed::Digest { .. } => Answer::Digest(good),
        ImageNeed::Signed(signed) if signed.reference.ends_with(&good) => Answer::Signed { digest: good },
        ImageNeed::Verified(demand) if demand.reference.ends_with(&good) => {
            let signatures = vec![json!({"id": "1"})];
            Answer::Found(Box::new(Found { digest: good, signatures, ..Found::default() }))
        }
        _ => Answer::Refused("no matching signatures".to_owned()),
    }
}

fn told(question: &Question) -> facts::Answer {
    match question {
        Question::Digest { .. } => facts::Answer::Digest(digest()),
        Question::Manifests { digest, .. } => {
            facts::Answer::Manifests(vec![Manifest { digest: *digest, platform: String::new(), created: None }])
        }
        Question::Signatures { digest: of, authorities, .. } => {
            let seal = |authority: &Authority| {
                let Authority::Key(KeySource::Pem(_)) = authority else { unreachable!("keys alone are asked for") };
                let Authority::Key(source) = authority.clone() else { unreachable!() };
                let signer = Signer::Key { fingerprint: digest(), source };
                Seal { evidence: digest(), signer, signed_at: None }
            };
            facts::Answer::Signatures(match *of == digest() {
                true => authorities.iter().map(seal).collect(),
                false => Vec::new(),
            })
        }
        _ => facts::Answer::Unknown("nobody knows".to_owned()),
    }
}

/// Judges until nothing more is asked for.
fn judge(set: &Set, input: &Input, stages: Stages) -> Judged {
    let surroundings = Surroundings::kyverno(Timestamp::UNIX_EPOCH, [7; 32]);
    let mut known = Known::default();
    loop {
        let judged = set.judge(input, &known, &surroundings, stages);
        let before = (known.images.len(), known.facts.questions().count());
        known.images.extend(judged.needs.images.iter().map(|need| (need.clone(), answer(need))));
        for question in &judged.needs.questions {
            known.facts.insert(question.clone(), told(question));
        }
        if (known.images.len(), known.facts.questions().count()) == before {
            return judged;
        }
    }
}

/// What the validating call says of an image.
#[track_caller]
fn validated(documents: &[&str], image: &str, allowed: bool) -> Judged {
    let judged = judge(&set(documents), &Input::of(pod(image), Operation::Create), Stages::Validate);
    assert_eq!(judged.decision.allowed, allowed, "{image} {:#}", judged.decision.to_json());
    judged
}

#[test]
fn what_the_changing_call_would_have_pinned_is_refused_by_the_validating_one() {
    let tagged = "r.example.com/a:1";
    for (name, document) in
        [("ours", TRUST), ("ClusterImagePolicy", CLUSTER_IMAGE), ("verify", KYVERNO), ("Connaisseur", CONNAISSEUR)]
    {
        let policies = set(&[document]);
        let changed = judge(&policies, &Input::of(pod(tagged), Operation::Create), Stages::Mutate);
        assert!(changed.decision.allowed, "{name} {:#}", changed.decision.to_json());
        let changed = changed.object.unwrap();
        let image = changed.pointer("/spec/containers/0/image").and_then(Value::as_str).unwrap();
        assert!(image.contains(':') && image.ends_with(&format!("@{}", digest())), "{name} {image}");
        let after = judge(&policies, &Input::of(changed.clone(), Operation::Create), Stages::Validate);
        assert!(after.decision.allowed, "{name} {:#}", after.decision.to_json());

        // The tag alone: whoever changed it behind the first call, or went around it.
        let judged = validated(&[document], tagged, false);
        let pinned: Vec<&Reason> = judged.decision.with(Consequence::Denies).collect();
        assert!(
            matches!(pinned.as_slice(), [reason] if reason.rule == "pinned" && reason.message.contains("mutating webhook")),
            "{name} {:#}",
            judged.decision.to_json()
        );
        assert_eq!(judged.object, None, "the validating call changes nothing");
        // What the first call wrote is not believed: an annotation that says so makes nothing pinned.
        let mut spoofed = pod(tagged);
        spoofed["metadata"]["annotations"] = changed.pointer("/metadata/annotations").cloned().unwrap_or(json!({}));
        let judged = judge(&policies, &Input::of(spoofed, Operation::Create), Stages::Validate);
        assert!(!judged.decision.allowed, "{name}");
        // A digest that nobody signed.
        validated(&[document], &format!("{tagged}@{}", other()), false);
    }
}

#[test]
fn an_image_that_stays_as_it_was_is_not_held_up() {
    let update = |before: &str, after: &str, document: &str| {
        let mut input = Input::of(pod(after), Operation::Update);
        input.set("request.oldObject", pod(before));
        judge(&set(&[document]), &input, Stages::Validate).decision.allowed
    };
    for document in [TRUST, CLUSTER_IMAGE, CONNAISSEUR] {
        assert!(update("r.example.com/a:1", "r.example.com/a:1", document), "{document}");
        assert!(!update("r.example.com/a:2", "r.example.com/a:1", document), "{document}");
        let pinned = format!("r.example.com/a:1@{}", digest());
        assert!(!update(&pinned, "r.example.com/a:1", document), "{document}");
    }
}

#[test]
fn only_who_refuses_refuses_an_image_without_its_digest() {
    let pinned = |judged: &Judged| {
        let mut found = judged.decision.reasons.iter().filter(|reason| reason.rule == "pinned");
        (found.next().map(|reason| (reason.status, reason.consequence)), found.next().is_none())
    };
    let warns = TRUST.replace("  images", "  mode: warn\n  images");
    let judged = validated(&[&warns], "r.example.com/a:1", true);
    assert_eq!(pinned(&judged), (Some((Status::Fail, Consequence::Reported)), true));
    // A policy in audit changes nothing, and so nothing is missing.
    let audits = TRUST.replace("  images", "  mode: audit\n  images");
    assert_eq!(pinned(&validated(&[&audits], "r.example.com/a:1", true)), (None, true));
    // One that is enforced is enough.
    let judged = validated(&[&warns, TRUST], "r.example.com/a:1", false);
    assert_eq!(pinned(&judged), (Some((Status::Fail, Consequence::Denies)), true));
}

#[test]
fn a_policy_in_audit_opens_no_door_that_another_keeps_shut() {
    const SHUT: &str = "
apiVersion: signet.dev/v1
kind: TrustPolicy
metadata: {name: shut}
spec: {images: ['other.example.com/**'], otherwise: deny}
";
    let judge = |documents: &[&str]| {
        let judged = judge(&set(documents), &Input::of(pod("r.example.com/a:1"), Operation::Create), Stages::All);
        (judged.decision.allowed, judged.decision.with(Consequence::Denies).map(Reason::name).collect::<Vec<_>>())
    };
    let denied = || vec!["shut/otherwise".to_owned()];
    assert_eq!(judge(&[SHUT]), (false, denied()));
    for mode in ["audit", "warn"] {
        // It names the image and refuses nothing; the other one refuses what it does not name.
        let open = TRUST.replace("  images", &format!("  mode: {mode}\n  images"));
        assert_eq!(judge(&[SHUT, &open]), (false, denied()), "{mode}");
        assert_eq!(judge(&[&open, SHUT]), (false, denied()), "{mode}");
        // Where nobody refuses anything, it passes, and what would have been denied is told.
        let shut = SHUT.replace("spec: {", &format!("spec: {{mode: {mode}, "));
        assert_eq!(judge(&[&shut, &open]), (true, Vec::new()), "{mode}");
    }
    // One that is enforced and names it vouches for it.
    assert_eq!(judge(&[SHUT, TRUST]), (true, Vec::new()));
    assert_eq!(judge(&[&SHUT.replace("otherwise: deny", "otherwise: ignore")]), (true, Vec::new()));
}

#[test]
fn constraints_over_namespaces_that_nobody_knows_refuse() {
    const TEMPLATE: &str = "
apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: nolatest}
spec:
  crd: {spec: {names: {kind: NoLatest}}}
  targets:
  - target: admission.k8s.gatekeeper.sh
    rego: |
      package nolatest
      violation[{\"msg\": msg}] { endswith(input.review.object.spec.containers[_].image, \":latest\"); msg := \"latest\" }
";
    let constraint = |more: &str| {
        format!(
            "apiVersion: constraints.gatekeeper.sh/v1beta1\nkind: NoLatest\nmetadata: {{name: none}}\nspec: {{{more}match: {{kinds: [{{apiGroups: [''], kinds: [Pod]}}], namespaceSelector: {{matchLabels: {{env: prod}}}}}}}}\n"
        )
    };
    let ask = |constraint: &str, labels: &[(&str, &str)], image: &str| {
        let mut input = Input::of(pod(image), Operation::Create);
        input.namespace_labels.extend(labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        let judged = judge(&set(&[TEMPLATE, constraint]), &input, Stages::All);
        (
            judged.decision.allowed,
            judged.decision.reasons.iter().map(|reason| reason.message.clone()).collect::<String>(),
        )
    };
    let plain = constraint("");
    for image in ["a:latest", "a:1"] {
        let (allowed, said) = ask(&plain, &[], image);
        assert!(!allowed && said.contains("the labels of namespace `d` are not known"), "{said}");
    }
    assert!(!ask(&plain, &[("env", "prod")], "a:latest").0);
    assert!(ask(&plain, &[("env", "prod")], "a:1").0);
    assert!(ask(&plain, &[("env", "test")], "a:latest").0);
    // One that only reports refuses nothing, whatever is known.
    let (allowed, said) = ask(&constraint("enforcementAction: dryrun, "), &[], "a:latest");
    assert!(allowed && said.contains("not known"), "{said}");
}
