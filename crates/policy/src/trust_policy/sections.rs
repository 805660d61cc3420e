//! The document, section by section.

use std::collections::BTreeMap;

use signet_model::{Algorithm, Digest, Exception, Mode};
use signet_yaml::{Limits, Node, Value};

use super::check_data::{config_environment, secret_environment};
use super::document::{
    Acceptance, Action, Approver, Authority, BaseSection, BreakGlassRule, CheckRule, Debug, DigestRule, Freshness,
    KeySource, Otherwise, Place, Provenance, Revoked, Runtime, SbomRule, Signatures, SummaryRule, TrustPolicy,
    VulnerabilitySection,
};
use super::names::ImagePattern;
use super::reader::{PolicyError, Reader};
use crate::expr::{Environment, finding_environment};

const ACTIONS: [(&str, Action); 4] =
    [("deny", Action::Deny), ("warn", Action::Warn), ("alert", Action::Alert), ("ignore", Action::Ignore)];

/// The verifier that `signet gate` is.
const GATE: &str = "https://signet.dev/gate";

const SPEC: [&str; 18] = [
    "mode",
    "images",
    "otherwise",
    "digest",
    "pullPolicy",
    "signatures",
    "summaries",
    "provenance",
    "sbom",
    "vulnerabilities",
    "secrets",
    "config",
    "base",
    "freshness",
    "revoked",
    "debug",
    "runtime",
    "breakGlass",
];

impl TrustPolicy {
    /// Reads a policy document: one document of YAML, empty ones around it ignored.
    ///
    /// Errors: all that is found, in the order of the text. Unknown fields are errors.
    pub fn parse(text: &str) -> Result<TrustPolicy, Vec<PolicyError>> {
        let limits = Limits { max_bytes: 4 << 20, max_nodes: 200_000, max_documents: 100, ..Limits::default() };
        let documents = signet_yaml::parse(text, &limits).map_err(|err| {
            vec![PolicyError { line: err.line, column: err.column, message: err.message, hint: None }]
        })?;
        let mut reader = Reader { text, problems: Vec::new() };
        let mut full = documents.iter().filter(|document| document.root.value != Value::Null);
        let policy = match (full.next(), full.next()) {
            (Some(document), None) => reader.policy(&document.root),
            (Some(_), Some(second)) => {
                reader.problem(second.root.span, "a second document stands here; a policy is one document", None);
                None
            }
            (None, _) => {
                reader.problem(
                    signet_yaml::Span { line: 1, column: 1, ..Default::default() },
                    "there is no document",
                    None,
                );
                None
            }
        };
        reader.problems.sort_by_key(|problem| (problem.line, problem.column));
        match policy {
            Some(policy) if reader.problems.is_empty() => Ok(policy),
            _ => Err(reader.problems),
        }
    }
}

