//! Our own JSON. Each version is a module of its own and stays; the schema of the newest is printed by `signet schema report`.

pub(crate) mod read;
pub(crate) mod v1;
