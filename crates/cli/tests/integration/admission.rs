//! `signet serve admission` as an API server, an operator and a dashboard meet it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use serde_json::{Value, json};

use crate::harness::Room;

const LATEST: &str = r#"apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: no-latest}
spec:
  validationFailureAction: Enforce
  rules:
    - name: tag
      match: {any: [{resources: {kinds: [Pod]}}]}
      validate:
        message: "an image has the tag latest"
        pattern: {spec: {containers: [{image: "!*:latest"}]}}
"#;

const LABEL: &str = r#"apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: label}
spec:
  rules:
    - name: add
      match: {any: [{resources: {kinds: [Pod]}}]}
      mutate: {patchStrategicMerge: {metadata: {labels: {+(team): shop}}}}
"#;

/// A running server; it ends with this.
pub(crate) struct Server {
    process: Child,
    output: Option<BufReader<ChildStdout>>,
    address: String,
    config: Arc<ClientConfig>,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _killed = self.process.kill();
        let _ended = self.process.wait();
    }
}

pub(crate) type Connection = StreamOwned<ClientConnection, TcpStream>;

pub(crate) fn trusting(bundle: &str) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(bundle.as_bytes()) {
        roots.add(certificate.unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Arc::new(config.with_root_certificates(roots).with_no_client_auth())
}

impl Server {
    pub(crate) fn start(room: &Room, line: &str) -> Server {
        Server::of(room.command(&format!("serve admission --dev --listen 127.0.0.1:0 -o json {line}")))
    }

    /// The server that a command begins; it shows what it does as JSON.
    pub(crate) fn of(mut command: Command) -> Server {
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let mut first = String::new();
        output.read_line(&mut first).unwrap();
        let first: Value = serde_json::from_str(&first).unwrap_or_else(|err| panic!("{err}: {first}"));
        let address = first["listening"].as_str().unwrap().strip_prefix("https://").unwrap().to_owned();
        let config = trusting(first["ca"].as_str().unwrap());
        Server { process, output: Some(output), address, config }
    }

    /// One whose reviews nobody looks at: what it shows is read all the same, so that it is not held up.
    pub(crate) fn unseen(room: &Room, line: &str) -> Server {
        let mut server = Server::start(room, line);
        let output = server.output.take();
        std::thread::spawn(move || output.map(|mut output| std::io::copy(&mut output, &mut std::io::sink())));
        server
    }

    fn connect(&self) -> Connection {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.set_nodelay(true).unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        StreamOwned::new(ClientConnection::new(Arc::clone(&self.config), name).unwrap(), stream)
    }

    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        let mut stream = self.connect();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        let (status, body) = answer(&mut stream);
        (status, String::from_utf8(body).unwrap())
    }

    pub(crate) fn metric(&self, name: &str) -> u64 {
        let (_, text) = self.get("/metrics");
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).map(str::to_owned);
        line.unwrap_or_else(|| panic!("no `{name}` in\n{text}")).parse().unwrap()
    }

    /// Status and body of a review's answer.
    pub(crate) fn post(&self, path: &str, review: &Value) -> (u16, Vec<u8>) {
        let mut stream = self.connect();
        post(&mut stream, path, review.to_string().as_bytes());
        answer(&mut stream)
    }

    /// The `response` to a review.
    pub(crate) fn review(&self, path: &str, review: &Value) -> Value {
        let (status, body) = self.post(path, review);
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
        serde_json::from_slice::<Value>(&body).unwrap()["response"].clone()
    }

    /// Waits until a counter has a value; files are looked at every two seconds.
    pub(crate) fn until(&self, metric: &str, value: u64) {
        let begun = Instant::now();
        while self.metric(metric) != value {
            assert!(begun.elapsed() < Duration::from_secs(30), "`{metric}` never was {value}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Bytes of memory in use.
    fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.split_whitespace().next().unwrap().parse::<u64>().unwrap() * 1024
    }
}

pub(crate) fn post(stream: &mut Connection, path: &str, body: &[u8]) {
    let mut request = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(body);
    stream.write_all(&request).unwrap();
}

pub(crate) fn answer(stream: &mut Connection) -> (u16, Vec<u8>) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ").map(str::to_owned));
    let mut body = vec![0; length.unwrap().parse().unwrap()];
    stream.read_exact(&mut body).unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body)
}

pub(crate) fn pod(image: &str) -> Value {
    json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": "705ab4f5",
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "name": "web", "namespace": "shop", "operation": "CREATE",
            "userInfo": {"username": "anna"},
            "object": {
                "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "shop"},
                "spec": {"containers": [{"name": "app", "image": image}]},
            },
            "oldObject": null, "dryRun": false,
        },
    })
}

