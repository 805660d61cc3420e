//! A certificate or a request as an object, with the names and numbers that Go's `crypto/x509` gives it in JSON.
//!
//! Source: kyverno/kyverno:pkg/engine/jmespath/functions.go, `jpX509Decode`; golang/go:src/crypto/x509/x509.go for fields and numbers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Number, Value, json};
use x509_cert::Certificate;
use x509_cert::der::asn1::{Any, ObjectIdentifier};
use x509_cert::der::{Decode as _, Encode as _, Tagged as _};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{
    AuthorityInfoAccessSyntax, AuthorityKeyIdentifier, BasicConstraints, CertificatePolicies, CrlDistributionPoints,
    ExtendedKeyUsage, KeyUsage, SubjectAltName, SubjectKeyIdentifier, name::DistributionPointName,
};
use x509_cert::name::Name;
use x509_cert::request::CertReq;
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};
use x509_cert::time::Time;

use super::super::eval::Evaluator;
use super::super::item::Item;
use super::super::surroundings::SearchError;
use super::Arguments;

/// Largest text: no certificate comes near.
const LARGEST: usize = 64 << 10;
const RSA: &str = "1.2.840.113549.1.1.1";

pub(super) fn decode<'a>(by: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Result<Item<'a>, SearchError> {
    let text = given.text(0)?;
    by.budget.work(text.len())?;
    if text.len() > LARGEST {
        return Err(given.error(format!("a certificate of more than {LARGEST} bytes")));
    }
    let (label, der) = pem(text).ok_or_else(|| given.error("failed to decode PEM block"))?;
    let value = match label {
        "CERTIFICATE" => certificate(&der),
        "CERTIFICATE REQUEST" => request(&der),
        _ => return Err(given.error("PEM block neither contains a CERTIFICATE or CERTIFICATE REQUEST")),
    };
    let value = value.map_err(|why| given.error(why))?;
    Item::of(value, &mut by.budget)
}

/// Label and bytes of the first block.
fn pem(text: &str) -> Option<(&str, Vec<u8>)> {
    let (_, rest) = text.split_once("-----BEGIN ")?;
    let (label, rest) = rest.split_once("-----")?;
    let (body, _) = rest.split_once(&format!("-----END {label}-----"))?;
    let body: String = body.split_whitespace().collect();
    Some((label, STANDARD.decode(body).ok()?))
}

type Built = Result<Value, String>;

fn broken<E>(_: E) -> String {
    "the bytes of the PEM block are no certificate".to_owned()
}

fn base64(bytes: &[u8]) -> Value {
    Value::String(STANDARD.encode(bytes))
}

fn certificate(der: &[u8]) -> Built {
    let certificate = Certificate::from_der(der).map_err(broken)?;
    let body = &certificate.tbs_certificate;
    let extensions = body.extensions.as_deref().unwrap_or_default();
    let version = match body.version {
        x509_cert::Version::V1 => 1,
        x509_cert::Version::V2 => 2,
        x509_cert::Version::V3 => 3,
    };
    let mut out = json!({
        "Raw": base64(der),
        "RawTBSCertificate": base64(&body.to_der().map_err(broken)?),
        "RawSubjectPublicKeyInfo": base64(&body.subject_public_key_info.to_der().map_err(broken)?),
        "RawSubject": base64(&body.subject.to_der().map_err(broken)?),
        "RawIssuer": base64(&body.issuer.to_der().map_err(broken)?),
        "Signature": base64(certificate.signature.raw_bytes()),
        "SignatureAlgorithm": signature_algorithm(&certificate.signature_algorithm),
        "PublicKeyAlgorithm": 1,
        "PublicKey": public_key(&body.subject_public_key_info)?,
        "Version": version,
        "SerialNumber": serial(body.serial_number.as_bytes()),
        "Issuer": name(&body.issuer)?,
        "Subject": name(&body.subject)?,
        "NotBefore": time(&body.validity.not_before),
        "NotAfter": time(&body.validity.not_after),
        "Extensions": list(extensions.iter().map(extension).collect()),
        "ExtraExtensions": null,
    });
    if let Value::Object(members) = &mut out
        && let Value::Object(more) = Extensions::read(extensions)?.members()
    {
        members.extend(more);
    }
    Ok(out)
}

