//! When the releases of distributions end. Source: <https://endoflife.date/docs/api/v1/>, as vunnel passes it on.

use serde::Deserialize;

use super::super::{FeedError, time};
use super::{Out, or_default};
use crate::record::{Lifecycle, Record};
use crate::streams;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Item {
    #[serde(default, deserialize_with = "or_default")]
    product: String,
    #[serde(default, deserialize_with = "or_default")]
    name: String,
    #[serde(default)]
    eol_from: Option<String>,
    #[serde(default)]
    eoas_from: Option<String>,
}

pub(super) fn read(item: &Item, identifier: &str, out: &mut Out<'_, '_>) -> Result<(), FeedError> {
    // Both say the same; either may be missing.
    let (product, name) = match identifier.split_once(':') {
        _ if !item.product.is_empty() && !item.name.is_empty() => (item.product.as_str(), item.name.as_str()),
        Some(parts) => parts,
        None => return Ok(()),
    };
    let ours = match product {
        "alpine-linux" => "alpine",
        "amazon-linux" => "amzn",
        "oracle-linux" => "ol",
        "rocky-linux" => "rocky",
        "opensuse" => "opensuse-leap",
        other => other,
    };
    let Some(stream) = streams::of_grype(ours, name, "") else {
        out.unknown(product);
        return Ok(());
    };
    let lifecycle = Lifecycle {
        end_of_life: item.eol_from.as_deref().and_then(time),
        end_of_active_support: item.eoas_from.as_deref().and_then(time),
    };
    out.put(Record::Lifecycle(stream, lifecycle))
}
