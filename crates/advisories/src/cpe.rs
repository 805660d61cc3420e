//! CPE names: taking them apart, and asking whether one covers another.
//!
//! Source: NISTIR 7695 (naming), section 6.2 formatted strings and 6.1 URIs; NISTIR 7696 (matching), table 6-2, without wild cards inside
//! of values.

use signet_model::{Package, PackageKind};

/// The eleven attributes of a name, unescaped and in lower case. `*` (any) is empty; `-` (none) stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cpe {
    /// `a`, `o` or `h`.
    pub(crate) part: String,
    pub(crate) vendor: String,
    pub(crate) product: String,
    pub(crate) version: String,
    pub(crate) update: String,
    pub(crate) edition: String,
    pub(crate) language: String,
    pub(crate) software_edition: String,
    pub(crate) target_software: String,
    pub(crate) target_hardware: String,
    pub(crate) other: String,
}

impl Cpe {
    /// Reads `cpe:2.3:a:vendor:product:...` or `cpe:/a:vendor:product:...`. `None`: it names no product.
    pub(crate) fn parse(text: &str) -> Option<Cpe> {
        let (body, uri) = match (text.strip_prefix("cpe:2.3:"), text.strip_prefix("cpe:/")) {
            (Some(body), _) => (body, false),
            (None, Some(body)) => (body, true),
            (None, None) => return None,
        };
        let mut values = split(body).into_iter().map(|value| if uri { decode(&value) } else { value });
        let mut next = || values.next().filter(|value| value != "*").unwrap_or_default().to_ascii_lowercase();
        let cpe = Cpe {
            part: next(),
            vendor: next(),
            product: next(),
            version: next(),
            update: next(),
            edition: next(),
            language: next(),
            software_edition: next(),
            target_software: next(),
            target_hardware: next(),
            other: next(),
        };
        (!cpe.vendor.is_empty() && !cpe.product.is_empty()).then_some(cpe)
    }

    /// The formatted string, as it is kept in a database.
    pub(crate) fn text(&self) -> String {
        let values = [
            &self.part,
            &self.vendor,
            &self.product,
            &self.version,
            &self.update,
            &self.edition,
            &self.language,
            &self.software_edition,
            &self.target_software,
            &self.target_hardware,
            &self.other,
        ];
        values.iter().fold("cpe:2.3".to_owned(), |text, value| text + ":" + &escape(value))
    }

    /// The name under which the stream of products has its advisories.
    pub(crate) fn key(&self) -> String {
        format!("{}:{}", self.vendor, self.product)
    }

    /// Whether everything but version and update goes together: each attribute is any on one side, or equal.
    pub(crate) fn overlaps(&self, other: &Cpe) -> bool {
        let pairs = [
            (&self.part, &other.part),
            (&self.vendor, &other.vendor),
            (&self.product, &other.product),
            (&self.edition, &other.edition),
            (&self.language, &other.language),
            (&self.software_edition, &other.software_edition),
            (&self.target_software, &other.target_software),
            (&self.target_hardware, &other.target_hardware),
            (&self.other, &other.other),
        ];
        pairs.into_iter().all(|(one, two)| one.is_empty() || two.is_empty() || one == two)
    }

    /// The version, with the update where a JVM's version needs it: `1.8.0` and `update400` are `1.8.0_400`.
    pub(crate) fn whole_version(&self) -> Option<String> {
        let version = Some(self.version.as_str()).filter(|version| !matches!(*version, "" | "-" | "unknown"))?;
        let digits = self.update.strip_prefix("update").unwrap_or_default();
        let number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        Some(if number { format!("{version}_{digits}") } else { version.to_owned() })
    }
}

/// Names under which NVD may list a package that nobody states a CPE of: product and vendor are the package's name, or the vendor is the group
/// in which the name is. What they match is a guess. Empty: there is no name, or no version.
///
/// Source: anchore/syft:syft/pkg/cataloger/internal/cpegenerate, its most common candidates.
pub fn guessed(package: &Package) -> Vec<String> {
    let word = |text: &str| text.trim().trim_start_matches('@').to_lowercase().replace(char::is_whitespace, "_");
    let (group, name) = package.name.rsplit_once(['/', ':']).unwrap_or(("", &package.name));
    let product = word(name);
    if matches!(product.as_str(), "" | "*" | "-") || package.version.is_empty() {
        return Vec::new();
    }
    let group = match package.kind {
        // `org.apache.logging`: whose domain it is.
        PackageKind::Java | PackageKind::JenkinsPlugin => group.split('.').nth(1).unwrap_or(group),
        _ => group.rsplit('/').next().unwrap_or_default(),
    };
    let mut vendors = vec![product.clone(), word(group)];
    vendors.retain(|vendor| !matches!(vendor.as_str(), "" | "*" | "-"));
    vendors.dedup();
    let cpe = |vendor: String| Cpe {
        part: "a".to_owned(),
        vendor,
        product: product.clone(),
        version: package.version.to_lowercase(),
        target_software: target(package.kind).to_owned(),
        ..Cpe::default()
    };
    vendors.into_iter().map(|vendor| cpe(vendor).text()).collect()
}

