use serde_json::{Value, json};

use super::*;

#[track_caller]
fn check(object: &Value, expected: &[(&str, &str)]) {
    let found = of(object, &[]).unwrap();
    let found: Vec<(String, String)> = found
        .iter()
        .map(|one| (one.pointer.clone(), one.text.map_or_else(|why| format!("!{why}"), str::to_owned)))
        .collect();
    for (pointer, text) in &found {
        let at = object.pointer(pointer).and_then(Value::as_str);
        assert!(text.starts_with('!') || at == Some(text), "{pointer} is {at:?}, not {text}");
    }
    let found: Vec<(&str, &str)> = found.iter().map(|(pointer, text)| (pointer.as_str(), text.as_str())).collect();
    assert_eq!(found, expected);
}

fn pod_spec() -> Value {
    json!({
        "initContainers": [{"name": "i", "image": "i:1"}],
        "containers": [{"name": "c", "image": "c:1"}, {"name": "d", "image": "d:1"}],
        "ephemeralContainers": [{"name": "e", "image": "e:1"}],
        "volumes": [{"name": "v", "emptyDir": {}}, {"name": "w", "image": {"reference": "w:1", "pullPolicy": "Always"}}],
    })
}

#[test]
fn every_kind_with_a_pod_gives_all_its_images() {
    let wrapped = |route: &str| {
        route.rsplit('/').filter(|part| !part.is_empty()).fold(pod_spec(), |inner, part| match part {
            "*" => json!([inner]),
            part => json!({part: inner}),
        })
    };
    for (version, kind, route) in [
        ("v1", "Pod", "/spec"),
        ("v1", "PodTemplate", "/template/spec"),
        ("v1", "ReplicationController", "/spec/template/spec"),
        ("apps/v1", "Deployment", "/spec/template/spec"),
        ("apps/v1", "DaemonSet", "/spec/template/spec"),
        ("apps/v1", "ReplicaSet", "/spec/template/spec"),
        ("apps/v1", "StatefulSet", "/spec/template/spec"),
        ("batch/v1", "Job", "/spec/template/spec"),
        ("batch/v1", "CronJob", "/spec/jobTemplate/spec/template/spec"),
        ("argoproj.io/v1alpha1", "Rollout", "/spec/template/spec"),
        ("argoproj.io/v1alpha1", "Experiment", "/spec/templates/*/template/spec"),
        ("serving.knative.dev/v1", "Service", "/spec/template/spec"),
        ("serving.knative.dev/v1", "Revision", "/spec"),
        // A kind that nobody has told us of.
        ("example.com/v1", "Anything", "/spec/a/*/b"),
        ("apps.example.com/v1", "Deployment", "/spec/elsewhere"),
    ] {
        let mut object = wrapped(route);
        object["apiVersion"] = version.into();
        object["kind"] = kind.into();
        let route = route.replace('*', "0");
        let expected = [
            ("initContainers/0/image", "i:1"),
            ("containers/0/image", "c:1"),
            ("containers/1/image", "d:1"),
            ("ephemeralContainers/0/image", "e:1"),
            ("volumes/1/image/reference", "w:1"),
        ]
        .map(|(end, text)| (format!("{route}/{end}"), text));
        let expected: Vec<(&str, &str)> = expected.iter().map(|(pointer, text)| (pointer.as_str(), *text)).collect();
        check(&object, &expected);
    }
}

#[test]
fn custom_kinds_keep_images_in_places_of_their_own() {
    check(
        &json!({"apiVersion": "tekton.dev/v1", "kind": "Task", "spec": {
            "steps": [{"name": "a", "image": "a:1"}, {"name": "b", "ref": {"name": "other"}}],
            "sidecars": [{"name": "s", "image": "s:1"}], "stepTemplate": {"image": "t:1"}}}),
        &[("/spec/steps/0/image", "a:1"), ("/spec/sidecars/0/image", "s:1"), ("/spec/stepTemplate/image", "t:1")],
    );
    check(
        &json!({"apiVersion": "tekton.dev/v1", "kind": "PipelineRun", "spec": {"pipelineSpec": {
            "tasks": [{"taskSpec": {"steps": [{"image": "a:1"}]}}, {"taskRef": {"name": "x"}}],
            "finally": [{"taskSpec": {"steps": [{"image": "b:1"}]}}]}}}),
        &[
            ("/spec/pipelineSpec/tasks/0/taskSpec/steps/0/image", "a:1"),
            ("/spec/pipelineSpec/finally/0/taskSpec/steps/0/image", "b:1"),
        ],
    );
    check(
        &json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "CronWorkflow", "spec": {"workflowSpec": {"templates": [
            {"container": {"image": "a:1"}, "initContainers": [{"image": "i:1"}]},
            {"script": {"image": "b:1"}, "sidecars": [{"image": "s:1"}]},
            {"containerSet": {"containers": [{"image": "c:1"}]}}, {"steps": []}]}}}),
        &[
            ("/spec/workflowSpec/templates/0/container/image", "a:1"),
            ("/spec/workflowSpec/templates/0/initContainers/0/image", "i:1"),
            ("/spec/workflowSpec/templates/1/script/image", "b:1"),
            ("/spec/workflowSpec/templates/1/sidecars/0/image", "s:1"),
            ("/spec/workflowSpec/templates/2/containerSet/containers/0/image", "c:1"),
        ],
    );
    check(
        &json!({"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine", "spec": {"template": {"spec": {
            "domain": {"firmware": {"kernelBoot": {"container": {"image": "k:1"}}}},
            "volumes": [{"containerDisk": {"image": "d:1"}}, {"cloudInitNoCloud": {}}]}}}}),
        &[
            ("/spec/template/spec/volumes/0/containerDisk/image", "d:1"),
            ("/spec/template/spec/domain/firmware/kernelBoot/container/image", "k:1"),
        ],
    );
}

