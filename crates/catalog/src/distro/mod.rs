//! Which distribution the root file system is.
//!
//! Sources by rank, the first that is there wins: `etc/os-release`, `usr/lib/os-release`, `etc/system-release-cpe`, `etc/redhat-release` and
//! the files that it is usually a link to, `etc/lsb-release`, `etc/alpine-release`, `etc/debian_version`, `bin/busybox`. Texts are kept as
//! the files state them. Only files at the root count: an image may hold other roots.

mod content_sets;
mod release_files;

#[cfg(test)]
mod tests;

use signet_model::{Distro, UnexaminedKind};

use crate::{Claim, Found, Input, Leaf, any_path};

/// The distribution.
pub static LEAF: Leaf = Leaf {
    id: "distro",
    claims: &[
        Claim::Path("etc/os-release"),
        Claim::Path("usr/lib/os-release"),
        Claim::Path("etc/system-release-cpe"),
        Claim::Path("etc/redhat-release"),
        Claim::Path("etc/almalinux-release"),
        Claim::Path("etc/centos-release"),
        Claim::Path("etc/fedora-release"),
        Claim::Path("etc/oracle-release"),
        Claim::Path("etc/rocky-release"),
        Claim::Path("etc/system-release"),
        Claim::Path("usr/lib/fedora-release"),
        Claim::Path("usr/lib/system-release"),
        Claim::Path("etc/lsb-release"),
        Claim::Path("etc/alpine-release"),
        Claim::Path("etc/debian_version"),
        Claim::Path("etc/apk/repositories"),
        Claim::Path("bin/busybox"),
    ],
    accepts: at_root,
    max_size: 4 << 20,
    read,
    coverage: include_str!("coverage.yaml"),
};

/// Repositories that the build of a Red Hat image names.
pub static CONTENT_SETS: Leaf = Leaf {
    id: "content-sets",
    claims: &[Claim::In("root/buildinfo/content_manifests", ".json")],
    accepts: any_path,
    max_size: 4 << 20,
    read: content_sets::read,
    coverage: include_str!("coverage.yaml"),
};

fn at_root(path: &str) -> bool {
    LEAF.claims.iter().any(|claim| matches!(claim, Claim::Path(claimed) if *claimed == path))
        // BusyBox of a merged `/usr`.
        || path == "usr/bin/busybox"
}

fn read(input: &Input<'_>) -> Found {
    let text = String::from_utf8_lossy(input.bytes);
    let (rank, distro) = match input.path() {
        "etc/os-release" => (0, release_files::os_release(&text)),
        "usr/lib/os-release" => (1, release_files::os_release(&text)),
        "etc/system-release-cpe" => (2, release_files::system_release_cpe(&text)),
        "etc/redhat-release" => (3, release_files::redhat_release(&text)),
        "etc/lsb-release" => (5, release_files::lsb_release(&text)),
        "etc/alpine-release" => (6, release_files::alpine_release(&text)),
        "etc/debian_version" => {
            let mut found = stated(input, 7, release_files::debian_version(&text));
            if found.distro.is_some() {
                found.facts.insert("debian_version", vec![text.trim().to_owned()]);
            }
            return found;
        }
        "etc/apk/repositories" => return repositories(&text),
        // A program that says nothing of itself is no broken file.
        path if path.ends_with("busybox") => {
            return Found { distro: release_files::busybox(input.bytes).map(|distro| (9, distro)), ..Found::default() };
        }
        _ => (4, release_files::redhat_release(&text)),
    };
    stated(input, rank, distro)
}

fn stated(input: &Input<'_>, rank: u8, distro: Option<Distro>) -> Found {
    match distro {
        Some(distro) => Found { distro: Some((rank, distro)), ..Found::default() },
        None => Found::unexamined(input.unexamined(UnexaminedKind::Malformed, "it does not state a distribution")),
    }
}

/// `etc/apk/repositories`: a URL or path in each line, tagged ones after `@tag`. A repository of `edge` changes which advisories govern.
fn repositories(text: &str) -> Found {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut found = Found::default();
    let urls: Vec<String> = lines.map(str::to_owned).collect();
    if !urls.is_empty() {
        found.facts.insert("apk_repository", urls);
    }
    found
}
