//! From `SOURCE` on the command line to what it holds.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use signet_image::{Limits, Visitor};
use signet_model::{Inventory, Platform, Purl, Subject, SubjectKind};
use signet_oci_client::PlatformChoice;
use signet_sources::{
    Containerd, DaemonImage, DirectoryOptions, DirectoryRead, GitOptions, GitTree, ImageOptions, ImageSource,
    RegistryImage, SourceError, SourceErrorKind, SourceSpec, docker_sockets, podman_sockets, walk_directory, walk_file,
};

use crate::args::SourceArgs;
use crate::in_parts::InParts;
use crate::memory::Memory;
use crate::net::{self, Access};
use crate::pipeline;
use crate::progress::Progress;
use crate::report::BaseImage;
use crate::settings::Settings;

/// What was examined and what it holds.
#[derive(Debug)]
pub(crate) struct Examined {
    pub(crate) subject: Subject,
    pub(crate) inventory: Inventory,
    /// Remarks for the reader: which image of an index was taken.
    pub(crate) notes: Vec<String>,
}

/// Examines what the arguments name. An error says what to do next where we can tell.
pub(crate) fn examine(args: &SourceArgs, settings: &Settings) -> Result<Examined> {
    open_and_read(args, settings, None).map_err(|err| match advice(&args.source, &err) {
        Some(advice) => crate::hint(err, advice),
        None => err,
    })
}

/// Whether a file or directory that the arguments name is there at all: a slip in a path shall not fetch a database first.
///
/// Errors: the text names no source, or what it names is not there; what else may be wrong with it shows when it is read.
pub(crate) fn is_there(args: &SourceArgs) -> Result<()> {
    let (what, path) = match SourceSpec::parse(&args.source).map_err(|err| crate::usage(err.into()))? {
        SourceSpec::OciDir(path, _) => ("OCI layout", path),
        SourceSpec::OciArchive(path, _) | SourceSpec::DockerArchive(path, _) => ("archive", path),
        SourceSpec::Dir(path) | SourceSpec::RootFs(path) => ("directory", path),
        SourceSpec::File(path) => ("file", path),
        SourceSpec::Sbom(path) if path != Path::new("-") => ("SBOM", path),
        _ => return Ok(()),
    };
    match std::fs::symlink_metadata(&path) {
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => {
            let err = anyhow::Error::new(err).context(format!("cannot read the {what} `{}`", path.display()));
            Err(match advice(&args.source, &err) {
                Some(advice) => crate::hint(err, advice),
                None => err,
            })
        }
        _ => Ok(()),
    }
}

/// What the user can do about a source that could not be read.
fn advice(text: &str, err: &anyhow::Error) -> Option<String> {
    let scheme = text.split_once(':').map(|(scheme, _)| scheme).unwrap_or_default();
    let failed = err.chain().find_map(|cause| cause.downcast_ref::<SourceError>());
    let missing = failed.is_some_and(|failed| failed.kind == SourceErrorKind::NotFound)
        || err.chain().any(|cause| {
            cause.downcast_ref::<std::io::Error>().is_some_and(|err| err.kind() == std::io::ErrorKind::NotFound)
        });
    match scheme {
        "purl" | "pkg" => {
            Some("as in `pkg:npm/lodash@4.17.21`, or `pkg:deb/debian/zlib1g@1.2?distro=debian-12`".to_owned())
        }
        "docker" | "podman" | "containerd" if failed.is_none() => {
            let reference = text.split_once(':').map(|(_, value)| value).unwrap_or_default();
            Some(format!("start it, or let the image be read from its registry: `{reference}`"))
        }
        "oci-dir" | "oci-archive" | "docker-archive" | "dir" | "rootfs" | "file" | "sbom" if missing => {
            let here = std::env::current_dir().map(|here| here.display().to_string()).unwrap_or_default();
            Some(format!("is the path right? It is taken from `{here}`"))
        }
        _ if failed.is_some() => {
            // A slip in a scheme reads like the name of an image.
            let meant = SCHEMES.iter().find(|known| **known != scheme && close(scheme, known))?;
            Some(format!(
                "did you mean `{meant}:{}`?",
                text.split_once(':').map(|(_, value)| value).unwrap_or_default()
            ))
        }
        _ => None,
    }
}

