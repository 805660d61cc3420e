//! What we found, as Trivy reports it.

use std::collections::{BTreeMap, HashMap};

use signet_model::{
    Cvss, Digest, Directness, Distro, Finding, ImageInfo, Inventory, Package, PackageIndex, PackageKind,
    RelationshipKind, Severity, Subject, SubjectKind, SuppressionKind, Timestamp,
};
use signet_sbom::cyclonedx::trivy::purl;

use super::kinds::{self, Kind};
use super::uid;
use super::wire::{
    self, DataSource, Identifier, Layer, Lines, Metadata, Os, PackageRow, Report, ResultRow, Statement, Tool,
    UnexaminedRow, VulnerabilityRow,
};

/// Everything that a report is made of.
pub(super) struct Facts<'a> {
    pub(super) subject: &'a Subject,
    pub(super) inventory: &'a Inventory,
    pub(super) findings: &'a [Finding],
    /// `container_image`, `filesystem`, `repository`, `cyclonedx`, `spdx`.
    pub(super) artifact_type: &'a str,
    pub(super) now: Timestamp,
    pub(super) include_dev: bool,
    /// Whether the subject is an SBOM, whose packages may lack a file.
    pub(super) sbom: bool,
    /// Whether vulnerabilities were looked for: an operating system without packages has a result then too.
    pub(super) judged: bool,
    /// What paths within the subject begin with outside of it.
    pub(super) base: &'a str,
    /// `sha1:HEX` of the files that installed packages were found in, by path; for inventories.
    pub(super) digests: &'a HashMap<String, String>,
}

/// A package within a result.
struct Member {
    index: usize,
    /// The place that put it there.
    place: usize,
}

/// A result that is being gathered.
struct Group {
    target: String,
    kind: Kind,
    members: Vec<Member>,
}

/// The whole report, nothing filtered.
pub(super) fn build(facts: &Facts<'_>) -> Report {
    let image = facts.subject.image.as_ref();
    let os = os(facts.inventory.distro.as_ref(), facts.inventory);
    let artifact_id = match (facts.artifact_type, image) {
        ("container_image", Some(image)) => artifact_id(image),
        _ => String::new(),
    };
    let mut results = Vec::new();
    if let Some(os) = &os {
        let target = format!("{} ({} {})", facts.subject.name, os.family, os.name);
        let members: Vec<Member> = (0..facts.inventory.packages.len())
            .filter(|index| facts.inventory.packages[*index].kind.is_os())
            .map(|index| Member { index, place: 0 })
            .collect();
        if !members.is_empty() || facts.judged {
            results.push(result(facts, os, "os-pkgs", &target, &os.family, None, &members, &artifact_id));
        }
    }
    let nowhere = Os::default();
    let mut groups = groups(facts);
    groups.sort_by(|a, b| (&a.target, a.kind.ty).cmp(&(&b.target, b.kind.ty)));
    for group in &groups {
        let os = os.as_ref().unwrap_or(&nowhere);
        let ty = group.kind.ty;
        results.push(result(facts, os, "lang-pkgs", &group.target, ty, Some(group.kind), &group.members, &artifact_id));
    }
    Report {
        schema_version: 2,
        trivy: Tool { version: env!("CARGO_PKG_VERSION").to_owned() },
        report_id: report_id(facts),
        created_at: facts.now.to_string(),
        artifact_id,
        artifact_name: facts.subject.name.clone(),
        artifact_type: facts.artifact_type.to_owned(),
        metadata: metadata(facts, os),
        results,
        unexamined: facts
            .inventory
            .unexamined
            .iter()
            .map(|gap| UnexaminedRow {
                path: gap.location.to_string(),
                kind: gap.kind.name().to_owned(),
                by: gap.by.to_owned(),
                why: gap.why.clone(),
            })
            .collect(),
        rest: serde_json::Map::new(),
    }
}

