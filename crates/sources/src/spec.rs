//! What the user names: `SCHEME:VALUE`, a path, or a reference.

use std::io::Read;
use std::path::{Path, PathBuf};

use signet_image::Compression;
use signet_model::{Digest, ImageRef};

use crate::archive::Archive;
use crate::layout::{ImageOptions, Selection, error, open_file};
use crate::{DockerArchive, ImageSource, OciArchive, OciDir, SourceError, SourceErrorKind};

/// A source as the user named it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceSpec {
    /// An image in a registry.
    Registry(ImageRef),
    /// An image in an OCI layout.
    OciDir(PathBuf, Option<Selection>),
    /// An image in an archive of an OCI layout.
    OciArchive(PathBuf, Option<Selection>),
    /// An image in an archive of `docker save`.
    DockerArchive(PathBuf, Option<Selection>),
    /// An image that a Docker daemon has: a reference or an image id.
    Docker(String),
    /// An image that Podman has: a reference or an image id.
    Podman(String),
    /// An image that containerd has: a reference.
    Containerd(String),
    /// A directory with a project or anything else.
    Dir(PathBuf),
    /// The root of a file system.
    RootFs(PathBuf),
    /// A single file.
    File(PathBuf),
    /// A git repository: a path, or an address that begins with `https://`.
    Git(String),
    /// An SBOM; `-` is standard input.
    Sbom(PathBuf),
    /// A package URL.
    Purl(String),
}

/// Why a text names no source.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` names no source: {why}{}{}", if .hint.is_empty() { "" } else { "\n\nhint: " }, .hint)]
pub struct SpecError {
    /// The text.
    pub text: String,
    /// What is wrong: one clause.
    pub why: String,
    /// What to write instead; may be empty.
    pub hint: String,
}

/// The schemes, as they are named in messages.
const SCHEMES: &str =
    "registry, oci-dir, oci-archive, docker-archive, docker, podman, containerd, dir, rootfs, file, git, sbom, purl";

impl SourceSpec {
    /// Reads a source as the user typed it. A path that begins with `/`, `./` or `../` is recognised by what is there; what has no scheme and
    /// is no such path is a reference to a registry.
    pub fn parse(text: &str) -> Result<SourceSpec, SpecError> {
        let fail =
            |why: &str, hint: &str| SpecError { text: text.to_owned(), why: why.to_owned(), hint: hint.to_owned() };
        if text.is_empty() {
            return Err(fail("it is empty", ""));
        }
        if text.contains('\0') {
            return Err(fail("it holds a NUL", ""));
        }
        if text.starts_with("pkg:") {
            return Ok(SourceSpec::Purl(text.to_owned()));
        }
        let (scheme, value) = match text.split_once(':') {
            Some((scheme, value)) if is_scheme(scheme) => (scheme, value),
            _ if matches!(text, "." | "..") => return recognise(text),
            _ if ["/", "./", "../"].iter().any(|start| text.starts_with(start)) => return recognise(text),
            _ => return reference(text, text),
        };
        if value.is_empty() {
            return Err(fail("nothing follows the scheme", &format!("write `{scheme}:` and what it names")));
        }
        let path = || PathBuf::from(value);
        Ok(match scheme {
            "registry" => return reference(text, value.strip_prefix("//").unwrap_or(value)),
            "oci-dir" => {
                let (path, selection) = split_selection(value);
                SourceSpec::OciDir(path, selection)
            }
            "oci-archive" => {
                let (path, selection) = split_selection(value);
                SourceSpec::OciArchive(path, selection)
            }
            "docker-archive" => {
                let (path, selection) = split_selection(value);
                SourceSpec::DockerArchive(path, selection)
            }
            "docker" | "podman" | "containerd" => {
                if let Some(reference) = value.strip_prefix("//") {
                    return Err(fail("this is the form of skopeo", &format!("write `registry:{reference}`")));
                }
                check_daemon_name(text, value)?;
                match scheme {
                    "docker" => SourceSpec::Docker(value.to_owned()),
                    "podman" => SourceSpec::Podman(value.to_owned()),
                    _ => SourceSpec::Containerd(value.to_owned()),
                }
            }
            "dir" => SourceSpec::Dir(path()),
            "rootfs" => SourceSpec::RootFs(path()),
            "file" => SourceSpec::File(path()),
            "git" => {
                check_git(text, value)?;
                SourceSpec::Git(value.to_owned())
            }
            "sbom" => SourceSpec::Sbom(path()),
            _ => {
                // `@FILE` lists package URLs, one a line.
                if !value.starts_with("pkg:") && !value.starts_with('@') {
                    return Err(fail("a package URL begins with `pkg:`", &format!("write `purl:pkg:{value}`")));
                }
                SourceSpec::Purl(value.to_owned())
            }
        })
    }

