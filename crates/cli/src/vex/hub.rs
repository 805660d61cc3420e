//! `--vex repo`: VEX repositories that are fetched and kept.
//!
//! `$HOME/.trivy/vex/repository.yaml` lists them in the order in which they are asked; without it there is one, VEX Hub. Each lies in
//! `CACHE/vex/repositories/NAME`: `vex-repository.json`, its manifest, which says where the archive of documents is and how long it holds, and
//! `0.1/`, the archive's content. The file `updated` beside it is ours: when it was fetched, and from where.
//! Sources: aquasecurity/vex-repo-spec; aquasecurity/trivy:docs/guide/supply-chain/vex/repo.md.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::{Component, Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;
use signet_image::{Entry, EntryKind, Limits, Visitor, walk_layer};
use signet_oci_client::{BlockingClient, FetchRequest};

use super::Repository;
use crate::net::{self, Access};
use crate::settings::Settings;
use crate::suppress;

/// The repository that is asked when none is configured.
const HUB: (&str, &str) = ("default", "https://github.com/aquasecurity/vexhub");
/// The version of the specification that is read.
const SPEC: &str = "0.1";
/// Seconds that an archive holds when its manifest does not say.
const INTERVAL: i64 = 24 * 3600;
/// Largest manifest, in bytes.
const MOST_MANIFEST: u64 = 1 << 20;
/// Largest archive, packed and unpacked, in bytes.
const MOST_ARCHIVE: u64 = 1 << 30;
/// Documents of one archive.
const MOST_FILES: usize = 500_000;

/// Where repositories are configured and kept.
#[derive(Debug)]
pub(crate) struct Hub<'s> {
    home: Option<&'s Path>,
    /// The folder that holds `vex/repositories`.
    cache: PathBuf,
    /// Take what is there, however old.
    keep: bool,
}

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    repositories: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    name: String,
    #[serde(default)]
    url: String,
    #[serde(default)]
    enabled: bool,
}

#[derive(Deserialize)]
struct Manifest {
    #[serde(default)]
    versions: Vec<Version>,
}

#[derive(Deserialize)]
struct Version {
    spec_version: String,
    #[serde(default)]
    locations: Vec<Place>,
    #[serde(default)]
    update_interval: String,
}

#[derive(Deserialize)]
struct Place {
    url: String,
}

