//! Assignments of a Lua file that are made of texts, tables and earlier variables. No code is run: what needs more is unknown.

use std::collections::BTreeMap;

use crate::syntax::SyntaxError;

/// Nesting beyond this is refused.
const DEPTH: u32 = 60;

/// Tokens in one file. A rockspec of a thousand modules has about ten thousand.
const TOKENS: usize = 500_000;

/// Bytes that uses of variables may copy, so that neither `a = a .. a` in a row nor `{a, a, a}` can grow.
const COPIED: usize = 4 << 20;

/// A value, as far as it is known.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Text(String),
    /// Items without a key, and values by name.
    Table(Vec<Value>, BTreeMap<String, Value>),
    /// A number, a call, a condition, ...
    Unknown,
}

impl Value {
    /// The text.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The value of a name in a table.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        match self {
            Value::Table(_, named) => named.get(name),
            _ => None,
        }
    }

    /// Items of a table.
    pub(super) fn items(&self) -> &[Value] {
        match self {
            Value::Table(items, _) => items,
            _ => &[],
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Name(String),
    Text(String),
    /// A number or any other character.
    Other(char),
    /// `..`
    Join,
}

/// Reads the assignments of a file, local ones included; the last of a name counts. What precedes an error is kept.
/// Source: lua.org/manual/5.4, section 9; LuaRocks loads a rockspec with no functions at hand.
pub(super) fn assignments(text: &str) -> (BTreeMap<String, Value>, Option<SyntaxError>) {
    let (tokens, error) = tokens(text);
    let mut reader = Reader { tokens: &tokens, at: 0, copied: 0, variables: BTreeMap::new() };
    let too_deep = reader.statements().err();
    (reader.variables, error.or(too_deep))
}

struct Reader<'t> {
    tokens: &'t [(Token, u32)],
    at: usize,
    copied: usize,
    variables: BTreeMap<String, Value>,
}

impl Reader<'_> {
    fn peek(&self, ahead: usize) -> Option<&Token> {
        self.tokens.get(self.at + ahead).map(|(token, _)| token)
    }

    fn is(&self, ahead: usize, character: char) -> bool {
        self.peek(ahead) == Some(&Token::Other(character))
    }

    fn error(&self, what: &'static str) -> SyntaxError {
        SyntaxError { line: self.tokens.get(self.at).or(self.tokens.last()).map_or(1, |(_, line)| *line), what }
    }

    fn statements(&mut self) -> Result<(), SyntaxError> {
        while self.at < self.tokens.len() {
            match self.peek(0).cloned() {
                // `==` compares, which an assignment does not
                Some(Token::Name(name)) if self.is(1, '=') && !self.is(2, '=') => {
                    self.at += 2;
                    let value = self.expression(0)?;
                    self.variables.insert(name, value);
                }
                // `description.license = ".."` is not the whole of a table: pass over the name's end, too
                Some(Token::Name(_)) if self.is(1, '.') => self.at += 3,
                Some(_) => self.at += 1,
                None => {}
            }
        }
        Ok(())
    }

    /// `a .. b .. c`; with any other operator the value is unknown.
    fn expression(&mut self, depth: u32) -> Result<Value, SyntaxError> {
        let mut value = self.operand(depth)?;
        while self.peek(0) == Some(&Token::Join) {
            self.at += 1;
            let right = self.operand(depth)?;
            value = match (value, right) {
                (Value::Text(left), Value::Text(right)) => Value::Text(left + &right),
                _ => Value::Unknown,
            };
        }
        // `a or b`, `a and b`, `a == b`, a call, an index: passed over up to where the expression must end
        let goes_on = |reader: &Self| match reader.peek(0) {
            Some(Token::Name(name)) => matches!(name.as_str(), "or" | "and" | "not"),
            Some(Token::Other(c)) => "=~<>+-*/%^#([.:".contains(*c),
            Some(Token::Text(_) | Token::Join) => true,
            None => false,
        };
        while goes_on(self) {
            value = Value::Unknown;
            let bracket = self.is(0, '(') || self.is(0, '[');
            if bracket {
                self.brackets();
            } else {
                self.at += 1;
                // what the operator joins
                if matches!(self.peek(0), Some(Token::Name(_) | Token::Text(_))) {
                    self.at += 1;
                } else if self.is(0, '(') || self.is(0, '{') {
                    self.brackets();
                }
            }
        }
        Ok(value)
    }

    fn operand(&mut self, depth: u32) -> Result<Value, SyntaxError> {
        if depth > DEPTH {
            return Err(self.error("nested too deeply"));
        }
        let value = match self.peek(0) {
            Some(Token::Text(text)) => Value::Text(text.clone()),
            Some(Token::Name(name)) => match self.peek(1) {
                // a field or a call
                Some(Token::Other('.' | '(' | '[' | ':')) => Value::Unknown,
                _ => match self.variables.get(name).and_then(Value::text) {
                    Some(text) if self.copied + text.len() <= COPIED => {
                        self.copied += text.len();
                        Value::Text(text.to_owned())
                    }
                    _ => Value::Unknown,
                },
            },
            Some(Token::Other('{')) => return self.table(depth),
            Some(Token::Other('(')) => {
                self.brackets();
                return Ok(Value::Unknown);
            }
            // the end of what holds it
            Some(Token::Other('}' | ',' | ';')) | None => return Ok(Value::Unknown),
            Some(_) => Value::Unknown,
        };
        self.at += 1;
        Ok(value)
    }

    fn table(&mut self, depth: u32) -> Result<Value, SyntaxError> {
        self.at += 1;
        let (mut items, mut named) = (Vec::new(), BTreeMap::new());
        loop {
            match self.peek(0).cloned() {
                None => return Err(self.error("a table has no end")),
                Some(Token::Other('}')) => {
                    self.at += 1;
                    return Ok(Value::Table(items, named));
                }
                Some(Token::Other(',' | ';')) => self.at += 1,
                Some(Token::Name(name)) if self.is(1, '=') && !self.is(2, '=') => {
                    self.at += 2;
                    named.insert(name, self.expression(depth + 1)?);
                }
                Some(Token::Other('[')) => {
                    let key = match self.peek(1) {
                        Some(Token::Text(text)) => Some(text.clone()),
                        _ => None,
                    };
                    self.brackets();
                    if self.is(0, '=') {
                        self.at += 1;
                    }
                    let value = self.expression(depth + 1)?;
                    named.extend(key.map(|key| (key, value)));
                }
                Some(_) => {
                    let before = self.at;
                    items.push(self.expression(depth + 1)?);
                    // a closing bracket of another kind belongs to nothing
                    self.at = self.at.max(before + 1);
                }
            }
        }
    }

    /// Passes over brackets and what they hold.
    fn brackets(&mut self) {
        let mut open = 0usize;
        while let Some((token, _)) = self.tokens.get(self.at) {
            self.at += 1;
            match token {
                Token::Other('(' | '[' | '{') => open += 1,
                Token::Other(')' | ']' | '}') => open = open.saturating_sub(1),
                _ => {}
            }
            if open == 0 {
                return;
            }
        }
    }
}

