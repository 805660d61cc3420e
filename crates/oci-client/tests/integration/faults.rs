//! What a broken or hostile registry does, and what the client makes of it.

use std::io::Read;
use std::time::Duration;

use signet_model::{Digest, Platform};
use signet_oci_client::{
    BlobSource, BlockingClient, ClientOptions, CredentialConfig, CredentialPair, Error, ErrorKind, FetchRequest,
    Mirror, MirrorEndpoint, PlatformChoice, Pushed, Secret, media_type,
};

use tokio::time::Instant;

use crate::standin::{MANIFEST, Reply, Standin, client, manifest, noise, options};

fn image() -> Reply {
    Reply::new(200, manifest(b"{}", &[])).with("Content-Type", MANIFEST)
}

#[track_caller]
fn check(replies: Vec<Reply>, expected: Result<(), ErrorKind>, requests: usize) -> Option<Error> {
    let registry = Standin::replies(replies);
    let got = client(&[&registry]).manifest(&registry.reference("a:1"));
    assert_eq!(got.as_ref().map(|_| ()).map_err(|err| err.kind), expected, "{got:?}");
    assert_eq!(registry.log().len(), requests);
    got.err()
}

#[test]
fn what_may_pass_is_tried_again() {
    check(vec![Reply::new(503, ""), Reply::new(500, ""), Reply::new(502, ""), image()], Ok(()), 4);
    check(vec![Reply::new(429, "").with("Retry-After", "0"), image()], Ok(()), 2);
    check(vec![Reply::new(503, "")], Err(ErrorKind::Unavailable), 4);
    check(vec![Reply::new(404, "")], Err(ErrorKind::NotFound), 1);
    check(vec![Reply::new(403, r#"{"errors":[{"code":"DENIED","message":"no"}]}"#)], Err(ErrorKind::Forbidden), 1);
    check(vec![Reply { cut: Some(10), ..image() }, image()], Ok(()), 2);
    check(vec![Reply { trickle: Some(Duration::from_millis(50)), ..image() }, image()], Ok(()), 2);
}

#[test]
fn retry_after_is_obeyed_or_reported() {
    let date = |reply: Reply| reply.with("Date", "Sun, 06 Nov 1994 08:49:37 GMT");
    let started = Instant::now();
    check(vec![date(Reply::new(429, "")).with("Retry-After", "Sun, 06 Nov 1994 08:49:38 GMT"), image()], Ok(()), 2);
    assert!(started.elapsed() >= Duration::from_secs(1));
    let err = check(vec![Reply::new(429, "").with("Retry-After", "86400")], Err(ErrorKind::RateLimited), 1).unwrap();
    assert!(err.hint.unwrap().contains("86400 s"));
}

#[test]
fn bodies_have_limits() {
    let huge = Reply { length: Some(1 << 40), ..image() };
    check(vec![huge], Err(ErrorKind::TooLarge), 1);
    check(vec![Reply::new(200, vec![b' '; (4 << 20) + 1])], Err(ErrorKind::TooLarge), 1);
    check(vec![Reply::new(200, vec![b'['; 4 << 20])], Err(ErrorKind::Malformed), 1);
    check(vec![image().with("Content-Encoding", "gzip")], Err(ErrorKind::Malformed), 1);
    // An error page without end is cut, and the status told.
    check(vec![Reply::new(404, vec![b'x'; 1 << 20])], Err(ErrorKind::NotFound), 1);
}

#[test]
fn digests_are_computed_and_compared() {
    let bytes = manifest(b"{}", &[]);
    let right = Digest::sha256(bytes.as_bytes());
    let wrong = Digest::sha256(b"other");
    check(vec![image().with("Docker-Content-Digest", &right.to_string())], Ok(()), 1);
    check(vec![image().with("Docker-Content-Digest", &wrong.to_string())], Err(ErrorKind::DigestMismatch), 1);
    let registry = Standin::replies([image()]);
    let client = client(&[&registry]);
    assert_eq!(client.manifest(&registry.reference("a").at(right)).unwrap().digest, right);
    assert_eq!(client.manifest(&registry.reference("a").at(wrong)).unwrap_err().kind, ErrorKind::DigestMismatch);
    let long = Digest::of(signet_model::Algorithm::Sha512, bytes.as_bytes());
    assert_eq!(client.manifest(&registry.reference("a").at(long)).unwrap().digest, long);
}

#[test]
fn redirects_are_followed_with_care() {
    let to = |location: &str| Reply::new(302, "").with("Location", location);
    check(vec![to("/elsewhere"), image()], Ok(()), 2);
    check(vec![to("/round")], Err(ErrorKind::Redirect), 6);
    for bad in ["file:///etc/passwd", "http://user:pw@127.0.0.1/", "http://[", ""] {
        let registry = Standin::replies([to(bad)]);
        let err = client(&[&registry]).manifest(&registry.reference("a:1")).unwrap_err();
        assert_eq!(err.kind, ErrorKind::Redirect, "{bad}");
        assert!(!err.to_string().contains("pw"), "{err}");
    }
    check(vec![Reply::new(302, "")], Err(ErrorKind::Redirect), 1);
}

#[test]
fn offline_opens_no_connection() {
    let registry = Standin::replies([image()]);
    let options = ClientOptions { offline: true, ..options(&[]) };
    let client = BlockingClient::new(options, CredentialConfig::default()).unwrap();
    let reference = registry.reference("a:1");
    let kinds = [
        client.manifest(&reference).unwrap_err().kind,
        client.tags(&reference).unwrap_err().kind,
        client.blob(&reference, &Digest::sha256(b""), None).unwrap_err().kind,
        client.resolve(&reference, &PlatformChoice::host()).unwrap_err().kind,
    ];
    assert_eq!(kinds, [ErrorKind::Offline; 4]);
    let feed = FetchRequest { url: format!("http://{}/feed", registry.host), most: 1, known: None, expect: None };
    assert_eq!(client.fetch(&feed, &mut Vec::new()).unwrap_err().kind, ErrorKind::Offline);
    let login = client.login(&registry.host, "user", &Secret::new("pass"));
    assert_eq!(login.unwrap_err().kind, ErrorKind::Offline);
    assert!(registry.log().is_empty());
}

#[test]
fn loopback_needs_no_option_for_plain_http() {
    let registry = Standin::replies([image()]);
    let client = BlockingClient::new(options(&[]), CredentialConfig::default()).unwrap();
    client.manifest(&registry.reference("a:1")).unwrap();
}

#[test]
fn no_one_there_is_a_connection_error_that_names_the_host() {
    let client =
        BlockingClient::new(ClientOptions { retries: 1, ..options(&[]) }, CredentialConfig::default()).unwrap();
    let err = client.manifest(&"127.0.0.1:1/a:1".parse().unwrap()).unwrap_err();
    assert_eq!(err.kind, ErrorKind::Connection);
    assert!(err.to_string().contains("127.0.0.1:1"), "{err}");
}

/// Serves `blob` as the distribution specification says, each answer cut after `cut` bytes.
fn cutting(blob: Vec<u8>, cut: usize, honours_range: bool) -> Standin {
    Standin::start(move |request| {
        let start = request
            .header("range")
            .and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<usize>().ok());
        let reply = match start.filter(|_| honours_range) {
            Some(start) => Reply::new(206, &blob[start..])
                .with("Content-Range", &format!("bytes {start}-{}/{}", blob.len() - 1, blob.len())),
            None => Reply::new(200, &blob[..]),
        };
        let whole = reply.body.len();
        // A server without ranges must let it through at last.
        let cut = if !honours_range && start.is_some() { whole } else { cut };
        Reply { cut: (cut < whole).then_some(cut), ..reply }
    })
}

#[test]
fn a_broken_blob_is_taken_up_again() {
    let blob = noise(300_000);
    let digest = Digest::sha256(&blob);
    for honours_range in [true, false] {
        let registry = cutting(blob.clone(), 100_000, honours_range);
        let client = client(&[&registry]);
        let mut got = Vec::new();
        client.blob(&registry.reference("a"), &digest, Some(300_000)).unwrap().read_to_end(&mut got).unwrap();
        assert!(got == blob);
        let log = registry.log();
        assert!(log.len() >= 2);
        assert!(log[1].header("range").is_some_and(|range| range.starts_with("bytes=")));
    }
}

#[test]
fn a_blob_that_never_ends_is_given_up() {
    let registry = Standin::start(|request| {
        let start: usize = request.header("range").map_or(0, |range| range[6..range.len() - 1].parse().unwrap());
        let reply = if start == 0 {
            Reply::new(200, "x")
        } else {
            Reply::new(206, "x").with("Content-Range", &format!("bytes {start}-999/1000"))
        };
        Reply { length: Some(1000 - start as u64), cut: Some(1), ..reply }
    });
    let err = client(&[&registry]).small_blob(&registry.reference("a"), &Digest::sha256(b""), Some(1000)).unwrap_err();
    assert_eq!(err.kind, ErrorKind::Connection);
    assert!(registry.log().len() <= 66, "{}", registry.log().len());
}

#[track_caller]
fn check_blob(reply: Reply, size: Option<u64>, expected: ErrorKind) {
    let digest = Digest::sha256(b"12345");
    let registry = Standin::replies([reply]);
    let client = client(&[&registry]);
    let got = client.small_blob(&registry.reference("a"), &digest, size);
    assert_eq!(got.as_ref().unwrap_err().kind, expected, "{got:?}");
    // As a reader: the same, and never a quiet end.
    if let Ok(mut reader) = client.blob(&registry.reference("a"), &digest, size) {
        let mut bytes = Vec::new();
        assert!(reader.read_to_end(&mut bytes).is_err());
        assert!(reader.read(&mut [0; 8]).is_err(), "still an error when asked again");
    }
}

#[test]
fn blobs_are_verified() {
    check_blob(Reply::new(200, "54321"), Some(5), ErrorKind::DigestMismatch);
    check_blob(Reply::new(200, "54321"), None, ErrorKind::DigestMismatch);
    check_blob(Reply::new(200, "1234"), Some(5), ErrorKind::SizeMismatch);
    check_blob(Reply::new(200, "123456"), Some(5), ErrorKind::SizeMismatch);
    check_blob(Reply { length: Some(6), ..Reply::new(200, "12345") }, Some(5), ErrorKind::SizeMismatch);
    check_blob(Reply { length: Some(9), ..Reply::new(200, "12345") }, None, ErrorKind::Connection);
    // Without a length in the head, the bytes themselves are counted.
    let chunked = Reply::new(200, "6\r\n123456\r\n0\r\n\r\n").with("Transfer-Encoding", "chunked");
    check_blob(chunked, Some(5), ErrorKind::SizeMismatch);
    check_blob(Reply::new(404, ""), Some(5), ErrorKind::NotFound);
    check_blob(Reply::new(204, ""), Some(5), ErrorKind::Malformed);
    check_blob(Reply::new(206, "12345").with("Content-Range", "bytes 0-4/5"), Some(5), ErrorKind::Malformed);
}

#[test]
fn a_slow_loris_is_dropped() {
    let registry =
        Standin::replies([Reply { trickle: Some(Duration::from_millis(100)), ..Reply::new(200, vec![b'x'; 5000]) }]);
    let options = ClientOptions { retries: 1, ..options(&[&registry]) };
    let client = BlockingClient::new(options, CredentialConfig::default()).unwrap();
    let started = Instant::now();
    let err = client.small_blob(&registry.reference("a"), &Digest::sha256(b""), Some(5000)).unwrap_err();
    assert!(matches!(err.kind, ErrorKind::Timeout | ErrorKind::Malformed | ErrorKind::SizeMismatch), "{err}");
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
}

#[test]
fn mirrors_are_asked_first_and_left_when_they_fail() {
    let blob = noise(1000);
    let digest = Digest::sha256(&blob);
    let origin = Standin::start(
        move |request| if request.target.contains("blobs") { Reply::new(200, &blob[..]) } else { image() },
    );
    for broken in [Reply::new(404, ""), Reply::new(200, "nonsense"), Reply::new(429, "").with("Retry-After", "999")] {
        let mirror = Standin::replies([broken]);
        let options = ClientOptions {
            mirrors: vec![Mirror {
                prefix: origin.host.clone(),
                endpoints: vec![MirrorEndpoint { location: format!("{}/cache", mirror.host), plain_http: true }],
            }],
            ..options(&[&origin])
        };
        let client = BlockingClient::new(options, CredentialConfig::default()).unwrap();
        client.manifest(&origin.reference("a/b:1")).unwrap();
        assert_eq!(mirror.asked(), ["GET /v2/cache/a/b/manifests/1"]);
        // A blob of the wrong size at the mirror comes from the origin.
        client.small_blob(&origin.reference("a/b"), &digest, Some(1000)).unwrap();
    }
}

#[test]
fn lists_turn_their_pages() {
    let page = |tags: &str, next: Option<&str>| {
        let reply =
            Reply::new(200, format!(r#"{{"name":"a","tags":{tags}}}"#)).with("Content-Type", "application/json");
        match next {
            Some(next) => reply.with("Link", &format!("<{next}>; rel=\"next\"")),
            None => reply,
        }
    };
    let registry = Standin::replies([page(r#"["1","2"]"#, Some("/v2/a/tags/list?last=2")), page(r#"["3"]"#, None)]);
    assert_eq!(client(&[&registry]).tags(&registry.reference("a")).unwrap(), ["1", "2", "3"]);
    assert_eq!(registry.asked(), ["GET /v2/a/tags/list?n=1000", "GET /v2/a/tags/list?last=2"]);

    let registry = Standin::replies([page("null", None)]);
    assert!(client(&[&registry]).tags(&registry.reference("a")).unwrap().is_empty());
    for next in ["/v2/a/tags/list?n=1000", "http://127.0.0.1:1/v2/a/tags/list"] {
        let registry = Standin::replies([page(r#"["1"]"#, Some(next))]);
        assert_eq!(
            client(&[&registry]).tags(&registry.reference("a")).unwrap_err().kind,
            ErrorKind::Malformed,
            "{next}"
        );
    }
    let mut count = 0;
    let registry = Standin::start(move |_| {
        count += 1;
        page(&format!("[{}\"x\"]", "\"t\",".repeat(50_000)), Some(&format!("?last={count}")))
    });
    assert_eq!(client(&[&registry]).tags(&registry.reference("a")).unwrap_err().kind, ErrorKind::TooLarge);
}

#[test]
fn referrers_come_from_the_list_or_from_the_fallback_tag() {
    let subject = Digest::sha256(b"subject");
    let entry = |kind: &str| {
        format!(
            r#"{{"mediaType":"{MANIFEST}","digest":"{}","size":1,"artifactType":"{kind}","annotations":{{"k":"v"}}}}"#,
            Digest::sha256(kind.as_bytes())
        )
    };
    let index = format!(
        r#"{{"schemaVersion":2,"mediaType":"{}","manifests":[{},{}]}}"#,
        media_type::OCI_INDEX,
        entry("sig"),
        entry("sbom")
    );
    let body = index.clone();
    let listed = Standin::start(move |_| Reply::new(200, body.clone()).with("Content-Type", media_type::OCI_INDEX));
    let found = client(&[&listed]).referrers(&listed.reference("a"), &subject, Some("sbom")).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].annotations, [("k".to_owned(), "v".to_owned())]);
    let tag = format!("/v2/a/manifests/sha256-{}", subject.hex());
    let fallback = Standin::start(move |request| {
        if request.target == tag {
            Reply::new(200, index.clone()).with("Content-Type", media_type::OCI_INDEX)
        } else {
            Reply::new(404, "")
        }
    });
    assert_eq!(client(&[&fallback]).referrers(&fallback.reference("a"), &subject, None).unwrap().len(), 2);
    let none = Standin::replies([Reply::new(404, "")]);
    assert!(client(&[&none]).referrers(&none.reference("a"), &subject, None).unwrap().is_empty());
    let broken = Standin::replies([Reply::new(500, "")]);
    assert_eq!(
        client(&[&broken]).referrers(&broken.reference("a"), &subject, None).unwrap_err().kind,
        ErrorKind::Unavailable
    );
}

#[test]
fn an_index_leads_to_the_image_of_the_platform() {
    let arm = manifest(b"arm", &[]);
    let amd = manifest(b"amd", &[]);
    let entry = |text: &str, architecture: &str, size: usize| {
        let digest = Digest::sha256(text.as_bytes());
        format!(
            r#"{{"mediaType":"{MANIFEST}","digest":"{digest}","size":{size},"platform":{{"os":"linux","architecture":"{architecture}"}}}}"#
        )
    };
    let index = format!(
        r#"{{"schemaVersion":2,"manifests":[{},{}]}}"#,
        entry(&amd, "amd64", amd.len()),
        entry(&arm, "arm64", arm.len() + 1)
    );
    let index_digest = Digest::sha256(index.as_bytes());
    let (served, amd_digest) = ([amd.clone(), arm], Digest::sha256(amd.as_bytes()));
    let registry = Standin::start(move |request| {
        let found = served.iter().find(|text| request.target.contains(&Digest::sha256(text.as_bytes()).hex()));
        match found {
            Some(text) => Reply::new(200, text.clone()).with("Content-Type", MANIFEST),
            None => Reply::new(200, index.clone()).with("Content-Type", media_type::OCI_INDEX),
        }
    });
    let client = client(&[&registry]);
    let choice = |architecture: &str| {
        PlatformChoice::Exactly(Platform { os: "linux".into(), architecture: architecture.into(), variant: None })
    };
    let resolved = client.resolve(&registry.reference("a:1"), &choice("amd64")).unwrap();
    assert_eq!(resolved.index.unwrap().digest, index_digest);
    assert_eq!(resolved.manifest.digest, amd_digest);
    assert_eq!(client.resolve(&registry.reference("a:1"), &choice("arm64")).unwrap_err().kind, ErrorKind::SizeMismatch);
    let err = client.resolve(&registry.reference("a:1"), &choice("riscv64")).unwrap_err();
    assert_eq!(err.kind, ErrorKind::NoPlatform);
    assert!(err.hint.unwrap().contains("linux/amd64, linux/arm64"));
}

/// An upload of which the second chunk breaks after `came` of its bytes were stored.
#[track_caller]
fn broken_upload(came: usize, requests: usize) {
    let blob = noise(20 << 20);
    let digest = Digest::sha256(&blob);
    let kept: std::sync::Arc<parking_lot::Mutex<Vec<u8>>> = std::sync::Arc::default();
    let stored = std::sync::Arc::clone(&kept);
    let mut breaks = true;
    let registry = Standin::start(move |request| {
        let mut stored = stored.lock();
        let at = |reply: Reply| reply.with("Location", "/v2/a/blobs/uploads/1?state=x");
        match request.method.as_str() {
            "HEAD" => Reply::new(404, ""),
            "POST" => at(Reply::new(202, "")),
            "PATCH" => {
                let first = request.header("content-range").unwrap().split('-').next().unwrap();
                if first != stored.len().to_string() {
                    return Reply::new(416, "");
                }
                if breaks && !stored.is_empty() {
                    breaks = false;
                    stored.extend(&request.body[..came]);
                    return Reply { length: Some(100), ..Reply::new(202, "") };
                }
                stored.extend(&request.body);
                at(Reply::new(202, ""))
            }
            "GET" => at(Reply::new(204, "").with("Range", &format!("0-{}", stored.len() - 1))),
            "PUT" => {
                stored.extend(&request.body);
                Reply::new(201, "")
            }
            other => panic!("{other}"),
        }
    });
    let mut stream = blob.as_slice();
    let size = blob.len() as u64;
    let pushed =
        client(&[&registry]).push_blob(&registry.reference("a"), &digest, size, None, BlobSource::Stream(&mut stream));
    assert_eq!(pushed.unwrap(), Pushed::Uploaded);
    assert!(*kept.lock() == blob, "other bytes");
    assert_eq!(registry.log().len(), requests, "{:?}", registry.asked());
}

#[test]
fn an_upload_that_breaks_goes_on_where_the_registry_is() {
    // HEAD, POST, three chunks, one of them broken, the question, PUT; and one more chunk where something is missing.
    broken_upload(1 << 20, 8);
    broken_upload(0, 8);
    broken_upload(8 << 20, 7);
}

/// A client that asks `mirror` first for what lies at `origin`.
fn mirrored(origin: &Standin, mirror: &Standin, credentials: CredentialConfig) -> BlockingClient {
    let place = MirrorEndpoint { location: mirror.host.clone(), plain_http: true };
    let mirrors = vec![Mirror { prefix: origin.host.clone(), endpoints: vec![place] }];
    BlockingClient::new(ClientOptions { mirrors, ..options(&[origin]) }, credentials).unwrap()
}

#[test]
fn a_blob_that_breaks_at_the_mirror_goes_on_at_the_registry() {
    let blob = noise(200_000);
    let digest = Digest::sha256(&blob);
    let mut first = true;
    let half = blob[..100_000].to_vec();
    let mirror = Standin::start(move |_| {
        let reply = if first { Reply::new(200, &half[..]) } else { Reply::new(404, "") };
        let reply = Reply { length: first.then_some(200_000), ..reply };
        first = false;
        reply
    });
    let origin = cutting(blob.clone(), usize::MAX, true);
    let client = mirrored(&origin, &mirror, CredentialConfig::default());
    let mut got = Vec::new();
    client.blob(&origin.reference("a"), &digest, Some(200_000)).unwrap().read_to_end(&mut got).unwrap();
    assert!(got == blob);
    assert_eq!(mirror.log().len(), 2);
    let range = origin.log()[0].header("range").unwrap().to_owned();
    assert!(range.starts_with("bytes=") && range != "bytes=0-", "{range}");
}

#[test]
fn a_mirror_gets_no_credentials_of_the_registry() {
    let mirror = Standin::replies([Reply::new(401, "").with("WWW-Authenticate", "Basic realm=x")]);
    let origin = Standin::start(|request| match request.header("authorization") {
        Some("Basic dXNlcjpwYXNz") => image(),
        _ => Reply::new(401, "").with("WWW-Authenticate", "Basic realm=x"),
    });
    let pair =
        CredentialPair { registry: Some(origin.host.clone()), username: "user".into(), password: Secret::new("pass") };
    let client = mirrored(&origin, &mirror, CredentialConfig { pairs: vec![pair], ..Default::default() });
    client.manifest(&origin.reference("a:1")).unwrap();
    assert_eq!(mirror.log().len(), 1);
    assert_eq!(mirror.log()[0].header("authorization"), None);
}

#[test]
fn a_failure_of_all_places_names_each() {
    let mirror = Standin::replies([Reply::new(403, "")]);
    let origin = Standin::replies([Reply::new(404, "")]);
    let err = mirrored(&origin, &mirror, CredentialConfig::default()).manifest(&origin.reference("a:1")).unwrap_err();
    assert_eq!(err.kind, ErrorKind::NotFound);
    assert!(err.what.contains(&mirror.host) && err.what.contains(&origin.host), "{err}");
}