    /// Opens the image, if the source is one in a file or directory.
    pub fn open_local_image(&self, options: &ImageOptions) -> Option<Result<Box<dyn ImageSource>, SourceError>> {
        fn boxed<S: ImageSource + 'static>(
            source: Result<S, SourceError>,
        ) -> Result<Box<dyn ImageSource>, SourceError> {
            source.map(|source| Box::new(source) as Box<dyn ImageSource>)
        }
        match self {
            SourceSpec::OciDir(path, selection) => Some(boxed(OciDir::open(path, selection.as_ref(), options))),
            SourceSpec::OciArchive(path, selection) => Some(boxed(OciArchive::open(path, selection.as_ref(), options))),
            SourceSpec::DockerArchive(path, selection) => {
                Some(boxed(DockerArchive::open(path, selection.as_ref(), options)))
            }
            _ => None,
        }
    }
}

fn is_scheme(text: &str) -> bool {
    SCHEMES.split(", ").any(|scheme| scheme == text)
}

fn reference(text: &str, value: &str) -> Result<SourceSpec, SpecError> {
    value.parse().map(SourceSpec::Registry).map_err(|cause: signet_model::ImageRefError| {
        let hint = if Path::new(value).exists() {
            format!("there is a file of this name: write `./{value}`")
        } else if let Some((scheme, rest)) = value.split_once("://") {
            match scheme {
                "docker" => format!("write `registry:{rest}`"),
                "https" | "http" => format!("write `registry:{rest}` for an image, `git:{value}` for a repository"),
                _ => format!("schemes are: {SCHEMES}"),
            }
        } else {
            format!("a source is a reference, a path that begins with `/` or `./`, or a scheme and a value; schemes are: {SCHEMES}")
        };
        SpecError { text: text.to_owned(), why: cause.why.to_owned(), hint }
    })
}

