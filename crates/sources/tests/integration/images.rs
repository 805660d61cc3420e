//! Layouts and archives: the same image in every form, and what is wrong with broken ones.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;

use signet_image::build::{BuiltImage, ImageBuilder, LayerBuilder, archive, pack};
use signet_image::{Compression, Limits, walk_layer_with};
use signet_model::{Digest, Platform};
use signet_sources::{
    DockerArchive, ImageOptions, ImageSource, OciArchive, OciDir, Selection, SourceError, SourceErrorKind, SourceSpec,
    layer_algorithms, open_archive, reread_files, verify_layer,
};

use crate::{Seen, chain, write};

fn image() -> BuiltImage {
    ImageBuilder::new()
        .layer(
            LayerBuilder::new().file("a", b"1").file("b", &[7; 300_000]).hardlink("c", "a").finish(),
            Compression::Gzip,
            "ADD a b /",
        )
        .layer(LayerBuilder::new().file("a", b"2").file("a", b"3").whiteout("b").finish(), Compression::Zstd, "RUN x")
        .build()
}

fn platform(text: &str) -> Platform {
    let (os, architecture) = text.split_once('/').unwrap();
    Platform { os: os.to_owned(), architecture: architecture.to_owned(), variant: None }
}

fn options() -> ImageOptions {
    ImageOptions { platform: None, host: platform("linux/amd64") }
}

/// Walks and verifies every layer, and gives what the visitor saw of the last one.
#[track_caller]
fn check(source: &dyn ImageSource, image: &BuiltImage) -> Vec<String> {
    let info = source.info();
    assert_eq!(info.config_digest, image.config_digest);
    assert_eq!(info.layers.len(), image.layers.len());
    let mut last = Seen::default();
    for (index, layer) in image.layers.iter().enumerate() {
        last = Seen::default();
        let stored = source.open_layer(index).unwrap();
        let read = walk_layer_with(stored, layer_algorithms(info, index), &Limits::default(), &mut last).unwrap();
        verify_layer(info, index, &read).unwrap();
        assert_eq!(read.diff_id, layer.diff_id);
    }
    assert!(source.open_layer(image.layers.len()).is_err(), "there are no more layers");
    last.paths().into_iter().map(str::to_owned).collect()
}

#[track_caller]
fn refused<T>(result: Result<T, SourceError>, kind: SourceErrorKind, text: &str) {
    let error = result.err().expect("it must be refused");
    let said = chain(&error);
    assert!(said.contains(text), "{said}");
    assert_eq!(error.kind, kind, "{said}");
}

#[test]
fn one_image_in_every_form() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let image = image();
    write(&root.join("layout"), &image.oci_layout(Some("1.0")));
    let docker = image.docker_archive(&["example.org/app:1.0"]);
    write(
        root,
        &[
            ("oci.tar".to_owned(), image.oci_archive(Some("1.0"))),
            ("oci.tar.gz".to_owned(), pack(&image.oci_archive(Some("1.0")), Compression::Gzip)),
            ("oci.tar.zst".to_owned(), pack(&image.oci_archive(Some("1.0")), Compression::Zstd)),
            ("docker.tar.gz".to_owned(), pack(&docker, Compression::Gzip)),
            ("docker.tar".to_owned(), docker),
        ],
    );
    let layout = OciDir::open(&root.join("layout"), None, &options()).unwrap();
    assert_eq!(layout.info().manifest_digest, Some(image.manifest_digest));
    assert_eq!(check(&layout, &image), ["a", "a"]);
    for name in ["oci.tar", "oci.tar.gz", "oci.tar.zst"] {
        let source = OciArchive::open(&root.join(name), None, &options()).unwrap();
        assert_eq!(source.info(), layout.info(), "{name}");
        check(&source, &image);
    }
    for name in ["docker.tar", "docker.tar.gz"] {
        let source = DockerArchive::open(&root.join(name), None, &options()).unwrap();
        assert_eq!(source.info().tags[0].to_string(), "example.org/app:1.0");
        assert_eq!(source.info().layers[1].created_by.as_deref(), Some("RUN x"));
        check(&source, &image);
    }
    // Each is recognised for what it is.
    for name in ["layout", "oci.tar", "oci.tar.gz", "docker.tar", "docker.tar.gz"] {
        let spec = SourceSpec::parse(root.join(name).to_str().unwrap()).unwrap();
        let source = spec.open_local_image(&options()).expect("an image").unwrap();
        check(source.as_ref(), &image);
    }
    check(open_archive(&root.join("oci.tar"), None, &options()).unwrap().as_ref(), &image);
}

