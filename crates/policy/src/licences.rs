//! What licences ask of whoever ships software under them, in categories, so that a rule need not name each.
//!
//! ```text
//!   "MIT OR GPL-3.0-only" ──expression──▶ OR: the mildest, AND: the strictest ──▶ Category
//! ```
//!
//! The categories are those of Google's licence policy, which Trivy has too: <https://opensource.google/documentation/reference/thirdparty/licenses>.

use signet_model::Severity;

/// What a licence asks for, the mildest first; what cannot be told stands between what asks little and what asks much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Category {
    /// Nothing: the public domain and what comes to the same.
    Unencumbered,
    /// Next to nothing.
    Permissive,
    /// That its notice is kept.
    Notice,
    /// Nobody can tell: no licence is stated, or none that we know.
    Unknown,
    /// That changes to it are published.
    Reciprocal,
    /// That what is linked with it is published.
    Restricted,
    /// What most cannot give: it may not be used.
    Forbidden,
}

impl Category {
    /// All of them, the mildest first.
    pub const ALL: [Category; 7] = [
        Category::Unencumbered,
        Category::Permissive,
        Category::Notice,
        Category::Unknown,
        Category::Reciprocal,
        Category::Restricted,
        Category::Forbidden,
    ];

    /// The name, as options and reports have it.
    pub fn name(self) -> &'static str {
        match self {
            Category::Unencumbered => "unencumbered",
            Category::Permissive => "permissive",
            Category::Notice => "notice",
            Category::Unknown => "unknown",
            Category::Reciprocal => "reciprocal",
            Category::Restricted => "restricted",
            Category::Forbidden => "forbidden",
        }
    }

    /// The category of this name, in any case.
    pub fn from_name(name: &str) -> Option<Category> {
        Category::ALL.into_iter().find(|category| category.name().eq_ignore_ascii_case(name))
    }

    /// How bad it is for a product that is shipped. The scale is Trivy's.
    pub fn severity(self) -> Severity {
        match self {
            Category::Unencumbered | Category::Permissive | Category::Notice => Severity::Low,
            Category::Unknown => Severity::Unknown,
            Category::Reciprocal => Severity::Medium,
            Category::Restricted => Severity::High,
            Category::Forbidden => Severity::Critical,
        }
    }
}

/// Licence families by the beginning of their SPDX id (or the whole of it), lower case; the longest that fits decides. A family covers its
/// versions, `-only`, `-or-later`, `+` and exceptions.
const FAMILIES: &[(&str, Category)] = &[
    ("agpl", Category::Forbidden),
    ("agplv", Category::Forbidden),
    ("cc-by-nc", Category::Forbidden),
    ("commons-clause", Category::Forbidden),
    ("facebook", Category::Forbidden),
    ("wtfpl", Category::Forbidden),
    ("bcl", Category::Restricted),
    ("cc-by-nd", Category::Restricted),
    ("cc-by-sa", Category::Restricted),
    ("gpl", Category::Restricted),
    ("gplv", Category::Restricted),
    ("lgpl", Category::Restricted),
    ("lgplv", Category::Restricted),
    ("npl", Category::Restricted),
    ("osl", Category::Restricted),
    ("qpl", Category::Restricted),
    ("sleepycat", Category::Restricted),
    ("apsl", Category::Reciprocal),
    ("cddl", Category::Reciprocal),
    ("cpl", Category::Reciprocal),
    ("epl", Category::Reciprocal),
    ("eupl", Category::Reciprocal),
    ("freeimage", Category::Reciprocal),
    ("ipl", Category::Reciprocal),
    ("mpl", Category::Reciprocal),
    ("ruby", Category::Reciprocal),
    ("afl", Category::Notice),
    ("apache", Category::Notice),
    ("asl", Category::Notice),
    ("artistic", Category::Notice),
    ("bsd", Category::Notice),
    ("bsl", Category::Notice),
    ("blueoak", Category::Notice),
    ("bzip2", Category::Notice),
    ("cc-by", Category::Notice),
    ("curl", Category::Notice),
    ("ftl", Category::Notice),
    ("hpnd", Category::Notice),
    ("ijg", Category::Notice),
    ("imagemagick", Category::Notice),
    ("info-zip", Category::Notice),
    ("isc", Category::Notice),
    ("libpng", Category::Notice),
    ("libtiff", Category::Notice),
    ("lil", Category::Notice),
    ("linux-openib", Category::Notice),
    ("lpl", Category::Notice),
    ("mit", Category::Notice),
    ("ms-pl", Category::Notice),
    ("ncsa", Category::Notice),
    ("ofl", Category::Notice),
    ("openssl", Category::Notice),
    ("php", Category::Notice),
    ("pil", Category::Notice),
    ("postgresql", Category::Notice),
    ("psf", Category::Notice),
    ("python", Category::Notice),
    ("sgi-b", Category::Notice),
    ("tcl", Category::Notice),
    ("unicode", Category::Notice),
    ("upl", Category::Notice),
    ("vim", Category::Notice),
    ("w3c", Category::Notice),
    ("x11", Category::Notice),
    ("xnet", Category::Notice),
    ("zend", Category::Notice),
    ("zlib", Category::Notice),
    ("zpl", Category::Notice),
    ("0bsd", Category::Unencumbered),
    ("cc0", Category::Unencumbered),
    ("public-domain", Category::Unencumbered),
    ("unlicense", Category::Unencumbered),
];

