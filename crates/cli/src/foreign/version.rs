//! `TOOL version`: which command line this is, and that Signet answers it.

use anyhow::{Result, bail};
use serde_json::json;

use crate::output;

/// Prints it as `text` or `json`.
pub(crate) fn command(tool: &str, format: &str) -> Result<u8> {
    let version = env!("CARGO_PKG_VERSION");
    let platform = format!("{}/{}", std::env::consts::OS, signet_sources::ImageOptions::default().host.architecture);
    let text = match format {
        "text" | "" => format!(
            "Application:     {tool}\nVersion:         {version}\nImplementation:  signet\nPlatform:        {platform}\n"
        ),
        "json" => {
            let facts =
                json!({ "application": tool, "version": version, "implementation": "signet", "platform": platform });
            serde_json::to_string_pretty(&facts)? + "\n"
        }
        other => bail!("unsupported output format: `{other}`: text, json"),
    };
    output::to_stdout(text.as_bytes())?;
    Ok(0)
}
