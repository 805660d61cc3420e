//! What Grype's database and the records that it is made of share: names of providers, words for severities and fixes, constraints.

use signet_model::{DataSource, Severity, Status, Timestamp};

use crate::order::Order;
use crate::ranges;
use crate::record::{Advisory, Affected, Named, Qualifiers, Range, Record};
use crate::streams;

/// Short id and name of a provider's data, by the name that vunnel gives the provider.
pub(super) fn source(provider: &str) -> DataSource {
    // The ids are those that Trivy's database uses for the same publishers, so that severities are chosen alike.
    const SOURCES: &[(&str, &str, &str)] = &[
        ("alma", "alma", "AlmaLinux Product Errata"),
        ("alpine", "alpine", "Alpine Secdb"),
        ("amazon", "amazon", "Amazon Linux Security Center"),
        ("arch", "arch-linux", "Arch Linux Security Tracker"),
        ("bitnami", "bitnami", "Bitnami Vulnerability Database"),
        ("chainguard", "chainguard", "Chainguard Security Data"),
        ("debian", "debian", "Debian Security Tracker"),
        ("echo", "echo", "Echo"),
        ("eol", "endoflife", "endoflife.date"),
        ("fedora", "fedora", "Fedora Updates"),
        ("github", "ghsa", "GitHub Security Advisories"),
        ("govulndb", "govulndb", "The Go Vulnerability Database"),
        ("hummingbird", "redhat-hummingbird", "Red Hat Hardened Images"),
        ("mariner", "cbl-mariner", "CBL-Mariner Vulnerability Data"),
        ("minimos", "minimos", "MinimOS Security Data"),
        ("nvd", "nvd", "National Vulnerability Database"),
        ("oracle", "oracle-oval", "Oracle Linux OVAL definitions"),
        ("photon", "photon", "Photon OS CVE metadata"),
        ("rhel", "redhat", "Red Hat Security Data"),
        ("rocky", "rocky", "Rocky Linux errata"),
        ("secureos", "secureos", "SecureOS"),
        ("sles", "suse-cvrf", "SUSE Security"),
        ("ubuntu", "ubuntu", "Ubuntu CVE Tracker"),
        ("wolfi", "wolfi", "Wolfi Secdb"),
    ];
    let known = SOURCES.iter().find(|(name, ..)| *name == provider);
    let (id, name) = known.map_or((provider, provider), |(_, id, name)| (*id, *name));
    DataSource {
        id: id.to_owned(),
        name: name.to_owned(),
        url: "https://github.com/anchore/vunnel".to_owned(),
        base_id: None,
    }
}

/// The provider of a namespace (`rhel:8`, `github:npm`), where the record does not state it.
pub(super) fn provider_of(namespace: &str) -> &str {
    match namespace.split([':', '/']).next().unwrap_or(namespace) {
        "amzn" => "amazon",
        "ol" => "oracle",
        "archlinux" => "arch",
        "azurelinux" => "mariner",
        other => other,
    }
}

/// The words that vendors rate with.
pub(super) fn severity(word: &str) -> Option<Severity> {
    match word.trim().to_ascii_lowercase().as_str() {
        "critical" => Some(Severity::Critical),
        "high" | "important" => Some(Severity::High),
        "medium" | "moderate" => Some(Severity::Medium),
        "low" | "negligible" | "minor" => Some(Severity::Low),
        _ => None,
    }
}

/// A version that repairs something; `None` for the words that stand for none.
pub(super) fn fix_version(text: &str) -> Option<&str> {
    let text = text.trim();
    let none = text.is_empty() || ["none", "n/a", "not-fixed"].iter().any(|word| text.eq_ignore_ascii_case(word));
    (!none).then_some(text)
}

/// A constraint as Grype writes it: `< 1.2`, `>= 1, < 2 || >= 3 < 4`; empty: every version. Blanks alone are an AND too.
pub(super) fn constraint(order: Order, text: &str) -> Vec<Range> {
    let text = text.trim();
    if text.is_empty() {
        return vec![Range::everything()];
    }
    let joined: Vec<String> = text
        .split("||")
        .map(|part| {
            let mut comparisons: Vec<String> = Vec::new();
            for token in part.split([' ', ',', '\t']).filter(|token| !token.is_empty()) {
                let sign = |text: &str| text.bytes().all(|byte| b"<>=!~^".contains(&byte));
                match comparisons.last_mut() {
                    // The sign stood apart from its version.
                    Some(last) if sign(last) => *last = format!("{last} {token}"),
                    _ => comparisons.push(token.to_owned()),
                }
            }
            comparisons.join(", ")
        })
        .collect();
    ranges::parse(Some(order), &joined.join(" || "))
}

/// What one row of Grype's is about, before it becomes a record of ours.
#[derive(Clone, Debug, Default)]
pub(super) struct Package {
    pub(super) stream: String,
    /// As our streams spell it.
    pub(super) name: String,
    pub(super) vulnerable: Vec<Range>,
    pub(super) fixed: Vec<String>,
    pub(super) vendor_ids: Vec<String>,
    pub(super) wont_fix: bool,
    pub(super) severity: Option<Severity>,
    pub(super) arches: Vec<String>,
    pub(super) qualifiers: Qualifiers,
}

impl Package {
    /// The record about one vulnerability.
    pub(super) fn record(&self, id: &str, named: Named, source: &DataSource) -> Record {
        let status = match () {
            () if self.qualifiers.unaffected => Status::NotAffected,
            () if !self.fixed.is_empty() => Status::Fixed,
            () if self.wont_fix => Status::WillNotFix,
            () => Status::Affected,
        };
        let advisory = Advisory {
            stream: self.stream.clone(),
            package: self.name.clone(),
            named,
            id: id.to_owned(),
            vendor_ids: self.vendor_ids.clone(),
            status,
            severity: self.severity,
            affected: Affected { vulnerable: self.vulnerable.clone(), ..Affected::default() },
            fixed: self.fixed.clone(),
            arches: self.arches.clone(),
            products: Vec::new(),
            malicious: id.starts_with("MAL-"),
            source: source.clone(),
        };
        Record::Qualified(Box::new(advisory), Box::new(self.qualifiers.clone()))
    }
}

/// The order of a stream's versions.
pub(super) fn order(stream: &str) -> Option<Order> {
    streams::rules(stream).map(|rules| rules.order)
}

/// The earlier of two times.
pub(super) fn earliest(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let mut words = Vec::new();
        for range in constraint(Order::Gem, text) {
            words.push(match range {
                Range::All(comparisons) => comparisons
                    .iter()
                    .map(|(op, version)| format!("{}{version}", op.sign()))
                    .collect::<Vec<_>>()
                    .join(" "),
                Range::Words(text) => format!("words {text}"),
            });
        }
        assert_eq!(words.join(" | "), expected, "{text}");
    }

    #[test]
    fn constraints_are_read_with_and_without_commas() {
        check("", "");
        check("< 2.2.19", "<2.2.19");
        check(">= 3.1 < 3.1.17", ">=3.1 <3.1.17");
        check(">=3.1,<3.1.17||= 4", ">=3.1 <3.1.17 | =4");
        check("< 0:1-2.el9_4.5 || >= 0:1.19, < 0:1.19-8.el9", "<0:1-2.el9_4.5 | >=0:1.19 <0:1.19-8.el9");
    }

    #[test]
    fn words_for_no_fix() {
        for none in ["", "None", "none", " N/A"] {
            assert_eq!(fix_version(none), None, "{none}");
        }
        assert_eq!(fix_version(" 1.2 "), Some("1.2"));
    }
}
