//! Whether a text is a CPE name that validators accept.

/// CPE 2.3 formatted string. Source: NISTIR 7695, section 6.2; the same pattern as SPDX 2.3, annex F.1.2.
pub(crate) fn is_cpe23(text: &str) -> bool {
    let Some(body) = text.strip_prefix("cpe:2.3:") else { return false };
    let parts = split(body);
    let [part, attributes @ .., language, _, _, _, _] = parts.as_slice() else { return false };
    let rest = parts.get(7..).unwrap_or_default();
    let all = attributes.iter().chain(rest);
    parts.len() == 11
        && matches!(*part, "a" | "h" | "o" | "*" | "-")
        && is_language(language)
        && all.copied().all(is_attribute)
}

/// At colons without a backslash before them.
fn split(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut escaped) = (0, false);
    for (at, byte) in text.bytes().enumerate() {
        if byte == b':' && !escaped {
            parts.push(&text[start..at]);
            start = at + 1;
        }
        escaped = byte == b'\\' && !escaped;
    }
    parts.push(&text[start..]);
    parts
}

fn is_language(text: &str) -> bool {
    let (language, region) = text.split_once('-').unwrap_or((text, "xx"));
    let letters = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphabetic());
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let region = (region.len() == 2 && letters(region)) || (region.len() == 3 && digits(region));
    matches!(text, "*" | "-") || (matches!(language.len(), 2 | 3) && letters(language) && region)
}

/// Any, none, or text in which only letters, digits, `.`, `_` and `-` stand without a backslash; wild cards at its ends.
fn is_attribute(text: &str) -> bool {
    if matches!(text, "*" | "-") {
        return true;
    }
    let wild = |text: &str| text.trim_matches('?').is_empty() || text == "*";
    let core = text.trim_start_matches(['?', '*']);
    let (head, core) = text.split_at(text.len() - core.len());
    let mut rest = core.as_bytes();
    let mut plain = 0;
    loop {
        match rest {
            [b'\\', byte, after @ ..] if byte.is_ascii_punctuation() => {
                plain += 1;
                rest = after;
            }
            [byte, after @ ..] if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-') => {
                plain += 1;
                rest = after;
            }
            tail => return plain > 0 && wild(head) && std::str::from_utf8(tail).is_ok_and(wild),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_cpe23;

    #[test]
    fn names() {
        for good in [
            "cpe:2.3:a:palletsprojects:flask:2.2.2:*:*:*:*:*:*:*",
            "cpe:2.3:a:gnu:libstdc\\+\\+:1\\:2.0:*:*:*:*:*:*:-",
            "cpe:2.3:o:debian:debian_linux:12:*:*:en-us:*:*:x64:*",
            "cpe:2.3:*:elastic:elasticsearch:8.9.1:*:*:*:*:*:*:*",
        ] {
            assert!(is_cpe23(good), "{good}");
        }
        for bad in [
            "",
            "cpe:/a:nginx:nginx:1.21.1",
            "cpe:2.3:a:nginx:nginx:1.21.1",
            "cpe:2.3:a:nginx:nginx:1.21.1:*:*:*:*:*:*:*:*",
            "cpe:2.3:x:nginx:nginx:1.21.1:*:*:*:*:*:*:*",
            "cpe:2.3:a:gnu:libstdc++:1:*:*:*:*:*:*:*",
            "cpe:2.3:a::nginx:1:*:*:*:*:*:*:*",
            "cpe:2.3:a:a:b:1:*:*:english:*:*:*:*",
        ] {
            assert!(!is_cpe23(bad), "{bad}");
        }
    }
}
