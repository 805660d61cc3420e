//! The list of blocks as gates read it: from the store that the settings name, anew each time.
//!
//! No store at the usual place is no block. A store that was named, or that was there before, and is gone or cannot be read, is an error, and an error
//! refuses.

use std::path::PathBuf;

use anyhow::{Result, anyhow};
use serde_json::{Value, json};
use signet_model::Timestamp;
use signet_policy::trust_policy::{self, Blocked, Notice, Target};
use signet_store::{Block, BlockTarget, Blocks as _, BlocksError, SqliteBlocks};

use crate::settings::Settings;

/// The file in the store's directory.
const FILE: &str = "blocks.db";

/// Where the list lies.
pub(super) fn path(settings: &Settings) -> Result<PathBuf> {
    let directory = settings.store.directory.as_ref();
    let directory =
        directory.ok_or_else(|| anyhow!("there is no place for what is blocked: set HOME, or give `--store DIR`"))?;
    Ok(directory.join(FILE))
}

/// All blocks, also those whose time is over. None where there is no store at the usual place.
pub(super) fn all(settings: &Settings) -> Result<Vec<Block>> {
    Ok(read(settings, settings.store.named)?)
}

fn read(settings: &Settings, must_be_there: bool) -> Result<Vec<Block>, BlocksError> {
    let Some(directory) = &settings.store.directory else { return Ok(Vec::new()) };
    match SqliteBlocks::open(&directory.join(FILE)) {
        Err(BlocksError::Absent { .. }) if !must_be_there => Ok(Vec::new()),
        Err(err) => Err(err),
        Ok(store) => store.blocks(),
    }
}

/// What is blocked now, for a command that ends soon.
pub(crate) fn now(settings: &Settings) -> Blocked {
    match read(settings, settings.store.named) {
        Ok(blocks) => in_force(blocks, crate::settings::now()),
        Err(err) => Blocked::unreadable(told(err)),
    }
}

/// The chain of an error in one line.
fn told(err: BlocksError) -> String {
    format!("{:#}", anyhow::Error::new(err))
}

/// Those whose time is not over.
fn in_force(blocks: Vec<Block>, now: Timestamp) -> Blocked {
    let mut found = Vec::new();
    for block in blocks.into_iter().filter(|block| block.until.is_none_or(|until| now < until)) {
        let notice = Notice { by: block.by, at: Some(block.at), reason: block.reason, through: None };
        let (target, index) = match block.target {
            BlockTarget::Digest(digest) => (Target::Digest(digest), Some(digest)),
            BlockTarget::Key(key) => (Target::Key(key), None),
            BlockTarget::Identity { issuer, subject } => (Target::Identity { issuer, subject }, None),
        };
        found.push(trust_policy::Block { target, notice: notice.clone() });
        found.extend(block.children.into_iter().map(|child| trust_policy::Block {
            target: Target::Digest(child),
            notice: Notice { through: index, ..notice.clone() },
        }));
    }
    Blocked::new(found)
}

/// The list for a service, which reads it again and again.
#[derive(Debug)]
pub(crate) struct Watch {
    settings: Settings,
    /// It must be there: it was named, or it was there before.
    must_be_there: bool,
}

impl Watch {
    /// Where the settings say. A store that was named and is not there yet is made: those who block must find it.
    pub(crate) fn begin(settings: &Settings) -> Result<Watch> {
        if settings.store.named {
            let path = path(settings)?;
            if let Err(BlocksError::Absent { .. }) = SqliteBlocks::open(&path) {
                SqliteBlocks::make(&path)?;
            }
        }
        Ok(Watch { settings: settings.clone(), must_be_there: settings.store.named })
    }

    /// Reads it. Waits for the disk.
    pub(crate) fn read(&mut self) -> Result<Blocked, String> {
        let directory = self.settings.store.directory.as_ref();
        self.must_be_there |= directory.is_some_and(|directory| directory.join(FILE).exists());
        let blocks = read(&self.settings, self.must_be_there).map_err(told)?;
        Ok(in_force(blocks, crate::settings::now()))
    }
}

/// A block as `signet block list -o json` shows it.
pub(super) fn to_json(block: &Block, now: Timestamp) -> Value {
    let (kind, target, issuer) = match &block.target {
        BlockTarget::Digest(digest) => ("digest", digest.to_string(), None),
        BlockTarget::Key(key) => ("key", key.to_string(), None),
        BlockTarget::Identity { issuer, subject } => ("identity", subject.clone(), Some(issuer)),
    };
    json!({
        "kind": kind,
        "target": target,
        "issuer": issuer,
        "reason": block.reason,
        "by": block.by,
        "at": block.at.to_string(),
        "until": block.until.map(|until| until.to_string()),
        "inForce": block.until.is_none_or(|until| now < until),
        "manifests": block.children.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}
