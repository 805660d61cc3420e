//! MSBuild: what project files reference, and the versions that a directory's projects share.

use std::collections::BTreeMap;

use signet_model::{Directness, UnexaminedKind};

use super::{Wanted, declared};
use crate::syntax;
use crate::syntax::xml::{self, Element};
use crate::{Claim, Found, Input, Leaf, Manifest, Need};

/// Reads project files.
pub(crate) static PROJECT: Leaf = Leaf {
    id: "dotnet-project",
    claims: &[Claim::Suffix(".csproj"), Claim::Suffix(".fsproj"), Claim::Suffix(".vbproj")],
    accepts: super::own_file,
    max_size: 16 << 20,
    read: read_project,
    coverage: super::COVERAGE,
};

/// Reads central lists of versions: `Directory.Packages.props`, and `*packages.props` of older repositories.
pub(crate) static CENTRAL: Leaf = Leaf {
    id: "nuget-central",
    claims: &[Claim::Suffix("Packages.props"), Claim::Suffix("packages.props")],
    accepts: super::own_file,
    max_size: 16 << 20,
    read: read_central,
    coverage: super::COVERAGE,
};

/// Properties that lead to further properties, at most so many times.
const DEPTH: usize = 8;

/// Longest value that is resolved: a property may be written to double with every step.
const LENGTH: usize = 1024;

/// Reads a project file.
///
/// Shape: `<Project>` with `<PropertyGroup>` and, in it or deeper (`Choose`, `Target`), `<ItemGroup>` with
/// `<PackageReference Include Version VersionOverride PrivateAssets>`; metadata are attributes or children. Conditions are not evaluated: a
/// reference under any condition counts. A reference without a version gets it from the directory's central list, when all files are read.
/// Errors: no XML, another root; a name or version by a property that this file does not set is `Unresolved`.
/// Source: learn.microsoft.com/nuget/consume-packages/{package-references-in-project-files,central-package-management}.
fn read_project(input: &Input<'_>) -> Found {
    read(input, &["PackageReference"], true)
}

/// Reads a central list: `<PackageVersion>`, `<GlobalPackageReference>`, and `<PackageReference>` with `Include` or `Update`.
///
/// Errors: as of a project file.
fn read_central(input: &Input<'_>) -> Found {
    read(input, &["PackageVersion", "GlobalPackageReference", "PackageReference"], false)
}

fn read(input: &Input<'_>, items: &[&str], project: bool) -> Found {
    let malformed = |why: String| input.unexamined(UnexaminedKind::Malformed, why);
    let root = match xml::parse(&syntax::text(input.bytes)) {
        Ok(root) if root.name == "Project" => root,
        Ok(root) => return Found::unexamined(malformed(format!("expected `Project`, found `{}`", root.name))),
        Err(why) => return Found::unexamined(malformed(why)),
    };
    let mut references = References {
        input,
        items,
        project,
        properties: BTreeMap::new(),
        found: Found::default(),
        manifest: Manifest::default(),
    };
    references.properties(&root);
    references.items(&root);
    let manifest = references.manifest;
    Found { manifest: (!manifest.needs.is_empty()).then_some(manifest), ..references.found }
}

struct References<'a> {
    input: &'a Input<'a>,
    items: &'a [&'a str],
    project: bool,
    /// By name in lower case: the value, and whether no condition stands before it.
    properties: BTreeMap<String, (String, bool)>,
    found: Found,
    manifest: Manifest,
}

impl References<'_> {
    /// Takes the properties that the file sets. One under a condition counts where no other one does.
    fn properties(&mut self, root: &Element) {
        let groups = root.children.iter().filter(|element| element.name == "PropertyGroup");
        for group in groups {
            for property in &group.children {
                let always = group.attribute("Condition").is_none() && property.attribute("Condition").is_none();
                let name = property.name.to_ascii_lowercase();
                if always || !self.properties.contains_key(&name) {
                    self.properties.insert(name, (property.text.clone(), always));
                }
            }
        }
    }

    /// The text with its properties put in; `None` when one is not set here, or the text grows too long.
    fn resolve(&self, text: &str, depth: usize) -> Option<String> {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("$(") {
            let (name, after) = after.split_once(')')?;
            let (value, _) = self.properties.get(&name.trim().to_ascii_lowercase())?;
            out.push_str(before);
            out.push_str(&self.resolve(value, depth.checked_sub(1)?)?);
            if out.len() > LENGTH {
                return None;
            }
            rest = after;
        }
        out.push_str(rest);
        Some(out.trim().to_owned())
    }

    fn items(&mut self, element: &Element) {
        for child in &element.children {
            if self.items.iter().any(|item| child.name == *item) && element.name == "ItemGroup" {
                self.item(child);
            } else {
                // the tree's depth is bounded by its reader
                self.items(child);
            }
        }
    }

    fn unresolved(&mut self, element: &Element, what: &str) {
        let why = format!("line {}: {what} is not set in this file", element.lines.0);
        let mut what = self.input.unexamined(UnexaminedKind::Unresolved, why);
        what.location.lines = Some(element.lines);
        syntax::report(&mut self.found.unexamined, what);
    }

    fn item(&mut self, element: &Element) {
        // `Update` changes a reference that another file made; in a central list it is how versions were given before 2020.
        let update = element.attribute("Update").filter(|_| !self.project || element.metadata("Version").is_some());
        // a reference without a name is no reference
        let Some(written) = element.attribute("Include").or(update) else { return };
        let Some(names) = self.resolve(written, DEPTH) else {
            return self.unresolved(element, &format!("the name `{written}`"));
        };
        let dev = element.name == "GlobalPackageReference"
            || element.metadata("PrivateAssets").is_some_and(|text| text.eq_ignore_ascii_case("all"));
        let version = element.metadata("VersionOverride").or_else(|| element.metadata("Version"));
        let Some(version) = version else {
            if self.project {
                let needs = names.split(';').map(str::trim).filter(|name| !name.is_empty());
                self.manifest.needs.extend(needs.map(|name| Need { name: name.to_owned(), range: String::new(), dev }));
            }
            return;
        };
        let Some(version) = self.resolve(version, DEPTH).filter(|version| !version.is_empty()) else {
            return self.unresolved(element, &format!("the version `{version}` of {names}"));
        };
        for name in names.split(';').map(str::trim).filter(|name| !name.is_empty()) {
            let (version, range) = match Wanted::of(&version) {
                Wanted::Version(version) => (version, None),
                Wanted::Range(range) => (String::new(), Some(range)),
            };
            let mut package = declared(self.input, name, &version, element.lines);
            package.dev = dev;
            if self.project {
                package.directness = Directness::Direct;
            }
            package.extra.extend(range.map(|range| ("nuget.requested".to_owned(), range)));
            self.found.packages.push(package);
        }
    }
}
