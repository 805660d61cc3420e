//! Quality profiles: what authorities want to see in an SBOM, field by field and component by component.

use std::fmt;

use super::Lint;
use super::view::{Component, View};

/// A profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Profile {
    /// The minimum elements of the NTIA, July 2021.
    Ntia,
    /// BSI TR-03183-2, version 2.1.0, August 2025: the required fields.
    Bsi,
    /// The minimum elements of CISA, draft of August 2025.
    Cisa,
}

impl Profile {
    /// All profiles.
    pub const ALL: &[Profile] = &[Profile::Ntia, Profile::Bsi, Profile::Cisa];

    /// The name on command lines.
    pub fn name(self) -> &'static str {
        match self {
            Profile::Ntia => "ntia",
            Profile::Bsi => "bsi",
            Profile::Cisa => "cisa",
        }
    }

    /// The document that defines it.
    pub fn title(self) -> &'static str {
        match self {
            Profile::Ntia => "NTIA minimum elements (2021)",
            Profile::Bsi => "BSI TR-03183-2 v2.1.0",
            Profile::Cisa => "CISA minimum elements (draft 2025)",
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How a document does in one field of a profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The field, as the profile calls it.
    pub name: &'static str,
    /// Of how many things it is demanded: components, or 1 for the document.
    pub total: usize,
    /// The components that lack it, by name and version; empty texts in it stand for the document itself.
    pub missing: Vec<String>,
}

impl Field {
    /// Whether nothing lacks it.
    pub fn is_fulfilled(&self) -> bool {
        self.missing.is_empty()
    }
}

/// A field of the whole document.
type OfDocument = (&'static str, fn(&View) -> bool);
/// A field of each component.
type OfComponent = (&'static str, fn(&Component) -> bool);

/// How a document does in a profile, each field in the profile's order.
///
/// A document of a format without a place for a field lacks it. Components are those that are listed, and the one that the document describes.
pub fn judge(profile: Profile, lint: &Lint) -> Vec<Field> {
    let view = View::of(lint);
    let (document, component): (&[OfDocument], &[OfComponent]) = match profile {
        Profile::Ntia => (NTIA, NTIA_COMPONENT),
        Profile::Bsi => (BSI, BSI_COMPONENT),
        Profile::Cisa => (CISA, CISA_COMPONENT),
    };
    let of_document = document.iter().map(|(name, holds)| Field {
        name,
        total: 1,
        missing: if holds(&view) { Vec::new() } else { vec![String::new()] },
    });
    let of_component = component.iter().map(|(name, holds)| Field {
        name,
        total: view.components.len(),
        missing: view.components.iter().filter(|component| !holds(component)).map(Component::label).collect(),
    });
    of_document.chain(of_component).collect()
}

/// Source: "The Minimum Elements For a Software Bill of Materials", table 1.
const NTIA: &[OfDocument] = &[
    ("author of the SBOM data", |view| !view.authors.is_empty() || !view.tools.is_empty()),
    ("timestamp", |view| view.has_timestamp),
    ("dependency relationships", |view| view.has_relationships),
];
const NTIA_COMPONENT: &[OfComponent] = &[
    ("supplier name", |component| component.supplier.is_some()),
    ("component name", |component| !component.name.is_empty()),
    ("component version", |component| !component.version.is_empty()),
    ("other unique identifiers", |component| component.has_identifier),
];

/// Source: TR-03183-2 v2.1.0, sections 4, 5.2.1 (document), 5.2.2 (component), 8.1.14 (no vulnerabilities); fields of 5.2.4 only where the data
/// exists are not demanded.
const BSI: &[OfDocument] = &[
    ("format: CycloneDX from 1.6 or SPDX from 3.0.1", |view| view.is_new),
    ("creator of the SBOM: e-mail or URL", |view| view.has_author_contact),
    ("timestamp", |view| view.has_timestamp),
    ("SBOM-URI", |view| view.has_uri),
    ("no vulnerability information", |view| !view.has_vulnerabilities),
];
const BSI_COMPONENT: &[OfComponent] = &[
    ("component creator: e-mail or URL", |component| component.has_contact),
    ("component name", |component| !component.name.is_empty()),
    ("component version", |component| !component.version.is_empty()),
    ("filename", |component| component.has_filename),
    ("dependencies", |component| component.has_dependencies),
    ("distribution licences", |component| component.has_concluded_licence),
    ("SHA-512 of the deployable component", |component| component.has_sha512),
    ("executable property", |component| component.has_executable),
    ("archive property", |component| component.has_archive),
    ("structured property", |component| component.has_structured),
];

/// Source: CISA, "2025 Minimum Elements for a Software Bill of Materials", draft for comment.
const CISA: &[OfDocument] = &[
    ("SBOM author", |view| !view.authors.is_empty()),
    ("timestamp", |view| view.has_timestamp),
    ("tool name", |view| !view.tools.is_empty()),
    ("generation context", |view| view.has_context),
    ("dependency relationships", |view| view.has_relationships),
];
const CISA_COMPONENT: &[OfComponent] = &[
    ("software producer", |component| component.supplier.is_some()),
    ("component name", |component| !component.name.is_empty()),
    ("component version", |component| !component.version.is_empty()),
    ("software identifiers", |component| component.has_identifier),
    ("component hash", |component| component.has_hash),
    ("licence", |component| component.has_licence),
];
