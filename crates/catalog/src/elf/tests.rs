//! Sections as build tools write them.

use std::borrow::Cow;

use proptest::prelude::*;
use signet_model::{Location, PackageKind};

use super::LEAF;
use crate::syntax::testing::{mutate, rows};
use crate::{Binary, BinaryFormat, Found, Input};

struct Section<'a>(&'a [u8]);

impl Binary for Section<'_> {
    fn format(&self) -> BinaryFormat {
        BinaryFormat::Elf
    }

    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn section(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        (name == super::SECTION).then_some(Cow::Borrowed(self.0))
    }

    fn at_address(&self, _: u64, _: usize) -> Option<Cow<'_, [u8]>> {
        None
    }

    fn data_segment(&self) -> Option<(u64, u64)> {
        None
    }
}

fn read(section: &[u8]) -> Found {
    let (location, section) = (Location::of_path("usr/bin/app"), Section(section));
    (LEAF.read)(&Input { location: &location, bytes: &[], binary: Some(&section), leaf: LEAF.id })
}

fn note(kind: u32, owner: &[u8], json: &str) -> Vec<u8> {
    let mut note: Vec<u8> =
        [owner.len() as u32, json.len() as u32 + 1, kind].iter().flat_map(|word| word.to_le_bytes()).collect();
    note.extend(owner);
    note.resize(note.len().next_multiple_of(4), 0);
    note.extend(json.bytes().chain([0]));
    note.resize(note.len().next_multiple_of(4), 0);
    note
}

const RPM: &str = include_str!("testdata/note.json");

#[track_caller]
fn check(section: &[u8], expected: &[&str]) {
    assert_eq!(rows(&read(section)), expected);
}

#[test]
fn notes() {
    let other = note(1, b"GNU\0", "build");
    check(&note(super::TYPE, b"FDO\0", RPM), &["coreutils@9.4-6.fc40"]);
    check(&[other.clone(), note(super::TYPE, b"FDO\0", RPM)].concat(), &["coreutils@9.4-6.fc40"]);
    check(RPM.as_bytes(), &["coreutils@9.4-6.fc40"]);
    check(
        &note(super::TYPE, b"FDO\0", r#"{"type":"deb","name":"a","version":"1:2-3","architecture":"amd64"}"#),
        &["a@1:2-3"],
    );
    check(&other, &["! malformed: the section .note.package holds no package note"]);
    check(
        &note(super::TYPE, b"FDO\0", "{"),
        &["! malformed: the note in .note.package holds no JSON: line 1: the JSON document ends inside an object"],
    );
    check(
        &note(super::TYPE, b"FDO\0", r#"{"type":"rpm"}"#),
        &["! malformed: the note in .note.package names no package"],
    );
}

#[test]
fn big_endian_words_and_kinds() {
    let mut note = note(super::TYPE, b"FDO\0", RPM);
    note[..12].chunks_mut(4).for_each(|word| word.reverse());
    let found = read(&note);
    let package = &found.packages[0];
    assert_eq!((package.kind, package.arch.as_deref()), (PackageKind::Rpm, Some("x86_64")));
    assert_eq!(package.extra["elf.os_cpe"], "cpe:/o:fedoraproject:fedora:40");
}

proptest! {
    #[test]
    fn damaged_notes_never_panic(place: usize, byte: u8, cut in 0..9usize, keep: usize) {
        let found = read(&mutate(&note(super::TYPE, b"FDO\0", RPM), place, byte, cut, keep));
        prop_assert!(found.packages.len() + found.unexamined.len() == 1);
    }

    #[test]
    fn any_bytes_are_read(bytes: Vec<u8>) {
        prop_assert!(read(&bytes).packages.len() <= 1);
    }
}
