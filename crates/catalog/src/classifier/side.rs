//! Files beside a program that state its version in plain text, and programs that are scripts.

use super::file_name;
use super::product::Product;
use crate::{Claim, Found, Input, Leaf, Owner};

/// Reads the files that state a program's version.
pub(crate) static LEAF: Leaf = Leaf {
    id: "binary-side",
    claims: &[
        Claim::Name("VERSION"),
        Claim::Name("application.ini"),
        Claim::Name("elixir"),
        Claim::Path("ebin/elixir.app"),
        Claim::Name("liberts_internal.a"),
        Claim::Name("liberts_internal_r.a"),
        Claim::Name("liberts.a"),
        Claim::Name("liberts_r.a"),
        Claim::Name("wp"),
        Claim::Name("wp-cli.phar"),
        Claim::Name("composer"),
        Claim::Name("composer.phar"),
    ],
    accepts: may_be_one,
    max_size: 32 << 20,
    read,
    coverage: super::COVERAGE,
};

const GO: Product = Product::new("go", &["golang:go"]);
const ELIXIR: Product = Product::new("elixir", &["elixir-lang:elixir"]);
const ERLANG: Product = Product::new("erlang", &["erlang:erlang\\/otp"]);
const FIREFOX: Product = Product::new("firefox", &["mozilla:firefox"]);
const FIREFOX_ESR: Product = Product::new("firefox", &["mozilla:firefox_esr", "mozilla:firefox"]);
const COMPOSER: Product = Product::new("composer", &["getcomposer:composer"]);
const WP_CLI: Product = Product::new("wp-cli", &["wp-cli:wp-cli"]);

/// `VERSION` is a name that many have.
fn may_be_one(path: &str) -> bool {
    !path.contains("node_modules/") && !path.contains("site-packages/")
}

/// Reads one file by its name.
///
/// A file under one of these names that says something else belongs to somebody else: nothing is told.
fn read(input: &Input<'_>) -> Found {
    let text = || String::from_utf8_lossy(input.bytes);
    match file_name(input.path()) {
        "VERSION" => go(input, &text()),
        "application.ini" => firefox(input, &text()),
        "elixir" => one(input, &ELIXIR, elixir_script(&text())),
        "elixir.app" => one(input, &ELIXIR, elixir_app(&text())),
        "composer" | "composer.phar" => one(input, &COMPOSER, composer(input.bytes)),
        "wp" | "wp-cli.phar" => one(input, &WP_CLI, wp_cli(input.bytes)),
        _ => one(input, &ERLANG, erlang_library(input.bytes)),
    }
}

fn one(input: &Input<'_>, product: &Product, version: Option<String>) -> Found {
    let package = version.map(|version| product.package(input, &version));
    Found { packages: package.into_iter().collect(), ..Found::default() }
}

/// `VERSION` at the root of a Go distribution: `go1.21.3` alone or, since 1.21, with a line `time ...` behind it.
fn go(input: &Input<'_>, text: &str) -> Found {
    let first = text.split_whitespace().next().unwrap_or_default();
    let version = first.strip_prefix("go").filter(|version| version.starts_with("1.") && is_version(version));
    let mut found = one(input, &GO, version.map(str::to_owned));
    if !found.packages.is_empty() {
        found.owns = below(input.path(), &["bin/go", "bin/gofmt", "go", "gofmt"], 0);
    }
    found
}

/// The archive of Erlang's C library for drivers, in which the compiler left the path of the sources: `/usr/src/otp_src_26.2.4/erts/lib_src`.
fn erlang_library(bytes: &[u8]) -> Option<String> {
    let mark: &[u8] = b"otp_src_";
    memchr::memmem::find_iter(bytes, mark).find_map(|at| {
        let rest = bytes.get(at + mark.len()..)?;
        let len = rest.iter().take(32).position(|byte| matches!(byte, b'/' | 0))?;
        let version = std::str::from_utf8(rest.get(..len)?).ok()?;
        is_version(version).then(|| version.to_owned())
    })
}

/// The start script of Elixir: a line `ELIXIR_VERSION=1.19.1`.
fn elixir_script(text: &str) -> Option<String> {
    let version = text.lines().take(200).find_map(|line| line.trim().strip_prefix("ELIXIR_VERSION="))?;
    let version = version.trim_matches(['"', '\'']);
    is_version(version).then(|| version.to_owned())
}

/// The application file of Elixir's own library: `{vsn,"1.19.1"}`.
fn elixir_app(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("{vsn,")?;
    let version = rest.trim_start().strip_prefix('"')?.split('"').next()?;
    (text.contains("{application,elixir,") || text.contains("{application, elixir,"))
        .then_some(version)
        .filter(|version| is_version(version))
        .map(str::to_owned)
}

