//! Asking a person before something that cannot be taken back.

use std::io::{BufRead as _, IsTerminal as _, Read as _, Write as _};

use anyhow::Result;

/// Bytes of an answer that are read.
const LONGEST: u64 = 1024;

/// The question that Cosign ends each of its warnings with.
pub(crate) const CONTINUE: &str = "Are you sure you would like to continue?";

/// Asks on standard error, whatever `--quiet` says, and reads one line of standard input. Only `y` or `yes` is consent; the end of input is none.
///
/// What is said afterwards begins on a line of its own, also where nobody typed the end of the answer's.
#[allow(clippy::print_stderr, reason = "a question to the person at the terminal")]
pub(crate) fn confirmed(question: &str) -> Result<bool> {
    eprint!("{question} [y/N] ");
    std::io::stderr().flush()?;
    let stdin = std::io::stdin();
    let mut line = Vec::new();
    stdin.lock().take(LONGEST).read_until(b'\n', &mut line)?;
    // A terminal shows what is typed; a pipe does not.
    if !(stdin.is_terminal() && line.ends_with(b"\n")) {
        eprintln!();
    }
    let answer = line.trim_ascii();
    Ok(answer.eq_ignore_ascii_case(b"y") || answer.eq_ignore_ascii_case(b"yes"))
}
