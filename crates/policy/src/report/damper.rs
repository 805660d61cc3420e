//! Keeps events from becoming a storm: a Deployment that is refused is tried again each second, and each event is a write to the API server.
//!
//! Source of the idea: client-go tools/record/events_cache.go, which counts what is the same and gives each object a bucket.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;
use serde_json::Value;
use signet_model::Digest;

/// Bounds of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DamperLimits {
    /// Events that may pass at one time.
    pub burst: u32,
    /// Milliseconds for one more.
    pub every: u32,
    /// The same for events on one object.
    pub object_burst: u32,
    /// Milliseconds for one more on that object.
    pub object_every: u32,
    /// Seconds for which the same event is only counted.
    pub same: u32,
    /// What is remembered: events and objects.
    pub entries: usize,
}

impl Default for DamperLimits {
    fn default() -> Self {
        DamperLimits { burst: 50, every: 200, object_burst: 10, object_every: 30_000, same: 600, entries: 4_096 }
    }
}

/// A bucket that fills with time.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    /// Thousandths of an event.
    level: u64,
    at: Timestamp,
}

impl Bucket {
    fn full(burst: u32, now: Timestamp) -> Bucket {
        Bucket { level: u64::from(burst).saturating_mul(1_000), at: now }
    }

    fn take(&mut self, burst: u32, every: u32, now: Timestamp) -> bool {
        let gone = u64::try_from(now.as_millisecond().saturating_sub(self.at.as_millisecond())).unwrap_or(0);
        let gained = gone.saturating_mul(1_000).checked_div(u64::from(every.max(1))).unwrap_or(0);
        if gained > 0 {
            self.level = self.level.saturating_add(gained).min(u64::from(burst).saturating_mul(1_000));
            self.at = now;
        }
        match self.level.checked_sub(1_000) {
            Some(rest) => {
                self.level = rest;
                true
            }
            None => false,
        }
    }
}

/// What becomes of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passed {
    /// It is told, and stands for as many.
    Told(u32),
    /// It is one of those that were told already, and was counted.
    Counted,
    /// There are too many.
    Dropped,
}

/// The memory of events.
#[derive(Debug)]
pub struct Damper {
    limits: DamperLimits,
    all: Option<Bucket>,
    objects: BTreeMap<String, Bucket>,
    same: BTreeMap<String, (Timestamp, u32)>,
    /// Keys of both, oldest first.
    order: VecDeque<String>,
}

impl Damper {
    /// One that remembers nothing yet.
    pub fn new(limits: DamperLimits) -> Damper {
        Damper { limits, all: None, objects: BTreeMap::new(), same: BTreeMap::new(), order: VecDeque::new() }
    }

    /// Whether an event is told now.
    pub fn pass(&mut self, event: &Value, now: Timestamp) -> Passed {
        let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let object = ["/involvedObject/kind", "/involvedObject/namespace", "/involvedObject/name"].map(text).join("/");
        // Messages are long, and what is remembered is bounded.
        let key = [object.as_str(), text("/reason"), text("/message")].join("\n");
        let key = Digest::sha256(key.as_bytes()).hex();
        let until = |told: Timestamp| told.as_second().saturating_add(i64::from(self.limits.same));
        let mut count = 1;
        if let Some((told, more)) = self.same.get_mut(&key) {
            if now.as_second() < until(*told) {
                *more = more.saturating_add(1);
                return Passed::Counted;
            }
            count = more.saturating_add(1);
        }
        let limits = self.limits;
        if !self.objects.contains_key(&object) {
            self.order.push_back(object.clone());
        }
        let bucket = self.objects.entry(object).or_insert_with(|| Bucket::full(limits.object_burst, now));
        let fits = bucket.take(limits.object_burst, limits.object_every, now)
            && self.all.get_or_insert_with(|| Bucket::full(limits.burst, now)).take(limits.burst, limits.every, now);
        if fits && self.same.insert(key.clone(), (now, 0)).is_none() {
            self.order.push_back(key);
        }
        while self.same.len().saturating_add(self.objects.len()) > limits.entries {
            let Some(oldest) = self.order.pop_front() else { break };
            self.same.remove(&oldest);
            self.objects.remove(&oldest);
        }
        if fits { Passed::Told(count) } else { Passed::Dropped }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(name: &str, message: &str) -> Value {
        json!({"involvedObject": {"kind": "Pod", "namespace": "n", "name": name}, "reason": "PolicyViolation", "message": message})
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + seconds).expect("a time")
    }

    #[test]
    fn the_same_is_counted_and_told_again_later() {
        let mut damper = Damper::new(DamperLimits::default());
        assert_eq!(damper.pass(&event("a", "no"), at(0)), Passed::Told(1));
        for second in 1..100 {
            assert_eq!(damper.pass(&event("a", "no"), at(second)), Passed::Counted);
        }
        assert_eq!(damper.pass(&event("a", "otherwise"), at(100)), Passed::Told(1));
        assert_eq!(damper.pass(&event("a", "no"), at(600)), Passed::Told(100));
        assert_eq!(damper.pass(&event("a", "no"), at(601)), Passed::Counted);
    }

    #[test]
    fn one_object_and_all_together_have_a_rate() {
        let mut damper = Damper::new(DamperLimits::default());
        let told = |damper: &mut Damper, names: &dyn Fn(usize) -> String, count: usize, second: i64| {
            let pass = |number: usize| {
                let passed = damper.pass(&event(&names(number), &format!("{second} {number}")), at(second));
                passed == Passed::Told(1)
            };
            (0..count).map(pass).filter(|told| *told).count()
        };
        assert_eq!(told(&mut damper, &|_| "one".to_owned(), 1_000, 0), 10);
        assert_eq!(told(&mut damper, &|_| "one".to_owned(), 1_000, 60), 2);
        let mut damper = Damper::new(DamperLimits::default());
        assert_eq!(told(&mut damper, &|number| number.to_string(), 10_000, 0), 50);
        assert_eq!(told(&mut damper, &|number| number.to_string(), 10_000, 10), 50);
        // A clock that goes back gives nothing.
        assert_eq!(told(&mut damper, &|number| format!("back {number}"), 10_000, 5), 0);
    }

    /// A key of a flood takes the place of nothing but itself.
    #[test]
    fn a_flood_does_not_refill_its_own_bucket() {
        let mut damper = Damper::new(DamperLimits { entries: 64, ..DamperLimits::default() });
        let told = (0..10_000).filter(|number| damper.pass(&event("a", &number.to_string()), at(0)) != Passed::Dropped);
        assert_eq!(told.count(), 10);
    }

    #[test]
    fn the_memory_is_bounded() {
        let limits = DamperLimits { entries: 64, burst: u32::MAX, ..DamperLimits::default() };
        let mut damper = Damper::new(limits);
        for number in 0..10_000 {
            assert_eq!(damper.pass(&event(&number.to_string(), "no"), at(number)), Passed::Told(1));
        }
        assert!(damper.same.len() + damper.objects.len() <= 64);
        assert_eq!(damper.order.len(), damper.same.len() + damper.objects.len());
    }
}
