//! `signet key`: signing keys, where they live. `signet cosign` has the same under Cosign's names.

pub(crate) mod args;
mod password;

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use signet_keys::{
    Asking, Context, Existing, GitView, KeyType, Place, PrivateKey, git_view, write_private, write_public,
};
use signet_oci_client::BlockingClient;

use self::args::{GenerateArgs, ImportArgs, KeyAccess, KeyCommand, PublicArgs};
use crate::exit::Exit;
use crate::net::{self, Access};
use crate::output;
use crate::settings::{self, Settings};

/// Longest file that is imported.
const LONGEST: u64 = 64 << 10;

/// Runs a subcommand.
pub(crate) fn command(command: &KeyCommand, settings: &Settings) -> Result<Exit> {
    match command {
        KeyCommand::Generate(args) => generate(args, settings),
        KeyCommand::Import(args) => import(args, settings),
        KeyCommand::Public(args) => public(args, settings),
    }
}

/// The keys' surroundings, with the runtime to wait on.
pub(crate) struct Keyring {
    pub(crate) context: Context,
    client: BlockingClient,
}

impl Keyring {
    pub(crate) fn new(access: &KeyAccess, settings: &Settings) -> Result<Keyring> {
        let reach = Access {
            plain_http: access.plain_http.clone(),
            ca_cert: access.ca_cert.clone(),
            insecure: false,
            login: None,
        };
        let client = net::client(&reach, settings)?;
        let file = access.password_file.clone();
        let context = Context::new(
            client.client().clone(),
            |name| std::env::var(name).ok(),
            move |asking| password::get(asking, file.as_deref()),
            settings::now,
        );
        Ok(Keyring { context, client })
    }

    pub(crate) fn wait<F: Future>(&self, future: F) -> F::Output {
        self.client.wait(future)
    }

    /// A password for a new key.
    pub(crate) fn new_password(&self) -> Result<signet_keys::SecretBytes> {
        Ok(self.context.ask_password(Asking::New)?)
    }
}

fn generate(args: &GenerateArgs, settings: &Settings) -> Result<Exit> {
    let kind = KeyType::named(&args.algorithm).ok_or_else(|| {
        let names: Vec<&str> = KeyType::NAMES.iter().map(|(_, own, _)| *own).collect();
        crate::usage(anyhow::anyhow!("`--algorithm {}` is not known: {}", args.algorithm, names.join(", ")))
    })?;
    let keyring = Keyring::new(&args.access, settings)?;
    if Place::parse(&args.target)?.keeps_the_key() {
        let made = keyring.wait(signet_keys::create(&args.target, kind, &keyring.context))?;
        output::to_stdout(made.to_pem().as_bytes())?;
        return Ok(Exit::Well);
    }
    // Before a password is asked for.
    let files = files(&args.target, args.dangerously_in_git)?;
    let password_file = args.access.password_file.as_deref();
    keep(&PrivateKey::generate(kind)?, &args.target, files, password_file, &keyring, settings)
}

fn import(args: &ImportArgs, settings: &Settings) -> Result<Exit> {
    let keyring = Keyring::new(&args.access, settings)?;
    let files = files(&args.target, args.dangerously_in_git)?;
    let password_file = args.access.password_file.as_deref();
    keep(&read_private(&args.file, &keyring)?, &args.target, files, password_file, &keyring, settings)
}

/// A private key in any form that is imported.
pub(crate) fn read_private(path: &Path, keyring: &Keyring) -> Result<PrivateKey> {
    let mut bytes = Vec::with_capacity(8 << 10);
    std::fs::File::open(path)
        .and_then(|file| file.take(LONGEST).read_to_end(&mut bytes))
        .with_context(|| format!("cannot read the private key `{}`", path.display()))?;
    let bytes = signet_keys::SecretBytes::new(bytes);
    let name = path.display().to_string();
    Ok(PrivateKey::from_pem(bytes.reveal(), &name, || keyring.context.ask_password(Asking::Open))?)
}

/// `NAME.key` and `NAME.pub`, if Git leaves the first alone; `None` for a store of secrets.
fn files(target: &str, in_git: bool) -> Result<Option<(PathBuf, PathBuf)>> {
    let Place::File(_) = Place::parse(target)? else { return Ok(None) };
    let (private, public) = (PathBuf::from(format!("{target}.key")), PathBuf::from(format!("{target}.pub")));
    if let GitView::WouldTake(why) = git_view(&private)
        && !in_git
    {
        let err = anyhow::anyhow!("a private key is not written to `{}`: {why}", private.display());
        return Err(crate::hint(err, "choose a place outside, or add `*.key` to `.gitignore` first"));
    }
    Ok(Some((private, public)))
}

fn keep(
    key: &PrivateKey,
    target: &str,
    files: Option<(PathBuf, PathBuf)>,
    password_file: Option<&Path>,
    keyring: &Keyring,
    settings: &Settings,
) -> Result<Exit> {
    if let Some((private, public)) = &files {
        for path in [private, public] {
            if std::fs::symlink_metadata(path).is_ok() {
                let err = anyhow::anyhow!("`{}` is there already", path.display());
                return Err(crate::hint(err, "choose another name; a key that is overwritten is lost"));
            }
        }
    }
    let password = keyring.new_password()?;
    if password.reveal().is_empty() {
        if !password::may_be_empty(password_file) {
            return Err(crate::hint(
                anyhow::anyhow!("there is no password for the key, and nobody who could be asked"),
                "set SIGNET_KEY_PASSWORD (to nothing, for a key without one), give `--password-file FILE`, or pipe it in",
            ));
        }
        settings.warn("the key has an empty password: whoever can read it can sign with it");
    }
    match files {
        Some((private, public)) => {
            write_private(&private, key.seal(&password)?.as_bytes(), Existing::Keep)?;
            settings.say(format!("private key written to `{}`", private.display()));
            write_public(&public, key.public_key().to_pem().as_bytes(), Existing::Keep)?;
            settings.say(format!("public key written to `{}`", public.display()));
        }
        None => {
            keyring.wait(signet_keys::store(target, key, &password, &keyring.context))?;
            settings.say(format!("key pair stored in `{target}`"));
            output::to_stdout(key.public_key().to_pem().as_bytes())?;
        }
    }
    Ok(Exit::Well)
}

fn public(args: &PublicArgs, settings: &Settings) -> Result<Exit> {
    let keyring = Keyring::new(&args.access, settings)?;
    let pem = keyring.wait(signet_keys::public_key(&args.key, &keyring.context))?.to_pem();
    match &args.output {
        Some(path) => write_public(path, pem.as_bytes(), Existing::Replace)?,
        None => output::to_stdout(pem.as_bytes())?,
    }
    Ok(Exit::Well)
}
