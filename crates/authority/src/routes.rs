//! Which path is answered by whom.
//!
//! | path | API |
//! |---|---|
//! | `/api/v2/signingCert`, `trustBundle`, `configuration` | Fulcio v2 |
//! | `/api/v2/log/entries`, `checkpoint`, `tile/...` | Rekor v2 |
//! | `/api/v1/log...`, `/api/v1/index/retrieve` | Rekor v1, if the stack has such a log (`log/v1/routes.rs`) |
//! | `/api/v1/timestamp`, `timestamp/certchain` | Sigstore's timestamp authority |
//! | `/ct/v1/add-pre-chain`, `/ct/v1/get-sth`, `/ct/checkpoint`, `/ct/tile/...` | certificate log |
//! | `/oidc/...` | the issuer |
//! | `/actions/token` | tokens of jobs, as GitHub Actions gives them |
//! | `/tuf/...` | the TUF repository |
//! | `/trusted_root.json`, `/signing_config.v0.2.json`, `/client_trust_config.json` | material |

use std::collections::BTreeMap;

use base64::Engine as _;
use serde_json::{Value, json};

use crate::error::{Code, Refusal};
use crate::http::{Answer, Call, Handler};
use crate::issuer::{Denied, Issuer, Redirect};
use crate::log::v1;
use crate::stack::Served;
use crate::text::pem;
use crate::tree::TileName;

const JSON: &str = "application/json";
const BYTES: &str = "application/octet-stream";
const TEXT: &str = "text/plain; charset=utf-8";
const TIMESTAMP_REPLY: &str = "application/timestamp-reply";
/// Parameters of a query or a form.
const MOST: usize = 32;

impl Handler for Served {
    fn answer(&self, call: &Call) -> Answer {
        self.route(call).unwrap_or_else(|refusal| self.refuse(&refusal))
    }

    /// `google.rpc.Status`.
    fn refuse(&self, refusal: &Refusal) -> Answer {
        let body = json!({"code": refusal.code.number(), "message": refusal.message, "details": []});
        Answer::new(refusal.code.status(), JSON, body.to_string())
    }
}

fn found(value: &Value) -> Answer {
    Answer::new(200, JSON, value.to_string())
}

fn nothing(path: &str) -> Refusal {
    Refusal::new(Code::NotFound, format!("there is nothing at `{path}`"))
}

fn denied(why: Denied) -> Answer {
    let status = if why.0 == "invalid_client" { 401 } else { 400 };
    Answer::new(status, JSON, why.to_json().to_string())
}

impl Served {
    fn route(&self, call: &Call) -> Result<Answer, Refusal> {
        let now = self.stack.now();
        let path = call.path.as_str();
        if let Some(log) = self.stack.promising().filter(|_| v1::is_ours(path)) {
            return Ok(v1::answer(log, call, now));
        }
        match (call.method.as_str(), path) {
            ("POST", "/api/v2/signingCert") => {
                let bearer = call.authorization.strip_prefix("Bearer ");
                self.stack.answer_certificate(&call.body, bearer, now).map(|value| found(&value))
            }
            ("GET", "/api/v2/trustBundle") => Ok(found(&self.stack.authority().trust_bundle())),
            ("GET", "/api/v2/configuration") => Ok(found(&self.stack.authority().configuration())),
            ("POST", "/api/v2/log/entries") => {
                let entry = self.stack.log().answer(&call.body)?;
                Ok(Answer::new(201, JSON, entry.to_string()))
            }
            ("GET", "/api/v2/checkpoint") => Ok(Answer::new(200, TEXT, self.stack.log().checkpoint())),
            ("POST", "/api/v1/timestamp") => {
                if call.content_type.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(JSON) {
                    return Err(Refusal::new(
                        Code::Unimplemented,
                        "queries in JSON are not understood: send `application/timestamp-query`",
                    ));
                }
                let reply = self.stack.timestamps().stamp(&call.body, now, self.stack.random()?);
                Ok(Answer::new(if reply.granted { 201 } else { 400 }, TIMESTAMP_REPLY, reply.bytes))
            }
            ("GET", "/api/v1/timestamp/certchain") => {
                let chain: String = self.stack.timestamps().chain().iter().map(|der| pem("CERTIFICATE", der)).collect();
                Ok(Answer::new(200, "application/pem-certificate-chain", chain))
            }
            ("POST", "/ct/v1/add-pre-chain") => {
                self.stack.certificates().answer(&call.body, now).map(|value| found(&value))
            }
            ("GET", "/ct/v1/get-sth") => self.stack.certificates().tree_head(now).map(|value| found(&value)),
            ("GET", "/ct/checkpoint") => Ok(Answer::new(200, TEXT, self.stack.certificates().checkpoint())),
            ("GET", "/trusted_root.json") => Ok(found(&self.stack.trusted_root())),
            ("GET", "/signing_config.v0.2.json") => Ok(found(&self.signing_config())),
            ("GET", "/client_trust_config.json") => Ok(found(&self.client_trust_config())),
            ("GET" | "POST", path) if path.starts_with("/oidc/") => self.oidc(call),
            ("GET", "/actions/token") => self.actions(call),
            ("GET", path) => {
                let tile = |name: &str| TileName::parse(name).ok_or_else(|| nothing(path));
                let bytes = if let Some(name) = path.strip_prefix("/api/v2/tile/") {
                    self.stack.log().tile(tile(name)?)?
                } else if let Some(name) = path.strip_prefix("/ct/tile/") {
                    self.stack.certificates().tile(tile(name)?)?
                } else {
                    path.strip_prefix("/tuf/").and_then(|name| self.tuf.files().get(name).cloned())
                };
                bytes.map(|bytes| Answer::new(200, BYTES, bytes)).ok_or_else(|| nothing(path))
            }
            _ => Err(nothing(path)),
        }
    }

