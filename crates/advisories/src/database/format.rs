//! The numbers of the format. `docs/reference/database-format.md` explains them.

/// Version of the byte format. A reader knows exactly one: databases are compiled again, not converted.
pub const FORMAT_VERSION: u32 = 2;

pub(super) const MAGIC: &[u8; 8] = b"SIGNETDB";
pub(super) const HEADER: usize = 512;
pub(super) const SECTION_TABLE: usize = 32;
pub(super) const SECTION_ROW: usize = 24;
pub(super) const MAX_SECTIONS: usize = 16;
/// Place of the SHA-256 over everything behind the header.
pub(super) const BODY_DIGEST: usize = SECTION_TABLE + MAX_SECTIONS * SECTION_ROW;
/// Place of the SHA-256 over the header's bytes before it.
pub(super) const HEADER_DIGEST: usize = BODY_DIGEST + 32;

/// Sections, by their number in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Section {
    Details = 1,
    Pool = 2,
    Streams = 3,
    Table = 4,
    Groups = 5,
    Advisories = 6,
    Vulnerabilities = 7,
    DetailIndex = 8,
    Kev = 9,
    Epss = 10,
    Products = 11,
    Sources = 12,
    Feeds = 13,
    Lifecycles = 14,
}

impl Section {
    pub(super) const ALL: [Section; 14] = [
        Section::Details,
        Section::Pool,
        Section::Streams,
        Section::Table,
        Section::Groups,
        Section::Advisories,
        Section::Vulnerabilities,
        Section::DetailIndex,
        Section::Kev,
        Section::Epss,
        Section::Products,
        Section::Sources,
        Section::Feeds,
        Section::Lifecycles,
    ];

    pub(super) const COUNT: usize = Section::ALL.len();

    pub(super) fn name(self) -> &'static str {
        match self {
            Section::Details => "details",
            Section::Pool => "pool",
            Section::Streams => "streams",
            Section::Table => "table",
            Section::Groups => "groups",
            Section::Advisories => "advisories",
            Section::Vulnerabilities => "vulnerabilities",
            Section::DetailIndex => "detail index",
            Section::Kev => "kev",
            Section::Epss => "epss",
            Section::Products => "products",
            Section::Sources => "sources",
            Section::Feeds => "feeds",
            Section::Lifecycles => "lifecycles",
        }
    }

    /// Bytes of one row; 1 for sections without rows.
    pub(super) fn row(self) -> usize {
        match self {
            Section::Details | Section::Pool | Section::Feeds => 1,
            Section::Streams => 8,
            Section::Table => 8,
            Section::Groups => 16,
            Section::Advisories => ADVISORY_ROW,
            Section::Vulnerabilities => 32,
            Section::DetailIndex => 12,
            Section::Kev => 8,
            Section::Epss => 20,
            Section::Products | Section::Lifecycles => 12,
            Section::Sources => 16,
        }
    }
}

/// Bytes of an advisory row.
pub(super) const ADVISORY_ROW: usize = 36;

/// The last byte of a feed that is named only because its records were left out; 0 and 1 tell whether a feed may be passed on.
pub(super) const LEFT_OUT: u8 = 2;

/// Flags of an advisory row.
pub(super) const MALICIOUS: u8 = 1;
/// The severity byte of an advisory row holds a severity.
pub(super) const HAS_SEVERITY: u8 = 2;

/// The versions in the ranges are not vulnerable.
pub(super) const UNAFFECTED: u8 = 4;

/// Days since 1970 of a time, as far as 16 bits reach (the year 2149); 0 for none.
pub(super) fn day(time: Option<signet_model::Timestamp>) -> u16 {
    time.and_then(|time| u16::try_from(time.as_second().div_euclid(86_400)).ok()).unwrap_or(0)
}

/// The time of a stored day.
pub(super) fn time_of_day(day: u32) -> Option<signet_model::Timestamp> {
    if day == 0 { None } else { signet_model::Timestamp::from_second(i64::from(day) * 86_400).ok() }
}

/// Flag of a vulnerability row: withdrawn or rejected.
pub(super) const WITHDRAWN: u32 = 1;

/// The hash of the table: FNV-1a over the stream's number and the name, stirred so that its upper bits are good too (finaliser of MurmurHash3).
pub(super) fn hash(stream: u32, name: &[u8]) -> u64 {
    let start = stream.to_le_bytes().iter().fold(0xcbf2_9ce4_8422_2325u64, step);
    let mut hash = name.iter().fold(start, step);
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^ (hash >> 33)
}

fn step(hash: u64, byte: &u8) -> u64 {
    (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
}
