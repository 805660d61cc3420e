//! XML as a small tree with namespaces resolved: what our readers and the schema checker need, and nothing that XML can do beside.
//!
//! Document type declarations are refused, so no entity can be defined and nothing outside is ever read. Processing instructions and
//! comments are skipped.

use quick_xml::events::{BytesStart, Event};
use quick_xml::name::ResolveResult;
use quick_xml::{NsReader, XmlVersion};

/// Elements inside elements.
const DEPTH: usize = 200;
/// Elements of a document.
const ELEMENTS: usize = 6_000_000;

/// One element.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Element {
    /// The namespace; empty without one.
    pub(crate) namespace: String,
    /// The name without prefix.
    pub(crate) name: String,
    /// Attributes but namespace declarations, in order.
    pub(crate) attributes: Vec<Attribute>,
    /// Elements inside, in order.
    pub(crate) children: Vec<Element>,
    /// All text directly inside, joined.
    pub(crate) text: String,
}

/// One attribute.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Attribute {
    /// The namespace; empty without a prefix.
    pub(crate) namespace: String,
    /// The name without prefix.
    pub(crate) name: String,
    /// The value, unescaped.
    pub(crate) value: String,
}

impl Element {
    /// The value of an attribute without namespace.
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|attribute| attribute.namespace.is_empty() && attribute.name == name)
            .map(|attribute| attribute.value.as_str())
    }

    /// The first element inside of that name, in the same namespace.
    pub(crate) fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name && child.namespace == self.namespace)
    }
}

/// Reads a document in UTF-8.
///
/// Errors: other bytes, and those of [`parse`].
pub(crate) fn parse_bytes(bytes: &[u8]) -> Result<Element, String> {
    // Bytes of another encoding put something else in their place, and a name would be another one.
    let text = std::str::from_utf8(bytes).map_err(|err| format!("it is not UTF-8 at byte {}", err.valid_up_to()))?;
    parse(text)
}

/// Reads a document.
///
/// Errors: what is not well-formed, a document type declaration, an undefined prefix or entity, too many or too deeply nested elements; one
/// sentence without a full stop.
pub(crate) fn parse(text: &str) -> Result<Element, String> {
    let mut reader = NsReader::from_str(text);
    let mut open: Vec<Element> = Vec::new();
    let mut root: Option<Element> = None;
    let mut count = 0usize;
    loop {
        let event = reader.read_event().map_err(|err| format!("at byte {}: {err}", reader.error_position()))?;
        match event {
            Event::Start(tag) | Event::Empty(tag) if root.is_some() && open.is_empty() => {
                return Err(format!("a second root element, `{}`", tag.local_name().as_ref()));
            }
            Event::Start(tag) => {
                count += 1;
                if open.len() >= DEPTH || count > ELEMENTS {
                    return Err("too many elements, or too deeply nested".to_owned());
                }
                let element = element(&reader, &tag)?;
                open.push(element);
            }
            Event::Empty(tag) => {
                count += 1;
                if count > ELEMENTS {
                    return Err("too many elements".to_owned());
                }
                let element = element(&reader, &tag)?;
                close(element, &mut open, &mut root);
            }
            Event::End(_) => {
                if let Some(element) = open.pop() {
                    close(element, &mut open, &mut root);
                }
            }
            Event::Text(found) => match open.last_mut() {
                Some(element) => element.text.push_str(&found.xml10_content()),
                None if found.trim().is_empty() => {}
                None => return Err("text outside of the root element".to_owned()),
            },
            Event::CData(found) => {
                if let Some(element) = open.last_mut() {
                    element.text.push_str(&found.xml10_content());
                }
            }
            Event::GeneralRef(reference) => {
                let name: &str = &reference;
                let text = quick_xml::escape::unescape(&format!("&{name};")).map(|text| text.into_owned());
                match (text, open.last_mut()) {
                    (Ok(text), Some(element)) => element.text.push_str(&text),
                    _ => return Err(format!("the entity `{name}` is not defined")),
                }
            }
            Event::DocType(_) => return Err("a document type declaration, which is not accepted".to_owned()),
            Event::Eof if open.is_empty() => return root.ok_or_else(|| "there is no element".to_owned()),
            Event::Eof => return Err("the document ends inside an element".to_owned()),
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
        }
    }
}

fn close(element: Element, open: &mut [Element], root: &mut Option<Element>) {
    match open.last_mut() {
        Some(parent) => parent.children.push(element),
        None => *root = Some(element),
    }
}

fn element(reader: &NsReader<&[u8]>, tag: &BytesStart<'_>) -> Result<Element, String> {
    let resolver = reader.resolver();
    let named = |found: ResolveResult<'_>| match found {
        ResolveResult::Bound(namespace) => Ok(namespace.0.to_owned()),
        ResolveResult::Unbound => Ok(String::new()),
        ResolveResult::Unknown(prefix) => Err(format!("the prefix `{prefix}` is not declared")),
    };
    let (namespace, name) = resolver.resolve_element(tag.name());
    let mut element = Element { namespace: named(namespace)?, name: name.as_ref().to_owned(), ..Element::default() };
    for attribute in tag.attributes() {
        let attribute = attribute.map_err(|err| format!("an attribute of `{}`: {err}", element.name))?;
        if attribute.key.as_namespace_binding().is_some() {
            continue;
        }
        let (namespace, name) = resolver.resolve_attribute(attribute.key);
        let value = attribute
            .normalized_value(XmlVersion::Implicit1_0)
            .map_err(|err| format!("the attribute `{}`: {err}", name.as_ref()))?;
        element.attributes.push(Attribute {
            namespace: named(namespace)?,
            name: name.as_ref().to_owned(),
            value: value.into_owned(),
        });
    }
    Ok(element)
}

