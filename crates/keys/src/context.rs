//! What the surroundings give: variables, the password, the network, the time. All of it comes in as values, so tests need none of it.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use signet_oci_client::{Client, ClientOptions, CredentialConfig};

use crate::error::Error;
use crate::secret::SecretBytes;

/// Why a password is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asking {
    /// To open a key that is there.
    Open,
    /// For a new key: whoever types it does so twice.
    New,
}

type Lookup = dyn Fn(&str) -> Option<String> + Send + Sync;
type AskPassword = dyn Fn(Asking) -> Result<SecretBytes, Error> + Send + Sync;
type Clock = dyn Fn() -> Timestamp + Send + Sync;

/// Cheap to clone; signers keep one.
#[derive(Clone)]
pub struct Context {
    variables: Arc<Lookup>,
    password: Arc<AskPassword>,
    clock: Arc<Clock>,
    client: Client,
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Context(..)")
    }
}

impl Context {
    /// `variables` looks up the environment, `password` is asked when a key needs one, `clock` tells the time (requests to AWS are signed with it).
    pub fn new(
        client: Client,
        variables: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
        password: impl Fn(Asking) -> Result<SecretBytes, Error> + Send + Sync + 'static,
        clock: impl Fn() -> Timestamp + Send + Sync + 'static,
    ) -> Context {
        Context { variables: Arc::new(variables), password: Arc::new(password), clock: Arc::new(clock), client }
    }

    /// A variable; an empty one is none.
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        (self.variables)(name).filter(|value| !value.is_empty())
    }

    /// Asks for a password.
    ///
    /// # Errors
    /// When none can be had, or the two that were typed differ.
    pub fn ask_password(&self, asking: Asking) -> Result<SecretBytes, Error> {
        (self.password)(asking)
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    pub(crate) fn home(&self) -> Option<PathBuf> {
        self.variable("HOME").map(PathBuf::from)
    }

    /// The client for services.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// A client with other settings, without any registry's credentials.
    pub(crate) fn client_with(&self, change: impl FnOnce(&mut ClientOptions)) -> Client {
        let mut options = self.client.options().clone();
        change(&mut options);
        Client::new(options, CredentialConfig::default())
    }

    /// A client for the metadata service of a cloud: no proxy, no waiting (elsewhere nobody answers at its address), plain HTTP to these hosts only.
    pub(crate) fn metadata_client(&self, hosts: &[&str]) -> Client {
        self.client_with(|options| {
            options.use_proxy_from_environment = false;
            options.plain_http.extend(hosts.iter().map(|host| (*host).to_owned()));
            options.retries = 1;
            options.timeouts.connect = std::time::Duration::from_secs(2);
            options.timeouts.response = std::time::Duration::from_secs(5);
        })
    }
}
