//! SPDX 2.3 in the shape of Trivy's: its element ids, annotations and relationships.
//!
//! Source: aquasecurity/trivy:pkg/sbom/io/encode.go and pkg/sbom/spdx/marshal.go.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::{Map, Value, json};
use sha1::{Digest as _, Sha1};
use signet_model::{Purl, Timestamp};
use signet_sbom::Uuid;

use super::kinds;
use super::uid::whole;
use super::wire::{PackageRow, Report, ResultRow};

/// An element: a package of the document.
struct Element {
    id: String,
    name: String,
    purpose: &'static str,
    fields: Map<String, Value>,
}

/// What is written, while it is gathered.
struct Writing {
    time: String,
    tool: String,
    elements: Vec<Element>,
    /// Ids, by what is read before the relationship's type.
    relations: Vec<(String, String, &'static str)>,
    files: BTreeMap<String, Value>,
    licenses: BTreeMap<String, Value>,
}

/// The document in JSON.
pub(super) fn write(report: &Report, now: Timestamp) -> anyhow::Result<Vec<u8>> {
    let created: Timestamp = report.created_at.parse().unwrap_or(now);
    let seconds = Timestamp::from_second(created.as_second()).unwrap_or(created);
    let mut writing = Writing {
        time: seconds.to_string(),
        tool: format!("trivy-{}", env!("CARGO_PKG_VERSION")),
        elements: Vec::new(),
        relations: Vec::new(),
        files: BTreeMap::new(),
        licenses: BTreeMap::new(),
    };
    let kind = match report.artifact_type.as_str() {
        "container_image" => "container_image",
        "repository" => "repository",
        "vm" => "vm",
        _ => "filesystem",
    };
    let root = writing.root(report, kind);
    for result in &report.results {
        writing.result(result, report, &root, kind);
    }
    writing.elements.sort_by(|a, b| (a.purpose, &a.name, &a.id).cmp(&(b.purpose, &b.name, &b.id)));
    writing.relations.sort();
    writing.relations.dedup();
    let plain = report.artifact_name.replace("https://", "").replace("http://", "");
    let seed = format!("{} {} {}", report.report_id, report.artifact_name, report.created_at);
    let mut document = json!({
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": report.artifact_name,
        "documentNamespace": format!("http://trivy.dev/{kind}/{plain}-{}", Uuid::of_content(seed.as_bytes())),
        "creationInfo": {
            "creators": ["Organization: aquasecurity", format!("Tool: {}", writing.tool)],
            "created": writing.time,
        },
        "packages": writing.elements.into_iter().map(|element| Value::Object(element.fields)).collect::<Vec<_>>(),
        "relationships": writing.relations.iter().map(|(from, to, kind)| json!({
            "spdxElementId": format!("SPDXRef-{from}"),
            "relatedSpdxElement": format!("SPDXRef-{to}"),
            "relationshipType": kind,
        })).collect::<Vec<_>>(),
    });
    for (name, values) in [("files", writing.files), ("hasExtractedLicensingInfos", writing.licenses)] {
        if !values.is_empty() {
            document[name] = Value::Array(values.into_values().collect());
        }
    }
    let mut bytes = serde_json::to_vec_pretty(&document)?;
    bytes.push(b'\n');
    Ok(bytes)
}

impl Writing {
    fn annotations(&self, properties: &[(String, String)]) -> Value {
        // What other fields say already is not said twice.
        let told = ["SrcName", "SrcRelease", "SrcEpoch", "SrcVersion", "FilePath"];
        let rows = properties.iter().filter(|(name, value)| !told.contains(&name.as_str()) && !value.is_empty());
        rows.map(|(name, value)| {
            json!({
                "annotator": format!("Tool: {}", self.tool),
                "annotationDate": self.time,
                "annotationType": "OTHER",
                "comment": format!("{name}: {value}"),
            })
        })
        .collect()
    }

