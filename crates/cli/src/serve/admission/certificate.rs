//! Where the certificate comes from, and when there is another.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use signet_admission::authority::{Authority, Directory, Lifetimes, Published};
use signet_admission::{Certificates, Clock};
use zeroize::Zeroizing;

use super::super::args::AdmissionArgs;
use crate::output;

/// Who makes it.
enum Source {
    /// Somebody else, who puts it into a directory.
    Foreign(PathBuf, Box<Published>),
    /// We, and we keep it in a directory.
    Own(Directory),
    /// We, for this process.
    Passing(Box<Authority>),
    /// A Secret of the cluster, of which we are told: chain and key.
    Given(Vec<u8>, Zeroizing<Vec<u8>>),
}

/// Keeps the certificate that is shown.
pub(super) struct Keeper {
    source: Source,
    certificates: Arc<Certificates>,
    names: Vec<String>,
    clock: Clock,
    bundle: Option<Vec<u8>>,
    file: Option<PathBuf>,
}

impl Keeper {
    pub(super) fn begin(args: &AdmissionArgs, clock: &Clock) -> Result<Keeper> {
        let now = clock();
        let (source, certificates, bundle) = if let Some(path) = &args.tls_dir {
            let published = Published::read(path)?;
            let certificates = Certificates::new(&published.chain, &published.key)
                .with_context(|| format!("cannot use `{}`", path.display()))?;
            let bundle = published.bundle.clone();
            (Source::Foreign(path.clone(), Box::new(published)), certificates, bundle)
        } else if let Some(path) = &args.ca_dir {
            let directory = Directory::open(path)?;
            let (authority, _) = directory.step(&args.names, now, Lifetimes::default())?;
            let (certificates, bundle) = of(&authority)?;
            (Source::Own(directory), certificates, bundle)
        } else {
            let authority = Authority::new(&args.names, now, Lifetimes::default()).map_err(|err| {
                crate::usage(anyhow::Error::new(err).context("cannot make a certificate of `--name`"))
            })?;
            let (certificates, bundle) = of(&authority)?;
            if args.cluster.cluster && !args.dev {
                // Nobody trusts this one. It is there until that of the Secret is.
                (Source::Given(Vec::new(), Zeroizing::default()), certificates, None)
            } else {
                (Source::Passing(Box::new(authority)), certificates, bundle)
            }
        };
        let file = args.ca_file.clone();
        let keeper = Keeper { source, certificates, names: args.names.clone(), clock: Arc::clone(clock), bundle, file };
        keeper.publish()?;
        Ok(keeper)
    }

    pub(super) fn certificates(&self) -> Arc<Certificates> {
        Arc::clone(&self.certificates)
    }

    /// What clients must trust, if it is known.
    pub(super) fn bundle(&self) -> Option<&[u8]> {
        self.bundle.as_deref()
    }

    fn publish(&self) -> Result<()> {
        let (Some(file), Some(bundle)) = (&self.file, &self.bundle) else { return Ok(()) };
        output::replace(file, bundle).with_context(|| format!("cannot write `{}`", file.display()))
    }

    /// Shows what a Secret of the cluster holds. `true`: it is another one than before.
    pub(super) fn given(&mut self, chain: Vec<u8>, key: Zeroizing<Vec<u8>>, bundle: Option<Vec<u8>>) -> Result<bool> {
        let same = matches!(&self.source, Source::Given(old, known) if *old == chain && **known == *key);
        if same && self.bundle == bundle {
            return Ok(false);
        }
        if !same {
            self.certificates.swap(&chain, &key)?;
        }
        self.source = Source::Given(chain, key);
        self.bundle = bundle;
        self.publish()?;
        Ok(!same)
    }

    /// Does what is due. `true`: another certificate is shown.
    pub(super) fn step(&mut self) -> Result<bool> {
        let now = (self.clock)();
        match &mut self.source {
            Source::Foreign(path, known) => {
                let found = Published::read(path)?;
                if found == **known {
                    return Ok(false);
                }
                // Two files are written one after the other, so that for a moment they may not fit; the next look finds them whole.
                self.certificates.swap(&found.chain, &found.key)?;
                self.bundle = found.bundle.clone();
                **known = found;
            }
            Source::Own(directory) => {
                let (authority, changes) = directory.step(&self.names, now, Lifetimes::default())?;
                let bundle = Some(authority.bundle().into_bytes());
                if changes.is_empty() && bundle == self.bundle {
                    return Ok(false);
                }
                self.certificates.swap(authority.chain().as_bytes(), authority.key().as_bytes())?;
                self.bundle = bundle;
            }
            Source::Given(..) => return Ok(false),
            Source::Passing(authority) => {
                if authority.step(&self.names, now)?.is_empty() {
                    return Ok(false);
                }
                self.certificates.swap(authority.chain().as_bytes(), authority.key().as_bytes())?;
                self.bundle = Some(authority.bundle().into_bytes());
            }
        }
        self.publish()?;
        Ok(true)
    }
}

fn of(authority: &Authority) -> Result<(Arc<Certificates>, Option<Vec<u8>>)> {
    let certificates = Certificates::new(authority.chain().as_bytes(), authority.key().as_bytes())?;
    Ok((certificates, Some(authority.bundle().into_bytes())))
}
