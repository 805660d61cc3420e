//! Syft's own JSON: schema 16.1.10 is written, 16.x and older documents of the same shape are read.
//!
//! Sources: anchore/syft:syft/format/syftjson/model and `schema/json/schema-16.1.10.json`.

mod metadata;
mod read;
mod wire;
mod write;

use signet_model::PackageKind;

pub(crate) use read::read;
pub use write::{write, write_to};

/// The `type` of an artifact.
pub(crate) fn type_name(kind: PackageKind) -> &'static str {
    match kind {
        PackageKind::Go => "go-module",
        PackageKind::Java => "java-archive",
        PackageKind::Cargo => "rust-crate",
        PackageKind::Composer => "php-composer",
        PackageKind::Pub => "dart-pub",
        PackageKind::Nuget => "dotnet",
        PackageKind::Otp => "erlang-otp",
        PackageKind::LuaRocks => "lua-rocks",
        PackageKind::Pear => "php-pear",
        PackageKind::Cran => "R-package",
        PackageKind::CocoaPods => "pod",
        PackageKind::Other | PackageKind::Container => "UnknownPackage",
        other => other.name(),
    }
}

/// The `language` of an artifact; empty for packages of operating systems.
fn language(kind: PackageKind) -> &'static str {
    match kind {
        PackageKind::Npm | PackageKind::Jsr => "javascript",
        PackageKind::Python => "python",
        PackageKind::Go => "go",
        PackageKind::Java | PackageKind::JenkinsPlugin => "java",
        PackageKind::Cargo => "rust",
        PackageKind::Gem => "ruby",
        PackageKind::Nuget => "dotnet",
        PackageKind::Composer | PackageKind::Pear | PackageKind::WordpressPlugin => "php",
        PackageKind::Pub => "dart",
        PackageKind::Swift | PackageKind::CocoaPods => "swift",
        PackageKind::Conan | PackageKind::Vcpkg => "c++",
        PackageKind::Hex => "elixir",
        PackageKind::Otp => "erlang",
        PackageKind::Hackage => "haskell",
        PackageKind::Opam => "ocaml",
        PackageKind::Cran => "R",
        PackageKind::LuaRocks => "lua",
        PackageKind::SwiplPack => "swipl",
        _ => "",
    }
}
