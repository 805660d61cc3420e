//! Mail headers: Python's METADATA and Java's MANIFEST.MF.

/// How a long value goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Folding {
    /// A continuation begins with white space and is a line of its own (Python core metadata).
    Lines,
    /// A continuation begins with one space and is joined without a break (JAR manifest: lines hold at most 72 bytes).
    Joined,
}

/// One header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// Name as written.
    pub(crate) name: String,
    /// Value without surrounding white space.
    pub(crate) value: String,
    /// Line of the name, counted from 1.
    pub(crate) line: u32,
}

/// Reads headers up to the first empty line. Returns the line of the first that has no colon, too; such lines are passed over.
pub(crate) fn parse(text: &str, folding: Folding) -> (Vec<Header>, Option<u32>) {
    let mut headers: Vec<Header> = Vec::new();
    let mut broken = None;
    for (index, line) in text.lines().enumerate() {
        let number = u32::try_from(index).unwrap_or(u32::MAX).saturating_add(1);
        if line.trim_end().is_empty() {
            // before core metadata 2.1 the description is a header, and some tools left its empty lines bare
            match headers.last() {
                None => continue,
                Some(last) if folding == Folding::Lines && last.name == "Description" => continue,
                Some(_) => break,
            }
        }
        if let (true, Some(last)) = (line.starts_with([' ', '\t']), headers.last_mut()) {
            match folding {
                Folding::Lines => {
                    last.value.push('\n');
                    last.value.push_str(line.trim());
                }
                Folding::Joined => last.value.push_str(line.get(1..).unwrap_or_default().trim_end_matches('\r')),
            }
            continue;
        }
        match line.split_once(':') {
            Some((name, value)) if !name.is_empty() && !name.contains(' ') => headers.push(Header {
                name: name.to_owned(),
                value: match folding {
                    Folding::Lines => value.trim().to_owned(),
                    Folding::Joined => value.strip_prefix(' ').unwrap_or(value).trim_end_matches('\r').to_owned(),
                },
                line: number,
            }),
            _ => broken = broken.or(Some(number)),
        }
    }
    for header in &mut headers {
        header.value.truncate(header.value.trim_end().len());
    }
    (headers, broken)
}

/// The first value of this name, in any case of letters, that is not empty.
pub(crate) fn get<'a>(headers: &'a [Header], name: &str) -> Option<&'a str> {
    get_all(headers, name).find(|value| !value.is_empty())
}

/// All values of this name.
pub(crate) fn get_all<'a>(headers: &'a [Header], name: &str) -> impl Iterator<Item = &'a str> {
    headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn python() {
        let (headers, broken) =
            parse("Name: a\nno colon\nLicense: one\n  two\nname: b\n\nName: body\n", Folding::Lines);
        assert_eq!(broken, Some(2));
        assert_eq!(get(&headers, "name"), Some("a"));
        assert_eq!(get(&headers, "License"), Some("one\ntwo"));
        assert_eq!(get_all(&headers, "Name").collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn description_with_bare_empty_lines() {
        let (headers, _) = parse("Name: a\nDescription: one\n\n        two\nLicense: MIT\n\nbody\n", Folding::Lines);
        assert_eq!(get(&headers, "License"), Some("MIT"));
    }

    #[test]
    fn manifest() {
        let (headers, broken) = parse("Bundle-Name: long\r\n  name\r\nX: \r\n\r\nName: section\r\n", Folding::Joined);
        assert_eq!((broken, get(&headers, "Bundle-Name"), get(&headers, "Name")), (None, Some("long name"), None));
    }
}
