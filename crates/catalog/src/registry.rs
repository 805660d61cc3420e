//! All leaves. One more leaf is one more line here.

use crate::Leaf;

static LEAVES: &[&Leaf] = &[
    &crate::apk::LEAF,
    &crate::distro::CONTENT_SETS,
    &crate::distro::LEAF,
    &crate::dpkg::COPYRIGHT,
    &crate::dpkg::FILES,
    &crate::dpkg::LEAF,
    &crate::golang::binary::LEAF,
    &crate::golang::gomod::LEAF,
    &crate::golang::gosum::LEAF,
    &crate::java::archive::LEAF,
    &crate::npm::package_json::LEAF,
    &crate::npm::package_lock::LEAF,
    &crate::npm::pnpm_lock::LEAF,
    &crate::npm::yarn_lock::LEAF,
    &crate::python::metadata::LEAF,
    &crate::python::pipenv::LEAF,
    &crate::python::poetry::LEAF,
    &crate::python::project::LEAF,
    &crate::python::requirements::LEAF,
    &crate::python::uv::LEAF,
    &crate::rpm::LEAF,
    &crate::rpm::MANIFEST,
    &crate::rust::auditable::LEAF,
    &crate::rust::lock::LEAF,
    &crate::rust::project::LEAF,
];

/// Every leaf, in the order of their names. A claimed file is offered to all that claim it.
pub fn leaves() -> &'static [&'static Leaf] {
    LEAVES
}
