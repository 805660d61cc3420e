//! Files as text.

use proptest::prelude::*;
use signet_image::{Entry, EntryKind, Visitor as _};

use super::{Wanted, assembly, assets, deps_json, msbuild, packages_config, packages_lock, paket, pe};
use crate::syntax::testing::{check, mutate, read, rows};
use crate::{LayerCataloger, Leaf, Limits, Matcher};

const DEPS: &str = include_str!("testdata/App.deps.json");
const LOCK: &str = include_str!("testdata/packages.lock.json");
const ASSETS: &str = include_str!("testdata/project.assets.json");
const PROJECT: &str = include_str!("testdata/App.csproj");
const CENTRAL: &str = include_str!("testdata/Directory.Packages.props");
const PAKET_LOCK: &str = include_str!("testdata/paket.lock");
const PAKET: &str = include_str!("testdata/paket.dependencies");
const CONFIG: &str = "<?xml version=\"1.0\"?>\n<packages>\n <package id=\"A\" version=\"1.0\" />\n <package id=\"B\" version=\"2\" developmentDependency=\"true\"/>\n <package id=\"C\"/>\n</packages>";

#[test]
fn deps() {
    check(
        &deps_json::LEAF,
        "app/App.deps.json",
        DEPS,
        &[
            "App@1.0.0 root L21-21 -> Lib@1.0.0 Deep@2.0.0 Microsoft.NETCore.App.Runtime.linux-x64@8.0.1",
            "Lib@1.0.0 workspace L22-22",
            "Deep@2.0.0 indirect L24-27",
            "Microsoft.NETCore.App.Runtime.linux-x64@8.0.1 direct L28-28",
            "! malformed: line 30: `broken` has no name or no version",
        ],
    );
    let found = read(&deps_json::LEAF, "app/App.deps.json", DEPS.as_bytes());
    assert_eq!(found.packages[2].checksums.len(), 1);
    let (_, files) = &found.owns[2];
    assert_eq!(files.as_slice(), ["app/Deep.dll", "app/de/Deep.resources.dll", "app/runtimes/win/native/deep.dll"]);
    check(
        &deps_json::LEAF,
        "x.deps.json",
        r#"{"libraries": {"A/1": {"type": "package"}}, "targets": {"t": {}}}"#,
        &["A@1 L1-1"],
    );
    check(&deps_json::LEAF, "x.deps.json", "{}", &["! malformed: neither libraries nor targets"]);
    check(&deps_json::LEAF, "x.deps.json", "[]", &["! malformed: expected an object"]);
}

#[test]
fn lock_files() {
    check(
        &packages_lock::LEAF,
        "packages.lock.json",
        LOCK,
        &[
            "One@1.0.0 direct L5-5 -> Two@1.1.0",
            "Two@1.1.0 indirect L6-6 L11-11 -> Three@3.0.0",
            "Three@3.0.0 indirect L12-12 -> One@1.0.0",
            "! malformed: line 8: `Broken` has no resolved version",
        ],
    );
    check(&packages_lock::LEAF, "packages.lock.json", "{}", &["! malformed: no member `dependencies`"]);
    check(
        &assets::LEAF,
        "obj/project.assets.json",
        ASSETS,
        &[
            "One@1.0.0 dev direct L11-11 -> Two@1.1.0",
            "Two@1.1.0 indirect L12-12",
            "Shared@1.0.0 workspace L13-13 -> Two@1.1.0",
        ],
    );
    check(
        &packages_config::LEAF,
        "packages.config",
        CONFIG,
        &["A@1.0 L3-3", "B@2 dev L4-4", "! malformed: line 5: a package without id or version"],
    );
    check(&packages_config::LEAF, "packages.config", "<a/>", &["! malformed: expected `packages`, found `a`"]);
    assert!(
        (packages_config::LEAF.accepts)("src/packages.Web.config") && !(packages_config::LEAF.accepts)("web.config")
    );
}

