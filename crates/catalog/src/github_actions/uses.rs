//! One `uses:`.

use std::collections::BTreeMap;

use signet_model::{Directness, Package, PackageKind};

use crate::syntax::Node;
use crate::{Found, Input};

/// What the steps or jobs of one file use, each once with all its places.
pub(super) struct Uses<'i> {
    input: &'i Input<'i>,
    lines: Vec<&'i str>,
    /// By name, path and version.
    places: BTreeMap<(String, String, String), usize>,
    found: Found,
}

impl<'i> Uses<'i> {
    pub(super) fn new(input: &'i Input<'i>, text: &'i str) -> Uses<'i> {
        Uses { input, lines: text.lines().collect(), places: BTreeMap::new(), found: Found::default() }
    }

    /// Takes a `uses:` in: `OWNER/REPOSITORY[/PATH]@REF`, or `./PATH` in the same repository.
    ///
    /// The package is the repository, as advisories name it; the path stands in `github.path`. A commit stands in `github.revision`, and if a comment on
    /// its line names a version (`# v4.1.0`), that is the version: this is how pins are written. An image (`docker://`) is no action.
    pub(super) fn add(&mut self, node: &Node) {
        let Some(uses) = node.as_str().map(str::trim) else {
            let what = self.input.malformed_at(node.lines, "`uses` is no text");
            return crate::syntax::report(&mut self.found.unexamined, what);
        };
        if uses.starts_with("docker://") {
            return;
        }
        if uses.starts_with("./") || uses.starts_with("../") {
            return self.keep(uses, "", "", "", node);
        }
        let parts = uses.rsplit_once('@').filter(|(_, reference)| !reference.is_empty());
        let parts = parts.and_then(|(whole, reference)| {
            let mut names = whole.splitn(3, '/');
            let (owner, repository) = (names.next()?, names.next()?);
            let named = !owner.is_empty() && !repository.is_empty();
            named.then(|| (format!("{owner}/{repository}"), names.next().unwrap_or_default(), reference))
        });
        let Some((name, path, reference)) = parts else {
            let what = self.input.malformed_at(node.lines, "`uses` is no `OWNER/REPOSITORY@REF`");
            return crate::syntax::report(&mut self.found.unexamined, what);
        };
        let commit = matches!(reference.len(), 40 | 64) && reference.bytes().all(|byte| byte.is_ascii_hexdigit());
        let comment = self.comment(node.lines.0, reference).filter(|_| commit);
        let version = comment.unwrap_or(reference);
        self.keep(&name, path, version, if commit { reference } else { "" }, node);
    }

    fn keep(&mut self, name: &str, path: &str, version: &str, revision: &str, node: &Node) {
        let key = (name.to_owned(), path.to_owned(), format!("{version} {revision}"));
        let known = self.places.get(&key).and_then(|at| self.found.packages.get_mut(*at));
        if let Some(package) = known {
            package.locations.push(self.input.location.at_lines(node.lines.0, node.lines.1));
            return;
        }
        let mut package: Package = self.input.declared_at(PackageKind::GithubAction, name, version, node.lines);
        package.directness = Directness::Direct;
        for (fact, value) in [("github.path", path), ("github.revision", revision)] {
            if !value.is_empty() {
                package.extra.insert(fact.to_owned(), value.to_owned());
            }
        }
        self.places.insert(key, self.found.packages.len());
        self.found.packages.push(package);
    }

    /// The version that a comment behind the commit names: `# v4.1.0`, `#v 11`, `# tag=v2`.
    fn comment(&self, line: u32, reference: &str) -> Option<&'i str> {
        let line = self.lines.get(usize::try_from(line).ok()?.checked_sub(1)?)?;
        let (_, behind) = line.split_once(reference)?;
        let (_, comment) = behind.split_once('#')?;
        let comment = comment.trim();
        let comment = ["tag=", "tag:", "ratchet:", "pin@", "@"]
            .iter()
            .find_map(|word| comment.strip_prefix(word))
            .unwrap_or(comment);
        let comment = comment.trim();
        let comment = comment.rsplit('@').next().unwrap_or(comment);
        // `v 11` is a version, `verified` is none
        let digits = comment.strip_prefix(['v', 'V']).unwrap_or(comment).trim_start();
        let end = |text: &str| text.find(char::is_whitespace).unwrap_or(text.len());
        let is_version = digits.starts_with(|c: char| c.is_ascii_digit());
        let attached = comment.len() - digits.len() <= 1;
        is_version.then(|| if attached { comment.get(..end(comment)) } else { digits.get(..end(digits)) })?
    }

    pub(super) fn finish(self) -> Found {
        self.found
    }
}
