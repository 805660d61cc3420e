//! What is wrong with an expression, where, and what to write instead.

use std::fmt::Write as _;

/// Bytes of the source, the end exclusive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// Byte behind the last.
    pub end: usize,
}

impl Span {
    pub(crate) fn new(start: usize, end: usize) -> Span {
        Span { start, end }
    }

    /// From the start of this to the end of the other.
    pub(crate) fn to(self, other: Span) -> Span {
        Span { start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

/// One error of compilation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// What is wrong: one sentence without a full stop.
    pub message: String,
    /// Where in the source.
    pub span: Span,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Diagnostic {
    pub(crate) fn new(message: impl Into<String>, span: Span) -> Diagnostic {
        Diagnostic { message: message.into(), span, hint: None }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Diagnostic {
        self.hint = Some(hint.into());
        self
    }

    /// The message over the source line with the place underlined, as rustc prints it. Ends with a line break.
    pub fn render(&self, source: &str) -> String {
        let start = floor(source, self.span.start);
        let before = source.get(..start).unwrap_or_default();
        let line_number = 1 + before.matches('\n').count();
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = source.get(line_start..).unwrap_or_default().lines().next().unwrap_or_default();
        let column = source.get(line_start..start).unwrap_or_default().chars().count();
        let end = floor(source, self.span.end).min(line_start + line.len()).max(start);
        let width = source.get(start..end).unwrap_or_default().chars().count().max(1);
        let number = line_number.to_string();
        let margin = " ".repeat(number.len());
        let mut text = String::new();
        // Writing into a String cannot fail.
        let _ = writeln!(text, "error: {}", self.message);
        let _ = writeln!(text, "{margin} |");
        let _ = writeln!(text, "{number} | {line}");
        let _ = writeln!(text, "{margin} | {}{}", " ".repeat(column), "^".repeat(width));
        if let Some(hint) = &self.hint {
            let _ = writeln!(text, "{margin} |\n{margin} = hint: {hint}");
        }
        text
    }
}

/// All of them, one after the other.
pub fn render_all(diagnostics: &[Diagnostic], source: &str) -> String {
    diagnostics.iter().map(|diagnostic| diagnostic.render(source)).collect::<Vec<_>>().join("\n")
}

/// The nearest character boundary at or before.
fn floor(source: &str, at: usize) -> usize {
    let mut at = at.min(source.len());
    while !source.is_char_boundary(at) {
        at -= 1;
    }
    at
}
