//! What people call licences, as expressions of SPDX ids: `GPLv2+`, `Apache License, Version 2.0`, `LGPLv2+ and (MIT or BSD)`.
//!
//! Metadata before SPDX has free text: Fedora's short names, the names of Debian's `copyright` files, Python's classifiers, names and addresses in
//! pom.xml. A text is taken apart at `and`, `or` and parentheses; each part must be known, or the whole text stays the name of a licence.
//! Sources: SPDX licence list; Fedora, "Licensing:Main" (names before 2022); Debian, machine-readable copyright files 1.0, 7.2; PyPI, classifiers.

/// Longest text that is looked at, in bytes.
const TEXT: usize = 1024;

/// The expression that a text means; `None` when some part of it is not known. What is given holds ids in the list's spelling and is an expression
/// by the grammar; the caller checks both.
pub(crate) fn expression_of(text: &str) -> Option<String> {
    let text = text.trim();
    if text.is_empty() || text.len() > TEXT {
        return None;
    }
    let text = text.rsplit("::").next().unwrap_or(text).trim();
    if let Some(id) = address(text) {
        return Some(id);
    }
    let plain = or_later(&text.to_ascii_lowercase());
    whole(&plain).or_else(|| compound(&plain))
}

/// One licence, perhaps with its short name in parentheses behind the long one.
fn whole(text: &str) -> Option<String> {
    if let Some(known) = licence(text) {
        return Some(known);
    }
    let (long, short) = text.strip_suffix(')')?.split_once('(')?;
    if long.trim().is_empty() || short.contains(['(', ')']) || has_operator(long) || has_operator(short) {
        return None;
    }
    match (licence(long), licence(short)) {
        (Some(one), Some(other)) => (one == other).then_some(one),
        (one, other) => one.or(other),
    }
}

fn has_operator(text: &str) -> bool {
    text.split_ascii_whitespace().any(|word| matches!(word, "and" | "or" | "&" | "|" | "||" | "&&" | "/"))
}

/// Parts joined by `and` and `or`, with parentheses. `and` binds more than `or`, as in SPDX; a comma in front of an operator binds least, as in
/// Debian's copyright files: `GPL-1+ or Artistic, and Expat`.
fn compound(text: &str) -> Option<String> {
    for (comma, operator) in [(", and ", " AND "), (", or ", " OR ")] {
        if text.contains(comma) && !text.contains('(') {
            let parts = text.split(comma).map(compound);
            let parts = parts.map(|part| part.map(|part| if part.contains(' ') { format!("({part})") } else { part }));
            return Some(parts.collect::<Option<Vec<String>>>()?.join(operator));
        }
    }
    // Cargo's old form `MIT/Apache-2.0` is a choice.
    let spaced = text.replace('(', " ( ").replace(')', " ) ").replace('/', " / ");
    let mut out = String::new();
    let mut part = String::new();
    let flush = |part: &mut String, out: &mut String| -> Option<()> {
        if !part.is_empty() {
            let known = licence(part)?;
            if known.contains(' ') {
                out.push_str(&format!(" ({known})"));
            } else {
                out.push_str(&format!(" {known}"));
            }
            part.clear();
        }
        Some(())
    };
    for word in spaced.split_ascii_whitespace() {
        let operator = match word {
            "and" | "&" | "&&" => "AND",
            "or" | "|" | "||" | "/" => "OR",
            "(" => "(",
            ")" => ")",
            _ => {
                part.push(' ');
                part.push_str(word);
                continue;
            }
        };
        flush(&mut part, &mut out)?;
        out.push(' ');
        out.push_str(operator);
    }
    flush(&mut part, &mut out)?;
    Some(out.trim().replace("( ", "(").replace(" )", ")"))
}

/// `or later` and its like as a plus sign, and names with an `or` of their own without it, so that neither joins anything.
fn or_later(text: &str) -> String {
    let mut text = text.to_owned();
    for words in [
        ", or (at your option) any later version",
        " or (at your option) any later version",
        " or any later version",
        " or later version",
        " or newer version",
        ", or later",
        "-or-later",
        " or later",
        " or newer",
        " or any later",
        " or greater",
        " or above",
        " and later",
        " and above",
    ] {
        text = text.replace(words, "+");
    }
    for (names, one) in [("\"new\" or \"revised\"", ""), ("new or revised", ""), ("\"simplified\" or \"freebsd\"", "")]
    {
        text = text.replace(names, one);
    }
    text
}

