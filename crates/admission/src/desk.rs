//! One review from its bytes to its answer: parse, judge, find out what is needed, judge again, until it is decided or the time is over.
//!
//! Judging runs on a bounded number of threads of its own; waiting for registries and clusters holds none of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use jiff::Timestamp;
use parking_lot::RwLock;
use serde_json::Value;
use signet_model::Digest;
use signet_policy::engine::{Consequence, Judged, Known, Needs, Reason};
use signet_policy::jmespath::Surroundings;
use signet_policy::kyverno::mutate::json_patch;
use signet_policy::kyverno::verify_images::Answer as Found;
use signet_policy::kyverno::{Need, Status};
use signet_policy::trust_policy::facts;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use crate::answer::{Answer, Denial, shortened};
use crate::cache::Cached;
use crate::engine::{Engine, Pass};
use crate::images::Images;
use crate::metrics::Metrics;
use crate::policies::may_change;
use crate::request::{BadReview, Request, ReviewLimits, Version};

/// What time it is.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Bounds of judging.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeskLimits {
    /// Reviews that are judged at one time.
    pub workers: usize,
    /// Reviews that wait for one of them; more are turned away.
    pub queue: usize,
    /// How often a review may ask for more.
    pub rounds: usize,
    /// How much it may ask for in all.
    pub needs: usize,
    /// Bounds of its text.
    pub review: ReviewLimits,
}

impl Default for DeskLimits {
    fn default() -> Self {
        Self { workers: 4, queue: 256, rounds: 16, needs: 512, review: ReviewLimits::default() }
    }
}

/// How a review ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It passes.
    Allowed,
    /// It does not.
    Denied,
    /// It could not be decided, and therefore does not pass.
    Undecided,
}

impl Outcome {
    /// As logs call it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Denied => "denied",
            Self::Undecided => "undecided",
        }
    }
}

/// A review that was answered, for whoever watches.
#[derive(Debug)]
pub struct Seen<'s> {
    /// When it came.
    pub at: Timestamp,
    /// Which call it was.
    pub pass: Pass,
    /// What was asked.
    pub request: &'s Request,
    /// Its images.
    pub images: &'s Images,
    /// What rules say.
    pub said: &'s [Reason],
    /// What could not be found out, and why.
    pub missing: &'s BTreeMap<String, String>,
    /// The answer.
    pub answer: &'s Answer,
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took.
    pub took: Duration,
    /// Who judged.
    pub engine: &'s dyn Engine,
    /// Where it is counted what became of what a witness tells.
    pub metrics: &'s Metrics,
}

/// Watches reviews.
pub trait Witness: Debug + Send + Sync {
    /// A review was answered.
    fn saw(&self, seen: &Seen<'_>);
}

/// An answer of HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// JSON if it is an AdmissionReview, else a line of text.
    pub body: Vec<u8>,
    /// Whether the body is an AdmissionReview.
    pub review: bool,
    /// Seconds after which the API server may ask again.
    pub retry_after: Option<u32>,
}

impl Reply {
    fn answer(answer: &Answer) -> Self {
        Self { status: 200, body: answer.to_bytes(), review: true, retry_after: None }
    }

    pub(crate) fn refused(status: u16, why: impl Into<String>) -> Self {
        Self { status, body: format!("{}\n", why.into()).into_bytes(), review: false, retry_after: None }
    }

    pub(crate) fn later(status: u16, why: impl Into<String>) -> Self {
        Self { retry_after: Some(1), ..Self::refused(status, why) }
    }
}

/// What all reviews share.
pub struct Desk {
    engine: RwLock<Option<Arc<dyn Engine>>>,
    cached: Cached,
    clock: Clock,
    limits: DeskLimits,
    workers: Arc<Semaphore>,
    waiting: AtomicUsize,
    metrics: Metrics,
    witnesses: Vec<Arc<dyn Witness>>,
    draining: AtomicBool,
}

impl Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Desk").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// A place in the queue.
struct Waiting<'d>(&'d AtomicUsize);

