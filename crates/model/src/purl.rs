//! Package URLs. Source: package-url/purl-spec (ECMA-427), `docs/specification/standard/specification.md` and `types/`.
//!
//! ```text
//!   text ──parse, parse_lenient──▶ Purl ──Display──▶ canonical text
//!   parts ────────build──────────▶  │ ▲
//!                                   ▼ │ of_package
//!                                 Package
//! ```

mod package;
#[cfg(test)]
mod tests;
mod types;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use types::{Need, TypeRule};

/// Longest text that is read as a package URL, in bytes. Real ones have less than 1 kB.
const MAX_LENGTH: usize = 16 * 1024;

/// A package URL in its canonical form: `pkg:TYPE/NAMESPACE/NAME@VERSION?QUALIFIERS#SUBPATH`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Purl {
    ty: String,
    namespace: Option<String>,
    name: String,
    version: Option<String>,
    qualifiers: BTreeMap<String, String>,
    subpath: Option<String>,
}

/// Why a text is no package URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{purl}` is no package URL: {why}")]
pub struct PurlError {
    /// The text, or the parts put together.
    pub purl: String,
    /// What is wrong with it.
    pub why: String,
}

/// How closely the rules of the types are kept.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// As the specification says.
    Strict,
    /// What tools emit is read: see [`Purl::parse_lenient`].
    Lenient,
}

impl Purl {
    /// A purl from its parts, which are plain text (not percent-encoded). Normalises as the type's rules say.
    ///
    /// Errors: no type or name, a type or qualifier key with characters that are not allowed, a namespace where the type has none or
    /// none where it needs one, a qualifier that the type requires and that is missing.
    pub fn build<'a>(
        ty: &str,
        namespace: Option<&str>,
        name: &str,
        version: Option<&str>,
        qualifiers: impl IntoIterator<Item = (&'a str, &'a str)>,
        subpath: Option<&str>,
    ) -> Result<Purl, PurlError> {
        let qualifiers: Vec<(&str, &str)> = qualifiers.into_iter().collect();
        assemble(ty, namespace, name, version, &qualifiers, subpath, Mode::Strict).map_err(|why| PurlError {
            purl: format!("pkg:{ty}/{}{name}", namespace.map(|part| format!("{part}/")).unwrap_or_default()),
            why,
        })
    }

    /// As [`Purl::build`], but lets through what [`Purl::parse_lenient`] lets through.
    fn build_lenient(
        ty: &str,
        namespace: Option<&str>,
        name: &str,
        version: Option<&str>,
        qualifiers: &[(&str, &str)],
        subpath: Option<&str>,
    ) -> Option<Purl> {
        assemble(ty, namespace, name, version, qualifiers, subpath, Mode::Lenient).ok()
    }

    /// Reads what tools emit although the type's rules forbid it, and normalises it where it can: `pkg:golang/stdlib@1.22.1` and other
    /// purls without the namespace that their type requires (or with one that it forbids), qualifier keys in upper case, given twice (the first counts)
    /// or without a value, percent signs that encode nothing, names outside the type's character set, missing qualifiers.
    ///
    /// Errors: what has no scheme, type or name, or bytes that are not UTF-8 once decoded.
    pub fn parse_lenient(text: &str) -> Result<Purl, PurlError> {
        parse(text, Mode::Lenient)
    }

    /// The type, lower case.
    pub fn ty(&self) -> &str {
        &self.ty
    }

    /// The namespace, decoded, parts joined by `/`.
    pub fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    /// The name, decoded.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The version, decoded.
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// Qualifiers by key; no value is empty.
    pub fn qualifiers(&self) -> &BTreeMap<String, String> {
        &self.qualifiers
    }

    /// The value of one qualifier.
    pub fn qualifier(&self, key: &str) -> Option<&str> {
        self.qualifiers.get(key).map(String::as_str)
    }

    /// The subpath, decoded.
    pub fn subpath(&self) -> Option<&str> {
        self.subpath.as_deref()
    }

    /// The same package in whatever version: no version, qualifiers or subpath.
    pub fn without_version(&self) -> Purl {
        Purl {
            ty: self.ty.clone(),
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            version: None,
            qualifiers: BTreeMap::new(),
            subpath: None,
        }
    }
}

