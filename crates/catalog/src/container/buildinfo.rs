//! Dockerfiles that Red Hat's builds leave in `root/buildinfo`.

use signet_model::UnexaminedKind;

use super::COVERAGE;
use crate::syntax;
use crate::{Claim, Found, Input, Leaf};

/// Reads `root/buildinfo/Dockerfile-NAME-VERSION-RELEASE`.
pub(crate) static LEAF: Leaf = Leaf {
    id: "buildinfo",
    claims: &[Claim::In("root/buildinfo", "")],
    accepts: is_dockerfile,
    max_size: 4 << 20,
    read,
    coverage: COVERAGE,
};

fn is_dockerfile(path: &str) -> bool {
    path.rsplit('/').next().is_some_and(|name| name.starts_with("Dockerfile-"))
}

/// Gives the fact `build_nvr`: `COMPONENT-VERSION-RELEASE-ARCH`, from the labels `com.redhat.component` and `architecture` and the file's name.
///
/// Errors: a label that is missing. Source: containerbuildsystem/atomic-reactor, `add_dockerfile` plugin.
fn read(input: &Input<'_>) -> Found {
    let text = syntax::text(input.bytes);
    let label = |name: &str| {
        text.match_indices(name).find_map(|(at, _)| {
            let rest = text.get(at + name.len()..)?.trim_start_matches('"').strip_prefix('=')?;
            let before = text.get(..at)?.chars().next_back();
            if before.is_some_and(|before| !before.is_whitespace() && before != '"') {
                return None;
            }
            let value: String = match rest.strip_prefix('"') {
                Some(quoted) => quoted.chars().take_while(|c| *c != '"').collect(),
                None => rest.chars().take_while(|c| !c.is_whitespace()).collect(),
            };
            (!value.is_empty()).then_some(value)
        })
    };
    let (Some(component), Some(arch)) = (label("com.redhat.component"), label("architecture")) else {
        let why = "it has no label `com.redhat.component`, or no label `architecture`";
        return Found::unexamined(input.unexamined(UnexaminedKind::Malformed, why));
    };
    // The name ends with VERSION-RELEASE, neither of which holds a hyphen.
    let mut parts = input.name().rsplit('-');
    let (Some(release), Some(version)) = (parts.next(), parts.next()) else {
        return Found::unexamined(input.unexamined(UnexaminedKind::Malformed, "its name has no version and release"));
    };
    let mut found = Found::default();
    found.facts.insert("build_nvr", vec![format!("{component}-{version}-{release}-{arch}")]);
    found
}
