//! The attacks that TUF (specification, section 1.5.2) was made against, each on a repository of our own: what is new is refused, and what was known stays.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use serde_json::{Value, json};
use signet_model::Timestamp;
use signet_trust::{Instance, TufError, TufFuture, TufMaterial, TufRepository, TufState};

use crate::repository::{Hand, Published, seal};

const MIRROR: &str = "https://tuf.example.com";

/// A mirror: what it has, and nothing else.
#[derive(Clone)]
struct Mirror(BTreeMap<String, Vec<u8>>);

impl TufRepository for Mirror {
    fn metadata<'a>(&'a self, name: &'a str, _most: u64) -> TufFuture<'a> {
        Box::pin(async { Ok(self.0.get(name).cloned()) })
    }

    fn target<'a>(&'a self, path: &'a str, _most: u64) -> TufFuture<'a> {
        Box::pin(async move { Ok(self.0.get(&format!("targets/{path}")).cloned()) })
    }
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("files in memory answer at once"),
    }
}

fn now() -> Timestamp {
    "2026-06-01T00:00:00Z".parse().unwrap()
}

fn renew(state: &TufState, repository: &Published) -> Result<(TufState, TufMaterial), TufError> {
    wait(state.renew(Mirror(repository.files.clone()), now()))
}

/// A repository, and the state after it was asked once.
fn begun() -> (Published, TufState) {
    let repository = Published::new(Instance::PublicGood.trusted_root());
    let state = TufState::begin(MIRROR, repository.first_root()).unwrap();
    let (state, material) = renew(&state, &repository).unwrap();
    assert_eq!(material.trusted_root, Instance::PublicGood.trusted_root());
    (repository, state)
}

/// The repository changes; what it says then is refused, for a reason that says this; and what was known is still there.
#[track_caller]
fn refused(change: impl FnOnce(&mut Published), why: &str) {
    let (mut repository, state) = begun();
    repository.next();
    let (state, _) = renew(&state, &repository).unwrap();
    change(&mut repository);
    let error = renew(&state, &repository).unwrap_err().to_string();
    assert!(error.contains(why), "`{why}` is not in: {error}");
    // Read back from its bytes, as the next run does.
    let again = TufState::read(&state.write()).unwrap();
    let material = again.open(now()).unwrap();
    assert_eq!(material.trusted_root, Instance::PublicGood.trusted_root());
    assert_eq!(material.roles.iter().map(|role| role.version).collect::<Vec<_>>(), [1, 2, 2, 2]);
}

#[test]
fn what_was_renewed_is_read_without_a_network() {
    let (mut repository, state) = begun();
    let config = b"{\"mediaType\":\"of no matter here\"}".to_vec();
    repository.content.insert("signing_config.v0.2.json".to_owned(), config.clone());
    repository.next();
    let (state, renewed) = renew(&state, &repository).unwrap();
    let opened = TufState::read(&state.write()).unwrap().open(now()).unwrap();
    assert_eq!(opened, renewed);
    assert_eq!(opened.signing_config, Some(config));
    assert_eq!(opened.expired(now()), None);
    assert_eq!(state.renewed(), Some(now()));
    let root = &opened.roles[0];
    assert_eq!((root.name, root.version, root.threshold, root.keys), ("root", 1, 2, 3));
    let names: Vec<&str> = state.files().map(|(name, _)| name).collect();
    let wanted = [
        "root.json",
        "root_history/1.root.json",
        "snapshot.json",
        "targets.json",
        "targets/signing_config.v0.2.json",
        "targets/trusted_root.json",
        "timestamp.json",
    ];
    assert_eq!(names, wanted);
}

