//! The texts that are written.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::{Found, Origin};

/// A TrustPolicy in audit.
pub(super) fn policy(found: &Found) -> String {
    let mut text = String::from(
        "# Written by `signet init`. It refuses nothing: `signet gate IMAGE --policy signet-policy.yaml` says what it would refuse.\n# Write `mode: enforce` when nothing is refused that should run.\napiVersion: signet.dev/v1\nkind: TrustPolicy\nmetadata: { name: production }\nspec:\n  mode: audit\n",
    );
    let owners = owners(&found.runs);
    if owners.is_empty() {
        text.push_str("  # Every image: name your registries here, as \"registry.example.com/**\".\n");
    } else {
        text.push_str("  # What the manifests of this repository run.\n  images:\n");
        for owner in owners {
            let _ = writeln!(text, "    - \"{owner}\"");
        }
        text.push_str("  otherwise: deny\n");
    }
    text.push_str("  digest: pin\n");
    text.push_str(&signatures(found.origin.as_ref()));
    text.push_str(
        "  sbom: { require: true }\n  vulnerabilities:\n    # There is a cure, and someone uses the hole or probably will: do not run it.\n    deny: 'malicious || severity >= critical && fixed && (kev || epss >= 0.1)'\n    # There is no cure: accepted until there is one, and reviewed every week.\n    accept:\n      - when: 'severity >= critical && !fixed'\n        reviewEvery: 7d\n        alert: true\n        reason: \"critical without a fix\"\n    warn: 'severity >= high && fixed'\n    maxAge: 7d\n",
    );
    if !found.bases.is_empty() {
        text.push_str("  # What the Dockerfiles of this repository stand on:\n");
        for base in &found.bases {
            let _ = writeln!(text, "  #   {base}");
        }
        text.push_str("  # base: { allow: [\"gcr.io/distroless/**\"], endOfLife: deny }\n");
    }
    text
}

fn signatures(origin: Option<&Origin>) -> String {
    match origin {
        Some(origin) if origin.host == "github.com" => format!(
            "  signatures:\n    require: 1\n    authorities:\n      # The workflows of this repository.\n      - keyless: {{ issuer: \"https://token.actions.githubusercontent.com\", subject: \"https://github.com/{}/.github/workflows/*\" }}\n  # provenance: {{ level: 2, source: \"github.com/{}\" }}\n",
            origin.path, origin.path
        ),
        Some(origin) => format!(
            "  signatures:\n    require: 1\n    authorities:\n      # The pipelines of this repository.\n      - keyless: {{ issuer: \"https://{}\", subject: \"https://{}/{}//*\" }}\n",
            origin.host, origin.host, origin.path
        ),
        None => "  # Who must have signed: a key of `signet key generate`, or the identity of your pipeline.\n  # signatures: { require: 1, authorities: [{ key: { file: signet.pub } }] }\n".to_owned(),
    }
}

/// `ghcr.io/my-org/**` for what lies below an owner.
fn owners(names: &BTreeSet<String>) -> BTreeSet<String> {
    names
        .iter()
        .filter_map(|name| {
            let (registry, path) = name.split_once('/')?;
            let owner = path.split_once('/').map(|(owner, _)| owner);
            Some(owner.map_or_else(|| name.clone(), |owner| format!("{registry}/{owner}/**")))
        })
        .collect()
}

/// A workflow of GitHub's.
pub(super) fn github() -> String {
    "# Written by `signet init`. It asks the policy about every image that this repository runs, and fails on images that are not pinned.\nname: signet\non:\n  pull_request:\n  push:\n    branches: [main]\npermissions:\n  contents: read\njobs:\n  gate:\n    runs-on: ubuntu-24.04\n    steps:\n      - uses: actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683 # v4.2.2\n        with:\n          persist-credentials: false\n      - name: Install signet\n        env:\n          URL: https://example.com/signet-linux-amd64 # your own copy\n          SHA256: \"0000000000000000000000000000000000000000000000000000000000000000\"\n        run: |\n          curl -fsSLo signet \"$URL\"\n          echo \"$SHA256  signet\" | sha256sum --check\n          sudo install signet /usr/local/bin/signet\n      - run: signet policy lint signet-policy.yaml\n      - run: signet pin --check .\n"
        .to_owned()
}

/// A part of a pipeline of GitLab's.
pub(super) fn gitlab() -> String {
    "# Written by `signet init`. Include it: `include: { local: .gitlab/signet.gitlab-ci.yml }`.\nsignet:\n  stage: test\n  # An image with signet, by digest: your own copy.\n  image: registry.example.com/signet@sha256:0000000000000000000000000000000000000000000000000000000000000000\n  script:\n    - signet policy lint signet-policy.yaml\n    - signet pin --check .\n"
        .to_owned()
}
