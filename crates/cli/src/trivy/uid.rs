//! The `UID` of a package in Trivy's reports: a hash over its fields and the file that names it.
//!
//! It is mitchellh/hashstructure (format 2) over `map[string]any{"filePath": ..., "pkg": ftypes.Package}` with 64-bit FNV-1. Zero fields do not
//! count, and neither does the identifier itself. Source: aquasecurity/trivy:pkg/dependency/id.go.

use super::wire::PackageRow;

/// FNV-1, 64 bit.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| hash.wrapping_mul(0x100_0000_01b3) ^ u64::from(*byte))
}

fn ordered(a: u64, b: u64) -> u64 {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&a.to_le_bytes());
    bytes[8..].copy_from_slice(&b.to_le_bytes());
    fnv(&bytes)
}

fn finished(hash: u64) -> u64 {
    fnv(&hash.to_le_bytes())
}

fn text(value: &str) -> u64 {
    fnv(value.as_bytes())
}

fn number(value: u64) -> u64 {
    fnv(&value.to_le_bytes())
}

/// The hash of a structure, field by field.
struct Fields(u64);

impl Fields {
    fn of(name: &str) -> Fields {
        Fields(text(name))
    }

    fn put(mut self, name: &str, value: Option<u64>) -> Fields {
        if let Some(value) = value {
            self.0 = finished(self.0 ^ ordered(text(name), value));
        }
        self
    }

    fn text(self, name: &str, value: &str) -> Fields {
        self.put(name, (!value.is_empty()).then(|| text(value)))
    }

    fn number(self, name: &str, value: u64) -> Fields {
        self.put(name, (value != 0).then(|| number(value)))
    }

    fn flag(self, name: &str, value: bool) -> Fields {
        self.put(name, value.then(|| fnv(&[1])))
    }

    fn list(self, name: &str, values: impl IntoIterator<Item = u64>) -> Fields {
        let hash = values.into_iter().fold(None, |hash, value| Some(ordered(hash.unwrap_or(0), value)));
        self.put(name, hash)
    }
}

/// The UID of `package`, which the file `file` of the result names (empty for packages of an operating system).
pub(crate) fn of(package: &PackageRow, file: &str) -> String {
    let strings = |values: &[String]| values.iter().map(|value| text(value)).collect::<Vec<u64>>();
    let relationship = match package.relationship.as_str() {
        "root" => 1,
        "workspace" => 2,
        "direct" => 3,
        "indirect" => 4,
        _ => 0,
    };
    let layer = Fields::of("Layer")
        .number("Size", package.layer.size)
        .text("Digest", &package.layer.digest)
        .text("DiffID", &package.layer.diff_id)
        .0;
    let locations = package.locations.iter().map(|lines| {
        Fields::of("Location")
            .number("StartLine", u64::from(lines.start_line))
            .number("EndLine", u64::from(lines.end_line))
            .0
    });
    let fields = Fields::of("Package")
        .text("ID", &package.id)
        .text("Name", &package.name)
        .text("Version", &package.version)
        .text("Release", &package.release)
        .number("Epoch", package.epoch)
        .text("Arch", &package.arch)
        .flag("Dev", package.dev)
        .text("SrcName", &package.src_name)
        .text("SrcVersion", &package.src_version)
        .text("SrcRelease", &package.src_release)
        .number("SrcEpoch", package.src_epoch)
        .list("Licenses", strings(&package.licenses))
        .text("Maintainer", &package.maintainer)
        .text("Modularitylabel", &package.modularity_label)
        .flag("Indirect", package.indirect)
        .number("Relationship", relationship)
        .list("DependsOn", strings(&package.depends_on))
        .put("Layer", (package.layer != super::wire::Layer::default()).then_some(layer))
        .text("FilePath", &package.file_path)
        .text("Digest", &package.digest)
        .list("Locations", locations)
        .list("InstalledFiles", strings(&package.installed_files))
        .text("AnalyzedBy", &package.analyzed_by);
    let entries = [("filePath", text(file)), ("pkg", fields.0)];
    let hash = entries.into_iter().fold(0, |hash, (key, value)| hash ^ ordered(text(key), value));
    format!("{:x}", finished(hash))
}

/// The id of a package of Maven within the build of the file `file`: `GROUP:NAME:VERSION::HASH`.
///
/// Source: aquasecurity/trivy:pkg/dependency/parser/java/pom/parse.go, `packageID`.
pub(crate) fn of_module(id: &str, file: &str) -> String {
    let entries = [("gav", text(id)), ("path", text(file))];
    let hash =
        format!("{:x}", finished(entries.into_iter().fold(0, |hash, (key, value)| hash ^ ordered(text(key), value))));
    format!("{id}::{}", hash.get(..8).unwrap_or(&hash))
}

/// Hashes for ids of SPDX elements: here fields without a value count, and lists are sets.
///
/// Source: aquasecurity/trivy:pkg/sbom/spdx/marshal.go, `calcSPDXID`.
pub(crate) mod whole {
    /// The hash of a text.
    pub(crate) fn text(value: &str) -> u64 {
        super::text(value)
    }

    /// The hash of a truth value.
    pub(crate) fn flag(value: bool) -> u64 {
        super::fnv(&[u8::from(value)])
    }

    /// The hash of a list in which order does not count.
    pub(crate) fn set(values: impl IntoIterator<Item = u64>) -> u64 {
        values.into_iter().fold(0, |hash, value| hash ^ value)
    }

    /// The hash of a list that is marked as a set.
    pub(crate) fn marked_set(values: impl IntoIterator<Item = u64>) -> u64 {
        super::finished(set(values))
    }

    /// The hash of a structure.
    pub(crate) fn structure(name: &str, fields: &[(&str, u64)]) -> u64 {
        fields.iter().fold(text(name), |hash, (name, value)| super::finished(hash ^ super::ordered(text(name), *value)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::wire::{Lines, PackageRow};
    use super::{of, of_module};

    #[test]
    fn a_package_of_maven_names_its_build() {
        let id = of_module("com.example:log4shell:1.0-SNAPSHOT", "testdata/fixtures/repo/pom/pom.xml");
        assert_eq!(id, "com.example:log4shell:1.0-SNAPSHOT::b21b31f8");
    }

    /// Values that Trivy itself gave for its own fixtures.
    #[test]
    fn as_trivy_computes_them() {
        let asap = PackageRow {
            id: "asap@2.0.6".to_owned(),
            name: "asap".to_owned(),
            version: "2.0.6".to_owned(),
            locations: vec![Lines { start_line: 6, end_line: 10 }],
            analyzed_by: "npm".to_owned(),
            ..PackageRow::default()
        };
        assert_eq!(of(&asap, "package-lock.json"), "a9ed9c990b55c97e");
        let root = PackageRow {
            id: "integration@1.0.0".to_owned(),
            name: "integration".to_owned(),
            version: "1.0.0".to_owned(),
            licenses: vec!["MIT".to_owned()],
            relationship: "root".to_owned(),
            depends_on: vec!["jquery@3.2.1".to_owned(), "promise@8.0.3".to_owned()],
            analyzed_by: "yarn".to_owned(),
            ..PackageRow::default()
        };
        assert_eq!(of(&root, "yarn.lock"), "ca7e77fc5b068ad9");
    }
}
