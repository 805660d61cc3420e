//! Images in YAML: Kubernetes, Kustomize, Compose, and the pipelines of GitHub, GitLab and CircleCI.

use std::path::Path;

use anyhow::Result;
use signet_model::ImageRef;
use signet_policy::images;
use signet_yaml::Node;

use super::find::{Found, Write, inside, odd, whole};
use super::helm;

/// Keys of a GitLab file that are no jobs, and hold no images either.
const GITLAB_WORDS: [&str; 5] = ["stages", "variables", "include", "workflow", "spec"];

/// One document, read as what its name and its content say.
pub(super) fn document(path: &Path, text: &str, root: &Node, found: &mut Vec<Found>) -> Result<()> {
    let name = path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    let stem = name.trim_end_matches(".yaml").trim_end_matches(".yml");
    let word = |key: &str| root.get(key).and_then(Node::as_str).unwrap_or_default();
    let below = |folder: &str| path.components().any(|part| part.as_os_str() == folder);
    if stem == "kustomization"
        || (word("apiVersion").starts_with("kustomize.config.k8s.io/") && !word("kind").is_empty())
    {
        kustomization(text, root, found);
        return Ok(());
    }
    if root.get("apiVersion").is_some() && root.get("kind").is_some() {
        return kubernetes(text, root, found);
    }
    if name.ends_with(".gitlab-ci.yml") || name.ends_with(".gitlab-ci.yaml") {
        gitlab(text, root, found);
    } else if below(".circleci") {
        circle(text, root, found);
    } else if stem == "action" && root.get("runs").is_some() {
        if let Some(image) = root.path(&["runs", "image"]) {
            whole(text, image, "docker://", found);
        }
        steps(text, root.path(&["runs", "steps"]), found);
    } else if root.get("jobs").is_some() && (root.get("on").is_some() || below("workflows")) {
        github(text, root, found);
    } else if stem.contains("compose") || (root.get("services").is_some() && !stem.contains("values")) {
        compose(text, root, found);
    } else if stem.contains("values") {
        helm::values(text, root, "", 0, found);
    }
    Ok(())
}

fn kubernetes(text: &str, root: &Node, found: &mut Vec<Found>) -> Result<()> {
    let object = signet_yaml::to_json(root);
    for named in images::of(&object, &[])? {
        let parts: Vec<String> =
            named.pointer.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~")).collect();
        let route: Vec<&str> = parts.iter().map(String::as_str).collect();
        match root.path(&route) {
            Some(node) if named.text.is_ok() => whole(text, node, "", found),
            // A container of a template may leave its image to whoever fills it in; the API server takes none without.
            None => {}
            Some(node) => found.push(odd(node, "it is no image")),
        }
    }
    Ok(())
}

/// Source: kubectl.docs.kubernetes.io/references/kustomize/kustomization/images.
fn kustomization(text: &str, root: &Node, found: &mut Vec<Found>) {
    for entry in root.get("images").and_then(Node::as_seq).into_iter().flatten() {
        let part = |key: &str| entry.get(key).and_then(Node::text).filter(|text| !text.is_empty());
        let Some((first, _)) = entry.as_map().and_then(<[_]>::first) else { continue };
        let Some(name) = part("newName").or_else(|| part("name")) else { continue };
        let tag = part("newTag").map(|tag| format!(":{tag}")).unwrap_or_default();
        let digest = part("digest").map(|digest| format!("@{digest}")).unwrap_or_default();
        let image = format!("{name}{tag}{digest}");
        let reference = match image.parse::<ImageRef>() {
            // Only the name is changed: tag and digest are what the base has.
            Ok(reference) if reference.tag().is_none() && reference.digest().is_none() => continue,
            Ok(reference) => Ok(reference),
            Err(err) => Err(err.to_string()),
        };
        let write = match (entry.get("digest"), entry.get("newTag")) {
            (Some(digest), _) => inside(text, digest)
                .filter(|at| !at.is_empty())
                .map(|_| Write::Digest(digest.span.offset as usize..digest.span.end_offset as usize)),
            (None, Some(tag)) if entry.style == signet_yaml::Style::Block => {
                Some(Write::Line { after: tag.span.offset as usize, column: first.span.column as usize })
            }
            _ => None,
        };
        found.push(Found { line: entry.span.line as usize, image, reference, write });
    }
}

/// Source: compose-spec `services`. What is built here has its image's name from here.
fn compose(text: &str, root: &Node, found: &mut Vec<Found>) {
    for (_, service) in root.get("services").and_then(Node::as_map).into_iter().flatten() {
        if service.get("build").is_none()
            && let Some(image) = service.get("image")
        {
            whole(text, image, "", found);
        }
        for volume in service.get("volumes").and_then(Node::as_seq).into_iter().flatten() {
            if volume.get("type").and_then(Node::as_str) == Some("image")
                && let Some(image) = volume.get("source")
            {
                whole(text, image, "", found);
            }
        }
    }
}

/// Source: GitHub's workflow syntax, `jobs.<id>.container`, `.services`, `.steps[].uses`.
fn github(text: &str, root: &Node, found: &mut Vec<Found>) {
    for (_, job) in root.get("jobs").and_then(Node::as_map).into_iter().flatten() {
        let services = job.get("services").and_then(Node::as_map).into_iter().flatten().map(|(_, service)| service);
        for container in job.get("container").into_iter().chain(services) {
            match container.get("image") {
                Some(image) => whole(text, image, "", found),
                None if container.as_map().is_none() => whole(text, container, "", found),
                None => {}
            }
        }
        steps(text, job.get("steps"), found);
    }
}

fn steps(text: &str, steps: Option<&Node>, found: &mut Vec<Found>) {
    for step in steps.and_then(Node::as_seq).into_iter().flatten() {
        if let Some(uses) = step.get("uses") {
            whole(text, uses, "docker://", found);
        }
    }
}

/// Source: GitLab's CI/CD YAML reference, `image`, `services`.
fn gitlab(text: &str, root: &Node, found: &mut Vec<Found>) {
    let mut images = |of: &Node| {
        let services = of.get("services").and_then(Node::as_seq).into_iter().flatten();
        for image in of.get("image").into_iter().chain(services) {
            match image.get("name") {
                Some(name) => whole(text, name, "", found),
                None if image.as_map().is_none() => whole(text, image, "", found),
                None => {}
            }
        }
    };
    images(root);
    for (key, job) in root.as_map().into_iter().flatten() {
        let word = key.text().unwrap_or_default();
        if job.as_map().is_some() && !GITLAB_WORDS.contains(&word) && !matches!(word, "image" | "services") {
            images(job);
        }
    }
}

/// Source: CircleCI's configuration reference, `docker` of jobs and executors.
fn circle(text: &str, root: &Node, found: &mut Vec<Found>) {
    for group in ["jobs", "executors"] {
        for (_, one) in root.get(group).and_then(Node::as_map).into_iter().flatten() {
            for entry in one.get("docker").and_then(Node::as_seq).into_iter().flatten() {
                if let Some(image) = entry.get("image") {
                    whole(text, image, "", found);
                }
            }
        }
    }
}
