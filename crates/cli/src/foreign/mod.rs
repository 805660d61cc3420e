//! What the command lines of other tools share: their configuration files, how they find a source, where their reports go.
//!
//! ```text
//!   arguments + TOOL_* variables + .TOOL.yaml ──▶ config ──▶ the tool's own table of flags
//!   SOURCE ──▶ source ──▶ inventory (what is left out) ──▶ the tool's own model ──▶ outputs
//! ```

pub(crate) mod columns;
pub(crate) mod config;
pub(crate) mod inventory;
pub(crate) mod outputs;
pub(crate) mod sbom;
pub(crate) mod source;
pub(crate) mod version;

use std::process::ExitCode;

use anyhow::Result;

/// Help and version are no failure; everything else that clap says is 1, as with every tool that is written with cobra.
pub(crate) fn help_or_usage(err: &clap::Error) -> ExitCode {
    // Whether it can be printed changes nothing about what was asked.
    let _printed = err.print();
    ExitCode::from(u8::from(err.use_stderr()))
}

/// The exit code. Errors look as Syft's and Grype's do, so that what greps for them goes on to work.
#[allow(clippy::print_stderr, reason = "the edge, where errors are printed")]
pub(crate) fn finish(result: Result<u8>) -> ExitCode {
    match result {
        Ok(code) => ExitCode::from(code),
        Err(err) => {
            eprintln!("[0000] ERROR {}", chain(&err));
            ExitCode::from(1)
        }
    }
}

/// The causes in one line, without our own marks of usage; what can be done about it on the next.
pub(crate) fn chain(err: &anyhow::Error) -> String {
    let hint = err.downcast_ref::<crate::Hint>().map(|hint| hint.0.clone());
    let usage = crate::Usage.to_string();
    let parts: Vec<String> =
        err.chain().map(ToString::to_string).filter(|text| *text != usage && Some(text) != hint.as_ref()).collect();
    let text = parts.join(": ");
    match hint.or_else(|| hint_within(err).filter(|_| !text.contains("hint: "))) {
        Some(hint) => format!("{text}\nhint: {hint}"),
        None => text,
    }
}

/// What registries' and keys' errors carry beside their text.
pub(crate) fn hint_within(err: &anyhow::Error) -> Option<String> {
    err.chain().find_map(|cause| {
        let registry = cause.downcast_ref::<signet_oci_client::Error>().and_then(|err| err.hint.clone());
        registry.or_else(|| cause.downcast_ref::<signet_keys::Error>()?.hint.clone())
    })
}
