//! npm ranges as node-semver reads them, and Cargo's requirements, which share its pre-release rule.
//!
//! Source: node-semver README ("Ranges", "Prerelease Tags", "Functions"); the Cargo book, "Specifying Dependencies".
//! Every range becomes comparators over full versions: `^1.2` is `>=1.2.0 <2.0.0-0`. Unless pre-releases are
//! included, a pre-release is a member only if a comparator of the set names a pre-release of the same three numbers.

use std::cmp::Ordering;

use crate::error::Why;
use crate::semver;
use crate::{Options, Scheme};

/// Three numbers and a pre-release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Full {
    numbers: [u64; 3],
    pre: String,
}

impl Full {
    pub(crate) fn parse(text: &str, scheme: Scheme, options: &Options) -> Result<Self, Why> {
        let rules = match scheme {
            Scheme::Cargo => semver::CARGO,
            _ if options.loose => semver::NPM_LOOSE,
            _ => semver::NPM,
        };
        let version = semver::parse(text, rules)?;
        let mut numbers = [0; 3];
        let mut count = 0;
        for part in version.numbers.split(|&byte| byte == b'.') {
            *numbers.get_mut(count).ok_or("it has more than three numbers")? = number(part)?;
            count += 1;
        }
        if count != 3 {
            return Err("it has not exactly three numbers");
        }
        Ok(Self { numbers, pre: String::from_utf8_lossy(version.pre).into_owned() })
    }

    fn compare(&self, other: &Self) -> Ordering {
        self.numbers
            .cmp(&other.numbers)
            .then_with(|| semver::compare_pre(self.pre.as_bytes(), other.pre.as_bytes(), false))
    }
}

pub(crate) fn number(digits: &[u8]) -> Result<u64, Why> {
    std::str::from_utf8(digits).ok().and_then(|text| text.parse().ok()).ok_or("a number is too large")
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Comparator {
    sign: Sign,
    bound: Full,
}

/// Comparators that must all hold; none means any release.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Set(Vec<Comparator>);

impl Set {
    pub(crate) fn contains(&self, version: &Full, include_prerelease: bool) -> bool {
        let holds = self.0.iter().all(|comparator| {
            let order = version.compare(&comparator.bound);
            match comparator.sign {
                Sign::Less => order.is_lt(),
                Sign::LessOrEqual => order.is_le(),
                Sign::Greater => order.is_gt(),
                Sign::GreaterOrEqual => order.is_ge(),
                Sign::Equal => order.is_eq(),
            }
        });
        let named =
            |comparator: &Comparator| !comparator.bound.pre.is_empty() && comparator.bound.numbers == version.numbers;
        holds && (version.pre.is_empty() || include_prerelease || self.0.iter().any(named))
    }

    fn push(&mut self, sign: Sign, numbers: [u64; 3], pre: &str) {
        self.0.push(Comparator { sign, bound: Full { numbers, pre: pre.to_owned() } });
    }
}

/// A version in a range, of which the last numbers may be open (`1.x`, `1`).
struct Partial<'a> {
    /// Open from the first `None` on.
    numbers: [Option<u64>; 3],
    pre: &'a str,
}

impl<'a> Partial<'a> {
    fn parse(text: &'a str, loose: bool) -> Result<Self, Why> {
        let text = text.trim_start_matches(['v', 'V', '=', ' ', '\t']);
        let mut numbers = [None; 3];
        let mut open = false;
        let mut rest = text;
        for (at, slot) in numbers.iter_mut().enumerate() {
            let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            let (part, mut tail) = rest.split_at(end);
            if part.is_empty() {
                tail = tail.strip_prefix(['x', 'X', '*']).ok_or("a number or `x` is missing")?;
                open = true;
            } else if !loose && part.len() > 1 && part.starts_with('0') {
                return Err("a number begins with a zero");
            } else if !open {
                *slot = Some(number(part.as_bytes())?);
            }
            rest = tail;
            match tail.strip_prefix('.') {
                Some(more) if at < 2 => rest = more,
                _ => break,
            }
        }
        // Build metadata says nothing in a range.
        let rest = rest.split_once('+').map_or(rest, |(pre, _)| pre);
        let pre = match rest.strip_prefix('-') {
            Some(pre) if !pre.is_empty() => pre,
            None if rest.is_empty() => rest,
            None if loose && rest.starts_with(|c: char| c.is_ascii_alphabetic()) => rest,
            _ => return Err("what follows the numbers is no pre-release"),
        };
        if !pre.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-')) {
            return Err("the pre-release holds a character that is not a letter, digit, hyphen or dot");
        }
        Ok(Self { numbers, pre: if open || numbers[2].is_none() { "" } else { pre } })
    }
}

