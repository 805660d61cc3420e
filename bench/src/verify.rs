//! What a verification costs, beside the signature checks that it cannot do without.
//!
//! Bundles are made by a private Sigstore in this process. The floor is the sum of the raw signature verifications that such a bundle needs, by the same
//! provider, measured in the same run; parsing, hashing, DER and proofs come on top of it.

use std::hint::black_box;
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1, ECDSA_P384_SHA384_ASN1_SIGNING,
    ED25519, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey,
    VerificationAlgorithm,
};
use signet_authority::{Options, Possession, Stack};
use signet_keys::{KeyType, PrivateKey};
use signet_model::{Digest, Timestamp};
use signet_trust::seal::{
    Against, Author, Document, Draft, NewSubject, Predicate, Stamped, StatementVersion, statement,
};
use signet_trust::{
    Artifact, CertificateIdentity, Evidence, Requirements, SecondOpinion, TrustRoot, TrustedKey, verify,
};

use crate::clock::nanoseconds;

/// Verifications of each kind in each round.
const EACH: u32 = 400;
/// Rounds, interleaved over the kinds; the median counts.
const ROUNDS: usize = 7;
const SIGNER: &str = "somebody@example.com";
const CONTENT: &[u8] = b"what is signed";

/// How many raw verifications a kind needs.
#[derive(Clone, Copy)]
struct Raw {
    p256: f64,
    p384: f64,
    ed25519: f64,
}

/// A public key, and a signature over [`CONTENT`].
type Signed = (Vec<u8>, Vec<u8>);

struct Kind {
    name: &'static str,
    bundle: Vec<u8>,
    requirements: Requirements,
    raw: Raw,
}

/// Measures each kind of bundle, with this program's verifier alone and with the second one; then how it spreads over cores.
pub(crate) fn run() -> Result<()> {
    let now = Timestamp::from_second(1_768_521_600)?;
    let stack = Stack::new(Options::new(Arc::new(move || now))).map_err(|err| anyhow!("{err}"))?;
    let root = TrustRoot::from_json(stack.trusted_root().to_string().as_bytes())?;
    let key = PrivateKey::generate(KeyType::EcdsaP256)?;
    // The leaf by P-384, by an intermediate that the trusted root holds, so that nothing above it is verified; signature, certificate log and timestamp by
    // P-256, the timestamp's certificate by P-384; tree head by Ed25519.
    let keyless = Raw { p256: 3.0, p384: 2.0, ed25519: 1.0 };
    let by_key = Raw { p256: 1.0, p384: 0.0, ed25519: 1.0 };
    let person = Requirements::keyless(vec![CertificateIdentity::exact(SIGNER, &stack.issuer_name())]);
    let holder = Requirements::keys(vec![TrustedKey::always(key.public_key().clone())]);
    let make = |attests: bool, keyless: bool| bundle(&stack, &root, &key, attests, keyless, now);
    let kinds = [
        Kind { name: "blob, keyless", bundle: make(false, true)?, requirements: person.clone(), raw: keyless },
        Kind { name: "attestation, keyless", bundle: make(true, true)?, requirements: person, raw: keyless },
        Kind { name: "blob, by key", bundle: make(false, false)?, requirements: holder.clone(), raw: by_key },
        Kind { name: "attestation, by key", bundle: make(true, false)?, requirements: holder, raw: by_key },
    ];
    let ecdsa = |how: &'static EcdsaSigningAlgorithm| -> Result<Signed> {
        let pair = EcdsaKeyPair::generate(how).context("no key")?;
        let made = pair.sign(&SystemRandom::new(), CONTENT).context("no signature")?;
        Ok((pair.public_key().as_ref().to_vec(), made.as_ref().to_vec()))
    };
    let pair = Ed25519KeyPair::generate().context("no key")?;
    let raw: [(&'static dyn VerificationAlgorithm, Signed); 3] = [
        (&ECDSA_P256_SHA256_ASN1, ecdsa(&ECDSA_P256_SHA256_ASN1_SIGNING)?),
        (&ECDSA_P384_SHA384_ASN1, ecdsa(&ECDSA_P384_SHA384_ASN1_SIGNING)?),
        (&ED25519, (pair.public_key().as_ref().to_vec(), pair.sign(CONTENT).as_ref().to_vec())),
    ];
    let mut samples = vec![Vec::new(); 3 + kinds.len() * 2];
    for _ in 0..ROUNDS {
        for (at, (algorithm, (public, signature))) in raw.iter().enumerate() {
            let public = UnparsedPublicKey::new(*algorithm, public);
            let time = timed(|| public.verify(CONTENT, signature).context("a raw signature does not verify"))?;
            samples[at].push(time);
        }
        for (at, kind) in kinds.iter().enumerate() {
            for (second, opinion) in [SecondOpinion::NotAsked, SecondOpinion::Required].into_iter().enumerate() {
                let wanted = Requirements { second: opinion, ..kind.requirements.clone() };
                let time = timed(|| verified(&kind.bundle, &root, &wanted, now))?;
                samples[3 + at * 2 + second].push(time);
            }
        }
    }
    let medians: Vec<f64> = samples.into_iter().map(median).collect();
    let [p256, p384, ed25519, rest @ ..] = medians.as_slice() else { return Err(anyhow!("nothing was measured")) };
    println!("raw: P-256 {:.1} us, P-384 {:.1} us, Ed25519 {:.1} us", p256 / 1e3, p384 / 1e3, ed25519 / 1e3);
    println!("{:22} {:>9} {:>9} {:>7} {:>12} {:>7}", "", "floor us", "ours us", "x floor", "both us", "x floor");
    for (kind, times) in kinds.iter().zip(rest.chunks(2)) {
        let floor = kind.raw.p256 * p256 + kind.raw.p384 * p384 + kind.raw.ed25519 * ed25519;
        let [ours, both] = times else { continue };
        println!(
            "{:22} {:9.1} {:9.1} {:7.2} {:12.1} {:7.2}",
            kind.name,
            floor / 1e3,
            ours / 1e3,
            ours / floor,
            both / 1e3,
            both / floor
        );
    }
    spread(&kinds[0], &root, now)
}

