//! Which layers of an image come from its base, as far as the history tells.

use serde::Deserialize;

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    history: Option<Vec<Entry>>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    created_by: Option<String>,
    #[serde(default)]
    empty_layer: Option<bool>,
}

/// How many of the lowest layers were there before the last build began; `None` where the history does not tell.
///
/// `config` is the image configuration, `layers` the number of its layers. A build sets its own `CMD` last, if at all; the next `CMD` below the
/// last layer was set by the image that it began from. A base without a `CMD` cannot be told this way: what is its own then counts as the
/// image's own, which hides nothing. Source: OCI image-spec, `config.md`, `history`; the heuristic is the one that Trivy documents.
pub fn base_layers(config: &[u8], layers: usize) -> Option<usize> {
    let config: Config = serde_json::from_slice(config).ok()?;
    let history = config.history?;
    let empty = |entry: &Entry| entry.empty_layer == Some(true);
    // A history that does not fit the layers says nothing about any of them.
    if history.iter().filter(|entry| !empty(entry)).count() != layers {
        return None;
    }
    let last_layer = history.iter().rposition(|entry| !empty(entry))?;
    let below = history.get(..last_layer)?;
    let end = below.iter().rposition(|entry| empty(entry) && entry.created_by.as_deref().is_some_and(sets_command))?;
    let count = below.iter().take(end).filter(|entry| !empty(entry)).count();
    (count > 0).then_some(count)
}

/// `CMD [...]` as BuildKit writes it, `/bin/sh -c #(nop)  CMD [...]` as the builder before it did.
fn sets_command(created_by: &str) -> bool {
    let instruction = created_by.split_once("#(nop)").map_or(created_by, |(_, rest)| rest).trim_start();
    instruction == "CMD" || instruction.starts_with("CMD ") || instruction.starts_with("CMD[")
}

#[cfg(test)]
mod tests {
    use super::base_layers;

    #[track_caller]
    fn check(history: &[&str], expected: Option<usize>) {
        let entries: Vec<serde_json::Value> = history
            .iter()
            .map(|line| match line.strip_prefix('-') {
                Some(empty) => serde_json::json!({ "created_by": empty, "empty_layer": true }),
                None => serde_json::json!({ "created_by": line }),
            })
            .collect();
        let layers = history.iter().filter(|line| !line.starts_with('-')).count();
        let config = serde_json::to_vec(&serde_json::json!({ "history": entries })).unwrap();
        assert_eq!(base_layers(&config, layers), expected, "{history:?}");
        assert_eq!(base_layers(&config, layers + 1), None, "a history that does not fit");
    }

    #[test]
    fn the_command_below_the_last_layer_ends_the_base() {
        check(&["ADD rootfs", "-CMD [\"/bin/sh\"]", "COPY app", "-ENTRYPOINT [\"/app\"]"], Some(1));
        check(&["ADD a", "RUN b", "-/bin/sh -c #(nop)  CMD [\"bash\"]", "COPY c", "RUN d", "-CMD [\"x\"]"], Some(2));
        check(&["ADD a", "-CMD x", "RUN b", "-CMD y", "COPY c"], Some(2));
        // Its own CMD, and none below: nothing is known.
        check(&["ADD a", "COPY b", "-CMD [\"x\"]"], None);
        check(&["-CMD x", "COPY b"], None);
        check(&["RUN echo CMD", "COPY b"], None);
        check(&[], None);
    }

    #[test]
    fn what_is_no_configuration_tells_nothing() {
        for bytes in [&b""[..], b"{", b"[]", b"{\"history\": 1}", b"{\"history\": [1]}", b"{}"] {
            assert_eq!(base_layers(bytes, 1), None);
        }
    }
}
