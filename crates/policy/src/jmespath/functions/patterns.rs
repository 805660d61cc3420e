//! Regular expressions and wildcards.

use regex::Regex;

use super::super::eval::Evaluator;
use super::super::item::Item;
use super::super::surroundings::SearchError;
use super::Arguments;
use crate::{go, wildcard};

type Found<'a> = Result<Item<'a>, SearchError>;

/// Calls an action with the regular expression of a call. That of the first search is kept, because patterns are nearly always literals.
fn with<'a, T>(
    by: &mut Evaluator<'a>,
    given: &Arguments<'_, 'a>,
    action: impl FnOnce(&Regex, &mut Evaluator<'a>) -> Result<T, SearchError>,
) -> Result<T, SearchError> {
    let pattern = given.text(0)?;
    if let Some((text, kept)) = given.pattern.get()
        && text == pattern
    {
        return action(kept, by);
    }
    // Compiling takes far longer than searching.
    by.budget.work(500 + pattern.len().saturating_mul(20))?;
    let compiled = go::regex::compile(pattern).map_err(|why| given.error(why))?;
    let (text, kept) = given.pattern.get_or_init(|| (pattern.to_owned(), compiled.clone()));
    if text == pattern { action(kept, by) } else { action(&compiled, by) }
}

pub(super) fn regex_match<'a>(by: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    let text = given.as_text(1)?;
    with(by, given, |regex, by| {
        by.budget.work(text.len())?;
        Ok(Item::Bool(regex.is_match(&text)))
    })
}

pub(super) fn replace_all<'a>(by: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    replaced(by, given, true)
}

pub(super) fn replace_all_literal<'a>(by: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    replaced(by, given, false)
}

fn replaced<'a>(by: &mut Evaluator<'a>, given: &Arguments<'_, 'a>, expand: bool) -> Found<'a> {
    let (text, replacement) = (given.as_text(1)?, given.as_text(2)?);
    with(by, given, |regex, by| {
        let mut out = String::new();
        let mut last = 0;
        for groups in regex.captures_iter(&text) {
            let Some(whole) = groups.get(0) else { continue };
            let before = out.len();
            out.push_str(text.get(last..whole.start()).unwrap_or_default());
            if expand {
                // What a template can grow to is paid for first: each `$` may stand for the whole match.
                let most = replacement.matches('$').count().saturating_mul(whole.len());
                by.budget.work(most / 64)?;
                groups.expand(&replacement, &mut out);
            } else {
                out.push_str(&replacement);
            }
            // The search for a match may look at all that is left.
            by.budget.work(1 + whole.end().saturating_sub(last))?;
            by.budget.text(out.len() - before)?;
            last = whole.end();
        }
        by.budget.work(text.len())?;
        out.push_str(text.get(last..).unwrap_or_default());
        by.made(out)
    })
}

pub(super) fn pattern_match<'a>(by: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    let (pattern, text) = (given.text(0)?, given.as_text(1)?);
    // At worst each star begins anew at each letter.
    by.budget.work(pattern.len().saturating_mul(text.len()) / 16)?;
    Ok(Item::Bool(wildcard::matches(pattern, &text)))
}
