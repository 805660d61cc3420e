//! The functions: 26 of the language and 51 of Kyverno, which share the name `sum`. One table gives names, types, notes and handlers.
//!
//! Sources: jmespath.org/specification.html, "Built-in Functions"; kyverno/kyverno:pkg/engine/jmespath/{functions,arithmetic,time}.go.

mod arithmetic;
mod certificate;
mod collections;
mod core;
pub(crate) mod digests;
pub(crate) mod images;
mod patterns;
mod random;
mod semver;
mod strings;
mod table;
mod times;

use super::ast::{Compiled, NodeId};
use super::eval::Evaluator;
use super::item::{Elements, Item, Members, View};
use super::number;
use super::surroundings::SearchError;
use crate::suggest;
use table::TABLE;

/// What a parameter takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Any,
    Text,
    Number,
    Bool,
    Array,
    Object,
    /// An array of strings only.
    Texts,
    /// An array of numbers only.
    Numbers,
    /// `&expression`.
    Reference,
}

pub(super) type Handler = for<'e, 'a> fn(&mut Evaluator<'a>, &Arguments<'e, 'a>) -> Result<Item<'a>, SearchError>;

/// One function.
#[derive(Debug)]
pub(super) struct Function {
    pub(super) name: &'static str,
    pub(super) parameters: &'static [&'static [Type]],
    /// The last parameter may come again.
    pub(super) variadic: bool,
    result: Type,
    /// Of Kyverno, with a note for its users.
    note: Option<&'static str>,
    pub(super) handler: Handler,
}

/// One of Kyverno's functions for those who ask which there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionInfo {
    /// Its name.
    pub name: &'static str,
    /// Name, parameter types and type of the result, as `kyverno jp function` prints them.
    pub signature: String,
    /// What it does.
    pub note: &'static str,
}

/// Kyverno's functions by name.
pub fn functions() -> Vec<FunctionInfo> {
    let info = |function: &'static Function| {
        let types = |types: &[Type]| types.iter().map(|kind| kind.short()).collect::<Vec<_>>().join("|");
        let parameters: Vec<_> = function.parameters.iter().map(|parameter| types(parameter)).collect();
        let signature = format!("{}({}) {}", function.name, parameters.join(", "), function.result.short());
        function.note.map(|note| FunctionInfo { name: function.name, signature, note })
    };
    let mut found: Vec<_> = TABLE.iter().filter_map(info).collect();
    found.sort_by(|left, right| left.signature.cmp(&right.signature));
    found
}

/// A function by name.
pub(super) fn find(name: &str) -> Option<&'static Function> {
    TABLE.iter().find(|function| function.name == name)
}

/// The function whose name is nearest to a wrong one.
pub(super) fn nearest(name: &str) -> Option<&'static str> {
    suggest::nearest(name, TABLE.iter().map(|function| function.name))
}

impl Type {
    fn short(self) -> &'static str {
        match self {
            Type::Any => "any",
            Type::Text => "string",
            Type::Number => "number",
            Type::Bool => "bool",
            Type::Array => "array",
            Type::Object => "object",
            Type::Texts => "array[string]",
            Type::Numbers => "array[number]",
            Type::Reference => "expref",
        }
    }

    fn long(self) -> &'static str {
        match self {
            Type::Any => "Any",
            Type::Text => "String",
            Type::Number => "Number",
            Type::Bool => "Boolean",
            Type::Array => "Array",
            Type::Object => "Object",
            Type::Texts => "Array of String",
            Type::Numbers => "Array of Number",
            Type::Reference => "Expression",
        }
    }

    fn takes(self, item: &Item<'_>) -> bool {
        match (self, item.view()) {
            (Type::Reference, View::Reference(_)) => true,
            (_, View::Reference(_)) => false,
            (Type::Any, _)
            | (Type::Text, View::Text(_))
            | (Type::Number, View::Number(_))
            | (Type::Bool, View::Bool(_))
            | (Type::Array, View::Array(_))
            | (Type::Object, View::Object(_)) => true,
            (Type::Texts, View::Array(items)) => items.iter().all(|item| matches!(item.view(), View::Text(_))),
            (Type::Numbers, View::Array(items)) => items.iter().all(|item| matches!(item.view(), View::Number(_))),
            _ => false,
        }
    }
}

