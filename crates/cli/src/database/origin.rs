//! Where a database came from that was not built here, and who vouches for its bytes.
//!
//! `NAME.origin-DIGEST` beside the database, written before it gets its name, so that it never stands there without: what a database says of the
//! feeds that it was made of is only as good as the way that it came itself.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::json;
use signet_advisories::Trust;
use signet_model::Digest;

/// How long a note stays at least.
const YOUNG: Duration = Duration::from_secs(3600);

/// Where from, and how.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    /// The database that this is about.
    pub(crate) database: Digest,
    /// Reference or file.
    pub(crate) from: String,
    /// Digest of the artifact's manifest.
    pub(crate) manifest: Digest,
    /// How its bytes came.
    pub(crate) trust: Trust,
}

impl Origin {
    /// Of a database whose digest is not known yet.
    pub(super) fn new(from: &str, manifest: Digest, trust: Trust) -> Origin {
        Origin { database: manifest, from: from.to_owned(), manifest, trust }
    }

    /// The weaker of what the database says of a feed and of what vouches for the database.
    pub(super) fn weaken(&self, feed: Trust) -> Trust {
        if rank(&feed) <= rank(&self.trust) { feed } else { self.trust.clone() }
    }

    /// What is noted of the database with this digest at `path`.
    pub(super) fn read(path: &Path, database: &Digest) -> Option<Origin> {
        let bytes = std::fs::read(beside(path, database)).ok()?;
        let value: serde_json::Value = serde_json::from_slice(&bytes).ok()?;
        let text = |name: &str| value.get(name)?.as_str().map(str::to_owned);
        let trust = match text("trust")?.as_str() {
            "signed" => Trust::Signed(text("trustDetail")?),
            "digest-pinned" => Trust::DigestPinned(text("trustDetail")?),
            "tls-only" => Trust::TlsOnly,
            // What cannot be read vouches for nothing.
            _ => Trust::LocalFile,
        };
        Some(Origin { database: *database, from: text("from")?, manifest: text("manifest")?.parse().ok()?, trust })
    }

    /// Notes it beside `path`.
    pub(super) fn write(&self, path: &Path) -> Result<()> {
        let value = json!({
            "from": self.from, "manifest": self.manifest.to_string(), "trust": self.trust.name(),
            "trustDetail": self.trust.detail(),
        });
        let place = beside(path, &self.database);
        crate::output::replace(&place, value.to_string().as_bytes())
            .with_context(|| format!("cannot write `{}`", place.display()))
    }

    /// Removes what was noted of databases that are there no more. What is younger than an hour stays: a neighbour may be installing just now.
    pub(super) fn tidy(path: &Path, kept: Option<&Origin>) {
        let keep = kept.and_then(|origin| beside(path, &origin.database).file_name().map(ToOwned::to_owned));
        let prefix = format!("{}.origin-", path.file_name().unwrap_or_default().to_string_lossy());
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let time = |path: &Path| std::fs::metadata(path).and_then(|found| found.modified()).ok();
        let (Some(now), Ok(entries)) = (time(path), std::fs::read_dir(folder)) else { return };
        for entry in entries.flatten() {
            let old = time(&entry.path()).and_then(|then| now.duration_since(then).ok()).is_some_and(|age| age > YOUNG);
            if old && entry.file_name().to_string_lossy().starts_with(&prefix) && Some(entry.file_name()) != keep {
                // What stays behind is about a database that is not there.
                let _gone = std::fs::remove_file(entry.path());
            }
        }
    }
}

fn rank(trust: &Trust) -> u8 {
    match trust {
        Trust::LocalFile => 0,
        Trust::TlsOnly => 1,
        Trust::DigestPinned(_) => 2,
        Trust::Signed(_) => 3,
    }
}

fn beside(path: &Path, database: &Digest) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".origin-{}", database.hex()));
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_feed_is_vouched_for_more_than_its_database() {
        let pinned = || Trust::DigestPinned("sha256:00".to_owned());
        let signed = || Trust::Signed("us".to_owned());
        for (database, feed, expected) in [
            (Trust::TlsOnly, signed(), Trust::TlsOnly),
            (Trust::LocalFile, pinned(), Trust::LocalFile),
            (pinned(), signed(), pinned()),
            (pinned(), Trust::TlsOnly, Trust::TlsOnly),
            (signed(), Trust::LocalFile, Trust::LocalFile),
        ] {
            let origin = Origin::new("somewhere", Digest::sha256(b""), database);
            assert_eq!(origin.weaken(feed), expected);
        }
    }

    #[test]
    fn what_is_noted_is_about_one_database() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let (one, other) = (Digest::sha256(b"one"), Digest::sha256(b"other"));
        let origin =
            Origin { database: one, ..Origin::new("here", other, Trust::DigestPinned("sha256:00".to_owned())) };
        origin.write(&path).unwrap();
        let read = Origin::read(&path, &one).unwrap();
        assert_eq!((read.from.as_str(), read.manifest, read.trust), ("here", other, origin.trust));
        assert!(Origin::read(&path, &other).is_none());
        // A word that nobody knows vouches for nothing.
        let place = beside(&path, &one);
        let text = std::fs::read_to_string(&place).unwrap().replace("digest-pinned", "blessed");
        std::fs::write(&place, text).unwrap();
        assert_eq!(Origin::read(&path, &one).unwrap().trust, Trust::LocalFile);
    }
}