#[test]
fn images_are_selected() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let one = image();
    let two = ImageBuilder::new().platform(platform("linux/arm64")).build();
    // A nested index under the tag `multi`, and two tags beside it.
    let nested = serde_json::json!({
        "schemaVersion": 2,
        "manifests": [
            two.manifest_descriptor(None),
            one.manifest_descriptor(None),
            { "digest": Digest::sha256(b"attestation").to_string(), "size": 1,
              "platform": { "os": "unknown", "architecture": "unknown" } },
        ],
    });
    let nested = nested.to_string().into_bytes();
    let index = serde_json::json!({
        "schemaVersion": 2,
        "manifests": [
            { "mediaType": "application/vnd.oci.image.index.v1+json", "digest": Digest::sha256(&nested).to_string(),
              "size": nested.len(), "annotations": { "org.opencontainers.image.ref.name": "example.org/app:multi" } },
            one.manifest_descriptor(Some("one")),
            two.manifest_descriptor(Some("two")),
        ],
    });
    write(root, &one.oci_layout(None));
    write(root, &two.oci_layout(None));
    write(
        root,
        &[
            ("index.json".to_owned(), index.to_string().into_bytes()),
            (format!("blobs/sha256/{}", Digest::sha256(&nested).hex()), nested.clone()),
        ],
    );
    let open = |selection: Selection, wanted: Option<&str>| {
        OciDir::open(root, Some(&selection), &ImageOptions { platform: wanted.map(platform), ..options() })
    };
    let tag = |tag: &str| Selection::Tag(tag.to_owned());
    let manifest = |source: Result<OciDir, SourceError>| source.unwrap().info().manifest_digest;
    assert_eq!(manifest(open(tag("one"), None)), Some(one.manifest_digest));
    assert_eq!(manifest(open(tag("two"), None)), Some(two.manifest_digest), "the only one under that tag");
    assert_eq!(manifest(open(tag("multi"), None)), Some(one.manifest_digest));
    assert_eq!(manifest(open(tag("multi"), Some("linux/arm64"))), Some(two.manifest_digest));
    assert_eq!(manifest(open(Selection::Digest(two.manifest_digest), None)), Some(two.manifest_digest));
    let info = open(tag("multi"), None).unwrap().info().clone();
    assert_eq!(info.index_digest, Some(Digest::sha256(&nested)));
    assert_eq!(info.tags[0].to_string(), "example.org/app:multi");
    use SourceErrorKind::NotFound;
    refused(open(tag("multi"), Some("linux/s390x")), NotFound, "there is: linux/arm64, linux/amd64");
    refused(open(tag("three"), None), NotFound, "it has: example.org/app:multi, one, two");
    refused(open(Selection::Digest(Digest::sha256(b"")), None), NotFound, "lists no image with the digest");
    refused(OciDir::open(root, None, &options()), NotFound, "several images");
    refused(open(tag("one"), Some("linux/arm64")), NotFound, "there is: linux/amd64");
}

