//! The list of blocks as reviews see it: handed in every few seconds, and worth something only while it is young.
//!
//! A list that could not be read again in time is not the list of before, and not an empty one: nothing that brings an image passes until it is read.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use signet_policy::trust_policy::Blocked;
use tokio::time::Instant;

/// How old a list may be that decides.
pub const MAX_AGE: Duration = Duration::from_secs(10);

/// The last list that was read.
#[derive(Debug, Default)]
pub struct BlockList(RwLock<State>);

#[derive(Debug, Default)]
struct State {
    list: Arc<Blocked>,
    /// When reading it began; `None` until it was read for the first time.
    read_at: Option<Instant>,
    /// Why the last attempt failed, if it did.
    problem: Option<String>,
}

impl BlockList {
    /// A list that was not read yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What an attempt to read it that began then gave. After a failure the list of before decides for as long as it is young.
    pub fn read(&self, found: Result<Blocked, String>, begun: Instant) {
        let mut state = self.0.write();
        match found {
            Ok(list) => {
                // The same list stays the same value, so that nothing is compared twice.
                if state.list.content() != list.content() || state.read_at.is_none() {
                    state.list = Arc::new(list);
                }
                state.read_at = Some(begun);
                state.problem = None;
            }
            Err(why) => state.problem = Some(why),
        }
    }

    /// The list that decides now.
    #[must_use]
    pub fn now(&self, now: Instant) -> Arc<Blocked> {
        let state = self.0.read();
        let why = match (state.read_at, &state.problem) {
            (Some(at), _) if now.saturating_duration_since(at) <= MAX_AGE => return Arc::clone(&state.list),
            (_, Some(why)) => format!("the list of blocks cannot be read: {why}"),
            (Some(at), None) => {
                let age = now.saturating_duration_since(at).as_secs();
                format!("the list of blocks was read {age} s ago, and may be {} s old", MAX_AGE.as_secs())
            }
            (None, None) => "the list of blocks was not read yet".to_owned(),
        };
        Arc::new(Blocked::unreadable(why))
    }
}
