//! Witnesses are demanded of every log entry, on every way that a verification can go.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};
use signet_trust::{
    Artifact, Check, Checkpoint, Evidence, LogRequirement, Outcome, PublicKey, Requirements, TrustedKey, VerifyError,
    Witness, Witnesses, verify,
};

use crate::world::{Key, SIGNED, World, b64, hex, now, sha256};

const ARTIFACT: &[u8] = b"the artifact";
/// SubjectPublicKeyInfo of an Ed25519 key but for its 32 bytes.
const ED25519: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// A cosignature that another program made (Python's `cryptography`, by the text of C2SP `tlog-cosignature`); the seed of the key is the bytes 0 to 31.
const WITNESS: &str = "w.example+c787e437+BAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4";
const NOTE: &str = "log.example\n7\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n\u{2014} w.example x4fkNwAAAABlU/EAO38GYlymyQKr6zy/GVCrH2TxZD3QRZxdzhiE2RNMK4Q6jCOP/+a6r+lqHKSfMUGqlhnjRH9DcfxbTdTqhDVwCA==\n";

#[test]
fn a_cosignature_of_another_program_is_read() {
    let witness = Witness::parse(WITNESS).unwrap();
    let note = Checkpoint::parse(NOTE).unwrap();
    assert_eq!(note.cosigned_by(&witness).unwrap().map(|time| time.as_second()), Some(1_700_000_000));
    for (from, to) in [("\n7\n", "\n8\n"), ("log.", "lop."), ("BlU/EA", "BlU/EB")] {
        let other = Checkpoint::parse(&NOTE.replacen(from, to, 1)).unwrap();
        assert!(other.cosigned_by(&witness).is_err(), "{to}");
    }
    // Under another name it is nobody's.
    let other = Checkpoint::parse(&NOTE.replace(" w.", " v.")).unwrap();
    assert_eq!(other.cosigned_by(&witness).unwrap(), None);
}

struct Scene {
    world: World,
    key: Key,
    signature: Vec<u8>,
    witness: Ed25519KeyPair,
}

impl Scene {
    fn new() -> Scene {
        let key = Key::new();
        let signature = key.sign(ARTIFACT);
        Scene { world: World::new(), key, signature, witness: Ed25519KeyPair::generate().unwrap() }
    }

    fn named(&self) -> Witness {
        let key = PublicKey::from_der(&[&ED25519, self.witness.public_key().as_ref()].concat()).unwrap();
        Witness::new("w.example", key).unwrap()
    }

    /// An entry of the bundle, with a proof or the promise alone.
    fn entry(&self, proof: bool) -> Value {
        let body = json!({"apiVersion": "0.0.1", "kind": "hashedrekord", "spec": {
            "data": {"hash": {"algorithm": "sha256", "value": hex(&sha256(ARTIFACT))}},
            "signature": {"content": b64(&self.signature), "publicKey": {"content": b64(self.key.pem())}},
        }});
        self.world.enter(&body, SIGNED).in_bundle(proof)
    }

    fn cosigned(&self, mut entry: Value) -> Value {
        let text = entry["inclusionProof"]["checkpoint"]["envelope"].as_str().unwrap().to_owned();
        let (body, _) = text.rsplit_once("\n\n").unwrap();
        let signature = self.witness.sign(format!("cosignature/v1\ntime {SIGNED}\n{body}\n").as_bytes());
        let id = sha256(&[b"w.example\n\x04", self.witness.public_key().as_ref()].concat());
        let line = [&id[..4], &SIGNED.to_be_bytes(), signature.as_ref()].concat();
        entry["inclusionProof"]["checkpoint"]["envelope"] = json!(format!("{text}\u{2014} w.example {}\n", b64(line)));
        entry
    }

    fn judge(&self, version: &str, entries: &[Value], log: LogRequirement) -> Result<Vec<String>, VerifyError> {
        let bundle = json!({
            "mediaType": format!("application/vnd.dev.sigstore.bundle+json;version={version}"),
            "verificationMaterial": {"publicKey": {"hint": ""}, "tlogEntries": entries},
            "messageSignature": {
                "messageDigest": {"algorithm": "SHA2_256", "digest": b64(sha256(ARTIFACT))},
                "signature": b64(&self.signature),
            },
        });
        let evidence = Evidence::bundle(bundle.to_string().as_bytes()).unwrap();
        let requirements = Requirements { log, ..Requirements::keys(vec![TrustedKey::always(self.key.public())]) };
        let root = self.world.trusted();
        // Without the demand, all of them pass.
        verify(&evidence, Artifact::Bytes(ARTIFACT), &root, &requirements, now()).unwrap();
        let root = root.with_witnesses(Witnesses::new(vec![self.named()], 1).unwrap());
        let verified = verify(&evidence, Artifact::Bytes(ARTIFACT), &root, &requirements, now())?;
        let said = verified.report.iter().filter(|checked| checked.check == Check::Witnesses);
        Ok(said
            .map(|checked| match &checked.outcome {
                Outcome::Passed(what) => what.clone(),
                Outcome::NotChecked(why) => panic!("{why}"),
            })
            .collect())
    }

    #[track_caller]
    fn refused(&self, version: &str, entries: &[Value], log: LogRequirement, why: &str) {
        let refusal = self.judge(version, entries, log).unwrap_err();
        assert!(refusal.check == Check::Witnesses && refusal.found.contains(why), "{refusal}");
    }
}

#[test]
fn every_entry_needs_its_witnesses() {
    let scene = Scene::new();
    let one = LogRequirement::AtLeast(1);
    let good = scene.cosigned(scene.entry(true));
    assert_eq!(scene.judge("0.3", std::slice::from_ref(&good), one).unwrap(), ["w.example"]);
    scene.refused("0.3", &[scene.entry(true)], one, "none");
    // One that nobody saw beside one that somebody did.
    scene.refused("0.3", &[good.clone(), scene.entry(true)], one, "none");
    // A promise is no tree head; and no entry, or none that is looked at, is none that somebody saw.
    scene.refused("0.1", &[scene.entry(false)], one, "no tree head");
    scene.refused("0.3", &[], LogRequirement::AtLeast(0), "no log entry");
    scene.refused("0.3", &[good], LogRequirement::InsecureIgnored, "not asked for");
}