impl fmt::Display for Purl {
    /// The canonical text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pkg:{}", self.ty)?;
        for part in self.namespace.iter().flat_map(|namespace| namespace.split('/')) {
            write!(f, "/{}", Encoded(part))?;
        }
        // A name holds an encoded `/`, but for repositories, whose name is the path on their host.
        match self.ty.as_str() {
            "git" => self.name.split('/').try_for_each(|part| write!(f, "/{}", Encoded(part)))?,
            _ => write!(f, "/{}", Encoded(&self.name))?,
        }
        if let Some(version) = &self.version {
            write!(f, "@{}", Encoded(version))?;
        }
        for (place, (key, value)) in self.qualifiers.iter().enumerate() {
            write!(f, "{}{key}={}", if place == 0 { '?' } else { '&' }, Encoded(value))?;
        }
        for (place, part) in self.subpath.iter().flat_map(|subpath| subpath.split('/')).enumerate() {
            write!(f, "{}{}", if place == 0 { '#' } else { '/' }, Encoded(part))?;
        }
        Ok(())
    }
}

impl FromStr for Purl {
    type Err = PurlError;

    /// Reads a purl by the specification and its type's rules; the order of steps is that of "How to parse a purl string".
    fn from_str(text: &str) -> Result<Purl, PurlError> {
        parse(text, Mode::Strict)
    }
}

fn parse(text: &str, mode: Mode) -> Result<Purl, PurlError> {
    let shown = || text.chars().take(200).collect::<String>();
    if text.len() > MAX_LENGTH {
        return Err(PurlError { purl: shown(), why: format!("it has more than {MAX_LENGTH} bytes") });
    }
    parse_parts(text.trim(), mode).map_err(|why| PurlError { purl: shown(), why })
}

fn parse_parts(text: &str, mode: Mode) -> Result<Purl, String> {
    let (rest, subpath) = match text.rsplit_once('#') {
        Some((rest, subpath)) => (rest, Some(decode(subpath, mode)?)),
        None => (text, None),
    };
    let (rest, query) = rest.rsplit_once('?').unwrap_or((rest, ""));
    let (scheme, rest) = rest.split_once(':').ok_or("it does not start with `pkg:`")?;
    if !scheme.eq_ignore_ascii_case("pkg") {
        return Err("it does not start with `pkg:`".to_owned());
    }
    let (ty, path) = rest.trim_start_matches('/').split_once('/').ok_or("it has no type and name")?;

    let path = path.trim_matches('/');
    let (path, version) = match version_at(path) {
        Some(at) => (&path[..at], Some(decode(&path[at + 1..], mode)?)),
        None => (path, None),
    };
    if path.ends_with('/') {
        return Err("it has no name".to_owned());
    }
    let (namespace, name) = path.rsplit_once('/').unwrap_or(("", path));
    let mut parts = Vec::new();
    for part in namespace.split('/').filter(|part| !part.is_empty()) {
        let part = decode(part, mode)?;
        if part.contains('/') && mode == Mode::Strict {
            return Err("a part of the namespace contains a `/`".to_owned());
        }
        parts.push(part);
    }

    let mut qualifiers = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let Some((key, value)) = pair.split_once('=') else {
            match mode {
                Mode::Strict => return Err(format!("qualifier `{pair}` has no value")),
                Mode::Lenient => continue,
            }
        };
        // The specification folds the case of keys, its tests refuse `Arch` and `Platform` and read `repositorY_url`: the first letter
        // is the rule that satisfies all of them.
        if mode == Mode::Strict && key.starts_with(|first: char| first.is_ascii_uppercase()) {
            return Err(format!("qualifier key `{key}` is not in lower case"));
        }
        qualifiers.push((key, decode(value, mode)?));
    }
    let qualifiers: Vec<(&str, &str)> = qualifiers.iter().map(|(key, value)| (*key, value.as_str())).collect();

    let namespace = parts.join("/");
    let name = decode(name, mode)?;
    assemble(ty, Some(&namespace), &name, version.as_deref(), &qualifiers, subpath.as_deref(), mode)
}

/// Where the `@` before the version is: the last one, but not the sign of an unencoded npm scope (`pkg:npm/@scope/name`).
fn version_at(path: &str) -> Option<usize> {
    let at = path.rfind('@')?;
    let starts_part = at == 0 || path.as_bytes().get(at - 1) == Some(&b'/');
    (!(starts_part && path[at..].contains('/'))).then_some(at)
}

