//! An image of a registry, as a command line names it; and what is taken for one although it lies on this machine.

use anyhow::{Result, anyhow};
use signet_model::ImageRef;

/// Reads the name of an image in a registry.
///
/// Errors: of usage. What names a layout or an archive on this machine is told apart: as a reference it would be asked for at Docker Hub, or be nonsense.
pub(crate) fn image(text: &str) -> Result<ImageRef> {
    if let Some(place) = on_this_machine(text) {
        let err = crate::usage(anyhow!("`{text}` lies on this machine, and an image of a registry is wanted here"));
        return Err(crate::hint(
            err,
            format!(
                "`verify`, `verify-attestation` and `tree` read an OCI layout with `--local-image {place}`; `signet load --dir {place} IMAGE` puts one into a registry"
            ),
        ));
    }
    text.parse().map_err(|err| crate::usage(anyhow!("{err}")))
}

/// The path that `SCHEME:PATH` or a path names. `docker:`, `registry:` and the like are left out: there are images of these names.
fn on_this_machine(text: &str) -> Option<&str> {
    let scheme = ["oci-dir:", "oci-archive:", "docker-archive:"].iter().find_map(|scheme| text.strip_prefix(scheme));
    scheme.or_else(|| {
        let path = matches!(text, "." | "..") || ["/", "./", "../"].iter().any(|start| text.starts_with(start));
        path.then_some(text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_here_is_no_image_of_a_registry() {
        for (text, good) in [
            ("app:1", true),
            ("docker:dind", true),
            ("registry:2", true),
            ("localhost:5000/app", true),
            ("oci-dir:build", false),
            ("oci-archive:a.tar", false),
            ("./build", false),
            ("/srv/build:1", false),
            ("..", false),
            ("UPPER", false),
        ] {
            assert_eq!(image(text).is_ok(), good, "{text}");
        }
    }
}
