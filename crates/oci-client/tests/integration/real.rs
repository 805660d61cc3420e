//! Against Debian's `docker-registry` and `skopeo`, on loopback. Skipped, and saying so, where they are missing; `SIGNET_REQUIRE_PEERS=1` makes that a failure.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use signet_model::{Digest, ImageRef};
use signet_oci_client::{
    BlobSource, BlockingClient, ClientOptions, CredentialConfig, ErrorKind, PlatformChoice, Pushed, Secret, media_type,
};

use crate::standin::{manifest, noise};

pub(crate) struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A registry of our own with its storage in `folder`; `None` where there is no such program.
fn start(folder: &Path) -> Option<(Running, String)> {
    start_with(folder, "", "")
}

/// `http` is added to that section of the registry's configuration, `more` at its end.
pub(crate) fn start_with(folder: &Path, http: &str, more: &str) -> Option<(Running, String)> {
    let there = |program: &str| {
        Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
    };
    if !there("docker-registry") || !there("skopeo") {
        assert!(std::env::var_os("SIGNET_REQUIRE_PEERS").is_none(), "docker-registry and skopeo are required here");
        eprintln!("SKIPPED: docker-registry or skopeo is not installed");
        return None;
    }
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let host = format!("127.0.0.1:{port}");
    let config = folder.join("config.yml");
    let text = format!(
        "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}, delete: {{enabled: true}}}}\nhttp: {{addr: '{host}'{http}}}\n{more}\n",
        folder.join("data").display()
    );
    std::fs::write(&config, text).unwrap();
    let child = Command::new("docker-registry")
        .arg("serve")
        .arg(&config)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let running = Running(child);
    for _ in 0..100 {
        if std::net::TcpStream::connect(&host).is_ok() {
            return Some((running, host));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("docker-registry did not start");
}

pub(crate) fn client() -> BlockingClient {
    let options = ClientOptions { retries: 1, first_pause: Duration::from_millis(10), ..Default::default() };
    BlockingClient::new(options, CredentialConfig::default()).unwrap()
}

#[test]
fn pushed_and_pulled() {
    let folder = tempfile::tempdir().unwrap();
    let Some((_running, host)) = start(folder.path()) else { return };
    let client = client();
    let reference: ImageRef = format!("{host}/team/app:1").parse().unwrap();

    let config = br#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}"#;
    let layer = noise(20_000_000);
    for blob in [&config[..], &layer] {
        let digest = Digest::sha256(blob);
        let mut stream = blob;
        let pushed =
            client.push_blob(&reference, &digest, blob.len() as u64, None, BlobSource::Stream(&mut stream)).unwrap();
        assert_eq!(pushed, Pushed::Uploaded);
        let again = client.push_blob(
            &reference,
            &digest,
            blob.len() as u64,
            None,
            BlobSource::Bytes(Bytes::from(blob.to_vec())),
        );
        assert_eq!(again.unwrap(), Pushed::AlreadyThere);
    }
    let neighbour: ImageRef = format!("{host}/team/other").parse().unwrap();
    let digest = Digest::sha256(&layer);
    let mounted =
        client.push_blob(&neighbour, &digest, layer.len() as u64, Some("team/app"), BlobSource::Bytes(Bytes::new()));
    assert_eq!(mounted.unwrap(), Pushed::Mounted);
    let lie =
        client.push_blob(&neighbour, &Digest::sha256(b"lie"), 3, None, BlobSource::Bytes(Bytes::from_static(b"LIE")));
    assert_eq!(lie.unwrap_err().kind, ErrorKind::DigestMismatch);

    let text = manifest(config, &[&layer]);
    let pushed = client.push_manifest(&reference, media_type::OCI_MANIFEST, Bytes::from(text.clone())).unwrap();
    assert_eq!(pushed, Digest::sha256(text.as_bytes()));
    let resolved = client.resolve(&reference, &PlatformChoice::host()).unwrap();
    assert_eq!(resolved.manifest.digest, pushed);
    assert_eq!(&resolved.manifest.bytes[..], text.as_bytes());
    assert_eq!(client.manifest_head(&reference).unwrap().unwrap().digest, Some(pushed));
    assert_eq!(&client.small_blob(&reference, &Digest::sha256(config), Some(config.len() as u64)).unwrap()[..], config);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut got = Vec::new();
                client.blob(&reference, &digest, Some(layer.len() as u64)).unwrap().read_to_end(&mut got).unwrap();
                assert!(got == layer);
            });
        }
    });
    assert_eq!(client.tags(&reference).unwrap(), ["1"]);
    assert!(client.referrers(&reference, &pushed, None).unwrap().is_empty());
    let missing: ImageRef = format!("{host}/team/app:2").parse().unwrap();
    let err = client.manifest(&missing).unwrap_err();
    assert_eq!(err.kind, ErrorKind::NotFound);
    assert!(err.what.contains("MANIFEST_UNKNOWN"), "{err}");
    assert_eq!(client.manifest_head(&missing).unwrap(), None);

    // What we pushed is an image for another tool as well.
    let copy = folder.path().join("copy");
    let done = Command::new("skopeo")
        .args(["copy", "--quiet", "--src-tls-verify=false"])
        .arg(format!("docker://{reference}"))
        .arg(format!("dir:{}", copy.display()))
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(std::fs::read(copy.join("manifest.json")).unwrap(), text.as_bytes());
}

