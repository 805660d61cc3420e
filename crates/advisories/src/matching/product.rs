//! What no ecosystem publishes advisories for is found by product: vendor and name of its CPEs, in NVD's data.
//!
//! A CPE names a product and not a package, so these matches are marked as less certain. Used for programs without an ecosystem, for Alpine's
//! packages (its own data list only what was repaired), and, where asked for, for releases that have ended.

use signet_model::{Package, PackageKind};

use super::cleared::Seen;
use super::{Candidate, Matcher, Verdicts, qualified};
use crate::cpe::Cpe;
use crate::database::DatabaseError;
use crate::order::{Order, Probe};
use crate::ranges::Unanswered;
use crate::record::Named;
use crate::streams;

/// CPEs of one package that are looked up; Syft guesses a few dozen.
const MOST: usize = 64;

impl<'a> Matcher<'_, 'a> {
    /// Judges a package by its CPEs, if that is how it is to be judged.
    pub(super) fn products(&mut self, package: &Package, out: &mut Verdicts<'a>) -> Result<(), DatabaseError> {
        if package.cpes.is_empty() || !self.by_product(package) {
            return Ok(());
        }
        let Some(stream) = self.database.stream(streams::PRODUCTS)? else { return Ok(()) };
        out.next_stream();
        let mut asked: Vec<(String, String)> = Vec::new();
        for cpe in package.cpes.iter().take(MOST).filter_map(|text| Cpe::parse(text)) {
            let order = order(package, &cpe);
            let version = version(package, &cpe, order);
            let key = cpe.key();
            if version.is_empty() || asked.contains(&(key.clone(), version.clone())) {
                continue;
            }
            let mut probe = Probe::new(order, &version);
            for row in self.database.advisories(stream.number, &key)? {
                let row = row?;
                let id = row.vulnerability()?.id()?;
                let qualifiers = row.qualifiers()?;
                let whole = qualifiers.cpe().and_then(Cpe::parse);
                if row.named() != Named::Product
                    || out.decided_before(id)
                    || !whole.is_none_or(|whole| whole.overlaps(&cpe) && is_of_target(&whole, package))
                    || !qualified::platform(qualifiers, package, self.inventory.distro.as_ref())
                {
                    continue;
                }
                let seen = Seen { row, id, order, stream: stream.name, name: &key, version: &version };
                match row.ranges()?.contains(&mut probe) {
                    Ok(true) if row.unaffected() => out.clear_by_row(seen, true)?,
                    Ok(false) if row.unaffected() => {}
                    Ok(false) => out.clear(seen, self.keeps_cleared()),
                    Ok(true) => {
                        let mut candidate = Candidate::new(row, order, stream.name, &key, &version, package)?;
                        if let Some(candidate) = &mut candidate {
                            candidate.notes.push(format!(
                                "matched by the CPE `{}`, which names a product and not this package (confidence: low)",
                                cpe.text()
                            ));
                        }
                        out.held.extend(candidate);
                    }
                    Err(Unanswered::Unordered(why)) => {
                        if !row.vulnerability()?.withdrawn() {
                            self.unresolved(id, why.why);
                        }
                    }
                    Err(Unanswered::Damaged) => return Err(DatabaseError::Damaged { section: "pool", at: 0 }),
                }
            }
            asked.push((key, version));
        }
        out.drop_unaffected();
        Ok(())
    }

    fn by_product(&self, package: &Package) -> bool {
        match package.kind {
            PackageKind::Apk => true,
            kind if kind.is_os() => self.options.ended_by_product && self.out.ended.is_some(),
            kind => streams::of_kind(kind).is_none(),
        }
    }
}

/// Names of programs that count their versions as Java's virtual machines do.
const JVMS: &[&str] = &["java_se", "jdk", "jre", "openjdk", "graalvm", "graalvm_for_jdk", "graalvm_enterprise", "zulu"];

fn order(package: &Package, cpe: &Cpe) -> Order {
    match package.kind {
        PackageKind::Apk => Order::Apk,
        PackageKind::Deb => Order::Deb,
        PackageKind::Rpm => Order::Rpm,
        _ if JVMS.contains(&cpe.product.as_str()) => Order::Jvm,
        _ => Order::Fuzzy,
    }
}

/// The version of the CPE, else the package's; without what a distribution adds to the upstream's.
fn version(package: &Package, cpe: &Cpe, order: Order) -> String {
    let stated = if order == Order::Jvm { cpe.whole_version() } else { None };
    let plain = Some(cpe.version.clone()).filter(|version| !matches!(version.as_str(), "" | "-" | "unknown"));
    let version = stated.or(plain).unwrap_or_else(|| package.version.clone());
    match order {
        Order::Apk => match version.rsplit_once("-r") {
            Some((upstream, release)) if release.bytes().all(|byte| byte.is_ascii_digit()) => upstream.to_owned(),
            _ => version,
        },
        _ => version,
    }
}

/// Whether software for this target (`node.js`, `wordpress`) can be the package: distribution packages are for none, or for their system.
fn is_of_target(product: &Cpe, package: &Package) -> bool {
    let target = product.target_software.as_str();
    !package.kind.is_os()
        || matches!(target, "" | "-" | "linux" | "linux_kernel" | "unix" | "alpine" | "debian" | "ubuntu")
}
