//! Fedora's updates (Bodhi): one JSON object per update, or pages of them. An update lists source builds and the bugs it closes.
//!
//! CVE ids stand in the bugs' titles, the update's title, name and notes. An update about no CVE is an advisory under its own id.
//! Source: <https://bodhi.fedoraproject.org/docs/server_api/rest/updates.html>.

use serde::Deserialize;
use signet_model::Status;

use super::FeedError;
use super::source::{Reading, Source, before, by_source, cves, nvr, severity};
use crate::record::{Detail, Record};

/// What the feed is.
pub(super) static SOURCE: Source = Source {
    id: "fedora",
    name: "Fedora Updates System",
    urls: &["https://bodhi.fedoraproject.org/updates/?type=security&status=stable&rows_per_page=100&page={}"],
    licence: "none stated",
    redistributable: false,
    attribution: "",
    run,
};

#[derive(Deserialize)]
#[serde(untagged)]
enum File {
    Page { updates: Vec<Update> },
    Wrapped { update: Box<Update> },
    One(Box<Update>),
}

#[derive(Deserialize)]
struct Update {
    alias: String,
    #[serde(default)]
    display_name: Option<String>,
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    notes: Option<String>,
    #[serde(default)]
    severity: Option<String>,
    #[serde(rename = "type", default)]
    kind: Option<String>,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    date_stable: Option<String>,
    release: Release,
    #[serde(default)]
    bugs: Vec<Bug>,
    builds: Vec<Build>,
}

#[derive(Deserialize)]
struct Release {
    #[serde(default)]
    id_prefix: Option<String>,
    version: String,
}

#[derive(Deserialize)]
struct Bug {
    #[serde(default)]
    title: Option<String>,
}

#[derive(Deserialize)]
struct Build {
    nvr: String,
    #[serde(default)]
    epoch: Option<u64>,
}

fn run(reading: &mut Reading<'_>) -> Result<(), FeedError> {
    for path in reading.paths(&[".json"]) {
        match reading.json::<File>(&path)? {
            Some(File::Page { updates }) => {
                for update in updates {
                    one(reading, update)?;
                }
            }
            Some(File::Wrapped { update } | File::One(update)) => one(reading, *update)?,
            None => {}
        }
    }
    Ok(())
}

fn one(reading: &mut Reading<'_>, update: Update) -> Result<(), FeedError> {
    reading.tally.records += 1;
    if update.kind.as_deref().is_some_and(|kind| kind != "security") {
        reading.unknown("updates that are not about security");
        return Ok(());
    }
    // What is not stable yet, or was taken back, repairs nothing.
    if update.status.as_deref().is_some_and(|status| status != "stable") {
        reading.unknown("updates that are not stable");
        return Ok(());
    }
    let prefix = update.release.id_prefix.as_deref().unwrap_or("FEDORA");
    if prefix != "FEDORA" {
        reading.unknown(prefix);
        return Ok(());
    }
    let bugs = update.bugs.iter().filter_map(|bug| bug.title.as_deref());
    let texts = [&update.display_name, &update.title, &update.notes];
    let text: Vec<&str> = bugs.chain(texts.into_iter().filter_map(|text| text.as_deref())).collect();
    let mut ids = cves(&text.join("\n"));
    if ids.is_empty() {
        ids = vec![update.alias.clone()];
    }
    let stated = update.severity.as_deref().and_then(severity);
    let time = update.date_stable.as_deref().and_then(|text| reading.dated(&text.replace(' ', "T")));
    let stream = format!("fedora {}", update.release.version);
    for build in &update.builds {
        let Some((name, version, _)) = nvr(&build.nvr, false) else {
            reading.skip(&update.alias, format!("`{}` is no name, version and release", build.nvr));
            continue;
        };
        for id in &ids {
            let Some(mut advisory) = reading.blank(&stream, name, id) else { continue };
            by_source(&mut advisory);
            advisory.vendor_ids = vec![update.alias.clone()];
            advisory.severity = stated;
            advisory.status = Status::Fixed;
            (advisory.affected, advisory.fixed) = before(Some(&format!("{}:{version}", build.epoch.unwrap_or(0))));
            reading.put(Record::Advisory(Box::new(advisory)))?;
        }
    }
    for id in ids {
        let severities = stated.map(|severity| (SOURCE.id.to_owned(), severity)).into_iter().collect();
        reading.put(Record::Detail(id, Box::new(Detail { severities, modified: time, ..Detail::default() })))?;
    }
    Ok(())
}
