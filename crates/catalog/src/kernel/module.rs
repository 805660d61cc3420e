//! Kernel modules.

use std::borrow::Cow;

use object::{Object as _, ObjectSection as _};
use signet_model::{License, PackageKind, UnexaminedKind};

use crate::syntax::unpack;
use crate::{Found, Input};

/// Bytes of a compressed module that are unpacked.
const UNPACKED: u64 = 256 << 20;

/// Reads `.modinfo`: texts `key=value`, each ended by a zero byte: `name`, `version`, `vermagic`, `license`, `description`, `author`, `depends`.
///
/// Most modules have no version of their own: theirs is empty, and `vermagic` says which kernel they are of.
/// Errors: no ELF; no `.modinfo`; no name. Source: kernel.org, `include/linux/module.h`.
pub(super) fn read(input: &Input<'_>) -> Found {
    let malformed = |why: String| Found::unexamined(input.unexamined(UnexaminedKind::Malformed, why));
    let bytes = match unpacked(input) {
        Ok(bytes) => bytes,
        Err(why) => return malformed(why),
    };
    let file = match object::File::parse(&*bytes) {
        Ok(file) => file,
        Err(error) => return malformed(format!("no ELF: {error}")),
    };
    let Some(section) = file.section_by_name(".modinfo").and_then(|section| section.data().ok()) else {
        return malformed("there is no section .modinfo".to_owned());
    };
    let mut package = input.package(PackageKind::LinuxKernelModule, "", "");
    for pair in section.split(|byte| *byte == 0) {
        let pair = String::from_utf8_lossy(pair);
        let Some((key, value)) = pair.split_once('=').filter(|(_, value)| !value.is_empty()) else { continue };
        match key {
            "name" => package.name = value.to_owned(),
            "version" => package.version = value.to_owned(),
            "license" => package.licenses = vec![License { value: value.to_owned() }],
            "description" => package.description = Some(value.to_owned()),
            "author" => package.vendor = Some(value.to_owned()),
            "vermagic" | "depends" | "srcversion" => {
                package.extra.insert(format!("linux.{key}"), value.to_owned());
            }
            _ => {}
        }
    }
    if package.name.is_empty() {
        return malformed("the module states no name".to_owned());
    }
    Found { packages: vec![package], ..Found::default() }
}

fn unpacked<'a>(input: &Input<'a>) -> Result<Cow<'a, [u8]>, String> {
    match unpack::Packing::of_name(input.name()) {
        None => Ok(Cow::Borrowed(input.bytes)),
        Some(packing) => unpack::whole(input.bytes, packing, UNPACKED).map(Cow::Owned),
    }
}
