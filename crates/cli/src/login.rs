//! `signet login`.

use std::io::Read as _;

use anyhow::{Context as _, Result, ensure};
use signet_oci_client::{SavedTo, Secret};

use crate::args::LoginArgs;
use crate::exit::Exit;
use crate::net::{self, Access};
use crate::settings::Settings;

/// Longest password that is read; tokens of cloud registries have a few kilobytes.
const LONGEST: u64 = 64 << 10;

/// Tries the credential on the registry, and keeps it where docker does.
pub(crate) fn command(args: &LoginArgs, settings: &Settings) -> Result<Exit> {
    if !args.password_stdin {
        return Err(crate::usage(anyhow::anyhow!(
            "the password comes from standard input: `signet login {} --username USER --password-stdin < FILE`",
            args.registry
        )));
    }
    if args.username.is_none() {
        return Err(crate::usage(anyhow::anyhow!("`--username` is missing")));
    }
    let mut password = String::new();
    std::io::stdin()
        .lock()
        .take(LONGEST)
        .read_to_string(&mut password)
        .context("cannot read the password from standard input")?;
    let password = password.trim_end_matches(['\n', '\r']);
    with_password(args, password, settings)
}

/// The same with a password that is at hand (a foreign command line's `--password`).
pub(crate) fn with_password(args: &LoginArgs, password: &str, settings: &Settings) -> Result<Exit> {
    let Some(username) = &args.username else {
        return Err(crate::usage(anyhow::anyhow!("`--username` is missing")));
    };
    ensure!(!password.is_empty(), "the password is empty");
    let access =
        Access { plain_http: args.plain_http.clone(), ca_cert: args.ca_cert.clone(), insecure: false, login: None };
    let saved = net::client(&access, settings)?.login(&args.registry, username, &Secret::new(password))?;
    settings.say(format!("logged in to {}; the credential is kept in {}", args.registry, place(&saved)));
    Ok(Exit::Well)
}

fn place(saved: &SavedTo) -> String {
    match saved {
        SavedTo::File(path) => format!("`{}`", path.display()),
        SavedTo::Helper(name) => format!("the credential helper `{name}`"),
    }
}
