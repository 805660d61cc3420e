//! `signet serve admission --cluster`: policies watched, one replica that leads, certificates and webhook configurations kept.
//!
//! ```text
//!   watches ─▶ documents ─▶ Guarded ─▶ Desk            (every replica)
//!   Secret  ─▶ certificate that is shown               (every replica)
//!   Lease   ─▶ leader: Secret, webhook configurations, reports on what is there  (one)
//! ```
//!
//! Requests need no leader and no API server: while it is gone, the last policies and the last certificate go on, and metrics say so.

mod background;
mod broken;
mod documents;
mod leader;
mod rules;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use parking_lot::Mutex;
use signet_admission::{Clock, Desk};
use signet_kube::resource::SECRETS;
use signet_kube::rights::SECRET;
use signet_kube::{
    Access, Address, Client, ClientLimits, Document, Leader, LeaseTimes, Lookup, Mirror, NAME, Policies, PolicyOptions,
    Pulse, Rule, Selection, data_of,
};
use tokio::time::{Instant, MissedTickBehavior, timeout_at};

use self::background::Background;
use self::broken::Guarded;
use self::documents::{Built, Good, build};
use self::leader::Charge;
use super::super::args::{AdmissionArgs, ClusterArgs};
use super::LOOK;
use super::certificate::Keeper;
use super::files::Policies as Files;
use crate::settings::{self, Settings};

/// Changes come in bursts: `kubectl apply` of a directory.
const BURST: Duration = Duration::from_millis(100);
/// How often it is asked anew which kinds are served.
const KINDS_AGE: Duration = Duration::from_secs(30);
/// Problems that are told; more are counted.
const MAX_TOLD: usize = 20;

/// What metrics say of the cluster.
#[derive(Clone, Debug, Default)]
struct Told {
    /// Since when something could not be read anew.
    stale: Option<Instant>,
    leads: bool,
    /// Documents that do not load.
    problems: usize,
    /// Those of them that are in force as they were before.
    kept: usize,
    passed_over: usize,
    /// Kinds that are not known yet.
    waiting: usize,
    /// The leader's last work failed.
    work_failed: u64,
    written: u64,
}

/// The cluster side of the webhook.
pub(super) struct Cluster {
    charge: Charge,
    keeps_hooks: bool,
    pulse: Pulse,
    policies: Policies,
    lookup: Arc<Lookup>,
    secret: Option<Mirror>,
    leader: Leader,
    background: Background,
    told: Arc<Mutex<Told>>,
}

/// What is known from one round to the next.
#[derive(Default)]
struct Round {
    documents: Option<Vec<Document>>,
    good: Good,
    engine: Option<Arc<Guarded>>,
    problems: BTreeMap<String, String>,
    passed_over: Vec<String>,
    waiting: Vec<String>,
    certificate: bool,
    certificate_problem: Option<String>,
    rules: Option<(Vec<Rule>, Instant)>,
    work_problem: Option<String>,
    led: bool,
}

fn client(args: &ClusterArgs, settings: &Settings) -> Result<(Client, String)> {
    if settings.offline {
        return Err(crate::usage(anyhow!("`--cluster` asks an API server, and `--offline` asks nobody")));
    }
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let access = Access::find(args.kubeconfig.as_deref(), &variable)?;
    let own = args.namespace.clone().or_else(|| access.namespace().map(str::to_owned));
    let namespace = own.unwrap_or_else(|| "signet-system".to_owned());
    Ok((Client::new(access, ClientLimits::default())?, namespace))
}

/// `signet serve admission --cluster --uninstall`: nobody is asked any more.
pub(super) async fn uninstall(args: &ClusterArgs, settings: &Settings) -> Result<()> {
    let (client, _) = client(args, settings)?;
    let written = client.remove_hooks().await.context("the webhook configurations are not taken away")?;
    let gone = written.iter().filter(|written| **written == signet_kube::Written::Removed).count();
    settings.say(format!("{gone} webhook configurations `{NAME}` taken away from {}", client.server()));
    Ok(())
}