impl<'d> Waiting<'d> {
    fn take(waiting: &'d AtomicUsize, limit: usize) -> Option<Self> {
        let place = Self(waiting);
        (waiting.fetch_add(1, Ordering::AcqRel) < limit).then_some(place)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A review that was read.
struct Open {
    request: Request,
    images: Images,
    pass: Pass,
}

/// What a worker made of it.
struct Step {
    open: Arc<Open>,
    /// Nothing, where nothing had to be judged.
    judged: Option<Judged>,
    /// How long its reasons took.
    times: Vec<Duration>,
    patch: Vec<Value>,
}

/// What came of the first look.
enum Read {
    Judged(Box<Step>),
    /// It is not judged before this was asked for.
    Wants(Arc<Open>, BTreeSet<Need>),
}

/// Why a step gave nothing.
enum Broken {
    Bad(BadReview),
    /// The thread panicked.
    Panicked,
    /// The time is over.
    Late,
}

impl Desk {
    /// A desk that judges nothing until it has policies.
    #[must_use]
    pub fn new(cached: Cached, clock: Clock, limits: DeskLimits) -> Self {
        Self {
            engine: RwLock::new(None),
            cached,
            clock,
            limits,
            workers: Arc::new(Semaphore::new(limits.workers.max(1))),
            waiting: AtomicUsize::new(0),
            metrics: Metrics::default(),
            witnesses: Vec::new(),
            draining: AtomicBool::new(false),
        }
    }

    /// Tells somebody of each review, and those who were told before too.
    #[must_use]
    pub fn watched_by(mut self, witness: Arc<dyn Witness>) -> Self {
        self.witnesses.push(witness);
        self
    }

    /// Judges by these policies from now on.
    pub fn load(&self, engine: Arc<dyn Engine>) {
        self.metrics.loaded(&*engine);
        *self.engine.write() = Some(engine);
    }

    /// New policies were no policies; those of before stay.
    pub fn load_failed(&self) {
        self.metrics.load_failed();
    }

    /// The policies of now.
    #[must_use]
    pub fn engine(&self) -> Option<Arc<dyn Engine>> {
        self.engine.read().clone()
    }

    /// Whether it may be asked: policies are loaded, and the end has not begun.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !self.draining.load(Ordering::Acquire) && self.engine.read().is_some()
    }

    /// The end begins: nobody new should come. Who comes is still answered.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// What time it is.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }

    pub(crate) fn clock(&self) -> Clock {
        Arc::clone(&self.clock)
    }

    /// Who is asked about images and the cluster.
    pub(crate) fn cached(&self) -> &Cached {
        &self.cached
    }

    /// Whether reviews wait, or no worker is free: what is not urgent waits too.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.waiting.load(Ordering::Acquire) > 0 || self.workers.available_permits() == 0
    }

