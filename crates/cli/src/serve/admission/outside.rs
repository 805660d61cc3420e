//! Objects of files that stand for the cluster, and registries for images. No API server is asked, and no other service.

use std::sync::Arc;

use anyhow::Result;
use serde_json::Value;
use signet_admission::{Asked, BlockList, Outside};
use signet_kube::Lookup;
use signet_policy::kyverno::Need;
use signet_policy::kyverno::verify_images::{Answer, ImageNeed};
use signet_policy::trust_policy::facts;
use signet_yaml::to_json;

use super::super::args::AdmissionArgs;
use super::files::{documents, files};
use super::threads::{Threads, Work};
use crate::args::DatabaseArgs;
use crate::evidence::{self, Bench};
use crate::kyverno::values::Mocks;
use crate::settings::Settings;

/// What files say of the cluster.
#[derive(Debug)]
pub(super) struct Files {
    mocks: Mocks,
    given: bool,
    /// `None` offline.
    registries: Option<Arc<Registries>>,
    /// `None` where no cluster is asked.
    cluster: Option<Arc<Lookup>>,
    /// A registry that does not answer holds up nobody who judges.
    threads: Threads,
}

/// What is asked about images. It waits for answers, so every question has a thread of its own while it is asked.
struct Registries {
    outside: evidence::Outside,
    /// Which may be asked. Who makes a Pod names a host, and it may be one that only this machine reaches.
    named: Vec<String>,
    database: DatabaseArgs,
    /// What signatures are verified with.
    trust: String,
}

impl std::fmt::Debug for Registries {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registries").field("trust", &self.trust).finish_non_exhaustive()
    }
}

impl Files {
    pub(super) fn read(
        args: &AdmissionArgs,
        cluster: Option<Arc<Lookup>>,
        threads: tokio::runtime::Handle,
        blocks: Arc<BlockList>,
        settings: &Settings,
    ) -> Result<Files> {
        let paths = &args.objects;
        let mut objects = Vec::new();
        for file in files(paths)? {
            for document in documents(&file)? {
                take(to_json(&document.root), &mut objects);
            }
        }
        let given = !paths.is_empty();
        let targets = given.then(|| objects.clone());
        let registries = match settings.offline {
            true => None,
            false => {
                let outside = evidence::Outside::new(&args.reach, args.trusted_root.clone(), settings)?
                    .forgetful()
                    .stopped_by(blocks);
                // What cannot be trusted at all is told when the service begins, and not with the first Pod.
                let trust = outside.trust_version()?;
                let named = args.registries.iter().map(|name| canonical(name)).collect();
                Some(Arc::new(Registries { outside, named, database: args.database.clone(), trust }))
            }
        };
        let threads = Threads::new(threads);
        Ok(Files { mocks: Mocks { objects, targets, ..Mocks::default() }, given, registries, cluster, threads })
    }
}

fn take(mut value: Value, objects: &mut Vec<Value>) {
    let kind = value.get("kind").and_then(Value::as_str).unwrap_or_default();
    if kind.is_empty() {
        return;
    }
    if kind.ends_with("List")
        && let Some(Value::Array(items)) = value.get_mut("items").map(Value::take)
    {
        items.into_iter().for_each(|item| take(item, objects));
        return;
    }
    objects.push(value);
}

impl Registries {
    fn may_ask(&self, reference: &str) -> Result<(), String> {
        let image = crate::image_name::image(reference).map_err(|err| format!("{err:#}"))?;
        let host = canonical(image.registry());
        if self.named.iter().any(|named| named == "*" || *named == host) {
            return Ok(());
        }
        Err(format!("the registry `{host}` is not asked: `--registry {host}` allows it"))
    }
}

/// One spelling of a registry's name.
fn canonical(name: &str) -> String {
    let name = name.trim().to_lowercase();
    match name.as_str() {
        "index.docker.io" | "registry-1.docker.io" => "docker.io".to_owned(),
        _ => name,
    }
}

