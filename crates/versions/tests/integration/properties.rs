//! Properties: no text makes the room panic, orders are total, and keys sort as their versions do.

use std::cmp::Ordering;

use proptest::prelude::*;
use signet_versions::{Constraint, EpochPolicy, Flavour, Options, Scheme, compare, compare_with, is_valid, sort_key};

/// Schemes whose order is total; the others follow tools whose order has circles.
const TOTAL: [Scheme; 18] = [
    Scheme::Deb,
    Scheme::Rpm,
    Scheme::Apk,
    Scheme::Npm,
    Scheme::Semver,
    Scheme::Pep440,
    Scheme::Maven,
    Scheme::Gem,
    Scheme::Go,
    Scheme::Nuget,
    Scheme::Composer,
    Scheme::Pub,
    Scheme::Cargo,
    Scheme::Cran,
    Scheme::Hackage,
    Scheme::Portage,
    Scheme::Jvm,
    Scheme::Generic,
];

/// Pieces of which real versions are made, joined without sense.
fn version() -> impl Strategy<Value = String> {
    let atom = prop_oneof![
        6 => prop::sample::select(vec!["0", "1", "2", "10", "00", "01", "0010", "99999999999999999999999"]),
        6 => prop::sample::select(vec![".", "-", "_", "+", "~", "^", ":", "!", "-r", "_p", "_rc", ".0", "-0", ".1", "-1"]),
        4 => prop::sample::select(vec![
            "a", "b", "c", "m", "x", "z", "A", "rc", "RC", "alpha", "beta", "pre", "post", "dev", "sp", "ga", "final",
            "snapshot", "SNAPSHOT", "p", "pl", "el7", "deb10", "git", "jre11", "ea", "stable", "final-", "é",
        ]),
    ];
    (
        prop::sample::select(vec!["", "0", "1", "1.0", "1.0.0", "0.0.0", "v1.2.3", "1:", "2!"]),
        prop::collection::vec(atom, 0..6),
    )
        .prop_map(|(start, atoms)| start.to_owned() + &atoms.concat())
}

fn key(scheme: Scheme, version: &str) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    sort_key(scheme, version, &mut out).ok().map(|()| out)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn orders_are_total(a in version(), b in version(), c in version()) {
        for scheme in TOTAL {
            let (Ok(ab), Ok(bc), Ok(ac)) = (compare(scheme, &a, &b), compare(scheme, &b, &c), compare(scheme, &a, &c)) else {
                continue;
            };
            prop_assert_eq!(compare(scheme, &a, &a), Ok(Ordering::Equal), "{} {:?}", scheme, a);
            prop_assert_eq!(compare(scheme, &b, &a), Ok(ab.reverse()), "{} {:?} {:?}", scheme, a, b);
            if ab == bc {
                prop_assert_eq!(ac, ab, "{} {:?} {:?} {:?}", scheme, a, b, c);
            }
            if ab == Ordering::Equal {
                prop_assert_eq!(ac, bc, "{} {:?} {:?} {:?}", scheme, a, b, c);
            }
        }
    }

    #[test]
    fn every_order_is_symmetric(a in version(), b in version()) {
        for scheme in Scheme::ALL {
            for flavour in [Flavour::Native, Flavour::Trivy, Flavour::Grype, Flavour::Osv] {
                for epoch in [EpochPolicy::Zero, EpochPolicy::IgnoreIfMissing] {
                    let options = Options { flavour, epoch, ..Options::default() };
                    let forth = compare_with(scheme, &a, &b, &options).ok();
                    let back = compare_with(scheme, &b, &a, &options).ok();
                    prop_assert_eq!(forth.map(Ordering::reverse), back, "{} {:?} {:?} {:?}", scheme, flavour, a, b);
                }
            }
        }
    }

    #[test]
    fn keys_sort_as_versions_do(a in version(), b in version()) {
        for scheme in Scheme::ALL {
            let (Some(x), Some(y)) = (key(scheme, &a), key(scheme, &b)) else { continue };
            prop_assert_eq!(Ok(x.cmp(&y)), compare(scheme, &a, &b), "{} {:?} {:?}", scheme, a, b);
            prop_assert!(x == y || !y.starts_with(&x), "{} {:?} begins {:?}", scheme, a, b);
        }
    }

    #[test]
    fn a_version_has_a_key_exactly_if_it_has_a_place(a in version()) {
        let keyed = |scheme| !matches!(sort_key(scheme, "1.0.0", &mut Vec::new()), Err(signet_versions::VersionError::Unsupported { .. }));
        for scheme in Scheme::ALL.into_iter().filter(|scheme| keyed(*scheme)) {
            prop_assert_eq!(key(scheme, &a).is_some(), compare(scheme, &a, &a).is_ok(), "{} {:?}", scheme, a);
        }
    }

    #[test]
    fn no_text_panics(a in any::<String>(), b in any::<String>(), c in "[ <>=~^!|,()\\[\\].*x0-9a-z'\"@-]{0,24}") {
        for scheme in Scheme::ALL {
            for flavour in [Flavour::Native, Flavour::Trivy, Flavour::Grype, Flavour::Osv] {
                let options = Options { loose: true, ..Options::flavoured(flavour) };
                let _ = compare_with(scheme, &a, &b, &options);
                let _ = compare_with(scheme, &a, &c, &options);
                let _ = is_valid(scheme, &a);
                let _ = key(scheme, &a);
                for text in [&a, &c] {
                    if let Ok(constraint) = Constraint::parse(scheme, text, options) {
                        let _ = constraint.contains(&b);
                        let _ = constraint.contains("1.2.3");
                    }
                }
            }
        }
    }

    #[test]
    fn plain_ranges_follow_the_order(a in version(), b in version()) {
        for scheme in [Scheme::Deb, Scheme::Rpm, Scheme::Go, Scheme::Cran, Scheme::Portage, Scheme::Generic] {
            let Ok(order) = compare(scheme, &a, &b) else { continue };
            for (sign, accepted) in [("<", order.is_lt()), (">=", order.is_ge()), ("=", order.is_eq()), ("!=", order.is_ne())] {
                let Ok(constraint) = Constraint::parse(scheme, &format!("{sign} {b}"), Options::default()) else { continue };
                prop_assert_eq!(constraint.contains(&a), Ok(accepted), "{} {:?} {} {:?}", scheme, a, sign, b);
            }
        }
    }
}
