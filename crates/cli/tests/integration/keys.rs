//! `signet key`, and the same under Cosign's name.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::Command;

use crate::harness::{Room, Run};

/// The program with variables.
fn run(room: &Room, line: &str, variables: &[(&str, &str)]) -> Run {
    let output = room.command(line).envs(variables.iter().copied()).output().unwrap();
    Run::new(line, output.status.code().unwrap_or(-1), output.stdout, output.stderr)
}

const PASSWORD: (&str, &str) = ("COSIGN_PASSWORD", "sesame");

#[test]
fn a_key_pair_is_made_and_tells_its_public_half() {
    let room = Room::new();
    let made = run(&room, "key generate release", &[PASSWORD]);
    assert_eq!((made.code, made.out.as_str()), (0, ""), "{made}");
    assert_eq!(made.talk, "private key written to `release.key`\npublic key written to `release.pub`\n");
    assert_eq!(std::fs::metadata(room.path("release.key")).unwrap().permissions().mode() & 0o777, 0o600);
    let public = room.read("release.pub");
    for line in ["key public release.key", "key public release.pub"] {
        let told = run(&room, line, &[("SIGNET_KEY_PASSWORD", "sesame")]);
        assert_eq!((told.code, &told.out), (0, &public), "{told}");
    }
    room.file("password", "sesame\n");
    assert_eq!(room.check("key public release.key --password-file password", 0, &[]).out, public);
    let wrong = run(&room, "key public release.key", &[("COSIGN_PASSWORD", "sesame-wrong")]);
    assert_eq!(wrong.code, 1);
    assert!(wrong.talk.contains("the password is wrong") && wrong.talk.contains("hint: "), "{wrong}");
    assert!(!wrong.talk.contains("sesame"), "{wrong}");
    let again = run(&room, "key generate release", &[PASSWORD]);
    assert!(again.code == 1 && again.talk.contains("is there already"), "{again}");
    assert_eq!(room.read("release.pub"), public);
    room.check("key generate other --algorithm rsa-1", 2, &["ecdsa-p256"]);
    // Standard input is empty here, which says nothing; a variable that is set to nothing does.
    room.check("key generate empty --algorithm ed25519", 1, &["there is no password for the key"]);
    let empty = run(&room, "key generate empty --algorithm ed25519", &[("SIGNET_KEY_PASSWORD", "")]);
    assert!(empty.code == 0 && empty.talk.contains("warning: the key has an empty password"), "{empty}");
}

#[test]
fn a_key_is_not_made_where_git_would_take_it() {
    let room = Room::new();
    let git =
        |args: &[&str]| assert!(Command::new("git").current_dir(room.folder()).args(args).status().unwrap().success());
    git(&["init", "-q"]);
    let made = |name: &str, path: &str| run(&room, &format!("key generate {name}"), &[PASSWORD, ("PATH", path)]);
    let path = std::env::var("PATH").unwrap();
    // With Git, which knows all its rules, and without, where only a plain line counts.
    for (place, path, why) in
        [("a", path.as_str(), "does not ignore it"), ("b", "/nowhere", "there is no `git` to ask")]
    {
        room.file(".gitignore", "");
        let refused = made(place, path);
        assert_eq!(refused.code, 1, "{refused}");
        for needle in [why, "is not written to", ".gitignore"] {
            assert!(refused.talk.contains(needle), "{refused}");
        }
        assert!(!room.path(&format!("{place}.key")).exists() && !room.path(&format!("{place}.pub")).exists());
        room.file(".gitignore", "*.key\n");
        let fine = made(place, path);
        assert_eq!(fine.code, 0, "{fine}");
    }
    room.file(".gitignore", "*.key\n!x\n");
    assert_eq!(made("c", &path).code, 0);
    assert_eq!(made("d", "/nowhere").code, 1, "a line takes something back, and nobody is there to tell what");
    assert_eq!(made("d --dangerously-in-git", "/nowhere").code, 0);
    // Another repository, which ignores everything, has no say in this one.
    room.file(".gitignore", "");
    room.file("other/.git/info/exclude", "*\n");
    git(&["init", "-q", "other"]);
    room.file("other/.git/info/exclude", "*\n");
    let other = room.path("other/.git");
    let environment = [PASSWORD, ("PATH", path.as_str()), ("GIT_DIR", other.to_str().unwrap())];
    let refused = run(&room, "key generate e", &environment);
    assert!(refused.code == 1 && refused.talk.contains("does not ignore it"), "{refused}");
}

