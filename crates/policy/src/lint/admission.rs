//! Policies that are written in CEL: of `policies.kyverno.io`, and Kubernetes' own.

use signet_yaml::Node;

use super::{Remark, Weight, items, patterns, remark};
use crate::admission::{Binding, Exception, Policy};

pub(super) fn is_one(root: &Node) -> bool {
    Policy::is(root) || Binding::is(root) || Exception::is(root)
}

pub(super) fn policy(root: &Node, remarks: &mut Vec<Remark>) {
    let errors = if Policy::is(root) {
        Policy::load(root).err()
    } else if Binding::is(root) {
        Binding::load(root).err()
    } else {
        Exception::load(root).err()
    };
    remarks.extend(errors.into_iter().flatten().map(Remark::from));
    let Some(spec) = root.get("spec") else { return };
    if let Some(failure) = spec.get("failurePolicy").filter(|failure| failure.as_str() == Some("Ignore")) {
        let message = "a request that cannot be judged is admitted".to_owned();
        remarks.push(remark(failure, Weight::Warning, "fails-open", message, "leave `failurePolicy` at `Fail`"));
    }
    if let Some(actions) = spec.get("validationActions")
        && !items(spec, "validationActions").any(|action| action.as_str() == Some("Deny"))
    {
        let message = "failures are reported and refuse nothing".to_owned();
        let hint = "write `Deny` once nothing fails that should run";
        remarks.push(remark(actions, Weight::Note, "audit", message, hint));
    }
    for reference in items(spec, "matchImageReferences").filter_map(|reference| reference.get("glob")) {
        patterns::image(reference, remarks);
    }
    let keyless = items(spec, "attestors").filter_map(|attestor| attestor.path(&["cosign", "keyless"]));
    for identity in keyless.flat_map(|keyless| items(keyless, "identities")) {
        for what in ["issuer", "subject"] {
            if let Some(node) = identity.get(what) {
                patterns::identity(node, what, remarks);
            }
            if let Some(node) = identity.get(&format!("{what}RegExp")) {
                patterns::regexp(node, what, remarks);
            }
        }
    }
}
