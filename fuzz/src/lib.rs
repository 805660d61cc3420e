//! What hostile bytes are thrown at, one function a target.
//!
//! Each takes any bytes and may do anything but panic, hang or take memory without bound. `libfuzzer/` runs them under cargo-fuzz, which needs a
//! nightly compiler; `tests/replay.rs` runs them on the kept corpus and on damaged forms of it with the compiler that everybody has.
#![forbid(unsafe_code)]

use std::io::{self, BufRead};

use signet_catalog::{Claim, Image, Input, Leaf, Parts};
use signet_image::{Compression, Entry, Limits, Visitor, walk_layer};
use signet_model::{Digest, ImageRef, Location, Purl};
use signet_trust::{
    Artifact, Certificate, CertificateIdentity, Checkpoint, Envelope, Evidence, Instance, Requirements, Statement,
    TrustRoot, TufFuture, TufRepository, TufState, Witness,
};
use signet_versions::{Constraint, Options, Scheme, compare, is_valid, sort_key};

/// A target by name.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: &[Target] = &[
    ("admission_review", admission_review),
    ("artifact", artifact),
    ("attestation", attestation),
    ("authority", authority),
    ("bbolt", bbolt),
    ("bundle", bundle),
    ("cel", cel),
    ("certificate", certificate),
    ("checkpoint", checkpoint),
    ("database", database),
    ("delta", delta),
    ("dsse", dsse),
    ("expression", expression),
    ("feed", feed),
    ("grype_db", grype_db),
    ("image_rules", image_rules),
    ("java_index", java_index),
    ("jmespath", jmespath),
    ("key", key),
    ("kyverno", kyverno),
    ("layer", layer),
    ("lazy", lazy),
    ("leaf", leaf),
    ("manifest", manifest),
    ("notation", notation),
    ("openvex", openvex),
    ("osv", osv),
    ("policy", policy),
    ("provenance", provenance),
    ("record", record),
    ("reference", reference),
    ("sbom", sbom),
    ("sealing", sealing),
    ("segment", segment),
    ("sqlite", sqlite),
    ("statement_policy", statement_policy),
    ("timestamp", timestamp),
    ("trivy_db", trivy_db),
    ("tuf", tuf),
    ("twirp", twirp),
    ("versions", versions),
    ("vunnel", vunnel),
    ("watch", watch),
    ("yaml", yaml),
];

/// Reads every content to its end, as a cataloger may.
struct ReadAll;

impl Visitor for ReadAll {
    fn visit(&mut self, _entry: &Entry, content: &mut dyn BufRead) -> io::Result<()> {
        loop {
            let count = content.fill_buf()?.len();
            if count == 0 {
                return Ok(());
            }
            content.consume(count);
        }
    }
}

/// A private key as PEM, what stands in an encrypted one, and the texts that lead to keys. scrypt is left out: it would make each try slow.
pub fn key(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let _sealed = signet_keys::looks_sealed(data);
    let _uri = signet_keys::check_pkcs11_uri(&text);
    let _place = signet_keys::Place::parse(&text);
    let _settings = signet_keys::check_kubeconfig(data);
    let _agent = signet_keys::identity::check_spiffe_answer(data);
    let _token = signet_keys::identity::IdentityToken::parse(&text, "sigstore", signet_model::Timestamp::UNIX_EPOCH);
    let _private = signet_keys::PrivateKey::from_pkcs8(data);
    let _private =
        signet_keys::PrivateKey::from_pem(data, "fuzzed", || Err(signet_keys::Error::new("fuzz", "no password")));
}

/// What a certificate authority, a log, a timestamp authority and their issuers are sent.
pub fn authority(data: &[u8]) {
    let _read = signet_authority::reads(data);
}

/// A layer in any compression.
pub fn layer(data: &[u8]) {
    let limits = Limits { layer_bytes: 64 << 20, ..Limits::default() };
    let _read = walk_layer(data, &limits, &mut ReadAll);
}

/// A layer that is read in parts. If the first byte is even, the rest is the JSON of a table of contents for [`lazy_archive`]; else a whole stored layer.
/// The table's digest always holds: what hostile authors of images can write is what counts.
pub fn lazy(data: &[u8]) {
    let _read = lazy_is_read(data);
}

