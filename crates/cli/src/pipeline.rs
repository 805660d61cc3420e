//! From a source to its inventory: every layer read once, in parallel, verified, merged into one view.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, Result, ensure};
use parking_lot::Mutex;
use signet_catalog::{LateWants, LayerCataloger, LayerRecord, Matcher, deepen, join, late_reads, merge};
use signet_image::{LayerIndex, Limits, View, walk_layer_with};
use signet_model::{Digest, ImageInfo, Inventory, LayerInfo, Unexamined};
use signet_sources::{ImageSource, Stored, layer_algorithms, verify_layer};

use crate::in_parts::{self, InParts};
use crate::memory::Memory;
use crate::progress::Progress;

/// What one layer gave.
pub(crate) struct Layer {
    pub(crate) index: Arc<LayerIndex>,
    pub(crate) record: LayerRecord,
    pub(crate) unexamined: Vec<Unexamined>,
    /// By its table of contents; nobody computed its digests.
    pub(crate) in_parts: bool,
}

/// Which layers of an image count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Scope {
    /// What a container of the image sees.
    #[default]
    Squashed,
    /// What a container of the image sees, with all layers in which it lies.
    DeepSquashed,
    /// The packages of every layer, also those that a later layer removes or replaces.
    AllLayers,
}

/// A second pass tells where a far part of a program lies; its headers may point once more. What is open after this many becomes `Unexamined`.
const LATE_ROUNDS: usize = 3;

/// Reads every layer of an image and gives what they add up to. A digest that does not hold is an error: the bytes are not that image.
/// What `memory` holds of the image or of a layer is taken from there, unless its bytes lie in a file here that has not been verified as it is now.
/// `parts` says whether layers may be read by their tables of contents, and takes what the user must know of that.
pub(crate) fn image(
    source: &dyn ImageSource,
    scope: Scope,
    memory: &Memory<'_>,
    progress: &Progress,
    parts: &InParts,
) -> Result<Inventory> {
    let info = source.info();
    // One layer hides nothing of another.
    let scope = if info.layers.len() > 1 { scope } else { Scope::Squashed };
    let vouched = |place: usize| memory.vouches(source.stored(place), &info.layers[place]);
    if scope == Scope::Squashed
        && let Some(inventory) = memory.image(info)
        && (0..info.layers.len()).all(vouched)
    {
        return Ok(inventory);
    }
    let matcher = Matcher::new(signet_catalog::leaves());
    let limits = together(threads(info.layers.len()));
    let indexed = AtomicUsize::new(0);
    let read = parallel(info.layers.len(), |place| {
        let layer = layer(source, info, place, &matcher, limits, memory, progress, parts)?;
        // A limit for each layer alone would let a hundred of them take a hundred times as much.
        let all = indexed.fetch_add(layer.index.memory(), Ordering::Relaxed) + layer.index.memory();
        ensure!(all <= MOST_INDEXED, "the paths of all layers together take more than {MOST_INDEXED} bytes of memory");
        Ok(layer)
    })?;
    let indexes: Vec<Arc<LayerIndex>> = read.iter().map(|layer| Arc::clone(&layer.index)).collect();
    let view = View::squash(&indexes);
    let mut records: Vec<LayerRecord> = Vec::with_capacity(read.len());
    let mut unexamined = Vec::new();
    let mut read_in_parts = Vec::with_capacity(read.len());
    for layer in read {
        read_in_parts.push(layer.in_parts);
        records.push(layer.record);
        unexamined.extend(layer.unexamined);
    }
    let earlier = if scope == Scope::Squashed { Vec::new() } else { moments(&indexes, &records) };
    for _ in 0..LATE_ROUNDS {
        let seen: Vec<&LayerRecord> = records.iter().collect();
        let mut wants = late_reads(&matcher, &seen, &view);
        for count in &earlier {
            let view = View::squash(&indexes[..*count]);
            for (all, more) in wants.iter_mut().zip(late_reads(&matcher, &seen[..*count], &view)) {
                all.add(more);
            }
        }
        if wants.iter().all(LateWants::is_empty) {
            break;
        }
        for (place, wants) in wants.iter().enumerate().filter(|(_, wants)| !wants.is_empty()) {
            let stated = &info.layers[place];
            if read_in_parts[place]
                && let Some(second) = in_parts::second_pass(source, place, &matcher, wants, progress, parts)
            {
                records[place].absorb(wants, second);
                continue;
            }
            let mut cataloger = LayerCataloger::second_pass(&matcher, signet_catalog::Limits::default(), wants);
            let read = walk_layer_with(
                open(source, place, stated, progress)?,
                layer_algorithms(info, place),
                &Limits::default(),
                &mut cataloger,
            )
            .with_context(|| format!("cannot read layer {} again", name(place, stated)))?;
            verify_layer(info, place, &read)?;
            records[place].absorb(wants, cataloger.finish());
        }
    }
    let mut before = Inventory::default();
    for count in earlier {
        let layers = info.layers.iter().zip(&records[..count]);
        let layers = layers.map(|(stated, record)| (Some(stated.diff_id), record.clone())).collect();
        before = join(merge(&matcher, layers, &View::squash(&indexes[..count])), before);
    }
    let layers = info.layers.iter().zip(records).map(|(stated, record)| (Some(stated.diff_id), record)).collect();
    let squashed = merge(&matcher, layers, &view);
    let mut inventory = match scope {
        Scope::Squashed => squashed,
        Scope::DeepSquashed => deepen(squashed, before),
        Scope::AllLayers => join(squashed, before),
    };
    inventory.unexamined.extend(unexamined);
    inventory.unexamined.sort();
    inventory.unexamined.dedup();
    // What was not all verified is not remembered under the digest of the whole.
    if scope == Scope::Squashed && !read_in_parts.contains(&true) {
        memory.keep_image(info, &inventory);
    }
    Ok(inventory)
}

