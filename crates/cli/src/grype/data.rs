//! The advisory database, as Grype's settings choose it: `db.update-url`, `db.ca-cert`, `db.cache-dir`, `db.auto-update`, `db.validate-age`, `db.max-allowed-built-age`.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

use crate::args::{DatabaseArgs, Global};
use crate::database::{self, Opened, Wanted};
use crate::foreign::config::Config;
use crate::net::Access;
use crate::settings::Settings;

/// Five days, in seconds.
const MOST_AGE: i64 = 5 * 24 * 3600;

/// Our own settings. With `GRYPE_DB_CACHE_DIR`, everything is kept in a folder of our own below it; else where `signet` keeps it.
pub(super) fn settings(config: &Config, global: &Global) -> Result<Settings> {
    let mut settings = Settings::gather(global)?;
    if let Some(folder) = config.text("db.cache-dir")? {
        settings.cache = PathBuf::from(folder).join("signet");
    }
    Ok(settings)
}

/// Where Grype's database is published (anchore/grype `grype/db/v6/distribution/client.go`).
pub(super) const PUBLISHED: &str = "https://grype.anchore.io/databases";

/// The address of the listing: `db.update-url`, below which it lies under the schema's name unless it is a `.json` itself.
pub(super) fn listing(config: &Config) -> Result<String> {
    let url = config.text("db.update-url")?.unwrap_or_else(|| PUBLISHED.to_owned());
    Ok(match url.ends_with(".json") {
        true => url,
        false => format!("{}/v6/latest.json", url.trim_end_matches('/')),
    })
}

/// How it is reached: an address with `http://` was chosen by whoever wrote it.
pub(super) fn access(config: &Config) -> Result<Access> {
    let listing = listing(config)?;
    let plain = listing.strip_prefix("http://").and_then(|rest| rest.split('/').next()).map(str::to_owned);
    Ok(Access {
        plain_http: plain.into_iter().collect(),
        ca_cert: config.text("db.ca-cert")?.map(PathBuf::from),
        ..Access::default()
    })
}

/// What is fetched: Grype's own database, which carries CISA's catalogue and FIRST's scores itself.
pub(super) fn wanted(config: &Config) -> Result<Wanted> {
    Ok(Wanted { grype: Some(listing(config)?), access: access(config)?, ..Wanted::default() })
}

/// The database that a scan uses. One that is too old is an error, unless that was switched off.
pub(super) fn open(config: &Config, settings: &Settings) -> Result<Opened> {
    let db = std::env::var_os("SIGNET_DB").filter(|path| !path.is_empty()).map(PathBuf::from);
    let args = DatabaseArgs { db, skip_db_update: !config.switch("db.auto-update", true)?, java_db: None };
    let opened = database::for_scan_of(&args, &wanted(config)?, settings).context("failed to load vulnerability db")?;
    if config.switch("db.validate-age", true)? {
        let most = match config.text("db.max-allowed-built-age")? {
            Some(text) => duration(&text)
                .with_context(|| format!("the setting `db.max-allowed-built-age` is no duration: `{text}`"))?,
            None => MOST_AGE,
        };
        match opened.info()?.built {
            Some(built) => {
                let age = settings.now.as_second().saturating_sub(built.as_second());
                if age > most {
                    bail!(
                        "failed to load vulnerability db: the vulnerability database was built {} days ago (max allowed age is {} days): `grype db update` fetches it, `GRYPE_DB_VALIDATE_AGE=false` accepts it",
                        age / 86_400,
                        most / 86_400
                    );
                }
            }
            None => settings.warn("the vulnerability database states no date, so its age is not known"),
        }
    }
    Ok(opened)
}

/// A duration as Go writes it (`120h0m0s`), in seconds.
fn duration(text: &str) -> Option<i64> {
    let mut rest = text.trim();
    let mut seconds = 0_i64;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit())?;
        let (count, after) = rest.split_at(end);
        let (factor, unit) = match after {
            _ if after.starts_with("ms") => return None,
            _ if after.starts_with('h') => (3600, 1),
            _ if after.starts_with('m') => (60, 1),
            _ if after.starts_with('s') => (1, 1),
            _ => return None,
        };
        seconds = seconds.checked_add(count.parse::<i64>().ok()?.checked_mul(factor)?)?;
        rest = after.get(unit..)?;
    }
    Some(seconds)
}

#[cfg(test)]
mod tests {
    use super::duration;

    #[test]
    fn durations() {
        for (text, wanted) in
            [("120h", Some(432_000)), ("120h0m0s", Some(432_000)), ("90m", Some(5400)), ("1h30m", Some(5400))]
        {
            assert_eq!(duration(text), wanted, "{text}");
        }
        for wrong in ["", "5", "5d", "h", "-1h", "99999999999999999h", "5ms"] {
            assert_eq!(duration(wrong), None, "{wrong}");
        }
    }
}
