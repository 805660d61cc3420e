//! A policy document, loaded and compiled.

use serde_json::Value as Json;
use signet_yaml::{Node, to_json};

use super::attestor::ImageRules;
use super::autogen;
use super::conditions::WebhookConditions;
use super::images;
use super::matching::MatchResources;
use super::mutate::Mutation;
use super::rule::{Expressions, Parameters, list, text};
use super::schema;
use crate::cel::{Environment, Program};
use crate::jmespath::Surroundings;
use crate::kyverno::schema::{check, problem};
use crate::kyverno::{Action, Input, Snapshot};
use crate::trust_policy::PolicyError;

/// The kinds of policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `admissionregistration.k8s.io`.
    ValidatingAdmissionPolicy,
    /// `admissionregistration.k8s.io`.
    MutatingAdmissionPolicy,
    /// `policies.kyverno.io`.
    ValidatingPolicy,
    /// The same, for one namespace.
    NamespacedValidatingPolicy,
    /// `policies.kyverno.io`.
    MutatingPolicy,
    /// The same, for one namespace.
    NamespacedMutatingPolicy,
    /// `policies.kyverno.io`.
    ImageValidatingPolicy,
    /// The same, for one namespace.
    NamespacedImageValidatingPolicy,
}

impl Kind {
    const ALL: [Kind; 8] = [
        Kind::ValidatingAdmissionPolicy,
        Kind::MutatingAdmissionPolicy,
        Kind::ValidatingPolicy,
        Kind::NamespacedValidatingPolicy,
        Kind::MutatingPolicy,
        Kind::NamespacedMutatingPolicy,
        Kind::ImageValidatingPolicy,
        Kind::NamespacedImageValidatingPolicy,
    ];

    /// As it stands in the document.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::ValidatingAdmissionPolicy => "ValidatingAdmissionPolicy",
            Kind::MutatingAdmissionPolicy => "MutatingAdmissionPolicy",
            Kind::ValidatingPolicy => "ValidatingPolicy",
            Kind::NamespacedValidatingPolicy => "NamespacedValidatingPolicy",
            Kind::MutatingPolicy => "MutatingPolicy",
            Kind::NamespacedMutatingPolicy => "NamespacedMutatingPolicy",
            Kind::ImageValidatingPolicy => "ImageValidatingPolicy",
            Kind::NamespacedImageValidatingPolicy => "NamespacedImageValidatingPolicy",
        }
    }

    pub(super) fn is_kubernetes(self) -> bool {
        matches!(self, Kind::ValidatingAdmissionPolicy | Kind::MutatingAdmissionPolicy)
    }

    /// Whether it changes what it judges.
    pub fn is_mutating(self) -> bool {
        matches!(self, Kind::MutatingAdmissionPolicy | Kind::MutatingPolicy | Kind::NamespacedMutatingPolicy)
    }

    pub(super) fn is_about_images(self) -> bool {
        matches!(self, Kind::ImageValidatingPolicy | Kind::NamespacedImageValidatingPolicy)
    }

    fn is_namespaced(self) -> bool {
        matches!(
            self,
            Kind::NamespacedValidatingPolicy | Kind::NamespacedMutatingPolicy | Kind::NamespacedImageValidatingPolicy
        )
    }

    fn of(node: &Node) -> Option<Kind> {
        let text = |key: &str| node.get(key).and_then(Node::as_str).unwrap_or_default();
        let kind = Kind::ALL.into_iter().find(|kind| kind.as_str() == text("kind"))?;
        let group = if kind.is_kubernetes() { "admissionregistration.k8s.io/" } else { "policies.kyverno.io/" };
        text("apiVersion").starts_with(group).then_some(kind)
    }
}

/// What a policy is evaluated on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Kubernetes,
    Json,
    /// Requests of a proxy: loaded, and not evaluated.
    Other,
}

/// One set of expressions with what it is about: the policy's own, or one that was made of it.
#[derive(Clone, Debug)]
pub(super) struct Definition {
    /// None matches nothing of Kubernetes.
    pub(super) matches: Option<MatchResources>,
    pub(super) expressions: Expressions,
    pub(super) mutations: Vec<Mutation>,
    /// The conditions once more, as the API server can evaluate them; none, if only Kyverno can.
    webhook: WebhookConditions,
    /// What it says of images, if it is about them.
    pub(super) images: Option<ImageRules>,
    /// Where other kinds name theirs.
    pub(super) extractors: Vec<(String, Program)>,
}

