//! As much of Starlark as lists of artifacts are written in: assignments, calls, texts and lists put together.
//!
//! Source: github.com/bazelbuild/starlark:spec.md. Control flow is left out: module files may not have it, and what it computes stays unknown.

use std::collections::HashMap;

use super::tokens::{Token, tokens};

/// Brackets in brackets.
const DEPTH: u32 = 64;

/// Values and bytes that evaluating one file may make.
const BUDGET: usize = 4_000_000;

/// One artifact that a build file asks for. Without an artifact: one that is computed in a way that is not read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) group: String,
    pub(super) artifact: String,
    pub(super) version: String,
    pub(super) line: u32,
    pub(super) dev: bool,
}

#[derive(Clone, Debug)]
enum Value {
    Text(String),
    List(Vec<Value>),
    Fields(Vec<(String, Value)>),
    /// The extension `maven` of rules_jvm_external.
    Maven,
    /// The rule `maven_install`.
    Install,
    Unknown,
}

impl Value {
    /// What a copy costs.
    fn weight(&self) -> usize {
        match self {
            Value::Text(text) => text.len(),
            Value::List(list) => list.iter().map(Value::weight).sum::<usize>() + list.len(),
            Value::Fields(fields) => fields.iter().map(|(name, value)| name.len() + value.weight()).sum(),
            Value::Maven | Value::Install | Value::Unknown => 1,
        }
    }
}

/// Reads the artifacts of a build file. An error ends the reading; what stands before it is kept.
pub(super) fn artifacts(text: &str) -> (Vec<Asked>, Option<String>) {
    let (tokens, broken) = tokens(text);
    let mut reader = Reader { tokens, at: 0, names: HashMap::new(), asked: Vec::new(), budget: BUDGET };
    let error = reader.file().err().or(broken);
    (reader.asked, error)
}

struct Reader {
    tokens: Vec<(Token, u32)>,
    at: usize,
    names: HashMap<String, Value>,
    asked: Vec<Asked>,
    budget: usize,
}

type Read<T> = Result<T, String>;

/// Arguments of a call: those without and those with a name.
type Arguments = (Vec<Value>, Vec<(String, Value)>);

impl Reader {
    fn peek(&self) -> &Token {
        self.tokens.get(self.at).map_or(&Token::End, |(token, _)| token)
    }

    fn line(&self) -> u32 {
        self.tokens.get(self.at).or(self.tokens.last()).map_or(1, |(_, line)| *line)
    }

    fn next(&mut self) -> Token {
        let token = self.peek().clone();
        self.at += 1;
        token
    }

    fn is(&self, sign: char) -> bool {
        *self.peek() == Token::Sign(sign)
    }

    fn skip(&mut self, sign: char) -> bool {
        let is = self.is(sign);
        self.at += usize::from(is);
        is
    }

    fn expect(&mut self, sign: char) -> Read<()> {
        match self.skip(sign) {
            true => Ok(()),
            false => Err(format!("line {}: expected `{sign}`", self.line())),
        }
    }

    fn spend(&mut self, cost: usize) -> bool {
        let left = self.budget.checked_sub(cost);
        self.budget = left.unwrap_or(0);
        left.is_some()
    }

    fn file(&mut self) -> Read<()> {
        while self.at < self.tokens.len() {
            if *self.peek() == Token::End {
                self.at += 1;
                continue;
            }
            self.statement()?;
        }
        Ok(())
    }

    fn statement(&mut self) -> Read<()> {
        if let Token::Name(name) = self.peek()
            && matches!(name.as_str(), "def" | "if" | "for" | "elif" | "else" | "return" | "pass")
        {
            return Err(format!("line {}: `{name}` is not read", self.line()));
        }
        let target = match (self.peek(), self.tokens.get(self.at + 1).map(|(token, _)| token)) {
            (Token::Name(name), Some(Token::Sign('='))) => Some((name.clone(), false)),
            (Token::Name(name), Some(Token::Pair(['+', '=']))) => Some((name.clone(), true)),
            _ => None,
        };
        match target {
            Some((name, more)) => {
                self.at += 2;
                let mut value = self.expression(0)?;
                if more {
                    let known = self.names.get(&name).cloned().unwrap_or(Value::Unknown);
                    value = self.plus(known, value);
                }
                self.names.insert(name, value);
            }
            None => {
                self.expression(0)?;
                // several targets: what they are is not known
                while matches!(self.peek(), Token::Sign('=' | ',')) {
                    self.at += 1;
                    self.expression(0)?;
                }
            }
        }
        match self.next() {
            Token::End => Ok(()),
            _ => Err(format!("line {}: something follows a statement", self.line())),
        }
    }

