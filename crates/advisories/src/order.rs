//! The one place that knows how versions are compared. Everything else in this room asks here.

use std::cmp::Ordering;

use signet_versions::{Constraint, Flavour, Options, Scheme, compare_with, sort_key, strip_platform};

use crate::record::Op;

/// How the versions of a stream are ordered. The numbers stand in compiled databases and never change their meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub(crate) enum Order {
    Deb = 1,
    Rpm = 2,
    Apk = 3,
    Pacman = 4,
    Npm = 5,
    Semver = 6,
    Generic = 7,
    Pep440 = 8,
    Maven = 9,
    Gem = 10,
    Go = 11,
    Nuget = 12,
    Composer = 13,
    Pub = 14,
    Bitnami = 15,
    Cran = 16,
    Hackage = 17,
    /// For products that no ecosystem orders.
    Fuzzy = 18,
    Jvm = 19,
}

impl Order {
    /// What it is called in output.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Order::Deb => "deb",
            Order::Rpm => "rpm",
            Order::Apk => "apk",
            Order::Pacman => "pacman",
            Order::Npm => "npm",
            Order::Semver => "semver",
            Order::Generic => "generic",
            Order::Pep440 => "python",
            Order::Maven => "maven",
            Order::Gem => "gem",
            Order::Go => "go",
            Order::Nuget => "nuget",
            Order::Composer => "composer",
            Order::Pub => "pub",
            Order::Bitnami => "bitnami",
            Order::Cran => "cran",
            Order::Hackage => "hackage",
            Order::Fuzzy => "fuzzy",
            Order::Jvm => "jvm",
        }
    }

    fn scheme(self) -> Scheme {
        match self {
            Order::Deb => Scheme::Deb,
            Order::Rpm => Scheme::Rpm,
            Order::Apk => Scheme::Apk,
            Order::Pacman => Scheme::Pacman,
            Order::Npm => Scheme::Npm,
            Order::Semver => Scheme::Semver,
            Order::Generic => Scheme::Generic,
            Order::Pep440 => Scheme::Pep440,
            Order::Maven => Scheme::Maven,
            Order::Gem => Scheme::Gem,
            Order::Go => Scheme::Go,
            Order::Nuget => Scheme::Nuget,
            Order::Composer => Scheme::Composer,
            Order::Pub => Scheme::Pub,
            Order::Bitnami => Scheme::Bitnami,
            Order::Cran => Scheme::Cran,
            Order::Hackage => Scheme::Hackage,
            Order::Fuzzy => Scheme::Fuzzy,
            Order::Jvm => Scheme::Jvm,
        }
    }
}

/// How advisories' ranges are read: as Trivy reads them, for whose database they were written, pre-releases being ordinary members. Versions
/// of packages are what their authors wrote, so npm's loose forms are accepted.
fn options() -> Options {
    let mut options = Options::flavoured(Flavour::Trivy);
    (options.include_prerelease, options.zero_padding, options.loose) = (true, true, true);
    options
}

/// Two texts that the order cannot compare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unordered {
    pub(crate) why: String,
}

/// Appends bytes that sort as the version does. `false`: the order has no such keys, or the text is no version of it.
pub(crate) fn key(order: Order, version: &str, out: &mut Vec<u8>) -> bool {
    let before = out.len();
    let made = sort_key(order.scheme(), version, out).is_ok();
    if !made {
        out.truncate(before);
    }
    made
}

/// Which of two versions is the older.
pub(crate) fn compare(order: Order, a: &str, b: &str) -> Result<Ordering, Unordered> {
    compare_with(order.scheme(), a, b, &options()).map_err(|err| Unordered { why: err.to_string() })
}

fn satisfies(order: Order, version: &str, constraint: &str) -> Result<bool, Unordered> {
    let constraint =
        Constraint::parse(order.scheme(), constraint, options()).map_err(|err| Unordered { why: err.to_string() })?;
    constraint.contains(version).map_err(|err| Unordered { why: err.to_string() })
}

/// A package's version, ready to be compared with many bounds. Its key is made when it is first needed.
#[derive(Debug)]
pub(crate) struct Probe<'v> {
    order: Order,
    version: &'v str,
    key: Option<Vec<u8>>,
    /// An epoch that only the bound has says nothing.
    any_epoch: bool,
}

impl<'v> Probe<'v> {
    pub(crate) fn new(order: Order, version: &'v str) -> Probe<'v> {
        // A lock file names a gem with its platform: `1.19.3-aarch64-linux-gnu`.
        let version = if order == Order::Gem { strip_platform(version) } else { version };
        Probe { order, version, key: None, any_epoch: false }
    }

    /// A source package's version as a file name gives it, without its epoch: the bound's epoch is taken for its own. Else every
    /// `perl` of 4:5.26 would be older than its fix (rpm-software-management/rpm#450; grype `grype/matcher/rpm/matcher.go`).
    pub(crate) fn without_epoch(order: Order, version: &'v str) -> Probe<'v> {
        let any_epoch = order == Order::Rpm && !version.contains(':');
        Probe { any_epoch, ..Probe::new(order, version) }
    }

    pub(crate) fn version(&self) -> &'v str {
        self.version
    }

    /// Whether `version op bound`. `bound_key` is the stored key of the bound, empty where there is none.
    pub(crate) fn holds(&mut self, op: Op, bound: &str, bound_key: &[u8]) -> Result<bool, Unordered> {
        let ordering = self.against(bound, bound_key)?;
        Ok(match op {
            Op::Less => ordering.is_lt(),
            Op::LessOrEqual => ordering.is_le(),
            Op::Greater => ordering.is_gt(),
            Op::GreaterOrEqual => ordering.is_ge(),
            Op::Equal => ordering.is_eq(),
            Op::NotEqual => ordering.is_ne(),
        })
    }

    /// Whether the version satisfies a constraint in the ecosystem's words.
    pub(crate) fn satisfies(&self, constraint: &str) -> Result<bool, Unordered> {
        satisfies(self.order, self.version, constraint)
    }

    fn against(&mut self, bound: &str, bound_key: &[u8]) -> Result<Ordering, Unordered> {
        // OSV's `0` is before every version, of whatever ecosystem.
        if bound == "0" {
            return Ok(Ordering::Greater);
        }
        if self.any_epoch {
            return compare(self.order, self.version, bound.split_once(':').map_or(bound, |(_, rest)| rest));
        }
        // A local version (`2.1+cu118`) is compared by its public part unless the bound has a local part too (PEP 440, "Version specifiers").
        let version = match self.order {
            Order::Pep440 if !bound.contains('+') => self.version.split('+').next().unwrap_or_default(),
            _ => self.version,
        };
        if !bound_key.is_empty() && version.len() == self.version.len() {
            let (order, version) = (self.order, self.version);
            let made = self.key.get_or_insert_with(|| {
                let mut made = Vec::with_capacity(48);
                if !key(order, version, &mut made) {
                    made.clear();
                }
                made
            });
            if !made.is_empty() {
                return Ok(made.as_slice().cmp(bound_key));
            }
        }
        compare(self.order, version, bound)
    }
}
