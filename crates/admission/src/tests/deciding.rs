//! From the review to the answer, through the desk.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use signet_policy::engine::{Consequence, Judged, Known, Origin, Reason};
use signet_policy::kyverno::verify_images::{Answer, ImageNeed};
use signet_policy::kyverno::{Need, Status};

use super::{Fake, ask, ask_within, desk, desk_with, judged, message, patch, pod, policies, response, with_image};
use crate::{Asked, DeskLimits, Nobody, Outside, Pass, Request};

const DIGEST: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

fn latest(action: &str, failure: &str) -> String {
    format!(
        "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {{name: no-latest}}\nspec:\n  validationFailureAction: {action}\n  \
         failurePolicy: {failure}\n  rules:\n  - name: tag\n    match: {{any: [{{resources: {{kinds: [Pod]}}}}]}}\n    \
         validate: {{message: no latest, pattern: {{spec: {{containers: [{{image: '!*:latest'}}]}}}}}}\n"
    )
}

#[tokio::test]
async fn a_policy_says_no_with_its_reason_and_yes_without_one() {
    let desk = desk(&latest("Enforce", "Fail"));
    let denied = response(&ask(&desk, Pass::Validate, &pod(&with_image("nginx:latest"))).await);
    assert_eq!(denied["allowed"], false);
    assert_eq!(denied["status"]["code"], 403);
    let told = message(&denied);
    assert!(told.starts_with("resource Pod/shop/web was blocked due to the following policies\n\nno-latest:\n  tag: "));
    assert!(told.contains("no latest"), "{told}");
    assert_eq!(denied["auditAnnotations"]["images"], "docker.io/library/nginx:latest");
    let allowed = response(&ask(&desk, Pass::Validate, &pod(&with_image("nginx:1"))).await);
    assert_eq!((&allowed["allowed"], &allowed["uid"]), (&json!(true), &json!("6f1c")));
    assert_eq!(allowed.get("status"), None);
    let text = desk.metrics().text();
    assert!(text.contains(
        "kyverno_admission_requests_total{request_allowed=\"false\",request_webhook=\"ValidatingWebhookConfiguration\",\
         resource_kind=\"Pod\",resource_namespace=\"shop\",resource_request_operation=\"create\"} 1\n"
    ));
    assert!(text.contains("rule_name=\"tag\",rule_result=\"fail\",rule_type=\"validate\"} 1\n"), "{text}");
}

#[tokio::test]
async fn an_image_that_is_none_is_denied_whatever_policies_say() {
    let desk = desk(&latest("Audit", "Fail"));
    for pass in [Pass::Mutate, Pass::Validate] {
        let denied = response(&ask(&desk, pass, &pod(&with_image("a/../b"))).await);
        assert_eq!(denied["allowed"], false, "{denied}");
        assert!(message(&denied).contains("container `app`: image \"a/../b\""), "{denied}");
    }
}

#[tokio::test]
async fn an_audited_policy_reports() {
    let desk = desk(&latest("Audit", "Fail"));
    let found = response(&ask(&desk, Pass::Validate, &pod(&with_image("nginx:latest"))).await);
    assert_eq!(found["allowed"], true);
    assert_eq!(found["auditAnnotations"]["reported"], "no-latest/tag");
    assert_eq!(found.get("warnings"), None);
}

fn needing(failure: &str) -> String {
    format!(
        "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {{name: allowed}}\nspec:\n  validationFailureAction: Enforce\n  \
         failurePolicy: {failure}\n  rules:\n  - name: listed\n    match: {{any: [{{resources: {{kinds: [Pod]}}}}]}}\n    \
         context: [{{name: list, configMap: {{name: list, namespace: default}}}}]\n    \
         validate:\n      message: not listed\n      deny:\n        conditions:\n          any:\n          \
         - {{key: '{{{{ list.data.name }}}}', operator: NotEquals, value: '{{{{ request.object.metadata.name }}}}'}}\n"
    )
}

/// Answers with a ConfigMap, and counts.
#[derive(Debug, Default)]
struct Cluster {
    asked: AtomicUsize,
    name: Option<&'static str>,
    slow: Option<Duration>,
}

