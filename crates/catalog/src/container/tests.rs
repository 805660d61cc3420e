use super::*;
use crate::syntax::testing::{check, mutate, read};

#[test]
fn bases() {
    check(
        &dockerfile::LEAF,
        "Dockerfile",
        include_str!("testdata/Dockerfile"),
        &[
            "nginx@1.27.4 L4-4",
            "localhost:5000/team/app@2 L5-6",
            "debian@sha256:5a271780516b718910041c0993952f14371490216692290d234a9b231d102e1c L10-10",
            "alpine@latest L11-11",
        ],
    );
    check(&dockerfile::LEAF, "Dockerfile", "# escape=`\nFROM a `\n AS b\nFROM b\n", &["a@latest L2-3"]);
    check(&dockerfile::LEAF, "Dockerfile", "", &[]);
}

#[test]
fn services() {
    let rows = ["ghcr.io/acme/api@1.2.0 L2-2", "redis@7 L7-7"];
    check(&compose::LEAF, "compose.yaml", include_str!("testdata/compose.yaml"), &rows);
}

#[test]
fn builds() {
    let path = "root/buildinfo/Dockerfile-ubi8-8.3-227";
    let text = b"LABEL com.redhat.component=\"ubi8-container\" \\\n  architecture=\"x86_64\"\n";
    assert_eq!(read(&buildinfo::LEAF, path, text).facts["build_nvr"], ["ubi8-container-8.3-227-x86_64"]);
    assert_eq!(read(&buildinfo::LEAF, path, b"LABEL com.redhat.component=a\n").unexamined.len(), 1);
}

const DIGEST: &str = "sha256:4a027e20a3f6606ecdc4a5e412ac16c636d1cdb4b390d92a8265047b6873174c";
const OTHER: &str = "sha256:5b138f31b4f7717fdfed5b6f523bd27d747e2dec5c4a1eaf6d9376158c7984285";

/// An image of containerd's store.
fn stored(digest: &str) -> signet_pages::testing::Node {
    use signet_pages::testing::{bucket, value};
    bucket(&[("target", bucket(&[("digest", value(digest)), ("mediatype", value("application/json"))]))])
}

fn containerd_store() -> Vec<u8> {
    use signet_pages::testing::{bolt_file, bucket, value};
    let images = bucket(&[
        ("docker.io/library/nginx:1.27", stored(DIGEST)),
        (
            "docker.io/library/nginx@sha256:4a027e20a3f6606ecdc4a5e412ac16c636d1cdb4b390d92a8265047b6873174c",
            stored(DIGEST),
        ),
        ("sha256:0000000000000000000000000000000000000000000000000000000000000001", stored(DIGEST)),
        ("sha256:0000000000000000000000000000000000000000000000000000000000000002", stored(OTHER)),
        ("broken:1", stored("none")),
    ]);
    let cluster = bucket(&[("images", images), ("leases", bucket(&[]))]);
    bolt_file(&[("v1", bucket(&[("k8s.io", cluster), ("version", value("\x08"))]))])
}

#[test]
fn images_of_containerd() {
    let path = "var/lib/containerd/io.containerd.metadata.v1.bolt/meta.db";
    let nginx = format!("docker.io/library/nginx@{DIGEST}");
    let bare = format!("sha256:0000000000000000000000000000000000000000000000000000000000000002@{OTHER}");
    check(
        &containerd::LEAF,
        path,
        containerd_store(),
        &[&nginx, &bare, "! malformed: the image `broken:1` has no digest"],
    );
    let found = read(&containerd::LEAF, path, &containerd_store());
    assert_eq!(found.packages[0].extra["oci.tag"], "1.27");
    assert_eq!(found.packages[0].presence, Presence::Installed);
    let purl = found.packages[0].purl(None).unwrap();
    assert_eq!((purl.ty(), purl.name(), purl.version()), ("oci", "nginx", Some(DIGEST)));
    assert_eq!(purl.qualifier("repository_url"), Some("docker.io/library/nginx"));
    assert_eq!(purl.to_package().name, "docker.io/library/nginx");
    assert_eq!(read(&containerd::LEAF, path, b"none").unexamined.len(), 1);
    let other = signet_pages::testing::bolt_file(&[("v2", signet_pages::testing::bucket(&[]))]);
    assert_eq!(read(&containerd::LEAF, path, &other).unexamined.len(), 1);
}

const STORAGE: &str = r#"[
{"id": "aa01", "digest": "sha256:4a027e20a3f6606ecdc4a5e412ac16c636d1cdb4b390d92a8265047b6873174c", "names": ["localhost:5000/a:1", "localhost:5000/a:2"]},
{"id": "0202020202020202020202020202020202020202020202020202020202020202", "names-history": ["quay.io/old:1"]},
{"id": "0303030303030303030303030303030303030303030303030303030303030303"},
{"names": ["x"]}
]"#;

