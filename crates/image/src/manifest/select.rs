//! Which of the images of an index is meant.

use signet_model::Platform;

use super::Descriptor;

/// Why no image of an index could be chosen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectError {
    /// There is none for the platform.
    #[error("there is no image for {wanted}; there is: {}", list(.available))]
    NoMatch {
        /// The platform asked for, or the one of this machine.
        wanted: Platform,
        /// The platforms of the index.
        available: Vec<Platform>,
    },
    /// No image at all.
    #[error("the index lists no image")]
    Empty,
}

fn list(platforms: &[Platform]) -> String {
    if platforms.is_empty() {
        return "nothing that states a platform".to_owned();
    }
    platforms.iter().map(Platform::to_string).collect::<Vec<_>>().join(", ")
}

/// Chooses one of the images that an index lists, by position. Attestations are no images. `wanted` is the user's choice; without one the
/// image for `host` is taken, and where there is only one image, that one.
///
/// An image for which the index states no platform is taken only when it is the only one: its configuration decides then.
pub fn select_platform(
    candidates: &[Descriptor],
    wanted: Option<&Platform>,
    host: &Platform,
) -> Result<usize, SelectError> {
    let images: Vec<(usize, &Descriptor)> =
        candidates.iter().enumerate().filter(|(_, descriptor)| !descriptor.is_attestation()).collect();
    match images[..] {
        [] => return Err(SelectError::Empty),
        [(at, only)] if wanted.is_none() || only.platform.is_none() => return Ok(at),
        _ => {}
    }
    let target = wanted.unwrap_or(host);
    let best = images
        .iter()
        .filter_map(|(at, descriptor)| Some((fit(target, descriptor.platform.as_ref()?)?, *at)))
        // The first of equals wins, as in containerd.
        .min_by_key(|(fit, at)| (*fit, *at));
    best.map(|(_, at)| at).ok_or_else(|| SelectError::NoMatch {
        wanted: target.clone(),
        available: images.iter().filter_map(|(_, descriptor)| descriptor.platform.clone()).collect(),
    })
}

/// How well an offered platform fits: 0 is exact. `arm64` means `arm64/v8`; a wish without variant takes any.
fn fit(target: &Platform, offered: &Platform) -> Option<u8> {
    if target.os != offered.os || target.architecture != offered.architecture {
        return None;
    }
    let variant = |platform: &Platform| match (&platform.variant, platform.architecture.as_str()) {
        (None, "arm64") => Some("v8".to_owned()),
        (variant, _) => variant.clone(),
    };
    match (variant(target), variant(offered)) {
        (wanted, offered) if wanted == offered => Some(0),
        (None, Some(_)) => Some(1),
        _ => None,
    }
}

/// Whether an image for `offered` (as its configuration states it) is one that the user asked for.
pub fn platform_matches(wanted: &Platform, offered: &Platform) -> bool {
    fit(wanted, offered).is_some()
}
