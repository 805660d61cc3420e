//! Advisories that name Go functions, and programs that tell which they hold.

use signet_model::SymbolSet;

use super::*;
use crate::record::{GoImport, Qualifiers};

const MODULE: &str = "golang.org/x/net";

fn import(path: &str, symbols: &[&str]) -> GoImport {
    GoImport { path: path.to_owned(), symbols: symbols.iter().map(|symbol| (*symbol).to_owned()).collect() }
}

fn naming(id: &str, module: &str, imports: Vec<GoImport>) -> Record {
    let advisory = advisory("go", module, id, "< 2.0.0", "2.0.0");
    Record::Qualified(Box::new(advisory), Box::new(Qualifiers { imports, ..Qualifiers::default() }))
}

fn set(functions: &[(&str, &str)]) -> String {
    let hashes: std::collections::BTreeSet<u64> = functions
        .iter()
        .flat_map(|(path, symbol)| [SymbolSet::hash(path, ""), SymbolSet::hash(path, symbol)])
        .collect();
    SymbolSet::of(hashes.into_iter())
}

fn program(module: &str, functions: &[(&str, &str)]) -> Inventory {
    let mut package = Package::new(PackageKind::Go, module, "v1.0.0");
    package.extra.insert(SymbolSet::FACT.to_owned(), set(functions));
    Inventory { packages: vec![package], ..Inventory::default() }
}

/// Ids of the findings, with what suppresses them.
fn found(records: Vec<Record>, inventory: &Inventory, options: &MatchOptions) -> Vec<(String, Option<String>)> {
    let bytes = compile(records);
    let out = Database::open(&bytes).unwrap().match_inventory(inventory, options);
    assert_eq!(out.unexamined, []);
    let shown = |finding: Finding| {
        let why = finding.suppressed.map(|by| format!("{} {}", by.status, by.statement.unwrap_or_default()));
        (finding.vulnerability.id, why)
    };
    out.findings.into_iter().map(shown).collect()
}

#[track_caller]
fn check(imports: Vec<GoImport>, functions: &[(&str, &str)], clears: Option<&str>) {
    let inventory = program(MODULE, functions);
    let out = found(vec![naming("GO-1", MODULE, imports.clone())], &inventory, &MatchOptions::default());
    let [(id, why)] = out.as_slice() else { panic!("{out:?}") };
    assert_eq!(id, "GO-1");
    match clears {
        None => assert_eq!(*why, None, "{imports:?}"),
        Some(text) => assert!(why.as_ref().is_some_and(|why| why.contains(text)), "{imports:?}: {why:?}"),
    }
}

#[test]
fn a_function_that_is_not_there_cannot_be_run() {
    let holds: &[(&str, &str)] = &[("golang.org/x/net/http2", "Server.ServeConn"), ("golang.org/x/net/html", "Parse")];
    check(vec![import("golang.org/x/net/http2", &["Server.ServeConn"])], holds, None);
    check(vec![import("golang.org/x/net/http2", &["Transport.Dial", "Server.ServeConn"])], holds, None);
    check(vec![import("golang.org/x/net/http2", &[])], holds, None);
    check(vec![], holds, None);
    check(
        vec![import("golang.org/x/net/http2", &["Transport.Dial"])],
        holds,
        Some("not_affected the program does not hold what is vulnerable: `golang.org/x/net/http2.Transport.Dial`"),
    );
    check(vec![import("golang.org/x/net/idna", &["ToASCII"])], holds, Some("the package `golang.org/x/net/idna`"));
    check(vec![import("golang.org/x/net/idna", &[]), import("golang.org/x/net/html", &["Parse"])], holds, None);
    // A path that is none of the module's, or none at all, is one that we do not understand.
    check(vec![import("golang.org/x/text/language", &["Parse"])], holds, None);
    check(vec![import("", &["Parse"])], holds, None);
}

#[test]
fn the_standard_library_has_packages_of_any_name() {
    let inventory = program("stdlib", &[("net/http", "Server.Serve")]);
    let records = || {
        vec![
            naming("GO-1", "stdlib", vec![import("net/http", &["Server.Serve"])]),
            naming("GO-2", "stdlib", vec![import("archive/zip", &["OpenReader"])]),
            naming("GO-3", "stdlib", vec![import("", &[])]),
        ]
    };
    let cleared = |options: &MatchOptions| -> Vec<bool> {
        found(records(), &inventory, options).iter().map(|(_, why)| why.is_some()).collect()
    };
    assert_eq!(cleared(&MatchOptions::default()), [false, true, false]);
    assert_eq!(cleared(&MatchOptions { go_unlinked: true, ..MatchOptions::default() }), [false, false, false]);
}

/// GitHub's advisory speaks of the module, Go's of its functions: both of one vulnerability.
#[test]
fn who_names_functions_speaks_for_who_names_none() {
    let detail = |id: &str| {
        Record::Detail(id.to_owned(), Box::new(Detail { aliases: vec!["CVE-1".to_owned()], ..Detail::default() }))
    };
    let records = |other: Vec<Record>| {
        let path = "golang.org/x/net/http2";
        let both = vec![
            record("go", MODULE, "GHSA-1", "< 2.0.0", "2.0.0"),
            naming("GO-1", MODULE, vec![import(path, &["Gone"])]),
            detail("GHSA-1"),
            detail("GO-1"),
        ];
        both.into_iter().chain(other).collect::<Vec<_>>()
    };
    let inventory = program(MODULE, &[("golang.org/x/net/http2", "Server.ServeConn")]);
    let out = found(records(Vec::new()), &inventory, &MatchOptions::default());
    assert!(matches!(out.as_slice(), [(_, Some(_))]), "{out:?}");
    // A second record about the same finds a function that is there.
    let again =
        vec![naming("GO-2", MODULE, vec![import("golang.org/x/net/http2", &["Server.ServeConn"])]), detail("GO-2")];
    let out = found(records(again), &inventory, &MatchOptions::default());
    assert!(matches!(out.as_slice(), [(_, None)]), "{out:?}");
    // Without a set nobody knows.
    let inventory =
        Inventory { packages: vec![Package::new(PackageKind::Go, MODULE, "v1.0.0")], ..Inventory::default() };
    let out = found(records(Vec::new()), &inventory, &MatchOptions::default());
    assert!(matches!(out.as_slice(), [(_, None)]), "{out:?}");
}
