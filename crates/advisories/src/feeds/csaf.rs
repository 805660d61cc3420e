//! CSAF 2.0 documents, advisories and VEX alike: products by id, and what is said of each.
//!
//! Source: OASIS CSAF 2.0, section 3. Only what names packages and states is read.

use std::collections::HashMap;

use serde::Deserialize;

/// A document.
#[derive(Debug, Deserialize)]
pub(crate) struct Document {
    pub(crate) document: Head,
    #[serde(default)]
    pub(crate) product_tree: ProductTree,
    #[serde(default)]
    pub(crate) vulnerabilities: Vec<Vulnerability>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Head {
    pub(crate) category: String,
    pub(crate) title: String,
    pub(crate) publisher: Publisher,
    pub(crate) tracking: Tracking,
    pub(crate) aggregate_severity: Option<Words>,
    pub(crate) references: Vec<Link>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Publisher {
    pub(crate) name: String,
    pub(crate) namespace: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Tracking {
    pub(crate) id: String,
    pub(crate) status: String,
    pub(crate) current_release_date: String,
    pub(crate) initial_release_date: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Words {
    pub(crate) text: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Link {
    pub(crate) category: String,
    pub(crate) url: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ProductTree {
    branches: Vec<Branch>,
    full_product_names: Vec<FullName>,
    relationships: Vec<Relationship>,
    product_groups: Vec<Group>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Branch {
    branches: Vec<Branch>,
    category: String,
    name: String,
    product: Option<FullName>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct FullName {
    name: String,
    product_id: String,
    product_identification_helper: Helper,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Helper {
    cpe: String,
    purl: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Relationship {
    full_product_name: FullName,
    product_reference: String,
    relates_to_product_reference: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Group {
    group_id: String,
    product_ids: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Vulnerability {
    pub(crate) cve: String,
    pub(crate) ids: Vec<OtherId>,
    pub(crate) title: String,
    pub(crate) notes: Vec<Note>,
    pub(crate) product_status: ProductStatus,
    pub(crate) remediations: Vec<Remediation>,
    pub(crate) threats: Vec<Threat>,
    pub(crate) scores: Vec<Score>,
    pub(crate) flags: Vec<Flag>,
    pub(crate) references: Vec<Link>,
    pub(crate) cwe: Option<Cwe>,
    pub(crate) release_date: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct OtherId {
    pub(crate) text: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Cwe {
    pub(crate) id: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Note {
    pub(crate) category: String,
    pub(crate) text: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ProductStatus {
    pub(crate) fixed: Vec<String>,
    pub(crate) first_fixed: Vec<String>,
    pub(crate) recommended: Vec<String>,
    pub(crate) known_affected: Vec<String>,
    pub(crate) first_affected: Vec<String>,
    pub(crate) last_affected: Vec<String>,
    pub(crate) known_not_affected: Vec<String>,
    pub(crate) under_investigation: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Remediation {
    pub(crate) category: String,
    pub(crate) details: String,
    pub(crate) product_ids: Vec<String>,
    pub(crate) group_ids: Vec<String>,
    pub(crate) url: String,
    pub(crate) date: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Threat {
    pub(crate) category: String,
    pub(crate) details: String,
    pub(crate) product_ids: Vec<String>,
    pub(crate) group_ids: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Score {
    pub(crate) products: Vec<String>,
    pub(crate) cvss_v2: Option<Vector>,
    pub(crate) cvss_v3: Option<Vector>,
    pub(crate) cvss_v4: Option<Vector>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Vector {
    pub(crate) vector_string: String,
    pub(crate) base_score: Option<f64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Flag {
    pub(crate) label: String,
    pub(crate) product_ids: Vec<String>,
    pub(crate) group_ids: Vec<String>,
}

/// What a product id stands for: a component, and what it is a component of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Product<'d> {
    /// Its own name.
    pub(crate) name: &'d str,
    pub(crate) id: &'d str,
    pub(crate) cpe: &'d str,
    pub(crate) purl: &'d str,
    /// Name of the branch `product_name` above it.
    pub(crate) branch: &'d str,
}

/// Products by id.
#[derive(Debug, Default)]
pub(crate) struct Products<'d> {
    products: HashMap<&'d str, Product<'d>>,
    /// Composite id -> component id, platform id.
    relations: HashMap<&'d str, (&'d str, &'d str)>,
    groups: HashMap<&'d str, &'d [String]>,
}

impl ProductTree {
    /// All products. The tree is as deep as the JSON reader allowed (128).
    pub(crate) fn products(&self) -> Products<'_> {
        let mut out = Products::default();
        for branch in &self.branches {
            collect(branch, "", &mut out);
        }
        for name in &self.full_product_names {
            out.products.insert(&name.product_id, product(name, ""));
        }
        for relation in &self.relationships {
            let full = &relation.full_product_name;
            let pair = (relation.product_reference.as_str(), relation.relates_to_product_reference.as_str());
            out.relations.insert(&full.product_id, pair);
            if !full.product_identification_helper.purl.is_empty() || !full.product_identification_helper.cpe.is_empty()
            {
                out.products.insert(&full.product_id, product(full, ""));
            }
        }
        for group in &self.product_groups {
            out.groups.insert(&group.group_id, &group.product_ids);
        }
        out
    }
}

fn collect<'d>(branch: &'d Branch, above: &'d str, out: &mut Products<'d>) {
    let above = if branch.category == "product_name" { branch.name.as_str() } else { above };
    if let Some(name) = &branch.product {
        out.products.insert(&name.product_id, product(name, above));
    }
    for inner in &branch.branches {
        collect(inner, above, out);
    }
}

fn product<'d>(name: &'d FullName, branch: &'d str) -> Product<'d> {
    let helper = &name.product_identification_helper;
    Product { name: &name.name, id: &name.product_id, cpe: &helper.cpe, purl: &helper.purl, branch }
}

impl<'d> Products<'d> {
    /// The component and its platform; the platform is `None` for a product that stands alone. `None`: the id is nowhere defined.
    pub(crate) fn get(&self, id: &str) -> Option<(Product<'d>, Option<Product<'d>>)> {
        if let Some((component, platform)) = self.relations.get(id) {
            let component = self.resolve(component)?;
            return Some((component, self.resolve(platform)));
        }
        self.products.get(id).map(|product| (*product, None))
    }

    /// A component may itself be a composite: a package of a module of a release.
    fn resolve(&self, id: &str) -> Option<Product<'d>> {
        let mut id = id;
        for _ in 0..8 {
            if let Some(product) = self.products.get(id) {
                return Some(*product);
            }
            (id, _) = *self.relations.get(id)?;
        }
        None
    }

    /// Product ids with the members of groups.
    pub(crate) fn members<'a>(&self, ids: &'a [String], groups: &[String]) -> Vec<&'a str>
    where
        'd: 'a,
    {
        let of_groups = groups.iter().filter_map(|group| self.groups.get(group.as_str())).flat_map(|ids| ids.iter());
        ids.iter().chain(of_groups).map(String::as_str).collect()
    }
}

/// Parts of a purl that CSAF's publishers use: name, version, and the qualifiers that matter for RPM packages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rpm {
    pub(crate) name: String,
    /// With its epoch in front where one is stated: `1:1.0-2.el9`.
    pub(crate) version: Option<String>,
    pub(crate) arch: Option<String>,
    /// `nodejs:12:8030...:229f0a1c`.
    pub(crate) module: Option<String>,
}

/// Reads `pkg:rpm/redhat/cri-tools@1.29.0-3.el9?arch=aarch64&epoch=1&rpmmod=nodejs:12`. `None` for other types.
pub(crate) fn rpm_purl(text: &str) -> Option<Rpm> {
    let purl: signet_model::Purl = text.parse().ok()?;
    if purl.ty() != "rpm" && purl.ty() != "rpmmod" {
        return None;
    }
    let qualifier = |key: &str| purl.qualifier(key).filter(|value| !value.is_empty()).map(str::to_owned);
    let version = purl.version().filter(|version| !version.is_empty()).map(|version| {
        let epoch = qualifier("epoch").unwrap_or_else(|| "0".to_owned());
        if version.contains(':') { version.to_owned() } else { format!("{epoch}:{version}") }
    });
    Some(Rpm { name: purl.name().to_owned(), version, arch: qualifier("arch"), module: qualifier("rpmmod") })
}
