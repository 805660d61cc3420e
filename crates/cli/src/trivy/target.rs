//! From a command's target to what it holds, as Trivy understands targets.

use std::collections::HashMap;
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use sha1::{Digest as _, Sha1};
use signet_model::{
    Directness, Distro, Inventory, Package, PackageIndex, PackageKind, RelationshipKind, Unexamined, UnexaminedKind,
};

use super::args::Scan;
use super::kinds;
use crate::args::SourceArgs;
use crate::foreign::inventory::retain;
use crate::net::Access;
use crate::settings::Settings;
use crate::source::{self, Examined};

/// What kind of target a command takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Image,
    Filesystem,
    Repository,
    Rootfs,
    Sbom,
}

impl Target {
    /// `fs` and `repo` read what lock files promise; images and root file systems what is installed.
    fn takes(self, lock: bool) -> bool {
        match self {
            Target::Image | Target::Rootfs => !lock,
            Target::Filesystem | Target::Repository => lock,
            Target::Sbom => true,
        }
    }
}

/// Examines the target.
pub(super) fn examine(target: Target, args: &Scan, access: &Access, settings: &Settings) -> Result<Examined> {
    let named = |text: &str| Source { text: text.to_owned(), name: None };
    let name = match (&args.target, &args.input) {
        (None, Some(input)) if target == Target::Image => {
            let input = input.as_str();
            let text = match Path::new(input) {
                path if path.is_dir() => format!("oci-dir:{input}"),
                path if path.is_absolute() || input.starts_with("./") || input.starts_with("../") => input.to_owned(),
                _ => format!("./{input}"),
            };
            let source = Source { text, name: Some(input.to_owned()) };
            return one(&source, args, access, settings);
        }
        (Some(name), None) => name.as_str(),
        (Some(_), Some(_)) => bail!("either an image name or `--input` is wanted, not both"),
        (None, _) => bail!("a target is needed"),
    };
    let path = Path::new(name);
    match target {
        Target::Image => image(name, args, access, settings),
        Target::Sbom => one(&named(&format!("sbom:{name}")), args, access, settings),
        Target::Repository if name.contains("://") || name.starts_with("git@") => {
            one(&named(&format!("git:{name}")), args, access, settings)
        }
        _ if path.is_file() => one(&named(&format!("file:{name}")), args, access, settings),
        _ if !path.exists() => bail!("no such file or directory: `{name}`"),
        Target::Rootfs => one(&named(&format!("rootfs:{name}")), args, access, settings),
        Target::Filesystem | Target::Repository => one(&named(&format!("dir:{name}")), args, access, settings),
    }
}

/// Largest file whose sum is told, in bytes.
const MOST_SUMMED: u64 = 4 << 30;

