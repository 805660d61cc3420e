//! Ignore files and VEX documents that the user named.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use signet_advisories::{IgnoreFile, Remark, RemarkKind, SuppressContext, Suppressions};
use signet_model::{Finding, Inventory, Purl, Subject};

use crate::settings::Settings;
use crate::vex::Vex;

/// The ignore file that is read when none is named.
const DEFAULT_IGNORE_FILE: &str = ".trivyignore";

/// What was read.
#[derive(Debug)]
pub(crate) struct Files {
    suppressions: Suppressions,
    vex: Vex,
}

impl Files {
    /// Reads the named files; without a named ignore file, `.trivyignore` of the working directory, which is said.
    pub(crate) fn read(ignorefile: Option<&Path>, vex: Vex, settings: &Settings) -> Result<Files> {
        let mut suppressions = Suppressions::default();
        let found = match ignorefile {
            Some(path) => Some(path.to_owned()),
            None => Some(PathBuf::from(DEFAULT_IGNORE_FILE)).filter(|path| path.is_file()),
        };
        if let Some(path) = found {
            if ignorefile.is_none() {
                settings.say(format!("note: findings are ignored by `{DEFAULT_IGNORE_FILE}`"));
            }
            let name = path.display().to_string();
            let bytes = read(&path).with_context(|| format!("cannot read the ignore file `{name}`"))?;
            let text =
                String::from_utf8(bytes).with_context(|| format!("the ignore file `{name}` is no UTF-8 text"))?;
            let file = if name.ends_with(".yaml") || name.ends_with(".yml") {
                IgnoreFile::parse_yaml(&name, text.as_bytes(), &signet_yaml::Limits::default())
                    .with_context(|| format!("cannot read the ignore file `{name}`"))?
            } else {
                IgnoreFile::parse(&name, &text)
            };
            for (line, why) in &file.warnings {
                settings.warn(format!("{name}:{line}: {why}"));
            }
            suppressions.ignore_files.push(file);
        }
        Ok(Files { suppressions, vex })
    }

    /// VEX documents alone (a foreign command line's).
    pub(crate) fn vex(vex: &[PathBuf]) -> Result<Files> {
        Ok(Files { suppressions: Suppressions::default(), vex: Vex::paths(vex)? })
    }

    /// Marks what they suppress, and gives remarks: lines that are expired, stale or due.
    pub(crate) fn apply(
        &self,
        subject: &Subject,
        inventory: &Inventory,
        findings: &mut [Finding],
        settings: &Settings,
    ) -> Result<Vec<String>> {
        let artifact = artifact_purls(subject);
        let mut all = self.suppressions.clone();
        all.vex.extend(self.vex.about(subject, inventory, findings.len(), settings)?);
        let context = SuppressContext { inventory, artifact: &artifact, now: settings.now };
        let remarks = all.apply(findings, &context);
        let mut told: Vec<String> = remarks.iter().take(REMARKS).map(remark).collect();
        if remarks.len() > REMARKS {
            told.push(format!("{} more remarks on ignore files and exceptions", remarks.len() - REMARKS));
        }
        Ok(told)
    }
}

/// Largest ignore file or VEX document, in bytes. `.trivyignore` is read without being asked for, so its author may be anybody.
const MOST: u64 = 16 << 20;
/// So many remarks are told one by one.
const REMARKS: usize = 200;

pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(MOST + 1).read_to_end(&mut bytes)?;
    ensure!(bytes.len() as u64 <= MOST, "it is larger than {MOST} bytes");
    Ok(bytes)
}

/// The image itself, as VEX documents name products: `pkg:oci/NAME@DIGEST?repository_url=...`.
pub(crate) fn artifact_purls(subject: &Subject) -> Vec<Purl> {
    let Some(image) = &subject.image else { return Vec::new() };
    let digests = [image.manifest_digest, image.index_digest, Some(image.config_digest)];
    let mut purls = Vec::new();
    for reference in image.tags.iter().chain(&image.repo_digests) {
        let name = reference.repository().rsplit('/').next().unwrap_or_default();
        let repository = reference.name();
        for digest in digests.into_iter().flatten() {
            let mut qualifiers = vec![("repository_url", repository.as_str())];
            if !image.platform.architecture.is_empty() {
                qualifiers.push(("arch", image.platform.architecture.as_str()));
            }
            purls.extend(Purl::build("oci", None, name, Some(&digest.to_string()), qualifiers, None));
        }
    }
    purls.sort();
    purls.dedup();
    purls
}

fn remark(remark: &Remark) -> String {
    let place = match remark.line {
        0 => remark.source.clone(),
        line => format!("{}:{line}", remark.source),
    };
    let what = match remark.kind {
        RemarkKind::Expired => "has expired and ignores nothing any more",
        RemarkKind::Stale => "matches no finding: remove it",
        RemarkKind::ReviewDue => "is due for review",
        RemarkKind::FixAvailable => "accepts a finding that has a fix by now",
    };
    format!("{place}: `{}` {what}", remark.id)
}
