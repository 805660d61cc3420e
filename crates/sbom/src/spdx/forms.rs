//! A document of SPDX 2 as tag-value text, YAML and XML.

use std::fmt::Write as _;

use serde_json::Value;

use super::wire::{Document, Package, Relationship};
use crate::xml::Writer;

/// Tag-value text, piece by piece into a sink. Source: SPDX 2.3, annex A.
pub(super) fn tag_value(
    document: &Document<(), ()>,
    packages: impl Iterator<Item = Package>,
    relationships: impl Iterator<Item = Relationship>,
    sink: &mut dyn std::io::Write,
) -> std::io::Result<()> {
    let mut out = String::new();
    let put = |out: &mut String, tag: &str, value: Option<&str>| {
        if let Some(value) = value {
            field(out, tag, value);
        }
    };
    put(&mut out, "SPDXVersion", document.spdx_version.as_deref());
    put(&mut out, "DataLicense", document.data_license.as_deref());
    put(&mut out, "SPDXID", document.id.as_deref());
    put(&mut out, "DocumentName", document.name.as_deref());
    put(&mut out, "DocumentNamespace", document.document_namespace.as_deref());
    put(&mut out, "DocumentComment", document.comment.as_deref());
    if let Some(info) = &document.creation_info {
        put(&mut out, "LicenseListVersion", info.license_list_version.as_deref());
        for creator in info.creators.iter().flatten() {
            field(&mut out, "Creator", creator);
        }
        put(&mut out, "Created", info.created.as_deref());
    }
    for found in packages {
        out.push('\n');
        package(&mut out, &found);
        sink.write_all(out.as_bytes())?;
        out.clear();
    }
    for license in document.has_extracted_licensing_infos.iter().flatten() {
        out.push('\n');
        put(&mut out, "LicenseID", license.license_id.as_deref());
        let text = license.extracted_text.as_deref().unwrap_or_default();
        // Has several lines by its nature, so it stands in marks always.
        let _fits = writeln!(out, "ExtractedText: <text>{}</text>", text.replace("</text>", "</ text>"));
        put(&mut out, "LicenseName", license.name.as_deref());
    }
    out.push('\n');
    for edge in relationships {
        let part = |part: &Option<String>| part.clone().unwrap_or_default();
        let (from, kind, to) =
            (part(&edge.spdx_element_id), part(&edge.relationship_type), part(&edge.related_spdx_element));
        let _fits = writeln!(out, "Relationship: {from} {kind} {to}");
        put(&mut out, "RelationshipComment", edge.comment.as_deref());
        sink.write_all(out.as_bytes())?;
        out.clear();
    }
    sink.write_all(out.as_bytes())
}

fn package(out: &mut String, found: &Package) {
    let put = |out: &mut String, tag: &str, value: &Option<String>| {
        if let Some(value) = value {
            field(out, tag, value);
        }
    };
    // The name begins the package.
    field(out, "PackageName", &found.name.clone().unwrap_or_default().replace(['\n', '\r'], " "));
    put(out, "SPDXID", &found.id);
    put(out, "PackageVersion", &found.version_info);
    put(out, "PackageSupplier", &found.supplier);
    put(out, "PackageDownloadLocation", &found.download_location);
    put(out, "PrimaryPackagePurpose", &found.primary_package_purpose);
    field(out, "FilesAnalyzed", if found.files_analyzed { "true" } else { "false" });
    for checksum in found.checksums.iter().flatten() {
        let part = |part: &Option<String>| part.clone().unwrap_or_default();
        field(out, "PackageChecksum", &format!("{}: {}", part(&checksum.algorithm), part(&checksum.checksum_value)));
    }
    put(out, "PackageSourceInfo", &found.source_info);
    put(out, "PackageLicenseConcluded", &found.license_concluded);
    put(out, "PackageLicenseDeclared", &found.license_declared);
    put(out, "PackageCopyrightText", &found.copyright_text);
    put(out, "PackageSummary", &found.summary);
    for reference in found.external_refs.iter().flatten() {
        let part = |part: &Option<String>| part.clone().unwrap_or_default().replace(char::is_whitespace, "%20");
        let (category, ty) = (part(&reference.reference_category), part(&reference.reference_type));
        field(out, "ExternalRef", &format!("{category} {ty} {}", part(&reference.reference_locator)));
    }
    for text in found.attribution_texts.iter().flatten() {
        field(out, "PackageAttributionText", text);
    }
}

/// One field; text that a line cannot hold as it is stands in marks.
fn field(out: &mut String, tag: &str, value: &str) {
    let plain =
        !value.contains(['\n', '\r']) && value.trim() == value && !value.starts_with("<text>") && !value.is_empty();
    let _fits = match plain {
        true => writeln!(out, "{tag}: {value}"),
        false => writeln!(out, "{tag}: <text>{}</text>", value.replace("</text>", "</ text>")),
    };
}