/// Words of an expression that are no licence.
const OPERATORS: [&str; 5] = ["AND", "OR", "WITH", "(", ")"];

/// Deepest nesting of parentheses that is followed.
const MOST_DEPTH: usize = 32;
/// Longest text that is taken for an expression, in bytes.
const MOST_TEXT: usize = 64 << 10;

/// The category of a licence as a package states it: an SPDX id, an expression, or free text (which is [`Category::Unknown`]).
///
/// Of `A OR B` one may choose, so the mildest counts; of `A AND B` both hold, so the strictest does. An exception after `WITH` changes nothing:
/// none makes a licence stricter, and which part of a work it is for cannot be told from here.
pub fn category(text: &str) -> Category {
    if text.len() > MOST_TEXT {
        return Category::Unknown;
    }
    let spaced = text.replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut reader = Reader { words: &words, at: 0 };
    match reader.any(0) {
        Some(category) if reader.at == words.len() => category,
        // What was meant as an expression and is none must not pass for its first id.
        _ if words.iter().any(|word| OPERATORS.iter().any(|operator| word.eq_ignore_ascii_case(operator))) => {
            Category::Unknown
        }
        // Free text is looked up as one id: `Public Domain`, `Apache License 2.0`.
        _ => single(&text.trim().replace(' ', "-")),
    }
}

/// The ids that an expression names, in its order; free text gives itself.
pub fn ids(text: &str) -> Vec<String> {
    let spaced = text.replace(['(', ')'], " ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let is = |word: &str, name: &str| word.eq_ignore_ascii_case(name);
    if !words.iter().any(|word| is(word, "AND") || is(word, "OR") || is(word, "WITH")) {
        return vec![text.trim().to_owned()];
    }
    let mut ids = Vec::new();
    let mut skip = false;
    for word in words {
        let exception = std::mem::replace(&mut skip, is(word, "WITH"));
        if !(exception || is(word, "AND") || is(word, "OR") || is(word, "WITH")) {
            ids.push(word.to_owned());
        }
    }
    ids
}

struct Reader<'w> {
    words: &'w [&'w str],
    at: usize,
}

