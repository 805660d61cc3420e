//! Feeds at plain web addresses.

use std::sync::atomic::{AtomicUsize, Ordering};

use signet_model::Digest;
use signet_oci_client::{Conditional, ErrorKind, FetchRequest, TransportTrust};

use crate::standin::{Reply, Standin, client, noise};

fn request(standin: &Standin) -> FetchRequest {
    FetchRequest {
        url: format!("http://{}/feed.json?key=secret", standin.host),
        most: 1 << 20,
        known: None,
        expect: None,
    }
}

#[test]
fn a_feed_is_downloaded_once_and_then_only_asked_about() {
    let server = Standin::start(|request| match request.header("if-none-match") {
        Some("\"v1\"") => Reply::new(304, ""),
        _ => Reply::new(200, "feed").with("ETag", "\"v1\"").with("Content-Type", "application/json; charset=utf-8"),
    });
    let client = client(&[]);
    let mut body = Vec::new();
    let first = client.fetch(&request(&server), &mut body).unwrap();
    assert_eq!(body, b"feed");
    assert!(first.modified);
    assert_eq!(first.sha256, Digest::sha256(b"feed"));
    assert_eq!(first.trust, TransportTrust::Unauthenticated);
    assert_eq!(first.content_type.as_deref(), Some("application/json"));
    assert!(!first.from.contains("secret"), "{}", first.from);
    let again = FetchRequest { known: Some(first.validators.clone()), ..request(&server) };
    let second = client.fetch(&again, &mut body).unwrap();
    assert!(!second.modified);
    assert_eq!(second.validators, Conditional { etag: Some("\"v1\"".to_owned()), last_modified: None });
    assert_eq!(body, b"feed");
}

#[test]
fn a_pinned_feed_must_have_its_digest() {
    let server = Standin::replies([Reply::new(200, "feed")]);
    let client = client(&[]);
    let pinned = |digest| FetchRequest { expect: Some(digest), ..request(&server) };
    let fetched = client.fetch(&pinned(Digest::sha256(b"feed")), &mut Vec::new()).unwrap();
    assert_eq!(fetched.trust, TransportTrust::DigestPinned);
    let err = client.fetch(&pinned(Digest::sha256(b"other")), &mut Vec::new()).unwrap_err();
    assert_eq!(err.kind, ErrorKind::DigestMismatch);
}

#[test]
fn a_broken_download_goes_on_only_with_the_same_body() {
    let feed = noise(100_000);
    for (etag, changes, good) in [("\"v1\"", false, true), ("\"v1\"", true, false), ("W/\"v1\"", false, false)] {
        let served = feed.clone();
        let count = AtomicUsize::new(0);
        let server = Standin::start(move |request| {
            let first = count.fetch_add(1, Ordering::Relaxed) == 0;
            let range = request.header("range").filter(|_| !changes && request.header("if-range") == Some("\"v1\""));
            match range {
                Some(range) => {
                    let start: usize = range[6..range.len() - 1].parse().unwrap();
                    Reply::new(206, &served[start..])
                        .with("Content-Range", &format!("bytes {start}-{}/{}", served.len() - 1, served.len()))
                }
                None => Reply { cut: first.then_some(30_000), ..Reply::new(200, &served[..]).with("ETag", etag) },
            }
        });
        let mut body = Vec::new();
        let got = client(&[]).fetch(&request(&server), &mut body);
        assert_eq!(got.is_ok(), good, "{etag} {changes} {got:?}");
        if good {
            assert!(body == feed);
            assert_eq!(got.unwrap().size, 100_000);
        }
    }
}

#[test]
fn what_is_no_public_feed_is_refused() {
    let server = Standin::replies([Reply::new(200, vec![0; (1 << 20) + 1])]);
    let client = client(&[]);
    assert_eq!(client.fetch(&request(&server), &mut Vec::new()).unwrap_err().kind, ErrorKind::TooLarge);
    for url in ["file:///etc/passwd", "http://feeds.example/x", "https://user:pw@feeds.example/", "nonsense", "data:,x"]
    {
        let request = FetchRequest { url: url.to_owned(), ..request(&server) };
        let err = client.fetch(&request, &mut Vec::new()).unwrap_err();
        assert_eq!(err.kind, ErrorKind::Usage, "{url}");
        assert!(!err.to_string().contains("pw"), "{err}");
    }
    let html = Standin::replies([Reply::new(404, "<html>")]);
    assert_eq!(client.fetch(&request(&html), &mut Vec::new()).unwrap_err().kind, ErrorKind::NotFound);
}