    fn root(&mut self, report: &Report, kind: &'static str) -> String {
        let metadata = &report.metadata;
        let mut properties = vec![("SchemaVersion".to_owned(), report.schema_version.to_string())];
        let mut put = |name: &str, value: String| properties.push((name.to_owned(), value));
        if kind == "container_image" {
            put("ImageID", metadata.image_id.clone());
            let labels = metadata.image_config.as_ref().and_then(|config| config.pointer("/config/Labels"));
            for (name, value) in labels.and_then(Value::as_object).into_iter().flatten() {
                put(&format!("Labels:{name}"), value.as_str().unwrap_or_default().to_owned());
            }
        }
        if metadata.size > 0 {
            put("Size", metadata.size.to_string());
        }
        metadata.repo_digests.iter().for_each(|digest| put("RepoDigest", digest.clone()));
        metadata.diff_ids.iter().for_each(|id| put("DiffID", id.clone()));
        metadata.repo_tags.iter().for_each(|tag| put("RepoTag", tag.clone()));
        properties.sort();
        let prefix = match kind {
            "container_image" => "ContainerImage",
            "repository" => "Repository",
            "vm" => "Vm",
            _ => "Filesystem",
        };
        let hash = whole::text(&format!("{}-{kind}", report.artifact_name));
        let id = format!("{prefix}-{hash:x}");
        let purpose = if kind == "container_image" { "CONTAINER" } else { "SOURCE" };
        let purl = (kind == "container_image").then(|| image_purl(report)).flatten();
        let mut fields = self.element(&id, &report.artifact_name, "", purpose, report, kind);
        if let Some(purl) = purl {
            fields.insert("externalRefs".to_owned(), json!([purl_reference(&purl)]));
        }
        self.put(id.clone(), &report.artifact_name, purpose, fields, &properties);
        self.relations.push(("DOCUMENT".to_owned(), id.clone(), "DESCRIBES"));
        id
    }

    fn element(
        &self,
        id: &str,
        name: &str,
        version: &str,
        purpose: &str,
        report: &Report,
        kind: &str,
    ) -> Map<String, Value> {
        let location = if kind == "repository" { format!("git+{}", report.artifact_name) } else { "NONE".to_owned() };
        let mut fields = Map::new();
        fields.insert("name".to_owned(), json!(name));
        fields.insert("SPDXID".to_owned(), json!(format!("SPDXRef-{id}")));
        if !version.is_empty() {
            fields.insert("versionInfo".to_owned(), json!(version));
        }
        fields.insert("downloadLocation".to_owned(), json!(location));
        fields.insert("filesAnalyzed".to_owned(), json!(false));
        fields.insert("licenseConcluded".to_owned(), json!("NOASSERTION"));
        fields.insert("licenseDeclared".to_owned(), json!("NOASSERTION"));
        fields.insert("primaryPackagePurpose".to_owned(), json!(purpose));
        fields
    }

    fn put(
        &mut self,
        id: String,
        name: &str,
        purpose: &'static str,
        mut fields: Map<String, Value>,
        properties: &[(String, String)],
    ) {
        let annotations = self.annotations(properties);
        if annotations.as_array().is_some_and(|list| !list.is_empty()) {
            fields.insert("annotations".to_owned(), annotations);
        }
        self.elements.push(Element { id, name: name.to_owned(), purpose, fields });
    }

    fn result(&mut self, result: &ResultRow, report: &Report, root: &str, kind: &str) {
        let is_system = result.class == "os-pkgs";
        if !is_system && result.class != "lang-pkgs" {
            return;
        }
        let gathers = !is_system && kinds::of_type(&result.ty).is_some_and(|kind| !kind.gathered.is_empty());
        let parent = if gathers { root.to_owned() } else { self.group(result, report, root, kind) };
        let id_of = |row: &PackageRow| {
            if row.id.is_empty() { format!("{}@{}", row.name, row.version) } else { row.id.clone() }
        };
        let mut parents: HashSet<&str> = HashSet::new();
        for row in &result.packages {
            parents.extend(row.depends_on.iter().map(String::as_str));
        }
        let has_root = result.packages.iter().any(|row| row.relationship == "root");
        let mut ids: Vec<String> = Vec::new();
        let mut by_id: HashMap<String, String> = HashMap::new();
        for row in &result.packages {
            let element = self.package(row, result, report, kind, gathers);
            by_id.insert(id_of(row), element.clone());
            ids.push(element);
        }
        for (row, id) in result.packages.iter().zip(&ids) {
            let on_top = match row.relationship.as_str() {
                "direct" => !has_root,
                _ => !parents.contains(row.id.as_str()) || row.id.is_empty(),
            };
            if on_top {
                self.relations.push((parent.clone(), id.clone(), "CONTAINS"));
            }
            let needs = row.depends_on.iter().filter_map(|need| by_id.get(need));
            self.relations.extend(needs.map(|need| (id.clone(), need.clone(), "DEPENDS_ON")));
        }
    }

