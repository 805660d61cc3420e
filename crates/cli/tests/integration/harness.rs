//! The program as a user runs it: a room of its own, a scrubbed environment, a fixed time, placeholders for what differs between machines.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// A day after the sample's feeds: 2026-01-16T00:00:00Z.
pub(crate) const NOW: &str = "1768521600";

pub(crate) const OS_RELEASE: &str = "ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n";

/// A directory in which the program runs.
pub(crate) struct Room(tempfile::TempDir);

impl Room {
    /// An empty one.
    pub(crate) fn new() -> Room {
        Room(tempfile::tempdir().unwrap())
    }

    /// With the directory `shop`, in which the sample knows four findings: two criticals of Debian packages (one with a fix), a high one and a
    /// malicious one of npm packages.
    pub(crate) fn with_shop() -> Room {
        let room = Room::new();
        room.file("shop/etc/os-release", OS_RELEASE);
        room.file("shop/var/lib/dpkg/status", &(stanza("sample-tls", "3.0.9-1") + &stanza("sample-zip", "1.2.13-1")));
        for (name, version) in [("sample-templates", "2.4.0"), ("sample-colours", "1.4.44")] {
            let package = format!("{{\"name\": \"{name}\", \"version\": \"{version}\"}}");
            room.file(&format!("shop/app/node_modules/{name}/package.json"), &package);
        }
        room
    }

    /// With the directory `clean`, about which the sample has nothing to say.
    pub(crate) fn with_clean() -> Room {
        let room = Room::new();
        room.file("clean/etc/os-release", OS_RELEASE);
        room.file("clean/var/lib/dpkg/status", &stanza("sample-tls", "3.0.11-1"));
        room
    }

    /// With the directory `broken`, whose package list has a stanza that cannot be read.
    pub(crate) fn with_broken() -> Room {
        let room = Room::new();
        room.file("broken/etc/os-release", OS_RELEASE);
        let broken = "Package: nameless-version\nStatus: install ok installed\nArchitecture: amd64\n\n";
        room.file("broken/var/lib/dpkg/status", &(stanza("sample-tls", "3.0.9-1") + broken));
        room
    }

    /// Writes a file.
    pub(crate) fn file(&self, path: &str, text: &str) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    pub(crate) fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path(path)).unwrap()
    }

    pub(crate) fn json(&self, path: &str) -> Value {
        serde_json::from_str(&self.read(path)).unwrap()
    }

    /// The program with these arguments; a single quote keeps words together.
    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_signet"));
        command
            .args(words(line))
            .env_clear()
            .env("HOME", self.path("home"))
            .env("SOURCE_DATE_EPOCH", NOW)
            // Tests ask nobody for newer trusted material, unless one is about just that.
            .env("SIGNET_NO_TRUST_REFRESH", "true")
            .current_dir(self.0.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs it to its end.
    pub(crate) fn run(&self, line: &str) -> Run {
        let output = self.command(line).output().unwrap();
        let tidy = |bytes: Vec<u8>| {
            let text = String::from_utf8(bytes).unwrap();
            text.replace(self.0.path().to_str().unwrap(), "[ROOM]")
        };
        Run {
            line: line.to_owned(),
            code: output.status.code().unwrap_or(-1),
            out: tidy(output.stdout),
            talk: tidy(output.stderr),
        }
    }

    /// Runs it and compares the exit code; each needle must stand in what was printed or said.
    #[track_caller]
    pub(crate) fn check(&self, line: &str, code: i32, needles: &[&str]) -> Run {
        let run = self.run(line);
        assert_eq!(run.code, code, "{run}");
        for needle in needles {
            assert!(run.out.contains(needle) || run.talk.contains(needle), "no `{needle}` in\n{run}");
        }
        run
    }

    pub(crate) fn folder(&self) -> &Path {
        self.0.path()
    }
}

/// What the program did.
pub(crate) struct Run {
    line: String,
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) talk: String,
}

impl Run {
    /// What a program that was run in another way printed.
    pub(crate) fn new(line: &str, code: i32, out: Vec<u8>, talk: Vec<u8>) -> Run {
        Run {
            line: line.to_owned(),
            code,
            out: String::from_utf8(out).unwrap(),
            talk: String::from_utf8(talk).unwrap(),
        }
    }

    /// Ids of the findings of a JSON report on standard output that are (not) suppressed.
    pub(crate) fn ids(&self, suppressed: bool) -> Vec<String> {
        let report: Value = serde_json::from_str(&self.out).unwrap_or_else(|err| panic!("{err} in\n{self}"));
        let findings = report["findings"].as_array().unwrap().iter();
        let mut ids: Vec<String> = findings
            .filter(|finding| finding.get("suppressed").is_some() == suppressed)
            .map(|finding| finding["id"].as_str().unwrap().to_owned())
            .collect();
        ids.sort();
        ids
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "$ signet {}\n[exit code {}]", self.line, self.code)?;
        for (name, text) in [("stdout", &self.out), ("stderr", &self.talk)] {
            if !text.is_empty() {
                writeln!(f, "--- {name}\n{}", text.trim_end())?;
            }
        }
        Ok(())
    }
}

/// A package of dpkg's list.
pub(crate) fn stanza(name: &str, version: &str) -> String {
    format!(
        "Package: {name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: {version}\nDescription: sample\n\n"
    )
}

fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (place, part) in line.split('\'').enumerate() {
        if place % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

/// Compares with a file of the repository; with `SIGNET_BLESS` set, writes it.
#[track_caller]
pub(crate) fn golden(path: &Path, text: &str) {
    if std::env::var_os("SIGNET_BLESS").is_some() {
        std::fs::write(path, text).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        kept == text,
        "`{}` is not current: run the tests with SIGNET_BLESS=1 and look at the difference\n{text}",
        path.display()
    );
}
