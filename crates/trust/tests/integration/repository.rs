//! A TUF repository, small enough to be made for each test: four roles with a key each, consistent snapshots. Written from the specification (1.0.34); the
//! canonical form is plain here, because nothing in it needs an escape.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};

/// When roles expire, unless a test says otherwise.
pub(crate) const LATE: &str = "2050-01-01T00:00:00Z";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn sha256(bytes: &[u8]) -> String {
    hex(digest(&SHA256, bytes).as_ref())
}

/// A key of the repository.
pub(crate) struct Hand(Ed25519KeyPair);

impl Hand {
    pub(crate) fn new() -> Self {
        Self(Ed25519KeyPair::generate().unwrap())
    }

    fn public(&self) -> Value {
        json!({"keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": hex(self.0.public_key().as_ref())}})
    }

    fn id(&self) -> String {
        sha256(self.public().to_string().as_bytes())
    }
}

/// A role: its hands, how many must sign, its version, its last moment.
pub(crate) struct Part {
    pub(crate) hands: Vec<Hand>,
    pub(crate) threshold: usize,
    pub(crate) version: u64,
    pub(crate) expires: String,
}

impl Part {
    fn new(hands: usize, threshold: usize) -> Self {
        let hands = (0..hands).map(|_| Hand::new()).collect();
        Self { hands, threshold, version: 1, expires: LATE.to_owned() }
    }
}

/// Signs `signed` by these hands.
pub(crate) fn seal(signed: &Value, hands: &[&Hand]) -> Vec<u8> {
    let text = signed.to_string();
    let signatures: Vec<Value> = hands
        .iter()
        .map(|hand| json!({"keyid": hand.id(), "sig": hex(hand.0.sign(text.as_bytes()).as_ref())}))
        .collect();
    json!({"signatures": signatures, "signed": signed}).to_string().into_bytes()
}

/// The repository as its owner has it.
pub(crate) struct Published {
    pub(crate) root: Part,
    pub(crate) timestamp: Part,
    pub(crate) snapshot: Part,
    pub(crate) targets: Part,
    /// Targets by name.
    pub(crate) content: BTreeMap<String, Vec<u8>>,
    /// The first root, and whatever was published.
    pub(crate) files: BTreeMap<String, Vec<u8>>,
}

impl Published {
    /// With the target `trusted_root.json`.
    pub(crate) fn new(trusted_root: &[u8]) -> Self {
        let mut repository = Self {
            root: Part::new(3, 2),
            timestamp: Part::new(1, 1),
            snapshot: Part::new(1, 1),
            targets: Part::new(1, 1),
            content: [("trusted_root.json".to_owned(), trusted_root.to_vec())].into(),
            files: BTreeMap::new(),
        };
        repository.publish_root(&[]);
        repository.publish();
        repository
    }

    /// What root metadata says of these roles.
    pub(crate) fn root_says(&self) -> Value {
        let parts = [
            ("root", &self.root),
            ("timestamp", &self.timestamp),
            ("snapshot", &self.snapshot),
            ("targets", &self.targets),
        ];
        let mut keys = serde_json::Map::new();
        let mut roles = serde_json::Map::new();
        for (name, part) in parts {
            let ids: Vec<String> = part.hands.iter().map(Hand::id).collect();
            keys.extend(part.hands.iter().map(|hand| (hand.id(), hand.public())));
            roles.insert(name.to_owned(), json!({"keyids": ids, "threshold": part.threshold}));
        }
        json!({
            "_type": "root", "spec_version": "1.0.34", "version": self.root.version, "expires": self.root.expires,
            "consistent_snapshot": true, "keys": keys, "roles": roles,
        })
    }

    /// Publishes the root of this version, signed by its own hands and by these of the version before.
    pub(crate) fn publish_root(&mut self, before: &[&Hand]) {
        let mut hands: Vec<&Hand> = self.root.hands.iter().collect();
        hands.extend(before);
        let bytes = seal(&self.root_says(), &hands);
        self.files.insert(format!("{}.root.json", self.root.version), bytes);
    }

    pub(crate) fn first_root(&self) -> &[u8] {
        &self.files["1.root.json"]
    }

    /// Publishes targets, snapshot and timestamp as they are now.
    pub(crate) fn publish(&mut self) {
        let mut listed = serde_json::Map::new();
        for (name, bytes) in &self.content {
            listed.insert(name.clone(), json!({"length": bytes.len(), "hashes": {"sha256": sha256(bytes)}}));
            self.files.insert(format!("targets/{}.{name}", sha256(bytes)), bytes.clone());
        }
        let head = |kind: &str, part: &Part| json!({"_type": kind, "spec_version": "1.0.34", "version": part.version, "expires": part.expires});
        let mut signed = head("targets", &self.targets);
        signed["targets"] = listed.into();
        let bytes = seal(&signed, &self.targets.hands.iter().collect::<Vec<_>>());
        self.files.insert(format!("{}.targets.json", self.targets.version), bytes);

        let mut signed = head("snapshot", &self.snapshot);
        signed["meta"] = json!({"targets.json": {"version": self.targets.version}});
        let bytes = seal(&signed, &self.snapshot.hands.iter().collect::<Vec<_>>());
        let pin =
            json!({"version": self.snapshot.version, "length": bytes.len(), "hashes": {"sha256": sha256(&bytes)}});
        self.files.insert(format!("{}.snapshot.json", self.snapshot.version), bytes);

        let mut signed = head("timestamp", &self.timestamp);
        signed["meta"] = json!({"snapshot.json": pin});
        let bytes = seal(&signed, &self.timestamp.hands.iter().collect::<Vec<_>>());
        self.files.insert("timestamp.json".to_owned(), bytes);
    }

    /// A next version of targets, snapshot and timestamp.
    pub(crate) fn next(&mut self) {
        self.targets.version += 1;
        self.snapshot.version += 1;
        self.timestamp.version += 1;
        self.publish();
    }
}
