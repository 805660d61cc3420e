//! The policies of files as an [`Engine`]: [`signet_policy::engine::Set`], and what it is told of the cluster.
//!
//! Labels of namespaces and roles of users stand in no review. A policy that asks for them is undecided until they are known, and never a policy
//! that does not match (CVE-2025-46342).

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};
use signet_model::Digest;
use signet_policy::engine::{
    About, Builder, Consequence, Exceptions, Judged, Known, Origin, Reason, Set, Stages, Taken,
};
use signet_policy::jmespath::Surroundings;
use signet_policy::kyverno::{Input, Need, Operation, Policy, Status};
use signet_policy::trust_policy::PolicyError;
use signet_policy::{admission, gatekeeper, images};
use signet_yaml::{Node, to_json};

use crate::engine::{Engine, Pass};
use crate::request::Request;
use crate::roles;

/// Why a document is not taken.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum LoadError {
    /// It is wrong, or of a kind that nothing here enforces: to load that would look as if it held.
    #[error("{}", lines(.0))]
    Policy(Vec<PolicyError>),
    /// A binding does not fit its policy.
    #[error("`{file}`, line {line}: {message}")]
    Binding {
        /// Where it stands.
        file: String,
        /// Counted from 1.
        line: u32,
        /// Why.
        message: String,
    },
}

fn lines(problems: &[PolicyError]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// What of the cluster a policy asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Asks {
    /// Labels of namespaces, or the namespace itself.
    namespaces: bool,
    /// Roles of users.
    roles: bool,
    /// What happens while it is not known.
    refuses: bool,
}

/// Collects documents.
#[derive(Debug, Default)]
pub struct Loader {
    builder: Builder,
    asks: BTreeMap<(&'static str, String), Asks>,
    /// Whether a binding selects by the labels of namespaces.
    bound_by_labels: bool,
    /// Whether an exception does.
    excepted_by_labels: bool,
    /// Whether a template of Gatekeeper looks at the namespace.
    templates_look: bool,
}

impl Loader {
    /// Namespaces whose exceptions count, `*` for every one; without any, none does.
    #[must_use]
    pub fn with_exceptions(mut self, namespaces: Vec<String>) -> Self {
        if !namespaces.is_empty() {
            self.builder = self.builder.with_exceptions(Exceptions::Of(namespaces));
        }
        self
    }

    /// Takes a document of a file. `false`: it is none that this is about.
    ///
    /// # Errors
    /// Everything that is wrong with it; a policy with one wrong rule is no policy.
    pub fn take(&mut self, file: &str, node: &Node) -> Result<bool, LoadError> {
        let taken = self.builder.take(file, node).map_err(LoadError::Policy)?;
        if taken == Taken::Policy {
            self.note(node);
        }
        Ok(taken != Taken::Other)
    }

    /// Takes all documents of a file's text. `false`: none of them is one that this is about.
    ///
    /// # Errors
    /// As [`Loader::take`]; the first document that is wrong.
    pub fn take_text(
        &mut self,
        file: &str,
        text: &str,
        documents: &[signet_yaml::Document],
    ) -> Result<bool, LoadError> {
        let mut taken = false;
        for (became, document) in self.builder.take_text(file, text).into_iter().zip(documents) {
            let became = became.map_err(LoadError::Policy)?;
            if became == Taken::Policy {
                self.note(&document.root);
            }
            taken |= became != Taken::Other;
        }
        Ok(taken)
    }

