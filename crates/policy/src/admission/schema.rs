//! The fields of documents whose rules are CEL. A field that nobody knows is an error with its place, never ignored.
//!
//! Source: k8s.io/api/admissionregistration/v1; kyverno/api:api/policies.kyverno.io/v1.

use crate::kyverno::schema::Shape;
use crate::kyverno::schema::Shape::{Any, Bool, Fields, Integer, List, Text};
use crate::kyverno::schema::{SELECTOR, TEXT_LIST};

static RESOURCE_RULE: Shape = Fields(
    "resourceRules",
    &[
        ("apiGroups", &TEXT_LIST),
        ("apiVersions", &TEXT_LIST),
        ("operations", &TEXT_LIST),
        ("resources", &TEXT_LIST),
        ("resourceNames", &TEXT_LIST),
        ("scope", &Text),
    ],
);
static MATCH: Shape = Fields(
    "matchConstraints",
    &[
        ("resourceRules", &List(&RESOURCE_RULE)),
        ("excludeResourceRules", &List(&RESOURCE_RULE)),
        ("namespaceSelector", &SELECTOR),
        ("objectSelector", &SELECTOR),
        ("matchPolicy", &Text),
        ("expression", &Text),
    ],
);
static NAMED: Shape = List(&Fields("matchConditions", &[("name", &Text), ("expression", &Text)]));
static VALIDATIONS: Shape = List(&Fields(
    "validations",
    &[
        ("expression", &Text),
        ("message", &Text),
        ("messageExpression", &Text),
        ("reason", &Text),
        ("identifier", &Text),
    ],
));
static AUDIT: Shape = List(&Fields("auditAnnotations", &[("key", &Text), ("valueExpression", &Text)]));
static PARAM_KIND: Shape = Fields("paramKind", &[("apiVersion", &Text), ("kind", &Text)]);
static PARAM_REF: Shape = Fields(
    "paramRef",
    &[("name", &Text), ("namespace", &Text), ("selector", &SELECTOR), ("parameterNotFoundAction", &Text)],
);
static EXPRESSION: Shape = Fields("expression", &[("expression", &Text)]);
static MUTATIONS: Shape = List(&Fields(
    "mutations",
    &[("patchType", &Text), ("applyConfiguration", &EXPRESSION), ("jsonPatch", &EXPRESSION), ("identifier", &Text)],
));
static EVALUATION: Shape = Fields(
    "evaluation",
    &[
        ("mode", &Text),
        ("background", &Fields("background", &[("enabled", &Bool)])),
        ("admission", &Fields("admission", &[("enabled", &Bool)])),
        ("mutateExisting", &Fields("mutateExisting", &[("enabled", &Bool)])),
    ],
);
static AUTOGEN: Shape = Fields(
    "autogen",
    &[
        ("podControllers", &Fields("podControllers", &[("controllers", &TEXT_LIST)])),
        ("validatingAdmissionPolicy", &Fields("validatingAdmissionPolicy", &[("enabled", &Bool)])),
        ("mutatingAdmissionPolicy", &Fields("mutatingAdmissionPolicy", &[("enabled", &Bool)])),
    ],
);
static WEBHOOK: Shape = Fields("webhookConfiguration", &[("timeoutSeconds", &Integer)]);
static CREDENTIALS: Shape =
    Fields("credentials", &[("allowInsecureRegistry", &Bool), ("providers", &TEXT_LIST), ("secrets", &TEXT_LIST)]);
static VALIDATION_CONFIGURATIONS: Shape =
    Fields("validationConfigurations", &[("mutateDigest", &Bool), ("verifyDigest", &Bool), ("required", &Bool)]);
static IMAGE_REFERENCES: Shape = List(&Fields("matchImageReferences", &[("glob", &Text), ("expression", &Text)]));
static IMAGES: Shape = List(&Fields("images", &[("name", &Text), ("expression", &Text)]));
static SPEC: Shape = Fields(
    "spec",
    &[
        ("failurePolicy", &Text),
        ("paramKind", &PARAM_KIND),
        ("matchConstraints", &MATCH),
        ("matchConditions", &NAMED),
        ("variables", &NAMED),
        ("validations", &VALIDATIONS),
        ("auditAnnotations", &AUDIT),
        ("mutations", &MUTATIONS),
        ("reinvocationPolicy", &Text),
        ("validationActions", &TEXT_LIST),
        ("validationAction", &TEXT_LIST),
        ("webhookConfiguration", &WEBHOOK),
        ("evaluation", &EVALUATION),
        ("autogen", &AUTOGEN),
        ("targetMatchConstraints", &MATCH),
        ("matchImageReferences", &IMAGE_REFERENCES),
        ("images", &IMAGES),
        ("attestors", &List(&Any)),
        ("attestations", &List(&Any)),
        ("credentials", &CREDENTIALS),
        ("validationConfigurations", &VALIDATION_CONFIGURATIONS),
    ],
);
/// Every policy.
pub(super) static POLICY: Shape = Fields(
    "the policy",
    &[("apiVersion", &Text), ("kind", &Text), ("metadata", &Any), ("spec", &SPEC), ("status", &Any)],
);
static BINDING_SPEC: Shape = Fields(
    "spec",
    &[("policyName", &Text), ("paramRef", &PARAM_REF), ("matchResources", &MATCH), ("validationActions", &TEXT_LIST)],
);
/// Both kinds of bindings.
pub(super) static BINDING: Shape =
    Fields("the binding", &[("apiVersion", &Text), ("kind", &Text), ("metadata", &Any), ("spec", &BINDING_SPEC)]);
static EXCEPTION_SPEC: Shape = Fields(
    "spec",
    &[
        ("policyRefs", &List(&Fields("policyRefs", &[("name", &Text), ("kind", &Text)]))),
        ("matchConditions", &NAMED),
        ("images", &TEXT_LIST),
        ("allowedValues", &TEXT_LIST),
        ("reportResult", &Text),
    ],
);
/// `PolicyException` of `policies.kyverno.io`.
pub(super) static EXCEPTION: Shape =
    Fields("the exception", &[("apiVersion", &Text), ("kind", &Text), ("metadata", &Any), ("spec", &EXCEPTION_SPEC)]);
static RULE_CEL: Shape = Fields(
    "cel",
    &[
        ("generate", &Bool),
        ("expressions", &VALIDATIONS),
        ("paramKind", &PARAM_KIND),
        ("paramRef", &PARAM_REF),
        ("auditAnnotations", &AUDIT),
        ("variables", &NAMED),
    ],
);
/// `validate.cel` of a rule of `kyverno.io`.
pub(crate) static CEL: &Shape = &RULE_CEL;
/// `celPreconditions` of a rule of `kyverno.io`.
pub(crate) static CONDITIONS: &Shape = &NAMED;
