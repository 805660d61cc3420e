//! What is blocked everywhere, whatever any policy says: the emergency stop (`signet block`).
//!
//! The list is handed in. A list that could not be read is not an empty one: [`Blocked::unreadable`] refuses every image that is judged with it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use signet_model::{Digest, Timestamp};

use super::document::Revoked;
use super::facts::Signer;
use super::names::identity_matches;

/// What is blocked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A manifest or index, and every index that can serve it.
    Digest(Digest),
    /// Signatures by a key, named by the SHA-256 of its DER `SubjectPublicKeyInfo`.
    Key(Digest),
    /// Signatures by an identity. `*` is any text; both patterns are anchored at both ends, and case does not count.
    Identity {
        /// Who vouches for it.
        issuer: String,
        /// The identity.
        subject: String,
    },
}

/// Who blocked it, when and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notice {
    /// Who; empty if it is not known.
    pub by: String,
    /// When.
    pub at: Option<Timestamp>,
    /// Why; empty if nobody said.
    pub reason: String,
    /// The index that was blocked, where this is one of its manifests.
    pub through: Option<Digest>,
}

/// One block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// What.
    pub target: Target,
    /// Who, when, why.
    pub notice: Notice,
}

/// All blocks that hold now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocked {
    digests: BTreeMap<Digest, Notice>,
    /// The same digests, sorted.
    list: Vec<Digest>,
    keys: BTreeMap<Digest, Notice>,
    identities: Vec<(String, String, Notice)>,
    unreadable: Option<String>,
    content: Digest,
    signers: Digest,
}

impl Default for Blocked {
    fn default() -> Blocked {
        Blocked::new(Vec::new())
    }
}

impl Blocked {
    /// The list of these. Of two blocks of one thing the first one is told.
    #[must_use]
    pub fn new(blocks: Vec<Block>) -> Blocked {
        let (mut whole, mut signers) = (String::new(), String::new());
        let (mut digests, mut keys, mut identities) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        for Block { target, notice } in blocks {
            let _ = writeln!(whole, "{target:?} {notice:?}");
            if !matches!(target, Target::Digest(_)) {
                let _ = writeln!(signers, "{target:?}");
            }
            match target {
                Target::Digest(digest) => {
                    digests.entry(digest).or_insert(notice);
                }
                Target::Key(key) => {
                    keys.entry(key).or_insert(notice);
                }
                Target::Identity { issuer, subject } => {
                    identities.push((issuer.to_lowercase(), subject.to_lowercase(), notice));
                }
            }
        }
        Blocked {
            list: digests.keys().copied().collect(),
            digests,
            keys,
            identities,
            unreadable: None,
            content: Digest::sha256(whole.as_bytes()),
            signers: Digest::sha256(signers.as_bytes()),
        }
    }

    /// A list that could not be read, and why, in one sentence without a full stop. Nothing that is judged with it passes.
    #[must_use]
    pub fn unreadable(why: impl Into<String>) -> Blocked {
        let why = why.into();
        let content = Digest::sha256(why.as_bytes());
        Blocked { unreadable: Some(why), content, signers: content, ..Blocked::default() }
    }

    /// Why it could not be read, if so.
    #[must_use]
    pub fn problem(&self) -> Option<&str> {
        self.unreadable.as_deref()
    }

    /// Whether it says nothing of any image.
    #[must_use]
    pub fn names_no_image(&self) -> bool {
        self.list.is_empty() && self.unreadable.is_none()
    }

    /// Digests that are blocked, sorted.
    #[must_use]
    pub fn digests(&self) -> &[Digest] {
        &self.list
    }

    /// Names the list: other blocks, or other words about them, have another digest.
    #[must_use]
    pub fn content(&self) -> Digest {
        self.content
    }

    /// Names the signers that are blocked: an answer that a signature holds is worth something only as long as this is the same.
    #[must_use]
    pub fn signers(&self) -> Digest {
        self.signers
    }

    /// Whether signatures by somebody do not count.
    #[must_use]
    pub fn blocks_signers(&self) -> bool {
        !(self.keys.is_empty() && self.identities.is_empty())
    }

    /// Why a digest is blocked, if it is.
    #[must_use]
    pub fn digest(&self, digest: &Digest) -> Option<String> {
        let notice = self.digests.get(digest)?;
        Some(match notice.through {
            Some(index) => format!("{digest} is a manifest of {index}, which is blocked{}", notice.words()),
            None => format!("{digest} is blocked{}", notice.words()),
        })
    }

    /// Why signatures by a key do not count, if they do not.
    #[must_use]
    pub fn key(&self, fingerprint: &Digest) -> Option<String> {
        self.keys.get(fingerprint).map(|notice| format!("the key {fingerprint} is blocked{}", notice.words()))
    }

