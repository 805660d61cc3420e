//! `ConstraintTemplate`: a kind of constraint, the schema of its parameters, and the policy behind it.

use serde_json::Value as Json;
use signet_yaml::{Node, to_json};

use super::schema::Schema;
use crate::admission::Native;
use crate::kyverno::schema::Shape::{self, Any, Bool, Fields, List, Text};
use crate::kyverno::schema::{TEXT_LIST, check, problem};
use crate::rego::{self, Limits, Module, Query};
use crate::trust_policy::PolicyError;

/// The only target that Gatekeeper has.
const TARGET: &str = "admission.k8s.gatekeeper.sh";
/// The rule that is asked for.
const RULE: &str = "violation";
/// Modules of one template.
const MAX_MODULES: usize = 256;

static CODE: Shape = Fields("code", &[("engine", &Text), ("source", &Any)]);
static TARGETS: Shape = Fields(
    "targets",
    &[("target", &Text), ("rego", &Text), ("libs", &TEXT_LIST), ("code", &List(&CODE)), ("operations", &TEXT_LIST)],
);
static CRD: Shape = Fields(
    "crd",
    &[(
        "spec",
        &Fields(
            "spec",
            &[
                ("names", &Fields("names", &[("kind", &Text), ("shortNames", &TEXT_LIST)])),
                ("validation", &Fields("validation", &[("openAPIV3Schema", &Any), ("legacySchema", &Bool)])),
            ],
        ),
    )],
);
static TEMPLATE: Shape = Fields(
    "the template",
    &[
        ("apiVersion", &Text),
        ("kind", &Text),
        ("metadata", &Any),
        ("spec", &Fields("spec", &[("crd", &CRD), ("targets", &List(&TARGETS))])),
        ("status", &Any),
    ],
);

/// A template, compiled.
#[derive(Clone, Debug)]
pub struct Template {
    /// Its name.
    pub name: String,
    /// The kind of its constraints.
    pub kind: String,
    pub(super) schema: Schema,
    pub(super) engine: Engine,
    /// Operations that it is about; empty for all.
    pub(super) operations: Vec<String>,
    /// What its author should know.
    pub notes: Vec<String>,
}

/// What decides.
#[derive(Clone, Debug)]
pub(super) enum Engine {
    Rego { query: Box<Query>, looks: Looks },
    Cel(Box<Native>),
}

/// What Rego looks at beside the object. Left out, it would be undefined, and what is undefined violates nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Looks {
    /// Other objects: `data.inventory`.
    pub(super) inventory: bool,
    /// The object of the request's namespace: `input.review._unstable.namespace`.
    pub(super) namespace: bool,
    /// Who asks: `input.review.userInfo`.
    pub(super) user: bool,
}

impl Template {
    /// Whether a document is a template.
    pub fn is(node: &Node) -> bool {
        let text = |key: &str| node.get(key).and_then(Node::as_str).unwrap_or_default();
        let version = text("apiVersion").strip_prefix("templates.gatekeeper.sh/").unwrap_or_default();
        matches!(version, "v1" | "v1beta1" | "v1alpha1") && text("kind") == "ConstraintTemplate"
    }

    /// Reads a template and compiles its policy.
    ///
    /// Errors: everything that is wrong with it, with its place.
    pub fn load(node: &Node) -> Result<Template, Vec<PolicyError>> {
        let mut problems = Vec::new();
        check(node, &TEMPLATE, "the template", &mut problems);
        if !problems.is_empty() {
            return Err(problems);
        }
        let at = |route: &[&str]| node.path(route).unwrap_or(node);
        let one = |route: &[&str], message: String| vec![problem(at(route), message, None)];
        let json = to_json(node);
        let text = |pointer: &str| json.pointer(pointer).and_then(Json::as_str).unwrap_or_default().to_owned();
        let (name, kind) = (text("/metadata/name"), text("/spec/crd/spec/names/kind"));
        if kind.is_empty() {
            return Err(one(&["spec", "crd"], "the template names no kind in `spec.crd.spec.names.kind`".to_owned()));
        }
        if name != kind.to_lowercase() {
            let message =
                format!("template's name {name} is not equal to the lowercase of CRD's Kind: {}", kind.to_lowercase());
            return Err(one(&["metadata", "name"], message));
        }
        let schema = Schema::compile(json.pointer("/spec/crd/spec/validation/openAPIV3Schema"))
            .map_err(|message| one(&["spec", "crd", "spec", "validation"], message))?;
        let targets = json.pointer("/spec/targets").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
        let [target] = targets else {
            return Err(one(&["spec"], format!("expected exactly 1 item in targets, got {}", targets.len())));
        };
        let place = ["spec", "targets", "0"];
        let named = target.get("target").and_then(Json::as_str).unwrap_or_default();
        if named != TARGET {
            return Err(one(&place, format!("target `{named}` is not known here; there is `{TARGET}`")));
        }
        let mut notes = Vec::new();
        let engine = compile(target, &mut notes).map_err(|message| one(&place, message))?;
        let operations = target.get("operations").and_then(Json::as_array).into_iter().flatten();
        let mut operations: Vec<String> = operations.filter_map(Json::as_str).map(str::to_owned).collect();
        if operations.iter().any(|name| name == "*") {
            operations.clear();
        }
        Ok(Template { name, kind, schema, engine, operations, notes })
    }

