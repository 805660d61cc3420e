//! What can be known to be wrong before anything is evaluated: names that nobody declared, and types that never fit.

use super::CompileError;
use super::ast::{Expr, Kind, Literal, Macro, Operator};
use super::pattern::Pattern;
use super::signatures::{Libraries, pattern_at, variadic};
use super::types::{Type, is_object};
use crate::suggest::nearest;

/// Most bytes that the patterns of one expression may take when they are compiled before it is evaluated; others wait until then.
const PATTERNS: usize = 4 << 20;

/// What an expression may name.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    pub(crate) libraries: Libraries,
    /// Variables at the top, with what is known of their types.
    names: Vec<(String, Type)>,
    /// What stands behind `variables.`; `None` if there is no such name.
    composed: Option<Vec<(String, Type)>>,
}

impl Environment {
    /// The language and the libraries of Kubernetes, with these variables.
    pub fn kubernetes<'n>(names: impl IntoIterator<Item = &'n str>) -> Environment {
        let names = names.into_iter().map(|name| (name.to_owned(), Type::Dyn)).collect();
        Environment { names, ..Environment::default() }
    }

    /// Kyverno's libraries, too.
    #[must_use]
    pub fn with_kyverno(mut self) -> Environment {
        self.libraries.kyverno = true;
        self.libraries.fetching = true;
        self.libraries.global = true;
        self
    }

    /// Nothing of them that asks a cluster, a registry or a service.
    #[must_use]
    pub fn without_fetching(mut self) -> Environment {
        self.libraries.fetching = false;
        self.without_global()
    }

    /// Nothing of them that was fetched for all policies together.
    #[must_use]
    pub fn without_global(mut self) -> Environment {
        self.libraries.global = false;
        self
    }

    /// The functions that ask for evidence of images, too.
    #[must_use]
    pub fn with_images(mut self) -> Environment {
        self.libraries.images = true;
        self
    }

    /// No function that asks for evidence of images: for what such a function evaluates itself.
    #[must_use]
    pub fn without_images(mut self) -> Environment {
        self.libraries.images = false;
        self
    }

    /// The authorizer of Kubernetes, too.
    #[must_use]
    pub fn with_authorizer(mut self) -> Environment {
        self.libraries.authorizer = true;
        self.names.push(("authorizer".to_owned(), Type::Named("authorizer".to_owned())));
        self
    }

    /// One more name at the top.
    #[must_use]
    pub fn with(mut self, name: &str) -> Environment {
        self.names.push((name.to_owned(), Type::Dyn));
        self
    }

    /// Lets expressions ask for `variables.name`, of which none is declared yet.
    #[must_use]
    pub fn with_variables(mut self) -> Environment {
        self.composed.get_or_insert_default();
        self
    }

    /// Declares the next of them; it may use those before it. Its type is the one that `program` was found to have.
    pub fn declare(&mut self, name: &str, program: &super::Program) {
        self.composed.get_or_insert_default().push((name.to_owned(), program.result.clone()));
    }
}

/// Checks an expression and resolves the namespaces of its functions. Gives the type of what it evaluates to.
pub(crate) fn check(text: &str, expr: &mut Expr, environment: &Environment) -> Result<Type, CompileError> {
    let mut checker = Checker { text, environment, locals: Vec::new(), patterns: 0 };
    checker.visit(expr)
}

struct Checker<'c> {
    text: &'c str,
    environment: &'c Environment,
    locals: Vec<(String, Type)>,
    /// Bytes of the patterns that were compiled.
    patterns: usize,
}

