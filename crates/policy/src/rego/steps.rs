//! How long an evaluation may run and how deep it may go, counted in its own steps: the same policy on the same statement ends at the same place on every
//! machine.
//!
//! The evaluator asks a clock at every step when it has a limit of time. It is given this one, which advances by one whenever it is asked, and which jumps
//! beyond the limit when the stack is nearly used up: recursion of Rego functions is not bounded by the evaluator, and an overflow would end the program.

use std::cell::Cell;
use std::num::NonZeroU32;
use std::sync::OnceLock;
use std::time::Duration;

use regorus::utils::limits::{ExecutionTimerConfig, TimeSource, set_time_source};

/// Stack of the thread in which an evaluation runs.
pub(super) const STACK: usize = 24 << 20;
/// How much of it may be used. Between two steps the evaluator goes much less deep than the rest.
const DEEPEST: usize = 4 << 20;

/// Which limit was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Met {
    Steps,
    Depth,
}

thread_local! {
    static TAKEN: Cell<u64> = const { Cell::new(0) };
    /// Where the stack stood when the evaluation began.
    static BASE: Cell<usize> = const { Cell::new(0) };
    static TOO_DEEP: Cell<bool> = const { Cell::new(false) };
}

struct Steps;

impl TimeSource for Steps {
    fn now(&self) -> Option<Duration> {
        if BASE.with(Cell::get).abs_diff(here()) > DEEPEST {
            TOO_DEEP.with(|deep| deep.set(true));
        }
        if TOO_DEEP.with(Cell::get) {
            return Some(Duration::MAX);
        }
        Some(Duration::from_nanos(TAKEN.with(|taken| {
            let next = taken.get().saturating_add(1);
            taken.set(next);
            next
        })))
    }
}

/// About where the stack stands.
#[inline(never)]
fn here() -> usize {
    let local = 0_u8;
    std::ptr::from_ref(std::hint::black_box(&local)).addr()
}

/// The limit, counted from here, or `None` when another clock was put in already: then nothing is evaluated at all.
pub(super) fn limit(steps: u64) -> Option<ExecutionTimerConfig> {
    static INSTALLED: OnceLock<bool> = OnceLock::new();
    let installed = *INSTALLED.get_or_init(|| set_time_source(&Steps).is_ok());
    TAKEN.with(|taken| taken.set(0));
    BASE.with(|base| base.set(here()));
    TOO_DEEP.with(|deep| deep.set(false));
    installed.then(|| ExecutionTimerConfig { limit: Duration::from_nanos(steps), check_interval: NonZeroU32::MIN })
}

/// Which limit this thread's evaluation met, if any.
pub(super) fn met(steps: u64) -> Option<Met> {
    if TOO_DEEP.with(Cell::get) {
        return Some(Met::Depth);
    }
    (TAKEN.with(Cell::get) > steps).then_some(Met::Steps)
}
