//! Answers that are kept, and questions that are asked once for all who wait.
//!
//! Kept is only what was asked of a digest: who signed it, which statements are about it. Which digest a tag has is asked for each decision anew
//! (a tag in a cache lets an unverified image in while it moves; CVE-2022-47633 is of that kind). What lies in a cluster is not kept at all.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use parking_lot::Mutex;
use serde_json::Value;
use signet_policy::kyverno::Need;
use signet_policy::kyverno::verify_images::{Answer, ImageNeed};
use signet_policy::trust_policy::facts;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::outside::Outside;

/// Bounds of what is kept and asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheLimits {
    /// Answers that are kept.
    pub entries: usize,
    /// How long an image that is signed as asked stays so.
    pub good: Duration,
    /// How long one that is not.
    pub bad: Duration,
    /// Questions that are asked at one time; more wait.
    pub questions: usize,
    /// For one question.
    pub time: Duration,
}

impl Default for CacheLimits {
    fn default() -> Self {
        Self {
            entries: 10_000,
            good: Duration::from_secs(3600),
            bad: Duration::from_secs(30),
            questions: 16,
            time: Duration::from_secs(20),
        }
    }
}

type Flight<T> = Shared<BoxFuture<'static, T>>;

/// Questions on their way, by what is asked.
#[derive(Debug)]
struct Flights<K, T>(Mutex<BTreeMap<K, Flight<T>>>)
where
    T: Clone;

impl<K: Ord + Clone + Send + 'static, T: Clone + Send + Sync + 'static> Flights<K, T> {
    fn new() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }

    /// The answer of a question that is on its way already, or of one that `ask` starts. It goes on when nobody waits any more, so that the next
    /// one who asks finds the answer; `lost` is the answer of a question that broke off.
    fn join(self: &Arc<Self>, key: &K, ask: impl Future<Output = T> + Send + 'static, lost: T) -> Flight<T> {
        let mut open = self.0.lock();
        if let Some(flight) = open.get(key) {
            return flight.clone();
        }
        let (flights, own) = (Arc::clone(self), key.clone());
        let asking = tokio::spawn(async move {
            let landed = Landing(flights, own);
            let answer = ask.await;
            drop(landed);
            answer
        });
        let flight = async move { asking.await.unwrap_or(lost) }.boxed().shared();
        open.insert(key.clone(), flight.clone());
        flight
    }
}

/// Takes a question off the list when it ends, whichever way.
struct Landing<K: Ord, T: Clone>(Arc<Flights<K, T>>, K);

impl<K: Ord, T: Clone> Drop for Landing<K, T> {
    fn drop(&mut self) {
        self.0.0.lock().remove(&self.1);
    }
}

/// One answer that is kept.
#[derive(Clone, Debug)]
struct Kept {
    answer: Answer,
    until: Instant,
}

/// Answers about digests, oldest first out.
#[derive(Debug, Default)]
struct Answers {
    /// What signatures were verified with.
    trust: String,
    by_need: BTreeMap<ImageNeed, Kept>,
    order: VecDeque<ImageNeed>,
}

impl Answers {
    fn get(&mut self, trust: &str, need: &ImageNeed, now: Instant) -> Option<Answer> {
        if self.trust != trust {
            *self = Self { trust: trust.to_owned(), ..Self::default() };
        }
        self.by_need.get(need).filter(|kept| kept.until > now).map(|kept| kept.answer.clone())
    }

    fn put(&mut self, trust: &str, need: &ImageNeed, kept: Kept, entries: usize) {
        // An answer that was verified with other roots than those of now.
        if self.trust != trust || entries == 0 {
            return;
        }
        if self.by_need.insert(need.clone(), kept).is_none() {
            self.order.push_back(need.clone());
        }
        while self.by_need.len() > entries {
            let Some(oldest) = self.order.pop_front() else { break };
            self.by_need.remove(&oldest);
        }
    }
}

