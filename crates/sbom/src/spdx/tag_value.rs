//! SPDX 2 as tag-value text, in the shape that its JSON has. Source: SPDX specification 2.3, annex A and the "tag" of each field.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use crate::lint::Problem;

/// Where the next fields belong.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    Document,
    Package,
    File,
    Snippet,
    License,
    Annotation,
    Review,
    Relationship,
}

/// The document, and what in it is no field of SPDX or stands where it cannot.
#[derive(Debug, Default)]
pub(crate) struct Parsed {
    pub(crate) document: Value,
    pub(crate) problems: Vec<Problem>,
}

/// How a value is stored.
enum As {
    /// A text under this name.
    Text(&'static str),
    /// One more item of the list of this name.
    Item(&'static str),
    Other,
}

#[derive(Default)]
struct Parser {
    document: Map<String, Value>,
    creation: Map<String, Value>,
    packages: Vec<Map<String, Value>>,
    files: Vec<Map<String, Value>>,
    snippets: Vec<Map<String, Value>>,
    licenses: Vec<Map<String, Value>>,
    relationships: Vec<Map<String, Value>>,
    reviews: Vec<Map<String, Value>>,
    /// Annotations with the element that they are about.
    annotations: Vec<(String, Map<String, Value>)>,
    problems: Vec<Problem>,
}

/// Reads a text. What cannot be understood becomes a problem; nothing is an error.
pub(crate) fn parse(text: &str) -> Parsed {
    let mut parser = Parser::default();
    let mut section = Section::Document;
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        let at = number + 1;
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some((tag, value)) = line.split_once(':').filter(|(tag, _)| !tag.is_empty() && !tag.contains(' ')) else {
            parser.say(at, "is neither a field nor a comment");
            continue;
        };
        let mut value = value.trim().to_owned();
        if let Some(rest) = value.strip_prefix("<text>") {
            let mut whole = rest.to_owned();
            let mut closed = whole.contains("</text>");
            while !closed {
                let Some((_, line)) = lines.next() else { break };
                whole.push('\n');
                whole.push_str(line);
                closed = line.contains("</text>");
            }
            if !closed {
                parser.say(at, "begins a <text> that does not end");
            }
            value = match whole.rsplit_once("</text>") {
                Some((inside, after)) => {
                    if !after.trim().is_empty() {
                        parser.say(at, "has something behind </text>");
                    }
                    inside.to_owned()
                }
                None => whole,
            };
        }
        section = parser.field(at, section, tag, value);
    }
    parser.finish()
}

impl Parser {
    fn say(&mut self, line: usize, what: &str) {
        if self.problems.len() < 100 {
            self.problems.push(Problem { at: format!("line {line}"), what: what.to_owned() });
        }
    }

    /// Takes a field and gives the section that the next one is in.
    fn field(&mut self, at: usize, section: Section, tag: &str, value: String) -> Section {
        let begun = |key: &str, value: &str| Map::from_iter([(key.to_owned(), Value::from(value))]);
        match tag {
            "PackageName" => self.packages.push(begun("name", &value)),
            "FileName" => self.files.push(begun("fileName", &value)),
            "SnippetSPDXID" => self.snippets.push(begun("SPDXID", &value)),
            "LicenseID" => self.licenses.push(begun("licenseId", &value)),
            "Annotator" => self.annotations.push((String::new(), begun("annotator", &value))),
            "Reviewer" => self.reviews.push(begun("reviewer", &value)),
            "Relationship" => {
                let parts: Vec<&str> = value.split_whitespace().collect();
                let &[from, kind, to] = parts.as_slice() else {
                    self.say(at, "is no relationship: ELEMENT KIND ELEMENT");
                    return section;
                };
                let entry = json!({"spdxElementId": from, "relationshipType": kind, "relatedSpdxElement": to});
                self.relationships.extend(entry.as_object().cloned());
                // Relationships stand inside of packages and files, whose fields go on behind them.
                return section;
            }
            "RelationshipComment" => {
                match self.relationships.last_mut() {
                    Some(last) => drop(last.insert("comment".to_owned(), value.into())),
                    None => self.say(at, "is the comment of no relationship"),
                }
                return section;
            }
            _ => return self.inside(at, section, tag, value),
        }
        match tag {
            "PackageName" => Section::Package,
            "FileName" => Section::File,
            "SnippetSPDXID" => Section::Snippet,
            "LicenseID" => Section::License,
            "Annotator" => Section::Annotation,
            "Reviewer" => Section::Review,
            _ => Section::Relationship,
        }
    }

