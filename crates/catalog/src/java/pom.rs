//! `pom.properties` and `pom.xml`, as Maven puts them into archives.

use quick_xml::events::Event;

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

/// Reads the coordinates and licences of a `pom.xml`; group and version may come from `parent`.
///
/// Errors: what is not XML, in one sentence. Nothing is resolved: neither entities nor parents nor variables.
/// Source: maven.apache.org/pom.html.
pub(super) fn xml(text: &str) -> Result<Pom, String> {
    let mut reader = quick_xml::Reader::from_str(text);
    let (mut pom, mut parent) = (Pom::default(), Pom::default());
    let mut path: Vec<String> = Vec::new();
    let mut value = String::new();
    loop {
        match reader.read_event() {
            Ok(Event::Start(tag)) => {
                if path.len() >= 64 {
                    return Err("the pom.xml is nested too deeply".to_owned());
                }
                path.push(tag.local_name().as_ref().to_owned());
                value.clear();
            }
            Ok(Event::Text(text)) => value.push_str(&text),
            Ok(Event::End(_)) => {
                let names: Vec<&str> = path.iter().map(String::as_str).collect();
                match names.as_slice() {
                    ["project", "groupId"] => pom.group = constant(&value),
                    ["project", "artifactId"] => pom.artifact = constant(&value),
                    ["project", "version"] => pom.version = constant(&value),
                    ["project", "parent", "groupId"] => parent.group = constant(&value),
                    ["project", "parent", "version"] => parent.version = constant(&value),
                    ["project", "licenses", "license", "name"] if !value.trim().is_empty() => {
                        pom.licenses.push(value.split_whitespace().collect::<Vec<_>>().join(" "));
                    }
                    _ => {}
                }
                path.pop();
                value.clear();
            }
            Ok(Event::Eof) => break,
            Ok(_) => {}
            Err(error) => return Err(format!("no XML at offset {}: {error}", reader.error_position())),
        }
    }
    if pom.group.is_empty() {
        pom.group = parent.group;
    }
    if pom.version.is_empty() {
        pom.version = parent.version;
    }
    Ok(pom)
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
        ));
        let pom = pom.unwrap();
        assert_eq!((pom.group.as_str(), pom.artifact.as_str(), pom.version.as_str()), ("g", "a", "2"));
        assert_eq!(pom.licenses, ["MIT License"]);
        assert!(xml("<a></b>").is_err());
        assert!(xml(&"<a>".repeat(1000)).is_err());
    }
}
