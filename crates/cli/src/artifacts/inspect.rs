//! `signet bundle inspect`: what a Sigstore bundle holds, as it says itself.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use signet_model::Timestamp;
use signet_trust::{Certificate, Envelope, Statement};

use super::args::InspectArgs;
use super::unverified::claims;
use crate::exit::Exit;
use crate::output;
use crate::verify::demand::file_within;
use crate::verify::discover::Shape;
use crate::verify::show::clean;

/// Bytes of a bundle.
const LARGEST: u64 = 128 << 20;

pub(crate) fn command(args: &InspectArgs) -> Result<Exit> {
    let bytes = if args.file == "-" {
        let mut bytes = Vec::new();
        std::io::stdin().lock().take(LARGEST + 1).read_to_end(&mut bytes).context("cannot read standard input")?;
        ensure!(bytes.len() as u64 <= LARGEST, "standard input is larger than {LARGEST} bytes");
        bytes
    } else {
        file_within(Path::new(&args.file), LARGEST)?
    };
    let bundle: Value = serde_json::from_slice(&bytes).with_context(|| format!("`{}` is no JSON", args.file))?;
    ensure!(
        bundle.get("verificationMaterial").is_some(),
        "`{}` is no Sigstore bundle: it has no `verificationMaterial`",
        args.file
    );
    let found = describe(&bundle, &bytes);
    let text = if args.output == "json" { format!("{found:#}\n") } else { render(&found) };
    output::to_stdout(text.as_bytes())?;
    Ok(Exit::Well)
}

