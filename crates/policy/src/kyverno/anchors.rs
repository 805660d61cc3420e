//! Anchors: what stands around a key of a pattern, as in `=(hostNetwork)` or `X(hostPath)`.
//!
//! Source: kyverno/kyverno:pkg/engine/anchor/anchor.go; the grammar is `^([+<=X^])?\((.+)\)$`.

/// What an anchored key asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    /// `(key)`: the pattern beside it applies only where this holds.
    Condition,
    /// `<(key)`: the whole rule applies only where this holds.
    Global,
    /// `=(key)`: where the key is, it must be so.
    Equality,
    /// `X(key)`: the key must not be.
    Negation,
    /// `^(key)`: one element of the list must be so.
    Existence,
    /// `+(key)`: of patches; a pattern takes the whole text for a key.
    AddIfAbsent,
}

/// The anchor of a key, and the key inside it.
pub(crate) fn parse(key: &str) -> Option<(Anchor, &str)> {
    let (anchor, rest) = match key.as_bytes().first()? {
        b'(' => (Anchor::Condition, key),
        b'<' => (Anchor::Global, key.get(1..)?),
        b'=' => (Anchor::Equality, key.get(1..)?),
        b'X' => (Anchor::Negation, key.get(1..)?),
        b'^' => (Anchor::Existence, key.get(1..)?),
        b'+' => (Anchor::AddIfAbsent, key.get(1..)?),
        _ => return None,
    };
    let inner = rest.strip_prefix('(')?.strip_suffix(')')?;
    (!inner.is_empty()).then_some((anchor, inner))
}

/// The key without its anchor.
pub(crate) fn bare(key: &str) -> &str {
    parse(key).map_or(key, |(_, inner)| inner)
}
