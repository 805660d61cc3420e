//! All leaves. One more leaf is one more line here.

use crate::Leaf;

static LEAVES: &[&Leaf] = &[
    &crate::apk::LEAF,
    &crate::distro::CONTENT_SETS,
    &crate::distro::LEAF,
    &crate::dotnet::assembly::LEAF,
    &crate::dotnet::assets::LEAF,
    &crate::dotnet::bundle::LEAF,
    &crate::dotnet::deps_json::LEAF,
    &crate::dotnet::msbuild::CENTRAL,
    &crate::dotnet::msbuild::PROJECT,
    &crate::dotnet::packages_config::LEAF,
    &crate::dotnet::packages_lock::LEAF,
    &crate::dotnet::paket::LOCK,
    &crate::dotnet::paket::MANIFEST,
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
    &crate::php::composer::INSTALLED,
    &crate::php::composer::LOCK,
    &crate::php::composer::PROJECT,
    &crate::php::pear::LEAF,
    &crate::python::metadata::LEAF,
    &crate::python::pipenv::LEAF,
    &crate::python::poetry::LEAF,
    &crate::python::project::LEAF,
    &crate::python::requirements::LEAF,
    &crate::python::uv::LEAF,
    &crate::rpm::LEAF,
    &crate::rpm::MANIFEST,
    &crate::ruby::gemfile_lock::LEAF,
    &crate::ruby::gemspec::LEAF,
    &crate::rust::auditable::LEAF,
    &crate::rust::lock::LEAF,
    &crate::rust::project::LEAF,
    &crate::wordpress::plugin::LEAF,
];

/// Every leaf, in the order of their names. A claimed file is offered to all that claim it.
pub fn leaves() -> &'static [&'static Leaf] {
    LEAVES
}
