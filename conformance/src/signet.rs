//! The real binary, as a user runs it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use anyhow::{Context as _, Result, ensure};

/// The program, built with the profile that this runner was built with.
pub(crate) fn program() -> Result<&'static Path> {
    static PROGRAM: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    match PROGRAM.get_or_init(|| build().map_err(|err| format!("{err:#}"))) {
        Ok(path) => Ok(path),
        Err(why) => anyhow::bail!("{why}"),
    }
}

/// Builds `signet` beside this runner, so that no stale program is judged.
fn build() -> Result<PathBuf> {
    let me = std::env::current_exe().context("cannot tell where this program lies")?;
    let folder = me.parent().context("a program lies in a folder")?;
    if let Some(cargo) = std::env::var_os("CARGO") {
        let profile = match folder.file_name().and_then(|name| name.to_str()) {
            Some("debug") | None => "dev",
            Some(other) => other,
        };
        let status = Command::new(cargo)
            .args(["build", "--quiet", "--profile", profile, "-p", "signet-cli"])
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")))
            .status()
            .context("cannot start cargo")?;
        ensure!(status.success(), "signet does not build");
    }
    let program = folder.join("signet");
    ensure!(program.is_file(), "there is no `{}`: build signet-cli with the same profile", program.display());
    Ok(program)
}

/// Runs `signet` in a clean environment with a home of its own, without the network.
pub(crate) fn run<S: AsRef<std::ffi::OsStr>>(arguments: &[S], folder: &Path, home: &Path) -> Result<Output> {
    run_at(None, arguments, folder, home)
}

/// Like [`run`], with the network and these variables around it.
pub(crate) fn run_around<S: AsRef<std::ffi::OsStr>>(
    around: &[(&str, String)],
    arguments: &[S],
    folder: &Path,
    home: &Path,
) -> Result<Output> {
    let mut command = Command::new(program()?);
    command.args(arguments).current_dir(folder).env_clear();
    command.envs(around.iter().map(|(name, value)| (*name, value.as_str())));
    command.env("HOME", home).env("XDG_CACHE_HOME", home.join("cache")).env("NO_COLOR", "1");
    command.output().context("cannot start signet")
}

/// Like [`run`], at a time of its own (seconds since 1970).
pub(crate) fn run_at<S: AsRef<std::ffi::OsStr>>(
    time: Option<i64>,
    arguments: &[S],
    folder: &Path,
    home: &Path,
) -> Result<Output> {
    let mut command = Command::new(program()?);
    command
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home)
        .env("XDG_CACHE_HOME", home.join("cache"))
        .env("SIGNET_OFFLINE", "true")
        .env("NO_COLOR", "1");
    if let Some(time) = time {
        command.env("SOURCE_DATE_EPOCH", time.to_string());
    }
    command.output().context("cannot start signet")
}
