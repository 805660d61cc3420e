//! Policies that are in the program.

use super::TrustPolicy;

/// `builtin:recommended`: blocks malicious packages, and CRITICAL with a fix that is known exploited or likely to be, accepts CRITICAL without a fix as tracked
/// exceptions that are reviewed weekly and alert, and warns about the rest.
pub const RECOMMENDED: &str = r#"# What Signet recommends when nobody has said anything yet.
apiVersion: signet.dev/v1
kind: TrustPolicy
metadata: { name: recommended }
spec:
  mode: enforce
  vulnerabilities:
    # A malicious package is an attack that has arrived, whatever else is known of it.
    # There is a cure and someone uses the hole, or probably will within a month (FIRST's EPSS): do not ship it.
    deny: 'malicious || severity >= critical && fixed && (kev || epss >= 0.1)'
    # There is no cure: blocking would only teach people to switch the gate off.
    accept:
      - when: 'severity >= critical && !fixed'
        reviewEvery: 7d
        alert: true
        reason: "critical without a fix: accepted until there is one, and reviewed every week"
    warn: 'true'
    # Feeds change daily; a week covers mirrors and air gaps that are looked after.
    maxAge: 7d
"#;

/// The policy of this name: `builtin:recommended`, or the word behind the colon alone.
pub fn builtin(name: &str) -> Option<TrustPolicy> {
    let text = match name.strip_prefix("builtin:").unwrap_or(name) {
        "recommended" => RECOMMENDED,
        _ => return None,
    };
    // A test holds that it parses.
    TrustPolicy::parse(text).ok()
}
