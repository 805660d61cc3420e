//! Random text that fits a regular expression. The randomness comes from outside: SHA-256 over the seed and a counter.

use regex_syntax::hir::{Class, Hir, HirKind};
use sha2::{Digest as _, Sha256};

use super::super::eval::Evaluator;
use super::super::item::Item;
use super::super::surroundings::SearchError;
use super::Arguments;
use crate::go;

/// How often an unbounded repetition comes at most, beyond its least number.
const UNBOUNDED: u32 = 32;
/// Deepest nesting of a pattern.
const DEEPEST: u32 = 50;

pub(super) fn random<'a>(by: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Result<Item<'a>, SearchError> {
    let pattern = given.text(0)?;
    if pattern.is_empty() {
        return Err(given.error("no pattern provided"));
    }
    by.budget.work(500 + pattern.len().saturating_mul(20))?;
    let translated = go::regex::translate(pattern).map_err(|why| given.error(why))?;
    let tree = regex_syntax::ParserBuilder::new()
        .nest_limit(DEEPEST)
        .build()
        .parse(&translated)
        .map_err(|_| given.error("argument #1 is no regular expression"))?;
    let mut out = String::new();
    generate(by, &tree, &mut out)?;
    Ok(Item::text(out))
}

fn generate<'a>(by: &mut Evaluator<'a>, tree: &Hir, out: &mut String) -> Result<(), SearchError> {
    by.budget.work(1)?;
    match tree.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(text) => {
            by.budget.text(text.0.len())?;
            out.push_str(&String::from_utf8_lossy(&text.0));
        }
        HirKind::Class(class) => {
            if let Some(letter) = letter(by, class) {
                by.budget.text(letter.len_utf8())?;
                out.push(letter);
            }
        }
        HirKind::Repetition(repeated) => {
            let most = repeated.max.unwrap_or(repeated.min.saturating_add(UNBOUNDED));
            let count = repeated.min + by.below(most.saturating_sub(repeated.min).saturating_add(1));
            for _ in 0..count {
                generate(by, &repeated.sub, out)?;
            }
        }
        HirKind::Capture(group) => generate(by, &group.sub, out)?,
        HirKind::Concat(parts) => {
            for part in parts {
                generate(by, part, out)?;
            }
        }
        HirKind::Alternation(parts) => {
            let choice = by.below(u32::try_from(parts.len()).unwrap_or(u32::MAX)) as usize;
            if let Some(part) = parts.get(choice) {
                generate(by, part, out)?;
            }
        }
    }
    Ok(())
}

/// A letter of a class: of those that can be printed on one line, if it has any.
fn letter(by: &mut Evaluator<'_>, class: &Class) -> Option<char> {
    let ranges: Vec<(u32, u32)> = match class {
        Class::Unicode(class) => {
            class.ranges().iter().map(|range| (range.start().into(), range.end().into())).collect()
        }
        Class::Bytes(class) => class.ranges().iter().map(|range| (range.start().into(), range.end().into())).collect(),
    };
    let plain: Vec<(u32, u32)> = ranges
        .iter()
        .map(|(start, end)| ((*start).max(0x20), (*end).min(0x7e)))
        .filter(|(start, end)| start <= end)
        .collect();
    let ranges = if plain.is_empty() { ranges } else { plain };
    let count: u32 = ranges.iter().map(|(start, end)| end - start + 1).sum();
    if count == 0 {
        return None;
    }
    let mut at = by.below(count);
    for (start, end) in ranges {
        let size = end - start + 1;
        if at < size {
            return char::from_u32(start + at);
        }
        at -= size;
    }
    None
}

impl Evaluator<'_> {
    /// A number below a bound; 0 if the bound is 0. The bias of at most 2^-32 matters to nobody who names a resource.
    fn below(&mut self, bound: u32) -> u32 {
        let mut hasher = Sha256::new();
        hasher.update(self.surroundings.seed);
        hasher.update(self.drawn.to_le_bytes());
        self.drawn += 1;
        let drawn = hasher.finalize().iter().take(8).fold(0_u64, |all, byte| all << 8 | u64::from(*byte));
        u32::try_from(drawn % u64::from(bound.max(1))).unwrap_or_default()
    }
}
