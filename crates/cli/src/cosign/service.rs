//! What `trusted-root create` and `signing-config create` share: services as `key=value` lists, times, and where the document goes.
//!
//! Source: sigstore/cosign:cmd/cosign/cli/{trustedroot/trustedroot.go,signingconfig/signingconfig.go}.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, anyhow, bail};
use serde_json::{Value, json};
use signet_model::Timestamp;

use crate::output;

/// A service as it is named on the command line: `url=...,start-time=...`.
pub(super) struct Spec<'a> {
    /// `fulcio`, `rekor`, ...: for messages.
    what: &'static str,
    values: BTreeMap<&'a str, &'a str>,
}

impl<'a> Spec<'a> {
    /// Reads the list. Keys that nobody reads are refused: a slip in `end-time` would make a key valid for ever.
    pub(super) fn parse(what: &'static str, text: &'a str, required: &[&str], optional: &[&str]) -> Result<Spec<'a>> {
        let mut values = BTreeMap::new();
        for pair in text.split(',') {
            let Some((key, value)) = pair.split_once('=') else {
                bail!("parsing {what} spec: invalid key-value pair: {pair}");
            };
            let key = key.trim();
            if !required.contains(&key) && !optional.contains(&key) {
                bail!("parsing {what} spec: unknown key '{key}'");
            }
            if values.insert(key, value.trim()).is_some() {
                bail!("parsing {what} spec: key '{key}' stands there twice");
            }
        }
        for key in required {
            if values.get(key).is_none_or(|value| value.is_empty()) {
                bail!("parsing {what} spec: missing or empty required key '{key}' in {what} spec");
            }
        }
        Ok(Spec { what, values })
    }

    pub(super) fn text(&self, key: &str) -> &'a str {
        self.values.get(key).copied().unwrap_or_default()
    }

    pub(super) fn given(&self, key: &str) -> Option<&'a str> {
        self.values.get(key).copied().filter(|value| !value.is_empty())
    }

    /// A time in RFC 3339.
    pub(super) fn time(&self, key: &str) -> Result<Option<Timestamp>> {
        self.given(key)
            .map(|text| time(text).with_context(|| format!("parsing {} spec: parsing {key}", self.what)))
            .transpose()
    }

    pub(super) fn number(&self, key: &str) -> Result<u32> {
        self.text(key).parse().with_context(|| format!("parsing {} spec: parsing {key}", self.what))
    }
}

/// A time in RFC 3339.
pub(super) fn time(text: &str) -> Result<Timestamp> {
    text.parse().map_err(|_| anyhow!("`{text}` is no time in RFC 3339, such as 2026-01-31T00:00:00Z"))
}

/// `TimeRange` of sigstore_common.proto.
pub(super) fn window(start: Timestamp, end: Option<Timestamp>) -> Result<Value> {
    match end {
        Some(end) if end < start => bail!("the time ends at {end}, before it begins at {start}"),
        Some(end) => Ok(json!({"start": start.to_string(), "end": end.to_string()})),
        None => Ok(json!({"start": start.to_string()})),
    }
}

/// Writes the document to the file, readable by the user alone as Cosign has it, or prints it.
pub(super) fn hand_out(document: &Value, out: Option<&Path>) -> Result<u8> {
    match out.filter(|path| !path.as_os_str().is_empty()) {
        Some(path) => output::replace(path, document.to_string().as_bytes())
            .with_context(|| format!("cannot write `{}`", path.display()))?,
        None => output::to_stdout(format!("{document}\n").as_bytes())?,
    }
    Ok(0)
}

#[allow(clippy::print_stderr, reason = "Cosign's messages, which are not silenced by `--quiet`")]
pub(super) fn say(text: &str) {
    eprintln!("{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(text: &str, why: &str) {
        let error = Spec::parse("rekor", text, &["url", "start-time"], &["end-time"]).err().unwrap();
        assert!(error.to_string().contains(why), "{error}");
    }

    #[test]
    fn services_are_read_and_slips_refused() {
        let spec =
            Spec::parse("rekor", "url=https://a/?b=c, start-time=2026-01-01T00:00:00Z", &["url", "start-time"], &[])
                .unwrap();
        assert_eq!(spec.text("url"), "https://a/?b=c");
        assert_eq!(spec.time("start-time").unwrap(), Some("2026-01-01T00:00:00Z".parse().unwrap()));
        refused("url", "invalid key-value pair: url");
        refused("url=a", "missing or empty required key 'start-time'");
        refused("url=,start-time=x", "missing or empty required key 'url'");
        refused("url=a,start-time=b,endtime=c", "unknown key 'endtime'");
        refused("url=a,url=b,start-time=b", "twice");
    }
}
