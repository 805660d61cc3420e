//! `policy` of a ClusterImagePolicy and of its attestations: Rego, which is evaluated, and CUE, which is not.
//!
//! Source: sigstore/cosign:pkg/policy/eval.go, pkg/cosign/rego/rego.go (`ValidateJSONWithModuleInput`).

use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};
use signet_model::Timestamp;

use super::fields::{Fields, beside};
use crate::kyverno::{Need, Snapshot};
use crate::rego::{Data, Limits, Module, Query};

/// What is asked of a policy in Rego.
const RULE: &str = "isCompliant";
const PACKAGE: &str = "data.sigstore";
/// Bytes of a policy.
const MAX_BYTES: usize = 1 << 20;

/// A policy over JSON.
#[derive(Clone, Debug)]
pub(super) struct Language {
    kind: Kind,
    pub(super) fetch_config: bool,
    pub(super) include_spec: bool,
    pub(super) include_metadata: bool,
    pub(super) include_type: bool,
}

#[derive(Clone, Debug)]
enum Kind {
    Cue,
    Rego(Box<Query>),
    /// Rego that lies elsewhere, and the SHA-256 that it must have.
    Elsewhere {
        need: Need,
        key: String,
        sum: String,
    },
}

/// Why a policy does not allow something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Not {
    /// It says no, or cannot say yes.
    Refused(String),
    /// What it needs is not known.
    Undecided(String),
}

impl Language {
    /// Reads it. What is wrong goes to `fields`; `whole`: whether it is the policy's own, which alone may see more than statements.
    pub(super) fn read(value: &Json, path: &str, whole: bool, fields: &mut Fields<'_>) -> Option<Language> {
        let text = |of: &Json, key: &str| of.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
        let flag = |key: &str| value.get(key).and_then(Json::as_bool).unwrap_or(false);
        let present = |key: &str| value.get(key).filter(|found| !found.is_null() && found.as_str() != Some(""));
        let before = fields.problems.len();
        let kind = text(value, "type");
        if !matches!(kind.as_str(), "cue" | "rego") {
            fields.invalid(&kind, &format!("{path}.type"), "only [cue,rego] are supported at the moment");
        }
        let places = ["configMapRef", "data", "remote"];
        let given: Vec<&str> = places.into_iter().filter(|key| present(key).is_some()).collect();
        match given.as_slice() {
            [] => fields.neither(&beside(path, &places)),
            [_] => {}
            _ => fields.both(&beside(path, &places)),
        }
        for key in ["fetchConfigFile", "includeObjectMeta", "includeSpec", "includeTypeMeta"] {
            if !whole && present(key).is_some() {
                fields.disallowed(&format!("{path}.{key}"));
            }
        }
        let source = match given.as_slice() {
            ["configMapRef"] => present("configMapRef").map(|reference| {
                for key in ["key", "name"].into_iter().filter(|key| text(reference, key).is_empty()) {
                    fields.missing(&[format!("{path}.configMapRef.{key}")]);
                }
                let namespace = match text(reference, "namespace").as_str() {
                    "" => "cosign-system".to_owned(),
                    namespace => namespace.to_owned(),
                };
                (Need::ConfigMap { namespace, name: text(reference, "name") }, text(reference, "key"), String::new())
            }),
            ["remote"] => present("remote").map(|remote| {
                let (url, sum) = (text(remote, "url"), text(remote, "sha256sum"));
                for key in ["sha256sum", "url"].into_iter().filter(|key| text(remote, key).is_empty()) {
                    fields.missing(&[format!("{path}.remote.{key}")]);
                }
                if !url.is_empty() && !url.starts_with("https://") {
                    fields.invalid(&url, &format!("{path}.remote.url"), "it must begin with https://");
                }
                let need =
                    Need::Service { method: "GET".to_owned(), url, body: String::new(), headers: Default::default() };
                (need, String::new(), sum.to_lowercase())
            }),
            _ => None,
        };
        if fields.problems.len() > before {
            return None;
        }
        let kind = match (kind.as_str(), source) {
            ("cue", _) => Kind::Cue,
            (_, Some((need, key, sum))) => Kind::Elsewhere { need, key, sum },
            (_, None) => match compile(&text(value, "data")) {
                Ok(query) => Kind::Rego(Box::new(query)),
                Err(why) => {
                    fields.invalid("rego", &format!("{path}.data"), &why);
                    return None;
                }
            },
        };
        Some(Language {
            kind,
            fetch_config: flag("fetchConfigFile"),
            include_spec: flag("includeSpec"),
            include_metadata: flag("includeObjectMeta"),
            include_type: flag("includeTypeMeta"),
        })
    }

