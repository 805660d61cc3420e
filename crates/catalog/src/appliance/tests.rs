use super::*;
use crate::syntax::testing::{check, mutate, read};

const INVENTORY: &[u8] = include_bytes!("testdata/application-inventory.json");
const COS: &[u8] = include_bytes!("testdata/cos-package-info.json");

#[test]
fn bottlerocket() {
    check(
        &bottlerocket::LEAF,
        "usr/share/bottlerocket/application-inventory.json",
        INVENTORY,
        &[
            "glibc@1:2.43-1.5f13b929.br1 L2-2",
            "kernel-6.1@6.1.172-1.br1 L3-3",
            "! malformed: line 4: a package without name or version",
        ],
    );
}

#[test]
fn container_optimized_os() {
    check(&cos::LEAF, "etc/cos-package-info.json", COS, &["zlib@17162.336.17 L2-2"]);
    assert_eq!(read(&cos::LEAF, "etc/cos-package-info.json", b"none").unexamined.len(), 1);
}

#[test]
fn netscaler() {
    let leaf = &netscaler::LEAF;
    check(leaf, "flash/boot/loader.conf", "autoboot=\"1\"\nkernel=\"/ns-14.1-36.5\"\n", &["NetScaler@14.1-36.5"]);
    check(leaf, "nsconfig/ns.conf", "#NS12.1 Build 55.329\nset ns config\n", &["NetScaler@12.1-55.329"]);
    check(leaf, "boot/loader.conf", "kernel=\"dns-14.1-3\"\nzfs_load=\"YES\"\n", &[]);
    check(leaf, "nsconfig/ns.conf", "", &["! malformed: it does not state the version of NetScaler"]);
}

proptest::proptest! {
    #[test]
    fn mutated_files_never_panic(place in 0usize..600, byte: u8, cut in 0usize..200, keep in 0usize..2000, text in "[ns#NS0-9. -]{0,30}") {
        read(&bottlerocket::LEAF, "x", &mutate(INVENTORY, place, byte, cut, keep));
        read(&cos::LEAF, "x", &mutate(COS, place, byte, cut, keep));
        read(&netscaler::LEAF, "ns.conf", text.as_bytes());
    }
}
