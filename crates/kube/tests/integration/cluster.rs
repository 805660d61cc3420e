//! What the client asks and writes, and what mirrors show.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use signet_kube::resource::{CONFIG_MAPS, LEASES, NAMESPACES, SECRETS};
use signet_kube::{
    Access, Address, Client, ClientLimits, Hooks, KubeError, Leader, LeaseTimes, ListOptions, Lookup, Mirror, Policies,
    PolicyOptions, Pulse, Rule, Selection, Standing, Written, data_of, rights,
};

use crate::stub::{Stub, kind};

fn client_with(stub: &Stub, limits: ClientLimits) -> Client {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config");
    std::fs::write(&path, stub.kubeconfig("t0k3n", None)).unwrap();
    Client::new(Access::of_file(Path::new(&path)).unwrap(), limits).unwrap()
}

fn client(stub: &Stub) -> Client {
    client_with(stub, ClientLimits::default())
}

fn stub() -> Stub {
    let stub = Stub::start();
    for name in ["signet-system", "shop"] {
        stub.put("namespaces", json!({"metadata": {"name": name}}));
    }
    stub
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(work)
}

fn config_map(name: &str, value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "shop"}, "data": {"a": value}})
}

/// Waits until something holds of what a mirror or anything else shows.
async fn until(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..600 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("never: {what}");
}

#[test]
fn objects_are_made_read_replaced_applied_and_deleted() {
    let stub = stub();
    let client = client(&stub);
    run(async {
        let shop = Some("shop");
        let made = client.create(&CONFIG_MAPS, shop, &config_map("a", "1")).await.unwrap();
        assert!(client.create(&CONFIG_MAPS, shop, &config_map("a", "1")).await.unwrap_err().is_conflict());
        let mut next = client.get(&CONFIG_MAPS, shop, "a").await.unwrap();
        assert_eq!(next["metadata"]["resourceVersion"], made["metadata"]["resourceVersion"]);
        next["data"]["a"] = json!("2");
        client.replace(&CONFIG_MAPS, shop, "a", &next).await.unwrap();
        let late = client.replace(&CONFIG_MAPS, shop, "a", &next).await.unwrap_err();
        assert!(late.is_conflict() && late.to_string().contains("has been modified"), "{late}");
        let applied = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"b": "3"}});
        let found = client.apply(&CONFIG_MAPS, shop, "a", &applied).await.unwrap();
        assert_eq!(found["data"], json!({"a": "2", "b": "3"}));
        let new = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "b"}});
        assert_eq!(client.apply(&CONFIG_MAPS, shop, "b", &new).await.unwrap()["metadata"]["namespace"], "shop");
        client.delete(&CONFIG_MAPS, shop, "a").await.unwrap();
        assert!(client.delete(&CONFIG_MAPS, shop, "a").await.unwrap_err().is_not_found());
        assert_eq!(client.find(&CONFIG_MAPS, shop, "a").await.unwrap(), None);
    });
}

#[test]
fn a_list_comes_in_pages_and_its_items_say_what_they_are() {
    let stub = stub();
    for number in 0..7 {
        stub.put("configmaps", config_map(&format!("c{number}"), "x"));
    }
    let client = client(&stub);
    run(async {
        let mut options = ListOptions { limit: 3, ..ListOptions::default() };
        let (mut names, mut pages) = (Vec::new(), 0);
        loop {
            let page = client.list(&CONFIG_MAPS, None, &options).await.unwrap();
            pages += 1;
            for item in &page.items {
                assert_eq!((&item["apiVersion"], &item["kind"]), (&json!("v1"), &json!("ConfigMap")));
                assert_eq!(item["metadata"]["managedFields"], Value::Null);
                names.push(item["metadata"]["name"].as_str().unwrap().to_owned());
            }
            let Some(next) = page.next else { break };
            options.token = Some(next);
        }
        assert_eq!((pages, names.len()), (3, 7));
        let bare = ListOptions { metadata_only: true, ..ListOptions::default() };
        let page = client.list(&CONFIG_MAPS, Some("shop"), &bare).await.unwrap();
        assert!(page.items.iter().all(|item| item["kind"] == "ConfigMap" && item.get("data").is_none()));
        // An empty list is `null` in Go.
        assert!(client.list(&SECRETS, None, &ListOptions::default()).await.unwrap().items.is_empty());
        // A page that is asked for too late.
        let first = client.list(&CONFIG_MAPS, None, &ListOptions { limit: 2, ..ListOptions::default() }).await.unwrap();
        stub.compact();
        let late = ListOptions { limit: 2, token: first.next, ..ListOptions::default() };
        assert!(client.list(&CONFIG_MAPS, None, &late).await.unwrap_err().is_gone());
    });
}

