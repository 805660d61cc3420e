//! Documents that nobody meant well. What would take the square of time or more has a size at which that is minutes or hours, so that a guard
//! that is taken out shows.

use std::fmt::Write as _;

use super::{inventory, options, parse as read_whole, subject};
use crate::{Format, Limits, ReadError, Target, lint, losses, merge, read, write};

const MANY: usize = 60_000;

fn cyclonedx(components: &str, more: &str) -> String {
    format!(r#"{{"bomFormat":"CycloneDX","specVersion":"1.6","version":1{more},"components":[{components}]}}"#)
}

fn joined(count: usize, item: impl Fn(usize) -> String) -> String {
    (0..count).map(item).collect::<Vec<_>>().join(",")
}

#[test]
fn very_many_equal_packages_have_ids_of_their_own() {
    let text = cyclonedx(&joined(MANY, |_| r#"{"type":"library","name":"a","version":"1"}"#.to_owned()), "");
    let sbom = read_whole(text.as_bytes());
    let ids = crate::identity::package_ids(&sbom.inventory);
    assert_eq!(ids.iter().collect::<std::collections::HashSet<_>>().len(), MANY);
    assert_eq!(ids, crate::identity::package_ids(&sbom.inventory), "the same in every run");
}

#[test]
fn lists_of_one_component_are_made_unique_in_linear_time() {
    let text = cyclonedx(
        &format!(
            r#"{{"type":"library","name":"a","version":"1","hashes":[{}],"licenses":[{}],"properties":[{}]}}"#,
            joined(2 * MANY, |n| format!(r#"{{"alg":"MD5","content":"{:032x}"}}"#, n / 2)),
            joined(2 * MANY, |n| format!(r#"{{"license":{{"name":"l{}"}}}}"#, n / 2)),
            joined(2 * MANY, |n| format!(r#"{{"name":"syft:cpe23","value":"cpe:2.3:a:a:b:{}:*:*:*:*:*:*:*"}}"#, n / 2)),
        ),
        "",
    );
    let sbom = read_whole(text.as_bytes());
    let package = &sbom.inventory.packages[0];
    assert_eq!((package.checksums.len(), package.licenses.len(), package.cpes.len()), (MANY, MANY, MANY));
    assert_eq!(package.licenses[1].value, "l1", "the order is kept");
}

#[test]
fn parts_that_are_nothing_are_counted_and_end_at_the_limit() {
    let text = cyclonedx(&joined(3000, |_| "{}".to_owned()), "");
    let sbom = read(text.as_bytes(), &Limits::default()).unwrap();
    let told = &sbom.inventory.unexamined;
    assert!(told.len() < 1100, "{}", told.len());
    assert!(told.iter().any(|what| what.why == "5000 more parts could not be understood"), "{told:?}");
    let few = Limits { packages: 2999, ..Limits::default() };
    for text in [
        text,
        format!(
            r#"{{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","packages":[{}]}}"#,
            joined(3000, |_| "{}".to_owned())
        ),
        format!(r#"{{"schema":{{"version":"16.0.0"}},"artifacts":[{}]}}"#, joined(3000, |_| "{}".to_owned())),
    ] {
        let refused = read(text.as_bytes(), &few).unwrap_err();
        assert!(matches!(refused, ReadError::TooLarge { what: "components", limit: 2999 }), "{refused}");
    }
}

#[test]
fn annotations_of_very_many_packages() {
    let mut text = "SPDXVersion: SPDX-2.3\nSPDXID: SPDXRef-DOCUMENT\nDocumentName: x\n".to_owned();
    for n in 0..MANY {
        let _fits = write!(text, "PackageName: p{n}\nSPDXID: SPDXRef-p{n}\nPackageVersion: 1\n");
    }
    for _ in 0..MANY {
        let _fits = write!(text, "Annotator: Tool: x\nSPDXREF: SPDXRef-p{}\nAnnotationComment: x\n", MANY - 1);
    }
    let parsed = crate::spdx::tree(Format::SpdxTagValue, text.as_bytes(), &Limits::default()).unwrap();
    assert_eq!(parsed.document["packages"][MANY - 1]["annotations"].as_array().map(Vec::len), Some(MANY));
}

#[test]
fn very_many_components_in_xml_are_judged() {
    let list: String =
        (0..MANY).map(|n| format!("<component type=\"library\"><name>a{n}</name></component>")).collect();
    let bad = "<component type=\"library\"><colour/></component>";
    let text = format!(
        "<bom xmlns=\"http://cyclonedx.org/schema/bom/1.6\" version=\"1\"><components>{list}{bad}</components></bom>"
    );
    let problems = lint::lint(text.as_bytes(), &Limits::default()).unwrap().problems;
    let places: Vec<&str> = problems.iter().map(|problem| problem.at.as_str()).collect();
    assert_eq!(places, [format!("bom.components.component[{MANY}]")]);
}

/// A graph whose elements stand inside each other, with something wrong in the innermost one.
fn nested(depth: usize, innermost: &str) -> String {
    let mut element = innermost.to_owned();
    for n in 0..depth {
        element =
            format!(r#"{{"type":"software_Sbom","spdxId":"urn:s{n}","creationInfo":"_:c","element":[{element}]}}"#);
    }
    format!(r#"{{"@context":"https://spdx.org/rdf/3.0.1/spdx-context.jsonld","@graph":[{element}]}}"#)
}

#[test]
fn alternatives_inside_alternatives_take_no_power_of_time() {
    let wrong = r#"{"type":"software_Package","spdxId":"urn:p","name":"p","software_packageVersion":"1"}"#;
    for depth in [1, 5, 40] {
        let problems = lint::lint(nested(depth, wrong).as_bytes(), &Limits::default()).unwrap().problems;
        assert!(!problems.is_empty(), "{depth}: it lacks `creationInfo`");
    }
}

#[test]
fn elements_are_found_as_deep_as_json_goes() {
    let package = r#"{"type":"software_Package","spdxId":"urn:p","name":"p","software_packageVersion":"1"}"#;
    for depth in [1, 20, 50] {
        let sbom = read_whole(nested(depth, package).as_bytes());
        assert_eq!(sbom.inventory.packages.len(), 1, "{depth} deep");
    }
    let refused = read(nested(200, package).as_bytes(), &Limits::default()).unwrap_err();
    assert!(matches!(refused, ReadError::NotJson { .. } | ReadError::Json { .. }), "{refused}");
}

#[test]
fn places_times_owners_are_not_written_out() {
    let owners = joined(5000, |n| format!(r#"{{"type":"library","bom-ref":"o{n}","name":"o{n}","version":"1"}}"#));
    let properties = joined(5000, |n| {
        format!(
            r#"{{"name":"syft:location:{n}:path","value":"/p{n}"}},{{"name":"signet:package:owned-by","value":"o{n}"}}"#
        )
    });
    let owned = format!(r#"{{"type":"library","bom-ref":"x","name":"x","version":"1","properties":[{properties}]}}"#);
    let sbom = read_whole(cyclonedx(&format!("{owners},{owned}"), "").as_bytes());
    let written = write(Target::SyftJson, &sbom.subject, &sbom.inventory, &options());
    assert!(written.len() < 64 << 20, "{} bytes", written.len());
    let back = read_whole(&written).inventory;
    assert_eq!((back.packages.len(), back.relationships.len()), (5001, 5000));
}

#[test]
fn a_package_stated_in_very_many_places_is_merged() {
    let one = cyclonedx(
        &joined(MANY, |n| {
            format!(
                r#"{{"type":"library","name":"a","version":"1","purl":"pkg:npm/a@1","properties":[{{"name":"syft:location:0:path","value":"/p{n}"}}]}}"#
            )
        }),
        "",
    );
    let inventories = vec![read_whole(one.as_bytes()).inventory, read_whole(one.as_bytes()).inventory];
    let merged = merge(inventories);
    assert_eq!((merged.packages.len(), merged.packages[0].locations.len()), (1, MANY));
}

#[test]
fn circles_and_stars_of_dependencies_end() {
    let refs = joined(MANY, |n| format!(r#"{{"type":"library","bom-ref":"c{n}","name":"c{n}","version":"1"}}"#));
    let circle = joined(MANY, |n| format!(r#"{{"ref":"c{n}","dependsOn":["c{}","c0","c{n}"]}}"#, (n + 1) % MANY));
    let sbom = read_whole(cyclonedx(&refs, &format!(r#","dependencies":[{circle}]"#)).as_bytes());
    assert_eq!(sbom.inventory.relationships.len(), 2 * MANY - 2);
    for target in [Target::CycloneDxJson(6), Target::GithubJson, Target::Spdx3] {
        assert!(!write(target, &sbom.subject, &sbom.inventory, &options()).is_empty());
        let _told = losses(target, &sbom.subject, &sbom.inventory);
    }
}

#[test]
fn bytes_that_are_no_text_are_told() {
    let xml = b"<bom xmlns=\"http://cyclonedx.org/schema/bom/1.6\" version=\"1\"><components><component type=\"library\"><name>a\xff</name></component></components></bom>";
    assert!(matches!(read(xml, &Limits::default()), Err(ReadError::Invalid { format: Format::CycloneDxXml, .. })));
    assert!(lint::lint(xml, &Limits::default()).is_err());
    let text =
        b"SPDXVersion: SPDX-2.3\nSPDXID: SPDXRef-DOCUMENT\nPackageName: a\xff\nSPDXID: SPDXRef-a\nPackageVersion: 1\n";
    let sbom = read(text, &Limits::default()).unwrap();
    assert!(sbom.inventory.unexamined.iter().any(|what| what.why.contains("UTF-8")), "{:?}", sbom.inventory.unexamined);
    let yaml = b"spdxVersion: SPDX-2.3\nname: \"a\xff\"\n";
    assert!(read(yaml, &Limits::default()).is_err());
}

#[test]
fn parts_without_a_number_that_were_not_examined_are_told() {
    let text = cyclonedx("", r#","properties":[{"name":"signet:unexamined:99999999999:why","value":"x"}]"#);
    let sbom = read(text.as_bytes(), &Limits::default()).unwrap();
    assert_eq!(sbom.inventory.unexamined.len(), 1);
}

#[test]
fn a_large_document_in_yaml_is_known_by_its_beginning() {
    let mut large = inventory();
    let package = large.packages[0].clone();
    large.packages.extend((0..2000).map(|n| signet_model::Package { name: format!("zz{n}"), ..package.clone() }));
    for form in [crate::spdx::Form::Yaml, crate::spdx::Form::Xml, crate::spdx::Form::TagValue] {
        let target = Target::Spdx2(crate::spdx::Version::V2_3, form);
        let sbom = crate::read(&write(target, &subject("x"), &large, &options()), &Limits::default()).unwrap();
        assert_eq!(sbom.inventory.packages.len(), large.packages.len(), "{target}");
    }
}

#[test]
fn control_characters_in_yaml_are_escaped() {
    let mut odd = inventory();
    odd.packages[0].description = Some("a\u{7f}\u{85}\u{9b}\u{2028}\u{feff}b".to_owned());
    let target = Target::Spdx2(crate::spdx::Version::V2_3, crate::spdx::Form::Yaml);
    let written = write(target, &subject("x"), &odd, &options());
    let text = String::from_utf8(written.clone()).unwrap();
    assert!(text.contains(r"a\u007f\u0085\u009b\u2028\ufeffb"));
    let back = read_whole(&written).inventory;
    let name = &odd.packages[0].name;
    let found = back.packages.iter().find(|package| package.name == *name).unwrap();
    assert_eq!(found.description, odd.packages[0].description);
}
