//! CVSS base scores from their vectors.
//!
//! Versions 2 and 3.x are computed here. The score of a 4.0 vector comes from a table of 270 expert judgements and the distances within its
//! macro vector: that table is RustSec's `cvss`.
//! Source: CVSS v3.1 specification, sections 7.1 and 8; CVSS v2 guide, section 3.2.1; CVSS v4.0 specification, section 8.

/// The base score of a vector with its prefix (`CVSS:3.1/AV:N/...`), or of a version 2 vector (`AV:N/AC:L/Au:N/...`).
pub(crate) fn base_score(vector: &str) -> Option<f64> {
    if let Some(metrics) = vector.strip_prefix("CVSS:3.1/").or_else(|| vector.strip_prefix("CVSS:3.0/")) {
        return version_3(metrics);
    }
    if let Some(metrics) = vector.strip_prefix("CVSS:4.0/") {
        return version_4(vector, metrics);
    }
    if vector.starts_with("CVSS:") {
        return None;
    }
    version_2(vector.trim_start_matches('(').trim_end_matches(')'))
}

/// The value of a metric; `None` where it is missing or there twice.
fn metric<'v>(metrics: &'v str, name: &str) -> Option<&'v str> {
    let mut found = metrics.split('/').filter_map(|part| part.split_once(':')).filter(|(key, _)| *key == name);
    let (_, value) = found.next()?;
    found.next().is_none().then_some(value)
}

/// Base metrics of version 4.0, all of which a vector must have. Source: its specification, table 23.
const BASE_4: &[&str] = &["AV", "AC", "AT", "PR", "UI", "VC", "VI", "VA", "SC", "SI", "SA"];

fn version_4(vector: &str, metrics: &str) -> Option<f64> {
    // The crate takes it for granted that they are there.
    if !BASE_4.iter().all(|name| metric(metrics, name).is_some()) {
        return None;
    }
    let vector: cvss::v4::Vector = vector.parse().ok()?;
    Some(vector.score().value())
}

fn version_3(metrics: &str) -> Option<f64> {
    let weight = |name: &str, table: &[(&str, f64)]| {
        let value = metric(metrics, name)?;
        table.iter().find(|(key, _)| *key == value).map(|(_, weight)| *weight)
    };
    let changed = match metric(metrics, "S")? {
        "C" => true,
        "U" => false,
        _ => return None,
    };
    let vector = weight("AV", &[("N", 0.85), ("A", 0.62), ("L", 0.55), ("P", 0.2)])?;
    let complexity = weight("AC", &[("L", 0.77), ("H", 0.44)])?;
    let privileges = if changed {
        weight("PR", &[("N", 0.85), ("L", 0.68), ("H", 0.5)])?
    } else {
        weight("PR", &[("N", 0.85), ("L", 0.62), ("H", 0.27)])?
    };
    let interaction = weight("UI", &[("N", 0.85), ("R", 0.62)])?;
    let impact = |name| weight(name, &[("H", 0.56), ("L", 0.22), ("N", 0.0)]);
    let missed = 1.0 - (1.0 - impact("C")?) * (1.0 - impact("I")?) * (1.0 - impact("A")?);
    let impact = if changed { 7.52 * (missed - 0.029) - 3.25 * (missed - 0.02).powi(15) } else { 6.42 * missed };
    if impact <= 0.0 {
        return Some(0.0);
    }
    let exploitability = 8.22 * vector * complexity * privileges * interaction;
    let sum = if changed { 1.08 * (impact + exploitability) } else { impact + exploitability };
    Some(round_up(sum.min(10.0)))
}

/// "Roundup" of the 3.1 specification, appendix A: to the next tenth, without the errors of binary fractions.
fn round_up(value: f64) -> f64 {
    let whole = (value * 100_000.0).round() as i64;
    if whole % 10_000 == 0 { whole as f64 / 100_000.0 } else { (whole / 10_000 + 1) as f64 / 10.0 }
}

