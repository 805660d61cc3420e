//! What the images of Kyverno's suites carry in their registries, and where that is known from.
//!
//! The facts were written down from what upstream documents, from the sources that build the images, and from what the names of images and tests say
//! ("signed", "signed-by-someone-else"). No fact is chosen for a row; a row whose image carries something else than the row's author thought
//! fails. The images are of our own making and are sealed by keys, certificates and jobs of ours that stand for theirs.

use serde_json::{Value, json};

/// A key of theirs that policies name, by the beginning of its PEM body, and its name here.
pub(super) const KEYS: [(&str, &str); 4] = [
    // The key of Kyverno's documentation: "Verifying Image Signatures".
    (THE_KEY, "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE8nXRh950IZbRj8Ra/N9sbqOPZrfM"),
    // Named for `my.local.repo/*` only, where no image is asked for.
    ("local", "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEOUD2uzRHLnx1oH6XAnF+8haL73BF"),
    // verify-images/clusterpolicy/standard/keyed-oci11/README.md: "the image has been signed by the public key specified in the policy".
    ("oci11", "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEoKYkkX32oSx61B4iwKXa6llAF2dB"),
    // stefanprodan/podinfo:.cosign/cosign.pub, with which its release workflow signs.
    ("podinfo", "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEMKLYTatU9CUsrA5Td6jXiZTolwsx"),
];

const THE_KEY: &str = "documented";
/// A key that no policy names.
pub(super) const SOMEONE: &str = "someone";

/// A certificate of theirs that policies name, by the beginning of its PEM body, and its name here.
pub(super) const CERTIFICATES: [(&str, &str); 2] = [
    // `C=US, ST=WA, L=Seattle, O=Notary, CN=test` of May 2023.
    ("notary", "MIIDTTCCAjWgAwIBAgIJAPI+zAzn4s0xMA0GCSqGSIb3DQEBCwUAMEwxCzAJBgNV"),
    // The same name, of June 2024.
    ("notary-2024", "MIIDmDCCAoCgAwIBAgIUCntgF4FftePAhEa6nZTsu/NMT3cwDQYJKoZIhvcNAQEL"),
];

const NOTARY: &str = CERTIFICATES[0].0;
const NOTARY_2024: &str = CERTIFICATES[1].0;

/// A job of GitHub Actions: the workflow that certificates name, and the repository that it ran for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Job {
    pub(super) workflow: &'static str,
    pub(super) repository: &'static str,
    pub(super) reference: &'static str,
}

/// What lies beside an image.
#[derive(Clone, Debug)]
pub(super) enum Seal {
    /// A signature of Cosign's by a key.
    Key(&'static str),
    /// A signature of Cosign's by a job.
    Keyless(Job),
    /// A statement that a job attests: predicate type and predicate.
    Attested(Job, &'static str, Value),
    /// A signature of the Notary Project by a certificate.
    Notary(&'static str),
    /// A document that refers to the image, with a signature of the Notary Project on it: certificate, artifact type, content.
    Referrer(&'static str, &'static str, Value),
}

/// What an image is configured to be.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    /// `User` of the configuration.
    pub(super) user: &'static str,
    pub(super) env: &'static [&'static str],
    pub(super) labels: &'static [(&'static str, &'static str)],
    pub(super) volumes: &'static [&'static str],
    /// Of the manifests.
    pub(super) annotations: &'static [(&'static str, &'static str)],
    /// Days since it was built.
    pub(super) age: i64,
    /// One platform stands alone, several are under an index.
    pub(super) platforms: &'static [&'static str],
}

const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

const PLAIN: Shape = Shape {
    user: "",
    env: &[PATH],
    labels: &[],
    volumes: &[],
    annotations: &[],
    age: 900,
    platforms: &["amd64", "arm64"],
};

/// One image.
#[derive(Clone, Debug)]
pub(super) struct Image {
    /// `HOST/PATH`
    pub(super) repository: &'static str,
    pub(super) tags: &'static [&'static str],
    /// Theirs, where rows write it.
    pub(super) digest: &'static str,
    pub(super) shape: Shape,
    pub(super) seals: Vec<Seal>,
}

