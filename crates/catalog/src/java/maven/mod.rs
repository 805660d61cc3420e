//! Maven projects: `pom.xml`, and the `.pom` files of a local repository.
//!
//! A project inherits from parents, takes versions from lists of others and has modules; each is a file of its own. The leaf reads one file and
//! keeps what it states ([`Model`]); [`crate::project`] puts the files of a tree together ([`Tree`]) and names the packages.

mod effective;
mod model;
mod tree;

use signet_model::UnexaminedKind;

use crate::{Claim, Found, Input, Leaf, any_path};

pub(crate) use effective::{Effective, Memory, Requirement, Stated};
pub(crate) use model::{Dependency, Model, parse};
pub(crate) use tree::Tree;

/// The fact under which what a file states is kept until all are read.
pub(crate) const MODEL: &str = "maven_model";

/// Reads `pom.xml` and `.pom`.
pub(crate) static LEAF: Leaf = Leaf {
    id: "maven-pom",
    claims: &[Claim::Name("pom.xml"), Claim::Suffix(".pom")],
    accepts: any_path,
    max_size: 4 << 20,
    read,
    coverage: super::COVERAGE,
};

/// Reads one project file. No package comes from here: versions may stand in other files, so the packages are named when all are read.
///
/// Errors: as [`parse`]. A `.pom` that is no XML is passed over: other programs use that ending, and nothing is lost but what it would explain.
fn read(input: &Input<'_>) -> Found {
    match parse(input.bytes) {
        Ok(model) => Found { facts: [(MODEL, model.to_lines())].into(), ..Found::default() },
        Err((UnexaminedKind::Malformed, _)) if !input.name().ends_with("pom.xml") => Found::default(),
        Err((kind, why)) => Found::unexamined(input.unexamined(kind, why)),
    }
}
