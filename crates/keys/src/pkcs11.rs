//! Keys in a token or HSM: `pkcs11:token=T;object=K?module-path=/usr/lib/M.so&pin-source=file:/run/pin` (RFC 7512).
//!
//! Settings: `COSIGN_PKCS11_MODULE_PATH` and `COSIGN_PKCS11_PIN` stand for `module-path` and `pin-value` where the URI has none.
//! The module is code of someone else that runs in this process: only a path that the user named is loaded, and nothing is searched for.
//! Source: OASIS PKCS#11 2.40 and 3.1.

mod uri;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error as TokenError, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::object::{Attribute, AttributeType, KeyType as TokenKeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;
use parking_lot::Mutex;
use signet_trust::{Algorithm, PublicKey};

use self::uri::Uri;
use crate::context::Context;
use crate::der;
use crate::error::{Error, printable};
use crate::file;
use crate::remote::{Keeper, Kept, Pending, hashed, public_from_der};
use crate::secret::SecretBytes;
use crate::software::KeyType;

pub use self::uri::check as check_uri;

pub(crate) struct Token {
    session: Mutex<Session>,
    private: ObjectHandle,
    name: String,
}

/// The key behind `pkcs11:...`.
pub(crate) fn open(text: &str, context: &Context) -> Result<Kept<Token>, Error> {
    let uri = Uri::parse(text).map_err(|what| Error::new("use a key of a PKCS#11 token", what))?;
    let name = uri.name();
    let doing = format!("open key {name} of a PKCS#11 token");
    let session = log_in(&uri, context, &doing, false)?;
    let private = one(&session, &uri, ObjectClass::PRIVATE_KEY, &doing)?;
    let public = match one(&session, &uri, ObjectClass::PUBLIC_KEY, &doing) {
        Ok(public) => public,
        // An EC private key rarely tells its point, an RSA one its modulus always.
        Err(_) => private,
    };
    let spki = spki(&session, public, &doing)?;
    let public = public_from_der(&spki, &doing)?;
    Ok(Kept::new(public, Token { session: Mutex::new(session), private, name }))
}

/// Makes a key pair in the token, which never gives the private half out.
pub(crate) fn create(text: &str, kind: KeyType, context: &Context) -> Result<(), Error> {
    let uri = Uri::parse(text).map_err(|what| Error::new("make a key in a PKCS#11 token", what))?;
    let name = uri.name();
    let doing = format!("make key {name} in a PKCS#11 token");
    let Some(label) = uri.object.clone() else {
        return Err(Error::new(doing, "the URI names no key").hint("add `object=NAME`"));
    };
    let session = log_in(&uri, context, &doing, true)?;
    if !find(&session, &uri, ObjectClass::PRIVATE_KEY, &doing)?.is_empty() {
        return Err(Error::new(doing, "there is a key of that name already").hint("choose another `object=NAME`"));
    }
    let id = uri.id.clone().unwrap_or_else(|| label.clone().into_bytes());
    let mut public = vec![
        Attribute::Token(true),
        Attribute::Private(false),
        Attribute::Verify(true),
        Attribute::Label(label.clone().into_bytes()),
        Attribute::Id(id.clone()),
    ];
    let private = vec![
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Sign(true),
        Attribute::Label(label.into_bytes()),
        Attribute::Id(id),
    ];
    let mechanism = match kind {
        KeyType::EcdsaP256 => ec(der::P256, &mut public),
        KeyType::EcdsaP384 => ec(der::P384, &mut public),
        KeyType::EcdsaP521 => ec(der::P521, &mut public),
        KeyType::Ed25519 => {
            public.push(Attribute::EcParams(der::oid(der::ED25519)));
            Mechanism::EccEdwardsKeyPairGen
        }
        KeyType::Rsa2048 => rsa(2048, &mut public),
        KeyType::Rsa3072 => rsa(3072, &mut public),
        KeyType::Rsa4096 => rsa(4096, &mut public),
    };
    session.generate_key_pair(&mechanism, &public, &private).map(|_| ()).map_err(|err| told(&doing, &err))
}

fn ec(curve: &[u8], public: &mut Vec<Attribute>) -> Mechanism<'static> {
    public.push(Attribute::EcParams(der::oid(curve)));
    Mechanism::EccKeyPairGen
}

fn rsa(bits: u64, public: &mut Vec<Attribute>) -> Mechanism<'static> {
    public.push(Attribute::ModulusBits(bits.into()));
    public.push(Attribute::PublicExponent(vec![1, 0, 1]));
    Mechanism::RsaPkcsKeyPairGen
}

