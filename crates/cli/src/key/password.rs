//! Passwords of keys: from a variable, a file, the terminal, or what is piped in, as Cosign does.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _};
use std::path::Path;

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use signet_keys::{Asking, Error, SecretBytes};

/// Longest password that is read.
const LONGEST: u64 = 64 << 10;

/// Where a password may stand, in this order. One that is set to nothing is the empty password, which is legal.
const VARIABLES: [&str; 2] = ["SIGNET_KEY_PASSWORD", "COSIGN_PASSWORD"];

/// Whether somebody can be asked, or has said already, that the password is empty: an input that ends at once says nothing.
pub(super) fn may_be_empty(file: Option<&Path>) -> bool {
    file.is_some() || VARIABLES.iter().any(|name| std::env::var_os(name).is_some()) || io::stdin().is_terminal()
}

/// The password.
pub(super) fn get(asking: Asking, file: Option<&Path>) -> Result<SecretBytes, Error> {
    let failed =
        |err: io::Error, what: &str| Error { cause: Some(Box::new(err)), ..Error::new("get the key's password", what) };
    for name in VARIABLES {
        if let Some(value) = std::env::var_os(name) {
            return Ok(SecretBytes::new(value.into_encoded_bytes()));
        }
    }
    if let Some(path) = file {
        let mut bytes = Vec::new();
        std::fs::File::open(path)
            .and_then(|opened| opened.take(LONGEST).read_to_end(&mut bytes))
            .map_err(|err| failed(err, &format!("`{}` cannot be read", path.display())))?;
        let end = bytes.trim_ascii_end().len();
        bytes.truncate(end);
        return Ok(SecretBytes::new(bytes));
    }
    let stdin = io::stdin();
    if stdin.is_terminal() {
        let first = typed("Enter password for private key: ").map_err(|err| failed(err, "the terminal gives none"))?;
        if asking == Asking::New {
            let again = typed("Enter password for private key again: ")
                .map_err(|err| failed(err, "the terminal gives none"))?;
            if first != again {
                return Err(Error::new("get the key's password", "passwords do not match"));
            }
        }
        return Ok(first);
    }
    // What is piped in, to its end and as it is: Cosign takes the line break for a part of it.
    let mut bytes = Vec::new();
    stdin.lock().take(LONGEST).read_to_end(&mut bytes).map_err(|err| failed(err, "standard input cannot be read"))?;
    Ok(SecretBytes::new(bytes))
}

/// Puts the terminal back as it was.
struct Quiet(Termios);

impl Drop for Quiet {
    fn drop(&mut self) {
        let _restored = tcsetattr(io::stdin(), OptionalActions::Flush, &self.0);
    }
}

#[allow(clippy::print_stderr, reason = "a question to the person at the terminal")]
fn typed(question: &str) -> io::Result<SecretBytes> {
    eprint!("{question}");
    io::stderr().flush()?;
    let before = tcgetattr(io::stdin())?;
    let mut silent = before.clone();
    silent.local_modes.remove(LocalModes::ECHO);
    tcsetattr(io::stdin(), OptionalActions::Flush, &silent)?;
    let _quiet = Quiet(before);
    let mut line = Vec::new();
    io::stdin().lock().take(LONGEST).read_until(b'\n', &mut line)?;
    eprintln!();
    while matches!(line.last(), Some(b'\n' | b'\r')) {
        line.pop();
    }
    Ok(SecretBytes::new(line))
}