/// Whether the layer of [`lazy`] is read to its end.
pub fn lazy_is_read(data: &[u8]) -> bool {
    use signet_image::lazy::{LazyError, Mark};
    let Some((choice, data)) = data.split_first() else { return false };
    if choice % 2 == 0 {
        let (mut blob, _) = lazy_archive();
        let packed = signet_image::build::pack(data, Compression::Zstd);
        let start = blob.len() as u64 + 8;
        blob.extend_from_slice(&[0; 8]);
        blob.extend_from_slice(&packed);
        let mark = Mark::ZstdChunked { toc: Digest::sha256(&packed), position: start..blob.len() as u64 };
        return read_lazily(&mark, &blob).is_ok();
    }
    let any = Digest::sha256(b"");
    match read_lazily(&Mark::Estargz { toc: any }, data) {
        Err(LazyError::Digest { found, .. }) => read_lazily(&Mark::Estargz { toc: *found }, data).is_ok(),
        _ => false,
    }
}

/// Three members of a tar archive with one file, and where each begins: header, content, rest.
pub fn lazy_archive() -> (Vec<u8>, [usize; 3]) {
    let tar = signet_image::build::LayerBuilder::new().file("etc/os-release", b"ID=debian\n").finish();
    let (head, rest) = tar.split_at(512);
    let (content, rest) = rest.split_at(10);
    let mut blob = Vec::new();
    let starts = [head, content, rest].map(|part| {
        let start = blob.len();
        blob.extend(signet_image::build::pack(part, Compression::Zstd));
        start
    });
    (blob, starts)
}

fn read_lazily(mark: &signet_image::lazy::Mark, blob: &[u8]) -> Result<(), signet_image::lazy::LazyError> {
    let limits = Limits { layer_bytes: 64 << 20, ..Limits::default() };
    let mut open = |range: std::ops::Range<u64>| -> io::Result<Box<dyn io::Read + Send>> {
        let part = usize::try_from(range.start).ok().zip(usize::try_from(range.end).ok());
        let part = part.and_then(|(start, end)| blob.get(start..end)).ok_or(io::ErrorKind::UnexpectedEof)?;
        Ok(Box::new(io::Cursor::new(part.to_vec())))
    };
    let contents = signet_image::lazy::Contents::fetch(mark, blob.len() as u64, &mut open, &limits)?;
    contents.walk_all(&mut open, &limits, &mut ReadAll).map(drop)
}

/// The first byte chooses a leaf; the rest is its file.
pub fn leaf(data: &[u8]) {
    let Some((choice, data)) = data.split_first() else { return };
    let leaves = signet_catalog::leaves();
    let leaf = leaves[usize::from(*choice) % leaves.len()];
    let location = Location::of_path(path_of(leaf));
    if leaf.claims.contains(&Claim::Executable) {
        let parts = Parts::whole(data.to_vec());
        if let Some(image) = Image::read(&parts) {
            let _found = (leaf.read)(&Input { location: &location, bytes: &[], binary: Some(&image), leaf: leaf.id });
        }
    } else {
        let _found = (leaf.read)(&Input { location: &location, bytes: data, binary: None, leaf: leaf.id });
    }
}

/// A path that the leaf claims.
pub fn path_of(leaf: &Leaf) -> String {
    match leaf.claims.first() {
        Some(Claim::Name(name)) => (*name).to_owned(),
        Some(Claim::Suffix(suffix) | Claim::Head(suffix)) => format!("name{suffix}"),
        Some(Claim::Path(path)) => (*path).to_owned(),
        Some(Claim::In(folder, suffix)) => format!("{folder}/name{suffix}"),
        Some(Claim::Executable) | None => "usr/bin/program".to_owned(),
    }
}

/// An image manifest, index or configuration.
pub fn manifest(data: &[u8]) {
    let _document = signet_image::manifest::Document::parse(data, None, signet_model::Algorithm::Sha256);
    let _config = signet_image::manifest::Config::parse(data, signet_model::Algorithm::Sha256);
}

/// A bbolt file, walked whole.
pub fn bbolt(data: &[u8]) {
    if signet_advisories::bbolt::Bolt::open(data).is_ok() {
        let _read = signet_advisories::feeds::trivy_db::read(data, &mut |_| Ok(()));
    }
}

/// A SQLite file, whose tables of the seeds' names are read whole, past every damage.
pub fn sqlite(data: &[u8]) {
    let Ok(database) = signet_advisories::sqlite::Sqlite::open(data) else { return };
    for name in ["files", "words", "longs"] {
        let Ok(Some(table)) = database.find_table(name) else { continue };
        let rows = table.rows().flatten().filter(|row| row.values().is_ok()).count();
        assert!(rows <= data.len(), "because no page is read twice");
        let _row = table.get(1);
    }
    if let Ok(Some(index)) = database.find_index("by_hash") {
        let _found = index.find(b"\x80same");
    }
}