/// A session of the logged-in user at the one token that the URI means.
fn log_in(uri: &Uri, context: &Context, doing: &str, write: bool) -> Result<Session, Error> {
    let failed = |err: TokenError| told(doing, &err);
    let path = uri.module.clone().or_else(|| context.variable("COSIGN_PKCS11_MODULE_PATH")).ok_or_else(|| {
        Error::new(doing, "no PKCS#11 module is named")
            .hint("add `?module-path=/path/to/module.so` to the URI, or set `COSIGN_PKCS11_MODULE_PATH`")
    })?;
    let module = Pkcs11::new(&path).map_err(|err| {
        let what = format!("the module `{}` cannot be loaded", printable(&path));
        let hint = "is it installed, for this machine's architecture, and may this program (a static build cannot) load libraries?";
        Error::new(doing, what).hint(hint).cause(err)
    })?;
    match module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        Ok(()) | Err(TokenError::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
        Err(err) => return Err(failed(err)),
    }
    let slot = slot(&module, uri, doing)?;
    let session = if write { module.open_rw_session(slot) } else { module.open_ro_session(slot) }.map_err(failed)?;
    let information = module.get_token_info(slot).map_err(failed)?;
    if !information.login_required() {
        return Ok(session);
    }
    let pin = match pin(uri, context)? {
        Some(pin) => {
            let text = pin.reveal_text().ok_or_else(|| Error::new(doing, "the PIN is no text"))?;
            Some(AuthPin::from(text.to_owned()))
        }
        None if information.protected_authentication_path() => None,
        None => {
            return Err(Error::new(doing, "the token wants a PIN, and none is given").hint(
                "set `COSIGN_PKCS11_PIN`, or add `&pin-source=file:/path` to the URI (`pin-value` shows in the list of processes)",
            ));
        }
    };
    match session.login(UserType::User, pin.as_ref()) {
        Ok(()) | Err(TokenError::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(session),
        Err(err) => Err(failed(err)),
    }
}

fn pin(uri: &Uri, context: &Context) -> Result<Option<SecretBytes>, Error> {
    if let Some(pin) = &uri.pin {
        return Ok(Some(pin.clone()));
    }
    if let Some(place) = &uri.pin_source {
        let kept = file::read(place.as_ref(), "the PIN")?;
        let text = kept.reveal_text().unwrap_or_default().trim_end_matches(['\n', '\r']);
        return Ok(Some(SecretBytes::new(text)));
    }
    Ok(context.variable("COSIGN_PKCS11_PIN").map(SecretBytes::new))
}

/// The slot that every given part of the URI fits; more than one is an error and no choice.
fn slot(module: &Pkcs11, uri: &Uri, doing: &str) -> Result<Slot, Error> {
    let failed = |err: TokenError| told(doing, &err);
    let mut fitting = Vec::new();
    let mut seen = Vec::new();
    for slot in module.get_slots_with_token().map_err(failed)? {
        let token = module.get_token_info(slot).map_err(failed)?;
        let same =
            |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|wanted| wanted == found.trim_end());
        if uri.slot.is_none_or(|wanted| wanted == slot.id())
            && same(&uri.token, token.label())
            && same(&uri.serial, token.serial_number())
            && same(&uri.manufacturer, token.manufacturer_id())
            && same(&uri.model, token.model())
            && token.token_initialized()
        {
            fitting.push(slot);
        }
        if token.token_initialized() {
            seen.push(format!("`{}` in slot {}", printable(token.label()), slot.id()));
        }
    }
    match fitting.as_slice() {
        [slot] => Ok(*slot),
        [] if seen.is_empty() => Err(Error::new(doing, "the module sees no token that is set up")),
        [] => Err(Error::new(doing, format!("no token fits the URI; there are: {}", seen.join(", ")))),
        _ => Err(Error::new(doing, format!("more than one token fits the URI: {}", seen.join(", ")))
            .hint("name it by `token=LABEL` or `slot-id=NUMBER`")),
    }
}

fn find(session: &Session, uri: &Uri, class: ObjectClass, doing: &str) -> Result<Vec<ObjectHandle>, Error> {
    let mut wanted = vec![Attribute::Class(class)];
    if let Some(label) = &uri.object {
        wanted.push(Attribute::Label(label.clone().into_bytes()));
    }
    if let Some(id) = &uri.id {
        wanted.push(Attribute::Id(id.clone()));
    }
    session.find_objects(&wanted).map_err(|err| told(doing, &err))
}

fn one(session: &Session, uri: &Uri, class: ObjectClass, doing: &str) -> Result<ObjectHandle, Error> {
    match find(session, uri, class, doing)?.as_slice() {
        [found] => Ok(*found),
        [] => Err(Error::new(doing, "the token holds no such key")
            .hint("check `object=NAME` or `id=%01`: `pkcs11-tool --list-objects`")),
        _ => Err(Error::new(doing, "the token holds several such keys").hint("name one by `object=NAME` and `id=%01`")),
    }
}

