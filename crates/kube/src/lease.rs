//! Who leads: the holder of one Lease.
//!
//! Whoever writes the Lease writes over the version that he read, so of two who take it one is refused. How old another's hold is we tell by our own
//! clock, from when we saw it change last: clocks of other machines decide nothing. A holder stops acting before anybody else may begin.
//!
//! Source: `coordination.k8s.io/v1` Lease; k8s.io/client-go tools/leaderelection.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::RwLock;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

use crate::client::Client;
use crate::error::KubeError;
use crate::mirror::Pulse;
use crate::resource::LEASES;
use crate::stream::version_of;

/// What time it is, for what is written into the Lease.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// How long things last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseTimes {
    /// How long a hold counts that is not renewed.
    pub hold: Duration,
    /// How long after its last renewal a holder goes on acting: less than `hold`, by more than a request may be on its way.
    pub act: Duration,
    /// How often it is renewed, and looked at by others.
    pub renew: Duration,
}

impl Default for LeaseTimes {
    fn default() -> Self {
        Self { hold: Duration::from_secs(15), act: Duration::from_secs(10), renew: Duration::from_secs(2) }
    }
}

/// What is to be done with a Lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// There is none.
    Make,
    /// It is ours.
    Renew,
    /// Nobody holds it any more.
    Take,
    /// Somebody else holds it.
    Wait,
}

/// What was seen of another's hold.
#[derive(Clone, Debug, PartialEq)]
struct Seen {
    /// Holder and renewal, as they are written.
    mark: (String, String),
    /// When they were first seen so.
    at: Instant,
}

fn text<'v>(lease: &'v Value, key: &str) -> &'v str {
    lease.get("spec").and_then(|spec| spec.get(key)).and_then(Value::as_str).unwrap_or_default()
}

fn number(lease: &Value, key: &str) -> i64 {
    lease.get("spec").and_then(|spec| spec.get(key)).and_then(Value::as_i64).unwrap_or_default()
}

/// The whole decision. No I/O, and no clock but `now`.
fn step(lease: Option<&Value>, own: &str, seen: &mut Option<Seen>, now: Instant, times: &LeaseTimes) -> Step {
    let Some(lease) = lease else { return Step::Make };
    // Each renewal gives it another version, also where the holder's clock stands still.
    let renewal = format!("{} {}", text(lease, "renewTime"), version_of(lease));
    let mark = (text(lease, "holderIdentity").to_owned(), renewal);
    if mark.0 == own {
        return Step::Renew;
    }
    if mark.0.is_empty() {
        return Step::Take;
    }
    let at = match seen.as_ref().filter(|seen| seen.mark == mark) {
        Some(seen) => seen.at,
        None => {
            *seen = Some(Seen { mark, at: now });
            now
        }
    };
    // A holder says himself how long he holds it; a senseless time is ours.
    let said = u64::try_from(number(lease, "leaseDurationSeconds")).ok().filter(|seconds| (1..=3600).contains(seconds));
    let hold = said.map_or(times.hold, Duration::from_secs);
    if now.saturating_duration_since(at) >= hold { Step::Take } else { Step::Wait }
}

/// One Lease, and whether we hold it.
#[derive(Clone)]
pub struct Leader(Arc<Shared>);

struct Shared {
    client: Client,
    namespace: String,
    name: String,
    own: String,
    times: LeaseTimes,
    clock: Clock,
    pulse: Pulse,
    /// Until when we may act; and what went wrong last.
    state: RwLock<State>,
}

#[derive(Clone, Debug, Default)]
struct State {
    until: Option<Instant>,
    holder: String,
    broken: Option<String>,
}

impl std::fmt::Debug for Leader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Leader").field("name", &self.0.name).field("own", &self.0.own).finish_non_exhaustive()
    }
}

