//! How Trivy sorts packages: into results by the file that names them, or by their ecosystem.
//!
//! Source: aquasecurity/trivy:pkg/fanal/analyzer/const.go (types and which are lock files), pkg/scan/langpkg/scan.go (targets that gather).

use signet_model::PackageKind;

/// One of Trivy's types of language package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    /// `npm`, `jar`, ...
    pub(super) ty: &'static str,
    /// The analyzer that reads it.
    pub(super) analyzer: &'static str,
    /// Read from a lock file (`fs`, `repo`), not from what is installed (`image`, `rootfs`).
    pub(super) lock: bool,
    /// The name of the result that gathers packages of many files; empty: a result for each file.
    pub(super) gathered: &'static str,
    /// Whether packages have an id of name and version.
    pub(super) ids: bool,
    /// Whether the lines in the file are told.
    pub(super) lines: bool,
    /// Read in every kind of target, as files that both a build and an installation hold.
    pub(super) anywhere: bool,
    /// Whether it is told what the project is and what it needs itself.
    pub(super) relations: bool,
    /// Whether it is told what needs what.
    pub(super) edges: bool,
    /// Whether the project itself is listed.
    pub(super) root: bool,
}

const fn lock(ty: &'static str, analyzer: &'static str) -> Kind {
    Kind {
        ty,
        analyzer,
        lock: true,
        gathered: "",
        ids: true,
        lines: true,
        anywhere: false,
        relations: true,
        edges: true,
        root: true,
    }
}

const fn installed(ty: &'static str, gathered: &'static str) -> Kind {
    Kind { ty, analyzer: ty, lock: false, gathered, ids: false, lines: false, relations: false, ..lock(ty, ty) }
}

/// Lock files by name. A name that begins with `*` is an ending.
const LOCKS: &[(&str, Kind)] = &[
    ("package-lock.json", lock("npm", "npm")),
    ("npm-shrinkwrap.json", lock("npm", "npm")),
    ("yarn.lock", lock("yarn", "yarn")),
    ("pnpm-lock.yaml", Kind { lines: false, ..lock("pnpm", "pnpm") }),
    ("bun.lock", Kind { root: false, ..lock("bun", "bun") }),
    ("Pipfile.lock", Kind { ids: false, ..lock("pipenv", "pipenv") }),
    ("poetry.lock", Kind { lines: false, ..lock("poetry", "poetry") }),
    ("uv.lock", Kind { lines: false, ..lock("uv", "uv") }),
    ("pylock.toml", Kind { lines: false, ..lock("pylock", "pylock") }),
    ("*requirements.txt", Kind { ids: false, ..lock("pip", "pip") }),
    ("go.mod", Kind { lines: false, ..lock("gomod", "gomod") }),
    ("Cargo.lock", lock("cargo", "cargo")),
    ("pom.xml", lock("pom", "pom")),
    ("*gradle.lockfile", lock("gradle", "gradle-lockfile")),
    ("*.sbt.lock", lock("sbt", "sbt-lockfile")),
    ("Gemfile.lock", lock("bundler", "bundler")),
    ("composer.lock", lock("composer", "composer")),
    ("packages.lock.json", lock("nuget", "nuget")),
    ("packages.config", lock("nuget", "nuget")),
    ("*Packages.props", Kind { lines: false, ..lock("packages-props", "packages-props") }),
    ("Podfile.lock", lock("cocoapods", "cocoapods")),
    ("Package.resolved", lock("swift", "swift")),
    ("pubspec.lock", Kind { lines: false, ..lock("pub", "pubspec-lock") }),
    ("mix.lock", Kind { edges: false, ..lock("hex", "mix-lock") }),
    ("conan.lock", lock("conan", "conan-lock")),
    ("Manifest.toml", lock("julia", "julia")),
    ("environment.yml", Kind { ids: false, ..lock("conda-environment", "conda-environment") }),
    ("environment.yaml", Kind { ids: false, ..lock("conda-environment", "conda-environment") }),
];

