//! Trees of Maven projects, read by the real leaf.

use proptest::prelude::*;

use super::settle;
use crate::FileRecord;
use crate::java::{gradle, maven};
use crate::syntax::testing::{mutate, read, rows};

fn tree(files: &[(&str, &str)]) -> Vec<(FileRecord, Option<signet_model::Digest>)> {
    let record = |(path, text): &(&str, &str)| {
        let leaf = if path.ends_with(".lockfile") { &gradle::lock::LEAF } else { &maven::LEAF };
        let found = read(leaf, path, text.as_bytes());
        (FileRecord { path: (*path).to_owned(), link: None, leaf: leaf.id, found }, None)
    };
    let mut records: Vec<_> = files.iter().map(record).collect();
    settle(&mut records);
    records
}

/// Settles the projects of a tree and gives the rows of the first.
#[track_caller]
fn check(files: &[(&str, &str)], expected: &[&str]) {
    assert_eq!(rows(&tree(files)[0].0.found), expected);
}

fn need(group: &str, artifact: &str, more: &str) -> String {
    format!("<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>{more}</dependency>")
}

fn version(text: &str) -> String {
    format!("<version>{text}</version>")
}

fn project(id: &str, inner: &str) -> String {
    format!("<project><groupId>g</groupId><artifactId>{id}</artifactId><version>1</version>{inner}</project>")
}

fn child(id: &str, parent: &str, inner: &str) -> String {
    format!(
        "<project><parent><groupId>g</groupId><artifactId>{parent}</artifactId><version>1</version></parent><artifactId>{id}</artifactId>{inner}</project>"
    )
}

#[test]
fn one_project() {
    let text = project(
        "app",
        &format!(
            "<properties><v>2</v><w>${{v}}.0</w></properties>\n<dependencies>\n{}\n{}\n{}\n{}\n{}\n{}\n</dependencies>",
            need("a", "plain", &version(" 1.0 ")),
            need("a", "variable", &version("${w}")),
            need("${project.groupId}", "own", &version("${project.version}")),
            need("a", "tests", &format!("{}<scope>test</scope>", version("[3]"))),
            need("a", "range", &version("[1,2)")),
            need("a", "none", ""),
        ),
    );
    check(
        &[("x/pom.xml", &text)],
        &[
            "g:app@1 root -> a:plain@1.0 a:variable@2.0 g:own@1 a:tests@3 a:range@ a:none@",
            "a:plain@1.0 direct L3-3",
            "a:variable@2.0 direct L4-4",
            "g:own@1 direct L5-5",
            "a:tests@3 dev direct L6-6",
            "a:range@ direct L7-7",
            "a:none@ direct L8-8",
            "! unresolved: a:range: a repository chooses the version, within `[1,2)`",
            "! unresolved: a:none: no version is stated in this tree",
        ],
    );
    let found = &tree(&[("pom.xml", &text)])[0].0.found;
    assert_eq!(found.packages[5].extra.get("maven.minimum").map(String::as_str), Some("1"));
}

#[test]
fn parents_give_versions_properties_and_needs() {
    let managed = format!(
        "<dependencyManagement><dependencies>{}</dependencies></dependencyManagement>",
        need("a", "m", &version("${v}"))
    );
    let parent = project(
        "parent",
        &format!(
            "<packaging>pom</packaging><properties><v>5</v></properties>{managed}<dependencies>{}</dependencies>",
            need("a", "inherited", &version("9"))
        ),
    );
    let app = child(
        "app",
        "parent",
        &format!("<properties><v>6</v></properties><dependencies>{}</dependencies>", need("a", "m", "")),
    );
    let rows = ["g:app@1 root -> a:m@6 a:inherited@9", "a:m@6 direct L1-1", "a:inherited@9 direct"];
    check(&[("r/app/pom.xml", &app), ("r/pom.xml", &parent)], &rows);
    // not where it is looked for, but in the tree
    check(&[("app/pom.xml", &app), ("elsewhere/pom.xml", &parent)], &rows);
    check(&[("app/pom.xml", &app), ("root/.m2/repository/g/parent/1/parent-1.pom", &parent)], &rows);
    let missing = "! unresolved: the parent g:parent:1 is not in this tree; what it adds is not known";
    let why = "! unresolved: a:m: no version is stated in this tree; the parent g:parent:1 may state it";
    check(&[("app/pom.xml", &app)], &["g:app@1 root -> a:m@", "a:m@ direct L1-1", missing, why]);
}

#[test]
fn a_parent_of_another_name_is_not_taken() {
    let app = child("app", "parent", "");
    let other = project("other", "<properties><v>1</v></properties>");
    check(
        &[("r/app/pom.xml", &app), ("r/pom.xml", &other)],
        &["g:app@1 root", "! unresolved: the parent g:parent:1 is not in this tree; what it adds is not known"],
    );
}

#[test]
fn circles_end() {
    let (one, two) = (child("one", "two", ""), child("two", "one", ""));
    let found = tree(&[("one/pom.xml", &one), ("two/pom.xml", &two)]);
    assert_eq!(rows(&found[0].0.found)[0], "g:one@1 root");
    let circle = format!(
        "<modules><module>.</module><module>../x</module></modules><properties><a>${{b}}</a><b>${{a}}</b></properties><dependencies>{}</dependencies>",
        need("a", "a", &version("${a}"))
    );
    let text = project("x", &circle);
    check(
        &[("x/pom.xml", &text)],
        &["g:x@1 workspace -> a:a@", "a:a@ direct L1-1", "! unresolved: a:a: `a` is not set in this tree"],
    );
}

