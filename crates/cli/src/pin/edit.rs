//! Digests written into a file, with everything else as it was.

use std::ops::Range;

use anyhow::{Context as _, Result, ensure};
use signet_model::{Digest, ImageRef};

use super::find::Write;

/// A stretch of a file and what comes in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Edit {
    at: Range<usize>,
    text: String,
}

impl Edit {
    /// What puts a digest where it belongs. `reference` is what stands there now.
    pub(super) fn new(file: &str, write: &Write, reference: &ImageRef, digest: &Digest) -> Result<Edit> {
        let slice = |at: &Range<usize>| file.get(at.clone()).context("a place that is not in the file");
        Ok(match write {
            Write::Reference(at) => {
                let written = slice(at)?;
                let name = written.split_once('@').map_or(written, |(name, _)| name);
                // A person wants to see what it was, and `--update` which tag to ask for.
                let tag = if reference.tag().is_none() { ":latest" } else { "" };
                Edit { at: at.clone(), text: format!("{name}{tag}@{digest}") }
            }
            Write::Tag(at) => {
                slice(at)?;
                Edit { at: at.clone(), text: format!("\"{}@{digest}\"", reference.tag_or_latest()) }
            }
            Write::Digest(at) => {
                let mark = slice(at)?.chars().next().filter(|mark| matches!(mark, '"' | '\'')).map(String::from);
                let mark = mark.unwrap_or_default();
                Edit { at: at.clone(), text: format!("{mark}{digest}{mark}") }
            }
            Write::Line { after, column } => {
                let rest = file.get(*after..).context("a place that is not in the file")?;
                let (end, newline) = match rest.find('\n') {
                    Some(end) if rest.get(..end).is_some_and(|line| line.ends_with('\r')) => (after + end - 1, "\r\n"),
                    Some(end) => (after + end, "\n"),
                    None => (file.len(), "\n"),
                };
                let indent = " ".repeat(column.saturating_sub(1));
                Edit { at: end..end, text: format!("{newline}{indent}digest: {digest}") }
            }
        })
    }
}

