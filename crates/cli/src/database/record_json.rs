//! Records of a feed as lines of JSON: what was understood of it, before it is compiled.

use serde_json::{Map, Value, json};
use signet_advisories::{Advisory, Detail, Named, Qualifiers, Range, Record};

/// One line with its end.
pub(super) fn line(record: &Record) -> String {
    let value = match record {
        Record::Advisory(row) => advisory(row, None),
        Record::Qualified(row, qualifiers) => advisory(row, Some(qualifiers)),
        Record::Detail(id, row) => detail(id, row),
        Record::Withdrawn(id) => json!({"kind": "withdrawn", "id": id}),
        Record::Products(_, name, list) => json!({"kind": "products", "name": name, "products": list}),
        Record::Kev(id, kev) => json!({
            "kind": "kev", "id": id, "dateAdded": kev.date_added, "dueDate": kev.due_date, "ransomware": kev.ransomware,
        }),
        Record::Epss(id, epss) => {
            json!({"kind": "epss", "id": id, "score": epss.score, "percentile": epss.percentile})
        }
        Record::Stream(name) => json!({"kind": "stream", "stream": name}),
        Record::Lifecycle(name, cycle) => json!({
            "kind": "lifecycle", "stream": name,
            "endOfLife": cycle.end_of_life.map(|time| time.to_string()),
            "endOfActiveSupport": cycle.end_of_active_support.map(|time| time.to_string()),
        }),
    };
    value.to_string() + "\n"
}

fn advisory(row: &Advisory, qualifiers: Option<&Qualifiers>) -> Value {
    let named = match row.named {
        Named::Source => "source",
        Named::Binary => "binary",
        Named::Library => "library",
        Named::Any => "any",
        Named::Product => "product",
    };
    let ranges = |list: &[Range]| -> Vec<String> {
        list.iter()
            .map(|range| match range {
                Range::All(bounds) => {
                    let words: Vec<String> =
                        bounds.iter().map(|(op, version)| format!("{} {version}", op.sign())).collect();
                    words.join(", ")
                }
                Range::Words(words) => words.clone(),
            })
            .collect()
    };
    let mut value = json!({
        "kind": "advisory", "stream": row.stream, "package": row.package, "named": named, "id": row.id,
        "vendorIds": row.vendor_ids, "status": row.status.name(), "severity": row.severity.map(|severity| severity.name()),
        "vulnerable": ranges(&row.affected.vulnerable), "safe": ranges(&row.affected.safe),
        "versions": row.affected.versions, "always": row.affected.always, "fixed": row.fixed, "arches": row.arches,
        "malicious": row.malicious, "source": row.source.id,
    });
    if let (Some(qualifiers), Some(object)) = (qualifiers, value.as_object_mut()) {
        add(object, qualifiers);
    }
    value
}

fn add(object: &mut Map<String, Value>, qualifiers: &Qualifiers) {
    object.insert("unaffected".to_owned(), json!(qualifiers.unaffected));
    object.insert("module".to_owned(), json!(qualifiers.module));
    object.insert("cpe".to_owned(), json!(qualifiers.cpe));
    object.insert("platforms".to_owned(), json!(qualifiers.platforms));
    let imports: Vec<Value> =
        qualifiers.imports.iter().map(|import| json!({"path": import.path, "symbols": import.symbols})).collect();
    object.insert("imports".to_owned(), json!(imports));
    object.insert("available".to_owned(), json!(qualifiers.available.map(|time| time.to_string())));
}

fn detail(id: &str, row: &Detail) -> Value {
    let severities: Map<String, Value> =
        row.severities.iter().map(|(source, severity)| (source.clone(), json!(severity.name()))).collect();
    let cvss: Vec<Value> = row
        .cvss
        .iter()
        .map(|(source, cvss)| {
            json!({
                "source": source, "v2": cvss.v2.0, "v2Score": cvss.v2.1, "v3": cvss.v3.0, "v3Score": cvss.v3.1,
                "v4": cvss.v4.0, "v4Score": cvss.v4.1,
            })
        })
        .collect();
    json!({
        "kind": "detail", "id": id, "aliases": row.aliases, "title": row.title, "description": row.description,
        "severity": row.severity.map(|severity| severity.name()), "severities": severities, "cvss": cvss, "cwes": row.cwes,
        "references": row.references, "published": row.published.map(|time| time.to_string()),
        "modified": row.modified.map(|time| time.to_string()),
    })
}
