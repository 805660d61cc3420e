//! All project files of a tree: where each lies, and which coordinates it has.

use std::cell::Cell;
use std::collections::HashMap;

use super::Model;
use super::effective::Properties;

/// Parents of parents; real chains have up to eight.
const CHAIN: usize = 64;

/// Group, artifact and version.
pub(crate) type Coordinates = (String, String, String);

/// Project files by place and by coordinates. What one is told by another of them is bounded by a budget of entries.
pub(crate) struct Tree {
    models: Vec<(String, Model)>,
    by_path: HashMap<String, usize>,
    by_coordinates: HashMap<Coordinates, usize>,
    budget: Cell<u64>,
}

/// A project with those it inherits from, itself first.
pub(crate) struct Chain {
    pub(crate) members: Vec<usize>,
    /// The parent that is not in the tree, as `group:artifact:version`, and whose parent it is.
    pub(crate) missing: Option<(usize, String)>,
}

impl Tree {
    /// Files with their paths. `budget`: entries that may be looked at in all, over all projects.
    pub(crate) fn new(models: Vec<(String, Model)>, budget: u64) -> Tree {
        let by_path = models.iter().enumerate().map(|(at, (path, _))| (path.clone(), at)).collect();
        let mut tree = Tree { models, by_path, by_coordinates: HashMap::new(), budget: Cell::new(budget) };
        // coordinates may use variables of parents, which are looked for by path alone at first
        let known: Vec<(Coordinates, usize)> = (0..tree.models.len())
            .filter_map(|at| {
                let chain = tree.chain(at);
                Some((Properties::new(&tree, &chain)?.coordinates()?, at))
            })
            .collect();
        for (coordinates, at) in known {
            tree.by_coordinates.entry(coordinates).or_insert(at);
        }
        tree
    }

    /// Takes from the budget. `false`: it is used up.
    pub(crate) fn spend(&self, entries: usize) -> bool {
        let left = self.budget.get().checked_sub(entries as u64);
        self.budget.set(left.unwrap_or(0));
        left.is_some()
    }

    /// Whether the budget is used up: then what was told last may not be whole.
    pub(crate) fn is_spent(&self) -> bool {
        self.budget.get() == 0
    }

    /// What a file states.
    pub(crate) fn model(&self, at: usize) -> Option<&Model> {
        self.models.get(at).map(|(_, model)| model)
    }

    /// Where a file lies.
    pub(crate) fn path(&self, at: usize) -> &str {
        self.models.get(at).map_or("", |(path, _)| path)
    }

    /// Whether it is a project's own file, and not one of a repository.
    pub(crate) fn is_project(&self, at: usize) -> bool {
        self.path(at).rsplit('/').next() == Some("pom.xml")
    }

    /// The file of these coordinates.
    pub(crate) fn by_coordinates(&self, coordinates: &Coordinates) -> Option<usize> {
        self.by_coordinates.get(coordinates).copied()
    }

    /// The project file of this place, seen from the directory of another: a file, or a directory with a `pom.xml`.
    pub(crate) fn beside(&self, at: usize, relative: &str) -> Option<usize> {
        let directory = self.path(at).rsplit_once('/').map_or("", |(directory, _)| directory);
        let path = join(directory, relative)?;
        let inside = if path.is_empty() { "pom.xml".to_owned() } else { format!("{path}/pom.xml") };
        self.by_path.get(&path).or_else(|| self.by_path.get(&inside)).copied()
    }

    /// A project and its parents: by place, when the file there is the parent that is asked for; else by coordinates.
    pub(crate) fn chain(&self, at: usize) -> Chain {
        let mut chain = Chain { members: vec![at], missing: None };
        let mut last = at;
        while let Some(parent) = self.model(last).and_then(|model| model.parent.as_ref()) {
            let properties = Properties::new(self, &chain);
            let plain =
                |text: &str| properties.as_ref().and_then(|known| known.apply(text).ok()).unwrap_or(text.to_owned());
            let wanted = (plain(&parent.group), plain(&parent.artifact), plain(&parent.version));
            let near = (!parent.path.is_empty()).then(|| self.beside(last, &plain(&parent.path))).flatten();
            let near = near.filter(|near| self.answers(*near, &wanted));
            let next = near.or_else(|| self.by_coordinates(&wanted));
            match next.filter(|next| !chain.members.contains(next) && chain.members.len() < CHAIN) {
                Some(next) => {
                    chain.members.push(next);
                    last = next;
                }
                None => {
                    chain.missing = Some((last, format!("{}:{}:{}", wanted.0, wanted.1, wanted.2)));
                    break;
                }
            }
        }
        chain
    }

    /// Whether a file has these coordinates, as far as it states them without variables.
    fn answers(&self, at: usize, (group, artifact, version): &Coordinates) -> bool {
        let Some(model) = self.model(at) else { return false };
        let parent = model.parent.as_ref();
        let own = |own: &str, inherited: Option<&String>| match own {
            "" => inherited.cloned().unwrap_or_default(),
            own => own.to_owned(),
        };
        let same = |stated: String, wanted: &str| stated == wanted || stated.contains("${") || wanted.contains("${");
        model.artifact == *artifact
            && same(own(&model.group, parent.map(|parent| &parent.group)), group)
            && same(own(&model.version, parent.map(|parent| &parent.version)), version)
    }
}

/// A path relative to a directory of the tree; `None` when it leads out.
fn join(directory: &str, relative: &str) -> Option<String> {
    let mut parts: Vec<&str> = directory.split('/').filter(|part| !part.is_empty()).collect();
    if relative.starts_with('/') {
        return None;
    }
    for part in relative.split(['/', '\\']) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joining() {
        assert_eq!(join("a/b", "../pom.xml").as_deref(), Some("a/pom.xml"));
        assert_eq!(join("", "./m/").as_deref(), Some("m"));
        assert_eq!(join("a", "../../x"), None);
        assert_eq!(join("a", "/x"), None);
    }
}
