//! `--baseline REPORT`: what an earlier report has already is shown and does not count; what it had and is gone is listed as fixed.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use signet_model::{Finding, Package, Suppression, SuppressionKind, Timestamp};

use crate::report::{Baseline, Gone, Report};

/// Largest report that is read, in bytes.
const MOST: u64 = 512 << 20;

/// Reads a report of ours, or one in Trivy's JSON.
pub(crate) fn read_report(path: &Path, now: Timestamp) -> Result<Report> {
    let bytes = bounded(path)?;
    let document: serde_json::Value = serde_json::from_slice(&bytes).context("it is no JSON")?;
    if crate::report::json::read::is_report(&document) {
        return crate::report::json::read::read(&document, now);
    }
    crate::trivy::read_report(&document, now).context("it is a report neither of Signet nor of Trivy")
}

/// The bytes of a file that is not too large.
pub(crate) fn bounded(path: &Path) -> Result<Vec<u8>> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(MOST + 1).read_to_end(&mut bytes)?;
    ensure!(bytes.len() as u64 <= MOST, "it is larger than {MOST} bytes");
    Ok(bytes)
}

/// What makes two findings of two reports the same: the package and where it stands, whatever its version. Packages of the distribution have one
/// place, which moves with the layer that wrote the list last.
pub(crate) fn place(package: &Package) -> (&'static str, &str, &str) {
    let path = match package.kind.is_os() {
        true => "",
        false => package.locations.first().map(|place| place.path.as_str()).unwrap_or_default(),
    };
    (package.kind.name(), &package.name, path)
}

/// All names of a vulnerability.
pub(crate) fn names(finding: &Finding) -> impl Iterator<Item = &str> {
    std::iter::once(finding.vulnerability.id.as_str()).chain(finding.vulnerability.aliases.iter().map(String::as_str))
}

/// Marks what the baseline has. Never hidden are malicious packages, and what became known to be exploited since.
///
/// What the baseline itself suppressed counts as had: somebody has looked at it. A report that was not judged is no baseline.
pub(crate) fn apply(report: &mut Report, path: &Path) -> Result<()> {
    let file = path.display().to_string();
    let before = read_report(path, report.now)
        .with_context(|| format!("cannot use the baseline `{file}`"))
        .map_err(|err| crate::hint(err, "a baseline is a JSON report, as `signet scan ... -o json=FILE` writes it"))?;
    ensure!(before.judged, "cannot use the baseline `{file}`: it holds packages and no findings");

    let mut had: HashMap<_, bool> = HashMap::new();
    for finding in &before.findings {
        let place = place(before.package(finding.package));
        for name in names(finding) {
            // Where one entry knew of the exploitation, it was known.
            *had.entry((name, place)).or_default() |= finding.vulnerability.kev.is_some();
        }
    }
    let (mut known, mut counted_again) = (0, 0);
    let packages = &report.inventory.packages;
    for finding in report.findings.iter_mut().filter(|finding| finding.suppressed.is_none()) {
        let Some(package) = packages.get(finding.package.get()) else { continue };
        let place = place(package);
        let matched: Vec<bool> = names(finding).filter_map(|name| had.get(&(name, place)).copied()).collect();
        if matched.is_empty() {
            continue;
        }
        let exploited_since = finding.vulnerability.kev.is_some() && !matched.contains(&true);
        if finding.malicious || exploited_since {
            counted_again += 1;
            continue;
        }
        known += 1;
        finding.suppressed = Some(Suppression {
            kind: SuppressionKind::Baseline,
            source: file.clone(),
            status: "known".to_owned(),
            statement: None,
        });
    }
    let here: HashSet<_> = report
        .findings
        .iter()
        .flat_map(|finding| {
            let place = place(report.package(finding.package));
            names(finding).map(move |name| (name, place))
        })
        .collect();
    let mut fixed: Vec<Gone> = before
        .findings
        .iter()
        .filter(|finding| finding.suppressed.is_none())
        .filter(|finding| {
            let place = place(before.package(finding.package));
            !names(finding).any(|name| here.contains(&(name, place)))
        })
        .map(|finding| gone(&before, finding))
        .collect();
    fixed.sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| a.cmp(b)));
    fixed.dedup();
    report.views.baseline = Some(Baseline { file, known, counted_again, fixed });
    Ok(())
}

fn gone(report: &Report, finding: &Finding) -> Gone {
    let package = report.package(finding.package);
    Gone {
        id: finding.vulnerability.id.clone(),
        kind: package.kind.name(),
        name: package.name.clone(),
        version: package.version.clone(),
        severity: finding.severity,
    }
}

impl Baseline {
    /// One sentence for a reader.
    pub(crate) fn summary(&self) -> String {
        let again = match self.counted_again {
            0 => String::new(),
            count => format!(" ({count} more count all the same: malicious, or known to be exploited since)"),
        };
        format!(
            "baseline {}: {} findings known already and not counted{again}, {} fixed since",
            self.file,
            self.known,
            self.fixed.len()
        )
    }
}
