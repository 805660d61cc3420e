//! What a policy demands, in words: for who must live with it and does not read its language.
//!
//! ```text
//!   document ─▶ one module per kind ─▶ Vec<Paragraph> { heading, place, points }
//! ```
//!
//! Nothing is evaluated, and nothing is left out in silence: what has no words of its own is shown as it is written. A document that cannot be loaded
//! is explained as far as it can be read; whether it can be loaded says [`crate::lint`].

mod admission;
mod image_policy;
mod kyverno;
mod pattern;
mod rules;
mod trust;
mod words;

#[cfg(test)]
mod tests;

use signet_yaml::Node;

/// Most points of one document.
const POINTS: usize = 20_000;

/// A part of a policy, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paragraph {
    /// Counted from 1.
    pub line: u32,
    /// Counted from 1, in characters.
    pub column: u32,
    /// What it is about; one sentence without a full stop.
    pub heading: String,
    /// What it says.
    pub points: Vec<Point>,
}

/// One sentence of a paragraph, without a full stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    /// How far it belongs to the one before: 0 is the paragraph's own.
    pub depth: usize,
    /// The sentence.
    pub text: String,
}

/// What a document demands; `None` for a document of a kind that is not known here.
#[must_use]
pub fn explain(root: &Node) -> Option<Vec<Paragraph>> {
    let text = |key: &str| root.get(key).and_then(Node::as_str).unwrap_or_default();
    let group = text("apiVersion").split('/').next().unwrap_or_default();
    let mut page = Page::default();
    match (group, text("kind")) {
        ("signet.dev", "TrustPolicy") => trust::policy(root, &mut page),
        ("kyverno.io", "ClusterPolicy" | "Policy") => kyverno::policy(root, &mut page),
        ("kyverno.io", "PolicyException") => kyverno::exception(root, &mut page),
        ("policy.sigstore.dev", "ClusterImagePolicy") => image_policy::policy(root, &mut page),
        ("policies.kyverno.io", "PolicyException") => admission::exception(root, &mut page),
        ("policies.kyverno.io" | "admissionregistration.k8s.io", _) if crate::admission::Policy::is(root) => {
            admission::policy(root, &mut page);
        }
        ("admissionregistration.k8s.io", _) if crate::admission::Binding::is(root) => {
            admission::binding(root, &mut page);
        }
        _ => return None,
    }
    Some(page.done())
}

/// What is written so far.
#[derive(Default)]
struct Page {
    paragraphs: Vec<Paragraph>,
    points: usize,
}

impl Page {
    fn begin(&mut self, at: &Node, heading: impl Into<String>) {
        if self.points > POINTS {
            return;
        }
        self.paragraphs.push(Paragraph {
            line: at.span.line,
            column: at.span.column,
            heading: heading.into(),
            points: Vec::new(),
        });
    }

    fn say(&mut self, depth: usize, text: impl Into<String>) {
        self.points = self.points.saturating_add(1);
        if let (true, Some(paragraph)) = (self.points <= POINTS, self.paragraphs.last_mut()) {
            paragraph.points.push(Point { depth, text: text.into() });
        }
    }

    fn done(mut self) -> Vec<Paragraph> {
        if self.points > POINTS
            && let Some(paragraph) = self.paragraphs.last_mut()
        {
            let text = format!("the rest is not told: there are more than {POINTS} points");
            paragraph.points.push(Point { depth: 0, text });
        }
        self.paragraphs
    }
}
