//! `signet demo`: one image from its bytes to a verdict, on this machine, without a network, under a fixed clock, with nothing left behind.
//!
//! Everything runs through the code that `signet scan` runs. Every claim is asserted: the first that does not hold ends the demonstration with
//! an error that names it.

mod cluster;
mod image;
mod seal;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anstyle::{AnsiColor, Style};
use anyhow::{Context as _, Result, ensure};
use signet_advisories::MatchOptions;
use signet_model::{Decision, Digest, Finding, Package, Timestamp, Verdict};
use signet_policy::trust_policy::facts;
use signet_trust::seal::Predicate;
use signet_trust::{Check, Outcome, Signed};

use self::cluster::{Cluster, Known, Said};
use self::seal::{Notary, SIGNER};
use crate::args::{DemoArgs, SourceArgs};
use crate::database;
use crate::exit::Exit;
use crate::gate;
use crate::output;
use crate::report::{Format, Look, Report, fixed_in};
use crate::scan;
use crate::settings::Settings;
use crate::source;
use crate::verify::judge::SIGNED;

/// The clock of the demonstration: a day after the sample's feeds. 2026-01-16T00:00:00Z.
const NOW: i64 = 1_768_521_600;

const POLICY: &str = "builtin:recommended";

/// Characters of a reason, so that a line fits a narrow terminal.
const WIDTH: usize = 88;

/// Runs it. A claim that does not hold is an error.
pub(crate) fn command(args: &DemoArgs, settings: &Settings) -> Result<Exit> {
    let temporary;
    let folder: &Path = match &args.keep {
        Some(folder) => {
            std::fs::create_dir_all(folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
            folder
        }
        None => {
            temporary = tempfile::tempdir().context("cannot make a temporary directory")?;
            temporary.path()
        }
    };
    let now = Timestamp::from_second(NOW).context("the demo's clock is wrong")?;
    let settings = Settings {
        cache: folder.join("cache"),
        // What is blocked on this machine is no part of the story.
        store: crate::settings::Store::default(),
        offline: true,
        progress: false,
        now,
        fixed_time: Some(now),
        ..settings.clone()
    };
    let mut story = Story { look: settings.look, step: 0, claims: 0, folder, settings: &settings };
    story.tell()?;
    if args.keep.is_some() {
        story.keep()?;
    }
    Ok(Exit::Well)
}

/// What is told, to whom, and how far it got.
struct Story<'a> {
    look: Look,
    step: usize,
    claims: usize,
    folder: &'a Path,
    settings: &'a Settings,
}

