//! The tools that other programs' authors made, started as their users start them: package managers, image builders and a registry.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Whether the tools are there. Tells why not; fails when they are required.
pub(crate) fn peers(test: &str, tools: &[&str]) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut absent: Vec<String> = tools
        .iter()
        .filter(|tool| !std::env::split_paths(&path).any(|folder| folder.join(tool).is_file()))
        .map(|tool| (*tool).to_owned())
        .collect();
    if run(Command::new("id").arg("-u")).trim() != "0" {
        absent.push("root's rights".to_owned());
    }
    absent.is_empty() || unavailable(test, &format!("absent: {}", absent.join(", ")))
}

/// Tells that a test cannot run here; fails when it must.
pub(crate) fn unavailable(test: &str, why: &str) -> bool {
    assert!(std::env::var("SIGNET_REQUIRE_PEERS").as_deref() != Ok("1"), "`{test}` is required: {why}");
    eprintln!("skipped: `{test}`: {why}");
    false
}

/// Standard output of a command that must succeed.
#[track_caller]
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|err| panic!("cannot run {command:?}: {err}"));
    assert!(output.status.success(), "{command:?}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[track_caller]
pub(crate) fn tool(name: &str, args: &[&str]) -> String {
    run(Command::new(name).args(args))
}

/// Debian's essential packages as a tar archive, made once.
pub(crate) fn debian() -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let kept = folder.join("truth-debian.tar");
    if kept.is_file() {
        return Ok(kept);
    }
    let part = tempfile::Builder::new().suffix(".tar").tempfile_in(folder).map_err(|err| err.to_string())?;
    let output = Command::new("mmdebstrap")
        .args(["--quiet", "--variant=essential", "--format=tar", "bookworm"])
        .arg(part.path())
        .output()
        .map_err(|err| err.to_string())?;
    if !output.status.success() {
        return Err(format!("mmdebstrap: {}", String::from_utf8_lossy(&output.stderr)));
    }
    part.persist(&kept).map_err(|err| err.to_string())?;
    Ok(kept)
}

/// A real registry on a port of this machine, ended with the test.
pub(crate) struct Registry {
    child: Child,
    pub(crate) host: String,
    _storage: tempfile::TempDir,
}

impl Registry {
    pub(crate) fn start() -> Registry {
        let storage = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = storage.path().join("config.yml");
        let data = storage.path().join("data");
        std::fs::write(
            &config,
            format!(
                "version: 0.1\nlog:\n  level: info\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: 127.0.0.1:{port}\n",
                data.display()
            ),
        )
        .unwrap();
        let mut child = Command::new("docker-registry")
            .arg("serve")
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // It says when it listens; its later words are read so that it never waits for a reader.
        let mut words = BufReader::new(child.stderr.take().unwrap()).lines();
        let began = Instant::now();
        while let Some(Ok(line)) = words.next() {
            if line.contains("listening on") {
                break;
            }
            assert!(began.elapsed() < Duration::from_secs(60), "the registry does not listen: {line}");
        }
        std::thread::spawn(move || words.for_each(drop));
        Registry { child, host: format!("127.0.0.1:{port}"), _storage: storage }
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
