//! From a reference to the one image that it means for a platform.

use signet_model::{ImageRef, Platform};

use crate::client::Client;
use crate::error::{Error, ErrorKind, printable};
use crate::manifest::{Descriptor, ImageManifest, Manifest, ManifestBody};

/// Which image of an index is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlatformChoice {
    /// This platform and no other.
    Exactly(Platform),
    /// This platform if there is a choice; where the index holds a single image, that one.
    Prefer(Platform),
}

impl PlatformChoice {
    /// Linux on this machine's processor, where there is a choice.
    pub fn host() -> PlatformChoice {
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            "x86" => "386",
            "powerpc64" => "ppc64le",
            other => other,
        };
        PlatformChoice::Prefer(Platform {
            os: "linux".to_owned(),
            architecture: architecture.to_owned(),
            variant: None,
        })
    }

    /// The platform.
    pub fn platform(&self) -> &Platform {
        match self {
            PlatformChoice::Exactly(platform) | PlatformChoice::Prefer(platform) => platform,
        }
    }
}

/// An image, and the index through which it was found.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The outermost index, if there is one.
    pub index: Option<Manifest>,
    /// The image manifest, verified against the digest that named it.
    pub manifest: Manifest,
    /// The image manifest's content.
    pub image: ImageManifest,
    /// The descriptor by which the index named it.
    pub descriptor: Option<Descriptor>,
}

impl Client {
    /// Reads the manifest of a reference; through an index, that of the chosen platform. The tag is resolved once.
    pub async fn resolve(&self, reference: &ImageRef, choice: &PlatformChoice) -> Result<Resolved, Error> {
        let mut manifest = self.manifest(reference).await?;
        let mut index: Option<Manifest> = None;
        let mut descriptor: Option<Descriptor> = None;
        for _ in 0..=self.options().limits.index_depth {
            let manifests = match &manifest.body {
                ManifestBody::Image(image) => {
                    return Ok(Resolved { index, image: (**image).clone(), manifest, descriptor });
                }
                ManifestBody::Index(inner) => &inner.manifests,
            };
            let chosen = choose(manifests, choice).map_err(|mut err| {
                err.doing = format!("choose an image of `{reference}`");
                err
            })?;
            let next = self.manifest(&reference.at(chosen.digest)).await?;
            if next.bytes.len() as u64 != chosen.size {
                let what = format!("the index says {} bytes, {} came", chosen.size, next.bytes.len());
                return Err(Error::new(
                    ErrorKind::SizeMismatch,
                    format!("read manifest `{}@{}`", reference.name(), chosen.digest),
                    what,
                ));
            }
            descriptor = Some(chosen.clone());
            let outer = std::mem::replace(&mut manifest, next);
            index.get_or_insert(outer);
        }
        Err(Error::new(
            ErrorKind::TooLarge,
            format!("choose an image of `{reference}`"),
            "its indexes lie too deep in each other",
        ))
    }
}

/// The entry for a platform: an exact variant first, then the best that the processor can run.
fn choose<'a>(manifests: &'a [Descriptor], choice: &PlatformChoice) -> Result<&'a Descriptor, Error> {
    let wanted = choice.platform();
    // Attestations of BuildKit lie in the index as images of an unknown platform.
    let images: Vec<&Descriptor> = manifests
        .iter()
        .filter(|entry| {
            entry
                .platform
                .as_ref()
                .is_none_or(|platform| platform.os != "unknown" || platform.architecture != "unknown")
        })
        .collect();
    let best = images
        .iter()
        .filter_map(|entry| Some((rank(entry.platform.as_ref()?, wanted)?, *entry)))
        .min_by_key(|(rank, _)| *rank);
    if let Some((_, entry)) = best {
        return Ok(entry);
    }
    let nested = images.iter().find(|entry| {
        entry.platform.is_none()
            && matches!(&*entry.media_type, crate::media_type::OCI_INDEX | crate::media_type::DOCKER_LIST)
    });
    match (choice, images.as_slice(), nested) {
        (PlatformChoice::Prefer(_), [only], _) => Ok(only),
        (_, _, Some(nested)) => Ok(nested),
        (_, [only], _) if only.platform.is_none() => Ok(only),
        _ => {
            let names: Vec<String> = images
                .iter()
                .take(40)
                .filter_map(|entry| entry.platform.as_ref())
                .map(|platform| printable(&platform.to_string()))
                .collect();
            Err(Error::new(ErrorKind::NoPlatform, "choose an image", format!("there is none for {wanted}"))
                .hint(format!("`--platform` takes one of: {}", names.join(", "))))
        }
    }
}

