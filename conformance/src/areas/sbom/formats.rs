//! `sbom/cyclonedx`, `sbom/spdx`, `sbom/syft-formats`: SBOMs of others, read by `signet sbom sbom:FILE` and judged by `signet sbom lint`.
//!
//! A document that is read must give back every library that it lists by name and version. The specifications' own documents must also be
//! valid, and what breaks a rule must be refused by the linter; documents of other tools break rules now and then and must be read all the same.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::Value;
use signet_model::Purl;

use super::{Scratch, mutations};
use crate::set::{Case, Judged, Verdict, files, judge};
use crate::signet;

#[derive(Debug)]
enum Input {
    /// Read, and judged if asked.
    Read { path: PathBuf, judged: bool },
    /// Judged only.
    Lint(PathBuf),
    /// Filled by `syft -o template`.
    Template(PathBuf),
}

#[derive(Debug)]
enum Expected {
    /// Names and versions that must be among the packages, and how many packages there can be, where that can be counted.
    Holds(BTreeSet<Row>, Option<usize>),
    /// Refused.
    Refused,
}

#[derive(Debug, Default)]
struct Answer {
    /// Exit code of reading.
    code: Option<i32>,
    document: Option<Value>,
    /// Exit code of the linter.
    judgement: Option<i32>,
    said: String,
}

/// The specification's own examples.
pub(crate) fn cyclonedx(folder: &Path) -> Result<Vec<Judged>> {
    run(folder, &["1.5", "1.6", "1.7"], |name| if name.contains("invalid-") { Kind::Invalid } else { Kind::Valid })
}

/// Documents of the SPDX project, and five broken forms of each.
pub(crate) fn spdx(folder: &Path) -> Result<Vec<Judged>> {
    run(folder, &["examples", "tools-python"], |_| Kind::ValidAndBroken)
}

/// What the tests of Syft and Trivy decode.
pub(crate) fn syft_formats(folder: &Path) -> Result<Vec<Judged>> {
    run(folder, &[""], |name| {
        if name.starts_with("schema/") {
            Kind::Support
        } else if name.ends_with(".template") {
            Kind::Template
        } else if ["__bad", "__sad"].iter().any(|mark| name.contains(mark)) {
            Kind::Bad
        } else {
            Kind::Foreign
        }
    })
}

/// Name, version and purl (empty: none).
type Row = (String, String, String);

/// What a case is by its name.
enum Kind {
    /// Valid by its specification.
    Valid,
    /// The same, and the base of broken documents.
    ValidAndBroken,
    /// Written by a tool: must be read, whatever a linter says.
    Foreign,
    /// Must be refused when read.
    Bad,
    /// Breaks a rule of the specification, which a linter must notice.
    Invalid,
    Template,
    Support,
}

