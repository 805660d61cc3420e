//! Signing with services around it: a certificate authority that knows us by an identity token, transparency logs, timestamp authorities.
//!
//! Which services are asked stands in [`Services`] (a signing config, or addresses). A [`Sealer`] signs documents, asks them, and gives drafts of the room
//! `trust`, out of which nothing comes that does not verify. The private key of a keyless signature is made here, signs, and is gone with the sealer.
//!
//! ```text
//!   IdentityToken ─▶ Fulcio ─▶ certificate ─┐
//!   key (file, token, service) ─────────────┴▶ Sealer ─(document)─▶ signature ─▶ Rekor v1 / v2, TSA ─▶ trust::seal::Draft
//! ```

mod login;
mod services;

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use bytes::Bytes;
use signet_oci_client::Secret;
use signet_trust::seal::{Author, Document, Draft, Stamped};
use signet_trust::{PublicKey, Signer, SubjectName, VerifyError};

pub use self::login::{Flow, Login, Prompt, login};
pub use self::services::{Log, LogVersion, Pool, Services};

use crate::context::Context;
use crate::error::{Error, printable};
use crate::identity::IdentityToken;
use crate::service::Request;
use crate::software::{KeyType, PrivateKey};

/// Which layouts the draft will be written in: they want different timestamps, and the old ones only entries of Rekor v1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layouts {
    /// Sigstore bundles.
    Bundle,
    /// Cosign's before version 3.
    Old,
    /// Both, with one log entry for both.
    Both,
}

/// Somebody who can sign, with the services that make a signature of it that strangers believe.
pub struct Sealer {
    signer: Box<dyn Signer>,
    author: Author,
    services: Services,
    context: Context,
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sealer({:?})", self.author.public_key())
    }
}

impl Sealer {
    /// Signs with a key that verifiers know.
    #[must_use]
    pub fn by_key(signer: Box<dyn Signer>, services: Services, context: &Context) -> Sealer {
        let author = Author::key(signer.public_key().clone());
        Sealer { signer, author, services, context: context.clone() }
    }

    /// Signs with a key for which somebody else issued a certificate (PEM, the leaf first).
    ///
    /// # Errors
    /// When the certificate cannot be read, or is for another key.
    pub fn by_certificate(
        signer: Box<dyn Signer>,
        certificate: &str,
        chain: &str,
        services: Services,
        context: &Context,
    ) -> Result<Sealer, Error> {
        let author = Author::certified_by_pem(signer.public_key().clone(), certificate, chain)
            .map_err(|err| failed("use the certificate", &err))?;
        Ok(Sealer { signer, author, services, context: context.clone() })
    }

    /// Signs with a key that lives as long as this sealer, certified for whom the token names.
    ///
    /// # Errors
    /// When no authority is configured, it refuses, or its certificate is not for our key and the token's identity.
    pub async fn keyless(token: &IdentityToken, services: Services, context: &Context) -> Result<Sealer, Error> {
        let key = PrivateKey::generate(KeyType::EcdsaP256)?;
        let author = certify(&key, token, &services, context).await?;
        Ok(Sealer { signer: Box::new(key), author, services, context: context.clone() })
    }

    /// Who signs.
    #[must_use]
    pub fn author(&self) -> &Author {
        &self.author
    }

    /// Whether signatures will be entered into logs.
    #[must_use]
    pub fn is_logged(&self) -> bool {
        self.services.logs.count > 0
    }

