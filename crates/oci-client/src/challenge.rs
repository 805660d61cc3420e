//! `WWW-Authenticate`: what a server asks for.
//!
//! Grammar: RFC 9110 section 11.6.1, a comma-separated list of challenges whose own parameters are comma-separated too.

/// One challenge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// The scheme in lower case: `basic`, `bearer`.
    pub scheme: String,
    /// Parameters in their order, names in lower case, quotes and escapes removed.
    pub parameters: Vec<(String, String)>,
}

impl Challenge {
    /// The first parameter of this name (given in lower case).
    pub fn get(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Challenges and parameters that one header may hold; more are not looked at.
const MOST: usize = 32;

/// Reads one `WWW-Authenticate` header. What cannot be read ends the reading; the challenges before it are kept.
pub fn parse_challenges(header: &str) -> Vec<Challenge> {
    let mut at = Cursor { rest: header };
    let mut challenges: Vec<Challenge> = Vec::new();
    while challenges.len() < MOST {
        at.skip(|c| c == ',' || c.is_ascii_whitespace());
        let Some(scheme) = at.token() else { break };
        let mut challenge = Challenge { scheme: scheme.to_ascii_lowercase(), parameters: Vec::new() };
        let whole = parameters(&mut at, &mut challenge);
        challenges.push(challenge);
        if !whole {
            break;
        }
    }
    challenges
}

/// Reads parameters until the next challenge begins or the header ends; false when the text is broken.
fn parameters(at: &mut Cursor<'_>, challenge: &mut Challenge) -> bool {
    let mut first = true;
    while challenge.parameters.len() < MOST {
        let before = *at;
        at.skip(|c| c == ',' || c.is_ascii_whitespace());
        if at.rest.is_empty() {
            return true;
        }
        let Some(name) = at.token() else { return false };
        let after_name = *at;
        at.skip(|c| c.is_ascii_whitespace());
        if !at.eat('=') {
            // A token without `=`: the next scheme (after a comma), or the token68 form right after this one.
            if first && !before.rest.trim_start().starts_with(',') && after_name.rest.trim_start().is_empty() {
                return true;
            }
            *at = before;
            return before.rest.trim_start().starts_with(',');
        }
        at.skip(|c| c.is_ascii_whitespace());
        let value = if at.rest.starts_with('"') { at.quoted() } else { at.token().map(str::to_owned) };
        let Some(value) = value else {
            // `token68==`: padding of a form that registries do not use.
            return false;
        };
        challenge.parameters.push((name.to_ascii_lowercase(), value));
        first = false;
    }
    true
}

#[derive(Clone, Copy)]
struct Cursor<'a> {
    rest: &'a str,
}

impl<'a> Cursor<'a> {
    fn skip(&mut self, what: impl Fn(char) -> bool) {
        self.rest = self.rest.trim_start_matches(what);
    }

    fn eat(&mut self, c: char) -> bool {
        match self.rest.strip_prefix(c) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// `token` of RFC 9110 section 5.6.2. `/`, `:` and others are taken too outside quotes, as sloppy servers write them.
    fn token(&mut self) -> Option<&'a str> {
        let end = self
            .rest
            .find(|c: char| c.is_ascii_whitespace() || c.is_control() || matches!(c, ',' | '=' | '"'))
            .unwrap_or(self.rest.len());
        let (token, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!token.is_empty()).then_some(token)
    }

    fn quoted(&mut self) -> Option<String> {
        let mut text = String::new();
        let mut chars = self.rest.char_indices().skip(1);
        while let Some((index, c)) = chars.next() {
            match c {
                '"' => {
                    self.rest = self.rest.get(index + 1..).unwrap_or_default();
                    return Some(text);
                }
                '\\' => text.push(chars.next()?.1),
                c => text.push(c),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(header: &str, expected: &[(&str, &[(&str, &str)])]) {
        let expected: Vec<Challenge> = expected
            .iter()
            .map(|(scheme, parameters)| Challenge {
                scheme: (*scheme).to_owned(),
                parameters: parameters.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
            })
            .collect();
        assert_eq!(parse_challenges(header), expected, "{header}");
    }

    #[test]
    fn one_challenge() {
        check("Basic", &[("basic", &[])]);
        check("Basic realm=\"a b\"", &[("basic", &[("realm", "a b")])]);
        check(
            "Bearer realm=\"https://auth.example/token\",service=\"r.example\",scope=\"repository:a/b:pull,push\"",
            &[(
                "bearer",
                &[
                    ("realm", "https://auth.example/token"),
                    ("service", "r.example"),
                    ("scope", "repository:a/b:pull,push"),
                ],
            )],
        );
        check(
            "bearer REALM = https://a/b , x=\"q\\\"uo\\\\te\"",
            &[("bearer", &[("realm", "https://a/b"), ("x", "q\"uo\\te")])],
        );
        check("Negotiate YWJj", &[("negotiate", &[])]);
    }

    #[test]
    fn several_challenges() {
        check("Basic realm=\"x\", Bearer realm=\"y\"", &[("basic", &[("realm", "x")]), ("bearer", &[("realm", "y")])]);
        check("Negotiate, Basic realm=x,,", &[("negotiate", &[]), ("basic", &[("realm", "x")])]);
        check(
            "Digest a=\"1, Basic realm=evil\", Bearer realm=\"y\",error=\"invalid_token\"",
            &[("digest", &[("a", "1, Basic realm=evil")]), ("bearer", &[("realm", "y"), ("error", "invalid_token")])],
        );
    }

    #[test]
    fn broken_text_keeps_what_came_before() {
        check("", &[]);
        check(",,,", &[]);
        check("Basic realm=\"open", &[("basic", &[])]);
        check("Basic realm=\"x\", Bearer realm=\"\\", &[("basic", &[("realm", "x")]), ("bearer", &[])]);
        check("=", &[]);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "\\PC{0,200}") {
            let _ = parse_challenges(&text);
        }

        #[test]
        fn pieces_of_the_grammar_are_read(parts in proptest::collection::vec(prop_oneof![
            Just("Bearer "), Just("Basic"), Just("realm="), Just("\"a,b\""), Just("\\"), Just("\""), Just(","), Just("="), Just(" "), Just("é")], 0..40)) {
            prop_assert!(parse_challenges(&parts.concat()).len() <= MOST);
        }
    }
}
