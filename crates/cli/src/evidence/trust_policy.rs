//! What a `TrustPolicy` asks about an image: [`Question`] in, [`Answer`] out.
//!
//! Findings are made now: the sealed SBOM is matched, or the image is scanned, with the advisory database of this machine. Reports that others sealed are
//! not read back, so there is none to find; what no scanner of this version looks for is unknown.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use serde_json::Value;
use signet_advisories::MatchOptions;
use signet_model::{Digest, ImageRef, Timestamp};
use signet_oci_client::{Descriptor, ErrorKind, ImageManifest, ManifestBody};
use signet_policy::trust_policy::facts::{
    Answer, Build, Facts, Manifest, Origin, Question, Report, Sbom, Seal, Signer, Summary, What,
};
use signet_policy::trust_policy::{Asked, Authority, Circumstances, Decision, KeySource, TrustPolicy, judge};
use signet_trust::slsa::github::{self, Kind, WorkflowIdentity};
use signet_trust::slsa::{BuilderRefs, Expectation};
use signet_trust::{
    Artifact, CertificateIdentity, Issuer, Matcher, NameKind, PublicKey, Requirements, Signature, Signed, TrustedKey,
    Verified,
};

use super::Outside;
use super::image::MAX_PLATFORMS;
use crate::args::{DatabaseArgs, SourceArgs};
use crate::database;
use crate::gate;
use crate::scan;
use crate::settings::Settings;
use crate::source;
use crate::verify::demand::{self, Demand};
use crate::verify::discover::{Candidate, Pinned, Tags, repository_at};
use crate::verify::judge::{self as judging, Verdict, Wanted};

/// How often policies are asked again with what they asked for.
const ROUNDS: usize = 16;
/// Predicates that are SBOMs, by their names in policies.
const SBOMS: [(&str, &str); 2] = [("cyclonedx", "cyclonedx"), ("spdxjson", "spdx")];
/// Whom provenance of workflows is by; which of them built it, is then held against what it says.
const WORKFLOWS: &str = "^https://github\\.com/[^@]+@[^@]+$";

/// Answers the questions of policies, and scans where they ask for it.
pub(crate) struct Bench<'o> {
    outside: &'o Outside,
    database: &'o DatabaseArgs,
}

