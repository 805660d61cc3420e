//! Which images a Dockerfile names, read as BuildKit reads it, and where they stand.
//!
//! What is named and cannot be resolved is an error, and so is what is not understood: an image that is left out would be taken for verified, or for pinned.
//! Source: Dockerfile reference (parser directives, `FROM`, `ARG`, `COPY --from`, `RUN --mount`, `ONBUILD`).

use std::ops::Range;

use anyhow::{Context as _, Result, bail, ensure};

/// Stages, arguments and images of a Dockerfile.
const MAX_NAMES: usize = 1000;

/// What a Dockerfile names.
#[derive(Debug, Default)]
pub(crate) struct Dockerfile {
    /// The images that are not stages of it, in their order, as often as they are named.
    pub(crate) images: Vec<Mention>,
    /// The image that the last stage comes from in the end, but for `scratch`.
    pub(crate) base: Option<String>,
    /// The image of the program that reads the file (`# syntax=`).
    pub(crate) frontend: Option<Mention>,
}

/// An image where it is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mention {
    /// With its variables in place.
    pub(crate) image: String,
    /// Line, counted from 1.
    pub(crate) line: usize,
    /// The bytes of the file that are the whole reference: there, or in the `ARG` that it comes from. `None` where it is put together from parts.
    pub(crate) at: Option<Range<usize>>,
}

/// A stage: its name in lower case, and the image that it comes from in the end.
struct Stage {
    name: Option<String>,
    base: Option<String>,
}

/// An argument before the first stage: its name, its default, and where that stands if it holds no variable itself.
struct Global {
    name: String,
    default: String,
    at: Option<Range<usize>>,
}

/// Where a name stands, which says what it may mean.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Spot {
    /// `COPY --from`, where a number is a stage.
    Copy,
    /// `RUN --mount=from=`.
    Mount,
}

/// A whole instruction.
struct Line {
    /// Its first line, counted from 1.
    number: usize,
    /// Its text, continued lines joined.
    text: String,
    /// For each piece of the text: where it begins in it, and in the file.
    pieces: Vec<(usize, usize)>,
}

