//! What layers add up to, by example and against a naive model.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use signet_image::build::LayerBuilder;
use signet_image::{LayerIndex, ResolveError, View};

use crate::walk;

fn index(layer: LayerBuilder) -> Arc<LayerIndex> {
    Arc::new(walk(&layer.finish()).unwrap().0.index)
}

fn view(layers: Vec<LayerBuilder>) -> View {
    View::squash(&layers.into_iter().map(index).collect::<Vec<_>>())
}

fn new() -> LayerBuilder {
    LayerBuilder::new()
}

/// Checks the visible paths, each with the number of its layer.
#[track_caller]
fn check(layers: Vec<LayerBuilder>, expected: &[(&str, usize)]) -> View {
    let view = view(layers);
    let found: Vec<(&str, usize)> = view.iter().map(|visible| (visible.path, visible.layer)).collect();
    assert_eq!(found, expected);
    view
}

#[track_caller]
fn resolves(view: &View, path: &str, expected: Result<(&str, usize, &str), ResolveError>) {
    let found = view.resolve(path).map(|found| (found.path, found.layer, found.entry.path));
    assert_eq!(found, expected, "{path}");
}

#[test]
fn upper_layers_win() {
    let view = check(
        vec![new().directory("d").file("d/a", b"1").file("d/b", b"1"), new().directory("d").file("d/a", b"2")],
        &[("d", 1), ("d/a", 1), ("d/b", 0)],
    );
    assert!(view.visible(1, "d/a") && !view.visible(0, "d/a") && view.visible(0, "d/b"));
    assert!(!view.visible(0, "nowhere") && !view.visible(7, "d/a"));
    let hidden: Vec<_> = view.hidden().map(|hidden| (hidden.layer, hidden.entry.path, hidden.by)).collect();
    assert_eq!(hidden, [(0, "d/a", 1)]);
    assert_eq!(view.below("d").map(|visible| visible.path).collect::<Vec<_>>(), ["d/a", "d/b"]);
    assert_eq!(view.below("").count(), 3);
}

#[test]
fn whiteouts_remove_subtrees_of_lower_layers_only() {
    check(
        vec![
            new().file("a/x/1", b"").file("a/x-y", b"").file("a/y", b""),
            new().file("a/x/2", b"").whiteout("a/x").whiteout("a/y").file("a/y", b"own"),
        ],
        &[("a/x/2", 1), ("a/x-y", 0), ("a/y", 1)],
    );
    // The second whiteout finds nothing; the third layer's file stays.
    check(vec![new().file("f", b""), new().whiteout("f"), new().whiteout("g").file("f", b"")], &[("f", 2)]);
}

#[test]
fn a_link_that_comes_last_draws_nothing_over_other_files() {
    let base = || new().directory("lib").file("lib/status", b"real");
    // `x` was a directory when `x/status` was written; the link replaced both.
    check(
        vec![base(), new().directory("x").file("x/status", b"").symlink("x", "lib")],
        &[("lib", 0), ("lib/status", 0), ("x", 1)],
    );
    check(vec![base(), new().file("x/a/b", b"").file("x", b"")], &[("lib", 0), ("lib/status", 0), ("x", 1)]);
    // The other way round the file is written through the link.
    let through = vec![base(), new().symlink("x", "lib").file("x/status", b"")];
    check(through, &[("lib", 0), ("lib/status", 1), ("x", 1)]);
    // Where the link stood before, or twice, nobody can tell: that is said.
    let unsure = [
        vec![new().symlink("x", "lib"), new().file("x/status", b"").symlink("x", "etc")],
        vec![base(), new().symlink("x", "lib").file("x/status", b"").symlink("x", "etc")],
    ];
    for layers in unsure {
        assert_eq!(view(layers).unexamined().len(), 1);
    }
}

#[test]
fn opaque_directories_hide_all_that_is_lower() {
    check(
        vec![
            new().directory("d").file("d/old", b"").directory("d/s").file("d/s/old", b"").file("e", b""),
            new().directory("d").file("d/new", b"").opaque("d"),
        ],
        &[("d", 1), ("d/new", 1), ("e", 0)],
    );
    check(vec![new().file("a", b"").file("b/c", b""), new().opaque("").file("n", b"")], &[("n", 1)]);
}

