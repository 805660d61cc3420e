//! The text database of apk.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use signet_model::{
    Checksum, ChecksumAlgorithm, License, Package, PackageKind, SourcePackage, Unexamined, UnexaminedKind,
};

use crate::syntax;
use crate::{Found, Input, Owner};

/// Reads apk's database of installed packages.
///
/// Shape: records of `X:value` lines (`X` is one ASCII letter), an empty line after each record. `F:` names a directory, each `R:` a file in it.
/// Units: `C:` is `Q1` + base64 of a SHA-1, or `Q2` + base64 of a SHA-256.
/// Errors: none. A record that cannot be read becomes an `Unexamined` with its lines; the others are kept.
/// Source: alpinelinux/apk-tools, `src/package.c` (`apk_pkgtmpl_add_info`) and `src/database.c` (`apk_db_fdb_read`).
pub(super) fn read(input: &Input<'_>) -> Found {
    let mut found = Found::default();
    let mut record = Record::default();
    let mut number = 0;
    for line in input.bytes.split(|byte| *byte == b'\n') {
        number += 1;
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            std::mem::take(&mut record).finish(input, &mut found);
        } else {
            record.line(line, number);
        }
    }
    record.finish(input, &mut found);
    found
}

#[derive(Default)]
struct Record {
    first: u32,
    last: u32,
    broken: Option<u32>,
    name: String,
    version: String,
    arch: Option<String>,
    license: Option<String>,
    origin: Option<String>,
    maintainer: Option<String>,
    description: Option<String>,
    commit: Option<String>,
    checksum: Option<Checksum>,
    depends: String,
    provides: String,
    directory: String,
    files: Vec<String>,
}

impl Record {
    fn line(&mut self, line: &[u8], number: u32) {
        if self.first == 0 {
            self.first = number;
        }
        self.last = number;
        let (Some(field), Some(b':')) = (line.first().filter(|field| field.is_ascii_alphabetic()), line.get(1)) else {
            self.broken.get_or_insert(number);
            return;
        };
        let value = String::from_utf8_lossy(line.get(2..).unwrap_or_default());
        let some = || Some(value.trim().to_owned()).filter(|value| !value.is_empty());
        match field {
            b'P' => self.name = value.trim().to_owned(),
            b'V' => self.version = value.trim().to_owned(),
            b'A' => self.arch = some(),
            b'L' => self.license = some(),
            b'o' => self.origin = some(),
            b'm' => self.maintainer = some(),
            b'T' => self.description = some(),
            b'c' => self.commit = some(),
            b'C' => self.checksum = checksum(&value),
            b'D' => self.depends = value.into_owned(),
            b'p' => self.provides = value.into_owned(),
            b'F' => self.directory = value.trim_matches('/').to_owned(),
            b'R' => {
                let slash = if self.directory.is_empty() { "" } else { "/" };
                self.files.push(format!("{}{slash}{value}", self.directory));
            }
            _ => {}
        }
    }

    fn finish(self, input: &Input<'_>, found: &mut Found) {
        if self.first == 0 {
            return;
        }
        let why = match self.broken {
            Some(line) => Some(format!("line {line} is no `X:value` field")),
            None if self.name.is_empty() => Some("the record has no package name".to_owned()),
            None if self.version.is_empty() => Some("the record has no version".to_owned()),
            None => None,
        };
        let location = input.location.at_lines(self.first, self.last);
        if let Some(why) = why {
            let what = Unexamined { location, kind: UnexaminedKind::Malformed, by: input.leaf, why };
            syntax::report(&mut found.unexamined, what);
            return;
        }
        let place = found.packages.len();
        if syntax::is_full(input, found) {
            return;
        }
        found.requires.extend(names(&self.depends).map(|name| (place, name.to_owned())));
        found.provides.extend(names(&self.provides).map(|name| (place, name.to_owned())));
        let mut package = Package {
            locations: vec![location],
            ..input.package(PackageKind::Apk, self.name.as_str(), self.version.as_str())
        };
        package.source =
            Some(SourcePackage { name: self.origin.unwrap_or(self.name.clone()), version: Some(self.version) });
        package.arch = self.arch;
        package.vendor = self.maintainer;
        package.description = self.description;
        package.licenses = self.license.map(|value| License { value }).into_iter().collect();
        package.checksums = self.checksum.into_iter().collect();
        if let Some(commit) = self.commit {
            package.extra.insert("apk.commit".to_owned(), commit);
        }
        // `apk add --virtual .build-deps`: a name for a set of packages, with nothing of its own.
        if self.name.starts_with('.') {
            package.extra.insert("apk.virtual".to_owned(), "true".to_owned());
        }
        if !self.files.is_empty() {
            found.owns.push((Owner::Here(place), self.files));
        }
        found.packages.push(package);
    }
}

/// `Q1` + base64 of a SHA-1, `Q2` + base64 of a SHA-256.
fn checksum(value: &str) -> Option<Checksum> {
    let (mark, text) = value.trim().split_at_checked(2)?;
    let (algorithm, size) = match mark {
        "Q1" => (ChecksumAlgorithm::Sha1, 20),
        "Q2" => (ChecksumAlgorithm::Sha256, 32),
        _ => return None,
    };
    let bytes = STANDARD.decode(text).ok().filter(|bytes| bytes.len() == size)?;
    Some(Checksum::from_bytes(algorithm, &bytes))
}

/// The names in `D:` and `p:`: `so:libc.musl-x86_64.so.1=1`, `busybox>=1.36`, `pkg@edge`; `!name` is a conflict and no need.
fn names(value: &str) -> impl Iterator<Item = &str> {
    value
        .split_whitespace()
        .filter(|name| !name.starts_with('!'))
        .map(|name| name.split(['=', '<', '>', '~', '@']).next().unwrap_or_default())
        .filter(|name| !name.is_empty())
}
