//! CISA's catalogue of known exploited vulnerabilities.
//!
//! Shape: one JSON object with `vulnerabilities`. Source: <https://www.cisa.gov/known-exploited-vulnerabilities-catalog>, its JSON schema.
//! Errors: a catalogue that is no such object, or an entry without id, refuses the whole.

use serde::Deserialize;
use signet_model::{KnownExploited, Timestamp};

use super::{FeedError, time};
use crate::record::{Feed, Record, Sink, Trust};

/// What the catalogue is, for the table of feeds.
pub fn feed(url: &str, released: Option<Timestamp>, trust: Trust) -> Feed {
    Feed {
        name: "kev".to_owned(),
        url: url.to_owned(),
        data_time: released,
        licence: "CC0-1.0".to_owned(),
        redistributable: true,
        attribution: String::new(),
        trust,
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Catalogue {
    date_released: Option<String>,
    count: Option<u64>,
    vulnerabilities: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    #[serde(rename = "cveID")]
    cve_id: String,
    date_added: String,
    #[serde(default)]
    due_date: Option<String>,
    #[serde(default)]
    required_action: Option<String>,
    #[serde(default)]
    known_ransomware_campaign_use: Option<String>,
}

/// Reads the catalogue; gives the time of its release.
pub fn read(bytes: &[u8], sink: &mut Sink<'_>) -> Result<Option<Timestamp>, FeedError> {
    let json = |err| FeedError::Json { place: "known_exploited_vulnerabilities.json".to_owned(), err };
    let catalogue: Catalogue = serde_json::from_slice(bytes).map_err(json)?;
    let entries = catalogue.vulnerabilities.len() as u64;
    if let Some(count) = catalogue.count.filter(|count| *count != entries) {
        let why = format!("it counts {count} entries and has {entries}");
        return Err(FeedError::Foreign { expected: "KEV catalogue", why });
    }
    for entry in catalogue.vulnerabilities {
        let ransomware = entry.known_ransomware_campaign_use.is_some_and(|word| word.eq_ignore_ascii_case("known"));
        let kev = KnownExploited {
            date_added: entry.date_added,
            due_date: entry.due_date.filter(|date| !date.is_empty()),
            ransomware,
            required_action: entry.required_action.filter(|text| !text.is_empty()),
        };
        sink(Record::Kev(entry.cve_id, Box::new(kev))).map_err(FeedError::Build)?;
    }
    Ok(catalogue.date_released.as_deref().and_then(time))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_read_whole() {
        let json = br#"{"dateReleased": "2025-08-25T17:04:19.9796Z", "count": 1, "vulnerabilities": [{"cveID": "CVE-2025-1",
            "dateAdded": "2025-08-25", "dueDate": "2025-09-15", "requiredAction": "Patch", "knownRansomwareCampaignUse": "Known"}]}"#;
        let mut records = Vec::new();
        let released = read(json, &mut |record| {
            records.push(record);
            Ok(())
        });
        assert_eq!(released.unwrap().map(|time| time.as_second()), Some(1_756_141_459));
        let expected = KnownExploited {
            date_added: "2025-08-25".to_owned(),
            due_date: Some("2025-09-15".to_owned()),
            ransomware: true,
            required_action: Some("Patch".to_owned()),
        };
        assert_eq!(records, [Record::Kev("CVE-2025-1".to_owned(), Box::new(expected))]);
    }

    #[test]
    fn a_cut_catalogue_is_refused() {
        let read = |json: &[u8]| read(json, &mut |_| Ok(()));
        assert!(read(br#"{"count": 2, "vulnerabilities": []}"#).is_err());
        assert!(read(br#"{"count": 0}"#).is_err());
        assert!(read(b"[").is_err());
    }
}
