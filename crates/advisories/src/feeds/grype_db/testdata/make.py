"""Makes vulnerability.db: a small database in the shape of Grype's schema 6, with made-up advisories."""
import json
import os
import sqlite3

path = os.path.join(os.path.dirname(__file__), "vulnerability.db")
if os.path.exists(path):
    os.remove(path)
db = sqlite3.connect(path)
db.executescript(
    """
PRAGMA page_size = 1024;
CREATE TABLE `db_metadata` (`build_timestamp` datetime NOT NULL,`model` integer NOT NULL,`revision` integer NOT NULL,`addition` integer NOT NULL);
CREATE TABLE `blobs` (`id` integer PRIMARY KEY AUTOINCREMENT,`value` text NOT NULL);
CREATE TABLE `providers` (`id` text,`version` text,PRIMARY KEY (`id`));
CREATE TABLE `vulnerability_handles` (`id` integer PRIMARY KEY AUTOINCREMENT,`name` text NOT NULL COLLATE NOCASE,`status` text NOT NULL,`published_date` datetime,`modified_date` datetime,`withdrawn_date` datetime,`provider_id` text NOT NULL,`blob_id` integer);
CREATE TABLE `operating_systems` (`id` integer PRIMARY KEY AUTOINCREMENT,`name` text,`release_id` text,`major_version` text,`minor_version` text,`label_version` text,`codename` text,`channel` text,`eol_date` datetime,`eoas_date` datetime);
CREATE TABLE `packages` (`id` integer PRIMARY KEY AUTOINCREMENT,`ecosystem` text COLLATE NOCASE,`name` text COLLATE NOCASE);
CREATE TABLE `affected_package_handles` (`id` integer PRIMARY KEY AUTOINCREMENT,`vulnerability_id` integer NOT NULL,`operating_system_id` integer,`package_id` integer,`blob_id` integer,CONSTRAINT `fk_x` FOREIGN KEY (`package_id`) REFERENCES `packages`(`id`));
CREATE TABLE `unaffected_package_handles` (`id` integer PRIMARY KEY AUTOINCREMENT,`vulnerability_id` integer NOT NULL,`operating_system_id` integer,`package_id` integer,`blob_id` integer);
CREATE TABLE `cpes` (`id` integer PRIMARY KEY AUTOINCREMENT,`part` text NOT NULL,`vendor` text,`product` text NOT NULL,`edition` text,`language` text,`software_edition` text,`target_hardware` text,`target_software` text,`other` text);
CREATE TABLE `affected_cpe_handles` (`id` integer PRIMARY KEY AUTOINCREMENT,`vulnerability_id` integer NOT NULL,`cpe_id` integer,`blob_id` integer);
CREATE TABLE `known_exploited_vulnerability_handles` (`id` integer PRIMARY KEY AUTOINCREMENT,`cve` text NOT NULL COLLATE NOCASE,`blob_id` integer);
CREATE TABLE `epss_handles` (`id` integer PRIMARY KEY AUTOINCREMENT,`cve` text NOT NULL,`epss` real NOT NULL,`percentile` real NOT NULL);
CREATE TABLE `cwe_handles` (`id` integer PRIMARY KEY AUTOINCREMENT,`cve` text NOT NULL,`cwe` text NOT NULL,`source` text,`type` text);
"""
)


def blob(value):
    return db.execute("INSERT INTO blobs(value) VALUES (?)", (json.dumps(value),)).lastrowid


def insert(table, **values):
    names = ",".join(values)
    marks = ",".join("?" for _ in values)
    return db.execute(f"INSERT INTO {table}({names}) VALUES ({marks})", tuple(values.values())).lastrowid


def vulnerability(name, provider, status="active", **facts):
    return insert(
        "vulnerability_handles", name=name, status=status, published_date="2026-01-02 03:04:05+00:00",
        provider_id=provider, blob_id=blob({"id": name, **facts}),
    )


def package(constraint, fixed="", state="fixed", date=None, refs=(), **qualifiers):
    detail = {"references": [{"id": ref, "url": "https://example.com/" + ref} for ref in refs]}
    if date:
        detail["available"] = {"date": date, "kind": "advisory"}
    fix = {"version": fixed, "state": state, "detail": detail}
    return blob({"qualifiers": qualifiers, "ranges": [{"version": {"type": "rpm", "constraint": constraint}, "fix": fix}]})


