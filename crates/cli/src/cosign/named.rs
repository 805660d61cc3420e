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
    let found = of_dockerfile(&text, &|name| std::env::var(name).ok()).with_context(|| format!("in `{path}`"))?;
    let images = if args.base_image_only { found.base.into_iter().collect() } else { found.images };
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

/// What a Dockerfile names.
#[derive(Debug, Default)]
struct Named {
    /// The images that are not stages of it, each once, in their order.
    images: Vec<String>,
    /// The image that the last stage comes from in the end, but for `scratch`.
    base: Option<String>,
}

/// A stage: its name in lower case, and the image that it comes from in the end.
struct Stage {
    name: Option<String>,
    base: Option<String>,
}

/// Where a name stands, which says what it may mean.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Spot {
    /// `COPY --from`, where a number is a stage.
    Copy,
    /// `RUN --mount=from=`.
    Mount,
}

const INSTRUCTIONS: [&str; 18] = [
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "ONBUILD",
    "RUN",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

/// Reads a Dockerfile as BuildKit does. What it would refuse, and what is not understood here, is an error.
fn of_dockerfile(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<Named> {
    let mut named = Named::default();
    let mut stages: Vec<Stage> = Vec::new();
    let mut globals: Vec<(String, String)> = Vec::new();
    let (escape, lines) = lines(text)?;
    for (number, line) in lines {
        let mut words = line.split_ascii_whitespace().peekable();
        let mut instruction = words.next().unwrap_or_default().to_ascii_uppercase();
        if instruction == "ONBUILD" {
            instruction = words.next().unwrap_or_default().to_ascii_uppercase();
            ensure!(
                !matches!(instruction.as_str(), "ONBUILD" | "FROM" | "MAINTAINER"),
                "line {number}: `ONBUILD {instruction}` is not allowed"
            );
        }
        ensure!(
            INSTRUCTIONS.contains(&instruction.as_str()),
            "line {number}: the instruction `{instruction}` is not known, so what it names cannot be verified"
        );
        let mut found = Vec::new();
        match instruction.as_str() {
            "ARG" if stages.is_empty() => {
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
                while words.next_if(|word| word.starts_with("--")).is_some() {}
                let words: Vec<&str> = words.collect();
                let (image, name) = match words.as_slice() {
                    [image] => (*image, None),
                    [image, word, name] if word.eq_ignore_ascii_case("as") => {
                        (*image, Some(stage_name(name).with_context(|| format!("line {number}"))?))
                    }
                    [] => bail!("line {number}: `FROM` names no image"),
                    _ => bail!("line {number}: `FROM` is followed by an image, or by an image, `AS` and a name"),
                };
                let image = whole(image, &|name| lookup(variable, &globals, name), number)?;
                let base = match stage_of(&stages, &image) {
                    Some(stage) => stage.base.clone(),
                    None if image == "scratch" => None,
                    None => {
                        keep(&mut named.images, &image)?;
                        Some(image)
                    }
                };
                named.base.clone_from(&base);
                // A stage of the name is known from the next line on.
                stages.push(Stage { name, base });
                ensure!(stages.len() <= MAX_NAMES, "more than {MAX_NAMES} stages");
            }
            "COPY" | "ADD" | "RUN" => {
                let rest: Vec<&str> = words.collect();
                ensure!(
                    !rest.iter().any(|word| word.replace("<<<", "").contains("<<")),
                    "line {number}: `<<` begins a here-document, and where that ends is not looked for: move it to a file"
                );
                for flag in rest.iter().take_while(|word| word.starts_with("--")) {
                    ensure!(
                        !flag.contains(escape)
                            && flag.matches('"').count() % 2 == 0
                            && flag.matches('\'').count() % 2 == 0,
                        "line {number}: the flag `{flag}` cannot be read: write it without `{escape}`, and with no blank in quotes"
                    );
                    let flag = flag.replace(['"', '\''], "");
                    if let Some(from) = flag.strip_prefix("--from=").filter(|_| instruction != "RUN") {
                        found.push((from.to_owned(), Spot::Copy));
                    }
                    let mount = flag.strip_prefix("--mount=").filter(|_| instruction == "RUN");
                    for (key, from) in
                        mount.into_iter().flat_map(|mount| mount.split(',')).filter_map(|part| part.split_once('='))
                    {
                        if key.trim().eq_ignore_ascii_case("from") {
                            found.push((from.to_owned(), Spot::Mount));
                        }
                    }
                }
            }
            _ => {}
        }
        for (name, spot) in found {
            let image = whole(&name, &|name| lookup(variable, &globals, name), number)?;
            if spot == Spot::Copy && image.bytes().all(|byte| byte.is_ascii_digit()) {
                let at: usize = image.parse().with_context(|| format!("line {number}: there is no stage {image}"))?;
                ensure!(at < stages.len(), "line {number}: there is no stage {image}");
            } else if image != "scratch" && stage_of(&stages, &image).is_none() {
                keep(&mut named.images, &image)?;
            }
        }
    }
    Ok(named)
}

/// A name with its variables in place.
fn whole(name: &str, value: &dyn Fn(&str) -> Option<String>, number: usize) -> Result<String> {
    let name = name.trim_matches(['"', '\'']);
    expand(name, value).filter(|image| !image.is_empty()).with_context(|| {
        format!("line {number}: `{name}` depends on a variable that has no value: set it in the environment")
    })
}

/// What BuildKit takes for the name of a stage. Anything else would hide an image behind it.
fn stage_name(name: &str) -> Result<String> {
    let lower = name.to_ascii_lowercase();
    let good = lower.starts_with(|letter: char| letter.is_ascii_lowercase())
        && lower.chars().all(|letter| matches!(letter, 'a'..='z' | '0'..='9' | '_' | '.' | '-'));
    ensure!(good, "`{name}` is no name of a stage: a letter, then letters, digits, `_`, `.` and `-`");
    Ok(lower)
}

fn stage_of<'a>(stages: &'a [Stage], name: &str) -> Option<&'a Stage> {
    let name = name.to_ascii_lowercase();
    stages.iter().rev().find(|stage| stage.name.as_ref() == Some(&name))
}

