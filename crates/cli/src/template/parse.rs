//! Tokens into nodes.

use std::collections::BTreeMap;

use super::MOST_DEPTH;
use super::functions;
use super::lex::{Kind, Piece, Token};
use super::value::Number;

/// What is done, in order; each with its line where it can fail.
#[derive(Clone, Debug)]
pub(super) enum Node {
    Text(String),
    Print(Pipeline, usize),
    If(Pipeline, Vec<Node>, Vec<Node>, usize),
    With(Pipeline, Vec<Node>, Vec<Node>, usize),
    Range(Pipeline, Vec<Node>, Vec<Node>, usize),
    Template(String, Option<Pipeline>, usize),
    Break,
    Continue,
}

/// Commands, each of which gets the result of the one before as its last argument.
#[derive(Clone, Debug)]
pub(super) struct Pipeline {
    /// Names that the result is kept under.
    pub(super) variables: Vec<String>,
    /// `=` instead of `:=`: the variable exists already.
    pub(super) assigns: bool,
    pub(super) commands: Vec<Command>,
}

/// An operand, or a function with its arguments.
#[derive(Clone, Debug)]
pub(super) struct Command {
    pub(super) first: Operand,
    pub(super) arguments: Vec<Operand>,
}

#[derive(Clone, Debug)]
pub(super) enum Operand {
    Dot,
    Nil,
    Bool(bool),
    Text(String),
    Number(Number),
    Variable(String),
    Function(String),
    Pipeline(Box<Pipeline>),
    /// Fields of what another operand gives: `.a.b`, `$x.a`, `(f x).a`.
    Fields(Box<Operand>, Vec<String>),
}

/// A whole template.
#[derive(Debug, Default)]
pub(super) struct Parsed {
    pub(super) main: Vec<Node>,
    pub(super) defined: BTreeMap<String, Vec<Node>>,
}

type Wrong = (usize, String);

/// Reads all pieces.
pub(super) fn parse(pieces: Vec<Piece>) -> Result<Parsed, Wrong> {
    let mut parser = Parser { pieces: pieces.into_iter(), defined: BTreeMap::new(), depth: 0, loops: 0 };
    let (main, end) = parser.nodes()?;
    match end {
        End::Text => Ok(Parsed { main, defined: parser.defined }),
        End::Closed(line) => Err((line, "`end` without a beginning".to_owned())),
        End::Else(_, line) => Err((line, "`else` without `if`, `with` or `range`".to_owned())),
    }
}

/// What a list of nodes ended with.
enum End {
    Text,
    Closed(usize),
    /// What follows `else` in its action.
    Else(Vec<Token>, usize),
}

struct Parser {
    pieces: std::vec::IntoIter<Piece>,
    defined: BTreeMap<String, Vec<Node>>,
    depth: usize,
    loops: usize,
}

impl Parser {
    fn nodes(&mut self) -> Result<(Vec<Node>, End), Wrong> {
        let mut nodes = Vec::new();
        while let Some(piece) = self.pieces.next() {
            let (tokens, line) = match piece {
                Piece::Text(text) => {
                    nodes.push(Node::Text(text));
                    continue;
                }
                Piece::Action(tokens, line) => (tokens, line),
            };
            let word = match tokens.first().map(|token| &token.kind) {
                Some(Kind::Word(word)) => word.as_str(),
                None => return Err((line, "an action is empty".to_owned())),
                _ => "",
            };
            let rest = tokens.get(1..).unwrap_or_default();
            match word {
                "if" | "with" | "range" => nodes.push(self.block(word, rest, line)?),
                "end" if rest.is_empty() => return Ok((nodes, End::Closed(line))),
                "else" => return Ok((nodes, End::Else(rest.to_vec(), line))),
                "break" | "continue" if rest.is_empty() => {
                    if self.loops == 0 {
                        return Err((line, format!("`{word}` outside of `range`")));
                    }
                    nodes.push(if word == "break" { Node::Break } else { Node::Continue });
                }
                "define" | "block" => {
                    let (name, after) = name(rest, line)?;
                    let outer = std::mem::take(&mut self.loops);
                    let body = self.body(line)?;
                    self.loops = outer;
                    if word == "block" {
                        nodes.push(Node::Template(name.clone(), Some(pipeline(after, line)?), line));
                    } else if !after.is_empty() {
                        return Err((line, "`define` takes a name and nothing else".to_owned()));
                    }
                    self.defined.insert(name, body);
                }
                "template" => {
                    let (name, after) = name(rest, line)?;
                    let value = if after.is_empty() { None } else { Some(pipeline(after, line)?) };
                    nodes.push(Node::Template(name, value, line));
                }
                _ => {
                    let printed = pipeline(&tokens, line)?;
                    if printed.variables.len() > 1 {
                        return Err((line, "only `range` gives two values".to_owned()));
                    }
                    nodes.push(Node::Print(printed, line));
                }
            }
        }
        Ok((nodes, End::Text))
    }

