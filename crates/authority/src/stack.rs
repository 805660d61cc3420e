//! Everything in one process: called directly, or over HTTP on an address of this machine.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use parking_lot::{RwLock, RwLockReadGuard};
use serde_json::{Value, json};

use crate::ca::{Authority, Possession};
use crate::ct::CertificateLog;
use crate::error::{Error, Refusal};
use crate::http::{Bound, Limits, Listening};
use crate::identity::IssuerKind;
use crate::issuer::{GITHUB, Issuer};
use crate::key::{KeyKind, SigningKey};
use crate::log::TransparencyLog;
use crate::log::v1::PromisingLog;
use crate::material::{self, SIGNING_CONFIG_FILE, TRUSTED_ROOT_FILE};
use crate::store::{self, Place};
use crate::text::{pem, unpem};
use crate::token::{Jwks, TrustedIssuer};
use crate::tree::CHECKPOINT;
use crate::tsa::TimestampAuthority;
use crate::tuf::{Repository, RootKeys};

/// What time it is.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Which transparency logs a stack's signing config names. A log that is not named by any is not there, but for that of Rekor v2, which always is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Logs {
    /// Rekor v2.
    #[default]
    V2,
    /// Rekor v1.
    V1,
    /// Both, for clients to choose.
    Both,
}

/// How a stack is set up.
#[derive(Clone)]
pub struct Options {
    /// What time it is.
    pub clock: Clock,
    /// The organization in certificates; the logs' and services' names end with it. A DNS name.
    pub organization: String,
    /// Where the logs are kept. In a directory, keys and certificates are kept as well, in `keys/`, for the owner's eyes only.
    pub place: Place,
    /// Which logs sign.
    pub logs: Logs,
    /// Entries of earlier shards of the Rekor v1 log: its first index.
    pub earlier: u64,
    /// The key of the Rekor v2 log: Ed25519 or P-256. That of Rekor v1 is P-256.
    pub log_key: KeyKind,
    /// The timestamp authority's key: P-256 or P-384.
    pub timestamp_key: KeyKind,
    /// Who everybody is whom the issuer is not told about.
    pub email: String,
    /// Claims that replace those of [`workflow`](crate::workflow) in tokens of jobs.
    pub job: Value,
    /// The secret with which a job asks for its token.
    pub request_token: String,
    /// Issuers whose name the stack's own issuer may use as well: tests want the names of the great ones.
    pub also: Vec<(String, IssuerKind)>,
    /// Bounds of the server.
    pub limits: Limits,
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("organization", &self.organization)
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

impl Options {
    /// In memory, with the names of an invented organization.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            organization: "sigstore.test".to_owned(),
            place: Place::Memory,
            logs: Logs::V2,
            earlier: 0,
            log_key: KeyKind::Ed25519,
            timestamp_key: KeyKind::P256,
            email: "person@example.com".to_owned(),
            job: json!({}),
            request_token: "request-token".to_owned(),
            also: vec![(GITHUB.to_owned(), IssuerKind::Github("https://github.com".to_owned()))],
            limits: Limits::default(),
        }
    }
}

/// A private Sigstore whose issuer believes every name: for tests and demonstrations, never for others to trust.
#[derive(Clone)]
pub struct Stack(Arc<Inner>);

struct Inner {
    options: Options,
    start: Timestamp,
    authority: RwLock<Authority>,
    certificates: CertificateLog,
    log: TransparencyLog,
    promising: Option<PromisingLog>,
    timestamps: TimestampAuthority,
    issuer: Issuer,
    /// Held for as long as the stack is there, so that a directory has one set of keys and one writer.
    _lock: Option<fs::File>,
}

impl std::fmt::Debug for Stack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Stack").field(&self.0.options).finish()
    }
}

/// Files by name.
type Files = Vec<(&'static str, Vec<u8>)>;

/// The keys and certificates that outlive a process.
struct Kept {
    authority: Authority,
    certificates: SigningKey,
    log: SigningKey,
    promising: Option<SigningKey>,
    timestamps: TimestampAuthority,
    start: Timestamp,
}

/// The key of the Rekor v1 log, which a stack may come to have later than its others.
const PROMISING: &str = "log-v1.p8";
/// What is written after all keys, and says that they are there.
const START: &str = "start";
/// Where the logs lie beside the keys.
const CERTIFICATES: &str = "certificates";
const LOG: &str = "log";
const LOG_V1: &str = "log-v1";

/// Refuses to make keys for logs that are there: theirs are somewhere else, on a volume that is not mounted, or lost.
fn unkept(place: &Path, logs: &[&str], name: &str) -> Result<(), Error> {
    for log in logs {
        let log = place.join(log);
        if store::is_there(&log.join(CHECKPOINT))? {
            return Err(Error::Damaged {
                place: log.display().to_string(),
                found: format!(
                    "its key is not kept: `{}` is missing; bring it back",
                    place.join("keys").join(name).display()
                ),
            });
        }
    }
    Ok(())
}

fn random() -> Result<[u8; 20], Error> {
    let mut bytes = [0; 20];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| Error::Crypto { doing: "make random numbers" })?;
    Ok(bytes)
}

