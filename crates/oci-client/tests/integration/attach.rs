//! Writing beside an image: nothing is lost, whoever else writes and whatever the registry forgets.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use signet_model::{Algorithm, Digest};
use signet_oci_client::{
    BlockingClient, ClientOptions, CredentialConfig, Descriptor, ErrorKind, Listed, NewLayer, NewReferrer, TagConfig,
    media_type,
};

use crate::real;
use crate::standin::{client, options};
use crate::writable::{Faults, Writable};

const KIND: &str = "application/vnd.example.note";
const EMPTY: &str = "application/vnd.oci.empty.v1+json";

fn note(text: &str) -> NewReferrer {
    NewReferrer {
        artifact_type: KIND.to_owned(),
        config: None,
        layers: vec![layer(text)],
        annotations: BTreeMap::from([("org.example.note".to_owned(), text.to_owned())]),
    }
}

fn layer(text: &str) -> NewLayer {
    NewLayer {
        media_type: "text/plain".to_owned(),
        bytes: Bytes::from(text.to_owned()),
        annotations: BTreeMap::from([("n".to_owned(), text.to_owned())]),
    }
}

fn subject(algorithm: Algorithm) -> Descriptor {
    Descriptor {
        media_type: media_type::OCI_MANIFEST.to_owned(),
        digest: Digest::of(algorithm, b"image"),
        size: 5,
        platform: None,
        artifact_type: None,
        annotations: Vec::new(),
    }
}

fn fallback(algorithm: Algorithm) -> String {
    format!("{}-{}", algorithm.name(), &subject(algorithm).digest.hex()[..64])
}

/// Attaches twice two notes and lists what is there.
#[track_caller]
fn check(faults: Faults, algorithm: Algorithm, expected: Listed) -> Writable {
    let registry = Writable::start(faults);
    let (client, app) = (client(&[&registry.standin]), registry.standin.reference("app"));
    let subject = subject(algorithm);
    let mut digests = BTreeSet::new();
    for text in ["one", "two", "one"] {
        let attached = client.attach(&app, &subject, &note(text)).unwrap();
        assert_eq!(attached.listed, expected);
        assert_eq!(attached.descriptor.artifact_type.as_deref(), Some(KIND));
        digests.insert(attached.descriptor.digest);
    }
    let listed = client.referrers(&app, &subject.digest, Some(KIND)).unwrap();
    let found: Vec<Digest> = listed.iter().map(|entry| entry.digest).collect();
    assert_eq!(found.len(), 2, "each once");
    assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), digests);
    registry
}

#[test]
fn what_is_attached_is_found_by_list_and_by_tag() {
    let lists = Faults { lists: true, ..Faults::default() };
    let registry = check(lists, Algorithm::Sha256, Listed::ByRegistry);
    assert!(!registry.contents.lock().manifests.contains_key(&fallback(Algorithm::Sha256)), "no tag is needed");
    for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
        let registry = check(Faults::default(), algorithm, Listed::ByTag);
        let index = registry.json(&fallback(algorithm));
        assert_eq!(index["mediaType"], media_type::OCI_INDEX);
        assert_eq!(index["manifests"][0]["annotations"], json!({"org.example.note": "one"}));
        let digest = index["manifests"][0]["digest"].as_str().unwrap();
        let manifest = registry.json(digest);
        assert_eq!(manifest["subject"]["digest"], subject(algorithm).digest.to_string());
        assert_eq!(manifest["artifactType"], KIND);
        let empty = json!({"mediaType": EMPTY, "digest": Digest::sha256(b"{}").to_string(), "size": 2});
        assert_eq!(manifest["config"], empty);
    }
}

#[test]
fn a_registry_that_forgets_every_second_write_is_written_again() {
    check(Faults { forgets: true, ..Faults::default() }, Algorithm::Sha256, Listed::ByTag);
    check(Faults { forgets: true, lists: true, ..Faults::default() }, Algorithm::Sha256, Listed::ByRegistry);
}

#[test]
fn conditions_are_heeded_where_the_registry_heeds_them() {
    check(Faults { conditional: true, ..Faults::default() }, Algorithm::Sha256, Listed::ByTag);
    // Somebody puts another index there between our reading and our writing: the second write is that of the tag.
    let registry = Writable::start(Faults { conditional: true, ..Faults::default() });
    let other = entry("other", None);
    let index = json!({"schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": [other]});
    let held = (media_type::OCI_INDEX.to_owned(), index.to_string().into_bytes());
    registry.contents.lock().meddle = Some((2, fallback(Algorithm::Sha256), held));
    let client = client(&[&registry.standin]);
    client.attach(&registry.standin.reference("app"), &subject(Algorithm::Sha256), &note("x")).unwrap();
    assert_eq!(registry.json(&fallback(Algorithm::Sha256))["manifests"].as_array().unwrap().len(), 2);
}

