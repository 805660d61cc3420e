//! Witnesses: who must have seen a log's tree head. A log that shows one history to us and another to its auditors is found out, since no honest witness cosigns
//! both (C2SP `tlog-cosignature`, `tlog-witness`).
//!
//! Who they are and how many of them are needed comes with the trusted material, never from the evidence; what the evidence brings is signature lines.

use signet_model::Timestamp;

use crate::check::{Check, VerifyError};
use crate::evidence::{Evidence, LogEntry};
use crate::json::base64;
use crate::key::{Algorithm, PublicKey};
use crate::note::{self, Checkpoint};
use crate::root::TrustRoot;
use crate::verify::{LogRequirement, Report, Requirements};

/// Most witnesses.
const MOST: usize = 64;
/// Longest name of a witness, in bytes.
const LONGEST: usize = 256;
/// The type of Ed25519 cosignatures (signed-note, "Signature types").
const COSIGNATURE: u8 = 0x04;
/// SubjectPublicKeyInfo of an Ed25519 key but for its 32 bytes (RFC 8410, 4).
const ED25519: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// A witness that cosigns checkpoints: its name and its Ed25519 key.
#[derive(Clone, Debug)]
pub struct Witness {
    name: String,
    key: PublicKey,
    hint: [u8; 4],
}

/// Why witnesses cannot be demanded as they are named.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct WitnessError(String);

impl Witness {
    /// A witness. `None` when the key is not Ed25519, or the name is empty, longer than 256 bytes, or holds a space, a control character or a plus sign
    /// (signed-note, "Format").
    #[must_use]
    pub fn new(name: &str, key: PublicKey) -> Option<Self> {
        let odd = |c: char| c.is_whitespace() || c.is_control() || c == '+';
        if key.algorithm() != Algorithm::Ed25519 || name.is_empty() || name.len() > LONGEST || name.contains(odd) {
            return None;
        }
        let hint = *note::key_id(name, COSIGNATURE, &key).as_bytes().first_chunk()?;
        Some(Self { name: name.to_owned(), key, hint })
    }

    /// Reads a verifier key, `NAME+KEYID+KEY`: eight hexadecimal digits, then base64 of the type 0x04 and the 32 bytes of the key (signed-note, "Verifier
    /// keys"; tlog-cosignature, "Format").
    ///
    /// # Errors
    /// When the text has another shape, the key is of another type, or the key ID is not that of name and key.
    pub fn parse(text: &str) -> Result<Self, WitnessError> {
        let wrong = |why: &str| WitnessError(format!("no verifier key `NAME+KEYID+KEY`: {why}"));
        if text.len() > LONGEST + 128 {
            return Err(wrong("it is too long"));
        }
        // Base64 may hold a plus sign, the other two parts may not.
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(wrong("it has not three parts"));
        };
        let key = base64(key).map_err(|_| wrong("the key is not base64"))?;
        let raw = match key.split_first() {
            Some((&COSIGNATURE, raw)) if raw.len() == 32 => raw,
            Some((0x01, _)) => {
                return Err(wrong(
                    "the key is one that signs notes (type 1), and witnesses cosign with keys of type 4",
                ));
            }
            Some((0x06, _)) => {
                return Err(wrong("cosignatures by ML-DSA-44 (type 6) are not verified, only Ed25519 (type 4)"));
            }
            _ => return Err(wrong("the key is not type 4 and the 32 bytes of an Ed25519 key")),
        };
        let key = PublicKey::from_der(&[&ED25519, raw].concat()).map_err(|_| wrong("the key is no Ed25519 key"))?;
        let witness = Self::new(name, key).ok_or_else(|| wrong("the name is none that notes know"))?;
        if !id.eq_ignore_ascii_case(&crate::log::hex(&witness.hint)) {
            return Err(wrong("the key ID is not that of this name and key"));
        }
        Ok(witness)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn key(&self) -> &PublicKey {
        &self.key
    }

