//! Where publishers keep the files of a feed: under one address, under one for each release, or in lists that must be read first.
//!
//! What a list names is fetched below the list's own host and nowhere else. A file that is named and cannot be had fails the feed: half a feed
//! would be a quiet hole.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use signet_advisories::Trust;
use signet_advisories::feeds::Source;
use signet_oci_client::BlockingClient;

use super::feeds::{Given, by_name};
use super::update::fetch_most;

/// Largest file of a publisher's feed, in bytes; GitHub's advisories have 400 MB packed.
const MOST: u64 = 2 << 30;
/// Largest list, in bytes.
const MOST_LISTED: u64 = 16 << 20;
/// Files of one feed.
const MOST_FILES: usize = 5000;

/// Releases of Photon OS whose data is published.
const PHOTON: &[&str] = &["1.0", "2.0", "3.0", "4.0", "5.0"];
/// Mirrors of Amazon's repositories; `updateinfo.xml` of each names all of its bulletins. The folder names the release.
const AMAZON: &[(&str, &str)] = &[
    ("2", "https://cdn.amazonlinux.com/2/core/latest/x86_64/mirror.list"),
    ("2023", "https://cdn.amazonlinux.com/al2023/core/mirrors/latest/x86_64/mirror.list"),
];
const ALPINE: &str = "https://secdb.alpinelinux.org/";
const OSV: &str = "https://osv-vulnerabilities.storage.googleapis.com/";
const REDHAT: &str = "https://security.access.redhat.com/data/csaf/v2/vex/";

/// Fetches a feed from its publisher into `scratch`.
pub(super) fn fetch(client: &BlockingClient, name: &str, scratch: &Path) -> Result<Vec<Given>> {
    let source = by_name(name)?;
    let folder = scratch.join(format!("feed-{name}"));
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make the directory `{}`", folder.display()))?;
    let mut job = Job { client, source, folder, files: 0, trust: None };
    job.all().with_context(|| format!("cannot fetch the feed `{name}`"))
}

struct Job<'c> {
    client: &'c BlockingClient,
    source: &'static Source,
    folder: PathBuf,
    files: usize,
    trust: Option<Trust>,
}