impl Reader<'_> {
    fn takes(&mut self, word: &str) -> bool {
        let found = self.words.get(self.at).is_some_and(|found| found.eq_ignore_ascii_case(word));
        self.at += usize::from(found);
        found
    }

    fn any(&mut self, depth: usize) -> Option<Category> {
        let mut category = self.all(depth)?;
        while self.takes("OR") {
            category = category.min(self.all(depth)?);
        }
        Some(category)
    }

    fn all(&mut self, depth: usize) -> Option<Category> {
        let mut category = self.one(depth)?;
        while self.takes("AND") {
            category = category.max(self.one(depth)?);
        }
        Some(category)
    }

    fn one(&mut self, depth: usize) -> Option<Category> {
        if depth > MOST_DEPTH {
            return None;
        }
        let category = if self.takes("(") {
            let inner = self.any(depth + 1)?;
            if !self.takes(")") {
                return None;
            }
            inner
        } else {
            let word = self.words.get(self.at).filter(|word| !["AND", "OR", "WITH", ")"].contains(word))?;
            self.at += 1;
            single(word)
        };
        if self.takes("WITH") {
            self.words.get(self.at)?;
            self.at += 1;
        }
        Some(category)
    }
}

fn single(id: &str) -> Category {
    let id = id.to_ascii_lowercase();
    let of_family = |family: &&(&str, Category)| {
        // What follows a family is a version or a variant, never more of a word: `mit` is not the family of `mitre`.
        id.strip_prefix(family.0).is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphabetic()))
    };
    FAMILIES
        .iter()
        .filter(of_family)
        .max_by_key(|(family, _)| family.len())
        .map_or(Category::Unknown, |(_, category)| *category)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Category) {
        assert_eq!(category(text), expected, "{text}");
    }

    #[test]
    fn single_licences() {
        check("MIT", Category::Notice);
        check("mit", Category::Notice);
        check("MIT-0", Category::Notice);
        check("Apache-2.0", Category::Notice);
        check("GPL-2.0-only", Category::Restricted);
        check("GPLv2+", Category::Restricted);
        check("GPL-3.0+", Category::Restricted);
        check("LGPL-2.1-or-later", Category::Restricted);
        check("AGPL-3.0-only", Category::Forbidden);
        check("CC-BY-4.0", Category::Notice);
        check("CC-BY-SA-4.0", Category::Restricted);
        check("CC-BY-NC-ND-4.0", Category::Forbidden);
        check("CC0-1.0", Category::Unencumbered);
        check("0BSD", Category::Unencumbered);
        check("MPL-2.0", Category::Reciprocal);
        check("Public Domain", Category::Unencumbered);
        for unknown in ["", "Proprietary", "mitre", "SEE LICENSE IN x", "LicenseRef-own"] {
            check(unknown, Category::Unknown);
        }
    }

    #[test]
    fn expressions() {
        check("MIT OR GPL-3.0-only", Category::Notice);
        check("MIT AND GPL-3.0-only", Category::Restricted);
        check("(MIT OR AGPL-3.0-only) AND MPL-2.0", Category::Reciprocal);
        check("MIT and Foo", Category::Unknown);
        check("MIT OR Foo", Category::Notice);
        check("GPL-2.0-only WITH Classpath-exception-2.0", Category::Restricted);
        check("GPL-2.0-only WITH Classpath-exception-2.0 OR MIT", Category::Notice);
        for broken in ["MIT OR", "OR MIT", "(MIT", "MIT)", "MIT WITH", "()"] {
            check(broken, Category::Unknown);
        }
        check(&("(".repeat(1000) + "MIT" + &")".repeat(1000)), Category::Unknown);
        check(&"MIT OR ".repeat(20_000), Category::Unknown);
    }

    #[test]
    fn names_of_an_expression() {
        assert_eq!(ids("(MIT OR GPL-2.0-only WITH Classpath-exception-2.0) AND ISC"), ["MIT", "GPL-2.0-only", "ISC"]);
        assert_eq!(ids(" Some text "), ["Some text"]);
    }

    #[test]
    fn categories_and_names() {
        for category in Category::ALL {
            assert_eq!(Category::from_name(&category.name().to_uppercase()), Some(category));
        }
        assert_eq!(Category::from_name("free"), None);
    }
}