impl Leader {
    /// Somebody who would lead. `own` names this process and no other one, also after it was started again.
    #[must_use]
    pub fn new(
        client: &Client,
        namespace: &str,
        name: &str,
        own: String,
        times: LeaseTimes,
        clock: Clock,
        pulse: &Pulse,
    ) -> Self {
        Self(Arc::new(Shared {
            client: client.clone(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            own,
            times,
            clock,
            pulse: pulse.clone(),
            state: RwLock::default(),
        }))
    }

    /// Until when we lead; nothing if we do not. Whoever acts for the leader ends by then.
    #[must_use]
    pub fn until(&self) -> Option<Instant> {
        self.0.state.read().until.filter(|until| *until > Instant::now())
    }

    /// Who holds it, as far as we know.
    #[must_use]
    pub fn holder(&self) -> String {
        self.0.state.read().holder.clone()
    }

    /// Why it could not be asked for, if it could not.
    #[must_use]
    pub fn broken(&self) -> Option<String> {
        self.0.state.read().broken.clone()
    }

    /// Holds the Lease or waits for it, for ever.
    pub async fn run(&self) {
        let mut seen = None;
        loop {
            // What takes longer than we may act is no renewal.
            let begun = Instant::now();
            let tried = timeout(self.0.times.act, self.once(&mut seen)).await;
            let before = self.until().is_some();
            {
                let mut state = self.0.state.write();
                match tried {
                    Ok(Ok(Some(holder))) => {
                        // From before the request left: nobody else counts from an earlier time.
                        state.until = (holder == self.0.own).then(|| begun.checked_add(self.0.times.act)).flatten();
                        state.holder = holder;
                        state.broken = None;
                    }
                    // Somebody else was first; who, the next look tells.
                    Ok(Ok(None)) => state.until = None,
                    Ok(Err(err)) => state.broken = Some(err.explain()),
                    Err(_) => state.broken = Some("the API server does not answer about the Lease".to_owned()),
                }
            }
            if self.until().is_some() != before {
                self.0.pulse.beat();
            }
            sleep(self.0.times.renew).await;
        }
    }

    /// Looks once, and does what is due. Who holds it afterwards; nothing if somebody else was first.
    async fn once(&self, seen: &mut Option<Seen>) -> Result<Option<String>, KubeError> {
        let shared = &*self.0;
        let namespace = Some(shared.namespace.as_str());
        let lease = shared.client.find(&LEASES, namespace, &shared.name).await?;
        let due = step(lease.as_ref(), &shared.own, seen, Instant::now(), &shared.times);
        let wanted = self.written(lease.as_ref(), due);
        let written = match due {
            Step::Wait => {
                return Ok(Some(
                    lease.as_ref().map(|lease| text(lease, "holderIdentity").to_owned()).unwrap_or_default(),
                ));
            }
            Step::Make => shared.client.create(&LEASES, namespace, &wanted).await,
            Step::Renew | Step::Take => shared.client.replace(&LEASES, namespace, &shared.name, &wanted).await,
        };
        match written {
            Ok(_) => Ok(Some(shared.own.clone())),
            Err(err) if err.is_conflict() => Ok(None),
            Err(err) => Err(err),
        }
    }

    /// The Lease as it is to be. It bears the version that was read.
    fn written(&self, lease: Option<&Value>, due: Step) -> Value {
        let shared = &*self.0;
        let now = (shared.clock)().strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string();
        let mut wanted = lease.cloned().unwrap_or_else(|| {
            json!({
                "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
                "metadata": {"name": shared.name, "namespace": shared.namespace},
            })
        });
        let transitions = lease.map_or(0, |lease| number(lease, "leaseTransitions"));
        let acquired = lease.map(|lease| text(lease, "acquireTime").to_owned()).unwrap_or_default();
        let renews = due == Step::Renew && !acquired.is_empty();
        if let Some(fields) = wanted.as_object_mut() {
            fields.insert(
                "spec".to_owned(),
                json!({
                    "holderIdentity": shared.own,
                    "leaseDurationSeconds": shared.times.hold.as_secs().max(1),
                    "acquireTime": if renews { acquired } else { now.clone() },
                    "renewTime": now,
                    "leaseTransitions": if due == Step::Take { transitions.saturating_add(1) } else { transitions },
                }),
            );
        }
        wanted
    }

    /// Gives it back, so that nobody has to wait. Whoever acts for the leader has ended before.
    ///
    /// # Errors
    /// See [`KubeError`]; then it runs out by itself.
    pub async fn release(&self) -> Result<(), KubeError> {
        let shared = &*self.0;
        if self.until().is_none() {
            return Ok(());
        }
        shared.state.write().until = None;
        let namespace = Some(shared.namespace.as_str());
        let Some(mut lease) = shared.client.find(&LEASES, namespace, &shared.name).await? else { return Ok(()) };
        if text(&lease, "holderIdentity") != shared.own {
            return Ok(());
        }
        if let Some(spec) = lease.get_mut("spec").and_then(Value::as_object_mut) {
            spec.insert("holderIdentity".to_owned(), Value::String(String::new()));
        }
        match shared.client.replace(&LEASES, namespace, &shared.name, &lease).await {
            Err(err) if !err.is_conflict() => Err(err),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(holder: &str, renewed: &str, seconds: i64) -> Value {
        json!({"spec": {"holderIdentity": holder, "renewTime": renewed, "leaseDurationSeconds": seconds}})
    }

    #[track_caller]
    fn check(lease: Option<&Value>, seen: &mut Option<Seen>, now: Instant, expected: Step) {
        assert_eq!(step(lease, "me", seen, now, &LeaseTimes::default()), expected);
    }

    #[test]
    fn a_hold_is_waited_for_by_our_own_clock_and_each_renewal_begins_it_anew() {
        let begun = Instant::now();
        let at = |seconds: u64| begun + Duration::from_secs(seconds);
        let mut seen = None;
        // Its own time says that it ended long ago: that is another machine's clock.
        let old = lease("other", "1970-01-01T00:00:00Z", 15);
        check(Some(&old), &mut seen, at(0), Step::Wait);
        check(Some(&old), &mut seen, at(14), Step::Wait);
        let renewed = lease("other", "1970-01-01T00:00:02Z", 15);
        check(Some(&renewed), &mut seen, at(14), Step::Wait);
        check(Some(&renewed), &mut seen, at(28), Step::Wait);
        check(Some(&renewed), &mut seen, at(29), Step::Take);
    }

    #[test]
    fn a_lease_is_made_renewed_and_taken_when_it_was_given_back() {
        let now = Instant::now();
        check(None, &mut None, now, Step::Make);
        check(Some(&lease("me", "x", 15)), &mut None, now, Step::Renew);
        check(Some(&lease("", "x", 15)), &mut None, now, Step::Take);
        check(Some(&json!({"spec": {}})), &mut None, now, Step::Take);
    }

    #[test]
    fn a_senseless_duration_is_ours() {
        let begun = Instant::now();
        for seconds in [0, -5, i64::MAX] {
            let mut seen = None;
            let odd = lease("other", "x", seconds);
            check(Some(&odd), &mut seen, begun, Step::Wait);
            check(Some(&odd), &mut seen, begun + Duration::from_secs(14), Step::Wait);
            check(Some(&odd), &mut seen, begun + Duration::from_secs(15), Step::Take);
        }
    }

    #[test]
    fn a_holder_stops_before_anybody_else_begins() {
        let times = LeaseTimes::default();
        assert!(times.act + times.renew < times.hold);
    }
}
