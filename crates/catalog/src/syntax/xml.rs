//! XML as a small tree with lines: project files have a few hundred elements.

use quick_xml::events::{BytesStart, Event};

/// Nesting beyond this is refused; project files nest about six levels.
const DEPTH: usize = 64;

/// Elements beyond this are refused.
const ELEMENTS: usize = 500_000;

/// One element.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Element {
    /// Name without a namespace prefix.
    pub(crate) name: String,
    /// Attributes by name without prefix, entities resolved.
    pub(crate) attributes: Vec<(String, String)>,
    /// Elements in it.
    pub(crate) children: Vec<Element>,
    /// Its own text, joined, without surrounding white space.
    pub(crate) text: String,
    /// First and last line, counted from 1.
    pub(crate) lines: (u32, u32),
}

impl Element {
    /// The attribute of this name in any case of letters, trimmed and not empty. MSBuild does not regard case.
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
    }

    /// The text of the child of this name, not empty.
    pub(crate) fn child_text(&self, name: &str) -> Option<&str> {
        let found = self.children.iter().find(|child| child.name.eq_ignore_ascii_case(name));
        found.map(|child| child.text.as_str()).filter(|text| !text.is_empty())
    }

    /// The attribute of this name, else the text of the child: MSBuild takes metadata in both forms.
    pub(crate) fn metadata(&self, name: &str) -> Option<&str> {
        self.attribute(name).or_else(|| self.child_text(name))
    }
}

/// Reads a document. Errors: what is not XML, has no element, or nests deeper than 64. No entity but the five of XML is resolved.
pub(crate) fn parse(text: &str) -> Result<Element, String> {
    let mut reader = quick_xml::Reader::from_str(text);
    let mut lines = Lines { text: text.as_bytes(), at: 0, line: 1 };
    let mut open: Vec<Element> = Vec::new();
    let mut root: Option<Element> = None;
    let mut count = 0usize;
    loop {
        let start = lines.of(reader.buffer_position());
        let event = reader.read_event();
        match event {
            Ok(Event::Start(tag)) => {
                count += 1;
                if open.len() >= DEPTH || count > ELEMENTS {
                    return Err(format!("line {start}: too many elements, or nested too deeply"));
                }
                open.push(element(&tag, start));
            }
            Ok(Event::Empty(tag)) => {
                count += 1;
                if count > ELEMENTS {
                    return Err(format!("line {start}: too many elements"));
                }
                let mut child = element(&tag, start);
                child.lines.1 = lines.of(reader.buffer_position());
                close(child, &mut open, &mut root);
            }
            Ok(Event::End(_)) => {
                if let Some(mut child) = open.pop() {
                    child.lines.1 = lines.of(reader.buffer_position());
                    child.text = child.text.trim().to_owned();
                    close(child, &mut open, &mut root);
                }
            }
            Ok(Event::Text(text)) => add_text(&mut open, &text),
            Ok(Event::CData(text)) => add_text(&mut open, &text),
            Ok(Event::GeneralRef(reference)) => {
                let escaped = format!("&{};", &*reference);
                let plain =
                    quick_xml::escape::unescape(&escaped).map(|text| text.into_owned()).unwrap_or(escaped.clone());
                add_text(&mut open, &plain);
            }
            Ok(Event::Eof) => break,
            Ok(_) => {}
            Err(error) => return Err(format!("line {}: no XML: {error}", lines.of(reader.error_position()))),
        }
    }
    match (root, open.pop()) {
        (_, Some(open)) => Err(format!("line {}: the element `{}` has no end", open.lines.0, open.name)),
        (Some(root), None) => Ok(root),
        (None, None) => Err("no XML: there is no element".to_owned()),
    }
}

fn add_text(open: &mut [Element], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

fn close(child: Element, open: &mut [Element], root: &mut Option<Element>) {
    match open.last_mut() {
        Some(parent) => parent.children.push(child),
        None => {
            root.get_or_insert(child);
        }
    }
}

fn element(tag: &BytesStart<'_>, line: u32) -> Element {
    let mut all = tag.attributes();
    let attributes = all.with_checks(false).filter_map(Result::ok).map(|attribute| {
        let value = quick_xml::escape::unescape(&attribute.value).map(|text| text.into_owned());
        let value = value.unwrap_or_else(|_| attribute.value.clone().into_owned());
        (attribute.key.local_name().as_ref().to_owned(), value)
    });
    Element {
        name: tag.local_name().as_ref().to_owned(),
        attributes: attributes.collect(),
        lines: (line, line),
        ..Element::default()
    }
}

/// Counts lines as the reader goes on.
struct Lines<'a> {
    text: &'a [u8],
    at: usize,
    line: u32,
}

impl Lines<'_> {
    /// The line at an offset that is not before the last one asked for; white space before an element belongs to no element.
    fn of(&mut self, offset: u64) -> u32 {
        let to = usize::try_from(offset).unwrap_or(usize::MAX).min(self.text.len());
        if let Some(between) = self.text.get(self.at..to) {
            let breaks = memchr::memchr_iter(b'\n', between).count();
            self.line = self.line.saturating_add(u32::try_from(breaks).unwrap_or(u32::MAX));
            self.at = to;
        }
        self.line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tree() {
        let root = parse(
            "<?xml version='1.0'?>\n<a:A xmlns:a='x' B='1 &amp; 2'>\n <C>t &lt;\n u</C><!-- c -->\n <D/>\n</a:A>\n",
        )
        .unwrap();
        assert_eq!((root.name.as_str(), root.attribute("b"), root.lines), ("A", Some("1 & 2"), (2, 6)));
        assert_eq!(root.metadata("c"), Some("t <\n u"));
        assert_eq!(root.children.iter().map(|child| child.lines).collect::<Vec<_>>(), [(3, 4), (5, 5)]);
    }

    #[test]
    fn no_tree() {
        for text in ["not\nxml\n", "", "<a>", "<a></b>", "<!-- only -->"] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse(&"<a>".repeat(1000)).is_err());
    }
}
