//! Tags that run as two digests, or as another one than their registries serve now, as one report of the cluster.

use std::collections::BTreeMap;
use std::hash::BuildHasher as _;

use serde_json::{Value, json};
use signet_model::{Digest, ImageRef};
use signet_policy::images::running::{Drift, Served};
use signet_policy::kyverno::verify_images::{Answer, Credentials, ImageNeed};
use signet_policy::report::piece_name;
use signet_policy::trust_policy::facts::{self, Question};

use super::{Place, Scanner, Seen};

/// The name of the report.
const NAME: &str = "signet-image-drift";
/// The policy and its rules, as results name them.
const POLICY: &str = "image-drift";
/// Containers that a message names.
const MAX_NAMED: usize = 3;

impl Scanner {
    pub(super) async fn drift(&mut self, place: &mut Place) {
        let tags: Vec<String> = place.tags.tags().map(str::to_owned).collect();
        let mut served = BTreeMap::new();
        let mut why_not = None;
        for tag in tags {
            self.give_way().await;
            match self.served(place, &tag).await {
                Ok(found) => {
                    served.insert(tag, found);
                }
                Err(why) => {
                    place.summary.unasked = place.summary.unasked.saturating_add(1);
                    why_not.get_or_insert(why);
                }
            }
        }
        let found = place.tags.drift(&served);
        let split = found.iter().filter(|drift| drift.is_split).count();
        let moved = found.iter().filter(|drift| drift.is_moved).count();
        self.desk.metrics().drifted(split, moved);
        let seconds = self.desk.now().as_second();
        let mut results: Vec<Value> = found.iter().flat_map(results_of).collect();
        let (left_out, unknown) = place.tags.not_seen();
        for (rule, count, what) in [
            ("registry", place.summary.unasked, "tags are not compared with their registries"),
            ("node", unknown, "containers run an image of which their node names no manifest"),
            ("bounds", left_out, "containers are not looked at: there are too many tags"),
        ] {
            if count > 0 {
                let why = why_not.as_deref().filter(|_| rule == "registry").map(|why| format!(": {why}"));
                results.push(result(rule, "skip", format!("{count} {what}{}", why.unwrap_or_default()), &[]));
            }
        }
        let print = self.hasher.hash_one(Value::Array(results.clone()).to_string());
        for result in &mut results {
            if let Some(fields) = result.as_object_mut() {
                fields.insert("timestamp".to_owned(), json!({"seconds": seconds, "nanos": 0}));
            }
        }
        self.tell(place, results, print).await;
        place.summary.drift = found;
    }

    async fn tell(&mut self, place: &mut Place, results: Vec<Value>, print: u64) {
        let before = self.drifted;
        if before.is_some_and(|before| before.print == Some(print)) {
            return;
        }
        let pieces = self.options.style.named(NAME, results);
        let resource = self.kind_of_reports(false);
        let mut now = Seen { print: Some(print), pieces: pieces.len(), found: 0, scan: self.scan };
        for piece in &pieces {
            if !self.write(place, &resource, piece).await {
                now.print = None;
            }
        }
        for index in now.pieces..before.map_or(0, |before| before.pieces) {
            if !self.remove(place, &resource, "", &piece_name(NAME, index)).await {
                now.print = None;
            }
        }
        // A process that has just begun does not know what the one before it wrote.
        if before.is_none()
            && now.pieces == 0
            && let Err(why) = self.fleet.delete(&resource, "", NAME).await
        {
            place.summary.problem(why);
            now.print = None;
        }
        self.drifted = Some(now);
    }

    /// What a registry serves under a tag now.
    async fn served(&self, place: &mut Place, tag: &str) -> Result<Served, String> {
        let need = ImageNeed::Digest { reference: tag.to_owned(), credentials: Credentials::default() };
        let digest: Digest = match place.memo.image(self.desk.cached(), &need).await {
            Answer::Digest(text) => text.parse().map_err(|_| "a registry gave a digest that is none".to_owned())?,
            Answer::Unknown(why) | Answer::Refused(why) => return Err(why),
            _ => return Err("a registry gave no digest".to_owned()),
        };
        let plain = Served { digest, parts: Vec::new() };
        let alone = BTreeMap::from([(tag.to_owned(), plain.clone())]);
        // Only what seems to differ may be a part of what is served.
        if !place.tags.drift(&alone).iter().any(|drift| drift.tag == tag) {
            return Ok(plain);
        }
        let image: ImageRef = tag.parse().map_err(|err: signet_model::ImageRefError| err.to_string())?;
        let question = Question::Manifests { name: image.name(), digest };
        match place.memo.question(self.desk.cached(), &question).await {
            facts::Answer::Manifests(found) => {
                Ok(Served { digest, parts: found.into_iter().map(|manifest| manifest.digest).collect() })
            }
            facts::Answer::Unknown(why) => Err(why),
            _ => Err("a registry named no manifests".to_owned()),
        }
    }
}

fn results_of(drift: &Drift) -> Vec<Value> {
    let mut running = Vec::new();
    let mut resources = Vec::new();
    for (digest, places) in &drift.running {
        let named: Vec<String> = places
            .some
            .iter()
            .take(MAX_NAMED)
            .map(|place| format!("{}/{} ({})", place.namespace, place.pod, place.container))
            .collect();
        running.push(format!("{digest} in {} containers, as {}", places.count, named.join(", ")));
        resources.extend(places.some.iter().map(|place| {
            json!({"apiVersion": "v1", "kind": "Pod", "namespace": place.namespace, "name": place.pod, "uid": place.uid})
        }));
    }
    let running = running.join("; ");
    let mut results = Vec::new();
    if drift.is_split {
        let message = format!("{} runs as {} digests: {running}", drift.tag, drift.running.len());
        results.push(result("two-digests", "fail", message, &resources));
    }
    if let Some(served) = drift.served.filter(|_| drift.is_moved) {
        let message = format!("{} is {served} in its registry now, and runs as {running}", drift.tag);
        results.push(result("moved", "fail", message, &resources));
    }
    results
}

fn result(rule: &str, status: &str, message: String, resources: &[Value]) -> Value {
    let mut result = json!({
        "source": "signet", "policy": POLICY, "rule": rule, "result": status, "message": message, "category": "Image drift",
        "severity": "medium", "scored": true, "properties": {"process": "background scan"},
    });
    if let Some(fields) = result.as_object_mut().filter(|_| !resources.is_empty()) {
        fields.insert("resources".to_owned(), json!(resources));
    }
    result
}
