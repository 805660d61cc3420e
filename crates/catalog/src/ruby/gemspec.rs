//! `*.gemspec`: an installed gem, or a project that describes itself.

use std::collections::BTreeMap;

use signet_model::{Directness, License, Package, PackageKind, Presence, UnexaminedKind};

use super::literal::{self, Value};
use crate::syntax;
use crate::{Claim, Found, Input, Leaf};

/// Reads gem specifications.
pub(crate) static LEAF: Leaf = Leaf {
    id: "gemspec",
    claims: &[Claim::Suffix(".gemspec")],
    accepts,
    max_size: 4 << 20,
    read,
    coverage: super::COVERAGE,
};

/// Where RubyGems and Bundler keep what is installed, and projects of one's own. The specification in an unpacked gem's sources is not its
/// installed one, and says the same at best.
fn accepts(path: &str) -> bool {
    let path = format!("/{path}");
    let foreign = ["/gems/", "/node_modules/", "/usr/share/doc/", "/site-packages/"];
    is_installed(&path) || !foreign.iter().any(|part| path.contains(part))
}

/// `specifications/a-1.0.gemspec`, `specifications/default/a-1.0.gemspec`, `bundler/gems/a-0123456789ab/a.gemspec`.
fn is_installed(path: &str) -> bool {
    let parts: Vec<&str> = path.rsplit('/').collect();
    matches!(
        parts.as_slice(),
        [_, "specifications", ..] | [_, "default", "specifications", ..] | [_, _, "gems", "bundler", ..]
    )
}

/// Reads a specification.
///
/// Shape: Ruby that calls `Gem::Specification.new do |s|` and assigns `s.name`, `s.version`, `s.licenses`, ... RubyGems writes literals when
/// it installs a gem; a project's own may compute them. Literals and constants of the same file are read, nothing is run.
/// Errors: no specification; no name or version. A value that is computed is `Unresolved`.
/// Source: ruby/rubygems:lib/rubygems/specification.rb (`to_ruby`), guides.rubygems.org/specification-reference.
fn read(input: &Input<'_>) -> Found {
    let text = syntax::text(input.bytes);
    let spec = Spec::of(&text);
    let unexamined = |kind, why: String| Found::unexamined(input.unexamined(kind, why));
    if !spec.begins {
        return unexamined(UnexaminedKind::Malformed, "no `Gem::Specification.new`".to_owned());
    }
    let (name, version) = match (spec.text("name"), spec.text("version")) {
        (Ok((name, _)), Ok(version)) => (name, version),
        (Err(what), _) | (_, Err(what)) => return unexamined(what.0, what.1),
    };
    let (version, line) = version;
    let mut package = input.package(PackageKind::Gem, name, version);
    package.locations = vec![input.location.at_lines(line, line)];
    if !is_installed(&format!("/{}", input.path())) {
        package.presence = Presence::Declared;
        package.directness = Directness::Root;
    }
    spec.describe(&mut package);
    let mut found = Found { packages: vec![package], ..Found::default() };
    found.requires = spec.needs.iter().map(|need| (0, need.clone())).collect();
    found
}

/// Assignments of one specification.
#[derive(Default)]
struct Spec<'a> {
    begins: bool,
    /// By field, first one: the value, how it is written, and its line.
    fields: BTreeMap<&'a str, (Value<'a>, &'a str, u32)>,
    /// Constants and variables of the file, with texts.
    constants: BTreeMap<&'a str, String>,
    needs: Vec<String>,
}

/// Assignments of constants and variables that are kept; a specification has a few.
const CONSTANTS: usize = 1000;

