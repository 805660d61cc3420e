#!/usr/bin/env python3
"""Writes the bodies beside it with Google's own protobuf library (`pip install protobuf`), from the field numbers of Trivy's definitions.

    python3 make.py
"""
from pathlib import Path

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory, timestamp_pb2

F = descriptor_pb2.FieldDescriptorProto
KINDS = {"s": F.TYPE_STRING, "b": F.TYPE_BOOL, "i": F.TYPE_INT32, "l": F.TYPE_INT64, "d": F.TYPE_DOUBLE, "e": F.TYPE_ENUM}

# Message: {field: (number, kind, repeated)}; a kind that is no letter is a message's name, `map:X` a map of texts to X.
MESSAGES = {
    "Os": {"family": (1, "s"), "name": (2, "s"), "eosl": (3, "b"), "extended": (4, "b")},
    "Layer": {"digest": (1, "s"), "diff_id": (2, "s"), "created_by": (3, "s"), "size": (4, "l")},
    "Location": {"start_line": (1, "i"), "end_line": (2, "i")},
    "PkgIdentifier": {"purl": (1, "s"), "bom_ref": (2, "s"), "uid": (3, "s")},
    "BuildInfo": {"content_sets": (1, "s", True), "nvr": (2, "s"), "arch": (3, "s")},
    "PackageRepository": {"class": (1, "s")},
    "Package": {
        "id": (13, "s"), "name": (1, "s"), "version": (2, "s"), "release": (3, "s"), "epoch": (4, "i"), "arch": (5, "s"),
        "src_name": (6, "s"), "src_version": (7, "s"), "src_release": (8, "s"), "src_epoch": (9, "i"),
        "layer": (11, "Layer"), "file_path": (12, "s"), "depends_on": (14, "s", True), "licenses": (15, "s", True),
        "digest": (16, "s"), "dev": (17, "b"), "indirect": (18, "b"), "identifier": (19, "PkgIdentifier"),
        "locations": (20, "Location", True), "maintainer": (21, "s"), "relationship": (22, "i"), "analyzed_by": (23, "s"),
        "repository": (24, "PackageRepository"), "modularitylabel": (25, "s"), "build_info": (26, "BuildInfo"),
        "installed_files": (27, "s", True), "not_yet_known": (900, "s"),
    },
    "PackageInfo": {"file_path": (1, "s"), "packages": (2, "Package", True)},
    "Application": {"type": (1, "s"), "file_path": (2, "s"), "packages": (3, "Package", True)},
    "BlobInfo": {
        "schema_version": (1, "i"), "os": (2, "Os"), "package_infos": (3, "PackageInfo", True),
        "applications": (4, "Application", True), "opaque_dirs": (5, "s", True), "whiteout_files": (6, "s", True),
        "digest": (7, "s"), "diff_id": (8, "s"), "size": (14, "l"), "created_by": (15, "s"),
    },
    "PutBlobRequest": {"diff_id": (1, "s"), "blob_info": (3, "BlobInfo")},
    "MissingBlobsRequest": {"artifact_id": (1, "s"), "blob_ids": (2, "s", True)},
    "MissingBlobsResponse": {"missing_artifact": (1, "b"), "missing_blob_ids": (2, "s", True)},
    "Licenses": {"names": (1, "s", True)},
    "ScanOptions": {
        "pkg_types": (1, "s", True), "scanners": (2, "s", True), "license_categories": (4, "map:Licenses"),
        "include_dev_deps": (5, "b"), "pkg_relationships": (6, "s", True), "distro": (7, "Os"),
        "vuln_severity_sources": (8, "s", True), "license_full": (9, "b"),
    },
    "ScanRequest": {"target": (1, "s"), "artifact_id": (2, "s"), "blob_ids": (3, "s", True), "options": (4, "ScanOptions")},
    "Cvss": {"v2_vector": (1, "s"), "v3_vector": (2, "s"), "v2_score": (3, "d"), "v3_score": (4, "d")},
    "DataSource": {"id": (1, "s"), "name": (2, "s"), "url": (3, "s")},
    "Vulnerability": {
        "vulnerability_id": (1, "s"), "pkg_name": (2, "s"), "installed_version": (3, "s"), "fixed_version": (4, "s"),
        "title": (5, "s"), "description": (6, "s"), "severity": (7, "e"), "references": (8, "s", True), "layer": (10, "Layer"),
        "severity_source": (11, "s"), "cvss": (12, "map:Cvss"), "cwe_ids": (13, "s", True), "primary_url": (14, "s"),
        "published_date": (15, "Timestamp"), "last_modified_date": (16, "Timestamp"), "vendor_ids": (19, "s", True),
        "data_source": (20, "DataSource"), "vendor_severity": (21, "map:e"), "pkg_path": (22, "s"), "pkg_id": (23, "s"),
        "status": (24, "i"), "pkg_identifier": (25, "PkgIdentifier"),
    },
    "ScanResult": {
        "target": (1, "s"), "vulnerabilities": (2, "Vulnerability", True), "type": (3, "s"), "packages": (5, "Package", True),
        "class": (6, "s"),
    },
    "ScanResponse": {"os": (1, "Os"), "results": (3, "ScanResult", True), "layers": (4, "Layer", True)},
}


