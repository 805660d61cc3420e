//! A stack that is kept in a directory, and the TUF repository, read by the room that verifies.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use signet_authority::{Logs, Options, Place, Repository, RootKeys, Stack};
use signet_trust::{TufClient, TufFuture, TufRepository};

use crate::client::{Signer, get, now, options};

#[test]
fn a_stack_in_a_directory_is_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::Directory(folder.path().join("stack"));
    let open = || Stack::new(Options { place: place.clone(), ..options() });
    let (root, checkpoint) = {
        let stack = open().unwrap();
        let signer = Signer::new();
        let chain = signer.certificate(&stack);
        signer.bundle(&stack, b"content", &chain[0]);
        open().map(|_| ()).unwrap_err();
        (stack.trusted_root(), stack.log().checkpoint())
    };
    let stack = open().unwrap();
    assert_eq!(stack.trusted_root(), root);
    assert_eq!(stack.log().checkpoint(), checkpoint);
    let signer = Signer::new();
    let chain = signer.certificate(&stack);
    signer.bundle(&stack, b"more", &chain[0]);
    assert!(stack.log().checkpoint().starts_with("log.sigstore.test\n2\n"));
    drop(stack);
    // Keys are for the owner's eyes, and the roots' are nowhere.
    use std::os::unix::fs::PermissionsExt as _;
    let keys = folder.path().join("stack/keys");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&keys).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o077, 0, "{:?}", entry.path());
        names.push(entry.file_name().into_string().unwrap());
    }
    names.sort();
    assert_eq!(
        names,
        ["authority.p8", "authority.pem", "certificates.p8", "log.p8", "start", "timestamps.p8", "timestamps.pem"]
    );
    // A key that is not the certificate's.
    std::fs::copy(keys.join("certificates.p8"), keys.join("timestamps.p8")).unwrap();
    open().map(|_| ()).unwrap_err();
}

#[test]
fn keys_are_made_by_one_process_only() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("stack");
    let open = || Stack::new(Options { place: Place::Directory(place.clone()), ..options() });
    // Another process that has just begun: it has the directory, and no keys yet.
    std::fs::create_dir_all(&place).unwrap();
    let other = std::fs::File::create(place.join("lock")).unwrap();
    other.try_lock().unwrap();
    let err = open().map(|_| ()).unwrap_err();
    assert!(err.to_string().contains("another process has it open"), "{err}");
    assert!(!place.join("keys").exists(), "keys were made beside the other's");
    drop(other);
    // Many at once: those that succeed one after the other have the same keys.
    let roots: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| open().map(|stack| stack.trusted_root()).ok())).collect();
        threads.into_iter().filter_map(|thread| thread.join().unwrap()).collect()
    });
    let kept = open().unwrap().trusted_root();
    assert!(!roots.is_empty() && roots.iter().all(|root| *root == kept));
}

#[test]
fn keys_that_are_out_of_reach_are_not_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let (place, volume) = (folder.path().join("stack"), folder.path().join("volume"));
    let keys = place.join("keys");
    let open = |logs| Stack::new(Options { logs, place: Place::Directory(place.clone()), ..options() });
    let refused = |logs, why: &str| {
        let before = names(&keys);
        let err = open(logs).map(|_| ()).unwrap_err();
        assert!(err.to_string().contains(why), "{err}");
        assert_eq!(names(&keys), before, "keys were made");
    };
    let root = open(Logs::V2).unwrap().trusted_root();
    // A key in a volume that is not mounted, of a log that has no entries yet.
    let (key, away) = (keys.join("log-v1.p8"), volume.join("log-v1.p8"));
    std::os::unix::fs::symlink(&away, &key).unwrap();
    refused(Logs::Both, "log-v1.p8");
    assert!(key.is_symlink(), "a key was put over the link");
    std::fs::remove_file(&key).unwrap();
    let both = open(Logs::Both).unwrap().trusted_root();
    // The key of a log that is there.
    std::fs::create_dir(&volume).unwrap();
    std::fs::rename(&key, &away).unwrap();
    refused(Logs::Both, "log-v1.p8` is missing");
    assert_eq!(open(Logs::V2).unwrap().trusted_root(), root);
    std::os::unix::fs::symlink(&away, &key).unwrap();
    assert_eq!(open(Logs::Both).unwrap().trusted_root(), both);
    // All of them: each log alone says that there were some.
    std::fs::rename(&keys, volume.join("keys")).unwrap();
    std::fs::create_dir(&keys).unwrap();
    for log in ["certificates", "log", "log-v1"] {
        let aside = |log: &&str| place.join(format!("{log}.aside"));
        let others: Vec<&str> = ["certificates", "log", "log-v1"].into_iter().filter(|other| *other != log).collect();
        others.iter().for_each(|other| std::fs::rename(place.join(other), aside(other)).unwrap());
        refused(Logs::Both, "start` is missing");
        refused(Logs::V2, &format!("{log}`"));
        others.iter().for_each(|other| std::fs::rename(aside(other), place.join(other)).unwrap());
    }
    std::fs::remove_dir(&keys).unwrap();
    std::os::unix::fs::symlink(volume.join("keys"), &keys).unwrap();
    assert_eq!(open(Logs::Both).unwrap().trusted_root(), both);
    // Whether there are keys cannot be said.
    std::fs::remove_file(&keys).unwrap();
    std::fs::write(&keys, b"").unwrap();
    let err = open(Logs::Both).map(|_| ()).unwrap_err();
    assert!(err.to_string().contains("look at"), "{err}");
}