impl<'a> Spec<'a> {
    fn of(text: &'a str) -> Spec<'a> {
        let mut spec = Spec::default();
        let mut at = 0;
        let mut number = 0u32;
        // Old RubyGems repeats all needs as plain ones in the `else` of `if s.respond_to? ...`.
        let mut repeated = false;
        for line in text.split_inclusive('\n') {
            number = number.saturating_add(1);
            let start = at + (line.len() - line.trim_start().len());
            at += line.len();
            let statement = line.trim();
            let rest = text.get(start..).unwrap_or_default();
            if statement.contains("Gem::Specification.new") {
                spec.begins = true;
            } else if statement == "else" {
                repeated = true;
            } else if let Some(need) = need(statement).filter(|_| !repeated && spec.needs.len() < CONSTANTS) {
                spec.needs.push(need);
            } else if let Some((left, value)) = assignment(rest) {
                let written = value.lines().next().unwrap_or_default().trim();
                match left.split_once('.') {
                    Some((_, field)) => {
                        let fact = || (literal::expression(value), written, number);
                        spec.fields.entry(field).or_insert_with(fact);
                    }
                    None => {
                        if let (Value::Text(value), true) =
                            (literal::expression(value), spec.constants.len() < CONSTANTS)
                        {
                            spec.constants.entry(left).or_insert(value);
                        }
                    }
                }
            }
        }
        spec
    }

    /// A field that must be a text, with its line.
    fn text(&self, field: &str) -> Result<(&str, u32), (UnexaminedKind, String)> {
        let Some((value, written, line)) = self.fields.get(field) else {
            return Err((UnexaminedKind::Malformed, format!("no {field}")));
        };
        let text = match value {
            Value::Text(text) => Some(text.as_str()),
            // `Foo::VERSION` of a file that sets `VERSION` in a module of its own is not guessed.
            Value::Name(name) => self.constants.get(name).map(String::as_str),
            Value::List(_) | Value::Computed => None,
        };
        match text.map(str::trim) {
            Some("") => Err((UnexaminedKind::Malformed, format!("line {line}: the {field} is empty"))),
            Some(text) => Ok((text, *line)),
            None => {
                let written: String = written.chars().take(100).collect();
                Err((UnexaminedKind::Unresolved, format!("line {line}: the {field} is computed: `{written}`")))
            }
        }
    }

    fn list(&self, fields: [&str; 2]) -> Vec<String> {
        let values = fields.iter().filter_map(|field| self.fields.get(field)).map(|(value, ..)| value);
        let texts = values.flat_map(|value| match value {
            Value::Text(text) => vec![text.clone()],
            Value::List(items) => items.clone(),
            _ => Vec::new(),
        });
        texts.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()).collect()
    }

    fn describe(&self, package: &mut Package) {
        package.licenses = self.list(["licenses", "license"]).into_iter().map(|value| License { value }).collect();
        package.licenses.dedup();
        let authors = self.list(["authors", "author"]);
        package.vendor = (!authors.is_empty()).then(|| authors.join(", "));
        package.description = self.text("summary").ok().map(|(text, _)| text.to_owned());
        for (field, fact) in [("homepage", "gem.homepage"), ("platform", "gem.platforms")] {
            if let Ok((text, _)) = self.text(field) {
                package.extra.insert(fact.to_owned(), text.to_owned());
            }
        }
    }
}

/// The left side and the text from the value on, of an assignment `x.field = ...` or `NAME = ...` at the start of a text.
fn assignment(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.'))?;
    let (left, rest) = text.split_at(end);
    let rest = rest.trim_start_matches([' ', '\t']).strip_prefix('=')?;
    let plain = !left.is_empty() && left.matches('.').count() <= 1 && !rest.starts_with(['=', '~', '>']);
    plain.then(|| (left, rest.trim_start_matches([' ', '\t'])))
}

/// The gem in `s.add_dependency(%q<name>.freeze, ...)`; what only development needs is not installed with a gem.
fn need(statement: &str) -> Option<String> {
    let (_, call) = statement.split_once(".add_")?;
    let argument = ["runtime_dependency", "dependency"].iter().find_map(|name| call.strip_prefix(name))?;
    let argument = argument.trim_start();
    let (name, _) = literal::string(argument.strip_prefix('(').unwrap_or(argument).trim_start())?;
    Some(name).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod paths {
    use super::*;

    #[test]
    fn which_files_are_read() {
        for (path, accepted, installed) in [
            ("usr/lib/ruby/gems/3.2.0/specifications/a-1.0.gemspec", true, true),
            ("usr/lib/ruby/gems/3.2.0/specifications/default/a-1.0.gemspec", true, true),
            ("usr/local/bundle/bundler/gems/a-0123456789ab/a.gemspec", true, true),
            ("usr/lib/ruby/gems/3.2.0/gems/a-1.0/a.gemspec", false, false),
            ("app/a.gemspec", true, false),
            ("a.gemspec", true, false),
        ] {
            assert_eq!((accepts(path), is_installed(&format!("/{path}"))), (accepted, installed), "{path}");
        }
    }
}
