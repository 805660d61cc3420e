//! `vuln/versions`: comparison and range vectors of the ecosystems' own tools and of other scanners, each under the semantics that its `source` states.
//!
//! Run against the crate: no command compares two versions. Hand-written and generated rows are subsets of their own.

use std::cmp::Ordering;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use signet_versions::{
    Constraint, Flavour, Options, Scheme, apk_matches_fuzzy, compare, compare_with, is_valid, rpm_vercmp,
};

use crate::set::{Case, Judged, Verdict, files, judge, text};

/// What is asked. `source` names whose rules hold.
#[derive(Debug)]
enum Question {
    /// How do these two sort?
    Order { scheme: Scheme, a: String, b: String, source: String },
    /// Does apk's `~` take this version for that prefix?
    Fuzzy { version: String, prefix: String },
    /// Is this a version at all?
    Valid { scheme: Scheme, version: String },
    /// Does the range admit the version?
    Admits { scheme: Scheme, version: String, range: String, source: String },
}

#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Order(Ordering),
    Yes,
    No,
    Error(String),
}

/// What the row says of the answer.
#[derive(Debug)]
enum Expected {
    /// One of `< = > <= >= !=`.
    Operator(String),
    /// Yes or no.
    Is(bool),
}

pub(crate) fn evaluate(folder: &Path) -> Result<Vec<Judged>> {
    let mut cases = Vec::new();
    for path in files(folder)? {
        let file = path.file_name().context("a file has a name")?.to_string_lossy().into_owned();
        let stem = file.split('.').next().unwrap_or(&file).to_owned();
        let name = stem.split('-').next().unwrap_or(&stem);
        let scheme = Scheme::from_name(name).with_context(|| format!("no scheme for `{file}`"))?;
        for (line, row) in text(&path)?.lines().enumerate().skip(1) {
            // Cells may hold escapes, because a tab would end them.
            let cells: Vec<String> =
                row.split('\t').map(|cell| cell.replace("\\t", "\t").replace("\\n", "\n")).collect();
            let (question, expected) = if file.ends_with(".cmp.tsv") {
                comparison(scheme, &cells)?
            } else if file.ends_with(".valid.tsv") {
                let [version, verdict, ..] = cells.as_slice() else { bail!("{file}:{line}: too few columns") };
                (Question::Valid { scheme, version: version.clone() }, Expected::Is(verdict == "valid"))
            } else {
                constraint(scheme, &cells)?
            };
            cases.push(Case::new(format!("{file}:{}", line + 1), question, expected).within(stem.clone()));
        }
    }
    Ok(judge(cases, answer, compare_answers))
}

fn comparison(scheme: Scheme, cells: &[String]) -> Result<(Question, Expected)> {
    let [a, operator, b, source] = cells else { bail!("a comparison has four columns: {cells:?}") };
    if operator.ends_with('~') {
        // Four rows of apk are no fuzzy matches but validity rows of `version~hash` texts that were split at the `~`.
        if b.starts_with("1234") {
            let version = format!("{}~{b}", a.trim_start_matches('!'));
            return Ok((Question::Valid { scheme, version }, Expected::Is(!a.starts_with('!'))));
        }
        let question = Question::Fuzzy { version: a.clone(), prefix: b.clone() };
        return Ok((question, Expected::Is(operator == "~")));
    }
    let question = Question::Order { scheme, a: a.clone(), b: b.clone(), source: source.clone() };
    Ok((question, Expected::Operator(operator.clone())))
}

fn constraint(scheme: Scheme, cells: &[String]) -> Result<(Question, Expected)> {
    let [first, second, satisfied, source] = cells else { bail!("a constraint has four columns: {cells:?}") };
    let expected = Expected::Is(satisfied == "true");
    // Three rows of deb say that the second does not sort after the first.
    if scheme == Scheme::Deb && source.ends_with("TestCompare") {
        let question = Question::Order { scheme, a: first.clone(), b: second.clone(), source: source.clone() };
        let operator = if satisfied == "true" { ">=" } else { "<" };
        return Ok((question, Expected::Operator(operator.to_owned())));
    }
    // The rows of this library have the constraint first.
    let swapped = source.starts_with("go-pep440-version/");
    let (version, range) = if swapped { (second, first) } else { (first, second) };
    let question = Question::Admits { scheme, version: version.clone(), range: range.clone(), source: source.clone() };
    Ok((question, expected))
}

/// Whose rules hold for a row.
fn options(source: &str) -> Options {
    let (path, test) = source.split_once(':').unwrap_or((source, ""));
    let flavour = if path.starts_with("grype/") {
        Flavour::Grype
    } else if path.starts_with("osv-scalibr/") {
        Flavour::Osv
    } else if path.starts_with("go-mvn-version/requirement_test") {
        Flavour::Native
    } else if path.starts_with("go-") {
        Flavour::Trivy
    } else {
        Flavour::Native
    };
    let mut options = Options::flavoured(flavour);
    options.loose = source.contains("options=loose");
    options.include_prerelease = source.contains("options=includePrerelease") || test.contains("WithPreRelease");
    options.zero_padding = test.contains("ZeroPadding");
    options
}

fn answer(question: &Question) -> Answer {
    let yes = |yes: bool| if yes { Answer::Yes } else { Answer::No };
    match question {
        Question::Order { scheme, a, b, source } => {
            // rpm's own vectors and those made from them compare one segment string, without epoch and release.
            if *scheme == Scheme::Rpm && (source.contains("rpmvercmp.at") || source.contains("redhat-versions")) {
                return Answer::Order(rpm_vercmp(a, b));
            }
            let order = if source.starts_with("go-deb-version/") && source.ends_with("TestCompare") {
                compare(*scheme, a, b)
            } else {
                compare_with(*scheme, a, b, &options(source))
            };
            order.map_or_else(|err| Answer::Error(err.to_string()), Answer::Order)
        }
        Question::Fuzzy { version, prefix } => yes(apk_matches_fuzzy(version, prefix)),
        Question::Valid { scheme, version } => yes(is_valid(*scheme, version)),
        Question::Admits { scheme, version, range, source } => {
            match Constraint::parse(*scheme, range, options(source)) {
                Ok(range) => range.contains(version).map_or_else(|err| Answer::Error(err.to_string()), yes),
                Err(err) => Answer::Error(err.to_string()),
            }
        }
    }
}

fn compare_answers(question: &Question, answer: &Answer, expected: &Expected) -> Verdict {
    let holds = match (answer, expected) {
        (Answer::Order(order), Expected::Operator(operator)) => match operator.as_str() {
            "<" => order.is_lt(),
            ">" => order.is_gt(),
            "=" => order.is_eq(),
            "<=" => order.is_le(),
            ">=" => order.is_ge(),
            "!=" => order.is_ne(),
            _ => false,
        },
        (Answer::Yes, Expected::Is(expected)) => *expected,
        (Answer::No, Expected::Is(expected)) => !*expected,
        _ => false,
    };
    if holds {
        Verdict::Passed
    } else {
        Verdict::Failed(format!("{question:?}: expected {expected:?}, got {answer:?}"))
    }
}
