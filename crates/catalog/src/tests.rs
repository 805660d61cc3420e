//! The whole way: entries of layers in, an inventory out.

use std::sync::Arc;

use signet_image::{Entry, EntryKind, LayerIndexBuilder, View, Visitor as _};
use signet_model::{Digest, Inventory, Package, PackageKind, Presence, RelationshipKind};

use crate::*;

/// A file of a test layer: text, `-> target` for a symbolic link, `=> path` for a hard link.
type Files<'a> = &'a [(&'a str, &'a str)];

fn entry(path: &str, content: &str) -> Entry {
    let (kind, link) = match (content.strip_prefix("-> "), content.strip_prefix("=> ")) {
        (Some(target), _) => (EntryKind::Symlink, Some(target)),
        (_, Some(target)) => (EntryKind::Hardlink, Some(target)),
        _ => (EntryKind::File, None),
    };
    let mode = if content.starts_with("#!") { 0o755 } else { 0o644 };
    let size = if kind == EntryKind::File { content.len() as u64 } else { 0 };
    Entry { path: path.to_owned(), kind, size, mode, link: link.map(str::to_owned) }
}

fn view_of(layers: &[Files<'_>]) -> View {
    let index = |files: &Files<'_>| {
        let mut index = LayerIndexBuilder::new(16 << 20);
        files.iter().for_each(|(path, content)| index.push(&entry(path, content)).unwrap());
        Arc::new(index.finish())
    };
    View::squash(&layers.iter().map(index).collect::<Vec<_>>())
}

fn walk(mut cataloger: LayerCataloger<'_>, files: Files<'_>) -> LayerRecord {
    for (path, content) in files {
        let entry = entry(path, content);
        let content = if entry.kind == EntryKind::File { content } else { "" };
        cataloger.visit(&entry, &mut content.as_bytes()).unwrap();
    }
    cataloger.finish()
}

fn diff_id(place: usize) -> Digest {
    Digest::sha256(&[place as u8])
}

