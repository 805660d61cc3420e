//! Packages of operating systems: which streams govern them, under which name and version they are looked up.

use signet_model::{Inventory, Package, PackageKind, Timestamp};

use super::cleared::Seen;
use super::{Candidate, Matcher, Missing, Verdicts, distro_name, governing_streams, qualified};
use crate::database::{Database, DatabaseError};
use crate::order::{Order, Probe};
use crate::ranges::Unanswered;
use crate::record::{Named, ProductKey};
use crate::{names, streams};

/// Trivy's bucket for all of Red Hat, whose advisories hold for products.
const RED_HAT: &str = "Red Hat";

/// What governs the packages of one inventory.
#[derive(Debug)]
pub(super) struct Governing<'a> {
    streams: Vec<Stream<'a>>,
    /// Products of the image, sorted; Red Hat only.
    products: Vec<u32>,
    /// For sentences; `None` where no distribution is known.
    distro: Option<String>,
    /// Major and minor release for which fixes of the channel `eus` are built.
    update_support: Option<(u32, u32)>,
    /// When the release ended or will.
    ended: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy)]
struct Stream<'a> {
    number: u32,
    name: &'a str,
    order: Order,
    /// Of the distribution that this one rebuilds: its disclosures hold here too, and only Grype's data say which.
    borrowed: bool,
}

impl<'a> Governing<'a> {
    pub(super) fn of(database: &Database<'a>, inventory: &Inventory) -> Result<Governing<'a>, DatabaseError> {
        let mut governing =
            Governing { streams: Vec::new(), products: Vec::new(), distro: None, update_support: None, ended: None };
        let Some(distro) = &inventory.distro else { return Ok(governing) };
        governing.distro = Some(distro_name(distro));
        let rebuild = matches!(distro.id.to_ascii_lowercase().as_str(), "almalinux" | "alma");
        let discloses = database.feeds()?.iter().any(|feed| matches!(feed.name.as_str(), "grype-db" | "vunnel"));
        let names = governing_streams(distro);
        for name in &names {
            let borrowed = rebuild && name.starts_with(RED_HAT);
            if borrowed && !discloses {
                continue;
            }
            if let Some(row) = database.stream(name)? {
                governing.streams.push(Stream { number: row.number, name: row.name, order: row.order, borrowed });
            }
            if let Some(minor) = name.strip_suffix("-EUS").and_then(|name| name.strip_prefix("Red Hat ")) {
                governing.update_support =
                    minor.split_once('.').and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
            }
        }
        if governing.streams.is_empty() {
            for name in streams::fallbacks(distro) {
                if let Some(row) = database.stream(&name)? {
                    governing.streams.push(Stream {
                        number: row.number,
                        name: row.name,
                        order: row.order,
                        borrowed: false,
                    });
                }
            }
        }
        for name in names.iter().filter(|name| !(rebuild && name.starts_with(RED_HAT))) {
            let lifecycle = database.lifecycle(name)?.and_then(|lifecycle| lifecycle.end_of_life);
            governing.ended = governing.ended.or(lifecycle);
        }
        if governing.streams.iter().any(|stream| stream.name == RED_HAT) {
            let major = distro.version_id.as_deref().unwrap_or_default().split('.').next().unwrap_or_default();
            governing.products = products(database, &inventory.content_sets, major)?;
        }
        Ok(governing)
    }

    /// When the release ended or will.
    pub(super) fn ended(&self) -> Option<Timestamp> {
        self.ended
    }

    /// Whether the distribution's advisories also list what is vulnerable and not repaired (grype `pkg/package.go`, `comprehensiveDistros`).
    pub(super) fn lists_open(&self) -> bool {
        let listing = ["debian ", "ubuntu ", "Red Hat", "CBL-Mariner", "Azure Linux"];
        self.streams.iter().any(|stream| listing.iter().any(|start| stream.name.starts_with(start)))
    }

    /// Whether the database knows the distribution.
    pub(super) fn has_data(&self) -> bool {
        !self.streams.is_empty()
    }
}

/// The products that the image's content sets and its own build stand for; those of a plain installation where it names no content set.
fn products(database: &Database<'_>, content_sets: &[String], major: &str) -> Result<Vec<u32>, DatabaseError> {
    let mut products = Vec::new();
    for set in content_sets {
        // Red Hat's build service writes `rhel-8-for-x86_64-baseos-rpms__8`; `__9_DOT_2` is a set of its own.
        let plain = match set.rsplit_once("__") {
            Some((name, release)) if !release.is_empty() && release.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => set,
        };
        database.products(ProductKey::ContentSet, plain, &mut products)?;
        database.products(ProductKey::Nvr, set, &mut products)?;
    }
    // Beside repositories stands what the image itself was built as.
    if content_sets.iter().all(|set| set.contains("-container-")) {
        let defaults = match major {
            "6" | "7" => vec![format!("rhel-{major}-server-rpms"), format!("rhel-{major}-server-extras-rpms")],
            _ => ["baseos", "appstream"].map(|part| format!("rhel-{major}-for-x86_64-{part}-rpms")).to_vec(),
        };
        for set in defaults {
            database.products(ProductKey::ContentSet, &set, &mut products)?;
        }
    }
    products.sort_unstable();
    products.dedup();
    Ok(products)
}

/// A name to look up, with the version that goes with it.
struct Lookup<'p> {
    name: std::borrow::Cow<'p, str>,
    binary: bool,
    source: bool,
    /// The plain name of a package of a module: only advisories that say for which modules they hold are meant.
    modular: bool,
}

