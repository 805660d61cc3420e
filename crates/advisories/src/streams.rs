//! Names of streams: the distribution release or ecosystem that an advisory is for, as our database spells them.
//!
//! Trivy's databases, OSV and `os-release` spell them in three ways. All three are brought to one spelling here: Trivy's for
//! distributions (`debian 12`, `SUSE Linux Enterprise 15.5`), the names of [`PackageKind`] for ecosystems (`npm`, `python`).
//! Source: trivy-db `pkg/vulnsrc/*/`, trivy `pkg/detector/ospkg/*/`, osv-schema `docs/schema.md` (defined ecosystems).

use signet_model::{Distro, PackageKind};

use crate::order::Order;
use crate::record::Named;

/// How a stream's advisories are looked up and compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rules {
    pub(crate) order: Order,
    /// Which name Trivy's database uses for it.
    pub(crate) named: Named,
}

const fn os(order: Order, named: Named) -> Rules {
    Rules { order, named }
}

/// Distribution streams by the beginning of their name, the longest first where one begins another.
const DISTROS: &[(&str, Rules)] = &[
    ("alpine", os(Order::Apk, Named::Source)),
    ("wolfi", os(Order::Apk, Named::Source)),
    ("chainguard", os(Order::Apk, Named::Source)),
    ("minimos", os(Order::Apk, Named::Source)),
    ("debian", os(Order::Deb, Named::Source)),
    ("ubuntu", os(Order::Deb, Named::Source)),
    ("echo", os(Order::Deb, Named::Source)),
    ("Red Hat", os(Order::Rpm, Named::Binary)),
    ("alma", os(Order::Rpm, Named::Binary)),
    ("rocky", os(Order::Rpm, Named::Binary)),
    ("Oracle Linux", os(Order::Rpm, Named::Binary)),
    ("amazon linux", os(Order::Rpm, Named::Binary)),
    ("SUSE Linux Enterprise", os(Order::Rpm, Named::Binary)),
    ("openSUSE", os(Order::Rpm, Named::Binary)),
    ("Photon OS", os(Order::Rpm, Named::Source)),
    ("CBL-Mariner", os(Order::Rpm, Named::Source)),
    ("Azure Linux", os(Order::Rpm, Named::Source)),
    ("bottlerocket", os(Order::Rpm, Named::Binary)),
    ("openEuler", os(Order::Rpm, Named::Source)),
    ("mageia", os(Order::Rpm, Named::Source)),
    ("fedora", os(Order::Rpm, Named::Binary)),
    ("archlinux", os(Order::Pacman, Named::Binary)),
    ("secureos", os(Order::Apk, Named::Source)),
    ("hummingbird", os(Order::Rpm, Named::Binary)),
];

/// The stream of products that are named by CPE.
pub(crate) const PRODUCTS: &str = "nvd";

/// What the names of streams end in that only say how disclosures of the base release were repaired for those who pay.
const CHANNELS: &[&str] = &["-ESM", "-EUS"];

/// Whether a stream is such a channel of another.
pub(crate) fn is_channel(stream: &str) -> bool {
    CHANNELS.iter().any(|end| stream.ends_with(end))
}

/// Ecosystem streams: our name, Trivy's bucket prefix, OSV's name, the kind of package, the order.
const ECOSYSTEMS: &[(&str, &str, &str, PackageKind, Order)] = &[
    ("npm", "npm", "npm", PackageKind::Npm, Order::Npm),
    ("python", "pip", "PyPI", PackageKind::Python, Order::Pep440),
    ("go", "go", "Go", PackageKind::Go, Order::Go),
    ("java", "maven", "Maven", PackageKind::Java, Order::Maven),
    ("cargo", "cargo", "crates.io", PackageKind::Cargo, Order::Semver),
    ("gem", "rubygems", "RubyGems", PackageKind::Gem, Order::Gem),
    ("nuget", "nuget", "NuGet", PackageKind::Nuget, Order::Nuget),
    ("composer", "composer", "Packagist", PackageKind::Composer, Order::Composer),
    ("pub", "pub", "Pub", PackageKind::Pub, Order::Pub),
    ("swift", "swift", "SwiftURL", PackageKind::Swift, Order::Generic),
    ("cocoapods", "cocoapods", "CocoaPods", PackageKind::CocoaPods, Order::Gem),
    ("conan", "conan", "ConanCenter", PackageKind::Conan, Order::Generic),
    ("hex", "erlang", "Hex", PackageKind::Hex, Order::Generic),
    ("julia", "julia", "Julia", PackageKind::Julia, Order::Generic),
    ("bitnami", "bitnami", "Bitnami", PackageKind::Bitnami, Order::Bitnami),
    ("cran", "cran", "CRAN", PackageKind::Cran, Order::Cran),
    ("hackage", "hackage", "Hackage", PackageKind::Hackage, Order::Hackage),
    ("github-action", "github-actions", "GitHub Actions", PackageKind::GithubAction, Order::Generic),
    ("kubernetes", "k8s", "Kubernetes", PackageKind::Other, Order::Generic),
];

