//! PEM, strictly (RFC 7468): canonical base64, matching labels, nothing after the last block.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// One block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// What stands between `BEGIN ` and the dashes.
    pub(crate) label: String,
    /// The decoded bytes.
    pub(crate) der: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PemError {
    #[error("there is no `-----BEGIN` line")]
    None,
    #[error("a `{0}` block has no matching `-----END` line")]
    Open(String),
    #[error("the base64 of a `{0}` block is not valid")]
    Base64(String),
    #[error("a block is larger than {0} bytes")]
    Size(usize),
    #[error("more than {BLOCKS} blocks")]
    Count,
    #[error("there is text after the last block, or between blocks")]
    Tail,
}

/// No chain is longer.
const BLOCKS: usize = 32;

/// All blocks of `text`. Explanatory text may stand before the first (RFC 7468, section 2), and nowhere else.
pub(crate) fn decode(text: &str, longest: usize) -> Result<Vec<Block>, PemError> {
    let mut blocks = Vec::new();
    let mut open: Option<(String, String)> = None;
    for line in text.lines() {
        let line = line.trim();
        match &mut open {
            None => {
                if let Some(label) = line.strip_prefix("-----BEGIN ").and_then(|rest| rest.strip_suffix("-----")) {
                    if blocks.len() >= BLOCKS {
                        return Err(PemError::Count);
                    }
                    open = Some((label.to_owned(), String::new()));
                } else if !line.is_empty() && !blocks.is_empty() {
                    return Err(PemError::Tail);
                }
            }
            Some((label, body)) => {
                if let Some(end) = line.strip_prefix("-----END ") {
                    if end.strip_suffix("-----") != Some(label.as_str()) {
                        return Err(PemError::Open(label.clone()));
                    }
                    let der = STANDARD.decode(body.as_bytes()).map_err(|_| PemError::Base64(label.clone()))?;
                    if der.len() > longest {
                        return Err(PemError::Size(longest));
                    }
                    blocks.push(Block { label: std::mem::take(label), der });
                    open = None;
                } else {
                    body.push_str(line);
                    if body.len() / 4 * 3 > longest.saturating_add(3) {
                        return Err(PemError::Size(longest));
                    }
                }
            }
        }
    }
    if let Some((label, _)) = open {
        return Err(PemError::Open(label));
    }
    if blocks.is_empty() { Err(PemError::None) } else { Ok(blocks) }
}

/// One block, 64 characters a line.
pub(crate) fn encode(label: &str, der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let mut text = format!("-----BEGIN {label}-----\n");
    let mut rest = body.as_str();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for size in [0, 1, 47, 48, 49, 200] {
            let der = vec![7; size];
            let text = encode("X", &der);
            assert_eq!(decode(&text, 1000).unwrap(), [Block { label: "X".to_owned(), der }]);
        }
    }

    #[test]
    fn sloppy_pem_is_refused() {
        assert_eq!(decode("nothing", 10), Err(PemError::None));
        assert_eq!(decode("-----BEGIN A-----\nAA==\n", 10), Err(PemError::Open("A".to_owned())));
        assert_eq!(decode("-----BEGIN A-----\nAA==\n-----END B-----\n", 10), Err(PemError::Open("A".to_owned())));
        // Bits after the last byte that are not zero: two texts for one value.
        assert_eq!(decode("-----BEGIN A-----\nAB==\n-----END A-----\n", 10), Err(PemError::Base64("A".to_owned())));
        assert_eq!(decode("-----BEGIN A-----\nAA==\n-----END A-----\nx", 10), Err(PemError::Tail));
        assert_eq!(decode(&encode("A", &[0; 11]), 10), Err(PemError::Size(10)));
        assert_eq!(decode(&encode("A", &[0]).repeat(33), 10), Err(PemError::Count));
        assert!(decode(&format!("subject=x\n{}", encode("A", &[0])), 10).is_ok());
    }
}
