//! `mutations`: objects that are merged in, and patches.
//!
//! Source: k8s.io/apiserver pkg/admission/plugin/policy/mutating/patch; kyverno/kyverno:pkg/cel/policies/mpol/compiler.

use serde_json::Value as Json;

use super::host::Scope;
use super::json_patch::Room;
use super::rule::text;
use super::{json_patch, merge};
use crate::cel::{Environment, Error, Program, Value};

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

    /// The object as it is afterwards. `kubernetes`: by the rules of the API server; `room`: what all mutations of a policy may still copy.
    ///
    /// Errors: what cannot be evaluated or applied.
    pub(super) fn apply<'a>(
        &'a self,
        object: &Json,
        kubernetes: bool,
        scope: &Scope<'a>,
        room: &mut Room,
    ) -> Result<Json, Error> {
        let mut changed = object.clone();
        match self {
            Mutation::Apply(program) => {
                let value = program.evaluate(scope)?;
                if !matches!(value, Value::Struct("Object", _)) {
                    return Err(Error::new("unexpected evaluation result: an Object is expected"));
                }
                merge::apply(&mut changed, &value.to_json()?, kubernetes).map_err(Error::new)?;
            }
            Mutation::Patch(program) => {
                let value = program.evaluate(scope)?;
                let items = value
                    .items()
                    .ok_or_else(|| Error::new("unexpected evaluation result: a list of JSONPatch is expected"))?;
                let mut operations = Vec::with_capacity(items.len());
                for item in items {
                    if !matches!(item, Value::Struct("JSONPatch", _)) {
                        return Err(Error::new(
                            "type mismatch: JSONPatchType.JSONPatch expression should evaluate to a list of JSONPatch",
                        ));
                    }
                    operations.push(item.to_json()?);
                }
                json_patch::apply(&mut changed, &operations, room).map_err(Error::new)?;
            }
        }
        for fixed in FIXED {
            if object.pointer(fixed) != changed.pointer(fixed) {
                return Err(Error::new(format!("a mutation may not change `{fixed}`")));
            }
        }
        Ok(changed)
    }
}
