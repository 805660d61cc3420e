//! Policies and exceptions, read from documents.

use std::collections::BTreeMap;
use std::sync::Arc;

use signet_model::Digest;
use signet_yaml::{Limits, Node, to_json};

use super::about::{About, RuleKind, Sketch, Sketches};
use super::plan::Plan;
use crate::admission;
use crate::connaisseur;
use crate::gatekeeper;
use crate::image_policy::{self, TrustRoot};
use crate::kyverno::{Exception, Input, Operation, Policy};
use crate::trust_policy::{PolicyError, TrustPolicy};

/// Lists of lists: as deep as this.
const MAX_LISTS: usize = 4;

/// Where something stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    /// The name of the file, or of where it came from.
    pub file: Arc<str>,
    /// Counted from 1; 0 if there is none.
    pub line: u32,
}

/// A policy of some language.
#[derive(Clone, Debug)]
pub(super) enum Body {
    Kyverno(Box<Policy>),
    Admission(Box<admission::Policy>),
    Gatekeeper(Box<gatekeeper::Policy>),
    Trust(Box<TrustPolicy>),
}

/// A policy with its place.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) body: Body,
    pub(super) origin: Origin,
    /// Whether it asks who asks, so that nothing can be said where nobody knows that.
    pub(super) asks_user: bool,
    /// Lines of the rules, by their names.
    lines: BTreeMap<String, u32>,
    /// Whether it says anything of what is there already. Known when all documents are.
    pub(super) background: bool,
}

/// Whose exceptions count. Who may write one lifts policies, and whoever has a namespace may often write one in it (CVE-2024-48921).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Exceptions {
    /// Nobody's, as in Kyverno until exceptions are enabled.
    #[default]
    Nobodys,
    /// Those of these namespaces; `*` and `?` are wildcards. One that names no namespace lies in `default`.
    Of(Vec<String>),
}

impl Exceptions {
    fn count(&self, namespace: &str) -> bool {
        let namespace = if namespace.is_empty() { "default" } else { namespace };
        match self {
            Exceptions::Nobodys => false,
            Exceptions::Of(patterns) => patterns.iter().any(|pattern| crate::wildcard::matches(pattern, namespace)),
        }
    }
}

/// What became of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is a policy, an exception or a binding, and belongs to the set.
    Policy,
    /// It is of a kind that never decides about requests (`GeneratingPolicy`, `CleanupPolicy`, ..).
    Apart,
    /// It is something else.
    Other,
}

/// Collects documents.
#[derive(Debug, Default)]
pub struct Builder {
    entries: Vec<Entry>,
    exceptions: Vec<Exception>,
    cel_exceptions: Vec<admission::Exception>,
    bindings: Vec<(Origin, admission::Binding)>,
    templates: Vec<Arc<gatekeeper::Template>>,
    constraints: Vec<(Origin, gatekeeper::Constraint)>,
    images: Images,
    connaisseur: Vec<(Origin, connaisseur::Config)>,
    unbound: bool,
    whose: Exceptions,
    digests: String,
    sketches: Sketches,
}

/// What the Policy Controller of Sigstore would be given. Its policies are asked together, since an image that none of them names is refused.
#[derive(Debug, Default)]
pub(super) struct Images {
    pub(super) policies: Vec<image_policy::Policy>,
    pub(super) origins: Vec<Origin>,
    pub(super) settings: image_policy::Settings,
    pub(super) roots: Vec<TrustRoot>,
}

/// Policies that are ready to judge.
#[derive(Debug)]
pub struct Set {
    pub(super) entries: Vec<Entry>,
    pub(super) exceptions: Vec<Exception>,
    pub(super) cel_exceptions: Vec<admission::Exception>,
    pub(super) images: Images,
    pub(super) connaisseur: Vec<(Origin, connaisseur::Config)>,
    pub(super) unbound: bool,
    /// Exceptions that do not count, by kind and name.
    uncounted: Vec<String>,
    pub(super) plan: Plan,
    digest: Digest,
    abouts: Vec<About>,
}

/// Kinds of `kyverno.io` and `policies.kyverno.io` that act on their own time, and on no request.
const APART: [&str; 10] = [
    "GeneratingPolicy",
    "NamespacedGeneratingPolicy",
    "DeletingPolicy",
    "NamespacedDeletingPolicy",
    "CleanupPolicy",
    "ClusterCleanupPolicy",
    "GlobalContextEntry",
    "UpdateRequest",
    "PolicyReport",
    "ClusterPolicyReport",
];

