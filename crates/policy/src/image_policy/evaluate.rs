//! Policies against the images of a request.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json, json};

use super::authority::{Authority, Kind, Signed};
use super::document::{MatchResource, Mode, Policy};
use super::language::Not;
use super::settings::{NoMatch, Settings};
use super::trust_root::TrustRoot;
use crate::images;
use crate::jmespath::Surroundings;
use crate::kyverno::images::Parts;
use crate::kyverno::verify_images::{Answer, Credentials, Evidence, Found, ImageNeed};
use crate::kyverno::{Action, Input, Need, Operation, Response, Snapshot, Status};

/// Questions that one request may ask.
const MAX_QUESTIONS: usize = 4_096;
/// Statements of one type.
const MAX_STATEMENTS: usize = 1_000;
/// Bytes of one message.
const MAX_MESSAGE: usize = 8 << 10;

/// What is known beside policies and request.
#[derive(Clone, Copy, Debug)]
pub struct Known<'k> {
    /// The controller's settings.
    pub settings: &'k Settings,
    /// `TrustRoot` documents. An authority that names one that is not here refuses.
    pub roots: &'k [TrustRoot],
    /// What was found out about images.
    pub evidence: &'k Evidence,
    /// ConfigMaps and answers of services.
    pub snapshot: &'k Snapshot,
}

/// What all policies say of a request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Judgement {
    /// One response for each policy and image; its rule is the policy's name, and empty for an image that no policy matches.
    pub responses: Vec<Response>,
    /// What must be asked of registries before what ended in an error can be decided.
    pub images: BTreeSet<ImageNeed>,
    /// What must be fetched besides.
    pub needs: BTreeSet<Need>,
    /// What who asks is told, though nothing is refused.
    pub warnings: Vec<String>,
    /// Where a tag stands, and the text with the digest that was verified.
    pub pinned: BTreeMap<String, String>,
}

/// Judges a request. Nothing is fetched: what is missing is in the judgement, and what needs it is an error.
pub fn judge(policies: &[Policy], input: &Input, known: &Known<'_>, surroundings: &Surroundings) -> Judgement {
    let mut judge = Judge { input, known, surroundings, out: Judgement::default(), digests: BTreeMap::new(), asked: 0 };
    let Some(object) = input.object() else { return judge.out };
    if input.operation == Operation::Delete || input.subresource == "status" {
        return judge.out;
    }
    let named = match images::of(object, &[]) {
        Ok(named) => named,
        Err(err) => {
            judge.respond("", Status::Error, err.to_string(), "", Action::Enforce);
            return judge.out;
        }
    };
    if is_going(input) && same_images(&named, input) {
        return judge.out;
    }
    for image in named {
        let parts = image.text.ok().and_then(Parts::parse);
        let Some(parts) = parts else {
            let shown = image.text.map_or_else(|why| why.to_string(), |text| format!("`{}`", text.escape_debug()));
            let message = format!("could not parse reference: {}: {shown}", dotted(&image.pointer));
            judge.respond("", Status::Error, message, &image.pointer, Action::Enforce);
            continue;
        };
        judge.image(policies, object, &parts, &image.pointer);
    }
    judge.out
}

/// Whether an object is on its way out: a change of it must not be held up, unless it brings another image (CVE-2023-34091).
fn is_going(input: &Input) -> bool {
    let deleted =
        |object: Option<&Json>| object.is_some_and(|object| object.pointer("/metadata/deletionTimestamp").is_some());
    input.operation == Operation::Update && deleted(input.object()) && deleted(input.old_object())
}

fn same_images(named: &[images::Named<'_>], input: &Input) -> bool {
    let Some(Ok(old)) = input.old_object().map(|old| images::of(old, &[])) else { return false };
    old.len() == named.len()
        && old.iter().zip(named).all(|(old, new)| old.pointer == new.pointer && old.text == new.text)
}

struct Judge<'j> {
    input: &'j Input,
    known: &'j Known<'j>,
    surroundings: &'j Surroundings,
    out: Judgement,
    digests: BTreeMap<String, String>,
    asked: usize,
}

/// The image that is judged.
struct Subject<'s> {
    /// `registry/path@digest`
    reference: String,
    digest: String,
    credentials: &'s Credentials,
}

/// `/spec/containers/0/image` as `spec.containers[0].image`.
fn dotted(pointer: &str) -> String {
    let mut text = String::new();
    for part in pointer.trim_start_matches('/').split('/') {
        if !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()) {
            text.push_str(&format!("[{part}]"));
        } else {
            text.push_str(if text.is_empty() { "" } else { "." });
            text.push_str(&part.replace("~1", "/").replace("~0", "~"));
        }
    }
    text
}

