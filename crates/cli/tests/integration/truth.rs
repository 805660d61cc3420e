//! Signet against the tools that made the bytes: one image in every form gives one answer, and packages are those that `dpkg-query` and `rpm` list.
//!
//! Needs root, mmdebstrap, umoci, skopeo, docker-registry, dpkg and rpm. Where something is absent the tests say so and pass, unless
//! `SIGNET_REQUIRE_PEERS=1`. The Debian root takes minutes to make; it is kept in the target directory and made again when it is not there.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use signet_model::Digest;

use super::peers::{Registry, debian, peers, run, tool, unavailable};

/// Output of `signet sbom`, with nothing left unexamined.
#[track_caller]
fn sbom(source: &str, format: &str, options: &[&str]) -> String {
    let cache = tempfile::tempdir().unwrap();
    run(Command::new(env!("CARGO_BIN_EXE_signet"))
        .args(["sbom", source, "-o", format, "--no-cache", "--cache-dir"])
        .arg(cache.path())
        .args(options))
}

/// `name version architecture` of each package of a kind, with the epoch where it is stated.
#[track_caller]
fn packages(report: &str, kind: &str) -> BTreeSet<String> {
    let report: Value = serde_json::from_str(report).unwrap();
    let mut found = BTreeSet::new();
    for package in report["packages"].as_array().unwrap().iter().filter(|package| package["kind"] == kind) {
        let row = format!(
            "{} {} {}",
            package["name"].as_str().unwrap(),
            package["version"].as_str().unwrap(),
            package["arch"].as_str().unwrap_or("")
        );
        assert!(found.insert(row.clone()), "{row} is listed twice");
    }
    found
}

fn lines(text: &str) -> BTreeSet<String> {
    text.lines().map(str::to_owned).collect()
}

/// The same rows, or a failure that shows only what differs.
#[track_caller]
fn same(what: &str, got: &BTreeSet<String>, want: &BTreeSet<String>) {
    let more: Vec<_> = got.difference(want).collect();
    let less: Vec<_> = want.difference(got).collect();
    assert!(more.is_empty() && less.is_empty(), "{what}: only found {more:?}, not found {less:?}");
    assert!(!want.is_empty(), "{what}: nothing to compare");
}

/// A CycloneDX document without what names its source: the subject's name and digest, and the serial number made from them.
#[track_caller]
fn nameless(document: &str) -> Value {
    let mut document: Value = serde_json::from_str(document).unwrap();
    let subject = &mut document["metadata"]["component"];
    assert!(subject["name"].is_string(), "the subject has no name");
    subject["name"] = Value::Null;
    // The digest of the manifest: another one for each compression, none in an archive of docker.
    subject["version"] = Value::Null;
    if let Some(properties) = subject["properties"].as_array_mut() {
        let names = ["RepoTag", "RepoDigest", "Reference"];
        properties.retain(|property| {
            !property["name"].as_str().is_some_and(|name| names.iter().any(|end| name.ends_with(end)))
        });
    }
    document["serialNumber"] = Value::Null;
    document
}

/// An SPDX document without what names its source: the document's name and namespace, and the subject's name, version and references.
#[track_caller]
fn nameless_spdx(document: &str) -> Value {
    let mut document: Value = serde_json::from_str(document).unwrap();
    for field in ["name", "documentNamespace"] {
        assert!(document[field].is_string(), "the document has no {field}");
        document[field] = Value::Null;
    }
    let described = |relation: &Value| relation["relationshipType"] == "DESCRIBES";
    let relations = document["relationships"].as_array().unwrap();
    let subject = relations.iter().find(|relation| described(relation)).unwrap()["relatedSpdxElement"].clone();
    let packages = document["packages"].as_array_mut().unwrap();
    let subject = packages.iter_mut().find(|package| package["SPDXID"] == subject).unwrap();
    for field in ["name", "versionInfo", "checksums", "externalRefs"] {
        subject[field] = Value::Null;
    }
    if let Some(texts) = subject["attributionTexts"].as_array_mut() {
        let names = ["RepoTag", "RepoDigest", "Reference"];
        texts.retain(|text| !names.iter().any(|name| text.as_str().is_some_and(|text| text.starts_with(name))));
    }
    document
}