/// `application.ini` of a Mozilla program: sections with `Name=Firefox` and `Version=151.0` in `[App]`.
fn firefox(input: &Input<'_>, text: &str) -> Found {
    let app = || {
        let lines = text.lines().map(str::trim).skip_while(|line| *line != "[App]").skip(1);
        lines.take_while(|line| !line.starts_with('['))
    };
    let value =
        |name: &str| app().find_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix('=')).map(str::trim);
    if value("Name") != Some("Firefox") || value("Vendor").is_some_and(|vendor| vendor != "Mozilla") {
        return Found::default();
    }
    let version = value("Version").filter(|version| is_version(version));
    let esr =
        value("RemotingName").is_some_and(|name| name.contains("esr")) || version.is_some_and(|v| v.ends_with("esr"));
    let product = if esr { &FIREFOX_ESR } else { &FIREFOX };
    let mut found = one(input, product, version.map(str::to_owned));
    if !found.packages.is_empty() {
        let beside =
            ["firefox", "firefox-bin", "libxul.so", "plugin-container", "crashreporter", "pingsender", "updater"];
        found.owns = below(input.path(), &beside, 0);
    }
    found
}

/// WP-CLI is one PHP archive. Shape: `<?php` stub, `__HALT_COMPILER(); ?>`, a table of files, their contents in the same order.
/// Its own `VERSION` is one of them. Source: php.net, manual of `Phar`, "phar file format".
fn wp_cli(bytes: &[u8]) -> Option<String> {
    let named = || {
        let text = String::from_utf8_lossy(bytes.get(..bytes.len().min(4 << 20))?);
        let rest = text.split("WP_CLI_VERSION").nth(1)?;
        let from = rest.find(|letter: char| letter.is_ascii_digit()).filter(|at| *at < 16)?;
        let version: String = rest.get(from..)?.chars().take_while(|letter| is_version_letter(*letter)).collect();
        is_version(&version).then_some(version)
    };
    phar_file(bytes, "wp-cli/wp-cli/VERSION")
        .map(|content| String::from_utf8_lossy(content).trim().to_owned())
        .filter(|version| is_version(version))
        .or_else(named)
}

/// Composer is one PHP archive, too; the class `Composer\Composer` states the version.
fn composer(bytes: &[u8]) -> Option<String> {
    let class = phar_file(bytes, "src/Composer/Composer.php")?;
    let text = String::from_utf8_lossy(class);
    let (_, rest) = text.split_once("const VERSION = '")?;
    let version = rest.split('\'').next()?;
    is_version(version).then(|| version.to_owned())
}

/// A stored file of a PHP archive, by the end of its name.
fn phar_file<'a>(bytes: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let stub = b"__HALT_COMPILER();";
    let after = memchr::memmem::find(bytes, stub)? + stub.len();
    let rest = bytes.get(after..)?;
    let skip = [&b" ?>\r\n"[..], b" ?>\n", b"?>\r\n", b"?>\n"]
        .iter()
        .find(|end| rest.starts_with(end))
        .map_or(0, |end| end.len());
    let rest = rest.get(skip..)?;
    let number = |at: usize| Some(u32::from_le_bytes(rest.get(at..at.checked_add(4)?)?.try_into().ok()?) as usize);
    let (length, files) = (number(0)?, number(4)?);
    // length, count, version (2), flags, alias, metadata
    let mut at = 14usize;
    at = at.checked_add(4)?.checked_add(number(at)?)?;
    at = at.checked_add(4)?.checked_add(number(at)?)?;
    let mut content = length.checked_add(4)?;
    for _ in 0..files.min(100_000) {
        let path = rest.get(at + 4..(at + 4).checked_add(number(at)?)?)?;
        at = (at + 4).checked_add(path.len())?;
        let (size, packed) = (number(at)?, number(at + 8)?);
        at = (at + 24).checked_add(number(at + 20)?)?;
        if path.ends_with(name.as_bytes()) && size == packed {
            return rest.get(content..content.checked_add(packed)?);
        }
        content = content.checked_add(packed)?;
    }
    None
}

/// Files below the directory of this one, as those of the package in the first place.
pub(crate) fn below(path: &str, files: &[&str], place: usize) -> Vec<(Owner, Vec<String>)> {
    let home = path.rsplit_once('/').map_or(String::new(), |(home, _)| format!("{home}/"));
    vec![(Owner::Here(place), files.iter().map(|file| format!("{home}{file}")).collect())]
}

fn is_version_letter(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | '+' | '_' | '~')
}

/// Digits first, and nothing that no version has.
fn is_version(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_digit()) && text.len() <= 64 && text.chars().all(is_version_letter)
}
