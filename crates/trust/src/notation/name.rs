//! Distinguished names: of certificates, and as policies write them (RFC 4514).

use std::collections::BTreeMap;

use x509_cert::der::asn1::{Ia5StringRef, ObjectIdentifier, PrintableStringRef, TeletexStringRef, Utf8StringRef};
use x509_cert::der::{Tag, Tagged};
use x509_cert::name::Name;

use super::NotationError;

/// Attributes by their short names, `C=US, ST=WA, O=acme`. One value each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Attributes(BTreeMap<String, String>);

impl Attributes {
    /// Reads a name as a policy writes it.
    pub(super) fn parse(text: &str) -> Result<Self, NotationError> {
        let wrong = |found: String| NotationError::new("a distinguished name like `C=US, ST=WA, O=acme`", found);
        let mut attributes = BTreeMap::new();
        for part in split(text).map_err(|found| wrong(found.to_owned()))? {
            let (name, value) = part;
            let name = match name.to_ascii_uppercase().as_str() {
                "S" => "ST".to_owned(),
                name => name.to_owned(),
            };
            if name.is_empty() || value.is_empty() {
                return Err(wrong(format!("an empty attribute in `{text}`")));
            }
            if attributes.insert(name.clone(), value).is_some() {
                return Err(wrong(format!("`{name}` twice in `{text}`")));
            }
        }
        for mandatory in ["C", "ST", "O"] {
            if !attributes.contains_key(mandatory) {
                return Err(wrong(format!("`{text}` without `{mandatory}`, which is mandatory")));
            }
        }
        Ok(Self(attributes))
    }

    /// The attributes of a certificate's subject.
    pub(super) fn of(name: &Name) -> Result<Self, NotationError> {
        let wrong = |found: String| NotationError::new("a subject with one text for each attribute", found);
        let mut attributes = BTreeMap::new();
        for relative in &name.0 {
            if relative.0.len() != 1 {
                return Err(wrong("several attributes in one place".to_owned()));
            }
            for attribute in relative.0.iter() {
                let value = &attribute.value;
                let text = match value.tag() {
                    Tag::Utf8String => value.decode_as::<Utf8StringRef<'_>>().map(|text| text.as_str().to_owned()),
                    Tag::PrintableString => {
                        value.decode_as::<PrintableStringRef<'_>>().map(|text| text.as_str().to_owned())
                    }
                    Tag::Ia5String => value.decode_as::<Ia5StringRef<'_>>().map(|text| text.as_str().to_owned()),
                    Tag::TeletexString => {
                        value.decode_as::<TeletexStringRef<'_>>().map(|text| text.as_str().to_owned())
                    }
                    _ => return Err(wrong(format!("{} that is no text", attribute.oid))),
                }
                .map_err(|error| wrong(error.to_string()))?;
                if attributes.insert(short(attribute.oid), text).is_some() {
                    return Err(wrong(format!("`{}` twice", short(attribute.oid))));
                }
            }
        }
        Ok(Self(attributes))
    }

    /// Whether every attribute here stands in `other` with the same value.
    pub(super) fn is_within(&self, other: &Self) -> bool {
        self.0.iter().all(|(name, value)| other.0.get(name) == Some(value))
    }
}

fn short(oid: ObjectIdentifier) -> String {
    match oid.to_string().as_str() {
        "2.5.4.3" => "CN",
        "2.5.4.5" => "SERIALNUMBER",
        "2.5.4.6" => "C",
        "2.5.4.7" => "L",
        "2.5.4.8" => "ST",
        "2.5.4.9" => "STREET",
        "2.5.4.10" => "O",
        "2.5.4.11" => "OU",
        "2.5.4.17" => "POSTALCODE",
        "0.9.2342.19200300.100.1.25" => "DC",
        "0.9.2342.19200300.100.1.1" => "UID",
        other => return other.to_owned(),
    }
    .to_owned()
}

/// Attributes of a name in RFC 4514's form, unescaped. Several values in one place (`+`) are not supported, as in the Notary Project's tools.
fn split(text: &str) -> Result<Vec<(String, String)>, &'static str> {
    let mut found = Vec::new();
    let mut name = String::new();
    let mut value = String::new();
    let mut in_value = false;
    let mut quoted = false;
    let mut kept = 0;
    let mut characters = text.chars();
    let mut finish = |name: &mut String, value: &mut String, kept: &mut usize, in_value: bool| {
        if !in_value {
            return Err("an attribute without `=`");
        }
        let end = value.trim_end().len().max(*kept);
        value.truncate(end);
        found.push((name.trim().to_owned(), std::mem::take(value)));
        name.clear();
        *kept = 0;
        Ok(())
    };
    while let Some(character) = characters.next() {
        match character {
            '\\' if in_value => {
                let next = characters.next().ok_or("a backslash at the end")?;
                if let Some(high) = next.to_digit(16) {
                    let low = characters.next().and_then(|digit| digit.to_digit(16)).ok_or("a broken escape")?;
                    let byte = u8::try_from(high * 16 + low).map_err(|_| "a broken escape")?;
                    if !byte.is_ascii() {
                        return Err("an escape of a character that can be written");
                    }
                    value.push(char::from(byte));
                } else {
                    value.push(next);
                }
                kept = value.len();
            }
            '"' if in_value => quoted = !quoted,
            '=' if !in_value => in_value = true,
            ',' | ';' if !quoted => {
                finish(&mut name, &mut value, &mut kept, in_value)?;
                in_value = false;
            }
            '+' if !quoted => return Err("several attributes in one place (`+`)"),
            character if in_value => {
                if !(value.is_empty() && character == ' ' && !quoted) {
                    value.push(character);
                }
                if quoted {
                    kept = value.len();
                }
            }
            character => name.push(character),
        }
    }
    if quoted {
        return Err("an open quotation mark");
    }
    finish(&mut name, &mut value, &mut kept, in_value)?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_as_policies_write_them() {
        let parse = |text: &str| Attributes::parse(text).map(|attributes| attributes.0.into_iter().collect::<Vec<_>>());
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(parse("C=US, ST=WA, O=acme").unwrap(), [pair("C", "US"), pair("O", "acme"), pair("ST", "WA")]);
        assert_eq!(
            parse("c=US,s=WA,O=acme\\, Inc.").unwrap(),
            [pair("C", "US"), pair("O", "acme, Inc."), pair("ST", "WA")]
        );
        assert_eq!(parse("C=US,ST=WA,O=\"a, b\"").unwrap(), [pair("C", "US"), pair("O", "a, b"), pair("ST", "WA")]);
        assert_eq!(parse("C=US,ST=WA,O=a\\2Cb\\ ").unwrap(), [pair("C", "US"), pair("O", "a,b "), pair("ST", "WA")]);
        for wrong in [
            "",
            "C=US",
            "C=US,ST=WA",
            "C=US,ST=WA,O=",
            "C=US,C=DE,ST=WA,O=a",
            "C=US,ST=WA,O=a+OU=b",
            "C=US,ST=WA,O",
            "C=US,ST=WA,O=\"a",
            "C=US,ST=WA,O=a\\",
            "C=US,ST=WA,O=a\\ff",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_name_is_within_another() {
        let (short, long) =
            (Attributes::parse("C=US,ST=WA,O=a").unwrap(), Attributes::parse("CN=x,C=US,ST=WA,O=a").unwrap());
        assert!(short.is_within(&long) && !long.is_within(&short));
        assert!(!short.is_within(&Attributes::parse("C=US,ST=WA,O=A").unwrap()));
    }
}