/// Reads one set, a piece of a range between `||`.
pub(crate) fn parse_set(text: &str, scheme: Scheme, options: &Options) -> Result<Set, Why> {
    let mut set = Set::default();
    let text = text.trim();
    let reader = Reader { loose: options.loose, zero: if options.include_prerelease { "0" } else { "" } };
    if let Some((low, high)) = hyphen(text) {
        reader.hyphen(low, high, &mut set)?;
        return Ok(set);
    }
    for (sign, operand) in clauses(text) {
        let partial = Partial::parse(operand, options.loose)?;
        match sign {
            "^" => reader.caret(&partial, &mut set)?,
            "" if scheme == Scheme::Cargo && partial.numbers[0].is_some() && !operand.contains('*') => {
                reader.caret(&partial, &mut set)?;
            }
            "~" | "~>" => reader.tilde(&partial, &mut set)?,
            "" | "=" | "==" => reader.plain("", &partial, &mut set)?,
            "<" | "<=" | ">" | ">=" => reader.plain(sign, &partial, &mut set)?,
            _ => return Err("the operator is unknown"),
        }
    }
    Ok(set)
}

/// `1.2 - 3.4`: a hyphen between spaces.
fn hyphen(text: &str) -> Option<(&str, &str)> {
    let (low, high) = text.split_once(" - ")?;
    let single = |text: &str| !text.is_empty() && !text.contains(char::is_whitespace);
    let (low, high) = (low.trim(), high.trim());
    (single(low) && single(high)).then_some((low, high))
}

/// Operators with their operands; white space may stand between them, a comma separates like a space.
fn clauses(text: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
        if rest.is_empty() {
            return found;
        }
        let end = rest.find(|c: char| !"<>=~^!".contains(c)).unwrap_or(rest.len());
        let (sign, tail) = rest.split_at(end);
        let tail = tail.trim_start();
        let end = tail.find(|c: char| c.is_whitespace() || c == ',').unwrap_or(tail.len());
        let (operand, after) = tail.split_at(end);
        found.push((sign, operand));
        rest = after;
    }
}

struct Reader {
    loose: bool,
    /// The pre-release of a lower bound that an open number implies: `0` if pre-releases are included.
    zero: &'static str,
}

/// The lowest pre-release: an upper bound below it excludes the pre-releases of the bound.
const LOWEST: &str = "0";

fn up(number: u64) -> Result<u64, Why> {
    number.checked_add(1).ok_or("a number is too large")
}

impl Reader {
    fn caret(&self, partial: &Partial<'_>, set: &mut Set) -> Result<(), Why> {
        let (low, high, pre) = match partial.numbers {
            [None, ..] => return self.any(set),
            [Some(major), None, _] => ([major, 0, 0], [up(major)?, 0, 0], self.zero),
            [Some(0), Some(minor), None] => ([0, minor, 0], [0, up(minor)?, 0], self.zero),
            [Some(major), Some(minor), None] => ([major, minor, 0], [up(major)?, 0, 0], self.zero),
            [Some(0), Some(0), Some(patch)] => ([0, 0, patch], [0, 0, up(patch)?], partial.pre),
            [Some(0), Some(minor), Some(patch)] => ([0, minor, patch], [0, up(minor)?, 0], partial.pre),
            [Some(major), Some(minor), Some(patch)] => ([major, minor, patch], [up(major)?, 0, 0], partial.pre),
        };
        set.push(Sign::GreaterOrEqual, low, pre);
        set.push(Sign::Less, high, LOWEST);
        Ok(())
    }

