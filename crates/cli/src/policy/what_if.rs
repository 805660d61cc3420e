//! `signet policy apply --requests`: what policies would have done with requests that were recorded.
//!
//! ```text
//!   lines ─▶ AdmissionReview ─▶ the gate, as both calls of the webhook together ─▶ rows: policy, rule, namespace, user
//! ```
//!
//! One request is held at a time, so a recording may be larger than memory. A line that cannot be read is told, and the exit code says so.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use signet_admission::{Request, ReviewLimits};
use signet_policy::engine::{Builder, Consequence, Known, Set, Stages};
use signet_policy::kyverno::Status;

use super::apply::{enforce, know, namespaces};
use super::args::ApplyArgs;
use super::documents;
use crate::evidence::{Bench, Outside};
use crate::exit::Exit;
use crate::files::Below;
use crate::foreign::columns;
use crate::output;
use crate::report::table::printable;
use crate::settings::Settings;

/// Bytes of one line, and of a file that is one document.
const MAX_LINE: u64 = 16 << 20;
/// Rows of the table; what comes later is in the last one.
const MAX_ROWS: usize = 10_000;
/// Lines that are told by name; more are counted.
const MAX_TOLD: usize = 20;

/// What one rule did to the requests of one user in one namespace.
#[derive(Debug, Default)]
struct Row {
    refused: u64,
    /// Of the refused: those that passed when they were recorded.
    newly: u64,
    warned: u64,
    reported: u64,
    /// Of all: those that could not be decided.
    undecided: u64,
    example: Option<(String, String)>,
}

/// Policy, rule, namespace, user.
type Key = [String; 4];

#[derive(Debug, Default)]
struct Tally {
    requests: u64,
    refused: u64,
    newly: u64,
    /// Refused, and judged without the secrets that were taken out.
    without_secrets: u64,
    rows: BTreeMap<Key, Row>,
    unread: Vec<String>,
    unread_in_all: u64,
}

pub(super) fn command(args: &ApplyArgs, settings: &Settings) -> Result<Exit> {
    let set = documents::policies(&args.policies, Builder::default().with_unbound())?;
    let resources = documents::resources(&args.resources)?;
    let known = namespaces(&resources);
    let outside = Outside::new(&args.reach, args.trusted_root.clone(), settings)?;
    let bench = Bench::new(&outside, &args.database);
    let mut below = Below::default();
    for path in &args.requests {
        below.add(path, &|path| path.extension().is_some_and(|end| end == "json" || end == "jsonl"))?;
    }
    if let Some((path, why)) = below.unread.first() {
        bail!("cannot read `{}`: {why}", path.display());
    }
    let mut tally = Tally::default();
    for path in &below.files {
        each(path, &mut |place, review| {
            let judged = review.and_then(|(bytes, review)| {
                let request = Request::parse(&bytes, &ReviewLimits::default()).map_err(|err| err.message)?;
                let mut input = request.input.clone();
                know(&mut input, known.get(request.namespace()).copied());
                let surroundings = crate::kyverno::surroundings(settings);
                let mut known = Known { blocked: outside.blocked(), ..Known::default() };
                let judged = outside.judge(&bench, &set, &input, &mut known, &surroundings, Stages::All);
                let mut decision = judged.decision;
                if args.as_enforced {
                    enforce(&mut decision);
                }
                Ok((request, decision, review))
            });
            match judged {
                Ok((request, decision, review)) => count(&mut tally, &request, &decision, &review),
                Err(why) => {
                    tally.unread_in_all = tally.unread_in_all.saturating_add(1);
                    if tally.unread.len() < MAX_TOLD {
                        tally.unread.push(format!("{place}: {why}"));
                    }
                }
            }
        })?;
    }
    for line in &tally.unread {
        settings.warn(format!("not judged: {line}"));
    }
    if let Some(more) = tally.unread_in_all.checked_sub(MAX_TOLD as u64).filter(|more| *more > 0) {
        settings.warn(format!("and {more} more"));
    }
    let text = if args.output == "json" { json(&tally, &set) } else { text(&tally, args) };
    output::to_stdout(text.as_bytes())?;
    let was = if tally.newly > 0 { format!(", {} of them were admitted", tally.newly) } else { String::new() };
    settings.say(format!(
        "{} requests: {} would be refused{was}, by {} policies",
        tally.requests,
        tally.refused,
        set.len()
    ));
    if tally.without_secrets > 0 {
        settings.warn(format!(
            "{} of the refused are of objects whose secrets were not recorded: a rule about their values may say otherwise",
            tally.without_secrets
        ));
    }
    let mut exit = match tally.requests {
        0 if tally.unread_in_all == 0 => Exit::Nothing,
        _ if tally.refused > 0 => Exit::Denied,
        _ => Exit::Well,
    };
    if tally.unread_in_all > 0 {
        exit = exit.worse(Exit::Incomplete);
    }
    Ok(exit)
}