/// Text with what XML reserves escaped, and without what XML 1.0 cannot hold at all (most control characters). In attributes white space is
/// escaped too, because readers normalise it.
fn escape(out: &mut String, text: &str, attribute: bool) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\r' => out.push_str("&#13;"),
            '\n' if attribute => out.push_str("&#10;"),
            '\t' if attribute => out.push_str("&#9;"),
            '\t' | '\n' => out.push(c),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            _ => out.push(c),
        }
    }
}

/// Writes indented XML, element by element. The first failure of the sink is kept until [`Writer::finish`].
pub(crate) struct Writer<'s> {
    sink: &'s mut dyn std::io::Write,
    out: String,
    open: Vec<String>,
    failed: std::io::Result<()>,
}

/// So much is gathered before it goes to the sink.
const CHUNK: usize = 64 * 1024;

impl<'s> Writer<'s> {
    pub(crate) fn new(sink: &'s mut dyn std::io::Write) -> Writer<'s> {
        let out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned();
        Writer { sink, out, open: Vec::new(), failed: Ok(()) }
    }

    fn begin(&mut self, name: &str, attributes: &[(&str, &str)]) {
        for _ in 0..self.open.len() {
            self.out.push_str("  ");
        }
        self.out.push('<');
        self.out.push_str(name);
        for (name, value) in attributes {
            self.out.push(' ');
            self.out.push_str(name);
            self.out.push_str("=\"");
            escape(&mut self.out, value, true);
            self.out.push('"');
        }
    }

    fn end(&mut self) {
        if self.out.len() >= CHUNK {
            if self.failed.is_ok() {
                self.failed = self.sink.write_all(self.out.as_bytes());
            }
            self.out.clear();
        }
    }

    /// An element with others inside, until [`Writer::close`].
    pub(crate) fn open(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.begin(name, attributes);
        self.out.push_str(">\n");
        self.open.push(name.to_owned());
    }

    /// Ends the element that was opened last.
    pub(crate) fn close(&mut self) {
        if let Some(name) = self.open.pop() {
            for _ in 0..self.open.len() {
                self.out.push_str("  ");
            }
            self.out.push_str("</");
            self.out.push_str(&name);
            self.out.push_str(">\n");
            self.end();
        }
    }

    /// An element with text.
    pub(crate) fn text(&mut self, name: &str, attributes: &[(&str, &str)], text: &str) {
        self.begin(name, attributes);
        self.out.push('>');
        escape(&mut self.out, text, false);
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push_str(">\n");
        self.end();
    }

    /// An element with nothing inside.
    pub(crate) fn empty(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.begin(name, attributes);
        self.out.push_str("/>\n");
        self.end();
    }

    /// Closes what is open.
    ///
    /// Errors: the first one of the sink.
    pub(crate) fn finish(mut self) -> std::io::Result<()> {
        while !self.open.is_empty() {
            self.close();
        }
        self.failed?;
        self.sink.write_all(self.out.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trees() {
        let root = parse(
            "<?xml version='1.0'?><!-- c --><b:a xmlns:b='u' x='1 &lt;' b:y='2'>t&amp;<b:c/><![CDATA[<&]]>&#65;</b:a>",
        )
        .unwrap();
        assert_eq!((root.namespace.as_str(), root.name.as_str(), root.text.as_str()), ("u", "a", "t&<&A"));
        assert_eq!(root.attribute("x"), Some("1 <"));
        assert_eq!(root.attribute("y"), None, "it is of another namespace");
        assert_eq!(root.child("c").unwrap().namespace, "u");
    }

    #[test]
    fn refused() {
        for text in [
            "",
            "x",
            "<a>",
            "<a></b>",
            "<a/><b/>",
            "<a/>x",
            "<p:a/>",
            "<a>&x;</a>",
            "<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse(&"<a>".repeat(100_000)).is_err());
    }

    #[test]
    fn written_text_reads_back() {
        let hostile = "a<b>&\"c\"\n\t'd' \u{1} é";
        let mut bytes = Vec::new();
        let mut writer = Writer::new(&mut bytes);
        writer.open("r", &[("a", hostile)]);
        writer.text("t", &[], hostile);
        writer.finish().unwrap();
        let root = parse(std::str::from_utf8(&bytes).unwrap()).unwrap();
        assert_eq!(root.attribute("a").unwrap(), hostile.replace('\u{1}', "\u{fffd}"));
        assert_eq!(root.child("t").unwrap().text, hostile.replace('\u{1}', "\u{fffd}"));
    }
}
