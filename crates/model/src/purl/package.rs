//! From a package to its purl and back.
//!
//! Beyond the specification are the qualifiers `distro` (`debian-12`), `upstream` (the source package) and `rpmmod`, written as Syft
//! writes them, because Grype and others match by them. Source: anchore/syft:syft/pkg/{url.go,cataloger/*/package.go}.

use super::Purl;
use crate::{Distro, Package, PackageKind, SourcePackage};

impl Purl {
    /// The purl of a package that we found, by the rules of its kind. `None` when it has no name.
    ///
    /// A name that lacks the namespace its type requires (`stdlib` of Go, a jar of an unknown group) still gets a purl, as other tools give it.
    pub(crate) fn of_package(package: &Package, distro: Option<&Distro>) -> Option<Purl> {
        let ty = package.kind.purl_type();
        let (namespace, name) = split_name(package);
        let mut version = package.version.as_str();
        let mut qualifiers: Vec<(&str, String)> = Vec::new();
        let os_namespace;
        let mut namespace = namespace;
        if package.kind.is_os() {
            if package.kind == PackageKind::Rpm
                && let Some(epoch) = package.epoch()
            {
                qualifiers.push(("epoch", epoch.to_owned()));
                version = version.split_once(':').map_or(version, |(_, rest)| rest);
            }
            qualifiers.extend(upstream(package).map(|text| ("upstream", text)));
            qualifiers.extend(package.module.iter().map(|module| ("rpmmod", module.clone())));
            qualifiers.extend(distro.and_then(distro_qualifier).map(|text| ("distro", text)));
            // A Portage category is the namespace of an ebuild; everything else is named by who distributes it.
            if package.kind != PackageKind::Portage {
                os_namespace = distro.map(|distro| os_namespace_of(package.kind, &distro.id).to_owned());
                namespace = os_namespace.as_deref();
            }
        }
        if names_arch(package.kind) {
            qualifiers.extend(package.arch.iter().map(|arch| ("arch", arch.clone())));
        }
        let parts = Parts::of(package);
        if parts.local {
            return None;
        }
        let namespace = parts.namespace.or(namespace);
        let name = parts.name.unwrap_or(name);
        qualifiers.extend(parts.qualifier.map(|(key, value)| (key, value.to_owned())));
        let qualifiers: Vec<(&str, &str)> = qualifiers.iter().map(|(key, value)| (*key, value.as_str())).collect();
        Purl::build_lenient(ty, namespace, name, Some(version), &qualifiers, parts.subpath)
    }

    /// The package that the purl names, as its ecosystem writes name and version; the purl itself is kept as the stated one.
    ///
    /// What a purl does not say stays unknown: a type that we do not know gives [`PackageKind::Other`], no version an empty one.
    pub fn to_package(&self) -> Package {
        let kind = kind_of(self);
        let mut package = Package::new(kind, whole_name(self, kind), self.version.clone().unwrap_or_default());
        if kind == PackageKind::Rpm || kind == PackageKind::Deb {
            // deb states the epoch inside the version, but some tools (Trivy among them) use the qualifier there too.
            if let Some(epoch) =
                self.qualifier("epoch").filter(|_| !package.version.is_empty() && package.epoch().is_none())
            {
                package.version = format!("{epoch}:{}", package.version);
            }
        }
        if names_arch(kind) {
            package.arch = self.qualifier("arch").map(str::to_owned);
        }
        if kind.is_os() {
            package.module = self.qualifier("rpmmod").or_else(|| self.qualifier("modularitylabel")).map(str::to_owned);
        }
        if matches!(kind, PackageKind::Apk | PackageKind::Deb | PackageKind::Rpm | PackageKind::Opkg) {
            let itself = || SourcePackage {
                name: package.name.clone(),
                version: (!package.version.is_empty()).then(|| package.version.clone()),
            };
            let source = self.qualifier("upstream").map_or_else(itself, |text| source_of(text, kind, &package));
            package.source = Some(source);
        }
        let facts: &[(&str, Option<&str>)] = match kind {
            PackageKind::Conan => &[("conan.user", self.namespace()), ("conan.channel", self.qualifier("channel"))],
            PackageKind::Julia => &[("julia.uuid", self.qualifier("uuid"))],
            PackageKind::GithubAction => &[("github.path", self.subpath())],
            _ => &[],
        };
        package.extra.extend(facts.iter().filter_map(|(fact, value)| Some(((*fact).to_owned(), (*value)?.to_owned()))));
        package.found_by = "purl";
        package.stated_purl = Some(self.clone());
        package
    }

