//! Scripts of tests: the lines that are one plain `kubectl` command are carried out, as far as they write something. Their outcome is no row.

use serde_json::{Value, json};

use super::Cluster;

impl Cluster {
    /// Runs a script; `file` gives the objects of a file of the test.
    pub(in crate::areas::admit::chainsaw) fn script(&mut self, script: &str, file: &dyn Fn(&str) -> Vec<Value>) {
        for line in script.lines() {
            let line = line.trim().trim_start_matches("if ").trim_end_matches(';');
            let line = line.replace("$NAMESPACE", &self.namespace);
            let words: Vec<&str> = line.split_whitespace().collect();
            let plain = !line.contains(['|', '$', '`', '(', '<', '>', '&', ';']);
            if let (["kubectl", rest @ ..], true) = (words.as_slice(), plain) {
                self.kubectl(rest, file);
            }
        }
    }

    fn kubectl(&mut self, words: &[&str], file: &dyn Fn(&str) -> Vec<Value>) {
        let option = |names: [&str; 2]| {
            let at = words.iter().position(|word| names.contains(word));
            let behind = at.and_then(|at| words.get(at + 1)).copied();
            behind.or_else(|| {
                words.iter().find_map(|word| names.iter().find_map(|name| word.strip_prefix(&format!("{name}="))))
            })
        };
        let namespace = option(["-n", "--namespace"]).unwrap_or("default").to_owned();
        let valued = ["-n", "--namespace", "-f", "--filename", "--context"];
        let mut plain = Vec::new();
        let mut skip = false;
        for word in words {
            if skip {
                skip = false;
            } else if valued.contains(word) {
                skip = true;
            } else if !word.starts_with('-') {
                plain.push(*word);
            }
        }
        let objects = option(["-f", "--filename"]).map(file).unwrap_or_default();
        // A test cannot see how a script ended.
        match plain.as_slice() {
            ["apply"] => objects.iter().for_each(|object| drop(self.apply(&placed(object, &namespace)))),
            ["create"] => objects.iter().for_each(|object| drop(self.create(&placed(object, &namespace)))),
            ["delete"] => objects.iter().for_each(|object| drop(self.delete(&placed(object, &namespace)))),
            ["delete", kind, names @ ..] => self.delete_named(kind, names, words.contains(&"--all"), &namespace),
            [verb @ ("label" | "annotate"), kind, name, pairs @ ..] => {
                let place = if *verb == "label" { "labels" } else { "annotations" };
                for pair in pairs {
                    let (key, value) = match (pair.split_once('='), pair.strip_suffix('-')) {
                        (Some((key, value)), _) => (key, json!(value)),
                        (None, Some(key)) => (key, Value::Null),
                        (None, None) => continue,
                    };
                    let patch = json!({"metadata": {place: {key: value}}});
                    self.patch_named(kind, name, &namespace, &patch);
                }
            }
            ["scale", kind, name] => {
                let replicas = option(["--replicas", "--replicas"]).and_then(|count| count.parse::<u64>().ok());
                if let Some(replicas) = replicas {
                    self.scale(kind, name, &namespace, replicas);
                }
            }
            ["scale", kind, name, replicas] => {
                if let Ok(replicas) = replicas.parse::<u64>() {
                    self.scale(kind, name, &namespace, replicas);
                }
            }
            _ => {}
        }
    }

    /// The kinds that a word means; `all` means what runs.
    fn kinds(&self, word: &str) -> Vec<&'static str> {
        match word {
            "all" => vec!["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob", "Pod", "Service"],
            "pod" | "pods" | "po" => vec!["Pod"],
            "deployment" | "deployments" | "deploy" => vec!["Deployment"],
            "statefulset" | "statefulsets" | "sts" => vec!["StatefulSet"],
            "cronjobs" | "cronjob" | "cj" => vec!["CronJob"],
            "ns" | "namespace" | "namespaces" => vec!["Namespace"],
            "cpol" | "clusterpolicy" => vec!["ClusterPolicy"],
            "polex" | "policyexception" => vec!["PolicyException"],
            "secret" | "secrets" => vec!["Secret"],
            "cm" | "configmap" => vec!["ConfigMap"],
            _ => Vec::new(),
        }
    }

    fn delete_named(&mut self, kind: &str, names: &[&str], all: bool, namespace: &str) {
        let kinds = self.kinds(kind);
        let wanted = self.store.objects.keys().filter(|key| {
            kinds.contains(&key.kind.as_str())
                && (key.namespace.is_empty() || key.namespace == namespace)
                && (names.contains(&key.name.as_str()) || (all && names.is_empty()))
        });
        let wanted: Vec<_> = wanted.cloned().collect();
        let user = self.admin();
        for key in wanted {
            drop(self.remove(&user, &key));
        }
    }

    fn named(&self, kind: &str, name: &str, namespace: &str) -> Option<Value> {
        let kinds = self.kinds(kind);
        let found = self.store.objects.iter().find(|(key, _)| {
            kinds.contains(&key.kind.as_str())
                && key.name == name
                && (key.namespace.is_empty() || key.namespace == namespace)
        });
        found.map(|(_, object)| object.clone())
    }

    fn patch_named(&mut self, kind: &str, name: &str, namespace: &str, patch: &Value) {
        let Some(object) = self.named(kind, name, namespace) else { return };
        let key = self.store.key(&object, namespace);
        drop(self.change(key, object, patch));
    }

    /// The subresource is asked for, and then the object is changed.
    fn scale(&mut self, kind: &str, name: &str, namespace: &str, replicas: u64) {
        let Some(object) = self.named(kind, name, namespace) else { return };
        let scale = |count: Value| json!({"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": name, "namespace": namespace}, "spec": {"replicas": count}});
        let before = object.pointer("/spec/replicas").cloned().unwrap_or(json!(1));
        let key = self.store.key(&object, namespace);
        let mut request =
            self.request(self.admin(), signet_policy::kyverno::Operation::Update, key, None, Some(object.clone()));
        request.subresource = "scale".to_owned();
        request.old = Some(scale(before));
        request.object = Some(scale(json!(replicas)));
        if self.reviewed(&request).is_ok() {
            let mut object = object;
            super::merge(&mut object, &json!({"spec": {"replicas": replicas}}));
            self.place(object);
        }
    }
}

fn placed(object: &Value, namespace: &str) -> Value {
    let mut object = object.clone();
    super::defaults::set(&mut object, &["metadata"], "namespace", json!(namespace));
    object
}
