//! Syft's JSON, lists of purls, and CycloneDX as Trivy gives it.

use signet_model::Timestamp;

use super::snapshots::{small, text};
use super::*;
use crate::{Uuid, purls};

#[test]
fn syft_document() {
    insta::assert_snapshot!(text(syft::write(&subject("app:1"), &small(), &options())), @r##"
    {
      "artifacts": [
        {
          "id": "58334f314ea97911",
          "name": "libssl3",
          "version": "3.0.11-1~deb12u2",
          "type": "deb",
          "foundBy": "dpkg",
          "locations": [
            {
              "path": "/var/lib/dpkg/status",
              "layerID": "sha256:dac1d7cfa95021764849fd102524e141488c5e3a90f861dbb5a12d9ac8584f85",
              "accessPath": "/var/lib/dpkg/status",
              "annotations": {
                "evidence": "primary"
              }
            }
          ],
          "licenses": [
            {
              "value": "Apache-2.0",
              "spdxExpression": "Apache-2.0",
              "type": "declared",
              "urls": [],
              "locations": []
            },
            {
              "value": "GPL-1+ with exceptions",
              "spdxExpression": "",
              "type": "declared",
              "urls": [],
              "locations": []
            }
          ],
          "language": "",
          "cpes": [],
          "purl": "pkg:deb/debian/libssl3@3.0.11-1~deb12u2?arch=amd64&distro=debian-12&upstream=openssl",
          "metadataType": "dpkg-db-entry",
          "metadata": {
            "architecture": "amd64",
            "files": [],
            "installedSize": 0,
            "maintainer": "Debian OpenSSL Team",
            "package": "libssl3",
            "source": "openssl",
            "sourceVersion": "",
            "version": "3.0.11-1~deb12u2"
          }
        },
        {
          "id": "0f127445fb3648c9",
          "name": "Flask",
          "version": "2.2.2",
          "type": "python",
          "foundBy": "python-installed",
          "locations": [
            {
              "path": "/usr/lib/python3/dist-packages/Flask-2.2.2.dist-info/METADATA",
              "layerID": "sha256:dac1d7cfa95021764849fd102524e141488c5e3a90f861dbb5a12d9ac8584f85",
              "accessPath": "/usr/lib/python3/dist-packages/Flask-2.2.2.dist-info/METADATA",
              "annotations": {
                "evidence": "primary"
              }
            }
          ],
          "licenses": [
            {
              "value": "BSD-3-Clause",
              "spdxExpression": "BSD-3-Clause",
              "type": "declared",
              "urls": [],
              "locations": []
            }
          ],
          "language": "python",
          "cpes": [
            {
              "cpe": "cpe:2.3:a:palletsprojects:flask:2.2.2:*:*:*:*:*:*:*",
              "source": "declared"
            }
          ],
          "purl": "pkg:pypi/flask@2.2.2",
          "metadataType": "python-package",
          "metadata": {
            "author": "",
            "authorEmail": "",
            "name": "Flask",
            "platform": "",
            "sitePackagesRootPath": "",
            "version": "2.2.2"
          }
        }
      ],
      "artifactRelationships": [
        {
          "parent": "8df2bd7499e5edcb814dc18fe0deb3b8bc08c77c9aeaf64835824746d88d517e",
          "child": "58334f314ea97911",
          "type": "contains"
        },
        {
          "parent": "8df2bd7499e5edcb814dc18fe0deb3b8bc08c77c9aeaf64835824746d88d517e",
          "child": "0f127445fb3648c9",
          "type": "contains"
        },
        {
          "parent": "58334f314ea97911",
          "child": "0f127445fb3648c9",
          "type": "ownership-by-file-overlap",
          "metadata": {
            "files": [
              "/usr/lib/python3/dist-packages/Flask-2.2.2.dist-info/METADATA"
            ]
          }
        }
      ],
      "source": {
        "id": "8df2bd7499e5edcb814dc18fe0deb3b8bc08c77c9aeaf64835824746d88d517e",
        "name": "app:1",
        "version": "sha256:d2bb92ca7c6d792d8403126683c765d9803c413c0d528e8bef979c138e93a0a1",
        "type": "image",
        "metadata": {
          "architecture": "amd64",
          "imageID": "sha256:b79606fb3afea5bd1609ed40b622142f1c98125abcfe89a76a661b0e8e343910",
          "imageSize": 7,
          "layers": [
            {
              "digest": "sha256:dac1d7cfa95021764849fd102524e141488c5e3a90f861dbb5a12d9ac8584f85",
              "mediaType": "",
              "size": 7
            }
          ],
          "manifestDigest": "sha256:d2bb92ca7c6d792d8403126683c765d9803c413c0d528e8bef979c138e93a0a1",
          "mediaType": "application/vnd.oci.image.manifest.v1+json",
          "os": "linux",
          "repoDigests": [],
          "tags": [],
          "userInput": "app:1"
        }
      },
      "distro": {
        "prettyName": "Debian GNU/Linux 12 (bookworm)",
        "id": "debian",
        "versionID": "12",
        "versionCodename": "bookworm"
      },
      "descriptor": {
        "name": "signet",
        "version": "0.1.0"
      },
      "schema": {
        "version": "16.1.10",
        "url": "https://raw.githubusercontent.com/anchore/syft/main/schema/json/schema-16.1.10.json"
      }
    }
    "##);
}

#[test]
fn list_of_purls() {
    insta::assert_snapshot!(purls::write(&inventory()), @r##"
    pkg:deb/debian/libssl3@3.0.11-1~deb12u2?arch=amd64&distro=debian-12&upstream=openssl
    pkg:maven/com.example/app@1.0
    pkg:maven/log4j/log4j@1.2.15
    pkg:pypi/flask@2.2.2
    pkg:pypi/jinja2@3.1.2
    "##);
}

#[test]
fn trivys_flavour() {
    let mut inventory = inventory();
    inventory.packages = vec![Package::new(PackageKind::Npm, "a", "1"), Package::new(PackageKind::Npm, "@s/b", "2")];
    inventory.packages.iter_mut().for_each(|package| package.presence = Presence::Declared);
    inventory.relationships =
        vec![Relationship { from: PackageIndex(0), to: PackageIndex(1), kind: RelationshipKind::DependsOn }];
    let groups = [cyclonedx::trivy::Group {
        name: "package-lock.json".to_owned(),
        version: None,
        class: "lang-pkgs".to_owned(),
        ty: "npm".to_owned(),
        packages: vec![PackageIndex(0), PackageIndex(1)],
        component: true,
    }];
    let mut count = 0;
    let document = cyclonedx::trivy::Document {
        subject: &Subject { kind: SubjectKind::Repository, name: "repo".to_owned(), image: None },
        inventory: &inventory,
        groups: &groups,
        os: None,
        root: &[],
        findings: None,
        trivy_version: "dev",
        timestamp: Timestamp::UNIX_EPOCH,
        uuids: &mut || {
            count += 1;
            Uuid([count; 16])
        },
    };
    insta::assert_snapshot!(text(cyclonedx::trivy::write(document)), @r##"
    {
      "$schema": "http://cyclonedx.org/schema/bom-1.7.schema.json",
      "bomFormat": "CycloneDX",
      "specVersion": "1.7",
      "serialNumber": "urn:uuid:05050505-0505-0505-0505-050505050505",
      "version": 1,
      "metadata": {
        "timestamp": "1970-01-01T00:00:00+00:00",
        "tools": {
          "components": [
            {
              "type": "application",
              "manufacturer": {
                "name": "Aqua Security Software Ltd."
              },
              "group": "aquasecurity",
              "name": "trivy",
              "version": "dev"
            }
          ]
        },
        "component": {
          "bom-ref": "01010101-0101-0101-0101-010101010101",
          "type": "application",
          "name": "repo",
          "properties": [
            {
              "name": "aquasecurity:trivy:SchemaVersion",
              "value": "2"
            }
          ]
        }
      },
      "components": [
        {
          "bom-ref": "02020202-0202-0202-0202-020202020202",
          "type": "application",
          "name": "package-lock.json",
          "properties": [
            {
              "name": "aquasecurity:trivy:Class",
              "value": "lang-pkgs"
            },
            {
              "name": "aquasecurity:trivy:Type",
              "value": "npm"
            }
          ]
        },
        {
          "bom-ref": "pkg:npm/%40s/b@2",
          "type": "library",
          "group": "@s",
          "name": "b",
          "version": "2",
          "purl": "pkg:npm/%40s/b@2",
          "properties": [
            {
              "name": "aquasecurity:trivy:PkgID",
              "value": "@s/b@2"
            },
            {
              "name": "aquasecurity:trivy:PkgType",
              "value": "npm"
            }
          ]
        },
        {
          "bom-ref": "pkg:npm/a@1",
          "type": "library",
          "name": "a",
          "version": "1",
          "purl": "pkg:npm/a@1",
          "properties": [
            {
              "name": "aquasecurity:trivy:PkgID",
              "value": "a@1"
            },
            {
              "name": "aquasecurity:trivy:PkgType",
              "value": "npm"
            }
          ]
        }
      ],
      "dependencies": [
        {
          "ref": "01010101-0101-0101-0101-010101010101",
          "dependsOn": [
            "02020202-0202-0202-0202-020202020202"
          ]
        },
        {
          "ref": "02020202-0202-0202-0202-020202020202",
          "dependsOn": [
            "pkg:npm/a@1"
          ]
        },
        {
          "ref": "pkg:npm/%40s/b@2",
          "dependsOn": []
        },
        {
          "ref": "pkg:npm/a@1",
          "dependsOn": [
            "pkg:npm/%40s/b@2"
          ]
        }
      ]
    }
    "##);
}

#[test]
fn trivys_purls() {
    let mut package =
        Package { arch: Some("amd64".to_owned()), ..Package::new(PackageKind::Deb, "libpcre3", "2:8.39-12") };
    let check = |package: &Package, os, purl: &str| {
        assert_eq!(cyclonedx::trivy::purl(package, Some(os)).unwrap().to_string(), purl);
    };
    check(&package, ("debian", "10.2"), "pkg:deb/debian/libpcre3@8.39-12?arch=amd64&distro=debian-10.2&epoch=2");
    package.kind = PackageKind::Apk;
    package.version = "8.39-r1".to_owned();
    check(&package, ("alpine", "3.20.1"), "pkg:apk/alpine/libpcre3@8.39-r1?arch=amd64&distro=3.20.1");
    package.kind = PackageKind::Rpm;
    let purl = "pkg:rpm/amazon/libpcre3@8.39-r1?arch=amd64&distro=amazon-2%20%28Karoo%29";
    check(&package, ("amazon", "2 (Karoo)"), purl);
    package.kind = PackageKind::Npm;
    check(&package, ("debian", "10.2"), "pkg:npm/libpcre3@8.39-r1");
}

#[test]
fn a_uuid_out_of_content_is_one() {
    let uuid = Uuid::of_content(b"x");
    let text = uuid.to_string();
    assert_eq!(text.as_bytes()[14], b'8');
    assert!(matches!(text.as_bytes()[19], b'8' | b'9' | b'a' | b'b'));
    assert_eq!(text.parse::<Uuid>(), Ok(uuid));
    assert_eq!(format!("urn:uuid:{text}").parse::<Uuid>(), Ok(uuid));
    for wrong in ["", "3ff14136", "3ff14136-e09f-4df9-80ea-00000000000g", "3ff14136e09f4df980ea000000000001"] {
        assert!(wrong.parse::<Uuid>().is_err(), "{wrong}");
    }
}