    /// Nodes up to their `end`.
    fn body(&mut self, line: usize) -> Result<Vec<Node>, Wrong> {
        self.deeper(line)?;
        let (nodes, end) = self.nodes()?;
        self.depth -= 1;
        match end {
            End::Closed(_) => Ok(nodes),
            End::Text => Err((line, "there is no `end` to what begins here".to_owned())),
            End::Else(_, line) => Err((line, "`else` without `if`, `with` or `range`".to_owned())),
        }
    }

    fn deeper(&mut self, line: usize) -> Result<(), Wrong> {
        self.depth += 1;
        match self.depth > MOST_DEPTH {
            true => Err((line, format!("blocks are nested more than {MOST_DEPTH} deep"))),
            false => Ok(()),
        }
    }

    fn block(&mut self, word: &str, tokens: &[Token], line: usize) -> Result<Node, Wrong> {
        let condition = pipeline(tokens, line)?;
        if condition.variables.len() > 1 && word != "range" {
            return Err((line, "only `range` gives two values".to_owned()));
        }
        self.deeper(line)?;
        let is_loop = usize::from(word == "range");
        self.loops += is_loop;
        let (body, end) = self.nodes()?;
        self.loops -= is_loop;
        let other = match end {
            End::Closed(_) => Vec::new(),
            End::Text => return Err((line, format!("there is no `end` to the `{word}` that begins here"))),
            End::Else(tokens, at) => match tokens.split_first() {
                None => self.body(line)?,
                // `else if` shares the `end` of the block that it stands in.
                Some((Token { kind: Kind::Word(next), .. }, rest))
                    if (next == "if" || next == "with") && word != "range" =>
                {
                    vec![self.block(next, rest, at)?]
                }
                Some(_) => return Err((at, "`else` is followed by nothing, `if` or `with`".to_owned())),
            },
        };
        self.depth -= 1;
        Ok(match word {
            "if" => Node::If(condition, body, other, line),
            "with" => Node::With(condition, body, other, line),
            _ => Node::Range(condition, body, other, line),
        })
    }
}

fn name(tokens: &[Token], line: usize) -> Result<(String, &[Token]), Wrong> {
    match tokens.split_first() {
        Some((Token { kind: Kind::Text(name), .. }, rest)) => Ok((name.clone(), rest)),
        _ => Err((line, "the name of a template is a string".to_owned())),
    }
}

fn pipeline(tokens: &[Token], line: usize) -> Result<Pipeline, Wrong> {
    let mut reader = Reader { tokens, at: 0, line };
    let pipeline = reader.pipeline(0)?;
    match reader.tokens.get(reader.at) {
        None => Ok(pipeline),
        Some(token) => Err((line, format!("{} does not belong here", spelled(&token.kind)))),
    }
}

fn spelled(kind: &Kind) -> String {
    match kind {
        Kind::Dot => "`.`".to_owned(),
        Kind::Field(name) => format!("`.{name}`"),
        Kind::Variable(name) => format!("`${name}`"),
        Kind::Word(word) => format!("`{word}`"),
        Kind::Text(text) => format!("{text:?}"),
        Kind::Number(_) => "a number".to_owned(),
        Kind::Pipe => "`|`".to_owned(),
        Kind::Open => "`(`".to_owned(),
        Kind::Close => "`)`".to_owned(),
        Kind::Comma => "`,`".to_owned(),
        Kind::Declare => "`:=`".to_owned(),
        Kind::Assign => "`=`".to_owned(),
    }
}