    /// Whether the policy looks at other objects of the cluster: it must be handed an [`super::Inventory`] then.
    pub fn uses_inventory(&self) -> bool {
        matches!(self.engine, Engine::Rego { looks: Looks { inventory: true, .. }, .. })
    }

    /// Whether it is written in CEL.
    pub fn is_cel(&self) -> bool {
        matches!(self.engine, Engine::Cel(_))
    }
}

/// Compiles the engine that Gatekeeper would take: CEL before Rego.
fn compile(target: &Json, notes: &mut Vec<String>) -> Result<Engine, String> {
    let code = target.get("code").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    let source = |engine: &str| {
        let mut found = code.iter().filter(|code| code.get("engine").and_then(Json::as_str) == Some(engine));
        let source = found.next().map(|code| code.get("source").unwrap_or(&Json::Null));
        match found.next() {
            Some(_) => Err(format!("`code` names the engine `{engine}` twice")),
            None => Ok(source),
        }
    };
    let (native, rego) = (source("K8sNativeValidation")?, source("Rego")?);
    let older = target.get("rego").and_then(Json::as_str).filter(|text| !text.trim().is_empty());
    let rego = match (rego, older) {
        (Some(source), _) => Some(source),
        (None, Some(_)) => Some(target),
        (None, None) => None,
    };
    match (native, rego) {
        (None, None) => {
            let engines: Vec<&str> = code.iter().filter_map(|code| code.get("engine").and_then(Json::as_str)).collect();
            Err(match engines.as_slice() {
                [] => "the target has no policy; it needs `code` or `rego`".to_owned(),
                engines => format!("no engine of the target is known here: {}", engines.join(", ")),
            })
        }
        (Some(native), None) => Ok(Engine::Cel(Box::new(Native::compile(native)?))),
        (None, Some(rego)) => compile_rego(rego, notes),
        (Some(native), Some(rego)) => match Native::compile(native) {
            Ok(native) => Ok(Engine::Cel(Box::new(native))),
            Err(why) => {
                notes.push(format!("its `K8sNativeValidation` cannot be used, so its Rego is: {why}"));
                compile_rego(rego, notes)
            }
        },
    }
}

fn compile_rego(source: &Json, notes: &mut Vec<String>) -> Result<Engine, String> {
    let text = source.get("rego").and_then(Json::as_str).unwrap_or_default();
    if text.trim().is_empty() {
        return Err("the Rego of the target is empty".to_owned());
    }
    let v0 = match source.get("version").and_then(Json::as_str) {
        None | Some("" | "v0") => true,
        Some("v1") => false,
        Some(other) => return Err(format!("`{other}` is no version of Rego; there are v0 and v1")),
    };
    let libraries = source.get("libs").and_then(Json::as_array).into_iter().flatten().enumerate();
    let mut modules = vec![Module { name: "template".to_owned(), text: text.to_owned() }];
    for (index, library) in libraries {
        let text = library.as_str().ok_or_else(|| format!("`libs[{index}]` is no text"))?;
        modules.push(Module { name: format!("libs[{index}]"), text: text.to_owned() });
    }
    if modules.len() > MAX_MODULES {
        return Err(format!("the template has more than {MAX_MODULES} modules"));
    }
    let mut looks = Looks::default();
    for module in &modules {
        for (line, root) in rego::data_roots(&module.text) {
            match root.as_str() {
                "lib" => {}
                "inventory" => looks.inventory = true,
                other => {
                    let name = &module.name;
                    return Err(format!(
                        "line {line} of `{name}` asks for `data.{other}`; a template may use `data.lib` and `data.inventory`"
                    ));
                }
            }
        }
        looks.namespace |= rego::mentions(&module.text, "_unstable");
        looks.user |= rego::mentions(&module.text, "userInfo");
        for operand in rego::rewrite(&module.text).operands {
            notes.push(format!(
                "line {} of `{}`: the negation of `{}` is not true when that is missing, it is undefined",
                operand.line, module.name, operand.text
            ));
        }
    }
    let query = Query::compile(&modules, v0, RULE, Limits::default()).map_err(|err| match err {
        rego::RegoError::NoRule { .. } => "missing required rule: violation".to_owned(),
        other => other.to_string(),
    })?;
    Ok(Engine::Rego { query: Box::new(query), looks })
}
