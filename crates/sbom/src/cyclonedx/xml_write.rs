//! A document in XML: the elements in the order that the XML schemas demand.

use super::wire::{Bom, Component, Property, Tools};
use crate::xml::Writer;

/// The document as XML of version 1.`minor`. Vulnerabilities are not written: no tool of ours is asked for them in XML.
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
    out.finish()
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