#[test]
fn lists_of_versions_are_imported() {
    let import = |id: &str| need("g", id, &format!("{}<type>pom</type><scope>import</scope>", version("1")));
    let list = |id: &str, entries: &str| {
        project(id, &format!("<dependencyManagement><dependencies>{entries}</dependencies></dependencyManagement>"))
    };
    let needs =
        format!("<dependencies>{}{}{}</dependencies>", need("a", "x", ""), need("a", "y", ""), need("a", "z", ""));
    let own = format!(
        "<dependencyManagement><dependencies>{}{}{}{}</dependencies></dependencyManagement>",
        import("first"),
        import("second"),
        import("lost"),
        need("a", "z", &version("own"))
    );
    let app = project("app", &format!("{own}{needs}"));
    let first = list("first", &format!("{}{}", need("a", "x", &version("1")), need("a", "z", &version("1"))));
    let second = list("second", &format!("{}{}", need("a", "x", &version("2")), need("a", "y", &version("2"))));
    check(
        &[("app/pom.xml", &app), ("first/pom.xml", &first), ("m2/second-1.pom", &second)],
        &[
            "g:app@1 root -> a:x@1 a:y@2 a:z@own",
            "a:x@1 direct L1-1",
            "a:y@2 direct L1-1",
            "a:z@own direct L1-1",
            "! unresolved: the list of versions g:lost:1 is not in this tree",
        ],
    );
}

#[test]
fn modules() {
    let root = project("root", "<modules><module>a</module><module>lost</module></modules>");
    let a = child("a", "root", "");
    check(&[("a/pom.xml", &a), ("pom.xml", &root)], &["g:a@1 workspace"]);
    check(
        &[("pom.xml", &root), ("a/pom.xml", &a)],
        &["g:root@1 root", "! missing: the module `lost` is not in this tree"],
    );
}

#[test]
fn a_local_repository_leads_further() {
    let leads = project(
        "leads",
        &format!(
            "<dependencies>{}{}{}{}{}</dependencies><licenses><license><name>MIT</name></license></licenses>",
            need("a", "deep", &version("1")),
            need("a", "out", &version("1")),
            need("a", "tests", &format!("{}<scope>test</scope>", version("1"))),
            need("a", "maybe", &format!("{}<optional>true</optional>", version("1"))),
            need("a", "near", &version("1")),
        ),
    );
    let exclusions = "<exclusions><exclusion><groupId>a</groupId><artifactId>out</artifactId></exclusion></exclusions>";
    let app = project(
        "app",
        &format!(
            "<dependencyManagement><dependencies>{}</dependencies></dependencyManagement><dependencies>{}{}</dependencies>",
            need("a", "deep", &version("7")),
            need("g", "leads", &format!("{}{exclusions}", version("1"))),
            need("a", "near", &version("2")),
        ),
    );
    let files = [("pom.xml", app.as_str()), ("root/.m2/repository/g/leads/1/leads-1.pom", leads.as_str())];
    check(
        &files,
        &[
            "g:app@1 root -> g:leads@1 a:near@2",
            "g:leads@1 direct L1-1 -> a:near@2 a:deep@7",
            "a:near@2 direct L1-1",
            "a:deep@7 indirect",
        ],
    );
    let found = tree(&files);
    assert_eq!(found[0].0.found.packages[1].licenses[0].value, "MIT");
    assert!(found[1].0.found.packages.is_empty());
    check(
        &[("gradle.lockfile", "g:leads:1=c\na:deep:3=c\n"), files[1]],
        &["g:leads@1 L1-1 -> a:deep@3", "a:deep@3 L2-2"],
    );
}

#[test]
fn the_last_of_several_and_tests_of_plugins() {
    let text = project(
        "app",
        &format!("<dependencies>{}{}</dependencies>", need("a", "x", &version("1")), need("a", "x", &version("2"))),
    );
    check(&[("pom.xml", &text)], &["g:app@1 root -> a:x@2", "a:x@2 direct L1-1"]);
    check(&[("src/it/t/pom.xml", &text)], &["g:app@1 dev root -> a:x@2", "a:x@2 dev direct L1-1"]);
}

proptest! {
    #[test]
    fn broken_trees_never_panic(file in 0usize..2, place: usize, byte: u8, cut in 0usize..40, keep: usize) {
        let mut texts = [
            child("app", "parent", &format!("<dependencies>{}</dependencies>", need("a", "${x}", ""))),
            project("parent", &format!("<properties><x>y${{z}}</x><z>${{x}}</z></properties><modules><module>../app</module></modules><dependencies>{}</dependencies>", need("g", "app", &version("1")))),
        ].map(String::into_bytes);
        texts[file] = mutate(&texts[file], place, byte, cut, keep);
        let texts = texts.map(|text| String::from_utf8_lossy(&text).into_owned());
        let found = tree(&[("app/pom.xml", &texts[0]), ("pom.xml", &texts[1])]);
        prop_assert!(found.iter().all(|(file, _)| rows(&file.found).len() < 20));
    }
}
