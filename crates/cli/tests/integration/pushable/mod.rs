//! A registry that takes what is pushed; the same code that the client's own tests use.

#[path = "../../../../oci-client/tests/integration/standin.rs"]
#[allow(dead_code, reason = "shared with the tests of another crate")]
pub(crate) mod standin;
#[path = "../../../../oci-client/tests/integration/writable.rs"]
pub(crate) mod writable;