impl Kept {
    fn generate(options: &Options, now: Timestamp) -> Result<(Self, Files), Error> {
        let organization = options.organization.as_str();
        // The roots' own keys are forgotten at once: nothing else is ever signed with them.
        let (root, key) = (SigningKey::generate(KeyKind::P384)?, SigningKey::generate(KeyKind::P384)?);
        let (tsa_root, tsa_key) = (SigningKey::generate(KeyKind::P384)?, SigningKey::generate(options.timestamp_key)?);
        let (certificates, log) = (SigningKey::generate(KeyKind::P256)?, SigningKey::generate(options.log_key)?);
        let files = vec![
            ("authority.p8", key.to_pkcs8()?),
            ("timestamps.p8", tsa_key.to_pkcs8()?),
            ("certificates.p8", certificates.to_pkcs8()?),
            ("log.p8", log.to_pkcs8()?),
        ];
        let authority = Authority::found(organization, &root, key, now, [random()?, random()?])?;
        let timestamps = TimestampAuthority::found(organization, &tsa_root, tsa_key, now, [random()?, random()?])?;
        let chain =
            |chain: &[Vec<u8>]| chain.iter().map(|der| pem("CERTIFICATE", der)).collect::<String>().into_bytes();
        let mut files = files;
        files.push(("authority.pem", chain(authority.chain())));
        files.push(("timestamps.pem", chain(timestamps.chain())));
        // Written last: what is there with it is whole.
        files.push((START, material::seconds(now).into_bytes()));
        let mut kept = Self { authority, certificates, log, promising: None, timestamps, start: now };
        if let Some(file) = kept.complete(options)? {
            files.insert(0, file);
        }
        Ok((kept, files))
    }

    /// Makes the key of a log that is asked for and was not there.
    fn complete(&mut self, options: &Options) -> Result<Option<(&'static str, Vec<u8>)>, Error> {
        if options.logs == Logs::V2 || self.promising.is_some() {
            return Ok(None);
        }
        let key = SigningKey::generate(KeyKind::P256)?;
        let file = (PROMISING, key.to_pkcs8()?);
        self.promising = Some(key);
        Ok(Some(file))
    }

    fn load(options: &Options, folder: &Path) -> Result<Option<Self>, Error> {
        if !store::is_there(&folder.join(START))? {
            return Ok(None);
        }
        let damaged = |name: &str| Error::Damaged {
            place: folder.display().to_string(),
            found: format!("`{name}` cannot be read"),
        };
        let read = |name: &str| {
            fs::read(folder.join(name)).map_err(|err| Error::Io { doing: "read", path: folder.join(name), err })
        };
        let key = |name: &str, kind| SigningKey::from_pkcs8(kind, &read(name)?);
        let chain = |name: &str| -> Result<[Vec<u8>; 2], Error> {
            let text = String::from_utf8(read(name)?).map_err(|_| damaged(name))?;
            let (first, second) =
                text.split_at_checked(text.rfind("-----BEGIN").unwrap_or(0)).ok_or_else(|| damaged(name))?;
            let der = |text: &str| unpem("CERTIFICATE", text).ok_or_else(|| damaged(name));
            Ok([der(first)?, der(second)?])
        };
        let start =
            String::from_utf8(read(START)?).ok().and_then(|text| text.parse().ok()).ok_or_else(|| damaged(START))?;
        Ok(Some(Self {
            authority: Authority::resume(key("authority.p8", KeyKind::P384)?, chain("authority.pem")?)?,
            certificates: key("certificates.p8", KeyKind::P256)?,
            log: key("log.p8", options.log_key)?,
            promising: match options.logs != Logs::V2 && store::is_there(&folder.join(PROMISING))? {
                true => Some(key(PROMISING, KeyKind::P256)?),
                false => None,
            },
            timestamps: TimestampAuthority::resume(
                key("timestamps.p8", options.timestamp_key)?,
                chain("timestamps.pem")?,
            )?,
            start,
        }))
    }

    fn save(folder: &Path, files: &[(&str, Vec<u8>)]) -> Result<(), Error> {
        let failed = |path: &Path, err| Error::Io { doing: "write", path: path.to_owned(), err };
        store::make_directory(folder).map_err(|err| failed(folder, err))?;
        for (name, bytes) in files {
            let path = folder.join(name);
            // Temporary files are readable by their owner only.
            let mut part = tempfile::NamedTempFile::new_in(folder).map_err(|err| failed(&path, err))?;
            std::io::Write::write_all(&mut part, bytes).map_err(|err| failed(&path, err))?;
            part.as_file().sync_all().map_err(|err| failed(&path, err))?;
            part.persist(&path).map_err(|err| failed(&path, err.error))?;
        }
        fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(|err| failed(folder, err))
    }
}

