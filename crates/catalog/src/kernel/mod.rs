//! The Linux kernel: its image (`boot/vmlinuz*`) and its modules (`*.ko`, packed or not).

mod image;
mod module;
#[cfg(test)]
mod tests;

use crate::{Claim, Leaf, any_path};

const COVERAGE: &str = include_str!("coverage.yaml");

/// Kernel images.
pub(crate) static IMAGE: Leaf = Leaf {
    id: "linux-kernel",
    claims: &[Claim::In("boot", ""), Claim::Name("vmlinuz")],
    accepts: image::is_kernel,
    max_size: 128 << 20,
    read: image::read,
    coverage: COVERAGE,
};

/// Kernel modules.
pub(crate) static MODULE: Leaf = Leaf {
    id: "linux-kernel-module",
    claims: &[Claim::Suffix(".ko"), Claim::Suffix(".ko.gz"), Claim::Suffix(".ko.xz"), Claim::Suffix(".ko.zst")],
    accepts: any_path,
    max_size: 64 << 20,
    read: module::read,
    coverage: COVERAGE,
};
