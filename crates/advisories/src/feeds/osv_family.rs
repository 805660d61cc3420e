//! Databases that publish OSV records themselves: the same reader, each with its own name, licence and folder habits.
//!
//! | id | files |
//! |---|---|
//! | `bitnami`, `ghsa`, `go`, `julia`, `kubernetes`, `haskell` ... | JSON |
//! | `pypa` | YAML |
//! | `rustsec` | JSON of its export; Markdown is read by [`super::rustsec`] |

use super::source::{Reading, Source};
use super::{FeedError, osv, yaml};
use crate::record::{Advisory, Qualifiers, Record};

/// Bitnami's vulnerability database.
pub(super) static BITNAMI: Source = Source {
    id: "bitnami",
    name: "Bitnami Vulnerability Database",
    urls: &["https://github.com/bitnami/vulndb/archive/refs/heads/main.tar.gz"],
    licence: "Apache-2.0",
    redistributable: true,
    attribution: "",
    run: json,
};

/// GitHub's reviewed advisories.
pub(super) static GHSA: Source = Source {
    id: "ghsa",
    name: "GitHub Security Advisories",
    urls: &["https://github.com/github/advisory-database/archive/refs/heads/main.tar.gz"],
    licence: "CC-BY-4.0",
    redistributable: true,
    attribution: "Contains the GitHub Advisory Database, CC-BY-4.0, https://github.com/github/advisory-database",
    run: json,
};

/// The Go team's database, with the symbols that hold the vulnerable code.
pub(super) static GO: Source = Source {
    id: "govulndb",
    name: "The Go Vulnerability Database",
    urls: &["https://vuln.go.dev/vulndb.zip"],
    licence: "CC-BY-4.0",
    redistributable: true,
    attribution: "Contains the Go Vulnerability Database, CC-BY-4.0, https://vuln.go.dev",
    run: json,
};

/// The Python Packaging Authority's database.
pub(super) static PYPA: Source = Source {
    id: "pypa",
    name: "Python Packaging Advisory Database",
    urls: &["https://github.com/pypa/advisory-database/archive/refs/heads/main.tar.gz"],
    licence: "CC-BY-4.0",
    redistributable: true,
    attribution: "Contains the Python Packaging Advisory Database, CC-BY-4.0",
    run: json_or_yaml,
};

/// The CVE feed of the Kubernetes project.
pub(super) static KUBERNETES: Source = Source {
    id: "kubernetes",
    name: "Kubernetes CVE feed",
    urls: &["https://github.com/kubernetes-sigs/cve-feed-osv/archive/refs/heads/main.tar.gz"],
    licence: "Apache-2.0",
    redistributable: true,
    attribution: "",
    run: json,
};

/// The Julia community's database.
pub(super) static JULIA: Source = Source {
    id: "julia",
    name: "Julia Security Advisories",
    urls: &["https://github.com/JuliaLang/SecurityAdvisories.jl/archive/refs/heads/generated/osv.tar.gz"],
    licence: "CC-BY-4.0",
    redistributable: true,
    attribution: "Contains the Julia security advisories, CC-BY-4.0",
    run: json,
};

/// Records of any ecosystem as OSV.dev collects them.
pub(super) static OSV: Source = Source {
    id: "osv",
    name: "OSV",
    urls: &["https://osv-vulnerabilities.storage.googleapis.com/{}/all.zip"],
    licence: "CC-BY-4.0",
    redistributable: true,
    attribution: "Contains advisories of the databases named per finding, as collected by OSV, https://osv.dev",
    run: json,
};

fn json(reading: &mut Reading<'_>) -> Result<(), FeedError> {
    for path in reading.paths(&[".json"]) {
        record(reading, &path)?;
    }
    Ok(())
}

fn json_or_yaml(reading: &mut Reading<'_>) -> Result<(), FeedError> {
    for path in reading.paths(&[".json", ".yaml", ".yml"]) {
        if path.ends_with(".json") {
            record(reading, &path)?;
            continue;
        }
        let read = yaml::value(&reading.bytes(&path)?);
        match read.and_then(|value| serde_json::to_vec(&value).map_err(|err| err.to_string())) {
            Ok(json) => one(reading, &path, &json, &mut |_, advisory| vec![(advisory, None)])?,
            Err(why) => reading.malformed(&path, why),
        }
    }
    Ok(())
}

/// One file that holds one record.
pub(super) fn record(reading: &mut Reading<'_>, path: &str) -> Result<(), FeedError> {
    let tree = reading.tree;
    let bytes = tree.bytes(path).map_err(|err| FeedError::Unpack { place: path.to_owned(), err })?;
    one(reading, path, &bytes, &mut |_, advisory| vec![(advisory, None)])
}

/// What becomes of an advisory of a record.
pub(super) type Change<'c> = dyn FnMut(&mut Reading<'_>, Advisory) -> Vec<(Advisory, Option<Qualifiers>)> + 'c;

/// Reads one record and hands its advisories through `change`.
pub(super) fn one(
    reading: &mut Reading<'_>,
    path: &str,
    json: &[u8],
    change: &mut Change<'_>,
) -> Result<(), FeedError> {
    let mut summary = osv::Summary::default();
    let mut held = Vec::new();
    let read = osv::read(path, json, &mut summary, &mut |record| {
        held.push(record);
        Ok(())
    });
    match read {
        Err(FeedError::Json { err, .. }) => {
            reading.malformed(path, err);
            return Ok(());
        }
        read => read?,
    }
    for place in &summary.skipped {
        reading.skip(place, "a JSON file without `id`");
    }
    for (ecosystem, _) in summary.unknown_ecosystems {
        reading.unknown(&ecosystem);
    }
    reading.tally.records += summary.records;
    reading.tally.newest = reading.tally.newest.max(summary.newest);
    for record in held {
        match record {
            Record::Advisory(advisory) => {
                for (advisory, qualifiers) in change(reading, *advisory) {
                    match qualifiers {
                        None => reading.put(Record::Advisory(Box::new(advisory)))?,
                        Some(qualifiers) => {
                            reading.put(Record::Qualified(Box::new(advisory), Box::new(qualifiers)))?;
                        }
                    }
                }
            }
            record => reading.put(record)?,
        }
    }
    Ok(())
}