impl<'o> Bench<'o> {
    pub(crate) fn new(outside: &'o Outside, database: &'o DatabaseArgs) -> Bench<'o> {
        Bench { outside, database }
    }

    /// Asks all policies about an image, and fetches what they need, until nothing more is needed or can be had.
    pub(crate) fn judge(
        &self,
        policies: &[&TrustPolicy],
        asked: &Asked,
        circumstances: &Circumstances<'_>,
    ) -> Decision {
        let mut facts = Facts::new();
        let mut decision = judge(policies, asked, &facts, circumstances);
        for _ in 0..ROUNDS {
            if decision.settled {
                break;
            }
            if !self.answer_all(&decision.needs, &mut facts) {
                break;
            }
            decision = judge(policies, asked, &facts, circumstances);
        }
        decision
    }

    /// Answers what was not answered before; whether there is anything new.
    pub(super) fn answer_all(&self, questions: &BTreeSet<Question>, facts: &mut Facts) -> bool {
        let mut news = false;
        for question in questions {
            if facts.get(question).is_none() {
                let answer = self.answer(question).unwrap_or_else(|err| Answer::Unknown(format!("{err:#}")));
                facts.insert(question.clone(), answer);
                news = true;
            }
        }
        news
    }

    pub(crate) fn answer(&self, question: &Question) -> Result<Answer> {
        match question {
            Question::Digest { reference } => Ok(Answer::Digest(self.outside.registry.pin(reference)?.digest)),
            Question::Manifests { name, digest } => self.manifests(name, digest).map(Answer::Manifests),
            Question::Serves { name, digest } => self.serves(name, digest).map(Answer::Manifests),
            Question::Signatures { name, digest, authorities } => {
                let wanted = Wanted::Signature(Vec::new());
                let found = self.sealed(&pinned(name, digest)?, Tags::Signatures, &wanted, authorities)?;
                Ok(Answer::Signatures(found.into_iter().map(|(seal, ..)| seal).collect()))
            }
            Question::Summaries { name, digest, authorities } => {
                let wanted = Wanted::Attestation(Some(gate::summary::KIND.to_owned()));
                let found = self.sealed(&pinned(name, digest)?, Tags::Attestations, &wanted, authorities)?;
                let of = |(seal, verified, _): (Seal, Verified<Signature>, Candidate)| match &verified.signed {
                    Signed::Statement(statement) => Some(Summary::of(seal, statement.predicate())),
                    _ => None,
                };
                Ok(Answer::Summaries(found.into_iter().filter_map(of).collect()))
            }
            Question::Provenance { name, digest } => self.provenance(name, digest).map(Answer::Provenance),
            Question::Sboms { name, digest, authorities } => {
                self.sealed_sboms(name, digest, authorities).map(Answer::Sboms)
            }
            Question::Findings { what: What::Vulnerabilities, from: Origin::Sealed(_), .. } => {
                Ok(Answer::Vulnerabilities(Vec::new()))
            }
            Question::Findings { what: What::Vulnerabilities, from: Origin::Sbom(sbom), .. } => {
                let bytes = self.outside.sbom(sbom).ok_or_else(|| anyhow!("the SBOM {sbom} was not read"))?;
                let file = tempfile::NamedTempFile::new().context("cannot keep an SBOM for the scan")?;
                std::fs::write(file.path(), bytes).context("cannot keep an SBOM for the scan")?;
                self.scan(&format!("sbom:{}", utf8(file.path())?)).map(|report| Answer::Vulnerabilities(vec![report]))
            }
            Question::Findings { what: What::Vulnerabilities, from: Origin::Scan, name, digest } => {
                self.scan(&format!("registry:{name}@{digest}")).map(|report| Answer::Vulnerabilities(vec![report]))
            }
            Question::Findings { from: Origin::Sealed(_), .. } => Ok(Answer::Checks(Vec::new())),
            Question::Findings { what, .. } => {
                Ok(unknown(&format!("this version looks for no {} in images", what.name())))
            }
            Question::Base { .. } => Ok(unknown("what the image stands on is not proven by this command")),
            Question::Running { .. } => Ok(unknown("no cluster is looked at from here")),
        }
    }

    /// The image itself, or those of an index that a platform runs.
    fn manifests(&self, name: &str, digest: &Digest) -> Result<Vec<Manifest>> {
        let reference = pinned(name, digest)?.reference;
        let client = self.outside.registry.client();
        let top = client.manifest(&reference)?;
        let mut found = Vec::new();
        match top.body {
            ManifestBody::Image(image) => found.push((*digest, String::new(), image)),
            ManifestBody::Index(index) => {
                // Each of them costs requests, and who makes the index says how many there are.
                ensure!(
                    index.manifests.len() <= MAX_PLATFORMS,
                    "`{digest}` has {} manifests, and at most {MAX_PLATFORMS} are looked into",
                    index.manifests.len()
                );
                for entry in &index.manifests {
                    let platform = entry.platform.as_ref();
                    if platform.is_some_and(|platform| platform.os == "unknown") {
                        continue;
                    }
                    let text = platform.map(|platform| format!("{}/{}", platform.os, platform.architecture));
                    let child = client.manifest(&repository_at(&reference, None, Some(entry.digest))?)?;
                    // What lies in an index of an index would be served and not be judged.
                    let ManifestBody::Image(image) = child.body else {
                        bail!("`{}` holds an index of its own, which is not judged", entry.digest);
                    };
                    found.push((entry.digest, text.unwrap_or_default(), image));
                }
            }
        }
        found
            .into_iter()
            .map(|(digest, platform, image)| {
                let created = self.created(&reference, &image)?;
                Ok(Manifest { digest, platform, created })
            })
            .collect()
    }

    fn created(&self, image: &ImageRef, manifest: &ImageManifest) -> Result<Option<Timestamp>> {
        let config = super::image::config(&self.outside.registry, image, &manifest.config)?;
        Ok(config.get("created").and_then(Value::as_str).and_then(|text| text.parse().ok()))
    }

    /// What an index that is revoked serves, as it says itself; nothing if it does not lie in the repository.
    fn serves(&self, name: &str, digest: &Digest) -> Result<Vec<Manifest>> {
        let top = match self.outside.registry.client().manifest(&pinned(name, digest)?.reference) {
            Ok(top) => top,
            Err(err) if err.kind == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(err) => return Err(err.into()),
        };
        let ManifestBody::Index(index) = top.body else { return Ok(Vec::new()) };
        let manifest = |entry: &Descriptor| Manifest { digest: entry.digest, platform: String::new(), created: None };
        Ok(index.manifests.iter().map(manifest).collect())
    }

    /// Everything beside the image that one of these authorities sealed, with what was sealed.
    fn sealed(
        &self,
        image: &Pinned,
        tags: Tags,
        wanted: &Wanted,
        authorities: &[Authority],
    ) -> Result<Vec<(Seal, Verified<Signature>, Candidate)>> {
        let candidates = self.outside.registry.candidates(image, tags, &self.outside.settings)?;
        let mut found: Vec<(Seal, Verified<Signature>, Candidate)> = Vec::new();
        for authority in authorities {
            let demand = Demand { root: self.outside.root()?, requirements: self.requirements(authority)? };
            let artifact = Artifact::Digest(&image.digest);
            // One after the other, by reference: attestations are large, and many authorities look at the same ones.
            for candidate in &candidates {
                match judging::one(candidate, artifact, wanted, &demand, crate::settings::now()) {
                    Verdict::Verified(verified) => {
                        let seal = seal(&verified, candidate, authority)?;
                        if !found.iter().any(|(known, ..)| *known == seal) {
                            found.push((seal, *verified, candidate.clone()));
                        }
                    }
                    // What could not be read may be the signature that is looked for, or one that revokes nothing: it is not known.
                    Verdict::Refused(err) if candidate.unread => {
                        return Err(anyhow!("{}: {err}", candidate.place));
                    }
                    _ => {}
                }
            }
        }
        Ok(found)
    }

    fn requirements(&self, authority: &Authority) -> Result<Requirements> {
        let glob = |text: &str| Matcher::glob(text).map_err(|why| anyhow!("`{text}` cannot be matched: {why}"));
        Ok(match authority {
            Authority::Keyless { issuer, subject } => Requirements::keyless(vec![CertificateIdentity {
                kind: NameKind::Any,
                name: glob(subject)?,
                issuer: Issuer::Is(glob(issuer)?),
                claims: Vec::new(),
            }]),
            Authority::Key(source) => Requirements::keys(vec![TrustedKey::always(key(source)?)]),
        })
    }

    fn provenance(&self, name: &str, digest: &Digest) -> Result<Vec<Build>> {
        let image = pinned(name, digest)?;
        let name = Matcher::pattern(WORKFLOWS).map_err(|why| anyhow!(why))?;
        let identity = CertificateIdentity {
            kind: NameKind::Uri,
            name,
            issuer: Issuer::Is(Matcher::Exact(github::ISSUER.to_owned())),
            claims: Vec::new(),
        };
        let demand = Demand { root: self.outside.root()?, requirements: Requirements::keyless(vec![identity]) };
        let mut builds = Vec::new();
        let candidates = self.outside.registry.candidates(&image, Tags::Attestations, &self.outside.settings)?;
        let artifact = Artifact::Digest(&image.digest);
        for judged in judging::all(candidates, artifact, &Wanted::Attestation(None), &demand, crate::settings::now()) {
            let verified = match judged.verdict {
                Verdict::Verified(verified) => verified,
                Verdict::Refused(err) if judged.candidate.unread => {
                    return Err(anyhow!("{}: {err}", judged.candidate.place));
                }
                _ => continue,
            };
            let Signed::Statement(statement) = &verified.signed else { continue };
            if !statement.predicate_type().starts_with("https://slsa.dev/provenance/") {
                continue;
            }
            let Some(payload) = payload(&judged.candidate) else { continue };
            // A provenance that does not hold by its own words is none: another one may.
            if let Some(build) = build(&verified, &judged.candidate, &payload, &image.digest) {
                builds.push(build);
            }
        }
        Ok(builds)
    }

    fn sealed_sboms(&self, name: &str, digest: &Digest, authorities: &[Authority]) -> Result<Vec<Sbom>> {
        let image = pinned(name, digest)?;
        let mut found = Vec::new();
        for (kind, format) in SBOMS {
            let wanted = Wanted::Attestation(Some(kind.to_owned()));
            for (seal, verified, _) in self.sealed(&image, Tags::Attestations, &wanted, authorities)? {
                let Signed::Statement(statement) = &verified.signed else { continue };
                let bytes = statement.predicate().to_string().into_bytes();
                let content = Digest::sha256(&bytes);
                let made_at = ["/metadata/timestamp", "/creationInfo/created"]
                    .iter()
                    .find_map(|route| statement.predicate().pointer(route)?.as_str()?.parse().ok());
                self.outside.keep_sbom(content, bytes);
                found.push(Sbom { content, seal: Some(seal), format: format.to_owned(), made_at });
            }
        }
        Ok(found)
    }

    /// Examines a source now, and matches it with the database.
    fn scan(&self, from: &str) -> Result<Report<signet_policy::expr::FindingData>> {
        // A service lives longer than a command: the age of a database counts from now.
        let settings = &Settings {
            now: self.outside.settings.fixed_time.unwrap_or_else(crate::settings::now),
            ..self.outside.settings.clone()
        };
        let args = SourceArgs {
            source: from.to_owned(),
            platform: None,
            plain_http: self.outside.reach.plain_http.clone(),
            ca_cert: self.outside.reach.ca_cert.clone(),
            skip_dirs: Vec::new(),
            lazy: false,
            no_cache: false,
            allow_incomplete: false,
            skip_files: Vec::new(),
            insecure: false,
            login: None,
            scope: crate::pipeline::Scope::default(),
        };
        let opened = database::for_scan(self.database, settings)?;
        let mut examined = source::examine(&args, settings)?;
        let kept = database::java::place(&settings.cache);
        database::java::name_archives(&mut examined.inventory, self.database.java_db.as_deref(), &kept, settings)?;
        let report = scan::matched(examined, &opened, MatchOptions::default(), settings, |_, _| Ok(Vec::new()))?;
        let (findings, feeds) = gate::judged(&report, settings.now);
        let open = report.inventory.unexamined.len();
        ensure!(report.judged, "nothing was matched with the database");
        Ok(Report {
            content: Digest::sha256(report.render(crate::report::Format::Json, settings.look)?.as_slice()),
            seal: None,
            made_at: Some(settings.now),
            feeds,
            databases: report.database.iter().map(|database| database.digest).collect(),
            incomplete: (open > 0).then(|| format!("{open} parts of it could not be examined")),
            findings,
        })
    }
}