#[test]
fn images_of_podman() {
    let leaf = &stored::STORAGE;
    let first = format!("localhost:5000/a@{DIGEST}");
    check(
        leaf,
        "var/lib/containers/storage/overlay-images/images.json",
        STORAGE,
        &[
            &first,
            "quay.io/old@sha256:0202020202020202020202020202020202020202020202020202020202020202",
            "sha256:0303030303030303030303030303030303030303030303030303030303030303@sha256:0303030303030303030303030303030303030303030303030303030303030303",
            "! malformed: line 5: an image without an id",
        ],
    );
    assert_eq!(read(leaf, "overlay-images/images.json", STORAGE.as_bytes()).packages[0].extra["oci.tag"], "1 2");
    check(leaf, "overlay-images/images.json", "{}", &["! malformed: line 1: expected a list of images"]);
    assert!((leaf.accepts)("vfs-images/images.json") && !(leaf.accepts)("web/images.json"));
}

#[test]
fn images_of_docker() {
    let text = format!(
        r#"{{"Repositories": {{"nginx": {{"nginx:1.27": "{OTHER}", "nginx@{DIGEST}": "{OTHER}", "nginx:own": "sha256:{}"}}, "b": {{"b:1": "x"}}}}}}"#,
        "7".repeat(64)
    );
    let (own, pulled) = (format!("nginx@sha256:{}", "7".repeat(64)), format!("nginx@{DIGEST}"));
    let path = "var/lib/docker/image/overlay2/repositories.json";
    check(&stored::DOCKER, path, text, &[&pulled, &own, "! malformed: line 1: an image whose id is no digest"]);
    assert!((stored::DOCKER.accepts)(path) && !(stored::DOCKER.accepts)("srv/repositories.json"));
}

#[test]
fn containers_of_podman() {
    let leaf = &podman::LEAF;
    let nginx = format!("docker.io/library/nginx@sha256:{}", "1".repeat(64));
    let rows = [nginx.as_str(), "! malformed: a container whose configuration cannot be read"];
    check(leaf, "var/lib/containers/storage/db.sql", include_bytes!("testdata/db.sql"), &rows);
    use signet_pages::testing::{bolt_file, bucket, value};
    let container = |state: &str| {
        let id = "1".repeat(64);
        let config = format!(r#"{{"rawImageName": "docker.io/library/nginx:1.27", "rootfsImageID": "{id}"}}"#);
        bucket(&[("config", value(&config)), ("state", value(state))])
    };
    let running = bolt_file(&[("ctr", bucket(&[("aa", container("{}")), ("bb", bucket(&[("state", value(""))]))]))]);
    check(leaf, "var/lib/containers/storage/libpod/bolt_state.db", running, &rows);
    let exited = bolt_file(&[("ctr", bucket(&[("aa", container(r#"{"exited": true}"#))]))]);
    check(leaf, "var/lib/containers/storage/libpod/bolt_state.db", exited, &[]);
    for path in ["containers/storage/db.sql", "containers/storage/libpod/bolt_state.db"] {
        assert_eq!(read(leaf, path, b"not a database").unexamined.len(), 1);
    }
}

#[test]
fn variables() {
    let variables = BTreeMap::from([("A".to_owned(), "1".to_owned()), ("E".to_owned(), String::new())]);
    let check =
        |text: &str, expected: Option<&str>| assert_eq!(expand(text, &variables).as_deref(), expected, "{text}");
    check("x$A-${A}$$", Some("x1-1$"));
    check("${E:-d}${E-d}${B-d}${A:+y}${B:+y}", Some("ddy"));
    check("$B", None);
    check("${B}", None);
    check("${A", None);
}

proptest::proptest! {
    #[test]
    fn mutated_files_never_panic(place in 0usize..600, byte: u8, cut in 0usize..200, keep in 0usize..2000) {
        read(&dockerfile::LEAF, "Dockerfile", &mutate(include_bytes!("testdata/Dockerfile"), place, byte, cut, keep));
        read(&stored::STORAGE, "overlay-images/images.json", &mutate(STORAGE.as_bytes(), place, byte, cut, keep));
        read(&podman::LEAF, "containers/storage/db.sql", &mutate(include_bytes!("testdata/db.sql"), place * 17, byte, cut, keep * 9));
        read(&containerd::LEAF, "meta.db", &mutate(&containerd_store(), place * 31, byte, 0, usize::MAX));
        read(&compose::LEAF, "compose.yaml", &mutate(include_bytes!("testdata/compose.yaml"), place, byte, cut, keep));
        read(&buildinfo::LEAF, "root/buildinfo/Dockerfile-a-1-2", &mutate(b"LABEL com.redhat.component=a architecture=\"x\"", place, byte, cut, keep));
    }
}
