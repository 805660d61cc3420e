//! Which functions a program holds, in few bytes and with doubt on one side only.

/// Bits per entry. With [`PROBES`], one of 150 names that were never put in seems to be there.
const BITS: usize = 10;

/// Bits that each entry sets.
const PROBES: u64 = 6;

/// Bits in a character.
const SIX: u64 = 6;

/// A set of function names that may take a name for one of its own, and never misses one (a Bloom filter).
///
/// It is a text: each character from `0` on stands for six bits, so it can stand among a package's facts. Several sets with spaces between are
/// their union. Whoever clears a package of a vulnerability because a function is not there is wrong in no case; in one of 150, a package
/// is not cleared that could be.
pub struct SymbolSet;

impl SymbolSet {
    /// The fact of a package under which its set stands (`Package::extra`).
    pub const FACT: &'static str = "go.symbols";

    /// The hash of a function `symbol` of the package `path`; of the package itself where `symbol` is empty.
    pub fn hash(path: &str, symbol: &str) -> u64 {
        // FNV-1a: <http://www.isthe.com/chongo/tech/comp/fnv/>. A set that somebody made names collide in clears less, not more.
        let bytes = path.bytes().chain(std::iter::once(b' ')).chain(symbol.bytes());
        let hash =
            bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
        // Its low bits hang on few of the input's.
        (hash ^ hash >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    /// The set of these hashes.
    pub fn of(hashes: impl ExactSizeIterator<Item = u64>) -> String {
        let characters = (hashes.len() * BITS).div_ceil(SIX as usize).max(1);
        let mut bits = vec![0u8; characters];
        for hash in hashes {
            for place in places(hash, characters) {
                if let Some(six) = bits.get_mut((place / SIX) as usize) {
                    *six |= 1 << (place % SIX);
                }
            }
        }
        bits.into_iter().map(|six| char::from(b'0' + six)).collect()
    }

    /// Whether the name may be among those of one of the sets. Text that is no set holds everything.
    pub fn holds(sets: &str, hash: u64) -> bool {
        sets.is_empty()
            || sets.split(' ').any(|set| {
                let set = set.as_bytes();
                places(hash, set.len()).all(|place| match set.get((place / SIX) as usize) {
                    Some(six @ b'0'..=b'o') => (six - b'0') >> (place % SIX) & 1 == 1,
                    _ => true,
                })
            })
    }
}

/// The bits of a hash in a set of so many characters. Source: Kirsch and Mitzenmacher, "Less Hashing, Same Performance" (2006).
fn places(hash: u64, characters: usize) -> impl Iterator<Item = u64> {
    let (one, other) = (hash & 0xffff_ffff, hash >> 32 | 1);
    let size = (characters as u64 * SIX).max(1);
    (0..PROBES).map(move |n| (one + n * other) % size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_missed_and_little_is_invented() {
        let names: Vec<String> = (0..5000).map(|n| format!("F{n}")).collect();
        let (inside, outside) = names.split_at(2500);
        let set = SymbolSet::of(inside.iter().map(|name| SymbolSet::hash("a.b/c", name)));
        assert!(set.len() < 4200, "{} characters", set.len());
        assert!(inside.iter().all(|name| SymbolSet::holds(&set, SymbolSet::hash("a.b/c", name))));
        let invented = outside.iter().filter(|name| SymbolSet::holds(&set, SymbolSet::hash("a.b/c", name))).count();
        assert!(invented < 60, "{invented} of 2500");
        assert!(!SymbolSet::holds(&set, SymbolSet::hash("a.b/d", "F1")));
        let both = format!("{} {set}", SymbolSet::of([SymbolSet::hash("x", "")].into_iter()));
        assert!(
            SymbolSet::holds(&both, SymbolSet::hash("x", ""))
                && SymbolSet::holds(&both, SymbolSet::hash("a.b/c", "F7"))
        );
    }

    #[test]
    fn what_is_no_set_holds_everything() {
        for text in ["", " ", "\u{fffd}\u{fffd}", "0 "] {
            assert!(SymbolSet::holds(text, SymbolSet::hash("a", "F")), "{text:?}");
        }
        assert!(!SymbolSet::holds(&SymbolSet::of(std::iter::empty()), SymbolSet::hash("a", "F")));
    }
}
