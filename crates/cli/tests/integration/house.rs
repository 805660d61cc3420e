//! Rules of the house that a compiler cannot hold: which way dependencies point, what the lock file may hold, what code may not name.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Bytes and a clock go in, values come out. One named exception: the pinned `sigstore-*` crates under `trust`, see [`TRUST_BRINGS`].
const PURE: &[&str] = &[
    "signet-model",
    "signet-yaml",
    "signet-pages",
    "signet-versions",
    "signet-image",
    "signet-catalog",
    "signet-sbom",
    "signet-advisories",
    "signet-policy",
    "signet-trust",
    "signet-twirp",
];
/// Rooms that open files, sockets and databases.
const IO: &[&str] = &["signet-keys", "signet-kube", "signet-oci-client", "signet-sources", "signet-store"];
/// Daemons: they use pure and I/O rooms, and never each other.
const SERVICE: &[&str] = &["signet-admission", "signet-authority"];
/// Programs.
const EDGE: &[&str] = &["signet-cli", "signet-conformance", "signet-bench", "signet-fuzz"];

/// Crates that bring a runtime, the network, a database or a cluster; a pure room never needs one.
const IMPURE_CRATES: &[&str] =
    &["tokio", "reqwest", "hyper", "rustls", "kube", "rusqlite", "tokio-postgres", "memmap2", "axum"];

/// What the pinned `sigstore-*` crates bring into `trust` although it calls none of it: an HTTP client without any TLS, for logs and timestamp
/// authorities. Nothing else may bring it, and no other pure room may reach `trust`.
const TRUST_BRINGS: &[&str] = &["tokio", "reqwest", "hyper"];

/// More crates than this in the lock file want a reason. Raised only with one.
/// 345: Rego is a language of its own, and its evaluator (regorus) brings 14 crates, of which half are macros that check its own proofs.
const CRATE_CEILING: usize = 345;

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(workspace())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Normal (not dev, not build) dependencies of each package by name.
fn dependencies(metadata: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let name_of: BTreeMap<&str, &str> = metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| (package["id"].as_str().unwrap(), package["name"].as_str().unwrap()))
        .collect();
    metadata["resolve"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| {
            let needs = node["deps"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|dep| dep["dep_kinds"].as_array().unwrap().iter().any(|kind| kind["kind"].is_null()))
                .map(|dep| name_of[dep["pkg"].as_str().unwrap()].to_owned())
                .collect();
            (name_of[node["id"].as_str().unwrap()].to_owned(), needs)
        })
        .collect()
}

#[test]
fn dependencies_point_one_way() {
    let dependencies = dependencies(&metadata());
    let mut crooked = Vec::new();
    for (room, needs) in dependencies.iter().filter(|(room, _)| room.starts_with("signet-")) {
        assert!(
            [PURE, IO, SERVICE, EDGE].iter().any(|kind| kind.contains(&room.as_str())),
            "`{room}` has no place: say in this test whether it is pure, I/O, a service or a program"
        );
        for need in needs.iter().filter(|need| need.starts_with("signet-")) {
            let allowed = match room.as_str() {
                "signet-model" => false,
                room if PURE.contains(&room) => PURE.contains(&need.as_str()),
                // Among I/O rooms only `oci-client` is imported by others.
                room if IO.contains(&room) => PURE.contains(&need.as_str()) || need == "signet-oci-client",
                // It judges nothing that others sealed, and what it seals is judged by code that is not its own.
                "signet-authority" if ["signet-trust", "signet-keys"].contains(&need.as_str()) => false,
                room if SERVICE.contains(&room) => PURE.contains(&need.as_str()) || IO.contains(&need.as_str()),
                _ => !EDGE.contains(&need.as_str()),
            };
            if !allowed {
                crooked.push(format!("{room} -> {need}"));
            }
        }
    }
    assert!(crooked.is_empty(), "dependencies that point the wrong way: {crooked:?}");
}

#[test]
fn pure_rooms_reach_no_runtime_network_or_database() {
    let dependencies = dependencies(&metadata());
    let mut sigstore = BTreeSet::new();
    for room in PURE {
        let mut open = vec![(*room).to_owned()];
        let mut seen = BTreeSet::new();
        while let Some(name) = open.pop() {
            if !seen.insert(name.clone()) {
                continue;
            }
            if *room == "signet-trust" && name.starts_with("sigstore-") {
                // Named exception: judged below by what it brings, not followed here.
                sigstore.insert(name);
                continue;
            }
            assert!(!IMPURE_CRATES.contains(&name.as_str()), "pure room `{room}` reaches `{name}`");
            open.extend(dependencies.get(&name).into_iter().flatten().cloned());
        }
    }
    assert!(!sigstore.is_empty(), "`signet-trust` names no `sigstore-*` crate: the exception has gone, so take it out");
    let mut open: Vec<String> = sigstore.into_iter().collect();
    let mut seen = BTreeSet::new();
    while let Some(name) = open.pop() {
        // What the HTTP client needs for itself is not followed: other rooms switch its TLS on for the whole build.
        if TRUST_BRINGS.contains(&name.as_str()) || !seen.insert(name.clone()) {
            continue;
        }
        assert!(!IMPURE_CRATES.contains(&name.as_str()), "the `sigstore-*` crates bring `{name}`");
        open.extend(dependencies.get(&name).into_iter().flatten().cloned());
    }
}