/// Addresses that stand for a licence.
fn address(text: &str) -> Option<String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
    let rest = rest.strip_prefix("www.").unwrap_or(rest).trim_end_matches('/').to_ascii_lowercase();
    let page =
        rest.trim_end_matches(".txt").trim_end_matches(".html").trim_end_matches(".php").trim_end_matches(".json");
    let (site, name) = page.split_once('/')?;
    match (site, name.rsplit('/').next()?) {
        ("apache.org", "license-2.0") => Some("Apache-2.0".to_owned()),
        ("apache.org", "license-1.1") => Some("Apache-1.1".to_owned()),
        ("opensource.org", name) | ("spdx.org", name) => match name {
            "mit-license" => Some("MIT".to_owned()),
            "bsd-license" => Some("BSD-2-Clause".to_owned()),
            name => licence(name).or_else(|| super::license::is_spdx_id(name).then(|| name.to_owned())),
        },
        ("eclipse.org", "epl-v10") => Some("EPL-1.0".to_owned()),
        ("eclipse.org", "epl-v20" | "epl-2.0") => Some("EPL-2.0".to_owned()),
        ("mozilla.org", "2.0") => Some("MPL-2.0".to_owned()),
        ("gnu.org", "gpl-3.0") => Some("GPL-3.0-only".to_owned()),
        ("gnu.org", "gpl-2.0") => Some("GPL-2.0-only".to_owned()),
        ("gnu.org", "lgpl-3.0") => Some("LGPL-3.0-only".to_owned()),
        ("gnu.org", "lgpl-2.1") => Some("LGPL-2.1-only".to_owned()),
        ("gnu.org", "agpl-3.0") => Some("AGPL-3.0-only".to_owned()),
        ("creativecommons.org", _) if name.contains("publicdomain/zero/1.0") => Some("CC0-1.0".to_owned()),
        ("unlicense.org", _) => Some("Unlicense".to_owned()),
        _ => None,
    }
}

/// One licence by its name, lower case.
fn licence(text: &str) -> Option<String> {
    let text = text.trim().trim_matches(['"', '\'', '.', ';']);
    if text.contains(['(', ')']) || text.ends_with(',') {
        return None;
    }
    if let Some(at) = text.find(" with ") {
        return with_exception(text.get(..at)?, text.get(at + 6..)?);
    }
    let words = words(text);
    if let Some(gnu) = gnu(&words) {
        return Some(gnu);
    }
    let key = words.join("");
    let named = NAMES.iter().find(|(name, _)| *name == key).map(|(_, id)| (*id).to_owned());
    // ids themselves, and what differs from one in case alone
    named.or_else(|| super::license::is_spdx_id(text).then(|| text.to_owned()))
}

/// A GNU licence with one of the well-known exceptions.
fn with_exception(licence_name: &str, exception: &str) -> Option<String> {
    let base = licence(licence_name).filter(|base| !base.contains(' '))?;
    let key: String = words(exception).into_iter().filter(|word| word != "exception" && word != "exceptions").collect();
    let exception = match key.as_str() {
        "classpath" | "classpath2.0" => "Classpath-exception-2.0",
        "gcc" | "gccruntimelibrary" | "gcc3.1" if base.starts_with("GPL-3.0") => "GCC-exception-3.1",
        "gcc2.0" | "gcc" if base.starts_with("GPL-2.0") => "GCC-exception-2.0",
        "autoconf" if base.starts_with("GPL-3.0") => "Autoconf-exception-3.0",
        "autoconf" if base.starts_with("GPL-2.0") => "Autoconf-exception-2.0",
        "bison" | "bison2.2" => "Bison-exception-2.2",
        "font" => "Font-exception-2.0",
        "linuxsyscallnote" | "linuxsyscall" => "Linux-syscall-note",
        "llvm" => "LLVM-exception",
        "libtool" => "Libtool-exception",
        _ => return None,
    };
    Some(format!("{base} WITH {exception}"))
}

