//! What a refused request is answered with, in Kyverno's words and layout, because people and their tests compare them.
//!
//! Source: kyverno/kyverno:pkg/webhooks/utils/block.go, pkg/utils/engine/response.go; gopkg.in/yaml.v2 for the layout of the reasons.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

use super::evaluate::{Response, Status};
use super::policy::Policy;
use super::rule::Action;

/// Letters of a line before which no text is broken. Source: yaml.v2, `best_width`.
const WIDTH: usize = 80;

/// Whether what the rules of a policy said refuses the request: a failure that is enforced, or an error of an enforced rule where the policy is
/// not to be passed over.
pub fn blocks(policy: &Policy, responses: &[Response]) -> bool {
    responses.iter().filter(|response| response.action == Action::Enforce).any(|response| match response.status {
        Status::Fail => true,
        Status::Error => policy.fails_closed,
        Status::Pass | Status::Skip | Status::Warn => false,
    })
}

/// Why a request about `resource` is refused: each policy with its rules that did not pass, by name.
///
/// Shape: an empty line, the resource as `Kind/namespace/name`, an empty line, and a YAML mapping of policies to mappings of rules to messages.
pub fn refusal(resource: &Value, said: &[(&str, &[Response])]) -> String {
    let mut policies: BTreeMap<&str, BTreeMap<&str, &str>> = BTreeMap::new();
    for (policy, responses) in said {
        for response in *responses {
            if !matches!(response.status, Status::Pass | Status::Skip) && response.message != "preconditions not met" {
                policies.entry(policy).or_default().insert(&response.rule, &response.message);
            }
        }
    }
    if policies.is_empty() {
        return String::new();
    }
    let text = |pointer: &str| resource.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (kind, namespace, name) = (text("/kind"), text("/metadata/namespace"), text("/metadata/name"));
    let mut out = format!("\n\nresource {kind}/{namespace}/{name} was blocked due to the following policies \n\n");
    for (policy, rules) in policies {
        let _ = writeln!(out, "{}:", scalar(policy, 0, 0));
        for (rule, message) in rules {
            let key = scalar(rule, 2, 2);
            let column = key.chars().count().saturating_add(4);
            let _ = writeln!(out, "  {key}: {}", scalar(message, column, 4));
        }
    }
    out
}

/// How the API server reports what a webhook refused.
pub fn denied(webhook: &str, message: &str) -> String {
    match message {
        "" => format!("admission webhook \"{webhook}\" denied the request without explanation"),
        message => format!("admission webhook \"{webhook}\" denied the request: {message}"),
    }
}

/// Kyverno's webhook for resources: by the failure policy, and of its own for a policy with `matchConditions`.
///
/// `prefix` is `validate`, `mutate`, `vpol.validate`, `mpol.mutate`, `ivpol.validate` or another of its kind.
pub fn webhook(prefix: &str, fails_closed: bool, own: Option<&str>) -> String {
    let failure = if fails_closed { "fail" } else { "ignore" };
    match own {
        None => format!("{prefix}.kyverno.svc-{failure}"),
        Some(policy) => format!("{prefix}.kyverno.svc-{failure}-finegrained-{policy}"),
    }
}

/// Why policies written in CEL refuse a request: one clause for each that does.
pub fn refusal_of_cel(said: &[(&str, &[Response])]) -> String {
    let mut clauses = Vec::new();
    for (policy, responses) in said {
        for response in responses.iter().filter(|response| response.action == Action::Enforce) {
            match response.status {
                Status::Fail => clauses.push(format!("Policy {policy} failed: {}", response.message)),
                Status::Error => clauses.push(format!("Policy {policy} error: {}", response.message)),
                Status::Pass | Status::Skip | Status::Warn => {}
            }
        }
    }
    clauses.join("; ")
}

