//! From SOURCE to what it holds, as Syft and Grype understand sources: a scheme, else what lies at a path, else the engines, else the registry.
//!
//! Source: anchore/stereoscope (`providers.go`) and anchore/syft (`source/sourceproviders`): files before daemons before registries.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use signet_oci_client::Secret;
use signet_sources::SourceSpec;

use super::config::Config;
use crate::args::SourceArgs;
use crate::net::{Access, Login};
use crate::pipeline::Scope;
use crate::settings::Settings;
use crate::source::{self, Examined};

/// Who has images, in the order in which they are asked.
const ENGINES: [&str; 4] = ["docker", "podman", "containerd", "registry"];
/// Schemes of files and folders.
const PATHS: [&str; 5] = ["docker-archive", "oci-archive", "oci-dir", "dir", "file"];
/// Schemes that these tools know and this version does not read.
const MISSING: [&str; 3] = ["singularity", "snap", "oci-model"];

/// What is examined, and how it is reached.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// As the user wrote it.
    pub(crate) source: String,
    /// `--from`: who is asked, in order. Empty: the usual order.
    pub(crate) from: Vec<String>,
    /// `default-image-pull-source`: who is asked first.
    pub(crate) first: Option<String>,
    /// `--platform`.
    pub(crate) platform: Option<String>,
    /// `--exclude`.
    pub(crate) exclude: Vec<String>,
    /// How registries are reached.
    pub(crate) access: Access,
    /// Whether SBOMs are sources (Grype) or files like others (Syft).
    pub(crate) sboms: bool,
    /// Which layers of an image count.
    pub(crate) scope: Scope,
}

/// The settings `registry.*`, with the credential that they have for the registry of the source. A credential is never sent to another one.
pub(crate) fn access(config: &Config, source: &str) -> Result<Access> {
    let mut found = None;
    if let Some(list) = config.node("registry.auth").and_then(serde_json::Value::as_array) {
        for entry in list {
            let text = |key: &str| {
                let text = entry.get(key).and_then(serde_json::Value::as_str).filter(|text| !text.is_empty());
                Ok(text.map(str::to_owned))
            };
            found = found.or(login(source, &text)?);
        }
    } else {
        found = login(source, &|key| config.text(&format!("registry.auth.{key}")))?;
    }
    Ok(Access {
        plain_http: if config.switch("registry.insecure-use-http", false)? { vec!["*".to_owned()] } else { Vec::new() },
        ca_cert: config.text("registry.ca-cert")?.map(Into::into),
        insecure: config.switch("registry.insecure-skip-tls-verify", false)?,
        login: found,
    })
}

/// A credential, if it is for the registry of the source; one that names no registry is for all.
fn login(source: &str, get: &dyn Fn(&str) -> Result<Option<String>>) -> Result<Option<Login>> {
    if get("authority")?.is_some_and(|authority| authority != registry(source)) {
        return Ok(None);
    }
    match (get("username")?, get("password")?) {
        (Some(username), Some(password)) => {
            Ok(Some(Login { registries: Vec::new(), username, password: Secret::new(password) }))
        }
        (None, None) => Ok(None),
        _ => bail!("in `registry.auth` a user and a password belong together"),
    }
}

/// The registry that a source without or with the scheme `registry` names.
fn registry(source: &str) -> &str {
    let plain = ["registry:", "oci-registry:"].iter().find_map(|scheme| source.strip_prefix(scheme)).unwrap_or(source);
    match plain.split_once('/') {
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => host,
        _ => "docker.io",
    }
}

/// Examines it.
pub(crate) fn examine(wanted: &Wanted, settings: &Settings) -> Result<Examined> {
    let text = wanted.source.as_str();
    let mut examined = found(wanted, settings).with_context(|| format!("could not determine source of `{text}`"))?;
    super::inventory::exclude(&mut examined.inventory, examined.subject.kind, &wanted.exclude)?;
    Ok(examined)
}

fn found(wanted: &Wanted, settings: &Settings) -> Result<Examined> {
    let text = wanted.source.as_str();
    if text.is_empty() {
        bail!("an image or directory is needed");
    }
    if let Some((scheme, value)) = text.split_once(':') {
        if MISSING.contains(&scheme) {
            bail!("sources of the kind `{scheme}` are not in this version");
        }
        if wanted.sboms && matches!(scheme, "sbom" | "purl" | "pkg" | "cpe") {
            return listed(scheme, value, wanted, settings);
        }
        if ENGINES.contains(&scheme) || PATHS.contains(&scheme) {
            return one(text, None, wanted, settings);
        }
        if scheme == "oci-registry" {
            return one(&format!("registry:{value}"), Some(value), wanted, settings);
        }
    }
    if !wanted.from.is_empty() {
        return asked(text, &wanted.from, wanted, settings);
    }
    if Path::new(text).exists() {
        return path(text, wanted, settings);
    }
    let mut order: Vec<String> = ENGINES.iter().map(|engine| (*engine).to_owned()).collect();
    if let Some(first) = &wanted.first {
        if !order.contains(first) {
            bail!("unknown image source: `{first}`: {}", ENGINES.join(", "));
        }
        order.sort_by_key(|engine| engine != first);
    }
    asked(text, &order, wanted, settings)
}

