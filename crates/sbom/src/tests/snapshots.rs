use signet_model::{Cvss, DataSource, Finding, Fix, Severity, Status, Timestamp, Vulnerability, Why};

use super::*;
use crate::Serial;

pub(super) fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

/// Two packages are enough to see the shape.
pub(super) fn small() -> Inventory {
    let mut inventory = inventory();
    inventory.packages.truncate(2);
    inventory.relationships.truncate(1);
    inventory.unexamined.clear();
    inventory
}

fn finding() -> Finding {
    let cvss = Cvss {
        v2: (Some("AV:N/AC:L/Au:N/C:P/I:N/A:N".to_owned()), Some(5.0)),
        v3: (Some("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N".to_owned()), Some(7.5)),
        v4: (None, None),
    };
    Finding {
        vulnerability: Vulnerability {
            id: "CVE-2023-30861".to_owned(),
            description: Some("Session cookie disclosure".to_owned()),
            severities: [("ghsa".to_owned(), Severity::High), ("nvd".to_owned(), Severity::High)].into(),
            cvss: [("nvd".to_owned(), cvss)].into(),
            cwes: vec!["CWE-539".to_owned()],
            references: vec!["https://example.com/advisory".to_owned()],
            published: Some("2023-05-02T18:15:52.373Z".parse().unwrap()),
            ..Vulnerability::default()
        },
        package: PackageIndex(1),
        severity: Severity::High,
        severity_source: Some("ghsa".to_owned()),
        status: Status::Fixed,
        fix: Fix { versions: vec!["2.2.5".to_owned(), "2.3.2".to_owned()], available: None },
        vendor_ids: Vec::new(),
        data_source: DataSource {
            id: "ghsa".to_owned(),
            url: "https://github.com/advisories".to_owned(),
            ..DataSource::default()
        },
        malicious: false,
        why: Why::default(),
        suppressed: None,
    }
}

