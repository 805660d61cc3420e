//! The dependency graph as documents want it: every node, and a root from which all of them can be reached.

use signet_model::{Inventory, RelationshipKind};

/// What each package depends on, by index, sorted and without duplicates; and the packages that the root must name.
pub(crate) struct Graph {
    pub(crate) depends_on: Vec<Vec<usize>>,
    /// Nobody depends on them.
    pub(crate) free: Vec<usize>,
    /// Nobody depends on them, or they are the first of a cycle that nothing else reaches.
    pub(crate) tops: Vec<usize>,
}

pub(crate) fn build(inventory: &Inventory) -> Graph {
    let count = inventory.packages.len();
    let mut depends_on = vec![Vec::new(); count];
    let mut wanted = vec![false; count];
    for edge in &inventory.relationships {
        let (from, to) = (edge.from.get(), edge.to.get());
        if edge.kind != RelationshipKind::DependsOn || from == to || to >= count {
            continue;
        }
        if let (Some(list), Some(flag)) = (depends_on.get_mut(from), wanted.get_mut(to)) {
            list.push(to);
            *flag = true;
        }
    }
    for list in &mut depends_on {
        list.sort_unstable();
        list.dedup();
    }
    let mut reached = vec![false; count];
    let free: Vec<usize> = (0..count).filter(|index| !wanted.get(*index).copied().unwrap_or_default()).collect();
    let mut tops = free.clone();
    for top in &tops {
        reach(*top, &depends_on, &mut reached);
    }
    for index in 0..count {
        if !reached.get(index).copied().unwrap_or(true) {
            tops.push(index);
            reach(index, &depends_on, &mut reached);
        }
    }
    tops.sort_unstable();
    Graph { depends_on, free, tops }
}

/// Marks everything that can be reached, without recursion: graphs have cycles and long chains.
fn reach(start: usize, depends_on: &[Vec<usize>], reached: &mut [bool]) {
    let mut todo = vec![start];
    while let Some(index) = todo.pop() {
        match reached.get_mut(index) {
            Some(flag) if !*flag => *flag = true,
            _ => continue,
        }
        todo.extend(depends_on.get(index).into_iter().flatten());
    }
}
