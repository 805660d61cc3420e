//! `sbom/packages`: what the tests of Trivy, Syft and osv-scalibr expect of one file or one small tree.
//!
//! A directory is a root as it is. A lone file is placed by `cases/sbom/packages.tsv`, which knows folders and never cases. A txtar archive is
//! unpacked. Name and version are judged, and the architecture, epoch and purl where the test states them as plain text.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::Value;
use signet_model::Purl;

use super::{Scratch, catalogue, copy_tree, unpack_txtar};
use crate::floors::Floors;
use crate::set::{Case, Judged, Verdict, files, json, judge, text};
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
    /// Why a difference would mean nothing: what the test states stands in files that the corpus does not hold.
    beyond: Option<&'static str>,
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

/// A row of the table of places.
#[derive(Debug)]
struct Place {
    home: String,
    fixture: String,
    path: String,
    leaves: Vec<String>,
}

fn places() -> Result<Vec<Place>> {
    include_str!("../../../cases/sbom/packages.tsv")
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| {
            let columns: Vec<&str> = line.split('\t').collect();
            let [home, fixture, path, leaves] = columns.as_slice() else {
                anyhow::bail!("packages.tsv: no four columns in `{line}`");
            };
            Ok(Place {
                home: (*home).to_owned(),
                fixture: (*fixture).to_owned(),
                path: (*path).to_owned(),
                leaves: leaves.split(',').filter(|leaf| *leaf != "-").map(str::to_owned).collect(),
            })
        })
        .collect()
}

/// Lays the input out as a root.
fn prepare(
    folder: &Path,
    id: &str,
    home: &str,
    statement: &Value,
    places: &[Place],
    root: PathBuf,
) -> Result<(Input, Vec<String>)> {
    let input = folder.join(statement["input"].as_str().unwrap_or("input"));
    let fixture = statement["source"]["fixture"].as_str().unwrap_or_default();
    let place = places.iter().filter(|place| place.home == home).find(|place| {
        place.fixture == "*"
            || place.fixture.strip_prefix('~').is_some_and(|part| format!("/{fixture}").contains(part))
            || fixture.ends_with(&place.fixture)
    });
    let leaves: Vec<String> = match (place, input.is_dir()) {
        (Some(place), false) => place.leaves.clone(),
        // A tree may hold files for every cataloger of its folder.
        (_, true) => places.iter().filter(|place| place.home == home).flat_map(|place| place.leaves.clone()).collect(),
        (None, false) => Vec::new(),
    };
    std::fs::create_dir_all(&root)?;
    let put = |path: &str, bytes: &[u8]| -> Result<()> {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().context("a file lies in a folder")?)?;
        Ok(std::fs::write(path, bytes)?)
    };
    if let Some(release) = statement["options"]["osrelease"].as_str() {
        put("etc/os-release", release.lines().map(str::trim).collect::<Vec<_>>().join("\n").as_bytes())?;
    }
    let name = input.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut file = None;
    if statement["options"]["contentPath"].is_string() {
        // The test makes a jar of the one manifest at run time.
        let status = std::process::Command::new("python3")
            .args([
                "-c",
                "import sys,zipfile;zipfile.ZipFile(sys.argv[1],'w').write(sys.argv[2],'META-INF/MANIFEST.MF')",
            ])
            .arg(root.join("content.jar"))
            .arg(input.join("MANIFEST.MF"))
            .status()
            .context("cannot start python3 to make a jar")?;
        anyhow::ensure!(status.success(), "python3 could not make a jar");
        file = Some("content.jar".to_owned());
    } else if input.is_dir() {
        copy_tree(&input, &root)?;
        if home == "syft/binary" {
            super::programs::complete(&root)?;
        }
    } else if name.ends_with(".txtar") {
        unpack_txtar(&text(&input)?, &root)?;
    } else {
        let path = place.map_or(name.clone(), |place| path_of(&place.path, &name, fixture));
        let bytes = std::fs::read(&input)?;
        for (neighbour, bytes) in neighbours(folder, fixture)? {
            put(&neighbour, &bytes)?;
        }
        put(&path, &bytes)?;
        if path.starts_with("usr/bin/") {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::set_permissions(root.join(&path), std::fs::Permissions::from_mode(0o755))?;
        }
        file = Some(path);
    }
    let own = statement["source"]["test"].as_str().is_some_and(|test| test.ends_with("CustomClassifiers"));
    let not_modelled = not_modelled(home, id, &statement["options"])
        .or(own.then_some("the test adds a classifier of its own to the program's"))
        .or_else(|| lacks_required(&name, &input));
    Ok((Input::Root { root, file, not_modelled }, leaves))
}