/// A Trivy database.
pub fn trivy_db(data: &[u8]) {
    let _read = signet_advisories::feeds::trivy_db::read(data, &mut |_| Ok(()));
}

/// What a watch of an API server brings, in pieces, and a kubeconfig.
pub fn watch(data: &[u8]) {
    let _events = signet_kube::check_watch(data);
    let _read = signet_kube::check_kubeconfig(data);
}

/// A Grype database, and the listing of one.
pub fn grype_db(data: &[u8]) {
    let _read = signet_advisories::feeds::grype_db::read(data, &mut |_| Ok(()));
    let _latest = signet_advisories::feeds::grype_db::Latest::parse(data);
}

/// An index of Java archives, asked for its own bytes.
pub fn java_index(data: &[u8]) {
    if let Ok(index) = signet_catalog::java::JavaIndex::open(data) {
        for hash in data.chunks_exact(4096).filter_map(<[u8]>::first_chunk).take(64).chain([&[0; 20], &[255; 20]]) {
            let _found = index.find(hash);
        }
    }
}

/// A body of Trivy's protocol, in both forms, and an error of a server.
pub fn twirp(data: &[u8]) {
    use signet_twirp::{Body, Form, Limits, cache, decode, scanner};
    fn read<M: Body>(data: &[u8]) {
        let limits = Limits { bytes: 1 << 20, units: 50_000 };
        for form in [Form::Protobuf, Form::Json] {
            if let Ok(message) = decode::<M>(form, data, &limits) {
                let _written = signet_twirp::encode(Form::Json, &message);
            }
        }
    }
    read::<cache::PutBlobRequest>(data);
    read::<cache::PutArtifactRequest>(data);
    read::<scanner::ScanRequest>(data);
    read::<scanner::ScanResponse>(data);
    let _error = signet_twirp::TwirpError::of_answer(500, data);
}

/// A record of vunnel.
pub fn vunnel(data: &[u8]) {
    let mut summary = signet_advisories::feeds::vunnel::Summary::default();
    let _read = signet_advisories::feeds::vunnel::read("record", data, &mut summary, &mut |_| Ok(()));
}

/// OSV records and archives of them.
pub fn osv(data: &[u8]) {
    let mut summary = signet_advisories::feeds::osv::Summary::default();
    let _read = signet_advisories::feeds::osv::read("record", data, &mut summary, &mut |_| Ok(()));
    let limits = signet_advisories::feeds::osv::ZipLimits { entries: 1000, entry_bytes: 1 << 20, total_bytes: 8 << 20 };
    let _read = signet_advisories::feeds::osv::read_zip(data, limits, &mut |_| Ok(()));
}

/// The first byte chooses a feed; the rest is one file of it, under each of the names that feeds use.
pub fn feed(data: &[u8]) {
    let Some((choice, data)) = data.split_first() else { return };
    let sources = signet_advisories::feeds::SOURCES;
    let source = sources[usize::from(*choice) % sources.len()];
    for path in
        ["a.json", "a.xml", "a.yml", "RUSTSEC-2026-0001.md", "CVE-2026-0001", "a.csv", "oval/8/definitions/1.json"]
    {
        let files: signet_advisories::feeds::Files = [(path.to_owned(), data.to_vec())].into_iter().collect();
        let _read = source.read(&files, &mut |_| Ok(()));
    }
    let _unpacked = signet_advisories::feeds::Files::unpack("a.zip", data.get(..4096).unwrap_or(data));
}

/// A compiled database that was never verified.
pub fn database(data: &[u8]) {
    if let Ok(database) = signet_advisories::Database::open(data) {
        let _feeds = database.feeds();
        let _streams = database.streams();
        let _found = database.vulnerability("CVE-2026-0001");
    }
}

/// A database of nothing, to which differences are applied.
pub fn nothing() -> Vec<u8> {
    let builder = signet_advisories::Builder::new(io::Cursor::new(Vec::new()));
    builder.and_then(signet_advisories::Builder::finish).map(|(out, _)| out.into_inner()).unwrap_or_default()
}

/// The pieces of a difference, behind a head that fits; and a database that differs from another.
pub fn delta(data: &[u8]) {
    let base = nothing();
    let mut whole = signet_advisories::delta::diff(&base, &base).unwrap_or_default();
    whole.truncate(88);
    if let Some(size) = whole.get_mut(80..84) {
        size.copy_from_slice(&(1u32 << 20).to_le_bytes());
    }
    whole.extend_from_slice(data);
    let mut out = Vec::new();
    let _applied = signet_advisories::delta::apply(&base, &whole, 1 << 20, &mut out);
    assert!(out.len() <= 1 << 20, "more than was allowed");
    if let Ok(difference) = signet_advisories::delta::diff(&base, data) {
        let mut made = Vec::new();
        let applied = signet_advisories::delta::apply(&base, &difference, data.len() as u64, &mut made);
        assert!(applied.is_ok() && made == data, "another file");
    }
}

