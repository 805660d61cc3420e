//! RFC 3161 timestamps that OpenSSL made: whole, broken, about something else, by others, outside the authority's time.

use std::collections::BTreeMap;

use serde_json::json;
use signet_model::{Digest, Timestamp};
use signet_trust::{
    Artifact, Check, Evidence, LogRequirement, PublicKey, Requirements, Signature, TimeSource, TrustRoot, TrustedKey,
    Verified, VerifyError, Window, verify,
};

use crate::world::b64;

const PAYLOAD: &[u8] = include_bytes!("../../testdata/payload.json");
const SIGNATURE: &[u8] = include_bytes!("../../testdata/signature.bin");
const KEY: &str = include_str!("../../testdata/key.pub");
const TOKEN: &[u8] = include_bytes!("../../testdata/timestamp.tsr");
const AUTHORITY: &str = include_str!("../../testdata/authority.pem");

/// Far enough after the token was made.
fn later() -> Timestamp {
    "2030-01-01T00:00:00Z".parse().unwrap()
}

fn ask(token: &[u8], root: &TrustRoot, time: TimeSource, now: Timestamp) -> Result<Verified<Signature>, VerifyError> {
    let annotations = BTreeMap::from([
        ("dev.cosignproject.cosign/signature".to_owned(), b64(SIGNATURE)),
        ("dev.sigstore.cosign/rfc3161timestamp".to_owned(), json!({"SignedRFC3161Timestamp": b64(token)}).to_string()),
    ]);
    let evidence = Evidence::simple_signing(PAYLOAD, &annotations)?;
    let mut wanted = Requirements::keys(vec![TrustedKey::always(PublicKey::from_pem(KEY).unwrap())]);
    wanted.log = LogRequirement::AtLeast(0);
    wanted.time = time;
    verify(&evidence, Artifact::Digest(&Digest::sha256(b"the artifact")), root, &wanted, now)
}

fn root(start: Option<&str>, end: Option<&str>) -> TrustRoot {
    let time = |text: Option<&str>| text.map(|text| text.parse().unwrap());
    let window = Window { start: time(start), end: time(end) };
    TrustRoot::empty().with_timestamp_authority(AUTHORITY, window).unwrap()
}

#[test]
fn timestamps_give_the_time() {
    let verified = ask(TOKEN, &root(None, None), TimeSource::Timestamps(1), later()).unwrap();
    assert_eq!(verified.times.len(), 1);
    let time = verified.times[0].to_string();
    // Both ends of the authority's window count as within.
    assert!(ask(TOKEN, &root(Some(&time), Some(&time)), TimeSource::Timestamps(1), later()).is_ok());
    assert!(ask(TOKEN, &root(None, None), TimeSource::LogOrTimestamp, verified.times[0]).is_ok());
}

#[track_caller]
fn refused(token: &[u8], root: &TrustRoot, time: TimeSource, now: Timestamp, check: Check) {
    assert_eq!(ask(token, root, time, now).map(|_| ()).unwrap_err().check, check);
}

#[test]
fn timestamps_that_are_not_good_are_refused() {
    let one = TimeSource::Timestamps(1);
    refused(TOKEN, &TrustRoot::empty(), one, later(), Check::Timestamp);
    refused(TOKEN, &root(Some("2029-01-01T00:00:00Z"), None), one, later(), Check::Timestamp);
    refused(TOKEN, &root(None, Some("2020-01-01T00:00:00Z")), one, later(), Check::Timestamp);
    refused(TOKEN, &root(None, None), one, "2020-01-01T00:00:00Z".parse().unwrap(), Check::Time);
    // One authority counts once.
    refused(TOKEN, &root(None, None), TimeSource::Timestamps(2), later(), Check::Time);
    // A timestamp that is there must be good, even where none is asked for.
    refused(b"no token", &root(None, None), TimeSource::NotNeeded, later(), Check::Timestamp);
}

#[test]
fn changed_tokens_are_refused_or_mean_the_same() {
    let trusted = root(None, None);
    let whole = ask(TOKEN, &trusted, TimeSource::Timestamps(1), later()).unwrap();
    for at in 0..TOKEN.len() {
        let mut token = TOKEN.to_vec();
        token[at] ^= 1;
        if let Ok(seen) = ask(&token, &trusted, TimeSource::Timestamps(1), later()) {
            // Bytes outside the signed part, such as a certificate that nobody needs, may differ; the time may not.
            assert_eq!(seen.times, whole.times, "at {at}");
        }
    }
}

/// A bundle with these tokens about the signature that [`TOKEN`] is about.
fn bundle(tokens: &[&[u8]], time: TimeSource) -> Result<Verified<Signature>, VerifyError> {
    let tokens: Vec<_> = tokens.iter().map(|token| json!({"signedTimestamp": b64(token)})).collect();
    let text = json!({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"publicKey": {"hint": ""}, "timestampVerificationData": {"rfc3161Timestamps": tokens}},
        "messageSignature": {
            "messageDigest": {"algorithm": "SHA2_256", "digest": b64(Digest::sha256(PAYLOAD).as_bytes())},
            "signature": b64(SIGNATURE),
        },
    });
    let evidence = Evidence::bundle(text.to_string().as_bytes())?;
    let mut wanted = Requirements::keys(vec![TrustedKey::always(PublicKey::from_pem(KEY).unwrap())]);
    wanted.log = LogRequirement::AtLeast(0);
    wanted.time = time;
    verify(&evidence, Artifact::Bytes(PAYLOAD), &root(None, None), &wanted, later())
}

#[test]
fn a_strangers_timestamp_beside_a_good_one_does_not_count() {
    let mut stranger = TOKEN.to_vec();
    *stranger.last_mut().unwrap() ^= 1;
    for tokens in [[TOKEN, stranger.as_slice()], [stranger.as_slice(), TOKEN]] {
        let verified = bundle(&tokens, TimeSource::Timestamps(1)).unwrap();
        assert_eq!(verified.times.len(), 1);
        let said = verified.report.iter().any(|checked| match &checked.outcome {
            signet_trust::Outcome::NotChecked(why) => {
                checked.check == Check::Timestamp && why.starts_with("1 of 2 do not count")
            }
            signet_trust::Outcome::Passed(_) => false,
        });
        assert!(said, "{:?}", verified.report);
        // Nor does it count towards a second authority.
        assert_eq!(bundle(&tokens, TimeSource::Timestamps(2)).unwrap_err().check, Check::Time);
    }
    assert_eq!(bundle(&[TOKEN, TOKEN], TimeSource::Timestamps(1)).unwrap_err().check, Check::Timestamp);
    assert_eq!(bundle(&[&stranger], TimeSource::NotNeeded).unwrap_err().check, Check::Timestamp);
    assert_eq!(bundle(&[&stranger, b"none"], TimeSource::NotNeeded).unwrap_err().check, Check::Timestamp);
}
