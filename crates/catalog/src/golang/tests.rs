//! Programs made of bytes, and module files as text.

use std::borrow::Cow;

use proptest::prelude::*;

use signet_model::{Location, SymbolSet};

use super::buildinfo::build::{Bare, inline, pointed};
use super::{binary, gomod, gosum, vendor};
use crate::binary::table;
use crate::syntax::testing::{check, mutate, read, rows};
use crate::{Binary, BinaryFormat, Found, Input};

const MODULES: &str = include_str!("testdata/modules.txt");
const GO_MOD: &str = include_str!("testdata/go.mod");
const GO_SUM: &str = include_str!("testdata/go.sum");
const VENDORED: &str = include_str!("testdata/vendored.txt");

fn program(data: Vec<u8>, address: u64, named: bool) -> Found {
    let program = Bare { address, data, named };
    let location = Location::of_path("usr/bin/app");
    let binary = Some(&program as &dyn Binary);
    (binary::LEAF.read)(&Input { location: &location, bytes: &[], binary, leaf: binary::LEAF.id })
}

#[track_caller]
fn check_program(version: &str, modules: &str, expected: &[&str]) {
    assert_eq!(rows(&program(inline(version, modules), 0x1000, true)), expected);
}

#[test]
fn every_form_of_record_says_the_same() {
    let expected = [
        "example.com/app@ root -> github.com/A/b@v1.2.3 github.com/fork/d@v1.0.1 github.com/e/f@ stdlib@v1.17.13",
        "github.com/A/b@v1.2.3",
        "github.com/fork/d@v1.0.1",
        "github.com/e/f@",
        "stdlib@v1.17.13 direct",
    ];
    let mut padded = vec![0; 64];
    padded.extend(inline("go1.17.13", MODULES));
    for named in [true, false] {
        assert_eq!(rows(&program(padded.clone(), 0x1000, named)), expected);
        for (size, big) in [(8, false), (8, true), (4, false), (4, true)] {
            let data = pointed(0x40_0000, size, big, "go1.17.13", MODULES);
            assert_eq!(rows(&program(data, 0x40_0000, named)), expected, "{size} {big} {named}");
        }
    }
    let found = program(padded, 0x1000, true);
    assert_eq!(found.packages[1].extra["go.h1"], "h1:aaa=");
    assert_eq!(found.packages[2].extra["go.replaces"], "github.com/c/d@v1.0.0");
}

/// A program with a table of functions beside its record.
struct Linked(Bare, Vec<u8>);

impl Binary for Linked {
    fn format(&self) -> BinaryFormat {
        self.0.format()
    }

    fn size(&self) -> u64 {
        self.0.size()
    }

    fn section(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        self.0.section(name)
    }

    fn at_address(&self, address: u64, len: usize) -> Option<Cow<'_, [u8]>> {
        self.0.at_address(address, len)
    }

    fn data_segment(&self) -> Option<(u64, u64)> {
        self.0.data_segment()
    }

    fn functions(&self) -> Option<Cow<'_, [u8]>> {
        Some(Cow::Borrowed(&self.1))
    }
}

fn linked(modules: &str, table: Vec<u8>) -> Found {
    let program = Linked(Bare { address: 0x1000, data: inline("go1.22.1", modules), named: true }, table);
    let location = Location::of_path("usr/bin/app");
    let binary = Some(&program as &dyn Binary);
    (binary::LEAF.read)(&Input { location: &location, bytes: &[], binary, leaf: binary::LEAF.id })
}

/// The names of functions in a program of the modules of `testdata/modules.txt`.
const FUNCTIONS: &[&str] = &[
    "runtime.main",
    "net/http.(*Server).Serve",
    "vendor/golang.org/x/net/idna.ToASCII",
    "main.main",
    "example.com/app/inner.Run.func1",
    "github.com/A/b.(*T[...]).M",
    "github.com/c/d/sub.F",
    "not.listed/z.F",
];