/// A Syft document without its source, and without the source's id in relations.
#[track_caller]
fn nameless_syft(document: &str) -> Value {
    let mut document: Value = serde_json::from_str(document).unwrap();
    let id = document["source"]["id"].take();
    assert!(id.is_string(), "the source has no id");
    document["source"] = Value::Null;
    let relations = document["artifactRelationships"].as_array_mut().unwrap();
    for relation in relations.iter_mut().filter(|relation| relation["parent"] == id) {
        relation["parent"] = Value::Null;
    }
    // They are sorted by parent, and the source's id differs.
    relations.sort_by_key(ToString::to_string);
    document
}

/// Without what tells an image's layers from one another: what a directory cannot know.
fn layerless_spdx(document: &mut Value) {
    for package in document["packages"].as_array_mut().into_iter().flatten() {
        if package["SPDXID"].as_str().is_some_and(|id| id.starts_with("SPDXRef-DocumentRoot")) {
            *package = Value::Null;
        } else if let Some(texts) = package["attributionTexts"].as_array_mut() {
            texts.retain(|text| !text.as_str().is_some_and(|text| text.contains(":layerID: ")));
        }
    }
}

/// Without what only an image has: the digests of its configuration and layers.
fn layerless(document: &mut Value) {
    match document {
        Value::Array(values) => {
            values.retain(|value| {
                !value["name"].as_str().is_some_and(|name| {
                    ["DiffID", "ImageID", "layer", "LayerDiffID", "LayerDigest"]
                        .iter()
                        .any(|ending| name.rsplit(':').next() == Some(ending) || name.ends_with(":layerID"))
                })
            });
            values.iter_mut().for_each(layerless);
        }
        Value::Object(fields) => fields.values_mut().for_each(layerless),
        _ => {}
    }
}

/// Where two documents differ first, for people.
#[track_caller]
fn same_document(what: &str, got: &Value, want: &Value) {
    let (got, want) = (serde_json::to_string_pretty(got).unwrap(), serde_json::to_string_pretty(want).unwrap());
    if let Some((number, (got, want))) = got.lines().zip(want.lines()).enumerate().find(|(_, (got, want))| got != want)
    {
        panic!("{what}, line {}: `{}` instead of `{}`", number + 1, got.trim(), want.trim());
    }
    assert_eq!(got.len(), want.len(), "{what}: one document is longer");
}

