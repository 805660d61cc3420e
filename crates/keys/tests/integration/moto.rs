//! AWS KMS against moto, a server of AWS's APIs that others wrote.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use jiff::Timestamp;
use signet_keys::{KeyType, create, open};

use crate::harness::{check_signer, context_at, python_has, tool, wait};
use crate::standin::Standin;

struct Moto {
    child: Child,
    host: String,
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}

fn moto() -> Option<Moto> {
    if !tool("python3") || !python_has("moto") {
        return None;
    }
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let script = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/testdata/moto_with_digest.py");
    let child = Command::new("python3")
        .arg(script)
        .arg(port.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let moto = Moto { child, host: format!("127.0.0.1:{port}") };
    for _ in 0..300 {
        if std::net::TcpStream::connect(&moto.host).is_ok() {
            return Some(moto);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("moto did not come up");
}

#[test]
fn aws_kms_makes_keys_and_signs() {
    let Some(moto) = moto() else { return };
    let url = format!("http://{}", moto.host);
    let now = Timestamp::now();
    let base = [("AWS_REGION", "eu-central-1"), ("AWS_ENDPOINT_URL", url.as_str())];
    let context = context_at(
        &[&base[..], &[("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "sesame")]].concat(),
        now,
    );
    for (name, kind) in [
        ("p256", KeyType::EcdsaP256),
        ("p384", KeyType::EcdsaP384),
        ("p521", KeyType::EcdsaP521),
        ("rsa", KeyType::Rsa2048),
    ] {
        let uri = format!("awskms:///alias/{name}");
        wait(create(&uri, kind, &context)).unwrap();
        check_signer(&*wait(open(&uri, &context)).unwrap());
        let again = wait(create(&uri, kind, &context)).unwrap_err();
        assert!(again.what.contains("already"), "{again}");
    }
    // The endpoint in the URI, and temporary credentials of a web identity (moto's STS trusts everyone).
    let room = tempfile::tempdir().unwrap();
    std::fs::write(room.path().join("token"), "a.web.token").unwrap();
    let token = room.path().join("token");
    let role = [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", token.to_str().unwrap()),
        ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/ci"),
    ];
    let by_role = context_at(&[&base[..], &role[..]].concat(), now);
    check_signer(&*wait(open(&format!("awskms://{}/alias/p256", moto.host), &by_role)).unwrap());
    let err = wait(open("awskms:///alias/missing", &context)).map(|_| ()).unwrap_err().explain();
    assert!(err.contains("NotFoundException") && !err.contains("sesame"), "{err}");
    for uri in ["awskms://", "awskms:///", "awskms:///a b", "awskms:///alias/a?x"] {
        let err = wait(open(uri, &context)).map(|_| ()).unwrap_err();
        assert!(err.what.contains("names no key"), "{err}");
    }
}

/// Version 2 of the instance metadata service: a token by PUT, the role's name, its credentials. Source: AWS, "Use the Instance Metadata Service".
#[test]
fn aws_credentials_come_from_the_machine() {
    let standin = Standin::start(|request| {
        match (request.method.as_str(), request.target.as_str()) {
        ("PUT", "/latest/api/token") => (200, "metadata-session".to_owned()),
        _ if request.target.starts_with("/latest/") && request.header("x-aws-ec2-metadata-token") != "metadata-session" => {
            (401, String::new())
        }
        ("GET", "/latest/meta-data/iam/security-credentials/") => (200, "ci-role".to_owned()),
        ("GET", "/latest/meta-data/iam/security-credentials/ci-role" | "/container") => (
            200,
            r#"{"Code":"Success","AccessKeyId":"ASIAEXAMPLE","SecretAccessKey":"sesame","Token":"sesame-session","Expiration":"2030-01-01T00:00:00Z"}"#
                .to_owned(),
        ),
        ("POST", "/") => {
            assert!(request.header("authorization").contains("Credential=ASIAEXAMPLE/20260116/eu-1/kms/aws4_request"));
            assert_eq!(request.header("x-amz-security-token"), "sesame-session");
            (400, r#"{"__type":"NotFoundException","message":"reached with sesame-session"}"#.to_owned())
        }
        other => panic!("{other:?}"),
    }
    });
    let url = standin.url();
    let now = Timestamp::from_second(crate::harness::NOW).unwrap();
    let base = [("AWS_REGION", "eu-1"), ("AWS_ENDPOINT_URL_KMS", url.as_str())];
    let container = format!("{url}/container");
    for (name, value) in [
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", url.as_str()),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", container.as_str()),
    ] {
        let context = context_at(&[&base[..], &[(name, value)]].concat(), now);
        let err = wait(open("awskms:///alias/a", &context)).map(|_| ()).unwrap_err().explain();
        assert!(err.contains("NotFoundException: reached with [hidden]"), "{err}");
    }
    let none = context_at(&[&base[..], &[("AWS_EC2_METADATA_DISABLED", "true")]].concat(), now);
    let err = wait(open("awskms:///alias/a", &none)).map(|_| ()).unwrap_err().explain();
    assert!(err.contains("no credentials") && err.contains("AWS_PROFILE"), "{err}");
}
