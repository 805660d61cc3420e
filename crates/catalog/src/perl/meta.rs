//! `META.json`, `META.yml`, `MYMETA.json`, `MYMETA.yml`.

use signet_model::{Directness, License, PackageKind, Presence};

use crate::syntax::Node;
use crate::{Claim, Found, Input, Leaf};

/// Reads the metadata of a distribution that was built or installed by a client of CPAN.
pub(crate) static LEAF: Leaf = Leaf {
    id: "perl-meta",
    claims: &[Claim::Name("META.json"), Claim::Name("META.yml"), Claim::Name("MYMETA.json"), Claim::Name("MYMETA.yml")],
    accepts,
    max_size: 8 << 20,
    read,
    coverage: super::COVERAGE,
};

/// `META.json` is a name of others, too (PostgreSQL's extensions): it counts in the working directories of CPAN and cpanm, and in `.meta/NAME-VERSION/`,
/// where they record what they installed. `MYMETA.*` is Perl's alone. Of the two notations of one directory JSON is read.
fn accepts(path: &str) -> bool {
    let path = format!("/{path}");
    let ours = ["/.cpan/", "/.cpanm/", "/.cpanplus/", "/.meta/"].iter().any(|part| path.contains(part));
    ours || path.rsplit('/').next().is_some_and(|name| name.starts_with("MYMETA."))
}

/// Reads the metadata of one distribution.
///
/// Shape: an object with `name`, `version`, `abstract`, `author`, `license` and needs: `prereqs.runtime.requires` (version 2) or `requires` (before),
/// from module to version. A file without `name` describes nothing; one without `version` has an empty one.
/// Errors: no JSON or YAML object. Source: metacpan.org/pod/CPAN::Meta::Spec.
fn read(input: &Input<'_>) -> Found {
    match input.name().ends_with(".json") {
        true => input.json_object(|root| distribution(input, root)),
        false => input.yaml_mapping(|root| distribution(input, root)),
    }
}

fn distribution(input: &Input<'_>, root: &Node) -> Found {
    let Some(name) = root.str("name").filter(|name| !name.is_empty()) else { return Found::default() };
    let version = root.get("version").and_then(Node::scalar).unwrap_or_default();
    let mut package = input.package(PackageKind::Cpan, name, version);
    let path = format!("/{}", input.path());
    if !path.contains("/.meta/") && !path.contains("/.cpan") {
        package.presence = Presence::Declared;
        package.directness = Directness::Root;
    }
    let texts = |key: &str| match root.get(key) {
        Some(node) if node.as_str().is_some() => node.as_str().into_iter().collect::<Vec<_>>(),
        Some(node) => node.items().iter().filter_map(Node::as_str).collect(),
        None => Vec::new(),
    };
    package.licenses = texts("license")
        .into_iter()
        .filter(|text| *text != "unknown")
        .map(|value| License { value: value.to_owned() })
        .collect();
    package.vendor = texts("author").first().map(|author| (*author).to_owned());
    package.description = root.str("abstract").map(str::to_owned).filter(|text| text != "unknown");
    let needs =
        root.get("prereqs").and_then(|needs| needs.get("runtime")?.get("requires")).or_else(|| root.get("requires"));
    let modules = needs.map_or(&[][..], Node::members).iter().map(|(module, _)| module);
    // a distribution is called as its main module; others that it brings are not told here
    let requires = modules.filter(|module| *module != "perl").map(|module| (0, module.replace("::", "-"))).collect();
    Found { packages: vec![package], requires, ..Found::default() }
}