    /// Signs a document and gathers what vouches for it.
    ///
    /// # Errors
    /// When the key cannot be used, or too few services answer, or one answers about something else.
    pub async fn seal<'d>(&self, document: Document<'d>, layouts: Layouts) -> Result<Draft<'d>, Error> {
        let message = document.message().into_owned();
        let signature = self.signer.sign(&message).await.map_err(|err| Error::new("sign", err.to_string()))?;
        drop(message);
        let mut draft = Draft::new(document, self.author.clone(), signature).map_err(|err| failed("sign", &err))?;
        // What stands in a log stands there for ever: what can be told before is told before.
        let promised =
            self.services.logs.count > 0 && self.usable(layouts).iter().any(|log| log.version == LogVersion::V1);
        if self.is_brief() && !promised && self.services.timestamps.count == 0 {
            return Err(no_time());
        }
        self.log(&mut draft, layouts).await?;
        let mut stamped = Vec::new();
        if layouts != Layouts::Old || draft.envelope().is_none() {
            stamped.push(Stamped::Signature);
        }
        if layouts != Layouts::Bundle && draft.envelope().is_some() {
            stamped.push(Stamped::Envelope);
        }
        for over in stamped {
            self.stamp(&mut draft, over).await?;
        }
        if self.is_brief() && !draft.has_time() {
            return Err(no_time());
        }
        Ok(draft)
    }

    /// Whether the certificate was issued for an identity, and so for minutes.
    fn is_brief(&self) -> bool {
        self.author.certificate().is_some_and(|certificate| certificate.claims().issuer.is_some())
    }

    /// Whether the configured logs can vouch in these layouts: before anything is signed or entered anywhere.
    ///
    /// # Errors
    /// When old layouts are asked for and too few logs are of Rekor v1.
    pub fn check_layouts(&self, layouts: Layouts) -> Result<(), Error> {
        let count = self.services.logs.count;
        if layouts == Layouts::Bundle || count == 0 || self.usable(layouts).len() >= count {
            return Ok(());
        }
        Err(Error::new(
            "log the signature",
            "layouts before Cosign 3 hold entries of Rekor v1 only, and too few such logs are configured",
        )
        .hint("name one with `--rekor-url`, leave `--legacy-tags` out, or do not log at all: `--tlog-upload=false`"))
    }

    fn usable(&self, layouts: Layouts) -> Vec<&Log> {
        let fits = |log: &&Log| layouts == Layouts::Bundle || log.version == LogVersion::V1;
        self.services.logs.candidates.iter().filter(fits).collect()
    }

    async fn log(&self, draft: &mut Draft<'_>, layouts: Layouts) -> Result<(), Error> {
        self.check_layouts(layouts)?;
        let pool = &self.services.logs;
        let usable = self.usable(layouts);
        let mut refusal = None;
        let mut done = 0;
        for log in usable {
            if done == pool.count {
                break;
            }
            // With more logs than are needed, another one is asked when one does not answer; one that answers falsely ends it.
            match self.ask_log(draft, log).await {
                Ok(answer) => {
                    let added = match log.version {
                        LogVersion::V1 => draft.add_rekor_v1(&answer),
                        LogVersion::V2 => draft.add_rekor_v2(&answer),
                    };
                    added.map_err(|err| failed(&logging(log), &err))?;
                    done += 1;
                }
                Err(err) => refusal = Some(err),
            }
        }
        match refusal {
            _ if done == pool.count => Ok(()),
            Some(err) => Err(err),
            None => Err(Error::new(
                "log the signature",
                format!("{} logs are asked for and {done} are configured", pool.count),
            )
            .hint("look at `rekorTlogConfig` of the signing config")),
        }
    }

    /// What a log answers.
    async fn ask_log(&self, draft: &Draft<'_>, log: &Log) -> Result<Bytes, Error> {
        let doing = logging(log);
        let client = self.context.client();
        let base = log.url.trim_end_matches('/');
        match log.version {
            LogVersion::V1 => {
                let body = draft.rekor_v1_request().map_err(|err| failed(&doing, &err))?;
                let request = json_request("POST", format!("{base}/api/v1/log/entries"), &doing, body);
                let answer = request.send(client).await?;
                if answer.status == 409 {
                    // The log has this entry already, and says where.
                    let place = answer
                        .header("location")
                        .and_then(entry_path)
                        .ok_or_else(|| request.odd("the log has this entry already and does not say where"))?;
                    let get = Request::new("GET", format!("{base}{place}"), &*doing)
                        .header("accept", "application/json")
                        .most(4 << 20);
                    return Ok(get.send_well(client, "try again later").await?.body);
                }
                if !(200..300).contains(&answer.status) {
                    return Err(request.refused(&answer, "is it a Rekor v1 log, and does it take such entries?"));
                }
                Ok(answer.body)
            }
            LogVersion::V2 => {
                let body = draft.rekor_v2_request().map_err(|err| failed(&doing, &err))?;
                let request = json_request("POST", format!("{base}/api/v2/log/entries"), &doing, body);
                Ok(request.send_well(client, "is it a Rekor v2 log that is still written to?").await?.body)
            }
        }
    }

    async fn stamp(&self, draft: &mut Draft<'_>, over: Stamped) -> Result<(), Error> {
        let pool = &self.services.timestamps;
        let mut refusal = None;
        let mut done = 0;
        for url in &pool.candidates {
            if done == pool.count {
                break;
            }
            let nonce = random::<8>()?;
            match self.ask_stamp(draft, over, url, nonce).await {
                Ok(answer) => {
                    draft.add_timestamp(over, nonce, &answer).map_err(|err| failed(&stamping(url), &err))?;
                    done += 1;
                }
                Err(err) => refusal = Some(err),
            }
        }
        match refusal {
            _ if done == pool.count => Ok(()),
            Some(err) => Err(err),
            None => Err(Error::new(
                "get a timestamp",
                format!("{} authorities are asked for and {done} are configured", pool.count),
            )
            .hint("look at `tsaConfig` of the signing config")),
        }
    }

    async fn ask_stamp(&self, draft: &Draft<'_>, over: Stamped, url: &str, nonce: [u8; 8]) -> Result<Bytes, Error> {
        let doing = stamping(url);
        let query = draft.timestamp_request(over, nonce).map_err(|err| failed(&doing, &err))?;
        let request = Request::new("POST", services::timestamp_url(url), &*doing)
            .body(query)
            .header("content-type", "application/timestamp-query")
            .header("accept", "application/timestamp-reply");
        let hint = "is it the address that takes RFC 3161 queries?";
        Ok(request.send_well(self.context.client(), hint).await?.body)
    }
}

