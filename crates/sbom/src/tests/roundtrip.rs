use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// What must survive any format: kind, name, version, purl, licences; edges by names.
pub(super) type Facts = (
    BTreeSet<(PackageKind, String, String, Option<String>, Vec<String>)>,
    BTreeSet<(String, RelationshipKind, String)>,
);

pub(super) fn facts(inventory: &Inventory) -> Facts {
    let name = |index: PackageIndex| {
        let package = &inventory.packages[index.get()];
        format!("{}@{}", package.name, package.version)
    };
    let packages = inventory.packages.iter().map(|package| {
        let mut licenses: Vec<String> = package.licenses.iter().map(|license| license.value.clone()).collect();
        licenses.sort();
        let purl = package.purl(inventory.distro.as_ref()).map(|purl| purl.to_string());
        (package.kind, package.name.clone(), package.version.clone(), purl, licenses)
    });
    let edges = inventory.relationships.iter().map(|edge| (name(edge.from), edge.kind, name(edge.to)));
    (packages.collect(), edges.collect())
}

#[track_caller]
fn survives(inventory: &Inventory) {
    for (format, bytes) in all_formats(&subject("x"), inventory, &options()) {
        let back = parse(&bytes).inventory;
        assert_eq!(facts(&back), facts(inventory), "{format}");
        assert_eq!(
            back.distro.as_ref().map(|d| (&d.id, &d.version_id)),
            inventory.distro.as_ref().map(|d| (&d.id, &d.version_id))
        );
        assert_eq!(back.unexamined.len(), inventory.unexamined.len(), "{format}: {:?}", back.unexamined);
    }
}

#[test]
fn the_small_inventory() {
    survives(&inventory());
    for (format, bytes) in all_formats(&subject("x"), &inventory(), &options()) {
        let found = parse(&bytes);
        let package = |name: &str| found.inventory.packages.iter().find(|package| package.name == name).unwrap();
        let openssl = package("libssl3");
        assert_eq!(openssl.source, inventory().packages[0].source, "{format}");
        assert_eq!(openssl.arch.as_deref(), Some("amd64"), "{format}");
        assert_eq!(openssl.vendor.as_deref(), Some("Debian OpenSSL Team"), "{format}");
        assert_eq!(openssl.locations, inventory().packages[0].locations, "{format}");
        assert_eq!(package("Flask").cpes, inventory().packages[1].cpes, "{format}");
        assert_eq!(package("Jinja2").locations[0].lines, Some((3, 9)), "{format}");
        let image = found.subject.image.unwrap();
        assert_eq!(image.config_digest, Digest::sha256(b"config"), "{format}");
        assert_eq!(image.layers[0].diff_id, Digest::sha256(b"layer"), "{format}");
    }
}

#[test]
fn cycles_and_strangers() {
    let mut inventory = inventory();
    let edge =
        |from, to| Relationship { from: PackageIndex(from), to: PackageIndex(to), kind: RelationshipKind::DependsOn };
    inventory.relationships = vec![edge(1, 2), edge(2, 1), edge(3, 4), edge(4, 3)];
    survives(&inventory);
    // An index out of range is left out, not followed.
    inventory.relationships = vec![edge(1, 99), edge(99, 1), edge(2, 2)];
    for (_, bytes) in all_formats(&subject("x"), &inventory, &options()) {
        assert!(parse(&bytes).inventory.relationships.is_empty());
    }
}

#[test]
fn the_source_changes_nothing_but_its_own_component() {
    let (one, two) = (subject("registry.example/app:1"), subject("archive.tar"));
    let strip = |bytes: &[u8]| {
        let mut value: serde_json::Value = serde_json::from_slice(bytes).unwrap();
        let object = value.as_object_mut().unwrap();
        object.remove("source");
        object.remove("name");
        object
            .get_mut("metadata")
            .and_then(|metadata| metadata.as_object_mut())
            .map(|metadata| metadata.remove("component"));
        object.get_mut("packages").and_then(|packages| packages.as_array_mut()).map(|packages| packages.remove(0));
        value
    };
    for (a, b) in all_formats(&one, &inventory(), &options()).iter().zip(all_formats(&two, &inventory(), &options())) {
        assert_ne!(a.1, b.1);
        assert_eq!(strip(&a.1), strip(&b.1), "{}", a.0);
    }
    let again = all_formats(&one, &inventory(), &options());
    assert_eq!(again, all_formats(&one, &inventory(), &options()));
}

