//! Syft's formats.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::foreign::columns;
use crate::foreign::sbom::Sbom;
use crate::report::{Report, printable};
use crate::template::{Context, Template};

/// What `-o` may say.
#[derive(Clone, Copy, Debug)]
pub(super) enum Format {
    /// Name, version, type.
    Table,
    /// The same, a paragraph each.
    Text,
    /// A Go template over Syft's JSON.
    Template,
    /// Any SBOM.
    Sbom(Sbom),
}

impl Format {
    /// The format of this name, in lower case.
    pub(super) fn parse(name: &str) -> Result<Format> {
        Ok(match name {
            "syft-table" | "table" => Format::Table,
            "syft-text" | "text" => Format::Text,
            "template" => Format::Template,
            other => Format::Sbom(Sbom::parse(other, &["syft-table", "syft-text"])?),
        })
    }

    /// The bytes of a file.
    pub(super) fn render(self, report: &Report, template: Option<&Template>) -> Result<Vec<u8>> {
        match self {
            Format::Table => Ok(table(&rows(report)?).into_bytes()),
            Format::Text => Ok(text(report, &rows(report)?).into_bytes()),
            Format::Template => {
                let template = template.context("`-o template` needs `-t FILE`")?;
                let document: serde_json::Value =
                    serde_json::from_slice(&Sbom::parse("syft-json", &[])?.render(report)?)?;
                let context = Context { now: report.now, app_version: env!("CARGO_PKG_VERSION"), env: &[] };
                Ok(template.render(&document, &context)?.into_bytes())
            }
            Format::Sbom(format) => format.render(report),
        }
    }
}

/// A package as Syft names it.
#[derive(Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "camelCase")]
struct Row {
    name: String,
    version: String,
    #[serde(rename = "type")]
    ty: String,
    found_by: String,
}

/// Names and types are those of Syft's JSON, so that no two formats disagree.
fn rows(report: &Report) -> Result<Vec<Row>> {
    #[derive(Deserialize)]
    struct Document {
        artifacts: Vec<Row>,
    }
    let bytes = Sbom::parse("syft-json", &[])?.render(report)?;
    let mut document: Document = serde_json::from_slice(&bytes)?;
    document.artifacts.sort();
    Ok(document.artifacts)
}

fn table(rows: &[Row]) -> String {
    if rows.is_empty() {
        return "No packages discovered\n".to_owned();
    }
    let mut counted: BTreeMap<(&str, &str, &str), usize> = BTreeMap::new();
    for row in rows {
        *counted.entry((&row.name, &row.version, &row.ty)).or_default() += 1;
    }
    let lines: Vec<Vec<String>> = counted
        .into_iter()
        .map(|((name, version, ty), count)| {
            let more = match count {
                1 => String::new(),
                2 => "(+1 duplicate)".to_owned(),
                count => format!("(+{} duplicates)", count - 1),
            };
            vec![name.to_owned(), version.to_owned(), ty.to_owned(), more]
        })
        .collect();
    columns::render(&["NAME", "VERSION", "TYPE", ""], &lines)
}

fn text(report: &Report, rows: &[Row]) -> String {
    let mut text = String::new();
    match &report.subject.image {
        Some(image) => {
            text += "[Image]\n";
            for (place, layer) in image.layers.iter().enumerate() {
                let _ = writeln!(
                    text,
                    " Layer:\t\t{place}\n Digest:\t{}\n Size:\t\t{}\n MediaType:\t{}\n",
                    layer.diff_id, layer.size, layer.media_type
                );
            }
        }
        None => {
            let _ = writeln!(text, "[Path: {}]", printable(&report.subject.name));
        }
    }
    for row in rows {
        let [name, version, ty, by] = [&row.name, &row.version, &row.ty, &row.found_by].map(|text| printable(text));
        let _ = writeln!(text, "[{name}]\n Version:\t{version}\n Type:\t\t{ty}\n Found by:\t{by}\n");
    }
    if rows.is_empty() {
        text += "No packages discovered\n";
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_are_counted() {
        let row = |name: &str| Row {
            name: name.to_owned(),
            version: "1".to_owned(),
            ty: "npm".to_owned(),
            found_by: String::new(),
        };
        let check = |names: &[&str], wanted: &str| {
            assert_eq!(table(&names.iter().map(|name| row(name)).collect::<Vec<_>>()), wanted);
        };
        check(&[], "No packages discovered\n");
        check(&["a"], "NAME  VERSION  TYPE  \na     1        npm   \n");
        check(
            &["b", "a", "b", "a", "a"],
            "NAME  VERSION  TYPE                   \na     1        npm   (+2 duplicates)  \nb     1        npm   (+1 duplicate)   \n",
        );
    }
}
