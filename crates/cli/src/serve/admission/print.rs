//! Every review as it was decided, for `--dev`.

use std::fmt::Write as _;
use std::net::SocketAddr;

use serde_json::{Value, json};
use signet_admission::{Seen, Witness};

use crate::output;
use crate::report::table::printable;

/// Prints reviews on standard output.
#[derive(Debug)]
pub(super) struct Printer {
    json: bool,
}

impl Printer {
    pub(super) fn new(json: bool) -> Printer {
        Printer { json }
    }

    /// The first line: where we are.
    pub(super) fn listening(&self, address: SocketAddr, bundle: Option<&[u8]>, policies: usize) {
        let url = format!("https://{address}");
        let bundle = bundle.map(|bundle| String::from_utf8_lossy(bundle).into_owned());
        print(&match self.json {
            true => format!("{}\n", json!({"listening": url, "policies": policies, "ca": bundle})),
            false => format!("listening on {url}, {policies} policies\n"),
        });
    }
}

/// Whoever reads may be gone; the service is not for them.
fn print(text: &str) {
    let _printed = output::to_stdout(text.as_bytes());
}

impl Witness for Printer {
    fn saw(&self, seen: &Seen<'_>) {
        print(&if self.json { format!("{}\n", line(seen)) } else { text(seen) });
    }
}

fn line(seen: &Seen<'_>) -> Value {
    let request = seen.request;
    let images: Vec<Value> = seen
        .images
        .found
        .iter()
        .map(|image| json!({"pointer": image.pointer, "text": image.text, "reference": image.reference}))
        .collect();
    let reasons: Vec<Value> = seen.said.iter().map(signet_policy::engine::Reason::to_json).collect();
    json!({
        "at": seen.at.to_string(),
        "pass": seen.pass.as_str(),
        "uid": request.uid,
        "operation": request.input.operation.as_str(),
        "subresource": request.input.subresource,
        "resource": request.label(),
        "user": request.input.user.as_ref().map(|user| user.username.clone()),
        "dryRun": request.dry_run,
        "decision": seen.outcome.as_str(),
        "message": seen.answer.denial.as_ref().map(|denial| denial.message.clone()),
        "warnings": seen.answer.warnings,
        "patch": seen.answer.patch,
        "images": images,
        "reasons": reasons,
        "missing": seen.missing,
        "microseconds": u64::try_from(seen.took.as_micros()).unwrap_or(u64::MAX),
    })
}

fn text(seen: &Seen<'_>) -> String {
    let request = seen.request;
    let mut out = String::new();
    let subresource = match request.input.subresource.as_str() {
        "" => String::new(),
        subresource => format!("/{subresource}"),
    };
    // Writing into a String does not fail.
    let _written = writeln!(
        out,
        "{} {:<9} {:<8} {} {}{}  {:.1} ms{}",
        seen.at.strftime("%H:%M:%S"),
        seen.outcome.as_str(),
        seen.pass.as_str(),
        request.input.operation.as_str(),
        printable(&request.label()),
        printable(&subresource),
        seen.took.as_secs_f64() * 1000.0,
        if request.dry_run { "  dry run" } else { "" },
    );
    for image in &seen.images.found {
        let shown = image.reference.clone().unwrap_or_else(|| format!("\"{}\", which is no image", image.text));
        let _written = writeln!(out, "  image   {}", printable(&shown));
    }
    for why in &seen.images.refused {
        let _written = writeln!(out, "  refused {}", printable(why));
    }
    for reason in seen.said {
        let _written = writeln!(
            out,
            "  {:<7} {} ({}): {}",
            reason.status.as_str(),
            printable(&reason.name()),
            reason.consequence.as_str(),
            printable(&reason.message),
        );
    }
    for (what, why) in seen.missing {
        let _written = writeln!(out, "  unknown {}: {}", printable(what), printable(why));
    }
    for operation in &seen.answer.patch {
        let _written = writeln!(out, "  patch   {}", printable(&operation.to_string()));
    }
    out
}
