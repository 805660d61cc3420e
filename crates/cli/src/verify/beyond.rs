//! What is asked of a statement beyond its signature: what its provenance must show (`trust::slsa`), and policies over it (`policy::statement`).
//!
//! Only what verified is asked. A provenance that does not fit leaves room for another one beside the image; a policy that denies one verified attestation of
//! the type denies all.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, ensure};
use signet_policy::statement::{Source, StatementPolicies, Together};
use signet_trust::slsa::github::{self, Kind, WorkflowIdentity};
use signet_trust::slsa::{Build, BuilderRefs, Expectation, SlsaError};
use signet_trust::{Signature, Signed, Verified};

use super::args::{SignerArgs, SlsaArgs};
use super::demand;
use super::judge::{Unmet, Verdict};
use super::show::{Row, Shown};
use crate::settings::Settings;

/// The largest policy.
const LARGEST: u64 = 1 << 20;
/// Where the builders of the SLSA project lie. They are trusted for what they build, others as those who attest.
const GENERATORS: &str = "https://github.com/slsa-framework/slsa-github-generator/";

/// Whose rules hold for policy files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Files {
    /// Rego and CEL, and each policy must allow.
    Own,
    /// Rego files that are one policy.
    Cosign,
}

/// The demands.
pub(crate) struct Beyond {
    slsa: Option<Slsa>,
    policies: Option<StatementPolicies>,
}

struct Slsa {
    args: SlsaArgs,
    source: String,
    inputs: Vec<(String, String)>,
}

impl Beyond {
    /// Reads the flags and the policies. A policy that cannot be read is an error before anything is asked.
    pub(crate) fn of(slsa: &SlsaArgs, policies: &[PathBuf], files: Files) -> Result<Beyond> {
        let slsa = match &slsa.source_uri {
            None => None,
            Some(source) => Some(Slsa { args: slsa.clone(), source: source.clone(), inputs: inputs(slsa)? }),
        };
        let policies = if policies.is_empty() { None } else { Some(read(policies, files)?) };
        Ok(Beyond { slsa, policies })
    }

    /// Who must have signed. When a source is asked for and nobody is named, it is some workflow on GitHub: which one, the builder's checks say.
    pub(crate) fn signer(&self, args: &SignerArgs) -> SignerArgs {
        let named = [
            &args.key,
            &args.certificate_identity,
            &args.certificate_identity_regexp,
            &args.certificate_oidc_issuer,
            &args.certificate_oidc_issuer_regexp,
        ];
        let mut args = args.clone();
        if self.slsa.is_some() && named.iter().all(|name| name.is_none()) {
            args.certificate_identity_regexp = Some(r"^https://github\.com/.*$".to_owned());
            args.certificate_oidc_issuer = Some(github::ISSUER.to_owned());
        }
        args
    }

    /// Asks everything of everything that verified.
    pub(crate) fn hold(&self, shown: &mut Shown, image: bool, settings: &Settings) -> Result<()> {
        let digest = shown.digest.rsplit(':').next().unwrap_or_default().to_owned();
        for row in &mut shown.rows {
            let Verdict::Verified(verified) = &row.verdict else { continue };
            let payload = row.payload.clone().unwrap_or_default();
            if let Some(slsa) = &self.slsa {
                match slsa.judge(verified, &payload, &digest, image) {
                    Ok(None) => {
                        row.verdict = Verdict::Another(kind_of(verified));
                        continue;
                    }
                    Ok(Some(build)) => row.build = Some(build),
                    Err(unmet) => {
                        refuse(row, vec![unmet]);
                        continue;
                    }
                }
            }
            if let Some(policies) = &self.policies {
                ask(policies, row, &payload, settings);
            }
        }
        Ok(())
    }
}

fn ask(policies: &StatementPolicies, row: &mut Row, payload: &[u8], settings: &Settings) {
    let unmet = |policy: &str, found: String| Unmet {
        by_policy: true,
        what: format!("policy {policy}"),
        expected: "a statement that it allows".to_owned(),
        found,
    };
    let Ok(statement) = std::str::from_utf8(payload) else {
        return refuse(row, vec![unmet("(all)", "a statement that is no text".to_owned())]);
    };
    let mut failed = Vec::new();
    for judgement in policies.judge(statement, crate::settings::now()) {
        for warning in &judgement.warnings {
            settings.warn(format!("{}: {warning}", judgement.policy));
        }
        match judgement.denied {
            Some(why) => failed.push(unmet(&judgement.policy, why)),
            None => row.allowed.push(judgement.policy),
        }
    }
    // No policy that spoke is none that allowed.
    if failed.is_empty() && row.allowed.is_empty() {
        failed.push(unmet("(all)", "no policy that says anything".to_owned()));
    }
    if !failed.is_empty() {
        refuse(row, failed);
    }
}