fn version_2(metrics: &str) -> Option<f64> {
    let weight = |name: &str, table: &[(&str, f64)]| {
        let value = metric(metrics, name)?;
        table.iter().find(|(key, _)| *key == value).map(|(_, weight)| *weight)
    };
    let vector = weight("AV", &[("L", 0.395), ("A", 0.646), ("N", 1.0)])?;
    let complexity = weight("AC", &[("H", 0.35), ("M", 0.61), ("L", 0.71)])?;
    let authentication = weight("Au", &[("M", 0.45), ("S", 0.56), ("N", 0.704)])?;
    let part = |name| weight(name, &[("N", 0.0), ("P", 0.275), ("C", 0.66)]);
    let impact = 10.41 * (1.0 - (1.0 - part("C")?) * (1.0 - part("I")?) * (1.0 - part("A")?));
    let exploitability = 20.0 * vector * complexity * authentication;
    let factor = if impact == 0.0 { 0.0 } else { 1.176 };
    Some((((0.6 * impact + 0.4 * exploitability - 1.5) * factor) * 10.0).round() / 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(vector: &str, expected: Option<f64>) {
        assert_eq!(base_score(vector), expected, "{vector}");
    }

    /// Scores as NVD publishes them for these vectors.
    #[test]
    fn scores_are_those_of_nvd() {
        check("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", Some(9.8));
        check("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", Some(10.0));
        check("CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", Some(6.1));
        check("CVSS:3.0/AV:L/AC:L/PR:N/UI:N/S:U/C:L/I:L/A:N", Some(5.1));
        check("CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:N/I:N/A:H", Some(5.5));
        check("CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:H/I:N/A:N", Some(5.9));
        check("CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:U/C:N/I:L/A:N", Some(4.3));
        check("CVSS:3.1/AV:P/AC:H/PR:H/UI:R/S:U/C:N/I:N/A:N", Some(0.0));
        check("AV:N/AC:L/Au:N/C:P/I:P/A:P", Some(7.5));
        check("AV:N/AC:M/Au:N/C:P/I:N/A:N", Some(4.3));
        check("AV:L/AC:L/Au:N/C:N/I:N/A:P", Some(2.1));
        check("(AV:N/AC:L/Au:N/C:C/I:C/A:C)", Some(10.0));
    }

    #[test]
    fn what_is_no_vector_has_no_score() {
        check("", None);
        check("7.5", None);
        check("CVSS:3.1/AV:N", None);
        check("CVSS:3.1/AV:X/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", None);
        check("CVSS:3.1/AV:N/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", None);
        check("CVSS:4.0/AV:N/AC:L", None);
        check("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N", None);
        check("CVSS:4.0/AV:X/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", None);
        check("CVSS:5.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", None);
    }

    /// Scores as FIRST's examples and its calculator give them for these vectors.
    #[test]
    fn scores_of_version_4_are_those_of_first() {
        check("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", Some(9.3));
        check("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:H/SI:H/SA:H", Some(10.0));
        check("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:L/VI:L/VA:L/SC:N/SI:N/SA:N", Some(6.9));
        check("CVSS:4.0/AV:L/AC:L/AT:P/PR:L/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", Some(7.3));
        check("CVSS:4.0/AV:N/AC:L/AT:P/PR:N/UI:P/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", Some(7.7));
        check("CVSS:4.0/AV:N/AC:L/AT:P/PR:N/UI:P/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N/E:U", Some(5.2));
        check("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:L/VA:L/SC:N/SI:N/SA:N", Some(8.8));
        check("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:N/VI:N/VA:N/SC:N/SI:N/SA:N", Some(0.0));
    }

    proptest::proptest! {
        #[test]
        fn any_vector_is_scored_or_refused(
            values in proptest::collection::vec("[NALPHUX]", 11),
            rest in proptest::collection::vec("(E|CR|IR|AR|MAV|MAC|MVC|MSI|S|V):[XNALPHUS]", 0..5),
        ) {
            let base: Vec<String> = BASE_4.iter().zip(&values).map(|(name, value)| format!("{name}:{value}")).collect();
            let vector = ["CVSS:4.0".to_owned()].into_iter().chain(base).chain(rest).collect::<Vec<_>>().join("/");
            if let Some(score) = base_score(&vector) {
                proptest::prop_assert!((0.0..=10.0).contains(&score), "{vector}: {score}");
            }
        }
    }
}