fn unknown(why: &str) -> Answer {
    Answer::Unknown(why.to_owned())
}

fn utf8(path: &Path) -> Result<&str> {
    path.to_str().ok_or_else(|| anyhow!("the directory of temporary files has a name that is no text"))
}

/// An image by a digest that was found before.
fn pinned(name: &str, digest: &Digest) -> Result<Pinned> {
    let named = crate::image_name::image(name)?;
    Ok(Pinned { reference: repository_at(&named, None, Some(*digest))?, digest: *digest, local: None })
}

fn key(source: &KeySource) -> Result<PublicKey> {
    let text = match source {
        KeySource::Pem(text) => text.clone(),
        KeySource::File(path) => {
            let bytes = demand::file(Path::new(path)).context("the policy's key")?;
            String::from_utf8(bytes).with_context(|| format!("`{path}` is no text"))?
        }
    };
    PublicKey::from_pem(&text).context("the policy's key is no public key")
}

fn seal(verified: &Verified<Signature>, candidate: &Candidate, authority: &Authority) -> Result<Seal> {
    let signer = match (&verified.certificate, authority) {
        (Some(certificate), _) => Signer::Keyless {
            issuer: certificate.claims().issuer.clone().unwrap_or_default(),
            subject: certificate.names().first().map(|name| name.value().to_owned()).unwrap_or_default(),
        },
        (None, Authority::Key(source)) => {
            Signer::Key { fingerprint: verified.key.fingerprint(), source: source.clone() }
        }
        (None, Authority::Keyless { .. }) => {
            return Err(anyhow!("a signature by key was taken for one by certificate"));
        }
    };
    let signed_at = verified.times.iter().min().copied();
    Ok(Seal { evidence: Digest::sha256(&candidate.bytes), signer, signed_at })
}

