//! Merkle trees of transparency logs (RFC 6962, section 2.1; RFC 9162, sections 2.1.3 and 2.1.4): hashes, inclusion, consistency.

use aws_lc_rs::digest::{Context, SHA256};

/// SHA-256 of a leaf or node.
pub type Hash = [u8; 32];

/// No proof is longer than the height of the highest tree.
const LONGEST: usize = 64;

/// Why a proof proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// An index outside the tree, or a first size above the second.
    #[error("the index or size lies outside the tree")]
    Range,
    /// The number of hashes does not fit the index and size.
    #[error("the proof has the wrong number of hashes")]
    Length,
    /// The hashes do not add up to the root.
    #[error("the hashes do not add up to the root")]
    Root,
}

/// The hash of a leaf: SHA-256 of a zero byte and the entry (RFC 6962, 2.1).
#[must_use]
pub fn leaf(entry: &[u8]) -> Hash {
    hash(&[&[0], entry])
}

fn node(left: &Hash, right: &Hash) -> Hash {
    hash(&[&[1], left, right])
}

fn hash(parts: &[&[u8]]) -> Hash {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(part);
    }
    let mut out = [0; 32];
    out.copy_from_slice(context.finish().as_ref());
    out
}

/// Whether the leaf stands at `index` in the tree of `size` leaves with this root (RFC 9162, 2.1.3.2).
///
/// # Errors
/// When the proof does not prove it.
pub fn inclusion(leaf: &Hash, index: u64, size: u64, proof: &[Hash], root: &Hash) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::Range);
    }
    if proof.len() > LONGEST {
        return Err(ProofError::Length);
    }
    let (mut at, mut last) = (index, size - 1);
    let mut sum = *leaf;
    for sibling in proof {
        if last == 0 {
            return Err(ProofError::Length);
        }
        if at & 1 == 1 || at == last {
            sum = node(sibling, &sum);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            sum = node(&sum, sibling);
        }
        at >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(ProofError::Length);
    }
    if sum == *root { Ok(()) } else { Err(ProofError::Root) }
}

/// Whether the tree of `second` leaves continues the tree of `first` leaves (RFC 9162, 2.1.4.2). From an empty tree to a
/// larger one nothing can be proven, so that is refused, and so is a proof between equal sizes that has hashes.
///
/// # Errors
/// When the proof does not prove it.
pub fn consistency(
    first: u64,
    second: u64,
    proof: &[Hash],
    first_root: &Hash,
    second_root: &Hash,
) -> Result<(), ProofError> {
    if first > second || (first == 0 && second != 0) {
        return Err(ProofError::Range);
    }
    if proof.len() > LONGEST {
        return Err(ProofError::Length);
    }
    if first == second {
        return match (proof.is_empty(), first_root == second_root) {
            (true, true) => Ok(()),
            (false, _) => Err(ProofError::Length),
            (true, false) => Err(ProofError::Root),
        };
    }
    let (mut at, mut last) = (first - 1, second - 1);
    while at & 1 == 1 {
        at >>= 1;
        last >>= 1;
    }
    // A first tree that is complete is its own first node, and the proof leaves it out.
    let mut rest = proof.iter();
    let start = if first.is_power_of_two() { *first_root } else { *rest.next().ok_or(ProofError::Length)? };
    let (mut old, mut new) = (start, start);
    for sibling in rest {
        if last == 0 {
            return Err(ProofError::Length);
        }
        if at & 1 == 1 || at == last {
            old = node(sibling, &old);
            new = node(sibling, &new);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            new = node(&new, sibling);
        }
        at >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(ProofError::Length);
    }
    if old == *first_root && new == *second_root { Ok(()) } else { Err(ProofError::Root) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn root(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => hash(&[]),
            [one] => *one,
            many => {
                let (left, right) = many.split_at(many.len().next_power_of_two() / 2);
                node(&root(left), &root(right))
            }
        }
    }

    fn path(at: usize, leaves: &[Hash]) -> Vec<Hash> {
        if leaves.len() <= 1 {
            return Vec::new();
        }
        let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
        if at < left.len() {
            let mut proof = path(at, left);
            proof.push(root(right));
            proof
        } else {
            let mut proof = path(at - left.len(), right);
            proof.push(root(left));
            proof
        }
    }

    /// RFC 6962, 2.1.2.
    fn between(first: usize, leaves: &[Hash], whole: bool) -> Vec<Hash> {
        if first == leaves.len() {
            return if whole { Vec::new() } else { vec![root(leaves)] };
        }
        let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
        if first <= left.len() {
            let mut proof = between(first, left, whole);
            proof.push(root(right));
            proof
        } else {
            let mut proof = between(first - left.len(), right, false);
            proof.push(root(left));
            proof
        }
    }

    proptest! {
        #[test]
        fn proofs_hold_and_broken_ones_do_not(size in 1_usize..70, pick in any::<prop::sample::Index>(), bit in any::<u8>()) {
            let leaves: Vec<Hash> = (0..size).map(|at| leaf(&at.to_be_bytes())).collect();
            let whole = root(&leaves);
            let at = pick.index(size);
            let mut proof = path(at, &leaves);
            inclusion(&leaves[at], at as u64, size as u64, &proof, &whole).unwrap();
            for (index, total) in [(at + 1, size), (at, size + 1), (at ^ 1, size)] {
                // Another position, or another size whose path has another shape, must not be proven by it.
                if index != at {
                    prop_assert!(inclusion(&leaves[at], index as u64, total as u64, &proof, &whole).is_err());
                }
            }
            let first = at + 1;
            let steps = between(first, &leaves, true);
            let old = root(&leaves[..first]);
            consistency(first as u64, size as u64, &steps, &old, &whole).unwrap();
            if first < size {
                let mut forged = whole;
                forged[usize::from(bit) % 32] ^= 1;
                prop_assert!(consistency(first as u64, size as u64, &steps, &old, &forged).is_err());
                prop_assert!(consistency(first as u64, size as u64, &steps, &forged, &whole).is_err());
            }
            if let Some(hash) = proof.first_mut() {
                hash[usize::from(bit) % 32] ^= 1;
                prop_assert!(inclusion(&leaves[at], at as u64, size as u64, &proof, &whole).is_err());
                proof.pop();
                prop_assert!(inclusion(&leaves[at], at as u64, size as u64, &proof, &whole).is_err());
            }
        }
    }
}