impl<'a> Matcher<'_, 'a> {
    pub(super) fn os_package(
        &mut self,
        governing: &Governing<'a>,
        package: &Package,
        out: &mut Verdicts<'a>,
    ) -> Result<(), DatabaseError> {
        let Some(distro) = &governing.distro else {
            self.miss(Missing::NoDistro(package.kind));
            return Ok(());
        };
        if governing.streams.is_empty() {
            self.miss(Missing::Distro(distro.clone()));
            return Ok(());
        }
        // gpg keys stand among an rpm database's packages and are none.
        if package.kind == PackageKind::Rpm && package.name == "gpg-pubkey" {
            return Ok(());
        }
        // Remi's repository rebuilds packages of Red Hat under their names (trivy, ospkg/redhat).
        if package.kind == PackageKind::Rpm && package.version.ends_with(".remi") {
            self.miss(Missing::ThirdParty);
            return Ok(());
        }
        for stream in &governing.streams {
            if !speaks_of(stream.order, package.kind) {
                self.miss(Missing::OtherFormat(package.kind));
                return Ok(());
            }
            if stream.name == RED_HAT && governing.products.is_empty() {
                self.miss(Missing::Products);
                continue;
            }
            // A rebuild publishes nothing about packages that hold debug material only (grype `rpm/almalinux.go`).
            if stream.borrowed && (package.name.ends_with("-debuginfo") || package.name.ends_with("-debugsource")) {
                continue;
            }
            out.next_stream();
            let mut found_any = false;
            for lookup in lookups(package) {
                found_any |= self.look_up(governing, stream, &lookup, package, out)?;
            }
            if package.module.is_some() && !found_any && stream.name.starts_with("rocky") {
                self.miss(Missing::Modules(distro.clone()));
            }
        }
        out.settle(governing.update_support);
        Ok(())
    }

    /// Judges every advisory under one name. Gives whether there was any.
    fn look_up(
        &mut self,
        governing: &Governing<'a>,
        stream: &Stream<'a>,
        lookup: &Lookup<'_>,
        package: &Package,
        out: &mut Verdicts<'a>,
    ) -> Result<bool, DatabaseError> {
        let source_version =
            package.source.as_ref().and_then(|source| source.version.as_deref()).unwrap_or(&package.version);
        let mut by_source = Probe::new(stream.order, source_version);
        let mut by_binary = Probe::new(stream.order, &package.version);
        let mut by_other_name = Probe::without_epoch(stream.order, source_version);
        let mut any = false;
        for row in self.database.advisories(stream.number, &lookup.name)? {
            let row = row?;
            let probe = match row.named() {
                Named::Source if lookup.source => &mut by_source,
                Named::Binary if lookup.binary => &mut by_binary,
                Named::Any if lookup.binary => &mut by_binary,
                Named::Any => &mut by_other_name,
                _ => continue,
            };
            let qualifiers = row.qualifiers()?;
            if stream.borrowed && row.named() != Named::Any || lookup.modular && qualifiers.module().is_none() {
                continue;
            }
            any = true;
            if !row.covers_arch(package.arch.as_deref())?
                || !row.covers_product(&governing.products)?
                || !qualified::module(qualifiers, package)
            {
                continue;
            }
            // Oracle builds some packages twice, and a fix of one flavour says nothing about the other (trivy#736, trivy#1967).
            if stream.name.starts_with("Oracle")
                && row.fixed()?.iter().any(|fixed| flavour(fixed) != flavour(&package.version))
            {
                continue;
            }
            let id = row.vulnerability()?.id()?;
            // A stream that stands before this one has decided already.
            if out.decided_before(id) {
                continue;
            }
            let verdict = match row.ranges()?.contains(probe) {
                Ok(verdict) => verdict,
                Err(Unanswered::Unordered(why)) => {
                    if !row.vulnerability()?.withdrawn() {
                        self.unresolved(id, why.why);
                    }
                    out.decide(id, false);
                    continue;
                }
                Err(Unanswered::Damaged) => return Err(DatabaseError::Damaged { section: "pool", at: 0 }),
            };
            let seen = Seen {
                row,
                id,
                order: stream.order,
                stream: stream.name,
                name: &lookup.name,
                version: probe.version(),
            };
            match (row.unaffected(), verdict) {
                (true, true) => out.clear_by_row(seen, package.kind != PackageKind::Rpm)?,
                (true, false) => out.rebuilt(row, id)?,
                (false, false) => out.clear(seen, self.keeps_cleared()),
                (false, true) => {
                    out.decide(id, streams::is_channel(stream.name));
                    out.held.extend(Candidate::new(
                        row,
                        stream.order,
                        stream.name,
                        &lookup.name,
                        probe.version(),
                        package,
                    )?);
                }
            }
        }
        Ok(any)
    }
}

