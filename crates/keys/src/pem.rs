//! One block of PEM with a private key in it (RFC 7468, and the `Proc-Type` headers of RFC 1421 that OpenSSL still writes).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// No private key that is read is longer; RSA of 4096 bits takes about 3,300 bytes as PEM.
pub(crate) const LONGEST: usize = 64 << 10;

/// A block. Its bytes are wiped after use.
pub(crate) struct Block {
    pub(crate) label: String,
    /// `Proc-Type: 4,ENCRYPTED` stood above the bytes.
    pub(crate) old_encryption: bool,
    pub(crate) bytes: Zeroizing<Vec<u8>>,
}

/// The first block whose label is not `EC PARAMETERS` (which OpenSSL writes before an EC key). Text around blocks is let pass, as Go and OpenSSL do.
///
/// # Errors
/// With a sentence that quotes nothing of the text, which may be a private key.
pub(crate) fn first(text: &[u8]) -> Result<Block, &'static str> {
    if text.len() > LONGEST {
        return Err("it is larger than 64 KiB, and no private key is");
    }
    let text = std::str::from_utf8(text).map_err(|_| "it is no text, and a key in PEM is")?;
    let mut lines = text.lines();
    loop {
        let label = lines
            .by_ref()
            .find_map(|line| line.trim_end().strip_prefix("-----BEGIN ")?.strip_suffix("-----"))
            .ok_or("there is no line `-----BEGIN ...-----` in it")?;
        let end = format!("-----END {label}-----");
        let (mut body, mut old_encryption, mut closed) =
            (Zeroizing::new(String::with_capacity(text.len())), false, false);
        for line in lines.by_ref() {
            let line = line.trim();
            if line == end {
                closed = true;
                break;
            }
            if line.contains(':') {
                old_encryption |= line.starts_with("Proc-Type:") && line.ends_with("ENCRYPTED");
            } else {
                body.push_str(line);
            }
        }
        if !closed {
            return Err("its `-----END ...-----` line is missing or of another kind");
        }
        if label == "EC PARAMETERS" {
            continue;
        }
        let bytes = if old_encryption {
            Vec::new()
        } else {
            STANDARD.decode(body.as_bytes()).map_err(|_| "what stands between its BEGIN and END is no base64")?
        };
        return Ok(Block { label: label.to_owned(), old_encryption, bytes: Zeroizing::new(bytes) });
    }
}

/// A block with lines of 64 characters.
pub(crate) fn encode(label: &str, bytes: &[u8]) -> Zeroizing<String> {
    let base64 = Zeroizing::new(STANDARD.encode(bytes));
    let mut text = Zeroizing::new(String::with_capacity(base64.len() + base64.len() / 64 + 2 * label.len() + 40));
    text.push_str("-----BEGIN ");
    text.push_str(label);
    text.push_str("-----\n");
    let mut rest = base64.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.push_str("-----END ");
    text.push_str(label);
    text.push_str("-----\n");
    text
}