    fn inside(&mut self, at: usize, section: Section, tag: &str, value: String) -> Section {
        match tag {
            "AnnotationDate" | "AnnotationComment" | "AnnotationType" | "SPDXREF" => {
                let Some((about, last)) = self.annotations.last_mut() else {
                    self.say(at, "belongs to no annotation");
                    return section;
                };
                match tag {
                    "SPDXREF" => *about = value,
                    "AnnotationDate" => drop(last.insert("annotationDate".to_owned(), value.into())),
                    "AnnotationType" => drop(last.insert("annotationType".to_owned(), value.into())),
                    _ => drop(last.insert("comment".to_owned(), value.into())),
                }
                return section;
            }
            "ReviewDate" | "ReviewComment" => {
                let key = if tag == "ReviewDate" { "reviewDate" } else { "comment" };
                match self.reviews.last_mut() {
                    Some(last) => drop(last.insert(key.to_owned(), value.into())),
                    None => self.say(at, "belongs to no review"),
                }
                return section;
            }
            _ => {}
        }
        // The document's own fields may come in any order, also behind its annotations and relationships.
        if let Some(target) = document_field(tag)
            && (tag != "SPDXID" || !self.document.contains_key("SPDXID") && section == Section::Document)
        {
            return self.of_document(at, tag, target, value);
        }
        let (list, target) = match section {
            Section::Package => (self.packages.last_mut(), package_field(tag)),
            Section::File => (self.files.last_mut(), file_field(tag)),
            Section::Snippet => (self.snippets.last_mut(), snippet_field(tag)),
            Section::License => (self.licenses.last_mut(), license_field(tag)),
            _ => (None, None),
        };
        let (Some(holder), Some(target)) = (list, target) else {
            self.say(at, &format!("`{}` is no field that can stand here", super::cut(tag)));
            return section;
        };
        let fine = match target {
            As::Text(key) => holder.insert(key.to_owned(), value.into()).is_none(),
            As::Item(key) => {
                push(holder, key, value.into());
                true
            }
            As::Other => special(holder, tag, &value),
        };
        if !fine {
            self.say(at, &format!("`{tag}` is there twice, or its value has not the form that it must have"));
        }
        section
    }

    fn of_document(&mut self, at: usize, tag: &str, target: As, value: String) -> Section {
        let fine = match (tag, target) {
            ("Creator", _) => {
                push(&mut self.creation, "creators", value.into());
                true
            }
            ("Created" | "CreatorComment" | "LicenseListVersion", As::Text(key)) => {
                self.creation.insert(key.to_owned(), value.into()).is_none()
            }
            (_, As::Text(key)) => self.document.insert(key.to_owned(), value.into()).is_none(),
            _ => {
                // ID NAMESPACE ALGORITHM: CHECKSUM
                let parts: Vec<&str> = value.split_whitespace().collect();
                match parts.as_slice() {
                    [id, document, algorithm, hex] if algorithm.ends_with(':') => {
                        push(
                            &mut self.document,
                            "externalDocumentRefs",
                            json!({
                                "externalDocumentId": id, "spdxDocument": document,
                                "checksum": {"algorithm": algorithm.trim_end_matches(':'), "checksumValue": hex},
                            }),
                        );
                        true
                    }
                    _ => false,
                }
            }
        };
        if !fine {
            self.say(at, &format!("`{tag}` is there twice, or its value has not the form that it must have"));
        }
        Section::Document
    }