/// Family and name as Trivy states them. Red Hat's and Debian's point releases count, where they are known.
fn os(distro: Option<&Distro>, inventory: &Inventory) -> Option<Os> {
    let distro = distro?;
    let family = kinds::family(&distro.id).to_owned();
    let version = distro.version_id.clone().unwrap_or_default();
    let name = match family.as_str() {
        "debian" => distro.point_release.clone().unwrap_or(version),
        "centos" | "redhat" | "alma" | "rocky" | "oracle" => distro.point_release.clone().unwrap_or(version),
        "alpine" => distro.point_release.clone().unwrap_or(version),
        _ => version,
    };
    // A directory of a project has no operating system to speak of.
    let known = !name.is_empty() || inventory.packages.iter().any(|package| package.kind.is_os());
    known.then(|| Os { family, name, ..Os::default() })
}

/// Images that differ in name only are told apart: the image's id and its repository. Source: trivy `pkg/scan/service.go`.
fn artifact_id(image: &ImageInfo) -> String {
    let id = image.config_digest.to_string();
    match image.tags.first().or(image.repo_digests.first()) {
        Some(reference) => Digest::sha256(format!("{id}:{}", reference.name()).as_bytes()).to_string(),
        None => Digest::sha256(id.as_bytes()).to_string(),
    }
}

/// A UUID of version 7: the time of the report, then bits of what it says instead of random ones, so that equal input gives equal output.
fn report_id(facts: &Facts<'_>) -> String {
    let millis = u64::try_from(facts.now.as_millisecond()).unwrap_or(0);
    let seed = format!("{} {} {}", facts.subject.name, facts.inventory.packages.len(), facts.findings.len());
    let digest = Digest::sha256(seed.as_bytes());
    let mut bytes = [0; 16];
    for (to, from) in bytes.iter_mut().zip(digest.as_bytes()) {
        *to = *from;
    }
    bytes[..6].copy_from_slice(&millis.to_be_bytes()[2..]);
    bytes[6] = bytes[6] & 0x0f | 0x70;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    signet_sbom::Uuid(bytes).to_string()
}

fn metadata(facts: &Facts<'_>, os: Option<Os>) -> Metadata {
    let Some(image) = &facts.subject.image else { return Metadata { os, ..Metadata::default() } };
    let sized = |layer: &signet_model::LayerInfo| match layer.digest {
        // The size that Trivy tells is of the tar stream; a compressed blob's is another.
        Some(digest) if digest != layer.diff_id => 0,
        _ => layer.size,
    };
    let layers: Vec<Layer> = image
        .layers
        .iter()
        .map(|layer| Layer {
            size: sized(layer),
            digest: layer.digest.map(|digest| digest.to_string()).unwrap_or_default(),
            diff_id: layer.diff_id.to_string(),
            ..Layer::default()
        })
        .collect();
    let repo_tags: Vec<String> = image.tags.iter().map(ToString::to_string).collect();
    Metadata {
        size: layers.iter().map(|layer| layer.size).sum(),
        os,
        image_id: image.config_digest.to_string(),
        diff_ids: image.layers.iter().map(|layer| layer.diff_id.to_string()).collect(),
        reference: repo_tags.first().cloned().unwrap_or_default(),
        repo_tags,
        repo_digests: image.repo_digests.iter().map(ToString::to_string).collect(),
        image_config: serde_json::from_slice(&image.config).ok(),
        layers: if facts.sbom { Vec::new() } else { layers },
        rest: serde_json::Map::new(),
    }
}

/// Language packages by lock file, or gathered by ecosystem.
fn groups(facts: &Facts<'_>) -> Vec<Group> {
    let mut places: HashMap<(String, &str), usize> = HashMap::new();
    let mut groups: Vec<Group> = Vec::new();
    for (index, package) in facts.inventory.packages.iter().enumerate().filter(|(_, package)| !package.kind.is_os()) {
        let cluster = package.stated_purl.as_ref().is_some_and(|purl| purl.ty() == "k8s");
        let stated = package.extra.get("trivy.type").and_then(|ty| kinds::of_type(ty));
        let stated = stated.or(cluster.then_some(kinds::KUBERNETES));
        let count = package.locations.len().max(usize::from(facts.sbom));
        for place in 0..count {
            let path = package.locations.get(place).map(|location| location.path.as_str()).unwrap_or_default();
            // In an SBOM a package that belongs to no file is one of those that are gathered.
            let of_its_own = stated.filter(|kind| !path.is_empty() || !kind.gathered.is_empty());
            let Some(kind) = of_its_own.or_else(|| kinds::of_file(path, package.kind)).or(stated) else { continue };
            let target = if kind.gathered.is_empty() { path } else { kind.gathered }.to_owned();
            let slot = *places.entry((target.clone(), kind.ty)).or_insert_with(|| {
                groups.push(Group { target, kind, members: Vec::new() });
                groups.len() - 1
            });
            if let Some(group) = groups.get_mut(slot) {
                // The same package twice in one lock file is one package; in one ecosystem's result each file counts.
                let again = kind.gathered.is_empty() && group.members.iter().any(|member| member.index == index);
                if !again {
                    group.members.push(Member { index, place });
                }
            }
        }
    }
    groups
}

