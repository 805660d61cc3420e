//! The gate of the articles, `trivy image --exit-code 1 --severity CRITICAL IMAGE`, on an image made here of Debian packages, out of a real
//! registry, a docker archive and an OCI layout. Needs what `truth` needs.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use super::bolt::{bolt_file, bucket, value};
use super::peers::{Registry, debian, peers, tool, unavailable};

/// A Trivy database: a CRITICAL of `signet-sample` that 2.0 fixes, a CRITICAL of `zlib` without a fix, a HIGH of `bash`.
fn database() -> Vec<u8> {
    let source = r#"{"ID":"debian","Name":"Debian Security Tracker","URL":"https://example.org/debian"}"#;
    bolt_file(&[
        ("data-source", bucket(&[("debian 12", value(source))])),
        (
            "debian 12",
            bucket(&[
                ("bash", bucket(&[("CVE-2099-0003", value(r#"{"FixedVersion":"99.0-1"}"#))])),
                ("signet-sample", bucket(&[("CVE-2099-0001", value(r#"{"FixedVersion":"2.0-1"}"#))])),
                ("zlib", bucket(&[("CVE-2099-0002", value(r#"{"Status":2}"#))])),
            ]),
        ),
        (
            "vulnerability",
            bucket(&[
                ("CVE-2099-0001", value(r#"{"Title":"bad","VendorSeverity":{"nvd":4}}"#)),
                ("CVE-2099-0002", value(r#"{"Title":"bad","VendorSeverity":{"nvd":4}}"#)),
                ("CVE-2099-0003", value(r#"{"Title":"bad","VendorSeverity":{"nvd":3}}"#)),
            ]),
        ),
    ])
}

/// A Debian package of this version, made by `dpkg-deb`.
fn package(folder: &Path, version: &str) -> String {
    let tree = folder.join(format!("signet-sample-{version}"));
    std::fs::create_dir_all(tree.join("DEBIAN")).unwrap();
    std::fs::create_dir_all(tree.join("usr/share/signet-sample")).unwrap();
    let control = format!(
        "Package: signet-sample\nVersion: {version}\nArchitecture: all\nMaintainer: Debian Tests <tests@debian.org>\nDescription: for a test\n"
    );
    std::fs::write(tree.join("DEBIAN/control"), control).unwrap();
    std::fs::write(tree.join("usr/share/signet-sample/version"), version).unwrap();
    let file = folder.join(format!("signet-sample-{version}.deb")).display().to_string();
    tool("dpkg-deb", &["--root-owner-group", "--build", tree.to_str().unwrap(), &file]);
    file
}

fn ids(output: &Output) -> Vec<String> {
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let rows = report["Results"].as_array().into_iter().flatten();
    let rows = rows.flat_map(|result| result["Vulnerabilities"].as_array().into_iter().flatten());
    rows.map(|row| format!("{} {}", row["VulnerabilityID"].as_str().unwrap(), row["PkgName"].as_str().unwrap()))
        .collect()
}

#[test]
fn an_image_of_debian_packages_is_gated_in_every_form() {
    let test = "the gate on an image of Debian packages";
    if !peers(test, &["mmdebstrap", "umoci", "skopeo", "docker-registry", "dpkg", "dpkg-deb"]) {
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
    let at = |name: &str| folder.path().join(name).display().to_string();
    let (layout, bundle) = (at("layout"), at("bundle"));
    let root_option = format!("--root={bundle}/rootfs");
    let old = format!("{layout}:old");
    tool("umoci", &["init", "--layout", &layout]);
    tool("umoci", &["new", "--image", &old]);
    tool("umoci", &["raw", "add-layer", "--image", &old, base.to_str().unwrap()]);
    tool("umoci", &["unpack", "--image", &old, &bundle]);
    let install = |version: &str| {
        let file = package(folder.path(), version);
        tool("dpkg", &[&root_option, "--force-script-chrootless", "--install", &file]);
        tool("umoci", &["repack", "--refresh-bundle", "--image", &format!("{layout}:{version}"), &bundle]);
    };
    install("1.0-1");
    install("2.0-1");

    let cache = folder.path().join("cache/db");
    std::fs::create_dir_all(&cache).unwrap();
    std::fs::write(cache.join("trivy.db"), database()).unwrap();
    let metadata = r#"{"Version":2,"NextUpdate":"3000-01-01T00:00:00Z","UpdatedAt":"2024-01-01T00:00:00Z"}"#;
    std::fs::write(cache.join("metadata.json"), metadata).unwrap();
    let trivy = folder.path().join("trivy");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_signet"), &trivy).unwrap();
    let gate = |image: &[&str], more: &[&str], code: i32| {
        // As `signet trivy`, and under the name `trivy`.
        let mut answers = [(env!("CARGO_BIN_EXE_signet").as_ref(), &["trivy"][..]), (trivy.as_path(), &[][..])].map(
            |(program, first): (&Path, &[&str])| {
                let output = Command::new(program)
                    .args(first)
                    .args(["image", "--exit-code", "1", "--severity", "CRITICAL", "--scanners", "vuln"])
                    .args(["--skip-db-update", "--format", "json"])
                    .args(more)
                    .args(image)
                    .env_clear()
                    .env("HOME", folder.path())
                    .env("TRIVY_CACHE_DIR", folder.path().join("cache"))
                    .env("SOURCE_DATE_EPOCH", "1700000000")
                    .output()
                    .unwrap();
                let talk = String::from_utf8_lossy(&output.stderr);
                assert_eq!(output.status.code(), Some(code), "{image:?} {more:?}\n{talk}");
                ids(&output)
            },
        );
        let [answer, again] = &mut answers;
        assert_eq!(answer, again);
        std::mem::take(answer)
    };

    let registry = Registry::start();
    for version in ["1.0-1", "2.0-1"] {
        let from = format!("oci:{layout}:{version}");
        let archive = at(&format!("{version}.tar"));
        tool("skopeo", &["copy", "-q", &from, &format!("docker-archive:{archive}:gate:{version}")]);
        let reference = format!("{}/gate/image:{version}", registry.host);
        tool("skopeo", &["copy", "-q", "--dest-tls-verify=false", &from, &format!("docker://{reference}")]);
        // A layout of its own, as `skopeo copy` writes it: Trivy's --input takes the only image of a layout.
        let alone = at(&format!("layout-{version}"));
        tool("skopeo", &["copy", "-q", &from, &format!("oci:{alone}:latest")]);
        let forms: [&[&str]; 3] = [&["--insecure", &reference], &["--input", &archive], &["--input", &alone]];
        for form in forms {
            let unfixed = "CVE-2099-0002 zlib1g";
            if version == "1.0-1" {
                assert_eq!(gate(form, &[], 1), ["CVE-2099-0001 signet-sample", unfixed], "{form:?}");
                assert_eq!(gate(form, &["--ignore-unfixed"], 1), ["CVE-2099-0001 signet-sample"], "{form:?}");
                let all = gate(form, &["--severity", "HIGH,CRITICAL"], 1);
                assert_eq!(all, ["CVE-2099-0003 bash", "CVE-2099-0001 signet-sample", unfixed], "{form:?}");
            } else {
                assert_eq!(gate(form, &[], 1), [unfixed], "{form:?}");
                assert!(gate(form, &["--ignore-unfixed"], 0).is_empty(), "{form:?}");
            }
        }
    }
}
