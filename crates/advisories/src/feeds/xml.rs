//! XML as small trees, one element at a time: feeds of a hundred megabytes are long lists of small elements.
//!
//! Names lose their prefix, entities beyond the five of XML and numbers are refused by nobody and stay as they are written; no DTD is read, and
//! nothing is fetched. Depth and number of children are bounded by the input's size and [`DEPTH`].

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// Elements in one another.
const DEPTH: usize = 64;

/// An element with all that is in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Element {
    pub(crate) name: String,
    attributes: Vec<(String, String)>,
    pub(crate) children: Vec<Element>,
    /// The text directly in it.
    pub(crate) text: String,
}

impl Element {
    /// The value of an attribute; empty when it is absent.
    pub(crate) fn attribute(&self, name: &str) -> &str {
        self.attributes.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str())
    }

    /// The first child of this name.
    pub(crate) fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    /// All children of this name.
    pub(crate) fn all<'e>(&'e self, name: &'e str) -> impl Iterator<Item = &'e Element> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The trimmed text at the end of a path of names; empty when there is none.
    pub(crate) fn text_at(&self, path: &[&str]) -> &str {
        let mut at = self;
        for name in path {
            match at.child(name) {
                Some(child) => at = child,
                None => return "",
            }
        }
        at.text.trim()
    }
}

/// Calls `each` with every element `depth` levels below the root (2: children of the root's children), and its parent's name.
///
/// Errors: a text about where the document is broken. A document without a root, or that ends inside an element, is broken.
pub(crate) fn each<E: From<String>>(
    bytes: &[u8],
    depth: usize,
    each: &mut dyn FnMut(&str, Element) -> Result<(), E>,
) -> Result<(), E> {
    let mut reader = Reader::from_reader(bytes);
    reader.config_mut().check_end_names = true;
    let mut open: Vec<Element> = Vec::new();
    let mut buffer = Vec::new();
    let mut seen = false;
    loop {
        buffer.clear();
        let at = reader.buffer_position();
        let broken = |why: String| E::from(format!("byte {at}: {why}"));
        match reader.read_event_into(&mut buffer).map_err(|err| broken(err.to_string()))? {
            Event::Start(start) => {
                seen = true;
                if open.len() >= DEPTH {
                    return Err(broken(format!("more than {DEPTH} elements in one another")));
                }
                open.push(element(&start));
            }
            Event::Empty(start) => {
                seen = true;
                let element = element(&start);
                close(&mut open, element, depth, each)?;
            }
            Event::End(_) => {
                let element = open.pop().ok_or_else(|| broken("an element ends that never began".to_owned()))?;
                close(&mut open, element, depth, each)?;
            }
            Event::Text(text) => {
                if let Some(last) = open.last_mut() {
                    last.text.push_str(&text);
                } else if !text.trim().is_empty() {
                    return Err(broken("text outside of the root".to_owned()));
                }
            }
            Event::CData(text) => {
                if let Some(last) = open.last_mut() {
                    last.text.push_str(&text);
                }
            }
            Event::GeneralRef(name) => {
                if let Some(last) = open.last_mut() {
                    entity(&name, &mut last.text);
                }
            }
            Event::Eof => break,
            _ => {}
        }
    }
    if !open.is_empty() || !seen {
        return Err(E::from("the document ends too early".to_owned()));
    }
    Ok(())
}

fn close<E>(
    open: &mut [Element],
    element: Element,
    depth: usize,
    each: &mut dyn FnMut(&str, Element) -> Result<(), E>,
) -> Result<(), E> {
    if open.len() == depth {
        let parent = open.last().map(|parent| parent.name.clone()).unwrap_or_default();
        return each(&parent, element);
    }
    if open.len() > depth
        && let Some(parent) = open.last_mut()
    {
        parent.children.push(element);
    }
    Ok(())
}

fn element(start: &BytesStart<'_>) -> Element {
    let local = |name: &str| name.rsplit_once(':').map_or(name, |(_, local)| local).to_owned();
    let attributes = start
        .attributes()
        .with_checks(false)
        .flatten()
        .map(|attribute| (local(attribute.key.as_ref()), unescape(&attribute.value)))
        .collect();
    Element { name: local(start.name().as_ref()), attributes, ..Element::default() }
}

/// Replaces the references in a text.
pub(crate) fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(rest.get(..at).unwrap_or_default());
        rest = rest.get(at + 1..).unwrap_or_default();
        match rest.find(';').filter(|end| *end <= 10) {
            Some(end) => {
                entity(rest.get(..end).unwrap_or_default(), &mut out);
                rest = rest.get(end + 1..).unwrap_or_default();
            }
            None => out.push('&'),
        }
    }
    out.push_str(rest);
    out
}

fn entity(name: &str, out: &mut String) {
    let number = name.strip_prefix('#').and_then(|digits| match digits.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16).ok(),
        None => digits.parse().ok(),
    });
    match (name, number.and_then(char::from_u32)) {
        (_, Some(sign)) => out.push(sign),
        ("lt", _) => out.push('<'),
        ("gt", _) => out.push('>'),
        ("amp", _) => out.push('&'),
        ("quot", _) => out.push('"'),
        ("apos", _) => out.push('\''),
        ("nbsp", _) => out.push(' '),
        _ => {
            out.push('&');
            out.push_str(name);
            out.push(';');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, depth: usize) -> Result<Vec<(String, Element)>, String> {
        let mut found = Vec::new();
        each::<String>(text.as_bytes(), depth, &mut |parent, element| {
            found.push((parent.to_owned(), element));
            Ok(())
        })?;
        Ok(found)
    }

    #[test]
    fn elements_come_one_by_one_without_prefixes() {
        let found = read(r#"<a:r><d><x:e k="1 &lt; 2">t&amp;u<f/></x:e><e/></d></a:r>"#, 2).unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].0.as_str(), found[0].1.name.as_str()), ("d", "e"));
        assert_eq!(found[0].1.attribute("k"), "1 < 2");
        assert_eq!(found[0].1.text, "t&u");
        assert_eq!(found[0].1.children.len(), 1);
    }

    #[test]
    fn broken_documents_are_refused() {
        for text in ["", "text", "<a>", "<a><b></a>", "</a>", &"<a>".repeat(100)] {
            assert!(read(text, 2).is_err(), "{text}");
        }
    }
}
