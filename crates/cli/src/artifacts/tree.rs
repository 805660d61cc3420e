//! `signet tree`: an image, its platforms, and what lies beside each, as far down as it goes.

use std::collections::BTreeMap;
use std::io::Read as _;

use anyhow::{Result, ensure};
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
use crate::wrap::WIDEST;

/// Bytes of a signature that is read to say who made it.
const MAX_SIGNATURE: u64 = 1 << 20;
/// Signatures that are read.
const MAX_READ: usize = 256;
/// Lines of a tree, and how far down it goes.
const MAX_NODES: usize = 10_000;
const MAX_DEPTH: usize = 32;

/// A line with what hangs below it.
struct Node {
    /// What it says, in pieces that stay whole; one that does not fit goes on the next line.
    text: Vec<String>,
    value: Value,
    children: Vec<Node>,
}

/// A tree that is being made.
struct Walk<'a> {
    place: &'a Place,
    cargo: &'a Cargo,
    /// Signatures that were read.
    reads: usize,
    nodes: usize,
    /// From the root to here: what is under one tag may be, under another, above itself.
    path: Vec<Digest>,
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
    let mut walk = Walk { place: &place, cargo: &cargo, reads: 0, nodes: 0, path: Vec::new() };
    let root = walk.image(cargo.root, None)?;
    let text = match args.output.as_str() {
        "json" => format!("{:#}\n", json(&root)),
        _ => {
            let width = settings.look.width.unwrap_or(WIDEST).min(WIDEST);
            let mut text = format!("{}\n", clean(&args.image));
            fit(&root.text, usize::from(width), "", "    ", &mut text);
            draw(&root.children, "", usize::from(width), &mut text);
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

impl Walk<'_> {
    /// Counts a line.
    fn count(&mut self) -> Result<()> {
        self.nodes += 1;
        ensure!(
            self.nodes <= MAX_NODES,
            "the tree has more than {MAX_NODES} lines: the same things lie beside each other again and again"
        );
        Ok(())
    }

    /// Goes down to a manifest; not to one that is above already.
    fn enter(&mut self, digest: Digest) -> Result<bool> {
        if self.path.contains(&digest) {
            return Ok(false);
        }
        ensure!(self.path.len() < MAX_DEPTH, "the tree is more than {MAX_DEPTH} deep");
        self.path.push(digest);
        Ok(true)
    }

    /// An image or an index: its platforms, then what lies beside it.
    fn image(&mut self, digest: Digest, platform: Option<String>) -> Result<Node> {
        self.count()?;
        let cargo = self.cargo;
        let of_image = |item: &&Item| item.role == Role::Image && item.manifest.digest == digest;
        let Some(item) = cargo.items.iter().find(of_image) else {
            return Ok(Node {
                text: vec![digest.to_string(), "(not there)".to_owned()],
                value: json!({"digest": digest.to_string()}),
                children: Vec::new(),
            });
        };
        let what = if is_index(&item.manifest) { "index" } else { "image" };
        let mut node = Node {
            text: platform.clone().into_iter().chain([digest.to_string(), format!("({what})")]).collect(),
            value: json!({"is": what, "digest": digest.to_string(), "mediaType": item.manifest.media_type, "platform": platform}),
            children: Vec::new(),
        };
        if !self.enter(digest)? {
            node.again();
            return Ok(node);
        }
        if let ManifestBody::Index(index) = &item.manifest.body {
            for child in &index.manifests {
                let platform = child.platform.as_ref().map(|platform| clean(&platform.to_string()));
                node.children
                    .push(self.image(child.digest, Some(platform.unwrap_or_else(|| "no platform".to_owned())))?);
            }
        }
        self.beside(digest, &mut node.children)?;
        self.path.pop();
        Ok(node)
    }

    fn beside(&mut self, of: Digest, nodes: &mut Vec<Node>) -> Result<()> {
        let cargo = self.cargo;
        for item in &cargo.items {
            let name = match &item.role {
                Role::Tag { of: subject, suffix } if *subject == of => Some(tag(subject, suffix)),
                Role::Referrer { of: subject } if *subject == of => None,
                _ => continue,
            };
            self.count()?;
            let digest = item.manifest.digest;
            let entry = listed(&item.manifest);
            let kind = entry.artifact_type.unwrap_or_default();
            let (is, text) = match &name {
                Some(name) => ("tag", vec![format!("tag {name}:"), digest.to_string()]),
                None => ("referrer", vec![digest.to_string(), clean(&kind)]),
            };
            let mut node = Node {
                text,
                value: json!({
                    "is": is, "tag": name, "digest": digest.to_string(),
                    "artifactType": kind, "size": item.manifest.bytes.len(),
                }),
                children: Vec::new(),
            };
            if self.enter(digest)? {
                if let ManifestBody::Image(manifest) = &item.manifest.body {
                    for layer in &manifest.layers {
                        self.count()?;
                        node.children.push(self::layer(self.place, manifest, layer, &mut self.reads)?);
                    }
                }
                self.beside(digest, &mut node.children)?;
                self.path.pop();
            } else {
                node.again();
            }
            nodes.push(node);
        }
        Ok(())
    }
}

impl Node {
    /// What it is, is said further up.
    fn again(&mut self) {
        self.text.push("(above already)".to_owned());
        self.value["again"] = true.into();
    }
}

fn layer(place: &Place, manifest: &ImageManifest, layer: &Descriptor, reads: &mut usize) -> Result<Node> {
    let annotations: BTreeMap<String, String> = layer.annotations.iter().cloned().collect();
    let title = annotations.get("org.opencontainers.image.title");
    let mut claimed: Option<Claims> = None;
    if let Some(shape) = shape_of(manifest, layer).filter(|_| layer.size <= MAX_SIGNATURE && *reads < MAX_READ) {
        *reads += 1;
        let mut bytes = Vec::new();
        match place.blob(layer)?.take(MAX_SIGNATURE).read_to_end(&mut bytes) {
            Ok(_) => claimed = Some(claims(shape, &bytes, &annotations)),
            Err(err) => claimed = Some(Claims { what: format!("cannot be read: {err}"), ..Claims::default() }),
        }
    }
    let size = format!("{} bytes{}", layer.size, if claimed.is_some() { ":" } else { "" });
    let mut text = vec![match title {
        Some(title) => format!("{} {}, {size}", clean(&layer.media_type), clean(title)),
        None => format!("{}, {size}", clean(&layer.media_type)),
    }];
    text.extend(claimed.as_ref().map(|claims| clean(&claims.line())));
    let mut value =
        json!({"is": "layer", "digest": layer.digest.to_string(), "mediaType": layer.media_type, "size": layer.size});
    if let Some(claims) = &claimed {
        value["unverified"] = json!({
            "what": claims.what, "predicateType": claims.predicate_type, "names": claims.names, "issuer": claims.issuer,
        });
    }
    Ok(Node { text, value, children: Vec::new() })
}

fn json(node: &Node) -> Value {
    let mut value = node.value.clone();
    if !node.children.is_empty() {
        value["below"] = node.children.iter().map(json).collect();
    }
    value
}

fn draw(nodes: &[Node], indent: &str, width: usize, text: &mut String) {
    for (at, node) in nodes.iter().enumerate() {
        let last = at + 1 == nodes.len();
        let below = format!("{indent}{}", if last { "    " } else { "│   " });
        // What goes on stands to the right of what hangs below.
        let on = format!("{below}{}   ", if node.children.is_empty() { " " } else { "│" });
        fit(&node.text, width, &format!("{indent}{} ", if last { "└──" } else { "├──" }), &on, text);
        draw(&node.children, &below, width, text);
    }
}

/// Writes the pieces after `first`, and after `on` on each further line where they are wider than `width` together.
fn fit(pieces: &[String], width: usize, first: &str, on: &str, text: &mut String) {
    let mut column = first.chars().count();
    text.push_str(first);
    for (at, piece) in pieces.iter().enumerate() {
        let length = piece.chars().count();
        if at > 0 && column.saturating_add(1).saturating_add(length) > width {
            text.push('\n');
            text.push_str(on);
            column = on.chars().count();
        } else if at > 0 {
            text.push(' ');
            column = column.saturating_add(1);
        }
        text.push_str(piece);
        column = column.saturating_add(length);
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_goes_on_below() {
        let node = |text: &[&str], children: Vec<Node>| Node {
            text: text.iter().map(|piece| (*piece).to_owned()).collect(),
            value: Value::Null,
            children,
        };
        let nodes = [
            node(&["tag a:", "sha256:0123"], vec![node(&["type, 5 bytes:", "a signature"], Vec::new())]),
            node(&["sha256:4567", "t"], Vec::new()),
        ];
        let mut text = String::new();
        draw(&nodes, "", 20, &mut text);
        assert_eq!(
            text,
            "├── tag a:\n│   │   sha256:0123\n│   └── type, 5 bytes:\n│           a signature\n└── sha256:4567 t\n"
        );
    }
}
