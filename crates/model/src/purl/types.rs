//! The rules of each purl type. Source: package-url/purl-spec, `types/*-definition.json`.

use super::Purl;

/// Whether a type has a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    Required,
    Optional,
    Prohibited,
}

/// What the definition of one type says, as far as it can be checked without a registry.
#[derive(Debug)]
pub(super) struct TypeRule {
    ty: &'static str,
    pub(super) namespace: Need,
    /// Parts that are not case-sensitive and are written in lower case.
    lower: Lower,
    /// A qualifier that must be there.
    pub(super) qualifier: Option<&'static str>,
}

/// Namespace, name, version.
#[derive(Clone, Copy, Debug)]
struct Lower(bool, bool, bool);

const KEEP: Lower = Lower(false, false, false);
const NAMESPACE: Lower = Lower(true, false, false);
const NAME: Lower = Lower(false, true, false);
const VERSION: Lower = Lower(false, false, true);
const BOTH: Lower = Lower(true, true, false);
const NAME_VERSION: Lower = Lower(false, true, true);
const ALL: Lower = Lower(true, true, true);

use Need::{Optional, Prohibited, Required};

const fn rule(ty: &'static str, namespace: Need, lower: Lower) -> TypeRule {
    TypeRule { ty, namespace, lower, qualifier: None }
}

/// Sorted by type.
const RULES: [TypeRule; 42] = [
    rule("alpm", Required, BOTH),
    rule("apk", Required, BOTH),
    rule("bazel", Prohibited, KEEP),
    rule("bitbucket", Required, BOTH),
    rule("bitnami", Prohibited, NAME),
    rule("brew", Optional, BOTH),
    rule("cargo", Prohibited, KEEP),
    rule("chrome-extension", Prohibited, NAME),
    rule("cocoapods", Prohibited, KEEP),
    rule("composer", Required, BOTH),
    rule("conan", Optional, KEEP),
    rule("conda", Prohibited, KEEP),
    rule("cpan", Optional, KEEP),
    rule("cran", Prohibited, KEEP),
    rule("deb", Required, BOTH),
    rule("docker", Optional, KEEP),
    rule("gem", Prohibited, KEEP),
    rule("generic", Optional, KEEP),
    rule("git", Required, KEEP),
    rule("github", Required, BOTH),
    rule("golang", Required, KEEP),
    rule("hackage", Prohibited, KEEP),
    rule("hex", Optional, BOTH),
    rule("huggingface", Required, VERSION),
    TypeRule { ty: "julia", namespace: Prohibited, lower: KEEP, qualifier: Some("uuid") },
    rule("luarocks", Optional, BOTH),
    rule("maven", Required, KEEP),
    rule("mlflow", Prohibited, KEEP),
    rule("npm", Optional, KEEP),
    rule("nuget", Prohibited, KEEP),
    rule("oci", Prohibited, NAME_VERSION),
    rule("opam", Prohibited, KEEP),
    rule("otp", Prohibited, NAME),
    rule("pub", Prohibited, NAME),
    rule("pypi", Prohibited, NAME_VERSION),
    rule("qpkg", Required, NAMESPACE),
    rule("rpm", Required, NAMESPACE),
    TypeRule { ty: "swid", namespace: Optional, lower: KEEP, qualifier: Some("tag_id") },
    rule("swift", Required, KEEP),
    rule("vcpkg", Prohibited, KEEP),
    rule("vscode-extension", Required, ALL),
    rule("yocto", Optional, NAMESPACE),
];

/// The rules of a type in lower case; `None` for types that the specification does not know, which have none.
pub(super) fn rule_of(ty: &str) -> Option<&'static TypeRule> {
    RULES.binary_search_by(|rule| rule.ty.cmp(ty)).ok().and_then(|place| RULES.get(place))
}

/// Writes the parts as the type's definition wants them.
pub(super) fn normalise(purl: &mut Purl, rule: &TypeRule) {
    let Lower(namespace, name, version) = rule.lower;
    // Forges whose names are not case-sensitive; the type `git` itself keeps case.
    let forge = rule.ty == "git" && purl.namespace.as_deref().is_some_and(is_caseless_forge);
    // Databricks folds the case of model names, Azure keeps it.
    let databricks = rule.ty == "mlflow"
        && purl
            .qualifiers
            .get("repository_url")
            .is_some_and(|url| url.to_ascii_lowercase().contains("azuredatabricks"));
    if namespace || forge {
        purl.namespace = purl.namespace.take().map(|text| text.to_lowercase());
    }
    if name || forge || databricks {
        purl.name = purl.name.to_lowercase();
    }
    if version {
        purl.version = purl.version.take().map(|text| text.to_lowercase());
    }
    match rule.ty {
        // The namespace is the host alone, the name is the path of the repository.
        "git" => {
            let whole = match &purl.namespace {
                Some(namespace) => format!("{namespace}/{}", purl.name),
                None => purl.name.clone(),
            };
            let parts: Vec<&str> = whole.split('/').filter(|part| !part.is_empty()).collect();
            if let [host, path @ ..] = parts.as_slice()
                && !path.is_empty()
            {
                purl.namespace = Some((*host).to_owned());
                purl.name = path.join("/");
            }
        }
        "pypi" => purl.name = purl.name.replace('_', "-"),
        "hackage" => purl.name = purl.name.replace(['_', ' '], "-"),
        "pub" => purl.name = purl.name.replace(|c: char| !c.is_ascii_alphanumeric(), "_"),
        "cpan" => purl.namespace = purl.namespace.take().map(|text| text.to_uppercase()),
        _ => {}
    }
}

fn is_caseless_forge(namespace: &str) -> bool {
    let host = namespace.split('/').next().unwrap_or_default().to_ascii_lowercase();
    matches!(host.as_str(), "github" | "github.com" | "bitbucket" | "bitbucket.org")
}

/// The `permitted_characters` of the definitions, and the one string that a CPAN distribution cannot contain.
pub(super) fn check_characters(purl: &Purl) -> Result<(), String> {
    match purl.ty.as_str() {
        "chrome-extension" => {
            if purl.name.len() != 32 || !purl.name.bytes().all(|byte| (b'a'..=b'p').contains(&byte)) {
                return Err("an extension's name is 32 letters from a to p".to_owned());
            }
            let number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            if let Some(version) = &purl.version
                && (version.split('.').count() > 4 || !version.split('.').all(number))
            {
                return Err("an extension's version is one to four numbers".to_owned());
            }
        }
        "cpan" if purl.name.contains("::") => {
            return Err("a CPAN name is that of a distribution, not of a module: it has no `::`".to_owned());
        }
        _ => {}
    }
    Ok(())
}
