//! The client: what all requests share.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::OnceLock;

use parking_lot::Mutex;
use signet_model::ImageRef;

use crate::credentials::{Credential, CredentialConfig, SavedTo};
use crate::endpoint::{Access, Endpoint};
use crate::error::{Error, ErrorKind};
use crate::options::ClientOptions;
use crate::secret::Secret;
use crate::token::Tokens;

/// Registry and download client. Cheap to clone; clones share connections, tokens and limits. Its methods need a tokio runtime with I/O and time.
#[derive(Clone)]
pub struct Client {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) options: ClientOptions,
    pub(crate) credentials: CredentialConfig,
    pub(crate) tokens: Tokens,
    /// Registry to what it let in, so that a helper is run once.
    pub(crate) found: Mutex<HashMap<(String, String), Credential>>,
    /// Loopback hosts to whether they speak plain HTTP.
    pub(crate) plain: Mutex<HashMap<String, bool>>,
    pub(crate) permits: tokio::sync::Semaphore,
    /// Registries to whether they list referrers.
    pub(crate) lists: Mutex<HashMap<String, bool>>,
    pub(crate) random: Mutex<u64>,
    /// Tags that are being changed, so that writers of one process take turns.
    pub(crate) queues: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
    pub(crate) outer: OnceLock<reqwest::Client>,
    pub(crate) direct: OnceLock<reqwest::Client>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Client(..)")
    }
}

impl Client {
    /// A client. Opens nothing and reads nothing; certificates are loaded with the first request.
    pub fn new(options: ClientOptions, credentials: CredentialConfig) -> Client {
        Client {
            shared: Arc::new(Shared {
                permits: tokio::sync::Semaphore::new(options.max_concurrency.clamp(1, 1024)),
                random: Mutex::new(options.jitter_seed),
                options,
                credentials,
                tokens: Tokens::default(),
                queues: Mutex::default(),
                lists: Mutex::default(),
                found: Mutex::default(),
                plain: Mutex::default(),
                outer: OnceLock::new(),
                direct: OnceLock::new(),
            }),
        }
    }

    /// The settings.
    pub fn options(&self) -> &ClientOptions {
        &self.shared.options
    }

    /// Asks a registry (`host[:port]`) whether it lets us in: `GET /v2/`. `credential` is tried instead of the configured ones.
    pub async fn ping(&self, registry: &str, credential: Option<&Credential>) -> Result<(), Error> {
        // Any repository will do: only the registry is asked.
        let reference = ImageRef::new(registry, "library/ping", None, None).map_err(|err| {
            Error::new(ErrorKind::Usage, format!("ask registry `{registry}`"), "this is no registry name").cause(err)
        })?;
        let endpoint = Endpoint::origin(&reference, self.options());
        if let Some(credential) = credential {
            let key = (endpoint.registry.clone(), endpoint.repository.clone());
            self.shared.found.lock().insert(key, credential.clone());
        }
        let url = self.url(&endpoint, None).await?;
        let mut ask = crate::transport::Ask::get(url, format!("log in to `{registry}`")).at(&endpoint, Access::Pull);
        ask.scopes.clear();
        ask.small_body = Some(self.options().limits.error_body);
        self.send(&ask).await.map(|_| ())
    }

    /// `signet login`: checks the password with the registry, then keeps it.
    pub async fn login(&self, registry: &str, username: &str, password: &Secret) -> Result<SavedTo, Error> {
        let credential = Credential::Password { username: username.to_owned(), password: password.clone() };
        let welcome = self.ping(registry, Some(&credential)).await;
        self.shared.found.lock().clear();
        welcome?;
        self.save_login(registry, username, password).await
    }

    /// Keeps a password without asking the registry.
    pub async fn save_login(&self, registry: &str, username: &str, password: &Secret) -> Result<SavedTo, Error> {
        self.shared.credentials.save(registry, username, password, self.options().timeouts.helper).await
    }

    /// `signet logout`: forgets what is kept for a registry; false when nothing was.
    pub async fn logout(&self, registry: &str) -> Result<bool, Error> {
        self.shared.found.lock().clear();
        self.shared.credentials.erase(registry, self.options().timeouts.helper).await
    }

    /// The credential for an endpoint; each registry and repository is looked up once.
    pub(crate) async fn credential(&self, endpoint: &Endpoint) -> Result<Credential, Error> {
        let key = (endpoint.registry.clone(), endpoint.repository.clone());
        if let Some(known) = self.shared.found.lock().get(&key) {
            return Ok(known.clone());
        }
        let found = self
            .shared
            .credentials
            .find(&endpoint.registry, &endpoint.repository, self.options().timeouts.helper)
            .await?;
        self.shared.found.lock().insert(key, found.clone());
        Ok(found)
    }
}
