//! Rekor v1 over HTTP.
//!
//! | path | answer |
//! |---|---|
//! | `POST /api/v1/log/entries` | 201 with `ETag` and `Location`; 409 with `Location` for an entry that is known |
//! | `GET /api/v1/log/entries?logIndex=`, `GET /api/v1/log/entries/{ID}` | the entry with a proof under the newest checkpoint |
//! | `POST /api/v1/log/entries/retrieve`, `POST /api/v1/index/retrieve` | what is found |
//! | `GET /api/v1/log`, `GET /api/v1/log/publicKey` | state and key |
//!
//! Errors are `{code, message}` with the HTTP status as the code.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{PromisingLog, entry};
use crate::error::{Code, Refusal};
use crate::http::{Answer, Call};
use crate::routes::pairs;
use crate::text::{pem, unhex};
use crate::tree::{Hash, leaf_hash};

const JSON: &str = "application/json";
const PEM: &str = "application/x-pem-file";
const ENTRIES: &str = "/api/v1/log/entries";
/// Entries of one search (`maxSearchQueries`).
const MOST: usize = 10;
/// Entries of one search by `hash` or key. An answer that left some out would be taken for all there are.
const MOST_FOUND: usize = 1_000;

#[derive(Deserialize)]
struct Search {
    #[serde(rename = "entryUUIDs", default)]
    ids: Vec<String>,
    #[serde(rename = "logIndexes", default)]
    indexes: Vec<u64>,
    #[serde(default)]
    entries: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Names {
    #[serde(default)]
    email: String,
    #[serde(default)]
    hash: String,
    #[serde(default)]
    public_key: Option<Key>,
    #[serde(default)]
    operator: String,
}

#[derive(Deserialize)]
struct Key {
    format: String,
    #[serde(default)]
    content: String,
}

/// Whether a path is one of this API.
pub(crate) fn is_ours(path: &str) -> bool {
    path == "/api/v1/log" || path.starts_with("/api/v1/log/") || path == "/api/v1/index/retrieve"
}

/// Answers a request for such a path.
pub(crate) fn answer(log: &PromisingLog, call: &Call, now: Timestamp) -> Answer {
    route(log, call, now).unwrap_or_else(|refusal| refused(refusal.code.status(), &refusal.message))
}

fn refused(status: u16, message: &str) -> Answer {
    Answer::new(status, JSON, json!({"code": status, "message": message}).to_string())
}

fn found(value: &Value) -> Answer {
    Answer::new(200, JSON, value.to_string())
}

fn missing() -> Refusal {
    Refusal::new(Code::NotFound, "entry does not exist in the log")
}

fn route(log: &PromisingLog, call: &Call, now: Timestamp) -> Result<Answer, Refusal> {
    match (call.method.as_str(), call.path.as_str()) {
        ("POST", ENTRIES) => {
            let entered = log.enter(&call.body, now)?;
            let place = format!("{ENTRIES}/{}", entered.id);
            Ok(match entered.entry {
                Some(entry) => Answer {
                    location: Some(place),
                    etag: Some(entered.id),
                    ..Answer::new(201, JSON, entry.to_string())
                },
                None => {
                    let message =
                        format!("an equivalent entry already exists in the transparency log with UUID {}", entered.id);
                    Answer { location: Some(place), ..refused(409, &message) }
                }
            })
        }
        ("GET", ENTRIES) => {
            let query = pairs(&call.query);
            let index = query.get("logIndex").and_then(|text| text.parse().ok());
            let index = index.ok_or_else(|| Refusal::invalid("`logIndex` is missing or no number"))?;
            log.at(index)?.map(|entry| found(&entry)).ok_or_else(missing)
        }
        ("POST", "/api/v1/log/entries/retrieve") => search(log, &call.body),
        ("POST", "/api/v1/index/retrieve") => names(log, &call.body),
        ("GET", "/api/v1/log") => Ok(found(&log.info()?)),
        ("GET", "/api/v1/log/publicKey") => Ok(Answer::new(200, PEM, pem("PUBLIC KEY", log.key().spki()))),
        ("GET", path) => {
            let id = path.strip_prefix(ENTRIES).and_then(|rest| rest.strip_prefix('/')).ok_or_else(missing)?;
            log.with_leaf(&leaf_of(log, id)?.ok_or_else(missing)?)?.map(|entry| found(&entry)).ok_or_else(missing)
        }
        _ => Err(Refusal::new(Code::NotFound, format!("there is nothing at `{}`", call.path))),
    }
}

/// The leaf that an ID names, with or without its tree; none in another tree.
fn leaf_of(log: &PromisingLog, id: &str) -> Result<Option<Hash>, Refusal> {
    let malformed = || Refusal::invalid("the ID of an entry is 64 or 80 hexadecimal digits");
    let bytes = unhex(id).ok_or_else(malformed)?;
    let (tree, leaf) = bytes.split_at_checked(bytes.len().saturating_sub(32)).ok_or_else(malformed)?;
    let leaf = Hash::try_from(leaf).map_err(|_| malformed())?;
    match tree.len() {
        0 => Ok(Some(leaf)),
        8 => Ok((tree == log.tree_id.to_be_bytes()).then_some(leaf)),
        _ => Err(malformed()),
    }
}

fn query<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body)
        .map_err(|err| Refusal::invalid(format!("the body is no query: line {}, column {}", err.line(), err.column())))
}

fn search(log: &PromisingLog, body: &[u8]) -> Result<Answer, Refusal> {
    let search: Search = query(body)?;
    let all = search.ids.len() + search.indexes.len() + search.entries.len();
    if !(1..=MOST).contains(&all) {
        return Err(Refusal::invalid(format!("1 to {MOST} entries are searched for at once, not {all}")));
    }
    let mut list = Vec::new();
    for id in &search.ids {
        if let Some(leaf) = leaf_of(log, id)? {
            list.extend(log.with_leaf(&leaf)?);
        }
    }
    for entry in &search.entries {
        list.extend(log.with_leaf(&leaf_hash(&entry::canonical(entry.to_string().as_bytes())?))?);
    }
    for index in &search.indexes {
        list.extend(log.at(*index)?);
    }
    Ok(found(&Value::Array(list)))
}

fn names(log: &PromisingLog, body: &[u8]) -> Result<Answer, Refusal> {
    let wanted: Names = query(body)?;
    if !wanted.email.is_empty() {
        return Err(Refusal::new(
            Code::Unimplemented,
            "entries are not searched by e-mail here: by `hash` or `publicKey`",
        ));
    }
    let mut names = Vec::new();
    if !wanted.hash.is_empty() {
        // The schema leaves the algorithm out for SHA-256.
        let hash = wanted.hash.to_ascii_lowercase();
        names.push(if hash.contains(':') { hash } else { format!("sha256:{hash}") });
    }
    if let Some(key) = &wanted.public_key {
        if key.format != "x509" {
            return Err(Refusal::invalid("`publicKey.format` is not `x509`"));
        }
        names.push(entry::signers_name(&key.content)?);
    }
    let both = match wanted.operator.as_str() {
        "" | "or" => false,
        "and" => true,
        _ => return Err(Refusal::invalid("`operator` is neither `and` nor `or`")),
    };
    if names.is_empty() {
        return Err(Refusal::invalid("neither `hash` nor `publicKey` is given"));
    }
    let ids = log.named(&names, both, MOST_FOUND).ok_or_else(|| {
        Refusal::invalid(format!(
            "more than {MOST_FOUND} entries are found: ask for `hash` and `publicKey` with the `operator` `and`"
        ))
    })?;
    Ok(found(&json!(ids)))
}
