//! The well-known instances of Sigstore: where their repositories are, and the root metadata that this program was built with.

use crate::root::Instance;

impl Instance {
    /// Every one.
    pub const ALL: [Instance; 3] = [Instance::PublicGood, Instance::Staging, Instance::Github];

    /// What people call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Instance::PublicGood => "the public instance",
            Instance::Staging => "the staging instance",
            Instance::Github => "GitHub's instance",
        }
    }

    /// The address of its TUF repository, without a `/` at its end.
    #[must_use]
    pub fn mirror(self) -> &'static str {
        match self {
            Instance::PublicGood => "https://tuf-repo-cdn.sigstore.dev",
            Instance::Staging => "https://tuf-repo-cdn.sigstage.dev",
            Instance::Github => "https://tuf-repo.github.com",
        }
    }

    /// The instance whose repository lies at this address.
    #[must_use]
    pub fn at(mirror: &str) -> Option<Instance> {
        let mirror = mirror.trim_end_matches('/');
        Instance::ALL.into_iter().find(|instance| instance.mirror() == mirror)
    }

    /// The root metadata that trust in the repository begins with: versions 16, 15 and 9, as the crate `sigstore-trust-root` 0.15.1 carries them
    /// (Apache-2.0). What came later is found from them, each root signed by the one before.
    #[must_use]
    pub fn tuf_root(self) -> &'static [u8] {
        match self {
            Instance::PublicGood => include_bytes!("roots/public-good.json"),
            Instance::Staging => include_bytes!("roots/staging.json"),
            Instance::Github => include_bytes!("roots/github.json"),
        }
    }

    /// The `trusted_root.json` as it was when this program was built.
    #[must_use]
    pub fn trusted_root(self) -> &'static [u8] {
        match self {
            Instance::PublicGood => sigstore_trust_root::SIGSTORE_PRODUCTION_TRUSTED_ROOT.as_bytes(),
            Instance::Staging => sigstore_trust_root::SIGSTORE_STAGING_TRUSTED_ROOT.as_bytes(),
            Instance::Github => sigstore_trust_root::SIGSTORE_GITHUB_TRUSTED_ROOT.as_bytes(),
        }
    }

    /// The `signing_config.v0.2.json` as it was when this program was built; GitHub's instance signs for nobody else.
    #[must_use]
    pub fn signing_config(self) -> Option<&'static [u8]> {
        match self {
            Instance::PublicGood => Some(sigstore_trust_root::SIGSTORE_PRODUCTION_SIGNING_CONFIG.as_bytes()),
            Instance::Staging => Some(sigstore_trust_root::SIGSTORE_STAGING_SIGNING_CONFIG.as_bytes()),
            Instance::Github => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root::TrustRoot;
    use crate::tuf::TufState;

    #[test]
    fn every_instance_begins_from_a_root_that_holds() {
        for instance in Instance::ALL {
            let state = TufState::begin(instance.mirror(), instance.tuf_root()).unwrap();
            assert_eq!(Instance::at(state.mirror()), Some(instance));
            assert!(TrustRoot::from_json(instance.trusted_root()).is_ok(), "{instance:?}");
        }
        assert_eq!(Instance::at("https://tuf-repo-cdn.sigstore.dev/"), Some(Instance::PublicGood));
        assert_eq!(Instance::at("https://tuf-repo-cdn.sigstore.dev.example.com"), None);
    }
}
