//! `sbom/packages`: what the tests of Trivy, Syft and osv-scalibr expect of one file or one small tree.
//!
//! A directory is a root as it is. A lone file is placed by `cases/sbom/packages.tsv`, which knows folders and never cases. A txtar archive is
//! unpacked. Name and version are judged, and the architecture, epoch and purl where the test states them as plain text.

mod layout;
mod words;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::Value;

use self::layout::{Beyond, beyond, places, prepare};
use self::words::{details, is_left_out_by_trivy, is_maven, is_refused, named, normal, not_listed, stated_version};
use super::{Scratch, catalogue};
use crate::floors::Floors;
use crate::set::{Case, Judged, Verdict, files, json, judge};
use crate::signet;

/// What the program is given: a root, the one file in it that the test is about (if there is one), and why a failure would mean nothing.
#[derive(Debug)]
enum Input {
    Root { root: PathBuf, file: Option<String>, not_modelled: Option<&'static str> },
}

#[derive(Debug)]
struct Expected {
    tool: String,
    ecosystem: String,
    /// The catalogers that the test is about; empty: all.
    leaves: Vec<String>,
    error: bool,
    /// The test takes the lowest version that a constraint allows for the version.
    minimum: bool,
    /// What of the statement stands in files that the corpus does not hold; that it is missing means nothing.
    beyond: Beyond,
    packages: Vec<Value>,
}

/// What the program said.
#[derive(Debug)]
struct Answer {
    document: Value,
    /// The catalogers that claim the file, or any file of the root.
    claimed_by: BTreeSet<String>,
}

const SUBSET: &str = "sbom/packages#spine";

pub(crate) fn evaluate(folder: &Path) -> Result<Vec<Judged>> {
    let scratch = Scratch::new("packages")?;
    let floors = Floors::read()?;
    let spine = floors.folders(SUBSET);
    let places = places()?;
    let mut cases = Vec::new();
    let index = json(&folder.join("INDEX.json"))?;
    for (number, row) in index.as_array().context("INDEX.json is a list")?.iter().enumerate() {
        let id = row["case"].as_str().and_then(|case| case.strip_prefix("packages/")).context("a case has a name")?;
        let (home, _) = id.rsplit_once('/').context("a case is `tool/ecosystem/case`")?;
        let (tool, ecosystem) = home.split_once('/').context("a case is `tool/ecosystem/case`")?;
        let statement = json(&folder.join(id).join("expected.json"))?;
        let root = scratch.path().join(number.to_string());
        let (input, leaves) = prepare(&folder.join(id), id, home, &statement, &places, root)?;
        let expected = Expected {
            tool: tool.to_owned(),
            ecosystem: ecosystem.to_owned(),
            leaves,
            error: statement["expect_error"] == true,
            minimum: statement["options"]["useMinVersion"] == true
                || matches!(home, "scalibr/dotnet-paketdependencies" | "scalibr/java-pomxml"),
            beyond: beyond(&folder.join(id), home, &statement)?,
            packages: statement["packages"].as_array().cloned().unwrap_or_default(),
        };
        let mut case = Case::new(id, input, expected);
        if is_in(id, home, spine) {
            case = case.within("spine");
        }
        cases.push(case);
    }
    Ok(judge(cases, |input| answer(input, scratch.path()), compare))
}

/// Whether a list of folders, and of cases behind `!`, holds this case.
fn is_in(id: &str, home: &str, list: &[String]) -> bool {
    list.iter().any(|entry| entry == home || entry == id)
        && !list.iter().any(|entry| entry.strip_prefix('!').is_some_and(|excluded| excluded == id))
}

fn answer(input: &Input, home: &Path) -> Result<Answer, String> {
    let Input::Root { root, file, .. } = input;
    let run = || -> Result<Answer> {
        let document = catalogue(&format!("dir:{}", root.display()), home)?;
        let paths = match file {
            Some(file) => vec![file.clone()],
            None => files(root)?
                .iter()
                .filter_map(|path| path.strip_prefix(root).ok())
                .map(|path| path.display().to_string())
                .collect(),
        };
        let mut arguments = vec!["catalogers".to_owned(), "--claims".to_owned()];
        arguments.extend(paths);
        let output = signet::run(&arguments, root, home)?;
        let printed = String::from_utf8_lossy(&output.stdout);
        let claimed_by = printed
            .lines()
            .filter_map(|line| line.split_once('\t'))
            .flat_map(|(_, leaves)| leaves.split([',', ' ']))
            .map(|leaf| leaf.trim().to_owned())
            .filter(|leaf| !leaf.is_empty())
            .collect();
        Ok(Answer { document, claimed_by })
    };
    run().map_err(|err| format!("{err:#}"))
}

fn compare(input: &Input, answer: &Result<Answer, String>, expected: &Expected) -> Verdict {
    let Input::Root { file, not_modelled, .. } = input;
    match (compare_answer(file.as_deref(), answer, expected), not_modelled) {
        (Verdict::Failed(_), Some(why)) => Verdict::Skipped((*why).to_owned()),
        (verdict, _) => verdict,
    }
}

fn compare_answer(file: Option<&str>, answer: &Result<Answer, String>, expected: &Expected) -> Verdict {
    let answer = match answer {
        Ok(answer) => answer,
        Err(why) => return Verdict::Failed(why.clone()),
    };
    if expected.error {
        return compare_error(answer, file, expected);
    }
    // A program is claimed by its first bytes, not by its name: one that is none is seen and left alone.
    let by_content = file.is_some_and(|file| file.starts_with("usr/bin/"));
    if expected.packages.is_empty() && answer.claimed_by.is_empty() && !by_content {
        return Verdict::Failed("nothing is expected, but no cataloger claims the file either".to_owned());
    }
    compare_packages(answer, file, expected)
}

/// An `unexamined` for that very file by a cataloger that claims it.
fn compare_error(answer: &Answer, file: Option<&str>, expected: &Expected) -> Verdict {
    let unexamined = answer.document["unexamined"].as_array().map(Vec::as_slice).unwrap_or_default();
    let hit = unexamined.iter().any(|entry| {
        let path = entry["location"]["path"].as_str().or(entry["path"].as_str()).unwrap_or_default();
        let by = entry["by"].as_str().unwrap_or_default();
        let wanted = expected.leaves.is_empty() || expected.leaves.iter().any(|leaf| leaf == by);
        file.is_none_or(|file| {
            path == file || path.starts_with(&format!("{file}/")) || path.starts_with(&format!("{file}!"))
        }) && wanted
            && (answer.claimed_by.contains(by) || file.is_some_and(|file| file.starts_with("usr/bin/")))
    });
    if hit {
        Verdict::Passed
    } else {
        let packages = answer.document["packages"].as_array().map(Vec::len).unwrap_or_default();
        Verdict::Failed(format!(
            "an error is expected; claimed by {:?}, unexamined {unexamined:?}, {packages} packages",
            answer.claimed_by
        ))
    }
}

fn compare_packages(answer: &Answer, file: Option<&str>, expected: &Expected) -> Verdict {
    let found = answer.document["packages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let of = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let stated: BTreeSet<(String, String)> = expected
        .packages
        .iter()
        .filter(|package| !is_refused(expected, answer, package))
        .map(|package| normal(expected, &of(&package["name"]), &stated_version(expected, package)))
        .collect();
    let (mut got, mut required) = (BTreeSet::new(), BTreeSet::new());
    for package in found {
        let (name, version) = named(expected, package);
        let id = normal(expected, &name, &version);
        let by = of(&package["foundBy"]);
        // Tools differ in whether they list what a project names itself, what only development needs, what has no version, and the
        // standard library: such packages may be there, and everything else that the test's catalogers found must be expected.
        let elsewhere = file.is_some_and(|file| {
            let mut paths =
                package["locations"].as_array().into_iter().flatten().filter_map(|place| place["path"].as_str());
            !paths.any(|path| path.starts_with(file))
        });
        let may = elsewhere
            || matches!(package["directness"].as_str(), Some("root" | "workspace"))
            || version.is_empty()
            || package["name"] == "stdlib"
            || package["dev"] == true
            || not_listed(expected, package)
            || is_left_out_by_trivy(expected, package)
            || !(expected.leaves.is_empty() || expected.leaves.contains(&by));
        if !may {
            required.insert(id.clone());
        }
        got.insert(id);
    }
    // Trivy takes the name of a project from its manifest, and not the version.
    let root = |id: &(String, String)| {
        let same = |package: &Value| package["directness"] == "root" && package["name"] == id.0.as_str();
        expected.tool == "trivy" && id.1.is_empty() && found.iter().any(same)
    };
    let missing: Vec<_> = stated.difference(&got).filter(|id| !root(id)).take(6).collect();
    let extra: Vec<_> = required.difference(&stated).take(6).collect();
    if !missing.is_empty() || !extra.is_empty() {
        let unresolved = |(name, _): &&(String, String)| got.contains(&(name.clone(), String::new()));
        let known: BTreeSet<_> =
            expected.beyond.stated.iter().map(|(name, version)| normal(expected, name, version)).collect();
        let unlisted =
            |(name, version): &&(String, String)| expected.beyond.unlisted.contains(&format!("{name}:{version}"));
        let elsewhere = |id: &&(String, String)| known.contains(id);
        // The version alone may stand elsewhere: then we have the package, without one.
        if stated.difference(&got).all(|id| root(id) || elsewhere(&id))
            && required.difference(&stated).all(|id| unlisted(&id))
        {
            return Verdict::Skipped("the test states what only a repository or a parent beside it says".to_owned());
        }
        if is_maven(expected) && extra.is_empty() && missing.iter().all(unresolved) {
            return Verdict::Skipped("the versions stand in a parent or list that the corpus does not hold".to_owned());
        }
        let unexamined = &answer.document["unexamined"];
        return Verdict::Failed(format!("missing {missing:?}\nextra {extra:?}\nunexamined {unexamined}"));
    }
    for package in expected.packages.iter().filter(|package| !is_refused(expected, answer, package)) {
        let id = normal(expected, &of(&package["name"]), &stated_version(expected, package));
        let same = found.iter().filter(|found| {
            let (name, version) = named(expected, found);
            normal(expected, &name, &version) == id
        });
        let differences: Vec<String> = same.map(|found| details(expected, package, found)).collect();
        if let Some(difference) = differences.first()
            && differences.iter().all(|difference| !difference.is_empty())
        {
            return Verdict::Failed(format!("{}: {difference}", id.0));
        }
    }
    Verdict::Passed
}