/// What was kept of a feed.
pub fn segment(data: &[u8]) {
    let _read = signet_advisories::segment::read(&mut &data[..], &mut |_| Ok(()));
}

/// The configuration of a database in a registry.
pub fn artifact(data: &[u8]) {
    let _config = signet_advisories::artifact::ArtifactConfig::parse(data);
}

/// A statement beside an image, in every wrapping.
pub fn attestation(data: &[u8]) {
    let images = [Digest::sha256(b"")];
    let standing = signet_advisories::Standing::Unverified;
    let _vex = signet_advisories::VexDocument::parse_attested("vex", data, &images, &standing);
}

/// A VEX document and an ignore file.
pub fn openvex(data: &[u8]) {
    let _vex = signet_advisories::VexDocument::parse("vex", data);
    let text = String::from_utf8_lossy(data);
    let _ignore = signet_advisories::IgnoreFile::parse("ignore", &text);
}

/// An SBOM of any kind: read, written in every format, judged.
pub fn sbom(data: &[u8]) {
    let limits = signet_sbom::Limits { bytes: 1 << 20, ..signet_sbom::Limits::default() };
    if let Ok(found) = signet_sbom::read(data, &limits) {
        for name in signet_sbom::NAMES {
            if let Ok(target) = name.parse() {
                let _bytes =
                    signet_sbom::write(target, &found.subject, &found.inventory, &signet_sbom::WriteOptions::default());
            }
        }
    }
    if let Ok(judged) = signet_sbom::lint::lint(data, &limits) {
        for profile in signet_sbom::lint::Profile::ALL {
            let _fields = signet_sbom::lint::judge(*profile, &judged);
        }
    }
}

/// A store record.
pub fn record(data: &[u8]) {
    let _layer = signet_store::records::decode_layer(data);
    let _inventory = signet_store::records::decode_inventory(data);
}

/// References, digests, purls: what is read prints as itself.
pub fn reference(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(reference) = text.parse::<ImageRef>() {
        assert_eq!(reference.to_string().parse::<ImageRef>().as_ref(), Ok(&reference), "a reference reads back");
    }
    if let Ok(digest) = text.parse::<Digest>() {
        assert_eq!(digest.to_string(), text, "a digest has one form");
    }
    if let Ok(purl) = text.parse::<Purl>() {
        assert_eq!(purl.to_string().parse::<Purl>().as_ref(), Ok(&purl), "a purl reads back");
    }
}

/// Two versions and a range of the scheme that the first byte chooses.
pub fn versions(data: &[u8]) {
    let Some((choice, data)) = data.split_first() else { return };
    let text = String::from_utf8_lossy(data);
    let (a, b) = text.split_once('\n').unwrap_or((&text, "1.0"));
    let scheme = Scheme::ALL[usize::from(*choice) % Scheme::ALL.len()];
    let _valid = is_valid(scheme, a);
    if let (Ok(there), Ok(back)) = (compare(scheme, a, b), compare(scheme, b, a)) {
        assert_eq!(there, back.reverse(), "{scheme}: {a:?} and {b:?}");
    }
    let _key = sort_key(scheme, a, &mut Vec::new());
    if let Ok(range) = Constraint::parse(scheme, a, Options::default()) {
        let _admitted = range.contains(b);
    }
}

/// A YAML stream.
pub fn yaml(data: &[u8]) {
    let _documents = signet_yaml::parse_bytes(data, &signet_yaml::Limits::default());
}

/// A policy document.
pub fn policy(data: &[u8]) {
    let _policy = signet_policy::trust_policy::TrustPolicy::parse(&String::from_utf8_lossy(data));
    let _override = signet_policy::trust_policy::BreakGlass::parse(&String::from_utf8_lossy(data));
}

/// An expression about findings, compiled and run on nothing.
pub fn expression(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let environment = signet_policy::expr::finding_environment();
    if let Ok(program) = signet_policy::expr::Program::compile(&text, &environment) {
        let _outcome = program.evaluate(&signet_policy::expr::FindingData::default());
    }
}