/// Somebody who answers, with a memory.
#[derive(Debug)]
pub struct Cached {
    outside: Arc<dyn Outside>,
    limits: CacheLimits,
    places: Arc<Semaphore>,
    answers: Arc<Mutex<Answers>>,
    images: Arc<Flights<ImageNeed, Answer>>,
    contexts: Arc<Flights<Need, Result<Value, String>>>,
}

impl Cached {
    /// Over somebody who answers.
    #[must_use]
    pub fn new(outside: Arc<dyn Outside>, limits: CacheLimits) -> Self {
        Self {
            outside,
            limits,
            places: Arc::new(Semaphore::new(limits.questions.max(1))),
            answers: Arc::default(),
            images: Arc::new(Flights::new()),
            contexts: Arc::new(Flights::new()),
        }
    }

    /// How many answers are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.answers.lock().by_need.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What a rule's context asks for. Who asks the same meanwhile shares the answer.
    pub async fn context(&self, need: &Need) -> Result<Value, String> {
        let (outside, places, time, own) =
            (Arc::clone(&self.outside), Arc::clone(&self.places), self.limits.time, need.clone());
        let ask = async move {
            let Ok(_place) = places.acquire().await else { return Err("the server ends".to_owned()) };
            match tokio::time::timeout(time, outside.context(&own)).await {
                Ok(answer) => answer,
                Err(_) => Err(format!("there was no answer within {} s", time.as_secs())),
            }
        };
        self.contexts.join(need, ask, Err("the question broke off".to_owned())).await
    }

    /// What a TrustPolicy asks of an image, for this decision alone: what was found by a scan grows old with its databases.
    pub async fn question(&self, question: &facts::Question) -> facts::Answer {
        let Ok(_place) = self.places.acquire().await else {
            return facts::Answer::Unknown("the server ends".to_owned());
        };
        match tokio::time::timeout(self.limits.time, self.outside.question(question)).await {
            Ok(answer) => answer,
            Err(_) => facts::Answer::Unknown(format!("there was no answer within {} s", self.limits.time.as_secs())),
        }
    }

    /// What a rule asks of an image.
    pub async fn image(&self, need: &ImageNeed) -> Answer {
        // A tag: for this decision alone, and with nobody's answer but its own.
        if matches!(need, ImageNeed::Digest { .. }) {
            return ask(&*self.outside, &self.places, self.limits.time, need).await;
        }
        let trust = self.outside.trust_version();
        if let Some(answer) = self.answers.lock().get(&trust, need, Instant::now()) {
            return answer;
        }
        let (outside, places, answers) =
            (Arc::clone(&self.outside), Arc::clone(&self.places), Arc::clone(&self.answers));
        let (limits, own) = (self.limits, need.clone());
        let asking = async move {
            let answer = ask(&*outside, &places, limits.time, &own).await;
            let time = match &answer {
                Answer::Signed { .. } | Answer::Configs(_) => limits.good,
                Answer::Found(found) if !(found.signatures.is_empty() && found.statements.is_empty()) => limits.good,
                Answer::Statements { statements, .. } if !statements.is_empty() => limits.good,
                Answer::Statements { .. } | Answer::Found(_) | Answer::Refused(_) => limits.bad,
                // Nobody knows; the next one may.
                Answer::Unknown(_) | Answer::Digest(_) => return answer,
            };
            let until = Instant::now().checked_add(time);
            if let Some(until) = until.filter(|_| !time.is_zero()) {
                answers.lock().put(&trust, &own, Kept { answer: answer.clone(), until }, limits.entries);
            }
            answer
        };
        self.images.join(need, asking, Answer::Unknown("the question broke off".to_owned())).await
    }
}

async fn ask(outside: &dyn Outside, places: &Semaphore, time: Duration, need: &ImageNeed) -> Answer {
    let Ok(_place) = places.acquire().await else { return Answer::Unknown("the server ends".to_owned()) };
    match tokio::time::timeout(time, outside.image(need)).await {
        Ok(answer) => answer,
        Err(_) => Answer::Unknown(format!("there was no answer within {} s", time.as_secs())),
    }
}
