//! `docker-credential-NAME`: a program that keeps secrets.
//!
//! Protocol: the action is the argument, the server's name (or, for `store`, a JSON object) comes on stdin, the answer is JSON on stdout. A failure is
//! a non-zero exit with the reason on stdout. Source: docker/docker-credential-helpers, `client/client.go` and `credentials/error.go`.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{Credential, failed};
use crate::error::{Error, printable};
use crate::secret::Secret;

/// An answer is a few hundred bytes.
const MOST: u64 = 64 << 10;

/// A helper that was found.
pub(super) struct Helper {
    name: String,
    program: PathBuf,
    timeout: Duration,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    #[serde(default)]
    username: String,
    #[serde(default)]
    secret: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Store<'a> {
    #[serde(rename = "ServerURL")]
    server_url: &'a str,
    username: &'a str,
    secret: &'a str,
}

impl Helper {
    /// Finds `docker-credential-NAME` in `path`.
    pub(super) fn locate(name: &str, path: Option<&OsStr>, timeout: Duration) -> Result<Helper, Error> {
        if name.is_empty()
            || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
        {
            return Err(failed(format!("`{}` is no name of a credential helper", printable(name))));
        }
        let file = format!("docker-credential-{name}");
        let program = path
            .into_iter()
            .flat_map(std::env::split_paths)
            .filter(|folder| folder.is_absolute())
            .map(|folder| folder.join(&file))
            .find(|program| program.is_file())
            .ok_or_else(|| {
                failed(format!("the credential helper `{file}` is configured and not in `PATH`"))
                    .hint("install it, or take it out of `credsStore` and `credHelpers`")
            })?;
        Ok(Helper { name: file, program, timeout })
    }

    /// The credential for a server; `None` when the helper has none.
    pub(super) async fn get(&self, server: &str) -> Result<Option<Credential>, Error> {
        let (success, output) = self.run("get", server.as_bytes()).await?;
        if !success {
            let said = printable(&String::from_utf8_lossy(&output));
            if said.to_ascii_lowercase().contains("credentials not found") {
                return Ok(None);
            }
            return Err(failed(format!("`{} get` failed for `{server}`: {said}", self.name)));
        }
        let answer: Answer = serde_json::from_slice(&output)
            .map_err(|_| failed(format!("`{} get` did not answer with JSON of its protocol", self.name)))?;
        let secret = Secret::new(answer.secret);
        Ok(match answer.username.as_str() {
            "" if secret.reveal().is_empty() => None,
            "<token>" => Some(Credential::IdentityToken(secret)),
            _ => Some(Credential::Password { username: answer.username, password: secret }),
        })
    }

    /// Keeps a credential.
    pub(super) async fn store(&self, server: &str, username: &str, password: &Secret) -> Result<(), Error> {
        let body = serde_json::to_vec(&Store { server_url: server, username, secret: password.reveal() })
            .map_err(|err| failed("the credential cannot be written as JSON").cause(err))?;
        self.must("store", &body).await
    }

    /// Forgets a credential.
    pub(super) async fn erase(&self, server: &str) -> Result<(), Error> {
        self.must("erase", server.as_bytes()).await
    }

    async fn must(&self, action: &str, input: &[u8]) -> Result<(), Error> {
        match self.run(action, input).await? {
            (true, _) => Ok(()),
            (false, output) => Err(failed(format!(
                "`{} {action}` failed: {}",
                self.name,
                printable(&String::from_utf8_lossy(&output))
            ))),
        }
    }

    async fn run(&self, action: &str, input: &[u8]) -> Result<(bool, Vec<u8>), Error> {
        let broken = |err: std::io::Error| failed(format!("`{} {action}` cannot be run", self.name)).cause(err);
        let mut child = tokio::process::Command::new(&self.program)
            .arg(action)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(broken)?;
        let talk = async {
            if let Some(mut stdin) = child.stdin.take() {
                // A helper that does not read its input is judged by its answer.
                let _ = stdin.write_all(input).await;
            }
            let mut output = Vec::new();
            if let Some(stdout) = child.stdout.take() {
                stdout.take(MOST + 1).read_to_end(&mut output).await.map_err(broken)?;
            }
            if output.len() as u64 > MOST {
                return Err(failed(format!("`{} {action}` wrote more than {MOST} bytes", self.name)));
            }
            let status = child.wait().await.map_err(broken)?;
            Ok((status.success(), output))
        };
        match tokio::time::timeout(self.timeout, talk).await {
            Ok(done) => done,
            Err(_) => Err(failed(format!("`{} {action}` gave no answer in {} s", self.name, self.timeout.as_secs()))),
        }
    }
}
