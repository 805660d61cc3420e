//! `signet serve admission --cluster` in a cluster: it installs itself, judges what the API server asks, and goes on while certificates change, the
//! leader dies, policies break and the API server is gone.
//!
//! The API server is a stand-in that asks the webhooks which are configured in it, over TLS with the authority that is configured there. No request is
//! answered wrongly, none without a reason.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use rustls::{ClientConnection, StreamOwned};
use rustls_pki_types::ServerName;
use serde_json::{Value, json};
use signet_admission::authority::{Authority, Change, Lifetimes};

use self::stub::{Stub, kind};
use crate::admission::{Connection, answer, pod, post, trusting};
use crate::harness::Room;

#[path = "../../../kube/tests/integration/stub/mod.rs"]
mod stub;

const OWN: &str = "signet-system";
const SERVICE: &str = "signet-admission.signet-system.svc";
const SECRET: &str = "signet-admission-tls";
const VALIDATING: &str = "validatingwebhookconfigurations";

/// A policy that refuses a tag.
fn refuses(name: &str, tag: &str) -> Value {
    json!({
        "apiVersion": "kyverno.io/v1", "kind": "ClusterPolicy", "metadata": {"name": name},
        "spec": {"validationFailureAction": "Enforce", "rules": [{
            "name": "tag", "match": {"any": [{"resources": {"kinds": ["Pod"]}}]},
            "validate": {"message": format!("an image has the tag {tag}"),
                "pattern": {"spec": {"containers": [{"image": format!("!*:{tag}")}]}}},
        }]},
    })
}

/// A cluster with three namespaces and the kinds of Kyverno.
fn cluster(stub: Stub) -> Stub {
    for name in [OWN, "shop", "kube-system"] {
        stub.put("namespaces", json!({"metadata": {"name": name}}));
    }
    stub.install(kind("kyverno.io", "v1", "clusterpolicies", "ClusterPolicy", false));
    stub.install(kind("kyverno.io", "v2", "policyexceptions", "PolicyException", true));
    stub
}

/// One process of the webhook.
struct Replica {
    process: Child,
    address: SocketAddr,
    said: Arc<Mutex<Vec<String>>>,
}

impl Drop for Replica {
    fn drop(&mut self) {
        let _killed = self.process.kill();
        let _ended = self.process.wait();
        // Seen where a test fails.
        eprintln!("--- a replica said\n{}", self.said.lock().join("\n"));
    }
}

impl Replica {
    fn start(room: &Room, more: &str) -> Replica {
        let line = format!("serve admission --cluster --kubeconfig config --listen 127.0.0.1:0 --drain 1 {more}");
        let mut process = room.command(&line).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let errors = BufReader::new(process.stderr.take().unwrap());
        let said: Arc<Mutex<Vec<String>>> = Arc::default();
        let (own, (tell, told)) = (Arc::clone(&said), std::sync::mpsc::channel());
        std::thread::spawn(move || {
            for line in errors.lines().map_while(Result::ok) {
                if let Some(rest) = line.strip_prefix("listening on https://") {
                    let _told = tell.send(rest.split(',').next().unwrap_or_default().parse::<SocketAddr>());
                }
                own.lock().push(line);
            }
        });
        let address = told.recv_timeout(Duration::from_secs(30));
        let address = address.unwrap_or_else(|_| panic!("it does not listen: {:?}", said.lock())).unwrap();
        Replica { process, address, said }
    }

    fn has_said(&self, what: &str) -> bool {
        self.said.lock().iter().any(|line| line.contains(what))
    }

    fn signal(&mut self, name: &str) {
        assert!(Command::new("kill").args([name, &self.process.id().to_string()]).status().unwrap().success());
        self.process.wait().unwrap();
    }

    fn connect(&self, bundle: &str) -> Connection {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let name = ServerName::try_from(SERVICE).unwrap();
        StreamOwned::new(ClientConnection::new(trusting(bundle), name).unwrap(), stream)
    }

    fn get(&self, bundle: &str, path: &str) -> (u16, String) {
        let mut stream = self.connect(bundle);
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {SERVICE}\r\n\r\n").unwrap();
        let (status, body) = answer(&mut stream);
        (status, String::from_utf8(body).unwrap())
    }