/// The same on two threads: what each verification costs a thread must not grow.
fn spread(kind: &Kind, root: &TrustRoot, now: Timestamp) -> Result<()> {
    let wanted = Requirements { second: SecondOpinion::NotAsked, ..kind.requirements.clone() };
    let one = timed(|| verified(&kind.bundle, root, &wanted, now))?;
    let both = std::thread::scope(|scope| {
        let workers: Vec<_> =
            (0..2).map(|_| scope.spawn(|| timed(|| verified(&kind.bundle, root, &wanted, now)))).collect();
        workers
            .into_iter()
            .map(|worker| worker.join().map_err(|_| anyhow!("a thread broke"))?)
            .collect::<Result<Vec<f64>>>()
    })?;
    let slowest = both.into_iter().fold(0.0, f64::max);
    println!("two threads: {:.2} x the CPU of one per verification", slowest / one);
    Ok(())
}

fn verified(bundle: &[u8], root: &TrustRoot, wanted: &Requirements, now: Timestamp) -> Result<()> {
    let evidence = Evidence::bundle(bundle)?;
    black_box(verify(&evidence, Artifact::Bytes(CONTENT), root, wanted, now)?);
    Ok(())
}

/// Nanoseconds of one, from many.
fn timed(mut work: impl FnMut() -> Result<()>) -> Result<f64> {
    let start = nanoseconds()?;
    for _ in 0..EACH {
        work()?;
    }
    Ok((nanoseconds()? - start) / f64::from(EACH))
}

fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples.get(samples.len() / 2).copied().unwrap_or(f64::NAN)
}

fn bundle(
    stack: &Stack,
    root: &TrustRoot,
    holder: &PrivateKey,
    attests: bool,
    keyless: bool,
    now: Timestamp,
) -> Result<Vec<u8>> {
    let refused = |err: signet_authority::Refusal| anyhow!("a service refused: {err}");
    let own = PrivateKey::generate(KeyType::EcdsaP256)?;
    let (key, author) = if keyless {
        let token =
            stack.issuer().mint_email(&stack.issuer_name(), SIGNER, now).map_err(|err| anyhow!("no token: {err}"))?;
        let proof = own.sign_now(SIGNER.as_bytes())?;
        let possession = Possession::Proof { spki: own.public_key().der(), signature: &proof };
        let chain = stack.certify(&token, possession, now).map_err(refused)?;
        let (leaf, above) = chain.split_first().context("no certificate")?;
        let author = Author::certified(own.public_key().clone(), leaf, above.to_vec())?;
        (&own, author)
    } else {
        (holder, Author::key(holder.public_key().clone()))
    };
    let document = if attests {
        let predicate = Predicate::new("https://example.com/predicate/v1", b"{}")?;
        let subject = NewSubject::new("content", Digest::sha256(CONTENT));
        Document::Statement(statement(StatementVersion::V1, &[subject], &predicate)?)
    } else {
        Document::Blob(CONTENT.into())
    };
    let signature = key.sign_now(&document.message())?;
    let mut draft = Draft::new(document, author, signature)?;
    let entry = stack.log().answer(&draft.rekor_v2_request()?).map_err(refused)?;
    draft.add_rekor_v2(entry.to_string().as_bytes())?;
    if keyless {
        let query = draft.timestamp_request(Stamped::Signature, [7; 8])?;
        let answer = stack.timestamps().stamp(&query, now, [7; 20]);
        draft.add_timestamp(Stamped::Signature, [7; 8], &answer.bytes)?;
    }
    Ok(draft.bundle(Artifact::Bytes(CONTENT), Against::Root(root), now)?)
}
