//! A validation pattern of Kyverno in words, field by field.

use signet_yaml::Node;

use super::Page;
use super::words::tick;

/// Says what a pattern asks of a resource.
pub(super) fn explain(node: &Node, depth: usize, page: &mut Page) {
    walk(node, "", depth, page);
}

fn walk(node: &Node, route: &str, depth: usize, page: &mut Page) {
    if let Some(entries) = node.as_map() {
        // Conditions are asked first, and what stands beside them holds only where they do.
        let anchored = |sign: char| {
            entries.iter().filter(move |(key, _)| key.text().is_some_and(|key| sign_of(key) == Some(sign)))
        };
        let mut deeper = depth;
        for (key, value) in anchored('<') {
            page.say(depth, "the rule is only about resources of which holds:");
            walk(value, &below(route, bare(key)), depth + 1, page);
        }
        for (key, value) in anchored('(') {
            page.say(deeper, "only where holds:");
            walk(value, &below(route, bare(key)), deeper + 1, page);
            deeper = depth + 1;
        }
        for (key, value) in entries {
            let written = key.text().unwrap_or_default();
            let here = below(route, bare(key));
            match sign_of(written) {
                Some('(' | '<') => {}
                Some('=') => {
                    page.say(deeper, format!("if there is {}:", tick(&here)));
                    walk(value, &here, deeper + 1, page);
                }
                Some('X') => page.say(deeper, format!("{} must not be there", tick(&here))),
                Some('^') => {
                    page.say(deeper, format!("at least one entry of {} must be so:", tick(&here)));
                    for item in value.as_seq().unwrap_or(std::slice::from_ref(value)) {
                        walk(item, &format!("{here}[]"), deeper + 1, page);
                    }
                }
                _ => walk(value, &here, deeper, page),
            }
        }
        if entries.is_empty() {
            page.say(depth, format!("{} must be a mapping", place(route)));
        }
        return;
    }
    if let Some(items) = node.as_seq() {
        match items {
            [] => page.say(depth, format!("{} must be an empty list", place(route))),
            [one] if one.as_map().is_some() || one.as_seq().is_none() => {
                page.say(depth, format!("each entry of {}:", place(route)));
                walk(one, &format!("{route}[]"), depth + 1, page);
            }
            many => {
                for (index, one) in many.iter().enumerate() {
                    walk(one, &format!("{route}[{index}]"), depth, page);
                }
            }
        }
        return;
    }
    page.say(depth, format!("{} {}", place(route), scalar(node)));
}

fn place(route: &str) -> String {
    if route.is_empty() { "it".to_owned() } else { tick(route) }
}

fn below(route: &str, key: &str) -> String {
    if route.is_empty() { key.to_owned() } else { format!("{route}.{key}") }
}

fn bare(key: &Node) -> &str {
    crate::kyverno::bare_key(key.text().unwrap_or_default())
}

fn sign_of(key: &str) -> Option<char> {
    (crate::kyverno::bare_key(key) != key).then(|| key.chars().next())?
}

/// What a scalar of a pattern asks.
fn scalar(node: &Node) -> String {
    if node.is_null() {
        return "must be empty, or not be there".to_owned();
    }
    let text = node.text().unwrap_or_default();
    if node.as_str().is_none() {
        return format!("must be {}", tick(text));
    }
    if text.contains("{{") {
        return format!("must be like {}", tick(text));
    }
    let all = |alternative: &str| {
        let tests: Vec<String> = alternative.split('&').map(|test| one(test.trim())).collect();
        tests.join(" and ")
    };
    let ways: Vec<String> = text.split('|').map(|alternative| all(alternative.trim())).collect();
    format!("must {}", ways.join(", or "))
}

fn one(test: &str) -> String {
    for (sign, says) in [(">=", "be at least"), ("<=", "be at most"), (">", "be more than"), ("<", "be less than")] {
        if let Some(rest) = test.strip_prefix(sign) {
            return format!("{says} {}", tick(rest.trim()));
        }
    }
    let (not, rest) = match test.strip_prefix('!') {
        Some(rest) => ("not ", rest.trim()),
        None => ("", test),
    };
    match rest {
        "*" => format!("{not}be there"),
        "?*" => format!("{not}hold at least one letter"),
        "" => format!("{not}be an empty text"),
        wild if crate::wildcard::is_pattern(wild) => format!("{not}look like {}", tick(wild)),
        plain => match crate::kyverno::range_of(plain) {
            Some((low, high, false)) => format!("{not}lie between {} and {}", tick(low), tick(high)),
            Some((low, high, true)) => format!("{not}lie outside of {} to {}", tick(low), tick(high)),
            None => format!("{not}be {}", tick(plain)),
        },
    }
}