/// How well an entry fits: 0 is exact. Source: containerd `platforms/compare.go` (arm v8 runs v7, v7 runs v6, ...).
fn rank(have: &Platform, wanted: &Platform) -> Option<u8> {
    let (have, wanted) = (normal(have), normal(wanted));
    if have.os != wanted.os || have.architecture != wanted.architecture {
        return None;
    }
    match (have.variant.as_deref(), wanted.variant.as_deref()) {
        (have, wanted) if have == wanted => Some(0),
        (Some(have), Some(wanted)) => {
            let level = |variant: &str| variant.strip_prefix('v').and_then(|level| level.parse::<u8>().ok());
            let (have, wanted) = (level(have)?, level(wanted)?);
            wanted.checked_sub(have)
        }
        (None, Some(_)) => Some(100),
        // Nothing was said about the variant: the lowest runs everywhere.
        (Some(have), None) => {
            Some(have.strip_prefix('v').and_then(|level| level.parse::<u8>().ok()).unwrap_or(99).saturating_add(1))
        }
        (None, None) => Some(0),
    }
}

fn normal(platform: &Platform) -> Platform {
    let mut platform = platform.clone();
    platform.architecture = match &*platform.architecture.to_ascii_lowercase() {
        "x86_64" | "x86-64" => "amd64".to_owned(),
        "aarch64" => "arm64".to_owned(),
        "armhf" => "arm".to_owned(),
        "i386" => "386".to_owned(),
        other => other.to_owned(),
    };
    match (&*platform.architecture, platform.variant.as_deref()) {
        ("arm64", Some("v8" | "8")) | ("amd64", Some("v1")) => platform.variant = None,
        ("arm", None) => platform.variant = Some("v7".to_owned()),
        _ => {}
    }
    platform
}

impl PlatformChoice {
    /// Whether an image for `have` is what was asked for. A preference accepts everything.
    pub fn accepts(&self, have: &Platform) -> bool {
        match self {
            PlatformChoice::Exactly(wanted) => rank(have, wanted).is_some(),
            PlatformChoice::Prefer(_) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use signet_model::Digest;

    fn platform(text: &str) -> Platform {
        let mut parts = text.split('/').map(str::to_owned);
        Platform { os: parts.next().unwrap(), architecture: parts.next().unwrap(), variant: parts.next() }
    }

    #[track_caller]
    fn check(entries: &[&str], wanted: &str, expected: Option<usize>) {
        let manifests: Vec<Descriptor> = entries
            .iter()
            .enumerate()
            .map(|(index, text)| Descriptor {
                media_type: "m".to_owned(),
                digest: Digest::sha256(&[index as u8]),
                size: 1,
                platform: (!text.is_empty()).then(|| platform(text)),
                artifact_type: None,
                annotations: Vec::new(),
            })
            .collect();
        let (wanted, exact) = match wanted.strip_prefix('=') {
            Some(exact) => (platform(exact), true),
            None => (platform(wanted), false),
        };
        let choice = if exact { PlatformChoice::Exactly(wanted) } else { PlatformChoice::Prefer(wanted) };
        let found =
            choose(&manifests, &choice).ok().map(|entry| manifests.iter().position(|other| other == entry).unwrap());
        assert_eq!(found, expected, "{entries:?} {choice:?}");
    }

    #[test]
    fn the_platform_decides() {
        check(&["linux/amd64", "linux/arm64", "unknown/unknown"], "=linux/arm64", Some(1));
        check(&["linux/amd64", "linux/arm64/v8"], "=linux/arm64", Some(1));
        check(&["linux/arm64"], "=linux/arm64/v8", Some(0));
        check(&["linux/arm/v5", "linux/arm/v6", "linux/arm/v7"], "=linux/arm", Some(2));
        check(&["linux/arm/v5", "linux/arm/v6"], "=linux/arm/v7", Some(1));
        check(&["linux/arm/v7"], "=linux/arm/v6", None);
        check(&["windows/amd64", "linux/amd64"], "=linux/x86_64", Some(1));
        check(&["linux/amd64", "linux/arm64"], "linux/s390x", None);
        check(&["linux/amd64", "unknown/unknown"], "linux/s390x", Some(0));
        check(&["linux/amd64", "unknown/unknown"], "=linux/s390x", None);
        check(&["linux/amd64/v1", "linux/amd64/v3"], "linux/amd64", Some(0));
        check(&[""], "=linux/amd64", Some(0));
        check(&[], "linux/amd64", None);
    }
}
