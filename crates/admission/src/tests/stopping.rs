//! What is blocked, before anything that is kept; and what is kept beyond the process.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use serde_json::Value;
use signet_model::Digest;
use signet_policy::engine::Known;
use signet_policy::kyverno::Need;
use signet_policy::kyverno::verify_images::{Answer, Authority, Credentials, ImageNeed, Layout, Signed};
use signet_policy::trust_policy::facts::{self, Manifest, Question};
use signet_policy::trust_policy::{Block, Blocked, Notice, Target};
use signet_store::{DecisionKey, Decisions, KeptDecision, StoreError};
use tokio::time::Instant;

use super::{message, now, pod, policies, response, with_image};
use crate::{
    Asked, BLOCKS_MAX_AGE, BlockList, CacheLimits, Cached, Desk, DeskLimits, MEMORY_KEY, Memory, Outside, Pass,
};

fn digest(name: &str) -> Digest {
    Digest::sha256(name.as_bytes())
}

fn blocks(targets: &[Target]) -> Blocked {
    let notice = || Notice { by: "anna".to_owned(), reason: "stolen".to_owned(), ..Notice::default() };
    Blocked::new(targets.iter().map(|target| Block { target: target.clone(), notice: notice() }).collect())
}

/// A registry in which everything is signed, and the index `index` serves `child`.
#[derive(Debug, Default)]
struct Registry {
    away: AtomicBool,
    unsigned: AtomicBool,
    asked: Mutex<BTreeMap<String, usize>>,
    trust: Mutex<String>,
}

impl Registry {
    fn count(&self, what: &impl ToString) -> usize {
        self.asked.lock().get(&what.to_string()).copied().unwrap_or_default()
    }

    fn is_there(&self, what: &impl ToString) -> bool {
        *self.asked.lock().entry(what.to_string()).or_default() += 1;
        !self.away.load(Ordering::SeqCst)
    }
}

impl Outside for Registry {
    fn context<'a>(&'a self, _need: &'a Need) -> Asked<'a, Result<Value, String>> {
        Box::pin(async { Err("no cluster".to_owned()) })
    }

    fn image<'a>(&'a self, need: &'a ImageNeed) -> Asked<'a, Answer> {
        Box::pin(async move {
            if !self.is_there(need) {
                return Answer::Unknown("away".to_owned());
            }
            match need {
                ImageNeed::Digest { .. } => Answer::Digest(digest("child").to_string()),
                _ if self.unsigned.load(Ordering::SeqCst) => Answer::Refused("no signature".to_owned()),
                ImageNeed::Signed(signed) => {
                    let of = signed.reference.rsplit_once('@').map(|(_, digest)| digest.to_owned());
                    Answer::Signed { digest: of.unwrap_or_default() }
                }
                _ => Answer::Refused("no signature".to_owned()),
            }
        })
    }

    fn question<'a>(&'a self, question: &'a Question) -> Asked<'a, facts::Answer> {
        Box::pin(async move {
            if !self.is_there(question) {
                return facts::Answer::Unknown("away".to_owned());
            }
            let manifest = |digest| Manifest { digest, platform: "linux/amd64".to_owned(), created: None };
            match question {
                Question::Digest { .. } => facts::Answer::Digest(digest("index")),
                Question::Manifests { digest: of, .. } if *of == digest("index") => {
                    facts::Answer::Manifests(vec![manifest(digest("child"))])
                }
                Question::Manifests { digest: of, .. } => facts::Answer::Manifests(vec![manifest(*of)]),
                _ => facts::Answer::Unknown("not here".to_owned()),
            }
        })
    }

    fn trust_version(&self) -> String {
        self.trust.lock().clone()
    }
}

fn signed(name: &str) -> ImageNeed {
    ImageNeed::Signed(Box::new(Signed {
        reference: format!("r.example/app@{}", digest(name)),
        layout: Layout::Cosign,
        authority: Authority::Anybody,
        annotations: Vec::new(),
        repository: String::new(),
        predicate_type: None,
        credentials: Credentials::default(),
    }))
}

const SIGNED: &str = r#"apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: signed}
spec:
  rules:
    - name: keys
      match: {any: [{resources: {kinds: [Pod]}}]}
      verifyImages: [{imageReferences: ["*"], failureAction: Enforce, mutateDigest: false, verifyDigest: false, required: false,
        attestors: [{entries: [{keys: {publicKeys: "k8s://a/b"}}]}]}]
"#;

const NOTHING: &str = r#"apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: nothing}
spec:
  rules:
    - name: nothing
      match: {any: [{resources: {kinds: [Pod]}}]}
      validate: {message: m, pattern: {metadata: {name: "?*"}}}
"#;

