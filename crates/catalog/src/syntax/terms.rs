//! Terms of Erlang, Elixir and Prolog, as lock files and metadata are written in them: no variables, no code.

use super::SyntaxError;

/// Nesting beyond this is refused.
const DEPTH: u32 = 60;

/// Terms in one text; each costs about a hundred bytes.
const TERMS: u32 = 500_000;

/// Whose notation it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// `%{"a": {:hex, :a, "1.0"}}`; comments begin with `#`.
    Elixir,
    /// `{<<"a">>, {pkg, "a"}}.`; comments begin with `%`.
    Erlang,
    /// `name('a').`; comments begin with `%` or stand between `/*` and `*/`.
    Prolog,
}

/// A term and its lines.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Term {
    /// First and last line, counted from 1.
    pub(crate) lines: (u32, u32),
    /// The term.
    pub(crate) value: Kind,
}

/// What a term is. A pair of a map or keyword list is a tuple of two.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    /// `a`, `:a`, `'a b'`.
    Atom(String),
    /// `"a"`, `<<"a">>`.
    Text(String),
    /// A number as written.
    Number(String),
    /// `{a, b}`.
    Tuple(Vec<Term>),
    /// `[a, b]`, `%{a => b}`, `#{a => b}`.
    List(Vec<Term>),
    /// `name(a, b)`; an operator is a call of its name.
    Call(String, Vec<Term>),
}

impl Term {
    /// The characters of an atom or text.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Kind::Atom(text) | Kind::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Parts of a tuple; none for anything else.
    pub(crate) fn tuple(&self) -> &[Term] {
        match &self.value {
            Kind::Tuple(items) => items,
            _ => &[],
        }
    }

    /// Items of a list; none for anything else.
    pub(crate) fn list(&self) -> &[Term] {
        match &self.value {
            Kind::List(items) => items,
            _ => &[],
        }
    }

    /// The value of a key in a list of pairs.
    pub(crate) fn get(&self, key: &str) -> Option<&Term> {
        self.list().iter().find_map(|pair| match pair.tuple() {
            [name, value] if name.text() == Some(key) => Some(value),
            _ => None,
        })
    }
}