#[test]
fn an_answer_that_is_too_long_is_an_error_and_a_mirror_asks_for_fewer() {
    let stub = stub();
    for number in 0..20 {
        stub.put("configmaps", config_map(&format!("c{number}"), &"x".repeat(2_000)));
    }
    let client = client_with(&stub, ClientLimits { page: 10_000, ..ClientLimits::default() });
    run(async {
        let whole = client.list(&CONFIG_MAPS, None, &ListOptions::default()).await;
        assert!(matches!(whole, Err(KubeError::TooLarge { most: 10_000, .. })), "{whole:?}");
        let mirror = Mirror::begin(&client, Selection::all(CONFIG_MAPS), &Pulse::default());
        until("all pages are read", || mirror.view().objects.len() == 20).await;
    });
}

#[test]
fn a_token_that_ended_is_read_again_and_one_that_is_wrong_is_told() {
    let stub = stub();
    let folder = tempfile::tempdir().unwrap();
    let (token, config) = (folder.path().join("token"), folder.path().join("config"));
    std::fs::write(&token, "old\n").unwrap();
    std::fs::write(&config, stub.kubeconfig("x", None).replace("\"token\":\"x\"", "\"tokenFile\":\"token\"")).unwrap();
    let client = Client::new(Access::of_file(&config).unwrap(), ClientLimits::default()).unwrap();
    run(async {
        stub.manner(|manner| manner.tokens = vec!["old".into()]);
        client.get(&NAMESPACES, None, "shop").await.unwrap();
        std::fs::write(&token, "new\n").unwrap();
        stub.manner(|manner| manner.tokens = vec!["new".into()]);
        client.get(&NAMESPACES, None, "shop").await.unwrap();
        stub.manner(|manner| manner.tokens = vec!["another".into()]);
        let refused = client.get(&NAMESPACES, None, "shop").await.unwrap_err();
        assert!(refused.is_forbidden() && !refused.to_string().contains("new"), "{refused}");
    });
}

#[test]
fn a_mirror_shows_what_is_there_through_breaks_compaction_and_absence() {
    let stub = stub();
    stub.manner(|manner| manner.watch_time = Some(Duration::from_millis(700)));
    stub.put("configmaps", config_map("a", "1"));
    let client = client(&stub);
    run(async {
        let mirror = Mirror::begin(&client, Selection::all(CONFIG_MAPS), &Pulse::default());
        let shows = |name: &str, value: &str| {
            let view = mirror.view();
            view.objects.get(&format!("shop/{name}")).is_some_and(|found| found["data"]["a"] == value)
        };
        until("it is listed", || shows("a", "1")).await;
        stub.put("configmaps", config_map("a", "2"));
        stub.put("configmaps", config_map("b", "1"));
        until("changes come", || shows("a", "2") && shows("b", "1")).await;
        stub.remove("configmaps", "shop", "b");
        until("deletions come", || !mirror.view().objects.contains_key("shop/b")).await;
        // The API server goes; what was known stays, and that it is old is said.
        stub.manner(|manner| manner.gone = true);
        until("the outage is said", || mirror.view().broken.is_some()).await;
        assert!(shows("a", "2"));
        stub.put("configmaps", config_map("a", "3"));
        stub.put("configmaps", config_map("c", "1"));
        stub.remove("configmaps", "shop", "c");
        // What happened meanwhile is not kept: a new list.
        stub.compact();
        stub.manner(|manner| manner.gone = false);
        until("it is as it is now", || shows("a", "3") && mirror.view().broken.is_none()).await;
        assert!(!mirror.view().objects.contains_key("shop/c"));
        // One refusal of the account changes nothing that is known.
        stub.manner(|manner| {
            manner.forbidden.extend(["list configmaps".to_owned(), "watch configmaps".to_owned()]);
        });
        until("the refusal is said", || mirror.view().broken.is_some_and(|(_, why)| why.contains("403"))).await;
        assert!(shows("a", "3"));
    });
}

