//! containerd, through `ctr` or `nerdctl`: `ctr -n NAMESPACE images export - NAME`.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread::JoinHandle;

use signet_model::ImageRef;

use super::archive::Named;
use super::{Export, check_name, error};
use crate::image_source::{SourceError, SourceErrorKind};

/// Part of a tool's complaint that is kept.
const COMPLAINT: u64 = 4096;

/// How containerd is reached.
#[derive(Clone, Debug)]
pub struct Containerd {
    /// `ctr` or `nerdctl`.
    program: PathBuf,
    is_nerdctl: bool,
    namespace: String,
}

impl Containerd {
    /// Finds `ctr`, else `nerdctl`, in `path` (the value of `PATH`). `namespace` is containerd's: `default`, `k8s.io`, `moby`.
    pub fn locate(path: Option<&OsStr>, namespace: &str) -> Result<Containerd, SourceError> {
        let valid = !namespace.is_empty()
            && namespace.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
            && !namespace.starts_with('-');
        if !valid {
            let text = format!("cannot ask containerd: `{}` is no name of a namespace", namespace.escape_debug());
            return Err(error(SourceErrorKind::Malformed, text));
        }
        let find = |name: &str| {
            path.into_iter()
                .flat_map(std::env::split_paths)
                .filter(|folder| folder.is_absolute())
                .map(|folder| folder.join(name))
                .find(|program| program.is_file())
        };
        let namespace = namespace.to_owned();
        if let Some(program) = find("ctr") {
            return Ok(Containerd { program, is_nerdctl: false, namespace });
        }
        if let Some(program) = find("nerdctl") {
            return Ok(Containerd { program, is_nerdctl: true, namespace });
        }
        Err(error(
            SourceErrorKind::Unreachable,
            "cannot ask containerd: neither `ctr` nor `nerdctl` is in `PATH`, and its images are read through one of them",
        ))
    }

    /// The image under a name; without registry and tag the usual ones are meant.
    pub(crate) fn open(&self, name: &str) -> Result<(ContainerdExport, Named), SourceError> {
        check_name(name)?;
        let reference: ImageRef = name.parse().map_err(|err| SourceError {
            doing: format!("cannot ask containerd for `{name}`"),
            kind: SourceErrorKind::Malformed,
            cause: Some(Box::new(err)),
        })?;
        // containerd knows images by their full name only.
        let full = match (reference.tag(), reference.digest()) {
            (None, None) => format!("{reference}:latest"),
            _ => reference.to_string(),
        };
        let tags = full.parse().ok().filter(|_| reference.digest().is_none()).into_iter().collect();
        let mut arguments: Vec<OsString> = vec!["--namespace".into(), self.namespace.clone().into()];
        if self.is_nerdctl {
            arguments.extend(["save".into(), full.into()]);
        } else {
            arguments.extend(["images".into(), "export".into(), "-".into(), full.into()]);
        }
        let export = ContainerdExport { program: self.program.clone(), arguments };
        Ok((export, Named { id: None, tags, repo_digests: Vec::new() }))
    }
}

/// Runs the tool for each stream.
pub(crate) struct ContainerdExport {
    program: PathBuf,
    arguments: Vec<OsString>,
}

impl Export for ContainerdExport {
    fn start(&self) -> Result<Box<dyn Read + Send>, SourceError> {
        let doing = format!("cannot run `{}`", self.program.display());
        let failed = |err: io::Error| SourceError {
            doing: doing.clone(),
            kind: SourceErrorKind::Unreachable,
            cause: Some(Box::new(err)),
        };
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let output = child.stdout.take();
        let complaint = child.stderr.take().map(|mut stderr| {
            std::thread::spawn(move || {
                let mut text = Vec::new();
                let _ = (&mut stderr).take(COMPLAINT).read_to_end(&mut text);
                let _ = io::copy(&mut stderr, &mut io::sink());
                String::from_utf8_lossy(&text).trim().escape_debug().to_string()
            })
        });
        Ok(Box::new(ToolOutput { name: self.program.display().to_string(), child, output, complaint }))
    }
}

/// What a tool writes. Its end is only an end if the tool ended well.
struct ToolOutput {
    name: String,
    child: Child,
    output: Option<ChildStdout>,
    complaint: Option<JoinHandle<String>>,
}

impl Read for ToolOutput {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(output) = &mut self.output else { return Ok(0) };
        let count = output.read(buffer)?;
        if count > 0 || buffer.is_empty() {
            return Ok(count);
        }
        let status = self.child.wait()?;
        if status.success() {
            self.output = None;
            return Ok(0);
        }
        let said = self.complaint.take().and_then(|thread| thread.join().ok()).unwrap_or_default();
        Err(io::Error::other(format!("`{}` failed ({status}): {said}", self.name)))
    }
}

impl Drop for ToolOutput {
    fn drop(&mut self) {
        // A stream that nobody reads any more: the tool would wait for ever.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
