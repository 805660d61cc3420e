//! Paths of layers: from bytes as written to the one form that everything else compares.

use std::cmp::Ordering;

/// Appends bytes as text; what is not UTF-8 becomes `\xNN`.
pub(crate) fn push_text(out: &mut String, bytes: &[u8]) {
    use std::fmt::Write as _;
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        for byte in chunk.invalid() {
            // Writing to a string cannot fail.
            let _ = write!(out, "\\x{byte:02X}");
        }
    }
}

/// Writes the normal form of a path into `out`: no leading slash, no empty part, no `.`; `..` takes one part away and stops at the root.
///
/// Lexical, as container runtimes clean names before they join them to the root (`filepath.Clean`): a name never leads out of the root.
pub(crate) fn normalize_into(out: &mut String, raw: &[u8]) {
    out.clear();
    for part in raw.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => out.truncate(out.rfind('/').unwrap_or(0)),
            part => {
                if !out.is_empty() {
                    out.push('/');
                }
                push_text(out, part);
            }
        }
    }
}

/// The normal form of a path: no leading slash, no empty part, no `.`; `..` takes one part away and stops at the root. Not UTF-8: `\xNN`.
pub fn normalize(raw: &[u8]) -> String {
    let mut out = String::with_capacity(raw.len());
    normalize_into(&mut out, raw);
    out
}

/// Orders normal paths so that a directory is directly followed by all that lies in it (`a`, `a/b`, `a-b`; plain byte order puts `a-b` between).
pub fn compare(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let common = a.len().min(b.len());
    // Paths that are compared mostly share their directories: eight bytes at a time until they part.
    let (chunks_a, chunks_b) = (a[..common].chunks_exact(8), b[..common].chunks_exact(8));
    let from = 8 * chunks_a.zip(chunks_b).take_while(|(x, y)| x == y).count();
    match a[from..common].iter().zip(&b[from..common]).position(|(x, y)| x != y).map(|at| from + at) {
        None => a.len().cmp(&b.len()),
        Some(at) => {
            let rank = |byte: u8| if byte == b'/' { 0 } else { byte };
            rank(a[at]).cmp(&rank(b[at]))
        }
    }
}

/// Whether `path` lies in the directory `dir` (at any depth; not the directory itself). The root, `""`, holds everything.
pub fn is_below(path: &str, dir: &str) -> bool {
    if dir.is_empty() {
        return !path.is_empty();
    }
    path.len() > dir.len() && path.starts_with(dir) && path.as_bytes()[dir.len()] == b'/'
}

/// Directory and last part of a normal path; the directory of a part at the root is `""`.
pub(crate) fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(raw: &[u8], normal: &str) {
        assert_eq!(normalize(raw), normal);
        assert_eq!(normalize(normal.as_bytes()), normal, "a normal path stays as it is");
    }

    #[test]
    fn names_stay_inside_the_root() {
        check(b"etc/passwd", "etc/passwd");
        check(b"./etc//passwd", "etc/passwd");
        check(b"/etc/passwd", "etc/passwd");
        check(b"../../etc/passwd", "etc/passwd");
        check(b"a/b/../../../c", "c");
        check(b"a/./b/", "a/b");
        check(b"./", "");
        check(b"", "");
        check(b"a/..b/...", "a/..b/...");
        check(b"bad\xFDname", "bad\\xFDname");
        check("ünï/ç".as_bytes(), "ünï/ç");
    }

    #[test]
    fn a_directory_is_followed_by_what_lies_in_it() {
        let mut paths = vec!["a-b", "a/b", "a", "a.d", "a/b/c", "b", "a/b-c", ""];
        paths.sort_by(|a, b| compare(a, b));
        assert_eq!(paths, ["", "a", "a/b", "a/b/c", "a/b-c", "a-b", "a.d", "b"]);
        assert!(is_below("a/b", "a") && !is_below("a-b", "a") && !is_below("a", "a") && is_below("a", ""));
    }
}
