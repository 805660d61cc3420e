//! SPDX 3.0.1 in JSON-LD, in the form that its JSON schema fixes. Source: spdx/spdx-spec 3.0.1, "Serialization"; spdx/spdx-3-model.
//!
//! What has a field in SPDX 2 is read through it: one reader knows what tools put where.

mod read;
mod write;

pub(crate) use read::read;
pub use write::{write, write_to};