fn logging(log: &Log) -> String {
    format!("log the signature at `{}`", printable(&log.url))
}

fn stamping(url: &str) -> String {
    format!("get a timestamp from `{}`", printable(url))
}

/// Exchanges the token for a certificate (Fulcio v2).
async fn certify(
    key: &PrivateKey,
    token: &IdentityToken,
    services: &Services,
    context: &Context,
) -> Result<Author, Error> {
    let Some(url) = services.authorities.first() else {
        return Err(Error::new("sign without a key", "no certificate authority is configured")
            .hint("name one with `--fulcio-url` or `--signing-config`, or sign with `--key`"));
    };
    let doing = format!("get a certificate from `{}`", printable(url));
    // Proof that we hold the key: a signature over the identity (fulcio.proto, `PublicKeyRequest`).
    let proof = key.sign(token.identity().as_bytes()).await.map_err(|err| Error::new(&*doing, err.to_string()))?;
    let public: PublicKey = key.public_key().clone();
    let body = Author::certificate_request(token.secret().reveal(), &public, &proof);
    let url = format!("{}/api/v2/signingCert", url.trim_end_matches('/'));
    let request = json_request("POST", url, &doing, body);
    let hint = format!("does the authority accept tokens of `{}`?", printable(token.issuer()));
    let answer = request.send_well(context.client(), &hint).await?;
    let author = Author::from_certificate_answer(public, &answer.body).map_err(|err| failed(&doing, &err))?;
    if let Some(certificate) = author.certificate() {
        let other = |what: String| Err(Error::new(&*doing, what).hint("the authority answered for somebody else"));
        // Who an e-mail token names is in it; what becomes of a workflow's claims is the authority's rule.
        if token.is_email() && certificate.names() != [SubjectName::Email(token.identity().to_owned())] {
            let names: Vec<&str> = certificate.names().iter().map(SubjectName::value).collect();
            let names = printable(&names.join(", "));
            return other(format!("the certificate is for `{names}` and not for `{}`", printable(token.identity())));
        }
        let issuer = certificate.claims().issuer.as_deref().unwrap_or_default();
        if !token.issuers().contains(&issuer) {
            return other(format!(
                "the certificate names the issuer `{}` and not `{}`",
                printable(issuer),
                printable(token.issuer())
            ));
        }
        let (from, until) = certificate.validity();
        let now = context.now();
        let early = now.checked_add(jiff::SignedDuration::from_mins(5)).unwrap_or(now);
        if from > early || until < now {
            return Err(Error::new(
                &*doing,
                format!("the certificate is valid from {from} to {until}, and now it is {now}"),
            )
            .hint("is this machine's clock right?"));
        }
    }
    Ok(author)
}

fn json_request(method: &'static str, url: String, doing: &str, body: Vec<u8>) -> Request {
    Request::new(method, url, doing)
        .body(body)
        .header("content-type", "application/json")
        .header("accept", "application/json")
        .most(4 << 20)
}

/// `/api/v1/log/entries/UUID`, whatever host stands before it: only our own log is asked.
fn entry_path(location: &str) -> Option<String> {
    const PLACE: &str = "/api/v1/log/entries/";
    let (_, uuid) = location.split_once(PLACE)?;
    (!uuid.is_empty() && uuid.len() <= 128 && uuid.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .then(|| format!("{PLACE}{uuid}"))
}

fn no_time() -> Error {
    Error::new(
        "sign without a key",
        "nobody vouches for the time, and the certificate is valid for minutes: nobody could verify it later",
    )
    .hint("let a Rekor v1 log or a timestamp authority answer: `--tlog-upload`, `--timestamp-server-url URL`")
}

fn failed(doing: &str, err: &VerifyError) -> Error {
    Error::new(doing, err.to_string())
}

pub(crate) fn random<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| Error::new("make a random number", "the system gives no random bytes"))?;
    Ok(bytes)
}

/// Base64 for URLs of random bytes.
pub(crate) fn random_text<const N: usize>() -> Result<Secret, Error> {
    use base64::Engine as _;
    Ok(Secret::new(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(random::<N>()?)))
}