fn entry(text: &str, artifact_type: Option<&str>) -> Value {
    let mut entry = json!({
        "mediaType": media_type::OCI_MANIFEST, "digest": Digest::sha256(text.as_bytes()).to_string(), "size": 1,
    });
    if let Some(kind) = artifact_type {
        entry["artifactType"] = json!(kind);
    }
    entry
}

#[test]
fn entries_of_others_stay_as_they_are() {
    let registry = Writable::start(Faults::default());
    let theirs = [entry("a", Some(EMPTY)), entry("b", None)];
    let mut index = json!({"schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": theirs});
    index["annotations"] = json!({"kept": "yes"});
    registry.put(&fallback(Algorithm::Sha256), media_type::OCI_INDEX, &index);
    let client = client(&[&registry.standin]);
    let app = registry.standin.reference("app");
    let attached = client.attach(&app, &subject(Algorithm::Sha256), &note("x")).unwrap();
    let now = registry.json(&fallback(Algorithm::Sha256));
    assert_eq!(now["manifests"].as_array().unwrap()[..2], theirs);
    assert_eq!(now["annotations"], json!({"kept": "yes"}));
    // And stay when ours goes.
    client.detach(&app, &subject(Algorithm::Sha256).digest, &attached.descriptor.digest).unwrap();
    let now = registry.json(&fallback(Algorithm::Sha256));
    assert_eq!(now["manifests"].as_array().unwrap()[..], theirs);
    assert!(!registry.contents.lock().manifests.contains_key(&attached.descriptor.digest.to_string()));
}

#[test]
fn what_is_no_list_of_referrers_is_not_written_over() {
    let image =
        json!({"schemaVersion": 2, "mediaType": media_type::OCI_MANIFEST, "config": entry("c", None), "layers": []});
    let mut platforms = entry("p", None);
    platforms["platform"] = json!({"os": "linux", "architecture": "amd64"});
    let index = json!({"schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": [platforms]});
    let list = json!({"schemaVersion": 2, "mediaType": media_type::DOCKER_LIST, "manifests": []});
    for (kind, manifest) in
        [(media_type::OCI_MANIFEST, image), (media_type::OCI_INDEX, index), (media_type::DOCKER_LIST, list)]
    {
        let registry = Writable::start(Faults::default());
        registry.put(&fallback(Algorithm::Sha256), kind, &manifest);
        let err = client(&[&registry.standin])
            .attach(&registry.standin.reference("app"), &subject(Algorithm::Sha256), &note("x"))
            .unwrap_err();
        assert_eq!(err.kind, ErrorKind::Conflict, "{err}");
        assert!(err.to_string().contains(&fallback(Algorithm::Sha256)), "{err}");
        assert_eq!(registry.json(&fallback(Algorithm::Sha256)), manifest);
    }
}

#[test]
fn a_tag_that_may_not_move_is_explained() {
    for answer in [
        (412, "configured as immutable"),
        (400, "The image tag 'x' already exists and cannot be overwritten because the repository is immutable."),
        (409, "no"),
        (405, "The operation is disallowed, the tag is locked"),
    ] {
        let registry = Writable::start(Faults { immutable: Some(answer), ..Faults::default() });
        let (client, app) = (client(&[&registry.standin]), registry.standin.reference("app"));
        let subject = subject(Algorithm::Sha256);
        client.attach(&app, &subject, &note("one")).unwrap();
        let err = client.attach(&app, &subject, &note("two")).unwrap_err();
        assert_eq!(err.kind, ErrorKind::Immutable, "{err}");
        assert!(err.hint.unwrap().contains("OCI 1.1"));
        let tag = registry.standin.reference("app:sha256-x.sig");
        client.append_to_tag(&tag, &[layer("one")], &TagConfig::Layers, &|_| false).unwrap();
        let err = client.append_to_tag(&tag, &[layer("two")], &TagConfig::Layers, &|_| false).unwrap_err();
        assert_eq!(err.kind, ErrorKind::Immutable, "{err}");
    }
    // No right is no rule.
    let registry = Writable::start(Faults { immutable: Some((403, "go away")), ..Faults::default() });
    let (client, app) = (client(&[&registry.standin]), registry.standin.reference("app"));
    client.attach(&app, &subject(Algorithm::Sha256), &note("one")).unwrap();
    let err = client.attach(&app, &subject(Algorithm::Sha256), &note("two")).unwrap_err();
    assert_eq!(err.kind, ErrorKind::Forbidden, "{err}");
}

