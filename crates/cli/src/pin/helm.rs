//! Images in the values and templates of Helm charts.

use signet_model::ImageRef;
use signet_yaml::{Node, Value};

use super::find::{Found, Write, inside, odd, whole};

/// Depth of values that are looked through.
const MAX_DEPTH: usize = 64;

/// Values: `image: REFERENCE`, and mappings of `registry`, `repository`, `tag` and `digest`.
pub(super) fn values(text: &str, node: &Node, key: &str, depth: usize, found: &mut Vec<Found>) {
    if depth > MAX_DEPTH {
        found.push(odd(node, "it is nested too deep"));
        return;
    }
    match &node.value {
        Value::Sequence(items) => items.iter().for_each(|item| values(text, item, key, depth + 1, found)),
        Value::Mapping(entries) => {
            let repository = node.get("repository").filter(|repository| !repository.is_null());
            let is_image = node.get("tag").is_some() || node.get("digest").is_some() || key.ends_with("mage");
            match repository {
                Some(repository) if is_image => parts(text, node, repository, found),
                _ => {
                    for (name, value) in entries {
                        values(text, value, name.text().unwrap_or_default(), depth + 1, found);
                    }
                }
            }
        }
        Value::String(image) if (key == "image" || key.ends_with("Image")) && looks_like_one(image) => {
            whole(text, node, "", found);
        }
        _ => {}
    }
}

/// Charts use `image` for other words too: a pull policy, a name without tag that `tag:` elsewhere completes. With a tag or digest it is a reference.
fn looks_like_one(text: &str) -> bool {
    text.contains([':', '@', '/']) || text.contains("{{")
}

fn parts(text: &str, node: &Node, repository: &Node, found: &mut Vec<Found>) {
    let part = |key: &str| node.get(key).and_then(Node::text).filter(|text| !text.is_empty());
    let Some(path) = repository.text() else {
        found.push(odd(repository, "it is no text"));
        return;
    };
    let registry = part("registry").map(|host| format!("{host}/")).unwrap_or_default();
    let tag = part("tag").map(|tag| format!(":{tag}")).unwrap_or_default();
    let digest = part("digest").filter(|_| !tag.contains('@')).map(|digest| format!("@{digest}")).unwrap_or_default();
    let image = format!("{registry}{path}{tag}{digest}");
    let reference = match image.parse::<ImageRef>() {
        Ok(reference) if reference.tag().is_none() && reference.digest().is_none() => {
            Err("it has no tag here, the chart's own version is taken: write a tag".to_owned())
        }
        Ok(reference) => Ok(reference),
        Err(err) => Err(err.to_string()),
    };
    let write = match (node.get("digest"), node.get("tag")) {
        (Some(digest), _) => scalar(text, digest).map(Write::Digest),
        (None, Some(tag)) => scalar(text, tag).map(Write::Tag),
        (None, None) => None,
    };
    found.push(Found { line: repository.span.line as usize, image, reference, write });
}

/// The bytes of a scalar of one line, quotes included.
fn scalar(text: &str, node: &Node) -> Option<std::ops::Range<usize>> {
    let range = node.span.offset as usize..node.span.end_offset as usize;
    let written = text.get(range.clone())?;
    // An empty plain scalar has no bytes of its own, and what follows the key could be a comment.
    (!written.is_empty() && (inside(text, node).is_some() || matches!(written, "null" | "~"))).then_some(range)
}

/// A template: the lines `image: REFERENCE` that hold no action. The others are rendered from values.
pub(super) fn template(text: &str) -> Vec<Found> {
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let after = line.trim_start().trim_start_matches("- ").trim_start();
        let Some(rest) = after.strip_prefix("image:").filter(|rest| rest.starts_with([' ', '\t'])) else { continue };
        let image = rest.trim();
        let image = match image.chars().next() {
            Some(mark @ ('"' | '\'')) => image.get(1..).and_then(|rest| rest.split(mark).next()).unwrap_or_default(),
            _ => image.split([' ', '\t']).next().unwrap_or_default(),
        };
        if image.is_empty() || image.starts_with('#') || rest.contains("{{") {
            continue;
        }
        let start = (image.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
        let reference = image.parse().map_err(|err| format!("{err}"));
        let write = Some(Write::Reference(start..start + image.len()));
        found.push(Found { line: index + 1, image: image.to_owned(), reference, write });
    }
    found
}
