//! Whose severity counts.

use signet_model::{DataSource, Severity, Vulnerability};

/// The key under which a vendor rates: Red Hat's data sources have several ids.
pub(super) fn vendor(source: &DataSource) -> &str {
    if source.id.starts_with("redhat") { "redhat" } else { &source.id }
}

/// The severity that the gate uses, and whose it is.
///
/// `auto` is Trivy's order (trivy `pkg/vulnerability/vulnerability.go`): the vendor's own for this package, the vendor's, that of the source it
/// builds on, GitHub's for GHSA ids, NVD's, else the one without a source.
pub(super) fn choose(
    vulnerability: &Vulnerability,
    overall: Severity,
    own: Option<Severity>,
    source: &DataSource,
    wanted: &[String],
) -> (Severity, Option<String>) {
    if wanted.is_empty() {
        return auto(vulnerability, overall, own, source);
    }
    for name in wanted {
        if name == "auto" {
            return auto(vulnerability, overall, own, source);
        }
        if let Some(severity) = vulnerability.severities.get(name) {
            return (*severity, Some(name.clone()));
        }
    }
    (Severity::Unknown, None)
}

fn auto(
    vulnerability: &Vulnerability,
    overall: Severity,
    own: Option<Severity>,
    source: &DataSource,
) -> (Severity, Option<String>) {
    let of = |name: &str| vulnerability.severities.get(name).map(|severity| (*severity, Some(name.to_owned())));
    if let Some(own) = own {
        return (own, Some(vendor(source).to_owned()));
    }
    of(vendor(source))
        .or_else(|| of(source.base_id.as_deref()?))
        .or_else(|| if vulnerability.id.starts_with("GHSA-") { of("ghsa") } else { None })
        .or_else(|| of("nvd"))
        .unwrap_or((overall, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(id: &str, source: &str, own: Option<Severity>, wanted: &[&str], expected: (Severity, Option<&str>)) {
        let severities = [("nvd", Severity::Critical), ("debian", Severity::Low), ("ghsa", Severity::High)];
        let vulnerability = Vulnerability {
            id: id.to_owned(),
            severities: severities.map(|(name, severity)| (name.to_owned(), severity)).into(),
            ..Vulnerability::default()
        };
        let source = DataSource { id: source.to_owned(), ..DataSource::default() };
        let wanted: Vec<String> = wanted.iter().map(|name| (*name).to_owned()).collect();
        let (severity, of) = choose(&vulnerability, Severity::Medium, own, &source, &wanted);
        assert_eq!((severity, of.as_deref()), expected, "{id} of {source:?}, wanted {wanted:?}");
    }

    #[test]
    fn the_vendor_comes_first() {
        check("CVE-1", "debian", None, &[], (Severity::Low, Some("debian")));
        check("CVE-1", "debian", Some(Severity::High), &[], (Severity::High, Some("debian")));
        check("CVE-1", "alpine", None, &[], (Severity::Critical, Some("nvd")));
        check("GHSA-1", "osv", None, &[], (Severity::High, Some("ghsa")));
        check("CVE-1", "debian", None, &["ghsa", "auto"], (Severity::High, Some("ghsa")));
        check("CVE-1", "debian", None, &["photon", "auto"], (Severity::Low, Some("debian")));
        check("CVE-1", "debian", None, &["photon"], (Severity::Unknown, None));
    }

    #[test]
    fn without_any_source_the_overall_one_counts() {
        let bare = Vulnerability::default();
        assert_eq!(choose(&bare, Severity::Medium, None, &DataSource::default(), &[]), (Severity::Medium, None));
    }
}
