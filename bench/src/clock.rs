//! The time this thread had a processor: what others do on the machine does not count.

use anyhow::{Context as _, Result};

/// Nanoseconds so far, from the kernel's schedstat.
pub(crate) fn nanoseconds() -> Result<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").context("cannot read the time of this thread")?;
    let first = text.split_whitespace().next().context("the time of this thread is empty")?;
    Ok(first.parse()?)
}