    fn expression(&mut self, depth: u32) -> Read<Value> {
        if depth > DEPTH {
            return Err(format!("line {}: nested too deeply", self.line()));
        }
        let mut value = self.operand(depth)?;
        loop {
            match self.peek() {
                Token::Sign('+') => {
                    self.at += 1;
                    let other = self.operand(depth)?;
                    value = self.plus(value, other);
                }
                Token::Sign('%') => {
                    self.at += 1;
                    let other = self.operand(depth)?;
                    value = self.percent(value, other);
                }
                Token::Sign('-' | '*' | '/' | '<' | '>' | '|' | '&') | Token::Pair([_, '=' | '/']) => {
                    self.at += 1;
                    self.operand(depth)?;
                    value = Value::Unknown;
                }
                Token::Name(word) if matches!(word.as_str(), "and" | "or" | "in" | "not" | "if" | "else") => {
                    let negated = word == "not";
                    self.at += 1;
                    if negated && *self.peek() == Token::Name("in".to_owned()) {
                        self.at += 1;
                    }
                    self.operand(depth)?;
                    value = Value::Unknown;
                }
                _ => return Ok(value),
            }
        }
    }

    fn plus(&mut self, one: Value, other: Value) -> Value {
        match (one, other) {
            (Value::Text(one), Value::Text(other)) if self.spend(one.len() + other.len()) => Value::Text(one + &other),
            (Value::List(mut one), Value::List(other)) if self.spend(one.len() + other.len()) => {
                one.extend(other);
                Value::List(one)
            }
            // what is known of a list stays, and what is not is told
            (Value::List(mut list), _) | (_, Value::List(mut list)) if self.spend(list.len()) => {
                list.push(Value::Unknown);
                Value::List(list)
            }
            _ => Value::Unknown,
        }
    }

    /// `"%s:%s" % (a, b)`.
    fn percent(&mut self, format: Value, values: Value) -> Value {
        let Value::Text(format) = format else { return Value::Unknown };
        let values = match values {
            Value::List(values) => values,
            value => vec![value],
        };
        let mut values = values.into_iter();
        let mut out = String::new();
        let mut parts = format.split('%');
        out.push_str(parts.next().unwrap_or_default());
        for part in parts {
            match (part.strip_prefix('s'), values.next()) {
                (Some(rest), Some(Value::Text(value))) if self.spend(value.len() + rest.len()) => {
                    out.push_str(&value);
                    out.push_str(rest);
                }
                _ => return Value::Unknown,
            }
        }
        Value::Text(out)
    }

    /// `"{}:{name}".format(a, name = b)`.
    fn format(&mut self, format: &str, (places, named): &Arguments) -> Value {
        let mut out = String::new();
        let mut next = 0;
        let mut rest = format;
        while let Some((before, behind)) = rest.split_once('{') {
            out.push_str(before);
            let Some((name, after)) = behind.split_once('}') else { return Value::Unknown };
            let value = match name.parse::<usize>() {
                Ok(place) => places.get(place),
                Err(_) if name.is_empty() => {
                    next += 1;
                    places.get(next - 1)
                }
                Err(_) => named.iter().find(|(key, _)| key == name).map(|(_, value)| value),
            };
            match value {
                Some(Value::Text(value)) if self.spend(value.len() + before.len()) => out.push_str(value),
                _ => return Value::Unknown,
            }
            rest = after;
        }
        out.push_str(rest);
        Value::Text(out)
    }

