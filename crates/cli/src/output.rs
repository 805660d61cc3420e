//! Where reports go: `-o FORMAT[=FILE]`, repeatable. Files are whole before the program exits, or they are not there.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::report::{Format, Look, Report};
use crate::settings::Settings;

/// One report to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Output {
    pub(crate) format: Format,
    /// `None`: standard output.
    pub(crate) file: Option<PathBuf>,
}

impl Output {
    /// Reads `FORMAT[=FILE]` texts; none at all is a table on standard output.
    pub(crate) fn parse(texts: &[String], formats: &[(&str, Format)]) -> Result<Vec<Output>> {
        if texts.is_empty() {
            return Ok(vec![Output { format: Format::Table, file: None }]);
        }
        let outputs: Vec<Output> = texts
            .iter()
            .map(|text| {
                let (name, file) = match text.split_once('=') {
                    Some((_, "")) => bail!("`--output {text}` names no file"),
                    Some((name, file)) => (name, Some(PathBuf::from(file))),
                    None => (text.as_str(), None),
                };
                Ok(Output { format: Format::named(name, formats)?, file })
            })
            .collect::<Result<_>>()?;
        if outputs.iter().filter(|output| output.file.is_none()).count() > 1 {
            bail!("only one format can go to standard output: give the others a file, `-o FORMAT=FILE`");
        }
        Ok(outputs)
    }
}

/// Writes all reports.
pub(crate) fn write(report: &Report, outputs: &[Output], settings: &Settings) -> Result<()> {
    for output in outputs {
        match &output.file {
            Some(path) => {
                let bytes = report.render(output.format, Look::default())?;
                replace(path, &bytes)
                    .with_context(|| format!("cannot write the report `{}`", path.display()))
                    .map_err(|err| crate::hint(err, "its folder must exist, and you must be allowed to write there"))?;
            }
            None => to_stdout(&report.render(output.format, settings.look)?)?,
        }
    }
    Ok(())
}

/// Prints bytes. A reader that went away (`| head`) has had enough, which is no failure.
pub(crate) fn to_stdout(bytes: &[u8]) -> Result<()> {
    to_stdout_with(|sink| sink.write_all(bytes))
}

/// The same for what is written piece by piece.
pub(crate) fn to_stdout_with(write: impl FnOnce(&mut dyn io::Write) -> io::Result<()>) -> Result<()> {
    let mut stdout = io::BufWriter::with_capacity(256 * 1024, io::stdout().lock());
    match write(&mut stdout).and_then(|()| stdout.flush()) {
        Err(err) if err.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.context("cannot write to standard output"),
    }
}

/// Replaces a file as a whole: a temporary one beside it, its bytes on disk, then a rename. Nobody ever reads a half.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace_with(path, |sink| sink.write_all(bytes))
}

/// The same for a file that is written piece by piece.
pub(crate) fn replace_with(path: &Path, write: impl FnOnce(&mut dyn io::Write) -> io::Result<()>) -> io::Result<()> {
    let buffered = |file: &mut std::fs::File| {
        let mut sink = io::BufWriter::with_capacity(256 * 1024, file);
        write(&mut sink)?;
        sink.flush()
    };
    // A device or pipe (`/dev/stdout`, a named pipe) is written to and not replaced.
    if std::fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        return buffered(&mut std::fs::OpenOptions::new().write(true).open(path)?);
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    // The cause without the temporary file's name, which nobody asked for.
    let mut temporary = tempfile::NamedTempFile::new_in(folder).map_err(|err| io::Error::from(err.kind()))?;
    buffered(temporary.as_file_mut())?;
    temporary.as_file().sync_all()?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // Temporary files are private; a report is as readable as any file that the user makes.
        temporary.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))?;
    }
    temporary.persist(path).map_err(|err| err.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_and_files() {
        let parse = |texts: &[&str]| {
            Output::parse(&texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>(), Format::SCAN)
        };
        assert_eq!(parse(&[]).unwrap(), [Output { format: Format::Table, file: None }]);
        let two = parse(&["json=a=b.json", "table"]).unwrap();
        assert_eq!(two[0], Output { format: Format::Json, file: Some("a=b.json".into()) });
        assert!(parse(&["table", "json"]).is_err(), "two on standard output");
        assert!(parse(&["syft-json"]).is_err(), "not a format of scan");
        assert!(parse(&["json="]).is_err());
        let older = parse(&["cyclonedx-json@1.4"]).unwrap();
        assert_eq!(older[0].format, Format::Sbom(signet_sbom::Target::CycloneDxJson(4)));
        assert!(parse(&["cyclonedx-json@9"]).is_err() && parse(&["json@1"]).is_err());
    }

    #[test]
    fn a_report_replaces_the_old_one_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.json");
        replace(&path, b"first, and longer").unwrap();
        let mut reader = std::fs::File::open(&path).unwrap();
        replace(&path, b"second").unwrap();
        let mut seen = String::new();
        std::io::Read::read_to_string(&mut reader, &mut seen).unwrap();
        assert_eq!(seen, "first, and longer", "who had begun to read the old one reads all of it");
        assert_eq!(std::fs::read(&path).unwrap(), b"second");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file stays");
    }
}
