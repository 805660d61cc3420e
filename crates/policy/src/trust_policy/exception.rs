//! Exceptions: which finding they cover, and whether they still count.

use signet_model::{Exception, Timestamp};

use super::purl_glob::purl_matches;
use crate::expr::FindingData;

/// Whether it names the finding, expired or not. Without the data that it names the finding by, it does not.
pub(super) fn names(exception: &Exception, finding: &FindingData) -> bool {
    let by_id = finding.ids().any(|id| exception.ids.iter().any(|named| named.eq_ignore_ascii_case(id)));
    let by_package = exception.packages.is_empty()
        || finding
            .purl
            .as_deref()
            .is_some_and(|purl| exception.packages.iter().any(|pattern| purl_matches(pattern, purl)));
    by_id && by_package
}

pub(super) fn expired(exception: &Exception, now: Timestamp) -> bool {
    now >= exception.until
}

/// Whether a review is due. One that asks for reviews and was never reviewed is due. A review dated in the future is none.
pub(super) fn overdue(exception: &Exception, now: Timestamp) -> bool {
    let Some(every) = exception.review_every else { return false };
    match exception.reviewed {
        Some(reviewed) if reviewed <= now => {
            let since = now.duration_since(reviewed).as_secs();
            u64::try_from(since).unwrap_or(0) > every
        }
        _ => true,
    }
}
