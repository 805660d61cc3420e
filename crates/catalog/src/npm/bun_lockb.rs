//! bun's binary lock file, `bun.lockb`: tables as bun has them in memory.

use std::collections::{BTreeSet, VecDeque};

use signet_model::{Checksum, ChecksumAlgorithm, Directness, RelationshipKind, UnexaminedKind};

use super::declared;
use crate::project::reach;
use crate::syntax;
use crate::{Claim, Found, Input, Leaf};

/// Reads `bun.lockb`.
pub(crate) static LEAF: Leaf = Leaf {
    id: "bun-lockb",
    claims: &[Claim::Name("bun.lockb")],
    accepts: super::own_lock_file,
    max_size: 32 << 20,
    read,
    coverage: super::COVERAGE,
};

const MAGIC: &[u8] = b"#!/usr/bin/env bun\nbun-lockfile-format-v0\n";
/// Bytes of a package in the columns of which we take something, and of those between.
const NAME: usize = 8;
const HASH: usize = 8;
const SLICE: usize = 8;
const META: usize = 88;
/// Bytes of a dependency: name 8, hash of the name 8, behaviour 1, kind of version 1, version 8.
const DEPENDENCY: usize = 26;
/// Bits of a dependency's behaviour.
const DEV: u8 = 1 << 3;

/// Reads a lock file of format 2 or 3.
///
/// Shape, little endian: the magic, format (u32), a hash of 32 bytes, size (u64); number of packages, alignment, number of columns, begin and end (u64
/// each) of the columns; the columns, one after another: name (text), hash (8), resolution (64; 72 in format 3), dependencies and resolutions (first and
/// number in their tables, u32 each), facts (88), and others. A resolution is a kind (u8; 1 the project, 2 npm, 4 directory, 8 archive, 16 GitHub, 32 git,
/// 64 link, 72 workspace, 80 remote archive), 7 bytes of nothing, and for npm its address (text) and a version: three numbers (u32 and 4 bytes of nothing;
/// u64 in format 3), suffix and build (text and hash of 8 bytes each). The facts have the kind of integrity at 20 (1 SHA-1, 2 SHA-256, 3 SHA-384,
/// 4 SHA-512) and its bytes after it. Tables follow: begin and end (u64), a line that says what its items are, the items; the last holds the bytes
/// of texts. A text of up to eight bytes stands in its place, a longer one is its offset and length, the highest bit set.
/// Errors: another kind of file, an unknown format, tables that do not fit; a package whose name cannot be read.
/// Source: oven-sh/bun:src/install/lockfile/{bun.lockb.zig,Buffers.zig,Package.zig}, src/install/{resolution.zig,integrity.zig}.
fn read(input: &Input<'_>) -> Found {
    if input.bytes.is_empty() {
        return Found::default();
    }
    match Lock::open(input.bytes) {
        Ok(lock) => lock.packages(input),
        Err((kind, why)) => Found::unexamined(input.unexamined(kind, why)),
    }
}

struct Lock<'a> {
    count: usize,
    names: &'a [u8],
    resolutions: &'a [u8],
    resolution: usize,
    dependencies_of: &'a [u8],
    facts: &'a [u8],
    /// Tables: what packages ask for, and the package that each of these became.
    dependencies: &'a [u8],
    resolved: &'a [u8],
    texts: &'a [u8],
}

type Refusal = (UnexaminedKind, &'static str);

fn number(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at.checked_add(8)?)?.try_into().ok()?))
}

fn half(bytes: &[u8], at: usize) -> Option<usize> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?) as usize)
}

