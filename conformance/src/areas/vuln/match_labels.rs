//! `vuln/match-labels`: what people judged of scanners' matches, replayed as scans of single packages.
//!
//! No whole database is in the corpora, so only those rows are scored whose advisory the corpora's feeds hold for that package, and whose
//! distribution or ecosystem follows from the version or the id: the release tags of rpm and deb versions, the toolchain's versions of Go's standard
//! library, GitHub's ids. The rest is skipped.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::areas::sbom::Scratch;
use crate::set::{Case, Judged, Verdict, files, judge, text};
use crate::signet;

/// Labels that are not scored, and why: id, version, reason.
const REASONS: &[(&str, &str, &str)] = &[
    ("CVE-2005-2541", "2:1.30-5.el8", "three other rows call the same match right: the publisher will not repair it"),
    ("GHSA-wqvq-5m8c-6g24", "1.24.2", PORTED_BACK),
    ("GHSA-8q59-q68h-6hv4", "3.10", PORTED_BACK),
    ("GHSA-jphg-qwrw-7w9g", "2.1.0", PORTED_BACK),
    (
        "GHSA-8cr8-4vfw-mr7h",
        "3.2.3.1",
        "the label is of GitHub's record; the corpora hold RubySec's, which calls this version repaired",
    ),
    (
        "GHSA-fpfv-jqm9-f5jm",
        "1.21.2",
        "the label is of GitHub's record; the corpora hold PyPA's, of which the range ends before this version",
    ),
    (
        "GHSA-232p-vwff-86mp",
        "v20.10.18+incompatible",
        "the version is in the advisory's range; that the module is not importable, only its program's own packages tell",
    ),
];

/// What a scan of the whole image knows by ownership, a scan of the one package cannot.
const PORTED_BACK: &str =
    "the version is in the advisory's range; the files are a distribution package's, which has ported the fix back";

/// A row that can be replayed.
#[derive(Debug)]
struct Input {
    purl: String,
    version: String,
    ids: [String; 2],
}

pub(crate) fn evaluate(folder: &Path) -> Result<Vec<Judged>> {
    signet::program()?;
    let scratch = Scratch::new("match-labels")?;
    let room = scratch.path();
    build(folder.parent().context("the set lies in its area")?, room)?;
    let mut known: BTreeMap<String, BTreeSet<(String, String)>> = BTreeMap::new();
    let mut cases = Vec::new();
    let mut seen = BTreeSet::new();
    for line in text(&folder.join("labels.tsv"))?.lines().skip(1) {
        let cells: Vec<&str> = line.split('\t').collect();
        let [_, label, id, cve, package, version, ..] = cells.as_slice() else { continue };
        // `??` is no judgement, and a row without a package is about the whole image.
        if *label == "??" || package.is_empty() || version.is_empty() {
            continue;
        }
        // Only Go's toolchain counts its versions so.
        let toolchain = *package == "stdlib" && version.starts_with("go1.");
        let version = if toolchain { version.trim_start_matches("go") } else { version };
        let ecosystem = || (toolchain || id.starts_with("GHSA-")).then(String::new);
        let Some(stream) = stream_of(version).or_else(ecosystem) else { continue };
        let mut held = BTreeSet::new();
        for id in [id, cve] {
            if !known.contains_key(*id) {
                known.insert((*id).to_owned(), search(id, room)?);
            }
            held.extend(known.get(*id).into_iter().flatten().cloned());
        }
        let place = held.iter().find(|(known, name)| {
            let same = name.eq_ignore_ascii_case(package) || name.rsplit([':', '/']).next() == Some(package);
            same && (*known == stream || stream.is_empty() && purl_type(known).is_some())
        });
        let Some((stream, name)) = place else { continue };
        let Some(purl) = purl(stream, name, version) else { continue };
        if !seen.insert((purl.clone(), (*id).to_owned(), (*label).to_owned())) {
            continue;
        }
        let input = Input { purl, version: version.to_owned(), ids: [(*id).to_owned(), (*cve).to_owned()] };
        let case = Case::new(format!("{label} {id} {package} {version}"), input, *label == "TP");
        cases.push(case.within(if *label == "TP" { "true-positives" } else { "false-positives" }));
    }
    Ok(judge(
        cases,
        |input| scan(input, room).map_err(|err| format!("{err:#}")),
        |input, answer, expected| match answer {
            Ok(found) if found != expected => match REASONS
                .iter()
                .find(|(id, version, _)| input.ids.iter().any(|own| own == id) && input.version == *version)
            {
                Some((.., why)) => Verdict::Skipped((*why).to_owned()),
                None if *found => Verdict::Failed("labelled as wrong, and found".to_owned()),
                None => Verdict::Failed("labelled as right, and not found".to_owned()),
            },
            Ok(found) => Verdict::equal(found, expected),
            Err(why) => Verdict::Failed(why.clone()),
        },
    ))
}