/// Source and binary name, once if they are equal; before them the name within its module.
fn lookups(package: &Package) -> impl Iterator<Item = Lookup<'_>> {
    let source = package.source.as_ref().map_or(package.name.as_str(), |source| source.name.as_str());
    let within = package.module.as_deref().and_then(|label| names::modular(label, &package.name));
    let same = source == package.name;
    // The plain name of a modular package belongs to the package outside of the module, with versions of its own.
    let modular = package.module.is_some();
    let within = within.map(|name| Lookup { name: name.into(), binary: true, source: true, modular: false });
    let binary = Lookup { name: package.name.as_str().into(), binary: true, source: same, modular };
    let source = (!same).then(|| Lookup { name: source.into(), binary: false, source: true, modular });
    [within, Some(binary), source].into_iter().flatten()
}

fn speaks_of(order: Order, kind: PackageKind) -> bool {
    matches!(
        (order, kind),
        (Order::Deb, PackageKind::Deb)
            | (Order::Rpm, PackageKind::Rpm)
            | (Order::Apk, PackageKind::Apk)
            | (Order::Pacman, PackageKind::Alpm)
    )
}

/// `ksplice1` of `2.17-326.0.5.ksplice1.el7_9`, `fips` of `10:3.6.16-4.0.1.el8_fips`; empty for an ordinary build.
fn flavour(version: &str) -> &str {
    version.split(['.', '_']).find(|part| part.starts_with("ksplice") || *part == "fips").unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flavours_of_oracle() {
        assert_eq!(flavour("2:2.17-326.0.5.ksplice1.el7_9"), "ksplice1");
        assert_eq!(flavour("10:3.6.16-4.0.1.el8_fips"), "fips");
        assert_eq!(flavour("1.1.1k-5.el8_5"), "");
    }
}
