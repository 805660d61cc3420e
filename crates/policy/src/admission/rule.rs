//! The parts that all these policies share, compiled: variables, conditions, validations, annotations. And `validate.cel` of a rule.
//!
//! Source: k8s.io/apiserver pkg/admission/plugin/policy/validating/validator.go; kyverno/kyverno:pkg/engine/handlers/validation/validate_cel.go.

use serde_json::Value as Json;

use super::host::{Scope, Session};
use crate::cel::{Environment, Error, Program, Value};
use crate::jmespath::Surroundings;
use crate::kyverno::confines::Confines;
use crate::kyverno::{Input, Need, Snapshot, Status};

/// Most variables of one policy.
const VARIABLES: usize = 256;
/// Most objects that are parameters of one policy at once.
const PARAMETERS: usize = 256;
/// Longest message that an expression may give, in bytes.
pub(super) const MESSAGE: usize = 5 << 10;
/// Longest annotation for the audit log, in bytes; what is longer is cut.
const ANNOTATION: usize = 10 << 10;

/// One thing that must hold.
#[derive(Clone, Debug)]
pub(super) struct Validation {
    pub(super) expression: String,
    pub(super) program: Program,
    pub(super) message: String,
    pub(super) message_program: Option<Program>,
}

/// Expressions of a policy.
#[derive(Clone, Debug, Default)]
pub(super) struct Expressions {
    pub(super) variables: Vec<(String, Program)>,
    pub(super) conditions: Vec<(String, Program)>,
    pub(super) validations: Vec<Validation>,
    pub(super) annotations: Vec<(String, Program)>,
}

pub(super) fn text<'v>(of: &'v Json, key: &str) -> &'v str {
    of.get(key).and_then(Json::as_str).unwrap_or_default()
}

pub(super) fn list<'v>(of: &'v Json, key: &str) -> impl Iterator<Item = &'v Json> {
    of.get(key).and_then(Json::as_array).into_iter().flatten()
}

impl Expressions {
    /// Reads variables, in the order in which they may use each other, then everything that may use them all.
    ///
    /// `before`: what conditions may name, where they stand before the variables; `None` where they may use these.
    pub(super) fn compile(
        spec: &Json,
        validations: &str,
        conditions: &[Json],
        mut environment: Environment,
        before: Option<&Environment>,
    ) -> Result<(Expressions, Environment), String> {
        let mut found = Expressions::default();
        let wrong = |what: &str, err: crate::cel::CompileError| format!("{what}: {err}");
        if let Some(before) = before {
            found.conditions = conditions_of(conditions, before)?;
        }
        environment = environment.with_variables();
        for variable in list(spec, "variables") {
            let name = text(variable, "name");
            if found.variables.len() >= VARIABLES {
                return Err(format!("a policy may have {VARIABLES} variables"));
            }
            if name.is_empty() || found.variables.iter().any(|(known, _)| known == name) {
                return Err(format!("variables need names of their own, and `{name}` is none"));
            }
            let program = Program::compile(text(variable, "expression"), &environment)
                .map_err(|err| wrong(&format!("variable `{name}`"), err))?;
            environment.declare(name, &program);
            found.variables.push((name.to_owned(), program));
        }
        if before.is_none() {
            found.conditions = conditions_of(conditions, &environment)?;
        }
        for (index, validation) in list(spec, validations).enumerate() {
            let expression = text(validation, "expression");
            let what = format!("`{validations}[{index}]`");
            let message_expression = text(validation, "messageExpression");
            found.validations.push(Validation {
                expression: expression.to_owned(),
                program: Program::compile_bool(expression, &environment).map_err(|err| wrong(&what, err))?,
                message: text(validation, "message").to_owned(),
                message_program: match message_expression.trim() {
                    "" => None,
                    _ => Some(
                        Program::compile_string(message_expression, &environment)
                            .map_err(|err| wrong(&format!("messageExpression of {what}"), err))?,
                    ),
                },
            });
        }
        for annotation in list(spec, "auditAnnotations") {
            let key = text(annotation, "key");
            let program = Program::compile_annotation(text(annotation, "valueExpression"), &environment)
                .map_err(|err| wrong(&format!("audit annotation `{key}`"), err))?;
            found.annotations.push((key.to_owned(), program));
        }
        Ok((found, environment))
    }
}