impl Outside for Cluster {
    fn context<'a>(&'a self, need: &'a Need) -> Asked<'a, Result<Value, String>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            if let Some(slow) = self.slow {
                tokio::time::sleep(slow).await;
            }
            match (need, self.name) {
                (Need::ConfigMap { .. }, Some(name)) => Ok(json!({"data": {"name": name}})),
                (Need::Objects { kind, .. }, Some(name)) if kind == "Namespace" => {
                    Ok(json!([{"kind": "Namespace", "metadata": {"name": "shop", "labels": {"team": name}}}]))
                }
                _ => Err("the cluster is away".to_owned()),
            }
        })
    }

    fn image<'a>(&'a self, need: &'a ImageNeed) -> Asked<'a, Answer> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let answer = match need {
            ImageNeed::Digest { .. } => Answer::Digest(DIGEST.to_owned()),
            ImageNeed::Signed(_) if self.name.is_some() => Answer::Signed { digest: DIGEST.to_owned() },
            _ => Answer::Refused("no signature".to_owned()),
        };
        Box::pin(async { answer })
    }
}

fn over(text: &str, cluster: Cluster) -> crate::Desk {
    desk_with(Arc::new(policies(text)), Arc::new(cluster), DeskLimits::default())
}

#[tokio::test]
async fn what_is_needed_is_fetched_and_then_judged() {
    for (name, allowed) in [("web", true), ("other", false)] {
        let desk = over(&needing("Fail"), Cluster { name: Some(name), ..Cluster::default() });
        let found = response(&ask(&desk, Pass::Validate, &pod(&with_image("nginx:1"))).await);
        assert_eq!(found["allowed"], allowed, "{found}");
    }
}

#[tokio::test]
async fn what_cannot_be_fetched_denies_and_is_named() {
    let desk = over(&needing("Fail"), Cluster::default());
    let found = response(&ask(&desk, Pass::Validate, &pod(&with_image("nginx:1"))).await);
    assert_eq!(found["allowed"], false);
    let told = message(&found);
    assert!(told.contains("not known:\n  ConfigMap `default/list`: the cluster is away"), "{told}");
    assert!(desk.metrics().text().contains("{pass=\"validate\",decision=\"undecided\"} 1\n"));
}

#[tokio::test]
async fn a_policy_that_ignores_failures_lets_pass_and_warns() {
    let desk = over(&needing("Ignore"), Cluster::default());
    let found = response(&ask(&desk, Pass::Validate, &pod(&with_image("nginx:1"))).await);
    assert_eq!(found["allowed"], true, "{found}");
    assert!(found["warnings"][0].as_str().unwrap().starts_with("allowed/listed: "), "{found}");
}

#[tokio::test]
async fn a_slow_cluster_denies_when_the_time_is_over() {
    let slow = Some(Duration::from_secs(30));
    let desk = over(&needing("Fail"), Cluster { name: Some("web"), slow, ..Cluster::default() });
    let begun = tokio::time::Instant::now();
    let review = pod(&with_image("nginx:1"));
    let found = response(&ask_within(&desk, Pass::Validate, &review, Duration::from_millis(300)).await);
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert_eq!(found["allowed"], false);
    assert!(message(&found).contains("the time that the API server gives was over"), "{found}");
}

fn signed() -> String {
    "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: signed}\nspec:\n  validationFailureAction: Enforce\n  \
     rules:\n  - name: by-us\n    match: {any: [{resources: {kinds: [Pod]}}]}\n    verifyImages:\n    - imageReferences: ['*']\n      \
     attestors: [{entries: [{keys: {publicKeys: 'k8s://shop/key'}}]}]\n"
        .to_owned()
}

#[tokio::test]
async fn the_digest_that_was_verified_is_the_digest_that_is_written() {
    let desk = over(&signed(), Cluster { name: Some("yes"), ..Cluster::default() });
    let review = pod(&with_image("ghcr.io/shop/app:1"));
    let found = response(&ask(&desk, Pass::Mutate, &review).await);
    assert_eq!(found["allowed"], true, "{found}");
    let pinned = format!("ghcr.io/shop/app:1@{DIGEST}");
    let patch = patch(&found);
    let image = json!({"op": "replace", "path": "/spec/containers/0/image", "value": pinned});
    assert!(patch.as_array().unwrap().contains(&image), "{patch}");
    // The second pass asks again, and takes what is pinned.
    let found = response(&ask(&desk, Pass::Validate, &pod(&with_image(&pinned))).await);
    assert_eq!((&found["allowed"], found.get("patch")), (&json!(true), None), "{found}");
    // What the first pass did not pin may be another image when it runs.
    let found = response(&ask(&desk, Pass::Validate, &review).await);
    assert_eq!(found["allowed"], false);
    assert!(message(&found).contains("signed:\n  pinned: an image has no digest"), "{found}");
}