impl<'a> Lock<'a> {
    fn open(bytes: &'a [u8]) -> Result<Lock<'a>, Refusal> {
        let damaged = (UnexaminedKind::Malformed, "the tables of the lock file do not fit into it");
        let Some(body) = bytes.strip_prefix(MAGIC) else {
            return Err((UnexaminedKind::Malformed, "no lock file of bun"));
        };
        let resolution = match half(body, 0) {
            Some(2) => 64,
            Some(3) => 72,
            _ => {
                let why = "a binary lock file of a format that is not known; `bun install --save-text-lockfile` writes one that is";
                return Err((UnexaminedKind::Unsupported, why));
            }
        };
        let at = MAGIC.len() + 4 + 32 + 8;
        let place = |at: usize| number(bytes, at).and_then(|number| usize::try_from(number).ok());
        let (count, begin, end) = (place(at), place(at + 24), place(at + 32));
        let (Some(count), Some(begin), Some(end)) = (count, begin, end) else { return Err(damaged) };
        let mut columns = bytes.get(begin..end).ok_or(damaged)?;
        let mut column = |size: usize| -> Result<&'a [u8], Refusal> {
            let (column, rest) = columns.split_at_checked(count.checked_mul(size).ok_or(damaged)?).ok_or(damaged)?;
            columns = rest;
            Ok(column)
        };
        let names = column(NAME)?;
        column(HASH)?;
        let resolutions = column(resolution)?;
        let dependencies_of = column(SLICE)?;
        column(SLICE)?;
        let facts = column(META)?;
        let mut lock = Lock {
            count,
            names,
            resolutions,
            resolution,
            dependencies_of,
            facts,
            dependencies: &[],
            resolved: &[],
            texts: &[],
        };
        let mut at = end;
        for _ in 0..6 {
            let (Some(begin), Some(end)) = (place(at), place(at + 8)) else { return Err(damaged) };
            let line = bytes.get(at + 16..begin).filter(|_| begin <= end).ok_or(damaged)?;
            let table = bytes.get(begin..end).ok_or(damaged)?;
            let line = String::from_utf8_lossy(line.get(..200.min(line.len())).unwrap_or_default());
            let is = |part: &str| line.contains(part);
            if is("> 26 sizeof") {
                lock.dependencies = table;
            } else if is("u32> 4 sizeof") {
                // The first such table says where packages are put.
                lock.resolved = table;
            } else if is("u8> 1 sizeof") {
                lock.texts = table;
            }
            at = end;
        }
        Ok(lock)
    }