#[test]
fn rollback_is_refused() {
    // An arbitrary older state of the whole repository.
    refused(
        |repository| {
            repository.timestamp.version = 1;
            repository.snapshot.version = 1;
            repository.targets.version = 1;
            repository.publish();
        },
        "rollback detected for timestamp",
    );
    // A new timestamp over an old snapshot; a new snapshot over old targets.
    refused(
        |repository| {
            repository.timestamp.version = 3;
            repository.snapshot.version = 1;
            repository.publish();
        },
        "rollback detected for snapshot",
    );
    refused(
        |repository| {
            repository.timestamp.version = 3;
            repository.snapshot.version = 3;
            repository.targets.version = 1;
            repository.publish();
        },
        "rollback detected for targets.json",
    );
}

#[test]
fn freezing_is_noticed() {
    let old = "2026-05-01T00:00:00Z";
    refused(
        |repository| {
            repository.timestamp.expires = old.to_owned();
            repository.next();
        },
        "timestamp metadata expired",
    );
    refused(
        |repository| {
            repository.snapshot.expires = old.to_owned();
            repository.next();
        },
        "snapshot metadata expired",
    );
    refused(
        |repository| {
            repository.targets.expires = old.to_owned();
            repository.next();
        },
        "targets metadata expired",
    );
    // The mirror shows for ever what it showed once: when that has expired it is refused, and what is kept says how old it is.
    let (mut repository, state) = begun();
    repository.timestamp.expires = "2026-06-02T00:00:00Z".to_owned();
    repository.snapshot.expires = "2026-06-03T00:00:00Z".to_owned();
    repository.next();
    let (state, _) = renew(&state, &repository).unwrap();
    let later: Timestamp = "2026-07-01T00:00:00Z".parse().unwrap();
    assert!(wait(state.renew(Mirror(repository.files.clone()), later)).unwrap_err().to_string().contains("expired"));
    let material = state.open(later).unwrap();
    assert_eq!(material.expired(later).map(|role| role.name), Some("timestamp"));
    assert_eq!(material.expired(now()), None);
}

#[test]
fn files_of_different_moments_do_not_mix() {
    refused(
        |repository| {
            let before = repository.files["2.snapshot.json"].clone();
            repository.next();
            repository.files.insert("3.snapshot.json".to_owned(), before);
        },
        "integrity check failed",
    );
    refused(
        |repository| {
            let before = repository.files["2.targets.json"].clone();
            repository.next();
            repository.files.insert("3.targets.json".to_owned(), before);
        },
        "does not match snapshot pin",
    );
    refused(
        |repository| {
            let mut other = Instance::PublicGood.trusted_root().to_vec();
            *other.last_mut().unwrap() = b' ';
            repository.content.insert("trusted_root.json".to_owned(), other);
            repository.next();
            for (name, bytes) in &mut repository.files {
                if name.starts_with("targets/") {
                    *bytes = Instance::PublicGood.trusted_root().to_vec();
                }
            }
        },
        "integrity check failed",
    );
}

#[test]
fn keys_are_rotated_by_the_old_and_the_new() {
    let (mut repository, state) = begun();
    let before = std::mem::replace(&mut repository.root.hands, vec![Hand::new(), Hand::new()]);
    repository.root.version = 2;
    repository.timestamp.hands = vec![Hand::new()];
    repository.publish_root(&before.iter().collect::<Vec<_>>());
    repository.next();
    let (state, material) = renew(&state, &repository).unwrap();
    assert_eq!(material.roles[0].version, 2);
    assert_eq!(state.open(now()).unwrap(), material);

    refused(
        |repository| {
            repository.root.hands = vec![Hand::new(), Hand::new()];
            repository.root.version = 2;
            repository.publish_root(&[]);
        },
        "signature threshold not met for role root",
    );
    refused(
        |repository| {
            // Signed by the old hands alone.
            let before = std::mem::replace(&mut repository.root.hands, vec![Hand::new(), Hand::new()]);
            repository.root.version = 2;
            let bytes = seal(&repository.root_says(), &before.iter().collect::<Vec<_>>());
            repository.files.insert("2.root.json".to_owned(), bytes);
        },
        "signature threshold not met for role root",
    );
    refused(
        |repository| {
            // One hand signs twice where two must.
            let hand = &repository.root.hands[0];
            let mut says = repository.root_says();
            says["version"] = 2.into();
            repository.files.insert("2.root.json".to_owned(), seal(&says, &[hand, hand]));
        },
        "duplicate signature",
    );
    refused(
        |repository| {
            repository.timestamp.hands = vec![Hand::new()];
            repository.next();
        },
        "signature threshold not met for role timestamp",
    );
}

