//! How long a compiled database takes to open, and to be asked about a fleet.

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use anyhow::Result;
use signet_advisories::{Database, MatchOptions};
use signet_model::{Distro, Inventory, Package, PackageKind, SourcePackage};
use signet_sources::MappedFile;

use crate::clock::nanoseconds;

/// SBOMs of the fleet, packages of each, and how many different SBOMs are made and asked again and again.
const FLEET: usize = 10_000;
const PACKAGES: u64 = 300;
const DISTINCT: usize = 100;

/// Small, seeded and the same everywhere.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % most
    }
}

/// Two thirds Debian, the rest npm and Python. The database knows 4,000 names per stream: a spread of 40,000 means that one package in ten has advisories.
fn inventory(dice: &mut Dice, spread: u64) -> Inventory {
    let distro = Distro { id: "debian".into(), version_id: Some("12".into()), ..Distro::default() };
    let mut inventory = Inventory { distro: Some(distro), ..Inventory::default() };
    for number in 0..PACKAGES {
        let name = format!("package-{}", dice.below(spread));
        let version = format!("{}.{}.{}", 1 + dice.below(9), dice.below(30), dice.below(30));
        let package = match number {
            0..200 => Package {
                source: Some(SourcePackage { name: name.as_str().into(), version: None }),
                ..Package::new(PackageKind::Deb, name, format!("{version}-1"))
            },
            200..260 => Package::new(PackageKind::Npm, name, version),
            _ => Package::new(PackageKind::Python, name, version),
        };
        inventory.packages.push(package);
    }
    inventory
}

/// Opens the database of `bench/make-trivy-db`, compiled, and matches fleets against it on one thread.
pub(crate) fn run(path: &Path) -> Result<()> {
    // Shorter than the tick of the thread's clock.
    let start = Instant::now();
    let file = MappedFile::open(path)?;
    let database = Database::open(&file)?;
    println!("first open, mapping included: {:.1} us of wall time", start.elapsed().as_secs_f64() * 1e6);
    let start = nanoseconds()?;
    for _ in 0..1_000_000 {
        black_box(Database::open(black_box(&file))?);
    }
    println!("open, mean of 1,000,000: {:.3} us", (nanoseconds()? - start) / 1e9);
    for (spread, share) in [(400_000, "1 in 100"), (40_000, "1 in 10")] {
        let mut dice = Dice(1_234_567);
        let inventories: Vec<Inventory> = (0..DISTINCT).map(|_| inventory(&mut dice, spread)).collect();
        let options = MatchOptions { details: false, ..MatchOptions::default() };
        let start = nanoseconds()?;
        let (mut findings, mut unexamined) = (0, 0);
        for inventory in inventories.iter().cycle().take(FLEET) {
            let result = database.match_inventory(inventory, &options);
            findings += result.findings.len();
            unexamined += result.unexamined.len();
        }
        println!(
            "{FLEET} SBOMs x {PACKAGES} packages, {share} with advisories: {:.2} CPU s, {findings} findings, {unexamined} unexamined",
            (nanoseconds()? - start) / 1e9
        );
    }
    Ok(())
}
