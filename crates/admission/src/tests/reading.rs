//! Reviews that are read, and what is none.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{pod, with_image};
use crate::{BadReview, Pass, Request, ReviewLimits, Version};

fn parse(text: &str) -> Result<Request, BadReview> {
    Request::parse(text.as_bytes(), &ReviewLimits::default())
}

/// Replaces or adds what stands at a pointer's end.
fn set(mut review: Value, parent: &str, key: &str, value: Value) -> Value {
    review.pointer_mut(parent).unwrap().as_object_mut().unwrap().insert(key.to_owned(), value);
    review
}

#[track_caller]
fn refused(review: &str, has_uid: bool, told: &str) {
    let bad = parse(review).unwrap_err();
    assert_eq!(bad.uid.is_some(), has_uid, "{bad:?}");
    assert!(bad.message.contains(told), "{bad:?}");
}

#[test]
fn what_is_no_review_is_told_so() {
    refused("", false, "no JSON");
    refused("null", false, "no mapping");
    refused("[1]", false, "no mapping");
    refused("{}", false, "no AdmissionReview");
    refused(r#"{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":null}"#, false, "`request`");
    refused(r#"{"user":"tonio","action":"eats"}"#, false, "`request`");
    refused(&pod(&with_image("a"))["request"].to_string(), false, "`request`");
    refused(&format!("{}{}", "[".repeat(200), "]".repeat(200)), false, "deeper than 100");
    refused(&format!("[{}1]", "1,".repeat(500_000)), false, "more than 400000 values");
    refused("\u{0}\u{1}", false, "line 1");
    let good = pod(&with_image("a"));
    for uid in [json!(null), json!(""), json!(7), json!("u".repeat(257))] {
        refused(&set(good.clone(), "/request", "uid", uid).to_string(), false, "uid");
    }
}

#[test]
fn what_cannot_be_judged_is_denied_by_its_uid() {
    let good = || pod(&with_image("a"));
    let check = |review: Value, told: &str| refused(&review.to_string(), true, told);
    check(set(good(), "", "kind", json!("Pod")), "`Pod` is no AdmissionReview");
    check(set(good(), "", "apiVersion", json!("admission.k8s.io/v2")), "admissionReviewVersions");
    check(set(good(), "/request", "operation", json!("EAT")), "`EAT`");
    check(set(good(), "/request", "operation", json!(null)), "operation");
    check(set(good(), "/request", "object", json!(null)), "`request.object` is missing");
    check(set(good(), "/request", "object", json!("pod")), "`request.object`");
    check(set(good(), "/request", "operation", json!("DELETE")), "`request.oldObject` is missing");
    check(set(good(), "/request", "kind", json!(null)), "`request.kind`");
    check(set(good(), "/request/kind", "kind", json!("")), "names no kind");
    check(set(good(), "/request/kind", "kind", json!("ConfigMap")), "the object says");
    check(set(good(), "/request/object", "apiVersion", json!("v2")), "the object says");
    check(set(good(), "/request", "namespace", json!(["a"])), "`request.namespace`");
    check(set(good(), "/request", "userInfo", json!("anna")), "`request.userInfo`");
    check(set(good(), "/request/userInfo", "groups", json!([1])), "groups");
    check(set(good(), "/request", "dryRun", json!("yes")), "dryRun");
}

#[test]
fn a_review_is_read_as_kubernetes_sends_it() {
    let request = parse(&pod(&with_image("nginx")).to_string()).unwrap();
    assert_eq!((request.uid.as_str(), request.version, request.dry_run), ("6f1c", Version::V1, false));
    assert_eq!(request.label(), "Pod/shop/web");
    assert_eq!(request.input.user.unwrap().username, "anna");
    let beta = set(pod(&with_image("nginx")), "", "apiVersion", json!("admission.k8s.io/v1beta1"));
    assert_eq!(parse(&beta.to_string()).unwrap().version, Version::V1Beta1);
    // A name is given by the API server or still to be made.
    let mut made = pod(&json!({"metadata": {"generateName": "web-"}, "spec": {}}));
    made["request"]["name"] = json!(null);
    let request = parse(&made.to_string()).unwrap();
    assert_eq!(request.label(), "Pod/shop/web-");
    assert_eq!(request.input.object().unwrap()["kind"], "Pod");
    let exec = json!({"kind": "PodExecOptions", "apiVersion": "v1", "command": ["sh"]});
    let mut review = pod(&exec);
    review["request"]["operation"] = json!("CONNECT");
    review["request"]["subResource"] = json!("exec");
    review["request"]["kind"]["kind"] = json!("PodExecOptions");
    review["request"]["options"] = json!(null);
    let request = parse(&review.to_string()).unwrap();
    assert_eq!((request.input.kind.kind.as_str(), request.input.subresource.as_str()), ("Pod", "exec"));
    let account = json!({"username": "system:serviceaccount:ci:bot"});
    let request = parse(&set(pod(&with_image("a")), "/request", "userInfo", account).to_string()).unwrap();
    assert_eq!(request.input.roots["serviceAccountName"], "bot");
}

#[track_caller]
fn images(review: &Value, pass: Pass) -> crate::Images {
    crate::Images::of(&parse(&review.to_string()).unwrap(), pass)
}

#[test]
fn odd_images_are_refused_by_name_and_others_told_in_full() {
    let good = images(&pod(&with_image("nginx")), Pass::Validate);
    assert_eq!((good.listed().as_str(), good.refusal()), ("docker.io/library/nginx", None));
    for odd in ["ngi nx", "ghcr.io/\u{43e}rg/app:1", "app:1\u{200b}", "a/../b", "https://ghcr.io/a", "nginx:", "*"] {
        let found = images(&pod(&with_image(odd)), Pass::Mutate);
        let refusal = found.refusal().unwrap();
        assert!(refusal.contains("container `app`: image \""), "{refusal}");
        assert!(refusal.is_ascii(), "what cannot be seen is spelt out: {refusal}");
    }
}

#[test]
fn a_missing_image_is_for_others_to_write_before_validation() {
    let bare = pod(&json!({"metadata": {"name": "web"}, "spec": {"containers": [{"name": "app"}]}}));
    assert_eq!(images(&bare, Pass::Mutate).refusal(), None);
    assert!(images(&bare, Pass::Validate).refusal().unwrap().contains("names no image"));
}

#[test]
fn what_was_stored_before_stays_changeable() {
    let mut review = pod(&with_image("NGINX"));
    review["request"]["operation"] = json!("UPDATE");
    review["request"]["oldObject"] = with_image("NGINX");
    let found = images(&review, Pass::Validate);
    assert_eq!((found.refusal(), found.warnings.len()), (None, 1));
    review["request"]["oldObject"] = with_image("OTHER");
    assert!(images(&review, Pass::Validate).refusal().is_some());
    review["request"]["subResource"] = json!("status");
    assert_eq!(images(&review, Pass::Validate).refusal(), None);
    // A template of another controller holds what is filled in later.
    let workflow = json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow",
        "metadata": {"name": "w"}, "spec": {"templates": [{"container": {"image": "{{inputs.image}}"}}]},
    });
    let mut review = pod(&workflow);
    review["request"]["kind"] = json!({"group": "argoproj.io", "version": "v1alpha1", "kind": "Workflow"});
    let found = images(&review, Pass::Validate);
    assert_eq!((found.refusal(), found.warnings.len()), (None, 1));
}

#[test]
fn thousands_of_odd_images_make_a_short_message() {
    let containers: Vec<Value> = (0..5000).map(|n| json!({"name": format!("c{n}"), "image": "a b"})).collect();
    let review = pod(&json!({"metadata": {"name": "web"}, "spec": {"containers": containers}}));
    let refusal = images(&review, Pass::Validate).refusal().unwrap();
    assert!(refusal.ends_with("and 4990 more") && refusal.len() < 4000, "{refusal}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn mutated_reviews_never_panic(at in 0_usize..2000, byte: u8, cut in 0_usize..2000) {
        let mut text = pod(&with_image("nginx:1@sha256:aa")).to_string().into_bytes();
        let index = at % text.len();
        text[index] = byte;
        text.truncate(text.len() - cut % 3);
        if let Ok(request) = Request::parse(&text, &ReviewLimits::default()) {
            let _images = crate::Images::of(&request, Pass::Mutate);
            let _label = request.label();
        }
    }

    #[test]
    fn any_bytes_never_panic(bytes: Vec<u8>) {
        let _read = Request::parse(&bytes, &ReviewLimits::default());
    }
}
