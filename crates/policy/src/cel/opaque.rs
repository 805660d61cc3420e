//! Values that only functions look into: quantities, addresses, versions, images.

use std::net::IpAddr;

use super::functions::network::{Cidr, Url};
use super::functions::version::Version;
use crate::quantity::Quantity;

/// One of them.
#[derive(Clone, Debug, PartialEq)]
pub enum Opaque {
    /// `quantity("1Gi")`.
    Quantity(Quantity),
    /// `url("https://...")`.
    Url(Url),
    /// `ip("10.0.0.1")`.
    Ip(IpAddr),
    /// `cidr("10.0.0.0/8")`.
    Cidr(Cidr),
    /// `semver("1.2.3")`.
    Version(Version),
    /// `image("nginx")`, taken apart.
    Image(super::functions::image::Image),
    /// `format.dns1123Label()`: its name.
    Format(&'static str),
    /// Group, version and resource.
    Resource(String, String, String),
}

impl Opaque {
    /// The name of its type.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Opaque::Quantity(_) => "kubernetes.Quantity",
            Opaque::Url(_) => "kubernetes.URL",
            Opaque::Ip(_) => "net.IP",
            Opaque::Cidr(_) => "net.CIDR",
            Opaque::Version(_) => "kubernetes.Semver",
            Opaque::Image(_) => "kyverno.Image",
            Opaque::Format(_) => "kubernetes.NamedFormat",
            Opaque::Resource(..) => "kyverno.GVR",
        }
    }

    /// Bytes of text that it holds.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Opaque::Url(url) => url.text().len(),
            Opaque::Version(version) => version.bytes(),
            Opaque::Resource(group, version, resource) => group.len() + version.len() + resource.len(),
            _ => 0,
        }
    }

    /// As `string()` writes it; `None` if there is no such form.
    pub(crate) fn spelt(&self) -> Option<String> {
        Some(match self {
            Opaque::Quantity(quantity) => quantity.to_string(),
            Opaque::Url(url) => url.text().to_owned(),
            Opaque::Ip(address) => address.to_string(),
            Opaque::Cidr(cidr) => cidr.to_string(),
            Opaque::Version(_) | Opaque::Image(_) | Opaque::Format(_) | Opaque::Resource(..) => return None,
        })
    }
}
