//! OpenVEX documents: somebody who knows a product says whether a vulnerability affects it.
//!
//! Shape: JSON with `statements` of `{vulnerability, products, status, ...}`; version 0.0.1 writes vulnerabilities and products as plain strings.
//! `not_affected` and `fixed` suppress, `affected` and `under_investigation` do not. Where several statements are about the same vulnerability
//! and product, the newest decides.
//! Errors: a document of another format, or a statement without status, refuses the document.
//! Source: openvex/spec `OPENVEX-SPEC.md` 0.2.0; openvex/go-vex `pkg/vex/`; trivy `pkg/vex/` for products that contain the package.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use signet_model::{
    Directness, Finding, Inventory, PackageIndex, Purl, RelationshipKind, Suppression, SuppressionKind, Timestamp,
};

use super::{SuppressContext, names, product};

/// Why a document is no VEX that we can read.
#[derive(Debug, thiserror::Error)]
pub enum VexError {
    /// It is no JSON of this shape.
    #[error("cannot read the VEX document `{name}`")]
    Json {
        /// Its name.
        name: String,
        /// The cause.
        #[source]
        err: serde_json::Error,
    },
    /// Another format.
    #[error("`{name}` is no VEX document: {why}")]
    Foreign {
        /// Its name.
        name: String,
        /// What is wrong.
        why: String,
    },
}

/// What a document says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VexDocument {
    /// Its file name, or `@id`.
    pub name: String,
    /// Who says it.
    pub author: String,
    /// In the order of the document.
    pub statements: Vec<VexStatement>,
}

/// One statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VexStatement {
    /// The vulnerability's id and its aliases.
    pub ids: Vec<String>,
    /// Products with their subcomponents; what is no purl cannot match and is left out.
    pub products: Vec<(Purl, Vec<Purl>)>,
    /// `not_affected`, `fixed`, `affected`, `under_investigation`.
    pub status: String,
    /// Why it is not affected.
    pub justification: Option<String>,
    /// When it was said.
    pub time: Option<Timestamp>,
    /// A platform (CPE) of which alone the statement speaks: what holds for one release of a distribution says nothing of another.
    pub platform: Option<String>,
}

/// Enough of a document to know its format.
#[derive(Deserialize)]
struct Kind {
    #[serde(default)]
    document: Option<serde::de::IgnoredAny>,
    #[serde(rename = "bomFormat", default)]
    bom_format: Option<String>,
}

#[derive(Deserialize)]
struct WireDocument {
    #[serde(rename = "@context", default)]
    context: Option<serde_json::Value>,
    #[serde(rename = "@id", default)]
    id: String,
    #[serde(default)]
    author: String,
    #[serde(default)]
    timestamp: Option<String>,
    #[serde(default)]
    statements: Option<Vec<WireStatement>>,
}

