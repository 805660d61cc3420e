//! NetScaler (Citrix ADC).

use signet_model::{PackageKind, UnexaminedKind};

use super::COVERAGE;
use crate::syntax;
use crate::{Claim, Found, Input, Leaf, any_path};

/// Reads the configuration of the boot loader and of the appliance.
pub(crate) static LEAF: Leaf = Leaf {
    id: "netscaler",
    claims: &[Claim::Name("loader.conf"), Claim::Name("ns.conf")],
    accepts: any_path,
    max_size: 16 << 20,
    read,
    coverage: COVERAGE,
};

/// Takes the version from a kernel called `ns-VERSION-BUILD` or from the line `#NSVERSION Build BUILD`. Other systems have a `loader.conf` too:
/// what names no NetScaler is nobody's package. Errors: none. Source: docs.netscaler.com, "Upgrade and downgrade".
fn read(input: &Input<'_>) -> Found {
    let text = syntax::text(input.bytes);
    let version = text.lines().take(10_000).find_map(|line| kernel(line).or_else(|| heading(line)));
    let packages = version.map(|version| {
        let mut package = input.package(PackageKind::Other, "NetScaler", version);
        package.vendor = Some("Citrix".to_owned());
        package
    });
    let mut found = Found { packages: packages.into_iter().collect(), ..Found::default() };
    if found.packages.is_empty() && input.name() == "ns.conf" && input.path().contains("nsconfig/") {
        found
            .unexamined
            .push(input.unexamined(UnexaminedKind::Malformed, "it does not state the version of NetScaler"));
    }
    found
}

/// `ns-14.1-36.5`, where a word begins.
fn kernel(line: &str) -> Option<String> {
    line.match_indices("ns-").find_map(|(at, _)| {
        let before = line.get(..at)?.chars().next_back();
        let rest = line.get(at + 3..)?;
        let end = rest.find(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | '-')).unwrap_or(rest.len());
        let version = rest.get(..end)?.trim_end_matches(['.', '-']);
        let (release, build) = version.split_once('-')?;
        let number = |text: &str| text.contains('.') && text.starts_with(|first: char| first.is_ascii_digit());
        let begins = before.is_none_or(|before| !before.is_alphanumeric());
        (begins && number(release) && number(build)).then(|| version.to_owned())
    })
}

/// `#NS12.1 Build 55.329`.
fn heading(line: &str) -> Option<String> {
    let (release, build) = line.strip_prefix("#NS")?.split_once(" Build ")?;
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let build = build.split_whitespace().next()?.trim_end_matches([',', '.']);
    (number(release) && number(build)).then(|| format!("{release}-{build}"))
}
