//! Which services are asked: Sigstore's signing config (`protobuf-specs: sigstore_trustroot.proto`, `SigningConfig`, version 0.2), or addresses.

use jiff::Timestamp;
use serde::Deserialize;

use crate::error::{Error, printable};

/// Largest signing config that is read.
const LONGEST: usize = 1 << 20;
/// Most services of a kind.
const MOST: usize = 64;
const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.signingconfig.v0.2+json";

/// The interface of a transparency log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogVersion {
    /// Rekor v1: gives a promise with a time.
    V1,
    /// Rekor v2: gives a proof and no time.
    V2,
}

/// A transparency log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// Its base address.
    pub url: String,
    /// Its interface.
    pub version: LogVersion,
}

/// Services of a kind, in the order in which they are asked, and how many must answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool<T> {
    /// All that may be asked.
    pub candidates: Vec<T>,
    /// How many of them must answer; none with zero.
    pub count: usize,
}

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Pool { candidates: Vec::new(), count: 0 }
    }
}

impl<T> Pool<T> {
    /// One service.
    pub fn one(service: T) -> Pool<T> {
        Pool { candidates: vec![service], count: 1 }
    }
}

/// Everything that may be asked while signing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Services {
    /// Certificate authorities (Fulcio); the first is asked.
    pub authorities: Vec<String>,
    /// Identity providers for logging in; the first is asked.
    pub issuers: Vec<String>,
    /// Transparency logs.
    pub logs: Pool<Log>,
    /// Timestamp authorities (RFC 3161).
    pub timestamps: Pool<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireConfig {
    media_type: String,
    #[serde(default)]
    ca_urls: Vec<WireService>,
    #[serde(default)]
    oidc_urls: Vec<WireService>,
    #[serde(default)]
    rekor_tlog_urls: Vec<WireService>,
    #[serde(default)]
    rekor_tlog_config: Option<WireSelection>,
    #[serde(default)]
    tsa_urls: Vec<WireService>,
    #[serde(default)]
    tsa_config: Option<WireSelection>,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireService {
    url: String,
    #[serde(default)]
    major_api_version: u32,
    #[serde(default)]
    valid_for: Option<WireRange>,
    #[serde(default)]
    operator: String,
}

#[derive(Clone, Deserialize)]
struct WireRange {
    #[serde(default)]
    start: Option<String>,
    #[serde(default)]
    end: Option<String>,
}

#[derive(Deserialize)]
struct WireSelection {
    #[serde(default)]
    selector: Option<String>,
    #[serde(default)]
    count: Option<usize>,
}

impl Services {
    /// Reads a signing config and keeps what is valid at `now` and speaks an interface that we speak.
    ///
    /// # Errors
    /// When it is no signing config of version 0.2, holds a time that is none, or asks for more services than it names.
    pub fn from_signing_config(bytes: &[u8], now: Timestamp) -> Result<Services, Error> {
        let odd = |what: String| Error::new("read the signing config", what);
        if bytes.len() > LONGEST {
            return Err(odd("it is larger than 1 MiB".to_owned()));
        }
        let wire: WireConfig = serde_json::from_slice(bytes).map_err(|err| {
            odd(format!("it is no signing config: line {}, column {}", err.line(), err.column())).cause(err)
        })?;
        if wire.media_type != MEDIA_TYPE {
            return Err(odd(format!("its type is `{}`", printable(&wire.media_type)))
                .hint(format!("version 0.2 is read: `{MEDIA_TYPE}`")));
        }
        let authorities = chosen(wire.ca_urls, &[1, 2], now)?;
        let issuers = chosen(wire.oidc_urls, &[1], now)?;
        let logs = chosen(wire.rekor_tlog_urls, &[2, 1], now)?;
        let stamps = chosen(wire.tsa_urls, &[1], now)?;
        let logs = pool("rekorTlogConfig", logs, wire.rekor_tlog_config)?;
        let stamps = pool("tsaConfig", stamps, wire.tsa_config)?;
        let url = |service: WireService| service.url;
        Ok(Services {
            authorities: authorities.into_iter().map(url).collect(),
            issuers: issuers.into_iter().map(url).collect(),
            logs: Pool {
                count: logs.count,
                candidates: logs
                    .candidates
                    .into_iter()
                    .map(|service| Log {
                        version: if service.major_api_version == 2 { LogVersion::V2 } else { LogVersion::V1 },
                        url: service.url,
                    })
                    .collect(),
            },
            timestamps: Pool { count: stamps.count, candidates: stamps.candidates.into_iter().map(url).collect() },
        })
    }

    /// Those of the public instance, as they were when this program was built.
    ///
    /// # Errors
    /// Never, unless the built-in file is damaged.
    pub fn public_good(now: Timestamp) -> Result<Services, Error> {
        Services::from_signing_config(signet_trust::seal::PUBLIC_GOOD_SIGNING_CONFIG.as_bytes(), now)
    }
}

/// Valid ones with an interface of `versions` (the best first), one for each operator and interface, the latest first. One that begins in the future is
/// announced and not yet used.
fn chosen(list: Vec<WireService>, versions: &[u32], now: Timestamp) -> Result<Vec<WireService>, Error> {
    let odd = |what: String| Error::new("read the signing config", what);
    if list.len() > MOST {
        return Err(odd(format!("it names more than {MOST} services of a kind")));
    }
    let mut found: Vec<(usize, Timestamp, WireService)> = Vec::new();
    for service in list {
        let Some(rank) = versions.iter().position(|version| *version == service.major_api_version) else { continue };
        let time = |text: &Option<String>| match text {
            None => Ok(None),
            Some(text) => text
                .parse::<Timestamp>()
                .map(Some)
                .map_err(|_| odd(format!("`{}` of `{}` is no time", printable(text), printable(&service.url)))),
        };
        let range = service.valid_for.clone().unwrap_or(WireRange { start: None, end: None });
        let (start, end) = (time(&range.start)?.unwrap_or(Timestamp::MIN), time(&range.end)?);
        if start <= now && end.is_none_or(|end| now <= end) {
            found.push((rank, start, service));
        }
    }
    found.sort_by(|one, other| one.0.cmp(&other.0).then(other.1.cmp(&one.1)));
    Ok(found.into_iter().map(|(_, _, service)| service).collect())
}

/// `ANY`: one of them. `ALL`: each. `EXACT`: so many, of different operators. What is not configured is not asked.
fn pool(name: &str, list: Vec<WireService>, selection: Option<WireSelection>) -> Result<Pool<WireService>, Error> {
    let odd = |what: String| Error::new("read the signing config", what);
    let selector = selection.as_ref().and_then(|selection| selection.selector.as_deref()).unwrap_or("ANY");
    if list.is_empty() && matches!(selector, "ANY" | "ALL") {
        return Ok(Pool::default());
    }
    match selector {
        "ANY" | "SERVICE_SELECTOR_UNDEFINED" => Ok(Pool { candidates: list, count: 1 }),
        "ALL" => Ok(Pool { count: list.len(), candidates: list }),
        "EXACT" => {
            let count = selection.and_then(|selection| selection.count).unwrap_or(0);
            let mut candidates: Vec<WireService> = Vec::new();
            for service in list {
                let known = candidates.iter().any(|other| other.operator == service.operator);
                if service.operator.is_empty() || !known {
                    candidates.push(service);
                }
            }
            if count == 0 || candidates.len() < count {
                return Err(odd(format!(
                    "`{name}` asks for {count} services of different operators, and {} are valid now",
                    candidates.len()
                )));
            }
            Ok(Pool { candidates, count })
        }
        other => {
            Err(odd(format!("`{name}` has the selector `{}`", printable(other))).hint("known are ANY, ALL and EXACT"))
        }
    }
}

/// The address that takes queries: with nothing behind the host, Sigstore's usual path.
pub(super) fn timestamp_url(url: &str) -> String {
    let bare = url.trim_end_matches('/');
    let path = bare.split_once("://").is_some_and(|(_, rest)| rest.contains('/'));
    if path { bare.to_owned() } else { format!("{bare}/api/v1/timestamp") }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn service(url: &str, version: u32, start: &str, operator: &str) -> Value {
        json!({"url": url, "majorApiVersion": version, "validFor": {"start": start}, "operator": operator})
    }

    #[track_caller]
    fn logs(services: &[Value], selection: Value, expected: Result<(&[&str], usize), &str>) {
        let config = json!({"mediaType": MEDIA_TYPE, "rekorTlogUrls": services, "rekorTlogConfig": selection});
        let read = Services::from_signing_config(config.to_string().as_bytes(), at("2026-01-01T00:00:00Z"));
        match (read, expected) {
            (Ok(read), Ok((urls, count))) => {
                let found: Vec<&str> = read.logs.candidates.iter().map(|log| log.url.as_str()).collect();
                assert_eq!((found.as_slice(), read.logs.count), (urls, count));
            }
            (Err(err), Err(why)) => assert!(err.what.contains(why), "{err}"),
            (read, _) => panic!("{read:?}"),
        }
    }

    #[test]
    fn the_best_interface_and_the_latest_service_come_first() {
        let any = || json!({"selector": "ANY"});
        let (old, new) = ("2021-01-01T00:00:00Z", "2025-01-01T00:00:00Z");
        let list = [service("a", 1, old, "x"), service("b", 2, old, "x"), service("c", 2, new, "y")];
        logs(&list, any(), Ok((&["c", "b", "a"], 1)));
        logs(&list, json!({"selector": "ALL"}), Ok((&["c", "b", "a"], 3)));
        logs(&list, json!({"selector": "EXACT", "count": 2}), Ok((&["c", "b"], 2)));
        logs(&list, json!({"selector": "EXACT", "count": 3}), Err("asks for 3 services"));
        logs(&list, json!({"selector": "EXACT"}), Err("asks for 0 services"));
        logs(&list, json!({"selector": "SOME"}), Err("has the selector `SOME`"));
        logs(&[service("a", 3, old, "x")], any(), Ok((&[], 0)));
        logs(&[service("a", 2, "2027-01-01T00:00:00Z", "x")], any(), Ok((&[], 0)));
        let mut over = service("a", 2, old, "x");
        over["validFor"]["end"] = json!("2025-12-31T23:59:59Z");
        logs(&[over], any(), Ok((&[], 0)));
        logs(&[service("a", 2, "soon", "x")], any(), Err("is no time"));
    }

    #[test]
    fn the_built_in_config_names_the_public_instance() {
        let services = Services::public_good(at("2026-01-01T00:00:00Z")).unwrap();
        assert_eq!(services.authorities, ["https://fulcio.sigstore.dev"]);
        assert_eq!(services.issuers, ["https://oauth2.sigstore.dev/auth"]);
        let log = Log { url: "https://rekor.sigstore.dev".to_owned(), version: LogVersion::V1 };
        assert_eq!(services.logs, Pool::one(log));
    }

    #[test]
    fn other_documents_are_refused() {
        for text in ["", "{}", r#"{"mediaType":"application/json"}"#, "[]"] {
            assert!(Services::from_signing_config(text.as_bytes(), at("2026-01-01T00:00:00Z")).is_err(), "{text}");
        }
        assert_eq!(timestamp_url("https://t.example"), "https://t.example/api/v1/timestamp");
        assert_eq!(timestamp_url("https://t.example/"), "https://t.example/api/v1/timestamp");
        assert_eq!(timestamp_url("https://t.example/tsa"), "https://t.example/tsa");
    }

    proptest! {
        #[test]
        fn hostile_configs_never_panic(cut in 0_usize..2000, byte in any::<u8>()) {
            let mut bytes = signet_trust::seal::PUBLIC_GOOD_SIGNING_CONFIG.as_bytes().to_vec();
            if let Some(place) = bytes.get_mut(cut) {
                *place = byte;
            }
            let _read = Services::from_signing_config(&bytes, at("2026-01-01T00:00:00Z"));
        }
    }
}