/// `sha1:HEX` of the files that installed packages of languages were found in, by path within the target. Only directories are read once more for it.
pub(super) fn digests(target: Target, args: &Scan, inventory: &Inventory) -> Result<HashMap<String, String>> {
    let mut found = HashMap::new();
    let folder = args.target.as_deref().map(Path::new).filter(|path| path.is_dir());
    let Some(folder) = folder.filter(|_| matches!(target, Target::Rootfs | Target::Filesystem)) else {
        return Ok(found);
    };
    let installed = inventory.packages.iter().filter(|package| !package.kind.is_os());
    for (package, at) in installed.flat_map(|package| package.locations.iter().map(move |at| (package, at))) {
        let gathered =
            kinds::of_file(&at.path, package.kind).is_some_and(|kind| !kind.lock && !kind.gathered.is_empty());
        let path = folder.join(at.path.trim_start_matches('/'));
        // A file within an archive has its sum from whoever unpacked it, or none.
        if !gathered || found.contains_key(&at.path) || !path.symlink_metadata().is_ok_and(|entry| entry.is_file()) {
            continue;
        }
        let mut hash = Sha1::new();
        let file = std::fs::File::open(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
        let mut file = file.take(MOST_SUMMED);
        let mut buffer = vec![0; 64 << 10];
        loop {
            let count = file.read(&mut buffer).with_context(|| format!("cannot read `{}`", path.display()))?;
            match buffer.get(..count) {
                Some([]) | None => break,
                Some(bytes) => hash.update(bytes),
            }
        }
        let hex: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        found.insert(at.path.clone(), format!("sha1:{hex}"));
    }
    Ok(found)
}

struct Source {
    text: String,
    name: Option<String>,
}

/// Asks the engines in order, then the registry, and says which had the image.
fn image(name: &str, args: &Scan, access: &Access, settings: &Settings) -> Result<Examined> {
    let mut failures = Vec::new();
    for place in &args.image_src {
        let scheme = match place.as_str() {
            "docker" | "podman" | "containerd" => place.as_str(),
            "remote" => "registry",
            other => bail!("unknown image source: `{other}`"),
        };
        let source = Source { text: format!("{scheme}:{name}"), name: Some(name.to_owned()) };
        let mut found = one(&source, args, access, settings);
        if found.is_err() && scheme == "registry" && access.insecure {
            // `--insecure` means without TLS too, where the registry has none. With TLS is tried first.
            let plain = Access { plain_http: vec!["*".to_owned()], ..access.clone() };
            found = one(&source, args, &plain, settings);
        }
        match found {
            Ok(examined) => {
                settings.say(format!("INFO\timage `{name}` from {place}"));
                return Ok(examined);
            }
            Err(err) => failures.push(format!("{place}: {err:#}")),
        }
    }
    bail!("unable to find the specified image `{name}` in {:?}: {}", args.image_src, failures.join("; "))
}

fn one(source: &Source, args: &Scan, access: &Access, settings: &Settings) -> Result<Examined> {
    let wanted = SourceArgs {
        source: source.text.clone(),
        platform: args.platform.clone(),
        plain_http: access.plain_http.clone(),
        ca_cert: access.ca_cert.clone(),
        skip_dirs: args.skip_dirs.iter().map(|pattern| trimmed(pattern).to_owned()).collect(),
        lazy: false,
        no_cache: false,
        allow_incomplete: true,
        skip_files: args.skip_files.iter().map(|pattern| trimmed(pattern).to_owned()).collect(),
        insecure: access.insecure,
        login: access.login.clone(),
        scope: crate::pipeline::Scope::Squashed,
    };
    let mut examined = source::examine(&wanted, settings)?;
    if let Some(name) = &source.name {
        examined.subject.name = name.clone();
    }
    Ok(examined)
}

fn trimmed(pattern: &str) -> &str {
    pattern.trim_start_matches("./").trim_start_matches('/').trim_end_matches('/')
}

/// Leaves in the inventory what the command looks at: by kind of target, package type, relationship, skipped path, ownership.
pub(super) fn narrow(target: Target, args: &Scan, inventory: &mut Inventory) -> Result<()> {
    if let Some(text) = &args.distro {
        let (id, version) = text.split_once('/').context("`--distro` is FAMILY/VERSION")?;
        inventory.distro =
            Some(Distro { id: id.to_owned(), version_id: Some(version.to_owned()), ..Distro::default() });
    }
    if target == Target::Repository {
        inventory.distro = None;
    }
    let skipped = patterns(&args.skip_dirs, &args.skip_files)?;
    let wants = |ty: &str| args.pkg_types.iter().any(|wanted| wanted == ty);
    let owned: std::collections::HashSet<PackageIndex> = inventory
        .relationships
        .iter()
        .filter(|edge| edge.kind == RelationshipKind::OwnedBy)
        .map(|edge| edge.from)
        .collect();
    let mut untyped: Vec<Unexamined> = Vec::new();
    let mut keep = Vec::with_capacity(inventory.packages.len());
    for (index, package) in inventory.packages.iter_mut().enumerate() {
        let index = PackageIndex(u32::try_from(index).unwrap_or(u32::MAX));
        let relationship = relationship(package);
        let fits =
            args.pkg_relationships.is_empty() || args.pkg_relationships.iter().any(|wanted| wanted == relationship);
        keep.push(if package.kind.is_os() {
            wants("os")
                && target != Target::Repository
                && !package.locations.iter().any(|at| skipped.is_match(&at.path))
        } else {
            let before = package.locations.len();
            let kind = package.kind;
            let root = package.directness == Directness::Root;
            package.locations.retain(|at| {
                let known = kinds::of_file(&at.path, kind);
                let fits = known.is_none_or(|kind| kind.anywhere || target.takes(kind.lock))
                    && (known.is_some() || target.takes(true));
                // What a project names itself stands in its manifest, and belongs to its lock file.
                (fits || (root && target.takes(true))) && !skipped.is_match(&at.path)
            });
            let left = !package.locations.is_empty() || (before == 0 && target == Target::Sbom);
            let keep = wants("library") && fits && left && !owned.contains(&index);
            if keep && target != Target::Sbom && !typed(package) {
                untyped.push(Unexamined {
                    location: package.locations.first().cloned().unwrap_or_default(),
                    kind: UnexaminedKind::Unsupported,
                    by: "trivy",
                    why: format!("`{}` is of a kind that Trivy's report has no type for", package.name),
                });
            }
            keep
        });
    }
    home(inventory, &mut keep);
    retain(inventory, &keep);
    inventory.unexamined.extend(untyped);
    Ok(())
}

fn typed(package: &Package) -> bool {
    package.directness == Directness::Root
        || package.locations.iter().any(|at| kinds::of_file(&at.path, package.kind).is_some())
        || matches!(package.kind, PackageKind::Binary | PackageKind::LinuxKernel | PackageKind::LinuxKernelModule)
}

/// A project's own package is known by its manifest; it takes the place of the lock file in the same folder that names what it needs.
fn home(inventory: &mut Inventory, keep: &mut [bool]) {
    let roots: Vec<usize> = (0..inventory.packages.len())
        .filter(|index| inventory.packages[*index].directness == Directness::Root && keep.get(*index) == Some(&true))
        .collect();
    for root in roots {
        let at = |package: &Package| package.locations.first().map(|at| at.path.clone()).unwrap_or_default();
        let manifest = at(&inventory.packages[root]);
        let kind = inventory.packages[root].kind;
        if kinds::of_file(&manifest, kind).is_some_and(|kind| kind.lock || kind.anywhere) {
            continue;
        }
        let folder = manifest.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
        let lock = inventory
            .packages
            .iter()
            .filter(|package| package.kind == kind)
            .flat_map(|package| &package.locations)
            .find(|at| {
                let parent = at.path.rsplit_once('/').map_or("", |(folder, _)| folder);
                parent == folder && kinds::of_file(&at.path, kind).is_some_and(|kind| kind.lock && kind.ty != "npm")
            });
        match lock.cloned() {
            Some(lock) => {
                inventory.packages[root].locations = vec![signet_model::Location { lines: None, ..lock }];
            }
            None => {
                if let Some(slot) = keep.get_mut(root) {
                    *slot = false;
                }
            }
        }
    }
}

fn relationship(package: &Package) -> &'static str {
    match package.directness {
        Directness::Unknown => "unknown",
        Directness::Root => "root",
        Directness::Workspace => "workspace",
        Directness::Direct => "direct",
        Directness::Indirect => "indirect",
    }
}

/// Files below a skipped directory, and skipped files.
fn patterns(dirs: &[String], files: &[String]) -> Result<GlobSet> {
    let mut set = GlobSetBuilder::new();
    let below = dirs.iter().map(|pattern| format!("{}/**", trimmed(pattern)));
    let themselves = files.iter().map(|pattern| trimmed(pattern).to_owned());
    for pattern in below.chain(themselves) {
        let glob = GlobBuilder::new(&pattern).literal_separator(true).build();
        set.add(glob.with_context(|| format!("`{pattern}` is no pattern of paths"))?);
    }
    set.build().context("the skipped paths cannot be put together")
}
