//! Images that other artifacts stand on: `FROM` of Dockerfiles, `image` of Compose files; images in the stores of containerd, Podman and Docker.
//! And what Red Hat's image builds leave behind.

pub(crate) mod buildinfo;
pub(crate) mod compose;
pub(crate) mod containerd;
pub(crate) mod dockerfile;
pub(crate) mod podman;
pub(crate) mod stored;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use signet_model::{Package, PackageKind, Presence};

use crate::Input;

/// What this folder's leaves can tell.
const COVERAGE: &str = include_str!("coverage.yaml");

/// A file of the project and not one that came with an installed package or with documentation.
fn own_file(path: &str) -> bool {
    let path = format!("/{path}");
    !["/node_modules/", "/gems/", "/site-packages/", "/dist-packages/", "/usr/share/"]
        .iter()
        .any(|part| path.contains(part))
}

/// An image that a reference names: `NAME[:TAG][@DIGEST]`; the version is the digest, else the tag, else `latest`.
fn image(input: &Input<'_>, reference: &str, lines: (u32, u32)) -> Option<Package> {
    let (rest, digest) = reference.split_once('@').map_or((reference, None), |(rest, digest)| (rest, Some(digest)));
    // A colon before the last slash belongs to a port.
    let (name, tag) = match rest.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
        _ => (rest, None),
    };
    if name.is_empty() || reference.contains(char::is_whitespace) {
        return None;
    }
    let mut package = input.package(PackageKind::Container, name, digest.or(tag).unwrap_or("latest"));
    package.presence = Presence::Declared;
    package.locations = vec![input.location.at_lines(lines.0, lines.1)];
    if let (Some(tag), Some(_)) = (tag, digest) {
        package.extra.insert("oci.tag".to_owned(), tag.to_owned());
    }
    Some(package)
}

/// Replaces `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME-default}` and `${NAME:+value}`; `None` if a variable has no value.
/// Source: docs.docker.com, "Dockerfile reference", environment replacement; compose-spec `12-interpolation.md`.
fn expand(text: &str, variables: &BTreeMap<String, String>) -> Option<String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            out.push('$');
            rest = after;
            continue;
        }
        if let Some(inner) = after.strip_prefix('{') {
            let (inner, after) = inner.split_once('}')?;
            let end = inner.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(inner.len());
            let (name, operator) = inner.split_at_checked(end)?;
            let value = variables.get(name).filter(|value| !value.is_empty() || !operator.starts_with(':'));
            let value = match (value, operator) {
                (value, operator) if operator.trim_start_matches(':').starts_with('+') => {
                    value.and_then(|_| operator.split_once('+')).map_or("", |(_, other)| other)
                }
                (Some(value), _) => value,
                (None, operator) => operator.trim_start_matches(':').strip_prefix('-')?,
            };
            out.push_str(value);
            rest = after;
        } else {
            let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len());
            let (name, after) = after.split_at_checked(end)?;
            out.push_str(variables.get(name)?);
            rest = after;
        }
    }
    out.push_str(rest);
    Some(out)
}