impl Job<'_> {
    fn all(&mut self) -> Result<Vec<Given>> {
        match self.source.id {
            // One file for each release.
            "azure" => {
                for url in self.source.urls {
                    self.file(url, &last(url))?;
                }
                self.folder(self.source.urls.first().copied().unwrap_or_default())
            }
            "photon" => {
                let url = self.source.urls.first().copied().unwrap_or_default();
                for release in PHOTON {
                    let url = url.replace("{}", release);
                    self.file(&url, &last(&url))?;
                }
                self.folder(url)
            }
            "alpine" => {
                for release in links(&self.text(ALPINE)?).into_iter().filter(|link| is_release(link)) {
                    let below = format!("{ALPINE}{release}");
                    for file in links(&self.text(&below)?).into_iter().filter(|link| link.ends_with(".json")) {
                        self.file(&format!("{below}{file}"), &format!("{}-{file}", release.trim_end_matches('/')))?;
                    }
                }
                self.folder(ALPINE)
            }
            "osv" => {
                let mut given = Vec::new();
                for ecosystem in ecosystems(&self.text(&format!("{OSV}ecosystems.txt"))?) {
                    let url = format!("{OSV}{}/all.zip", ecosystem.replace(' ', "%20"));
                    let path = self.file(&url, &format!("{}.zip", ecosystem.replace(' ', "-")))?;
                    given.push(self.given(path, &url)?);
                }
                ensure!(!given.is_empty(), "its list of ecosystems is empty");
                Ok(given)
            }
            "redhat" => {
                let name = self.text(&format!("{REDHAT}archive_latest.txt"))?.trim().to_owned();
                ensure!(is_plain(&name), "its list names no archive");
                let url = format!("{REDHAT}{name}");
                let path = self.file(&url, &name)?;
                Ok(vec![self.given(path, &url)?])
            }
            "fedora" => {
                let url = self.source.urls.first().copied().unwrap_or_default();
                let mut page = 1;
                loop {
                    let path = self.file(&url.replace("{}", &page.to_string()), &format!("page-{page}.json"))?;
                    let of = pages(&std::fs::read(path).context("cannot read what was fetched")?)?;
                    if page >= of {
                        break;
                    }
                    page += 1;
                }
                self.folder(url)
            }
            "amazon" => {
                for (release, list) in AMAZON {
                    let text = self.text(list)?;
                    let base = text.lines().map(str::trim).find(|line| !line.is_empty());
                    let base = base.map(|base| base.trim_end_matches('/')).filter(|base| same_host(base, list));
                    let base = base.with_context(|| format!("`{list}` names no mirror of its own host"))?;
                    let index = self.text(&format!("{base}/repodata/repomd.xml"))?;
                    let place = updateinfo(&index).with_context(|| format!("`{base}` has no `updateinfo`"))?;
                    self.file(&format!("{base}/{place}"), &format!("{release}_{}", last(&place)))?;
                }
                self.folder("https://alas.aws.amazon.com")
            }
            _ => {
                let whole = |url: &&&str| !url.contains("{}") && !url.ends_with('/') && !url.ends_with(".list");
                let Some(url) = self.source.urls.iter().find(whole).filter(|_| self.source.id != "rocky") else {
                    bail!(
                        "it is published in many files ({}): fetch them, and use `signet db build --feed`",
                        self.source.urls.join(", ")
                    )
                };
                // What has no ending of its own is JSON with all of these publishers.
                let name = last(url);
                let name = if name.contains('.') { name } else { format!("{name}.json") };
                let path = self.file(url, &name)?;
                Ok(vec![self.given(path, url)?])
            }
        }
    }

    /// Fetches one file; `name` becomes its name below the folder of the feed.
    fn file(&mut self, url: &str, name: &str) -> Result<PathBuf> {
        ensure!(is_plain(name), "`{}` cannot be the name of a file", name.escape_debug());
        self.files += 1;
        ensure!(self.files <= MOST_FILES, "it has more than {MOST_FILES} files");
        let (bytes, trust) = fetch_most(self.client, url, MOST)?;
        // What is least vouched for counts for all.
        if self.trust.as_ref().is_none_or(|known| *known != Trust::TlsOnly) {
            self.trust = Some(trust);
        }
        let path = self.folder.join(name);
        std::fs::write(&path, &bytes).with_context(|| format!("cannot write `{}`", path.display()))?;
        Ok(path)
    }

    fn text(&self, url: &str) -> Result<String> {
        let (bytes, _) = fetch_most(self.client, url, MOST_LISTED)?;
        String::from_utf8(bytes).with_context(|| format!("`{url}` is no text"))
    }

    fn given(&self, path: PathBuf, url: &str) -> Result<Given> {
        let trust = self.trust.clone().context("nothing was fetched")?;
        Ok(Given { source: self.source, path, fetched: Some((url.to_owned(), trust)) })
    }

    /// All files together.
    fn folder(&self, url: &str) -> Result<Vec<Given>> {
        ensure!(self.files > 0, "its list names no file");
        Ok(vec![self.given(self.folder.clone(), url)?])
    }
}

/// The last part of an address, without its query.
fn last(url: &str) -> String {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    path.rsplit('/').next().unwrap_or_default().to_owned()
}

/// A name that stays in its folder.
fn is_plain(name: &str) -> bool {
    let good = |sign: char| sign.is_ascii_alphanumeric() || "._-+()[]~".contains(sign);
    !name.is_empty() && name.len() <= 200 && !name.starts_with('.') && name.chars().all(good)
}