    /// The distribution that an OS package's purl names: `distro=ID-VERSION`, else the namespace as its id.
    pub fn distro(&self) -> Option<Distro> {
        if !kind_of(self).is_os() || self.ty == "ebuild" {
            return None;
        }
        let namespace = self.namespace.as_deref().map(id_of_family);
        let (id, version_id, codename) = match (self.qualifier("distro"), namespace) {
            (None, None) => return None,
            (None, Some(namespace)) => (namespace, None, None),
            // Trivy gives Alpine's release alone: `distro=3.20.1`.
            (Some(text), Some(namespace)) if is_version(text) => (namespace, Some(text), None),
            (Some(text), namespace) => {
                // Ids may contain dashes (`opensuse-leap-15.5`); versions start with a digit.
                let cut = text.match_indices('-').map(|(at, _)| at).find(|at| is_version(&text[at + 1..]));
                match (cut, namespace) {
                    (Some(at), _) => (id_of_family(&text[..at]), Some(&text[at + 1..]), None),
                    // `distro=bookworm` is a code name, `distro=arch` the id again.
                    (None, Some(namespace)) if namespace != text => (namespace, None, Some(text)),
                    (None, _) => (text, None, None),
                }
            }
        };
        // `2 (Karoo)`: the release with its name.
        let version_id = version_id.map(|text| text.split(' ').next().unwrap_or(text).to_owned());
        let (id, codename) = (id.to_owned(), codename.map(str::to_owned));
        Some(Distro { id, version_id, codename, ..Distro::default() })
    }
}

/// Parts of a purl that do not follow from the name alone.
#[derive(Default)]
struct Parts<'p> {
    namespace: Option<&'p str>,
    name: Option<&'p str>,
    qualifier: Option<(&'static str, &'p str)>,
    subpath: Option<&'p str>,
    /// A directory of the same repository: no purl can name it.
    local: bool,
}

impl Parts<'_> {
    /// Source: package-url/purl-spec, `types/{conan,julia,oci,cocoapods,github}-definition.json`.
    fn of(package: &Package) -> Parts<'_> {
        let fact = |name: &str| package.extra.get(name).map(String::as_str);
        match package.kind {
            PackageKind::Conan => Parts {
                namespace: fact("conan.user"),
                qualifier: fact("conan.channel").map(|channel| ("channel", channel)),
                ..Parts::default()
            },
            PackageKind::Julia => {
                Parts { qualifier: fact("julia.uuid").map(|uuid| ("uuid", uuid)), ..Parts::default() }
            }
            // the last part of the repository, which stands whole in a qualifier
            PackageKind::Container => Parts {
                name: package.name.rsplit('/').next(),
                qualifier: package.name.contains('/').then_some(("repository_url", package.name.as_str())),
                ..Parts::default()
            },
            // a subspec is a part of its pod
            PackageKind::CocoaPods => match package.name.split_once('/') {
                Some((pod, subspec)) => Parts { name: Some(pod), subpath: Some(subspec), ..Parts::default() },
                None => Parts::default(),
            },
            PackageKind::GithubAction => {
                Parts { subpath: fact("github.path"), local: package.name.starts_with('.'), ..Parts::default() }
            }
            _ => Parts::default(),
        }
    }
}

