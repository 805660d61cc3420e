//! The provenance predicates of SLSA 0.2 and 1, with the conventions of the builders that write them.
//!
//! A predicate says where its source stands only by the contract of its builder (`buildType`), so each known builder is a [`Dialect`], and a
//! combination that no builder is known to write is refused.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Requirement, SlsaError, source};

/// Predicate type of SLSA provenance 0.2.
pub(super) const V02: &str = "https://slsa.dev/provenance/v0.2";
/// Predicate type of SLSA provenance 1.
pub(super) const V1: &str = "https://slsa.dev/provenance/v1";

pub(super) const NPM_RUNNER: &str = "https://github.com/actions/runner";
pub(super) const NPM_RUNNER_HOSTED: &str = "https://github.com/actions/runner/github-hosted";
pub(super) const NPM_RUNNER_SELF: &str = "https://github.com/actions/runner/self-hosted";

const DELEGATED: &str = "https://github.com/slsa-framework/slsa-github-generator/delegator-generic@v0";
const NPM_CLI: &str = "https://github.com/npm/cli/gha@v1";
const NPM_CLI_V2: &str = "https://github.com/npm/cli/gha/v2";
const WORKFLOW: &str = "https://slsa-framework.github.io/github-actions-buildtypes/workflow/v1";
const GITHUB_WORKFLOW: &str = "https://actions.github.io/buildtypes/workflow/v1";
const CONTAINER_BASED: &str = "https://slsa.dev/container-based-build/v0.1?draft";

/// One subject of a statement.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Subject {
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) digest: BTreeMap<String, String>,
}

/// The header that all statements share (in-toto attestation framework, section "Statement").
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Header {
    #[serde(rename = "_type")]
    kind: String,
    #[serde(rename = "predicateType")]
    pub(super) predicate_type: String,
    #[serde(default)]
    pub(super) subject: Vec<Subject>,
}

/// Reads a statement's header, and refuses what is no in-toto statement or has no subject.
pub(super) fn header(payload: &[u8]) -> Result<Header, SlsaError> {
    let header: Header = parse(payload)?;
    if !["https://in-toto.io/Statement/v0.1", "https://in-toto.io/Statement/v1"].contains(&header.kind.as_str()) {
        return Err(SlsaError::payload("an in-toto statement", format!("type `{}`", header.kind)));
    }
    if header.subject.is_empty() {
        return Err(SlsaError::payload("at least one subject", "none"));
    }
    Ok(header)
}

/// Reads a JSON document of a given shape.
pub(super) fn parse<'a, T: Deserialize<'a>>(payload: &'a [u8]) -> Result<T, SlsaError> {
    serde_json::from_slice(payload)
        .map_err(|error| SlsaError::payload("a statement of its type's shape", error.to_string()))
}

/// Some subject carries the digest, under the algorithm that the digest's length says.
pub(super) fn check_digest(subjects: &[Subject], digest: &str) -> Result<(), SlsaError> {
    let bits = digest.len() * 4;
    if bits < 256 {
        return Err(SlsaError::new(Requirement::Digest, "a digest of at least 256 bits", format!("{bits} bits")));
    }
    let algorithm = format!("sha{bits}");
    if subjects.iter().any(|subject| subject.digest.get(&algorithm).is_some_and(|found| found == digest)) {
        return Ok(());
    }
    let found: Vec<&str> =
        subjects.iter().filter_map(|subject| subject.digest.get(&algorithm)).map(String::as_str).take(3).collect();
    Err(SlsaError::new(
        Requirement::Digest,
        format!("{algorithm}:{digest}"),
        if found.is_empty() { format!("no {algorithm} in {} subjects", subjects.len()) } else { found.join(", ") },
    ))
}

