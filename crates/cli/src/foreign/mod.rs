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
pub(crate) mod yaml;

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
    match told(err) {
        (text, Some(hint)) => format!("{text}\nhint: {hint}"),
        (text, None) => text,
    }
}

/// What the HTTP client says about every failed connection, whatever the cause, which follows.
const NOISE: [&str; 4] = ["error sending request", "client error (Connect)", "tcp connect error", "dns error"];

/// The causes in one line, and what can be done about it. The nearest advice wins; some errors bring theirs in their text, others beside it.
pub(crate) fn told(err: &anyhow::Error) -> (String, Option<String>) {
    let ours = err.downcast_ref::<crate::Hint>().map(|hint| hint.0.clone());
    let usage = crate::Usage.to_string();
    let parts: Vec<String> = err
        .chain()
        .map(ToString::to_string)
        .filter(|text| *text != usage && Some(text) != ours.as_ref() && !NOISE.contains(&text.as_str()))
        .collect();
    let (text, within) = apart(parts.join(": "));
    (text, ours.or(within).or_else(|| hint_within(err)))
}

/// Takes the advice out of a text that bears it.
fn apart(mut text: String) -> (String, Option<String>) {
    let mark = "\nhint: ";
    let Some(at) = text.find(mark) else { return (text, None) };
    let mut hint = text.split_off(at).split_off(mark.len());
    if let Some(end) = hint.find('\n') {
        text.push_str(&hint.split_off(end));
    }
    text.truncate(text.trim_end().len());
    (text, Some(hint))
}

/// What registries' and keys' errors carry beside their text.
pub(crate) fn hint_within(err: &anyhow::Error) -> Option<String> {
    err.chain().find_map(|cause| {
        let registry = cause.downcast_ref::<signet_oci_client::Error>().and_then(|err| err.hint.clone());
        registry.or_else(|| cause.downcast_ref::<signet_keys::Error>()?.hint.clone())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_is_told_apart_from_what_happened() {
        for (text, what, hint) in [
            ("a: b", "a: b", None),
            ("a: b\n\nhint: do c", "a: b", Some("do c")),
            ("a: b\nhint: do c", "a: b", Some("do c")),
            ("a\nhint: do c\nand d", "a\nand d", Some("do c")),
        ] {
            let found = apart(text.to_owned());
            assert_eq!((found.0.as_str(), found.1.as_deref()), (what, hint), "{text}");
        }
        let err = anyhow::anyhow!("Connection refused").context("tcp connect error").context("no connection to `x`");
        assert_eq!(told(&err).0, "no connection to `x`: Connection refused");
    }
}
