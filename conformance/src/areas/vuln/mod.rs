//! Area `vuln`: databases, versions, matching, gating, reports.

pub(crate) mod feeds;
pub(crate) mod grype_matcher;
pub(crate) mod match_labels;
pub(crate) mod trivy_integration;
pub(crate) mod versions;