    /// Notes what a policy asks of the cluster.
    fn note(&mut self, node: &Node) {
        if let Some(items) = node.get("items").and_then(Node::as_seq) {
            items.iter().for_each(|item| self.note(item));
            return;
        }
        let document = to_json(node).to_string();
        let holds = |words: &[&str]| words.iter().any(|word| document.contains(word));
        let namespaces = holds(&["\"namespaceSelector\"", "namespaceObject", "namespaceLabels"]);
        let roles = holds(&["\"roles\"", "\"clusterRoles\"", "request.roles", "request.clusterRoles"]);
        let text = |key: &str| node.get(key).and_then(Node::as_str).unwrap_or_default();
        if text("kind") == "PolicyException" {
            // What an exception asks for its policies ask for: unknown labels except nothing.
            self.excepted_by_labels |= namespaces;
        } else if gatekeeper::Template::is(node) {
            self.templates_look |= holds(&["_unstable", "namespaceObject"]);
        } else if gatekeeper::Constraint::is(node) {
            let name = node.path(&["metadata", "name"]).and_then(Node::as_str).unwrap_or_default();
            let key = format!("{}/{name}", text("kind"));
            self.ask("Constraint", key, Asks { namespaces, roles: false, refuses: true });
        } else if admission::Binding::is(node) {
            self.bound_by_labels |= namespaces;
        } else if let Some(policy) = Policy::is(node).then(|| Policy::load(node).ok()).flatten() {
            let kind = if policy.namespace.is_some() { "Policy" } else { "ClusterPolicy" };
            // A change that is not made leaves an object that nobody meant.
            let refuses = policy.fails_closed && (policy.may_refuse() || policy.mutates());
            self.ask(kind, policy.key(), Asks { namespaces, roles, refuses });
        } else if let Some(policy) = admission::Policy::is(node).then(|| admission::Policy::load(node).ok()).flatten() {
            let refuses = policy.fails_closed;
            self.ask(policy.kind.as_str(), policy.key(), Asks { namespaces, roles: false, refuses });
        }
    }

    fn ask(&mut self, kind: &'static str, key: String, asks: Asks) {
        // Two of one name: what one of them asks for must be known.
        let known = self.asks.entry((kind, key)).or_default();
        *known = Asks {
            namespaces: known.namespaces || asks.namespaces,
            roles: known.roles || asks.roles,
            refuses: known.refuses || asks.refuses,
        };
    }

    /// Binds what belongs together.
    ///
    /// # Errors
    /// A binding that does not fit its policy.
    pub fn finish(mut self) -> Result<PolicySet, LoadError> {
        for ((kind, _), asks) in &mut self.asks {
            asks.namespaces |= self.templates_look && *kind == "Constraint";
        }
        if self.excepted_by_labels {
            for asks in self.asks.values_mut() {
                asks.namespaces = true;
            }
        }
        if self.bound_by_labels {
            for ((kind, _), asks) in &mut self.asks {
                asks.namespaces |= kind.ends_with("AdmissionPolicy");
            }
        }
        let set = self.builder.finish().map_err(|errors| {
            let first = errors.into_iter().next();
            let (file, line, message) =
                first.map(|(origin, message)| (origin.file.to_string(), origin.line, message)).unwrap_or_default();
            LoadError::Binding { file, line, message }
        })?;
        let asks = |(kind, key, origin): (&'static str, String, &Origin)| {
            let asks = *self.asks.get(&(kind, key.clone())).filter(|asks| asks.namespaces || asks.roles)?;
            Some(Asking { kind, key, origin: origin.clone(), asks })
        };
        let asking: Vec<Option<Asking>> = set.policies().map(asks).collect();
        let asks = asking.iter().any(Option::is_some);
        let kinds = set.policies().map(|(kind, ..)| kind).collect();
        Ok(PolicySet { set, asking, asks, kinds })
    }
}

/// All policies that were loaded.
#[derive(Debug)]
pub struct PolicySet {
    set: Set,
    /// What each policy asks for, in the order of the set.
    asking: Vec<Option<Asking>>,
    /// Whether any does.
    asks: bool,
    /// The kind of each policy, in the order of the set.
    kinds: Vec<&'static str>,
}

/// A policy that asks for something of the cluster.
#[derive(Debug)]
struct Asking {
    kind: &'static str,
    key: String,
    origin: Origin,
    asks: Asks,
}

impl PolicySet {
    /// Policies of Kubernetes that hold nowhere, because nothing binds them.
    #[must_use]
    pub fn unbound(&self) -> Vec<String> {
        self.set.not_in_force()
    }

