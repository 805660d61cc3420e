//! The table of results.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Serialize;

use crate::floors::Floors;
use crate::set::{Judged, Kind, Set, Side, Verdict};

/// How many failing cases of a set are printed unless all are asked for.
const SHOWN: usize = 8;

/// Counts of a set or subset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Score {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) skipped: usize,
    pub(crate) accepts_passed: usize,
    pub(crate) refusals_passed: usize,
    /// Cases that must be refused and were accepted.
    pub(crate) wrongly_accepted: usize,
}

impl Score {
    pub(crate) fn total(&self) -> usize {
        self.passed + self.failed + self.skipped
    }

    fn count(&mut self, case: &Judged) {
        match &case.verdict {
            Verdict::Passed => {
                self.passed += 1;
                match case.side {
                    Side::Accept => self.accepts_passed += 1,
                    Side::Refuse => self.refusals_passed += 1,
                }
            }
            Verdict::Failed(_) => {
                self.failed += 1;
                self.wrongly_accepted += usize::from(case.side == Side::Refuse);
            }
            Verdict::Skipped(_) => self.skipped += 1,
        }
    }
}

/// Everything that was run.
#[derive(Debug, Default)]
pub(crate) struct Scoreboard {
    sets: Vec<(Set, Vec<Judged>)>,
}

#[derive(Serialize)]
struct Row {
    set: String,
    passed: usize,
    failed: usize,
    skipped: usize,
    total: usize,
}

impl Scoreboard {
    pub(crate) fn add(&mut self, set: &Set, cases: Vec<Judged>) {
        self.sets.push((*set, cases));
    }

    /// Scores of sets (`area/set`) and subsets (`area/set#subset`), in order.
    pub(crate) fn scores(&self) -> BTreeMap<String, Score> {
        let mut scores: BTreeMap<String, Score> = BTreeMap::new();
        for (set, cases) in &self.sets {
            if matches!(set.kind, Kind::Support(_)) {
                continue;
            }
            scores.entry(set.name.to_owned()).or_default();
            for case in cases {
                scores.entry(set.name.to_owned()).or_default().count(case);
                for subset in &case.subsets {
                    scores.entry(format!("{}#{subset}", set.name)).or_default().count(case);
                }
            }
        }
        scores
    }

    pub(crate) fn print(&self, floors: &Floors, all: bool) {
        for (set, cases) in &self.sets {
            let failing: Vec<_> = cases
                .iter()
                .filter_map(|case| match &case.verdict {
                    Verdict::Failed(difference) => Some((case, difference)),
                    _ => None,
                })
                .collect();
            let shown = if all { failing.len() } else { SHOWN.min(failing.len()) };
            for (case, difference) in &failing[..shown] {
                println!("FAIL {} {}: {}", set.name, case.id, difference.replace('\n', "\n     "));
            }
            if shown < failing.len() {
                println!("FAIL {} ... and {} more (`--all` shows them)", set.name, failing.len() - shown);
            }
            let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
            for case in cases {
                if let Verdict::Skipped(reason) = &case.verdict {
                    *reasons.entry(reason).or_default() += 1;
                }
            }
            for (reason, count) in reasons {
                if set.evaluate.is_some() {
                    println!("SKIP {} {count} cases: {reason}", set.name);
                }
            }
        }
        let scores = self.scores();
        let width = scores.keys().map(String::len).max().unwrap_or(3);
        println!("{:width$} {:>7} {:>7} {:>7} {:>7}  ", "set", "passed", "failed", "skipped", "total");
        let line = |name: &str, score: &Score| {
            let note = floors.why(name).map(|why| format!("  # {why}")).unwrap_or_default();
            println!(
                "{name:width$} {:>7} {:>7} {:>7} {:>7}{note}",
                score.passed,
                score.failed,
                score.skipped,
                score.total()
            );
        };
        for (smoke, title) in [(false, None), (true, Some("smoke sets (nothing is expected but that nothing breaks)"))]
        {
            if let Some(title) = title {
                println!("{title}");
            }
            for (name, score) in &scores {
                let base = name.split('#').next().unwrap_or(name);
                let is_smoke = self.sets.iter().any(|(set, _)| set.name == base && set.kind == Kind::Smoke);
                if is_smoke == smoke {
                    line(name, score);
                }
            }
        }
        for (set, _) in &self.sets {
            if let Kind::Support(used_by) = set.kind {
                println!("{:width$} support: {used_by}", set.name);
            }
        }
    }

    /// Writes `[{"set","passed","failed","skipped","total"}]`.
    pub(crate) fn write_json(&self, path: &Path) -> Result<()> {
        let rows: Vec<Row> = self
            .scores()
            .into_iter()
            .map(|(set, score)| Row {
                set,
                passed: score.passed,
                failed: score.failed,
                skipped: score.skipped,
                total: score.total(),
            })
            .collect();
        let text = serde_json::to_string_pretty(&rows)?;
        std::fs::write(path, text + "\n").with_context(|| format!("cannot write `{}`", path.display()))
    }
}
