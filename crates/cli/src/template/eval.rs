//! Nodes over a value into text.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value;

use super::parse::{Command, Node, Operand, Pipeline};
use super::value::{Val, field, items, owned, print, truth};
use super::{Context, MOST_DEPTH, functions};

/// Longest text that a run gives, in bytes.
const MOST_OUTPUT: usize = 256 << 20;
/// Weight of the values that one function may be given or may make: bytes of text, and a little for each item.
const MOST_WEIGHT: usize = 128 << 20;
/// Blocks inside templates inside blocks: each level takes some of the stack.
const MOST_BLOCKS: usize = 300;
/// Lists inside lists; a template that wraps a value again and again would otherwise make one that cannot even be let go of.
const MOST_NESTED: usize = 200;
/// So much weight counts as one step: what a function copies takes time too.
const WEIGHT_OF_STEP: usize = 64;
/// Nodes, function calls and loop rounds of a run. A report of 100,000 findings takes a tenth of it.
const MOST_STEPS: u64 = 50_000_000;

type Wrong = (usize, String);

/// Runs a template.
pub(super) fn run(
    main: &[Node],
    defined: &BTreeMap<String, Vec<Node>>,
    value: &Value,
    context: &Context<'_>,
) -> Result<String, Wrong> {
    let root = Cow::Borrowed(value);
    let mut run = Run {
        defined,
        context,
        out: String::new(),
        variables: vec![(String::new(), root.clone())],
        steps: 0,
        depth: 0,
        nested: 0,
    };
    run.nodes(main, &root)?;
    Ok(run.out)
}

/// How a list of nodes was left.
enum Flow {
    On,
    Break,
    Continue,
}

struct Run<'v, 'r> {
    defined: &'r BTreeMap<String, Vec<Node>>,
    context: &'r Context<'r>,
    out: String,
    /// Innermost last; `$` is the first, with the empty name.
    variables: Vec<(String, Val<'v>)>,
    steps: u64,
    depth: usize,
    /// Blocks and templates that are open.
    nested: usize,
}

impl<'v> Run<'v, '_> {
    fn step(&mut self, line: usize) -> Result<(), Wrong> {
        self.steps += 1;
        match self.steps > MOST_STEPS {
            true => Err((line, format!("it takes more than {MOST_STEPS} steps"))),
            false => Ok(()),
        }
    }

    fn put(&mut self, text: &str, line: usize) -> Result<(), Wrong> {
        if self.out.len().saturating_add(text.len()) > MOST_OUTPUT {
            return Err((line, format!("it gives more than {MOST_OUTPUT} bytes")));
        }
        self.out.push_str(text);
        Ok(())
    }

    /// Nodes in a scope of their own.
    fn nodes(&mut self, nodes: &[Node], dot: &Val<'v>) -> Result<Flow, Wrong> {
        self.nested += 1;
        if self.nested > MOST_BLOCKS {
            return Err((1, format!("blocks and templates together are more than {MOST_BLOCKS} deep")));
        }
        let scope = self.variables.len();
        let mut flow = Flow::On;
        for node in nodes {
            flow = self.node(node, dot)?;
            if !matches!(flow, Flow::On) {
                break;
            }
        }
        self.variables.truncate(scope);
        self.nested -= 1;
        Ok(flow)
    }