    fn metric(&self, bundle: &str, name: &str) -> f64 {
        let (_, text) = self.get(bundle, "/metrics");
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).map(str::to_owned);
        line.unwrap_or_else(|| panic!("no `{name}` in\n{text}")).parse().unwrap()
    }

    /// Whether a Pod with this image passes, asked without an API server between.
    fn admits(&self, bundle: &str, image: &str) -> bool {
        let mut stream = self.connect(bundle);
        post(&mut stream, "/validate", pod(image).to_string().as_bytes());
        let (status, body) = answer(&mut stream);
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
        serde_json::from_slice::<Value>(&body).unwrap()["response"]["allowed"] == true
    }
}

/// Puts replicas behind the service.
fn serve(stub: &Stub, replicas: &[&Replica]) {
    let addresses = replicas.iter().map(|replica| replica.address).collect();
    stub.manner(|manner| {
        manner.services.insert(format!("{OWN}/signet-admission"), addresses);
    });
}

fn is_installed(stub: &Stub) -> bool {
    ["mutatingwebhookconfigurations", VALIDATING]
        .iter()
        .all(|plural| stub.object(plural, "", "signet-admission").is_some())
}

/// What lies in the Secret.
fn secret(stub: &Stub, key: &str) -> String {
    let found = stub.object("secrets", OWN, SECRET).unwrap_or_default();
    let bytes = STANDARD.decode(found["data"][key].as_str().unwrap_or_default()).unwrap();
    String::from_utf8(bytes).unwrap()
}

fn holder(stub: &Stub) -> String {
    let lease = stub.object("leases", OWN, "signet-admission").unwrap_or_default();
    lease["spec"]["holderIdentity"].as_str().unwrap_or_default().to_owned()
}

#[track_caller]
fn refused(stub: &Stub, name: &str, image: &str, why: &str) {
    let said = stub.pod("shop", name, image).unwrap_err();
    assert!(said.contains(why), "{said}");
}

#[track_caller]
fn no_trouble(stub: &Stub) {
    assert_eq!(stub.troubles(), Vec::<String>::new());
}

#[test]
fn it_installs_itself_judges_and_goes_with_the_last_policy() {
    let now = Timestamp::now();
    let authority = Authority::new(&["127.0.0.1".to_owned()], now, Lifetimes::default()).unwrap();
    let stub = cluster(Stub::with_tls(&authority.chain(), &authority.key()));
    stub.manner(|manner| manner.tokens = vec!["t0k3n".into()]);
    let room = Room::new();
    room.file("config", &stub.kubeconfig("t0k3n", Some(&authority.bundle())));
    let mut replica = Replica::start(&room, "");
    serve(&stub, &[&replica]);
    // Without a policy nobody is asked.
    stub.until("a certificate is made", |stub| stub.object("secrets", OWN, SECRET).is_some());
    stub.until("it leads", |_| replica.has_said("this replica leads"));
    assert!(!is_installed(&stub));
    stub.put("clusterpolicies", refuses("no-latest", "latest"));
    stub.until("it is installed", is_installed);
    refused(&stub, "a", "nginx:latest", "an image has the tag latest");
    assert!(stub.pod("shop", "b", "nginx:1").is_ok());
    let webhook = stub.object(VALIDATING, "", "signet-admission").unwrap()["webhooks"][0].clone();
    let rules = webhook["rules"].to_string();
    assert!(rules.contains("pods/ephemeralcontainers") && rules.contains("deployments"), "{rules}");
    assert!(!rules.contains("configmaps") && !rules.contains("leases"), "{rules}");
    // Where it must not be in the way, and where somebody wants it not to be.
    assert!(stub.pod("kube-system", "c", "nginx:latest").is_ok());
    assert!(stub.pod(OWN, "d", "nginx:latest").is_ok());
    stub.put("namespaces", json!({"metadata": {"name": "free", "labels": {"admission.signet.dev/ignore": "true"}}}));
    assert!(stub.pod("free", "e", "nginx:latest").is_ok());
    // Who changes the configuration finds it changed back.
    let mut loose = stub.object(VALIDATING, "", "signet-admission").unwrap();
    loose["webhooks"][0]["failurePolicy"] = json!("Ignore");
    stub.put(VALIDATING, loose);
    stub.until("it is as it was", |stub| {
        stub.object(VALIDATING, "", "signet-admission").unwrap()["webhooks"][0]["failurePolicy"] == "Fail"
    });
    stub.remove("clusterpolicies", "", "no-latest");
    stub.until("it goes with the last policy", |stub| {
        stub.object(VALIDATING, "", "signet-admission").is_none()
            && stub.object("mutatingwebhookconfigurations", "", "signet-admission").is_none()
    });
    assert!(stub.pod("shop", "f", "nginx:latest").is_ok());
    stub.put("clusterpolicies", refuses("no-latest", "latest"));
    stub.until("it comes again", is_installed);
    no_trouble(&stub);
    // Everything that was asked is a right that the manifests give.
    for ask in stub.asked() {
        let name = Some(ask.name.as_str()).filter(|name| !name.is_empty());
        let allowed = signet_kube::rights::allows(ask.verb, &ask.group, &ask.resource, name, ask.namespace == OWN);
        assert!(allowed, "{ask:?} is no right");
    }
    // Given back, and taken away.
    replica.signal("-TERM");
    assert_eq!(holder(&stub), "");
    assert!(is_installed(&stub), "other replicas would be asked");
    room.check("serve admission --cluster --kubeconfig config --uninstall", 0, &["2 webhook configurations"]);
    assert!(!is_installed(&stub));
    let owner = &webhook["clientConfig"]["service"];
    assert_eq!((&owner["namespace"], &owner["port"]), (&json!(OWN), &json!(443)));
}

