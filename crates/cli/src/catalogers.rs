//! `signet catalogers`: what each cataloger reads, claims and can tell.

use std::fmt::Write as _;

use anyhow::Result;
use signet_catalog::{Claim, Leaf, Matcher};

use crate::args::CatalogersArgs;
use crate::exit::Exit;
use crate::output;

/// Prints the coverage table, or which catalogers claim the given paths.
pub(crate) fn command(args: &CatalogersArgs) -> Result<Exit> {
    let text = if args.claims.is_empty() { table() } else { claims(&args.claims) };
    output::to_stdout(text.as_bytes())?;
    Ok(Exit::Well)
}

/// One line a path: the path, a tab, and the catalogers that claim it by its name, separated by spaces.
fn claims(paths: &[String]) -> String {
    let matcher = Matcher::new(signet_catalog::leaves());
    let mut text = String::new();
    for path in paths {
        let ids: Vec<&str> = matcher.claimants(path.trim_start_matches('/')).iter().map(|leaf| leaf.id).collect();
        let _ = writeln!(text, "{path}\t{}", ids.join(" "));
    }
    text
}

fn table() -> String {
    let mut text = String::new();
    let mut shown = "";
    for leaf in signet_catalog::leaves() {
        let _ = writeln!(text, "{}: {}", leaf.id, reads(leaf));
        if leaf.coverage != shown {
            for line in leaf.coverage.lines().filter(|line| !line.trim_start().starts_with('#')) {
                let _ = writeln!(text, "    {line}");
            }
            shown = leaf.coverage;
        }
    }
    text
}

fn reads(leaf: &Leaf) -> String {
    let claims: Vec<String> = leaf
        .claims
        .iter()
        .map(|claim| match claim {
            Claim::Name(name) => (*name).to_owned(),
            Claim::Suffix(suffix) | Claim::Head(suffix) => format!("*{suffix}"),
            Claim::Path(path) => format!("**/{path}"),
            Claim::In(folder, suffix) => format!("**/{folder}/*{suffix}"),
            Claim::Executable => "programs and libraries (ELF, PE, Mach-O)".to_owned(),
        })
        .collect();
    claims.join(", ")
}
