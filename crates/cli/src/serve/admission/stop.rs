//! What replicas share on disk: what is blocked, read every two seconds, and what requests were let in by.

use std::fs::File;
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use signet_admission::{BlockList, Clock, MEMORY_KEY, Memory, fresh_key};
use signet_store::SqliteDecisions;
use tokio::time::Instant;

use crate::block::Watch;
use crate::settings::Settings;

/// How often the list is read.
const LOOK: Duration = Duration::from_secs(2);

/// The list of blocks, read once already.
pub(super) fn begin(settings: &Settings) -> Result<(Arc<BlockList>, Watch)> {
    let mut watch = Watch::begin(settings)?;
    let (list, begun) = (BlockList::new(), Instant::now());
    let found = watch.read().map_err(|why| anyhow!(why)).context("what is blocked cannot be told")?;
    list.read(Ok(found), begun);
    Ok((Arc::new(list), watch))
}

/// Reads the list for as long as the service runs. A disk that does not answer holds up nobody: the list grows old, and an old one refuses.
pub(super) async fn keep_reading(list: Arc<BlockList>, watch: Watch, settings: Settings) {
    let mut watch = watch;
    let mut said = None;
    loop {
        tokio::time::sleep(LOOK).await;
        let begun = Instant::now();
        let reading = tokio::task::spawn_blocking(move || {
            let found = watch.read();
            (watch, found)
        });
        // The runtime ends, or reading panicked: the list grows old.
        let Ok((kept, found)) = reading.await else { return };
        watch = kept;
        if let Err(why) = &found
            && said.as_ref() != Some(why)
        {
            settings.warn(format!("what is blocked cannot be read, and soon no image passes: {why}"));
        }
        said = found.as_ref().err().cloned();
        list.read(found, begun);
    }
}

/// The memory of a store that was named. Without one, what was found out ends with the process; so it does where the store cannot be used, which is
/// told and refuses nobody.
pub(super) fn memory(settings: &Settings, clock: &Clock) -> Option<Arc<Memory>> {
    let directory = settings.store.directory.as_deref().filter(|_| settings.store.named)?;
    let open = || -> Result<Memory> {
        let key = key(&directory.join("decisions.key"))?;
        let store = SqliteDecisions::open(&directory.join("decisions.db"))?;
        Ok(Memory::new(Arc::new(store), &key, Arc::clone(clock)))
    };
    match open() {
        Ok(memory) => Some(Arc::new(memory)),
        Err(err) => {
            settings.warn(format!("what is found out will be forgotten with this process: {err:#}"));
            None
        }
    }
}

/// The key under which answers of this store are believed: made by who comes first, read by its replicas, and by nobody else.
fn key(path: &Path) -> Result<[u8; MEMORY_KEY]> {
    let shown = path.display();
    for _ in 0..2 {
        match File::open(path) {
            Ok(file) => {
                let mode = file.metadata().with_context(|| format!("cannot look at `{shown}`"))?.mode();
                ensure!(
                    mode & 0o007 == 0,
                    "`{shown}` may be read by everybody: `chmod o= {shown}`, and remove `decisions.db` beside it"
                );
                let mut bytes = Vec::new();
                let limit = MEMORY_KEY as u64 + 1;
                file.take(limit).read_to_end(&mut bytes).with_context(|| format!("cannot read `{shown}`"))?;
                return bytes.try_into().map_err(|_| anyhow!("`{shown}` is no key: remove it, and another is made"));
            }
            Err(err) if err.kind() == ErrorKind::NotFound => {}
            Err(err) => return Err(err).with_context(|| format!("cannot read `{shown}`")),
        }
        let key = fresh_key().map_err(|why| anyhow!(why))?;
        // Whole before it has its name, and never in the place of another's.
        let folder = path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
        let mut part = tempfile::NamedTempFile::new_in(folder).with_context(|| format!("cannot make `{shown}`"))?;
        part.write_all(&key)
            .and_then(|()| part.as_file().sync_all())
            .with_context(|| format!("cannot write `{shown}`"))?;
        match part.persist_noclobber(path) {
            Ok(_) => return Ok(key),
            // Another replica was first: its key is the key.
            Err(err) if err.error.kind() == ErrorKind::AlreadyExists => {}
            Err(err) => return Err(err.error).with_context(|| format!("cannot make `{shown}`")),
        }
    }
    Err(anyhow!("`{shown}` comes and goes"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn all_who_share_a_store_share_its_key() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("decisions.key");
        let keys: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| key(&path).unwrap())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(keys.iter().all(|key| *key == keys[0] && *key != [0; MEMORY_KEY]));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(key(&path).unwrap_err().to_string().contains("may be read by everybody"));
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "short").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert!(key(&path).unwrap_err().to_string().contains("is no key"));
    }
}
