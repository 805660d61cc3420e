//! Packages of Red Hat, Fedora, SUSE, Amazon, Azure Linux and other systems with rpm.
//!
//! [`LEAF`] reads the database, in whichever of its three forms it is: SQLite (`rpmdb.sqlite`), NDB (`Packages.db`) or a Berkeley DB hash
//! (`Packages`), under `var/lib/rpm`, `usr/lib/sysimage/rpm` or `usr/share/rpm` (CoreOS). All three hold one header blob per package.
//! [`MANIFEST`] reads the table that distroless images of Azure Linux keep instead, [`ARCHIVE`] the header of packages that lie about as files.

mod archive;
mod bdb;
mod header;
mod manifest;
mod ndb;
mod package;
mod sqlite;
mod wal;

#[cfg(test)]
mod tests;

use signet_model::UnexaminedKind;

use crate::{Claim, Found, Input, Leaf, any_path};

/// rpm's database.
pub static LEAF: Leaf = Leaf {
    id: "rpm",
    claims: &[
        Claim::Path("lib/rpm/Packages"),
        Claim::Path("lib/rpm/Packages.db"),
        Claim::Path("lib/rpm/rpmdb.sqlite"),
        Claim::Path("lib/rpm/rpmdb.sqlite-wal"),
        Claim::Path("lib/sysimage/rpm/Packages"),
        Claim::Path("lib/sysimage/rpm/Packages.db"),
        Claim::Path("lib/sysimage/rpm/rpmdb.sqlite"),
        Claim::Path("lib/sysimage/rpm/rpmdb.sqlite-wal"),
        Claim::Path("share/rpm/Packages"),
        Claim::Path("share/rpm/Packages.db"),
        Claim::Path("share/rpm/rpmdb.sqlite"),
        Claim::Path("share/rpm/rpmdb.sqlite-wal"),
    ],
    accepts: any_path,
    max_size: 256 << 20,
    read,
    coverage: include_str!("coverage.yaml"),
};

/// The table of packages of distroless Azure Linux (Mariner) images.
pub static MANIFEST: Leaf = Leaf {
    id: "rpm-manifest",
    claims: &[Claim::Path("lib/rpmmanifest/container-manifest-2")],
    accepts: any_path,
    max_size: 16 << 20,
    read: manifest::read,
    coverage: include_str!("coverage.yaml"),
};

/// `.rpm` files. Their headers have some ten KiB, those of kernels some MiB.
pub static ARCHIVE: Leaf = Leaf {
    id: "rpm-archive",
    claims: &[Claim::Head(".rpm")],
    accepts: any_path,
    max_size: 16 << 20,
    read: archive::read,
    coverage: include_str!("coverage.yaml"),
};

/// Takes each header blob as it is found, or why a part of the database could not be read. Blobs are not collected: a database of 200 MB would
/// then be twice in memory.
type Sink<'a> = &'a mut dyn FnMut(Result<Vec<u8>, String>);

/// So many problems of one database are told one by one; a damaged one can have as many as it has bytes.
const MAX_PROBLEMS: usize = 100;

/// Reads a database of any form, told by its content: the name says little, and a link may change it.
fn read(input: &Input<'_>) -> Found {
    if input.path().ends_with("-wal") {
        return wal::read(input);
    }
    let bytes = input.bytes;
    let mut found = Found::default();
    let mut problems = 0usize;
    let mut take = |blob: Result<Vec<u8>, String>| {
        let problem = match blob {
            Ok(blob) => match header::Header::read(&blob) {
                Ok(header) => package::add(&header, input, &mut found).err(),
                Err(why) => Some(format!("a package header cannot be read: {why}")),
            },
            Err(why) => Some(why),
        };
        if let Some(why) = problem {
            problems += 1;
            if problems <= MAX_PROBLEMS {
                found.unexamined.push(input.unexamined(UnexaminedKind::Malformed, why));
            }
        }
    };
    if bytes.starts_with(sqlite::MAGIC) {
        sqlite::blobs(bytes, &mut take);
    } else if bytes.starts_with(ndb::MAGIC) {
        ndb::blobs(bytes, &mut take);
    } else if bdb::is_hash(bytes) {
        bdb::blobs(bytes, &mut take);
    } else {
        take(Err("it is no rpm database: neither SQLite, NDB nor a Berkeley DB hash".to_owned()));
    }
    if problems > MAX_PROBLEMS {
        let why = format!("{} more places of the database cannot be read", problems - MAX_PROBLEMS);
        found.unexamined.push(input.unexamined(UnexaminedKind::Malformed, why));
    }
    found
}

/// Bytes `at..at + N`; `None` past the end.
fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}