#[test]
fn certificates_and_their_authority_change_while_requests_run() {
    let stub = cluster(Stub::start());
    stub.put("clusterpolicies", refuses("no-latest", "latest"));
    // An authority whose successor has been in the bundle for a day, less some seconds.
    let now = Timestamp::now();
    let days = |days: i64| SignedDuration::from_hours(24 * days);
    let names: Vec<String> = [
        SERVICE,
        "signet-admission.signet-system.svc.cluster.local",
        "signet-admission.signet-system",
        "localhost",
        "127.0.0.1",
        "::1",
    ]
    .map(str::to_owned)
    .to_vec();
    let mut authority = Authority::new(&names, now - days(246), Lifetimes::default()).unwrap();
    let changes = authority.step(&names, now - days(1) + SignedDuration::from_secs(20)).unwrap();
    assert!(changes.contains(&Change::NextAuthority) && !changes.contains(&Change::AuthorityInUse), "{changes:?}");
    let data = [
        ("tls.crt", authority.chain().into_bytes()),
        ("tls.key", authority.key().as_bytes().to_vec()),
        ("ca.crt", authority.bundle().into_bytes()),
        ("authority.json", authority.to_bytes().to_vec()),
    ];
    let data: Value = data.into_iter().map(|(key, bytes)| (key.to_owned(), json!(STANDARD.encode(bytes)))).collect();
    stub.put("secrets", json!({"metadata": {"name": SECRET, "namespace": OWN}, "data": data}));
    let before = secret(&stub, "tls.crt");
    let room = Room::new();
    room.file("config", &stub.kubeconfig("t", None));
    let (one, two) = (Replica::start(&room, ""), Replica::start(&room, ""));
    stub.until("it is installed", is_installed);
    stub.until("both are ready", |_| [&one, &two].iter().all(|replica| replica.has_said("policies in use")));
    let (stop, asked) = (AtomicBool::new(false), Mutex::new(0_u32));
    std::thread::scope(|scope| {
        for thread in 0..2 {
            let (stub, stop, asked, one, two) = (&stub, &stop, &asked, &one, &two);
            scope.spawn(move || {
                let mut number = 0;
                while !stop.load(Ordering::Acquire) {
                    number += 1;
                    // Each replica is asked, not always the first.
                    let order = if number % 2 == 0 { [one, two] } else { [two, one] };
                    serve(stub, &order);
                    assert!(stub.pod("shop", &format!("good-{thread}-{number}"), "nginx:1").is_ok());
                    refused(stub, &format!("bad-{thread}-{number}"), "nginx:latest", "an image has the tag latest");
                    *asked.lock() += 2;
                    std::thread::sleep(Duration::from_millis(20));
                }
            });
        }
        let changed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            stub.until("the other authority signs", |stub| secret(stub, "tls.crt") != before);
            stub.until("both show it", |_| {
                [&one, &two].iter().all(|replica| {
                    replica.said.lock().iter().filter(|line| line.contains("another certificate is shown")).count() >= 2
                })
            });
            std::thread::sleep(Duration::from_secs(1));
        }));
        stop.store(true, Ordering::Release);
        changed.unwrap();
    });
    no_trouble(&stub);
    assert!(*asked.lock() > 50, "{} requests", asked.lock());
    // The old authority is trusted until it ends.
    assert_eq!(secret(&stub, "ca.crt").matches("BEGIN CERTIFICATE").count(), 2);
}