#[test]
fn a_kind_that_is_not_installed_is_absent_and_one_that_is_forbidden_is_not_known() {
    let stub = stub();
    let client = client(&stub);
    run(async {
        stub.manner(|manner| {
            manner.forbidden.insert("list secrets".to_owned());
        });
        let pulse = Pulse::default();
        let absent =
            Selection::all(signet_kube::Resource::cluster("kyverno.io", "v1", "clusterpolicies", "ClusterPolicy"));
        let (absent, forbidden) =
            (Mirror::begin(&client, absent, &pulse), Mirror::begin(&client, Selection::all(SECRETS), &pulse));
        until("it is known to be absent", || absent.view().standing == Standing::Absent).await;
        until("the refusal is said", || forbidden.view().broken.is_some()).await;
        assert_eq!(forbidden.view().standing, Standing::Unlisted);
        assert!(!forbidden.is_known() && absent.is_known());
    });
}

#[test]
fn policies_of_all_kinds_are_one_set_and_constraints_are_found_from_their_templates() {
    let stub = stub();
    stub.install(kind("kyverno.io", "v1", "clusterpolicies", "ClusterPolicy", false));
    stub.install(kind("kyverno.io", "v2", "policyexceptions", "PolicyException", true));
    stub.install(kind("templates.gatekeeper.sh", "v1", "constrainttemplates", "ConstraintTemplate", false));
    stub.install(kind("constraints.gatekeeper.sh", "v1beta1", "needslabel", "NeedsLabel", false));
    stub.put("clusterpolicies", json!({"metadata": {"name": "b"}, "spec": {}, "status": {"ready": true}}));
    for namespace in ["shop", "signet-system"] {
        stub.put("policyexceptions", json!({"metadata": {"name": "e", "namespace": namespace}, "spec": {}}));
    }
    let client = client(&stub);
    run(async {
        let options = PolicyOptions { native: false, exceptions: vec!["signet-system".into()] };
        let policies = Policies::begin(&client, options, &Pulse::default());
        assert!(!policies.snapshot().waiting.is_empty(), "nothing was listed yet");
        until("all kinds are known", || policies.snapshot().waiting.is_empty()).await;
        let names = || policies.snapshot().documents.into_iter().map(|document| document.name).collect::<Vec<_>>();
        assert_eq!(names(), ["ClusterPolicy.kyverno.io/b", "PolicyException.kyverno.io/signet-system/e"]);
        // Who may make one in his own namespace does not except himself (CVE-2024-48921).
        assert_eq!(policies.snapshot().passed_over, ["PolicyException.kyverno.io/shop/e"]);
        assert_eq!(policies.snapshot().documents[0].object.get("status"), None);
        let template =
            json!({"metadata": {"name": "needslabel"}, "spec": {"crd": {"spec": {"names": {"kind": "NeedsLabel"}}}}});
        stub.put("constrainttemplates", template);
        stub.put("needslabel", json!({"metadata": {"name": "team"}, "spec": {}}));
        until("the constraint is found", || {
            names().iter().any(|name| name == "NeedsLabel.constraints.gatekeeper.sh/team")
        })
        .await;
        stub.remove("constrainttemplates", "", "needslabel");
        until("it goes with its template", || names().len() == 2).await;
    });
}

