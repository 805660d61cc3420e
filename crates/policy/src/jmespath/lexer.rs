//! Characters into tokens.
//!
//! Source: jmespath/go-jmespath:lexer.go. A raw string knows one escape, `\'`; a literal between backticks is JSON with `` \` `` for a backtick.

use serde_json::Value;

use super::ParseError;

/// Longest text that is read, in bytes.
pub(super) const LONGEST: usize = 64 << 10;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Name(String),
    Quoted(String),
    Text(String),
    Literal(Value),
    Number(i64),
    Flatten,
    Filter,
    LeftBracket,
    RightBracket,
    LeftBrace,
    RightBrace,
    LeftParen,
    RightParen,
    Dot,
    Star,
    Comma,
    Colon,
    Current,
    Reference,
    Pipe,
    Or,
    And,
    Not,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    End,
}

impl Token {
    /// How the token is spoken of in an error.
    pub(super) fn name(&self) -> String {
        let sign = match self {
            Token::Name(name) => return format!("`{name}`"),
            Token::Quoted(name) => return format!("`\"{name}\"`"),
            Token::Text(_) => return "a string".to_owned(),
            Token::Literal(_) => return "a literal".to_owned(),
            Token::Number(number) => return format!("`{number}`"),
            Token::End => return "the end".to_owned(),
            Token::Flatten => "[]",
            Token::Filter => "[?",
            Token::LeftBracket => "[",
            Token::RightBracket => "]",
            Token::LeftBrace => "{",
            Token::RightBrace => "}",
            Token::LeftParen => "(",
            Token::RightParen => ")",
            Token::Dot => ".",
            Token::Star => "*",
            Token::Comma => ",",
            Token::Colon => ":",
            Token::Current => "@",
            Token::Reference => "&",
            Token::Pipe => "|",
            Token::Or => "||",
            Token::And => "&&",
            Token::Not => "!",
            Token::Equal => "==",
            Token::NotEqual => "!=",
            Token::Less => "<",
            Token::LessOrEqual => "<=",
            Token::Greater => ">",
            Token::GreaterOrEqual => ">=",
        };
        format!("`{sign}`")
    }
}

/// All tokens with their places in characters; the last is [`Token::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<(Token, usize)>, ParseError> {
    if text.len() > LONGEST {
        return Err(ParseError { position: 0, message: format!("the text is longer than {LONGEST} bytes") });
    }
    let mut lexer = Lexer { letters: text.chars().collect(), at: 0 };
    let mut found = Vec::new();
    loop {
        while lexer.peek().is_some_and(|letter| matches!(letter, ' ' | '\t' | '\n' | '\r')) {
            lexer.at += 1;
        }
        let place = lexer.at;
        let token = lexer.token()?;
        let last = token == Token::End;
        found.push((token, place));
        if last {
            return Ok(found);
        }
    }
}

struct Lexer {
    letters: Vec<char>,
    at: usize,
}

impl Lexer {
    fn peek(&self) -> Option<char> {
        self.letters.get(self.at).copied()
    }

    /// Takes the next letter if it is the wanted one.
    fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    fn error<T>(position: usize, message: impl Into<String>) -> Result<T, ParseError> {
        Err(ParseError { position, message: message.into() })
    }

    fn token(&mut self) -> Result<Token, ParseError> {
        let start = self.at;
        let Some(letter) = self.peek() else { return Ok(Token::End) };
        self.at += 1;
        Ok(match letter {
            'a'..='z' | 'A'..='Z' | '_' => {
                while self.peek().is_some_and(|letter| letter.is_ascii_alphanumeric() || letter == '_') {
                    self.at += 1;
                }
                Token::Name(self.slice(start, self.at))
            }
            '0'..='9' | '-' => return self.number(start),
            '.' => Token::Dot,
            '*' => Token::Star,
            ',' => Token::Comma,
            ':' => Token::Colon,
            '{' => Token::LeftBrace,
            '}' => Token::RightBrace,
            ']' => Token::RightBracket,
            '(' => Token::LeftParen,
            ')' => Token::RightParen,
            '@' => Token::Current,
            '[' if self.eat('?') => Token::Filter,
            '[' if self.eat(']') => Token::Flatten,
            '[' => Token::LeftBracket,
            '|' if self.eat('|') => Token::Or,
            '|' => Token::Pipe,
            '&' if self.eat('&') => Token::And,
            '&' => Token::Reference,
            '<' if self.eat('=') => Token::LessOrEqual,
            '<' => Token::Less,
            '>' if self.eat('=') => Token::GreaterOrEqual,
            '>' => Token::Greater,
            '!' if self.eat('=') => Token::NotEqual,
            '!' => Token::Not,
            '=' if self.eat('=') => Token::Equal,
            '=' => return Self::error(start, "`=` compares nothing: write `==`"),
            '\'' => Token::Text(self.raw_string(start)?),
            '"' => Token::Quoted(self.quoted(start)?),
            '`' => Token::Literal(self.literal(start)?),
            other => return Self::error(start, format!("`{}` starts nothing", other.escape_debug())),
        })
    }

    fn slice(&self, from: usize, to: usize) -> String {
        self.letters.get(from..to).unwrap_or_default().iter().collect()
    }

    fn number(&mut self, start: usize) -> Result<Token, ParseError> {
        while self.peek().is_some_and(|letter| letter.is_ascii_digit()) {
            self.at += 1;
        }
        let text = self.slice(start, self.at);
        match text.parse() {
            Ok(number) => Ok(Token::Number(number)),
            Err(_) if text == "-" => Self::error(start, "`-` stands before no digit"),
            Err(_) => Self::error(start, format!("`{text}` is beyond 64 bits")),
        }
    }

    fn raw_string(&mut self, start: usize) -> Result<String, ParseError> {
        let mut text = String::new();
        while let Some(letter) = self.peek() {
            self.at += 1;
            match letter {
                '\'' => return Ok(text),
                '\\' if self.eat('\'') => text.push('\''),
                other => text.push(other),
            }
        }
        Self::error(start, "the string has no closing `'`")
    }

    /// What stands before the closing sign, escapes left as they are.
    fn until(&mut self, close: char, start: usize) -> Result<String, ParseError> {
        let from = self.at;
        while let Some(letter) = self.peek() {
            self.at += 1;
            if letter == close {
                return Ok(self.slice(from, self.at - 1));
            }
            if letter == '\\' && self.peek().is_some() {
                self.at += 1;
            }
        }
        Self::error(start, format!("no closing `{close}`"))
    }

    fn quoted(&mut self, start: usize) -> Result<String, ParseError> {
        let text = self.until('"', start)?;
        match serde_json::from_str(&format!("\"{text}\"")) {
            Ok(name) => Ok(name),
            Err(_) => Self::error(start, "the quoted name is no JSON string"),
        }
    }

    fn literal(&mut self, start: usize) -> Result<Value, ParseError> {
        let text = self.until('`', start)?.replace("\\`", "`");
        match serde_json::from_str(&text) {
            Ok(value) => Ok(value),
            Err(err) => Self::error(start, format!("the literal is no JSON: {err}")),
        }
    }
}
