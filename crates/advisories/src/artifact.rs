//! The compiled database as an OCI artifact: media types, and the configuration that says what the layers give.
//!
//! ```text
//!   manifest   artifactType  application/vnd.signet.db.v1
//!     config                 application/vnd.signet.db.config.v1+json     what the database is: digest, size, format, feeds
//!     layers[0]              application/vnd.signet.db.layer.v1+zstd      the whole file
//!     layers[1..]            application/vnd.signet.db.delta.v1+zstd      differences from older files, if any
//! ```
//!
//! The manifest's digest covers the configuration's, and that names the database's and each difference's base: annotations are hints for people
//! and nothing reads them. What the configuration says of feeds is what the database says of them, so that a registry can be asked without
//! fetching it; the database itself is what counts.

use serde::{Deserialize, Serialize};
use signet_model::{Digest, Timestamp};

use crate::FORMAT_VERSION;
use crate::record::Feed;

/// What the artifact is.
pub const ARTIFACT_TYPE: &str = "application/vnd.signet.db.v1";
/// Media type of the configuration.
pub const CONFIG: &str = "application/vnd.signet.db.config.v1+json";
/// Media type of the layer that holds the whole database.
pub const LAYER: &str = "application/vnd.signet.db.layer.v1+zstd";
/// Media type of a difference from an older database ([`crate::delta`]).
pub const DELTA: &str = "application/vnd.signet.db.delta.v1+zstd";

/// Feeds and differences of one artifact.
const MOST: usize = 1000;

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// It is no JSON of this shape.
    #[error("the configuration of the artifact cannot be read")]
    Json(#[source] serde_json::Error),
    /// It holds what cannot be.
    #[error("the configuration of the artifact cannot be used: {0}")]
    Foreign(String),
    /// Compiled by another version of Signet.
    #[error("the artifact holds a database of format {found}, and this program reads format {FORMAT_VERSION}")]
    Version {
        /// The version that it states.
        found: u32,
    },
}

/// What an artifact holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArtifactConfig {
    /// Digest of the database (SHA-256 of its header).
    pub database: Digest,
    /// Bytes of the database, unpacked.
    pub size: u64,
    /// The oldest of its feeds' times.
    pub data_time: Option<Timestamp>,
    /// Names of the feeds.
    pub feeds: Vec<ArtifactFeed>,
    /// Names of the feeds whose records were left out.
    pub left_out: Vec<String>,
    /// Differences: the layer, and the database that it applies to.
    pub deltas: Vec<ArtifactDelta>,
}

/// A feed of the database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ArtifactFeed {
    /// Short name.
    pub name: String,
    /// SPDX expression or words.
    pub licence: String,
    /// The line that its licence wants to be shown.
    #[serde(default)]
    pub attribution: String,
}

/// A difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArtifactDelta {
    /// Digest of the database that it applies to.
    pub base: Digest,
    /// Digest of the layer.
    pub layer: Digest,
    /// Bytes of the difference, unpacked.
    pub size: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    format_version: u32,
    database: String,
    size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    data_time: Option<String>,
    #[serde(default)]
    feeds: Vec<ArtifactFeed>,
    #[serde(default)]
    left_out: Vec<String>,
    #[serde(default)]
    deltas: Vec<WireDelta>,
}

#[derive(Serialize, Deserialize)]
struct WireDelta {
    base: String,
    layer: String,
    size: u64,
}

impl ArtifactConfig {
    /// Says what a database is.
    pub fn of(database: Digest, size: u64, feeds: &[Feed], left_out: &[Feed]) -> ArtifactConfig {
        ArtifactConfig {
            database,
            size,
            data_time: feeds.iter().filter_map(|feed| feed.data_time).min(),
            feeds: feeds
                .iter()
                .map(|feed| ArtifactFeed {
                    name: feed.name.clone(),
                    licence: feed.licence.clone(),
                    attribution: feed.attribution.clone(),
                })
                .collect(),
            left_out: left_out.iter().map(|feed| feed.name.clone()).collect(),
            deltas: Vec::new(),
        }
    }