    /// Exceptions that except nothing, because those of their namespaces do not count.
    #[must_use]
    pub fn exceptions_that_do_not_count(&self) -> &[String] {
        self.set.exceptions_that_do_not_count()
    }

    /// Whether a policy may be about such a request, whatever its names, labels and users. What is about no policy need not be asked about.
    #[must_use]
    pub fn concerns(&self, request: &Request) -> bool {
        let input = &request.input;
        let runs = runs_images(request);
        // Constraints may be about anything; what a kubelet reports of what runs, and tokens that it asks for, are not what they are written for.
        let reported = matches!(input.subresource.as_str(), "status" | "finalize" | "token");
        let of_entries = self.set.concerned(input).iter().any(|place| match self.kinds.get(*place) {
            Some(&"TrustPolicy") => runs,
            Some(&"Constraint") => !reported,
            _ => true,
        });
        let named = self.set.policies();
        let (mut all, mut by_image) = (0_usize, false);
        for (kind, ..) in named {
            all = all.saturating_add(1);
            by_image |= kind == "ClusterImagePolicy";
        }
        // Those of Connaisseur have no name, and are about images like the others.
        of_entries || (runs && (by_image || self.set.len() > all))
    }
}

/// Whether an object is stored that names images where it is known that its kind does. What is made of other kinds comes by as a Pod.
#[must_use]
pub fn runs_images(request: &Request) -> bool {
    let input = &request.input;
    may_change(input.operation)
        && matches!(input.subresource.as_str(), "" | "ephemeralcontainers")
        && images::is_known(&input.kind.group, &input.kind.kind)
}

/// The namespace of a request, as it is asked for.
fn namespace_need(name: &str) -> Need {
    Need::Objects {
        api_version: "v1".to_owned(),
        kind: "Namespace".to_owned(),
        namespace: String::new(),
        name: name.to_owned(),
        uid: String::new(),
        selector: String::new(),
    }
}

/// How a set is asked.
enum Way<'w> {
    /// About a request.
    Request(Stages, &'w dyn Fn() -> Duration),
    /// About what is there.
    Scan,
}

impl PolicySet {
    /// Judges, with what is known of the cluster.
    fn ask(
        &self,
        request: &Request,
        known: &Known,
        surroundings: &Surroundings,
        way: &Way<'_>,
    ) -> (Judged, Vec<Duration>) {
        let judge = |input: &Input| match way {
            Way::Request(stages, watch) => self.set.judge_timed(input, known, surroundings, *stages, watch),
            Way::Scan => (self.set.scan(input, known, surroundings), Vec::new()),
        };
        if !self.asks {
            return judge(&request.input);
        }
        let mut input = Cow::Borrowed(&request.input);
        let mut undecided = Vec::new();
        let (mut namespace, mut roles) = (None, None);
        let mut needs = Vec::new();
        for Asking { kind, key, origin, asks } in self.asking(request) {
            if matches!(way, Way::Scan) && !self.looks_back(kind, key) {
                continue;
            }
            let mut missing: Vec<Need> = Vec::new();
            if asks.namespaces {
                missing.extend_from_slice(namespace.get_or_insert_with(|| of_namespace(&mut input, request, known)));
            }
            if asks.roles {
                missing.extend_from_slice(roles.get_or_insert_with(|| of_roles(&mut input, known)));
            }
            let Some(first) = missing.first() else { continue };
            undecided.push(Reason {
                policy: key.clone(),
                kind,
                rule: String::new(),
                status: Status::Error,
                consequence: if asks.refuses { Consequence::Denies } else { Consequence::Warns },
                message: format!("{first} must be known and is not"),
                path: None,
                origin: origin.clone(),
            });
            needs.extend(missing);
        }
        let (mut judged, times) = judge(&input);
        judged.needs.context.extend(needs);
        judged.decision.allowed &= undecided.iter().all(|reason| reason.consequence != Consequence::Denies);
        judged.decision.reasons.extend(undecided);
        (judged, times)
    }

