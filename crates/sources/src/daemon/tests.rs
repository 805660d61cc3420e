use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use signet_model::{Digest, Platform};
use signet_oci_client::PlatformChoice;

use super::tar::Members;
use super::*;

/// A member as ustar writes it.
fn member(name: &str, kind: u8, link: &str, content: &[u8]) -> Vec<u8> {
    let mut header = [0u8; 512];
    header[..name.len()].copy_from_slice(name.as_bytes());
    header[100..108].copy_from_slice(b"0000644\0");
    header[124..136].copy_from_slice(format!("{:011o}\0", content.len()).as_bytes());
    header[148..156].fill(b' ');
    header[156] = kind;
    header[157..157 + link.len()].copy_from_slice(link.as_bytes());
    header[257..265].copy_from_slice(b"ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    let mut bytes = header.to_vec();
    bytes.extend_from_slice(content);
    bytes.resize(bytes.len().div_ceil(512) * 512, 0);
    bytes
}

fn tar(members: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = members.concat();
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

fn file(name: &str, content: &[u8]) -> Vec<u8> {
    member(name, b'0', "", content)
}

fn config(layers: &[&[u8]]) -> String {
    let ids: Vec<String> = layers.iter().map(|layer| format!("\"{}\"", Digest::sha256(layer))).collect();
    format!(r#"{{"os":"linux","architecture":"amd64","rootfs":{{"type":"layers","diff_ids":[{}]}}}}"#, ids.join(","))
}

const ONE: &[u8] = b"layer one";
const TWO: &[u8] = b"layer two, longer";

/// As `docker save` wrote it for years: layers first, the third a link to the first, description at the end.
fn docker_archive() -> (Vec<u8>, String) {
    let config = config(&[ONE, TWO, ONE]);
    let name = format!("{}.json", Digest::sha256(config.as_bytes()).hex());
    let manifest =
        format!(r#"[{{"Config":"{name}","RepoTags":["app:1"],"Layers":["a/layer.tar","b/layer.tar","c/layer.tar"]}}]"#);
    let archive = tar(&[
        member("a/", b'5', "", b""),
        file("a/layer.tar", ONE),
        file("b/layer.tar", TWO),
        member("c/layer.tar", b'2', "../a/layer.tar", b""),
        file(&name, config.as_bytes()),
        file("manifest.json", manifest.as_bytes()),
    ]);
    (archive, config)
}

struct Fixed {
    archive: Vec<u8>,
    started: Arc<AtomicUsize>,
}

impl Export for Fixed {
    fn start(&self) -> Result<Box<dyn Read + Send>, SourceError> {
        self.started.fetch_add(1, Ordering::Relaxed);
        Ok(Box::new(std::io::Cursor::new(self.archive.clone())))
    }
}

fn open(archive: Vec<u8>, id: Option<Digest>) -> (Result<DaemonImage, SourceError>, Arc<AtomicUsize>) {
    let started = Arc::new(AtomicUsize::new(0));
    let export = Fixed { archive, started: Arc::clone(&started) };
    let named = Named { id, ..Named::default() };
    (DaemonImage::read("app:1", Box::new(export), named, &PlatformChoice::host()), started)
}

fn content(image: &DaemonImage, layer: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    image.open_layer(layer).unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

#[test]
fn layers_in_their_order_need_one_more_stream() {
    let (archive, config) = docker_archive();
    let (image, started) = open(archive, Some(Digest::sha256(config.as_bytes())));
    let image = image.unwrap();
    assert_eq!(image.info().config, config.as_bytes());
    assert_eq!(image.info().manifest_digest, None);
    assert_eq!(image.info().tags[0].familiar(), "app:1");
    assert_eq!(image.info().layers[1].diff_id, Digest::sha256(TWO));
    assert_eq!(image.info().layers[1].size, TWO.len() as u64);
    assert_eq!((content(&image, 0), content(&image, 1)), (ONE.to_vec(), TWO.to_vec()));
    assert_eq!(started.load(Ordering::Relaxed), 2, "one to survey, one for both layers");
    assert_eq!(content(&image, 2), ONE, "through the link, on a new stream");
    assert_eq!(started.load(Ordering::Relaxed), 3);
    let mut half = image.open_layer(1).unwrap();
    half.read_exact(&mut [0; 3]).unwrap();
    assert_eq!(content(&image, 1), TWO, "while another reader stands in the middle");
    assert_eq!(image.open_layer(3).err().unwrap().kind, SourceErrorKind::NotFound);
}

#[test]
fn an_oci_shaped_export_tells_its_manifest() {
    let config = config(&[ONE]);
    let blob = |bytes: &[u8]| file(&format!("blobs/sha256/{}", Digest::sha256(bytes).hex()), bytes);
    let (config_digest, layer_digest) = (Digest::sha256(config.as_bytes()), Digest::sha256(ONE));
    let manifest = format!(
        r#"{{"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{{"digest":"{config_digest}"}},"layers":[]}}"#
    );
    let manifest_digest = Digest::sha256(manifest.as_bytes());
    let inner = format!(r#"{{"manifests":[{{"digest":"{manifest_digest}"}}]}}"#);
    let index_digest = Digest::sha256(inner.as_bytes());
    let index = |digest: &Digest| format!(r#"{{"manifests":[{{"digest":"{digest}"}}]}}"#);
    let docker = format!(
        r#"[{{"Config":"blobs/sha256/{}","RepoTags":null,"Layers":["blobs/sha256/{}"]}}]"#,
        config_digest.hex(),
        layer_digest.hex()
    );
    let archive = |target: &Digest| {
        tar(&[
            blob(ONE),
            blob(config.as_bytes()),
            blob(manifest.as_bytes()),
            blob(inner.as_bytes()),
            file("index.json", index(target).as_bytes()),
            file("manifest.json", docker.as_bytes()),
        ])
    };
    let info = |target: &Digest, id| open(archive(target), id).0.map(|image| image.info().clone());
    let direct = info(&manifest_digest, None).unwrap();
    assert_eq!((direct.manifest_digest, direct.index_digest), (Some(manifest_digest), None));
    assert_eq!(direct.layers[0].digest, Some(layer_digest));
    let through = info(&index_digest, Some(index_digest)).unwrap();
    assert_eq!((through.manifest_digest, through.index_digest), (Some(manifest_digest), Some(index_digest)));
    let other = info(&index_digest, Some(Digest::sha256(b"another image"))).unwrap_err();
    assert_eq!(other.kind, SourceErrorKind::Malformed);
    assert!(other.doing.contains("another image than it named"), "{}", other.doing);
}

#[test]
fn another_platform_is_not_taken_for_the_one_asked_for() {
    let (archive, _) = docker_archive();
    let export = Fixed { archive, started: Arc::default() };
    let arm = Platform { os: "linux".into(), architecture: "arm64".into(), variant: None };
    let err = DaemonImage::read("a", Box::new(export), Named::default(), &PlatformChoice::Exactly(arm)).unwrap_err();
    assert_eq!(err.kind, SourceErrorKind::NotFound);
    assert!(err.doing.contains("linux/amd64"), "{}", err.doing);
}

#[test]
fn broken_exports_are_errors() {
    let (archive, config) = docker_archive();
    let id = Some(Digest::sha256(config.as_bytes()));
    for cut in [0, 100, 600, archive.len() - 1024, archive.len() - 1500] {
        assert!(open(archive[..cut].to_vec(), id).0.is_err(), "{cut}");
    }
    let mut wrong = archive.clone();
    wrong[0] ^= 1;
    assert_eq!(open(wrong, id).0.unwrap_err().kind, SourceErrorKind::Malformed);
    for members in [
        vec![file("x", b"")],
        vec![file("manifest.json", b"[]")],
        vec![file("manifest.json", b"{")],
        vec![file("manifest.json", br#"[{"Config":"gone.json","Layers":[]}]"#)],
        vec![file("manifest.json", br#"[{"Config":"c.json","Layers":["gone"]}]"#), file("c.json", config.as_bytes())],
    ] {
        assert!(open(tar(&members), None).0.is_err());
    }
    // Links that go round lead to nothing, and end.
    let members = [
        file("manifest.json", br#"[{"Config":"c.json","Layers":["a"]}]"#),
        file("c.json", self::config(&[ONE]).as_bytes()),
        member("a", b'2', "b", b""),
        member("b", b'2', "a", b""),
    ];
    assert!(open(tar(&members), None).0.is_err());
}

#[test]
fn long_names_and_large_sizes_are_read() {
    let long = "d/".repeat(80) + "name";
    let record = format!("path={long}\n");
    let pax = format!("{} {record}", record.len() + 4);
    let mut gnu = member("x", b'0', "", b"abc");
    gnu[124..136].copy_from_slice(&[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3]);
    gnu[148..156].fill(b' ');
    let sum: u32 = gnu[..512].iter().map(|byte| u32::from(*byte)).sum();
    gnu[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    let archive = tar(&[
        member("pax", b'x', "", pax.as_bytes()),
        file("short", b"1"),
        member("././@LongLink", b'L', "", format!("{long}\0").as_bytes()),
        file("short", b"22"),
        gnu,
    ]);
    let mut members = Members::new(&archive[..]);
    let mut seen = Vec::new();
    while let Some(member) = members.advance().unwrap() {
        seen.push((member.name, member.size));
    }
    assert_eq!(seen, [(long.clone(), 1), (long, 2), ("x".to_owned(), 3)]);
}

proptest! {
    #[test]
    fn damaged_archives_never_panic(at in 0usize..4096, bit in 0u8..8, cut in 0usize..8192) {
        let (mut archive, _) = docker_archive();
        let at = at % archive.len();
        archive[at] ^= 1 << bit;
        archive.truncate(cut.max(1) % archive.len());
        if let (Ok(image), _) = open(archive, None) {
            for layer in 0..image.info().layers.len() {
                if let Ok(mut reader) = image.open_layer(layer) {
                    let _ = reader.read_to_end(&mut Vec::new());
                }
            }
        }
    }
}

/// A daemon of a few lines, from Docker's API description: inspect, and export in chunks.
fn daemon(folder: &Path, archive: Vec<u8>, id: String) -> std::path::PathBuf {
    let socket = folder.join("docker.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (archive, id) = (archive.clone(), id.clone());
            std::thread::spawn(move || -> std::io::Result<()> {
                let mut reader = BufReader::new(stream.try_clone()?);
                let mut stream = stream;
                let mut line = String::new();
                reader.read_line(&mut line)?;
                let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
                while line.trim() != "" {
                    line.clear();
                    reader.read_line(&mut line)?;
                }
                let head =
                    |status: &str, more: &str| format!("HTTP/1.1 {status}\r\nConnection: close\r\n{more}\r\n\r\n");
                if path == "/images/app:1/json" {
                    let body = format!(
                        r#"{{"Id":"{id}","RepoTags":["app:1","<none>:<none>"],"RepoDigests":["r.example/app@{id}"]}}"#
                    );
                    let head = head("200 OK", &format!("Content-Length: {}", body.len()));
                    stream.write_all(format!("{head}{body}").as_bytes())
                } else if path == format!("/images/{id}/get") {
                    stream.write_all(head("200 OK", "Transfer-Encoding: chunked").as_bytes())?;
                    for piece in archive.chunks(700) {
                        stream.write_all(format!("{:x}\r\n", piece.len()).as_bytes())?;
                        stream.write_all(piece)?;
                        stream.write_all(b"\r\n")?;
                    }
                    stream.write_all(b"0\r\n\r\n")
                } else {
                    let body = r#"{"message":"No such image: gone"}"#;
                    let head = head("404 Not Found", &format!("Content-Length: {}", body.len()));
                    stream.write_all(format!("{head}{body}").as_bytes())
                }
            });
        }
    });
    socket
}

#[test]
fn docker_and_podman_are_read_through_their_socket() {
    let folder = tempfile::tempdir().unwrap();
    let (archive, config) = docker_archive();
    let id = Digest::sha256(config.as_bytes());
    let socket = daemon(folder.path(), archive, id.to_string());
    for open in [DaemonImage::docker, DaemonImage::podman] {
        let image = open(&socket, "app:1", &PlatformChoice::host()).unwrap();
        assert_eq!(image.info().config_digest, id);
        assert_eq!(image.info().tags.len(), 1);
        assert_eq!(image.info().repo_digests[0].to_string(), format!("r.example/app@{id}"));
        assert_eq!(content(&image, 1), TWO);
    }
    let err = DaemonImage::docker(&socket, "gone", &PlatformChoice::host()).unwrap_err();
    assert_eq!(err.kind, SourceErrorKind::NotFound);
    assert!(err.cause.unwrap().to_string().contains("No such image"));
    for name in ["../containers/json", "a?x=1", "a b", "", "a/../b", "x#y"] {
        let err = DaemonImage::docker(&socket, name, &PlatformChoice::host()).unwrap_err();
        assert_eq!(err.kind, SourceErrorKind::Malformed, "{name}");
    }
    let nowhere = folder.path().join("none.sock");
    assert_eq!(
        DaemonImage::docker(&nowhere, "a", &PlatformChoice::host()).unwrap_err().kind,
        SourceErrorKind::Unreachable
    );
}

#[test]
fn containerd_is_read_through_ctr() {
    let folder = tempfile::tempdir().unwrap();
    let (archive, config) = docker_archive();
    std::fs::write(folder.path().join("archive"), archive).unwrap();
    let program = folder.path().join("ctr");
    let script = format!(
        "#!/bin/sh\n[ \"$*\" = '--namespace k8s.io images export - docker.io/library/app:1' ] && exec /bin/cat '{}'\necho 'no such image' >&2; exit 1\n",
        folder.path().join("archive").display()
    );
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = Some(folder.path().as_os_str());
    let containerd = Containerd::locate(path, "k8s.io").unwrap();
    let image = DaemonImage::containerd(&containerd, "app:1", &PlatformChoice::host()).unwrap();
    assert_eq!(image.info().config, config.as_bytes());
    assert_eq!(content(&image, 1), TWO);
    let err = DaemonImage::containerd(&containerd, "other:1", &PlatformChoice::host()).unwrap_err();
    assert!(err.cause.unwrap().to_string().contains("no such image"));
    assert!(Containerd::locate(None, "default").is_err());
    assert!(Containerd::locate(path, "--address=evil").is_err());
}

#[test]
fn sockets_come_from_the_environment() {
    let none = |_: &str| None;
    assert_eq!(docker_sockets(&none).unwrap(), [Path::new("/var/run/docker.sock")]);
    assert_eq!(podman_sockets(&none).unwrap(), [Path::new("/run/podman/podman.sock")]);
    let unix = |name: &str| (name == "DOCKER_HOST").then(|| "unix:///x.sock".into());
    assert_eq!(docker_sockets(&unix).unwrap(), [Path::new("/x.sock")]);
    let tcp = |name: &str| (name == "DOCKER_HOST").then(|| "tcp://10.0.0.1:2375".into());
    assert_eq!(docker_sockets(&tcp).unwrap_err().kind, SourceErrorKind::Unsupported);
}
