//! Where trusted material is kept: Cosign's place and layout (`$TUF_ROOT`, else `~/.sigstore/root`), so that one `initialize` serves both programs.
//!
//! ```text
//!   remote.json                        {"mirror": URL}: which repository is chosen
//!   NAME/signet-state.json             what Signet believes, after verifying it again: one file, replaced as a whole
//!   NAME/{root,timestamp,...}.json     the same files for other programs to read
//!   NAME/targets/trusted_root.json
//! ```
//!
//! NAME is the address without `https://`, with `-` for `/`, as sigstore-go has it (pkg/tuf/client.go, `URLToPath`).

use std::collections::BTreeMap;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::Read as _;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use signet_model::{Digest, Timestamp};
use signet_trust::{Instance, TufState};

use crate::output;
use crate::settings::Settings;

/// The largest file that is read here; `TufState` has limits of its own for what is inside.
const LARGEST: u64 = 64 << 20;
const STATE: &str = "signet-state.json";
const ATTEMPT: &str = "signet-attempt";
const LOCK: &str = "signet.lock";

/// The folder of all repositories.
#[derive(Clone, Debug)]
pub(crate) struct Place(PathBuf);

/// What is known of a repository.
pub(crate) enum Known {
    /// Verified files, or files that claim to be.
    Kept(TufState),
    /// Files whose root is older than the one that this program was built with, from which they are read anew: versions do not go back behind theirs, and
    /// nothing else of them is believed.
    Behind(TufState),
    /// Files that another program keeps, and a root to begin with.
    Foreign(TufState),
    /// Nothing but the root that this program was built with.
    BuiltIn(Instance),
    /// Nothing.
    Unknown,
}

impl Place {
    pub(crate) fn of(settings: &Settings) -> Place {
        let variable = std::env::var_os("TUF_ROOT").filter(|value| !value.is_empty()).map(PathBuf::from);
        let home = || settings.home.as_ref().map(|home| home.join(".sigstore/root"));
        Place(variable.or_else(home).unwrap_or_else(|| settings.cache.join("trust")))
    }

    /// The repository that is chosen: `TUF_MIRROR`, else by `trust init` or Cosign, else the public instance's.
    pub(crate) fn mirror(&self) -> Result<String> {
        if let Some(mirror) = std::env::var("TUF_MIRROR").ok().filter(|value| !value.is_empty()) {
            return Ok(mirror);
        }
        let path = self.0.join("remote.json");
        let wrong = || format!("`{}` does not say which repository is trusted", path.display());
        match read(&path)? {
            None => Ok(Instance::PublicGood.mirror().to_owned()),
            Some(bytes) => {
                let value: serde_json::Value = serde_json::from_slice(&bytes).with_context(wrong)?;
                match value.get("mirror").and_then(serde_json::Value::as_str).filter(|mirror| !mirror.is_empty()) {
                    Some(mirror) => Ok(mirror.to_owned()),
                    None => {
                        Err(crate::hint(anyhow!(wrong()), "choose one: `signet trust init --mirror URL --root FILE`"))
                    }
                }
            }
        }
    }

    /// Chooses a repository.
    pub(crate) fn choose(&self, mirror: &str) -> Result<()> {
        make(&self.0)?;
        write(&self.0.join("remote.json"), serde_json::json!({"mirror": mirror}).to_string().as_bytes())
    }

    pub(crate) fn folder(&self, mirror: &str) -> PathBuf {
        self.0.join(name(mirror))
    }

    /// What was saved.
    pub(crate) fn load(&self, mirror: &str) -> Result<Option<TufState>> {
        let path = self.folder(mirror).join(STATE);
        let Some(bytes) = read(&path)? else { return Ok(None) };
        let state = TufState::read(&bytes).with_context(|| format!("`{}` cannot be read", path.display()))?;
        if state.mirror() != mirror {
            return Err(anyhow!("`{}` is of another repository: {}", path.display(), state.mirror()));
        }
        Ok(Some(state))
    }

