//! The parts that all these policies share, compiled: variables, conditions, validations, annotations. And `validate.cel` of a rule.
//!
//! Source: k8s.io/apiserver pkg/admission/plugin/policy/validating/validator.go; kyverno/kyverno:pkg/engine/handlers/validation/validate_cel.go.

use serde_json::Value as Json;

use super::host::Scope;
use crate::cel::{Environment, Error, Program, Value};
use crate::jmespath::Surroundings;
use crate::kyverno::{Input, Need, Snapshot, Status};

/// Most variables of one policy.
const VARIABLES: usize = 256;
/// Longest message that an expression may give, in bytes.
const MESSAGE: usize = 5 << 10;

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
    /// `conditions`: where conditions of a request stand; Kubernetes lets them use no variables.
    pub(super) fn compile(
        spec: &Json,
        validations: &str,
        conditions: &[Json],
        mut environment: Environment,
        before: bool,
    ) -> Result<(Expressions, Environment), String> {
        let mut found = Expressions::default();
        let wrong = |what: &str, err: crate::cel::CompileError| format!("{what}: {err}");
        if before {
            found.conditions = conditions_of(conditions, &environment)?;
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
        if !before {
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

fn conditions_of(conditions: &[Json], environment: &Environment) -> Result<Vec<(String, Program)>, String> {
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
                first.get_or_insert((name.as_str(), err));
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
    Error(String),
}

impl Expressions {
    /// The first validation that does not hold, in the words of Kubernetes.
    pub(super) fn first_failure<'a>(&'a self, scope: &Scope<'a>) -> Option<Failure> {
        self.failures(scope).next()
    }

    /// All validations that do not hold, each asked when its turn comes.
    pub(super) fn failures<'a>(&'a self, scope: &Scope<'a>) -> impl Iterator<Item = Failure> {
        self.validations.iter().filter_map(|validation| {
            let expression = validation.expression.trim();
            match validation.program.holds(scope) {
                Ok(true) => None,
                Ok(false) => Some(Failure::False(validation.says(scope))),
                Err(err) => Some(Failure::Error(format!("expression '{expression}' resulted in error: {err}"))),
            }
        })
    }

    /// The annotations, in order. Errors: one of them cannot be evaluated.
    pub(super) fn annotate<'a>(&'a self, scope: &Scope<'a>) -> Result<Vec<(String, String)>, String> {
        let mut found = Vec::new();
        for (key, program) in &self.annotations {
            match program.evaluate(scope) {
                Ok(Value::String(text)) if !text.is_empty() => found.push((key.clone(), text.to_string())),
                Ok(Value::String(_) | Value::Null) => {}
                Ok(_) => return Err(format!("failed to convert auditAnnotation '{key}' expression: it is no string")),
                Err(err) => return Err(format!("failed to evaluate auditAnnotation '{key}': {err}")),
            }
        }
        Ok(found)
    }
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

    /// The parameters for a request; none means that nothing is asked. What was looked for and is not there is null in the snapshot.
    /// Errors: there must be some, or nobody has looked.
    pub(super) fn find<'a>(&self, input: &Input, snapshot: &'a Snapshot) -> Result<Vec<&'a Json>, Missing> {
        let namespace = if self.namespace.is_empty() { super::matching::namespace(input) } else { &self.namespace };
        let root = if self.version.contains('/') { "apis" } else { "api" };
        let place = match namespace {
            "" => String::new(),
            namespace => format!("/namespaces/{namespace}"),
        };
        let paths = super::matching::kind_plurals(&self.kind).into_iter().map(|plural| {
            let tail = if self.name.is_empty() { String::new() } else { format!("/{}", self.name) };
            format!("/{root}/{}{place}/{plural}{tail}", self.version)
        });
        let needs: Vec<Need> =
            paths.map(|url_path| Need::Api { method: "GET".to_owned(), url_path, body: String::new() }).collect();
        let Some(found) = needs.iter().find_map(|need| snapshot.get(need)) else {
            // Not looked for is not absent: also who allows what has no parameters must know that there are none.
            return Err(needs.into_iter().next().map_or(Missing::Refused, |need| Missing::Needed(Box::new(need))));
        };
        let found: Vec<&Json> = match &self.selector {
            None if found.is_null() => Vec::new(),
            None => vec![found],
            Some(selector) => list(found, "items").filter(|item| selector.matches(&labels(item))).collect(),
        };
        if found.is_empty() && self.refuses { Err(Missing::Refused) } else { Ok(found) }
    }
}

/// Why there are no parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    Needed(Box<Need>),
    Refused,
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
        let mut environment =
            Environment::kubernetes(["object", "oldObject", "request", "namespaceObject"]).with_authorizer();
        if parameters.is_some() {
            environment = environment.with("params");
        }
        let conditions: Vec<Json> = list(rule, "celPreconditions").cloned().collect();
        let (mut expressions, _) = Expressions::compile(cel, "expressions", &conditions, environment, true)?;
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

    /// Evaluates it. Gives what is needed besides.
    pub(crate) fn check(
        &self,
        rule: &str,
        input: &Input,
        snapshot: &Snapshot,
        surroundings: &Surroundings,
    ) -> ((Status, String), Vec<Need>) {
        let parameters = match &self.parameters {
            None => vec![&Json::Null],
            Some(parameters) => match parameters.find(input, snapshot) {
                Ok(found) => found,
                Err(Missing::Needed(need)) => {
                    let message = format!("error in parameterized resource: {need} is needed and was not given");
                    return ((Status::Error, message), vec![*need]);
                }
                Err(Missing::Refused) => {
                    let message = "error in parameterized resource: no params found".to_owned();
                    return ((Status::Error, message), Vec::new());
                }
            },
        };
        let namespace = super::evaluate::namespace_object(input);
        let mut needs = Vec::new();
        for params in parameters {
            let mut scope = Scope::new(&self.expressions.variables, snapshot, surroundings);
            let outcome = match super::evaluate::facts(&mut scope, input, &namespace) {
                Err(err) => Some((Status::Error, err.to_string())),
                Ok(()) => {
                    if self.parameters.is_some() {
                        scope.set("params", Value::of(params));
                    }
                    self.one(&scope)
                }
            };
            needs.extend(scope.needs.take());
            if let Some(outcome) = outcome {
                return (outcome, needs);
            }
        }
        ((Status::Pass, format!("Validation rule '{rule}' passed.")), needs)
    }

    /// By one parameter; `None` if everything holds.
    fn one<'a>(&'a self, scope: &Scope<'a>) -> Option<(Status, String)> {
        match conditions_hold(&self.expressions.conditions, scope) {
            Ok(true) => {}
            Ok(false) => return Some((Status::Skip, "cel preconditions not met".to_owned())),
            // As Kubernetes does with a condition that it cannot evaluate and a policy that says nothing of failures: refused.
            Err((_, err)) => return Some((Status::Fail, err.to_string())),
        }
        match self.expressions.first_failure(scope) {
            Some(Failure::False(message) | Failure::Error(message)) => return Some((Status::Fail, message)),
            None => {}
        }
        self.expressions.annotate(scope).err().map(|message| (Status::Error, message))
    }
}