/// A policy, and behind a zero byte the statement that it is asked about, in each language.
pub fn statement_policy(data: &[u8]) {
    use signet_policy::statement::{Source, StatementPolicies, Together};
    let text = String::from_utf8_lossy(data);
    let (policy, statement) = text.split_once('\0').unwrap_or((&text, "{}"));
    for name in ["p.rego", "p.cel", "p.cue", "p.yaml"] {
        let source = Source { name: name.to_owned(), text: policy.to_owned() };
        if let Ok(policies) = StatementPolicies::read(vec![source], Together::Each) {
            let _judgements = policies.judge(statement, signet_model::Timestamp::UNIX_EPOCH);
        }
    }
    let _claims = signet_trust::slsa::claim::claims(&text);
}

/// An expression, searched in a small object and in itself as text, in both dialects.
pub fn jmespath(data: &[u8]) {
    use signet_policy::jmespath::{Expression, Mode, Surroundings};
    let text = String::from_utf8_lossy(data);
    let Ok(expression) = Expression::parse(&text) else { return };
    let document = serde_json::json!({"a": [{"a": 1, "b": "x"}, {"b": [2]}], "b": {"c": null}, "text": text});
    for mode in [Mode::Kyverno, Mode::Standard] {
        let surroundings = Surroundings { mode, ..Surroundings::kyverno(jiff::Timestamp::UNIX_EPOCH, [0; 32]) };
        let _outcome = expression.search(&document, &surroundings);
    }
    let _tree = expression.tree();
}

/// A review of an API server, its images, and an answer that holds its texts.
pub fn admission_review(data: &[u8]) {
    use signet_admission::{Answer, Denial, Images, Pass, Request, ReviewLimits};
    let limits = ReviewLimits { depth: 100, values: 20_000 };
    match Request::parse(data, &limits) {
        Ok(request) => {
            for pass in [Pass::Mutate, Pass::Validate] {
                let images = Images::of(&request, pass);
                let warnings = images.warnings.clone();
                let denial = images.refusal().map(Denial::forbidden);
                let annotations = [(request.label(), images.listed())].into();
                let (uid, version) = (request.uid.clone(), request.version);
                let answer = Answer { uid, version, denial, warnings, annotations, ..Answer::default() };
                let review: serde_json::Value =
                    serde_json::from_slice(&answer.to_bytes()).expect("because an answer is JSON");
                assert_eq!(review.pointer("/response/uid").and_then(|uid| uid.as_str()), Some(request.uid.as_str()));
            }
        }
        Err(bad) => assert!(!bad.message.is_empty()),
    }
}

/// Policies that are written in CEL, and an expression on its own, on a Pod and on the text itself.
pub fn cel(data: &[u8]) {
    use signet_policy::admission::{Exception, Policy};
    use signet_policy::jmespath::Surroundings;
    use signet_policy::kyverno::{Input, Operation, Snapshot};
    let text = String::from_utf8_lossy(data);
    let expression = serde_json::Value::from(text.as_ref());
    let rules = "matchConstraints: {resourceRules: [{apiGroups: ['*'], apiVersions: ['*'], operations: ['*'], resources: ['*']}]}";
    let wrapped = [
        format!(
            "{{apiVersion: policies.kyverno.io/v1, kind: ValidatingPolicy, metadata: {{name: a}}, spec: {{{rules}, variables: [{{name: v, expression: {expression}}}], validations: [{{expression: variables.v == 1}}]}}}}"
        ),
        format!(
            "{{apiVersion: policies.kyverno.io/v1, kind: MutatingPolicy, metadata: {{name: a}}, spec: {{{rules}, mutations: [{{patchType: JSONPatch, jsonPatch: {{expression: {expression}}}}}]}}}}"
        ),
        format!(
            "{{apiVersion: policies.kyverno.io/v1, kind: MutatingPolicy, metadata: {{name: a}}, spec: {{{rules}, mutations: [{{patchType: ApplyConfiguration, applyConfiguration: {{expression: {expression}}}}}]}}}}"
        ),
        text.into_owned(),
    ];
    let pod = serde_json::json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "b", "labels": {"app": "c"}},
        "spec": {"containers": [{"name": "d", "image": "e:1", "ports": [80, 1.5, -3]}], "hostNetwork": true, "nothing": null},
    });
    let surroundings = Surroundings::kyverno(jiff::Timestamp::UNIX_EPOCH, [0; 32]);
    for policy in wrapped {
        let Ok(documents) = signet_yaml::parse_bytes(policy.as_bytes(), &signet_yaml::Limits::default()) else {
            continue;
        };
        let exceptions: Vec<Exception> =
            documents.iter().filter_map(|document| Exception::load(&document.root).ok()).collect();
        for policy in documents.iter().filter_map(|document| Policy::load(&document.root).ok()) {
            for operation in [Operation::Create, Operation::Delete] {
                let input = Input::of(pod.clone(), operation);
                let _judgement = policy.evaluate(&input, &exceptions, &Snapshot::new(), &surroundings);
            }
            let _judgement = policy.evaluate_json(&pod, &Snapshot::new(), &surroundings);
        }
    }
}

