//! What a `trusted_root.json` holds, for people to look at. What is believed of it, `signet_trust::TrustRoot` decides.
//!
//! Shape: sigstore/protobuf-specs:protos/sigstore_trustroot.proto, `TrustedRoot`, as ProtoJSON.

use anyhow::{Context as _, Result};
use serde::Deserialize;

/// One authority or log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trusted {
    pub(crate) kind: Kind,
    /// Address, or who it is, or the ID of the log.
    pub(crate) name: String,
    /// First and last moment, as the file has them.
    pub(crate) from: Option<String>,
    pub(crate) until: Option<String>,
}

/// What it is trusted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    CertificateAuthority,
    CertificateLog,
    TransparencyLog,
    TimestampAuthority,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::CertificateAuthority => "certificate authority",
            Kind::CertificateLog => "certificate log",
            Kind::TransparencyLog => "transparency log",
            Kind::TimestampAuthority => "timestamp authority",
        }
    }

    pub(crate) fn used_for(self) -> &'static str {
        match self {
            Kind::CertificateAuthority => "who signed without a key of their own",
            Kind::CertificateLog => "that such a certificate was published",
            Kind::TransparencyLog => "that a signature was published, and of old entries when",
            Kind::TimestampAuthority => "when something was signed",
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Document {
    certificate_authorities: Vec<Authority>,
    ctlogs: Vec<Log>,
    tlogs: Vec<Log>,
    timestamp_authorities: Vec<Authority>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Authority {
    uri: String,
    subject: Subject,
    valid_for: Window,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Subject {
    organization: String,
    common_name: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Log {
    base_url: String,
    log_id: LogId,
    public_key: Key,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct LogId {
    key_id: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Key {
    valid_for: Window,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Window {
    start: Option<String>,
    end: Option<String>,
}

/// Reads the document.
pub(crate) fn of(trusted_root: &[u8]) -> Result<Vec<Trusted>> {
    let document: Document = serde_json::from_slice(trusted_root).context("the trusted root cannot be read")?;
    let authority = |kind: Kind| {
        move |found: Authority| {
            let subject = [found.subject.common_name, found.subject.organization];
            let subject: Vec<String> = subject.into_iter().filter(|text| !text.is_empty()).collect();
            let name = if found.uri.is_empty() { subject.join(", ") } else { found.uri };
            Trusted { kind, name, from: found.valid_for.start, until: found.valid_for.end }
        }
    };
    let log = |kind: Kind| {
        move |found: Log| {
            let name = if found.base_url.is_empty() { found.log_id.key_id } else { found.base_url };
            Trusted { kind, name, from: found.public_key.valid_for.start, until: found.public_key.valid_for.end }
        }
    };
    let mut all: Vec<Trusted> = Vec::new();
    all.extend(document.certificate_authorities.into_iter().map(authority(Kind::CertificateAuthority)));
    all.extend(document.ctlogs.into_iter().map(log(Kind::CertificateLog)));
    all.extend(document.tlogs.into_iter().map(log(Kind::TransparencyLog)));
    all.extend(document.timestamp_authorities.into_iter().map(authority(Kind::TimestampAuthority)));
    Ok(all)
}

#[cfg(test)]
mod tests {
    use signet_trust::Instance;

    use super::*;

    #[test]
    fn the_built_in_roots_are_told() {
        for instance in Instance::ALL {
            let all = of(instance.trusted_root()).unwrap();
            let count = |kind: Kind| all.iter().filter(|trusted| trusted.kind == kind).count();
            assert!(count(Kind::CertificateAuthority) > 0, "{instance:?}");
            assert!(count(Kind::TimestampAuthority) > 0, "{instance:?}");
            assert_eq!(count(Kind::TransparencyLog) > 0, instance != Instance::Github, "{instance:?}");
            assert!(all.iter().all(|trusted| !trusted.name.is_empty() && trusted.from.is_some()), "{all:?}");
        }
    }
}
