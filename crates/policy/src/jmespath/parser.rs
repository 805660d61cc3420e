//! Tokens into nodes, by binding powers.
//!
//! Source: jmespath/go-jmespath:parser.go. The depth of the tree is bounded as it is built, so that whoever walks it by recursion is safe.

use super::ParseError;
use super::ast::{Comparison, Compiled, Expression, Node, NodeId};
use super::functions::{self, Function};
use super::lexer::{self, Token};

/// Deepest tree, counted in nodes. Real expressions stay below 30.
const DEEPEST: u16 = 160;

impl Expression {
    /// Compiles a text.
    ///
    /// A function that nobody knows and a wrong number of arguments are errors here, and not at the first search that comes by.
    /// Errors: [`ParseError`] with the place. Source: jmespath.org/specification.html, "Grammar".
    pub fn parse(text: &str) -> Result<Expression, ParseError> {
        let tokens = lexer::tokens(text)?;
        let mut parser = Parser { tokens, at: 0, nodes: Vec::new(), depths: Vec::new(), open: 0 };
        let root = parser.expression(0)?;
        match parser.current() {
            Token::End => Ok(Expression { nodes: parser.nodes, root }),
            other => Err(parser.error(format!("unexpected {} after the expression", other.name()))),
        }
    }
}

struct Parser {
    tokens: Vec<(Token, usize)>,
    at: usize,
    nodes: Vec<Node>,
    /// Height of the tree under each node.
    depths: Vec<u16>,
    /// How many calls of [`Parser::expression`] are open.
    open: u16,
}

/// How strongly a token binds to what stands before it.
fn power(token: &Token) -> u8 {
    match token {
        Token::Pipe => 1,
        Token::Or => 2,
        Token::And => 3,
        Token::Equal | Token::NotEqual | Token::Less | Token::LessOrEqual | Token::Greater | Token::GreaterOrEqual => 5,
        Token::Flatten => 9,
        Token::Star => 20,
        Token::Filter => 21,
        Token::Dot => 40,
        Token::Not => 45,
        Token::LeftBrace => 50,
        Token::LeftBracket => 55,
        Token::LeftParen => 60,
        _ => 0,
    }
}

impl Parser {
    fn current(&self) -> Token {
        self.ahead(0)
    }

    fn ahead(&self, count: usize) -> Token {
        self.tokens.get(self.at + count).map_or(Token::End, |(token, _)| token.clone())
    }

    fn is(&self, wanted: &Token) -> bool {
        self.tokens.get(self.at).is_some_and(|(token, _)| token == wanted)
    }

    fn advance(&mut self) -> Token {
        let token = self.current();
        self.at = (self.at + 1).min(self.tokens.len().saturating_sub(1));
        token
    }

    fn place(&self) -> usize {
        self.tokens.get(self.at).map_or(0, |(_, place)| *place)
    }

    fn error(&self, message: impl Into<String>) -> ParseError {
        ParseError { position: self.place(), message: message.into() }
    }

    fn expect(&mut self, wanted: &Token) -> Result<(), ParseError> {
        if self.is(wanted) {
            self.advance();
            return Ok(());
        }
        Err(self.error(format!("expected {}, found {}", wanted.name(), self.current().name())))
    }

    /// Adds a node, unless the tree would become too deep.
    fn node(&mut self, node: Node) -> Result<NodeId, ParseError> {
        let below = node.children().iter().filter_map(|child| self.depths.get(*child)).max().copied().unwrap_or(0);
        if below >= DEEPEST {
            return Err(self.error(format!("the expression nests deeper than {DEEPEST}")));
        }
        self.nodes.push(node);
        self.depths.push(below + 1);
        Ok(self.nodes.len() - 1)
    }

    fn here(&mut self) -> Result<NodeId, ParseError> {
        self.node(Node::Current)
    }

    fn expression(&mut self, least: u8) -> Result<NodeId, ParseError> {
        if self.open >= DEEPEST {
            return Err(self.error(format!("the expression nests deeper than {DEEPEST}")));
        }
        self.open += 1;
        let mut left = self.first()?;
        while least < power(&self.current()) {
            left = self.further(left)?;
        }
        self.open -= 1;
        Ok(left)
    }