/// Where a question leads: to the image, and to where its signatures lie if a policy says that they lie elsewhere. A policy may write that with words of
/// the request.
fn places(need: &ImageNeed) -> Vec<&str> {
    let (reference, elsewhere) = match need {
        ImageNeed::Digest { reference, .. } | ImageNeed::Configs { reference, .. } => (reference, None),
        ImageNeed::Signed(signed) => (&signed.reference, Some(&signed.repository)),
        ImageNeed::Verified(demand) => (&demand.reference, demand.source.as_ref().map(|source| &source.repository)),
    };
    let elsewhere = elsewhere.filter(|place| !place.is_empty());
    std::iter::once(reference).chain(elsewhere).map(String::as_str).collect()
}

/// The image that a question is about.
fn name_of(question: &facts::Question) -> &str {
    use facts::Question;
    match question {
        Question::Digest { reference } => reference,
        Question::Manifests { name, .. }
        | Question::Serves { name, .. }
        | Question::Signatures { name, .. }
        | Question::Provenance { name, .. }
        | Question::Summaries { name, .. }
        | Question::Sboms { name, .. }
        | Question::Findings { name, .. }
        | Question::Base { name, .. }
        | Question::Running { name, .. } => name,
    }
}

/// What a cluster says, as far as it is asked: namespaces, ConfigMaps and role bindings. Nothing else is read there for a policy, whatever it names: our
/// account may more than who wrote it.
async fn of_cluster(cluster: &Lookup, need: &Need) -> Result<Value, String> {
    match need {
        Need::ConfigMap { namespace, name } => cluster.config_map(namespace, name).await,
        Need::Objects { api_version, kind, namespace, name, uid, selector }
            if uid.is_empty() && selector.is_empty() && namespace.is_empty() =>
        {
            match (api_version.as_str(), kind.as_str()) {
                ("v1", "Namespace") if !name.is_empty() && !name.contains(['*', '?']) => {
                    cluster.namespace(name).await.map(|found| Value::Array(vec![found]))
                }
                ("rbac.authorization.k8s.io/v1", "RoleBinding") if name.is_empty() => {
                    cluster.role_bindings(false).await.map(Value::Array)
                }
                ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding") if name.is_empty() => {
                    cluster.role_bindings(true).await.map(Value::Array)
                }
                _ => Err(format!("{kind} of `{api_version}` is not read in the cluster")),
            }
        }
        _ => {
            Err("the cluster is not asked for it: only namespaces, ConfigMaps and role bindings are read there"
                .to_owned())
        }
    }
}

const OFFLINE: &str = "no registry is asked offline";

impl Files {
    /// Asks on a thread that may wait.
    async fn ask<T: Send + 'static>(
        &self,
        work: Work,
        unknown: impl Fn(String) -> T,
        ask: impl FnOnce(&Registries) -> T + Send + 'static,
    ) -> T {
        let Some(registries) = self.registries.clone() else { return unknown(OFFLINE.to_owned()) };
        self.threads.run(work, move || ask(&registries)).await.unwrap_or_else(|why| unknown(why.to_owned()))
    }
}

impl Outside for Files {
    fn context<'a>(&'a self, need: &'a Need) -> Asked<'a, Result<Value, String>> {
        let answer = self.mocks.answer(need).ok_or_else(|| match self.given {
            true => "it is not among `--objects`".to_owned(),
            false => "this server asks no cluster and no service; `--objects PATH` can stand for one".to_owned(),
        });
        Box::pin(async move {
            match need {
                Need::Image { reference } if answer.is_err() => {
                    let reference = reference.clone();
                    let ask = move |to: &Registries| {
                        to.may_ask(&reference)?;
                        to.outside.facts(&reference).map_err(|err| format!("{err:#}"))
                    };
                    self.ask(Work::Question, Err, ask).await
                }
                _ if answer.is_err() => match &self.cluster {
                    Some(cluster) => of_cluster(cluster, need).await,
                    None => answer,
                },
                _ => answer,
            }
        })
    }

