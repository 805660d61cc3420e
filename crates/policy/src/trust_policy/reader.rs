//! Reads typed values out of a YAML tree, and collects what is wrong with its place.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use signet_yaml::{Node, Span};

use crate::expr::{Diagnostic, Environment, Program};
use crate::suggest::nearest;

/// One thing that is wrong with a policy document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyError {
    /// Counted from 1.
    pub line: u32,
    /// Counted from 1, in characters.
    pub column: u32,
    /// One sentence without a full stop.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.message)?;
        match &self.hint {
            Some(hint) => write!(f, " (hint: {hint})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for PolicyError {}

pub(super) struct Reader<'t> {
    pub(super) text: &'t str,
    pub(super) problems: Vec<PolicyError>,
}

impl Reader<'_> {
    pub(super) fn problem(&mut self, at: Span, message: impl Into<String>, hint: Option<String>) {
        self.problems.push(PolicyError { line: at.line, column: at.column, message: message.into(), hint });
    }

    /// The section as it stands, after its keys were compared with the known ones. `None`, with a report, if it is no mapping.
    pub(super) fn section<'n>(&mut self, node: &'n Node, name: &str, known: &[&str]) -> Option<&'n Node> {
        let Some(entries) = node.as_map() else {
            self.wrong(node, name, "a mapping");
            return None;
        };
        for (key, _) in entries {
            let Some(written) = key.text() else {
                self.problem(key.span, format!("`{name}` has a key that is no text"), None);
                continue;
            };
            if !known.contains(&written) {
                let hint = match nearest(written, known.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("there are: {}", known.join(", ")),
                };
                self.problem(key.span, format!("`{name}` has no field `{written}`"), Some(hint));
            }
        }
        Some(node)
    }

    fn wrong(&mut self, node: &Node, name: &str, wanted: &str) {
        let message = if node.is_null() {
            format!("`{name}` stands empty where {wanted} is expected")
        } else {
            format!("`{name}` is {wanted}, not {}", node.value.kind())
        };
        let hint = node.is_null().then(|| "leave the field out to ask for nothing".to_owned());
        self.problem(node.span, message, hint);
    }

    pub(super) fn string(&mut self, section: &Node, key: &str) -> Option<String> {
        let node = section.get(key)?;
        let text = node.as_str().filter(|text| !text.trim().is_empty());
        if text.is_none() {
            self.wrong(node, key, "a text");
        }
        text.map(str::to_owned)
    }

    /// A string that must be there.
    pub(super) fn required(&mut self, section: &Node, of: &str, key: &str) -> Option<String> {
        if section.get(key).is_none() {
            self.problem(section.span, format!("`{of}` needs `{key}`"), None);
        }
        self.string(section, key)
    }

    pub(super) fn strings(&mut self, section: &Node, key: &str) -> Vec<String> {
        self.items(section, key).into_iter().map(|(text, _)| text).collect()
    }

    /// The texts of a list, with their places.
    pub(super) fn items(&mut self, section: &Node, key: &str) -> Vec<(String, Span)> {
        let Some(node) = section.get(key) else { return Vec::new() };
        let Some(items) = node.as_seq() else {
            self.wrong(node, key, "a list of texts");
            return Vec::new();
        };
        let mut found = Vec::with_capacity(items.len());
        for item in items {
            match item.as_str().filter(|text| !text.trim().is_empty()) {
                Some(text) => found.push((text.to_owned(), item.span)),
                None => self.wrong(item, key, "a list of texts"),
            }
        }
        found
    }

    pub(super) fn bool(&mut self, section: &Node, key: &str) -> Option<bool> {
        let node = section.get(key)?;
        let value = node.as_bool();
        if value.is_none() {
            self.wrong(node, key, "true or false");
        }
        value
    }

    pub(super) fn number(&mut self, section: &Node, key: &str, most: u32) -> Option<u32> {
        let node = section.get(key)?;
        let value = node.as_i64().and_then(|value| u32::try_from(value).ok()).filter(|value| *value <= most);
        if value.is_none() {
            self.wrong(node, key, &format!("a number from 0 to {most}"));
        }
        value
    }

    pub(super) fn choice<T: Copy>(&mut self, section: &Node, key: &str, of: &[(&str, T)]) -> Option<T> {
        let node = section.get(key)?;
        let found = of.iter().find(|(name, _)| node.text() == Some(*name)).map(|(_, value)| *value);
        if found.is_none() {
            let names: Vec<&str> = of.iter().map(|(name, _)| *name).collect();
            let hint = node
                .text()
                .and_then(|text| nearest(text, names.iter().copied()))
                .map(|near| format!("did you mean `{near}`?"));
            self.problem(node.span, format!("`{key}` is one of {}", names.join(", ")), hint);
        }
        found
    }

    /// A positive duration.
    pub(super) fn duration(&mut self, section: &Node, key: &str) -> Option<SignedDuration> {
        let node = section.get(key)?;
        let value = node.as_str().and_then(crate::parse_duration).filter(|value| value.is_positive());
        if value.is_none() {
            let hint = "write for example `24h` or `7d`".to_owned();
            self.problem(node.span, format!("`{key}` is a length of time above zero"), Some(hint));
        }
        value
    }

    /// An instant: RFC 3339, or a day. A day ends with its last moment (UTC) where `end_of_day`, else it is its first.
    pub(super) fn instant(&mut self, section: &Node, key: &str, end_of_day: bool) -> Option<Timestamp> {
        let node = section.get(key)?;
        let value = node.as_str().and_then(|text| {
            if let Ok(date) = text
                .parse::<jiff::civil::Date>()
                .map_err(|_| ())
                .and_then(|date| if text.len() == 10 { Ok(date) } else { Err(()) })
            {
                let day = if end_of_day { date.tomorrow().ok()? } else { date };
                return jiff::tz::Offset::UTC.to_timestamp(day.at(0, 0, 0, 0)).ok();
            }
            text.parse::<Timestamp>().ok()
        });
        if value.is_none() {
            let hint = "write for example `2026-12-31` or `2026-12-31T12:00:00Z`".to_owned();
            self.problem(node.span, format!("`{key}` is a day or a point in time"), Some(hint));
        }
        value
    }

    /// The text of an expression, also where YAML reads it as something else (`warn: true`).
    ///
    /// Without quotes, a leading `!` begins a YAML tag and `&` an anchor: `deny: !fixed && kev` would silently become `deny: kev`.
    fn expression<'n>(&mut self, section: &'n Node, key: &str) -> Option<(&'n Node, &'n str)> {
        let node = section.get(key)?;
        if let Some(tag) = &node.tag {
            let hint = "put the whole expression in single quotes".to_owned();
            self.problem(
                node.span,
                format!("in `{key}`: YAML takes `{tag}` for a tag, not for a part of the expression"),
                Some(hint),
            );
            return None;
        }
        match node.text() {
            Some(text) => Some((node, text)),
            None => {
                self.wrong(node, key, "an expression");
                None
            }
        }
    }

    /// A compiled expression; its errors are placed in the document.
    pub(super) fn program(&mut self, section: &Node, key: &str, environment: &Environment) -> Option<Program> {
        let (node, source) = self.expression(section, key)?;
        match Program::compile(source, environment) {
            Ok(program) => Some(program),
            Err(diagnostics) => {
                diagnostics.iter().for_each(|diagnostic| self.expression_problem(node, key, source, diagnostic));
                None
            }
        }
    }

    fn expression_problem(&mut self, node: &Node, key: &str, source: &str, diagnostic: &Diagnostic) {
        let mut at = node.span;
        // Where the text stands in the document as it is (one line, no escapes), the place inside the expression can be told.
        let written = node.span.slice(self.text).unwrap_or_default();
        let inner = ['\'', '"'].into_iter().find_map(|quote| written.strip_prefix(quote)?.strip_suffix(quote));
        let quote = u32::from(inner.is_some());
        if inner.unwrap_or(written) == source && !source.contains('\n') {
            let before = source.get(..diagnostic.span.start).map_or(0, |before| before.chars().count());
            at.column = at.column.saturating_add(quote).saturating_add(u32::try_from(before).unwrap_or(0));
        }
        self.problem(at, format!("in `{key}`: {}", diagnostic.message), diagnostic.hint.clone());
    }
}
