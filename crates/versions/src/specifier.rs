//! Python's version specifiers.
//!
//! Source: PyPA specifications, "Version specifiers": the sections on `~=`, `==`, `!=`, inclusive and exclusive ordered
//! comparison, and `===`.

use std::cmp::Ordering;

use crate::clause::Op;
use crate::error::Why;
use crate::pep440::{self, Version};
use crate::{Options, num, semver};

/// One operator with its version; `prefix` says that `.*` stood behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Specifier {
    op: Op,
    version: String,
    prefix: bool,
}

impl Specifier {
    pub(crate) fn parse(op: Op, text: &str) -> Result<Self, Why> {
        let (version, prefix) = text.strip_suffix(".*").map_or((text, false), |version| (version, true));
        if prefix && !matches!(op, Op::Equal | Op::NotEqual) {
            return Err("`.*` may only follow `==` or `!=`");
        }
        if matches!(op, Op::Tilde | Op::Pessimistic | Op::Caret) {
            return Err("the operator is unknown");
        }
        match pep440::parse(version) {
            Ok(parsed) if op == Op::Compatible && !parsed.release.contains(&b'.') => {
                return Err("`~=` needs at least two numbers");
            }
            Ok(parsed) if prefix && !parsed.local.is_empty() => return Err("`.*` may not follow a local label"),
            Err(why) if prefix || op == Op::Compatible => return Err(why),
            // A text of the older order still has a place among the others.
            _ => {}
        }
        Ok(Self { op, version: version.to_owned(), prefix })
    }

    pub(crate) fn holds(&self, text: &str, options: &Options) -> bool {
        if self.op == Op::Identical {
            return text.eq_ignore_ascii_case(&self.version);
        }
        let (Ok(version), Ok(bound)) = (pep440::parse(text), pep440::parse(&self.version)) else {
            return self.holds_legacy(text);
        };
        let public = pep440::compare_public(&version, &bound);
        let full = public.then_with(|| pep440::compare_local(version.local, bound.local));
        let same_base = num::compare(version.epoch, bound.epoch).is_eq()
            && semver::compare_numbers(version.release, bound.release).is_eq();
        match self.op {
            Op::Equal if self.prefix => starts_with(&version, &bound),
            Op::NotEqual if self.prefix => !starts_with(&version, &bound),
            // A local label in the version does not count unless the specifier has one.
            Op::Equal => {
                if bound.local.is_empty() {
                    public.is_eq()
                } else {
                    full.is_eq()
                }
            }
            Op::NotEqual => {
                if bound.local.is_empty() {
                    public.is_ne()
                } else {
                    full.is_ne()
                }
            }
            Op::LessOrEqual => public.is_le(),
            Op::GreaterOrEqual => public.is_ge(),
            Op::Less => {
                // "must not allow a pre-release of the specified version"
                let post = bound.post.is_none() || same_post(version.post, bound.post);
                let excluded = version.is_prerelease() && !bound.is_prerelease() && same_base && post;
                public.is_lt() && (options.include_prerelease || !excluded)
            }
            Op::Greater => {
                // "must not allow a post-release of the given version", nor a local version of it
                let given = Version { post: None, dev: None, local: &[], ..version };
                let later = version.post.is_some() && bound.post.is_none() && pep440::compare(&given, &bound).is_eq();
                full.is_gt() && !later && !(public.is_eq() && bound.local.is_empty())
            }
            Op::Compatible => {
                let cut = bound.release.iter().rposition(|&byte| byte == b'.').unwrap_or(0);
                let family = Version { release: &bound.release[..cut], pre: None, post: None, dev: None, ..bound };
                public.is_ge() && starts_with(&version, &family)
            }
            Op::Tilde | Op::Pessimistic | Op::Caret | Op::Identical => false,
        }
    }

    /// When one side is of the older order: plain comparison, and no families.
    fn holds_legacy(&self, text: &str) -> bool {
        let order = match (pep440::parse(text).is_ok(), pep440::parse(&self.version).is_ok()) {
            (true, _) => Ordering::Greater,
            (_, true) => Ordering::Less,
            _ => pep440::legacy_parts(text).cmp(&pep440::legacy_parts(&self.version)),
        };
        match self.op {
            Op::Compatible => false,
            op if self.prefix => op == Op::NotEqual,
            op => op.accepts(order),
        }
    }
}

fn same_post(a: Option<&[u8]>, b: Option<&[u8]>) -> bool {
    matches!((a, b), (Some(a), Some(b)) if num::compare(a, b).is_eq())
}

/// Whether `version` without its local label begins with the parts of `prefix`; numbers go on with zeros.
fn starts_with(version: &Version<'_>, prefix: &Version<'_>) -> bool {
    if num::compare(version.epoch, prefix.epoch).is_ne() {
        return false;
    }
    let count = |release: &[u8]| release.split(|&byte| byte == b'.').count();
    let tail = prefix.pre.is_some() || prefix.post.is_some() || prefix.dev.is_some();
    let mut numbers = version.release.split(|&byte| byte == b'.');
    for expected in prefix.release.split(|&byte| byte == b'.') {
        if num::compare(numbers.next().unwrap_or_default(), expected).is_ne() {
            return false;
        }
    }
    if !tail {
        return true;
    }
    if count(version.release) > count(prefix.release) && !numbers.all(num::is_zero) {
        return false;
    }
    let pre = prefix.pre.is_none_or(|(kind, number)| {
        version.pre.is_some_and(|(other, digits)| other == kind && num::compare(digits, number).is_eq())
    });
    let part = |wanted: Option<&[u8]>, found: Option<&[u8]>| {
        wanted.is_none_or(|wanted| found.is_some_and(|found| num::compare(found, wanted).is_eq()))
    };
    // What stands before the last named part must agree, absent or not.
    let no_pre = prefix.pre.is_some() || version.pre.is_none();
    let no_post = prefix.post.is_some() || prefix.dev.is_none() || version.post.is_none();
    pre && no_pre && part(prefix.post, version.post) && no_post && part(prefix.dev, version.dev)
}
