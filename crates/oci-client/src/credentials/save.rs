//! What `signet login` and `signet logout` do to the configuration file.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::file::{self, ConfigFile};
use super::helper::Helper;
use super::{CredentialConfig, canonical_host, failed, server_name, split_key};
use crate::error::Error;
use crate::secret::Secret;

/// Where a credential went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SavedTo {
    /// Into the file itself, which only its owner can read.
    File(PathBuf),
    /// To a helper that the file names.
    Helper(String),
}

impl CredentialConfig {
    /// Keeps a password for a registry: with the helper that [`CredentialConfig::login_file`] names for it, else in that file (mode 0600, replaced
    /// atomically). Everything else in the file stays as it is.
    pub(crate) async fn save(
        &self,
        registry: &str,
        username: &str,
        password: &Secret,
        helper_timeout: Duration,
    ) -> Result<SavedTo, Error> {
        let (path, mut document, config) = self.open_login_file()?;
        let registry = canonical_host(registry);
        let server = server_name(&registry);
        if let Some(name) = config.helper(&registry) {
            Helper::locate(name, self.path.as_deref(), helper_timeout)?.store(server, username, password).await?;
            entries(&mut document, &path)?.insert(server.to_owned(), Value::Object(Map::new()));
            write(&path, &document)?;
            return Ok(SavedTo::Helper(name.to_owned()));
        }
        let auth = STANDARD.encode(format!("{username}:{}", password.reveal()));
        let entry = Map::from_iter([("auth".to_owned(), Value::String(auth))]);
        entries(&mut document, &path)?.insert(server.to_owned(), Value::Object(entry));
        write(&path, &document)?;
        Ok(SavedTo::File(path))
    }

    /// Forgets what is kept for a registry; false when nothing was.
    pub(crate) async fn erase(&self, registry: &str, helper_timeout: Duration) -> Result<bool, Error> {
        let (path, mut document, config) = self.open_login_file()?;
        let registry = canonical_host(registry);
        let entries = entries(&mut document, &path)?;
        let before = entries.len();
        entries.retain(|key, _| split_key(key) != (registry.clone(), String::new()));
        let mut found = entries.len() < before;
        if let Some(name) = config.helper(&registry) {
            let helper = Helper::locate(name, self.path.as_deref(), helper_timeout)?;
            if helper.get(server_name(&registry)).await?.is_some() {
                helper.erase(server_name(&registry)).await?;
                found = true;
            }
        }
        if found {
            write(&path, &document)?;
        }
        Ok(found)
    }

    fn open_login_file(&self) -> Result<(PathBuf, Map<String, Value>, ConfigFile), Error> {
        let path = self.login_file.as_ref().ok_or_else(|| {
            failed("there is no place for them")
                .hint("set `HOME`, or name the folder of `config.json` in `DOCKER_CONFIG`")
        })?;
        // Through a link the file itself is replaced, and not the link.
        let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.clone());
        let config = file::read(&path)?.unwrap_or_default();
        let bytes = file::read_bytes(&path)?.unwrap_or_default();
        let document = if bytes.iter().all(u8::is_ascii_whitespace) {
            Map::new()
        } else {
            serde_json::from_slice(&bytes).map_err(|_| failed(format!("`{}` is no JSON object", path.display())))?
        };
        Ok((path, document, config))
    }
}

fn entries<'a>(document: &'a mut Map<String, Value>, path: &Path) -> Result<&'a mut Map<String, Value>, Error> {
    document
        .entry("auths")
        .or_insert_with(|| Value::Object(Map::new()))
        .as_object_mut()
        .ok_or_else(|| failed(format!("`auths` in `{}` is no object", path.display())))
}

/// Writes beside the file, syncs, renames.
fn write(path: &Path, document: &Map<String, Value>) -> Result<(), Error> {
    let broken = |err: std::io::Error| failed(format!("`{}` cannot be written", path.display())).cause(err);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    make_private_folder(folder).map_err(broken)?;
    let mut text = serde_json::to_vec_pretty(document)
        .map_err(|err| failed("the configuration cannot be written as JSON").cause(err))?;
    text.push(b'\n');
    let temporary = folder.join(format!(".config.json.{}.tmp", std::process::id()));
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let _ = std::fs::remove_file(&temporary);
    let written = (|| {
        let mut file = options.open(&temporary)?;
        file.write_all(&text)?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)?;
        std::fs::File::open(folder)?.sync_all()
    })();
    if written.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    written.map_err(broken)
}

fn make_private_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}