impl Function {
    fn parameter(&self, index: usize) -> &'static [Type] {
        self.parameters.get(index).or(self.parameters.last()).copied().unwrap_or_default()
    }

    /// Whether the function applies an expression there.
    pub(super) fn applies(&self, index: usize) -> bool {
        self.parameter(index).contains(&Type::Reference)
    }

    /// Types before the handler runs, so that no handler sees what it does not take (CVE-2025-47281 is a handler that did).
    pub(super) fn check(&'static self, items: &[Item<'_>]) -> Result<(), SearchError> {
        for (index, item) in items.iter().enumerate() {
            let types = self.parameter(index);
            if !types.iter().any(|kind| kind.takes(item)) {
                let wanted = types.iter().map(|kind| kind.long()).collect::<Vec<_>>().join(" or ");
                let found = item.kind();
                return Err(self.error(format!("argument #{} is not of type {wanted}, found {found}", index + 1)));
            }
        }
        Ok(())
    }

    pub(super) fn error(&'static self, message: impl Into<String>) -> SearchError {
        SearchError::Function { function: self.name, message: message.into() }
    }
}

/// The arguments of one call, of the types that the table names.
pub(super) struct Arguments<'e, 'a> {
    pub(super) function: &'static Function,
    pub(super) items: &'e [Item<'a>],
    /// Where the call keeps its regular expression.
    pub(super) pattern: &'a Compiled,
}

impl<'e, 'a> Arguments<'e, 'a> {
    fn error(&self, message: impl Into<String>) -> SearchError {
        self.function.error(message)
    }

    fn mistyped(&self, index: usize) -> SearchError {
        self.error(format!("argument #{} is of no type that it takes", index + 1))
    }

    fn item(&self, index: usize) -> Result<&'e Item<'a>, SearchError> {
        self.items.get(index).ok_or_else(|| self.mistyped(index))
    }

    fn text(&self, index: usize) -> Result<&'e str, SearchError> {
        match self.item(index)?.view() {
            View::Text(text) => Ok(text),
            _ => Err(self.mistyped(index)),
        }
    }

    /// A string, or a number written out.
    fn as_text(&self, index: usize) -> Result<String, SearchError> {
        written(self.item(index)?).ok_or_else(|| self.mistyped(index))
    }

    fn float(&self, index: usize) -> Result<f64, SearchError> {
        match self.item(index)?.view() {
            View::Number(found) => Ok(number::float(found)),
            _ => Err(self.mistyped(index)),
        }
    }

    fn array(&self, index: usize) -> Result<Elements<'e, 'a>, SearchError> {
        match self.item(index)?.view() {
            View::Array(items) => Ok(items),
            _ => Err(self.mistyped(index)),
        }
    }

    fn object(&self, index: usize) -> Result<Members<'e, 'a>, SearchError> {
        match self.item(index)?.view() {
            View::Object(members) => Ok(members),
            _ => Err(self.mistyped(index)),
        }
    }

    fn reference(&self, index: usize) -> Result<NodeId, SearchError> {
        match self.item(index)?.view() {
            View::Reference(node) => Ok(node),
            _ => Err(self.mistyped(index)),
        }
    }

    /// A number that a calculation gave.
    fn number(&self, value: f64) -> Result<Item<'a>, SearchError> {
        number::of(value).map(Item::Number).ok_or_else(|| self.error("the result is no finite number"))
    }
}

/// Text, a number or a truth value written out, as Kyverno does where it wants text. Integers stay exact (upstream rounds them to 32 bits).
fn written(item: &Item<'_>) -> Option<String> {
    match item.view() {
        View::Text(text) => Some(text.to_owned()),
        View::Bool(value) => Some(value.to_string()),
        View::Number(found) if found.is_f64() => Some(number::float(found).to_string()),
        View::Number(found) => Some(found.to_string()),
        _ => None,
    }
}

impl<'a> Evaluator<'a> {
    /// A text that a function made, paid for.
    fn made(&mut self, text: String) -> Result<Item<'a>, SearchError> {
        self.budget.text(text.len())?;
        Ok(Item::text(text))
    }
}