/// A review with its text, or why there is none.
type Review = Result<(Vec<u8>, Value), String>;

/// Each review of a file, with its place. A file is one document, or has one on each line.
fn each(path: &Path, take: &mut dyn FnMut(String, Review)) -> Result<()> {
    let name = path.display().to_string();
    let open = || File::open(path).with_context(|| format!("cannot read `{name}`"));
    let mut lines = BufReader::new(open()?);
    let mut number = 0_u64;
    loop {
        let mut line = Vec::new();
        let limit = MAX_LINE.saturating_add(1);
        let read = (&mut lines).take(limit).read_until(b'\n', &mut line);
        let read = read.with_context(|| format!("cannot read `{name}`"))?;
        if read == 0 {
            return Ok(());
        }
        number = number.saturating_add(1);
        let place = format!("{name}:{number}");
        if line.len() as u64 > MAX_LINE {
            take(place, Err(format!("the line is longer than {MAX_LINE} bytes")));
            // What follows of it is no review either.
            skip_line(&mut lines).with_context(|| format!("cannot read `{name}`"))?;
            continue;
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        match serde_json::from_slice::<Value>(&line) {
            Ok(review) => take(place, Ok((line, review))),
            // Written over several lines: then it is the whole file.
            Err(_) if number == 1 => match whole(&mut open()?)? {
                Some(reviews) => {
                    for (index, review) in reviews.into_iter().enumerate() {
                        take(
                            format!("{name}: document {}", index.saturating_add(1)),
                            Ok((review.to_string().into_bytes(), review)),
                        );
                    }
                    return Ok(());
                }
                None => take(place, Err("it is no JSON".to_owned())),
            },
            Err(err) => take(place, Err(format!("it is no JSON: column {}", err.column()))),
        }
    }
}

fn skip_line(lines: &mut BufReader<File>) -> std::io::Result<()> {
    loop {
        let (used, ended) = {
            let buffer = lines.fill_buf()?;
            match buffer.iter().position(|byte| *byte == b'\n') {
                Some(at) => (at.saturating_add(1), true),
                None => (buffer.len(), buffer.is_empty()),
            }
        };
        lines.consume(used);
        if ended {
            return Ok(());
        }
    }
}

/// The reviews of a file that is one document: a review, or a list of them. Nothing, if it is none.
fn whole(file: &mut File) -> Result<Option<Vec<Value>>> {
    let mut bytes = Vec::new();
    file.take(MAX_LINE.saturating_add(1)).read_to_end(&mut bytes).context("cannot read the requests")?;
    if bytes.len() as u64 > MAX_LINE {
        return Ok(None);
    }
    Ok(match serde_json::from_slice::<Value>(&bytes) {
        Ok(Value::Array(reviews)) => Some(reviews),
        Ok(review) => Some(vec![review]),
        Err(_) => None,
    })
}

fn count(tally: &mut Tally, request: &Request, decision: &signet_policy::engine::Decision, review: &Value) {
    let was_allowed = review.pointer("/signet/allowed").and_then(Value::as_bool) == Some(true);
    let removed =
        review.pointer("/signet/removed").and_then(Value::as_array).is_some_and(|removed| !removed.is_empty());
    let one = |count: &mut u64, yes: bool| *count = count.saturating_add(u64::from(yes));
    one(&mut tally.requests, true);
    one(&mut tally.refused, !decision.allowed);
    one(&mut tally.newly, !decision.allowed && was_allowed);
    one(&mut tally.without_secrets, !decision.allowed && removed);
    let user =
        request.input.user.as_ref().map(|user| user.username.as_str()).filter(|name| !name.is_empty()).unwrap_or("-");
    let namespace = match request.namespace() {
        "" => "-",
        namespace => namespace,
    };
    let mut counted = BTreeSet::new();
    for reason in decision.reasons.iter().filter(|reason| reason.consequence != Consequence::Nothing) {
        let rule = if reason.rule.is_empty() { reason.kind } else { reason.rule.as_str() };
        let mut key = [reason.policy.as_str(), rule, namespace, user].map(str::to_owned);
        // One request counts once in a row, whatever a rule says of how many of its images.
        if !counted.insert((key.clone(), reason.consequence)) {
            continue;
        }
        if tally.rows.len() >= MAX_ROWS && !tally.rows.contains_key(&key) {
            key = ["(all others)", "-", "-", "-"].map(str::to_owned);
        }
        let row = tally.rows.entry(key).or_default();
        match reason.consequence {
            Consequence::Denies => {
                one(&mut row.refused, true);
                one(&mut row.newly, was_allowed);
            }
            Consequence::Warns => one(&mut row.warned, true),
            Consequence::Reported => one(&mut row.reported, true),
            Consequence::Nothing => {}
        }
        one(&mut row.undecided, reason.status == Status::Error);
        row.example.get_or_insert_with(|| {
            let operation = request.input.operation.as_str();
            (format!("{operation} {}", request.label()), reason.message.clone())
        });
    }
}

fn text(tally: &Tally, args: &ApplyArgs) -> String {
    let shown = |row: &&Row| row.refused > 0 || args.detailed;
    let mut rows: Vec<(&Key, &Row)> = tally.rows.iter().filter(|(_, row)| shown(row)).collect();
    rows.sort_by_key(|(key, row)| (std::cmp::Reverse(row.refused), *key));
    if rows.is_empty() {
        return String::new();
    }
    let cells = |(key, row): &(&Key, &Row)| {
        let number = |count: u64| if count == 0 { String::new() } else { count.to_string() };
        let mut cells: Vec<String> = key.to_vec();
        cells.extend([row.refused, row.newly, row.warned, row.reported, row.undecided].map(number));
        let (what, why) = row.example.clone().unwrap_or_default();
        let why = why.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().trim().to_owned();
        cells.push(printable(&format!("{what}: {why}")).to_string().chars().take(160).collect());
        cells
    };
    let rows: Vec<Vec<String>> = rows.iter().map(cells).collect();
    // Columns without a number are left out with their titles.
    let mut titles = vec![
        "POLICY",
        "RULE",
        "NAMESPACE",
        "USER",
        "REFUSED",
        "ADMITTED THEN",
        "WARNED",
        "REPORTED",
        "UNDECIDED",
        "FIRST",
    ];
    for (column, title) in titles.iter_mut().enumerate() {
        if rows.iter().all(|row| row.get(column).is_none_or(String::is_empty)) {
            *title = "";
        }
    }
    columns::render(&titles, &rows)
}

fn json(tally: &Tally, set: &Set) -> String {
    let rows: Vec<Value> = tally
        .rows
        .iter()
        .map(|([policy, rule, namespace, user], row)| {
            let (request, message) = row.example.clone().unwrap_or_default();
            json!({
                "policy": policy, "rule": rule, "namespace": namespace, "user": user,
                "refused": row.refused, "admittedThen": row.newly, "warned": row.warned, "reported": row.reported,
                "undecided": row.undecided, "first": {"request": request, "message": message},
            })
        })
        .collect();
    let all = json!({
        "requests": tally.requests, "refused": tally.refused, "admittedThen": tally.newly, "withoutSecrets": tally.without_secrets,
        "notJudged": tally.unread_in_all, "rows": rows, "policies": set.digest().to_string(),
    });
    format!("{all:#}\n")
}