/// Checks and normalises decoded parts. The only place that makes a [`Purl`].
fn assemble(
    ty: &str,
    namespace: Option<&str>,
    name: &str,
    version: Option<&str>,
    qualifiers: &[(&str, &str)],
    subpath: Option<&str>,
    mode: Mode,
) -> Result<Purl, String> {
    let ty = ty.to_ascii_lowercase();
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'+');
    if !ty.starts_with(|first: char| first.is_ascii_alphabetic()) || !ty.bytes().all(allowed) {
        return Err(format!("`{ty}` is no type: letters, digits, `.` and `-`, a letter first"));
    }

    let parts: Vec<&str> =
        namespace.unwrap_or_default().split('/').map(str::trim).filter(|part| !part.is_empty()).collect();
    let name = name.trim_matches('/');
    if name.is_empty() {
        return Err("it has no name".to_owned());
    }

    let mut by_key = BTreeMap::new();
    for (key, value) in qualifiers {
        let key = key.to_ascii_lowercase();
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        if !key.starts_with(|first: char| first.is_ascii_alphabetic()) || !key.bytes().all(allowed) {
            match mode {
                Mode::Strict => return Err(format!("`{key}` is no qualifier key")),
                Mode::Lenient => continue,
            }
        }
        if value.is_empty() {
            continue;
        }
        if by_key.contains_key(&key) {
            match mode {
                Mode::Strict => return Err(format!("qualifier `{key}` stands twice")),
                Mode::Lenient => continue,
            }
        }
        by_key.insert(key, (*value).to_owned());
    }

    let subpath = subpath
        .unwrap_or_default()
        .split('/')
        .filter(|part| !matches!(*part, "" | "." | ".."))
        .collect::<Vec<_>>()
        .join("/");

    let mut purl = Purl {
        ty,
        namespace: (!parts.is_empty()).then(|| parts.join("/")),
        name: name.to_owned(),
        version: version.filter(|version| !version.is_empty()).map(str::to_owned),
        qualifiers: by_key,
        subpath: (!subpath.is_empty()).then_some(subpath),
    };
    if let Some(rule) = types::rule_of(&purl.ty) {
        types::normalise(&mut purl, rule);
        if mode == Mode::Strict {
            check(&purl, rule)?;
        }
    }
    Ok(purl)
}

fn check(purl: &Purl, rule: &TypeRule) -> Result<(), String> {
    match (rule.namespace, &purl.namespace) {
        (Need::Required, None) => return Err(format!("type `{}` needs a namespace", purl.ty)),
        (Need::Prohibited, Some(_)) => return Err(format!("type `{}` has no namespace", purl.ty)),
        _ => {}
    }
    if let Some(key) = rule.qualifier.filter(|key| !purl.qualifiers.contains_key(*key)) {
        return Err(format!("type `{}` needs the qualifier `{key}`", purl.ty));
    }
    types::check_characters(purl)
}

/// Percent-decodes. In lenient mode a percent sign that encodes nothing stands for itself.
fn decode(text: &str, mode: Mode) -> Result<String, String> {
    if !text.contains('%') {
        return Ok(text.to_owned());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        if first != b'%' {
            bytes.push(first);
            continue;
        }
        let digit = |place: usize| after.get(place).and_then(|byte| char::from(*byte).to_digit(16));
        match (digit(0), digit(1), mode) {
            (Some(high), Some(low), _) => {
                bytes.push((high * 16 + low) as u8);
                rest = after.get(2..).unwrap_or_default();
            }
            (_, _, Mode::Lenient) => bytes.push(b'%'),
            (_, _, Mode::Strict) => return Err("a `%` is not followed by two hexadecimal digits".to_owned()),
        }
    }
    String::from_utf8(bytes).map_err(|_| "its percent-encoded bytes are not UTF-8".to_owned())
}

/// Text with everything percent-encoded but letters, digits, `.`, `-`, `_`, `~` and the colon, which is never encoded.
struct Encoded<'a>(&'a str);

impl fmt::Display for Encoded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'~' | b':');
        let mut rest = self.0;
        while !rest.is_empty() {
            let end = rest.bytes().position(|byte| !plain(byte)).unwrap_or(rest.len());
            let (clean, other) = rest.split_at(end);
            f.write_str(clean)?;
            let end = other.bytes().position(plain).unwrap_or(other.len());
            let (other, after) = other.split_at(end);
            for byte in other.bytes() {
                write!(f, "%{byte:02X}")?;
            }
            rest = after;
        }
        Ok(())
    }
}
