//! What is kept, for how long, and what is asked once for all.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value, json};
use signet_policy::kyverno::Need;
use signet_policy::kyverno::verify_images::{Answer, Authority, Credentials, ImageNeed, Layout, Signed};

use crate::{Asked, CacheLimits, Cached, Outside};

/// Counts what it is asked.
#[derive(Debug, Default)]
struct Registry {
    asked: Mutex<BTreeMap<String, usize>>,
    at_once: AtomicUsize,
    most: AtomicUsize,
    slow: Duration,
    signed: bool,
    trust: Mutex<String>,
}

impl Registry {
    fn count(&self, what: &str) -> usize {
        self.asked.lock().get(what).copied().unwrap_or_default()
    }

    async fn busy(&self, what: String) {
        *self.asked.lock().entry(what).or_default() += 1;
        let now = self.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        tokio::time::sleep(self.slow).await;
        self.at_once.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Outside for Registry {
    fn context<'a>(&'a self, need: &'a Need) -> Asked<'a, Result<Value, String>> {
        Box::pin(async move {
            self.busy(need.to_string()).await;
            Ok(json!(1))
        })
    }

    fn image<'a>(&'a self, need: &'a ImageNeed) -> Asked<'a, Answer> {
        Box::pin(async move {
            self.busy(need.to_string()).await;
            match need {
                ImageNeed::Digest { .. } => Answer::Digest("sha256:aa".into()),
                ImageNeed::Signed(_) if self.signed => Answer::Signed { digest: "sha256:aa".into() },
                ImageNeed::Signed(signed) if signed.reference.contains("unknown") => Answer::Unknown("away".into()),
                _ => Answer::Refused("no".into()),
            }
        })
    }

    fn trust_version(&self) -> String {
        self.trust.lock().clone()
    }
}

fn tag() -> ImageNeed {
    ImageNeed::Digest { reference: "ghcr.io/a/b:1".into(), credentials: Credentials::default() }
}

fn signed(reference: &str) -> ImageNeed {
    ImageNeed::Signed(Box::new(Signed {
        reference: reference.into(),
        layout: Layout::Cosign,
        authority: Authority::Anybody,
        annotations: Vec::new(),
        repository: String::new(),
        predicate_type: None,
        credentials: Credentials::default(),
    }))
}

fn cached(registry: &Arc<Registry>, limits: CacheLimits) -> Arc<Cached> {
    Arc::new(Cached::new(Arc::clone(registry) as Arc<dyn Outside>, limits))
}

#[tokio::test]
async fn an_answer_about_a_digest_is_kept_and_one_about_a_tag_is_not() {
    let registry = Arc::new(Registry { signed: true, ..Registry::default() });
    let cached = cached(&registry, CacheLimits::default());
    for _ in 0..3 {
        assert_eq!(cached.image(&tag()).await, Answer::Digest("sha256:aa".into()));
        assert!(matches!(cached.image(&signed("a@sha256:aa")).await, Answer::Signed { .. }));
    }
    assert_eq!(registry.count(&tag().to_string()), 3);
    assert_eq!(registry.count(&signed("a@sha256:aa").to_string()), 1);
    assert_eq!(cached.len(), 1);
}

#[tokio::test]
async fn nobody_shares_the_answer_about_a_tag() {
    let slow = Duration::from_millis(100);
    let registry = Arc::new(Registry { slow, ..Registry::default() });
    let cached = cached(&registry, CacheLimits::default());
    let asking: Vec<_> = (0..5)
        .map(|_| {
            let cached = Arc::clone(&cached);
            tokio::spawn(async move { cached.image(&tag()).await })
        })
        .collect();
    for one in asking {
        assert_eq!(one.await.unwrap(), Answer::Digest("sha256:aa".into()));
    }
    assert_eq!(registry.count(&tag().to_string()), 5);
}

#[tokio::test]
async fn other_trust_makes_what_is_kept_worthless() {
    let registry = Arc::new(Registry { signed: true, ..Registry::default() });
    let cached = cached(&registry, CacheLimits::default());
    let need = signed("a@sha256:aa");
    cached.image(&need).await;
    *registry.trust.lock() = "2".into();
    cached.image(&need).await;
    cached.image(&need).await;
    assert_eq!(registry.count(&need.to_string()), 2);
}

#[tokio::test]
async fn a_refusal_is_kept_briefly_and_what_nobody_knows_not_at_all() {
    let registry = Arc::new(Registry::default());
    let cached = cached(&registry, CacheLimits { bad: Duration::from_millis(200), ..CacheLimits::default() });
    let (no, unknown) = (signed("a@sha256:aa"), signed("unknown@sha256:aa"));
    for _ in 0..3 {
        assert_eq!(cached.image(&no).await, Answer::Refused("no".into()));
        assert_eq!(cached.image(&unknown).await, Answer::Unknown("away".into()));
    }
    assert_eq!((registry.count(&no.to_string()), registry.count(&unknown.to_string())), (1, 3));
    tokio::time::sleep(Duration::from_millis(250)).await;
    cached.image(&no).await;
    assert_eq!(registry.count(&no.to_string()), 2);
}

#[tokio::test]
async fn a_thousand_who_ask_the_same_make_one_question() {
    let slow = Duration::from_millis(100);
    let registry = Arc::new(Registry { signed: true, slow, ..Registry::default() });
    let cached = cached(&registry, CacheLimits::default());
    let context = Need::ConfigMap { namespace: "a".into(), name: "b".into() };
    let mut asking = Vec::new();
    for _ in 0..1000 {
        let (cached, context) = (Arc::clone(&cached), context.clone());
        asking.push(tokio::spawn(async move {
            let known = cached.context(&context).await;
            (cached.image(&signed("a@sha256:aa")).await, known)
        }));
    }
    for one in asking {
        assert_eq!(one.await.unwrap(), (Answer::Signed { digest: "sha256:aa".into() }, Ok(json!(1))));
    }
    assert_eq!(registry.count(&signed("a@sha256:aa").to_string()), 1);
    assert_eq!(registry.count(&context.to_string()), 1);
    // What lies in a cluster changes, and is asked for again.
    cached.context(&context).await.unwrap();
    assert_eq!(registry.count(&context.to_string()), 2);
}

#[tokio::test]
async fn questions_and_answers_are_bounded() {
    let slow = Duration::from_millis(5);
    let registry = Arc::new(Registry { signed: true, slow, ..Registry::default() });
    let cached = cached(&registry, CacheLimits { entries: 10, questions: 3, ..CacheLimits::default() });
    let asking: Vec<_> = (0..60)
        .map(|number| {
            let cached = Arc::clone(&cached);
            tokio::spawn(async move { cached.image(&signed(&format!("a{number}@sha256:aa"))).await })
        })
        .collect();
    for one in asking {
        one.await.unwrap();
    }
    assert_eq!(registry.most.load(Ordering::SeqCst), 3);
    assert_eq!(cached.len(), 10);
}

#[tokio::test]
async fn a_question_without_an_answer_ends() {
    let registry = Arc::new(Registry { slow: Duration::from_secs(60), ..Registry::default() });
    let cached = cached(&registry, CacheLimits { time: Duration::from_millis(50), ..CacheLimits::default() });
    for need in [tag(), signed("a@sha256:aa")] {
        let Answer::Unknown(why) = cached.image(&need).await else { panic!("{need} was answered") };
        assert!(why.contains("no answer within"), "{why}");
    }
    let err = cached.context(&Need::Global { name: "a".into(), projection: String::new() }).await.unwrap_err();
    assert!(err.contains("no answer within"), "{err}");
}
