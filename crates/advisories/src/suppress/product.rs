//! Which packages a purl in an ignore entry, a VEX statement or an exception means.

use signet_model::{Distro, Purl};

use crate::cpe::Cpe;

/// Vendor and product of a distribution in CPEs, and its id in `os-release`.
const DISTRIBUTIONS: &[(&str, &str, &[&str])] = &[
    ("redhat", "enterprise_linux", &["rhel", "redhat", "centos"]),
    ("redhat", "rhel_eus", &["rhel", "redhat", "centos"]),
    ("redhat", "rhel_aus", &["rhel", "redhat", "centos"]),
    ("redhat", "rhel_tus", &["rhel", "redhat", "centos"]),
    ("redhat", "rhel_e4s", &["rhel", "redhat", "centos"]),
    ("redhat", "rhel_els", &["rhel", "redhat", "centos"]),
    ("suse", "sles", &["sles", "sled", "suse"]),
    ("opensuse", "leap", &["opensuse-leap", "opensuse"]),
    ("canonical", "ubuntu_linux", &["ubuntu"]),
    ("debian", "debian_linux", &["debian"]),
    ("almalinux", "almalinux", &["almalinux", "alma"]),
    ("rocky", "rocky", &["rocky"]),
    ("oracle", "linux", &["ol", "oracle"]),
    ("amazon", "linux", &["amzn", "amazon"]),
];

/// Whether what is said of this platform can hold on a distribution: the CPE names no release of one that we know, or this one.
pub(super) fn may_run_on(cpe: &str, distro: Option<&Distro>) -> bool {
    let Some(cpe) = Cpe::parse(cpe) else { return true };
    let known = DISTRIBUTIONS
        .iter()
        .find(|(vendor, product, _)| (cpe.vendor.as_str(), cpe.product.as_str()) == (*vendor, *product));
    let Some((_, _, ids)) = known else { return true };
    // Of a system that is not known, nothing is cleared.
    let Some(distro) = distro else { return false };
    let mine = distro.version_id.as_deref().unwrap_or_default().split(['.', '-', ' ']);
    let stated = cpe.version.split(['.', '-']).filter(|part| !part.is_empty());
    ids.contains(&distro.id.to_ascii_lowercase().as_str()) && stated.zip(mine).all(|(stated, mine)| stated == mine)
}

/// Whether `wanted` means `found`: type, namespace and name are equal; a version and each qualifier that `wanted` states is too.
///
/// Source: openvex/go-vex `pkg/vex/purl.go`, `PurlMatches`.
pub(super) fn matches(wanted: &Purl, found: &Purl) -> bool {
    wanted.ty() == found.ty()
        && wanted.namespace() == found.namespace()
        && wanted.name() == found.name()
        && wanted.version().is_none_or(|version| found.version() == Some(version))
        && wanted.qualifiers().iter().all(|(key, value)| found.qualifiers().get(key) == Some(value))
        && wanted.subpath().is_none_or(|path| found.subpath() == Some(path))
}

/// Whether a pattern with `*` means the purl. What the pattern leaves out at its end (qualifiers, version) may be anything.
pub(super) fn matches_pattern(pattern: &str, found: &Purl) -> bool {
    let whole = found.to_string();
    let without_qualifiers = whole.split(['?', '#']).next().unwrap_or_default();
    let text = if pattern.contains(['?', '#']) {
        whole.as_str()
    } else if pattern.rsplit('/').next().unwrap_or_default().contains('@') {
        without_qualifiers
    } else {
        // The version follows the last `@`; one at the front of a namespace is written `%40`.
        without_qualifiers.rsplit_once('@').map_or(without_qualifiers, |(name, _)| name)
    };
    wildcard(pattern.as_bytes(), text.as_bytes())
}

/// `*` is any text. Takes time in proportion to both lengths multiplied, whatever the pattern.
fn wildcard(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(sign) if text.get(t) == Some(sign) => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    p = at + 1;
                    t = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern.get(p..).unwrap_or_default().iter().all(|sign| *sign == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(wanted: &str, found: &str, expected: bool) {
        assert_eq!(matches(&wanted.parse().unwrap(), &found.parse().unwrap()), expected, "{wanted} {found}");
    }

    #[test]
    fn what_is_left_out_may_be_anything() {
        let found = "pkg:deb/debian/openssl@3.0.11-1?arch=amd64&distro=debian-12";
        check("pkg:deb/debian/openssl", found, true);
        check("pkg:deb/debian/openssl@3.0.11-1", found, true);
        check("pkg:deb/debian/openssl@3.0.11-1?arch=amd64", found, true);
        check("pkg:deb/debian/openssl?arch=arm64", found, false);
        check("pkg:deb/debian/openssl@3.0.11-2", found, false);
        check("pkg:deb/ubuntu/openssl", found, false);
        check("pkg:rpm/debian/openssl", found, false);
    }

    #[track_caller]
    fn platform(cpe: &str, id: &str, version: &str, expected: bool) {
        let distro = Distro { id: id.to_owned(), version_id: Some(version.to_owned()), ..Distro::default() };
        assert_eq!(may_run_on(cpe, Some(&distro)), expected, "{cpe} {id} {version}");
    }

    #[test]
    fn one_release_says_nothing_of_another() {
        platform("cpe:/o:redhat:enterprise_linux:9", "rhel", "9.4", true);
        platform("cpe:/a:redhat:enterprise_linux:9::appstream", "rhel", "9.4", true);
        platform("cpe:/o:redhat:enterprise_linux:9", "rhel", "8.10", false);
        platform("cpe:/a:redhat:rhel_eus:9.2::appstream", "rhel", "9.4", false);
        platform("cpe:/o:redhat:enterprise_linux:9", "debian", "9", false);
        platform("cpe:/o:suse:sles:15:sp4", "sles", "15.4", true);
        platform("cpe:/a:redhat:jboss_eap:8", "debian", "12", true);
        platform("no cpe", "debian", "12", true);
        assert!(!may_run_on("cpe:/o:redhat:enterprise_linux:9", None));
    }

    #[track_caller]
    fn pattern(pattern: &str, found: &str, expected: bool) {
        assert_eq!(matches_pattern(pattern, &found.parse().unwrap()), expected, "{pattern} {found}");
    }

    #[test]
    fn patterns_are_anchored() {
        let found = "pkg:deb/debian/zlib1g@1.2.13?arch=amd64";
        pattern("pkg:deb/debian/zlib1g", found, true);
        pattern("pkg:deb/debian/zlib*", found, true);
        pattern("pkg:deb/*", found, true);
        pattern("pkg:deb/debian/zlib1g@1.2.*", found, true);
        pattern("pkg:deb/debian/zlib1g@1.3", found, false);
        pattern("pkg:deb/debian/zlib", found, false);
        pattern("deb/debian/zlib1g", found, false);
        pattern("*", found, true);
        pattern("pkg:npm/%40scope/name", "pkg:npm/%40scope/name@1.0.0", true);
    }
}