/// Types whose definitions have the qualifier `arch`.
fn names_arch(kind: PackageKind) -> bool {
    kind.is_os() || matches!(kind, PackageKind::Bitnami | PackageKind::Container | PackageKind::Otp)
}

fn is_version(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_digit())
}

/// The `ID` of os-release behind the names that purls and Trivy use.
fn id_of_family(name: &str) -> &str {
    match name {
        "redhat" => "rhel",
        "alma" => "almalinux",
        "amazon" => "amzn",
        "oracle" => "ol",
        "cbl-mariner" => "mariner",
        other => other,
    }
}

/// Namespace and name of a purl from the whole name.
fn split_name(package: &Package) -> (Option<&str>, &str) {
    let name = package.name.as_str();
    let split = match package.kind {
        PackageKind::Java | PackageKind::JenkinsPlugin => name.split_once(':'),
        PackageKind::VscodeExtension => name.split_once('.'),
        PackageKind::Npm if !name.starts_with('@') => None,
        PackageKind::Npm
        | PackageKind::Jsr
        | PackageKind::Go
        | PackageKind::Composer
        | PackageKind::Pear
        | PackageKind::Swift
        | PackageKind::Portage
        | PackageKind::Hex
        | PackageKind::Gleam
        | PackageKind::Homebrew
        | PackageKind::GithubAction
        | PackageKind::LuaRocks
        | PackageKind::Conan
        | PackageKind::Model => name.trim_end_matches('/').rsplit_once('/'),
        _ => None,
    };
    match split {
        Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() => (Some(namespace), name),
        _ => (None, name),
    }
}

/// The reverse of [`split_name`].
fn whole_name(purl: &Purl, kind: PackageKind) -> String {
    if let (PackageKind::CocoaPods, Some(subspec)) = (kind, purl.subpath.as_deref()) {
        return format!("{}/{subspec}", purl.name);
    }
    if let (PackageKind::Container, Some(repository)) = (kind, purl.qualifier("repository_url")) {
        return repository.to_owned();
    }
    let Some(namespace) = purl.namespace.as_deref() else { return purl.name.clone() };
    match kind {
        // The user stands apart: `conan.user`.
        PackageKind::Conan => purl.name.clone(),
        PackageKind::Java | PackageKind::JenkinsPlugin => format!("{namespace}:{}", purl.name),
        PackageKind::VscodeExtension => format!("{namespace}.{}", purl.name),
        // The namespace is who distributes it.
        kind if kind.is_os() && kind != PackageKind::Portage => purl.name.clone(),
        PackageKind::Go => match purl.subpath.as_deref() {
            // Some writers split a module's path after three parts; a major version suffix is always part of the module's name.
            Some(subpath) if is_major_version(subpath) => format!("{namespace}/{}/{subpath}", purl.name),
            _ => format!("{namespace}/{}", purl.name),
        },
        _ => format!("{namespace}/{}", purl.name),
    }
}

