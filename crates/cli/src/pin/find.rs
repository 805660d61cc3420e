//! The images that a file names, of whatever kind the file is, and where a digest belongs.

use std::ops::Range;
use std::path::Path;

use anyhow::{Context as _, Result};
use signet_model::ImageRef;
use signet_yaml::{Limits, Node};

use super::{helm, pipelines};
use crate::dockerfile::Dockerfile;

/// An image that a file names.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// Line, counted from 1.
    pub(super) line: usize,
    /// The image as the file has it.
    pub(super) image: String,
    /// What it refers to, or why that cannot be told.
    pub(super) reference: Result<ImageRef, String>,
    /// Where its digest is written; `None` where that is not possible in place.
    pub(super) write: Option<Write>,
}

/// How a digest gets into a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Write {
    /// These bytes are the whole reference.
    Reference(Range<usize>),
    /// These bytes are a YAML scalar of a tag; what follows it in the file's program accepts `TAG@DIGEST` as one.
    Tag(Range<usize>),
    /// These bytes are a YAML scalar that takes the digest alone.
    Digest(Range<usize>),
    /// A line `digest: DIGEST` goes behind the line of this byte, as far in as `column` says (from 1).
    Line {
        /// A byte of the line before.
        after: usize,
        /// Column of the key.
        column: usize,
    },
}

/// What a file is, by its name alone. `None` for one that names no images as far as is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Dockerfile,
    /// A template of a Helm chart, which is no YAML before it is rendered.
    Template,
    Yaml,
}

/// See [`Kind`].
pub(super) fn kind(path: &Path) -> Option<Kind> {
    let name = path.file_name()?.to_str()?.to_ascii_lowercase();
    if ["dockerfile", "containerfile"].iter().any(|word| {
        name == *word
            || name.strip_prefix(word).is_some_and(|rest| rest.starts_with('.') && !rest.ends_with(".dockerignore"))
            || name.strip_suffix(word).is_some_and(|rest| rest.ends_with('.'))
    }) {
        return Some(Kind::Dockerfile);
    }
    if !(name.ends_with(".yaml") || name.ends_with(".yml") || name.ends_with(".tpl")) {
        return None;
    }
    let in_chart = path
        .ancestors()
        .skip(1)
        .find(|folder| folder.file_name().is_some_and(|name| name == "templates"))
        .and_then(Path::parent)
        .is_some_and(|chart| chart.join("Chart.yaml").exists());
    match in_chart {
        true => Some(Kind::Template),
        false => (!name.ends_with(".tpl")).then_some(Kind::Yaml),
    }
}

/// The images of a file. An error means that the file could not be examined.
pub(super) fn images(path: &Path, kind: Kind, text: &str) -> Result<Vec<Found>> {
    let mut found = match kind {
        Kind::Dockerfile => dockerfile(text)?,
        Kind::Template => helm::template(text),
        Kind::Yaml => yaml(path, text)?,
    };
    found.sort_by_key(|one| one.line);
    // What comes through an alias stands where its anchor is, as often as it is used.
    found.dedup_by(|one, other| one.write.is_some() && one.write == other.write);
    Ok(found)
}

fn dockerfile(text: &str) -> Result<Vec<Found>> {
    // Build arguments are left at their defaults: what is built with others is not in the file.
    let read = Dockerfile::read(text, &|_| None)?;
    let mentions = read.frontend.into_iter().chain(read.images);
    Ok(mentions
        .map(|mention| {
            let reference = match mention.at {
                Some(_) => mention.image.parse().map_err(|err| format!("{err}")),
                None => match mention.image.parse::<ImageRef>() {
                    Ok(reference) if reference.digest().is_some() => Ok(reference),
                    _ => Err("it is put together from parts: write the whole reference into one `ARG`, or in place"
                        .to_owned()),
                },
            };
            Found { line: mention.line, image: mention.image, reference, write: mention.at.map(Write::Reference) }
        })
        .collect())
}

fn yaml(path: &Path, text: &str) -> Result<Vec<Found>> {
    let documents = match signet_yaml::parse(text, &Limits::default()) {
        Ok(documents) => documents,
        Err(err) if text.contains("{{") => {
            return Err(err).context("it looks like a template: pin what it is rendered from, or what it gives");
        }
        Err(err) => return Err(err.into()),
    };
    let mut found = Vec::new();
    for document in &documents {
        pipelines::document(path, text, &document.root, &mut found)?;
    }
    Ok(found)
}

/// A scalar that is a whole reference, perhaps behind a prefix such as `docker://`.
pub(super) fn whole(text: &str, node: &Node, prefix: &str, found: &mut Vec<Found>) {
    let Some(image) = node.text() else {
        if !node.is_null() {
            found.push(odd(node, "it is no text"));
        }
        return;
    };
    let Some(image) = image.strip_prefix(prefix) else { return };
    if image.is_empty() {
        return;
    }
    let line = node.span.line as usize;
    let inside = inside(text, node).map(|at| at.start + prefix.len()..at.end);
    let variable = ["${", "$(", "{{", "<%"].iter().any(|mark| image.contains(mark)) || image.starts_with('$');
    let reference = match image.parse::<ImageRef>() {
        Ok(reference) => Ok(reference),
        Err(_) if variable => Err("it depends on a variable: pin what the variable holds".to_owned()),
        Err(err) => Err(err.to_string()),
    };
    found.push(Found { line, image: image.to_owned(), reference, write: inside.map(Write::Reference) });
}

/// Something that should be an image and is none.
pub(super) fn odd(node: &Node, why: &str) -> Found {
    let image = node.text().unwrap_or_default().to_owned();
    Found { line: node.span.line as usize, image, reference: Err(why.to_owned()), write: None }
}

/// The bytes of a scalar between its quotes, if they are its value: no escapes, no folding.
pub(super) fn inside(text: &str, node: &Node) -> Option<Range<usize>> {
    let written = node.span.slice(text)?;
    let (start, end) = (node.span.offset as usize, node.span.end_offset as usize);
    let value = node.text()?;
    if written == value {
        return Some(start..end);
    }
    let quoted = ['"', '\''].iter().any(|mark| {
        written.strip_prefix(*mark).and_then(|rest| rest.strip_suffix(*mark)).is_some_and(|inner| inner == value)
    });
    quoted.then(|| start + 1..end - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_by_their_names() {
        for (path, expected) in [
            ("Dockerfile", Some(Kind::Dockerfile)),
            ("a/Dockerfile.prod", Some(Kind::Dockerfile)),
            ("web.Dockerfile", Some(Kind::Dockerfile)),
            ("Containerfile", Some(Kind::Dockerfile)),
            ("Dockerfile.dockerignore", None),
            ("mydockerfile", None),
            ("a.yml", Some(Kind::Yaml)),
            ("templates/a.yaml", Some(Kind::Yaml)),
            ("a.tpl", None),
            ("a.json", None),
            ("README.md", None),
        ] {
            assert_eq!(kind(Path::new(path)), expected, "{path}");
        }
    }
}