#[allow(clippy::too_many_arguments, reason = "the parts of one result, used here only")]
fn result(
    facts: &Facts<'_>,
    os: &Os,
    class: &str,
    target: &str,
    ty: &str,
    kind: Option<Kind>,
    members: &[Member],
    artifact_id: &str,
) -> ResultRow {
    let layers = layers(facts.subject.image.as_ref());
    let ids: HashMap<usize, String> = members
        .iter()
        .filter_map(|member| {
            let package = facts.inventory.packages.get(member.index)?;
            Some((member.index, package_id(facts, package, kind.as_ref(), target)))
        })
        .collect();
    let mut rows: Vec<(usize, PackageRow)> = Vec::new();
    let mut dropped: Vec<String> = Vec::new();
    for member in members {
        let Some(package) = facts.inventory.packages.get(member.index) else { continue };
        let mut row = row(facts, os, package, member, kind.as_ref(), &ids, &layers);
        let file = match kind {
            Some(kind) if kind.gathered.is_empty() => target.to_owned(),
            _ => row.file_path.clone(),
        };
        row.identifier.uid = uid::of(&row, &file);
        row.place = Some(member.index);
        let project = kind.is_some_and(|kind| !kind.root) && package.directness == Directness::Root;
        if project || unread(package) && kind.is_some_and(|kind| kind.ty == "pom") || package.dev && !facts.include_dev
        {
            dropped.push(row.id);
            continue;
        }
        rows.push((member.index, row));
    }
    for (_, row) in &mut rows {
        row.depends_on.retain(|id| !dropped.contains(id));
    }
    rows.sort_by(|(_, a), (_, b)| {
        let key =
            |row: &PackageRow| (rank(&row.relationship), row.name.clone(), row.version.clone(), row.file_path.clone());
        key(a).cmp(&key(b))
    });
    let mut of: BTreeMap<usize, Vec<&PackageRow>> = BTreeMap::new();
    for (index, row) in &rows {
        of.entry(*index).or_default().push(row);
    }
    let mut vulnerabilities: Vec<VulnerabilityRow> = facts
        .findings
        .iter()
        .flat_map(|finding| of.get(&finding.package.get()).into_iter().flatten().map(move |row| (finding, *row)))
        .map(|(finding, row)| vulnerability(facts, finding, row, class, target, artifact_id))
        .collect();
    vulnerabilities.sort_by(|a, b| {
        let worst =
            |row: &VulnerabilityRow| std::cmp::Reverse(row.severity.parse::<Severity>().unwrap_or(Severity::Unknown));
        (&a.pkg_name, &a.installed_version, worst(a), &a.id, &a.pkg_path).cmp(&(
            &b.pkg_name,
            &b.installed_version,
            worst(b),
            &b.id,
            &b.pkg_path,
        ))
    });
    ResultRow {
        target: target.to_owned(),
        class: class.to_owned(),
        ty: ty.to_owned(),
        packages: rows.into_iter().map(|(_, row)| row).collect(),
        vulnerabilities,
        ..ResultRow::default()
    }
}

/// What Trivy does not read of a build of Maven: what it does not bring along when it runs.
fn unread(package: &Package) -> bool {
    let stated = |name: &str| package.extra.get(name).map(String::as_str);
    stated("maven.scope").is_some_and(|scope| !matches!(scope, "compile" | "runtime"))
        || stated("maven.optional") == Some("true")
}