    /// The lock file or the operating system that packages belong to.
    fn group(&mut self, result: &ResultRow, report: &Report, root: &str, kind: &str) -> String {
        let os = report.metadata.os.as_ref().filter(|_| result.class == "os-pkgs");
        let (name, version) = os.map_or((result.target.as_str(), ""), |os| (os.family.as_str(), os.name.as_str()));
        let properties = vec![("Class".to_owned(), result.class.clone()), ("Type".to_owned(), result.ty.clone())];
        let (ty, prefix, purpose) = match os {
            Some(_) => ("os", "OperatingSystem", "OPERATING-SYSTEM"),
            None => ("application", "Application", "APPLICATION"),
        };
        let component = Component { ty, name, version, properties: &properties, ..Component::default() };
        let id = format!("{prefix}-{:x}", component.hash());
        let fields = self.element(&id, name, version, purpose, report, kind);
        self.put(id.clone(), name, purpose, fields, &properties);
        self.relations.push((root.to_owned(), id.clone(), "CONTAINS"));
        id
    }

    fn package(&mut self, row: &PackageRow, result: &ResultRow, report: &Report, kind: &str, gathers: bool) -> String {
        let purl = Purl::parse_lenient(&row.identifier.purl).ok();
        let whole_version = joined(row.epoch, &row.version, &row.release);
        let (mut name, mut group, mut version) = (row.name.as_str(), "", whole_version.clone());
        if let Some(purl) = &purl {
            version = purl.version().unwrap_or_default().to_owned();
            if let Some(epoch) = purl.qualifier("epoch").filter(|epoch| *epoch != "0") {
                version = format!("{epoch}:{version}");
            }
            if matches!(purl.ty(), "maven" | "npm") {
                (name, group) = (purl.name(), purl.namespace().unwrap_or_default());
            }
        }
        let own = if row.id.is_empty() { format!("{}@{}", row.name, row.version) } else { row.id.clone() };
        let epoch = if row.src_epoch == 0 { String::new() } else { row.src_epoch.to_string() };
        let mut properties: Vec<(String, String)> = [
            ("PkgID", if gathers && row.id.is_empty() { "" } else { own.as_str() }),
            ("PkgType", result.ty.as_str()),
            ("FilePath", &row.file_path),
            ("SrcName", &row.src_name),
            ("SrcVersion", &row.src_version),
            ("SrcRelease", &row.src_release),
            ("SrcEpoch", &epoch),
            ("Modularitylabel", &row.modularity_label),
            ("LayerDigest", &row.layer.digest),
            ("LayerDiffID", &row.layer.diff_id),
        ]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
        properties.sort();
        let src_version = joined(row.src_epoch, &row.src_version, &row.src_release);
        let src_file = if result.class == "lang-pkgs" && !gathers { result.target.as_str() } else { "" };
        let component = Component {
            ty: "library",
            name,
            group,
            version: &version,
            src_name: &row.src_name,
            src_version: if row.src_name.is_empty() { "" } else { &src_version },
            src_file,
            licenses: &row.licenses,
            uid: &row.identifier.uid,
            bom_ref: &row.identifier.bom_ref,
            purl: purl.as_ref(),
            supplier: &row.maintainer,
            file: (&row.file_path, &row.digest),
            properties: &properties,
        };
        let id = format!("Package-{:x}", component.hash());
        let shown = match group {
            "" => name.to_owned(),
            group if purl.as_ref().is_some_and(|purl| purl.ty() == "maven") => format!("{group}:{name}"),
            group => format!("{group}/{name}"),
        };
        let mut fields = self.element(&id, &shown, &version, "LIBRARY", report, kind);
        let mut set = |name: &str, value: Value| drop(fields.insert(name.to_owned(), value));
        let supplier = match row.maintainer.as_str() {
            "" => "NOASSERTION".to_owned(),
            maintainer => format!("Organization: {maintainer}"),
        };
        set("supplier", json!(supplier));
        if !row.src_name.is_empty() {
            set("sourceInfo", json!(format!("built package from: {} {src_version}", row.src_name)));
        } else if !src_file.is_empty() {
            set("sourceInfo", json!(format!("package found in: {src_file}")));
        }
        let license = self.license(&row.licenses);
        set("licenseConcluded", json!(license));
        set("licenseDeclared", json!(license));
        let mut references: Vec<Value> = purl.iter().map(|purl| purl_reference(&purl.to_string())).collect();
        let advisories = result.vulnerabilities.iter().filter(|found| found.pkg_identifier.uid == row.identifier.uid);
        references.extend(advisories.filter(|found| !found.primary_url.is_empty()).map(|found| {
            json!({"referenceCategory": "SECURITY", "referenceType": "advisory", "referenceLocator": found.primary_url})
        }));
        if !references.is_empty() {
            set("externalRefs", Value::Array(references));
        }
        if let Some((algorithm, hex)) = row.digest.split_once(':') {
            let sums = json!([{"algorithm": algorithm.to_ascii_uppercase(), "checksumValue": hex}]);
            if row.file_path.is_empty() {
                set("checksums", sums);
            } else {
                // The code is over the SHA-1 sums of all files; here there is one.
                let code: String = Sha1::digest(hex.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
                set("filesAnalyzed", json!(true));
                set("packageVerificationCode", json!({"packageVerificationCodeValue": code}));
                let file = format!("File-{:x}", whole::text(&row.file_path));
                self.relations.push((id.clone(), file.clone(), "CONTAINS"));
                let entry = json!({
                    "fileName": row.file_path,
                    "SPDXID": format!("SPDXRef-{file}"),
                    "checksums": sums,
                    "copyrightText": "",
                });
                self.files.insert(row.file_path.clone(), entry);
            }
        }
        self.put(id.clone(), &shown, "LIBRARY", fields, &properties);
        id
    }

    /// All licences of a package as one expression. What the licence list lacks gets an id of its own.
    fn license(&mut self, licenses: &[String]) -> String {
        let mut parts = Vec::new();
        for text in licenses {
            let (known, whole_text) = match text.strip_prefix("text://") {
                Some(text) => (None, Some(text)),
                None => (signet_sbom::license_expression(text), None),
            };
            parts.push(known.unwrap_or_else(|| self.other(whole_text.unwrap_or(text), whole_text.is_some())));
        }
        let several = parts.len() > 1;
        let parts =
            parts.into_iter().map(|part| if several && part.contains(" OR ") { format!("({part})") } else { part });
        let joined = parts.collect::<Vec<_>>().join(" AND ");
        if joined.is_empty() { "NOASSERTION".to_owned() } else { joined }
    }

    fn other(&mut self, text: &str, whole_text: bool) -> String {
        let (name, extracted, comment) = if whole_text {
            let comment = "The license text represents text found in package metadata and may not represent the full text of the license";
            ("NOASSERTION", text.to_owned(), comment)
        } else {
            (text, format!("This component is licensed under {text:?}"), "")
        };
        let fields = [
            ("LicenseIdentifier", whole::text("")),
            ("ExtractedText", whole::text(&extracted)),
            ("LicenseName", whole::text(name)),
            ("LicenseCrossReferences", whole::set([])),
            ("LicenseComment", whole::text(comment)),
        ];
        let id = format!("LicenseRef-{:x}", whole::structure("OtherLicense", &fields));
        let mut entry = json!({"licenseId": id, "extractedText": extracted, "name": name});
        if !comment.is_empty() {
            entry["comment"] = json!(comment);
        }
        self.licenses.insert(id.clone(), entry);
        id
    }
}

/// What an element's id is the hash of.
#[derive(Default)]
struct Component<'a> {
    ty: &'a str,
    name: &'a str,
    group: &'a str,
    version: &'a str,
    src_name: &'a str,
    src_version: &'a str,
    src_file: &'a str,
    licenses: &'a [String],
    uid: &'a str,
    bom_ref: &'a str,
    purl: Option<&'a Purl>,
    supplier: &'a str,
    /// Path and digest.
    file: (&'a str, &'a str),
    properties: &'a [(String, String)],
}

impl Component<'_> {
    fn hash(&self) -> u64 {
        use whole::{flag, marked_set, set, structure, text};
        let part = |value: Option<&str>| text(value.unwrap_or_default());
        let qualifiers = self.purl.into_iter().flat_map(|purl| purl.qualifiers().iter());
        let qualifiers =
            qualifiers.map(|(key, value)| structure("Qualifier", &[("Key", text(key)), ("Value", text(value))]));
        let purl = structure(
            "PackageURL",
            &[
                ("Type", part(self.purl.map(Purl::ty))),
                ("Namespace", part(self.purl.and_then(Purl::namespace))),
                ("Name", part(self.purl.map(Purl::name))),
                ("Version", part(self.purl.and_then(Purl::version))),
                ("Qualifiers", set(qualifiers)),
                ("Subpath", part(self.purl.and_then(Purl::subpath))),
            ],
        );
        let identifier =
            structure("PkgIdentifier", &[("UID", text(self.uid)), ("PURL", purl), ("BOMRef", text(self.bom_ref))]);
        let (path, digest) = self.file;
        let digests = set((!digest.is_empty()).then(|| text(digest)));
        let file = (!path.is_empty() || !digest.is_empty())
            .then(|| structure("File", &[("Path", text(path)), ("Digests", digests)]));
        let properties = self.properties.iter().map(|(name, value)| {
            let fields =
                [("Name", text(name)), ("Value", text(value)), ("Namespace", text("")), ("External", flag(false))];
            structure("Property", &fields)
        });
        structure(
            "Component",
            &[
                ("Type", text(self.ty)),
                ("Root", flag(false)),
                ("Name", text(self.name)),
                ("Group", text(self.group)),
                ("Version", text(self.version)),
                ("SrcName", text(self.src_name)),
                ("SrcVersion", text(self.src_version)),
                ("SrcFile", text(self.src_file)),
                ("Licenses", set(self.licenses.iter().map(|license| text(license)))),
                ("PkgIdentifier", identifier),
                ("Supplier", text(self.supplier)),
                ("Files", set(file)),
                ("Properties", marked_set(properties)),
            ],
        )
    }
}

