//! What the name of an archive says.

/// Artifact and version of a file name such as `commons-lang3-3.12.0.jar`, `org.eclipse.osgi_3.18.0.jar`.
///
/// Grammar: groups joined by dashes; the version begins with the first group, but for the very first, that begins with a digit, or with
/// `v`, `r`, `rc` or `build` before a digit. OSGi puts an underscore before `digits.digits`. Without a version it is empty.
pub(super) fn split(file: &str) -> (&str, &str) {
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    for (at, _) in stem.match_indices(['-', '_']).filter(|(at, _)| *at > 0) {
        let (name, rest) = (stem.get(..at).unwrap_or_default(), stem.get(at + 1..).unwrap_or_default());
        let found = match stem.as_bytes().get(at) {
            Some(b'-') => begins_version(rest),
            _ => {
                let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
                digits > 0 && rest.as_bytes().get(digits) == Some(&b'.')
            }
        };
        if found {
            return (name, rest);
        }
    }
    (stem, "")
}

fn begins_version(group: &str) -> bool {
    let after = ["build", "rc", "r", "v", ""].iter().filter_map(|mark| group.strip_prefix(mark));
    after.into_iter().any(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(file: &str, name: &str, version: &str) {
        assert_eq!(split(file), (name, version), "{file}");
    }

    #[test]
    fn names() {
        check("commons-lang3-3.12.0.jar", "commons-lang3", "3.12.0");
        check("guava-31.1-jre.jar", "guava", "31.1-jre");
        check("pkg-maven-4.3.2.blah.jar", "pkg-maven", "4.3.2.blah");
        check("jaxb-impl-r09.jar", "jaxb-impl", "r09");
        check("a-build42.war", "a", "build42");
        check("a-rc1.jar", "a", "rc1");
        check("a-v1.2.jar", "a", "v1.2");
        check("log4j-1.2-api-2.17.0.jar", "log4j", "1.2-api-2.17.0");
        check("org.eclipse.osgi_3.18.0.v2022.jar", "org.eclipse.osgi", "3.18.0.v2022");
        check("nested_at_10.jar", "nested_at_10", "");
        check("app.jar", "app", "");
        check("ant-launcher.jar", "ant-launcher", "");
        check("1.0.jar", "1.0", "");
    }
}
