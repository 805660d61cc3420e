//! What the log does when it has grown large, and when its files fail or are gone while it runs.

use super::*;
use crate::store::READS;
use crate::text::pem;

const HOST: &str = "rekor.sigstore.test";

fn key() -> SigningKey {
    SigningKey::generate(KeyKind::P256).unwrap()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

/// A request for a `hashedrekord` over this content.
fn request(signer: &SigningKey, content: &[u8]) -> Vec<u8> {
    json!({
        "apiVersion": "0.0.1",
        "kind": "hashedrekord",
        "spec": {
            "data": {"hash": {"algorithm": "sha256", "value": hex(&crate::key::sha256(content))}},
            "signature": {
                "content": b64(signer.sign(content).unwrap()),
                "publicKey": {"content": b64(pem("PUBLIC KEY", signer.spki()).as_bytes())},
            },
        },
    })
    .to_string()
    .into_bytes()
}

fn named_by(signer: &SigningKey) -> Vec<String> {
    vec![entry::signers_name(&b64(pem("PUBLIC KEY", signer.spki()).as_bytes())).unwrap()]
}

#[test]
fn a_search_reads_no_entries() {
    let log = PromisingLog::open(HOST, key(), 0, &Place::Memory).unwrap();
    let (one, other) = (key(), key());
    let mut ids = Vec::new();
    for n in 0..257_u16 {
        ids.push(log.enter(&request(&one, &n.to_be_bytes()), at(1)).unwrap().id);
    }
    ids.push(log.enter(&request(&other, &256_u16.to_be_bytes()), at(1)).unwrap().id);
    let hash = format!("sha256:{}", hex(&crate::key::sha256(&256_u16.to_be_bytes())));
    let (by_one, by_other) = (named_by(&one), named_by(&other));
    let before = READS.get();
    assert_eq!(log.named(&by_one, false, 257).unwrap(), ids[..257]);
    assert_eq!(log.named(&by_one, true, 257).unwrap(), ids[..257]);
    assert_eq!(log.named(&[by_other[0].clone(), hash.clone()], false, 257).unwrap(), ids[256..]);
    assert_eq!(log.named(&[by_one[0].clone(), hash.clone()], true, 1).unwrap(), ids[256..257]);
    assert_eq!(log.named(&[by_one[0].clone(), by_other[0].clone()], true, 0).unwrap(), [""; 0]);
    assert_eq!(log.named(&[by_one[0].clone(), by_other[0].clone()], false, 258).unwrap(), ids);
    // More than is answered is not cut short.
    assert_eq!(log.named(&by_one, false, 256), None);
    assert_eq!(log.named(&by_one, true, 256), None);
    assert_eq!(log.named(&[by_one[0].clone(), by_other[0].clone()], false, 257), None);
    assert_eq!(log.named(&["nobody".to_owned()], false, 0).unwrap(), [""; 0]);
    assert_eq!(READS.get(), before, "files were read");
}

#[test]
fn a_log_is_opened_bundle_by_bundle() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::Directory(folder.path().to_owned());
    let key = key();
    let open = || {
        let key = SigningKey::from_pkcs8(KeyKind::P256, &key.to_pkcs8().unwrap()).unwrap();
        PromisingLog::open(HOST, key, 0, &place)
    };
    let leaves: Vec<Vec<u8>> = (0..600_u32).map(|n| n.to_be_bytes().to_vec()).collect();
    {
        let log = open().unwrap();
        let mut state = log.state.lock();
        for index in [0, 256, 512] {
            let count = 256.min(600 - index) as usize;
            state.tree.attach(&times(index), &7_i64.to_be_bytes().repeat(count)).unwrap();
        }
        let all: Vec<&[u8]> = leaves.iter().map(Vec::as_slice).collect();
        state.tree.append(&all, |size, root| log.signer.sign(size, root)).unwrap();
    }
    let before = READS.get();
    let log = open().unwrap();
    // The checkpoint and the right edge; of each bundle the entries and the times.
    assert!(READS.get() - before <= 20, "{} files were read", READS.get() - before);
    let state = log.state.lock();
    let hashes: Vec<Hash> = leaves.iter().map(|leaf| leaf_hash(leaf)).collect();
    assert_eq!(state.hashes, hashes);
    assert_eq!(state.known, hashes.into_iter().zip(0_u64..).collect());
    drop(state);
    drop(log);
    // An entry or a time that is gone, in the middle as at the end.
    for name in ["tile/entries/000", "tile/entries/001", "times/000", "times/002"] {
        let path = folder.path().join(name);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        let err = open().map(|_| ()).unwrap_err();
        assert!(matches!(err, Error::Damaged { .. }), "{name}: {err}");
        std::fs::write(&path, whole).unwrap();
    }
    open().unwrap();
}

