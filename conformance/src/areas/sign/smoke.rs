//! `sign/rekor*`: keys, signatures and entries of many kinds, without expectations: every reader takes each of them, or refuses it with a reason.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;
use signet_trust::{Certificate, Checkpoint, Envelope, Evidence, PublicKey, Statement, TrustRoot};

use super::bytes;
use crate::set::{Case, Judged, Verdict, files, judge};

pub(crate) fn evaluate(folder: &Path) -> Result<Vec<Judged>> {
    let cases = files(folder)?
        .into_iter()
        .map(|path| Case::new(path.strip_prefix(folder).unwrap_or(&path).display().to_string(), path, ()))
        .collect();
    Ok(judge(
        cases,
        |path: &PathBuf| answer(path),
        |_, answer, ()| match answer {
            Ok(()) => Verdict::Passed,
            Err(why) => Verdict::Failed(why.clone()),
        },
    ))
}

fn answer(path: &Path) -> std::result::Result<(), String> {
    let content = bytes(path).map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&content);
    let refusals = [
        PublicKey::from_pem(&text).err().map(|error| error.to_string()),
        PublicKey::from_der(&content).err().map(|error| error.to_string()),
        Certificate::from_der(&content).err().map(|error| error.to_string()),
        Envelope::parse(&content).err().map(|error| error.to_string()),
        Statement::parse(&content).err().map(|error| error.to_string()),
        Evidence::bundle(&content).err().map(|error| error.to_string()),
        Evidence::blob_bundle(&content).err().map(|error| error.to_string()),
        Evidence::detached(&content, Some(&text)).err().map(|error| error.to_string()),
        Evidence::attestation(&content, &BTreeMap::new()).err().map(|error| error.to_string()),
        Checkpoint::parse(&text).err().map(|error| error.to_string()),
        TrustRoot::from_json(&content).err().map(|error| error.to_string()),
    ];
    if refusals.iter().flatten().any(String::is_empty) {
        return Err("refused without a reason".to_owned());
    }
    Ok(())
}
