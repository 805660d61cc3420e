//! FriendsOfPHP: one YAML file per Composer package and vulnerability, with branches of versions.
//! Source: <https://github.com/FriendsOfPHP/security-advisories>.

use std::collections::BTreeMap;

use serde::Deserialize;
use signet_model::Status;

use super::source::{Reading, Source};
use super::{FeedError, alpine};
use crate::order::Order;
use crate::ranges;
use crate::record::{Affected, Detail, Record};

/// What the feed is.
pub(super) static SOURCE: Source = Source {
    id: "friendsofphp",
    name: "PHP Security Advisories Database",
    urls: &["https://github.com/FriendsOfPHP/security-advisories/archive/refs/heads/master.tar.gz"],
    licence: "Unlicense",
    redistributable: true,
    attribution: "",
    run,
};

#[derive(Deserialize)]
struct Advisory {
    #[serde(default)]
    title: String,
    #[serde(default)]
    link: Option<String>,
    #[serde(default)]
    cve: Option<String>,
    branches: BTreeMap<String, Branch>,
    reference: String,
}

#[derive(Deserialize)]
struct Branch {
    versions: Vec<String>,
}

fn run(reading: &mut Reading<'_>) -> Result<(), FeedError> {
    for path in reading.paths(&[".yaml", ".yml"]) {
        let Some(row) = alpine::file::<Advisory>(reading, &path)? else { continue };
        reading.tally.records += 1;
        let Some(package) = row.reference.strip_prefix("composer://") else {
            reading.unknown(&row.reference);
            continue;
        };
        let file = path.rsplit('/').next().unwrap_or_default();
        let by_name = file.rsplit_once('.').map_or(file, |(stem, _)| stem).to_owned();
        let id = row.cve.filter(|id| id.starts_with("CVE-")).unwrap_or(by_name);
        let Some(mut advisory) = reading.blank("composer", package, &id) else { continue };
        let mut vulnerable = Vec::new();
        for branch in row.branches.values() {
            vulnerable.extend(ranges::parse(Some(Order::Composer), &branch.versions.join(",")));
            let ends = branch.versions.iter().filter_map(|text| text.trim().strip_prefix('<'));
            advisory.fixed.extend(ends.filter(|end| !end.starts_with('=')).map(|end| end.trim().to_owned()));
        }
        advisory.affected = Affected { vulnerable, ..Affected::default() };
        advisory.status = if advisory.fixed.is_empty() { Status::Affected } else { Status::Fixed };
        reading.put(Record::Advisory(Box::new(advisory)))?;
        let detail = Detail { title: row.title, references: row.link.into_iter().collect(), ..Detail::default() };
        reading.put(Record::Detail(id, Box::new(detail)))?;
    }
    Ok(())
}
