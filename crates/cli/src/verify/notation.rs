//! `signet verify --notation-trust-policy`: signatures of the Notary Project, by a trust policy and a trust store as notation keeps them.
//!
//! The policy's statement for the repository says what is enforced. No statement, no signature, an envelope that cannot be read: each is "not verified".
//! Lists of revoked certificates are not fetched here: they are given as files, and a certificate that names one which is not given fails.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use serde_json::{Value, json};
use signet_trust::notation::{
    Action, Envelope, EnvelopeKind, NotationError, OciPolicy, Outcome, Revocations, Statement, StoreKind, Target,
    TrustStores, Verdict, verify,
};

use super::args::{ImageArgs, NotationArgs};
use super::demand::{access, file_within};
use super::discover::{Candidate, Registry, Shape, Tags, repository_at};
use super::show::clean;
use crate::exit::Exit;
use crate::output;
use crate::settings::Settings;

/// The largest policy, certificate or list.
const LARGEST: u64 = 32 << 20;
/// Files of a trust store.
const MAX_FILES: usize = 1_000;

/// What became of one signature.
struct Row {
    place: String,
    verdict: Verdict,
}

/// Verifies an image's Notation signatures.
pub(super) fn image(args: &ImageArgs, notation: &NotationArgs, policy: &Path, settings: &Settings) -> Result<Exit> {
    ensure!(args.annotations.is_empty(), "`--annotations` is for Sigstore signatures");
    let document = file_within(policy, LARGEST)?;
    let policy = OciPolicy::parse(&document).with_context(|| format!("`{}` is no trust policy", policy.display()))?;
    let folder = notation.notation_trust_store.as_deref().ok_or_else(|| anyhow!("there is no trust store"))?;
    let stores = stores(folder)?;
    let revocations = revocations(&notation.notation_revocation)?;
    let registry = Registry::new(&access(&args.reach), settings)?;
    let pinned = registry.pin(&args.image)?;
    let scope = format!("{}/{}", pinned.reference.registry(), pinned.reference.repository());
    let title = format!("{} ({})", clean(&pinned.reference.familiar()), pinned.digest);
    let Some(statement) = policy.statement_for(&scope) else {
        return shown(args, &title, None, &[], &format!("no statement of the trust policy is for `{scope}`"));
    };
    let blocked = crate::block::now(settings);
    if let Some(why) = crate::block::image(&registry, &pinned, &blocked) {
        return shown(args, &title, None, &[], &why);
    }
    // The digest that was resolved is what everything is about, so its manifest is read again by that digest.
    let manifest = registry.client().manifest(&repository_at(&pinned.reference, None, Some(pinned.digest))?)?;
    let target = Target {
        media_type: Some(manifest.media_type.clone()),
        digest: pinned.digest,
        size: u64::try_from(manifest.bytes.len())?,
    };
    let mut rows = Vec::new();
    for candidate in registry.candidates(&pinned, Tags::Signatures, settings)? {
        if candidate.shape == Shape::Notation {
            let envelope = envelope(&candidate);
            let verdict = verify(&envelope, &target, statement, &stores, &revocations, crate::settings::now());
            let signer = verdict.signer.as_deref().unwrap_or_default();
            if let Some(why) = blocked.identity("", signer).filter(|_| verdict.holds()) {
                settings.warn(format!("{} does not count: {}", candidate.place, clean(&why)));
                continue;
            }
            rows.push(Row { place: candidate.place, verdict });
        }
    }
    shown(args, &title, Some(statement), &rows, "there is no Notation signature of it")
}

/// JWS is JSON and COSE is CBOR; what a list says about the type of either is not believed.
fn envelope(candidate: &Candidate) -> Result<Envelope, NotationError> {
    let json = candidate.bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    Envelope::parse(&candidate.bytes, if json { EnvelopeKind::Jws } else { EnvelopeKind::Cose })
}

/// Reads `x509/{ca,signingAuthority,tsa}/NAME/*` of a folder, or of `truststore` in it.
fn stores(folder: &Path) -> Result<TrustStores> {
    let inner = folder.join("truststore");
    let root = if inner.join("x509").is_dir() { inner.join("x509") } else { folder.join("x509") };
    ensure!(root.is_dir(), "`{}` is no trust store: it has no folder `x509`", folder.display());
    let mut stores = TrustStores::new();
    let mut count = 0_usize;
    for kind in [StoreKind::Authority, StoreKind::SigningAuthority, StoreKind::Timestamp] {
        let place = root.join(kind.name());
        if !place.exists() {
            continue;
        }
        for store in children(&place)? {
            let name = store.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
            for path in children(&store)? {
                count += 1;
                ensure!(count <= MAX_FILES, "`{}` holds more than {MAX_FILES} certificates", root.display());
                // notation follows no link in a store either: what is trusted lies in it.
                ensure!(path.symlink_metadata()?.is_file(), "`{}` is no plain file", path.display());
                let bytes = file_within(&path, LARGEST)?;
                stores.add(kind, &name, &bytes).with_context(|| format!("cannot trust `{}`", path.display()))?;
            }
        }
    }
    Ok(stores)
}