fn request(der: &[u8]) -> Built {
    let request = CertReq::from_der(der).map_err(broken)?;
    let body = &request.info;
    // The attribute 1.2.840.113549.1.9.14 holds the wished extensions.
    let wished = body.attributes.iter().find(|attribute| attribute.oid.to_string() == "1.2.840.113549.1.9.14");
    let wished: Vec<Extension> = match wished.and_then(|attribute| attribute.values.iter().next()) {
        Some(value) => value.decode_as().map_err(broken)?,
        None => Vec::new(),
    };
    let names = Names::read(&wished)?;
    let extensions = wished.iter().map(extension).collect();
    Ok(json!({
        "Raw": base64(der),
        "RawTBSCertificateRequest": base64(&body.to_der().map_err(broken)?),
        "RawSubjectPublicKeyInfo": base64(&body.public_key.to_der().map_err(broken)?),
        "RawSubject": base64(&body.subject.to_der().map_err(broken)?),
        "Version": 0,
        "Signature": base64(request.signature.raw_bytes()),
        "SignatureAlgorithm": signature_algorithm(&request.algorithm),
        "PublicKeyAlgorithm": 1,
        "PublicKey": public_key(&body.public_key)?,
        "Subject": name(&body.subject)?,
        "Attributes": null,
        "Extensions": list(extensions),
        "ExtraExtensions": null,
        "DNSNames": list(names.dns),
        "EmailAddresses": list(names.mail),
        "IPAddresses": list(names.addresses),
        "URIs": list(names.uris),
    }))
}

/// Go's `null` for a list without elements.
fn list(items: Vec<Value>) -> Value {
    if items.is_empty() { Value::Null } else { Value::Array(items) }
}

fn oid(id: &ObjectIdentifier) -> Value {
    id.arcs().collect::<Vec<_>>().into()
}

fn extension(extension: &Extension) -> Value {
    json!({ "Id": oid(&extension.extn_id), "Critical": extension.critical, "Value": base64(extension.extn_value.as_bytes()) })
}

fn time(time: &Time) -> Value {
    let time = time.to_date_time();
    let date = format!("{:04}-{:02}-{:02}", time.year(), time.month(), time.day());
    Value::String(format!("{date}T{:02}:{:02}:{:02}Z", time.hour(), time.minutes(), time.seconds()))
}

/// The magnitude of big-endian bytes in decimal.
fn decimal(bytes: &[u8]) -> String {
    // Nine digits a limb, the smallest first.
    let mut limbs: Vec<u32> = vec![0];
    for byte in bytes {
        let mut carry = u64::from(*byte);
        for limb in &mut limbs {
            let value = u64::from(*limb) * 256 + carry;
            *limb = u32::try_from(value % 1_000_000_000).unwrap_or_default();
            carry = value / 1_000_000_000;
        }
        if carry > 0 {
            limbs.push(u32::try_from(carry).unwrap_or_default());
        }
    }
    let mut limbs = limbs.into_iter().rev();
    let first = limbs.next().unwrap_or_default().to_string();
    limbs.fold(first, |text, limb| text + &format!("{limb:09}"))
}

/// A number, exact up to 64 bits, as Go's JSON gives it to a policy beyond.
fn serial(bytes: &[u8]) -> Value {
    let text = decimal(bytes);
    match text.parse::<u64>() {
        Ok(exact) => Value::from(exact),
        Err(_) => text.parse().ok().and_then(Number::from_f64).map_or(Value::Null, Value::Number),
    }
}

