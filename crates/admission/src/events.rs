//! What policies say of requests, as events of Kubernetes: on the policy, and on the object if it is there. Never more of them than a bound.

use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::Value;
use signet_policy::engine::Consequence;
use signet_policy::report::event::{self, Component};
use signet_policy::report::{Damper, DamperLimits, Passed};
use tokio::sync::mpsc;

use crate::desk::{Outcome, Seen, Witness};
use crate::engine::Pass;
use crate::metrics::Told;

/// Events that wait to be written; more are dropped.
const QUEUE: usize = 256;

/// Makes events of reviews. Who writes them takes them from the other end; a review waits for nobody.
#[derive(Debug)]
pub struct Events {
    damper: Mutex<Damper>,
    queue: mpsc::Sender<Value>,
}

impl Events {
    /// One with its other end.
    #[must_use]
    pub fn new(limits: DamperLimits) -> (Arc<Self>, mpsc::Receiver<Value>) {
        let (queue, taken) = mpsc::channel(QUEUE);
        (Arc::new(Self { damper: Mutex::new(Damper::new(limits)), queue }), taken)
    }
}

impl Witness for Events {
    fn saw(&self, seen: &Seen<'_>) {
        // What will not be stored leaves no trace.
        if seen.request.dry_run {
            return;
        }
        let Some(object) = seen.request.input.resource() else { return };
        let blocked = seen.outcome != Outcome::Allowed;
        let counts = |consequence: Consequence| match seen.pass {
            // What is not refused here comes by again, as it will be.
            Pass::Mutate => consequence == Consequence::Denies,
            Pass::Validate => consequence != Consequence::Nothing,
        };
        let abouts = seen.engine.abouts();
        for reason in seen.said.iter().filter(|reason| counts(reason.consequence)) {
            let about = abouts.iter().find(|about| about.kind == reason.kind && about.key == reason.policy);
            for event in event::of(about, reason, object, Component::Webhook, blocked) {
                let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
                // Configurations that are no objects bear no event; nor does what has no name yet.
                if text("/involvedObject/kind").is_empty() || text("/involvedObject/name").is_empty() {
                    continue;
                }
                let how = match self.damper.lock().pass(&event, seen.at) {
                    Passed::Told(count) => match self.queue.try_send(event::dated(event, seen.at, count)) {
                        Ok(()) => "told",
                        Err(_) => "dropped",
                    },
                    Passed::Counted => "counted",
                    Passed::Dropped => "dropped",
                };
                seen.metrics.told(Told::Event, how);
            }
        }
    }
}
