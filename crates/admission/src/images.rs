//! The images of a request: which there are, and which are none.
//!
//! An API server checks almost nothing in the text of an image. What is no reference by the grammar of distribution names nothing that can be
//! pulled, and means different things to different readers; it is refused by name, before any policy reads it in its own way.

use std::collections::BTreeSet;

use signet_policy::images::{self, BadImage, NoText};
use signet_policy::kyverno::Operation;

use crate::engine::Pass;
use crate::request::{Request, cut, spelt};

/// Reasons that are told; more are counted.
const MAX_TOLD: usize = 10;

/// One image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Where it stands in the object (RFC 6901).
    pub pointer: String,
    /// As it is written; empty where it is missing.
    pub text: String,
    /// In full, if it is a reference.
    pub reference: Option<String>,
}

/// What a request names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Images {
    /// All of them, in the order of their places.
    pub found: Vec<Image>,
    /// Why the request is refused; nothing if it is not.
    pub refused: Vec<String>,
    /// What is odd, and of no consequence here.
    pub warnings: Vec<String>,
}

/// Kinds whose images Kubernetes runs. Elsewhere a text may be a template, and what is made of it comes by as a Pod.
fn runs(group: &str) -> bool {
    matches!(group, "" | "apps" | "batch")
}

impl Images {
    /// Of the object that will be; of what is deleted nothing runs.
    #[must_use]
    pub fn of(request: &Request, pass: Pass) -> Self {
        let mut images = Self::default();
        let input = &request.input;
        let Some(object) = input.object() else { return images };
        // The status of what runs already, a scale, a binding: nothing new is run by them.
        let new = matches!(input.subresource.as_str(), "" | "ephemeralcontainers");
        let found = match images::of(object, &[]) {
            Ok(found) => found,
            Err(err) => {
                images.refused.push(format!("its images cannot be judged: {err}"));
                return images;
            }
        };
        let old = input.old_object().filter(|_| input.operation == Operation::Update);
        let before: BTreeSet<String> = old
            .and_then(|old| images::of(old, &[]).ok())
            .into_iter()
            .flatten()
            .filter_map(|named| named.text.ok().map(str::to_owned))
            .collect();
        for named in &found {
            let text = named.text.unwrap_or_default();
            let mut reference = None;
            match named.reference() {
                Ok(found) => reference = Some(found.to_string()),
                // A webhook behind us may still write it, and the API server refuses what nobody writes.
                Err(BadImage::NoText(NoText::Missing)) if pass == Pass::Mutate => {}
                Err(err) => {
                    let why = format!("{}: image \"{}\": {}", named.label(), cut(text), spelt(&err.to_string()));
                    // What was stored before the webhook was there must stay deletable and scalable.
                    let stays = !new || before.contains(text) || !runs(&input.kind.group);
                    if stays { &mut images.warnings } else { &mut images.refused }.push(why);
                }
            }
            images.found.push(Image { pointer: named.pointer.clone(), text: text.to_owned(), reference });
        }
        images
    }

    /// The message of the refusal; `None` if there is none.
    #[must_use]
    pub fn refusal(&self) -> Option<String> {
        if self.refused.is_empty() {
            return None;
        }
        let mut told: Vec<String> = self.refused.iter().take(MAX_TOLD).cloned().collect();
        if let Some(more) = self.refused.len().checked_sub(MAX_TOLD).filter(|more| *more > 0) {
            told.push(format!("and {more} more"));
        }
        Some(told.join("\n  "))
    }

    /// For the audit log: references in full, sorted; what is none in quotes.
    #[must_use]
    pub fn listed(&self) -> String {
        let texts: BTreeSet<String> = self
            .found
            .iter()
            .map(|image| image.reference.clone().unwrap_or_else(|| format!("\"{}\"", cut(&image.text))))
            .collect();
        texts.into_iter().collect::<Vec<_>>().join(",")
    }
}
