//! `cosign dockerfile verify`, `cosign manifest verify`: the images that a file names, each verified.
//!
//! Sources: sigstore/cosign:cmd/cosign/cli/{dockerfile,manifest}; Dockerfile reference, `FROM`, `ARG`, `COPY --from`, `RUN --mount`. What a file names and
//! cannot be resolved is an error: an image that is left out would be taken for verified.

use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use signet_yaml::{Limits, Node};

use super::args::{DockerfileArgs, VerifyArgs};
use crate::settings::Settings;
use crate::verify::args::ImageArgs;
use crate::verify::demand::file;

/// Images of one file that are verified.
const MAX_IMAGES: usize = 200;
/// Stages and arguments of a Dockerfile.
const MAX_NAMES: usize = 1000;
/// Depth of a manifest that is looked into.
const MAX_DEPTH: usize = 64;

pub(super) fn dockerfile(args: &DockerfileArgs, compat: &str, settings: &Settings) -> Result<u8> {
    let path = &args.verify.wanted.image;
    let text = String::from_utf8(file(Path::new(path))?).with_context(|| format!("`{path}` is no text"))?;
    let mut images = of_dockerfile(&text, &|name| std::env::var(name).ok()).with_context(|| format!("in `{path}`"))?;
    if args.base_image_only {
        images = images.split_off(images.len().saturating_sub(1));
    }
    each(&images, path, &args.verify, compat, settings)
}

pub(super) fn manifest(args: &VerifyArgs<ImageArgs>, compat: &str, settings: &Settings) -> Result<u8> {
    let path = &args.wanted.image;
    let documents = signet_yaml::parse_bytes(&file(Path::new(path))?, &Limits::default())
        .with_context(|| format!("cannot read `{path}`"))?;
    let mut images = Vec::new();
    for document in &documents {
        of_manifest(&document.root, 0, &mut images).with_context(|| format!("in `{path}`"))?;
    }
    each(&images, path, args, compat, settings)
}

#[allow(clippy::print_stderr, reason = "Cosign's messages, which are not silenced by `--quiet`")]
fn each(images: &[String], path: &str, args: &VerifyArgs<ImageArgs>, compat: &str, settings: &Settings) -> Result<u8> {
    ensure!(!images.is_empty(), "no images found in {path}");
    eprintln!("Extracted image(s): {}", images.join(", "));
    for image in images {
        let mut one = args.clone();
        one.wanted.image.clone_from(image);
        super::verify::image(&one, compat, settings).with_context(|| format!("cannot verify `{image}`"))?;
    }
    Ok(0)
}

/// The images of a Dockerfile that are not stages of it, each once, in their order.
fn of_dockerfile(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<Vec<String>> {
    let (mut stages, mut images) = (Vec::<String>::new(), Vec::<String>::new());
    let mut globals: Vec<(String, String)> = Vec::new();
    let mut began = false;
    for (number, line) in lines(text) {
        let mut words = line.split_ascii_whitespace();
        let instruction = words.next().unwrap_or_default().to_ascii_uppercase();
        let mut found = Vec::new();
        match instruction.as_str() {
            "ARG" if !began => {
                for word in words {
                    if let Some((name, default)) = word.split_once('=') {
                        let default =
                            expand(default.trim_matches(['"', '\'']), &|name| lookup(variable, &globals, name));
                        if let Some(default) = default {
                            globals.push((name.to_owned(), default));
                            ensure!(globals.len() <= MAX_NAMES, "more than {MAX_NAMES} arguments");
                        }
                    }
                }
            }
            "FROM" => {
                began = true;
                let words: Vec<&str> = words.skip_while(|word| word.starts_with("--")).collect();
                let Some(image) = words.first() else { bail!("line {number}: `FROM` names no image") };
                found.push((*image).to_owned());
                let stage = words.get(1).filter(|word| word.eq_ignore_ascii_case("as")).and_then(|_| words.get(2));
                // A stage of the name is known from the next line on.
                if let Some(stage) = stage {
                    take(&mut images, &stages, &found, &|name| lookup(variable, &globals, name), number)?;
                    stages.push(stage.to_ascii_lowercase());
                    ensure!(stages.len() <= MAX_NAMES, "more than {MAX_NAMES} stages");
                    continue;
                }
            }
            "COPY" | "ADD" => found.extend(words.filter_map(|word| word.strip_prefix("--from=")).map(str::to_owned)),
            "RUN" => {
                let mounts =
                    words.take_while(|word| word.starts_with("--")).filter_map(|word| word.strip_prefix("--mount="));
                found.extend(
                    mounts
                        .flat_map(|mount| mount.split(','))
                        .filter_map(|part| part.strip_prefix("from="))
                        .map(str::to_owned),
                );
            }
            _ => {}
        }
        take(&mut images, &stages, &found, &|name| lookup(variable, &globals, name), number)?;
    }
    Ok(images)
}

fn take(
    images: &mut Vec<String>,
    stages: &[String],
    found: &[String],
    value: &dyn Fn(&str) -> Option<String>,
    number: usize,
) -> Result<()> {
    for name in found {
        let name = name.trim_matches(['"', '\'']);
        let Some(image) = expand(name, value).filter(|image| !image.is_empty()) else {
            bail!("line {number}: `{name}` depends on a variable that has no value: set it in the environment");
        };
        let own = stages.contains(&image.to_ascii_lowercase()) || image.bytes().all(|byte| byte.is_ascii_digit());
        if !own && image != "scratch" && !images.contains(&image) {
            images.push(image);
            ensure!(images.len() <= MAX_IMAGES, "more than {MAX_IMAGES} images");
        }
    }
    Ok(())
}

/// The environment goes before the default, as with Cosign.
fn lookup(variable: &dyn Fn(&str) -> Option<String>, globals: &[(String, String)], name: &str) -> Option<String> {
    variable(name).or_else(|| globals.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.clone()))
}