/// A policy.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Its namespace, if it is about one.
    pub namespace: Option<String>,
    /// What happens when it cannot be evaluated: `true` refuses.
    pub fails_closed: bool,
    /// Whether requests are judged by it.
    pub admission: bool,
    /// Whether background scans use it.
    pub background: bool,
    /// What was not made of it for controllers, and why.
    pub not_made: Vec<String>,
    pub(super) action: Action,
    pub(super) mode: Mode,
    pub(super) definitions: Vec<Definition>,
    pub(super) bindings: Vec<Binding>,
    param_kind: Option<Json>,
    /// Of each binding, in order.
    pub(super) parameters: Vec<Option<Parameters>>,
    /// `attestors` and `attestations` by their names, as expressions see them.
    pub(super) evidence: (Json, Json),
    /// Whether any expression may name `images`.
    pub(super) uses_images: bool,
    /// Whether it is about changing other objects than the one that is asked about.
    pub(super) changes_others: bool,
    /// Whether it holds without a binding.
    pub(super) everywhere: bool,
}

/// A binding: where a policy of Kubernetes holds, with what parameters and consequences.
#[derive(Clone, Debug)]
pub struct Binding {
    /// Its name.
    pub name: String,
    /// The policy that it is for.
    pub policy: String,
    /// Whether it is for mutating policies.
    mutating: bool,
    pub(super) matches: Option<MatchResources>,
    pub(super) action: Action,
    reference: Option<Json>,
}

fn action(names: &[&str]) -> Result<Action, String> {
    let mut found = None;
    for name in names {
        let one = match *name {
            "Deny" => Action::Enforce,
            "Audit" | "Warn" => Action::Audit,
            other => return Err(format!("`{other}` is no validation action; there are Deny, Audit and Warn")),
        };
        if found != Some(Action::Enforce) {
            found = Some(one);
        }
    }
    Ok(found.unwrap_or(Action::Enforce))
}

fn texts<'v>(of: &'v Json, key: &str) -> Vec<&'v str> {
    list(of, key).filter_map(Json::as_str).collect()
}

/// Where a message belongs that begins with `` `validations[0]` ``: the reader of expressions knows their names and not their lines.
fn place<'n>(spec: &'n Node, message: &str) -> &'n Node {
    let named =
        message.strip_prefix('`').and_then(|rest| rest.split_once("]`")).and_then(|(path, _)| path.split_once('['));
    named.and_then(|(list, index)| spec.path(&[list, index])).unwrap_or(spec)
}

impl Binding {
    /// Whether a document is a binding.
    pub fn is(node: &Node) -> bool {
        let text = |key: &str| node.get(key).and_then(Node::as_str).unwrap_or_default();
        text("apiVersion").starts_with("admissionregistration.k8s.io/")
            && matches!(text("kind"), "ValidatingAdmissionPolicyBinding" | "MutatingAdmissionPolicyBinding")
    }

    /// Reads a binding. Errors: everything that is wrong with it, with its place.
    pub fn load(node: &Node) -> Result<Binding, Vec<PolicyError>> {
        let mut problems = Vec::new();
        check(node, &schema::BINDING, "the binding", &mut problems);
        if !problems.is_empty() {
            return Err(problems);
        }
        Binding::compile(&to_json(node)).map_err(|message| vec![problem(node, message, None)])
    }

    fn compile(value: &Json) -> Result<Binding, String> {
        let spec = value.get("spec").unwrap_or(&Json::Null);
        let present = |key: &str| spec.get(key).filter(|found| !found.is_null());
        let policy = text(spec, "policyName");
        if policy.is_empty() {
            return Err("the binding names no policy in `policyName`".to_owned());
        }
        Ok(Binding {
            name: text(value.get("metadata").unwrap_or(&Json::Null), "name").to_owned(),
            policy: policy.to_owned(),
            mutating: text(value, "kind") == "MutatingAdmissionPolicyBinding",
            matches: present("matchResources").map(MatchResources::compile).transpose()?,
            action: action(&texts(spec, "validationActions"))?,
            reference: present("paramRef").cloned(),
        })
    }
}