#[test]
fn collisions() {
    // A file over a directory removes what is below; a directory over a file replaces it.
    check(vec![new().directory("d").file("d/a", b""), new().file("d", b"")], &[("d", 1)]);
    check(vec![new().file("d", b""), new().directory("d").file("d/a", b"")], &[("d", 1), ("d/a", 1)]);
    check(vec![new().file("d", b""), new().file("d/a", b"")], &[("d/a", 1)]);
    check(vec![new().directory("d").file("d/a", b""), new().symlink("d", "e")], &[("d", 1)]);
    check(vec![new().symlink("d", "e"), new().directory("d").file("d/a", b"")], &[("d", 1), ("d/a", 1)]);
}

#[test]
fn entries_behind_a_link_land_where_it_leads() {
    let base = || new().symlink("lib", "usr/lib").directory("usr/lib").file("usr/lib/a", b"1").file("usr/lib/b", b"1");
    let view = check(
        vec![base(), new().file("lib/a", b"2").whiteout("lib/b").file("lib/sub/c", b"")],
        &[("lib", 0), ("usr/lib", 0), ("usr/lib/a", 1), ("usr/lib/sub/c", 1)],
    );
    assert!(view.visible(1, "lib/a") && !view.visible(0, "usr/lib/a") && view.visible(1, "lib/sub/c"));
    resolves(&view, "lib/a", Ok(("usr/lib/a", 1, "lib/a")));
    resolves(&view, "/usr/../lib/./sub/c", Ok(("usr/lib/sub/c", 1, "lib/sub/c")));
    // The link itself can be removed, and then there is a plain directory.
    check(
        vec![base(), new().whiteout("lib").file("lib/a", b"2")],
        &[("lib/a", 1), ("usr/lib", 0), ("usr/lib/a", 0), ("usr/lib/b", 0)],
    );
    check(
        vec![base(), new().file("lib/a", b"3").file("usr/lib/a", b"4")],
        &[("lib", 0), ("usr/lib", 0), ("usr/lib/a", 1), ("usr/lib/b", 0)],
    );
    // Opaque through the link.
    check(vec![base(), new().opaque("lib")], &[("lib", 0), ("usr/lib", 0)]);
}

#[test]
fn links_stay_inside_the_root_and_end() {
    let view = view(vec![
        new()
            .symlink("up", "../../../secret")
            .symlink("abs", "/etc/real")
            .file("etc/real", b"")
            .file("secret", b"")
            .symlink("loop", "loop2")
            .symlink("loop2", "loop")
            .symlink("dangling", "nowhere")
            .symlink("self", "self/x")
            .file("loop/inside", b""),
    ]);
    resolves(&view, "up", Ok(("secret", 0, "secret")));
    resolves(&view, "abs", Ok(("etc/real", 0, "etc/real")));
    resolves(&view, "loop", Err(ResolveError::Loop));
    resolves(&view, "self", Err(ResolveError::Loop));
    resolves(&view, "dangling", Err(ResolveError::NotFound));
    resolves(&view, "etc/real/x", Err(ResolveError::NotFound));
    resolves(&view, "", Err(ResolveError::NotFound));
    assert_eq!(view.unexamined().len(), 1, "the entry behind the loop is listed as it stands, and that is said");
    assert!(view.visible(0, "loop/inside"));
}

#[test]
fn chains_of_links_end_at_forty() {
    let chain = |links: usize| {
        let layer =
            (0..links).fold(new().file("l0", b""), |layer, n| layer.symlink(&format!("l{}", n + 1), &format!("l{n}")));
        view(vec![layer])
    };
    assert!(chain(40).resolve("l40").is_ok());
    assert_eq!(chain(41).resolve("l41"), Err(ResolveError::Loop));
}

#[test]
fn hard_links_lead_to_the_content() {
    let view = view(vec![
        new().file("a", b"content").hardlink("b", "a").hardlink("c", "b").file("usr/x", b"").symlink("u", "usr"),
        new().hardlink("d", "a").whiteout("a").hardlink("e", "u/x").hardlink("f", "nowhere").hardlink("g", "g"),
        new().file("a", b"other").whiteout("b"),
    ]);
    resolves(&view, "c", Ok(("c", 0, "a")));
    resolves(&view, "d", Ok(("d", 0, "a")));
    resolves(&view, "e", Ok(("e", 0, "usr/x")));
    resolves(&view, "f", Err(ResolveError::NotFound));
    resolves(&view, "g", Err(ResolveError::NotFound));
    resolves(&view, "a", Ok(("a", 2, "a")));
    resolves(&view, "b", Err(ResolveError::NotFound));
}

#[test]
fn many_entries_behind_links_cost_bounded_time() {
    // Every directory of the layer leads through a chain of links with long targets.
    let long = "./".repeat(2000);
    let mut layer = new();
    for n in 0..39 {
        layer = layer.symlink(&format!("l{}", n + 1), &format!("{long}l{n}"));
    }
    for n in 0..300 {
        layer = layer.file(&format!("l39/d{n}/f"), b"");
    }
    let view = view(vec![layer]);
    assert!(view.len() >= 300);
}

