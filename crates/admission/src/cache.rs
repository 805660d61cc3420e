//! Answers that are kept, and questions that are asked once for all who wait.
//!
//! Kept is only what was asked of a digest: who signed it, which statements are about it, what it serves. Which digest a tag has is asked for each
//! decision anew (a tag in a cache lets an unverified image in while it moves; CVE-2022-47633 is of that kind). What lies in a cluster is not kept at
//! all.
//!
//! ```text
//!   question ─▶ blocked? ─▶ kept and fresh? ─▶ remembered (store, MAC)? ─▶ asked, once for all who wait
//!                                                                             └─ nobody answers ─▶ what let a request pass before
//! ```
//!
//! An answer counts for these policies, this trusted material and these blocked signers alone. What a request was let in by is confirmed, and outlives
//! the process; what one was refused by counts briefly.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use parking_lot::Mutex;
use serde_json::Value;
use signet_model::Digest;
use signet_policy::engine::Known;
use signet_policy::kyverno::Need;
use signet_policy::kyverno::verify_images::{Answer, ImageNeed};
use signet_policy::trust_policy::Blocked;
use signet_policy::trust_policy::facts::{self, Origin, Question};
use signet_store::DecisionKey;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::blocks::BlockList;
use crate::memory::{Memory, Recalled};
use crate::outside::Outside;

/// Bounds of what is kept and asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheLimits {
    /// Answers that are kept.
    pub entries: usize,
    /// Of them reports of scans and lists of SBOMs, which are larger.
    pub reports: usize,
    /// How long an image that is signed as asked stays so.
    pub good: Duration,
    /// How long one that is not.
    pub bad: Duration,
    /// How long what a request was let in by counts where nobody can be asked.
    pub stale: Duration,
    /// Questions that are asked at one time; more wait.
    pub questions: usize,
    /// For one question.
    pub time: Duration,
}

impl Default for CacheLimits {
    fn default() -> Self {
        Self {
            entries: 10_000,
            reports: 256,
            good: Duration::from_secs(3600),
            bad: Duration::from_secs(30),
            stale: Duration::from_secs(24 * 3600),
            questions: 16,
            time: Duration::from_secs(20),
        }
    }
}

/// How long it is waited for a newer answer where there is one of before.
const PATIENCE: Duration = Duration::from_secs(2);

/// A question about a digest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum About {
    Image(ImageNeed),
    Question(Question),
}

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Told {
    /// To a rule.
    Image(Answer),
    /// To a TrustPolicy.
    Question(facts::Answer),
}

impl About {
    /// What of its image stands behind the `@`; `None` for what is asked of a tag.
    fn pinned(&self) -> Option<&str> {
        let Self::Image(need) = self else { return None };
        let reference = match need {
            ImageNeed::Digest { .. } => return None,
            ImageNeed::Configs { reference, .. } => reference,
            ImageNeed::Signed(signed) => &signed.reference,
            ImageNeed::Verified(demand) => &demand.reference,
        };
        reference.rsplit_once('@').map(|(_, digest)| digest)
    }

    /// Whether it is about a digest. What is asked of a tag or a cluster is never kept.
    fn is_kept(&self) -> bool {
        self.pinned().is_some() || self.digest().is_some()
    }

    /// The digest that it is about.
    fn digest(&self) -> Option<Digest> {
        match self {
            Self::Image(_) => self.pinned()?.parse().ok(),
            Self::Question(question) => match question {
                Question::Manifests { digest, .. }
                | Question::Serves { digest, .. }
                | Question::Signatures { digest, .. }
                | Question::Provenance { digest, .. }
                | Question::Summaries { digest, .. }
                | Question::Sboms { digest, .. }
                | Question::Findings { digest, .. } => Some(*digest),
                Question::Digest { .. } | Question::Base { .. } | Question::Running { .. } => None,
            },
        }
    }

    fn is_report(&self) -> bool {
        matches!(self, Self::Question(Question::Findings { .. } | Question::Sboms { .. }))
    }

    fn unknown(&self, why: impl Into<String>) -> Told {
        match self {
            Self::Image(_) => Told::Image(Answer::Unknown(why.into())),
            Self::Question(_) => Told::Question(facts::Answer::Unknown(why.into())),
        }
    }
}

