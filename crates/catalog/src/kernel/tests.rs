use super::*;
use crate::syntax::testing::{check, mutate, read};

/// An x86 boot image with this version text.
fn kernel(version: &str) -> Vec<u8> {
    let mut bytes = vec![0; 0x400];
    bytes[0x202..0x206].copy_from_slice(b"HdrS");
    bytes[0x20e..0x210].copy_from_slice(&0x180u16.to_le_bytes());
    bytes[0x380..0x380 + version.len()].copy_from_slice(version.as_bytes());
    bytes
}

/// A relocatable ELF file with the sections `.modinfo` and `.shstrtab` and nothing else.
fn module(modinfo: &[u8]) -> Vec<u8> {
    let names = b"\0.modinfo\0.shstrtab\0";
    let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x01\0\x3e\0\x01\0\0\0".to_vec();
    let (at_modinfo, at_names) = (64, 64 + modinfo.len());
    let headers = (at_names + names.len()).next_multiple_of(8);
    file.extend([0u64, 0, headers as u64].iter().flat_map(|word| word.to_le_bytes()));
    file.extend(0u32.to_le_bytes());
    file.extend([64u16, 0, 0, 64, 3, 2].iter().flat_map(|half| half.to_le_bytes()));
    file.extend(modinfo);
    file.extend(names);
    file.resize(headers, 0);
    for (name, kind, at, size) in
        [(0u32, 0u32, 0, 0), (1, 1, at_modinfo, modinfo.len()), (10, 3, at_names, names.len())]
    {
        file.extend(name.to_le_bytes());
        file.extend(kind.to_le_bytes());
        let words = [0, 0, at as u64, size as u64, 0, 1, 0];
        file.extend(words.iter().flat_map(|word| word.to_le_bytes()));
    }
    file
}

fn modinfo() -> Vec<u8> {
    include_str!("testdata/modinfo.txt").replace('\n', "\0").into_bytes()
}

#[test]
fn images() {
    let text = "6.1.0-18-amd64 (debian-kernel@lists.debian.org) #1 SMP PREEMPT_DYNAMIC";
    check(&IMAGE, "boot/vmlinuz-6.1.0-18-amd64", kernel(text), &["linux-kernel@6.1.0-18-amd64"]);
    for odd in [Vec::new(), vec![0; 0x500], kernel("none"), kernel("")] {
        assert_eq!(read(&IMAGE, "boot/vmlinuz", &odd).unexamined.len(), 1);
    }
    assert!((IMAGE.accepts)("boot/vmlinuz-6.1") && !(IMAGE.accepts)("boot/System.map-6.1"));
}

#[test]
fn modules() {
    check(&MODULE, "lib/modules/6.1/a.ko", module(&modinfo()), &["signet_seal@0.4ac1"]);
    let packed = zstd::bulk::compress(&module(b"name=plain\0license=GPL v2\0"), 3).unwrap();
    check(&MODULE, "lib/modules/6.1/a.ko.zst", packed, &["plain@"]);
    let plain = module(b"name=plain\0license=GPL v2\0");
    check(&MODULE, "a.ko.xz", xz(&plain), &["plain@"]);
    check(&MODULE, "a.ko.gz", gzip(&plain), &["plain@"]);
    check(&MODULE, "a.ko.xz", b"text", &["! malformed: it does not unpack as xz"]);
    for odd in [Vec::new(), b"text".to_vec(), module(b"license=GPL\0")] {
        assert_eq!(read(&MODULE, "a.ko", &odd).unexamined.len(), 1);
    }
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut writer = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(0)).unwrap();
    std::io::Write::write_all(&mut writer, bytes).unwrap();
    writer.finish().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::read::GzEncoder::new(bytes, flate2::Compression::fast());
    let mut packed = Vec::new();
    std::io::Read::read_to_end(&mut encoder, &mut packed).unwrap();
    packed
}

proptest::proptest! {
    #[test]
    fn mutated_files_never_panic(place in 0usize..2000, byte: u8, cut in 0usize..200, keep in 0usize..4000) {
        read(&IMAGE, "boot/vmlinuz", &mutate(&kernel("6.1 x"), place, byte, cut, keep));
        read(&MODULE, "a.ko", &mutate(&module(&modinfo()), place, byte, cut, keep));
        read(&MODULE, "a.ko.xz", &mutate(&xz(&module(&modinfo())), place, byte, cut, keep));
    }
}