struct Reader<'t> {
    tokens: &'t [Token],
    at: usize,
    line: usize,
}

impl Reader<'_> {
    fn peek(&self, ahead: usize) -> Option<&Kind> {
        self.tokens.get(self.at + ahead).map(|token| &token.kind)
    }

    fn pipeline(&mut self, depth: usize) -> Result<Pipeline, Wrong> {
        if depth > MOST_DEPTH {
            return Err((self.line, format!("parentheses are nested more than {MOST_DEPTH} deep")));
        }
        let (variables, assigns, taken) = match (self.peek(0), self.peek(1), self.peek(2), self.peek(3)) {
            (
                Some(Kind::Variable(one)),
                Some(Kind::Comma),
                Some(Kind::Variable(two)),
                Some(sign @ (Kind::Declare | Kind::Assign)),
            ) => (vec![one.clone(), two.clone()], *sign == Kind::Assign, 4),
            (Some(Kind::Variable(one)), Some(sign @ (Kind::Declare | Kind::Assign)), ..) => {
                (vec![one.clone()], *sign == Kind::Assign, 2)
            }
            _ => (Vec::new(), false, 0),
        };
        self.at += taken;
        let mut commands = vec![self.command(depth)?];
        while self.peek(0) == Some(&Kind::Pipe) {
            self.at += 1;
            let command = self.command(depth)?;
            if !matches!(command.first, Operand::Function(_)) {
                return Err((self.line, "only a function can follow `|`".to_owned()));
            }
            commands.push(command);
        }
        Ok(Pipeline { variables, assigns, commands })
    }

    fn command(&mut self, depth: usize) -> Result<Command, Wrong> {
        let Some(first) = self.operand(depth)? else {
            return Err((self.line, "a value is missing".to_owned()));
        };
        let mut arguments = Vec::new();
        while let Some(argument) = self.operand(depth)? {
            arguments.push(argument);
        }
        if !arguments.is_empty() && !matches!(first, Operand::Function(_)) {
            return Err((self.line, "only a function takes arguments".to_owned()));
        }
        Ok(Command { first, arguments })
    }

    fn operand(&mut self, depth: usize) -> Result<Option<Operand>, Wrong> {
        let Some(kind) = self.peek(0) else { return Ok(None) };
        let operand = match kind {
            Kind::Dot => Operand::Dot,
            Kind::Field(name) => Operand::Fields(Box::new(Operand::Dot), vec![name.clone()]),
            Kind::Variable(name) => Operand::Variable(name.clone()),
            Kind::Text(text) => Operand::Text(text.clone()),
            Kind::Number(number) => Operand::Number(*number),
            Kind::Word(word) => match word.as_str() {
                "true" => Operand::Bool(true),
                "false" => Operand::Bool(false),
                "nil" => Operand::Nil,
                name => {
                    functions::check(name).map_err(|why| (self.line, why))?;
                    Operand::Function(name.to_owned())
                }
            },
            Kind::Open => {
                self.at += 1;
                let inner = self.pipeline(depth + 1)?;
                if self.peek(0) != Some(&Kind::Close) {
                    return Err((self.line, "a `)` is missing".to_owned()));
                }
                Operand::Pipeline(Box::new(inner))
            }
            Kind::Pipe | Kind::Close | Kind::Comma | Kind::Declare | Kind::Assign => return Ok(None),
        };
        self.at += 1;
        let mut fields = Vec::new();
        while let Some(Token { kind: Kind::Field(name), spaced: false }) = self.tokens.get(self.at) {
            fields.push(name.clone());
            self.at += 1;
        }
        Ok(Some(match (operand, fields) {
            (operand, fields) if fields.is_empty() => operand,
            (Operand::Fields(of, mut first), fields) => {
                first.extend(fields);
                Operand::Fields(of, first)
            }
            (operand, fields) => Operand::Fields(Box::new(operand), fields),
        }))
    }
}
