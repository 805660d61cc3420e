//! Wildcards as Kyverno has them: `*` is any text, `?` is exactly one character, and both match `/`.
//!
//! Source: IGLOU-EU/go-wildcard, version 1.0.3. There are no classes and no escapes.

/// Whether the whole text matches.
///
/// What stands between stars is searched from the left, each part behind the one before, so that the time is about pattern plus text; only a
/// part with `?` takes its own length times the text. [`cost`] says how much, for patterns that do not come from a policy.
pub fn matches(pattern: &str, text: &str) -> bool {
    // Most patterns are names.
    if !is_pattern(pattern) {
        return pattern == text;
    }
    let Some((first, rest)) = pattern.split_once('*') else {
        return behind(pattern, text) == Some("");
    };
    if rest.is_empty() && !first.contains('?') {
        return text.starts_with(first);
    }
    let Some(mut text) = behind(first, text) else { return false };
    let (middle, last) = rest.rsplit_once('*').map_or((None, rest), |(middle, last)| (Some(middle), last));
    for part in middle.into_iter().flat_map(|middle| middle.split('*')) {
        match find(part, text) {
            Some(behind) => text = behind,
            None => return false,
        }
    }
    ends(last, text)
}

/// Whether a text holds a wildcard.
pub fn is_pattern(text: &str) -> bool {
    text.bytes().any(|letter| letter == b'*' || letter == b'?')
}

/// About how many steps [`matches`] takes, in units of 64 letters. For comparisons whose both sides come from a request.
pub(crate) fn cost(pattern: &str, text: &str) -> usize {
    let searched = pattern.split('*').filter(|part| part.contains('?')).map(str::len).max().unwrap_or(0);
    1 + (pattern.len().saturating_add(text.len()).saturating_add(searched.saturating_mul(text.len()))) / 64
}

/// What stands behind a part without stars, if the text begins with it.
fn behind<'t>(part: &str, text: &'t str) -> Option<&'t str> {
    if !part.contains('?') {
        return text.strip_prefix(part);
    }
    let mut letters = text.chars();
    for wanted in part.chars() {
        let found = letters.next()?;
        if wanted != '?' && wanted != found {
            return None;
        }
    }
    Some(letters.as_str())
}

/// What stands behind the first place of a part.
fn find<'t>(part: &str, text: &'t str) -> Option<&'t str> {
    if !part.contains('?') {
        return text.split_once(part).map(|(_, behind)| behind);
    }
    let starts = text.char_indices().map(|(at, _)| at);
    starts.filter_map(|at| text.get(at..)).find_map(|from| behind(part, from))
}

/// Whether the text ends with a part.
fn ends(part: &str, text: &str) -> bool {
    let mut letters = text.chars().rev();
    part.chars().rev().all(|wanted| letters.next().is_some_and(|found| wanted == '?' || wanted == found))
}
