//! What the program's exit code says. One place; the foreign command lines keep codes of their own.

use std::process::ExitCode;

/// Outcome of a native command. Where several hold, [`Exit::worse`] keeps the one that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything that was asked for was looked at, and the policy holds.
    Well,
    /// Could not finish.
    Failed,
    /// Wrong usage.
    Usage,
    /// Nothing matched the input.
    Nothing,
    /// The policy says no.
    Denied,
    /// Findings at or above the threshold.
    Findings,
    /// Verification failed.
    Unverified,
    /// Something asked for could not be examined.
    Incomplete,
}

impl Exit {
    /// The number. Scripts rely on it.
    pub(crate) fn code(self) -> u8 {
        match self {
            Exit::Well => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Nothing => 3,
            Exit::Denied => 10,
            Exit::Findings => 11,
            Exit::Unverified => 12,
            Exit::Incomplete => 13,
        }
    }

    /// The one of the two that the exit code shows: 2, 1, 12, 10, 11, 13, 3, 0.
    pub(crate) fn worse(self, other: Exit) -> Exit {
        let rank = |exit: Exit| match exit {
            Exit::Usage => 0,
            Exit::Failed => 1,
            Exit::Unverified => 2,
            Exit::Denied => 3,
            Exit::Findings => 4,
            Exit::Incomplete => 5,
            Exit::Nothing => 6,
            Exit::Well => 7,
        };
        if rank(self) <= rank(other) { self } else { other }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::Exit;

    #[test]
    fn the_worse_of_two_is_shown() {
        let order = [
            Exit::Usage,
            Exit::Failed,
            Exit::Unverified,
            Exit::Denied,
            Exit::Findings,
            Exit::Incomplete,
            Exit::Nothing,
            Exit::Well,
        ];
        for (at, worse) in order.iter().enumerate() {
            for better in &order[at..] {
                assert_eq!(worse.worse(*better), *worse);
                assert_eq!(better.worse(*worse), *worse);
            }
        }
    }
}
