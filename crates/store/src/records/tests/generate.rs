//! Values with every field filled, from a seed. The literals name all fields, so a new one does not compile until it is filled here.

use std::collections::BTreeMap;

use signet_catalog::{ExecutableRecord, FileRecord, Found, LateLink, LateParts, LayerRecord, Manifest, Need, Owner};
use signet_image::{Entry, EntryKind, LayerIndex, LayerIndexBuilder};
use signet_model::{
    Algorithm, Checksum, ChecksumAlgorithm, Digest, Directness, Distro, Executable, Inventory, License, Location,
    Package, PackageIndex, Presence, Purl, Relationship, RelationshipKind, SourcePackage, Unexamined,
};

use crate::records::codes::Coded;

/// A source of values.
pub(super) struct Generate {
    state: u64,
    /// Most items of a list.
    size: usize,
    /// Every list has its most items, and nothing is missing.
    full: bool,
}

const TEXTS: &[&str] =
    &["", "a", "debian", "1.2.3-4+deb12u1", "GPL-2.0-or-later", "ünï/ç", "日本語", "line\nline", "\u{0}", "usr/lib"];

const PARTS: &[&str] =
    &["usr", "lib", "usr-x", "bin", "é", "è", "日本", "日光", "a.b", "...", "x86_64-linux-gnu", "libc.so.6"];

impl Generate {
    pub(super) fn new(seed: u64, size: usize) -> Generate {
        Generate { state: seed, size, full: false }
    }

    /// A source of values in which nothing is empty or missing.
    pub(super) fn full(seed: u64, size: usize) -> Generate {
        Generate { full: true, ..Generate::new(seed, size) }
    }