fn is_major_version(part: &str) -> bool {
    part.strip_prefix('v').is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

fn os_namespace_of(kind: PackageKind, id: &str) -> &str {
    match (kind, id) {
        (PackageKind::Rpm, "rhel" | "hummingbird") => "redhat",
        (PackageKind::Rpm, id) if id.starts_with("opensuse") => "opensuse",
        (_, id) => id,
    }
}

fn distro_qualifier(distro: &Distro) -> Option<String> {
    if distro.id.is_empty() {
        return None;
    }
    Some(match distro.version_id.as_ref().or(distro.build_id.as_ref()) {
        Some(version) => format!("{}-{version}", distro.id),
        None => distro.id.clone(),
    })
}

/// `SOURCE[@VERSION]` (rpm: the file name of the source package), where the source is not the package itself.
fn upstream(package: &Package) -> Option<String> {
    let source = package.source.as_ref().filter(|source| !source.name.is_empty())?;
    let version = source.version.as_deref().filter(|version| !version.is_empty());
    if package.kind == PackageKind::Rpm {
        let version = version?;
        let version = version.split_once(':').map_or(version, |(_, rest)| rest);
        return Some(format!("{}-{version}.src.rpm", source.name));
    }
    let same_version = version.is_none_or(|version| version == package.version);
    match (source.name == package.name, same_version) {
        (true, true) => None,
        (_, true) => Some(source.name.clone()),
        (_, false) => Some(format!("{}@{}", source.name, version.unwrap_or_default())),
    }
}

/// Reads `upstream`. A source without a version has that of the package, except a rpm one, which has none.
fn source_of(text: &str, kind: PackageKind, package: &Package) -> SourcePackage {
    if kind == PackageKind::Rpm
        && let Some((name, version)) = source_rpm(text)
    {
        // A source package's file name has no epoch; the build's packages share it unless they say otherwise.
        let version = match package.epoch() {
            Some(epoch) => format!("{epoch}:{version}"),
            None => version.to_owned(),
        };
        return SourcePackage { name: name.to_owned(), version: Some(version) };
    }
    match text.split_once('@') {
        Some((name, version)) => {
            SourcePackage { name: name.to_owned(), version: (!version.is_empty()).then(|| version.to_owned()) }
        }
        None => SourcePackage {
            name: text.to_owned(),
            version: (kind != PackageKind::Rpm && !package.version.is_empty()).then(|| package.version.clone()),
        },
    }
}

/// `NAME-VERSION-RELEASE.src.rpm` -> name, version-release.
fn source_rpm(text: &str) -> Option<(&str, &str)> {
    let stem = text.strip_suffix(".src.rpm").or_else(|| text.strip_suffix(".nosrc.rpm"))?;
    let release = stem.rfind('-')?;
    let version = stem[..release].rfind('-')?;
    let (name, rest) = (&stem[..version], &stem[version + 1..]);
    (!name.is_empty()).then_some((name, rest))
}

fn kind_of(purl: &Purl) -> PackageKind {
    match purl.ty.as_str() {
        "apk" => PackageKind::Apk,
        "deb" => PackageKind::Deb,
        "rpm" => PackageKind::Rpm,
        "alpm" => PackageKind::Alpm,
        "ebuild" => PackageKind::Portage,
        "opkg" => PackageKind::Opkg,
        "npm" => PackageKind::Npm,
        "pypi" => PackageKind::Python,
        "golang" => PackageKind::Go,
        "maven" => PackageKind::Java,
        "cargo" => PackageKind::Cargo,
        "gem" => PackageKind::Gem,
        "nuget" | "dotnet" => PackageKind::Nuget,
        "composer" => PackageKind::Composer,
        "pub" => PackageKind::Pub,
        "swift" => PackageKind::Swift,
        "cocoapods" => PackageKind::CocoaPods,
        "conan" => PackageKind::Conan,
        "vcpkg" => PackageKind::Vcpkg,
        "hex" => PackageKind::Hex,
        "otp" => PackageKind::Otp,
        "hackage" => PackageKind::Hackage,
        "opam" => PackageKind::Opam,
        "cran" => PackageKind::Cran,
        "luarocks" => PackageKind::LuaRocks,
        "julia" => PackageKind::Julia,
        "cpan" => PackageKind::Cpan,
        "swiplpack" => PackageKind::SwiplPack,
        "pear" => PackageKind::Pear,
        "jsr" => PackageKind::Jsr,
        "conda" => PackageKind::Conda,
        "nix" => PackageKind::Nix,
        "bitnami" => PackageKind::Bitnami,
        "brew" => PackageKind::Homebrew,
        "github" => PackageKind::GithubAction,
        "wordpress-plugin" => PackageKind::WordpressPlugin,
        "chrome-extension" => PackageKind::ChromeExtension,
        "vscode-extension" => PackageKind::VscodeExtension,
        "huggingface" | "mlflow" => PackageKind::Model,
        "oci" | "docker" => PackageKind::Container,
        _ => PackageKind::Other,
    }
}
