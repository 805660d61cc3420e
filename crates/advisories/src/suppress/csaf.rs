//! CSAF VEX documents as statements.
//!
//! A product that is a component of another becomes a product with a subcomponent where both have purls; a platform that only has a CPE (a release
//! of an operating system) leaves the component's own purl, and the statement speaks of that release alone. Source: OASIS CSAF 2.0, section 4.5 (profile 5, VEX).

use signet_model::Purl;

use super::openvex::{VexDocument, VexError, VexStatement};
use crate::feeds::csaf::{Document, Products, Vulnerability};
use crate::feeds::time;

pub(super) fn read(name: &str, value: serde_json::Value) -> Result<VexDocument, VexError> {
    let wire: Document = serde_json::from_value(value).map_err(|err| VexError::Json { name: name.to_owned(), err })?;
    if wire.vulnerabilities.is_empty() {
        let why = "the CSAF document is about no vulnerability".to_owned();
        return Err(VexError::Foreign { name: name.to_owned(), why });
    }
    let head = &wire.document;
    let said = time(&head.tracking.current_release_date).or_else(|| time(&head.tracking.initial_release_date));
    let products = wire.product_tree.products();
    let mut document = VexDocument {
        name: if name.is_empty() { head.tracking.id.clone() } else { name.to_owned() },
        author: head.publisher.name.clone(),
        statements: Vec::new(),
    };
    for vulnerability in &wire.vulnerabilities {
        let mut ids = vec![vulnerability.cve.clone()];
        ids.extend(vulnerability.ids.iter().map(|id| id.text.clone()));
        ids.retain(|id| !id.is_empty());
        let status = &vulnerability.product_status;
        let lists = [
            ("not_affected", &status.known_not_affected),
            ("fixed", &status.fixed),
            ("fixed", &status.first_fixed),
            ("affected", &status.known_affected),
            ("affected", &status.first_affected),
            ("affected", &status.last_affected),
            ("under_investigation", &status.under_investigation),
        ];
        for (status, list) in lists {
            for id in list {
                let Some(product) = purls(&products, id) else { continue };
                let platform = products.get(id).and_then(|(_, platform)| platform).map(|platform| platform.cpe);
                document.statements.push(VexStatement {
                    ids: ids.clone(),
                    products: vec![product],
                    status: status.to_owned(),
                    justification: reason(&products, vulnerability, id),
                    time: said,
                    platform: platform.filter(|cpe| !cpe.is_empty()).map(str::to_owned),
                });
            }
        }
    }
    Ok(document)
}

/// `None`: the product has no purl, so nothing of ours can be it.
fn purls(products: &Products<'_>, id: &str) -> Option<(Purl, Vec<Purl>)> {
    let (component, platform) = products.get(id)?;
    let read = |text: &str| text.parse::<Purl>().ok();
    let own = read(component.purl);
    match (platform.and_then(|platform| read(platform.purl)), own) {
        (Some(platform), Some(own)) => Some((platform, vec![own])),
        (None, Some(own)) => Some((own, Vec::new())),
        // A statement about a part that we cannot find says nothing about the whole.
        (_, None) => None,
    }
}

/// The flag of the product, else what is said of the impact on it.
fn reason(products: &Products<'_>, vulnerability: &Vulnerability, id: &str) -> Option<String> {
    let about = |ids: &[String], groups: &[String]| {
        let members = products.members(ids, groups);
        members.is_empty() || members.contains(&id)
    };
    let flag = vulnerability.flags.iter().find(|flag| about(&flag.product_ids, &flag.group_ids));
    flag.map(|flag| flag.label.clone()).or_else(|| {
        let impact = vulnerability.threats.iter().filter(|threat| threat.category == "impact");
        let mut mine = impact.filter(|threat| about(&threat.product_ids, &threat.group_ids));
        mine.next().map(|threat| threat.details.clone())
    })
}