fn refuse(row: &mut Row, unmet: Vec<Unmet>) {
    let verdict = std::mem::replace(&mut row.verdict, Verdict::Another(String::new()));
    row.verdict = match verdict {
        Verdict::Verified(verified) => Verdict::Unfit(verified, unmet),
        other => other,
    };
    row.build = None;
    row.allowed.clear();
}

fn kind_of(verified: &Verified<Signature>) -> String {
    match &verified.signed {
        Signed::Statement(statement) => format!("an attestation of type `{}`", statement.predicate_type()),
        _ => "no attestation".to_owned(),
    }
}

impl Slsa {
    /// What the provenance shows; `None` for an attestation that is none.
    fn judge(
        &self,
        verified: &Verified<Signature>,
        payload: &[u8],
        digest: &str,
        image: bool,
    ) -> Result<Option<Build>, Unmet> {
        let Signed::Statement(statement) = &verified.signed else { return Ok(None) };
        if !statement.predicate_type().starts_with("https://slsa.dev/provenance/") {
            return Ok(None);
        }
        let unmet = |err: SlsaError| Unmet {
            by_policy: false,
            what: format!("provenance, {}", err.requirement.name()),
            expected: err.expected,
            found: err.found,
        };
        let identity = WorkflowIdentity::of(verified).map_err(unmet)?;
        let expected = Expectation {
            source: &self.source,
            digest,
            builder: self.args.builder_id.as_deref(),
            branch: self.args.source_branch.as_deref(),
            tag: self.args.source_tag.as_deref(),
            versioned_tag: self.args.source_versioned_tag.as_deref(),
            workflow_inputs: &self.inputs,
        };
        // A workflow of somebody else's attests for itself or for its callers, and its level depends on which; a generator builds.
        let kind = match (identity.subject.starts_with(GENERATORS) || expected.builder.is_none(), image) {
            (false, _) => Kind::Attestation,
            (true, true) => Kind::Image,
            (true, false) => Kind::Artifact,
        };
        let build = github::verify(&identity, payload, kind, &expected, BuilderRefs::Releases).map_err(unmet)?;
        match self.args.slsa_level {
            Some(level) if build.level.number() < level => Err(Unmet {
                by_policy: false,
                what: "provenance, level of the SLSA build track".to_owned(),
                expected: format!("level {level} or more"),
                found: format!("level {} by `{}`", build.level.number(), build.builder),
            }),
            _ => Ok(Some(build)),
        }
    }
}

fn inputs(args: &SlsaArgs) -> Result<Vec<(String, String)>> {
    args.build_workflow_input
        .iter()
        .map(|text| match text.split_once('=') {
            Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
            _ => Err(crate::usage(anyhow!("`--build-workflow-input {text}` is not KEY=VALUE"))),
        })
        .collect()
}

fn read(paths: &[PathBuf], files: Files) -> Result<StatementPolicies> {
    let mut sources = Vec::new();
    for path in paths {
        if files == Files::Cosign {
            let known = path.extension().is_some_and(|ending| ending == "rego" || ending == "cue");
            ensure!(known, "invalid policy format, expected .cue or .rego");
        }
        sources.push(source(path)?);
    }
    signet_policy::rego::measure_memory(held);
    let together = if files == Files::Cosign { Together::AsOne } else { Together::Each };
    let policies = StatementPolicies::read(sources, together)?;
    ensure!(!policies.is_empty(), "there is no policy in the files of `--policy`");
    Ok(policies)
}

/// What this process holds, in bytes (proc(5): `VmRSS` of `/proc/self/status`). Where there is no such file, policies are bounded by their steps and functions.
fn held() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

fn source(path: &Path) -> Result<Source> {
    let name = path.display().to_string();
    let text =
        String::from_utf8(demand::file_within(path, LARGEST)?).with_context(|| format!("`{name}` is no text"))?;
    Ok(Source { name, text })
}