/// Another name for a key.
const ALIAS: &str = "00000000000000000000000000000000000000000000000000000000000000aa";

/// What a root says, with the first key of a role under two names, and both of them needed.
fn under_two_names(says: &mut Value, role: &str) {
    let id = says["roles"][role]["keyids"][0].clone();
    says["keys"][ALIAS] = says["keys"][id.as_str().unwrap()].clone();
    // The key itself may be written in another way.
    let hex = says["keys"][ALIAS]["keyval"]["public"].as_str().unwrap().to_uppercase();
    says["keys"][ALIAS]["keyval"]["public"] = hex.into();
    says["roles"][role]["threshold"] = 2.into();
    says["roles"][role]["keyids"].as_array_mut().unwrap().push(ALIAS.into());
}

/// The first signature once more, under the other name.
fn signed_twice(bytes: &[u8]) -> Vec<u8> {
    let mut file: Value = serde_json::from_slice(bytes).unwrap();
    let mut again = file["signatures"][0].clone();
    again["keyid"] = ALIAS.into();
    file["signatures"].as_array_mut().unwrap().push(again);
    file.to_string().into_bytes()
}

const NOT_MET: &str = "1 keys where 2 are needed, one of them under several key IDs";

#[test]
fn a_key_under_two_names_counts_once() {
    // The root that is pinned; with one more key it is good.
    let repository = Published::new(b"");
    let mut says = repository.root_says();
    under_two_names(&mut says, "root");
    let hands: Vec<&Hand> = repository.root.hands.iter().collect();
    let error = TufState::begin(MIRROR, &signed_twice(&seal(&says, &hands[..1]))).unwrap_err().to_string();
    assert!(error.contains(NOT_MET), "{error}");
    TufState::begin(MIRROR, &signed_twice(&seal(&says, &hands[..2]))).unwrap();
    TufState::begin(MIRROR, &seal(&says, &hands[..2])).unwrap();
    // A signature that does not hold is no second key.
    let mut forged: Value = serde_json::from_slice(&signed_twice(&seal(&says, &hands[..2]))).unwrap();
    forged["signatures"][1]["sig"] = forged["signatures"][0]["sig"].clone();
    let error = TufState::begin(MIRROR, forged.to_string().as_bytes()).unwrap_err().to_string();
    assert!(error.contains(NOT_MET), "{error}");

    // A root that comes: by its own keys, and by those of the one before.
    let (mut repository, state) = begun();
    repository.root.version = 2;
    let mut says = repository.root_says();
    under_two_names(&mut says, "root");
    let all: Vec<&Hand> = repository.root.hands.iter().collect();
    repository.files.insert("2.root.json".to_owned(), signed_twice(&seal(&says, &all)));
    let (state, _) = renew(&state, &repository).unwrap();
    repository.root.version = 3;
    let mut next = repository.root_says();
    // By itself it needs one key only, so the root before decides.
    next["roles"]["root"]["threshold"] = 1.into();
    for (bytes, good) in [(signed_twice(&seal(&next, &all[..1])), false), (seal(&next, &all[..2]), true)] {
        repository.files.insert("3.root.json".to_owned(), bytes);
        match (renew(&state, &repository), good) {
            (Ok((_, material)), true) => assert_eq!(material.roles[0].version, 3),
            (Err(error), false) => assert!(error.to_string().contains(NOT_MET), "{error}"),
            (other, _) => panic!("{good}: {other:?}"),
        }
    }

    // Each of the other roles, from a repository and from what was kept.
    for role in ["timestamp", "snapshot", "targets"] {
        let mut repository = Published::new(Instance::PublicGood.trusted_root());
        let mut says = repository.root_says();
        under_two_names(&mut says, role);
        let all: Vec<&Hand> = repository.root.hands.iter().collect();
        repository.files.insert("1.root.json".to_owned(), seal(&says, &all));
        let state = TufState::begin(MIRROR, repository.first_root()).unwrap();
        let name = if role == "timestamp" { "timestamp.json".to_owned() } else { format!("1.{role}.json") };
        let twice = signed_twice(&repository.files[&name]);
        repository.files.insert(name.clone(), twice.clone());
        if role == "snapshot" {
            // Pinned by its version alone, so that its bytes may change.
            let says = json!({
                "_type": "timestamp", "spec_version": "1.0.34", "version": 1, "expires": crate::repository::LATE,
                "meta": {"snapshot.json": {"version": 1}},
            });
            repository.files.insert("timestamp.json".to_owned(), seal(&says, &[&repository.timestamp.hands[0]]));
        }
        let error = renew(&state, &repository).unwrap_err().to_string();
        assert!(error.contains(NOT_MET), "{role}: {error}");
        let mut files = repository.files.clone();
        files.extend(
            [("snapshot", "1.snapshot.json"), ("targets", "1.targets.json")]
                .map(|(role, name)| (format!("{role}.json"), repository.files[name].clone())),
        );
        files.insert("targets/trusted_root.json".to_owned(), Instance::PublicGood.trusted_root().to_vec());
        let kept = TufState::adopt(MIRROR, repository.first_root(), files).unwrap();
        assert!(kept.open(now()).is_err(), "{role}");
    }
}

