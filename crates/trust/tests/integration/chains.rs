//! Authorities that a person names: they count, they alone where a chain is named, and nothing that only came along does.

use signet_trust::seal::Author;
use signet_trust::{Artifact, Check, Outcome, Signature, TrustRoot, Verified, VerifyError, Window, verify};

use crate::case::{ARTIFACT, Case, Layout};
use crate::world::{EARLY, Key, LATE, Says, World, now, pem};

/// A signature by whoever this authority certifies, in a bundle without any certificate but the signer's.
fn signed(world: World) -> Case {
    let key = Key::new();
    let signer = pem("CERTIFICATE", &world.issue(&key, &Says::default()));
    let mut case = Case::new(Layout::Bundle03, true);
    case.world = world;
    case.key = key;
    case.parts.signer = Some(signer);
    case.sign();
    case.enter(crate::world::SIGNED);
    case
}

fn held_to(case: &Case, root: &TrustRoot) -> Result<Verified<Signature>, VerifyError> {
    let evidence = case.read(&case.text())?;
    verify(&evidence, Artifact::Bytes(ARTIFACT), root, &case.requirements(), now())
}

#[track_caller]
fn refused(case: &Case, root: &TrustRoot, check: Check) {
    match held_to(case, root) {
        Ok(_) => panic!("accepted, and must fail: {check}"),
        Err(error) => assert_eq!(error.check, check, "{error}"),
    }
}

fn texts(ders: &[&[u8]]) -> String {
    ders.iter().map(|der| pem("CERTIFICATE", der)).collect()
}

#[test]
fn what_is_added_counts_and_the_other_verifier_is_not_asked_by_less() {
    let (here, elsewhere) = (signed(World::new()), World::new());
    let own = texts(&[&here.world.root]);
    // Another instance does not know this authority.
    let other = || here.world.logs(elsewhere.trusted_file());
    refused(&here, &other(), Check::Chain);
    for root in [other().with_authority(&own, Window::default()).unwrap(), other().with_chain(&own).unwrap()] {
        let verified = held_to(&here, &root).unwrap();
        let second = verified.report.iter().find(|entry| entry.check == Check::SecondOpinion).unwrap();
        assert!(matches!(second.outcome, Outcome::NotChecked(_)), "{second:?}");
    }
    // Its own instance: the other verifier agrees as long as nothing was added, whatever is added.
    let second = |root: &TrustRoot| {
        let verified = held_to(&here, root).unwrap();
        verified
            .report
            .iter()
            .any(|entry| entry.check == Check::SecondOpinion && matches!(entry.outcome, Outcome::Passed(_)))
    };
    assert!(second(&here.world.trusted_file()));
    let own_root = || here.world.trusted_file();
    for changed in [
        own_root().with_log(Key::new().public(), None, Window::default()),
        own_root().with_certificate_log(Key::new().public(), Window::default()),
        own_root().with_authority(&texts(&[&elsewhere.root]), Window::default()).unwrap(),
        own_root().with_timestamp_authority(&texts(&[&elsewhere.root]), Window::default()).unwrap(),
        own_root().with_intermediates(&texts(&[&elsewhere.root])).unwrap(),
    ] {
        assert!(!second(&changed));
    }
}

#[test]
fn a_chain_that_is_named_is_the_only_authority() {
    let here = signed(World::new());
    let elsewhere = World::new();
    // The instance would accept it; the chain is of somebody else.
    assert!(held_to(&here, &here.world.trusted_file()).is_ok());
    let stranger = here.world.trusted_file().with_chain(&texts(&[&elsewhere.root])).unwrap();
    refused(&here, &stranger, Check::Chain);
    // Of a chain, the last certificate is the authority: the signer's own one before it is not.
    let both = here.world.trusted_file().with_chain(&texts(&[&here.world.root, &elsewhere.root])).unwrap();
    refused(&here, &both, Check::Chain);
    assert!(here.world.trusted_file().with_chain("").is_err());
    assert!(here.world.trusted_file().with_chain(&Key::new().pem()).is_err());
    let long: Vec<&[u8]> = vec![&here.world.root; 18];
    assert!(matches!(TrustRoot::empty().with_chain(&texts(&long)), Err(error) if error.check == Check::Limits));
}

