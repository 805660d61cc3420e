//! The bodies in `testdata/` were written by another implementation of protobuf; see its README.

use std::fmt::Debug;

use proptest::prelude::*;
use serde_json::Value;

use crate::cache::{MissingBlobsRequest, MissingBlobsResponse, PutArtifactRequest, PutBlobRequest};
use crate::scanner::{ScanRequest, ScanResponse};
use crate::{Body, Code, Form, Limits, TwirpError, decode, encode};

const BLOB: &[u8] = include_bytes!("../testdata/PutBlobRequest.bin");
const BLOB_JSON: &[u8] = include_bytes!("../testdata/PutBlobRequest.json");
const SCAN: &[u8] = include_bytes!("../testdata/ScanRequest.bin");
const ANSWER: &[u8] = include_bytes!("../testdata/ScanResponse.bin");

/// Fields without a value are written by us and not by the other.
fn without_defaults(value: &Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(
            fields
                .iter()
                .map(|(name, value)| (name.clone(), without_defaults(value)))
                .filter(|(_, value)| {
                    !matches!(value, Value::Null | Value::Bool(false))
                        && *value != ""
                        && *value != "0"
                        && *value != 0
                        && *value != 0.0
                        && *value != "UNKNOWN"
                        && value.as_array().is_none_or(|items| !items.is_empty())
                        && value.as_object().is_none_or(|fields| !fields.is_empty())
                })
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.iter().map(without_defaults).collect()),
        other => other.clone(),
    }
}

/// Read, written and read in both forms, byte for byte where bytes are determined.
#[track_caller]
fn check<M: Body + PartialEq + Debug>(bytes: &[u8], json: &[u8]) -> M {
    let limits = Limits::default();
    let message: M = decode(Form::Protobuf, bytes, &limits).unwrap();
    assert_eq!(encode(Form::Protobuf, &message).unwrap(), bytes, "protobuf");
    let from_json: M = decode(Form::Json, json, &limits).unwrap();
    assert_eq!(from_json, message, "JSON");
    let written: Value = serde_json::from_slice(&encode(Form::Json, &message).unwrap()).unwrap();
    let theirs: Value = serde_json::from_slice(json).unwrap();
    assert_eq!(without_defaults(&written), without_defaults(&theirs));
    message
}

#[test]
fn bodies_are_those_of_another_implementation() {
    let blob: PutBlobRequest = check(BLOB, BLOB_JSON);
    let info = blob.blob_info.unwrap();
    let bind = &info.package_infos[0].packages[0];
    assert_eq!((bind.name.as_str(), bind.epoch, bind.modularitylabel.as_str()), ("bind-utils", 32, "bind:9:1:2"));
    assert_eq!(bind.layer.as_ref().unwrap().size, 5_000_000_000);
    assert_eq!(info.applications[0].packages[0].locations[1].end_line, 70_000);
    check::<MissingBlobsRequest>(
        include_bytes!("../testdata/MissingBlobsRequest.bin"),
        include_bytes!("../testdata/MissingBlobsRequest.json"),
    );
    check::<MissingBlobsResponse>(
        include_bytes!("../testdata/MissingBlobsResponse.bin"),
        include_bytes!("../testdata/MissingBlobsResponse.json"),
    );
    check::<ScanRequest>(SCAN, include_bytes!("../testdata/ScanRequest.json"));
    let answer: ScanResponse = check(ANSWER, include_bytes!("../testdata/ScanResponse.json"));
    let found = &answer.results[0].vulnerabilities[0];
    assert_eq!((found.severity, found.status, found.cvss["nvd"].v3_score), (4, 3, 9.8));
    assert_eq!(found.vendor_severity["redhat"], 1);
}

