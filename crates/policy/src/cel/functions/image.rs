//! `image()`: a reference, taken apart. Source: kyverno/sdk:cel/libs/image; the defaults are those of google/go-containerregistry.

use std::rc::Rc;

use signet_model::ImageRef;

use super::Called;
use crate::cel::error::Error;
use crate::cel::opaque::Opaque;
use crate::cel::value::Value;

/// Longest reference, in bytes.
const LONGEST: usize = 1024;

/// The parts of a reference. With a digest, the tag says nothing any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    registry: String,
    repository: String,
    tag: String,
    digest: String,
    suffix: String,
}

impl Image {
    fn parse(text: &str) -> Result<Image, Error> {
        if text.len() > LONGEST {
            return Err(Error::new(format!("an image reference of more than {LONGEST} bytes")));
        }
        let found: ImageRef = text.parse().map_err(|err| Error::new(format!("could not parse reference: {err}")))?;
        let registry = if found.registry() == "docker.io" { "index.docker.io" } else { found.registry() };
        let digest = found.digest().map(ToString::to_string).unwrap_or_default();
        let tag = if digest.is_empty() { found.tag_or_latest().to_owned() } else { String::new() };
        let suffix = match (found.tag(), digest.is_empty()) {
            (Some(tag), false) => format!(":{tag}@{digest}"),
            (None, false) => format!("@{digest}"),
            (_, true) => format!(":{tag}"),
        };
        Ok(Image { registry: registry.to_owned(), repository: found.repository().to_owned(), tag, digest, suffix })
    }
}

pub(super) fn call<'a>(name: &str, args: &[Value<'a>]) -> Called<'a> {
    let [Value::String(text)] = args else { return Err(Error::no_such_overload()) };
    let found = Image::parse(text);
    Ok(match name {
        "isImage" => Value::Bool(found.is_ok()),
        _ => Value::Opaque(Rc::new(Opaque::Image(found?))),
    })
}

pub(super) fn on_image<'a>(name: &str, image: &Image) -> Called<'a> {
    Ok(match name {
        "registry" => Value::text(image.registry.as_str()),
        "repository" => Value::text(image.repository.as_str()),
        "tag" => Value::text(image.tag.as_str()),
        "digest" => Value::text(image.digest.as_str()),
        "containsDigest" => Value::Bool(!image.digest.is_empty()),
        "identifier" if image.digest.is_empty() => Value::text(image.tag.as_str()),
        "identifier" => Value::text(image.digest.as_str()),
        "identifierWithSeparator" => Value::text(image.suffix.as_str()),
        _ => return Err(Error::no_such_overload()),
    })
}
