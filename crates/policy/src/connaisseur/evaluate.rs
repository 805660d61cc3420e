//! A configuration against the images of a request.
//!
//! Source: sse-secure-systems/connaisseur:internal/validator/cosignvalidator/cosign_validator.go (`ValidateImage`), .../notation/notation_validator.go.

use std::collections::{BTreeMap, BTreeSet};

use super::config::Config;
use super::rules::{Options, Rule, best};
use super::validator::{Cosign, Kind, Root, Trust};
use crate::images;
use crate::kyverno::images::Parts;
use crate::kyverno::verify_images::{
    Answer, Credentials, Demand, DemandedLog, DemandedSigner, Evidence, ImageNeed, Layout, RootRef,
};
use crate::kyverno::{Action, Input, Operation, Response, Status};

/// What a configuration says of a request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Judgement {
    /// One response for each image; its rule is the pattern.
    pub responses: Vec<Response>,
    /// What must be asked of registries before what ended in an error can be decided.
    pub images: BTreeSet<ImageNeed>,
    /// What who asks is told, though nothing is refused.
    pub warnings: Vec<String>,
    /// Where a tag stands, and the text with the digest that was verified.
    pub pinned: BTreeMap<String, String>,
}

enum Not {
    Refused(String),
    Undecided(String),
}

struct Judge<'j> {
    evidence: &'j Evidence,
    out: Judgement,
    digests: BTreeMap<String, String>,
}

impl Config {
    /// Judges a request. Nothing is fetched: what is missing is in [`Judgement::images`], and what needs it is an error.
    pub fn judge(&self, input: &Input, evidence: &Evidence) -> Judgement {
        let mut judge = Judge { evidence, out: Judgement::default(), digests: BTreeMap::new() };
        let Some(object) = input.object().filter(|_| input.operation != Operation::Delete) else { return judge.out };
        let action = if self.detects_only { Action::Audit } else { Action::Enforce };
        let respond = |out: &mut Judgement, rule: &str, status: Status, message: String, pointer: &str| {
            if self.detects_only && status != Status::Pass {
                out.warnings.push(message.clone());
            }
            let (rule, path) = (rule.to_owned(), Some(pointer.to_owned()));
            out.responses.push(Response { rule, status, message, path, action, target: None });
        };
        let named = match images::of(object, &[]) {
            Ok(named) => named,
            Err(err) => {
                respond(&mut judge.out, "", Status::Error, err.to_string(), "");
                return judge.out;
            }
        };
        for image in named {
            let pointer = image.pointer.as_str();
            let Some(parts) = image.text.ok().and_then(Parts::parse) else {
                let shown = image.text.map_or_else(|why| why.to_string(), |text| text.escape_debug().to_string());
                respond(&mut judge.out, "", Status::Error, format!("invalid image reference: {shown}"), pointer);
                continue;
            };
            let name = full_name(&parts);
            let Some(rule) = best(&self.rules, &name) else {
                respond(&mut judge.out, "", Status::Fail, format!("no matching rule for image {name}"), pointer);
                continue;
            };
            let (status, message) = match judge.rule(self, rule, &parts, pointer) {
                Ok(()) => (Status::Pass, format!("{name} is as rule `{}` demands", rule.pattern)),
                Err(Not::Refused(why)) => (Status::Fail, format!("error validating image {name}: {why}")),
                Err(Not::Undecided(why)) => (Status::Error, format!("error validating image {name}: {why}")),
            };
            respond(&mut judge.out, &rule.pattern, status, message, pointer);
        }
        judge.out
    }
}

/// `docker.io/library/nginx:1`, or by digest.
fn full_name(parts: &Parts) -> String {
    let reference = parts.reference();
    let (host, rest) = reference.split_once('/').unwrap_or(("docker.io", &reference));
    match crate::images::host::canonical(host).as_str() {
        "docker.io" | "index.docker.io" | "registry-1.docker.io" if !rest.contains('/') => {
            format!("docker.io/library/{rest}")
        }
        "docker.io" | "index.docker.io" | "registry-1.docker.io" => format!("docker.io/{rest}"),
        host => format!("{host}/{rest}"),
    }
}