/// A member of a document, and the items of the two lists, which are made one by one.
enum Part<'v> {
    Member(&'v str, &'v Value),
    Begin(&'static str),
    Item(&'static str, Value),
}

/// The members of a document in the order of its JSON, with packages and relationships where they stand.
///
/// Errors: those of what takes the parts.
fn parts(
    document: &Document<(), ()>,
    packages: impl Iterator<Item = Package>,
    relationships: impl Iterator<Item = Relationship>,
    mut take: impl FnMut(Part<'_>) -> std::io::Result<()>,
) -> std::io::Result<()> {
    let head = serde_json::to_value(document)?;
    for (key, value) in head.as_object().into_iter().flatten() {
        if !matches!(key.as_str(), "packages" | "relationships") {
            take(Part::Member(key, value))?;
        }
    }
    take(Part::Begin("packages"))?;
    for package in packages {
        take(Part::Item("packages", serde_json::to_value(package)?))?;
    }
    take(Part::Begin("relationships"))?;
    for relationship in relationships {
        take(Part::Item("relationships", serde_json::to_value(relationship)?))?;
    }
    Ok(())
}

/// YAML in block form; texts are quoted as JSON quotes them, which is YAML too.
///
/// Errors: those of the sink.
pub(super) fn yaml(
    document: &Document<(), ()>,
    packages: impl Iterator<Item = Package>,
    relationships: impl Iterator<Item = Relationship>,
    sink: &mut dyn std::io::Write,
) -> std::io::Result<()> {
    let mut out = String::from("---\n");
    parts(document, packages, relationships, |part| {
        match part {
            Part::Member(key, value) => yaml_member(&mut out, key, value, 0),
            // Both lists hold the document itself at least.
            Part::Begin(key) => {
                out.push_str(key);
                out.push_str(":\n");
            }
            Part::Item(_, value) => yaml_item(&mut out, &value, 0),
        }
        sink.write_all(out.as_bytes())?;
        out.clear();
        Ok(())
    })
}

/// A value at an indentation. `inline`: something stands before it on its line. The depth is that of our own documents.
fn yaml_value(out: &mut String, value: &Value, depth: usize, inline: bool) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (place, (key, value)) in members.iter().enumerate() {
                if place > 0 || !inline {
                    out.push_str(&indent);
                }
                yaml_member(out, key, value, depth);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                yaml_item(out, item, depth);
            }
        }
        scalar => yaml_scalar(out, scalar),
    }
}

fn yaml_member(out: &mut String, key: &str, value: &Value, depth: usize) {
    out.push_str(key);
    out.push(':');
    match value {
        Value::Object(inner) if !inner.is_empty() => {
            out.push('\n');
            yaml_value(out, value, depth + 1, false);
        }
        Value::Array(inner) if !inner.is_empty() => {
            out.push('\n');
            yaml_value(out, value, depth, false);
        }
        scalar => {
            out.push(' ');
            yaml_scalar(out, scalar);
        }
    }
}

fn yaml_item(out: &mut String, item: &Value, depth: usize) {
    out.push_str(&"  ".repeat(depth));
    out.push_str("- ");
    yaml_value(out, item, depth + 1, true);
}

/// As JSON, and what YAML cannot hold raw as an escape too. Source: YAML 1.2.2, production 1, `c-printable`.
fn yaml_scalar(out: &mut String, value: &Value) {
    for c in value.to_string().chars() {
        match c {
            '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => {
                let _fits = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('\n');
}

/// XML with an element for each member, repeated for lists, as the SPDX tools write it.
///
/// Errors: those of the sink.
pub(super) fn xml(
    document: &Document<(), ()>,
    packages: impl Iterator<Item = Package>,
    relationships: impl Iterator<Item = Relationship>,
    sink: &mut dyn std::io::Write,
) -> std::io::Result<()> {
    let mut out = Writer::new(sink);
    out.open("Document", &[]);
    parts(document, packages, relationships, |part| {
        match part {
            Part::Member(name, value) => xml_member(&mut out, name, value),
            Part::Begin(_) => {}
            Part::Item(name, value) => xml_one(&mut out, name, &value),
        }
        Ok(())
    })?;
    out.finish()
}

fn xml_members(out: &mut Writer<'_>, value: &Value) {
    for (name, value) in value.as_object().into_iter().flatten() {
        xml_member(out, name, value);
    }
}

fn xml_member(out: &mut Writer<'_>, name: &str, value: &Value) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| xml_one(out, name, item)),
        one => xml_one(out, name, one),
    }
}

fn xml_one(out: &mut Writer<'_>, name: &str, value: &Value) {
    match value {
        Value::Object(_) => {
            out.open(name, &[]);
            xml_members(out, value);
            out.close();
        }
        Value::String(text) => out.text(name, &[], text),
        Value::Null => {}
        other => out.text(name, &[], &other.to_string()),
    }
}