impl Story<'_> {
    fn tell(&mut self) -> Result<()> {
        self.line("One image, from its bytes to a verdict. There is no network, the clock stands at")?;
        self.line("2026-01-16, and packages and advisories are made up.")?;

        self.heading("Assemble an image of three layers")?;
        let shop = image::shop();
        self.write("shop", &shop)?;
        for (place, layer) in shop.layers.iter().enumerate() {
            self.line(format!("   layer {}  {}  {}", place + 1, short(layer.digest), image::STEPS[place]))?;
        }
        let layers: Vec<Digest> = shop.layers.iter().map(|layer| layer.diff_id).collect();
        self.claim(shop == image::shop(), "built twice, the bytes are the same")?;

        self.heading("Catalogue it: every layer is read once, and its digests are verified")?;
        let report = self.scan("shop", "shop:1.0")?;
        for package in installed(&report) {
            let layer = layer_of(package, &layers).map_or("?".to_owned(), |place| place.to_string());
            self.line(format!(
                "   {:<18} {:<9} {:<4} layer {layer}  {}",
                package.name,
                package.version,
                package.kind.name(),
                package.locations.first().map(|place| place.path.as_str()).unwrap_or_default()
            ))?;
        }
        let place =
            |name: &str| installed(&report).find(|package| package.name == name).and_then(|p| layer_of(p, &layers));
        self.claim(
            report.subject.image.as_ref().and_then(|image| image.manifest_digest) == Some(shop.manifest_digest),
            "the image is named by the digest of its own bytes",
        )?;
        self.claim(
            place("sample-tls") == Some(1) && place("sample-templates") == Some(2),
            "each package is traced to the layer that brought it",
        )?;
        self.claim(
            installed(&report).all(|package| package.name != "sample-debug"),
            "sample-debug of layer 2 is gone: layer 3 removes it",
        )?;
        self.claim(report.inventory.unexamined.is_empty(), "there is nothing that could not be examined")?;

        self.heading("Match it against the advisories in the program, each match with its reason")?;
        for finding in report.active() {
            let why = &finding.why;
            self.line(format!(
                "   {:<8}  {:<18}  {:<16}  {} is {} ({})",
                finding.severity.name(),
                cve(finding),
                why.matched_name,
                why.matched_version,
                why.range,
                why.stream
            ))?;
        }
        let found = |id: &str| report.active().any(|finding| is(finding, id));
        let expected = ["CVE-2026-0001", "CVE-2026-0002", "CVE-2026-0003", "MAL-2026-0001"];
        self.claim(
            report.active().count() == expected.len() && expected.iter().all(|id| found(id)),
            "four findings, each exactly once",
        )?;
        self.claim(
            report.active().any(|finding| is(finding, "CVE-2026-0001") && finding.vulnerability.kev.is_some()),
            "CVE-2026-0001 is known to be exploited",
        )?;

        self.heading(format!("Gate it with {POLICY}, and explain the verdict"))?;
        let decision = self.judge(&report)?;
        for rule in &decision.rules {
            if let (Some(expression), "vulnerabilities.deny") = (&rule.expression, rule.rule.as_str()) {
                self.line(format!("   deny when: {expression}"))?;
            }
        }
        self.explain(&report, &decision, &layers)?;
        self.claim(decision.verdict == Verdict::Deny, "the image is denied (exit code 10)")?;
        self.claim(
            settled(&report, &decision, "CVE-2026-0001") == Some((Verdict::Deny, "vulnerabilities.deny")),
            "denied for CVE-2026-0001: critical, a fix exists, and it is exploited",
        )?;
        self.claim(
            settled(&report, &decision, "MAL-2026-0001") == Some((Verdict::Deny, "vulnerabilities.deny")),
            "denied for MAL-2026-0001: a malicious package never passes for want of a fix",
        )?;
        self.claim(
            settled(&report, &decision, "CVE-2026-0002") == Some((Verdict::Warn, "vulnerabilities.accept")),
            "CVE-2026-0002 has no fix: accepted, and reviewed every week",
        )?;

        self.heading("Change one byte of a layer")?;
        self.write("tampered", &shop)?;
        self.tamper(&shop)?;
        let refused = self.scan("tampered", "shop:1.0");
        let text = refused.as_ref().err().map(|err| format!("{err:#}")).unwrap_or_default();
        self.claim(
            refused.is_err() && text.contains("layer 2"),
            "refused: the bytes are not those that the digest names",
        )?;

        self.heading("Do what it said: upgrade two packages, remove the malicious one")?;
        self.write("shop-upgraded", &image::upgraded())?;
        let report = self.scan("shop-upgraded", "shop:1.1")?;
        let decision = self.judge(&report)?;
        self.explain(&report, &decision, &[])?;
        self.claim(decision.verdict == Verdict::Warn, "nothing is denied any more (exit code 0)")?;
        self.claim(
            report.active().count() == 1 && settled(&report, &decision, "CVE-2026-0002").is_some(),
            "what is left is the finding without a fix, still in sight",
        )?;
        let notary = Arc::new(Notary::new(self.settings.now)?);
        self.sealed(&notary, &report)?;
        self.admitted(&notary, &report)?;
        self.line(format!("\nAll {} claims hold.", self.claims))
    }

    /// Signs and attests the upgraded image, verifies both, and breaks the seal.
    fn sealed(&mut self, notary: &Notary, report: &Report) -> Result<()> {
        self.heading("Sign it and attest its SBOM, by a private Sigstore in this process")?;
        let (image, first) = (image::upgraded().manifest_digest, image::shop().manifest_digest);
        let signed = Predicate::new(SIGNED, b"{}")?;
        let signature = notary.seal(image, &signed)?;
        let sbom = report.render(Format::CycloneDxJson, Look::default())?;
        let sbom = Predicate::read("cyclonedx", &sbom, self.settings.now).context("the SBOM cannot be attested")?;
        let attestation = notary.seal(image, &sbom)?;
        let verified = notary.verify(&signature, image, SIGNER, SIGNED);
        let checks = match &verified {
            Ok(verified) => verified.report.as_slice(),
            Err(_) => &[],
        };
        self.line(format!("   {SIGNER}, vouched for by {}", notary.issuer()))?;
        for checked in checks {
            if let Outcome::Passed(what) = &checked.outcome
                && !matches!(checked.check, Check::Artifact | Check::Signature | Check::Identity)
            {
                self.line(format!("   {:<28}  {what}", checked.check.name()))?;
            }
        }
        let all = !checks.is_empty() && checks.iter().all(|checked| matches!(checked.outcome, Outcome::Passed(_)));
        self.claim(all, "the signature verifies: certificate, log, time, and no check was left out")?;
        let found = notary.verify(&attestation, image, SIGNER, "cyclonedx");
        let named = |text: &str| match found.as_ref().map(|found| &found.signed) {
            Ok(Signed::Statement(statement)) => statement.predicate().to_string().contains(text),
            _ => false,
        };
        self.claim(named("pkg:npm/sample-templates@2.4.1"), "the SBOM that is attested names sample-templates 2.4.1")?;

        self.heading("Break the seal")?;
        let refusal = |bundle: &[u8], image: Digest, who: &str, kind: &str| {
            notary.verify(bundle, image, who, kind).err().map(|err| err.check)
        };
        let broken = seal::tampered(&signature)?;
        self.claim(
            refusal(&broken, image, SIGNER, SIGNED) == Some(Check::Signature),
            "one byte of what was signed is changed: refused, the signature does not fit",
        )?;
        self.claim(
            refusal(&signature, first, SIGNER, SIGNED) == Some(Check::Artifact),
            "the signature is held to the first image: refused, it is about another one",
        )?;
        self.claim(
            refusal(&signature, image, "someone@shop.example", SIGNED) == Some(Check::Identity),
            "somebody else is asked for: refused, the certificate names another signer",
        )?;
        self.claim(
            refusal(&signature, image, SIGNER, "cyclonedx") == Some(Check::PredicateType),
            "an SBOM is asked for, a signature is there: refused, it is of another type",
        )?;
        for (name, bytes) in [
            ("shop-upgraded.sigstore.json", signature.as_slice()),
            ("shop-upgraded.sbom.sigstore.json", attestation.as_slice()),
            ("trusted_root.json", notary.trusted_root().as_bytes()),
        ] {
            let path = self.folder.join(name);
            output::replace(&path, bytes).with_context(|| format!("cannot write `{}`", path.display()))?;
        }
        Ok(())
    }

    /// Lets Pods ask a cluster's door to run the images.
    fn admitted(&mut self, notary: &Arc<Notary>, upgraded: &Report) -> Result<()> {
        self.heading("Ask a cluster to run it: one TrustPolicy and one of Kyverno's kind at the door")?;
        let (first, good) = (image::shop().manifest_digest, image::upgraded().manifest_digest);
        let unsigned = Digest::sha256(b"an image that nobody signed");
        let signed = Predicate::new(SIGNED, b"{}")?;
        let known = |seals: Vec<Vec<u8>>, report: &Report| -> Result<Known> {
            let (findings, feeds) = gate::judged(report, self.settings.now);
            let content = Digest::sha256(&report.render(Format::Json, Look::default())?);
            let (made_at, seal) = (Some(self.settings.now), None);
            let databases = report.database.iter().map(|database| database.digest).collect();
            let report = facts::Report { content, seal, made_at, feeds, databases, incomplete: None, findings };
            Ok(Known { seals, report })
        };
        let images = BTreeMap::from([
            (good, known(vec![notary.seal(good, &signed)?], upgraded)?),
            (first, known(vec![notary.seal(first, &signed)?], &self.scan("shop", "shop:1.0")?)?),
            // The good image's seal lies beside another image.
            (unsigned, known(vec![notary.seal(good, &signed)?], upgraded)?),
        ]);
        let cluster = Cluster::new(Arc::clone(notary), images, self.settings.now)?;
        cluster.tag("1.1", good);
        cluster.tag("latest", good);
        cluster.tag("1.0", first);
        cluster.tag("unsigned", unsigned);
        let name = |tag: &str| format!("{}:{tag}", cluster::REPOSITORY);

        let pinned = format!("{}@{good}", name("1.1"));
        let said = self.asks(&cluster, &name("1.1"))?;
        self.claim(
            said.image.as_ref() == Some(&pinned),
            "signed, and nothing exploited in it: it may run, and its digest is written beside the tag",
        )?;
        let said = self.asks(&cluster, &name("latest"))?;
        self.claim(
            said.image.is_none() && said.why.contains("block-latest-tag"),
            "`latest` is refused, although signed",
        )?;
        let said = self.asks(&cluster, &name("unsigned"))?;
        self.claim(
            said.image.is_none() && said.why.contains("signatures"),
            "refused: nobody signed it, and the seal that lies beside it is about another image",
        )?;
        let said = self.asks(&cluster, &name("1.0"))?;
        self.claim(
            said.image.is_none() && said.why.contains("CVE-2026-0001"),
            "refused, although signed: it has CVE-2026-0001, critical, fixable and exploited",
        )?;
        cluster.tag("1.1", unsigned);
        let said = self.asks(&cluster, &name("1.1"))?;
        self.claim(
            said.image.is_none() && said.why.contains("signatures"),
            "somebody moved the tag 1.1: what was admitted a moment ago under that name is refused",
        )?;
        let said = cluster.ask(&pinned)?;
        self.claim(said.image.as_ref() == Some(&pinned), "by its digest the good image still runs, and no other")
    }

    /// Asks to run an image, and tells the answer.
    fn asks(&self, cluster: &Cluster, image: &str) -> Result<Said> {
        let said = cluster.ask(image)?;
        self.line(format!("   {image}"))?;
        match &said.image {
            Some(image) => {
                let (name, digest) = image.split_once('@').unwrap_or((image, ""));
                self.line(format!("   {}  {name}", self.verdict(Verdict::Allow)))?;
                self.line(format!("          @{digest}"))?;
            }
            None => {
                // The first line names the Pod; each policy that refuses is a line, and its rules stand indented below.
                let reasons = said.why.lines().skip(1).filter(|line| !line.is_empty());
                for (place, line) in reasons.flat_map(|line| wrapped(line, WIDTH)).enumerate() {
                    let verdict = if place == 0 { self.verdict(Verdict::Deny) } else { "    ".to_owned() };
                    self.line(format!("   {verdict}  {line}"))?;
                }
            }
        }
        Ok(said)
    }

    /// What the policy says of each finding, which layer brought it, and what to do.
    fn explain(&self, report: &Report, decision: &Decision, layers: &[Digest]) -> Result<()> {
        for (finding, judged) in report.active().zip(&decision.findings) {
            let package = report.package(finding.package);
            let verdict = self.verdict(judged.verdict);
            self.line(format!("   {verdict}  {}  {} {}", cve(finding), package.name, package.version))?;
            if let Some(place) = layer_of(package, layers) {
                self.line(format!("         brought by layer {place}: {}", image::STEPS[place - 1]))?;
            }
            let exploited = match (&finding.vulnerability.kev, finding.vulnerability.epss) {
                (Some(kev), _) => format!(", exploited (CISA, {})", kev.date_added),
                (None, Some(epss)) => format!(", {:.1} % likely to be exploited within a month", epss.score * 100.0),
                (None, None) => String::new(),
            };
            let rule = judged.rule.as_deref().unwrap_or("no rule");
            self.line(format!("         {rule}: {}{exploited}", finding.severity.name()))?;
            let remedy = match fixed_in(finding) {
                _ if finding.malicious => format!("remove {}, and renew every secret that it could read", package.name),
                fixed if fixed.is_empty() => "look again at every review: there may be a fix by then".to_owned(),
                fixed => format!("upgrade to {fixed}"),
            };
            self.line(format!("         do: {remedy}"))?;
        }
        self.line(format!("   decision: {}", decision.verdict.name()))
    }

    /// The word, as wide as the widest.
    fn verdict(&self, verdict: Verdict) -> String {
        let colour = match verdict {
            Verdict::Allow => AnsiColor::Green,
            Verdict::Warn => AnsiColor::Yellow,
            Verdict::Deny => AnsiColor::Red,
        };
        let style = self.style(Style::new().fg_color(Some(colour.into())));
        format!("{style}{:<4}{style:#}", verdict.name())
    }

    /// Writes an OCI layout into the folder.
    fn write(&self, name: &str, image: &signet_image::build::BuiltImage) -> Result<()> {
        for (path, content) in image.oci_layout(Some("latest")) {
            let path = self.folder.join(name).join(path);
            let parent = path.parent().context("a file of a layout has a folder")?;
            std::fs::create_dir_all(parent).with_context(|| format!("cannot make `{}`", parent.display()))?;
            std::fs::write(&path, content).with_context(|| format!("cannot write `{}`", path.display()))?;
        }
        Ok(())
    }

    /// Changes a byte in the middle of the second layer's blob.
    fn tamper(&self, image: &signet_image::build::BuiltImage) -> Result<()> {
        let layer = image.layers.get(1).context("the image has three layers")?;
        let path = self.folder.join("tampered/blobs/sha256").join(layer.digest.hex());
        let mut bytes = layer.blob.clone();
        let middle = bytes.len() / 2;
        if let Some(byte) = bytes.get_mut(middle) {
            *byte ^= 1;
        }
        std::fs::write(&path, bytes).with_context(|| format!("cannot write `{}`", path.display()))
    }

    fn scan(&self, folder: &str, name: &str) -> Result<Report> {
        let args = SourceArgs {
            source: format!("oci-dir:{}", self.folder.join(folder).display()),
            platform: Some("linux/amd64".to_owned()),
            plain_http: Vec::new(),
            ca_cert: None,
            skip_dirs: Vec::new(),
            skip_files: Vec::new(),
            lazy: false,
            no_cache: true,
            allow_incomplete: false,
            insecure: false,
            login: None,
            scope: crate::pipeline::Scope::Squashed,
        };
        let mut examined = source::examine(&args, self.settings)?;
        examined.subject.name = name.to_owned();
        scan::matched(examined, &database::sample()?, MatchOptions::default(), self.settings, |_, _| Ok(Vec::new()))
    }

    fn judge(&self, report: &Report) -> Result<Decision> {
        Ok(gate::judge(&gate::policy(POLICY)?, report, self.settings.now))
    }

    /// Leaves reports beside the images, for a closer look.
    fn keep(&self) -> Result<()> {
        let mut report = self.scan("shop", "shop:1.0")?;
        report.decision = Some(self.judge(&report)?);
        let formats = [
            ("shop.json", Format::Json),
            ("shop.cdx.json", Format::CycloneDxJson),
            ("shop.spdx.json", Format::SpdxJson),
            ("shop.sarif", Format::Sarif),
        ];
        for (name, format) in formats {
            let path: PathBuf = self.folder.join(name);
            output::replace(&path, &report.render(format, Look::default())?)
                .with_context(|| format!("cannot write `{}`", path.display()))?;
        }
        let folder = self.folder.display();
        self.line(format!(
            "\nKept in `{folder}`: the images (OCI layouts), reports and seals. Under the clock of the demo:"
        ))?;
        self.line(format!(
            "  SOURCE_DATE_EPOCH={NOW} signet scan oci-dir:{folder}/shop --db {} --policy {POLICY}",
            database::SAMPLE
        ))?;
        let digest = image::upgraded().manifest_digest.hex();
        self.line(format!(
            "  signet verify-blob-attestation --trusted-root {folder}/trusted_root.json --bundle {folder}/shop-upgraded.sbom.sigstore.json \\\n    --certificate-identity {SIGNER} --certificate-oidc-issuer https://oidc.shop.example --type cyclonedx --digest {digest}"
        ))
    }

    fn heading(&mut self, text: impl std::fmt::Display) -> Result<()> {
        self.step += 1;
        let (bold, step) = (self.style(Style::new().bold()), self.step);
        self.line(format!("\n{bold}{step}. {text}{bold:#}"))
    }

    fn claim(&mut self, holds: bool, text: &str) -> Result<()> {
        ensure!(holds, "a claim of the demo does not hold in step {}: {text}", self.step);
        self.claims += 1;
        let green = self.style(Style::new().fg_color(Some(AnsiColor::Green.into())));
        self.line(format!("   {green}ok{green:#}  {text}"))
    }

    fn style(&self, style: Style) -> Style {
        if self.look.colour { style } else { Style::new() }
    }

    fn line(&self, text: impl std::fmt::Display) -> Result<()> {
        output::to_stdout(format!("{text}\n").as_bytes())
    }
}

