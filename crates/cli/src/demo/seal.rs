//! The seal of the demonstration: a private Sigstore in this process (authority, logs, timestamps), and an image that is signed and attested by it.
//!
//! What signs and what verifies share no code: the first is the room `authority`, the second the room `trust`.

use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow};
use signet_authority::{Options, Possession, Stack};
use signet_keys::{KeyType, PrivateKey};
use signet_model::{Digest, Timestamp};
use signet_trust::seal::{
    Against, Author, Document, Draft, NewSubject, Predicate, Stamped, StatementVersion, statement,
};
use signet_trust::{
    Artifact, CertificateIdentity, Evidence, Requirements, Signature, TrustRoot, Verified, VerifyError, verify,
};

/// Who signs: the service account of an invented CI.
pub(super) const SIGNER: &str = "ci-sa@shop.example";

/// The services that vouch for a signature, and the root by which they are trusted.
pub(super) struct Notary {
    stack: Stack,
    root: TrustRoot,
    now: Timestamp,
}

impl Notary {
    /// New keys for all of it.
    pub(super) fn new(now: Timestamp) -> Result<Notary> {
        let mut options = Options::new(Arc::new(move || now));
        options.organization = "shop.example".to_owned();
        let stack = Stack::new(options).map_err(|err| anyhow!("cannot stand up the private Sigstore: {err}"))?;
        let root = TrustRoot::from_json(stack.trusted_root().to_string().as_bytes())?;
        Ok(Notary { stack, root, now })
    }

    /// Who vouches for the signer's name.
    pub(super) fn issuer(&self) -> String {
        self.stack.issuer_name()
    }

    /// `trusted_root.json`.
    pub(super) fn trusted_root(&self) -> String {
        self.stack.trusted_root().to_string()
    }

    /// A bundle that claims something about an image: a key for this once, a certificate for it, a log entry, a timestamp.
    pub(super) fn seal(&self, image: Digest, predicate: &Predicate) -> Result<Vec<u8>> {
        let refused = |what: &'static str| move |err: signet_authority::Refusal| anyhow!("{what}: {err}");
        let key = PrivateKey::generate(KeyType::EcdsaP256)?;
        let token = self.stack.issuer().mint_email(&self.issuer(), SIGNER, self.now);
        let token = token.map_err(|err| anyhow!("the issuer gives no token: {err}"))?;
        let proof = key.sign_now(SIGNER.as_bytes())?;
        let possession = Possession::Proof { spki: key.public_key().der(), signature: &proof };
        let chain = self.stack.certify(&token, possession, self.now).map_err(refused("no certificate"))?;
        let (leaf, above) = chain.split_first().context("the authority gave no certificate")?;
        let author = Author::certified(key.public_key().clone(), leaf, above.to_vec())?;
        let text = statement(StatementVersion::V1, &[NewSubject::new("shop", image)], predicate)?;
        let document = Document::Statement(text);
        let signature = key.sign_now(&document.message())?;
        let mut draft = Draft::new(document, author, signature)?;
        let entry = self.stack.log().answer(&draft.rekor_v2_request()?).map_err(refused("no log entry"))?;
        draft.add_rekor_v2(entry.to_string().as_bytes())?;
        // Derived instead of drawn: nothing of the demonstration is secret or used twice.
        let drawn = Digest::sha256(draft.signature());
        let (mut nonce, mut serial) = ([1; 8], [1; 20]);
        nonce.iter_mut().chain(&mut serial).zip(drawn.as_bytes()).for_each(|(to, from)| *to = *from);
        let query = draft.timestamp_request(Stamped::Signature, nonce)?;
        let answer = self.stack.timestamps().stamp(&query, self.now, serial);
        draft.add_timestamp(Stamped::Signature, nonce, &answer.bytes)?;
        Ok(draft.bundle(Artifact::Digest(&image), Against::Root(&self.root), self.now)?)
    }

    /// Holds a bundle to all requirements: that this person claims something of this type about this image.
    pub(super) fn verify(
        &self,
        bundle: &[u8],
        image: Digest,
        who: &str,
        kind: &str,
    ) -> Result<Verified<Signature>, VerifyError> {
        let evidence = Evidence::bundle(bundle)?;
        let mut wanted = Requirements::keyless(vec![CertificateIdentity::exact(who, &self.issuer())]);
        wanted.predicate_type = Some(kind.to_owned());
        verify(&evidence, Artifact::Digest(&image), &self.root, &wanted, self.now)
    }
}

/// The bundle with one bit of the claim changed, inside of its base64.
pub(super) fn tampered(bundle: &[u8]) -> Result<Vec<u8>> {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let mut value: serde_json::Value = serde_json::from_slice(bundle)?;
    let payload = value.pointer_mut("/dsseEnvelope/payload").context("a bundle with an envelope")?;
    let mut bytes = STANDARD.decode(payload.as_str().context("a payload in base64")?)?;
    // The last hexadecimal digit of the image's digest: still a statement, about another image.
    let place = bytes.windows(2).position(|pair| pair == b"\"}").context("the end of the digest")?;
    let digit = place.checked_sub(1).and_then(|at| bytes.get_mut(at)).context("a digit")?;
    *digit ^= 1;
    *payload = STANDARD.encode(bytes).into();
    Ok(value.to_string().into_bytes())
}
