//! Requests to AWS are signed by Signature Version 4: `POST` to the path `/` without a query, which is all that is sent here.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html>.

use aws_lc_rs::{digest, hmac};
use jiff::Timestamp;

use super::credentials::Credentials;

/// What is signed. Header names in lower case and in alphabetical order, without `host`, the date and the token.
pub(super) struct Question<'a> {
    pub(super) host: &'a str,
    pub(super) region: &'a str,
    pub(super) service: &'a str,
    pub(super) headers: &'a [(&'a str, &'a str)],
    pub(super) body: &'a [u8],
}

/// Headers to send.
pub(super) struct Signed {
    pub(super) date: String,
    pub(super) authorization: String,
}

pub(super) fn sign(question: &Question<'_>, credentials: &Credentials, now: Timestamp) -> Signed {
    let date = now.strftime("%Y%m%dT%H%M%SZ").to_string();
    let day = now.strftime("%Y%m%d").to_string();
    let mut headers: Vec<(&str, &str)> = question.headers.to_vec();
    headers.push(("host", question.host));
    headers.push(("x-amz-date", &date));
    if let Some(token) = &credentials.session {
        headers.push(("x-amz-security-token", token.reveal()));
    }
    headers.sort_unstable();
    let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
    let names = names.join(";");
    let lines: String = headers.iter().map(|(name, value)| format!("{name}:{}\n", value.trim())).collect();
    let canonical =
        format!("POST\n/\n\n{lines}\n{names}\n{}", hex(digest::digest(&digest::SHA256, question.body).as_ref()));
    let scope = format!("{day}/{}/{}/aws4_request", question.region, question.service);
    let text = format!(
        "AWS4-HMAC-SHA256\n{date}\n{scope}\n{}",
        hex(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref())
    );
    let mut key = mac(format!("AWS4{}", credentials.secret.reveal()).as_bytes(), day.as_bytes());
    for part in [question.region, question.service, "aws4_request"] {
        key = mac(key.as_ref(), part.as_bytes());
    }
    let signature = hex(mac(key.as_ref(), text.as_bytes()).as_ref());
    Signed {
        authorization: format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
            credentials.id
        ),
        date,
    }
}

fn mac(key: &[u8], text: &[u8]) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use signet_oci_client::Secret;

    use super::*;

    /// AWS's published test suite for Signature Version 4, case `post-vanilla`.
    #[test]
    fn signatures_are_those_of_the_published_suite() {
        let credentials = Credentials {
            id: "AKIDEXAMPLE".into(),
            secret: Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
            session: None,
        };
        let question = Question {
            host: "example.amazonaws.com",
            region: "us-east-1",
            service: "service",
            headers: &[],
            body: b"",
        };
        let signed = sign(&question, &credentials, "2015-08-30T12:36:00Z".parse().unwrap());
        assert_eq!(signed.date, "20150830T123600Z");
        assert_eq!(
            signed.authorization,
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"
        );
    }
}