/// A line in lines of at most so many characters, all of them indented as the first.
fn wrapped(line: &str, width: usize) -> Vec<String> {
    let indent = &line[..line.len() - line.trim_start().len()];
    let mut lines: Vec<String> = Vec::new();
    for word in line.split_whitespace() {
        match lines.last_mut() {
            Some(last) if last.chars().count() + 1 + word.chars().count() <= width => {
                last.push(' ');
                last.push_str(word);
            }
            _ => lines.push(format!("{indent}{word}")),
        }
    }
    lines
}

/// Installed packages: a lock file only declares.
fn installed(report: &Report) -> impl Iterator<Item = &Package> {
    report.inventory.packages.iter().filter(|package| {
        package.presence == signet_model::Presence::Installed && package.directness != signet_model::Directness::Root
    })
}

/// Number of the layer that brought a package, the base being 1.
fn layer_of(package: &Package, layers: &[Digest]) -> Option<usize> {
    let layer = package.locations.first()?.layer?;
    Some(layers.iter().position(|known| *known == layer)? + 1)
}

/// The id by which people know it: the CVE, where there is one.
fn cve(finding: &Finding) -> &str {
    let vulnerability = &finding.vulnerability;
    let alias = || vulnerability.aliases.iter().find(|alias| alias.starts_with("CVE-"));
    if vulnerability.id.starts_with("CVE-") { &vulnerability.id } else { alias().unwrap_or(&vulnerability.id) }
}

fn is(finding: &Finding, id: &str) -> bool {
    let vulnerability = &finding.vulnerability;
    vulnerability.id == id || vulnerability.aliases.iter().any(|alias| alias == id)
}

/// The policy's word on the finding of this id, and the rule that settled it.
fn settled<'d>(report: &Report, decision: &'d Decision, id: &str) -> Option<(Verdict, &'d str)> {
    let place = report.active().position(|finding| is(finding, id))?;
    let judged = decision.findings.get(place)?;
    Some((judged.verdict, judged.rule.as_deref()?))
}

/// A digest as people read it.
fn short(digest: Digest) -> String {
    digest.to_string().chars().take("sha256:".len() + 12).collect()
}
