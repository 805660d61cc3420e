//! As much of CUE as policies over statements use: nested fields, literals, bounds, patterns, `&`, and names for times.

use std::collections::BTreeMap;

/// Deepest nesting of structs that is read.
const MAX_DEPTH: usize = 32;
/// Most rules that are shown.
const MAX_RULES: usize = 500;

/// A value that a field is compared with.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Operand {
    /// A text.
    Text(String),
    /// A number, as written.
    Number(String),
    /// `true`, `false` or `null`.
    Word(String),
    /// A time as RFC 3339 writes it.
    Time(String),
}

/// How it is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Matches,
    MatchesNot,
}

/// One rule: a field, how, with what.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Constraint {
    pub(super) line: usize,
    pub(super) path: Vec<String>,
    pub(super) operator: Operator,
    pub(super) operand: Operand,
}

/// What was read, and what was not.
#[derive(Debug, Default)]
pub(super) struct Rules {
    pub(super) constraints: Vec<Constraint>,
    pub(super) untold: Vec<(usize, String)>,
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Name(String),
    Text(String),
    Number(String),
    Mark(&'static str),
    /// A letter that begins nothing known.
    Odd,
    /// The end of a line.
    Line,
}

/// Members that a statement has. A field of another name at the top only names a value.
const STATEMENT: [&str; 4] = ["_type", "subject", "predicateType", "predicate"];

/// Reads a policy. What is not understood is kept with its line.
pub(super) fn rules(text: &str) -> Rules {
    let tokens = tokens(text);
    let mut reader = Reader { text, tokens: &tokens, at: 0, names: BTreeMap::new(), rules: Rules::default() };
    // Names may stand below their use, so they are gathered first.
    reader.fields(&mut Vec::new(), false);
    reader.at = 0;
    reader.rules = Rules::default();
    reader.fields(&mut Vec::new(), true);
    if reader.rules.constraints.len() > MAX_RULES {
        reader.rules.constraints.truncate(MAX_RULES);
        reader.rules.untold.push((1, format!("more than {MAX_RULES} rules")));
    }
    reader.rules
}

struct Reader<'a> {
    text: &'a str,
    tokens: &'a [(usize, Token)],
    at: usize,
    names: BTreeMap<String, Operand>,
    rules: Rules,
}