    /// What was counted.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Answers a review.
    pub async fn review(&self, pass: Pass, body: Bytes, deadline: Instant) -> Reply {
        let begun = Instant::now();
        let at = (self.clock)();
        let Some(engine) = self.engine() else {
            self.metrics.turned_away("not-ready");
            return Reply::later(503, "no policies are loaded yet: ask again");
        };
        let Some(waiting) = Waiting::take(&self.waiting, self.limits.queue) else {
            self.metrics.turned_away("queue");
            return Reply::later(429, "too many reviews wait already: ask again");
        };
        let place = timeout_at(deadline, Arc::clone(&self.workers).acquire_owned()).await;
        drop(waiting);
        let Ok(Ok(place)) = place else {
            self.metrics.turned_away("late");
            return Reply::refused(503, "no worker was free in time");
        };
        let surroundings = Arc::new(Surroundings::kyverno(at, seed()));
        let name = Arc::new(OnceLock::new());
        // One list for the whole review, read before anything that is kept.
        let known = Known { blocked: self.cached.blocked(), ..Known::default() };
        let (before, policies) = (known.clone(), engine.digest());
        let (limits, own, around, judge) =
            (self.limits.review, Arc::clone(&name), Arc::clone(&surroundings), Arc::clone(&engine));
        let first = work(place, deadline, move || {
            let request = Request::parse(&body, &limits).map_err(Broken::Bad)?;
            // The text is not needed any more; the tree is.
            drop(body);
            let _first = own.set((request.uid.clone(), request.version));
            let images = Images::of(&request, pass);
            let wants = if images.refused.is_empty() { judge.wants(&request) } else { BTreeSet::new() };
            let open = Arc::new(Open { request, images, pass });
            Ok(match wants.is_empty() {
                true => Read::Judged(Box::new(step(&*judge, open, &before, &around))),
                false => Read::Wants(open, wants),
            })
        });
        let (mut known, mut missing) = (known, BTreeMap::new());
        let mut done = match first.await {
            Ok(Read::Judged(done)) => *done,
            Ok(Read::Wants(open, context)) => {
                // What is not there in time is asked for again with the rest: by then it may be.
                let until = Instant::now() + deadline.saturating_duration_since(Instant::now()) / 2;
                let wanted = Needs { context, ..Needs::default() };
                let _asked = timeout_at(until, self.find_out(policies, wanted, &mut known, &mut missing)).await;
                let Ok(Ok(place)) = timeout_at(deadline, Arc::clone(&self.workers).acquire_owned()).await else {
                    self.metrics.turned_away("late");
                    return Reply::refused(503, "no worker was free in time");
                };
                let (judge, around, with) = (Arc::clone(&engine), Arc::clone(&surroundings), known.clone());
                match work(place, deadline, move || Ok(step(&*judge, open, &with, &around))).await {
                    Ok(done) => done,
                    Err(broken) => return self.broken(broken, name.get()),
                }
            }
            Err(broken) => return self.broken(broken, name.get()),
        };
        let mut late = false;
        let mut rounds = 0;
        let mut asked = 0_usize;
        while let Some(judged) = &done.judged {
            let open = unanswered(&judged.needs, &known, &missing);
            if open.is_empty() {
                break;
            }
            asked = asked
                .saturating_add(open.context.len())
                .saturating_add(open.images.len())
                .saturating_add(open.questions.len());
            rounds += 1;
            if rounds > self.limits.rounds || asked > self.limits.needs {
                let why = format!("more than {} rounds or {} questions", self.limits.rounds, self.limits.needs);
                missing.insert("what else the policies ask for".to_owned(), why);
                break;
            }
            if timeout_at(deadline, self.find_out(policies, open, &mut known, &mut missing)).await.is_err() {
                late = true;
                break;
            }
            let Ok(Ok(place)) = timeout_at(deadline, Arc::clone(&self.workers).acquire_owned()).await else {
                late = true;
                break;
            };
            let (judge, around, open) = (Arc::clone(&engine), Arc::clone(&surroundings), Arc::clone(&done.open));
            let with = known.clone();
            match work(place, deadline, move || Ok(step(&*judge, open, &with, &around))).await {
                Ok(next) => done = next,
                Err(Broken::Late) => {
                    late = true;
                    break;
                }
                Err(broken) => return self.broken(broken, name.get()),
            }
        }
        let reply = self.finish(&*engine, &done, &missing, late, (at, begun));
        let passes = denial(&done, &missing, late).is_none();
        if passes {
            self.cached.confirm(policies, &known)
        } else {
            self.cached.doubt(policies, &known)
        }
        reply
    }

    /// Asks for everything that is needed, all at one time.
    async fn find_out(
        &self,
        policies: Option<Digest>,
        open: Needs,
        known: &mut Known,
        missing: &mut BTreeMap<String, String>,
    ) {
        let contexts = join_all(open.context.into_iter().map(|need| async move {
            let found = self.cached.context(&need).await;
            (need, found)
        }));
        let images = join_all(open.images.into_iter().map(|need| async move {
            let found = self.cached.image_by(policies, &need).await;
            (need, found)
        }));
        let questions = join_all(open.questions.into_iter().map(|question| async move {
            let found = self.cached.question_by(policies, &question).await;
            (question, found)
        }));
        let (contexts, images, questions) = futures_util::future::join3(contexts, images, questions).await;
        for (question, found) in questions {
            if let facts::Answer::Unknown(why) = &found {
                missing.insert(question.to_string(), why.clone());
            }
            known.facts.insert(question, found);
        }
        for (need, found) in contexts {
            match found {
                Ok(value) => {
                    known.context.insert(need, value);
                }
                Err(why) => {
                    missing.insert(need.to_string(), why);
                }
            }
        }
        for (need, found) in images {
            if let Found::Unknown(why) = &found {
                missing.insert(need.to_string(), why.clone());
            }
            known.images.insert(need, found);
        }
    }