    /// splitmix64.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn number(&mut self) -> u64 {
        let shift = self.below(64);
        if self.below(16) == 0 { u64::MAX } else { self.next() >> shift }
    }

    fn small(&mut self) -> u32 {
        let shift = self.below(32);
        if self.below(16) == 0 { u32::MAX } else { (self.next() as u32) >> shift }
    }

    fn flag(&mut self) -> bool {
        self.below(2) == 1
    }

    fn list<T>(&mut self, mut item: impl FnMut(&mut Generate) -> T) -> Vec<T> {
        let count = if self.full { self.size } else { self.below(self.size + 1) };
        (0..count).map(|_| item(self)).collect()
    }

    fn maybe<T>(&mut self, item: impl FnOnce(&mut Generate) -> T) -> Option<T> {
        (self.full || self.below(4) > 0).then(|| item(self))
    }

    fn code<T: Coded>(&mut self) -> T {
        let codes: Vec<T> = (0..=u8::MAX).filter_map(T::of_code).collect();
        codes[self.below(codes.len())]
    }

    fn text(&mut self) -> String {
        match self.below(4) {
            0 => format!("text-{:x}", self.next()),
            1 => "x".repeat(self.below(300)),
            _ => TEXTS[self.below(TEXTS.len())].to_owned(),
        }
    }

    fn maybe_text(&mut self) -> Option<String> {
        self.maybe(Generate::text)
    }

    fn path(&mut self) -> String {
        let parts: Vec<&str> = (0..=self.below(5)).map(|_| PARTS[self.below(PARTS.len())]).collect();
        parts.join("/")
    }

    fn name(&mut self) -> &'static str {
        const NAMES: &[&str] = &["", "apk", "dpkg", "image", "npm-lock", "python-installed", "purl", "catalog"];
        let known: Vec<&'static str> =
            NAMES.iter().copied().filter(|name| crate::records::names::find(name).is_some()).collect();
        known[self.below(known.len())]
    }

    fn digest(&mut self) -> Digest {
        let algorithm = [Algorithm::Sha256, Algorithm::Sha384, Algorithm::Sha512][self.below(3)];
        Digest::of(algorithm, &[self.below(8) as u8])
    }

    fn location(&mut self) -> Location {
        Location {
            path: self.path(),
            layer: self.maybe(Generate::digest),
            lines: self.maybe(|to| (to.small(), to.small())),
        }
    }

    pub(super) fn unexamined(&mut self) -> Unexamined {
        Unexamined { location: self.location(), kind: self.code(), by: self.name(), why: self.text() }
    }

    pub(super) fn list_of_unexamined(&mut self) -> Vec<Unexamined> {
        self.list(Generate::unexamined)
    }

    fn license(&mut self) -> License {
        License { value: self.text() }
    }

    fn checksum(&mut self) -> Checksum {
        let algorithm: ChecksumAlgorithm = self.code();
        let hex = match self.below(3) {
            0 => self.text(),
            1 => "ABCDEF".to_owned(),
            _ => self.digest().hex(),
        };
        Checksum { algorithm, hex }
    }

    fn purl(&mut self) -> Purl {
        const PURLS: &[&str] = &[
            "pkg:golang/stdlib@1.22.1",
            "pkg:deb/debian/zlib1g@1%3A1.2.13?arch=amd64&distro=debian-12&upstream=zlib%401.2",
            "pkg:npm/%40scope/name@1.0.0#sub/path",
            "pkg:generic/a%20b%2Fc@%25?x=y",
            "pkg:git/github.com/a/b@c",
            "pkg:rpm/x@1?epoch=0",
        ];
        Purl::parse_lenient(PURLS[self.below(PURLS.len())]).unwrap()
    }

    fn map(&mut self) -> BTreeMap<String, String> {
        self.list(|to| (to.text(), to.text())).into_iter().collect()
    }

    fn package(&mut self) -> Package {
        Package {
            kind: self.code(),
            name: self.text(),
            version: self.text(),
            arch: self.maybe_text(),
            source: self.maybe(|to| SourcePackage { name: to.text(), version: to.maybe_text() }),
            module: self.maybe_text(),
            vendor: self.maybe_text(),
            licenses: self.list(Generate::license),
            checksums: self.list(Generate::checksum),
            locations: self.list(Generate::location),
            presence: self.code::<Presence>(),
            directness: self.code::<Directness>(),
            dev: self.flag(),
            found_by: self.name(),
            stated_purl: self.maybe(Generate::purl),
            cpes: self.list(Generate::text),
            description: self.maybe_text(),
            extra: self.map(),
        }
    }

    fn distro(&mut self) -> Distro {
        Distro {
            id: self.text(),
            version_id: self.maybe_text(),
            version: self.maybe_text(),
            name: self.maybe_text(),
            pretty_name: self.maybe_text(),
            codename: self.maybe_text(),
            id_like: self.list(Generate::text),
            cpe_name: self.maybe_text(),
            variant_id: self.maybe_text(),
            build_id: self.maybe_text(),
            image_id: self.maybe_text(),
            other: self.map(),
            point_release: self.maybe_text(),
            channel: self.maybe_text(),
        }
    }

    pub(super) fn inventory(&mut self) -> Inventory {
        let mut packages = self.list(Generate::package);
        packages.push(self.package());
        let count = packages.len();
        let index = |to: &mut Generate| PackageIndex(to.below(count) as u32);
        Inventory {
            distro: self.maybe(Generate::distro),
            packages,
            relationships: self.list(|to| Relationship { from: index(to), to: index(to), kind: to.code() }),
            executables: self.list(|to| Executable {
                path: to.path(),
                layer: to.maybe(Generate::digest),
                digest: to.digest(),
                size: to.number(),
                package: to.maybe(index),
            }),
            content_sets: self.list(Generate::text),
            unexamined: self.list_of_unexamined(),
        }
    }

    pub(super) fn index(&mut self) -> LayerIndex {
        let mut builder = LayerIndexBuilder::new(1 << 20);
        for path in self.owned() {
            let kind: EntryKind = self.code();
            let link = matches!(kind, EntryKind::Symlink | EntryKind::Hardlink).then(|| self.text());
            let entry = Entry { path, kind, size: self.number(), mode: self.small() & 0o7777, link };
            builder.push(&entry).unwrap();
        }
        self.list(Generate::path).iter().for_each(|path| builder.whiteout(path).unwrap());
        self.list(Generate::path).iter().for_each(|path| builder.opaque(path).unwrap());
        builder.finish()
    }

    fn owner(&mut self) -> Owner {
        match self.flag() {
            true => Owner::Here(self.below(9)),
            false => Owner::Named { kind: self.code(), name: self.text(), arch: self.maybe_text() },
        }
    }

    /// Paths of which some repeat, and some stand in the index of the same seed.
    fn owned(&mut self) -> Vec<String> {
        let mut paths = self.list(Generate::path);
        paths.extend(self.list(|to| PARTS[to.below(PARTS.len())].to_owned()));
        paths
    }

    fn found(&mut self) -> Found {
        Found {
            packages: self.list(Generate::package),
            edges: self.list(|to| (to.below(9), to.below(999), to.code::<RelationshipKind>())),
            requires: self.list(|to| (to.below(9), to.text())),
            provides: self.list(|to| (to.below(9), to.text())),
            owns: self.list(|to| (to.owner(), to.owned())),
            licenses: self.list(|to| (to.owner(), to.list(Generate::license))),
            distro: self.maybe(|to| (to.below(256) as u8, to.distro())),
            facts: self.list(|to| (to.name(), to.list(Generate::text))).into_iter().collect(),
            manifest: self.maybe(|to| Manifest {
                name: to.text(),
                needs: to.list(|to| Need { name: to.text(), range: to.text(), dev: to.flag() }),
                members: to.list(Generate::text),
            }),
            unexamined: self.list_of_unexamined(),
        }
    }

    pub(super) fn record(&mut self) -> LayerRecord {
        LayerRecord {
            files: self.list(|to| FileRecord {
                path: to.path(),
                link: to.maybe(Generate::path),
                leaf: to.name(),
                found: to.found(),
            }),
            executables: self.list(|to| ExecutableRecord { path: to.path(), digest: to.digest(), size: to.number() }),
            links: self.list(|to| LateLink { path: to.path(), target: to.text(), hard: to.flag(), leaf: to.name() }),
            parts: self.list(|to| LateParts {
                path: to.path(),
                leaf: to.name(),
                ranges: to.list(|to| to.number()..to.number()),
            }),
            hardlinks: self.list(|to| (to.path(), to.path())),
            unexamined: self.list_of_unexamined(),
        }
    }
}
