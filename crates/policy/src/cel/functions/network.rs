//! URLs and addresses. Source: k8s.io/apiserver pkg/cel/library/{urls,ip,cidr}.go.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::rc::Rc;

use super::Called;
use crate::cel::convert::shortened;
use crate::cel::error::Error;
use crate::cel::opaque::Opaque;
use crate::cel::value::{Key, Text, Value};

/// An absolute URL, or an absolute path, by its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    text: String,
    scheme: String,
    host: String,
    path: String,
    query: String,
}

impl Url {
    /// What Go's `url.ParseRequestURI` takes and Kubernetes with it. `None`: another form.
    fn parse(text: &str) -> Option<Url> {
        if text.is_empty() || text.len() > 8192 || text.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
            return None;
        }
        // A fragment is no part of what is requested, and stays in the path or query.
        let (rest, query) = text.split_once('?').unwrap_or((text, ""));
        let (scheme, host, path) = if rest.starts_with('/') {
            ("", "", rest)
        } else {
            let (scheme, behind) = rest.split_once(':')?;
            let mut letters = scheme.bytes();
            let first = letters.next()?;
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
            if !first.is_ascii_alphabetic() || !letters.all(fits) {
                return None;
            }
            match behind.strip_prefix("//") {
                Some(behind) => {
                    let end = behind.find('/').unwrap_or(behind.len());
                    let (authority, path) = behind.split_at_checked(end)?;
                    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
                    if !user_fits(user) {
                        return None;
                    }
                    (scheme, host, path)
                }
                None => (scheme, "", behind.strip_prefix('/').map_or("", |_| behind)),
            }
        };
        let host = host_of(host)?;
        if !percent_fits(path) || (scheme.is_empty() && !rest.starts_with('/')) {
            return None;
        }
        Some(Url {
            text: text.to_owned(),
            scheme: scheme.to_ascii_lowercase(),
            host,
            path: path.to_owned(),
            query: query.to_owned(),
        })
    }

    /// As it was written.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Host without brackets, and port.
    fn name_and_port(&self) -> (&str, &str) {
        if let Some((host, behind)) = self.host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            return (host, behind.strip_prefix(':').unwrap_or_default());
        }
        self.host.rsplit_once(':').unwrap_or((&self.host, ""))
    }
}

fn percent_fits(text: &str) -> bool {
    let mut rest = text;
    while let Some((_, behind)) = rest.split_once('%') {
        if !behind.get(..2).is_some_and(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit())) {
            return false;
        }
        rest = behind;
    }
    true
}

/// What may stand before `@`. Source: golang/go:src/net/url/url.go, `validUserinfo`.
fn user_fits(user: &str) -> bool {
    let sign = |byte: u8| b"-._:~!$&'()*+,;=%@".contains(&byte);
    percent_fits(user) && user.bytes().all(|byte| byte.is_ascii_alphanumeric() || sign(byte))
}

/// A host with its port, as Go has it after it was read. `None`: it is none. Source: the same file, `parseHost`, `unescape`, `shouldEscape`.
fn host_of(host: &str) -> Option<String> {
    if !host_fits(host) {
        return None;
    }
    // A zone may hold any escape; elsewhere only what is no ASCII may be written as one.
    let zone = host.find("%25").filter(|_| host.starts_with('[')).unwrap_or(host.len());
    let mut out = Vec::with_capacity(host.len());
    let mut rest = host.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let at = host.len().saturating_sub(rest.len());
        if *first != b'%' {
            let sign = b"!$&'()*+,;=:[]<>\"-_.~".contains(first);
            if first.is_ascii() && !sign && !first.is_ascii_alphanumeric() {
                return None;
            }
            out.push(*first);
            rest = behind;
            continue;
        }
        let digits = std::str::from_utf8(behind.get(..2)?).ok().filter(|digits| !digits.starts_with('+'))?;
        let byte = u8::from_str_radix(digits, 16).ok()?;
        if byte.is_ascii() && at < zone {
            return None;
        }
        out.push(byte);
        rest = behind.get(2..)?;
    }
    String::from_utf8(out).ok()
}

fn host_fits(host: &str) -> bool {
    let (_, port) = match host.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((name, behind)) => match behind.strip_prefix(':') {
                Some(port) => (name, port),
                None if behind.is_empty() => (name, ""),
                None => return false,
            },
            None => return false,
        },
        None => host.rsplit_once(':').unwrap_or((host, "")),
    };
    port.bytes().all(|digit| digit.is_ascii_digit())
}

/// Text with its `%..` and `+` resolved, as in a query. What is no UTF-8 becomes the sign that stands for it.
fn unescaped(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let digits = behind.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match (first, digits.and_then(|digits| u8::from_str_radix(digits, 16).ok())) {
            (b'%', Some(byte)) => {
                out.push(byte);
                rest = behind.get(2..).unwrap_or_default();
                continue;
            }
            (b'+', _) => out.push(b' '),
            (byte, _) => out.push(*byte),
        }
        rest = behind;
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// A block of addresses: an address and how many of its bits are common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    address: IpAddr,
    length: u8,
}

impl Cidr {
    fn parse(text: &str) -> Option<Cidr> {
        let (address, length) = text.split_once('/')?;
        let address = address_of(address)?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let plain = !length.is_empty() && length.len() <= 3 && length.bytes().all(|digit| digit.is_ascii_digit());
        let plain = plain && (length.len() == 1 || !length.starts_with('0'));
        let length: u8 = length.parse().ok().filter(|length| plain && *length <= most)?;
        Some(Cidr { address, length })
    }

