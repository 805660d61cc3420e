//! Tracked exceptions: accepted risks with an owner and an end.

use signet_model::{Exception, Finding, Purl, Suppression, SuppressionKind, Timestamp};

use super::{Remark, RemarkKind, names, product};

/// An exception while it is applied.
pub(super) struct Applied<'e> {
    source: &'e str,
    exception: &'e Exception,
    expired: bool,
    review_due: bool,
    used: bool,
    fix_available: bool,
}

impl<'e> Applied<'e> {
    pub(super) fn new(source: &'e str, exception: &'e Exception, now: Timestamp) -> Applied<'e> {
        let review_due = exception.review_every.is_some_and(|seconds| {
            let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
            // Never reviewed is due.
            exception.reviewed.is_none_or(|last| last.as_second().saturating_add(seconds) < now.as_second())
        });
        Applied { source, exception, expired: exception.until < now, review_due, used: false, fix_available: false }
    }

    pub(super) fn suppress(&mut self, finding: &Finding, purl: Option<&Purl>) -> Option<Suppression> {
        let exception = self.exception;
        let of_package = exception.packages.is_empty()
            || purl
                .is_some_and(|purl| exception.packages.iter().any(|pattern| product::matches_pattern(pattern, purl)));
        if !of_package || !exception.ids.iter().any(|id| names(id, finding)) {
            return None;
        }
        self.used = true;
        self.fix_available |= !finding.fix.versions.is_empty();
        (!self.expired).then(|| Suppression {
            kind: SuppressionKind::Exception,
            source: self.source.to_owned(),
            status: "accepted".to_owned(),
            statement: Some(format!("{} (owner {}, until {})", exception.reason, exception.owner, exception.until)),
        })
    }

    pub(super) fn remarks(&self) -> impl Iterator<Item = Remark> + '_ {
        let said = [
            (self.expired, RemarkKind::Expired),
            (!self.expired && !self.used, RemarkKind::Stale),
            (!self.expired && self.review_due, RemarkKind::ReviewDue),
            (self.fix_available, RemarkKind::FixAvailable),
        ];
        said.into_iter().filter(|(holds, _)| *holds).map(|(_, kind)| Remark {
            source: self.source.to_owned(),
            line: 0,
            id: self.exception.ids.join(", "),
            kind,
        })
    }
}
