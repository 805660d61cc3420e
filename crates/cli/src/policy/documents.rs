//! Policies and resources out of files: YAML or JSON, one document or many, or directories of them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow, bail};
use serde_json::Value;
use signet_policy::engine::{Builder, Origin, Set};
use signet_yaml::{Document, Limits, Node, to_json};

use crate::files::{self, Below};

/// Lists of lists: as deep as this.
const MAX_LISTS: usize = 4;

fn wanted(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "yaml" || end == "yml" || end == "json")
}

/// The files of paths. Errors: one cannot be read, or a directory below them, or a link leads nowhere.
fn found(paths: &[PathBuf]) -> Result<Below> {
    let mut below = Below::default();
    for path in paths {
        below.add(path, &wanted)?;
    }
    below.follow()?;
    if let Some((path, why)) = below.unread.first() {
        bail!("cannot read `{}`: {why}", path.display());
    }
    Ok(below)
}

fn read(path: &Path) -> Result<Vec<Document>> {
    let text = files::text(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    signet_yaml::parse(&text, &Limits::default()).with_context(|| format!("`{}` is no YAML", path.display()))
}

/// Compiles the policies of files. Errors: one cannot be loaded, or there is none; a gate with half of its policies is none.
pub(crate) fn policies(paths: &[PathBuf], mut builder: Builder) -> Result<Set> {
    let mut errors = Vec::new();
    for path in found(paths)?.files {
        let name = path.display().to_string();
        let text = files::text(&path).with_context(|| format!("cannot read `{name}`"))?;
        for problems in builder.take_text(&name, &text).into_iter().filter_map(Result::err) {
            errors.extend(problems.iter().map(|problem| format!("{name}: {problem}")));
        }
    }
    if !errors.is_empty() {
        bail!("{}", errors.join("\n"));
    }
    let set = builder.finish().map_err(|problems| {
        let lines: Vec<String> =
            problems.iter().map(|(origin, why)| format!("{}:{}: {why}", origin.file, origin.line)).collect();
        anyhow!("{}", lines.join("\n"))
    })?;
    if set.is_empty() {
        bail!("no policy is in the given files: everything would be admitted");
    }
    Ok(set)
}

/// A resource with its place.
pub(crate) struct Resource {
    pub(crate) object: Value,
    pub(crate) origin: Origin,
}

/// The resources of files, lists taken apart. What has no `kind` is none.
pub(crate) fn resources(paths: &[PathBuf]) -> Result<Vec<Resource>> {
    let mut all = Vec::new();
    for path in found(paths)?.files {
        let file: Arc<str> = path.display().to_string().into();
        for document in read(&path)? {
            take(&document.root, &file, 0, &mut all)?;
        }
    }
    Ok(all)
}

fn take(node: &Node, file: &Arc<str>, depth: usize, all: &mut Vec<Resource>) -> Result<()> {
    let kind = node.get("kind").and_then(Node::as_str).unwrap_or_default();
    if kind.is_empty() {
        return Ok(());
    }
    if kind.ends_with("List")
        && let Some(items) = node.get("items").and_then(Node::as_seq)
    {
        if depth >= MAX_LISTS {
            bail!("`{file}`: lists lie more than {MAX_LISTS} deep");
        }
        return items.iter().try_for_each(|item| take(item, file, depth + 1, all));
    }
    let mut object = to_json(node);
    let namespaced = object.pointer("/metadata/namespace").and_then(Value::as_str).is_some_and(|name| !name.is_empty());
    if !namespaced
        && !CLUSTER_WIDE.contains(&kind)
        && let Some(metadata) = object.pointer_mut("/metadata").and_then(Value::as_object_mut)
    {
        metadata.insert("namespace".to_owned(), Value::String("default".to_owned()));
    }
    all.push(Resource { object, origin: Origin { file: Arc::clone(file), line: node.span.line } });
    Ok(())
}

/// Kinds of Kubernetes that lie in no namespace; others without one are made in `default`, where `kubectl` would make them.
/// Source: Kubernetes API v1.36, `kubectl api-resources --namespaced=false`.
const CLUSTER_WIDE: [&str; 26] = [
    "APIService",
    "CSIDriver",
    "CSINode",
    "CertificateSigningRequest",
    "ClusterRole",
    "ClusterRoleBinding",
    "ClusterTrustBundle",
    "ComponentStatus",
    "CustomResourceDefinition",
    "DeviceClass",
    "FlowSchema",
    "IPAddress",
    "IngressClass",
    "MutatingWebhookConfiguration",
    "Namespace",
    "Node",
    "PersistentVolume",
    "PriorityClass",
    "PriorityLevelConfiguration",
    "ResourceSlice",
    "RuntimeClass",
    "ServiceCIDR",
    "StorageClass",
    "ValidatingWebhookConfiguration",
    "VolumeAttachment",
    "VolumeAttributesClass",
];
