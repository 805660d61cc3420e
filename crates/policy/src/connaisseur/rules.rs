//! The list of patterns: which rule is the one for an image.
//!
//! A pattern is open at both ends, and its `*` is any text. Of those that fit, the one with the most parts between slashes counts; then the one whose parts
//! begin like those of the image for longer; then the one with longer parts; then the later one.
//!
//! Source: sse-secure-systems/connaisseur:internal/config/config.go (`MatchingRule`), internal/policy/match.go; gobwas/glob.

use regex::Regex;
use signet_yaml::Node;

use super::reader::{Fields, wrong};
use crate::trust_policy::PolicyError;

/// Letters of a pattern.
const MAX_LENGTH: usize = 1_000;
/// Bytes of a compiled pattern.
const MAX_COMPILED: usize = 1 << 20;

/// A rule.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    /// As written.
    pub(super) pattern: String,
    folded: String,
    glob: Regex,
    /// The validator's name; `default` if it names none.
    pub(super) validator: String,
    pub(super) options: Options,
}

/// `with`
#[derive(Clone, Debug, Default)]
pub(super) struct Options {
    /// A name, `*` for all, or empty for `default`.
    pub(super) root: String,
    pub(super) log: Option<bool>,
    pub(super) certificate_log: Option<bool>,
    pub(super) threshold: usize,
    pub(super) required: Vec<String>,
    /// Whether the digest is written into the object.
    pub(super) pins: bool,
    pub(super) level: String,
    pub(super) timestamp: String,
}

impl Rule {
    pub(super) fn load(node: &Node) -> Result<Rule, PolicyError> {
        let fields = Fields::of(node, "policy.Rule", &["pattern", "validator", "with"])?;
        let pattern = fields.text("pattern")?;
        if pattern.is_empty() {
            return Err(wrong(node, "Pattern is a required field"));
        }
        let folded = fold_host(&pattern);
        let glob = compile(&folded)
            .map_err(|why| wrong(node, format!("`{}` is no pattern: {why}", pattern.escape_debug())))?;
        let validator = match fields.text("validator")? {
            name if name.is_empty() => "default".to_owned(),
            name => name,
        };
        let options =
            fields.get("with").map_or_else(|| Ok(Options { pins: true, ..Options::default() }), Options::load)?;
        Ok(Rule { pattern, folded, glob, validator, options })
    }

    /// How well the pattern fits an image.
    fn rank(&self, image: &str) -> (usize, Vec<usize>, Vec<usize>) {
        let parts: Vec<&str> = self.folded.split('/').collect();
        let mut of_image = image.split('/');
        let prefixes = parts.iter().map(|part| {
            let other = of_image.next().unwrap_or_default();
            part.bytes().zip(other.bytes()).take_while(|(one, other)| one == other).count()
        });
        (parts.len(), prefixes.collect(), parts.iter().map(|part| part.len()).collect())
    }
}

impl Options {
    fn load(node: &Node) -> Result<Options, PolicyError> {
        let known = [
            "trustRoot",
            "verifyInTransparencyLog",
            "verifySCT",
            "threshold",
            "required",
            "delegations",
            "mode",
            "verificationLevel",
            "verifyTimestamp",
        ];
        let fields = Fields::of(node, "policy.RuleOptions", &known)?;
        let (required, delegations) = (fields.texts("required")?, fields.texts("delegations")?);
        if !required.is_empty() && !delegations.is_empty() {
            return Err(wrong(node, "Required must not be set if Delegations is"));
        }
        if required.iter().chain(&delegations).any(String::is_empty) {
            return Err(wrong(node, "Required must not hold empty names"));
        }
        let choice = |key: &str, of: &[&str]| -> Result<String, PolicyError> {
            let text = fields.text(key)?;
            if text.is_empty() || of.contains(&text.as_str()) {
                return Ok(text);
            }
            Err(wrong(node, format!("{key} must be one of [{}]", of.join(" "))))
        };
        Ok(Options {
            root: fields.text("trustRoot")?,
            log: fields.flag("verifyInTransparencyLog")?,
            certificate_log: fields.flag("verifySCT")?,
            threshold: fields.count("threshold")?,
            required,
            pins: choice("mode", &["mutate", "insecureValidateOnly"])? != "insecureValidateOnly",
            level: choice("verificationLevel", &["strict", "permissive", "audit"])?,
            timestamp: choice("verifyTimestamp", &["always", "afterCertExpiry"])?,
        })
    }
}

/// The rule for an image, if any fits.
pub(super) fn best<'r>(rules: &'r [Rule], image: &str) -> Option<&'r Rule> {
    let image = fold_host(image);
    let fitting = rules.iter().filter(|rule| rule.glob.is_match(&image));
    // Of equals, `max_by` gives the last one, as Connaisseur does.
    fitting.max_by(|one, other| one.rank(&image).cmp(&other.rank(&image)))
}

/// Registries are told apart by no case.
fn fold_host(reference: &str) -> String {
    match reference.split_once('/') {
        Some((host, rest)) if host.contains(['.', ':']) || host.eq_ignore_ascii_case("localhost") => {
            format!("{}/{rest}", host.to_ascii_lowercase())
        }
        _ => reference.to_owned(),
    }
}

/// `*`, `?`, `[abc]`, `[!a-c]`, `{one,other}` and `\` before a letter that stands for itself.
fn compile(pattern: &str) -> Result<Regex, String> {
    if pattern.len() > MAX_LENGTH {
        return Err(format!("it is longer than {MAX_LENGTH} letters"));
    }
    let mut out = String::from("(?s)^.*");
    let mut letters = pattern.chars().peekable();
    let mut choices = 0_usize;
    while let Some(letter) = letters.next() {
        match letter {
            '*' => {
                while letters.next_if_eq(&'*').is_some() {}
                out.push_str(".*");
            }
            '?' => out.push('.'),
            '{' => {
                choices = choices.saturating_add(1);
                out.push_str("(?:");
            }
            '}' if choices > 0 => {
                choices = choices.saturating_sub(1);
                out.push(')');
            }
            ',' if choices > 0 => out.push('|'),
            '[' => {
                out.push('[');
                if letters.next_if_eq(&'!').is_some() {
                    out.push('^');
                }
                let mut closed = false;
                for letter in letters.by_ref() {
                    match letter {
                        ']' => {
                            closed = true;
                            break;
                        }
                        '-' => out.push('-'),
                        other => out.push_str(&regex::escape(&other.to_string())),
                    }
                }
                if !closed {
                    return Err("a `[` is not closed".to_owned());
                }
                out.push(']');
            }
            '\\' => out.push_str(&regex::escape(&letters.next().unwrap_or('\\').to_string())),
            other => out.push_str(&regex::escape(&other.to_string())),
        }
    }
    if choices > 0 {
        return Err("a `{` is not closed".to_owned());
    }
    out.push_str(".*$");
    let compiled = regex::RegexBuilder::new(&out).size_limit(MAX_COMPILED).build();
    compiled.map_err(|_| "it cannot be compiled".to_owned())
}
