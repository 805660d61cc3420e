//! Packed files in memory: gzip, xz, zstd.

use std::io::Read;

/// How a file is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    Gzip,
    Xz,
    Zstd,
}

/// Memory that unpacking xz may take, in KiB: its best preset needs 65 MiB.
const XZ_MEMORY: u32 = 80 << 10;

impl Packing {
    /// The packing that the end of a name says.
    pub(crate) fn of_name(name: &str) -> Option<Packing> {
        match name.rsplit_once('.')?.1 {
            "gz" => Some(Packing::Gzip),
            "xz" => Some(Packing::Xz),
            "zst" => Some(Packing::Zstd),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Packing::Gzip => "gzip",
            Packing::Xz => "xz",
            Packing::Zstd => "zstd",
        }
    }
}

/// The content of a packed file, all of its members.
///
/// Errors: it is not packed so, broken, or has more than `most` bytes (in MiB in the text).
pub(crate) fn whole(bytes: &[u8], packing: Packing, most: u64) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    let broken = || format!("it does not unpack as {}", packing.name());
    let mut stream: Box<dyn Read + '_> = match packing {
        Packing::Gzip => Box::new(flate2::read::MultiGzDecoder::new(bytes)),
        Packing::Zstd => Box::new(zstd::stream::read::Decoder::new(bytes).map_err(|_| broken())?),
        Packing::Xz => Box::new(lzma_rust2::XzReader::new_mem_limit(bytes, true, XZ_MEMORY)),
    };
    (&mut stream).take(most.saturating_add(1)).read_to_end(&mut out).map_err(|_| broken())?;
    match out.len() as u64 > most {
        true => Err(format!("it unpacks to more than {} MiB", most >> 20)),
        false => Ok(out),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn xz(bytes: &[u8]) -> Vec<u8> {
        let mut writer = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(0)).unwrap();
        std::io::Write::write_all(&mut writer, bytes).unwrap();
        writer.finish().unwrap()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut packed = Vec::new();
        flate2::read::GzEncoder::new(bytes, flate2::Compression::fast()).read_to_end(&mut packed).unwrap();
        packed
    }

    #[test]
    fn what_unpacks_without_end_is_refused() {
        let zeros = vec![0; 3 << 20];
        let packed = [
            (Packing::Xz, xz(&zeros)),
            (Packing::Gzip, gzip(&zeros)),
            (Packing::Zstd, zstd::bulk::compress(&zeros, 3).unwrap()),
        ];
        for (packing, bytes) in packed {
            assert_eq!(whole(&bytes, packing, 3 << 20).as_deref(), Ok(zeros.as_slice()));
            assert_eq!(whole(&bytes, packing, (3 << 20) - 1), Err("it unpacks to more than 2 MiB".to_owned()));
            // members that follow each other
            let twice = [bytes.as_slice(), &bytes].concat();
            assert_eq!(whole(&twice, packing, 64 << 20).map(|bytes| bytes.len()), Ok(6 << 20), "{packing:?}");
            let cut = whole(&bytes[..bytes.len() / 2], packing, 64 << 20);
            assert!(cut.is_err_and(|why| why.starts_with("it does not unpack as")), "{packing:?}");
        }
    }
}
