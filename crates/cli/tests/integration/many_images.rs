//! Many images in one run: four round trips for each, and none for what is known already.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::beside::slow;
use crate::harness::Room;
use crate::seal::{Author, Way, run, sign, statement};
use crate::shelf::{INDEX, MANIFEST, Shelf};

const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const SIGN: &str = "https://sigstore.dev/cosign/sign/v1";

/// How many; more for a measurement (`SIGNET_IMAGES=1000`).
fn wanted() -> usize {
    std::env::var("SIGNET_IMAGES").ok().and_then(|text| text.parse().ok()).unwrap_or(6)
}

#[test]
fn what_is_known_of_an_image_is_not_asked_for_again() {
    let (room, shelf, author) = (Room::new(), Shelf::start(), Author::new(true));
    let images: Vec<_> = (0..wanted()).map(|at| (format!("t{at}"), shelf.image(&format!("t{at}")))).collect();
    for (_, image) in &images {
        // Three signatures: one under the tag, two that refer to the image.
        sign(&shelf, &author, image, Way::Tag);
        let subject = json!({"mediaType": MANIFEST, "digest": image.to_string(), "size": 1});
        let refers = |_| {
            let layer = shelf.blob(BUNDLE, &author.bundle(&statement(image, SIGN)));
            shelf.layers(None, &[layer], &json!({"artifactType": BUNDLE, "subject": subject}))
        };
        let entries: Vec<Value> = (0..2).map(refers).collect();
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries});
        shelf.put(&format!("referrers/{image}"), INDEX, index.to_string().as_bytes());
    }
    let (host, log) = slow(shelf.host.clone(), Duration::ZERO);
    let flags = author.flags(&room);
    let pod = |names: Vec<String>| {
        let containers: Vec<Value> = names
            .into_iter()
            .enumerate()
            .map(|(at, image)| json!({"name": format!("c{at}"), "image": image}))
            .collect();
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": containers}})
            .to_string()
    };
    let verify = |tags: &[&str], names: Vec<String>| {
        room.file("pod.yaml", &pod(names));
        log.lock().clear();
        let begun = Instant::now();
        run(&room, &format!("cosign manifest verify {flags} pod.yaml"), 0, &["Verification for"]);
        let took = begun.elapsed();
        let asked = log.lock();
        // A tag is resolved once: what follows is about the digest that it was then.
        for name in tags {
            let resolved = asked.iter().filter(|(_, _, head)| head.contains(&format!("/manifests/{name} "))).count();
            assert_eq!(resolved, 1, "{name}: {asked:#?}");
        }
        (asked.len(), took)
    };
    let (mut asked, mut took, mut again) = (0, Duration::ZERO, 0);
    // A file names so many images at most.
    for images in images.chunks(100) {
        let tags: Vec<&str> = images.iter().map(|(tag, _)| tag.as_str()).collect();
        let by_tag = || images.iter().map(|(tag, _)| format!("{host}/app:{tag}"));
        let by_digest = images.iter().map(|(_, image)| format!("{host}/app@{image}"));
        let (cold, elapsed) = verify(&tags, by_tag().collect());
        // For each image: its manifest, the list and the tag of signatures, two manifests, three layers; once the tag of a registry without lists.
        assert!(cold <= images.len() * 8 + 1, "{cold} requests for {} images", images.len());
        let (both, _) = verify(&tags, by_tag().chain(by_digest).collect());
        assert_eq!(both, cold, "what was known was asked for again");
        (asked, took, again) = (asked + cold, took + elapsed, again + both - cold);
    }
    eprintln!("{} images with 3 signatures each: {asked} requests cold, {again} warm; {took:?}", images.len());
}