    fn operand(&mut self, depth: u32) -> Read<Value> {
        let line = self.line();
        if depth > DEPTH {
            return Err(format!("line {line}: nested too deeply"));
        }
        if !self.spend(1) {
            return Err(format!("line {line}: the file is too large"));
        }
        let mut value = match self.next() {
            Token::Text(mut text) => {
                while let Token::Text(more) = self.peek() {
                    text.push_str(more);
                    self.at += 1;
                }
                Value::Text(text)
            }
            Token::Number => Value::Unknown,
            Token::Sign('-' | '+') => {
                self.operand(depth + 1)?;
                Value::Unknown
            }
            Token::Name(name) if name == "not" || name == "lambda" => {
                if name == "lambda" {
                    return Err(format!("line {line}: `lambda` is not read"));
                }
                self.operand(depth + 1)?;
                Value::Unknown
            }
            Token::Name(name) => {
                if self.is('(') {
                    let arguments = self.arguments(depth)?;
                    self.call(&name, arguments, line)
                } else {
                    let value = self.names.get(&name).cloned().unwrap_or(Value::Unknown);
                    if self.spend(value.weight()) { value } else { Value::Unknown }
                }
            }
            Token::Sign('[') => self.list(']', depth)?,
            Token::Sign('(') => {
                let before = self.at;
                let list = self.list(')', depth)?;
                let single = !self
                    .tokens
                    .get(before..self.at)
                    .unwrap_or_default()
                    .iter()
                    .any(|(token, _)| *token == Token::Sign(','));
                match list {
                    Value::List(mut list) if single && list.len() == 1 => list.pop().unwrap_or(Value::Unknown),
                    list => list,
                }
            }
            Token::Sign('{') => self.fields(depth)?,
            _ => return Err(format!("line {line}: expected a value")),
        };
        loop {
            if self.skip('.') {
                let Token::Name(method) = self.next() else { return Err(format!("line {line}: expected a name")) };
                if !self.is('(') {
                    value = Value::Unknown;
                    continue;
                }
                let arguments = self.arguments(depth)?;
                value = match (&value, method.as_str()) {
                    (Value::Text(text), "format") => {
                        let text = text.clone();
                        self.format(&text, &arguments)
                    }
                    (Value::Maven, "install") => {
                        self.install(&arguments, line);
                        Value::Unknown
                    }
                    (Value::Maven, "artifact") => {
                        self.ask(&artifact(&arguments), line, false);
                        Value::Unknown
                    }
                    // `maven.artifact(...)` inside of a list of `maven_install`
                    (_, "artifact") => artifact(&arguments),
                    _ => Value::Unknown,
                };
            } else if self.is('[') {
                self.at += 1;
                self.list(']', depth)?;
                value = Value::Unknown;
            } else if self.is('(') {
                self.arguments(depth)?;
                value = Value::Unknown;
            } else {
                return Ok(value);
            }
        }
    }

    fn call(&mut self, name: &str, arguments: Arguments, line: u32) -> Value {
        let text = |at: usize| match arguments.0.get(at) {
            Some(Value::Text(text)) => text.as_str(),
            _ => "",
        };
        match name {
            "load" if text(0).contains("rules_jvm_external") => {
                for value in arguments.0.iter().skip(1) {
                    if let Value::Text(loaded) = value
                        && loaded == "maven_install"
                    {
                        self.names.insert(loaded.clone(), Value::Install);
                    }
                }
                for (alias, value) in &arguments.1 {
                    if matches!(value, Value::Text(loaded) if loaded == "maven_install") {
                        self.names.insert(alias.clone(), Value::Install);
                    }
                }
                Value::Unknown
            }
            "use_extension" if text(0).contains("rules_jvm_external") && text(1) == "maven" => Value::Maven,
            name if matches!(self.names.get(name), Some(Value::Install)) => {
                self.install(&arguments, line);
                Value::Unknown
            }
            "dict" | "struct" => Value::Fields(arguments.1),
            _ => Value::Unknown,
        }
    }

    fn install(&mut self, arguments: &Arguments, line: u32) {
        match arguments.1.iter().find(|(name, _)| name == "artifacts") {
            Some((_, Value::List(list))) => {
                for value in list {
                    self.ask(value, line, false);
                }
            }
            Some(_) => self.ask(&Value::Unknown, line, false),
            None => {}
        }
    }

