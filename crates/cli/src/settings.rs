//! Settings that come from the surroundings, read once at the start: where things are kept, what the terminal can do, what time it is.

use std::io::IsTerminal as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use signet_model::Timestamp;

use crate::args::{Colour, Global};
use crate::report::Look;

/// What a command needs to know of its surroundings.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Databases and records.
    pub(crate) cache: PathBuf,
    /// What gates share.
    pub(crate) store: Store,
    /// No network at all.
    pub(crate) offline: bool,
    /// Nothing but errors.
    pub(crate) quiet: bool,
    /// More talk.
    pub(crate) verbose: bool,
    /// Whether progress may be drawn on standard error.
    pub(crate) progress: bool,
    /// Columns of the terminal that is talked to; `None` where nobody reads along, and lines stay whole.
    pub(crate) talk: Option<u16>,
    /// How a table on standard output looks.
    pub(crate) look: Look,
    /// The time of this run, or `SOURCE_DATE_EPOCH`.
    pub(crate) now: Timestamp,
    /// `SOURCE_DATE_EPOCH`, when set: the time that reports state.
    pub(crate) fixed_time: Option<Timestamp>,
    /// The user's home directory.
    pub(crate) home: Option<PathBuf>,
}

/// Where gates keep what they share.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Store {
    /// `None` where there is no place for it.
    pub(crate) directory: Option<PathBuf>,
    /// Whether somebody named it: then it must be there.
    pub(crate) named: bool,
}

impl Settings {
    /// Reads the environment.
    pub(crate) fn gather(global: &Global) -> Result<Settings> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let home = variable("HOME").map(PathBuf::from);
        let cache = match (&global.cache_dir, variable("XDG_CACHE_HOME"), &home) {
            (Some(path), _, _) => path.clone(),
            (None, Some(path), _) => PathBuf::from(path).join("signet"),
            (None, None, Some(home)) => home.join(".cache/signet"),
            (None, None, None) => bail!("there is no place for a cache: set HOME, or give `--cache-dir DIR`"),
        };
        let store = match (&global.store, variable("XDG_DATA_HOME"), &home) {
            (Some(path), _, _) => Store { directory: Some(path.clone()), named: true },
            (None, Some(path), _) => Store { directory: Some(PathBuf::from(path).join("signet")), named: false },
            (None, None, Some(home)) => Store { directory: Some(home.join(".local/share/signet")), named: false },
            (None, None, None) => Store::default(),
        };
        let fixed_time = match variable("SOURCE_DATE_EPOCH") {
            Some(text) => {
                let seconds = text
                    .parse::<i64>()
                    .with_context(|| format!("SOURCE_DATE_EPOCH is no number of seconds: `{text}`"))?;
                Some(
                    Timestamp::from_second(seconds)
                        .with_context(|| format!("SOURCE_DATE_EPOCH is out of range: `{text}`"))?,
                )
            }
            None => None,
        };
        let terminal = std::io::stdout().is_terminal();
        let colour = match global.color {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto => {
                (terminal && variable("NO_COLOR").is_none() && variable("TERM").as_deref() != Some("dumb"))
                    || variable("CLICOLOR_FORCE").is_some_and(|value| value != "0")
            }
        };
        let width = terminal.then(|| terminal_width(variable("COLUMNS")));
        Ok(Settings {
            cache,
            store,
            offline: global.offline,
            quiet: global.quiet,
            verbose: global.verbose,
            progress: !global.no_progress && !global.quiet && std::io::stderr().is_terminal(),
            talk: crate::wrap::of_talk(),
            look: Look { width, colour },
            now: fixed_time.unwrap_or_else(now),
            fixed_time,
            home,
        })
    }

    /// Says something to the person, on standard error.
    #[allow(clippy::print_stderr, reason = "this is the one place that talks")]
    pub(crate) fn say(&self, text: impl std::fmt::Display) {
        if !self.quiet {
            eprintln!("{}", self.fit(text.to_string()));
        }
    }

    /// Says something that only those want to know who asked for more.
    pub(crate) fn detail(&self, text: impl std::fmt::Display) {
        if self.verbose {
            self.say(text);
        }
    }

    /// Warns, also when quiet was asked for: a warning changes how a result must be read.
    #[allow(clippy::print_stderr, reason = "this is the one place that talks")]
    pub(crate) fn warn(&self, text: impl std::fmt::Display) {
        eprintln!("{}", self.fit(format!("warning: {text}")));
    }

    fn fit(&self, text: String) -> String {
        match self.talk {
            Some(width) => crate::wrap::wrapped(&text, width, "  "),
            None => text,
        }
    }
}

/// The time. The program asks for it here and nowhere else; everything below gets it as a value.
#[allow(clippy::disallowed_methods, reason = "the one place that reads the clock")]
pub(crate) fn now() -> Timestamp {
    Timestamp::try_from(std::time::SystemTime::now()).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// `COLUMNS` where it is set, else what the terminal says, else 120.
fn terminal_width(columns: Option<String>) -> u16 {
    columns
        .and_then(|text| text.parse().ok())
        .or_else(|| Some(terminal_size::terminal_size()?.0.0))
        .unwrap_or(120)
        .max(60)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Settings of a machine without anything special.
    pub(crate) fn plain() -> Settings {
        Settings {
            cache: PathBuf::from("/nonexistent"),
            store: Store::default(),
            offline: false,
            quiet: true,
            verbose: false,
            progress: false,
            talk: None,
            look: Look::default(),
            now: Timestamp::UNIX_EPOCH,
            fixed_time: None,
            home: None,
        }
    }
}