/// API groups whose documents are policies, or change what policies see: one that is not known here must not be passed over.
const GROUPS: [&str; 8] = [
    "kyverno.io/",
    "policies.kyverno.io/",
    "policy.sigstore.dev/",
    "constraints.gatekeeper.sh/",
    "templates.gatekeeper.sh/",
    "mutations.gatekeeper.sh/",
    "expansion.gatekeeper.sh/",
    "signet.dev/",
];

/// API groups that set up Gatekeeper itself. Without them no more is let in: what their providers and inventories would say is missing then, and that
/// is an error of the constraint that asks for it; namespaces that they leave out are judged all the same.
const SETTINGS: [&str; 5] = [
    "config.gatekeeper.sh/",
    "syncset.gatekeeper.sh/",
    "externaldata.gatekeeper.sh/",
    "connection.gatekeeper.sh/",
    "status.gatekeeper.sh/",
];

impl Builder {
    /// How the Policy Controller is set up, before its policies are taken.
    #[must_use]
    pub fn with_image_settings(mut self, settings: image_policy::Settings) -> Builder {
        self.images.settings = settings;
        self
    }

    /// Policies of Kubernetes that no binding names are evaluated, as if one bound them everywhere. For files alone: a cluster does not.
    #[must_use]
    pub fn with_unbound(mut self) -> Builder {
        self.unbound = true;
        self
    }

    /// Whose exceptions count; nobody's, unless this says so.
    #[must_use]
    pub fn with_exceptions(mut self, whose: Exceptions) -> Builder {
        self.whose = whose;
        self
    }

    /// Takes each document of a text of YAML or JSON. Gives what became of them, in their order; one that is wrong takes nothing away from the others.
    pub fn take_text(&mut self, file: &str, text: &str) -> Vec<Result<Taken, Vec<PolicyError>>> {
        let documents = match signet_yaml::parse(text, &Limits::default()) {
            Ok(documents) => documents,
            Err(err) => {
                let problem = PolicyError { line: err.line, column: err.column, message: err.message, hint: None };
                return vec![Err(vec![problem])];
            }
        };
        let file: Arc<str> = Arc::from(file);
        let alone = documents.len() == 1;
        documents
            .iter()
            .map(|document| {
                let root = &document.root;
                let is = |key: &str, value: &str| root.get(key).and_then(Node::as_str) == Some(value);
                if !(is("kind", "TrustPolicy") && is("apiVersion", "signet.dev/v1")) {
                    return self.take_at(&file, root, 0);
                }
                let part = if alone { text.to_owned() } else { part(text, root) };
                let mut policy = TrustPolicy::parse(&part)?;
                policy.with_keys_in(
                    file.rsplit_once('/').map_or("", |(folder, _)| if folder.is_empty() { "/" } else { folder }),
                );
                let origin = Origin { file: Arc::clone(&file), line: root.span.line };
                self.count(&policy.content.to_string());
                self.sketch(&to_json(root));
                self.enter(Body::Trust(Box::new(policy)), origin, false, BTreeMap::new());
                Ok(Taken::Policy)
            })
            .collect()
    }

    /// Takes a document, or each of a list; a `TrustPolicy` is taken from its text alone ([`Builder::take_text`]). Errors: everything that is wrong with it, with its place; nothing of it was taken.
    pub fn take(&mut self, file: &str, node: &Node) -> Result<Taken, Vec<PolicyError>> {
        self.take_at(&Arc::from(file), node, 0)
    }