fn scan(layers: &[Files<'_>]) -> Inventory {
    scan_with(&Matcher::new(leaves()), layers)
}

fn scan_with(matcher: &Matcher, layers: &[Files<'_>]) -> Inventory {
    let limits = Limits::default();
    let view = view_of(layers);
    let mut records: Vec<LayerRecord> =
        layers.iter().map(|files| walk(LayerCataloger::new(matcher, limits), files)).collect();
    for _ in 0..3 {
        let wants = late_reads(matcher, &records.iter().collect::<Vec<_>>(), &view);
        for ((wants, record), files) in
            wants.iter().zip(&mut records).zip(layers).filter(|((wants, _), _)| !wants.is_empty())
        {
            record.absorb(wants, walk(LayerCataloger::second_pass(matcher, limits, wants), files));
        }
    }
    let layers = records.into_iter().enumerate().map(|(place, record)| (Some(diff_id(place)), record)).collect();
    merge(matcher, layers, &view)
}

fn names(inventory: &Inventory) -> Vec<String> {
    inventory.packages.iter().map(|package| format!("{} {}", package.name, package.version)).collect()
}

fn edges(inventory: &Inventory, kind: RelationshipKind) -> Vec<String> {
    let name = |place: signet_model::PackageIndex| &inventory.packages[place.get()].name;
    let edges = inventory.relationships.iter().filter(|edge| edge.kind == kind);
    edges.map(|edge| format!("{} -> {}", name(edge.from), name(edge.to))).collect()
}

const STATUS: &str = "Package: a\nStatus: install ok installed\nVersion: 1\nDepends: b (>= 1), virtual | none\n\nPackage: b\nVersion: 2\n\n\
                      Package: c\nVersion: 3\nProvides: virtual (= 3)\n";

#[test]
fn the_upper_layers_database_is_the_one() {
    let upper = "Package: a\nVersion: 2\n";
    let inventory = scan(&[&[("var/lib/dpkg/status", STATUS)], &[("var/lib/dpkg/status", upper)]]);
    assert_eq!(names(&inventory), ["a 2"]);
    assert_eq!(inventory.packages[0].locations[0].layer, Some(diff_id(1)));
    assert_eq!(inventory.unexamined, []);
}

#[test]
fn of_entries_that_come_twice_the_last_counts() {
    let upper = "Package: z\nVersion: 2\n";
    let inventory = scan(&[&[
        ("var/lib/dpkg/status", STATUS),
        ("bin/a", "#!/bin/a\n"),
        ("var/lib/dpkg/status", upper),
        ("bin/a", "text"),
    ]]);
    assert_eq!(names(&inventory), ["z 2"]);
    assert_eq!(inventory.executables, []);
}

#[test]
fn a_hard_link_outlives_the_name_that_it_was_made_from() {
    let layers: [Files<'_>; 2] =
        [&[("data/records", STATUS), ("var/lib/dpkg/status", "=> data/records")], &[("data", "a file now")]];
    assert_eq!(names(&scan(&layers)), ["a 1", "b 2", "c 3"]);
}

#[test]
fn of_two_lists_the_longer_is_kept() {
    let list = ("var/lib/dpkg/info/a.list", "/usr\n/usr/bin/run\n");
    for (sums, kept) in [("00  usr/bin/run\n", 1), ("00  usr/bin/other\n", 2)] {
        let matcher = Matcher::new(leaves());
        let files: Files<'_> = &[list, ("var/lib/dpkg/info/a.md5sums", sums)];
        let record = walk(LayerCataloger::new(&matcher, Limits::default()), files);
        assert_eq!(record.files.len(), kept);
        assert_eq!(record.files[0].path, list.0);
    }
}

#[test]
fn a_linked_directory_is_no_file() {
    let inventory = scan(&[&[("opt/d/etc", "x"), ("etc/os-release", "-> ../opt/d")]]);
    assert_eq!(inventory.unexamined, []);
}

#[test]
fn needs_become_edges_between_installed_packages() {
    let inventory = scan(&[&[("var/lib/dpkg/status", STATUS)]]);
    assert_eq!(names(&inventory), ["a 1", "b 2", "c 3"]);
    assert_eq!(edges(&inventory, RelationshipKind::DependsOn), ["a -> b", "a -> c"]);
}

#[test]
fn layers_and_a_directory_give_the_same() {
    let files: Files<'_> = &[
        ("etc/os-release", "-> ../usr/lib/os-release"),
        ("usr/lib/os-release", "ID=debian\nVERSION_ID=\"12\"\n"),
        ("etc/debian_version", "12.5\n"),
        ("var/lib/dpkg/status", STATUS),
        ("var/lib/dpkg/info/a.list", "/.\n/usr/bin/run\n"),
        ("usr/bin/run", "#!/bin/sh\n"),
    ];
    let one = scan(&[files]);
    let mut many = scan(&[&files[..2], &files[2..3], &files[3..]]);
    for location in many.packages.iter_mut().flat_map(|package: &mut Package| &mut package.locations) {
        location.layer = Some(diff_id(0));
    }
    many.executables.iter_mut().for_each(|file| file.layer = Some(diff_id(0)));
    assert_eq!(one, many);
    let distro = one.distro.unwrap();
    assert_eq!(
        (distro.id.as_str(), distro.version_id.as_deref(), distro.point_release.as_deref()),
        ("debian", Some("12"), Some("12.5"))
    );
}

#[test]
fn a_database_behind_links_is_read() {
    // A link to a name that nobody claims, in another layer; and a hard link.
    let symbolic = scan(&[&[("data/records", STATUS)], &[("var/lib/dpkg/status", "-> /data/records")]]);
    assert_eq!(names(&symbolic), ["a 1", "b 2", "c 3"]);
    assert_eq!(symbolic.packages[0].locations[0].layer, Some(diff_id(0)));
    let hard = scan(&[&[("data/records", STATUS), ("var/lib/dpkg/status", "=> data/records")]]);
    assert_eq!(names(&hard), ["a 1", "b 2", "c 3"]);
    assert_eq!((hard.unexamined.len(), hard.packages[0].locations[0].path.as_str()), (0, "var/lib/dpkg/status"));
}

#[test]
fn a_database_that_leads_nowhere_is_told() {
    let inventory = scan(&[&[("var/lib/dpkg/status", "-> ../nowhere")]]);
    assert_eq!(inventory.unexamined.len(), 1);
    assert_eq!(inventory.unexamined[0].by, "dpkg");
}

#[test]
fn files_are_owned_through_linked_directories() {
    let inventory = scan(&[&[
        ("lib", "-> usr/lib"),
        ("usr/lib/tool", "#!/bin/sh\n"),
        ("opt/other", "#!/bin/sh\n"),
        ("usr/share/data", "no program"),
        ("var/lib/dpkg/status", "Package: a\nVersion: 1\n"),
        ("var/lib/dpkg/info/a.list", "/lib\n/lib/tool\n"),
    ]]);
    let owned: Vec<(&str, bool)> =
        inventory.executables.iter().map(|file| (file.path.as_str(), file.package.is_some())).collect();
    assert_eq!(owned, [("opt/other", false), ("usr/lib/tool", true)]);
    assert_eq!(inventory.unidentified().count(), 1);
    assert_eq!(inventory.executables[0].digest, Digest::sha256(b"#!/bin/sh\n"));
}

#[test]
fn what_was_written_through_a_link_is_told_where_it_stands() {
    let below: Files<'_> = &[("lib", "-> usr/lib"), ("usr/lib/x", "")];
    let inventory =
        scan(&[below, &[("lib/apk/db/installed", "P:a\nV:1\nF:lib\nR:tool\n\nbroken\n"), ("lib/tool", "#!/bin/sh\n")]]);
    assert_eq!(inventory.packages[0].locations[0].path, "usr/lib/apk/db/installed");
    assert_eq!(inventory.unexamined[0].location.path, "usr/lib/apk/db/installed");
    assert_eq!((inventory.executables[0].path.as_str(), inventory.unidentified().count()), ("usr/lib/tool", 0));
}

#[test]
fn licences_are_found_through_linked_documentation() {
    let inventory = scan(&[&[
        ("var/lib/dpkg/status", "Package: a\nVersion: 1\n\nPackage: b\nVersion: 1\n"),
        ("usr/share/doc/a/copyright", "Format: x\n\nLicense: MIT\n text\n"),
        ("usr/share/doc/b", "-> a"),
    ]]);
    let licenses: Vec<&str> =
        inventory.packages.iter().flat_map(|package| &package.licenses).map(|license| license.value.as_str()).collect();
    assert_eq!(licenses, ["MIT", "MIT"]);
}

/// A leaf for tests: each line of a `*.pkg` is `name version`, of a `*.lock` the same but only declared; `panic` in a file is a bug.
fn read_lines(input: &Input<'_>) -> Found {
    let text = std::str::from_utf8(input.bytes).unwrap();
    assert!(!text.contains("panic"), "a bug of this leaf");
    let mut found = Found::default();
    for (name, version) in text.lines().filter_map(|line| line.split_once(' ')) {
        let mut package = input.package(PackageKind::Gem, name, version);
        if input.path().ends_with(".lock") {
            package.presence = Presence::Declared;
        }
        found.packages.push(package);
    }
    found
}

static LINES: Leaf = Leaf {
    id: "lines",
    claims: &[Claim::Suffix(".pkg"), Claim::Suffix(".lock")],
    accepts: any_path,
    max_size: 20,
    read: read_lines,
    coverage: "",
};

fn scan_lines(files: Files<'_>) -> Inventory {
    scan_with(&Matcher::new(&[&LINES, &dpkg::LEAF, &dpkg::FILES]), &[files])
}

#[test]
fn what_the_view_cannot_place_is_told() {
    let inventory = scan(&[&[("a", "-> b"), ("b", "-> a"), ("a/package.json", "{}")]]);
    let told: Vec<&str> = inventory.unexamined.iter().map(|what| what.by).collect();
    assert!(told.contains(&"image"), "{:?}", inventory.unexamined);
}

#[test]
fn a_package_in_very_many_places_takes_no_square_of_time() {
    let paths: Vec<String> = (0..50_000).map(|n| format!("d{n}/a.pkg")).collect();
    let files: Vec<(&str, &str)> = paths.iter().map(|path| (path.as_str(), "a 1\n")).collect();
    let inventory = scan_lines(&files);
    assert_eq!((inventory.packages.len(), inventory.packages[0].locations.len()), (1, 50_000));
}

/// Names a package by what it was given.
fn read_head(input: &Input<'_>) -> Found {
    let package =
        input.package(PackageKind::Other, String::from_utf8_lossy(input.bytes), input.bytes.len().to_string());
    Found { packages: vec![package], ..Found::default() }
}

static HEADS: Leaf =
    Leaf { id: "heads", claims: &[Claim::Head(".big")], accepts: any_path, max_size: 8, read: read_head, coverage: "" };

#[test]
fn only_the_head_of_a_large_file_is_read() {
    let matcher = Matcher::new(&[&HEADS]);
    let files: Files<'_> = &[("a.big", "0123456789"), ("b.big", "short"), ("c.big", "#!/bin/sh\nexit"), ("d.bi", "x")];
    let inventory = scan_with(&matcher, &[files]);
    assert_eq!(
        (names(&inventory), inventory.unexamined),
        (vec!["01234567 8".to_owned(), "short 5".to_owned()], vec![])
    );
    // a terabyte is stated, and a terabyte is there
    let mut cataloger = LayerCataloger::new(&matcher, Limits::default());
    let huge = Entry { size: 1 << 40, ..entry("e.big", "") };
    let mut content = std::io::BufReader::new(std::io::Read::take(std::io::repeat(b'z'), 1 << 40));
    cataloger.visit(&huge, &mut content).unwrap();
    let record = cataloger.finish();
    assert_eq!(record.files[0].found.packages[0].name, "zzzzzzzz");
    assert!(record.unexamined.is_empty());
}

#[test]
fn a_bug_in_a_leaf_costs_its_file() {
    let inventory =
        scan_lines(&[("a.pkg", "a 1\n"), ("b.pkg", "panic"), ("c.pkg", "a far too long file for this leaf")]);
    assert_eq!(names(&inventory), ["a 1"]);
    let told: Vec<&str> = inventory.unexamined.iter().map(|what| what.location.path.as_str()).collect();
    assert_eq!(told, ["b.pkg", "c.pkg"]);
}

#[test]
fn lock_files_inside_dependencies_are_not_ours() {
    let inventory = scan_lines(&[
        ("app/x.lock", "a 1\nb 2\n"),
        ("app/vendor/y.lock", "c 3\n"),
        ("app/vendor/bundle/y.lock", "d 3\n"),
        ("usr/lib/gems/rbs/x.lock", "e 4\n"),
        ("usr/lib/gems/rbs/x.pkg", "f 5\n"),
        ("app/a.pkg", "a 1\n"),
    ]);
    assert_eq!(names(&inventory), ["a 1", "b 2", "c 3", "f 5"]);
    let presence: Vec<bool> =
        inventory.packages.iter().map(|package| package.presence == Presence::Installed).collect();
    assert_eq!(presence, [true, false, false, true]);
    let places: Vec<&str> = inventory.packages[0].locations.iter().map(|location| location.path.as_str()).collect();
    assert_eq!(places, ["app/a.pkg", "app/x.lock"]);
}

#[test]
fn a_python_package_owns_its_scripts_whatever_the_spelling_of_its_name() {
    let inventory = scan(&[&[
        ("usr/lib/python3/dist-packages/my_package-1.0.dist-info/METADATA", "Name: My.Package\nVersion: 1.0\n"),
        ("usr/lib/python3/dist-packages/my_package-1.0.dist-info/RECORD", "../../../bin/tool,,\n"),
        ("usr/bin/tool", "#!/usr/bin/python3\n"),
    ]]);
    assert_eq!(names(&inventory), ["My.Package 1.0"]);
    assert_eq!(inventory.executables.iter().map(|file| file.package.is_some()).collect::<Vec<_>>(), [true]);
}

#[test]
fn a_broken_manifest_of_an_installed_package_is_told() {
    let inventory = scan(&[&[("app/node_modules/a/package.json", "{"), ("app/node_modules/a/package-lock.json", "{")]]);
    let told: Vec<&str> = inventory.unexamined.iter().map(|what| what.location.path.as_str()).collect();
    assert_eq!(told, ["app/node_modules/a/package.json"]);
}

#[test]
fn a_manifest_tells_the_lock_file_beside_it_what_is_direct() {
    let inventory = scan(&[
        &[("app/yarn.lock", "a@^1:\n  version \"1.1.0\"\n")],
        &[("app/package.json", r#"{"name": "app", "version": "1.0.0", "dependencies": {"a": "^1"}}"#)],
    ]);
    assert_eq!(names(&inventory), ["a 1.1.0", "app 1.0.0"]);
    assert_eq!(edges(&inventory, RelationshipKind::DependsOn), ["app -> a"]);
    let direct = |place: usize| inventory.packages[place].directness;
    assert_eq!([direct(0), direct(1)], [signet_model::Directness::Direct, signet_model::Directness::Root]);
}

#[test]
fn an_owned_copy_and_another_stay_apart() {
    let inventory = scan_lines(&[
        ("var/lib/dpkg/status", "Package: ruby-a\nVersion: 1-1\n"),
        ("var/lib/dpkg/info/ruby-a.list", "/usr/share/a.pkg\n"),
        ("usr/share/a.pkg", "a 1\n"),
        ("opt/a.pkg", "a 1\n"),
        ("x.lock", "a 1\n"),
    ]);
    assert_eq!(names(&inventory), ["ruby-a 1-1", "a 1", "a 1"]);
    assert_eq!(edges(&inventory, RelationshipKind::OwnedBy), ["a -> ruby-a"]);
    let owner: Vec<bool> = (0..3).map(|place| inventory.owner(signet_model::PackageIndex(place)).is_some()).collect();
    assert_eq!(owner, [false, false, true], "the copy in opt is first, and nobody owns it");
}

#[test]
fn every_leaf_has_its_papers() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut ids = std::collections::BTreeSet::new();
    for leaf in leaves() {
        assert!(ids.insert(leaf.id), "two leaves are called {}", leaf.id);
        for key in ["ecosystem:", "reads:", "tells:", "does_not_tell:"] {
            assert!(leaf.coverage.contains(key), "coverage.yaml of {} says nothing of {key}", leaf.id);
        }
    }
    for folder in std::fs::read_dir(&root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("coverage.yaml").is_file())
    {
        for file in ["mod.rs", "tests.rs", "testdata/README.md"] {
            assert!(folder.join(file).is_file(), "{} has no {file}", folder.display());
        }
        let docs = std::fs::read_to_string(folder.join("mod.rs")).unwrap();
        assert!(docs.starts_with("//! "), "{} does not say what it reads", folder.display());
        assert!(std::fs::read_dir(folder.join("testdata")).unwrap().count() > 1, "{} has no fixture", folder.display());
    }
    for line in std::fs::read_to_string(root.join("registry.rs"))
        .unwrap()
        .lines()
        .filter_map(|line| line.trim().strip_prefix("&crate::"))
    {
        let folder = line.split("::").next().unwrap();
        assert!(root.join(folder).join("coverage.yaml").is_file(), "{folder} has no coverage.yaml");
    }
}

/// A leaf for tests that takes the content of a program's `.data` as a version.
fn read_program(input: &Input<'_>) -> Found {
    let Some(data) = input.binary.and_then(|binary| binary.section(".data")) else { return Found::default() };
    let version = format!("{} {}", data.len(), data.last().copied().unwrap_or_default());
    Found { packages: vec![input.package(PackageKind::Go, "main", version)], ..Found::default() }
}

static PROGRAM: Leaf = Leaf {
    id: "program",
    claims: &[Claim::Executable],
    accepts: any_path,
    max_size: 0,
    read: read_program,
    coverage: "",
};

/// Catalogues one program in passes, as a caller would; gives the inventory and the number of passes.
fn scan_program(file: &[u8], limits: Limits) -> (Inventory, usize) {
    let matcher = Matcher::new(&[&PROGRAM]);
    let view = view_of(&[&[("usr/bin/tool", "")]]);
    let kind = EntryKind::File;
    let entry = Entry { path: "usr/bin/tool".to_owned(), kind, size: file.len() as u64, mode: 0o644, link: None };
    let pass = |mut cataloger: LayerCataloger<'_>| {
        // Small blocks, as an inflating reader gives them.
        cataloger.visit(&entry, &mut std::io::BufReader::with_capacity(5000, file)).unwrap();
        cataloger.finish()
    };
    let mut record = pass(LayerCataloger::new(&matcher, limits));
    let mut passes = 1;
    while let Some(wants) = late_reads(&matcher, &[&record], &view).pop().filter(|wants| !wants.is_empty()) {
        assert_eq!(wants.paths().collect::<Vec<_>>(), ["usr/bin/tool"]);
        record.absorb(&wants, pass(LayerCataloger::second_pass(&matcher, limits, &wants)));
        passes += 1;
        assert!(passes < 5, "it does not end");
    }
    (merge(&matcher, vec![(Some(diff_id(0)), record)], &view), passes)
}

#[test]
fn a_large_program_is_read_in_a_second_pass() {
    let file = binary::tests::elf(&vec![7; 6 << 20], 0);
    let small = Limits { whole_program: 1 << 16, ..Limits::default() };
    let (whole, one) = scan_program(&file, Limits::default());
    let (parts, two) = scan_program(&file, small);
    assert_eq!((one, two), (1, 2));
    assert_eq!(whole, parts);
    assert_eq!(names(&parts), ["main 6291456 7"]);
    assert_eq!(parts.executables[0].digest, Digest::sha256(&file));
    assert!(parts.executables[0].package.is_some());

    let (none, _) = scan_program(&file, Limits { program_parts: 1000, ..small });
    assert_eq!((names(&none).len(), none.unexamined.len()), (0, 1));
    assert_eq!(none.executables.len(), 1);
}

#[test]
fn a_broken_program_is_told() {
    let (inventory, _) = scan_program(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0 cut", Limits::default());
    assert_eq!((inventory.unexamined.len(), inventory.unexamined[0].by), (1, "program"));
    assert_eq!(inventory.unidentified().count(), 1);
}

#[test]
fn what_no_second_pass_read_is_told() {
    let matcher = Matcher::new(&[&PROGRAM]);
    let record = LayerRecord {
        parts: vec![LateParts { path: "a".to_owned(), leaf: "program", ranges: Vec::new() }],
        ..LayerRecord::default()
    };
    let inventory = merge(&matcher, vec![(None, record)], &view_of(&[&[("a", "")]]));
    assert_eq!((inventory.unexamined.len(), inventory.unexamined[0].by), (1, "program"));
}

#[test]
fn hard_links_of_programs_are_programs() {
    let inventory = scan(&[&[("bin/a", "#!/bin/sh\n"), ("bin/b", "=> bin/a")]]);
    let paths: Vec<&str> = inventory.executables.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["bin/a", "bin/b"]);
}

#[test]
fn parts_of_one_repository_stay_apart() {
    let workflow = "jobs:\n a:\n  steps:\n  - uses: o/r@v1\n  - uses: o/r/x@v1\n  - uses: o/r/y@v1\n";
    let inventory = scan(&[&[(".github/workflows/a.yml", workflow), (".github/workflows/b.yml", workflow)]]);
    let purls: Vec<_> = inventory.packages.iter().filter_map(|package| Some(package.purl(None)?.to_string())).collect();
    assert_eq!(purls, ["pkg:github/o/r@v1", "pkg:github/o/r@v1#x", "pkg:github/o/r@v1#y"]);
    assert!(inventory.packages.iter().all(|package| package.locations.len() == 2));
}

/// A 64-bit ELF header without segments and sections, and this text.
fn program_that_says(text: &str) -> String {
    let header = "\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0\x01\0\0\0";
    format!("{header}{}\x40\0\x38\0\0\0\x40\0\0\0\0\0{text}", "\0".repeat(28))
}

#[test]
fn a_recognised_program_is_identified() {
    let program = program_that_says("\0memcached 1.6.18\0");
    let inventory = scan(&[&[("usr/local/bin/memcached", &program), ("usr/local/bin/other", &program)]]);
    assert_eq!(names(&inventory), ["memcached 1.6.18"]);
    assert_eq!(inventory.packages[0].cpes, ["cpe:2.3:a:memcached:memcached:1.6.18:*:*:*:*:*:*:*"]);
    let unknown: Vec<&str> = inventory.unidentified().map(|file| file.path.as_str()).collect();
    assert_eq!(unknown, ["usr/local/bin/other"]);
    assert_eq!(inventory.unexamined, []);
}

#[test]
fn what_an_os_package_owns_is_not_recognised_again() {
    let program = program_that_says("\0memcached 1.6.18\0");
    let java = "JAVA_VERSION=\"17.0.1\"\n";
    let inventory = scan(&[&[
        ("var/lib/dpkg/status", "Package: memcached\nVersion: 1.6.18-1+deb12u1\n"),
        ("var/lib/dpkg/info/memcached.list", "/usr/bin/memcached\n/usr/lib/jvm/release\n"),
        ("usr/bin/memcached", &program),
        ("usr/lib/jvm/release", java),
        ("opt/memcached", &program),
    ]]);
    assert_eq!(names(&inventory), ["memcached 1.6.18-1+deb12u1", "memcached 1.6.18"]);
    assert_eq!(inventory.packages[1].locations.len(), 1);
    assert_eq!(inventory.packages[1].locations[0].path, "opt/memcached");
    assert_eq!(inventory.unidentified().count(), 0);
}

#[test]
fn large_programs_are_recognised_as_they_stream_by() {
    let program = program_that_says(&format!("{}\0memcached 1.6.18\0{}", "x".repeat(300_000), "y".repeat(3_000_000)));
    let small = Limits { whole_program: 1 << 16, ..Limits::default() };
    let matcher = Matcher::new(leaves());
    let files: Files<'_> = &[("usr/bin/memcached", &program)];
    let record = walk(LayerCataloger::new(&matcher, small), files);
    let inventory = merge(&matcher, vec![(None, record)], &view_of(&[files]));
    assert_eq!(names(&inventory), ["memcached 1.6.18"]);
}