#[test]
fn a_root_is_signed_follows_the_one_before_and_has_not_ended() {
    let repository = Published::new(b"");
    let hands: Vec<&Hand> = repository.root.hands.iter().collect();
    let says = repository.root_says();
    let stranger = Hand::new();
    for (by, good) in
        [(vec![], false), (vec![hands[0]], false), (vec![hands[0], &stranger], false), (hands[..2].to_vec(), true)]
    {
        assert_eq!(TufState::begin(MIRROR, &seal(&says, &by)).is_ok(), good);
    }
    refused(
        |repository| {
            // A root is left out, whoever signed what comes after it.
            repository.root.version = 3;
            let hands: Vec<&Hand> = repository.root.hands.iter().collect();
            let bytes = seal(&repository.root_says(), &hands);
            repository.files.insert("2.root.json".to_owned(), bytes);
        },
        "root",
    );
    refused(
        |repository| {
            repository.root.version = 2;
            repository.root.expires = "2026-05-01T00:00:00Z".to_owned();
            repository.publish_root(&[]);
        },
        "root metadata expired",
    );
}

#[test]
fn each_role_is_signed_and_is_the_one_that_was_pinned() {
    refused(
        |repository| {
            repository.snapshot.hands = vec![Hand::new()];
            repository.next();
        },
        "signature threshold not met for role snapshot",
    );
    refused(
        |repository| {
            repository.targets.hands = vec![Hand::new()];
            repository.next();
        },
        "signature threshold not met for role targets",
    );
    let snapshot = |version: u64| {
        json!({
            "_type": "snapshot", "spec_version": "1.0.34", "version": version, "expires": "2049-01-01T00:00:00Z",
            "meta": {"targets.json": {"version": 3}},
        })
    };
    // Signed as it should be, and not the bytes of which the timestamp has the hash.
    refused(
        |repository| {
            repository.next();
            let bytes = seal(&snapshot(3), &[&repository.snapshot.hands[0]]);
            repository.files.insert("3.snapshot.json".to_owned(), bytes);
        },
        "snapshot.json: ",
    );
    // Another version than the timestamp's, which has no hash.
    refused(
        |repository| {
            repository.next();
            let bytes = seal(&snapshot(4), &[&repository.snapshot.hands[0]]);
            repository.files.insert("3.snapshot.json".to_owned(), bytes);
            let says = json!({
                "_type": "timestamp", "spec_version": "1.0.34", "version": 3, "expires": crate::repository::LATE,
                "meta": {"snapshot.json": {"version": 3}},
            });
            repository.files.insert("timestamp.json".to_owned(), seal(&says, &[&repository.timestamp.hands[0]]));
        },
        "does not match timestamp pin",
    );
}