/// Runs of letters, of digits with dots, and plus signs; without the words that say nothing.
fn words(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut kind = ' ';
    for letter in text.chars() {
        let now = match letter {
            'a'..='z' => 'a',
            'A'..='Z' => 'a',
            '0'..='9' => '0',
            '.' if kind == '0' => '0',
            '+' => '+',
            _ => ' ',
        };
        match (now, found.last_mut()) {
            (' ', _) => {}
            ('a' | '0', Some(last)) if now == kind => last.push(letter.to_ascii_lowercase()),
            _ => found.push(letter.to_ascii_lowercase().to_string()),
        }
        kind = now;
    }
    let mut plain: Vec<String> = Vec::with_capacity(found.len());
    for place in 0..found.len() {
        let Some(word) = found.get(place) else { break };
        let number_next =
            found.get(place + 1).is_some_and(|next| next.starts_with(|first: char| first.is_ascii_digit()));
        let word = match word.strip_suffix('v') {
            // `gplv2`, but not the `niv` of Debian's `GFDL-NIV-1.3`
            Some(stem) if number_next && word != "niv" => stem,
            _ => word.trim_end_matches('.'),
        };
        let silent = matches!(
            word,
            "" | "the" | "license" | "licence" | "licenses" | "version" | "ver" | "software" | "gnu" | "of" | "s" | "a"
        );
        if !silent {
            plain.push(word.to_owned());
        }
    }
    plain
}

/// The GNU licences: a family, a version, and whether later ones may be chosen. Without a version any may be, which the licences themselves say.
fn gnu(words: &[String]) -> Option<String> {
    let words: Vec<&str> =
        words.iter().map(String::as_str).filter(|word| !matches!(*word, "foundation" | "free")).collect();
    let (family, rest) = match words.as_slice() {
        ["affero", "general", "public", rest @ ..] | ["affero", "gpl", rest @ ..] | ["agpl", rest @ ..] => {
            ("AGPL", rest)
        }
        ["lesser" | "library", "general", "public", rest @ ..]
        | ["lesser" | "library", "gpl", rest @ ..]
        | ["lesser", "or", "library", "general", "public", rest @ ..]
        | ["library", "or", "lesser", "general", "public", rest @ ..]
        | ["lgpl", rest @ ..] => ("LGPL", rest),
        ["general", "public", rest @ ..] | ["gpl", rest @ ..] => ("GPL", rest),
        // Debian's `NIV`: no invariant sections
        ["gfdl", "niv", number] => return listed(format!("GFDL-{number}-no-invariants-only")),
        ["gfdl", "niv", number, "+"] => return listed(format!("GFDL-{number}-no-invariants-or-later")),
        ["documentation", rest @ ..] | ["gfdl" | "fdl", rest @ ..] => ("GFDL", rest),
        _ => return None,
    };
    let lowest = match family {
        "GPL" => "1.0",
        "LGPL" => "2.0",
        "AGPL" => "3.0",
        _ => "1.1",
    };
    let (version, later) = match rest {
        [] | ["+"] => (lowest.to_owned(), true),
        [number] | [number, "only"] => ((*number).to_owned(), false),
        [number, "+"] => ((*number).to_owned(), true),
        _ => return None,
    };
    let version = if version.contains('.') { version } else { format!("{version}.0") };
    listed(format!("{family}-{version}-{}", if later { "or-later" } else { "only" }))
}

fn listed(id: String) -> Option<String> {
    super::license::is_spdx_id(&id).then_some(id)
}