/// Documents of Gatekeeper, of the Policy Controller and of Connaisseur, each on one Pod, and what a provider is asked. Behind a zero byte stands a
/// constraint for a template.
pub fn image_rules(data: &[u8]) {
    use signet_policy::jmespath::Surroundings;
    use signet_policy::kyverno::verify_images::Evidence;
    use signet_policy::kyverno::{Input, Operation, Snapshot};
    use signet_policy::{connaisseur, gatekeeper, image_policy};
    let _request = gatekeeper::ProviderRequest::parse(data);
    let text = String::from_utf8_lossy(data);
    let (policy, constraint) = text.split_once('\0').unwrap_or((&text, ""));
    let read =
        |text: &str| signet_yaml::parse_bytes(text.as_bytes(), &signet_yaml::Limits::default()).unwrap_or_default();
    let pod = serde_json::json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "b", "labels": {"app": "c"}},
        "spec": {"containers": [{"name": "d", "image": "e.example/f:1"}, {"image": "g@h"}], "imagePullSecrets": [{"name": "s"}]},
    });
    let input = Input::of(pod, Operation::Create);
    let surroundings = Surroundings::kyverno(jiff::Timestamp::UNIX_EPOCH, [0; 32]);
    let constraints = read(constraint);
    for document in read(policy) {
        let root = &document.root;
        let _remarks = signet_policy::lint::lint(root);
        let _settings = image_policy::Settings::load(root);
        let roots: Vec<image_policy::TrustRoot> = image_policy::TrustRoot::load(root).into_iter().collect();
        let (settings, evidence, snapshot) = (image_policy::Settings::default(), Evidence::new(), Snapshot::new());
        let known =
            image_policy::Known { settings: &settings, roots: &roots, evidence: &evidence, snapshot: &snapshot };
        let policies: Vec<image_policy::Policy> = image_policy::Policy::load(root).into_iter().collect();
        let _judgement = image_policy::judge(&policies, &input, &known, &surroundings);
        if let Ok(config) = connaisseur::Config::load(root) {
            let _judgement = config.judge(&input, &evidence);
        }
        let Ok(template) = gatekeeper::Template::load(root) else { continue };
        let template = std::sync::Arc::new(template);
        for document in &constraints {
            let loaded = gatekeeper::Constraint::load(&document.root).ok();
            let policy = loaded.and_then(|found| gatekeeper::Policy::new(template.clone(), found).ok());
            if let Some(policy) = policy {
                let _judgement = policy.judge(&input, &gatekeeper::Outside::default(), &surroundings);
            }
        }
    }
}

/// Policies of Kyverno's language, each on one Pod that is made, changed and deleted.
pub fn kyverno(data: &[u8]) {
    use signet_policy::jmespath::Surroundings;
    use signet_policy::kyverno::{Exception, Input, Operation, Policy, Snapshot};
    let Ok(documents) = signet_yaml::parse_bytes(data, &signet_yaml::Limits::default()) else { return };
    let pod = serde_json::json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "b", "labels": {"app": "c"}},
        "spec": {"containers": [{"name": "d", "image": "e:1", "resources": {"limits": {"memory": "1Gi"}}}], "hostNetwork": true},
    });
    let exceptions: Vec<Exception> =
        documents.iter().filter_map(|document| Exception::load(&document.root).ok()).collect();
    let surroundings = Surroundings::kyverno(jiff::Timestamp::UNIX_EPOCH, [0; 32]);
    for policy in documents.iter().filter_map(|document| Policy::load(&document.root).ok()) {
        for operation in [Operation::Create, Operation::Update, Operation::Delete] {
            let input = Input::of(pod.clone(), operation);
            let _evaluation = policy.evaluate(&input, &exceptions, &Snapshot::new(), &surroundings);
            let mutated = policy.mutate(&input, &exceptions, &Snapshot::new(), &surroundings);
            let made = mutated.object.map_or(input.clone(), |object| input.with_object(object));
            let evidence = signet_policy::kyverno::verify_images::Evidence::new();
            let verified = policy.verify_images(&made, &exceptions, &Snapshot::new(), &evidence, &surroundings);
            let _made = policy.generate(&made, &exceptions, &Snapshot::new(), &surroundings);
            let pass = signet_policy::kyverno::Status::Pass;
            let asked = verified.images.is_empty() || verified.responses.iter().any(|found| found.status != pass);
            assert!(asked, "a rule that asks for signatures does not pass without an answer");
        }
    }
}

