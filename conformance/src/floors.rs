//! `floors.toml`: what each set has reached. A score below its floor fails the run; floors only rise.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::scoreboard::Scoreboard;

/// First lines of the file.
const HEADING: &str = "# What each set has reached. A score below its floor fails CI; floors only rise (`--raise-floors` writes this file).
# `why`: a remark on the set, such as the reason that it is run against a crate. `folders`: what a subset is made of.
";

/// One entry of the file.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Floor {
    /// Least number of cases that pass.
    passed: usize,
    /// Least number of cases in all: a corpus that lost cases must not look better.
    total: usize,
    /// Least number of passed cases that must be accepted, where the set has both sides.
    #[serde(skip_serializing_if = "Option::is_none")]
    accepts: Option<usize>,
    /// Least number of passed cases that must be refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    refusals: Option<usize>,
    /// Why the set is run against a crate and not the binary, or other remarks for the reader of the board.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    /// Folders or cases that make up a subset, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    folders: Vec<String>,
}

/// All floors.
#[derive(Debug)]
pub(crate) struct Floors(BTreeMap<String, Floor>);

impl Floors {
    pub(crate) fn read() -> Result<Floors> {
        let text = include_str!("../floors.toml");
        Ok(Floors(toml::from_str(text).context("`conformance/floors.toml` is not of its form")?))
    }

    /// The remark on a set.
    pub(crate) fn why(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.why.as_deref()
    }

    /// The folders or cases that a subset is made of.
    pub(crate) fn folders(&self, name: &str) -> &[String] {
        self.0.get(name).map(|floor| floor.folders.as_slice()).unwrap_or_default()
    }

    /// Rewrites `floors.toml` with the scores that are higher than their floors, and with floors for sets that have none. Nothing is lowered.
    pub(crate) fn raise(mut self, scoreboard: &Scoreboard) -> Result<()> {
        for (name, score) in scoreboard.scores() {
            if score.passed == 0 {
                continue;
            }
            let floor = self.0.entry(name).or_default();
            floor.passed = floor.passed.max(score.passed);
            floor.total = floor.total.max(score.total());
            if score.refusals_passed > 0 {
                floor.accepts = floor.accepts.max(Some(score.accepts_passed));
                floor.refusals = floor.refusals.max(Some(score.refusals_passed));
            }
        }
        let body = toml::to_string(&self.0).context("the floors cannot be written as TOML")?;
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/floors.toml");
        std::fs::write(path, format!("{HEADING}\n{body}")).with_context(|| format!("cannot write `{path}`"))
    }

    /// What fell below its floor. `whole`: everything was run, so a set with a floor that gave no score is a breach too.
    pub(crate) fn breaches(&self, scoreboard: &Scoreboard, whole: bool) -> Vec<String> {
        let scores = scoreboard.scores();
        let mut breaches = Vec::new();
        for (name, floor) in &self.0 {
            let Some(score) = scores.get(name) else {
                if whole {
                    breaches.push(format!("{name}: has a floor and was not run"));
                }
                continue;
            };
            let mut least = |what: &str, found: usize, floor: Option<usize>| {
                if let Some(floor) = floor.filter(|floor| found < *floor) {
                    breaches.push(format!("{name}: {what} {found}, floor {floor}"));
                }
            };
            least("passed", score.passed, Some(floor.passed));
            least("total", score.total(), Some(floor.total));
            least("accepts passed", score.accepts_passed, floor.accepts);
            least("refusals passed", score.refusals_passed, floor.refusals);
        }
        for (name, score) in &scores {
            if score.wrongly_accepted > 0 && !name.contains('#') {
                breaches.push(format!("{name}: {} cases that must be refused were accepted", score.wrongly_accepted));
            }
            if score.passed > 0 && !self.0.contains_key(name) {
                breaches
                    .push(format!("{name}: passes {} cases and has no floor in conformance/floors.toml", score.passed));
            }
        }
        breaches
    }
}
