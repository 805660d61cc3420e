use proptest::prelude::*;
use signet_model::{Cvss, DataSource, Epss, KnownExploited, Severity, Status};

use super::*;
use crate::record::*;

fn records() -> Vec<Record> {
    let time = |text: &str| text.parse().ok();
    let advisory = Advisory {
        stream: "npm".to_owned(),
        package: "left".to_owned(),
        named: Named::Any,
        id: "CVE-2024-1".to_owned(),
        vendor_ids: vec!["GHSA-1".to_owned(), String::new()],
        status: Status::WillNotFix,
        severity: Some(Severity::Unknown),
        affected: Affected {
            vulnerable: vec![Range::before(Some("1"), "2"), Range::Words("^3 || 4".to_owned()), Range::everything()],
            safe: vec![Range::All(vec![(Op::NotEqual, "5".to_owned()), (Op::Equal, "ä".to_owned())])],
            versions: vec!["6".to_owned()],
            always: true,
        },
        fixed: vec!["2".to_owned()],
        arches: vec!["x86_64".to_owned()],
        products: vec![0, 7, u32::MAX],
        malicious: true,
        source: DataSource { id: "ghsa".to_owned(), base_id: Some("b".to_owned()), ..DataSource::default() },
    };
    let qualifiers = Qualifiers {
        unaffected: true,
        module: Some(String::new()),
        cpe: Some("cpe:2.3:a:b:c:*".to_owned()),
        platforms: vec!["p".to_owned()],
        imports: vec![GoImport { path: "x/y".to_owned(), symbols: vec!["F".to_owned()] }],
        available: time("2024-02-03T04:05:06.789Z"),
    };
    let detail = Detail {
        aliases: vec!["A".to_owned()],
        title: "t".to_owned(),
        description: "long\ntext".to_owned(),
        severity: Some(Severity::Low),
        severities: vec![("nvd".to_owned(), Severity::Critical)],
        cvss: vec![(
            "nvd".to_owned(),
            Cvss { v2: (None, Some(4.05)), v3: (Some("CVSS:3.1/x".to_owned()), None), v4: (None, None) },
        )],
        cwes: vec!["CWE-1".to_owned()],
        references: vec!["https://example.com".to_owned()],
        published: time("2024-01-01T00:00:00.123456789Z"),
        modified: None,
    };
    let kev = KnownExploited {
        date_added: "2024-01-01".to_owned(),
        due_date: None,
        ransomware: true,
        required_action: Some("act".to_owned()),
    };
    let plain = Advisory { severity: None, malicious: false, status: Status::Unknown, ..advisory.clone() };
    vec![
        Record::Advisory(Box::new(plain)),
        Record::Qualified(Box::new(advisory), Box::new(qualifiers)),
        Record::Detail("CVE-2024-1".to_owned(), Box::new(detail)),
        Record::Withdrawn("CVE-2024-2".to_owned()),
        Record::Products(ProductKey::Nvr, "ubi7".to_owned(), vec![1, 300]),
        Record::Products(ProductKey::ContentSet, "set".to_owned(), Vec::new()),
        Record::Kev("CVE-2024-1".to_owned(), Box::new(kev)),
        Record::Epss("CVE-2024-1".to_owned(), Epss { score: 0.1 + 0.2, percentile: 1.0 }),
        Record::Stream("npm".to_owned()),
        Record::Lifecycle(
            "debian 12".to_owned(),
            Lifecycle { end_of_life: time("2028-06-30T00:00:00Z"), end_of_active_support: None },
        ),
    ]
}

fn end() -> SegmentEnd {
    SegmentEnd {
        feeds: vec![Feed {
            name: "osv".to_owned(),
            url: "https://example.com".to_owned(),
            data_time: "2024-01-01T00:00:00Z".parse().ok(),
            licence: "CC0-1.0".to_owned(),
            redistributable: false,
            attribution: "by us".to_owned(),
            trust: Trust::Signed("us".to_owned()),
        }],
        remarks: vec![(true, "one record is broken".to_owned()), (false, "10 records".to_owned())],
    }
}

fn segment() -> Vec<u8> {
    let mut writer = SegmentWriter::new(Vec::new()).unwrap();
    records().iter().for_each(|record| writer.put(record).unwrap());
    writer.finish(&end()).unwrap()
}

fn back(bytes: &[u8]) -> Result<(Vec<Record>, SegmentEnd), SegmentError> {
    let mut found = Vec::new();
    let end = read(&mut &bytes[..], &mut |record| {
        found.push(record);
        Ok(())
    })?;
    Ok((found, end))
}

#[test]
fn every_kind_of_record_returns_as_it_went() {
    assert_eq!(back(&segment()).unwrap(), (records(), end()));
}

#[test]
fn a_segment_without_its_end_is_none() {
    let whole = segment();
    for cut in 0..whole.len() {
        assert!(back(&whole[..cut]).is_err(), "cut at {cut}");
    }
    let mut longer = whole.clone();
    longer.push(0);
    assert!(back(&longer).is_err());
    let mut other = whole;
    other[8] += 1;
    assert!(matches!(back(&other), Err(SegmentError::Foreign)));
}

proptest! {
    #[test]
    fn damage_never_panics(flips in prop::collection::vec((0usize..10_000, 1u8..), 1..5)) {
        let mut bytes = segment();
        for (at, bits) in flips {
            let at = at % bytes.len();
            bytes[at] ^= bits;
        }
        let _read = back(&bytes);
    }
}