    fn tilde(&self, partial: &Partial<'_>, set: &mut Set) -> Result<(), Why> {
        let (low, high, pre) = match partial.numbers {
            [None, ..] => return self.any(set),
            [Some(major), None, _] => ([major, 0, 0], [up(major)?, 0, 0], self.zero),
            [Some(major), Some(minor), None] => ([major, minor, 0], [major, up(minor)?, 0], self.zero),
            [Some(major), Some(minor), Some(patch)] => ([major, minor, patch], [major, up(minor)?, 0], partial.pre),
        };
        set.push(Sign::GreaterOrEqual, low, pre);
        set.push(Sign::Less, high, LOWEST);
        Ok(())
    }

    fn any(&self, set: &mut Set) -> Result<(), Why> {
        if !self.zero.is_empty() {
            set.push(Sign::GreaterOrEqual, [0; 3], self.zero);
        }
        Ok(())
    }

    fn plain(&self, sign: &str, partial: &Partial<'_>, set: &mut Set) -> Result<(), Why> {
        // An open number stands for zero at the low end and for the next number at the high end.
        let (low, high) = match partial.numbers {
            [None, ..] if sign == "<" || sign == ">" => {
                set.push(Sign::Less, [0; 3], LOWEST);
                return Ok(());
            }
            [None, ..] => return self.any(set),
            [Some(major), None, _] => ([major, 0, 0], [up(major)?, 0, 0]),
            [Some(major), Some(minor), None] => ([major, minor, 0], [major, up(minor)?, 0]),
            [Some(major), Some(minor), Some(patch)] => {
                let sign = match sign {
                    "<" => Sign::Less,
                    "<=" => Sign::LessOrEqual,
                    ">" => Sign::Greater,
                    ">=" => Sign::GreaterOrEqual,
                    _ => Sign::Equal,
                };
                set.push(sign, [major, minor, patch], partial.pre);
                return Ok(());
            }
        };
        match sign {
            "<" => set.push(Sign::Less, low, LOWEST),
            "<=" => set.push(Sign::Less, high, LOWEST),
            ">" => set.push(Sign::GreaterOrEqual, high, self.zero),
            ">=" => set.push(Sign::GreaterOrEqual, low, self.zero),
            _ => {
                set.push(Sign::GreaterOrEqual, low, self.zero);
                set.push(Sign::Less, high, LOWEST);
            }
        }
        Ok(())
    }

    fn hyphen(&self, low: &str, high: &str, set: &mut Set) -> Result<(), Why> {
        let (low, high) = (Partial::parse(low, self.loose)?, Partial::parse(high, self.loose)?);
        match low.numbers {
            [None, ..] => {}
            [Some(major), None, _] => set.push(Sign::GreaterOrEqual, [major, 0, 0], self.zero),
            [Some(major), Some(minor), None] => set.push(Sign::GreaterOrEqual, [major, minor, 0], self.zero),
            [Some(major), Some(minor), Some(patch)] => {
                let pre = if low.pre.is_empty() { self.zero } else { low.pre };
                set.push(Sign::GreaterOrEqual, [major, minor, patch], pre);
            }
        }
        match high.numbers {
            [None, ..] => {}
            [Some(major), None, _] => set.push(Sign::Less, [up(major)?, 0, 0], LOWEST),
            [Some(major), Some(minor), None] => set.push(Sign::Less, [major, up(minor)?, 0], LOWEST),
            [Some(major), Some(minor), Some(patch)] if high.pre.is_empty() && !self.zero.is_empty() => {
                set.push(Sign::Less, [major, minor, up(patch)?], LOWEST);
            }
            [Some(major), Some(minor), Some(patch)] => {
                set.push(Sign::LessOrEqual, [major, minor, patch], high.pre);
            }
        }
        Ok(())
    }
}
