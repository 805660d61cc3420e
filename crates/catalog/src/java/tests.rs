//! Archives made here, member by member.

use proptest::prelude::*;
use signet_model::{Location, PackageKind, RelationshipKind};

use super::archive::{Bounds, LEAF, read_within};
use crate::syntax::testing::{check, mutate, read, rows};
use crate::syntax::zip::{Limits, build};
use crate::{Found, Input};

type Members<'a> = &'a [(&'a str, &'a [u8])];

fn jar(members: Members<'_>) -> Vec<u8> {
    build::zip(members, true)
}

const POM_A: (&str, &[u8]) = ("META-INF/maven/g/a/pom.properties", include_bytes!("testdata/a.pom.properties"));
const POM_B: (&str, &[u8]) = ("META-INF/maven/h/b/pom.properties", b"groupId=h\nartifactId=b\nversion=2.0\n");

fn manifest(text: &str) -> Vec<u8> {
    jar(&[("META-INF/MANIFEST.MF", text.as_bytes())])
}

fn contained(found: &Found) -> Vec<(usize, usize)> {
    let inside = found.edges.iter().filter(|(_, _, kind)| *kind == RelationshipKind::ContainedIn);
    inside.map(|(from, to, _)| (*from, *to)).collect()
}

#[test]
fn a_pom_is_the_archive() {
    check(&LEAF, "lib/a-1.0.jar", jar(&[POM_A]), &["g:a@1.0"]);
    check(&LEAF, "lib/a.jar", jar(&[POM_A, POM_B]), &["g:a@1.0", "h:b@2.0"]);
    check(&LEAF, "lib/renamed.jar", jar(&[POM_A]), &["g:a@1.0"]);
    let found = read(&LEAF, "lib/a-1.0.jar", &jar(&[POM_B, POM_A]));
    assert_eq!(contained(&found), [(0, 1)]);
    assert_eq!(found.packages[1].checksums.len(), 1);
    assert!(found.packages[0].checksums.is_empty());
}

#[test]
fn a_shaded_archive_is_itself_and_what_it_holds() {
    let found = read(&LEAF, "c-3.0.jar", &jar(&[POM_A, POM_B]));
    assert_eq!(rows(&found), ["g:a@1.0", "h:b@2.0", "c@3.0"]);
    assert_eq!(contained(&found), [(0, 2), (1, 2)]);
    check(&LEAF, "uber.jar", jar(&[POM_A, POM_B]), &["g:a@1.0", "h:b@2.0"]);
    // One library inside, and a manifest that says what the archive itself is.
    let own = b"Bundle-Name: c\nBundle-Version: 4.2.3\n";
    check(&LEAF, "c.jar", jar(&[("META-INF/MANIFEST.MF", own), POM_A]), &["g:a@1.0", "c@4.2.3"]);
    let same = b"Implementation-Title: The A library\nImplementation-Version: 1.0\n";
    check(&LEAF, "renamed.jar", jar(&[("META-INF/MANIFEST.MF", same), POM_A]), &["g:a@1.0"]);
}

#[test]
fn manifest_and_file_name() {
    check(
        &LEAF,
        "x.jar",
        manifest("Implementation-Title: t\nImplementation-Version: 1\nImplementation-Vendor-Id: v.i\n"),
        &["v.i:t@1"],
    );
    check(&LEAF, "x-2.jar", manifest("Implementation-Title: t\nImplementation-Version: 1\n"), &["x@2"]);
    check(&LEAF, "lang3-3.1.jar", manifest("Bundle-SymbolicName: org.x.lang3;singleton:=true\n"), &["org.x:lang3@3.1"]);
    check(&LEAF, "x.jar", manifest("Implementation-Title: ${t}\nBundle-Name: b\nBundle-Version: 1\n"), &["b@1"]);
    check(
        &LEAF,
        "spring-web-5.3.26.jar",
        manifest("Manifest-Version: 1.0\n"),
        &["org.springframework:spring-web@5.3.26"],
    );
    check(
        &LEAF,
        "log4j-core-2.0.jar",
        manifest("Bundle-SymbolicName: com.fork.log4j-core\n"),
        &["com.fork:log4j-core@2.0"],
    );
    check(&LEAF, "x.jar", manifest("Manifest-Version: 1.0\n"), &["x@"]);
}

#[test]
fn pom_xml_gives_licences_and_stands_in() {
    let xml = include_bytes!("testdata/a.pom.xml");
    for members in [&[POM_A, ("META-INF/maven/g/a/pom.xml", &xml[..])][..], &[("META-INF/maven/g/a/pom.xml", &xml[..])]]
    {
        let found = read(&LEAF, "a-1.0.jar", &jar(members));
        assert_eq!(rows(&found), ["g:a@1.0"]);
        assert_eq!(found.packages[0].licenses[0].value, "MIT");
    }
    check(
        &LEAF,
        "a-1.0.jar",
        jar(&[("META-INF/maven/g/a/pom.xml", b"<project></x>")]),
        &["a@1.0", "! malformed: line 1: no XML: ill-formed document: expected `</project>`, but `</x>` was found"],
    );
}

