//! `Link`: the next page. Source: RFC 8288 section 3; OCI distribution-spec, "Listing Tags".

/// The target of the first link with `rel=next`, as written (mostly relative).
pub(crate) fn next_page(header: &str) -> Option<&str> {
    let mut rest = header;
    loop {
        let start = rest.find('<')?;
        let after = rest.get(start + 1..)?;
        let end = after.find('>')?;
        let target = after.get(..end)?;
        let tail = after.get(end + 1..)?;
        // Parameters go to the comma that begins the next link.
        let stop = tail.find('<').unwrap_or(tail.len());
        let parameters = tail.get(..stop)?;
        let is_next = parameters.split([';', ',']).any(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            name.trim().eq_ignore_ascii_case("rel")
                && value.trim().trim_matches('"').split_ascii_whitespace().any(|rel| rel.eq_ignore_ascii_case("next"))
        });
        if is_next {
            return Some(target);
        }
        rest = tail.get(stop..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(header: &str, expected: Option<&str>) {
        assert_eq!(next_page(header), expected, "{header}");
    }

    #[test]
    fn the_next_link_is_found() {
        check("</v2/a/tags/list?n=2&last=b>; rel=\"next\"", Some("/v2/a/tags/list?n=2&last=b"));
        check("<x>; rel=prev, <y>; title=\"t\"; REL=next", Some("y"));
        check("<x>; rel=\"start next\"", Some("x"));
        check("<x>; rel=\"prev\"", None);
        check("<x>", None);
        check("x; rel=next", None);
        check("<x; rel=next", None);
        check("", None);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "[<>;,=\" a-zé]{0,60}") {
            let _ = next_page(&text);
        }
    }
}
