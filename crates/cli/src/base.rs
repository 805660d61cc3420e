//! Which part of an image its base brought: the layers that both have, and the packages that those layers hold.
//!
//! ```text
//!   --base REF     layers of that image, which must be the lowest of this one
//!   --base DIGEST  everything up to the layer of that digest (diffID, or blob)
//!   neither        as the history tells, or nothing is known
//! ```

use std::cell::RefCell;
use std::collections::HashSet;
use std::io::Read;

use anyhow::{Result, anyhow, ensure};
use signet_model::{Digest, ImageInfo, Inventory, Package};
use signet_sources::{ImageSource, SourceError};

use crate::args::SourceArgs;
use crate::in_parts::InParts;
use crate::memory::Memory;
use crate::pipeline;
use crate::progress::Progress;
use crate::report::BaseImage;
use crate::settings::Settings;
use crate::source;

/// What `--base` says, and the place for the answer.
pub(crate) struct Wanted<'a> {
    pub(crate) named: Option<&'a str>,
    pub(crate) found: &'a RefCell<Option<BaseImage>>,
}

impl Wanted<'_> {
    /// Finds the base of an image. A base that was named and is none of this image's is an error; a history that tells nothing is not.
    pub(crate) fn find(
        &self,
        image: &dyn ImageSource,
        inventory: &Inventory,
        memory: &Memory<'_>,
        args: &SourceArgs,
        settings: &Settings,
    ) -> Result<()> {
        let info = image.info();
        let (layers, known_by) = match self.named {
            None => match signet_image::base_layers(&info.config, info.layers.len()) {
                Some(layers) => (layers, "history".to_owned()),
                None => return Ok(()),
            },
            Some(named) => (named_base(named, info, args, settings)?, named.to_owned()),
        };
        let inherited = inherited(image, layers, inventory, memory, args.lazy)?;
        *self.found.borrow_mut() = Some(BaseImage { layers, known_by, inherited });
        Ok(())
    }
}

fn named_base(named: &str, info: &ImageInfo, args: &SourceArgs, settings: &Settings) -> Result<usize> {
    if let Ok(digest) = named.parse::<Digest>() {
        let top = info.layers.iter().position(|layer| layer.diff_id == digest || layer.digest == Some(digest));
        return top.map(|top| top + 1).ok_or_else(|| {
            crate::hint(
                anyhow!("no layer of the image has the digest `{named}`"),
                "give the digest of the base's topmost layer, or the base's reference",
            )
        });
    }
    let args = SourceArgs { source: named.to_owned(), ..args.clone() };
    let base: Vec<Digest> =
        source::with_image(&args, settings, |base| Ok(base.info().layers.iter().map(|layer| layer.diff_id).collect()))?;
    let shared = info.layers.iter().zip(&base).take_while(|(layer, base)| layer.diff_id == **base).count();
    ensure!(
        shared == base.len() && shared > 0,
        "`{named}` is not the base of this image: {shared} of its {} layers are the lowest here",
        base.len()
    );
    Ok(shared)
}

/// For each package whether the base has it.
///
/// The layer that a package was read from is not enough: a package manager rewrites its list in every layer that it adds to. So where a layer
/// of the image's own wrote such a list, the base alone is catalogued too, mostly from what is remembered of its layers.
fn inherited(
    image: &dyn ImageSource,
    layers: usize,
    inventory: &Inventory,
    memory: &Memory<'_>,
    lazy: bool,
) -> Result<Vec<bool>> {
    let info = image.info();
    let below = |package: &Package| {
        let layer = package.locations.first().and_then(|place| place.layer);
        layer.is_some_and(|layer| info.layers.iter().take(layers).any(|base| base.diff_id == layer))
    };
    let rewritten = inventory.packages.iter().any(|package| package.kind.is_os() && !below(package));
    if !rewritten {
        return Ok(inventory.packages.iter().map(below).collect());
    }
    let base = Base::new(image, layers);
    let base =
        pipeline::image(&base, pipeline::Scope::Squashed, memory, &Progress::layers(false, 0, 0), &InParts::new(lazy))?;
    let there: HashSet<_> = base.packages.iter().filter(|package| package.kind.is_os()).map(identity).collect();
    Ok(inventory
        .packages
        .iter()
        .map(|package| below(package) || (package.kind.is_os() && there.contains(&identity(package))))
        .collect())
}

fn identity(package: &Package) -> (&'static str, &str, &str, Option<&str>) {
    (package.kind.name(), &package.name, &package.version, package.arch.as_deref())
}

/// The lowest layers of an image as an image.
struct Base<'a> {
    image: &'a dyn ImageSource,
    info: ImageInfo,
}

impl Base<'_> {
    fn new(image: &dyn ImageSource, layers: usize) -> Base<'_> {
        let mut info = image.info().clone();
        info.layers.truncate(layers);
        // A name of its own, so that what is remembered of it is never taken for the whole image.
        let mut name = b"the base of an image, by its layers".to_vec();
        for layer in &info.layers {
            name.extend_from_slice(format!("\n{} {:?}", layer.diff_id, layer.digest).as_bytes());
        }
        info.manifest_digest = None;
        info.index_digest = None;
        info.config_digest = Digest::sha256(&name);
        Base { image, info }
    }
}

impl ImageSource for Base<'_> {
    fn info(&self) -> &ImageInfo {
        &self.info
    }

    fn open_layer(&self, index: usize) -> Result<Box<dyn Read + Send>, SourceError> {
        self.image.open_layer(index)
    }

    fn stored(&self, index: usize) -> signet_sources::Stored {
        self.image.stored(index)
    }

    fn in_parts(&self, index: usize) -> Option<signet_sources::InParts<'_>> {
        self.image.in_parts(index)
    }
}