impl Policy {
    /// Whether a document is a policy that this module reads.
    pub fn is(node: &Node) -> bool {
        Kind::of(node).is_some()
    }

    /// Reads a policy and compiles its expressions, and those that are made of them for what makes Pods.
    ///
    /// Errors: everything that is wrong with it, with its place. A policy with one wrong expression is no policy.
    pub fn load(node: &Node) -> Result<Policy, Vec<PolicyError>> {
        let one = |message: String| vec![problem(node, message, None)];
        let kind = Kind::of(node).ok_or_else(|| one("this is no policy of a known kind".to_owned()))?;
        let mut problems = Vec::new();
        check(node, &schema::POLICY, "the policy", &mut problems);
        if !problems.is_empty() {
            return Err(problems);
        }
        Policy::compile(kind, &to_json(node)).map_err(|message| {
            let spec = node.get("spec").unwrap_or(node);
            vec![problem(place(spec, &message), message, None)]
        })
    }

    fn compile(kind: Kind, value: &Json) -> Result<Policy, String> {
        let metadata = value.get("metadata").unwrap_or(&Json::Null);
        let spec = value.get("spec").unwrap_or(&Json::Null);
        let name = text(metadata, "name").to_owned();
        if name.is_empty() {
            return Err("the policy needs a name".to_owned());
        }
        let namespace = kind.is_namespaced().then(|| match text(metadata, "namespace") {
            "" => "default".to_owned(),
            namespace => namespace.to_owned(),
        });
        let fails_closed = match text(spec, "failurePolicy") {
            "Fail" | "" => true,
            "Ignore" => false,
            other => return Err(format!("`{other}` is no `failurePolicy`; there are Fail and Ignore")),
        };
        let mode = match spec.pointer("/evaluation/mode").and_then(Json::as_str) {
            None | Some("Kubernetes") => Mode::Kubernetes,
            Some("JSON") => Mode::Json,
            Some("HTTP" | "Envoy") => Mode::Other,
            Some(other) => {
                return Err(format!("`{other}` is no `evaluation.mode`; there are Kubernetes, JSON, HTTP and Envoy"));
            }
        };
        let enabled =
            |key: &str| spec.pointer(&format!("/evaluation/{key}/enabled")).and_then(Json::as_bool) != Some(false);
        let param_kind = spec.get("paramKind").filter(|found| !found.is_null()).cloned();
        let matches = spec.get("matchConstraints").filter(|found| !found.is_null());
        let matches = matches.map(MatchResources::compile).transpose()?;
        if mode == Mode::Kubernetes && matches.as_ref().is_none_or(|found| found.rules.is_empty()) {
            return Err("the policy matches nothing; it needs `matchConstraints.resourceRules`".to_owned());
        }
        if kind.is_kubernetes() && mode != Mode::Kubernetes {
            return Err("`evaluation` has no place in a policy of Kubernetes".to_owned());
        }
        let evidence = (by_name(spec, "attestors"), by_name(spec, "attestations"));
        let mut policy = Policy {
            kind,
            name,
            namespace,
            fails_closed,
            admission: enabled("admission"),
            background: enabled("background"),
            not_made: Vec::new(),
            action: action(&[texts(spec, "validationActions"), texts(spec, "validationAction")].concat())?,
            mode,
            definitions: Vec::new(),
            bindings: Vec::new(),
            param_kind,
            parameters: Vec::new(),
            evidence,
            // Asked of the text: to look for images in vain costs little, not to look for them would be wrong.
            uses_images: kind.is_about_images() || spec.to_string().contains("images"),
            changes_others: spec.get("targetMatchConstraints").is_some_and(|targets| !targets.is_null()),
            everywhere: false,
        };
        policy.fields(spec)?;
        if mode == Mode::Other {
            return Ok(policy);
        }
        let own = policy.definition(spec, matches.clone())?;
        policy.definitions.push(own);
        if let Some(matches) = matches.as_ref().filter(|_| !kind.is_kubernetes() && mode == Mode::Kubernetes) {
            for unknown in autogen::unknown_controllers(spec) {
                policy.not_made.push(format!("nothing is made for `{unknown}`, which is no resource that makes Pods"));
            }
            for (spec, matches) in autogen::made(spec, matches, kind.is_mutating()) {
                if let Some(expression) = autogen::hands_on(&spec) {
                    let hint = "write out the path, or set `autogen.podControllers.controllers` to none";
                    let message = format!(
                        "`{expression}` hands on the object as a whole, and cannot be made for controllers; {hint}"
                    );
                    if !kind.is_mutating() {
                        return Err(format!("the rule that is made for controllers: {message}"));
                    }
                    policy.not_made.push(message);
                    continue;
                }
                match policy.definition(&spec, Some(matches)) {
                    Ok(made) => policy.definitions.push(made),
                    Err(message) if kind.is_mutating() => policy.not_made.push(message),
                    Err(message) => return Err(format!("the rule that is made for controllers: {message}")),
                }
            }
        }
        Ok(policy)
    }