impl Checker<'_> {
    fn wrong(&self, expr: &Expr, message: impl Into<String>) -> CompileError {
        CompileError::at(self.text, expr.at as usize, message)
    }

    fn local(&self, name: &str) -> Option<&Type> {
        self.locals.iter().rev().find(|(known, _)| known == name).map(|(_, found)| found)
    }

    fn named(&self, name: &str) -> Option<Type> {
        if let Some(found) = self.local(name) {
            return Some(found.clone());
        }
        if let Some((_, found)) = self.environment.names.iter().find(|(known, _)| known == name) {
            return Some(found.clone());
        }
        let types = ["bool", "int", "uint", "double", "string", "bytes", "list", "map", "type", "null_type"];
        types.contains(&name).then_some(Type::Meta)
    }

    /// The type of an expression. Each node adds one level to the types below it at most, so no type grows beyond its bound.
    fn visit(&mut self, expr: &mut Expr) -> Result<Type, CompileError> {
        self.node(expr).map(Type::bounded)
    }

    fn node(&mut self, expr: &mut Expr) -> Result<Type, CompileError> {
        let at = Expr { at: expr.at, depth: 0, kind: Kind::Literal(Literal::Null) };
        match &mut expr.kind {
            Kind::Literal(literal) => Ok(match literal {
                Literal::Null => Type::Null,
                Literal::Bool(_) => Type::Bool,
                Literal::Int(_) => Type::Int,
                Literal::Uint(_) => Type::Uint,
                Literal::Double(_) => Type::Double,
                Literal::String(_) => Type::String,
                Literal::Bytes(_) => Type::Bytes,
            }),
            Kind::Ident(name) => {
                let name = name.clone();
                self.named(&name).ok_or_else(|| self.undeclared(&at, &name))
            }
            Kind::Select { of, field, optional } => {
                if self.is_composed(of) {
                    let found = self.composed(&at, field)?;
                    return Ok(if *optional { Type::Optional(Box::new(found)) } else { found });
                }
                let found = self.visit(of)?;
                let field_type = self.field(&at, &found, field)?;
                Ok(match (&found, *optional) {
                    (Type::Optional(_), _) | (_, true) => match field_type {
                        Type::Optional(_) => field_type,
                        other => Type::Optional(Box::new(other)),
                    },
                    _ => field_type,
                })
            }
            Kind::Has { of, field } => {
                if self.is_composed(of) {
                    self.composed(&at, field)?;
                } else {
                    let found = self.visit(of)?;
                    self.field(&at, &found, field)?;
                }
                Ok(Type::Bool)
            }
            Kind::Index { of, index, optional } => {
                let found = self.visit(of)?;
                let by = self.visit(index)?;
                let item = self.item(&at, &found, &by)?;
                Ok(match (&found, *optional) {
                    (Type::Optional(_), _) | (_, true) => match item {
                        Type::Optional(_) => item,
                        other => Type::Optional(Box::new(other)),
                    },
                    _ => item,
                })
            }
            Kind::Call { .. } => self.call(expr),
            Kind::Not(inner) => {
                let found = self.visit(inner)?;
                self.boolean(inner, &found, "!_")?;
                Ok(Type::Bool)
            }
            Kind::Negate(inner) => match self.visit(inner)? {
                found @ (Type::Int | Type::Double | Type::Dyn | Type::Duration) => Ok(found),
                other => Err(self.wrong(&at, format!("found no matching overload for '-_' applied to '({other})'"))),
            },
            Kind::And(parts) | Kind::Or(parts) => {
                for part in parts {
                    let found = self.visit(part)?;
                    self.boolean(part, &found, "_&&_")?;
                }
                Ok(Type::Bool)
            }
            Kind::Binary(operator, left, right) => {
                let operator = *operator;
                let (left, right) = (self.visit(left)?, self.visit(right)?);
                self.operator(&at, operator, &left, &right)
            }
            Kind::Conditional { condition, then, otherwise } => {
                let found = self.visit(condition)?;
                self.boolean(condition, &found, "_?_:_")?;
                let (then, otherwise) = (self.visit(then)?, self.visit(otherwise)?);
                Ok(then.join(otherwise))
            }
            Kind::List(items) => {
                let mut joined: Option<Type> = None;
                for item in items {
                    let found = self.visit(&mut item.value)?;
                    let found = if item.optional { self.content(&item.value, found)? } else { found };
                    joined = Some(match joined {
                        None => found,
                        Some(joined) => joined.join(found),
                    });
                }
                Ok(Type::List(Box::new(joined.unwrap_or(Type::Dyn))))
            }
            Kind::Map(entries) => {
                let mut joined: Option<(Type, Type)> = None;
                for entry in entries {
                    let key = self.visit(&mut entry.key)?;
                    if !matches!(key, Type::Dyn | Type::Bool | Type::Int | Type::Uint | Type::String) {
                        return Err(self.wrong(&entry.key, format!("unsupported key type: {key}")));
                    }
                    let found = self.visit(&mut entry.value)?;
                    let found = if entry.optional { self.content(&entry.value, found)? } else { found };
                    joined = Some(match joined {
                        None => (key, found),
                        Some((keys, values)) => (keys.join(key), values.join(found)),
                    });
                }
                let (key, value) = joined.unwrap_or((Type::Dyn, Type::Dyn));
                Ok(Type::Map(Box::new(key), Box::new(value)))
            }
            Kind::Struct { name, fields } => {
                let name = name.clone();
                if !is_object(&name) {
                    return Err(self.wrong(&at, format!("undeclared reference to '{name}' (in container '')")));
                }
                for field in fields {
                    if name == "JSONPatch" && !matches!(&*field.key, "op" | "path" | "from" | "value") {
                        return Err(self.wrong(&field.value, format!("undefined field '{}'", field.key)));
                    }
                    let found = self.visit(&mut field.value)?;
                    if field.optional {
                        self.content(&field.value, found)?;
                    } else if let Type::Named(written) = &found
                        && name != "JSONPatch"
                        && written.starts_with("Object")
                        && *written != format!("{name}.{}", field.key)
                    {
                        let wanted = format!("{name}.{}", field.key);
                        let message = format!(
                            "expected type of field '{}' is '{wanted}' but provided type is '{written}'",
                            field.key
                        );
                        return Err(self.wrong(&field.value, message));
                    }
                }
                Ok(Type::Named(name))
            }
            Kind::Macro { kind, of, variables, bodies } => {
                let kind = *kind;
                let of_type = self.visit(of)?;
                self.macro_type(&at, kind, &of_type, variables, bodies)
            }
            Kind::Bind { name, value, body } => {
                let found = self.visit(value)?;
                self.locals.push((name.clone(), found));
                let result = self.visit(body);
                self.locals.pop();
                result
            }
        }
    }

    fn undeclared(&self, at: &Expr, name: &str) -> CompileError {
        let mut error = self.wrong(at, format!("undeclared reference to '{name}' (in container '')"));
        let known = self.environment.names.iter().map(|(known, _)| known.as_str());
        error.hint = nearest(name, known).map(|near| format!("did you mean `{near}`?"));
        error
    }

    fn is_composed(&self, of: &Expr) -> bool {
        matches!(&of.kind, Kind::Ident(name) if name == "variables")
            && self.local("variables").is_none()
            && self.environment.composed.is_some()
    }

    fn composed(&self, at: &Expr, field: &str) -> Result<Type, CompileError> {
        let known = self.environment.composed.iter().flatten();
        if let Some((_, found)) = known.clone().rev().find(|(name, _)| name == field) {
            return Ok(found.clone());
        }
        let mut error = self.wrong(at, format!("undefined field '{field}'"));
        error.hint = nearest(field, known.map(|(name, _)| name.as_str())).map(|near| format!("did you mean `{near}`?"));
        Err(error)
    }

    fn boolean(&self, at: &Expr, found: &Type, function: &str) -> Result<(), CompileError> {
        match found {
            Type::Bool | Type::Dyn => Ok(()),
            other => Err(self.wrong(at, format!("found no matching overload for '{function}' applied to '({other})'"))),
        }
    }

    /// What an optional holds; anything else is wrong where one is asked for.
    fn content(&self, at: &Expr, found: Type) -> Result<Type, CompileError> {
        match found {
            Type::Optional(inner) => Ok(*inner),
            Type::Dyn => Ok(Type::Dyn),
            other => Err(self.wrong(at, format!("expected type 'optional_type(dyn)' but found '{other}'"))),
        }
    }

    fn field(&self, at: &Expr, of: &Type, field: &str) -> Result<Type, CompileError> {
        match of {
            Type::Dyn => Ok(Type::Dyn),
            Type::Map(key, value) if Type::String.fits(key) => Ok((**value).clone()),
            Type::Optional(inner) => self.field(at, inner, field),
            Type::Named(name) if is_object(name) => Ok(Type::Dyn),
            other => Err(self.wrong(at, format!("type '{other}' does not support field selection (of '{field}')"))),
        }
    }

    fn item(&self, at: &Expr, of: &Type, by: &Type) -> Result<Type, CompileError> {
        match of {
            Type::Dyn => Ok(Type::Dyn),
            Type::Map(key, value) if by.fits(key) || (by.is_number() && key.is_number()) => Ok((**value).clone()),
            Type::List(item) if matches!(by, Type::Int | Type::Uint | Type::Double | Type::Dyn) => Ok((**item).clone()),
            Type::Optional(inner) => self.item(at, inner, by),
            Type::Named(name) if is_object(name) => Ok(Type::Dyn),
            other => Err(self.wrong(at, format!("found no matching overload for '_[_]' applied to '({other}, {by})'"))),
        }
    }

    fn operator(&self, at: &Expr, operator: Operator, left: &Type, right: &Type) -> Result<Type, CompileError> {
        use Type::{Bool, Bytes, Double, Duration, Dyn, Int, List, Map, String, Timestamp, Uint};
        let found = match operator {
            Operator::Equal | Operator::NotEqual => {
                let numbers = left.is_number() && right.is_number();
                let null = *left == Type::Null || *right == Type::Null;
                (numbers || null || left.fits(right) || right.fits(left)).then_some(Bool)
            }
            Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual => {
                let ordered = |found: &Type| {
                    matches!(found, Dyn | Bool | Int | Uint | Double | String | Bytes | Timestamp | Duration)
                };
                let fits = left.fits(right) || (left.is_number() && right.is_number());
                (ordered(left) && ordered(right) && fits).then_some(Bool)
            }
            Operator::In => match right {
                Dyn => Some(Bool),
                List(item) => (left.fits(item) || (left.is_number() && item.is_number())).then_some(Bool),
                Map(key, _) => (left.fits(key) || (left.is_number() && key.is_number())).then_some(Bool),
                _ => None,
            },
            Operator::Add => match (left, right) {
                (List(one), List(other)) => Some(List(Box::new((**one).clone().join((**other).clone())))),
                (Timestamp, Duration) | (Duration, Timestamp) => Some(Timestamp),
                (Dyn, other @ (Int | Uint | Double | String | Bytes | List(_)))
                | (other @ (Int | Uint | Double | String | Bytes | List(_)), Dyn) => Some(match other {
                    List(_) => List(Box::new(Dyn)),
                    other => other.clone(),
                }),
                (Dyn, Timestamp | Duration | Dyn) | (Timestamp | Duration, Dyn) => Some(Dyn),
                (Int | Uint | Double | String | Bytes | Duration, _) if left == right => Some(left.clone()),
                _ => None,
            },
            Operator::Subtract => match (left, right) {
                (Timestamp, Timestamp) => Some(Duration),
                (Timestamp, Duration) => Some(Timestamp),
                (Dyn, Int | Uint | Double | Timestamp | Duration | Dyn) => Some(Dyn),
                (Int | Uint | Double | Timestamp | Duration, Dyn) => Some(Dyn),
                (Int | Uint | Double | Duration, _) if left == right => Some(left.clone()),
                _ => None,
            },
            Operator::Multiply | Operator::Divide => match (left, right) {
                (Dyn, Int | Uint | Double | Dyn) => Some(Dyn),
                (Int | Uint | Double, Dyn) => Some(Dyn),
                (Int | Uint | Double, _) if left == right => Some(left.clone()),
                _ => None,
            },
            Operator::Modulo => match (left, right) {
                (Dyn, Int | Uint | Dyn) => Some(Dyn),
                (Int | Uint, Dyn) => Some(Dyn),
                (Int | Uint, _) if left == right => Some(left.clone()),
                _ => None,
            },
        };
        found.ok_or_else(|| {
            let name = operator.name();
            self.wrong(at, format!("found no matching overload for '{name}' applied to '({left}, {right})'"))
        })
    }

    fn macro_type(
        &mut self,
        at: &Expr,
        kind: Macro,
        of: &Type,
        variables: &[String],
        bodies: &mut [Expr],
    ) -> Result<Type, CompileError> {
        let not_over = |checker: &Self| {
            checker.wrong(
                at,
                format!("expression of type '{of}' cannot be range of a comprehension (must be list, map, or dynamic)"),
            )
        };
        // What the variables are: an element, or a position or key and what stands there.
        let types: Vec<Type> = match (kind, of) {
            (Macro::OptMap | Macro::OptFlatMap, Type::Optional(inner)) => vec![(**inner).clone()],
            (Macro::OptMap | Macro::OptFlatMap, Type::Dyn) => vec![Type::Dyn],
            (Macro::OptMap | Macro::OptFlatMap, other) => {
                return Err(self.wrong(at, format!("found no matching overload for '{kind}' applied to '{other}'")));
            }
            (_, Type::Dyn) => vec![Type::Dyn; variables.len()],
            (_, Type::List(item)) if variables.len() == 2 => vec![Type::Int, (**item).clone()],
            (_, Type::List(item)) => vec![(**item).clone()],
            (_, Type::Map(key, value)) if variables.len() == 2 => vec![(**key).clone(), (**value).clone()],
            (_, Type::Map(key, _)) => vec![(**key).clone()],
            _ => return Err(not_over(self)),
        };
        let mark = self.locals.len();
        for (name, found) in variables.iter().zip(types.iter()) {
            self.locals.push((name.clone(), found.clone()));
        }
        let mut results = Vec::new();
        for body in bodies.iter_mut() {
            match self.visit(body) {
                Ok(found) => results.push(found),
                Err(err) => {
                    self.locals.truncate(mark);
                    return Err(err);
                }
            }
        }
        self.locals.truncate(mark);
        let last = results.last().cloned().unwrap_or(Type::Dyn);
        let predicate = match kind {
            Macro::All | Macro::Exists | Macro::ExistsOne | Macro::Filter => bodies.first(),
            // The first of two bodies is the filter.
            _ if bodies.len() == 2 => bodies.first(),
            _ => None,
        };
        if let (Some(body), Some(found)) = (predicate, results.first()) {
            self.boolean(body, found, &kind.to_string())?;
        }
        Ok(match kind {
            Macro::All | Macro::Exists | Macro::ExistsOne => Type::Bool,
            Macro::Map | Macro::TransformList => Type::List(Box::new(last)),
            Macro::Filter => match of {
                Type::Map(key, _) => Type::List(key.clone()),
                Type::List(_) => of.clone(),
                _ => Type::List(Box::new(Type::Dyn)),
            },
            Macro::TransformMap => Type::Map(Box::new(types.first().cloned().unwrap_or(Type::Dyn)), Box::new(last)),
            Macro::TransformMapEntry => Type::Map(Box::new(Type::Dyn), Box::new(Type::Dyn)),
            Macro::SortBy => of.clone(),
            Macro::OptMap => Type::Optional(Box::new(last)),
            Macro::OptFlatMap => match last {
                Type::Optional(_) => last,
                _ => Type::Optional(Box::new(Type::Dyn)),
            },
        })
    }

    fn call(&mut self, expr: &mut Expr) -> Result<Type, CompileError> {
        let at = Expr { at: expr.at, depth: 0, kind: Kind::Literal(Literal::Null) };
        let Kind::Call { target, function, args, pattern } = &mut expr.kind else { return Ok(Type::Dyn) };
        let libraries = self.environment.libraries;
        // A namespace is a name that no variable of a macro hides.
        if let Some(of) = target
            && of.root().is_some_and(|root| self.local(root).is_none())
            && let Some(path) = of.path()
            && let Some(known) = libraries.canonical(&format!("{path}.{function}"))
        {
            *target = None;
            *function = known;
        }
        let mut types = Vec::with_capacity(args.len() + 1);
        if let Some(of) = target {
            types.push(self.visit(of)?);
        }
        for arg in args.iter_mut() {
            types.push(self.visit(arg)?);
        }
        if target.is_none() && variadic(function) {
            if types.is_empty() {
                return Err(self.wrong(&at, format!("{function}() requires at least one argument")));
            }
            return Ok(Type::Dyn);
        }
        let overloads = libraries.overloads(function);
        if overloads.is_empty() {
            let mut error = self.wrong(&at, format!("undeclared reference to '{function}' (in container '')"));
            error.hint = nearest(function, libraries.names()).map(|near| format!("did you mean `{near}`?"));
            return Err(error);
        }
        let receiver = target.is_some();
        let mut fitting = overloads.iter().filter(|overload| {
            overload.receiver == receiver
                && overload.args.len() == types.len()
                && types.iter().zip(&overload.args).all(|(have, want)| have.fits(want))
        });
        let Some(first) = fitting.next() else {
            let written: Vec<String> = types.iter().map(ToString::to_string).collect();
            let applied = match written.split_first() {
                Some((of, rest)) if receiver => format!("{of}.({})", rest.join(", ")),
                _ => format!("({})", written.join(", ")),
            };
            return Err(self.wrong(&at, format!("found no matching overload for '{function}' applied to '{applied}'")));
        };
        if let Some(arg) = pattern_at(function).and_then(|index| args.get(index + usize::from(!receiver)))
            && let Kind::Literal(Literal::String(literal)) = &arg.kind
            && self.patterns < PATTERNS
        {
            let compiled = Pattern::compile(literal).map_err(|err| self.wrong(arg, err.to_string()))?;
            self.patterns = self.patterns.saturating_add(compiled.size());
            *pattern = Some(compiled);
        }
        let mut result = first.result.clone();
        if fitting.any(|other| other.result != result) {
            result = Type::Dyn;
        }
        // What is taken out of a list or an optional is of the type that lies in it.
        Ok(match (&**function, types.first(), types.get(1)) {
            ("orValue", Some(Type::Optional(inner)), Some(other)) => (**inner).clone().join(other.clone()),
            ("value", Some(Type::Optional(inner)), _) => (**inner).clone(),
            ("or", Some(one @ Type::Optional(_)), Some(other)) => one.clone().join(other.clone()),
            ("optional.of" | "optional.ofNonZeroValue", Some(inner), _) => Type::Optional(Box::new(inner.clone())),
            ("slice" | "distinct" | "sort" | "reverse", Some(list @ Type::List(_)), _) => list.clone(),
            ("min" | "max" | "sum", Some(Type::List(item)), _) => (**item).clone(),
            ("first" | "last", Some(Type::List(item)), _) => Type::Optional(item.clone()),
            _ => result,
        })
    }
}