    fn node(&mut self, node: &Node, dot: &Val<'v>) -> Result<Flow, Wrong> {
        match node {
            Node::Text(text) => self.put(text, 1)?,
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
            Node::Print(pipeline, line) => {
                let value = self.pipeline(pipeline, dot, *line)?;
                if pipeline.variables.is_empty() {
                    let text = print(&value);
                    self.put(&text, *line)?;
                }
            }
            Node::If(condition, body, other, line) | Node::With(condition, body, other, line) => {
                let scope = self.variables.len();
                let value = self.pipeline(condition, dot, *line)?;
                let holds = truth(&value);
                let inner = if holds && matches!(node, Node::With(..)) { &value } else { dot };
                let flow = self.nodes(if holds { body } else { other }, inner)?;
                self.variables.truncate(scope);
                return Ok(flow);
            }
            Node::Range(over, body, other, line) => {
                let scope = self.variables.len();
                let flow = self.range(over, body, other, dot, *line);
                self.variables.truncate(scope);
                flow?;
            }
            Node::Template(name, value, line) => {
                let Some(body) = self.defined.get(name) else {
                    return Err((*line, format!("there is no template {name:?}")));
                };
                if self.depth >= MOST_DEPTH {
                    return Err((*line, format!("templates call each other more than {MOST_DEPTH} deep")));
                }
                let inner = match value {
                    Some(pipeline) => self.pipeline(pipeline, dot, *line)?,
                    None => owned(Value::Null),
                };
                // A template sees nothing of its caller's variables.
                let outer = std::mem::replace(&mut self.variables, vec![(String::new(), inner.clone())]);
                self.depth += 1;
                self.nodes(body, &inner)?;
                self.depth -= 1;
                self.variables = outer;
            }
        }
        Ok(Flow::On)
    }

    fn range(
        &mut self,
        over: &Pipeline,
        body: &[Node],
        other: &[Node],
        dot: &Val<'v>,
        line: usize,
    ) -> Result<(), Wrong> {
        let value = self.commands(&over.commands, dot, line)?;
        let pairs: Vec<(Val<'v>, Val<'v>)> = match (&*value, items(&value)) {
            (_, Some(items)) => items.into_iter().enumerate().map(|(at, item)| (owned(at), item)).collect(),
            (Value::Object(fields), None) => {
                let mut keys: Vec<&String> = fields.keys().collect();
                keys.sort();
                keys.into_iter().map(|key| (owned(key.as_str()), exact(&value, key))).collect()
            }
            (Value::Number(number), None) => {
                let count = number.as_u64().unwrap_or(0).min(MOST_STEPS);
                let count = usize::try_from(count).unwrap_or(0).min(1_000_000);
                (0..count).map(|at| (owned(at), owned(at))).collect()
            }
            _ => return Err((line, "`range` goes over a list, an object or a number".to_owned())),
        };
        if pairs.is_empty() {
            self.nodes(other, dot)?;
            return Ok(());
        }
        for (key, item) in pairs {
            self.step(line)?;
            let scope = self.variables.len();
            match over.variables.as_slice() {
                [] => {}
                [one] => self.keep(one, item.clone(), over.assigns, line)?,
                [one, two, ..] => {
                    self.keep(one, key, over.assigns, line)?;
                    self.keep(two, item.clone(), over.assigns, line)?;
                }
            }
            let flow = self.nodes(body, &item)?;
            self.variables.truncate(scope);
            if matches!(flow, Flow::Break) {
                break;
            }
        }
        Ok(())
    }

    fn keep(&mut self, name: &str, value: Val<'v>, assigns: bool, line: usize) -> Result<(), Wrong> {
        if !assigns {
            self.variables.push((name.to_owned(), value));
            return Ok(());
        }
        match self.variables.iter_mut().rev().find(|(known, _)| known == name) {
            Some((_, kept)) => *kept = value,
            None => return Err((line, format!("there is no variable `${name}`"))),
        }
        Ok(())
    }

