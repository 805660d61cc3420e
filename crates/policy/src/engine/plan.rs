//! Which policies a kind of request concerns. Found when such a request comes first, and remembered.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::set::Entry;
use crate::kyverno::Input;

/// Kinds of requests that are remembered. A cluster has some hundreds; who sends more pays for looking again.
const MAX_KINDS: usize = 4096;

/// Everything of a request that does not differ between two requests of one kind.
#[derive(PartialEq, Eq, Hash)]
struct Key {
    group: String,
    version: String,
    kind: String,
    /// Group, version and plural of what was asked for. Of a subresource the kind may be one that many share (`Scale`).
    resource: [String; 3],
    subresource: String,
    operation: &'static str,
}

/// The memory.
#[derive(Debug, Default)]
pub(super) struct Plan(RwLock<HashMap<Key, Arc<[usize]>>>);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}/{}/{} {}", self.operation, self.group, self.version, self.kind, self.subresource)
    }
}

impl Plan {
    /// Places in the list of the policies that may be about such a request; all others are not.
    pub(super) fn of(&self, input: &Input, policies: &[Entry]) -> Arc<[usize]> {
        let resource = input.asked_for().map_or([""; 3], |found| [found.group, found.version, found.plural]);
        let key = Key {
            group: input.kind.group.clone(),
            version: input.kind.version.clone(),
            kind: input.kind.kind.clone(),
            resource: resource.map(str::to_owned),
            subresource: input.subresource.clone(),
            operation: input.operation.as_str(),
        };
        // What a thread left that panicked is a map like any other: every entry is whole.
        if let Some(found) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Arc::clone(found);
        }
        let found: Arc<[usize]> = policies
            .iter()
            .enumerate()
            .filter(|(_, entry)| entry.body.may_concern(input))
            .map(|(index, _)| index)
            .collect();
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_KINDS {
            known.clear();
        }
        known.insert(key, Arc::clone(&found));
        found
    }
}
