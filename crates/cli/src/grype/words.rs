//! Grype's words for what we know by other names: namespaces, matchers, fix states, severities; and its risk.
//!
//! Sources: anchore/grype:grype/db/v6 (`namespace`), grype/matcher, grype/vulnerability/metadata.go.

use signet_model::{Distro, Finding, Package, PackageKind, Severity, Status, Vulnerability};

/// `High`.
pub(super) fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Unknown => "Unknown",
        Severity::Low => "Low",
        Severity::Medium => "Medium",
        Severity::High => "High",
        Severity::Critical => "Critical",
    }
}

/// The place of a severity in Grype's order; `None`: no severity of Grype's.
pub(super) fn rank(name: &str) -> Option<u8> {
    Some(match name.to_ascii_lowercase().as_str() {
        "critical" => 5,
        "high" => 4,
        "medium" => 3,
        "low" => 2,
        "negligible" => 1,
        "unknown" | "" => 0,
        _ => return None,
    })
}

/// `fixed`, `not-fixed`, `wont-fix`, `unknown`.
pub(super) fn fix_state(finding: &Finding) -> &'static str {
    match finding.status {
        Status::Fixed => "fixed",
        _ if !finding.fix.versions.is_empty() => "fixed",
        Status::WillNotFix | Status::EndOfLife => "wont-fix",
        Status::Unknown | Status::NotAffected => "unknown",
        Status::Affected | Status::UnderInvestigation | Status::FixDeferred => "not-fixed",
    }
}

/// All fix states.
pub(super) const FIX_STATES: [&str; 4] = ["fixed", "not-fixed", "wont-fix", "unknown"];

/// Who published the advisory, for which packages: `debian:distro:debian:12`, `github:language:python`, `nvd:cpe`.
pub(super) fn namespace(finding: &Finding, package: &Package, distro: Option<&Distro>) -> String {
    let by_cpe = finding.why.stream.eq_ignore_ascii_case("nvd") || finding.data_source.id == "nvd";
    if by_cpe && !package.kind.is_os() {
        return "nvd:cpe".to_owned();
    }
    match distro.filter(|_| package.kind.is_os()) {
        Some(distro) => {
            let (provider, name) = family(&distro.id);
            let version = distro.version_id.as_deref().filter(|version| !version.is_empty()).unwrap_or("rolling");
            format!("{provider}:distro:{name}:{}", release(name, version))
        }
        None => {
            let provider = match finding.data_source.id.as_str() {
                "ghsa" | "" => "github",
                other => other,
            };
            format!("{provider}:language:{}", language(package.kind))
        }
    }
}

/// The ecosystem and the namespace of a stream's advisories: `debian 12` and `npm` are all that a database row knows.
pub(super) fn of_stream(stream: &str, source: &str) -> (String, String) {
    let provider = if source == "ghsa" { "github" } else { source };
    match (PackageKind::from_name(stream), signet_advisories::order_of_stream(stream)) {
        (Some(kind), _) => (stream.to_owned(), format!("{provider}:language:{}", language(kind))),
        (None, Some(order @ ("apk" | "deb" | "rpm" | "pacman"))) => {
            let numbered = |version: &str| version == "edge" || version.starts_with(|sign: char| sign.is_ascii_digit());
            let parts = stream.rsplit_once(' ').filter(|(_, version)| numbered(version));
            let (name, version) = parts.unwrap_or((stream, "rolling"));
            let name = name.to_ascii_lowercase().replace(' ', "");
            (order.to_owned(), format!("{provider}:distro:{name}:{version}"))
        }
        _ if stream == "nvd" => ("cpe".to_owned(), "nvd:cpe".to_owned()),
        _ => (stream.to_owned(), format!("{provider}:language:{stream}")),
    }
}

/// A provider and its name of a distribution.
fn family(id: &str) -> (&str, &str) {
    match id {
        "rhel" | "centos" | "redhat" => ("redhat", "redhat"),
        "amzn" | "amazon" => ("amazon", "amazonlinux"),
        "ol" | "oracle" => ("oracle", "oraclelinux"),
        "sles" | "sled" | "sles_sap" => ("sles", "sles"),
        "arch" => ("arch", "archlinux"),
        "mariner" => ("mariner", "mariner"),
        "azurelinux" => ("mariner", "azurelinux"),
        "rocky" => ("rocky", "rockylinux"),
        other => (other, other),
    }
}

/// The part of the version that advisories are published for.
fn release<'a>(name: &str, version: &'a str) -> &'a str {
    let parts = match name {
        "debian" | "redhat" | "oraclelinux" | "rockylinux" | "almalinux" => 1,
        "alpine" | "ubuntu" | "sles" | "mariner" | "azurelinux" => 2,
        _ => return version,
    };
    let end = version.match_indices('.').nth(parts - 1).map_or(version.len(), |(at, _)| at);
    version.get(..end).unwrap_or(version)
}

