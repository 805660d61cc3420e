//! Calls: which overload is meant, what literals can already be read, and hints for the usual slips.

use super::ast::{BinaryOp, Expr, Kind};
use super::check::{Checker, Typed};
use super::eval::{Code, Fault, Meter, Op};
use super::functions::{FUNCTIONS, Function, Sig};
use super::{Diagnostic, Span, Type, Value, strings};
use crate::suggest::nearest;

/// Enough for reading one literal.
const LITERAL_COST: usize = 10_000;

impl Checker<'_> {
    pub(super) fn call(
        &mut self,
        name: &str,
        name_span: Span,
        receiver: Option<&Expr>,
        args: &[Expr],
        span: Span,
    ) -> Typed {
        let all: Vec<&Expr> = receiver.into_iter().chain(args).collect();
        let typed: Vec<Typed> = all.iter().map(|arg| self.expr(arg)).collect();
        let Some(function) =
            FUNCTIONS.iter().find(|function| function.name == name && function.member == receiver.is_some())
        else {
            let problem = unknown_function(name, name_span, receiver.is_some());
            return self.wrong(problem);
        };
        let types: Vec<&Type> = typed.iter().map(|(_, ty)| ty).collect();
        let fits = |params: &[Sig]| {
            params.len() == types.len() && params.iter().zip(&types).all(|(param, ty)| param.accepts(ty))
        };
        let mut fitting = function.overloads.iter().filter(|(params, _)| fits(params));
        let Some((_, result)) = fitting.next() else {
            let problem = no_overload(function, &types, span);
            return self.wrong(problem);
        };
        // Several fit only where an argument is `dyn`; all of ours then give one type, or we do not know.
        let ty = if fitting.all(|(_, other)| other == result) { result.ty() } else { Type::Dyn };
        let codes: Vec<Code> = typed.into_iter().map(|(code, _)| code).collect();
        let op = match self.literal(function, &all, codes) {
            Ok(op) => op,
            Err(problem) => return self.wrong(problem),
        };
        (Code { op, span }, ty)
    }

    /// Patterns, durations and timestamps that are written as literals are read now, so that a bad one is a compile error.
    fn literal(&self, function: &Function, args: &[&Expr], mut codes: Vec<Code>) -> Result<Op, Diagnostic> {
        let pattern = args.get(1).filter(|_| function.name == "matches");
        if let Some(Expr { kind: Kind::Literal(Value::String(text)), span, .. }) = pattern {
            let regex = strings::pattern(text).map_err(|message| {
                Diagnostic::new(message, *span).hint("patterns are those of RE2: no look-around, no back-references")
            })?;
            codes.truncate(1);
            if let Some(operand) = codes.pop() {
                return Ok(Op::Matches(Box::new(operand), regex));
            }
        }
        if let ("duration" | "timestamp", [Expr { kind: Kind::Literal(value), span, .. }]) = (function.name, args) {
            return match (function.run)(std::slice::from_ref(value), &mut Meter { left: LITERAL_COST }) {
                Ok(value) => Ok(Op::Constant(value)),
                Err(Fault::Message(message)) => Err(Diagnostic::new(message, *span)),
                Err(Fault::TooDear) => Err(Diagnostic::new("the literal is too long", *span)),
            };
        }
        Ok(Op::Call(function.run, codes))
    }
}

fn unknown_function(name: &str, span: Span, member: bool) -> Diagnostic {
    let problem = Diagnostic::new(format!("there is no function `{name}`"), span);
    if FUNCTIONS.iter().any(|function| function.name == name) {
        let form = if member { format!("`{name}(value)`") } else { format!("`value.{name}(...)`") };
        return problem.hint(format!("it is called as {form}"));
    }
    let macros = if member { &["all", "exists", "exists_one", "filter", "map"][..] } else { &["has"][..] };
    let names = FUNCTIONS.iter().filter(|function| function.member == member).map(|function| function.name);
    match nearest(name, names.chain(macros.iter().copied())) {
        Some(near) => problem.hint(format!("did you mean `{near}`?")),
        None => problem,
    }
}

