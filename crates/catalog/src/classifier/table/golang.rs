//! Programs in Go whose version their own build information often does not tell.
//!
//! The linker's `-X` leaves two traces: the flags themselves, in the build information of Go 1.18 and later without `-trimpath`, and the value
//! as data that ends with a NUL, while all other strings of a Go program stand packed without one.

use super::{Product, Program, at, string};

/// `1.2.3`, `1.2.3-rc.1`, `1.2.3-beta1`
macro_rules! release {
    ($major:literal) => {
        concat!(r"(", $major, r"\.\d{1,3}\.\d{1,3}(?:-(?:alpha|beta|rc|ea|dev|pre)[.0-9A-Za-z]*)?)")
    };
}

/// Such a value, not the end of another word (`go1.22.7`).
macro_rules! linked {
    ($major:literal) => {
        concat!(r"[^0-9a-z.+_-]v?", release!($major), r"(?:\+ent(?:\.[a-z0-9.]+)?)?\x00")
    };
}

const ISTIO: &[super::Sign] = &[
    at("version.buildVersion=", 0, 64, r"version\.buildVersion=(1\.\d{1,3}(?:\.\d{1,3})?(?:-[0-9A-Za-z.]+)?)"),
    // the version of the pinned base stands in front of it
    string(2, 96, r"[^0-9a-z.+_-](1\.\d{1,3}(?:\.\d{1,3})?(?:-(?:alpha|beta|rc|dev)[.0-9A-Za-z]*)?)\x00+[^0-9\x00]"),
];

const BEAT: &[super::Sign] = &[
    at("Test ", 0, 40, r"^Test (\d{1,2}\.\d{1,2}\.\d{1,2}(?:-SNAPSHOT)?)(?:[^0-9.]|8\.0\.0)"),
    at("libbeat/version.", 0, 80, r"libbeat/version\.(?:defaultBeatVersion|version)=(\d{1,2}\.\d{1,2}\.\d{1,2})"),
];

const fn beat(name: &'static str, files: &'static [&'static str], cpes: &'static [&'static str]) -> Program {
    Program::new(Product::new(name, cpes), files, BEAT)
}

pub(super) static ROWS: &[Program] = &[
    Program::new(
        Product::new("traefik", &["traefik:traefik"]),
        &["traefik", "traefik_*"],
        &[
            at("pkg/version.Version=", 0, 48, concat!(r"version\.Version=v?", release!(r"[1-4]"))),
            at("traefik/version.Version=", 0, 48, concat!(r"version\.Version=v?", release!(r"[1-4]"))),
            string(2, 64, linked!(r"[1-4]")),
        ],
    ),
    Program::new(
        Product::of_purl("helm", "golang/helm.sh/helm", &["helm:helm"]),
        &["helm", "helm3", "helm2", "tiller"],
        &[
            at("version.version=", 0, 48, concat!(r"internal/version\.version=v?", release!(r"[2-9]"))),
            string(2, 64, concat!(r"[^0-9a-z.+_-]v", release!(r"[2-9]"), r"\x00")),
        ],
    ),
    Program::new(
        Product::of_purl("consul", "golang/github.com/hashicorp/consul", &["hashicorp:consul"]),
        &["consul"],
        &[
            at("version.GitDescribe=", 0, 64, concat!(r"version\.GitDescribe=v?", release!(r"[01]"))),
            at("consul/version.Version=", 0, 64, concat!(r"version\.Version=v?", release!(r"[01]"))),
            at("consul/version.fullVersion=", 0, 64, concat!(r"version\.fullVersion=v?", release!(r"[01]"))),
            string(2, 64, linked!(r"[01]")),
        ],
    ),
    Program::new(
        Product::of_purl("github.com/hashicorp/vault", "golang/github.com/hashicorp/vault", &["hashicorp:vault"]),
        &["vault"],
        &[
            at("version.fullVersion=", 0, 64, concat!(r"version\.fullVersion=v?", release!(r"[01]"))),
            at("vault/version.Version=", 0, 64, concat!(r"version\.Version=v?", release!(r"[01]"))),
            at("sdk/version.Version=", 0, 64, concat!(r"version\.Version=v?", release!(r"[01]"))),
            // A constant of the program, among the strings of its own length.
            at("0x%016x", 0, 24, r"^0x%016x(\d\.\d{2}\.\d{2}|\d\.\d{3}\.\d)123-abc"),
            at("revoke", 0, 24, r"^revoke(\d\.\d{2}\.\d|\d\.\d\.\d{2})[^0-9.]"),
            string(2, 64, linked!(r"[01]")),
        ],
    ),
    Program::new(Product::of_purl("pilot-agent", "generic/istio", &["istio:istio"]), &["pilot-agent"], ISTIO),
    Program::new(Product::of_purl("pilot-discovery", "generic/istio", &["istio:istio"]), &["pilot-discovery"], ISTIO),
    Program::new(
        Product::new("nginx-ingress-controller", &["kubernetes:ingress-nginx"]),
        &["nginx-ingress-controller"],
        &[
            at("version.RELEASE=", 0, 64, concat!(r"version\.RELEASE=(?:controller-)?v?", release!(r"\d"))),
            string(2, 64, concat!(r"[^0-9a-z.+_-]v", release!(r"\d"), r"\x00")),
        ],
    )
    .if_agrees(|_, version| !version.starts_with("0.0.0")),
    Program::new(
        Product::new("grafana", &["grafana:grafana"]),
        &["grafana", "grafana-server", "grafana-cli"],
        &[
            at(
                "main.version=",
                0,
                64,
                r"main\.version=(\d{1,2}\.\d{1,2}\.\d{1,2}(?:-(?:beta|pre|rc|test)[0-9]*|-\d{5,})?)",
            ),
            at("release-", 0, 48, r"^release-(\d{1,2}\.\d{1,2}\.\d{1,2})(?:[+-]security-\d+)?\x00"),
            string(
                2,
                64,
                r"[^0-9a-z.+_-]((?:[4-9]|1\d|2\d)\.\d{1,2}\.\d{1,2}(?:-(?:beta|pre|rc|test)[0-9]*|-\d{5,})?)(?:[+-]security-\d+)?\x00",
            ),
        ],
    ),
    Program::new(
        Product::new("elastic-agent", &["elastic:elastic_agent"]),
        &["elastic-agent"],
        &[at("-header", 24, 0, r"[^0-9.](\d{1,2}\.\d{1,2}\.\d{1,2}(?:-SNAPSHOT)?)-header$")],
    ),
    beat("filebeat", &["filebeat"], &["elastic:filebeat"]),
    beat("metricbeat", &["metricbeat"], &["elastic:metricbeat"]),
    beat("heartbeat", &["heartbeat"], &["elastic:heartbeat"]),
    beat("packetbeat", &["packetbeat"], &["elastic:packetbeat"]),
    beat("auditbeat", &["auditbeat"], &["elastic:auditbeat"]),
    beat("winlogbeat", &["winlogbeat*"], &["elastic:winlogbeat"]),
    beat("osquerybeat", &["osquerybeat"], &["elastic:osquerybeat"]),
];
