//! Packages of Alpine, Wolfi, Chainguard and other systems with apk: `lib/apk/db/installed`, in newer ones `usr/lib/apk/db/installed`.

mod installed;

#[cfg(test)]
mod tests;

use crate::{Claim, Leaf, any_path};

/// apk's database of installed packages.
pub static LEAF: Leaf = Leaf {
    id: "apk",
    claims: &[Claim::Path("lib/apk/db/installed")],
    accepts: any_path,
    max_size: 32 << 20,
    read: installed::read,
    coverage: include_str!("coverage.yaml"),
};