impl Stack {
    /// A stack with new keys, or with those that its directory keeps.
    ///
    /// # Errors
    /// When a key cannot be made, a setting cannot be used, or the directory is damaged or in use.
    pub fn new(options: Options) -> Result<Self, Error> {
        let now = (options.clock)();
        // Before anything is read or made: two that start at once would each make keys, and one would sign with keys that are nowhere.
        let lock = match &options.place {
            Place::Memory => None,
            Place::Directory(folder) => Some(store::lock(folder)?),
        };
        let kept = match &options.place {
            Place::Memory => Kept::generate(&options, now)?.0,
            Place::Directory(place) => {
                let folder = place.join("keys");
                match Kept::load(&options, &folder)? {
                    Some(mut kept) => {
                        if let Some(file) = kept.complete(&options)? {
                            unkept(place, &[LOG_V1], PROMISING)?;
                            Kept::save(&folder, &[file])?;
                        }
                        kept
                    }
                    None => {
                        unkept(place, &[CERTIFICATES, LOG, LOG_V1], START)?;
                        let (kept, files) = Kept::generate(&options, now)?;
                        Kept::save(&folder, &files)?;
                        kept
                    }
                }
            }
        };
        let below = |name: &str| match &options.place {
            Place::Memory => Place::Memory,
            Place::Directory(folder) => Place::Directory(folder.join(name)),
        };
        let organization = options.organization.as_str();
        let issuers = kept.authority.chain().first().cloned().into_iter().collect();
        let certificates =
            CertificateLog::open(&format!("ct.{organization}"), kept.certificates, issuers, &below(CERTIFICATES))?;
        let log = TransparencyLog::open(&format!("log.{organization}"), kept.log, &below(LOG))?;
        let promising = match kept.promising {
            Some(key) => {
                Some(PromisingLog::open(&format!("rekor.{organization}"), key, options.earlier, &below(LOG_V1))?)
            }
            None => None,
        };
        let stack = Self(Arc::new(Inner {
            _lock: lock,
            promising,
            start: kept.start,
            authority: RwLock::new(kept.authority),
            certificates,
            log,
            timestamps: kept.timestamps,
            issuer: Issuer::new()?,
            options,
        }));
        stack.trust(None)?;
        Ok(stack)
    }

    /// Has the authority exchange the tokens of its own issuer, under its address and under the names that it may use.
    fn trust(&self, address: Option<&str>) -> Result<(), Error> {
        let keys = Jwks::parse(self.0.issuer.jwks().to_string().as_bytes())
            .map_err(|refusal| Error::Setting(refusal.message))?;
        let mut trusted = vec![(self.issuer_name(), IssuerKind::Email)];
        trusted.extend(address.map(|address| (address.to_owned(), IssuerKind::Email)));
        trusted.extend(self.0.options.also.iter().cloned());
        let trusted = trusted.into_iter().map(|(url, kind)| TrustedIssuer { url, kind, keys: keys.clone() }).collect();
        self.0.authority.write().trust(trusted);
        Ok(())
    }

    /// Answers on an ephemeral port of this machine until the value is dropped.
    ///
    /// # Errors
    /// When there is no port, or the TUF repository cannot be signed.
    pub fn listen(&self) -> Result<Serving, Error> {
        let bound = Bound::loopback()?;
        let url = bound.url();
        let keys = RootKeys::generate()?;
        let mut served = Served { stack: self.clone(), url, tuf: Repository::empty() };
        let targets = BTreeMap::from([
            (TRUSTED_ROOT_FILE.to_owned(), self.trusted_root().to_string().into_bytes()),
            (SIGNING_CONFIG_FILE.to_owned(), served.signing_config().to_string().into_bytes()),
        ]);
        served.tuf = Repository::found(&keys, &targets, self.now())?;
        self.trust(Some(&served.issuer_url()))?;
        let served = Arc::new(served);
        let server = bound.serve(self.0.options.limits, Arc::clone(&served) as Arc<dyn crate::http::Handler>)?;
        Ok(Serving { served, server })
    }