pub(super) fn conditions_of(conditions: &[Json], environment: &Environment) -> Result<Vec<(String, Program)>, String> {
    let mut found = Vec::new();
    for condition in conditions {
        let name = text(condition, "name");
        let program = Program::compile_bool(text(condition, "expression"), environment)
            .map_err(|err| format!("match condition `{name}`: {err}"))?;
        found.push((name.to_owned(), program));
    }
    Ok(found)
}

/// Whether all conditions hold. One that does not decides, whatever errors stand beside it.
pub(super) fn conditions_hold<'a>(
    conditions: &'a [(String, Program)],
    scope: &Scope<'a>,
) -> Result<bool, (&'a str, Error)> {
    let mut first = None;
    for (name, program) in conditions {
        match program.holds(scope) {
            Ok(true) => {}
            Ok(false) => return Ok(false),
            Err(err) => {
                if first.as_ref().is_none_or(|(_, known): &(&str, Error)| err.is_lack() && !known.is_lack()) {
                    first = Some((name.as_str(), err));
                }
            }
        }
    }
    first.map_or(Ok(true), Err)
}

/// How a validation ended that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// It is false.
    False(String),
    /// It could not be evaluated.
    Error(Error),
}

/// Something that is not known here and that an API server would know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Lacking {
    /// It can be fetched.
    Need(Box<Need>),
    /// It cannot.
    Other(String),
}

impl Lacking {
    /// What to say, and what to fetch.
    pub(super) fn into_parts(self) -> (String, Option<Need>) {
        match self {
            Lacking::Need(need) => (format!("{need} is needed and was not given"), Some(*need)),
            Lacking::Other(message) => (message, None),
        }
    }
}

impl Expressions {
    /// All validations that do not hold, each asked when its turn comes.
    pub(super) fn failures<'a>(&'a self, scope: &Scope<'a>) -> impl Iterator<Item = Failure> {
        self.validations.iter().filter_map(|validation| match validation.program.holds(scope) {
            Ok(true) => None,
            Ok(false) => Some(Failure::False(validation.says(scope))),
            Err(err) => {
                let what = format!("expression '{}' resulted in error", validation.expression.trim());
                Some(Failure::Error(err.within(what)))
            }
        })
    }

    /// The validation that decides, in the words of Kubernetes. All are evaluated: one that is false decides whatever errors stand before it, and
    /// of errors one that tells of something we were not told, for no `failurePolicy` passes over it.
    pub(super) fn failure<'a>(&'a self, scope: &Scope<'a>) -> Option<Failure> {
        let mut first: Option<Error> = None;
        for failure in self.failures(scope) {
            match failure {
                Failure::False(_) => return Some(failure),
                Failure::Error(err) => {
                    if first.as_ref().is_none_or(|known| err.is_lack() && !known.is_lack()) {
                        first = Some(err);
                    }
                }
            }
        }
        first.map(Failure::Error)
    }

    /// The annotations, in order. Errors: one of them cannot be evaluated.
    pub(super) fn annotate<'a>(&'a self, scope: &Scope<'a>) -> Result<Vec<(String, String)>, Error> {
        let mut found = Vec::new();
        for (key, program) in &self.annotations {
            match program.evaluate(scope) {
                Ok(Value::String(text)) if !text.is_empty() => found.push((key.clone(), shortened(&text, ANNOTATION))),
                Ok(Value::String(_) | Value::Null) => {}
                Ok(_) => {
                    let what = format!("failed to convert auditAnnotation '{key}' expression: it is no string");
                    return Err(Error::new(what));
                }
                Err(err) => return Err(err.within(format!("failed to evaluate auditAnnotation '{key}'"))),
            }
        }
        Ok(found)
    }
}

/// The beginning of a text, of at most so many bytes.
pub(super) fn shortened(text: &str, bytes: usize) -> String {
    let end = (0..=bytes.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text.get(..end).unwrap_or_default().to_owned()
}

impl Validation {
    /// What Kubernetes says when it does not hold.
    fn says<'a>(&'a self, scope: &Scope<'a>) -> String {
        let made = self.message_program.as_ref().and_then(|program| match program.evaluate(scope) {
            Ok(Value::String(text)) => Some(text.trim().to_owned()),
            _ => None,
        });
        let usable = made.filter(|text| !text.is_empty() && text.len() <= MESSAGE && !text.contains('\n'));
        usable.unwrap_or_else(|| match self.message.trim() {
            "" => format!("failed expression: {}", self.expression.trim()),
            message => message.to_owned(),
        })
    }
}