#[test]
fn both_spellings_of_names_are_read() {
    let limits = Limits::default();
    let blob: PutBlobRequest =
        decode(Form::Json, include_bytes!("../testdata/PutBlobRequest.camel.json"), &limits).unwrap();
    assert_eq!(blob, decode(Form::Protobuf, BLOB, &limits).unwrap());
    let scan: ScanRequest = decode(Form::Json, include_bytes!("../testdata/ScanRequest.camel.json"), &limits).unwrap();
    assert_eq!(scan, decode(Form::Protobuf, SCAN, &limits).unwrap());
    let old: ScanRequest =
        decode(Form::Json, br#"{"options": {"vulnType": ["os"], "security_checks": ["vuln"], "x": 1}}"#, &limits)
            .unwrap();
    let options = old.options.unwrap();
    assert_eq!((options.pkg_types, options.scanners), (vec!["os".to_owned()], vec!["vuln".to_owned()]));
}

#[test]
fn newer_clients_are_understood() {
    let newer: PutBlobRequest =
        decode(Form::Protobuf, include_bytes!("../testdata/newer.bin"), &Limits::default()).unwrap();
    assert_eq!(newer.blob_info.unwrap().applications[0].packages[0].name, "x");
}

#[test]
fn every_field_is_written_as_json() {
    let text = String::from_utf8(encode(Form::Json, &MissingBlobsResponse::default()).unwrap()).unwrap();
    assert_eq!(text, r#"{"missing_artifact":false,"missing_blob_ids":[]}"#);
}

#[test]
fn what_is_only_passed_on_has_no_json() {
    let limits = Limits::default();
    let body = br#"{"blob_info": {"secrets": [{"filepath": "a", "findings": [{"rule_id": "x"}]}]}}"#;
    let error = decode::<PutBlobRequest>(Form::Json, body, &limits).unwrap_err();
    assert!(error.msg.contains("protobuf only"), "{error}");
    let mut answer = ScanResponse::default();
    answer.results.push(crate::scanner::ScanResult { secrets: vec![vec![10, 1, 97]], ..Default::default() });
    assert_eq!(encode(Form::Json, &answer).unwrap_err().code, Code::Unimplemented);
}

#[test]
fn a_body_is_weighed_before_it_is_read() {
    let limits = Limits { bytes: 1 << 20, units: 1000 };
    // Two bytes each: `applications[0].packages` with nothing in them.
    let packages = [0x1a, 0x00].repeat(100);
    let mut application = vec![0x22, 100 | 0x80, 0x01];
    application[1] = (packages.len() & 0x7f) as u8 | 0x80;
    application.extend(&packages);
    let mut body = vec![0x1a, (application.len() & 0x7f) as u8 | 0x80, (application.len() >> 7) as u8];
    body.extend(&application);
    let error = decode::<PutBlobRequest>(Form::Protobuf, &body, &limits).unwrap_err();
    assert_eq!(error.code, Code::ResourceExhausted, "{error}");
    assert!(decode::<PutBlobRequest>(Form::Protobuf, &body, &Limits::default()).is_ok());
    let json = format!(r#"{{"blob_info": {{"applications": [{{"packages": [{}{{}}]}}]}}}}"#, "{},".repeat(99));
    let error = decode::<PutBlobRequest>(Form::Json, json.as_bytes(), &limits).unwrap_err();
    assert_eq!(error.code, Code::ResourceExhausted, "{error}");
    let error = decode::<PutBlobRequest>(Form::Json, &[b' '; 1 << 21], &limits).unwrap_err();
    assert_eq!(error.code, Code::ResourceExhausted);
}

#[test]
fn errors_travel() {
    let error = TwirpError::new(Code::Unauthenticated, "invalid token");
    assert_eq!(error.to_json(), br#"{"code":"unauthenticated","msg":"invalid token"}"#);
    assert_eq!(TwirpError::of_answer(401, &error.to_json()), error);
    let check = |status, body: &str, code, said: &str| {
        let error = TwirpError::of_answer(status, body.as_bytes());
        assert_eq!(error.code, code, "{status}");
        assert!(error.msg.contains(said), "{error}");
    };
    check(502, "<html>Bad\u{1b}[2J Gateway</html>", Code::Unavailable, "502: <html>Bad [2J");
    check(404, "", Code::BadRoute, "404");
    check(500, r#"{"code":"something_new","msg":"x"}"#, Code::Unknown, "something_new");
    check(500, r#"{"code":"internal","msg":"failed scan"}"#, Code::Internal, "failed scan");
}

/// Whatever comes, an answer or an error; what is read can be written again.
fn survive<M: Body + PartialEq + Debug>(bytes: &[u8]) {
    let limits = Limits { bytes: 1 << 20, units: 20_000 };
    for form in [Form::Protobuf, Form::Json] {
        if let Ok(message) = decode::<M>(form, bytes, &limits) {
            let _json = encode(Form::Json, &message);
            let again: M = decode(Form::Protobuf, &encode(Form::Protobuf, &message).unwrap(), &limits).unwrap();
            assert_eq!(format!("{again:?}"), format!("{message:?}"));
        }
    }
}

proptest! {
    #[test]
    fn damaged_bodies_never_panic(at in 0usize..4096, bit in 0u8..8, cut in 0usize..4096, which in 0usize..4) {
        let mut bytes = [BLOB, SCAN, ANSWER, BLOB_JSON][which].to_vec();
        let length = bytes.len();
        bytes[at % length] ^= 1 << bit;
        for bytes in [&bytes[..], &bytes[..cut % length]] {
            survive::<PutBlobRequest>(bytes);
            survive::<ScanRequest>(bytes);
            survive::<ScanResponse>(bytes);
            survive::<PutArtifactRequest>(bytes);
        }
    }

    #[test]
    fn any_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        survive::<PutBlobRequest>(&bytes);
        survive::<ScanResponse>(&bytes);
        let _error = TwirpError::of_answer(500, &bytes);
    }
}