fn rank(relationship: &str) -> u8 {
    match relationship {
        "root" => 1,
        "workspace" => 2,
        "direct" => 3,
        "indirect" => 4,
        // What nothing is known of comes last.
        _ => 5,
    }
}

fn layers(image: Option<&ImageInfo>) -> HashMap<Digest, Layer> {
    let layers = image.into_iter().flat_map(|image| &image.layers);
    layers
        .map(|layer| {
            let digest = layer.digest.map(|digest| digest.to_string()).unwrap_or_default();
            (layer.diff_id, Layer { digest, diff_id: layer.diff_id.to_string(), ..Layer::default() })
        })
        .collect()
}

/// `NAME@VERSION`; Maven's `GROUP:NAME:VERSION`; rpm's with architecture. Installed packages of languages have none.
fn package_id(facts: &Facts<'_>, package: &Package, kind: Option<&Kind>, target: &str) -> String {
    if let Some(id) = package.extra.get("trivy.pkg_id") {
        return id.clone();
    }
    match (kind, package.kind) {
        (None, PackageKind::Rpm) => {
            let version = package.version.split_once(':').map_or(package.version.as_str(), |(_, rest)| rest);
            match &package.arch {
                Some(arch) => format!("{}@{version}.{arch}", package.name),
                None => format!("{}@{version}", package.name),
            }
        }
        (None, _) => format!("{}@{}", package.name, package.version),
        (Some(kind), _) if !kind.ids => String::new(),
        (Some(kind), PackageKind::Java) => {
            let id = format!("{}:{}", package.name, package.version);
            // Modules of one build may need the same package, each by itself.
            if kind.ty == "pom" { uid::of_module(&id, &outside(facts.base, target)) } else { id }
        }
        (Some(_), PackageKind::Conan) => format!("{}/{}", package.name, package.version),
        (Some(kind), _) if kind.ty == "dotnet-core" => format!("{}/{}", package.name, package.version),
        (Some(_), _) => format!("{}@{}", package.name, package.version),
    }
}

/// The path of a file of the subject as the command line reaches it.
fn outside(base: &str, path: &str) -> String {
    let parts = base.split('/').chain(path.split('/')).filter(|part| !part.is_empty() && *part != ".");
    let joined = parts.collect::<Vec<_>>().join("/");
    if base.starts_with('/') { format!("/{joined}") } else { joined }
}

/// What a package needs, by the ids in its result: sorted, or in the order of the file where Trivy keeps that.
fn depends_on(
    facts: &Facts<'_>,
    index: PackageIndex,
    kind: Option<&Kind>,
    ids: &HashMap<usize, String>,
) -> Vec<String> {
    if kind.is_some_and(|kind| !kind.edges) {
        return Vec::new();
    }
    let mut found: Vec<(u32, &String)> = facts
        .inventory
        .relationships
        .iter()
        .filter(|edge| edge.kind == RelationshipKind::DependsOn && edge.from == index && edge.to != index)
        .filter_map(|edge| {
            let id = ids.get(&edge.to.get()).filter(|id| !id.is_empty())?;
            let in_order = kind.is_some_and(|kind| kind.ty == "conan");
            let places = facts.inventory.packages.get(edge.to.get()).map(|package| package.locations.as_slice());
            let line = places.unwrap_or_default().iter().find_map(|at| at.lines).map_or(0, |(first, _)| first);
            Some((if in_order { line } else { 0 }, id))
        })
        .collect();
    found.sort();
    found.dedup();
    found.into_iter().map(|(_, id)| id.clone()).collect()
}

