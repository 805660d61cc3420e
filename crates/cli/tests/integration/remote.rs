//! What is fetched from registries: no byte more than is needed, and none twice.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use signet_image::Compression;
use signet_image::build::{ImageBuilder, LayerBuilder};

use super::chunked::{Chunked, Format, Item, file, noise, other, write};
use super::harness::{OS_RELEASE, Room, Run, stanza};
use super::peers::{Registry, peers, run};
use super::standin::{Ranges, Standin};

const CHUNK: usize = 128 << 10;

/// A Debian with two packages, one of npm, and a large file that nobody claims.
fn system() -> Vec<Item> {
    let status = stanza("sample-tls", "3.0.9-1") + &stanza("sample-zip", "1.2.13-1");
    vec![
        other(b'5', "etc/", ""),
        file("etc/os-release", 0o644, OS_RELEASE.as_bytes()),
        file("opt/model.bin", 0o644, &noise(6 << 20, 7)),
        file("var/lib/dpkg/status", 0o644, status.as_bytes()),
        file("app/node_modules/colours/package.json", 0o644, br#"{"name":"colours","version":"1.4.44"}"#),
        file("usr/bin/tool", 0o755, b"#!/bin/sh\necho\n"),
    ]
}

fn layer(format: Format) -> Chunked {
    write(format, &system(), CHUNK, &|_| {})
}

/// `signet sbom` of the stand-in's image.
#[track_caller]
fn sbom(room: &Room, registry: &Standin, options: &str) -> (Run, Value) {
    let host = &registry.host;
    let done = room.check(&format!("sbom registry:{host}/app:1 --plain-http {host} -o json {options}"), 0, &[]);
    let report = serde_json::from_str(&done.out).unwrap();
    (done, report)
}

#[test]
fn lazily_few_bytes_give_the_same_packages() {
    for format in [Format::Estargz, Format::ZstdChunked] {
        let room = Room::new();
        let layer = layer(format);
        let size = layer.blob.len() as u64;
        let registry = Standin::start(std::slice::from_ref(&layer), Ranges::Given);
        let (lazy, in_parts) = sbom(&room, &registry, "--lazy");
        let (requests, bytes) = registry.of(&layer);
        assert!(bytes * 100 < size * 10, "{format:?}: {bytes} of {size} bytes in {requests} requests");
        println!("{format:?}: {bytes} of {size} bytes in {requests} requests");
        // The report says so, and so does the person's terminal.
        let note = in_parts["notes"][0].as_str().unwrap();
        assert!(note.contains("1 of 1 layers were read by their tables of contents"), "{note}");
        assert!(lazy.talk.contains("warning: 1 of 1 layers were read by their tables of contents"), "{lazy}");

        // What was read in parts is remembered, but not as the whole.
        let (_, again) = sbom(&room, &registry, "--lazy");
        assert_eq!(registry.of(&layer), (0, 0), "{format:?}");
        assert_eq!(again["packages"], in_parts["packages"]);
        assert!(again["notes"][0].as_str().unwrap().contains("tables of contents"), "{again}");
        let (_, whole) = sbom(&room, &registry, "");
        assert_eq!(registry.of(&layer), (1, size), "{format:?}");
        assert_eq!(whole["packages"], in_parts["packages"], "{format:?}");
        assert_eq!(whole["packages"].as_array().unwrap().len(), 3);
        assert_eq!(whole["notes"].as_array().map_or(0, Vec::len), 0, "{whole}");
        // Once it was read whole, there is nothing to believe.
        let (_, lazy) = sbom(&room, &registry, "--lazy");
        assert_eq!((registry.of(&layer), lazy["notes"].as_array().map_or(0, Vec::len)), ((0, 0), 0), "{lazy}");
    }
}

#[test]
fn a_registry_without_parts_gives_the_whole() {
    for ranges in [Ranges::Ignored, Ranges::Refused] {
        let room = Room::new();
        let layer = layer(Format::Estargz);
        let registry = Standin::start(std::slice::from_ref(&layer), ranges);
        let (run, report) = sbom(&room, &registry, "--lazy --verbose");
        assert_eq!(report["packages"].as_array().unwrap().len(), 3);
        assert_eq!(report["notes"].as_array().map_or(0, Vec::len), 0, "{report}");
        assert!(run.talk.contains("layer 1 is read whole"), "{run}");
        // It is whole, and remembered as that.
        registry.of(&layer);
        sbom(&room, &registry, "");
        assert_eq!(registry.of(&layer), (0, 0));
    }
}

#[test]
fn a_table_that_hides_a_file_hides_nothing() {
    for format in [Format::Estargz, Format::ZstdChunked] {
        let room = Room::new();
        let layer = write(format, &system(), CHUNK, &|lines| lines.retain(|line| !line.contains("dpkg/status")));
        let registry = Standin::start(std::slice::from_ref(&layer), Ranges::Given);
        let (run, report) = sbom(&room, &registry, "--lazy");
        assert_eq!(report["packages"].as_array().unwrap().len(), 3, "{format:?}");
        let note = report["notes"][0].as_str().unwrap();
        assert!(note.contains("layer 1 was read whole") && note.contains("disagree"), "{note}");
        assert!(run.talk.contains("a runtime that mounts it by that table sees other files"), "{run}");
        // Nobody asked for the table: it means nothing.
        let (_, report) = sbom(&room, &registry, "--no-cache");
        assert_eq!(report["packages"].as_array().unwrap().len(), 3);
        assert_eq!(report["notes"].as_array().map_or(0, Vec::len), 0);
    }
}

#[test]
fn scans_at_the_same_time_fetch_each_layer_once() {
    const SCANS: usize = 6;
    let room = Room::new();
    let layers = [
        layer(Format::Estargz),
        write(Format::ZstdChunked, &[file("opt/other.bin", 0o644, &noise(2 << 20, 8))], CHUNK, &|_| {}),
        // The same layer twice in one image.
        layer(Format::Estargz),
    ];
    let registry = Standin::start(&layers, Ranges::Given);
    let host = &registry.host;
    let scans: Vec<_> = (0..SCANS)
        .map(|_| {
            room.command(&format!("sbom registry:{host}/app:1 --plain-http {host} -o json"))
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    let mut outputs: Vec<String> = Vec::new();
    for scan in scans {
        let output = scan.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        outputs.push(String::from_utf8(output.stdout).unwrap());
    }
    outputs.dedup();
    assert_eq!(outputs.len(), 1, "all say the same");
    assert_eq!(registry.of(&layers[0]), (1, layers[0].blob.len() as u64));
    assert_eq!(registry.of(&layers[1]), (1, layers[1].blob.len() as u64));
}

#[test]
fn a_scan_that_dies_keeps_nobody_waiting() {
    let room = Room::new();
    let layer = layer(Format::ZstdChunked);
    let registry = Standin::start(std::slice::from_ref(&layer), Ranges::Given);
    registry.stall(&layer);
    let host = &registry.host;
    let scan = || {
        room.command(&format!("sbom registry:{host}/app:1 --plain-http {host} -o json"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let mut first = scan();
    let begun = Instant::now();
    while registry.asked(&layer) == 0 {
        assert!(begun.elapsed() < Duration::from_secs(60), "the first scan never asked");
        std::thread::sleep(Duration::from_millis(10));
    }
    let second = scan();
    std::thread::sleep(Duration::from_millis(700));
    assert_eq!(registry.asked(&layer), 1, "the second waits for the first");
    first.kill().unwrap();
    first.wait().unwrap();
    let output = second.wait_with_output().unwrap();
    assert!(output.status.success());
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["packages"].as_array().unwrap().len(), 3);
    assert_eq!(registry.asked(&layer), 2);
}

/// An image that skopeo packed as zstd:chunked, in a real registry.
#[test]
fn an_image_of_skopeo_is_read_in_parts() {
    let test = "an_image_of_skopeo_is_read_in_parts";
    if !peers(test, &["skopeo", "docker-registry"]) {
        return;
    }
    let room = Room::new();
    let folder = room.folder();
    let mut layer = LayerBuilder::new();
    for item in system() {
        layer = match item.kind {
            b'5' => layer.directory(item.name.trim_end_matches('/')),
            _ => layer.file_with_mode(&item.name, item.mode, &item.content),
        };
    }
    let image = ImageBuilder::new().layer(layer.finish(), Compression::None, "COPY").build();
    for (path, bytes) in image.oci_layout(Some("1")) {
        let path = folder.join("plain").join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    let registry = Registry::start();
    let name = format!("{}/app:1", registry.host);
    run(Command::new("skopeo")
        .args(["--insecure-policy", "copy", "--dest-tls-verify=false", "--dest-compress-format", "zstd:chunked"])
        .arg(format!("oci:{}:1", folder.join("plain").display()))
        .arg(format!("docker://{name}")));
    let sbom = |options: &str| -> Value {
        let line = format!("sbom registry:{name} --plain-http {} -o json {options}", registry.host);
        serde_json::from_str(&room.check(&line, 0, &[]).out).unwrap()
    };
    let in_parts = sbom("--lazy");
    let whole = sbom("");
    assert_eq!(whole["packages"], in_parts["packages"]);
    assert_eq!(whole["packages"].as_array().unwrap().len(), 3);
    let note = in_parts["notes"][0].as_str().unwrap();
    let numbers: Vec<u64> = note.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse().ok()).collect();
    println!("skopeo: {note}");
    assert!(numbers[2] * 100 < numbers[3] * 10, "{note}");
}
