//! Reports: one value, many formats. Every format is written from the same [`Report`], whole, before the program exits.

mod cosign_vuln;
mod github;
mod gitlab;
mod html;
pub(crate) mod json;
mod junit;
mod markdown;
mod sarif;
pub(crate) mod table;
mod views;

use signet_model::{Decision, Digest, Finding, Inventory, PackageIndex, Severity, Subject, Timestamp};

pub(crate) use markdown::cell as markdown_cell;
pub(crate) use table::{Look, printable};
pub(crate) use views::{BaseImage, Baseline, Gone, LicenceFinding, Views};

/// What reports say of the advisory database.
#[derive(Clone, Debug)]
pub(crate) struct DatabaseInfo {
    pub(crate) digest: Digest,
    /// Time of the oldest feed that states one: the age that a gate must count from.
    pub(crate) built: Option<Timestamp>,
    pub(crate) feeds: Vec<FeedInfo>,
}

/// One source of a database.
#[derive(Clone, Debug)]
pub(crate) struct FeedInfo {
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) data_time: Option<Timestamp>,
    pub(crate) licence: String,
    pub(crate) redistributable: bool,
    pub(crate) attribution: String,
    /// How far its bytes are vouched for: `signed`, `digest-pinned`, `tls-only`, `local-file`.
    pub(crate) trust: &'static str,
    /// By whom, or which digest.
    pub(crate) trust_detail: String,
}

/// Everything that a command learnt about one subject.
#[derive(Debug)]
pub(crate) struct Report {
    /// What was examined.
    pub(crate) subject: Subject,
    /// What it holds.
    pub(crate) inventory: Inventory,
    /// What is wrong with it, worst first; suppressed ones too.
    pub(crate) findings: Vec<Finding>,
    /// Whether vulnerabilities were looked for (`scan`) or only packages (`sbom`).
    pub(crate) judged: bool,
    /// The advisory database that was used.
    pub(crate) database: Option<DatabaseInfo>,
    /// What the policy says.
    pub(crate) decision: Option<Decision>,
    /// `--fail-on`: the expression, and a line for each finding at or above it.
    pub(crate) threshold: Option<(String, Vec<String>)>,
    /// Remarks for the reader: a sample database, sections of a policy that were not judged, expired ignore lines.
    pub(crate) notes: Vec<String>,
    /// When the report was made, where a time was asked for or the format demands one.
    pub(crate) created: Option<Timestamp>,
    /// The time of the run, for formats that cannot do without one.
    pub(crate) now: Timestamp,
    /// What else was asked for: base image, baseline, licences, a template.
    pub(crate) views: Views,
}

/// A format that a report can be written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each variant is its own name")]
pub(crate) enum Format {
    Table,
    Json,
    Sarif,
    CycloneDxJson,
    SpdxJson,
    SyftJson,
    CosignVuln,
    Junit,
    Markdown,
    Purls,
    Html,
    Gitlab,
    Github,
    Template,
    /// An SBOM in any other format or version.
    Sbom(signet_sbom::Target),
}

impl Format {
    /// Formats of `signet scan`.
    pub(crate) const SCAN: &[(&str, Format)] = &[
        ("table", Format::Table),
        ("json", Format::Json),
        ("sarif", Format::Sarif),
        ("cyclonedx-json", Format::CycloneDxJson),
        ("spdx-json", Format::SpdxJson),
        ("cosign-vuln", Format::CosignVuln),
        ("junit", Format::Junit),
        ("markdown", Format::Markdown),
        ("html", Format::Html),
        ("gitlab", Format::Gitlab),
        ("github", Format::Github),
        ("template", Format::Template),
    ];

    /// Formats of `signet sbom`.
    pub(crate) const SBOM: &[(&str, Format)] = &[
        ("table", Format::Table),
        ("json", Format::Json),
        ("cyclonedx-json", Format::CycloneDxJson),
        ("spdx-json", Format::SpdxJson),
        ("syft-json", Format::SyftJson),
        ("purls", Format::Purls),
        ("cyclonedx-xml", Format::Sbom(signet_sbom::Target::CycloneDxXml(6))),
        (
            "spdx-tag-value",
            Format::Sbom(signet_sbom::Target::Spdx2(
                signet_sbom::spdx::Version::V2_3,
                signet_sbom::spdx::Form::TagValue,
            )),
        ),
        (
            "spdx-yaml",
            Format::Sbom(signet_sbom::Target::Spdx2(signet_sbom::spdx::Version::V2_3, signet_sbom::spdx::Form::Yaml)),
        ),
        (
            "spdx-xml",
            Format::Sbom(signet_sbom::Target::Spdx2(signet_sbom::spdx::Version::V2_3, signet_sbom::spdx::Form::Xml)),
        ),
        ("github-json", Format::Sbom(signet_sbom::Target::GithubJson)),
    ];

    /// A format by its name in a list; formats of SBOMs also with `@VERSION` behind it.
    ///
    /// Errors: a name that is not in the list, a version in which the format is not written.
    pub(crate) fn named(name: &str, formats: &[(&str, Format)]) -> anyhow::Result<Format> {
        let (plain, version) = name.split_once('@').map_or((name, None), |(plain, version)| (plain, Some(version)));
        let known = formats.iter().find(|(known, _)| *known == plain);
        match (known, version) {
            (Some((_, format)), None) => Ok(*format),
            (Some(_), Some(_)) if signet_sbom::NAMES.contains(&plain) => Ok(Format::Sbom(name.parse()?)),
            _ => {
                let names: Vec<&str> = formats.iter().map(|(name, _)| *name).collect();
                anyhow::bail!("there is no format `{name}` here: {}", names.join(", "))
            }
        }
    }
}