fn desk(text: &str, registry: &Arc<Registry>, list: &Arc<BlockList>, limits: CacheLimits) -> Desk {
    let cached = Cached::new(Arc::clone(registry) as Arc<dyn Outside>, limits).stopped_by(Arc::clone(list));
    let desk = Desk::new(cached, Arc::new(now), DeskLimits::default());
    desk.load(Arc::new(policies(text)));
    desk
}

async fn asks(desk: &Desk, review: &Value) -> Value {
    response(&super::ask(desk, Pass::Validate, review).await)
}

#[tokio::test]
async fn a_block_holds_before_what_is_kept_and_whatever_policies_say() {
    for policies in [SIGNED, NOTHING] {
        let (registry, list) = (Arc::new(Registry::default()), Arc::new(BlockList::new()));
        let desk = desk(policies, &registry, &list, CacheLimits::default());
        let child = pod(&with_image(&format!("r.example/app@{}", digest("child"))));
        let index = pod(&with_image(&format!("r.example/app@{}", digest("index"))));
        let tag = pod(&with_image("r.example/app:1"));
        list.read(Ok(Blocked::default()), Instant::now());
        for review in [&child, &index, &tag] {
            assert_eq!(asks(&desk, review).await["allowed"], true, "{policies}");
        }
        list.read(Ok(blocks(&[Target::Digest(digest("child"))])), Instant::now());
        // The manifest alone, the index that can serve it, and the tag that leads there.
        for review in [&child, &index, &tag] {
            let denied = asks(&desk, review).await;
            assert_eq!(denied["allowed"], false, "{policies}");
            let told = message(&denied);
            assert!(told.contains(&format!("{} is blocked by anna: stolen", digest("child"))), "{told}");
        }
        list.read(Ok(Blocked::default()), Instant::now());
        assert_eq!(asks(&desk, &child).await["allowed"], true);
        // Another image's block: the registry says what it serves, and without it nobody knows.
        list.read(Ok(blocks(&[Target::Digest(digest("other"))])), Instant::now());
        assert_eq!(asks(&desk, &index).await["allowed"], true);
        registry.away.store(true, Ordering::SeqCst);
        assert_eq!(asks(&desk, &index).await["allowed"], true, "what an index serves never changes, and is kept");
        let told = message(&asks(&desk, &tag).await);
        assert!(told.contains("whether it is blocked") || told.contains("away"), "{told}");
    }
}

#[tokio::test]
async fn a_running_pod_may_be_changed_and_no_new_image_comes_in_with_it() {
    let (registry, list) = (Arc::new(Registry::default()), Arc::new(BlockList::new()));
    let desk = desk(NOTHING, &registry, &list, CacheLimits::default());
    list.read(Ok(blocks(&[Target::Digest(digest("child"))])), Instant::now());
    let image = format!("r.example/app@{}", digest("child"));
    let update = |old: &str, new: &str| {
        let mut review = pod(&with_image(new));
        review["request"]["operation"] = "UPDATE".into();
        review["request"]["oldObject"] = with_image(old);
        review
    };
    assert_eq!(asks(&desk, &update(&image, &image)).await["allowed"], true);
    assert_eq!(asks(&desk, &update("r.example/app@sha256:00", &image)).await["allowed"], false);
    let other = format!("r.example/app@{}", digest("other"));
    assert_eq!(asks(&desk, &update(&other, &image)).await["allowed"], false);
    // A Deployment that keeps it would start it again.
    let mut deployment = update(&image, &image);
    deployment["request"]["kind"] = serde_json::json!({"group": "apps", "version": "v1", "kind": "Deployment"});
    for key in ["object", "oldObject"] {
        deployment["request"][key] = serde_json::json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"template": with_image(&image)},
        });
    }
    deployment["request"]["resource"] =
        serde_json::json!({"group": "apps", "version": "v1", "resource": "deployments"});
    assert_eq!(asks(&desk, &deployment).await["allowed"], false);
}