#[test]
fn another_replica_leads_when_the_leader_dies_and_requests_are_answered_meanwhile() {
    let stub = cluster(Stub::start());
    stub.put("clusterpolicies", refuses("no-latest", "latest"));
    let room = Room::new();
    room.file("config", &stub.kubeconfig("t", None));
    let mut one = Replica::start(&room, "");
    stub.until("one leads", |_| one.has_said("this replica leads"));
    let two = Replica::start(&room, "");
    // Until it shows the certificate of the Secret it is no endpoint.
    stub.until("two is ready", |_| two.has_said("policies in use"));
    assert_eq!(two.get(&secret(&stub, "ca.crt"), "/readyz").0, 200);
    serve(&stub, &[&one, &two]);
    stub.until("it is installed", is_installed);
    let first = holder(&stub);
    assert!(!two.has_said("this replica leads"));
    // It dies without a word.
    one.signal("-KILL");
    let mut number = 0;
    let begun = Instant::now();
    while holder(&stub) == first {
        number += 1;
        assert!(begun.elapsed() < Duration::from_secs(40), "nobody takes over");
        assert!(stub.pod("shop", &format!("good-{number}"), "nginx:1").is_ok());
        refused(&stub, &format!("bad-{number}"), "nginx:latest", "an image has the tag latest");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(begun.elapsed() > Duration::from_secs(8), "the Lease was not waited for: {:?}", begun.elapsed());
    stub.until("two leads", |_| two.has_said("this replica leads"));
    // Its work goes on: what is asked about follows the policies.
    let mut services = refuses("services", "x");
    services["spec"]["rules"][0]["match"] = json!({"any": [{"resources": {"kinds": ["ConfigMap"]}}]});
    stub.put("clusterpolicies", services);
    stub.until("the rules follow", |stub| {
        stub.object(VALIDATING, "", "signet-admission").unwrap()["webhooks"][0]["rules"]
            .to_string()
            .contains("configmaps")
    });
    no_trouble(&stub);
}

#[test]
fn policies_change_and_break_and_none_is_silently_absent() {
    let stub = cluster(Stub::start());
    stub.put("clusterpolicies", refuses("tags", "latest"));
    let room = Room::new();
    room.file("config", &stub.kubeconfig("t", None));
    let replica = Replica::start(&room, "");
    serve(&stub, &[&replica]);
    stub.until("it is installed", is_installed);
    refused(&stub, "a", "nginx:latest", "an image has the tag latest");
    let passes =
        |stub: &Stub, image: &str| stub.pod("shop", &format!("p-{}", Timestamp::now().as_nanosecond()), image).is_ok();
    stub.put("clusterpolicies", refuses("tags", "old"));
    stub.until("the change is in force", |stub| passes(stub, "nginx:latest"));
    refused(&stub, "b", "nginx:old", "an image has the tag old");
    // It breaks: as it was before, it stays.
    let broken = |name: &str, action: &str| {
        let mut policy = refuses(name, "older");
        policy["spec"]["validationFailureAction"] = json!(action);
        policy["spec"]["rules"][0]["validate"]["patern"] = policy["spec"]["rules"][0]["validate"]["pattern"].take();
        policy["spec"]["rules"][0]["validate"].as_object_mut().unwrap().remove("pattern");
        policy
    };
    stub.put("clusterpolicies", broken("tags", "Enforce"));
    stub.until("it is said", |_| replica.has_said("`ClusterPolicy.kyverno.io/tags` does not load"));
    refused(&stub, "c", "nginx:old", "an image has the tag old");
    assert!(passes(&stub, "nginx:1"));
    // One that only reports is reported; one that would refuse does, with the reason.
    stub.put("clusterpolicies", broken("audit", "Audit"));
    stub.until("it is said", |_| replica.has_said("`ClusterPolicy.kyverno.io/audit` does not load"));
    assert!(passes(&stub, "nginx:1"));
    stub.put("clusterpolicies", broken("new", "Enforce"));
    stub.until("it refuses", |stub| !passes(stub, "nginx:1"));
    refused(&stub, "d", "nginx:1", "new:\n  ClusterPolicy: the policy does not load");
    let bundle = secret(&stub, "ca.crt");
    assert_eq!(replica.metric(&bundle, "signet_admission_policies_not_loading"), 3.0);
    assert_eq!(replica.metric(&bundle, "signet_admission_policies_kept"), 1.0);
    stub.put("clusterpolicies", refuses("new", "older"));
    stub.until("it is mended", |stub| passes(stub, "nginx:1"));
    // An exception of a namespace that nobody named excepts nothing (CVE-2024-48921).
    stub.put(
        "policyexceptions",
        json!({
            "metadata": {"name": "mine", "namespace": "shop"},
            "spec": {"exceptions": [{"policyName": "new", "ruleNames": ["tag"]}],
                "match": {"any": [{"resources": {"kinds": ["Pod"]}}]}},
        }),
    );
    stub.until("it is said", |_| replica.has_said("`--exception-namespace NAMESPACE` says whose do"));
    refused(&stub, "e", "nginx:older", "an image has the tag older");
    no_trouble(&stub);
}

#[test]
fn the_last_policies_go_on_while_the_api_server_is_gone() {
    let stub = cluster(Stub::start());
    let mut policy = refuses("tags", "latest");
    policy["spec"]["rules"][0]["match"]["any"][0]["resources"]["namespaceSelector"] =
        json!({"matchLabels": {"team": "shop"}});
    stub.put("clusterpolicies", policy);
    stub.put("namespaces", json!({"metadata": {"name": "shop", "labels": {"team": "shop"}}}));
    let room = Room::new();
    room.file("config", &stub.kubeconfig("t", None));
    let replica = Replica::start(&room, "");
    serve(&stub, &[&replica]);
    stub.until("it is installed", is_installed);
    refused(&stub, "a", "nginx:latest", "an image has the tag latest");
    let bundle = secret(&stub, "ca.crt");
    let connected = |wanted: f64| {
        stub.until("metrics say so", |_| replica.metric(&bundle, "signet_admission_cluster_connected") == wanted);
    };
    connected(1.0);
    assert_eq!(replica.metric(&bundle, "signet_admission_leader"), 1.0);
    stub.manner(|manner| manner.gone = true);
    connected(0.0);
    stub.until("it leads no more", |_| replica.metric(&bundle, "signet_admission_leader") == 0.0);
    assert_eq!(replica.get(&bundle, "/readyz").0, 200);
    assert!(!replica.admits(&bundle, "nginx:latest"), "the label of the namespace is known");
    assert!(replica.admits(&bundle, "nginx:1"));
    // One that begins now knows nothing, and lets nothing pass.
    let late = Replica::start(&room, "--ca-dir own");
    let own = room.read("own/ca.crt");
    let mut stream = {
        let stream = TcpStream::connect(late.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        StreamOwned::new(
            ClientConnection::new(trusting(&own), ServerName::try_from("localhost").unwrap()).unwrap(),
            stream,
        )
    };
    post(&mut stream, "/validate", pod("nginx:1").to_string().as_bytes());
    let (status, said) = answer(&mut stream);
    assert_eq!((status, String::from_utf8(said).unwrap().as_str()), (503, "no policies are loaded yet: ask again\n"));
    drop(late);
    stub.manner(|manner| manner.gone = false);
    connected(1.0);
    // What the namespace is now is known again.
    stub.put("namespaces", json!({"metadata": {"name": "shop", "labels": {"team": "other"}}}));
    stub.until("the label counts", |stub| {
        stub.pod("shop", &format!("p-{}", Timestamp::now().as_nanosecond()), "nginx:latest").is_ok()
    });
    no_trouble(&stub);
}

#[test]
fn what_cannot_be_is_told_when_it_begins() {
    let room = Room::new();
    room.check("serve admission --cluster --kubeconfig nowhere", 1, &["cannot read `nowhere`"]);
    room.check("--offline serve admission --cluster", 2, &["asks an API server"]);
    room.check("serve admission --cluster", 1, &["no cluster is known", "--kubeconfig FILE"]);
    room.check("serve admission --kubeconfig x", 2, &["--cluster"]);
}

/// What is there is reported on, and requests that were refused leave events; with other policies the reports are others.
#[test]
fn reports_and_events_are_written_by_rights_of_their_own() {
    let stub = cluster(Stub::start());
    stub.put("namespaces", json!({"metadata": {"name": "default"}}));
    stub.install(kind("wgpolicyk8s.io", "v1alpha2", "policyreports", "PolicyReport", true));
    stub.install(kind("wgpolicyk8s.io", "v1alpha2", "clusterpolicyreports", "ClusterPolicyReport", false));
    stub.install(kind("", "v1", "events", "Event", true));
    // What ran before anybody asked.
    let put = |namespace: &str, name: &str, image: &str| {
        let object = json!({
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"containers": [{"name": "app", "image": image}]},
        });
        stub.put("pods", object)["metadata"]["uid"].as_str().unwrap().to_owned()
    };
    let (bad, good) = (put("shop", "bad", "nginx:latest"), put("shop", "good", "nginx:1"));
    let system = put("kube-system", "dns", "nginx:latest");
    let room = Room::new();
    room.file("config", &stub.kubeconfig("t0k3n", None));
    let replica = Replica::start(&room, "--reports policyreports --events");
    serve(&stub, &[&replica]);
    stub.put("clusterpolicies", refuses("no-latest", "latest"));
    stub.until("what is there is reported on", |stub| {
        stub.object("policyreports", "shop", &bad).is_some() && stub.object("policyreports", "shop", &good).is_some()
    });
    let report = stub.object("policyreports", "shop", &bad).unwrap();
    assert_eq!((&report["summary"]["fail"], &report["scope"]["name"]), (&json!(1), &json!("bad")), "{report:#}");
    assert_eq!(report["results"][0]["properties"]["consequence"], "denies");
    assert_eq!(report["metadata"]["ownerReferences"][0]["uid"], bad.as_str());
    assert_eq!(stub.object("policyreports", "shop", &good).unwrap()["summary"]["pass"], 1);
    assert_eq!(stub.object("policyreports", "kube-system", &system), None);
    // A request that is refused is told on the policy.
    stub.until("it is installed", is_installed);
    refused(&stub, "c", "nginx:latest", "an image has the tag latest");
    let events = |stub: &Stub| {
        let (_, list) = stub.request("GET", "/api/v1/namespaces/default/events", &Value::Null);
        list["items"].as_array().cloned().unwrap_or_default()
    };
    stub.until("an event is there", |stub| !events(stub).is_empty());
    let event = events(&stub).remove(0);
    assert_eq!((&event["reason"], &event["involvedObject"]["name"]), (&json!("PolicyViolation"), &json!("no-latest")));
    assert!(event["message"].as_str().unwrap().contains("Pod shop/c: [tag] fail (blocked)"), "{event:#}");
    // Another policy: a scan begins at once, and reports that nobody stands behind are taken away.
    stub.put("clusterpolicies", refuses("no-one", "1"));
    stub.until("the other policy is reported on", |stub| {
        stub.object("policyreports", "shop", &good).is_some_and(|report| report["summary"]["fail"] == 1)
    });
    stub.remove("clusterpolicies", "", "no-one");
    stub.remove("clusterpolicies", "", "no-latest");
    stub.until("the reports go with the policies", |stub| {
        stub.object("policyreports", "shop", &good).is_none() && stub.object("policyreports", "shop", &bad).is_none()
    });
    no_trouble(&stub);
    for ask in stub.asked() {
        let name = Some(ask.name.as_str()).filter(|name| !name.is_empty());
        let own = ask.namespace == OWN;
        let allowed = signet_kube::rights::allows_reporting(ask.verb, &ask.group, &ask.resource, name, own);
        assert!(allowed, "{ask:?} is no right");
    }
}
