//! Image references, and where a URL points.

use std::net::{IpAddr, Ipv6Addr};

use super::super::eval::Evaluator;
use super::super::item::Item;
use super::super::surroundings::SearchError;
use super::Arguments;

type Found<'a> = Result<Item<'a>, SearchError>;

/// Registry, path and tag or digest, written out. `nginx` becomes `docker.io/nginx:latest`, without `library/`; a tag beside a digest goes.
///
/// Source: kyverno/kyverno:pkg/utils/image/infos.go; distribution/reference for what is a reference at all.
pub(super) fn normalize<'a>(by: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    let image = given.text(0)?;
    let default = by.surroundings.default_registry.clone();
    let bad = |why: &str| given.error(format!("bad image `{}`: {why}", image.escape_debug()));
    if image.len() > 512 {
        return Err(given.error("an image reference of more than 512 bytes"));
    }
    let (rest, digest) = match image.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (image, None),
    };
    // The first part is a registry if it looks like a host: upstream's `addDefaultRegistry`.
    let host = rest.split_once('/').filter(|(first, _)| {
        first.contains(['.', ':']) || *first == "localhost" || first.chars().any(char::is_uppercase)
    });
    let (registry, rest) = match host {
        Some((registry, rest)) => (registry, rest),
        None if by.surroundings.show_default_registry => (&*default, rest),
        None => ("", rest),
    };
    let (path, tag) = match rest.rsplit_once(':') {
        Some((path, tag)) if !tag.contains('/') => (path, Some(tag)),
        _ => (rest, None),
    };
    if !registry.is_empty() && !is_host(registry) {
        return Err(bad("the registry is no host name"));
    }
    if path.is_empty() || !path.split('/').all(is_part) || path.len() > 255 {
        return Err(bad("the repository is none"));
    }
    if tag.is_some_and(|tag| !is_tag(tag)) {
        return Err(bad("the tag is none"));
    }
    if digest.is_some_and(|digest| !is_digest(digest)) {
        return Err(bad("the digest is none"));
    }
    let name = if registry.is_empty() { path.to_owned() } else { format!("{registry}/{path}") };
    by.made(match digest {
        Some(digest) => format!("{name}@{digest}"),
        None => format!("{name}:{}", tag.unwrap_or("latest")),
    })
}

/// Labels of letters, digits and inner hyphens, or an address in brackets; then perhaps a port.
pub(crate) fn is_host(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (text, None),
    };
    let label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let good = match address {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => host.split('.').all(label),
    };
    good && port.is_none_or(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Lower case letters and digits, between them `.`, `_`, `__` or hyphens.
pub(crate) fn is_part(part: &str) -> bool {
    let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = part.as_bytes();
    let ends =
        bytes.first().is_some_and(|byte| alphanumeric(*byte)) && bytes.last().is_some_and(|byte| alphanumeric(*byte));
    ends && part
        .split(|letter: char| letter.is_ascii() && alphanumeric(letter as u8))
        .all(|between| matches!(between, "" | "." | "_" | "__") || between.bytes().all(|byte| byte == b'-'))
}

pub(crate) fn is_tag(tag: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let rest = |byte: u8| word(byte) || matches!(byte, b'.' | b'-');
    tag.len() <= 128 && tag.bytes().next().is_some_and(word) && tag.bytes().all(rest)
}

pub(crate) fn is_digest(digest: &str) -> bool {
    let Some((algorithm, value)) = digest.split_once(':') else { return false };
    let length = match algorithm {
        "sha256" => 64,
        "sha384" => 96,
        "sha512" => 128,
        _ => return false,
    };
    value.len() == length && value.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Whether the address in a URL is outside loopback and private networks.
///
/// Upstream resolves a host name by DNS while it judges; here `localhost` is inside, and any other name is an error, because the answer
/// would depend on who is asked and when.
pub(super) fn is_external_url<'a>(_: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    let url = given.text(0)?;
    let Some(host) = host_of(url) else {
        return Err(given.error("argument #1 is no URL with a host"));
    };
    if host.eq_ignore_ascii_case("localhost") {
        return Ok(Item::Bool(false));
    }
    let Ok(address) = host.parse::<IpAddr>() else {
        let message =
            format!("`{}` is a name, and names are not resolved here: compare it by itself", host.escape_debug());
        return Err(given.error(message));
    };
    let address = match address {
        IpAddr::V6(address) => address.to_ipv4_mapped().map_or(IpAddr::V6(address), IpAddr::V4),
        address => address,
    };
    // Link-local addresses, where clouds keep their credentials, count as inside too, which upstream forgets.
    let inside = address.is_loopback()
        || address.is_unspecified()
        || match address {
            IpAddr::V4(address) => address.is_private() || address.is_link_local(),
            IpAddr::V6(address) => address.is_unique_local() || address.is_unicast_link_local(),
        };
    Ok(Item::Bool(!inside))
}

/// The host of `scheme://user@host:port/path`, without brackets.
fn host_of(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("//")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?;
    let host = match host.strip_prefix('[') {
        Some(inner) => inner.split_once(']')?.0,
        None => host.split(':').next()?,
    };
    (!host.is_empty()).then_some(host)
}