    fn oidc(&self, call: &Call) -> Result<Answer, Refusal> {
        let (issuer, now) = (self.stack.issuer(), self.stack.now());
        let url = self.issuer_url();
        let path = call.path.strip_prefix("/oidc").unwrap_or_default();
        let form = || pairs(&String::from_utf8_lossy(&call.body));
        Ok(match (call.method.as_str(), path) {
            ("GET", "/.well-known/openid-configuration") => found(&Issuer::discovery(&url)),
            ("GET", "/keys") => found(&issuer.jwks()),
            ("GET", "/auth") => {
                match issuer.authorize(&pairs(&call.query), self.stack.email(), now, self.stack.random()?) {
                    Ok(Redirect::To(location)) => Answer { location: Some(location), ..Answer::new(302, TEXT, "") },
                    Ok(Redirect::Shown(code)) => Answer::new(200, TEXT, code),
                    Err(why) => denied(why),
                }
            }
            ("POST", "/token") => match issuer.exchange(&url, &form(), basic(&call.authorization).as_deref(), now) {
                Ok(value) => found(&value),
                Err(why) => denied(why),
            },
            ("POST", "/device/code") => {
                match issuer.device(&url, &form(), self.stack.email(), now, self.stack.random()?) {
                    Ok(value) => found(&value),
                    Err(why) => denied(why),
                }
            }
            ("GET", "/device") => {
                let query = pairs(&call.query);
                if !issuer.approve(query.get("user_code").map_or("", String::as_str), now) {
                    return Err(nothing(&call.path));
                }
                Answer::new(200, TEXT, "done\n")
            }
            _ => return Err(nothing(&call.path)),
        })
    }

    /// As `ACTIONS_ID_TOKEN_REQUEST_URL` answers: the audience in the query, the job's own token in the header.
    fn actions(&self, call: &Call) -> Result<Answer, Refusal> {
        let given = call.authorization.split_once(' ').filter(|(kind, _)| kind.eq_ignore_ascii_case("bearer"));
        if given.map(|(_, token)| token) != Some(self.stack.request_token()) {
            return Err(Refusal::stranger("the job's own token is missing or wrong"));
        }
        let query = pairs(&call.query);
        let audience = query.get("audience").map_or("https://github.com/example", String::as_str);
        let token = self.stack.issuer().mint_workflow(audience, self.stack.job(), self.stack.now())?;
        Ok(found(&json!({"count": token.len(), "value": token})))
    }
}

/// The user name of `Basic`.
fn basic(authorization: &str) -> Option<String> {
    let given = authorization.strip_prefix("Basic ")?;
    let text = base64::engine::general_purpose::STANDARD.decode(given.trim()).ok()?;
    let text = String::from_utf8(text).ok()?;
    let (name, _) = text.split_once(':')?;
    Some(unescaped(name))
}

/// `application/x-www-form-urlencoded`. The first of a name counts.
pub(crate) fn pairs(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()).take(MOST) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        found.entry(unescaped(name)).or_insert_with(|| unescaped(value));
    }
    found
}

fn unescaped(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
                match digits.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit())) {
                    Some(digits) => {
                        out.push(u8::from_str_radix(digits, 16).unwrap_or(b'%'));
                        rest = after.get(2..).unwrap_or(&[]);
                    }
                    None => out.push(b'%'),
                }
            }
            other => out.push(*other),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        let read = pairs("a=1&b=x%20y+z&a=2&c&%zz=%4");
        let read: Vec<(&str, &str)> = read.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(read, [("%zz", "%4"), ("a", "1"), ("b", "x y z"), ("c", "")]);
    }

    proptest::proptest! {
        #[test]
        fn any_form_is_read(text: String) {
            proptest::prop_assert!(pairs(&text).len() <= MOST);
        }
    }
}
