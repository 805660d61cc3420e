//! File names with `*`.

/// Whether a file name fits: `*` stands for any run of characters, all else for itself. Case-sensitive.
pub(super) fn fits(glob: &str, name: &str) -> bool {
    let Some((first, rest)) = glob.split_once('*') else { return glob == name };
    let Some(mut name) = name.strip_prefix(first) else { return false };
    let mut parts = rest.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return name.ends_with(part);
        }
        match name.find(part) {
            Some(at) => name = name.get(at + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    true
}

/// The version in a file's name: what stands behind the letters of its stem, `3.6` of `libpython3.6m.so.1.0`, `9.6.5` of `ghc-9.6.5`.
/// Empty where there is none.
pub(super) fn version_in(name: &str, stem: &str) -> String {
    let Some(rest) = name.find(stem).and_then(|at| name.get(at + stem.len()..)) else { return String::new() };
    let digits: String = rest
        .trim_start_matches(['-', '.'])
        .chars()
        .take_while(|letter| letter.is_ascii_digit() || *letter == '.')
        .collect();
    digits.trim_end_matches('.').to_owned()
}

/// Whether a version begins with the parts of another one: `3.6` and `3.6.3`, not `3.6` and `3.61`. Every version begins with an empty one.
pub(super) fn begins(version: &str, with: &str) -> bool {
    match version.strip_prefix(with) {
        None => false,
        Some(rest) => with.is_empty() || !rest.starts_with(|next: char| next.is_ascii_digit()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(glob: &str, name: &str, expected: bool) {
        assert_eq!(fits(glob, name), expected, "{glob} {name}");
    }

    #[test]
    fn names() {
        check("node", "node", true);
        check("node", "nodejs", false);
        check("python3*", "python3.11", true);
        check("python3*", "python3", true);
        check("libpython*.so*", "libpython3.11.so.1.0", true);
        check("libpython*.so*", "libpython3.11.a", false);
        check("a*a", "a", false);
        check("x86_64-*-gcc", "x86_64-linux-gnu-gcc", true);
        check("*.so", "é.so", true);
    }

    #[test]
    fn versions() {
        let version = |name, stem| version_in(name, stem);
        assert_eq!(version("libpython3.6m.so.1.0", "python"), "3.6");
        assert_eq!(version("ghc-9.6.5", "ghc-"), "9.6.5");
        assert_eq!(version("libjulia-internal.so.1.9", ".so"), "1.9");
        assert_eq!(version("python", "python"), "");
        assert!(begins("3.6.3", "3.6") && begins("3.6", "") && !begins("3.61", "3.6"));
    }
}
