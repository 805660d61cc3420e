//! `mutations`: objects that are merged in, and patches.
//!
//! Source: k8s.io/apiserver pkg/admission/plugin/policy/mutating/patch; kyverno/kyverno:pkg/cel/policies/mpol/compiler.

use serde_json::Value as Json;

use super::host::Scope;
use super::rule::text;
use super::{json_patch, merge};
use crate::cel::{Environment, Program, Value};

/// One mutation.
#[derive(Clone, Debug)]
pub(super) enum Mutation {
    /// An `Object{...}`.
    Apply(Program),
    /// A list of `JSONPatch{...}`.
    Patch(Program),
}

/// What no mutation may change: another object would be judged than the one that was asked for.
const FIXED: [&str; 4] = ["/apiVersion", "/kind", "/metadata/name", "/metadata/namespace"];

impl Mutation {
    /// Reads it. The message says what is wrong.
    pub(super) fn compile(value: &Json, environment: &Environment) -> Result<Mutation, String> {
        let expression = |key: &str| {
            let found = value.get(key).map(|of| text(of, "expression")).unwrap_or_default();
            if found.is_empty() { Err(format!("it needs `{key}.expression`")) } else { Ok(found) }
        };
        match text(value, "patchType") {
            "ApplyConfiguration" => Program::compile_object(expression("applyConfiguration")?, environment)
                .map(Mutation::Apply)
                .map_err(|err| err.to_string()),
            "JSONPatch" => Program::compile_patches(expression("jsonPatch")?, environment)
                .map(Mutation::Patch)
                .map_err(|err| err.to_string()),
            other => Err(format!("`{other}` is no `patchType`; there are ApplyConfiguration and JSONPatch")),
        }
    }

    /// The object as it is afterwards. Errors: what cannot be evaluated or applied.
    pub(super) fn apply<'a>(&'a self, object: &Json, scope: &Scope<'a>) -> Result<Json, String> {
        let mut changed = object.clone();
        match self {
            Mutation::Apply(program) => {
                let value = program.evaluate(scope).map_err(|err| err.to_string())?;
                if !matches!(value, Value::Struct("Object", _)) {
                    return Err("unexpected evaluation result: an Object is expected".to_owned());
                }
                merge::apply(&mut changed, &value.to_json().map_err(|err| err.to_string())?)?;
            }
            Mutation::Patch(program) => {
                let value = program.evaluate(scope).map_err(|err| err.to_string())?;
                let items = value.items().ok_or("unexpected evaluation result: a list of JSONPatch is expected")?;
                let mut operations = Vec::with_capacity(items.len());
                for item in items {
                    if !matches!(item, Value::Struct("JSONPatch", _)) {
                        return Err(
                            "type mismatch: JSONPatchType.JSONPatch expression should evaluate to a list of JSONPatch"
                                .to_owned(),
                        );
                    }
                    operations.push(item.to_json().map_err(|err| err.to_string())?);
                }
                json_patch::apply(&mut changed, &operations)?;
            }
        }
        for fixed in FIXED {
            if object.pointer(fixed) != changed.pointer(fixed) {
                return Err(format!("a mutation may not change `{fixed}`"));
            }
        }
        Ok(changed)
    }
}
