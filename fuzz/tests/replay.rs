//! The targets on seeds, and on damaged forms of them. A crash that a fuzzer finds is kept in `corpus/<target>/`, and stays found.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on says where")]

use std::path::{Path, PathBuf};

use base64::Engine as _;

use signet_catalog::{Claim, Image, Input, Parts};
use signet_fuzz::TARGETS;
use signet_model::Location;

/// A small generator, so that every run throws the same bytes.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        // xorshift64*: enough to choose places, and no dependency.
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

/// Damaged forms of every seed; more would take longer than they find.
const FORMS: usize = 500;
/// Larger fixtures are left to the tests of their rooms.
const LARGEST: u64 = 64 << 10;

#[test]
fn seeds_and_damaged_forms_of_them_do_no_harm() {
    for (name, target) in TARGETS {
        let mut seeds = seeds(name);
        seeds.extend(kept(name));
        assert!(!seeds.is_empty(), "no seed for `{name}`");
        for seed in seeds {
            target(&seed);
            let mut random = Random(0x5169_6e65_7421 ^ seed.len() as u64);
            for _ in 0..FORMS {
                target(&damaged(&seed, &mut random));
            }
        }
        target(b"");
    }
}

/// A target that only one of the two runs is one that nobody runs.
#[test]
fn each_target_is_a_fuzzer_and_each_fuzzer_a_target() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("libfuzzer");
    let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    let mut fuzzers: Vec<String> = std::fs::read_dir(folder.join("fuzz_targets"))
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    fuzzers.sort();
    let targets: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    assert_eq!(targets, fuzzers, "TARGETS, sorted by name, and libfuzzer/fuzz_targets");
    for name in targets {
        let source = std::fs::read_to_string(folder.join(format!("fuzz_targets/{name}.rs"))).unwrap();
        assert!(source.contains(&format!("signet_fuzz::{name}(data)")), "{name}: {source}");
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name} is no program of libfuzzer/Cargo.toml");
    }
}

/// Every fixture of the catalogers goes to every cataloger: a file's name promises nothing about its bytes.
#[test]
fn any_fixture_in_any_cataloger_does_no_harm() {
    let mut files = Vec::new();
    fixtures(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/catalog/src"), &mut files);
    files.sort();
    assert!(files.len() > 20, "only {} fixtures were found", files.len());
    let mut random = Random(0x5eed);
    for file in files {
        let bytes = std::fs::read(&file).unwrap();
        for leaf in signet_catalog::leaves() {
            let location = Location::of_path(signet_fuzz::path_of(leaf));
            for form in [bytes.clone(), damaged(&bytes, &mut random), damaged(&bytes, &mut random)] {
                if leaf.claims.contains(&Claim::Executable) {
                    let parts = Parts::whole(form);
                    if let Some(image) = Image::read(&parts) {
                        (leaf.read)(&Input { location: &location, bytes: &[], binary: Some(&image), leaf: leaf.id });
                    }
                } else {
                    (leaf.read)(&Input { location: &location, bytes: &form, binary: None, leaf: leaf.id });
                }
            }
        }
    }
}

/// The manifest of `libfuzzer/` is no part of the workspace, so that nothing else would tell of a target that it lost.
#[test]
fn every_target_can_be_fuzzed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("libfuzzer");
    let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    let mut named = std::collections::BTreeSet::new();
    for section in manifest.split("[[bin]]").skip(1) {
        let of = |key: &str| {
            section.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix(" = ")).collect::<Vec<_>>()
        };
        let (names, paths) = (of("name"), of("path"));
        let ([name], [path]) = (names.as_slice(), paths.as_slice()) else { panic!("not one target: {section}") };
        assert_eq!(path.trim_matches('"'), format!("fuzz_targets/{}.rs", name.trim_matches('"')));
        assert!(named.insert(name.trim_matches('"')), "{name} stands twice");
    }
    for (name, _) in TARGETS {
        assert!(named.contains(name), "`{name}` is not in libfuzzer/Cargo.toml");
        let source = std::fs::read_to_string(folder.join(format!("fuzz_targets/{name}.rs"))).unwrap();
        assert!(source.contains(&format!("signet_fuzz::{name}(data)")), "{source}");
    }
}

fn fixtures(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let path = entry.path();
        if path.is_dir() {
            fixtures(&path, files);
        } else if path.components().any(|part| part.as_os_str() == "testdata")
            && entry.metadata().unwrap().len() <= LARGEST
        {
            files.push(path);
        }
    }
}

/// What fuzzers found.
fn kept(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}

/// A bundle with every member that is read, by no key.
const BUNDLE: &str = r#"{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{"publicKey":{"hint":"a"},"tlogEntries":[{"logIndex":"1","logId":{"keyId":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="},"kindVersion":{"kind":"hashedrekord","version":"0.0.1"},"integratedTime":"1","inclusionPromise":{"signedEntryTimestamp":"AAAA"},"inclusionProof":{"logIndex":"1","treeSize":"2","rootHash":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","hashes":["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="],"checkpoint":{"envelope":"a"}},"canonicalizedBody":"e30="}],"timestampVerificationData":{"rfc3161Timestamps":[{"signedTimestamp":"AAAA"}]}},"messageSignature":{"messageDigest":{"algorithm":"SHA2_256","digest":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="},"signature":"AAAA"}}"#;

/// The bytes of the first block of a PEM text.
fn der(pem: &str) -> Vec<u8> {
    let block: String = pem.lines().skip(1).take_while(|line| !line.starts_with('-')).collect();
    base64::engine::general_purpose::STANDARD.decode(block).unwrap()
}

