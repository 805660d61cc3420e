//! SPDX 2.2 and 2.3 in JSON, as far as we read or write it. Source: spdx/spdx-spec, `schemas/spdx-schema.json` of version 2.3.

use serde::{Deserialize, Serialize};

use crate::bounded::Bounded;
use crate::{PACKAGES, RELATIONSHIPS};

/// Packages and relationships are lists, or made one by one while they are written.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(
    rename_all = "camelCase",
    default,
    bound(deserialize = "P: Deserialize<'de> + Default, R: Deserialize<'de> + Default")
)]
pub(super) struct Document<P = Bounded<Package, PACKAGES>, R = Bounded<Relationship, RELATIONSHIPS>> {
    pub(super) spdx_version: Option<String>,
    pub(super) data_license: Option<String>,
    #[serde(rename = "SPDXID")]
    pub(super) id: Option<String>,
    pub(super) name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) document_namespace: Option<String>,
    pub(super) creation_info: Option<CreationInfo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) comment: Option<String>,
    #[serde(skip_serializing)]
    pub(super) document_describes: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) external_document_refs: Option<Vec<ExternalDocument>>,
    pub(super) packages: P,
    #[serde(skip_serializing)]
    pub(super) files: Bounded<File, RELATIONSHIPS>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) has_extracted_licensing_infos: Option<Vec<Extracted>>,
    pub(super) relationships: R,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct CreationInfo {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) license_list_version: Option<String>,
    pub(super) creators: Option<Vec<String>>,
    pub(super) created: Option<String>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ExternalDocument {
    pub(super) external_document_id: Option<String>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Package {
    pub(super) name: Option<String>,
    #[serde(rename = "SPDXID")]
    pub(super) id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) version_info: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) supplier: Option<String>,
    #[serde(skip_serializing)]
    pub(super) originator: Option<String>,
    pub(super) download_location: Option<String>,
    #[serde(skip_deserializing)]
    pub(super) files_analyzed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) checksums: Option<Vec<Checksum>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) source_info: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) license_concluded: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) license_declared: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) copyright_text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) summary: Option<String>,
    #[serde(skip_serializing)]
    pub(super) description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) external_refs: Option<Vec<ExternalRef>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) primary_package_purpose: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) attribution_texts: Option<Vec<String>>,
    #[serde(skip_serializing)]
    pub(super) annotations: Option<Vec<Annotation>>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Annotation {
    pub(super) comment: Option<String>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Checksum {
    pub(super) algorithm: Option<String>,
    #[serde(alias = "checksumValue")]
    pub(super) checksum_value: Option<String>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ExternalRef {
    pub(super) reference_category: Option<String>,
    pub(super) reference_type: Option<String>,
    pub(super) reference_locator: Option<String>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct File {
    pub(super) file_name: Option<String>,
    #[serde(rename = "SPDXID")]
    pub(super) id: Option<String>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Extracted {
    pub(super) license_id: Option<String>,
    pub(super) extracted_text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Relationship {
    pub(super) spdx_element_id: Option<String>,
    pub(super) related_spdx_element: Option<String>,
    pub(super) relationship_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) comment: Option<String>,
}

impl Document<(), ()> {
    /// The document with its packages and relationships.
    pub(super) fn with<P, R>(self, packages: P, relationships: R) -> Document<P, R> {
        Document {
            spdx_version: self.spdx_version,
            data_license: self.data_license,
            id: self.id,
            name: self.name,
            document_namespace: self.document_namespace,
            creation_info: self.creation_info,
            comment: self.comment,
            document_describes: self.document_describes,
            external_document_refs: self.external_document_refs,
            packages,
            files: self.files,
            has_extracted_licensing_infos: self.has_extracted_licensing_infos,
            relationships,
        }
    }
}