fn tokens(text: &str) -> (Vec<(Token, u32)>, Option<SyntaxError>) {
    let mut tokens = Vec::new();
    let (mut rest, mut line) = (text, 1u32);
    while let Some(first) = rest.chars().next() {
        if tokens.len() >= TOKENS {
            return (tokens, Some(SyntaxError { line, what: "too many tokens" }));
        }
        let before = rest;
        let start = line;
        let mut token = None;
        if let Some(comment) = rest.strip_prefix("--") {
            rest = match long_text(comment) {
                Some((_, after)) => after,
                None => comment.get(comment.find('\n').unwrap_or(comment.len())..).unwrap_or_default(),
            };
        } else if first.is_whitespace() {
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
        } else if let Some((content, after)) = long_text(rest) {
            token = Some(Token::Text(content.to_owned()));
            rest = after;
        } else if first == '"' || first == '\'' {
            match short_text(rest, first) {
                Some((content, after)) => {
                    token = Some(Token::Text(content));
                    rest = after;
                }
                None => return (tokens, Some(SyntaxError { line, what: "a text has no end" })),
            }
        } else if first.is_ascii_alphabetic() || first == '_' {
            let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
            let (name, after) = rest.split_at(end);
            token = Some(Token::Name(name.to_owned()));
            rest = after;
        } else if let Some(after) = rest.strip_prefix("..") {
            token = Some(Token::Join);
            rest = after;
        } else if first.is_ascii_digit() {
            let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '.')).unwrap_or(rest.len());
            token = Some(Token::Other('0'));
            rest = rest.get(end..).unwrap_or_default();
        } else {
            token = Some(Token::Other(first));
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
        }
        let passed = before.get(..before.len() - rest.len()).unwrap_or_default();
        let lines = passed.bytes().filter(|byte| *byte == b'\n').count();
        line = line.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX));
        tokens.extend(token.map(|token| (token, start)));
    }
    (tokens, None)
}

/// `[[text]]`, `[==[text]==]`; and what follows.
fn long_text(text: &str) -> Option<(&str, &str)> {
    let rest = text.strip_prefix('[')?;
    let level = rest.len() - rest.trim_start_matches('=').len();
    let rest = rest.get(level..)?.strip_prefix('[')?;
    let end = format!("]{}]", "=".repeat(level.min(100)));
    let (content, after) = rest.split_once(end.as_str())?;
    Some((content.strip_prefix('\n').unwrap_or(content), after))
}

/// A text in quotes on one line, and what follows.
fn short_text(text: &str, quote: char) -> Option<(String, &str)> {
    let mut out = String::new();
    let mut characters = text.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => match characters.next()?.1 {
                'n' => out.push('\n'),
                't' => out.push('\t'),
                other => out.push(other),
            },
            '\n' => return None,
            _ if character == quote => return Some((out, text.get(at + 1..)?)),
            _ => out.push(character),
        }
    }
    None
}