/// Where parameters of a policy come from.
#[derive(Clone, Debug, Default)]
pub(super) struct Parameters {
    version: String,
    kind: String,
    name: String,
    namespace: String,
    selector: Option<crate::kyverno::matching::Selector>,
    /// Whether it refuses when there are none.
    refuses: bool,
}

impl Parameters {
    /// Of `paramKind` and `paramRef`.
    pub(super) fn compile(kind: &Json, reference: &Json) -> Result<Parameters, String> {
        let selector = reference.get("selector").filter(|found| !found.is_null());
        let name = text(reference, "name");
        // Names of what is asked for may be wildcards, and a parameter has one name.
        if [name, text(reference, "namespace")].iter().any(|text| text.contains(['*', '?'])) {
            return Err("`paramRef` names one object, and takes no wildcards".to_owned());
        }
        if text(kind, "apiVersion").is_empty() || text(kind, "kind").is_empty() {
            return Err("`paramKind` needs `apiVersion` and `kind`".to_owned());
        }
        if name.is_empty() == selector.is_none() {
            return Err("`paramRef` needs `name` or `selector`, one of them".to_owned());
        }
        let refuses = match text(reference, "parameterNotFoundAction") {
            "Allow" => false,
            "Deny" | "" => true,
            other => return Err(format!("`{other}` is no `parameterNotFoundAction`; there are Allow and Deny")),
        };
        Ok(Parameters {
            version: text(kind, "apiVersion").to_owned(),
            kind: text(kind, "kind").to_owned(),
            name: name.to_owned(),
            namespace: text(reference, "namespace").to_owned(),
            selector: selector.map(crate::kyverno::matching::Selector::compile).transpose()?,
            refuses,
        })
    }

    /// The parameters for a request; none means that nothing is asked.
    ///
    /// They are asked for by their kind: whoever fetches them knows how the API calls many of it, and asks for no namespace where the kind lies in
    /// none. The answer is a list; only an empty one says that there are none. Errors: there must be some, or nobody has looked.
    pub(super) fn find<'a>(&self, input: &Input, snapshot: &'a Snapshot) -> Result<Vec<&'a Json>, Missing> {
        let namespace = if self.namespace.is_empty() { super::matching::namespace(input) } else { &self.namespace };
        let need = Need::Objects {
            api_version: self.version.clone(),
            kind: self.kind.clone(),
            namespace: namespace.to_owned(),
            name: self.name.clone(),
            uid: String::new(),
            selector: String::new(),
        };
        let Some(Json::Array(answered)) = snapshot.get(&need) else {
            // Not looked for is not absent: also who allows what has no parameters must know that there are none.
            return Err(Missing::Needed(Box::new(need)));
        };
        let selected = |item: &&Json| self.selector.as_ref().is_none_or(|selector| selector.matches(&labels(item)));
        let found: Vec<&Json> = answered.iter().filter(selected).collect();
        if found.len() > PARAMETERS {
            return Err(Missing::Many);
        }
        if found.is_empty() && self.refuses { Err(Missing::Refused) } else { Ok(found) }
    }
}

/// Why there are no parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    Needed(Box<Need>),
    Refused,
    Many,
}

impl Missing {
    /// What to say, and what to fetch.
    pub(super) fn into_parts(self) -> (String, Option<Need>) {
        match self {
            Missing::Needed(need) => Lacking::Need(need).into_parts(),
            Missing::Refused => ("no params found".to_owned(), None),
            Missing::Many => (format!("there are more than {PARAMETERS} params"), None),
        }
    }
}

fn labels(object: &Json) -> Vec<(&str, &str)> {
    let labels = object.pointer("/metadata/labels").and_then(Json::as_object);
    labels.into_iter().flatten().filter_map(|(key, value)| Some((key.as_str(), value.as_str()?))).collect()
}

/// `validate.cel` of a rule of `kyverno.io`, with its `celPreconditions`.
#[derive(Clone, Debug)]
pub(crate) struct CelRule {
    expressions: Expressions,
    parameters: Option<Parameters>,
}

