//! Threads that wait for registries and read what is in images: so many, and scans one after the other.
//!
//! A thread cannot be stopped from outside. Who waits for it may go away when the time is over; it goes on to its end, and holds its place so long.
//! So nothing piles up behind a registry that does not answer, and no more than one image is read at a time, however many are asked about.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::Semaphore;

/// Threads for questions to registries.
pub(super) const QUESTIONS: usize = 32;
/// Images that are read at one time: a parser takes memory as the image wants it.
const SCANS: usize = 1;
/// Scans that wait for the one that runs.
const WAITING: usize = 4;

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// A registry is asked, and signatures are verified.
    Question,
    /// The packages of an image are read and matched.
    Scan,
}

/// Places on threads.
#[derive(Debug)]
pub(super) struct Threads {
    runtime: Handle,
    places: Arc<Semaphore>,
    scans: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

const ENDS: &str = "the server ends";

impl Threads {
    pub(super) fn new(runtime: Handle) -> Threads {
        let room = |places| Arc::new(Semaphore::new(places));
        Threads { runtime, places: room(QUESTIONS), scans: room(SCANS), waiting: room(WAITING) }
    }

    /// Does something on a thread that may wait. Errors: why it was not done, or not to the end.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: Work,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, &'static str> {
        let scan = match work {
            Work::Question => None,
            Work::Scan => {
                let Ok(_waits) = self.waiting.try_acquire() else {
                    return Err("too many images wait to be scanned already: ask again, or seal what a scan finds");
                };
                Some(Arc::clone(&self.scans).acquire_owned().await.map_err(|_| ENDS)?)
            }
        };
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_| ENDS)?;
        let running = self.runtime.spawn_blocking(move || {
            let _held = (place, scan);
            job()
        });
        // A panic ends the thread's work and nothing else.
        running.await.map_err(|_| "the question broke off: this is an error of Signet")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(2 * QUESTIONS)
            .enable_all()
            .build()
            .unwrap()
    }

    /// Starts so much that does not end, lets everybody who waits go away, and tells how much of it runs at most, before and after.
    fn pile_up(work: Work, count: usize) -> (usize, usize, Vec<Result<(), &'static str>>) {
        let runtime = runtime();
        let threads = Threads::new(runtime.handle().clone());
        let running = Arc::new(AtomicUsize::new(0));
        let gate = Arc::new(parking_lot::RwLock::new(()));
        let closed = gate.write();
        let ended = runtime.block_on(async {
            let all = (0..count).map(|_| {
                let (running, gate) = (Arc::clone(&running), Arc::clone(&gate));
                let job = move || {
                    running.fetch_add(1, Ordering::SeqCst);
                    drop(gate.read());
                };
                tokio::time::timeout(Duration::from_millis(300), threads.run(work, job))
            });
            futures_util::future::join_all(all).await
        });
        let before = running.load(Ordering::SeqCst);
        drop(closed);
        // What was still waiting when its time was over is never begun.
        std::thread::sleep(Duration::from_millis(100));
        let said = ended.into_iter().filter_map(Result::ok).collect();
        (before, running.load(Ordering::SeqCst), said)
    }

    #[test]
    fn what_nobody_waits_for_any_more_does_not_pile_up() {
        let (before, after, said) = pile_up(Work::Question, QUESTIONS + 20);
        assert_eq!((before, after, said.len()), (QUESTIONS, QUESTIONS, 0));
    }

    #[test]
    fn one_image_is_read_at_a_time_and_few_wait() {
        let (before, after, said) = pile_up(Work::Scan, 20);
        assert_eq!((before, after), (SCANS, SCANS));
        assert!(!said.is_empty() && said.iter().all(|said| said.is_err_and(|why| why.contains("too many images"))));
        assert_eq!(said.len(), 20 - SCANS - WAITING);
    }

    #[test]
    fn a_panic_is_an_answer_that_is_not_known() {
        let runtime = runtime();
        let threads = Threads::new(runtime.handle().clone());
        let broken = runtime.block_on(threads.run(Work::Scan, || panic!("a parser broke off")));
        assert!(broken.is_err_and(|why: &str| why.contains("broke off")));
        assert_eq!(runtime.block_on(threads.run(Work::Scan, || 7)), Ok(7), "and its place is free again");
    }
}