/// The public key of a token's object as SubjectPublicKeyInfo.
fn spki(session: &Session, object: ObjectHandle, doing: &str) -> Result<Vec<u8>, Error> {
    let wanted = [
        AttributeType::KeyType,
        AttributeType::EcParams,
        AttributeType::EcPoint,
        AttributeType::Modulus,
        AttributeType::PublicExponent,
    ];
    let (mut kind, mut parameters, mut point, mut modulus, mut exponent) = (None, None, None, None, None);
    for attribute in wanted {
        // A token answers with an error for what an object has not.
        let Ok(found) = session.get_attributes(object, &[attribute]) else { continue };
        for value in found {
            match value {
                Attribute::KeyType(value) => kind = Some(value),
                Attribute::EcParams(value) => parameters = Some(value),
                Attribute::EcPoint(value) => point = Some(value),
                Attribute::Modulus(value) => modulus = Some(value),
                Attribute::PublicExponent(value) => exponent = Some(value),
                _ => {}
            }
        }
    }
    let unknown = || {
        Error::new(doing, "the token does not tell the public half of the key")
            .hint("import the public key into the token too, with the same label and ID")
    };
    match kind {
        Some(TokenKeyType::RSA) => {
            Ok(der::rsa_spki(&modulus.ok_or_else(unknown)?, &exponent.unwrap_or_else(|| vec![1, 0, 1])))
        }
        Some(TokenKeyType::EC) => {
            let (parameters, point) = (parameters.ok_or_else(unknown)?, point.ok_or_else(unknown)?);
            let curve = [der::P256, der::P384, der::P521].into_iter().find(|curve| der::oid(curve) == parameters);
            let curve = curve.ok_or_else(|| Error::new(doing, "its curve is none of P-256, P-384 and P-521"))?;
            Ok(der::ec_spki(curve, der::point_of_token(&point)))
        }
        Some(TokenKeyType::EC_EDWARDS) => {
            let point = point.ok_or_else(unknown)?;
            let point = der::point_of_token(&point);
            if point.len() != 32 {
                return Err(Error::new(doing, "its Edwards curve is not Ed25519"));
            }
            Ok(der::ed25519_spki(point))
        }
        Some(_) => Err(Error::new(doing, "it is a key of a kind that is not used")),
        None => Err(unknown()),
    }
}

/// What a token's refusal means.
fn told(doing: &str, err: &TokenError) -> Error {
    let refused = |what: &str| Error::new(doing, what);
    match err {
        TokenError::Pkcs11(RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange, _) => {
            refused("the PIN is wrong").hint("a token locks itself after a few wrong PINs: check before you try again")
        }
        TokenError::Pkcs11(RvError::PinLocked, _) => {
            refused("the PIN is locked after too many wrong ones").hint("whoever has the SO PIN can unlock it")
        }
        TokenError::Pkcs11(RvError::MechanismInvalid, _) => refused("the token cannot do this algorithm"),
        TokenError::Pkcs11(RvError::TokenWriteProtected, _) => refused("the token is write protected"),
        // The library's texts are the standard's; they hold no values.
        other => refused("the token refuses").cause(printable(&other.to_string())),
    }
}

impl Keeper for Token {
    fn name(&self) -> &'static str {
        "a PKCS#11 token"
    }

    /// Waits for the token in place: PKCS#11 has no other way, and a signature takes milliseconds.
    fn ask<'a>(&'a self, public: &'a PublicKey, message: &'a [u8]) -> Pending<'a, Vec<u8>> {
        Box::pin(async move {
            let doing = format!("sign with key {} of a PKCS#11 token", self.name);
            let algorithm = public.algorithm();
            let session = self.session.lock();
            let made = match (algorithm, hashed(algorithm, message)) {
                (Algorithm::Ed25519, _) => {
                    let pure = Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Pure));
                    session.sign(&pure, self.private, message)
                }
                (_, None) => return Err(Error::new(doing, format!("it is not done by {algorithm}"))),
                (
                    Algorithm::RsaPkcs1Sha256 | Algorithm::RsaPkcs1Sha384 | Algorithm::RsaPkcs1Sha512,
                    Some((hash, digest)),
                ) => session.sign(&Mechanism::RsaPkcs, self.private, &der::digest_info(hash, &digest)),
                (Algorithm::RsaPssSha256 | Algorithm::RsaPssSha384 | Algorithm::RsaPssSha512, Some(_)) => {
                    return Err(Error::new(doing, "PSS is not asked of tokens"));
                }
                // The plain mechanism, which every token has: the hash is made here.
                (_, Some((_, digest))) => session.sign(&Mechanism::Ecdsa, self.private, &digest),
            }
            .map_err(|err| told(&doing, &err))?;
            if matches!(
                algorithm,
                Algorithm::Ed25519 | Algorithm::RsaPkcs1Sha256 | Algorithm::RsaPkcs1Sha384 | Algorithm::RsaPkcs1Sha512
            ) {
                return Ok(made);
            }
            der::ecdsa_signature(&made)
                .ok_or_else(|| Error::new(doing, "its signature has another length than two numbers"))
        })
    }
}
