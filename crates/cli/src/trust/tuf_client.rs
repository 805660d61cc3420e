//! `signet trust tuf-client`, hidden: the command line that conformance suites of TUF drive (theupdateframework/tuf-conformance, `CLIENT-CLI.md`), over the
//! same client as everything else.
//!
//! `DIR` holds `root.json`, `timestamp.json`, `snapshot.json`, `targets.json`, delegated roles by their escaped names, and `root_history/`. A file is there
//! when it was verified, and not before.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow};
use signet_trust::{TufClient, TufState, TufStore};

use super::args::{TufClientArgs, TufStep};
use super::place::read;
use super::repository::{Mirror, file_name};
use crate::exit::Exit;
use crate::net::{self, Access};
use crate::output;
use crate::settings::Settings;

pub(super) fn command(args: &TufClientArgs, settings: &Settings) -> Result<Exit> {
    let root = args.metadata_dir.join("root.json");
    if let TufStep::Init { root: given } = &args.step {
        let bytes = read(given)?.with_context(|| format!("there is no file `{}`", given.display()))?;
        // The address is of no matter to the check.
        TufState::begin("", &bytes)?;
        std::fs::create_dir_all(&args.metadata_dir)?;
        output::replace(&root, &bytes)?;
        return Ok(Exit::Well);
    }
    let bytes = read(&root)?.with_context(|| format!("there is no `{}`: `init` comes first", root.display()))?;
    let needed =
        |value: &Option<String>, flag: &str| value.clone().ok_or_else(|| crate::usage(anyhow!("`{flag}` is missing")));
    let url = needed(&args.metadata_url, "--metadata-url")?;
    let client = net::client(&Access::default(), settings)?;
    let targets = args.target_base_url.clone().unwrap_or_else(|| format!("{url}/targets"));
    let mirror = Mirror::web(client.client(), &url, &targets);
    let store = Directory { metadata: args.metadata_dir.clone(), targets: args.target_dir.clone() };
    let mut tuf = TufClient::new(mirror, &bytes)?.with_store(store);
    let now = crate::settings::now();
    client.wait(tuf.refresh(now))?;
    if matches!(args.step, TufStep::Download) {
        let folder = args.target_dir.as_ref().ok_or_else(|| crate::usage(anyhow!("`--target-dir` is missing")))?;
        std::fs::create_dir_all(folder)?;
        for name in &args.target_name {
            // Saved by the store, after its length and hash were verified.
            client.wait(tuf.target(name, now)).with_context(|| format!("cannot fetch the target `{name}`"))?;
        }
    }
    Ok(Exit::Well)
}

/// Metadata and targets, each file replaced as a whole.
struct Directory {
    metadata: PathBuf,
    targets: Option<PathBuf>,
}

impl Directory {
    /// Where a file lies; `None` for one that is not kept: names with a version are the same bytes as those without.
    fn path(&self, name: &str) -> Option<PathBuf> {
        if let Some(target) = name.strip_prefix("targets/") {
            return Some(self.targets.as_ref()?.join(file_name(target)));
        }
        if let Some(root) = name.strip_prefix("root_history/") {
            return Some(self.metadata.join("root_history").join(file_name(root)));
        }
        let versioned = name
            .split('.')
            .next()
            .is_some_and(|head| !head.is_empty() && head.bytes().all(|byte| byte.is_ascii_digit()));
        (!versioned).then(|| self.metadata.join(name)).filter(|path| path.parent() == Some(Path::new(&self.metadata)))
    }
}

impl TufStore for Directory {
    fn load(&self, name: &str) -> Result<Option<Vec<u8>>, String> {
        let Some(path) = self.path(name) else { return Ok(None) };
        read(&path).map_err(|err| format!("{err:#}"))
    }

    fn save(&self, name: &str, bytes: &[u8]) -> Result<(), String> {
        let Some(path) = self.path(name) else { return Ok(()) };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|err| err.to_string())?;
        }
        output::replace(&path, bytes).map_err(|err| format!("cannot write `{}`: {err}", path.display()))
    }
}