#[test]
fn a_delegation_counts_keys_and_not_names() {
    let mut repository = Published::new(b"");
    let hand = &repository.targets.hands[0];
    let root = repository.root_says();
    let id = root["roles"]["targets"]["keyids"][0].as_str().unwrap().to_owned();
    let role = |kind: &str, more: Value| {
        let mut says =
            json!({"_type": kind, "spec_version": "1.0.34", "version": 1, "expires": crate::repository::LATE});
        says.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        says
    };
    let delegated = |threshold: u64, ids: Vec<&str>| {
        role(
            "targets",
            json!({
                "targets": {},
                "delegations": {
                    "keys": {&id: root["keys"][&id], ALIAS: root["keys"][&id]},
                    "roles": [{"name": "inner", "keyids": ids, "threshold": threshold, "terminating": true, "paths": ["*.json"]}],
                },
            }),
        )
    };
    let content = Instance::PublicGood.trusted_root();
    let listed = role(
        "targets",
        json!({"targets": {"trusted_root.json": {"length": content.len(), "hashes": {
            "sha256": signet_model::Digest::sha256(content).to_string().trim_start_matches("sha256:"),
        }}}}),
    );
    let inner = signed_twice(&seal(&listed, &[hand]));
    let snapshot = role("snapshot", json!({"meta": {"targets.json": {"version": 1}, "inner.json": {"version": 1}}}));
    let timestamp = role("timestamp", json!({"meta": {"snapshot.json": {"version": 1}}}));
    let mut files = repository.files.clone();
    files.insert("1.inner.json".to_owned(), inner);
    files.insert("1.snapshot.json".to_owned(), seal(&snapshot, &[&repository.snapshot.hands[0]]));
    files.insert("timestamp.json".to_owned(), seal(&timestamp, &[&repository.timestamp.hands[0]]));
    let hash = signet_model::Digest::sha256(content).to_string().trim_start_matches("sha256:").to_owned();
    files.insert(format!("targets/{hash}.trusted_root.json"), content.to_vec());
    let mut elsewhere = delegated(1, vec![&id]);
    elsewhere["delegations"]["roles"][0]["paths"] = json!(["other/*"]);
    let strange = delegated(1, vec!["ff"]);
    for (says, why) in [
        (delegated(2, vec![&id, ALIAS]), Some(NOT_MET)),
        (delegated(1, vec![&id, ALIAS]), None),
        (delegated(1, vec![&id]), None),
        // For whom a role speaks, and about what, is said by who delegates to it.
        (strange, Some("signature threshold not met for role inner")),
        (elsewhere, Some("no target `trusted_root.json`")),
    ] {
        files.insert("1.targets.json".to_owned(), seal(&says, &[&repository.targets.hands[0]]));
        repository.files.clone_from(&files);
        let state = TufState::begin(MIRROR, repository.first_root()).unwrap();
        match (renew(&state, &repository), why) {
            (Ok(_), None) => {}
            (Err(error), Some(why)) => assert!(error.to_string().contains(why), "{error}"),
            (other, _) => panic!("{why:?}: {other:?}"),
        }
    }
}

