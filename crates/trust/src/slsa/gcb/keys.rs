//! The public keys of Cloud Build's attestor.
//!
//! Google publishes them in its key management service (`gcloud kms keys versions get-public-key`, project `verified-builder`); they are trust
//! anchors, so they stand here and are never fetched when a provenance is judged.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::PublicKey;

/// What a key's signatures cover.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signs {
    /// The bare payload.
    Payload,
    /// The pre-authentication encoding of DSSE.
    PreAuthentication,
}

const PREFIX: &str = "projects/verified-builder/locations/";
const REGIONAL: &str = "/keyRings/attestor/cryptoKeys/builtByGCB/cryptoKeyVersions/1";
const GLOBAL_SLSA_0_1: &str =
    "projects/verified-builder/locations/global/keyRings/attestor/cryptoKeys/provenanceSigner/cryptoKeyVersions/1";
const GLOBAL_SLSA_1: &str =
    "projects/verified-builder/locations/global/keyRings/attestor/cryptoKeys/google-hosted-worker/cryptoKeyVersions/1";

/// Region, and the SubjectPublicKeyInfo of its P-256 key in Base64.
const REGIONS: &[(&str, &str)] = &[
    (
        "asia-east1",
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAED19/xPzO6sLFZxDzsItbVQSLMPBSw7iVGtkXyNicWdplf4pXm6wFyZ/HyqL0Acd4Q3gfJvtVIY3HiAzjohx0cw==",
    ),
    (
        "asia-northeast1",
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE4RlI/MHfE9ZjKba6rMSGu3A/M0FHUPBu4anB9yXC+8ubmMBAWIoqgXr7CYGBenw27YasBOQhyGgZQSe9sF+DhQ==",
    ),
    (
        "asia-southeast1",
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEQGLAkRjCFqZbdd4BjhNFNS8l9xMJK1MVNpTA/K+sGl9+HG0r43MMAIXt6QUst9kCiqiXRp+Oqc0HIGRFZMBFcg==",
    ),
    (
        "australia-southeast1",
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEcYAxYYze8pKKoggou7Pz5oAfFv/YgWN1HAjtT0v0L6sOOKOXvFNTpjQ8nDz1ooNfuxv8pva6l8ZLICTH10CJog==",
    ),
    (
        "europe-north1",
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEoKSuwi41RBzyWlwYBu61xgVrO6zwG8yjVsbyha4FfDSPMQ0V8BIJbqOphh40ACwzEKCszMY36d22FJHSLDiNvg==",
    ),
    (
        "europe-west1",
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEDmJxa2BxOnfra0/J4FHf/2yIOElNp6+ah2tcpK0W8FGFFU3TaC4XEXFKVV/bWmormNDvZGtN710Qi4VforgRzg==",
    ),
    (
        "europe-west2",
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEfDuhy/obSeBa+RwcAZ3EYFvRJmIT1+lcAk/yINf0PBysMV9Lg482EEKmq8ce2rTZXuNFxLLMiHENunJ3oGlJIg==",
    ),
    (
        "europe-west3",
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEWNPQh5Z5gTBJGwINV7nja+uJ0qCDPek4yIfgjrhmqM3Cu06kdpfod8TCL7z32uIQTb5VysO4XVhbAY2bN0BAkg==",
    ),
    (
        "europe-west4",
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEOHbdm8kpkMdEeD0i2WcWFCss620Tts1x82wakzDELaS4rxDfJ7eSTQOyfQupjDl9M9k99uY8DoX2vAABI8DdoA==",
    ),
    (
        "global",
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAECGIoAk3mHV8xq/P1x6doSzAJlTaWYhrmI3rfN5zfk3/Dq6nPpm8D0CMVNyc4HZ5ChTDqTV8EyaR56nLqjvMYUA==",
    ),
    (
        "southamerica-west1",
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAExvyU8IkmPjrV8V8dkuBMcOtvJykfWZhaTuYcOS5KXMVpEllJ3jh9WFyuoG54mVLgFJUQwrYLhUWORRVGH1kskw==",
    ),
    (
        "us-central1",
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEAUqas+Xhfss+NCsiL8ayl1Sxz9TFbDxLuokg59lGmpm4ca2Idmh1aYt04ZkM8sgXq/FMTXxqISA4dQapp0utZg==",
    ),
    (
        "us-central2",
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEOBZl8kLzGV63W0ERoHAG0xpkOu+TzDUzk6kISDonvno/emAacWmrTMxbhDQwRcnTtT9TpUG98+WukL2PDPQ61g==",
    ),
    (
        "us-east1",
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEyWUk6LGBm/wTWioZ7pTA7Ds0sXQd3Y4HYyF3/Hl/UYNveSBhMdkM4yReQPU2fNh5CkK77+JzGU8NypnvFWYSVQ==",
    ),
    (
        "us-east4",
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE88g3xqG/UtPE5LFG3Z6MWpZ/ofJRE9VHeavlxhNSzV6USMUBJEU3I9/xfanRJUTT4oNdMi7cv5BeCaS2Q3mZ3w==",
    ),
    (
        "us-west1",
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEIZhFqz97qH9dFn23yWYVkwZVYXOAHllzqzr14tRkXesHcZoVnekBMBkkIkP+jgechjkjZG3NPssdmIZFZ6+oyA==",
    ),
    (
        "us-west2",
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEw/gdczl7qDD4ww9B6WmJ6++/hQ5Smdw/1RBcwNNQE9qN0O+DilRE9/AjH7OvJUhNznOzEzH7mFq5mNdmUjYlXg==",
    ),
    (
        "us-west3",
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEolPSVMeD5XcXCa5gNIdSj51Z4VE7u3uie+EeCOAAi//g2zj+hsEchXjYA5edo9eH6iv2w1g2DMrNWutW45nRkg==",
    ),
    (
        "us-west4",
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAERM4hS/6KZNbEootGWRBc8lmTzIGpFvCKxVQL2xRU87d4OCyp1iP0IsSe2a1GQPQuK8SD0vwEb9hJDBZaEOF15g==",
    ),
];
const PROVENANCE_SIGNER: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEdMcJUyKbmarf6dydhfmAjgmK6c42oCCNRR1se3Bi3VO65KcGk6qyci6/bsu2s4u+dLKWrsUQomEw4v3FtVctoA==";
const GOOGLE_HOSTED_WORKER: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEg9KII7kzr/30HBluf00y9WwtMFkEqc3oCcFVH3QJ37IBLUv/MUApbnNHFfD75ayJ/a0F45xa+MLv5zoep+GxsA==";