    /// What time it is here.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.0.options.clock)()
    }

    /// The name of the issuer while it is not asked over HTTP.
    #[must_use]
    pub fn issuer_name(&self) -> String {
        format!("https://oidc.{}", self.0.options.organization)
    }

    /// Twenty random bytes.
    pub(crate) fn random(&self) -> Result<[u8; 20], Error> {
        random()
    }

    /// The certificate authority.
    pub fn authority(&self) -> RwLockReadGuard<'_, Authority> {
        self.0.authority.read()
    }

    /// The certificate log.
    #[must_use]
    pub fn certificates(&self) -> &CertificateLog {
        &self.0.certificates
    }

    /// The transparency log.
    #[must_use]
    pub fn log(&self) -> &TransparencyLog {
        &self.0.log
    }

    /// The Rekor v1 log, if the options ask for one.
    #[must_use]
    pub fn promising(&self) -> Option<&PromisingLog> {
        self.0.promising.as_ref()
    }

    /// The timestamp authority.
    #[must_use]
    pub fn timestamps(&self) -> &TimestampAuthority {
        &self.0.timestamps
    }

    /// The issuer.
    #[must_use]
    pub fn issuer(&self) -> &Issuer {
        &self.0.issuer
    }

    pub(crate) fn email(&self) -> &str {
        &self.0.options.email
    }

    pub(crate) fn job(&self) -> &Value {
        &self.0.options.job
    }

    /// The secret with which a job asks for its token.
    #[must_use]
    pub fn request_token(&self) -> &str {
        &self.0.options.request_token
    }

    /// Exchanges a token for a certificate: DER, the leaf first, the root last.
    ///
    /// # Errors
    /// As for [`Authority::certify`].
    pub fn certify(&self, token: &str, possession: Possession<'_>, now: Timestamp) -> Result<Vec<Vec<u8>>, Refusal> {
        self.authority().certify(token, possession, self.certificates(), now, random()?)
    }

    pub(crate) fn answer_certificate(
        &self,
        body: &[u8],
        bearer: Option<&str>,
        now: Timestamp,
    ) -> Result<Value, Refusal> {
        self.authority().answer(body, bearer, self.certificates(), now, random()?)
    }

    /// A timestamp over a SHA-256 digest: `TimeStampResp` in DER.
    ///
    /// # Errors
    /// When the key cannot sign.
    pub fn stamp(&self, digest: &[u8; 32], now: Timestamp) -> Result<Vec<u8>, Refusal> {
        self.timestamps().stamp_sha256(digest, now, random()?)
    }

    /// `trusted_root.json`.
    #[must_use]
    pub fn trusted_root(&self) -> Value {
        let inner = &self.0;
        let organization = &inner.options.organization;
        let authority = self.authority();
        material::trusted_root(
            organization,
            inner.start,
            &authority,
            &inner.certificates,
            &inner.log,
            inner.promising.as_ref(),
            &inner.timestamps,
        )
    }
}

/// What is served under one address.
pub(crate) struct Served {
    pub(crate) stack: Stack,
    url: String,
    pub(crate) tuf: Repository,
}

impl Served {
    pub(crate) fn issuer_url(&self) -> String {
        format!("{}/oidc", self.url)
    }

    pub(crate) fn signing_config(&self) -> Value {
        let inner = &self.stack.0;
        let options = &inner.options;
        material::signing_config(&options.organization, inner.start, &self.url, &self.issuer_url(), options.logs)
    }

    pub(crate) fn client_trust_config(&self) -> Value {
        material::client_trust_config(&self.stack.trusted_root(), &self.signing_config())
    }
}

/// A stack that answers over HTTP until this is dropped.
pub struct Serving {
    served: Arc<Served>,
    server: Listening,
}

impl std::fmt::Debug for Serving {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Serving").field(&self.server).finish()
    }
}

impl Serving {
    /// The address of everything: Fulcio, Rekor, and the material.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// The issuer's address, which is its name.
    #[must_use]
    pub fn issuer_url(&self) -> String {
        self.served.issuer_url()
    }

    /// The address of the TUF repository.
    #[must_use]
    pub fn tuf_url(&self) -> String {
        format!("{}/tuf", self.url())
    }

    /// The first root of the TUF repository.
    #[must_use]
    pub fn tuf_root(&self) -> &[u8] {
        self.served.tuf.initial_root()
    }

    /// What a job of GitHub Actions asks: `ACTIONS_ID_TOKEN_REQUEST_URL`. The client adds `&audience=`.
    #[must_use]
    pub fn request_url(&self) -> String {
        format!("{}/actions/token?api-version=2.0", self.url())
    }

    /// `signing_config.v0.2.json`.
    #[must_use]
    pub fn signing_config(&self) -> Value {
        self.served.signing_config()
    }

    /// `trusted_root.json` and `signing_config.v0.2.json` in one.
    #[must_use]
    pub fn client_trust_config(&self) -> Value {
        self.served.client_trust_config()
    }

    /// A token that names a person, by the issuer under its address.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub fn token(&self, email: &str) -> Result<String, Error> {
        self.served.stack.issuer().mint_email(&self.issuer_url(), email, self.served.stack.now())
    }
}
