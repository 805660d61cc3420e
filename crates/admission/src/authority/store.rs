//! An authority in a directory, for a server that is started again; and a certificate that somebody else keeps in one.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{Authority, Certificate, Change, Error, Holder, Lifetimes};

/// The state: authorities with their keys. Readable by the owner alone.
const STATE: &str = "authority.json";
/// What API servers must trust.
const BUNDLE: &str = "ca.crt";
/// Bytes of a file that is read.
const MAX_FILE: u64 = 1 << 20;

/// Why a directory is no use.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file.
    #[error("cannot {doing} `{}`", path.display())]
    File {
        /// What was tried.
        doing: &'static str,
        /// Where.
        path: PathBuf,
        /// Why not.
        #[source]
        err: std::io::Error,
    },
    /// What stands in it.
    #[error("`{}` holds no authority: {what}; move it away to begin anew", path.display())]
    State {
        /// Where.
        path: PathBuf,
        /// What is missing.
        what: &'static str,
    },
    /// What was to be made.
    #[error(transparent)]
    Authority(#[from] Error),
}

fn file(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> StoreError {
    let path = path.to_owned();
    move |err| StoreError::File { doing, path, err }
}

/// A certificate and a key as they lie in a directory, and what it says of who must be trusted.
#[derive(Clone)]
pub struct Published {
    /// `tls.crt`, PEM.
    pub chain: Vec<u8>,
    /// `tls.key`, PEM. A secret.
    pub key: Zeroizing<Vec<u8>>,
    /// `ca.crt`, PEM, if it is there.
    pub bundle: Option<Vec<u8>>,
}

impl std::fmt::Debug for Published {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Published").field("chain", &self.chain.len()).finish_non_exhaustive()
    }
}

impl PartialEq for Published {
    fn eq(&self, other: &Self) -> bool {
        self.chain == other.chain && *self.key == *other.key && self.bundle == other.bundle
    }
}

impl Published {
    /// Reads a directory of the kind that cert-manager's Secret becomes in a Pod.
    ///
    /// # Errors
    /// A file is missing or too large.
    pub fn read(directory: &Path) -> Result<Self, StoreError> {
        let bundle = directory.join(BUNDLE);
        Ok(Self {
            chain: read(&directory.join("tls.crt"))?.to_vec(),
            key: read(&directory.join("tls.key"))?,
            bundle: if bundle.is_file() { Some(read(&bundle)?.to_vec()) } else { None },
        })
    }
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    let open = std::fs::File::open(path).map_err(file("read", path))?;
    let mut bytes = Zeroizing::new(Vec::new());
    open.take(MAX_FILE).read_to_end(&mut bytes).map_err(file("read", path))?;
    Ok(bytes)
}

/// Names of one certificate for all who share it: those of before, and these. Processes of different names would otherwise make one after the other
/// for ever.
fn with(known: &[String], names: &[String]) -> Vec<String> {
    let new = names.iter().filter(|name| !known.contains(name));
    known.iter().chain(new).cloned().collect()
}

/// A directory that an authority lives in.
#[derive(Clone, Debug)]
pub struct Directory(PathBuf);

impl Directory {
    /// Makes the directory if there is none, readable by the owner alone.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(path).map_err(file("make", path))?;
        Ok(Self(path.to_owned()))
    }

    /// Does what is due: reads the authority or makes one, renews, and writes what changed. One process at a time; several may share it, so that what
    /// is shown may have changed although this one did not change it. Names are added to those of before.
    ///
    /// # Errors
    /// A file, or what stands in it.
    pub fn step(
        &self,
        names: &[String],
        now: Timestamp,
        lifetimes: Lifetimes,
    ) -> Result<(Authority, Vec<Change>), StoreError> {
        let lock = self.0.join(".lock");
        let held = std::fs::File::create(&lock).map_err(file("lock", &lock))?;
        held.lock().map_err(file("lock", &lock))?;
        let path = self.0.join(STATE);
        let (authority, changes) = match std::fs::symlink_metadata(&path) {
            Ok(_) => {
                let mut authority = restored(&read(&path)?, lifetimes)
                    .map_err(|what| StoreError::State { path: path.clone(), what })?;
                let changes = authority.step(&with(&authority.names, names), now)?;
                (authority, changes)
            }
            Err(err) if err.kind() == std::io::ErrorKind::NotFound => {
                (Authority::new(names, now, lifetimes)?, vec![Change::AuthorityInUse, Change::Certificate])
            }
            Err(err) => return Err(file("read", &path)(err)),
        };
        if !changes.is_empty() {
            self.put(STATE, saved(&authority).to_string().as_bytes(), 0o600)?;
        }
        let bundle = authority.bundle();
        let shown = self.0.join(BUNDLE);
        if !shown.is_file() || *read(&shown)? != *bundle.as_bytes() {
            self.put(BUNDLE, bundle.as_bytes(), 0o644)?;
        }
        Ok((authority, changes))
    }

    /// Writes a file whole or not at all.
    fn put(&self, name: &str, bytes: &[u8], mode: u32) -> Result<(), StoreError> {
        let (path, temporary) = (self.0.join(name), self.0.join(format!(".{name}.new")));
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
        let mut open = options.open(&temporary).map_err(file("write", &temporary))?;
        open.write_all(bytes).and_then(|()| open.sync_all()).map_err(file("write", &temporary))?;
        std::fs::rename(&temporary, &path).map_err(file("write", &path))?;
        let folder = std::fs::File::open(&self.0).map_err(file("write", &self.0))?;
        folder.sync_all().map_err(file("write", &self.0))
    }
}

