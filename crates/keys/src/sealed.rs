//! Private keys under a password, in the format of Cosign.
//!
//! Shape: PEM of type `ENCRYPTED SIGSTORE PRIVATE KEY` (older: `ENCRYPTED COSIGN PRIVATE KEY`) around the JSON
//! `{"kdf":{"name":"scrypt","params":{"N","r","p"},"salt"},"cipher":{"name":"nacl/secretbox","nonce"},"ciphertext"}`, byte strings in base64. The key is
//! scrypt(password, salt) of 32 bytes, the plaintext a PKCS#8 structure.
//! Source: sigstore/cosign:pkg/cosign/keys.go; secure-systems-lab/go-securesystemslib:encrypted/encrypted.go; secretbox: <https://nacl.cr.yp.to/secretbox.html>.

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use poly1305::Poly1305;
use poly1305::universal_hash::KeyInit as _;
use salsa20::XSalsa20;
use salsa20::cipher::{KeyIvInit as _, StreamCipher as _};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::error::Error;
use crate::pem;
use crate::secret::SecretBytes;

/// What is written.
pub(crate) const LABEL: &str = "ENCRYPTED SIGSTORE PRIVATE KEY";
/// What Cosign wrote before version 2.
pub(crate) const OLD_LABEL: &str = "ENCRYPTED COSIGN PRIVATE KEY";

/// The costs that exist, as log2 of `N`: 32,768 of the older files and 65,536 of all that are written now. Any other is refused, as Cosign does: a file
/// must not choose how much memory and time we spend (65,536 takes 64 MiB).
const COSTS: [(u64, u8); 2] = [(1 << 15, 15), (1 << 16, 16)];
const R: u32 = 8;
const P: u32 = 1;
const SALT: usize = 32;
const NONCE: usize = 24;
const TAG: usize = 16;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    kdf: Kdf,
    cipher: Cipher,
    ciphertext: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kdf {
    name: String,
    params: Params,
    salt: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Params {
    #[serde(rename = "N")]
    n: u64,
    r: u32,
    p: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cipher {
    name: String,
    nonce: String,
}

/// Puts a PKCS#8 structure under a password (which may be empty).
///
/// # Errors
/// When the system gives no random bytes.
pub(crate) fn seal(pkcs8: &[u8], password: &SecretBytes) -> Result<Zeroizing<String>, Error> {
    let failed = |what: &str| Error::new("encrypt the private key", what);
    let mut random = [0; SALT + NONCE];
    SystemRandom::new().fill(&mut random).map_err(|_| failed("the system gives no random bytes"))?;
    let (salt, nonce) = random.split_at(SALT);
    let (n, log_n) = COSTS[1];
    let key = derive(password, salt, log_n).ok_or_else(|| failed("scrypt refuses its own parameters"))?;
    let ciphertext = secretbox(&key, nonce, pkcs8).ok_or_else(|| failed("the key is too long"))?;
    let wire = Wire {
        kdf: Kdf { name: "scrypt".into(), params: Params { n, r: R, p: P }, salt: STANDARD.encode(salt) },
        cipher: Cipher { name: "nacl/secretbox".into(), nonce: STANDARD.encode(nonce) },
        ciphertext: STANDARD.encode(ciphertext),
    };
    let json = serde_json::to_vec(&wire).map_err(|_| failed("it cannot be written as JSON"))?;
    Ok(pem::encode(LABEL, &json))
}

/// Takes a PKCS#8 structure out: `json` is what stands in the PEM block.
///
/// # Errors
/// With a sentence about the password or the format; nothing of the content is quoted.
pub(crate) fn unseal(json: &[u8], password: &SecretBytes) -> Result<Zeroizing<Vec<u8>>, &'static str> {
    let wire = parse(json)?;
    let key = derive(password, &wire.salt, wire.log_n).ok_or("its scrypt parameters cannot be used")?;
    open_secretbox(&key, &wire.nonce, &wire.ciphertext).ok_or("the password is wrong, or the file was changed")
}

struct Parsed {
    log_n: u8,
    salt: Vec<u8>,
    nonce: Vec<u8>,
    ciphertext: Vec<u8>,
}

fn parse(json: &[u8]) -> Result<Parsed, &'static str> {
    let wire: Wire = serde_json::from_slice(json).map_err(|_| "its content is not the JSON of an encrypted key")?;
    if wire.kdf.name != "scrypt" {
        return Err("its key derivation is not scrypt");
    }
    if wire.cipher.name != "nacl/secretbox" {
        return Err("its cipher is not nacl/secretbox");
    }
    let Params { n, r, p } = wire.kdf.params;
    let cost = COSTS.iter().find(|(known, _)| *known == n && r == R && p == P);
    let Some((_, log_n)) = cost else {
        return Err("its scrypt parameters are none that Cosign writes (N 32768 or 65536, r 8, p 1)");
    };
    let bytes = |text: &str| STANDARD.decode(text).map_err(|_| "a byte string of it is no base64");
    let (salt, nonce) = (bytes(&wire.kdf.salt)?, bytes(&wire.cipher.nonce)?);
    if salt.len() != SALT || nonce.len() != NONCE {
        return Err("its salt or nonce has another length than 32 and 24 bytes");
    }
    Ok(Parsed { log_n: *log_n, salt, nonce, ciphertext: bytes(&wire.ciphertext)? })
}

