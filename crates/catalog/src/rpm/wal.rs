//! SQLite's write-ahead log beside the database.

use signet_model::UnexaminedKind;

use super::array;
use crate::{Found, Input};

/// Tells whether the log holds committed pages. rpm keeps the file for ever (`SQLITE_FCNTL_PERSIST_WAL`) and empties it on a clean close; after
/// an unclean one, packages may be in it alone.
///
/// Shape, big-endian u32: header of 32 bytes `{magic 0x377f0682 or ..83, format, page size, sequence, salt 1, salt 2, checksum 1, 2}`; frames of
/// 24 bytes `{page, size of the database after a commit or 0, salt 1, salt 2, checksum 1, 2}` and one page. A frame counts when its salts are
/// the header's and its checksum, which runs over header and all frames, is right.
/// Errors: a log with a committed frame is an `Unexamined`: the database alone does not say what is installed.
/// Source: sqlite.org, `fileformat2.html`, section 4.
pub(super) fn read(input: &Input<'_>) -> Found {
    match committed(input.bytes) {
        0 => Found::default(),
        frames => {
            let why = format!(
                "the log of the rpm database holds {frames} committed pages that may not be in the database; `rpmdb --rebuilddb` writes them there"
            );
            Found::unexamined(input.unexamined(UnexaminedKind::Unsupported, why))
        }
    }
}

/// Number of frames up to the last commit.
fn committed(bytes: &[u8]) -> usize {
    let word = |at: usize| array(bytes, at).map(u32::from_be_bytes);
    let big_endian = match word(0) {
        Some(0x377f_0682) => false,
        Some(0x377f_0683) => true,
        _ => return 0,
    };
    let Some(size) = word(8).filter(|size| (512..=65536).contains(size) && size.is_power_of_two()) else { return 0 };
    let Some(mut sum) = bytes.get(..24).map(|header| checksum((0, 0), header, big_endian)) else { return 0 };
    if (word(24), word(28)) != (Some(sum.0), Some(sum.1)) {
        return 0;
    }
    let mut committed = 0;
    for (place, frame) in bytes.get(32..).unwrap_or_default().chunks_exact(24 + size as usize).enumerate() {
        let word_of = |at: usize| array(frame, at).map(u32::from_be_bytes);
        let (Some(head), Some(page)) = (frame.get(..8), frame.get(24..)) else { break };
        sum = checksum(checksum(sum, head, big_endian), page, big_endian);
        if (word_of(8), word_of(12)) != (word(16), word(20)) || (word_of(16), word_of(20)) != (Some(sum.0), Some(sum.1))
        {
            break;
        }
        if word_of(4) != Some(0) {
            committed = place + 1;
        }
    }
    committed
}

/// The running checksum over pairs of words. Source: section 4.2.
fn checksum((mut a, mut b): (u32, u32), bytes: &[u8], big_endian: bool) -> (u32, u32) {
    let read = |word: [u8; 4]| if big_endian { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) };
    for pair in bytes.as_chunks::<8>().0 {
        let [c, d, e, f, g, h, i, j] = *pair;
        a = a.wrapping_add(read([c, d, e, f])).wrapping_add(b);
        b = b.wrapping_add(read([g, h, i, j])).wrapping_add(a);
    }
    (a, b)
}
