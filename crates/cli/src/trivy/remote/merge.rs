//! Layers into one view, as Trivy's server puts them together: what a later layer says of a file replaces what earlier ones said, and files that it takes
//! away take their packages along. Source: aquasecurity/trivy:pkg/fanal/applier/docker.go.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

use signet_twirp::cache::BlobInfo;
use signet_twirp::common::{Application, Layer, LicenseFile, Misconfiguration, Os, Package, PackageInfo};

/// All of an artifact.
#[derive(Debug, Default)]
pub(super) struct Merged {
    pub(super) os: Option<Os>,
    /// The release of the repositories, where an Alpine system states one.
    pub(super) release: Option<String>,
    pub(super) packages: Vec<Package>,
    pub(super) applications: Vec<Application>,
    pub(super) misconfigurations: Vec<(Misconfiguration, Layer)>,
    /// Findings by file, as they came.
    pub(super) secrets: BTreeMap<String, Vec<Vec<u8>>>,
    pub(super) licenses: Vec<LicenseFile>,
    pub(super) custom_resources: Vec<Vec<u8>>,
    pub(super) layers: Vec<Layer>,
}

enum Held {
    System(PackageInfo),
    Language(Application),
    Checked(Box<(Misconfiguration, Layer)>),
    Licensed(LicenseFile),
}

/// By file, and by what is said of it.
type Tree = BTreeMap<(String, String), Held>;