impl Told {
    /// How long it counts; nothing for what nobody knows: the next one may.
    fn time(&self, limits: &CacheLimits) -> Option<Duration> {
        use facts::Answer as Fact;
        let is_good = match self {
            Self::Image(Answer::Unknown(_) | Answer::Digest(_))
            | Self::Question(Fact::Unknown(_) | Fact::Digest(_)) => {
                return None;
            }
            Self::Image(Answer::Signed { .. } | Answer::Configs(_)) => true,
            Self::Image(Answer::Found(found)) => !(found.signatures.is_empty() && found.statements.is_empty()),
            Self::Image(Answer::Statements { statements, .. }) => !statements.is_empty(),
            Self::Image(Answer::Refused(_)) => false,
            Self::Question(Fact::Manifests(found)) => !found.is_empty(),
            Self::Question(Fact::Signatures(found)) => !found.is_empty(),
            Self::Question(Fact::Provenance(found)) => !found.is_empty(),
            Self::Question(Fact::Summaries(found)) => !found.is_empty(),
            Self::Question(Fact::Sboms(found)) => !found.is_empty(),
            Self::Question(Fact::Vulnerabilities(found)) => {
                !found.is_empty() && found.iter().all(|report| report.incomplete.is_none())
            }
            Self::Question(_) => false,
        };
        Some(if is_good { limits.good } else { limits.bad })
    }

    fn is_unknown(&self) -> bool {
        matches!(self, Self::Image(Answer::Unknown(_)) | Self::Question(facts::Answer::Unknown(_)))
    }
}

/// What an answer is worth anything for.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Version {
    /// Names trusted material and blocked signers.
    trust: String,
    policies: Option<Digest>,
}

impl Version {
    /// The key of the store. Without the name of the policies nothing is kept there.
    fn key(&self, about: &About) -> Option<DecisionKey> {
        Some(DecisionKey {
            digest: about.digest()?,
            policies: self.policies?,
            trust: Digest::sha256(self.trust.as_bytes()),
            // Every field of the question is in it, keys and roots of policies too.
            question: Digest::sha256(format!("{about:?}").as_bytes()),
        })
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
    told: Told,
    /// It counts until then.
    until: Instant,
    /// A request was let in by it: it counts until then where nobody can be asked.
    stale: Option<Instant>,
}

/// Answers about digests, oldest first out.
#[derive(Debug, Default)]
struct Answers {
    version: Version,
    by_question: BTreeMap<About, Kept>,
    order: VecDeque<About>,
}

/// What is found of a question.
enum Held {
    Fresh(Told),
    Stale(Told),
    Nothing,
}

impl Answers {
    fn hold(&mut self, version: &Version) {
        if self.version != *version {
            *self = Self { version: version.clone(), ..Self::default() };
        }
    }

    fn get(&mut self, version: &Version, about: &About, now: Instant) -> Held {
        self.hold(version);
        match self.by_question.get(about) {
            Some(kept) if kept.until > now => Held::Fresh(kept.told.clone()),
            Some(kept) if kept.stale.is_some_and(|stale| stale > now) => Held::Stale(kept.told.clone()),
            _ => Held::Nothing,
        }
    }

    /// Nobody could be asked: until then nobody is asked again.
    fn rest(&mut self, version: &Version, about: &About, until: Option<Instant>) {
        let kept = self.by_question.get_mut(about).filter(|_| self.version == *version);
        if let (Some(kept), Some(until)) = (kept, until) {
            kept.until = kept.stale.map_or(kept.until, |stale| stale.min(until));
        }
    }

    fn put(&mut self, version: &Version, about: &About, kept: Kept, entries: usize) {
        // An answer for others than those of now.
        if self.version != *version || entries == 0 {
            return;
        }
        if self.by_question.insert(about.clone(), kept).is_none() {
            self.order.push_back(about.clone());
        }
        while self.by_question.len() > entries {
            let Some(oldest) = self.order.pop_front() else { break };
            self.by_question.remove(&oldest);
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
    reports: Arc<Mutex<Answers>>,
    flights: Arc<Flights<(Version, About), Told>>,
    contexts: Arc<Flights<Need, Result<Value, String>>>,
    blocks: Option<Arc<BlockList>>,
    memory: Option<Arc<Memory>>,
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
            reports: Arc::default(),
            flights: Arc::new(Flights::new()),
            contexts: Arc::new(Flights::new()),
            blocks: None,
            memory: None,
        }
    }