/// The trust roots that a rule names.
fn roots<'r>(roots: &'r [Root], names: &[String], validator: &str) -> Result<Vec<&'r Root>, Not> {
    names
        .iter()
        .map(|name| {
            let found = roots.iter().find(|root| root.name == *name);
            found.ok_or_else(|| {
                Not::Refused(format!(
                    "error getting trust roots for validator {validator}: unable to find trust root {name}"
                ))
            })
        })
        .collect()
}

fn wanted(of: &[Root], options: &Options) -> Vec<String> {
    match options.root.as_str() {
        "" => vec!["default".to_owned()],
        "*" if options.required.is_empty() || options.threshold > options.required.len() => {
            of.iter().map(|root| root.name.clone()).collect()
        }
        "*" => options.required.clone(),
        name => vec![name.to_owned()],
    }
}

impl Judge<'_> {
    fn ask(&mut self, need: ImageNeed) -> Result<Answer, Not> {
        match self.evidence.get(&need) {
            Some(Answer::Refused(why)) => Err(Not::Refused(why.clone())),
            Some(Answer::Unknown(why)) => Err(Not::Undecided(why.clone())),
            Some(answer) => Ok(answer.clone()),
            None => {
                let why = format!("{need} is needed and was not given");
                self.out.images.insert(need);
                Err(Not::Undecided(why))
            }
        }
    }

    fn rule(&mut self, config: &Config, rule: &Rule, parts: &Parts, pointer: &str) -> Result<(), Not> {
        let Some(validator) = config.validator(&rule.validator) else {
            return Err(Not::Refused(format!("validator \"{}\" not found", rule.validator)));
        };
        match &validator.kind {
            Kind::Static { approve: true } => Ok(()),
            Kind::Static { approve: false } => Err(Not::Refused("static deny".to_owned())),
            Kind::NotaryV1 => Err(Not::Refused(format!(
                "validator {} is of type notaryv1: Docker Content Trust is not verified, since its server was shut down; sign with Cosign or Notation",
                validator.name
            ))),
            Kind::Cosign(cosign) => self.cosign(cosign, &validator.name, rule, parts, pointer),
            Kind::Notation { roots } => self.notation(roots, &validator.name, rule, parts, pointer),
        }
    }

    fn digest(&mut self, rule: &Rule, parts: &Parts, pointer: &str) -> Result<String, Not> {
        if !parts.digest.is_empty() {
            return Ok(parts.digest.clone());
        }
        let reference = parts.with_tag();
        let digest = match self.digests.get(&reference) {
            Some(known) => known.clone(),
            None => {
                let need = ImageNeed::Digest { reference: reference.clone(), credentials: Credentials::default() };
                match self.ask(need)? {
                    Answer::Digest(digest) if Parts::parse(&parts.at(&digest)).is_some() => digest,
                    _ => return Err(Not::Undecided("the answer is no digest".to_owned())),
                }
            }
        };
        self.digests.insert(reference, digest.clone());
        if rule.options.pins {
            self.out.pinned.insert(pointer.to_owned(), parts.pinned(&digest));
        }
        Ok(digest)
    }

    /// Whether one demand is met for a digest.
    fn met(&mut self, demand: Demand, digest: &str) -> Result<(), Not> {
        match self.ask(ImageNeed::Verified(Box::new(demand)))? {
            Answer::Found(found) if found.digest != digest => Err(Not::Refused("ambiguous digests".to_owned())),
            Answer::Found(found) if found.signatures.is_empty() => Err(Not::Refused("no signed digests".to_owned())),
            Answer::Found(_) => Ok(()),
            _ => Err(Not::Undecided("the answer says nothing about signatures".to_owned())),
        }
    }

    fn cosign(
        &mut self,
        cosign: &Cosign,
        validator: &str,
        rule: &Rule,
        parts: &Parts,
        pointer: &str,
    ) -> Result<(), Not> {
        let options = &rule.options;
        let names = wanted(&cosign.roots, options);
        let found = roots(&cosign.roots, &names, validator)?;
        let all = options.root == "*";
        let threshold = match (all, options.threshold) {
            (true, 0) if options.required.is_empty() => found.len(),
            (true, threshold) => threshold,
            (false, _) => 0,
        };
        let digest = self.digest(rule, parts, pointer)?;
        let (mut met, mut refused, mut undecided) = (BTreeSet::new(), Vec::new(), BTreeMap::new());
        for root in found {
            let Some(demand) = cosign.demand(root, options, parts.at(&digest)) else {
                return Err(Not::Refused(format!(
                    "trust root {} of validator {validator} is a certificate, which Cosign does not take",
                    root.name
                )));
            };
            match self.met(demand, &digest) {
                Ok(()) => {
                    met.insert(root.name.clone());
                }
                Err(Not::Refused(why)) => refused.push(why),
                Err(Not::Undecided(why)) => {
                    undecided.insert(root.name.clone(), why);
                }
            }
        }
        let open = || Not::Undecided(undecided.values().cloned().collect::<Vec<_>>().join("; "));
        let reached = met.len().saturating_add(undecided.len());
        if threshold > 0 && met.len() < threshold {
            return Err(match reached >= threshold {
                true => open(),
                false => Not::Refused(format!("validation threshold not reached ({}/{threshold})", met.len())),
            });
        }
        let missing: Vec<&str> =
            options.required.iter().filter(|name| !met.contains(*name)).map(String::as_str).collect();
        if !missing.is_empty() {
            return Err(match missing.iter().all(|name| undecided.contains_key(*name)) {
                true => open(),
                false => Not::Refused(format!("missing required signatures from [{}]", missing.join(" "))),
            });
        }
        match (met.is_empty(), undecided.is_empty()) {
            (false, _) => Ok(()),
            (true, false) => Err(open()),
            (true, true) => {
                Err(Not::Refused(if refused.is_empty() { "no signed digests".to_owned() } else { refused.join("; ") }))
            }
        }
    }

    fn notation(&mut self, of: &[Root], validator: &str, rule: &Rule, parts: &Parts, pointer: &str) -> Result<(), Not> {
        let options = &rule.options;
        let names = match options.root.as_str() {
            "" => vec!["default".to_owned()],
            "*" => of.iter().map(|root| root.name.clone()).collect(),
            name => vec![name.to_owned()],
        };
        let (mut certificates, mut timestamps) = (Vec::new(), Vec::new());
        for root in roots(of, &names, validator)? {
            let Trust::Certificate { certificate, timestamp } = &root.trust else {
                return Err(Not::Refused(format!(
                    "trust root {} of validator {validator} is no certificate",
                    root.name
                )));
            };
            certificates.push(certificate.clone());
            timestamps.extend(Some(timestamp.clone()).filter(|text| !text.is_empty()));
        }
        let digest = self.digest(rule, parts, pointer)?;
        let or = |text: &str, default: &str| if text.is_empty() { default.to_owned() } else { text.to_owned() };
        let signer = DemandedSigner::Notation {
            roots: certificates,
            timestamp_roots: timestamps,
            level: or(&options.level, "strict"),
            verify_timestamp: or(&options.timestamp, "always"),
        };
        self.met(demand(parts.at(&digest), Layout::Notary, signer, DemandedLog::Ignored), &digest)
    }
}

