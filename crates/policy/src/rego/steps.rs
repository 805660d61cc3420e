//! How long an evaluation may run and how deep it may go, counted in its own steps: the same policy on the same statement ends at the same place on every
//! machine.
//!
//! The evaluator asks a clock at every step when it has a limit of time. It is given this one, which advances by one whenever it is asked, and which jumps
//! beyond the limit when the stack is nearly used up: recursion of Rego functions is not bounded by the evaluator, and an overflow would end the program. It
//! jumps, too, when an evaluation has made more than it may (`weight.rs`), or when the process has grown by more than that while it ran, which is told by
//! whoever runs policies ([`measure_memory`]): sets that are joined by operators and numbers that are multiplied go through no function.

use std::cell::Cell;
use std::num::NonZeroU32;
use std::sync::OnceLock;
use std::time::Duration;

use regorus::utils::limits::{ExecutionTimerConfig, TimeSource, set_time_source};

use super::weight;

/// Stack of the thread in which an evaluation runs.
pub(super) const STACK: usize = 24 << 20;
/// How much of it may be used. Between two steps the evaluator goes much less deep than the rest.
const DEEPEST: usize = 4 << 20;

/// Which limit was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Met {
    Steps,
    Depth,
    Memory,
}

thread_local! {
    static TAKEN: Cell<u64> = const { Cell::new(0) };
    /// Where the stack stood when the evaluation began.
    static BASE: Cell<usize> = const { Cell::new(0) };
    static TOO_DEEP: Cell<bool> = const { Cell::new(false) };
    /// What the process held when the evaluation began, and by how much it may grow.
    static HELD: Cell<(u64, u64)> = const { Cell::new((0, 0)) };
    /// At which step it is measured again.
    static NEXT: Cell<u64> = const { Cell::new(0) };
    static TOO_LARGE: Cell<bool> = const { Cell::new(false) };
}

/// How many bytes the process holds; `None` when that cannot be told.
pub type Meter = fn() -> Option<u64>;

static METER: OnceLock<Meter> = OnceLock::new();

/// Says how the memory of the process is measured, once for the program. Without it, what operators make is bounded by the number of steps only.
pub fn measure_memory(meter: Meter) {
    let _given_before = METER.set(meter);
}

/// Steps between two measurements, as long as little is taken.
const SELDOM: u64 = 256;
/// And when an eighth of the limit is taken.
const OFTEN: u64 = 16;

/// Measures when it is time to.
fn measure(step: u64) {
    if step < NEXT.with(Cell::get) {
        return;
    }
    let Some(now) = METER.get().and_then(|meter| meter()) else { return NEXT.with(|next| next.set(u64::MAX)) };
    let (before, most) = HELD.with(Cell::get);
    let grown = now.saturating_sub(before);
    if grown > most {
        TOO_LARGE.with(|large| large.set(true));
    }
    let pause = if grown > most / 8 { OFTEN } else { SELDOM };
    NEXT.with(|next| next.set(step.saturating_add(pause)));
}

struct Steps;

impl TimeSource for Steps {
    fn now(&self) -> Option<Duration> {
        if BASE.with(Cell::get).abs_diff(here()) > DEEPEST {
            TOO_DEEP.with(|deep| deep.set(true));
        }
        let step = TAKEN.with(|taken| {
            let next = taken.get().saturating_add(1);
            taken.set(next);
            next
        });
        measure(step);
        if TOO_DEEP.with(Cell::get) || TOO_LARGE.with(Cell::get) || weight::is_spent() {
            return Some(Duration::MAX);
        }
        Some(Duration::from_nanos(step))
    }
}

/// About where the stack stands.
#[inline(never)]
fn here() -> usize {
    let local = 0_u8;
    std::ptr::from_ref(std::hint::black_box(&local)).addr()
}

/// The limits, counted from here: of steps, and of bytes by which the process may grow. Or `None` when another clock was put in already: then nothing is
/// evaluated at all.
pub(super) fn limit(steps: u64, grown: u64) -> Option<ExecutionTimerConfig> {
    static INSTALLED: OnceLock<bool> = OnceLock::new();
    let installed = *INSTALLED.get_or_init(|| set_time_source(&Steps).is_ok());
    TAKEN.with(|taken| taken.set(0));
    BASE.with(|base| base.set(here()));
    TOO_DEEP.with(|deep| deep.set(false));
    TOO_LARGE.with(|large| large.set(false));
    HELD.with(|held| held.set((METER.get().and_then(|meter| meter()).unwrap_or(0), grown)));
    NEXT.with(|next| next.set(0));
    installed.then(|| ExecutionTimerConfig { limit: Duration::from_nanos(steps), check_interval: NonZeroU32::MIN })
}

/// Which limit this thread's evaluation met, if any.
pub(super) fn met(steps: u64) -> Option<Met> {
    if TOO_DEEP.with(Cell::get) {
        return Some(Met::Depth);
    }
    if TOO_LARGE.with(Cell::get) || weight::is_spent() {
        return Some(Met::Memory);
    }
    (TAKEN.with(Cell::get) > steps).then_some(Met::Steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    thread_local! {
        static FAKE: Cell<u64> = const { Cell::new(0) };
    }

    #[test]
    fn a_process_that_grows_ends_the_evaluation() {
        // Other tests run in other threads, where it stays what it was.
        measure_memory(|| Some(FAKE.with(Cell::get)));
        weight::begin(1000);
        for (before, after, met_at) in [
            (0, 100, None),
            (0, 101, Some(Met::Memory)),
            (500, 600, None),
            (500, 601, Some(Met::Memory)),
            (500, 0, None),
        ] {
            FAKE.with(|fake| fake.set(before));
            limit(10_000, 100).unwrap();
            assert_eq!(Steps.now(), Some(Duration::from_nanos(1)));
            FAKE.with(|fake| fake.set(after));
            let stopped = (0..SELDOM).any(|_| Steps.now() == Some(Duration::MAX));
            assert_eq!((stopped, met(10_000)), (met_at.is_some(), met_at), "{before} {after}");
        }
    }
}
