//! Fetching feeds: a Trivy database out of a registry, with mirrors; CISA's catalogue and FIRST's scores beside it.

use anyhow::{Context as _, Result, bail};
use signet_advisories::Trust;
use signet_model::{Algorithm, ImageRef};
use signet_oci_client::{BlockingClient, FetchRequest, ManifestBody, TransportTrust};

use super::{Ingredients, compile, grype, inputs, java, place, publish, trivy_archive};
use crate::args::DbUpdateArgs;
use crate::exit::Exit;
use crate::net::{self, Access};
use crate::progress::Progress;
use crate::settings::Settings;

/// Repositories of the Trivy database, asked in this order.
pub(crate) const TRIVY_REPOSITORIES: &[&str] = &["mirror.gcr.io/aquasec/trivy-db:2", "ghcr.io/aquasecurity/trivy-db:2"];
/// CISA's catalogue of known exploited vulnerabilities.
pub(crate) const KEV: &str = "https://www.cisa.gov/sites/default/files/feeds/known_exploited_vulnerabilities.json";
/// FIRST's scores.
pub(crate) const EPSS: &str = "https://epss.cyentia.com/epss_scores-current.csv.gz";

/// Media type of the layer that holds a Trivy database.
const TRIVY_LAYER: &str = "application/vnd.aquasec.trivy.db.layer.v1.tar+gzip";
/// Largest exploit feed, in bytes; today's have 2 MB.
const MOST: u64 = 128 << 20;

/// What to fetch.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// Repositories of the Trivy database, in order.
    pub(crate) repositories: Vec<String>,
    /// Address of the listing of Grype's database, which then stands in for Trivy's.
    pub(crate) grype: Option<String>,
    /// Address of CISA's catalogue; `None`: leave it out.
    pub(crate) kev: Option<String>,
    /// Address of the EPSS scores.
    pub(crate) epss: Option<String>,
    /// Feeds that are fetched from their publishers.
    pub(crate) feeds: Vec<String>,
    pub(crate) allow_rollback: bool,
    pub(crate) access: Access,
}

impl Default for Wanted {
    fn default() -> Wanted {
        Wanted {
            repositories: TRIVY_REPOSITORIES.iter().map(|name| (*name).to_owned()).collect(),
            grype: None,
            kev: Some(KEV.to_owned()),
            epss: Some(EPSS.to_owned()),
            feeds: Vec::new(),
            allow_rollback: false,
            access: Access::default(),
        }
    }
}

/// `signet db update`.
pub(crate) fn update_command(args: &DbUpdateArgs, settings: &Settings) -> Result<Exit> {
    let wanted = Wanted {
        repositories: args.db_repository.clone(),
        grype: args.grype_db_url.clone(),
        kev: (!args.skip_exploit_feeds).then(|| args.kev_url.clone()),
        epss: (!args.skip_exploit_feeds).then(|| args.epss_url.clone()),
        feeds: args.feed.clone(),
        allow_rollback: args.allow_rollback,
        access: Access {
            plain_http: args.plain_http.clone(),
            ca_cert: args.ca_cert.clone(),
            insecure: false,
            login: None,
        },
    };
    update(&wanted, settings)?;
    let kept = java::place(&settings.cache);
    let refresh = kept.is_file() && !args.skip_java_db_update && !java::is_fresh(&kept, settings);
    if args.java_db || refresh {
        let wanted = java::Wanted {
            repositories: &args.java_db_repository,
            access: &wanted.access,
            allow_rollback: args.allow_rollback,
        };
        java::fetch(&wanted, &kept, settings)?;
    }
    Ok(Exit::Well)
}

