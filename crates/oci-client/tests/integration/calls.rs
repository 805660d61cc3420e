//! Calls of services.

use signet_oci_client::{ErrorKind, PostRequest, Secret};

use crate::standin::{Reply, Standin, client};

fn request(host: &str) -> PostRequest {
    PostRequest {
        url: format!("http://{host}/service/Method?key=secret"),
        headers: vec![("X-Token".to_owned(), Secret::new("open sesame"))],
        content_type: "application/protobuf".to_owned(),
        body: b"body".to_vec().into(),
        most: 100,
    }
}

#[test]
fn a_body_goes_up_and_one_comes_back_whatever_the_status() {
    for status in [200, 401, 500, 503] {
        let server =
            Standin::start(move |_| Reply::new(status, "answer").with("Content-Type", "application/json; x=y"));
        let posted = client(&[]).post(&request(&server.host)).unwrap();
        assert_eq!((posted.status, &posted.body[..]), (status, &b"answer"[..]));
        assert_eq!(posted.content_type.as_deref(), Some("application/json"));
        // What was sent may have been done, so it is sent once.
        let log = server.log();
        assert_eq!(log.len(), 1);
        assert_eq!((log[0].method.as_str(), &log[0].body[..]), ("POST", &b"body"[..]));
        assert_eq!(
            (log[0].header("x-token"), log[0].header("content-type")),
            (Some("open sesame"), Some("application/protobuf"))
        );
    }
}

#[test]
fn a_cut_large_or_moved_answer_is_an_error() {
    let check = |reply: Reply, kind: ErrorKind| {
        let server = Standin::replies([reply]);
        let err = client(&[]).post(&request(&server.host)).unwrap_err();
        assert_eq!(err.kind, kind, "{err}");
        let text = format!("{err:?}");
        assert!(!text.contains("sesame") && !text.contains("key=secret"), "{text}");
    };
    check(Reply { length: Some(50), cut: Some(2), ..Reply::new(200, "answer") }, ErrorKind::Connection);
    check(Reply::new(200, "x".repeat(101)), ErrorKind::TooLarge);
    check(Reply::new(307, "").with("Location", "http://127.0.0.2:1/"), ErrorKind::Redirect);
}

#[test]
fn headers_and_addresses_are_looked_at() {
    let wrong = |change: &dyn Fn(&mut PostRequest)| {
        let mut request = request("127.0.0.1:1");
        change(&mut request);
        assert_eq!(client(&[]).post(&request).unwrap_err().kind, ErrorKind::Usage);
    };
    wrong(&|request| request.headers[0].0 = "a b".to_owned());
    wrong(&|request| request.headers[0].1 = Secret::new("a\r\nb: c"));
    wrong(&|request| request.url = "http://service.example/x".to_owned());
    wrong(&|request| request.url = "https://user:password@service.example/x".to_owned());
}