    fn take_at(&mut self, file: &Arc<str>, node: &Node, depth: usize) -> Result<Taken, Vec<PolicyError>> {
        let text = |key: &str| node.get(key).and_then(Node::as_str).unwrap_or_default();
        let origin = Origin { file: Arc::clone(file), line: node.span.line };
        let wrong =
            |message: String| vec![PolicyError { line: node.span.line, column: node.span.column, message, hint: None }];
        if text("kind").ends_with("List")
            && let Some(items) = node.get("items").and_then(Node::as_seq)
        {
            if depth >= MAX_LISTS {
                return Err(wrong(format!("lists lie more than {MAX_LISTS} deep")));
            }
            let mut taken = Taken::Other;
            for item in items {
                match self.take_at(file, item, depth + 1)? {
                    Taken::Policy => taken = Taken::Policy,
                    Taken::Apart if taken == Taken::Other => taken = Taken::Apart,
                    Taken::Apart | Taken::Other => {}
                }
            }
            return Ok(taken);
        }
        if Policy::is(node) {
            let policy = Policy::load(node)?;
            let asks_user = policy.selects_users_alone() || holds(node, &WHO);
            self.enter(Body::Kyverno(Box::new(policy)), origin, asks_user, rule_lines(node));
        } else if text("kind") == "PolicyException" && text("apiVersion").starts_with("kyverno.io/") {
            self.exceptions.push(Exception::load(node)?);
        } else if admission::Policy::is(node) {
            let policy = admission::Policy::load(node)?;
            self.enter(Body::Admission(Box::new(policy)), origin, holds(node, &["userInfo"]), BTreeMap::new());
        } else if admission::Binding::is(node) {
            self.bindings.push((origin, admission::Binding::load(node)?));
        } else if admission::Exception::is(node) {
            self.cel_exceptions.push(admission::Exception::load(node)?);
        } else if gatekeeper::Template::is(node) {
            self.templates.push(Arc::new(gatekeeper::Template::load(node)?));
        } else if gatekeeper::Constraint::is(node) {
            self.constraints.push((origin, gatekeeper::Constraint::load(node)?));
        } else if image_policy::Policy::is(node) {
            self.images.policies.push(image_policy::Policy::load_with(node, &self.images.settings)?);
            self.images.origins.push(origin);
        } else if connaisseur::Config::is(node) {
            self.connaisseur.push((origin, connaisseur::Config::load(node)?));
        } else if TrustRoot::is(node) {
            self.images.roots.push(TrustRoot::load(node)?);
        } else if APART.contains(&text("kind")) || SETTINGS.iter().any(|group| text("apiVersion").starts_with(group)) {
            return Ok(Taken::Apart);
        } else if GROUPS.iter().any(|group| text("apiVersion").starts_with(group)) {
            let message =
                format!("`{}` of `{}` is no kind of policy that is judged here", text("kind"), text("apiVersion"));
            return Err(wrong(message));
        } else {
            return Ok(Taken::Other);
        }
        let document = to_json(node);
        self.count(&Digest::sha256(document.to_string().as_bytes()).to_string());
        self.sketch(&document);
        Ok(Taken::Policy)
    }

    fn sketch(&mut self, document: &serde_json::Value) {
        self.sketches.extend(Sketch::of(document));
    }

    fn count(&mut self, digest: &str) {
        self.digests.push_str(digest);
        self.digests.push('\n');
    }

    fn enter(&mut self, body: Body, origin: Origin, asks_user: bool, lines: BTreeMap<String, u32>) {
        self.entries.push(Entry { body, origin, asks_user, lines, background: false });
    }

