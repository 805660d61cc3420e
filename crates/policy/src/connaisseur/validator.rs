//! Validators: what an image must pass.

use signet_yaml::Node;

use super::reader::{Fields, unmarshal, wrong};
use crate::kyverno::verify_images::Identity;
use crate::trust_policy::PolicyError;

/// Trust roots of one validator.
const MAX_ROOTS: usize = 256;
const REKOR: &str = "rekor.sigstore.dev";

/// A validator.
#[derive(Clone, Debug)]
pub struct Validator {
    /// Its name.
    pub name: String,
    pub(super) kind: Kind,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Static {
        approve: bool,
    },
    Cosign(Box<Cosign>),
    Notation {
        roots: Vec<Root>,
    },
    /// Docker Content Trust, which is not verified.
    NotaryV1,
}

#[derive(Clone, Debug)]
pub(super) struct Cosign {
    pub(super) roots: Vec<Root>,
    /// Empty for the public one.
    pub(super) rekor: String,
    pub(super) rekor_key: String,
    pub(super) fulcio_certificate: String,
    pub(super) certificate_log_key: String,
}

/// A trust root.
#[derive(Clone, Debug)]
pub(super) struct Root {
    pub(super) name: String,
    pub(super) trust: Trust,
}

#[derive(Clone, Debug)]
pub(super) enum Trust {
    /// PEM, or where it lives.
    Key(String),
    Certificate {
        certificate: String,
        timestamp: String,
    },
    Keyless(Identity),
}

impl Validator {
    /// Reads one.
    ///
    /// Errors: the first thing that is wrong with it, with its place, in Connaisseur's words.
    pub fn load(node: &Node) -> Result<Validator, PolicyError> {
        let entries = node.as_map().ok_or_else(|| unmarshal(node, "map[string]interface {}"))?;
        if let Some((key, _)) = entries.iter().find(|(key, _)| key.as_str().is_none()) {
            return Err(unmarshal(key, "string"));
        }
        let text = |key: &str| {
            let found = node.get(key).filter(|found| !found.is_null());
            let found = found.ok_or_else(|| wrong(node, format!("validator is missing a {key}")))?;
            found.as_str().map(str::to_owned).ok_or_else(|| unmarshal(found, "string"))
        };
        let (name, kind) = (text("name")?, text("type")?);
        if name.is_empty() {
            return Err(wrong(node, "Name is a required field"));
        }
        let kind = match kind.as_str() {
            "static" => {
                let fields = Fields::of(node, "staticvalidator.StaticValidatorYaml", &["name", "type", "approve"])?;
                Kind::Static { approve: fields.flag("approve")?.unwrap_or(false) }
            }
            "cosign" => Kind::Cosign(Box::new(cosign(node, &name)?)),
            "notation" => {
                let known = ["name", "type", "auth", "cert", "trustRoots"];
                let fields = Fields::of(node, "notation.NotationValidatorYaml", &known)?;
                Kind::Notation { roots: roots(&fields, node, &name)? }
            }
            "notaryv1" => {
                let known = ["name", "type", "host", "auth", "cert", "trustRoots"];
                let fields = Fields::of(node, "notaryv1.NotaryV1ValidatorYaml", &known)?;
                fields.text("host")?;
                roots(&fields, node, &name)?;
                Kind::NotaryV1
            }
            other => return Err(wrong(node, format!("unsupported type \"{}\" for validator", other.escape_debug()))),
        };
        Ok(Validator { name, kind })
    }

    /// Whether it is for Docker Content Trust, and so refuses everything.
    pub fn is_notary_v1(&self) -> bool {
        matches!(self.kind, Kind::NotaryV1)
    }

    /// Whether it lets everything pass.
    pub fn approves_all(&self) -> bool {
        matches!(self.kind, Kind::Static { approve: true })
    }
}

