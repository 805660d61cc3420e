//! Tree heads that witnesses cosigned: demanded by verifier keys on the command line, never by what the evidence says.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use signet_authority::{KeyKind, SigningKey};
use signet_model::{Digest, Timestamp};

use crate::keyless::Scene;

struct Witness {
    name: &'static str,
    key: SigningKey,
}

impl Witness {
    fn new(name: &'static str) -> Witness {
        Witness { name, key: SigningKey::generate(KeyKind::Ed25519).unwrap() }
    }

    fn raw(&self) -> &[u8] {
        &self.key.spki()[12..]
    }

    fn id(&self) -> Vec<u8> {
        Digest::sha256(&[self.name.as_bytes(), b"\n\x04", self.raw()].concat()).as_bytes()[..4].to_vec()
    }

    /// C2SP `signed-note`, "Verifier keys".
    fn vkey(&self) -> String {
        let id: String = self.id().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{}+{id}+{}", self.name, STANDARD.encode([&[4], self.raw()].concat()))
    }

    /// The checkpoint with a cosignature (C2SP `tlog-cosignature`).
    fn cosigned(&self, checkpoint: &str, time: i64) -> String {
        let (body, _) = checkpoint.rsplit_once("\n\n").unwrap();
        let signature = self.key.sign(format!("cosignature/v1\ntime {time}\n{body}\n").as_bytes()).unwrap();
        let line = [&self.id()[..], &time.to_be_bytes(), &signature].concat();
        format!("{checkpoint}\u{2014} {} {}\n", self.name, STANDARD.encode(line))
    }
}

#[test]
fn so_many_witnesses_as_are_demanded() {
    const CHECKPOINT: &str = "/verificationMaterial/tlogEntries/0/inclusionProof/checkpoint/envelope";
    let scene = Scene::new();
    scene.run("sign-blob --yes --identity-token token --bundle b.json app.bin", 0, &[]);
    let (one, two, stranger) =
        (Witness::new("one.example/w"), Witness::new("two.example/w"), Witness::new("x.example/w"));
    let time = Timestamp::try_from(std::time::SystemTime::now()).unwrap().as_second();
    let bundle = scene.room.json("b.json");
    let checkpoint = bundle.pointer(CHECKPOINT).unwrap().as_str().unwrap().to_owned();
    let write = |name: &str, checkpoint: &str| {
        let mut bundle = bundle.clone();
        *bundle.pointer_mut(CHECKPOINT).unwrap() = json!(checkpoint);
        scene.room.file(name, &bundle.to_string());
    };
    write("both.json", &two.cosigned(&one.cosigned(&checkpoint, time), time));
    write("twice.json", &one.cosigned(&one.cosigned(&checkpoint, time), time - 1));
    write("strange.json", &stranger.cosigned(&one.cosigned(&checkpoint, time), time));
    write("later.json", &two.cosigned(&one.cosigned(&checkpoint, time), time + 3600));
    let ask = |bundle: &str, more: &str, code: i32, needles: &[&str]| {
        let line = format!("verify-blob --bundle {bundle} {} {more} app.bin", scene.person());
        scene.run(&line, code, needles)
    };
    let all = format!("--witness {} --witness {}", one.vkey(), two.vkey());
    ask("both.json", &all, 0, &["witnesses of the log", "one.example/w, two.example/w", "second verifier"]);
    let short = "a tree head that 2 of 2 witnesses cosigned";
    ask("b.json", &all, 12, &[short, "found        none"]);
    ask("twice.json", &all, 12, &[short, "found        1: one.example/w\n"]);
    ask("strange.json", &all, 12, &[short, "found        1: one.example/w\n"]);
    ask("later.json", &all, 12, &[short, "found        1: one.example/w\n"]);
    ask("strange.json", &format!("{all} --witness-threshold 1"), 0, &["one.example/w"]);
    // Nobody is a witness by what the evidence says, and without a demand nothing is said of them.
    assert!(!ask("both.json", "", 0, &[]).out.contains("witnesses"));
    // Also under Cosign's name.
    let line = format!("cosign verify-blob --bundle both.json {} {all} app.bin", scene.person());
    scene.run(&line, 0, &["Verified OK"]);
    scene.run(&line.replace("both.json", "b.json"), 1, &["witnesses of the log"]);
    // Demands that cannot be meant.
    ask("both.json", &format!("{all} --witness-threshold 3"), 2, &["3 of 2 witnesses"]);
    ask("both.json", &format!("{all} --witness-threshold 0"), 2, &["0 of 2 witnesses"]);
    ask("both.json", "--witness-threshold 1", 2, &["--witness"]);
    ask("both.json", &format!("{all} --insecure-ignore-tlog"), 2, &["--insecure-ignore-tlog"]);
    ask("both.json", &format!("--witness {}", one.vkey().replace("one.", "two.")), 2, &["key ID"]);
    ask("both.json", &format!("{all} --witness {}", one.vkey()), 2, &["named twice"]);
}
