//! `sbom/images`: real archives with their package lists, archives that must be refused, and hostile layers wrapped into images.
//!
//! What must become of each is in `cases/sbom/images.tsv`. A layer is given to the program as an OCI layout made here, in a folder of its own that
//! must hold nothing new afterwards.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json as value};
use signet_model::Digest;

use super::Scratch;
use crate::set::{Case, Judged, Verdict, files, json, judge};
use crate::signet;

/// Longer than any of these small files can honestly take.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long to wait between two looks at the program.
const NAP: Duration = Duration::from_millis(2);

#[derive(Debug)]
struct Input {
    source: String,
    /// A folder in which nothing may appear.
    sandbox: PathBuf,
}

#[derive(Debug)]
enum Expected {
    /// Read, with so many packages.
    Packages(usize),
    /// Read, with these rows of name, version, architecture and source package in each list; `true`: versions are not compared.
    Lists(Vec<(bool, BTreeSet<Vec<String>>)>),
    /// Read, or refused with an error; the reason stands in the table.
    Survived,
    /// Refused, with this in the message.
    Refused(String),
}

#[derive(Debug)]
struct Answer {
    code: Option<i32>,
    document: Option<Value>,
    stderr: String,
    escaped: Vec<PathBuf>,
}

pub(crate) fn evaluate(folder: &Path) -> Result<Vec<Judged>> {
    let scratch = Scratch::new("images")?;
    let mut cases = Vec::new();
    let mut listed = BTreeSet::new();
    for line in include_str!("../../../cases/sbom/images.tsv").lines().filter(|line| !line.starts_with('#')) {
        let columns: Vec<&str> = line.split('\t').collect();
        let [name, command, expected, _why] = columns.as_slice() else {
            bail!("images.tsv: no four columns in `{line}`")
        };
        listed.insert((*name).to_owned());
        let path = folder.join(name);
        let sandbox = scratch.path().join(name.replace('/', "_"));
        std::fs::create_dir_all(&sandbox)?;
        let source = if *command == "layer" {
            let layout = scratch.path().join(format!("{}.oci", cases.len()));
            wrap(&path, &layout)?;
            format!("oci-dir:{}", layout.display())
        } else {
            format!("{command}:{}", path.display())
        };
        let (expected, refused) = match expected.split_once(' ').unwrap_or((expected, "")) {
            ("packages", number) => (Expected::Packages(number.parse()?), false),
            ("lists", files) => {
                let lists = files.split(' ').map(|file| {
                    let (file, names) = file.strip_suffix("#names").map_or((file, false), |file| (file, true));
                    Ok((names, rows(&json(&folder.join(file))?)))
                });
                (Expected::Lists(lists.collect::<Result<_>>()?), false)
            }
            ("survives", "") => (Expected::Survived, false),
            ("refused", class) => (Expected::Refused(class.to_owned()), true),
            _ => bail!("images.tsv: unknown expectation in `{line}`"),
        };
        let case = Case::new(*name, Input { source, sandbox }, expected).within(if *command == "layer" {
            "layers"
        } else {
            "archives"
        });
        cases.push(if refused { case.refused() } else { case });
    }
    // Every file is a row or belongs to one.
    for path in files(&folder.join("layers"))? {
        let name = path.strip_prefix(folder)?.display().to_string();
        anyhow::ensure!(listed.contains(&name), "images.tsv has no row for `{name}`");
    }
    Ok(judge(
        cases,
        |input| answer(input, scratch.path()),
        |_, answer, expected| match answer {
            Ok(answer) => compare(answer, expected),
            Err(err) => Verdict::Failed(format!("{err:#}")),
        },
    ))
}

