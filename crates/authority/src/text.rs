//! Base64, PEM and hexadecimal digits.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

/// Standard base64 with padding.
pub(crate) fn b64(bytes: impl AsRef<[u8]>) -> String {
    STANDARD.encode(bytes)
}

/// Reads standard base64; only the canonical form.
pub(crate) fn unb64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// Base64 for URLs, without padding (RFC 7515, 2).
pub(crate) fn b64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads base64 for URLs, without padding.
pub(crate) fn unb64url(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads hexadecimal digits of either case.
pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut out = Vec::with_capacity(text.len() / 2);
    for pair in text.as_bytes().chunks(2) {
        let [high, low] = pair else { return None };
        out.push(digit(*high)? << 4 | digit(*low)?);
    }
    Some(out)
}

/// One block of PEM (RFC 7468), with a newline at the end.
pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    let text = b64(der);
    let mut out = format!("-----BEGIN {label}-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at_checked(64).unwrap_or((rest, ""));
        out.push_str(line);
        out.push('\n');
        rest = after;
    }
    out.push_str("-----END ");
    out.push_str(label);
    out.push_str("-----\n");
    out
}

/// The bytes of the one block with this label that the text is.
pub(crate) fn unpem(label: &str, text: &str) -> Option<Vec<u8>> {
    let body = text.trim().strip_prefix(&format!("-----BEGIN {label}-----"))?;
    let body = body.strip_suffix(&format!("-----END {label}-----"))?;
    let joined: String = body.split_ascii_whitespace().collect();
    unb64(&joined)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pem_comes_back() {
        for length in [0, 1, 47, 48, 49, 500] {
            let der = vec![9; length];
            let text = pem("PUBLIC KEY", &der);
            assert!(text.lines().all(|line| line.len() <= 64));
            assert_eq!(unpem("PUBLIC KEY", &text), Some(der));
            assert_eq!(unpem("CERTIFICATE", &text), None);
        }
    }

    #[test]
    fn hexadecimal_digits_come_back() {
        assert_eq!(unhex(&hex(&[0, 9, 0xaf, 255])), Some(vec![0, 9, 0xaf, 255]));
        assert_eq!(unhex("AfF0"), Some(vec![0xaf, 0xf0]));
        for text in ["0", "0g", "+1", "é"] {
            assert_eq!(unhex(text), None, "{text}");
        }
    }

    #[test]
    fn only_canonical_base64_is_read() {
        assert_eq!(unb64("AA=="), Some(vec![0]));
        for text in ["AB==", "AA", "AA==\n", "A-=="] {
            assert_eq!(unb64(text), None, "{text}");
        }
        assert_eq!(unb64url("AB"), None);
    }
}