#[derive(Deserialize)]
struct WireStatement {
    vulnerability: WireVulnerability,
    #[serde(default)]
    products: Vec<WireProduct>,
    #[serde(default)]
    subcomponents: Vec<WireProduct>,
    status: String,
    #[serde(default)]
    justification: Option<String>,
    #[serde(default)]
    impact_statement: Option<String>,
    #[serde(default)]
    timestamp: Option<String>,
    #[serde(default)]
    last_updated: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum WireVulnerability {
    Id(String),
    Full {
        #[serde(rename = "@id", default)]
        id: String,
        #[serde(default)]
        name: String,
        #[serde(default)]
        aliases: Vec<String>,
    },
}

#[derive(Deserialize)]
#[serde(untagged)]
enum WireProduct {
    Id(String),
    Full {
        #[serde(rename = "@id", default)]
        id: String,
        #[serde(default)]
        identifiers: BTreeMap<String, String>,
        #[serde(default)]
        subcomponents: Vec<WireProduct>,
    },
}

impl VexDocument {
    /// Reads a document of OpenVEX, CSAF or CycloneDX; what stands first in it tells which. `name` is how reports call it; the document's own
    /// id where it is empty.
    pub fn parse(name: &str, json: &[u8]) -> Result<VexDocument, VexError> {
        let unread = |err| VexError::Json { name: name.to_owned(), err };
        let kind: Kind = serde_json::from_slice(json).map_err(unread)?;
        if kind.document.is_some() {
            return super::csaf::read(name, serde_json::from_slice(json).map_err(unread)?);
        }
        if kind.bom_format.as_deref() == Some("CycloneDX") {
            return super::cyclonedx::read(name, serde_json::from_slice(json).map_err(unread)?);
        }
        let wire: WireDocument = serde_json::from_slice(json).map_err(unread)?;
        let foreign = |why: &str| VexError::Foreign { name: name.to_owned(), why: why.to_owned() };
        let is_vex = wire.context.as_ref().is_some_and(|context| context.to_string().contains("openvex.dev/ns"));
        if !is_vex {
            return Err(foreign(
                "it is neither OpenVEX (`@context`), nor CSAF (`document`), nor CycloneDX (`bomFormat`)",
            ));
        }
        let statements = wire.statements.ok_or_else(|| foreign("it has no `statements`"))?;
        let document_time = wire.timestamp.as_deref().and_then(crate::feeds::time);
        let mut document = VexDocument {
            name: if name.is_empty() { wire.id } else { name.to_owned() },
            author: wire.author,
            statements: Vec::with_capacity(statements.len()),
        };
        for statement in statements {
            if !matches!(statement.status.as_str(), "not_affected" | "fixed" | "affected" | "under_investigation") {
                return Err(foreign(&format!("`{}` is no status", statement.status)));
            }
            let ids = match statement.vulnerability {
                WireVulnerability::Id(id) => vec![id],
                WireVulnerability::Full { id, name, aliases } => {
                    [id, name].into_iter().chain(aliases).filter(|id| !id.is_empty()).collect()
                }
            };
            // Version 0.0.1 lists subcomponents once for all products.
            let shared: Vec<Purl> = statement.subcomponents.iter().flat_map(purls).collect();
            let named_subcomponents = !statement.subcomponents.is_empty();
            let mut products = Vec::new();
            for wanted in &statement.products {
                let inner = match wanted {
                    WireProduct::Full { subcomponents, .. } => subcomponents.as_slice(),
                    WireProduct::Id(_) => &[],
                };
                let own: Vec<Purl> = inner.iter().flat_map(purls).collect();
                // Subcomponents that are no purls narrow the statement to something that we cannot find: it says nothing to us then.
                if (!inner.is_empty() || named_subcomponents) && own.is_empty() && shared.is_empty() {
                    continue;
                }
                let subcomponents = if own.is_empty() { shared.clone() } else { own };
                products.extend(purls(wanted).into_iter().map(|purl| (purl, subcomponents.clone())));
            }
            let time = statement.last_updated.or(statement.timestamp).as_deref().and_then(crate::feeds::time);
            document.statements.push(VexStatement {
                ids,
                products,
                status: statement.status,
                justification: statement.impact_statement.or(statement.justification),
                time: time.or(document_time),
                platform: None,
            });
        }
        Ok(document)
    }
}

fn purls(product: &WireProduct) -> Vec<Purl> {
    let texts: Vec<&String> = match product {
        WireProduct::Id(id) => vec![id],
        WireProduct::Full { id, identifiers, .. } => identifiers.get("purl").into_iter().chain([id]).collect(),
    };
    let mut purls: Vec<Purl> = texts.into_iter().filter_map(|text| text.parse().ok()).collect();
    purls.dedup();
    purls
}

/// The documents while they are applied.
pub(super) struct Applied<'v> {
    /// Newest last.
    statements: Vec<(&'v VexDocument, &'v VexStatement)>,
    parents: Parents<'v>,
    artifact: &'v [Purl],
}

impl<'v> Applied<'v> {
    pub(super) fn new(documents: &'v [VexDocument], context: &SuppressContext<'v>) -> Applied<'v> {
        let mut statements: Vec<_> = documents
            .iter()
            .flat_map(|document| document.statements.iter().map(move |statement| (document, statement)))
            .filter(|(_, statement)| {
                statement
                    .platform
                    .as_deref()
                    .is_none_or(|cpe| product::may_run_on(cpe, context.inventory.distro.as_ref()))
            })
            .collect();
        // Stable: of two of the same time the later one counts.
        statements.sort_by_key(|(_, statement)| statement.time);
        let parents = if statements.is_empty() { Parents::default() } else { Parents::of(context.inventory) };
        Applied { statements, parents, artifact: context.artifact }
    }

    pub(super) fn suppress(&self, finding: &Finding, purl: Option<&Purl>) -> Option<Suppression> {
        let purl = purl?;
        let about: Vec<_> = self
            .statements
            .iter()
            .rev()
            .filter(|(_, statement)| statement.ids.iter().any(|id| names(id, finding)))
            .collect();
        if about.is_empty() {
            return None;
        }
        // What the newest statement about a product says of the package in it.
        let says = |product: &Purl, is_package: bool| {
            about.iter().copied().find(|(_, statement)| {
                statement.products.iter().any(|(wanted, inner)| {
                    let inside = if is_package {
                        inner.is_empty()
                    } else {
                        inner.is_empty() || inner.iter().any(|part| product::matches(part, purl))
                    };
                    inside && product::matches(wanted, product)
                })
            })
        };
        let clears = |found: Option<&(&'v VexDocument, &'v VexStatement)>| {
            found.copied().filter(|(_, statement)| matches!(statement.status.as_str(), "not_affected" | "fixed"))
        };
        // The package itself, then the artifact as a whole, then everything that contains it.
        if let Some(direct) = says(purl, true) {
            return clears(Some(direct)).map(trace);
        }
        if let Some(whole) = self.artifact.iter().find_map(|artifact| says(artifact, false)) {
            return clears(Some(whole)).map(trace);
        }
        self.parents.all_ways_cleared(finding.package, |parent| clears(says(parent, false))).map(trace)
    }
}

