//! `setup.cfg`: what a project of setuptools needs.

use signet_model::Directness;

use super::{declared, requirements};
use crate::syntax;
use crate::{Claim, Found, Input, Leaf};

/// Reads `setup.cfg`.
pub(crate) static LEAF: Leaf = Leaf {
    id: "python-setup-cfg",
    claims: &[Claim::Name("setup.cfg")],
    accepts: super::own_file,
    max_size: 1 << 20,
    read,
    coverage: super::COVERAGE,
};

/// One option with the lines of its value: number and text.
struct Setting<'a> {
    section: &'a str,
    name: &'a str,
    lines: Vec<(u32, &'a str)>,
}

/// Reads the metadata and needs of a project.
///
/// Shape: an INI file of `configparser`: `[metadata]` with `name` and `version`; `[options]` with `install_requires`, `setup_requires` and
/// `tests_require`; `[options.extras_require]`. A value goes on over indented lines; needs stand one a line or split by `;`. `attr:` and `file:`
/// are left out: their value is elsewhere.
/// Errors: none of its own; a line that is no requirement, with its number. Source: setuptools.pypa.io, "Configuring setuptools using setup.cfg".
fn read(input: &Input<'_>) -> Found {
    let text = syntax::text(input.bytes);
    let settings = settings(&text);
    let mut found = Found::default();
    let stated = |name: &str| {
        let setting = settings.iter().find(|setting| setting.section == "metadata" && setting.name == name)?;
        let (line, value) = setting.lines.iter().find(|(_, value)| !value.is_empty())?;
        (!value.starts_with("attr:") && !value.starts_with("file:")).then_some((*line, *value))
    };
    if let Some((line, name)) = stated("name") {
        let version = stated("version").map_or("", |(_, version)| version);
        let mut project = declared(input, name, version, (line, line));
        project.directness = Directness::Root;
        found.packages.push(project);
    }
    for setting in &settings {
        let dev = match (setting.section, setting.name) {
            ("options", "install_requires" | "install-requires") => false,
            ("options", "setup_requires" | "setup-requires" | "tests_require" | "tests-require") => true,
            ("options.extras_require", _) => false,
            _ => continue,
        };
        let first = found.packages.len();
        for (number, line) in &setting.lines {
            // a `;` also begins a marker: only a line that is no requirement as a whole is a list
            let parts = if is_list(line) { line.split(';').collect() } else { vec![*line] };
            for part in parts.into_iter().filter(|part| !part.starts_with("file:") && !part.starts_with("attr:")) {
                requirements::line(input, part, (*number, *number), &mut found);
            }
        }
        for package in found.packages.iter_mut().skip(first) {
            package.dev = dev;
            package.directness = Directness::Direct;
        }
    }
    found
}

/// `a>=1; b>=2`, and not `a>=1; python_version < '3'`.
fn is_list(line: &str) -> bool {
    let Some((_, rest)) = line.split_once(';') else { return false };
    let word = rest.trim_start().split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).next().unwrap_or_default();
    const VARIABLES: [&str; 12] = [
        "python_version",
        "python_full_version",
        "os_name",
        "sys_platform",
        "platform_release",
        "platform_system",
        "platform_version",
        "platform_machine",
        "platform_python_implementation",
        "implementation_name",
        "implementation_version",
        "extra",
    ];
    !word.is_empty() && !VARIABLES.contains(&word)
}

fn settings(text: &str) -> Vec<Setting<'_>> {
    let mut settings: Vec<Setting<'_>> = Vec::new();
    let mut section = "";
    for (line, number) in text.lines().zip(1u32..) {
        let content = line.trim();
        if content.is_empty() || content.starts_with(['#', ';']) {
            continue;
        }
        if line.starts_with([' ', '\t']) {
            if let Some(setting) = settings.last_mut().filter(|setting| setting.section == section) {
                setting.lines.push((number, content.split(" #").next().unwrap_or_default().trim_end()));
            }
        } else if let Some(name) = content.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name.trim();
        } else if let Some((name, value)) = content.split_once(['=', ':']) {
            settings.push(Setting { section, name: name.trim(), lines: vec![(number, value.trim())] });
        }
    }
    settings
}
