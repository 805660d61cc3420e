//! `pom.properties` and `pom.xml`, as Maven puts them into archives.

use super::maven::{self, Effective, Memory, Tree};
use super::xml::Refusal;

/// Entries of one file that are looked at.
const ENTRIES: u64 = 1_000_000;

/// Coordinates, as far as they are stated without variables.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pom {
    pub(super) group: String,
    pub(super) artifact: String,
    pub(super) version: String,
    pub(super) licenses: Vec<String>,
}

impl Pom {
    /// Whether it names an artifact and its version.
    pub(super) fn is_whole(&self) -> bool {
        !self.artifact.is_empty() && !self.version.is_empty()
    }
}

/// A value without variables; a variable is no value.
fn constant(value: &str) -> String {
    let value = value.trim();
    if value.contains("${") { String::new() } else { value.to_owned() }
}

/// Reads `pom.properties`: lines `key=value`. Source: maven.apache.org/shared/maven-archiver, "addMavenDescriptor".
pub(super) fn properties(text: &str) -> Pom {
    let mut pom = Pom::default();
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with(['#', '!'])) {
        let Some((key, value)) = line.split_once(['=', ':']) else { continue };
        match key.trim() {
            "groupId" => pom.group = constant(value),
            "artifactId" => pom.artifact = constant(value),
            "version" => pom.version = constant(value),
            _ => {}
        }
    }
    pom
}

/// Reads the coordinates and licences of a `pom.xml`; group and version may come from `parent`, and variables from the file itself.
///
/// Errors: as [`maven::parse`]. The parent is not at hand: a variable that only it sets leaves the field empty.
/// Source: maven.apache.org/pom.html.
pub(super) fn xml(bytes: &[u8]) -> Result<Pom, Refusal> {
    let tree = Tree::new(vec![("pom.xml".to_owned(), maven::parse(bytes)?)], ENTRIES);
    let Some(known) = Effective::of(&tree, &Memory::default(), 0) else { return Ok(Pom::default()) };
    Ok(Pom {
        group: known.group.clone(),
        artifact: known.artifact.clone(),
        version: known.version.clone(),
        licenses: known.licenses.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms() {
        let pom = properties("#Generated\n#date\nversion=1.0\r\ngroupId = g\nartifactId=a\n");
        assert_eq!((pom.group.as_str(), pom.artifact.as_str(), pom.version.as_str()), ("g", "a", "1.0"));
        assert!(!properties("artifactId=a\nversion=${v}\n").is_whole());
        let pom = xml(concat!(
            "<?xml version='1.0'?><project xmlns='x'><parent><groupId>g</groupId><artifactId>p</artifactId>",
            "<version>2</version></parent><artifactId>a</artifactId><licenses><license><name>MIT\n License</name>",
            "</license></licenses><dependencies><dependency><artifactId>d</artifactId></dependency></dependencies></project>"
        ).as_bytes());
        let pom = pom.unwrap();
        assert_eq!((pom.group.as_str(), pom.artifact.as_str(), pom.version.as_str()), ("g", "a", "2"));
        assert_eq!(pom.licenses, ["MIT License"]);
        assert!(xml(b"<a></b>").is_err());
        assert!(xml("<a>".repeat(1000).as_bytes()).is_err());
    }
}
