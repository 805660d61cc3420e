//! The orders that exist, and the knobs that a caller may turn on them.

use std::fmt;

/// One way of ordering versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Scheme {
    /// Debian and its children: `[epoch:]upstream[-revision]`, deb-version(7).
    Deb,
    /// RPM: `[epoch:]version[-release]`, rpm-version(7).
    Rpm,
    /// Alpine, Wolfi, Chainguard: apk-package(5).
    Apk,
    /// npm as node-semver reads it: three numbers, strict unless [`Options::loose`].
    Npm,
    /// Semantic versions as the world writes them: any number of parts, optional `v`, `1.2rc1`.
    Semver,
    /// Python: PEP 440, and the older order of setuptools for what PEP 440 refuses.
    Pep440,
    /// Maven's version order specification (POM reference).
    Maven,
    /// RubyGems' `Gem::Version`.
    Gem,
    /// Go modules and toolchains: `v1.2.3`, pseudo-versions, `+incompatible`, `go1.21rc2`.
    Go,
    /// NuGet: up to four numbers and a pre-release without case.
    Nuget,
    /// Composer (Packagist).
    Composer,
    /// Dart's pub: semantic versions in which build metadata counts.
    Pub,
    /// Cargo: strict semantic versions.
    Cargo,
    /// CRAN and Bioconductor: `package_version` of R.
    Cran,
    /// Hackage: the Haskell package versioning policy.
    Hackage,
    /// Arch Linux: alpm's vercmp.
    Pacman,
    /// Gentoo: package manager specification, section 3.3.
    Portage,
    /// Java runtimes, old (`1.8.0_131`) and new (`8.0.131`, JEP 223).
    Jvm,
    /// Bitnami components: a semantic version and a revision that does not count.
    Bitnami,
    /// Dotted numbers and a pre-release for what has no rules of its own.
    Generic,
    /// A best guess for text of unknown shape.
    Fuzzy,
    /// Names of Microsoft updates: equal or not, without order.
    Kb,
}

impl Scheme {
    /// Every scheme, in the order of the declaration.
    pub const ALL: [Self; 22] = [
        Self::Deb,
        Self::Rpm,
        Self::Apk,
        Self::Npm,
        Self::Semver,
        Self::Pep440,
        Self::Maven,
        Self::Gem,
        Self::Go,
        Self::Nuget,
        Self::Composer,
        Self::Pub,
        Self::Cargo,
        Self::Cran,
        Self::Hackage,
        Self::Pacman,
        Self::Portage,
        Self::Jvm,
        Self::Bitnami,
        Self::Generic,
        Self::Fuzzy,
        Self::Kb,
    ];

    /// The name in lower case; stable, as databases store it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Deb => "deb",
            Self::Rpm => "rpm",
            Self::Apk => "apk",
            Self::Npm => "npm",
            Self::Semver => "semver",
            Self::Pep440 => "pypi",
            Self::Maven => "maven",
            Self::Gem => "gem",
            Self::Go => "go",
            Self::Nuget => "nuget",
            Self::Composer => "composer",
            Self::Pub => "pub",
            Self::Cargo => "cargo",
            Self::Cran => "cran",
            Self::Hackage => "hackage",
            Self::Pacman => "pacman",
            Self::Portage => "portage",
            Self::Jvm => "jvm",
            Self::Bitnami => "bitnami",
            Self::Generic => "generic",
            Self::Fuzzy => "fuzzy",
            Self::Kb => "kb",
        }
    }

    /// The scheme of a name: [`Self::name`], a purl type, or a name in common use (`pep440`, `golang`, `dpkg`).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "debian" | "ubuntu" | "dpkg" => Self::Deb,
            "redhat" => Self::Rpm,
            "alpine" | "apkg" => Self::Apk,
            "python" | "pep440" => Self::Pep440,
            "rubygems" => Self::Gem,
            "golang" => Self::Go,
            "packagist" => Self::Composer,
            "crates.io" => Self::Cargo,
            "bioconductor" => Self::Cran,
            "alpm" => Self::Pacman,
            "ebuild" => Self::Portage,
            "hex" | "swift" => Self::Semver,
            "unknown" => Self::Fuzzy,
            _ => return Self::ALL.into_iter().find(|scheme| scheme.name() == name),
        })
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Whose reading of a scheme is followed where readings differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Flavour {
    /// The ecosystem's own tool.
    #[default]
    Native,
    /// Trivy's comparers: a bare version is an equality, spaces mean AND.
    Trivy,
    /// Grype's: a bare version is an equality, plain comparison without the ecosystem's pre-release rules.
    Grype,
    /// OSV's own comparators where they differ from the ecosystem's tool of today: Maven before MNG-7644, Composer
    /// without its normalisation.
    Osv,
}

/// What a missing RPM epoch means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum EpochPolicy {
    /// It is zero: rpm's own rule.
    #[default]
    Zero,
    /// When only one side has an epoch, neither counts: for advisories written without epochs.
    IgnoreIfMissing,
}

/// The knobs of a comparison or a constraint. The default is the ecosystem's own behaviour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Options {
    /// Whose reading.
    pub flavour: Flavour,
    /// RPM: what a missing epoch means.
    pub epoch: EpochPolicy,
    /// npm: node-semver's `loose`, which accepts `=1.2.3`, `v 1.2.3`, `1.2.3beta`, leading zeros.
    pub loose: bool,
    /// npm, semver, Python: pre-releases are ordinary members of a range.
    pub include_prerelease: bool,
    /// Trivy's semver: `1.2` in a constraint means `1.2.0`, not `1.2.*`.
    pub zero_padding: bool,
}

impl Options {
    /// The options of one flavour: Grype's reading of RPM ignores an epoch that one side lacks.
    #[must_use]
    pub fn flavoured(flavour: Flavour) -> Self {
        let epoch = if flavour == Flavour::Grype { EpochPolicy::IgnoreIfMissing } else { EpochPolicy::Zero };
        Self { flavour, epoch, ..Self::default() }
    }
}
