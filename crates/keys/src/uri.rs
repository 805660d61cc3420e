//! One door to every key: its URI says where it lives.
//!
//! | URI | where the key lives |
//! |---|---|
//! | `PATH` | an encrypted file (a PEM without encryption is read too) |
//! | `env://VARIABLE` | the same in a variable |
//! | `k8s://NAMESPACE/SECRET` | the same in a Kubernetes secret |
//! | `gitlab://OWNER/PROJECT` | the same in the variables of a GitLab project |
//! | `pkcs11:...` | a token or HSM |
//! | `awskms://`, `gcpkms://`, `azurekms://`, `hashivault://` | a key management service |

use std::path::Path;

use signet_trust::{PublicKey, Signer};

use crate::context::{Asking, Context};
use crate::error::{Error, printable};
use crate::k8s::StoredKey;
use crate::kms::{aws, azure, gcp, vault};
use crate::remote::public_from_pem;
use crate::secret::SecretBytes;
use crate::software::{KeyType, PrivateKey};
use crate::{file, gitlab, k8s, pkcs11};

/// Where a key lives, without having looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place<'u> {
    /// A file.
    File(&'u Path),
    /// A variable of the environment.
    Variable(&'u str),
    /// `k8s://`: what follows.
    Kubernetes(&'u str),
    /// `gitlab://`: what follows.
    GitLab(&'u str),
    /// The whole `pkcs11:` URI.
    Token(&'u str),
    /// `awskms://`: what follows.
    Aws(&'u str),
    /// `gcpkms://`: what follows.
    Gcp(&'u str),
    /// `azurekms://`: what follows.
    Azure(&'u str),
    /// `hashivault://`: what follows.
    Vault(&'u str),
}

impl<'u> Place<'u> {
    /// Reads a URI; what has no scheme is a path.
    ///
    /// # Errors
    /// For a scheme that is not known, or known and not done.
    pub fn parse(uri: &'u str) -> Result<Place<'u>, Error> {
        if uri.starts_with("pkcs11:") {
            return Ok(Place::Token(uri));
        }
        let Some((scheme, rest)) = uri.split_once("://") else { return Ok(Place::File(Path::new(uri))) };
        let no = |what: &str, hint: &str| Err(Error::new(format!("use the key `{}`", printable(uri)), what).hint(hint));
        match scheme {
            "env" => Ok(Place::Variable(rest)),
            "k8s" => Ok(Place::Kubernetes(rest)),
            "gitlab" => Ok(Place::GitLab(rest)),
            "awskms" => Ok(Place::Aws(rest)),
            "gcpkms" => Ok(Place::Gcp(rest)),
            "azurekms" => Ok(Place::Azure(rest)),
            "hashivault" => Ok(Place::Vault(rest)),
            "file" => Ok(Place::File(Path::new(rest))),
            "github" => no(
                "GitHub never gives the value of a secret out, and writing one is not in this version",
                "make the key as a file, store it with `gh secret set COSIGN_PRIVATE_KEY < cosign.key`, and sign with `env://COSIGN_PRIVATE_KEY`",
            ),
            "http" | "https" => no(
                "a private key is not fetched from the web",
                "download the public key yourself, compare it, and name the file",
            ),
            _ => no(
                "this scheme is not known",
                "known are env://, k8s://, gitlab://, pkcs11:, awskms://, gcpkms://, azurekms://, hashivault:// and paths",
            ),
        }
    }

    /// Whether the private key never leaves where it lives.
    pub fn keeps_the_key(self) -> bool {
        matches!(self, Place::Token(_) | Place::Aws(_) | Place::Gcp(_) | Place::Azure(_) | Place::Vault(_))
    }
}

/// Opens a key for signing.
///
/// # Errors
/// When it is not there, its password is wrong, or whoever keeps it refuses.
pub async fn open(uri: &str, context: &Context) -> Result<Box<dyn Signer>, Error> {
    Ok(match Place::parse(uri)? {
        Place::File(path) => {
            let content = file::read(path, "the private key")?;
            Box::new(of_pem(&content, &path.display().to_string(), context)?)
        }
        Place::Variable(name) => Box::new(of_pem(&variable(name, context)?, uri, context)?),
        Place::Kubernetes(rest) => Box::new(of_store(k8s::read(rest, context).await?, uri, "cosign.key", context)?),
        Place::GitLab(rest) => {
            Box::new(of_store(gitlab::read(rest, true, context).await?, uri, "COSIGN_PRIVATE_KEY", context)?)
        }
        Place::Token(uri) => Box::new(pkcs11::open(uri, context)?),
        Place::Aws(rest) => Box::new(aws::open(rest, context).await?),
        Place::Gcp(rest) => Box::new(gcp::open(rest, context).await?),
        Place::Azure(rest) => Box::new(azure::open(rest, context).await?),
        Place::Vault(rest) => Box::new(vault::open(rest, context).await?),
    })
}

/// The public half of a key. A file or variable may also hold the public key itself; the password is asked only where nothing else tells it.
///
/// # Errors
/// As [`open`].
pub async fn public_key(uri: &str, context: &Context) -> Result<PublicKey, Error> {
    let doing = format!("read the public key of `{}`", shown(uri));
    let stored = match Place::parse(uri)? {
        Place::File(path) => return of_either(&file::read(path, "the key")?, &path.display().to_string(), context),
        Place::Variable(name) => return of_either(&variable(name, context)?, uri, context),
        Place::Kubernetes(rest) => k8s::read(rest, context).await?,
        Place::GitLab(rest) => gitlab::read(rest, false, context).await?,
        _ => return Ok(open(uri, context).await?.public_key().clone()),
    };
    match &stored.public {
        Some(pem) => public_from_pem(pem, &doing),
        None if stored.private.is_some() => Ok(of_store(stored, uri, "cosign.key", context)?.public_key().clone()),
        None => Err(Error::new(doing, "there is none in it")
            .hint("it should have the field `cosign.pub` or `COSIGN_PUBLIC_KEY`")),
    }
}

/// Makes a key where it will live and never leave: in a token or a service. Gives its public half.
///
/// # Errors
/// When there is one of that name, or whoever is to keep it refuses; and for places that hold files ([`store`] is for those).
pub async fn create(uri: &str, kind: KeyType, context: &Context) -> Result<PublicKey, Error> {
    match Place::parse(uri)? {
        Place::Token(uri) => pkcs11::create(uri, kind, context)?,
        Place::Aws(rest) => aws::create(rest, kind, context).await?,
        Place::Gcp(rest) => gcp::create(rest, kind, context).await?,
        Place::Azure(rest) => azure::create(rest, kind, context).await?,
        Place::Vault(rest) => vault::create(rest, kind, context).await?,
        _ => {
            return Err(Error::new(
                format!("make a key in `{}`", shown(uri)),
                "this place keeps files and makes no keys",
            ));
        }
    }
    public_key(uri, context).await
}

/// Puts a key pair with its password into a store of secrets.
///
/// # Errors
/// When there is one already, or the store refuses; for any place that is no such store.
pub async fn store(uri: &str, key: &PrivateKey, password: &SecretBytes, context: &Context) -> Result<(), Error> {
    let (private, public) = (key.seal(password)?, key.public_key().to_pem());
    match Place::parse(uri)? {
        Place::Kubernetes(rest) => k8s::create(rest, &private, &public, password, context).await,
        Place::GitLab(rest) => gitlab::create(rest, &private, &public, password, context).await,
        _ => Err(Error::new(format!("store a key in `{}`", shown(uri)), "this place takes no key pairs")),
    }
}

/// A URI for messages, without its query: that of `pkcs11:` may hold a PIN.
fn shown(uri: &str) -> String {
    printable(uri.split('?').next().unwrap_or_default())
}

fn variable(name: &str, context: &Context) -> Result<SecretBytes, Error> {
    let value = context
        .variable(name)
        .ok_or_else(|| Error::new(format!("read the key `env://{}`", printable(name)), "the variable is not set"))?;
    Ok(SecretBytes::new(value))
}

fn of_pem(content: &SecretBytes, name: &str, context: &Context) -> Result<PrivateKey, Error> {
    PrivateKey::from_pem(content.reveal(), name, || context.ask_password(Asking::Open))
}

fn of_either(content: &SecretBytes, name: &str, context: &Context) -> Result<PublicKey, Error> {
    if let Some(text) = content.reveal_text()
        && (text.contains("-----BEGIN PUBLIC KEY-----") || text.contains("-----BEGIN RSA PUBLIC KEY-----"))
    {
        return public_from_pem(text, &format!("read the public key `{name}`"));
    }
    Ok(of_pem(content, name, context)?.public_key().clone())
}

fn of_store(stored: StoredKey, name: &str, field: &str, context: &Context) -> Result<PrivateKey, Error> {
    let private = stored
        .private
        .ok_or_else(|| Error::new(format!("open the key `{name}`"), format!("there is no `{field}` in it")))?;
    PrivateKey::from_pem(private.reveal(), name, || match stored.password {
        Some(password) => Ok(password),
        None => context.ask_password(Asking::Open),
    })
}