/// One change that a layer makes.
#[derive(Clone, Debug)]
enum Op {
    File(String),
    Directory(String),
    Whiteout(String),
    Opaque(String),
}

/// Applies a layer as the specification says it, one rule after the other.
fn naive(tree: &mut BTreeMap<String, (usize, bool)>, layer: usize, ops: &[Op]) {
    let below = |path: &str, root: &str| path.starts_with(&format!("{root}/"));
    for op in ops {
        match op {
            Op::Opaque(root) => tree.retain(|path, _| !below(path, root)),
            Op::Whiteout(root) => tree.retain(|path, _| path != root && !below(path, root)),
            _ => {}
        }
    }
    for op in ops {
        let (path, directory) = match op {
            Op::File(path) => (path, false),
            Op::Directory(path) => (path, true),
            _ => continue,
        };
        // A file in the place of a parent makes way.
        let parents: Vec<String> = path.match_indices('/').map(|(at, _)| path[..at].to_owned()).collect();
        for parent in parents {
            if tree.get(&parent).is_some_and(|(_, directory)| !directory) {
                tree.remove(&parent);
            }
        }
        if !directory || tree.get(path).is_some_and(|(_, directory)| !directory) {
            tree.retain(|other, _| other != path && !below(other, path));
        }
        tree.insert(path.clone(), (layer, directory));
    }
}

/// Paths of few names, so that they meet; within one layer files have names of their own, because a layer that contradicts itself has no
/// meaning that the specification would give.
fn op() -> impl Strategy<Value = Op> {
    let directory = proptest::collection::vec(prop_oneof!["a", "b", "a-", "c"], 1..4).prop_map(|parts| parts.join("/"));
    let leaf = (proptest::collection::vec(prop_oneof!["a", "b", "a-", "c"], 0..3), prop_oneof!["f", "g", "h"])
        .prop_map(|(mut parts, name)| {
            parts.push(name);
            parts.join("/")
        });
    let any = prop_oneof![directory.clone(), leaf.clone()];
    prop_oneof![
        4 => leaf.prop_map(Op::File),
        3 => directory.clone().prop_map(Op::Directory),
        2 => any.prop_map(Op::Whiteout),
        1 => directory.prop_map(Op::Opaque),
    ]
}

/// In some layers the names of directories are files, so that files stand over directories and the other way round.
fn layer() -> impl Strategy<Value = Vec<Op>> {
    (
        proptest::collection::vec(op(), 0..8),
        prop_oneof![3 => Just(None), 1 => prop_oneof!["a", "b/a", "c"].prop_map(Some)],
    )
        .prop_map(|(ops, file)| match file {
            None => ops,
            Some(file) => {
                let clashes = |path: &String| *path == file || path.starts_with(&format!("{file}/"));
                let mut ops: Vec<Op> = ops
                    .into_iter()
                    .filter(|op| match op {
                        Op::File(path) | Op::Directory(path) => !clashes(path),
                        _ => true,
                    })
                    .collect();
                ops.push(Op::File(file));
                ops
            }
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 800, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_view_agrees_with_a_naive_model(layers in proptest::collection::vec(layer(), 1..5)) {
        let mut tree = BTreeMap::new();
        let mut built = Vec::new();
        for (number, ops) in layers.iter().enumerate() {
            naive(&mut tree, number, ops);
            built.push(ops.iter().fold(new(), |layer, op| match op {
                Op::File(path) => layer.file(path, b"x"),
                Op::Directory(path) => layer.directory(path),
                Op::Whiteout(path) => layer.whiteout(path),
                Op::Opaque(path) => layer.opaque(path),
            }));
        }
        let view = view(built);
        let mut found: Vec<(String, usize)> = view.iter().map(|one| (one.path.to_owned(), one.layer)).collect();
        found.sort();
        let expected: Vec<(String, usize)> = tree.into_iter().map(|(path, (layer, _))| (path, layer)).collect();
        prop_assert_eq!(found, expected);
        // Everything is either visible or hidden, and never both.
        for (number, index) in view.layers().iter().enumerate() {
            for entry in index.entries().filter(|entry| entry.kind == signet_image::EntryKind::File) {
                let hidden = view.hidden().any(|one| one.layer == number && one.entry.path == entry.path);
                prop_assert_eq!(view.visible(number, entry.path), !hidden, "{}", entry.path);
            }
        }
    }
}