impl<'s> Hub<'s> {
    /// Under Signet's own cache.
    pub(crate) fn native(settings: &'s Settings) -> Hub<'s> {
        Hub { home: settings.home.as_deref(), cache: settings.cache.clone(), keep: false }
    }

    /// Under Trivy's cache.
    pub(crate) fn at(cache: &Path, keep: bool, settings: &'s Settings) -> Hub<'s> {
        Hub { home: settings.home.as_deref(), cache: cache.to_owned(), keep }
    }

    /// The repositories that are enabled, fetched where they are not there or have run out.
    pub(super) fn repositories(&self, access: &Access, settings: &Settings) -> Result<Vec<Repository>> {
        let listed = self.listed()?;
        if listed.is_empty() {
            settings.warn("no VEX repository is enabled in `~/.trivy/vex/repository.yaml`");
        }
        let mut client = None;
        let mut found = Vec::new();
        for (name, url) in listed {
            let plain = !name.is_empty() && !name.contains(['/', '\\']) && name != "." && name != "..";
            ensure!(plain, "`{name}` cannot be the name of a VEX repository");
            let folder = self.cache.join("vex/repositories").join(&name);
            let opened = if folder.is_dir() { Repository::open(&folder)? } else { None };
            let holds = opened.is_some() && (self.keep || settings.offline || !ran_out(&folder, settings));
            if let Some(repository) = opened.filter(|_| holds) {
                found.push(repository);
                continue;
            }
            let there = folder.join(SPEC).is_dir();
            if !there && (self.keep || settings.offline) {
                bail!("the VEX repository `{name}` is not in `{}`, and must not be fetched", folder.display());
            }
            let client = match &client {
                Some(client) => client,
                None => client.insert(net::client(access, settings)?),
            };
            match fetch(client, &url, &folder, settings) {
                Ok(()) => {}
                // The last good one serves on, and the reader is told.
                Err(err) if there => {
                    settings.warn(format!("the VEX repository `{name}` could not be refreshed: {err:#}"));
                }
                Err(err) => return Err(err).with_context(|| format!("cannot fetch the VEX repository `{name}`")),
            }
            let opened = Repository::open(&folder)?;
            found.push(opened.with_context(|| format!("the VEX repository `{name}` has no index of packages"))?);
        }
        Ok(found)
    }

    fn listed(&self) -> Result<Vec<(String, String)>> {
        let path = self.home.map(|home| home.join(".trivy/vex/repository.yaml")).filter(|path| path.is_file());
        let Some(path) = path else { return Ok(vec![(HUB.0.to_owned(), HUB.1.to_owned())]) };
        let named = || format!("cannot read `{}`", path.display());
        let bytes = suppress::read(&path).with_context(named)?;
        let documents = signet_yaml::parse_bytes(&bytes, &signet_yaml::Limits::default()).with_context(named)?;
        let root = documents.first().map(|document| signet_yaml::to_json(&document.root));
        let config: Config = serde_json::from_value(root.unwrap_or_default()).with_context(named)?;
        Ok(config.repositories.into_iter().filter(|entry| entry.enabled).map(|entry| (entry.name, entry.url)).collect())
    }
}

/// Whether what is kept was fetched longer ago than its manifest allows. What somebody else put there holds as it is.
fn ran_out(folder: &Path, settings: &Settings) -> bool {
    let Ok(text) = std::fs::read_to_string(folder.join("updated")) else { return false };
    let Some(fetched) = text.split(' ').next().and_then(|text| text.parse::<i64>().ok()) else { return true };
    let manifest = std::fs::read(folder.join("vex-repository.json")).ok();
    let manifest = manifest.and_then(|bytes| serde_json::from_slice::<Manifest>(&bytes).ok());
    let interval = manifest
        .and_then(|manifest| interval(&manifest.versions.iter().find(|version| is_ours(version))?.update_interval));
    // A time in the future is no time.
    !(0..interval.unwrap_or(INTERVAL)).contains(&settings.now.as_second().saturating_sub(fetched))
}

fn is_ours(version: &Version) -> bool {
    version.spec_version.trim_start_matches('v') == SPEC
}

/// Seconds of `24h`, `1h30m`, `90s`. Source: Go `time.ParseDuration`, without fractions.
fn interval(text: &str) -> Option<i64> {
    let (mut total, mut number) = (0i64, None::<i64>);
    for letter in text.chars() {
        if let Some(digit) = letter.to_digit(10) {
            number = Some(number.unwrap_or(0).checked_mul(10)?.checked_add(i64::from(digit))?);
            continue;
        }
        let unit = match letter {
            'h' => 3600,
            'm' => 60,
            's' => 1,
            _ => return None,
        };
        total = total.checked_add(number.take()?.checked_mul(unit)?)?;
    }
    (number.is_none() && !text.is_empty()).then_some(total)
}

/// Where the manifest of a repository is. Of one at GitHub it lies in the repository itself.
fn manifest_url(url: &str) -> String {
    let url = url.trim_end_matches('/');
    match url.strip_prefix("https://github.com/") {
        Some(path) => {
            format!("https://raw.githubusercontent.com/{}/HEAD/vex-repository.json", path.trim_end_matches(".git"))
        }
        None => format!("{url}/.well-known/vex-repository.json"),
    }
}

fn fetch(client: &BlockingClient, url: &str, folder: &Path, settings: &Settings) -> Result<()> {
    ensure!(!url.is_empty(), "it has no `url`");
    let mut bytes = Vec::new();
    let manifest_url = manifest_url(url);
    let request = FetchRequest { url: manifest_url.clone(), most: MOST_MANIFEST, known: None, expect: None };
    client.fetch(&request, &mut bytes)?;
    let manifest: Manifest =
        serde_json::from_slice(&bytes).with_context(|| format!("`{manifest_url}` is no manifest of a repository"))?;
    let version = manifest.versions.iter().find(|version| is_ours(version));
    let version = version.with_context(|| format!("`{manifest_url}` has nothing of version {SPEC}"))?;
    ensure!(!version.locations.is_empty(), "`{manifest_url}` says nothing of where its documents are");
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make the directory `{}`", folder.display()))?;
    let mut failures = Vec::new();
    for place in &version.locations {
        match archive(client, &place.url, folder) {
            Ok(()) => {
                crate::output::replace(&folder.join("vex-repository.json"), &bytes)?;
                let note = format!("{} {}\n", settings.now.as_second(), place.url);
                crate::output::replace(&folder.join("updated"), note.as_bytes())?;
                return Ok(());
            }
            Err(err) => failures.push(format!("{err:#}")),
        }
    }
    bail!("{}", failures.join("; "))
}

/// Fetches and unpacks an archive into `folder/0.1`. `URL//FOLDER` means a folder of the archive.
fn archive(client: &BlockingClient, place: &str, folder: &Path) -> Result<()> {
    let scheme = place.find("://").map_or(0, |at| at + 3);
    let (url, below) = match place.get(scheme..).and_then(|rest| rest.find("//")) {
        Some(at) => (place.get(..scheme + at).unwrap_or(place), place.get(scheme + at + 2..).unwrap_or_default()),
        None => (place, ""),
    };
    let mut packed = tempfile::NamedTempFile::new_in(folder).context("cannot make a temporary file")?;
    let request = FetchRequest { url: url.to_owned(), most: MOST_ARCHIVE, known: None, expect: None };
    client.fetch(&request, packed.as_file_mut())?;
    let scratch = tempfile::tempdir_in(folder).context("cannot make a temporary directory")?;
    let limits = Limits { layer_bytes: MOST_ARCHIVE, ..Limits::default() };
    let mut unpack = Unpack {
        target: scratch.path(),
        below: below.trim_matches('/').split('?').next().unwrap_or_default(),
        files: 0,
    };
    let reader = BufReader::with_capacity(256 << 10, packed.reopen()?);
    walk_layer(reader, &limits, &mut unpack).with_context(|| format!("cannot unpack `{url}`"))?;
    ensure!(scratch.path().join("index.json").is_file(), "there is no `index.json` in `{place}`");
    let target = folder.join(SPEC);
    if target.exists() {
        std::fs::remove_dir_all(&target).with_context(|| format!("cannot replace `{}`", target.display()))?;
    }
    std::fs::rename(scratch.path(), &target).with_context(|| format!("cannot make `{}`", target.display()))?;
    // It has another name now, so there is nothing to remove.
    let _moved = scratch.keep();
    Ok(())
}

/// Writes the JSON files of one folder of an archive; no link is made, and no name leads out.
struct Unpack<'a> {
    target: &'a Path,
    below: &'a str,
    files: usize,
}

impl Visitor for Unpack<'_> {
    fn visit(&mut self, entry: &Entry, content: &mut dyn BufRead) -> io::Result<()> {
        let inside = match self.below {
            "" => Some(entry.path.as_str()),
            below => entry.path.strip_prefix(below).and_then(|rest| rest.strip_prefix('/')),
        };
        let Some(path) = inside.filter(|path| entry.kind == EntryKind::File && path.ends_with(".json")) else {
            return Ok(());
        };
        let path = Path::new(path);
        if !path.components().all(|part| matches!(part, Component::Normal(_))) {
            return Err(io::Error::other(format!("`{}` leads out of the archive", path.display())));
        }
        self.files += 1;
        if self.files > MOST_FILES {
            return Err(io::Error::other(format!("more than {MOST_FILES} documents are in the archive")));
        }
        let path = self.target.join(path);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut file = File::create(path)?;
        io::copy(&mut content.take(MOST_ARCHIVE), &mut file)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_read() {
        for (text, expected) in [
            ("24h", Some(86_400)),
            ("1h30m", Some(5400)),
            ("90s", Some(90)),
            ("", None),
            ("h", None),
            ("5", None),
            ("1d", None),
        ] {
            assert_eq!(interval(text), expected, "{text}");
        }
        assert_eq!(interval("99999999999999999999h"), None);
    }

    #[test]
    fn manifests_lie_at_well_known_places() {
        assert_eq!(
            manifest_url("https://github.com/aquasecurity/vexhub"),
            "https://raw.githubusercontent.com/aquasecurity/vexhub/HEAD/vex-repository.json"
        );
        assert_eq!(manifest_url("https://example.com/vex/"), "https://example.com/vex/.well-known/vex-repository.json");
    }
}
