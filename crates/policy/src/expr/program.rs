//! A compiled expression, and what it is evaluated on.

use super::check;
use super::eval::{Code, EvalError, Evaluator, Halt, Meter, Missing};
use super::{Diagnostic, Environment, Span, Type, Value, parser};

/// Bounds on an expression and on each of its evaluations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of source.
    pub max_source: usize,
    /// Levels of nesting; a chain of `&&` or `||` is one level.
    pub max_depth: usize,
    /// Steps of an evaluation; ten bytes of text count as one.
    pub max_cost: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { max_source: 64 << 10, max_depth: 64, max_cost: 1_000_000 }
    }
}

/// What a variable is, for one evaluation.
#[derive(Clone, Debug, PartialEq)]
pub enum Lookup {
    /// Its value.
    Value(Value),
    /// There is none, and why.
    Missing(String),
}

/// The data that an expression is evaluated on.
pub trait Activation {
    /// The value of a variable. Only declared variables are asked for.
    fn lookup(&self, name: &str) -> Lookup;
}

/// What came out.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It holds.
    True,
    /// It does not.
    False,
    /// It cannot be told without these.
    Unknown(Vec<Missing>),
    /// It failed. A gate takes this as it takes unknown: a `deny` denies.
    Error(EvalError),
}

impl Outcome {
    /// Whether a rule that asks for this must act: everything but a certain "no" (DESIGN section 4, promise 1).
    pub fn holds_or_unsure(&self) -> bool {
        *self != Outcome::False
    }
}

/// An expression that gives a bool, compiled.
#[derive(Clone, Debug)]
pub struct Program {
    source: String,
    code: Code,
    variables: Vec<String>,
    limits: Limits,
}

impl Program {
    /// Parses and checks. Errors: one for syntax, else all that the checker finds, in the order of the source.
    pub fn compile(source: &str, environment: &Environment) -> Result<Program, Vec<Diagnostic>> {
        Program::compile_within(source, environment, Limits::default())
    }

    /// As [`Program::compile`], with limits.
    pub fn compile_within(source: &str, environment: &Environment, limits: Limits) -> Result<Program, Vec<Diagnostic>> {
        let (program, ty) = Program::compile_any(source, environment, limits)?;
        if matches!(ty, Type::Bool | Type::Dyn) {
            return Ok(program);
        }
        let span = Span::new(0, source.len());
        let problem = Diagnostic::new(format!("the expression gives {}, not a bool", ty.a()), span);
        Err(vec![problem.hint("it must say yes or no: compare it with something")])
    }

    /// Compiles an expression of any type.
    pub(super) fn compile_any(
        source: &str,
        environment: &Environment,
        limits: Limits,
    ) -> Result<(Program, Type), Vec<Diagnostic>> {
        if source.len() > limits.max_source {
            let message =
                format!("the expression has {} bytes, more than the {} that are read", source.len(), limits.max_source);
            return Err(vec![Diagnostic::new(message, Span::default())]);
        }
        let expr = parser::parse(source, limits.max_depth).map_err(|problem| vec![problem])?;
        let checked = check::check(&expr, environment)?;
        let program = Program { source: source.to_owned(), code: checked.code, variables: checked.variables, limits };
        Ok((program, checked.ty))
    }

    /// The text.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Names of the variables that stand in it, sorted: the data that the caller must provide.
    pub fn variables(&self) -> &[String] {
        &self.variables
    }

    /// Runs it. Terminates within the cost limit, whatever the data.
    pub fn evaluate(&self, activation: &dyn Activation) -> Outcome {
        match self.value(activation) {
            Ok(Value::Bool(true)) => Outcome::True,
            Ok(Value::Bool(false)) => Outcome::False,
            Ok(other) => Outcome::Error(EvalError {
                message: format!("the expression gave {}, not a bool", other.kind()),
                span: self.code.span,
            }),
            Err(Halt::Unknown(missing)) => Outcome::Unknown(missing),
            Err(Halt::Error(error) | Halt::Abort(error)) => Outcome::Error(error),
        }
    }

    pub(super) fn value(&self, activation: &dyn Activation) -> Result<Value, Halt> {
        let meter = Meter { left: self.limits.max_cost };
        Evaluator { activation, meter, locals: Vec::new() }.run(&self.code)
    }
}
