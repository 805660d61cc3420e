//! The command lines that articles about image security print, run as they are printed: under the tools' own names, against a container engine
//! that has the image.

use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;

use crate::engine;
use crate::harness::Room;
use crate::trivy::{CURL, OLD, ZLIB, database, image};

/// A machine with the three programs in its PATH, an engine, and a database.
struct Machine {
    room: Room,
    engine: String,
}

impl Machine {
    fn new() -> Machine {
        let room = Room::new();
        for folder in ["bin", "cache/db"] {
            std::fs::create_dir_all(room.path(folder)).unwrap();
        }
        for name in ["trivy", "grype", "syft"] {
            let program = room.path("bin").join(name);
            std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_signet"), program).unwrap();
        }
        std::fs::write(room.path("cache/db/trivy.db"), database()).unwrap();
        room.file(
            "cache/db/metadata.json",
            r#"{"Version":2,"NextUpdate":"3000-01-01T00:00:00Z","UpdatedAt":"2026-01-15T00:00:00Z"}"#,
        );
        room.check("db build --trivy-db cache/db/trivy.db -o advisories.db", 0, &["database:"]);
        let engine = engine::listen(room.folder(), &image(&[CURL, OLD, ZLIB]), "myapp:latest");
        Machine { room, engine }
    }

    /// Gives a line to a shell.
    fn run(&self, line: &str) -> Output {
        let system = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(
            std::iter::once(self.room.path("bin")).chain(std::env::split_paths(&system)).collect::<Vec<PathBuf>>(),
        );
        Command::new("sh")
            .args(["-c", line])
            .env_clear()
            .env("PATH", path.unwrap())
            .env("HOME", self.room.path("home"))
            .env("DOCKER_HOST", &self.engine)
            .env("TRIVY_CACHE_DIR", self.room.path("cache"))
            .env("SIGNET_DB", self.room.path("advisories.db"))
            .env("SIGNET_OFFLINE", "true")
            .env("SOURCE_DATE_EPOCH", crate::harness::NOW)
            .current_dir(self.room.folder())
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap()
    }

    /// What a line prints on standard output; its exit code and what must and must not stand there are checked.
    #[track_caller]
    fn check(&self, line: &str, code: i32, with: &[&str], without: &[&str]) {
        let output = self.run(line);
        let (out, talk) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "$ {line}\n{out}\n{talk}");
        for word in with {
            assert!(out.contains(word), "no `{word}` from\n$ {line}\n{out}\n{talk}");
        }
        for word in without {
            assert!(!out.contains(word), "`{word}` from\n$ {line}\n{out}\n{talk}");
        }
    }
}

/// One fixed CRITICAL, one unfixed CRITICAL, one HIGH.
const FIXED: &str = "CVE-2099-0001";
const OPEN: &str = "CVE-2099-0002";
const HIGH: &str = "CVE-2099-0003";

#[test]
fn lines_of_trivy() {
    let machine = Machine::new();
    machine.check("trivy image nginx:latest", 0, &[FIXED, OPEN, HIGH], &[]);
    machine.check("trivy image --severity CRITICAL nginx:latest", 0, &[FIXED, OPEN], &[HIGH]);
    machine.check("trivy image --severity HIGH,CRITICAL payments-api:latest", 0, &[FIXED, HIGH], &[]);
    machine.check("trivy image --exit-code 1 --severity CRITICAL your-image:tag", 1, &[FIXED], &[HIGH]);
    machine.room.file(".trivyignore", "# accepted\nCVE-2099-0002\n");
    machine.check("trivy image --ignorefile .trivyignore payments-api:latest", 0, &[FIXED, HIGH], &[OPEN]);
    let registry = "trivy image 123456789.dkr.ecr.us-east-1.amazonaws.com/payments-api:latest";
    machine.check(registry, 0, &[FIXED, HIGH], &[]);
    machine.check("trivy fs --security-checks vuln,config ./", 0, &[], &[FIXED]);

    machine.check("trivy image --format cosign-vuln --output trivy-vuln.json payments-api:latest", 0, &[], &[FIXED]);
    let predicate = machine.room.json("trivy-vuln.json");
    let result = predicate["scanner"]["result"].to_string();
    assert!(result.contains(FIXED) && predicate["metadata"]["scanStartedOn"].is_string());
}

#[test]
fn lines_of_syft_and_grype() {
    let machine = Machine::new();
    machine.check("syft myapp:latest -o spdx-json > sbom.spdx.json", 0, &[], &[]);
    let spdx = machine.room.json("sbom.spdx.json");
    assert_eq!(spdx["spdxVersion"], "SPDX-2.3");
    let names: Vec<&Value> = spdx["packages"].as_array().unwrap().iter().map(|package| &package["name"]).collect();
    assert!(["libcurl4", "libssl3", "zlib1g"].iter().all(|name| names.iter().any(|found| *found == name)));

    machine.check("syft myapp:latest -o cyclonedx-json > sbom.cdx.json", 0, &[], &[]);
    let cyclonedx = machine.room.json("sbom.cdx.json");
    assert_eq!(cyclonedx["bomFormat"], "CycloneDX");
    assert!(cyclonedx["components"].to_string().contains("pkg:deb/debian/libssl3@3.0.7-1"));

    let titles = "NAME      INSTALLED   FIXED IN  TYPE  VULNERABILITY  SEVERITY  EPSS  RISK";
    machine.check("grype myapp:latest", 0, &[titles, FIXED, OPEN, HIGH], &[]);

    // One tool's SBOM is another's source.
    machine.check("trivy image --format cyclonedx --output sbom.json payments-api:latest", 0, &[], &[]);
    assert_eq!(machine.room.json("sbom.json")["bomFormat"], "CycloneDX");
    machine.check("grype sbom:./sbom.json", 0, &[FIXED, OPEN, HIGH], &[]);
    machine.check("syft myapp:latest -o json | grype --fail-on critical", 2, &[FIXED, OPEN, HIGH], &[]);
    machine.check("syft myapp:latest -o spdx-json | grype --fail-on critical --only-notfixed", 2, &[OPEN], &[FIXED]);
}
