//! `cosign generate-key-pair`, `import-key-pair`, `public-key`.

use std::path::Path;

use anyhow::{Result, bail};
use signet_keys::{Existing, GitView, KeyType, Place, PrivateKey, git_view, write_private, write_public};

use super::args::{GenerateArgs, ImportArgs, PublicArgs};
use crate::consent::{CONTINUE, confirmed};
use crate::key::args::KeyAccess;
use crate::key::{Keyring, read_private};
use crate::output;
use crate::settings::Settings;

/// Where the public key of a stored or remote pair goes.
const PUBLIC: &str = "cosign.pub";

pub(super) fn generate(args: &GenerateArgs, settings: &Settings) -> Result<u8> {
    let Some(kind) = KeyType::named(&args.signing_algorithm) else {
        bail!("error parsing signing algorithm: unknown signing algorithm: {}", args.signing_algorithm);
    };
    let keyring = Keyring::new(&KeyAccess::default(), settings)?;
    if let Some(uri) = &args.kms {
        if !Place::parse(uri)?.keeps_the_key() {
            bail!("`--kms {uri}` names no key management service: awskms://, gcpkms://, azurekms://, hashivault://");
        }
        let made = keyring.wait(signet_keys::create(uri, kind, &keyring.context))?;
        write_public(Path::new(PUBLIC), made.to_pem().as_bytes(), Existing::Replace)?;
        say("Public key written to cosign.pub");
        return Ok(0);
    }
    let key = PrivateKey::generate(kind)?;
    if let Some(uri) = &args.target {
        let Some((scheme, rest)) = uri.split_once("://") else {
            bail!("could not parse scheme, use <scheme>://<ref> format");
        };
        if !matches!(Place::parse(uri)?, Place::Kubernetes(_) | Place::GitLab(_)) {
            bail!("undefined provider: {scheme}");
        }
        let password = keyring.new_password()?;
        keyring.wait(signet_keys::store(uri, &key, &password, &keyring.context))?;
        match rest.split_once('/') {
            Some((namespace, name)) if scheme == "k8s" => {
                say(&format!("Successfully created secret {name} in namespace {namespace}"));
                write_public(Path::new(PUBLIC), key.public_key().to_pem().as_bytes(), Existing::Replace)?;
                say("Public key written to cosign.pub");
            }
            _ => {
                for (what, name) in [
                    ("Password", "COSIGN_PASSWORD"),
                    ("Private key", "COSIGN_PRIVATE_KEY"),
                    ("Public key", "COSIGN_PUBLIC_KEY"),
                ] {
                    say(&format!("{what} written to \"{name}\" variable"));
                }
                write_public(Path::new(PUBLIC), key.public_key().to_pem().as_bytes(), Existing::Replace)?;
                say("Public key also written to cosign.pub");
            }
        }
        return Ok(0);
    }
    write(&key, &args.output_key_prefix, args.yes, &keyring, settings)
}

pub(super) fn import(args: &ImportArgs, settings: &Settings) -> Result<u8> {
    let keyring = Keyring::new(&KeyAccess::default(), settings)?;
    let key = read_private(&args.key, &keyring)?;
    write(&key, &args.output_key_prefix, args.yes, &keyring, settings)
}

pub(super) fn public(args: &PublicArgs, settings: &Settings) -> Result<u8> {
    if args.sk || args.slot.is_some() {
        bail!(
            "`--sk` is not in this version: name the security key by a `pkcs11:` URI, its module is OpenSC's or ykcs11's"
        );
    }
    let keyring = Keyring::new(&KeyAccess::default(), settings)?;
    let uri = args.key.as_deref().unwrap_or_default();
    let pem = keyring.wait(signet_keys::public_key(uri, &keyring.context))?.to_pem();
    match &args.outfile {
        Some(path) => {
            write_public(path, pem.as_bytes(), Existing::Replace)?;
            say(&format!("Public key written to {}", path.display()));
        }
        None => output::to_stdout(pem.as_bytes())?,
    }
    Ok(0)
}

/// `PREFIX.key` and `PREFIX.pub`.
fn write(key: &PrivateKey, prefix: &str, yes: bool, keyring: &Keyring, settings: &Settings) -> Result<u8> {
    let (private, public) = (format!("{prefix}.key"), format!("{prefix}.pub"));
    let password = keyring.new_password()?;
    if Path::new(&private).is_file() {
        say(&format!("WARNING: File {private} already exists. Overwrite?"));
        if !yes && !confirmed(CONTINUE)? {
            bail!("user declined the prompt");
        }
    }
    // Cosign writes it all the same, and so do we under its name; `signet key generate` refuses.
    if let GitView::WouldTake(why) = git_view(Path::new(&private)) {
        settings.warn(format!("`{private}` may be committed by accident: {why}"));
    }
    write_private(Path::new(&private), key.seal(&password)?.as_bytes(), Existing::Replace)?;
    say(&format!("Private key written to {private}"));
    write_public(Path::new(&public), key.public_key().to_pem().as_bytes(), Existing::Replace)?;
    say(&format!("Public key written to {public}"));
    Ok(0)
}

#[allow(clippy::print_stderr, reason = "Cosign's messages, which are not silenced by `--quiet`")]
fn say(text: &str) {
    eprintln!("{text}");
}
