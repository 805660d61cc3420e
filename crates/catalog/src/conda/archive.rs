//! `.conda` files: a package that lies about, as in conda's cache.

use std::io::{BufRead, Read};

use signet_image::{Entry, Limits, Visitor};
use signet_model::{Presence, UnexaminedKind};

use crate::syntax::zip::{self, Archive};
use crate::{Claim, Found, Input, Leaf, any_path};

/// Reads packages of conda's second form.
pub(crate) static LEAF: Leaf = Leaf {
    id: "conda-archive",
    claims: &[Claim::Suffix(".conda")],
    accepts: any_path,
    max_size: 256 << 20,
    read,
    coverage: super::COVERAGE,
};

/// Most bytes of the unpacked member `info`.
const INFO: u64 = 64 << 20;

/// Reads what a package says of itself. Its files are not installed.
///
/// Shape: a zip archive of stored members `metadata.json`, `info-NAME.tar.zst` and `pkg-NAME.tar.zst`; in the second `info/index.json` is a record as
/// conda keeps it of installed packages. Errors: no zip archive, no such member, no such record. Source: docs.conda.io, ".conda file format".
fn read(input: &Input<'_>) -> Found {
    let record = match record(input.bytes) {
        Ok(record) => record,
        Err(why) => return Found::unexamined(input.unexamined(UnexaminedKind::Malformed, why)),
    };
    let mut found = super::meta::record(&Input { bytes: &record, ..*input });
    found.requires.clear();
    found.owns.clear();
    for package in &mut found.packages {
        package.presence = Presence::Declared;
    }
    found
}

fn record(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let archive =
        Archive::open(bytes, zip::Limits { members: 100, member_size: INFO }).map_err(|error| error.to_string())?;
    let info =
        archive.members.iter().find(|member| member.name.starts_with("info-") && member.name.ends_with(".tar.zst"));
    let info = info.ok_or("the package has no member `info`")?;
    let mut budget = INFO;
    let info = archive.read(info, &mut budget).map_err(|error| error.to_string())?;
    let limits = Limits { layer_bytes: INFO, entries: 100_000, index_bytes: 16 << 20, ..Limits::default() };
    let mut find = Find(None);
    let walked = signet_image::walk_layer(info.as_slice(), &limits, &mut find);
    match (find.0, walked) {
        (Some(record), _) => Ok(record),
        (None, Ok(_)) => Err("the package has no record `info/index.json`".to_owned()),
        (None, Err(error)) => Err(format!("the member `info` cannot be read: {error}")),
    }
}

struct Find(Option<Vec<u8>>);

impl Visitor for Find {
    fn visit(&mut self, entry: &Entry, content: &mut dyn BufRead) -> std::io::Result<()> {
        if entry.path == "info/index.json" {
            let mut bytes = Vec::new();
            content.take(16 << 20).read_to_end(&mut bytes)?;
            self.0 = Some(bytes);
        }
        Ok(())
    }
}