    fn image<'a>(&'a self, need: &'a ImageNeed) -> Asked<'a, Answer> {
        let need = need.clone();
        let ask = move |to: &Registries| {
            let allowed = places(&need).into_iter().try_for_each(|place| to.may_ask(place));
            allowed.map_or_else(Answer::Unknown, |()| to.outside.answer(&need))
        };
        Box::pin(self.ask(Work::Question, Answer::Unknown, ask))
    }

    fn question<'a>(&'a self, question: &'a facts::Question) -> Asked<'a, facts::Answer> {
        let question = question.clone();
        // What an image holds is read, by parsers of hostile bytes.
        let work = match &question {
            facts::Question::Findings { from: facts::Origin::Scan | facts::Origin::Sbom(_), .. } => Work::Scan,
            _ => Work::Question,
        };
        let ask = move |to: &Registries| {
            if let Err(why) = to.may_ask(name_of(&question)) {
                return facts::Answer::Unknown(why);
            }
            let answer = Bench::new(&to.outside, &to.database).answer(&question);
            answer.unwrap_or_else(|err| facts::Answer::Unknown(format!("{err:#}")))
        };
        Box::pin(self.ask(work, facts::Answer::Unknown, ask))
    }

    fn trust_version(&self) -> String {
        let Some(registries) = &self.registries else { return String::new() };
        // What cannot be read now is not what it was: nothing that is kept counts, and who verifies says what is wrong.
        registries.outside.trust_version().unwrap_or_else(|err| format!("{}: {err:#}", crate::settings::now()))
    }
}

#[cfg(test)]
mod tests {
    use signet_policy::kyverno::verify_images::{Authority, Credentials, Layout, Signed};

    use super::*;
    use crate::evidence::tests::Stub;

    #[test]
    fn only_registries_that_are_named_are_asked() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let stub = Stub::start();
        let (digest, _) = stub.image("2026-01-01T00:00:00Z");
        let database = DatabaseArgs { db: None, skip_db_update: true, java_db: None };
        let files = |named: &str| {
            let registries = Registries {
                outside: stub.outside(),
                named: vec![canonical(named)],
                database: database.clone(),
                trust: String::new(),
            };
            let threads = Threads::new(runtime.handle().clone());
            let registries = Some(Arc::new(registries));
            Files { mocks: Mocks::default(), given: false, registries, cluster: None, threads }
        };
        let signed = |repository: &str| {
            ImageNeed::Signed(Box::new(Signed {
                reference: format!("{}@{digest}", stub.name()),
                layout: Layout::Cosign,
                authority: Authority::Key {
                    key: "no key".to_owned(),
                    algorithm: String::new(),
                    logs: Default::default(),
                },
                annotations: Vec::new(),
                repository: repository.to_owned(),
                predicate_type: None,
                credentials: Credentials::default(),
            }))
        };
        let ask = |files: &Files, need: &ImageNeed| match runtime.block_on(files.image(need)) {
            Answer::Unknown(why) => why,
            other => panic!("{other:?}"),
        };
        let not_asked = |host: &str| format!("the registry `{host}` is not asked: `--registry {host}` allows it");
        let (own, none) = (files(&stub.host), files("registry.example.com"));
        assert_eq!(ask(&none, &signed("")), not_asked(&stub.host));
        let question = facts::Question::Manifests { name: stub.name(), digest };
        let told = |files: &Files| runtime.block_on(files.question(&question));
        assert_eq!(told(&none), facts::Answer::Unknown(not_asked(&stub.host)));
        assert_eq!(stub.requests(), 0);
        assert!(matches!(told(&own), facts::Answer::Manifests(_)));
        // Signatures elsewhere: there it must be allowed too.
        assert_eq!(ask(&own, &signed("127.0.0.2:1/sigs")), not_asked("127.0.0.2:1"));
        assert!(!ask(&own, &signed("")).contains("is not asked"));
        assert!(!ask(&files("*"), &signed(&format!("{}/sigs", stub.host))).contains("is not asked"));
    }
}