/// After how many layers, short of all, the image held something that it did not hold before: looked at after each of them nothing is missed that
/// any layer brought, and every file is seen among those that were there when it came.
fn moments(indexes: &[Arc<LayerIndex>], records: &[LayerRecord]) -> Vec<usize> {
    let brings = |place: &usize| {
        records[*place] != LayerRecord::default() || {
            // Packages of Nix are told by their paths alone.
            let view = View::squash(&indexes[*place..=*place]);
            !view.unexamined().is_empty() || view.below("nix/store").next().is_some()
        }
    };
    (0..records.len().saturating_sub(1)).filter(brings).map(|place| place + 1).collect()
}

/// Catalogues what a walk over a directory, a file or anything else that is one layer shows. `walk` is called again for late reads.
pub(crate) fn single(
    mut walk: impl FnMut(&mut dyn signet_image::Visitor) -> Result<(LayerIndex, Vec<Unexamined>)>,
) -> Result<Inventory> {
    let matcher = Matcher::new(signet_catalog::leaves());
    let mut cataloger = LayerCataloger::new(&matcher, signet_catalog::Limits::default());
    let (index, unexamined) = walk(&mut cataloger)?;
    let mut record = cataloger.finish();
    let view = View::squash(&[Arc::new(index)]);
    for _ in 0..LATE_ROUNDS {
        let wants = late_reads(&matcher, &[&record], &view);
        let Some(wants) = wants.first().filter(|wants| !wants.is_empty()) else { break };
        let mut cataloger = LayerCataloger::second_pass(&matcher, signet_catalog::Limits::default(), wants);
        walk(&mut cataloger)?;
        record.absorb(wants, cataloger.finish());
    }
    let mut inventory = merge(&matcher, vec![(None, record)], &view);
    inventory.unexamined.extend(unexamined);
    inventory.unexamined.sort();
    inventory.unexamined.dedup();
    Ok(inventory)
}