fn public_key(info: &SubjectPublicKeyInfoOwned) -> Built {
    if info.algorithm.oid.to_string() != RSA {
        return Err("certificate should use rsa algorithm".to_owned());
    }
    let failed = || "failed to parse subject public key info".to_owned();
    let parts =
        Vec::<x509_cert::der::asn1::Uint>::from_der(info.subject_public_key.raw_bytes()).map_err(|_| failed())?;
    let [modulus, exponent] = parts.as_slice() else { return Err(failed()) };
    if modulus.as_bytes().len() > 2048 {
        return Err("an RSA key of more than 16384 bits".to_owned());
    }
    let exponent: i64 = decimal(exponent.as_bytes()).parse().map_err(|_| failed())?;
    Ok(json!({ "N": decimal(modulus.as_bytes()), "E": exponent }))
}

/// Go's number of an algorithm, 0 for one that it does not know. Of RSA-PSS the hash is looked up in the parameters.
fn signature_algorithm(algorithm: &AlgorithmIdentifierOwned) -> u8 {
    match algorithm.oid.to_string().as_str() {
        "1.2.840.113549.1.1.4" => 2,
        "1.2.840.113549.1.1.5" | "1.3.14.3.2.29" => 3,
        "1.2.840.113549.1.1.11" => 4,
        "1.2.840.113549.1.1.12" => 5,
        "1.2.840.113549.1.1.13" => 6,
        "1.2.840.10045.4.1" => 9,
        "1.2.840.10045.4.3.2" => 10,
        "1.2.840.10045.4.3.3" => 11,
        "1.2.840.10045.4.3.4" => 12,
        "1.2.840.113549.1.1.10" => {
            let parameters =
                algorithm.parameters.as_ref().and_then(|parameters| parameters.to_der().ok()).unwrap_or_default();
            let holds =
                |last: u8| parameters.windows(9).any(|part| part == [0x60, 0x86, 0x48, 0x01, 0x65, 3, 4, 2, last]);
            match (holds(1), holds(2), holds(3)) {
                (true, ..) => 13,
                (_, true, _) => 14,
                (.., true) => 15,
                _ => 0,
            }
        }
        "1.3.101.112" => 16,
        _ => 0,
    }
}

/// The text of a value of a name, whatever kind of string it is.
fn string(value: &Any) -> Result<String, String> {
    use x509_cert::der::Tag;
    Ok(match value.tag() {
        Tag::BmpString => {
            let units: Vec<u16> = value
                .value()
                .chunks_exact(2)
                .map(|pair| pair.iter().fold(0, |all, byte| all << 8 | u16::from(*byte)))
                .collect();
            String::from_utf16(&units).map_err(broken)?
        }
        Tag::TeletexString => value.value().iter().map(|byte| char::from(*byte)).collect(),
        Tag::Utf8String | Tag::PrintableString | Tag::Ia5String | Tag::NumericString | Tag::VisibleString => {
            String::from_utf8(value.value().to_vec()).map_err(broken)?
        }
        _ => return Err("a name in the certificate is no text".to_owned()),
    })
}

fn name(name: &Name) -> Built {
    const LISTS: &[(&str, &str)] = &[
        ("Country", "2.5.4.6"),
        ("Organization", "2.5.4.10"),
        ("OrganizationalUnit", "2.5.4.11"),
        ("Locality", "2.5.4.7"),
        ("Province", "2.5.4.8"),
        ("StreetAddress", "2.5.4.9"),
        ("PostalCode", "2.5.4.17"),
    ];
    let mut pairs = Vec::new();
    for attribute in name.0.iter().flat_map(|part| part.0.iter()) {
        pairs.push((attribute.oid, string(&attribute.value)?));
    }
    let of = |wanted: &'static str| {
        pairs.iter().filter(move |(id, _)| id.to_string() == wanted).map(|(_, text)| text.as_str())
    };
    let mut out = json!({
        "SerialNumber": of("2.5.4.5").next_back().unwrap_or_default(),
        "CommonName": of("2.5.4.3").next_back().unwrap_or_default(),
        "Names": list(pairs.iter().map(|(id, text)| json!({ "Type": oid(id), "Value": text })).collect()),
        "ExtraNames": null,
    });
    if let Value::Object(members) = &mut out {
        for (key, wanted) in LISTS {
            members.insert((*key).to_owned(), list(of(wanted).map(Value::from).collect()));
        }
    }
    Ok(out)
}

