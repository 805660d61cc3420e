//! Which packages a purl in an ignore entry, a VEX statement or an exception means.

use signet_model::Purl;

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
