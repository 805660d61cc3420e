//! Manifests, indexes, configurations.

use proptest::prelude::*;
use signet_image::Compression;
use signet_image::build::{ImageBuilder, LayerBuilder};
use signet_image::manifest::{
    Config, Document, INDEX_TYPES, MANIFEST_TYPES, SelectError, check_layer_type, select_platform,
};
use signet_model::{Algorithm, Digest, Platform};

fn parse(raw: &str, media_type: Option<&str>) -> Result<Document, String> {
    Document::parse(raw.as_bytes(), media_type, Algorithm::Sha256).map_err(|error| error.to_string())
}

#[track_caller]
fn refused(raw: &str, media_type: Option<&str>, why: &str) {
    let error = parse(raw, media_type).expect_err("it must be refused");
    assert!(error.contains(why), "{error}");
}

const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

#[test]
fn a_built_image_reads_back() {
    let image = ImageBuilder::new()
        .layer(LayerBuilder::new().file("a", b"1").finish(), Compression::Gzip, "ADD a /")
        .layer(LayerBuilder::new().file("b", b"1").finish(), Compression::Zstd, "ADD b /")
        .build();
    let Ok(Document::Manifest(manifest)) = Document::parse(&image.manifest, None, Algorithm::Sha256) else {
        panic!("a manifest")
    };
    manifest.check_image().unwrap();
    assert_eq!(manifest.digest, image.manifest_digest);
    let config = Config::parse(&image.config, Algorithm::Sha256).unwrap();
    let info = manifest.image_info(config, None).unwrap();
    assert_eq!(info.config_digest, image.config_digest);
    assert_eq!(info.platform.to_string(), "linux/amd64");
    let layers: Vec<_> = info.layers.iter().map(|layer| (layer.diff_id, layer.created_by.as_deref())).collect();
    assert_eq!(layers, [(image.layers[0].diff_id, Some("ADD a /")), (image.layers[1].diff_id, Some("ADD b /"))]);
}