fn keep(images: &mut Vec<String>, image: &str) -> Result<()> {
    if !images.iter().any(|known| known == image) {
        images.push(image.to_owned());
        ensure!(images.len() <= MAX_IMAGES, "more than {MAX_IMAGES} images");
    }
    Ok(())
}

/// The environment goes before the default, as with Cosign.
fn lookup(variable: &dyn Fn(&str) -> Option<String>, globals: &[(String, String)], name: &str) -> Option<String> {
    variable(name).or_else(|| globals.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.clone()))
}

/// The escape that the parser directives choose. They are directives only up to the first line that is none.
fn escape_of(text: &str) -> Result<char> {
    let (mut escape, mut over) = (None, false);
    for (at, line) in text.lines().enumerate() {
        let Some(comment) = line.trim_start().strip_prefix('#') else { break };
        let Some((key, value)) = comment.split_once('=') else { break };
        match key.trim().to_ascii_lowercase().as_str() {
            "syntax" | "check" => {}
            "escape" if over || escape.is_some() => {
                bail!("line {}: `escape` is given again, or after a comment: it stands once, at the top", at + 1);
            }
            "escape" => {
                escape = Some(match value.trim() {
                    "`" => '`',
                    "\\" => '\\',
                    other => bail!("line {}: `{other}` is no escape: it is a backslash or a backtick", at + 1),
                });
            }
            // Versions differ in whether directives go on after one that they do not know.
            key if !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric()) => over = true,
            _ => break,
        }
    }
    Ok(escape.unwrap_or('\\'))
}

