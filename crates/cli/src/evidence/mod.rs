//! What policies ask of registries: digests of tags, what an image is, who signed it, and what is attested about it.
//!
//! ```text
//!   engine::Needs ─▶ Outside ─┬─ Digest ──▶ the tag, once
//!                             ├─ Signed ──▶ question ─▶ trusted root and requirements ─▶ candidates beside the digest ─▶ judge (crate trust)
//!                             │             (of Notary: documents that refer to the image, and signatures of those)
//!                             └─ Image ───▶ manifest and configuration, for conditions
//!   trust_policy::facts::Question ─▶ Bench ─▶ the same, and what a scan finds
//! ```
//!
//! What cannot be found out is [`Answer::Unknown`] with the reason, and never "not signed"; what is not signed as asked is [`Answer::Refused`]. A cluster
//! and other services are not asked here.

mod demand;
mod image;
mod question;
mod referrers;
mod trust_policy;

#[cfg(test)]
pub(crate) mod tests;

pub(crate) use self::trust_policy::Bench;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use parking_lot::Mutex;
use signet_admission::BlockList;
use signet_model::Digest;
use signet_policy::engine::{Judged, Known, Needs, Set, Stages};
use signet_policy::jmespath::Surroundings;
use signet_policy::kyverno::verify_images::{Answer, ImageNeed};
use signet_policy::kyverno::{Input, Need};
use signet_policy::trust_policy::Blocked;

use crate::settings::Settings;
use crate::verify::args::ReachArgs;
use crate::verify::demand as flags;
use crate::verify::discover::{Pinned, Registry};

/// How often a request is judged again with what it asked for.
const ROUNDS: usize = 16;

/// Bytes of SBOMs that are kept until they are matched.
const MAX_SBOMS: usize = 256 << 20;

/// Where it is known from what is blocked.
enum Blocks {
    /// Read when the command began.
    Once(Arc<Blocked>),
    /// Read again and again by a service.
    Kept(Arc<BlockList>),
}

/// Registries and trusted material.
pub(crate) struct Outside {
    registry: Registry,
    reach: ReachArgs,
    /// A `trusted_root.json` instead of the chosen instance.
    trusted_root: Option<PathBuf>,
    settings: Settings,
    /// What is blocked.
    blocked: Blocks,
    /// SBOMs that were found, by the digests of their bytes.
    sboms: Mutex<BTreeMap<Digest, Vec<u8>>>,
}

impl Outside {
    pub(crate) fn new(reach: &ReachArgs, trusted_root: Option<PathBuf>, settings: &Settings) -> Result<Outside> {
        let registry = Registry::new(&flags::access(reach), settings)?;
        Ok(Outside {
            registry,
            reach: reach.clone(),
            trusted_root,
            settings: settings.clone(),
            blocked: Blocks::Once(Arc::new(crate::block::now(settings))),
            sboms: Mutex::default(),
        })
    }

    /// Judges a request, and fetches what it needs, until nothing more is needed or can be had.
    pub(crate) fn judge(
        &self,
        bench: &Bench<'_>,
        set: &Set,
        input: &Input,
        known: &mut Known,
        surroundings: &Surroundings,
        stages: Stages,
    ) -> Judged {
        let mut judged = set.judge(input, known, surroundings, stages);
        for _ in 0..ROUNDS {
            let news = self.answer_all(&judged.needs, known);
            if !(bench.answer_all(&judged.needs.questions, &mut known.facts) || news) {
                break;
            }
            judged = set.judge(input, known, surroundings, stages);
        }
        judged
    }

    /// For a service: what lies beside an image is asked for anew each time.
    #[must_use]
    pub(crate) fn forgetful(mut self) -> Outside {
        self.registry = self.registry.forgetful();
        self
    }

    /// For a service: what is blocked is read by it, for all.
    #[must_use]
    pub(crate) fn stopped_by(mut self, blocks: Arc<BlockList>) -> Outside {
        self.blocked = Blocks::Kept(blocks);
        self
    }

