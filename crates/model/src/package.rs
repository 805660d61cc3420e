//! Components, as catalogers find them and SBOMs state them.

use crate::{Checksum, Distro, Location, Purl};

/// The ecosystem that names and versions a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "most variants are their own name")]
pub enum PackageKind {
    // operating systems
    Apk,
    Deb,
    Rpm,
    Alpm,
    Portage,
    Opkg,
    // languages
    Npm,
    Python,
    Go,
    Java,
    Cargo,
    Gem,
    Nuget,
    Composer,
    /// A package of a PEAR channel; PECL is one.
    Pear,
    Pub,
    Swift,
    CocoaPods,
    Conan,
    Vcpkg,
    Hex,
    Otp,
    Hackage,
    Opam,
    Cran,
    LuaRocks,
    Julia,
    Cpan,
    Gleam,
    SwiplPack,
    /// A module of the JavaScript registry jsr.io.
    Jsr,
    // whole environments and applications
    Conda,
    Nix,
    Bitnami,
    Snap,
    Homebrew,
    Flatpak,
    Spack,
    GithubAction,
    WordpressPlugin,
    JenkinsPlugin,
    /// An extension of a browser of Chromium's family.
    ChromeExtension,
    /// An extension of Visual Studio Code or an editor that shares its format.
    VscodeExtension,
    /// A Linux kernel image.
    LinuxKernel,
    /// A Linux kernel module.
    LinuxKernelModule,
    /// A program that no package manager knows, recognised by its bytes.
    Binary,
    /// A machine-learning model file.
    Model,
    /// A container image that another artifact names as its base.
    Container,
    /// Anything else that an SBOM lists: `pkg:generic`, or no purl at all.
    Other,
}