/// Fetches and compiles. When something fails, the installed database stays as it is.
pub(crate) fn update(wanted: &Wanted, settings: &Settings) -> Result<()> {
    let client = net::client(&wanted.access, settings)?;
    let target = place(settings);
    let folder = target.parent().context("the database lies in a directory")?;
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make the directory `{}`", folder.display()))?;
    // Beside the target and not in /tmp: it is as large as the database, and /tmp may be memory.
    let scratch = tempfile::Builder::new()
        .prefix(".update-")
        .tempdir_in(folder)
        .with_context(|| format!("cannot make a temporary directory in `{}`", folder.display()))?;
    let progress = Progress::spinner(settings.progress, "fetching the advisory database");
    if let Some(listing) = &wanted.grype {
        // It carries CISA's catalogue and FIRST's scores itself.
        let fetched = grype::fetch(&client, listing, scratch.path());
        let outcome = fetched.and_then(|source| {
            let ingredients = Ingredients { grype: Some(source), ..Ingredients::default() };
            let made = compile(&ingredients, &target, wanted.allow_rollback, settings)?;
            inputs::remember(&target, None, &made, settings)
        });
        progress.finish();
        return outcome;
    }
    let mut failures = Vec::new();
    let mut trivy = None;
    for name in &wanted.repositories {
        match trivy_database(&client, name, scratch.path()) {
            Ok(found) => {
                settings.detail(format!("advisory data from `{name}`"));
                trivy = Some(found);
                break;
            }
            Err(err) => failures.push(format!("{err:#}")),
        }
    }
    if trivy.is_none() {
        progress.finish();
        bail!("no repository gave the database: {}", failures.join("; "));
    }
    for failure in &failures {
        settings.warn(format!("{failure}; went on with the next repository"));
    }
    let exploit = |url: &Option<String>, what: &str| -> Option<(Vec<u8>, String, Trust)> {
        let url = url.as_ref()?;
        match fetch(&client, url) {
            Ok((bytes, trust)) => Some((bytes, url.clone(), trust)),
            Err(err) => {
                // Advisories without these are still right; a policy that asks for them is told that they are unknown.
                settings.warn(format!(
                    "{what} could not be fetched, so expressions that ask for it cannot be decided: {err:#}"
                ));
                None
            }
        }
    };
    let kev = exploit(&wanted.kev, "CISA's catalogue of known exploited vulnerabilities");
    let epss = exploit(&wanted.epss, "FIRST's EPSS scores");
    let mut given = Vec::new();
    for name in &wanted.feeds {
        given.extend(publish::fetch(&client, name, scratch.path())?);
    }
    let ingredients = Ingredients { trivy, kev, epss, feeds: given, ..Ingredients::default() };
    let outcome = compile(&ingredients, &target, wanted.allow_rollback, settings)
        .and_then(|made| inputs::remember(&target, None, &made, settings));
    progress.finish();
    outcome
}

/// Downloads and unpacks the database of one repository. The layer's digest is verified while it streams.
fn trivy_database(
    client: &BlockingClient,
    name: &str,
    scratch: &std::path::Path,
) -> Result<(std::path::PathBuf, signet_advisories::Feed)> {
    let (blob, trust) = layer_of(client, name, TRIVY_LAYER, "Trivy database")?;
    trivy_archive::unpack(blob, name, scratch, trust)
}

/// The one layer, of this media type, of what a registry holds under a name; its digest is verified while it is read.
pub(super) fn layer_of(
    client: &BlockingClient,
    name: &str,
    media_type: &str,
    what: &str,
) -> Result<(impl std::io::Read + use<>, Trust)> {
    let reference: ImageRef = name.parse()?;
    let manifest = client.manifest(&reference)?;
    let ManifestBody::Image(image) = &manifest.body else { bail!("`{name}` is an index of images, and no {what}") };
    let [layer] = image.layers.as_slice() else {
        bail!("`{name}` has {} layers; a {what} has one", image.layers.len())
    };
    if layer.media_type != media_type {
        bail!("`{name}` holds `{}`, which is no {what}", layer.media_type);
    }
    let trust = match reference.digest() {
        Some(digest) => Trust::DigestPinned(digest.to_string()),
        None => Trust::TlsOnly,
    };
    Ok((client.blob(&reference, &layer.digest, Some(layer.size))?, trust))
}

fn fetch(client: &BlockingClient, url: &str) -> Result<(Vec<u8>, Trust)> {
    fetch_most(client, url, MOST)
}

pub(super) fn fetch_most(client: &BlockingClient, url: &str, most: u64) -> Result<(Vec<u8>, Trust)> {
    let request = FetchRequest { url: url.to_owned(), most, known: None, expect: None };
    let mut bytes = Vec::new();
    let fetched = client.fetch(&request, &mut bytes)?;
    let trust = match fetched.trust {
        TransportTrust::DigestPinned => {
            Trust::DigestPinned(signet_model::Digest::of(Algorithm::Sha256, &bytes).to_string())
        }
        // Unauthenticated only where the user named the host as one without TLS; no weaker level exists to be shown.
        TransportTrust::TlsOnly | TransportTrust::Unauthenticated => Trust::TlsOnly,
    };
    Ok((bytes, trust))
}
