//! Deno projects: modules of JSR, npm and the web, named by `deno.lock`, by the imports of `deno.json`, and by TypeScript sources.
//!
//! Claimed: `deno.lock`; `deno.json`, `deno.jsonc`, `import_map.json`; `*.ts`, `*.tsx`, `*.mts`, `*.cts` but declarations (`*.d.ts`).

pub(crate) mod config;
pub(crate) mod lock;
pub(crate) mod source;
mod specifier;
#[cfg(test)]
mod tests;

use signet_model::{Package, Presence};

use crate::Input;
use specifier::Specifier;

/// What this folder's leaves can tell.
const COVERAGE: &str = include_str!("coverage.yaml");

/// A package that a specifier asks for: with a version if the specifier fixes one, else with `deno.range` and `deno.minimum`.
fn asked(input: &Input<'_>, specifier: &Specifier, written: &str, lines: (u32, u32)) -> Package {
    let exact = specifier.exact();
    let mut package = input.package(specifier.kind, specifier.name.as_str(), exact.unwrap_or_default());
    package.presence = Presence::Declared;
    package.locations = vec![input.location.at_lines(lines.0, lines.1)];
    package.extra.insert("deno.specifier".to_owned(), written.to_owned());
    if exact.is_none() && !specifier.range.is_empty() {
        package.extra.insert("deno.range".to_owned(), specifier.range.clone());
        package.extra.extend(specifier.minimum().map(|minimum| ("deno.minimum".to_owned(), minimum)));
    }
    package
}