#[test]
fn what_stands_between_is_looked_through_and_not_trusted() {
    let top = World::new();
    let root = top.root.clone();
    let (world, middle) = top.under((EARLY, LATE));
    let case = signed(world);
    let bare = || case.world.logs(TrustRoot::empty());
    let accepted = [
        bare().with_chain(&texts(&[&middle, &root])).unwrap(),
        bare()
            .with_authority(&texts(&[&root]), Window::default())
            .unwrap()
            .with_intermediates(&texts(&[&middle]))
            .unwrap(),
    ];
    for root in &accepted {
        held_to(&case, root).unwrap();
    }
    let (_, strange) = World::new().under((EARLY, LATE));
    for root in [
        bare().with_chain(&texts(&[&root])).unwrap(),
        bare().with_chain(&texts(&[&strange, &root])).unwrap(),
        bare().with_authority(&texts(&[&root]), Window::default()).unwrap(),
        bare().with_intermediates(&texts(&[&middle])).unwrap(),
        // The middle one is by somebody who is not the last one.
        bare().with_chain(&texts(&[&middle, &World::new().root])).unwrap(),
    ] {
        refused(&case, &root, Check::Chain);
    }
}

#[test]
fn an_authority_for_something_else_certifies_no_signer() {
    for (usage, good) in [(None, true), (Some("1.3.6.1.5.5.7.3.3"), true), (Some("1.3.6.1.5.5.7.3.1"), false)] {
        let top = World::new();
        let root = top.root.clone();
        let (world, middle) = top.under_for((EARLY, LATE), usage);
        let case = signed(world);
        let trusted = case.world.logs(TrustRoot::empty()).with_chain(&texts(&[&middle, &root])).unwrap();
        match good {
            true => drop(held_to(&case, &trusted).unwrap()),
            false => refused(&case, &trusted, Check::Chain),
        }
    }
}

#[test]
fn a_signers_certificate_says_that_it_is_for_signing() {
    // Nothing said, any use, another one.
    for usage in ["", "2.5.29.37.0", "1.3.6.1.5.5.7.3.1"] {
        let case = Case::over(Layout::Bundle03, true, ARTIFACT.to_vec(), &Says { usage, ..Says::default() });
        refused(&case, &case.world.trusted(), Check::Chain);
    }
}

#[test]
fn an_authority_that_has_expired_certifies_nobody() {
    // What was signed lies in June of 2025.
    for (from, until, good) in [(EARLY, LATE, true), (EARLY, "250101000000Z", false), ("251231000000Z", LATE, false)] {
        let (world, own) = World::new().under((from, until));
        let case = signed(world);
        let bare = || case.world.logs(TrustRoot::empty());
        let text = texts(&[&own]);
        for root in [bare().with_chain(&text).unwrap(), bare().with_authority(&text, Window::default()).unwrap()] {
            match good {
                true => drop(held_to(&case, &root).unwrap()),
                false => refused(&case, &root, Check::Chain),
            }
        }
    }
}

#[test]
fn a_signer_brings_the_chain_of_its_own_certificate() {
    let top = World::new();
    let root = top.root.clone();
    let (world, middle) = top.under((EARLY, LATE));
    let key = Key::new();
    let leaf = pem("CERTIFICATE", &world.issue(&key, &Says::default()));
    let author = |chain: &str| Author::certified_by_pem(key.public(), &leaf, chain);
    for chain in
        [texts(&[&middle, &root]), texts(&[&middle]), String::new(), format!("{leaf}{}", texts(&[&middle, &root]))]
    {
        author(&chain).unwrap();
    }
    for chain in [texts(&[&root]), texts(&[&World::new().root]), texts(&[&middle, &World::new().root])] {
        assert_eq!(author(&chain).unwrap_err().check, Check::Chain, "{chain}");
    }
    // For code signing, as every verifier will ask.
    let server = Says { usage: "1.3.6.1.5.5.7.3.1", ..Says::default() };
    let leaf = pem("CERTIFICATE", &world.issue(&key, &server));
    assert_eq!(
        Author::certified_by_pem(key.public(), &leaf, &texts(&[&middle, &root])).unwrap_err().check,
        Check::Chain
    );
}
