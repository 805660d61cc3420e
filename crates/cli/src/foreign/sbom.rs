//! SBOM formats by the names that Syft gives them: `NAME` or `NAME@VERSION`.

use anyhow::{Result, anyhow, bail};
use signet_sbom::Target;

use crate::report::{Format, Look, Report};

/// The other names that Syft has for a format of `signet_sbom`.
const ALIASES: &[(&str, &str)] = &[
    ("json", "syft-json"),
    ("syft", "syft-json"),
    ("cyclonedx", "cyclonedx-xml"),
    ("cyclonedxxml", "cyclonedx-xml"),
    ("cyclonedxjson", "cyclonedx-json"),
    ("spdxjson", "spdx-json"),
    ("spdx", "spdx-tag-value"),
    ("spdx-tv", "spdx-tag-value"),
    ("spdxtagvalue", "spdx-tag-value"),
    ("github", "github-json"),
    ("githubjson", "github-json"),
    ("purl", "purls"),
    ("purllist", "purls"),
];

/// A format to write.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sbom(Target);

impl Sbom {
    /// The format of this name; `others` are the names that the caller knows beside these, for the message.
    pub(crate) fn parse(text: &str, others: &[&str]) -> Result<Sbom> {
        let (name, version) = text.split_once('@').map_or((text, None), |(name, version)| (name, Some(version)));
        let name = ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, name)| *name);
        if !signet_sbom::NAMES.contains(&name) {
            let names = signet_sbom::NAMES.iter().chain(others).copied().collect::<Vec<_>>().join(", ");
            bail!("unsupported output format `{name}`: {names}");
        }
        let whole = version.map_or_else(|| name.to_owned(), |version| format!("{name}@{version}"));
        whole.parse().map(Sbom).map_err(|err| anyhow!("{err}"))
    }

    /// The bytes of a file.
    pub(crate) fn render(self, report: &Report) -> Result<Vec<u8>> {
        report.render(Format::Sbom(self.0), Look::default())
    }

    /// Whether it is JSON with a place for what is told of the source.
    pub(crate) fn source_place(self) -> Option<Place> {
        match self.0 {
            Target::SyftJson => Some(Place::Syft),
            Target::CycloneDxJson(_) => Some(Place::CycloneDx),
            Target::Spdx2(_, signet_sbom::spdx::Form::Json) => Some(Place::Spdx),
            _ => None,
        }
    }
}

/// Where a JSON format says what its source is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// `source`.
    Syft,
    /// `metadata.component`.
    CycloneDx,
    /// The package that the document describes.
    Spdx,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_versions() {
        for good in
            ["json", "syft-json", "cyclonedx@1.5", "cyclonedx-json@1.6", "spdx-json@2.2", "spdx", "github", "purls"]
        {
            assert!(Sbom::parse(good, &[]).is_ok(), "{good}");
        }
        for (alias, name) in ALIASES {
            assert!(signet_sbom::NAMES.contains(name) && Sbom::parse(alias, &[]).is_ok(), "{alias}");
        }
        let wrong = |text: &str| Sbom::parse(text, &["table"]).unwrap_err().to_string();
        assert!(wrong("cyclonedx-json@0.9").contains("1.2 to 1.7"));
        assert!(wrong("json@16").contains("one version only"));
        assert!(wrong("nonsense").contains("table"));
    }
}
