//! Where metadata and targets come from: an address or a directory, each with the limit that the TUF client sets.

use std::path::{Component, Path, PathBuf};

use anyhow::{Context as _, Result, anyhow};
use signet_oci_client::{Client, ErrorKind, FetchRequest};
use signet_trust::{TufFuture, TufRepository};

/// A repository that can be asked.
#[derive(Clone)]
pub(crate) enum Mirror {
    /// Addresses of metadata and targets, each with a `/` at its end.
    Web { client: Client, metadata: String, targets: String },
    /// Directories.
    Folder { metadata: PathBuf, targets: PathBuf },
}

impl Mirror {
    /// `https://`, `http://` for loopback and hosts that are allowed, `file://`; targets lie below `targets/`.
    pub(crate) fn at(address: &str, client: &Client) -> Mirror {
        match address.strip_prefix("file://") {
            Some(path) => Mirror::Folder { metadata: PathBuf::from(path), targets: Path::new(path).join("targets") },
            None => {
                let base = address.trim_end_matches('/');
                Mirror::web(client, base, &format!("{base}/targets"))
            }
        }
    }

    pub(crate) fn web(client: &Client, metadata: &str, targets: &str) -> Mirror {
        let base = |address: &str| format!("{}/", address.trim_end_matches('/'));
        Mirror::Web { client: client.clone(), metadata: base(metadata), targets: base(targets) }
    }
}

/// The address that is kept: a directory becomes an absolute `file://`, so that it means the same from everywhere.
pub(crate) fn address(given: &str) -> Result<String> {
    if given.starts_with("https://") || given.starts_with("http://") {
        return Ok(given.to_owned());
    }
    if given.starts_with("gs://") {
        return Err(anyhow!("`{given}`: buckets are read by their address, `https://storage.googleapis.com/BUCKET`"));
    }
    let path = Path::new(given.strip_prefix("file://").unwrap_or(given));
    let path = path.canonicalize().with_context(|| format!("`{given}` is neither an address nor a directory"))?;
    let text = path.to_str().with_context(|| format!("`{}` is not UTF-8", path.display()))?;
    Ok(format!("file://{text}"))
}

impl TufRepository for Mirror {
    fn metadata<'a>(&'a self, name: &'a str, most: u64) -> TufFuture<'a> {
        match self {
            // The client wrote the names of roles with `%` already, so that each is one segment.
            Mirror::Web { client, metadata, .. } => {
                let absent = if name.ends_with(".root.json") { Absent::Forbidden } else { Absent::NotFound };
                Box::pin(fetch(client, format!("{metadata}{name}"), most, absent))
            }
            Mirror::Folder { metadata, .. } => Box::pin(async move { read(metadata, name, most) }),
        }
    }

    fn target<'a>(&'a self, path: &'a str, most: u64) -> TufFuture<'a> {
        match self {
            Mirror::Web { client, targets, .. } => Box::pin(async move {
                if path.split('/').any(|part| part == "." || part == "..") {
                    return Err(format!("the target `{path}` leads out of its repository"));
                }
                fetch(client, format!("{targets}{}", escaped(path)), most, Absent::NotFound).await
            }),
            Mirror::Folder { targets, .. } => Box::pin(async move { read(targets, path, most) }),
        }
    }
}

/// What means that there is no such file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Absent {
    NotFound,
    /// Stores of objects answer 403 for what is not there; the last root is found by asking for one more.
    Forbidden,
}

async fn fetch(client: &Client, url: String, most: u64, absent: Absent) -> Result<Option<Vec<u8>>, String> {
    let mut bytes = Vec::new();
    let request = FetchRequest { url, most, known: None, expect: None };
    match client.fetch(&request, &mut bytes).await {
        Ok(fetched) => match fetched.content_encoding {
            Some(coding) => Err(format!("`{}` came in the coding `{coding}`, which nobody asked for", fetched.from)),
            None => Ok(Some(bytes)),
        },
        Err(err) if err.kind == ErrorKind::NotFound => Ok(None),
        Err(err) if err.kind == ErrorKind::Forbidden && absent == Absent::Forbidden => Ok(None),
        Err(err) => Err(crate::foreign::chain(&anyhow::Error::from(err))),
    }
}

/// A file below a directory; `..` and absolute names are refused.
fn read(folder: &Path, name: &str, most: u64) -> Result<Option<Vec<u8>>, String> {
    let path = Path::new(name);
    if !path.components().all(|part| matches!(part, Component::Normal(_))) {
        return Err(format!("`{name}` leads out of `{}`", folder.display()));
    }
    let path = folder.join(path);
    match std::fs::metadata(&path) {
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(err) => Err(format!("cannot read `{}`: {err}", path.display())),
        Ok(found) if found.len() > most => {
            Err(format!("`{}` has {} bytes where at most {most} are accepted", path.display(), found.len()))
        }
        Ok(_) => super::place::read(&path).map_err(|err| format!("{err:#}")),
    }
}

/// A path with everything but unreserved characters (RFC 3986, section 2.3) and `/` as `%XX`.
fn escaped(path: &str) -> String {
    path.bytes().fold(String::with_capacity(path.len()), |mut out, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => out.push(char::from(byte)),
            other => out.push_str(&format!("%{other:02X}")),
        }
        out
    })
}

/// A path as one file name.
pub(super) fn file_name(path: &str) -> String {
    escaped(path).replace('/', "%2F")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_in_addresses_and_file_names() {
        for (path, url, name) in [
            ("a/b.json", "a/b.json", "a%2Fb.json"),
            ("a b?c#d%2F", "a%20b%3Fc%23d%252F", "a%20b%3Fc%23d%252F"),
            ("ä", "%C3%A4", "%C3%A4"),
        ] {
            assert_eq!(escaped(path), url);
            assert_eq!(file_name(path), name);
        }
    }

    #[test]
    fn nothing_is_read_outside_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.json"), b"12345").unwrap();
        assert_eq!(read(folder.path(), "a.json", 5).unwrap(), Some(b"12345".to_vec()));
        assert_eq!(read(folder.path(), "b.json", 5).unwrap(), None);
        assert!(read(folder.path(), "a.json", 4).unwrap_err().contains("at most 4"));
        for name in ["../a.json", "/etc/passwd", "x/../../a.json", ""] {
            assert!(!matches!(read(folder.path(), name, 5), Ok(Some(_))), "{name}");
        }
    }
}