#[test]
fn a_time_that_may_be_committed_is_not_written_again() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::Directory(folder.path().to_owned());
    let kept = key().to_pkcs8().unwrap();
    let open = || PromisingLog::open(HOST, SigningKey::from_pkcs8(KeyKind::P256, &kept).unwrap(), 0, &place).unwrap();
    let log = open();
    let signer = key();
    log.enter(&request(&signer, b"first"), at(1)).unwrap();
    // The checkpoint of the second cannot be written.
    let path = folder.path().join(crate::tree::CHECKPOINT);
    let checkpoint = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir_all(path.join("x")).unwrap();
    log.enter(&request(&signer, b"second"), at(2)).unwrap_err();
    std::fs::remove_dir_all(&path).unwrap();
    std::fs::write(&path, &checkpoint).unwrap();
    let times = || std::fs::read(folder.path().join("times/000")).unwrap();
    assert_eq!(times(), [1_i64.to_be_bytes(), 2_i64.to_be_bytes()].concat());
    // It may have been, with its time; so nobody else's time is put there.
    for content in [b"second".as_slice(), b"third"] {
        assert_eq!(log.enter(&request(&signer, content), at(3)).unwrap_err().code, crate::error::Code::Internal);
        assert_eq!(times(), [1_i64.to_be_bytes(), 2_i64.to_be_bytes()].concat());
    }
    drop(log);
    // Opened again, the log is that of its checkpoint, and the time that nothing covers is gone.
    let log = open();
    log.enter(&request(&signer, b"third"), at(4)).unwrap();
    assert_eq!(times(), [1_i64.to_be_bytes(), 4_i64.to_be_bytes()].concat());
}

#[test]
fn times_that_are_gone_while_the_log_runs_are_not_made_up() {
    let log = PromisingLog::open(HOST, key(), 0, &Place::Memory).unwrap();
    let signer = key();
    for n in 0..3_u8 {
        log.enter(&request(&signer, &[n]), at(i64::from(n) + 1)).unwrap();
    }
    let (file, checkpoint) = (times(0), log.checkpoint());
    let whole = log.state.lock().tree.attached(&file).unwrap().unwrap();
    assert_eq!(whole.len(), 3 * TIME);
    for kept in [&whole[..0], &whole[..TIME], &whole[..3 * TIME - 1]] {
        log.state.lock().tree.attach(&file, kept).unwrap();
        assert_eq!(log.enter(&request(&signer, b"more"), at(9)).unwrap_err().code, crate::error::Code::Internal);
        assert_eq!(log.checkpoint(), checkpoint, "the log has grown");
        assert_eq!(log.state.lock().tree.attached(&file).unwrap().unwrap(), kept);
    }
    log.state.lock().tree.attach(&file, &whole).unwrap();
    log.enter(&request(&signer, b"more"), at(9)).unwrap();
    assert_eq!(log.at(0).unwrap().unwrap().as_object().unwrap().values().next().unwrap()["integratedTime"], 1);
}
