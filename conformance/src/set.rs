//! Sets of cases, and how one is judged.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::corpora::Corpora;

/// What became of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// As expected.
    Passed,
    /// Not as expected; the text shows the difference.
    Failed(String),
    /// Not run, and why. No pass.
    Skipped(String),
}

impl Verdict {
    /// `Passed` when the two are equal, else the difference.
    pub(crate) fn equal<T: PartialEq + std::fmt::Debug>(answer: &T, expected: &T) -> Verdict {
        if answer == expected {
            Verdict::Passed
        } else {
            Verdict::Failed(format!("expected {expected:?}, got {answer:?}"))
        }
    }
}

/// Whether a case is one that must be accepted or one that must be refused. Each has its own floor; a refusal that is accepted fails the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Accept,
    Refuse,
}

/// One judged case.
#[derive(Clone, Debug)]
pub(crate) struct Judged {
    /// Name of the case within its set.
    pub(crate) id: String,
    /// Subsets that the case counts in as well.
    pub(crate) subsets: Vec<String>,
    /// What must happen.
    pub(crate) side: Side,
    /// What happened.
    pub(crate) verdict: Verdict,
}

/// One case. `input` is all that an evaluator sees; `expected` is private to the comparison.
#[derive(Debug)]
pub(crate) struct Case<I, E> {
    pub(crate) id: String,
    pub(crate) subsets: Vec<String>,
    pub(crate) side: Side,
    pub(crate) input: I,
    expected: E,
}

impl<I, E> Case<I, E> {
    /// A case that must be accepted.
    pub(crate) fn new(id: impl Into<String>, input: I, expected: E) -> Case<I, E> {
        Case { id: id.into(), subsets: Vec::new(), side: Side::Accept, input, expected }
    }

    /// The case, in this subset too.
    pub(crate) fn within(mut self, subset: impl Into<String>) -> Self {
        self.subsets.push(subset.into());
        self
    }

    /// The case as one that must be refused.
    pub(crate) fn refused(mut self) -> Self {
        self.side = Side::Refuse;
        self
    }
}

/// Answers every case from its input, and only then compares.
pub(crate) fn judge<I, E, A>(
    cases: Vec<Case<I, E>>,
    evaluate: impl Fn(&I) -> A,
    compare: impl Fn(&I, &A, &E) -> Verdict,
) -> Vec<Judged> {
    let answers: Vec<A> = cases.iter().map(|case| evaluate(&case.input)).collect();
    cases
        .into_iter()
        .zip(answers)
        .map(|(case, answer)| Judged {
            verdict: compare(&case.input, &answer, &case.expected),
            id: case.id,
            subsets: case.subsets,
            side: case.side,
        })
        .collect()
}

/// What kind of set it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Others published what is expected.
    Scored,
    /// Nothing is expected but that nothing breaks: parses, or refuses with a reason, and never panics.
    Smoke,
    /// No cases: files that other sets use.
    Support(&'static str),
}

/// The evaluator of a set: the folder of the set goes in, judged cases come out.
pub(crate) type Evaluator = fn(&Path) -> Result<Vec<Judged>>;

/// One folder `area/set` of the corpora.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Set {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// `None`: nobody has written one yet, and the set shows 0 of its files.
    pub(crate) evaluate: Option<Evaluator>,
}

impl Set {
    /// A scored set with an evaluator.
    pub(crate) const fn scored(name: &'static str, evaluate: Evaluator) -> Set {
        Set { name, kind: Kind::Scored, evaluate: Some(evaluate) }
    }

    /// A smoke set with an evaluator.
    pub(crate) const fn smoke(name: &'static str, evaluate: Evaluator) -> Set {
        Set { name, kind: Kind::Smoke, evaluate: Some(evaluate) }
    }

    /// A set that waits for its evaluator.
    pub(crate) const fn waiting(name: &'static str) -> Set {
        Set { name, kind: Kind::Scored, evaluate: None }
    }

    /// Files that other sets use.
    pub(crate) const fn support(name: &'static str, used_by: &'static str) -> Set {
        Set { name, kind: Kind::Support(used_by), evaluate: None }
    }

    /// Whether `wanted` (an area, a set, or a subset) names this set.
    pub(crate) fn is_wanted(&self, wanted: &str) -> bool {
        let wanted = wanted.split('#').next().unwrap_or(wanted);
        self.name == wanted || self.name.split('/').next() == Some(wanted)
    }

    /// Judges all cases. A set without an evaluator gives one skipped case a file, so that the whole road is in view.
    pub(crate) fn run(&self, corpora: &Corpora) -> Result<Vec<Judged>> {
        let (area, rest) = self.name.split_once('/').context("a set's name is `area/set`")?;
        let Some(area) = corpora.area(area)? else {
            anyhow::bail!("the corpora hold no area `{area}`");
        };
        let folder = area.join(rest);
        match (self.kind, self.evaluate) {
            (Kind::Support(_), _) => Ok(Vec::new()),
            (_, Some(evaluate)) => {
                let judged = evaluate(&folder).with_context(|| format!("cannot run `{}`", self.name))?;
                anyhow::ensure!(
                    !judged.is_empty(),
                    "`{}` gave no case at all: the corpus is not where it should be",
                    self.name
                );
                Ok(judged)
            }
            (_, None) => Ok(files(&folder)?
                .into_iter()
                .map(|path| Judged {
                    id: path.strip_prefix(&folder).unwrap_or(&path).display().to_string(),
                    subsets: Vec::new(),
                    side: Side::Accept,
                    verdict: Verdict::Skipped("no evaluator yet".to_owned()),
                })
                .collect()),
        }
    }
}

/// All files below a folder, in a stable order; the folder itself when it is a file.
pub(crate) fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    if folder.is_file() {
        return Ok(vec![folder.to_owned()]);
    }
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(directory) = open.pop() {
        let entries =
            std::fs::read_dir(&directory).with_context(|| format!("cannot list `{}`", directory.display()))?;
        for entry in entries {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                open.push(entry.path());
            } else {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The text of a file.
pub(crate) fn text(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))
}

/// The JSON of a file.
pub(crate) fn json(path: &Path) -> Result<serde_json::Value> {
    serde_json::from_str(&text(path)?).with_context(|| format!("`{}` is no JSON", path.display()))
}
