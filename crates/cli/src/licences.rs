//! The scanner `license`: what the licences of the packages ask for, and which of them somebody forbids.

use anyhow::{Result, bail};
use signet_model::{Inventory, PackageIndex, Severity};
use signet_policy::licences::{Category, category, ids};

use crate::report::{LicenceFinding, Report};

/// `--license-deny`, `--ignored-licenses`: categories by name, licences by id, in any case.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules {
    denied: Names,
    ignored: Names,
}

#[derive(Clone, Debug, Default)]
struct Names {
    categories: Vec<Category>,
    ids: Vec<String>,
}

impl Names {
    fn parse(texts: &[String]) -> Names {
        let mut names = Names::default();
        for text in texts.iter().map(|text| text.trim()).filter(|text| !text.is_empty()) {
            match Category::from_name(text) {
                Some(category) => names.categories.push(category),
                None => names.ids.push(text.to_ascii_lowercase()),
            }
        }
        names
    }

    fn is_empty(&self) -> bool {
        self.categories.is_empty() && self.ids.is_empty()
    }

    fn id(&self, id: &str) -> bool {
        self.ids.contains(&id.to_ascii_lowercase())
    }
}

impl Rules {
    /// Reads the options; they mean nothing without the scanner.
    pub(crate) fn parse(denied: &[String], ignored: &[String], asked: bool) -> Result<Rules> {
        let rules = Rules { denied: Names::parse(denied), ignored: Names::parse(ignored) };
        let named = !rules.denied.is_empty() || !rules.ignored.is_empty();
        if named && !asked {
            bail!("`--license-deny` and `--ignored-licenses` need `--scanners vuln,license`");
        }
        Ok(rules)
    }

    /// Looks at every package. One with several licences has a line for each; one without any has one that says so.
    pub(crate) fn apply(&self, inventory: &Inventory, severities: Option<&[Severity]>) -> Vec<LicenceFinding> {
        let mut found = Vec::new();
        for (at, package) in inventory.packages.iter().enumerate() {
            let index = PackageIndex(u32::try_from(at).unwrap_or(u32::MAX));
            // The project that is examined is not shipped under somebody else's licence.
            if matches!(package.directness, signet_model::Directness::Root | signet_model::Directness::Workspace) {
                continue;
            }
            let mut texts: Vec<&str> = package.licenses.iter().map(|license| license.value.trim()).collect();
            texts.retain(|text| !text.is_empty());
            texts.sort_unstable();
            texts.dedup();
            if texts.is_empty() {
                texts.push("");
            }
            found.extend(texts.into_iter().map(|text| self.judge(index, text, severities)));
        }
        found.sort_by(|a, b| {
            (b.denied, b.severity, b.category)
                .cmp(&(a.denied, a.severity, a.category))
                .then_with(|| a.package.cmp(&b.package))
                .then_with(|| a.licence.cmp(&b.licence))
        });
        found
    }

    fn judge(&self, package: PackageIndex, text: &str, severities: Option<&[Severity]>) -> LicenceFinding {
        let category = category(text);
        let severity = category.severity();
        let ids = ids(text);
        // A category is that of the mildest choice; a licence that is denied by name is denied where a choice could avoid it too, as nobody here
        // knows what was chosen.
        let denied = self.denied.categories.contains(&category)
            || ids.iter().any(|id| self.denied.id(id))
            || self.denied.id(text);
        let all_ignored = self.ignored.id(text) || (!ids.is_empty() && ids.iter().all(|id| self.ignored.id(id)));
        let ignored = if self.ignored.categories.contains(&category) || all_ignored {
            Some("--ignored-licenses")
        } else if severities.is_some_and(|wanted| !wanted.contains(&severity)) && !denied {
            Some("--severity")
        } else {
            None
        };
        LicenceFinding { package, licence: text.to_owned(), category, severity, denied, ignored }
    }
}

/// Whether a licence that somebody denies is there.
pub(crate) fn denied(report: &Report) -> usize {
    report.active_licences().filter(|licence| licence.denied).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(licence: &str, denied: &[&str], ignored: &[&str], expected: (bool, bool)) {
        let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let rules = Rules::parse(&texts(denied), &texts(ignored), true).unwrap();
        let found = rules.judge(PackageIndex(0), licence, None);
        assert_eq!((found.denied, found.ignored.is_some()), expected, "{licence} {denied:?} {ignored:?}");
    }

    #[test]
    fn names_and_categories() {
        check("GPL-3.0-only", &["restricted"], &[], (true, false));
        check("GPL-3.0-only", &["gpl-3.0-ONLY"], &[], (true, false));
        check("MIT", &["restricted", "forbidden"], &[], (false, false));
        check("MIT", &[], &["mit"], (false, true));
        check("MIT AND ISC", &[], &["MIT"], (false, false));
        check("MIT AND ISC", &[], &["MIT", "ISC"], (false, true));
        check("MIT OR GPL-3.0-only", &["restricted"], &[], (false, false));
        check("Our Own Terms", &["our own terms"], &[], (true, false));
        check("", &["unknown"], &[], (true, false));
        check("", &[], &["notice"], (false, false));
        assert!(Rules::parse(&["x".to_owned()], &[], false).is_err());
    }
}
