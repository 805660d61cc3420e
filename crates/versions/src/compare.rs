//! The dispatch from a scheme to its rules.

use std::cmp::Ordering;

use crate::error::Why;
use crate::semver::{self, Rules};
use crate::{
    Flavour, Options, Scheme, VersionError, apk, composer, deb, dotted, fuzzy, gem, jvm, maven, pacman, pep440,
    portage, rpm,
};

/// Compares two versions by the ecosystem's own rules.
///
/// White space around the texts does not count. Debian, RPM, Alpine, npm, semantic, Python, Maven, Ruby and Go
/// versions are compared without allocation (Python's pre-PEP 440 texts excepted).
///
/// # Errors
/// [`VersionError::Refused`] if the ecosystem has no meaning for one of the texts, [`VersionError::Unordered`] for
/// two different [`Scheme::Kb`] names.
pub fn compare(scheme: Scheme, a: &str, b: &str) -> Result<Ordering, VersionError> {
    compare_with(scheme, a, b, &Options::default())
}

/// As [`compare`], under the given options.
///
/// # Errors
/// As [`compare`].
pub fn compare_with(scheme: Scheme, a: &str, b: &str, options: &Options) -> Result<Ordering, VersionError> {
    let (a, b) = (tidy(a), tidy(b));
    let grype = options.flavour == Flavour::Grype;
    let refuse = |version: &str, why: Why| VersionError::Refused { scheme, version: version.to_owned(), why };
    macro_rules! both {
        ($parse:expr) => {
            ($parse(a).map_err(|why| refuse(a, why))?, $parse(b).map_err(|why| refuse(b, why))?)
        };
    }
    Ok(match scheme {
        Scheme::Deb => {
            let (a, b) = both!(deb::parse);
            deb::compare(&a, &b)
        }
        Scheme::Rpm => {
            let (a, b) = both!(rpm::parse);
            if grype { rpm::compare_grype(&a, &b, options.epoch) } else { rpm::compare(&a, &b, options.epoch) }
        }
        Scheme::Apk => {
            let _ = both!(not_empty);
            apk::compare(a, b)
        }
        Scheme::Semver | Scheme::Generic if grype => {
            let (x, y) = (semver::grype_spelling(a), semver::grype_spelling(b));
            let x = semver::parse(&x, semver::SEMVER).map_err(|why| refuse(a, why))?;
            let y = semver::parse(&y, semver::SEMVER).map_err(|why| refuse(b, why))?;
            semver::compare(&x, &y, semver::SEMVER)
        }
        Scheme::Pep440 => match (pep440::parse(a), pep440::parse(b)) {
            (Ok(a), Ok(b)) => pep440::compare(&a, &b),
            (Ok(_), Err(_)) => printable(b).map(|()| Ordering::Greater).map_err(|why| refuse(b, why))?,
            (Err(_), Ok(_)) => printable(a).map(|()| Ordering::Less).map_err(|why| refuse(a, why))?,
            (Err(_), Err(_)) => {
                let _ = both!(printable);
                pep440::legacy_parts(a).cmp(&pep440::legacy_parts(b))
            }
        },
        Scheme::Maven => {
            let _ = both!(printable);
            if grype {
                maven::compare(maven::strip_java_suffix(a), maven::strip_java_suffix(b))
            } else if options.flavour == Flavour::Osv {
                maven::compare_old(a, b)
            } else {
                maven::compare(a, b)
            }
        }
        Scheme::Gem => {
            let strip = |text| if grype { gem::strip_platform(text) } else { text };
            let x = gem::parse(strip(a)).map_err(|why| refuse(a, why))?;
            let y = gem::parse(strip(b)).map_err(|why| refuse(b, why))?;
            gem::compare(&x, &y)
        }
        Scheme::Composer => {
            let (a, b) = both!(composer::parse);
            if options.flavour == Flavour::Osv { composer::compare_php(&a, &b) } else { composer::compare(&a, &b) }
        }
        Scheme::Cran | Scheme::Hackage => {
            let (a, b) = both!(|text| dotted::parse(text, separators(scheme)));
            dotted::compare(a, b)
        }
        Scheme::Pacman if grype => {
            let (a, b) = both!(rpm::parse);
            rpm::compare(&a, &b, crate::EpochPolicy::Zero)
        }
        Scheme::Pacman => {
            let (a, b) = both!(pacman::parse);
            pacman::compare(&a, &b)
        }
        Scheme::Portage => {
            let (a, b) = both!(portage::parse);
            portage::compare(&a, &b)
        }
        Scheme::Jvm => {
            let (a, b) = both!(jvm::parse);
            jvm::compare(&a, &b)
        }
        Scheme::Fuzzy => {
            let _ = both!(not_empty);
            fuzzy::compare(a, b)
        }
        Scheme::Kb => {
            let _ = both!(not_empty);
            if !kb_name(a).eq_ignore_ascii_case(kb_name(b)) {
                return Err(VersionError::Unordered { scheme });
            }
            Ordering::Equal
        }
        Scheme::Npm
        | Scheme::Semver
        | Scheme::Go
        | Scheme::Nuget
        | Scheme::Pub
        | Scheme::Cargo
        | Scheme::Bitnami
        | Scheme::Generic => {
            let rules = rules(scheme, options);
            let (a, b) = both!(|text| semver::parse(text, rules));
            semver::compare(&a, &b, rules)
        }
    })
}