#[test]
fn reviews_are_judged_and_shown() {
    let room = Room::new();
    room.file("policies/latest.yaml", LATEST);
    room.file("policies/label.yaml", LABEL);
    room.file("policies/notes.txt", "no policy");
    let mut server = Server::start(&room, "--policy policies --ca-file ca.pem");
    assert!(room.read("ca.pem").starts_with("-----BEGIN CERTIFICATE-----"));
    assert_eq!(server.get("/readyz"), (200, "ok\n".to_owned()));
    let denied = server.review("/validate?timeout=10s", &pod("nginx:latest"));
    assert_eq!((&denied["allowed"], &denied["uid"]), (&json!(false), &json!("705ab4f5")));
    let message = denied["status"]["message"].as_str().unwrap();
    assert!(message.contains("no-latest:\n  tag: ") && message.contains("an image has the tag latest"), "{message}");
    let mut line = String::new();
    server.output.as_mut().unwrap().read_line(&mut line).unwrap();
    let shown: Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&shown["decision"], &shown["resource"]), (&json!("denied"), &json!("Pod/shop/web")));
    assert_eq!(shown["images"][0]["reference"], "docker.io/library/nginx:latest");
    assert_eq!(shown["reasons"][0]["file"], "policies/latest.yaml");
    let allowed = server.review("/validate", &pod("nginx:1"));
    assert_eq!(allowed["allowed"], true);
    let changed = server.review("/mutate", &pod("nginx:1"));
    assert_eq!((&changed["allowed"], &changed["patchType"]), (&json!(true), &json!("JSONPatch")));
    assert_eq!(server.metric("signet_admission_policies"), 2);
}

#[test]
fn policies_are_read_again_and_those_of_before_stay_if_they_are_none() {
    let room = Room::new();
    room.file("policies/latest.yaml", LATEST);
    let server = Server::start(&room, "--policy policies");
    let allowed = |image: &str| server.review("/validate", &pod(image))["allowed"].clone();
    assert_eq!(allowed("nginx:latest"), false);
    room.file("policies/latest.yaml", &LATEST.replace("pattern:", "patern:"));
    server.until("signet_admission_policy_load_failures_total", 1);
    assert_eq!(allowed("nginx:latest"), false);
    room.file("policies/latest.yaml", &LATEST.replace("!*:latest", "!*:1 | *:3"));
    server.until("signet_admission_policy_loads_total", 2);
    assert_eq!(allowed("nginx:latest"), true);
    // No policy any more is no policy that allows everything.
    std::fs::remove_file(room.path("policies/latest.yaml")).unwrap();
    server.until("signet_admission_policy_load_failures_total", 2);
    assert_eq!(allowed("nginx:1"), false);
}

#[test]
fn objects_of_files_stand_for_the_cluster() {
    let selected = LATEST.replace("kinds: [Pod]", "kinds: [Pod], namespaceSelector: {matchLabels: {team: shop}}");
    let namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {team: TEAM}}\n";
    for (team, allowed) in [("shop", false), ("other", true)] {
        let room = Room::new();
        room.file("policy.yaml", &selected);
        room.file("objects.yaml", &namespace.replace("TEAM", team));
        let server = Server::start(&room, "--policy policy.yaml --objects objects.yaml");
        assert_eq!(server.review("/validate", &pod("nginx:latest"))["allowed"], allowed, "{team}");
    }
    let room = Room::new();
    room.file("policy.yaml", &selected);
    let server = Server::start(&room, "--policy policy.yaml");
    let denied = server.review("/validate", &pod("nginx:latest"));
    let message = denied["status"]["message"].as_str().unwrap();
    assert!(message.contains("Namespace `*/shop` must be known and is not"), "{message}");
    assert!(message.contains("this server asks no cluster"), "{message}");
}

