//! Headers as text.

use proptest::prelude::*;

use super::plugin::LEAF;
use crate::syntax::testing::{check, mutate, read};

const HEADER: &str = include_str!("testdata/plugin.php");

#[test]
fn plugins() {
    let path = "var/www/html/wp-content/plugins/example/main.php";
    check(&LEAF, path, HEADER, &["Example: a plugin@1.2.3"]);
    let package = &read(&LEAF, path, HEADER.as_bytes()).packages[0];
    assert_eq!(package.extra["wordpress.slug"], "example");
    assert_eq!((package.vendor.as_deref(), package.licenses[0].value.as_str()), (Some("A"), "GPLv2 or later"));
    check(&LEAF, path, "<?php // Plugin Name: One\r// Version: 2\r", &["One@2"]);
    check(&LEAF, path, "<?php # plugin name: No version", &["No version@"]);
    check(&LEAF, path, "<?php echo 'Version: 1';", &[]);
    check(&LEAF, path, format!("<?php{}\n/* Plugin Name: Late */", " ".repeat(9000)), &[]);
    let alone = read(&LEAF, "wp-content/plugins/hello.php", b"<?php\n/* Plugin Name: Hello\nVersion: 1.7 */");
    assert_eq!(
        (alone.packages[0].version.as_str(), alone.packages[0].extra["wordpress.slug"].as_str()),
        ("1.7", "hello")
    );
}

#[test]
fn which_files() {
    for (path, expected) in [
        ("var/www/wp-content/plugins/a/a.php", true),
        ("wp-content/plugins/hello.php", true),
        ("wp-content/mu-plugins/x.php", true),
        ("wp-content/plugins/a/inc/b.php", false),
        ("wp-content/themes/a/functions.php", false),
    ] {
        assert_eq!((LEAF.accepts)(path), expected, "{path}");
    }
}

proptest! {
    #[test]
    fn broken_headers_never_panic(place: usize, byte: u8, cut in 0usize..40, keep: usize) {
        let found = read(&LEAF, "wp-content/plugins/a/a.php", &mutate(HEADER.as_bytes(), place, byte, cut, keep));
        prop_assert!(found.packages.len() <= 1);
    }
}