insert("db_metadata", build_timestamp="2026-03-11 00:28:00+00:00", model=6, revision=1, addition=9)
rhel = {minor: insert("operating_systems", name="redhat", release_id="rhel", major_version="9", minor_version=minor,
                      label_version="", codename="", channel="", eol_date="2032-05-31 00:00:00+00:00") for minor in ("", "2", "3")}
eus = insert("operating_systems", name="redhat", release_id="rhel", major_version="9", minor_version="2", channel="eus")
windows = insert("operating_systems", name="windows", release_id="windows", major_version="10816", minor_version="", channel="")
glibc = insert("packages", ecosystem="rpm", name="glibc")
nodejs = insert("packages", ecosystem="rpm", name="nodejs")
net = insert("packages", ecosystem="go-module", name="example.com/Net")
kb = insert("packages", ecosystem="kb", name="10816")

one = vulnerability("CVE-2026-1", "rhel", description="A fault in glibc", severities=[
    {"scheme": "CHMLN", "value": "high", "rank": 1},
    {"scheme": "CVSS", "value": {"vector": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", "version": "3.1"}, "rank": 2}])
whole = package("< 0:2.34-100.el9", "0:2.34-100.el9", date="2026-02-03", refs=["RHSA-2026:1"], rpm_modularity="")
minor = package("< 0:2.34-60.el9_2.7", "0:2.34-60.el9_2.7", refs=["RHSA-2026:2"], rpm_modularity="")
for system, facts in ((rhel["2"], minor), (rhel["3"], whole), (rhel[""], whole)):
    insert("affected_package_handles", vulnerability_id=one, operating_system_id=system, package_id=glibc, blob_id=facts)
insert("affected_package_handles", vulnerability_id=one, operating_system_id=eus, package_id=glibc,
       blob_id=package("< 0:2.34-60.el9_2.9", "0:2.34-60.el9_2.9"))
insert("affected_package_handles", vulnerability_id=one, operating_system_id=windows, package_id=kb, blob_id=whole)
two = vulnerability("CVE-2026-2", "rhel", severities=[{"scheme": "CHMLN", "value": "low"}])
insert("affected_package_handles", vulnerability_id=two, operating_system_id=rhel[""], package_id=nodejs,
       blob_id=package("", "", "wont-fix", rpm_modularity="nodejs:18"))
insert("unaffected_package_handles", vulnerability_id=two, operating_system_id=rhel[""], package_id=glibc,
       blob_id=package("", "", "not-affected"))
three = vulnerability("GHSA-aaaa-bbbb-cccc", "github", aliases=["CVE-2026-3"])
insert("affected_package_handles", vulnerability_id=three, package_id=net, blob_id=package(
    ">= 1.0, < 1.2.3", "1.2.3", go_imports=[{"path": "example.com/Net/http2", "symbols": ["Server.Serve"]}]))
four = vulnerability("CVE-2026-4", "nvd", severities=[{"scheme": "CVSS", "source": "nvd@nist.gov", "value": {
    "vector": "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", "version": "4.0"}}])
cpe = insert("cpes", part="a", vendor="Example", product="Server", target_software="*", edition="*", language="*",
             software_edition="*", target_hardware="*", other="*")
insert("affected_cpe_handles", vulnerability_id=four, cpe_id=cpe,
       blob_id=package("< 2.0", "2.0", platform_cpes=["cpe:2.3:o:microsoft:windows:-:*:*:*:*:*:*:*"]))
insert("affected_cpe_handles", vulnerability_id=four, cpe_id=cpe, blob_id=package("= 3.0"))
vulnerability("CVE-2026-5", "nvd", status="rejected")
insert("known_exploited_vulnerability_handles", cve="CVE-2026-1", blob_id=blob(
    {"cve": "CVE-2026-1", "date_added": "2026-02-04T00:00:00Z", "required_action": "Update", "known_ransomware_campaign_use": "Known"}))
insert("epss_handles", cve="CVE-2026-1", epss=0.25, percentile=0.9)
insert("cwe_handles", cve="CVE-2026-1", cwe="CWE-787", source="nvd@nist.gov", type="Primary")
db.commit()
db.execute("VACUUM")
db.close()