    /// What there is to begin with, at best what was saved.
    pub(crate) fn known(&self, mirror: &str) -> Result<Known> {
        let instance = Instance::at(mirror);
        if let Some(state) = self.load(mirror)? {
            return newer(state, instance);
        }
        let folder = self.folder(mirror);
        let pinned = match instance {
            Some(instance) => Some(instance.tuf_root().to_vec()),
            // As Cosign: a root that is named, else the one that its `initialize` left.
            None => match std::env::var_os("TUF_ROOT_JSON").filter(|value| !value.is_empty()) {
                Some(path) => {
                    let bytes = read(Path::new(&path))?;
                    Some(
                        bytes
                            .with_context(|| format!("`TUF_ROOT_JSON={}` is not there", Path::new(&path).display()))?,
                    )
                }
                None => read(&folder.join("root.json"))?,
            },
        };
        let Some(pinned) = pinned else { return Ok(Known::Unknown) };
        let mut files = BTreeMap::new();
        for name in [
            "timestamp.json",
            "snapshot.json",
            "targets.json",
            "targets/trusted_root.json",
            "targets/signing_config.v0.2.json",
        ] {
            if let Some(bytes) = read(&folder.join(name))? {
                files.insert(name.to_owned(), bytes);
            }
        }
        match instance {
            Some(instance) if files.is_empty() => Ok(Known::BuiltIn(instance)),
            _ => Ok(Known::Foreign(TufState::adopt(mirror, &pinned, files)?)),
        }
    }

    /// Saves: the state as one file first, then the same files for other programs.
    pub(crate) fn save(&self, state: &TufState) -> Result<()> {
        let folder = self.folder(state.mirror());
        make(&folder)?;
        write(&folder.join(STATE), &state.write())?;
        for (name, bytes) in state.files() {
            let path = Path::new(name);
            if !path.components().all(|part| matches!(part, Component::Normal(_))) {
                continue;
            }
            let path = folder.join(path);
            path.parent().map_or(Ok(()), make)?;
            write(&path, bytes)?;
        }
        Ok(())
    }

    /// When the repository was last asked, with or without success.
    pub(crate) fn attempted(&self, mirror: &str) -> Option<Timestamp> {
        let bytes = read(&self.folder(mirror).join(ATTEMPT)).ok()??;
        std::str::from_utf8(&bytes).ok()?.trim().parse().ok()
    }

    pub(crate) fn note_attempt(&self, mirror: &str, now: Timestamp) -> Result<()> {
        write(&self.folder(mirror).join(ATTEMPT), format!("{now}\n").as_bytes())
    }

    /// Keeps other processes from renewing at the same time. The system lets go of it when the process ends, however it ends. `None` when another has it for
    /// longer than `patience`.
    pub(crate) fn lock(&self, mirror: &str, patience: Duration) -> Result<Option<File>> {
        const STEP: Duration = Duration::from_millis(50);
        let folder = self.folder(mirror);
        make(&folder)?;
        let path = folder.join(LOCK);
        let failed = || format!("cannot lock `{}`", path.display());
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).with_context(failed)?;
        let mut waited = Duration::ZERO;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Some(file)),
                Err(TryLockError::Error(err)) => return Err(err).with_context(failed),
                Err(TryLockError::WouldBlock) if waited >= patience => return Ok(None),
                Err(TryLockError::WouldBlock) => {
                    std::thread::sleep(STEP);
                    waited = waited.saturating_add(STEP);
                }
            }
        }
    }
}

/// The state, unless this program was built with a newer root of the instance: keys that were revoked in between would count for whoever kept the old one.
fn newer(state: TufState, instance: Option<Instance>) -> Result<Known> {
    let Some(instance) = instance else { return Ok(Known::Kept(state)) };
    let built_in = TufState::begin(state.mirror(), instance.tuf_root())?;
    if state.root_version()? >= built_in.root_version()? {
        return Ok(Known::Kept(state));
    }
    let files = state.files().map(|(name, bytes)| (name.to_owned(), bytes.to_vec())).collect();
    Ok(Known::Behind(TufState::adopt(state.mirror(), instance.tuf_root(), files)?))
}