#[test]
fn a_signal_ends_it_in_good_order() {
    let room = Room::new();
    room.file("policy.yaml", LATEST);
    let mut server = Server::start(&room, "--policy policy.yaml");
    assert_eq!(server.review("/validate", &pod("nginx:1"))["allowed"], true);
    let killed = Command::new("kill").args(["-TERM", &server.process.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let begun = Instant::now();
    let status = server.process.wait().unwrap();
    assert_eq!(status.code(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert!(TcpStream::connect(&server.address).is_err());
}

#[test]
fn certificates_of_a_directory_are_taken_into_use_when_they_change() {
    let room = Room::new();
    room.file("policy.yaml", LATEST);
    // Two authorities of our own give the pairs.
    let pair = |name: &str| {
        let server = Server::start(&room, &format!("--policy policy.yaml --ca-dir {name}"));
        drop(server);
        let state: Value = room.json(&format!("{name}/authority.json"));
        let pem = |label: &str, der: &str| format!("-----BEGIN {label}-----\n{der}\n-----END {label}-----\n");
        let of = |key: &str| state["server"][key].as_str().unwrap().to_owned();
        let (chain, key) = (pem("CERTIFICATE", &of("der")), pem("PRIVATE KEY", &of("key")));
        (chain, key, room.read(&format!("{name}/ca.crt")))
    };
    let (first, second) = (pair("one"), pair("two"));
    let write = |pair: &(String, String, String)| {
        room.file("tls/tls.crt", &pair.0);
        room.file("tls/tls.key", &pair.1);
        room.file("tls/ca.crt", &pair.2);
    };
    write(&first);
    let mut server = Server::start(&room, "--policy policy.yaml --tls-dir tls");
    let mut old = server.connect();
    post(&mut old, "/validate", pod("nginx:1").to_string().as_bytes());
    assert_eq!(answer(&mut old).0, 200);
    // Half of the pair is no pair: the one of before stays.
    room.file("tls/tls.crt", &second.0);
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(server.get("/healthz").0, 200);
    write(&second);
    let both = trusting(&format!("{}{}", first.2, second.2));
    server.config = both;
    server.until("signet_admission_certificate_swaps_total", 1);
    server.config = trusting(&second.2);
    assert_eq!(server.get("/healthz").0, 200);
    // Who was connected goes on.
    post(&mut old, "/validate", pod("nginx:1").to_string().as_bytes());
    assert_eq!(answer(&mut old).0, 200);
}

#[test]
fn what_cannot_be_served_is_said() {
    let room = Room::new();
    room.file("policy.yaml", LATEST);
    room.file("other.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n");
    room.file("broken.yaml", &LATEST.replace("pattern:", "patern:"));
    room.file("trust.yaml", "apiVersion: signet.dev/v2\nkind: Unknown\nmetadata: {name: a}\nspec: {}\n");
    room.check("serve admission --policy policy.yaml", 2, &["no certificate: give `--tls-dir DIR`"]);
    room.check("serve admission --dev --policy other.yaml", 1, &["there is no policy in `other.yaml`"]);
    room.check("serve admission --dev --policy broken.yaml", 1, &["cannot load `broken.yaml`", "patern"]);
    room.check("serve admission --dev --policy trust.yaml", 1, &["`Unknown` of `signet.dev/v2`"]);
    room.check("serve admission --dev --policy nowhere", 1, &["cannot read `nowhere`"]);
    room.check("serve admission --tls-dir nowhere --policy policy.yaml", 1, &["cannot read `nowhere/tls.crt`"]);
    room.check("serve admission --dev --name 'a b' --policy policy.yaml", 2, &["`a b` is no DNS name"]);
    room.check("serve admission --dev --listen 203.0.113.7:1 --policy policy.yaml", 1, &["cannot listen on"]);
}

/// Requests are kept as they were stored, without secrets, and another policy is tried on them.
#[test]
fn a_policy_is_tried_on_recorded_requests() {
    use std::os::unix::fs::PermissionsExt as _;
    let room = Room::new();
    room.file("policies/latest.yaml", &LATEST.replace("Enforce", "Audit"));
    let server = Server::start(&room, "--policy policies --record requests.jsonl");
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "web", "namespace": "shop"}, "data": {"key": "aHVudGVyMg=="},
    });
    let mut of_secret = pod("nginx:1");
    of_secret["request"]["kind"]["kind"] = json!("Secret");
    of_secret["request"]["object"] = secret;
    let mut tried = pod("nginx:latest");
    tried["request"]["dryRun"] = json!(true);
    for review in [&pod("nginx:latest"), &pod("nginx:1"), &pod("nginx:latest"), &of_secret, &tried] {
        server.review("/mutate", review);
        assert_eq!(server.review("/validate", review)["allowed"], true);
    }
    server.until("signet_admission_records_total{result=\"kept\"}", 4);
    let begun = Instant::now();
    while room.read("requests.jsonl").lines().count() < 4 {
        assert!(begun.elapsed() < Duration::from_secs(30), "the lines never came");
        std::thread::sleep(Duration::from_millis(50));
    }
    let text = room.read("requests.jsonl");
    assert!(text.lines().count() == 4 && !text.contains("aHVudGVyMg"), "{text}");
    let mode = std::fs::metadata(room.path("requests.jsonl")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    // As it is, it would have refused nothing; enforced, two that were admitted.
    room.check("--offline policy apply policies --requests requests.jsonl", 0, &["4 requests: 0 would be refused"]);
    let run = room.check(
        "--offline policy apply policies --requests requests.jsonl --as-enforced",
        10,
        &[
            "4 requests: 2 would be refused, 2 of them were admitted, by 1 policies",
            "ADMITTED THEN",
            "CREATE Pod/shop/web: ",
        ],
    );
    let row: Vec<&str> = run.out.lines().nth(1).unwrap().split_whitespace().take(6).collect();
    assert_eq!(row, ["no-latest", "tag", "shop", "anna", "2", "2"], "{run}");
    let report = room.check("--offline policy apply policies --requests requests.jsonl --as-enforced -o json", 10, &[]);
    let report: Value = serde_json::from_str(&report.out).unwrap();
    assert_eq!((&report["requests"], &report["refused"], &report["admittedThen"]), (&json!(4), &json!(2), &json!(2)));
    assert_eq!(report["rows"][0]["first"]["request"], "CREATE Pod/shop/web");
    // A rule about what was not recorded is said to be one.
    room.file(
        "secret.yaml",
        &LATEST
            .replace("kinds: [Pod]", "kinds: [Secret]")
            .replace("{spec: {containers: [{image: \"!*:latest\"}]}}", "{data: {key: \"aHVudGVyMg==\"}}"),
    );
    room.check("--offline policy apply secret.yaml --requests requests.jsonl", 10, &["secrets were not recorded"]);
    // Reviews of somebody else: one document, a list, and what is none.
    room.file("one/review.json", &format!("{:#}", pod("nginx:latest")));
    room.file("list.json", &format!("{:#}", json!([pod("nginx:1"), pod("nginx:latest")])));
    room.file("policy.yaml", LATEST);
    room.check(
        "--offline policy apply policy.yaml --requests one --requests list.json",
        10,
        &["3 requests: 2 would be refused"],
    );
    room.file("torn.jsonl", &format!("{}\n{{\"apiVersion\": \"admission.k8s.io/v1\", \n", pod("nginx:1")));
    let torn = ["1 requests: 0 would be refused", "torn.jsonl:2: it is no JSON"];
    room.check("--offline policy apply policy.yaml --requests torn.jsonl", 13, &torn);
    room.check("--offline policy apply policy.yaml --requests torn.jsonl --requests one", 10, &["torn.jsonl:2"]);
    room.file("other.json", "{\"kind\": \"Pod\"}");
    room.check(
        "--offline policy apply policy.yaml --requests other.json",
        13,
        &["no AdmissionReview with a `request`"],
    );
    room.file("empty.jsonl", "");
    room.check("--offline policy apply policy.yaml --requests empty.jsonl", 3, &["0 requests"]);
    // Labels of a namespace stand in no review.
    let selected = LATEST.replace("kinds: [Pod]", "kinds: [Pod], namespaceSelector: {matchLabels: {team: shop}}");
    room.file("selected.yaml", &selected);
    room.file("shop.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {team: other}}\n");
    room.check("--offline policy apply selected.yaml --requests requests.jsonl", 10, &["UNDECIDED", "are not known"]);
    room.check(
        "--offline policy apply selected.yaml --requests requests.jsonl -r shop.yaml",
        0,
        &["0 would be refused"],
    );
}

/// A hundred thousand reviews, and the memory of before.
#[test]
#[cfg(target_os = "linux")]
fn memory_stays_what_it_is() {
    const REVIEWS: usize = 100_000;
    let room = Room::new();
    room.file("policies/latest.yaml", LATEST);
    room.file("policies/label.yaml", LABEL);
    let mut server = Server::start(&room, "--policy policies --workers 2");
    // Nobody reads what is shown; it must not hold up the server.
    let mut output = server.output.take().unwrap();
    std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
    let ask = |count: usize| {
        std::thread::scope(|scope| {
            for thread in 0..2 {
                let mut stream = server.connect();
                scope.spawn(move || {
                    for number in 0..count / 2 {
                        // Another name each time, so that nothing of it can be what is remembered.
                        let mut review = pod(if number % 2 == 0 { "nginx:latest" } else { "nginx:1" });
                        review["request"]["uid"] = json!(format!("{thread}-{number}"));
                        review["request"]["name"] = json!(format!("web-{thread}-{number}"));
                        review["request"]["namespace"] = json!(format!("shop-{}", number % 5000));
                        let path = if number % 3 == 0 { "/mutate" } else { "/validate" };
                        post(&mut stream, path, review.to_string().as_bytes());
                        assert_eq!(answer(&mut stream).0, 200);
                    }
                });
            }
        });
    };
    ask(REVIEWS / 10);
    let before = server.resident();
    ask(REVIEWS);
    let after = server.resident();
    let (before, after) = (before >> 20, after >> 20);
    println!("resident: {before} MiB, and {after} MiB after {REVIEWS} reviews");
    assert!(after <= before + 16, "{before} MiB became {after} MiB");
}
