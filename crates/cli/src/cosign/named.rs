//! `cosign dockerfile verify`, `cosign manifest verify`: the images that a file names, each verified.
//!
//! Source: sigstore/cosign:cmd/cosign/cli/{dockerfile,manifest}. What a file names and cannot be resolved is an error: an image that is left out would be
//! taken for verified.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use signet_policy::images;
use signet_yaml::{Document, Limits};

use super::args::{DockerfileArgs, VerifyArgs};
use super::verify::Begun;
use crate::dockerfile::Dockerfile;
use crate::settings::Settings;
use crate::verify::args::ImageArgs;
use crate::verify::demand::file;

/// Images of one file that are verified.
const MAX_IMAGES: usize = 200;

pub(super) fn dockerfile(args: &DockerfileArgs, compat: &str, settings: &Settings) -> Result<u8> {
    let path = &args.verify.wanted.image;
    let text = String::from_utf8(file(Path::new(path))?).with_context(|| format!("`{path}` is no text"))?;
    let found = Dockerfile::read(&text, &|name| std::env::var(name).ok()).with_context(|| format!("in `{path}`"))?;
    let mut images: Vec<String> = Vec::new();
    let named = found.images.into_iter().map(|mention| mention.image);
    for image in if args.base_image_only { found.base.into_iter().collect::<Vec<_>>() } else { named.collect() } {
        if !images.contains(&image) {
            images.push(image);
            ensure!(images.len() <= MAX_IMAGES, "more than {MAX_IMAGES} images");
        }
    }
    each(&images, path, &args.verify, compat, settings)
}

pub(super) fn manifest(args: &VerifyArgs<ImageArgs>, compat: &str, settings: &Settings) -> Result<u8> {
    let path = &args.wanted.image;
    let documents = signet_yaml::parse_bytes(&file(Path::new(path))?, &Limits::default())
        .with_context(|| format!("cannot read `{path}`"))?;
    let images = of_manifests(&documents).with_context(|| format!("in `{path}`"))?;
    each(&images, path, args, compat, settings)
}

#[allow(clippy::print_stderr, reason = "Cosign's messages, which are not silenced by `--quiet`")]
fn each(images: &[String], path: &str, args: &VerifyArgs<ImageArgs>, compat: &str, settings: &Settings) -> Result<u8> {
    ensure!(!images.is_empty(), "no images found in {path}");
    eprintln!("Extracted image(s): {}", images.join(", "));
    // Whom to trust is read once, and what is known of a registry serves every image; a layout on this machine is one for each.
    let shared = if args.wanted.local_image { None } else { Some(Begun::of(args, settings)?) };
    for image in images {
        let failed = || format!("cannot verify `{image}`");
        match &shared {
            Some(begun) => super::verify::one(args, image, begun, compat, settings).with_context(failed)?,
            None => {
                let mut one = args.clone();
                one.wanted.image.clone_from(image);
                super::verify::image(&one, compat, settings).with_context(failed)?
            }
        };
    }
    Ok(0)
}

/// The images of every object, each once.
fn of_manifests(documents: &[Document]) -> Result<Vec<String>> {
    let mut found: Vec<String> = Vec::new();
    for document in documents {
        let object = signet_yaml::to_json(&document.root);
        for named in images::of(&object, &[])? {
            let image = named.text.with_context(|| named.label())?;
            if !found.iter().any(|known| known == image) {
                found.push(image.to_owned());
                ensure!(found.len() <= MAX_IMAGES, "more than {MAX_IMAGES} images");
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_names_its_images() {
        let text = "spec:\n  template:\n    spec:\n      initContainers: [{image: a}]\n      containers:\n      - name: x\n        image: b\n      - image: a\n\
                    ---\napiVersion: v1\nkind: Pod\nspec:\n  containers: [{image: c}]\n  volumes: [{image: {reference: d}}]\n";
        let documents = signet_yaml::parse(text, &Limits::default()).unwrap();
        assert_eq!(of_manifests(&documents).unwrap(), ["a", "b", "c", "d"]);
        let documents =
            signet_yaml::parse("kind: Pod\napiVersion: v1\nspec: {containers: [{image: 7}]}", &Limits::default());
        assert!(of_manifests(&documents.unwrap()).is_err());
    }
}
