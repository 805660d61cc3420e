//! GGUF: models for inference with llama.cpp and its kin.

use std::collections::BTreeMap;

use signet_model::{Algorithm, Digest, License, PackageKind, Purl, UnexaminedKind};

use super::COVERAGE;
use crate::{Claim, Found, Input, Leaf, any_path};

/// Reads the head of a model: its metadata. Vocabularies are in it, and have up to twenty megabytes.
pub(crate) static LEAF: Leaf = Leaf {
    id: "gguf",
    claims: &[Claim::Head(".gguf")],
    accepts: any_path,
    max_size: 32 << 20,
    read,
    coverage: COVERAGE,
};

/// Most pairs and tensors that a file may state; the largest models have a few thousand.
const MAX_ENTRIES: u64 = 1 << 20;
/// Longest text that is kept, in bytes.
const MAX_TEXT: usize = 4096;
/// Arrays of arrays beyond this depth are refused.
const MAX_DEPTH: u32 = 8;

/// Reads `general.*` of the metadata.
///
/// Shape: `GGUF`, version (u32; 1, 2 or 3), number of tensors and of pairs (u64; u32 in version 1); pairs of key (a text: length, bytes), type (u32) and
/// value; tensors of name, number of dimensions (u32), dimensions (u64), type (u32) and offset (u64). Little endian; a file for a machine of the
/// other order has its version the other way round.
/// Errors: another kind of file; an unknown version; a head that is cut, or longer than what is read. The package is kept when it has a name by then.
/// Source: ggml-org/ggml:docs/gguf.md; ggml-org/llama.cpp:include/llama.h, `llama_ftype`.
fn read(input: &Input<'_>) -> Found {
    let mut facts = Facts::default();
    let mut reader = Reader { rest: input.bytes, swapped: false, short: false };
    let why = reader.model(&mut facts).err();
    let cut = reader.rest.is_empty() && input.bytes.len() as u64 >= LEAF.max_size;
    let mut found = Found::default();
    if let Some(why) = why {
        let (kind, why) = match cut {
            true => {
                (UnexaminedKind::TooLarge, "the metadata has more than 32 MiB; the rest of it is not read".to_owned())
            }
            false => (UnexaminedKind::Malformed, why.to_owned()),
        };
        found.unexamined.push(input.unexamined(kind, why));
    }
    let Some(version) = facts.version else { return found };
    let text = |key: &str| facts.texts.get(key).map(String::as_str).filter(|text| !text.is_empty());
    let file = input.name().strip_suffix(".gguf").unwrap_or(input.name());
    let name = text("general.name").unwrap_or(file);
    let mut package = input.package(PackageKind::Model, name, text("general.version").unwrap_or_default());
    package.licenses = text("general.license").map(|value| License { value: value.to_owned() }).into_iter().collect();
    package.vendor = text("general.author").or_else(|| text("general.organization")).map(str::to_owned);
    package.description = text("general.description").map(str::to_owned);
    package.stated_purl =
        purl(name, &package.version, text("general.repo_url").or_else(|| text("general.source.repo_url")));
    let mut fact =
        |name: &str, value: Option<String>| package.extra.extend(value.map(|value| (name.to_owned(), value)));
    fact("gguf.version", Some(version.to_string()));
    fact("gguf.architecture", text("general.architecture").map(str::to_owned));
    fact("gguf.quantization", facts.file_type.map(quantization));
    fact("gguf.size", text("general.size_label").map(str::to_owned));
    fact("gguf.parameters", facts.parameters.map(|count| count.to_string()));
    fact("gguf.tensors", Some(facts.tensors.to_string()));
    fact("gguf.metadata_digest", facts.metadata.map(|digest| digest.to_string()));
    found.packages.push(package);
    found
}

/// Where the model says that it is of Hugging Face, its name there. The specification of purls has no type for others.
fn purl(name: &str, version: &str, url: Option<&str>) -> Option<Purl> {
    let path = url.and_then(|url| url.strip_prefix("https://huggingface.co/")).map(|path| path.trim_end_matches('/'));
    let text = match path.and_then(|path| path.split_once('/')).filter(|(_, name)| !name.contains('/')) {
        Some((namespace, name)) => Purl::build("huggingface", Some(namespace), name, None, [], None),
        None => Purl::build("generic", None, name, Some(version).filter(|version| !version.is_empty()), [], None),
    };
    text.ok()
}

#[derive(Default)]
struct Facts {
    version: Option<u32>,
    tensors: u64,
    texts: BTreeMap<String, String>,
    file_type: Option<u64>,
    parameters: Option<u64>,
    metadata: Option<Digest>,
}

struct Reader<'a> {
    rest: &'a [u8],
    /// The other order of bytes.
    swapped: bool,
    /// Counts and lengths have four bytes: version 1.
    short: bool,
}

const CUT: &str = "the metadata is cut off";