    /// The first bytes of its key ID, which signature lines show.
    pub(crate) fn hint(&self) -> [u8; 4] {
        self.hint
    }
}

/// Witnesses of which so many must have cosigned.
#[derive(Clone, Debug)]
pub struct Witnesses {
    all: Vec<Witness>,
    wanted: usize,
}

impl Witnesses {
    /// `wanted` of `all`.
    ///
    /// # Errors
    /// When none is wanted, more are wanted than there are, there are more than 64, or two of them are one: a key under two names would count twice.
    pub fn new(all: Vec<Witness>, wanted: usize) -> Result<Self, WitnessError> {
        if all.len() > MOST {
            return Err(WitnessError(format!("{} witnesses are named, at most {MOST} are known", all.len())));
        }
        if wanted == 0 || wanted > all.len() {
            return Err(WitnessError(format!("{wanted} of {} witnesses cannot be demanded", all.len())));
        }
        for (at, one) in all.iter().enumerate() {
            if all.iter().take(at).any(|other| other.key.der() == one.key.der() || other.name == one.name) {
                return Err(WitnessError(format!("the witness `{}` is named twice, by its name or its key", one.name)));
            }
        }
        Ok(Self { all, wanted })
    }

    /// Names of those who saw the tree head before `now`, each once. The log itself is nobody's witness.
    fn of(&self, note: &Checkpoint, log: &PublicKey, now: Timestamp) -> Result<Vec<&str>, VerifyError> {
        let mut seen = Vec::new();
        for witness in self.all.iter().filter(|witness| witness.key.der() != log.der()) {
            let time = note.cosigned_by(witness).map_err(|error| self.refusal(error.to_string()))?;
            // tlog-cosignature: "verifiers MAY reject cosignatures with timestamps in the future".
            if time.is_some_and(|time| time <= now) {
                seen.push(witness.name());
            }
        }
        Ok(seen)
    }

    fn refusal(&self, found: impl Into<String>) -> VerifyError {
        let expected = format!("a tree head that {} of {} witnesses cosigned", self.wanted, self.all.len());
        VerifyError::new(Check::Witnesses, expected, found)
    }

    fn entry(&self, entry: &LogEntry, root: &TrustRoot, now: Timestamp) -> Result<Vec<&str>, VerifyError> {
        let Some(proof) = &entry.proof else {
            return Err(self.refusal("an entry with the log's promise and no tree head"));
        };
        let Some(log) = root.logs.iter().find(|log| log.id == entry.log) else {
            return Err(self.refusal("an entry of a log that is not trusted"));
        };
        let note = Checkpoint::parse(&proof.checkpoint).map_err(|error| self.refusal(error.to_string()))?;
        let seen = self.of(&note, &log.key, now)?;
        if seen.len() < self.wanted {
            let found =
                if seen.is_empty() { "none".to_owned() } else { format!("{}: {}", seen.len(), seen.join(", ")) };
            return Err(self.refusal(found));
        }
        Ok(seen)
    }
}