/// A file name for an address.
fn name(mirror: &str) -> String {
    let name = mirror.strip_prefix("https://").unwrap_or(mirror).replace(['/', '\\'], "-");
    // The specification of file systems: 255 bytes; and no name that leads elsewhere.
    if name.len() > 200 || name.trim_matches('.').is_empty() || name.contains('\0') {
        return Digest::sha256(mirror.as_bytes()).to_string().replace(':', "-");
    }
    name
}

/// Readable by the user alone, as Cosign makes it.
fn make(folder: &Path) -> Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(folder).with_context(|| format!("cannot make the folder `{}`", folder.display()))
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    output::replace(path, bytes).with_context(|| format!("cannot write `{}`", path.display()))
}

/// A whole file, `None` when it is not there.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>> {
    let failed = || format!("cannot read `{}`", path.display());
    let file = match File::open(path) {
        Ok(file) => file,
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(err) => return Err(err).with_context(failed),
    };
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes).with_context(failed)?;
    if bytes.len() as u64 > LARGEST {
        return Err(anyhow!("`{}` is larger than {LARGEST} bytes", path.display()));
    }
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_older_than_this_program_is_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place(folder.path().to_owned());
        let (public, staging) = (Instance::PublicGood, Instance::Staging);
        // Roots of two instances stand for an older and a newer one: versions 15 and 16.
        let version = |instance: Instance| TufState::begin("", instance.tuf_root()).unwrap().root_version().unwrap();
        assert!(version(staging) < version(public));
        let files: BTreeMap<String, Vec<u8>> = [("timestamp.json".to_owned(), b"{}".to_vec())].into();
        place.save(&TufState::adopt(public.mirror(), staging.tuf_root(), files.clone()).unwrap()).unwrap();
        let Known::Behind(state) = place.known(public.mirror()).unwrap() else { panic!("an older root won") };
        assert_eq!(state.pinned(), public.tuf_root());
        // What it held still bounds the versions that are accepted.
        assert_eq!(state.files().collect::<Vec<_>>(), [("timestamp.json", b"{}".as_slice())]);
        for (mirror, root) in [
            (staging.mirror(), public.tuf_root()),
            (public.mirror(), public.tuf_root()),
            // Of a private instance nothing newer is known here.
            ("https://tuf.example.com", staging.tuf_root()),
        ] {
            place.save(&TufState::adopt(mirror, root, files.clone()).unwrap()).unwrap();
            assert!(matches!(place.known(mirror).unwrap(), Known::Kept(_)), "{mirror}");
        }
        // What is kept of one repository says nothing of another.
        let (here, there) = ("https://one.example.com", "https://two.example.com");
        place.save(&TufState::adopt(here, staging.tuf_root(), files).unwrap()).unwrap();
        make(&place.folder(there)).unwrap();
        std::fs::copy(place.folder(here).join(STATE), place.folder(there).join(STATE)).unwrap();
        let error = place.known(there).err().map(|err| err.to_string()).unwrap_or_default();
        assert!(error.contains("is of another repository"), "{error}");
    }

    #[test]
    fn addresses_become_one_name() {
        for (mirror, wanted) in [
            ("https://tuf-repo-cdn.sigstore.dev", "tuf-repo-cdn.sigstore.dev"),
            ("https://example.com/a/b", "example.com-a-b"),
            ("http://127.0.0.1:1/", "http:--127.0.0.1:1-"),
            ("file:///srv/tuf", "file:---srv-tuf"),
        ] {
            assert_eq!(name(mirror), wanted);
        }
        for mirror in ["https://..", ".", "", "https://", &"x".repeat(300)] {
            assert!(name(mirror).starts_with("sha256-"), "{mirror}");
        }
    }
}
