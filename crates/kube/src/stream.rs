//! What a watch brings: lines of JSON, each an event.
//!
//! Source: <https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes>.

use serde_json::Value;

use crate::error::KubeError;

/// Something that happened to an object.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// It is new or another than before; this is how it is now.
    Put(Value),
    /// It is gone; this is how it was.
    Gone(Value),
    /// Nothing happened up to this version.
    Bookmark(String),
}

/// Pieces of bytes to lines. A line without end is no line, and one that is too long is an error.
#[derive(Debug)]
pub(crate) struct Lines {
    held: Vec<u8>,
    /// How much of `held` was looked through.
    seen: usize,
    most: usize,
}

impl Lines {
    pub(crate) fn new(most: usize) -> Self {
        Self { held: Vec::new(), seen: 0, most }
    }

    /// Takes what came. Errors: a line has more bytes than are read.
    pub(crate) fn push(&mut self, piece: &[u8]) -> Result<(), usize> {
        self.held.extend_from_slice(piece);
        // Whole lines are taken before more is pushed, so what is held is one line and a piece at most.
        let open = self.held.iter().rev().position(|byte| *byte == b'\n').unwrap_or(self.held.len());
        if open > self.most { Err(self.most) } else { Ok(()) }
    }

    /// The next whole line that is not empty.
    pub(crate) fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            let unseen = self.held.get(self.seen..)?;
            let Some(end) = unseen.iter().position(|byte| *byte == b'\n') else {
                self.seen = self.held.len();
                return None;
            };
            let rest = self.held.split_off(self.seen.saturating_add(end).saturating_add(1));
            let mut line = std::mem::replace(&mut self.held, rest);
            self.seen = 0;
            while line.last().is_some_and(u8::is_ascii_whitespace) {
                line.pop();
            }
            if !line.is_empty() {
                return Some(line);
            }
        }
    }
}

/// The version that an object has.
#[must_use]
pub fn version_of(object: &Value) -> &str {
    object.pointer("/metadata/resourceVersion").and_then(Value::as_str).unwrap_or_default()
}

/// What a line says. An error event is an error: 410 asks to list again.
pub(crate) fn event(line: &[u8], doing: &str) -> Result<Event, KubeError> {
    let mut line: Value = serde_json::from_slice(line).map_err(|_| KubeError::odd(doing, "an event is no JSON"))?;
    let object = line.get_mut("object").map(Value::take).unwrap_or(Value::Null);
    let kind = line.get("type").and_then(Value::as_str).unwrap_or_default();
    match kind {
        "ERROR" => {
            let code = object.get("code").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
            Err(KubeError::refused(doing, code.unwrap_or(500), object.to_string().as_bytes(), false, None))
        }
        _ if !object.is_object() || version_of(&object).is_empty() => {
            Err(KubeError::odd(doing, "an event has no object with a version"))
        }
        "ADDED" | "MODIFIED" => Ok(Event::Put(object)),
        "DELETED" => Ok(Event::Gone(object)),
        "BOOKMARK" => Ok(Event::Bookmark(version_of(&object).to_owned())),
        _ => Err(KubeError::odd(doing, "an event is of a type that nobody knows")),
    }
}

/// For fuzzing: pieces of a watch, cut by their first byte, to events.
pub fn check_watch(bytes: &[u8]) -> usize {
    let mut lines = Lines::new(1 << 16);
    let width = usize::from(bytes.first().copied().unwrap_or(1)).max(1);
    let mut events = 0_usize;
    for piece in bytes.chunks(width) {
        if lines.push(piece).is_err() {
            break;
        }
        while let Some(line) = lines.next() {
            events = events.saturating_add(usize::from(event(&line, "watch").is_ok()));
        }
    }
    events
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const WATCH: &str = "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"1\"}}}\n\r\n{\"type\":\"DELETED\",\"object\":{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"2\"}}}\n{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVersion\":\"3\"}}}\n";

    fn events(text: &str, width: usize) -> Vec<Event> {
        let mut lines = Lines::new(1000);
        let mut found = Vec::new();
        for piece in text.as_bytes().chunks(width) {
            lines.push(piece).unwrap();
            while let Some(line) = lines.next() {
                found.push(event(&line, "watch").unwrap());
            }
        }
        found
    }

    #[test]
    fn lines_become_events_however_they_are_cut() {
        for width in [1, 2, 7, 64, 4096] {
            let found = events(WATCH, width);
            assert_eq!(found.len(), 3, "{width}");
            assert_eq!(found[0], Event::Put(json!({"metadata": {"name": "a", "resourceVersion": "1"}})));
            assert!(matches!(found[1], Event::Gone(_)));
            assert_eq!(found[2], Event::Bookmark("3".to_owned()));
        }
    }

    #[test]
    fn an_error_event_is_an_error_with_its_code() {
        let gone = br#"{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"too old"}}"#;
        assert!(event(gone, "watch pods").unwrap_err().is_gone());
        for odd in [
            &b"{}"[..],
            b"[]",
            b"nonsense",
            br#"{"type":"ADDED","object":{"metadata":{}}}"#,
            br#"{"type":"X","object":{"metadata":{"resourceVersion":"1"}}}"#,
        ] {
            assert!(matches!(event(odd, "watch pods"), Err(KubeError::Odd { .. })));
        }
    }

    #[test]
    fn a_line_without_end_is_not_held_for_ever() {
        let mut lines = Lines::new(10);
        assert_eq!(lines.push(b"0123456789"), Ok(()));
        assert_eq!(lines.push(b"x"), Err(10));
        let mut lines = Lines::new(10);
        assert_eq!(lines.push(b"0123456789\n0123456789\n"), Ok(()));
        assert_eq!((lines.next().map(|line| line.len()), lines.next().map(|line| line.len())), (Some(10), Some(10)));
    }

    proptest! {
        #[test]
        fn damaged_events_break_nothing(at in 0..WATCH.len(), byte: u8, width in 1_usize..80) {
            let mut bytes = WATCH.as_bytes().to_vec();
            bytes[at] = byte;
            bytes.insert(0, u8::try_from(width).unwrap());
            let _events = check_watch(&bytes);
        }
    }
}