#[test]
fn what_policies_ask_of_a_cluster_is_answered_also_while_it_is_gone() {
    let stub = stub();
    stub.put("configmaps", config_map("a", "1"));
    stub.put(
        "rolebindings",
        json!({"metadata": {"name": "r", "namespace": "shop"}, "roleRef": {"kind": "Role", "name": "edit"}}),
    );
    let client = client(&stub);
    run(async {
        let lookup = Lookup::begin(&client, &Pulse::default());
        until("namespaces are known", || lookup.namespaces().is_known()).await;
        assert_eq!(lookup.namespace("shop").await.unwrap()["metadata"]["name"], "shop");
        assert!(lookup.namespace("nowhere").await.unwrap_err().contains("no namespace"));
        // One that was made a moment ago is there.
        stub.put("namespaces", json!({"metadata": {"name": "new"}}));
        assert!(lookup.namespace("new").await.is_ok());
        assert_eq!(lookup.config_map("shop", "a").await.unwrap()["data"]["a"], "1");
        assert!(lookup.config_map("shop", "b").await.unwrap_err().contains("no ConfigMap"));
        assert_eq!(lookup.role_bindings(false).await.unwrap().len(), 1);
        assert!(lookup.role_bindings(true).await.unwrap().is_empty());
        stub.manner(|manner| manner.gone = true);
        assert_eq!(lookup.config_map("shop", "a").await.unwrap()["data"]["a"], "1");
        assert!(lookup.namespace("shop").await.is_ok());
        assert!(lookup.namespace("other").await.is_err());
        assert!(lookup.config_map("shop", "c").await.is_err());
    });
}

fn leader(client: &Client, own: &str) -> Leader {
    let times = LeaseTimes {
        hold: Duration::from_secs(2),
        act: Duration::from_millis(1200),
        renew: Duration::from_millis(200),
    };
    let clock: signet_kube::Clock = Arc::new(|| Timestamp::from_second(1_768_521_600).unwrap());
    Leader::new(client, "signet-system", "signet-admission", own.to_owned(), times, clock, &Pulse::default())
}

