//! CycloneDX in JSON and XML: 1.2 to 1.7 are written and read, XML also from 1.0. Source: CycloneDX/specification.
//!
//! [`write`] is ours; [`trivy::write`] gives what Trivy gives, for its users' tools. Both take findings and then list vulnerabilities.

mod read;
mod stream;
pub mod trivy;
mod version;
mod vulnerability;
mod wire;
mod write;
mod xml;
mod xml_write;

use signet_model::{Checksum, ChecksumAlgorithm};

pub(crate) use read::{read, read_xml};
pub use vulnerability::Findings;
pub use write::{write, write_json, write_json_to, write_xml, write_xml_to};
pub(crate) use xml::to_json as xml_to_json;

/// The algorithm as CycloneDX 1.6 names it; `None` where it has no name for it or the text is no hash of it (the schema checks the length).
pub(crate) fn hash_name(checksum: &Checksum) -> Option<&'static str> {
    let (name, length) = match checksum.algorithm {
        ChecksumAlgorithm::Md5 => ("MD5", 32),
        ChecksumAlgorithm::Sha1 => ("SHA-1", 40),
        ChecksumAlgorithm::Sha224 => return None,
        ChecksumAlgorithm::Sha256 => ("SHA-256", 64),
        ChecksumAlgorithm::Sha384 => ("SHA-384", 96),
        ChecksumAlgorithm::Sha512 => ("SHA-512", 128),
        ChecksumAlgorithm::Blake2b256 => ("BLAKE2b-256", 64),
    };
    let is_hash = checksum.hex.len() == length && checksum.hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hash.then_some(name)
}
