//! Area `admit`: policies that decide what may run.

pub(crate) mod chainsaw;
pub(crate) mod connaisseur;
pub(crate) mod documents;
pub(crate) mod image_policies;
pub(crate) mod kyverno;
pub(crate) mod reviews;
mod webhook;
mod world;