impl<'a> Reader<'a> {
    fn model(&mut self, facts: &mut Facts) -> Result<(), &'static str> {
        let whole = self.rest;
        if self.take(4) != Ok(b"GGUF".as_slice()) {
            return Err("no GGUF file");
        }
        let mut version = self.u32()?;
        if version & 0xffff == 0 && version != 0 {
            self.swapped = true;
            version = version.swap_bytes();
        }
        if !(1..=3).contains(&version) {
            return Err("a GGUF file of an unknown version");
        }
        self.short = version == 1;
        facts.version = Some(version);
        facts.tensors = self.length()?;
        let pairs = self.length()?;
        if pairs > MAX_ENTRIES || facts.tensors > MAX_ENTRIES {
            return Err("it claims more entries than a model has");
        }
        for _ in 0..pairs {
            let key = self.text()?;
            let kind = self.u32()?;
            match (key, kind) {
                (_, 8) => {
                    let text = self.text()?;
                    if key.starts_with(b"general.") && text.len() <= MAX_TEXT && facts.texts.len() < 200 {
                        let plain = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
                        facts.texts.insert(plain(key), plain(text));
                    }
                }
                (b"general.file_type", 4 | 5) => facts.file_type = Some(u64::from(self.u32()?)),
                _ => self.skip(kind, 0)?,
            }
        }
        let used = whole.len() - self.rest.len();
        facts.metadata = whole.get(..used).map(|bytes| Digest::of(Algorithm::Sha256, bytes));
        let mut parameters = 0u64;
        for _ in 0..facts.tensors {
            self.text()?;
            let dimensions = self.u32()?;
            let mut count = 1u64;
            for _ in 0..dimensions.min(8) {
                count = count.saturating_mul(self.length()?);
            }
            if dimensions > 8 {
                return Err("a tensor has more dimensions than any has");
            }
            self.take(12)?;
            parameters = parameters.saturating_add(count);
        }
        facts.parameters = Some(parameters).filter(|count| *count > 0);
        Ok(())
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], &'static str> {
        let Some((head, rest)) = self.rest.split_at_checked(count) else {
            self.rest = &[];
            return Err(CUT);
        };
        self.rest = rest;
        Ok(head)
    }

    fn u32(&mut self) -> Result<u32, &'static str> {
        let bytes: [u8; 4] = self.take(4)?.try_into().map_err(|_| CUT)?;
        Ok(if self.swapped { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }

    fn length(&mut self) -> Result<u64, &'static str> {
        if self.short {
            return self.u32().map(u64::from);
        }
        let bytes: [u8; 8] = self.take(8)?.try_into().map_err(|_| CUT)?;
        Ok(if self.swapped { u64::from_be_bytes(bytes) } else { u64::from_le_bytes(bytes) })
    }

    fn text(&mut self) -> Result<&'a [u8], &'static str> {
        let length = self.length()?;
        self.take(usize::try_from(length).map_err(|_| CUT)?)
    }

    /// Passes over a value. Every step takes bytes, but for arrays of nothing, which are as many as the bytes before them allow.
    fn skip(&mut self, kind: u32, depth: u32) -> Result<(), &'static str> {
        let size = match kind {
            0 | 1 | 7 => 1,
            2 | 3 => 2,
            4..=6 => 4,
            10..=12 => 8,
            8 => return self.text().map(|_| ()),
            9 if depth < MAX_DEPTH => {
                let (kind, count) = (self.u32()?, self.length()?);
                let size = match kind {
                    0 | 1 | 7 => 1,
                    2 | 3 => 2,
                    4..=6 => 4,
                    10..=12 => 8,
                    _ => {
                        for _ in 0..count {
                            self.skip(kind, depth + 1)?;
                        }
                        return Ok(());
                    }
                };
                let bytes = count.checked_mul(size).and_then(|bytes| usize::try_from(bytes).ok()).ok_or(CUT)?;
                return self.take(bytes).map(|_| ());
            }
            9 => return Err("its arrays are nested too deeply"),
            _ => return Err("a value is of an unknown type"),
        };
        self.take(size).map(|_| ())
    }
}

/// The name of a `llama_ftype`.
fn quantization(number: u64) -> String {
    const NAMES: &[(u64, &str)] = &[
        (0, "F32"),
        (1, "F16"),
        (2, "Q4_0"),
        (3, "Q4_1"),
        (4, "Q4_1_SOME_F16"),
        (5, "Q4_2"),
        (6, "Q4_3"),
        (7, "Q8_0"),
        (8, "Q5_0"),
        (9, "Q5_1"),
        (10, "Q2_K"),
        (11, "Q3_K_S"),
        (12, "Q3_K_M"),
        (13, "Q3_K_L"),
        (14, "Q4_K_S"),
        (15, "Q4_K_M"),
        (16, "Q5_K_S"),
        (17, "Q5_K_M"),
        (18, "Q6_K"),
        (19, "IQ2_XXS"),
        (20, "IQ2_XS"),
        (21, "Q2_K_S"),
        (22, "IQ3_XS"),
        (23, "IQ3_XXS"),
        (24, "IQ1_S"),
        (25, "IQ4_NL"),
        (26, "IQ3_S"),
        (27, "IQ3_M"),
        (28, "IQ2_S"),
        (29, "IQ2_M"),
        (30, "IQ4_XS"),
        (31, "IQ1_M"),
        (32, "BF16"),
        (33, "Q4_0_4_4"),
        (34, "Q4_0_4_8"),
        (35, "Q4_0_8_8"),
        (36, "TQ1_0"),
        (37, "TQ2_0"),
        (38, "MXFP4_MOE"),
    ];
    // The top bit of old files says that the type was guessed.
    let plain = number & !1024;
    NAMES.iter().find(|(known, _)| *known == plain).map_or(format!("type {number}"), |(_, name)| (*name).to_owned())
}
