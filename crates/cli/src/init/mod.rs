//! `signet init`: a first TrustPolicy in audit, and a pipeline that asks it, out of what a repository says of itself.
//!
//! ```text
//!   directory ─▶ images in manifests and Dockerfiles, origin of Git, CI that is there ─▶ policy (audit), pipeline
//! ```
//!
//! Nothing is asked of a network, nothing that is there is changed. What is written passes everything until somebody writes `mode: enforce`.

mod text;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, ensure};
use clap::Args;
use signet_policy::trust_policy::TrustPolicy;

use crate::exit::Exit;
use crate::files::{self, Below};
use crate::output;
use crate::pin::named_images;
use crate::settings::Settings;

/// The policy that is written.
const POLICY: &str = "signet-policy.yaml";

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  signet init\n  signet init --dry-run\n  signet gate registry.example.com/app:1 --policy signet-policy.yaml\n\nExit codes: 0 written, 1 a file is there already (`--force` replaces it)"
)]
pub(crate) struct InitArgs {
    /// The repository.
    #[arg(value_name = "DIR", default_value = ".")]
    pub(crate) folder: PathBuf,
    /// Show what would be written.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Replace files that are there.
    #[arg(long)]
    pub(crate) force: bool,
}

/// What a repository says of itself.
#[derive(Debug, Default)]
struct Found {
    /// Repositories of images that manifests run: `ghcr.io/my-org/app`.
    runs: BTreeSet<String>,
    /// Bases that Dockerfiles stand on.
    bases: BTreeSet<String>,
    /// Where it is kept.
    origin: Option<Origin>,
    dockerfiles: usize,
    github: bool,
    gitlab: bool,
}

/// Where a repository is kept: `github.com`, `my-org/app`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Origin {
    host: String,
    path: String,
}

pub(crate) fn command(args: &InitArgs, settings: &Settings) -> Result<Exit> {
    let found = look(&args.folder, settings)?;
    let policy = text::policy(&found);
    // What is written must be what is read: a name that breaks the document is an error here, and not at the gate.
    TrustPolicy::parse(&policy).map_err(|errors| {
        let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
        anyhow!("the policy that would be written cannot be read: {}", lines.join("; "))
    })?;
    let mut written = vec![(PathBuf::from(POLICY), policy)];
    if found.github || found.origin.as_ref().is_some_and(|origin| origin.host == "github.com") {
        written.push((PathBuf::from(".github/workflows/signet.yml"), text::github()));
    }
    if found.gitlab {
        written.push((PathBuf::from(".gitlab/signet.gitlab-ci.yml"), text::gitlab()));
    }
    if args.dry_run {
        let mut all = String::new();
        for (name, text) in &written {
            all.push_str(&format!("# {}\n{text}\n", name.display()));
        }
        output::to_stdout(all.as_bytes())?;
        return Ok(Exit::Well);
    }
    for (name, _) in &written {
        let place = args.folder.join(name);
        ensure!(
            args.force || std::fs::symlink_metadata(&place).is_err(),
            "`{}` is there already: `--force` replaces it, `--dry-run` shows what would be written",
            place.display()
        );
    }
    for (name, text) in &written {
        let place = args.folder.join(name);
        if let Some(folder) = place.parent() {
            std::fs::create_dir_all(folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
        }
        output::replace(&place, text.as_bytes()).with_context(|| format!("cannot write `{}`", place.display()))?;
        settings.say(format!("wrote {}", place.display()));
    }
    settings.say(format!(
        "{POLICY} is in audit: it refuses nothing yet; `signet gate IMAGE --policy {POLICY}` says what it would refuse"
    ));
    Ok(Exit::Well)
}

fn look(folder: &Path, settings: &Settings) -> Result<Found> {
    let mut below = Below::default();
    below.add(folder, &|path| crate::pin::names_images(path))?;
    let mut found = Found::default();
    for path in &below.files {
        let Ok(text) = files::text(path) else {
            settings.warn(format!("not read: `{}`", path.display()));
            continue;
        };
        let dockerfile = crate::pin::is_dockerfile(path);
        found.dockerfiles += usize::from(dockerfile);
        let images = named_images(path, &text).into_iter().map(|image| image.name());
        if dockerfile { found.bases.extend(images) } else { found.runs.extend(images) }
    }
    for (path, why) in &below.unread {
        settings.warn(format!("not read: `{}`: {why}", path.display()));
    }
    found.github = folder.join(".github/workflows").is_dir();
    found.gitlab = folder.join(".gitlab-ci.yml").is_file();
    found.origin = files::text(&folder.join(".git/config")).ok().as_deref().and_then(origin);
    Ok(found)
}

/// The remote `origin` of a Git configuration.
fn origin(config: &str) -> Option<Origin> {
    let (_, section) = config.split_once("[remote \"origin\"]")?;
    let section = section.split("\n[").next().unwrap_or_default();
    let url = section.lines().find_map(|line| line.trim().strip_prefix("url")?.trim_start().strip_prefix('='))?.trim();
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    // `user@host:path`, and `host/path` behind a scheme; what stands before `@` may be a secret.
    let rest = match rest.split_once('@') {
        Some((user, rest)) if !user.contains('/') => rest,
        _ => rest,
    };
    let (host, path) = rest.split_once([':', '/'])?;
    // A port between host and path.
    let path = match path.split_once('/') {
        Some((port, rest)) if url.contains("://") && port.bytes().all(|byte| byte.is_ascii_digit()) => rest,
        _ => path,
    };
    let path = path.trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    let plain = |text: &str, more: &[char]| {
        !text.is_empty() && text.chars().all(|letter| letter.is_ascii_alphanumeric() || more.contains(&letter))
    };
    (plain(host, &['.', '-']) && plain(path, &['.', '-', '_', '/']) && path.contains('/'))
        .then(|| Origin { host: host.to_owned(), path: path.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_origin_of_a_repository() {
        let of = |url: &str| {
            let config = format!(
                "[core]\n\tbare = false\n[remote \"origin\"]\n\turl = {url}\n\tfetch = x\n[branch \"main\"]\n\turl = no\n"
            );
            origin(&config).map(|origin| format!("{} {}", origin.host, origin.path))
        };
        for url in [
            "https://github.com/my-org/app.git",
            "https://user:secret@github.com/my-org/app",
            "git@github.com:my-org/app.git",
            "ssh://git@github.com:22/my-org/app.git",
        ] {
            assert_eq!(of(url).as_deref(), Some("github.com my-org/app"), "{url}");
        }
        assert_eq!(of("https://gitlab.example.com/a/b/c").as_deref(), Some("gitlab.example.com a/b/c"));
        for url in ["/srv/git/app", "", "https://github.com/", "https://github.com/a b/c", "git@host:x"] {
            assert_eq!(of(url), None, "{url}");
        }
        assert_eq!(origin("[core]\n"), None);
    }
}