impl Line {
    /// Where a part of this line's text stands in the file, if it was not continued in its midst.
    fn place(&self, part: &str) -> Option<Range<usize>> {
        let start = (part.as_ptr() as usize).checked_sub(self.text.as_ptr() as usize)?;
        let end = start.checked_add(part.len()).filter(|end| *end <= self.text.len())?;
        let index = self.pieces.iter().rposition(|(begin, _)| *begin <= start)?;
        let (begin, offset) = self.pieces.get(index)?;
        if self.pieces.get(index + 1).is_some_and(|(next, _)| *next < end) {
            return None;
        }
        let at = offset + (start - begin);
        Some(at..at + part.len())
    }
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

impl Dockerfile {
    /// Reads a Dockerfile; `variable` are the build arguments that are given. What BuildKit would refuse, and what is not understood here, is an error.
    pub(crate) fn read(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<Dockerfile> {
        read(text, variable)
    }
}

fn read(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<Dockerfile> {
    let mut named = Dockerfile { frontend: frontend(text), ..Dockerfile::default() };
    let mut stages: Vec<Stage> = Vec::new();
    let mut globals: Vec<Global> = Vec::new();
    let (escape, lines) = lines(text)?;
    for line in &lines {
        let number = line.number;
        let mut words = line.text.split_ascii_whitespace().peekable();
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
                        let written = default.trim_matches(['"', '\'']);
                        if let Some(default) = expand(written, &|name| lookup(variable, &globals, name)) {
                            let at = line.place(written).filter(|_| written == default);
                            globals.push(Global { name: name.to_owned(), default, at });
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
                let at = written(line, image, variable, &globals);
                let image = whole(image, &|name| lookup(variable, &globals, name), number)?;
                let base = match stage_of(&stages, &image) {
                    Some(stage) => stage.base.clone(),
                    None if image == "scratch" => None,
                    None => {
                        keep(&mut named.images, Mention { image: image.clone(), line: number, at })?;
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
                for flag in rest.iter().take_while(|word| word.starts_with("--")) {
                    ensure!(
                        !flag.contains(escape)
                            && flag.matches('"').count() % 2 == 0
                            && flag.matches('\'').count() % 2 == 0,
                        "line {number}: the flag `{flag}` cannot be read: write it without `{escape}`, and with no blank in quotes"
                    );
                    // Without quotes the name stands in the file as it is.
                    let plain = !flag.contains(['"', '\'']);
                    let place = |from: &str| {
                        plain.then(|| flag.rfind(from)).flatten().and_then(|at| flag.get(at..at + from.len()))
                    };
                    let flag_text = flag.replace(['"', '\''], "");
                    if let Some(from) = flag_text.strip_prefix("--from=").filter(|_| instruction != "RUN") {
                        let at = place(from).and_then(|from| written(line, from, variable, &globals));
                        found.push((from.to_owned(), Spot::Copy, at));
                    }
                    let mount = flag_text.strip_prefix("--mount=").filter(|_| instruction == "RUN");
                    for (key, from) in
                        mount.into_iter().flat_map(|mount| mount.split(',')).filter_map(|part| part.split_once('='))
                    {
                        if key.trim().eq_ignore_ascii_case("from") {
                            let part = format!("{key}={from}");
                            let at = place(&part).and_then(|part| part.get(key.len() + 1..));
                            let at = at.and_then(|from| written(line, from, variable, &globals));
                            found.push((from.to_owned(), Spot::Mount, at));
                        }
                    }
                }
            }
            _ => {}
        }
        for (name, spot, at) in found {
            let image = whole(&name, &|name| lookup(variable, &globals, name), number)?;
            if spot == Spot::Copy && image.bytes().all(|byte| byte.is_ascii_digit()) {
                let at: usize = image.parse().with_context(|| format!("line {number}: there is no stage {image}"))?;
                ensure!(at < stages.len(), "line {number}: there is no stage {image}");
            } else if image != "scratch" && stage_of(&stages, &image).is_none() {
                keep(&mut named.images, Mention { image, line: number, at })?;
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

fn keep(images: &mut Vec<Mention>, mention: Mention) -> Result<()> {
    images.push(mention);
    ensure!(images.len() <= MAX_NAMES, "more than {MAX_NAMES} images");
    Ok(())
}

/// Where the whole reference stands: here, or as the default of the one argument that is named here.
fn written(
    line: &Line,
    name: &str,
    variable: &dyn Fn(&str) -> Option<String>,
    globals: &[Global],
) -> Option<Range<usize>> {
    let name = name.trim_matches(['"', '\'']);
    let Some(argument) = name.strip_prefix('$') else {
        return line.place(name).filter(|_| !name.contains('$'));
    };
    let argument = argument.strip_prefix('{').map_or(Some(argument), |inner| inner.strip_suffix('}'))?;
    let global = globals.iter().rev().find(|global| global.name == argument)?;
    global.at.clone().filter(|_| variable(argument).is_none())
}

/// The environment goes before the default, as with Cosign.
fn lookup(variable: &dyn Fn(&str) -> Option<String>, globals: &[Global], name: &str) -> Option<String> {
    variable(name)
        .or_else(|| globals.iter().rev().find(|global| global.name == name).map(|global| global.default.clone()))
}

/// The image of `# syntax=`, a directive of the first comments alone.
fn frontend(text: &str) -> Option<Mention> {
    for (at, line) in text.strip_prefix('\u{feff}').unwrap_or(text).lines().enumerate() {
        let comment = line.trim_start().strip_prefix('#')?;
        let (key, value) = comment.split_once('=')?;
        let image = value.trim();
        if key.trim().eq_ignore_ascii_case("syntax") && !image.is_empty() {
            let start = (image.as_ptr() as usize).checked_sub(text.as_ptr() as usize)?;
            return Some(Mention { image: image.to_owned(), line: at + 1, at: Some(start..start + image.len()) });
        }
    }
    None
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

/// The escape, and whole instructions: comments are gone, continued lines joined.
fn lines(file: &str) -> Result<(char, Vec<Line>)> {
    let text = file.strip_prefix('\u{feff}').unwrap_or(file);
    let escape = escape_of(text)?;
    let mut found: Vec<Line> = Vec::new();
    let mut open = false;
    let mut numbered = text.lines().enumerate();
    while let Some((at, line)) = numbered.next() {
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
        let offset = (part.as_ptr() as usize).saturating_sub(file.as_ptr() as usize);
        match found.last_mut().filter(|_| open) {
            Some(whole) => {
                whole.pieces.push((whole.text.len(), offset));
                whole.text.push_str(part);
            }
            None => found.push(Line { number: at + 1, text: part.to_owned(), pieces: vec![(0, offset)] }),
        }
        open = goes_on;
        let Some(whole) = found.last().filter(|_| !open) else { continue };
        for document in here_documents(&whole.text).with_context(|| format!("line {}", whole.number))? {
            let end = |line: &str| document.name == if document.tabs { line.trim_start_matches('\t') } else { line };
            ensure!(
                numbered.by_ref().any(|(_, line)| end(line)),
                "line {}: the here-document `{}` does not end",
                whole.number,
                document.name
            );
        }
    }
    found.retain(|line| !line.text.trim().is_empty());
    Ok((escape, found))
}

/// A here-document that begins in an instruction.
struct HereDocument {
    /// The line that ends it.
    name: String,
    /// Tabs before it do not count.
    tabs: bool,
}

/// The here-documents of an instruction. Which `<<` begins one depends on how a shell would split the line, so all that is not plain is refused:
/// where the text is thought to end too late, an image is hidden. Source: moby/buildkit:frontend/dockerfile/parser, `reHeredoc`.
fn here_documents(line: &str) -> Result<Vec<HereDocument>> {
    let mut words = line.split_ascii_whitespace();
    let instruction = words.next().unwrap_or_default().to_ascii_uppercase();
    let mut found = Vec::new();
    if !line.contains("<<") || !matches!(instruction.as_str(), "ADD" | "COPY" | "RUN" | "ONBUILD") {
        return Ok(found);
    }
    let mut quoted = false;
    for word in words {
        let marks = word.contains(['"', '\'', '\\', '`']);
        if !word.replace("<<<", "").contains("<<") {
            quoted |= marks;
            continue;
        }
        let document = word.trim_start_matches(|digit: char| digit.is_ascii_digit()).strip_prefix("<<");
        let document = document.map(|rest| rest.strip_prefix('-').map_or((rest, false), |rest| (rest, true)));
        let plain = document.and_then(|(name, tabs)| {
            let name =
                ['"', '\''].iter().find_map(|mark| name.strip_prefix(*mark)?.strip_suffix(*mark)).unwrap_or(name);
            let good = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            (good && !quoted && instruction != "ONBUILD").then(|| HereDocument { name: name.to_owned(), tabs })
        });
        found.push(plain.with_context(|| {
            format!("`{word}` may begin a here-document, and where that ends is not certain: write it plainly, or move the text to a file")
        })?);
    }
    Ok(found)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&[&str]>) {
        let variable = |name: &str| (name == "SET").then(|| "given".to_owned());
        let found = read(text, &variable);
        let found = found.as_ref().ok().map(|named| {
            let mut images: Vec<&str> = named.images.iter().map(|mention| mention.image.as_str()).collect();
            images.dedup();
            images
        });
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
        check("FROM a:1\nRUN <<EOF\nFROM no\n\tEOF\nEOF\nFROM b:2", Some(&["a:1", "b:2"]));
        check("FROM a:1\nCOPY <<-'EOF' /x\n\\\n\tEOF\nFROM b:2", Some(&["a:1", "b:2"]));
        check("FROM a:1\nRUN cat <<A 3<<\"B\" \\\n && x\nB\nA\nFROM no\nB\nFROM b:2", Some(&["a:1", "b:2"]));
        check("FROM a:1\nRUN <<EOF\nx\n", None);
        check("FROM a:1\nRUN echo \" <<EOF \"\nFROM b:2\nEOF", None);
        check("FROM a:1\nRUN x<<EOF\nFROM b:2\nEOF", None);
        check("FROM a:1\nRUN <<\"EOF\nFROM b:2\nEOF", None);
        check("FROM a:1\nRUN echo \\<<EOF\nFROM b:2\nEOF", None);
        check("FROM a:1\nONBUILD RUN <<EOF\nEOF\nFROM b:2", None);
        check("FROM a:1\nLABEL x=<<EOF\nFROM b:2\nEOF", None);
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
        let base = |text: &str| read(text, &|_| None).unwrap().base;
        assert_eq!(base("FROM a:1 AS x\nFROM b:2\nFROM X\nCOPY --from=c:3 a b").as_deref(), Some("a:1"));
        assert_eq!(base("FROM a:1\nFROM b:2\nFROM a:1").as_deref(), Some("a:1"));
        assert_eq!(base("FROM a:1\nFROM scratch"), None);
    }

    #[test]
    fn each_image_says_where_it_stands() {
        let text = "\u{feff}# syntax=docker/dockerfile:1\r\nARG BASE=r.example/a:1\nARG V=2\nARG W=${V}\nFROM --platform=linux/amd64 \\\n  b:1 AS x\nFROM ${BASE}\n\
                    FROM c:${V}\nFROM $W\nCOPY --from=d:1 --chown=d:1 /x /y\nCOPY --from=\"e:1\" /x /y\nRUN --mount=type=bind,from=f:1,target=/x make\nFROM g\\\n:1\n";
        let found = read(text, &|_| None).unwrap();
        let places: Vec<(&str, usize, Option<&str>)> = found
            .frontend
            .iter()
            .chain(&found.images)
            .map(|one| (one.image.as_str(), one.line, one.at.clone().map(|at| &text[at])))
            .collect();
        assert_eq!(
            places,
            [
                ("docker/dockerfile:1", 1, Some("docker/dockerfile:1")),
                ("b:1", 5, Some("b:1")),
                ("r.example/a:1", 7, Some("r.example/a:1")),
                ("c:2", 8, None),
                ("2", 9, None),
                ("d:1", 10, Some("d:1")),
                ("e:1", 11, None),
                ("f:1", 12, Some("f:1")),
                ("g:1", 13, None),
            ]
        );
        let given = read(text, &|name| (name == "BASE").then(|| "other:1".to_owned())).unwrap();
        assert_eq!(given.images[1], Mention { image: "other:1".to_owned(), line: 7, at: None });
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "[FROMARGCPY=$\\{}:\\\\`#é \n-]{0,80}") {
            if let Ok(found) = read(&text, &|_| None) {
                for one in found.images {
                    proptest::prop_assert!(one.at.is_none_or(|at| text.get(at).is_some()));
                }
            }
        }
    }
}