/// A Debian root and, above it, a layer that purges a package and installs others, in every form that images come in.
#[test]
fn one_image_gives_the_same_packages_in_every_form_and_those_of_dpkg() {
    let test = "one image in every form";
    if !peers(test, &["mmdebstrap", "umoci", "skopeo", "docker-registry", "dpkg", "dpkg-query", "gzip"]) {
        return;
    }
    let base = match debian() {
        Ok(base) => base,
        Err(why) => {
            unavailable(test, &why);
            return;
        }
    };
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (layout, bundle) = (at("gzip"), at("bundle"));
    let image = format!("{layout}:t");
    tool("umoci", &["init", "--layout", &layout]);
    tool("umoci", &["new", "--image", &image]);
    tool("umoci", &["raw", "add-layer", "--image", &image, base.to_str().unwrap()]);
    tool("umoci", &["unpack", "--image", &image, &bundle]);
    let root = Path::new(&bundle).join("rootfs");
    let root_text = root.to_str().unwrap().to_owned();
    let root_option = format!("--root={root_text}");
    tool("dpkg", &[&root_option, "--force-all", "--purge", "hostname", "mawk"]);
    write(&root.join("opt/app/package.json"), r#"{"name":"app","version":"1.0.0"}"#);
    write(&root.join("opt/app/node_modules/left/package.json"), r#"{"name":"left","version":"2.0.0","license":"MIT"}"#);
    write(
        &root.join("usr/lib/python3/dist-packages/right-3.0.dist-info/METADATA"),
        "Metadata-Version: 2.1\nName: right\nVersion: 3.0\n",
    );
    tool("umoci", &["repack", "--image", &image, &bundle]);

    let oci = |name: &str| format!("oci:{}:t", at(name));
    let (from, archive) = (oci("gzip"), at("docker.tar"));
    tool("skopeo", &["copy", "-q", "--dest-compress", "--dest-compress-format=zstd", &from, &oci("zstd")]);
    tool("skopeo", &["copy", "-q", &from, &format!("docker-archive:{archive}:truth:t")]);
    plain(Path::new(&layout), Path::new(&at("plain")));
    let registry = Registry::start();
    let reference = format!("{}/truth/image:t", registry.host);
    tool("skopeo", &["copy", "-q", "--dest-tls-verify=false", &from, &format!("docker://{reference}")]);
    for (form, media) in [("gzip", "tar+gzip"), ("zstd", "tar+zstd"), ("plain", ".tar\"")] {
        assert!(manifest(Path::new(&at(form))).contains(media), "the layers of the `{form}` layout are no {media}");
    }

    let plain_http = ["--plain-http", registry.host.as_str()];
    let none: &[&str] = &[];
    let forms = [
        (format!("oci-dir:{layout}"), none),
        (format!("oci-dir:{}", at("zstd")), none),
        (format!("oci-dir:{}", at("plain")), none),
        (format!("docker-archive:{archive}"), none),
        (format!("registry:{reference}"), &plain_http),
    ];
    let truth = tool(
        "dpkg-query",
        &[&format!("--admindir={root_text}/var/lib/dpkg"), "-W", "-f", "${Package} ${Version} ${Architecture}\\n"],
    );
    let mut first: Option<([Value; 3], BTreeSet<String>)> = None;
    for (source, options) in &forms {
        same(source, &packages(&sbom(source, "json", options), "deb"), &lines(&truth));
        let purls = lines(&sbom(source, "purls", options));
        let documents = [
            nameless(&sbom(source, "cyclonedx-json", options)),
            nameless_spdx(&sbom(source, "spdx-json", options)),
            nameless_syft(&sbom(source, "syft-json", options)),
        ];
        match &first {
            None => {
                for purl in ["pkg:npm/left@2.0.0", "pkg:pypi/right@3.0"] {
                    assert!(purls.contains(purl), "{purl} was not found");
                }
                first = Some((documents, purls));
            }
            Some((wanted, rows)) => {
                for (document, want) in documents.iter().zip(wanted) {
                    same_document(source, document, want);
                }
                same(source, &purls, rows);
            }
        }
    }
    let ([mut want, mut want_spdx, _], rows) = first.unwrap();
    layerless_spdx(&mut want_spdx);
    for scheme in ["rootfs", "dir"] {
        let source = format!("{scheme}:{root_text}");
        same(&source, &packages(&sbom(&source, "json", &[]), "deb"), &lines(&truth));
        same(&source, &lines(&sbom(&source, "purls", &[])), &rows);
        let mut document: Value = serde_json::from_str(&sbom(&source, "cyclonedx-json", &[])).unwrap();
        layerless(&mut document);
        layerless(&mut want);
        same_document(&source, &document["components"], &want["components"]);
        same_document(&source, &document["dependencies"], &want["dependencies"]);
        let mut document: Value = serde_json::from_str(&sbom(&source, "spdx-json", &[])).unwrap();
        layerless_spdx(&mut document);
        same_document(&source, &document["packages"], &want_spdx["packages"]);
    }
}

/// Writes the only image of a gzip layout again with layers that are not compressed; skopeo compresses whatever it writes.
#[track_caller]
fn plain(from: &Path, to: &Path) {
    let blobs = to.join("blobs/sha256");
    std::fs::create_dir_all(&blobs).unwrap();
    std::fs::copy(from.join("oci-layout"), to.join("oci-layout")).unwrap();
    let keep = |bytes: &[u8]| {
        let digest = Digest::sha256(bytes);
        std::fs::write(blobs.join(digest.hex()), bytes).unwrap();
        (digest.to_string(), bytes.len())
    };
    let blob = |descriptor: &Value| from.join("blobs").join(descriptor["digest"].as_str().unwrap().replace(':', "/"));
    let mut manifest: Value = serde_json::from_str(&manifest(from)).unwrap();
    keep(&std::fs::read(blob(&manifest["config"])).unwrap());
    for layer in manifest["layers"].as_array_mut().unwrap() {
        let unpacked = Command::new("gzip").arg("-dc").arg(blob(layer)).output().unwrap();
        assert!(unpacked.status.success(), "a layer is no gzip");
        let (digest, size) = keep(&unpacked.stdout);
        *layer = json!({"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest, "size": size});
    }
    let (digest, size) = keep(manifest.to_string().as_bytes());
    let mut index: Value = serde_json::from_slice(&std::fs::read(from.join("index.json")).unwrap()).unwrap();
    index["manifests"][0]["digest"] = json!(digest);
    index["manifests"][0]["size"] = json!(size);
    std::fs::write(to.join("index.json"), index.to_string()).unwrap();
}

/// The manifest of the only image of a layout.
#[track_caller]
fn manifest(layout: &Path) -> String {
    let index: Value = serde_json::from_slice(&std::fs::read(layout.join("index.json")).unwrap()).unwrap();
    let digest = index["manifests"][0]["digest"].as_str().unwrap().replace(':', "/");
    std::fs::read_to_string(layout.join("blobs").join(digest)).unwrap()
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// Two packages that rpmbuild makes here, one with an epoch, installed below a root of their own.
#[test]
fn rpm_packages_are_those_that_rpm_lists() {
    let test = "packages of rpm";
    if !peers(test, &["rpm", "rpmbuild"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let top = format!("_topdir {}", folder.path().join("build").display());
    let mut built = Vec::new();
    for (name, epoch, arch) in [("signet-truth", "Epoch: 3\n", "noarch"), ("signet-truth-libs", "", "x86_64")] {
        let spec = folder.path().join(format!("{name}.spec"));
        std::fs::write(
            &spec,
            format!(
                "Name: {name}\n{epoch}Version: 1.2~rc1\nRelease: 4%{{?dist}}\nSummary: For a test\nLicense: MIT\n%description\nFor a test.\n%install\nmkdir -p %{{buildroot}}/usr/share/{name}\necho {name} >%{{buildroot}}/usr/share/{name}/file\n%files\n/usr/share/{name}/file\n"
            ),
        )
        .unwrap();
        tool("rpmbuild", &["--quiet", "-bb", "--target", arch, "--define", &top, spec.to_str().unwrap()]);
        built.push(folder.path().join(format!("build/RPMS/{arch}/{name}-1.2~rc1-4.{arch}.rpm")));
    }
    let root = folder.path().join("root");
    std::fs::create_dir_all(root.join("var/lib/rpm")).unwrap();
    // Debian's rpm keeps its database elsewhere unless told; SQLite is the one kind that it writes.
    let rpm = |args: &[&str]| {
        let mut command = Command::new("rpm");
        run(command.arg("--root").arg(&root).args(["--define", "_dbpath /var/lib/rpm"]).args(args))
    };
    rpm(&["--initdb"]);
    for package in &built {
        rpm(&["-i", "--nodeps", "--noscripts", "--ignorearch", "--nosignature", package.to_str().unwrap()]);
    }
    let query = "%{NAME} %|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE} %{ARCH}\\n";
    let truth = lines(&rpm(&["-qa", "--qf", query]));
    assert_eq!(truth.len(), 2, "{truth:?}");
    let source = format!("rootfs:{}", root.display());
    same(&source, &packages(&sbom(&source, "json", &[]), "rpm"), &truth);
}
