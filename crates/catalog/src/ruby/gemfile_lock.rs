//! Bundler's `Gemfile.lock`.

use std::collections::{BTreeMap, BTreeSet};

use signet_model::{
    Checksum, ChecksumAlgorithm, Directness, Package, PackageKind, Presence, RelationshipKind, UnexaminedKind,
};

use crate::syntax;
use crate::{Claim, Found, Input, Leaf};

/// Reads `Gemfile.lock` and `gems.locked`.
pub(crate) static LEAF: Leaf = Leaf {
    id: "gem-lock",
    claims: &[Claim::Suffix("Gemfile.lock"), Claim::Name("gems.locked"), Claim::Suffix("gemfile.lock")],
    accepts,
    max_size: 16 << 20,
    read,
    coverage: super::COVERAGE,
};

/// A project's own lock file, not one that came with an installed gem: those name what was never installed. `Gemfile_next.lock` of
/// tools that keep several is found by its suffix only when it ends in `Gemfile.lock` (`gemfiles/rails_7.gemfile.lock`).
fn accepts(path: &str) -> bool {
    let path = format!("/{path}");
    !["/gems/", "/node_modules/", "/site-packages/", "/usr/share/doc/"].iter().any(|part| path.contains(part))
}

/// Reads a lock file.
///
/// Shape: sections at the margin. `GEM`, `GIT`, `PATH` and `PLUGIN SOURCE` have facts (two spaces), `specs:`, packages (four spaces:
/// `name (version[-platform])`) and their needs (six spaces). `DEPENDENCIES` has what the project names, with `!` behind what a source pins.
/// `CHECKSUMS` has `name (version) sha256=HEX`. Gems for several platforms are one package each; platforms are kept as a fact.
/// Errors: a package without a version; marks of an unfinished merge.
/// Source: ruby/rubygems:bundler/lib/bundler/lockfile_parser.rb.
fn read(input: &Input<'_>) -> Found {
    let text = syntax::text(input.bytes);
    let mut lock = Lock { input, found: Found::default(), places: BTreeMap::new(), needs: Vec::new() };
    let (mut section, mut in_specs, mut source) = ("", false, Source::default());
    let mut last: Option<usize> = None;
    let mut direct: Option<BTreeSet<String>> = None;
    for (index, line) in text.lines().enumerate() {
        let number = u32::try_from(index).unwrap_or(u32::MAX).saturating_add(1);
        let content = line.trim();
        let indent = line.len() - line.trim_start().len();
        if content.is_empty() {
            continue;
        }
        if ["<<<<<<<", "=======", ">>>>>>>", "|||||||"].iter().any(|mark| line.starts_with(mark)) {
            lock.malformed(format!("line {number}: marks of an unfinished merge"));
            continue;
        }
        if indent == 0 {
            (section, in_specs, source, last) = (content, false, Source::default(), None);
            if section == "DEPENDENCIES" {
                direct.get_or_insert_default();
            }
            continue;
        }
        match (section, indent) {
            ("GEM" | "GIT" | "PATH" | "PLUGIN SOURCE", 2) => match content.split_once(':') {
                Some(("specs", _)) => in_specs = true,
                Some(("remote", value)) => value.trim().clone_into(&mut source.remote),
                Some(("revision", value)) => value.trim().clone_into(&mut source.revision),
                _ => {}
            },
            ("GEM" | "GIT" | "PATH" | "PLUGIN SOURCE", 4) if in_specs => {
                last = lock.package(content, number, section, &source);
            }
            ("GEM" | "GIT" | "PATH" | "PLUGIN SOURCE", 6) if in_specs => {
                if let Some(last) = last {
                    lock.needs.push((last, name_of(content).to_owned()));
                }
            }
            ("DEPENDENCIES", 2) => {
                direct.get_or_insert_default().insert(name_of(content).to_owned());
            }
            ("CHECKSUMS", 2) => lock.checksums(content),
            _ => {}
        }
    }
    lock.finish(direct)
}

/// Where the gems of a section come from.
#[derive(Default)]
struct Source {
    remote: String,
    revision: String,
}