#[test]
fn functions_by_module() {
    let found = linked(MODULES, table(0xf1, 8, false, FUNCTIONS));
    let holds = |name: &str, path: &str, symbol: &str| {
        let package = found.packages.iter().find(|package| package.name == name).unwrap();
        package.extra.get(SymbolSet::FACT).map(|set| SymbolSet::holds(set, SymbolSet::hash(path, symbol)))
    };
    for (name, path, symbol, expected) in [
        ("stdlib", "net/http", "Server.Serve", Some(true)),
        ("stdlib", "net/http", "Server.Close", Some(false)),
        ("stdlib", "net/url", "", Some(false)),
        ("stdlib", "vendor/golang.org/x/net/idna", "", Some(true)),
        ("example.com/app", "example.com/app/inner", "Run", Some(true)),
        ("github.com/A/b", "github.com/A/b", "T.M", Some(true)),
        ("github.com/A/b", "github.com/A/b/other", "", Some(false)),
        // it stands in for `github.com/c/d`, under which its packages are imported
        ("github.com/fork/d", "github.com/fork/d/sub", "F", Some(true)),
        ("github.com/fork/d", "github.com/fork/d/sub", "G", Some(false)),
        // none of its functions is there: their names cannot be relied on
        ("github.com/e/f", "github.com/e/f", "", None),
    ] {
        assert_eq!(holds(name, path, symbol), expected, "{name} {path} {symbol}");
    }
}

#[test]
fn functions_that_tell_nothing() {
    let with = |modules: &str, table| {
        let found = linked(modules, table);
        found.packages.iter().any(|package| package.extra.contains_key(SymbolSet::FACT))
    };
    let whole = table(0xf1, 8, false, FUNCTIONS);
    assert!(with(MODULES, whole.clone()));
    assert!(!with(MODULES, whole[..90].to_vec()), "a table that breaks off");
    assert!(!with(MODULES, table(0xfb, 8, false, FUNCTIONS)), "Go before 1.16");
    assert!(!with(MODULES, table(0xf1, 8, false, &FUNCTIONS[1..])), "no runtime: names were changed");
    for mode in ["-buildmode=plugin", "-linkshared=true"] {
        assert!(!with(&format!("{MODULES}build\t{mode}\n"), whole.clone()), "{mode}");
    }
}

#[test]
fn version_of_a_main_module_from_a_checkout() {
    let with = |settings: &str| format!("path\tm\nmod\tm\t(devel)\t\n{settings}");
    check_program(
        "go1.22.1 X:boringcrypto",
        &with("build\t-ldflags=\"-s -X main.version=1.0.0\"\nbuild\tvcs.revision=0123456789abcdef\n"),
        &["m@v1.0.0 root -> stdlib@v1.22.1", "stdlib@v1.22.1 direct"],
    );
    check_program(
        "go1.22.1-X:aliastypeparams",
        &with("build\tvcs.revision=0123456789abcdef0123\nbuild\tvcs.time=2022-10-14T19:54:57Z\n"),
        &["m@v0.0.0-20221014195457-0123456789ab root -> stdlib@v1.22.1", "stdlib@v1.22.1 direct"],
    );
    check_program("devel go1.23-abc", &with(""), &["m@ root -> stdlib@", "stdlib@ direct"]);
}

#[test]
fn other_programs() {
    check_program(
        "go1.22.1",
        "path\tcmd/go\nmod\tcmd\t(devel)\t\n",
        &["toolchain@v1.22.1 root -> stdlib@v1.22.1", "stdlib@v1.22.1 direct"],
    );
    check_program("go1.22.1", "path\tcommand-line-arguments\ndep\ta\tv1.0.0\n", &["a@v1.0.0", "stdlib@v1.22.1 direct"]);
    assert_eq!(program(b"\x7fELF no Go".to_vec(), 0, true), Found::default());
    let cut = inline("go1.22.1", "")[..40].to_vec();
    assert_eq!(rows(&program(cut, 0, true)), ["! malformed: the build information breaks off"]);
    let astray = pointed(0x1000, 8, false, "go1.17", "");
    assert_eq!(rows(&program(astray, 0, true)), ["! malformed: the build information points outside of the program"]);
}