fn row(
    facts: &Facts<'_>,
    os: &Os,
    package: &Package,
    member: &Member,
    kind: Option<&Kind>,
    ids: &HashMap<usize, String>,
    layers: &HashMap<Digest, Layer>,
) -> PackageRow {
    let location = package.locations.get(member.place);
    let relationship = match (package.directness, kind) {
        (Directness::Unknown, _) | (_, None) => "",
        (_, Some(kind)) if !kind.relations => "",
        (Directness::Root, _) => "root",
        (Directness::Workspace | Directness::Direct, _) => "direct",
        (Directness::Indirect, _) => "indirect",
    };
    let index = PackageIndex(u32::try_from(member.index).unwrap_or(u32::MAX));
    let (epoch, version, release) = parts(package.kind, &package.version);
    let source = package.source.as_ref();
    let (src_epoch, src_version, src_release) = source
        .and_then(|source| source.version.as_deref())
        .map(|version| parts(package.kind, version))
        .unwrap_or_default();
    PackageRow {
        id: ids.get(&member.index).cloned().unwrap_or_default(),
        name: package.name.clone(),
        identifier: Identifier {
            purl: purl(package, Some((&os.family, &os.name))).map(|purl| purl.to_string()).unwrap_or_default(),
            // An SBOM's own name of the component, so that its readers find it again.
            bom_ref: package
                .extra
                .get("sbom.ref")
                .filter(|_| facts.artifact_type == "cyclonedx")
                .cloned()
                .unwrap_or_default(),
            ..Identifier::default()
        },
        version,
        release,
        epoch,
        arch: package.arch.clone().unwrap_or_default(),
        dev: package.dev,
        src_name: source.map(|source| source.name.clone()).unwrap_or_default(),
        src_version,
        src_release,
        src_epoch,
        licenses: package.licenses.iter().map(|license| license.value.clone()).collect(),
        maintainer: if package.kind.is_os() { package.vendor.clone().unwrap_or_default() } else { String::new() },
        modularity_label: package.module.clone().unwrap_or_default(),
        indirect: relationship == "indirect",
        relationship: relationship.to_owned(),
        depends_on: depends_on(facts, index, kind, ids),
        digest: match (kind, location) {
            (Some(kind), Some(location)) if !kind.lock && !kind.gathered.is_empty() => {
                facts.digests.get(&location.path).cloned().unwrap_or_default()
            }
            _ => String::new(),
        },
        layer: location.and_then(|location| layers.get(&location.layer?)).cloned().unwrap_or_default(),
        file_path: match (kind, location) {
            (Some(kind), Some(location)) if !kind.lock && !kind.gathered.is_empty() => location.path.clone(),
            _ => String::new(),
        },
        locations: match (kind, location.and_then(|location| location.lines)) {
            (Some(kind), Some((start_line, end_line))) if kind.lines => vec![Lines { start_line, end_line }],
            _ => Vec::new(),
        },
        analyzed_by: match kind {
            _ if facts.sbom => String::new(),
            Some(kind) => kind.analyzer.to_owned(),
            None => kinds::os_analyzer(package.kind).to_owned(),
        },
        ..PackageRow::default()
    }
}

/// Epoch, version and release of a distribution's version. apk keeps all of it as version.
fn parts(kind: PackageKind, version: &str) -> (u64, String, String) {
    if !matches!(kind, PackageKind::Deb | PackageKind::Rpm | PackageKind::Opkg) {
        return (0, version.to_owned(), String::new());
    }
    let (epoch, rest) = match version.split_once(':') {
        Some((epoch, rest)) if epoch.bytes().all(|byte| byte.is_ascii_digit()) => (epoch.parse().unwrap_or(0), rest),
        _ => (0, version),
    };
    match rest.rsplit_once('-') {
        Some((version, release)) => (epoch, version.to_owned(), release.to_owned()),
        None => (epoch, rest.to_owned(), String::new()),
    }
}

