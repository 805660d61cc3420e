//! How long to wait before something is tried again.

use std::time::Duration;

/// Pauses that double, each with a random part, so that replicas that failed together do not come back together.
#[derive(Debug)]
pub(crate) struct Backoff {
    first: Duration,
    longest: Duration,
    failures: u32,
    random: u64,
}

impl Backoff {
    /// `seed` is any number; two replicas have different ones.
    pub(crate) fn new(first: Duration, longest: Duration, seed: u64) -> Self {
        Self { first, longest, failures: 0, random: seed | 1 }
    }

    /// It went well.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }

    /// The next pause: between half and all of the doubled one, at most the longest.
    pub(crate) fn pause(&mut self) -> Duration {
        let factor = 1_u32.checked_shl(self.failures.min(16)).unwrap_or(u32::MAX);
        self.failures = self.failures.saturating_add(1);
        let full = self.first.saturating_mul(factor).min(self.longest);
        let half = full / 2;
        // xorshift64*: spread, no secret.
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        let part = u32::try_from(self.random.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32).unwrap_or(0);
        half + half.mul_f64(f64::from(part) / f64::from(u32::MAX))
    }
}

/// A number for [`Backoff`] that differs from process to process.
pub(crate) fn seed() -> u64 {
    let mut bytes = [0; 8];
    // Without randomness all wait the same, and nothing worse.
    let _filled = aws_lc_rs::rand::fill(&mut bytes);
    u64::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_begin_anew() {
        let second = Duration::from_secs(1);
        let mut backoff = Backoff::new(second, Duration::from_secs(30), 7);
        for expected in [1, 2, 4, 8, 16, 30, 30, 30] {
            let (pause, full) = (backoff.pause(), Duration::from_secs(expected));
            assert!(pause >= full / 2 && pause <= full, "{pause:?} of {full:?}");
        }
        assert_eq!(backoff.failures, 8);
        backoff.reset();
        assert!(backoff.pause() <= second);
        let mut other = Backoff::new(second, second, 9);
        let mut first = Backoff::new(second, second, 7);
        assert_ne!(first.pause(), other.pause());
    }
}