#[test]
fn nested_archives() {
    let inner = jar(&[POM_B]);
    let middle = jar(&[("lib/b-2.0.jar", &inner)]);
    let found = read(
        &LEAF,
        "app/a-1.0.war",
        &jar(&[POM_A, ("WEB-INF/lib/middle.jar", &middle), ("WEB-INF/lib/b-2.0.jar", &inner)]),
    );
    assert_eq!(rows(&found), ["g:a@1.0", "middle@", "h:b@2.0", "h:b@2.0"]);
    assert_eq!(contained(&found), [(2, 1), (1, 0), (3, 0)]);
    assert_eq!(found.packages[2].locations[0].path, "app/a-1.0.war!/WEB-INF/lib/middle.jar!/lib/b-2.0.jar");
}

#[test]
fn plugins() {
    let manifest = b"Group-Id: org.jenkins-ci.plugins\nShort-Name: git\nPlugin-Version: 5.0\n";
    let found = read(&LEAF, "git.hpi", &jar(&[("META-INF/MANIFEST.MF", manifest)]));
    assert_eq!(rows(&found), ["org.jenkins-ci.plugins:git@5.0"]);
    assert_eq!(found.packages[0].kind, PackageKind::JenkinsPlugin);
}

fn bounded(bytes: &[u8], bounds: Bounds) -> Vec<String> {
    let location = Location::of_path("x.jar");
    rows(&read_within(&Input { location: &location, bytes, binary: None, leaf: LEAF.id }, bounds))
}

const SMALL: Bounds = Bounds {
    depth: 3,
    archives: 5,
    descriptors: 4,
    total: 10_000,
    zip: Limits { members: 10, member_size: 5_000 },
    descriptor: 1_000,
};

#[test]
fn bounds() {
    let mut deep = jar(&[POM_A]);
    for _ in 0..5 {
        deep = jar(&[("n.jar", &deep)]);
    }
    assert_eq!(bounded(&deep, SMALL), ["x@", "n@", "n@", "! too-large: nested deeper than 3 archives"]);
    let names: Vec<String> = (0..20).map(|n| format!("{n}.jar")).collect();
    let empty = jar(&[]);
    let many: Vec<(&str, &[u8])> = names.iter().take(8).map(|name| (name.as_str(), empty.as_slice())).collect();
    assert_eq!(bounded(&jar(&many), SMALL), ["x@", "0@", "1@", "2@", "3@", "! too-large: more than 5 archives"]);
    let poms: Vec<String> = (0..6).map(|n| format!("{n}/pom.properties")).collect();
    let many: Vec<(&str, &[u8])> = poms.iter().map(|name| (name.as_str(), POM_A.1)).collect();
    assert_eq!(bounded(&jar(&many), SMALL), ["g:a@1.0", "! too-large: more than 4 descriptors"]);
    let bomb = jar(&[("n.jar", &[0; 100_000]), POM_A]);
    assert_eq!(bounded(&bomb, SMALL), ["g:a@1.0", "! too-large: the member at offset 0 is larger than the limit"]);
    let large = jar(&[("META-INF/MANIFEST.MF", &[b'a'; 2_000])]);
    assert_eq!(bounded(&large, SMALL), ["x@", "! too-large: the member at offset 0 is larger than the limit"]);
}

#[test]
fn broken() {
    check(&LEAF, "x.jar", "no zip", &["! malformed: no zip archive: the end of the central directory was not found"]);
    check(&LEAF, "x.rar", "Rar!\x1a\x07", &[]);
    check(
        &LEAF,
        "x.ear",
        jar(&[("a.jar", b"no zip"), POM_A]),
        &["g:a@1.0", "! malformed: no zip archive: the end of the central directory was not found"],
    );
    check(
        &LEAF,
        "x.jar",
        jar(&[("META-INF/maven/g/a/pom.properties", b"artifactId=a\nversion=${v}\n")]),
        &["x@", "! unresolved: the Maven descriptor does not state artifact and version without variables"],
    );
}

proptest! {
    #[test]
    fn broken_archives_never_panic(place: usize, byte: u8, cut in 0usize..40, keep: usize, deflate: bool) {
        let inner = build::zip(&[POM_B, ("META-INF/MANIFEST.MF", b"Bundle-Name: b\n")], deflate);
        let whole = build::zip(&[POM_A, ("lib/b.jar", &inner)], deflate);
        prop_assert!(bounded(&mutate(&whole, place, byte, cut, keep), SMALL).len() < 20);
    }
}
