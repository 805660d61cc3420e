//! Which packages the chosen catalogers would have found, by Syft's names and tags. Our catalogers all run: one walk feeds them all, and what
//! was not asked for is left out of the report.
//!
//! Source: anchore/syft:internal/task/{package_tasks,expression,selection}.go.

use anyhow::{Result, bail};
use serde_json::json;
use signet_model::{Inventory, Package, PackageKind as Kind, Presence};

use crate::foreign::{columns, inventory};
use crate::output;

/// A kind of package: its tags, the names of Syft's catalogers that find it installed, and of those that find it declared.
struct Row {
    kind: Kind,
    tags: &'static [&'static str],
    installed: &'static [&'static str],
    declared: &'static [&'static str],
}

const fn row(
    kind: Kind,
    tags: &'static [&'static str],
    installed: &'static [&'static str],
    declared: &'static [&'static str],
) -> Row {
    Row { kind, tags, installed, declared }
}

const ROWS: &[Row] = &[
    row(Kind::Apk, &["os", "linux", "apk", "alpine"], &["apk-db-cataloger"], &[]),
    row(Kind::Deb, &["os", "linux", "deb", "dpkg", "debian"], &["dpkg-db-cataloger", "deb-archive-cataloger"], &[]),
    row(Kind::Rpm, &["os", "linux", "rpm", "redhat"], &["rpm-db-cataloger", "rpm-archive-cataloger"], &[]),
    row(Kind::Alpm, &["os", "linux", "alpm", "archlinux"], &["alpm-db-cataloger"], &[]),
    row(Kind::Portage, &["os", "linux", "portage", "gentoo"], &["portage-cataloger"], &[]),
    row(Kind::Opkg, &["os", "linux", "opkg"], &["dpkg-db-cataloger"], &[]),
    row(
        Kind::Npm,
        &["language", "javascript", "node", "npm"],
        &["javascript-package-cataloger"],
        &["javascript-lock-cataloger"],
    ),
    row(Kind::Python, &["language", "python"], &["python-installed-package-cataloger"], &["python-package-cataloger"]),
    row(
        Kind::Go,
        &["language", "go", "golang", "gomod", "binary"],
        &["go-module-binary-cataloger"],
        &["go-module-file-cataloger"],
    ),
    row(
        Kind::Java,
        &["language", "java", "maven"],
        &["java-archive-cataloger", "graalvm-native-image-cataloger"],
        &["java-pom-cataloger", "java-gradle-lockfile-cataloger"],
    ),
    row(
        Kind::Cargo,
        &["language", "rust", "cargo", "binary"],
        &["cargo-auditable-binary-cataloger"],
        &["rust-cargo-lock-cataloger"],
    ),
    row(
        Kind::Gem,
        &["language", "ruby", "gem"],
        &["ruby-installed-gemspec-cataloger", "ruby-gemspec-cataloger"],
        &["ruby-gemfile-cataloger"],
    ),
    row(
        Kind::Nuget,
        &["language", "dotnet", "c#"],
        &["dotnet-deps-binary-cataloger", "dotnet-portable-executable-cataloger"],
        &["dotnet-deps-cataloger", "dotnet-packages-lock-cataloger"],
    ),
    row(
        Kind::Composer,
        &["language", "php", "composer"],
        &["php-composer-installed-cataloger"],
        &["php-composer-lock-cataloger"],
    ),
    row(Kind::Pub, &["language", "dart"], &[], &["dart-pubspec-lock-cataloger", "dart-pubspec-cataloger"]),
    row(Kind::Swift, &["language", "swift", "spm"], &[], &["swift-package-manager-cataloger"]),
    row(Kind::CocoaPods, &["language", "swift", "cocoapods"], &[], &["cocoapods-cataloger"]),
    row(Kind::Conan, &["language", "cpp", "c++", "conan"], &["conan-info-cataloger"], &["conan-cataloger"]),
    row(Kind::Vcpkg, &["language", "cpp", "c++", "vcpkg"], &[], &["vcpkg-manifest-cataloger"]),
    row(
        Kind::Hex,
        &["language", "elixir", "erlang"],
        &[],
        &["elixir-mix-lock-cataloger", "erlang-rebar-lock-cataloger"],
    ),
    row(Kind::Otp, &["language", "erlang"], &["erlang-otp-application-cataloger"], &[]),
    row(Kind::Hackage, &["language", "haskell"], &[], &["haskell-cataloger"]),
    row(Kind::Opam, &["language", "ocaml", "opam"], &[], &["opam-cataloger"]),
    row(Kind::Cran, &["language", "r"], &["r-package-cataloger"], &[]),
    row(Kind::LuaRocks, &["language", "lua"], &["lua-rock-cataloger"], &["lua-rock-cataloger"]),
    row(Kind::SwiplPack, &["language", "swipl", "pack"], &[], &["swipl-pack-cataloger"]),
    row(Kind::Julia, &["language", "julia"], &[], &[]),
    row(Kind::Cpan, &["language", "perl"], &[], &[]),
    row(Kind::Gleam, &["language", "gleam"], &[], &[]),
    row(Kind::Conda, &["language", "conda"], &["conda-meta-cataloger"], &[]),
    row(Kind::Nix, &["nix"], &["nix-cataloger", "nix-store-cataloger"], &[]),
    row(Kind::Bitnami, &["bitnami"], &["bitnami-cataloger"], &[]),
    row(Kind::Snap, &["snap"], &["snap-cataloger"], &[]),
    row(Kind::Homebrew, &["homebrew"], &["homebrew-cataloger"], &[]),
    row(Kind::Flatpak, &["flatpak"], &[], &[]),
    row(Kind::Spack, &["spack"], &[], &[]),
    row(
        Kind::GithubAction,
        &["github", "github-actions"],
        &[],
        &["github-actions-usage-cataloger", "github-action-workflow-usage-cataloger"],
    ),
    row(Kind::WordpressPlugin, &["wordpress"], &["wordpress-plugins-cataloger"], &[]),
    row(Kind::JenkinsPlugin, &["language", "java", "maven"], &["java-archive-cataloger"], &[]),
    row(Kind::LinuxKernel, &["linux", "kernel", "binary"], &["linux-kernel-cataloger"], &[]),
    row(Kind::LinuxKernelModule, &["linux", "kernel", "binary"], &["linux-kernel-cataloger"], &[]),
    row(Kind::Binary, &["binary"], &["binary-classifier-cataloger", "elf-binary-package-cataloger"], &[]),
    row(Kind::Model, &["ai", "model", "gguf"], &["gguf-cataloger"], &[]),
    row(Kind::Container, &["container"], &[], &[]),
    row(Kind::Other, &["sbom"], &["sbom-cataloger"], &["sbom-cataloger"]),
];