/// Whole instructions with the number of their first line: comments are gone, continued lines joined.
fn lines(text: &str) -> Vec<(usize, String)> {
    let escape = text
        .lines()
        .take_while(|line| line.trim_start().starts_with('#'))
        .find_map(|line| line.trim_start_matches(['#', ' ']).strip_prefix("escape="))
        .and_then(|escape| escape.trim().chars().next())
        .filter(|escape| matches!(escape, '`' | '\\'))
        .unwrap_or('\\');
    let mut found: Vec<(usize, String)> = Vec::new();
    let mut open = false;
    for (at, line) in text.lines().enumerate() {
        if line.trim_start().starts_with('#') || line.trim().is_empty() {
            continue;
        }
        // Blanks at the beginning of a continued line are part of the instruction.
        let line = if open { line.trim_end() } else { line.trim() };
        let (part, goes_on) = match line.strip_suffix(escape) {
            Some(part) => (part, true),
            None => (line, false),
        };
        match found.last_mut().filter(|_| open) {
            Some((_, whole)) => whole.push_str(part),
            None => found.push((at + 1, part.to_owned())),
        }
        open = goes_on;
    }
    found
}

/// `$NAME`, `${NAME}`, `${NAME:-DEFAULT}`, `${NAME:+OTHER}`; `None` where a value is missing.
fn expand(text: &str, value: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let mut whole = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        whole += before;
        let (name, tail) = match after.strip_prefix('{') {
            Some(inner) => inner.split_once('}')?,
            None => {
                let end =
                    after.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').unwrap_or(after.len());
                after.split_at_checked(end)?
            }
        };
        rest = tail;
        let set = |name: &str| value(name).filter(|value| !value.is_empty());
        whole += &match (name.split_once(":-"), name.split_once(":+")) {
            (Some((name, default)), _) => set(name).unwrap_or_else(|| default.to_owned()),
            (None, Some((name, other))) => set(name).map(|_| other.to_owned()).unwrap_or_default(),
            (None, None) => value(name).filter(|_| !name.is_empty())?,
        };
    }
    whole += rest;
    Some(whole)
}

/// Images of containers of every kind, wherever a pod is described, each once.
fn of_manifest(node: &Node, depth: usize, images: &mut Vec<String>) -> Result<()> {
    ensure!(depth <= MAX_DEPTH, "it is nested more than {MAX_DEPTH} deep");
    for item in node.as_seq().into_iter().flatten() {
        of_manifest(item, depth + 1, images)?;
    }
    for (key, value) in node.as_map().into_iter().flatten() {
        if matches!(key.as_str(), Some("containers" | "initContainers" | "ephemeralContainers")) {
            for container in value.as_seq().into_iter().flatten() {
                let Some(image) = container.get("image") else { continue };
                let Some(image) = image.as_str() else { bail!("an `image` is no text") };
                if !images.iter().any(|known| known == image) {
                    images.push(image.to_owned());
                    ensure!(images.len() <= MAX_IMAGES, "more than {MAX_IMAGES} images");
                }
            }
        }
        of_manifest(value, depth + 1, images)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&[&str]>) {
        let variable = |name: &str| (name == "SET").then(|| "given".to_owned());
        let found = of_dockerfile(text, &variable);
        let found = found.as_ref().ok().map(|images| images.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(found.as_deref(), expected, "{text}");
    }

    #[test]
    fn a_dockerfile_names_its_images() {
        check("FROM alpine:3\nRUN x", Some(&["alpine:3"]));
        check(
            "# a comment\nARG V=3.1\nfrom --platform=linux/amd64 r.example/a:${V} as Build\nFROM build\nCOPY --from=build a b",
            Some(&["r.example/a:3.1"]),
        );
        check("FROM scratch\nCOPY --from=r.example/b:1 /x /y\nCOPY --from=0 a b", Some(&["r.example/b:1"]));
        check("FROM \\\n  a:1 \\\n  AS x\nRUN --mount=type=bind,from=b:2,target=/x make", Some(&["a:1", "b:2"]));
        check("# escape=`\nFROM a`\n:1", Some(&["a:1"]));
        check("FROM $SET:1\nFROM ${NOT:-b}:2\nFROM ${SET}", Some(&["given:1", "b:2", "given"]));
        check("FROM $NOT", None);
        check("FROM", None);
        check("ARG A\nFROM ${A}", None);
        check("RUN echo FROM x", Some(&[]));
    }

    #[test]
    fn a_manifest_names_its_images() {
        let text = "spec:\n  template:\n    spec:\n      initContainers: [{image: a}]\n      containers:\n      - name: x\n        image: b\n      - image: a\n";
        let documents = signet_yaml::parse(text, &Limits::default()).unwrap();
        let mut images = Vec::new();
        of_manifest(&documents[0].root, 0, &mut images).unwrap();
        assert_eq!(images, ["a", "b"]);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "[FROMARGCPY=$\\{}:\\\\`#é \n-]{0,80}") {
            let _ = of_dockerfile(&text, &|_| None);
        }
    }
}