impl Cluster {
    /// Begins to watch. To be called where tokio runs.
    pub(super) fn begin(args: &AdmissionArgs, clock: &Clock, settings: &Settings) -> Result<Cluster> {
        let given = &args.cluster;
        let (client, namespace) = client(given, settings)?;
        settings.detail(format!("the cluster is {}, our namespace `{namespace}`", client.server()));
        let pulse = Pulse::default();
        let mut exceptions = args.exception_namespaces.clone();
        if exceptions.iter().any(|named| signet_policy::wildcard::is_pattern(named)) {
            // The set tells patterns from names.
            exceptions = vec!["*".to_owned()];
        }
        let options = PolicyOptions { native: given.kubernetes_policies, exceptions };
        let policies = Policies::begin(&client, options, &pulse);
        let lookup = Lookup::begin(&client, &pulse);
        let elsewhere = args.dev || args.tls_dir.is_some() || args.ca_dir.is_some();
        let secret = (!elsewhere).then(|| given.tls_secret.clone().unwrap_or_else(|| SECRET.to_owned()));
        let mirror =
            secret.as_ref().map(|name| Mirror::begin(&client, Selection::one(SECRETS, &namespace, name), &pulse));
        let service = &given.service;
        let mut names = vec![
            format!("{service}.{namespace}.svc"),
            format!("{service}.{namespace}.svc.cluster.local"),
            format!("{service}.{namespace}"),
        ];
        names.extend(args.names.iter().cloned());
        let address = match &given.advertise {
            Some(url) => Address::Url(url.clone()),
            None => Address::Service(service.clone(), 443),
        };
        let host =
            std::env::var("HOSTNAME").ok().filter(|name| !name.is_empty()).unwrap_or_else(|| "signet".to_owned());
        let own = format!("{host}_{}_{:08x}", std::process::id(), seed());
        let leader = Leader::new(&client, &namespace, NAME, own, LeaseTimes::default(), Arc::clone(clock), &pulse);
        let background = Background::new(given, &client, &leader);
        let charge = Charge {
            client,
            namespace,
            secret,
            names,
            address,
            kube_system: given.kube_system,
            timeout: given.webhook_timeout,
            clock: Arc::clone(clock),
            stops: settings.store.named,
        };
        Ok(Cluster {
            charge,
            keeps_hooks: !given.no_webhooks,
            pulse,
            policies,
            lookup,
            secret: mirror,
            leader,
            background,
            told: Arc::default(),
        })
    }

    /// What policies ask of the cluster.
    pub(super) fn lookup(&self) -> Arc<Lookup> {
        Arc::clone(&self.lookup)
    }

    /// Who makes events of reviews, if they are wanted.
    pub(super) fn witness(&self) -> Option<Arc<signet_admission::Events>> {
        self.background.witness()
    }

