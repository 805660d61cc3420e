//! Configuration as Syft and Grype take it: a flag wins over `TOOL_*` variables, these over `.TOOL.yaml`, this over the default.
//!
//! Source: anchore/fangs and anchore/clio (`application.yaml`): a key `source.name` is the variable `TOOL_SOURCE_NAME`.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use clap::ArgAction;
use clap::builder::BoolishValueParser;
use serde_json::Value as Json;
use signet_yaml::Limits;

/// Largest configuration file, in bytes. `.TOOL.yaml` is read without being asked for, so its author may be anybody.
const MOST: u64 = 4 << 20;

/// A flag and the key that stands for it: the argument's id, the key's path with dots.
pub(crate) type Key = (&'static str, &'static str);

/// What the variables and the files say.
#[derive(Debug)]
pub(crate) struct Config {
    tool: &'static str,
    /// Later files win.
    files: Vec<(PathBuf, Json)>,
    /// Whether a file was found and not named.
    pub(crate) found: Option<PathBuf>,
}

impl Config {
    /// Reads the files that `-c`/`--config` or `TOOL_CONFIG` name, else the first of the usual places. `args` stand behind the program's name.
    pub(crate) fn read(tool: &'static str, args: &[OsString]) -> Result<Config> {
        let mut named = named(args);
        if named.is_empty() {
            let variable = std::env::var(format!("{}_CONFIG", tool.to_ascii_uppercase())).unwrap_or_default();
            named.extend(variable.split(',').filter(|path| !path.is_empty()).map(PathBuf::from));
        }
        let found = if named.is_empty() { places(tool).into_iter().find(|path| path.is_file()) } else { None };
        let mut files = Vec::new();
        for path in named.iter().chain(&found) {
            files.push((path.clone(), parse(path)?));
        }
        Ok(Config { tool, files, found })
    }

    /// The name of a key's variable.
    pub(crate) fn variable(&self, key: &str) -> String {
        format!("{}_{}", self.tool, key.replace(['.', '-'], "_")).to_ascii_uppercase()
    }

    /// What a file says under a key, as it stands there.
    pub(crate) fn node(&self, key: &str) -> Option<&Json> {
        self.files
            .iter()
            .rev()
            .find_map(|(_, root)| key.split('.').try_fold(root, |node, part| node.get(part)))
            .filter(|node| !node.is_null())
    }

    /// The one text under a key; an empty one is none.
    pub(crate) fn text(&self, key: &str) -> Result<Option<String>> {
        if let Ok(text) = std::env::var(self.variable(key)) {
            return Ok(Some(text).filter(|text| !text.is_empty()));
        }
        let mut texts = self.node(key).map_or(Ok(Vec::new()), |node| scalars(key, node))?;
        ensure!(texts.len() <= 1, "the setting `{key}` is one text and not a list");
        Ok(texts.pop().filter(|text| !text.is_empty()))
    }

    /// The truth value under a key.
    pub(crate) fn switch(&self, key: &str, default: bool) -> Result<bool> {
        match self.text(key)?.as_deref().map(str::to_ascii_lowercase).as_deref() {
            None => Ok(default),
            Some("true" | "1" | "yes" | "on" | "t" | "y") => Ok(true),
            Some("false" | "0" | "no" | "off" | "f" | "n") => Ok(false),
            Some(other) => bail!("the setting `{key}` is neither true nor false: `{other}`"),
        }
    }

    /// The table of flags with the settings as its defaults.
    pub(crate) fn command(&self, command: clap::Command, keys: &[Key]) -> Result<clap::Command> {
        let mut settings = Vec::new();
        for (id, key) in keys {
            let values = self.node(key).map_or(Ok(Vec::new()), |node| scalars(key, node))?;
            settings.push((*id, self.variable(key), values));
        }
        Ok(apply(command, &settings))
    }

    /// Keys of the files that are neither a flag's nor in `others`: they would be passed over.
    pub(crate) fn unknown(&self, keys: &[Key], others: &[&str]) -> Vec<String> {
        let mut names = BTreeSet::new();
        for (_, root) in &self.files {
            leaves(root, String::new(), &mut names);
        }
        let known = |name: &String| {
            let is = |key: &str| name == key || name.strip_prefix(key).is_some_and(|rest| rest.starts_with('.'));
            keys.iter().any(|(_, key)| is(key)) || others.iter().any(|key| is(key))
        };
        names.into_iter().filter(|name| !known(name)).collect()
    }
}

/// Every switch also as `--switch=true` and `--switch=false`, as users of tools that are written with cobra type them.
pub(crate) fn switches(command: clap::Command) -> clap::Command {
    command.mut_args(|arg| match arg.get_action() {
        ArgAction::SetTrue => arg
            .action(ArgAction::Set)
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true")
            .default_value("false")
            .hide_default_value(true)
            .hide_possible_values(true)
            .value_parser(BoolishValueParser::new()),
        _ => arg,
    })
}

/// Options of a scan that stand before a command would be those of another scan, and do nothing.
pub(crate) fn check_order(matches: &clap::ArgMatches, keys: &[Key]) -> Result<()> {
    let Some(command) = matches.subcommand_name() else { return Ok(()) };
    let ids = keys.iter().map(|(id, _)| *id).filter(|id| !matches!(*id, "quiet" | "verbose"));
    for id in ids.chain(["source"]) {
        if matches.value_source(id) == Some(clap::parser::ValueSource::CommandLine) {
            bail!("`{}` stands before the command `{command}`: put it behind", id.replace('_', "-"));
        }
    }
    Ok(())
}