/// One slip of the finger apart: a letter too few, too many, wrong, or two that changed places.
fn close(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() < 3 {
        return false;
    }
    let same = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let (a, b) = (&a[same..], &b[same..]);
    match (a, b) {
        ([_, a @ ..], [_, b @ ..]) if a == b => true,
        ([_, a @ ..], b) if a == b => true,
        (a, [_, b @ ..]) if a == b => true,
        ([first, second, a @ ..], [third, fourth, b @ ..]) => first == fourth && second == third && a == b,
        _ => false,
    }
}

fn open_and_read(args: &SourceArgs, settings: &Settings, base: Option<&crate::base::Wanted<'_>>) -> Result<Examined> {
    let spec = SourceSpec::parse(&args.source).map_err(|err| crate::usage(err.into()))?;
    let platform = args.platform.as_deref().map(platform).transpose().map_err(crate::usage)?;
    let options = ImageOptions { platform, ..ImageOptions::default() };
    let name = display_name(&args.source);
    if let Some(source) = spec.open_local_image(&options) {
        return image(source?.as_ref(), name, args, settings, base);
    }
    match spec {
        SourceSpec::Dir(path) => directory(&path, SubjectKind::Directory, name, args),
        SourceSpec::RootFs(path) => directory(&path, SubjectKind::RootFs, name, args),
        SourceSpec::File(path) => {
            let inventory = pipeline::single(|visitor| {
                let read = walk_file(&path, &Limits::default(), visitor)?;
                Ok((read.index, read.unexamined))
            })?;
            Ok(Examined { subject: subject(SubjectKind::File, name), inventory, notes: Vec::new() })
        }
        SourceSpec::Git(place) => {
            let tree = GitTree::open(&place, &GitOptions { offline: settings.offline, ..GitOptions::default() })?;
            let mut notes: Vec<String> = tree.commit().map(|commit| format!("commit {commit}")).into_iter().collect();
            let mut examined =
                walked(SubjectKind::Repository, name, |visitor| tree.walk(&directory_options(args), visitor))?;
            examined.notes.append(&mut notes);
            Ok(examined)
        }
        SourceSpec::Sbom(path) => sbom(&path),
        SourceSpec::Purl(text) => purl(&text),
        SourceSpec::Registry(reference) => {
            let client = net::client(&access(args), settings)?;
            let source = RegistryImage::open(&client, &reference, &choice(&options))?;
            image(&source, name, args, settings, base)
        }
        SourceSpec::Docker(wanted) => {
            image(&from_daemon("docker", docker_sockets(&variable)?, &wanted, &options)?, name, args, settings, base)
        }
        SourceSpec::Podman(wanted) => {
            image(&from_daemon("podman", podman_sockets(&variable)?, &wanted, &options)?, name, args, settings, base)
        }
        SourceSpec::Containerd(wanted) => {
            // The variable is containerd's own.
            let namespace = std::env::var("CONTAINERD_NAMESPACE").unwrap_or_else(|_| "default".to_owned());
            let containerd = Containerd::locate(variable("PATH").as_deref(), &namespace)?;
            image(&DaemonImage::containerd(&containerd, &wanted, &choice(&options))?, name, args, settings, base)
        }
        SourceSpec::OciDir(..) | SourceSpec::OciArchive(..) | SourceSpec::DockerArchive(..) => {
            unreachable!("because local images were opened above")
        }
    }
}

/// How registries are reached.
pub(crate) fn access(args: &SourceArgs) -> Access {
    Access {
        plain_http: args.plain_http.clone(),
        ca_cert: args.ca_cert.clone(),
        insecure: args.insecure,
        login: args.login.clone(),
    }
}

fn choice(options: &ImageOptions) -> PlatformChoice {
    match &options.platform {
        Some(platform) => PlatformChoice::Exactly(platform.clone()),
        None => PlatformChoice::Prefer(options.host.clone()),
    }
}

fn variable(name: &str) -> Option<std::ffi::OsString> {
    std::env::var_os(name)
}

/// The first of the sockets that exists is asked; a daemon that does not have the image is an answer, not a reason to ask the next.
fn from_daemon(engine: &str, sockets: Vec<PathBuf>, wanted: &str, options: &ImageOptions) -> Result<DaemonImage> {
    let Some(socket) = sockets.iter().find(|socket| socket.exists()) else {
        let tried: Vec<String> = sockets.iter().map(|socket| format!("`{}`", socket.display())).collect();
        bail!("{engine} is not running here: there is no socket {}", tried.join(" or "));
    };
    Ok(match engine {
        "docker" => DaemonImage::docker(socket, wanted, &choice(options))?,
        _ => DaemonImage::podman(socket, wanted, &choice(options))?,
    })
}

