//! `-o FORMAT[=FILE]`, repeatable, as Syft and Grype take it.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::output;

/// One report to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Output {
    /// The format as the user wrote it, in lower case.
    pub(crate) format: String,
    /// `None`: standard output.
    pub(crate) file: Option<PathBuf>,
}

/// Reads the texts; without one, `default`. `file` (`--file`) takes what has no file of its own.
pub(crate) fn parse(texts: &[String], file: Option<&Path>, default: &str) -> Result<Vec<Output>> {
    let default = [default.to_owned()];
    let texts: &[String] = if texts.iter().all(|text| text.trim().is_empty()) { &default } else { texts };
    let mut outputs = Vec::new();
    for text in texts.iter().map(|text| text.trim()).filter(|text| !text.is_empty()) {
        let (name, named) = match text.split_once('=') {
            Some((name, "")) => bail!("`--output {name}=` names no file"),
            Some((name, path)) => (name, Some(home(path))),
            None => (text, None),
        };
        outputs.push(Output { format: name.to_ascii_lowercase(), file: named.or_else(|| file.map(Path::to_owned)) });
    }
    Ok(outputs)
}

/// `~/` in front of a path, which no shell expands behind `=`.
fn home(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), std::env::var_os("HOME")) {
        (Some(rest), Some(home)) => PathBuf::from(home).join(rest),
        _ => PathBuf::from(path),
    }
}

/// Writes one report whole. Folders of the file are made, as Syft and Grype do.
pub(crate) fn write(to: &Output, bytes: &[u8]) -> Result<()> {
    let Some(path) = &to.file else { return output::to_stdout(bytes) };
    let context = || format!("cannot write the report `{}`", path.display());
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).with_context(context)?;
    }
    output::replace(path, bytes).with_context(context)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_and_files() {
        let read = |texts: &[&str], file: Option<&str>| {
            parse(&texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>(), file.map(Path::new), "table")
        };
        let one =
            |format: &str, file: Option<&str>| Output { format: format.to_owned(), file: file.map(PathBuf::from) };
        assert_eq!(read(&[], None).unwrap(), [one("table", None)]);
        assert_eq!(read(&[""], Some("f")).unwrap(), [one("table", Some("f"))]);
        assert_eq!(
            read(&["JSON=a=b", "table"], Some("f")).unwrap(),
            [one("json", Some("a=b")), one("table", Some("f"))]
        );
        assert!(read(&["json="], None).is_err());
    }
}