/// Well-formed inputs to begin with.
fn seeds(name: &str) -> Vec<Vec<u8>> {
    let text = |texts: &[&str]| texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    const OSV: &str = r#"{"id":"OSV-1","modified":"2026-01-01T00:00:00Z","affected":[{"package":{"ecosystem":"npm","name":"a"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"1.2.3"}]}],"versions":["1.0.0"]}]}"#;
    match name {
        // Free pages, a root bucket that leads nowhere: what the reader of pages has to survive. Whole files are made by its own tests.
        "bbolt" | "trivy_db" => vec![bolt()],
        "artifact" => {
            let digest = signet_model::Digest::sha256(b"");
            let mut config = signet_advisories::artifact::ArtifactConfig::of(digest, 7, &[], &[]);
            config.deltas.push(signet_advisories::artifact::ArtifactDelta { base: digest, layer: digest, size: 1 });
            vec![config.to_json()]
        }
        "attestation" => text(&[
            r#"{"_type":"https://in-toto.io/Statement/v1","subject":[{"digest":{"sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}}],"predicateType":"https://openvex.dev/ns/v0.2.0","predicate":{"@context":"https://openvex.dev/ns/v0.2.0","statements":[{"vulnerability":{"name":"CVE-2026-0001"},"products":[{"@id":"pkg:npm/a@1"}],"status":"fixed"}]}}"#,
            r#"{"payloadType":"application/vnd.in-toto+json","payload":"eyJfdHlwZSI6Imh0dHBzOi8vaW4tdG90by5pby9TdGF0ZW1lbnQvdjEiLCJwcmVkaWNhdGVUeXBlIjoieCJ9","signatures":[]}"#,
            r#"{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","dsseEnvelope":{"payloadType":"text","payload":"AA=="}}"#,
        ]),
        // Entries of both versions, a signing request, and a query that OpenSSL made; a token of nobody; a key set; a tile.
        "authority" => {
            let encoded =
                |text: &str| base64::Engine::decode(&base64::engine::general_purpose::STANDARD, text).unwrap();
            let mut all: Vec<Vec<u8>> = text(&[
                r#"{"hashedRekordRequestV002":{"digest":"7XACtDnprIRfIjV9giusFERzD722AW0+yUMil7nsn3M=","signature":{"content":"MEQCIEOWqmmv4YYuy66tg1gBVUZPaqr+l3EDhuR4qYACGpNBAiBrN48V3eQQsHTW7tL8N6RasQ64UiH/WNNoKBu7pTN3wg==","verifier":{"publicKey":{"rawBytes":"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEcFdQytrZij/P1ihSuORLRJSrEW3l8ng9k++Ab8FKQt9nnrC28KtOi2ltU/eyKeSRoFS0ZhgLHVgRZW7iY4eP2w=="},"keyDetails":"PKIX_ECDSA_P256_SHA_256"}}}}"#,
                r#"{"credentials":{"oidcIdentityToken":"a.b.c"},"publicKeyRequest":{"publicKey":{"algorithm":"ECDSA","content":"x"},"proofOfPossession":"AAAA"}}"#,
                "eyJhbGciOiJFUzI1NiIsImtpZCI6IjEifQ.eyJpc3MiOiJodHRwczovL2V4YW1wbGUuY29tIiwiYXVkIjoic2lnc3RvcmUifQ.AAAA",
                r#"{"keys":[{"kty":"EC","crv":"P-256","kid":"1","x":"cFdQytrZij_P1ihSuORLRJSrEW3l8ng9k--Ab8FKQt8","y":"Z56wtvCrTotpbVP3sinkkaBUtGYYCx1YEWVu4mOHj9s"}]}"#,
                "0/x001/x234/067.p/5",
                r#"{"apiVersion":"0.0.1","kind":"hashedrekord","spec":{"data":{"hash":{"algorithm":"sha256","value":"ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73"}},"signature":{"content":"MEQCIEOWqmmv4YYuy66tg1gBVUZPaqr+l3EDhuR4qYACGpNBAiBrN48V3eQQsHTW7tL8N6RasQ64UiH/WNNoKBu7pTN3wg==","publicKey":{"content":"LS0tLS1CRUdJTiBQVUJMSUMgS0VZLS0tLS0KTUZrd0V3WUhLb1pJemowQ0FRWUlLb1pJemowREFRY0RRZ0FFY0ZkUXl0clppai9QMWloU3VPUkxSSlNyRVczbAo4bmc5aysrQWI4RktRdDlubnJDMjhLdE9pMmx0VS9leUtlU1JvRlMwWmhnTEhWZ1JaVzdpWTRlUDJ3PT0KLS0tLS1FTkQgUFVCTElDIEtFWS0tLS0tCg=="}}}}"#,
                r#"{"apiVersion":"0.0.1","kind":"dsse","spec":{"proposedContent":{"envelope":"{\"payloadType\":\"application/vnd.in-toto+json\",\"payload\":\"e30=\",\"signatures\":[{\"keyid\":\"\",\"sig\":\"MEQCIBbKizFPpzN5Dnd2iNICSK3C+Go2r/WM7RE7kznAjJvZAiAEIauj0G/qZqV2NSublTwW7hEXg2pe6uDW23vnSTDSXA==\"}]}","verifiers":["LS0tLS1CRUdJTiBQVUJMSUMgS0VZLS0tLS0KTUZrd0V3WUhLb1pJemowQ0FRWUlLb1pJemowREFRY0RRZ0FFSndkaTFqd0Z4R1BYT3BwR0swU0UvMjM2cDQ3bAo1RDllKzVjaW5GTGJVVXI0clIzMGRFOHhxV1hMVzRoTS9qRFFPdjZWSWF6WGFRWlRYUkFOdHNqQ3FRPT0KLS0tLS1FTkQgUFVCTElDIEtFWS0tLS0tCg=="]}}}"#,
            ]);
            all.push(encoded(
                "MEQCAQEwMTANBglghkgBZQMEAgEFAAQgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAACCQCHbZd5vWSDLwEB/w==",
            ));
            all.push(encoded("MIHGMG4CAQAwDDEKMAgGA1UEAwwBYTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABHBXUMra2Yo/z9YoUrjkS0SUqxFt5fJ4PZPvgG/BSkLfZ56wtvCrTotpbVP3sinkkaBUtGYYCx1YEWVu4mOHj9ugADAKBggqhkjOPQQDAgNIADBFAiAG4ZDhXx94Zvtt5nipxftXFJTVw9L0NmOfe09ePhricAIhALYv+uHdbSv9CIJXVxi525E7ZK5s+5wf9s4hWw1AhSw/"));
            for seed in all.iter().enumerate().filter(|(at, _)| *at != 2).map(|(_, seed)| seed) {
                // A seed that is not read would fuzz nothing. The token's issuer is not trusted, and the key in the request is no PEM.
                assert!(signet_authority::reads(seed), "{}", String::from_utf8_lossy(seed));
            }
            all
        }
        "bundle" => text(&[
            BUNDLE,
            r#"{"base64Signature":"AAAA","cert":"","rekorBundle":{"SignedEntryTimestamp":"AAAA","Payload":{"body":"e30=","integratedTime":1,"logIndex":1,"logID":"0000000000000000000000000000000000000000000000000000000000000000"}}}"#,
        ]),
        "sealing" => text(&[
            r#"{"24296fb24b8ad77a":{"body":"eyJhcGlWZXJzaW9uIjoiMC4wLjEiLCJraW5kIjoiaGFzaGVkcmVrb3JkIn0=","integratedTime":1,"logID":"0000000000000000000000000000000000000000000000000000000000000000","logIndex":1,"verification":{"signedEntryTimestamp":"AAAA","inclusionProof":{"logIndex":1,"treeSize":2,"rootHash":"00","hashes":["00"],"checkpoint":"a"}}}}"#,
            r#"{"logIndex":"1","logId":{"keyId":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="},"kindVersion":{"kind":"hashedrekord","version":"0.0.2"},"inclusionProof":{"logIndex":"1","treeSize":"2","rootHash":"AAAA","hashes":[],"checkpoint":{"envelope":"a"}},"canonicalizedBody":"e30="}"#,
            r#"{"signedCertificateEmbeddedSct":{"chain":{"certificates":["-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]}}}"#,
            r#"{"mediaType":"application/vnd.dev.sigstore.signingconfig.v0.2+json","caUrls":[{"url":"https://a.example","majorApiVersion":1,"validFor":{"start":"1970-01-01T00:00:00Z"},"operator":"a"}],"rekorTlogUrls":[{"url":"https://b.example","majorApiVersion":2,"operator":"b"}],"rekorTlogConfig":{"selector":"EXACT","count":1},"tsaUrls":[],"tsaConfig":{"selector":"ALL"}}"#,
            r#"{"invocation":{},"scanner":{"uri":"a"},"metadata":{"scanStartedOn":"2026-01-01T00:00:00Z","scanFinishedOn":"2026-01-01T00:00:00Z"}}"#,
            "SPDXVersion: SPDX-2.3\n",
        ]),
        "certificate" => {
            let authority = include_str!("../../crates/trust/testdata/authority.pem");
            let key = include_str!("../../crates/trust/testdata/key.pub");
            vec![authority.as_bytes().to_vec(), key.as_bytes().to_vec(), der(authority), der(key)]
        }
        "checkpoint" => {
            text(&[
                "log.example\n7\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n\u{2014} log.example AAAAAAA=\n",
                // By the witness that the target knows, whose key is the bytes 0 to 31; and that witness's verifier key.
                "log.example\n7\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n\u{2014} w.example x4fkNwAAAABlU/EAO38GYlymyQKr6zy/GVCrH2TxZD3QRZxdzhiE2RNMK4Q6jCOP/+a6r+lqHKSfMUGqlhnjRH9DcfxbTdTqhDVwCA==\n",
                "w.example+c787e437+BAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4",
            ])
        }
        "dsse" => text(&[
            r#"{"payloadType":"application/vnd.in-toto+json","payload":"e30=","signatures":[{"sig":"AAAA","keyid":""}]}"#,
            r#"{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"a","digest":{"sha256":"00"}}],"predicateType":"https://example.com/p","predicate":{}}"#,
        ]),
        "notation" => {
            let chain = base64::engine::general_purpose::STANDARD
                .encode(der(include_str!("../../crates/trust/testdata/authority.pem")));
            let part = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
            let protected = part(
                r#"{"alg":"ES256","cty":"application/vnd.cncf.notary.payload.v1+json","crit":["io.cncf.notary.signingScheme","io.cncf.notary.expiry"],"io.cncf.notary.signingScheme":"notary.x509","io.cncf.notary.signingTime":"2026-01-01T00:00:00Z","io.cncf.notary.expiry":"2027-01-01T00:00:00Z"}"#,
            );
            let payload = part(
                r#"{"targetArtifact":{"mediaType":"a","digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":1}}"#,
            );
            let jws = format!(
                r#"{{"payload":"{payload}","protected":"{protected}","header":{{"x5c":["{chain}"],"io.cncf.notary.signingAgent":"a"}},"signature":"AAAA"}}"#
            );
            // COSE_Sign1: protected {1: -7, 2: [scheme], 3: type, scheme: "notary.x509"}, unprotected {33: [h'30']}, payload, signature.
            let mut cose = vec![0xd2, 0x84, 0x58, 77, 0xa4, 1, 0x26, 2, 0x81, 0x78, 28];
            cose.extend(b"io.cncf.notary.signingScheme");
            cose.extend([3, 0x61, b'a', 0x78, 28]);
            cose.extend(b"io.cncf.notary.signingScheme");
            cose.extend([
                0x64, b'n', b'o', b't', b'e', 0xa1, 0x18, 33, 0x81, 0x41, 0x30, 0x42, b'{', b'}', 0x43, 1, 2, 3,
            ]);
            let policy = r#"{"version":"1.0","trustPolicies":[{"name":"a","registryScopes":["r.example/a"],"signatureVerification":{"level":"permissive","override":{"expiry":"log"}},"trustStores":["ca:a","tsa:b"],"trustedIdentities":["x509.subject: C=US, ST=WA, O=acme"]}]}"#;
            vec![jws.into_bytes(), cose, policy.as_bytes().to_vec()]
        }
        "provenance" => text(&[
            r#"{"attestations":[{"predicateType":"https://slsa.dev/provenance/v1","bundle":{}},{"predicateType":"https://github.com/npm/attestation/tree/main/specs/publish/v0.1","bundle":{}}]}"#,
            r#"{"image_summary":{"digest":"sha256:00","fully_qualified_digest":"r@sha256:00"},"provenance_summary":{"provenance":[{"build":{"intotoStatement":{}},"kind":"BUILD","resourceUri":"r@sha256:00","noteName":"n","envelope":{"payload":"e30=","payloadType":"application/vnd.in-toto+json","signatures":[{"sig":"AAAA","keyid":"projects/verified-builder/locations/global/keyRings/attestor/cryptoKeys/google-hosted-worker/cryptoKeyVersions/1"}]}}]}}"#,
            r#"{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"a","digest":{"sha256":"00"}}],"predicateType":"https://slsa.dev/verification_summary/v1","predicate":{"verifier":{"id":"v"},"resourceUri":"r","verificationResult":"PASSED","verifiedLevels":["SLSA_BUILD_LEVEL_3"]}}"#,
        ]),
        "tuf" => {
            let instance = signet_trust::Instance::PublicGood;
            let state = signet_trust::TufState::begin(instance.mirror(), instance.tuf_root()).unwrap();
            let metadata = r#"{"signatures":[{"keyid":"a","sig":"00"}],"signed":{"_type":"timestamp","spec_version":"1.0","version":1,"expires":"2030-01-01T00:00:00Z","meta":{"snapshot.json":{"version":1,"length":1,"hashes":{"sha256":"00"}}}}}"#;
            vec![instance.tuf_root().to_vec(), state.write(), metadata.as_bytes().to_vec()]
        }
        "timestamp" => vec![include_bytes!("../../crates/trust/testdata/timestamp.tsr").to_vec()],
        "database" => vec![compiled(OSV)],
        "delta" => {
            let pieces = signet_advisories::delta::diff(&signet_fuzz::nothing(), &compiled(OSV)).unwrap();
            vec![pieces[88..].to_vec(), compiled(OSV)]
        }
        "segment" => {
            let mut writer = signet_advisories::segment::SegmentWriter::new(Vec::new()).unwrap();
            let mut summary = signet_advisories::feeds::osv::Summary::default();
            signet_advisories::feeds::osv::read("seed", OSV.as_bytes(), &mut summary, &mut |record| {
                writer.put(&record).unwrap();
                Ok(())
            })
            .unwrap();
            let remarks = vec![(true, "a remark".to_owned())];
            let end = signet_advisories::segment::SegmentEnd { remarks, ..Default::default() };
            vec![writer.finish(&end).unwrap()]
        }
        "twirp" => ["PutBlobRequest.bin", "PutBlobRequest.json", "ScanRequest.bin", "ScanResponse.bin"]
            .iter()
            .map(|name| {
                let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/twirp/testdata/");
                std::fs::read(format!("{folder}{name}")).unwrap()
            })
            .collect(),
        "expression" => text(&[
            "severity >= high && fixed && (kev || epss >= 0.1)",
            "aliases.exists(a, a.startsWith('CVE-')) ? age > duration('7d') : [1, 2].all(x, x > 0) || {'a': 1}['a'] == 1",
        ]),
        "sqlite" => {
            let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/pages/src/testdata");
            ["tables.sqlite", "index.sqlite"].map(|name| std::fs::read(files.join(name)).unwrap()).to_vec()
        }
        "admission_review" => text(&[
            r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u","operation":"CREATE","kind":{"group":"","version":"v1","kind":"Pod"},"resource":{"group":"","version":"v1","resource":"pods"},"namespace":"a","userInfo":{"username":"system:serviceaccount:a:b","groups":["c"]},"object":{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},"spec":{"initContainers":[{"name":"i","image":"a@sha256:abc"}],"containers":[{"name":"c","image":"ghcr.io/org/app:1"},{"name":"d"}],"volumes":[{"image":{"reference":"v:1"}}]}}}}"#,
            r#"{"apiVersion":"admission.k8s.io/v1beta1","kind":"AdmissionReview","request":{"uid":"u","operation":"UPDATE","subResource":"ephemeralcontainers","kind":{"group":"apps","version":"v1","kind":"Deployment"},"object":{"spec":{"template":{"spec":{"containers":[{"image":"A"}]}}}},"oldObject":{"spec":{"template":{"spec":{"containers":[{"image":"A"}]}}}},"dryRun":true}}"#,
            r#"{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v2","request":{"uid":"u"}}"#,
            "null",
        ]),
        "cel" => text(&[
            "object.spec.containers.all(c, c.image.contains(':')) ? 1 : 2",
            "object.spec.?none[?'x'].orValue([1, 2u, 3.5]).map(i, v, i).transformMap(k, v, v)",
            "[JSONPatch{op: 'add', path: '/spec/containers/-', value: {'a': b'\\xff', ?'c': object.?d}}]",
            "Object{spec: Object.spec{containers: object.spec.containers.map(c, Object.spec.containers{name: c.name})}}",
            "cel.bind(x, '%s %.3e'.format([[1], 2.5]), x + x).split('') == timestamp(5).getHours('+01:00')",
            "lists.range(1000).all(a, lists.range(1000).all(b, true))",
            "url('https://[::1]:8/%zz').getQuery() || cidr('10.0.0.0/8').containsIP('x') && semver('1.0.0-a').major() > 1",
            "{apiVersion: policies.kyverno.io/v1, kind: ValidatingPolicy, metadata: {name: a}, spec: {evaluation: {mode: JSON}, validations: [{expression: object.a}]}}",
        ]),
        "jmespath" => text(&[
            "a[?b == 'x' && a > `0`].{n: a, \"m\": b} | sort_by(@, &n)[-1:].n || 'none'",
            "regex_replace_all('(.)b', to_string(a[].b[]), '$1') | truncate(@, `9`)",
            "add('1.5Gi', sum(['1Ki', '100m'])) || time_add(time_now(), '1h30m')",
            "random('[a-z]{3}(x|y)?') && semver_compare('1.2.3', '>=1.x <2.0.0 || 3.0.0')",
            "parse_yaml('{a: [1]}') | items(@, 'k', 'v')[*].[k, v] | map(&[0], @)",
            "[x509_decode(text), image_normalize(text), is_external_url(text), time_parse('Mon Jan _2 15:04:05.000 MST 2006', text)]",
        ]),
        "java_index" => {
            let catalog = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/catalog/src");
            vec![std::fs::read(catalog.join("java/testdata/java-index.db")).unwrap()]
        }
        "grype_db" => {
            let feeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/advisories/src/feeds");
            vec![std::fs::read(feeds.join("grype_db/testdata/vulnerability.db")).unwrap()]
        }
        "feed" => {
            let forms = [
                OSV,
                r#"{"openssl": {"CVE-2026-0001": {"releases": {"bookworm": {"status": "resolved", "fixed_version": "3.0.11-1"}}}}}"#,
                r#"{"document": {"tracking": {"id": "A"}}, "vulnerabilities": [{"cve": "CVE-2026-0001", "product_status": {"fixed": ["a"]}}]}"#,
                "<oval_definitions><definitions><definition id=\"d\"><metadata/><criteria operator=\"AND\"><criterion test_ref=\"t\" comment=\"a is installed\"/></criteria></definition></definitions></oval_definitions>",
                "```toml\n[advisory]\nid = \"RUSTSEC-2026-0001\"\npackage = \"a\"\n[versions]\npatched = [\"^1.0\"]\n```\n# a\n",
                "gem: a\ncve: 2026-0001\npatched_versions:\n  - \">= 1\"\n",
            ];
            let feeds = 0..signet_advisories::feeds::SOURCES.len().min(255) as u8;
            // Each form for a few feeds: all for all would take minutes.
            feeds.map(|choice| [&[choice], forms[usize::from(choice) % forms.len()].as_bytes()].concat()).collect()
        }
        "key" => {
            let keys = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/keys/tests/testdata");
            let pem = std::fs::read(keys.join("sigstore-65536.key")).unwrap();
            let mut seeds = text(&[
                "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n-----BEGIN EC PRIVATE KEY-----\nMAA=\n-----END EC PRIVATE KEY-----\n",
                "pkcs11:token=My%20token;slot-id=7;object=k%3B1;id=%01%ff?module-path=/lib/m.so&pin-value=12%2634",
                r#"{"kdf":{"name":"scrypt","params":{"N":65536,"r":8,"p":1},"salt":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="},"cipher":{"name":"nacl/secretbox","nonce":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"},"ciphertext":"AAAA"}"#,
                "current-context: b\ncontexts:\n- {name: b, context: {cluster: c, user: u}}\nclusters:\n- {name: c, cluster: {server: https://k.example:6443/}}\nusers:\n- {name: u, user: {exec: {command: aws, args: [get-token]}}}\n",
                "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJpIiwiYXVkIjoic2lnc3RvcmUiLCJleHAiOjksInN1YiI6Im1lIn0.c2ln",
            ]);
            seeds.push(pem);
            seeds.push(vec![0x18, 0x96, 0x01, 0x0a, 8, 0x0a, 1, b's', 0x12, 3, b't', b'o', b'k']);
            seeds
        }
        "layer" => {
            let layer = signet_image::build::LayerBuilder::new();
            let layer = layer.file("etc/os-release", b"ID=debian\n").symlink("lib", "usr/lib").whiteout("usr/bin/perl");
            vec![layer.finish()]
        }
        "lazy" => {
            let (blob, [_, start, end]) = signet_fuzz::lazy_archive();
            let digest = signet_model::Digest::sha256(b"ID=debian\n");
            let table = format!(
                "\0{{\"version\":1,\"entries\":[{{\"type\":\"reg\",\"name\":\"etc/os-release\",\"mode\":420,\"size\":10,\"offset\":{start},\"endOffset\":{end},\"digest\":\"{digest}\"}}]}}"
            );
            // An eStargz layer without files: its table of contents, and the footer that leads there.
            let tar = signet_image::build::LayerBuilder::new();
            let tar =
                tar.file("stargz.index.json", br#"{"version":1,"entries":[{"type":"dir","name":"etc","mode":493}]}"#);
            let head = signet_image::build::LayerBuilder::new().directory("etc").finish();
            let mut estargz = vec![1];
            estargz.extend(signet_image::build::pack(&head[..512], signet_image::Compression::Gzip));
            let offset = estargz.len() - 1;
            estargz.extend(signet_image::build::pack(&tar.finish(), signet_image::Compression::Gzip));
            estargz.extend([0x1F, 0x8B, 8, 4, 0, 0, 0, 0, 0, 0xFF, 26, 0, b'S', b'G', 22, 0]);
            estargz.extend(format!("{offset:016x}STARGZ").bytes());
            estargz.extend([1, 0, 0, 0xFF, 0xFF, 0, 0, 0, 0, 0, 0, 0, 0]);
            assert!(!blob.is_empty());
            let seeds = vec![table.into_bytes(), estargz];
            for seed in &seeds {
                assert!(signet_fuzz::lazy_is_read(seed), "a seed that cannot be read leads nowhere");
            }
            seeds
        }
        "leaf" => (0..=255u8)
            .map(|choice| {
                [&[choice], &b"{\"name\":\"a\",\"version\":\"1.0.0\"}\nPackage: a\nVersion: 1\n\n"[..]].concat()
            })
            .collect(),
        "manifest" => text(&[
            r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":0},"layers":[]}"#,
            r#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]},"history":[{"created_by":"x"}]}"#,
        ]),
        "openvex" => text(&[
            r#"{"@context":"https://openvex.dev/ns/v0.2.0","@id":"x","author":"a","timestamp":"2026-01-01T00:00:00Z","version":1,"statements":[{"vulnerability":{"name":"CVE-2026-0001"},"products":[{"@id":"pkg:npm/a@1"}],"status":"not_affected","justification":"component_not_present"}]}"#,
            "# why\nCVE-2026-0001 exp:2026-12-31\n",
        ]),
        "osv" => text(&[OSV]),
        "image_rules" => text(&[
            "apiVersion: templates.gatekeeper.sh/v1\nkind: ConstraintTemplate\nmetadata: {name: k}\nspec:\n  crd: {spec: {names: {kind: K}, validation: {openAPIV3Schema: {type: object, properties: {a: {type: string, pattern: '^x', default: xy}}}}}}\n  targets:\n  - target: admission.k8s.gatekeeper.sh\n    rego: |\n      package k\n      violation[{\"msg\": m}] { c := input.review.object.spec.containers[_]; not startswith(c.image, input.parameters.a); m := c.image } { m := \"x\"; false }\n\0apiVersion: constraints.gatekeeper.sh/v1beta1\nkind: K\nmetadata: {name: c}\nspec: {match: {kinds: [{apiGroups: [''], kinds: [Pod]}], excludedNamespaces: ['*-system']}, parameters: {a: xz}}\n",
            "apiVersion: templates.gatekeeper.sh/v1\nkind: ConstraintTemplate\nmetadata: {name: k}\nspec:\n  crd: {spec: {names: {kind: K}}}\n  targets:\n  - target: admission.k8s.gatekeeper.sh\n    code:\n    - engine: K8sNativeValidation\n      source: {variables: [{name: v, expression: variables.anyObject.spec.containers}], validations: [{expression: 'size(variables.v) > 5', messageExpression: 'variables.v[0].name'}]}\n\0apiVersion: constraints.gatekeeper.sh/v1beta1\nkind: K\nmetadata: {name: c}\nspec: {enforcementAction: scoped, scopedEnforcementActions: [{action: deny, enforcementPoints: [{name: '*'}]}]}\n",
            "apiVersion: policy.sigstore.dev/v1beta1\nkind: ClusterImagePolicy\nmetadata: {name: p}\nspec:\n  images: [{glob: 'e.example/**'}]\n  match: [{resource: pods, version: v1, selector: {matchLabels: {app: c}}}]\n  authorities:\n  - key: {kms: 'awskms:///arn:aws:kms:r:1:key/i'}\n    ctlog: {url: 'https://l'}\n    source: [{oci: a.b/c, tagPrefix: t}]\n  - keyless: {identities: [{issuer: i, subjectRegExp: 's.*'}], trustRootRef: r}\n    attestations: [{name: a, predicateType: vuln, policy: {type: cue, data: x}}]\n  - static: {action: fail, message: m}\n  policy: {type: rego, data: \"package sigstore\\nisCompliant { input.authorityMatches }\"}\n",
            "apiVersion: policy.sigstore.dev/v1alpha1\nkind: TrustRoot\nmetadata: {name: r}\nspec: {sigstoreKeys: {certificateAuthorities: [{subject: {organization: o, commonName: c}, uri: 'https://f', certChain: LS0t}], tLogs: [{baseURL: 'https://l', hashAlgorithm: sha-256, publicKey: LS0t}]}}\n",
            "validators:\n- {name: default, type: static, approve: false}\n- name: c\n  type: cosign\n  host: {rekor: r.example}\n  trustRoots: [{name: a, key: k}, {name: b, keyless: {issuer: i, subjectRegex: 's.*'}}]\npolicy:\n- pattern: '*:*'\n- pattern: 'e.example/[f-h]*:{1,2}'\n  validator: c\n  with: {trustRoot: '*', threshold: 1, required: [a]}\n",
            "{\"apiVersion\": \"externaldata.gatekeeper.sh/v1beta1\", \"kind\": \"ProviderRequest\", \"request\": {\"keys\": [\"a\", \"b\"]}}",
        ]),
        "kyverno" => text(&[
            "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: p}\nspec:\n  rules:\n  - name: r\n    match: {any: [{resources: {kinds: [Pod]}}]}\n    context: [{name: v, variable: {value: {a: 1}}}]\n    validate:\n      message: '{{ request.object.metadata.name }}'\n      foreach:\n      - list: request.object.spec.containers\n        pattern: {(name): d, image: '!*:latest & ?*', =(resources): {limits: {memory: '<=2Gi'}}}\n",
            "apiVersion: kyverno.io/v1\nkind: Policy\nmetadata: {name: p, namespace: b}\nspec:\n  validationFailureAction: Enforce\n  rules:\n  - name: r\n    match: {resources: {kinds: [v1/Pod], selector: {matchLabels: {app: '*'}}}}\n    preconditions: [{key: '{{ request.operation }}', operator: NotEquals, value: DELETE}]\n    validate: {deny: {conditions: {any: [{key: '{{ images.containers.*.tag }}', operator: AnyIn, value: [latest, 1-3]}]}}}\n  - name: s\n    match: {any: [{resources: {kinds: ['*']}}]}\n    validate: {podSecurity: {level: restricted, version: v1.24, exclude: [{controlName: Seccomp}]}}\n",
            "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: p}\nspec:\n  rules:\n  - name: r\n    match: {any: [{resources: {kinds: [Pod]}}]}\n    mutate:\n      patchStrategicMerge: {metadata: {labels: {+(a): b}}, spec: {(hostNetwork): true, containers: [{(name): 'd*', env: [{name: a, $patch: delete}], +(tty): true}], $retainKeys: [containers]}}\n  - name: s\n    match: {any: [{resources: {kinds: [Pod]}}]}\n    mutate:\n      foreach:\n      - list: request.object.spec.containers\n        order: Descending\n        patchesJson6902: |-\n          - {op: add, path: '/spec/containers/{{ elementIndex }}/env/-', value: {name: '{{ element.name }}'}}\n          - {op: copy, from: /spec/containers/-1, path: /spec/containers/0}\n",
            "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: p}\nspec:\n  rules:\n  - name: r\n    match: {any: [{resources: {kinds: [Pod]}}]}\n    verifyImages:\n    - imageReferences: ['*/e:*']\n      type: SigstoreBundle\n      attestors: [{count: 1, entries: [{keyless: {issuerRegExp: '.+', subject: 'a*'}}, {keys: {publicKeys: 'k8s://a/{{ request.namespace }}'}}]}]\n      attestations: [{type: x, conditions: [{all: [{key: '{{ a }}', operator: Equals, value: 1}]}]}]\n  - name: s\n    match: {any: [{resources: {kinds: [Pod]}}]}\n    imageExtractors: {Pod: [{path: /spec/*/*, value: image, key: name}]}\n    generate: {kind: Secret, name: '{{ request.object.metadata.name }}', namespace: b, data: {a: '{{ images.custom.d.tag }}'}}\n",
        ]),
        "policy" => text(&[signet_policy::trust_policy::RECOMMENDED]),
        "record" => {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/store/testdata");
            ["layer-v1.record", "inventory-v1.record"]
                .iter()
                .map(|name| std::fs::read(folder.join(name)).unwrap())
                .collect()
        }
        "reference" => text(&[
            "registry.example.com:5000/team/app:1.2@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "pkg:deb/debian/libc6@2.36-9%2Bdeb12u4?arch=amd64&distro=debian-12#a/b",
        ]),
        "statement_policy" => text(&[
            "package signature\nallow { some i; input.subject[i].digest.sha256; time.parse_rfc3339_ns(input.predicate.t) < time.now_ns() }\0{\"subject\":[{\"digest\":{\"sha256\":\"a\"}}],\"predicate\":{\"t\":\"1969-01-01T00:00:00Z\",\"n\":1.5e3}}",
            "timestamp(statement.predicate.t) < now\0{\"predicate\":{\"t\":\"1969-01-01T00:00:00Z\"}}",
            "import \"time\"\nbefore: time.Parse(time.RFC3339, \"2049-10-09T17:10:27Z\")\npredicate: { Timestamp: <before & !=\"x\", a: b: =~\"^c\" }",
        ]),
        "sbom" => text(&[
            r#"{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"components":[{"type":"library","bom-ref":"a","name":"a","version":"1","purl":"pkg:npm/a@1"}],"dependencies":[{"ref":"a","dependsOn":["a"]}]}"#,
            r#"{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","name":"d","packages":[{"SPDXID":"SPDXRef-a","name":"a","versionInfo":"1"}],"relationships":[]}"#,
            "SPDXVersion: SPDX-2.3\nDataLicense: CC0-1.0\nSPDXID: SPDXRef-DOCUMENT\nDocumentName: d\nCreated: 2026-01-01T00:00:00Z\nPackageName: a\nSPDXID: SPDXRef-a\nPackageVersion: 1\nExternalRef: PACKAGE-MANAGER purl pkg:npm/a@1\nPackageComment: <text>b\nc</text>\nRelationship: SPDXRef-DOCUMENT DESCRIBES SPDXRef-a\n",
            "spdxVersion: SPDX-2.3\nSPDXID: SPDXRef-DOCUMENT\nname: d\npackages:\n- SPDXID: SPDXRef-a\n  name: a\n  versionInfo: 1.10\n",
            "<Document><spdxVersion>SPDX-2.2</spdxVersion><SPDXID>SPDXRef-DOCUMENT</SPDXID><name>d</name><packages><SPDXID>SPDXRef-a</SPDXID><name>a</name></packages></Document>",
            "<bom xmlns='http://cyclonedx.org/schema/bom/1.6' version='1'><components><component type='library' bom-ref='a'><name>a</name><licenses><license><id>MIT</id></license></licenses></component></components><dependencies><dependency ref='a'/></dependencies></bom>",
            r#"{"@context":"https://spdx.org/rdf/3.0.1/spdx-context.jsonld","@graph":[{"type":"software_Package","spdxId":"urn:a","creationInfo":"_:c","name":"a","software_packageVersion":"1"},{"type":"Relationship","spdxId":"urn:r","creationInfo":"_:c","from":"urn:a","relationshipType":"dependsOn","to":["urn:a"]}]}"#,
        ]),
        "vunnel" => text(&[
            r#"{"schema":"https://example.com/vulnerability/os/schema-1.0.0.json","identifier":"rhel:9/cve-2026-1","item":{"Vulnerability":{"Name":"CVE-2026-1","NamespaceName":"rhel:9","Severity":"High","FixedIn":[{"Name":"a","Version":"0:1-2.el9_2","VersionFormat":"rpm","Module":"m:1","Advisories":[{"Advisory":"RHSA-1","Version":"0:1-2.el9_2","Minor":2}]}]}}}"#,
            r#"{"schema":"https://example.com/vulnerability/nvd/schema-1.0.0.json","identifier":"2026/cve-2026-1","item":{"cve":{"id":"CVE-2026-1","configurations":[{"nodes":[{"cpeMatch":[{"criteria":"cpe:2.3:a:b:c:*:*:*:*:*:*:*:*","vulnerable":true,"versionEndExcluding":"2"}]}]}]}}}"#,
        ]),
        "versions" => (0..32u8)
            .map(|choice| [&[choice], &b">= 1:1.2.3~rc1-4.el9_2+b1 || ^2.0.0-alpha.1\n1.2.3"[..]].concat())
            .collect(),
        "watch" => text(&[
            "\x11{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"1\"}}}\n\n{\"type\":\"ERROR\",\"object\":{\"code\":410}}\n",
            "current-context: c\ncontexts: [{name: c, context: {cluster: c, user: u}}]\nclusters: [{name: c, cluster: {server: \"https://k\"}}]\nusers: [{name: u, user: {token: t, exec: {command: x}}}]\n",
        ]),
        "yaml" => text(&["a: &x [1, 0644, yes]\nb: *x\n---\n<<: {c: |\n  text\n}\n", "{a: [b, {c: d}]}"]),
        _ => Vec::new(),
    }
}

/// Two meta pages of a bbolt file with a checksum that holds, and a root that is an empty leaf.
fn bolt() -> Vec<u8> {
    let mut file = vec![0; 4 * 4096];
    for page in 0..2usize {
        let at = page * 4096;
        file[at..at + 8].copy_from_slice(&(page as u64).to_le_bytes());
        file[at + 8..at + 10].copy_from_slice(&4u16.to_le_bytes());
        let meta = at + 16;
        for (offset, value) in [(0, 0xED0C_DAEDu32), (4, 2), (8, 4096)] {
            file[meta + offset..meta + offset + 4].copy_from_slice(&value.to_le_bytes());
        }
        for (offset, value) in [(16, 3u64), (32, 2), (40, 4), (48, page as u64)] {
            file[meta + offset..meta + offset + 8].copy_from_slice(&value.to_le_bytes());
        }
        let sum = file[meta..meta + 56]
            .iter()
            .fold(0xcbf2_9ce4_8422_2325u64, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
        file[meta + 56..meta + 64].copy_from_slice(&sum.to_le_bytes());
    }
    file[2 * 4096 + 8..2 * 4096 + 10].copy_from_slice(&16u16.to_le_bytes());
    file[3 * 4096..3 * 4096 + 8].copy_from_slice(&3u64.to_le_bytes());
    file[3 * 4096 + 8..3 * 4096 + 10].copy_from_slice(&2u16.to_le_bytes());
    file
}

fn compiled(osv: &str) -> Vec<u8> {
    let mut builder = signet_advisories::Builder::new(std::io::Cursor::new(Vec::new())).unwrap();
    let mut summary = signet_advisories::feeds::osv::Summary::default();
    signet_advisories::feeds::osv::read("seed", osv.as_bytes(), &mut summary, &mut |record| builder.put(record))
        .unwrap();
    builder.finish().unwrap().0.into_inner()
}

/// The bytes cut, flipped, doubled, or with a large number in them.
fn damaged(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len());
        match random.below(5) {
            0 => bytes.truncate(at),
            1 if !bytes.is_empty() => bytes[at] ^= 1 << random.below(8),
            2 if !bytes.is_empty() => bytes[at] = random.next() as u8,
            3 => {
                let end = (at + 4).min(bytes.len());
                bytes[at.min(end)..end].fill(0xff);
            }
            _ => {
                let end = (at + random.below(64)).min(bytes.len());
                let part = bytes[at.min(end)..end].to_vec();
                bytes.splice(at..at, part);
            }
        }
    }
    bytes
}