impl CelRule {
    /// Reads it. The message says what is wrong.
    pub(crate) fn compile(rule: &Json) -> Result<CelRule, String> {
        let cel = rule.pointer("/validate/cel").unwrap_or(&Json::Null);
        let kind = cel.get("paramKind").filter(|found| !found.is_null());
        let reference = cel.get("paramRef").filter(|found| !found.is_null());
        let parameters = match (kind, reference) {
            (Some(kind), Some(reference)) => Some(Parameters::compile(kind, reference)?),
            (None, None) => None,
            _ => return Err("`paramKind` and `paramRef` stand together".to_owned()),
        };
        let mut environment = Environment::kubernetes(["object", "oldObject", "request", "namespaceObject"]);
        if parameters.is_some() {
            environment = environment.with("params");
        }
        let conditions: Vec<Json> = list(rule, "celPreconditions").cloned().collect();
        let before = environment.clone();
        let (mut expressions, _) = Expressions::compile(cel, "expressions", &conditions, environment, Some(&before))?;
        if expressions.validations.is_empty() && expressions.annotations.is_empty() {
            return Err("`cel` asks nothing; it needs `expressions`".to_owned());
        }
        let message = rule.pointer("/validate/message").and_then(Json::as_str).unwrap_or_default();
        for validation in &mut expressions.validations {
            if validation.message.is_empty() {
                validation.message = message.to_owned();
            }
        }
        Ok(CelRule { expressions, parameters })
    }

    /// Evaluates it. Gives what is needed besides. `confined`: the namespace of the policy, if it lies in one.
    pub(crate) fn check(
        &self,
        rule: &str,
        confined: Option<&str>,
        input: &Input,
        snapshot: &Snapshot,
        surroundings: &Surroundings,
    ) -> ((Status, String), Vec<Need>) {
        let undecided =
            |message: String| ((Status::Error, format!("error in parameterized resource: {message}")), Vec::new());
        let parameters = match &self.parameters {
            None => vec![&Json::Null],
            Some(parameters) => {
                let elsewhere = |own: &&str| !parameters.namespace.is_empty() && parameters.namespace != **own;
                if let Some(own) = confined.filter(elsewhere) {
                    let asked = &parameters.namespace;
                    return undecided(format!(
                        "a policy of namespace `{own}` may take no params from namespace `{asked}`"
                    ));
                }
                match parameters.find(input, snapshot) {
                    Ok(found) => found,
                    Err(missing) => {
                        let (message, need) = missing.into_parts();
                        let (outcome, _) = undecided(message);
                        return (outcome, need.into_iter().collect());
                    }
                }
            }
        };
        let namespace = super::matching::namespace_object(input, snapshot);
        let session = Session::new(snapshot, surroundings, Confines::of(confined, &input.request), None);
        for params in parameters {
            let mut scope = Scope::new(&session, &self.expressions.variables);
            let outcome = match super::evaluate::facts(&mut scope, input, &namespace) {
                Err(err) => Some((Status::Error, err.to_string())),
                Ok(()) => {
                    if self.parameters.is_some() {
                        scope.set("params", Value::of(params));
                    }
                    self.one(&scope)
                }
            };
            if let Some(outcome) = outcome {
                return (outcome, session.take_needs().into_iter().collect());
            }
        }
        let passed = (Status::Pass, format!("Validation rule '{rule}' passed."));
        (passed, session.take_needs().into_iter().collect())
    }

    /// By one parameter; `None` if everything holds.
    fn one<'a>(&'a self, scope: &Scope<'a>) -> Option<(Status, String)> {
        // As Kubernetes does with a condition that it cannot evaluate and a policy that says nothing of failures: refused. What we were not told
        // is an error of the rule.
        let failed = |err: Error| (if err.is_lack() { Status::Error } else { Status::Fail }, err.to_string());
        match conditions_hold(&self.expressions.conditions, scope) {
            Ok(true) => {}
            Ok(false) => return Some((Status::Skip, "cel preconditions not met".to_owned())),
            Err((_, err)) => return Some(failed(err)),
        }
        match self.expressions.failure(scope) {
            Some(Failure::False(message)) => return Some((Status::Fail, message)),
            Some(Failure::Error(err)) => return Some(failed(err)),
            None => {}
        }
        self.expressions.annotate(scope).err().map(|err| (Status::Error, err.to_string()))
    }
}
