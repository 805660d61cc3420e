//! OCI layouts that are written by several, hold what others put there, or are made to lead a writer astray.

use serde_json::{Value, json};
use signet_model::Digest;

use crate::harness::Room;
use crate::seal::{Author, Way, run, sign};
use crate::shelf::{EMPTY, MANIFEST, Shelf};

const NAME: &str = "org.opencontainers.image.ref.name";

fn entries(room: &Room) -> Vec<Value> {
    room.json("saved/index.json")["manifests"].as_array().unwrap().clone()
}

/// The digests under a name, or without one.
fn named(room: &Room, name: Option<&str>) -> Vec<String> {
    let is = |entry: &&Value| entry["annotations"][NAME].as_str() == name;
    entries(room).iter().filter(is).map(|entry| entry["digest"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn two_who_save_at_once_lose_nothing() {
    let (room, shelf) = (Room::new(), Shelf::start());
    let images: Vec<(String, Digest)> =
        (0..12).map(|at| format!("t{at}")).map(|tag| (tag.clone(), shelf.image(&tag))).collect();
    let running: Vec<_> = images
        .iter()
        .map(|(tag, _)| room.command(&format!("-q save --dir saved {}/app:{tag}", shelf.host)).spawn().unwrap())
        .collect();
    for mut child in running {
        assert!(child.wait().unwrap().success());
    }
    for (tag, digest) in &images {
        assert_eq!(named(&room, Some(tag)), [digest.to_string()], "{tag}");
    }
}

#[test]
fn a_name_moves_and_nothing_that_it_held_is_lost() {
    let (room, shelf, author) = (Room::new(), Shelf::start(), Author::new(false));
    let first = shelf.image("1");
    sign(&shelf, &author, &first, Way::Tag);
    let save = format!("save --dir saved {}/app:1", shelf.host);
    let done = run(&room, &save, 0, &["1 manifest of the image, 1 beside it"]);
    assert!(done.talk.starts_with(&format!("saved `{}/app:1` to `saved`: ", shelf.host)), "{done}");
    // Another program's additions.
    let mut index = room.json("saved/index.json");
    index["annotations"] = json!({"made.by": "me"});
    index["future"] = json!([1, 2]);
    index["manifests"][0]["future"] = json!("kept too");
    room.file("saved/index.json", &index.to_string());

    // The signature's tag holds more by now, and the image's another image.
    let tag = format!("sha256-{}.sig", first.hex());
    let before = named(&room, Some(&tag));
    sign(&shelf, &Author::new(false), &first, Way::Tag);
    run(&room, &save, 0, &[]);
    let after = named(&room, Some(&tag));
    assert!(before.len() == 1 && after.len() == 1 && before != after, "{after:?}");
    assert!(entries(&room).iter().all(|entry| entry["digest"] != before[0].as_str()), "it is no longer the signature");
    let config = shelf.blob("application/vnd.oci.image.config.v1+json", b"{\"x\":\"second\"}");
    let second =
        shelf.manifest(Some("1"), &json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": []}));
    let second = second["digest"].as_str().unwrap();
    run(&room, &save, 0, &[]);
    assert_eq!(named(&room, Some("1")), [second]);
    assert_eq!(named(&room, None), [first.to_string()]);
    run(&room, "tree --local-image saved:1", 0, &[second]);
    run(&room, &format!("tree --local-image saved@{first}"), 0, &[&tag]);
    // And back: nobody is listed twice.
    shelf.image("1");
    run(&room, &save, 0, &[]);
    assert_eq!(named(&room, Some("1")), [first.to_string()]);
    assert_eq!(named(&room, None), [second]);
    let index = room.json("saved/index.json");
    assert_eq!((&index["annotations"]["made.by"], &index["future"]), (&json!("me"), &json!([1, 2])));
}

#[test]
fn a_name_of_two_manifests_is_none() {
    let (room, shelf, author) = (Room::new(), Shelf::start(), Author::new(false));
    let (one, two) = (shelf.image("1"), shelf.image("2"));
    sign(&shelf, &author, &one, Way::Tag);
    for tag in ["1", "2"] {
        run(&room, &format!("save --dir saved {}/app:{tag}", shelf.host), 0, &[]);
    }
    let index = room.json("saved/index.json");
    let with = |digest: &Digest, name: &str| {
        let mut index = index.clone();
        index["manifests"].as_array_mut().unwrap().push(json!({
            "mediaType": MANIFEST, "digest": digest.to_string(), "size": shelf.size(digest), "annotations": {NAME: name},
        }));
        room.file("saved/index.json", &index.to_string());
    };
    with(&two, "1");
    let needles = ["gives the name `1` to 2 manifests", &one.to_string(), &two.to_string(), "DIR@DIGEST"];
    run(&room, "tree --local-image saved:1", 1, &needles);
    run(&room, &format!("load --dir saved:1 {}/app:3", shelf.host), 1, &needles);
    run(&room, "tree --local-image saved:2", 0, &[]);
    // The same one twice is no question, and neither which signature is meant.
    with(&one, "example.com/app:1");
    run(&room, "tree --local-image saved:1", 0, &[&one.to_string()]);
    let tag = format!("sha256-{}.sig", one.hex());
    with(&two, &tag);
    run(&room, "tree --local-image saved:1", 1, &[&tag, "2 manifests"]);
}

#[test]
fn nothing_is_written_through_a_link() {
    use std::os::unix::fs::symlink;
    let shelf = Shelf::start();
    let image = shelf.image("1");
    let save = format!("save --dir saved {}/app:1", shelf.host);
    let hex = image.hex();
    for (link, target) in [
        ("saved/blobs", "outside"),
        ("saved/blobs/sha256", "outside"),
        (&*format!("saved/blobs/sha256/{hex}"), "outside/file"),
        ("saved/index.json", "outside/index.json"),
        ("saved/.signet-lock", "outside/lock"),
    ] {
        let room = Room::new();
        room.file("outside/index.json", r#"{"schemaVersion":2,"manifests":[]}"#);
        room.file("saved/oci-layout", r#"{"imageLayoutVersion":"1.0.0"}"#);
        if link != "saved/index.json" {
            room.file("saved/index.json", r#"{"schemaVersion":2,"manifests":[]}"#);
        }
        std::fs::create_dir_all(room.path(link).parent().unwrap()).unwrap();
        symlink(room.path(target), room.path(link)).unwrap();
        run(&room, &save, 1, &["symbolic link", link.rsplit_once('/').unwrap().1]);
        let outside: Vec<_> =
            std::fs::read_dir(room.path("outside")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(outside, ["index.json"], "{link}");
        assert_eq!(room.read("outside/index.json"), r#"{"schemaVersion":2,"manifests":[]}"#, "{link}");
        // The directory itself may be named by one: that is whoever named it.
        let room = Room::new();
        std::fs::create_dir_all(room.path("elsewhere")).unwrap();
        symlink(room.path("elsewhere"), room.path("saved")).unwrap();
        run(&room, &save, 0, &[]);
        assert!(room.path("elsewhere/index.json").is_file());
    }
}

#[test]
fn a_directory_of_somebody_elses_is_left_alone() {
    let (room, shelf) = (Room::new(), Shelf::start());
    shelf.image("1");
    room.file("saved/notes.txt", "mine");
    let save = format!("save --dir saved {}/app:1", shelf.host);
    run(&room, &save, 1, &["holds something else"]);
    assert_eq!(std::fs::read_dir(room.path("saved")).unwrap().count(), 1, "no lock either");
    // What a layout that was never finished left behind is taken up again.
    std::fs::remove_file(room.path("saved/notes.txt")).unwrap();
    room.file("saved/.signet-lock", "");
    room.file("saved/oci-layout", r#"{"imageLayoutVersion":"1.0.0"}"#);
    run(&room, &save, 0, &[]);
}

#[test]
fn a_tree_fits_the_page() {
    let (room, shelf, author) = (Room::new(), Shelf::start(), Author::new(true));
    let image = shelf.image("1");
    sign(&shelf, &author, &image, Way::Tag);
    sign(&shelf, &author, &image, Way::Listed);
    let subject = json!({"mediaType": MANIFEST, "digest": image.to_string(), "size": 1});
    let layer = shelf.blob("text/plain", b"x");
    shelf.layers(None, &[layer], &json!({"artifactType": EMPTY, "subject": subject}));
    let tree = run(&room, &format!("tree {}/app:1", shelf.host), 0, &["simplesigning", "nothing of this was verified"]);
    let widest = tree.out.lines().map(|line| line.chars().count()).max().unwrap();
    assert!(widest <= 100, "{widest}: {tree}");
    assert!(tree.out.contains(&image.to_string()) && tree.out.matches("sha256:").count() >= 3, "{tree}");
}
