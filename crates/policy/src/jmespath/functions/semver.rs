//! Ranges of semantic versions, in the syntax of Go's `blang/semver`: `>=1.2.3 <2.0.0 || 3.x`.
//!
//! Source: blang/semver:v4/range.go. A version that is none counts as 0.0.0, as upstream has it; a range that is none is an error.

use std::cmp::Ordering;

use super::super::eval::Evaluator;
use super::super::item::Item;
use super::super::surroundings::SearchError;
use super::Arguments;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Version {
    numbers: [u64; 3],
    /// Identifiers of a pre-release; none for a release.
    pre: Vec<String>,
}

pub(super) fn semver_compare<'a>(by: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Result<Item<'a>, SearchError> {
    let (version, range) = (given.text(0)?, given.text(1)?);
    by.budget.work(version.len() + range.len())?;
    let version = parse(version).unwrap_or_default();
    let matched = in_range(&version, range).ok_or_else(|| given.error("argument #2 is no range of versions"))?;
    Ok(Item::Bool(matched))
}

fn parse(text: &str) -> Option<Version> {
    let (text, build) = text.split_once('+').map_or((text, None), |(text, build)| (text, Some(build)));
    let (core, pre) = text.split_once('-').map_or((text, None), |(core, pre)| (core, Some(pre)));
    let identifier =
        |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let leading_zero = |text: &str| text.len() > 1 && text.starts_with('0');
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if build.is_some_and(|build| !build.split('.').all(identifier)) {
        return None;
    }
    let mut numbers = [0; 3];
    let mut parts = core.split('.');
    for place in &mut numbers {
        let part = parts.next().filter(|part| digits(part) && !leading_zero(part))?;
        *place = part.parse().ok()?;
    }
    if parts.next().is_some() {
        return None;
    }
    let pre: Vec<String> = pre.map(|pre| pre.split('.').map(str::to_owned).collect()).unwrap_or_default();
    let good = |part: &String| identifier(part) && !(digits(part) && leading_zero(part));
    pre.iter().all(good).then_some(Version { numbers, pre })
}

impl Version {
    /// Source: semver.org, section 11.
    fn compare(&self, other: &Version) -> Ordering {
        let by_number = self.numbers.cmp(&other.numbers);
        if by_number != Ordering::Equal {
            return by_number;
        }
        match (self.pre.is_empty(), other.pre.is_empty()) {
            (true, true) => return Ordering::Equal,
            (true, false) => return Ordering::Greater,
            (false, true) => return Ordering::Less,
            (false, false) => {}
        }
        for (left, right) in self.pre.iter().zip(&other.pre) {
            let order = match (left.parse::<u64>(), right.parse::<u64>()) {
                (Ok(left), Ok(right)) => left.cmp(&right),
                (Ok(_), Err(_)) => Ordering::Less,
                (Err(_), Ok(_)) => Ordering::Greater,
                (Err(_), Err(_)) => left.cmp(right),
            };
            if order != Ordering::Equal {
                return order;
            }
        }
        self.pre.len().cmp(&other.pre.len())
    }
}

/// Whether the version is in the range. `None`: the range is none.
fn in_range(version: &Version, range: &str) -> Option<bool> {
    let mut any = false;
    for group in range.split("||") {
        let mut all = true;
        let mut terms = 0;
        let mut rest = group.trim();
        while !rest.is_empty() {
            // The operator may stand apart from its version.
            let sign = rest.len() - rest.trim_start_matches(['<', '>', '=', '!']).len();
            let (operator, after) = rest.split_at(sign);
            let after = after.trim_start();
            let end =
                after.find(|letter: char| letter.is_whitespace() || "<>=!".contains(letter)).unwrap_or(after.len());
            let (term, after) = after.split_at(end);
            all &= holds(version, operator, term)?;
            terms += 1;
            rest = after.trim_start();
        }
        if terms == 0 {
            return None;
        }
        any |= all;
    }
    Some(any)
}

/// One comparison. An `x` in the place of a number stands for any.
fn holds(version: &Version, operator: &str, term: &str) -> Option<bool> {
    let operator = match operator {
        "" | "=" | "==" => "=",
        "!" | "!=" => "!=",
        ">" | ">=" | "<" | "<=" => operator,
        _ => return None,
    };
    let parts: Vec<&str> = term.split('.').collect();
    let wild = |part: &&str| matches!(*part, "x" | "X" | "*");
    let Some(first) = parts.iter().position(&wild) else {
        let order = version.compare(&parse(term)?);
        return Some(match operator {
            "=" => order == Ordering::Equal,
            "!=" => order != Ordering::Equal,
            ">" => order == Ordering::Greater,
            ">=" => order != Ordering::Less,
            "<" => order == Ordering::Less,
            _ => order != Ordering::Greater,
        });
    };
    // `1.x` is all from 1.0.0 up to but without 2.0.0, and `1.2.x` up to 1.3.0.
    if first == 0 || first > 2 || parts.len() > 3 || !parts.iter().skip(first).all(wild) {
        return None;
    }
    let mut low = [0_u64; 3];
    for (place, part) in low.iter_mut().zip(parts.iter().take(first)) {
        *place = part.parse().ok()?;
    }
    let mut high = low;
    if let Some(place) = high.get_mut(first - 1) {
        *place = place.checked_add(1)?;
    }
    let low = version.compare(&Version { numbers: low, pre: Vec::new() });
    let high = version.compare(&Version { numbers: high, pre: Vec::new() });
    Some(match operator {
        "=" => low != Ordering::Less && high == Ordering::Less,
        "!=" => low == Ordering::Less || high != Ordering::Less,
        ">" => high != Ordering::Less,
        ">=" => low != Ordering::Less,
        "<" => low == Ordering::Less,
        _ => high == Ordering::Less,
    })
}
