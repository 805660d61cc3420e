//! What the sets of policy documents share: each file is loaded by the room of its kind, and must load, or be refused with a text.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use signet_policy::trust_policy::PolicyError;

use crate::set::Verdict;

/// What becomes of a file.
pub(crate) type Answer = std::result::Result<String, String>;

/// What must become of it.
#[derive(Clone, Debug)]
pub(crate) enum Expected {
    /// It loads, and what it gives says this.
    Loads(String),
    /// It is refused, and the text stands in the message.
    Refused(String),
}

impl Expected {
    /// It loads, whatever it gives.
    pub(crate) fn loads() -> Expected {
        Expected::Loads(String::new())
    }

    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Expected::Refused(_))
    }
}

pub(crate) fn compare(answer: &Answer, expected: &Expected) -> Verdict {
    match (answer, expected) {
        (Ok(said), Expected::Loads(wanted)) if said.contains(wanted) => Verdict::Passed,
        (Err(why), Expected::Refused(wanted)) if why.contains(wanted) => Verdict::Passed,
        (Ok(said), Expected::Loads(wanted)) => Verdict::Failed(format!("expected {wanted}, got {said}")),
        (Err(why), Expected::Refused(wanted)) => Verdict::Failed(format!("expected refusal: {wanted}; got: {why}")),
        (Err(why), Expected::Loads(_)) => Verdict::Failed(format!("refused: {why}")),
        (Ok(_), Expected::Refused(wanted)) => Verdict::Failed(format!("it loads, and must be refused: {wanted}")),
    }
}

/// All problems in one text.
pub(crate) fn said(problems: Vec<PolicyError>) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// The documents of a text that hold something.
pub(crate) fn documents(yaml: &str) -> std::result::Result<Vec<signet_yaml::Document>, String> {
    let documents = signet_yaml::parse(yaml, &signet_yaml::Limits::default()).map_err(|err| err.to_string())?;
    Ok(documents.into_iter().filter(|document| !document.root.is_null()).collect())
}

/// `admit/ratify`: templates and constraints of Gatekeeper's; each must load, and constraints must fit the template that stands beside them.
pub(crate) fn ratify(folder: &Path) -> Result<Vec<crate::set::Judged>> {
    use signet_policy::gatekeeper::{Constraint, Policy, Template};
    let mut texts = Vec::new();
    for path in crate::set::files(folder)? {
        texts.push((path.strip_prefix(folder)?.display().to_string(), crate::set::text(&path)?));
    }
    let all: Vec<String> = texts.iter().map(|(_, text)| text.clone()).collect();
    let cases = texts.into_iter().map(|(name, text)| crate::set::Case::new(name, text, Expected::loads())).collect();
    let load = |text: &String| -> Answer {
        for document in documents(text)? {
            if Template::is(&document.root) {
                Template::load(&document.root).map_err(said)?;
                continue;
            }
            let constraint = Constraint::load(&document.root).map_err(said)?;
            for other in all.iter().filter_map(|text| documents(text).ok()).flatten() {
                if let Some(template) =
                    Template::is(&other.root).then(|| Template::load(&other.root)).and_then(Result::ok)
                    && template.kind == constraint.kind
                {
                    Policy::new(Arc::new(template), constraint.clone()).map_err(said)?;
                }
            }
        }
        Ok(String::new())
    };
    Ok(crate::set::judge(cases, load, |_, answer, expected| compare(answer, expected)))
}
