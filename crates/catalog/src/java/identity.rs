//! Which package an archive itself is.

use super::pom::Pom;
use super::{file_name, groups};
use crate::syntax::headers::{self, Header};

/// Group, artifact and version as found; group and version may be empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) group: String,
    pub(super) artifact: String,
    pub(super) version: String,
}

/// The pom among those inside that is the archive's own.
///
/// One that names the artifact and version of the file name; else one that names its artifact, when the file name has no version; else
/// the only one, when neither a version in the file name nor the manifest speaks against it.
pub(super) fn own_pom(file: &str, poms: &[Pom], manifest: &[Header]) -> Option<usize> {
    let (name, version) = file_name::split(file);
    let by = |fits: &dyn Fn(&Pom) -> bool| poms.iter().position(fits);
    by(&|pom| pom.artifact == name && pom.version == version)
        // `log4j-1.2-api-2.17.0`: where the version begins is not always clear
        .or_else(|| {
            by(&|pom| {
                file.strip_prefix(&pom.artifact)
                    .and_then(|rest| rest.strip_prefix('-'))
                    .is_some_and(|rest| rest.starts_with(&pom.version))
            })
        })
        .or_else(|| by(&|pom| pom.artifact == name && version.is_empty()))
        .or_else(|| (poms.len() == 1 && version.is_empty() && agrees(&poms[0], file, manifest)).then_some(0))
}

/// Whether the manifest leaves room for the pom to be the archive's own: it names no artifact with a version, or the pom's name or version.
///
/// An archive that shades a single library (guice, with cglib) holds that library's pom and says in its manifest that it is something else.
fn agrees(pom: &Pom, file: &str, manifest: &[Header]) -> bool {
    stated(file, manifest).is_none_or(|own| own.artifact == pom.artifact || own.version == pom.version)
}

/// What the manifest and the file name say. `None` when they name no artifact with a version.
///
/// A version in the file name is what the archive was published under, so name and version are taken from there, and the group from the
/// manifest. Else the manifest has to state both.
pub(super) fn stated(file: &str, manifest: &[Header]) -> Option<Identity> {
    let (name, version) = file_name::split(file);
    let (artifact, version) = match version.is_empty() {
        false => (name.to_owned(), version.to_owned()),
        true => (manifest_artifact(manifest)?, manifest_version(manifest)?),
    };
    let group = group(&artifact, manifest).unwrap_or_default();
    Some(Identity { group, artifact, version })
}

fn value<'a>(manifest: &'a [Header], name: &str) -> Option<&'a str> {
    let value = headers::get(manifest, name)?;
    // OSGi puts directives behind a semicolon
    let value = value.split(';').next().unwrap_or_default().trim();
    (!value.is_empty() && !value.contains("${") && !value.starts_with('%')).then_some(value)
}

/// Whether a text can be a group or artifact. Source: maven.apache.org/guides/mini/guide-naming-conventions.html.
fn is_id(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

fn manifest_artifact(manifest: &[Header]) -> Option<String> {
    let all = ["Implementation-Title", "Specification-Title", "Bundle-Name", "Short-Name"];
    let titles = || all.iter().filter_map(|name| value(manifest, name));
    titles().find(|title| is_id(title)).or_else(|| titles().next()).map(str::to_owned)
}

fn manifest_version(manifest: &[Header]) -> Option<String> {
    let all = ["Implementation-Version", "Specification-Version", "Bundle-Version", "Plugin-Version"];
    all.iter().find_map(|name| value(manifest, name)).map(str::to_owned)
}

fn group(artifact: &str, manifest: &[Header]) -> Option<String> {
    let dotted = |text: &&str| is_id(text) && text.contains('.');
    for name in ["Group-Id", "Implementation-Vendor-Id"] {
        if let Some(group) = value(manifest, name).filter(|text| is_id(text)) {
            return Some(group.to_owned());
        }
    }
    let symbolic = value(manifest, "Bundle-SymbolicName").filter(dotted);
    let domain = |text: &str| text.split('.').take(2).map(str::to_owned).collect::<Vec<_>>();
    if let Some(known) =
        groups::known(artifact).filter(|known| symbolic.is_none_or(|name| domain(name) == domain(known)))
    {
        return Some(known.to_owned());
    }
    if let Some(group) = value(manifest, "Extension-Name").filter(dotted) {
        return Some(group.to_owned());
    }
    // `com.fasterxml.jackson.core.jackson-databind`, `org.apache.commons.lang3`: the last part is the artifact
    symbolic.and_then(|name| name.rsplit_once('.')).map(|(group, _)| group.to_owned())
}