#[test]
fn one_leads_and_another_takes_over_when_it_is_gone_and_never_both() {
    let stub = stub();
    let client = client(&stub);
    run(async {
        let (one, two) = (leader(&client, "one"), leader(&client, "two"));
        let (first, second) = (one.clone(), two.clone());
        let first = tokio::spawn(async move { first.run().await });
        until("one leads", || one.until().is_some()).await;
        let second = tokio::spawn(async move { second.run().await });
        let never_both = || assert!(one.until().is_none() || two.until().is_none(), "two lead");
        for _ in 0..20 {
            never_both();
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert!(one.until().is_some());
        // It dies without a word.
        first.abort();
        until("two leads", || {
            never_both();
            two.until().is_some()
        })
        .await;
        let lease = stub.object("leases", "signet-system", "signet-admission").unwrap();
        assert_eq!((&lease["spec"]["holderIdentity"], &lease["spec"]["leaseTransitions"]), (&json!("two"), &json!(1)));
        assert_eq!(lease["spec"]["renewTime"], "2026-01-16T00:00:00.000000Z");
        // Who cannot renew stops acting, before anybody else may begin.
        stub.manner(|manner| manner.gone = true);
        until("two stops", || two.until().is_none()).await;
        stub.manner(|manner| manner.gone = false);
        until("two leads again", || two.until().is_some()).await;
        // Given back, nobody waits.
        second.abort();
        two.release().await.unwrap();
        let third = leader(&client, "three");
        let running = third.clone();
        let third_task = tokio::spawn(async move { running.run().await });
        let begun = tokio::time::Instant::now();
        until("three leads", || third.until().is_some()).await;
        assert!(begun.elapsed() < Duration::from_millis(1500), "{:?}", begun.elapsed());
        third_task.abort();
        assert!(client.get(&LEASES, Some("signet-system"), "signet-admission").await.is_ok());
    });
}

#[test]
fn webhook_configurations_are_kept_as_they_are_to_be_and_go_with_the_last_rule() {
    let stub = stub();
    let client = client(&stub);
    let rule = Rule {
        group: String::new(),
        versions: vec!["v1".into()],
        resources: vec!["pods".into()],
        operations: vec!["CREATE".into()],
    };
    let hooks = Hooks {
        namespace: "signet-system".into(),
        address: Address::Service("signet-admission".into(), 443),
        bundle: b"PEM".to_vec(),
        timeout: 10,
        kube_system: false,
        rules: vec![rule],
        owner: None,
    };
    run(async {
        assert_eq!(client.keep_hooks(&hooks).await.unwrap(), [Written::Changed; 2]);
        assert_eq!(client.keep_hooks(&hooks).await.unwrap(), [Written::Same; 2]);
        let plural = "validatingwebhookconfigurations";
        let mut found = stub.object(plural, "", "signet-admission").unwrap();
        found["webhooks"][0]["failurePolicy"] = json!("Ignore");
        stub.put(plural, found);
        assert_eq!(client.keep_hooks(&hooks).await.unwrap(), [Written::Same, Written::Changed]);
        assert_eq!(stub.object(plural, "", "signet-admission").unwrap()["webhooks"][0]["failurePolicy"], "Fail");
        let none = Hooks { rules: Vec::new(), ..hooks };
        assert_eq!(client.keep_hooks(&none).await.unwrap(), [Written::Removed; 2]);
        assert_eq!(client.remove_hooks().await.unwrap(), [Written::Same; 2]);
    });
}

#[test]
fn a_secret_is_written_over_what_was_read_and_stands_in_no_message() {
    let stub = stub();
    let client = client(&stub);
    run(async {
        let data: [(&str, &[u8]); 1] = [("tls.key", b"sesame")];
        let made = client.keep_secret("signet-system", "s", None, &data).await.unwrap();
        assert_eq!(data_of(&made, "tls.key").unwrap().as_slice(), b"sesame");
        client.keep_secret("signet-system", "s", Some(&made), &data).await.unwrap();
        let late = client.keep_secret("signet-system", "s", Some(&made), &data).await.unwrap_err();
        assert!(late.is_conflict());
        assert_eq!(late.to_string(), "cannot replace secrets `signet-system/s`: the API server answered 409 Conflict");
    });
}

#[test]
fn what_is_served_is_found() {
    let stub = stub();
    let client = client(&stub);
    run(async {
        let found = client.discover().await.unwrap();
        let names: BTreeSet<String> =
            found.served.iter().map(|one| format!("{}/{}/{}", one.group, one.plural, one.subresource)).collect();
        assert!(names.contains("/pods/exec") && names.contains("apps/deployments/") && found.unread.is_empty());
    });
}

/// The rights name the resource as the client asks for it.
#[test]
fn what_mirrors_ask_is_among_the_rights() {
    let stub = stub();
    let client = client(&stub);
    run(async {
        let policies = Policies::begin(&client, PolicyOptions::default(), &Pulse::default());
        let lookup = Lookup::begin(&client, &Pulse::default());
        until("all is known", || policies.snapshot().waiting.is_empty() && lookup.namespaces().is_known()).await;
        let _known =
            (lookup.config_map("shop", "a").await, lookup.role_bindings(true).await, lookup.role_bindings(false).await);
        let asked = stub.asked();
        assert!(asked.len() >= 7, "{asked:?}");
        for ask in asked {
            let name = Some(ask.name.as_str()).filter(|name| !name.is_empty());
            let own = ask.namespace == "signet-system";
            assert!(rights::allows(ask.verb, &ask.group, &ask.resource, name, own), "{ask:?} is no right");
        }
    });
}
