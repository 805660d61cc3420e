//! One spelling for the names of packages, applied to advisories when they are compiled and to packages when they are looked up.

use std::borrow::Cow;

/// The name under which the stream's advisories stand.
///
/// | stream | rule | source |
/// |---|---|---|
/// | `python` | lower case, runs of `-`, `_`, `.` become `-` | PEP 503 |
/// | `nuget`, `composer`, `hex`, `pub`, `bitnami`, `github-action` | lower case | their registries compare without case |
/// | `swift` | without scheme and `.git`, lower case | Swift Package Manager compares canonical locations |
/// | `cocoapods` | the pod without its subspec | podspec syntax reference |
/// | all others | as written | |
pub(crate) fn normal<'n>(stream: &str, name: &'n str) -> Cow<'n, str> {
    match stream {
        "python" => python(name),
        "nuget" | "composer" | "hex" | "pub" | "bitnami" | "github-action" => lower(name),
        "swift" => {
            let short = name.split_once("://").map_or(name, |(_, rest)| rest);
            lower(short.strip_suffix(".git").unwrap_or(short))
        }
        "cocoapods" => Cow::Borrowed(name.split('/').next().unwrap_or(name)),
        _ => Cow::Borrowed(name),
    }
}

fn lower(name: &str) -> Cow<'_, str> {
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    }
}

fn python(name: &str) -> Cow<'_, str> {
    let is_normal = |pair: &[u8]| {
        !(matches!(pair, [b'-', b'-'])) && !pair.iter().any(|b| b.is_ascii_uppercase() || matches!(b, b'_' | b'.'))
    };
    let bytes = name.as_bytes();
    if bytes.windows(2).all(is_normal) && (bytes.len() != 1 || is_normal(bytes)) {
        return Cow::Borrowed(name);
    }
    let mut out = String::with_capacity(name.len());
    for sign in name.chars() {
        if matches!(sign, '-' | '_' | '.') {
            if !out.ends_with('-') {
                out.push('-');
            }
        } else {
            out.push(sign.to_ascii_lowercase());
        }
    }
    Cow::Owned(out)
}

/// The name of a package in a module of an RPM distribution: `nodejs:12::npm`. `None` for a label without a stream.
pub(crate) fn modular(label: &str, name: &str) -> Option<String> {
    let mut parts = label.splitn(3, ':');
    let (module, stream) = (parts.next()?, parts.next()?);
    (!module.is_empty() && !stream.is_empty()).then(|| format!("{module}:{stream}::{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(stream: &str, name: &str, expected: &str) {
        assert_eq!(normal(stream, name), expected, "{stream} {name}");
    }

    #[test]
    fn names_have_one_spelling() {
        check("python", "Zope.Interface", "zope-interface");
        check("python", "a--b__c.-d", "a-b-c-d");
        check("python", "werkzeug", "werkzeug");
        check("python", "A", "a");
        check("nuget", "Newtonsoft.Json", "newtonsoft.json");
        check("swift", "https://github.com/apple/swift-nio.git", "github.com/apple/swift-nio");
        check("cocoapods", "AFNetworking/Reachability", "AFNetworking");
        check("npm", "@Scope/Name", "@Scope/Name");
        check("go", "github.com/Masterminds/semver", "github.com/Masterminds/semver");
    }

    #[test]
    fn modules_stand_before_the_name() {
        assert_eq!(modular("nodejs:12:8030020201124152102:229f0a1c", "npm").as_deref(), Some("nodejs:12::npm"));
        assert_eq!(modular("nodejs:12", "npm").as_deref(), Some("nodejs:12::npm"));
        assert_eq!(modular("nodejs", "npm"), None);
    }
}
