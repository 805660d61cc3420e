//! .NET assemblies, by the version resource that the compiler writes.

use std::collections::BTreeMap;

use signet_model::{PackageKind, UnexaminedKind};

use super::pe::Headers;
use crate::{BinaryFormat, Claim, Found, Input, Leaf};

/// Reads .NET assemblies, and tells of libraries that are none.
pub(crate) static LEAF: Leaf = Leaf {
    id: "dotnet-assembly",
    claims: &[Claim::Executable, Claim::Suffix(".dll")],
    accepts,
    max_size: 64 << 20,
    read,
    coverage: super::COVERAGE,
};

/// Assemblies by name. Those with translations are part of another; those of a reference pack have signatures and no code.
fn accepts(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    let named = lower.ends_with(".dll") || lower.ends_with(".exe");
    named && !lower.ends_with(".resources.dll") && !(lower.contains("packs/") && lower.contains("/ref/"))
}

/// Reads one assembly.
///
/// The name is that of the assembly: `InternalName`, else `OriginalFilename`, without `.dll`; it is what packages of NuGet are called by
/// habit. The version is `ProductVersion`, into which the build puts the package's version, up to the commit behind `+`; else
/// `FileVersion`. Programs for Windows that are not .NET have no package here. An assembly that a `*.deps.json` lists is its package's
/// and is dropped when all files are read. Errors: a file called `.dll` that is no program.
/// Source: learn.microsoft.com/windows/win32/menurc/versioninfo-resource; learn.microsoft.com/dotnet/core/project-sdk/msbuild-props,
/// "assembly attribute properties".
fn read(input: &Input<'_>) -> Found {
    let Some(binary) = input.binary else {
        // a program under the name of a link is read under its own
        let program = input.bytes.starts_with(b"MZ");
        let why = "it is called a library, but does not begin like a program";
        return match program {
            true => Found::default(),
            false => Found::unexamined(input.unexamined(UnexaminedKind::Malformed, why)),
        };
    };
    if binary.format() != BinaryFormat::Pe {
        return Found::default();
    }
    let Some(headers) = Headers::read(binary).filter(Headers::is_managed) else { return Found::default() };
    let texts = headers.version_texts(binary);
    let (Some(name), Some(version)) = (name(&texts), version(&texts)) else { return Found::default() };
    let mut package = input.package(PackageKind::Nuget, name, version);
    package.vendor = texts.get("CompanyName").cloned();
    package.description = texts.get("FileDescription").or_else(|| texts.get("Comments")).cloned();
    for (fact, key) in [
        ("dotnet.product", "ProductName"),
        ("dotnet.product_version", "ProductVersion"),
        ("dotnet.file_version", "FileVersion"),
        ("dotnet.assembly_version", "Assembly Version"),
    ] {
        if let Some(value) = texts.get(key) {
            package.extra.insert(fact.to_owned(), value.clone());
        }
    }
    Found { packages: vec![package], ..Found::default() }
}

fn name(texts: &BTreeMap<String, String>) -> Option<&str> {
    let file = ["InternalName", "OriginalFilename"].iter().filter_map(|key| texts.get(*key)).map(|text| {
        let text = text.rsplit(['/', '\\']).next().unwrap_or(text);
        let end = text.len().saturating_sub(4);
        let extension = text.get(end..).unwrap_or_default().to_ascii_lowercase();
        if matches!(extension.as_str(), ".dll" | ".exe") { text.get(..end).unwrap_or(text) } else { text }
    });
    let shown = ["ProductName", "FileDescription"].iter().filter_map(|key| texts.get(*key)).map(String::as_str);
    file.chain(shown).map(str::trim).find(|name| !name.is_empty())
}

/// The first word that begins with a digit, as far as it looks like a version: `8.0.0+c0ffee` and `4.8.4084.0 built by: X` have others behind.
fn version(texts: &BTreeMap<String, String>) -> Option<String> {
    let of = |key: &str| {
        let words = texts.get(key)?.split([' ', '+', ',', '@']).map(|word| word.trim_start_matches(['v', 'V']));
        // a build that sets no version writes zeros
        let stated =
            |word: &&str| word.starts_with(|c: char| c.is_ascii_digit()) && word.contains(|c| matches!(c, '1'..='9'));
        words.filter(stated).map(str::to_owned).next()
    };
    of("ProductVersion").or_else(|| of("FileVersion")).or_else(|| of("Assembly Version"))
}