/// Puts the blobs together, the lowest first.
pub(super) fn merge(blobs: Vec<BlobInfo>) -> Merged {
    let mut merged = Merged::default();
    let mut tree = Tree::new();
    let mut systems: HashMap<(String, String, String), Layer> = HashMap::new();
    let mut languages: HashMap<(String, String, String, String), Layer> = HashMap::new();
    for blob in blobs {
        let layer = Layer {
            digest: blob.digest.clone(),
            diff_id: blob.diff_id.clone(),
            created_by: blob.created_by.clone(),
            size: blob.size,
        };
        for path in blob.opaque_dirs.iter().chain(&blob.whiteout_files) {
            remove(&mut tree, path.trim_end_matches('/'));
        }
        if let Some(os) = blob.os {
            join(&mut merged.os, os);
        }
        if let Some(repository) = blob.repository {
            merged.release = Some(repository.release).filter(|release| !release.is_empty());
        }
        for info in blob.package_infos {
            for package in &info.packages {
                systems.entry(of_system(package)).or_insert_with(|| layer.clone());
            }
            tree.insert((info.file_path.clone(), "os".to_owned()), Held::System(info));
        }
        for application in blob.applications {
            for package in &application.packages {
                languages.entry(of_language(&application.file_path, package)).or_insert_with(|| layer.clone());
            }
            let key = (application.file_path.clone(), format!("language {}", application.r#type));
            tree.insert(key, Held::Language(application));
        }
        for checked in blob.misconfigurations {
            let key = (checked.file_path.clone(), format!("configuration {}", checked.file_type));
            tree.insert(key, Held::Checked(Box::new((checked, layer.clone()))));
        }
        for file in blob.licenses {
            let key = (file.file_path.clone(), format!("license {} {}", file.license_type, file.pkg_name));
            tree.insert(key, Held::Licensed(LicenseFile { layer: Some(layer.clone()), ..file }));
        }
        for secret in blob.secrets {
            let findings = secret.findings.into_iter().map(|finding| with_layer(finding, &layer));
            merged.secrets.entry(secret.filepath).or_default().extend(findings);
        }
        merged.custom_resources.extend(blob.custom_resources);
        if !layer.diff_id.is_empty() {
            merged.layers.push(layer);
        }
    }
    for held in tree.into_values() {
        match held {
            Held::System(info) => merged.packages.extend(info.packages),
            Held::Language(application) => merged.applications.push(application),
            Held::Checked(checked) => merged.misconfigurations.push(*checked),
            Held::Licensed(file) => merged.licenses.push(file),
        }
    }
    for package in merged.packages.iter_mut().filter(|package| unplaced(package)) {
        package.layer = systems.get(&of_system(package)).cloned();
    }
    for application in &mut merged.applications {
        for package in application.packages.iter_mut().filter(|package| unplaced(package)) {
            package.layer = languages.get(&of_language(&application.file_path, package)).cloned();
        }
    }
    dpkg_licenses(&mut merged);
    merged
}

/// Licences of Debian's packages stand in files beside the list of packages.
fn dpkg_licenses(merged: &mut Merged) {
    let mut by_name: HashMap<String, Vec<String>> = HashMap::new();
    for file in merged.licenses.iter().filter(|file| file.license_type == 1) {
        let names = by_name.entry(file.pkg_name.clone()).or_default();
        names.extend(file.fingings.iter().map(|finding| finding.name.clone()));
    }
    for package in &mut merged.packages {
        if let Some(names) = by_name.get(&package.name) {
            package.licenses.clone_from(names);
        }
    }
    merged.licenses.retain(|file| file.license_type != 1);
}

/// A client that knew the layer has said so.
fn unplaced(package: &Package) -> bool {
    package.layer.as_ref().is_none_or(|layer| *layer == Layer::default())
}

fn of_system(package: &Package) -> (String, String, String) {
    (package.name.clone(), package.version.clone(), package.release.clone())
}

fn of_language(file: &str, package: &Package) -> (String, String, String, String) {
    (file.to_owned(), package.file_path.clone(), package.name.clone(), package.version.clone())
}

/// Takes a file away, or a directory with all that is below it.
fn remove(tree: &mut Tree, path: &str) {
    if path.is_empty() {
        return;
    }
    // `0` follows `/`.
    let ranges = [(path.to_owned(), format!("{path}\0")), (format!("{path}/"), format!("{path}0"))];
    for (from, to) in ranges {
        let bounds = (Bound::Included((from, String::new())), Bound::Excluded((to, String::new())));
        let gone: Vec<(String, String)> = tree.range(bounds).map(|(key, _)| key.clone()).collect();
        for key in gone {
            tree.remove(&key);
        }
    }
}

/// What a layer says of the system against what those below said. What calls itself Red Hat or Debian may be one of their children.
fn join(held: &mut Option<Os>, new: Os) {
    let Some(old) = held else {
        *held = Some(new);
        return;
    };
    if new == Os::default() {
        return;
    }
    if matches!(old.family.as_str(), "redhat" | "debian") && !new.family.is_empty() {
        *old = new;
        return;
    }
    if old.family.is_empty() {
        old.family = new.family;
    }
    if old.name.is_empty() {
        old.name = new.name;
    }
    if old.channel.is_empty() {
        old.channel = new.channel;
    }
    old.extended |= new.extended;
}

/// A finding of a secret (passed on as it came) with its layer, field 10: the last of several is merged into the earlier ones.
fn with_layer(mut finding: Vec<u8>, layer: &Layer) -> Vec<u8> {
    let layer = signet_twirp::message_bytes(layer);
    finding.push(10 << 3 | 2);
    let mut length = layer.len();
    while length > 0x7f {
        finding.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    finding.push(length as u8);
    finding.extend_from_slice(&layer);
    finding
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str) -> Package {
        Package { name: name.to_owned(), version: "1".to_owned(), ..Package::default() }
    }

    fn layer(name: &str) -> BlobInfo {
        BlobInfo { digest: format!("sha256:{name}"), diff_id: format!("diff:{name}"), ..BlobInfo::default() }
    }

    fn application(path: &str, names: &[&str]) -> Application {
        Application {
            r#type: "npm".to_owned(),
            file_path: path.to_owned(),
            packages: names.iter().map(|name| package(name)).collect(),
        }
    }

    #[test]
    fn later_layers_replace_and_take_away() {
        let list = |names: &[&str]| PackageInfo {
            file_path: "var/lib/dpkg/status".to_owned(),
            packages: names.iter().map(|name| package(name)).collect(),
        };
        let blobs = vec![
            BlobInfo {
                package_infos: vec![list(&["base", "curl"])],
                applications: vec![
                    application("a/package-lock.json", &["one"]),
                    application("ab/package-lock.json", &["two"]),
                    application("b/package-lock.json", &["three"]),
                    application("c/d/package-lock.json", &["four"]),
                ],
                ..layer("1")
            },
            BlobInfo { package_infos: vec![list(&["base", "wget"])], ..layer("2") },
            BlobInfo {
                whiteout_files: vec!["a".to_owned(), "b/package-lock.json".to_owned()],
                opaque_dirs: vec!["c/".to_owned()],
                ..layer("3")
            },
        ];
        let merged = merge(blobs);
        let names: Vec<(&str, &str)> = merged
            .packages
            .iter()
            .map(|package| (package.name.as_str(), package.layer.as_ref().unwrap().diff_id.as_str()))
            .collect();
        assert_eq!(names, [("base", "diff:1"), ("wget", "diff:2")], "each with the layer that brought it first");
        let files: Vec<&str> = merged.applications.iter().map(|one| one.file_path.as_str()).collect();
        assert_eq!(files, ["ab/package-lock.json"]);
        assert_eq!(merged.layers.len(), 3);
    }

    #[test]
    fn layers_that_are_stated_stay() {
        let stated = Layer { diff_id: "diff:own".to_owned(), ..Layer::default() };
        let blob = BlobInfo {
            package_infos: vec![PackageInfo {
                file_path: String::new(),
                packages: vec![Package { layer: Some(stated.clone()), ..package("one") }],
            }],
            ..layer("1")
        };
        assert_eq!(merge(vec![blob]).packages[0].layer, Some(stated));
    }

    #[test]
    fn systems_are_joined() {
        let os = |family: &str, name: &str| Os { family: family.to_owned(), name: name.to_owned(), ..Os::default() };
        let check = |layers: &[Os], family: &str, name: &str| {
            let blobs = layers.iter().map(|os| BlobInfo { os: Some(os.clone()), ..BlobInfo::default() }).collect();
            assert_eq!(merge(blobs).os, Some(os(family, name)), "{layers:?}");
        };
        check(&[os("redhat", "8"), os("oracle", "8.6")], "oracle", "8.6");
        check(&[os("alpine", "3.20"), os("debian", "12")], "alpine", "3.20");
        check(&[os("ubuntu", ""), os("", "24.04")], "ubuntu", "24.04");
        check(&[os("debian", "12"), Os::default()], "debian", "12");
    }
}