/// The file with all edits made. They must not overlap.
pub(super) fn apply(file: &str, mut edits: Vec<Edit>) -> Result<String> {
    edits.sort_by_key(|edit| edit.at.start);
    edits.dedup();
    let mut out = String::with_capacity(file.len() + edits.len() * 80);
    let mut from = 0;
    for edit in &edits {
        ensure!(edit.at.start >= from, "two digests would be written to one place");
        out += file.get(from..edit.at.start).context("a place that is not in the file")?;
        out += &edit.text;
        from = edit.at.end;
    }
    out += file.get(from..).context("a place that is not in the file")?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::find::{self, Kind};
    use super::*;

    fn digest() -> Digest {
        Digest::sha256(b"image")
    }

    /// `DIGEST` in `expected` is the digest; every image that can be written is.
    #[track_caller]
    fn check(path: &str, file: &str, expected: &str) {
        let kind = find::kind(Path::new(path)).unwrap();
        let kind = if path.contains("templates/") { Kind::Template } else { kind };
        let pinned = |file: &str| {
            let found = find::images(Path::new(path), kind, file).unwrap();
            let edits = found.iter().filter_map(|one| {
                let reference = one.reference.as_ref().ok().filter(|reference| reference.digest().is_none())?;
                Some(Edit::new(file, one.write.as_ref()?, reference, &digest()).unwrap())
            });
            apply(file, edits.collect()).unwrap()
        };
        let once = pinned(file);
        assert_eq!(once, expected.replace("DIGEST", &digest().to_string()), "{path}");
        // What is written is read as pinned.
        assert_eq!(pinned(&once), once, "{path}, a second time");
        let found = find::images(Path::new(path), kind, &once).unwrap();
        for one in found.iter().filter(|one| one.write.is_some()) {
            let reference = one.reference.as_ref();
            assert!(reference.is_err() || reference.unwrap().digest().is_some(), "{one:?} in\n{once}");
        }
    }

    #[test]
    fn dockerfiles() {
        check(
            "Dockerfile",
            "# syntax=docker/dockerfile:1\nARG BASE=debian:12 # no comment\nFROM golang:1.24 AS build # nor this\nRUN x\n\nFROM ${BASE}\nFROM build\nFROM scratch\n\
             COPY --from=busybox:1 /a /b\nFROM alpine\r\nFROM r.example/x:1@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n"
                .replace(" # no comment", "")
                .replace(" # nor this", "")
                .as_str(),
            "# syntax=docker/dockerfile:1@DIGEST\nARG BASE=debian:12@DIGEST\nFROM golang:1.24@DIGEST AS build\nRUN x\n\nFROM ${BASE}\nFROM build\nFROM scratch\n\
             COPY --from=busybox:1@DIGEST /a /b\nFROM alpine:latest@DIGEST\r\nFROM r.example/x:1@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n",
        );
        check("Dockerfile", "ARG V=3\nFROM python:${V}\nFROM b:1", "ARG V=3\nFROM python:${V}\nFROM b:1@DIGEST");
    }

    #[test]
    fn kubernetes_keeps_comments_quotes_and_layout() {
        check(
            "pod.yaml",
            "# head\napiVersion: v1\nkind: Pod\nspec:\n    containers:\n    -   name: a   # one\n        image:   \"a:1\"   # two\n    - {name: b, image: 'r.example:5000/b'}\n    - image: >-\n        folded:1\n\
             \x20   initContainers: [{image: a:1}]\n    volumes:\n    - image:\n        reference: w:1\n---\napiVersion: example.com/v1\nkind: Tool\nspec: {containers: [{image: t:1}], other: {image: no:1}}\n",
            "# head\napiVersion: v1\nkind: Pod\nspec:\n    containers:\n    -   name: a   # one\n        image:   \"a:1@DIGEST\"   # two\n    - {name: b, image: 'r.example:5000/b:latest@DIGEST'}\n    - image: >-\n        folded:1\n\
             \x20   initContainers: [{image: a:1@DIGEST}]\n    volumes:\n    - image:\n        reference: w:1@DIGEST\n---\napiVersion: example.com/v1\nkind: Tool\nspec: {containers: [{image: t:1@DIGEST}], other: {image: no:1}}\n",
        );
        check(
            "list.yaml",
            "apiVersion: v1\nkind: List\nitems:\n- apiVersion: batch/v1\n  kind: CronJob\n  spec: {jobTemplate: {spec: {template: {spec: {containers: [{image: &i a:1}, {image: *i}]}}}}}\n",
            "apiVersion: v1\nkind: List\nitems:\n- apiVersion: batch/v1\n  kind: CronJob\n  spec: {jobTemplate: {spec: {template: {spec: {containers: [{image: &i a:1@DIGEST}, {image: *i}]}}}}}\n",
        );
    }

    #[test]
    fn kustomize() {
        check(
            "kustomization.yaml",
            "images:\n- name: a\n  newTag: \"1\" # why\n- name: b\n  newName: r.example/b\n  newTag: v2\n- name: c\n  newName: r.example/c\n- name: d\n  digest: sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n",
            "images:\n- name: a\n  newTag: \"1\" # why\n  digest: DIGEST\n- name: b\n  newName: r.example/b\n  newTag: v2\n  digest: DIGEST\n- name: c\n  newName: r.example/c\n- name: d\n  digest: sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n",
        );
    }

    #[test]
    fn helm() {
        check(
            "chart/values.yaml",
            "image:\n  repository: nginx\n  tag: 1.27 # stable\nsidecar:\n  image:\n    registry: r.example\n    repository: b\n    tag: \"v2\"\n    digest: \"\"\ninitImage: busybox:1\n\
             imagePullPolicy: IfNotPresent\nnone:\n  image: {repository: c}\npolicy:\n  image: plain\n",
            "image:\n  repository: nginx\n  tag: \"1.27@DIGEST\" # stable\nsidecar:\n  image:\n    registry: r.example\n    repository: b\n    tag: \"v2\"\n    digest: \"DIGEST\"\ninitImage: busybox:1@DIGEST\n\
             imagePullPolicy: IfNotPresent\nnone:\n  image: {repository: c}\npolicy:\n  image: plain\n",
        );
        check(
            "chart/templates/a.yaml",
            "{{- if .Values.x }}\n  - name: a\n    image: \"a:1\"\n  - image: b:2 # c\n  - image: {{ .Values.image }}\n  - image: \"{{ .r }}:x\"\n{{- end }}\n",
            "{{- if .Values.x }}\n  - name: a\n    image: \"a:1@DIGEST\"\n  - image: b:2@DIGEST # c\n  - image: {{ .Values.image }}\n  - image: \"{{ .r }}:x\"\n{{- end }}\n",
        );
    }

    #[test]
    fn compose_and_pipelines() {
        check(
            "compose.yaml",
            "services:\n  a: {image: a:1}\n  b: {build: ., image: b:1}\n  c:\n    image: c:${TAG}\n    volumes: [{type: image, source: v:1}, ./x:/y]\n",
            "services:\n  a: {image: a:1@DIGEST}\n  b: {build: ., image: b:1}\n  c:\n    image: c:${TAG}\n    volumes: [{type: image, source: v:1@DIGEST}, ./x:/y]\n",
        );
        check(
            ".github/workflows/ci.yml",
            "on: push\njobs:\n  a:\n    container: a:1\n    services: {db: {image: 'db:2'}}\n    steps:\n    - uses: actions/checkout@v4\n    - uses: docker://c:3\n  b:\n    container:\n      image: d:4\n",
            "on: push\njobs:\n  a:\n    container: a:1@DIGEST\n    services: {db: {image: 'db:2@DIGEST'}}\n    steps:\n    - uses: actions/checkout@v4\n    - uses: docker://c:3@DIGEST\n  b:\n    container:\n      image: d:4@DIGEST\n",
        );
        check(
            ".gitlab-ci.yml",
            "default: {image: a:1}\nvariables: {image: no}\njob:\n  image:\n    name: b:1\n  services: [c:1, {name: d:1}]\nimage: e:1\n",
            "default: {image: a:1@DIGEST}\nvariables: {image: no}\njob:\n  image:\n    name: b:1@DIGEST\n  services: [c:1@DIGEST, {name: d:1@DIGEST}]\nimage: e:1@DIGEST\n",
        );
        check(
            ".circleci/config.yml",
            "executors: {x: {docker: [{image: a:1}]}}\njobs: {y: {docker: [{image: b:1}, {image: c:1}]}}\n",
            "executors: {x: {docker: [{image: a:1@DIGEST}]}}\njobs: {y: {docker: [{image: b:1@DIGEST}, {image: c:1@DIGEST}]}}\n",
        );
        check(
            "action.yml",
            "runs: {using: docker, image: 'docker://a:1'}\n",
            "runs: {using: docker, image: 'docker://a:1@DIGEST'}\n",
        );
    }

    #[test]
    fn edits_do_not_overlap() {
        let edit = |at: Range<usize>, text: &str| Edit { at, text: text.to_owned() };
        assert_eq!(apply("abcdef", vec![edit(4..5, "E"), edit(0..1, "AA"), edit(6..6, "!")]).unwrap(), "AAbcdEf!");
        assert!(apply("abcdef", vec![edit(0..3, "x"), edit(2..4, "y")]).is_err());
        assert!(apply("é", vec![edit(1..2, "x")]).is_err());
    }
}
