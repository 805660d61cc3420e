//! Docker's API over a Unix socket; podman speaks it too.
//!
//! Source: Docker Engine API 1.4x, `ImageInspect` (`GET /images/{name}/json`) and `ImageGet` (`GET /images/{name}/get`).

use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use signet_model::ImageRef;
use signet_oci_client::SocketClient;

use super::archive::Named;
use super::{Export, check_name, error, parse_id};
use crate::image_source::{SourceError, SourceErrorKind};
use crate::registry::from_client;

/// An answer about an image is some tens of kilobytes.
const MOST: u64 = 4 << 20;

/// Sockets where docker may listen, in order, from the environment that `get` gives. `DOCKER_HOST` is the only one if it is set.
///
/// Errors: [`SourceErrorKind::Unsupported`] for a `DOCKER_HOST` that is no Unix socket.
pub fn docker_sockets(get: &dyn Fn(&str) -> Option<OsString>) -> Result<Vec<PathBuf>, SourceError> {
    if let Some(host) = get("DOCKER_HOST").and_then(|host| host.into_string().ok()).filter(|host| !host.is_empty()) {
        return match host.strip_prefix("unix://") {
            Some(path) => Ok(vec![PathBuf::from(path)]),
            None => Err(error(
                SourceErrorKind::Unsupported,
                "cannot ask docker: `DOCKER_HOST` names no Unix socket, and only those are spoken to",
            )),
        };
    }
    let mut sockets = vec![PathBuf::from("/var/run/docker.sock")];
    sockets.extend(get("XDG_RUNTIME_DIR").map(|folder| PathBuf::from(folder).join("docker.sock")));
    sockets.extend(get("HOME").map(|home| PathBuf::from(home).join(".docker/run/docker.sock")));
    Ok(sockets)
}

/// Sockets where podman may listen, in order, from the environment that `get` gives.
pub fn podman_sockets(get: &dyn Fn(&str) -> Option<OsString>) -> Result<Vec<PathBuf>, SourceError> {
    if let Some(host) = get("CONTAINER_HOST").and_then(|host| host.into_string().ok()).filter(|host| !host.is_empty()) {
        return match host.strip_prefix("unix://") {
            Some(path) => Ok(vec![PathBuf::from(path)]),
            None => Err(error(
                SourceErrorKind::Unsupported,
                "cannot ask podman: `CONTAINER_HOST` names no Unix socket, and only those are spoken to",
            )),
        };
    }
    let mut sockets: Vec<PathBuf> =
        get("XDG_RUNTIME_DIR").map(|folder| PathBuf::from(folder).join("podman/podman.sock")).into_iter().collect();
    sockets.push(PathBuf::from("/run/podman/podman.sock"));
    Ok(sockets)
}

/// Exports one image, by its id.
pub(crate) struct EngineExport {
    daemon: &'static str,
    socket: PathBuf,
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WireInspect {
    id: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    #[serde(default)]
    repo_digests: Option<Vec<String>>,
}

/// Asks a daemon what it knows under a name.
pub(crate) fn open(daemon: &'static str, socket: &Path, name: &str) -> Result<(EngineExport, Named), SourceError> {
    check_name(name)?;
    let doing = format!("cannot ask {daemon} at `{}` for image `{name}`", socket.display());
    if !socket.exists() {
        return Err(error(SourceErrorKind::Unreachable, format!("{doing}: there is no such socket")));
    }
    let client = SocketClient::new(socket).map_err(|err| from_client(doing.clone(), err))?;
    let answer = client.get(&format!("/images/{name}/json")).map_err(|err| from_client(doing.clone(), err))?;
    let mut bytes = Vec::new();
    answer.take(MOST).read_to_end(&mut bytes).map_err(|err| SourceError {
        doing: doing.clone(),
        kind: SourceErrorKind::Unreachable,
        cause: Some(Box::new(err)),
    })?;
    let malformed = |what: &str| error(SourceErrorKind::Malformed, format!("{doing}: {what}"));
    let wire: WireInspect = serde_json::from_slice(&bytes).map_err(|_| malformed("its answer is broken"))?;
    let id = parse_id(&wire.id).ok_or_else(|| malformed("it names the image by something that is no digest"))?;
    let references = |texts: Option<Vec<String>>| -> Vec<ImageRef> {
        // Docker writes `<none>` where there is none.
        texts.unwrap_or_default().iter().filter_map(|text| text.parse().ok()).collect()
    };
    let named = Named { id: Some(id), tags: references(wire.repo_tags), repo_digests: references(wire.repo_digests) };
    Ok((EngineExport { daemon, socket: socket.to_owned(), id: id.to_string() }, named))
}

impl Export for EngineExport {
    fn start(&self) -> Result<Box<dyn Read + Send>, SourceError> {
        let doing = format!("cannot export image `{}` from {} at `{}`", self.id, self.daemon, self.socket.display());
        let client = SocketClient::new(&self.socket).map_err(|err| from_client(doing.clone(), err))?;
        let reader = client.get(&format!("/images/{}/get", self.id)).map_err(|err| from_client(doing, err))?;
        Ok(Box::new(reader))
    }
}
