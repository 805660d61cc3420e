//! `sign/tuf-*`: repositories as they were published, and roots that must not be trusted. The suite's simulator needs a command and runs elsewhere.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::task::{Context as TaskContext, Poll, Waker};

use anyhow::{Context as _, Result};
use signet_model::Timestamp;
use signet_trust::{TufClient, TufFuture, TufRepository};

use super::{Answer, bytes, compare};
use crate::set::{Case, Judged, judge, text};

/// A repository in a folder.
#[derive(Clone, Debug)]
struct Folder {
    metadata: PathBuf,
    targets: PathBuf,
}

impl TufRepository for Folder {
    fn metadata<'a>(&'a self, name: &'a str, most: u64) -> TufFuture<'a> {
        Box::pin(async move { read(&self.metadata.join(name), most) })
    }

    fn target<'a>(&'a self, path: &'a str, most: u64) -> TufFuture<'a> {
        Box::pin(async move { read(&self.targets.join(path), most) })
    }
}

fn read(path: &Path, _most: u64) -> std::result::Result<Option<Vec<u8>>, String> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

/// Files answer at once, so one poll after another is enough.
fn wait<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = TaskContext::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
    }
}

#[derive(Debug)]
struct Input {
    folder: Folder,
    root: PathBuf,
    targets: Vec<String>,
    now: Timestamp,
}

pub(crate) fn conformance(folder: &Path) -> Result<Vec<Judged>> {
    let data = folder.join("tuf_conformance/static_data");
    let mut cases = Vec::new();
    for entry in std::fs::read_dir(&data)? {
        let path = entry?.path();
        if !path.is_dir() {
            continue;
        }
        let now = text(&path.join("faketime"))?.trim().replacen(' ', "T", 1);
        let input = Input {
            folder: Folder { metadata: path.join("metadata"), targets: path.join("targets") },
            root: path.join("initial_root.json"),
            targets: vec![text(&path.join("targetpath"))?.trim().to_owned()],
            now: now.parse().with_context(|| format!("the time `{now}`"))?,
        };
        cases.push(Case::new(path.file_name().unwrap_or_default().to_string_lossy(), input, true));
    }
    Ok(judge(cases, answer, |_, answer, accept| compare(answer, *accept)))
}

pub(crate) fn testdata(folder: &Path) -> Result<Vec<Judged>> {
    let reference = folder.join("tuf-reference-impl");
    let there = Folder { metadata: reference.join("metadata"), targets: reference.join("targets") };
    let input = |root: PathBuf, targets: &[&str]| Input {
        folder: there.clone(),
        root,
        targets: targets.iter().map(|name| (*name).to_owned()).collect(),
        now: Timestamp::now(),
    };
    let mut cases = Vec::new();
    for target in ["file1.txt", "file2.txt", "file3.txt"] {
        let input = input(reference.join("metadata/1.root.json"), &[target]);
        cases.push(Case::new(format!("reference:{target}"), input, true));
    }
    for entry in std::fs::read_dir(folder.join("negative"))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        cases.push(Case::new(format!("negative:{name}"), input(path, &[]), false).refused());
    }
    Ok(judge(cases, answer, |_, answer, accept| compare(answer, *accept)))
}

fn answer(input: &Input) -> Answer {
    let root = match bytes(&input.root) {
        Ok(root) => root,
        Err(error) => return Answer::Broken(format!("{error:#}")),
    };
    Answer::of(wait(async {
        let mut client = TufClient::new(input.folder.clone(), &root)?;
        client.refresh(input.now).await?;
        for target in &input.targets {
            client.target(target, input.now).await?;
        }
        Ok::<(), signet_trust::TufError>(())
    }))
}
