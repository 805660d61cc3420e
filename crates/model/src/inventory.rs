//! What an artifact is and what it holds.

use crate::{Digest, Distro, ImageRef, Package, PackageIndex, Unexamined};

/// What kind of thing was examined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SubjectKind {
    /// A container image: registry, layout, archive, daemon.
    Image,
    /// A directory with a project or anything else.
    Directory,
    /// A directory that is the root of a file system.
    RootFs,
    /// A single file.
    File,
    /// A git repository.
    Repository,
    /// An SBOM document.
    Sbom,
    /// Package URLs given by the user.
    Purl,
}

/// What was examined, by name and digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// What kind of thing.
    pub kind: SubjectKind,
    /// The name as the user gave it, without scheme.
    pub name: String,
    /// For images.
    pub image: Option<ImageInfo>,
}

/// Operating system and processor that an image is for. Source: OCI image-spec, `image-index.md`, `platform`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Platform {
    /// `linux`, `windows`.
    pub os: String,
    /// `amd64`, `arm64`, ...
    pub architecture: String,
    /// `v7`, `v8`.
    pub variant: Option<String>,
}

impl std::fmt::Display for Platform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        match &self.variant {
            Some(variant) => write!(f, "/{variant}"),
            None => Ok(()),
        }
    }
}

/// An image as its manifest and configuration state it; all digests were computed over the bytes received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageInfo {
    /// Digest of the image manifest; `None` where the source has none (old docker archives, daemons).
    pub manifest_digest: Option<Digest>,
    /// Digest of the index through which the manifest was chosen.
    pub index_digest: Option<Digest>,
    /// Digest of the configuration, which container tools call the image id.
    pub config_digest: Digest,
    /// The configuration, byte for byte.
    pub config: Vec<u8>,
    /// Media type of the manifest; empty where there is none.
    pub manifest_media_type: String,
    /// The platform that the configuration states.
    pub platform: Platform,
    /// References with a tag that name the image, where the source knows them.
    pub tags: Vec<ImageRef>,
    /// References with a digest that name the image.
    pub repo_digests: Vec<ImageRef>,
    /// Layers, base first.
    pub layers: Vec<LayerInfo>,
}

/// One layer of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerInfo {
    /// Digest of the layer's uncompressed tar stream.
    pub diff_id: Digest,
    /// Digest of the blob as stored; `None` where the source keeps only the tar stream.
    pub digest: Option<Digest>,
    /// Size of the blob as stored, in bytes.
    pub size: u64,
    /// Media type as the manifest states it; empty where there is none.
    pub media_type: String,
    /// The `created_by` of the history entry that made the layer.
    pub created_by: Option<String>,
}

/// How two packages are related.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RelationshipKind {
    /// `from` needs `to` to work.
    DependsOn,
    /// The files of `from` belong to the operating-system package `to`.
    OwnedBy,
    /// `from` lies inside `to` (a jar in a jar).
    ContainedIn,
}

/// A directed edge between two packages of one inventory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Relationship {
    /// From.
    pub from: PackageIndex,
    /// To.
    pub to: PackageIndex,
    /// What the edge says.
    pub kind: RelationshipKind,
}

/// An executable or shared library, by its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Executable {
    /// Path from the root without a leading slash.
    pub path: String,
    /// diffID of the layer that brought it.
    pub layer: Option<Digest>,
    /// SHA-256 of the file.
    pub digest: Digest,
    /// Size in bytes.
    pub size: u64,
    /// The package that claims the file: the operating-system package that owns it, else the package found in it. `None`: unidentified.
    pub package: Option<PackageIndex>,
}

/// What an artifact holds, as far as it could be examined.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    /// The distribution of the root file system, if it is one.
    pub distro: Option<Distro>,
    /// All packages in a stable order: kind, name, version, first location.
    pub packages: Vec<Package>,
    /// Edges in a stable order, without duplicates.
    pub relationships: Vec<Relationship>,
    /// Executables and shared libraries, by path.
    pub executables: Vec<Executable>,
    /// Content sets (repositories) that the image's build information names, and what it was built as (`ubi8-container-8.3-227-x86_64`); Red
    /// Hat matching needs them.
    pub content_sets: Vec<String>,
    /// What could not be examined, in a stable order.
    pub unexamined: Vec<Unexamined>,
}

impl Inventory {
    /// The operating-system package that owns this package's files, if there is one.
    pub fn owner(&self, package: PackageIndex) -> Option<PackageIndex> {
        self.relationships
            .iter()
            .find(|edge| edge.kind == RelationshipKind::OwnedBy && edge.from == package)
            .map(|edge| edge.to)
    }

    /// Executables that no package claims.
    pub fn unidentified(&self) -> impl Iterator<Item = &Executable> {
        self.executables.iter().filter(|executable| executable.package.is_none())
    }
}
