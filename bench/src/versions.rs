//! How long a comparison of two versions takes, over files of pairs.

use std::hint::black_box;
use std::path::Path;

use anyhow::{Context as _, Result};
use signet_versions::{Scheme, compare};

use crate::clock::nanoseconds;

/// About this many comparisons are timed per ecosystem: the thread's clock is only as fine as the scheduler's tick.
const COMPARISONS: usize = 3_000_000;
const SCHEMES: &[(&str, Scheme)] = &[
    ("apk", Scheme::Apk),
    ("composer", Scheme::Composer),
    ("deb", Scheme::Deb),
    ("gem", Scheme::Gem),
    ("go", Scheme::Go),
    ("maven", Scheme::Maven),
    ("npm", Scheme::Npm),
    ("nuget", Scheme::Nuget),
    ("pypi", Scheme::Pep440),
    ("rpm", Scheme::Rpm),
];

/// Compares the pairs of `SCHEME.cmp.tsv` and `SCHEME-generated.cmp.tsv` (columns: a, operator, b) in the folder; the mean over all is the figure.
pub(crate) fn run(folder: &Path) -> Result<()> {
    let (mut total, mut compared) = (0.0, 0_u64);
    for (name, scheme) in SCHEMES {
        let mut text = String::new();
        for ending in [".cmp.tsv", "-generated.cmp.tsv"] {
            let path = folder.join(format!("{name}{ending}"));
            if path.is_file() {
                let bytes = std::fs::read(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
                text.push_str(&String::from_utf8_lossy(&bytes));
            }
        }
        let pairs: Vec<(&str, &str)> = text
            .lines()
            .filter_map(|line| {
                let mut columns = line.split('\t');
                let (a, operator, b) = (columns.next()?, columns.next()?, columns.next()?);
                ["<", "=", ">"].contains(&operator).then_some((a, b))
            })
            .collect();
        if pairs.is_empty() {
            continue;
        }
        let rounds = COMPARISONS.div_ceil(pairs.len());
        let start = nanoseconds()?;
        for _ in 0..rounds {
            for (a, b) in &pairs {
                let _ = black_box(compare(*scheme, black_box(a), black_box(b)));
            }
        }
        let spent = (nanoseconds()? - start) / rounds as f64;
        println!("{name:10} {:7} pairs {:6.1} ns", pairs.len(), spent / pairs.len() as f64);
        total += spent;
        compared += pairs.len() as u64;
    }
    println!("mean of all: {:.1} ns", total / compared.max(1) as f64);
    Ok(())
}
