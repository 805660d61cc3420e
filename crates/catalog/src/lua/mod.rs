//! Lua: rockspecs of LuaRocks.

pub(crate) mod rockspec;
#[cfg(test)]
mod tests;
mod values;

/// What this folder's leaves can tell.
const COVERAGE: &str = include_str!("coverage.yaml");