/// How the stream is looked up; `None` for a name that is no stream of ours.
pub(crate) fn rules(stream: &str) -> Option<Rules> {
    let ecosystem = ECOSYSTEMS.iter().find(|(name, ..)| *name == stream);
    if let Some((.., order)) = ecosystem {
        return Some(Rules { order: *order, named: Named::Library });
    }
    if stream == PRODUCTS {
        return Some(Rules { order: Order::Fuzzy, named: Named::Product });
    }
    DISTROS.iter().find(|(start, _)| begins_with_words(stream, start)).map(|(_, rules)| *rules)
}

/// The name of the order in which a stream's versions are compared: `deb`, `npm`. `None`: it is no stream of ours.
pub fn order_of(stream: &str) -> Option<&'static str> {
    rules(stream).map(|rules| rules.order.name())
}

/// `alma 8` begins with the words of `alma`, `almanac` does not.
fn begins_with_words(text: &str, start: &str) -> bool {
    text.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

/// The stream of a root bucket of Trivy's database; for a language also the data source behind the `::`.
pub(crate) fn of_trivy_bucket(bucket: &str) -> Option<String> {
    if let Some((prefix, _source)) = bucket.split_once("::") {
        return ECOSYSTEMS.iter().find(|(_, trivy, ..)| *trivy == prefix).map(|(name, ..)| (*name).to_owned());
    }
    let stream = match bucket.strip_prefix("SUSE Linux Enterprise ") {
        // `15-SP3` is how older databases write `15.3`.
        Some(release) => format!("SUSE Linux Enterprise {}", release.replace("-SP", ".")),
        None => bucket.to_owned(),
    };
    rules(&stream).map(|_| stream)
}

/// The stream of an OSV ecosystem with its suffix, and which name its advisories use. `None`: an ecosystem that we know no order for.
pub(crate) fn of_osv(ecosystem: &str) -> Option<(String, Named)> {
    let (name, release) = match ecosystem.split_once(':') {
        Some((name, release)) => (name, release),
        None => (ecosystem, ""),
    };
    if let Some((ours, ..)) = ECOSYSTEMS.iter().find(|(_, _, osv, ..)| osv.eq_ignore_ascii_case(name)) {
        return Some(((*ours).to_owned(), Named::Library));
    }
    let first = |text: &str, sign: char| text.split(sign).next().unwrap_or_default().to_owned();
    let stream = match name {
        "Alpine" => format!("alpine {}", release.trim_start_matches('v')),
        "Debian" => format!("debian {release}"),
        // `22.04:LTS`, `Pro:18.04:LTS`, and from 2025 on `ubuntu_pro:22.04::main`.
        "Ubuntu" => {
            let pro = release.split(':').any(|part| part == "Pro" || part.starts_with("ubuntu_pro"));
            let version = release.split(':').find(|part| part.starts_with(|c: char| c.is_ascii_digit()))?;
            if pro { format!("ubuntu {version}-ESM") } else { format!("ubuntu {version}") }
        }
        // `enterprise_linux:9::appstream`; other products (OpenShift, JBoss) are no distribution that we look for.
        "Red Hat" => {
            let version = release.strip_prefix("enterprise_linux:").or_else(|| release.strip_prefix("rhel_eus:"))?;
            format!("Red Hat {}", first(&first(version, ':'), '.'))
        }
        "AlmaLinux" => format!("alma {}", first(release, '.')),
        "Rocky Linux" => format!("rocky {}", first(release, '.')),
        "Oracle Linux" => format!("Oracle Linux {}", first(release, '.')),
        "Amazon Linux" => format!("amazon linux {release}"),
        "SUSE" => {
            let words = release.strip_prefix("Linux Enterprise ")?;
            if let Some(micro) = words.strip_prefix("Micro ") {
                format!("SUSE Linux Enterprise Micro {micro}")
            } else {
                let digits = words.find(|c: char| c.is_ascii_digit())?;
                let version = words.get(digits..)?.replace(" SP", ".");
                format!("SUSE Linux Enterprise {}", first(&first(&version, '-'), ' '))
            }
        }
        "openSUSE" => format!("openSUSE {release}"),
        "Azure Linux" => {
            format!("Azure Linux {}", if release.contains('.') { release.to_owned() } else { format!("{release}.0") })
        }
        "Photon OS" => format!("Photon OS {release}"),
        "openEuler" => format!("openEuler {release}"),
        "Mageia" => format!("mageia {release}"),
        "Wolfi" => "wolfi".to_owned(),
        "Chainguard" => "chainguard".to_owned(),
        "MinimOS" => "minimos".to_owned(),
        "Echo" => "echo".to_owned(),
        _ => return None,
    };
    let stream = stream.trim_end().to_owned();
    let named = match name {
        // These two publish by source package, while Trivy's database has binary names for them.
        "SUSE" | "openSUSE" => Named::Source,
        _ => rules(&stream)?.named,
    };
    Some((stream, named))
}

/// Streams that govern a distribution, the one that decides first. Empty: nobody publishes advisories that we know for it.
pub fn of_distro(distro: &Distro) -> Vec<String> {
    let id = distro.id.to_ascii_lowercase();
    let version = distro.version_id.as_deref().or(distro.version.as_deref()).unwrap_or_default().trim();
    // `9.4+eus` is how Grype's users name a channel beside the release.
    let (version, stated) = version.split_once('+').unwrap_or((version, ""));
    let channel = distro.channel.as_deref().unwrap_or(stated).to_ascii_lowercase();
    let major = || version.split(['.', ' ', '-']).next().unwrap_or_default();
    let minor = || {
        let mut parts = version.splitn(3, '.');
        match (parts.next(), parts.next()) {
            (Some(major), Some(minor)) => format!("{major}.{minor}"),
            (major, _) => major.unwrap_or_default().to_owned(),
        }
    };
    match id.as_str() {
        // A prerelease of the next release (`3.22_alpha20250108`) is what edge calls itself.
        "alpine" if channel == "edge" || version == "edge" || version.contains("_alpha") => {
            vec!["alpine edge".to_owned()]
        }
        "alpine" if !version.is_empty() => vec![format!("alpine {}", minor())],
        "debian" if !version.is_empty() => vec![format!("debian {}", major())],
        "ubuntu" if !version.is_empty() => {
            let release = minor();
            let base = format!("ubuntu {release}");
            if channel.starts_with("esm") || version.ends_with("-ESM") {
                let release = release.trim_end_matches("-ESM");
                vec![format!("ubuntu {release}-ESM"), format!("ubuntu {release}")]
            } else {
                vec![base]
            }
        }
        // `Red Hat` is Trivy's single bucket with products; `Red Hat 9` comes from OSV and Grype, who states some fixes by minor release.
        "rhel" | "redhat" | "centos" if !version.is_empty() => {
            let mut streams = vec!["Red Hat".to_owned()];
            if channel == "eus" {
                streams.push(format!("Red Hat {}-EUS", minor()));
            }
            streams.extend(red_hat(major(), &minor()));
            streams
        }
        // AlmaLinux publishes what it repaired; that there was something to repair, Red Hat does.
        "almalinux" | "alma" if !version.is_empty() => {
            std::iter::once(format!("alma {}", major())).chain(red_hat(major(), &minor())).collect()
        }
        "rocky" | "rockylinux" if !version.is_empty() => vec![format!("rocky {}", major())],
        "ol" | "oracle" | "oraclelinux" if !version.is_empty() => vec![format!("Oracle Linux {}", major())],
        "amzn" | "amazon" | "amazonlinux" if !version.is_empty() => {
            // Amazon Linux 1 calls itself by its date, `2018.03`.
            let release = match major() {
                known @ ("2" | "2022" | "2023") => known,
                _ => "1",
            };
            vec![format!("amazon linux {release}")]
        }
        "photon" if !version.is_empty() => vec![format!("Photon OS {}", minor())],
        "mariner" | "cbl-mariner" if !version.is_empty() => vec![format!("CBL-Mariner {}", minor())],
        "azurelinux" | "azure" if !version.is_empty() => vec![format!("Azure Linux {}", minor())],
        "sles" | "sled" | "sles_sap" | "suse linux enterprise server" if !version.is_empty() => {
            vec![format!("SUSE Linux Enterprise {}", version.replace("-SP", "."))]
        }
        "sle-micro" | "sl-micro" | "slem" | "suse-microos" | "sle-micro-rancher" | "sl-micro-rancher"
            if !version.is_empty() =>
        {
            vec![format!("SUSE Linux Enterprise Micro {version}")]
        }
        "opensuse-leap" | "opensuse"
            if !version.is_empty() && version.starts_with(|c: char| c.is_ascii_digit()) && version.len() < 8 =>
        {
            vec![format!("openSUSE Leap {version}")]
        }
        "opensuse-leap-micro" if !version.is_empty() => vec![format!("openSUSE Leap Micro {version}")],
        "opensuse-tumbleweed" | "opensuse-microos" | "opensuse" => vec!["openSUSE Tumbleweed".to_owned()],
        "fedora" if !version.is_empty() => vec![format!("fedora {version}")],
        "mageia" if !version.is_empty() => vec![format!("mageia {version}")],
        "openeuler" if !version.is_empty() => vec![format!("openEuler {version}")],
        "wolfi" => vec!["wolfi".to_owned()],
        "chainguard" => vec!["chainguard".to_owned(), "wolfi".to_owned()],
        "minimos" => vec!["minimos".to_owned()],
        "echo" => vec!["echo".to_owned()],
        "arch" | "archlinux" | "archarm" => vec!["archlinux".to_owned()],
        "bottlerocket" => vec!["bottlerocket".to_owned()],
        "secureos" => vec!["secureos".to_owned()],
        "hummingbird" => vec![format!("hummingbird {}", if version.is_empty() { "1" } else { major() })],
        _ => Vec::new(),
    }
}

fn red_hat(major: &str, minor: &str) -> Vec<String> {
    let streams = (minor != major).then(|| format!("Red Hat {minor}"));
    streams.into_iter().chain([format!("Red Hat {major}")]).collect()
}

/// Streams that stand in where the database has none of [`of_distro`]'s: a service pack is judged by its release's own data.
pub(crate) fn fallbacks(distro: &Distro) -> Vec<String> {
    let streams = of_distro(distro);
    let Some(release) = streams.first().and_then(|name| name.strip_prefix("SUSE Linux Enterprise ")) else {
        return Vec::new();
    };
    match release.split_once('.') {
        Some((major, _)) if !major.contains(' ') => vec![format!("SUSE Linux Enterprise {major}")],
        _ => Vec::new(),
    }
}

/// The stream of a distribution as Grype's data name it: `rhel` or `redhat`, `8`, `eus`. `None`: one that we know no rules for.
pub(crate) fn of_grype(name: &str, version: &str, channel: &str) -> Option<String> {
    let channel = channel.to_ascii_lowercase();
    match name {
        "rhel" | "redhat" | "centos" => match channel.as_str() {
            "" => Some(format!("Red Hat {version}")),
            "eus" => Some(format!("Red Hat {version}-EUS")),
            _ => None,
        },
        // Mariner took the name Azure Linux with its third release, and the records kept the old one.
        "mariner" if version.split('.').next().and_then(|major| major.parse::<u32>().ok()) >= Some(3) => {
            Some(format!("Azure Linux {version}"))
        }
        _ => {
            let distro = Distro {
                id: name.to_owned(),
                version_id: Some(version.to_owned()),
                channel: (!channel.is_empty()).then(|| channel.clone()),
                ..Distro::default()
            };
            let stream = of_distro(&distro).into_iter().next()?;
            // A channel that changes nothing in our spelling is one that we do not know.
            (channel.is_empty() || is_channel(&stream) || channel == "edge").then_some(stream)
        }
    }
}

/// The stream of an ecosystem as Grype's data name it: GitHub's names (`go`, `composer`), or syft's package types (`go-module`, `php-composer`).
pub fn of_grype_ecosystem(name: &str) -> Option<&'static str> {
    Some(match name.to_ascii_lowercase().as_str() {
        "npm" | "javascript" => "npm",
        "python" | "pip" | "pypi" => "python",
        "go" | "golang" | "go-module" => "go",
        "java" | "maven" | "java-archive" | "jenkins-plugin" => "java",
        "rust" | "cargo" | "crates.io" | "rust-crate" => "cargo",
        "gem" | "ruby" | "rubygems" => "gem",
        "nuget" | "dotnet" => "nuget",
        "composer" | "php" | "php-composer" => "composer",
        "dart" | "dart-pub" | "pub" => "pub",
        "swift" => "swift",
        "cocoapods" | "pod" => "cocoapods",
        "conan" => "conan",
        "erlang" | "hex" | "elixir" => "hex",
        "bitnami" => "bitnami",
        "github-action" | "actions" | "github actions" => "github-action",
        "r-package" | "cran" => "cran",
        "hackage" | "haskell" => "hackage",
        "julia" => "julia",
        _ => return None,
    })
}