/// What NVD calls the platform of an ecosystem's packages; empty: it names none.
fn target(kind: PackageKind) -> &'static str {
    match kind {
        PackageKind::Npm | PackageKind::Jsr => "node.js",
        PackageKind::Python => "python",
        PackageKind::Gem => "ruby",
        PackageKind::Cargo => "rust",
        PackageKind::Go => "go",
        PackageKind::Composer => "php",
        PackageKind::Nuget => ".net",
        PackageKind::Cpan => "perl",
        PackageKind::WordpressPlugin => "wordpress",
        PackageKind::JenkinsPlugin => "jenkins",
        PackageKind::ChromeExtension => "chrome",
        PackageKind::VscodeExtension => "visual_studio_code",
        _ => "",
    }
}

/// At colons without a backslash before them; the backslashes go.
fn split(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut escaped = false;
    for sign in text.chars() {
        match sign {
            '\\' if !escaped => escaped = true,
            ':' if !escaped => parts.push(String::new()),
            _ => {
                if let Some(last) = parts.last_mut() {
                    last.push(sign);
                }
                escaped = false;
            }
        }
    }
    parts
}

/// `%2b` of a URI.
fn decode(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = |byte: u8| (byte as char).to_digit(16);
        match (first, after) {
            (b'%', [high, low, tail @ ..]) if hex(*high).is_some() && hex(*low).is_some() => {
                out.push((hex(*high).unwrap_or(0) * 16 + hex(*low).unwrap_or(0)) as u8);
                rest = tail;
            }
            _ => {
                out.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn escape(value: &str) -> String {
    match value {
        "" => "*".to_owned(),
        "-" => "-".to_owned(),
        _ => {
            let plain = |sign: char| sign.is_alphanumeric() || matches!(sign, '.' | '_' | '-');
            value.chars().flat_map(|sign| (!plain(sign)).then_some('\\').into_iter().chain([sign])).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, key: &str, version: Option<&str>, formatted: &str) {
        let cpe = Cpe::parse(text).unwrap();
        assert_eq!(
            (cpe.key().as_str(), cpe.whole_version().as_deref(), cpe.text().as_str()),
            (key, version, formatted),
            "{text}"
        );
    }

    #[test]
    fn names_are_taken_apart() {
        let full = "cpe:2.3:a:openssl:openssl:1.1.1k:*:*:*:*:*:*:*";
        check(full, "openssl:openssl", Some("1.1.1k"), full);
        check("cpe:/a:openssl:openssl:1.1.1k", "openssl:openssl", Some("1.1.1k"), full);
        let java = "cpe:2.3:a:oracle:jdk:1.8.0:update400:*:*:*:*:*:*";
        check(java, "oracle:jdk", Some("1.8.0_400"), java);
        let escaped = r"cpe:2.3:a:a\:b:c\+\+:-:*:*:*:*:node.js:*:*";
        check(escaped, "a:b:c++", None, escaped);
        check("cpe:/a:a:c%2b%2b", "a:c++", None, r"cpe:2.3:a:a:c\+\+:*:*:*:*:*:*:*:*");
        for foreign in ["", "cpe:2.3:a:*:*", "openssl", "cpe:2.3:a:openssl"] {
            assert_eq!(Cpe::parse(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn any_goes_with_everything() {
        let parse = |target: &str| Cpe::parse(&format!("cpe:2.3:a:v:p:1:*:*:*:*:{target}:*:*")).unwrap();
        assert!(parse("*").overlaps(&parse("windows")));
        assert!(!parse("linux").overlaps(&parse("windows")));
        assert!(!parse("-").overlaps(&parse("windows")));
    }

    #[track_caller]
    fn guess(kind: PackageKind, name: &str, version: &str, expected: &[&str]) {
        let package = Package { version: version.to_owned(), ..Package::new(kind, name, version) };
        assert_eq!(guessed(&package), expected, "{name}");
    }

    #[test]
    fn names_are_guessed() {
        guess(PackageKind::Other, "zlib", "1.2", &["cpe:2.3:a:zlib:zlib:1.2:*:*:*:*:*:*:*"]);
        guess(
            PackageKind::WordpressPlugin,
            "My Forms",
            "1:2",
            &[r"cpe:2.3:a:my_forms:my_forms:1\:2:*:*:*:*:wordpress:*:*"],
        );
        let npm = ["cpe:2.3:a:core:core:7:*:*:*:*:node.js:*:*", "cpe:2.3:a:babel:core:7:*:*:*:*:node.js:*:*"];
        guess(PackageKind::Npm, "@babel/core", "7", &npm);
        let java = ["cpe:2.3:a:log4j:log4j:2:*:*:*:*:*:*:*", "cpe:2.3:a:apache:log4j:2:*:*:*:*:*:*:*"];
        guess(PackageKind::Java, "org.apache.logging:log4j", "2", &java);
        guess(PackageKind::Other, "zlib", "", &[]);
        guess(PackageKind::Other, "a/", "1", &[]);
        guess(PackageKind::Other, "*", "1", &[]);
    }

    proptest! {
        #[test]
        fn any_name_gives_names_that_are_read(name in ".{0,40}", version in ".{0,20}") {
            let package = Package::new(PackageKind::Other, name, version);
            for text in guessed(&package) {
                prop_assert!(Cpe::parse(&text).is_some(), "{}", text);
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text in "(cpe:2\\.3:|cpe:/)?.{0,60}") {
            if let Some(cpe) = Cpe::parse(&text) {
                prop_assert_eq!(Cpe::parse(&cpe.text()), Some(cpe));
            }
        }
    }
}