#[tokio::test]
async fn an_annotation_that_says_verified_is_not_believed() {
    let desk = over(&signed(), Cluster::default());
    let pinned = format!("ghcr.io/shop/app:1@{DIGEST}");
    let mut object = with_image(&pinned);
    let annotation = json!({&pinned: "pass"}).to_string();
    object["metadata"]["annotations"] = json!({"kyverno.io/verify-images": annotation});
    for pass in [Pass::Mutate, Pass::Validate] {
        let found = response(&ask(&desk, pass, &pod(&object)).await);
        assert_eq!(found["allowed"], false, "{found}");
        assert!(message(&found).contains("signed:\n  by-us: "), "{found}");
    }
}

const LABEL: &str = "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: label}\nspec:\n  rules:\n  - name: add\n    \
     match: {any: [{resources: {kinds: [Pod, Pod/ephemeralcontainers]}}]}\n    \
     mutate: {patchStrategicMerge: {metadata: {labels: {'+(team)': shop}}}}\n";

#[tokio::test]
async fn changes_come_as_a_patch_and_twice_is_once() {
    let desk = desk(LABEL);
    let mut object = with_image("nginx:1");
    let found = response(&ask(&desk, Pass::Mutate, &pod(&object)).await);
    assert_eq!(patch(&found), json!([{"op": "add", "path": "/metadata/labels", "value": {"team": "shop"}}]));
    object["metadata"]["labels"] = json!({"team": "shop"});
    let found = response(&ask(&desk, Pass::Mutate, &pod(&object)).await);
    assert_eq!(found.get("patch"), None, "{found}");
    // A validating webhook with a patch fails the call.
    let found = response(&ask(&desk, Pass::Validate, &pod(&with_image("nginx:1"))).await);
    assert_eq!((&found["allowed"], found.get("patch")), (&json!(true), None));
    let mut deleted = pod(&with_image("nginx:1"));
    deleted["request"]["operation"] = json!("DELETE");
    deleted["request"]["oldObject"] = with_image("nginx:1");
    let found = response(&ask(&desk, Pass::Mutate, &deleted).await);
    assert_eq!((&found["allowed"], found.get("patch")), (&json!(true), None), "{found}");
    let mut debug = pod(&with_image("nginx:1"));
    debug["request"]["operation"] = json!("UPDATE");
    debug["request"]["oldObject"] = with_image("nginx:1");
    debug["request"]["subResource"] = json!("ephemeralcontainers");
    let found = response(&ask(&desk, Pass::Mutate, &debug).await);
    assert_eq!((&found["allowed"], found.get("patch")), (&json!(true), None), "{found}");
}

fn admission_policy(binding: bool) -> String {
    let policy = "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicy\nmetadata: {name: never}\nspec:\n  \
         matchConstraints:\n    resourceRules:\n    - {apiGroups: [''], apiVersions: [v1], operations: [CREATE], resources: [pods]}\n  \
         validations: [{expression: 'false', message: never}]\n";
    let bound = "---\napiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicyBinding\nmetadata: {name: b}\n\
         spec: {policyName: never, validationActions: [Deny]}\n";
    if binding { format!("{policy}{bound}") } else { policy.to_owned() }
}

#[tokio::test]
async fn a_policy_of_kubernetes_holds_where_it_is_bound() {
    let review = pod(&with_image("nginx:1"));
    let unbound = policies(&admission_policy(false));
    assert_eq!(unbound.unbound(), ["never"]);
    let found = response(&ask(&desk(&admission_policy(false)), Pass::Validate, &review).await);
    assert_eq!(found["allowed"], true);
    let found = response(
        &ask(
            &over(&admission_policy(true), Cluster { name: Some("a"), ..Cluster::default() }),
            Pass::Validate,
            &review,
        )
        .await,
    );
    assert_eq!((&found["allowed"], message(&found).contains("never")), (&json!(false), true), "{found}");
}