    fn finish(mut self) -> Parsed {
        let mut document = self.document;
        if !self.creation.is_empty() {
            document.insert("creationInfo".to_owned(), self.creation.into());
        }
        if !self.annotations.is_empty() {
            // The first of an id, as everywhere; by an index, because there may be as many annotations as elements.
            let mut holders: HashMap<String, &mut Map<String, Value>> = HashMap::new();
            for holder in self.packages.iter_mut().chain(&mut self.files).chain(&mut self.snippets) {
                if let Some(id) = holder.get("SPDXID").and_then(Value::as_str).map(str::to_owned) {
                    holders.entry(id).or_insert(holder);
                }
            }
            for (about, annotation) in self.annotations {
                match holders.get_mut(&about) {
                    Some(holder) => push(holder, "annotations", annotation.into()),
                    // Without a reference it is about the document.
                    None => push(&mut document, "annotations", annotation.into()),
                }
            }
        }
        for (key, list) in [
            ("packages", self.packages),
            ("files", self.files),
            ("snippets", self.snippets),
            ("hasExtractedLicensingInfos", self.licenses),
            ("relationships", self.relationships),
            ("revieweds", self.reviews),
        ] {
            if !list.is_empty() {
                document.insert(key.to_owned(), list.into_iter().map(Value::Object).collect());
            }
        }
        Parsed { document: Value::Object(document), problems: self.problems }
    }
}

fn push(holder: &mut Map<String, Value>, key: &str, value: Value) {
    if let Value::Array(list) = holder.entry(key).or_insert_with(|| Value::Array(Vec::new())) {
        list.push(value);
    }
}

fn document_field(tag: &str) -> Option<As> {
    Some(match tag {
        "SPDXVersion" => As::Text("spdxVersion"),
        "DataLicense" => As::Text("dataLicense"),
        "SPDXID" => As::Text("SPDXID"),
        "DocumentName" => As::Text("name"),
        "DocumentNamespace" => As::Text("documentNamespace"),
        "DocumentComment" => As::Text("comment"),
        "ExternalDocumentRef" => As::Other,
        "Creator" => As::Item("creators"),
        "Created" => As::Text("created"),
        "CreatorComment" => As::Text("comment"),
        "LicenseListVersion" => As::Text("licenseListVersion"),
        _ => return None,
    })
}

fn package_field(tag: &str) -> Option<As> {
    Some(match tag {
        "SPDXID" => As::Text("SPDXID"),
        "PackageVersion" => As::Text("versionInfo"),
        "PackageFileName" => As::Text("packageFileName"),
        "PackageSupplier" => As::Text("supplier"),
        "PackageOriginator" => As::Text("originator"),
        "PackageDownloadLocation" => As::Text("downloadLocation"),
        "PackageHomePage" => As::Text("homepage"),
        "PackageSourceInfo" => As::Text("sourceInfo"),
        "PackageLicenseConcluded" => As::Text("licenseConcluded"),
        "PackageLicenseInfoFromFiles" => As::Item("licenseInfoFromFiles"),
        "PackageLicenseDeclared" => As::Text("licenseDeclared"),
        "PackageLicenseComments" => As::Text("licenseComments"),
        "PackageCopyrightText" => As::Text("copyrightText"),
        "PackageSummary" => As::Text("summary"),
        "PackageDescription" => As::Text("description"),
        "PackageComment" => As::Text("comment"),
        "PackageAttributionText" => As::Item("attributionTexts"),
        "PrimaryPackagePurpose" => As::Text("primaryPackagePurpose"),
        "ReleaseDate" => As::Text("releaseDate"),
        "BuiltDate" => As::Text("builtDate"),
        "ValidUntilDate" => As::Text("validUntilDate"),
        "FilesAnalyzed" | "PackageVerificationCode" | "PackageChecksum" | "ExternalRef" | "ExternalRefComment" => {
            As::Other
        }
        _ => return None,
    })
}

fn file_field(tag: &str) -> Option<As> {
    Some(match tag {
        "SPDXID" => As::Text("SPDXID"),
        "FileType" => As::Item("fileTypes"),
        "LicenseConcluded" => As::Text("licenseConcluded"),
        "LicenseInfoInFile" => As::Item("licenseInfoInFiles"),
        "LicenseComments" => As::Text("licenseComments"),
        "FileCopyrightText" => As::Text("copyrightText"),
        "FileComment" => As::Text("comment"),
        "FileNotice" => As::Text("noticeText"),
        "FileContributor" => As::Item("fileContributors"),
        "FileAttributionText" => As::Item("attributionTexts"),
        "FileDependency" => As::Item("fileDependencies"),
        // Deprecated since 2.1 and gone from the JSON.
        "ArtifactOfProjectName" | "ArtifactOfProjectHomePage" | "ArtifactOfProjectURI" | "FileChecksum" => As::Other,
        _ => return None,
    })
}

fn snippet_field(tag: &str) -> Option<As> {
    Some(match tag {
        "SnippetFromFileSPDXID" => As::Text("snippetFromFile"),
        "SnippetLicenseConcluded" => As::Text("licenseConcluded"),
        "LicenseInfoInSnippet" => As::Item("licenseInfoInSnippets"),
        "SnippetLicenseComments" => As::Text("licenseComments"),
        "SnippetCopyrightText" => As::Text("copyrightText"),
        "SnippetComment" => As::Text("comment"),
        "SnippetName" => As::Text("name"),
        "SnippetAttributionText" => As::Item("attributionTexts"),
        "SnippetByteRange" | "SnippetLineRange" => As::Other,
        _ => return None,
    })
}

fn license_field(tag: &str) -> Option<As> {
    Some(match tag {
        "ExtractedText" => As::Text("extractedText"),
        "LicenseName" => As::Text("name"),
        "LicenseComment" => As::Text("comment"),
        "LicenseCrossReference" => As::Other,
        _ => return None,
    })
}

/// Fields whose value has parts. Gives whether it has the form that it must have.
fn special(holder: &mut Map<String, Value>, tag: &str, value: &str) -> bool {
    match tag {
        "FilesAnalyzed" => match value.to_ascii_lowercase().as_str() {
            "true" | "false" => {
                holder.insert("filesAnalyzed".to_owned(), value.eq_ignore_ascii_case("true").into()).is_none()
            }
            _ => false,
        },
        "PackageVerificationCode" => {
            let (code, rest) = value.split_once('(').unwrap_or((value, ""));
            let mut object = Map::from_iter([("packageVerificationCodeValue".to_owned(), code.trim().into())]);
            let excluded = rest.trim_end().trim_end_matches(')').trim_start_matches("excludes:").trim();
            if !excluded.is_empty() {
                let list: Vec<Value> = excluded.split(',').map(|file| file.trim().into()).collect();
                object.insert("packageVerificationCodeExcludedFiles".to_owned(), list.into());
            }
            holder.insert("packageVerificationCode".to_owned(), object.into()).is_none()
        }
        "PackageChecksum" | "FileChecksum" => match value.split_once(':') {
            Some((algorithm, hex)) => {
                push(holder, "checksums", json!({"algorithm": algorithm.trim(), "checksumValue": hex.trim()}));
                true
            }
            None => false,
        },
        "ExternalRef" => {
            let mut parts = value.splitn(3, char::is_whitespace).map(str::trim);
            match (parts.next(), parts.next(), parts.next()) {
                (Some(category), Some(ty), Some(locator)) if !locator.is_empty() => {
                    let entry =
                        json!({"referenceCategory": category, "referenceType": ty, "referenceLocator": locator});
                    push(holder, "externalRefs", entry);
                    true
                }
                _ => false,
            }
        }
        "ExternalRefComment" => {
            let last = holder.get_mut("externalRefs").and_then(Value::as_array_mut).and_then(|list| list.last_mut());
            match last.and_then(Value::as_object_mut) {
                Some(last) => last.insert("comment".to_owned(), value.into()).is_none(),
                None => false,
            }
        }
        "LicenseCrossReference" => {
            for reference in value.split(',').map(str::trim).filter(|reference| !reference.is_empty()) {
                push(holder, "seeAlsos", reference.into());
            }
            true
        }
        "SnippetByteRange" | "SnippetLineRange" => {
            let key = if tag == "SnippetByteRange" { "offset" } else { "lineNumber" };
            let range = value
                .split_once(':')
                .and_then(|(a, b)| Some((a.trim().parse::<u64>().ok()?, b.trim().parse::<u64>().ok()?)));
            let Some((first, last)) = range else { return false };
            let file = holder.get("snippetFromFile").cloned().unwrap_or_default();
            let pointer = |at: u64| json!({key: at, "reference": file});
            push(holder, "ranges", json!({"startPointer": pointer(first), "endPointer": pointer(last)}));
            true
        }
        _ => true,
    }
}