/// What can be told of a file without its password. For fuzzing: scrypt would make each try slow.
pub fn looks_sealed(json: &[u8]) -> bool {
    parse(json).is_ok()
}

fn derive(password: &SecretBytes, salt: &[u8], log_n: u8) -> Option<Zeroizing<[u8; 32]>> {
    let params = scrypt::Params::new(log_n, R, P).ok()?;
    let mut key = Zeroizing::new([0; 32]);
    scrypt::scrypt(password.reveal(), salt, &params, &mut *key).ok()?;
    Some(key)
}

/// The stream and the one-time key of secretbox: the first 32 bytes of XSalsa20's stream key Poly1305, what follows encrypts.
fn stream(key: &[u8; 32], nonce: &[u8]) -> Option<(XSalsa20, Poly1305)> {
    let nonce: [u8; NONCE] = nonce.try_into().ok()?;
    let mut cipher = XSalsa20::new(&(*key).into(), &nonce.into());
    let mut one_time = Zeroizing::new([0_u8; 32]);
    cipher.try_apply_keystream(&mut *one_time).ok()?;
    let authenticator = Poly1305::new(&(*one_time).into());
    Some((cipher, authenticator))
}

/// Tag and ciphertext, in NaCl's order.
fn secretbox(key: &[u8; 32], nonce: &[u8], plain: &[u8]) -> Option<Vec<u8>> {
    let (mut cipher, authenticator) = stream(key, nonce)?;
    let mut body = plain.to_vec();
    cipher.try_apply_keystream(&mut body).ok()?;
    let mut sealed = authenticator.compute_unpadded(&body).to_vec();
    sealed.append(&mut body);
    Some(sealed)
}

fn open_secretbox(key: &[u8; 32], nonce: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (tag, body) = sealed.split_at_checked(TAG)?;
    let (mut cipher, authenticator) = stream(key, nonce)?;
    aws_lc_rs::constant_time::verify_slices_are_equal(&authenticator.compute_unpadded(body), tag).ok()?;
    let mut plain = Zeroizing::new(body.to_vec());
    cipher.try_apply_keystream(&mut plain).ok()?;
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of NaCl's own documentation: <https://cr.yp.to/highspeed/naclcrypto-20090310.pdf>, section 10.
    #[test]
    fn secretbox_is_nacls() {
        let hex = |text: &str| -> Vec<u8> {
            (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
        };
        let key: [u8; 32] = hex("1b27556473e985d462cd51197a9a46c76009549eac6474f206c4ee0844f68389").try_into().unwrap();
        let nonce = hex("69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37");
        let plain = hex(concat!(
            "be075fc53c81f2d5cf141316ebeb0c7b5228c52a4c62cbd44b66849b64244ffce5ecbaaf33bd751a1ac728d45e6c61296cdc3c01233561f41db66cce314adb31",
            "0e3be8250c46f06dceea3a7fa1348057e2f6556ad6b1318a024a838f21af1fde048977eb48f59ffd4924ca1c60902e52f0a089bc76897040e082f937763848645e0705"
        ));
        let sealed = secretbox(&key, &nonce, &plain).unwrap();
        assert_eq!(sealed[..16], hex("f3ffc7703f9400e52a7dfb4b3d3305d9"));
        assert_eq!(sealed[16..24], hex("8e993b9f48681273"));
        assert_eq!(*open_secretbox(&key, &nonce, &sealed).unwrap(), plain);
    }

    #[test]
    fn a_changed_bit_anywhere_is_refused() {
        let (key, nonce) = ([7; 32], [9; 24]);
        let sealed = secretbox(&key, &nonce, b"private").unwrap();
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(open_secretbox(&key, &nonce, &changed).is_none(), "byte {at}");
        }
        assert!(open_secretbox(&[8; 32], &nonce, &sealed).is_none());
        assert!(open_secretbox(&key, &nonce, &sealed[..15]).is_none());
    }

    #[test]
    fn a_file_does_not_choose_what_it_costs() {
        let sized = |n: u64, r: u32, p: u32, salt: usize, nonce: usize| {
            format!(
                r#"{{"kdf":{{"name":"scrypt","params":{{"N":{n},"r":{r},"p":{p}}},"salt":"{}"}},"cipher":{{"name":"nacl/secretbox","nonce":"{}"}},"ciphertext":""}}"#,
                STANDARD.encode(vec![0; salt]),
                STANDARD.encode(vec![0; nonce])
            )
        };
        let wire = |n: u64, r: u32, p: u32| sized(n, r, p, 32, 24);
        for (salt, nonce, fine) in
            [(32, 24, true), (31, 24, false), (1 << 16, 24, false), (32, 23, false), (32, 25, false)]
        {
            assert_eq!(looks_sealed(sized(32768, 8, 1, salt, nonce).as_bytes()), fine, "salt {salt} nonce {nonce}");
        }
        for (n, r, p, fine) in [
            (32768, 8, 1, true),
            (65536, 8, 1, true),
            (1 << 30, 8, 1, false),
            (u64::MAX, 8, 1, false),
            (0, 8, 1, false),
            (65535, 8, 1, false),
            (65536, 4096, 1, false),
            (65536, 8, 1 << 20, false),
        ] {
            assert_eq!(looks_sealed(wire(n, r, p).as_bytes()), fine, "N {n} r {r} p {p}");
        }
    }
}