#[tokio::test]
async fn labels_of_a_namespace_are_known_or_nothing_passes() {
    let selected = latest("Enforce", "Fail")
        .replace("kinds: [Pod]", "kinds: [Pod], namespaceSelector: {matchLabels: {team: shop}}");
    let review = pod(&with_image("nginx:latest"));
    for (name, allowed) in [(Some("shop"), false), (Some("other"), true), (None, false)] {
        let desk = over(&selected, Cluster { name, ..Cluster::default() });
        let found = response(&ask(&desk, Pass::Validate, &review).await);
        assert_eq!(found["allowed"], allowed, "{name:?}: {found}");
    }
}

#[test]
fn a_document_that_nothing_enforces_is_no_policy_that_holds() {
    for text in [
        "apiVersion: policy.sigstore.dev/v1beta1\nkind: ClusterImagePolice\nmetadata: {name: a}\nspec: {}\n",
        "apiVersion: signet.dev/v1\nkind: TrustPolice\nmetadata: {name: a}\nspec: {}\n",
        "apiVersion: kyverno.io/v9\nkind: NewPolicy\nmetadata: {name: a}\nspec: {}\n",
    ] {
        let documents = signet_yaml::parse(text, &signet_yaml::Limits::default()).unwrap();
        let err = crate::Loader::default().take("p.yaml", &documents[0].root).unwrap_err();
        assert!(err.to_string().contains("is no kind of policy that is judged here"), "{err}");
    }
    // A constraint without its template enforces nothing.
    let text = "apiVersion: constraints.gatekeeper.sh/v1beta1\nkind: AllowedRepos\nmetadata: {name: a}\nspec: {}\n";
    let documents = signet_yaml::parse(text, &signet_yaml::Limits::default()).unwrap();
    let mut loader = crate::Loader::default();
    assert!(loader.take("p.yaml", &documents[0].root).unwrap());
    assert!(loader.finish().unwrap_err().to_string().contains("no ConstraintTemplate for `AllowedRepos`"));
    let other = signet_yaml::parse("apiVersion: v1\nkind: ConfigMap\n", &signet_yaml::Limits::default()).unwrap();
    assert!(!crate::Loader::default().take("p.yaml", &other[0].root).unwrap());
}

/// Policies, and how often they judged.
#[derive(Debug)]
struct Counted(crate::PolicySet, Arc<AtomicUsize>);

impl crate::Engine for Counted {
    fn judge(
        &self,
        request: &Request,
        pass: Pass,
        known: &Known,
        around: &signet_policy::jmespath::Surroundings,
    ) -> Judged {
        self.1.fetch_add(1, Ordering::SeqCst);
        self.0.judge(request, pass, known, around)
    }

    fn policies(&self) -> usize {
        self.0.policies()
    }

    fn wants(&self, request: &Request) -> std::collections::BTreeSet<Need> {
        self.0.wants(request)
    }
}

#[tokio::test]
async fn what_policies_ask_of_every_request_is_there_before_they_judge() {
    let text = latest("Enforce", "Fail")
        .replace("kinds: [Pod]", "kinds: [Pod], namespaceSelector: {matchLabels: {team: shop}}");
    let judged = |name| {
        let count = Arc::new(AtomicUsize::new(0));
        let engine = Counted(policies(&text), Arc::clone(&count));
        let cluster = Cluster { name, ..Cluster::default() };
        (desk_with(Arc::new(engine), Arc::new(cluster), DeskLimits::default()), count)
    };
    let (desk, count) = judged(Some("shop"));
    let denied = response(&ask(&desk, Pass::Validate, &pod(&with_image("nginx:latest"))).await);
    assert_eq!((&denied["allowed"], count.load(Ordering::SeqCst)), (&json!(false), 1), "{denied}");
    // Nobody knows the namespace: it is judged once, and refused for that.
    let (desk, count) = judged(None);
    let denied = response(&ask(&desk, Pass::Validate, &pod(&with_image("nginx:1"))).await);
    assert_eq!((&denied["allowed"], count.load(Ordering::SeqCst)), (&json!(false), 1), "{denied}");
    assert!(message(&denied).contains("the cluster is away"), "{denied}");
    // A namespace that lies in none has no labels to ask for.
    let mut review = pod(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}));
    review["request"]["kind"]["kind"] = json!("Namespace");
    review["request"]["resource"]["resource"] = json!("namespaces");
    let (desk, count) = judged(None);
    let found = response(&ask(&desk, Pass::Validate, &review).await);
    assert_eq!((&found["allowed"], count.load(Ordering::SeqCst)), (&json!(true), 1), "{found}");
}

