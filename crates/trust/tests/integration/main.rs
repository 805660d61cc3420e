//! Signatures of every layout, made by an authority and a log of our own, whole and broken.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on says where")]

mod case;
mod chains;
mod layouts;
mod repository;
mod seal;
mod timestamps;
mod tuf;
mod witness;
mod world;