    /// Why signatures by an identity do not count, if they do not.
    #[must_use]
    pub fn identity(&self, issuer: &str, subject: &str) -> Option<String> {
        // Addresses differ in case and reach the same person.
        let (by, who) = (issuer.to_lowercase(), subject.to_lowercase());
        let found = self
            .identities
            .iter()
            .find(|(issuer, subject, _)| identity_matches(issuer, &by) && identity_matches(subject, &who));
        found.map(|(.., notice)| format!("`{subject}` of `{issuer}` is blocked{}", notice.words()))
    }

    /// Why a signer does not count, if it does not.
    #[must_use]
    pub fn signer(&self, signer: &Signer) -> Option<String> {
        match signer {
            Signer::Keyless { issuer, subject } => self.identity(issuer, subject),
            Signer::Key { fingerprint, .. } => self.key(fingerprint),
        }
    }
}

impl Notice {
    /// ` by anna since 2026-01-16T00:00:00Z: the reason`.
    fn words(&self) -> String {
        let mut words = String::new();
        if !self.by.is_empty() {
            let _ = write!(words, " by {}", self.by);
        }
        if let Some(at) = self.at {
            let _ = write!(words, " since {at}");
        }
        if !self.reason.is_empty() {
            let _ = write!(words, ": {}", self.reason);
        }
        words
    }
}

/// What a policy document would call revoked, as blocks without a word about them.
impl From<Revoked> for Blocked {
    fn from(revoked: Revoked) -> Blocked {
        let digests = revoked.digests.into_iter().map(Target::Digest);
        let keys = revoked.keys.into_iter().map(Target::Key);
        let identities =
            revoked.identities.into_iter().map(|subject| Target::Identity { issuer: "*".to_owned(), subject });
        let targets = digests.chain(keys).chain(identities);
        Blocked::new(targets.map(|target| Block { target, notice: Notice::default() }).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::super::KeySource;
    use super::*;

    fn block(target: Target) -> Block {
        let notice = Notice {
            by: "anna".to_owned(),
            at: Some("2026-01-16T00:00:00Z".parse().unwrap()),
            reason: "stolen".to_owned(),
            through: None,
        };
        Block { target, notice }
    }

    #[test]
    fn signers_are_blocked_by_anchored_patterns() {
        let target =
            |issuer: &str, subject: &str| Target::Identity { issuer: issuer.to_owned(), subject: subject.to_owned() };
        let blocked = Blocked::new(vec![block(target("https://ci.example", "https://ci.example/team/*"))]);
        let check = |issuer: &str, subject: &str, want: bool| {
            let signer = Signer::Keyless { issuer: issuer.to_owned(), subject: subject.to_owned() };
            assert_eq!(blocked.signer(&signer).is_some(), want, "{issuer} {subject}");
        };
        check("https://ci.example", "https://ci.example/team/app", true);
        check("https://CI.example", "https://ci.example/Team/app", true);
        check("https://other.example", "https://ci.example/team/app", false);
        check("https://ci.example.evil", "https://ci.example/team/app", false);
        check("https://ci.example", "xhttps://ci.example/team/app", false);
        check("https://ci.example", "https://ci.example/teams", false);
    }

    #[test]
    fn keys_are_blocked_by_their_fingerprint_and_what_is_said_is_told() {
        let (key, other) = (Digest::sha256(b"key"), Digest::sha256(b"other"));
        let blocked = Blocked::new(vec![block(Target::Key(key)), block(Target::Digest(key))]);
        let signer = |fingerprint| Signer::Key { fingerprint, source: KeySource::File("k".to_owned()) };
        let why = blocked.signer(&signer(key)).unwrap();
        assert_eq!(why, format!("the key {key} is blocked by anna since 2026-01-16T00:00:00Z: stolen"));
        assert_eq!(blocked.signer(&signer(other)), None);
        assert_eq!(blocked.digest(&other), None);
        assert!(blocked.digest(&key).unwrap().ends_with("is blocked by anna since 2026-01-16T00:00:00Z: stolen"));
    }

    #[test]
    fn another_list_has_another_name() {
        let list = |targets: Vec<Target>| Blocked::new(targets.into_iter().map(block).collect());
        let digest = Target::Digest(Digest::sha256(b"a"));
        let key = Target::Key(Digest::sha256(b"a"));
        let (none, one, both) = (list(Vec::new()), list(vec![digest.clone()]), list(vec![digest, key]));
        assert_ne!(none.content(), one.content());
        assert_eq!(none.signers(), one.signers(), "a digest says nothing of signers");
        assert_ne!(one.signers(), both.signers());
        let broken = Blocked::unreadable("away");
        assert!(!broken.names_no_image() && broken.problem() == Some("away"));
        assert!(none.names_no_image() && broken.signers() != none.signers());
    }
}