/// Asks one after the other; whoever has it first is taken.
fn asked(text: &str, order: &[String], wanted: &Wanted, settings: &Settings) -> Result<Examined> {
    let mut failures = Vec::new();
    for name in order.iter().flat_map(|names| names.split(',')).map(str::trim) {
        let scheme = match name {
            "oci-registry" => "registry",
            "local-file" => "file",
            "local-directory" => "dir",
            other if MISSING.contains(&other) => bail!("sources of the kind `{other}` are not in this version"),
            other => other,
        };
        if !ENGINES.contains(&scheme) && !PATHS.contains(&scheme) {
            bail!("unknown source: `{name}`: {}, {}", ENGINES.join(", "), PATHS.join(", "));
        }
        match one(&format!("{scheme}:{text}"), Some(text), wanted, settings) {
            Ok(examined) => {
                settings.detail(format!("`{text}` from {scheme}"));
                return Ok(examined);
            }
            Err(err) => failures.push(format!("{scheme}: {err:#}")),
        }
    }
    bail!("{}", failures.join("; "))
}

/// What lies at a path: an image, a folder, an SBOM, a file.
fn path(text: &str, wanted: &Wanted, settings: &Settings) -> Result<Examined> {
    let plain = matches!(text, "." | "..") || ["/", "./", "../"].iter().any(|start| text.starts_with(start));
    let marked = if plain { text.to_owned() } else { format!("./{text}") };
    let spec = SourceSpec::parse(&marked)?;
    let is_sbom = match &spec {
        SourceSpec::Sbom(_) => true,
        SourceSpec::File(path) => wanted.sboms && document(path),
        _ => false,
    };
    match is_sbom {
        true if wanted.sboms => one(&format!("sbom:{text}"), Some(text), wanted, settings),
        true => one(&format!("file:{text}"), Some(text), wanted, settings),
        false => one(&marked, Some(text), wanted, settings),
    }
}

/// Whether a file is a document of packages. Only what looks like one by its first character is read.
fn document(path: &Path) -> bool {
    let limit = signet_sbom::Limits::default().bytes as u64;
    let Ok(file) = std::fs::File::open(path) else { return false };
    if !file.metadata().is_ok_and(|found| found.len() <= limit) {
        return false;
    }
    let mut reader = std::io::Read::take(file, limit);
    let mut bytes = vec![0; 64];
    let Ok(read) = std::io::Read::read(&mut reader, &mut bytes) else { return false };
    bytes.truncate(read);
    let start = bytes.iter().find(|byte| byte.is_ascii_graphic());
    matches!(start, Some(b'{' | b'<' | b'S'))
        && std::io::Read::read_to_end(&mut reader, &mut bytes).is_ok()
        && signet_sbom::detect(&bytes).is_some()
}

/// Sources of Grype that list packages.
fn listed(scheme: &str, value: &str, wanted: &Wanted, settings: &Settings) -> Result<Examined> {
    match scheme {
        "sbom" => one(&format!("sbom:{value}"), None, wanted, settings),
        "pkg" => one(&format!("purl:pkg:{value}"), Some(&format!("pkg:{value}")), wanted, settings),
        "cpe" => bail!("a CPE as the source is not in this version: give a package URL (`pkg:...`) or an SBOM"),
        _ if value.starts_with("pkg:") => one(&format!("purl:{value}"), Some(value), wanted, settings),
        _ => one(&format!("purl:@{value}"), Some(value), wanted, settings),
    }
}

fn one(text: &str, name: Option<&str>, wanted: &Wanted, settings: &Settings) -> Result<Examined> {
    let args = SourceArgs {
        source: text.to_owned(),
        platform: wanted.platform.as_deref().map(platform),
        plain_http: wanted.access.plain_http.clone(),
        ca_cert: wanted.access.ca_cert.clone(),
        skip_dirs: Vec::new(),
        lazy: false,
        no_cache: false,
        allow_incomplete: true,
        skip_files: Vec::new(),
        insecure: wanted.access.insecure,
        login: wanted.access.login.clone(),
        scope: wanted.scope,
    };
    let mut examined = source::examine(&args, settings)?;
    if let Some(name) = name {
        examined.subject.name = name.to_owned();
    }
    Ok(examined)
}

/// `arm64` and `linux` alone are platforms too.
fn platform(text: &str) -> String {
    match text {
        _ if text.contains('/') => text.to_owned(),
        "linux" | "windows" => {
            format!("{text}/{}", signet_sources::ImageOptions::default().host.architecture)
        }
        architecture => format!("linux/{architecture}"),
    }
}

/// Which layers of an image count.
///
/// Source: anchore/syft (`source/scope.go`).
pub(crate) fn scope(text: &str) -> Result<Scope> {
    match text.to_ascii_lowercase().as_str() {
        "squashed" => Ok(Scope::Squashed),
        "all-layers" | "alllayers" => Ok(Scope::AllLayers),
        "deep-squashed" | "deepsquashed" => Ok(Scope::DeepSquashed),
        other => bail!("bad scope value `{other}`: squashed, all-layers, deep-squashed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_stays_with_its_registry() {
        for (source, wanted) in [
            ("alpine:3", "docker.io"),
            ("team/app", "docker.io"),
            ("registry:r.example:5000/a/b:1", "r.example:5000"),
            ("localhost/a", "localhost"),
        ] {
            assert_eq!(registry(source), wanted, "{source}");
            let get = |authority: &'static str| {
                move |key: &str| Ok(Some(if key == "authority" { authority } else { "x" }.to_owned()))
            };
            assert!(login(source, &get("other.example")).unwrap().is_none());
            assert_eq!(login(source, &get("localhost")).unwrap().is_some(), wanted == "localhost");
        }
        assert!(login("a", &|key| Ok((key == "username").then(|| "x".to_owned()))).is_err());
    }
}
