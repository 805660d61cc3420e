//! Python versions.
//!
//! Source: PyPA specifications, "Version specifiers" (PEP 440). Text that it refuses is compared as setuptools did
//! before (`LegacyVersion`), and sorts before every version of PEP 440.

use std::cmp::Ordering;

use crate::error::Why;
use crate::{num, semver};

/// A version in slices of the text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Version<'a> {
    pub(crate) epoch: &'a [u8],
    /// Numbers and dots.
    pub(crate) release: &'a [u8],
    /// 1 alpha, 2 beta, 3 candidate; with its number.
    pub(crate) pre: Option<(u8, &'a [u8])>,
    pub(crate) post: Option<&'a [u8]>,
    pub(crate) dev: Option<&'a [u8]>,
    /// Letters, digits and separators.
    pub(crate) local: &'a [u8],
}

impl Version<'_> {
    pub(crate) fn is_prerelease(&self) -> bool {
        self.pre.is_some() || self.dev.is_some()
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn digits(&mut self) -> &'a [u8] {
        let (digits, rest) = self.0.split_at(num::run(self.0));
        self.0 = rest;
        digits
    }

    fn separator(&mut self) -> bool {
        let found = matches!(self.0.first(), Some(b'.' | b'-' | b'_'));
        if found {
            self.0 = &self.0[1..];
        }
        found
    }

    /// Takes `name` in any case.
    fn word(&mut self, name: &[u8]) -> bool {
        let found = self.0.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
        if found {
            self.0 = &self.0[name.len()..];
        }
        found
    }

    /// `[separator] name [separator] [digits]`; nothing is taken if no name fits.
    fn part(&mut self, names: &[(&[u8], u8)]) -> Option<(u8, &'a [u8])> {
        let start = self.0;
        self.separator();
        for &(name, kind) in names {
            if self.word(name) {
                // The separator may stand without a number behind it, too.
                self.separator();
                return Some((kind, self.digits()));
            }
        }
        self.0 = start;
        None
    }
}

const PRE: [(&[u8], u8); 8] =
    [(b"alpha", 1), (b"a", 1), (b"beta", 2), (b"b", 2), (b"preview", 3), (b"pre", 3), (b"rc", 3), (b"c", 3)];
const POST: [(&[u8], u8); 3] = [(b"post", 0), (b"rev", 0), (b"r", 0)];
const DEV: [(&[u8], u8); 1] = [(b"dev", 0)];

pub(crate) fn parse(text: &str) -> Result<Version<'_>, Why> {
    let mut reader = Reader(text.as_bytes());
    if matches!(reader.0.first(), Some(b'v' | b'V')) {
        reader.0 = &reader.0[1..];
    }
    let mut epoch = &reader.0[..0];
    let mut start = reader.0;
    if reader.digits().is_empty() {
        return Err("it does not begin with a number");
    }
    if let [b'!', rest @ ..] = reader.0 {
        epoch = &start[..start.len() - reader.0.len()];
        reader.0 = rest;
        start = rest;
        if reader.digits().is_empty() {
            return Err("no number follows the epoch");
        }
    }
    while let [b'.', b'0'..=b'9', ..] = reader.0 {
        reader.0 = &reader.0[1..];
        reader.digits();
    }
    let release = &start[..start.len() - reader.0.len()];
    if matches!(reader.0, [] | [b'+', ..]) {
        let local = local(reader.0)?;
        return Ok(Version { epoch, release, pre: None, post: None, dev: None, local });
    }
    let pre = reader.part(&PRE);
    let post = match reader.0 {
        // `1.0-1` is the first post-release.
        [b'-', b'0'..=b'9', ..] => {
            reader.0 = &reader.0[1..];
            Some(reader.digits())
        }
        _ => reader.part(&POST).map(|(_, number)| number),
    };
    let dev = reader.part(&DEV).map(|(_, number)| number);
    Ok(Version { epoch, release, pre, post, dev, local: local(reader.0)? })
}

fn local(rest: &[u8]) -> Result<&[u8], Why> {
    let [b'+', local @ ..] = rest else {
        return if rest.is_empty() { Ok(rest) } else { Err("PEP 440 does not know what follows the release") };
    };
    let alphanumeric = |at: usize| local.get(at).is_some_and(u8::is_ascii_alphanumeric);
    let sound =
        |at: usize| alphanumeric(at) || matches!(local[at], b'.' | b'-' | b'_') && at > 0 && alphanumeric(at + 1);
    if local.is_empty() || !(0..local.len()).all(sound) {
        return Err("the local version label is not letters and digits with single separators");
    }
    Ok(local)
}

/// The sorting place of a pre-release segment: a lone `.dev` is first, none is last.
fn pre_place<'a>(version: &Version<'a>) -> (u8, &'a [u8]) {
    match version.pre {
        Some(pre) => pre,
        None if version.post.is_none() && version.dev.is_some() => (0, &[]),
        None => (4, &[]),
    }
}