    /// As JSON, the same bytes every time.
    pub fn to_json(&self) -> Vec<u8> {
        let wire = Wire {
            format_version: FORMAT_VERSION,
            database: self.database.to_string(),
            size: self.size,
            data_time: self.data_time.map(|time| time.to_string()),
            feeds: self.feeds.clone(),
            left_out: self.left_out.clone(),
            deltas: self
                .deltas
                .iter()
                .map(|delta| WireDelta {
                    base: delta.base.to_string(),
                    layer: delta.layer.to_string(),
                    size: delta.size,
                })
                .collect(),
        };
        serde_json::to_vec(&wire).unwrap_or_default()
    }

    /// Reads a configuration whose digest was checked.
    ///
    /// Errors: another shape; a database of another format; digests that are none.
    pub fn parse(bytes: &[u8]) -> Result<ArtifactConfig, ArtifactError> {
        let wire: Wire = serde_json::from_slice(bytes).map_err(ArtifactError::Json)?;
        if wire.format_version != FORMAT_VERSION {
            return Err(ArtifactError::Version { found: wire.format_version });
        }
        if wire.feeds.len() > MOST || wire.left_out.len() > MOST || wire.deltas.len() > MOST {
            return Err(ArtifactError::Foreign(format!("it lists more than {MOST} feeds or differences")));
        }
        let digest = |text: &str| -> Result<Digest, ArtifactError> {
            text.parse().map_err(|_| ArtifactError::Foreign(format!("`{}` is no digest", text.escape_debug())))
        };
        let data_time = match &wire.data_time {
            Some(text) => Some(
                text.parse().map_err(|_| ArtifactError::Foreign(format!("`{}` is no time", text.escape_debug())))?,
            ),
            None => None,
        };
        let deltas = wire
            .deltas
            .iter()
            .map(|delta| {
                Ok(ArtifactDelta { base: digest(&delta.base)?, layer: digest(&delta.layer)?, size: delta.size })
            })
            .collect::<Result<_, ArtifactError>>()?;
        Ok(ArtifactConfig {
            database: digest(&wire.database)?,
            size: wire.size,
            data_time,
            feeds: wire.feeds,
            left_out: wire.left_out,
            deltas,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn config() -> ArtifactConfig {
        ArtifactConfig {
            database: Digest::sha256(b"database"),
            size: 7,
            data_time: "2026-01-15T00:00:00Z".parse().ok(),
            feeds: vec![ArtifactFeed {
                name: "osv".to_owned(),
                licence: "CC-BY-4.0".to_owned(),
                attribution: "from us".to_owned(),
            }],
            left_out: vec!["wolfi".to_owned()],
            deltas: vec![ArtifactDelta { base: Digest::sha256(b"old"), layer: Digest::sha256(b"layer"), size: 3 }],
        }
    }

    #[test]
    fn a_configuration_returns_as_it_went() {
        assert_eq!(ArtifactConfig::parse(&config().to_json()).unwrap(), config());
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let text = String::from_utf8(config().to_json()).unwrap();
        for (from, to) in [
            ("\"formatVersion\":2", "\"formatVersion\":9"),
            ("sha256:", "sha256-"),
            ("2026-01-15", "soon"),
            ("\"size\":7", "\"size\":-7"),
        ] {
            assert!(ArtifactConfig::parse(text.replacen(from, to, 1).as_bytes()).is_err(), "{to}");
        }
    }

    proptest! {
        #[test]
        fn damage_never_panics(flips in prop::collection::vec((0usize..10_000, 1u8..), 1..5)) {
            let mut bytes = config().to_json();
            for (at, bits) in flips {
                let at = at % bytes.len();
                bytes[at] ^= bits;
            }
            let _read = ArtifactConfig::parse(&bytes);
        }
    }
}