fn reason(status: Status, consequence: Consequence) -> Reason {
    Reason {
        policy: "p".into(),
        kind: "ClusterPolicy",
        rule: "r".into(),
        status,
        consequence,
        message: "m".into(),
        path: None,
        origin: Origin::default(),
    }
}

fn fake(judge: impl Fn(&Request, Pass, &Known) -> Judged + Send + Sync + 'static, limits: DeskLimits) -> crate::Desk {
    desk_with(Arc::new(Fake(judge)), Arc::new(Nobody), limits)
}

#[tokio::test]
async fn what_refuses_already_is_told_without_what_nobody_looked_for() {
    let said = |first: Status| {
        move |_: &Request, _: Pass, _: &Known| {
            let found = Reason {
                rule: "signed".into(),
                message: "nobody signed it".into(),
                ..reason(first, Consequence::Denies)
            };
            let open = Reason {
                rule: "scanned".into(),
                message: "there is no scan".into(),
                ..reason(Status::Error, Consequence::Denies)
            };
            judged(vec![found, open])
        }
    };
    let told = message(&response(
        &ask(&fake(said(Status::Fail), DeskLimits::default()), Pass::Validate, &pod(&with_image("a"))).await,
    ));
    assert!(
        told.ends_with("\n\np:\n  signed: nobody signed it\n\nnot decided, as it is refused anyway: p/scanned"),
        "{told}"
    );
    // Where nothing refuses but what is not known, all of it is the reason.
    let told = message(&response(
        &ask(&fake(said(Status::Error), DeskLimits::default()), Pass::Validate, &pod(&with_image("a"))).await,
    ));
    assert!(told.ends_with("\n\np:\n  signed: nobody signed it\n  scanned: there is no scan"), "{told}");
}

#[tokio::test]
async fn an_engine_that_breaks_denies() {
    let desk = fake(|_, _, _| panic!("on purpose"), DeskLimits::default());
    let found = response(&ask(&desk, Pass::Validate, &pod(&with_image("a"))).await);
    assert_eq!((&found["allowed"], &found["status"]["code"]), (&json!(false), &json!(500)));
    assert!(desk.metrics().text().contains("signet_admission_panics_total 1\n"));
    // The place is free again.
    let found = response(&ask(&desk, Pass::Validate, &pod(&with_image("a"))).await);
    assert_eq!(found["allowed"], false);
}

#[tokio::test]
async fn an_engine_that_does_not_end_denies_by_the_uid() {
    let slow = |_: &Request, _: Pass, _: &Known| {
        std::thread::sleep(Duration::from_millis(600));
        judged(Vec::new())
    };
    let limits = DeskLimits { workers: 1, ..DeskLimits::default() };
    let desk = fake(slow, limits);
    let review = pod(&with_image("a"));
    let found = response(&ask_within(&desk, Pass::Validate, &review, Duration::from_millis(100)).await);
    assert_eq!((&found["allowed"], &found["uid"]), (&json!(false), &json!("6f1c")));
    assert_eq!(found["status"]["code"], 504);
    // The worker is still busy: the next one waits for it in vain, and is told so.
    let reply = ask_within(&desk, Pass::Validate, &review, Duration::from_millis(100)).await;
    assert_eq!((reply.status, reply.review), (503, false));
}