/// A finding about the package of a row.
pub(super) fn vulnerability(
    facts: &Facts<'_>,
    finding: &Finding,
    row: &PackageRow,
    class: &str,
    target: &str,
    artifact_id: &str,
) -> VulnerabilityRow {
    let known = &finding.vulnerability;
    let installed_version =
        facts.inventory.packages.get(finding.package.get()).map(|package| shown(package, class)).unwrap_or_default();
    let number = |severity: &Severity| Severity::ALL.iter().position(|other| other == severity).unwrap_or(0) as u8;
    let fingerprint = format!("{artifact_id}:{target}:{}:{}", row.id, known.id);
    VulnerabilityRow {
        id: known.id.clone(),
        vendor_ids: finding.vendor_ids.clone(),
        pkg_id: row.id.clone(),
        pkg_name: row.name.clone(),
        pkg_path: row.file_path.clone(),
        pkg_identifier: row.identifier.clone(),
        installed_version,
        fixed_version: finding.fix.versions.join(", "),
        status: finding.status.name().to_owned(),
        layer: row.layer.clone(),
        severity_source: finding.severity_source.clone().unwrap_or_default(),
        primary_url: primary_url(finding).unwrap_or_default(),
        data_source: (!finding.data_source.name.is_empty()).then(|| DataSource {
            id: finding.data_source.id.clone(),
            base_id: finding.data_source.base_id.clone().unwrap_or_default(),
            name: finding.data_source.name.clone(),
            url: finding.data_source.url.clone(),
            ..DataSource::default()
        }),
        fingerprint: Digest::sha256(fingerprint.as_bytes()).to_string(),
        title: known.title.clone().unwrap_or_else(|| shortened(known.description.as_deref().unwrap_or_default())),
        description: known.description.clone().unwrap_or_default(),
        severity: finding.severity.upper().to_owned(),
        cwe_ids: known.cwes.clone(),
        vendor_severity: known.severities.iter().map(|(source, severity)| (source.clone(), number(severity))).collect(),
        cvss: known.cvss.iter().map(|(source, cvss)| (source.clone(), scores(cvss))).collect(),
        references: known.references.clone(),
        published_date: known.published.map(|time| time.to_string()).unwrap_or_default(),
        last_modified_date: known.modified.map(|time| time.to_string()).unwrap_or_default(),
        vex: finding.suppressed.as_ref().filter(|reason| reason.kind == SuppressionKind::Vex).map(|reason| {
            Box::new(Statement {
                status: reason.status.clone(),
                statement: reason.statement.clone().unwrap_or_default(),
                source: reason.source.clone(),
            })
        }),
        malicious: finding.malicious,
        ..VulnerabilityRow::default()
    }
}

/// An epoch of zero is not shown.
fn shown(package: &Package, class: &str) -> String {
    match package.version.strip_prefix("0:") {
        Some(rest) if class == "os-pkgs" => rest.to_owned(),
        _ => package.version.clone(),
    }
}

/// Without a title the beginning of the text stands for it.
fn shortened(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().take(12).collect();
    match words.len() {
        12 => words.join(" ") + " ...",
        _ => words.join(" "),
    }
}

fn scores(cvss: &Cvss) -> wire::Cvss {
    // A whole score without a decimal point, as Go prints it.
    let number = |score: Option<f64>| match score {
        Some(score) if score.fract() == 0.0 && (0.0..=10.0).contains(&score) => {
            Some(serde_json::Number::from(score as u8))
        }
        Some(score) => serde_json::Number::from_f64(score),
        None => None,
    };
    wire::Cvss {
        v2_vector: cvss.v2.0.clone(),
        v3_vector: cvss.v3.0.clone(),
        v4_vector: cvss.v4.0.clone(),
        v2_score: number(cvss.v2.1),
        v3_score: number(cvss.v3.1),
        v4_score: number(cvss.v4.1),
        ..wire::Cvss::default()
    }
}

/// Source: aquasecurity/trivy:pkg/vulnerability/vulnerability.go, `getPrimaryURL`.
fn primary_url(finding: &Finding) -> Option<String> {
    let id = finding.vulnerability.id.as_str();
    if id.starts_with("CVE-") {
        return Some(format!("https://avd.aquasec.com/nvd/{}", id.to_lowercase()));
    }
    if id.starts_with("RUSTSEC-") {
        return Some(format!("https://osv.dev/vulnerability/{id}"));
    }
    if id.starts_with("GHSA-") {
        return Some(format!("https://github.com/advisories/{id}"));
    }
    if id.starts_with("TEMP-") {
        return Some(format!("https://security-tracker.debian.org/tracker/{id}"));
    }
    finding.vulnerability.references.first().cloned()
}

/// The type that Trivy gives a subject.
pub(super) fn artifact_type(subject: &Subject, command: &str) -> &'static str {
    match (subject.kind, command) {
        (SubjectKind::Image, _) => "container_image",
        (_, "repo") => "repository",
        (_, "sbom") => "cyclonedx",
        _ => "filesystem",
    }
}
