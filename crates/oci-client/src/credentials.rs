//! Credentials of registries: docker's `config.json`, podman's `auth.json`, credential helpers, and pairs given by the user.
//!
//! Sources: docker/cli `cli/config/configfile/file.go`; containers-auth.json(5); docker/docker-credential-helpers, README.

mod file;
mod helper;
mod save;

use std::ffi::OsString;
use std::path::PathBuf;

use crate::error::{Error, ErrorKind};
use crate::secret::Secret;

pub use save::SavedTo;

/// What a client can show to a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// Nothing.
    Anonymous,
    /// A user name and a password or access token.
    Password {
        /// The user name.
        username: String,
        /// The password.
        password: Secret,
    },
    /// An OAuth2 refresh token, exchanged at the token service (`identitytoken`, or a helper's user name `<token>`).
    IdentityToken(Secret),
    /// A bearer token that is sent to the registry as it is (`registrytoken`).
    RegistryToken(Secret),
}

impl Credential {
    /// Whether there is something to show.
    pub fn is_some(&self) -> bool {
        *self != Credential::Anonymous
    }

    /// What tells tokens of different accounts apart in the cache; not shown to anyone.
    pub(crate) fn account(&self) -> String {
        match self {
            Credential::Anonymous => String::new(),
            Credential::Password { username, password } => format!("p:{username}:{}", password.reveal()),
            Credential::IdentityToken(token) => format!("i:{}", token.reveal()),
            Credential::RegistryToken(token) => format!("r:{}", token.reveal()),
        }
    }
}

/// A user name and password given by the user for a registry.
#[derive(Clone, Debug)]
pub struct CredentialPair {
    /// `host[:port]`; `None` is for every registry that asks.
    pub registry: Option<String>,
    /// The user name.
    pub username: String,
    /// The password.
    pub password: Secret,
}

/// Where credentials are looked for, in this order: pairs, files.
#[derive(Clone, Debug, Default)]
pub struct CredentialConfig {
    /// Given by the user.
    pub pairs: Vec<CredentialPair>,
    /// Configuration files; the first that knows the registry wins. A missing one is skipped, a broken one is an error.
    pub files: Vec<PathBuf>,
    /// The file that `signet login` writes.
    pub login_file: Option<PathBuf>,
    /// `PATH`, where `docker-credential-*` programs lie. Without it no helper is run.
    pub path: Option<OsString>,
}

impl CredentialConfig {
    /// Places that docker and podman use, from the environment that `get` gives: `REGISTRY_AUTH_FILE`, `DOCKER_CONFIG`, `HOME`, `XDG_RUNTIME_DIR`,
    /// `XDG_CONFIG_HOME`, `PATH`, `REGISTRY_USERNAME` with `REGISTRY_PASSWORD`.
    pub fn from_environment(get: &dyn Fn(&str) -> Option<OsString>) -> CredentialConfig {
        let set = |name: &str| get(name).filter(|value| !value.is_empty());
        let home = set("HOME").map(PathBuf::from);
        let mut files = Vec::new();
        files.extend(set("REGISTRY_AUTH_FILE").map(PathBuf::from));
        let docker = match set("DOCKER_CONFIG") {
            Some(folder) => Some(PathBuf::from(folder).join("config.json")),
            None => home.as_ref().map(|home| home.join(".docker/config.json")),
        };
        files.extend(docker.clone());
        files.extend(set("XDG_RUNTIME_DIR").map(|folder| PathBuf::from(folder).join("containers/auth.json")));
        let config = set("XDG_CONFIG_HOME").map(PathBuf::from).or_else(|| home.map(|home| home.join(".config")));
        files.extend(config.map(|folder| folder.join("containers/auth.json")));
        let text = |name: &str| set(name).and_then(|value| value.into_string().ok());
        let pairs = match (text("REGISTRY_USERNAME"), text("REGISTRY_PASSWORD")) {
            (Some(username), Some(password)) => {
                vec![CredentialPair { registry: None, username, password: Secret::new(password) }]
            }
            _ => Vec::new(),
        };
        CredentialConfig { pairs, files, login_file: docker, path: get("PATH") }
    }

    /// The credential for a repository of a registry (`host[:port]`, `docker.io` for Docker Hub).
    pub(crate) async fn find(
        &self,
        registry: &str,
        repository: &str,
        helper_timeout: std::time::Duration,
    ) -> Result<Credential, Error> {
        let registry = canonical_host(registry);
        let pair = self
            .pairs
            .iter()
            .find(|pair| pair.registry.as_deref().is_some_and(|name| canonical_host(name) == registry))
            .or_else(|| self.pairs.iter().find(|pair| pair.registry.is_none()));
        if let Some(pair) = pair {
            return Ok(Credential::Password { username: pair.username.clone(), password: pair.password.clone() });
        }
        for path in &self.files {
            let Some(file) = file::read(path)? else { continue };
            let found = match file.find(&registry, repository, path)? {
                file::Found::Credential(credential) => Some(credential),
                file::Found::Helper { name, or } => {
                    let program = helper::Helper::locate(&name, self.path.as_deref(), helper_timeout)?;
                    match program.get(server_name(&registry)).await? {
                        Some(credential) => Some(credential),
                        None => or,
                    }
                }
                file::Found::Nothing => None,
            };
            if let Some(credential) = found {
                return Ok(credential);
            }
        }
        Ok(Credential::Anonymous)
    }
}

/// The name under which a registry is compared: without scheme and API path, Docker Hub's names as one.
pub(crate) fn canonical_host(name: &str) -> String {
    let (host, _) = split_key(name);
    host
}

/// Host and path of a key: `https://index.docker.io/v1/` is (`docker.io`, ``), `r.example/team` is (`r.example`, `team`).
fn split_key(key: &str) -> (String, String) {
    let rest = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = match host.to_ascii_lowercase().as_str() {
        "index.docker.io" | "registry-1.docker.io" | "docker.io" => "docker.io".to_owned(),
        other => other.to_owned(),
    };
    let path = path.trim_matches('/');
    let path = if path == "v1" || path == "v2" { "" } else { path };
    (host, path.to_owned())
}

/// The name under which docker keeps a registry's credentials.
fn server_name(registry: &str) -> &str {
    if registry == "docker.io" { "https://index.docker.io/v1/" } else { registry }
}

fn failed(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::Credentials, "use the stored credentials", what)
}

#[cfg(test)]
mod tests;
