use std::collections::BTreeSet;

use proptest::prelude::*;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use x509_cert::Certificate as Parsed;
use x509_cert::der::Decode as _;

use super::*;

fn at(hours: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + hours * 3600).unwrap()
}

fn names() -> Vec<String> {
    ["signet.signet-system.svc", "127.0.0.1", "::1"].map(str::to_owned).to_vec()
}

fn roots(bundle: &str) -> rustls::RootCertStore {
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(bundle.as_bytes()) {
        roots.add(certificate.unwrap()).unwrap();
    }
    roots
}

/// As a client of TLS judges, with the official validator.
#[track_caller]
fn trusted(bundle: &str, shown: &CertificateDer<'static>, name: &str, now: Timestamp) -> bool {
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier =
        rustls::client::WebPkiServerVerifier::builder_with_provider(std::sync::Arc::new(roots(bundle)), provider)
            .build()
            .unwrap();
    let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(now.as_second().try_into().unwrap()));
    let name = ServerName::try_from(name.to_owned()).unwrap();
    rustls::client::danger::ServerCertVerifier::verify_server_cert(&*verifier, shown, &[], &name, &[], now).is_ok()
}

#[test]
fn a_certificate_is_trusted_under_its_names_and_in_its_time() {
    let authority = Authority::new(&names(), at(0), Lifetimes::default()).unwrap();
    let (bundle, shown) = (authority.bundle(), authority.shown());
    for name in ["signet.signet-system.svc", "127.0.0.1", "::1"] {
        assert!(trusted(&bundle, &shown, name, at(0)), "{name}");
    }
    assert!(!trusted(&bundle, &shown, "other.signet-system.svc", at(0)));
    assert!(!trusted(&bundle, &shown, "127.0.0.2", at(0)));
    assert!(!trusted(&bundle, &shown, "127.0.0.1", at(-2)));
    assert!(!trusted(&bundle, &shown, "127.0.0.1", at(150 * 24 + 1)));
    let other = Authority::new(&names(), at(0), Lifetimes::default()).unwrap();
    assert!(!trusted(&other.bundle(), &shown, "127.0.0.1", at(0)));
    // A root signs servers, and neither itself shows up as one nor is a server an authority.
    let parsed = Parsed::from_der(&shown).unwrap();
    assert_eq!(parsed.tbs_certificate.serial_number.as_bytes().len(), 20);
    assert!(crate::Certificates::new(authority.chain().as_bytes(), authority.key().as_bytes()).is_ok());
    assert!(crate::Certificates::new(authority.chain().as_bytes(), other.key().as_bytes()).is_err());
}

#[test]
fn names_that_no_certificate_bears_are_refused() {
    for name in ["", "a..b", "a b", "a\n", "ä.example", "*", "a.*", "x".repeat(64).as_str()] {
        assert!(
            matches!(Authority::new(&[name.to_owned()], at(0), Lifetimes::default()), Err(Error::Name(_))),
            "{name}"
        );
    }
    assert!(matches!(Authority::new(&[], at(0), Lifetimes::default()), Err(Error::Names(0))));
}

/// Four years, looked at every six hours: whoever read the bundle within the last overlap trusts what is shown.
#[test]
fn nobody_who_read_the_bundle_lately_is_ever_cut_off() {
    let mut authority = Authority::new(&names(), at(0), Lifetimes::default()).unwrap();
    let mut bundles = vec![authority.bundle()];
    let mut seen = BTreeSet::new();
    for step in 1..=4 * 365 * 4 {
        let now = at(step * 6);
        for change in authority.step(&names(), now).unwrap() {
            seen.insert(format!("{change:?}"));
        }
        let shown = authority.shown();
        // A bundle that is 18 hours old, one of now, and never more than three authorities in it.
        let old = bundles.len().saturating_sub(3);
        if step % 40 == 0 || authority.next.is_some() || authority.old.len() > 1 {
            for bundle in [bundles.get(old).unwrap(), &authority.bundle()] {
                assert!(trusted(bundle, &shown, "127.0.0.1", now), "after {} days", step / 4);
            }
        }
        bundles.push(authority.bundle());
        assert!(authority.bundle().matches("BEGIN").count() <= 3);
        assert!(authority.ends() > now);
    }
    let all = ["AuthorityGone", "AuthorityInUse", "Certificate", "NextAuthority"].map(str::to_owned);
    assert_eq!(seen, BTreeSet::from(all));
}

