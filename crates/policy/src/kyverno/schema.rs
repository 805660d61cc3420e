//! The fields of `kyverno.io` documents, and what stands in them. A field that nobody knows is an error with its place, never ignored.
//!
//! Source: kyverno/kyverno:api/kyverno/v1/*_types.go and api/kyverno/v2/policy_exception_types.go.

use signet_yaml::{Node, Value};

use super::operator::{NAMES, Operator};
use crate::suggest::nearest;
use crate::trust_policy::PolicyError;

/// What a node must be.
pub(crate) enum Shape {
    /// Anything: patterns, patches, values, and sections of rule kinds that other modules read.
    Any,
    /// A text. Other plain scalars are refused, as the API server refuses them.
    Text,
    /// True or false.
    Bool,
    /// An integer.
    Integer,
    /// A list.
    List(&'static Shape),
    /// A mapping with texts as values.
    Texts,
    /// A mapping with any keys.
    MapOf(&'static Shape),
    /// A mapping with these fields.
    Fields(&'static str, &'static [(&'static str, &'static Shape)]),
    /// Conditions: `any` and `all`, or a list.
    Conditions,
}

use Shape::{Any, Bool, Conditions, Fields, Integer, List, MapOf, Text, Texts};

pub(crate) static TEXT_LIST: Shape = List(&Text);
static SELECTOR_REQUIREMENT: Shape =
    Fields("matchExpressions", &[("key", &Text), ("operator", &Text), ("values", &TEXT_LIST)]);
pub(crate) static SELECTOR: Shape =
    Fields("selector", &[("matchLabels", &Texts), ("matchExpressions", &List(&SELECTOR_REQUIREMENT))]);
static RESOURCES: Shape = Fields(
    "resources",
    &[
        ("kinds", &TEXT_LIST),
        ("name", &Text),
        ("names", &TEXT_LIST),
        ("namespaces", &TEXT_LIST),
        ("annotations", &Texts),
        ("selector", &SELECTOR),
        ("namespaceSelector", &SELECTOR),
        ("operations", &TEXT_LIST),
    ],
);
static SUBJECT: Shape =
    Fields("subjects", &[("kind", &Text), ("apiGroup", &Text), ("name", &Text), ("namespace", &Text)]);
static BLOCK: Shape = Fields(
    "any",
    &[("resources", &RESOURCES), ("roles", &TEXT_LIST), ("clusterRoles", &TEXT_LIST), ("subjects", &List(&SUBJECT))],
);
static MATCH: Shape = Fields(
    "match",
    &[
        ("any", &List(&BLOCK)),
        ("all", &List(&BLOCK)),
        ("resources", &RESOURCES),
        ("roles", &TEXT_LIST),
        ("clusterRoles", &TEXT_LIST),
        ("subjects", &List(&SUBJECT)),
    ],
);
static CONTEXT_ENTRY: Shape = Fields(
    "context",
    &[
        ("name", &Text),
        ("configMap", &Fields("configMap", &[("name", &Text), ("namespace", &Text)])),
        (
            "apiCall",
            &Fields(
                "apiCall",
                &[
                    ("urlPath", &Text),
                    ("method", &Text),
                    ("data", &Any),
                    ("service", &Fields("service", &[("url", &Text), ("caBundle", &Text), ("headers", &Any)])),
                    ("jmesPath", &Text),
                    ("default", &Any),
                ],
            ),
        ),
        (
            "imageRegistry",
            &Fields("imageRegistry", &[("reference", &Text), ("jmesPath", &Text), ("imageRegistryCredentials", &Any)]),
        ),
        ("variable", &Fields("variable", &[("value", &Any), ("jmesPath", &Text), ("default", &Any)])),
        ("globalReference", &Fields("globalReference", &[("name", &Text), ("jmesPath", &Text)])),
    ],
);
static OVERRIDE: Shape = Fields(
    "failureActionOverrides",
    &[("action", &Text), ("namespaces", &TEXT_LIST), ("namespaceSelector", &SELECTOR)],
);
static DENY: Shape = Fields("deny", &[("conditions", &Conditions)]);
static FOREACH: Shape = Fields(
    "foreach",
    &[
        ("list", &Text),
        ("elementScope", &Bool),
        ("context", &List(&CONTEXT_ENTRY)),
        ("preconditions", &Conditions),
        ("pattern", &Any),
        ("anyPattern", &Any),
        ("deny", &DENY),
        ("foreach", &List(&FOREACH)),
    ],
);
static CONTROL: Shape = Fields(
    "exclude",
    &[("controlName", &Text), ("images", &TEXT_LIST), ("restrictedField", &Text), ("values", &TEXT_LIST)],
);
static VALIDATE: Shape = Fields(
    "validate",
    &[
        ("failureAction", &Text),
        ("failureActionOverrides", &List(&OVERRIDE)),
        ("allowExistingViolations", &Bool),
        ("message", &Text),
        ("manifests", &Any),
        ("foreach", &List(&FOREACH)),
        ("pattern", &Any),
        ("anyPattern", &List(&Any)),
        ("deny", &DENY),
        ("podSecurity", &Fields("podSecurity", &[("level", &Text), ("version", &Text), ("exclude", &List(&CONTROL))])),
        ("cel", crate::admission::CEL),
        ("assert", &Any),
    ],
);
static TARGET: Shape = Fields(
    "targets",
    &[
        ("apiVersion", &Text),
        ("kind", &Text),
        ("namespace", &Text),
        ("name", &Text),
        ("uid", &Text),
        ("selector", &SELECTOR),
        ("context", &List(&CONTEXT_ENTRY)),
        ("preconditions", &Conditions),
    ],
);
static MUTATE_FOREACH: Shape = Fields(
    "foreach",
    &[
        ("list", &Text),
        ("order", &Text),
        ("context", &List(&CONTEXT_ENTRY)),
        ("preconditions", &Conditions),
        ("patchStrategicMerge", &Any),
        ("patchesJson6902", &Text),
        ("foreach", &List(&MUTATE_FOREACH)),
    ],
);
static MUTATE: Shape = Fields(
    "mutate",
    &[
        ("mutateExistingOnPolicyUpdate", &Bool),
        ("targets", &List(&TARGET)),
        ("patchStrategicMerge", &Any),
        ("patchesJson6902", &Text),
        ("foreach", &List(&MUTATE_FOREACH)),
    ],
);
static REKOR: Shape = Fields("rekor", &[("url", &Text), ("pubkey", &Text), ("ignoreTlog", &Bool)]);
static CTLOG: Shape = Fields("ctlog", &[("ignoreSCT", &Bool), ("pubkey", &Text), ("tsaCertChain", &Text)]);
static ATTESTOR_SET: Shape = Fields("attestors", &[("count", &Integer), ("entries", &List(&ATTESTOR))]);
static ATTESTOR: Shape = Fields(
    "entries",
    &[
        (
            "keys",
            &Fields(
                "keys",
                &[
                    ("publicKeys", &Text),
                    ("signatureAlgorithm", &Text),
                    ("kms", &Text),
                    ("secret", &Fields("secret", &[("name", &Text), ("namespace", &Text)])),
                    ("rekor", &REKOR),
                    ("ctlog", &CTLOG),
                ],
            ),
        ),
        (
            "certificates",
            &Fields("certificates", &[("cert", &Text), ("certChain", &Text), ("rekor", &REKOR), ("ctlog", &CTLOG)]),
        ),
        (
            "keyless",
            &Fields(
                "keyless",
                &[
                    ("issuer", &Text),
                    ("issuerRegExp", &Text),
                    ("subject", &Text),
                    ("subjectRegExp", &Text),
                    ("roots", &Text),
                    ("additionalExtensions", &Texts),
                    ("rekor", &REKOR),
                    ("ctlog", &CTLOG),
                ],
            ),
        ),
        ("attestor", &ATTESTOR_SET),
        ("annotations", &Texts),
        ("repository", &Text),
    ],
);
static ATTESTATION: Shape = Fields(
    "attestations",
    &[
        ("name", &Text),
        ("type", &Text),
        ("predicateType", &Text),
        ("attestors", &List(&ATTESTOR_SET)),
        ("conditions", &Conditions),
    ],
);
static VERIFY_IMAGES: Shape = Fields(
    "verifyImages",
    &[
        ("failureAction", &Text),
        ("type", &Text),
        ("image", &Text),
        ("imageReferences", &TEXT_LIST),
        ("skipImageReferences", &TEXT_LIST),
        ("key", &Text),
        ("roots", &Text),
        ("subject", &Text),
        ("issuer", &Text),
        ("additionalExtensions", &Texts),
        ("attestors", &List(&ATTESTOR_SET)),
        ("attestations", &List(&ATTESTATION)),
        ("annotations", &Texts),
        ("repository", &Text),
        ("cosignOCI11", &Bool),
        ("mutateDigest", &Bool),
        ("verifyDigest", &Bool),
        ("validate", &Fields("validate", &[("message", &Text), ("deny", &DENY)])),
        ("required", &Bool),
        (
            "imageRegistryCredentials",
            &Fields(
                "imageRegistryCredentials",
                &[("allowInsecureRegistry", &Bool), ("providers", &TEXT_LIST), ("secrets", &TEXT_LIST)],
            ),
        ),
        ("useCache", &Bool),
    ],
);
static EXTRACTOR: Shape = Fields(
    "imageExtractors",
    &[("path", &Text), ("value", &Text), ("name", &Text), ("key", &Text), ("jmesPath", &Text)],
);
static CLONE: Shape = Fields("clone", &[("namespace", &Text), ("name", &Text)]);
static CLONE_LIST: Shape = Fields("cloneList", &[("namespace", &Text), ("kinds", &TEXT_LIST), ("selector", &SELECTOR)]);
static GENERATE_FOREACH: Shape = Fields(
    "foreach",
    &[
        ("list", &Text),
        ("context", &List(&CONTEXT_ENTRY)),
        ("preconditions", &Conditions),
        ("apiVersion", &Text),
        ("kind", &Text),
        ("namespace", &Text),
        ("name", &Text),
        ("uid", &Text),
        ("data", &Any),
        ("clone", &CLONE),
        ("cloneList", &CLONE_LIST),
    ],
);
static GENERATE: Shape = Fields(
    "generate",
    &[
        ("generateExisting", &Bool),
        ("synchronize", &Bool),
        ("orphanDownstreamOnPolicyDelete", &Bool),
        ("apiVersion", &Text),
        ("kind", &Text),
        ("namespace", &Text),
        ("name", &Text),
        ("uid", &Text),
        ("data", &Any),
        ("clone", &CLONE),
        ("cloneList", &CLONE_LIST),
        ("foreach", &List(&GENERATE_FOREACH)),
    ],
);
static RULE: Shape = Fields(
    "rules",
    &[
        ("name", &Text),
        ("context", &List(&CONTEXT_ENTRY)),
        ("reportProperties", &Texts),
        ("match", &MATCH),
        ("exclude", &MATCH),
        ("imageExtractors", &MapOf(&List(&EXTRACTOR))),
        ("preconditions", &Conditions),
        ("celPreconditions", crate::admission::CONDITIONS),
        ("mutate", &MUTATE),
        ("validate", &VALIDATE),
        ("generate", &GENERATE),
        ("verifyImages", &List(&VERIFY_IMAGES)),
        ("skipBackgroundRequests", &Bool),
    ],
);
static SPEC: Shape = Fields(
    "spec",
    &[
        ("rules", &List(&RULE)),
        ("applyRules", &Text),
        ("failurePolicy", &Text),
        ("validationFailureAction", &Text),
        ("validationFailureActionOverrides", &List(&OVERRIDE)),
        ("emitWarning", &Bool),
        ("admission", &Bool),
        ("background", &Bool),
        ("schemaValidation", &Bool),
        ("webhookTimeoutSeconds", &Integer),
        ("mutateExistingOnPolicyUpdate", &Bool),
        ("generateExistingOnPolicyUpdate", &Bool),
        ("generateExisting", &Bool),
        ("useServerSideApply", &Bool),
        (
            "webhookConfiguration",
            &Fields(
                "webhookConfiguration",
                &[("failurePolicy", &Text), ("timeoutSeconds", &Integer), ("matchConditions", &Any)],
            ),
        ),
    ],
);
/// `ClusterPolicy` and `Policy`.
pub(super) static POLICY: Shape = Fields(
    "the policy",
    &[("apiVersion", &Text), ("kind", &Text), ("metadata", &Any), ("spec", &SPEC), ("status", &Any)],
);
static EXCEPTION_SPEC: Shape = Fields(
    "spec",
    &[
        ("background", &Bool),
        ("match", &MATCH),
        ("conditions", &Conditions),
        ("exceptions", &List(&Fields("exceptions", &[("policyName", &Text), ("ruleNames", &TEXT_LIST)]))),
        ("podSecurity", &List(&CONTROL)),
    ],
);
/// `PolicyException`.
pub(super) static EXCEPTION: Shape =
    Fields("the exception", &[("apiVersion", &Text), ("kind", &Text), ("metadata", &Any), ("spec", &EXCEPTION_SPEC)]);

/// Reports everything about `node` that is not as `shape` says. A field that stands empty counts as left out, as
/// for the API server; an empty entry of a list is wrong.
pub(crate) fn check(node: &Node, shape: &Shape, name: &str, problems: &mut Vec<PolicyError>) {
    let mut wrong = |wanted: &str| {
        problems.push(problem(node, format!("`{name}` is {wanted}, not {}", node.value.kind()), None));
    };
    if node.is_null() {
        return;
    }
    match shape {
        Any => {}
        Text if node.as_str().is_none() => wrong("a text"),
        Bool if node.as_bool().is_none() => wrong("true or false"),
        Integer if node.as_i64().is_none() => wrong("an integer"),
        Text | Bool | Integer => {}
        Texts => match node.as_map() {
            None => wrong("a mapping of texts"),
            Some(entries) => {
                for (key, value) in entries {
                    let name = key.text().unwrap_or(name);
                    check_entry(value, &Text, name, problems);
                }
            }
        },
        MapOf(shape) => match node.as_map() {
            None => wrong("a mapping"),
            Some(entries) => {
                for (key, value) in entries {
                    check_entry(value, shape, key.text().unwrap_or(name), problems);
                }
            }
        },
        List(shape) => match node.as_seq() {
            None => wrong("a list"),
            Some(items) => items.iter().for_each(|item| check_entry(item, shape, name, problems)),
        },
        Fields(section, fields) => match node.as_map() {
            None => wrong("a mapping"),
            Some(entries) => {
                for (key, value) in entries {
                    let written = key.text().unwrap_or_default();
                    match fields.iter().find(|(known, _)| *known == written) {
                        Some((known, shape)) => check(value, shape, known, problems),
                        None => {
                            let names = fields.iter().map(|(known, _)| *known);
                            let hint = match nearest(written, names.clone()) {
                                Some(near) => format!("did you mean `{near}`?"),
                                None => format!("there are: {}", names.collect::<Vec<_>>().join(", ")),
                            };
                            problems.push(problem(key, format!("`{section}` has no field `{written}`"), Some(hint)));
                        }
                    }
                }
            }
        },
        Conditions => check_conditions(node, name, problems),
    }
}

/// An entry of a list or of a mapping of texts. An empty one would be dropped, and a filter with fewer entries is a wider one.
fn check_entry(node: &Node, shape: &Shape, name: &str, problems: &mut Vec<PolicyError>) {
    if node.is_null() && !matches!(shape, Any) {
        problems.push(problem(node, format!("`{name}` holds an empty entry"), None));
    } else {
        check(node, shape, name, problems);
    }
}

fn check_conditions(node: &Node, name: &str, problems: &mut Vec<PolicyError>) {
    match &node.value {
        Value::Sequence(items) => {
            for item in items {
                if item.is_null() {
                    // An empty block would hold, and conditions that hold let a rule pass or a denial come.
                    problems.push(problem(item, format!("`{name}` holds an empty entry"), None));
                } else if item.get("operator").is_some() || (item.get("any").is_none() && item.get("all").is_none()) {
                    check_condition(item, problems);
                } else {
                    check_conditions(item, name, problems);
                }
            }
        }
        Value::Mapping(entries) => {
            for (key, value) in entries {
                match (key.text(), value.as_seq()) {
                    (Some("any" | "all"), Some(items)) => items.iter().for_each(|item| check_condition(item, problems)),
                    (Some("any" | "all"), None) if value.is_null() => {}
                    (Some("any" | "all"), None) => {
                        problems.push(problem(
                            value,
                            format!("conditions are a list, not {}", value.value.kind()),
                            None,
                        ));
                    }
                    (other, _) => problems.push(problem(
                        key,
                        format!("`{name}` has no field `{}`", other.unwrap_or_default()),
                        Some("there are: any, all".to_owned()),
                    )),
                }
            }
        }
        _ => problems.push(problem(
            node,
            format!("`{name}` is a mapping with `any` or `all`, not {}", node.value.kind()),
            None,
        )),
    }
}

fn check_condition(node: &Node, problems: &mut Vec<PolicyError>) {
    static CONDITION: Shape =
        Fields("the condition", &[("key", &Any), ("operator", &Text), ("value", &Any), ("message", &Text)]);
    check(node, &CONDITION, "the condition", problems);
    let Some(operator) = node.get("operator") else {
        if node.as_map().is_some() {
            problems.push(problem(node, "the condition needs an `operator`".to_owned(), None));
        }
        return;
    };
    let name = operator.as_str().unwrap_or_default();
    if Operator::parse(name).is_none() {
        let hint = match nearest(name, NAMES) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are: {}", NAMES.join(", ")),
        };
        problems.push(problem(operator, format!("there is no operator `{name}`"), Some(hint)));
    }
}

pub(crate) fn problem(node: &Node, message: String, hint: Option<String>) -> PolicyError {
    PolicyError { line: node.span.line, column: node.span.column, message, hint }
}
