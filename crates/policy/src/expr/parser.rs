//! Tokens to a tree. Recursion and the height of the tree are bounded by one limit.

use super::ast::{BinaryOp, Expr, Kind, Macro};
use super::lexer::{Token, tokens};
use super::{Diagnostic, Span, Value};

/// Words that CEL reserves. `package` is one there; here it is the name of a package, as DESIGN has it.
const RESERVED: [&str; 14] = [
    "as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop", "return", "void",
    "while",
];

/// Reads a whole expression. Errors: the first.
pub(super) fn parse(source: &str, max_depth: usize) -> Result<Expr, Diagnostic> {
    let tokens = tokens(source)?;
    let mut parser = Parser { tokens: &tokens, at: 0, depth: 0, max_depth };
    if parser.peek() == &Token::End {
        return Err(Diagnostic::new("the expression is empty", parser.span()));
    }
    let expr = parser.expression()?;
    match parser.peek() {
        Token::End => Ok(expr),
        _ => Err(parser.unexpected("an operator or the end")),
    }
}

struct Parser<'t> {
    tokens: &'t [(Token, Span)],
    at: usize,
    depth: usize,
    max_depth: usize,
}

type Parsed = Result<Expr, Diagnostic>;

#[derive(Clone, Copy)]
enum Operator {
    Or,
    And,
    Binary(BinaryOp),
}

