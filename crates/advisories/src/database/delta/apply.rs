//! Old file and difference give the new file.

use std::io::Write;

use signet_model::{Algorithm, Digest};

use super::{ADD, HEAD, MAGIC, NEW, SAME, VERSION};
use crate::bytes::{Reader, u32_at, u64_at};
use crate::database::format::HEADER;
use crate::database::{Database, DatabaseError};

/// Why a difference cannot be applied.
#[derive(Debug, thiserror::Error)]
pub enum DeltaError {
    /// Another kind of file.
    #[error("this is no difference of two databases")]
    Foreign,
    /// Made by another version of Signet.
    #[error("the difference has format {found}, and this program reads format {VERSION}")]
    Version {
        /// The version that the file states.
        found: u32,
    },
    /// It was made for another database.
    #[error("the difference is for the database {wanted}, and this one is {found}")]
    OtherBase {
        /// Digest of the database that it was made for.
        wanted: String,
        /// Digest of the one at hand.
        found: String,
    },
    /// The old database cannot be read.
    #[error("the database to change cannot be read")]
    Base(#[source] DatabaseError),
    /// The result would be larger than is allowed.
    #[error("the result would have {stated} bytes, and at most {most} are allowed")]
    TooLarge {
        /// Stated length.
        stated: u64,
        /// The limit.
        most: u64,
    },
    /// A piece lies outside the old file, the pieces end early, or there are too many.
    #[error("the difference is damaged at its byte {at}")]
    Damaged {
        /// Offset in the difference.
        at: u64,
    },
    /// The result is not what the difference was made for.
    #[error("the difference gives {found}, and it was made for {stated}")]
    OtherResult {
        /// Digest of the result.
        found: String,
        /// Digest that it states.
        stated: String,
    },
    /// The output could not be written.
    #[error("cannot write the database")]
    Write(#[source] std::io::Error),
}

/// What a difference says of itself. Nothing in it is verified until it was applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeltaInfo {
    /// Digest of the database that it applies to.
    pub base: Digest,
    /// Digest of the result.
    pub result: Digest,
    /// Bytes of the result.
    pub size: u64,
}

impl DeltaInfo {
    /// Reads the head of a difference.
    pub fn read(delta: &[u8]) -> Result<DeltaInfo, DeltaError> {
        if !delta.starts_with(MAGIC) {
            return Err(DeltaError::Foreign);
        }
        let found = u32_at(delta, 8).ok_or(DeltaError::Foreign)?;
        if found != VERSION {
            return Err(DeltaError::Version { found });
        }
        let digest = |at: usize| {
            let hash = delta.get(at..at + 32)?;
            Digest::from_bytes(Algorithm::Sha256, hash)
        };
        let read = || Some(DeltaInfo { base: digest(16)?, result: digest(48)?, size: u64_at(delta, 80)? });
        read().filter(|_| u32_at(delta, 12) == Some(0)).ok_or(DeltaError::Damaged { at: 0 })
    }
}

/// Writes the new database. At most `most` bytes are written, whatever the difference says.
///
/// The header of the result was compared with the digest that the difference states; the rest is as good as [`Database::verify`] finds it,
/// which whoever installs the result calls as for any other database.
///
/// Errors: see [`DeltaError`]. What was written before an error is of no use.
pub fn apply(base: &[u8], delta: &[u8], most: u64, out: &mut dyn Write) -> Result<DeltaInfo, DeltaError> {
    let info = DeltaInfo::read(delta)?;
    let found = Database::open(base).map_err(DeltaError::Base)?.digest();
    if found != info.base {
        return Err(DeltaError::OtherBase { wanted: info.base.to_string(), found: found.to_string() });
    }
    if info.size > most {
        return Err(DeltaError::TooLarge { stated: info.size, most });
    }
    let pieces = delta.get(HEAD..).unwrap_or_default();
    let mut reader = Reader::new(pieces);
    let mut written = 0u64;
    let mut from = 0u64;
    let mut header = Vec::with_capacity(HEADER);
    let mut sum = vec![0u8; 1 << 16];
    while reader.left() > 0 {
        let at = (HEAD + pieces.len() - reader.left()) as u64;
        let damaged = || DeltaError::Damaged { at };
        let mut put = |bytes: &[u8]| -> Result<(), DeltaError> {
            written = written.saturating_add(bytes.len() as u64);
            if written > info.size {
                return Err(damaged());
            }
            let wanted = HEADER - header.len();
            header.extend_from_slice(bytes.get(..wanted.min(bytes.len())).unwrap_or_default());
            out.write_all(bytes).map_err(DeltaError::Write)
        };
        let kind = reader.byte().ok_or_else(damaged)?;
        match kind {
            SAME | ADD => {
                let step = reader.varint().ok_or_else(damaged)?;
                let start = from.checked_add_signed(unzigzag(step)).ok_or_else(damaged)?;
                let length = reader.varint().ok_or_else(damaged)?;
                let end = start.checked_add(length).ok_or_else(damaged)?;
                let (first, last) = (usize::try_from(start), usize::try_from(end));
                let (Ok(first), Ok(last)) = (first, last) else { return Err(damaged()) };
                let old = base.get(first..last).ok_or_else(damaged)?;
                if kind == SAME {
                    put(old)?;
                } else {
                    let more = reader.take(old.len()).ok_or_else(damaged)?;
                    for (old, more) in old.chunks(sum.len()).zip(more.chunks(sum.len())) {
                        let Some(sum) = sum.get_mut(..old.len()) else { return Err(damaged()) };
                        for ((sum, old), more) in sum.iter_mut().zip(old).zip(more) {
                            *sum = old.wrapping_add(*more);
                        }
                        put(sum)?;
                    }
                }
                from = end;
            }
            NEW => put(reader.bytes().ok_or_else(damaged)?)?,
            _ => return Err(damaged()),
        }
    }
    if written != info.size {
        return Err(DeltaError::Damaged { at: delta.len() as u64 });
    }
    let found = Digest::sha256(&header);
    if found != info.result {
        return Err(DeltaError::OtherResult { found: found.to_string(), stated: info.result.to_string() });
    }
    Ok(info)
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}