/// What is trusted by default, parsed once.
fn trusted() -> &'static TrustRoot {
    static ROOT: std::sync::OnceLock<TrustRoot> = std::sync::OnceLock::new();
    ROOT.get_or_init(|| TrustRoot::embedded(Instance::PublicGood).unwrap_or_else(|_| TrustRoot::empty()))
}

fn verified(evidence: &Evidence) {
    let digest = Digest::sha256(b"the artifact");
    let now = signet_model::Timestamp::MAX;
    let keyless = Requirements::keyless(vec![CertificateIdentity::exact("a", "b")]);
    for wanted in [keyless, Requirements::keys(Vec::new())] {
        let result = signet_trust::verify(evidence, Artifact::Digest(&digest), trusted(), &wanted, now);
        assert!(result.is_err(), "nothing that a fuzzer makes is signed");
    }
}

/// A mirror that answers everything with the same bytes.
struct Answers(Vec<u8>);

impl TufRepository for Answers {
    fn metadata<'a>(&'a self, _name: &'a str, _most: u64) -> TufFuture<'a> {
        Box::pin(async { Ok(Some(self.0.clone())) })
    }

    fn target<'a>(&'a self, _path: &'a str, _most: u64) -> TufFuture<'a> {
        Box::pin(async { Ok(Some(self.0.clone())) })
    }
}

/// TUF metadata: a root to begin with, a file of a mirror, or what was kept. No mirror of hostile bytes is ever believed.
pub fn tuf(data: &[u8]) {
    let now = signet_model::Timestamp::UNIX_EPOCH;
    let _begun = TufState::begin("https://tuf.example.com", data);
    if let Ok(state) = TufState::read(data) {
        let _opened = state.open(now);
    }
    let root = Instance::PublicGood.tuf_root();
    let kept = ["timestamp.json", "snapshot.json", "targets.json", "root_history/17.root.json"];
    let files = kept.iter().map(|name| ((*name).to_owned(), data.to_vec())).collect();
    let Ok(state) = TufState::adopt(Instance::PublicGood.mirror(), root, files) else { return };
    assert!(state.open(now).is_err(), "because nobody signed it");
    let renewing = std::pin::pin!(state.renew(Answers(data.to_vec()), now));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(!matches!(renewing.poll(&mut context), std::task::Poll::Ready(Ok(_))), "because nobody signed it");
}

/// A Sigstore bundle, an old blob bundle, or a trusted root.
pub fn bundle(data: &[u8]) {
    for evidence in [Evidence::bundle(data), Evidence::blob_bundle(data)].into_iter().flatten() {
        verified(&evidence);
    }
    let _root = TrustRoot::from_json(data);
}

/// What services answer while something is signed: logs, timestamp and certificate authorities; which services are asked; what is attested.
pub fn sealing(data: &[u8]) {
    use signet_trust::seal::{Author, Document, Draft, Predicate, Stamped};
    let Some((key, signature)) = signed() else { return };
    let now = signet_model::Timestamp::UNIX_EPOCH;
    let document = Document::Blob(ARTIFACT.into());
    if let Ok(mut draft) = Draft::new(document, Author::key(key.clone()), signature.clone()) {
        let artifact = Artifact::Bytes(ARTIFACT);
        let answers = [draft.add_rekor_v1(data).is_ok(), draft.add_rekor_v2(data).is_ok()];
        let _stamp = draft.add_timestamp(Stamped::Signature, [1; 8], data);
        if answers.contains(&true) {
            let made = draft.bundle(artifact, signet_trust::seal::Against::Root(trusted()), now);
            assert!(made.is_err(), "no log that is trusted answers as a fuzzer does");
        }
    }
    let _author = Author::from_certificate_answer(key.clone(), data);
    for kind in ["custom", "spdx", "vuln", "openvex", "slsaprovenance1", "https://x.example/p"] {
        let _predicate = Predicate::read(kind, data, now);
    }
    let _services = signet_keys::sigstore::Services::from_signing_config(data, now);
}

const ARTIFACT: &[u8] = b"the artifact";