impl Report {
    /// Findings that the gate sees.
    pub(crate) fn active(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.suppressed.is_none())
    }

    /// Number of active findings of each severity, worst first, zeros left out.
    pub(crate) fn counts(&self) -> Vec<(Severity, usize)> {
        Severity::ALL
            .into_iter()
            .rev()
            .map(|severity| (severity, self.active().filter(|finding| finding.severity == severity).count()))
            .filter(|(_, count)| *count > 0)
            .collect()
    }

    /// The package of a finding.
    pub(crate) fn package(&self, index: PackageIndex) -> &signet_model::Package {
        &self.inventory.packages[index.get()]
    }

    /// The digest that names the subject, where it has one: the manifest's, else the configuration's.
    pub(crate) fn digest(&self) -> Option<Digest> {
        let image = self.subject.image.as_ref()?;
        Some(image.manifest_digest.unwrap_or(image.config_digest))
    }

    /// The report in a format, as the bytes of a file.
    pub(crate) fn render(&self, format: Format, look: Look) -> anyhow::Result<Vec<u8>> {
        Ok(match format {
            Format::Table => table::render(self, look).into_bytes(),
            Format::Json => json::v1::render(self)?,
            Format::Sarif => sarif::render(self)?,
            Format::CosignVuln => cosign_vuln::render(self)?,
            Format::Junit => junit::render(self).into_bytes(),
            Format::Markdown => markdown::render(self).into_bytes(),
            Format::CycloneDxJson => self.cyclonedx(6),
            Format::Sbom(signet_sbom::Target::CycloneDxJson(minor)) => self.cyclonedx(minor),
            Format::Sbom(signet_sbom::Target::CycloneDxXml(minor)) => {
                let active: Vec<Finding> = self.active().cloned().collect();
                let findings = signet_sbom::cyclonedx::Findings { findings: &active, primary_url: &primary_url };
                let (findings, options) = (self.judged.then_some(findings), self.sbom_options());
                signet_sbom::cyclonedx::write_xml(minor, &self.subject, &self.inventory, findings, &options)
            }
            Format::Sbom(target) => signet_sbom::write(target, &self.subject, &self.inventory, &self.sbom_options()),
            Format::SpdxJson => signet_sbom::spdx::write(&self.subject, &self.inventory, &self.sbom_options()),
            Format::SyftJson => signet_sbom::syft::write(&self.subject, &self.inventory, &self.sbom_options()),
            Format::Purls => self.purls().into_bytes(),
            Format::Html => html::render(self).into_bytes(),
            Format::Gitlab => gitlab::render(self)?,
            Format::Github => github::render(self)?,
            Format::Template => self.fill_template()?,
        })
    }

    /// CycloneDX 1.`minor` in JSON, with the findings if there was a scan.
    fn cyclonedx(&self, minor: u32) -> Vec<u8> {
        let active: Vec<Finding> = self.active().cloned().collect();
        let findings = signet_sbom::cyclonedx::Findings { findings: &active, primary_url: &primary_url };
        let findings = self.judged.then_some(findings);
        signet_sbom::cyclonedx::write_json(minor, &self.subject, &self.inventory, findings, &self.sbom_options())
    }

    /// The user's template over the JSON report.
    fn fill_template(&self) -> anyhow::Result<Vec<u8>> {
        let Some(template) = &self.views.template else {
            return Err(crate::usage(anyhow::anyhow!("`--output template` needs `--template FILE`")));
        };
        let document: serde_json::Value = serde_json::from_slice(&json::v1::render(self)?)?;
        let context = crate::template::Context { now: self.now, app_version: env!("CARGO_PKG_VERSION"), env: &[] };
        Ok(template.render(&document, &context)?.into_bytes())
    }

    fn sbom_options(&self) -> signet_sbom::WriteOptions {
        signet_sbom::WriteOptions {
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            timestamp: self.created,
            ..signet_sbom::WriteOptions::default()
        }
    }

    /// One purl a line, sorted, without repeats.
    fn purls(&self) -> String {
        let distro = self.inventory.distro.as_ref();
        let purls: std::collections::BTreeSet<String> =
            self.inventory.packages.iter().filter_map(|package| Some(package.purl(distro)?.to_string())).collect();
        purls.into_iter().map(|purl| purl + "\n").collect()
    }
}

/// Versions that repair a finding, as people read them.
pub(crate) fn fixed_in(finding: &Finding) -> String {
    finding.fix.versions.join(", ")
}

/// Where a reader can learn more.
pub(crate) fn primary_url(finding: &Finding) -> Option<String> {
    let id = finding.vulnerability.id.as_str();
    if id.starts_with("CVE-") {
        return Some(format!("https://nvd.nist.gov/vuln/detail/{id}"));
    }
    if id.starts_with("GHSA-") {
        return Some(format!("https://github.com/advisories/{id}"));
    }
    if ["MAL-", "RUSTSEC-", "GO-", "PYSEC-", "OSV-"].iter().any(|prefix| id.starts_with(prefix)) {
        return Some(format!("https://osv.dev/vulnerability/{id}"));
    }
    finding.vulnerability.references.first().cloned()
}

/// `signet schema NAME`.
pub(crate) fn schema_command(name: &str) -> anyhow::Result<crate::exit::Exit> {
    match name {
        "report" => crate::output::to_stdout(json::v1::SCHEMA.as_bytes())?,
        other => return Err(crate::usage(anyhow::anyhow!("there is no schema `{other}`; there is `report`"))),
    }
    Ok(crate::exit::Exit::Well)
}
