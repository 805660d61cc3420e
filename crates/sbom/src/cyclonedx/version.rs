//! A document as an older version of CycloneDX can hold it. Source: the change notes of each version, and the schemas.

use super::wire::{Bom, Component, Tool, Tools};

/// The document as of version 1.`minor`, but its components. What that version has no place for is left out: [`crate::losses`] says what.
pub(super) fn as_of<C>(minor: u32, mut bom: Bom<C>) -> Bom<C> {
    bom.schema = Some(format!("http://cyclonedx.org/schema/bom-1.{minor}.schema.json"));
    bom.spec_version = Some(format!("1.{minor}"));
    if minor < 5
        && let Some(metadata) = &mut bom.metadata
        && let Some(Tools::Components { components }) = metadata.tools.take()
    {
        let tool = |tool: Component| Tool { name: tool.name.unwrap_or_default(), version: tool.version };
        metadata.tools = Some(Tools::List(components.into_iter().map(tool).collect()));
    }
    if minor < 4 {
        bom.vulnerabilities = None;
    }
    if minor < 5
        && let Some(metadata) = &mut bom.metadata
    {
        // The JSON has none for the whole document, so they stand one level deeper.
        metadata.properties = bom.properties.take();
    }
    if minor < 3 {
        bom.compositions = None;
        if let Some(metadata) = &mut bom.metadata {
            metadata.properties = None;
        }
    }
    if let Some(root) = bom.metadata.as_mut().and_then(|metadata| metadata.component.as_mut()) {
        older(minor, root);
    }
    bom
}

/// A component as of that version.
pub(super) fn older(minor: u32, component: &mut Component) {
    if minor < 6 {
        component.manufacturer = None;
    }
    if minor < 5
        && matches!(component.ty.as_deref(), Some("machine-learning-model" | "data" | "platform" | "device-driver"))
    {
        component.ty = Some("library".to_owned());
    }
    if minor < 4 {
        // Was required.
        component.version.get_or_insert_with(String::new);
    }
    if minor < 3 {
        component.properties = None;
    }
    for inner in component.components.iter_mut().flatten() {
        older(minor, inner);
    }
}
