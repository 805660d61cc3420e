//! What can be wrong with a version or a constraint, said so that a reader can act on it.

use std::fmt;

use crate::Scheme;

/// Why a piece of text is refused: one clause without a full stop.
pub(crate) type Why = &'static str;

/// A version that has no place in its scheme's order.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum VersionError {
    /// The ecosystem has no meaning for this text.
    Refused {
        /// The order that was asked for.
        scheme: Scheme,
        /// The text as it was given.
        version: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The scheme names versions without ordering them, and these two differ.
    Unordered {
        /// The order that was asked for.
        scheme: Scheme,
    },
    /// The scheme has no sort key; use [`crate::compare`].
    Unsupported {
        /// The order that was asked for.
        scheme: Scheme,
    },
}

impl fmt::Display for VersionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { scheme, version, why } => write!(f, "`{version}` is not a {scheme} version: {why}"),
            Self::Unordered { scheme } => write!(f, "{scheme} versions have no order"),
            Self::Unsupported { scheme } => write!(f, "{scheme} versions have no sort key"),
        }
    }
}

impl std::error::Error for VersionError {}

/// A constraint that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConstraintError {
    /// The shape is wrong.
    Malformed {
        /// The scheme whose constraint it should be.
        scheme: Scheme,
        /// The text as it was given.
        constraint: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The shape is right, a version in it is not.
    Operand {
        /// The text as it was given.
        constraint: String,
        /// What is wrong with the version.
        source: VersionError,
    },
}

impl fmt::Display for ConstraintError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed { scheme, constraint, why } => {
                write!(f, "`{constraint}` is not a {scheme} constraint: {why}")
            }
            Self::Operand { constraint, .. } => write!(f, "constraint `{constraint}` names a bad version"),
        }
    }
}

impl std::error::Error for ConstraintError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Malformed { .. } => None,
            Self::Operand { source, .. } => Some(source),
        }
    }
}