    /// Goes on for ever: what changed is taken into use, and the leader does his work.
    pub(super) async fn run(&self, files: Files, keeper: Keeper, desk: &Arc<Desk>, settings: &Settings) {
        let told = Arc::clone(&self.told);
        desk.metrics().also(move |out| lines(&told.lock(), out));
        let leading = self.leader.clone();
        let holding = tokio::spawn(async move { leading.run().await });
        let _ends = Ends(holding.abort_handle());
        let _background: Vec<Ends> = self.background.begin(desk, settings).into_iter().map(Ends).collect();
        let mut changes = self.pulse.listen();
        let mut ticks = tokio::time::interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut files, mut keeper, mut round) = (files, keeper, Round::default());
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                _ = changes.changed() => tokio::time::sleep(BURST).await,
            }
            changes.mark_unchanged();
            self.look(&mut files, &mut keeper, &mut round, desk, settings);
            self.lead(&keeper, &mut round, settings).await;
        }
    }

    /// What every replica does. It waits for nobody.
    fn look(&self, files: &mut Files, keeper: &mut Keeper, round: &mut Round, desk: &Desk, settings: &Settings) {
        self.show_certificate(keeper, round, desk, settings);
        let mut snapshot = self.policies.snapshot();
        let namespaces = self.lookup.namespaces().view();
        if !self.lookup.namespaces().is_known() {
            let why = namespaces.broken.as_ref().map(|(_, why)| format!(": {why}")).unwrap_or_default();
            snapshot.waiting.push(format!("Namespace{why}"));
        }
        {
            let mut told = self.told.lock();
            let stale = !snapshot.stale.is_empty() || namespaces.broken.is_some() || self.leader.broken().is_some();
            told.stale = stale.then(|| told.stale.unwrap_or_else(Instant::now));
            told.waiting = snapshot.waiting.len();
            told.passed_over = snapshot.passed_over.len();
            told.leads = self.leader.until().is_some();
        }
        if !snapshot.waiting.is_empty() {
            // While nothing is known, a reason that is new is told once.
            let reasons: Vec<String> = snapshot.waiting.iter().filter(|why| why.contains(": ")).cloned().collect();
            for why in reasons.iter().filter(|why| !round.waiting.contains(why)) {
                settings.warn(format!("not ready, since it is not known: {why}"));
            }
            round.waiting = reasons;
            return;
        }
        for name in snapshot.passed_over.iter().filter(|name| !round.passed_over.contains(name)).take(MAX_TOLD) {
            settings.warn(format!("`{name}` does not count: `--exception-namespace NAMESPACE` says whose do"));
        }
        round.passed_over = snapshot.passed_over;
        // Without the certificate that API servers trust nobody could ask.
        if !round.certificate {
            return;
        }
        let changed = files.look_again() || round.documents.as_ref() != Some(&snapshot.documents);
        if !changed && round.engine.is_some() {
            return;
        }
        match build(files, &snapshot.documents, &mut round.good) {
            Ok(built) => self.take(built, round, desk, settings),
            Err(err) => {
                // Files that do not load: the set of before stays, as it does without a cluster.
                let said = format!("{err:#}");
                if round.problems.get("files") != Some(&said) {
                    desk.load_failed();
                    settings.warn(format!("the policies of files do not load, so nothing changes: {said}"));
                    round.problems.insert("files".to_owned(), said);
                }
            }
        }
        round.documents = Some(snapshot.documents);
    }

    fn take(&self, built: Built, round: &mut Round, desk: &Desk, settings: &Settings) {
        let new = built.problems.iter().filter(|(name, why)| round.problems.get(*name) != Some(*why));
        let mut failed = 0_usize;
        for (name, why) in new {
            failed = failed.saturating_add(1);
            if failed <= MAX_TOLD {
                settings.warn(format!("`{name}` does not load: {why}"));
            }
        }
        if failed > 0 {
            desk.load_failed();
        }
        {
            let mut told = self.told.lock();
            (told.problems, told.kept) = (built.problems.len(), built.kept);
        }
        let engine = Arc::new(built.engine);
        settings.say(format!("policies in use: {}", signet_admission::Engine::policies(&*engine)));
        desk.load(Arc::clone(&engine) as Arc<dyn signet_admission::Engine>);
        round.problems = built.problems;
        round.engine = Some(engine);
        round.rules = None;
    }

    /// Takes the certificate of the Secret into use when there is another one.
    fn show_certificate(&self, keeper: &mut Keeper, round: &mut Round, desk: &Desk, settings: &Settings) {
        let shown = match &self.secret {
            None => keeper.step().map(|changed| (true, changed)),
            Some(mirror) => {
                let view = mirror.view();
                match view.objects.values().next() {
                    // Where it was once, it goes on being shown.
                    None => Ok((round.certificate, false)),
                    Some(secret) => match (data_of(secret, "tls.crt"), data_of(secret, "tls.key")) {
                        (Some(chain), Some(key)) => {
                            let bundle = data_of(secret, "ca.crt").map(|bundle| bundle.to_vec());
                            let given = keeper.given(chain.to_vec(), key, bundle);
                            // What clients must show lies in a file of its own.
                            given.and_then(|changed| keeper.step().map(|_| (true, changed)))
                        }
                        _ => Err(anyhow!("its Secret has no `tls.crt` and `tls.key`")),
                    },
                }
            }
        };
        match shown {
            Ok((known, changed)) => {
                round.certificate = known;
                round.certificate_problem = None;
                if changed {
                    desk.metrics().certificate_swapped();
                    settings.say("another certificate is shown");
                }
            }
            Err(err) => {
                let said = format!("{err:#}");
                if round.certificate_problem.as_ref() != Some(&said) {
                    settings.warn(format!("the certificate stays as it was: {said}"));
                    round.certificate_problem = Some(said);
                }
            }
        }
    }

    /// What the leader alone does, until the Lease could end.
    async fn lead(&self, keeper: &Keeper, round: &mut Round, settings: &Settings) {
        let Some(until) = self.leader.until() else {
            round.led = false;
            return;
        };
        if !round.led {
            round.led = true;
            // What a leader of before wrote is looked at whole.
            round.rules = None;
            settings.say("this replica leads");
        }
        let done = timeout_at(until, self.work(keeper, round)).await;
        let done = done.unwrap_or_else(|_| Err(anyhow!("the time that the Lease gives was over")));
        match done {
            Ok(written) => {
                round.work_problem = None;
                if written {
                    let mut told = self.told.lock();
                    told.written = told.written.saturating_add(1);
                }
            }
            Err(err) => {
                let mut told = self.told.lock();
                told.work_failed = told.work_failed.saturating_add(1);
                drop(told);
                // Somebody wrote between our reading and our writing: the next round reads again.
                let lost =
                    err.downcast_ref::<signet_kube::KubeError>().is_some_and(signet_kube::KubeError::is_conflict);
                let said = format!("{err:#}");
                if !lost && round.work_problem.as_ref() != Some(&said) {
                    settings.warn(format!("the leader's work is not done: {said}"));
                    round.work_problem = Some(said);
                }
            }
        }
    }

    async fn work(&self, keeper: &Keeper, round: &mut Round) -> Result<bool> {
        let mut written = false;
        let bundle = match &self.charge.secret {
            Some(secret) => {
                let (bundle, changed) = self.charge.certificate(secret).await?;
                written |= changed;
                // Where the Secret was lost and made anew, what is shown is still of the authority before.
                together(bundle, keeper.bundle().unwrap_or_default())
            }
            None => keeper.bundle().map(<[u8]>::to_vec).unwrap_or_default(),
        };
        // Nobody is asked before we can answer: not without policies, and not with a certificate that is not shown yet.
        let (true, true, Some(engine)) = (self.keeps_hooks, round.certificate, &round.engine) else {
            return Ok(written);
        };
        let known = round.rules.as_ref().filter(|(_, at)| at.elapsed() < KINDS_AGE);
        let rules = match known {
            Some((rules, _)) => rules.clone(),
            None => {
                let rules = self.charge.rules(engine).await?;
                round.rules = Some((rules.clone(), Instant::now()));
                rules
            }
        };
        Ok(self.charge.hooks(rules, bundle).await? || written)
    }

    /// Gives the Lease back.
    pub(super) async fn end(&self, settings: &Settings) {
        let end = Instant::now().checked_add(Duration::from_secs(3)).unwrap_or_else(Instant::now);
        if let Ok(Err(err)) = timeout_at(end, self.leader.release()).await {
            settings.detail(format!("the Lease is not given back and runs out: {err}"));
        }
    }
}