    fn looks_back(&self, kind: &str, key: &str) -> bool {
        self.set.abouts().iter().any(|about| about.kind == kind && about.key == key && about.background)
    }
}

fn stages(pass: Pass) -> Stages {
    match pass {
        Pass::Mutate => Stages::Mutate,
        Pass::Validate => Stages::Validate,
    }
}

impl Engine for PolicySet {
    fn judge(&self, request: &Request, pass: Pass, known: &Known, surroundings: &Surroundings) -> Judged {
        self.ask(request, known, surroundings, &Way::Request(stages(pass), &|| Duration::ZERO)).0
    }

    fn judge_timed(
        &self,
        request: &Request,
        pass: Pass,
        known: &Known,
        surroundings: &Surroundings,
        watch: &dyn Fn() -> Duration,
    ) -> (Judged, Vec<Duration>) {
        self.ask(request, known, surroundings, &Way::Request(stages(pass), watch))
    }

    fn scan(&self, request: &Request, known: &Known, surroundings: &Surroundings) -> Option<Judged> {
        self.looks_at(request).then(|| self.ask(request, known, surroundings, &Way::Scan).0)
    }

    fn looks_at(&self, request: &Request) -> bool {
        self.set.looks_at(&request.input)
    }

    fn abouts(&self) -> &[About] {
        self.set.abouts()
    }

    fn digest(&self) -> Option<Digest> {
        Some(self.set.digest())
    }

    fn policies(&self) -> usize {
        self.set.len()
    }

    fn wants(&self, request: &Request) -> BTreeSet<Need> {
        let mut wanted = BTreeSet::new();
        if !self.asks {
            return wanted;
        }
        let (mut namespace, mut roles) = (false, false);
        for Asking { asks, .. } in self.asking(request) {
            namespace |= asks.namespaces;
            roles |= asks.roles;
        }
        if namespace && !request.namespace().is_empty() {
            wanted.insert(namespace_need(request.namespace()));
        }
        if roles && request.input.user.is_some() {
            wanted.extend(roles::needs());
        }
        wanted
    }
}

impl PolicySet {
    /// Those of the policies that such a request concerns that ask for something.
    fn asking(&self, request: &Request) -> impl Iterator<Item = &Asking> {
        let places = self.set.concerned(&request.input);
        (0..places.len()).filter_map(move |index| self.asking.get(*places.get(index)?)?.as_ref())
    }
}

/// Tells policies of the namespace. What is not known of it.
fn of_namespace(input: &mut Cow<'_, Input>, request: &Request, known: &Known) -> Vec<Need> {
    let name = request.namespace();
    if name.is_empty() {
        return Vec::new();
    }
    let need = namespace_need(name);
    let Some(namespace) = known.context.get(&need).and_then(Value::as_array).and_then(|found| found.first()) else {
        return vec![need];
    };
    let labels = namespace.pointer("/metadata/labels").and_then(Value::as_object);
    let input = input.to_mut();
    input.namespace_labels = labels
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect();
    input.namespace_object = Some(namespace.clone());
    Vec::new()
}

/// Tells policies of the user's roles. What is not known of them.
fn of_roles(input: &mut Cow<'_, Input>, known: &Known) -> Vec<Need> {
    let Some(user) = input.user.clone() else { return Vec::new() };
    let needs = roles::needs();
    let lists: Vec<&Value> = needs.iter().filter_map(|need| known.context.get(need)).collect();
    if lists.len() < needs.len() {
        return needs.into_iter().filter(|need| !known.context.contains_key(need)).collect();
    }
    let user = roles::with_roles(&user, &lists);
    let input = input.to_mut();
    if let Some(request) = input.request.as_object_mut() {
        request.insert("roles".to_owned(), json!(user.roles));
        request.insert("clusterRoles".to_owned(), json!(user.cluster_roles));
    }
    input.user = Some(user);
    Vec::new()
}

/// Whether an operation may bear a patch. An API server refuses one on a deletion, and nothing is stored of a connection.
pub(crate) fn may_change(operation: Operation) -> bool {
    matches!(operation, Operation::Create | Operation::Update)
}