/// Tags of every package.
const EVERY: &[&str] = &["all", "package"];

/// Which packages are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Selection {
    /// Empty: the usual ones of the source.
    base: Vec<String>,
    only: Vec<String>,
    add: Vec<String>,
    remove: Vec<String>,
}

impl Selection {
    /// Reads `--override-default-catalogers` and `--select-catalogers`. A name that nobody has is an error: it would choose nothing.
    pub(super) fn parse(base: &[String], expressions: &[String]) -> Result<Selection> {
        let mut selection = Selection::default();
        for text in base.iter().map(|text| text.trim()).filter(|text| !text.is_empty()) {
            selection.base.push(known(text)?);
        }
        for text in expressions.iter().map(|text| text.trim()).filter(|text| !text.is_empty()) {
            match (text.strip_prefix('+'), text.strip_prefix('-')) {
                (Some(name), _) => selection.add.push(known(name)?),
                (_, Some(name)) => selection.remove.push(known(name)?),
                _ => selection.only.push(known(text)?),
            }
        }
        Ok(selection)
    }

    /// Leaves out what is not wanted.
    pub(super) fn apply(&self, found: &mut Inventory, image: bool) {
        let any = |terms: &[String], package: &Package| terms.iter().any(|term| has(package, term));
        let usual = [if image { "image" } else { "directory" }.to_owned()];
        let base: &[String] = if self.base.is_empty() { &usual } else { &self.base };
        let keep: Vec<bool> = found
            .packages
            .iter()
            .map(|package| {
                let chosen = any(base, package) && (self.only.is_empty() || any(&self.only, package));
                (chosen || any(&self.add, package)) && !any(&self.remove, package)
            })
            .collect();
        inventory::retain(found, &keep);
    }
}