    /// What an expression begins with.
    fn first(&mut self) -> Result<NodeId, ParseError> {
        let place = self.place();
        match self.advance() {
            Token::Literal(value) => self.node(Node::Literal(value)),
            Token::Text(text) => self.node(Node::Literal(text.into())),
            Token::Name(name) if self.is(&Token::LeftParen) => self.call(&name, place),
            Token::Name(name) => self.node(Node::Field(name)),
            Token::Quoted(name) if self.is(&Token::LeftParen) => {
                Err(self.error(format!("`\"{name}\"` is a quoted name, and those are no functions")))
            }
            Token::Quoted(name) => self.node(Node::Field(name)),
            Token::Current => self.here(),
            Token::Star => {
                let left = self.here()?;
                let right = if self.is(&Token::RightBracket) { self.here()? } else { self.right_of_projection(20)? };
                self.node(Node::Values(left, right))
            }
            Token::Filter => {
                let left = self.here()?;
                self.filter(left)
            }
            Token::Flatten => {
                let left = self.here()?;
                self.flatten(left)
            }
            Token::LeftBrace => self.hash(),
            Token::LeftBracket => match (self.current(), self.ahead(1)) {
                (Token::Number(_) | Token::Colon, _) => {
                    let left = self.here()?;
                    self.index(left)
                }
                (Token::Star, Token::RightBracket) => {
                    self.advance();
                    self.advance();
                    let left = self.here()?;
                    let right = self.right_of_projection(20)?;
                    self.node(Node::Projection(left, right))
                }
                _ => self.list(),
            },
            Token::Not => {
                let inner = self.expression(45)?;
                self.node(Node::Not(inner))
            }
            Token::LeftParen => {
                let inner = self.expression(0)?;
                self.expect(&Token::RightParen)?;
                Ok(inner)
            }
            other => {
                Err(ParseError { position: place, message: format!("expected an expression, found {}", other.name()) })
            }
        }
    }

    /// What follows an expression and takes it in.
    fn further(&mut self, left: NodeId) -> Result<NodeId, ParseError> {
        let place = self.place();
        let token = self.advance();
        match token {
            Token::Dot if self.is(&Token::Star) => {
                self.advance();
                let right = self.right_of_projection(40)?;
                self.node(Node::Values(left, right))
            }
            Token::Dot => {
                let right = self.right_of_dot(40)?;
                self.node(Node::Child(left, right))
            }
            Token::Pipe => {
                let right = self.expression(1)?;
                self.node(Node::Pipe(left, right))
            }
            Token::Or => {
                let right = self.expression(2)?;
                self.node(Node::Or(left, right))
            }
            Token::And => {
                let right = self.expression(3)?;
                self.node(Node::And(left, right))
            }
            Token::Equal => self.compare(Comparison::Equal, left),
            Token::NotEqual => self.compare(Comparison::NotEqual, left),
            Token::Less => self.compare(Comparison::Less, left),
            Token::LessOrEqual => self.compare(Comparison::LessOrEqual, left),
            Token::Greater => self.compare(Comparison::Greater, left),
            Token::GreaterOrEqual => self.compare(Comparison::GreaterOrEqual, left),
            Token::Filter => self.filter(left),
            Token::Flatten => self.flatten(left),
            Token::LeftBracket => match self.current() {
                Token::Number(_) | Token::Colon => self.index(left),
                _ => {
                    self.expect(&Token::Star)?;
                    self.expect(&Token::RightBracket)?;
                    let right = self.right_of_projection(20)?;
                    self.node(Node::Projection(left, right))
                }
            },
            other => {
                Err(ParseError { position: place, message: format!("unexpected {} after an expression", other.name()) })
            }
        }
    }

    fn compare(&mut self, how: Comparison, left: NodeId) -> Result<NodeId, ParseError> {
        let right = self.expression(5)?;
        self.node(Node::Compare(how, left, right))
    }

    /// What a projection does with each element.
    fn right_of_projection(&mut self, least: u8) -> Result<NodeId, ParseError> {
        match self.current() {
            token if power(&token) < 10 => self.here(),
            Token::LeftBracket | Token::Filter => self.expression(least),
            Token::Dot => {
                self.advance();
                self.right_of_dot(least)
            }
            other => Err(self.error(format!("unexpected {} after a projection", other.name()))),
        }
    }

    fn right_of_dot(&mut self, least: u8) -> Result<NodeId, ParseError> {
        match self.current() {
            Token::Name(_) | Token::Quoted(_) | Token::Star => self.expression(least),
            Token::LeftBracket => {
                self.advance();
                self.list()
            }
            Token::LeftBrace => {
                self.advance();
                self.hash()
            }
            other => Err(self.error(format!("expected a name, `*`, `[` or `{{` after `.`, found {}", other.name()))),
        }
    }

    fn flatten(&mut self, left: NodeId) -> Result<NodeId, ParseError> {
        let flat = self.node(Node::Flatten(left))?;
        let right = self.right_of_projection(9)?;
        self.node(Node::Projection(flat, right))
    }

