//! How a case's input becomes a root: where a lone file is placed, what lies beside it, and what of a test's surroundings the corpus does not hold.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::super::{copy_tree, programs, unpack_txtar};
use super::Input;
use crate::set::{files, json, text};

/// A row of the table of places.
#[derive(Debug)]
pub(super) struct Place {
    home: String,
    fixture: String,
    path: String,
    leaves: Vec<String>,
}

pub(super) fn places() -> Result<Vec<Place>> {
    include_str!("../../../../cases/sbom/packages.tsv")
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
pub(super) fn prepare(
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
            programs::complete(&root)?;
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
    if home == "scalibr/containers-containerd"
        && options["statusFilePath"].as_str().is_some_and(|path| path.contains("invalid"))
    {
        return Some(
            "the test lists containers by state files that the corpus does not hold; we list the images of the store",
        );
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
/// folders of which the corpus holds the one project file. Package by package, so that a wrong or invented one stays a failure.
#[derive(Debug, Default)]
pub(super) struct Beyond {
    /// Packages, by name and version, of which no input file has the name or the version.
    pub(super) stated: BTreeSet<(String, String)>,
    /// `NAME:VERSION` that the test's graph names and its list of packages does not.
    pub(super) unlisted: BTreeSet<String>,
}

pub(super) fn beyond(folder: &Path, home: &str, statement: &Value) -> Result<Beyond> {
    if !matches!(home, "trivy/java-pom" | "scalibr/java-pomxml" | "syft/java") {
        return Ok(Beyond::default());
    }
    let of = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let packages = statement["packages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let ids: BTreeSet<String> = packages.iter().map(|package| of(&package["id"])).collect();
    let graph = statement["dependencies"].as_array().map(Vec::as_slice).unwrap_or_default();
    let named = graph.iter().flat_map(|edge| {
        edge["DependsOn"].as_array().into_iter().flatten().chain([&edge["ID"]]).map(of).collect::<Vec<_>>()
    });
    let unlisted = named.filter(|id| !ids.contains(id)).collect();
    let input = folder.join(statement["input"].as_str().unwrap_or("input"));
    let paths = if input.is_dir() { files(&input)? } else { vec![input] };
    let mut written = String::new();
    for path in paths {
        written.push_str(&String::from_utf8_lossy(&std::fs::read(path)?));
    }
    let elsewhere = packages.iter().filter(|package| {
        let (name, version) = (of(&package["name"]), of(&package["version"]));
        let artifact = name.rsplit(':').next().unwrap_or_default();
        of(&package["relationship"]).ends_with("RelationshipIndirect")
            || !written.contains(artifact)
            || !written.contains(&version)
    });
    let stated = elsewhere.map(|package| (of(&package["name"]), of(&package["version"]))).collect();
    Ok(Beyond { stated, unlisted })
}