/// A key's signature over the artifact, made once. Signing in this process never waits.
fn signed() -> Option<&'static (signet_trust::PublicKey, Vec<u8>)> {
    use signet_trust::Signer as _;
    static MADE: std::sync::OnceLock<Option<(signet_trust::PublicKey, Vec<u8>)>> = std::sync::OnceLock::new();
    let made = MADE.get_or_init(|| {
        let key = signet_keys::PrivateKey::generate(signet_keys::KeyType::EcdsaP256).ok()?;
        let mut waiting = std::task::Context::from_waker(std::task::Waker::noop());
        let signature = match key.sign(ARTIFACT).as_mut().poll(&mut waiting) {
            std::task::Poll::Ready(signature) => signature.ok()?,
            std::task::Poll::Pending => return None,
        };
        Some((key.public_key().clone(), signature))
    });
    made.as_ref()
}

/// A DSSE envelope and the statement in it; an attestation layer.
pub fn dsse(data: &[u8]) {
    if let Ok(envelope) = Envelope::parse(data) {
        let _statement = Statement::of(&envelope);
    }
    let _statement = Statement::parse(data);
    let layer = Evidence::attestation(data, &std::collections::BTreeMap::new());
    for evidence in [Evidence::envelope(data), layer].into_iter().flatten() {
        verified(&evidence);
    }
}

/// A signed note, and what a witness cosigned of it; a witness's verifier key.
pub fn checkpoint(data: &[u8]) {
    const WITNESS: &str = "w.example+c787e437+BAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4";
    let text = String::from_utf8_lossy(data);
    let _named = Witness::parse(&text);
    if let (Ok(note), Ok(witness)) = (Checkpoint::parse(&text), Witness::parse(WITNESS)) {
        let _seen = note.cosigned_by(&witness);
    }
}

/// A certificate, and whom it names.
pub fn certificate(data: &[u8]) {
    let _certificate = Certificate::from_der(data);
    let _key = signet_trust::PublicKey::from_der(data);
    let text = String::from_utf8_lossy(data);
    let _key = signet_trust::PublicKey::from_pem(&text);
    if let Ok(evidence) = Evidence::detached(b"AAAA", Some(&text)) {
        verified(&evidence);
    }
}

/// An RFC 3161 answer: CMS around a time.
pub fn timestamp(data: &[u8]) {
    use base64::Engine as _;
    let token = base64::engine::general_purpose::STANDARD.encode(data);
    let annotations = std::collections::BTreeMap::from([
        ("dev.cosignproject.cosign/signature".to_owned(), "AAAA".to_owned()),
        ("dev.sigstore.cosign/rfc3161timestamp".to_owned(), format!(r#"{{"SignedRFC3161Timestamp":"{token}"}}"#)),
    ]);
    if let Ok(evidence) = Evidence::simple_signing(b"{}", &annotations) {
        verified(&evidence);
    }
}

/// A signature of the Notary Project in JWS or COSE, a trust policy, and what a trust store holds.
pub fn notation(data: &[u8]) {
    use signet_trust::notation::{
        BlobPolicy, Envelope, EnvelopeKind, OciPolicy, Revocations, StoreKind, Target, TrustStores, verify,
    };
    let now = signet_model::Timestamp::UNIX_EPOCH;
    let _blob = BlobPolicy::parse(data);
    let _oci = OciPolicy::parse(data);
    for kind in [StoreKind::Authority, StoreKind::Timestamp] {
        let _store = TrustStores::new().add(kind, "a", data);
    }
    let strict = br#"{"version":"1.0","trustPolicies":[{"name":"a","registryScopes":["*"],"signatureVerification":{"level":"strict"},"trustStores":["ca:a"],"trustedIdentities":["*"]}]}"#;
    let target = Target { media_type: None, digest: Digest::sha256(b"the artifact"), size: 12 };
    if let Ok(policy) = OciPolicy::parse(strict)
        && let Some(statement) = policy.statement_for("r.example/a")
    {
        for kind in [EnvelopeKind::Jws, EnvelopeKind::Cose] {
            let envelope = Envelope::parse(data, kind);
            let verdict = verify(&envelope, &target, statement, &TrustStores::new(), &Revocations::default(), now);
            assert!(!verdict.holds(), "nothing that a fuzzer makes is signed");
        }
    }
}

/// Build provenance: npm's answer, Cloud Build's description of an image, a verification summary.
pub fn provenance(data: &[u8]) {
    use signet_trust::slsa::{Expectation, gcb, npm, vsa};
    let _npm = npm::split(data);
    let expected = Expectation { source: "github.com/a/b", digest: "00", ..Expectation::default() };
    assert!(gcb::verify(data, &expected).is_err(), "nothing that a fuzzer makes is signed");
    let expected =
        vsa::Expectation { digests: &["sha256:00".to_owned()], verifier: "v", resource_uri: "r", levels: &[] };
    let _vsa = vsa::verify(data, &expected);
}