fn children(folder: &Path) -> Result<Vec<PathBuf>> {
    let read = || std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<PathBuf>>>();
    let mut found = read().with_context(|| format!("cannot read the folder `{}`", folder.display()))?;
    found.sort();
    Ok(found)
}

/// Lists and responses, told apart by their outer structure: a response begins with an enumerated status, a list with a sequence.
fn revocations(paths: &[PathBuf]) -> Result<Revocations> {
    let mut revocations = Revocations::default();
    for path in paths {
        let bytes = file_within(path, LARGEST)?;
        let head = match bytes.get(1).copied() {
            Some(length) if length < 0x80 => 2,
            Some(length) => 2 + usize::from(length & 0x7f),
            None => 0,
        };
        match (bytes.first(), bytes.get(head)) {
            (Some(0x30), Some(0x30)) => revocations.lists.push(bytes),
            (Some(0x30), Some(0x0a)) => revocations.responses.push(bytes),
            _ => bail!("`{}` is neither a revocation list nor an OCSP response in DER", path.display()),
        }
    }
    Ok(revocations)
}

/// Prints the result; success if one signature holds, or if the policy's statement does not want any looked at, which is said.
fn shown(args: &ImageArgs, title: &str, statement: Option<&Statement>, rows: &[Row], none: &str) -> Result<Exit> {
    let good = rows.iter().filter(|row| row.verdict.holds()).count();
    let skipped = statement.is_some_and(|statement| statement.level() == signet_trust::notation::Level::Skip);
    if args.show.output.as_deref() == Some("json") {
        let candidates: Vec<Value> = rows.iter().map(row_json).collect();
        let report = json!({
            "name": title, "wanted": "signature", "verified": good > 0, "skipped": skipped,
            "statement": statement.map(Statement::name), "candidates": candidates,
        });
        output::to_stdout(format!("{report:#}\n").as_bytes())?;
    } else {
        let verdict = match (good, skipped) {
            (_, true) => "NOT CHECKED",
            (0, _) => "NOT VERIFIED",
            _ => "verified",
        };
        let mut text = format!("{title}: {verdict}, {good} of {} signatures\n", rows.len());
        if let Some(statement) = statement {
            let _ = writeln!(text, "  statement `{}` of the trust policy", clean(statement.name()));
        }
        if skipped {
            text += "  its level is `skip`: nothing was looked at\n";
        }
        for row in rows.iter().filter(|_| !skipped) {
            row_text(row, &mut text);
        }
        if rows.is_empty() && !skipped {
            let _ = writeln!(text, "  {}", clean(none));
        }
        output::to_stdout(text.as_bytes())?;
    }
    Ok(if good > 0 || skipped { Exit::Well } else { Exit::Unverified })
}

/// An outcome in words: what was done, what failed, and what became of that.
fn words(outcome: &Outcome) -> (&'static str, &str) {
    match (&outcome.result, outcome.action) {
        (Some(Ok(what)), _) => ("checked", what),
        (Some(Err(why)), Action::Enforce) => ("failed", why),
        (Some(Err(why)), _) => ("failed, only logged", why),
        (None, Action::Skip) => ("NOT CHECKED", "the policy skips it"),
        (None, _) => ("NOT CHECKED", "an earlier one failed"),
    }
}

fn row_text(row: &Row, text: &mut String) {
    let label = if row.verdict.holds() { "verified" } else { "refused" };
    let _ = writeln!(text, "  {label}: {} (Notation)", clean(&row.place));
    if let Some(signer) = &row.verdict.signer {
        let _ = writeln!(text, "    signed by    {}", clean(signer));
    }
    for outcome in &row.verdict.outcomes {
        let (label, detail) = words(outcome);
        let _ = writeln!(text, "    {label:<12} {}: {}", outcome.validation.name(), clean(detail));
    }
}

fn row_json(row: &Row) -> Value {
    let checks: Vec<Value> = row
        .verdict
        .outcomes
        .iter()
        .map(|outcome| {
            let (label, detail) = words(outcome);
            json!({"check": outcome.validation.name(), "outcome": label, "detail": detail})
        })
        .collect();
    let annotations: BTreeMap<&str, &str> =
        row.verdict.annotations.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    json!({
        "place": row.place, "layout": "Notation", "verdict": if row.verdict.holds() { "verified" } else { "refused" },
        "signer": row.verdict.signer, "checks": checks, "annotations": annotations,
    })
}