impl Judge<'_> {
    fn respond(&mut self, rule: &str, status: Status, message: String, pointer: &str, action: Action) {
        let mut message = message;
        if message.len() > MAX_MESSAGE {
            let end = (0..=MAX_MESSAGE).rev().find(|at| message.is_char_boundary(*at)).unwrap_or(0);
            message.truncate(end);
            message.push_str(" ...");
        }
        if action == Action::Audit && matches!(status, Status::Fail | Status::Error) {
            self.out.warnings.push(message.clone());
        }
        let (rule, path) = (rule.to_owned(), Some(pointer.to_owned()));
        self.out.responses.push(Response { rule, status, message, path, action, target: None });
    }

    fn image(&mut self, policies: &[Policy], object: &Json, parts: &Parts, pointer: &str) {
        let shown = parts.reference();
        let fitting = |policy: &&Policy| {
            let demands = policy.only_demands();
            policy.globs.iter().any(|glob| glob.includes(parts, demands)) && is_about(policy, self.input, object)
        };
        let matching: Vec<&Policy> = policies.iter().filter(fitting).collect();
        if matching.is_empty() {
            let message = format!("no matching policies: {}\n{shown}", dotted(pointer));
            match self.known.settings.no_match {
                NoMatch::Allow => {}
                NoMatch::Warn => self.respond("", Status::Fail, message, pointer, Action::Audit),
                NoMatch::Deny => self.respond("", Status::Fail, message, pointer, Action::Enforce),
            }
            return;
        }
        let credentials = Credentials { secrets: pull_secrets(object, pointer), ..Credentials::default() };
        for policy in matching {
            let action = if policy.mode == Mode::Warn { Action::Audit } else { Action::Enforce };
            match self.policy(policy, object, parts, &credentials, pointer) {
                Ok(()) => self.respond(
                    &policy.name,
                    Status::Pass,
                    format!("{shown} is as the policy demands"),
                    pointer,
                    action,
                ),
                Err(not) => {
                    let failed = format!("failed policy: {}: {}\n{shown}", policy.name, dotted(pointer));
                    match not {
                        Not::Refused(why) => {
                            self.respond(&policy.name, Status::Fail, format!("{failed} {why}"), pointer, action);
                        }
                        Not::Undecided(why) => {
                            self.respond(&policy.name, Status::Error, format!("{failed} {why}"), pointer, action);
                        }
                    }
                }
            }
        }
    }

    fn ask(&mut self, need: ImageNeed) -> Result<Answer, Not> {
        self.asked = self.asked.saturating_add(1);
        if self.asked > MAX_QUESTIONS {
            return Err(Not::Undecided(format!("the request asks more than {MAX_QUESTIONS} questions about images")));
        }
        match self.known.evidence.get(&need) {
            Some(Answer::Refused(why)) => Err(Not::Refused(why.clone())),
            Some(Answer::Unknown(why)) => Err(Not::Undecided(why.clone())),
            Some(answer) => Ok(answer.clone()),
            None => {
                let why = format!("{need} is needed and was not given");
                self.out.images.insert(need);
                Err(Not::Undecided(why))
            }
        }
    }

    /// The digest of an image; of a tag the first answer, for all policies.
    fn digest(&mut self, parts: &Parts, credentials: &Credentials, pointer: &str) -> Result<String, Not> {
        if !parts.digest.is_empty() {
            return Ok(parts.digest.clone());
        }
        let reference = parts.with_tag();
        let digest = match self.digests.get(&reference) {
            Some(known) => known.clone(),
            None => {
                match self.ask(ImageNeed::Digest { reference: reference.clone(), credentials: credentials.clone() })? {
                    Answer::Digest(digest) if Parts::parse(&parts.at(&digest)).is_some() => digest,
                    Answer::Digest(digest) => {
                        return Err(Not::Undecided(format!("`{}` is no digest", digest.escape_debug())));
                    }
                    _ => return Err(Not::Undecided("the answer is no digest".to_owned())),
                }
            }
        };
        self.digests.insert(reference, digest.clone());
        self.out.pinned.insert(pointer.to_owned(), parts.pinned(&digest));
        Ok(digest)
    }

    /// Whether one policy holds: one authority, and then its own `policy` over all that matched.
    fn policy(
        &mut self,
        policy: &Policy,
        object: &Json,
        parts: &Parts,
        credentials: &Credentials,
        pointer: &str,
    ) -> Result<(), Not> {
        let (mut matched, mut refused, mut undecided) = (Map::new(), Vec::new(), Vec::new());
        for authority in &policy.authorities {
            match self.authority(authority, parts, credentials, pointer) {
                Ok(found) => {
                    matched.insert(authority.name.clone(), found);
                    if policy.language.is_none() {
                        return Ok(());
                    }
                }
                Err(Not::Refused(why)) => refused.push(why),
                Err(Not::Undecided(why)) => undecided.push(why),
            }
        }
        // One of them must let it pass before the policy's own words are asked, as the Policy Controller does it.
        if policy.authorities.is_empty() {
            return Err(Not::Refused("no authority is named that could let it pass".to_owned()));
        }
        let Some(language) = &policy.language else {
            return Err(match undecided.is_empty() {
                true => Not::Refused(refused.join("\n")),
                false => Not::Undecided(undecided.join("\n")),
            });
        };
        if matched.is_empty() && undecided.is_empty() {
            return Err(Not::Refused(refused.join("\n")));
        }
        // What it looks at must be known as a whole, and what is in CUE says no whatever it is.
        if !undecided.is_empty() && !language.is_cue() {
            return Err(Not::Undecided(undecided.join("\n")));
        }
        let mut seen = json!({"authorityMatches": matched});
        if language.fetch_config {
            let digest = self.digest(parts, credentials, pointer)?;
            let need = ImageNeed::Configs { reference: parts.at(&digest), credentials: credentials.clone() };
            match self.ask(need)? {
                Answer::Configs(configs) if configs.is_object() => insert(&mut seen, "config", configs),
                _ => return Err(Not::Undecided("the answer is no configuration of an image".to_owned())),
            }
        }
        if language.include_spec {
            insert(&mut seen, "spec", object.get("spec").cloned().unwrap_or(Json::Null));
        }
        if language.include_metadata {
            insert(&mut seen, "metadata", object.get("metadata").cloned().unwrap_or(Json::Null));
        }
        if language.include_type {
            let part = |key: &str| object.get(key).cloned().unwrap_or(Json::Null);
            insert(&mut seen, "typemeta", json!({"apiVersion": part("apiVersion"), "kind": part("kind")}));
        }
        language.allows(&seen, self.known.snapshot, &mut self.out.needs, self.surroundings.now)
    }

    /// What an authority found, as policies see it.
    fn authority(
        &mut self,
        authority: &Authority,
        parts: &Parts,
        credentials: &Credentials,
        pointer: &str,
    ) -> Result<Json, Not> {
        let signed = match &authority.kind {
            Kind::Pass => return Ok(json!({"static": true})),
            Kind::Fail(message) => {
                let message = if message.is_empty() { String::new() } else { format!(": {message}") };
                return Err(Not::Refused(format!("disallowed by static policy{message}")));
            }
            Kind::Signed(signed) => signed,
        };
        for name in signed.roots() {
            match self.known.roots.iter().find(|root| root.name == name) {
                None => {
                    return Err(Not::Undecided(format!(
                        "trust root `{name}` of authority {} is not there",
                        authority.name
                    )));
                }
                Some(root) if !root.unusable.is_empty() => {
                    let why = root.unusable.join(", ");
                    return Err(Not::Undecided(format!(
                        "trust root `{name}` of authority {} cannot be used: {why}",
                        authority.name
                    )));
                }
                Some(_) => {}
            }
        }
        // A policy in CUE says no whatever is attested: nobody needs to be asked.
        let cue = signed
            .attestations
            .iter()
            .filter_map(|attestation| attestation.policy.as_ref())
            .find(|policy| policy.is_cue());
        if let Some(language) = cue {
            let said = language.allows(&Json::Null, self.known.snapshot, &mut self.out.needs, self.surroundings.now);
            return Err(said.err().unwrap_or_else(|| Not::Refused("CUE is not evaluated".to_owned())));
        }
        let digest = self.digest(parts, credentials, pointer)?;
        let subject = Subject { reference: parts.at(&digest), digest, credentials };
        let found = if signed.attestations.is_empty() {
            self.found(signed, &subject, None).and_then(|found| match found.signatures.is_empty() {
                true => Err(Not::Refused("no matching signatures".to_owned())),
                false => Ok(json!({"signatures": found.signatures})),
            })
        } else {
            self.attestations(signed, &subject)
        };
        let kind = if signed.is_key() { "key" } else { "keyless" };
        let what = if signed.attestations.is_empty() { "signature" } else { "attestation" };
        let place =
            format!("{what} {kind} validation failed for authority {} for {}", authority.name, subject.reference);
        found.map_err(|not| match not {
            Not::Refused(why) => Not::Refused(format!("{place}: {why}")),
            Not::Undecided(why) => Not::Undecided(format!("{place}: {why}")),
        })
    }

    fn found(&mut self, signed: &Signed, subject: &Subject<'_>, kind: Option<&str>) -> Result<Found, Not> {
        let demand = signed.demand(&subject.reference, subject.credentials, kind, self.known.roots);
        match self.ask(ImageNeed::Verified(Box::new(demand)))? {
            Answer::Found(found) if found.digest != subject.digest => {
                Err(Not::Refused(format!("what was found is about {}, not about {}", found.digest, subject.digest)))
            }
            Answer::Found(found) => Ok(*found),
            _ => Err(Not::Undecided("the answer says nothing about signatures".to_owned())),
        }
    }

    /// Each attestation of an authority must be there, and of each one statement must be as its policy says.
    fn attestations(&mut self, signed: &Signed, subject: &Subject<'_>) -> Result<Json, Not> {
        let mut all = Map::new();
        for wanted in &signed.attestations {
            let found = self.found(signed, subject, Some(&wanted.predicate_type))?;
            if found.statements.len() > MAX_STATEMENTS {
                return Err(Not::Undecided(format!("there are more than {MAX_STATEMENTS} attestations")));
            }
            let (mut kept, mut first) = (Vec::new(), None);
            for (signature, statement) in &found.statements {
                // One of another type counts for nothing, whoever answers (CVE-2022-35930).
                if statement.get("predicateType").and_then(Json::as_str) != Some(&wanted.predicate_type) {
                    continue;
                }
                let said = match &wanted.policy {
                    None => Ok(()),
                    Some(language) => {
                        language.allows(statement, self.known.snapshot, &mut self.out.needs, self.surroundings.now)
                    }
                };
                match said {
                    Ok(()) => {
                        let mut shown = signature.clone();
                        insert(&mut shown, "predicateType", json!(wanted.predicate_type));
                        kept.push(shown);
                    }
                    Err(not) => {
                        first.get_or_insert(not);
                    }
                }
            }
            if kept.is_empty() {
                let (name, kind) = (&wanted.name, &wanted.predicate_type);
                return Err(match first {
                    Some(Not::Refused(why)) => Not::Refused(format!("failed evaluating policy for {name}: {why}")),
                    Some(Not::Undecided(why)) => Not::Undecided(format!("failed evaluating policy for {name}: {why}")),
                    None => Not::Refused(format!("no matching attestations with type {kind}")),
                });
            }
            all.entry(wanted.name.clone()).or_insert_with(|| json!([]));
            if let Some(list) = all.get_mut(&wanted.name).and_then(Json::as_array_mut) {
                list.append(&mut kept);
            }
        }
        Ok(json!({"attestations": all}))
    }
}