impl PackageKind {
    /// The purl type. Source: package-url/purl-spec, `types/`.
    pub fn purl_type(self) -> &'static str {
        match self {
            PackageKind::Apk => "apk",
            PackageKind::Deb => "deb",
            PackageKind::Rpm => "rpm",
            PackageKind::Alpm => "alpm",
            PackageKind::Portage => "ebuild",
            PackageKind::Opkg => "opkg",
            PackageKind::Npm => "npm",
            PackageKind::Python => "pypi",
            PackageKind::Go => "golang",
            PackageKind::Java | PackageKind::JenkinsPlugin => "maven",
            PackageKind::Cargo => "cargo",
            PackageKind::Gem => "gem",
            PackageKind::Nuget => "nuget",
            PackageKind::Composer => "composer",
            PackageKind::Pear => "pear",
            PackageKind::Pub => "pub",
            PackageKind::Swift => "swift",
            PackageKind::CocoaPods => "cocoapods",
            PackageKind::Conan => "conan",
            PackageKind::Hex | PackageKind::Gleam => "hex",
            PackageKind::Otp => "otp",
            PackageKind::Hackage => "hackage",
            PackageKind::Opam => "opam",
            PackageKind::Cran => "cran",
            PackageKind::LuaRocks => "luarocks",
            PackageKind::Julia => "julia",
            PackageKind::Cpan => "cpan",
            PackageKind::SwiplPack => "swiplpack",
            PackageKind::Jsr => "jsr",
            PackageKind::Conda => "conda",
            PackageKind::Nix => "nix",
            PackageKind::Bitnami => "bitnami",
            PackageKind::Homebrew => "brew",
            PackageKind::GithubAction => "github",
            PackageKind::WordpressPlugin => "wordpress-plugin",
            PackageKind::ChromeExtension => "chrome-extension",
            PackageKind::VscodeExtension => "vscode-extension",
            PackageKind::Model => "huggingface",
            PackageKind::Container => "oci",
            PackageKind::Vcpkg => "vcpkg",
            PackageKind::Snap
            | PackageKind::Flatpak
            | PackageKind::Spack
            | PackageKind::LinuxKernel
            | PackageKind::LinuxKernelModule
            | PackageKind::Binary
            | PackageKind::Other => "generic",
        }
    }

    /// Whether a distribution's package manager installs it, so that the distribution's advisories govern.
    pub fn is_os(self) -> bool {
        matches!(
            self,
            PackageKind::Apk
                | PackageKind::Deb
                | PackageKind::Rpm
                | PackageKind::Alpm
                | PackageKind::Portage
                | PackageKind::Opkg
        )
    }

    /// The kind of this name, which is the one that [`PackageKind::name`] gives.
    pub fn from_name(name: &str) -> Option<PackageKind> {
        const ALL: &[PackageKind] = &[
            PackageKind::Apk,
            PackageKind::Deb,
            PackageKind::Rpm,
            PackageKind::Alpm,
            PackageKind::Portage,
            PackageKind::Opkg,
            PackageKind::Npm,
            PackageKind::Python,
            PackageKind::Go,
            PackageKind::Java,
            PackageKind::Cargo,
            PackageKind::Gem,
            PackageKind::Nuget,
            PackageKind::Composer,
            PackageKind::Pear,
            PackageKind::Pub,
            PackageKind::Swift,
            PackageKind::CocoaPods,
            PackageKind::Conan,
            PackageKind::Vcpkg,
            PackageKind::Hex,
            PackageKind::Otp,
            PackageKind::Hackage,
            PackageKind::Opam,
            PackageKind::Cran,
            PackageKind::LuaRocks,
            PackageKind::Julia,
            PackageKind::Cpan,
            PackageKind::Gleam,
            PackageKind::SwiplPack,
            PackageKind::Jsr,
            PackageKind::Conda,
            PackageKind::Nix,
            PackageKind::Bitnami,
            PackageKind::Snap,
            PackageKind::Homebrew,
            PackageKind::Flatpak,
            PackageKind::Spack,
            PackageKind::GithubAction,
            PackageKind::WordpressPlugin,
            PackageKind::JenkinsPlugin,
            PackageKind::ChromeExtension,
            PackageKind::VscodeExtension,
            PackageKind::LinuxKernel,
            PackageKind::LinuxKernelModule,
            PackageKind::Binary,
            PackageKind::Model,
            PackageKind::Container,
            PackageKind::Other,
        ];
        ALL.iter().copied().find(|kind| kind.name() == name)
    }

    /// The name of the ecosystem in our JSON and tables.
    pub fn name(self) -> &'static str {
        match self {
            PackageKind::Python => "python",
            PackageKind::Go => "go",
            PackageKind::Java => "java",
            PackageKind::Portage => "portage",
            PackageKind::Binary => "binary",
            PackageKind::Model => "model",
            PackageKind::Container => "container",
            PackageKind::Other => "other",
            PackageKind::Snap => "snap",
            PackageKind::Flatpak => "flatpak",
            PackageKind::Spack => "spack",
            PackageKind::Gleam => "gleam",
            PackageKind::Homebrew => "homebrew",
            PackageKind::GithubAction => "github-action",
            PackageKind::JenkinsPlugin => "jenkins-plugin",
            PackageKind::LinuxKernel => "linux-kernel",
            PackageKind::LinuxKernelModule => "linux-kernel-module",
            other => other.purl_type(),
        }
    }
}

/// The source package that a binary package was built from. Distributions publish advisories for it, with its own version.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourcePackage {
    /// Name without version: `openssl`, not `openssl-3.0.7-27.el9.src.rpm`.
    pub name: String,
    /// Version in the same form as the binary's (`[epoch:]version-release`); `None` where the metadata has none.
    pub version: Option<String>,
}

/// A licence as the metadata states it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct License {
    /// The text as found: an SPDX id or expression, or free text.
    pub value: String,
}

/// How the package's presence is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Presence {
    /// Its files are there: a package database entry, an unpacked module, a binary.
    #[default]
    Installed,
    /// A lock file or manifest names it; its files were not seen.
    Declared,
}

/// How the project that a lock file describes came to the package.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Directness {
    /// The format does not tell.
    #[default]
    Unknown,
    /// The project itself.
    Root,
    /// A member of the same workspace.
    Workspace,
    /// Named by the project.
    Direct,
    /// Brought by another package.
    Indirect,
}