    fn ask(&mut self, value: &Value, line: u32, dev: bool) {
        let mut asked = Asked { line, dev, ..Asked::default() };
        match value {
            Value::Text(text) => {
                if let Some((group, artifact, version)) = super::coordinates(text) {
                    (asked.group, asked.artifact, asked.version) = (group.into(), artifact.into(), version.into());
                }
            }
            Value::Fields(fields) => {
                let get = |name: &str| match fields.iter().find(|(key, _)| key == name) {
                    Some((_, Value::Text(text))) => text.clone(),
                    _ => String::new(),
                };
                (asked.group, asked.artifact, asked.version) = (get("group"), get("artifact"), get("version"));
                asked.dev |= fields
                    .iter()
                    .any(|(name, value)| name == "testonly" && matches!(value, Value::Text(yes) if yes == "True"));
            }
            _ => {}
        }
        if self.spend(1) {
            self.asked.push(asked);
        }
    }

    /// Arguments from the opening parenthesis on.
    fn arguments(&mut self, depth: u32) -> Read<Arguments> {
        self.expect('(')?;
        let mut arguments = Arguments::default();
        loop {
            if self.skip(')') {
                return Ok(arguments);
            }
            let starred = self.skip('*') || *self.peek() == Token::Pair(['*', '*']);
            if *self.peek() == Token::Pair(['*', '*']) {
                self.at += 1;
            }
            let named = match (self.peek(), self.tokens.get(self.at + 1).map(|(token, _)| token)) {
                (Token::Name(name), Some(Token::Sign('='))) => Some(name.clone()),
                _ => None,
            };
            match named {
                Some(name) => {
                    self.at += 2;
                    let truth = matches!(self.peek(), Token::Name(word) if word == "True");
                    let value = self.expression(depth + 1)?;
                    let value = if truth { Value::Text("True".to_owned()) } else { value };
                    arguments.1.push((name, value));
                }
                None => {
                    let value = self.expression(depth + 1)?;
                    arguments.0.push(if starred { Value::Unknown } else { value });
                }
            }
            self.comprehension(')', depth)?;
            if !self.skip(',') {
                self.expect(')')?;
                return Ok(arguments);
            }
        }
    }

    /// Items up to the closing bracket.
    fn list(&mut self, end: char, depth: u32) -> Read<Value> {
        let mut list = Vec::new();
        loop {
            if self.skip(end) {
                return Ok(Value::List(list));
            }
            // a slice `[a:b]`
            if self.skip(':') {
                continue;
            }
            list.push(self.expression(depth + 1)?);
            if self.comprehension(end, depth)? {
                list = vec![Value::Unknown];
            }
            if !self.skip(',') && !self.is(':') {
                self.expect(end)?;
                return Ok(Value::List(list));
            }
        }
    }

    fn fields(&mut self, depth: u32) -> Read<Value> {
        let mut fields = Vec::new();
        loop {
            if self.skip('}') {
                return Ok(Value::Fields(fields));
            }
            let key = self.expression(depth + 1)?;
            self.expect(':')?;
            let value = self.expression(depth + 1)?;
            if let Value::Text(key) = key {
                fields.push((key, value));
            }
            self.comprehension('}', depth)?;
            if !self.skip(',') {
                self.expect('}')?;
                return Ok(Value::Fields(fields));
            }
        }
    }

    /// Passes over `for x in y if z`, if one stands here: what it makes is not known.
    fn comprehension(&mut self, end: char, depth: u32) -> Read<bool> {
        let mut found = false;
        while *self.peek() == Token::Name("for".to_owned()) {
            found = true;
            self.at += 1;
            while !self.is(end) && *self.peek() != Token::Name("for".to_owned()) {
                if *self.peek() == Token::End {
                    return Err(format!("line {}: expected `{end}`", self.line()));
                }
                if !self.skip(',') {
                    self.expression(depth + 1)?;
                }
            }
        }
        Ok(found)
    }
}

/// The fields of `artifact(group, artifact, version)`, by place or by name.
fn artifact((places, named): &Arguments) -> Value {
    let mut fields: Vec<(String, Value)> =
        ["group", "artifact", "version"].iter().map(|name| (*name).to_owned()).zip(places.iter().cloned()).collect();
    fields.extend(named.iter().cloned());
    Value::Fields(fields)
}