/// The term in lower case, if any package can have it.
fn known(term: &str) -> Result<String> {
    let term = term.to_ascii_lowercase();
    let of_rows = ROWS.iter().any(|row| {
        row.tags.contains(&term.as_str())
            || row.installed.contains(&term.as_str())
            || row.declared.contains(&term.as_str())
    });
    let general =
        EVERY.contains(&term.as_str()) || ["image", "directory", "installed", "declared"].contains(&term.as_str());
    if of_rows || general || signet_catalog::leaves().iter().any(|leaf| leaf.id == term) {
        return Ok(term);
    }
    bail!("there is no cataloger or tag `{term}`: `cataloger list` shows them")
}

fn has(package: &Package, term: &str) -> bool {
    let installed = package.presence == Presence::Installed;
    match term {
        // Of an image, what is there counts and not what a lock file promises.
        "image" | "installed" => return installed,
        "declared" => return !installed,
        "directory" => return true,
        _ if EVERY.contains(&term) || package.found_by == term => return true,
        _ => {}
    }
    ROWS.iter().filter(|row| row.kind == package.kind).any(|row| {
        let names = if installed { row.installed } else { row.declared };
        // A lock file is no program, whatever the ecosystem's programs tell.
        (row.tags.contains(&term) && (term != "binary" || installed)) || names.contains(&term)
    })
}

/// `syft cataloger list`.
pub(super) fn list(format: &str) -> Result<u8> {
    let mut names: std::collections::BTreeMap<&str, Vec<&str>> = std::collections::BTreeMap::new();
    for row in ROWS {
        for (list, tags) in [
            (row.installed, ["installed", "image", "directory"].as_slice()),
            (row.declared, &["declared", "directory"]),
        ] {
            for name in list {
                let all = names.entry(name).or_default();
                all.extend(row.tags.iter().chain(tags));
                all.sort_unstable();
                all.dedup();
            }
        }
    }
    let text = match format {
        "table" => {
            let mut rows: Vec<Vec<String>> =
                names.iter().map(|(name, tags)| vec![(*name).to_owned(), tags.join(", ")]).collect();
            rows.extend(signet_catalog::leaves().iter().map(|leaf| vec![leaf.id.to_owned(), "signet".to_owned()]));
            columns::render(&["CATALOGER", "TAGS"], &rows)
        }
        "json" => {
            let listed: Vec<_> = names.iter().map(|(name, tags)| json!({ "name": name, "tags": tags })).collect();
            let leaves: Vec<&str> = signet_catalog::leaves().iter().map(|leaf| leaf.id).collect();
            serde_json::to_string_pretty(&json!({ "catalogers": listed, "leaves": leaves }))? + "\n"
        }
        other => bail!("unsupported output format: `{other}`: table, json"),
    };
    output::to_stdout(text.as_bytes())?;
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(base: &str, expressions: &str, image: bool, left: &[&str]) {
        let mut found = Inventory::default();
        for (kind, presence, name) in [
            (Kind::Deb, Presence::Installed, "deb"),
            (Kind::Npm, Presence::Installed, "module"),
            (Kind::Npm, Presence::Declared, "locked"),
            (Kind::Go, Presence::Installed, "program"),
        ] {
            found.packages.push(Package { presence, ..Package::new(kind, name, "1") });
        }
        let split = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        Selection::parse(&split(base), &split(expressions)).unwrap().apply(&mut found, image);
        let names: Vec<&str> = found.packages.iter().map(|package| package.name.as_str()).collect();
        assert_eq!(names, left, "{base} | {expressions}");
    }

    #[test]
    fn catalogers_are_selected_as_syft_does() {
        check("", "", true, &["deb", "module", "program"]);
        check("", "", false, &["deb", "module", "locked", "program"]);
        check("", "javascript", true, &["module"]);
        check("", "+javascript-lock-cataloger", true, &["deb", "module", "locked", "program"]);
        check("", "-os -binary", false, &["module", "locked"]);
        check("javascript-lock-cataloger", "", true, &["locked"]);
        check("all", "language,".trim_end_matches(','), true, &["module", "locked", "program"]);
        assert!(Selection::parse(&[], &["no-such".to_owned()]).is_err());
    }
}