pub(crate) fn compare(a: &Version<'_>, b: &Version<'_>) -> Ordering {
    compare_public(a, b).then_with(|| compare_local(a.local, b.local))
}

/// Compares all but the local label.
pub(crate) fn compare_public(a: &Version<'_>, b: &Version<'_>) -> Ordering {
    let optional = |x: Option<&[u8]>, y: Option<&[u8]>, none: Ordering| match (x, y) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => none,
        (Some(_), None) => none.reverse(),
        (Some(x), Some(y)) => num::compare(x, y),
    };
    num::compare(a.epoch, b.epoch).then_with(|| semver::compare_numbers(a.release, b.release)).then_with(|| {
        let ((x, left), (y, right)) = (pre_place(a), pre_place(b));
        x.cmp(&y)
            .then_with(|| num::compare(left, right))
            .then_with(|| optional(a.post, b.post, Ordering::Less))
            .then_with(|| optional(a.dev, b.dev, Ordering::Greater))
    })
}

pub(crate) fn compare_local(a: &[u8], b: &[u8]) -> Ordering {
    let separator = |byte: &u8| matches!(byte, b'.' | b'-' | b'_');
    let mut left = a.split(separator).filter(|segment| !segment.is_empty());
    let mut right = b.split(separator).filter(|segment| !segment.is_empty());
    loop {
        let (x, y) = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(x), Some(y)) => (x, y),
        };
        let order = match (num::run(x) == x.len(), num::run(y) == y.len()) {
            (true, true) => num::compare(x, y),
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => x.iter().map(u8::to_ascii_lowercase).cmp(y.iter().map(u8::to_ascii_lowercase)),
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// Bytes in the order of [`compare`]. The first byte is 1; 0 is a version of the older order.
pub(crate) fn key(version: &Version<'_>, out: &mut Vec<u8>) {
    out.push(1);
    num::key(version.epoch, out);
    semver::numbers_key(version.release, out);
    let (kind, number) = pre_place(version);
    out.push(kind);
    num::key(number, out);
    match version.post {
        None => out.push(0),
        Some(number) => {
            out.push(1);
            num::key(number, out);
        }
    }
    match version.dev {
        None => out.push(1),
        Some(number) => {
            out.push(0);
            num::key(number, out);
        }
    }
    for segment in version.local.split(|byte| matches!(byte, b'.' | b'-' | b'_')).filter(|part| !part.is_empty()) {
        if num::run(segment) == segment.len() {
            out.push(2);
            num::key(segment, out);
        } else {
            out.push(1);
            out.extend(segment.iter().map(u8::to_ascii_lowercase));
            out.push(0);
        }
    }
    out.push(0);
}

/// The parts that setuptools compared as text before PEP 440.
///
/// Source: packaging 20, `_legacy_cmpkey`: numbers are padded to eight digits, words are marked with `*`, words that
/// mean a pre-release drop a preceding `final-`, and zeros before a word do not count.
pub(crate) fn legacy_parts(text: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    let lower = text.to_ascii_lowercase();
    for part in legacy_words(&lower).into_iter().chain(["*final".to_owned()]) {
        if part.starts_with('*') {
            if *part < *"*final" {
                while parts.last().is_some_and(|last| last == "*final-") {
                    parts.pop();
                }
            }
            while parts.last().is_some_and(|last| last == "00000000") {
                parts.pop();
            }
        }
        parts.push(part);
    }
    parts
}

/// Numbers, words of letters, and hyphens; each as setuptools wrote it.
fn legacy_words(text: &str) -> Vec<String> {
    let bytes = text.as_bytes();
    let mut words = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let class = |byte: u8| match byte {
            b'0'..=b'9' => 0u8,
            b'a'..=b'z' => 1,
            b'.' => 2,
            b'-' => 3,
            _ => 4,
        };
        let kind = class(bytes[at]);
        let length = match kind {
            2 | 3 => 1,
            _ => bytes[at..].iter().take_while(|&&byte| class(byte) == kind).count(),
        };
        let word = String::from_utf8_lossy(&bytes[at..at + length]);
        at += length;
        let word = match (kind, &*word) {
            (2, _) => continue,
            (0, digits) => format!("{digits:0>8}"),
            (3, _) => "*final-".to_owned(),
            (_, "pre" | "preview" | "rc") => "*c".to_owned(),
            (_, "dev") => "*@".to_owned(),
            (_, other) => format!("*{other}"),
        };
        words.push(word);
    }
    words
}

/// Bytes in the order of [`legacy_parts`].
pub(crate) fn legacy_key(text: &str, out: &mut Vec<u8>) {
    out.push(0);
    for part in legacy_parts(text) {
        out.push(1);
        out.extend_from_slice(part.as_bytes());
        out.push(0);
    }
    out.push(0);
}
