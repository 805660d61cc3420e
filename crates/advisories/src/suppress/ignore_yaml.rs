//! The structured ignore file, `.trivyignore.yaml`.
//!
//! Shape: lists `vulnerabilities`, `misconfigurations`, `secrets`, `licenses` of `{id, paths, purls, expired_at, statement}`.
//! Errors: a text that is no YAML, or not of this shape, refuses the file: it would be unclear what it ignores.
//! Source: trivy `pkg/result/ignore.go`, `docs/guide/configuration/filtering.md`.

use signet_model::Purl;
use signet_yaml::{Limits, Node, Value};

use super::ignore_file::{IgnoreEntry, IgnoreError, IgnoreFile, day};

const LISTS: [&str; 4] = ["vulnerabilities", "misconfigurations", "secrets", "licenses"];

impl IgnoreFile {
    /// Reads `.trivyignore.yaml`.
    pub fn parse_yaml(name: &str, bytes: &[u8], limits: &Limits) -> Result<IgnoreFile, IgnoreError> {
        let documents =
            signet_yaml::parse_bytes(bytes, limits).map_err(|err| IgnoreError::Yaml { name: name.to_owned(), err })?;
        let mut file = IgnoreFile { name: name.to_owned(), ..IgnoreFile::default() };
        for document in &documents {
            let root = &document.root;
            if root.is_null() {
                continue;
            }
            let lists = root.as_map().ok_or_else(|| shape(name, root, "a mapping of lists was expected"))?;
            for (key, list) in lists {
                let kind = key.text().unwrap_or_default();
                if !LISTS.contains(&kind) {
                    file.warnings.push((line(key), format!("`{kind}` is no list that is known: {}", LISTS.join(", "))));
                    continue;
                }
                if list.is_null() {
                    continue;
                }
                for item in list.as_seq().ok_or_else(|| shape(name, list, "a list was expected"))? {
                    let entry = entry(name, item)?;
                    if kind == "vulnerabilities" {
                        file.entries.push(entry);
                    } else {
                        file.others.push((kind.to_owned(), entry));
                    }
                }
            }
        }
        Ok(file)
    }
}

fn entry(name: &str, item: &Node) -> Result<IgnoreEntry, IgnoreError> {
    let fail = |node: &Node, why: &str| shape(name, node, why);
    let fields = item.as_map().ok_or_else(|| fail(item, "a mapping was expected"))?;
    let mut entry = IgnoreEntry { line: line(item), ..IgnoreEntry::default() };
    for (key, value) in fields {
        let text = || value.text().map(str::to_owned).ok_or_else(|| fail(value, "a text was expected"));
        match key.text().unwrap_or_default() {
            "id" => entry.id = text()?,
            "statement" => entry.statement = Some(text()?),
            "expired_at" => {
                let date = text()?;
                entry.expires =
                    Some(day(&date).ok_or_else(|| fail(value, "a date of the form YYYY-MM-DD was expected"))?);
            }
            "paths" => entry.paths = texts(name, value)?,
            "purls" => {
                for text in texts(name, value)? {
                    entry.purls.push(text.parse::<Purl>().map_err(|err| fail(value, &err.to_string()))?);
                }
            }
            // An unknown word could narrow the entry, and left out it would ignore more than its author meant.
            other => return Err(fail(key, &format!("`{other}` is no field of an entry"))),
        }
    }
    if entry.id.is_empty() {
        return Err(fail(item, "the entry has no `id`"));
    }
    Ok(entry)
}

fn texts(name: &str, list: &Node) -> Result<Vec<String>, IgnoreError> {
    match &list.value {
        Value::Null => Ok(Vec::new()),
        Value::Sequence(items) => items
            .iter()
            .map(|item| item.text().map(str::to_owned).ok_or_else(|| shape(name, item, "a text was expected")))
            .collect(),
        _ => Err(shape(name, list, "a list was expected")),
    }
}

fn line(node: &Node) -> u32 {
    node.span.line
}

fn shape(name: &str, node: &Node, why: &str) -> IgnoreError {
    IgnoreError::Shape { name: name.to_owned(), line: line(node), why: why.to_owned() }
}
