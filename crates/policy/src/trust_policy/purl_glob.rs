//! Patterns of package URLs.

/// Whether a pattern names a package URL. `*` is any text; a pattern is anchored at both ends.
///
/// A pattern without version names every version, one without qualifiers every qualifier. Percent-encoding is undone on both sides, except
/// that of `/`, `?`, `#` and `%`, which would change the structure.
pub fn purl_matches(pattern: &str, purl: &str) -> bool {
    let (pattern, purl) = (decode(pattern), decode(purl));
    let (pattern_main, pattern_tail) = split_tail(&pattern);
    let (purl_main, purl_tail) = split_tail(&purl);
    if !pattern_tail.is_empty() && !glob(pattern_tail, purl_tail) {
        return false;
    }
    let (pattern_name, pattern_version) = split_version(pattern_main);
    let (purl_name, purl_version) = split_version(purl_main);
    match pattern_version {
        Some(version) => glob(pattern_name, purl_name) && purl_version.is_some_and(|found| glob(version, found)),
        None => glob(pattern_name, purl_name),
    }
}

/// Qualifiers and subpath.
fn split_tail(purl: &str) -> (&str, &str) {
    purl.split_at(purl.find(['?', '#']).unwrap_or(purl.len()))
}

/// The version follows the last `@` of the last segment; an `@` that begins the segment belongs to a scope (`pkg:npm/@scope/name`).
fn split_version(purl: &str) -> (&str, Option<&str>) {
    let segment = purl.rfind('/').map_or(0, |slash| slash + 1);
    match purl.rfind('@').filter(|at| *at > segment) {
        Some(at) => (purl.get(..at).unwrap_or_default(), purl.get(at + 1..)),
        None => (purl, None),
    }
}

fn decode(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let hex = |byte: Option<&u8>| {
            byte.and_then(|byte| (*byte as char).to_digit(16)).and_then(|digit| u8::try_from(digit).ok())
        };
        let code = match (first, hex(after.first()), hex(after.get(1))) {
            (b'%', Some(high), Some(low)) => Some(high * 16 + low),
            _ => None,
        };
        match code.filter(|code| code.is_ascii_graphic() && !matches!(code, b'/' | b'?' | b'#' | b'%' | b'*')) {
            Some(code) => {
                out.push(code);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                out.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// `*` is any text, also none. Linear in practice, quadratic at worst; no recursion.
pub(super) fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let mut last = None;
    for part in parts {
        if let Some(before) = last.replace(part) {
            match rest.find(before) {
                Some(at) => rest = rest.get(at + before.len()..).unwrap_or_default(),
                None => return false,
            }
        }
    }
    match last {
        Some(end) => rest.ends_with(end),
        None => rest.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, purl: &str, want: bool) {
        assert_eq!(purl_matches(pattern, purl), want, "{pattern} {purl}");
    }

    #[test]
    fn patterns() {
        let zlib = "pkg:deb/debian/zlib1g@1:1.2.13.dfsg-1?arch=amd64&distro=debian-12";
        check("pkg:deb/debian/zlib1g", zlib, true);
        check("pkg:deb/debian/zlib1g@1:1.2.13.dfsg-1", zlib, true);
        check("pkg:deb/debian/zlib1g@1%3A1.2.13.dfsg-1", zlib, true);
        check("pkg:deb/debian/zlib1g@1:1.2.*", zlib, true);
        check("pkg:deb/debian/zlib1g@2.*", zlib, false);
        check("pkg:deb/debian/zlib*", zlib, true);
        check("pkg:deb/*", zlib, true);
        check("pkg:deb/*/zlib1g", zlib, true);
        check("pkg:*", zlib, true);
        check("pkg:deb/debian/zlib", zlib, false);
        check("deb/debian/zlib1g", zlib, false);
        check("pkg:deb/ubuntu/zlib1g", zlib, false);
        check("pkg:deb/debian/zlib1g?arch=amd64*", zlib, true);
        check("pkg:deb/debian/zlib1g?arch=arm64*", zlib, false);
        check("pkg:npm/@scope/name", "pkg:npm/%40scope/name@1.0.0", true);
        check("pkg:npm/%40scope/name@1.0.0", "pkg:npm/@scope/name@1.0.0", true);
        check("pkg:npm/name@1", "pkg:npm/name", false);
        check("pkg:npm/a*b*c", "pkg:npm/axxbyyc", true);
        check("pkg:npm/a*b*c", "pkg:npm/axxcyyb", false);
        check("pkg:npm/ab*ba", "pkg:npm/aba", false);
        check("pkg:npm/%", "pkg:npm/%", true);
    }
}
