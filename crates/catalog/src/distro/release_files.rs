//! The files in which distributions state their name and version. All functions: bytes or text in, `None` when nothing is stated.

use signet_model::Distro;

/// `os-release`: lines `NAME=value`, the value in shell quoting. Source: systemd, `man/os-release.xml`.
pub(super) fn os_release(text: &str) -> Option<Distro> {
    let mut distro = Distro::default();
    let mut any = false;
    for (name, value) in assignments(text) {
        any = true;
        let value = Some(value).filter(|value| !value.is_empty());
        match name {
            "ID" => distro.id = value.unwrap_or_default().to_ascii_lowercase(),
            "VERSION_ID" => distro.version_id = value,
            "VERSION" => distro.version = value,
            "NAME" => distro.name = value,
            "PRETTY_NAME" => distro.pretty_name = value,
            "VERSION_CODENAME" => distro.codename = value,
            "ID_LIKE" => distro.id_like = value.unwrap_or_default().split_whitespace().map(str::to_owned).collect(),
            "CPE_NAME" => distro.cpe_name = value,
            "VARIANT_ID" => distro.variant_id = value,
            "BUILD_ID" => distro.build_id = value,
            "IMAGE_ID" => distro.image_id = value,
            other => {
                if let Some(value) = value {
                    distro.other.insert(other.to_owned(), value);
                }
            }
        }
    }
    any.then_some(distro)
}

/// `lsb-release`: `DISTRIB_ID=Ubuntu`, `DISTRIB_RELEASE=20.04`, `DISTRIB_CODENAME`, `DISTRIB_DESCRIPTION`.
pub(super) fn lsb_release(text: &str) -> Option<Distro> {
    let mut distro = Distro::default();
    for (name, value) in assignments(text) {
        match name {
            "DISTRIB_ID" => {
                distro.id = value.to_ascii_lowercase();
                distro.name = Some(value);
            }
            "DISTRIB_RELEASE" => distro.version_id = Some(value),
            "DISTRIB_CODENAME" => distro.codename = Some(value),
            "DISTRIB_DESCRIPTION" => distro.pretty_name = Some(value),
            _ => {}
        }
    }
    (!distro.id.is_empty()).then_some(distro)
}

fn assignments(text: &str) -> impl Iterator<Item = (&str, String)> {
    text.lines().filter_map(|line| {
        let (name, value) = line.trim().split_once('=')?;
        let plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        plain.then(|| (name, unquoted(value.trim())))
    })
}

/// A value in shell quoting. Inside double quotes a backslash takes the special meaning of `$`, `"`, `\` and the backquote.
fn unquoted(value: &str) -> String {
    let quote = value.chars().next().filter(|first| matches!(first, '"' | '\''));
    let Some(quote) = quote else {
        return value.split_once(" #").map_or(value, |(value, _)| value).trim_end().replace('\\', "");
    };
    let mut plain = String::with_capacity(value.len());
    let mut rest = value.chars().skip(1);
    while let Some(next) = rest.next() {
        match next {
            '\\' if quote == '"' => plain.extend(rest.next()),
            next if next == quote => break,
            next => plain.push(next),
        }
    }
    plain
}

/// `system-release-cpe`: one CPE name in URI or 2.3 form, `cpe:/o:centos:linux:6:GA`.
pub(super) fn system_release_cpe(text: &str) -> Option<Distro> {
    let cpe = text.lines().map(str::trim).find(|line| line.starts_with("cpe:"))?;
    let parts: Vec<&str> = cpe.split(':').collect();
    let skip = if parts.get(1) == Some(&"2.3") { 3 } else { 2 };
    let vendor = *parts.get(skip)?;
    let version = *parts.get(skip + 2)?;
    if vendor.is_empty() {
        return None;
    }
    let id = match vendor {
        "redhat" => "rhel",
        "fedoraproject" => "fedora",
        "oracle" => "ol",
        "amazon" => "amzn",
        "scientificlinux" => "scientific",
        other => other,
    };
    Some(Distro {
        id: id.to_owned(),
        version_id: Some(version.to_owned()).filter(|version| !version.is_empty()),
        version: Some(version.to_owned()).filter(|version| !version.is_empty()),
        name: Some(vendor.to_owned()),
        pretty_name: Some(vendor.to_owned()),
        id_like: vec![id.to_owned()],
        cpe_name: Some(cpe.to_owned()),
        ..Distro::default()
    })
}

