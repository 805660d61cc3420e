//! PHP's serialised values.

/// Nesting beyond this is refused; PEAR's records nest about six levels.
const DEPTH: u32 = 64;

/// Values in one text.
const VALUES: u32 = 1_000_000;

/// One value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// A text; bytes that are not UTF-8 become U+FFFD.
    Text(String),
    /// Keys and values in their order; numbers as keys are written out.
    Array(Vec<(String, Value)>),
    /// A number, a truth value, null, or a reference to another value.
    Other,
}

impl Value {
    /// The element with this key.
    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        self.elements().iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// The text with this key, without surrounding white space and not empty.
    pub(super) fn str(&self, key: &str) -> Option<&str> {
        self.get(key)?.as_str().map(str::trim).filter(|text| !text.is_empty())
    }

    /// The text.
    pub(super) fn as_str(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Elements of an array; none for anything else.
    pub(super) fn elements(&self) -> &[(String, Value)] {
        match self {
            Value::Array(elements) => elements,
            _ => &[],
        }
    }
}

/// Reads one value; what follows it is not looked at.
///
/// Shape: `s:LENGTH:"BYTES";`, `i:N;`, `d:N;`, `b:N;`, `N;`, `r:N;`, `R:N;`, `a:COUNT:{KEY VALUE ...}`, and
/// `O:LENGTH:"CLASS":COUNT:{...}`, read as an array. Errors: anything else, with its offset.
/// Source: php.net, `serialize`; php/php-src:ext/standard/var_unserializer.re.
pub(super) fn parse(bytes: &[u8]) -> Result<Value, String> {
    let mut reader = Reader { bytes, at: 0, values: 0 };
    reader.value(0).ok_or_else(|| format!("no serialised PHP value at byte {}", reader.at))
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    values: u32,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.bytes.get(self.at) == Some(&byte)).then(|| self.at += 1)
    }

    /// What stands before the next `end`, which is passed.
    fn until(&mut self, end: u8) -> Option<&'a str> {
        let rest = self.bytes.get(self.at..)?;
        let rest = rest.get(..rest.len().min(64))?;
        let len = rest.iter().position(|byte| *byte == end)?;
        self.at += len + 1;
        std::str::from_utf8(rest.get(..len)?).ok()
    }

    fn length(&mut self) -> Option<usize> {
        self.until(b':')?.parse().ok()
    }

    fn text(&mut self) -> Option<String> {
        let length = self.length()?;
        self.expect(b'"')?;
        let bytes = self.bytes.get(self.at..self.at.checked_add(length)?)?;
        self.at += length;
        self.expect(b'"')?;
        Some(String::from_utf8_lossy(bytes).into_owned())
    }

    fn value(&mut self, depth: u32) -> Option<Value> {
        self.values += 1;
        if depth > DEPTH || self.values > VALUES {
            return None;
        }
        match self.next()? {
            b'N' => self.expect(b';').map(|()| Value::Other),
            b's' => {
                self.expect(b':')?;
                let text = self.text()?;
                self.expect(b';')?;
                Some(Value::Text(text))
            }
            b'i' | b'd' | b'b' | b'r' | b'R' => {
                self.expect(b':')?;
                self.until(b';').map(|_| Value::Other)
            }
            b'a' => {
                self.expect(b':')?;
                self.elements(depth)
            }
            b'O' => {
                self.expect(b':')?;
                self.text()?;
                self.expect(b':')?;
                self.elements(depth)
            }
            _ => None,
        }
    }

    fn elements(&mut self, depth: u32) -> Option<Value> {
        let count = self.length()?;
        self.expect(b'{')?;
        // not allocated by the count: it is the file's claim
        let mut elements = Vec::new();
        for _ in 0..count {
            let key = match self.next()? {
                b's' => {
                    self.expect(b':')?;
                    let key = self.text()?;
                    self.expect(b';')?;
                    key
                }
                b'i' => {
                    self.expect(b':')?;
                    self.until(b';')?.to_owned()
                }
                _ => return None,
            };
            elements.push((key, self.value(depth + 1)?));
        }
        self.expect(b'}')?;
        Some(Value::Array(elements))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values() {
        let value = parse(
            b"a:4:{s:1:\"k\";s:3:\"a\"b\";i:0;a:1:{i:7;N;}s:1:\"f\";d:1.5;s:1:\"o\";O:1:\"C\":1:{s:1:\"x\";b:1;}}rest",
        )
        .unwrap();
        assert_eq!(value.str("k"), Some("a\"b"));
        assert_eq!(value.get("0").unwrap().elements(), [("7".to_owned(), Value::Other)]);
        assert_eq!(value.get("o").unwrap().get("x"), Some(&Value::Other));
    }

    #[test]
    fn no_values() {
        for text in ["", "x", "s:5:\"ab\";", "s:99999999999999999999:\"\";", "a:2:{i:0;N;}", "a:1:{a:0:{}N;}", "i:1"] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
        assert!(parse("a:1:{i:0;".repeat(1000).as_bytes()).is_err());
        assert!(parse(b"a:999999999:{").is_err());
    }
}