#[test]
fn extractors_add_and_never_replace() {
    let object = json!({"apiVersion": "example.com/v1", "kind": "Tool", "spec": {
        "containers": [{"image": "c:1"}], "tools": {"a/b": {"image": "t:1"}, "n": {"image": 7}}}});
    let extractor = |routes: &[&str]| Extractor {
        group: "example.com".into(),
        kind: "Tool".into(),
        routes: routes.iter().map(|route| (*route).to_owned()).collect(),
    };
    let found = of(&object, &[extractor(&["/spec/tools/*/image", "/spec/containers/*/image"])]).unwrap();
    let found: Vec<(&str, Result<&str, NoText>)> = found.iter().map(|one| (one.pointer.as_str(), one.text)).collect();
    assert_eq!(
        found,
        [
            ("/spec/containers/0/image", Ok("c:1")),
            ("/spec/tools/a~1b/image", Ok("t:1")),
            ("/spec/tools/n/image", Err(NoText::OtherType)),
        ]
    );
}

#[test]
fn what_stands_in_the_place_of_an_image_is_told() {
    let pod = |spec: Value| json!({"apiVersion": "v1", "kind": "Pod", "spec": spec});
    check(
        &pod(
            json!({"containers": [{"name": "a"}, {"name": "b", "image": ""}, {"name": "c", "image": 7}, 8, {"image": null}]}),
        ),
        &[
            ("/spec/containers/0/image", "!it names no image"),
            ("/spec/containers/1/image", "!it names no image"),
            ("/spec/containers/2/image", "!what stands there is no text"),
            ("/spec/containers/3", "!what stands there is no text"),
            ("/spec/containers/4/image", "!it names no image"),
        ],
    );
    check(
        &pod(json!({"containers": {"a": {"image": "x"}}, "volumes": [{"image": {}}, {"image": 7}, 8]})),
        &[
            ("/spec/containers", "!what stands there is no text"),
            ("/spec/volumes/0/image/reference", "!it names no image"),
            ("/spec/volumes/1/image/reference", "!what stands there is no text"),
            ("/spec/volumes/2", "!what stands there is no text"),
        ],
    );
    check(&pod(json!([])), &[("/spec", "!what stands there is no text")]);
    check(&json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"containers": "x"}}), &[]);
}

#[test]
fn lists_are_looked_through() {
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"image": "c:1"}]}});
    let list = |items: Value| json!({"apiVersion": "v1", "kind": "List", "items": items});
    check(
        &list(json!([{}, pod, list(json!([pod]))])),
        &[("/items/1/spec/containers/0/image", "c:1"), ("/items/2/items/0/spec/containers/0/image", "c:1")],
    );
    let deep = (0..6).fold(pod, |inner, _| list(json!([inner])));
    assert_eq!(of(&deep, &[]), Err(TooMany));
}

#[test]
fn there_is_an_end_to_images() {
    let many = |count: usize| json!({"apiVersion": "v1", "kind": "Pod", "spec": {"containers": vec![json!({"image": "a"}); count]}});
    assert_eq!(of(&many(MAX_IMAGES), &[]).map(|found| found.len()), Ok(MAX_IMAGES));
    assert_eq!(of(&many(MAX_IMAGES + 1), &[]), Err(TooMany));
}

#[test]
fn references_are_read_by_the_grammar_or_refused() {
    let digest = format!("sha256:{}", "a".repeat(64));
    for (text, canonical) in [
        ("nginx", Some("docker.io/library/nginx")),
        ("index.docker.io/nginx:1", Some("docker.io/library/nginx:1")),
        ("localhost/app:1", Some("localhost/app:1")),
        ("host:443/img", Some("host:443/img")),
        (&format!("a/b:1@{digest}"), Some(&*format!("docker.io/a/b:1@{digest}"))),
        ("ghcr.io/\u{43e}rg/app:1", None),
        ("app:1\u{200b}", None),
        ("org/../other/app:1", None),
        ("ngi nx", None),
        ("https://registry.example/app", None),
        ("nginx@sha256:abc", None),
        ("registry.example.com@evil.io/app", None),
        ("nginx:", None),
        ("*", None),
        ("a//b", None),
        ("nginx\0", None),
        ("{{ request.userInfo }}", None),
        (&"a".repeat(64), None),
        (&format!("a@{digest}@{digest}"), None),
    ] {
        let object = json!({"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"image": text}]}});
        let found = of(&object, &[]).unwrap();
        let read = found[0].reference().map(|reference| reference.to_string());
        assert_eq!(read.as_deref().ok(), canonical, "{text:?}: {read:?}");
    }
}

proptest::proptest! {
    #[test]
    fn any_object_is_walked_without_panic(text in r#"[\[\]{}":,a-z0-9 ]{0,60}"#, keys in proptest::collection::vec(0..8_usize, 0..6)) {
        let inner = serde_json::from_str(&text).unwrap_or(Value::Null);
        let names = ["spec", "containers", "template", "volumes", "image", "items", "initContainers", "0"];
        let mut object = keys.iter().fold(inner, |inner, key| if *key == 7 { json!([inner]) } else { json!({names[*key]: inner}) });
        if let Some(object) = object.as_object_mut() {
            object.insert("apiVersion".into(), "v1".into());
            object.insert("kind".into(), "Pod".into());
        }
        for one in of(&object, &[]).unwrap_or_default() {
            let _ = one.reference();
        }
    }
}
