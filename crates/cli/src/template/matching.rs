//! sprig's functions of regular expressions, in linear time. Source: sprig's documentation, "String Functions"; Go's `regexp/syntax`.

use regex::{NoExpand, Regex, RegexBuilder};

use super::functions::Args;
use super::value::{Val, owned, text};

/// The names.
pub(super) const NAMES: &[&str] = &[
    "regexMatch",
    "regexFind",
    "regexFindAll",
    "regexReplaceAll",
    "regexReplaceAllLiteral",
    "regexSplit",
    "regexQuoteMeta",
    "mustRegexMatch",
    "mustRegexFind",
    "mustRegexFindAll",
    "mustRegexReplaceAll",
    "mustRegexReplaceAllLiteral",
    "mustRegexSplit",
];

/// Largest compiled expression, in bytes.
const MOST_COMPILED: usize = 1 << 20;

/// Calls one of [`NAMES`].
pub(super) fn call<'v>(name: &str, args: &Args<'_, 'v>, most: usize) -> Option<Result<Val<'v>, String>> {
    let plain = match name.strip_prefix("must") {
        Some(rest) if NAMES.contains(&name) => format!("r{}", rest.get(1..)?),
        _ => name.to_owned(),
    };
    Some(match plain.as_str() {
        "regexMatch" => given(args).map(|(regex, value)| owned(regex.is_match(&value))),
        "regexFind" => given(args)
            .map(|(regex, value)| text(regex.find(&value).map(|found| found.as_str().to_owned()).unwrap_or_default())),
        "regexFindAll" => given(args).and_then(|(regex, value)| {
            let most = count(args)?;
            Ok(owned(regex.find_iter(&value).take(most).map(|found| found.as_str().to_owned()).collect::<Vec<_>>()))
        }),
        "regexReplaceAll" => given(args).and_then(|(regex, value)| {
            let with = args.text(2)?;
            bounded(regex.replace_all(&value, with.as_str()).into_owned(), most)
        }),
        "regexReplaceAllLiteral" => given(args).and_then(|(regex, value)| {
            let with = args.text(2)?;
            bounded(regex.replace_all(&value, NoExpand(&with)).into_owned(), most)
        }),
        "regexSplit" => given(args).and_then(|(regex, value)| {
            let most = count(args)?;
            Ok(owned(regex.splitn(&value, most).map(str::to_owned).collect::<Vec<_>>()))
        }),
        "regexQuoteMeta" => args.text(0).map(|value| text(regex::escape(&value))),
        _ => return None,
    })
}

fn given(args: &Args<'_, '_>) -> Result<(Regex, String), String> {
    let pattern = args.text(0)?;
    let regex = RegexBuilder::new(&pattern)
        .size_limit(MOST_COMPILED)
        .build()
        .map_err(|_| format!("`{pattern}` is no regular expression that is understood"))?;
    Ok((regex, args.text(1)?))
}

/// A negative number means all.
fn count(args: &Args<'_, '_>) -> Result<usize, String> {
    Ok(usize::try_from(args.int(2)?).unwrap_or(usize::MAX))
}

fn bounded<'v>(value: String, most: usize) -> Result<Val<'v>, String> {
    if value.len() > most {
        return Err(format!("the text is longer than {most} bytes"));
    }
    Ok(text(value))
}