fn apply(command: clap::Command, settings: &[(&'static str, String, Vec<String>)]) -> clap::Command {
    let command = switches(command).mut_args(|arg| {
        let Some((_, variable, values)) = settings.iter().find(|(id, _, _)| arg.get_id() == *id) else { return arg };
        let arg = arg.env(variable.clone());
        if values.is_empty() { arg } else { arg.default_values(values.clone()).hide_default_value(true) }
    });
    command.mut_subcommands(|command| apply(command, settings))
}

/// What `-c FILE`, `-cFILE`, `--config FILE` and `--config=FILE` name, in order.
fn named(args: &[OsString]) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    let mut args = args.iter().map(|arg| arg.to_string_lossy());
    while let Some(arg) = args.next() {
        let value = match arg.as_ref() {
            "--" => break,
            "-c" | "--config" => args.next().map(|value| value.into_owned()),
            other => other
                .strip_prefix("--config=")
                .or_else(|| other.strip_prefix("-c").filter(|rest| !rest.is_empty() && !other.starts_with("--")))
                .map(|value| value.trim_start_matches('=').to_owned()),
        };
        paths.extend(value.iter().flat_map(|value| value.split(',')).map(PathBuf::from));
    }
    paths
}

/// Where a file is looked for when none is named.
fn places(tool: &str) -> Vec<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).filter(|path| !path.is_empty()).map(PathBuf::from);
    let home = folder("HOME");
    let config = folder("XDG_CONFIG_HOME").or_else(|| Some(home.as_ref()?.join(".config")));
    let mut places = Vec::new();
    for ending in ["yaml", "yml"] {
        places.push(PathBuf::from(format!(".{tool}.{ending}")));
        places.push(Path::new(&format!(".{tool}")).join(format!("config.{ending}")));
        places.extend(home.as_ref().map(|home| home.join(format!(".{tool}.{ending}"))));
        places.extend(config.as_ref().map(|config| config.join(tool).join(format!("config.{ending}"))));
    }
    places
}

fn parse(path: &Path) -> Result<Json> {
    let context = || format!("cannot read the configuration `{}`", path.display());
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).with_context(context)?;
    std::io::Read::read_to_end(&mut std::io::Read::take(file, MOST + 1), &mut bytes).with_context(context)?;
    ensure!(bytes.len() as u64 <= MOST, "the configuration `{}` is larger than {MOST} bytes", path.display());
    let documents = signet_yaml::parse_bytes(&bytes, &Limits::default()).with_context(context)?;
    let root = documents.first().map_or(Json::Null, |document| signet_yaml::to_json(&document.root));
    ensure!(root.is_object() || root.is_null(), "the configuration `{}` is no mapping of settings", path.display());
    Ok(root)
}

fn scalars(key: &str, node: &Json) -> Result<Vec<String>> {
    Ok(match node {
        Json::String(text) => vec![text.clone()].into_iter().filter(|text| !text.is_empty()).collect(),
        Json::Bool(value) => vec![value.to_string()],
        Json::Number(value) => vec![value.to_string()],
        Json::Null => Vec::new(),
        Json::Array(items) => {
            let mut texts = Vec::new();
            for item in items {
                ensure!(!item.is_array(), "the setting `{key}` is a list of lists");
                texts.extend(scalars(key, item)?);
            }
            texts
        }
        Json::Object(_) => bail!("the setting `{key}` is a mapping where a text or list is wanted"),
    })
}

fn leaves(node: &Json, name: String, names: &mut BTreeSet<String>) {
    match node {
        Json::Object(entries) => {
            for (key, value) in entries {
                leaves(value, if name.is_empty() { key.clone() } else { format!("{name}.{key}") }, names);
            }
        }
        _ if name.is_empty() => {}
        _ => {
            names.insert(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(yaml: &str) -> Config {
        let documents = signet_yaml::parse(yaml, &Limits::default()).unwrap();
        let root = documents.first().map(|document| signet_yaml::to_json(&document.root)).unwrap_or_default();
        Config { tool: "toolofatest", files: vec![(PathBuf::from(".tool.yaml"), root)], found: None }
    }

    #[test]
    fn settings_are_found_by_their_path() {
        let config = config("source: {name: app, version: 1.10}\noutput: [json, table]\nquiet: yes\nempty: ''\n");
        assert_eq!(config.text("source.name").unwrap().as_deref(), Some("app"));
        assert_eq!(config.node("output").map(ToString::to_string).as_deref(), Some(r#"["json","table"]"#));
        assert!(config.switch("quiet", false).unwrap());
        assert!(config.switch("absent", true).unwrap());
        assert_eq!(config.text("empty").unwrap(), None);
        assert!(config.text("source").is_err(), "a mapping is no text");
        assert!(config.text("output").is_err(), "a list is not one text");
        assert_eq!(config.unknown(&[("output", "output")], &["source"]), ["empty", "quiet"]);
        assert_eq!(config.variable("source.base-path"), "TOOLOFATEST_SOURCE_BASE_PATH");
    }

    #[test]
    fn named_files() {
        let check = |line: &str, wanted: &[&str]| {
            let args: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            assert_eq!(named(&args), wanted.iter().map(PathBuf::from).collect::<Vec<_>>(), "{line}");
        };
        check("image -c a.yaml --config b.yaml --config=c.yaml -cd.yaml", &["a.yaml", "b.yaml", "c.yaml", "d.yaml"]);
        check("--catalogers x -- -c a", &[]);
        check("image -c", &[]);
    }
}
