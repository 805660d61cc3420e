//! Regular expressions of schemas, in linear time.

use regex::Regex;

/// A pattern with at most one look-ahead, at its beginning: all that the schemas use beyond what is regular.
#[derive(Debug)]
pub(crate) struct Pattern {
    /// Must not be found at the beginning.
    never: Option<Regex>,
    must: Regex,
}

impl Pattern {
    /// A pattern of JSON Schema (ECMA-262, found anywhere). `None`: not one that we can read.
    pub(crate) fn ecma(pattern: &str) -> Option<Pattern> {
        match pattern.strip_prefix("^(?!").and_then(|rest| rest.split_once(')')) {
            Some((never, rest)) => {
                Some(Pattern { never: Some(compile(&format!("^(?:{never})"))?), must: compile(&format!("^{rest}"))? })
            }
            None => Some(Pattern { never: None, must: compile(pattern)? }),
        }
    }

    /// A pattern of XML Schema (the whole text). `None`: not one that we can read.
    pub(crate) fn xsd(pattern: &str) -> Option<Pattern> {
        Some(Pattern { never: None, must: compile(&format!("^(?:{pattern})$"))? })
    }

    pub(crate) fn is_match(&self, text: &str) -> bool {
        self.must.is_match(text) && !self.never.as_ref().is_some_and(|never| never.is_match(text))
    }
}

fn compile(pattern: &str) -> Option<Regex> {
    // In ECMA-262 and XML Schema `[` and `&&`, `--`, `~~` inside a class are themselves, here they are not.
    let mut escaped = String::with_capacity(pattern.len());
    let (mut in_class, mut backslash) = (false, false);
    for c in pattern.chars() {
        match c {
            _ if backslash => {
                backslash = false;
                // An escaped letter that means nothing special there is an error here.
                if matches!(c, '/' | '!' | '"' | '\'' | '%' | ',' | ':' | ';' | '<' | '=' | '>' | '@' | '`' | '_') {
                    escaped.pop();
                }
            }
            '\\' => backslash = true,
            '[' if in_class => escaped.push('\\'),
            '[' => in_class = true,
            ']' => in_class = false,
            '&' | '~' if in_class => escaped.push('\\'),
            _ => {}
        }
        escaped.push(c);
    }
    regex::RegexBuilder::new(&escaped).size_limit(4 << 20).build().ok()
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn forms() {
        let iri = Pattern::ecma("^(?!_:).+:.+").unwrap();
        assert!(iri.is_match("urn:x") && !iri.is_match("_:b0") && !iri.is_match("x"));
        let cpe = r##"(\?*|\*?)([a-zA-Z0-9\-\._]|(\\[\\\*\?!"#$$%&'\(\)\+,/:;<=>@\[\]\^`\{\|}~]))+"##;
        let cpe = Pattern::xsd(cpe).unwrap();
        assert!(cpe.is_match("a\\&b") && !cpe.is_match("a&b") && !cpe.is_match("a b"));
        assert!(Pattern::xsd("[-+a-z0-9.]+/[-+a-z0-9.]+").unwrap().is_match("text/plain"));
        assert!(Pattern::ecma("(").is_none());
    }
}
