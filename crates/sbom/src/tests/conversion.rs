use proptest::prelude::*;

use super::roundtrip::{any_inventory, facts};
use super::*;
use crate::{Target, lint, losses, write};

/// Every format and version that can be read again.
fn targets() -> Vec<Target> {
    let mut names: Vec<String> = Vec::new();
    for minor in 2..=7 {
        names.push(format!("cyclonedx-json@1.{minor}"));
        names.push(format!("cyclonedx-xml@1.{minor}"));
    }
    for version in ["2.2", "2.3"] {
        names.extend(["json", "tag-value", "yaml", "xml"].map(|form| format!("spdx-{form}@{version}")));
    }
    names.extend(["spdx-json@3.0.1".to_owned(), "syft-json".to_owned()]);
    names.iter().map(|name| name.parse().unwrap()).collect()
}

#[test]
fn names_of_formats() {
    for target in targets() {
        assert_eq!(target.to_string().parse(), Ok(target));
    }
    assert_eq!("spdx-json".parse::<Target>().unwrap().to_string(), "spdx-json@2.3");
    assert_eq!("cyclonedx-xml".parse::<Target>().unwrap().to_string(), "cyclonedx-xml@1.6");
    for bad in ["", "json", "cyclonedx-json@1.1", "cyclonedx-json@2", "spdx-yaml@3", "purls@1", "syft-json@15"] {
        assert!(bad.parse::<Target>().is_err(), "{bad}");
    }
}

#[track_caller]
fn is_valid(target: Target, bytes: &[u8]) {
    let found = lint::lint(bytes, &Limits::default()).unwrap();
    assert_eq!(found.problems, [], "{target}: {}", String::from_utf8_lossy(bytes));
}

#[test]
fn every_format_is_valid_and_says_what_it_loses() {
    let expected = |target: Target| -> Vec<&'static str> {
        match target {
            Target::CycloneDxJson(2) | Target::CycloneDxXml(2) => vec![
                "CPEs",
                "details of the distribution",
                "direct or indirect",
                "executables",
                "installed or only declared",
                "locations",
                "relationships \"contained in\"",
                "relationships \"owned by\"",
                "the image",
                "what could not be examined",
            ],
            Target::Spdx2(..) | Target::Spdx3 => vec!["details of the distribution", "executables"],
            Target::SyftJson => vec!["checksums", "direct or indirect", "executables", "installed or only declared"],
            _ => vec!["executables"],
        }
    };
    let subject = subject("registry.example/app:1");
    for target in targets() {
        let bytes = write(target, &subject, &inventory(), &options());
        is_valid(target, &bytes);
        let lost = losses(target, &subject, &inventory());
        let names: Vec<&str> = lost.iter().map(|loss| loss.what.as_str()).collect();
        let mut known = expected(target);
        known.retain(|what| names.contains(what) || !matches!(*what, "CPEs"));
        assert_eq!(names, known, "{target}");
    }
    let plain = losses(Target::Purls, &subject, &inventory());
    assert!(plain.iter().any(|loss| loss.what == "licences" && loss.count == 3), "{plain:?}");
}

#[test]
fn hostile_texts_stay_themselves() {
    let mut inventory = inventory();
    let text = "a </text> <b>&amp;\n- : # \"'\\ \t{}[] |\u{fffd} é\u{1f600}";
    inventory.packages[1].description = Some(text.to_owned());
    inventory.packages[2].vendor = Some("A & B <c@d>".to_owned());
    for target in targets() {
        let bytes = write(target, &subject("x<&>"), &inventory, &options());
        is_valid(target, &bytes);
        let back = parse(&bytes).inventory;
        let flask = back.packages.iter().find(|package| package.name == "Flask").unwrap();
        let expected = match target {
            Target::SyftJson => None,
            Target::Spdx2(_, crate::spdx::Form::TagValue) => Some(text.replace("</text>", "</ text>")),
            _ => Some(text.to_owned()),
        };
        assert_eq!(flask.description, expected, "{target}");
    }
}