fn trace((document, statement): (&VexDocument, &VexStatement)) -> Suppression {
    Suppression {
        kind: SuppressionKind::Vex,
        source: document.name.clone(),
        status: statement.status.clone(),
        statement: statement.justification.clone(),
    }
}

/// Who contains or needs each package.
#[derive(Default)]
struct Parents<'i> {
    of: BTreeMap<PackageIndex, Vec<PackageIndex>>,
    purls: BTreeMap<PackageIndex, Purl>,
    /// The project, where there is exactly one: it contains what nobody else does.
    root: Option<PackageIndex>,
    inventory: Option<&'i Inventory>,
}

impl<'i> Parents<'i> {
    fn of(inventory: &'i Inventory) -> Parents<'i> {
        let mut parents = Parents { inventory: Some(inventory), ..Parents::default() };
        for edge in &inventory.relationships {
            let (parent, child) = match edge.kind {
                RelationshipKind::DependsOn => (edge.from, edge.to),
                RelationshipKind::ContainedIn => (edge.to, edge.from),
                RelationshipKind::OwnedBy => continue,
            };
            parents.of.entry(child).or_default().push(parent);
        }
        for (n, package) in inventory.packages.iter().enumerate() {
            let Ok(n) = u32::try_from(n) else { break };
            if let Some(purl) = package.purl(inventory.distro.as_ref()) {
                parents.purls.insert(PackageIndex(n), purl);
            }
        }
        let mut roots = (0u32..).zip(&inventory.packages).filter(|(_, package)| package.directness == Directness::Root);
        parents.root = match (roots.next(), roots.next()) {
            (Some((n, _)), None) => Some(PackageIndex(n)),
            _ => None,
        };
        parents
    }

    fn above(&self, package: PackageIndex) -> &[PackageIndex] {
        match self.of.get(&package) {
            Some(parents) => parents,
            None => {
                let declared = self
                    .inventory
                    .and_then(|inventory| inventory.packages.get(package.get()))
                    .is_some_and(|package| matches!(package.directness, Directness::Direct | Directness::Indirect));
                if declared { self.root.as_slice() } else { &[] }
            }
        }
    }

    /// A clearing statement, if every way from the package up to the top meets one. Another way would still carry the vulnerability, and so does a
    /// circle of packages that need one another and of which none is cleared.
    fn all_ways_cleared<T>(&self, package: PackageIndex, clears: impl Fn(&Purl) -> Option<T>) -> Option<T> {
        let mut found = None;
        let mut cleared = BTreeSet::new();
        let mut seen = BTreeSet::from([package]);
        let mut open = vec![package];
        // Uncleared parents -> those below them; and those that have a cleared parent.
        let mut below: BTreeMap<PackageIndex, Vec<PackageIndex>> = BTreeMap::new();
        let mut ends = Vec::new();
        while let Some(here) = open.pop() {
            let above = self.above(here);
            if above.is_empty() {
                return None;
            }
            for parent in above {
                if seen.insert(*parent) {
                    match self.purls.get(parent).and_then(&clears) {
                        Some(statement) => {
                            found = found.or(Some(statement));
                            cleared.insert(*parent);
                        }
                        None => open.push(*parent),
                    }
                }
                match cleared.contains(parent) {
                    true => ends.push(here),
                    false => below.entry(*parent).or_default().push(here),
                }
            }
        }
        let mut met = cleared.clone();
        while let Some(here) = ends.pop() {
            if met.insert(here) {
                ends.extend(below.remove(&here).unwrap_or_default());
            }
        }
        found.filter(|_| met.len() == seen.len())
    }
}