/// An OCI layout of one uncompressed layer.
fn wrap(layer: &Path, layout: &Path) -> Result<()> {
    let blobs = layout.join("blobs/sha256");
    std::fs::create_dir_all(&blobs)?;
    let put = |bytes: &[u8]| -> Result<Value> {
        let digest = Digest::sha256(bytes);
        std::fs::write(blobs.join(digest.hex()), bytes)?;
        Ok(value!({ "digest": format!("sha256:{}", digest.hex()), "size": bytes.len() }))
    };
    let typed = |mut descriptor: Value, media_type: &str| {
        descriptor["mediaType"] = media_type.into();
        descriptor
    };
    let bytes = std::fs::read(layer).with_context(|| format!("cannot read `{}`", layer.display()))?;
    let layer = typed(put(&bytes)?, "application/vnd.oci.image.layer.v1.tar");
    let config = value!({
        "architecture": "amd64", "os": "linux", "config": {},
        "rootfs": { "type": "layers", "diff_ids": [layer["digest"]] },
    });
    let config = typed(put(config.to_string().as_bytes())?, "application/vnd.oci.image.config.v1+json");
    let manifest = "application/vnd.oci.image.manifest.v1+json";
    let body = value!({ "schemaVersion": 2, "mediaType": manifest, "config": config, "layers": [layer] });
    let index = value!({ "schemaVersion": 2, "manifests": [typed(put(body.to_string().as_bytes())?, manifest)] });
    std::fs::write(layout.join("index.json"), index.to_string())?;
    Ok(std::fs::write(layout.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#)?)
}

/// Both lists name the same five things, one plainly, one as Trivy's report does.
fn rows(list: &Value) -> BTreeSet<Vec<String>> {
    let text = |row: &Value, keys: [&str; 2]| {
        keys.iter().find_map(|key| match &row[*key] {
            Value::String(text) => Some(text.clone()),
            Value::Array(parts) => Some(parts.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ")),
            _ => None,
        })
    };
    let keys = [["name", "Name"], ["version", "Version"], ["arch", "Arch"], ["origin", "SrcName"]];
    let of = |row: &Value| keys.iter().map(|keys| text(row, *keys).unwrap_or_default()).collect();
    list.as_array().into_iter().flatten().map(of).collect()
}

fn answer(input: &Input, home: &Path) -> Result<Answer> {
    let before = signet::program()?;
    let (out, err) = (home.join("stdout"), home.join("stderr"));
    let mut child = std::process::Command::new(before)
        .args(["sbom", &input.source, "-o", "json", "--allow-incomplete", "--no-cache"])
        .current_dir(&input.sandbox)
        .env_clear()
        .env("HOME", &input.sandbox)
        .env("TMPDIR", &input.sandbox)
        .env("SIGNET_OFFLINE", "true")
        .stdout(std::fs::File::create(&out)?)
        .stderr(std::fs::File::create(&err)?)
        .spawn()
        .context("cannot start signet")?;
    let mut waited = Duration::ZERO;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if waited > PATIENCE {
            child.kill()?;
            child.wait()?;
            bail!("signet did not end within {PATIENCE:?}");
        }
        std::thread::sleep(NAP);
        waited += NAP;
    };
    Ok(Answer {
        code: status.code(),
        document: serde_json::from_slice(&std::fs::read(out)?).ok(),
        stderr: String::from_utf8_lossy(&std::fs::read(err)?).into_owned(),
        escaped: files(&input.sandbox)?,
    })
}

fn compare(answer: &Answer, expected: &Expected) -> Verdict {
    let fail = |what: String| Verdict::Failed(format!("{what}; exit {:?}: {}", answer.code, answer.stderr));
    if answer.code.is_none() || answer.stderr.contains("panicked") {
        return fail("crashed".to_owned());
    }
    if !answer.escaped.is_empty() {
        return fail(format!("left files: {:?}", answer.escaped));
    }
    let refused = answer.code == Some(1) && answer.stderr.starts_with("error: ");
    let packages =
        answer.document.as_ref().filter(|_| answer.code == Some(0)).and_then(|doc| doc["packages"].as_array());
    match (expected, packages) {
        (Expected::Refused(class), None) if refused && answer.stderr.contains(class.as_str()) => Verdict::Passed,
        (Expected::Refused(class), _) => fail(format!("expected a refusal that says `{class}`")),
        (Expected::Survived, Some(_)) => Verdict::Passed,
        (Expected::Survived, None) if refused => Verdict::Passed,
        (_, None) => fail("not read".to_owned()),
        (Expected::Packages(number), Some(packages)) => Verdict::equal(&packages.len(), number),
        (Expected::Lists(lists), Some(packages)) => {
            let of = |package: &Value| {
                [&package["name"], &package["version"], &package["arch"], &package["source"]["name"]]
                    .map(|value| value.as_str().unwrap_or_default().to_owned())
                    .to_vec()
            };
            let found: BTreeSet<Vec<String>> = packages.iter().map(of).collect();
            for (names, list) in lists {
                let strip = |rows: &BTreeSet<Vec<String>>| -> BTreeSet<Vec<String>> {
                    let keep = |(at, cell): (usize, &String)| (at != 1 || !names).then(|| cell.clone());
                    rows.iter().map(|row| row.iter().enumerate().filter_map(keep).collect()).collect()
                };
                let (list, found) = (strip(list), strip(&found));
                if list != found {
                    let missing: Vec<_> = list.difference(&found).take(5).collect();
                    let extra: Vec<_> = found.difference(&list).take(5).collect();
                    return Verdict::Failed(format!("missing {missing:?}\nextra {extra:?}"));
                }
            }
            Verdict::Passed
        }
    }
}
