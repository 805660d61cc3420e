//! Records of dpkg and opkg.

use signet_model::{Package, SourcePackage, Unexamined, UnexaminedKind};

use super::kind_of;
use crate::syntax;
use crate::{Found, Input};

/// Reads `status`, an entry of `status.d` or a `.control` file.
///
/// Shape: stanzas of `Field: value` lines, an empty line between; lines that begin with a space or tab continue the value. Field names are
/// case-insensitive. `Status: WANT FLAG STATE`: the state decides, because it says what is on the disk (`deinstall ok installed` still is).
/// Without `Status` (distroless, opkg) the package is there.
/// Errors: none. A stanza that cannot be read becomes an `Unexamined` with its lines; the others are kept.
/// Source: dpkg, `man/deb-status` and `lib/dpkg/parse.c`; Debian policy, chapter 5.
pub(super) fn read(input: &Input<'_>) -> Found {
    let mut found = Found::default();
    let mut stanza = Stanza::default();
    let mut number = 0;
    for line in input.bytes.split(|byte| *byte == b'\n') {
        number += 1;
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.iter().all(u8::is_ascii_whitespace) && !line.starts_with(b" .") {
            std::mem::take(&mut stanza).finish(input, &mut found);
        } else {
            stanza.line(line, number);
        }
    }
    stanza.finish(input, &mut found);
    found
}

/// The fields of one package that we use.
#[derive(Default)]
struct Stanza {
    first: u32,
    last: u32,
    broken: Option<u32>,
    /// The field that a continuation line belongs to.
    current: Option<Field>,
    values: [Option<String>; FIELDS.len()],
}

#[derive(Clone, Copy)]
enum Field {
    Package,
    Version,
    Architecture,
    Status,
    Source,
    Maintainer,
    Depends,
    PreDepends,
    Provides,
    Description,
}

const FIELDS: [(&str, Field); 10] = [
    ("Package", Field::Package),
    ("Version", Field::Version),
    ("Architecture", Field::Architecture),
    ("Status", Field::Status),
    ("Source", Field::Source),
    ("Maintainer", Field::Maintainer),
    ("Depends", Field::Depends),
    ("Pre-Depends", Field::PreDepends),
    ("Provides", Field::Provides),
    ("Description", Field::Description),
];

impl Stanza {
    fn line(&mut self, line: &[u8], number: u32) {
        if self.first == 0 {
            self.first = number;
        }
        self.last = number;
        if line.first().is_some_and(|first| matches!(first, b' ' | b'\t')) {
            if let Some(field @ (Field::Depends | Field::PreDepends | Field::Provides)) = self.current
                && let Some(Some(value)) = self.values.get_mut(field as usize)
            {
                value.push(' ');
                value.push_str(String::from_utf8_lossy(line).trim());
            }
            return;
        }
        let colon = line.iter().position(|byte| *byte == b':').filter(|at| *at > 0);
        let Some((name, value)) = colon.and_then(|at| line.split_at_checked(at)) else {
            self.broken.get_or_insert(number);
            return;
        };
        let known = FIELDS.iter().find(|(field, _)| name.trim_ascii().eq_ignore_ascii_case(field.as_bytes()));
        self.current = known.map(|(_, field)| *field);
        if let Some(slot) = self.current.and_then(|field| self.values.get_mut(field as usize)) {
            *slot = Some(String::from_utf8_lossy(value.get(1..).unwrap_or_default()).trim().to_owned());
        }
    }

    fn get(&self, field: Field) -> Option<&str> {
        self.values.get(field as usize)?.as_deref().filter(|value| !value.is_empty())
    }

    fn finish(self, input: &Input<'_>, found: &mut Found) {
        if self.first == 0 {
            return;
        }
        let state = self.get(Field::Status).map(|status| status.split_whitespace().last().unwrap_or_default());
        if matches!(state, Some("not-installed" | "config-files")) {
            return;
        }
        let why = match (self.broken, self.get(Field::Package), self.get(Field::Version)) {
            (Some(line), ..) => format!("line {line} is no field of a package record"),
            (None, None, _) => "the record has no package name".to_owned(),
            (None, _, None) => "the record has no version".to_owned(),
            (None, _, Some(version)) if !is_version(version) => {
                format!("the record has a version that dpkg would refuse: `{version}`")
            }
            (None, Some(name), Some(version)) => {
                let package = self.package(input, name, version, state);
                if !syntax::is_full(input, found) {
                    self.relations(found.packages.len(), found);
                    found.packages.push(package);
                }
                return;
            }
        };
        let location = input.location.at_lines(self.first, self.last);
        let what = Unexamined { location, kind: UnexaminedKind::Malformed, by: input.leaf, why };
        syntax::report(&mut found.unexamined, what);
    }

    fn package(&self, input: &Input<'_>, name: &str, version: &str, state: Option<&str>) -> Package {
        let mut package = input.package(kind_of(input.path()), name, version);
        package.locations = vec![input.location.at_lines(self.first, self.last)];
        package.arch = self.get(Field::Architecture).map(str::to_owned);
        package.vendor = self.get(Field::Maintainer).map(str::to_owned);
        package.description = self.get(Field::Description).map(str::to_owned);
        package.source = Some(self.source(name, version));
        if let Some(state) = state {
            package.extra.insert("dpkg.status".to_owned(), state.to_owned());
        }
        package
    }

    /// `Source: NAME` or `Source: NAME (VERSION)`; without it the package is its own source.
    fn source(&self, name: &str, version: &str) -> SourcePackage {
        let stated = self.get(Field::Source).unwrap_or(name);
        let (source, rest) = stated.split_once('(').unwrap_or((stated, ""));
        let own = rest.trim().trim_end_matches(')').trim();
        let version = if own.is_empty() { version } else { own };
        SourcePackage { name: source.trim().to_owned(), version: Some(version.to_owned()) }
    }

    fn relations(&self, place: usize, found: &mut Found) {
        for field in [Field::PreDepends, Field::Depends] {
            let names = self.get(field).into_iter().flat_map(relation_names);
            found.requires.extend(names.map(|name| (place, name.to_owned())));
        }
        let names = self.get(Field::Provides).into_iter().flat_map(relation_names);
        found.provides.extend(names.map(|name| (place, name.to_owned())));
    }
}

/// Whether dpkg could read this version: an epoch of digits, and letters, digits and `. + - ~ :` behind it (and `_`, which opkg has). (That a version begins with a digit
/// is a warning only.) Source: dpkg, `lib/dpkg/parsehelp.c`, `parseversion`.
fn is_version(version: &str) -> bool {
    let (epoch, rest) = version.split_once(':').unwrap_or(("0", version));
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".+-~:_".contains(&byte);
    !epoch.is_empty()
        && epoch.bytes().all(|byte| byte.is_ascii_digit())
        && !rest.is_empty()
        && rest.bytes().all(allowed)
}

/// The names in a relation field: `libc6 (>= 2.34), default-mta | mail-transport-agent, python3:any`. Alternatives count alike: those that are
/// installed are found later. Source: Debian policy, section 7.1.
fn relation_names(value: &str) -> impl Iterator<Item = &str> {
    value
        .split([',', '|'])
        .map(|name| name.trim().split([' ', '(', '[', ':', '\t']).next().unwrap_or_default())
        .filter(|name| !name.is_empty())
}
