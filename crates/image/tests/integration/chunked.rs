//! A stand-in for `ctr-remote` and `podman push`: writes eStargz and zstd:chunked layers as their documents describe them. It shares no code with
//! the reader, and can be told to lie.
//!
//! Sources: stargz-snapshotter `docs/estargz.md`; containers/storage `pkg/chunked/compressor`, as in its comments.

use std::fmt::Write as _;
use std::io::Write as _;

use signet_model::Digest;

/// An entry of the archive: type, name, permission bits, link target, content.
#[derive(Clone)]
pub(crate) struct Item {
    pub(crate) kind: u8,
    pub(crate) name: String,
    pub(crate) mode: u32,
    pub(crate) link: String,
    pub(crate) content: Vec<u8>,
    /// Bytes that follow the content in the same member in the place of its padding: what a table of contents says nothing of.
    pub(crate) behind: Vec<u8>,
}

pub(crate) fn file(name: &str, mode: u32, content: &[u8]) -> Item {
    Item { kind: b'0', name: name.to_owned(), mode, link: String::new(), content: content.to_vec(), behind: Vec::new() }
}

pub(crate) fn other(kind: u8, name: &str, link: &str) -> Item {
    Item { kind, name: name.to_owned(), mode: 0o755, link: link.to_owned(), content: Vec::new(), behind: Vec::new() }
}

/// Bytes that pack badly.
pub(crate) fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    (0..length)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        })
        .collect()
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Format {
    Estargz,
    ZstdChunked,
}

/// A layer, and the annotations that its descriptor carries.
#[derive(Clone)]
#[allow(dead_code, reason = "the tests of several rooms share it, and not all need everything")]
pub(crate) struct Chunked {
    pub(crate) blob: Vec<u8>,
    pub(crate) diff_id: Digest,
    pub(crate) annotations: Vec<(String, String)>,
    pub(crate) media_type: &'static str,
}

/// Writes a layer whose files are cut into chunks of `chunk` bytes. `edit` may change the lines of the table of contents, one an entry.
pub(crate) fn write(format: Format, items: &[Item], chunk: usize, edit: &dyn Fn(&mut Vec<String>)) -> Chunked {
    let mut out = Out { format, blob: Vec::new(), member: Vec::new(), tar: Vec::new() };
    let mut lines = Vec::new();
    for item in items {
        out.put(&header(item));
        let kind = match item.kind {
            b'0' => "reg",
            b'1' => "hardlink",
            b'2' => "symlink",
            b'5' => "dir",
            _ => "fifo",
        };
        let link = if item.link.is_empty() { String::new() } else { format!(",\"linkName\":\"{}\"", item.link) };
        let head = format!("\"type\":\"{kind}\",\"name\":\"{}\",\"mode\":{}{link}", item.name, item.mode);
        if item.content.is_empty() {
            lines.push(format!("{{{head}}}"));
            continue;
        }
        let parts: Vec<&[u8]> = item.content.chunks(chunk).collect();
        let first = lines.len();
        let mut done = 0;
        for (at, part) in parts.iter().enumerate() {
            out.cut();
            let offset = out.blob.len();
            let mut line = match at {
                0 => {
                    format!("{{{head},\"size\":{},\"digest\":\"{}\"", item.content.len(), Digest::sha256(&item.content))
                }
                _ => format!("{{\"type\":\"chunk\",\"name\":\"{}\",\"chunkOffset\":{done}", item.name),
            };
            write!(line, ",\"offset\":{offset}").unwrap();
            // eStargz leaves the size of a last chunk out; zstd:chunked leaves both out where there is one chunk only.
            if parts.len() > 1 && (at + 1 < parts.len() || format == Format::ZstdChunked) {
                write!(line, ",\"chunkSize\":{}", part.len()).unwrap();
            }
            if parts.len() > 1 || format == Format::Estargz {
                write!(line, ",\"chunkDigest\":\"{}\"", Digest::sha256(part)).unwrap();
            }
            lines.push(line);
            out.put(part);
            done += part.len();
        }
        out.put(&item.behind);
        if format == Format::ZstdChunked {
            out.cut();
            let end = out.blob.len();
            write!(lines[first], ",\"endOffset\":{end}").unwrap();
        }
        for line in &mut lines[first..] {
            line.push('}');
        }
        if item.behind.is_empty() {
            out.put(&vec![0; (512 - item.content.len() % 512) % 512]);
        }
    }
    edit(&mut lines);
    let json = format!("{{\"version\":1,\"entries\":[{}]}}", lines.join(","));
    match format {
        Format::Estargz => out.estargz(json.as_bytes()),
        Format::ZstdChunked => out.zstd_chunked(json.as_bytes()),
    }
}