    fn filter(&mut self, left: NodeId) -> Result<NodeId, ParseError> {
        let condition = self.expression(0)?;
        self.expect(&Token::RightBracket)?;
        let right = if self.is(&Token::Flatten) { self.here()? } else { self.right_of_projection(21)? };
        self.node(Node::Filter { left, right, condition })
    }

    /// `[n]`, or a slice, which is projected. The `[` is behind us.
    fn index(&mut self, left: NodeId) -> Result<NodeId, ParseError> {
        if let (Token::Number(index), Token::RightBracket) = (self.current(), self.ahead(1)) {
            self.advance();
            self.advance();
            let right = self.node(Node::Index(index))?;
            return self.node(Node::Child(left, right));
        }
        let mut parts = [None; 3];
        let mut part = 0;
        while !self.is(&Token::RightBracket) {
            match self.current() {
                Token::Colon if part < 2 => part += 1,
                Token::Number(number) => match parts.get_mut(part) {
                    Some(slot @ None) => *slot = Some(number),
                    _ => return Err(self.error("expected `:` or `]` in a slice, found another number")),
                },
                other => {
                    return Err(self.error(format!("expected `:`, a number or `]` in a slice, found {}", other.name())));
                }
            }
            self.advance();
        }
        if part == 0 {
            return Err(self.error("expected `]` after an index"));
        }
        self.advance();
        if parts[2] == Some(0) {
            return Err(self.error("a slice cannot go in steps of 0"));
        }
        let slice = self.node(Node::Slice(parts))?;
        let cut = self.node(Node::Child(left, slice))?;
        let right = self.right_of_projection(20)?;
        self.node(Node::Projection(cut, right))
    }

    /// `[a, b]`. The `[` is behind us.
    fn list(&mut self) -> Result<NodeId, ParseError> {
        let mut items = Vec::new();
        loop {
            items.push(self.expression(0)?);
            if self.is(&Token::RightBracket) {
                self.advance();
                return self.node(Node::List(items));
            }
            self.expect(&Token::Comma)?;
        }
    }

    /// `{a: b}`. The `{` is behind us.
    fn hash(&mut self) -> Result<NodeId, ParseError> {
        let mut pairs = Vec::new();
        loop {
            let key = match self.current() {
                Token::Name(name) | Token::Quoted(name) => name,
                other => return Err(self.error(format!("expected a key, found {}", other.name()))),
            };
            self.advance();
            self.expect(&Token::Colon)?;
            pairs.push((key, self.expression(0)?));
            if self.is(&Token::RightBrace) {
                self.advance();
                return self.node(Node::Hash(pairs));
            }
            // Kyverno's parser takes the next key without a comma as well, and policies are written so.
            // Source: kyverno/go-jmespath:parser.go, `parseMultiSelectHash`.
            if self.is(&Token::Comma) {
                self.expect(&Token::Comma)?;
            }
        }
    }

    /// An argument. A reference (`&`) stands only where the function applies one: were it a value, an expression could call itself.
    fn argument(&mut self, function: &Function, index: usize) -> Result<NodeId, ParseError> {
        if !self.is(&Token::Reference) {
            return self.expression(0);
        }
        if !function.applies(index) {
            let message = format!("argument {} of `{}` is a value, and `&` makes none", index + 1, function.name);
            return Err(self.error(message));
        }
        self.advance();
        let inner = self.expression(0)?;
        self.node(Node::Reference(inner))
    }

    fn call(&mut self, name: &str, place: usize) -> Result<NodeId, ParseError> {
        let Some(function) = functions::find(name) else {
            let near = functions::nearest(name).map(|near| format!(", did you mean `{near}`")).unwrap_or_default();
            return Err(ParseError { position: place, message: format!("unknown function `{name}`{near}") });
        };
        self.advance();
        let mut arguments = Vec::new();
        while !self.is(&Token::RightParen) {
            arguments.push(self.argument(function, arguments.len())?);
            if !self.is(&Token::RightParen) {
                self.expect(&Token::Comma)?;
                if self.is(&Token::RightParen) {
                    return Err(self.error("expected an argument after `,`"));
                }
            }
        }
        self.advance();
        let wanted = function.parameters.len();
        let fits = if function.variadic { arguments.len() >= wanted } else { arguments.len() == wanted };
        if !fits {
            let least = if function.variadic { "at least " } else { "" };
            let message = format!("`{name}` takes {least}{wanted} arguments, found {}", arguments.len());
            return Err(ParseError { position: place, message });
        }
        self.node(Node::Call { function, arguments, pattern: Compiled::new() })
    }
}