    fn text(&self, bytes: &'a [u8]) -> Option<&'a str> {
        let word = number(bytes, 0)?;
        let raw = if word >> 63 == 0 {
            let end = bytes.iter().take(8).position(|byte| *byte == 0).unwrap_or(8);
            bytes.get(..end)?
        } else {
            let (offset, length) = (word as u32 as usize, (word >> 32) as usize & 0x7fff_ffff);
            self.texts.get(offset..offset.checked_add(length)?)?
        };
        std::str::from_utf8(raw).ok()
    }

    /// Version and address of what npm resolved.
    fn version(&self, resolution: &'a [u8]) -> Option<(String, &'a str)> {
        let url = self.text(resolution.get(8..)?)?;
        let wide = self.resolution == 72;
        let part = |place: usize| match wide {
            true => number(resolution, 16 + place * 8),
            false => half(resolution, 16 + place * 4).map(|number| number as u64),
        };
        let mut version = format!("{}.{}.{}", part(0)?, part(1)?, part(2)?);
        let tag = if wide { 40 } else { 32 };
        for (sign, at) in [('-', tag), ('+', tag + 16)] {
            let text = self.text(resolution.get(at..)?)?;
            if !text.is_empty() {
                version.push(sign);
                version.push_str(text);
            }
        }
        Some((version, url))
    }

    fn packages(&self, input: &Input<'_>) -> Found {
        let mut found = Found::default();
        let mut places = vec![None; self.count.min(syntax::MAX_PACKAGES)];
        let row = |table: &'a [u8], size: usize, at: usize| table.get(at * size..(at + 1) * size).unwrap_or_default();
        let mut projects = Vec::new();
        for (at, place) in places.iter_mut().enumerate() {
            let resolution = row(self.resolutions, self.resolution, at);
            let kind = resolution.first().copied().unwrap_or_default();
            if matches!(kind, 1 | 72) {
                projects.push(at);
            }
            let name = self.text(row(self.names, NAME, at));
            let Some(name) = name.filter(|name| !name.is_empty()) else {
                // A project needs no name.
                if !(kind == 1 && name == Some("")) {
                    let why = "a package whose name cannot be read";
                    syntax::report(&mut found.unexamined, input.unexamined(UnexaminedKind::Malformed, why));
                }
                continue;
            };
            let (version, resolved) = match kind {
                2 => match self.version(resolution) {
                    Some((version, url)) => (version, url),
                    None => {
                        let why = format!("the version of `{name}` cannot be read");
                        syntax::report(&mut found.unexamined, input.unexamined(UnexaminedKind::Malformed, why));
                        continue;
                    }
                },
                4 | 8 | 64 | 80 => {
                    (String::new(), resolution.get(8..).and_then(|text| self.text(text)).unwrap_or_default())
                }
                _ => (String::new(), ""),
            };
            let mut package = declared(input, name, &version, None);
            package.directness = match kind {
                1 => Directness::Root,
                72 => Directness::Workspace,
                _ => Directness::Unknown,
            };
            if !resolved.is_empty() {
                package.extra.insert("npm.resolved".to_owned(), resolved.to_owned());
            }
            let facts = row(self.facts, META, at);
            let integrity = match facts.get(20) {
                Some(1) => Some((ChecksumAlgorithm::Sha1, 20)),
                Some(2) => Some((ChecksumAlgorithm::Sha256, 32)),
                Some(3) => Some((ChecksumAlgorithm::Sha384, 48)),
                Some(4) => Some((ChecksumAlgorithm::Sha512, 64)),
                _ => None,
            };
            let integrity = integrity.and_then(|(kind, size)| Some((kind, facts.get(21..21 + size)?)));
            package.checksums.extend(integrity.map(|(kind, bytes)| Checksum::from_bytes(kind, bytes)));
            *place = Some(found.packages.len());
            found.packages.push(package);
        }
        if self.count > places.len() {
            let why = format!("more than {} packages", syntax::MAX_PACKAGES);
            found.unexamined.push(input.unexamined(UnexaminedKind::TooLarge, why));
        }
        self.relate(&places, &projects, &mut found);
        found
    }

    /// What a package asks for: its place in the table, and whether only for development.
    fn needs(&self, at: usize) -> impl Iterator<Item = (usize, bool)> {
        let slice = self.dependencies_of.get(at * SLICE..).unwrap_or_default();
        let (first, count) = (half(slice, 0).unwrap_or_default(), half(slice, 4).unwrap_or_default());
        // Slices do not overlap in an honest file; in another one, each is no longer than the tables.
        (first..first.saturating_add(count)).map_while(|at| {
            let to = half(self.resolved, at.checked_mul(4)?)?;
            let behaviour = self.dependencies.get(at.checked_mul(DEPENDENCY)?.checked_add(16)?)?;
            Some((to, behaviour & DEV != 0))
        })
    }

    /// Edges; and from the projects on, what is direct and what only development needs.
    fn relate(&self, places: &[Option<usize>], projects: &[usize], found: &mut Found) {
        let own: BTreeSet<usize> = projects.iter().copied().collect();
        let (mut edges, mut ends) = (BTreeSet::new(), BTreeSet::new());
        let (mut direct, mut used) = (BTreeSet::new(), VecDeque::new());
        let mut work = 4_000_000usize;
        for (at, place) in places.iter().enumerate() {
            for (to, dev) in self.needs(at) {
                let Some(rest) = work.checked_sub(1) else { break };
                work = rest;
                let Some(to) = places.get(to).copied().flatten() else { continue };
                let project = own.contains(&at);
                if project {
                    direct.insert(to);
                    if !dev {
                        used.push_back(to);
                    }
                }
                if let Some(from) = place.filter(|from| *from != to) {
                    let list = if project { &mut ends } else { &mut edges };
                    list.insert((from, to, RelationshipKind::DependsOn));
                }
            }
        }
        let used = reach(&edges.iter().copied().collect::<Vec<_>>(), used);
        for (at, package) in found.packages.iter_mut().enumerate() {
            if package.directness == Directness::Unknown {
                package.directness = if direct.contains(&at) { Directness::Direct } else { Directness::Indirect };
                package.dev = !used.contains(&at);
            }
        }
        edges.extend(ends);
        found.edges = edges.into_iter().collect();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::syntax::testing::{check, mutate, read};

    /// Writes a lock file as bun lays it out: columns, then tables, each after a line that names it.
    #[derive(Default)]
    struct Writer {
        texts: Vec<u8>,
    }

    /// A package: name, kind of resolution, version or address, needs (package, development).
    type Row<'t> = (&'t str, u8, &'t str, &'t [(u32, bool)]);

    impl Writer {
        fn text(&mut self, text: &str) -> [u8; 8] {
            let mut word = [0; 8];
            if text.len() <= 8 {
                word[..text.len()].copy_from_slice(text.as_bytes());
                return word;
            }
            let place = (self.texts.len() as u64) | (text.len() as u64) << 32 | 1 << 63;
            self.texts.extend(text.as_bytes());
            place.to_le_bytes()
        }

        fn resolution(&mut self, format: u32, kind: u8, text: &str) -> Vec<u8> {
            let mut bytes = vec![kind, 0, 0, 0, 0, 0, 0, 0];
            if kind == 2 {
                bytes.extend(self.text("https://registry.npmjs.org/x.tgz"));
                let (numbers, suffix) = text.split_once('-').unwrap_or((text, ""));
                for number in numbers.split('.').map(|number| number.parse::<u64>().unwrap()) {
                    let word = number.to_le_bytes();
                    bytes.extend(if format == 2 { &word[..4] } else { &word });
                }
                bytes.extend(if format == 2 { &[0; 4][..] } else { &[] });
                bytes.extend(self.text(suffix));
            } else {
                bytes.extend(self.text(text));
            }
            bytes.resize(if format == 2 { 64 } else { 72 }, 0);
            bytes
        }
    }

    fn lock(format: u32, rows: &[Row<'_>]) -> Vec<u8> {
        let mut writer = Writer::default();
        let mut columns = vec![Vec::new(); 8];
        let (mut resolved, mut dependencies) = (Vec::new(), Vec::new());
        for (name, kind, text, needs) in rows {
            columns[0].extend(writer.text(name));
            columns[1].extend([0; 8]);
            columns[2].extend(writer.resolution(format, *kind, text));
            let slice = [(resolved.len() / 4) as u32, needs.len() as u32];
            columns[3].extend(slice.iter().flat_map(|half| half.to_le_bytes()));
            columns[4].extend(slice.iter().flat_map(|half| half.to_le_bytes()));
            let mut facts = [0; 88];
            facts[20] = 1;
            facts[21..41].fill(7);
            columns[5].extend(facts);
            columns[6].extend([0; 20]);
            columns[7].extend([0; 49]);
            for (to, dev) in *needs {
                resolved.extend(to.to_le_bytes());
                dependencies.extend(writer.text(rows[*to as usize].0));
                dependencies.extend([0; 8]);
                dependencies.extend([if *dev { DEV } else { 2 }, 1]);
                dependencies.extend([0; 8]);
            }
        }
        let columns = columns.concat();
        let mut file = [MAGIC, &format.to_le_bytes(), &[0; 40]].concat();
        let begin = file.len() as u64 + 40;
        for number in [rows.len() as u64, 8, 8, begin, begin + columns.len() as u64] {
            file.extend(number.to_le_bytes());
        }
        file.extend(columns);
        for (line, table) in [
            ("install.lockfile.Tree.External> 20 sizeof, 4 alignof", Vec::new()),
            ("u32> 4 sizeof, 4 alignof", vec![9; 8]),
            ("u32> 4 sizeof, 4 alignof", resolved),
            ("[26]u8> 26 sizeof, 1 alignof", dependencies),
            ("semver.ExternalString> 16 sizeof, 8 alignof", Vec::new()),
            ("u8> 1 sizeof, 1 alignof", writer.texts),
        ] {
            let line = format!("\n<{line}\n");
            let begin = (file.len() + 16 + line.len()) as u64;
            file.extend(begin.to_le_bytes());
            file.extend((begin + table.len() as u64).to_le_bytes());
            file.extend(line.as_bytes());
            file.extend(table);
        }
        file.extend([0; 8]);
        file
    }

    const ROWS: &[Row<'_>] = &[
        ("project", 1, "", &[(1, false), (2, true), (4, false)]),
        ("left-pad-with-a-long-name", 2, "1.3.0-beta.10", &[(3, false)]),
        ("tool", 2, "12.0.1", &[(3, false)]),
        ("shared", 2, "0.1.2", &[]),
        ("member", 72, "packages/member", &[(5, false)]),
        ("archive", 8, "./vendor/archive.tgz", &[]),
    ];

    #[test]
    fn packages() {
        for format in [2, 3] {
            check(
                &LEAF,
                "bun.lockb",
                lock(format, ROWS),
                &[
                    "project@ root -> left-pad-with-a-long-name@1.3.0-beta.10 tool@12.0.1 member@",
                    "left-pad-with-a-long-name@1.3.0-beta.10 direct -> shared@0.1.2",
                    "tool@12.0.1 dev direct -> shared@0.1.2",
                    "shared@0.1.2 indirect",
                    "member@ workspace -> archive@",
                    "archive@ direct",
                ],
            );
        }
        let found = read(&LEAF, "bun.lockb", &lock(2, ROWS));
        assert_eq!(found.packages[5].extra["npm.resolved"], "./vendor/archive.tgz");
        assert_eq!(found.packages[1].checksums[0].hex, "07".repeat(20));
    }

    #[test]
    fn what_is_no_lock_file() {
        check(&LEAF, "bun.lockb", "text", &["! malformed: no lock file of bun"]);
        assert_eq!(read(&LEAF, "bun.lockb", &lock(9, ROWS)).unexamined[0].kind, UnexaminedKind::Unsupported);
        let whole = lock(2, ROWS);
        check(
            &LEAF,
            "bun.lockb",
            &whole[..whole.len() - 9],
            &["! malformed: the tables of the lock file do not fit into it"],
        );
        check(
            &LEAF,
            "bun.lockb",
            lock(2, &[("", 2, "1.0.0", &[])]),
            &["! malformed: a package whose name cannot be read"],
        );
    }

    proptest! {
        #[test]
        fn broken_lock_files_never_panic(format in 2u32..4, place: usize, byte: u8, cut in 0usize..40, keep: usize) {
            let found = read(&LEAF, "bun.lockb", &mutate(&lock(format, ROWS), place, byte, cut, keep));
            prop_assert!(found.packages.len() + found.unexamined.len() < 300 && found.edges.len() < 4000);
        }
    }
}