fn run(folder: &Path, parts: &[&str], kind: fn(&str) -> Kind) -> Result<Vec<Judged>> {
    let scratch = Scratch::new("formats")?;
    let mut cases = Vec::new();
    for part in parts {
        for path in files(&folder.join(part))? {
            let name = path.strip_prefix(folder)?.display().to_string();
            let bytes = std::fs::read(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
            let text = decode(&bytes);
            let subset = match text.trim_start().chars().next() {
                Some('{') => "json",
                Some('<') => "xml",
                _ => "other",
            };
            let case = match kind(&name) {
                Kind::Support => continue,
                Kind::Template => {
                    let row = |name: &str, version: &str| (name.to_owned(), version.to_owned(), String::new());
                    let rows = [row("left", "1.0.0"), row("right", "2.0.0")];
                    Case::new(name, Input::Template(path), Expected::Holds(rows.into(), Some(2)))
                }
                Kind::Invalid => Case::new(name, Input::Lint(path), Expected::Refused).refused(),
                Kind::Bad => Case::new(name, Input::Read { path, judged: false }, Expected::Refused).refused(),
                Kind::Foreign => Case::new(name, Input::Read { path, judged: false }, holds(&text)),
                Kind::Valid => Case::new(name, Input::Read { path, judged: true }, holds(&text)),
                Kind::ValidAndBroken => {
                    for (place, (what, broken)) in mutations::of(&text).into_iter().enumerate() {
                        anyhow::ensure!(broken != text, "`{name}`: {what} changed nothing");
                        let file = scratch.path().join(format!("{}-{place}", name.replace('/', "_")));
                        std::fs::write(&file, broken)?;
                        let case = Case::new(format!("{name}: {what}"), Input::Lint(file), Expected::Refused);
                        cases.push(case.refused().within("broken"));
                    }
                    Case::new(name, Input::Read { path, judged: true }, holds(&text))
                }
            };
            cases.push(case.within(subset));
        }
    }
    Ok(judge(cases, |input| evaluate(input, &scratch), compare))
}

fn evaluate(input: &Input, scratch: &Scratch) -> Result<Answer> {
    let lint = |path: &Path| -> Result<(Option<i32>, String)> {
        let arguments = ["sbom".as_ref(), "lint".as_ref(), path.as_os_str()];
        let output = signet::run(&arguments, scratch.path(), scratch.path())?;
        let said = [output.stdout, output.stderr].concat();
        Ok((output.status.code(), String::from_utf8_lossy(&said).into_owned()))
    };
    match input {
        Input::Template(path) => fill(path, scratch.path()),
        Input::Lint(path) => {
            let (judgement, said) = lint(path)?;
            Ok(Answer { judgement, said, ..Answer::default() })
        }
        Input::Read { path, judged } => {
            let source = format!("sbom:{}", path.display());
            let arguments = ["sbom", &source, "-o", "json", "--allow-incomplete", "--no-cache"];
            let output = signet::run(&arguments, scratch.path(), scratch.path())?;
            let (judgement, mut said) = if *judged { lint(path)? } else { (None, String::new()) };
            said.push_str(&String::from_utf8_lossy(&output.stderr));
            Ok(Answer {
                code: output.status.code(),
                document: serde_json::from_slice(&output.stdout).ok(),
                judgement,
                said,
            })
        }
    }
}

/// Fills a template with two packages; its rows begin with name and version, in quotes.
fn fill(template: &Path, scratch: &Path) -> Result<Answer> {
    let root = scratch.join("two-packages");
    for (name, version) in [("left", "1.0.0"), ("right", "2.0.0")] {
        let folder = root.join("node_modules").join(name);
        std::fs::create_dir_all(&folder)?;
        let author = if name == "left" { r#", "author": "somebody""# } else { "" };
        std::fs::write(
            folder.join("package.json"),
            format!(r#"{{"name": "{name}", "version": "{version}"{author}}}"#),
        )?;
    }
    let source = format!("dir:{}", root.display());
    let arguments = ["syft", &source, "-q", "-o", "template", "-t"].map(std::ffi::OsString::from);
    let arguments: Vec<_> = arguments.into_iter().chain([template.as_os_str().to_owned()]).collect();
    let output = signet::run(&arguments, scratch, scratch)?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let packages: Vec<Value> = text
        .lines()
        .skip(1)
        .filter_map(|line| {
            let mut fields = line.strip_prefix('"')?.split("\",\"");
            Some(serde_json::json!({ "name": fields.next()?, "version": fields.next()? }))
        })
        .collect();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let document = Some(serde_json::json!({ "packages": packages }));
    Ok(Answer { code: output.status.code(), document, said, ..Answer::default() })
}

/// UTF-16 by its byte order mark, else UTF-8.
fn decode(bytes: &[u8]) -> String {
    let wide = |from: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes[2..].chunks_exact(2).map(|pair| from([pair[0], pair[1]])).collect();
        String::from_utf16_lossy(&units)
    };
    match bytes {
        [0xff, 0xfe, ..] => wide(u16::from_le_bytes),
        [0xfe, 0xff, ..] => wide(u16::from_be_bytes),
        _ => String::from_utf8_lossy(bytes).trim_start_matches('\u{feff}').to_owned(),
    }
}

/// The libraries of a CycloneDX document, the packages of an SPDX one, the artifacts of a Syft one.
fn holds(text: &str) -> Expected {
    let document = serde_json::from_str::<Value>(text).ok();
    let mut rows = match &document {
        Some(document) if document.get("@graph").is_some() => spdx3(document),
        Some(document) => of_json(document),
        None if text.contains("cyclonedx.org/schema/bom") => of_xml(text),
        None => of_text(text),
    };
    // Without version and purl it is a file or a folder that a tool counts as a component.
    rows.retain(|(_, version, purl)| !(version.is_empty() && purl.is_empty()));
    Expected::Holds(rows, document.as_ref().map(things))
}

/// Everything in a document that could be a package; more must not be found.
fn things(document: &Value) -> usize {
    let mut count = ["packages", "artifacts", "@graph"].iter().map(|key| list(&document[*key]).count()).sum();
    let mut open: Vec<&Value> = list(&document["components"]).chain([&document["metadata"]["component"]]).collect();
    while let Some(component) = open.pop() {
        open.extend(list(&component["components"]));
        count += 1;
    }
    count
}

/// The libraries of a CycloneDX document in XML, by their tags: members of a component itself, not of what is inside it.
fn of_xml(text: &str) -> BTreeSet<Row> {
    // For each open element its name, and for a component what is known of it.
    let mut open: Vec<(String, Option<(bool, Row)>)> = Vec::new();
    let mut rows = BTreeSet::new();
    for piece in text.split('<').skip(1) {
        let (tag, after) = piece.split_once('>').unwrap_or((piece, ""));
        let local = |name: &str| name.rsplit(':').next().unwrap_or(name).to_owned();
        if tag.starts_with(['?', '!']) {
            continue;
        }
        if tag.starts_with('/') {
            if let Some((_, Some((true, row)))) = open.pop() {
                rows.insert(row);
            }
            continue;
        }
        let name = local(tag.trim_end_matches('/').split_whitespace().next().unwrap_or_default());
        // What is used to build, or was changed, is no component of the document.
        let inside = open.iter().all(|(name, _)| matches!(name.as_str(), "bom" | "components" | "component"));
        if let Some((_, Some((_, row)))) = open.last_mut() {
            let value = after.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&");
            match name.as_str() {
                "name" => row.0 = value,
                "version" => row.1 = value,
                "purl" => row.2 = canonical(value.trim()),
                _ => {}
            }
        }
        if !tag.ends_with('/') {
            let is_library = tag.contains("type=\"library\"");
            let component = name == "component" && inside && open.iter().any(|(name, _)| name == "components");
            open.push((name, component.then(|| (is_library, Row::default()))));
        }
    }
    rows
}

fn of_json(document: &Value) -> BTreeSet<Row> {
    let mut rows = BTreeSet::new();
    let mut open: Vec<&Value> = list(&document["components"]).collect();
    while let Some(component) = open.pop() {
        open.extend(list(&component["components"]));
        if component["type"] == "library" {
            rows.insert(row(component, "version"));
        }
    }
    let described: BTreeSet<&str> = list(&document["documentDescribes"])
        .filter_map(Value::as_str)
        .chain(
            list(&document["relationships"])
                .filter(|edge| edge["relationshipType"] == "DESCRIBES")
                .filter_map(|edge| edge["relatedSpdxElement"].as_str()),
        )
        .collect();
    // What a document is about becomes the subject, not a package of it.
    let about = |package: &&Value| package["SPDXID"].as_str().is_some_and(|id| described.contains(id));
    rows.extend(
        list(&document["packages"]).filter(|package| !about(package)).map(|package| row(package, "versionInfo")),
    );
    rows.extend(list(&document["artifacts"]).map(|artifact| row(artifact, "version")));
    rows
}

/// Packages of any profile, but those that the document is about.
fn spdx3(document: &Value) -> BTreeSet<Row> {
    let roots: BTreeSet<&str> =
        list(&document["@graph"]).flat_map(|element| list(&element["rootElement"])).filter_map(Value::as_str).collect();
    list(&document["@graph"])
        .filter(|element| {
            matches!(element["type"].as_str(), Some("software_Package" | "ai_AIPackage" | "dataset_DatasetPackage"))
        })
        .filter(|element| element["spdxId"].as_str().is_none_or(|id| !roots.contains(id)))
        .map(|element| {
            let of = |key: &str| element[key].as_str().unwrap_or_default().to_owned();
            let purl = canonical(&of("software_packageUrl"));
            (of("name"), of("software_packageVersion"), purl)
        })
        .collect()
}

/// Packages of tag-value text, YAML and XML, by their lines: good enough for documents that tools wrote, and no second parser.
fn of_text(text: &str) -> BTreeSet<Row> {
    // Each package with its id.
    let mut found: Vec<(String, Row)> = Vec::new();
    let mut in_packages = false;
    for line in text.lines() {
        let plain = line.trim();
        if let Some(name) = plain.strip_prefix("PackageName:") {
            found.push((String::new(), (name.trim().to_owned(), String::new(), String::new())));
            in_packages = true;
            continue;
        }
        if line.starts_with("packages:") || plain == "<packages>" {
            in_packages = true;
            found.push(Default::default());
            continue;
        }
        if ["FileName:", "SnippetSPDXID:", "LicenseID:"].iter().any(|tag| plain.starts_with(tag))
            || plain == "</packages>"
        {
            in_packages = false;
        }
        // Another top-level key of YAML; fields of tag-value text begin with a capital.
        if line.starts_with(|c: char| c.is_ascii_lowercase()) && line.contains(':') {
            in_packages = false;
        }
        if !in_packages {
            continue;
        }
        if line.starts_with("- ") {
            found.push(Default::default());
        }
        let Some((id, row)) = found.last_mut() else { continue };
        // Members of a package itself, not of what is inside it.
        let own = line.strip_prefix("  ").or(line.strip_prefix("- ")).filter(|rest| !rest.starts_with([' ', '-']));
        let value = |tag: &str, name: &str| -> Option<String> {
            let tagged = || line.strip_prefix("    <")?.strip_prefix(name)?.strip_prefix('>')?.split('<').next();
            let keyed = || Some(own?.strip_prefix(name)?.strip_prefix(':')?.trim().trim_matches('"'));
            plain.strip_prefix(tag).map(str::trim).or_else(tagged).or_else(keyed).map(str::to_owned)
        };
        if let Some(name) = value("PackageName:", "name") {
            row.0 = name;
        }
        if let Some(version) = value("PackageVersion:", "versionInfo") {
            row.1 = version;
        }
        if let Some(own) = value("SPDXID:", "SPDXID") {
            *id = own;
        }
        if let Some(at) = plain.find("pkg:") {
            row.2 = canonical(plain[at..].split(['"', '<', ' ']).next().unwrap_or_default());
        }
    }
    let described = described(text);
    found.retain(|(id, (name, _, _))| !name.is_empty() && !described.contains(id));
    found.into_iter().map(|(_, row)| row).collect()
}

/// Ids of what the document describes: named in the same line, item or element as the word.
fn described(text: &str) -> BTreeSet<String> {
    let separator = if text.trim_start().starts_with('<') {
        "<relationships>"
    } else if text.contains("\nSPDXVersion:") || text.starts_with("SPDXVersion:") {
        "\n"
    } else {
        "\n- "
    };
    // The short form of XML has an element of its own for each.
    let short = text.split("<documentDescribes>").skip(1).filter_map(|rest| rest.split('<').next());
    let mut ids: BTreeSet<String> = short.map(str::to_owned).collect();
    for block in text.split(separator).filter(|block| {
        block.contains("DESCRIBES") && (block.contains("elationshipType") || block.starts_with("Relationship:"))
    }) {
        let block = block.split("</relationships>").next().unwrap_or_default();
        for (at, _) in block.match_indices("SPDXRef-") {
            let id = block[at..].split(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '.')).next();
            ids.extend(id.map(str::to_owned));
        }
    }
    ids
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn canonical(purl: &str) -> String {
    Purl::parse_lenient(purl).map(|purl| purl.to_string()).unwrap_or_default()
}

fn row(value: &Value, version: &str) -> Row {
    let of = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let reference = list(&value["externalRefs"]).find(|reference| reference["referenceType"] == "purl");
    let purl = reference.and_then(|reference| reference["referenceLocator"].as_str()).map_or(of("purl"), str::to_owned);
    (of("name"), of(version), canonical(&purl))
}

fn compare(input: &Input, answer: &Result<Answer>, expected: &Expected) -> Verdict {
    let answer = match answer {
        Ok(answer) => answer,
        Err(err) => return Verdict::Failed(format!("{err:#}")),
    };
    match (input, expected, &answer.document) {
        (Input::Lint(_), _, _) => match answer.judgement {
            Some(11) => Verdict::Passed,
            // No document of the format at all; any other failure of the program is none of the document.
            Some(1) if answer.said.contains("cannot read the SBOM") => Verdict::Passed,
            code => Verdict::Failed(format!("must be refused; exit {code:?}: {}", answer.said)),
        },
        (_, Expected::Refused, _) => {
            // Refused whole, or in part: an entry for what could not be read, which without `--allow-incomplete` is exit 13.
            let partly =
                answer.document.as_ref().is_some_and(|document| list(&document["unexamined"]).next().is_some());
            if partly || answer.code == Some(1) && answer.said.contains("cannot read the SBOM") {
                Verdict::Passed
            } else {
                Verdict::Failed(format!("must be refused; exit {:?}: {}", answer.code, answer.said))
            }
        }
        (Input::Read { judged: true, .. }, _, _) if answer.judgement != Some(0) => {
            Verdict::Failed(format!("is valid; exit {:?}: {}", answer.judgement, answer.said))
        }
        (_, Expected::Holds(rows, most), Some(document)) if answer.code == Some(0) => {
            let found: Vec<Row> = list(&document["packages"]).map(|package| row(package, "version")).collect();
            let subject = document["subject"]["name"].as_str().unwrap_or_default();
            let missing: Vec<_> = rows
                .iter()
                .filter(|(name, version, purl)| {
                    let named = |found: &str| {
                        // A group or namespace may stand before the name, here or there.
                        let ends = |long: &str, short: &str| {
                            long.strip_suffix(short).is_some_and(|rest| rest.ends_with(['/', ':']) || rest.is_empty())
                        };
                        ends(found, name) || ends(name, found)
                    };
                    let at = |found: &str| found == version || found.ends_with(&format!(":{version}"));
                    let is_there =
                        |(found, is, url): &Row| (!purl.is_empty() && url == purl) || (named(found) && at(is));
                    subject != name && !found.iter().any(is_there)
                })
                .take(5)
                .collect();
            match (missing.is_empty(), most.filter(|most| found.len() > *most)) {
                (false, _) => Verdict::Failed(format!("missing {missing:?}")),
                (true, Some(most)) => {
                    Verdict::Failed(format!("{} packages of {most} things that could be", found.len()))
                }
                (true, None) => Verdict::Passed,
            }
        }
        _ => Verdict::Failed(format!("must be read; exit {:?}: {}", answer.code, answer.said)),
    }
}

#[cfg(test)]
mod tests {
    use super::of_xml;

    #[test]
    fn libraries_of_xml_are_seen_and_others_are_not() {
        let text = r#"<?xml version="1.0"?><bom xmlns="http://cyclonedx.org/schema/bom/1.6"><metadata>
            <component type="library"><name>root</name></component></metadata><components>
            <component type="library" bom-ref="a"><supplier><name>who</name></supplier><name>a&amp;b</name><version>1</version>
              <purl>pkg:npm/a@1</purl><pedigree><ancestors><component type="library"><name>old</name></component></ancestors></pedigree>
              <components><component type="library"><name>inner</name><version>2</version></component></components></component>
            <component type="file"><name>f</name><version/></component></components></bom>"#;
        let rows: Vec<(String, String)> = of_xml(text).into_iter().map(|(name, version, _)| (name, version)).collect();
        let row = |name: &str, version: &str| (name.to_owned(), version.to_owned());
        assert_eq!(rows, [row("a&b", "1"), row("inner", "2")]);
    }
}
