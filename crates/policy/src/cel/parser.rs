//! Words into an expression. Source: cel-spec:doc/langdef.md, "Syntax" and "Macros"; cel-go:ext (two-variable macros, `cel.bind`, optionals).

use super::CompileError;
use super::ast::{Entry, Expr, Kind, Literal, Macro, Operator};
use super::lexer::{Token, Word, words};

/// How deep an expression may nest, counted in nodes.
const DEEPEST: u16 = 200;
/// How deep brackets may nest.
const BRACKETS: usize = 100;
/// Names that are kept for the language, and may only be fields.
const RESERVED: [&str; 18] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
    "in",
];

/// Parses an expression.
pub(crate) fn parse(text: &str) -> Result<Expr, CompileError> {
    let tokens = words(text)?;
    let mut parser = Parser { text, tokens, next: 0, brackets: 0 };
    let expr = parser.expression()?;
    match parser.word() {
        Word::End => Ok(expr),
        _ => Err(parser.unexpected("the end")),
    }
}

struct Parser<'t> {
    text: &'t str,
    tokens: Vec<Token>,
    next: usize,
    brackets: usize,
}

type Parsed = Result<Expr, CompileError>;

impl Parser<'_> {
    fn word(&self) -> &Word {
        self.tokens.get(self.next).map_or(&Word::End, |token| &token.word)
    }

    fn at(&self) -> usize {
        self.tokens.get(self.next).map_or(self.text.len(), |token| token.at)
    }

    fn take(&mut self) -> Word {
        let word = self.word().clone();
        self.next += 1;
        word
    }

    fn sign(&self, sign: &str) -> bool {
        matches!(self.word(), Word::Sign(found) if *found == sign)
    }

    fn accept(&mut self, sign: &str) -> bool {
        let found = self.sign(sign);
        self.next += usize::from(found);
        found
    }

    fn expect(&mut self, sign: &str) -> Result<(), CompileError> {
        if self.accept(sign) { Ok(()) } else { Err(self.unexpected(&format!("`{sign}`"))) }
    }

    fn wrong(&self, at: usize, message: impl Into<String>) -> CompileError {
        CompileError::at(self.text, at, message)
    }

    fn unexpected(&self, wanted: &str) -> CompileError {
        let found = match self.word() {
            Word::End => "the expression ends".to_owned(),
            Word::Ident(name) | Word::Quoted(name) => format!("`{name}` stands there"),
            Word::Sign(sign) => format!("`{sign}` stands there"),
            _ => "a literal stands there".to_owned(),
        };
        self.wrong(self.at(), format!("syntax error: {wanted} is expected, and {found}"))
    }

    /// A node over its parts.
    fn node(&self, at: usize, below: u16, kind: Kind) -> Parsed {
        let depth = below.saturating_add(1);
        if depth > DEEPEST {
            return Err(self.wrong(at, format!("the expression nests deeper than {DEEPEST} levels")));
        }
        Ok(Expr { at: u32::try_from(at).unwrap_or(u32::MAX), depth, kind })
    }

    fn nested<T>(&mut self, inner: impl FnOnce(&mut Self) -> Result<T, CompileError>) -> Result<T, CompileError> {
        if self.brackets >= BRACKETS {
            return Err(self.wrong(self.at(), format!("brackets nest deeper than {BRACKETS} levels")));
        }
        self.brackets += 1;
        let result = inner(self);
        self.brackets -= 1;
        result
    }

    fn expression(&mut self) -> Parsed {
        self.nested(|parser| {
            let at = parser.at();
            let condition = parser.or()?;
            if !parser.accept("?") {
                return Ok(condition);
            }
            let then = parser.or()?;
            parser.expect(":")?;
            let otherwise = parser.expression()?;
            let below = condition.depth.max(then.depth).max(otherwise.depth);
            let kind = Kind::Conditional {
                condition: Box::new(condition),
                then: Box::new(then),
                otherwise: Box::new(otherwise),
            };
            parser.node(at, below, kind)
        })
    }

    fn or(&mut self) -> Parsed {
        let at = self.at();
        let mut parts = vec![self.and()?];
        while self.accept("||") {
            parts.push(self.and()?);
        }
        self.logical(at, parts, Kind::Or)
    }

    fn and(&mut self) -> Parsed {
        let at = self.at();
        let mut parts = vec![self.binary(0)?];
        while self.accept("&&") {
            parts.push(self.binary(0)?);
        }
        self.logical(at, parts, Kind::And)
    }

    fn logical(&self, at: usize, mut parts: Vec<Expr>, kind: fn(Vec<Expr>) -> Kind) -> Parsed {
        match parts.pop() {
            Some(only) if parts.is_empty() => Ok(only),
            Some(last) => {
                parts.push(last);
                let below = parts.iter().map(|part| part.depth).max().unwrap_or_default();
                self.node(at, below, kind(parts))
            }
            None => Err(self.unexpected("an operand")),
        }
    }

    fn operator(&self) -> Option<(Operator, u8)> {
        Some(match self.word() {
            Word::Sign("==") => (Operator::Equal, 0),
            Word::Sign("!=") => (Operator::NotEqual, 0),
            Word::Sign("<") => (Operator::Less, 0),
            Word::Sign("<=") => (Operator::LessOrEqual, 0),
            Word::Sign(">") => (Operator::Greater, 0),
            Word::Sign(">=") => (Operator::GreaterOrEqual, 0),
            Word::Ident(name) if name == "in" => (Operator::In, 0),
            Word::Sign("+") => (Operator::Add, 1),
            Word::Sign("-") => (Operator::Subtract, 1),
            Word::Sign("*") => (Operator::Multiply, 2),
            Word::Sign("/") => (Operator::Divide, 2),
            Word::Sign("%") => (Operator::Modulo, 2),
            _ => return None,
        })
    }

    /// Comparisons, sums and products, by how tightly they bind; each from the left.
    fn binary(&mut self, least: u8) -> Parsed {
        let mut left = self.unary()?;
        while let Some((operator, binding)) = self.operator().filter(|(_, binding)| *binding >= least) {
            let at = self.at();
            self.next += 1;
            let right = if binding < 2 { self.binary(binding + 1)? } else { self.unary()? };
            let below = left.depth.max(right.depth);
            left = self.node(at, below, Kind::Binary(operator, Box::new(left), Box::new(right)))?;
        }
        Ok(left)
    }

    fn unary(&mut self) -> Parsed {
        let at = self.at();
        let (mut nots, mut minuses) = (0_usize, 0_usize);
        while nots == 0 && self.accept("-") {
            minuses += 1;
        }
        while minuses == 0 && self.accept("!") {
            nots += 1;
        }
        if minuses > 0
            && let Word::Int(size) = *self.word()
        {
            // The smallest number has no positive twin.
            self.next += 1;
            let negative = -i128::from(size);
            let value = i64::try_from(negative).map_err(|_| self.wrong(at, "invalid int literal"))?;
            let literal = self.node(at, 0, Kind::Literal(Literal::Int(value)))?;
            let operand = self.member(literal)?;
            return self.repeated(at, minuses - 1, operand, Kind::Negate);
        }
        let operand = self.primary()?;
        let operand = self.member(operand)?;
        let operand = self.repeated(at, minuses, operand, Kind::Negate)?;
        self.repeated(at, nots, operand, Kind::Not)
    }

    /// Twice the same sign is none.
    fn repeated(&self, at: usize, count: usize, operand: Expr, kind: fn(Box<Expr>) -> Kind) -> Parsed {
        if count.is_multiple_of(2) {
            return Ok(operand);
        }
        self.node(at, operand.depth, kind(Box::new(operand)))
    }

    /// What stands behind an operand: fields, indexes, calls.
    fn member(&mut self, mut of: Expr) -> Parsed {
        loop {
            let at = self.at();
            if self.accept(".?") {
                let field = self.field()?;
                let below = of.depth;
                of = self.node(at, below, Kind::Select { of: Box::new(of), field, optional: true })?;
            } else if self.accept(".") {
                let quoted = matches!(self.word(), Word::Quoted(_));
                let field = self.field()?;
                if !quoted && self.accept("(") {
                    of = self.call(at, Some(of), field)?;
                } else if !quoted && (self.sign("{") || self.sign("{?")) && of.path().is_some() {
                    let name = format!("{}.{field}", of.path().unwrap_or_default());
                    of = self.structure(at, name)?;
                } else {
                    let below = of.depth;
                    of = self.node(at, below, Kind::Select { of: Box::new(of), field, optional: false })?;
                }
            } else if self.sign("[") || self.sign("[?") {
                let optional = self.sign("[?");
                self.next += 1;
                let index = self.expression()?;
                self.expect("]")?;
                let below = of.depth.max(index.depth);
                of = self.node(at, below, Kind::Index { of: Box::new(of), index: Box::new(index), optional })?;
            } else {
                return Ok(of);
            }
        }
    }

    fn field(&mut self) -> Result<String, CompileError> {
        match self.word().clone() {
            Word::Ident(name) if !matches!(&*name, "true" | "false" | "null" | "in") => {
                self.next += 1;
                Ok(name)
            }
            Word::Quoted(name) => {
                self.next += 1;
                Ok(name)
            }
            _ => Err(self.unexpected("a field")),
        }
    }

    fn primary(&mut self) -> Parsed {
        let at = self.at();
        let literal = match self.word().clone() {
            Word::Int(value) => {
                let value = i64::try_from(value).map_err(|_| self.wrong(at, "invalid int literal"))?;
                Literal::Int(value)
            }
            Word::Uint(value) => Literal::Uint(value),
            Word::Double(value) => Literal::Double(value),
            Word::String(value) => Literal::String(value),
            Word::Bytes(value) => Literal::Bytes(value),
            Word::Ident(name) => return self.named(at, name),
            Word::Sign("(") => {
                self.next += 1;
                let inner = self.expression()?;
                self.expect(")")?;
                return Ok(inner);
            }
            Word::Sign("[") | Word::Sign("[?") => return self.list(at),
            Word::Sign("{") | Word::Sign("{?") => return self.map(at),
            Word::Sign(".") => {
                // A leading dot means the outermost scope; there is only one.
                self.next += 1;
                match self.word().clone() {
                    Word::Ident(name) => return self.named(at, name),
                    _ => return Err(self.unexpected("a name")),
                }
            }
            _ => return Err(self.unexpected("an operand")),
        };
        self.next += 1;
        self.node(at, 0, Kind::Literal(literal))
    }

    fn named(&mut self, at: usize, name: String) -> Parsed {
        self.next += 1;
        let literal = match &*name {
            "true" => Some(Literal::Bool(true)),
            "false" => Some(Literal::Bool(false)),
            "null" => Some(Literal::Null),
            _ => None,
        };
        if let Some(literal) = literal {
            return self.node(at, 0, Kind::Literal(literal));
        }
        if RESERVED.contains(&&*name) {
            return Err(self.wrong(at, format!("reserved identifier: {name}")));
        }
        if self.accept("(") {
            return self.call(at, None, name);
        }
        if self.sign("{") || self.sign("{?") {
            return self.structure(at, name);
        }
        self.node(at, 0, Kind::Ident(name))
    }

    /// Whether an entry begins with `?`, given what opened the list or stands between.
    fn optional(&mut self, opened: bool) -> bool {
        opened || self.accept("?")
    }

    fn list(&mut self, at: usize) -> Parsed {
        let mut opened = self.sign("[?");
        self.next += 1;
        let mut items = Vec::new();
        self.nested(|parser| {
            while !parser.accept("]") {
                let optional = parser.optional(std::mem::take(&mut opened));
                items.push(Entry { optional, key: (), value: parser.expression()? });
                if !parser.accept(",") {
                    return parser.expect("]");
                }
            }
            Ok(())
        })?;
        let below = items.iter().map(|item| item.value.depth).max().unwrap_or_default();
        self.node(at, below, Kind::List(items))
    }

    fn map(&mut self, at: usize) -> Parsed {
        let mut opened = self.sign("{?");
        self.next += 1;
        let mut items = Vec::new();
        self.nested(|parser| {
            while !parser.accept("}") {
                let optional = parser.optional(std::mem::take(&mut opened));
                let key = parser.expression()?;
                parser.expect(":")?;
                items.push(Entry { optional, key, value: parser.expression()? });
                if !parser.accept(",") {
                    return parser.expect("}");
                }
            }
            Ok(())
        })?;
        let below = items.iter().map(|item| item.value.depth.max(item.key.depth)).max().unwrap_or_default();
        self.node(at, below, Kind::Map(items))
    }

    fn structure(&mut self, at: usize, name: String) -> Parsed {
        let mut opened = self.sign("{?");
        self.next += 1;
        let mut fields = Vec::new();
        self.nested(|parser| {
            while !parser.accept("}") {
                let optional = parser.optional(std::mem::take(&mut opened));
                let key = match parser.take() {
                    Word::Ident(name) | Word::Quoted(name) => name,
                    _ => {
                        parser.next -= 1;
                        return Err(parser.unexpected("a field"));
                    }
                };
                parser.expect(":")?;
                fields.push(Entry { optional, key, value: parser.expression()? });
                if !parser.accept(",") {
                    return parser.expect("}");
                }
            }
            Ok(())
        })?;
        let below = fields.iter().map(|field| field.value.depth).max().unwrap_or_default();
        self.node(at, below, Kind::Struct { name, fields })
    }

    fn call(&mut self, at: usize, target: Option<Expr>, function: String) -> Parsed {
        let mut args = Vec::new();
        self.nested(|parser| {
            while !parser.accept(")") {
                args.push(parser.expression()?);
                if !parser.accept(",") {
                    return parser.expect(")");
                }
            }
            Ok(())
        })?;
        let below = args.iter().map(|arg| arg.depth).chain(target.iter().map(|of| of.depth)).max().unwrap_or_default();
        let kind = self.expanded(at, target, function, args)?;
        self.node(at, below, kind)
    }

    /// A macro, if the call is one.
    fn expanded(
        &self,
        at: usize,
        target: Option<Expr>,
        function: String,
        mut args: Vec<Expr>,
    ) -> Result<Kind, CompileError> {
        let Some(of) = target else {
            if function == "has" && args.len() == 1 {
                return match args.pop().map(|arg| arg.kind) {
                    Some(Kind::Select { of, field, optional: false }) => Ok(Kind::Has { of, field }),
                    _ => Err(self.wrong(at, "invalid argument to has() macro")),
                };
            }
            return Ok(Kind::Call { target: None, function, args, pattern: None });
        };
        if function == "bind" && matches!(&of.kind, Kind::Ident(name) if name == "cel") {
            let [name, value, body] = <[Expr; 3]>::try_from(args)
                .map_err(|_| self.wrong(at, "cel.bind() needs a name, a value and an expression"))?;
            let name = self.variable(name)?;
            return Ok(Kind::Bind { name, value: Box::new(value), body: Box::new(body) });
        }
        let (kind, variables) = match (&*function, args.len()) {
            ("all", 2) => (Macro::All, 1),
            ("all", 3) => (Macro::All, 2),
            ("exists", 2) => (Macro::Exists, 1),
            ("exists", 3) => (Macro::Exists, 2),
            ("exists_one" | "existsOne", 2) => (Macro::ExistsOne, 1),
            ("exists_one" | "existsOne", 3) => (Macro::ExistsOne, 2),
            ("map", 2 | 3) => (Macro::Map, 1),
            ("filter", 2) => (Macro::Filter, 1),
            ("transformList", 3 | 4) => (Macro::TransformList, 2),
            ("transformMap", 3 | 4) => (Macro::TransformMap, 2),
            ("transformMapEntry", 3 | 4) => (Macro::TransformMapEntry, 2),
            ("sortBy", 2) => (Macro::SortBy, 1),
            ("optMap", 2) => (Macro::OptMap, 1),
            ("optFlatMap", 2) => (Macro::OptFlatMap, 1),
            _ => return Ok(Kind::Call { target: Some(Box::new(of)), function, args, pattern: None }),
        };
        let bodies = args.split_off(variables);
        let variables = args.into_iter().map(|arg| self.variable(arg)).collect::<Result<Vec<_>, _>>()?;
        Ok(Kind::Macro { kind, of: Box::new(of), variables, bodies })
    }

    fn variable(&self, arg: Expr) -> Result<String, CompileError> {
        match arg.kind {
            Kind::Ident(name) => Ok(name),
            _ => Err(self.wrong(arg.at as usize, "argument must be a simple name")),
        }
    }
}