impl Reader<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|(_, token)| token)
    }

    fn line(&self) -> usize {
        self.tokens.get(self.at).or(self.tokens.last()).map_or(1, |(line, _)| *line)
    }

    fn takes(&mut self, mark: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Mark(found)) if *found == mark);
        self.at += usize::from(found);
        found
    }

    fn skip_lines(&mut self) {
        while matches!(self.peek(), Some(Token::Line | Token::Mark(","))) {
            self.at += 1;
        }
    }

    /// Fields up to a closing brace or the end.
    fn fields(&mut self, path: &mut Vec<String>, all: bool) {
        loop {
            self.skip_lines();
            match self.peek() {
                None => return,
                Some(Token::Mark("}")) => {
                    if !path.is_empty() {
                        return;
                    }
                    self.untold();
                }
                Some(Token::Name(word)) if path.is_empty() && (word == "import" || word == "package") => self.heading(),
                Some(_) => self.field(path, all),
            }
        }
    }

    /// `package x`, `import "time"`, `import ("time", "strings")`.
    fn heading(&mut self) {
        self.at += 1;
        if self.takes("(") {
            while self.peek().is_some_and(|token| *token != Token::Mark(")")) {
                self.at += 1;
            }
            self.at += 1;
        } else {
            while self.peek().is_some_and(|token| *token != Token::Line) {
                self.at += 1;
            }
        }
    }

    fn field(&mut self, path: &mut Vec<String>, all: bool) {
        let (start, line) = (self.at, self.line());
        if matches!(self.peek(), Some(Token::Name(word)) if word == "let") {
            self.at += 1;
            if let Some(Token::Name(name)) = self.peek().cloned() {
                self.at += 1;
                if self.takes("=")
                    && let Some(value) = self.operand()
                    && self.ends()
                {
                    self.names.insert(name, value);
                    return;
                }
            }
            return self.untold_from(start);
        }
        let label = match self.peek() {
            Some(Token::Name(label) | Token::Text(label)) => label.clone(),
            _ => return self.untold(),
        };
        self.at += 1;
        let optional = self.takes("?");
        let _ = self.takes("!");
        // What may be absent is no rule that another language says in one line.
        if optional || !self.takes(":") || path.len() >= MAX_DEPTH {
            return self.untold_from(start);
        }
        let known = !path.is_empty() || STATEMENT.contains(&label.as_str());
        if !known && (self.is_field() || matches!(self.peek(), Some(Token::Mark("{")))) {
            return self.untold_from(start);
        }
        path.push(label.clone());
        if self.takes("{") {
            self.fields(path, all);
            if !self.takes("}") || !self.ends() {
                self.untold_from(start);
            }
        } else if self.is_field() {
            self.field(path, all);
        } else {
            let before = self.rules.constraints.len();
            if !self.constraints(path, line) {
                self.rules.constraints.truncate(before);
                self.untold_from(start);
            } else if !known {
                // A name for a value, unless it is more than that.
                let named: Vec<Constraint> = self.rules.constraints.drain(before..).collect();
                match named.as_slice() {
                    [Constraint { operator: Operator::Equal, operand, .. }] => {
                        self.names.insert(label, operand.clone());
                    }
                    _ if all => self.untold_from(start),
                    _ => {}
                }
            }
        }
        path.pop();
    }

    /// Whether `label:` stands here, as in `a: b: "v"`.
    fn is_field(&self) -> bool {
        matches!(self.peek(), Some(Token::Name(_) | Token::Text(_)))
            && matches!(self.tokens.get(self.at.saturating_add(1)), Some((_, Token::Mark(":"))))
    }

    /// `"v"`, `<before & >after`, `=~"^a"`.
    fn constraints(&mut self, path: &[String], line: usize) -> bool {
        loop {
            let operator = match self.peek() {
                Some(Token::Mark("<")) => Operator::Less,
                Some(Token::Mark("<=")) => Operator::LessOrEqual,
                Some(Token::Mark(">")) => Operator::Greater,
                Some(Token::Mark(">=")) => Operator::GreaterOrEqual,
                Some(Token::Mark("!=")) => Operator::NotEqual,
                Some(Token::Mark("=~")) => Operator::Matches,
                Some(Token::Mark("!~")) => Operator::MatchesNot,
                _ => Operator::Equal,
            };
            self.at += usize::from(operator != Operator::Equal);
            let Some(operand) = self.operand() else { return false };
            let pattern = matches!(operator, Operator::Matches | Operator::MatchesNot);
            if pattern && !matches!(operand, Operand::Text(_)) {
                return false;
            }
            self.rules.constraints.push(Constraint { line, path: path.to_vec(), operator, operand });
            if !self.takes("&") {
                return self.ends();
            }
        }
    }

    fn operand(&mut self) -> Option<Operand> {
        let token = self.peek()?.clone();
        self.at += 1;
        match token {
            Token::Text(text) => Some(Operand::Text(text)),
            Token::Number(number) => Some(Operand::Number(number)),
            Token::Mark("-") => match self.peek() {
                Some(Token::Number(number)) => {
                    let number = format!("-{number}");
                    self.at += 1;
                    Some(Operand::Number(number))
                }
                _ => None,
            },
            Token::Name(word) if ["true", "false", "null"].contains(&word.as_str()) => Some(Operand::Word(word)),
            Token::Name(word) if word == "time" && self.takes(".") => self.time(),
            Token::Name(word) => self.names.get(&word).cloned(),
            _ => None,
        }
    }

    /// `time.Parse(time.RFC3339, "T")`, behind `time.`.
    fn time(&mut self) -> Option<Operand> {
        let name = |reader: &mut Self, wanted: &[&str]| {
            let found = matches!(reader.peek(), Some(Token::Name(word)) if wanted.contains(&word.as_str()));
            reader.at += usize::from(found);
            found.then_some(())
        };
        let mark = |reader: &mut Self, wanted: &str| reader.takes(wanted).then_some(());
        name(self, &["Parse"])?;
        mark(self, "(")?;
        name(self, &["time"])?;
        mark(self, ".")?;
        name(self, &["RFC3339", "RFC3339Nano"])?;
        mark(self, ",")?;
        let Some(Token::Text(text)) = self.peek().cloned() else { return None };
        self.at += 1;
        mark(self, ")")?;
        Some(Operand::Time(text))
    }

    /// Whether the field ends here.
    fn ends(&self) -> bool {
        matches!(self.peek(), None | Some(Token::Line | Token::Mark("," | "}")))
    }

    /// What stands here is not understood: its line is kept, and what follows up to the end of its line and of its brackets is left out.
    fn untold(&mut self) {
        self.untold_from(self.at);
    }

    fn untold_from(&mut self, start: usize) {
        let line = self.tokens.get(start).map_or(1, |(line, _)| *line);
        let text: String =
            self.text.lines().nth(line.saturating_sub(1)).unwrap_or_default().trim().chars().take(120).collect();
        let text = text.replace(char::is_control, " ");
        if !self.rules.untold.iter().any(|(known, _)| *known == line) && self.rules.untold.len() < MAX_RULES {
            self.rules.untold.push((line, text));
        }
        // From the beginning, so that every bracket is counted; always at least one token further.
        let stop = self.at.max(start.saturating_add(1));
        self.at = start;
        let mut depth = 0_usize;
        while let Some(token) = self.peek() {
            match token {
                Token::Mark("{" | "[" | "(") => depth += 1,
                Token::Mark("}" | "]" | ")") if depth > 0 => depth -= 1,
                Token::Mark("}") if self.at >= stop => return,
                Token::Line if depth == 0 && self.at >= stop => return,
                _ => {}
            }
            self.at += 1;
        }
    }
}

