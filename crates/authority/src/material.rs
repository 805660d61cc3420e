//! What tells clients whom to trust and where to go.
//!
//! Source: sigstore/protobuf-specs `sigstore_trustroot.proto` (`TrustedRoot`, `SigningConfig`, `ClientTrustConfig`) in ProtoJSON.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::ca::Authority;
use crate::ct::CertificateLog;
use crate::log::TransparencyLog;
use crate::log::v1::PromisingLog;
use crate::stack::Logs;
use crate::text::b64;
use crate::tsa::TimestampAuthority;

const TRUSTED_ROOT: &str = "application/vnd.dev.sigstore.trustedroot+json;version=0.1";
const SIGNING_CONFIG: &str = "application/vnd.dev.sigstore.signingconfig.v0.2+json";
const CLIENT_TRUST_CONFIG: &str = "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json";
/// File names under which TUF repositories hold the two.
pub(crate) const TRUSTED_ROOT_FILE: &str = "trusted_root.json";
pub(crate) const SIGNING_CONFIG_FILE: &str = "signing_config.v0.2.json";

/// RFC 3339 in whole seconds.
pub(crate) fn seconds(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// `TrustedRoot` of these authorities, all of which begin at `start`.
pub(crate) fn trusted_root(
    organization: &str,
    start: Timestamp,
    authority: &Authority,
    certificates: &CertificateLog,
    log: &TransparencyLog,
    promising: Option<&PromisingLog>,
    timestamps: &TimestampAuthority,
) -> Value {
    let valid = json!({"start": seconds(start)});
    let chain = |chain: &[Vec<u8>]| -> Value {
        json!({"certificates": chain.iter().map(|der| json!({"rawBytes": b64(der)})).collect::<Vec<_>>()})
    };
    let instance = |address: String, key: &crate::key::SigningKey, id: [u8; 32]| {
        json!({
            "baseUrl": address,
            "hashAlgorithm": "SHA2_256",
            "publicKey": {"rawBytes": b64(key.spki()), "keyDetails": key.details(), "validFor": valid},
            "logId": {"keyId": b64(id)},
        })
    };
    let mut logs = vec![instance(format!("https://{}", log.origin()), log.key(), log.id())];
    logs.extend(promising.map(|log| instance(format!("https://{}", log.host()), log.key(), log.id())));
    json!({
        "mediaType": TRUSTED_ROOT,
        "tlogs": logs,
        "certificateAuthorities": [{
            "subject": {"organization": organization, "commonName": format!("{organization} root")},
            "uri": format!("https://ca.{organization}"),
            "certChain": chain(authority.chain()),
            "validFor": valid,
        }],
        "ctlogs": [instance(format!("https://ct.{organization}"), certificates.key(), certificates.key().id())],
        "timestampAuthorities": [{
            "subject": {"organization": organization, "commonName": format!("{organization} timestamp root")},
            "uri": format!("https://tsa.{organization}/api/v1/timestamp"),
            "certChain": chain(timestamps.chain()),
            "validFor": valid,
        }],
    })
}

/// `SigningConfig` of services that answer under one address.
pub(crate) fn signing_config(organization: &str, start: Timestamp, url: &str, issuer: &str, logs: Logs) -> Value {
    let one = |url: &str, version: u8| json!({"url": url, "majorApiVersion": version, "validFor": {"start": seconds(start)}, "operator": organization});
    let service = |url: String, version: u8| json!([one(&url, version)]);
    let logs = match logs {
        Logs::V2 => vec![one(url, 2)],
        Logs::V1 => vec![one(url, 1)],
        Logs::Both => vec![one(url, 2), one(url, 1)],
    };
    json!({
        "mediaType": SIGNING_CONFIG,
        "caUrls": service(url.to_owned(), 1),
        "oidcUrls": service(issuer.to_owned(), 1),
        "rekorTlogUrls": logs,
        "rekorTlogConfig": {"selector": "ANY"},
        "tsaUrls": service(format!("{url}/api/v1/timestamp"), 1),
        "tsaConfig": {"selector": "ANY"},
    })
}

/// `ClientTrustConfig`: both in one file.
pub(crate) fn client_trust_config(trusted_root: &Value, signing_config: &Value) -> Value {
    json!({"mediaType": CLIENT_TRUST_CONFIG, "trustedRoot": trusted_root, "signingConfig": signing_config})
}