    /// Whether it is written in CUE.
    pub(super) fn is_cue(&self) -> bool {
        matches!(self.kind, Kind::Cue)
    }

    /// Asks it. What must be fetched first goes to `needs`.
    pub(super) fn allows(
        &self,
        input: &Json,
        snapshot: &Snapshot,
        needs: &mut std::collections::BTreeSet<Need>,
        now: Timestamp,
    ) -> Result<(), Not> {
        match &self.kind {
            Kind::Cue => Err(Not::Refused(
                "the policy is written in CUE, which is not evaluated; write it in Rego (`type: rego`), or as CEL in a TrustPolicy"
                    .to_owned(),
            )),
            Kind::Rego(query) => ask(query, input, now),
            Kind::Elsewhere { need, key, sum } => {
                let Some(found) = snapshot.get(need) else {
                    needs.insert(need.clone());
                    return Err(Not::Undecided(format!("{need} is needed and was not given")));
                };
                let text = if key.is_empty() { Some(found) } else { found.get("data").and_then(|data| data.get(key)) };
                let text = text.and_then(Json::as_str).ok_or_else(|| Not::Undecided(format!("{need} holds no policy")))?;
                let found: String = Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
                if !sum.is_empty() && found != *sum {
                    return Err(Not::Undecided(format!("{need} has the SHA-256 {found}, and the policy asks for {sum}")));
                }
                let query = compile(text).map_err(|why| Not::Undecided(format!("{need} is no policy: {why}")))?;
                ask(&query, input, now)
            }
        }
    }
}

fn compile(text: &str) -> Result<Query, String> {
    let modules = [Module { name: "policy".to_owned(), text: text.to_owned() }];
    let limits = Limits { policy_bytes: MAX_BYTES, ..Limits::default() };
    let query = Query::compile(&modules, true, RULE, limits.clone())
        .or_else(|err| Query::compile(&modules, false, RULE, limits).map_err(|_| err))
        .map_err(|err| err.to_string())?;
    if query.package() != PACKAGE {
        return Err("its package must be `sigstore`".to_owned());
    }
    Ok(query)
}

/// `true`, or an object whose `result` is, allows; nothing else does.
fn ask(query: &Query, input: &Json, now: Timestamp) -> Result<(), Not> {
    let input = Data::of(input).map_err(|err| Not::Undecided(err.to_string()))?;
    let found = query.ask(&input, None, &Default::default(), now).map_err(|err| Not::Undecided(err.why.to_string()))?;
    let no = |detail: &str| {
        let detail = if detail.is_empty() { String::new() } else { format!(": {detail}") };
        Err(Not::Refused(format!("policy is not compliant for query 'result = data.sigstore.isCompliant'{detail}")))
    };
    match found.items.as_slice() {
        // Neither `{true}` nor `[true]` is true.
        _ if found.are_members => no("it gives a set or a list"),
        [Json::Bool(true)] => Ok(()),
        [said @ Json::Object(_)] => {
            let text = |key: &str| said.get(key).and_then(Json::as_str).unwrap_or_default();
            match (said.get("result"), text("error"), text("warning")) {
                (Some(Json::Bool(true)), "", "") => Ok(()),
                (Some(Json::Bool(true)), "", warning) => no(warning),
                (_, error, _) => no(error),
            }
        }
        _ => no(""),
    }
}
