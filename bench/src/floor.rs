//! The floor of reading an image: no reader of every byte of a layer can do less.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context as _, Result};
use flate2::read::MultiGzDecoder;
use signet_model::{Algorithm, Hasher};

/// Bytes that are handled at once, as the scanner does.
const CHUNK: usize = 256 << 10;

/// Reads all gzip blobs of the layout and prints what was seen.
pub(crate) fn run(layout: &Path) -> Result<()> {
    let blobs = layout.join("blobs/sha256");
    let mut paths: Vec<_> = std::fs::read_dir(&blobs)
        .with_context(|| format!("cannot list `{}`", blobs.display()))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    paths.sort();
    for path in paths {
        let mut magic = [0; 2];
        let read = File::open(&path)?.read(&mut magic)?;
        if read == 2 && magic == [0x1f, 0x8b] {
            let (stored, unpacked, entries) = layer(&path)?;
            println!("{} stored={stored} unpacked={unpacked} entries={entries}", path.display());
        }
    }
    Ok(())
}

/// A reader that hashes what passes.
struct Hashed<R> {
    inner: R,
    hasher: Hasher,
    count: u64,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..read]);
        self.count += read as u64;
        Ok(read)
    }
}

fn layer(path: &Path) -> Result<(u64, u64, u64)> {
    let stored = Hashed { inner: File::open(path)?, hasher: Hasher::new(Algorithm::Sha256), count: 0 };
    let mut inflate = MultiGzDecoder::new(std::io::BufReader::with_capacity(CHUNK, stored));
    let mut hasher = Hasher::new(Algorithm::Sha256);
    let mut chunk = vec![0; CHUNK];
    let (mut unpacked, mut entries) = (0_u64, 0_u64);
    // Offset of the next header in the stream, and what has been seen of one that lies across two chunks.
    let mut next = 0_u64;
    let mut header: Vec<u8> = Vec::with_capacity(512);
    loop {
        let read = inflate.read(&mut chunk)?;
        if read == 0 {
            break;
        }
        let bytes = &chunk[..read];
        hasher.update(bytes);
        let end = unpacked + read as u64;
        while next + (header.len() as u64) < end {
            let from = (next + header.len() as u64 - unpacked) as usize;
            let take = (512 - header.len()).min(read - from);
            header.extend_from_slice(&bytes[from..from + take]);
            if header.len() < 512 {
                break;
            }
            let size = size(&header);
            entries += u64::from(header[0] != 0);
            next += 512 + size.div_ceil(512) * 512;
            header.clear();
        }
        unpacked = end;
    }
    let stored = inflate.into_inner().into_inner().count;
    println!("{}", hasher.finish());
    Ok((stored, unpacked, entries))
}

/// The size field: octal, or base-256 where its first bit is set.
fn size(header: &[u8]) -> u64 {
    let field = &header[124..136];
    if field[0] & 0x80 != 0 {
        return field[4..].iter().fold(0, |size, byte| size << 8 | u64::from(*byte));
    }
    field.iter().filter(|byte| (b'0'..=b'7').contains(byte)).fold(0, |size, byte| size * 8 + u64::from(byte - b'0'))
}
