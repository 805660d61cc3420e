//! Texts that match more than they seem to: regular expressions, wildcards over images, identities.

use regex_syntax::hir::Look;
use signet_yaml::Node;

use super::{Remark, Weight, remark};

/// A regular expression of an identity must hold the whole text.
pub(super) fn regexp(node: &Node, what: &str, remarks: &mut Vec<Remark>) {
    let Some(text) = node.text().filter(|text| !text.is_empty()) else { return };
    let parsed = match regex_syntax::parse(text) {
        Ok(parsed) => parsed,
        Err(err) => {
            let why = err.to_string();
            let why = why.lines().last().unwrap_or_default().trim_start_matches("error: ");
            let message = format!("`{text}` is no regular expression that is known here: {why}");
            remarks.push(remark(node, Weight::Error, "invalid", message, "write it in RE2's syntax"));
            return;
        }
    };
    let properties = parsed.properties();
    let (starts, ends) =
        (properties.look_set_prefix().contains(Look::Start), properties.look_set_suffix().contains(Look::End));
    let message = match (starts, ends) {
        (true, true) => {
            if matches(text, &["", "https://example.com/", "a@b"]) {
                anybody(node, what, remarks);
            }
            return;
        }
        (false, false) => format!("`{text}` is looked for anywhere in the {what}, so `evil-{text}-evil` passes too"),
        (false, true) => format!("`{text}` may begin in the midst of the {what}"),
        (true, false) => format!("`{text}` may end in the midst of the {what}: what only begins like this passes too"),
    };
    if matches(text, &["", "https://example.com/", "a@b"]) {
        anybody(node, what, remarks);
    }
    remarks.push(remark(node, Weight::Warning, "unanchored-regexp", message, "begin it with `^` and end it with `$`"));
}

fn matches(text: &str, probes: &[&str]) -> bool {
    regex::RegexBuilder::new(text)
        .size_limit(1 << 20)
        .build()
        .is_ok_and(|regexp| probes.iter().all(|probe| regexp.is_match(probe)))
}

fn anybody(node: &Node, what: &str, remarks: &mut Vec<Remark>) {
    let message = format!("any {what} passes, so anybody's signature does");
    remarks.push(remark(node, Weight::Warning, "anybody", message, "name who signs"));
}

/// The wildcard of an identity.
pub(super) fn identity(node: &Node, what: &str, remarks: &mut Vec<Remark>) {
    if node.text().is_some_and(|text| !text.is_empty() && text.chars().all(|letter| letter == '*')) {
        anybody(node, what, remarks);
    }
}

/// The wildcard of an identity, anchored at both ends, that begins or ends in the midst of a name.
pub(super) fn identity_edges(node: &Node, what: &str, remarks: &mut Vec<Remark>) {
    let Some(text) = node.text() else { return };
    let is_word = |letter: char| letter.is_alphanumeric() || matches!(letter, '-' | '_' | '.');
    if let Some((before, _)) = text.split_once('*')
        && before.ends_with(is_word)
    {
        let message =
            format!("`{text}` also names each {what} that only begins with `{before}`, such as `{before}-evil`");
        let hint = format!("write `{before}/*`");
        remarks.push(remark(node, Weight::Warning, "missing-slash", message, &hint));
    }
    if let Some((_, behind)) = text.rsplit_once('*')
        && behind.starts_with(is_word)
        && !behind.contains('/')
    {
        let message = format!("`{text}` also names each {what} that only ends with `{behind}`, such as `evil{behind}`");
        let hint = format!("write what stands before it: `*@{behind}`, `*/{behind}`");
        remarks.push(remark(node, Weight::Warning, "missing-slash", message, &hint));
    }
}

/// A wildcard over images that is not behind a slash.
pub(super) fn image(node: &Node, remarks: &mut Vec<Remark>) {
    let Some(text) = node.text() else { return };
    for alternative in text.split('|').map(str::trim) {
        let alternative = alternative.trim_start_matches('!').trim();
        let Some((before, _)) = alternative.split_once('*') else { continue };
        if before.is_empty() || before.ends_with(['/', ':', '@']) || before.contains("{{") {
            continue;
        }
        let is_host = !before.contains('/') && (before.contains(['.', ':']) || before == "localhost");
        let message = if is_host {
            format!(
                "`{alternative}` also matches the registry `{before}.evil.example`: no slash ends the registry's name"
            )
        } else {
            format!(
                "`{alternative}` also matches repositories that only begin with `{before}`, such as `{before}-evil`"
            )
        };
        let hint = if is_host {
            format!("write `{before}/*`")
        } else {
            format!("write `{before}:*` and `{before}@*` for this repository, or `{before}/*` for what lies below it")
        };
        // In a repository's name it may be meant; in a registry's it never is.
        let weight = if is_host { Weight::Warning } else { Weight::Note };
        remarks.push(remark(node, weight, "missing-slash", message, &hint));
    }
}
