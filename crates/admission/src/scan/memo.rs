//! What a scan asked already. A tag is asked for once in a scan, so that two objects with the same image are judged by the same digest.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use signet_policy::engine::{Known, Needs};
use signet_policy::kyverno::Need;
use signet_policy::kyverno::verify_images::{Answer, ImageNeed};
use signet_policy::trust_policy::facts::{self, Question};

use crate::cache::Cached;

/// Answers of each kind; when there are more, the memory begins anew.
const MAX_ANSWERS: usize = 5_000;
/// What one object may ask for.
const MAX_NEEDS: usize = 512;

/// The memory of a scan.
#[derive(Debug, Default)]
pub(super) struct Memo {
    images: BTreeMap<ImageNeed, Answer>,
    questions: BTreeMap<Question, facts::Answer>,
    /// Of this page: what lies in a cluster changes.
    contexts: BTreeMap<Need, Result<Value, String>>,
}

fn keep<K: Ord, V>(map: &mut BTreeMap<K, V>, key: K, value: V) {
    if map.len() >= MAX_ANSWERS {
        map.clear();
    }
    map.insert(key, value);
}

impl Memo {
    pub(super) fn page_ends(&mut self) {
        self.contexts.clear();
    }

    pub(super) async fn image(&mut self, cached: &Cached, need: &ImageNeed) -> Answer {
        if let Some(known) = self.images.get(need) {
            return known.clone();
        }
        let answer = cached.image(need).await;
        keep(&mut self.images, need.clone(), answer.clone());
        answer
    }

    pub(super) async fn question(&mut self, cached: &Cached, question: &Question) -> facts::Answer {
        if let Some(known) = self.questions.get(question) {
            return known.clone();
        }
        let answer = cached.question(question).await;
        keep(&mut self.questions, question.clone(), answer.clone());
        answer
    }

    /// Answers what an object needs, one after the other: registries are for reviews first. Whether there is anything new.
    pub(super) async fn answer(
        &mut self,
        cached: &Cached,
        needs: &Needs,
        known: &mut Known,
        missing: &mut BTreeSet<Need>,
    ) -> bool {
        let mut news = false;
        let so_far = known.context.len().saturating_add(known.images.len()).saturating_add(missing.len());
        let mut left = MAX_NEEDS.saturating_sub(so_far);
        for need in &needs.images {
            if left > 0 && !known.images.contains_key(need) {
                known.images.insert(need.clone(), self.image(cached, need).await);
                (news, left) = (true, left.saturating_sub(1));
            }
        }
        for question in &needs.questions {
            if left > 0 && known.facts.get(question).is_none() {
                let answer = self.question(cached, question).await;
                known.facts.insert(question.clone(), answer);
                (news, left) = (true, left.saturating_sub(1));
            }
        }
        for need in &needs.context {
            if left == 0 || known.context.contains_key(need) || missing.contains(need) {
                continue;
            }
            left = left.saturating_sub(1);
            if !self.contexts.contains_key(need) {
                let answer = cached.context(need).await;
                keep(&mut self.contexts, need.clone(), answer);
            }
            match self.contexts.get(need) {
                Some(Ok(value)) => {
                    known.context.insert(need.clone(), value.clone());
                    news = true;
                }
                _ => {
                    missing.insert(need.clone());
                }
            }
        }
        news
    }
}