/// `redhat-release` and its relatives: `CentOS release 5.7 (Final)`, `Red Hat Enterprise Linux release 8.10 (Ootpa)`.
pub(super) fn redhat_release(text: &str) -> Option<Distro> {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
    let (name, rest) = line.split_once(" release ")?;
    let version = rest.split_whitespace().next()?;
    if !version.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    let low = name.to_ascii_lowercase();
    let first = low.split_whitespace().next()?;
    let id = match first {
        "red" => "rhel",
        "oracle" => "ol",
        "amazon" => "amzn",
        "almalinux" | "centos" | "fedora" | "rocky" | "scientific" => first,
        other => other,
    };
    let name = name.strip_suffix(" Server").unwrap_or(name);
    let name = if id == "centos" { name.strip_suffix(" Linux").unwrap_or(name) } else { name };
    let mut id_like = vec![id.to_owned()];
    if id != "rhel" && id != "fedora" {
        id_like.push("rhel".to_owned());
    }
    // The old releases have nothing else in brackets than `Final`, which is no name of a version.
    let whole = rest.trim().strip_suffix("(Final)").unwrap_or(rest).trim();
    Some(Distro {
        id: id.to_owned(),
        version_id: Some(version.to_owned()),
        version: Some(whole.to_owned()),
        name: Some(name.to_owned()),
        pretty_name: Some(line.to_owned()),
        id_like,
        ..Distro::default()
    })
}

/// `alpine-release`: the version alone, `3.20.1` or `3.21.0_alpha20240807` (edge).
pub(super) fn alpine_release(text: &str) -> Option<Distro> {
    let version = text.lines().next()?.trim();
    version.starts_with(|first: char| first.is_ascii_digit()).then(|| Distro {
        id: "alpine".to_owned(),
        version_id: Some(version.to_owned()),
        name: Some("Alpine Linux".to_owned()),
        ..Distro::default()
    })
}

/// `debian_version`: `12.15`, or `trixie/sid` for what is not released.
pub(super) fn debian_version(text: &str) -> Option<Distro> {
    let version = text.lines().next()?.trim();
    if version.is_empty() {
        return None;
    }
    let mut distro = Distro { id: "debian".to_owned(), name: Some("Debian GNU/Linux".to_owned()), ..Distro::default() };
    if version.starts_with(|first: char| first.is_ascii_digit()) {
        // The third number of Debian 3.1 and 4.0r9 is part of its version.
        distro.version_id = version.split('.').next().map(str::to_owned);
        distro.point_release = Some(version.to_owned());
    } else {
        distro.codename = version.split('/').next().map(str::to_owned);
    }
    Some(distro)
}

/// BusyBox states its version in its own text: `BusyBox v1.36.1 (2023-...)`. The image then has no other distribution than this program.
pub(super) fn busybox(bytes: &[u8]) -> Option<Distro> {
    const MARK: &[u8] = b"BusyBox v";
    let start = memchr::memmem::find(bytes, MARK)?;
    let version: Vec<u8> = bytes
        .iter()
        .skip(start + MARK.len())
        .take(32)
        .take_while(|byte| byte.is_ascii_digit() || **byte == b'.')
        .copied()
        .collect();
    let version = String::from_utf8(version).ok().filter(|version| version.contains('.'))?;
    Some(Distro {
        id: "busybox".to_owned(),
        pretty_name: Some(format!("BusyBox v{version}")),
        name: Some("BusyBox".to_owned()),
        version_id: Some(version.clone()),
        version: Some(version),
        ..Distro::default()
    })
}
