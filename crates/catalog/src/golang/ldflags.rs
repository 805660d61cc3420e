//! The version of a program that was built from a checkout, as its makers told the linker.

use crate::syntax::json;

/// Names of variables that hold a version, lower case, best first.
const NAMES: &[&str] =
    &["version", "gitversion", "appversion", "buildversion", "releaseversion", "programversion", "ver", "gittag"];

/// The version that `-ldflags` sets in the main package or in the main module, with a `v` in front; `None` without one.
///
/// Shape: `-X path.name=value` or `-X=path.name=value`, values perhaps in quotes; the whole perhaps quoted as Go does.
/// Source: `go tool link -help`; golang/go:src/runtime/debug/mod.go.
pub(super) fn version(flags: &str, module: &str) -> Option<String> {
    let unquoted = match flags.starts_with('"').then(|| json::parse(flags).ok()).flatten() {
        Some(node) => node.as_str().unwrap_or_default().to_owned(),
        None => flags.trim_matches('`').to_owned(),
    };
    let words = words(&unquoted);
    let mut best: Option<((bool, usize), String)> = None;
    let mut after_x = false;
    for word in &words {
        let assignment = match (after_x, word.as_str()) {
            (_, "-X" | "--X") => {
                after_x = true;
                continue;
            }
            (true, word) => Some(word),
            (false, word) => word.strip_prefix("-X=").or_else(|| word.strip_prefix("--X=")),
        };
        after_x = false;
        let Some((variable, value)) = assignment.and_then(|assignment| assignment.split_once('=')) else { continue };
        let Some((package, name)) = variable.rsplit_once('.') else { continue };
        // Kubernetes keeps its version in a module of its own
        let own = package == "main"
            || package == module
            || package.strip_prefix(module).is_some_and(|rest| rest.starts_with('/'))
            || (module == "k8s.io/kubernetes" && package == "k8s.io/component-base/version");
        let rank = NAMES.iter().position(|known| name.eq_ignore_ascii_case(known));
        if let (true, Some(rank), Some(version)) = (own, rank, semver(value)) {
            let key = (package != "main", rank);
            if best.as_ref().is_none_or(|(known, _)| key < *known) {
                best = Some((key, version));
            }
        }
    }
    best.map(|(_, version)| version)
}

/// Words of a command line, with single and double quotes taken off.
fn words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut quote, mut begun) = (Vec::new(), String::new(), None, false);
    for c in text.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                begun = true;
            }
            (None, c) if c.is_whitespace() => {
                if begun {
                    words.push(std::mem::take(&mut word));
                    begun = false;
                }
            }
            (_, c) => {
                word.push(c);
                begun = true;
            }
        }
    }
    if begun {
        words.push(word);
    }
    words
}

/// A semantic version with at least major and minor, made to begin with `v`.
fn semver(value: &str) -> Option<String> {
    let bare = value.strip_prefix('v').unwrap_or(value);
    let core = bare.split(['-', '+']).next().unwrap_or_default();
    let parts: Vec<&str> = core.split('.').collect();
    let numeric = parts.iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
    let tail = bare.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-+_~".contains(&byte));
    (numeric && tail && (2..=4).contains(&parts.len())).then(|| format!("v{bare}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(flags: &str, expected: Option<&str>) {
        assert_eq!(version(flags, "example.com/app").as_deref(), expected, "{flags}");
    }

    #[test]
    fn flags() {
        check("-s -w -X main.version=1.2.3", Some("v1.2.3"));
        check("-X=main.Version=v1.2.3-rc.1", Some("v1.2.3-rc.1"));
        check("\"-X 'example.com/app/internal.Version=v2.0.0' -X \\\"main.commit=abc\\\"\"", Some("v2.0.0"));
        check("-X example.com/app/v.version=v1.0.0 -X main.version=v3.0.0", Some("v3.0.0"));
        check("-X main.version=dev", None);
        check("-X example.com/other.version=v1.0.0", None);
        check("-X example.com/application.version=v1.0.0", None);
        check("-X main.goVersion=1.21.0", None);
        check("-X main.version=UNKNOWN -X", None);
        check("", None);
    }
}