#[test]
fn projects() {
    check(
        &msbuild::PROJECT,
        "App.csproj",
        PROJECT,
        &[
            "Plain@1.0.0 direct L9-9",
            "Child@2.0.0 dev direct L10-13",
            "Lib@4.5.6 direct L14-14",
            "Float@ direct L15-15",
            "Overridden@7.0.0 direct L18-18",
            "A@5.0.0 direct L21-21",
            "B@5.0.0 direct L21-21",
            "! unresolved: line 16: the version `$(Unknown)` of Elsewhere is not set in this file",
        ],
    );
    let manifest = read(&msbuild::PROJECT, "App.csproj", PROJECT.as_bytes()).manifest.unwrap();
    assert_eq!(manifest.needs.iter().map(|need| need.name.as_str()).collect::<Vec<_>>(), ["Central"]);
    check(
        &msbuild::CENTRAL,
        "Directory.Packages.props",
        CENTRAL,
        &["central@1.2.3 L3-3", "Unused@2.0.0 L4-4", "Analyzer@3.0.0 dev L5-5", "Old@4.0.0 L6-6"],
    );
    check(&msbuild::PROJECT, "a.fsproj", "<ItemGroup/>", &["! malformed: expected `Project`, found `ItemGroup`"]);
    let bomb = "<Project><PropertyGroup><A>$(B)$(B)</A><B>$(A)$(A)</B></PropertyGroup><ItemGroup><PackageReference Include='x' Version='$(A)'/></ItemGroup></Project>";
    assert_eq!(rows(&read(&msbuild::PROJECT, "a.csproj", bomb.as_bytes())).len(), 1);
}

#[test]
fn versions() {
    for (text, expected) in [
        ("1.0.0", Wanted::Version("1.0.0".into())),
        ("[1.0.0]", Wanted::Version("1.0.0".into())),
        ("[1.0, 2.0)", Wanted::Version("1.0".into())),
        ("(1.0, 2.0)", Wanted::Range("(1.0, 2.0)".into())),
        ("(,2.0]", Wanted::Range("(,2.0]".into())),
        ("[1.*, 2.0)", Wanted::Range("[1.*, 2.0)".into())),
        ("6.*", Wanted::Range("6.*".into())),
        ("*", Wanted::Range("*".into())),
    ] {
        assert_eq!(Wanted::of(text), expected, "{text}");
    }
}

#[test]
fn paket_files() {
    let commit = "0123456789012345678901234567890123456789";
    check(
        &paket::LOCK,
        "paket.lock",
        PAKET_LOCK,
        &[
            "One@1.0.0 L4-4 -> Two@1.1.0",
            "Two@1.1.0 L6-6",
            &format!("owner/repo@{commit} L10-10"),
            "Two@2.0.0 L20-20",
            "! malformed: line 7: a package without name or version",
            "! unsupported: line 15: `` comes from https://example.org/x.git, which is no package feed",
        ],
    );
    check(
        &paket::MANIFEST,
        "paket.dependencies",
        PAKET,
        &[
            "One@ direct L2-2",
            "Pinned@2.0.0 direct L3-3",
            "owner/repo@1.2.3 direct L4-4",
            "Two@ direct L8-8",
            "! unsupported: line 5: `https://example.org/x.git` is no package of a feed",
        ],
    );
}

#[test]
fn assemblies() {
    let texts = [
        ("InternalName", "Example.Lib.dll"),
        ("ProductName", "An Example"),
        ("ProductVersion", "1.2.3-beta.1+0123abc"),
        ("FileVersion", "1.2.3.45"),
    ];
    let path = "app/Example.Lib.dll";
    check(&assembly::LEAF, path, pe::tests::assembly(true, &texts), &["Example.Lib@1.2.3-beta.1"]);
    check(&assembly::LEAF, path, pe::tests::assembly(false, &texts), &[]);
    let older = [("ProductName", "Shown"), ("ProductVersion", "none"), ("FileVersion", "4.8.1 built by: X")];
    check(&assembly::LEAF, path, pe::tests::assembly(true, &older), &["Shown@4.8.1"]);
    let unset = [("InternalName", "A.dll"), ("ProductVersion", "0.0.0.0"), ("FileVersion", "0.0.0.0")];
    check(&assembly::LEAF, path, pe::tests::assembly(true, &unset), &[]);
    check(&assembly::LEAF, path, "text", &["! malformed: it is called a library, but does not begin like a program"]);
    for (path, expected) in [
        ("a/B.DLL", true),
        ("a/b.exe", true),
        ("a/de/b.resources.dll", false),
        ("dotnet/packs/Microsoft.NETCore.App.Ref/8.0.1/ref/net8.0/System.Linq.dll", false),
        ("usr/lib/libx.so", false),
    ] {
        assert_eq!((assembly::LEAF.accepts)(path), expected, "{path}");
    }
}

/// Reads files as one pass over a layer does, and lets them complete each other. Rows of each file in which something was found.
#[track_caller]
fn check_settled(files: &[(&str, &[u8])], expected: &[(&str, &[&str])]) {
    let matcher = Matcher::new(crate::leaves());
    let mut cataloger = LayerCataloger::new(&matcher, Limits::default());
    for (path, bytes) in files {
        let size = bytes.len() as u64;
        let entry = Entry { path: (*path).to_owned(), kind: EntryKind::File, size, mode: 0o644, link: None };
        cataloger.visit(&entry, &mut &**bytes).unwrap();
    }
    let mut records: Vec<_> = cataloger.finish().files.into_iter().map(|file| (file, None)).collect();
    crate::project::settle(&mut records);
    let found: Vec<_> = records.iter().map(|(file, _)| (file.path.as_str(), rows(&file.found))).collect();
    let expected: Vec<_> =
        expected.iter().map(|(path, rows)| (*path, rows.iter().map(|row| (*row).to_owned()).collect())).collect();
    assert_eq!(found, expected);
}

