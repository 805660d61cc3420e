//! The shape that every cataloger has.

use std::borrow::Cow;
use std::collections::BTreeMap;

use signet_model::{Distro, License, Location, Package, PackageKind, RelationshipKind, Unexamined, UnexaminedKind};

use crate::Manifest;

/// Which files a leaf is offered. Paths have no leading slash; matching is case-sensitive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The file's name is this: `Name("package-lock.json")`.
    Name(&'static str),
    /// The file's name ends with this: `Suffix(".jar")`.
    Suffix(&'static str),
    /// The file's name ends with this, and its beginning, at most `max_size` bytes, is enough: `Head(".gguf")`. All other claims of such a leaf are
    /// of this kind. A program or script of such a name is no file of this kind, and is not offered.
    Head(&'static str),
    /// The path is this or ends with `/` and this: `Path("lib/dpkg/status")`.
    Path(&'static str),
    /// The file lies directly in a directory whose path is or ends with the first, and its name ends with the second:
    /// `In("lib/dpkg/info", ".list")`. An empty second takes every file of the directory.
    In(&'static str, &'static str),
    /// The file's first bytes are those of an ELF, PE or Mach-O program or library, whatever its name. A leaf that claims such files also by
    /// name is offered them once, as programs; what only has the name of one it is offered as bytes.
    Executable,
}

/// One cataloger: what it reads and how. A leaf never walks the tree: one walk offers each file to all leaves by what they claim.
#[derive(Clone, Copy, Debug)]
pub struct Leaf {
    /// Short name, stable: it stands in `Package::found_by` and `Unexamined::by`.
    pub id: &'static str,
    /// Files that it is offered.
    pub claims: &'static [Claim],
    /// Narrows the claims by path, where names are not enough. A file that this refuses is not claimed.
    pub accepts: fn(path: &str) -> bool,
    /// Largest file that it reads, in bytes; a larger one is `Unexamined`. Not used for executables. Of files claimed by [`Claim::Head`] it reads so much.
    pub max_size: u64,
    /// Reads one file. Never fails: what cannot be read becomes an `Unexamined`, the rest is kept.
    pub read: fn(&Input<'_>) -> Found,
    /// What it can tell and what not: `coverage.yaml` of its folder.
    pub coverage: &'static str,
}

impl Leaf {
    /// Whether the beginnings of files are enough for it.
    pub(crate) fn reads_heads(&self) -> bool {
        matches!(self.claims.first(), Some(Claim::Head(_)))
    }
}

/// `Leaf::accepts` of a leaf that takes whatever it claims.
pub fn any_path(_path: &str) -> bool {
    true
}

/// One file offered to a leaf.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    /// Where it is. Findings take their location from here.
    pub location: &'a Location,
    /// The whole file, or as much of its beginning as the leaf reads. Empty for executables: they are read through `binary`.
    pub bytes: &'a [u8],
    /// The file as a program, for [`Claim::Executable`].
    pub binary: Option<&'a dyn Binary>,
    /// The leaf's own id.
    pub leaf: &'static str,
}

impl Input<'_> {
    /// The path.
    pub fn path(&self) -> &str {
        &self.location.path
    }

    /// The file's name without its directories.
    pub fn name(&self) -> &str {
        self.path().rsplit('/').next().unwrap_or_default()
    }

    /// An `Unexamined` for this file.
    pub fn unexamined(&self, kind: UnexaminedKind, why: impl Into<String>) -> Unexamined {
        Unexamined { location: self.location.clone(), kind, by: self.leaf, why: why.into() }
    }

    /// An installed package found by this leaf at this file.
    pub fn package(&self, kind: PackageKind, name: impl Into<String>, version: impl Into<String>) -> Package {
        Package { found_by: self.leaf, locations: vec![self.location.clone()], ..Package::new(kind, name, version) }
    }
}

/// Container format of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each variant is its own name")]
pub enum BinaryFormat {
    Elf,
    Pe,
    MachO,
}

/// A program or shared library that is read by parts, so that its size does not matter.
pub trait Binary {
    /// The container format.
    fn format(&self) -> BinaryFormat;
    /// Size of the file in bytes.
    fn size(&self) -> u64;
    /// Content of the section of this name (`.go.buildinfo`, `.dep-v0`; Mach-O: without its segment), decompressed, at most 64 MiB.
    fn section(&self, name: &str) -> Option<Cow<'_, [u8]>>;
    /// Whether there is a section of this name. Headers alone tell, so asking costs no second pass, as asking for the content of one may.
    fn has_section(&self, name: &str) -> bool {
        self.section(name).is_some()
    }
    /// Why [`Binary::section`] cannot give a section that is there: compressed in a way that is not read, broken, or too large. `None`: no reason,
    /// or no such section.
    fn refuses_section(&self, _name: &str) -> Option<&'static str> {
        None
    }
    /// Up to `len` bytes that are mapped at this virtual address; shorter where the segment's file content ends.
    fn at_address(&self, address: u64, len: usize) -> Option<Cow<'_, [u8]>>;
    /// `len` bytes of the file from this offset on, wherever they are mapped; `None` past the end of the file, or when they are not at hand.
    fn bytes_at(&self, _offset: u64, _len: u64) -> Option<Cow<'_, [u8]>> {
        None
    }
    /// Virtual address and file size of the first writable data segment.
    fn data_segment(&self) -> Option<(u64, u64)>;
    /// What is at hand of the table of functions of a Go program (`runtime.pclntab`), from its header on. Asking costs no second pass.
    fn functions(&self) -> Option<Cow<'_, [u8]>> {
        None
    }
    /// Well-known programs that the pass over this file recognised in it.
    fn sightings(&self) -> &[crate::Sighting] {
        &[]
    }
}

/// The package that an ownership list speaks of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Owner {
    /// A package of the same `Found`, by its place there.
    Here(usize),
    /// A package that another file states (dpkg's `info/NAME.list`).
    Named {
        /// Its ecosystem.
        kind: PackageKind,
        /// Its name.
        name: String,
        /// Its architecture, where the list's name has one.
        arch: Option<String>,
    },
}

/// What a leaf found in one file. Places in `packages` link the parts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// Packages, each with a location.
    pub packages: Vec<Package>,
    /// Edges between packages of this file.
    pub edges: Vec<(usize, usize, RelationshipKind)>,
    /// Needs of a package by name, to be resolved among packages of the same kind when everything has been read.
    pub requires: Vec<(usize, String)>,
    /// Names besides its own under which a package of this file answers the needs of others (`Provides` of dpkg, apk and rpm).
    pub provides: Vec<(usize, String)>,
    /// Files that belong to a package: paths without leading slash.
    pub owns: Vec<(Owner, Vec<String>)>,
    /// Licences of a package that another file states (dpkg keeps them beside the documentation).
    pub licenses: Vec<(Owner, Vec<License>)>,
    /// The distribution, from a file that states one. `rank` orders the sources: the lowest of an image wins.
    pub distro: Option<(u8, Distro)>,
    /// Facts about the whole image by name: `content_set` (several), `apk_repository` (several), `debian_version` (one). What a leaf
    /// keeps for the step that lets files complete each other has a name here, too, and goes no further: `maven_model` (lines).
    pub facts: BTreeMap<&'static str, Vec<String>>,
    /// What a project's manifest says of the lock file beside it.
    pub manifest: Option<Manifest>,
    /// What could not be read.
    pub unexamined: Vec<Unexamined>,
}

impl Found {
    /// Nothing but an `Unexamined`.
    pub fn unexamined(what: Unexamined) -> Found {
        Found { unexamined: vec![what], ..Found::default() }
    }
}
