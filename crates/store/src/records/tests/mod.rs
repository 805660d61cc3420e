mod damage;
mod generate;
mod golden;

use std::path::Path;

use generate::Generate;
use proptest::prelude::*;
use signet_image::EntryKind;
use signet_model::{
    ChecksumAlgorithm, Directness, Inventory, Package, PackageKind, Presence, Purl, RelationshipKind, UnexaminedKind,
};

use super::*;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_layer_comes_back_whole(seed: u64, size in 0usize..6) {
        let mut generate = Generate::new(seed, size);
        let value = (generate.index(), generate.record(), generate.list_of_unexamined());
        let bytes = encode_layer(&value.0, &value.1, &value.2).unwrap();
        prop_assert_eq!(decode_layer(&bytes).unwrap(), value);
    }

    #[test]
    fn an_inventory_comes_back_whole(seed: u64, size in 0usize..12) {
        let value = Generate::new(seed, size).inventory();
        let bytes = encode_inventory(&value).unwrap();
        prop_assert_eq!(decode_inventory(&bytes).unwrap(), value);
    }
}

fn of_one(package: Package) -> Inventory {
    Inventory { packages: vec![package], ..Inventory::default() }
}

#[track_caller]
fn check_numbers<T: codes::Coded + std::fmt::Debug>(names: &str) {
    let variants: Vec<T> = (0..=u8::MAX).filter_map(T::of_code).collect();
    for (code, variant) in variants.iter().enumerate() {
        assert_eq!(usize::from(variant.code()), code);
    }
    let found: Vec<String> = variants.iter().map(|variant| format!("{variant:?}")).collect();
    assert_eq!(found.join(" "), names, "a number has changed its meaning: raise FORMAT_VERSION");
}

/// The golden files hold only some of them.
#[test]
fn numbers_of_variants_stay_what_they_are() {
    check_numbers::<PackageKind>(
        "Apk Deb Rpm Alpm Portage Opkg Npm Python Go Java Cargo Gem Nuget Composer Pub Swift CocoaPods Conan Vcpkg Hex Otp Hackage Opam Cran \
         LuaRocks Julia Cpan Gleam SwiplPack Conda Nix Bitnami Snap Homebrew Flatpak Spack GithubAction WordpressPlugin JenkinsPlugin \
         LinuxKernel LinuxKernelModule Binary Model Container Other Pear Jsr ChromeExtension VscodeExtension",
    );
    check_numbers::<ChecksumAlgorithm>("Md5 Sha1 Sha224 Sha256 Sha384 Sha512 Blake2b256");
    check_numbers::<Presence>("Installed Declared");
    check_numbers::<Directness>("Unknown Root Workspace Direct Indirect");
    check_numbers::<RelationshipKind>("DependsOn OwnedBy ContainedIn");
    check_numbers::<UnexaminedKind>("Malformed TooLarge Unsupported Unreadable Unresolved Missing");
    check_numbers::<EntryKind>("File Directory Symlink Hardlink Special");
    check_numbers::<codes::OwnerForm>("Here Named");
}

#[test]
fn a_text_that_repeats_is_written_once() {
    let vendor = "a vendor with a long name, which has a long address as well";
    let package = || Package { vendor: Some(vendor.to_owned()), ..Package::new(PackageKind::Deb, "name", "1") };
    let one = encode_inventory(&of_one(package())).unwrap().len();
    let inventory = Inventory { packages: (0..101).map(|_| package()).collect(), ..Inventory::default() };
    let many = encode_inventory(&inventory).unwrap().len();
    assert!(many - one <= 100 * 20, "{one} bytes for one, {many} for 101");
}

#[test]
fn what_would_not_read_back_as_itself_is_not_written() {
    let unknown = Package { found_by: "somebody", ..Package::new(PackageKind::Deb, "name", "1") };
    assert_eq!(encode_inventory(&of_one(unknown)), Err(RecordError::UnknownName { name: "somebody".to_owned() }));

    // Longer than any text that is read as a purl.
    let long = Purl::build("generic", None, &"x".repeat(20_000), None, [], None).unwrap();
    let package = Package { stated_purl: Some(long), ..Package::new(PackageKind::Other, "name", "1") };
    assert!(matches!(encode_inventory(&of_one(package)), Err(RecordError::Purl { .. })));
}

#[test]
fn every_name_in_the_code_of_the_rooms_is_known() {
    // How the rooms write names: in a literal, or handed to the one place that makes it.
    const BEFORE: &[&str] =
        &[" by: \"", "found_by: \"", "found_by = \"", "Collector::new(\"", "facts.insert(\"", "map_or(\"catalog"];
    let rooms = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut seen = 0;
    for room in ["advisories", "catalog", "image", "model", "sbom", "sources"] {
        let mut open = vec![rooms.join(room).join("src")];
        while let Some(path) = open.pop() {
            if path.is_dir() {
                open.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
                continue;
            }
            let name = path.file_name().unwrap().to_str().unwrap();
            if !name.ends_with(".rs")
                || name.contains("test")
                || path.components().any(|part| part.as_os_str() == "tests")
            {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
            for before in BEFORE {
                for (at, _) in code.match_indices(before) {
                    let start = at + before.find('"').unwrap() + 1;
                    let name = code[start..].split('"').next().unwrap();
                    assert!(
                        names::find(name).is_some(),
                        "{} names `{name}`: add it to `OTHERS` in names.rs",
                        path.display()
                    );
                    seen += 1;
                }
            }
        }
    }
    assert!(seen > 10, "only {seen} names were found: the search is broken");
}