/// Names of the files in a directory, in order.
fn names(folder: &std::path::Path) -> Vec<std::ffi::OsString> {
    let mut names: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    names
}

/// What is served, as a repository is asked.
struct Files(BTreeMap<String, Vec<u8>>);

fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("nothing here waits"),
    }
}

#[test]
fn the_repository_over_http() {
    let stack = crate::client::stack();
    let serving = stack.listen().unwrap();
    let first = get(&serving.url(), "/tuf/1.root.json");
    assert_eq!(first.body, serving.tuf_root());
    assert_eq!(get(&serving.url(), "/tuf/2.root.json").status, 404);
    let targets = get(&serving.url(), "/tuf/1.targets.json").json();
    let digest = targets["signed"]["targets"]["trusted_root.json"]["hashes"]["sha256"].as_str().unwrap().to_owned();
    let target = get(&serving.url(), &format!("/tuf/targets/{digest}.trusted_root.json"));
    assert_eq!(target.json(), stack.trusted_root());
    assert_eq!(get(&serving.url(), "/client_trust_config.json").json()["trustedRoot"], stack.trusted_root());
}

#[test]
fn a_repository_changes_its_keys() {
    let (old, new) = (RootKeys::generate().unwrap(), RootKeys::generate().unwrap());
    let targets = BTreeMap::from([("a.txt".to_owned(), b"first".to_vec())]);
    let mut repository = Repository::found(&old, &targets, now()).unwrap();
    let bootstrap = repository.initial_root().to_vec();
    assert_eq!(update(&repository, &bootstrap).unwrap(), b"first");
    repository.refresh(&old, now()).unwrap();
    let later = BTreeMap::from([("a.txt".to_owned(), b"second".to_vec())]);
    repository.rotate(&old, &new, &later, now()).unwrap();
    assert_eq!(update(&repository, &bootstrap).unwrap(), b"second");
    // Whoever has neither the old keys nor the new ones changes nothing.
    let stranger = RootKeys::generate().unwrap();
    let mut forged = repository.clone();
    forged.rotate(&stranger, &stranger, &later, now()).unwrap();
    update(&forged, &bootstrap).unwrap_err();
    let mut forged = repository.clone();
    forged.publish(&stranger, &targets, now()).unwrap();
    update(&forged, &bootstrap).unwrap_err();
    let few = RootKeys { offline: Vec::new(), ..RootKeys::generate().unwrap() };
    Repository::found(&few, &targets, now()).unwrap_err();
}

impl TufRepository for Files {
    fn metadata<'a>(&'a self, name: &'a str, _most: u64) -> TufFuture<'a> {
        let found = self.0.get(name).cloned();
        Box::pin(async move { Ok(found) })
    }

    fn target<'a>(&'a self, path: &'a str, _most: u64) -> TufFuture<'a> {
        let found = self.0.get(&format!("targets/{path}")).cloned();
        Box::pin(async move { Ok(found) })
    }
}

/// The target `a.txt`, as a client finds it that begins with this root.
fn update(repository: &Repository, root: &[u8]) -> Result<Vec<u8>, String> {
    let mut client = TufClient::new(Files(repository.files().clone()), root).map_err(|err| err.to_string())?;
    ready(client.refresh(now())).map_err(|err| err.to_string())?;
    ready(client.target("a.txt", now())).map_err(|err| err.to_string())
}
