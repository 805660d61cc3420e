//! The shape of the document: what is written under which name. Fields are added, never renamed or removed.

use std::collections::BTreeMap;

use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Document<'a> {
    pub(super) schema_version: u32,
    pub(super) tool: Tool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) created: Option<String>,
    pub(super) subject: Subject<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) distro: Option<Distro<'a>>,
    pub(super) packages: Vec<PackageRow<'a>>,
    pub(super) relationships: Vec<Edge>,
    pub(super) executables: Executables<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) findings: Option<Vec<FindingRow<'a>>>,
    pub(super) unexamined: Vec<UnexaminedRow<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) database: Option<Database<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fail_on: Option<ThresholdRow<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) decision: Option<DecisionRow<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) notes: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) base: Option<BaseRow<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) baseline: Option<BaselineRow<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) licenses: Option<Vec<LicenceRow<'a>>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BaseRow<'a> {
    pub(super) layers: usize,
    pub(super) known_by: &'a str,
    pub(super) own_findings: usize,
    pub(super) inherited_findings: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BaselineRow<'a> {
    pub(super) report: &'a str,
    pub(super) known: usize,
    pub(super) counted_again: usize,
    pub(super) fixed: Vec<GoneRow<'a>>,
}

#[derive(Serialize)]
pub(super) struct GoneRow<'a> {
    pub(super) id: &'a str,
    pub(super) kind: &'static str,
    pub(super) name: &'a str,
    pub(super) version: &'a str,
    pub(super) severity: &'static str,
}

#[derive(Serialize)]
pub(super) struct LicenceRow<'a> {
    pub(super) package: u32,
    pub(super) name: &'a str,
    pub(super) version: &'a str,
    pub(super) license: &'a str,
    pub(super) category: &'static str,
    pub(super) severity: &'static str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) denied: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ignored: Option<&'static str>,
}

#[derive(Serialize)]
pub(super) struct Tool {
    pub(super) name: &'static str,
    pub(super) version: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Subject<'a> {
    pub(super) kind: &'static str,
    pub(super) name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) digest: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) image: Option<Image<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Image<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) manifest_digest: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) index_digest: Option<String>,
    pub(super) config_digest: String,
    pub(super) platform: String,
    pub(super) tags: Vec<String>,
    pub(super) repo_digests: Vec<String>,
    pub(super) layers: Vec<Layer<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Layer<'a> {
    pub(super) diff_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) digest: Option<String>,
    pub(super) size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) created_by: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Distro<'a> {
    pub(super) id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) version_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pretty_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) codename: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) point_release: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) channel: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) id_like: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cpe_name: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PackageRow<'a> {
    pub(super) kind: &'static str,
    pub(super) name: &'a str,
    pub(super) version: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) purl: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) arch: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) source: Option<Source<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) module: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) vendor: Option<&'a str>,
    pub(super) licenses: Vec<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) checksums: BTreeMap<&'static str, &'a str>,
    pub(super) locations: Vec<Place<'a>>,
    pub(super) presence: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) directness: Option<&'static str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) dev: bool,
    pub(super) found_by: &'static str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) cpes: &'a [String],
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) extra: BTreeMap<&'a str, &'a str>,
}

#[derive(Serialize)]
pub(super) struct Source<'a> {
    pub(super) name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<&'a str>,
}

#[derive(Serialize)]
pub(super) struct Place<'a> {
    pub(super) path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) layer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) lines: Option<(u32, u32)>,
}

#[derive(Serialize)]
pub(super) struct Edge {
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) kind: &'static str,
}

#[derive(Serialize)]
pub(super) struct Executables<'a> {
    pub(super) total: usize,
    pub(super) unidentified: Vec<ExecutableRow<'a>>,
}

