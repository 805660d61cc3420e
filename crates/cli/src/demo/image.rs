//! The images of the demonstration, written by us: a small distribution below, an application above.

use signet_image::Compression;
use signet_image::build::{BuiltImage, ImageBuilder, LayerBuilder};

/// What made each layer.
pub(super) const STEPS: [&str; 3] = ["FROM debian:12 (sample)", "RUN npm ci", "RUN npm uninstall sample-debug"];

const OS_RELEASE: &str = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME=\"Debian GNU/Linux\"\nVERSION_ID=\"12\"\nVERSION=\"12 (bookworm)\"\nVERSION_CODENAME=bookworm\nID=debian\n";

/// Versions that the sample database objects to.
pub(super) fn shop() -> BuiltImage {
    assemble("3.0.9-1", "2.4.0", true)
}

/// The same application after doing what the verdict said.
pub(super) fn upgraded() -> BuiltImage {
    assemble("3.0.11-1", "2.4.1", false)
}

fn assemble(tls: &str, templates: &str, colours: bool) -> BuiltImage {
    let status: String = [("sample-base", "12.4"), ("sample-tls", tls), ("sample-zip", "1.2.13-1")]
        .iter()
        .map(|(name, version)| stanza(name, version))
        .collect();
    let base = LayerBuilder::new()
        .file("etc/os-release", OS_RELEASE.as_bytes())
        .file("etc/debian_version", b"12.4\n")
        .file("var/lib/dpkg/status", status.as_bytes());
    let mut modules = vec![("sample-templates", templates)];
    if colours {
        modules.push(("sample-colours", "1.4.44"));
    }
    let mut before = modules.clone();
    before.push(("sample-debug", "4.3.1"));
    let mut application = LayerBuilder::new()
        .file("app/package.json", manifest(&before).as_bytes())
        .file("app/package-lock.json", lock(&before).as_bytes());
    for (name, version) in &before {
        let path = format!("app/node_modules/{name}/package.json");
        let package = serde_json::json!({ "name": name, "version": version, "license": "MIT" });
        application = application.file(&path, package.to_string().as_bytes());
    }
    let cleaned = LayerBuilder::new()
        .whiteout("app/node_modules/sample-debug")
        .file("app/package.json", manifest(&modules).as_bytes())
        .file("app/package-lock.json", lock(&modules).as_bytes());
    ImageBuilder::new()
        .layer(base.finish(), Compression::Gzip, STEPS[0])
        .layer(application.finish(), Compression::Zstd, STEPS[1])
        .layer(cleaned.finish(), Compression::Gzip, STEPS[2])
        .build()
}

fn stanza(name: &str, version: &str) -> String {
    format!(
        "Package: {name}\nStatus: install ok installed\nPriority: optional\nArchitecture: amd64\nMaintainer: Sample <sample@signet.dev>\nVersion: {version}\nDescription: a sample\n\n"
    )
}

fn manifest(modules: &[(&str, &str)]) -> String {
    let dependencies: serde_json::Map<String, serde_json::Value> =
        modules.iter().map(|(name, version)| ((*name).to_owned(), (*version).into())).collect();
    serde_json::json!({ "name": "shop", "version": "1.0.0", "private": true, "dependencies": dependencies }).to_string()
}

fn lock(modules: &[(&str, &str)]) -> String {
    let root: serde_json::Map<String, serde_json::Value> =
        modules.iter().map(|(name, version)| ((*name).to_owned(), (*version).into())).collect();
    let mut packages = serde_json::Map::new();
    packages.insert(String::new(), serde_json::json!({ "name": "shop", "version": "1.0.0", "dependencies": root }));
    for (name, version) in modules {
        packages.insert(format!("node_modules/{name}"), serde_json::json!({ "version": version, "license": "MIT" }));
    }
    serde_json::json!({ "name": "shop", "version": "1.0.0", "lockfileVersion": 3, "requires": true, "packages": packages })
        .to_string()
}