    /// What is blocked now.
    pub(crate) fn blocked(&self) -> Arc<Blocked> {
        match &self.blocked {
            Blocks::Once(list) => Arc::clone(list),
            Blocks::Kept(list) => list.now(tokio::time::Instant::now()),
        }
    }

    fn sbom(&self, content: &Digest) -> Option<Vec<u8>> {
        self.sboms.lock().get(content).cloned()
    }

    fn keep_sbom(&self, content: Digest, bytes: Vec<u8>) {
        let mut kept = self.sboms.lock();
        let held: usize = kept.values().map(Vec::len).sum();
        if held.saturating_add(bytes.len()) > MAX_SBOMS {
            kept.clear();
        }
        kept.insert(content, bytes);
    }

    /// Names the trusted material: another one has another name.
    pub(crate) fn trust_version(&self) -> Result<String> {
        Ok(match &self.trusted_root {
            Some(path) => Digest::sha256(&flags::file(path)?).to_string(),
            None => crate::trust::version(&flags::access(&self.reach), &self.settings)?,
        })
    }

    /// What a registry says of an image, for conditions.
    pub(crate) fn facts(&self, reference: &str) -> Result<serde_json::Value> {
        image::facts(reference, &self.registry)
    }

    /// Answers what it can; whether there is anything new.
    fn answer_all(&self, needs: &Needs, known: &mut Known) -> bool {
        let mut news = false;
        for need in &needs.images {
            if !known.images.contains_key(need) {
                known.images.insert(need.clone(), self.answer(need));
                news = true;
            }
        }
        for need in &needs.context {
            if let Need::Image { reference } = need
                && !known.context.contains_key(need)
            {
                match self.facts(reference) {
                    Ok(found) => {
                        known.context.insert(need.clone(), found);
                        news = true;
                    }
                    Err(err) => self.settings.warn(format!("{need} is not known: {err:#}")),
                }
            }
        }
        news
    }

    /// Answers a question about an image.
    pub(crate) fn answer(&self, need: &ImageNeed) -> Answer {
        let answered = match need {
            ImageNeed::Digest { reference, .. } => {
                self.registry.pin(reference).map(|pinned| Answer::Digest(pinned.digest.to_string()))
            }
            ImageNeed::Signed(signed) => self.signed(signed),
            ImageNeed::Verified(demand) => self.demanded(demand),
            ImageNeed::Configs { reference, .. } => image::configs(reference, &self.registry).map(Answer::Configs),
        };
        // What went wrong on the way says nothing of the image.
        answered.unwrap_or_else(|err| Answer::Unknown(format!("{err:#}{}", unused(need))))
    }

    /// An image by a digest that was found before: nothing is resolved again.
    fn pinned(&self, reference: &str) -> Result<Pinned> {
        let reference = crate::image_name::image(reference)?;
        let digest: Digest =
            *reference.digest().ok_or_else(|| anyhow::anyhow!("`{}` names no digest", reference.familiar()))?;
        Ok(Pinned { reference, digest, local: None })
    }
}

/// What else could have let us in, for who reads why not. Registries are asked with the credentials of this machine, as by every other command.
fn unused(need: &ImageNeed) -> String {
    let credentials = match need {
        ImageNeed::Digest { credentials, .. } | ImageNeed::Configs { credentials, .. } => credentials,
        ImageNeed::Signed(signed) => &signed.credentials,
        ImageNeed::Verified(demand) => &demand.credentials,
    };
    if credentials.secrets.is_empty() {
        return String::new();
    }
    let named: Vec<String> = credentials.secrets.iter().take(5).map(|name| format!("`{name}`")).collect();
    format!(
        " (the secrets {} are not read: the registry was asked with the credentials of this machine, which `signet login` keeps)",
        named.join(", ")
    )
}