/// A document of any target, damaged.
fn damaged(which: usize, at: usize, bit: u8, cut: usize) -> (Vec<u8>, Vec<u8>) {
    let targets = targets();
    let mut bytes = write(targets[which % targets.len()], &subject("x"), &inventory(), &options());
    let at = at % bytes.len();
    bytes[at] ^= 1 << bit;
    let short = bytes[..cut % bytes.len()].to_vec();
    (bytes, short)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_round_trip_keeps_what_the_format_can_carry(inventory in any_inventory()) {
        for target in targets() {
            let bytes = write(target, &subject("x"), &inventory, &options());
            is_valid(target, &bytes);
            let back = parse(&bytes).inventory;
            let lost: Vec<String> = losses(target, &subject("x"), &inventory).into_iter().map(|loss| loss.what).collect();
            let (packages, edges) = facts(&back);
            let (mut wanted_packages, mut wanted_edges) = facts(&inventory);
            let loses = |what: &str| lost.iter().any(|lost| lost == what);
            if loses("ecosystems") || loses("licences") || loses("names") {
                wanted_packages.clear();
            } else {
                prop_assert_eq!(&packages, &wanted_packages, "{}", target);
            }
            wanted_edges.retain(|(_, kind, _)| match kind {
                RelationshipKind::DependsOn => !loses("relationships \"depends on\""),
                RelationshipKind::OwnedBy => !loses("relationships \"owned by\""),
                RelationshipKind::ContainedIn => !loses("relationships \"contained in\""),
            });
            prop_assert_eq!(&edges, &wanted_edges, "{}", target);
            // From there into any other format and back: what the middle carried stays.
            let again = parse(&write(Target::CycloneDxJson(6), &subject("x"), &back, &options())).inventory;
            prop_assert_eq!(facts(&again), (packages, edges), "{}", target);
        }
    }

    #[test]
    fn damaged_documents_of_any_form_never_panic(which in 0usize..40, at in 0usize..60_000, bit in 0u8..8, cut in 0usize..60_000) {
        let (whole, short) = damaged(which, at, bit, cut);
        for bytes in [whole, short] {
            let _ = read(&bytes, &Limits::default());
            let _ = lint::lint(&bytes, &Limits::default());
        }
    }

    #[test]
    fn any_tag_value_text_never_panics(lines in prop::collection::vec("(SPDXVersion|PackageName|SPDXID|FileName|Relationship|ExternalRef|Annotator|SPDXREF|SnippetSPDXID|SnippetByteRange|LicenseID|ExtractedText|PackageChecksum|x): ?(<text>|SPDXRef-a|SHA1: 1|SPDX-2.3|1:2|a b c|</text>)?", 0..20)) {
        let text = format!("SPDXVersion: SPDX-2.3\n{}", lines.join("\n"));
        let _ = read(text.as_bytes(), &Limits::default());
        let _ = lint::lint(text.as_bytes(), &Limits::default());
    }

    #[test]
    fn any_xml_never_panics(parts in prop::collection::vec("<(bom xmlns='http://cyclonedx.org/schema/bom/1\\.[0-9]'|component type='library'|components|name|/name|/component|/components|licenses/|hash alg='MD5'/|/bom)>|x|&lt;", 0..20)) {
        let text = format!("<bom xmlns='http://cyclonedx.org/schema/bom/1.6'>{}", parts.concat());
        let _ = read(text.as_bytes(), &Limits::default());
        let _ = lint::lint(text.as_bytes(), &Limits::default());
    }

    #[test]
    fn any_spdx_3_never_panics(body in "(\\{\"(type|spdxId|name|to|from|relationshipType|rootElement|externalIdentifier)\":(\"software_Package\"|\"a:b\"|\\[\"a:b\"\\]|\\{\\}|null|1),?\\}?,?){0,6}") {
        let text = format!("{{\"@context\":\"https://spdx.org/rdf/3.0.1/spdx-context.jsonld\",\"@graph\":[{body}]}}");
        let _ = read(text.as_bytes(), &Limits::default());
        let _ = lint::lint(text.as_bytes(), &Limits::default());
    }
}