fn insert(of: &mut Json, key: &str, value: Json) {
    if let Some(entries) = of.as_object_mut() {
        entries.insert(key.to_owned(), value);
    }
}

/// Whether a policy is about the kind and labels of an object.
fn is_about(policy: &Policy, input: &Input, object: &Json) -> bool {
    policy.matches.is_empty() || policy.matches.iter().any(|wanted| wanted.includes(input, object))
}

impl MatchResource {
    fn includes(&self, input: &Input, object: &Json) -> bool {
        let fits = |wanted: &str, found: &str| wanted.is_empty() || wanted == "*" || wanted == found;
        let asked = input.asked_for();
        let resource =
            asked.map_or_else(|| format!("{}s", input.kind.kind.to_lowercase()), |asked| asked.plural.to_owned());
        let (group, version) = asked
            .map_or((input.kind.group.as_str(), input.kind.version.as_str()), |asked| (asked.group, asked.version));
        let labels = object.pointer("/metadata/labels").and_then(Json::as_object);
        let labels: Vec<(&str, &str)> =
            labels.into_iter().flatten().filter_map(|(key, value)| Some((key.as_str(), value.as_str()?))).collect();
        fits(&self.group, group)
            && fits(&self.version, version)
            && fits(&self.resource, &resource)
            && self.selector.as_ref().is_none_or(|selector| selector.matches(&labels))
    }
}

/// The secrets that the Pod of an image names for its registry.
fn pull_secrets(object: &Json, pointer: &str) -> Vec<String> {
    let spec = ["/initContainers/", "/containers/", "/ephemeralContainers/", "/volumes/"]
        .iter()
        .find_map(|part| pointer.find(part).and_then(|at| pointer.get(..at)))
        .and_then(|route| object.pointer(route));
    let secrets = spec.and_then(|spec| spec.get("imagePullSecrets")).and_then(Json::as_array);
    let names = secrets.into_iter().flatten().filter_map(|secret| secret.get("name").and_then(Json::as_str));
    names.map(str::to_owned).take(16).collect()
}