/// Words that stand before a colon in a source.
const SCHEMES: &[&str] = &[
    "registry",
    "oci-dir",
    "oci-archive",
    "docker-archive",
    "docker",
    "podman",
    "containerd",
    "dir",
    "rootfs",
    "file",
    "git",
    "sbom",
    "purl",
];

/// The source without its scheme, as reports name it.
fn display_name(text: &str) -> String {
    match text.split_once(':') {
        Some((scheme, value)) if SCHEMES.contains(&scheme) => value.to_owned(),
        _ => text.to_owned(),
    }
}

/// As [`examine`], and which part of an image its base brought: the one that `wanted` names, else the one that the history shows.
pub(crate) fn examine_with_base(
    args: &SourceArgs,
    wanted: Option<&str>,
    settings: &Settings,
) -> Result<(Examined, Option<BaseImage>)> {
    let found = std::cell::RefCell::new(None);
    let base = crate::base::Wanted { named: wanted, found: &found };
    let examined = open_and_read(args, settings, Some(&base)).map_err(|err| match advice(&args.source, &err) {
        Some(advice) => crate::hint(err, advice),
        None => err,
    })?;
    if wanted.is_some() && examined.subject.kind != SubjectKind::Image {
        return Err(crate::usage(anyhow::anyhow!("`--base` is for images, and `{}` is none", args.source)));
    }
    Ok((examined, found.into_inner()))
}

/// Opens what names an image, and shows it.
pub(crate) fn with_image<T>(
    args: &SourceArgs,
    settings: &Settings,
    show: impl FnOnce(&dyn ImageSource) -> Result<T>,
) -> Result<T> {
    let spec = SourceSpec::parse(&args.source).map_err(|err| crate::usage(err.into()))?;
    let platform = args.platform.as_deref().map(platform).transpose().map_err(crate::usage)?;
    let options = ImageOptions { platform, ..ImageOptions::default() };
    if let Some(source) = spec.open_local_image(&options) {
        return show(source?.as_ref());
    }
    match spec {
        SourceSpec::Registry(reference) => {
            let client = net::client(&access(args), settings)?;
            show(&RegistryImage::open(&client, &reference, &choice(&options))?)
        }
        SourceSpec::Docker(wanted) => show(&from_daemon("docker", docker_sockets(&variable)?, &wanted, &options)?),
        SourceSpec::Podman(wanted) => show(&from_daemon("podman", podman_sockets(&variable)?, &wanted, &options)?),
        _ => bail!("`{}` is no image", args.source),
    }
}

fn image(
    source: &dyn ImageSource,
    name: String,
    args: &SourceArgs,
    settings: &Settings,
    base: Option<&crate::base::Wanted<'_>>,
) -> Result<Examined> {
    let info = source.info();
    let bytes = info.layers.iter().map(|layer| layer.size).sum();
    let progress = Progress::layers(settings.progress, info.layers.len(), bytes);
    let memory = if args.no_cache { Memory::none(settings) } else { Memory::open(settings) };
    let parts = InParts::new(args.lazy);
    let inventory = pipeline::image(source, args.scope, &memory, &progress, &parts);
    progress.finish();
    let notes = parts.notes(info.layers.len(), settings);
    if let (Some(base), Ok(inventory)) = (base, &inventory) {
        base.find(source, inventory, &memory, args, settings)?;
    }
    let subject = Subject { kind: SubjectKind::Image, name, image: Some(info.clone()) };
    Ok(Examined { subject, inventory: inventory?, notes })
}

fn directory(path: &Path, kind: SubjectKind, name: String, args: &SourceArgs) -> Result<Examined> {
    walked(kind, name, |visitor| walk_directory(path, &directory_options(args), visitor))
}

fn walked(
    kind: SubjectKind,
    name: String,
    mut walk: impl FnMut(&mut dyn Visitor) -> Result<DirectoryRead, SourceError>,
) -> Result<Examined> {
    let mut skipped = Vec::new();
    let inventory = pipeline::single(|visitor| {
        let read = walk(visitor)?;
        skipped = read.skipped;
        Ok((read.index, read.unexamined))
    })?;
    let notes = match skipped.is_empty() {
        true => Vec::new(),
        false => vec![format!("left out, as they hold no files of packages: {}", skipped.join(", "))],
    };
    Ok(Examined { subject: subject(kind, name), inventory, notes })
}

