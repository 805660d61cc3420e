//! What users type.

use std::path::PathBuf;

use proptest::prelude::*;
use signet_model::Digest;
use signet_sources::{Selection, SourceSpec};

use crate::write;

#[track_caller]
fn check(text: &str, expected: SourceSpec) {
    assert_eq!(SourceSpec::parse(text), Ok(expected), "{text}");
}

#[track_caller]
fn refused(text: &str, why: &str) {
    let error = SourceSpec::parse(text).expect_err(text).to_string();
    assert!(error.contains(why), "{error}");
}

fn registry(text: &str) -> SourceSpec {
    SourceSpec::Registry(text.parse().unwrap())
}

#[test]
fn schemes_and_references() {
    check("alpine", registry("docker.io/library/alpine"));
    check("alpine:3.20", registry("docker.io/library/alpine:3.20"));
    check("dir", registry("docker.io/library/dir"));
    check("localhost:5000/a/b:c", registry("localhost:5000/a/b:c"));
    check("registry:r.example/a:1", registry("r.example/a:1"));
    check("docker:alpine:3.20", SourceSpec::Docker("alpine:3.20".to_owned()));
    check("podman:0123456789ab", SourceSpec::Podman("0123456789ab".to_owned()));
    check("containerd:docker.io/library/a:1", SourceSpec::Containerd("docker.io/library/a:1".to_owned()));
    check("dir:.", SourceSpec::Dir(PathBuf::from(".")));
    check("rootfs:/", SourceSpec::RootFs(PathBuf::from("/")));
    check("file:a:b", SourceSpec::File(PathBuf::from("a:b")));
    check("sbom:-", SourceSpec::Sbom(PathBuf::from("-")));
    check("git:https://git.example/x", SourceSpec::Git("https://git.example/x".to_owned()));
    check("purl:pkg:npm/a@1", SourceSpec::Purl("pkg:npm/a@1".to_owned()));
    check("pkg:npm/a@1", SourceSpec::Purl("pkg:npm/a@1".to_owned()));
}

#[test]
fn selections() {
    let tag = |text: &str| Some(Selection::Tag(text.to_owned()));
    check("oci-dir:absent:1.0", SourceSpec::OciDir("absent".into(), tag("1.0")));
    check("oci-dir:absent", SourceSpec::OciDir("absent".into(), None));
    let digest = Digest::sha256(b"");
    check(&format!("oci-dir:x@{digest}"), SourceSpec::OciDir("x".into(), Some(Selection::Digest(digest))));
    let directory = tempfile::tempdir().unwrap();
    let archive = directory.path().join("a:b.tar");
    std::fs::write(&archive, "").unwrap();
    let name = archive.to_str().unwrap();
    check(&format!("docker-archive:{name}"), SourceSpec::DockerArchive(archive.clone(), None));
    check(&format!("docker-archive:{name}:ex/app:1"), SourceSpec::DockerArchive(archive.clone(), tag("ex/app:1")));
}

#[test]
fn paths_are_recognised() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &[u8]| {
        write(directory.path(), &[(name.to_owned(), content.to_vec())]);
        directory.path().join(name)
    };
    let text = |path: &PathBuf| path.to_str().unwrap().to_owned();
    check(&text(&directory.path().to_owned()), SourceSpec::Dir(directory.path().to_owned()));
    let sbom = file("s.json", br#" {"bomFormat": "CycloneDX"}"#);
    check(&text(&sbom), SourceSpec::Sbom(sbom.clone()));
    let lock = file("package-lock.json", br#"{"name": "x"}"#);
    check(&text(&lock), SourceSpec::File(lock.clone()));
    let gz = file("x.gz", &[0x1F, 0x8B, 8, 0]);
    check(&text(&gz), SourceSpec::File(gz.clone()));
    check(".", SourceSpec::Dir(".".into()));
    refused(&format!("{}/absent", text(&directory.path().to_owned())), "cannot look at");
    refused(&format!("{}:tag", text(&lock)), "holds no image");
    refused("/dev/null", "neither a file nor a directory");
}

#[test]
fn mistakes_get_a_hint() {
    refused("", "it is empty");
    refused("a\0b", "NUL");
    refused("dir:", "nothing follows the scheme");
    refused("docker://alpine", "hint: write `registry:alpine`");
    refused("https://example.org/x", "`git:https://example.org/x` for a repository");
    refused("git:http://example.org/x", "only cloned over HTTPS");
    refused("git:git@example.org:x", "only cloned over HTTPS");
    refused("git:-x", "dash");
    refused("purl:npm/a", "hint: write `purl:pkg:npm/a`");
    refused("Upper/Case:x", "a source is a reference");
    refused("docker:UPPER CASE", "a source is a reference");
    refused("Cargo.toml", "write `./Cargo.toml`");
}

proptest! {
    #[test]
    fn any_text_is_a_source_or_an_error(text in ".{0,40}") {
        let _ = SourceSpec::parse(&text);
    }

    #[test]
    fn any_value_of_any_scheme(
        scheme in prop_oneof![
            "registry", "oci-dir", "oci-archive", "docker-archive", "docker", "podman", "containerd", "git", "purl"
        ],
        value in ".{0,20}",
    ) {
        let _ = SourceSpec::parse(&format!("{scheme}:{value}"));
    }
}