#[test]
fn assemblies_that_a_manifest_lists_are_its_packages() {
    let deps = r#"{"runtimeTarget": {"name": "t"}, "targets": {"t": {"A/1.0.0": {"runtime": {"lib/net8.0/A.dll": {}}}}},
        "libraries": {"A/1.0.0": {"type": "package"}}}"#;
    let assembly = |name: &str| pe::tests::assembly(true, &[("InternalName", name), ("ProductVersion", "1.0.0")]);
    let (a, b) = (assembly("A.dll"), assembly("B.dll"));
    check_settled(
        &[
            ("app/App.deps.json", deps.as_bytes()),
            ("app/a.dll", &a),
            ("app/B.dll", &b),
            ("other/A.dll", &a),
            ("app/C.dll", b"text"),
        ],
        &[
            ("app/App.deps.json", &["A@1.0.0 L2-2"]),
            ("app/a.dll", &[]),
            ("app/B.dll", &["B@1.0.0"]),
            ("other/A.dll", &["A@1.0.0"]),
            ("app/C.dll", &["! malformed: it is called a library, but does not begin like a program"]),
        ],
    );
}

#[test]
fn projects_take_versions_from_the_nearest_central_list() {
    let project = |name: &str| {
        format!("<Project><ItemGroup><PackageReference Include='{name}' PrivateAssets='all'/></ItemGroup></Project>")
    };
    check_settled(
        &[
            (
                "Directory.Packages.props",
                b"<Project><ItemGroup><PackageVersion Include='B' Version='1'/></ItemGroup></Project>",
            ),
            ("src/Directory.Packages.props", CENTRAL.as_bytes()),
            ("src/a/a.csproj", project("Central").as_bytes()),
            ("src/b/b.csproj", project("B").as_bytes()),
            ("c/c.vbproj", project("b").as_bytes()),
        ],
        &[
            ("Directory.Packages.props", &["B@1 L1-1"]),
            (
                "src/Directory.Packages.props",
                &["central@1.2.3 L3-3", "Unused@2.0.0 L4-4", "Analyzer@3.0.0 dev L5-5", "Old@4.0.0 L6-6"],
            ),
            ("src/a/a.csproj", &["Central@1.2.3 dev direct"]),
            ("src/b/b.csproj", &["! unresolved: the version of B is in no file above"]),
            ("c/c.vbproj", &["b@1 dev direct"]),
        ],
    );
}

#[test]
fn paket_tells_what_is_direct() {
    check_settled(
        &[("paket.dependencies", b"nuget One\ngroup Test\nnuget Two\n"), ("paket.lock", PAKET_LOCK.as_bytes())],
        &[
            ("paket.dependencies", &[]),
            (
                "paket.lock",
                &[
                    "One@1.0.0 direct L4-4 -> Two@1.1.0",
                    "Two@1.1.0 indirect L6-6",
                    "owner/repo@0123456789012345678901234567890123456789 indirect L10-10",
                    "Two@2.0.0 direct L20-20",
                    "! malformed: line 7: a package without name or version",
                    "! unsupported: line 15: `` comes from https://example.org/x.git, which is no package feed",
                ],
            ),
        ],
    );
}

const TEXTS: [(&Leaf, &str, &str); 7] = [
    (&deps_json::LEAF, "a.deps.json", DEPS),
    (&packages_lock::LEAF, "packages.lock.json", LOCK),
    (&assets::LEAF, "project.assets.json", ASSETS),
    (&msbuild::PROJECT, "a.csproj", PROJECT),
    (&packages_config::LEAF, "packages.config", CONFIG),
    (&paket::LOCK, "paket.lock", PAKET_LOCK),
    (&paket::MANIFEST, "paket.dependencies", PAKET),
];

proptest! {
    #[test]
    fn broken_files_never_panic(which in 0usize..7, place: usize, byte: u8, cut in 0usize..40, keep: usize) {
        let (leaf, path, text) = TEXTS[which];
        let found = read(leaf, path, &mutate(text.as_bytes(), place, byte, cut, keep));
        prop_assert!(found.packages.len() < 30);
        prop_assert!(found.edges.iter().all(|(from, to, _)| *from < found.packages.len() && *to < found.packages.len()));
    }
}
