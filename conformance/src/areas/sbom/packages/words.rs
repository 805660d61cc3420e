//! The words of each tool: what it calls a name and a version, what it leaves out of its lists on purpose, how it writes a purl.

use serde_json::Value;
use signet_model::Purl;

use super::{Answer, Expected};

pub(super) fn is_maven(expected: &Expected) -> bool {
    matches!(expected.ecosystem.as_str(), "java-pom" | "java-pomxml")
}

/// Trivy leaves out what a project gets from its container, and what is optional; we list it with its scope.
pub(super) fn is_left_out_by_trivy(expected: &Expected, package: &Value) -> bool {
    let extra = &package["extra"];
    expected.tool == "trivy"
        && is_maven(expected)
        && (extra["maven.optional"] == "true" || matches!(extra["maven.scope"].as_str(), Some("provided" | "system")))
}

/// scalibr lists components of Gradle's verification metadata that lack a group, a name or a version, which the schema has all three; we refuse
/// these, and say so.
pub(super) fn is_refused(expected: &Expected, answer: &Answer, package: &Value) -> bool {
    let name = package["name"].as_str().unwrap_or_default();
    let whole = !name.starts_with(':') && !name.ends_with(':');
    let unexamined = answer.document["unexamined"].as_array().map(Vec::as_slice).unwrap_or_default();
    expected.ecosystem == "java-gradleverificationmetadataxml"
        && !whole
        && unexamined.iter().any(|entry| entry["by"] == "gradle-verification" && entry["kind"] == "malformed")
}

/// Name and version of a found package in the words of the tool that wrote the test. What it takes for a version and we keep apart (a constraint, a
/// commit, the lowest version of an SDK) is taken from where we keep it.
pub(super) fn named(expected: &Expected, package: &Value) -> (String, String) {
    let of = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let fact = |name: &str| package["extra"][name].as_str().map(str::to_owned);
    let (name, version) = (of(&package["name"]), of(&package["version"]));
    let home = (expected.tool.as_str(), expected.ecosystem.as_str());
    let version = match home {
        // scalibr's manifests without a lock file: the constraint is the version
        ("scalibr", "gleam-gleamtoml" | "rust-cargotoml") => {
            fact("gleam.requirement").or_else(|| fact("cargo.requirement")).unwrap_or(version)
        }
        // scalibr keeps the version that was required of a module that a directory replaces
        ("scalibr", "golang-vendormodules") if version.is_empty() => {
            fact("go.replaces").and_then(|old| Some(old.split_once('@')?.1.to_owned())).unwrap_or(version)
        }
        // scalibr names an image by the bare digits of its id
        ("scalibr", "containers-podman") => version.trim_start_matches("sha256:").to_owned(),
        // Trivy: the branch is the version where there is none
        ("trivy", "swift-swift") if version.is_empty() => fact("swift.branch").unwrap_or(version),
        // Syft: the commit is the version
        ("syft", "elixir" | "erlang") if version.is_empty() => fact("hex.revision").unwrap_or(version),
        // Syft puts the lowest version of an SDK for the `0.0.0` of its packages, and leaves out those of which it knows none
        ("syft", "dart") if fact("dart.sdk").is_some() => fact("dart.minimum").unwrap_or_default(),
        ("trivy", _) if expected.minimum && fact("dart.sdk").is_some() => fact("dart.minimum").unwrap_or(version),
        ("scalibr", ecosystem) if version.is_empty() && !lowest(ecosystem, &package["extra"]).is_empty() => {
            lowest(ecosystem, &package["extra"])
        }
        _ if version.is_empty() && name == "stdlib" => fact("go.minimum").unwrap_or(version),
        _ if version.is_empty() && expected.minimum => {
            ["python.minimum", "nuget.minimum", "maven.minimum"].iter().find_map(|name| fact(name)).unwrap_or(version)
        }
        _ => version,
    };
    let name = match home {
        // scalibr names what an SBOM lists by its purl
        ("scalibr", "sbom-cdx" | "sbom-spdx") => {
            let purl = package["purl"].as_str().and_then(|text| Purl::parse_lenient(text).ok());
            purl.map(|purl| purl.name().to_owned()).unwrap_or(name)
        }
        // scalibr keeps the tag in an image's name
        ("scalibr", "containers-containerd" | "containers-podman") => {
            fact("oci.tag").map(|tag| format!("{name}:{tag}")).unwrap_or(name)
        }
        // Syft names an action with its directory, and a Swift package by the last part of its address
        ("syft", "githubactions") => fact("github.path").map(|path| format!("{name}/{path}")).unwrap_or(name),
        ("syft", "swift") => fact("swift.identity").unwrap_or(name),
        _ => name,
    };
    (name, version)
}

/// What a tool leaves out of its own list on purpose: scalibr takes only packages of CRAN out of renv's lock file and only those with a version of
/// their own out of Julia's, Syft only those of Hackage out of Stack's.
pub(super) fn not_listed(expected: &Expected, package: &Value) -> bool {
    match (expected.tool.as_str(), expected.ecosystem.as_str()) {
        ("scalibr", "r-renvlock") => package["extra"]["r.repository"] != "CRAN",
        ("scalibr", "julia-manifesttoml") => package["extra"]["julia.stdlib"].is_string(),
        ("syft", "haskell") => package["extra"]["haskell.source"].is_string(),
        _ => false,
    }
}

