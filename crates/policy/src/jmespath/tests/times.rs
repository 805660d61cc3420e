//! Time: Go's layouts and durations, and the functions over them.

use serde_json::json;

use super::{fails, gives};
use crate::go::{duration, layout};

#[test]
fn durations() {
    for (text, nanoseconds, shown) in [
        ("0", 0, "0s"),
        ("1h30m", 5_400_000_000_000, "1h30m0s"),
        ("1.5s", 1_500_000_000, "1.5s"),
        ("-2ms", -2_000_000, "-2ms"),
        ("1us", 1_000, "1µs"),
        ("1.5µs", 1_500, "1.5µs"),
        ("7ns", 7, "7ns"),
        ("90s", 90_000_000_000, "1m30s"),
        ("1m0.5s", 60_500_000_000, "1m0.5s"),
        (".5h", 1_800_000_000_000, "30m0s"),
        ("-9223372036854775808ns", i64::MIN, "-2562047h47m16.854775808s"),
        ("100h", 360_000_000_000_000, "100h0m0s"),
    ] {
        assert_eq!(duration::parse(text), Some(nanoseconds), "{text}");
        assert_eq!(duration::format(nanoseconds), shown, "{text}");
        assert_eq!(duration::parse(shown), Some(nanoseconds), "{shown}");
    }
    for text in
        ["", "1", "1d", "h", ".", ".s", "1h-1m", "s1", "9223372036854775808ns", "99999999999999999999h", "1 s", "--1s"]
    {
        assert_eq!(duration::parse(text), None, "{text}");
    }
}

#[track_caller]
fn reads(form: &str, text: &str, wanted: &str) {
    let found = layout::parse(form, text).unwrap_or_else(|why| panic!("{form} {text}: {why}"));
    assert_eq!(found.rfc3339().unwrap(), wanted, "{form} {text}");
}

#[test]
fn layouts() {
    reads(layout::RFC3339, "2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z");
    reads(layout::RFC3339, "2026-01-02T03:04:05.123456789+05:30", "2026-01-02T03:04:05+05:30");
    reads(layout::RFC3339, "1969-12-31T23:59:59-08:00", "1969-12-31T23:59:59-08:00");
    reads("2006-01-02", "2024-02-29", "2024-02-29T00:00:00Z");
    reads("Mon Jan _2 15:04:05 2006", "Fri Jan  2 03:04:05 2026", "2026-01-02T03:04:05Z");
    reads("Monday, 02-Jan-06 15:04:05 MST", "Friday, 02-Jan-26 03:04:05 CET", "2026-01-02T03:04:05Z");
    reads("Mon, 02 Jan 2006 15:04:05 -0700", "Fri, 02 Jan 2026 03:04:05 -0730", "2026-01-02T03:04:05-07:30");
    reads("02 Jan 06 15:04 MST", "02 jan 99 03:04 GMT+3", "1999-01-02T03:04:00+03:00");
    reads("3:04PM", "12:04AM", "0000-01-01T00:04:00Z");
    reads("3:04pm", "1:04pm", "0000-01-01T13:04:00Z");
    reads("January 2, 2006", "march 7, 2026", "2026-03-07T00:00:00Z");
    reads("2006 002", "2024 060", "2024-02-29T00:00:00Z");
    reads("15h04m05.000s", "13h14m15.500s", "0000-01-01T13:14:15Z");
    reads("2006-01-02T15:04:05.999999999Z07:00", "2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z");
    reads("20060102150405", "20260102030405", "2026-01-02T03:04:05Z");
    reads("Janet 2006", "Janet 2026", "2026-01-01T00:00:00Z");
    for (form, text) in [
        (layout::RFC3339, "2026-01-02"),
        (layout::RFC3339, "2026-02-30T00:00:00Z"),
        (layout::RFC3339, "2026-01-02T24:00:00Z"),
        (layout::RFC3339, "2026-01-02T03:04:05Zx"),
        ("2006-01-02", "2026-1-2"),
        ("2006-01-02", "2025-02-29"),
        ("3:04PM", "13:04PM"),
        ("2006 002", "2023 366"),
        ("2006 002", "2023 000"),
        (".000", ".00"),
        ("", "x"),
        (layout::RFC3339, "2026-01-02T03:04:60Z"),
        (layout::RFC3339, "2026-01-02T03:04:05+25:00"),
        ("Jan", "Foo"),
        ("2006", "２０２６"),
    ] {
        assert!(layout::parse(form, text).is_err(), "{form} {text}");
    }
}

#[test]
fn functions() {
    gives("[time_now(), time_now_utc()]", json!(["2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"]));
    gives("time_since('', '2026-01-01T00:00:00Z', '')", json!("27h4m5s"));
    gives("time_since('2006-01-02', '2026-01-03', '2026-01-01')", json!("-48h0m0s"));
    gives("time_since('', '0001-01-01T00:00:00Z', '9999-01-01T00:00:00Z')", json!("2562047h47m16.854775807s"));
    gives("time_add('2026-01-01T00:00:00+02:00', '1h30m')", json!("2026-01-01T01:30:00+02:00"));
    gives(
        "[time_parse('02 Jan 2006', '09 Nov 2026'), time_parse('1', '1700000000')]",
        json!(["2026-11-09T00:00:00Z", "2023-11-14T22:13:20Z"]),
    );
    gives("time_to_cron('2026-01-04T13:14:15Z')", json!("14 13 4 1 0"));
    gives("time_utc('2026-01-01T00:30:00+02:00')", json!("2025-12-31T22:30:00Z"));
    gives("time_diff('2026-01-01T00:00:00Z', '2026-01-01T01:00:00+02:00')", json!("-1h0m0s"));
    gives(
        "[time_before('2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z'), time_after('2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z')]",
        json!([true, false]),
    );
    gives("time_between('2026-01-02T00:00:00Z', '2026-01-01T00:00:00Z', '2026-01-03T00:00:00Z')", json!(true));
    gives("time_between('2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z', '2026-01-03T00:00:00Z')", json!(false));
    gives(
        "[time_truncate('2026-01-02T03:44:05Z', '1h'), time_truncate('2026-01-02T03:44:05Z', '-1h')]",
        json!(["2026-01-02T03:00:00Z", "2026-01-02T03:44:05Z"]),
    );
    fails("time_add('2026-01-01T00:00:00Z', '1d')", "argument #2 is no duration");
    fails("time_add('9999-12-31T23:59:59Z', '1h')", "beyond the years");
    fails("time_utc('yesterday')", "argument #1: the time does not have the form");
    fails("time_parse('1', 'x')", "no number of seconds");
    fails("time_parse('1', '9223372036854775807')", "beyond the years");
}