#[tokio::test]
async fn a_list_that_is_old_or_broken_lets_no_image_pass() {
    let (registry, list) = (Arc::new(Registry::default()), Arc::new(BlockList::new()));
    let desk = desk(NOTHING, &registry, &list, CacheLimits::default());
    let image = pod(&with_image(&format!("r.example/app@{}", digest("child"))));
    let mut config = pod(
        &serde_json::json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web", "namespace": "shop"}}),
    );
    config["request"]["kind"] = serde_json::json!({"group": "", "version": "v1", "kind": "ConfigMap"});
    config["request"]["resource"] = serde_json::json!({"group": "", "version": "v1", "resource": "configmaps"});
    let told = message(&asks(&desk, &image).await);
    assert!(told.contains("the list of blocks was not read yet"), "{told}");
    list.read(Ok(Blocked::default()), Instant::now());
    assert_eq!(asks(&desk, &image).await["allowed"], true);
    let ago = |seconds| Instant::now().checked_sub(Duration::from_secs(seconds)).unwrap();
    // A short failure is none, as long as the list of before is young.
    list.read(Ok(Blocked::default()), ago(BLOCKS_MAX_AGE.as_secs() - 2));
    list.read(Err("the disk is away".to_owned()), Instant::now());
    assert_eq!(asks(&desk, &image).await["allowed"], true);
    // Nobody reads it any more.
    list.read(Ok(Blocked::default()), ago(BLOCKS_MAX_AGE.as_secs() + 1));
    let told = message(&asks(&desk, &image).await);
    assert!(told.contains("the list of blocks was read 11 s ago"), "{told}");
    list.read(Err("the disk is away".to_owned()), Instant::now());
    let told = message(&asks(&desk, &image).await);
    assert!(told.contains("the list of blocks cannot be read: the disk is away"), "{told}");
    assert_eq!(asks(&desk, &config).await["allowed"], true, "it brings no image");
    list.read(Ok(Blocked::default()), Instant::now());
    assert_eq!(asks(&desk, &image).await["allowed"], true);
}

#[tokio::test]
async fn a_blocked_signer_makes_what_is_kept_worthless() {
    let (registry, list) = (Arc::new(Registry::default()), Arc::new(BlockList::new()));
    let outside = Arc::clone(&registry) as Arc<dyn Outside>;
    let cached = Cached::new(outside, CacheLimits::default()).stopped_by(Arc::clone(&list));
    list.read(Ok(Blocked::default()), Instant::now());
    let need = signed("child");
    cached.image(&need).await;
    cached.image(&need).await;
    assert_eq!(registry.count(&need), 1);
    // A digest says nothing of other images.
    list.read(Ok(blocks(&[Target::Digest(digest("other"))])), Instant::now());
    cached.image(&need).await;
    assert_eq!(registry.count(&need), 1);
    list.read(Ok(blocks(&[Target::Key(digest("key"))])), Instant::now());
    cached.image(&need).await;
    assert_eq!(registry.count(&need), 2, "who signed it stands in no answer, so it is asked again");
    list.read(Ok(blocks(&[Target::Digest(digest("child"))])), Instant::now());
    let Answer::Refused(why) = cached.image(&need).await else { panic!("a blocked image is signed") };
    assert!(why.contains("is blocked by anna"), "{why}");
}

/// Rows in memory, as `store` keeps them on disk.
#[derive(Debug, Default)]
struct Rows(Mutex<BTreeMap<DecisionKey, KeptDecision>>);

impl Decisions for Rows {
    fn recall(&self, key: &DecisionKey, now: Timestamp) -> Result<Option<KeptDecision>, StoreError> {
        Ok(self.0.lock().get(key).filter(|kept| kept.until > now).cloned())
    }

    fn keep(&self, key: &DecisionKey, decision: &KeptDecision, _now: Timestamp) -> Result<(), StoreError> {
        self.0.lock().insert(*key, decision.clone());
        Ok(())
    }
}

struct World {
    registry: Arc<Registry>,
    rows: Arc<Rows>,
    at: Arc<Mutex<Timestamp>>,
}

impl World {
    fn new() -> World {
        World { registry: Arc::default(), rows: Arc::default(), at: Arc::new(Mutex::new(now())) }
    }

    /// A process: it begins with nothing but the store.
    fn process(&self, key: u8) -> Cached {
        let at = Arc::clone(&self.at);
        let clock: crate::Clock = Arc::new(move || *at.lock());
        let rows = Arc::clone(&self.rows) as Arc<dyn Decisions>;
        let memory = Arc::new(Memory::new(rows, &[key; MEMORY_KEY], clock));
        Cached::new(Arc::clone(&self.registry) as Arc<dyn Outside>, CacheLimits::default()).remembering(memory)
    }

    fn later(&self, hours: i64) {
        let mut at = self.at.lock();
        *at = at.checked_add(SignedDuration::from_hours(hours)).unwrap();
    }

