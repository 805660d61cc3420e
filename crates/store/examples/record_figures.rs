//! Size and speed of records: `cargo run --release -p signet-store --example record_figures`.
//!
//! The values are made up after a Debian image with a few language packages. Each figure is the best of many runs on one core.
#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "it measures, and prints what it measured"
)]

use std::time::{Duration, Instant};

use signet_catalog::{ExecutableRecord, FileRecord, Found, LayerRecord, Owner};
use signet_image::{Entry, EntryKind, LayerIndexBuilder};
use signet_model::{
    Checksum, ChecksumAlgorithm, Digest, Distro, Executable, Inventory, License, Location, Package, PackageIndex,
    PackageKind, Relationship, RelationshipKind, SourcePackage,
};
use signet_store::records::{decode_inventory, decode_layer, encode_inventory, encode_layer};

const WORDS: &[&str] = &[
    "locale", "python3", "perl", "share", "doc", "include", "gconv", "systemd", "apt", "openssl", "ncurses", "zoneinfo",
];

fn package(at: usize) -> Package {
    let digest = Digest::sha256(&at.to_le_bytes());
    let name = format!("lib{}-{at}", WORDS[at % WORDS.len()]);
    let info = format!("var/lib/dpkg/info/{name}:amd64.md5sums");
    let status = Location::of_path("var/lib/dpkg/status").at_lines(at as u32 * 25 + 1, at as u32 * 25 + 24);
    let mut package = Package {
        arch: Some("amd64".to_owned()),
        source: Some(SourcePackage {
            name: format!("{}-{}", WORDS[at % WORDS.len()], at / 3),
            version: Some(format!("1.{}.2-{}", at / 3, at % 9)),
        }),
        vendor: Some(format!("Debian {} Maintainers <pkg-{}@lists.example.org>", WORDS[at % 7], WORDS[at % 7])),
        licenses: ["GPL-2.0-or-later", "LGPL-2.1", "BSD-3-clause", "MIT"][..at % 4 + 1]
            .iter()
            .map(|text| License { value: (*text).to_owned() })
            .collect(),
        checksums: vec![Checksum::from_bytes(ChecksumAlgorithm::Md5, &digest.as_bytes()[..16])],
        locations: vec![status, Location::of_path(info), Location::of_path(format!("usr/share/doc/{name}/copyright"))],
        found_by: "dpkg",
        description: Some(format!("a library of {} for number {at}", WORDS[at % 11])),
        ..Package::new(PackageKind::Deb, name, format!("1.{}.2-{}", at / 3, at % 9))
    };
    package.locations.iter_mut().for_each(|location| location.layer = Some(Digest::sha256(&[(at % 8) as u8])));
    package.extra.insert("dpkg.section".to_owned(), "libs".to_owned());
    package.extra.insert("dpkg.installed_size".to_owned(), (at * 17).to_string());
    package
}

fn inventory(packages: usize, executables: usize) -> Inventory {
    let index = |at: usize| PackageIndex((at % packages) as u32);
    Inventory {
        distro: Some(Distro { id: "debian".to_owned(), version_id: Some("12".to_owned()), ..Distro::default() }),
        packages: (0..packages).map(package).collect(),
        relationships: (0..packages * 4)
            .map(|at| Relationship { from: index(at / 4), to: index(at * 7), kind: RelationshipKind::DependsOn })
            .collect(),
        executables: (0..executables)
            .map(|at| Executable {
                path: format!(
                    "usr/lib/x86_64-linux-gnu/{}/lib{at:05}.so.{}",
                    WORDS[at * WORDS.len() / executables],
                    at % 9
                ),
                layer: Some(Digest::sha256(&[(at % 8) as u8])),
                digest: Digest::sha256(&at.to_be_bytes()),
                size: at as u64 * 1321,
                package: (at % 10 > 0).then(|| index(at)),
            })
            .collect(),
        ..Inventory::default()
    }
}

fn path(at: usize) -> String {
    let (top, middle) = (WORDS[at / 8000 % WORDS.len()], WORDS[at / 400 % WORDS.len()]);
    format!(
        "usr/share/{top}/{middle}-{:03}/part-{:02}/{}_{:04x}.dat",
        at / 400,
        at / 20 % 20,
        WORDS[at % WORDS.len()],
        at
    )
}

/// The best of many runs.
fn time<T>(mut run: impl FnMut() -> T) -> (Duration, T) {
    let mut best = Duration::MAX;
    let started = Instant::now();
    loop {
        let start = Instant::now();
        let value = run();
        best = best.min(start.elapsed());
        if started.elapsed() > Duration::from_secs(2) {
            return (best, value);
        }
    }
}

fn report(what: &str, bytes: &[u8], encode: Duration, decode: Duration) {
    let stored = zstd::bulk::compress(bytes, 1).unwrap();
    let (unpack, _) = time(|| zstd::bulk::decompress(&stored, bytes.len()).unwrap());
    let (check, _) = time(|| Digest::sha256(bytes));
    println!("{what}: {} bytes, {} as stored", bytes.len(), stored.len());
    println!(
        "  encode {encode:?}, decode {decode:?}; the store adds {unpack:?} (zstd) and {check:?} (SHA-256) to each read"
    );
}

fn main() {
    let value = inventory(500, 1500);
    let (encode, bytes) = time(|| encode_inventory(&value).unwrap());
    let (decode, again) = time(|| decode_inventory(&bytes).unwrap());
    assert_eq!(again, value, "what was written is read");
    report("inventory of 500 packages and 1,500 executables", &bytes, encode, decode);

    let paths: Vec<String> = (0..65_000).map(path).collect();
    let mut builder = LayerIndexBuilder::new(1 << 30);
    for (at, path) in paths.iter().enumerate() {
        let link = (at % 12 == 0).then(|| format!("../part-{:02}/target", at % 20));
        let kind = if link.is_some() { EntryKind::Symlink } else { EntryKind::File };
        builder.push(&Entry { path: path.clone(), kind, size: at as u64 * 7, mode: 0o644, link }).unwrap();
    }
    let index = builder.finish();
    let owns = |at: usize| {
        let owner = Owner::Named { kind: PackageKind::Deb, name: format!("lib{at}"), arch: None };
        FileRecord {
            path: format!("var/lib/dpkg/info/lib{at}.list"),
            link: None,
            leaf: "dpkg-files",
            found: Found { owns: vec![(owner, paths[at * 130..(at + 1) * 130].to_vec())], ..Found::default() },
        }
    };
    let mut record = LayerRecord { files: (0..500).map(owns).collect(), ..LayerRecord::default() };
    record.files.push(FileRecord {
        path: "var/lib/dpkg/status".to_owned(),
        link: None,
        leaf: "dpkg",
        found: Found { packages: (0..500).map(package).collect(), ..Found::default() },
    });
    record.executables = (0..1500)
        .map(|at| ExecutableRecord {
            path: paths[at * 40].clone(),
            digest: Digest::sha256(&at.to_be_bytes()),
            size: 77,
        })
        .collect();
    let (encode, bytes) = time(|| encode_layer(&index, &record, &[]).unwrap());
    let (decode, again) = time(|| decode_layer(&bytes).unwrap());
    assert_eq!(again, (index, record, Vec::new()), "what was written is read");
    report("layer of 65,000 paths, all owned by one of 500 packages", &bytes, encode, decode);
}
