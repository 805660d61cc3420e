//! endoflife.date: until when releases of products are maintained. Source: <https://endoflife.date/docs/api/v1/>, `/products/full`.

use serde::Deserialize;
use signet_model::Distro;

use super::FeedError;
use super::source::{Reading, Source};
use crate::record::{Lifecycle, Record};
use crate::streams;

/// What the feed is.
pub(super) static SOURCE: Source = Source {
    id: "eol",
    name: "endoflife.date",
    urls: &["https://endoflife.date/api/v1/products/full"],
    licence: "MIT",
    redistributable: true,
    attribution: "Contains data of endoflife.date, MIT",
    run,
};

#[derive(Deserialize)]
struct Answer {
    result: Vec<Product>,
    #[serde(default)]
    generated_at: Option<String>,
}

#[derive(Deserialize)]
struct Product {
    name: String,
    releases: Vec<Release>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Release {
    name: String,
    #[serde(default)]
    eol_from: Option<String>,
    #[serde(default)]
    is_eol: bool,
    #[serde(default)]
    release_date: Option<String>,
    #[serde(default)]
    eoas_from: Option<String>,
}

fn run(reading: &mut Reading<'_>) -> Result<(), FeedError> {
    for path in reading.paths(&[".json", "full"]) {
        let Some(answer) = reading.json::<Answer>(&path)? else { continue };
        if let Some(time) = &answer.generated_at {
            reading.dated(time);
        }
        for product in answer.result {
            for release in product.releases {
                reading.tally.records += 1;
                let mut end = release.eol_from.as_deref().and_then(super::time);
                if end.is_none() && release.is_eol {
                    // Over, nobody says since when: its own birthday is the only date that it is certainly behind.
                    end = release.release_date.as_deref().and_then(super::time);
                }
                let lifecycle = Lifecycle {
                    end_of_life: end,
                    end_of_active_support: release.eoas_from.as_deref().and_then(super::time),
                };
                reading.put(Record::Lifecycle(name(&product.name, &release.name), lifecycle))?;
            }
        }
    }
    Ok(())
}

/// The stream of a distribution's release; `python 3.12` for every other product.
fn name(product: &str, release: &str) -> String {
    let id = match product {
        "alpine-linux" | "alpine" => "alpine",
        "oracle-linux" => "ol",
        "rocky-linux" => "rocky",
        "amazon-linux" => "amzn",
        "opensuse" => "opensuse-leap",
        "azure-linux" => "azurelinux",
        "red-hat-enterprise-linux" => "rhel",
        other => other,
    };
    let distro = Distro { id: id.to_owned(), version_id: Some(release.to_owned()), ..Distro::default() };
    // The last stream is the one of the release itself: `Red Hat` as such holds all of them.
    let stream = streams::of_distro(&distro).into_iter().next_back();
    stream.unwrap_or_else(|| format!("{product} {release}"))
}
