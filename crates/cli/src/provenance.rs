//! `signet attest --provenance`: the surroundings of this build, handed to `trust::slsa::claim` as values.

use std::collections::BTreeMap;

use anyhow::Result;
use signet_trust::slsa::claim::{self, Claim, SignedBy, Surroundings};

use crate::settings::Settings;

/// What the caller knows better than the environment.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Told<'a> {
    /// `--builder-id`: who builds, where the platform is not known.
    pub(crate) builder: Option<&'a str>,
    /// `--source-uri` and `--source-commit`: what is built, where the platform is not known.
    pub(crate) source: Option<(&'a str, Option<&'a str>)>,
}

/// Writes the provenance of this build: its predicate type and its predicate, for the statement about whatever subject.
///
/// `token` is the identity token in its compact form, if there is one; `signed_by` says whether a certificate for that token will sign, or a key. What nobody
/// vouches for is warned about and marked in the predicate.
///
/// Errors: the surroundings do not say what must be said; see [`claim::ClaimError`].
pub(crate) fn here(token: Option<&str>, signed_by: SignedBy, told: Told<'_>, settings: &Settings) -> Result<Claim> {
    let variable = |name: &&str| Some(((*name).to_owned(), std::env::var(name).ok().filter(|text| !text.is_empty())?));
    let variables: BTreeMap<String, String> = claim::VARIABLES.iter().filter_map(variable).collect();
    let claims = token.map(claim::claims).transpose()?;
    let surroundings = Surroundings {
        claims: claims.as_ref(),
        variables: &variables,
        signed_by,
        builder: told.builder,
        source: told.source,
    };
    let written = claim::provenance(&surroundings)?;
    if !written.unproven.is_empty() {
        settings.warn(format!(
            "nobody but this build itself vouches for {} of the provenance, which is marked so: sign with the identity token of the platform",
            written.unproven.join(" and ")
        ));
    }
    Ok(written)
}