/// Alternative names by kind.
#[derive(Default)]
struct Names {
    dns: Vec<Value>,
    mail: Vec<Value>,
    addresses: Vec<Value>,
    uris: Vec<Value>,
}

impl Names {
    fn read(extensions: &[Extension]) -> Result<Names, String> {
        let mut names = Names::default();
        let Some(alternative) = decoded::<SubjectAltName>(extensions, "2.5.29.17")? else { return Ok(names) };
        for name in &alternative.0 {
            match name {
                GeneralName::DnsName(name) => names.dns.push(name.as_str().into()),
                GeneralName::Rfc822Name(name) => names.mail.push(name.as_str().into()),
                GeneralName::UniformResourceIdentifier(name) => names.uris.push(url(name.as_str())),
                GeneralName::IpAddress(bytes) => names.addresses.push(address(bytes.as_bytes())?),
                _ => {}
            }
        }
        Ok(names)
    }
}

/// A URL as the members of Go's `url.URL` that a policy can ask for.
fn url(text: &str) -> Value {
    let (scheme, rest) = text.split_once(':').unwrap_or(("", text));
    let (host, path) = match rest.strip_prefix("//") {
        Some(rest) => rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len())),
        None => ("", rest),
    };
    json!({ "Scheme": scheme, "Host": host, "Path": path.split(['?', '#']).next().unwrap_or_default() })
}

fn address(bytes: &[u8]) -> Built {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Ok(std::net::Ipv4Addr::from(four).to_string().into());
    }
    match <[u8; 16]>::try_from(bytes) {
        Ok(sixteen) => Ok(std::net::Ipv6Addr::from(sixteen).to_string().into()),
        Err(_) => Err("an address in the certificate has a wrong length".to_owned()),
    }
}

/// An extension by its number, decoded.
fn decoded<'d, T: x509_cert::der::Decode<'d>>(extensions: &'d [Extension], id: &str) -> Result<Option<T>, String> {
    let found = extensions.iter().find(|extension| extension.extn_id.to_string() == id);
    found.map(|extension| T::from_der(extension.extn_value.as_bytes()).map_err(broken)).transpose()
}

/// What the extensions say.
struct Extensions {
    names: Names,
    known: Value,
}