#[test]
fn differences() {
    let old = inventory();
    let mut new = old.clone();
    new.packages[1].version = "3.0.0".to_owned();
    new.packages.remove(2);
    new.packages.push(Package::new(PackageKind::Npm, "left-pad", "1.0.0"));
    let found = crate::diff(&old, &new);
    let name = |entry: &crate::Name| entry.name.clone();
    assert_eq!(
        found.added.iter().map(|(entry, versions)| (name(entry), versions.clone())).collect::<Vec<_>>(),
        [("left-pad".to_owned(), vec!["1.0.0".to_owned()])]
    );
    assert_eq!(found.removed.iter().map(|(entry, _)| name(entry)).collect::<Vec<_>>(), ["Jinja2"]);
    assert_eq!(
        found.changed.iter().map(|(entry, old, new)| (name(entry), old.clone(), new.clone())).collect::<Vec<_>>(),
        [("Flask".to_owned(), vec!["2.2.2".to_owned()], vec!["3.0.0".to_owned()])]
    );
    assert_eq!(found.same, 3);
    assert!(crate::diff(&old, &old).is_empty());
}

#[test]
fn merging() {
    let mut other = inventory();
    other.packages[1].locations = vec![Location::of_path("elsewhere")];
    other.packages[3].name = "com.example:other".to_owned();
    let merged = crate::merge(vec![inventory(), other.clone(), inventory()]);
    assert_eq!(merged.packages.len(), 6);
    let flask = merged.packages.iter().find(|package| package.name == "Flask").unwrap();
    assert_eq!(flask.locations.len(), 2);
    // The inner jar lies in both outer ones now.
    assert_eq!(merged.relationships.len(), 4);
    assert_eq!(merged.unexamined.len(), 1);
    let mut order = merged.packages.clone();
    order.sort_by(|a, b| (a.kind, &a.name, &a.version).cmp(&(b.kind, &b.name, &b.version)));
    assert_eq!(order, merged.packages);

    other.distro = Some(Distro { id: "alpine".to_owned(), version_id: Some("3.20".to_owned()), ..Distro::default() });
    let mixed = crate::merge(vec![inventory(), other]);
    assert!(mixed.unexamined.iter().any(|part| part.by == "merge" && part.why.contains("alpine 3.20")));
    assert_eq!(mixed.packages.iter().filter(|package| package.name == "libssl3").count(), 2);
}

#[test]
fn what_the_reader_passes_over_is_counted() {
    let text = r#"{"bomFormat":"CycloneDX","specVersion":"1.6","services":[{"name":"s"}],
        "components":[{"type":"library","name":"a","copyright":"c"},{"type":"library","name":"b","copyright":"c"}]}"#;
    let mut unread = crate::Unread::new();
    crate::read_noting(text.as_bytes(), &Limits::default(), Some(&mut unread)).unwrap();
    let found: Vec<(&str, usize)> = unread.iter().map(|(name, count)| (name.as_str(), *count)).collect();
    assert_eq!(found, [("components.copyright", 2), ("services.name", 1)]);
}

#[test]
fn github_snapshots() {
    let bytes = write(Target::GithubJson, &subject("app"), &inventory(), &options());
    let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(value["version"], 0);
    let manifest = &value["manifests"]["app:/app/poetry.lock"];
    assert_eq!(manifest["file"]["source_location"], "app:/app/poetry.lock");
    assert_eq!(manifest["resolved"]["pkg:pypi/jinja2@3.1.2"]["relationship"], "direct");
    let flask = &value["manifests"]["app:/usr/lib/python3/dist-packages/Flask-2.2.2.dist-info/METADATA"]["resolved"];
    assert_eq!(flask["pkg:pypi/flask@2.2.2"]["dependencies"][0], "pkg:pypi/jinja2@3.1.2");
}