#[test]
fn broken_layouts() {
    use SourceErrorKind::{Malformed, NotFound, Unsupported};
    let image = image();
    let blob = |digest: Digest| format!("blobs/sha256/{}", digest.hex());
    // Each case changes one file of a good layout; `None` takes it away.
    let broken = |path: &str, content: Option<&[u8]>| {
        let directory = tempfile::tempdir().unwrap();
        write(directory.path(), &image.oci_layout(None));
        match content {
            Some(content) => std::fs::write(directory.path().join(path), content).unwrap(),
            None => std::fs::remove_file(directory.path().join(path)).unwrap(),
        }
        OciDir::open(directory.path(), None, &options()).map(|source| (source, directory))
    };
    refused(broken("index.json", Some(b"foobar")), Malformed, "cannot read `index.json`");
    refused(broken("index.json", None), NotFound, "index.json");
    refused(broken("index.json", Some(br#"{"manifests":[]}"#)), NotFound, "holds no image");
    refused(broken("index.json", Some(&image.manifest)), Malformed, "is an image manifest");
    refused(broken(&blob(image.manifest_digest), Some(b"{}")), Malformed, "holds other bytes");
    refused(broken(&blob(image.manifest_digest), None), NotFound, "is missing in");
    refused(broken(&blob(image.config_digest), Some(b"{}")), Malformed, "holds other bytes");
    let helm = br#"{"schemaVersion":2,"config":{"mediaType":"application/vnd.cncf.helm.config.v1+json","digest":"DIGEST","size":2},"layers":[]}"#;
    let helm = String::from_utf8_lossy(helm).replace("DIGEST", &Digest::sha256(b"{}").to_string());
    let index = serde_json::json!({ "manifests": [{ "digest": Digest::sha256(helm.as_bytes()).to_string(), "size": helm.len() }] });
    let directory = tempfile::tempdir().unwrap();
    write(
        directory.path(),
        &[
            ("index.json".to_owned(), index.to_string().into_bytes()),
            (blob(Digest::sha256(helm.as_bytes())), helm.into_bytes()),
        ],
    );
    refused(OciDir::open(directory.path(), None, &options()), Unsupported, "application/vnd.cncf.helm.config.v1+json");

    // A layer is verified by whoever walks it.
    let (source, directory) = broken("index.json", Some(&image.oci_layout(None)[1].1)).unwrap();
    let layer = image.layers[0].digest;
    let other = pack(&LayerBuilder::new().file("evil", b"x").finish(), Compression::Gzip);
    std::fs::write(directory.path().join(blob(layer)), other).unwrap();
    let read =
        signet_image::walk_layer(source.open_layer(0).unwrap(), &Limits::default(), &mut Seen::default()).unwrap();
    refused(verify_layer(source.info(), 0, &read), Malformed, "holds other bytes");
    std::fs::remove_file(directory.path().join(blob(layer))).unwrap();
    refused(source.open_layer(0), NotFound, "is missing in");
}

#[test]
fn an_index_within_itself_ends() {
    // Digests make true circles impossible; a deep chain is possible.
    let image = image();
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), &image.oci_layout(None));
    let mut descriptor = image.manifest_descriptor(None);
    for _ in 0..10 {
        let index = serde_json::json!({ "manifests": [descriptor] }).to_string().into_bytes();
        let digest = Digest::sha256(&index);
        descriptor = serde_json::json!({ "mediaType": "application/vnd.oci.image.index.v1+json", "digest": digest.to_string(), "size": index.len() });
        write(directory.path(), &[(format!("blobs/sha256/{}", digest.hex()), index)]);
    }
    let index = serde_json::json!({ "manifests": [descriptor] }).to_string();
    std::fs::write(directory.path().join("index.json"), index).unwrap();
    refused(OciDir::open(directory.path(), None, &options()), SourceErrorKind::TooLarge, "nests more than 4");
}

#[test]
fn docker_archives_of_all_ages() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let layer = LayerBuilder::new().file("a", b"1").finish();
    let image = ImageBuilder::new()
        .layer(layer.clone(), Compression::None, "x")
        .layer(layer.clone(), Compression::None, "y")
        .build();
    let text = |value: serde_json::Value| value.to_string().into_bytes();
    // A second layer of the same bytes is a link to the first.
    let linked = LayerBuilder::new()
        .file("one/layer.tar", &layer)
        .symlink("two/layer.tar", "../one/layer.tar")
        .file("c.json", &image.config)
        .file("manifest.json", &text(serde_json::json!([{ "Config": "c.json", "RepoTags": null, "Layers": ["one/layer.tar", "two/layer.tar"] }])))
        .finish();
    // No manifest.json at all: the chain of parents.
    let legacy = archive(&[
        ("repositories".to_owned(), text(serde_json::json!({ "app": { "1": "bb" } }))),
        (
            "bb/json".to_owned(),
            text(serde_json::json!({ "id": "bb", "parent": "aa", "os": "linux", "architecture": "amd64" })),
        ),
        ("bb/layer.tar".to_owned(), layer.clone()),
        ("aa/json".to_owned(), text(serde_json::json!({ "id": "aa" }))),
        ("aa/layer.tar".to_owned(), layer.clone()),
    ]);
    let circle = archive(&[
        ("repositories".to_owned(), text(serde_json::json!({ "app": { "1": "aa" } }))),
        ("aa/json".to_owned(), text(serde_json::json!({ "parent": "aa" }))),
        ("aa/layer.tar".to_owned(), LayerBuilder::new().finish()),
    ]);
    let looping = LayerBuilder::new().symlink("manifest.json", "x").symlink("x", "manifest.json").finish();
    write(
        root,
        &[
            ("linked.tar".to_owned(), linked),
            ("legacy.tar".to_owned(), legacy),
            ("circle.tar".to_owned(), circle),
            ("looping.tar".to_owned(), looping),
            ("cut.tar".to_owned(), image.docker_archive(&["a:1"])[..700].to_vec()),
            ("none.tar".to_owned(), layer.clone()),
        ],
    );
    let open = |name: &str| DockerArchive::open(&root.join(name), None, &options());
    check(&open("linked.tar").unwrap(), &image);
    let legacy = open("legacy.tar").unwrap();
    assert_eq!(legacy.info().tags[0].familiar(), "app:1");
    assert_eq!(legacy.info().layers.iter().map(|layer| layer.diff_id).collect::<Vec<_>>(), [Digest::sha256(&layer); 2]);
    use SourceErrorKind::{Malformed, NotFound, TooLarge};
    refused(open("circle.tar"), TooLarge, "circle");
    refused(open("looping.tar"), Malformed, "holds no image");
    refused(open("cut.tar"), Malformed, "ends at offset 700");
    refused(open("none.tar"), Malformed, "neither `manifest.json` nor `repositories`");
    refused(open("absent.tar"), NotFound, "absent.tar");
    refused(DockerArchive::open(root, None, &options()), Malformed, "no file");
    let tagged = image.docker_archive(&["app:1", "other/app:2"]);
    std::fs::write(root.join("tagged.tar"), tagged).unwrap();
    let select =
        |tag: &str| DockerArchive::open(&root.join("tagged.tar"), Some(&Selection::Tag(tag.to_owned())), &options());
    check(&select("docker.io/library/app:1").unwrap(), &image);
    refused(select("app:9"), NotFound, "it holds `app:1`, `other/app:2`");
}