#[test]
fn ids_are_unique_and_edges_lead_somewhere() {
    let mut inventory = inventory();
    let twin = inventory.packages[1].clone();
    inventory.packages.extend([twin.clone(), twin]);
    let bytes = cyclonedx::write(&subject("x"), &inventory, None, &WriteOptions { files: true, ..options() });
    let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    let components = value["components"].as_array().unwrap();
    let mut refs: BTreeSet<&str> = components.iter().map(|component| component["bom-ref"].as_str().unwrap()).collect();
    assert_eq!(refs.len(), components.len());
    refs.insert(value["metadata"]["component"]["bom-ref"].as_str().unwrap());
    let mut todo = vec!["signet:root"];
    let mut reached = BTreeSet::new();
    for entry in value["dependencies"].as_array().unwrap() {
        assert!(refs.contains(entry["ref"].as_str().unwrap()));
        assert!(entry["dependsOn"].as_array().unwrap().iter().all(|to| refs.contains(to.as_str().unwrap())));
    }
    while let Some(at) = todo.pop() {
        if reached.insert(at) {
            let entry = value["dependencies"].as_array().unwrap().iter().find(|entry| entry["ref"] == at);
            todo.extend(entry.unwrap()["dependsOn"].as_array().unwrap().iter().map(|to| to.as_str().unwrap()));
        }
    }
    // The root, the operating system, every package; the one executable is no dependency.
    assert_eq!(reached.len(), 2 + inventory.packages.len());
}

fn any_package() -> impl Strategy<Value = Package> {
    let kinds = prop::sample::select(vec![
        PackageKind::Deb,
        PackageKind::Rpm,
        PackageKind::Apk,
        PackageKind::Npm,
        PackageKind::Python,
        PackageKind::Go,
        PackageKind::Java,
        PackageKind::Cargo,
        PackageKind::Gem,
    ]);
    let words = prop::sample::select(vec![
        "MIT",
        "Apache-2.0",
        "MIT OR ISC",
        "MIT AND Zlib",
        "Acme licence v3+",
        "A licence, of words",
    ]);
    let licenses = prop::collection::btree_set(words, 0..3);
    (kinds, "[a-z][a-z0-9]{0,6}", "[1-9][0-9]{0,2}\\.[0-9]{1,2}(-[1-9])?", 0u8..3, licenses).prop_map(
        |(kind, name, version, form, licenses)| {
            let name = match (kind, form) {
                (PackageKind::Npm, 1) => format!("@{name}/core"),
                (PackageKind::Go, _) => format!("example.com/Some/{name}/v{}", form + 1),
                (PackageKind::Java, _) => format!("org.{name}:{name}"),
                (PackageKind::Python, 1) => format!("{}_X.y", name.to_uppercase()),
                _ => name,
            };
            let version = match (kind, form) {
                (PackageKind::Deb | PackageKind::Rpm, 1) => format!("2:{version}-1"),
                (PackageKind::Rpm, _) => format!("{version}-1"),
                _ => version,
            };
            Package { licenses: licenses.into_iter().map(license).collect(), ..Package::new(kind, name, version) }
        },
    )
}

pub(super) fn any_inventory() -> impl Strategy<Value = Inventory> {
    let edge = (0u32..8, 0u32..8, 0u8..3);
    (prop::collection::vec(any_package(), 0..8), prop::collection::btree_set(edge, 0..12)).prop_map(
        |(mut packages, edges)| {
            packages.sort_by(|a, b| (a.kind, &a.name, &a.version).cmp(&(b.kind, &b.name, &b.version)));
            packages.dedup_by(|a, b| (a.kind, &a.name, &a.version) == (b.kind, &b.name, &b.version));
            let count = packages.len() as u32;
            let relationships = edges
                .into_iter()
                .filter(|(from, to, _)| from != to && *from < count && *to < count)
                .map(|(from, to, kind)| Relationship {
                    from: PackageIndex(from),
                    to: PackageIndex(to),
                    kind: [RelationshipKind::DependsOn, RelationshipKind::OwnedBy, RelationshipKind::ContainedIn]
                        [usize::from(kind)],
                })
                .collect();
            Inventory { distro: Some(debian()), packages, relationships, ..Inventory::default() }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_inventory_survives_any_format(inventory in any_inventory()) {
        survives(&inventory);
    }

    #[test]
    fn what_is_read_can_be_written_and_read_again(inventory in any_inventory()) {
        for (_, bytes) in all_formats(&subject("x"), &inventory, &options()) {
            let first = parse(&bytes);
            for (_, again) in all_formats(&first.subject, &first.inventory, &options()) {
                prop_assert_eq!(facts(&parse(&again).inventory), facts(&first.inventory));
            }
        }
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&bytes, &Limits::default());
    }

    #[test]
    fn damaged_documents_never_panic(which in 0usize..3, cut in 0usize..20_000, at in 0usize..20_000, bit in 0u8..8) {
        let mut bytes = all_formats(&subject("x"), &inventory(), &options())[which].1.clone();
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        if let Ok(found) = read(&bytes, &Limits::default()) {
            let _ = all_formats(&found.subject, &found.inventory, &options());
        }
        bytes.truncate(cut % bytes.len());
        prop_assert!(read(&bytes, &Limits::default()).is_err());
    }

    #[test]
    fn any_json_never_panics(text in "(\\{\"(bomFormat|spdxVersion|artifacts|schema|components|packages)\":(\"CycloneDX\"|\"SPDX-2.3\"|\\[\\{\\}\\]|\\{\\}|null|1),?\\}?){1,4}") {
        let _ = read(text.as_bytes(), &Limits::default());
    }
}
