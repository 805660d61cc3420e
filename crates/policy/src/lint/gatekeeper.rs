//! Gatekeeper: templates and constraints.

use signet_yaml::Node;

use super::{Remark, Weight, remark};
use crate::gatekeeper::{Constraint, Template};

pub(super) fn template(root: &Node, remarks: &mut Vec<Remark>) {
    match Template::load(root) {
        Err(problems) => remarks.extend(problems.into_iter().map(Remark::from)),
        Ok(template) => {
            let at = root.path(&["spec", "targets", "0"]).unwrap_or(root);
            for note in template.notes {
                let (check, hint) = if note.contains("negation") {
                    ("undefined", "give what may be missing a value first: `object.get(input, [\"a\", \"b\"], \"\")`")
                } else {
                    ("engine", "mend it, or take it out")
                };
                remarks.push(remark(at, Weight::Note, check, note, hint));
            }
        }
    }
}

pub(super) fn constraint(root: &Node, remarks: &mut Vec<Remark>) {
    if let Err(problems) = Constraint::load(root) {
        remarks.extend(problems.into_iter().map(Remark::from));
        return;
    }
    let action = root.path(&["spec", "enforcementAction"]);
    if let Some(action) = action.filter(|action| matches!(action.as_str(), Some("dryrun" | "warn"))) {
        let message = "violations are told and refuse nothing".to_owned();
        remarks.push(remark(
            action,
            Weight::Note,
            "audit",
            message,
            "write `enforcementAction: deny` once nothing fails that should run",
        ));
    }
    let kinds = root.path(&["spec", "match", "kinds"]).and_then(Node::as_seq).into_iter().flatten();
    for entry in kinds {
        let texts = |key: &str| -> Vec<&str> {
            entry.get(key).and_then(Node::as_seq).into_iter().flatten().filter_map(Node::as_str).collect()
        };
        let (groups, kinds) = (texts("apiGroups"), texts("kinds"));
        // Groups and kinds of one entry belong together.
        let pods_elsewhere =
            kinds.contains(&"Pod") && !groups.is_empty() && !groups.iter().any(|group| matches!(*group, "" | "*"));
        if pods_elsewhere {
            let message = "Pods are of the core group, which this entry does not name: none is looked at".to_owned();
            remarks.push(remark(entry, Weight::Warning, "not-verified", message, "add `\"\"` to its `apiGroups`"));
        }
    }
}
