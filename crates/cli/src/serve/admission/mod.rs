//! `signet serve admission`: the webhook over the policies of files, or of a cluster and files.
//!
//! ```text
//!   files ─▶ PolicySet ─▶ Desk ◀─ Server ◀─ certificates (a directory, an authority of our own, or one for this process)
//!     └──────── looked at every two seconds; what does not load changes nothing ───────┘
//!   cluster ─▶ documents, certificate, Lease: see `cluster`
//! ```

mod certificate;
mod cluster;
mod files;
mod outside;
mod print;
mod record;
mod stop;
mod threads;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use signet_admission::{
    CacheLimits, Cached, Clock, Desk, DeskLimits, Engine as _, Outside, Server, ServerLimits, Witness,
};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use self::certificate::Keeper;
use self::cluster::Cluster;
use self::files::Policies;
use super::args::AdmissionArgs;
use crate::exit::Exit;
use crate::settings::{self, Settings};

/// How often files are looked at.
const LOOK: Duration = Duration::from_secs(2);

pub(super) fn command(args: &AdmissionArgs, settings: &Settings) -> Result<Exit> {
    if !args.dev && !args.cluster.cluster && args.tls_dir.is_none() && args.ca_dir.is_none() {
        return Err(crate::usage(anyhow!(
            "no certificate: give `--tls-dir DIR`, `--ca-dir DIR`, `--cluster`, or `--dev` to try things out"
        )));
    }
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let workers = args.workers.map_or(processors.min(16), usize::from);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(processors.clamp(1, 2))
        // Judging, and threads for files and certificates and for the scan of what is there.
        .max_blocking_threads(workers.saturating_add(3))
        .enable_all()
        .thread_name("signet-admission")
        .build()
        .context("cannot start threads")?;
    let asking = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(threads::QUESTIONS)
        .thread_name("signet-questions")
        .build()
        .context("cannot start threads")?;
    let ended = runtime.block_on(serve(args, settings, workers, asking.handle().clone()));
    asking.shutdown_background();
    // A review that goes on although nobody waits for it does not hold up the end.
    runtime.shutdown_timeout(Duration::from_secs(1));
    ended.map(|()| Exit::Well)
}

async fn serve(
    args: &AdmissionArgs,
    settings: &Settings,
    workers: usize,
    asking: tokio::runtime::Handle,
) -> Result<()> {
    if args.cluster.uninstall {
        return cluster::uninstall(&args.cluster, settings).await;
    }
    let mut policies = Policies::new(args.policies.clone(), args.exception_namespaces.clone());
    let set = policies.read()?;
    let unbound = set.unbound();
    if !unbound.is_empty() {
        settings.warn(format!("no binding, so these policies hold nowhere: {}", unbound.join(", ")));
    }
    let uncounted = set.exceptions_that_do_not_count();
    if !uncounted.is_empty() {
        let uncounted = uncounted.join(", ");
        settings.warn(format!("these PolicyExceptions except nothing without `--exception-namespace`: {uncounted}"));
    }
    let count = set.policies();
    if count == 0 && !args.cluster.cluster {
        settings.warn("there are no policies: everything passes whose images can be read");
    }
    let clock: Clock = Arc::new(settings::now);
    let mut keeper = Keeper::begin(args, &clock)?;
    let cluster = match args.cluster.cluster {
        true => Some(Cluster::begin(args, &clock, settings)?),
        false => None,
    };
    let lookup = cluster.as_ref().map(Cluster::lookup);
    let (blocks, watch) = stop::begin(settings)?;
    let outside: Arc<dyn Outside> =
        Arc::new(outside::Files::read(args, lookup, asking, Arc::clone(&blocks), settings)?);
    let mut cached = Cached::new(outside, CacheLimits::default()).stopped_by(Arc::clone(&blocks));
    if let Some(memory) = stop::memory(settings, &clock) {
        cached = cached.remembering(memory);
    }
    let limits = DeskLimits { workers, ..DeskLimits::default() };
    let mut desk = Desk::new(cached, clock, limits);
    let printer = args.dev.then(|| Arc::new(print::Printer::new(args.output == "json")));
    if let Some(printer) = &printer {
        desk = desk.watched_by(Arc::clone(printer) as Arc<dyn Witness>);
    }
    if let Some(events) = cluster.as_ref().and_then(Cluster::witness) {
        desk = desk.watched_by(events);
    }
    if let Some(path) = &args.record {
        desk = desk.watched_by(record::Recorder::begin(path, u64::from(args.record_size) << 20, settings)?);
    }
    let drain = args.drain.unwrap_or(if args.dev { 0 } else { 10 });
    let limits = ServerLimits {
        body: usize::try_from(args.max_body).context("`--max-body` is too large for this machine")?,
        drain_time: Duration::from_secs(drain.into()),
        ..ServerLimits::default()
    };
    let server = Server::bind(args.listen, limits).with_context(|| format!("cannot listen on {}", args.listen))?;
    let server = match keeper.clients() {
        Some(clients) => server.with_clients(clients),
        None => server,
    };
    // Only now: who begins in vain changes nothing that others trust.
    keeper.publish()?;
    let address = server.address().context("cannot tell where we listen")?;
    let signals = Signals::take()?;
    let desk = Arc::new(desk);
    if cluster.is_none() {
        desk.load(Arc::new(set));
    }
    match &printer {
        Some(printer) => printer.listening(address, keeper.bundle(), count),
        None => settings.say(format!("listening on https://{address}, {count} policies")),
    }
    let (stop, stopped) = watch::channel(());
    let serving = tokio::spawn(server.run(Arc::clone(&desk), keeper.certificates(), stopped));
    let looking = async {
        if let Some(cluster) = &cluster {
            return cluster.run(policies, keeper, &desk, settings).await;
        }
        let mut ticks = tokio::time::interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            look(&mut policies, &mut keeper, &desk, settings);
        }
    };
    // On its own, so that nothing else that is looked at holds it up.
    let blocking = tokio::spawn(stop::keep_reading(blocks, watch, settings.clone()));
    tokio::select! {
        () = signals.wait() => {}
        () = looking => {}
    }
    settings.detail("ending: what runs is answered, and nobody new is taken");
    if let Some(cluster) = &cluster {
        cluster.end(settings).await;
    }
    drop(stop);
    let served = serving.await.context("the server broke off");
    // What still ran was judged by a list that was read.
    blocking.abort();
    served?.context("cannot serve")
}

/// What changed in the files since the last time. What cannot be used changes nothing, is said and is counted.
fn look(policies: &mut Policies, keeper: &mut Keeper, desk: &Desk, settings: &Settings) {
    match policies.changed() {
        None => {}
        Some(Ok(set)) => {
            settings.say(format!("policies read again: {}", set.policies()));
            desk.load(Arc::new(set));
        }
        Some(Err(err)) => {
            desk.load_failed();
            settings.warn(format!("the policies changed and do not load, so those of before stay: {err:#}"));
        }
    }
    match keeper.step() {
        Ok(false) => {}
        Ok(true) => {
            desk.metrics().certificate_swapped();
            settings.say("another certificate is shown");
        }
        Err(err) => settings.warn(format!("the certificate stays as it was: {err:#}")),
    }
}

/// What ends a service.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn take() -> Result<Signals> {
        let take = |kind| signal(kind).context("cannot wait for signals");
        Ok(Signals { terminate: take(SignalKind::terminate())?, interrupt: take(SignalKind::interrupt())? })
    }

    async fn wait(mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
