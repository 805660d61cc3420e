//! `copy`, `save`, `load`: an image with all that lies beside it, from place to place.

use std::path::Path;

use anyhow::{Context as _, Result, anyhow};
use parking_lot::Mutex;
use signet_model::ImageRef;
use signet_oci_client::{BlockingClient, Manifest};

use super::args::{CopyArgs, LoadArgs, SaveArgs};
use super::layout::{self, Layout};
use super::transfer::{Cargo, Only, Place, Role};
use crate::exit::Exit;
use crate::net;
use crate::output;
use crate::settings::Settings;
use crate::verify::demand::access;
use crate::verify::discover::{repository_at, tag};

/// What was moved.
pub(crate) struct Moved {
    pub(crate) cargo: Cargo,
    /// What the image is called where it came from, and where it is now.
    pub(crate) from: String,
    pub(crate) to: String,
}

pub(super) fn copy_command(args: &CopyArgs, settings: &Settings) -> Result<Exit> {
    let client = net::client(&access(&args.reach), settings)?;
    let moved = copy(&client, &args.from, &args.to, &args.only, args.force)?;
    told("copied", &moved, settings)
}

pub(super) fn save_command(args: &SaveArgs, settings: &Settings) -> Result<Exit> {
    let client = net::client(&access(&args.reach), settings)?;
    let moved = save(&client, &args.image, &args.dir)?;
    told("saved", &moved, settings)
}

pub(super) fn load_command(args: &LoadArgs, settings: &Settings) -> Result<Exit> {
    let client = net::client(&access(&args.reach), settings)?;
    let moved = load(&client, &args.dir, &args.image, args.force)?;
    told("loaded", &moved, settings)
}

/// The place on standard output, what was taken along on standard error.
fn told(did: &str, moved: &Moved, settings: &Settings) -> Result<Exit> {
    let beside = moved.cargo.items.iter().filter(|item| item.role != Role::Image).count();
    let images = moved.cargo.items.len().saturating_sub(beside);
    let plural = if images == 1 { "" } else { "s" };
    settings.say(format!(
        "{did} `{}` to `{}`: {images} manifest{plural} of the image, {beside} beside it",
        moved.from, moved.to
    ));
    output::to_stdout(format!("{}@{}\n", moved.to, moved.cargo.root).as_bytes())?;
    Ok(Exit::Well)
}

/// Between registries.
pub(crate) fn copy(client: &BlockingClient, from: &str, to: &str, only: &[Only], force: bool) -> Result<Moved> {
    let target = reference(to)?;
    let (source, root) = remote(client, from)?;
    let cargo = gather(&source, root, only, from)?;
    let place = Place::Registry { client: client.clone(), repository: repository_at(&target, None, None)? };
    place
        .put(&cargo, &source, target_tag(&target, &cargo)?, force)
        .with_context(|| format!("cannot copy to `{to}`"))?;
    Ok(Moved { cargo, from: from.to_owned(), to: target.name() })
}

/// From a registry into a layout.
pub(crate) fn save(client: &BlockingClient, image: &str, dir: &Path) -> Result<Moved> {
    let (source, root) = remote(client, image)?;
    let cargo = gather(&source, root, &[], image)?;
    let place = Place::Layout(Mutex::new(Layout::create(dir)?));
    let asked = reference(image)?;
    let name = asked.digest().is_none().then(|| asked.tag_or_latest());
    place.put(&cargo, &source, name, true).with_context(|| format!("cannot save `{image}`"))?;
    Ok(Moved { cargo, from: image.to_owned(), to: dir.display().to_string() })
}

/// From a layout into a registry.
pub(crate) fn load(client: &BlockingClient, dir: &str, image: &str, force: bool) -> Result<Moved> {
    let target = reference(image)?;
    let (folder, wanted) = layout::split(dir);
    let layout = Layout::open(folder)?;
    let root = layout.manifest(&layout.image(wanted)?)?;
    let source = Place::Layout(Mutex::new(layout));
    let cargo = gather(&source, root, &[], dir)?;
    let place = Place::Registry { client: client.clone(), repository: repository_at(&target, None, None)? };
    place
        .put(&cargo, &source, target_tag(&target, &cargo)?, force)
        .with_context(|| format!("cannot load `{image}`"))?;
    Ok(Moved { cargo, from: dir.to_owned(), to: target.name() })
}

impl Moved {
    /// From and to of each manifest, by name, in the order in which they were put.
    pub(crate) fn names(&self) -> impl Iterator<Item = (String, String)> {
        let under = |place: &str, name: &str, joint: char| {
            let base = place.split('@').next().unwrap_or(place);
            let base = match base.rsplit_once(':') {
                Some((base, tag)) if !tag.contains('/') => base,
                _ => base,
            };
            format!("{base}{joint}{name}")
        };
        self.cargo.items.iter().map(move |item| match &item.role {
            Role::Tag { of, suffix } => {
                let name = tag(of, suffix);
                (under(&self.from, &name, ':'), under(&self.to, &name, ':'))
            }
            _ => {
                let digest = item.manifest.digest.to_string();
                (under(&self.from, &digest, '@'), under(&self.to, &digest, '@'))
            }
        })
    }
}

fn gather(source: &Place, root: Manifest, only: &[Only], name: &str) -> Result<Cargo> {
    source.gather(root, only).with_context(|| format!("cannot read all of `{name}`"))
}

fn remote(client: &BlockingClient, image: &str) -> Result<(Place, Manifest)> {
    let asked = reference(image)?;
    let root = client.manifest(&asked).with_context(|| format!("cannot resolve the image `{image}`"))?;
    Ok((Place::Registry { client: client.clone(), repository: repository_at(&asked, None, None)? }, root))
}

fn reference(image: &str) -> Result<ImageRef> {
    crate::image_name::image(image)
}

/// The tag that the image gets; a digest in the target's place must be that of the image.
fn target_tag<'a>(target: &'a ImageRef, cargo: &Cargo) -> Result<Option<&'a str>> {
    match target.digest() {
        Some(digest) if *digest != cargo.root => {
            Err(crate::usage(anyhow!("`{target}` names another image: the one to be written is {}", cargo.root)))
        }
        Some(_) => Ok(target.tag()),
        None => Ok(Some(target.tag_or_latest())),
    }
}