#[test]
fn files_are_read_again() {
    let directory = tempfile::tempdir().unwrap();
    let image = image();
    write(directory.path(), &image.oci_layout(None));
    let source = OciDir::open(directory.path(), None, &options()).unwrap();
    let paths: BTreeSet<String> = ["a", "nowhere"].map(str::to_owned).into();
    let mut seen = Seen::default();
    reread_files(&source, 1, &paths, &Limits::default(), 100, &mut seen).unwrap();
    assert_eq!(
        seen.0.iter().map(|(path, _, content)| (path.as_str(), content.as_slice())).collect::<Vec<_>>(),
        [("a", &b"3"[..])]
    );
    let paths: BTreeSet<String> = ["b".to_owned()].into();
    let again = reread_files(&source, 0, &paths, &Limits::default(), 100, &mut Seen::default());
    refused(again, SourceErrorKind::TooLarge, "takes more than 100 bytes");
}

#[test]
fn a_pipe_in_the_place_of_a_blob_does_not_block() {
    let directory = tempfile::tempdir().unwrap();
    let image = image();
    write(directory.path(), &image.oci_layout(None));
    let blob = directory.path().join(format!("blobs/sha256/{}", image.manifest_digest.hex()));
    std::fs::remove_file(&blob).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&blob).status().unwrap();
    assert!(made.success());
    refused(OciDir::open(directory.path(), None, &options()), SourceErrorKind::Malformed, "it is no file");
    refused(DockerArchive::open(&blob, None, &options()), SourceErrorKind::Malformed, "it is no file");
}

#[test]
fn several_readers_share_an_archive() {
    let directory = tempfile::tempdir().unwrap();
    let image = image();
    let path = directory.path().join("oci.tar");
    std::fs::write(&path, image.oci_archive(None)).unwrap();
    let source = OciArchive::open(Path::new(&path), None, &options()).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for (index, layer) in image.layers.iter().enumerate() {
                    let mut bytes = Vec::new();
                    source.open_layer(index).unwrap().read_to_end(&mut bytes).unwrap();
                    assert_eq!(Digest::sha256(&bytes), layer.digest);
                }
            });
        }
    });
}