/// The escape, and whole instructions with the number of their first line: comments are gone, continued lines joined.
fn lines(text: &str) -> Result<(char, Vec<(usize, String)>)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let escape = escape_of(text)?;
    let mut found: Vec<(usize, String)> = Vec::new();
    let mut open = false;
    for (at, line) in text.lines().enumerate() {
        if line.trim_start().starts_with('#') || line.trim().is_empty() {
            continue;
        }
        // Blanks at the beginning of a continued line are part of the instruction.
        let line = if open { line.trim_end() } else { line.trim() };
        // An escape that is escaped continues nothing.
        let (part, goes_on) = match line.strip_suffix(escape) {
            Some(part) if !part.ends_with(escape) => (part, true),
            _ => (line, false),
        };
        match found.last_mut().filter(|_| open) {
            Some((_, whole)) => whole.push_str(part),
            None => found.push((at + 1, part.to_owned())),
        }
        open = goes_on;
    }
    found.retain(|(_, line)| !line.trim().is_empty());
    Ok((escape, found))
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
        let found = found.as_ref().ok().map(|named| named.images.iter().map(String::as_str).collect::<Vec<_>>());
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
        check("FROM a:1\nRUN echo $((1<2))", Some(&["a:1"]));
    }

    #[test]
    fn no_form_of_a_dockerfile_hides_an_image() {
        check("# Escape = `\nFROM a:1\nRUN dir C:\\\nFROM b:2", Some(&["a:1", "b:2"]));
        check("#syntax=x/y\n # escape=`\nFROM a:1\nRUN dir C:\\\nFROM b:2", Some(&["a:1", "b:2"]));
        check("# words\n# escape=`\nFROM a:1\nRUN x `\nFROM b:2", Some(&["a:1", "b:2"]));
        check("# other=1\n# escape=`\nFROM a:1", None);
        check("# escape=x\nFROM a:1", None);
        check("FROM a:1\nRUN echo \\\\\nFROM b:2", Some(&["a:1", "b:2"]));
        check("\u{feff}FROM a:1", Some(&["a:1"]));
        check("FROM a:1\nRUN <<EOF\nx\nEOF\nFROM b:2", None);
        check("FROM a:1\nCOPY <<-'EOF' /x\n\\\nEOF\nFROM b:2", None);
        check("FROM a:1\nRUN cat <<<word", Some(&["a:1"]));
        check("FROM a:1 AS evil/b:2\nFROM evil/b:2", None);
        check("FROM a:1 AS 1", None);
        check("FROM a:1 AS", None);
        check("FROM 1234\nFROM a:1", Some(&["1234", "a:1"]));
        check("FROM a:1\nCOPY --from=0 x y\nRUN --mount=from=7 z", Some(&["a:1", "7"]));
        check("FROM a:1\nCOPY --from=3 x y", None);
        check(
            "FROM a:1\nONBUILD COPY --from=b:2 x y\nonbuild run --mount=type=bind,From=c:3 x",
            Some(&["a:1", "b:2", "c:3"]),
        );
        check("FROM a:1\nRUN --mount=type=bind,\"from=b:2\" x", Some(&["a:1", "b:2"]));
        check("FROM a:1\nRUN --mount=\"type=bind, from=b:2\" x", None);
        check("FROM a:1\nCOPY --fr\\om=b:2 x y", None);
        check("FROM a:1\nINCLUDE other", None);
    }

    #[test]
    fn the_base_is_that_of_the_last_stage() {
        let base = |text: &str| of_dockerfile(text, &|_| None).unwrap().base;
        assert_eq!(base("FROM a:1 AS x\nFROM b:2\nFROM X\nCOPY --from=c:3 a b").as_deref(), Some("a:1"));
        assert_eq!(base("FROM a:1\nFROM b:2\nFROM a:1").as_deref(), Some("a:1"));
        assert_eq!(base("FROM a:1\nFROM scratch"), None);
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
