//! What the leader alone does: the authority and the certificate in their Secret, and both webhook configurations. Others read.
//!
//! Everything is written over the version that was read, and ends before the Lease does: a leader of before writes nothing any more.

use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow, bail};
use signet_admission::Clock;
use signet_admission::authority::{Authority, Lifetimes};
use signet_kube::resource::{NAMESPACES, SECRETS};
use signet_kube::{Address, Client, Discovery, Hooks, Rule, Written, data_of};

use super::broken::Guarded;
use super::rules;

/// The whole authority, beside what a Secret of `kubernetes.io/tls` holds. A Secret without it is somebody else's, and only read.
pub(super) const STATE: &str = "authority.json";

/// What stays the same while we run.
pub(super) struct Charge {
    pub(super) client: Client,
    pub(super) namespace: String,
    /// The Secret that certificates lie in; nothing, where they come from elsewhere.
    pub(super) secret: Option<String>,
    pub(super) names: Vec<String>,
    pub(super) address: Address,
    pub(super) kube_system: bool,
    pub(super) timeout: u8,
    pub(super) clock: Clock,
    /// Whether gates share a list of what is blocked.
    pub(super) stops: bool,
}

impl Charge {
    /// Does what is due for the authority. What API servers must trust; `true` where something was written.
    pub(super) async fn certificate(&self, secret: &str) -> Result<(Vec<u8>, bool)> {
        let found = self.client.find(&SECRETS, Some(&self.namespace), secret).await?;
        let now = (self.clock)();
        let lifetimes = Lifetimes::default();
        let (authority, changed) = match &found {
            None => (Authority::new(&self.names, now, lifetimes)?, true),
            Some(held) => match data_of(held, STATE) {
                Some(state) => {
                    let mut authority = Authority::from_bytes(&state, lifetimes).map_err(|what| {
                        anyhow!(
                            "the Secret `{}/{secret}` holds no authority: {what}; delete it to begin anew",
                            self.namespace
                        )
                    })?;
                    let changes = authority.step(&self.names, now)?;
                    (authority, !changes.is_empty())
                }
                None => {
                    let bundle = data_of(held, "ca.crt").filter(|bundle| !bundle.is_empty());
                    let bundle = bundle.with_context(|| {
                        format!(
                            "the Secret `{}/{secret}` has no `ca.crt`, which API servers must trust",
                            self.namespace
                        )
                    })?;
                    return Ok((bundle.to_vec(), false));
                }
            },
        };
        let bundle = authority.bundle().into_bytes();
        if changed {
            let (chain, key, state) = (authority.chain(), authority.key(), authority.to_bytes());
            let data: [(&str, &[u8]); 4] =
                [("tls.crt", chain.as_bytes()), ("tls.key", key.as_bytes()), ("ca.crt", &bundle), (STATE, &state)];
            self.client.keep_secret(&self.namespace, secret, found.as_ref(), &data).await?;
        }
        Ok((bundle, changed))
    }

    /// The rules that these policies want, of all kinds that are served now.
    pub(super) async fn rules(&self, engine: &Arc<Guarded>) -> Result<Vec<Rule>> {
        let discovery: Discovery = self.client.discover().await?;
        let (engine, stops) = (Arc::clone(engine), self.stops);
        Ok(tokio::task::spawn_blocking(move || rules::rules(&engine, &discovery, stops)).await?)
    }

    /// Makes both configurations say this. `true` where something was written.
    pub(super) async fn hooks(&self, rules: Vec<Rule>, bundle: Vec<u8>) -> Result<bool> {
        if bundle.is_empty() && !rules.is_empty() {
            bail!("nobody says whom API servers must trust: the webhook configurations stay as they are");
        }
        let own = self.client.get(&NAMESPACES, None, &self.namespace).await;
        let own = own.with_context(|| format!("cannot read our own namespace `{}`", self.namespace))?;
        let owner = own.pointer("/metadata/uid").and_then(serde_json::Value::as_str).map(str::to_owned);
        let hooks = Hooks {
            namespace: self.namespace.clone(),
            address: self.address.clone(),
            bundle,
            timeout: self.timeout,
            kube_system: self.kube_system,
            rules,
            owner,
        };
        let written = self.client.keep_hooks(&hooks).await?;
        Ok(written.iter().any(|written| *written != Written::Same))
    }
}