    /// Refuses fields of other kinds of policies: nobody would read them.
    fn fields(&self, spec: &Json) -> Result<(), String> {
        const KUBERNETES: [&str; 9] = [
            "failurePolicy",
            "paramKind",
            "matchConstraints",
            "matchConditions",
            "variables",
            "validations",
            "auditAnnotations",
            "mutations",
            "reinvocationPolicy",
        ];
        const IMAGES: [&str; 5] =
            ["matchImageReferences", "attestors", "attestations", "credentials", "validationConfigurations"];
        let strange = spec.as_object().into_iter().flatten().map(|(key, _)| key.as_str()).find(|key| match key {
            &"paramKind" => !self.kind.is_kubernetes(),
            key if IMAGES.contains(key) || *key == "images" => !self.kind.is_about_images(),
            key => self.kind.is_kubernetes() && !KUBERNETES.contains(key),
        });
        match strange {
            Some(key) => Err(format!("`{key}` has no place in a {}", self.kind.as_str())),
            None => Ok(()),
        }
    }

    /// What every expression may name.
    fn environment(&self) -> Environment {
        let names: &[&str] = match self.mode {
            Mode::Json => &["object"],
            _ => &["object", "oldObject", "request", "namespaceObject"],
        };
        let mut environment = Environment::kubernetes(names.iter().copied());
        if self.kind.is_kubernetes() {
            // There is no `authorizer`: what an API server's would answer, nobody knows here.
            if self.param_kind.is_some() {
                environment = environment.with("params");
            }
            return environment;
        }
        environment = environment.with_kyverno();
        if self.namespace.is_some() { environment.without_global() } else { environment }
    }

    fn definition(&self, spec: &Json, matches: Option<MatchResources>) -> Result<Definition, String> {
        let conditions: Vec<Json> = list(spec, "matchConditions").cloned().collect();
        let before = self.environment();
        let mut environment = before.clone();
        if !self.kind.is_kubernetes() && self.mode != Mode::Json {
            environment = environment.with("images").with("exceptions");
        }
        if self.kind.is_about_images() {
            environment = environment.with_images().with("attestors").with("attestations");
        }
        // In Kubernetes and in validating policies conditions stand before the variables; those of mutating ones may use them.
        let before = (!matches!(self.kind, Kind::MutatingPolicy | Kind::NamespacedMutatingPolicy)).then_some(&before);
        let (expressions, environment) = Expressions::compile(spec, "validations", &conditions, environment, before)?;
        let images = self.kind.is_about_images().then(|| ImageRules::compile(spec, &environment)).transpose()?;
        let extractors = images::extractors(spec, &environment.clone().without_images())?;
        let mutations = list(spec, "mutations")
            .enumerate()
            .map(|(index, mutation)| {
                Mutation::compile(mutation, &environment).map_err(|message| format!("`mutations[{index}]`: {message}"))
            })
            .collect::<Result<Vec<_>, _>>()?;
        let webhook = WebhookConditions::compile(spec.get("matchConditions")).unwrap_or_default();
        match (self.kind.is_mutating(), expressions.validations.is_empty(), mutations.is_empty()) {
            (true, _, true) => Err("the policy changes nothing; it needs `mutations`".to_owned()),
            (false, true, _) if expressions.annotations.is_empty() => {
                Err("the policy asks nothing; it needs `validations`".to_owned())
            }
            (true, false, _) => Err("`validations` have no place in a mutating policy".to_owned()),
            (false, _, false) => Err("`mutations` have no place in a validating policy".to_owned()),
            _ => Ok(Definition { matches, expressions, mutations, webhook, images, extractors }),
        }
    }

