//! Every format against one small inventory, and against documents that nobody meant well.

mod conversion;
mod foreign;
mod hostile;
mod roundtrip;
mod snapshots;
mod snapshots_more;

use signet_model::{
    Checksum, ChecksumAlgorithm, Digest, Directness, Distro, Executable, ImageInfo, Inventory, LayerInfo, License,
    Location, Package, PackageIndex, PackageKind, Platform, Presence, Relationship, RelationshipKind, SourcePackage,
    Subject, SubjectKind, Unexamined, UnexaminedKind,
};

use crate::{Limits, ReadError, Sbom, WriteOptions, cyclonedx, detect, read, spdx, syft};

fn options() -> WriteOptions {
    WriteOptions { tool_version: "0.1.0".to_owned(), ..WriteOptions::default() }
}

fn debian() -> Distro {
    Distro {
        id: "debian".to_owned(),
        version_id: Some("12".to_owned()),
        pretty_name: Some("Debian GNU/Linux 12 (bookworm)".to_owned()),
        codename: Some("bookworm".to_owned()),
        ..Distro::default()
    }
}

fn license(value: &str) -> License {
    License { value: value.to_owned() }
}

/// A Debian package that owns a Python package, which needs another one; a jar inside a jar; a file that could not be read.
fn inventory() -> Inventory {
    let layer = Digest::sha256(b"layer");
    let at = |path: &str| vec![Location { path: path.to_owned(), layer: Some(layer), lines: None }];
    let openssl = Package {
        arch: Some("amd64".to_owned()),
        source: Some(SourcePackage { name: "openssl".to_owned(), version: Some("3.0.11-1~deb12u2".to_owned()) }),
        vendor: Some("Debian OpenSSL Team".to_owned()),
        licenses: vec![license("Apache-2.0"), license("GPL-1+ with exceptions")],
        locations: at("var/lib/dpkg/status"),
        found_by: "dpkg",
        ..Package::new(PackageKind::Deb, "libssl3", "3.0.11-1~deb12u2")
    };
    let flask = Package {
        licenses: vec![license("BSD-3-Clause")],
        locations: at("usr/lib/python3/dist-packages/Flask-2.2.2.dist-info/METADATA"),
        checksums: vec![Checksum { algorithm: ChecksumAlgorithm::Sha1, hex: "ab".repeat(20) }],
        found_by: "python-installed",
        cpes: vec!["cpe:2.3:a:palletsprojects:flask:2.2.2:*:*:*:*:*:*:*".to_owned()],
        ..Package::new(PackageKind::Python, "Flask", "2.2.2")
    };
    let jinja = Package {
        licenses: vec![license("MIT OR Apache-2.0")],
        presence: Presence::Declared,
        directness: Directness::Direct,
        locations: vec![Location::of_path("app/poetry.lock").at_lines(3, 9)],
        found_by: "poetry",
        ..Package::new(PackageKind::Python, "Jinja2", "3.1.2")
    };
    let outer = Package { locations: at("app/app.jar"), ..Package::new(PackageKind::Java, "com.example:app", "1.0") };
    let inner = Package {
        locations: at("app/app.jar!/lib/log4j.jar"),
        ..Package::new(PackageKind::Java, "log4j:log4j", "1.2.15")
    };
    let edge = |from, to, kind| Relationship { from: PackageIndex(from), to: PackageIndex(to), kind };
    Inventory {
        distro: Some(debian()),
        packages: vec![openssl, flask, jinja, outer, inner],
        relationships: vec![
            edge(1, 0, RelationshipKind::OwnedBy),
            edge(1, 2, RelationshipKind::DependsOn),
            edge(4, 3, RelationshipKind::ContainedIn),
        ],
        executables: vec![Executable {
            path: "usr/local/bin/tool".to_owned(),
            layer: Some(layer),
            digest: Digest::sha256(b"tool"),
            size: 4,
            package: None,
        }],
        content_sets: Vec::new(),
        unexamined: vec![Unexamined {
            location: Location::of_path("app/package-lock.json"),
            kind: UnexaminedKind::Malformed,
            by: "npm-lock",
            why: "expected `,` at offset 17".to_owned(),
        }],
    }
}

fn subject(name: &str) -> Subject {
    let digest = Digest::sha256(name.as_bytes());
    Subject {
        kind: SubjectKind::Image,
        name: name.to_owned(),
        image: Some(ImageInfo {
            manifest_digest: Some(digest),
            index_digest: None,
            config_digest: Digest::sha256(b"config"),
            config: Vec::new(),
            manifest_media_type: "application/vnd.oci.image.manifest.v1+json".to_owned(),
            platform: Platform { os: "linux".to_owned(), architecture: "amd64".to_owned(), variant: None },
            tags: Vec::new(),
            repo_digests: Vec::new(),
            layers: vec![LayerInfo {
                diff_id: Digest::sha256(b"layer"),
                digest: Some(digest),
                size: 7,
                media_type: String::new(),
                created_by: None,
            }],
        }),
    }
}

/// The inventory in all formats.
fn all_formats(subject: &Subject, inventory: &Inventory, options: &WriteOptions) -> [(&'static str, Vec<u8>); 3] {
    [
        ("cyclonedx", cyclonedx::write(subject, inventory, None, options)),
        ("spdx", spdx::write(subject, inventory, options)),
        ("syft", syft::write(subject, inventory, options)),
    ]
}

fn parse(bytes: &[u8]) -> Sbom {
    read(bytes, &Limits::default()).unwrap()
}