#[test]
fn the_next_authority_signs_nothing_before_the_overlap_is_over() {
    let mut authority = Authority::new(&names(), at(0), Lifetimes::default()).unwrap();
    let late = 365 * 24 * 2 / 3 + 24;
    let before = authority.bundle();
    assert!(authority.step(&names(), at(late)).unwrap().contains(&Change::NextAuthority));
    assert!(trusted(&before, &authority.shown(), "127.0.0.1", at(late)));
    assert!(!authority.step(&names(), at(late + 23)).unwrap().contains(&Change::AuthorityInUse));
    assert!(authority.step(&names(), at(late + 24)).unwrap().contains(&Change::AuthorityInUse));
    assert!(!trusted(&before, &authority.shown(), "127.0.0.1", at(late + 24)));
}

#[test]
fn an_authority_that_ended_in_the_meantime_is_replaced_at_once() {
    let mut authority = Authority::new(&names(), at(0), Lifetimes::default()).unwrap();
    let now = at(3 * 365 * 24);
    authority.step(&names(), now).unwrap();
    assert!(trusted(&authority.bundle(), &authority.shown(), "127.0.0.1", now));
    assert_eq!(authority.bundle().matches("BEGIN").count(), 1);
}

#[test]
fn other_names_make_another_certificate() {
    let mut authority = Authority::new(&names(), at(0), Lifetimes::default()).unwrap();
    let other = vec!["hook.example".to_owned()];
    assert_eq!(authority.step(&other, at(1)).unwrap(), [Change::Certificate]);
    assert!(trusted(&authority.bundle(), &authority.shown(), "hook.example", at(1)));
    assert_eq!(authority.step(&other, at(2)).unwrap(), []);
}

#[test]
fn a_directory_keeps_the_authority_and_its_secrets() {
    let room = tempfile::tempdir().unwrap();
    let directory = Directory::open(&room.path().join("own")).unwrap();
    let (first, changes) = directory.step(&names(), at(0), Lifetimes::default()).unwrap();
    assert_eq!(changes, [Change::AuthorityInUse, Change::Certificate]);
    let (again, changes) = directory.step(&names(), at(1), Lifetimes::default()).unwrap();
    assert_eq!(changes, []);
    assert_eq!((again.bundle(), again.chain()), (first.bundle(), first.chain()));
    assert_eq!(std::fs::read_to_string(room.path().join("own/ca.crt")).unwrap(), first.bundle());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |path: &str| std::fs::metadata(room.path().join(path)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("own"), mode("own/authority.json")), (0o700, 0o600));
    }
    std::fs::write(room.path().join("own/authority.json"), "{\"version\": 1}").unwrap();
    let err = directory.step(&names(), at(2), Lifetimes::default()).unwrap_err();
    assert!(matches!(err, StoreError::State { .. }), "{err}");
    assert!(!format!("{first:?}").contains("key"), "{first:?}");
}

/// Two processes of different names: each of them would otherwise take the other's certificate away at every look.
#[test]
fn who_shares_a_directory_shares_the_certificate() {
    let room = tempfile::tempdir().unwrap();
    let directory = Directory::open(room.path()).unwrap();
    let of = |name: &str, hour: i64| directory.step(&[name.to_owned()], at(hour), Lifetimes::default()).unwrap();
    let (one, _) = of("one.example", 0);
    let (both, changes) = of("two.example", 1);
    assert_eq!((one.bundle() == both.bundle(), changes), (true, vec![Change::Certificate]));
    for hour in 2..5 {
        for name in ["one.example", "two.example"] {
            let (now, changes) = of(name, hour);
            assert_eq!((now.chain() == both.chain(), changes), (true, Vec::new()), "{name}");
        }
    }
    for name in ["one.example", "two.example"] {
        assert!(trusted(&one.bundle(), &both.shown(), name, at(5)), "{name}");
    }
    // One of them renews, and the other is shown the new one although it changed nothing.
    let later = 150 * 24 * 2 / 3 + 1;
    let (renewed, changes) = of("one.example", later);
    assert_eq!(changes, [Change::Certificate]);
    let (seen, changes) = of("two.example", later);
    assert_eq!((seen.chain() == renewed.chain(), seen.chain() == both.chain(), changes), (true, false, Vec::new()));
}

proptest! {
    #[test]
    fn mutated_state_never_panics(at_byte in 0_usize..4000, byte: u8) {
        let authority = Authority::new(&names(), at(0), Lifetimes::default()).unwrap();
        let mut bytes = authority.to_bytes().to_vec();
        let index = at_byte % bytes.len();
        bytes[index] = byte;
        if let Ok(mut authority) = Authority::from_bytes(&bytes, Lifetimes::default()) {
            let _changes = authority.step(&names(), at(10_000));
        }
    }
}