/// Holds every log entry to the witnesses, if any are demanded. That the log signed the tree head and that the entry is under it was established before.
pub(crate) fn verify(
    evidence: &Evidence,
    root: &TrustRoot,
    requirements: &Requirements,
    now: Timestamp,
    report: &mut Report,
) -> Result<(), VerifyError> {
    let Some(witnesses) = &root.witnesses else { return Ok(()) };
    if requirements.log == LogRequirement::InsecureIgnored {
        return Err(witnesses.refusal("transparency logs that are not asked for"));
    }
    let mut names: Vec<&str> = Vec::new();
    for entry in &evidence.entries {
        for name in witnesses.entry(entry, root, now)? {
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    if names.is_empty() {
        return Err(witnesses.refusal("no log entry"));
    }
    report.passed(Check::Witnesses, names.join(", "));
    Ok(())
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::encoding::AsDer;
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;

    use super::*;

    const TIME: i64 = 1_700_000_000;

    /// Somebody who signs notes, and who they say they are.
    struct Party {
        pair: Ed25519KeyPair,
        name: &'static str,
    }

    impl Party {
        fn new(name: &'static str) -> Self {
            Self { pair: Ed25519KeyPair::generate().unwrap(), name }
        }

        fn key(&self) -> PublicKey {
            PublicKey::from_der(self.pair.public_key().as_der().unwrap().as_ref()).unwrap()
        }

        fn witness(&self) -> Witness {
            Witness::new(self.name, self.key()).unwrap()
        }

        fn id(&self, kind: u8) -> Vec<u8> {
            // The specification's sum, not the room's.
            let bytes = [self.name.as_bytes(), b"\n", &[kind], self.pair.public_key().as_ref()].concat();
            aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &bytes).as_ref()[..4].to_vec()
        }

        fn line(&self, id: &[u8], signature: &[u8]) -> String {
            format!("\u{2014} {} {}\n", self.name, STANDARD.encode([id, signature].concat()))
        }

        fn signs(&self, body: &str) -> String {
            self.line(&self.id(1), self.pair.sign(body.as_bytes()).as_ref())
        }

        /// Cosigns at one time and says another.
        fn cosigns(&self, body: &str, at: i64, said: i64) -> String {
            let signature = self.pair.sign(format!("cosignature/v1\ntime {at}\n{body}").as_bytes());
            self.line(&self.id(4), &[&said.to_be_bytes(), signature.as_ref()].concat())
        }

        fn vkey(&self, kind: u8) -> String {
            let id: String = self.id(kind).iter().map(|byte| format!("{byte:02x}")).collect();
            let key = STANDARD.encode([&[kind], self.pair.public_key().as_ref()].concat());
            format!("{}+{id}+{key}", self.name)
        }
    }

    fn body(origin: &str, size: u64) -> String {
        format!("{origin}\n{size}\n{}\n", STANDARD.encode([9; 32]))
    }

    /// How many of the witnesses are counted, or why none is.
    fn seen(witnesses: &Witnesses, log: &Party, body: &str, lines: &[String]) -> Result<usize, String> {
        let note = Checkpoint::parse(&format!("{body}\n{}{}", log.signs(body), lines.concat())).unwrap();
        let now = Timestamp::from_second(TIME + 60).unwrap();
        witnesses.of(&note, &log.key(), now).map(|seen| seen.len()).map_err(|error| error.to_string())
    }

    #[test]
    fn witnesses_count_once_and_only_their_own_cosignatures() {
        let (log, one, two, stranger) =
            (Party::new("log.example"), Party::new("one.example"), Party::new("two.example"), Party::new("x.example"));
        let witnesses = Witnesses::new(vec![one.witness(), two.witness()], 2).unwrap();
        let text = body("log.example", 7);
        let good = |party: &Party| party.cosigns(&text, TIME, TIME);
        assert_eq!(seen(&witnesses, &log, &text, &[good(&one), good(&two)]), Ok(2));
        assert_eq!(seen(&witnesses, &log, &text, &[]), Ok(0));
        assert_eq!(seen(&witnesses, &log, &text, &[good(&one)]), Ok(1));
        // The same witness twice, at one time or at two.
        assert_eq!(seen(&witnesses, &log, &text, &[good(&one), good(&one)]), Ok(1));
        assert_eq!(seen(&witnesses, &log, &text, &[good(&one), one.cosigns(&text, TIME + 9, TIME + 9)]), Ok(1));
        // Somebody who is not known, also under the name of somebody who is.
        assert_eq!(seen(&witnesses, &log, &text, &[good(&one), good(&stranger)]), Ok(1));
        let posing = Party { name: "two.example", ..Party::new("") };
        assert_eq!(seen(&witnesses, &log, &text, &[good(&one), good(&posing)]), Ok(1));
        // Another log's tree head, another size, a time that was not signed: no cosignature, and the whole note is refused.
        for line in [
            two.cosigns(&body("other.example", 7), TIME, TIME),
            two.cosigns(&body("log.example", 8), TIME, TIME),
            two.cosigns(&text, TIME, TIME + 1),
            two.line(&two.id(4), two.pair.sign(text.as_bytes()).as_ref()),
            two.line(&two.id(4), &[0; 7]),
        ] {
            let refusal = seen(&witnesses, &log, &text, &[good(&one), good(&two), line]).unwrap_err();
            assert!(refusal.contains("`two.example` is not its own"), "{refusal}");
        }
        // A time that has not come, or that no calendar knows.
        assert_eq!(seen(&witnesses, &log, &text, &[two.cosigns(&text, TIME + 61, TIME + 61)]), Ok(0));
        assert!(seen(&witnesses, &log, &text, &[two.cosigns(&text, -1, -1)]).is_err());
        // A signature of the kind that logs make is no cosignature.
        assert_eq!(seen(&witnesses, &log, &text, &[two.signs(&text)]), Ok(0));
    }

    #[test]
    fn a_log_is_not_its_own_witness() {
        let (log, one) = (Party::new("log.example"), Party::new("one.example"));
        let text = body("log.example", 7);
        let witnesses = Witnesses::new(vec![log.witness(), one.witness()], 2).unwrap();
        let lines = [log.cosigns(&text, TIME, TIME), one.cosigns(&text, TIME, TIME)];
        assert_eq!(seen(&witnesses, &log, &text, &lines), Ok(1));
    }

    #[test]
    fn demands_that_cannot_be_meant() {
        let (one, two) = (Party::new("one.example"), Party::new("two.example"));
        let twin = Party { name: "twin.example", pair: Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap() };
        let other = Party { name: "other.example", pair: Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap() };
        let namesake = Party { name: "one.example", ..Party::new("") };
        for (all, wanted) in [
            (vec![], 0),
            (vec![], 1),
            (vec![one.witness()], 0),
            (vec![one.witness(), two.witness()], 3),
            (vec![one.witness(), one.witness()], 2),
            (vec![one.witness(), namesake.witness()], 2),
            (vec![twin.witness(), other.witness()], 1),
            ((0..65).map(|_| one.witness()).collect(), 1),
        ] {
            assert!(Witnesses::new(all, wanted).is_err());
        }
        assert!(Witnesses::new(vec![one.witness(), two.witness()], 1).is_ok());
        for name in ["", "a b", "a+b", "a\u{2003}b", "a\nb"] {
            assert!(Witness::new(name, one.key()).is_none(), "{name:?}");
        }
    }

    #[test]
    fn verifier_keys() {
        let one = Party::new("one.example/w");
        let read = Witness::parse(&one.vkey(4)).unwrap();
        assert_eq!(
            (read.name(), read.key().der(), read.hint().to_vec()),
            ("one.example/w", one.key().der(), one.id(4))
        );
        let whole = one.vkey(4);
        let (head, key) = whole.split_at(whole.match_indices('+').nth(1).unwrap().0);
        for text in [
            String::new(),
            "one.example".to_owned(),
            one.vkey(1),
            one.vkey(6),
            whole.replacen("one.", "two.", 1),
            format!("{whole}AA=="),
            format!("{head}+"),
            format!("+{key}"),
            format!("one.example/w{key}"),
            "x".repeat(1000),
        ] {
            assert!(Witness::parse(&text).is_err(), "{text}");
        }
        let refusal = Witness::parse(&one.vkey(1)).unwrap_err().to_string();
        assert!(refusal.contains("type 1"), "{refusal}");
    }

    proptest! {
        #[test]
        fn hostile_verifier_keys_never_panic(text in ".{0,80}", tail in "[a-z]{1,4}\\+[0-9a-f]{8}\\+[A-Za-z0-9+/=]{0,60}") {
            let _read = (Witness::parse(&text), Witness::parse(&tail));
        }
    }
}