const MARKS: [&str; 24] = [
    "...", "<=", ">=", "!=", "=~", "!~", "==", "&&", "||", "{", "}", "[", "]", "(", ")", ":", ",", "<", ">", "=", "&",
    "|", "*", "?",
];
const MORE: [&str; 4] = ["!", ".", "-", "+"];

fn tokens(text: &str) -> Vec<(usize, Token)> {
    let mut found = Vec::new();
    let (mut rest, mut line) = (text, 1_usize);
    while let Some(letter) = rest.chars().next() {
        let length = letter.len_utf8();
        if letter == '\n' {
            found.push((line, Token::Line));
            line += 1;
            rest = behind(rest, length);
        } else if letter.is_whitespace() {
            rest = behind(rest, length);
        } else if rest.starts_with("//") {
            rest = behind(rest, rest.find('\n').unwrap_or(rest.len()));
        } else if letter == '"' && !rest.starts_with("\"\"\"") {
            match string(rest) {
                Some((text, length)) => {
                    found.push((line, Token::Text(text)));
                    rest = behind(rest, length);
                }
                None => {
                    found.push((line, Token::Odd));
                    rest = behind(rest, rest.find('\n').unwrap_or(rest.len()));
                }
            }
        } else if letter.is_ascii_digit() {
            let length = rest
                .find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '.' && letter != '_')
                .unwrap_or(rest.len());
            let (number, after) = rest.split_at(length);
            // Plain decimals only: CUE's `1Ki`, `0x1f` and `1_000` are other numbers elsewhere.
            let plain = number.parse::<f64>().is_ok_and(f64::is_finite)
                && !(number.len() > 1 && number.starts_with('0') && !number.starts_with("0."));
            found.push((
                line,
                if plain && !number.ends_with('.') { Token::Number(number.to_owned()) } else { Token::Odd },
            ));
            rest = after;
        } else if letter.is_alphabetic() || letter == '_' || letter == '#' || letter == '$' {
            let length = rest
                .char_indices()
                .find(|(at, letter)| *at > 0 && !letter.is_alphanumeric() && *letter != '_' && *letter != '$')
                .map_or(rest.len(), |(at, _)| at);
            let (name, after) = rest.split_at(length);
            found.push((line, Token::Name(name.to_owned())));
            rest = after;
        } else if let Some(mark) = MARKS.iter().chain(&MORE).find(|mark| rest.starts_with(**mark)) {
            found.push((line, Token::Mark(mark)));
            rest = behind(rest, mark.len());
        } else {
            found.push((line, Token::Odd));
            rest = behind(rest, length);
        }
    }
    found
}

fn behind(text: &str, length: usize) -> &str {
    text.get(length..).unwrap_or_default()
}

/// A text in double quotes with the escapes that JSON shares; `None` for others, and for interpolation.
fn string(text: &str) -> Option<(String, usize)> {
    let mut escaped = false;
    for (at, letter) in text.char_indices().skip(1) {
        match letter {
            '\n' => return None,
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => {
                let quoted = text.get(..=at)?;
                return Some((serde_json::from_str(quoted).ok()?, at + 1));
            }
            _ => {}
        }
    }
    None
}
