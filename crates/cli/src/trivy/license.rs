//! `--scanners license`: the licences that packages state, by how much they ask of who ships them.
//!
//! Texts of licences in loose files (`--license-full`) are not read. Source: aquasecurity/trivy:docs/guide/scanner/license.md (categories and their
//! severities), google/licenseclassifier (which licence is of which category).

use serde_json::{Value, json};

use super::wire::{Report, ResultRow};

/// What a licence asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Category {
    Unencumbered,
    Notice,
    Reciprocal,
    Restricted,
    Forbidden,
}

/// Licences by category: whole ids, and beginnings that end in `*`.
const CATEGORIES: &[(Category, &[&str])] = &[
    (Category::Forbidden, &["AGPL-*", "CC-BY-NC-*", "Commons-Clause", "Facebook-*", "WTFPL"]),
    (
        Category::Restricted,
        &["BCL", "CC-BY-ND-*", "CC-BY-SA-*", "GPL-*", "LGPL-*", "NPL-1.*", "OSL-*", "QPL-1.0", "Sleepycat"],
    ),
    (
        Category::Reciprocal,
        &["APSL-*", "CDDL-1.*", "CPL-1.0", "EPL-*", "FreeImage", "IPL-1.0", "MPL-1.*", "MPL-2.0", "Ruby"],
    ),
    (Category::Unencumbered, &["CC0-1.0", "Unlicense", "0BSD"]),
    (
        Category::Notice,
        &[
            "AFL-*",
            "Apache-*",
            "Artistic-*",
            "BSL-1.0",
            "BSD-*",
            "CC-BY-*",
            "FTL",
            "ISC",
            "ImageMagick",
            "Libpng",
            "Lil-1.0",
            "Linux-OpenIB",
            "LPL-1.*",
            "MS-PL",
            "MIT",
            "NCSA",
            "OpenSSL",
            "PHP-3.*",
            "PIL",
            "Python-2.0",
            "Python-2.0-complete",
            "PostgreSQL",
            "SGI-B-*",
            "Unicode-*",
            "UPL-1.0",
            "W3C*",
            "X11",
            "Xnet",
            "Zend-2.0",
            "zlib-acknowledgement",
            "Zlib",
            "ZPL-*",
        ],
    ),
];

/// Adds results for the licences of the packages in the report.
pub(super) fn add(report: &mut Report) {
    let mut results = Vec::new();
    for result in report.results.iter().filter(|result| matches!(result.class.as_str(), "os-pkgs" | "lang-pkgs")) {
        let mut rows = Vec::new();
        for package in &result.packages {
            rows.extend(package.licenses.iter().map(|name| {
                let category = category(name, 0);
                json!({
                    "Severity": severity(category),
                    "Category": word(category),
                    "PkgName": package.name,
                    "FilePath": package.file_path,
                    "Name": name,
                    "Text": "",
                    "Confidence": 1,
                    "Link": "",
                })
            }));
        }
        if rows.is_empty() {
            continue;
        }
        let target = if result.class == "os-pkgs" { "OS Packages".to_owned() } else { result.target.clone() };
        let mut found = ResultRow { target, class: "license".to_owned(), ..ResultRow::default() };
        found.rest.insert("Licenses".to_owned(), Value::Array(rows));
        results.push(found);
    }
    report.results.extend(results);
}

/// The severity and the category of a licence, in Trivy's words.
pub(super) fn judged(name: &str) -> (&'static str, &'static str) {
    let category = category(name, 0);
    (severity(category), word(category))
}

fn word(category: Option<Category>) -> &'static str {
    match category {
        Some(Category::Forbidden) => "forbidden",
        Some(Category::Restricted) => "restricted",
        Some(Category::Reciprocal) => "reciprocal",
        Some(Category::Notice) => "notice",
        Some(Category::Unencumbered) => "unencumbered",
        None => "unknown",
    }
}

fn severity(category: Option<Category>) -> &'static str {
    match category {
        Some(Category::Forbidden) => "CRITICAL",
        Some(Category::Restricted) => "HIGH",
        Some(Category::Reciprocal) => "MEDIUM",
        Some(Category::Notice | Category::Unencumbered) => "LOW",
        None => "UNKNOWN",
    }
}

/// The category of an expression: of all parts of `AND` the one that asks most, of `OR` the one that asks least; unknown where any part is.
fn category(text: &str, depth: usize) -> Option<Category> {
    let text = text.trim();
    if depth > 32 {
        return None;
    }
    for (word, most) in [(" OR ", false), (" AND ", true)] {
        let parts = outside(text, word);
        if parts.len() > 1 {
            let parts: Option<Vec<Category>> = parts.into_iter().map(|part| category(part, depth + 1)).collect();
            let parts = parts?.into_iter();
            return if most { parts.max() } else { parts.min() };
        }
    }
    if let Some(inner) = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        return category(inner, depth + 1);
    }
    // An exception takes nothing of what is asked away.
    let name = text.split(" WITH ").next().unwrap_or(text);
    of_id(name).or_else(|| {
        // What metadata calls it, as an expression of the list.
        let expression = signet_sbom::license_expression(text)?;
        if expression == text { None } else { category(&expression, depth + 1) }
    })
}

fn of_id(id: &str) -> Option<Category> {
    let fits = |pattern: &str| match pattern.strip_suffix('*') {
        Some(start) => id.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start)),
        None => {
            let plain = id.trim_end_matches('+');
            let plain = plain.strip_suffix("-only").or_else(|| plain.strip_suffix("-or-later")).unwrap_or(plain);
            plain.eq_ignore_ascii_case(pattern)
        }
    };
    CATEGORIES.iter().find(|(_, patterns)| patterns.iter().any(|pattern| fits(pattern))).map(|(category, _)| *category)
}

/// The parts between `word` outside of parentheses.
fn outside<'t>(text: &'t str, word: &str) -> Vec<&'t str> {
    let (mut parts, mut start, mut depth) = (Vec::new(), 0usize, 0usize);
    for (at, sign) in text.char_indices() {
        match sign {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ' ' if depth == 0 && at >= start => {
                let here = text.get(at..at + word.len()).is_some_and(|part| part.eq_ignore_ascii_case(word));
                if here {
                    parts.push(text.get(start..at).unwrap_or_default());
                    start = at + word.len();
                }
            }
            _ => {}
        }
    }
    parts.push(text.get(start..).unwrap_or_default());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, expected: &str) {
        assert_eq!(word(category(name, 0)), expected, "{name}");
    }

    #[test]
    fn licences_have_categories() {
        check("MIT", "notice");
        check("MIT License", "notice");
        check("The Apache License, Version 2.0", "notice");
        check("EPL-1.0", "reciprocal");
        check("GPL-2.0-or-later", "restricted");
        check("GPL-2.0-only WITH Classpath-exception-2.0", "restricted");
        check("AGPL-3.0", "forbidden");
        check("0BSD", "unencumbered");
        check("CC-BY-NC-4.0", "forbidden");
        check("CC-BY-4.0", "notice");
        check("Somebody's own", "unknown");
    }

    #[test]
    fn expressions_ask_what_their_parts_ask() {
        check("MIT OR GPL-2.0-only", "notice");
        check("MIT AND GPL-2.0-only", "restricted");
        check("(MIT OR AGPL-3.0) AND EPL-2.0", "reciprocal");
        check("MIT OR unheard-of", "unknown");
        check(&"(".repeat(100), "unknown");
        check("", "unknown");
    }
}