/// Names that a listing of a folder links to, folders with their slash.
fn links(page: &str) -> Vec<String> {
    let mut found = Vec::new();
    for part in page.split("href=\"").skip(1) {
        let Some((link, _)) = part.split_once('"') else { continue };
        let link = link.strip_prefix("./").unwrap_or(link);
        if is_plain(link.strip_suffix('/').unwrap_or(link)) && !found.iter().any(|known| known == link) {
            found.push(link.to_owned());
        }
    }
    found
}

/// `v3.20/`, `edge/`.
fn is_release(link: &str) -> bool {
    link == "edge/"
        || link
            .strip_prefix('v')
            .is_some_and(|rest| rest.ends_with('/') && rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// Ecosystems of OSV's list. Releases of one (`Alpine:v3.10`) are in the whole of it.
fn ecosystems(list: &str) -> Vec<String> {
    let lines = list.lines().map(str::trim);
    lines
        .filter(|line| !line.contains(':') && is_plain(&line.replace(' ', "-")) && !line.starts_with('['))
        .map(str::to_owned)
        .collect()
}

/// How many pages Bodhi has.
fn pages(page: &[u8]) -> Result<u32> {
    #[derive(serde::Deserialize)]
    struct Page {
        pages: u32,
    }
    Ok(serde_json::from_slice::<Page>(page).context("a page of the list has no number of pages")?.pages)
}

/// Where `updateinfo` lies in a repository. Source: createrepo `repomd.xml`.
fn updateinfo(index: &str) -> Option<String> {
    let data = index.split("<data ").find(|data| data.contains("type=\"updateinfo\""))?;
    let place = data.split_once("<location ")?.1.split_once("href=\"")?.1.split_once('"')?.0;
    let inside = place.split('/').all(is_plain);
    inside.then(|| place.to_owned())
}

fn same_host(a: &str, b: &str) -> bool {
    let host = |url: &str| url.strip_prefix("https://")?.split('/').next().map(str::to_owned);
    host(a).is_some() && host(a) == host(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listings_are_read() {
        let page = "<a href=\"../\">..</a> <a href=\"v3.20/\">x</a><a href=\"edge/\">e</a><a href=\"./main.json\">m</a>\
            <a href=\"https://evil.example/x.json\">no</a><a href=\"../up.json\">no</a><a href=\"last-update\">l</a><a href=\"v3.20/\">x</a>";
        assert_eq!(links(page), ["v3.20/", "edge/", "main.json", "last-update"]);
        let releases: Vec<bool> = ["v3.20/", "edge/", "main.json", "vx/", "v3"].into_iter().map(is_release).collect();
        assert_eq!(releases, [true, true, false, false, false]);
    }

    #[test]
    fn ecosystems_are_whole() {
        assert_eq!(
            ecosystems("[EMPTY]\nAlpine\nAlpine:v3.10\nGitHub Actions\n../x\nnpm\n"),
            ["Alpine", "GitHub Actions", "npm"]
        );
    }

    #[test]
    fn repositories_name_their_advisories() {
        let index = "<repomd><data type=\"primary\"><location href=\"repodata/p.xml.gz\"/></data>\
            <data type=\"updateinfo\"><checksum>x</checksum><location href=\"repodata/abc-updateinfo.xml.gz\"/></data></repomd>";
        assert_eq!(updateinfo(index).as_deref(), Some("repodata/abc-updateinfo.xml.gz"));
        assert_eq!(updateinfo(&index.replace("repodata/abc", "../../abc")), None);
        assert_eq!(updateinfo("<repomd/>"), None);
        assert!(same_host("https://cdn.amazonlinux.com/x", AMAZON[0].1));
        assert!(!same_host("https://evil.example/x", AMAZON[0].1));
        assert!(!same_host("http://cdn.amazonlinux.com/x", AMAZON[0].1));
    }

    #[test]
    fn pages_are_counted() {
        assert_eq!(pages(br#"{"updates": [], "page": 1, "pages": 7}"#).unwrap(), 7);
        assert!(pages(b"{}").is_err());
    }
}