    fn pipeline(&mut self, pipeline: &Pipeline, dot: &Val<'v>, line: usize) -> Result<Val<'v>, Wrong> {
        let value = self.commands(&pipeline.commands, dot, line)?;
        if let [name] = pipeline.variables.as_slice() {
            self.keep(name, value.clone(), pipeline.assigns, line)?;
        }
        Ok(value)
    }

    fn commands(&mut self, commands: &[Command], dot: &Val<'v>, line: usize) -> Result<Val<'v>, Wrong> {
        let mut value: Option<Val<'v>> = None;
        for command in commands {
            value = Some(self.command(command, value, dot, line)?);
        }
        Ok(value.unwrap_or_else(|| owned(Value::Null)))
    }

    fn command(
        &mut self,
        command: &Command,
        piped: Option<Val<'v>>,
        dot: &Val<'v>,
        line: usize,
    ) -> Result<Val<'v>, Wrong> {
        self.step(line)?;
        let Operand::Function(name) = &command.first else {
            return self.operand(&command.first, dot, line);
        };
        // These two look at no more arguments than they need.
        if name == "and" || name == "or" {
            let mut last = None;
            for argument in &command.arguments {
                let value = self.operand(argument, dot, line)?;
                if truth(&value) == (name == "or") {
                    return Ok(value);
                }
                last = Some(value);
            }
            return piped.or(last).ok_or_else(|| (line, format!("`{name}` needs an argument")));
        }
        let mut arguments = Vec::with_capacity(command.arguments.len() + 1);
        for argument in &command.arguments {
            arguments.push(self.operand(argument, dot, line)?);
        }
        arguments.extend(piped);
        if functions::copies(name) {
            self.afford(&arguments, line)?;
        }
        let value =
            functions::call(name, &arguments, self.context).map_err(|why| (line, format!("`{name}`: {why}")))?;
        if matches!(&value, Cow::Owned(Value::Array(_) | Value::Object(_) | Value::String(_))) {
            self.afford(std::slice::from_ref(&value), line)?;
        }
        Ok(value)
    }

    /// Weighs values, and takes their weight from the steps.
    fn afford(&mut self, values: &[Val<'v>], line: usize) -> Result<(), Wrong> {
        let mut weight = 0;
        for value in values {
            weigh(value, &mut weight, 0).map_err(|why| (line, why))?;
        }
        self.steps = self.steps.saturating_add((weight / WEIGHT_OF_STEP) as u64);
        self.step(line)
    }

    fn operand(&mut self, operand: &Operand, dot: &Val<'v>, line: usize) -> Result<Val<'v>, Wrong> {
        Ok(match operand {
            Operand::Dot => dot.clone(),
            Operand::Nil => owned(Value::Null),
            Operand::Bool(yes) => owned(*yes),
            Operand::Text(text) => owned(text.as_str()),
            Operand::Number(number) => owned(number.json()),
            Operand::Variable(name) => match self.variables.iter().rev().find(|(known, _)| known == name) {
                Some((_, value)) => value.clone(),
                None => return Err((line, format!("there is no variable `${name}`"))),
            },
            Operand::Function(name) => {
                functions::call(name, &[], self.context).map_err(|why| (line, format!("`{name}`: {why}")))?
            }
            Operand::Pipeline(inner) => self.pipeline(inner, dot, line)?,
            Operand::Fields(of, names) => {
                let mut value = self.operand(of, dot, line)?;
                for name in names {
                    value =
                        field(&value, name).ok_or_else(|| (line, format!("what has no fields has no `.{name}`")))?;
                }
                value
            }
        })
    }
}

fn weigh(value: &Value, weight: &mut usize, depth: usize) -> Result<(), String> {
    *weight += 32;
    if depth > MOST_NESTED {
        return Err(format!("values are nested more than {MOST_NESTED} deep"));
    }
    match value {
        Value::String(text) => *weight += text.len(),
        Value::Array(items) => items.iter().try_for_each(|item| weigh(item, weight, depth + 1))?,
        Value::Object(fields) => fields.iter().try_for_each(|(key, item)| {
            *weight += key.len();
            weigh(item, weight, depth + 1)
        })?,
        _ => {}
    }
    match *weight > MOST_WEIGHT {
        true => Err(format!("a value is larger than {MOST_WEIGHT} bytes")),
        false => Ok(()),
    }
}

/// The field of exactly this name.
fn exact<'v>(value: &Val<'v>, name: &str) -> Val<'v> {
    match value {
        Cow::Borrowed(Value::Object(fields)) => fields.get(name).map_or(Cow::Owned(Value::Null), Cow::Borrowed),
        Cow::Owned(Value::Object(fields)) => Cow::Owned(fields.get(name).cloned().unwrap_or_default()),
        _ => Cow::Owned(Value::Null),
    }
}
