//! Area `vuln`: databases, versions, matching, gating, reports.

pub(crate) mod trivy_integration;
pub(crate) mod versions;
