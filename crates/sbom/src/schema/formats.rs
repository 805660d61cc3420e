//! The `format`s of JSON Schema and the simple types of XML Schema that are more than a pattern.

/// Whether a text has the format of JSON Schema's name. Unknown names hold, as the standard demands.
/// Sources: RFC 3339 (date-time, date), RFC 3987 (iri-reference), RFC 6531 (idn-email).
pub(super) fn is(format: &str, text: &str) -> bool {
    match format {
        "date-time" => text.split_once(['T', 't']).is_some_and(|(day, time)| is_date(day) && is_time(time, true)),
        "date" => is_date(text),
        "iri-reference" => is_iri_reference(text),
        "uri" => {
            is_iri_reference(text)
                && text.is_ascii()
                && text.split(['/', '?', '#']).next().is_some_and(|head| head.contains(':'))
        }
        "idn-email" => is_email(text),
        _ => true,
    }
}

/// Whether a text is of a built-in type of XML Schema, white space around it collapsed. Source: W3C XML Schema part 2, section 3.
pub(super) fn is_xsd(ty: &str, text: &str) -> bool {
    let text = text.trim();
    match ty {
        "dateTime" => text.split_once('T').is_some_and(|(day, time)| is_date(day) && is_time(time, false)),
        "date" => {
            let day = text.get(..10).unwrap_or_default();
            is_date(day) && text.get(10..).is_some_and(|zone| zone.is_empty() || is_zone(zone))
        }
        "boolean" => matches!(text, "true" | "false" | "0" | "1"),
        "integer" => is_integer(text),
        "positiveInteger" => {
            is_integer(text) && !text.starts_with('-') && text.bytes().any(|b| matches!(b, b'1'..=b'9'))
        }
        "nonNegativeInteger" => is_integer(text) && !text.starts_with('-'),
        "decimal" | "float" | "double" => {
            let digits = text.trim_start_matches(['+', '-']);
            text.len() - digits.len() <= 1
                && digits.bytes().any(|b| b.is_ascii_digit())
                && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.')
                && digits.matches('.').count() <= 1
        }
        "anyURI" => is_iri_reference(&text.replace(' ', "%20")),
        _ => true,
    }
}

fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
}

fn number(text: &str, range: std::ops::RangeInclusive<u32>) -> bool {
    text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit()) && text.parse().is_ok_and(|n| range.contains(&n))
}

fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts.as_slice() else { return false };
    let is_year = year.len() == 4 && year.bytes().all(|b| b.is_ascii_digit());
    if !is_year || !number(month, 1..=12) || !number(day, 1..=31) {
        return false;
    }
    let (year, month, day): (u32, u32, u32) =
        (year.parse().unwrap_or(0), month.parse().unwrap_or(0), day.parse().unwrap_or(0));
    let leap = year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    let last = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    day <= last
}

/// `HH:MM:SS[.F]ZONE`; JSON demands the zone.
fn is_time(text: &str, zone_needed: bool) -> bool {
    let at = text.find(['Z', 'z', '+', '-']).unwrap_or(text.len());
    let (clock, zone) = text.split_at(at);
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let parts: Vec<&str> = clock.split(':').collect();
    let [hour, minute, second] = parts.as_slice() else { return false };
    number(hour, 0..=24)
        && number(minute, 0..=59)
        && number(second, 0..=60)
        && !fraction.is_empty()
        && fraction.bytes().all(|b| b.is_ascii_digit())
        && if zone.is_empty() { !zone_needed } else { is_zone(zone) }
}

fn is_zone(zone: &str) -> bool {
    let offset = zone.strip_prefix(['+', '-']).and_then(|offset| offset.split_once(':'));
    matches!(zone, "Z" | "z") || offset.is_some_and(|(hour, minute)| number(hour, 0..=23) && number(minute, 0..=59))
}

/// No white space, no character that an IRI can never hold, whole percent escapes, a scheme that is one.
fn is_iri_reference(text: &str) -> bool {
    let bytes = text.as_bytes();
    let escapes = bytes
        .iter()
        .enumerate()
        .filter(|(_, b)| **b == b'%')
        .all(|(at, _)| bytes.get(at + 1..at + 3).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)));
    let head = text.split(['/', '?', '#']).next().unwrap_or_default();
    let scheme = head.split_once(':').is_none_or(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
    });
    escapes
        && scheme
        && !text
            .chars()
            .any(|c| c.is_control() || matches!(c, ' ' | '<' | '>' | '"' | '{' | '}' | '|' | '\\' | '^' | '`'))
}

fn is_email(text: &str) -> bool {
    text.rsplit_once('@').is_some_and(|(user, host)| {
        !user.is_empty() && !host.is_empty() && !text.chars().any(|c| c.is_whitespace() || c.is_control())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        for good in ["2020-02-29T01:02:03Z", "2021-04-05T01:23:45.678+02:00", "2018-11-30t19:40:02z"] {
            assert!(is("date-time", good), "{good}");
        }
        for bad in [
            "2021-02-29T01:02:03Z",
            "2021-02-28",
            "2021-02-28T01:02:03",
            "2021-13-01T01:02:03Z",
            "x",
            "2021-02-28T1:2:3Z",
        ] {
            assert!(!is("date-time", bad), "{bad}");
        }
        assert!(is_xsd("dateTime", " 2021-02-28T01:02:03 ") && !is_xsd("dateTime", "2021-02-28"));
    }

    #[test]
    fn others() {
        assert!(
            is("iri-reference", "https://a.example/é?q=%20#f") && is("iri-reference", "") && is("iri-reference", "a/b")
        );
        assert!(!is("iri-reference", "http://a b") && !is("iri-reference", "%zz") && !is("iri-reference", "1:x"));
        assert!(is("idn-email", "a@b") && !is("idn-email", "a") && !is("idn-email", "a b@c"));
        assert!(is_xsd("positiveInteger", "1") && !is_xsd("positiveInteger", "0") && !is_xsd("positiveInteger", "-1"));
        assert!(is_xsd("boolean", "true") && !is_xsd("boolean", "True") && is_xsd("decimal", "-1.5"));
    }
}