/// Reads terms that follow each other, each ended by a full stop (Elixir: one term). Those before an error are kept.
pub(crate) fn parse_all(text: &str, dialect: Dialect) -> (Vec<Term>, Option<SyntaxError>) {
    let mut reader = Reader { text, at: 0, line: 1, terms: 0, dialect };
    let mut terms = Vec::new();
    loop {
        if let Err(error) = reader.space() {
            return (terms, Some(error));
        }
        match reader.peek() {
            None => return (terms, None),
            Some(b'.') if dialect != Dialect::Elixir => reader.at += 1,
            Some(_) => match reader.element(0) {
                Ok(term) => terms.push(term),
                Err(error) => return (terms, Some(error)),
            },
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    line: u32,
    terms: u32,
    dialect: Dialect,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn error(&self, what: &'static str) -> SyntaxError {
        SyntaxError { line: self.line, what }
    }

    fn skip(&mut self, bytes: usize) {
        let passed = self.rest().as_bytes().get(..bytes).unwrap_or_default();
        let lines = passed.iter().filter(|byte| **byte == b'\n').count();
        self.line = self.line.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX));
        self.at += bytes;
    }

    fn space(&mut self) -> Result<(), SyntaxError> {
        loop {
            let rest = self.rest();
            let comment = match self.dialect {
                Dialect::Elixir => rest.starts_with('#'),
                Dialect::Erlang | Dialect::Prolog => rest.starts_with('%'),
            };
            if comment {
                self.at += memchr::memchr(b'\n', rest.as_bytes()).unwrap_or(rest.len());
            } else if self.dialect == Dialect::Prolog && rest.starts_with("/*") {
                match rest.find("*/") {
                    Some(end) => self.skip(end + 2),
                    None => return Err(self.error("a comment has no end")),
                }
            } else if matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
                self.skip(1);
            } else {
                return Ok(());
            }
        }
    }

    /// A term, a pair, or terms joined by operators.
    fn element(&mut self, depth: u32) -> Result<Term, SyntaxError> {
        let key = self.term(depth)?;
        // `key: value`; the colon stands without a space
        if self.dialect == Dialect::Elixir && self.peek() == Some(b':') && key.text().is_some() {
            self.at += 1;
            return self.pair(key, depth);
        }
        self.space()?;
        let arrow = match self.dialect {
            Dialect::Elixir => self.rest().starts_with("=>"),
            Dialect::Erlang => self.rest().starts_with("=>") || self.rest().starts_with(":="),
            Dialect::Prolog => false,
        };
        if arrow {
            self.at += 2;
            return self.pair(key, depth);
        }
        if self.dialect != Dialect::Prolog {
            return Ok(key);
        }
        let mut term = key;
        loop {
            let rest = self.rest();
            let operator =
                rest.len() - rest.trim_start_matches(['<', '>', '=', ':', '-', '+', '@', '^', '\\', '/', '*']).len();
            let Some(name) = rest.get(..operator).filter(|name| !name.is_empty()) else { return Ok(term) };
            self.at += operator;
            let right = self.term(depth + 1)?;
            self.space()?;
            let lines = (term.lines.0, right.lines.1);
            term = Term { lines, value: Kind::Call(name.to_owned(), vec![term, right]) };
        }
    }

    fn pair(&mut self, key: Term, depth: u32) -> Result<Term, SyntaxError> {
        let value = self.term(depth + 1)?;
        Ok(Term { lines: (key.lines.0, value.lines.1), value: Kind::Tuple(vec![key, value]) })
    }

    fn term(&mut self, depth: u32) -> Result<Term, SyntaxError> {
        self.space()?;
        self.terms += 1;
        if depth > DEPTH {
            return Err(self.error("nested too deeply"));
        }
        if self.terms > TERMS {
            return Err(self.error("too many terms"));
        }
        let first = self.line;
        let value = self.kind(depth)?;
        Ok(Term { lines: (first, self.line), value })
    }

    fn kind(&mut self, depth: u32) -> Result<Kind, SyntaxError> {
        let rest = self.rest();
        let map = match self.dialect {
            Dialect::Elixir => rest.starts_with("%{"),
            Dialect::Erlang => rest.starts_with("#{"),
            Dialect::Prolog => false,
        };
        match self.peek() {
            None => Err(self.error("the text ends too early")),
            Some(_) if map => {
                self.at += 2;
                self.items(b'}', depth).map(Kind::List)
            }
            Some(b'{') => {
                self.at += 1;
                self.items(b'}', depth).map(Kind::Tuple)
            }
            Some(b'[') => {
                self.at += 1;
                self.items(b']', depth).map(Kind::List)
            }
            Some(b'(') => {
                self.at += 1;
                self.items(b')', depth).map(Kind::Tuple)
            }
            Some(b'<') if rest.starts_with("<<") => self.binary(),
            Some(quote @ (b'"' | b'\'')) => {
                let text = self.quoted(quote)?;
                Ok(if quote == b'"' { Kind::Text(text) } else { Kind::Atom(text) })
            }
            Some(b':') if self.dialect == Dialect::Elixir => {
                self.at += 1;
                match self.peek() {
                    Some(b'"') => self.quoted(b'"').map(Kind::Atom),
                    _ => self.word().map(|word| Kind::Atom(word.to_owned())),
                }
            }
            Some(b'-' | b'0'..=b'9') => Ok(self.number()),
            Some(_) => {
                let word = self.word()?.to_owned();
                match self.peek() {
                    Some(b'(') if self.dialect != Dialect::Elixir => {
                        self.at += 1;
                        Ok(Kind::Call(word, self.items(b')', depth)?))
                    }
                    _ => Ok(Kind::Atom(word)),
                }
            }
        }
    }

    /// Elements up to the closing bracket. A comma may stand before it.
    fn items(&mut self, close: u8, depth: u32) -> Result<Vec<Term>, SyntaxError> {
        let mut items = Vec::new();
        loop {
            self.space()?;
            if self.peek() == Some(close) {
                self.at += 1;
                return Ok(items);
            }
            items.push(self.element(depth + 1)?);
            self.space()?;
            match self.peek() {
                Some(b',' | b'|') => self.at += 1,
                Some(byte) if byte == close => {}
                None => return Err(self.error("the text ends inside brackets")),
                Some(_) => return Err(self.error("expected a comma or a closing bracket")),
            }
        }
    }

    /// `<<"text">>`, `<<"text"/utf8>>`; other parts count as nothing.
    fn binary(&mut self) -> Result<Kind, SyntaxError> {
        self.at += 2;
        let mut text = String::new();
        loop {
            self.space()?;
            match self.peek() {
                None => return Err(self.error("a binary has no end")),
                Some(b'"') => text.push_str(&self.quoted(b'"')?),
                Some(b'>') if self.rest().starts_with(">>") => {
                    self.at += 2;
                    return Ok(Kind::Text(text));
                }
                Some(b',' | b'/' | b':' | b'-') => self.at += 1,
                Some(byte) if byte.is_ascii_alphanumeric() => {
                    self.word_or_digits();
                }
                Some(_) => return Err(self.error("expected the end of a binary")),
            }
        }
    }

    fn word_or_digits(&mut self) -> &'a str {
        let rest = self.rest();
        let end = rest
            .bytes()
            .position(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'_' | b'@' | b'?' | b'!') || b >= 0x80))
            .unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or_default()
    }

    fn word(&mut self) -> Result<&'a str, SyntaxError> {
        match self.word_or_digits() {
            "" => Err(self.error("expected a term")),
            word => Ok(word),
        }
    }

    /// A full stop belongs to it only before a digit.
    fn number(&mut self) -> Kind {
        let bytes = self.rest().as_bytes();
        let part = |at: usize| {
            let next_is_digit = || bytes.get(at + 1).is_some_and(u8::is_ascii_digit);
            match bytes.get(at) {
                Some(b'-') => at == 0,
                Some(b'.') => next_is_digit(),
                Some(byte) => byte.is_ascii_alphanumeric() || *byte == b'_',
                None => false,
            }
        };
        let end = (0..bytes.len()).find(|at| !part(*at)).unwrap_or(bytes.len());
        let written = self.rest().get(..end).unwrap_or_default().to_owned();
        self.at += end;
        Kind::Number(written)
    }

    /// A text from its quote on. A quote inside is escaped by `\`, in Prolog also by itself.
    fn quoted(&mut self, quote: u8) -> Result<String, SyntaxError> {
        self.at += 1;
        let mut out = String::new();
        loop {
            let rest = self.rest();
            let Some(stop) = memchr::memchr2(quote, b'\\', rest.as_bytes()) else {
                return Err(self.error("a quoted text has no end"));
            };
            out.push_str(rest.get(..stop).unwrap_or_default());
            self.skip(stop + 1);
            if rest.as_bytes().get(stop) == Some(&quote) {
                if self.dialect == Dialect::Prolog && self.peek() == Some(quote) {
                    self.at += 1;
                    out.push(quote as char);
                    continue;
                }
                return Ok(out);
            }
            let Some(escaped) = self.rest().chars().next() else { return Err(self.error("a quoted text has no end")) };
            self.skip(escaped.len_utf8());
            match escaped {
                'n' => out.push('\n'),
                't' => out.push('\t'),
                // a line that goes on
                '\n' => {}
                other => out.push(other),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A term on one line, as Erlang would print it.
    fn shown(term: &Term) -> String {
        let all = |items: &[Term]| items.iter().map(shown).collect::<Vec<_>>().join(",");
        match &term.value {
            Kind::Atom(text) => text.clone(),
            Kind::Text(text) => format!("{text:?}"),
            Kind::Number(text) => text.clone(),
            Kind::Tuple(items) => format!("{{{}}}", all(items)),
            Kind::List(items) => format!("[{}]", all(items)),
            Kind::Call(name, items) => format!("{name}({})", all(items)),
        }
    }

    #[track_caller]
    fn check(dialect: Dialect, text: &str, expected: &[&str]) {
        let (terms, error) = parse_all(text, dialect);
        assert_eq!(error, None, "{text}");
        assert_eq!(terms.iter().map(shown).collect::<Vec<_>>(), expected, "{text}");
    }

    #[test]
    fn notations() {
        check(
            Dialect::Elixir,
            "%{ # note\n  \"a\": {:hex, :\"b c\", \"1.0\", [:mix], [{:d, \"~> 1\", [hex: :d, optional: true]}]},\n  \"e\" => -1.5,\n}",
            &["[{\"a\",{hex,b c,\"1.0\",[mix],[{d,\"~> 1\",[{hex,d},{optional,true}]}]}},{\"e\",-1.5}]"],
        );
        check(
            Dialect::Erlang,
            "{\"1.2\", [{<<\"a\"/utf8>>,{pkg,'b',<<>>},0}]}. % note\n[#{x => 1}, {y,z|t}].\n",
            &["{\"1.2\",[{\"a\",{pkg,b,\"\"},0}]}", "[[{x,1}],{y,z,t}]"],
        );
        check(
            Dialect::Prolog,
            "name(a). /* x\n */ v('it''s').\nr(a >= 1.2).\n",
            &["name(a)", "v(it's)", "r(>=(a,1.2))"],
        );
    }

    #[test]
    fn what_is_no_term() {
        let line = |dialect, text: &str| parse_all(text, dialect).1.map(|error| error.line);
        assert_eq!(line(Dialect::Erlang, "{a,\nb"), Some(2));
        assert_eq!(line(Dialect::Erlang, "{<<\"a{pkg,<<\"b\">>}"), Some(1));
        assert_eq!(line(Dialect::Elixir, &"[".repeat(1000)), Some(1));
        assert_eq!(line(Dialect::Prolog, "/* a"), Some(1));
    }

    proptest! {
        #[test]
        fn never_panics(text in "[-a-z0-9:%#?'\"{}()<>\\[\\],.|/\\\\é \n]{0,60}", which in 0usize..3) {
            let dialect = [Dialect::Elixir, Dialect::Erlang, Dialect::Prolog][which];
            let _ = parse_all(&text, dialect);
        }
    }
}
