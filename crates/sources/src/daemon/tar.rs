//! The members of a tar stream, as far as image archives use the format: ustar, PAX path and size, GNU long names.
//!
//! Layers inside are read by the `image` room; this is only the envelope.

use std::io::{self, Read};

const BLOCK: usize = 512;
/// A PAX record or long name is at most this long.
const MOST_EXTENSION: u64 = 1 << 20;

/// What stands in a stream at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    /// Path without leading `./` or `/`.
    pub(crate) name: String,
    /// Size of the content in bytes.
    pub(crate) size: u64,
    /// Target of a link.
    pub(crate) link: Option<String>,
    /// Whether it is a symbolic link, whose target is relative to its folder.
    pub(crate) symbolic: bool,
}

/// Reads a stream member by member. The content of the present member is read through [`Read`]; what is left of it is skipped.
pub(crate) struct Members<R> {
    stream: R,
    /// Of the present member: content left, and padding after it.
    left: u64,
    padding: u64,
    over: bool,
}

impl<R: Read> Members<R> {
    pub(crate) fn new(stream: R) -> Members<R> {
        Members { stream, left: 0, padding: 0, over: false }
    }

    /// The next member; `None` after the end-of-archive block, and only then.
    pub(crate) fn advance(&mut self) -> io::Result<Option<Member>> {
        let (mut long_name, mut long_link, mut long_size) = (None, None, None);
        loop {
            if self.over {
                return Ok(None);
            }
            self.skip_rest()?;
            let mut header = [0; BLOCK];
            self.stream.read_exact(&mut header)?;
            if header.iter().all(|byte| *byte == 0) {
                self.over = true;
                // What follows is padding; it is read so that the sender can see that all was taken.
                io::copy(&mut self.stream, &mut io::sink())?;
                return Ok(None);
            }
            let header = Header(&header);
            header.verify()?;
            let size = header.size()?;
            self.set(size);
            match header.kind() {
                b'x' => {
                    for (key, value) in pax(&self.extension()?) {
                        match key.as_str() {
                            "path" => long_name = Some(value),
                            "linkpath" => long_link = Some(value),
                            "size" => {
                                long_size = Some(value.parse::<u64>().map_err(|_| broken("a PAX size is no number"))?)
                            }
                            _ => {}
                        }
                    }
                }
                b'g' => drop(self.extension()?),
                b'L' => long_name = Some(text(&self.extension()?)),
                b'K' => long_link = Some(text(&self.extension()?)),
                kind => {
                    if let Some(size) = long_size {
                        self.set(size);
                    }
                    let is_link = matches!(kind, b'1' | b'2');
                    if is_link {
                        self.set(0);
                    }
                    let name = long_name.unwrap_or_else(|| header.name());
                    return Ok(Some(Member {
                        name: name.trim_start_matches("./").trim_start_matches('/').to_owned(),
                        size: self.left,
                        link: is_link.then(|| long_link.unwrap_or_else(|| header.link())),
                        symbolic: kind == b'2',
                    }));
                }
            }
        }
    }

    fn set(&mut self, size: u64) {
        self.left = size;
        self.padding = (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64;
    }

    fn extension(&mut self) -> io::Result<Vec<u8>> {
        if self.left > MOST_EXTENSION {
            return Err(broken("a long name is too long"));
        }
        let mut bytes = Vec::new();
        self.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn skip_rest(&mut self) -> io::Result<()> {
        let rest = self.left.saturating_add(self.padding);
        let skipped = io::copy(&mut (&mut self.stream).take(rest), &mut io::sink())?;
        self.left = 0;
        self.padding = 0;
        if skipped < rest { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }
}

impl<R: Read> Read for Members<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let Some(buffer) = buffer.get_mut(..most).filter(|buffer| !buffer.is_empty()) else { return Ok(0) };
        let count = self.stream.read(buffer)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left = self.left.saturating_sub(count as u64);
        Ok(count)
    }
}

/// A ustar header. Source: POSIX.1-2017, pax, "ustar Interchange Format".
struct Header<'a>(&'a [u8; BLOCK]);

impl Header<'_> {
    fn field(&self, from: usize, to: usize) -> &[u8] {
        self.0.get(from..to).unwrap_or_default()
    }

    fn name(&self) -> String {
        let name = text(self.field(0, 100));
        let prefix = text(self.field(345, 500));
        // Only ustar proper has a prefix; GNU keeps times there.
        if self.field(257, 263) == b"ustar\0" && !prefix.is_empty() { format!("{prefix}/{name}") } else { name }
    }

    fn link(&self) -> String {
        text(self.field(157, 257))
    }

    fn kind(&self) -> u8 {
        self.0.get(156).copied().unwrap_or_default()
    }

    fn size(&self) -> io::Result<u64> {
        let field = self.field(124, 136);
        match field.split_first() {
            // GNU: base 256 when the highest bit is set.
            Some((first, rest)) if first & 0x80 != 0 => {
                let start = u64::from(first & 0x7f);
                rest.iter()
                    .try_fold(start, |sum, byte| sum.checked_mul(256)?.checked_add(u64::from(*byte)))
                    .ok_or_else(|| broken("a size is too large"))
            }
            _ => octal(field).ok_or_else(|| broken("a size is no number")),
        }
    }

    fn verify(&self) -> io::Result<()> {
        let stated = octal(self.field(148, 156)).ok_or_else(|| broken("a header has no checksum"))?;
        let sum: u64 = self
            .0
            .iter()
            .enumerate()
            .map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u64::from(*byte) })
            .sum();
        if sum == stated { Ok(()) } else { Err(broken("the checksum of a header is wrong")) }
    }
}

fn octal(field: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(field).ok()?.trim_matches(|c: char| c == '\0' || c == ' ');
    if text.is_empty() { Some(0) } else { u64::from_str_radix(text, 8).ok() }
}

fn text(field: &[u8]) -> String {
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    String::from_utf8_lossy(field.get(..end).unwrap_or_default()).into_owned()
}

/// Records `LENGTH KEY=VALUE\n`; what cannot be read ends the list.
fn pax(bytes: &[u8]) -> Vec<(String, String)> {
    let mut records = Vec::new();
    let mut rest = bytes;
    while let Some(space) = rest.iter().position(|byte| *byte == b' ') {
        let length = rest.get(..space).and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<usize>().ok());
        let Some(record) = length.and_then(|length| rest.get(space + 1..length)) else { break };
        let record = String::from_utf8_lossy(record.strip_suffix(b"\n").unwrap_or(record)).into_owned();
        if let Some((key, value)) = record.split_once('=') {
            records.push((key.to_owned(), value.to_owned()));
        }
        rest = length.and_then(|length| rest.get(length..)).unwrap_or_default();
    }
    records
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the daemon's archive is broken: {what}"))
}