def set_kind(field, kind):
    if kind == "Timestamp":
        field.type, field.type_name = F.TYPE_MESSAGE, ".google.protobuf.Timestamp"
    elif kind == "e":
        field.type, field.type_name = F.TYPE_ENUM, ".t.Severity"
    elif kind in KINDS:
        field.type = KINDS[kind]
    else:
        field.type, field.type_name = F.TYPE_MESSAGE, f".t.{kind}"


def classes():
    file = descriptor_pb2.FileDescriptorProto(name="t.proto", package="t", syntax="proto3")
    file.dependency.append("google/protobuf/timestamp.proto")
    severity = file.enum_type.add(name="Severity")
    for number, name in enumerate(["UNKNOWN", "LOW", "MEDIUM", "HIGH", "CRITICAL"]):
        severity.value.add(name=name, number=number)
    for name, fields in MESSAGES.items():
        message = file.message_type.add(name=name)
        for field_name, (number, kind, *repeated) in fields.items():
            field = message.field.add(name=field_name, number=number)
            field.label = F.LABEL_REPEATED if repeated or kind.startswith("map:") else F.LABEL_OPTIONAL
            if not kind.startswith("map:"):
                set_kind(field, kind)
                continue
            entry_name = "".join(part.capitalize() for part in field_name.split("_")) + "Entry"
            entry = message.nested_type.add(name=entry_name)
            entry.options.map_entry = True
            entry.field.add(name="key", number=1, label=F.LABEL_OPTIONAL, type=F.TYPE_STRING)
            set_kind(entry.field.add(name="value", number=2, label=F.LABEL_OPTIONAL), kind.removeprefix("map:"))
            field.type, field.type_name = F.TYPE_MESSAGE, f".t.{name}.{entry_name}"
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(timestamp_pb2.DESCRIPTOR.serialized_pb)
    pool.Add(file)
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"t.{name}")) for name in MESSAGES}


