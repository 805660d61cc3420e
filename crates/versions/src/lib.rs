//! How versions compare, and which of them a range admits, in every ecosystem that advisories speak about.
//!
//! This room never reads a file, never asks the time, and never guesses in silence: text that has no place in a
//! scheme is a [`VersionError`] that says why, not an equality. It knows no package and no advisory.
//!
//! ```text
//! (scheme, a, b)          --compare-->   Less | Equal | Greater
//! (scheme, version)       --sort_key-->  bytes whose memcmp order is that order
//! (scheme, text, options) --parse-->     Constraint --contains(version)--> bool
//! ```
//!
//! One file per ecosystem holds its order and, where bytes can show it, its key. `semver.rs` serves all relatives of
//! semantic versioning, `npm.rs` the ranges of npm and Cargo, `specifier.rs` those of Python, `wildcard.rs` Trivy's
//! reading of semantic ranges, `clause.rs` and `interval.rs` the notations that others share.
//!
//! # Whose reading
//!
//! Tools disagree, so a reading is named and never implied. For test vectors published by others:
//! - vectors of an ecosystem's own tool (apk, node-semver, rpm): [`Flavour::Native`]; node-semver's `loose` and
//!   `includePrerelease` are [`Options::loose`] and [`Options::include_prerelease`]; rpm's vectors for its segment
//!   comparison are for [`rpm_vercmp`], which sees no epoch and no release;
//! - OSV's (`semantic` packages): [`Flavour::Osv`], which differs from native for Maven and Composer only;
//! - the libraries behind Trivy (go-version, go-npm-version, go-pep440-version, go-mvn-version, go-gem-version):
//!   [`Flavour::Trivy`] with [`Options::include_prerelease`] and [`Options::zero_padding`] as the library is set;
//!   go-mvn-version's *requirements* (bare version = recommendation) are [`Flavour::Native`];
//! - Grype's: [`Options::flavoured`]`(Flavour::Grype)`, which also sets [`EpochPolicy::IgnoreIfMissing`].
//!
//! # Orders that are no total orders
//!
//! [`Scheme::Fuzzy`] and [`Scheme::Pacman`] are symmetric but can form circles, as the tools they follow do, and so
//! do Composer's `#` and the old Maven order of [`Flavour::Osv`], and RPM under [`EpochPolicy::IgnoreIfMissing`]. Do
//! not sort by those. All others are total, which the property tests hold.

#![forbid(unsafe_code)]

mod apk;
mod clause;
mod compare;
mod composer;
mod constraint;
mod deb;
mod dotted;
mod error;
mod fuzzy;
mod gem;
mod interval;
mod jvm;
mod maven;
mod npm;
mod num;
mod pacman;
mod pep440;
mod portage;
mod rpm;
mod scheme;
mod semver;
mod specifier;
mod wildcard;

pub use apk::matches_fuzzy as apk_matches_fuzzy;
pub use compare::{compare, compare_with, is_valid, sort_key};
pub use constraint::Constraint;
pub use error::{ConstraintError, VersionError};
pub use gem::strip_platform;
pub use maven::strip_java_suffix;
pub use rpm::vercmp as rpm_vercmp;
pub use scheme::{EpochPolicy, Flavour, Options, Scheme};