impl Parser<'_> {
    fn peek(&self) -> &Token {
        self.tokens.get(self.at).map_or(&Token::End, |(token, _)| token)
    }

    fn span(&self) -> Span {
        let last = self.tokens.last().map_or(Span::default(), |(_, span)| *span);
        self.tokens.get(self.at).map_or(last, |(_, span)| *span)
    }

    fn take(&mut self) -> (Token, Span) {
        let taken = (self.peek().clone(), self.span());
        self.at += 1;
        taken
    }

    fn eat(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), Token::Sign(found) if *found == sign);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, sign: &str) -> Result<Span, Diagnostic> {
        let span = self.span();
        if self.eat(sign) { Ok(span) } else { Err(self.unexpected(&format!("`{sign}`"))) }
    }

    fn unexpected(&self, wanted: &str) -> Diagnostic {
        let found = match self.peek() {
            Token::End => "the end".to_owned(),
            Token::Sign(sign) => format!("`{sign}`"),
            Token::Ident(name) => format!("`{name}`"),
            Token::String(_) | Token::Bytes(_) => "a string".to_owned(),
            Token::Int(_) | Token::Uint(_) | Token::Double(_) => "a number".to_owned(),
        };
        let problem = Diagnostic::new(format!("expected {wanted}, found {found}"), self.span());
        match self.peek() {
            Token::Ident(word) => match word.to_ascii_lowercase().as_str() {
                "and" => problem.hint("\"and\" is written `&&`"),
                "or" => problem.hint("\"or\" is written `||`"),
                "not" => problem.hint("\"not\" is written `!`"),
                "is" => problem.hint("equality is written `==`"),
                _ => problem,
            },
            _ => problem,
        }
    }

    fn node(&self, kind: Kind, span: Span, below: usize) -> Parsed {
        let height = below + 1;
        if height > self.max_depth {
            return Err(self.too_deep(span));
        }
        Ok(Expr { kind, span, height })
    }

    fn too_deep(&self, span: Span) -> Diagnostic {
        Diagnostic::new(format!("the expression is nested deeper than {} levels", self.max_depth), span)
    }

    /// `operators [? operators : expression]`
    fn expression(&mut self) -> Parsed {
        self.depth += 1;
        if self.depth > self.max_depth {
            return Err(self.too_deep(self.span()));
        }
        let condition = self.operators(0)?;
        let expr = if self.eat("?") {
            let then = self.operators(0)?;
            self.expect(":")?;
            let otherwise = self.expression()?;
            let span = condition.span.to(otherwise.span);
            let below = condition.height.max(then.height).max(otherwise.height);
            self.node(Kind::Conditional(Box::new([condition, then, otherwise])), span, below)?
        } else {
            condition
        };
        self.depth -= 1;
        Ok(expr)
    }

    /// Precedence climbing: operators of this level and those that bind tighter. All associate to the left.
    fn operators(&mut self, level: usize) -> Parsed {
        let mut left = self.unary()?;
        while let Some((found, operator)) = self.operator().filter(|(found, _)| *found >= level) {
            self.at += 1;
            let right = self.operators(found + 1)?;
            left = self.combine(operator, left, right)?;
        }
        Ok(left)
    }

    fn combine(&self, operator: Operator, left: Expr, right: Expr) -> Parsed {
        let (span, below) = (left.span.to(right.span), left.height.max(right.height));
        let kind = match (operator, left.kind) {
            // A chain is one node: only a new operand below it makes it higher.
            (Operator::And, Kind::And(mut operands)) => {
                operands.push(right);
                let height = left.height.max(operands.last().map_or(0, |operand| operand.height) + 1);
                return self.node(Kind::And(operands), span, height - 1);
            }
            (Operator::Or, Kind::Or(mut operands)) => {
                operands.push(right);
                let height = left.height.max(operands.last().map_or(0, |operand| operand.height) + 1);
                return self.node(Kind::Or(operands), span, height - 1);
            }
            (Operator::And, kind) => Kind::And(vec![Expr { kind, ..left }, right]),
            (Operator::Or, kind) => Kind::Or(vec![Expr { kind, ..left }, right]),
            (Operator::Binary(op), kind) => Kind::Binary(op, Box::new(Expr { kind, ..left }), Box::new(right)),
        };
        self.node(kind, span, below)
    }

    /// The operator that comes next, with how tightly it binds.
    fn operator(&self) -> Option<(usize, Operator)> {
        let sign = match self.peek() {
            Token::Sign(sign) => sign,
            Token::Ident(word) if word == "in" => "in",
            _ => return None,
        };
        let (level, op) = match sign {
            "||" => return Some((0, Operator::Or)),
            "&&" => return Some((1, Operator::And)),
            "<" => (2, BinaryOp::Less),
            "<=" => (2, BinaryOp::LessOrEqual),
            ">" => (2, BinaryOp::Greater),
            ">=" => (2, BinaryOp::GreaterOrEqual),
            "==" => (2, BinaryOp::Equal),
            "!=" => (2, BinaryOp::NotEqual),
            "in" => (2, BinaryOp::In),
            "+" => (3, BinaryOp::Add),
            "-" => (3, BinaryOp::Subtract),
            "*" => (4, BinaryOp::Multiply),
            "/" => (4, BinaryOp::Divide),
            "%" => (4, BinaryOp::Remainder),
            _ => return None,
        };
        Some((level, Operator::Binary(op)))
    }

    fn unary(&mut self) -> Parsed {
        let mut signs = Vec::new();
        while let Token::Sign(sign @ ("!" | "-")) = *self.peek() {
            signs.push((sign, self.span()));
            self.at += 1;
            if signs.len() > self.max_depth {
                return Err(self.too_deep(self.span()));
            }
        }
        // The magnitude of the least int does not fit without its sign.
        if let (Some(&("-", minus)), Token::Int(magnitude)) = (signs.last(), self.peek()) {
            let value = 0_i64.checked_sub_unsigned(*magnitude);
            let span = minus.to(self.span());
            let Some(value) = value else { return Err(Diagnostic::new("the number is out of range", span)) };
            self.at += 1;
            signs.pop();
            let literal = self.node(Kind::Literal(Value::Int(value)), span, 0)?;
            let operand = self.member(literal)?;
            return self.signed(signs, operand);
        }
        let primary = self.primary()?;
        let operand = self.member(primary)?;
        self.signed(signs, operand)
    }

    fn signed(&self, signs: Vec<(&str, Span)>, mut operand: Expr) -> Parsed {
        for (sign, at) in signs.into_iter().rev() {
            let (span, below) = (at.to(operand.span), operand.height);
            let kind = if sign == "!" { Kind::Not(Box::new(operand)) } else { Kind::Negate(Box::new(operand)) };
            operand = self.node(kind, span, below)?;
        }
        Ok(operand)
    }

    fn member(&mut self, mut operand: Expr) -> Parsed {
        loop {
            if self.eat(".") {
                let (Token::Ident(name), name_span) = (self.peek().clone(), self.span()) else {
                    return Err(self.unexpected("a name"));
                };
                self.at += 1;
                if self.eat("(") {
                    let (args, end) = self.items(")")?;
                    operand = self.method(operand, name, name_span, args, end)?;
                } else {
                    let (span, below) = (operand.span.to(name_span), operand.height);
                    operand = self.node(Kind::Select(Box::new(operand), name), span, below)?;
                }
            } else if self.eat("[") {
                let index = self.expression()?;
                let end = self.expect("]")?;
                let (span, below) = (operand.span.to(end), operand.height.max(index.height));
                operand = self.node(Kind::Index(Box::new(operand), Box::new(index)), span, below)?;
            } else {
                return Ok(operand);
            }
        }
    }

    /// A method call, or a macro in the form of one.
    fn method(&mut self, receiver: Expr, name: String, name_span: Span, mut args: Vec<Expr>, end: Span) -> Parsed {
        let span = receiver.span.to(end);
        let below = args.iter().map(|arg| arg.height).fold(receiver.height, usize::max);
        let macro_ = match (name.as_str(), args.len()) {
            ("all", 2) => Some(Macro::All),
            ("exists", 2) => Some(Macro::Exists),
            ("exists_one", 2) => Some(Macro::ExistsOne),
            ("filter", 2) => Some(Macro::Filter),
            ("map", 2 | 3) => Some(Macro::Map),
            ("all" | "exists" | "exists_one" | "filter" | "map", _) => {
                let problem = Diagnostic::new(format!("`{name}` takes a variable and a condition"), name_span);
                return Err(problem.hint(format!("for example `aliases.{name}(a, a.startsWith(\"GHSA-\"))`")));
            }
            _ => None,
        };
        let Some(macro_) = macro_ else {
            return self.node(Kind::Call { name, name_span, receiver: Some(Box::new(receiver)), args }, span, below);
        };
        let last = args.pop().ok_or_else(|| self.unexpected("a condition"))?;
        let (body, transform) = if args.len() == 2 {
            (args.pop().unwrap_or_else(|| last.clone()), Some(Box::new(last)))
        } else {
            (last, None)
        };
        let first = args.pop();
        let Some(Expr { kind: Kind::Ident(variable), .. }) = first else {
            let at = first.map_or(name_span, |first| first.span);
            return Err(Diagnostic::new(format!("the first argument of `{name}` is a name for the element"), at));
        };
        let kind = Kind::Comprehension { macro_, range: Box::new(receiver), variable, body: Box::new(body), transform };
        self.node(kind, span, below)
    }

    /// Expressions up to the closing sign; a comma before it is allowed in lists only by CEL, and we allow it everywhere.
    fn items(&mut self, close: &str) -> Result<(Vec<Expr>, Span), Diagnostic> {
        let mut items = Vec::new();
        loop {
            let span = self.span();
            if self.eat(close) {
                return Ok((items, span));
            }
            items.push(self.expression()?);
            let span = self.span();
            if self.eat(close) {
                return Ok((items, span));
            }
            if !self.eat(",") {
                return Err(self.unexpected(&format!("`,` or `{close}`")));
            }
        }
    }

    fn primary(&mut self) -> Parsed {
        let (token, span) = self.take();
        let literal = |value| Kind::Literal(value);
        let kind = match token {
            Token::Int(value) => match i64::try_from(value) {
                Ok(value) => literal(Value::Int(value)),
                Err(_) => {
                    return Err(Diagnostic::new("the number is out of range", span).hint(format!("write `{value}u`")));
                }
            },
            Token::Uint(value) => literal(Value::Uint(value)),
            Token::Double(value) => literal(Value::Double(value)),
            Token::String(text) => literal(Value::string(text)),
            Token::Bytes(bytes) => literal(Value::Bytes(bytes.into())),
            Token::Sign("(") => {
                let inner = self.expression()?;
                let end = self.expect(")")?;
                return Ok(Expr { span: span.to(end), ..inner });
            }
            Token::Sign("[") => {
                let (items, end) = self.items("]")?;
                let below = items.iter().map(|item| item.height).max().unwrap_or(0);
                return self.node(Kind::List(items), span.to(end), below);
            }
            Token::Sign("{") => return self.map(span),
            Token::Ident(name) => match name.as_str() {
                "true" => literal(Value::Bool(true)),
                "false" => literal(Value::Bool(false)),
                "null" => literal(Value::Null),
                "in" => {
                    self.at -= 1;
                    return Err(self.unexpected("a value"));
                }
                _ if self.eat("(") => return self.call(name, span),
                word if RESERVED.contains(&word) => {
                    return Err(Diagnostic::new(format!("`{word}` is a reserved word"), span));
                }
                "and" | "or" | "not" => {
                    self.at -= 1;
                    return Err(self.unexpected("a value"));
                }
                _ => Kind::Ident(name),
            },
            Token::Sign(_) | Token::End => {
                self.at -= 1;
                return Err(self.unexpected("a value"));
            }
        };
        self.node(kind, span, 0)
    }

    fn call(&mut self, name: String, name_span: Span) -> Parsed {
        let (mut args, end) = self.items(")")?;
        let span = name_span.to(end);
        let below = args.iter().map(|arg| arg.height).max().unwrap_or(0);
        if name != "has" {
            return self.node(Kind::Call { name, name_span, receiver: None, args }, span, below);
        }
        match (args.pop(), args.is_empty()) {
            (Some(Expr { kind: Kind::Select(operand, field), .. }), true) => {
                self.node(Kind::Has(operand, field), span, below)
            }
            (argument, _) => {
                let at = argument.map_or(span, |argument| argument.span);
                let problem = Diagnostic::new("`has` asks for a field of a map: `has(map.field)`", at);
                Err(problem.hint("a variable needs no `has`: where its data is missing, the result is unknown, and an unknown `deny` denies"))
            }
        }
    }

    fn map(&mut self, start: Span) -> Parsed {
        let mut entries = Vec::new();
        let mut below = 0;
        let end = loop {
            let span = self.span();
            if self.eat("}") {
                break span;
            }
            let key = self.expression()?;
            self.expect(":")?;
            let value = self.expression()?;
            below = below.max(key.height).max(value.height);
            entries.push((key, value));
            let span = self.span();
            if self.eat("}") {
                break span;
            }
            if !self.eat(",") {
                return Err(self.unexpected("`,` or `}`"));
            }
        };
        self.node(Kind::Map(entries), start.to(end), below)
    }
}
