//! Semantic ranges as Trivy's libraries read them (npm and semver): an open number equals every number.
//!
//! Source: behaviour of aquasecurity/go-version and go-npm-version: `=1.2` holds for every `1.2.*`, `>1.2` begins at
//! `1.3.0`, a pre-release never matches a bound without one unless pre-releases are included.

use std::cmp::Ordering;

use crate::clause::Op;
use crate::error::Why;
use crate::npm::number;
use crate::{Options, Scheme, semver};

/// Three numbers and a pre-release of the version under test.
pub(crate) struct Subject {
    numbers: [u64; 3],
    pre: String,
}

impl Subject {
    pub(crate) fn parse(text: &str) -> Result<Self, Why> {
        let version = semver::parse(text, semver::SEMVER)?;
        let mut numbers = [0; 3];
        for (at, part) in version.numbers.split(|&byte| byte == b'.').enumerate() {
            *numbers.get_mut(at).ok_or("it has more than three numbers")? = number(part)?;
        }
        Ok(Self { numbers, pre: String::from_utf8_lossy(version.pre).into_owned() })
    }
}

/// One operator with its bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bound {
    op: Op,
    /// `None` is open.
    numbers: [Option<u64>; 3],
    pre: String,
}

impl Bound {
    /// What an empty constraint means: any release.
    pub(crate) fn any() -> Self {
        Self { op: Op::Equal, numbers: [None; 3], pre: String::new() }
    }

    pub(crate) fn parse(op: Op, text: &str, options: &Options) -> Result<Self, Why> {
        let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
        let missing = if options.zero_padding { Some(0) } else { None };
        let mut numbers = [missing; 3];
        let text = text.split_once('+').map_or(text, |(head, _)| head);
        let (core, pre) = text.split_once('-').map_or((text, ""), |(core, pre)| (core, pre));
        let mut open = false;
        for (at, part) in core.split('.').enumerate() {
            let slot = numbers.get_mut(at).ok_or("it has more than three numbers")?;
            open |= matches!(part, "x" | "X" | "*");
            *slot = if open { None } else { Some(number(part.as_bytes())?) };
        }
        if open && let Some(at) = numbers.iter().position(Option::is_none) {
            numbers[at..].fill(None);
        }
        Ok(Self { op, numbers, pre: pre.to_owned() })
    }

    fn is_open(&self) -> bool {
        self.numbers.contains(&None)
    }

    pub(crate) fn holds(&self, version: &Subject, scheme: Scheme, options: &Options) -> bool {
        if !options.include_prerelease && !version.pre.is_empty() && self.pre.is_empty() {
            return false;
        }
        if !self.pre.is_empty() && self.is_open() {
            return false;
        }
        let order = self.order(version);
        // npm alone: two pre-releases compare only if their numbers agree.
        let both = scheme == Scheme::Npm && !options.include_prerelease && !version.pre.is_empty();
        let same = !both || self.numbers == version.numbers.map(Some);
        match self.op {
            Op::Equal => order.is_eq(),
            Op::NotEqual => order.is_ne(),
            Op::Less => same && self.below(version, order, scheme),
            Op::LessOrEqual => same && order.is_le(),
            Op::Greater => same && order.is_gt(),
            Op::GreaterOrEqual => same && order.is_ge(),
            Op::Tilde | Op::Pessimistic => order.is_ge() && same && self.below_bump(version, self.tilde()),
            Op::Caret => order.is_ge() && same && self.below_bump(version, self.caret()),
            Op::Compatible | Op::Identical => false,
        }
    }

    fn order(&self, version: &Subject) -> Ordering {
        for (number, bound) in version.numbers.iter().zip(self.numbers) {
            let Some(bound) = bound else { return Ordering::Equal };
            if *number != bound {
                return number.cmp(&bound);
            }
        }
        semver::compare_pre(version.pre.as_bytes(), self.pre.as_bytes(), false)
    }

    /// semver takes the lowest version of an open bound: `<1.2` ends at 1.2.0, before which its pre-releases lie.
    fn below(&self, version: &Subject, order: Ordering, scheme: Scheme) -> bool {
        if scheme == Scheme::Npm || !self.is_open() {
            return order.is_lt();
        }
        let lowest = self.numbers.map(|number| number.unwrap_or(0));
        version.numbers.cmp(&lowest).then_with(|| semver::compare_pre(version.pre.as_bytes(), b"", false)).is_lt()
    }

    fn below_bump(&self, version: &Subject, bump: Option<[u64; 3]>) -> bool {
        bump.is_none_or(|bump| {
            version.numbers.cmp(&bump).then_with(|| semver::compare_pre(version.pre.as_bytes(), b"", false)).is_lt()
        })
    }

    fn tilde(&self) -> Option<[u64; 3]> {
        match self.numbers {
            [None, ..] => None,
            [Some(major), None, _] => Some([major.saturating_add(1), 0, 0]),
            [Some(major), Some(minor), _] => Some([major, minor.saturating_add(1), 0]),
        }
    }

    fn caret(&self) -> Option<[u64; 3]> {
        match self.numbers {
            [None, ..] => None,
            [Some(0), None, _] => Some([1, 0, 0]),
            [Some(0), Some(0), None] => Some([0, 1, 0]),
            [Some(0), Some(0), Some(patch)] => Some([0, 0, patch.saturating_add(1)]),
            [Some(0), Some(minor), _] => Some([0, minor.saturating_add(1), 0]),
            [Some(major), ..] => Some([major.saturating_add(1), 0, 0]),
        }
    }
}
