//! Asking before something becomes public for ever.

use anyhow::{Result, anyhow};

use crate::consent::{CONTINUE, confirmed};
use crate::settings::Settings;

/// Says what a public log will show of whom, and asks.
pub(super) fn to_publish(identity: &str, logs: &[&str], settings: &Settings) -> Result<()> {
    let identity = crate::verify::show::clean(identity);
    let places = if logs.is_empty() { "a certificate log".to_owned() } else { logs.join(", ") };
    settings.warn(format!(
        "`{identity}` will stand in a public record of signatures ({places}), for everybody to read and for ever"
    ));
    if confirmed(CONTINUE)? {
        return Ok(());
    }
    Err(crate::hint(anyhow!("user declined the prompt"), "give `--yes` where nobody can answer, such as in CI"))
}
