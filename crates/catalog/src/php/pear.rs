//! The registry of PEAR, in which PECL extensions stand, too.

use signet_model::{License, PackageKind, UnexaminedKind};

use super::serialized::{self, Value};
use crate::{Claim, Found, Input, Leaf, Owner};

/// Reads `.registry/*.reg` and `.registry/.channel.*/*.reg`.
pub(crate) static LEAF: Leaf =
    Leaf { id: "pear", claims: &[Claim::Suffix(".reg")], accepts, max_size: 16 << 20, read, coverage: super::COVERAGE };

/// The channel of packages directly in the registry.
const DEFAULT_CHANNEL: &str = "pear.php.net";

fn accepts(path: &str) -> bool {
    let parts: Vec<&str> = path.rsplit('/').collect();
    match parts.as_slice() {
        [_, ".registry", ..] => true,
        [_, channel, ".registry", ..] => channel.starts_with(".channel."),
        _ => false,
    }
}

/// Reads one record.
///
/// Shape: a serialised PHP array. Of `package.xml` 2.0: `name`, `channel`, `version.release`, `license` (a text, or an array with
/// `_content`), `filelist` by path with `installed_as`. Of 1.0: `package`, `version` and `release_license` as texts.
/// The name is the whole one, `CHANNEL/NAME`: two channels may have packages of the same name.
/// Errors: no such array; no name or version. Source: pear/pear-core:PEAR/{Registry,PackageFile/v1,PackageFile/v2}.php.
fn read(input: &Input<'_>) -> Found {
    let malformed = |why: String| Found::unexamined(input.unexamined(UnexaminedKind::Malformed, why));
    let record = match serialized::parse(input.bytes) {
        Ok(record) => record,
        Err(why) => return malformed(why),
    };
    let version = record.get("version").and_then(|version| version.str("release")).or_else(|| record.str("version"));
    let name = record.str("name").or_else(|| record.str("package"));
    let (Some(name), Some(version)) = (name, version) else {
        return malformed("a record without name or version".to_owned());
    };
    let folder = input.path().rsplit('/').nth(1).and_then(|folder| folder.strip_prefix(".channel."));
    let channel = record.str("channel").or(folder).unwrap_or(DEFAULT_CHANNEL);
    let mut package = input.package(PackageKind::Pear, format!("{channel}/{name}"), version);
    let license = record.get("license").and_then(|license| match license {
        Value::Text(text) => Some(text.as_str()),
        _ => license.str("_content"),
    });
    let license = license.or_else(|| record.str("release_license")).map(str::trim).filter(|text| !text.is_empty());
    package.licenses = license.map(|value| License { value: value.to_owned() }).into_iter().collect();
    package.description = record.str("summary").map(str::to_owned);
    let files = record.get("filelist").map_or(&[][..], Value::elements);
    let files: Vec<String> = files
        .iter()
        .filter_map(|(_, file)| Some(file.str("installed_as")?.trim_start_matches('/').to_owned()))
        .collect();
    let owns = if files.is_empty() { Vec::new() } else { vec![(Owner::Here(0), files)] };
    Found { packages: vec![package], owns, ..Found::default() }
}

#[cfg(test)]
mod paths {
    use super::*;

    #[test]
    fn which_files_are_records() {
        assert!(accepts("usr/share/php/.registry/archive_tar.reg"));
        assert!(accepts("usr/local/lib/php/.registry/.channel.pecl.php.net/redis.reg"));
        assert!(!accepts("app/settings.reg"));
        assert!(!accepts("usr/share/php/.registry/deeper/x/y.reg"));
    }
}
