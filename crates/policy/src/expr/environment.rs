//! What an expression may name.

use super::{Type, Value};

/// A declared variable.
#[derive(Clone, Debug, PartialEq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: Type,
    /// One line for the reference page and for hints.
    pub doc: String,
    /// For a string with a closed set of values: all of them. Comparing with anything else is a compile error, because it would never match.
    pub one_of: Option<Vec<String>>,
}

/// The variables and constants that expressions of one place may use.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    variables: Vec<Variable>,
    constants: Vec<(String, Value, String)>,
}

impl Environment {
    /// Nothing but the language.
    pub fn new() -> Environment {
        Environment::default()
    }

    /// With one more variable. A later declaration of the same name replaces the earlier.
    pub fn variable(mut self, name: &str, ty: Type, doc: &str) -> Environment {
        self.variables.retain(|variable| variable.name != name);
        self.variables.push(Variable { name: name.to_owned(), ty, doc: doc.to_owned(), one_of: None });
        self
    }

    /// With one more string variable that has one of these values.
    pub fn choice(mut self, name: &str, values: &[&str], doc: &str) -> Environment {
        self = self.variable(name, Type::String, doc);
        if let Some(variable) = self.variables.last_mut() {
            variable.one_of = Some(values.iter().map(|value| (*value).to_owned()).collect());
        }
        self
    }

    /// With one more constant.
    pub fn constant(mut self, name: &str, value: Value, doc: &str) -> Environment {
        self.constants.push((name.to_owned(), value, doc.to_owned()));
        self
    }

    /// The variables, in the order of their declaration.
    pub fn variables(&self) -> &[Variable] {
        &self.variables
    }

    /// The variable of this name.
    pub fn find(&self, name: &str) -> Option<&Variable> {
        self.variables.iter().find(|variable| variable.name == name)
    }

    pub(crate) fn find_constant(&self, name: &str) -> Option<&Value> {
        self.constants.iter().find(|(known, ..)| known == name).map(|(_, value, _)| value)
    }

    /// Every name that may stand in an expression.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        let variables = self.variables.iter().map(|variable| variable.name.as_str());
        variables.chain(self.constants.iter().map(|(name, ..)| name.as_str()))
    }
}
