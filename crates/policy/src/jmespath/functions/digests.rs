//! Digests and base64. None of the digests protects anything here: policies name resources by them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use super::super::eval::Evaluator;
use super::super::item::Item;
use super::super::surroundings::SearchError;
use super::Arguments;

type Found<'a> = Result<Item<'a>, SearchError>;

fn hex<'a>(by: &mut Evaluator<'a>, bytes: &[u8]) -> Found<'a> {
    by.made(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

pub(super) fn sha256<'a>(by: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    let text = given.text(0)?;
    by.budget.work(text.len() / 64)?;
    hex(by, &Sha256::digest(text))
}

pub(super) fn sha1<'a>(by: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    let text = given.text(0)?;
    by.budget.work(text.len() / 64)?;
    hex(by, &Sha1::digest(text))
}

pub(super) fn md5<'a>(by: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    let text = given.text(0)?;
    by.budget.work(text.len() / 16)?;
    hex(by, &md5_of(text.as_bytes()))
}

/// RFC 1321. Written out here because a crate for a broken digest would be one more to trust for nothing.
pub(crate) fn md5_of(bytes: &[u8]) -> [u8; 16] {
    const SHIFTS: [[u32; 4]; 4] = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];
    // The 64 constants are the fractions of sines (RFC 1321, section 3.4).
    let sines: Vec<u32> = (1..=64).map(|step| (f64::from(step).sin().abs() * 4_294_967_296.0) as u32).collect();
    let mut state: [u32; 4] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
    let mut padded = bytes.to_vec();
    padded.push(0x80);
    padded.resize(padded.len().next_multiple_of(64), 0);
    if padded.len() < bytes.len() + 9 {
        padded.resize(padded.len() + 64, 0);
    }
    let end = padded.len() - 8;
    let bits = (bytes.len() as u64).wrapping_mul(8).to_le_bytes();
    for (place, byte) in padded.iter_mut().skip(end).zip(bits) {
        *place = byte;
    }
    for block in padded.chunks_exact(64) {
        let words: Vec<u32> = block
            .chunks_exact(4)
            .map(|word| word.iter().rev().fold(0, |all, byte| all << 8 | u32::from(*byte)))
            .collect();
        let [mut a, mut b, mut c, mut d] = state;
        for step in 0..64 {
            let (mixed, word) = match step / 16 {
                0 => ((b & c) | (!b & d), step),
                1 => ((d & b) | (!d & c), (5 * step + 1) % 16),
                2 => (b ^ c ^ d, (3 * step + 5) % 16),
                _ => (c ^ (b | !d), (7 * step) % 16),
            };
            let sine = sines.get(step).copied().unwrap_or_default();
            let word = words.get(word).copied().unwrap_or_default();
            let shift = SHIFTS.get(step / 16).and_then(|row| row.get(step % 4)).copied().unwrap_or_default();
            let turned = a.wrapping_add(mixed).wrapping_add(sine).wrapping_add(word).rotate_left(shift);
            (a, d, c, b) = (d, c, b, b.wrapping_add(turned));
        }
        for (kept, new) in state.iter_mut().zip([a, b, c, d]) {
            *kept = kept.wrapping_add(new);
        }
    }
    let mut out = [0; 16];
    for (place, byte) in out.iter_mut().zip(state.iter().flat_map(|word| word.to_le_bytes())) {
        *place = byte;
    }
    out
}

pub(super) fn base64_encode<'a>(by: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    let text = given.text(0)?;
    by.budget.work(text.len() / 64)?;
    by.made(STANDARD.encode(text))
}

/// Line ends are skipped, as by Go. Bytes that are no text become the replacement character, as in Go's JSON.
pub(super) fn base64_decode<'a>(by: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    let text = given.text(0)?;
    by.budget.text(text.len())?;
    let joined: Vec<u8> = text.bytes().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
    let bytes = STANDARD.decode(joined).map_err(|_| given.error("the text is no standard base64 with padding"))?;
    by.made(String::from_utf8_lossy(&bytes).into_owned())
}
