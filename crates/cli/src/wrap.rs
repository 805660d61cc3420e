//! Text for people in lines that fit.

/// Lines are never made longer than this for a person: longer ones are hard to read.
pub(crate) const WIDEST: u16 = 100;

/// Breaks lines between words so that none is wider than `width` columns, as far as its words allow; what goes on is indented by `indent`. A word (a path, a
/// digest, an address) is never broken: it shall stay whole for whoever copies it.
pub(crate) fn wrapped(text: &str, width: u16, indent: &str) -> String {
    let width = usize::from(width);
    let mut out = String::with_capacity(text.len());
    for (at, line) in text.split('\n').enumerate() {
        if at > 0 {
            out.push('\n');
        }
        let mut column = 0usize;
        for (at, word) in line.split(' ').enumerate() {
            let length = word.chars().count();
            if at > 0 && column.saturating_add(1).saturating_add(length) > width && !word.is_empty() {
                out.truncate(out.trim_end_matches(' ').len());
                out.push('\n');
                out.push_str(indent);
                column = indent.chars().count();
            } else if at > 0 {
                out.push(' ');
                column = column.saturating_add(1);
            }
            out.push_str(word);
            column = column.saturating_add(length);
        }
    }
    out
}

/// The columns of the terminal that standard error is, at most [`WIDEST`]; `None` where it is none: what is kept in a file or searched stays in one line.
pub(crate) fn of_talk() -> Option<u16> {
    use std::io::IsTerminal as _;
    let stderr = std::io::stderr();
    if !stderr.is_terminal() {
        return None;
    }
    let width = terminal_size::terminal_size_of(stderr).map_or(WIDEST, |(width, _)| width.0);
    Some(width.clamp(40, WIDEST))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, width: u16, wanted: &str) {
        assert_eq!(wrapped(text, width, "  "), wanted, "{text}");
    }

    #[test]
    fn lines_break_between_words() {
        check("", 10, "");
        check("short", 10, "short");
        check("one two three", 7, "one two\n  three");
        check("one two three four", 8, "one two\n  three\n  four");
        check("a sha256:0123456789abcdef b", 10, "a\n  sha256:0123456789abcdef\n  b");
        check("one\n\nhint: two three", 9, "one\n\nhint: two\n  three");
        check("  indented stays", 30, "  indented stays");
    }

    proptest! {
        #[test]
        fn no_word_is_lost_and_no_line_too_wide(text in "[a-z ]{0,80}", width in 20u16..60) {
            let out = wrapped(&text, width, "  ");
            prop_assert_eq!(
                out.split_whitespace().collect::<Vec<_>>(),
                text.split_whitespace().collect::<Vec<_>>()
            );
            let longest = text.split(' ').map(str::len).max().unwrap_or(0) + 2;
            prop_assert!(out.lines().all(|line| line.trim_end().len() <= usize::from(width).max(longest)), "{}", out);
        }
    }
}