/// The key of an identifier, and what it signs.
pub(super) fn by_id(id: &str) -> Option<(PublicKey, Signs)> {
    let (key, signs) = match id {
        GLOBAL_SLSA_0_1 => (PROVENANCE_SIGNER, Signs::PreAuthentication),
        GLOBAL_SLSA_1 => (GOOGLE_HOSTED_WORKER, Signs::PreAuthentication),
        _ => {
            let region = id.strip_prefix(PREFIX)?.strip_suffix(REGIONAL)?;
            (REGIONS.iter().find(|(name, _)| *name == region)?.1, Signs::Payload)
        }
    };
    Some((PublicKey::from_der(&STANDARD.decode(key).ok()?).ok()?, signs))
}

/// Whether a key signs provenance of SLSA 1; all others sign 0.1.
pub(super) fn signs_slsa_1(id: &str) -> bool {
    id == GLOBAL_SLSA_1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_one() {
        for (region, _) in REGIONS {
            let id = format!("{PREFIX}{region}{REGIONAL}");
            assert_eq!(by_id(&id).map(|(_, signs)| signs), Some(Signs::Payload), "{region}");
        }
        for id in [GLOBAL_SLSA_0_1, GLOBAL_SLSA_1] {
            assert_eq!(by_id(id).map(|(_, signs)| signs), Some(Signs::PreAuthentication), "{id}");
        }
        for id in ["", "global", &format!("{PREFIX}{REGIONAL}"), &format!("{PREFIX}../global{REGIONAL}")] {
            assert!(by_id(id).is_none(), "{id}");
        }
    }
}
