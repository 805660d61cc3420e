//! `pkcs11:` URIs (RFC 7512), with the attribute `slot-id` and the query `module-path`, `pin-value` and `pin-source`.

use crate::secret::SecretBytes;

/// No URI is longer.
const LONGEST: usize = 4096;

/// What a URI says. Attributes that do not choose a token or key are refused and not passed over: who writes one means something by it.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Uri {
    pub(super) token: Option<String>,
    pub(super) serial: Option<String>,
    pub(super) manufacturer: Option<String>,
    pub(super) model: Option<String>,
    pub(super) slot: Option<u64>,
    pub(super) object: Option<String>,
    pub(super) id: Option<Vec<u8>>,
    pub(super) module: Option<String>,
    pub(super) pin: Option<SecretBytes>,
    pub(super) pin_source: Option<String>,
}

/// Whether a text is such a URI that names a key. For fuzzing.
///
/// # Errors
/// With a sentence that quotes no value.
pub fn check(text: &str) -> Result<(), String> {
    Uri::parse(text).map(|_| ())
}

impl Uri {
    pub(super) fn parse(text: &str) -> Result<Uri, String> {
        if text.len() > LONGEST {
            return Err("the URI is longer than 4096 bytes".to_owned());
        }
        let rest = text.strip_prefix("pkcs11:").ok_or("it does not begin with `pkcs11:`")?;
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut uri = Uri::default();
        for part in path.split(';').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').ok_or("a part of the URI has no `=`")?;
            let bytes =
                unescape(value).ok_or_else(|| format!("the value of `{}` is not well escaped", name_of(name)))?;
            if name == "id" {
                set(&mut uri.id, bytes, name)?;
                continue;
            }
            let value = String::from_utf8(bytes).map_err(|_| format!("the value of `{}` is no text", name_of(name)))?;
            match name {
                "token" => set(&mut uri.token, value, name)?,
                "serial" => set(&mut uri.serial, value, name)?,
                "manufacturer" => set(&mut uri.manufacturer, value, name)?,
                "model" => set(&mut uri.model, value, name)?,
                "object" => set(&mut uri.object, value, name)?,
                "slot-id" => {
                    let number = value.parse().map_err(|_| "the value of `slot-id` is no number".to_owned())?;
                    set(&mut uri.slot, number, name)?;
                }
                "type" if matches!(value.as_str(), "private" | "public") => {}
                other => return Err(format!("the attribute `{}` is not used here", name_of(other))),
            }
        }
        for part in query.split('&').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').ok_or("a part of the URI's query has no `=`")?;
            let bytes =
                unescape(value).ok_or_else(|| format!("the value of `{}` is not well escaped", name_of(name)))?;
            if name == "pin-value" {
                set(&mut uri.pin, SecretBytes::new(bytes), name)?;
                continue;
            }
            let value = String::from_utf8(bytes).map_err(|_| format!("the value of `{}` is no text", name_of(name)))?;
            match name {
                "module-path" => set(&mut uri.module, value, name)?,
                "pin-source" => {
                    let place = value.strip_prefix("file:").unwrap_or(&value);
                    let place = place.strip_prefix("//").unwrap_or(place);
                    if place.starts_with('|') {
                        return Err("a `pin-source` that runs a program is not used".to_owned());
                    }
                    set(&mut uri.pin_source, place.to_owned(), name)?;
                }
                other => return Err(format!("the query attribute `{}` is not used here", name_of(other))),
            }
        }
        if uri.object.is_none() && uri.id.is_none() {
            return Err("the URI names no key: add `object=NAME` or `id=%01`".to_owned());
        }
        Ok(uri)
    }

    /// The key for messages. Nothing of the query, which may hold the PIN.
    pub(super) fn name(&self) -> String {
        match (&self.object, &self.id) {
            (Some(label), _) => format!("`{}`", crate::error::printable(label)),
            (None, Some(id)) => {
                format!("with ID {}", id.iter().take(32).map(|byte| format!("{byte:02x}")).collect::<String>())
            }
            (None, None) => "without a name".to_owned(),
        }
    }
}

fn name_of(name: &str) -> String {
    crate::error::printable(name)
}

fn set<T>(slot: &mut Option<T>, value: T, name: &str) -> Result<(), String> {
    if slot.replace(value).is_some() { Err(format!("`{name}` stands twice in the URI")) } else { Ok(()) }
}

/// Percent-decoding (RFC 3986, 2.1).
fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
            let value = digit(rest.next())? * 16 + digit(rest.next())?;
            bytes.push(u8::try_from(value).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_read_and_unescaped() {
        let uri = Uri::parse(
            "pkcs11:token=My%20token;slot-id=7;object=k%3B1;id=%01%ff?module-path=/lib/m.so&pin-value=12%2634",
        )
        .unwrap();
        assert_eq!(uri.token.as_deref(), Some("My token"));
        assert_eq!(uri.slot, Some(7));
        assert_eq!(uri.object.as_deref(), Some("k;1"));
        assert_eq!(uri.id.as_deref(), Some(&[1, 0xff][..]));
        assert_eq!(uri.module.as_deref(), Some("/lib/m.so"));
        assert_eq!(uri.pin.as_ref().map(SecretBytes::reveal), Some(&b"12&34"[..]));
        let uri = Uri::parse("pkcs11:object=k?pin-source=file:///run/pin").unwrap();
        assert_eq!(uri.pin_source.as_deref(), Some("/run/pin"));
    }

    #[track_caller]
    fn refused(text: &str, why: &str) {
        let err = Uri::parse(text).unwrap_err();
        assert!(err.contains(why), "{err}");
        assert!(!err.contains("sesame"), "{err}");
    }

    #[test]
    fn what_is_unclear_is_refused_without_quoting_a_pin() {
        refused("pkcs11:token=a", "names no key");
        refused("pkcs11:object=a;object=b", "twice");
        refused("pkcs11:object=a;colour=red", "`colour`");
        refused("pkcs11:object=a?pin-value=sesame%2", "not well escaped");
        refused("pkcs11:object=a?pin-value=sesame&pin-value=sesame", "twice");
        refused("pkcs11:object=a?pin-source=|sesame", "runs a program");
        refused("pkcs11:object=a;slot-id=one", "no number");
    }
}
