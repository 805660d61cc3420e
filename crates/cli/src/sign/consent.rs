//! Asking before something becomes public for ever.

use std::io::{BufRead as _, Read as _, Write as _};

use anyhow::{Result, anyhow};

use crate::settings::Settings;

/// Says what a public log will show of whom, and asks. Only `y` or `yes` is consent; the end of input is none.
#[allow(clippy::print_stderr, reason = "a question to the person at the terminal")]
pub(super) fn to_publish(identity: &str, logs: &[&str], settings: &Settings) -> Result<()> {
    let identity = crate::verify::show::clean(identity);
    let places = if logs.is_empty() { "a certificate log".to_owned() } else { logs.join(", ") };
    settings.warn(format!(
        "`{identity}` will stand in a public record of signatures ({places}), for everybody to read and for ever"
    ));
    eprint!("Are you sure you would like to continue? [y/N] ");
    std::io::stderr().flush()?;
    let mut line = String::new();
    std::io::stdin().lock().take(1024).read_line(&mut line)?;
    eprintln!();
    if matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes") {
        return Ok(());
    }
    Err(crate::hint(anyhow!("user declined the prompt"), "give `--yes` where nobody can answer, such as in CI"))
}