#[test]
fn the_newest_root_of_a_state_is_told_without_its_expiry() {
    let (mut repository, state) = begun();
    assert_eq!(state.root_version().unwrap(), 1);
    repository.root.version = 2;
    repository.root.expires = "2026-07-01T00:00:00Z".to_owned();
    repository.publish_root(&[]);
    let (state, _) = renew(&state, &repository).unwrap();
    assert_eq!(state.root_version().unwrap(), 2);
    // A root that the pinned one does not lead to is none.
    let files = state.files().map(|(name, bytes)| (name.to_owned(), bytes.to_vec())).collect();
    let other = Published::new(b"");
    assert_eq!(TufState::adopt(MIRROR, other.first_root(), files).unwrap().root_version().unwrap(), 1);
}

#[test]
fn data_without_end_is_refused() {
    refused(
        |repository| {
            repository.next();
            let mut bytes = repository.files["timestamp.json"].clone();
            bytes.resize(20_000, b' ');
            repository.files.insert("timestamp.json".to_owned(), bytes);
        },
        "16384 are accepted",
    );
    refused(
        |repository| {
            repository.files.insert("2.root.json".to_owned(), vec![b' '; 512_001]);
        },
        "512000 are accepted",
    );
    refused(
        |repository| {
            repository.content.insert("trusted_root.json".to_owned(), b"{}".to_vec());
            repository.next();
            for (name, bytes) in &mut repository.files {
                if name.starts_with("targets/") {
                    bytes.resize(1_000_000, b' ');
                }
            }
        },
        "at most 2 are accepted",
    );
    // A target of five megabytes, signed for.
    refused(
        |repository| {
            repository.content.insert("trusted_root.json".to_owned(), vec![b' '; 5 << 20]);
            repository.next();
        },
        "exceeds configured max",
    );
}

#[test]
fn another_repository_is_not_believed() {
    let (_, state) = begun();
    let other = Published::new(Instance::Staging.trusted_root());
    // Its root is not asked for, its timestamp is not signed by the pinned one.
    assert!(renew(&state, &other).unwrap_err().to_string().contains("threshold not met for role timestamp"));
    let state = TufState::begin(MIRROR, Instance::Github.tuf_root()).unwrap();
    assert!(renew(&state, &other).is_err());
    // Files of another chain set no floor: the mirror was begun anew.
    let (mut repository, state) = begun();
    repository.next();
    let (state, _) = renew(&state, &repository).unwrap();
    let files = state.files().map(|(name, bytes)| (name.to_owned(), bytes.to_vec())).collect();
    let state = TufState::adopt(MIRROR, other.first_root(), files).unwrap();
    let (state, material) = renew(&state, &other).unwrap();
    assert_eq!(material.trusted_root, Instance::Staging.trusted_root());
    assert_eq!(state.open(now()).unwrap(), material);
}

#[test]
fn what_is_kept_is_verified_again() {
    let (_, state) = begun();
    let good: BTreeMap<String, Vec<u8>> =
        state.files().map(|(name, bytes)| (name.to_owned(), bytes.to_vec())).collect();
    for name in ["timestamp.json", "snapshot.json", "targets.json", "targets/trusted_root.json"] {
        for change in [Some(b"{}".to_vec()), None] {
            let mut files = good.clone();
            match change {
                Some(bytes) => files.insert(name.to_owned(), bytes),
                None => files.remove(name),
            };
            let state = TufState::adopt(MIRROR, state.pinned(), files).unwrap();
            assert!(state.open(now()).is_err(), "{name}");
        }
    }
    assert!(TufState::adopt(MIRROR, state.pinned(), good).unwrap().open(now()).is_ok());
}

#[test]
fn a_repository_without_a_trusted_root_says_so() {
    let mut repository = Published::new(b"");
    repository.content.clear();
    repository.next();
    let state = TufState::begin(MIRROR, repository.first_root()).unwrap();
    assert!(renew(&state, &repository).unwrap_err().to_string().contains("no target `trusted_root.json`"));
}
