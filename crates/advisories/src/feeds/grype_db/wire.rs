//! The JSON in Grype's database. Source: anchore/grype `grype/db/v6/blobs.go`, `grype/db/v6/distribution/latest.go`.

use std::fmt;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// A field that may be null.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(from: D) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(from)?.unwrap_or_default())
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Vulnerability {
    #[serde(default, deserialize_with = "or_default")]
    pub(super) description: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) refs: Vec<Reference>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) aliases: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) severities: Vec<Severity>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Reference {
    #[serde(default, deserialize_with = "or_default")]
    pub(super) id: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) url: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Severity {
    #[serde(default, deserialize_with = "or_default")]
    pub(super) value: Value,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) source: String,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Package {
    #[serde(default, deserialize_with = "or_default")]
    pub(super) cves: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) qualifiers: Qualifiers,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) ranges: Vec<Range>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Qualifiers {
    #[serde(default)]
    pub(super) rpm_modularity: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) platform_cpes: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) architecture: Words,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) go_imports: Vec<GoImport>,
}

/// One text or several: the field changed between revisions.
#[derive(Debug, Default)]
pub(super) struct Words(pub(super) Vec<String>);

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Words, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Words;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a list of texts")
            }

            fn visit_str<E>(self, text: &str) -> Result<Words, E> {
                Ok(Words(vec![text.to_owned()]))
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<Words, A::Error> {
                let mut words = Vec::new();
                while let Some(word) = list.next_element()? {
                    words.push(word);
                }
                Ok(Words(words))
            }
        }
        from.deserialize_any(Visitor)
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct GoImport {
    #[serde(default, deserialize_with = "or_default")]
    pub(super) path: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) symbols: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Range {
    #[serde(default, deserialize_with = "or_default")]
    pub(super) version: Version,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) fix: Fix,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Version {
    #[serde(default, deserialize_with = "or_default")]
    pub(super) constraint: String,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Fix {
    #[serde(default, deserialize_with = "or_default")]
    pub(super) version: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) state: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) detail: FixDetail,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct FixDetail {
    #[serde(default, deserialize_with = "or_default")]
    pub(super) available: Available,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) references: Vec<Reference>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Available {
    #[serde(default, deserialize_with = "or_default")]
    pub(super) date: String,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Kev {
    #[serde(default, deserialize_with = "or_default")]
    pub(super) date_added: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) due_date: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) required_action: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) known_ransomware_campaign_use: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Latest {
    #[serde(default, deserialize_with = "or_default")]
    pub(super) status: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) schema_version: Value,
    #[serde(default)]
    pub(super) built: Option<String>,
    pub(super) path: String,
    pub(super) checksum: String,
}
