//! The environment of every gate on vulnerabilities: DESIGN section 5.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use signet_model::{Cvss, Finding, Package, Severity, Status, Timestamp};

use super::{Activation, Environment, Lookup, Type, Value};

/// The variables that `--fail-on` and the rules of a TrustPolicy see, for one finding.
pub fn finding_environment() -> Environment {
    let statuses: Vec<&str> = Status::ALL.into_iter().map(Status::name).collect();
    let environment = Environment::new()
        .variable(
            "severity",
            Type::Severity,
            "how bad: unknown < low < medium < high < critical, the vendor's word first",
        )
        .variable("fixed", Type::Bool, "a version that repairs it exists")
        .choice("status", &statuses, "what the maintainer does about it")
        .variable("kev", Type::Bool, "in CISA's catalogue of known exploited vulnerabilities")
        .variable("epss", Type::Double, "FIRST's probability of exploitation within 30 days, 0 to 1")
        .variable("cvss", Type::Double, "CVSS base score, 0 to 10")
        .variable("age", Type::Duration, "time since the vulnerability was published")
        .variable("package", Type::String, "name of the package")
        .variable("version", Type::String, "version of the package")
        .variable("purl", Type::String, "package URL")
        .variable("path", Type::String, "file that shows the package, from the root, without a leading slash")
        .variable("layer", Type::String, "diffID of the layer that brought it")
        .variable("base", Type::Bool, "it comes from the base image")
        .variable("id", Type::String, "id of the vulnerability")
        .variable("aliases", Type::list(Type::String), "its other ids")
        .variable("loaded", Type::Bool, "a running process has the package's code loaded")
        .variable("malicious", Type::Bool, "the package itself is an attack: it has no fix but its removal");
    Severity::ALL.into_iter().fold(environment, |environment, severity| {
        environment.constant(severity.name(), Value::Severity(severity), "a severity")
    })
}

/// What is known of one finding. `None` is "not known", and makes every term that needs it unknown; it never means "no".
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs, reason = "the fields are the variables of `finding_environment`, which documents them")]
pub struct FindingData {
    pub severity: Option<Severity>,
    pub fixed: Option<bool>,
    pub status: Option<Status>,
    pub kev: Option<bool>,
    pub epss: Option<f64>,
    pub cvss: Option<f64>,
    pub age: Option<SignedDuration>,
    pub package: Option<String>,
    pub version: Option<String>,
    pub purl: Option<String>,
    pub path: Option<String>,
    pub layer: Option<String>,
    pub base: Option<bool>,
    pub id: Option<String>,
    pub aliases: Option<Vec<String>>,
    pub loaded: Option<bool>,
    pub malicious: Option<bool>,
    /// Why a variable is not known, by its name. A variable that stands here is taken for missing even if it has a value: that is how data
    /// older than allowed is withdrawn.
    pub missing: BTreeMap<String, String>,
}

impl FindingData {
    /// What a finding and its package tell by themselves. `now` gives the age; `purl` is the package's, as reports show it.
    ///
    /// Set by what is there: `kev` and `epss` are `Some` only where the finding carries an entry. That a CVE is *not* in KEV is known only to
    /// who knows that the catalogue was read: set `kev` to `Some(false)` then. `base` and `loaded` are for the caller as well.
    /// `fixed` is true where a fixed version is named; otherwise false, unless the status is unknown.
    pub fn of(finding: &Finding, package: &Package, purl: Option<String>, now: Timestamp) -> FindingData {
        let vulnerability = &finding.vulnerability;
        let has_fix = !finding.fix.versions.is_empty();
        let location = package.locations.first();
        // A date in the future is no age; a negative one would pass every `age > ...` for "young".
        let age =
            vulnerability.published.map(|published| now.duration_since(published)).filter(|age| !age.is_negative());
        FindingData {
            severity: Some(finding.severity),
            fixed: (has_fix || finding.status != Status::Unknown).then_some(has_fix),
            status: Some(finding.status),
            kev: vulnerability.kev.is_some().then_some(true),
            epss: vulnerability.epss.map(|epss| epss.score),
            cvss: best_cvss(finding),
            age,
            package: Some(package.name.clone()),
            version: (!package.version.is_empty()).then(|| package.version.clone()),
            purl,
            path: location.map(|location| location.path.clone()),
            layer: location.and_then(|location| location.layer.as_ref()).map(ToString::to_string),
            base: None,
            id: Some(vulnerability.id.clone()),
            aliases: Some(vulnerability.aliases.clone()),
            loaded: None,
            malicious: Some(finding.malicious),
            missing: BTreeMap::new(),
        }
    }

    /// Withdraws a variable, with the reason that is shown.
    pub fn withdraw(&mut self, name: &str, reason: &str) {
        self.missing.insert(name.to_owned(), reason.to_owned());
    }

    /// All ids of the finding: its own, then its aliases.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.id.iter().chain(self.aliases.iter().flatten()).map(String::as_str)
    }
}

impl Activation for FindingData {
    fn lookup(&self, name: &str) -> Lookup {
        if let Some(reason) = self.missing.get(name) {
            return Lookup::Missing(reason.clone());
        }
        let text = |text: &Option<String>| text.as_deref().map(Value::string);
        let value = match name {
            "severity" => self.severity.map(Value::Severity),
            "fixed" => self.fixed.map(Value::Bool),
            "status" => self.status.map(|status| Value::string(status.name())),
            "kev" => self.kev.map(Value::Bool),
            // Not a number would make every comparison false, and so pass for "no".
            "epss" => self.epss.filter(|score| score.is_finite()).map(Value::Double),
            "cvss" => self.cvss.filter(|score| score.is_finite()).map(Value::Double),
            "age" => self.age.map(Value::Duration),
            "package" => text(&self.package),
            "version" => text(&self.version),
            "purl" => text(&self.purl),
            "path" => text(&self.path),
            "layer" => text(&self.layer),
            "base" => self.base.map(Value::Bool),
            "id" => text(&self.id),
            "aliases" => self.aliases.as_ref().map(Value::strings),
            "loaded" => self.loaded.map(Value::Bool),
            "malicious" => self.malicious.map(Value::Bool),
            _ => return Lookup::Missing("no such variable of a finding".to_owned()),
        };
        value.map_or_else(|| Lookup::Missing(default_reason(name).to_owned()), Lookup::Value)
    }
}

/// The newest score of the source that the severity is of; where it has none, the highest of the newest scores of all sources.
fn best_cvss(finding: &Finding) -> Option<f64> {
    let newest = |cvss: &Cvss| cvss.v4.1.or(cvss.v3.1).or(cvss.v2.1);
    let scores = &finding.vulnerability.cvss;
    let own = finding.severity_source.as_ref().and_then(|source| scores.get(source)).and_then(newest);
    own.or_else(|| scores.values().filter_map(newest).max_by(f64::total_cmp))
}

fn default_reason(name: &str) -> &'static str {
    match name {
        "kev" => "no catalogue of known exploited vulnerabilities was read",
        "epss" => "no EPSS score is known for it",
        "cvss" => "no source gives a CVSS score",
        "age" => "the date of publication is not known",
        "base" => "the base image is not known",
        "layer" => "not found in an image's layer",
        "loaded" => "no running process was observed",
        _ => "not known for this finding",
    }
}