/// Where a lone file goes: `{name}` is its own name, `{tail:N}` the last parts of its path upstream, for formats that name a package by directories.
fn path_of(template: &str, name: &str, fixture: &str) -> String {
    let tail = template.split_once("{tail:").and_then(|(before, rest)| {
        let count = rest.strip_suffix('}')?.parse::<usize>().ok()?;
        let parts: Vec<&str> = fixture.split('/').collect();
        Some(format!("{before}{}", parts.get(parts.len().checked_sub(count)?..)?.join("/")))
    });
    tail.unwrap_or_else(|| template.replace("{name}", name))
}

/// Files that lie beside this one upstream, in a fixture folder called `both`: the corpus keeps each as a case of its own.
fn neighbours(folder: &Path, fixture: &str) -> Result<Vec<(String, Vec<u8>)>> {
    let Some((home, _)) = fixture.rsplit_once('/').filter(|(home, _)| home.ends_with("/both")) else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    for case in std::fs::read_dir(folder.parent().context("a case lies in a folder")?)? {
        let case = case?.path();
        let statement = json(&case.join("expected.json"))?;
        let other = statement["source"]["fixture"].as_str().unwrap_or_default();
        if let Some(name) = other.strip_prefix(home).and_then(|rest| rest.strip_prefix('/'))
            && !name.contains('/')
        {
            found.push((name.to_owned(), std::fs::read(case.join(statement["input"].as_str().unwrap_or_default()))?));
        }
    }
    Ok(found)
}

/// Switches of a test that change its result and that no user of ours can throw, and answers from services on the network.
fn not_modelled(home: &str, id: &str, options: &Value) -> Option<&'static str> {
    if options["includeDeps"] == true {
        return Some("the test asks for a manifest's ranges as packages");
    }
    if options["maxOpenedBytes"].is_number() {
        return Some("the test lowers the limit of opened bytes");
    }
    if options["replace"] == false {
        return Some("the test switches `replace` directives off");
    }
    if options["local"] == false {
        return Some("the test resolves parents from a repository on the network");
    }
    if home == "syft/cpp" && id.contains("Vcpkg") {
        return Some("the versions come from a registry of vcpkg on the network");
    }
    if home == "trivy/java-pom" && id.contains("remote-repository-returns") {
        return Some("the test's repository on the network fails");
    }
    if home == "trivy/java-jar" && (id.contains("sha1") || id.contains("artifactId")) {
        return Some("the answer comes from a search service by SHA-1 or artifactId");
    }
    None
}

/// A gem specification that takes its version from a file which lies beside it upstream: the corpus keeps one file per case.
fn lacks_required(name: &str, input: &Path) -> Option<&'static str> {
    let text = if name.ends_with(".gemspec") { std::fs::read_to_string(input).ok()? } else { return None };
    let required = text.lines().any(|line| line.starts_with("require") && line.contains("version"));
    required.then_some("the file with the version, which the specification requires, is not in the corpus")
}

