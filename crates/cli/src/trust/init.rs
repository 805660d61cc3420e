//! `signet trust init`, and what `cosign initialize` does: choose a repository and fetch what it says, or change nothing.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use signet_model::{Digest, Hasher};
use signet_oci_client::{BlockingClient, ErrorKind, FetchRequest};
use signet_trust::{Instance, TufMaterial, TufState};

use super::args::InitArgs;
use super::place::{self, Place};
use super::repository::{Mirror, address};
use super::{status, usable};
use crate::exit::Exit;
use crate::net::{self, Access};
use crate::settings::Settings;

/// As the TUF client limits it.
const LARGEST_ROOT: u64 = 512_000;
/// How long a whole renewal may take when someone waits for it.
const DEADLINE: Duration = Duration::from_secs(120);
/// How long another process that renews is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is to be trusted.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    /// An address or a directory; `None`: the public instance's.
    pub(crate) mirror: Option<String>,
    /// A file or an address; `None`: the built-in root, or the one that was pinned before.
    pub(crate) root: Option<String>,
    /// What it must hash to.
    pub(crate) checksum: Option<String>,
}

/// `signet trust init`.
pub(super) fn command(args: &InitArgs, settings: &Settings) -> Result<Exit> {
    let mirror = if args.staging { Some(Instance::Staging.mirror().to_owned()) } else { args.mirror.clone() };
    let is_address = |root: &String| root.starts_with("https://") || root.starts_with("http://");
    if args.root_checksum.is_none() && args.root.as_ref().is_some_and(is_address) {
        settings.warn(
            "the root metadata is believed as it comes: say what it must be, `--root-checksum sha256:HEX`, from another source than that address",
        );
    }
    let wanted = Wanted { mirror, root: args.root.clone(), checksum: args.root_checksum.clone() };
    let (state, material) = initialize(&wanted, &crate::verify::demand::access(&args.reach), settings)?;
    settings.say(status::summary(&state, &material, crate::settings::now()));
    Ok(Exit::Well)
}

/// Fetches and verifies everything, then saves it and chooses the repository. On an error all stays as it was.
pub(crate) fn initialize(wanted: &Wanted, access: &Access, settings: &Settings) -> Result<(TufState, TufMaterial)> {
    let mirror = address(wanted.mirror.as_deref().unwrap_or(Instance::PublicGood.mirror()))?;
    let place = Place::of(settings);
    let client = net::client(access, settings)?;
    let Some(_lock) = place.lock(&mirror, PATIENCE)? else {
        return Err(anyhow!("another process has been renewing `{mirror}` for {} s", PATIENCE.as_secs()));
    };
    // What cannot be read sets no floor; a person who begins anew wants just that.
    let before = place.load(&mirror).ok().flatten();
    let root = match (&wanted.root, Instance::at(&mirror), &before) {
        (Some(given), _, _) => given_root(given, wanted.checksum.as_deref(), &client)?,
        (None, Some(instance), _) => instance.tuf_root().to_vec(),
        (None, None, Some(before)) => before.pinned().to_vec(),
        // A mirror of the public instance, or else it fails by its signatures.
        (None, None, None) => Instance::PublicGood.tuf_root().to_vec(),
    };
    let files: BTreeMap<String, Vec<u8>> =
        before.iter().flat_map(TufState::files).map(|(name, bytes)| (name.to_owned(), bytes.to_vec())).collect();
    let state = TufState::adopt(&mirror, &root, files)
        .with_context(|| format!("`{}` is no root metadata", wanted.root.as_deref().unwrap_or("root.json")))?;
    let renewed = renew(&state, access, settings, DEADLINE);
    let (state, material) = match renewed {
        Ok(renewed) => renewed,
        Err(err) if wanted.root.is_none() && Instance::at(&mirror).is_none() && before.is_none() => {
            return Err(crate::hint(
                err,
                "a repository that is no mirror of the public instance needs the root metadata that trust begins with: `--root FILE`",
            ));
        }
        Err(err) => return Err(err),
    };
    place.save(&state)?;
    place.choose(&mirror)?;
    Ok((state, material))
}

/// Renews within a deadline, and takes only what can be used.
pub(super) fn renew(
    state: &TufState,
    access: &Access,
    settings: &Settings,
    deadline: Duration,
) -> Result<(TufState, TufMaterial)> {
    let mirror = state.mirror();
    let client = net::client(access, settings)?;
    let repository = Mirror::at(mirror, client.client());
    if settings.offline && matches!(repository, Mirror::Web { .. }) {
        return Err(crate::hint(
            anyhow!("`{mirror}` is not asked: the network is forbidden (`--offline`)"),
            "without a network a copy of the repository serves: `signet trust init --mirror file:///DIRECTORY --root FILE`",
        ));
    }
    let now = crate::settings::now();
    let renewing = async { tokio::time::timeout(deadline, state.renew(repository, now)).await };
    let (state, material) = client
        .wait(renewing)
        .map_err(|_| anyhow!("the repository took more than {} s", deadline.as_secs()))
        .and_then(|renewed| Ok(renewed?))
        .with_context(|| format!("cannot renew what is trusted from `{mirror}`"))?;
    usable(&material)?;
    Ok((state, material))
}

/// The root metadata that a person names, and its checksum where one is given.
fn given_root(given: &str, checksum: Option<&str>, client: &BlockingClient) -> Result<Vec<u8>> {
    let bytes = if given.starts_with("https://") || given.starts_with("http://") {
        let request = FetchRequest { url: given.to_owned(), most: LARGEST_ROOT, known: None, expect: None };
        let mut bytes = Vec::new();
        client.fetch(&request, &mut bytes).map_err(|err| match err.kind {
            ErrorKind::NotFound => anyhow!("there is nothing at `{given}`"),
            _ => err.into(),
        })?;
        bytes
    } else {
        let path = Path::new(given.strip_prefix("file://").unwrap_or(given));
        place::read(path)?.with_context(|| format!("there is no file `{}`", path.display()))?
    };
    if let Some(checksum) = checksum {
        let expected = parsed(checksum)?;
        let mut hasher = Hasher::new(expected.algorithm());
        hasher.update(&bytes);
        let found = hasher.finish();
        if found != expected {
            return Err(anyhow!("incorrect checksum for file {given}: expected {expected} but got {found}"));
        }
    }
    Ok(bytes)
}

/// `sha256:HEX`, `sha512:HEX`, or HEX of SHA-512, which is Cosign's default.
fn parsed(checksum: &str) -> Result<Digest> {
    let text = checksum.to_ascii_lowercase();
    let text = if text.contains(':') { text } else { format!("sha512:{text}") };
    text.parse().map_err(|_| {
        crate::usage(anyhow!("`--root-checksum {checksum}` is no checksum: sha256:HEX, sha512:HEX, or HEX of SHA-512"))
    })
}