fn directory_options(args: &SourceArgs) -> DirectoryOptions {
    DirectoryOptions {
        skip_dirs: args.skip_dirs.clone(),
        skip_files: args.skip_files.clone(),
        ..DirectoryOptions::default()
    }
}

fn sbom(path: &Path) -> Result<Examined> {
    let limits = signet_sbom::Limits::default();
    let bytes = document(path, &limits)?;
    let sbom =
        signet_sbom::read(&bytes, &limits).with_context(|| format!("cannot read the SBOM `{}`", path.display()))?;
    Ok(Examined {
        subject: Subject { name: path.display().to_string(), ..sbom.subject },
        inventory: sbom.inventory,
        notes: Vec::new(),
    })
}

/// The bytes of an SBOM that the user named; `-` is standard input.
pub(crate) fn document(path: &Path, limits: &signet_sbom::Limits) -> Result<Vec<u8>> {
    let context = || format!("cannot read the SBOM `{}`", path.display());
    let (mut reader, size): (Box<dyn std::io::Read>, u64) = match path.as_os_str() == "-" {
        true => (Box::new(std::io::stdin().lock()), 0),
        false => {
            let file = std::fs::File::open(path).with_context(context)?;
            let size = file.metadata().map(|metadata| metadata.len()).unwrap_or_default();
            (Box::new(file), size)
        }
    };
    // One byte more than the reader takes, so that it refuses what is longer instead of reading a part of it.
    let most = limits.bytes as u64 + 1;
    let mut bytes = Vec::with_capacity(usize::try_from(size.min(most) + 1).unwrap_or_default());
    std::io::Read::read_to_end(&mut std::io::Read::take(&mut reader, most), &mut bytes).with_context(context)?;
    Ok(bytes)
}

/// `purl:` takes one package URL or several, separated by commas, or `@FILE` with one a line.
fn purl(text: &str) -> Result<Examined> {
    let listed = match text.strip_prefix('@') {
        Some(path) => std::fs::read_to_string(path).with_context(|| format!("cannot read the purls in `{path}`"))?,
        None => text.replace(",pkg:", "\npkg:"),
    };
    let mut inventory = Inventory::default();
    for line in listed.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let purl = Purl::parse_lenient(line).map_err(|err| crate::usage(err.into()))?;
        match (&inventory.distro, purl.distro()) {
            (None, distro) => inventory.distro = distro,
            // One inventory has one distribution; another one's package would be judged by the wrong advisories.
            (Some(one), Some(other)) if *one != other => {
                bail!("`{line}` is of another distribution than those before it: scan them one by one")
            }
            _ => {}
        }
        inventory.packages.push(purl.to_package());
    }
    if inventory.packages.is_empty() {
        bail!("no package URL was given");
    }
    // A long list would be the whole first page of a report.
    let name = match inventory.packages.len() {
        1 => text.to_owned(),
        _ if text.starts_with('@') => text.to_owned(),
        count => format!("{count} package URLs"),
    };
    Ok(Examined { subject: subject(SubjectKind::Purl, name), inventory, notes: Vec::new() })
}

fn subject(kind: SubjectKind, name: String) -> Subject {
    Subject { kind, name, image: None }
}

/// `OS/ARCHITECTURE[/VARIANT]`.
pub(crate) fn platform(text: &str) -> Result<Platform> {
    let parts: Vec<&str> = text.split('/').collect();
    match parts.as_slice() {
        [os, architecture] if !os.is_empty() && !architecture.is_empty() => {
            Ok(Platform { os: (*os).to_owned(), architecture: (*architecture).to_owned(), variant: None })
        }
        [os, architecture, variant] if ![os, architecture, variant].iter().any(|part| part.is_empty()) => {
            Ok(Platform {
                os: (*os).to_owned(),
                architecture: (*architecture).to_owned(),
                variant: Some((*variant).to_owned()),
            })
        }
        _ => bail!("`{text}` is no platform: OS/ARCHITECTURE[/VARIANT], as in `linux/arm64/v8`"),
    }
}

#[cfg(test)]
mod tests {
    use super::close;

    #[test]
    fn slips() {
        for slip in ["dockr", "dokcer", "dockerr", "doczer", "ocker"] {
            assert!(close(slip, "docker"), "{slip}");
        }
        for other in ["nginx", "alpine", "do", "locker-x"] {
            assert!(!close(other, "docker"), "{other}");
        }
    }
}
