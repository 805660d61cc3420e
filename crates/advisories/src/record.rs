//! What every feed is read into: one closed list of records, which the [`crate::Builder`] compiles.

use signet_model::{Cvss, DataSource, Epss, FindingId, KnownExploited, Severity, Status, Timestamp};

/// How the bytes of a feed came to us, weakest last. Shown in every report and usable in policy (DESIGN, promise 4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// A signature over the bytes was verified; by whom.
    Signed(String),
    /// Fetched by a digest that the user or a signed index names.
    DigestPinned(String),
    /// Nothing but the TLS connection to the server vouches for it.
    TlsOnly,
    /// A file that the user gave.
    LocalFile,
}

impl Trust {
    /// The name in our JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Trust::Signed(_) => "signed",
            Trust::DigestPinned(_) => "digest-pinned",
            Trust::TlsOnly => "tls-only",
            Trust::LocalFile => "local-file",
        }
    }

    /// Who signed, or which digest.
    pub fn detail(&self) -> &str {
        match self {
            Trust::Signed(text) | Trust::DigestPinned(text) => text,
            Trust::TlsOnly | Trust::LocalFile => "",
        }
    }
}

/// A source of data as a whole: what a compiled database was made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feed {
    /// Short name: `trivy-db`, `osv`, `kev`, `epss`.
    pub name: String,
    /// Where the bytes came from.
    pub url: String,
    /// When its publisher made the data, where that is known. Ages are counted from here.
    pub data_time: Option<Timestamp>,
    /// SPDX expression or words.
    pub licence: String,
    /// Whether the data may be passed on to others in compiled form.
    pub redistributable: bool,
    /// The line that its licence wants to be shown; empty where none does.
    pub attribution: String,
    /// How the bytes came to us.
    pub trust: Trust,
}

/// Which name of a package an advisory speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Named {
    /// The source (origin) package, compared with the source's version.
    Source,
    /// The binary package, compared with its own version.
    Binary,
    /// A package of a language's registry.
    Library,
    /// The package under whichever of its two names is this one, each with its own version: Grype's data for distributions.
    Any,
    /// A product by vendor and name (CPE), for what no ecosystem publishes advisories.
    Product,
}

/// A comparison of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "each variant is its own name")]
pub enum Op {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
}

impl Op {
    /// As it is written.
    pub fn sign(self) -> &'static str {
        match self {
            Op::Less => "<",
            Op::LessOrEqual => "<=",
            Op::Greater => ">",
            Op::GreaterOrEqual => ">=",
            Op::Equal => "=",
            Op::NotEqual => "!=",
        }
    }
}

/// A set of versions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Range {
    /// All that satisfy every comparison; none of them: every version.
    All(Vec<(Op, String)>),
    /// A constraint in the ecosystem's own words, read when it is needed.
    Words(String),
}

impl Range {
    /// Every version: how an advisory without a fix is written.
    pub fn everything() -> Range {
        Range::All(Vec::new())
    }

    /// Versions before the one that repairs it; from `introduced` on where that is known.
    pub fn before(introduced: Option<&str>, fixed: &str) -> Range {
        let from = introduced.map(|version| (Op::GreaterOrEqual, version.to_owned()));
        let to = (!fixed.is_empty()).then(|| (Op::Less, fixed.to_owned()));
        Range::All(from.into_iter().chain(to).collect())
    }
}

/// Which versions an advisory calls vulnerable.
///
/// A version is vulnerable if it is listed, or if it lies in a range of `vulnerable` (or that list is empty and `safe` is not), and in none of `safe`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Affected {
    /// Any of them.
    pub vulnerable: Vec<Range>,
    /// None of them: patched and unaffected versions.
    pub safe: Vec<Range>,
    /// Versions by name.
    pub versions: Vec<String>,
    /// Vulnerable whatever the ranges say (a feed that gives an empty range means this).
    pub always: bool,
}