fn no_overload(function: &Function, types: &[&Type], span: Span) -> Diagnostic {
    let list = |types: Vec<String>| types.join(", ");
    let split = usize::from(function.member);
    let (receiver, args) = types.split_at(split.min(types.len()));
    let given = list(args.iter().map(|ty| ty.to_string()).collect());
    let message = match receiver.first() {
        Some(receiver) => format!("`{}({given})` is not defined on {}", function.name, receiver.a()),
        None => format!("`{}({given})` is not defined", function.name),
    };
    let forms: Vec<String> = function
        .overloads
        .iter()
        .map(|(params, _)| {
            let names: Vec<String> = params.iter().map(|param| param.ty().to_string()).collect();
            match (function.member, names.split_first()) {
                (true, Some((receiver, rest))) => format!("`{receiver}.{}({})`", function.name, rest.join(", ")),
                _ => format!("`{}({})`", function.name, names.join(", ")),
            }
        })
        .collect();
    Diagnostic::new(message, span).hint(format!("there is {}", forms.join(", ")))
}

/// For two operands that do not go together: the place of the culprit, and what was probably meant.
pub(super) fn comparison_hint(
    op: BinaryOp,
    left: (&Expr, &Type),
    right: (&Expr, &Type),
) -> (Option<Span>, Option<String>) {
    let without_quotes = |this: (&Expr, &Type), other: (&Expr, &Type)| match (this.1, &other.0.kind) {
        (Type::String, Kind::Ident(name)) => Some((other.0.span, format!("a text is written in quotes: \"{name}\""))),
        _ => None,
    };
    one_sided(op, left, right)
        .or_else(|| one_sided(op, right, left))
        .or_else(|| without_quotes(left, right))
        .or_else(|| without_quotes(right, left))
        .map_or((None, None), |(span, hint)| (Some(span), Some(hint)))
}

fn one_sided(op: BinaryOp, this: (&Expr, &Type), other: (&Expr, &Type)) -> Option<(Span, String)> {
    let at = other.0.span;
    let sign = op.sign();
    let arithmetic =
        matches!(op, BinaryOp::Add | BinaryOp::Subtract | BinaryOp::Multiply | BinaryOp::Divide | BinaryOp::Remainder);
    match (this.1, other.1, &other.0.kind) {
        (Type::Severity, Type::String, Kind::Literal(Value::String(text))) => {
            const NAMES: [&str; 5] = ["unknown", "low", "medium", "high", "critical"];
            Some((
                at,
                match nearest(text, NAMES) {
                    Some(name) => format!("severities are written without quotes: `{name}`"),
                    None => format!("severities are written without quotes, and are: {}", NAMES.join(", ")),
                },
            ))
        }
        (Type::Severity, Type::List(of), _) if **of == Type::String => {
            Some((at, "severities are written without quotes: `[high, critical]`".to_owned()))
        }
        (Type::Severity, Type::Int | Type::Double | Type::Uint, _) => {
            Some((at, "compare with `unknown`, `low`, `medium`, `high` or `critical`; scores are in `cvss`".to_owned()))
        }
        (Type::Bool, Type::String, Kind::Literal(Value::String(text))) if &**text == "true" || &**text == "false" => {
            Some((at, format!("write `{text}` without quotes")))
        }
        (Type::Bool, Type::Int, Kind::Literal(Value::Int(0 | 1))) => {
            Some((at, "a bool is compared with `true` and `false`, or stands alone".to_owned()))
        }
        (Type::Duration, Type::String, Kind::Literal(Value::String(text))) if crate::parse_duration(text).is_some() => {
            Some((at, format!("a duration is written `duration(\"{text}\")`")))
        }
        (Type::Duration, Type::Int | Type::Double, Kind::Literal(_)) => {
            Some((at, "a duration is written `duration(\"24h\")` or `duration(\"7d\")`".to_owned()))
        }
        (Type::Timestamp, Type::String, Kind::Literal(Value::String(text))) => {
            Some((at, format!("a point in time is written `timestamp(\"{text}\")`")))
        }
        (Type::Int | Type::Uint | Type::Double, Type::String, Kind::Literal(Value::String(text)))
            if text.parse::<f64>().is_ok() =>
        {
            Some((at, format!("write `{text}` without quotes")))
        }
        (Type::Double, Type::Int, Kind::Literal(Value::Int(value))) if arithmetic => {
            Some((at, format!("write `{value}.0`")))
        }
        (Type::Double, Type::Int | Type::Uint, _) if arithmetic => Some((at, "convert it: `double(...)`".to_owned())),
        (Type::List(_), Type::String, _) if matches!(op, BinaryOp::Equal | BinaryOp::NotEqual) => {
            Some((at, format!("to ask whether a list holds something, write `value in list` instead of `{sign}`")))
        }
        _ => None,
    }
}