struct Out {
    format: Format,
    blob: Vec<u8>,
    member: Vec<u8>,
    tar: Vec<u8>,
}

impl Out {
    fn put(&mut self, bytes: &[u8]) {
        self.member.extend_from_slice(bytes);
        self.tar.extend_from_slice(bytes);
    }

    /// Ends the present member.
    fn cut(&mut self) {
        if !self.member.is_empty() {
            let member = std::mem::take(&mut self.member);
            self.blob.extend(pack(self.format, &member));
        }
    }

    fn estargz(mut self, json: &[u8]) -> Chunked {
        self.cut();
        let offset = self.blob.len();
        self.put(&header(&file("stargz.index.json", 0o644, json)));
        self.put(json);
        self.put(&vec![0; (512 - json.len() % 512) % 512 + 1024]);
        self.cut();
        self.blob.extend([0x1F, 0x8B, 8, 4, 0, 0, 0, 0, 0, 0xFF, 26, 0, b'S', b'G', 22, 0]);
        self.blob.extend(format!("{offset:016x}STARGZ").bytes());
        self.blob.extend([1, 0, 0, 0xFF, 0xFF, 0, 0, 0, 0, 0, 0, 0, 0]);
        Chunked {
            diff_id: Digest::sha256(&self.tar),
            blob: self.blob,
            annotations: vec![("containerd.io/snapshot/stargz/toc.digest".into(), Digest::sha256(json).to_string())],
            media_type: "application/vnd.oci.image.layer.v1.tar+gzip",
        }
    }

    fn zstd_chunked(mut self, json: &[u8]) -> Chunked {
        self.put(&[0; 1024]);
        self.cut();
        let packed = pack(self.format, json);
        let skippable = |out: &mut Vec<u8>, bytes: &[u8]| {
            out.extend([0x50, 0x2A, 0x4D, 0x18]);
            out.extend((bytes.len() as u32).to_le_bytes());
            out.extend(bytes);
        };
        let offset = self.blob.len() + 8;
        skippable(&mut self.blob, &packed);
        let mut footer = Vec::new();
        for number in [offset, packed.len(), json.len(), 1, 0, 0, 0] {
            footer.extend((number as u64).to_le_bytes());
        }
        footer.extend(b"GNUlInUx");
        skippable(&mut self.blob, &footer);
        let name = "io.github.containers.zstd-chunked.manifest";
        Chunked {
            diff_id: Digest::sha256(&self.tar),
            blob: self.blob,
            annotations: vec![
                (format!("{name}-checksum"), Digest::sha256(&packed).to_string()),
                (format!("{name}-position"), format!("{offset}:{}:{}:1", packed.len(), json.len())),
            ],
            media_type: "application/vnd.oci.image.layer.v1.tar+zstd",
        }
    }
}

fn pack(format: Format, bytes: &[u8]) -> Vec<u8> {
    match format {
        Format::Estargz => {
            let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            writer.write_all(bytes).unwrap();
            writer.finish().unwrap()
        }
        Format::ZstdChunked => zstd::encode_all(bytes, 1).unwrap(),
    }
}

/// A ustar header. Source: POSIX.1-1988, as in `tar(5)`.
pub(crate) fn header(item: &Item) -> Vec<u8> {
    let mut block = vec![0; 512];
    let mut set = |at: usize, text: &str| block[at..at + text.len()].copy_from_slice(text.as_bytes());
    set(0, &item.name);
    set(100, &format!("{:07o}", item.mode));
    set(108, "0000000");
    set(116, "0000000");
    set(124, &format!("{:011o}", item.content.len()));
    set(136, "00000000000");
    set(148, "        ");
    set(156, std::str::from_utf8(&[item.kind]).unwrap());
    set(157, &item.link);
    set(257, "ustar\x0000");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}