    /// Somebody asks, is let in, and all of it is written.
    async fn warm(&self, cached: &Cached, need: &ImageNeed) {
        let answer = cached.image_by(policies_1(), need).await;
        assert!(matches!(answer, Answer::Signed { .. }), "{answer:?}");
        let known = Known { images: BTreeMap::from([(need.clone(), answer)]), ..Known::default() };
        let before = self.rows.0.lock().len();
        cached.confirm(policies_1(), &known);
        for _ in 0..1000 {
            if self.rows.0.lock().len() > before {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("nothing was written");
    }
}

fn policies_1() -> Option<Digest> {
    Some(digest("policies"))
}

#[tokio::test]
async fn what_let_a_request_in_survives_the_process_and_the_registry() {
    let world = World::new();
    let need = signed("child");
    world.warm(&world.process(1), &need).await;
    world.registry.away.store(true, Ordering::SeqCst);
    let holds =
        async |cached: Cached, policies| matches!(cached.image_by(policies, &need).await, Answer::Signed { .. });
    assert!(holds(world.process(1), policies_1()).await);
    assert!(!holds(world.process(2), policies_1()).await, "another key");
    assert!(!holds(world.process(1), Some(digest("other policies"))).await);
    assert!(!holds(world.process(1), None).await, "policies that have no name");
    *world.registry.trust.lock() = "another root".to_owned();
    assert!(!holds(world.process(1), policies_1()).await);
    world.registry.trust.lock().clear();
    let list = Arc::new(BlockList::new());
    list.read(Ok(blocks(&[Target::Key(digest("key"))])), Instant::now());
    assert!(!holds(world.process(1).stopped_by(list), policies_1()).await, "a signer was blocked since");
    assert!(!matches!(world.process(1).image_by(policies_1(), &signed("other")).await, Answer::Signed { .. }));
    // It is asked again when it is an hour old, and counts for a day where nobody answers.
    world.later(2);
    assert!(holds(world.process(1), policies_1()).await);
    world.registry.away.store(false, Ordering::SeqCst);
    world.registry.unsigned.store(true, Ordering::SeqCst);
    assert!(!holds(world.process(1), policies_1()).await, "somebody answers, and says no");
    world.registry.away.store(true, Ordering::SeqCst);
    world.later(21);
    assert!(holds(world.process(1), policies_1()).await);
    world.later(2);
    assert!(!holds(world.process(1), policies_1()).await, "a day is over");
    // A clock that is set back does not make it young.
    world.later(-48);
    assert!(!holds(world.process(1), policies_1()).await);
}

#[tokio::test]
async fn a_row_that_somebody_changed_is_none() {
    let world = World::new();
    let need = signed("child");
    world.warm(&world.process(1), &need).await;
    world.registry.away.store(true, Ordering::SeqCst);
    let (key, good) = world.rows.0.lock().first_key_value().map(|(key, kept)| (*key, kept.clone())).unwrap();
    let later = good.until.checked_add(SignedDuration::from_hours(1)).unwrap();
    let body = String::from_utf8(good.body.clone()).unwrap().replace("\"fresh\":", "\"fresh\": ").into_bytes();
    let moved = DecisionKey { question: digest("another question"), ..key };
    for (place, row) in [
        (key, KeptDecision { until: later, ..good.clone() }),
        (key, KeptDecision { body, ..good.clone() }),
        (key, KeptDecision { mac: vec![0; 32], ..good.clone() }),
        (key, KeptDecision { mac: Vec::new(), ..good.clone() }),
        (moved, good.clone()),
    ] {
        *world.rows.0.lock() = BTreeMap::from([(place, row)]);
        let answer = world.process(1).image_by(policies_1(), &need).await;
        assert!(matches!(answer, Answer::Unknown(_)), "{answer:?}");
    }
    // The row of one image under the name of another.
    let other = signed("other");
    *world.rows.0.lock() = BTreeMap::new();
    world.registry.away.store(false, Ordering::SeqCst);
    world.warm(&world.process(1), &other).await;
    world.registry.away.store(true, Ordering::SeqCst);
    let theirs = world.rows.0.lock().first_key_value().map(|(_, kept)| kept.clone()).unwrap();
    *world.rows.0.lock() = BTreeMap::from([(key, theirs)]);
    assert!(matches!(world.process(1).image_by(policies_1(), &need).await, Answer::Unknown(_)));
    *world.rows.0.lock() = BTreeMap::from([(key, good)]);
    assert!(matches!(world.process(1).image_by(policies_1(), &need).await, Answer::Signed { .. }));
}

#[tokio::test]
async fn what_refused_a_request_is_asked_again_soon_and_never_written() {
    let world = World::new();
    let limits = CacheLimits { bad: Duration::from_millis(50), ..CacheLimits::default() };
    let cached = Cached::new(Arc::clone(&world.registry) as Arc<dyn Outside>, limits);
    let need = signed("child");
    let answer = cached.image(&need).await;
    let known = Known { images: BTreeMap::from([(need.clone(), answer)]), ..Known::default() };
    // One of two signatures is there, and two are asked for.
    cached.doubt(None, &known);
    tokio::time::sleep(Duration::from_millis(80)).await;
    cached.image(&need).await;
    assert_eq!(world.registry.count(&need), 2);
    assert!(world.rows.0.lock().is_empty());
}