/// A reference, or an id: up to 64 hexadecimal digits, with or without the algorithm.
fn check_daemon_name(text: &str, value: &str) -> Result<(), SpecError> {
    let id = value.strip_prefix("sha256:").unwrap_or(value);
    let is_id = (7..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_id {
        return Ok(());
    }
    reference(text, value).map(|_| ())
}

fn check_git(text: &str, value: &str) -> Result<(), SpecError> {
    let fail = |why: &str, hint: &str| SpecError { text: text.to_owned(), why: why.to_owned(), hint: hint.to_owned() };
    match value.split_once("://") {
        Some(("https", host)) if !host.is_empty() => Ok(()),
        Some(("http" | "git" | "ssh" | "git+ssh", _)) => Err(fail(
            "repositories are only cloned over HTTPS",
            "clone it yourself and name the directory as `git:PATH`",
        )),
        Some(_) => Err(fail("this is no address of a repository", "write `git:https://HOST/PATH` or `git:PATH`")),
        None if value.starts_with('-') => Err(fail("a path must not begin with a dash", "write `git:./PATH`")),
        None if !Path::new(value).exists() && value.split_once(':').is_some_and(|(host, _)| host.contains('@')) => Err(
            fail("repositories are only cloned over HTTPS", "clone it yourself and name the directory as `git:PATH`"),
        ),
        None => Ok(()),
    }
}

/// Splits `PATH[:TAG]` and `PATH[@DIGEST]`. What exists decides, because paths and references may hold colons; else the last part that can be
/// a tag or digest is one.
fn split_selection(value: &str) -> (PathBuf, Option<Selection>) {
    if Path::new(value).exists() {
        return (PathBuf::from(value), None);
    }
    let selected = |at: usize| {
        let (path, rest) = value.split_at(at);
        let selection = match rest.strip_prefix('@') {
            Some(digest) => Selection::Digest(digest.parse::<Digest>().ok()?),
            None => Selection::Tag(rest.strip_prefix(':').filter(|tag| !tag.is_empty())?.to_owned()),
        };
        (!path.is_empty()).then(|| (PathBuf::from(path), Some(selection)))
    };
    let separators = || value.match_indices([':', '@']).map(|(at, _)| at);
    separators()
        .filter(|at| Path::new(&value[..*at]).exists())
        .find_map(selected)
        .or_else(|| separators().filter(|at| !value[*at..].contains('/')).find_map(selected))
        .unwrap_or_else(|| (PathBuf::from(value), None))
}

/// Recognises what lies at a path.
fn recognise(text: &str) -> Result<SourceSpec, SpecError> {
    let (path, selection) = split_selection(text);
    let fail = |why: String, hint: &str| SpecError { text: text.to_owned(), why, hint: hint.to_owned() };
    let metadata =
        std::fs::metadata(&path).map_err(|cause| fail(format!("cannot look at `{}`: {cause}", path.display()), ""))?;
    let only_images = |spec| match &selection {
        None => Ok(spec),
        Some(selection) => {
            Err(fail(format!("`{}` holds no image, so `{selection}` cannot be chosen from it", path.display()), ""))
        }
    };
    if metadata.is_dir() {
        if path.join("oci-layout").is_file() || (path.join("index.json").is_file() && path.join("blobs").is_dir()) {
            return Ok(SourceSpec::OciDir(path, selection));
        }
        return only_images(SourceSpec::Dir(path.clone()));
    }
    if !metadata.is_file() {
        return Err(fail(format!("`{}` is neither a file nor a directory", path.display()), ""));
    }
    let start = read_start(&path).map_err(|cause| fail(format!("cannot read `{}`: {cause}", path.display()), ""))?;
    let may_be_archive = Compression::sniff(&start) != Compression::None || start.get(257..262) == Some(b"ustar");
    if may_be_archive && let Ok(archive) = Archive::open(&path) {
        if archive.has("index.json") && archive.has("oci-layout") {
            return Ok(SourceSpec::OciArchive(path, selection));
        }
        if archive.has("manifest.json") || archive.has("repositories") {
            return Ok(SourceSpec::DockerArchive(path, selection));
        }
    }
    let head = String::from_utf8_lossy(&start);
    if head.trim_start_matches('\u{feff}').trim_start().starts_with('{')
        && ["\"bomFormat\"", "\"spdxVersion\"", "CycloneDX"].iter().any(|mark| head.contains(mark))
    {
        return only_images(SourceSpec::Sbom(path.clone()));
    }
    only_images(SourceSpec::File(path.clone()))
}

fn read_start(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut start = Vec::new();
    open_file(path)?.take(4096).read_to_end(&mut start)?;
    Ok(start)
}

/// Opens an archive as what it is: an OCI layout if it has one, else an archive of Docker.
pub fn open_archive(
    path: &Path,
    selection: Option<&Selection>,
    options: &ImageOptions,
) -> Result<Box<dyn ImageSource>, SourceError> {
    let archive = Archive::open(path)?;
    if archive.has("index.json") && archive.has("oci-layout") {
        return Ok(Box::new(OciArchive::of(archive, selection, options)?));
    }
    if archive.has("manifest.json") || archive.has("repositories") {
        return Ok(Box::new(DockerArchive::of(archive, selection, options)?));
    }
    let doing = format!("`{}` holds no image: there is neither `index.json` nor `manifest.json` in it", path.display());
    Err(error(SourceErrorKind::Malformed, doing))
}