BODIES = {
    "PutBlobRequest": {
        "diff_id": "sha256:aa",
        "blob_info": {
            "schema_version": 2,
            "os": {"family": "redhat", "name": "9.4", "eosl": True, "extended": True},
            "package_infos": [{"file_path": "var/lib/rpm/rpmdb.sqlite", "packages": [{
                "id": "bind-utils@9.16.23-5.el9.x86_64", "name": "bind-utils", "version": "9.16.23", "release": "5.el9",
                "epoch": 32, "arch": "x86_64", "src_name": "bind", "src_version": "9.16.23", "src_release": "5.el9",
                "src_epoch": 32, "layer": {"digest": "sha256:bb", "diff_id": "sha256:cc", "created_by": "RUN", "size": "5000000000"},
                "licenses": ["MPL-2.0", "MIT"], "depends_on": ["glibc@2.34"], "maintainer": "Red Hat, Inc.",
                "identifier": {"purl": "pkg:rpm/redhat/bind-utils@9.16.23-5.el9?epoch=32", "uid": "f00"},
                "analyzed_by": "rpm", "repository": {"class": "official"}, "modularitylabel": "bind:9:1:2",
                "build_info": {"content_sets": ["rhel-9"], "nvr": "ubi9-container-9.4", "arch": "x86_64"},
                "installed_files": ["/usr/bin/dig"],
            }]}],
            "applications": [{"type": "npm", "file_path": "app/package-lock.json", "packages": [{
                "id": "é@1.0.0", "name": "é", "version": "1.0.0", "file_path": "x", "digest": "sha1:dd", "dev": True, "indirect": True,
                "locations": [{"start_line": 1, "end_line": 200}, {"start_line": 300, "end_line": 70000}], "relationship": 4,
                "identifier": {"bom_ref": "ref"},
            }, {}]}],
            "opaque_dirs": ["a/"], "whiteout_files": ["b", ""], "digest": "sha256:bb", "diff_id": "sha256:cc", "size": "-1",
            "created_by": "COPY",
        },
    },
    "MissingBlobsRequest": {"artifact_id": "sha256:ee", "blob_ids": ["sha256:aa", "sha256:ab"]},
    "MissingBlobsResponse": {"missing_artifact": True, "missing_blob_ids": ["sha256:ab"]},
    "ScanRequest": {
        "target": "alpine:3.20", "artifact_id": "sha256:ee", "blob_ids": ["sha256:aa"],
        "options": {
            "pkg_types": ["os", "library"], "scanners": ["vuln"], "license_categories": {"forbidden": {"names": ["AGPL-3.0"]}},
            "include_dev_deps": True, "pkg_relationships": ["direct"], "distro": {"family": "alpine", "name": "3.20"},
            "vuln_severity_sources": ["nvd"], "license_full": True,
        },
    },
    "ScanResponse": {
        "os": {"family": "alpine", "name": "3.20"},
        "results": [{"target": "alpine:3.20 (alpine 3.20)", "type": "alpine", "class": "os-pkgs", "packages": [{"name": "musl"}],
            "vulnerabilities": [{
                "vulnerability_id": "CVE-2099-0001", "pkg_name": "musl", "installed_version": "1.2.5-r0", "fixed_version": "1.2.5-r1",
                "title": "bad", "description": "worse", "severity": "CRITICAL", "references": ["https://example.org/1"],
                "layer": {"diff_id": "sha256:cc"}, "severity_source": "nvd", "cvss": {"nvd": {"v2_vector": "AV:N", "v2_score": 7.5,
                "v3_vector": "CVSS:3.1/AV:N", "v3_score": 9.8}}, "cwe_ids": ["CWE-79"], "primary_url": "https://example.org/2",
                "published_date": "2099-01-02T03:04:05Z", "last_modified_date": "2099-01-02T03:04:05.678Z", "vendor_ids": ["A-1"],
                "data_source": {"id": "alpine", "name": "Alpine Secdb", "url": "https://example.org/3"},
                "vendor_severity": {"nvd": "CRITICAL", "redhat": "LOW"}, "pkg_path": "p", "pkg_id": "musl@1.2.5-r0", "status": 3,
                "pkg_identifier": {"purl": "pkg:apk/alpine/musl@1.2.5-r0"},
            }]}],
        "layers": [{"digest": "sha256:bb", "diff_id": "sha256:cc"}],
    },
}

if __name__ == "__main__":
    known = classes()
    for name, fields in BODIES.items():
        message = json_format.ParseDict(fields, known[name]())
        Path(f"{name}.bin").write_bytes(message.SerializeToString(deterministic=True))
        text = json_format.MessageToJson(message, preserving_proto_field_name=True, ensure_ascii=False, sort_keys=True)
        Path(f"{name}.json").write_text(text + "\n")
        Path(f"{name}.camel.json").write_text(json_format.MessageToJson(message, ensure_ascii=False, sort_keys=True) + "\n")
    newer = json_format.ParseDict({"name": "x", "not_yet_known": "y"}, known["Package"]())
    Path("newer.bin").write_bytes(known["PutBlobRequest"](
        diff_id="d", blob_info=known["BlobInfo"](applications=[known["Application"](type="npm", packages=[newer])]),
    ).SerializeToString(deterministic=True))