#[allow(clippy::too_many_arguments, reason = "all of them are the surroundings of one pass")]
fn layer(
    source: &dyn ImageSource,
    info: &ImageInfo,
    place: usize,
    matcher: &Matcher,
    limits: signet_catalog::Limits,
    memory: &Memory<'_>,
    progress: &Progress,
    parts: &InParts,
) -> Result<Layer> {
    let stated = &info.layers[place];
    let stored = source.stored(place);
    let remembered = || {
        let (index, record, unexamined) = memory.vouches(stored, stated).then(|| memory.layer(stated)).flatten()?;
        progress.layer_done();
        Some(Layer { index: Arc::new(index), record, unexamined, in_parts: false })
    };
    if let Some(layer) = remembered() {
        return Ok(layer);
    }
    // Another scan, or another layer of this one, may be fetching the same bytes just now: its record will do.
    let lease = (stored == Stored::Elsewhere).then(|| memory.lease(stated)).flatten();
    if lease.is_some()
        && let Some(layer) = remembered()
    {
        return Ok(layer);
    }
    if let Some(layer) = in_parts::first_pass(source, place, matcher, limits, memory, progress, parts) {
        progress.layer_done();
        return Ok(layer);
    }
    let mut cataloger = LayerCataloger::new(matcher, limits);
    let read = walk_layer_with(
        open(source, place, stated, progress)?,
        layer_algorithms(info, place),
        &Limits::default(),
        &mut cataloger,
    )
    .with_context(|| format!("cannot read layer {}", name(place, stated)))?;
    verify_layer(info, place, &read)?;
    progress.layer_done();
    let record = cataloger.finish();
    memory.keep_layer(stated, &read.index, &record, &read.unexamined);
    if source.stored(place) == stored {
        memory.keep_verified(stored, stated);
    }
    drop(lease);
    Ok(Layer { index: Arc::new(read.index), record, unexamined: read.unexamined, in_parts: false })
}

fn open(
    source: &dyn ImageSource,
    place: usize,
    stated: &LayerInfo,
    progress: &Progress,
) -> Result<Box<dyn Read + Send>> {
    let reader = source.open_layer(place).with_context(|| format!("cannot open layer {}", name(place, stated)))?;
    Ok(progress.watch(reader))
}

fn name(place: usize, layer: &LayerInfo) -> String {
    let digest: Digest = layer.digest.unwrap_or(layer.diff_id);
    format!("{} ({digest})", place + 1)
}

/// Bytes of memory for the paths of all layers of an image. A million files take a tenth of it.
const MOST_INDEXED: usize = 1 << 30;

/// How many layers are read at the same time.
fn threads(count: usize) -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).min(count).min(8)
}

/// Limits of one of `count` layers that are read at the same time: the memory for whole programs is shared.
fn together(count: usize) -> signet_catalog::Limits {
    let limits = signet_catalog::Limits::default();
    signet_catalog::Limits { whole_program: limits.whole_program / count.max(1) as u64, ..limits }
}

/// Does the work of `count` places on as many threads as there are processors, and gives the results in order. The first error by place wins.
fn parallel<T: Send>(count: usize, work: impl Fn(usize) -> Result<T> + Sync) -> Result<Vec<T>> {
    let threads = threads(count);
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<Option<Result<T>>>> = Mutex::new((0..count).map(|_| None).collect());
    let run = || {
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            if place >= count {
                return;
            }
            let result = work(place);
            let failed = result.is_err();
            results.lock()[place] = Some(result);
            if failed {
                // Nobody begins another layer of an image that cannot be whole any more.
                next.store(count, Ordering::Relaxed);
            }
        }
    };
    if threads <= 1 {
        run();
    } else {
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(run);
            }
        });
    }
    let mut found = Vec::with_capacity(count);
    let mut all = true;
    for result in results.into_inner() {
        match result {
            Some(result) => found.push(result?),
            None => all = false,
        }
    }
    ensure!(all, "a layer was not read");
    Ok(found)
}