/// Crates that are built for any target, development included, by name. The lock file lists more: what a weak feature could bring and does not.
fn built() -> Vec<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--workspace", "--locked", "--target", "all", "--prefix", "none", "--format", "{p}"])
        .current_dir(workspace())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let unique: BTreeSet<(&str, &str)> = text
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            Some((words.next()?, words.next()?))
        })
        .collect();
    unique.into_iter().map(|(name, _)| name.to_owned()).collect()
}

#[test]
fn one_tls_provider_one_sqlite_and_few_crates() {
    let names = built();
    for banned in ["ring", "openssl-sys", "native-tls", "serde_yaml", "serde_yml"] {
        assert!(!names.iter().any(|name| name == banned), "`{banned}` is built");
    }
    for single in ["libsqlite3-sys", "rustls", "aws-lc-rs", "serde-saphyr", "tokio"] {
        assert!(names.iter().filter(|name| *name == single).count() <= 1, "more than one `{single}`");
    }
    assert!(names.len() <= CRATE_CEILING, "{} crates are built, {CRATE_CEILING} allowed", names.len());
    assert!(names.len() > 50, "the graph holds only {} crates", names.len());
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "target" && name != "tests" && name != "testdata") {
                rust_files(&path, found);
            }
        } else if path.extension().is_some_and(|ending| ending == "rs")
            && path.file_name().is_some_and(|name| name != "tests.rs")
        {
            found.push(path);
        }
    }
}

/// The code solves kinds of problems: it knows no path and no digest of any corpus.
#[test]
fn code_names_no_corpus() {
    let mut files = Vec::new();
    rust_files(&workspace().join("crates"), &mut files);
    assert!(files.len() > 50, "the walk found only {} files", files.len());
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for word in ["shared/corpora", "SIGNET_CORPORA", "corpora/"] {
            assert!(!code.contains(word), "`{}` names the corpora: {word}", path.display());
        }
    }
}

/// As [`code_names_no_corpus`], for digests and long case ids; needs the corpora, so it says so where they are absent.
#[test]
fn code_holds_no_digest_or_case_of_a_corpus() {
    let place =
        std::env::var_os("SIGNET_CORPORA").map(PathBuf::from).unwrap_or_else(|| workspace().join("target/corpora"));
    if !place.is_dir() {
        assert!(
            std::env::var_os("SIGNET_REQUIRE_CORPORA").is_none(),
            "the corpora are required and not unpacked in `{}`",
            place.display()
        );
        println!("skipped: no unpacked corpora in `{}`", place.display());
        return;
    }
    let mut files = Vec::new();
    rust_files(&workspace().join("crates"), &mut files);
    let code: String = files
        .iter()
        .map(|path| std::fs::read_to_string(path).unwrap().split("#[cfg(test)]").next().unwrap_or_default().to_owned())
        .collect();
    // Every run of 40 or 64 hexadecimal digits in the code, to be compared with the digests of corpus files.
    let mut hex: BTreeSet<&str> = BTreeSet::new();
    for word in code.split(|c: char| !c.is_ascii_hexdigit()) {
        if word.len() >= 40 {
            hex.insert(word);
        }
    }
    let mut open = vec![place];
    let mut seen = 0_u32;
    let mut cases = 0_u32;
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                let name = entry.file_name().to_string_lossy().into_owned();
                // A folder with expectations is a case, and its name the case's id; other folders bear words of tools and formats.
                let is_case = entry.path().join("expected.json").is_file();
                if is_case && name.len() >= 12 {
                    cases += 1;
                    assert!(!code.contains(&format!("\"{name}\"")), "code under crates/ holds the case id `{name}`");
                }
                open.push(entry.path());
            } else if kind.is_file() && !hex.is_empty() {
                seen += 1;
                let digest = signet_model::Digest::sha256(&std::fs::read(entry.path()).unwrap()).hex();
                assert!(
                    !hex.contains(digest.as_str()),
                    "code under crates/ holds the digest of `{}`",
                    entry.path().display()
                );
            }
        }
    }
    assert!(seen > 0 || hex.is_empty());
    assert!(cases > 100, "only {cases} cases were found");
}

/// Each ecosystem says what it can tell, how its fixtures were made, and has tests.
#[test]
fn every_leaf_has_coverage_fixtures_and_tests() {
    let mut leaves = 0;
    for entry in std::fs::read_dir(workspace().join("crates/catalog/src")).unwrap() {
        let folder = entry.unwrap().path();
        if !folder.is_dir() {
            continue;
        }
        let mut files = Vec::new();
        rust_files(&folder, &mut files);
        let count =
            files.iter().map(|path| std::fs::read_to_string(path).unwrap().matches(": Leaf =").count()).sum::<usize>();
        if count == 0 {
            continue;
        }
        leaves += count;
        for needed in ["coverage.yaml", "testdata/README.md", "tests.rs"] {
            let place = folder.join(needed);
            let found = std::fs::read_to_string(&place).unwrap_or_default();
            assert!(!found.trim().is_empty(), "`{}` is missing or empty", place.display());
        }
        let coverage = std::fs::read_to_string(folder.join("coverage.yaml")).unwrap();
        for section in ["reads:", "tells:", "does_not_tell:"] {
            assert!(coverage.contains(section), "`{}` has no `{section}`", folder.display());
        }
    }
    assert_eq!(leaves, signet_catalog::leaves().len(), "a leaf is not in the registry, or the other way round");
}