    /// The answer where nothing was judged.
    fn broken(&self, broken: Broken, name: Option<&(String, Version)>) -> Reply {
        let (uid, denial, status) = match broken {
            Broken::Bad(bad) => {
                self.metrics.bad_review();
                (bad.uid, Denial { code: 400, message: bad.message }, 400)
            }
            Broken::Panicked => {
                self.metrics.panicked();
                let message = "the request could not be judged: this is an error of Signet".to_owned();
                (name.cloned(), Denial { code: 500, message }, 500)
            }
            Broken::Late => {
                self.metrics.turned_away("late");
                let message = "the request could not be judged in time, and was not judged at all".to_owned();
                (name.cloned(), Denial { code: 504, message }, 503)
            }
        };
        match uid {
            Some((uid, version)) => Reply::answer(&Answer::denied(uid, version, denial)),
            None => Reply::refused(status, denial.message),
        }
    }

    fn finish(
        &self,
        engine: &dyn Engine,
        done: &Step,
        missing: &BTreeMap<String, String>,
        late: bool,
        (at, begun): (Timestamp, Instant),
    ) -> Reply {
        let open = &*done.open;
        let request = &open.request;
        let (denial, outcome) = match denial(done, missing, late) {
            None => (None, Outcome::Allowed),
            Some((denial, outcome)) => (Some(denial), outcome),
        };
        let decision = done.judged.as_ref().map(|judged| &judged.decision);
        let reasons = decision.map_or(&[][..], |decision| &decision.reasons);
        let with = |consequence| reasons.iter().filter(move |reason| reason.consequence == consequence);
        let mut warnings: Vec<String> =
            with(Consequence::Warns).map(|reason| format!("{}: {}", reason.name(), reason.message)).collect();
        warnings.extend(open.images.warnings.iter().cloned());
        let mut annotations = BTreeMap::new();
        if let Some(decision) = decision {
            annotations.extend(decision.annotations.clone());
            annotations.insert("policies".to_owned(), decision.policies.to_string());
            annotations.insert("snapshot".to_owned(), decision.snapshot.to_string());
        }
        let reported: Vec<String> = with(Consequence::Reported).map(Reason::name).collect();
        if !reported.is_empty() {
            annotations.insert("reported".to_owned(), reported.join(","));
        }
        if !open.images.found.is_empty() {
            annotations.insert("images".to_owned(), open.images.listed());
        }
        let patch = if denial.is_none() { done.patch.clone() } else { Vec::new() };
        let answer =
            Answer { uid: request.uid.clone(), version: request.version, denial, patch, warnings, annotations };
        let took = begun.elapsed();
        self.metrics.reviewed(open.pass, request, outcome, reasons, &done.times, took);
        for witness in &self.witnesses {
            witness.saw(&Seen {
                at,
                pass: open.pass,
                request,
                images: &open.images,
                said: reasons,
                missing,
                answer: &answer,
                outcome,
                took,
                engine,
                metrics: &self.metrics,
            });
        }
        Reply::answer(&answer)
    }
}

/// Runs on a worker's thread, which is busy until the work ends, even if nobody waits for it any more.
async fn work<T: Send + 'static>(
    place: OwnedSemaphorePermit,
    deadline: Instant,
    job: impl FnOnce() -> Result<T, Broken> + Send + 'static,
) -> Result<T, Broken> {
    let running = tokio::task::spawn_blocking(move || {
        let _place = place;
        job()
    });
    match timeout_at(deadline, running).await {
        Ok(Ok(done)) => done,
        Ok(Err(_)) => Err(Broken::Panicked),
        Err(_) => Err(Broken::Late),
    }
}

fn step(engine: &dyn Engine, open: Arc<Open>, known: &Known, surroundings: &Surroundings) -> Step {
    let is_open = open.images.refused.is_empty();
    let begun = Instant::now();
    let watch = || begun.elapsed();
    let judged = is_open.then(|| engine.judge_timed(&open.request, open.pass, known, surroundings, &watch));
    let (judged, times) = judged.unzip();
    let patch = judged.as_ref().map(|judged| patch(&open, judged)).unwrap_or_default();
    Step { open, judged, times: times.unwrap_or_default(), patch }
}

