//! The attacks that TUF (specification, section 1.5.2) was made against, each on a repository of our own: what is new is refused, and what was known stays.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

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
