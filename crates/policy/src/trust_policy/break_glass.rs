//! Break-glass: a signed, expiring document of two people that lets images pass which a policy denies.
//!
//! ```yaml
//! apiVersion: signet.dev/v1
//! kind: BreakGlass
//! metadata: { name: incident-4711 }
//! spec:
//!   images: ["registry.example.com/shop/**"]    # and, or instead: digests
//!   policies: [production]                      # left out: every policy
//!   sections: [vulnerabilities, freshness]      # left out: every section but `revoked` and `debug`
//!   from: 2026-06-15T12:00:00Z
//!   until: 2026-06-15T18:00:00Z
//!   reason: "the fix for the outage carries a finding that is looked at tomorrow"
//! ```
//!
//! Its signatures are verified elsewhere and handed in. Whether they are enough says the policy (`breakGlass`): one without that section cannot be
//! overridden. Nothing overrides what is revoked or blocked.

use jiff::SignedDuration;
use signet_model::{Digest, ImageRef, Timestamp};
use signet_yaml::{Limits, Node};

use super::facts::Seal;
use super::names::ImagePattern;
use super::reader::{PolicyError, Reader};

/// Sections that an override may name.
pub(super) const SECTIONS: [&str; 9] =
    ["digest", "signatures", "provenance", "sbom", "vulnerabilities", "secrets", "config", "base", "freshness"];

/// An override with the signatures that hold over it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// What it says.
    pub document: BreakGlass,
    /// Signatures over [`BreakGlass::content`] that were verified.
    pub seals: Vec<Seal>,
}

/// What an override says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BreakGlass {
    /// Its name.
    pub name: String,
    /// SHA-256 of its text: what must have been signed.
    pub content: Digest,
    /// Images that it is about, by their repositories.
    pub images: Vec<ImagePattern>,
    /// Images that it is about, by their digests.
    pub digests: Vec<Digest>,
    /// Policies that it overrides; empty for all.
    pub policies: Vec<String>,
    /// Sections that it overrides; empty for all that can be.
    pub sections: Vec<String>,
    /// It does not hold before.
    pub from: Timestamp,
    /// It holds no more from here on.
    pub until: Timestamp,
    /// Why.
    pub reason: String,
}

impl BreakGlass {
    /// Reads an override. Errors: all that is found; unknown fields are errors.
    pub fn parse(text: &str) -> Result<BreakGlass, Vec<PolicyError>> {
        let limits = Limits { max_bytes: 1 << 20, max_nodes: 20_000, max_documents: 2, ..Limits::default() };
        let documents = signet_yaml::parse(text, &limits).map_err(|err| {
            vec![PolicyError { line: err.line, column: err.column, message: err.message, hint: None }]
        })?;
        let mut reader = Reader { text, problems: Vec::new() };
        let [document] = documents.as_slice() else {
            let message = "an override is one document".to_owned();
            return Err(vec![PolicyError { line: 1, column: 1, message, hint: None }]);
        };
        let found = reader.override_document(&document.root);
        match found {
            Some(found) if reader.problems.is_empty() => Ok(found),
            _ => Err(reader.problems),
        }
    }

    /// Whether it is about an image.
    pub(super) fn names(&self, image: &ImageRef, digest: Option<Digest>) -> bool {
        self.images.iter().any(|pattern| pattern.matches(image))
            || digest.is_some_and(|digest| self.digests.contains(&digest))
    }

    /// Why it does not hold at this time under a policy that allows so long an override.
    pub(super) fn is_over(&self, now: Timestamp, allowed: SignedDuration) -> Option<String> {
        if now < self.from {
            return Some(format!("it does not hold before {}", self.from));
        }
        if now >= self.until {
            return Some(format!("it held until {}", self.until));
        }
        let length = self.until.duration_since(self.from);
        (length > allowed).then(|| "it holds for longer than the policy allows".to_owned())
    }
}

impl Reader<'_> {
    fn override_document(&mut self, root: &Node) -> Option<BreakGlass> {
        const SPEC: [&str; 7] = ["images", "digests", "policies", "sections", "from", "until", "reason"];
        let root = self.section(root, "the document", &["apiVersion", "kind", "metadata", "spec"])?;
        self.constant(root, "apiVersion", "signet.dev/v1");
        self.constant(root, "kind", "BreakGlass");
        let (Some(metadata), Some(spec)) = (root.get("metadata"), root.get("spec")) else {
            self.problem(root.span, "an override needs `metadata` and `spec`", None);
            return None;
        };
        let metadata = self.section(metadata, "metadata", &["name", "labels", "annotations"]);
        let name = metadata.and_then(|metadata| self.required(metadata, "metadata", "name"));
        let spec = self.section(spec, "spec", &SPEC)?;
        let images = self.patterns(spec, "images");
        let mut digests = Vec::new();
        for (text, span) in self.items(spec, "digests") {
            match text.parse() {
                Ok(digest) => digests.push(digest),
                Err(_) => self.problem(span, format!("`{text}` is no digest"), None),
            }
        }
        if images.is_empty() && digests.is_empty() {
            self.problem(spec.span, "an override needs `images` or `digests`", None);
        }
        let mut sections = Vec::new();
        for (text, span) in self.items(spec, "sections") {
            if !SECTIONS.contains(&text.as_str()) {
                let hint = format!("there are: {}", SECTIONS.join(", "));
                self.problem(span, format!("`{text}` is no section that can be overridden"), Some(hint));
            }
            sections.push(text);
        }
        let policies = self.strings(spec, "policies");
        for key in ["policies", "sections"] {
            // An empty list would otherwise mean all of them.
            if let Some(node) = spec.get(key).filter(|node| node.as_seq().is_some_and(<[Node]>::is_empty)) {
                self.problem(node.span, format!("`{key}` names none"), Some("leave it out to mean all".to_owned()));
            }
        }
        for key in ["from", "until"] {
            if spec.get(key).is_none() {
                self.problem(spec.span, format!("an override needs `{key}`"), None);
            }
        }
        let reason = self.required(spec, "spec", "reason");
        let (from, until) = (self.instant(spec, "from", false), self.instant(spec, "until", true));
        let content = Digest::sha256(self.text.as_bytes());
        let (from, until) = (from?, until?);
        if until <= from {
            self.problem(spec.span, "`until` lies before `from`", None);
        }
        Some(BreakGlass { name: name?, content, images, digests, policies, sections, from, until, reason: reason? })
    }
}
