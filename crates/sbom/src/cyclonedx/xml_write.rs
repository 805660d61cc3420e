//! A document in XML: the elements in the order that the XML schemas demand.

use super::wire::{Bom, Component, Property, Source, Tools, Vulnerability};
use crate::xml::Writer;

/// The document as XML of version 1.`minor`.
///
/// Errors: those of the sink.
pub(super) fn write(
    minor: u32,
    bom: &Bom<()>,
    list: impl Iterator<Item = Component>,
    sink: &mut dyn std::io::Write,
) -> std::io::Result<()> {
    let mut out = Writer::new(sink);
    let namespace = format!("{}{minor}", super::xml::NAMESPACE);
    let version = bom.version.to_string();
    let mut attributes = vec![("xmlns", namespace.as_str())];
    attributes.extend(bom.serial_number.as_deref().map(|serial| ("serialNumber", serial)));
    attributes.push(("version", &version));
    out.open("bom", &attributes);
    if let Some(metadata) = &bom.metadata {
        out.open("metadata", &[]);
        if let Some(time) = &metadata.timestamp {
            out.text("timestamp", &[], time);
        }
        match &metadata.tools {
            Some(Tools::Components { components: list }) => {
                out.open("tools", &[]);
                components(&mut out, list);
                out.close();
            }
            Some(Tools::List(list)) => {
                out.open("tools", &[]);
                for tool in list {
                    out.open("tool", &[]);
                    out.text("name", &[], &tool.name);
                    text(&mut out, "version", tool.version.as_deref());
                    out.close();
                }
                out.close();
            }
            None => {}
        }
        if let Some(root) = &metadata.component {
            component(&mut out, root);
        }
        properties(&mut out, metadata.properties.as_deref());
        out.close();
    }
    out.open("components", &[]);
    list.for_each(|found| component(&mut out, &found));
    out.close();
    out.open("dependencies", &[]);
    for dependency in bom.dependencies.iter().flatten() {
        let from = [("ref", dependency.from.as_deref().unwrap_or_default())];
        match dependency.depends_on.as_deref() {
            None | Some([]) => out.empty("dependency", &from),
            Some(list) => {
                out.open("dependency", &from);
                for to in list {
                    out.empty("dependency", &[("ref", to)]);
                }
                out.close();
            }
        }
    }
    out.close();
    if let Some(list) = &bom.compositions {
        out.open("compositions", &[]);
        for composition in list {
            out.open("composition", &[]);
            out.text("aggregate", &[], composition.aggregate);
            out.open("assemblies", &[]);
            for assembly in &composition.assemblies {
                out.empty("assembly", &[("ref", assembly)]);
            }
            out.close();
            out.close();
        }
        out.close();
    }
    properties(&mut out, bom.properties.as_deref());
    if let Some(list) = &bom.vulnerabilities {
        out.open("vulnerabilities", &[]);
        list.iter().for_each(|found| vulnerability(&mut out, found));
        out.close();
    }
    out.finish()
}

fn vulnerability(out: &mut Writer<'_>, found: &Vulnerability) {
    out.open("vulnerability", &[]);
    out.text("id", &[], &found.id);
    source(out, &found.source);
    if !found.ratings.is_empty() {
        out.open("ratings", &[]);
        for rating in &found.ratings {
            out.open("rating", &[]);
            source(out, &rating.source);
            text(out, "score", rating.score.as_ref().map(ToString::to_string).as_deref());
            out.text("severity", &[], rating.severity);
            text(out, "method", rating.method);
            text(out, "vector", rating.vector.as_deref());
            out.close();
        }
        out.close();
    }
    if !found.cwes.is_empty() {
        out.open("cwes", &[]);
        found.cwes.iter().for_each(|number| out.text("cwe", &[], &number.to_string()));
        out.close();
    }
    text(out, "description", found.description.as_deref());
    text(out, "recommendation", found.recommendation.as_deref());
    if !found.advisories.is_empty() {
        out.open("advisories", &[]);
        for advisory in &found.advisories {
            out.open("advisory", &[]);
            out.text("url", &[], &advisory.url);
            out.close();
        }
        out.close();
    }
    text(out, "published", found.published.as_deref());
    text(out, "updated", found.updated.as_deref());
    if let Some(analysis) = &found.analysis {
        out.open("analysis", &[]);
        out.text("state", &[], analysis.state);
        text(out, "detail", analysis.detail.as_deref());
        out.close();
    }
    out.open("affects", &[]);
    for target in &found.affects {
        out.open("target", &[]);
        out.text("ref", &[], &target.to);
        if !target.versions.is_empty() {
            out.open("versions", &[]);
            for version in &target.versions {
                out.open("version", &[]);
                out.text("version", &[], &version.version);
                out.text("status", &[], version.status);
                out.close();
            }
            out.close();
        }
        out.close();
    }
    out.close();
    out.close();
}

fn source(out: &mut Writer<'_>, source: &Source) {
    if source.name.is_none() && source.url.is_none() {
        return;
    }
    out.open("source", &[]);
    text(out, "name", source.name.as_deref());
    text(out, "url", source.url.as_deref());
    out.close();
}

fn text(out: &mut Writer<'_>, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        out.text(name, &[], value);
    }
}

/// The list of components, with its element.
fn components(out: &mut Writer<'_>, list: &[Component]) {
    out.open("components", &[]);
    for found in list {
        component(out, found);
    }
    out.close();
}

/// Our components are nested one level at most (Trivy's form aside, which is not written in XML), so recursion is bounded.
fn component(out: &mut Writer<'_>, found: &Component) {
    let mut attributes = vec![("type", found.ty.as_deref().unwrap_or("library"))];
    attributes.extend(found.bom_ref.as_deref().map(|id| ("bom-ref", id)));
    out.open("component", &attributes);
    for (name, organization) in [("supplier", &found.supplier), ("manufacturer", &found.manufacturer)] {
        if let Some(organization) = organization {
            out.open(name, &[]);
            text(out, "name", organization.name.as_deref());
            out.close();
        }
    }
    text(out, "publisher", found.publisher.as_deref());
    text(out, "group", found.group.as_deref());
    out.text("name", &[], found.name.as_deref().unwrap_or_default());
    text(out, "version", found.version.as_deref());
    text(out, "description", found.description.as_deref());
    text(out, "scope", found.scope.as_deref());
    if let Some(list) = &found.hashes {
        out.open("hashes", &[]);
        for hash in list {
            out.text("hash", &[("alg", &hash.alg)], &hash.content);
        }
        out.close();
    }
    if let Some(list) = &found.licenses {
        out.open("licenses", &[]);
        for choice in list {
            text(out, "expression", choice.expression.as_deref());
            if let Some(license) = &choice.license {
                out.open("license", &[]);
                text(out, "id", license.id.as_deref());
                text(out, "name", license.name.as_deref());
                out.close();
            }
        }
        out.close();
    }
    text(out, "cpe", found.cpe.as_deref());
    text(out, "purl", found.purl.as_deref());
    properties(out, found.properties.as_deref());
    if let Some(list) = found.components.as_deref() {
        components(out, list);
    }
    out.close();
}

fn properties(out: &mut Writer<'_>, list: Option<&[Property]>) {
    if let Some(list) = list {
        out.open("properties", &[]);
        for property in list {
            let name = [("name", property.name.as_deref().unwrap_or_default())];
            out.text("property", &name, property.value.as_deref().unwrap_or_default());
        }
        out.close();
    }
}