impl Extensions {
    fn read(extensions: &[Extension]) -> Result<Extensions, String> {
        let usage = decoded::<KeyUsage>(extensions, "2.5.29.15")?;
        let basic = decoded::<BasicConstraints>(extensions, "2.5.29.19")?;
        let subject = decoded::<SubjectKeyIdentifier>(extensions, "2.5.29.14")?;
        let authority = decoded::<AuthorityKeyIdentifier>(extensions, "2.5.29.35")?;
        let purposes = decoded::<ExtendedKeyUsage>(extensions, "2.5.29.37")?;
        let access = decoded::<AuthorityInfoAccessSyntax>(extensions, "1.3.6.1.5.5.7.1.1")?;
        let lists = decoded::<CrlDistributionPoints>(extensions, "2.5.29.31")?;
        let policies = decoded::<CertificatePolicies>(extensions, "2.5.29.32")?;

        let (mut usages, mut unknown) = (Vec::new(), Vec::new());
        for purpose in purposes.iter().flat_map(|purposes| &purposes.0) {
            match purpose_number(&purpose.to_string()) {
                Some(number) => usages.push(number.into()),
                None => unknown.push(oid(purpose)),
            }
        }
        let reached = |method: &str| {
            let entries = access.iter().flat_map(|access| &access.0);
            let places = entries.filter(|entry| entry.access_method.to_string() == method).filter_map(|entry| {
                match &entry.access_location {
                    GeneralName::UniformResourceIdentifier(place) => Some(Value::from(place.as_str())),
                    _ => None,
                }
            });
            list(places.collect())
        };
        let points = lists.iter().flat_map(|lists| &lists.0).filter_map(|point| match &point.distribution_point {
            Some(DistributionPointName::FullName(names)) => Some(names),
            _ => None,
        });
        let points = points.flatten().filter_map(|name| match name {
            GeneralName::UniformResourceIdentifier(place) => Some(Value::from(place.as_str())),
            _ => None,
        });
        let longest = basic.as_ref().map(|basic| basic.path_len_constraint.map_or(-1, i64::from));
        let handled = [
            "2.5.29.15",
            "2.5.29.19",
            "2.5.29.14",
            "2.5.29.35",
            "2.5.29.37",
            "1.3.6.1.5.5.7.1.1",
            "2.5.29.31",
            "2.5.29.32",
            "2.5.29.17",
            "2.5.29.30",
        ];
        let unhandled =
            extensions.iter().filter(|one| one.critical && !handled.contains(&one.extn_id.to_string().as_str()));
        let known = json!({
            "KeyUsage": usage.map_or(0, |usage| usage.0.bits()),
            "BasicConstraintsValid": basic.is_some(),
            "IsCA": basic.is_some_and(|basic| basic.ca),
            "MaxPathLen": longest.unwrap_or(0),
            "MaxPathLenZero": longest == Some(0),
            "SubjectKeyId": subject.map_or(Value::Null, |id| base64(id.0.as_bytes())),
            "AuthorityKeyId": authority.and_then(|id| id.key_identifier).map_or(Value::Null, |id| base64(id.as_bytes())),
            "ExtKeyUsage": list(usages),
            "UnknownExtKeyUsage": list(unknown),
            "OCSPServer": reached("1.3.6.1.5.5.7.48.1"),
            "IssuingCertificateURL": reached("1.3.6.1.5.5.7.48.2"),
            "CRLDistributionPoints": list(points.collect()),
            "PolicyIdentifiers": list(policies.iter().flat_map(|all| &all.0).map(|one| oid(&one.policy_identifier)).collect()),
            "UnhandledCriticalExtensions": list(unhandled.map(|one| oid(&one.extn_id)).collect()),
        });
        Ok(Extensions { names: Names::read(extensions)?, known })
    }

    fn members(self) -> Value {
        let mut out = json!({
            "DNSNames": list(self.names.dns),
            "EmailAddresses": list(self.names.mail),
            "IPAddresses": list(self.names.addresses),
            "URIs": list(self.names.uris),
            "PermittedDNSDomainsCritical": false,
        });
        if let (Value::Object(members), Value::Object(known)) = (&mut out, self.known) {
            members.extend(known);
            // Name constraints are not taken apart: they stand in `Extensions`.
            for key in ["DNSDomains", "IPRanges", "EmailAddresses", "URIDomains"] {
                members.insert(format!("Permitted{key}"), Value::Null);
                members.insert(format!("Excluded{key}"), Value::Null);
            }
        }
        out
    }
}

/// Go's number of a purpose.
fn purpose_number(id: &str) -> Option<u8> {
    const PURPOSES: &[&str] = &[
        "2.5.29.37.0",
        "1.3.6.1.5.5.7.3.1",
        "1.3.6.1.5.5.7.3.2",
        "1.3.6.1.5.5.7.3.3",
        "1.3.6.1.5.5.7.3.4",
        "1.3.6.1.5.5.7.3.5",
        "1.3.6.1.5.5.7.3.6",
        "1.3.6.1.5.5.7.3.7",
        "1.3.6.1.5.5.7.3.8",
        "1.3.6.1.5.5.7.3.9",
        "1.3.6.1.4.1.311.10.3.3",
        "2.16.840.1.113730.4.1",
        "1.3.6.1.4.1.311.2.1.22",
        "1.3.6.1.4.1.311.61.1.1",
    ];
    PURPOSES.iter().position(|purpose| *purpose == id).and_then(|place| u8::try_from(place).ok())
}