fn image(repository: &'static str, tags: &'static [&'static str], shape: Shape, seals: Vec<Seal>) -> Image {
    Image { repository, tags, digest: "", shape, seals }
}

const ZULU: &str = "chipzoller/zulu";
/// chipzoller/zulu:.github/workflows/slsa-generic-keyless.yaml runs for tags `v*` and signs what it built.
const ZULU_RELEASE: Job = Job {
    workflow: "chipzoller/zulu/.github/workflows/slsa-generic-keyless.yaml@refs/tags/v0.0.14",
    repository: ZULU,
    reference: "refs/tags/v0.0.14",
};
/// The same workflow calls this one, at `main`, for the provenance.
const ZULU_PROVENANCE: Job = Job {
    workflow: "slsa-framework/slsa-github-generator/.github/workflows/generator_container_slsa3.yml@refs/heads/main",
    repository: ZULU,
    reference: "refs/tags/v0.0.14",
};
/// chipzoller/zulu:.github/workflows/vulnerability-scan.yaml runs by the clock.
const ZULU_SCAN: Job = Job {
    workflow: "chipzoller/zulu/.github/workflows/vulnerability-scan.yaml@refs/heads/main",
    repository: ZULU,
    reference: "refs/heads/main",
};
/// The policies' own subject, and docs.github.com "Using artifact attestations".
const ATTESTED_BUILD: Job = Job {
    workflow: "vishal-chdhry/artifact-attestation-example/.github/workflows/build-attested-image.yaml@refs/heads/main",
    repository: "vishal-chdhry/artifact-attestation-example",
    reference: "refs/heads/main",
};

/// fluxcd.io "Security: signed container images": every release by the repository's release workflow, without a key.
const FLUX: [(&str, Job); 6] = [
    (
        "ghcr.io/fluxcd/source-controller",
        flux("fluxcd/source-controller/.github/workflows/release.yml@refs/tags/v1.0.0"),
    ),
    (
        "ghcr.io/fluxcd/kustomize-controller",
        flux("fluxcd/kustomize-controller/.github/workflows/release.yml@refs/tags/v1.0.0"),
    ),
    ("ghcr.io/fluxcd/helm-controller", flux("fluxcd/helm-controller/.github/workflows/release.yml@refs/tags/v1.0.0")),
    (
        "ghcr.io/fluxcd/notification-controller",
        flux("fluxcd/notification-controller/.github/workflows/release.yml@refs/tags/v1.0.0"),
    ),
    (
        "ghcr.io/fluxcd/image-reflector-controller",
        flux("fluxcd/image-reflector-controller/.github/workflows/release.yml@refs/tags/v1.0.0"),
    ),
    (
        "ghcr.io/fluxcd/image-automation-controller",
        flux("fluxcd/image-automation-controller/.github/workflows/release.yml@refs/tags/v1.0.0"),
    ),
];

const fn flux(workflow: &'static str) -> Job {
    Job { workflow, repository: "fluxcd/controllers", reference: "refs/tags/v1.0.0" }
}

/// Kyverno's own images are built by ko, which runs them as a user of number 65532 and writes the base image's name.
const fn kyverno(base: &'static [(&'static str, &'static str)], age: i64) -> Shape {
    Shape { user: "65532", annotations: base, age, ..PLAIN }
}

/// All images that rows name and that there are.
pub(super) fn images() -> Vec<Image> {
    let nightly = Shape { age: 1, ..PLAIN };
    let mut images = signed();
    images.extend(FLUX.map(|(repository, job)| {
        // The rows' tag stands for a release.
        image(repository, &["replacethistag"], nightly.clone(), vec![Seal::Keyless(job)])
    }));
    images.extend([
        // kyverno/kyverno:.ko.yaml at these tags, `defaultBaseImage`.
        image(
            "ghcr.io/kyverno/kyverno",
            &["v1.8.0"],
            kyverno(&[("org.opencontainers.image.base.name", "distroless.dev/static:latest")], 1000),
            Vec::new(),
        ),
        image(
            "ghcr.io/kyverno/kyverno",
            &["v1.9.0"],
            kyverno(&[("org.opencontainers.image.base.name", "cgr.dev/chainguard/static:latest")], 900),
            Vec::new(),
        ),
        image("ghcr.io/kyverno/kyverno", &["latest"], kyverno(&[], 1), Vec::new()),
        // Its Dockerfile names no user.
        image("ghcr.io/nginx-proxy/nginx-proxy", &["latest"], nightly.clone(), Vec::new()),
        // Copies of busybox of 2018 and 2022.
        image("ghcr.io/kyverno/test-busybox", &["1.28", "1.35", "latest"], PLAIN, Vec::new()),
        image("docker.io/library/busybox", &["1.35", "latest"], PLAIN, Vec::new()),
        image("docker.io/library/nginx", &["latest"], nightly.clone(), Vec::new()),
        image("docker.io/clover/volume", &["passbolt"], Shape { volumes: &["/var/lib/mysql"], ..PLAIN }, Vec::new()),
        // gitlab.com/nvidia/container-images/cuda: each Dockerfile sets both.
        image(
            "docker.io/nvidia/cuda",
            &["12.2.0-devel-ubi8"],
            Shape { env: &[PATH, "NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_DRIVER_CAPABILITIES=compute,utility"], ..PLAIN },
            Vec::new(),
        ),
        Image {
            digest: "sha256:eca6768a39363decf0a4606a282e222552576fec380f555b65560983f7305cf7",
            // nginxinc/docker-nginx: `LABEL maintainer` of its Dockerfiles.
            ..image(
                "ghcr.io/kyverno/test-nginx",
                &["latest"],
                Shape { labels: &[("maintainer", "NGINX Docker Maintainers <docker-maint@nginx.com>")], ..PLAIN },
                Vec::new(),
            )
        },
        // By its name, and by the policy's documentation.
        image(
            "ghcr.io/kyverno/kyverno-annotations-example",
            &["latest"],
            Shape {
                annotations: &[("org.opencontainers.image.source", "https://github.com/kyverno/kyverno")],
                ..PLAIN
            },
            Vec::new(),
        ),
        image("public.ecr.aws/docker/library/busybox", &["latest"], PLAIN, Vec::new()),
        image("public.ecr.aws/docker/library/nginx", &["latest"], nightly.clone(), Vec::new()),
        image("public.ecr.aws/docker/library/nginx", &["1.21"], PLAIN, Vec::new()),
        image("public.ecr.aws/docker/library/ubuntu", &["bionic"], PLAIN, Vec::new()),
        image("registry.k8s.io/pause", &["latest"], Shape { user: "65535:65535", ..PLAIN }, Vec::new()),
        Image {
            digest: "sha256:fa8dc70514f29471fe118446e3f84040b19791531ec197836a4f43baf13d744b",
            ..image("docker.io/arm64v8/busybox", &["latest"], Shape { platforms: &["arm64"], ..PLAIN }, Vec::new())
        },
    ]);
    images
}

/// Those beside which something lies, and those of the same repositories beside which nothing does.
fn signed() -> Vec<Image> {
    let advisory = |number: u32| format!("CVE-2023-{number}");
    let vex = json!({
        "bomFormat": "CycloneDX", "specVersion": "1.4", "version": 1,
        "vulnerabilities": [{"id": advisory(1001)}, {"id": advisory(1002)}],
    });
    let found = |numbers: &[u32]| {
        let entries: Vec<Value> = numbers.iter().map(|number| json!({"VulnerabilityID": advisory(*number)})).collect();
        json!({"Target": "alpine", "Vulnerabilities": entries})
    };
    let sbom = json!({
        "bomFormat": "CycloneDX", "specVersion": "1.4", "version": 1, "components": [],
        "metadata": {"timestamp": "2023-05-24T10:00:00Z"},
    });
    // The scan is the elder one: "scan report should be created after sbom" is what the row `multiple-image-verification-attestations-fail`
    // is refused for.
    let scan = json!({"descriptor": {"name": "grype", "timestamp": "2023-05-23T10:00:00Z"}, "matches": []});
    let provenance = json!({
        "builder": {"id": format!("https://github.com/{}", ZULU_PROVENANCE.workflow)},
        "buildType": "https://github.com/slsa-framework/slsa-github-generator/container@v1",
        "invocation": {"configSource": {"uri": "git+https://github.com/chipzoller/zulu@refs/tags/v0.0.14"}},
        "metadata": {"completeness": {"parameters": true, "environment": false, "materials": false}},
        "materials": [{"uri": "git+https://github.com/chipzoller/zulu@refs/tags/v0.0.14"}],
    });
    let scanned = json!({
        "invocation": {"parameters": null, "uri": "", "event_id": "", "builder.id": ""},
        "scanner": {"uri": "pkg:github/aquasecurity/trivy@0.31.2", "version": "0.31.2", "db": {"uri": "", "version": ""}, "result": {}},
        "metadata": {"scanStartedOn": "2022-09-01T00:00:00Z", "scanFinishedOn": "2022-09-01T00:00:01Z"},
    });
    let built = json!({
        "buildDefinition": {"buildType": "https://actions.github.io/buildtypes/workflow/v1", "externalParameters": {}, "resolvedDependencies": []},
        "runDetails": {"builder": {"id": format!("https://github.com/{}", ATTESTED_BUILD.workflow)}, "metadata": {}},
    });
    let vulnerabilities = "https://cosign.sigstore.dev/attestation/vuln/v1";
    let verify = "ghcr.io/kyverno/test-verify-image";
    vec![
        image(
            verify,
            &["signed"],
            PLAIN,
            vec![
                Seal::Key(THE_KEY),
                Seal::Notary(NOTARY),
                Seal::Referrer(NOTARY, "sbom/cyclone-dx", sbom),
                Seal::Referrer(NOTARY, "vulnerability-scan", scan),
                // "All vulnerabilities in trivy and vex should be same"; the second report's type says that it is not so.
                Seal::Referrer(NOTARY_2024, "trivy/vulnerability", found(&[1001, 1002])),
                Seal::Referrer(NOTARY_2024, "trivy/vulnerability-fail-test", found(&[1001, 1003])),
                Seal::Referrer(NOTARY_2024, "vex/cyclone-dx", vex),
            ],
        ),
        image(verify, &["unsigned", "latest"], Shape { age: 901, ..PLAIN }, Vec::new()),
        image(verify, &["signed-by-someone-else"], Shape { age: 902, ..PLAIN }, vec![Seal::Key(SOMEONE)]),
        image(verify, &["cosign-oci11"], Shape { age: 903, ..PLAIN }, vec![Seal::Key("oci11")]),
        Image {
            digest: "sha256:445a99db22e9add9bfb15ddb1980861a329e5dff5c88d7eec9cbf08b6b2f4eb1",
            // By whom, nothing says; no row asks.
            ..image(verify, &["signed-keyless"], Shape { age: 904, ..PLAIN }, Vec::new())
        },
        image(
            "ghcr.io/kyverno/test-verify-image-private",
            &["signed"],
            Shape { age: 905, ..PLAIN },
            vec![Seal::Notary(NOTARY)],
        ),
        Image {
            digest: "sha256:476b21f1a75dc90fac3579ee757f4607bb5546f476195cf645c54badf558c0db",
            // The workflow builds with `-t latest -t ${tag}`, signs, and attests SBOM, scan and provenance.
            ..image(
                "ghcr.io/kyverno/zulu",
                &["v0.0.14", "latest"],
                Shape { age: 906, ..PLAIN },
                vec![
                    Seal::Keyless(ZULU_RELEASE),
                    Seal::Attested(ZULU_RELEASE, vulnerabilities, scanned.clone()),
                    Seal::Attested(ZULU_SCAN, vulnerabilities, scanned),
                    Seal::Attested(ZULU_PROVENANCE, "https://slsa.dev/provenance/v0.2", provenance),
                ],
            )
        },
        image("ghcr.io/stefanprodan/podinfo", &["6.3.3"], Shape { age: 907, ..PLAIN }, vec![Seal::Key("podinfo")]),
        image("ghcr.io/stefanprodan/podinfo", &["6.3.4"], Shape { age: 908, ..PLAIN }, vec![Seal::Key("podinfo")]),
        image("ghcr.io/stefanprodan/podinfo", &["6.3.5"], Shape { age: 909, ..PLAIN }, vec![Seal::Key("podinfo")]),
        image(
            "ghcr.io/vishal-chdhry/artifact-attestation-example",
            &["artifact-attestation"],
            Shape { age: 910, ..PLAIN },
            vec![Seal::Attested(ATTESTED_BUILD, "https://slsa.dev/provenance/v1", built)],
        ),
    ]
}
