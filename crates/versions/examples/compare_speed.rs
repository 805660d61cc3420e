//! Times `compare` per scheme over made-up neighbours: `cargo run --release --example compare_speed`.
//!
//! Prints the best of twenty rounds in nanoseconds, so that a busy machine does not count.

#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a measurement for a terminal")]

use std::hint::black_box;
use std::time::Instant;

use signet_versions::{Scheme, compare};

fn main() {
    let patterns: [(Scheme, &str); 9] = [
        (Scheme::Deb, "1:2.4.#-5+deb10u#"),
        (Scheme::Rpm, "1:4.18.#-305.#.1.el8_4"),
        (Scheme::Apk, "1.2.#_p#-r#"),
        (Scheme::Npm, "1.#.3-beta.#"),
        (Scheme::Semver, "1.#.#"),
        (Scheme::Pep440, "1.#.0rc#"),
        (Scheme::Maven, "2.#.3.RC#"),
        (Scheme::Gem, "3.#.0.rc#"),
        (Scheme::Go, "v0.0.0-2020010100000#-#123456789ab"),
    ];
    for (scheme, pattern) in patterns {
        let versions: Vec<String> = (0..512).map(|n: u32| pattern.replace('#', &(n % 37).to_string())).collect();
        let round = || {
            let start = Instant::now();
            for pair in versions.windows(2) {
                let _ = black_box(compare(scheme, black_box(&pair[0]), black_box(&pair[1])));
            }
            start.elapsed().as_nanos() / (versions.len() as u128 - 1)
        };
        let best = (0..20).map(|_| round()).min().unwrap_or_default();
        println!("{scheme:>8} {best:>4} ns");
    }
}
