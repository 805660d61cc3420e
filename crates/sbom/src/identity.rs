//! Ids of packages and serial numbers of documents, out of content.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use signet_model::{Inventory, Package};

/// A UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid(pub [u8; 16]);

/// A text that is no UUID.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no UUID")]
pub struct UuidError(String);

impl Uuid {
    /// A UUID from what it names: the first 16 bytes of a SHA-256 with version 8 and variant of RFC 9562, section 5.8.
    ///
    /// Not version 5, which is the usual one by name: that is SHA-1 by definition, and nothing here computes a SHA-1.
    pub fn of_content(bytes: &[u8]) -> Uuid {
        let digest = signet_model::Digest::sha256(bytes);
        let mut uuid = [0; 16];
        for (to, from) in uuid.iter_mut().zip(digest.as_bytes()) {
            *to = *from;
        }
        uuid[6] = uuid[6] & 0x0f | 0x80;
        uuid[8] = uuid[8] & 0x3f | 0x80;
        Uuid(uuid)
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, byte) in self.0.iter().enumerate() {
            if matches!(place, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl FromStr for Uuid {
    type Err = UuidError;

    /// 8-4-4-4-12 hexadecimal digits, with or without `urn:uuid:`.
    fn from_str(text: &str) -> Result<Uuid, UuidError> {
        let wrong = || UuidError(text.to_owned());
        let body = text.strip_prefix("urn:uuid:").unwrap_or(text);
        let lengths: Vec<usize> = body.split('-').map(str::len).collect();
        let digits: Vec<u32> = body.chars().filter(|c| *c != '-').filter_map(|c| c.to_digit(16)).collect();
        if lengths != [8, 4, 4, 4, 12] || digits.len() != 32 {
            return Err(wrong());
        }
        let mut uuid = [0; 16];
        for (to, pair) in uuid.iter_mut().zip(digits.as_chunks::<2>().0) {
            *to = (pair[0] * 16 + pair[1]) as u8;
        }
        Ok(Uuid(uuid))
    }
}

/// One id for each package, 16 hexadecimal digits, unique within the inventory: the hash of what the package is and where it lies.
///
/// Layers are left out: the same files in an unpacked directory have the same ids. Equal packages are told apart by their order.
pub(crate) fn package_ids(inventory: &Inventory) -> Vec<String> {
    // For each id how often its content was there: the hundred-thousandth equal package must not try all numbers before its own.
    let mut seen: HashMap<String, u32> = HashMap::with_capacity(inventory.packages.len());
    inventory
        .packages
        .iter()
        .map(|package| {
            let mut content = describe(package);
            let first = short(&content);
            let mut times = match seen.get_mut(&first) {
                Some(times) => {
                    *times = times.saturating_add(1);
                    *times
                }
                None => {
                    seen.insert(first.clone(), 0);
                    return first;
                }
            };
            content.push_str("\nagain");
            loop {
                let id = if times == 1 { short(&content) } else { short(&format!("{content} {times}")) };
                // Another content may have that id already, which nothing but a collision of hashes brings about.
                if !seen.contains_key(&id) {
                    seen.insert(id.clone(), 0);
                    return id;
                }
                times = times.saturating_add(1);
            }
        })
        .collect()
}

/// The first half of a SHA-256's hexadecimal digits, halved again: 64 bits.
fn short(content: &str) -> String {
    let mut id = signet_model::Digest::sha256(content.as_bytes()).hex();
    id.truncate(16);
    id
}

/// Everything that identifies the package, one fact per line; a line break inside a fact cannot forge another, because it is escaped.
fn describe(package: &Package) -> String {
    let mut text = String::new();
    let mut line = |key: &str, value: &str| {
        text.push_str(key);
        text.push('=');
        // Most facts hold nothing that an escape would change.
        match value.bytes().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\'' | b'\\')) {
            true => text.push_str(value),
            false => text.extend(value.escape_debug()),
        }
        text.push('\n');
    };
    line("kind", package.kind.name());
    line("name", &package.name);
    line("version", &package.version);
    line("arch", package.arch.as_deref().unwrap_or_default());
    line("module", package.module.as_deref().unwrap_or_default());
    if let Some(source) = &package.source {
        line("source", &source.name);
        line("source version", source.version.as_deref().unwrap_or_default());
    }
    for license in &package.licenses {
        line("license", &license.value);
    }
    for location in &package.locations {
        line("path", &location.path);
    }
    for checksum in &package.checksums {
        line(checksum.algorithm.name(), &checksum.hex);
    }
    if let Some(purl) = &package.stated_purl {
        line("purl", &purl.to_string());
    }
    text
}

/// The UUID of the inventory: packages, edges, distribution and what was not examined; not the subject, whose name depends on its source.
pub(crate) fn serial_of(inventory: &Inventory, ids: &[String], format: &str) -> Uuid {
    let mut text = format!("signet {format}\n");
    if let Some(distro) = &inventory.distro {
        text.push_str(&format!("distro {} {}\n", distro.id, distro.version_id.as_deref().unwrap_or_default()));
    }
    for (package, id) in inventory.packages.iter().zip(ids) {
        let Package { vendor, cpes, description, presence, directness, dev, extra, .. } = package;
        text.push_str(&format!(
            "{id} {vendor:?} {cpes:?} {description:?} {presence:?} {directness:?} {dev} {extra:?}\n"
        ));
    }
    for edge in &inventory.relationships {
        text.push_str(&format!("{} {:?} {}\n", edge.from.0, edge.kind, edge.to.0));
    }
    for executable in &inventory.executables {
        text.push_str(&format!("{} {}\n", executable.digest, executable.path));
    }
    for unexamined in &inventory.unexamined {
        text.push_str(&format!("{} {} {}\n", unexamined.location, unexamined.kind.name(), unexamined.why));
    }
    Uuid::of_content(text.as_bytes())
}