#[test]
fn cosigns_commands_write_cosigns_files_and_lines() {
    let room = Room::new();
    let made = run(&room, "cosign generate-key-pair", &[PASSWORD]);
    assert_eq!((made.code, made.out.as_str()), (0, ""), "{made}");
    assert_eq!(made.talk, "Private key written to cosign.key\nPublic key written to cosign.pub\n");
    assert!(room.read("cosign.key").starts_with("-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n"));
    let public = room.read("cosign.pub");
    assert_eq!(run(&room, "cosign public-key --key cosign.key", &[PASSWORD]).out, public);
    let told = run(&room, "cosign public-key --key cosign.key --outfile out.pub", &[PASSWORD]);
    assert_eq!((told.talk.as_str(), room.read("out.pub")), ("Public key written to out.pub\n", public.clone()));
    // Nobody says yes on an empty standard input.
    let again = run(&room, "cosign generate-key-pair", &[PASSWORD]);
    assert!(again.code == 1 && again.talk.contains("WARNING: File cosign.key already exists. Overwrite?"), "{again}");
    assert_eq!(room.read("cosign.pub"), public);
    let again = run(&room, "cosign generate-key-pair -y", &[PASSWORD]);
    assert_eq!(again.code, 0, "{again}");
    assert_ne!(room.read("cosign.pub"), public);
    let named = run(
        &room,
        "cosign generate-key-pair --output-key-prefix ci --signing-algorithm ecdsa-sha2-384-nistp384",
        &[PASSWORD],
    );
    assert_eq!(named.talk, "Private key written to ci.key\nPublic key written to ci.pub\n");
    let wrong = run(&room, "cosign public-key --key cosign.key", &[("COSIGN_PASSWORD", "")]);
    assert_eq!(wrong.code, 1);
    assert!(wrong.talk.starts_with("Error: ") && wrong.talk.contains("\nerror during command execution: "), "{wrong}");
    for (line, why) in [
        ("cosign generate-key-pair team/app", "could not parse scheme"),
        ("cosign generate-key-pair vault://x/y", "this scheme is not known"),
        ("cosign generate-key-pair env://x", "undefined provider: env"),
        ("cosign generate-key-pair --kms cosign.key", "names no key management service"),
        ("cosign generate-key-pair github://a/b", "gh secret set"),
        ("cosign public-key", "--key"),
    ] {
        let run = run(&room, line, &[PASSWORD]);
        assert!(run.code == 1 && run.talk.contains(why), "{run}");
    }
}

#[test]
fn keys_of_openssl_are_imported_and_the_name_cosign_works() {
    let room = Room::new();
    let path = std::env::var("PATH").unwrap();
    let made = Command::new("openssl")
        .args(["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "theirs.pem"])
        .current_dir(room.folder())
        .output();
    if !made.is_ok_and(|run| run.status.success()) {
        assert!(std::env::var_os("SIGNET_REQUIRE_PEERS").is_none(), "`openssl` is required and not installed");
        println!("skipped: `openssl` is not installed");
        return;
    }
    let imported = run(&room, "cosign import-key-pair --key theirs.pem", &[PASSWORD]);
    assert_eq!(imported.talk, "Private key written to import-cosign.key\nPublic key written to import-cosign.pub\n");
    let theirs = Command::new("openssl")
        .args(["pkey", "-in", "theirs.pem", "-pubout"])
        .current_dir(room.folder())
        .output()
        .unwrap();
    assert_eq!(room.read("import-cosign.pub").as_bytes(), theirs.stdout);
    assert_eq!(run(&room, "key import theirs.pem ours", &[PASSWORD]).code, 0);
    assert_eq!(room.read("ours.pub").as_bytes(), theirs.stdout);
    symlink(env!("CARGO_BIN_EXE_signet"), room.path("cosign")).unwrap();
    let output = Command::new(room.path("cosign"))
        .args(["public-key", "--key", "import-cosign.key"])
        .env_clear()
        .envs([("HOME", "/nowhere"), ("PATH", &*path), PASSWORD])
        .current_dir(room.folder())
        .output()
        .unwrap();
    assert_eq!(output.stdout, theirs.stdout);
}

/// Whatever goes wrong, no output holds the password or a token.
#[test]
fn no_secret_is_printed() {
    let room = Room::new();
    assert_eq!(run(&room, "key generate k", &[PASSWORD]).code, 0);
    let variables = [
        ("COSIGN_PASSWORD", "open-sesame-password"),
        ("VAULT_ADDR", "http://127.0.0.1:9"),
        ("VAULT_TOKEN", "open-sesame-vault"),
        ("GITLAB_TOKEN", "open-sesame-gitlab"),
        ("GITLAB_HOST", "http://127.0.0.1:9"),
        ("AWS_REGION", "eu-1"),
        ("AWS_ACCESS_KEY_ID", "AKID"),
        ("AWS_SECRET_ACCESS_KEY", "open-sesame-aws"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
        ("SIGNET_OFFLINE", "false"),
    ];
    for key in [
        "k.key",
        "hashivault://k",
        "gitlab://a/b",
        "awskms:///alias/k",
        "'pkcs11:object=k?module-path=/no&pin-value=open-sesame-pin'",
    ] {
        let told = run(&room, &format!("--offline key public {key}"), &variables);
        assert_eq!(told.code, 1, "{told}");
        assert!(!format!("{}{}", told.out, told.talk).contains("open-sesame"), "{told}");
    }
}