#[test]
fn layers_are_added_to_a_tag_and_replaced() {
    let registry = Writable::start(Faults { forgets: true, ..Faults::default() });
    let client = client(&[&registry.standin]);
    let tag = registry.standin.reference("app:sha256-x.att");
    let texts = |registry: &Writable| -> Vec<String> {
        let manifest = registry.json("sha256-x.att");
        let layers = manifest["layers"].as_array().unwrap().clone();
        let config = manifest["config"]["digest"].as_str().unwrap().to_owned();
        let config: Value = serde_json::from_slice(&registry.contents.lock().blobs[&config]).unwrap();
        let digests: Vec<&Value> = layers.iter().map(|layer| &layer["digest"]).collect();
        assert_eq!(json!(digests), config["rootfs"]["diff_ids"]);
        layers.iter().map(|layer| layer["annotations"]["n"].as_str().unwrap().to_owned()).collect()
    };
    let append = |new: &str, gone: Option<&str>| {
        let replace = |known: &Descriptor| gone.is_some_and(|gone| known.annotations[0].1 == gone);
        client.append_to_tag(&tag, &[layer(new)], &TagConfig::Layers, &replace).unwrap()
    };
    append("one", None);
    append("two", None);
    assert_eq!(texts(&registry), ["one", "two"]);
    append("two", None);
    assert_eq!(texts(&registry), ["one", "two"]);
    append("three", Some("one"));
    assert_eq!(texts(&registry), ["two", "three"]);
    // The same bytes under other annotations are another signature.
    let mut again = layer("two");
    again.annotations = BTreeMap::from([("n".to_owned(), "again".to_owned())]);
    client.append_to_tag(&tag, &[again], &TagConfig::Layers, &|_| false).unwrap();
    assert_eq!(texts(&registry), ["two", "three", "again"]);
    let given = TagConfig::Given("application/x".to_owned(), Bytes::from_static(b"{}"));
    let digest = client.append_to_tag(&tag, &[layer("four")], &given, &|_| true).unwrap();
    let manifest = registry.json("sha256-x.att");
    assert_eq!(manifest["layers"].as_array().unwrap().len(), 1);
    assert_eq!(manifest["config"]["mediaType"], "application/x");
    assert!(registry.contents.lock().manifests.contains_key(&digest.to_string()));
    // An index is not made into something else.
    let index = json!({"schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": []});
    registry.put("sha256-x.att", media_type::OCI_INDEX, &index);
    let err = client.append_to_tag(&tag, &[layer("x")], &TagConfig::Layers, &|_| false).unwrap_err();
    assert_eq!(err.kind, ErrorKind::Conflict);
}

#[test]
fn a_registry_that_keeps_nothing_is_found_out() {
    let registry = Writable::start(Faults::default());
    let standin = crate::standin::Standin::start(|request| match request.method.as_str() {
        "PUT" => crate::standin::Reply::new(201, ""),
        "POST" => crate::standin::Reply::new(202, "").with("Location", "/v2/app/blobs/uploads/1"),
        _ => crate::standin::Reply::new(404, ""),
    });
    drop(registry);
    let err =
        client(&[&standin]).attach(&standin.reference("app"), &subject(Algorithm::Sha256), &note("x")).unwrap_err();
    assert_eq!(err.kind, ErrorKind::Conflict, "{err}");
}