fn cosign(node: &Node, name: &str) -> Result<Cosign, PolicyError> {
    let known = ["name", "type", "host", "auth", "cert", "trustRoots"];
    let fields = Fields::of(node, "cosignvalidator.CosignValidatorYaml", &known)?;
    let mut found = Cosign {
        roots: Vec::new(),
        rekor: String::new(),
        rekor_key: String::new(),
        fulcio_certificate: String::new(),
        certificate_log_key: String::new(),
    };
    if let Some(host) = fields.get("host") {
        let known = ["rekor", "rekorPubkey", "fulcioCert", "ctLogPubkey"];
        let fields = Fields::of(host, "cosignvalidator.Host", &known)?;
        let rekor = fields.text("rekor")?;
        if !is_url(&rekor) {
            let shown = rekor.escape_debug();
            return Err(wrong(host, format!("unable to create Rekor client for {shown}: invalid url for rekor")));
        }
        let bare = rekor.trim_start_matches("https://").trim_end_matches('/');
        found.rekor = if bare == REKOR { String::new() } else { rekor.clone() };
        found.rekor_key = fields.text("rekorPubkey")?;
        found.fulcio_certificate = fields.text("fulcioCert")?;
        found.certificate_log_key = fields.text("ctLogPubkey")?;
        for (key, text) in [("rekor public key", &found.rekor_key), ("ct log public key", &found.certificate_log_key)] {
            if !text.is_empty() && !crate::image_policy::is_public_key(text) {
                return Err(wrong(host, format!("error adding {key}: it is no public key in PEM")));
            }
        }
        if !found.fulcio_certificate.is_empty() && !found.fulcio_certificate.contains("-----BEGIN CERTIFICATE-----") {
            return Err(wrong(host, format!("invalid fulcio certificate for validator {name}")));
        }
    }
    let certificate = fields.text("cert")?;
    if !certificate.is_empty() && !certificate.contains("-----BEGIN CERTIFICATE-----") {
        return Err(wrong(node, format!("invalid certificate for validator {name}")));
    }
    found.roots = roots(&fields, node, name)?;
    Ok(found)
}

/// A host with or without a scheme; nothing stands for the public one.
fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or(text);
    let valid = |letter: char| letter.is_ascii_alphanumeric() || "-._~:/?#[]@!$&'()*+,;=%".contains(letter);
    text.is_empty()
        || (rest.starts_with(|letter: char| letter.is_ascii_alphanumeric() || letter == '[') && rest.chars().all(valid))
}

fn roots(fields: &Fields<'_>, node: &Node, validator: &str) -> Result<Vec<Root>, PolicyError> {
    let nodes = fields.list("trustRoots")?;
    if nodes.is_empty() {
        return Err(wrong(node, format!("no trust roots provided for validator {validator}")));
    }
    if nodes.len() > MAX_ROOTS {
        return Err(wrong(node, format!("validator {validator} has more than {MAX_ROOTS} trust roots")));
    }
    let mut found: Vec<Root> = Vec::new();
    for node in nodes {
        let root = root(node)?;
        if found.iter().any(|known| known.name == root.name) {
            return Err(wrong(node, format!("two trust roots of validator {validator} are named {}", root.name)));
        }
        found.push(root);
    }
    Ok(found)
}

fn root(node: &Node) -> Result<Root, PolicyError> {
    let fields = Fields::of(node, "auth.TrustRoot", &["name", "key", "cert", "tsCert", "keyless"])?;
    let (name, key, certificate) = (fields.text("name")?, fields.text("key")?, fields.text("cert")?);
    if name.is_empty() {
        return Err(wrong(node, "Name is a required field"));
    }
    let keyless = fields.get("keyless");
    let trust = match (key.is_empty(), certificate.is_empty(), keyless) {
        (false, true, None) => Trust::Key(key),
        (true, false, None) => Trust::Certificate { certificate, timestamp: fields.text("tsCert")? },
        (true, true, Some(node)) => Trust::Keyless(identity(node)?),
        (true, true, None) => return Err(wrong(node, "Key is a required field")),
        _ => return Err(wrong(node, format!("trust root {name} is one of key, cert and keyless"))),
    };
    Ok(Root { name, trust })
}

fn identity(node: &Node) -> Result<Identity, PolicyError> {
    let fields = Fields::of(node, "auth.Keyless", &["issuer", "subject", "issuerRegex", "subjectRegex"])?;
    let found = Identity {
        issuer: fields.text("issuer")?,
        issuer_pattern: fields.text("issuerRegex")?,
        subject: fields.text("subject")?,
        subject_pattern: fields.text("subjectRegex")?,
    };
    for (name, plain, pattern) in
        [("Issuer", &found.issuer, &found.issuer_pattern), ("Subject", &found.subject, &found.subject_pattern)]
    {
        match (plain.is_empty(), pattern.is_empty()) {
            (true, true) => return Err(wrong(node, format!("{name} is a required field"))),
            (false, false) => return Err(wrong(node, format!("{name} must not be set if {name}Regex is"))),
            (false, true) => {}
            (true, false) => {
                crate::go::regex::compile(pattern).map_err(|why| wrong(node, format!("{name}Regex: {why}")))?;
            }
        }
    }
    Ok(found)
}
