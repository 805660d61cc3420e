//! Values, lists and conditions of a document as parts of sentences.

use signet_yaml::{Node, to_json};

use super::Page;

/// Letters of a value that a sentence shows.
const SHOWN: usize = 400;

/// A value as it is written, in backticks.
pub(super) fn quoted(node: &Node) -> String {
    let text = match node.text() {
        Some(text) => text.to_owned(),
        None => to_json(node).to_string(),
    };
    tick(&text)
}

/// A text in backticks, cut where it is long, on one line.
pub(super) fn tick(text: &str) -> String {
    let flat: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut letters = flat.chars();
    let shown: String = letters.by_ref().take(SHOWN).collect();
    if letters.next().is_some() { format!("`{shown}...`") } else { format!("`{shown}`") }
}

pub(super) fn join(mut parts: Vec<String>, word: &str) -> String {
    match parts.pop() {
        None => String::new(),
        Some(last) if parts.is_empty() => last,
        Some(last) => format!("{} {word} {last}", parts.join(", ")),
    }
}

/// The entries of a list, each in backticks.
pub(super) fn listed(node: Option<&Node>, word: &str) -> Option<String> {
    let items = node?.as_seq()?;
    (!items.is_empty()).then(|| join(items.iter().map(quoted).collect(), word))
}

pub(super) fn items<'n>(node: &'n Node, key: &str) -> impl Iterator<Item = &'n Node> + use<'n> {
    node.get(key).and_then(Node::as_seq).into_iter().flatten()
}

pub(super) fn text<'n>(node: &'n Node, key: &str) -> Option<&'n str> {
    node.get(key).and_then(Node::text).filter(|text| !text.is_empty())
}

/// Labels, as a selector asks for them.
pub(super) fn selector(node: &Node) -> String {
    let mut parts = Vec::new();
    for (key, value) in node.get("matchLabels").and_then(Node::as_map).into_iter().flatten() {
        parts.push(format!("{} is {}", quoted(key), quoted(value)));
    }
    for one in items(node, "matchExpressions") {
        let key = one.get("key").map(quoted).unwrap_or_default();
        let values = listed(one.get("values"), "or").unwrap_or_else(|| "nothing".to_owned());
        parts.push(match text(one, "operator").unwrap_or_default() {
            "In" => format!("{key} is {values}"),
            "NotIn" => format!("{key} is not {values}"),
            "Exists" => format!("{key} is there"),
            "DoesNotExist" => format!("{key} is not there"),
            other => format!("{key} {other} {values}"),
        });
    }
    if parts.is_empty() { "anything".to_owned() } else { join(parts, "and") }
}

/// `preconditions`, `deny.conditions` and their like: blocks of `any` and `all`, or the older list.
pub(super) fn conditions(node: &Node, depth: usize, page: &mut Page) {
    if let Some(items) = node.as_seq() {
        let is_blocks = items.iter().all(|item| item.get("operator").is_none());
        for item in items {
            if is_blocks {
                conditions(item, depth, page);
            } else {
                page.say(depth, condition(item));
            }
        }
        return;
    }
    for (key, heading) in [("all", "all of:"), ("any", "at least one of:")] {
        let Some(list) = node.get(key).and_then(Node::as_seq) else { continue };
        if let ([one], true) = (list, node.as_map().is_some_and(|entries| entries.len() == 1)) {
            page.say(depth, condition(one));
            continue;
        }
        page.say(depth, heading);
        for one in list {
            page.say(depth + 1, condition(one));
        }
    }
}

fn condition(node: &Node) -> String {
    let key = node.get("key").map_or_else(|| "`null`".to_owned(), quoted);
    let value = node.get("value").map_or_else(
        || "`null`".to_owned(),
        |value| match value.as_seq() {
            Some(_) => listed(Some(value), "or").unwrap_or_else(|| "an empty list".to_owned()),
            None => quoted(value),
        },
    );
    let operator = text(node, "operator").unwrap_or_default();
    let says = match operator.to_lowercase().as_str() {
        "equals" | "equal" => "is".to_owned(),
        "notequals" | "notequal" => "is not".to_owned(),
        "in" | "allin" => "is, with all it holds, one of".to_owned(),
        "anyin" => "is, or holds, one of".to_owned(),
        "notin" | "allnotin" => "is, with all it holds, none of".to_owned(),
        "anynotin" => "is, or holds, something that is none of".to_owned(),
        "greaterthan" | "durationgreaterthan" => "is more than".to_owned(),
        "greaterthanorequals" | "durationgreaterthanorequals" => "is at least".to_owned(),
        "lessthan" | "durationlessthan" => "is less than".to_owned(),
        "lessthanorequals" | "durationlessthanorequals" => "is at most".to_owned(),
        "contains" => "contains".to_owned(),
        "notcontains" => "does not contain".to_owned(),
        "startswith" => "starts with".to_owned(),
        "endswith" => "ends with".to_owned(),
        _ => tick(operator),
    };
    let message = text(node, "message").map(|message| format!(" (\"{}\")", message.trim())).unwrap_or_default();
    format!("{key} {says} {value}{message}")
}