#[tokio::test]
async fn who_would_wait_too_long_is_turned_away_at_once() {
    let slow = |_: &Request, _: Pass, _: &Known| {
        std::thread::sleep(Duration::from_millis(400));
        judged(Vec::new())
    };
    let limits = DeskLimits { workers: 1, queue: 1, ..DeskLimits::default() };
    let desk = Arc::new(fake(slow, limits));
    let review = pod(&with_image("a"));
    let mut asking = Vec::new();
    for _ in 0..2 {
        let (desk, review) = (Arc::clone(&desk), review.clone());
        asking.push(tokio::spawn(async move { ask(&desk, Pass::Validate, &review).await.status }));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let begun = tokio::time::Instant::now();
    let reply = ask(&desk, Pass::Validate, &review).await;
    assert_eq!((reply.status, reply.retry_after), (429, Some(1)));
    assert!(begun.elapsed() < Duration::from_millis(200));
    for one in asking {
        assert_eq!(one.await.unwrap(), 200);
    }
    assert!(desk.metrics().text().contains("signet_admission_turned_away_total{reason=\"queue\"} 1\n"));
}

#[tokio::test]
async fn nothing_is_judged_without_policies() {
    let cached = crate::Cached::new(Arc::new(Nobody), crate::CacheLimits::default());
    let desk = crate::Desk::new(cached, Arc::new(super::now), DeskLimits::default());
    assert!(!desk.is_ready());
    let reply = ask(&desk, Pass::Validate, &pod(&with_image("a"))).await;
    assert_eq!((reply.status, reply.retry_after), (503, Some(1)));
}

/// Has an answer to everything.
#[derive(Debug)]
struct Endless;

impl Outside for Endless {
    fn context<'a>(&'a self, _need: &'a Need) -> Asked<'a, Result<Value, String>> {
        Box::pin(async { Ok(json!([])) })
    }

    fn image<'a>(&'a self, _need: &'a ImageNeed) -> Asked<'a, Answer> {
        Box::pin(async { Answer::Refused("no".to_owned()) })
    }
}

#[tokio::test]
async fn a_policy_that_asks_for_ever_more_is_ended() {
    let greedy = |_: &Request, _: Pass, known: &Known| {
        let need = Need::Objects {
            api_version: "v1".into(),
            kind: format!("Kind{}", known.context.len()),
            namespace: String::new(),
            name: String::new(),
            uid: String::new(),
            selector: String::new(),
        };
        let mut found = judged(vec![reason(Status::Error, Consequence::Denies)]);
        found.needs.context.insert(need);
        found
    };
    let limits = DeskLimits { rounds: 5, ..DeskLimits::default() };
    let desk = desk_with(Arc::new(Fake(greedy)), Arc::new(Endless), limits);
    let found = response(&ask(&desk, Pass::Validate, &pod(&with_image("a"))).await);
    assert_eq!(found["allowed"], false);
    assert!(message(&found).contains("more than 5 rounds"), "{found}");
}

#[tokio::test]
async fn only_what_denies_refuses() {
    for (consequence, allowed, warned) in [
        (Consequence::Denies, false, false),
        (Consequence::Warns, true, true),
        (Consequence::Reported, true, false),
        (Consequence::Nothing, true, false),
    ] {
        let answer = judged(vec![reason(Status::Fail, consequence)]);
        let desk = fake(move |_, _, _| answer.clone(), DeskLimits::default());
        let found = response(&ask(&desk, Pass::Validate, &pod(&with_image("a"))).await);
        assert_eq!((&found["allowed"], found.get("warnings").is_some()), (&json!(allowed), warned), "{consequence:?}");
        let reported = found["auditAnnotations"].get("reported").is_some();
        assert_eq!(reported, consequence == Consequence::Reported, "{consequence:?}");
    }
    // An engine that says no without a reason is believed.
    let mut answer = judged(Vec::new());
    answer.decision.allowed = false;
    let desk = fake(move |_, _, _| answer.clone(), DeskLimits::default());
    let found = response(&ask(&desk, Pass::Validate, &pod(&with_image("a"))).await);
    assert_eq!(found["allowed"], false);
}

/// What is told of a review besides its answer.
#[tokio::test]
async fn events_are_made_of_what_policies_say_and_metrics_know_the_policy() {
    use signet_policy::report::DamperLimits;
    let (events, mut queue) = crate::Events::new(DamperLimits::default());
    let policy = latest("Enforce", "Fail").replace("{name: no-latest}", "{name: no-latest, uid: abc}");
    let engine = std::sync::Arc::new(policies(&policy));
    let desk = crate::Desk::new(
        crate::Cached::new(Arc::new(Nobody), crate::CacheLimits::default()),
        Arc::new(super::now),
        DeskLimits::default(),
    )
    .watched_by(events);
    desk.load(engine);
    let review = pod(&with_image("nginx:latest"));
    for _ in 0..3 {
        ask(&desk, Pass::Validate, &review).await;
    }
    let event = queue.try_recv().unwrap();
    assert_eq!(
        (&event["reason"], &event["involvedObject"]["name"], &event["involvedObject"]["uid"]),
        (&json!("PolicyViolation"), &json!("no-latest"), &json!("abc"))
    );
    assert!(event["message"].as_str().unwrap().starts_with("Pod shop/web: [tag] fail (blocked); "), "{event}");
    assert!(queue.try_recv().is_err(), "the same event is told once");
    // What was only tried leaves no trace; nor does what passes.
    let mut tried = review.clone();
    tried["request"]["dryRun"] = json!(true);
    tried["request"]["object"]["metadata"]["name"] = json!("other");
    tried["request"]["name"] = json!("other");
    ask(&desk, Pass::Validate, &tried).await;
    ask(&desk, Pass::Validate, &pod(&with_image("nginx:1"))).await;
    assert!(queue.try_recv().is_err());
    let text = desk.metrics().text();
    for line in [
        "signet_admission_events_total{result=\"told\"} 1",
        "signet_admission_events_total{result=\"counted\"} 2",
        "kyverno_policy_results_total{dry_run=\"true\",policy_background_mode=\"true\",policy_name=\"no-latest\",\
         policy_namespace=\"-\",policy_type=\"cluster\",policy_validation_mode=\"enforce\",resource_kind=\"Pod\",\
         resource_namespace=\"shop\",resource_request_operation=\"create\",rule_execution_cause=\"admission_request\",\
         rule_name=\"tag\",rule_result=\"fail\",rule_type=\"validate\"} 1",
        "kyverno_policy_rule_info_total{policy_background_mode=\"true\",policy_name=\"no-latest\",policy_namespace=\"-\",\
         policy_type=\"cluster\",policy_validation_mode=\"enforce\",rule_name=\"tag\",rule_type=\"validate\",\
         status_ready=\"true\"} 1",
        "kyverno_policy_changes_total{policy_background_mode=\"true\",policy_change_type=\"create\",\
         policy_name=\"no-latest\",policy_namespace=\"-\",policy_type=\"cluster\",policy_validation_mode=\"enforce\"} 1",
        "kyverno_events_dropped_total 0",
    ] {
        assert!(text.contains(&format!("{line}\n")), "no `{line}` in\n{text}");
    }
    let times =
        "kyverno_policy_execution_duration_seconds_count{policy_background_mode=\"true\",policy_name=\"no-latest\"";
    assert!(text.contains(times), "{text}");
    desk.load(std::sync::Arc::new(policies(&policy.replace("Enforce", "Audit"))));
    desk.load(std::sync::Arc::new(policies(&policy.replace("name: no-latest,", "name: another,"))));
    let text = desk.metrics().text();
    for (change, name, mode) in
        [("update", "no-latest", "audit"), ("delete", "no-latest", "audit"), ("create", "another", "enforce")]
    {
        let line = format!(
            "kyverno_policy_changes_total{{policy_background_mode=\"true\",policy_change_type=\"{change}\",policy_name=\"{name}\",\
             policy_namespace=\"-\",policy_type=\"cluster\",policy_validation_mode=\"{mode}\"}} 1\n"
        );
        assert!(text.contains(&line), "no `{line}` in\n{text}");
    }
}

/// A recorded line is a review that can be asked again.
#[tokio::test]
async fn a_recorded_request_can_be_judged_again() {
    #[derive(Debug, Default)]
    struct Lines(parking_lot::Mutex<Vec<Value>>);
    impl crate::Witness for Lines {
        fn saw(&self, seen: &crate::Seen<'_>) {
            self.0.lock().extend(crate::record::line(seen));
        }
    }
    let lines = Arc::new(Lines::default());
    let desk = crate::Desk::new(
        crate::Cached::new(Arc::new(Nobody), crate::CacheLimits::default()),
        Arc::new(super::now),
        DeskLimits::default(),
    )
    .watched_by(Arc::clone(&lines) as Arc<dyn crate::Witness>);
    desk.load(Arc::new(policies(&latest("Enforce", "Fail"))));
    let review = pod(&with_image("nginx:latest"));
    ask(&desk, Pass::Mutate, &review).await;
    let denied = response(&ask(&desk, Pass::Validate, &review).await);
    let found = lines.0.lock().clone();
    assert_eq!(found.len(), 1, "the first call is not recorded: {found:?}");
    assert_eq!(found[0]["signet"]["allowed"], false);
    let again = response(&ask(&desk, Pass::Validate, &found[0]).await);
    assert_eq!(again, denied);
}