#[derive(Serialize)]
pub(super) struct ExecutableRow<'a> {
    pub(super) path: &'a str,
    pub(super) digest: String,
    pub(super) size: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FindingRow<'a> {
    pub(super) id: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) aliases: &'a [String],
    pub(super) package: u32,
    pub(super) name: &'a str,
    pub(super) version: &'a str,
    pub(super) severity: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) severity_source: Option<&'a str>,
    pub(super) severities: BTreeMap<&'a str, &'static str>,
    pub(super) status: &'static str,
    pub(super) fixed_in: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) cvss: BTreeMap<&'a str, CvssRow<'a>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) cwes: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) url: Option<String>,
    pub(super) references: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) published: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) modified: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) kev: Option<Kev<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) epss: Option<EpssRow>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) vendor_ids: &'a [String],
    pub(super) data_source: DataSource<'a>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) malicious: bool,
    pub(super) why: WhyRow<'a>,
    pub(super) locations: Vec<Place<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) suppressed: Option<SuppressionRow<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) origin: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CvssRow<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) v2_vector: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) v2_score: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) v3_vector: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) v3_score: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) v4_vector: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) v4_score: Option<f64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Kev<'a> {
    pub(super) date_added: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) due_date: Option<&'a str>,
    pub(super) ransomware: bool,
}

#[derive(Serialize)]
pub(super) struct EpssRow {
    pub(super) score: f64,
    pub(super) percentile: f64,
}

#[derive(Serialize)]
pub(super) struct DataSource<'a> {
    pub(super) id: &'a str,
    pub(super) name: &'a str,
    pub(super) url: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WhyRow<'a> {
    pub(super) matched_name: &'a str,
    pub(super) matched_version: &'a str,
    pub(super) range: &'a str,
    pub(super) stream: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) notes: &'a [String],
}

#[derive(Serialize)]
pub(super) struct SuppressionRow<'a> {
    pub(super) kind: &'static str,
    pub(super) source: &'a str,
    pub(super) status: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) statement: Option<&'a str>,
}

#[derive(Serialize)]
pub(super) struct UnexaminedRow<'a> {
    pub(super) path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) layer: Option<String>,
    pub(super) kind: &'static str,
    pub(super) by: &'a str,
    pub(super) why: &'a str,
}

#[derive(Serialize)]
pub(super) struct Database<'a> {
    pub(super) digest: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) built: Option<String>,
    pub(super) feeds: Vec<Feed<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Feed<'a> {
    pub(super) name: &'a str,
    pub(super) url: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) data_time: Option<String>,
    pub(super) licence: &'a str,
    pub(super) redistributable: bool,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) attribution: &'a str,
    pub(super) trust: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) trust_detail: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DecisionRow<'a> {
    pub(super) verdict: &'static str,
    pub(super) judged: &'static str,
    pub(super) mode: &'static str,
    pub(super) policy: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) policy_digest: Option<String>,
    pub(super) databases: Vec<String>,
    pub(super) rules: Vec<RuleRow<'a>>,
    pub(super) exceptions: Vec<ExceptionRow<'a>>,
    pub(super) not_judged: Vec<NotJudgedRow<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RuleRow<'a> {
    pub(super) rule: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) expression: Option<&'a str>,
    pub(super) verdict: &'static str,
    pub(super) looked_at: Vec<String>,
    pub(super) examined: usize,
    pub(super) hits: Vec<HitRow<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) remedy: Option<&'a str>,
}

#[derive(Serialize)]
pub(super) struct HitRow<'a> {
    pub(super) subject: &'a str,
    pub(super) verdict: &'static str,
    pub(super) why: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) missing: &'a [String],
}

#[derive(Serialize)]
pub(super) struct ExceptionRow<'a> {
    pub(super) ids: &'a [String],
    pub(super) packages: &'a [String],
    pub(super) owner: &'a str,
    pub(super) reason: &'a str,
    pub(super) until: String,
    pub(super) state: &'static str,
    pub(super) overdue: bool,
}

#[derive(Serialize)]
pub(super) struct NotJudgedRow<'a> {
    pub(super) section: &'a str,
    pub(super) why: &'a str,
}

#[derive(Serialize)]
pub(super) struct ThresholdRow<'a> {
    pub(super) expression: &'a str,
    pub(super) hits: &'a [String],
}