/// What changes, as operations; of a subresource only what it may change.
fn patch(open: &Open, judged: &Judged) -> Vec<Value> {
    let input = &open.request.input;
    if open.pass != Pass::Mutate || !may_change(input.operation) {
        return Vec::new();
    }
    let (Some(before), Some(after)) = (input.object(), &judged.object) else { return Vec::new() };
    let within = |operation: &Value| {
        let path = operation.get("path").and_then(Value::as_str).unwrap_or_default();
        input.subresource != "ephemeralcontainers" || path.starts_with("/spec/ephemeralContainers")
    };
    json_patch::patch(before, after).iter().map(json_patch::Operation::to_json).filter(within).collect()
}

pub(crate) fn unanswered(needs: &Needs, known: &Known, missing: &BTreeMap<String, String>) -> Needs {
    Needs {
        context: needs
            .context
            .iter()
            .filter(|need| !known.context.contains_key(need) && !missing.contains_key(&need.to_string()))
            .cloned()
            .collect(),
        images: needs.images.iter().filter(|need| !known.images.contains_key(need)).cloned().collect(),
        questions: needs.questions.iter().filter(|question| known.facts.get(question).is_none()).cloned().collect(),
        // No provider is asked: what needs one is an error of its rule.
        external: std::collections::BTreeSet::new(),
    }
}

/// Why the request does not pass; nothing if it does.
fn denial(done: &Step, missing: &BTreeMap<String, String>, late: bool) -> Option<(Denial, Outcome)> {
    let request = &done.open.request;
    if let Some(why) = done.open.images.refusal() {
        let message = format!("resource {} names what is no image:\n  {why}", request.label());
        return Some((Denial::forbidden(message), Outcome::Denied));
    }
    // What was not judged does not pass.
    let Some(judged) = &done.judged else {
        let message = "the request was not judged: this is an error of Signet".to_owned();
        return Some((Denial { code: 500, message }, Outcome::Undecided));
    };
    let decision = &judged.decision;
    let refusing: Vec<&Reason> = decision.with(Consequence::Denies).collect();
    if refusing.is_empty() && decision.allowed {
        return None;
    }
    let mut message = format!("resource {} was blocked due to the following policies\n", request.label());
    let undecided = refusing.iter().all(|reason| reason.status == Status::Error);
    let mut policy = "";
    for reason in refusing.iter().filter(|reason| undecided || reason.status != Status::Error) {
        if reason.policy != policy {
            message.push_str(&format!("\n{}:\n", reason.policy));
            policy = &reason.policy;
        }
        let rule = if reason.rule.is_empty() { reason.kind } else { &reason.rule };
        message.push_str(&format!("  {rule}: {}\n", shortened(&reason.message, 4 << 10)));
    }
    // What refuses already is not asked about: the reason is what was found, and not what nobody looked for.
    let open: Vec<String> = refusing
        .iter()
        .filter(|reason| !undecided && reason.status == Status::Error)
        .map(|reason| reason.name())
        .collect();
    if !open.is_empty() {
        message
            .push_str(&format!("\nnot decided, as it is refused anyway: {}\n", shortened(&open.join(", "), 1 << 10)));
    }
    if undecided && !missing.is_empty() {
        message.push_str("\nnot known:\n");
        for (what, why) in missing.iter().take(10) {
            message.push_str(&format!("  {what}: {}\n", shortened(why, 1 << 10)));
        }
    }
    if undecided && late {
        message.push_str("\nthe time that the API server gives was over before everything was known\n");
    }
    let outcome = if undecided { Outcome::Undecided } else { Outcome::Denied };
    Some((Denial::forbidden(message.trim_end()), outcome))
}

/// For `random()` in expressions: fresh for each review.
pub(crate) fn seed() -> [u8; 32] {
    let mut seed = [0; 32];
    // Without randomness the words of `random()` are the same each time; nothing is decided by them.
    let _filled = aws_lc_rs::rand::fill(&mut seed);
    seed
}