/// Place of a package in [`crate::Inventory::packages`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackageIndex(pub u32);

impl PackageIndex {
    /// As an index of a slice.
    pub fn get(self) -> usize {
        self.0 as usize
    }
}

/// One component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// The ecosystem.
    pub kind: PackageKind,
    /// The whole name as its ecosystem and its advisories write it: `@scope/name` (npm), `group:artifact` (Maven; `artifact` alone when
    /// the group is unknown), `github.com/a/b` (Go, case kept), `vendor/name` (Composer), `channel/name` (PEAR), `publisher.name` (VS Code), the id
    /// (Chrome), the name as written (PyPI: not normalised).
    pub name: String,
    /// The whole version as its ecosystem writes it: `[epoch:]upstream-revision` (deb), `[epoch:]version-release` (rpm, the epoch only when
    /// the package states one), `1.2.3-r0` (apk), `v1.2.3` (Go). Empty when unknown.
    pub version: String,
    /// Architecture of the package (`amd64`, `x86_64`, `noarch`, `all`), where packages have one.
    pub arch: Option<String>,
    /// The source (origin) package, for deb, rpm and apk. Always set for these: the package itself when the metadata names no other.
    pub source: Option<SourcePackage>,
    /// RPM modularity label: `name:stream:version:context`.
    pub module: Option<String>,
    /// Who made the package: deb Maintainer, rpm Vendor, apk maintainer, npm author.
    pub vendor: Option<String>,
    /// Licences as found.
    pub licenses: Vec<License>,
    /// Hashes that the metadata claims for the package.
    pub checksums: Vec<Checksum>,
    /// Where it was found, primary evidence first. Never empty for what a cataloger found.
    pub locations: Vec<Location>,
    /// Installed or only named.
    pub presence: Presence,
    /// Direct, indirect or the root project.
    pub directness: Directness,
    /// Needed only for development, as the lock file says.
    pub dev: bool,
    /// The leaf of `catalog` that found it, or the SBOM format that stated it.
    pub found_by: &'static str,
    /// The purl that an SBOM stated, or that a leaf knows where the rules of the kind do not give it: of a recognised program, a Java runtime, a model.
    /// `None` for everything else that we found ourselves: [`Package::purl`] makes it.
    pub stated_purl: Option<Purl>,
    /// CPEs that an SBOM or the package itself stated (2.3 form).
    pub cpes: Vec<String>,
    /// One line about the package, where its metadata has one.
    pub description: Option<String>,
    /// Facts of one ecosystem that formats carry through, by name: `go.h1`, `npm.resolved`, `rpm.source`, `python.top_level`, ...
    pub extra: std::collections::BTreeMap<String, String>,
}

impl Package {
    /// An installed package with nothing known but this.
    pub fn new(kind: PackageKind, name: impl Into<String>, version: impl Into<String>) -> Package {
        Package {
            kind,
            name: name.into(),
            version: version.into(),
            arch: None,
            source: None,
            module: None,
            vendor: None,
            licenses: Vec::new(),
            checksums: Vec::new(),
            locations: Vec::new(),
            presence: Presence::Installed,
            directness: Directness::Unknown,
            dev: false,
            found_by: "",
            stated_purl: None,
            cpes: Vec::new(),
            description: None,
            extra: std::collections::BTreeMap::new(),
        }
    }

    /// The package URL: the stated one, else by the rules of its kind. `distro` gives OS packages their namespace and `distro` qualifier.
    ///
    /// A name that no purl can carry (empty) gives `None`.
    pub fn purl(&self, distro: Option<&Distro>) -> Option<Purl> {
        match &self.stated_purl {
            Some(purl) => Some(purl.clone()),
            None => Purl::of_package(self, distro),
        }
    }

    /// Epoch of a deb or rpm version: the digits before the first colon.
    pub fn epoch(&self) -> Option<&str> {
        let (epoch, _) = self.version.split_once(':')?;
        (self.kind.is_os() && !epoch.is_empty() && epoch.bytes().all(|byte| byte.is_ascii_digit())).then_some(epoch)
    }
}
