//! `kyverno jp`: asks a document by JMESPath, shows what an expression is, and lists Kyverno's functions.
//!
//! Source: kyverno/kyverno:cmd/cli/kubectl-kyverno/commands/jp.

use std::fs::File;
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use signet_policy::go;
use signet_policy::jmespath::{Expression, ParseError, Surroundings, functions};

use super::args::{FunctionArgs, JpCommand, ParseArgs, QueryArgs};
use crate::output;
use crate::settings::Settings;

/// Largest input. A cluster's whole list of objects fits.
const LARGEST: u64 = 64 << 20;

pub(super) fn command(wanted: &JpCommand, settings: &Settings) -> Result<u8> {
    match wanted {
        JpCommand::Query(args) => query(args, settings),
        JpCommand::Parse(args) => parse(args),
        JpCommand::Function(args) => function(args),
    }
}

fn query(args: &QueryArgs, settings: &Settings) -> Result<u8> {
    let mut queries = expressions(&args.expressions, &args.query)?;
    let input = args.input.as_deref().map(|path| document(&file(path)?)).transpose()?;
    if queries.is_empty() && input.is_none() {
        bail!("at least one query or input object is required");
    }
    if queries.is_empty() {
        queries.push(ask("Enter a jmespath expression and hit Ctrl+D.")?);
    }
    let input = match input {
        Some(input) => input,
        None => document(&ask("Enter input object and hit Ctrl+D.")?)?,
    };
    let surroundings = Surroundings::kyverno(settings.now, seed());
    for query in &queries {
        let expression = compiled(query)?;
        let found = expression.search(&input, &surroundings).context("error evaluating JMESPath expression")?;
        let text = match found.as_ref() {
            Value::String(text) if args.unquoted => text.clone(),
            found => go::json::write(found, !args.compact),
        };
        output::to_stdout(format!("# {query}\n{text}\n").as_bytes())?;
    }
    Ok(0)
}

fn parse(args: &ParseArgs) -> Result<u8> {
    let mut expressions = expressions(&args.expressions, &args.file)?;
    if expressions.is_empty() {
        expressions.push(ask("Enter a jmespath expression and hit Ctrl+D.")?);
    }
    for text in &expressions {
        let tree = compiled(text)?.tree();
        output::to_stdout(format!("# {text}\n{tree}\n").as_bytes())?;
    }
    Ok(0)
}

/// Unknown names print nothing, as upstream has it.
fn function(args: &FunctionArgs) -> Result<u8> {
    let mut out = String::new();
    for function in functions() {
        if args.names.is_empty() || args.names.iter().any(|name| name == function.name) {
            out += &format!(
                "Name: {}\n  Signature: {}\n  Note:      {}\n\n",
                function.name, function.signature, function.note
            );
        }
    }
    output::to_stdout(out.as_bytes())?;
    Ok(0)
}

/// Those of the command line, then those in files.
fn expressions(given: &[String], files: &[PathBuf]) -> Result<Vec<String>> {
    let mut all = given.to_vec();
    for path in files {
        all.push(file(path)?);
    }
    Ok(all)
}

fn compiled(text: &str) -> Result<Expression> {
    let explained = |err: ParseError| {
        let shown = err.highlight(text);
        anyhow::anyhow!("SyntaxError: {err}\n{shown}")
    };
    Expression::parse(text).map_err(explained)
}

fn file(path: &Path) -> Result<String> {
    let opened = File::open(path).with_context(|| format!("failed open file {}", path.display()))?;
    bounded(opened).with_context(|| format!("failed to read file {}", path.display()))
}

/// Standard input to its end. The prompt goes to standard output, where upstream has it, only if somebody sits there.
fn ask(prompt: &str) -> Result<String> {
    if io::IsTerminal::is_terminal(&io::stdin()) {
        output::to_stdout(format!("Reading from terminal input.\n{prompt}\n").as_bytes())?;
    }
    bounded(io::stdin().lock()).context("failed to read standard input")
}

fn bounded(source: impl Read) -> Result<String> {
    let mut text = String::new();
    source.take(LARGEST + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LARGEST {
        bail!("more than {} MiB", LARGEST >> 20);
    }
    Ok(text)
}

/// JSON, else the first document of a YAML text.
fn document(text: &str) -> Result<Value> {
    if let Ok(value) = serde_json::from_str(text) {
        return Ok(value);
    }
    let documents = signet_yaml::parse(text, &signet_yaml::Limits::default()).context("error parsing input json")?;
    Ok(documents.first().map_or(Value::Null, |document| signet_yaml::to_json(&document.root)))
}

/// What `random` begins with: each hasher of the standard library has keys from the system. Nothing secret is made of it here.
pub(super) fn seed() -> [u8; 32] {
    let mut seed = [0; 32];
    for (place, piece) in seed.chunks_exact_mut(8).enumerate() {
        piece.copy_from_slice(&RandomState::new().hash_one(place).to_le_bytes());
    }
    seed
}