    /// Binds what belongs together. Errors: bindings that do not fit their policies, with their places; one that names a policy that is not there is
    /// none, as in a cluster.
    pub fn finish(mut self) -> Result<Set, Vec<(Origin, String)>> {
        let mut errors = Vec::new();
        for entry in &mut self.entries {
            let Body::Admission(policy) = &mut entry.body else { continue };
            if self.unbound {
                policy.hold_everywhere();
            }
            for (origin, binding) in &self.bindings {
                if let Err(message) = policy.bind(std::slice::from_ref(binding)) {
                    errors.push((origin.clone(), message));
                }
            }
        }
        for (origin, constraint) in self.constraints {
            let Some(template) = self.templates.iter().find(|template| template.kind == constraint.kind) else {
                let message = format!("there is no ConstraintTemplate for `{}`", constraint.kind);
                errors.push((origin, message));
                continue;
            };
            match gatekeeper::Policy::new(Arc::clone(template), constraint) {
                Ok(policy) => {
                    let body = Body::Gatekeeper(Box::new(policy));
                    // What its template looks at, that one knows itself.
                    let lines = BTreeMap::new();
                    self.entries.push(Entry { body, origin, asks_user: false, lines, background: false });
                }
                Err(problems) => {
                    errors.extend(problems.into_iter().map(|problem| (origin.clone(), problem.message)));
                }
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let mut abouts = Vec::new();
        for entry in &mut self.entries {
            let (kind, key) = (entry.body.kind(), entry.body.key());
            let Some(sketch) = self.sketches.get(&(kind.to_owned(), key.clone())) else { continue };
            // What hangs on who asks cannot be asked of what is there: nobody asks.
            entry.background = entry.body.looks_back() && !sketch.asks_users;
            abouts.push(sketch.about(kind, key, entry.background, entry.body.enforces(), entry.body.rules()));
        }
        let of_images = self
            .images
            .policies
            .iter()
            .map(|policy| ("ClusterImagePolicy", policy.name.clone(), policy.mode == image_policy::Mode::Enforce));
        let configs =
            self.connaisseur.iter().map(|(_, config)| ("Connaisseur", "Connaisseur".to_owned(), !config.detects_only));
        for (kind, key, enforces) in of_images.chain(configs) {
            if let Some(sketch) = self.sketches.get(&(kind.to_owned(), key.clone())) {
                abouts.push(sketch.about(kind, key, true, enforces, vec![(String::new(), RuleKind::ImageVerify)]));
            }
        }
        let mut uncounted = Vec::new();
        let whose = &self.whose;
        let mut counts = |namespace: &str, name: &str| {
            let counts = whose.count(namespace);
            if !counts {
                uncounted.push(format!("{}/{name}", if namespace.is_empty() { "default" } else { namespace }));
            }
            counts
        };
        if !self.exceptions.is_empty() || !self.cel_exceptions.is_empty() {
            self.digests.push_str(&format!("{whose:?}\n"));
        }
        self.exceptions.retain(|exception| counts(&exception.namespace, &exception.name));
        self.cel_exceptions.retain(|exception| counts(&exception.namespace, &exception.name));
        Ok(Set {
            uncounted,
            entries: self.entries,
            exceptions: self.exceptions,
            cel_exceptions: self.cel_exceptions,
            images: self.images,
            connaisseur: self.connaisseur,
            unbound: self.unbound,
            plan: Plan::default(),
            digest: Digest::sha256(self.digests.as_bytes()),
            abouts,
        })
    }
}

impl Set {
    /// How many policies there are.
    pub fn len(&self) -> usize {
        self.entries.len() + self.images.policies.len() + self.connaisseur.len()
    }

    /// Whether there is none: everything would be admitted.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Of all documents, in their order.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Which of [`Set::policies`], by their places, may be about such a request, whatever its names, labels and users.
    pub fn concerned(&self, input: &Input) -> std::sync::Arc<[usize]> {
        self.plan.of(input, &self.entries)
    }

    /// What reports and metrics say of each policy.
    pub fn abouts(&self) -> &[About] {
        &self.abouts
    }

    /// Whether a policy may say something of an object of this kind that is there already.
    pub fn looks_at(&self, input: &Input) -> bool {
        let (group, kind) = (input.kind.group.as_str(), input.kind.kind.as_str());
        let of_images = crate::images::may_name(group, kind);
        let places = self.plan.of(input, &self.entries);
        (of_images && !(self.images.policies.is_empty() && self.connaisseur.is_empty()))
            || places.iter().filter_map(|place| self.entries.get(*place)).filter(|entry| entry.background).any(
                |entry| match &entry.body {
                    Body::Gatekeeper(policy) => policy.may_concern(group, kind),
                    Body::Trust(_) => of_images,
                    // What changes objects and makes others says nothing of what is there.
                    Body::Kyverno(policy) => policy.rules().iter().any(|rule| !rule.mutates() && !rule.generates()),
                    Body::Admission(_) => true,
                },
            )
    }

    /// Policies of Kubernetes that hold nowhere, because nothing binds them.
    pub fn not_in_force(&self) -> Vec<String> {
        let unbound = |entry: &Entry| match &entry.body {
            Body::Admission(policy) if !policy.is_bound() && !self.unbound => Some(policy.key()),
            _ => None,
        };
        self.entries.iter().filter_map(unbound).collect()
    }

    /// Exceptions that except nothing, because those of their namespaces do not count: `namespace/name`.
    pub fn exceptions_that_do_not_count(&self) -> &[String] {
        &self.uncounted
    }

    /// Kind and name of each policy, with its place.
    pub fn policies(&self) -> impl Iterator<Item = (&'static str, String, &Origin)> {
        let images = self.images.policies.iter().zip(&self.images.origins);
        let images = images.map(|(policy, origin)| ("ClusterImagePolicy", policy.name.clone(), origin));
        self.entries.iter().map(|entry| (entry.body.kind(), entry.body.key(), &entry.origin)).chain(images)
    }
}

impl Entry {
    /// Where a rule stands; what was made of one stands where that does.
    pub(super) fn origin_of(&self, rule: &str) -> Origin {
        let declared = crate::kyverno::declared(rule);
        let line = self.lines.get(rule).or_else(|| self.lines.get(declared));
        Origin { file: Arc::clone(&self.origin.file), line: line.copied().unwrap_or(self.origin.line) }
    }
}

impl Body {
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Body::Kyverno(policy) if policy.namespace.is_some() => "Policy",
            Body::Kyverno(_) => "ClusterPolicy",
            Body::Admission(policy) => policy.kind.as_str(),
            Body::Gatekeeper(_) => "Constraint",
            Body::Trust(_) => "TrustPolicy",
        }
    }