fn demand(reference: String, layout: Layout, signer: DemandedSigner, log: DemandedLog) -> Demand {
    Demand {
        reference,
        layout,
        signer,
        log,
        timestamp: None,
        annotations: Vec::new(),
        source: None,
        predicate_type: None,
        credentials: Credentials::default(),
    }
}

impl Cosign {
    /// What a trust root asks of an image; nothing if it is not one of Cosign's.
    fn demand(&self, root: &Root, options: &Options, reference: String) -> Option<Demand> {
        let signer = match &root.trust {
            Trust::Key(key) => DemandedSigner::Key { key: key.clone(), algorithm: "sha256".to_owned() },
            Trust::Keyless(identity) => DemandedSigner::Keyless {
                identities: vec![identity.clone()],
                authority: match self.fulcio_certificate.as_str() {
                    "" => RootRef::Default,
                    certificate => RootRef::Material(certificate.to_owned()),
                },
                ignore_certificate_log: options.certificate_log == Some(false),
                certificate_log_key: self.certificate_log_key.clone(),
            },
            Trust::Certificate { .. } => return None,
        };
        let log = match (options.log, self.rekor_key.as_str(), self.rekor.as_str()) {
            (Some(false), _, _) => DemandedLog::Ignored,
            (_, "", "") => DemandedLog::Required(RootRef::Default),
            (_, "", url) => DemandedLog::Required(RootRef::Url(url.to_owned())),
            (_, key, _) => DemandedLog::Required(RootRef::Material(key.to_owned())),
        };
        Some(demand(reference, Layout::Cosign, signer, log))
    }
}