#[test]
fn ambiguous_and_foreign_documents_are_refused() {
    let index = r#"{"schemaVersion":2,"manifests":[]}"#;
    let manifest = format!(r#"{{"schemaVersion":2,"config":{{"digest":"{DIGEST}","size":0}},"layers":[]}}"#);
    assert!(matches!(parse(index, None), Ok(Document::Index(_))));
    assert!(matches!(parse(index, Some(INDEX_TYPES[1])), Ok(Document::Index(_))));
    assert!(matches!(parse(&manifest, Some("application/octet-stream")), Ok(Document::Manifest(_))));
    refused("foobar", None, "is not the JSON");
    refused("[]", None, "is not the JSON");
    refused("{}", None, "neither an index nor an image manifest");
    refused(index, Some(MANIFEST_TYPES[0]), "not those of its media type");
    refused(&manifest, Some(INDEX_TYPES[0]), "not those of its media type");
    refused(&manifest, Some("application/vnd.example"), "`application/vnd.example` is no media type");
    refused(r#"{"manifests":[],"layers":[]}"#, None, "of an index and of an image manifest");
    refused(r#"{"manifests":[],"manifests":[]}"#, None, "is not the JSON");
    refused(r#"{"schemaVersion":1,"fsLayers":[]}"#, None, "schema 1");
    let typed = manifest.replacen('{', r#"{"mediaType":"application/vnd.oci.image.manifest.v1+json","#, 1);
    refused(&typed, Some(MANIFEST_TYPES[1]), "is found as");
    refused(r#"{"manifests":[{"digest":"md5:00","size":1}]}"#, None, "not a digest algorithm");
    refused(r#"{"manifests":[{"digest":"x","size":-1}]}"#, None, "is not the JSON");
}

#[test]
fn layers_of_known_types() {
    for media_type in [
        "application/vnd.oci.image.layer.v1.tar",
        "application/vnd.oci.image.layer.v1.tar+gzip",
        "application/vnd.oci.image.layer.v1.tar+zstd",
        "application/vnd.oci.image.layer.nondistributable.v1.tar",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
        "application/vnd.docker.image.rootfs.diff.tar",
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
        "application/vnd.docker.image.rootfs.diff.tar.zstd",
        "application/vnd.docker.image.rootfs.diff.tar+zstd",
        "application/vnd.docker.image.rootfs.foreign.diff.tar",
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    ] {
        check_layer_type(media_type).unwrap();
    }
    for (media_type, why) in [
        ("application/vnd.oci.image.layer.v1.tar+gzip+encrypted", "encrypted"),
        ("application/vnd.sylabs.sif.layer.v1.squashfs", "squashfs"),
        ("application/vnd.cncf.helm.chart.content.v1.tar+gzip", "no media type of an image layer"),
        ("", "no media type"),
    ] {
        let error = check_layer_type(media_type).unwrap_err();
        assert!(error.is_unsupported() && error.to_string().contains(why), "{error}");
    }
}

#[test]
fn platforms_are_chosen() {
    let platform = |text: &str| {
        let mut parts = text.split('/').map(str::to_owned);
        Platform {
            os: parts.next().unwrap_or_default(),
            architecture: parts.next().unwrap_or_default(),
            variant: parts.next(),
        }
    };
    let index = |platforms: &[&str]| {
        let manifests: Vec<_> = platforms
            .iter()
            .map(|text| {
                let platform = platform(text);
                let mut value = serde_json::json!({ "os": platform.os, "architecture": platform.architecture });
                if let Some(variant) = platform.variant {
                    value["variant"] = variant.into();
                }
                serde_json::json!({ "digest": DIGEST, "size": 1, "platform": value })
            })
            .collect();
        let text = serde_json::json!({ "manifests": manifests }).to_string();
        match parse(&text, None) {
            Ok(Document::Index(index)) => index.manifests,
            other => panic!("{other:?}"),
        }
    };
    let host = platform("linux/amd64");
    let select = |platforms: &[&str], wanted: Option<&str>| {
        select_platform(&index(platforms), wanted.map(platform).as_ref(), &host)
    };
    assert_eq!(select(&["linux/arm64", "linux/amd64", "unknown/unknown"], None), Ok(1));
    assert_eq!(select(&["linux/arm64/v8", "linux/amd64"], Some("linux/arm64")), Ok(0));
    assert_eq!(select(&["linux/arm/v6", "linux/arm/v7"], Some("linux/arm/v7")), Ok(1));
    assert_eq!(select(&["linux/arm/v6", "linux/arm/v7"], Some("linux/arm")), Ok(0));
    assert_eq!(select(&["unknown/unknown", "linux/s390x"], None), Ok(1), "the only image");
    assert_eq!(select(&["unknown/unknown"], None), Err(SelectError::Empty));
    let error = select(&["linux/s390x", "linux/arm64"], None).unwrap_err();
    assert_eq!(error.to_string(), "there is no image for linux/amd64; there is: linux/s390x, linux/arm64");
    assert!(select(&["linux/s390x"], Some("linux/amd64")).is_err(), "a wish is not ignored");
}

#[test]
fn history_that_does_not_fit_says_nothing() {
    let config = |history: &str| {
        let raw = format!(
            r#"{{"os":"linux","architecture":"amd64","rootfs":{{"diff_ids":["{DIGEST}"]}},"history":{history}}}"#
        );
        Config::parse(raw.as_bytes(), Algorithm::Sha256).unwrap().created_by
    };
    assert_eq!(config(r#"[{"created_by":"A"},{"created_by":"B","empty_layer":true}]"#), [Some("A".to_owned())]);
    assert_eq!(config(r#"[{"created_by":"A"},{"created_by":"B"}]"#), [None]);
    assert_eq!(config("null"), [None]);
    assert_eq!(Digest::sha256(b"").to_string(), DIGEST);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changed_documents_never_panic(edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6)) {
        let image = ImageBuilder::new().layer(LayerBuilder::new().finish(), Compression::Gzip, "x").build();
        for document in [image.manifest, image.config] {
            let mut raw = document.clone();
            for (at, byte) in &edits {
                let at = at.index(raw.len());
                raw[at] = *byte;
            }
            if let Ok(Document::Manifest(manifest)) = Document::parse(&raw, None, Algorithm::Sha256) {
                prop_assert_eq!(manifest.digest, Digest::sha256(&raw));
                let _ = manifest.check_image();
            }
            let _ = Config::parse(&raw, Algorithm::Sha256);
        }
    }
}
