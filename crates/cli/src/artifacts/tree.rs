//! `signet tree`: an image, its platforms, and what lies beside each, as far down as it goes.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Read as _;

use anyhow::Result;
use parking_lot::Mutex;
use serde_json::{Value, json};
use signet_model::Digest;
use signet_oci_client::{Descriptor, ImageManifest, ManifestBody};

use super::args::TreeArgs;
use super::layout::{self, Layout};
use super::transfer::{Cargo, Item, Place, Role, is_index, listed};
use super::unverified::{Claims, claims};
use crate::exit::Exit;
use crate::output;
use crate::settings::Settings;
use crate::verify::demand::access;
use crate::verify::discover::{Registry, repository, shape_of, tag};
use crate::verify::show::clean;

/// Bytes of a signature that is read to say who made it.
const MAX_SIGNATURE: u64 = 1 << 20;
/// Signatures that are read.
const MAX_READ: usize = 256;

/// A line with what hangs below it.
struct Node {
    text: String,
    value: Value,
    children: Vec<Node>,
}

pub(super) fn command(args: &TreeArgs, settings: &Settings) -> Result<Exit> {
    let (place, root) = if args.local_image {
        let (folder, wanted) = layout::split(&args.image);
        let layout = Layout::open(folder)?;
        let root = layout.manifest(&layout.image(wanted)?)?;
        (Place::Layout(Mutex::new(layout)), root)
    } else {
        let registry = Registry::new(&access(&args.reach), settings)?;
        let pinned = registry.pin(&args.image)?;
        let client = registry.client().clone();
        let root = client.manifest(&pinned.reference.at(pinned.digest))?;
        (Place::Registry { client, repository: repository(&pinned)? }, root)
    };
    let cargo = place.gather(root, &[])?;
    let mut reads = 0;
    let root = image(&place, &cargo, cargo.root, None, &mut reads)?;
    let text = match args.output.as_str() {
        "json" => format!("{:#}\n", json(&root)),
        _ => {
            let mut text = format!("{}\n{}\n", clean(&args.image), root.text);
            draw(&root.children, "", &mut text);
            if cargo.items.iter().all(|item| item.role == Role::Image) {
                text += "nothing lies beside it\n";
            } else {
                text += "nothing of this was verified: `signet verify` does\n";
            }
            text
        }
    };
    output::to_stdout(text.as_bytes())?;
    Ok(Exit::Well)
}

/// An image or an index: its platforms, then what lies beside it.
fn image(place: &Place, cargo: &Cargo, digest: Digest, platform: Option<String>, reads: &mut usize) -> Result<Node> {
    let of_image = |item: &&Item| item.role == Role::Image && item.manifest.digest == digest;
    let Some(item) = cargo.items.iter().find(of_image) else {
        return Ok(Node {
            text: format!("{digest} (not there)"),
            value: json!({"digest": digest.to_string()}),
            children: Vec::new(),
        });
    };
    let what = if is_index(&item.manifest) { "index" } else { "image" };
    let mut children = Vec::new();
    if let ManifestBody::Index(index) = &item.manifest.body {
        for child in &index.manifests {
            let platform = child.platform.as_ref().map(|platform| clean(&platform.to_string()));
            children.push(image(
                place,
                cargo,
                child.digest,
                Some(platform.unwrap_or_else(|| "no platform".to_owned())),
                reads,
            )?);
        }
    }
    beside(place, cargo, digest, reads, &mut children)?;
    let name = platform.clone().map(|name| format!("{name} ")).unwrap_or_default();
    Ok(Node {
        text: format!("{name}{digest} ({what})"),
        value: json!({"is": what, "digest": digest.to_string(), "mediaType": item.manifest.media_type, "platform": platform}),
        children,
    })
}

fn beside(place: &Place, cargo: &Cargo, of: Digest, reads: &mut usize, nodes: &mut Vec<Node>) -> Result<()> {
    for item in &cargo.items {
        let name = match &item.role {
            Role::Tag { of: subject, suffix } if *subject == of => Some(tag(subject, suffix)),
            Role::Referrer { of: subject } if *subject == of => None,
            _ => continue,
        };
        let entry = listed(&item.manifest);
        let kind = entry.artifact_type.unwrap_or_default();
        let mut children = Vec::new();
        if let ManifestBody::Image(manifest) = &item.manifest.body {
            for layer in &manifest.layers {
                children.push(self::layer(place, manifest, layer, reads)?);
            }
        }
        if item.manifest.digest != of {
            beside(place, cargo, item.manifest.digest, reads, &mut children)?;
        }
        let (is, text) = match &name {
            Some(name) => ("tag", format!("tag {name}: {}", item.manifest.digest)),
            None => ("referrer", format!("{} {}", item.manifest.digest, clean(&kind))),
        };
        nodes.push(Node {
            text,
            value: json!({
                "is": is, "tag": name, "digest": item.manifest.digest.to_string(),
                "artifactType": kind, "size": item.manifest.bytes.len(),
            }),
            children,
        });
    }
    Ok(())
}

fn layer(place: &Place, manifest: &ImageManifest, layer: &Descriptor, reads: &mut usize) -> Result<Node> {
    let annotations: BTreeMap<String, String> = layer.annotations.iter().cloned().collect();
    let title =
        annotations.get("org.opencontainers.image.title").map(|title| format!(" {}", clean(title))).unwrap_or_default();
    let mut claimed: Option<Claims> = None;
    if let Some(shape) = shape_of(manifest, layer).filter(|_| layer.size <= MAX_SIGNATURE && *reads < MAX_READ) {
        *reads += 1;
        let mut bytes = Vec::new();
        match place.blob(layer)?.take(MAX_SIGNATURE).read_to_end(&mut bytes) {
            Ok(_) => claimed = Some(claims(shape, &bytes, &annotations)),
            Err(err) => claimed = Some(Claims { what: format!("cannot be read: {err}"), ..Claims::default() }),
        }
    }
    let says = claimed.as_ref().map(|claims| format!(": {}", clean(&claims.line()))).unwrap_or_default();
    let mut value =
        json!({"is": "layer", "digest": layer.digest.to_string(), "mediaType": layer.media_type, "size": layer.size});
    if let Some(claims) = &claimed {
        value["unverified"] = json!({
            "what": claims.what, "predicateType": claims.predicate_type, "names": claims.names, "issuer": claims.issuer,
        });
    }
    Ok(Node {
        text: format!("{}{title}, {} bytes{says}", clean(&layer.media_type), layer.size),
        value,
        children: Vec::new(),
    })
}

fn json(node: &Node) -> Value {
    let mut value = node.value.clone();
    if !node.children.is_empty() {
        value["below"] = node.children.iter().map(json).collect();
    }
    value
}

fn draw(nodes: &[Node], indent: &str, text: &mut String) {
    for (at, node) in nodes.iter().enumerate() {
        let last = at + 1 == nodes.len();
        let _ = writeln!(text, "{indent}{} {}", if last { "└──" } else { "├──" }, node.text);
        draw(&node.children, &format!("{indent}{}", if last { "    " } else { "│   " }), text);
    }
}