/// Files that name packages and that Trivy does not read. A name that begins with `*` is an ending.
const UNREAD: &[&str] = &[
    "pyproject.toml",
    "setup.py",
    "setup.cfg",
    "pdm.lock",
    "deno.lock",
    "deno.json",
    "deno.jsonc",
    "import_map.json",
    "*.ts",
    "*.tsx",
    "*.mts",
    "*.cts",
];

/// What the file at `path`, which names a package of `kind`, is for Trivy. `None`: Trivy has no such type.
pub(super) fn of_file(path: &str, kind: PackageKind) -> Option<Kind> {
    let name = path.rsplit(['/', '!']).next().unwrap_or(path);
    let fits = |pattern: &str| match pattern.strip_prefix('*') {
        Some(ending) => name.ends_with(ending),
        None => pattern == name,
    };
    if UNREAD.iter().any(|pattern| fits(pattern)) {
        return None;
    }
    let named = LOCKS.iter().find(|(pattern, _)| fits(pattern));
    if let Some((_, kind)) = named {
        return Some(*kind);
    }
    Some(match kind {
        PackageKind::Npm => installed("node-pkg", "Node.js"),
        PackageKind::Python => installed("python-pkg", "Python"),
        PackageKind::Java | PackageKind::JenkinsPlugin => installed("jar", "Java"),
        PackageKind::Gem => installed("gemspec", "Ruby"),
        PackageKind::Conda => installed("conda-pkg", "Conda"),
        PackageKind::Go => installed("gobinary", ""),
        PackageKind::Cargo => installed("rustbinary", ""),
        PackageKind::Composer => Kind { ids: true, lines: true, ..installed("composer-vendor", "") },
        PackageKind::Nuget => {
            Kind { ids: true, lines: true, anywhere: true, relations: true, ..installed("dotnet-core", "") }
        }
        PackageKind::Julia => Kind { ids: true, ..installed("julia", "") },
        PackageKind::Bitnami => installed("bitnami", "Bitnami"),
        _ => return None,
    })
}

/// What an SBOM lists of a cluster: a Kubernetes component, known by its purl.
pub(super) const KUBERNETES: Kind = Kind { ids: true, ..installed("kubernetes", "Kubernetes") };

/// The type that a result of a report states; its file is the target unless the type gathers.
pub(super) fn of_type(ty: &str) -> Option<Kind> {
    let all = [
        PackageKind::Npm,
        PackageKind::Python,
        PackageKind::Java,
        PackageKind::Gem,
        PackageKind::Conda,
        PackageKind::Go,
        PackageKind::Cargo,
        PackageKind::Composer,
        PackageKind::Nuget,
        PackageKind::Julia,
        PackageKind::Bitnami,
    ];
    LOCKS
        .iter()
        .map(|(_, kind)| *kind)
        .chain(all.into_iter().filter_map(|kind| of_file("", kind)))
        .chain([KUBERNETES])
        .find(|kind| kind.ty == ty)
}

/// The family of a distribution in Trivy's words.
pub(super) fn family(id: &str) -> &str {
    match id {
        "rhel" => "redhat",
        "ol" => "oracle",
        "amzn" => "amazon",
        "almalinux" => "alma",
        "opensuse" => "opensuse-leap",
        "sled" | "sles_sap" => "sles",
        "sl-micro" | "sle-micro" => "slem",
        "azurelinux" => "azurelinux",
        "mariner" => "cbl-mariner",
        other => other,
    }
}

/// What a distribution calls itself, of whose family Trivy speaks.
pub(super) fn id_of_family(family: &str) -> &str {
    match family {
        "redhat" => "rhel",
        "oracle" => "ol",
        "amazon" => "amzn",
        "alma" => "almalinux",
        "slem" => "sl-micro",
        "cbl-mariner" => "mariner",
        other => other,
    }
}

/// The analyzer of an operating system's packages.
pub(super) fn os_analyzer(kind: PackageKind) -> &'static str {
    match kind {
        PackageKind::Apk => "apk",
        PackageKind::Deb => "dpkg",
        PackageKind::Rpm => "rpm",
        PackageKind::Alpm => "pacman",
        _ => "",
    }
}
