//! Intervals in brackets, `[1.0,2.0),(3.0,]`: Maven and NuGet.
//!
//! Source: Maven POM reference, "Dependency Version Requirement Specification"; NuGet, "Package versioning".

use crate::clause::Op;
use crate::error::Why;

/// Alternatives, each a lower and an upper bound as far as they exist.
pub(crate) fn parse(text: &str) -> Result<Vec<Vec<(Op, String)>>, Why> {
    let mut found = Vec::new();
    let mut rest = text.trim();
    loop {
        let low = match rest.chars().next() {
            Some('[') => Op::GreaterOrEqual,
            Some('(') => Op::Greater,
            _ => return Err("an interval must begin with a bracket"),
        };
        let end = rest.find([']', ')']).ok_or("an interval is not closed")?;
        let high = if rest.as_bytes()[end] == b']' { Op::LessOrEqual } else { Op::Less };
        let inner = &rest[1..end];
        found.push(match inner.split_once(',') {
            // Brackets of either kind around a single version name that version.
            None if inner.trim().is_empty() => return Err("an interval is empty"),
            None => vec![(Op::Equal, inner.trim().to_owned())],
            Some((from, to)) if to.contains([',', '[', '(']) || from.contains(['[', '(']) => {
                return Err("an interval has more than two bounds");
            }
            Some((from, to)) => [(low, from), (high, to)]
                .into_iter()
                .map(|(op, bound)| (op, bound.trim().to_owned()))
                .filter(|(_, bound)| !bound.is_empty())
                .collect(),
        });
        rest = rest[end + 1..].trim_start();
        if rest.is_empty() {
            return Ok(found);
        }
        rest = rest.strip_prefix(',').ok_or("intervals must be separated by a comma")?.trim_start();
    }
}
