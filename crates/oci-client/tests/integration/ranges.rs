//! Parts of blobs.

use std::io::Read;
use std::ops::Range;

use signet_model::Digest;
use signet_oci_client::{Error, ErrorKind};

use crate::standin::{Reply, Request, Standin, client, noise};

const SIZE: u64 = 100_000;

/// Asks for a part of a blob that the stand-in serves by `handler`.
fn ask(handler: impl FnMut(&Request) -> Reply + Send + 'static, range: Range<u64>) -> Result<Vec<u8>, Error> {
    let server = Standin::start(handler);
    let client = client(&[&server]);
    let digest = Digest::sha256(&noise(SIZE as usize));
    let mut bytes = Vec::new();
    let read = client.blob_range(&server.reference("team/app:1"), &digest, SIZE, range)?.read_to_end(&mut bytes);
    match read {
        Ok(_) => Ok(bytes),
        Err(err) => Err(*err.into_inner().unwrap().downcast().unwrap()),
    }
}

/// The part that a request asks for, as a server gives it.
fn part(request: &Request) -> Reply {
    let range = request.header("range").unwrap().strip_prefix("bytes=").unwrap().to_owned();
    let (first, last) = range.split_once('-').unwrap();
    let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
    Reply::new(206, &noise(SIZE as usize)[first..=last]).with("Content-Range", &format!("bytes {first}-{last}/{SIZE}"))
}

#[test]
fn a_part_is_read_and_taken_up_again() {
    let blob = noise(SIZE as usize);
    assert_eq!(ask(part, 0..1).unwrap(), blob[0..1]);
    assert_eq!(ask(part, 70_000..SIZE).unwrap(), blob[70_000..]);
    let mut count = 0;
    let broken = move |request: &Request| {
        count += 1;
        let reply = part(request);
        if count == 1 { Reply { cut: Some(1000), ..reply } } else { reply }
    };
    assert_eq!(ask(broken, 500..50_000).unwrap(), blob[500..50_000]);
}

#[track_caller]
fn check(reply: Reply, kind: ErrorKind) {
    let err = ask(move |_| reply.clone(), 10..20).unwrap_err();
    assert_eq!(err.kind, kind, "{err:?}");
}

#[test]
fn a_registry_without_parts_is_told() {
    check(Reply::new(200, noise(SIZE as usize)), ErrorKind::Unsupported);
    check(Reply::new(416, "").with("Content-Range", &format!("bytes */{SIZE}")), ErrorKind::Unsupported);
    let given = |range: &str| Reply::new(206, &noise(SIZE as usize)[10..20]).with("Content-Range", range);
    check(Reply::new(206, "0123456789"), ErrorKind::Malformed);
    for range in ["bytes 11-20/100000", "bytes 10-18/100000", "bytes 0-9/100000", "bytes */100000", "10-19"] {
        check(given(range), ErrorKind::Malformed);
    }
    check(given("bytes 10-19/99999"), ErrorKind::SizeMismatch);
    // Too few, and too many.
    // (the rest that is asked for then is another range than this stand-in knows)
    check(Reply { cut: Some(3), ..given("bytes 10-19/100000") }, ErrorKind::Malformed);
    check(Reply::new(206, "0123456789a").with("Content-Range", "bytes 10-19/100000"), ErrorKind::SizeMismatch);
}

#[test]
fn a_part_outside_the_blob_is_not_asked_for() {
    for range in [10..10, 0..SIZE + 1, SIZE..SIZE + 5] {
        assert_eq!(ask(|_| Reply::new(500, ""), range).unwrap_err().kind, ErrorKind::Usage);
    }
}
