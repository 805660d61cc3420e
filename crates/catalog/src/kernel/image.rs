//! Kernel images for x86.

use signet_model::{PackageKind, UnexaminedKind};

use crate::{Found, Input};

/// `vmlinuz`, or anything in `boot` that begins so.
pub(super) fn is_kernel(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.starts_with("vmlinuz") && !name.ends_with(".sig")
}

/// Reads the version text of the boot protocol: `HdrS` at 0x202, at 0x20e the offset of a text, less 0x200, that begins with the release.
///
/// Errors: another kind of image (those of other architectures hold their version only in their compressed part); a header that points to
/// nothing. Source: kernel.org, "The Linux/x86 Boot Protocol".
pub(super) fn read(input: &Input<'_>) -> Found {
    let bytes = input.bytes;
    if bytes.get(0x202..0x206) != Some(b"HdrS") {
        let why = "a kernel image without the header of x86, so that its version is not known";
        return Found::unexamined(input.unexamined(UnexaminedKind::Unsupported, why));
    }
    let pointer = bytes.get(0x20e..0x210).and_then(|two| <[u8; 2]>::try_from(two).ok()).map_or(0, u16::from_le_bytes);
    let text = bytes.get(usize::from(pointer) + 0x200..).filter(|_| pointer != 0).unwrap_or_default();
    let text: Vec<u8> = text.iter().take(512).copied().take_while(|byte| matches!(byte, 0x20..=0x7e)).collect();
    let text = String::from_utf8_lossy(&text).into_owned();
    let release = text.split_whitespace().next().unwrap_or_default();
    if !release.starts_with(|first: char| first.is_ascii_digit()) {
        let why = "the header of the kernel image points to no version";
        return Found::unexamined(input.unexamined(UnexaminedKind::Malformed, why));
    }
    let mut package = input.package(PackageKind::LinuxKernel, "linux-kernel", release);
    package.extra.insert("linux.version".to_owned(), text);
    Found { packages: vec![package], ..Found::default() }
}
