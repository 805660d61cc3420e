//! Gradle: what it locked, what it verified, and the catalog of versions that a build chooses from.

pub(crate) mod catalog;
pub(crate) mod lock;
pub(crate) mod verification;
