//! The emergency stop, on every image that a request would start, whatever policies there are and whatever they say.
//!
//! It stands behind what changes the object, so that it is about the images that will be stored. Nothing of it is remembered: the list comes with each
//! request.

use std::collections::BTreeSet;

use serde_json::Value;

use super::decision::{Consequence, Reason};
use super::judge::Judge;
use super::set::Origin;
use crate::images;
use crate::kyverno::{Input, Operation, Status};
use crate::trust_policy::{self, Asked, Circumstances, Role};

/// The section of a decision's reasons that say it.
pub(super) const SECTION: &str = "block";

impl Judge<'_> {
    /// Refuses images that are blocked, and those of which it cannot be told.
    pub(super) fn blocks(&mut self) {
        let known = self.known;
        if known.blocked.names_no_image() || !matches!(self.input.operation, Operation::Create | Operation::Update) {
            return;
        }
        let input = self.input.clone();
        let Some(object) = input.object() else { return };
        if !matches!(input.subresource.as_str(), "" | "ephemeralcontainers") || super::judge::is_going(&input) {
            return;
        }
        let named = match images::of(object, &[]) {
            Ok(named) => named,
            Err(err) => return self.stop(Status::Error, format!("its images cannot be read: {err}"), None),
        };
        let mut seen = BTreeSet::new();
        for image in &named {
            let pointer = Some(image.pointer.clone());
            if runs_already(&input, &image.pointer, image.text.ok()) {
                continue;
            }
            let reference = match image.reference() {
                Ok(reference) => reference,
                // Elsewhere a text may be a template, and what is made of it comes by as a Pod.
                Err(_) if !matches!(input.kind.group.as_str(), "" | "apps" | "batch") => continue,
                Err(err) => {
                    let message = format!("{}: whether it is blocked cannot be told: {err}", image.label());
                    self.stop(Status::Error, message, pointer);
                    continue;
                }
            };
            // Which digest it has is asked once: another policy asks already, and will write it.
            if reference.digest().is_none() && !self.needs.images.is_empty() {
                let message = format!("{}: whether it is blocked is known when its digest is", image.label());
                self.stop(Status::Error, message, pointer);
                continue;
            }
            let asked = Asked { image: reference, role: Role::Container, workload: None };
            let circumstances =
                Circumstances { now: self.surroundings.now, blocked: &known.blocked, overrides: &known.overrides };
            let (reasons, needs) = trust_policy::blocks(&asked, &known.facts, &circumstances);
            self.needs.questions.extend(needs);
            for reason in reasons {
                let mut message = format!("{}: {}", image.label(), reason.found);
                if seen.insert(reason.found.clone())
                    && let Some(remedy) = &reason.remedy
                {
                    message = format!("{message} ({remedy})");
                }
                let status = if reason.missing.is_empty() { Status::Fail } else { Status::Error };
                self.stop(status, message, pointer.clone());
            }
        }
    }

    fn stop(&mut self, status: Status, message: String, path: Option<String>) {
        self.reasons.push(Reason {
            policy: "signet block".to_owned(),
            kind: "Block",
            rule: SECTION.to_owned(),
            status,
            consequence: Consequence::Denies,
            message,
            path,
            origin: Origin::default(),
        });
    }
}

impl Reason {
    /// Whether it says that the image in this place is blocked.
    pub(super) fn is_block_at(&self, pointer: &str) -> bool {
        self.rule == SECTION && self.path.as_deref() == Some(pointer)
    }
}

/// Whether a Pod that is there already has this image in this place: its update starts nothing. Holding it up would only keep its finalizers.
fn runs_already(input: &Input, pointer: &str, text: Option<&str>) -> bool {
    let of = |object: Option<&Value>| {
        object.and_then(|object| object.pointer(pointer)).and_then(Value::as_str).map(str::to_owned)
    };
    input.operation == Operation::Update
        && input.kind.group.is_empty()
        && input.kind.kind == "Pod"
        && text.is_some()
        && of(input.old_object()).as_deref() == text
}