/// The version that a test states: Trivy keeps epoch and release of Bottlerocket's packages apart.
pub(super) fn stated_version(expected: &Expected, package: &Value) -> String {
    let version = package["version"].as_str().unwrap_or_default();
    match package["release"].as_str() {
        Some(release) if expected.ecosystem == "pkg-bottlerocket_inventory" => {
            let epoch = package["epoch"].as_u64().filter(|epoch| *epoch != 0);
            format!("{}{version}-{release}", epoch.map(|epoch| format!("{epoch}:")).unwrap_or_default())
        }
        _ => version.to_owned(),
    }
}

/// What osv-scalibr takes for the version of a package that a range asks for; empty where it takes none. We leave the version of a range empty and
/// keep the range beside it.
///
/// Python: the operand of the first `==`, `===`, `>=`, `<=` or `~=`, if the constraint is a single one without wildcard (of `setup.py`: the first of
/// several). Deno: the lowest version of npm's range, and JSR's range as it is.
fn lowest(ecosystem: &str, extra: &Value) -> String {
    let fact = |name: &str| extra[name].as_str().unwrap_or_default();
    let constraint = fact("python.constraint");
    let first = constraint.split(',').next().unwrap_or_default().trim();
    let operator = ["===", "==", ">=", "<=", "~="].into_iter().find(|operator| first.starts_with(operator));
    let operand = operator.map_or("", |operator| first[operator.len()..].trim());
    match ecosystem {
        "python-setup" if operator != Some("~=") => operand.to_owned(),
        "python-requirements" | "python-pyprojecttoml" if first == constraint && !first.contains('*') => {
            operand.to_owned()
        }
        "javascript-denojson" | "javascript-denotssource" => match fact("deno.specifier").starts_with("jsr:") {
            true => fact("deno.range").to_owned(),
            false => fact("deno.minimum").to_owned(),
        },
        _ => String::new(),
    }
}

/// Name and version as one tool and another write them: Trivy and we keep the `v` of Go versions, scalibr cuts it, also of modules of Deno; scalibr
/// writes the scope of a module of JSR without its `@`, and keeps the commit of a repository apart from its version; Syft writes a Java artifact
/// without its group and a PEAR package without its channel; Trivy calls the version of a package of Julia's standard library `unknown` where the
/// file does not tell it.
pub(super) fn normal(expected: &Expected, name: &str, version: &str) -> (String, String) {
    let deno = expected.tool == "scalibr" && expected.ecosystem.starts_with("javascript-deno");
    let version = if deno || expected.ecosystem.contains("golang") { version.trim_start_matches('v') } else { version };
    let name = match (expected.tool.as_str(), expected.ecosystem.as_str()) {
        ("syft", "java") => name.rsplit(':').next().unwrap_or(name),
        ("syft", "php") if expected.leaves == ["pear"] => name.rsplit('/').next().unwrap_or(name),
        _ if deno => name.trim_start_matches('@'),
        _ => name,
    };
    let commit = version.len() >= 7 && version.bytes().all(|byte| byte.is_ascii_hexdigit());
    let no_version = expected.ecosystem.contains("paket") && commit
        || expected.tool == "trivy" && expected.ecosystem.contains("julia") && version == "unknown";
    (name.to_owned(), if no_version { String::new() } else { version.to_owned() })
}

/// How a found package differs from a stated one in what the test states as plain text; empty if in nothing.
pub(super) fn details(expected: &Expected, stated: &Value, found: &Value) -> String {
    let own_version = found["version"] == named(expected, found).1.as_str();
    if let Some(arch) = stated["arch"].as_str()
        && found["arch"] != arch
    {
        return format!("architecture {arch} expected, {} found", found["arch"]);
    }
    let parse = |value: &Value| value.as_str().and_then(|text| Purl::parse_lenient(text).ok());
    if let (Some(stated), Some(found)) = (parse(&stated["purl"]), parse(&found["purl"])) {
        // The distribution's namespace comes from a release file that these inputs do not have, and qualifiers differ by tool.
        let system = matches!(stated.ty(), "rpm" | "deb" | "apk");
        let parts = |purl: &Purl| {
            let namespace = purl.namespace().filter(|_| !system).map(str::to_owned);
            // Syft writes a subspec into the name, purl's definition of CocoaPods into the subpath
            let subspec = purl.subpath().filter(|_| purl.ty() == "cocoapods");
            let name = subspec.map_or(purl.name().to_owned(), |subspec| format!("{}/{subspec}", purl.name()));
            // what the tool takes for a version and we do not stands in its purl, too
            let version = purl.version().filter(|_| own_version);
            (purl.ty().to_owned(), namespace, name, version.map(str::to_owned))
        };
        // Syft writes the category of a package of Gentoo into its name.
        let whole = |purl: &Purl| (purl.to_string().replace("%2F", "/"), purl.ty() == "ebuild");
        if parts(&stated) != parts(&found) && (whole(&stated) != whole(&found) || !whole(&found).1) {
            return format!("purl {stated} expected, {found} found");
        }
    }
    String::new()
}
