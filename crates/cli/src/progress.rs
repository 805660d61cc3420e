//! Progress of long work, on a terminal only.

use std::io::{self, Read};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A line on standard error that tells how far the reading is.
#[derive(Clone, Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// Shows nothing.
    pub(crate) fn silent() -> Progress {
        Progress { bar: ProgressBar::hidden() }
    }

    /// Reading `layers` layers of `bytes` stored bytes in all.
    pub(crate) fn layers(show: bool, layers: usize, bytes: u64) -> Progress {
        if !show {
            return Progress::silent();
        }
        let bar = ProgressBar::new(bytes);
        let style =
            ProgressStyle::with_template("{spinner} reading {msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec}")
                .unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style);
        bar.set_message(format!("{layers} layers"));
        bar.enable_steady_tick(Duration::from_millis(120));
        Progress { bar }
    }

    /// Work of unknown length.
    pub(crate) fn spinner(show: bool, what: &str) -> Progress {
        if !show {
            return Progress::silent();
        }
        let bar = ProgressBar::new_spinner();
        bar.set_message(what.to_owned());
        bar.enable_steady_tick(Duration::from_millis(120));
        Progress { bar }
    }

    /// The same bytes, counted.
    pub(crate) fn watch(&self, reader: Box<dyn Read + Send>) -> Box<dyn Read + Send> {
        if self.bar.is_hidden() { reader } else { Box::new(Watched { reader, bar: self.bar.clone() }) }
    }

    /// A layer is through.
    pub(crate) fn layer_done(&self) {
        self.bar.tick();
    }

    /// The work is over; the line goes away.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

struct Watched {
    reader: Box<dyn Read + Send>,
    bar: ProgressBar,
}

impl Read for Watched {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.bar.inc(count as u64);
        Ok(count)
    }
}