/// The name in `name (range)`, `name!`, `name`.
fn name_of(entry: &str) -> &str {
    entry.split(['(', ' ']).next().unwrap_or_default().trim_end_matches('!')
}

/// Name, version and platform in `name (1.2.3-x86_64-linux)`. A gem's own version has no dash.
fn parts(entry: &str) -> Option<(&str, &str, Option<&str>)> {
    let (name, rest) = entry.split_once(" (")?;
    let inside = rest.split(')').next()?.trim();
    let (version, platform) = match inside.split_once('-') {
        Some((version, platform)) => (version, Some(platform)),
        None => (inside, None),
    };
    let whole = !name.trim().is_empty() && version.starts_with(|c: char| c.is_ascii_alphanumeric());
    whole.then_some((name.trim(), version, platform))
}

struct Lock<'a> {
    input: &'a Input<'a>,
    found: Found,
    places: BTreeMap<(String, String), usize>,
    needs: Vec<(usize, String)>,
}

impl Lock<'_> {
    fn malformed(&mut self, why: String) {
        syntax::report(&mut self.found.unexamined, self.input.unexamined(UnexaminedKind::Malformed, why));
    }

    fn package(&mut self, entry: &str, line: u32, section: &str, source: &Source) -> Option<usize> {
        let Some((name, version, platform)) = parts(entry) else {
            self.malformed(format!("line {line}: a gem without name or version"));
            return None;
        };
        let location = self.input.location.at_lines(line, line);
        let place = *self.places.entry((name.to_owned(), version.to_owned())).or_insert(self.found.packages.len());
        if self.found.packages.get(place).is_none() {
            let mut package = self.input.package(PackageKind::Gem, name, version);
            package.presence = Presence::Declared;
            package.locations.clear();
            if section == "PATH" {
                package.directness = Directness::Workspace;
            }
            if !source.remote.is_empty() {
                let revision = if source.revision.is_empty() { "" } else { "#" };
                let source = format!("{}{revision}{}", source.remote, source.revision);
                package.extra.insert("gem.source".to_owned(), source);
            }
            self.found.packages.push(package);
        }
        let package = self.found.packages.get_mut(place)?;
        // one gem has a dozen platforms
        if package.locations.len() < 64 {
            package.locations.push(location);
            if let Some(platform) = platform {
                let platforms = package.extra.entry("gem.platforms".to_owned()).or_default();
                if !platforms.is_empty() {
                    platforms.push(' ');
                }
                platforms.push_str(platform);
            }
        }
        Some(place)
    }

    fn checksums(&mut self, entry: &str) {
        let Some((name, version, _)) = parts(entry) else { return };
        let Some(place) = self.places.get(&(name.to_owned(), version.to_owned())) else { return };
        let Some(package) = self.found.packages.get_mut(*place) else { return };
        for hash in entry.rsplit(')').next().unwrap_or_default().split([' ', ',']) {
            let Some(hex) = hash.strip_prefix("sha256=") else { continue };
            let whole = hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
            if whole && package.checksums.len() < 64 {
                package
                    .checksums
                    .push(Checksum { algorithm: ChecksumAlgorithm::Sha256, hex: hex.to_ascii_lowercase() });
            }
        }
    }

    /// Edges by name, and what the project names itself. Gems of a `PATH` are the project's own.
    fn finish(mut self, direct: Option<BTreeSet<String>>) -> Found {
        let mut by_name: BTreeMap<&str, usize> = BTreeMap::new();
        for ((name, _), place) in &self.places {
            by_name.insert(name, *place);
        }
        let edges: BTreeSet<(usize, usize, RelationshipKind)> = (self.needs.iter())
            .filter_map(|(from, need)| Some((*from, *by_name.get(need.as_str())?)))
            .filter(|(from, to)| from != to)
            .map(|(from, to)| (from, to, RelationshipKind::DependsOn))
            .collect();
        self.found.edges = edges.into_iter().collect();
        if let Some(direct) = direct {
            let open = |package: &&mut Package| package.directness == Directness::Unknown;
            for package in self.found.packages.iter_mut().filter(open) {
                let named = direct.contains(&package.name);
                package.directness = if named { Directness::Direct } else { Directness::Indirect };
            }
        }
        self.found
    }
}
