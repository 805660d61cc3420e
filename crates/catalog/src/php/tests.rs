//! Files as text.

use proptest::prelude::*;

use super::{composer, pear};
use crate::syntax::testing::{check, mutate, read};

const LOCK: &str = include_str!("testdata/composer.lock");
const RECORD: &str = "a:6:{s:4:\"name\";s:5:\"redis\";s:7:\"channel\";s:12:\"pecl.php.net\";s:7:\"version\";a:2:{s:7:\"release\";s:5:\"6.0.2\";s:3:\"api\";s:5:\"6.0.0\";}s:7:\"license\";a:2:{s:7:\"attribs\";a:0:{}s:8:\"_content\";s:3:\"PHP\";}s:8:\"filelist\";a:1:{s:8:\"redis.so\";a:1:{s:12:\"installed_as\";s:21:\"/usr/lib/php/redis.so\";}}s:4:\"time\";i:5;}";
const PECL: &str = "usr/local/lib/php/.registry/.channel.pecl.php.net/redis.reg";

#[test]
fn lock_files() {
    check(
        &composer::LOCK,
        "composer.lock",
        LOCK,
        &[
            "vendor/one@v1.0.2 L3-10",
            "vendor/two@2.1.0 L11-11",
            "vendor/test@dev-main dev L15-15",
            "! malformed: line 12: a package without name or version",
        ],
    );
    let found = read(&composer::LOCK, "composer.lock", LOCK.as_bytes());
    assert_eq!(found.requires, [(0, "vendor/two".to_owned())]);
    assert_eq!((found.packages[0].licenses.len(), found.packages[0].checksums.len()), (2, 1));
    assert_eq!(found.packages[0].extra["composer.source"], "https://example.org/one.git#abc");
    check(&composer::LOCK, "composer.lock", "null", &["! malformed: expected an object"]);
    check(&composer::LOCK, "composer.lock", "[]", &["! malformed: expected an object"]);
    assert!(!(composer::LOCK.accepts)("app/vendor/a/b/composer.lock"));
}

#[test]
fn installed() {
    let path = "app/vendor/composer/installed.json";
    check(&composer::INSTALLED, path, r#"[{"name": "a/b", "version": "1.0"}]"#, &["a/b@1.0 L1-1"]);
    check(
        &composer::INSTALLED,
        path,
        r#"{"packages": [{"name": "a/b", "version": "1.0"}, {"name": "a/c", "version": "2"}], "dev-package-names": ["a/c"]}"#,
        &["a/b@1.0 L1-1", "a/c@2 dev L1-1"],
    );
    check(&composer::INSTALLED, path, "{}", &["! malformed: no list of packages"]);
    // Elsewhere it must read like Composer's list.
    let other = "app/installed.json";
    check(&composer::INSTALLED, other, r#"[{"name": "a/b", "version": "1.0"}]"#, &["a/b@1.0 L1-1"]);
    check(&composer::INSTALLED, other, r#"[{"name": "plain", "version": "1.0"}]"#, &[]);
    check(&composer::INSTALLED, other, "no JSON", &[]);
}

#[test]
fn manifests() {
    let text = r#"{"name": "a/app", "require": {"php": "8", "a/b": "^1"}, "require-dev": {"a/c": "*"}}"#;
    let manifest = read(&composer::PROJECT, "composer.json", text.as_bytes()).manifest.unwrap();
    let needs: Vec<_> = manifest.needs.iter().map(|need| (need.name.as_str(), need.dev)).collect();
    assert_eq!(needs, [("a/b", false), ("a/c", true)]);
}

#[test]
fn records() {
    check(&pear::LEAF, PECL, RECORD, &["pecl.php.net/redis@6.0.2"]);
    let found = read(&pear::LEAF, PECL, RECORD.as_bytes());
    assert_eq!(found.packages[0].purl(None).unwrap().to_string(), "pkg:pear/pecl.php.net/redis@6.0.2");
    assert_eq!(found.packages[0].licenses[0].value, "PHP");
    assert_eq!(found.owns[0].1, ["usr/lib/php/redis.so"]);
    let old = "a:3:{s:7:\"package\";s:3:\"Log\";s:7:\"version\";s:3:\"1.0\";s:15:\"release_license\";s:3:\"MIT\";}";
    check(&pear::LEAF, "usr/share/php/.registry/log.reg", old, &["pear.php.net/Log@1.0"]);
    check(&pear::LEAF, PECL, "a:0:{}", &["! malformed: a record without name or version"]);
    check(&pear::LEAF, PECL, "hello", &["! malformed: no serialised PHP value at byte 1"]);
}

proptest! {
    #[test]
    fn broken_files_never_panic(lock: bool, place: usize, byte: u8, cut in 0usize..40, keep: usize) {
        let (leaf, path, text) = if lock { (&composer::LOCK, "composer.lock", LOCK) } else { (&pear::LEAF, PECL, RECORD) };
        prop_assert!(read(leaf, path, &mutate(text.as_bytes(), place, byte, cut, keep)).packages.len() < 20);
    }
}