    /// Takes the bindings that are for it. Errors: one of them gives no parameters, or wrong ones.
    pub fn bind(&mut self, bindings: &[Binding]) -> Result<(), String> {
        for binding in bindings {
            let fits = self.kind.is_kubernetes() && binding.mutating == self.kind.is_mutating();
            if !fits || binding.policy != self.name {
                continue;
            }
            let parameters = match (&self.param_kind, &binding.reference) {
                (Some(kind), Some(reference)) => Some(
                    Parameters::compile(kind, reference)
                        .map_err(|message| format!("binding `{}`: {message}", binding.name))?,
                ),
                _ => None,
            };
            self.bindings.push(binding.clone());
            self.parameters.push(parameters);
        }
        Ok(())
    }

    /// Says that it holds without a binding: for files alone. In a cluster a policy of Kubernetes that nobody bound holds nowhere.
    pub fn hold_everywhere(&mut self) {
        self.everywhere = true;
    }

    /// Whether a failure may refuse a request: of Kubernetes' own, where a binding says so.
    pub fn may_refuse(&self) -> bool {
        match self.kind.is_kubernetes() && !self.everywhere {
            true => self.bindings.iter().any(|binding| binding.action == Action::Enforce),
            false => self.action == Action::Enforce,
        }
    }

    /// Whether a binding puts it in force; policies of Kyverno need none.
    pub fn is_bound(&self) -> bool {
        !self.kind.is_kubernetes() || !self.bindings.is_empty()
    }

    /// Whether it may be about a request of this kind, subresource and operation, whatever its names and labels.
    pub(crate) fn may_concern(&self, input: &Input) -> bool {
        self.mode != Mode::Json
            && self.definitions.iter().any(|made| made.matches.as_ref().is_some_and(|found| found.may_concern(input)))
    }

    /// What a failure means: the strictest of its bindings.
    pub(crate) fn action(&self) -> Action {
        if !self.kind.is_kubernetes() {
            return self.action;
        }
        let unbound = if self.everywhere { Action::Enforce } else { self.action };
        self.bindings.iter().map(|binding| binding.action).reduce(Action::stricter).unwrap_or(unbound)
    }

    /// Whether it has a webhook of its own, because the API server evaluates its conditions.
    pub fn has_conditions(&self) -> bool {
        self.definitions.first().is_some_and(|definition| !definition.webhook.is_empty())
    }

    /// Whether the policy is to be asked about a request that it is about, as far as the API server can tell.
    ///
    /// Errors: a condition cannot be evaluated, in the API server's words. Then the request is refused, unless the policy does not fail closed.
    pub fn is_asked(&self, input: &Input, surroundings: &Surroundings) -> Result<bool, String> {
        let nothing = Snapshot::new();
        // What cannot be told of a request is told when the policy is asked.
        let fits = |found: &&Definition| {
            found.matches.as_ref().is_some_and(|matches| matches.includes(input, &nothing).unwrap_or(true))
        };
        match self.definitions.iter().find(fits) {
            Some(definition) => definition.webhook.hold(input, surroundings),
            None => Ok(true),
        }
    }

    /// Whether it is about images.
    pub fn verifies_images(&self) -> bool {
        self.kind.is_about_images()
    }

    /// Whether the policy asks for parameters.
    pub(super) fn has_parameters(&self) -> bool {
        self.param_kind.is_some()
    }

    /// `name`, or `namespace/name`.
    pub fn key(&self) -> String {
        match &self.namespace {
            None => self.name.clone(),
            Some(namespace) => format!("{namespace}/{}", self.name),
        }
    }

    /// Whether it is evaluated on JSON documents, not on requests.
    pub fn is_for_json(&self) -> bool {
        self.mode == Mode::Json
    }

    /// Whether it is evaluated at all.
    pub fn is_evaluated(&self) -> bool {
        self.mode != Mode::Other
    }
}

/// Entries of a list under their names.
fn by_name(spec: &Json, key: &str) -> Json {
    let entries = list(spec, key).map(|entry| (text(entry, "name").to_owned(), entry.clone()));
    Json::Object(entries.collect())
}