fn purl_reference(purl: &str) -> Value {
    json!({"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl})
}

/// `pkg:oci/NAME@DIGEST?arch=...&repository_url=...` of an image that has a digest in a registry.
fn image_purl(report: &Report) -> Option<String> {
    let (repository, digest) = report.metadata.repo_digests.first()?.split_once('@')?;
    let name = repository.rsplit('/').next()?;
    let text = |name: &str| {
        let config = report.metadata.image_config.as_ref()?;
        config.get(name)?.as_str().map(str::to_owned)
    };
    let arch = text("architecture").unwrap_or_default();
    let qualifiers = [("arch", arch.as_str()), ("repository_url", repository)];
    let qualifiers = qualifiers.into_iter().filter(|(_, value)| !value.is_empty());
    Purl::build("oci", None, &name.to_lowercase(), Some(digest), qualifiers, None).ok().map(|purl| purl.to_string())
}

fn joined(epoch: u64, version: &str, release: &str) -> String {
    let mut text = if epoch == 0 { version.to_owned() } else { format!("{epoch}:{version}") };
    if !release.is_empty() {
        text = text + "-" + release;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The id that Trivy itself gave.
    #[test]
    fn ids_are_trivys() {
        let file = "miniconda3/envs/testenv/conda-meta/openssl-1.1.1q-h7f8727e_0.json";
        let purl: Purl = "pkg:conda/openssl@1.1.1q".parse().unwrap();
        let component = Component {
            ty: "library",
            name: "openssl",
            version: "1.1.1q",
            licenses: &["OpenSSL".to_owned()],
            uid: "18ae5b4853dfbbb5",
            purl: Some(&purl),
            file: (file, "sha1:237db0da53131e4548cb1181337fa0f420299e1f"),
            properties: &[("FilePath".to_owned(), file.to_owned()), ("PkgType".to_owned(), "conda-pkg".to_owned())],
            ..Component::default()
        };
        assert_eq!(format!("{:x}", component.hash()), "8217dab1d30aca2");
        assert_eq!(format!("{:x}", whole::text("testdata/fixtures/repo/conda-filesystem")), "2e2426fd0f2580ef");
    }
}
