//! Where the certificate comes from, and when there is another.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow};
use signet_admission::authority::{Authority, Directory, Lifetimes, Published};
use signet_admission::{Certificates, Clients, Clock};
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
    /// The chain that is shown. Another process that shares the directory may have renewed it.
    shown: Vec<u8>,
    file: Option<PathBuf>,
    /// What stands in `file`; until it is `bundle`, every look tries again.
    published: Option<Vec<u8>>,
    clients: Option<(PathBuf, Vec<u8>, Arc<Clients>)>,
    /// What the last failure said: it is told once.
    failed: Option<String>,
}

impl Keeper {
    pub(super) fn begin(args: &AdmissionArgs, clock: &Clock) -> Result<Keeper> {
        let now = clock();
        let (source, certificates, bundle, shown) = if let Some(path) = &args.tls_dir {
            let published = Published::read(path)?;
            let certificates = Certificates::new(&published.chain, &published.key)
                .with_context(|| format!("cannot use `{}`", path.display()))?;
            let (bundle, shown) = (published.bundle.clone(), published.chain.clone());
            if args.ca_file.is_some() && bundle.is_none() {
                return Err(crate::usage(anyhow!(
                    "`--ca-file` has nothing to say: there is no `ca.crt` in `{}`",
                    path.display()
                )));
            }
            (Source::Foreign(path.clone(), Box::new(published)), certificates, bundle, shown)
        } else if let Some(path) = &args.ca_dir {
            let directory = Directory::open(path)?;
            let (authority, _) = directory.step(&args.names, now, Lifetimes::default())?;
            let (certificates, bundle) = of(&authority)?;
            (Source::Own(directory), certificates, bundle, authority.chain().into_bytes())
        } else {
            let authority = Authority::new(&args.names, now, Lifetimes::default()).map_err(|err| {
                crate::usage(anyhow::Error::new(err).context("cannot make a certificate of `--name`"))
            })?;
            let (certificates, bundle) = of(&authority)?;
            let shown = authority.chain().into_bytes();
            if args.cluster.cluster && !args.dev {
                // Nobody trusts this one. It is there until that of the Secret is.
                (Source::Given(Vec::new(), Zeroizing::default()), certificates, None, shown)
            } else {
                (Source::Passing(Box::new(authority)), certificates, bundle, shown)
            }
        };
        let clients = match &args.client_ca_file {
            None => None,
            Some(path) => {
                let bytes = crate::verify::demand::file(path)?;
                let clients = Clients::new(&bytes, args.client_names.clone())
                    .with_context(|| format!("cannot use `{}`", path.display()))?;
                Some((path.clone(), bytes, clients))
            }
        };
        Ok(Keeper {
            source,
            certificates,
            names: args.names.clone(),
            clock: Arc::clone(clock),
            bundle,
            shown,
            file: args.ca_file.clone(),
            published: None,
            clients,
            failed: None,
        })
    }

    /// Who may ask for reviews, if that is asked for.
    pub(super) fn clients(&self) -> Option<Arc<Clients>> {
        self.clients.as_ref().map(|(.., clients)| Arc::clone(clients))
    }

    pub(super) fn certificates(&self) -> Arc<Certificates> {
        Arc::clone(&self.certificates)
    }

    /// What clients must trust, if it is known.
    pub(super) fn bundle(&self) -> Option<&[u8]> {
        self.bundle.as_deref()
    }

    /// Writes what clients must trust, if it does not stand there yet.
    pub(super) fn publish(&mut self) -> Result<()> {
        let (Some(file), Some(bundle)) = (&self.file, &self.bundle) else { return Ok(()) };
        if self.published.as_ref() != Some(bundle) {
            output::replace(file, bundle).with_context(|| format!("cannot write `{}`", file.display()))?;
            self.published = Some(bundle.clone());
        }
        Ok(())
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

    /// Does what is due. `true`: another certificate is shown. What fails is tried again at the next look, and told once.
    pub(super) fn step(&mut self) -> Result<bool> {
        // One failure holds up nothing of the rest.
        let (swapped, published, clients) = (self.swap(), self.publish(), self.renew_clients());
        let found = swapped.and_then(|swapped| published.and(clients).map(|()| swapped));
        match found {
            Ok(swapped) => {
                self.failed = None;
                Ok(swapped)
            }
            Err(err) => {
                let said = format!("{err:#}");
                if self.failed.as_ref() == Some(&said) {
                    return Ok(false);
                }
                self.failed = Some(said);
                Err(err)
            }
        }
    }

    /// The authorities of clients, if their file changed.
    fn renew_clients(&mut self) -> Result<()> {
        let Some((path, known, clients)) = &mut self.clients else { return Ok(()) };
        let bytes = crate::verify::demand::file(path)?;
        if bytes != *known {
            clients.swap(&bytes).with_context(|| format!("cannot use `{}`", path.display()))?;
            *known = bytes;
        }
        Ok(())
    }

    fn swap(&mut self) -> Result<bool> {
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
                let (authority, _) = directory.step(&self.names, now, Lifetimes::default())?;
                self.bundle = Some(authority.bundle().into_bytes());
                let shown = authority.chain().into_bytes();
                if shown == self.shown {
                    return Ok(false);
                }
                self.certificates.swap(&shown, authority.key().as_bytes())?;
                self.shown = shown;
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
        Ok(true)
    }
}

fn of(authority: &Authority) -> Result<(Arc<Certificates>, Option<Vec<u8>>)> {
    let certificates = Certificates::new(authority.chain().as_bytes(), authority.key().as_bytes())?;
    Ok((certificates, Some(authority.bundle().into_bytes())))
}
