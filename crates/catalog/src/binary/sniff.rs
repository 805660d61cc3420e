//! Programs told by their first bytes.

/// So many first bytes are looked at: they hold the DOS header of a PE file and, in all but odd files, the PE header that it points to.
pub(crate) const HEAD: usize = 1024;

/// Whether a file that begins with these bytes is a program or a shared library that a kernel would load: ELF, PE or Mach-O.
///
/// A file that ends inside its header counts as one too: it is told as cut, and not passed over.
///
/// ELF objects for a linker and core dumps are none. A Java class begins like a Mach-O file for several processors; its version (45 and up)
/// stands where that has the number of processors.
pub(crate) fn is_program(head: &[u8], size: u64) -> bool {
    match head {
        [0x7f, b'E', b'L', b'F', rest @ ..] => {
            let (Some(order), Some(&[first, second])) = (rest.get(1), rest.get(12..14)) else { return true };
            let kind =
                if *order == 2 { u16::from_be_bytes([first, second]) } else { u16::from_le_bytes([first, second]) };
            // ET_REL and ET_CORE
            kind != 1 && kind != 4
        }
        [0xfe, 0xed, 0xfa, 0xce | 0xcf, ..] | [0xce | 0xcf, 0xfa, 0xed, 0xfe, ..] => true,
        [0xca, 0xfe, 0xba, 0xbe | 0xbf, a, b, c, d, ..] => (1..40).contains(&u32::from_be_bytes([*a, *b, *c, *d])),
        [b'M', b'Z', ..] => {
            let Some(&[a, b, c, d]) = head.get(0x3c..0x40) else { return false };
            let header = u32::from_le_bytes([a, b, c, d]);
            match usize::try_from(header).ok().and_then(|start| head.get(start..start.checked_add(4)?)) {
                Some(magic) => magic == b"PE\0\0",
                // Behind what we see: a long DOS stub. Better one more hash than a program that nobody knows of.
                None => u64::from(header).saturating_add(4) <= size,
            }
        }
        _ => false,
    }
}
