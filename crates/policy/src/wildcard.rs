//! Wildcards as Kyverno has them: `*` is any text, `?` is exactly one character, and both match `/`.
//!
//! Source: IGLOU-EU/go-wildcard, version 1.0.3. There are no classes and no escapes.

/// Whether the whole text matches. Takes time of at most pattern times text, and no memory beyond them.
pub fn matches(pattern: &str, text: &str) -> bool {
    let (mut pattern, mut text) = (pattern.chars(), text.chars());
    // Where to go on when the letters after the last star do not fit: behind the star, and one letter further in the text.
    let mut retry: Option<(std::str::Chars<'_>, std::str::Chars<'_>)> = None;
    loop {
        let at_text = text.clone();
        match (pattern.next(), text.next()) {
            (Some('*'), _) => {
                retry = Some((pattern.clone(), at_text.clone()));
                text = at_text;
                continue;
            }
            (Some('?'), Some(_)) => continue,
            (Some(wanted), Some(found)) if wanted == found => continue,
            (None, None) => return true,
            _ => {}
        }
        let Some((behind, from)) = &mut retry else { return false };
        if from.next().is_none() {
            return false;
        }
        pattern = behind.clone();
        text = from.clone();
    }
}

/// Whether a text holds a wildcard.
pub fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?'])
}
