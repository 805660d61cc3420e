//! CUE policies, which are refused: what stands in one is read as far as it can be, to show the same rules as Rego and as CEL.
//!
//! There is no evaluator of CUE here, and half of one would allow what CUE denies. A refusal names the file and the line and never counts as passed. What
//! cannot be shown in another language is listed with its line, and the shown policy then denies until somebody wrote that rule.
//!
//! Sources: the CUE language specification (labels, bounds, unification by repeated fields); the table of counterparts in `docs/policies.md`.

mod read;
mod write;

#[cfg(test)]
mod tests;

use std::fmt;

/// A CUE policy that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CueRefused {
    /// The file.
    pub file: String,
    /// The line of the first rule, from 1.
    pub line: usize,
    /// The same rules as a Rego policy.
    pub rego: String,
    /// The same rules as a CEL expression over `statement`.
    pub cel: String,
    /// Lines whose rules are not in `rego` and `cel`, with their text.
    pub untold: Vec<(usize, String)>,
}

impl fmt::Display for CueRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}`, line {}: CUE policies are not evaluated, so nothing is allowed by them",
            self.file, self.line
        )?;
        write!(f, "\n\nhint: the same rules as Rego (save as a `.rego` file):\n{}", indented(&self.rego))?;
        write!(f, "\nor as CEL (save as a `.cel` file):\n{}", indented(&self.cel))?;
        for (line, text) in &self.untold {
            write!(f, "\nline {line} has no counterpart here, write it yourself: `{text}`")?;
        }
        Ok(())
    }
}

impl std::error::Error for CueRefused {}

fn indented(text: &str) -> String {
    text.lines().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("  {line}\n") }).collect()
}

/// Most bytes of a policy that are read for its counterpart.
const MAX_BYTES: usize = 1 << 20;

/// Refuses a policy. `first_line` is the line of the file on which the text begins (1 for a file of its own).
pub fn refuse(file: &str, text: &str, first_line: usize) -> CueRefused {
    let rules = if text.len() > MAX_BYTES { read::Rules::default() } else { read::rules(text) };
    let offset = first_line.saturating_sub(1);
    let line = rules
        .constraints
        .iter()
        .map(|rule| rule.line)
        .chain(rules.untold.iter().map(|(line, _)| *line))
        .min()
        .unwrap_or(1);
    let untold: Vec<(usize, String)> =
        rules.untold.iter().map(|(line, text)| (line.saturating_add(offset), text.clone())).collect();
    CueRefused {
        file: file.to_owned(),
        line: line.saturating_add(offset),
        rego: write::rego(&rules, &untold),
        cel: write::cel(&rules, &untold),
        untold,
    }
}