#[test]
fn ours_with_a_finding() {
    let findings = cyclonedx::Findings {
        findings: &[finding()],
        primary_url: &|finding| Some(format!("https://example.com/{}", finding.vulnerability.id)),
    };
    let options = WriteOptions {
        timestamp: Some(Timestamp::UNIX_EPOCH),
        serial: Serial::Given("3ff14136-e09f-4df9-80ea-000000000001".parse().unwrap()),
        ..options()
    };
    insta::assert_snapshot!(text(cyclonedx::write(&subject("app:1"), &small(), Some(findings), &options)), @r##"
    {
      "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
      "bomFormat": "CycloneDX",
      "specVersion": "1.6",
      "serialNumber": "urn:uuid:3ff14136-e09f-4df9-80ea-000000000001",
      "version": 1,
      "metadata": {
        "timestamp": "1970-01-01T00:00:00Z",
        "tools": {
          "components": [
            {
              "type": "application",
              "name": "signet",
              "version": "0.1.0"
            }
          ]
        },
        "component": {
          "bom-ref": "signet:root",
          "type": "container",
          "name": "app:1",
          "version": "sha256:d2bb92ca7c6d792d8403126683c765d9803c413c0d528e8bef979c138e93a0a1",
          "properties": [
            {
              "name": "aquasecurity:trivy:ImageID",
              "value": "sha256:b79606fb3afea5bd1609ed40b622142f1c98125abcfe89a76a661b0e8e343910"
            },
            {
              "name": "aquasecurity:trivy:DiffID",
              "value": "sha256:dac1d7cfa95021764849fd102524e141488c5e3a90f861dbb5a12d9ac8584f85"
            }
          ]
        }
      },
      "components": [
        {
          "bom-ref": "signet:operating-system",
          "type": "operating-system",
          "name": "debian",
          "version": "12",
          "description": "Debian GNU/Linux 12 (bookworm)",
          "properties": [
            {
              "name": "syft:distro:id",
              "value": "debian"
            },
            {
              "name": "syft:distro:prettyName",
              "value": "Debian GNU/Linux 12 (bookworm)"
            },
            {
              "name": "syft:distro:versionCodename",
              "value": "bookworm"
            },
            {
              "name": "syft:distro:versionID",
              "value": "12"
            }
          ]
        },
        {
          "bom-ref": "pkg:deb/debian/libssl3@3.0.11-1~deb12u2?arch=amd64&distro=debian-12&package-id=58334f314ea97911&upstream=openssl",
          "type": "library",
          "supplier": {
            "name": "Debian OpenSSL Team"
          },
          "name": "libssl3",
          "version": "3.0.11-1~deb12u2",
          "licenses": [
            {
              "license": {
                "id": "Apache-2.0"
              }
            },
            {
              "license": {
                "name": "GPL-1+ with exceptions"
              }
            }
          ],
          "purl": "pkg:deb/debian/libssl3@3.0.11-1~deb12u2?arch=amd64&distro=debian-12&upstream=openssl",
          "properties": [
            {
              "name": "signet:package:kind",
              "value": "deb"
            },
            {
              "name": "syft:location:0:layerID",
              "value": "sha256:dac1d7cfa95021764849fd102524e141488c5e3a90f861dbb5a12d9ac8584f85"
            },
            {
              "name": "syft:location:0:path",
              "value": "/var/lib/dpkg/status"
            },
            {
              "name": "syft:package:foundBy",
              "value": "dpkg"
            },
            {
              "name": "syft:package:type",
              "value": "deb"
            }
          ]
        },
        {
          "bom-ref": "pkg:pypi/flask@2.2.2?package-id=0f127445fb3648c9",
          "type": "library",
          "name": "Flask",
          "version": "2.2.2",
          "hashes": [
            {
              "alg": "SHA-1",
              "content": "abababababababababababababababababababab"
            }
          ],
          "licenses": [
            {
              "license": {
                "id": "BSD-3-Clause"
              }
            }
          ],
          "cpe": "cpe:2.3:a:palletsprojects:flask:2.2.2:*:*:*:*:*:*:*",
          "purl": "pkg:pypi/flask@2.2.2",
          "properties": [
            {
              "name": "signet:package:kind",
              "value": "python"
            },
            {
              "name": "signet:package:owned-by",
              "value": "pkg:deb/debian/libssl3@3.0.11-1~deb12u2?arch=amd64&distro=debian-12&package-id=58334f314ea97911&upstream=openssl"
            },
            {
              "name": "syft:location:0:layerID",
              "value": "sha256:dac1d7cfa95021764849fd102524e141488c5e3a90f861dbb5a12d9ac8584f85"
            },
            {
              "name": "syft:location:0:path",
              "value": "/usr/lib/python3/dist-packages/Flask-2.2.2.dist-info/METADATA"
            },
            {
              "name": "syft:package:foundBy",
              "value": "python-installed"
            },
            {
              "name": "syft:package:type",
              "value": "python"
            }
          ]
        }
      ],
      "dependencies": [
        {
          "ref": "signet:root",
          "dependsOn": [
            "pkg:pypi/flask@2.2.2?package-id=0f127445fb3648c9",
            "signet:operating-system"
          ]
        },
        {
          "ref": "pkg:deb/debian/libssl3@3.0.11-1~deb12u2?arch=amd64&distro=debian-12&package-id=58334f314ea97911&upstream=openssl",
          "dependsOn": []
        },
        {
          "ref": "pkg:pypi/flask@2.2.2?package-id=0f127445fb3648c9",
          "dependsOn": []
        },
        {
          "ref": "signet:operating-system",
          "dependsOn": [
            "pkg:deb/debian/libssl3@3.0.11-1~deb12u2?arch=amd64&distro=debian-12&package-id=58334f314ea97911&upstream=openssl"
          ]
        }
      ],
      "vulnerabilities": [
        {
          "id": "CVE-2023-30861",
          "source": {
            "name": "ghsa",
            "url": "https://github.com/advisories"
          },
          "ratings": [
            {
              "source": {
                "name": "ghsa"
              },
              "severity": "high"
            },
            {
              "source": {
                "name": "nvd"
              },
              "score": 5,
              "severity": "medium",
              "method": "CVSSv2",
              "vector": "AV:N/AC:L/Au:N/C:P/I:N/A:N"
            },
            {
              "source": {
                "name": "nvd"
              },
              "score": 7.5,
              "severity": "high",
              "method": "CVSSv31",
              "vector": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N"
            }
          ],
          "cwes": [
            539
          ],
          "description": "Session cookie disclosure",
          "recommendation": "Upgrade Flask to version 2.2.5, 2.3.2",
          "advisories": [
            {
              "url": "https://example.com/CVE-2023-30861"
            },
            {
              "url": "https://example.com/advisory"
            }
          ],
          "published": "2023-05-02T18:15:52+00:00",
          "affects": [
            {
              "ref": "pkg:pypi/flask@2.2.2?package-id=0f127445fb3648c9",
              "versions": [
                {
                  "version": "2.2.2",
                  "status": "affected"
                }
              ]
            }
          ]
        }
      ]
    }
    "##);
}

#[test]
fn spdx_document() {
    insta::assert_snapshot!(text(spdx::write(&subject("app:1"), &small(), &options())), @r##"
    {
      "spdxVersion": "SPDX-2.3",
      "dataLicense": "CC0-1.0",
      "SPDXID": "SPDXRef-DOCUMENT",
      "name": "app:1",
      "documentNamespace": "https://signet.dev/spdx/bbad3a14-31df-88f4-9b30-b7d1dc288814",
      "creationInfo": {
        "licenseListVersion": "3.28",
        "creators": [
          "Organization: Signet",
          "Tool: signet-0.1.0"
        ],
        "created": "1970-01-01T00:00:00Z"
      },
      "packages": [
        {
          "name": "app:1",
          "SPDXID": "SPDXRef-DocumentRoot",
          "versionInfo": "sha256:d2bb92ca7c6d792d8403126683c765d9803c413c0d528e8bef979c138e93a0a1",
          "downloadLocation": "NOASSERTION",
          "filesAnalyzed": false,
          "checksums": [
            {
              "algorithm": "SHA256",
              "checksumValue": "d2bb92ca7c6d792d8403126683c765d9803c413c0d528e8bef979c138e93a0a1"
            }
          ],
          "licenseConcluded": "NOASSERTION",
          "licenseDeclared": "NOASSERTION",
          "copyrightText": "NOASSERTION",
          "primaryPackagePurpose": "CONTAINER",
          "attributionTexts": [
            "ImageID: sha256:b79606fb3afea5bd1609ed40b622142f1c98125abcfe89a76a661b0e8e343910",
            "DiffID: sha256:dac1d7cfa95021764849fd102524e141488c5e3a90f861dbb5a12d9ac8584f85"
          ]
        },
        {
          "name": "debian",
          "SPDXID": "SPDXRef-OperatingSystem",
          "versionInfo": "12",
          "downloadLocation": "NOASSERTION",
          "filesAnalyzed": false,
          "licenseConcluded": "NOASSERTION",
          "licenseDeclared": "NOASSERTION",
          "copyrightText": "NOASSERTION",
          "summary": "Debian GNU/Linux 12 (bookworm)",
          "primaryPackagePurpose": "OPERATING_SYSTEM"
        },
        {
          "name": "libssl3",
          "SPDXID": "SPDXRef-Package-deb-libssl3-58334f314ea97911",
          "versionInfo": "3.0.11-1~deb12u2",
          "supplier": "Organization: Debian OpenSSL Team",
          "downloadLocation": "NOASSERTION",
          "filesAnalyzed": false,
          "sourceInfo": "acquired package info from the following paths: /var/lib/dpkg/status",
          "licenseConcluded": "NOASSERTION",
          "licenseDeclared": "Apache-2.0 AND LicenseRef-c7653b45c73b15cb",
          "copyrightText": "NOASSERTION",
          "externalRefs": [
            {
              "referenceCategory": "PACKAGE-MANAGER",
              "referenceType": "purl",
              "referenceLocator": "pkg:deb/debian/libssl3@3.0.11-1~deb12u2?arch=amd64&distro=debian-12&upstream=openssl"
            }
          ],
          "primaryPackagePurpose": "LIBRARY",
          "attributionTexts": [
            "signet:package:kind: deb",
            "syft:location:0:layerID: sha256:dac1d7cfa95021764849fd102524e141488c5e3a90f861dbb5a12d9ac8584f85",
            "syft:location:0:path: /var/lib/dpkg/status",
            "syft:package:foundBy: dpkg",
            "syft:package:type: deb"
          ]
        },
        {
          "name": "Flask",
          "SPDXID": "SPDXRef-Package-python-Flask-0f127445fb3648c9",
          "versionInfo": "2.2.2",
          "supplier": "NOASSERTION",
          "downloadLocation": "NOASSERTION",
          "filesAnalyzed": false,
          "checksums": [
            {
              "algorithm": "SHA1",
              "checksumValue": "abababababababababababababababababababab"
            }
          ],
          "sourceInfo": "acquired package info from the following paths: /usr/lib/python3/dist-packages/Flask-2.2.2.dist-info/METADATA",
          "licenseConcluded": "NOASSERTION",
          "licenseDeclared": "BSD-3-Clause",
          "copyrightText": "NOASSERTION",
          "externalRefs": [
            {
              "referenceCategory": "SECURITY",
              "referenceType": "cpe23Type",
              "referenceLocator": "cpe:2.3:a:palletsprojects:flask:2.2.2:*:*:*:*:*:*:*"
            },
            {
              "referenceCategory": "PACKAGE-MANAGER",
              "referenceType": "purl",
              "referenceLocator": "pkg:pypi/flask@2.2.2"
            }
          ],
          "primaryPackagePurpose": "LIBRARY",
          "attributionTexts": [
            "signet:package:kind: python",
            "syft:location:0:layerID: sha256:dac1d7cfa95021764849fd102524e141488c5e3a90f861dbb5a12d9ac8584f85",
            "syft:location:0:path: /usr/lib/python3/dist-packages/Flask-2.2.2.dist-info/METADATA",
            "syft:package:foundBy: python-installed",
            "syft:package:type: python"
          ]
        }
      ],
      "hasExtractedLicensingInfos": [
        {
          "licenseId": "LicenseRef-c7653b45c73b15cb",
          "extractedText": "GPL-1+ with exceptions",
          "name": "GPL-1+ with exceptions"
        }
      ],
      "relationships": [
        {
          "spdxElementId": "SPDXRef-DOCUMENT",
          "relatedSpdxElement": "SPDXRef-DocumentRoot",
          "relationshipType": "DESCRIBES"
        },
        {
          "spdxElementId": "SPDXRef-DocumentRoot",
          "relatedSpdxElement": "SPDXRef-OperatingSystem",
          "relationshipType": "CONTAINS"
        },
        {
          "spdxElementId": "SPDXRef-DocumentRoot",
          "relatedSpdxElement": "SPDXRef-Package-deb-libssl3-58334f314ea97911",
          "relationshipType": "CONTAINS"
        },
        {
          "spdxElementId": "SPDXRef-DocumentRoot",
          "relatedSpdxElement": "SPDXRef-Package-python-Flask-0f127445fb3648c9",
          "relationshipType": "CONTAINS"
        },
        {
          "spdxElementId": "SPDXRef-Package-deb-libssl3-58334f314ea97911",
          "relatedSpdxElement": "SPDXRef-Package-python-Flask-0f127445fb3648c9",
          "relationshipType": "OTHER",
          "comment": "ownership-by-file-overlap: the files of the related package belong to this one"
        }
      ]
    }
    "##);
}
