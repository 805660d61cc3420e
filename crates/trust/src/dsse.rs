//! DSSE envelopes (`secure-systems-lab/dsse: envelope.md, protocol.md`): parsing, and what a signature covers.

use crate::check::{Check, VerifyError};
use crate::evidence::LARGEST;
use crate::json::{self, At};
use crate::key::PublicKey;

/// The payload type of in-toto statements.
pub const IN_TOTO: &str = "application/vnd.in-toto+json";
/// Most signatures of one envelope.
const SIGNATURES: usize = 16;

/// A payload with its type, and signatures over both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    payload_type: String,
    payload: Vec<u8>,
    signatures: Vec<EnvelopeSignature>,
}

/// One signature of an envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EnvelopeSignature {
    pub(crate) signature: Vec<u8>,
    pub(crate) key_id: String,
    /// Outside the specification: the signer's certificate in PEM, as some generators add it.
    pub(crate) certificate: Option<String>,
}

impl Envelope {
    /// Parses an envelope in JSON.
    ///
    /// # Errors
    /// When it is no envelope: members twice, base64 that is not canonical, no signature or more than 16, an empty signature.
    pub fn parse(bytes: &[u8]) -> Result<Self, VerifyError> {
        if bytes.len() > LARGEST {
            return Err(VerifyError::new(
                Check::Limits,
                "an envelope of at most 128 MiB",
                format!("{} bytes", bytes.len()),
            ));
        }
        let value = json::parse(bytes).map_err(wrong)?;
        Self::read(&At::root(&value))
    }

    pub(crate) fn read(at: &At<'_>) -> Result<Self, VerifyError> {
        at.object().map_err(wrong)?;
        let payload_type = at.get("payloadType").str().map_err(wrong)?.to_owned();
        let payload = at.get("payload").bytes().map_err(wrong)?;
        let mut signatures = Vec::new();
        for item in at.get("signatures").list(SIGNATURES).map_err(wrong)? {
            let signature = item.get("sig").bytes().map_err(wrong)?;
            if signature.is_empty() {
                return Err(wrong("an empty signature".to_owned()));
            }
            let text = |name: &str| {
                let member = item.get(name);
                if member.is_present() { member.str().map(|text| Some(text.to_owned())) } else { Ok(None) }
            };
            signatures.push(EnvelopeSignature {
                signature,
                key_id: text("keyid").map_err(wrong)?.unwrap_or_default(),
                certificate: text("cert").map_err(wrong)?.filter(|text| !text.is_empty()),
            });
        }
        if signatures.is_empty() {
            return Err(wrong("no signature".to_owned()));
        }
        Ok(Self { payload_type, payload, signatures })
    }

    /// The type of the payload, a media type. It is signed.
    #[must_use]
    pub fn payload_type(&self) -> &str {
        &self.payload_type
    }

    /// The payload, byte for byte.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// What signatures cover: `DSSEv1 SP LEN(type) SP type SP LEN(payload) SP payload` (protocol.md, "Signature Definition").
    #[must_use]
    pub fn pae(&self) -> Vec<u8> {
        pae(&self.payload_type, &self.payload)
    }

    /// The one signature. Evidence is about one signature; with several, a log entry or timestamp may be about another.
    pub(crate) fn only_signature(&self) -> Result<&EnvelopeSignature, VerifyError> {
        match self.signatures.as_slice() {
            [one] => Ok(one),
            many => Err(VerifyError::form(
                "a DSSE envelope with exactly one signature",
                format!("{} signatures", many.len()),
            )),
        }
    }

    /// How many of these keys signed the envelope. A key counts once, however many signatures it made, and so does one that is listed twice.
    #[must_use]
    pub fn signed_by(&self, keys: &[PublicKey]) -> usize {
        let message = self.pae();
        let mut counted: Vec<&[u8]> = Vec::new();
        for key in keys {
            let signed = self.signatures.iter().any(|one| key.verify(&message, &one.signature).is_ok());
            if signed && !counted.contains(&key.der()) {
                counted.push(key.der());
            }
        }
        counted.len()
    }
}

/// The pre-authentication encoding.
#[must_use]
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut out = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    out.extend(payload);
    out
}

fn wrong(found: String) -> VerifyError {
    VerifyError::form("a DSSE envelope", found)
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::encoding::AsDer;
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_encoding_is_the_specifications() {
        // protocol.md, "Test Vectors".
        assert_eq!(
            pae("http://example.com/HelloWorld", b"hello world"),
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
        assert_eq!(pae("\u{e9}", b""), "DSSEv1 2 \u{e9} 0 ".as_bytes());
    }

    #[test]
    fn malformed_envelopes_are_refused() {
        let good = r#"{"payloadType":"t","payload":"aGk=","signatures":[{"sig":"AA==","keyid":""}]}"#;
        assert_eq!(Envelope::parse(good.as_bytes()).unwrap().payload(), b"hi");
        for (from, to) in [
            (r#""payload":"aGk=""#, r#""payload":"aGk=","payload":"aGk=""#),
            ("aGk=", "aGk"),
            ("aGk=", "aGl="),
            ("AA==", ""),
            (r#"[{"sig":"AA==","keyid":""}]"#, "[]"),
            (r#"[{"sig":"AA==","keyid":""}]"#, "{}"),
            (r#""keyid":"""#, r#""keyid":7"#),
            (r#""payloadType":"t","#, ""),
        ] {
            let text = good.replacen(from, to, 1);
            assert!(Envelope::parse(text.as_bytes()).is_err(), "{text}");
        }
        let two = good.replace(r#"[{"sig"#, r#"[{"sig":"AA=="},{"sig"#);
        assert!(Envelope::parse(two.as_bytes()).unwrap().only_signature().is_err());
    }

    #[test]
    fn a_key_counts_once() {
        let pairs = [Ed25519KeyPair::generate().unwrap(), Ed25519KeyPair::generate().unwrap()];
        let keys: Vec<PublicKey> = pairs
            .iter()
            .map(|pair| PublicKey::from_der(pair.public_key().as_der().unwrap().as_ref()).unwrap())
            .collect();
        let sign = |pair: &Ed25519KeyPair| format!(r#"{{"sig":"{}"}}"#, STANDARD.encode(pair.sign(&pae("t", b"hi"))));
        let envelope = |signatures: &[String]| {
            let text = format!(r#"{{"payloadType":"t","payload":"aGk=","signatures":[{}]}}"#, signatures.join(","));
            Envelope::parse(text.as_bytes()).unwrap()
        };
        let (one, two) = (sign(&pairs[0]), sign(&pairs[1]));
        assert_eq!(envelope(&[one.clone(), one.clone()]).signed_by(&keys), 1);
        assert_eq!(envelope(std::slice::from_ref(&one)).signed_by(&[keys[0].clone(), keys[0].clone()]), 1);
        assert_eq!(envelope(&[one, two]).signed_by(&keys), 2);
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _envelope = Envelope::parse(&bytes);
        }
    }
}
