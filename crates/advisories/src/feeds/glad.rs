//! GitLab's advisory database: one file per package and vulnerability, YAML in its repository (snake case), JSON in `vuln-list` (Pascal case).
//! The community edition is MIT and 30 days old; only packages of ecosystems that we order are read.
//! Source: <https://gitlab.com/gitlab-org/advisories-community>.

use serde::Deserialize;
use signet_model::{Cvss, Severity, Status};

use super::source::{Reading, Source};
use super::{FeedError, alpine};
use crate::record::{Affected, Detail, Record};
use crate::{ranges, streams};

/// What the feed is.
pub(super) static SOURCE: Source = Source {
    id: "gitlab",
    name: "GitLab Advisory Database Community",
    urls: &["https://gitlab.com/gitlab-org/advisories-community/-/archive/main/advisories-community-main.tar.gz"],
    licence: "MIT",
    redistributable: true,
    attribution: "Contains the GitLab Advisory Database Community edition, https://gitlab.com/gitlab-org/advisories-community",
    run,
};

#[derive(Deserialize)]
struct Advisory {
    #[serde(alias = "Identifier")]
    identifier: String,
    #[serde(alias = "PackageSlug")]
    package_slug: String,
    #[serde(alias = "Title", default)]
    title: String,
    #[serde(alias = "Description", default)]
    description: String,
    #[serde(alias = "Date", default)]
    date: Option<String>,
    #[serde(alias = "AffectedRange")]
    affected_range: String,
    #[serde(alias = "FixedVersions", default)]
    fixed_versions: Option<Vec<String>>,
    #[serde(alias = "Urls", default)]
    urls: Option<Vec<String>>,
    #[serde(alias = "CvssV3", default)]
    cvss_v3: Option<String>,
    #[serde(default)]
    identifiers: Option<Vec<String>>,
}

fn run(reading: &mut Reading<'_>) -> Result<(), FeedError> {
    for path in reading.paths(&[".json", ".yml", ".yaml"]) {
        let Some(row) = alpine::file::<Advisory>(reading, &path)? else { continue };
        reading.tally.records += 1;
        let Some((ecosystem, name)) = row.package_slug.split_once('/') else {
            reading.malformed(&path, "the package's name has no ecosystem");
            continue;
        };
        let stream = match ecosystem {
            "packagist" => "composer",
            "pypi" => "python",
            "maven" => "java",
            other => other,
        };
        if streams::rules(stream).is_none() {
            reading.unknown(ecosystem);
            continue;
        }
        let name = if stream == "java" { name.replacen('/', ":", 1) } else { name.to_owned() };
        let Some(mut advisory) = reading.blank(stream, &name, &row.identifier) else { continue };
        let order = streams::rules(stream).map(|rules| rules.order);
        // Comparisons of one range stand apart by spaces.
        let spaced = row
            .affected_range
            .split("||")
            .map(|range| range.split_whitespace().collect::<Vec<_>>().join(",").replace(",,", ","));
        let words: Vec<String> = spaced.collect();
        advisory.affected = Affected { vulnerable: ranges::parse(order, &words.join("||")), ..Affected::default() };
        advisory.fixed = row.fixed_versions.unwrap_or_default();
        advisory.status = if advisory.fixed.is_empty() { Status::Affected } else { Status::Fixed };
        reading.put(Record::Advisory(Box::new(advisory)))?;
        let modified = row.date.as_deref().and_then(|text| reading.dated(text));
        let score = row.cvss_v3.as_deref().and_then(crate::cvss::base_score);
        let detail = Detail {
            aliases: row.identifiers.unwrap_or_default().into_iter().filter(|id| *id != row.identifier).collect(),
            title: row.title,
            description: row.description,
            severity: score.map(Severity::from_cvss),
            cvss: row
                .cvss_v3
                .map(|vector| (SOURCE.id.to_owned(), Cvss { v3: (Some(vector), score), ..Cvss::default() }))
                .into_iter()
                .collect(),
            references: row.urls.unwrap_or_default(),
            modified,
            ..Detail::default()
        };
        reading.put(Record::Detail(row.identifier, Box::new(detail)))?;
    }
    Ok(())
}
