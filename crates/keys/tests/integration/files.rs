//! Key files on disk.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::Command;

use signet_keys::{
    Existing, GitView, KeyType, PrivateKey, SecretBytes, git_view, open, public_key, write_private, write_public,
};

use crate::harness::{check_signer, context, tool, wait};

#[test]
fn keys_go_to_a_file_and_come_back() {
    let room = tempfile::tempdir().unwrap();
    let (private, public) = (room.path().join("k.key"), room.path().join("k.pub"));
    let key = PrivateKey::generate(KeyType::EcdsaP256).unwrap();
    let pem = key.seal(&SecretBytes::new("sesame")).unwrap();
    assert!(pem.starts_with("-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n"), "{}", &pem[..60]);
    write_private(&private, pem.as_bytes(), Existing::Keep).unwrap();
    write_public(&public, key.public_key().to_pem().as_bytes(), Existing::Keep).unwrap();
    let mode = |path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&private), mode(&public)), (0o600, 0o644));
    let context = context(&[("KEY", &pem)]);
    let opened = wait(open(private.to_str().unwrap(), &context)).unwrap();
    assert_eq!(opened.public_key(), key.public_key());
    check_signer(&*opened);
    for uri in [private.to_str().unwrap(), public.to_str().unwrap(), "env://KEY"] {
        assert_eq!(&wait(public_key(uri, &context)).unwrap(), key.public_key(), "{uri}");
    }
    assert_eq!(std::fs::read_dir(room.path()).unwrap().count(), 2, "no temporary file stays");
}

#[test]
fn nothing_is_overwritten_or_written_through_a_link() {
    let room = tempfile::tempdir().unwrap();
    let place = |name: &str| room.path().join(name);
    std::fs::write(place("there"), "old").unwrap();
    let err = write_private(&place("there"), b"new", Existing::Keep).unwrap_err();
    assert!(err.what.contains("already"), "{err}");
    assert_eq!(std::fs::read_to_string(place("there")).unwrap(), "old");
    write_private(&place("there"), b"new", Existing::Replace).unwrap();
    assert_eq!(std::fs::read_to_string(place("there")).unwrap(), "new");
    assert_eq!(std::fs::metadata(place("there")).unwrap().permissions().mode() & 0o777, 0o600);
    // A link to a file, and one to nothing: neither is followed, nor is the file made where it leads.
    symlink(place("there"), place("link")).unwrap();
    symlink(place("nowhere"), place("dangling")).unwrap();
    for (name, existing) in [
        ("link", Existing::Replace),
        ("link", Existing::Keep),
        ("dangling", Existing::Keep),
        ("dangling", Existing::Replace),
    ] {
        let err = write_private(&place(name), b"evil", existing).unwrap_err();
        assert!(err.what.contains("link"), "{err}");
    }
    assert_eq!(std::fs::read_to_string(place("there")).unwrap(), "new");
    assert!(!place("nowhere").exists());
    assert!(write_private(room.path(), b"x", Existing::Replace).unwrap_err().what.contains("something else"));
    assert!(write_private(&place("no/folder/k"), b"x", Existing::Keep).is_err());
}

#[test]
fn wrong_passwords_and_files_are_named_and_not_quoted() {
    let room = tempfile::tempdir().unwrap();
    let place = room.path().join("k");
    let key = PrivateKey::generate(KeyType::EcdsaP256).unwrap();
    std::fs::write(&place, key.seal(&SecretBytes::new("another")).unwrap().as_bytes()).unwrap();
    let context = context(&[]);
    let refused = |why: &str| {
        let err = wait(open(place.to_str().unwrap(), &context)).map(|_| ()).unwrap_err();
        assert!(err.explain().contains(why), "{}", err.explain());
        assert!(!err.explain().contains("sesame") && !err.explain().contains("c2Vz"), "{}", err.explain());
    };
    refused("the password is wrong");
    for (content, why) in [
        ("sesame", "no line `-----BEGIN"),
        ("-----BEGIN PRIVATE KEY-----\nsesame\n", "END"),
        ("-----BEGIN PRIVATE KEY-----\nsesame!\n-----END PRIVATE KEY-----\n", "no base64"),
        ("-----BEGIN PRIVATE KEY-----\nc2VzYW1l\n-----END PRIVATE KEY-----\n", "damaged"),
        (
            "-----BEGIN ENCRYPTED COSIGN PRIVATE KEY-----\nc2VzYW1l\n-----END ENCRYPTED COSIGN PRIVATE KEY-----\n",
            "JSON",
        ),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nc2VzYW1l\n-----END OPENSSH PRIVATE KEY-----\n", "OpenSSH"),
        ("-----BEGIN CERTIFICATE-----\nc2VzYW1l\n-----END CERTIFICATE-----\n", "certificate"),
        (
            "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: x\n\nc2VzYW1l\n-----END RSA PRIVATE KEY-----\n",
            "old way",
        ),
    ] {
        std::fs::write(&place, content).unwrap();
        refused(why);
    }
    std::fs::write(&place, vec![b'x'; 70_000]).unwrap();
    refused("larger than");
    std::fs::remove_file(&place).unwrap();
    refused("no such file");
}

#[test]
fn git_would_take_what_is_not_ignored() {
    if !tool("git") {
        return;
    }
    let room = tempfile::tempdir().unwrap();
    let inside = room.path().join("tree/deep");
    std::fs::create_dir_all(&inside).unwrap();
    assert_eq!(git_view(&inside.join("k.key")), GitView::Outside);
    let git = |args: &[&str]| {
        let run = Command::new("git").current_dir(room.path().join("tree")).args(args).output().unwrap();
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    };
    git(&["init", "-q"]);
    let takes = |path: &str| matches!(git_view(&room.path().join("tree").join(path)), GitView::WouldTake(_));
    assert!(takes("k.key") && takes("deep/k.key"));
    std::fs::write(room.path().join("tree/.gitignore"), "*.key\n!kept.key\n").unwrap();
    assert!(!takes("k.key") && !takes("deep/k.key"));
    assert!(takes("kept.key") && takes("deep/k.pem"));
    // Tracked already: an ignore rule does nothing for it.
    std::fs::write(room.path().join("tree/old.key"), "x").unwrap();
    git(&["add", "-f", "old.key"]);
    assert!(takes("old.key"));
    // A broken repository is no reason to write.
    std::fs::write(room.path().join("tree/.git/HEAD"), "").unwrap();
    assert!(takes("k.key"));
}
