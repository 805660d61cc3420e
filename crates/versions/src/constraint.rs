//! Constraints: which versions a range admits.

use crate::clause::{self, Clause, Op};
use crate::compare::{compare_with, not_empty};
use crate::error::Why;
use crate::specifier::Specifier;
use crate::wildcard::{Bound, Subject};
use crate::{ConstraintError, Flavour, Options, Scheme, VersionError, apk, fuzzy, gem, interval, npm, num};

/// A parsed range, in the notation of its ecosystem.
///
/// `||` separates alternatives; within one, a comma (and white space) means that all parts must hold. On top of the
/// comparisons `=`, `==`, `!=`, `<`, `<=`, `>`, `>=`:
/// - npm and Cargo: node-semver ranges (`^ ~ x - ||`) with the rule on pre-releases;
/// - Python: `~=`, `===`, `.*` and the rules on local labels and pre-releases;
/// - Ruby: `~>`; Composer: `^ ~ * -` and single `|`; Maven and NuGet: intervals in brackets;
/// - Alpine: `~` matches as far as the operand goes; the others: `~>`, `~`, `^` by raising a number.
///
/// A version without an operator is an equality, except in Maven's own reading (a recommendation that admits every
/// version), NuGet's (a minimum) and Cargo's (a caret). An empty constraint admits everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Constraint {
    scheme: Scheme,
    options: Options,
    body: Body,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Body {
    /// Alternatives of tests that must all hold.
    Tests(Vec<Vec<Test>>),
    /// Alternatives of npm or Cargo.
    Sets(Vec<npm::Set>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    Order(Op, String),
    /// A Ruby version whose leading numbers alone are below the bound.
    ReleaseBelow(String),
    /// An Alpine version that agrees as far as the text goes.
    Prefix(String),
    Bound(Bound),
    Specifier(Specifier),
    /// Not all of these.
    Not(Vec<Test>),
}

impl Constraint {
    /// Reads a constraint.
    ///
    /// # Errors
    /// [`ConstraintError::Malformed`] if the notation is not the scheme's, [`ConstraintError::Operand`] if a version in
    /// it is none of the scheme.
    pub fn parse(scheme: Scheme, text: &str, options: Options) -> Result<Self, ConstraintError> {
        let malformed = |why: Why| ConstraintError::Malformed { scheme, constraint: text.to_owned(), why };
        let reader = Reader { scheme, options: &options };
        let pieces = pieces(scheme, text);
        if pieces.len() > 1 && pieces.iter().any(|piece| piece.trim().is_empty()) && scheme != Scheme::Npm {
            return Err(malformed("an alternative is empty"));
        }
        let native_sets = scheme == Scheme::Cargo || scheme == Scheme::Npm && native(&options);
        let body = if native_sets {
            let sets: Result<_, _> = pieces.iter().map(|piece| npm::parse_set(piece, scheme, &options)).collect();
            Body::Sets(sets.map_err(malformed)?)
        } else {
            let mut alternatives = Vec::new();
            for piece in pieces {
                alternatives.extend(reader.alternatives(piece).map_err(malformed)?);
            }
            Body::Tests(alternatives)
        };
        let constraint = Self { scheme, options, body };
        match constraint.bad_operand() {
            Some(source) => Err(ConstraintError::Operand { constraint: text.to_owned(), source }),
            None => Ok(constraint),
        }
    }

    /// Whether the range admits `version`.
    ///
    /// # Errors
    /// [`VersionError::Refused`] if the version has no place in the scheme; never a silent `false`.
    pub fn contains(&self, version: &str) -> Result<bool, VersionError> {
        let version = version.trim();
        match &self.body {
            Body::Sets(sets) => {
                let full =
                    npm::Full::parse(version, self.scheme, &self.options).map_err(|why| self.refused(version, why))?;
                Ok(sets.iter().any(|set| set.contains(&full, self.options.include_prerelease)))
            }
            Body::Tests(alternatives) => {
                let fuzzy = self.scheme == Scheme::Fuzzy && fuzzy::looks_semantic(version) && self.all_semantic();
                let scheme = if fuzzy { Scheme::Semver } else { self.scheme };
                for tests in alternatives {
                    if self.all_hold(tests, version, scheme)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
        }
    }

    fn refused(&self, version: &str, why: Why) -> VersionError {
        VersionError::Refused { scheme: self.scheme, version: version.to_owned(), why }
    }

    fn all_hold(&self, tests: &[Test], version: &str, scheme: Scheme) -> Result<bool, VersionError> {
        for test in tests {
            if !self.holds(test, version, scheme)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn holds(&self, test: &Test, version: &str, scheme: Scheme) -> Result<bool, VersionError> {
        Ok(match test {
            Test::Order(op, bound) => {
                // Grype: a local label in the version does not count unless the constraint has one.
                let python = scheme == Scheme::Pep440 && !bound.contains('+');
                let version = if python { version.split('+').next().unwrap_or(version) } else { version };
                let options =
                    if self.scheme == Scheme::Fuzzy { Options::flavoured(Flavour::Grype) } else { self.options };
                match compare_with(scheme, version, bound, &options) {
                    Err(VersionError::Unordered { .. }) => *op == Op::NotEqual,
                    order => op.accepts(order?),
                }
            }
            Test::ReleaseBelow(bound) => {
                let parse = |text| gem::parse(text).map_err(|why| self.refused(text, why));
                gem::compare_release(&parse(version)?, &parse(bound)?).is_lt()
            }
            Test::Prefix(prefix) => apk::matches_fuzzy(version, prefix),
            Test::Bound(bound) => {
                let subject = Subject::parse(version).map_err(|why| self.refused(version, why))?;
                bound.holds(&subject, scheme, &self.options)
            }
            Test::Specifier(specifier) => {
                not_empty(version).map_err(|why| self.refused(version, why))?;
                specifier.holds(version, &self.options)
            }
            Test::Not(tests) => !self.all_hold(tests, version, scheme)?,
        })
    }

    fn bounds(&self) -> Vec<&str> {
        fn collect<'a>(tests: &'a [Test], out: &mut Vec<&'a str>) {
            for test in tests {
                match test {
                    Test::Order(_, bound) | Test::ReleaseBelow(bound) => out.push(bound),
                    Test::Not(tests) => collect(tests, out),
                    Test::Prefix(_) | Test::Bound(_) | Test::Specifier(_) => {}
                }
            }
        }
        let mut out = Vec::new();
        if let Body::Tests(alternatives) = &self.body {
            alternatives.iter().for_each(|tests| collect(tests, &mut out));
        }
        out
    }

    fn bad_operand(&self) -> Option<VersionError> {
        self.bounds().into_iter().find_map(|bound| compare_with(self.scheme, bound, bound, &self.options).err())
    }

    fn all_semantic(&self) -> bool {
        self.bounds().into_iter().all(fuzzy::looks_semantic)
    }
}

fn native(options: &Options) -> bool {
    matches!(options.flavour, Flavour::Native | Flavour::Osv)
}

/// The alternatives of a text. Composer also knows a single bar.
fn pieces(scheme: Scheme, text: &str) -> Vec<&str> {
    if scheme == Scheme::Composer && !text.contains("||") {
        return text.split('|').collect();
    }
    text.split("||").collect()
}

struct Reader<'a> {
    scheme: Scheme,
    options: &'a Options,
}

impl Reader<'_> {
    /// The alternatives that one piece between `||` stands for; only intervals give more than one.
    fn alternatives(&self, text: &str) -> Result<Vec<Vec<Test>>, Why> {
        let text = text.trim();
        if matches!(self.scheme, Scheme::Maven | Scheme::Nuget) && text.starts_with(['[', '(']) {
            let order = |(op, bound)| Test::Order(op, bound);
            return Ok(interval::parse(text)?.into_iter().map(|part| part.into_iter().map(order).collect()).collect());
        }
        let wildcard = self.options.flavour == Flavour::Trivy && matches!(self.scheme, Scheme::Npm | Scheme::Semver);
        if wildcard && text.is_empty() {
            return Ok(vec![vec![Test::Bound(Bound::any())]]);
        }
        if self.scheme == Scheme::Composer
            && let Some((low, high)) = text.split_once(" - ")
        {
            return Ok(vec![self.composer_hyphen(low.trim(), high.trim())]);
        }
        let mut tests = Vec::new();
        for Clause { op, operand } in clause::clauses(text)? {
            if wildcard {
                tests.push(Test::Bound(Bound::parse(op.unwrap_or(Op::Equal), operand, self.options)?));
            } else {
                self.lower(op, operand, &mut tests)?;
            }
        }
        Ok(vec![tests])
    }

    /// Turns one clause into tests.
    fn lower(&self, op: Option<Op>, operand: &str, tests: &mut Vec<Test>) -> Result<(), Why> {
        let native = native(self.options);
        let anything = operand == "*" || self.scheme == Scheme::Pub && operand == "any";
        if anything && matches!(op, None | Some(Op::Equal | Op::Tilde | Op::Caret | Op::GreaterOrEqual)) {
            return Ok(());
        }
        let Some(op) = op else {
            match self.scheme {
                // Maven: "soft requirement", any version will do if another asks for it.
                Scheme::Maven if native => {}
                Scheme::Nuget if native => tests.push(Test::Order(Op::GreaterOrEqual, operand.to_owned())),
                _ => return self.lower(Some(Op::Equal), operand, tests),
            }
            return Ok(());
        };
        let operand = match self.scheme {
            Scheme::Composer => operand.split('@').next().unwrap_or(operand),
            _ => operand,
        };
        match (self.scheme, op) {
            (Scheme::Pep440, _) if self.options.flavour != Flavour::Grype => {
                tests.push(Test::Specifier(Specifier::parse(op, operand)?));
            }
            (Scheme::Apk, Op::Tilde | Op::Compatible) => tests.push(Test::Prefix(operand.to_owned())),
            (Scheme::Gem, Op::Pessimistic | Op::Tilde) => {
                tests.push(Test::Order(Op::GreaterOrEqual, operand.to_owned()));
                tests.push(Test::ReleaseBelow(gem::bump(operand)));
            }
            (_, Op::Tilde | Op::Pessimistic | Op::Caret) => self.family(op, operand, tests)?,
            (_, Op::Compatible) => return Err("the operator `~=` is Python's alone"),
            (_, Op::Equal | Op::NotEqual) if self.has_families() && is_wildcard(operand) => {
                let mut inside = Vec::new();
                self.wildcard(operand, &mut inside)?;
                if op == Op::NotEqual { tests.push(Test::Not(inside)) } else { tests.extend(inside) }
            }
            (Scheme::Composer, Op::Less | Op::GreaterOrEqual) => tests.push(Test::Order(op, lowest(operand))),
            _ => tests.push(Test::Order(op, operand.to_owned())),
        }
        Ok(())
    }

    fn has_families(&self) -> bool {
        matches!(
            self.scheme,
            Scheme::Npm
                | Scheme::Semver
                | Scheme::Go
                | Scheme::Nuget
                | Scheme::Composer
                | Scheme::Pub
                | Scheme::Hackage
                | Scheme::Bitnami
                | Scheme::Generic
        )
    }

    /// `~`, `~>` and `^`: not below the operand, and below it with one number raised.
    fn family(&self, op: Op, operand: &str, tests: &mut Vec<Test>) -> Result<(), Why> {
        if !self.has_families() {
            return Err("the scheme does not know this operator");
        }
        let operand = operand.trim_end_matches(".*").trim_end_matches(".x");
        let numbers = numbers(operand);
        let last = numbers.len().checked_sub(1).ok_or("a number must follow the operator")?;
        let at = match op {
            Op::Caret => numbers.iter().position(|part| !num::is_zero(part.as_bytes())).unwrap_or(last),
            Op::Tilde if self.scheme != Scheme::Composer => last.min(1),
            _ => last.saturating_sub(1),
        };
        let low = if self.scheme == Scheme::Composer { lowest(operand) } else { operand.to_owned() };
        tests.push(Test::Order(Op::GreaterOrEqual, low));
        tests.push(Test::Order(Op::Less, self.upper(&numbers, at)));
        Ok(())
    }

    /// `1.2.*`: from 1.2 to below 1.3.
    fn wildcard(&self, operand: &str, tests: &mut Vec<Test>) -> Result<(), Why> {
        let cut = operand.find(['*', 'x', 'X']).unwrap_or(operand.len());
        let core = operand[..cut].trim_end_matches('.');
        let numbers = numbers(core);
        if let Some(last) = numbers.len().checked_sub(1) {
            let low = if self.scheme == Scheme::Composer { lowest(core) } else { core.to_owned() };
            tests.push(Test::Order(Op::GreaterOrEqual, low));
            tests.push(Test::Order(Op::Less, self.upper(&numbers, last)));
        }
        Ok(())
    }

    /// The numbers up to `at`, that one raised; and below its pre-releases where the ecosystem excludes those.
    fn upper(&self, numbers: &[&str], at: usize) -> String {
        let head = numbers.iter().take(at).map(|part| format!("{part}."));
        let raised = num::successor(numbers.get(at).copied().unwrap_or_default().as_bytes());
        let bound: String = head.chain([raised]).collect();
        match self.scheme {
            Scheme::Composer => bound + "-dev",
            Scheme::Pub | Scheme::Semver | Scheme::Npm if self.options.flavour == Flavour::Native => bound + "-0",
            _ => bound,
        }
    }

    /// `1.0 - 2.0`: an upper end that is not written out admits what lies below the next number.
    fn composer_hyphen(&self, low: &str, high: &str) -> Vec<Test> {
        let parts = numbers(high);
        let top = if parts.len() >= 3 || high.contains('-') || parts.is_empty() {
            Test::Order(Op::LessOrEqual, high.to_owned())
        } else {
            Test::Order(Op::Less, self.upper(&parts, parts.len() - 1))
        };
        vec![Test::Order(Op::GreaterOrEqual, lowest(low)), top]
    }
}

/// Whether one of the numbers is open. A pre-release `x` is a name like any other.
fn is_wildcard(operand: &str) -> bool {
    let core = operand.split(['-', '+']).next().unwrap_or_default();
    core.split('.').any(|part| matches!(part, "*" | "x" | "X")) && !operand.contains("-dev")
}

/// The leading numbers of a version.
fn numbers(operand: &str) -> Vec<&str> {
    let text = operand.strip_prefix(['v', 'V']).unwrap_or(operand);
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    text[..end].split('.').filter(|part| !part.is_empty()).collect()
}

/// Composer's bound without a stability begins at its development versions.
fn lowest(operand: &str) -> String {
    if operand.contains(|c: char| c.is_ascii_alphabetic() && c != 'v' && c != 'V') {
        operand.to_owned()
    } else {
        format!("{operand}-dev")
    }
}
