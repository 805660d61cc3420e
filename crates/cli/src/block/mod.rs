//! `signet block`: the emergency stop. A row in the store that gates share, read before anything that is remembered.
//!
//! ```text
//!   DIGEST | KEY | IDENTITY ─▶ row (who, when, why) ─▶ the manifests of an index, where they can be found out
//!   gates: list (at most 10 s old) ─▶ Blocked ─▶ engine, TrustPolicy, every signature that is verified
//! ```
//!
//! The row is written first and completed afterwards: a registry that does not answer delays no stop.

pub(crate) mod args;
mod hold;
mod list;
mod served;
mod target;

use anyhow::{Context as _, Result, anyhow};
use jiff::civil::Date;
use signet_model::Timestamp;
use signet_store::{Block, BlockTarget, Blocks as _, SqliteBlocks};

use self::args::{BlockArgs, Command, TargetArgs};
pub(crate) use self::hold::{hold, image, signer};
pub(crate) use self::list::{Watch, now};
use self::target::Named;
use crate::exit::Exit;
use crate::output;
use crate::report::table::printable;
use crate::settings::Settings;
use crate::verify::args::ReachArgs;

/// Bytes of a reason and of a name.
const LONGEST: usize = 1000;

/// Runs the command.
pub(crate) fn command(args: &BlockArgs, settings: &Settings) -> Result<Exit> {
    match (&args.command, &args.target) {
        (Some(Command::List(list)), _) => show(list.output == "json", settings),
        (Some(Command::Remove(remove)), _) => take_back(&remove.target, &remove.reach, settings),
        (None, Some(target)) => block(target, args, settings),
        (None, None) => Err(crate::usage(anyhow!("name what is to be blocked: a digest, a key or an identity"))),
    }
}

fn block(target: &TargetArgs, args: &BlockArgs, settings: &Settings) -> Result<Exit> {
    let named = Named::parse(&target.target, target.issuer.as_deref())?;
    let now = crate::settings::now();
    let until = args.until.as_deref().map(end).transpose()?;
    if let Some(until) = until.filter(|until| *until <= now) {
        return Err(crate::usage(anyhow!("`--until`: {until} is over, so nothing would be blocked")));
    }
    let by = args.by.clone().unwrap_or_else(user);
    let reason = args.reason.clone().unwrap_or_default();
    for (flag, text) in [("--reason", &reason), ("--by", &by)] {
        if text.len() > LONGEST || text.chars().any(char::is_control) {
            return Err(crate::usage(anyhow!("`{flag}` is one line of at most {LONGEST} bytes")));
        }
    }
    let path = list::path(settings)?;
    let store = SqliteBlocks::make(&path)?;
    let mut block =
        Block { target: named.target(&args.reach, settings)?, reason, by, at: now, until, children: Vec::new() };
    store.block(&block)?;
    settings.say(format!(
        "blocked {}: every gate that shares `{}` refuses it within 10 s",
        printable(&shown(&block.target)),
        path.display()
    ));
    match &named {
        Named::Digest { place: None, digest } => settings.warn(format!(
            "{digest} was named without a repository: if it is an index, its manifests are refused only where they are asked for by the index; \
             name it as REPOSITORY@{digest} to block them too"
        )),
        Named::Digest { place: Some(place), digest } => {
            match served::of(place, digest, &args.reach, settings) {
                Ok(children) if children.is_empty() => {}
                Ok(children) => {
                    let count = children.len();
                    block.children = children;
                    store.block(&block)?;
                    settings.say(format!("it is an index: {count} manifests of it are blocked too"));
                }
                Err(err) => settings.warn(format!(
                    "what {digest} holds could not be found out, so if it is an index, its manifests are not blocked where they are named alone: {err:#}"
                )),
            }
        }
        Named::Key(_) | Named::KeyAt(_) | Named::Identity { .. } => {}
    }
    Ok(Exit::Well)
}

fn take_back(target: &TargetArgs, reach: &ReachArgs, settings: &Settings) -> Result<Exit> {
    let target = Named::parse(&target.target, target.issuer.as_deref())?.target(reach, settings)?;
    let path = list::path(settings)?;
    // Only what is there: a list that is missing is not made by taking something off it.
    SqliteBlocks::open(&path)?;
    if SqliteBlocks::make(&path)?.unblock(&target)? {
        settings.say(format!("{} is blocked no more", printable(&shown(&target))));
        return Ok(Exit::Well);
    }
    settings.say(format!("{} was not blocked: `signet block list` shows what is", printable(&shown(&target))));
    Ok(Exit::Nothing)
}

fn show(json: bool, settings: &Settings) -> Result<Exit> {
    let now = crate::settings::now();
    let blocks = list::all(settings)?;
    let text = if json {
        let rows: Vec<serde_json::Value> = blocks.iter().map(|block| list::to_json(block, now)).collect();
        format!("{:#}\n", serde_json::json!({"version": 1, "blocks": rows}))
    } else {
        blocks.iter().map(|block| line(block, now)).collect()
    };
    output::to_stdout(text.as_bytes())?;
    if blocks.is_empty() {
        settings.say("nothing is blocked");
    }
    Ok(Exit::Well)
}

fn line(block: &Block, now: Timestamp) -> String {
    let until = match block.until {
        Some(until) if until <= now => format!(", over since {until}"),
        Some(until) => format!(", until {until}"),
        None => String::new(),
    };
    let children = match block.children.len() {
        0 => String::new(),
        count => format!(", with {count} manifests"),
    };
    let reason = if block.reason.is_empty() { String::new() } else { format!(": {}", block.reason) };
    let text = format!("{}{children} by {} since {}{until}{reason}", shown(&block.target), block.by, block.at);
    format!("{}\n", printable(&text))
}

/// A target as it can be typed again.
fn shown(target: &BlockTarget) -> String {
    match target {
        BlockTarget::Digest(digest) => digest.to_string(),
        BlockTarget::Key(key) => format!("key:{}", key.hex()),
        BlockTarget::Identity { issuer, subject } if issuer == "*" => format!("identity:{subject}"),
        BlockTarget::Identity { issuer, subject } => format!("identity:{subject} --issuer {issuer}"),
    }
}

/// The end of a day, or a point in time.
fn end(text: &str) -> Result<Timestamp> {
    let wrong = || {
        crate::usage(anyhow!(
            "`--until {text}` is no day and no point in time: write `2026-12-31` or `2026-12-31T12:00:00Z`"
        ))
    };
    if let (10, Ok(day)) = (text.len(), text.parse::<Date>()) {
        let next = day.tomorrow().map_err(|_| wrong())?;
        return jiff::tz::Offset::UTC.to_timestamp(next.at(0, 0, 0, 0)).map_err(|_| wrong());
    }
    let found = text.parse::<Timestamp>().map_err(|_| wrong())?;
    Timestamp::from_second(found.as_second()).context("`--until`")
}

/// Whoever uses this machine.
fn user() -> String {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    variable("USER").or_else(|| variable("LOGNAME")).unwrap_or_else(|| "an unnamed user".to_owned())
}