/// Names by their telling words in one piece, lower case: `apache2.0` for `Apache License, Version 2.0`, `Apache-2` and `ASL 2.0`.
static NAMES: &[(&str, &str)] = &[
    ("0bsd", "0BSD"),
    ("academicfree2.1", "AFL-2.1"),
    ("academicfree3.0", "AFL-3.0"),
    ("afl2.1", "AFL-2.1"),
    ("afl3.0", "AFL-3.0"),
    ("apache", "Apache-2.0"),
    ("apache1.0", "Apache-1.0"),
    ("apache1.1", "Apache-1.1"),
    ("apache2", "Apache-2.0"),
    ("apache2.0", "Apache-2.0"),
    ("apachefoundation2.0", "Apache-2.0"),
    ("artistic", "Artistic-1.0-Perl"),
    ("artistic1", "Artistic-1.0"),
    ("artistic1.0", "Artistic-1.0"),
    ("artistic2", "Artistic-2.0"),
    ("artistic2.0", "Artistic-2.0"),
    ("asl", "Apache-2.0"),
    ("asl1.1", "Apache-1.1"),
    ("asl2", "Apache-2.0"),
    ("asl2.0", "Apache-2.0"),
    ("blueoak1.0.0", "BlueOak-1.0.0"),
    ("boost", "BSL-1.0"),
    ("boost1.0", "BSL-1.0"),
    ("bsd", "BSD-3-Clause"),
    ("bsd2", "BSD-2-Clause"),
    ("bsd2clause", "BSD-2-Clause"),
    ("bsd3", "BSD-3-Clause"),
    ("bsd3clause", "BSD-3-Clause"),
    ("bsd4", "BSD-4-Clause"),
    ("bsd4clause", "BSD-4-Clause"),
    ("bsdstyle", "BSD-3-Clause"),
    ("2clausebsd", "BSD-2-Clause"),
    ("3clausebsd", "BSD-3-Clause"),
    ("bsdtwoclause", "BSD-2-Clause"),
    ("bsdthreeclause", "BSD-3-Clause"),
    ("bsdwithadvertising", "BSD-4-Clause"),
    ("freebsd", "BSD-2-Clause"),
    ("simplifiedbsd", "BSD-2-Clause"),
    ("bsdsimplified", "BSD-2-Clause"),
    ("modifiedbsd", "BSD-3-Clause"),
    ("newbsd", "BSD-3-Clause"),
    ("bsdnew", "BSD-3-Clause"),
    ("revisedbsd", "BSD-3-Clause"),
    ("bsl", "BSL-1.0"),
    ("bsl1.0", "BSL-1.0"),
    ("bzip", "bzip2-1.0.6"),
    ("bzip2", "bzip2-1.0.6"),
    ("cc0", "CC0-1.0"),
    ("cc0universal", "CC0-1.0"),
    ("cc01.0universal", "CC0-1.0"),
    ("cc01.0", "CC0-1.0"),
    ("ccby3.0", "CC-BY-3.0"),
    ("ccby4.0", "CC-BY-4.0"),
    ("ccbysa3.0", "CC-BY-SA-3.0"),
    ("ccbysa4.0", "CC-BY-SA-4.0"),
    ("cddl", "CDDL-1.0"),
    ("cddl1.0", "CDDL-1.0"),
    ("cddl1.1", "CDDL-1.1"),
    ("commondevelopmentanddistribution1.0", "CDDL-1.0"),
    ("cecill2.1", "CECILL-2.1"),
    ("cpl1.0", "CPL-1.0"),
    ("curl", "curl"),
    ("eclipsepublic1.0", "EPL-1.0"),
    ("eclipsepublic2.0", "EPL-2.0"),
    ("eclipsedistribution1.0", "BSD-3-Clause"),
    ("edl1.0", "BSD-3-Clause"),
    ("epl", "EPL-1.0"),
    ("epl1.0", "EPL-1.0"),
    ("epl2", "EPL-2.0"),
    ("epl2.0", "EPL-2.0"),
    ("europeanunionpublic1.2", "EUPL-1.2"),
    ("eupl1.1", "EUPL-1.1"),
    ("eupl1.2", "EUPL-1.2"),
    ("expat", "MIT"),
    ("ftl", "FTL"),
    ("freetype", "FTL"),
    ("hpnd", "HPND"),
    ("historicalpermissionnoticeanddisclaimer", "HPND"),
    ("icu", "ICU"),
    ("ijg", "IJG"),
    ("isc", "ISC"),
    ("iscl", "ISC"),
    ("jasper", "JasPer-2.0"),
    ("json", "JSON"),
    ("libpng", "Libpng"),
    ("mit", "MIT"),
    ("mitx", "MIT"),
    ("mitx11", "MIT"),
    ("x11mit", "MIT"),
    ("mitexpat", "MIT"),
    ("expatmit", "MIT"),
    ("mitnoattribution", "MIT-0"),
    ("mit0", "MIT-0"),
    ("mozillapublic1.0", "MPL-1.0"),
    ("mozillapublic1.1", "MPL-1.1"),
    ("mozillapublic2.0", "MPL-2.0"),
    ("mozillapublic2", "MPL-2.0"),
    ("mpl", "MPL-2.0"),
    ("mpl1.0", "MPL-1.0"),
    ("mpl1.1", "MPL-1.1"),
    ("mpl2", "MPL-2.0"),
    ("mpl2.0", "MPL-2.0"),
    ("mulanpsl2", "MulanPSL-2.0"),
    ("ncsa", "NCSA"),
    ("universityillinoisncsaopensource", "NCSA"),
    ("ofl", "OFL-1.1"),
    ("ofl1.1", "OFL-1.1"),
    ("silofl1.1", "OFL-1.1"),
    ("silopenfont1.1", "OFL-1.1"),
    ("openldap", "OLDAP-2.8"),
    ("oldap2.8", "OLDAP-2.8"),
    ("openssl", "OpenSSL"),
    ("opensslssleay", "OpenSSL"),
    ("opensslandssleay", "OpenSSL"),
    ("osl3.0", "OSL-3.0"),
    ("perl", "GPL-1.0-or-later OR Artistic-1.0-Perl"),
    ("perl5", "GPL-1.0-or-later OR Artistic-1.0-Perl"),
    ("sameasperl", "GPL-1.0-or-later OR Artistic-1.0-Perl"),
    ("sametermsasperl", "GPL-1.0-or-later OR Artistic-1.0-Perl"),
    ("php", "PHP-3.01"),
    ("php3.0", "PHP-3.0"),
    ("php3.01", "PHP-3.01"),
    ("postgresql", "PostgreSQL"),
    ("psf", "PSF-2.0"),
    ("psf2", "PSF-2.0"),
    ("psf2.0", "PSF-2.0"),
    ("psfl", "PSF-2.0"),
    ("python", "Python-2.0"),
    ("python2.0", "Python-2.0"),
    ("pythonfoundation", "PSF-2.0"),
    ("ruby", "Ruby"),
    ("sissl", "SISSL"),
    ("sleepycat", "Sleepycat"),
    ("tcl", "TCL"),
    ("tcltk", "TCL"),
    ("ucd", "Unicode-DFS-2016"),
    ("unlicense", "Unlicense"),
    ("upl1.0", "UPL-1.0"),
    ("universalpermissive1.0", "UPL-1.0"),
    ("vim", "Vim"),
    ("w3c", "W3C"),
    ("wtfpl", "WTFPL"),
    ("wtfpl2", "WTFPL"),
    ("zlib", "Zlib"),
    ("zliblibpng", "Zlib"),
    ("zopepublic", "ZPL-2.1"),
    ("zopepublic2.1", "ZPL-2.1"),
    ("zpl", "ZPL-2.1"),
    ("zpl2.0", "ZPL-2.0"),
    ("zpl2.1", "ZPL-2.1"),
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::license::{Choice, classify};
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let spelt = match classify(text) {
            Choice::Id(id) => id.to_owned(),
            Choice::Expression(expression) => expression,
            Choice::Name(_) => String::new(),
        };
        assert_eq!(spelt, expected, "{text}");
    }

    #[test]
    fn names_of_one_licence() {
        for (text, expected) in [
            ("Apache 2.0", "Apache-2.0"),
            ("Apache License, Version 2.0", "Apache-2.0"),
            ("The Apache Software License, Version 2.0", "Apache-2.0"),
            ("License :: OSI Approved :: Apache Software License", "Apache-2.0"),
            ("ASL 2.0", "Apache-2.0"),
            ("MIT License", "MIT"),
            ("The MIT License (MIT)", "MIT"),
            ("Expat", "MIT"),
            ("BSD", "BSD-3-Clause"),
            ("BSD 3-Clause \"New\" or \"Revised\" License", "BSD-3-Clause"),
            ("3-Clause BSD License", "BSD-3-Clause"),
            ("BSD-3-clause", "BSD-3-Clause"),
            ("GPLv2+", "GPL-2.0-or-later"),
            ("GPLv3", "GPL-3.0-only"),
            ("GPL-2", "GPL-2.0-only"),
            ("GPL-3+", "GPL-3.0-or-later"),
            ("GPL+", "GPL-1.0-or-later"),
            ("LGPLv2.1+", "LGPL-2.1-or-later"),
            ("LGPL-2+", "LGPL-2.0-or-later"),
            ("GNU General Public License v2 or later (GPLv2+)", "GPL-2.0-or-later"),
            ("GNU Lesser General Public License v3 (LGPLv3)", "LGPL-3.0-only"),
            ("GNU Affero General Public License v3", "AGPL-3.0-only"),
            ("GPLv2 with exceptions", ""),
            ("GPL-3+ with GCC exception", "GPL-3.0-or-later WITH GCC-exception-3.1"),
            ("MPLv2.0", "MPL-2.0"),
            ("Mozilla Public License 2.0 (MPL 2.0)", "MPL-2.0"),
            ("Python Software Foundation License", "PSF-2.0"),
            ("ISC License (ISCL)", "ISC"),
            ("http://www.apache.org/licenses/LICENSE-2.0.txt", "Apache-2.0"),
            ("https://opensource.org/licenses/MIT", "MIT"),
            ("Public Domain", ""),
            ("GPLv2.7", ""),
            ("see LICENSE", ""),
        ] {
            check(text, expected);
        }
    }

    #[test]
    fn several_licences() {
        for (text, expected) in [
            ("MIT and GPLv2+", "MIT AND GPL-2.0-or-later"),
            ("LGPLv2+ or (MIT and BSD)", "LGPL-2.0-or-later OR (MIT AND BSD-3-Clause)"),
            ("GPL+ or Artistic", "GPL-1.0-or-later OR Artistic-1.0-Perl"),
            ("GPL-2+ or later and MIT", ""),
            ("MIT / Apache-2.0", "MIT OR Apache-2.0"),
            ("MIT/Apache-2.0", "MIT OR Apache-2.0"),
            ("MIT and something else", ""),
            ("GPLv2 or later and MIT", "GPL-2.0-or-later AND MIT"),
            ("perl_5 and MIT", "(GPL-1.0-or-later OR Artistic-1.0-Perl) AND MIT"),
            ("GPL-1+ or Artistic, and Expat", "(GPL-1.0-or-later OR Artistic-1.0-Perl) AND MIT"),
            ("Expat, and GPL-1+ or Artistic", "MIT AND (GPL-1.0-or-later OR Artistic-1.0-Perl)"),
            ("MIT, BSD and ISC", ""),
            (
                "GPL-2+ with Libtool exception and GFDL-NIV-1.3+",
                "(GPL-2.0-or-later WITH Libtool-exception) AND GFDL-1.3-no-invariants-or-later",
            ),
            ("MIT AND ", ""),
            ("(MIT", ""),
        ] {
            check(text, expected);
        }
    }

    #[test]
    fn the_table_has_ids_alone() {
        for (name, id) in NAMES {
            assert!(!matches!(classify(id), Choice::Name(_)), "{name}: {id}");
            assert_eq!(*name, name.to_ascii_lowercase());
        }
    }

    proptest! {
        #[test]
        fn what_is_spelt_stays(text in "[ -~]{0,40}", names in prop::collection::vec(prop::sample::select(vec![
            "GPLv2+", "MIT", "and", "or", "(", ")", "BSD", "Apache License", "version 2.0", "with", "LGPL", "3", "+", "GCC exception", "::",
        ]), 0..9)) {
            for text in [text, names.join(" ")] {
                match classify(&text) {
                    Choice::Id(id) => prop_assert_eq!(classify(id), Choice::Id(id)),
                    Choice::Expression(expression) => prop_assert_eq!(classify(&expression), Choice::Expression(expression.clone())),
                    Choice::Name(name) => prop_assert_eq!(name, text.trim()),
                }
            }
        }
    }
}