#[derive(Debug, Deserialize)]
struct StatementV02 {
    predicate: PredicateV02,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PredicateV02 {
    builder: Builder,
    build_type: String,
    #[serde(default)]
    invocation: Invocation,
    #[serde(default)]
    pub(super) build_config: Option<Value>,
    #[serde(default)]
    pub(super) metadata: Option<MetadataV02>,
    #[serde(default)]
    materials: Vec<Resource>,
}

#[derive(Debug, Deserialize)]
struct Builder {
    id: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Invocation {
    #[serde(default)]
    config_source: ConfigSource,
    #[serde(default)]
    parameters: Option<Value>,
    #[serde(default)]
    environment: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ConfigSource {
    #[serde(default)]
    uri: String,
    #[serde(default)]
    digest: BTreeMap<String, String>,
    #[serde(default)]
    entry_point: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MetadataV02 {
    #[serde(default, alias = "buildInvocationID")]
    build_invocation_id: String,
    #[serde(default)]
    build_started_on: Option<String>,
    #[serde(default)]
    build_finished_on: Option<String>,
    #[serde(default)]
    pub(super) completeness: Completeness,
    #[serde(default)]
    pub(super) reproducible: bool,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Completeness {
    #[serde(default)]
    pub(super) parameters: bool,
    #[serde(default)]
    pub(super) environment: bool,
    #[serde(default)]
    pub(super) materials: bool,
}

#[derive(Debug, Deserialize)]
struct Resource {
    #[serde(default)]
    uri: String,
    #[serde(default)]
    digest: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
struct StatementV1 {
    predicate: PredicateV1,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PredicateV1 {
    build_definition: BuildDefinition,
    run_details: RunDetails,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct BuildDefinition {
    build_type: String,
    #[serde(default)]
    external_parameters: Option<Value>,
    #[serde(default)]
    internal_parameters: Option<Value>,
    #[serde(default)]
    resolved_dependencies: Vec<Resource>,
}

#[derive(Debug, Deserialize)]
struct RunDetails {
    builder: Builder,
    #[serde(default)]
    metadata: MetadataV1,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct MetadataV1 {
    #[serde(default, alias = "invocationID")]
    invocation_id: String,
    #[serde(default)]
    started_on: Option<String>,
    #[serde(default)]
    finished_on: Option<String>,
}

#[derive(Debug)]
pub(super) enum Predicate {
    V02(PredicateV02),
    V1(PredicateV1),
}

/// Whose contract a predicate follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dialect {
    /// The generators of slsa-github-generator: variables in lower case.
    Generator,
    /// A builder called through a delegating workflow: variables in upper case; the source says the reference.
    Delegated,
    /// slsa-github-generator's container-based builder.
    ContainerBased,
    /// `npm publish --provenance`.
    NpmCli,
    /// GitHub's own `attest-build-provenance`.
    GithubAttest,
}

/// A provenance statement that some builder is known to write.
#[derive(Debug)]
pub(super) struct Provenance {
    pub(super) subjects: Vec<Subject>,
    pub(super) predicate: Predicate,
    /// Members of the statement that are not read here, so that nothing vouches for them.
    pub(super) unknown: Vec<String>,
    dialect: Dialect,
}

impl Provenance {
    /// Reads the statement that `builder` (the workflow that signed, or npm's runner) wrote.
    pub(super) fn read(payload: &[u8], builder: &str) -> Result<Self, SlsaError> {
        let header = header(payload)?;
        let mut unknown = Vec::new();
        let mut note = |path: serde_ignored::Path<'_>| {
            if unknown.len() < 32 {
                unknown.push(path.to_string());
            }
        };
        let mut json = serde_json::Deserializer::from_slice(payload);
        let shape =
            |error: serde_json::Error| SlsaError::payload("a provenance of its type's shape", error.to_string());
        let predicate = match header.predicate_type.as_str() {
            V02 => Predicate::V02(
                serde_ignored::deserialize::<_, _, StatementV02>(&mut json, &mut note).map_err(shape)?.predicate,
            ),
            V1 => Predicate::V1(
                serde_ignored::deserialize::<_, _, StatementV1>(&mut json, &mut note).map_err(shape)?.predicate,
            ),
            other => return Err(SlsaError::payload("SLSA provenance 0.2 or 1", format!("predicate type `{other}`"))),
        };
        unknown.retain(|path| !["_type", "predicateType", "subject"].contains(&path.as_str()));
        let dialect = dialect(&predicate, builder)?;
        Ok(Self { subjects: header.subject, predicate, unknown, dialect })
    }

    pub(super) fn builder_id(&self) -> &str {
        match &self.predicate {
            Predicate::V02(predicate) => &predicate.builder.id,
            Predicate::V1(predicate) => &predicate.run_details.builder.id,
        }
    }

    fn resources(&self) -> &[Resource] {
        match &self.predicate {
            Predicate::V02(predicate) => &predicate.materials,
            Predicate::V1(predicate) => &predicate.build_definition.resolved_dependencies,
        }
    }

    pub(super) fn resource_count(&self) -> usize {
        self.resources().len()
    }

    /// The source: by contract of all these builders the first resource.
    pub(super) fn source_uri(&self) -> Result<&str, SlsaError> {
        self.resources()
            .first()
            .map(|resource| resource.uri.as_str())
            .filter(|uri| !uri.is_empty())
            .ok_or_else(|| SlsaError::payload("the source as the first material", "none"))
    }

    /// The commit of the source.
    pub(super) fn commit(&self) -> Option<&str> {
        let digest = &self.resources().first()?.digest;
        digest.get("gitCommit").or_else(|| digest.get("sha1")).map(String::as_str)
    }

    /// Each commit that is named: of the source, and of the workflow's own repository.
    pub(super) fn commits(&self) -> impl Iterator<Item = &str> {
        let configured = match &self.predicate {
            Predicate::V02(predicate) => predicate.invocation.config_source.digest.get("sha1").map(String::as_str),
            Predicate::V1(_) => None,
        };
        self.commit().into_iter().chain(configured)
    }

    /// What triggered the build, as `git+URI@REF`.
    pub(super) fn trigger_uri(&self) -> Result<String, SlsaError> {
        match &self.predicate {
            Predicate::V02(predicate) => {
                let uri = &predicate.invocation.config_source.uri;
                if uri.is_empty() {
                    return Err(SlsaError::payload("the source of the workflow", "none"));
                }
                Ok(uri.clone())
            }
            Predicate::V1(_) if matches!(self.dialect, Dialect::NpmCli | Dialect::GithubAttest) => {
                let workflow = self.workflow()?;
                Ok(format!("git+{}@{}", text(workflow, "repository")?, text(workflow, "ref")?))
            }
            Predicate::V1(_) => {
                let environment = self.environment()?;
                let workflow = text(environment, "GITHUB_WORKFLOW_REF")?;
                let wrong = || SlsaError::payload("ORG/REPO/PATH@REF as the workflow", format!("`{workflow}`"));
                let (path, reference) =
                    workflow.split_once('@').filter(|(_, reference)| !reference.contains('@')).ok_or_else(wrong)?;
                let mut parts = path.splitn(3, '/');
                let (org, repo) = parts.next().zip(parts.next()).ok_or_else(wrong)?;
                Ok(format!("git+https://github.com/{org}/{repo}@{reference}"))
            }
        }
    }

    /// The parameter `workflow` of SLSA 1.
    fn workflow(&self) -> Result<&Map<String, Value>, SlsaError> {
        let Predicate::V1(predicate) = &self.predicate else {
            return Err(SlsaError::payload("external parameters of SLSA 1", "SLSA 0.2"));
        };
        predicate
            .build_definition
            .external_parameters
            .as_ref()
            .and_then(|parameters| parameters.get("workflow"))
            .and_then(Value::as_object)
            .ok_or_else(|| SlsaError::payload("an object as external parameter `workflow`", "none"))
    }

    /// The workflow file that was started.
    pub(super) fn trigger_path(&self) -> Result<&str, SlsaError> {
        match &self.predicate {
            Predicate::V02(predicate) => Ok(&predicate.invocation.config_source.entry_point),
            Predicate::V1(_) => text(self.workflow()?, "path"),
        }
    }

    /// The builder's variables: the environment of SLSA 0.2, the internal parameters of SLSA 1.
    pub(super) fn environment(&self) -> Result<&Map<String, Value>, SlsaError> {
        match &self.predicate {
            Predicate::V02(predicate) => predicate.invocation.environment.as_ref(),
            Predicate::V1(predicate) => predicate.build_definition.internal_parameters.as_ref(),
        }
        .and_then(Value::as_object)
        .ok_or_else(|| SlsaError::payload("an object with the builder's variables", "none"))
    }

    /// Whether the source is expected to carry its reference. Builds of npm before its release, and delegated builds of another commit, do not.
    pub(super) fn source_may_lack_reference(&self) -> bool {
        match &self.predicate {
            Predicate::V02(predicate) => [NPM_CLI, DELEGATED].contains(&predicate.build_type.as_str()),
            Predicate::V1(predicate) => predicate.build_definition.build_type == DELEGATED,
        }
    }

    pub(super) fn invocation_id(&self) -> &str {
        match &self.predicate {
            Predicate::V02(predicate) => {
                predicate.metadata.as_ref().map_or("", |metadata| &metadata.build_invocation_id)
            }
            Predicate::V1(predicate) => &predicate.run_details.metadata.invocation_id,
        }
    }

    /// Whether start or end of the build is stated.
    pub(super) fn states_times(&self) -> bool {
        match &self.predicate {
            Predicate::V02(predicate) => predicate
                .metadata
                .as_ref()
                .is_some_and(|metadata| metadata.build_started_on.is_some() || metadata.build_finished_on.is_some()),
            Predicate::V1(predicate) => {
                let metadata = &predicate.run_details.metadata;
                metadata.started_on.is_some() || metadata.finished_on.is_some()
            }
        }
    }

    /// Whether parameters that no contract of npm has are given.
    pub(super) fn has_parameters(&self) -> bool {
        let filled = |value: &Option<Value>| {
            value.as_ref().is_some_and(|value| !value.is_null() && value.as_object().is_none_or(|map| !map.is_empty()))
        };
        match &self.predicate {
            Predicate::V02(predicate) => filled(&predicate.invocation.parameters) || filled(&predicate.build_config),
            Predicate::V1(_) => false,
        }
    }

    /// The full reference of the branch that the source was taken from; empty where none is known.
    pub(super) fn branch_ref(&self) -> Result<String, SlsaError> {
        if matches!(self.dialect, Dialect::Delegated | Dialect::GithubAttest) {
            let reference = self.source_ref()?;
            return match kind_of(reference) {
                Some("heads") => Ok(reference.to_owned()),
                // GitHub's own attestations carry no variables that would name it.
                Some("tags") if self.dialect == Dialect::GithubAttest => {
                    Err(SlsaError::payload("a source that names its branch", format!("`{reference}`")))
                }
                Some("tags") => self.branch_of_variables(),
                _ => Err(SlsaError::payload("a branch or a tag", format!("`{reference}`"))),
            };
        }
        self.branch_of_variables()
    }

    /// The full reference of the tag that the source was taken from; empty where it was a branch.
    pub(super) fn tag_ref(&self) -> Result<String, SlsaError> {
        if matches!(self.dialect, Dialect::Delegated | Dialect::GithubAttest) {
            let reference = self.source_ref()?;
            return match kind_of(reference) {
                Some("heads") => Ok(String::new()),
                Some("tags") => Ok(reference.to_owned()),
                _ => Err(SlsaError::payload("a branch or a tag", format!("`{reference}`"))),
            };
        }
        match self.variable("github_ref_type")? {
            "branch" => Ok(String::new()),
            "tag" => self.variable("github_ref").map(str::to_owned),
            other => Err(SlsaError::payload("`branch` or `tag` as the kind of reference", format!("`{other}`"))),
        }
    }

    fn source_ref(&self) -> Result<&str, SlsaError> {
        let uri = self.source_uri()?;
        source::split(uri)?.1.ok_or_else(|| SlsaError::payload("a source with its reference", format!("`{uri}`")))
    }

    fn branch_of_variables(&self) -> Result<String, SlsaError> {
        match self.variable("github_ref_type")? {
            "branch" => return self.variable("github_ref").map(str::to_owned),
            "tag" => {}
            other => {
                return Err(SlsaError::payload("`branch` or `tag` as the kind of reference", format!("`{other}`")));
            }
        }
        let base = self.variable("github_base_ref")?;
        if !base.is_empty() {
            return Ok(base.to_owned());
        }
        // A tag alone names no branch; the event may.
        let event = self.variable("github_event_name")?;
        let payload = self.event()?;
        Ok(match event {
            "push" => payload
                .get("base_ref")
                .ok_or_else(|| SlsaError::payload("`base_ref` in the event", "none"))?
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            "release" => {
                let release = payload
                    .get("release")
                    .and_then(Value::as_object)
                    .ok_or_else(|| SlsaError::payload("`release` in the event", "none"))?;
                format!("refs/heads/{}", text(release, "target_commitish")?)
            }
            _ => String::new(),
        })
    }

    /// The inputs of a workflow that was started by hand.
    pub(super) fn workflow_inputs(&self) -> Result<&Map<String, Value>, SlsaError> {
        let event = self.variable("github_event_name")?;
        if event != "workflow_dispatch" {
            return Err(SlsaError::new(
                Requirement::WorkflowInputs,
                "a workflow that was started by hand (`workflow_dispatch`)",
                format!("`{event}`"),
            ));
        }
        self.event()?
            .get("inputs")
            .and_then(Value::as_object)
            .ok_or_else(|| SlsaError::payload("`inputs` in the event", "none"))
    }

    fn event(&self) -> Result<&Map<String, Value>, SlsaError> {
        self.environment()?
            .get(self.spelled("github_event_payload").as_str())
            .and_then(Value::as_object)
            .ok_or_else(|| SlsaError::payload("the event that started the build", "none"))
    }

    fn variable(&self, name: &str) -> Result<&str, SlsaError> {
        text(self.environment()?, &self.spelled(name))
    }

    fn spelled(&self, name: &str) -> String {
        if self.dialect == Dialect::Generator { name.to_owned() } else { name.to_ascii_uppercase() }
    }
}

/// `heads` of `refs/heads/main`.
fn kind_of(reference: &str) -> Option<&str> {
    let (kind, name) = reference.strip_prefix("refs/")?.split_once('/')?;
    (!name.is_empty()).then_some(kind)
}

fn dialect(predicate: &Predicate, builder: &str) -> Result<Dialect, SlsaError> {
    let workflow = builder
        .strip_prefix("https://github.com/slsa-framework/slsa-github-generator/.github/workflows/")
        .and_then(|file| file.strip_suffix(".yml"))
        .unwrap_or_default();
    let generator = |kind| format!("https://github.com/slsa-framework/slsa-github-generator/{kind}@v1");
    let (build_type, found) = match predicate {
        Predicate::V02(predicate) => {
            let build_type = predicate.build_type.as_str();
            let found = match (workflow, build_type) {
                ("delegator_generic_slsa3" | "delegator_lowperms-generic_slsa3", DELEGATED) => Some(Dialect::Delegated),
                ("generator_generic_slsa3", _) if build_type == generator("generic") || build_type == LEGACY => {
                    Some(Dialect::Generator)
                }
                ("generator_container_slsa3", _) if build_type == generator("container") => Some(Dialect::Generator),
                ("builder_go_slsa3", _) if build_type == generator("go") || build_type == LEGACY_GO => {
                    Some(Dialect::Generator)
                }
                _ if [NPM_RUNNER, NPM_RUNNER_HOSTED, NPM_RUNNER_SELF].contains(&builder)
                    && [NPM_CLI, NPM_CLI_V2].contains(&build_type) =>
                {
                    Some(Dialect::NpmCli)
                }
                _ => None,
            };
            (build_type, found)
        }
        Predicate::V1(predicate) => {
            let build_type = predicate.build_definition.build_type.as_str();
            let found = match (workflow, build_type) {
                ("delegator_generic_slsa3" | "delegator_lowperms-generic_slsa3", DELEGATED) => Some(Dialect::Delegated),
                ("builder_container-based_slsa3" | "builder_docker-based_slsa3", CONTAINER_BASED) => {
                    Some(Dialect::ContainerBased)
                }
                ("generator_container_slsa3" | "generator_generic_slsa3" | "builder_go_slsa3", _)
                    if ["container", "generic", "go"].iter().any(|kind| build_type == generator(kind)) =>
                {
                    Some(Dialect::ContainerBased)
                }
                // npm names its runner in the long form since it writes SLSA 1, so the short one is nobody's here.
                _ if [NPM_RUNNER_HOSTED, NPM_RUNNER_SELF].contains(&builder) && build_type == WORKFLOW => {
                    Some(Dialect::NpmCli)
                }
                ("", GITHUB_WORKFLOW) if builder != NPM_RUNNER => Some(Dialect::GithubAttest),
                _ => None,
            };
            (build_type, found)
        }
    };
    found.ok_or_else(|| {
        SlsaError::new(
            Requirement::BuilderForm,
            "a build type that this builder writes",
            format!("`{build_type}` by `{builder}`"),
        )
    })
}

const LEGACY: &str = "https://github.com/slsa-framework/slsa-github-generator@v1";
const LEGACY_GO: &str = "https://github.com/slsa-framework/slsa-github-generator-go@v1";

/// A member that must be a text.
pub(super) fn text<'a>(map: &'a Map<String, Value>, name: &str) -> Result<&'a str, SlsaError> {
    map.get(name).and_then(Value::as_str).ok_or_else(|| SlsaError::payload(format!("a text `{name}`"), "none"))
}