#[test]
fn deleting_by_tag_finds_another_way_where_there_is_none() {
    for only_digests in [false, true] {
        let registry = Writable::start(Faults { only_digests, ..Faults::default() });
        let client = client(&[&registry.standin]);
        let tag = registry.standin.reference("app:t");
        client.append_to_tag(&tag, &[layer("one")], &TagConfig::Layers, &|_| false).unwrap();
        client.delete_manifest(&tag).unwrap();
        assert!(!registry.contents.lock().manifests.contains_key("t"));
        client.delete_manifest(&tag).unwrap();
    }
    // Where only the manifest can go, nothing else goes with it.
    let registry = Writable::start(Faults { only_digests: true, ..Faults::default() });
    let client = client(&[&registry.standin]);
    let tag = |name: &str| registry.standin.reference(&format!("app:{name}"));
    for name in ["one", "two"] {
        client.append_to_tag(&tag(name), &[layer("same")], &TagConfig::Layers, &|_| false).unwrap();
    }
    let err = client.delete_manifest(&tag("one")).unwrap_err();
    assert!(err.kind == ErrorKind::Conflict && err.what.contains("is also under `two`"), "{err}");
    let image = registry.image("image", &[b"x"]);
    let subject = json!({"mediaType": crate::standin::MANIFEST, "digest": image.to_string(), "size": 1});
    let config = json!({"mediaType": "a/b", "digest": Digest::sha256(b"{}").to_string(), "size": 2});
    let beside = json!({
        "schemaVersion": 2, "mediaType": crate::standin::MANIFEST, "config": config, "layers": [], "subject": subject,
    });
    let own = format!("sha256-{}.sig", image.hex());
    for name in ["elsewhere", &own] {
        registry.put(name, crate::standin::MANIFEST, &beside);
    }
    let err = client.delete_manifest(&tag("elsewhere")).unwrap_err();
    assert!(err.what.contains("lies beside another image"), "{err}");
    registry.contents.lock().manifests.remove("elsewhere");
    registry.put(&Digest::sha256(beside.to_string().as_bytes()).to_string(), crate::standin::MANIFEST, &beside);
    client.delete_manifest(&tag(&own)).unwrap();
    assert!(!registry.contents.lock().manifests.contains_key(&own));
    let standin = crate::standin::Standin::replies([crate::standin::Reply::new(405, "")]);
    let err = crate::standin::client(&[&standin])
        .delete_manifest(&standin.reference("app").at(Digest::sha256(b"x")))
        .unwrap_err();
    assert_eq!(err.kind, ErrorKind::Unsupported);
    assert!(err.hint.unwrap().contains("deletes nothing"));
}

/// Ten programs at once, each with a client of its own, as different machines have.
#[track_caller]
fn ten_at_once(open: &(dyn Fn() -> BlockingClient + Sync), app: &signet_model::ImageRef, subject: &Descriptor) {
    let tag = format!("{}:sha256-{}.sig", app.name(), subject.digest.hex()).parse().unwrap();
    std::thread::scope(|scope| {
        for number in 0..10 {
            let tag = &tag;
            scope.spawn(move || {
                let client = open();
                client.attach(app, subject, &note(&format!("note {number}"))).unwrap();
                let layer = layer(&format!("layer {number}"));
                client.append_to_tag(tag, &[layer], &TagConfig::Layers, &|_| false).unwrap();
            });
        }
    });
    assert_eq!(open().referrers(app, &subject.digest, None).unwrap().len(), 10);
    let manifest = open().manifest(&tag).unwrap();
    let signet_oci_client::ManifestBody::Image(image) = manifest.body else { panic!("no image") };
    let texts: BTreeSet<String> = image.layers.iter().map(|layer| layer.annotations[0].1.clone()).collect();
    assert_eq!((image.layers.len(), texts.len()), (10, 10), "{texts:?}");
}

#[test]
fn ten_attachers_at_once_lose_nothing() {
    for faults in [
        Faults::default(),
        Faults { conditional: true, ..Faults::default() },
        Faults { lists: true, ..Faults::default() },
    ] {
        let registry = Writable::start(faults);
        let open = || BlockingClient::new(options(&[&registry.standin]), CredentialConfig::default()).unwrap();
        ten_at_once(&open, &registry.standin.reference("app"), &subject(Algorithm::Sha256));
    }
}

#[test]
fn ten_attachers_at_once_lose_nothing_in_a_real_registry() {
    let folder = tempfile::tempdir().unwrap();
    let Some((_running, host)) = real::start_with(folder.path(), "", "") else { return };
    let app: signet_model::ImageRef = format!("{host}/app").parse().unwrap();
    // Distribution's files are not written in one go: who reads a tag while another moves it may meet a 500.
    let open = || {
        let options = ClientOptions { first_pause: Duration::from_millis(50), ..ClientOptions::default() };
        BlockingClient::new(options, CredentialConfig::default()).unwrap()
    };
    ten_at_once(&open, &app, &subject(Algorithm::Sha256));
    // And it deletes.
    let (client, subject) = (real::client(), subject(Algorithm::Sha256));
    let listed = client.referrers(&app, &subject.digest, None).unwrap();
    client.detach(&app, &subject.digest, &listed[0].digest).unwrap();
    assert_eq!(client.referrers(&app, &subject.digest, None).unwrap().len(), 9);
    assert_eq!(client.manifest(&app.at(listed[0].digest)).unwrap_err().kind, ErrorKind::NotFound);
}
