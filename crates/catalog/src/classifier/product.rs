//! What a recognised program is called outside: package name, purl, CPE.

use signet_model::{Package, PackageKind, Purl};

use crate::Input;

/// A product as SBOMs and advisories name it.
#[derive(Debug)]
pub(crate) struct Product {
    /// The package's name.
    pub(crate) name: &'static str,
    /// The purl without its version, where it is not `generic/NAME`: `golang/github.com/hashicorp/consul`.
    pub(crate) purl: Option<&'static str>,
    /// `vendor:product` pairs under which NVD lists it.
    pub(crate) cpes: &'static [&'static str],
}

impl Product {
    /// `pkg:generic/NAME`.
    pub(crate) const fn new(name: &'static str, cpes: &'static [&'static str]) -> Product {
        Product { name, purl: None, cpes }
    }

    /// With a purl of its own.
    pub(crate) const fn of_purl(name: &'static str, purl: &'static str, cpes: &'static [&'static str]) -> Product {
        Product { name, purl: Some(purl), cpes }
    }

    /// The package of this version, found at the input's place.
    pub(crate) fn package(&self, input: &Input<'_>, version: &str) -> Package {
        let mut package = input.package(PackageKind::Binary, self.name, version);
        package.stated_purl = self.purl.and_then(|purl| {
            let (ty, rest) = purl.split_once('/')?;
            let (namespace, name) = rest.rsplit_once('/').map_or((None, rest), |(space, name)| (Some(space), name));
            Purl::build(ty, namespace, name, Some(version), [], None).ok()
        });
        package.cpes = self.cpes.iter().filter_map(|cpe| cpe23(cpe, version)).collect();
        package
    }
}

/// A CPE 2.3 string of `vendor:product`. Source: NIST IR 7695, 5.3 and 6.2: all but letters, digits, `_`, `-` and `.` stand behind a backslash.
fn cpe23(product: &str, version: &str) -> Option<String> {
    let mut text = format!("cpe:2.3:a:{product}:");
    if version.is_empty() {
        return None;
    }
    for letter in version.chars() {
        if !letter.is_ascii_alphanumeric() && !matches!(letter, '_' | '-' | '.') {
            text.push('\\');
        }
        text.push(letter.to_ascii_lowercase());
    }
    text.push_str(":*:*:*:*:*:*:*");
    Some(text)
}