    /// Looks at this list before anything that is kept.
    #[must_use]
    pub fn stopped_by(mut self, blocks: Arc<BlockList>) -> Self {
        self.blocks = Some(blocks);
        self
    }

    /// Keeps what requests were let in by beyond the process.
    #[must_use]
    pub fn remembering(mut self, memory: Arc<Memory>) -> Self {
        self.memory = Some(memory);
        self
    }

    /// How many answers are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.answers.lock().by_question.len() + self.reports.lock().by_question.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What is blocked now.
    #[must_use]
    pub fn blocked(&self) -> Arc<Blocked> {
        self.blocks.as_ref().map(|blocks| blocks.now(Instant::now())).unwrap_or_default()
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

    /// What a TrustPolicy asks of an image.
    pub async fn question(&self, question: &Question) -> facts::Answer {
        self.question_by(None, question).await
    }

    /// What a rule asks of an image.
    pub async fn image(&self, need: &ImageNeed) -> Answer {
        self.image_by(None, need).await
    }

    /// The same, for a request that is judged by these policies.
    pub(crate) async fn question_by(&self, policies: Option<Digest>, question: &Question) -> facts::Answer {
        match self.told(policies, About::Question(question.clone())).await {
            Told::Question(answer) => answer,
            Told::Image(_) => facts::Answer::Unknown("the answer is of another kind".to_owned()),
        }
    }

    /// The same, for a request that is judged by these policies.
    pub(crate) async fn image_by(&self, policies: Option<Digest>, need: &ImageNeed) -> Answer {
        match self.told(policies, About::Image(need.clone())).await {
            Told::Image(answer) => answer,
            Told::Question(_) => Answer::Unknown("the answer is of another kind".to_owned()),
        }
    }

    fn version(&self, policies: Option<Digest>, blocked: &Blocked) -> Version {
        Version { trust: format!("{} {}", self.outside.trust_version(), blocked.signers()), policies }
    }

    fn kept(&self, about: &About) -> (&Arc<Mutex<Answers>>, usize) {
        if about.is_report() { (&self.reports, self.limits.reports) } else { (&self.answers, self.limits.entries) }
    }

    async fn told(&self, policies: Option<Digest>, about: About) -> Told {
        // Before anything that is kept.
        let blocked = self.blocked();
        if let About::Image(_) = &about {
            if let Some(why) = blocked.problem() {
                return about.unknown(why);
            }
            if let Some(why) = about.digest().and_then(|digest| blocked.digest(&digest)) {
                return Told::Image(Answer::Refused(why));
            }
        }
        // Of a tag or a cluster: for this decision alone, and with nobody's answer but its own.
        if !about.is_kept() {
            return ask(&*self.outside, &self.places, self.limits.time, &about).await;
        }
        let version = self.version(policies, &blocked);
        let (answers, entries) = self.kept(&about);
        let held = answers.lock().get(&version, &about, Instant::now());
        let stale = match held {
            Held::Fresh(told) => return told,
            Held::Stale(told) => Some(told),
            Held::Nothing => None,
        };
        let (outside, places, answers, memory) =
            (Arc::clone(&self.outside), Arc::clone(&self.places), Arc::clone(answers), self.memory.clone());
        let (limits, own, under) = (self.limits, about.clone(), version.clone());
        let lost = about.unknown("the question broke off");
        let asking = async move {
            let mut stale = stale;
            if stale.is_none()
                && let Some(found) = recalled(memory, &under, &own).await
            {
                let now = Instant::now();
                let until = now.checked_add(found.fresh.min(limits.good)).unwrap_or(now);
                let longest = now.checked_add(found.stale.min(limits.stale));
                let kept = Kept { told: found.told.clone(), until, stale: longest };
                answers.lock().put(&under, &own, kept, entries);
                if until > now {
                    return found.told;
                }
                stale = Some(found.told);
            }
            // Who has an answer of before waits for a better one only as long as a review can.
            let time = if stale.is_some() { limits.time.min(PATIENCE) } else { limits.time };
            let told = ask(&*outside, &places, time, &own).await;
            // Nobody answers: what let a request in before, under the same policies and the same trust, still does.
            if let Some(stale) = stale.filter(|_| told.is_unknown()) {
                answers.lock().rest(&under, &own, Instant::now().checked_add(limits.bad));
                return stale;
            }
            let Some(time) = told.time(&limits).filter(|time| !time.is_zero()) else { return told };
            if let Some(until) = Instant::now().checked_add(time) {
                answers.lock().put(&under, &own, Kept { told: told.clone(), until, stale: None }, entries);
            }
            told
        };
        let told = self.flights.join(&(version, about.clone()), asking, lost).await;
        // An SBOM that is not at hand any more must be looked for again, and not be taken for one that was found.
        if let (About::Question(Question::Findings { digest, from: Origin::Sbom(_), .. }), true) =
            (&about, told.is_unknown())
        {
            let of =
                |about: &About| matches!(about, About::Question(Question::Sboms { digest: of, .. }) if of == digest);
            let mut reports = self.reports.lock();
            reports.by_question.retain(|about, _| !of(about));
            reports.order.retain(|about| !of(about));
        }
        told
    }

    /// A request was let in by these answers.
    pub(crate) fn confirm(&self, policies: Option<Digest>, known: &Known) {
        if abouts(known).next().is_none() {
            return;
        }
        let version = self.version(policies, &known.blocked);
        let now = Instant::now();
        let Some(longest) = now.checked_add(self.limits.stale).filter(|_| !self.limits.stale.is_zero()) else { return };
        let mut written = Vec::new();
        for about in abouts(known) {
            let mut answers = self.kept(&about).0.lock();
            if answers.version != version {
                continue;
            }
            let Some(kept) = answers.by_question.get_mut(&about) else { continue };
            let is_good = kept.told.time(&self.limits) == Some(self.limits.good);
            if kept.stale.is_some() || !is_good {
                continue;
            }
            kept.stale = Some(longest);
            if let Some(key) = version.key(&about) {
                written.push((key, kept.told.clone(), kept.until.saturating_duration_since(now)));
            }
        }
        if let Some(memory) = self.memory.clone().filter(|_| !written.is_empty()) {
            let stale = self.limits.stale;
            let _done_when_it_is = tokio::task::spawn_blocking(move || {
                for (key, told, fresh) in written {
                    memory.keep(&key, &told, fresh, stale);
                }
            });
        }
    }

    /// A request was refused by these answers: they are asked for again soon, for what is missing may come.
    pub(crate) fn doubt(&self, policies: Option<Digest>, known: &Known) {
        if abouts(known).next().is_none() {
            return;
        }
        let version = self.version(policies, &known.blocked);
        let Some(soon) = Instant::now().checked_add(self.limits.bad) else { return };
        for about in abouts(known) {
            // What an index serves is in its digest, and never changes.
            if matches!(about, About::Question(Question::Manifests { .. })) {
                continue;
            }
            let mut answers = self.kept(&about).0.lock();
            if answers.version != version {
                continue;
            }
            if let Some(kept) = answers.by_question.get_mut(&about) {
                kept.until = kept.until.min(soon);
            }
        }
    }
}

/// Questions whose answers a decision rests on, and that may be kept.
fn abouts(known: &Known) -> impl Iterator<Item = About> + '_ {
    let images = known.images.keys().cloned().map(About::Image);
    let questions = known.facts.questions().cloned().map(About::Question);
    images.chain(questions).filter(About::is_kept)
}

async fn recalled(memory: Option<Arc<Memory>>, version: &Version, about: &About) -> Option<Recalled> {
    let (memory, key) = (memory?, version.key(about)?);
    let found = tokio::task::spawn_blocking(move || memory.recall(&key)).await.ok()??;
    // An answer of one kind to a question of the other is none.
    matches!((about, &found.told), (About::Image(_), Told::Image(_)) | (About::Question(_), Told::Question(_)))
        .then_some(found)
}

async fn ask(outside: &dyn Outside, places: &Semaphore, time: Duration, about: &About) -> Told {
    let Ok(_place) = places.acquire().await else { return about.unknown("the server ends") };
    let asking = async {
        match about {
            About::Image(need) => Told::Image(outside.image(need).await),
            About::Question(question) => Told::Question(outside.question(question).await),
        }
    };
    match tokio::time::timeout(time, asking).await {
        Ok(told) => told,
        Err(_) => about.unknown(format!("there was no answer within {} s", time.as_secs())),
    }
}
