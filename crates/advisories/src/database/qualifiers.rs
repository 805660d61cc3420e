//! Where an advisory holds, beyond stream, name and versions: one pooled entry of tagged texts, read only for the rows that have one.

use crate::bytes::{Reader, put_bytes};
use crate::record::Qualifiers;

const MODULE: u8 = 1;
const CPE: u8 = 2;
const PLATFORM: u8 = 3;
/// An import path; the symbols behind it are of that package.
const IMPORT: u8 = 4;
const SYMBOL: u8 = 5;

/// Appends the stored form; nothing for an advisory without restrictions. Flags and times stand in the row itself.
pub(super) fn encode(qualifiers: &Qualifiers, out: &mut Vec<u8>) {
    let mut put = |tag: u8, text: &str| {
        out.push(tag);
        put_bytes(out, text.as_bytes());
    };
    if let Some(module) = &qualifiers.module {
        put(MODULE, module);
    }
    if let Some(cpe) = &qualifiers.cpe {
        put(CPE, cpe);
    }
    for platform in &qualifiers.platforms {
        put(PLATFORM, platform);
    }
    for import in &qualifiers.imports {
        put(IMPORT, &import.path);
        for symbol in &import.symbols {
            put(SYMBOL, symbol);
        }
    }
}

/// The qualifiers of a row, in place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StoredQualifiers<'a>(pub(super) &'a [u8]);

impl<'a> StoredQualifiers<'a> {
    fn all(self, wanted: u8) -> impl Iterator<Item = &'a str> {
        self.tagged().filter(move |(tag, _)| *tag == wanted).map(|(_, text)| text)
    }

    /// Damaged bytes end the list.
    fn tagged(self) -> impl Iterator<Item = (u8, &'a str)> {
        let mut reader = Reader::new(self.0);
        std::iter::from_fn(move || Some((reader.byte()?, reader.text()?)))
    }

    /// The RPM module that the package must be of; empty: of none.
    pub(crate) fn module(self) -> Option<&'a str> {
        self.all(MODULE).next()
    }

    /// The whole CPE of the product.
    pub(crate) fn cpe(self) -> Option<&'a str> {
        self.all(CPE).next()
    }

    /// CPEs of platforms.
    pub(crate) fn platforms(self) -> impl Iterator<Item = &'a str> {
        self.all(PLATFORM)
    }

    /// Go packages with their symbols.
    pub(crate) fn imports(self) -> Vec<(&'a str, Vec<&'a str>)> {
        let mut imports: Vec<(&str, Vec<&str>)> = Vec::new();
        for (tag, text) in self.tagged() {
            match (tag, imports.last_mut()) {
                (IMPORT, _) => imports.push((text, Vec::new())),
                (SYMBOL, Some((_, symbols))) => symbols.push(text),
                _ => {}
            }
        }
        imports
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::GoImport;

    #[test]
    fn what_went_in_comes_out() {
        let import = |path: &str, symbols: &[&str]| GoImport {
            path: path.to_owned(),
            symbols: symbols.iter().map(|symbol| (*symbol).to_owned()).collect(),
        };
        let qualifiers = Qualifiers {
            module: Some("nodejs:12".to_owned()),
            cpe: Some("cpe:2.3:a:b:c:*:*:*:*:*:*:*:*".to_owned()),
            platforms: vec!["cpe:2.3:o:debian:debian_linux:9:*:*:*:*:*:*:*".to_owned()],
            imports: vec![import("x/net/http2", &["Server.Serve", "h"]), import("x/net/html", &[])],
            ..Qualifiers::default()
        };
        let mut bytes = Vec::new();
        encode(&qualifiers, &mut bytes);
        let stored = StoredQualifiers(&bytes);
        assert_eq!(stored.module(), Some("nodejs:12"));
        assert_eq!(stored.cpe(), qualifiers.cpe.as_deref());
        assert_eq!(stored.platforms().count(), 1);
        assert_eq!(stored.imports(), [("x/net/http2", vec!["Server.Serve", "h"]), ("x/net/html", vec![])]);
        let cut = StoredQualifiers(&bytes[..bytes.len() - 3]);
        assert_eq!(cut.module(), Some("nodejs:12"));
        assert!(StoredQualifiers(&[]).module().is_none());
    }
}
