//! Snippets of programs, as Syft's tests keep them, made into programs again.
//!
//! Such a file has a few lines of text (`name`, `offset`, `length`, digests), the line [`END`], and a hundred bytes or so that were cut out of a
//! program. Syft's test reads it under the program's name whatever its first bytes are; we look into programs alone. So the bytes are put into
//! the smallest ELF file that a kernel would load, under the same name. Files that are text in real life stay as they are.

use std::path::Path;

use anyhow::Result;

use crate::set::files;

/// The line in front of a snippet's bytes.
const END: &[u8] = b"### byte snippet to follow ###\n";

/// Makes a program of each snippet below this folder.
pub(crate) fn complete(root: &Path) -> Result<()> {
    for path in files(root)? {
        let bytes = std::fs::read(&path)?;
        let snippet =
            bytes.windows(END.len()).position(|window| window == END).and_then(|at| bytes.get(at + END.len()..));
        let bytes = snippet.unwrap_or(&bytes);
        if is_text(&path, bytes) {
            std::fs::write(&path, bytes)?;
        } else if !bytes.starts_with(b"\x7fELF") {
            make_program(&path, bytes)?;
        }
    }
    Ok(())
}

/// Scripts, archives of the linker and files beside a program.
fn is_text(path: &Path, bytes: &[u8]) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    bytes.starts_with(b"#!")
        || matches!(name.as_str(), "VERSION" | "release" | "wp")
        || [".ini", ".app", ".a", ".phar"].iter().any(|end| name.ends_with(end))
}

/// ELF for x86-64: a header, one loadable segment that is the whole file, and the bytes. Source: System V ABI, chapters 4 and 5.
fn make_program(path: &Path, bytes: &[u8]) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let size = 120 + bytes.len() as u64;
    let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    file.extend([2u16, 62].iter().flat_map(|half| half.to_le_bytes()));
    file.extend(1u32.to_le_bytes());
    file.extend([0x40_0078u64, 64, 0].iter().flat_map(|long| long.to_le_bytes()));
    file.extend(0u32.to_le_bytes());
    file.extend([64u16, 56, 1, 64, 0, 0].iter().flat_map(|half| half.to_le_bytes()));
    file.extend([1u32, 5].iter().flat_map(|word| word.to_le_bytes()));
    file.extend([0, 0x40_0000, 0x40_0000, size, size, 0x1000].iter().flat_map(|long| long.to_le_bytes()));
    file.extend(bytes);
    std::fs::write(path, file)?;
    Ok(std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))?)
}
