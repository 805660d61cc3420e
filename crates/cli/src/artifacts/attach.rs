//! `signet attach`: files beside an image, in one artifact.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, anyhow, ensure};
use signet_oci_client::{Descriptor, Listed, NewLayer, NewReferrer};

use super::args::AttachArgs;
use crate::exit::Exit;
use crate::net;
use crate::output;
use crate::settings::Settings;
use crate::verify::demand::{access, file_within};
use crate::verify::discover::repository_at;

/// Bytes of one file.
const MAX_FILE: u64 = 1 << 30;
/// Files of one artifact.
const MAX_FILES: usize = 1000;
const TITLE: &str = "org.opencontainers.image.title";

pub(super) fn command(args: &AttachArgs, settings: &Settings) -> Result<Exit> {
    let Some((image, files)) = args.files_and_image.split_last() else {
        return Err(crate::usage(anyhow!("give the files, then the image")));
    };
    ensure!(files.len() <= MAX_FILES, "more than {MAX_FILES} files are not put into one artifact");
    let kind = media_type(&args.artifact_type)
        .ok_or_else(|| crate::usage(anyhow!("`--artifact-type {}` is no media type", args.artifact_type)))?;
    let mut annotations = BTreeMap::new();
    for text in &args.annotation {
        let (key, value) = text
            .split_once('=')
            .filter(|(key, _)| !key.is_empty())
            .ok_or_else(|| crate::usage(anyhow!("`--annotation {text}` is not KEY=VALUE")))?;
        annotations.insert(key.to_owned(), value.to_owned());
    }
    let layers: Vec<NewLayer> = files.iter().map(|text| layer(text, kind)).collect::<Result<_>>()?;
    let client = net::client(&access(&args.reach), settings)?;
    let reference = crate::image_name::image(image)?;
    let manifest = client.manifest(&reference).with_context(|| format!("cannot resolve the image `{image}`"))?;
    let subject = Descriptor {
        media_type: manifest.media_type.clone(),
        digest: manifest.digest,
        size: manifest.bytes.len() as u64,
        platform: None,
        artifact_type: None,
        annotations: Vec::new(),
    };
    let new = NewReferrer { artifact_type: kind.to_owned(), config: None, layers, annotations };
    let repository = repository_at(&reference, None, None)?;
    let attached = client.attach(&repository, &subject, &new)?;
    settings.say(format!(
        "attached to `{}@{}`; {}",
        repository.familiar(),
        manifest.digest,
        match attached.listed {
            Listed::ByRegistry => "the registry lists it",
            Listed::ByTag => "the registry keeps no list, so it stands in the index under the fallback tag",
        }
    ));
    output::to_stdout(format!("{}@{}\n", repository.familiar(), attached.descriptor.digest).as_bytes())?;
    Ok(Exit::Well)
}

/// `FILE` or `FILE:MEDIA-TYPE`. A file of that very name goes before.
fn layer(text: &str, artifact_type: &str) -> Result<NewLayer> {
    let split = text.rsplit_once(':').and_then(|(file, kind)| Some((file, media_type(kind)?)));
    let (file, kind) = match split {
        Some((file, kind)) if !Path::new(text).exists() => (file, kind),
        _ => (text, artifact_type),
    };
    let path = Path::new(file);
    let bytes = file_within(path, MAX_FILE)?;
    let title = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let annotations = BTreeMap::from([(TITLE.to_owned(), title)]);
    Ok(NewLayer { media_type: kind.to_owned(), bytes: bytes.into(), annotations })
}

/// `TYPE/SUBTYPE`. Source: RFC 6838 section 4.2.
fn media_type(text: &str) -> Option<&str> {
    let name = |part: &str| {
        let mut letters = part.bytes();
        letters.next().is_some_and(|first| first.is_ascii_alphanumeric())
            && part.len() <= 127
            && letters.all(|letter| letter.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&letter))
    };
    text.split_once('/').filter(|(kind, subtype)| name(kind) && name(subtype)).map(|_| text)
}

#[cfg(test)]
mod tests {
    use super::media_type;

    #[test]
    fn media_types_have_two_parts() {
        for (text, good) in [
            ("text/plain", true),
            ("application/vnd.example.a+json", true),
            ("text", false),
            ("text/", false),
            ("/plain", false),
            ("a/b/c", false),
            ("text/pl ain", false),
            ("", false),
        ] {
            assert_eq!(media_type(text).is_some(), good, "{text}");
        }
    }
}