/// Syft's name of an ecosystem's language.
fn language(kind: PackageKind) -> &'static str {
    match kind {
        PackageKind::Npm => "javascript",
        PackageKind::Java | PackageKind::JenkinsPlugin => "java",
        PackageKind::Cargo => "rust",
        PackageKind::Gem => "ruby",
        PackageKind::Nuget => "dotnet",
        PackageKind::Composer => "php",
        PackageKind::Pub => "dart",
        PackageKind::Hex | PackageKind::Otp => "elixir",
        other => other.name(),
    }
}

/// The matcher, and the name of the order of versions, of a kind of package.
pub(super) fn matcher(kind: PackageKind) -> (&'static str, &'static str) {
    match kind {
        PackageKind::Deb => ("dpkg-matcher", "deb"),
        PackageKind::Rpm => ("rpm-matcher", "rpm"),
        PackageKind::Apk => ("apk-matcher", "apk"),
        PackageKind::Alpm => ("pacman-matcher", "pacman"),
        PackageKind::Portage => ("portage-matcher", "portage"),
        PackageKind::Npm => ("javascript-matcher", "semantic"),
        PackageKind::Python => ("python-matcher", "python"),
        PackageKind::Java | PackageKind::JenkinsPlugin => ("java-matcher", "maven"),
        PackageKind::Go => ("go-module-matcher", "go"),
        PackageKind::Gem => ("ruby-gem-matcher", "gem"),
        PackageKind::Cargo => ("rust-matcher", "semantic"),
        PackageKind::Nuget => ("dotnet-matcher", "semantic"),
        PackageKind::Hex => ("hex-matcher", "semantic"),
        PackageKind::Bitnami => ("bitnami-matcher", "bitnami"),
        _ => ("stock-matcher", "unknown"),
    }
}

/// How the advisory was found.
pub(super) fn match_type(finding: &Finding, package: &Package) -> &'static str {
    let name = &finding.why.matched_name;
    let stream = finding.why.stream.to_ascii_lowercase();
    if stream == "nvd" || stream.starts_with("cpe") {
        "cpe-match"
    } else if package.kind.is_os() && !name.is_empty() && *name != package.name {
        "exact-indirect-match"
    } else {
        "exact-direct-match"
    }
}

/// How threatening a vulnerability is, 0 to 100: how likely it is exploited, times how severe it is, a little more where it is known to be.
pub(super) fn risk(known: &Vulnerability, severity: Severity) -> f64 {
    let threat = match (&known.kev, &known.epss) {
        (Some(_), _) => 1.0,
        (None, Some(epss)) => epss.score,
        (None, None) => 0.0,
    };
    let kev = match &known.kev {
        Some(kev) if kev.ransomware => 1.1,
        Some(_) => 1.05,
        None => 1.0,
    };
    (threat * weight(known, severity) * kev).clamp(0.0, 1.0) * 100.0
}

/// Mean of what the name of the severity stands for and of the mean CVSS score, 0 to 1.
fn weight(known: &Vulnerability, severity: Severity) -> f64 {
    let named = match severity {
        Severity::Critical => 9.0,
        Severity::High => 7.5,
        Severity::Medium => 5.0,
        Severity::Low => 3.0,
        Severity::Unknown => 5.0,
    };
    let scores: Vec<f64> = known
        .cvss
        .values()
        .flat_map(|cvss| [cvss.v2.1, cvss.v3.1, cvss.v4.1])
        .flatten()
        .filter(|score| *score > 0.0)
        .collect();
    if scores.is_empty() {
        return named / 10.0;
    }
    let mean = scores.iter().sum::<f64>() / scores.len() as f64;
    f64::midpoint(named, mean) / 10.0
}

#[cfg(test)]
mod tests {
    use signet_model::{Cvss, Epss, KnownExploited};

    use super::*;

    /// The numbers are those that Grype's own documentation of its JSON shows for the same scores.
    #[test]
    fn risk_is_grypes() {
        let check = |score: f64, epss: f64, kev: Option<bool>, severity: Severity, wanted: f64| {
            let known = Vulnerability {
                cvss: [("nvd".to_owned(), Cvss { v3: (None, Some(score)), ..Cvss::default() })].into(),
                epss: Some(Epss { score: epss, percentile: 0.5 }),
                kev: kev.map(|ransomware| KnownExploited {
                    date_added: String::new(),
                    due_date: None,
                    ransomware,
                    required_action: None,
                }),
                ..Vulnerability::default()
            };
            let found = risk(&known, severity);
            assert!((found - wanted).abs() < 1e-9, "{found} is not {wanted}");
        };
        check(8.2, 0.03, None, Severity::Low, 1.68);
        check(8.5, 0.08, Some(true), Severity::Critical, 96.25);
        check(9.8, 0.5, Some(false), Severity::Critical, 98.7);
        check(10.0, 0.5, Some(true), Severity::Critical, 100.0);
        assert!(risk(&Vulnerability::default(), Severity::Critical).abs() < f64::EPSILON);
    }

    #[test]
    fn releases() {
        for (name, version, wanted) in [
            ("debian", "12.5", "12"),
            ("alpine", "3.20.1", "3.20"),
            ("redhat", "9.4", "9"),
            ("ubuntu", "22.04", "22.04"),
            ("wolfi", "20230201", "20230201"),
        ] {
            assert_eq!(release(name, version), wanted);
        }
    }
}
