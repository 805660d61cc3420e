//! XML as the build tools of Java write it: elements with their text, attributes and lines.

use quick_xml::events::Event;
use signet_model::UnexaminedKind;

/// Nesting beyond this is refused. A `pom.xml` with the configuration of plugins nests about fifteen deep.
const DEPTH: usize = 64;

/// Largest file of this notation that is read, in bytes. A verification file of a large build has some megabytes.
pub(super) const MAX_SIZE: u64 = 16 << 20;

/// What a document consists of, in order. Names are local names: the prefix of a namespace is cut.
pub(super) enum Step<'a> {
    /// An element begins: its name behind those around it, its attributes, and its line.
    Open(&'a [&'a str], &'a [(String, String)], u32),
    /// An element ends: its name behind those around it, its own text without that of the elements inside, first and last line.
    Close(&'a [&'a str], &'a str, (u32, u32)),
}

/// Why a document could not be read: the kind, and one sentence.
pub(super) type Refusal = (UnexaminedKind, String);

struct Element {
    name: String,
    text: String,
    line: u32,
}

/// Walks through a document and shows each element when it begins and when it ends.
///
/// Shape: XML 1.0 in UTF-8 or UTF-16, or in ISO-8859-1 or Windows-1252 where the declaration says so. Entities of a document type are left out.
/// Errors: what is not XML, with its line; a name that XML does not allow; elements nested deeper than 64; no element at all.
pub(super) fn walk(bytes: &[u8], mut visit: impl FnMut(Step<'_>)) -> Result<(), Refusal> {
    let text = decode(bytes);
    let starts: Vec<usize> = memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1).collect();
    let line_of = |offset: u64| {
        let line = starts.partition_point(|start| *start as u64 <= offset);
        u32::try_from(line).unwrap_or(u32::MAX).saturating_add(1)
    };
    let malformed = |offset: u64, what: &str| (UnexaminedKind::Malformed, format!("line {}: {what}", line_of(offset)));
    let mut reader = quick_xml::Reader::from_str(&text);
    reader.config_mut().expand_empty_elements = true;
    let mut stack: Vec<Element> = Vec::new();
    let mut seen = false;
    loop {
        let before = reader.buffer_position();
        match reader.read_event() {
            Ok(Event::Start(tag)) => {
                if stack.len() >= DEPTH {
                    return Err((UnexaminedKind::TooLarge, format!("elements are nested deeper than {DEPTH}")));
                }
                let name = tag.local_name().as_ref().to_owned();
                if !is_name(&name) || (seen && stack.is_empty()) {
                    return Err(malformed(before, "no XML"));
                }
                seen = true;
                let mut attributes = Vec::new();
                for attribute in tag.attributes() {
                    let Ok(attribute) = attribute else { return Err(malformed(before, "a broken attribute")) };
                    let value = quick_xml::escape::unescape(&attribute.value).unwrap_or_default().into_owned();
                    attributes.push((attribute.key.local_name().as_ref().to_owned(), value));
                }
                // the text before a tag ends where the tag begins
                let line = line_of(before);
                stack.push(Element { name, text: String::new(), line });
                let path: Vec<&str> = stack.iter().map(|element| element.name.as_str()).collect();
                visit(Step::Open(&path, &attributes, line));
            }
            Ok(Event::Text(part)) => push(&mut stack, &part),
            Ok(Event::CData(part)) => push(&mut stack, &part),
            Ok(Event::GeneralRef(reference)) => {
                let resolved = match reference.resolve_char_ref() {
                    Ok(Some(character)) => Some(character.to_string()),
                    _ => quick_xml::escape::resolve_predefined_entity(&reference).map(str::to_owned),
                };
                push(&mut stack, &resolved.unwrap_or_default());
            }
            Ok(Event::End(_)) => {
                let path: Vec<&str> = stack.iter().map(|element| element.name.as_str()).collect();
                if let Some(element) = stack.last() {
                    let last = line_of(reader.buffer_position().saturating_sub(1));
                    visit(Step::Close(&path, element.text.trim(), (element.line, last)));
                }
                stack.pop();
            }
            Ok(Event::Eof) if stack.is_empty() && seen => return Ok(()),
            Ok(Event::Eof) => return Err(malformed(before, "no XML: it ends too early")),
            Ok(_) => {}
            Err(error) => return Err(malformed(reader.error_position(), &format!("no XML: {error}"))),
        }
    }
}

fn push(stack: &mut [Element], part: &str) {
    if let Some(element) = stack.last_mut() {
        element.text.push_str(part);
    }
}

/// Text of a document by its declaration, or by its byte order mark.
fn decode(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    let head: String = bytes.iter().take(200).map(|byte| char::from(*byte).to_ascii_lowercase()).collect();
    let declaration =
        head.strip_prefix("<?xml").and_then(|rest| rest.split_once("?>")).map_or("", |(inside, _)| inside);
    let latin = ["iso-8859-1", "iso-8859-15", "windows-1252", "latin1"].iter().any(|name| declaration.contains(name));
    match latin {
        true => bytes.iter().map(|byte| char::from(*byte)).collect::<String>().into(),
        false => crate::syntax::text(bytes),
    }
}

/// Whether XML allows this as the name of an element. Source: www.w3.org/TR/xml, productions 4 and 4a, with all of Unicode beyond ASCII.
fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || !c.is_ascii())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.') || !c.is_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Result<Vec<String>, Refusal> {
        let mut rows = Vec::new();
        walk(text.as_bytes(), |step| {
            rows.push(match step {
                Step::Open(path, attributes, line) => format!("{line}<{} {attributes:?}", path.join("/")),
                Step::Close(path, text, lines) => format!("{lines:?}>{}={text}", path.join("/")),
            })
        })
        .map(|()| rows)
    }

    #[test]
    fn steps() {
        let found =
            rows("<?xml version='1.0'?>\n<a:r x='1&amp;2'>\n <b> t&#x41;&lt;<![CDATA[<]]> </b>\n <c/>\n</a:r>\n")
                .unwrap();
        assert_eq!(
            found,
            ["2<r [(\"x\", \"1&2\")]", "3<r/b []", "(3, 3)>r/b=tA<<", "4<r/c []", "(4, 4)>r/c=", "(2, 5)>r="]
        );
        let latin = b"<?xml version='1.0' encoding='ISO-8859-1'?><a>\xe9</a>";
        walk(latin, |step| {
            if let Step::Close(_, text, _) = step {
                assert_eq!(text, "\u{e9}");
            }
        })
        .unwrap();
    }

    #[test]
    fn what_is_no_xml() {
        for text in ["", "plain", "<a>", "<a></b>", "<${x}>1</${x}>", "<a/><b/>", "<a x=1 x=2/>"] {
            assert!(rows(text).is_err(), "{text}");
        }
        assert!(matches!(rows(&"<a>".repeat(1000)), Err((UnexaminedKind::TooLarge, _))));
    }
}