/// Certificates in PEM, and those of another bundle that are not among them.
fn together(bundle: Vec<u8>, other: &[u8]) -> Vec<u8> {
    const END: &str = "-----END CERTIFICATE-----";
    let (Ok(mut all), Ok(other)) = (String::from_utf8(bundle.clone()), std::str::from_utf8(other)) else {
        return bundle;
    };
    for one in other.split_inclusive(END).map(str::trim).filter(|one| one.ends_with(END)) {
        if !all.contains(one) {
            if !all.ends_with('\n') {
                all.push('\n');
            }
            all.push_str(one);
            all.push('\n');
        }
    }
    all.into_bytes()
}

/// Ends a task.
struct Ends(tokio::task::AbortHandle);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// So that a process that is started again under the same name is another one.
fn seed() -> u32 {
    let now = settings::now();
    u32::try_from(now.as_nanosecond().rem_euclid(1 << 32)).unwrap_or(0)
}

fn lines(told: &Told, out: &mut String) {
    let since = told.stale.map_or(0.0, |since| since.elapsed().as_secs_f64());
    for (name, kind, help, value) in [
        (
            "cluster_connected",
            "gauge",
            "Whether everything that is watched is followed now.",
            f64::from(u8::from(told.stale.is_none())),
        ),
        ("cluster_stale_seconds", "gauge", "For how long something could not be read anew.", since),
        ("cluster_unknown_kinds", "gauge", "Kinds of policies that are not known yet.", count(told.waiting)),
        ("leader", "gauge", "Whether this replica leads.", f64::from(u8::from(told.leads))),
        ("policies_not_loading", "gauge", "Policies of the cluster that do not load.", count(told.problems)),
        ("policies_kept", "gauge", "Those of them that are in force as they were before.", count(told.kept)),
        (
            "exceptions_passed_over",
            "gauge",
            "Exceptions of namespaces whose exceptions do not count.",
            count(told.passed_over),
        ),
        (
            "leader_work_failures_total",
            "counter",
            "Rounds of the leader that were not finished.",
            told.work_failed as f64,
        ),
        ("leader_writes_total", "counter", "Rounds of the leader that wrote something.", told.written as f64),
    ] {
        // Writing into a String does not fail.
        let _written = write!(
            out,
            "# HELP signet_admission_{name} {help}\n# TYPE signet_admission_{name} {kind}\nsignet_admission_{name} {value}\n"
        );
    }
}

fn count(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::MAX, f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bundles_are_put_together_without_repeating() {
        let one = |text: &str| format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n");
        let (a, b) = (one("YQ=="), one("Yg=="));
        let check = |bundle: &str, other: &str, expected: &str| {
            let found = together(bundle.as_bytes().to_vec(), other.as_bytes());
            assert_eq!(String::from_utf8(found).unwrap(), expected);
        };
        check(&a, &b, &format!("{a}{b}"));
        check(&a, &a, &a);
        check(&format!("{a}{b}"), &b, &format!("{a}{b}"));
        check(&a, "nonsense", &a);
        check(a.trim_end(), &b, &format!("{a}{b}"));
    }

    #[test]
    fn metrics_say_how_old_what_is_known_is() {
        let mut out = String::new();
        lines(&Told { problems: 3, leads: true, ..Told::default() }, &mut out);
        for line in [
            "signet_admission_cluster_connected 1",
            "signet_admission_leader 1",
            "signet_admission_policies_not_loading 3",
        ] {
            assert!(out.lines().any(|found| found == line), "{out}");
        }
    }
}