/// One database of all feeds of the area that can be compiled.
fn build(area: &Path, room: &Path) -> Result<()> {
    let mut arguments: Vec<String> = ["db", "build", "-o", "advisories.db"].map(str::to_owned).to_vec();
    let mut records = Vec::new();
    for set in ["feeds/vunnel", "grype-matcher"] {
        let wanted = |path: &PathBuf| {
            path.components().any(|part| matches!(part.as_os_str().to_str(), Some("snapshots" | "results")))
        };
        records.extend(files(&area.join(set))?.into_iter().filter(wanted));
    }
    std::fs::create_dir_all(room.join("records"))?;
    for (n, path) in records.iter().enumerate() {
        let is_record = |value: &Value| value.get("schema").is_some() && value.get("item").is_some();
        let value: Result<Value, _> = serde_json::from_str(&text(path).unwrap_or_default());
        if value.is_ok_and(|value| is_record(&value)) {
            std::fs::copy(path, room.join(format!("records/{n}.json")))?;
        }
    }
    arguments.extend(["--vunnel".to_owned(), "records".to_owned()]);
    for path in files(&area.join("osv"))? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // The others are of YAML or Markdown, which is no form of OSV's.
        if name.ends_with(".zip") && !name.ends_with("-yaml.zip") && !name.ends_with("-md.zip") {
            arguments.extend(["--osv".to_owned(), path.display().to_string()]);
        }
        // Those have feeds of their own.
        for (start, feed) in [("PyPI", "pypa"), ("RubyGems", "rubysec"), ("crates.io", "rustsec")] {
            if name.starts_with(start) && name.ends_with(".zip") {
                arguments.extend(["--feed".to_owned(), format!("{feed}={}", path.display())]);
            }
        }
    }
    let built = signet::run(&arguments, room, room)?;
    ensure!(built.status.success(), "db build: {}", String::from_utf8_lossy(&built.stderr).trim());
    Ok(())
}

/// Streams and packages that the database has this id for.
fn search(id: &str, room: &Path) -> Result<BTreeSet<(String, String)>> {
    let arguments = ["db", "search", id, "--db", "advisories.db", "-o", "json", "--limit", "2000"];
    let found = signet::run(&arguments, room, room)?;
    let document: Value = serde_json::from_slice(&found.stdout).context("`db search` prints JSON")?;
    let rows = document["advisories"].as_array().into_iter().flatten();
    let text = |row: &Value, field: &str| row[field].as_str().unwrap_or_default().to_owned();
    Ok(rows.map(|row| (text(row, "stream"), text(row, "package"))).collect())
}

/// The stream that the tag of a distribution's version names.
fn stream_of(version: &str) -> Option<String> {
    let number = |sign: &str| {
        let (_, after) = version.split_once(sign)?;
        let digits = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
        after.get(..digits).filter(|digits| !digits.is_empty()).map(str::to_owned)
    };
    // A module's build is tagged by AlmaLinux and CentOS alike.
    if version.contains("module") {
        return None;
    }
    let tags =
        [(".el", "Red Hat"), (".amzn", "amazon linux"), (".fc", "fedora"), ("+deb", "debian"), ("~deb", "debian")];
    tags.into_iter().find_map(|(sign, name)| number(sign).map(|release| format!("{name} {release}")))
}

fn purl_type(stream: &str) -> Option<&'static str> {
    Some(match stream {
        "npm" => "npm",
        "python" => "pypi",
        "go" => "golang",
        "java" => "maven",
        "gem" => "gem",
        "cargo" => "cargo",
        _ => return None,
    })
}

fn purl(stream: &str, name: &str, version: &str) -> Option<String> {
    let version = version.replace('+', "%2B");
    if let Some(ty) = purl_type(stream) {
        return Some(format!("pkg:{ty}/{}@{version}", name.replace(':', "/").replace('@', "%40")));
    }
    let (distro, release) = stream.rsplit_once(' ')?;
    Some(match distro {
        "Red Hat" => format!("pkg:rpm/redhat/{name}@{version}?distro=rhel-{release}"),
        "amazon linux" => format!("pkg:rpm/amzn/{name}@{version}?distro=amzn-{release}"),
        "fedora" => format!("pkg:rpm/fedora/{name}@{version}?distro=fedora-{release}"),
        "debian" => format!("pkg:deb/debian/{name}@{version}?distro=debian-{release}"),
        _ => return None,
    })
}

/// Whether the package has the vulnerability, under either of its names.
fn scan(input: &Input, room: &Path) -> Result<bool> {
    let source = format!("purl:{}", input.purl);
    let arguments = ["scan", &source, "--db", "advisories.db", "--allow-incomplete", "-o", "json"];
    let ended = signet::run(&arguments, room, room)?;
    ensure!(ended.status.success(), "scan: {}", String::from_utf8_lossy(&ended.stderr).trim());
    let report: Value = serde_json::from_slice(&ended.stdout).context("a report is JSON")?;
    let findings = report["findings"].as_array().context("a report has findings")?;
    Ok(findings.iter().filter(|finding| finding.get("suppressed").is_none()).any(|finding| {
        let lists = ["aliases", "vendorIds"].into_iter().filter_map(|field| finding[field].as_array()).flatten();
        let mut names = lists.chain([&finding["id"]]).filter_map(Value::as_str);
        names.any(|name| input.ids.iter().any(|id| id == name))
    }))
}