/// One advisory about one package of one stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Advisory {
    /// Distribution release (`debian 12`) or ecosystem (`npm`): the first half of the key. See [`crate::streams`].
    pub stream: String,
    /// Name as [`crate::names`] normalises it, with `module:stream::` before it for modular RPM packages: the second half.
    pub package: String,
    /// Which name that is.
    pub named: Named,
    /// The id that findings get.
    pub id: FindingId,
    /// Ids under which the vendor published it.
    pub vendor_ids: Vec<String>,
    /// As the source says; `Unknown` where it says nothing.
    pub status: Status,
    /// Severity of this package by its vendor, where that differs by package.
    pub severity: Option<Severity>,
    /// The vulnerable versions.
    pub affected: Affected,
    /// Versions that repair it, as the source writes them.
    pub fixed: Vec<String>,
    /// Architectures that it holds for; empty: all.
    pub arches: Vec<String>,
    /// Indices of the products (Red Hat's CPEs) that it holds for; empty: all.
    pub products: Vec<u32>,
    /// A malicious package.
    pub malicious: bool,
    /// Who published it.
    pub source: DataSource,
}

/// Where an advisory holds, beyond the versions, and what else its source says of it. The default restricts nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Qualifiers {
    /// The versions in the ranges are **not** vulnerable: a distribution's "not affected", or what a rebuild repaired under another build.
    pub unaffected: bool,
    /// RPM module (`name:stream`) that the package must be of; `Some("")`: of none.
    pub module: Option<String>,
    /// The product's whole CPE (2.3), for advisories that are found by vendor and product.
    pub cpe: Option<String>,
    /// CPEs of platforms (2.3) of which one must be there; empty: any.
    pub platforms: Vec<String>,
    /// Go packages that hold the vulnerable code, each with its symbols (none: all of it); empty: the whole module.
    pub imports: Vec<GoImport>,
    /// When the first fix could be had.
    pub available: Option<Timestamp>,
}

/// A package of a Go module that an advisory names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GoImport {
    /// Import path: `golang.org/x/net/http2`.
    pub path: String,
    /// Functions and methods: `Server.ServeConn`; empty: all.
    pub symbols: Vec<String>,
}

/// Until when a distribution release is maintained.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lifecycle {
    /// After this, nobody repairs anything.
    pub end_of_life: Option<Timestamp>,
    /// After this, only security fixes come.
    pub end_of_active_support: Option<Timestamp>,
}

/// What a source knows of a vulnerability whatever package has it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Detail {
    /// The same thing under other names.
    pub aliases: Vec<FindingId>,
    /// One line.
    pub title: String,
    /// Text.
    pub description: String,
    /// Severity without a source, used when no better one is known.
    pub severity: Option<Severity>,
    /// Severity by source.
    pub severities: Vec<(String, Severity)>,
    /// Scores by source.
    pub cvss: Vec<(String, Cvss)>,
    /// Weakness ids.
    pub cwes: Vec<String>,
    /// Links.
    pub references: Vec<String>,
    /// When it was published.
    pub published: Option<Timestamp>,
    /// When it was changed.
    pub modified: Option<Timestamp>,
}

/// What names a set of Red Hat products.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProductKey {
    /// A content set (repository): `rhel-8-for-x86_64-baseos-rpms`.
    ContentSet,
    /// Name, version, release and architecture of a container image: `ubi7-container-7.7-140-x86_64`.
    Nvr,
}

/// Everything that a feed can say. A new kind of data is a new variant here, and nowhere else.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// A package is vulnerable.
    Advisory(Box<Advisory>),
    /// The same, for a part of the packages with that name.
    Qualified(Box<Advisory>, Box<Qualifiers>),
    /// More about a vulnerability.
    Detail(FindingId, Box<Detail>),
    /// The vulnerability was withdrawn or rejected: kept as a tombstone, and no advisory with this id matches any more.
    Withdrawn(FindingId),
    /// A name of Red Hat products.
    Products(ProductKey, String, Vec<u32>),
    /// An entry of CISA's catalogue.
    Kev(FindingId, Box<KnownExploited>),
    /// FIRST's estimate.
    Epss(FindingId, Epss),
    /// The stream is covered, even if no advisory stands in it.
    Stream(String),
    /// How long the release of this stream is maintained.
    Lifecycle(String, Lifecycle),
}

/// Takes records one by one. What a reader hands its records to; an error stops the reader.
pub type Sink<'s> = dyn FnMut(Record) -> Result<(), crate::BuildError> + 's;