impl Authority {
    /// Everything that begins it again, its keys included: a secret.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(saved(self).to_string().into_bytes())
    }

    /// What [`Authority::to_bytes`] gave.
    ///
    /// # Errors
    /// What is missing, as half a sentence. No key is quoted.
    pub fn from_bytes(bytes: &[u8], lifetimes: Lifetimes) -> Result<Self, &'static str> {
        restored(bytes, lifetimes)
    }
}

fn certificate(of: &Certificate) -> Value {
    json!({"der": STANDARD.encode(&of.der), "from": of.from.as_second(), "until": of.until.as_second()})
}

fn holder(of: &Holder) -> Value {
    let mut value = certificate(&of.certificate);
    if let Some(fields) = value.as_object_mut() {
        fields.insert("key".to_owned(), Value::String(STANDARD.encode(&*of.key)));
    }
    value
}

fn saved(authority: &Authority) -> Value {
    json!({
        "version": 1,
        "current": holder(&authority.current),
        "next": authority.next.as_ref().map(|(next, since)| json!({"holder": holder(next), "since": since.as_second()})),
        "old": authority.old.iter().map(certificate).collect::<Vec<_>>(),
        "server": holder(&authority.server),
        "names": authority.names,
        "signedBy": STANDARD.encode(&authority.signed_by),
    })
}

fn restored(bytes: &[u8], lifetimes: Lifetimes) -> Result<Authority, &'static str> {
    let value: Value = serde_json::from_slice(bytes).map_err(|_| "it is no JSON")?;
    if value.get("version").and_then(Value::as_u64) != Some(1) {
        return Err("it is of a version that is not known");
    }
    let decoded = |of: &Value, key: &str| {
        of.get(key).and_then(Value::as_str).and_then(|text| STANDARD.decode(text).ok()).ok_or("a field is missing")
    };
    let time = |of: &Value, key: &str| {
        of.get(key).and_then(Value::as_i64).and_then(|at| Timestamp::from_second(at).ok()).ok_or("a time is missing")
    };
    let certificate = |of: &Value| -> Result<Certificate, &'static str> {
        Ok(Certificate { der: decoded(of, "der")?, from: time(of, "from")?, until: time(of, "until")? })
    };
    let holder = |of: Option<&Value>| -> Result<Holder, &'static str> {
        let of = of.ok_or("an authority is missing")?;
        Ok(Holder { certificate: certificate(of)?, key: Zeroizing::new(decoded(of, "key")?) })
    };
    let next = match value.get("next").filter(|next| !next.is_null()) {
        None => None,
        Some(next) => Some((holder(next.get("holder"))?, time(next, "since")?)),
    };
    let old = value.get("old").and_then(Value::as_array).ok_or("the old authorities are missing")?;
    let names = value.get("names").and_then(Value::as_array).ok_or("the names are missing")?;
    Ok(Authority {
        lifetimes,
        current: holder(value.get("current"))?,
        next,
        old: old.iter().map(certificate).collect::<Result<_, _>>()?,
        server: holder(value.get("server"))?,
        names: names.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        signed_by: decoded(&value, "signedBy")?,
    })
}