#[test]
fn an_image_that_skopeo_pushed_is_pulled() {
    let folder = tempfile::tempdir().unwrap();
    let Some((_running, host)) = start(folder.path()) else { return };
    let source = folder.path().join("source");
    std::fs::create_dir(&source).unwrap();
    let config = br#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}"#;
    let text = manifest(config, &[]);
    let put = |name: &str, bytes: &[u8]| std::fs::File::create(source.join(name)).unwrap().write_all(bytes).unwrap();
    put("version", b"Directory Transport Version: 1.1\n");
    put("manifest.json", text.as_bytes());
    put(&Digest::sha256(config).hex(), config);
    let done = Command::new("skopeo")
        .args(["copy", "--quiet", "--dest-tls-verify=false"])
        .arg(format!("dir:{}", source.display()))
        .arg(format!("docker://{host}/by/skopeo:v"))
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let reference: ImageRef = format!("{host}/by/skopeo:v").parse().unwrap();
    let resolved = client().resolve(&reference, &PlatformChoice::host()).unwrap();
    assert_eq!(resolved.image.config.digest, Digest::sha256(config));
    assert_eq!(&client().small_blob(&reference, &resolved.image.config.digest, None).unwrap()[..], config);
}

/// With TLS under a certificate authority of our own, and a password.
#[test]
fn a_guarded_registry_over_tls() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=test",
        ])
        .args(["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE", "-keyout"])
        .arg(at("key.pem"))
        .arg("-out")
        .arg(at("cert.pem"))
        .stderr(Stdio::null())
        .status();
    if !made.is_ok_and(|status| status.success()) {
        assert!(std::env::var_os("SIGNET_REQUIRE_PEERS").is_none(), "openssl is required here");
        eprintln!("SKIPPED: openssl is not installed");
        return;
    }
    // user, bcrypt of `pass`
    std::fs::write(at("htpasswd"), "user:$2b$05$tzNpTOD9HCdhsabzYBSiVOJ7eQOnxHCjT/XFA.sRIj3bjCvVkvdre\n").unwrap();
    let tls = format!(", tls: {{certificate: {}, key: {}}}", at("cert.pem").display(), at("key.pem").display());
    let auth = format!("auth: {{htpasswd: {{realm: test, path: {}}}}}", at("htpasswd").display());
    let Some((_running, host)) = start_with(folder.path(), &tls, &auth) else { return };
    let reference: ImageRef = format!("{host}/a:1").parse().unwrap();

    let err = client().manifest(&reference).unwrap_err();
    assert_eq!(err.kind, ErrorKind::Tls, "{err:?}");
    assert!(err.hint.unwrap().contains("certificate authority"));

    let login = at("docker/config.json");
    let open = || {
        let options = ClientOptions {
            retries: 0,
            extra_ca_pem: vec![std::fs::read(at("cert.pem")).unwrap()],
            ..Default::default()
        };
        let config =
            CredentialConfig { files: vec![login.clone()], login_file: Some(login.clone()), ..Default::default() };
        BlockingClient::new(options, config).unwrap()
    };
    let client = open();
    assert_eq!(client.manifest(&reference).unwrap_err().kind, ErrorKind::Unauthorized);
    assert_eq!(client.login(&host, "user", &Secret::new("wrong")).unwrap_err().kind, ErrorKind::Unauthorized);
    client.login(&host, "user", &Secret::new("pass")).unwrap();
    let config = b"{}";
    let digest = Digest::sha256(config);
    let source = BlobSource::Bytes(Bytes::from_static(config));
    assert_eq!(open().push_blob(&reference, &digest, 2, None, source).unwrap(), Pushed::Uploaded);
    assert_eq!(&client.small_blob(&reference, &digest, Some(2)).unwrap()[..], config);

    let insecure = ClientOptions { dangerously_skip_tls_verification: true, retries: 0, ..Default::default() };
    let config = CredentialConfig { files: vec![login.clone()], ..Default::default() };
    let insecure = BlockingClient::new(insecure, config).unwrap();
    assert_eq!(insecure.manifest(&reference).unwrap_err().kind, ErrorKind::NotFound);
}
