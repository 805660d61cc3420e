//! `sign/merkle-proofs`: inclusion and consistency proofs of transparency-dev.

use std::path::Path;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use signet_trust::merkle::{Hash, consistency, inclusion};

use super::{Answer, compare};
use crate::set::{Case, Judged, files, json, judge};

pub(crate) fn evaluate(folder: &Path) -> Result<Vec<Judged>> {
    let mut cases = Vec::new();
    for path in files(folder)? {
        if path.extension().is_none_or(|ending| ending != "json") {
            continue;
        }
        let mut proof = json(&path)?;
        let refuse =
            proof.as_object_mut().and_then(|proof| proof.remove("wantErr")).context("a proof says what is expected")?;
        let refuse = refuse.as_bool().context("`wantErr` is yes or no")?;
        let id = path.strip_prefix(folder).unwrap_or(&path).display().to_string();
        let kind = if proof.get("leafIdx").is_some() { "inclusion" } else { "consistency" };
        let case = Case::new(id, proof, !refuse).within(kind);
        cases.push(if refuse { case.refused() } else { case });
    }
    Ok(judge(cases, answer, |_, answer, accept| compare(answer, *accept)))
}

fn answer(proof: &Value) -> Answer {
    Answer::of(verify(proof))
}

fn verify(proof: &Value) -> std::result::Result<(), String> {
    let number = |name: &str| proof[name].as_u64().ok_or_else(|| format!("`{name}` is no number"));
    let hash = |value: &Value| -> std::result::Result<Hash, String> {
        let mut bytes = STANDARD.decode(value.as_str().unwrap_or_default()).map_err(|error| error.to_string())?;
        // Where the vectors do not care they hold a few words instead of a hash; nothing at all is no hash.
        if !bytes.is_empty() {
            bytes.resize(bytes.len().max(32), 0);
        }
        Hash::try_from(bytes).map_err(|bytes| format!("a hash of {} bytes", bytes.len()))
    };
    let hashes: Vec<Hash> =
        proof["proof"].as_array().into_iter().flatten().map(hash).collect::<std::result::Result<_, _>>()?;
    let result = if proof.get("leafIdx").is_some() {
        inclusion(&hash(&proof["leafHash"])?, number("leafIdx")?, number("treeSize")?, &hashes, &hash(&proof["root"])?)
    } else {
        consistency(number("size1")?, number("size2")?, &hashes, &hash(&proof["root1"])?, &hash(&proof["root2"])?)
    };
    result.map_err(|error| error.to_string())
}
