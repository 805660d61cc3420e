//! Lock files, configurations and sources, as text.

use proptest::prelude::*;
use signet_model::PackageKind;

use super::{config, lock, source};
use crate::syntax::testing::{check, mutate, read};

const V2: &str = include_str!("testdata/deno-v2.lock");
const V3: &str = include_str!("testdata/deno-v3.lock");
const V5: &str = include_str!("testdata/deno-v5.lock");
const CONFIG: &str = include_str!("testdata/deno.json");
const SOURCE: &str = "import a from \"npm:a@1.0.0\";\nimport { b } from 'jsr:@s/b@^2/x';\nexport * from \"https://esm.sh/a@1.0.0\";\nimport c from \"c\";\n";

#[test]
fn lock_files() {
    check(
        &lock::LEAF,
        "deno.lock",
        V2,
        &["a@1.0.1 L10-10 -> b@2.0.0", "b@2.0.0 L11-11", "d@2.0.0 L12-12 -> b@2.0.0", "std@0.150.0 L4-4"],
    );
    check(
        &lock::LEAF,
        "deno.lock",
        V3,
        &[
            "a@1.0.1 direct L17-17 -> b@2.0.0",
            "b@2.0.0 indirect L18-18",
            "@s/m@1.2.0 direct L10-13 -> @s/n@1.0.0",
            "@s/n@1.0.0 indirect L14-14",
        ],
    );
    check(
        &lock::LEAF,
        "deno.lock",
        V5,
        &[
            "@t/a@1.0.1 direct L14-18 -> b@2.0.0 d@4.0.0 e@1.0.0",
            "b@2.0.0 indirect L19-19",
            "b@3.0.0 indirect L20-20",
            "d@4.0.0 indirect L21-21",
            "e@1.0.0 indirect L22-22",
            "@s/m@1.2.0 direct L10-10 -> d@4.0.0 @s/n@1.0.0",
            "@s/n@1.0.0 indirect L11-11",
            "oak@v12.6.1 L27-27",
            "f@1.0.0 L28-28",
            "! malformed: line 23: a package without name or version",
            "! unresolved: line 29: 2 modules of the web whose addresses tell no name and version",
        ],
    );
    let found = read(&lock::LEAF, "deno.lock", V3.as_bytes());
    assert_eq!((found.packages[2].kind, found.packages[2].checksums.len()), (PackageKind::Jsr, 1));
    check(&lock::LEAF, "deno.lock", "{\"https://deno.land/x/a@v1/b.ts\": \"cc\"}", &["a@v1 L1-1"]);
    check(&lock::LEAF, "deno.lock", "{", &["! malformed: no JSON: line 1: the JSON document ends inside an object"]);
    check(
        &lock::LEAF,
        "deno.lock",
        "{\"version\": \"9\"}",
        &["! unsupported: lock file version 9 is not known; read as version 5"],
    );
}

#[test]
fn configurations() {
    let rows = [
        "@s/app@0.1.0 root",
        "a@ direct L6-6",
        "b@2.0.0 direct L7-7",
        "@s/m@ direct L9-9",
        "c@ direct L10-10",
        "d@1.0.0 direct L13-13",
    ];
    check(&config::LEAF, "deno.json", CONFIG, &rows);
    let found = read(&config::LEAF, "deno.json", CONFIG.as_bytes());
    let fact = |at: usize, name: &str| found.packages[at].extra.get(name).map(String::as_str);
    assert_eq!((fact(1, "deno.range"), fact(1, "deno.minimum")), (Some("^1.2"), Some("1.2.0")));
    assert_eq!((fact(2, "deno.range"), fact(4, "deno.range")), (None, None));
    check(&config::LEAF, "deno.json", "[]", &["! malformed: expected an object"]);
}

#[test]
fn sources() {
    check(&source::LEAF, "main.ts", SOURCE, &["a@1.0.0 L1-1", "@s/b@ L2-2"]);
    check(&source::LEAF, "video.ts", b"\x47\x00 import 'npm:a'", &[]);
    assert!((source::LEAF.accepts)("app/main.ts") && (source::LEAF.accepts)("app/x.tsx"));
    assert!(!(source::LEAF.accepts)("app/x.d.ts") && !(source::LEAF.accepts)("app/node_modules/a/x.ts"));
}

proptest! {
    #[test]
    fn broken_files_never_panic(which in 0usize..5, place: usize, byte: u8, cut in 0usize..40, keep: usize) {
        let (leaf, text) = [
            (&lock::LEAF, V2), (&lock::LEAF, V3), (&lock::LEAF, V5), (&config::LEAF, CONFIG), (&source::LEAF, SOURCE),
        ][which];
        let found = read(leaf, "deno.lock", &mutate(text.as_bytes(), place, byte, cut, keep));
        prop_assert!(found.packages.len() < 20);
        prop_assert!(found.edges.iter().all(|(from, to, _)| *from < found.packages.len() && *to < found.packages.len()));
    }
}
