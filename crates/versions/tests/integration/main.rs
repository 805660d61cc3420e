//! The room from outside: rows per ecosystem, and properties over text that nobody would write.

mod constraints;
mod orders;
mod properties;