    fn masked(self) -> Cidr {
        let cut = |bits: u128, width: u32| {
            let free = width.saturating_sub(u32::from(self.length));
            bits.checked_shr(free).unwrap_or(0).checked_shl(free).unwrap_or(0)
        };
        let address = match self.address {
            IpAddr::V4(address) => {
                let bits = cut(u128::from(u32::from(address)), 32);
                IpAddr::V4(u32::try_from(bits).unwrap_or_default().into())
            }
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from(cut(u128::from(address), 128))),
        };
        Cidr { address, ..self }
    }

    fn contains(self, address: IpAddr) -> bool {
        self.address.is_ipv4() == address.is_ipv4() && Cidr { address, length: self.length }.masked() == self.masked()
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

/// An address. IPv4 within IPv6 and zones are refused, as Kubernetes refuses them.
fn address_of(text: &str) -> Option<IpAddr> {
    let address: IpAddr = text.parse().ok()?;
    match address {
        IpAddr::V6(six) if six.to_ipv4_mapped().is_some() => None,
        address => Some(address),
    }
}

fn wrong_address(text: &str) -> Error {
    Error::new(format!("IP Address \"{}\" parse error during conversion from string", shortened(text)))
}

fn wrong_block(text: &str) -> Error {
    Error::new(format!("network address parse error during conversion from string: \"{}\"", shortened(text)))
}

pub(super) fn call<'a>(name: &str, args: &[Value<'a>]) -> Called<'a> {
    let [Value::String(text)] = args else { return Err(Error::no_such_overload()) };
    let made = |opaque: Opaque| Value::Opaque(Rc::new(opaque));
    Ok(match name {
        "isURL" => Value::Bool(Url::parse(text).is_some()),
        "url" => {
            let wrong =
                || Error::new(format!("URL parse error during conversion from string: \"{}\"", shortened(text)));
            made(Opaque::Url(Url::parse(text).ok_or_else(wrong)?))
        }
        "isIP" => Value::Bool(address_of(text).is_some()),
        "ip" => made(Opaque::Ip(address_of(text).ok_or_else(|| wrong_address(text))?)),
        "ip.isCanonical" => Value::Bool(address_of(text).ok_or_else(|| wrong_address(text))?.to_string() == **text),
        "isCIDR" => Value::Bool(Cidr::parse(text).is_some()),
        _ => made(Opaque::Cidr(Cidr::parse(text).ok_or_else(|| wrong_block(text))?)),
    })
}

pub(super) fn on_url<'a>(name: &str, url: &Url) -> Called<'a> {
    Ok(match name {
        "getScheme" => Value::text(url.scheme.as_str()),
        "getHost" => Value::text(url.host.as_str()),
        "getHostname" => Value::text(url.name_and_port().0),
        "getPort" => Value::text(url.name_and_port().1),
        "getEscapedPath" => Value::text(url.path.as_str()),
        "getQuery" => {
            let mut found: std::collections::BTreeMap<String, Vec<String>> = std::collections::BTreeMap::new();
            for pair in url.query.split('&').filter(|pair| !pair.is_empty() && !pair.contains(';')) {
                let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
                found.entry(unescaped(key)).or_default().push(unescaped(value));
            }
            let entries =
                found.into_iter().map(|(key, values)| (Key::String(Text::Made(key.into())), Value::texts(values)));
            Value::map(entries.collect())?
        }
        _ => return Err(Error::no_such_overload()),
    })
}

pub(super) fn on_ip<'a>(name: &str, address: IpAddr) -> Called<'a> {
    let link_local = match address {
        IpAddr::V4(four) => four.is_link_local(),
        IpAddr::V6(six) => six.is_unicast_link_local(),
    };
    let link_local_multicast = match address {
        IpAddr::V4(four) => matches!(four.octets(), [224, 0, 0, _]),
        IpAddr::V6(six) => six.segments().first().is_some_and(|first| first & 0xff0f == 0xff02),
    };
    let broadcast = matches!(address, IpAddr::V4(four) if four.is_broadcast());
    Ok(match name {
        "family" => Value::Int(if address.is_ipv4() { 4 } else { 6 }),
        "isUnspecified" => Value::Bool(address.is_unspecified()),
        "isLoopback" => Value::Bool(address.is_loopback()),
        "isLinkLocalMulticast" => Value::Bool(link_local_multicast),
        "isLinkLocalUnicast" => Value::Bool(link_local),
        "isGlobalUnicast" => {
            let not = address.is_unspecified() || address.is_loopback() || address.is_multicast();
            Value::Bool(!(not || link_local || broadcast))
        }
        _ => return Err(Error::no_such_overload()),
    })
}

pub(super) fn on_cidr<'a>(name: &str, block: Cidr, rest: &[Value<'a>]) -> Called<'a> {
    let made = |opaque: Opaque| Value::Opaque(Rc::new(opaque));
    Ok(match (name, rest) {
        ("ip", []) => made(Opaque::Ip(block.address)),
        ("masked", []) => made(Opaque::Cidr(block.masked())),
        ("prefixLength", []) => Value::Int(i64::from(block.length)),
        ("containsIP", [Value::String(text)]) => {
            Value::Bool(block.contains(address_of(text).ok_or_else(|| wrong_address(text))?))
        }
        ("containsCIDR", [Value::String(text)]) => {
            let other = Cidr::parse(text).ok_or_else(|| wrong_block(text))?;
            Value::Bool(block.length <= other.length && block.contains(other.address))
        }
        ("containsIP" | "containsCIDR", [Value::Opaque(opaque)]) => match &**opaque {
            Opaque::Ip(address) if name == "containsIP" => Value::Bool(block.contains(*address)),
            Opaque::Cidr(other) if name == "containsCIDR" => {
                Value::Bool(block.length <= other.length && block.contains(other.address))
            }
            _ => return Err(Error::no_such_overload()),
        },
        _ => return Err(Error::no_such_overload()),
    })
}