/// The stream of a language's packages. `None`: nobody publishes advisories for this kind.
pub(crate) fn of_kind(kind: PackageKind) -> Option<&'static str> {
    match kind {
        PackageKind::JenkinsPlugin => Some("java"),
        PackageKind::Gleam => Some("hex"),
        PackageKind::Other => None,
        kind => ECOSYSTEMS.iter().find(|(.., of, _)| *of == kind).map(|(name, ..)| *name),
    }
}

/// The stream of a purl type that no kind of ours stands for.
pub(crate) fn of_purl_type(ty: &str) -> Option<&'static str> {
    (ty == "k8s").then_some("kubernetes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn distro(id: &str, version: &str, channel: &str, expected: &[&str]) {
        let distro = Distro {
            id: id.to_owned(),
            version_id: (!version.is_empty()).then(|| version.to_owned()),
            channel: (!channel.is_empty()).then(|| channel.to_owned()),
            ..Distro::default()
        };
        assert_eq!(of_distro(&distro), expected, "{id} {version} {channel}");
    }

    #[test]
    fn distributions_are_governed_by_their_streams() {
        distro("alpine", "3.20.1", "", &["alpine 3.20"]);
        distro("alpine", "3.20", "", &["alpine 3.20"]);
        distro("alpine", "3.20.1", "edge", &["alpine edge"]);
        distro("alpine", "3.22_alpha20250108", "", &["alpine edge"]);
        distro("debian", "12", "", &["debian 12"]);
        distro("debian", "9.9", "", &["debian 9"]);
        distro("debian", "", "", &[]);
        distro("ubuntu", "22.04.2", "", &["ubuntu 22.04"]);
        distro("ubuntu", "16.04", "ESM", &["ubuntu 16.04-ESM", "ubuntu 16.04"]);
        distro("debian", "12", "esm", &["debian 12"]);
        distro("centos", "7.6.1810", "", &["Red Hat", "Red Hat 7.6", "Red Hat 7"]);
        distro("rhel", "9.4", "", &["Red Hat", "Red Hat 9.4", "Red Hat 9"]);
        distro("rhel", "9", "", &["Red Hat", "Red Hat 9"]);
        distro("rhel", "9.4", "eus", &["Red Hat", "Red Hat 9.4-EUS", "Red Hat 9.4", "Red Hat 9"]);
        distro("rhel", "9.4+eus", "", &["Red Hat", "Red Hat 9.4-EUS", "Red Hat 9.4", "Red Hat 9"]);
        distro("almalinux", "8.5", "", &["alma 8", "Red Hat 8.5", "Red Hat 8"]);
        distro("hummingbird", "1", "", &["hummingbird 1"]);
        distro("rocky", "9.3", "", &["rocky 9"]);
        distro("ol", "8.9", "", &["Oracle Linux 8"]);
        distro("amzn", "2018.03", "", &["amazon linux 1"]);
        distro("amazon", "2 (Karoo)", "", &["amazon linux 2"]);
        distro("amzn", "2023.5.20240708", "", &["amazon linux 2023"]);
        distro("mariner", "2.0.20240301", "", &["CBL-Mariner 2.0"]);
        distro("azurelinux", "3.0", "", &["Azure Linux 3.0"]);
        distro("photon", "4.0", "", &["Photon OS 4.0"]);
        distro("sles", "15.5", "", &["SUSE Linux Enterprise 15.5"]);
        distro("sles", "15-SP3", "", &["SUSE Linux Enterprise 15.3"]);
        distro("sle-micro", "5.3", "", &["SUSE Linux Enterprise Micro 5.3"]);
        distro("opensuse-leap", "15.1", "", &["openSUSE Leap 15.1"]);
        distro("opensuse-tumbleweed", "20240607", "", &["openSUSE Tumbleweed"]);
        distro("wolfi", "20230201", "", &["wolfi"]);
        distro("arch", "", "", &["archlinux"]);
        distro("gentoo", "2.15", "", &[]);
    }

    #[track_caller]
    fn grype(name: &str, version: &str, channel: &str, expected: Option<&str>) {
        assert_eq!(of_grype(name, version, channel).as_deref(), expected, "{name} {version} {channel}");
    }

    #[test]
    fn distributions_of_grype_have_our_streams() {
        grype("rhel", "8", "", Some("Red Hat 8"));
        grype("redhat", "8.4", "", Some("Red Hat 8.4"));
        grype("rhel", "8.4", "eus", Some("Red Hat 8.4-EUS"));
        grype("ubuntu", "20.04", "esm", Some("ubuntu 20.04-ESM"));
        grype("ubuntu", "20.04", "fips", None);
        grype("almalinux", "8", "", Some("alma 8"));
        grype("amzn", "2", "", Some("amazon linux 2"));
        grype("amazonlinux", "2018.03", "", Some("amazon linux 1"));
        grype("sles", "15.6", "", Some("SUSE Linux Enterprise 15.6"));
        grype("alpine", "edge", "", Some("alpine edge"));
        grype("wolfi", "rolling", "", Some("wolfi"));
        grype("mariner", "2.0", "", Some("CBL-Mariner 2.0"));
        grype("mariner", "3.0", "", Some("Azure Linux 3.0"));
        grype("windows", "10816", "", None);
    }

    #[track_caller]
    fn osv(ecosystem: &str, expected: Option<(&str, Named)>) {
        let found = of_osv(ecosystem);
        let found = found.as_ref().map(|(stream, named)| (stream.as_str(), *named));
        assert_eq!(found, expected, "{ecosystem}");
    }

    #[test]
    fn ecosystems_of_osv_have_our_streams() {
        // The Kubernetes project writes its own name in lower case.
        osv("kubernetes", Some(("kubernetes", Named::Library)));
        osv("npm", Some(("npm", Named::Library)));
        osv("PyPI", Some(("python", Named::Library)));
        osv("Maven:https://repo.example.com/maven", Some(("java", Named::Library)));
        osv("Alpine:v3.20", Some(("alpine 3.20", Named::Source)));
        osv("Debian:12", Some(("debian 12", Named::Source)));
        osv("Ubuntu:22.04:LTS", Some(("ubuntu 22.04", Named::Source)));
        osv("Ubuntu:Pro:18.04:LTS", Some(("ubuntu 18.04-ESM", Named::Source)));
        osv("Ubuntu:ubuntu_pro:22.04::main", Some(("ubuntu 22.04-ESM", Named::Source)));
        osv("Red Hat:enterprise_linux:9::appstream", Some(("Red Hat 9", Named::Binary)));
        osv("Red Hat:openshift:4.14::el9", None);
        osv("SUSE:Linux Enterprise Server 15 SP5", Some(("SUSE Linux Enterprise 15.5", Named::Source)));
        osv("SUSE:Linux Enterprise Module for Basesystem 15 SP5", Some(("SUSE Linux Enterprise 15.5", Named::Source)));
        osv("SUSE:Linux Enterprise Server 12 SP5-LTSS", Some(("SUSE Linux Enterprise 12.5", Named::Source)));
        osv("SUSE:Linux Enterprise Micro 5.3", Some(("SUSE Linux Enterprise Micro 5.3", Named::Source)));
        osv("openSUSE:Leap 15.5", Some(("openSUSE Leap 15.5", Named::Source)));
        osv("Rocky Linux:9", Some(("rocky 9", Named::Binary)));
        osv("AlmaLinux:9", Some(("alma 9", Named::Binary)));
        osv("Azure Linux:3", Some(("Azure Linux 3.0", Named::Source)));
        osv("Wolfi", Some(("wolfi", Named::Source)));
        osv("Android", None);
        osv("Ecosystem1", None);
    }

    #[test]
    fn both_spellings_of_suse_are_one() {
        assert_eq!(of_trivy_bucket("SUSE Linux Enterprise 15-SP3").as_deref(), Some("SUSE Linux Enterprise 15.3"));
        assert_eq!(of_trivy_bucket("SUSE Linux Enterprise 15.3").as_deref(), Some("SUSE Linux Enterprise 15.3"));
        assert_eq!(of_trivy_bucket("pip::GitHub Security Advisory Pip").as_deref(), Some("python"));
        assert_eq!(of_trivy_bucket("almanac 8"), None);
    }
}