    pub(super) fn key(&self) -> String {
        match self {
            Body::Kyverno(policy) => policy.key(),
            Body::Admission(policy) => policy.key(),
            Body::Gatekeeper(policy) => policy.key(),
            Body::Trust(policy) => policy.name.clone(),
        }
    }

    /// Whether it is asked of what is there already: what changes requests is not.
    fn looks_back(&self) -> bool {
        match self {
            Body::Kyverno(policy) => policy.background,
            Body::Admission(policy) => policy.background && policy.is_evaluated() && !policy.kind.is_mutating(),
            Body::Gatekeeper(_) | Body::Trust(_) => true,
        }
    }

    /// Whether it may refuse a request.
    fn enforces(&self) -> bool {
        match self {
            Body::Kyverno(policy) => policy.may_refuse(),
            Body::Admission(policy) => policy.may_refuse(),
            Body::Gatekeeper(policy) => policy.may_refuse(),
            Body::Trust(policy) => policy.mode == signet_model::Mode::Enforce,
        }
    }

    fn rules(&self) -> Vec<(String, RuleKind)> {
        match self {
            Body::Kyverno(policy) => {
                let kind = |rule: &crate::kyverno::Rule| match () {
                    () if rule.mutates() => RuleKind::Mutate,
                    () if rule.generates() => RuleKind::Generate,
                    () if rule.verifies_images() => RuleKind::ImageVerify,
                    () => RuleKind::Validate,
                };
                policy.rules().iter().map(|rule| (rule.name.clone(), kind(rule))).collect()
            }
            Body::Admission(policy) => {
                let kind = match policy.kind {
                    kind if kind.is_mutating() => RuleKind::Mutate,
                    kind if kind.as_str().ends_with("ImageValidatingPolicy") => RuleKind::ImageVerify,
                    _ => RuleKind::Validate,
                };
                vec![(policy.name.clone(), kind)]
            }
            Body::Gatekeeper(_) => vec![(String::new(), RuleKind::Validate)],
            Body::Trust(_) => vec![(String::new(), RuleKind::ImageVerify)],
        }
    }

    /// Whether it may be about a request of this kind, subresource and operation, whatever its names, labels and users.
    pub(super) fn may_concern(&self, input: &Input) -> bool {
        match self {
            Body::Kyverno(policy) => policy.may_concern(input),
            Body::Admission(policy) => policy.may_concern(input),
            Body::Gatekeeper(_) => true,
            Body::Trust(_) => matches!(input.operation, Operation::Create | Operation::Update),
        }
    }
}

/// One document of several, on the lines where it stands.
fn part(text: &str, root: &Node) -> String {
    let (first, last) = (root.span.line as usize, root.span.end_line as usize);
    let mut part = "\n".repeat(first.saturating_sub(1));
    for line in text.lines().skip(first.saturating_sub(1)).take(last.saturating_sub(first).saturating_add(1)) {
        // What ends the document, or a directive, is none of it.
        if line.starts_with("---") || line.starts_with("...") {
            break;
        }
        part.push_str(line);
        part.push('\n');
    }
    part
}

/// Variables that say who asks.
const WHO: [&str; 5] =
    ["request.userInfo", "request.roles", "request.clusterRoles", "serviceAccountName", "serviceAccountNamespace"];

/// Whether one of these words stands in a document.
fn holds(node: &Node, words: &[&str]) -> bool {
    let document = to_json(node).to_string();
    words.iter().any(|word| document.contains(word))
}

fn rule_lines(node: &Node) -> BTreeMap<String, u32> {
    let rules = node.path(&["spec", "rules"]).and_then(Node::as_seq).into_iter().flatten();
    rules.filter_map(|rule| Some((rule.get("name")?.as_str()?.to_owned(), rule.span.line))).collect()
}
