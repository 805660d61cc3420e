//! `signet pin` on files, against a registry.

use crate::harness::Room;
use crate::shelf::Shelf;

#[test]
fn digests_are_written_checked_and_moved_forward() {
    let (room, shelf) = (Room::new(), Shelf::start());
    let one = shelf.image("1");
    let image = format!("{}/app:1", shelf.host);
    let reach = format!("--plain-http {}", shelf.host);
    let dockerfile = format!("# the base\nFROM {image} AS base\nFROM base\n");
    let pod =
        format!("apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - name: a\n    image: \"{image}\"   # keep\n");
    room.file("src/Dockerfile", &dockerfile);
    room.file("src/deploy/pod.yaml", &pod);
    room.file("src/.git/pod.yaml", &pod);
    room.file("src/notes.md", "FROM x");

    let place = format!("src/Dockerfile:2  {image}");
    room.check("pin --check src", 10, &["NOT PINNED", &place, "2 images, 2 not pinned"]);
    room.check(&format!("pin --dry-run {reach} src"), 0, &["would pin", &one.to_string()]);
    assert_eq!(room.read("src/Dockerfile"), dockerfile);

    room.check(&format!("pin {reach} src"), 0, &["2 images, 2 pinned now"]);
    let pinned = |text: &str, digest: &str| text.replace(&image, &format!("{image}@{digest}"));
    assert_eq!(room.read("src/Dockerfile"), pinned(&dockerfile, &one.to_string()));
    assert_eq!(room.read("src/deploy/pod.yaml"), pinned(&pod, &one.to_string()));
    assert_eq!(room.read("src/.git/pod.yaml"), pod);
    room.check("pin --check src", 0, &["2 images, 2 pinned already"]);

    // The tag names something else now: nothing changes unless that is asked for.
    let config = shelf.blob("application/vnd.oci.image.config.v1+json", b"{\"other\":true}");
    let two = shelf.manifest(
        Some("1"),
        &serde_json::json!({"schemaVersion": 2, "mediaType": crate::shelf::MANIFEST, "config": config, "layers": []}),
    );
    let two = two["digest"].as_str().unwrap().to_owned();
    room.check(&format!("pin {reach} src"), 0, &["2 pinned already"]);
    let run = room.check(&format!("pin --update -o json {reach} src"), 0, &["2 moved"]);
    let report: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(report["images"][0]["digest"], two.as_str());
    assert_eq!(room.read("src/Dockerfile"), pinned(&dockerfile, &two));
    room.check(&format!("pin --update {reach} src"), 0, &["2 pinned already"]);
}

#[test]
fn what_cannot_be_pinned_is_never_called_pinned() {
    let (room, shelf) = (Room::new(), Shelf::start());
    shelf.image("1");
    let reach = format!("--plain-http {}", shelf.host);
    room.file("a/Dockerfile", "ARG V\nFROM python:${V:-3}\n");
    room.check("pin --check a", 13, &["NOT CLEAR", "put together from parts"]);
    room.check("pin --check --allow-incomplete a", 0, &["1 not clear"]);
    room.file("b/x.yaml", "apiVersion: v1\nkind: Pod\nspec: {containers: [{image: 'Bad Image'}, {image: 7}]}\n");
    room.check("pin --check b", 13, &["Bad Image", "2 not clear"]);
    room.file("c/x.yaml", "a: [\n");
    room.check("pin --check c", 13, &["not examined", "c/x.yaml"]);
    room.file("d/x.yaml", "kind: ConfigMap\napiVersion: v1\ndata: {image: x}\n");
    room.check("pin --check d", 3, &["names an image"]);
    room.check("pin --check nosuch", 1, &["nosuch"]);
    room.check("pin --check d/nosuch.txt", 1, &["nosuch"]);
    room.file("e/notes.txt", "x");
    room.check("pin --check e/notes.txt", 2, &["no kind of file"]);
    room.check("pin --check --update e", 2, &["cannot be used with"]);

    // One tag that nobody has does not keep the others from being pinned.
    let (good, bad) = (format!("{}/app:1", shelf.host), format!("{}/app:2", shelf.host));
    room.file("f/Dockerfile", &format!("FROM {good}\nFROM {bad}\n"));
    room.check(&format!("pin {reach} f"), 1, &["FAILED", &bad, "1 pinned now, 1 failed"]);
    assert!(room.read("f/Dockerfile").starts_with(&format!("FROM {good}@sha256:")));
    room.check(&format!("--offline pin {reach} f"), 1, &["FAILED", "offline"]);
}