/// The text without white space around it. Almost none has any, so look before walking by characters.
#[inline]
fn tidy(text: &str) -> &str {
    match text.as_bytes() {
        [first, .., last] if first.is_ascii_graphic() && last.is_ascii_graphic() => text,
        _ => text.trim(),
    }
}

/// The rules of a relative of semantic versioning.
pub(crate) fn rules(scheme: Scheme, options: &Options) -> Rules {
    match scheme {
        Scheme::Npm if options.loose => semver::NPM_LOOSE,
        Scheme::Npm => semver::NPM,
        Scheme::Go => semver::GO,
        Scheme::Nuget => semver::NUGET,
        Scheme::Pub => semver::PUB,
        Scheme::Cargo => semver::CARGO,
        Scheme::Bitnami => semver::BITNAMI,
        _ => semver::SEMVER,
    }
}

fn separators(scheme: Scheme) -> &'static [u8] {
    if scheme == Scheme::Cran { b".-" } else { b"." }
}

pub(crate) fn kb_name(text: &str) -> &str {
    text.get(..2).filter(|start| start.eq_ignore_ascii_case("kb")).map_or(text, |_| &text[2..])
}

pub(crate) fn not_empty(text: &str) -> Result<(), Why> {
    if text.is_empty() { Err("it is empty") } else { Ok(()) }
}

fn printable(text: &str) -> Result<(), Why> {
    if text.bytes().any(|byte| byte.is_ascii_control()) { Err("it holds a control character") } else { not_empty(text) }
}

/// Appends bytes whose order (as `memcmp` has it) is the order of [`compare`] under default options.
///
/// Equal versions give equal bytes. Keys of different schemes must not be mixed. A key is complete in itself: no key
/// is the beginning of another, so it can stand inside a longer one.
///
/// # Errors
/// [`VersionError::Refused`] as [`compare`]; [`VersionError::Unsupported`] where bytes cannot show the order:
/// Pacman, Fuzzy, Kb, and a Composer version with `#` or `*` in it. `out` is not changed then.
pub fn sort_key(scheme: Scheme, version: &str, out: &mut Vec<u8>) -> Result<(), VersionError> {
    let text = tidy(version);
    let refuse = |why: Why| VersionError::Refused { scheme, version: text.to_owned(), why };
    match scheme {
        Scheme::Deb => deb::key(&deb::parse(text).map_err(refuse)?, out),
        Scheme::Rpm => rpm::key(&rpm::parse(text).map_err(refuse)?, out),
        Scheme::Apk => {
            not_empty(text).map_err(refuse)?;
            apk::key(text, out);
        }
        Scheme::Pep440 => match pep440::parse(text) {
            Ok(version) => pep440::key(&version, out),
            Err(_) => {
                printable(text).map_err(refuse)?;
                pep440::legacy_key(text, out);
            }
        },
        Scheme::Maven => {
            printable(text).map_err(refuse)?;
            maven::key(text, out);
        }
        Scheme::Gem => gem::key(&gem::parse(text).map_err(refuse)?, out),
        Scheme::Cran | Scheme::Hackage => {
            dotted::key(dotted::parse(text, separators(scheme)).map_err(refuse)?, out);
        }
        Scheme::Composer => {
            let start = out.len();
            if !composer::key(&composer::parse(text).map_err(refuse)?, out) {
                out.truncate(start);
                return Err(VersionError::Unsupported { scheme });
            }
        }
        Scheme::Portage => portage::key(&portage::parse(text).map_err(refuse)?, out),
        Scheme::Jvm => jvm::key(&jvm::parse(text).map_err(refuse)?, out),
        Scheme::Pacman | Scheme::Fuzzy | Scheme::Kb => return Err(VersionError::Unsupported { scheme }),
        Scheme::Npm
        | Scheme::Semver
        | Scheme::Go
        | Scheme::Nuget
        | Scheme::Pub
        | Scheme::Cargo
        | Scheme::Bitnami
        | Scheme::Generic => {
            let rules = rules(scheme, &Options::default());
            semver::key(&semver::parse(text, rules).map_err(refuse)?, rules, out);
        }
    }
    Ok(())
}

/// Whether the ecosystem's own tool would let somebody publish this version.
///
/// Stricter than [`compare`], which also orders what exists in the wild although its tool warns about it.
#[must_use]
pub fn is_valid(scheme: Scheme, text: &str) -> bool {
    match scheme {
        Scheme::Deb => deb::is_valid(text),
        Scheme::Rpm => rpm::is_valid(text),
        Scheme::Apk => apk::is_valid(text),
        Scheme::Gem => gem::is_valid(text),
        Scheme::Pep440 => pep440::parse(text).is_ok(),
        Scheme::Pub | Scheme::Semver => semver::parse(text, semver::CARGO).is_ok(),
        Scheme::Go => text.starts_with('v') && semver::parse(text, semver::NPM).is_ok(),
        _ => compare(scheme, text, text).is_ok(),
    }
}