/// What a test of Maven projects states and its input does not: it comes from parents and repositories beside the test. Their tests keep them in
/// folders of which the corpus holds the one project file.
fn beyond(folder: &Path, home: &str, statement: &Value) -> Result<Option<&'static str>> {
    if !matches!(home, "trivy/java-pom" | "scalibr/java-pomxml" | "syft/java") {
        return Ok(None);
    }
    let of = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let packages = statement["packages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let ids: BTreeSet<String> = packages.iter().map(|package| of(&package["id"])).collect();
    let graph = statement["dependencies"].as_array().map(Vec::as_slice).unwrap_or_default();
    let named = graph.iter().flat_map(|edge| {
        edge["DependsOn"].as_array().into_iter().flatten().chain([&edge["ID"]]).map(of).collect::<Vec<_>>()
    });
    if named.into_iter().any(|id| !ids.contains(&id)) {
        return Ok(Some("the test's graph has packages that its list does not have"));
    }
    let input = folder.join(statement["input"].as_str().unwrap_or("input"));
    let paths = if input.is_dir() { files(&input)? } else { vec![input] };
    let mut written = String::new();
    for path in paths {
        written.push_str(&String::from_utf8_lossy(&std::fs::read(path)?));
    }
    let elsewhere = packages.iter().any(|package| {
        let (name, version) = (of(&package["name"]), of(&package["version"]));
        let artifact = name.rsplit(':').next().unwrap_or_default();
        of(&package["relationship"]).ends_with("RelationshipIndirect")
            || !written.contains(artifact)
            || !written.contains(&version)
    });
    Ok(elsewhere.then_some("the test states what only a repository or a parent beside it says"))
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
    match (compare_answer(file.as_deref(), answer, expected), not_modelled.or(expected.beyond)) {
        (Verdict::Failed(_), Some(why)) => Verdict::Skipped(why.to_owned()),
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
        if expected.beyond.is_none() && is_maven(expected) && extra.is_empty() && missing.iter().all(unresolved) {
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

fn is_maven(expected: &Expected) -> bool {
    matches!(expected.ecosystem.as_str(), "java-pom" | "java-pomxml")
}

/// Trivy leaves out what a project gets from its container, and what is optional; we list it with its scope.
fn is_left_out_by_trivy(expected: &Expected, package: &Value) -> bool {
    let extra = &package["extra"];
    expected.tool == "trivy"
        && is_maven(expected)
        && (extra["maven.optional"] == "true" || matches!(extra["maven.scope"].as_str(), Some("provided" | "system")))
}

/// scalibr lists components of Gradle's verification metadata that lack a group, a name or a version, which the schema has all three; we refuse
/// these, and say so.
fn is_refused(expected: &Expected, answer: &Answer, package: &Value) -> bool {
    let name = package["name"].as_str().unwrap_or_default();
    let whole = !name.starts_with(':') && !name.ends_with(':');
    let unexamined = answer.document["unexamined"].as_array().map(Vec::as_slice).unwrap_or_default();
    expected.ecosystem == "java-gradleverificationmetadataxml"
        && !whole
        && unexamined.iter().any(|entry| entry["by"] == "gradle-verification" && entry["kind"] == "malformed")
}

/// Name and version of a found package in the words of the tool that wrote the test. What it takes for a version and we keep apart (a constraint, a
/// commit, the lowest version of an SDK) is taken from where we keep it.
fn named(expected: &Expected, package: &Value) -> (String, String) {
    let of = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let fact = |name: &str| package["extra"][name].as_str().map(str::to_owned);
    let (name, version) = (of(&package["name"]), of(&package["version"]));
    let home = (expected.tool.as_str(), expected.ecosystem.as_str());
    let version = match home {
        // scalibr's manifests without a lock file: the constraint is the version
        ("scalibr", "gleam-gleamtoml" | "rust-cargotoml") => {
            fact("gleam.requirement").or_else(|| fact("cargo.requirement")).unwrap_or(version)
        }
        // scalibr keeps the version that was required of a module that a directory replaces
        ("scalibr", "golang-vendormodules") if version.is_empty() => {
            fact("go.replaces").and_then(|old| Some(old.split_once('@')?.1.to_owned())).unwrap_or(version)
        }
        // Trivy: the branch is the version where there is none
        ("trivy", "swift-swift") if version.is_empty() => fact("swift.branch").unwrap_or(version),
        // Syft: the commit is the version
        ("syft", "elixir" | "erlang") if version.is_empty() => fact("hex.revision").unwrap_or(version),
        // Syft puts the lowest version of an SDK for the `0.0.0` of its packages, and leaves out those of which it knows none
        ("syft", "dart") if fact("dart.sdk").is_some() => fact("dart.minimum").unwrap_or_default(),
        ("trivy", _) if expected.minimum && fact("dart.sdk").is_some() => fact("dart.minimum").unwrap_or(version),
        ("scalibr", ecosystem) if version.is_empty() && !lowest(ecosystem, &package["extra"]).is_empty() => {
            lowest(ecosystem, &package["extra"])
        }
        _ if version.is_empty() && name == "stdlib" => fact("go.minimum").unwrap_or(version),
        _ if version.is_empty() && expected.minimum => {
            ["python.minimum", "nuget.minimum", "maven.minimum"].iter().find_map(|name| fact(name)).unwrap_or(version)
        }
        _ => version,
    };
    let name = match home {
        // scalibr names what an SBOM lists by its purl
        ("scalibr", "sbom-cdx" | "sbom-spdx") => {
            let purl = package["purl"].as_str().and_then(|text| Purl::parse_lenient(text).ok());
            purl.map(|purl| purl.name().to_owned()).unwrap_or(name)
        }
        // Syft names an action with its directory, and a Swift package by the last part of its address
        ("syft", "githubactions") => fact("github.path").map(|path| format!("{name}/{path}")).unwrap_or(name),
        ("syft", "swift") => fact("swift.identity").unwrap_or(name),
        _ => name,
    };
    (name, version)
}

/// What a tool leaves out of its own list on purpose: scalibr takes only packages of CRAN out of renv's lock file and only those with a version of
/// their own out of Julia's, Syft only those of Hackage out of Stack's.
fn not_listed(expected: &Expected, package: &Value) -> bool {
    match (expected.tool.as_str(), expected.ecosystem.as_str()) {
        ("scalibr", "r-renvlock") => package["extra"]["r.repository"] != "CRAN",
        ("scalibr", "julia-manifesttoml") => package["extra"]["julia.stdlib"].is_string(),
        ("syft", "haskell") => package["extra"]["haskell.source"].is_string(),
        _ => false,
    }
}

/// The version that a test states: Trivy keeps epoch and release of Bottlerocket's packages apart.
fn stated_version(expected: &Expected, package: &Value) -> String {
    let version = package["version"].as_str().unwrap_or_default();
    match package["release"].as_str() {
        Some(release) if expected.ecosystem == "pkg-bottlerocket_inventory" => {
            let epoch = package["epoch"].as_u64().filter(|epoch| *epoch != 0);
            format!("{}{version}-{release}", epoch.map(|epoch| format!("{epoch}:")).unwrap_or_default())
        }
        _ => version.to_owned(),
    }
}

/// What osv-scalibr takes for the version of a package that a range asks for; empty where it takes none. We leave the version of a range empty and
/// keep the range beside it.
///
/// Python: the operand of the first `==`, `===`, `>=`, `<=` or `~=`, if the constraint is a single one without wildcard (of `setup.py`: the first of
/// several). Deno: the lowest version of npm's range, and JSR's range as it is.
fn lowest(ecosystem: &str, extra: &Value) -> String {
    let fact = |name: &str| extra[name].as_str().unwrap_or_default();
    let constraint = fact("python.constraint");
    let first = constraint.split(',').next().unwrap_or_default().trim();
    let operator = ["===", "==", ">=", "<=", "~="].into_iter().find(|operator| first.starts_with(operator));
    let operand = operator.map_or("", |operator| first[operator.len()..].trim());
    match ecosystem {
        "python-setup" if operator != Some("~=") => operand.to_owned(),
        "python-requirements" | "python-pyprojecttoml" if first == constraint && !first.contains('*') => {
            operand.to_owned()
        }
        "javascript-denojson" | "javascript-denotssource" => match fact("deno.specifier").starts_with("jsr:") {
            true => fact("deno.range").to_owned(),
            false => fact("deno.minimum").to_owned(),
        },
        _ => String::new(),
    }
}

/// Name and version as one tool and another write them: Trivy and we keep the `v` of Go versions, scalibr cuts it, also of modules of Deno; scalibr
/// writes the scope of a module of JSR without its `@`, and keeps the commit of a repository apart from its version; Syft writes a Java artifact
/// without its group and a PEAR package without its channel; Trivy calls the version of a package of Julia's standard library `unknown` where the
/// file does not tell it.
fn normal(expected: &Expected, name: &str, version: &str) -> (String, String) {
    let deno = expected.tool == "scalibr" && expected.ecosystem.starts_with("javascript-deno");
    let version = if deno || expected.ecosystem.contains("golang") { version.trim_start_matches('v') } else { version };
    let name = match (expected.tool.as_str(), expected.ecosystem.as_str()) {
        ("syft", "java") => name.rsplit(':').next().unwrap_or(name),
        ("syft", "php") if expected.leaves == ["pear"] => name.rsplit('/').next().unwrap_or(name),
        _ if deno => name.trim_start_matches('@'),
        _ => name,
    };
    let commit = version.len() >= 7 && version.bytes().all(|byte| byte.is_ascii_hexdigit());
    let no_version = expected.ecosystem.contains("paket") && commit
        || expected.tool == "trivy" && expected.ecosystem.contains("julia") && version == "unknown";
    (name.to_owned(), if no_version { String::new() } else { version.to_owned() })
}

/// How a found package differs from a stated one in what the test states as plain text; empty if in nothing.
fn details(expected: &Expected, stated: &Value, found: &Value) -> String {
    let own_version = found["version"] == named(expected, found).1.as_str();
    if let Some(arch) = stated["arch"].as_str()
        && found["arch"] != arch
    {
        return format!("architecture {arch} expected, {} found", found["arch"]);
    }
    let parse = |value: &Value| value.as_str().and_then(|text| Purl::parse_lenient(text).ok());
    if let (Some(stated), Some(found)) = (parse(&stated["purl"]), parse(&found["purl"])) {
        // The distribution's namespace comes from a release file that these inputs do not have, and qualifiers differ by tool.
        let system = matches!(stated.ty(), "rpm" | "deb" | "apk");
        let parts = |purl: &Purl| {
            let namespace = purl.namespace().filter(|_| !system).map(str::to_owned);
            // Syft writes a subspec into the name, purl's definition of CocoaPods into the subpath
            let subspec = purl.subpath().filter(|_| purl.ty() == "cocoapods");
            let name = subspec.map_or(purl.name().to_owned(), |subspec| format!("{}/{subspec}", purl.name()));
            // what the tool takes for a version and we do not stands in its purl, too
            let version = purl.version().filter(|_| own_version);
            (purl.ty().to_owned(), namespace, name, version.map(str::to_owned))
        };
        // Syft writes the category of a package of Gentoo into its name.
        let whole = |purl: &Purl| (purl.to_string().replace("%2F", "/"), purl.ty() == "ebuild");
        if parts(&stated) != parts(&found) && (whole(&stated) != whole(&found) || !whole(&found).1) {
            return format!("purl {stated} expected, {found} found");
        }
    }
    String::new()
}