/// A text as yaml.v2 writes it: plain where that is read back as the same text, else in single quotes; broken at spaces behind `WIDTH`.
fn scalar(text: &str, mut column: usize, indent: usize) -> String {
    if text.contains('\n') {
        let strip = if text.ends_with('\n') { "|" } else { "|-" };
        let pad = " ".repeat(indent);
        let lines = text.strip_suffix('\n').unwrap_or(text).split('\n');
        let lines: Vec<String> =
            lines.map(|line| if line.is_empty() { String::new() } else { format!("{pad}{line}") }).collect();
        return format!("{strip}\n{}", lines.join("\n"));
    }
    if text.chars().any(|letter| letter.is_control()) || is_no_text(text) {
        return Value::String(text.to_owned()).to_string();
    }
    let quoted = !is_plain(text);
    let mut out = String::new();
    if quoted {
        out.push('\'');
        column = column.saturating_add(1);
    }
    let letters: Vec<char> = text.chars().collect();
    let mut spaces = false;
    for (index, letter) in letters.iter().enumerate() {
        if *letter == ' ' {
            let inside = index > 0 && index + 1 < letters.len();
            if inside && !spaces && column > WIDTH && letters.get(index + 1) != Some(&' ') {
                out.push('\n');
                out.push_str(&" ".repeat(indent));
                column = indent;
            } else {
                out.push(' ');
                column = column.saturating_add(1);
            }
            spaces = true;
            continue;
        }
        spaces = false;
        if quoted && *letter == '\'' {
            out.push('\'');
            column = column.saturating_add(1);
        }
        out.push(*letter);
        column = column.saturating_add(1);
    }
    if quoted {
        out.push('\'');
    }
    out
}

/// Whether a plain text would be read as something else.
fn is_no_text(text: &str) -> bool {
    const WORDS: [&str; 11] = ["", "~", "null", "true", "false", "yes", "no", "on", "off", "y", "n"];
    WORDS.contains(&text.to_lowercase().as_str()) || text.parse::<f64>().is_ok()
}

fn is_plain(text: &str) -> bool {
    let first = text.chars().next().unwrap_or(' ');
    let second_is_space = text.chars().nth(1).is_none_or(|letter| letter == ' ');
    let odd = [
        text.starts_with(' '),
        text.ends_with(' '),
        text.starts_with("---"),
        text.starts_with("..."),
        "#,[]{}&*!|>'\"%@`".contains(first),
        "-?:".contains(first) && second_is_space,
        text.contains(": "),
        text.ends_with(':'),
        text.contains(" #"),
    ];
    !odd.contains(&true)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn response(rule: &str, status: Status, message: &str) -> Response {
        Response {
            rule: rule.to_owned(),
            status,
            message: message.to_owned(),
            path: None,
            action: Action::Enforce,
            target: None,
        }
    }

    #[test]
    fn the_layout_is_the_one_that_kyverno_documents() {
        let pod = json!({"kind": "Pod", "metadata": {"name": "nginx", "namespace": "default"}});
        let said = [response(
            "require-image-tag",
            Status::Fail,
            "validation error: An image tag is required. rule require-image-tag failed at path /spec/containers/0/image/",
        )];
        let found = refusal(&pod, &[("disallow-latest-tag", &said)]);
        assert_eq!(
            found,
            "\n\nresource Pod/default/nginx was blocked due to the following policies \n\ndisallow-latest-tag:\n  require-image-tag: \
             'validation error: An image tag is required. rule require-image-tag\n    failed at path /spec/containers/0/image/'\n"
        );
    }

    #[track_caller]
    fn check(text: &str, want: &str) {
        assert_eq!(scalar(text, 0, 2), want);
    }

    #[test]
    fn texts_are_quoted_only_where_they_must_be() {
        check("plain words", "plain words");
        check("a: b", "'a: b'");
        check("it's: so", "'it''s: so'");
        check("it's", "it's");
        check("true", "\"true\"");
        check("12", "\"12\"");
        check("a\nb", "|-\n  a\n  b");
        check("- a", "'- a'");
        check("", "\"\"");
    }

    #[test]
    fn what_passed_is_not_named() {
        let pod = json!({"kind": "Pod", "metadata": {"name": "p"}});
        let said = [response("a", Status::Pass, "good"), response("b", Status::Skip, "")];
        assert_eq!(refusal(&pod, &[("p", &said)]), "");
    }

    #[test]
    fn webhooks_are_named_by_failure_policy_and_conditions() {
        assert_eq!(webhook("validate", true, None), "validate.kyverno.svc-fail");
        assert_eq!(webhook("vpol.validate", false, Some("p")), "vpol.validate.kyverno.svc-ignore-finegrained-p");
        assert_eq!(denied("w", ""), "admission webhook \"w\" denied the request without explanation");
        let said = [response("", Status::Fail, "no"), response("", Status::Error, "what")];
        assert_eq!(refusal_of_cel(&[("p", &said)]), "Policy p failed: no; Policy p error: what");
    }
}