fn payload(candidate: &Candidate) -> Option<Vec<u8>> {
    let evidence = candidate.evidence.as_ref().ok()?;
    Some(evidence.unverified_envelope()?.payload().to_vec())
}

/// The build that a provenance shows, if its signer is the builder that it names.
fn build(verified: &Verified<Signature>, candidate: &Candidate, payload: &[u8], digest: &Digest) -> Option<Build> {
    let identity = WorkflowIdentity::of(verified).ok()?;
    let source = format!("github.com/{}", identity.repository);
    let hex = digest.hex().to_string();
    let subject = identity.subject.clone();
    let named = subject.split_once('@').map_or(subject.as_str(), |(name, _)| name);
    let expected = |builder| Expectation { source: &source, digest: &hex, builder, ..Expectation::default() };
    // A generator of the SLSA project is held to its releases; every other workflow attests under its own name.
    let found = github::verify(&identity, payload, Kind::Image, &expected(None), BuilderRefs::Releases).or_else(|_| {
        github::verify(&identity, payload, Kind::Attestation, &expected(Some(named)), BuilderRefs::Releases)
    });
    let found = found.ok()?;
    let signer = Signer::Keyless { issuer: identity.issuer.clone(), subject };
    Some(Build {
        seal: Seal {
            evidence: Digest::sha256(&candidate.bytes),
            signer,
            signed_at: verified.times.iter().min().copied(),
        },
        builder: found.builder.to_string(),
        source: found.source,
        level: Some(u32::from(found.level.number())),
    })
}
