//! `semver()`. Source: semver.org 2.0.0; k8s.io/apiserver pkg/cel/library/semverlib.go.

use std::cmp::Ordering;
use std::rc::Rc;

use super::Called;
use crate::cel::convert::shortened;
use crate::cel::error::Error;
use crate::cel::opaque::Opaque;
use crate::cel::value::Value;

/// A version. Build metadata has no part in its order.
#[derive(Clone, Debug)]
pub struct Version {
    numbers: [u64; 3],
    /// What stands behind the hyphen: `rc.1`.
    before: String,
}

impl PartialEq for Version {
    fn eq(&self, other: &Version) -> bool {
        self.order(other).is_eq()
    }
}

impl Version {
    fn parse(text: &str, normalize: bool) -> Option<Version> {
        let text = if normalize { text.strip_prefix('v').unwrap_or(text) } else { text };
        let (text, build) = text.split_once('+').map_or((text, None), |(text, build)| (text, Some(build)));
        let (numbers, before) = text.split_once('-').map_or((text, None), |(text, before)| (text, Some(before)));
        let part = |part: &str| {
            !part.is_empty() && part.bytes().all(|letter| letter.is_ascii_alphanumeric() || letter == b'-')
        };
        if build.is_some_and(|build| !build.split('.').all(part)) {
            return None;
        }
        let mut found = [0_u64; 3];
        let mut count = 0_usize;
        for number in numbers.split('.') {
            let bare = if normalize { number.trim_start_matches('0') } else { number };
            let bare = if bare.is_empty() && !number.is_empty() { "0" } else { bare };
            let leading = bare.len() > 1 && bare.starts_with('0');
            if bare.is_empty() || leading || !bare.bytes().all(|digit| digit.is_ascii_digit()) {
                return None;
            }
            *found.get_mut(count)? = bare.parse().ok()?;
            count += 1;
        }
        if count != 3 && !normalize {
            return None;
        }
        let numeric = |text: &str| text.bytes().all(|digit| digit.is_ascii_digit());
        let wrong = |text: &str| !part(text) || (numeric(text) && text.len() > 1 && text.starts_with('0'));
        if before.is_some_and(|before| before.split('.').any(wrong)) {
            return None;
        }
        Some(Version { numbers: found, before: before.unwrap_or_default().to_owned() })
    }

    /// Bytes of its text.
    pub(crate) fn bytes(&self) -> usize {
        self.before.len()
    }

    fn order(&self, other: &Version) -> Ordering {
        self.numbers.cmp(&other.numbers).then_with(|| match (self.before.is_empty(), other.before.is_empty()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => {
                let (one, other) = (self.before.split('.'), other.before.split('.'));
                let pairs = one.clone().zip(other.clone()).map(|(one, other)| identifiers(one, other));
                pairs.fold(Ordering::Equal, Ordering::then).then_with(|| one.count().cmp(&other.count()))
            }
        })
    }
}

/// Numbers by value and before words, words by their letters.
fn identifiers(one: &str, other: &str) -> Ordering {
    let numeric = |text: &str| text.bytes().all(|digit| digit.is_ascii_digit());
    match (numeric(one), numeric(other)) {
        (true, true) => one.len().cmp(&other.len()).then_with(|| one.cmp(other)),
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => one.cmp(other),
    }
}

pub(super) fn call<'a>(name: &str, args: &[Value<'a>]) -> Called<'a> {
    let (text, normalize) = match args {
        [Value::String(text)] => (text, false),
        [Value::String(text), Value::Bool(normalize)] => (text, *normalize),
        _ => return Err(Error::no_such_overload()),
    };
    let found = Version::parse(text, normalize);
    match (name, found) {
        ("isSemver", found) => Ok(Value::Bool(found.is_some())),
        (_, Some(found)) => Ok(Value::Opaque(Rc::new(Opaque::Version(found)))),
        (_, None) => Err(Error::new(format!("`{}` is no semantic version", shortened(text)))),
    }
}

pub(super) fn on_version<'a>(name: &str, version: &Version, rest: &[Value<'a>]) -> Called<'a> {
    let number = |index: usize| {
        let number = version.numbers.get(index).copied().unwrap_or_default();
        i64::try_from(number).map(Value::Int).map_err(|_| Error::new("integer overflow"))
    };
    let order = match rest {
        [Value::Opaque(opaque)] => match &**opaque {
            Opaque::Version(other) => Some(version.order(other)),
            _ => None,
        },
        _ => None,
    };
    match (name, rest, order) {
        ("major", [], _) => number(0),
        ("minor", [], _) => number(1),
        ("patch", [], _) => number(2),
        ("isLessThan", _, Some(order)) => Ok(Value::Bool(order.is_lt())),
        ("isGreaterThan", _, Some(order)) => Ok(Value::Bool(order.is_gt())),
        ("compareTo", _, Some(order)) => Ok(Value::Int(order as i64)),
        _ => Err(Error::no_such_overload()),
    }
}