impl Reader<'_> {
    fn policy(&mut self, root: &Node) -> Option<TrustPolicy> {
        let root = self.section(root, "the document", &["apiVersion", "kind", "metadata", "spec"])?;
        self.constant(root, "apiVersion", "signet.dev/v1");
        self.constant(root, "kind", "TrustPolicy");
        let metadata =
            root.get("metadata").and_then(|node| self.section(node, "metadata", &["name", "labels", "annotations"]));
        let name = metadata.and_then(|metadata| self.required(metadata, "metadata", "name"));
        if metadata.is_none() && root.get("metadata").is_none() {
            self.problem(root.span, "the document needs `metadata.name`", None);
        }
        let Some(spec) = root.get("spec") else {
            self.problem(root.span, "the document needs `spec`", None);
            return None;
        };
        let spec = self.section(spec, "spec", &SPEC)?;
        let modes = [("enforce", Mode::Enforce), ("warn", Mode::Warn), ("audit", Mode::Audit)];
        let digests = [("pin", DigestRule::Pin), ("require", DigestRule::Require), ("ignore", DigestRule::Ignore)];
        Some(TrustPolicy {
            name: name.unwrap_or_default(),
            mode: self.choice(spec, "mode", &modes).unwrap_or_default(),
            content: Digest::sha256(self.text.as_bytes()),
            places: places(spec),
            images: self.images(spec),
            otherwise: self
                .choice(spec, "otherwise", &[("deny", Otherwise::Deny), ("ignore", Otherwise::Ignore)])
                .unwrap_or_default(),
            digest: self.choice(spec, "digest", &digests),
            pull_if_not_present: self
                .choice(spec, "pullPolicy", &[("IfNotPresent", true), ("Always", false)])
                .unwrap_or(false),
            signatures: self.signatures(spec),
            summaries: self.summaries(spec),
            provenance: self.provenance(spec),
            sbom: self.sbom(spec),
            vulnerabilities: self.vulnerabilities(spec),
            secrets: self.checks(spec, "secrets", &secret_environment()),
            config: self.checks(spec, "config", &config_environment()),
            base: self.base(spec),
            freshness: self.freshness(spec),
            revoked: self.revoked(spec),
            debug: self.debug(spec),
            runtime: self.runtime(spec),
            break_glass: self.break_glass(spec),
        })
    }

    pub(super) fn constant(&mut self, root: &Node, key: &str, want: &str) {
        match root.get(key) {
            Some(node) if node.as_str() == Some(want) => {}
            Some(node) => self.problem(node.span, format!("`{key}` must be `{want}`"), None),
            None => self.problem(root.span, format!("the document needs `{key}: {want}`"), None),
        }
    }

    fn sub<'n>(&mut self, spec: &'n Node, key: &str, known: &[&str]) -> Option<&'n Node> {
        self.section(spec.get(key)?, key, known)
    }

    /// Patterns of repositories. What is no pattern is an error: it would match nothing, and say so nowhere.
    pub(super) fn patterns(&mut self, section: &Node, key: &str) -> Vec<ImagePattern> {
        let mut found = Vec::new();
        for (text, span) in self.items(section, key) {
            match ImagePattern::parse(&text) {
                Ok(pattern) => found.push(pattern),
                Err(why) => self.problem(span, format!("`{text}` is no pattern of images: {why}"), None),
            }
        }
        found
    }

    fn images(&mut self, spec: &Node) -> Vec<ImagePattern> {
        if let Some(node) = spec.get("images").filter(|node| node.as_seq().is_some_and(<[Node]>::is_empty)) {
            let hint = "leave it out to mean every image".to_owned();
            self.problem(node.span, "`images` names no image", Some(hint));
        }
        self.patterns(spec, "images")
    }

    fn signatures(&mut self, spec: &Node) -> Option<Signatures> {
        let section = self.sub(spec, "signatures", &["require", "authorities"])?;
        let require = self.number(section, "require", 1000).unwrap_or(1);
        let authorities = self.authorities(section, "authorities");
        if section.get("authorities").and_then(Node::as_seq).is_none_or(<[Node]>::is_empty) {
            self.problem(section.span, "`signatures` needs a list of `authorities`", None);
        } else if require == 0 || require as usize > authorities.len() {
            let message = format!("`require: {require}` does not go with {} authorities", authorities.len());
            self.problem(
                section.span,
                message,
                Some("ask for at least one, and for no more than there are".to_owned()),
            );
        }
        Some(Signatures { require, authorities })
    }

    /// Who may sign.
    fn authorities(&mut self, section: &Node, key: &str) -> Vec<Authority> {
        let mut authorities = Vec::new();
        for node in section.get(key).and_then(Node::as_seq).unwrap_or_default() {
            let Some(entry) = self.section(node, key, &["keyless", "key"]) else { continue };
            authorities.extend(self.authority(entry));
        }
        authorities
    }

    fn authority(&mut self, entry: &Node) -> Option<Authority> {
        match (entry.get("keyless"), entry.get("key")) {
            (Some(node), None) => {
                let keyless = self.section(node, "keyless", &["issuer", "subject"])?;
                let issuer = self.required(keyless, "keyless", "issuer");
                let subject = self.required(keyless, "keyless", "subject");
                issuer.zip(subject).map(|(issuer, subject)| Authority::Keyless { issuer, subject })
            }
            (None, Some(node)) => {
                let key = self.section(node, "key", &["file", "pem"])?;
                match (self.string(key, "file"), self.string(key, "pem")) {
                    (Some(file), None) => Some(Authority::Key(KeySource::File(file))),
                    (None, Some(pem)) => Some(Authority::Key(KeySource::Pem(pem))),
                    _ => {
                        self.problem(key.span, "`key` needs either `file` or `pem`", None);
                        None
                    }
                }
            }
            _ => {
                self.problem(entry.span, "an authority is either `keyless` or `key`", None);
                None
            }
        }
    }

    /// Who may sign an override. Of a key it must be said whose it is: its holder may have an identity too, and is still one person.
    fn approvers(&mut self, section: &Node) -> Vec<Approver> {
        let mut approvers = Vec::new();
        for node in section.get("approvers").and_then(Node::as_seq).unwrap_or_default() {
            let Some(entry) = self.section(node, "approvers", &["keyless", "key", "person"]) else { continue };
            let Some(authority) = self.authority(entry) else { continue };
            let person = self.string(entry, "person");
            match (&authority, entry.get("person")) {
                (Authority::Key(_), None) => {
                    let hint = "write `person:` with the name that their certificates would have, such as an address";
                    self.problem(entry.span, "a `key` of an approver needs `person`", Some(hint.to_owned()));
                }
                (Authority::Keyless { .. }, Some(node)) => {
                    let hint = "leave it out: the identity names the person".to_owned();
                    self.problem(node.span, "`person` goes with a `key`", Some(hint));
                }
                _ => {}
            }
            approvers.push(Approver { authority, person });
        }
        approvers
    }

    fn break_glass(&mut self, spec: &Node) -> Option<BreakGlassRule> {
        let section = self.sub(spec, "breakGlass", &["require", "approvers", "maxDuration"])?;
        let require = self.number(section, "require", 100).unwrap_or(2);
        if require < 2 {
            let hint = "an override is the word of two people at least".to_owned();
            self.problem(section.span, format!("`require: {require}` is too little"), Some(hint));
        }
        let approvers = self.approvers(section);
        if approvers.is_empty() {
            self.problem(section.span, "`breakGlass` needs a list of `approvers`", None);
        }
        if section.get("maxDuration").is_none() {
            let hint = "write for example `maxDuration: 8h`".to_owned();
            self.problem(section.span, "`breakGlass` needs `maxDuration`", Some(hint));
        }
        let max_duration = self.duration(section, "maxDuration")?;
        Some(BreakGlassRule { require, approvers, max_duration })
    }

    fn summaries(&mut self, spec: &Node) -> Option<SummaryRule> {
        let section = self.sub(spec, "summaries", &["signers", "maxAge", "verifiers"])?;
        let signers = self.authorities(section, "signers");
        if signers.is_empty() {
            self.problem(section.span, "`summaries` needs a list of `signers`", None);
        }
        if section.get("maxAge").is_none() {
            let hint = "write for example `maxAge: 24h`".to_owned();
            self.problem(section.span, "`summaries` needs `maxAge`", Some(hint));
        }
        let verifiers = match section.get("verifiers") {
            None => vec![GATE.to_owned()],
            Some(node) => {
                let verifiers = self.strings(section, "verifiers");
                if verifiers.is_empty() {
                    self.problem(node.span, "`verifiers` names none", Some(format!("leave it out to mean `{GATE}`")));
                }
                verifiers
            }
        };
        let max_age = self.duration(section, "maxAge")?;
        Some(SummaryRule { signers, max_age, verifiers })
    }

    fn provenance(&mut self, spec: &Node) -> Option<Provenance> {
        let section = self.sub(spec, "provenance", &["level", "builder", "source"])?;
        Some(Provenance {
            level: self.number(section, "level", 4),
            builder: self.string(section, "builder"),
            source: self.string(section, "source"),
        })
    }

    fn sbom(&mut self, spec: &Node) -> Option<SbomRule> {
        let section = self.sub(spec, "sbom", &["require"])?;
        Some(SbomRule { require: self.bool(section, "require").unwrap_or(true) })
    }

    fn checks(&mut self, spec: &Node, key: &str, environment: &Environment) -> Option<CheckRule> {
        let section = self.sub(spec, key, &["deny", "warn"])?;
        Some(CheckRule {
            deny: self.program(section, "deny", environment),
            warn: self.program(section, "warn", environment),
        })
    }

    fn base(&mut self, spec: &Node) -> Option<BaseSection> {
        let section = self.sub(spec, "base", &["allow", "endOfLife"])?;
        Some(BaseSection {
            allow: section.get("allow").is_some().then(|| self.patterns(section, "allow")),
            end_of_life: self.choice(section, "endOfLife", &ACTIONS),
        })
    }

    fn freshness(&mut self, spec: &Node) -> Option<Freshness> {
        let section = self.sub(spec, "freshness", &["maxAge", "notOlderThanRunning"])?;
        Some(Freshness {
            max_age: self.duration(section, "maxAge"),
            not_older_than_running: self.bool(section, "notOlderThanRunning").unwrap_or(false),
        })
    }

    fn revoked(&mut self, spec: &Node) -> Option<Revoked> {
        let section = self.sub(spec, "revoked", &["digests", "keys", "identities"])?;
        let mut digests = Vec::new();
        for (text, span) in self.items(section, "digests") {
            match text.parse() {
                Ok(digest) => digests.push(digest),
                // Passed over, it would stay trusted.
                Err(_) => self.problem(
                    span,
                    format!("`{text}` is no digest"),
                    Some("write `sha256:` and 64 hex digits".to_owned()),
                ),
            }
        }
        let mut keys = Vec::new();
        for (text, span) in self.items(section, "keys") {
            let bare = text.strip_prefix("sha256:").unwrap_or(&text).to_ascii_lowercase();
            match format!("sha256:{bare}").parse::<Digest>() {
                Ok(key) if key.algorithm() == Algorithm::Sha256 => keys.push(key),
                _ => {
                    let hint = "write the SHA-256 of the public key's DER form: 64 hex digits".to_owned();
                    self.problem(span, format!("`{text}` is no fingerprint of a key"), Some(hint));
                }
            }
        }
        Some(Revoked { digests, keys, identities: self.strings(section, "identities") })
    }

    fn debug(&mut self, spec: &Node) -> Option<Debug> {
        let section = self.sub(spec, "debug", &["images", "groups"])?;
        if section.get("images").is_none() && section.get("groups").is_none() {
            self.problem(section.span, "`debug` needs `images` or `groups`", None);
        }
        Some(Debug {
            images: section.get("images").is_some().then(|| self.patterns(section, "images")),
            groups: section.get("groups").is_some().then(|| self.strings(section, "groups")),
        })
    }

    fn runtime(&mut self, spec: &Node) -> Option<Runtime> {
        let section = self.sub(spec, "runtime", &["drift", "unsealedProcess"])?;
        Some(Runtime {
            drift: self.choice(section, "drift", &ACTIONS),
            unsealed_process: self.choice(section, "unsealedProcess", &ACTIONS),
        })
    }

    fn vulnerabilities(&mut self, spec: &Node) -> Option<VulnerabilitySection> {
        let section = self.sub(spec, "vulnerabilities", &["deny", "accept", "warn", "maxAge", "exceptions"])?;
        let environment = finding_environment();
        Some(VulnerabilitySection {
            deny: self.program(section, "deny", &environment),
            accept: self.each(section, "accept", |reader, node| reader.acceptance(node, &environment)),
            warn: self.program(section, "warn", &environment),
            max_age: self.duration(section, "maxAge"),
            exceptions: self.each(section, "exceptions", Reader::exception),
        })
    }

    fn each<T>(&mut self, section: &Node, key: &str, mut read: impl FnMut(&mut Self, &Node) -> Option<T>) -> Vec<T> {
        let Some(node) = section.get(key) else { return Vec::new() };
        let Some(items) = node.as_seq() else {
            self.problem(node.span, format!("`{key}` is a list"), None);
            return Vec::new();
        };
        items.iter().filter_map(|item| read(self, item)).collect()
    }

    fn acceptance(&mut self, node: &Node, environment: &Environment) -> Option<Acceptance> {
        let node = self.section(node, "accept", &["when", "reviewEvery", "alert", "reason"])?;
        for key in ["when", "reviewEvery"] {
            if node.get(key).is_none() {
                self.problem(node.span, format!("`accept` needs `{key}`"), None);
            }
        }
        let reason = self.required(node, "accept", "reason");
        let alert = self.bool(node, "alert").unwrap_or(true);
        let (when, review_every) = (self.program(node, "when", environment), self.duration(node, "reviewEvery"));
        Some(Acceptance { when: when?, review_every: review_every?, alert, reason: reason? })
    }

    fn exception(&mut self, node: &Node) -> Option<Exception> {
        const KNOWN: [&str; 8] = ["id", "ids", "packages", "until", "reviewEvery", "reviewed", "owner", "reason"];
        let node = self.section(node, "exceptions", &KNOWN)?;
        let mut ids = self.strings(node, "ids");
        ids.extend(self.string(node, "id"));
        if ids.is_empty() {
            self.problem(node.span, "an exception needs `id` or `ids`", None);
        }
        let mut packages = Vec::new();
        for (pattern, span) in self.items(node, "packages") {
            if !pattern.starts_with("pkg:") {
                let hint = "write a package URL such as `pkg:deb/debian/zlib1g`; `*` is any text".to_owned();
                self.problem(span, format!("`{pattern}` is no pattern of package URLs"), Some(hint));
            }
            packages.push(pattern);
        }
        if node.get("packages").is_some() && packages.is_empty() {
            // An empty list would otherwise mean every package.
            self.problem(
                node.span,
                "`packages` names no package",
                Some("leave it out to mean every package".to_owned()),
            );
        }
        let (owner, reason) = (self.required(node, "exceptions", "owner"), self.required(node, "exceptions", "reason"));
        if node.get("until").is_none() {
            self.problem(node.span, "an exception needs `until`", Some("nothing is accepted for ever".to_owned()));
        }
        let until = self.instant(node, "until", true);
        let review_every = self.duration(node, "reviewEvery").map(|every| every.as_secs().unsigned_abs());
        let reviewed = self.instant(node, "reviewed", false);
        Some(Exception { ids, packages, reason: reason?, owner: owner?, until: until?, review_every, reviewed })
    }
}

/// Where the fields of `spec` and of its sections stand.
fn places(spec: &Node) -> BTreeMap<String, Place> {
    let mut found = BTreeMap::new();
    let place = |node: &Node| Place { line: node.span.line, column: node.span.column };
    for (key, value) in spec.as_map().unwrap_or_default() {
        let Some(section) = key.text() else { continue };
        found.insert(section.to_owned(), place(key));
        for (key, _) in value.as_map().unwrap_or_default() {
            if let Some(field) = key.text() {
                found.insert(format!("{section}.{field}"), place(key));
            }
        }
    }
    found
}
