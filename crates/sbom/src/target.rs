//! The formats that are written, by name: `cyclonedx-json@1.4`.

use std::fmt;

use signet_model::{Inventory, Subject};

use crate::{WriteOptions, cyclonedx, github, purls, spdx, syft};

/// A format to write, with its version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// CycloneDX 1.x in JSON: the minor version, 2 to 7.
    CycloneDxJson(u32),
    /// CycloneDX 1.x in XML: the minor version, 2 to 7.
    CycloneDxXml(u32),
    /// SPDX 2 in any form.
    Spdx2(spdx::Version, spdx::Form),
    /// SPDX 3.0.1 in JSON-LD.
    Spdx3,
    /// Syft's JSON.
    SyftJson,
    /// GitHub's dependency snapshot.
    GithubJson,
    /// A line for each package URL.
    Purls,
}

/// Why a name is none of a format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Another name.
    #[error("there is no format `{0}` here: {all}", all = NAMES.join(", "))]
    Name(String),
    /// The format is not written in that version.
    #[error("`{name}` is not written in version `{version}`: {known}")]
    Version {
        /// The format.
        name: String,
        /// What was asked for.
        version: String,
        /// What there is.
        known: &'static str,
    },
}

/// Names of the formats, without versions.
pub const NAMES: &[&str] = &[
    "cyclonedx-json",
    "cyclonedx-xml",
    "spdx-json",
    "spdx-tag-value",
    "spdx-yaml",
    "spdx-xml",
    "syft-json",
    "github-json",
    "purls",
];

/// The newest version of CycloneDX that other tools read today; newer ones are written when asked for.
const CYCLONEDX: u32 = 6;

impl std::str::FromStr for Target {
    type Err = TargetError;

    /// `NAME` or `NAME@VERSION`; versions may have the prefix `SPDX-` or `v`.
    fn from_str(text: &str) -> Result<Target, TargetError> {
        let (name, version) = text.split_once('@').map_or((text, None), |(name, version)| (name, Some(version)));
        let wrong = |known| TargetError::Version {
            name: name.to_owned(),
            version: version.unwrap_or_default().to_owned(),
            known,
        };
        let plain = version.map(|version| version.trim_start_matches("SPDX-").trim_start_matches('v'));
        let cyclonedx = || match plain {
            None => Ok(CYCLONEDX),
            Some(version) => match version.strip_prefix("1.").and_then(|minor| minor.parse().ok()) {
                Some(minor) if (2..=7).contains(&minor) => Ok(minor),
                _ => Err(wrong("1.2 to 1.7")),
            },
        };
        let spdx = |form| match plain {
            None | Some("2.3" | "2") => Ok(Target::Spdx2(spdx::Version::V2_3, form)),
            Some("2.2" | "2.2.2") => Ok(Target::Spdx2(spdx::Version::V2_2, form)),
            Some("3" | "3.0" | "3.0.1") if form == spdx::Form::Json => Ok(Target::Spdx3),
            _ if form == spdx::Form::Json => Err(wrong("2.2, 2.3, 3.0.1")),
            _ => Err(wrong("2.2, 2.3")),
        };
        let only = |target| match version {
            None => Ok(target),
            Some(_) => Err(wrong("it has one version only")),
        };
        match name {
            "cyclonedx-json" => cyclonedx().map(Target::CycloneDxJson),
            "cyclonedx-xml" => cyclonedx().map(Target::CycloneDxXml),
            "spdx-json" => spdx(spdx::Form::Json),
            "spdx-tag-value" => spdx(spdx::Form::TagValue),
            "spdx-yaml" => spdx(spdx::Form::Yaml),
            "spdx-xml" => spdx(spdx::Form::Xml),
            "syft-json" => only(Target::SyftJson),
            "github-json" => only(Target::GithubJson),
            "purls" => only(Target::Purls),
            other => Err(TargetError::Name(other.to_owned())),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::CycloneDxJson(minor) => write!(f, "cyclonedx-json@1.{minor}"),
            Target::CycloneDxXml(minor) => write!(f, "cyclonedx-xml@1.{minor}"),
            Target::Spdx2(version, form) => {
                let form = match form {
                    spdx::Form::Json => "json",
                    spdx::Form::TagValue => "tag-value",
                    spdx::Form::Yaml => "yaml",
                    spdx::Form::Xml => "xml",
                };
                let version = if *version == spdx::Version::V2_2 { "2.2" } else { "2.3" };
                write!(f, "spdx-{form}@{version}")
            }
            Target::Spdx3 => f.write_str("spdx-json@3.0.1"),
            Target::SyftJson => f.write_str("syft-json"),
            Target::GithubJson => f.write_str("github-json"),
            Target::Purls => f.write_str("purls"),
        }
    }
}

/// The inventory in a format, as the bytes of a file. The same inventory and options give the same bytes.
pub fn write(target: Target, subject: &Subject, inventory: &Inventory, options: &WriteOptions) -> Vec<u8> {
    match target {
        Target::CycloneDxJson(minor) => cyclonedx::write_json(minor, subject, inventory, None, options),
        Target::CycloneDxXml(minor) => cyclonedx::write_xml(minor, subject, inventory, None, options),
        Target::Spdx2(version, form) => spdx::write_as(version, form, subject, inventory, options),
        Target::Spdx3 => spdx::three::write(subject, inventory, options),
        Target::SyftJson => syft::write(subject, inventory, options),
        Target::GithubJson => github::write(subject, inventory, options),
        Target::Purls => purls::write(inventory).into_bytes(),
    }
}

/// The same, into a sink, piece by piece, so that a large document never stands in memory whole; GitHub's snapshots and lists of purls alone
/// are made whole first.
///
/// Errors: those of the sink.
pub fn write_to(
    target: Target,
    subject: &Subject,
    inventory: &Inventory,
    options: &WriteOptions,
    sink: &mut dyn std::io::Write,
) -> std::io::Result<()> {
    match target {
        Target::CycloneDxJson(minor) => cyclonedx::write_json_to(minor, subject, inventory, None, options, sink),
        Target::Spdx2(version, form) => spdx::write_to(version, form, subject, inventory, options, sink),
        Target::CycloneDxXml(minor) => cyclonedx::write_xml_to(minor, subject, inventory, None, options, sink),
        Target::Spdx3 => spdx::three::write_to(subject, inventory, options, sink),
        Target::SyftJson => syft::write_to(subject, inventory, options, sink),
        other => sink.write_all(&write(other, subject, inventory, options)),
    }
}
