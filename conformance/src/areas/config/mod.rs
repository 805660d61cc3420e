//! Area `config`: policies over Kubernetes objects and other configuration.

pub(crate) mod gatekeeper;