/// What is in it, as JSON. Each member is there only if the bundle has it.
pub(super) fn describe(bundle: &Value, bytes: &[u8]) -> Value {
    let claimed = claims(Shape::Bundle, bytes, &BTreeMap::new());
    let mut found = json!({
        "verified": false,
        "mediaType": bundle.get("mediaType"),
        "holds": claimed.what,
    });
    let text = |path: &str| bundle.pointer(path).and_then(Value::as_str);
    let raw = text("/verificationMaterial/certificate/rawBytes")
        .or_else(|| text("/verificationMaterial/x509CertificateChain/certificates/0/rawBytes"));
    if let Some(raw) = raw {
        let certificate = STANDARD.decode(raw).ok().and_then(|der| Certificate::from_der(&der).ok());
        found["certificate"] = match certificate {
            Some(certificate) => {
                let (from, to) = certificate.validity();
                let names: Vec<&str> = certificate.names().iter().map(signet_trust::SubjectName::value).collect();
                json!({
                    "names": names, "issuer": certificate.claims().issuer, "from": from.to_string(), "to": to.to_string(),
                })
            }
            None => json!({"unreadable": true}),
        };
    }
    if let Some(hint) = text("/verificationMaterial/publicKey/hint") {
        found["publicKey"] = json!({"hint": hint});
    }
    let entries = bundle.pointer("/verificationMaterial/tlogEntries").and_then(Value::as_array);
    let entries: Vec<Value> = entries.into_iter().flatten().map(entry).collect();
    if !entries.is_empty() {
        found["logEntries"] = entries.into();
    }
    let stamps =
        bundle.pointer("/verificationMaterial/timestampVerificationData/rfc3161Timestamps").and_then(Value::as_array);
    if let Some(stamps) = stamps.filter(|stamps| !stamps.is_empty()) {
        found["timestamps"] = stamps.len().into();
    }
    if let Some(digest) = text("/messageSignature/messageDigest/digest") {
        let algorithm = text("/messageSignature/messageDigest/algorithm").unwrap_or_default();
        let hex =
            STANDARD.decode(digest).map(|bytes| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
        found["messageDigest"] = json!({"algorithm": algorithm, "digest": hex.unwrap_or_default()});
    }
    if let Some(envelope) = bundle.get("dsseEnvelope") {
        let statement = Envelope::parse(envelope.to_string().as_bytes()).and_then(|envelope| Statement::of(&envelope));
        found["statement"] = match statement {
            Ok(statement) => {
                let subjects: Vec<Value> = statement
                    .subjects()
                    .iter()
                    .map(|subject| {
                        let digests: BTreeMap<&str, &str> =
                            subject.digests().iter().map(|(kind, hex)| (kind.as_str(), hex.as_str())).collect();
                        json!({"name": subject.name(), "digest": digests})
                    })
                    .collect();
                json!({"predicateType": statement.predicate_type(), "subjects": subjects})
            }
            Err(err) => json!({"unreadable": err.to_string()}),
        };
    }
    found
}

/// Numbers of 64 bits are texts in this form of JSON.
fn entry(entry: &Value) -> Value {
    let number = |path: &str| {
        let value = entry.pointer(path)?;
        value.as_i64().or_else(|| value.as_str()?.parse().ok())
    };
    let time = number("/integratedTime").filter(|seconds| *seconds > 0);
    json!({
        "kind": entry.pointer("/kindVersion/kind"), "version": entry.pointer("/kindVersion/version"),
        "logIndex": number("/logIndex"),
        "time": time.and_then(|seconds| Timestamp::from_second(seconds).ok()).map(|time| time.to_string()),
        "promise": entry.get("inclusionPromise").is_some(), "proof": entry.get("inclusionProof").is_some(),
    })
}

fn render(found: &Value) -> String {
    let plain = |value: &Value| match value {
        Value::String(text) => clean(text),
        Value::Null => "-".to_owned(),
        other => clean(&other.to_string()),
    };
    let mut text = String::new();
    let _ = writeln!(text, "{}: NOT VERIFIED, this is only what it says", plain(&found["mediaType"]));
    let mut row = |name: &str, value: String| {
        let _ = writeln!(text, "  {name:<13}{value}");
    };
    row("holds", plain(&found["holds"]));
    if let Some(certificate) = found.get("certificate") {
        for name in certificate["names"].as_array().into_iter().flatten() {
            row("signed by", plain(name));
        }
        row("vouched for", plain(&certificate["issuer"]));
        row("valid", format!("{} to {}", plain(&certificate["from"]), plain(&certificate["to"])));
    }
    if let Some(key) = found.get("publicKey") {
        row("key hint", plain(&key["hint"]));
    }
    for entry in found["logEntries"].as_array().into_iter().flatten() {
        let brings: Vec<&str> = ["promise", "proof"].into_iter().filter(|what| entry[*what] == true).collect();
        let time = if entry["time"].is_null() { String::new() } else { format!(" at {}", plain(&entry["time"])) };
        row(
            "log entry",
            format!(
                "{} {} with index {}{time}, brings {}",
                plain(&entry["kind"]),
                plain(&entry["version"]),
                plain(&entry["logIndex"]),
                if brings.is_empty() { "nothing".to_owned() } else { brings.join(" and ") }
            ),
        );
    }
    if let Some(stamps) = found.get("timestamps") {
        row("timestamps", plain(stamps));
    }
    if let Some(digest) = found.get("messageDigest") {
        row("digest", format!("{} {}", plain(&digest["algorithm"]), plain(&digest["digest"])));
    }
    if let Some(statement) = found.get("statement") {
        match statement.get("unreadable") {
            Some(why) => row("statement", format!("cannot be read: {}", plain(why))),
            None => {
                row("type", plain(&statement["predicateType"]));
                for subject in statement["subjects"].as_array().into_iter().flatten().take(20) {
                    let digests = subject["digest"].as_object();
                    let digests: Vec<String> = digests
                        .into_iter()
                        .flatten()
                        .map(|(kind, hex)| format!("{}:{}", clean(kind), plain(hex)))
                        .collect();
                    row("about", format!("{} {}", plain(&subject["name"]), digests.join(" ")));
                }
            }
        }
    }
    text
}
