//! Requests kept in a file, for policies that are still to come. No review waits for the disk.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};

use anyhow::{Context as _, Result};
use serde_json::Value;
use signet_admission::{Seen, Told, Witness, record};

use crate::settings::Settings;

/// Lines that wait for the disk; more are dropped and counted.
const QUEUE: usize = 512;

/// Takes lines from reviews.
#[derive(Debug)]
pub(super) struct Recorder {
    queue: SyncSender<Value>,
}

/// The file, and the one before it.
struct Keeper {
    path: PathBuf,
    file: BufWriter<File>,
    size: u64,
    most: u64,
}

impl Recorder {
    /// Opens the file and starts its thread. `most`: bytes of the file; then it is kept as `FILE.1`, and the one before is gone.
    pub(super) fn begin(path: &Path, most: u64, settings: &Settings) -> Result<Arc<Recorder>> {
        let keeper = Keeper::open(path, most)?;
        let (queue, lines) = sync_channel(QUEUE);
        let settings = settings.clone();
        std::thread::Builder::new()
            .name("signet-record".to_owned())
            .spawn(move || keeper.run(&lines, &settings))
            .context("cannot start a thread")?;
        Ok(Arc::new(Recorder { queue }))
    }
}

impl Witness for Recorder {
    fn saw(&self, seen: &Seen<'_>) {
        let Some(line) = record::line(seen) else { return };
        let how = if self.queue.try_send(line).is_ok() { "kept" } else { "dropped" };
        seen.metrics.told(Told::Record, how);
    }
}

impl Keeper {
    fn open(path: &Path, most: u64) -> Result<Keeper> {
        let cannot = || format!("cannot write `{}`", path.display());
        // Whose requests these are is nobody else's business.
        let mut options = OpenOptions::new();
        let file = options.create(true).append(true).mode(0o600).open(path).with_context(cannot)?;
        let size = file.metadata().with_context(cannot)?.len();
        Ok(Keeper { path: path.to_owned(), file: BufWriter::new(file), size, most })
    }

    fn run(mut self, lines: &Receiver<Value>, settings: &Settings) {
        let mut broken = false;
        loop {
            let line = match lines.try_recv() {
                Ok(line) => line,
                Err(TryRecvError::Disconnected) => break,
                // Nobody is in a hurry: what is there goes to the disk.
                Err(TryRecvError::Empty) => {
                    broken |= self.tell(None, broken, settings);
                    match lines.recv() {
                        Ok(line) => line,
                        Err(_) => break,
                    }
                }
            };
            broken |= self.tell(Some(&line), broken, settings);
        }
        let _told = self.tell(None, broken, settings);
    }

    /// Writes a line, or what waits. `true`: it could not, and that was said.
    fn tell(&mut self, line: Option<&Value>, was_broken: bool, settings: &Settings) -> bool {
        let done = match line {
            Some(line) => self.write(line),
            None => self.file.flush().context("cannot write"),
        };
        match done {
            Ok(()) => false,
            Err(err) if was_broken => {
                settings.detail(format!("requests are not recorded: {err:#}"));
                false
            }
            Err(err) => {
                settings.warn(format!("requests are not recorded in `{}`: {err:#}", self.path.display()));
                true
            }
        }
    }

    fn write(&mut self, line: &Value) -> Result<()> {
        let line = format!("{line}\n");
        let size = line.len() as u64;
        if self.size > 0 && self.size.saturating_add(size) > self.most {
            self.file.flush().context("cannot write")?;
            let mut before = self.path.clone().into_os_string();
            before.push(".1");
            std::fs::rename(&self.path, before).context("cannot keep the file before")?;
            *self = Keeper::open(&self.path, self.most)?;
        }
        self.file.write_all(line.as_bytes()).context("cannot write")?;
        self.size = self.size.saturating_add(size);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_file_turns_over_and_is_nobody_elses() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("requests.jsonl");
        let mut keeper = Keeper::open(&path, 100).unwrap();
        for number in 0..20 {
            keeper.write(&json!({"line": number, "more": "x".repeat(20)})).unwrap();
        }
        keeper.file.flush().unwrap();
        let text = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
        assert!(text("requests.jsonl").len() <= 100 && text("requests.jsonl.1").len() <= 100);
        assert!(
            text("requests.jsonl").ends_with("\"more\":\"xxxxxxxxxxxxxxxxxxxx\"}\n")
                && text("requests.jsonl").contains("19")
        );
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        // It goes on behind what was there.
        drop(keeper);
        let before = text("requests.jsonl").len() as u64;
        assert_eq!(Keeper::open(&path, 100).unwrap().size, before);
    }
}
