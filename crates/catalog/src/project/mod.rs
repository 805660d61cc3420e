//! A lock file and what lies beside it: which packages the project names itself, which only development needs, and which file counts
//! when two say the same.
//!
//! A leaf reads one file. What `package.json` adds to `yarn.lock`, `pyproject.toml` to `poetry.lock`, `Cargo.toml` to `Cargo.lock` and
//! `go.sum` to `go.mod`, and one `pom.xml` to another can only be told when all files are there: here, between reading and merging, once per directory.

mod dotnet;
mod maven;
#[cfg(test)]
mod maven_tests;
mod precedence;
mod settle;
mod superseded;
#[cfg(test)]
mod tests;

pub(crate) use settle::{reach, settle};

/// What a project's manifest says of the lock file beside it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    /// The project's name; empty when it has none.
    pub name: String,
    /// What it needs itself.
    pub needs: Vec<Need>,
    /// Directories of workspace members: paths with `*` and `**`, relative to the manifest's directory.
    pub members: Vec<String>,
}

/// One need that a manifest states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// Name, as the manifest writes it.
    pub name: String,
    /// The versions it accepts, as written.
    pub range: String,
    /// Needed for development only.
    pub dev: bool,
}

impl Manifest {
    /// Adds needs.
    pub(crate) fn add<'a>(&mut self, needs: impl Iterator<Item = (&'a str, &'a str)>, dev: bool) {
        self.needs.extend(needs.map(|(name, range)| Need { name: name.to_owned(), range: range.to_owned(), dev }));
    }
}