#[test]
fn vendored_modules() {
    check(
        &vendor::LEAF,
        "vendor/modules.txt",
        VENDORED,
        &[
            "a.b/c@v1.2.1 direct L1-1",
            "fork/net@v1.4.5 L5-5",
            "a.b/local@ direct L7-7",
            "a.b/old@v2.0.0+incompatible indirect L12-12",
            "! malformed: line 15: no module and version",
        ],
    );
    check(&vendor::LEAF, "vendor/modules.txt", "a.b/c\n", &["! malformed: line 1: a package without module"]);
    for (path, expected) in [("vendor/modules.txt", true), ("usr/local/go/pkg/mod/x/vendor/modules.txt", false)] {
        assert_eq!((vendor::LEAF.accepts)(path), expected, "{path}");
    }
}

#[test]
fn module_file() {
    check(
        &gomod::LEAF,
        "go.mod",
        GO_MOD,
        &[
            "example.com/app@ root L1-1 -> github.com/a/b@v1.0.0 github.com/e/f@v2.0.0+incompatible github.com/x/y@ stdlib@v1.22.5",
            "github.com/a/b@v1.0.0 direct L7-7",
            "github.com/fork/d@v1.0.1 indirect L9-9",
            "github.com/e/f@v2.0.0+incompatible direct L10-10",
            "github.com/g/h@ indirect L11-11",
            "github.com/x/y@ direct L12-12",
            "stdlib@v1.22.5 direct",
        ],
    );
    check(&gomod::LEAF, "go.mod", "module m\ngo 1.17\n", &["m@ root L1-1 -> stdlib@", "stdlib@ direct"]);
    check(
        &gomod::LEAF,
        "go.mod",
        "module m\nruire (\n\ta v1.0.0\n)\nrequire b v1.0.0\n",
        &[
            "m@ root L1-1 -> b@v1.0.0",
            "b@v1.0.0 direct L5-5",
            "! malformed: line 2: no directive of a module file",
            "! malformed: line 3: no directive of a module file",
        ],
    );
    assert!(!(gomod::LEAF.accepts)("root/go/pkg/mod/x@v1/go.mod"));
}

#[test]
fn checksum_file() {
    check(&gosum::LEAF, "go.sum", GO_SUM, &["github.com/a/b@v1.1.0 L3-3", "github.com/c/d@v0.1.0 L5-5"]);
    check(&gosum::LEAF, "go.sum", "x\ny\n", &["! malformed: line 1: no `MODULE VERSION HASH`"]);
    let found = read(&gosum::LEAF, "go.sum", GO_SUM.as_bytes());
    assert_eq!(found.packages[0].extra["go.h1"], "h1:ccc=");
    assert_eq!(found.packages[1].extra["go.sum"], "graph");
}

proptest! {
    #[test]
    fn broken_files_never_panic(which in 0usize..2, place: usize, byte: u8, cut in 0usize..40, keep: usize) {
        let (leaf, path, text) = [(&gomod::LEAF, "go.mod", GO_MOD), (&gosum::LEAF, "go.sum", GO_SUM)][which];
        let found = read(leaf, path, &mutate(text.as_bytes(), place, byte, cut, keep));
        prop_assert!(found.packages.len() < 20);
        prop_assert!(found.edges.iter().all(|(from, to, _)| *from < found.packages.len() && *to < found.packages.len()));
    }

    #[test]
    fn broken_programs_never_panic(old: bool, place: usize, byte: u8, cut in 0usize..40, keep: usize) {
        let data = if old { pointed(0x1000, 8, false, "go1.17", MODULES) } else { inline("go1.22", MODULES) };
        let found = program(mutate(&data, place, byte, cut, keep), 0x1000, true);
        prop_assert!(found.packages.len() < 20);
    }
}
