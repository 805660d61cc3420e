//! What is taken out of an inventory before it is reported.

use anyhow::{Context as _, Result, bail};
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use signet_model::{Inventory, PackageIndex, SubjectKind};

/// Leaves out what lies at or below the patterns of `--exclude`, as if these files were not there.
///
/// Errors: a pattern that is none; for directories one that does not begin with `./`, `*/` or `**/`, which Syft and Grype refuse as well.
pub(crate) fn exclude(inventory: &mut Inventory, kind: SubjectKind, patterns: &[String]) -> Result<()> {
    if patterns.is_empty() {
        return Ok(());
    }
    let excluded = globs(kind, patterns)?;
    let is = |path: &str| excluded.is_match(path.split('!').next().unwrap_or(path));
    let keep: Vec<bool> = inventory
        .packages
        .iter_mut()
        .map(|package| {
            let before = package.locations.len();
            package.locations.retain(|at| !is(&at.path));
            before == 0 || !package.locations.is_empty()
        })
        .collect();
    retain(inventory, &keep);
    inventory.unexamined.retain(|gap| !is(&gap.location.path));
    inventory.executables.retain(|executable| !is(&executable.path));
    Ok(())
}

fn globs(kind: SubjectKind, patterns: &[String]) -> Result<GlobSet> {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        let relative = ["./", "*/", "**/"].iter().any(|start| pattern.starts_with(start));
        if kind == SubjectKind::Directory && !relative {
            bail!("invalid exclusion pattern: `{pattern}` (must start with one of: './', '*/', or '**/')");
        }
        let plain = pattern.trim_start_matches("./").trim_start_matches('/');
        for pattern in [plain.to_owned(), format!("{}/**", plain.trim_end_matches('/'))] {
            let glob = GlobBuilder::new(&pattern).literal_separator(true).build();
            set.add(glob.with_context(|| format!("`{pattern}` is no pattern of paths"))?);
        }
    }
    set.build().context("the excluded paths cannot be put together")
}

/// Drops packages, and whatever points at them.
pub(crate) fn retain(inventory: &mut Inventory, keep: &[bool]) {
    let mut moved: Vec<Option<u32>> = Vec::with_capacity(keep.len());
    let mut next = 0;
    for keep in keep {
        moved.push(keep.then_some(next));
        next += u32::from(*keep);
    }
    let new = |index: PackageIndex| moved.get(index.get()).copied().flatten().map(PackageIndex);
    let mut place = 0;
    inventory.packages.retain(|_| {
        place += 1;
        keep.get(place - 1).copied().unwrap_or(false)
    });
    inventory.relationships = inventory
        .relationships
        .iter()
        .filter_map(|edge| {
            Some(signet_model::Relationship { from: new(edge.from)?, to: new(edge.to)?, kind: edge.kind })
        })
        .collect();
    for executable in &mut inventory.executables {
        executable.package = executable.package.and_then(new);
    }
}

#[cfg(test)]
mod tests {
    use signet_model::{Location, Package, PackageKind};

    use super::*;

    #[track_caller]
    fn check(kind: SubjectKind, pattern: &str, left: &[&str]) {
        let mut inventory = Inventory::default();
        for path in ["usr/lib/a.json", "app/node_modules/b/package.json", "c.jar!/inner.jar"] {
            let mut package = Package::new(PackageKind::Npm, path, "1");
            package.locations.push(Location::of_path(path));
            inventory.packages.push(package);
        }
        exclude(&mut inventory, kind, &[pattern.to_owned()]).unwrap();
        let names: Vec<&str> = inventory.packages.iter().map(|package| package.name.as_str()).collect();
        assert_eq!(names, left, "{pattern}");
    }

    #[test]
    fn patterns_leave_out_files_and_what_lies_below() {
        let (image, folder) = (SubjectKind::Image, SubjectKind::Directory);
        check(image, "/usr/**", &["app/node_modules/b/package.json", "c.jar!/inner.jar"]);
        check(folder, "./usr", &["app/node_modules/b/package.json", "c.jar!/inner.jar"]);
        check(folder, "**/node_modules/**", &["usr/lib/a.json", "c.jar!/inner.jar"]);
        check(folder, "**/*.jar", &["usr/lib/a.json", "app/node_modules/b/package.json"]);
        check(image, "*.json", &["usr/lib/a.json", "app/node_modules/b/package.json", "c.jar!/inner.jar"]);
        assert!(exclude(&mut Inventory::default(), folder, &["usr/**".to_owned()]).is_err());
        assert!(exclude(&mut Inventory::default(), image, &["/[".to_owned()]).is_err());
    }
}
