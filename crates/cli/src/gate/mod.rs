//! `signet gate`: the whole decision on an image by our own policies, with what each rule looked at; and what a scan alone lets pass.
//!
//! ```text
//!   IMAGE, policies ─▶ evidence::Bench (registry, trust, scan) ─▶ trust_policy::judge ─▶ text, JSON, a sealed verification summary; 0 or 10
//!   a scan's findings ─▶ findings: filters, threshold, `--policy`
//! ```

pub(crate) mod args;
mod findings;
pub(crate) mod summary;

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result, anyhow};
use signet_model::Verdict;
use signet_policy::trust_policy::{Asked, Circumstances, Decision, Reason, Role, Ruling, TrustPolicy};

use self::args::GateArgs;
pub(crate) use self::findings::{Filters, Threshold, judge, judged, policy};
use crate::evidence::{Bench, Outside};
use crate::exit::Exit;
use crate::output;
use crate::report::table::printable;
use crate::settings::Settings;

/// Runs the command.
pub(crate) fn command(args: &GateArgs, settings: &Settings) -> Result<Exit> {
    let image = crate::image_name::image(&args.image)?;
    let mut policies = Vec::new();
    for name in &args.policies {
        policies.push(beside(policy(name)?, Path::new(name)));
    }
    if args.attest {
        // What is sealed was verified now: a summary that rests on a summary would never end.
        policies.iter_mut().for_each(|policy| policy.summaries = None);
    }
    let outside = Outside::new(&args.reach, args.seal.trusted_root.clone(), settings)?;
    let bench = Bench::new(&outside, &args.database);
    let asked = Asked { image: image.clone(), role: Role::Container, workload: None };
    let blocked = outside.blocked();
    let circumstances = Circumstances { now: settings.now, blocked: &blocked, overrides: &[] };
    let references: Vec<&TrustPolicy> = policies.iter().collect();
    let decision = bench.judge(&references, &asked, &circumstances);
    let text = if args.output == "json" { format!("{:#}\n", decision.to_json()) } else { text(&decision, args) };
    output::to_stdout(text.as_bytes())?;
    if args.attest {
        let digest = decision
            .digest
            .ok_or_else(|| anyhow!("the decision is not sealed: `{}` has no digest that is known", image.familiar()))?;
        let predicate = summary::predicate(&decision, &references, &image.at(digest), settings.now);
        let bytes = serde_json::to_vec(&predicate).context("the decision cannot be written")?;
        let voice = crate::sign::Voice::Signet;
        crate::sign::image::attest_result(
            &image.at(digest),
            summary::KIND,
            &bytes,
            &args.seal,
            &args.reach,
            voice,
            settings,
        )?;
    }
    Ok(if decision.admits() { Exit::Well } else { Exit::Denied })
}

/// Keys that a policy names by a file lie beside the policy.
fn beside(mut policy: TrustPolicy, file: &Path) -> TrustPolicy {
    policy.with_keys_in(&file.parent().unwrap_or(Path::new("")).to_string_lossy());
    policy
}

fn text(decision: &Decision, args: &GateArgs) -> String {
    let mut out = String::new();
    let word = match decision.outcome {
        Verdict::Allow => "admitted",
        Verdict::Warn => "admitted, with warnings",
        Verdict::Deny => "refused",
    };
    let digest = decision.digest.map(|digest| format!(" ({digest})")).unwrap_or_default();
    let _ = writeln!(out, "{word}: {}{digest}", printable(&args.image));
    for reason in &decision.reasons {
        line(&mut out, reason, "");
    }
    for ruling in &decision.rulings {
        by(&mut out, ruling);
    }
    if let Some(pin) = &decision.pin {
        let _ = writeln!(out, "to be run as {}", printable(pin));
    }
    out
}

fn by(out: &mut String, ruling: &Ruling) {
    let _ = writeln!(out, "  policy {} ({}): {}", printable(&ruling.policy), ruling.mode.name(), ruling.outcome.name());
    for reason in &ruling.reasons {
        line(out, reason, "  ");
    }
    for scanned in &ruling.vulnerabilities {
        for rule in &scanned.judgement.rules {
            for hit in rule.hits.iter().filter(|hit| hit.verdict > Verdict::Allow) {
                let _ = writeln!(
                    out,
                    "      {:<5} {}: {}",
                    hit.verdict.name(),
                    printable(&hit.subject),
                    printable(&hit.why)
                );
            }
        }
    }
    for found in &ruling.overrides {
        let state = found.refused.as_ref().map_or_else(|| "counts".to_owned(), |why| format!("does not count: {why}"));
        let _ = writeln!(out, "    break-glass {} {}", printable(&found.name), printable(&state));
    }
    for found in &ruling.not_judged {
        let _ = writeln!(out, "    not judged: {} ({})", found.section, printable(&found.why));
    }
}

fn line(out: &mut String, reason: &Reason, indent: &str) {
    let subject = reason.subject.as_ref().map(|subject| format!(" [{subject}]")).unwrap_or_default();
    let place = reason.place.map(|place| format!(" (line {})", place.line)).unwrap_or_default();
    let _ = writeln!(
        out,
        "{indent}  {:<5} {}{}: {}{place}",
        reason.verdict.name(),
        reason.rule,
        printable(&subject),
        printable(&reason.found)
    );
    for missing in &reason.missing {
        let _ = writeln!(out, "{indent}        not known: {}", printable(missing));
    }
    if let (Some(remedy), true) = (&reason.remedy, reason.verdict > Verdict::Allow) {
        let _ = writeln!(out, "{indent}        {}", printable(remedy));
    }
    if let Some(name) = &reason.overridden {
        let _ = writeln!(out, "{indent}        overridden by break-glass {}", printable(name));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use signet_policy::trust_policy::{Authority, KeySource};

    use super::*;

    #[test]
    fn keys_lie_beside_their_policy() {
        let text = "apiVersion: signet.dev/v1\nkind: TrustPolicy\nmetadata: {name: p}\nspec:\n  images: ['r.example.com/**']\n  signatures: {authorities: [{key: {file: cosign.pub}}, {key: {file: /etc/k.pub}}]}\n";
        let policy = beside(TrustPolicy::parse(text).unwrap(), Path::new("policies/production.yaml"));
        let files: Vec<String> = policy
            .signatures
            .unwrap()
            .authorities
            .into_iter()
            .filter_map(|authority| match authority {
                Authority::Key(KeySource::File(name)) => Some(name),
                _ => None,
            })
            .collect();
        assert_eq!(json!(files), json!(["policies/cosign.pub", "/etc/k.pub"]));
    }
}
