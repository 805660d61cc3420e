use proptest::prelude::*;

use super::*;
use crate::{Distro, Package, PackageKind, SourcePackage};

/// Strict reading gives this canonical text, and reading that gives the same again.
#[track_caller]
fn reads(text: &str, canonical: &str) {
    let purl: Purl = text.parse().unwrap();
    assert_eq!(purl.to_string(), canonical);
    assert_eq!(canonical.parse::<Purl>().unwrap(), purl);
    assert_eq!(Purl::parse_lenient(text).unwrap(), purl);
}

#[track_caller]
fn refused(text: &str, why: &str) {
    let error = text.parse::<Purl>().unwrap_err();
    assert!(error.why.contains(why), "{text}: {error}");
}

#[track_caller]
fn tolerated(text: &str, canonical: &str) {
    assert!(text.parse::<Purl>().is_err(), "{text} is strictly right");
    assert_eq!(Purl::parse_lenient(text).unwrap().to_string(), canonical);
}

#[test]
fn canonical_form() {
    reads("pkg:deb/debian/attr@1:2.4.47-2?arch=amd64", "pkg:deb/debian/attr@1:2.4.47-2?arch=amd64");
    reads("pkg:DEB/Debian/Attr@1%3A2.4.47-2", "pkg:deb/debian/attr@1:2.4.47-2");
    reads("pkg://npm/%40angular/animation@12.3.1", "pkg:npm/%40angular/animation@12.3.1");
    reads("pkg:npm/@angular/animation@12.3.1", "pkg:npm/%40angular/animation@12.3.1");
    reads("pkg:npm/@angular/animation", "pkg:npm/%40angular/animation");
    reads("pkg:pypi/Django_package@1.11.1", "pkg:pypi/django-package@1.11.1");
    reads("pkg:generic/g++@1.0+2?b=2&a=x/y&c=", "pkg:generic/g%2B%2B@1.0%2B2?a=x%2Fy&b=2");
    reads(
        "pkg:golang/google.golang.org/genproto@a#/./api/../x y/",
        "pkg:golang/google.golang.org/genproto@a#api/x%20y",
    );
    reads("pkg:brew/node@20@20.10.0", "pkg:brew/node%4020@20.10.0");
    reads("pkg:generic/a%25b", "pkg:generic/a%25b");
    reads("pkg:git/codeberg.org/forgejo/forgejo@a72d", "pkg:git/codeberg.org/forgejo/forgejo@a72d");
    reads("pkg:maven/g/a@1?repositorY_url=h", "pkg:maven/g/a@1?repository_url=h");
}

#[test]
fn what_is_no_purl_is_refused() {
    refused("", "pkg:");
    refused("npm/a@1", "pkg:");
    refused("pkg:npm", "type and name");
    refused("pkg:npm/", "no name");
    refused("pkg:cran/@0.9.1", "no name");
    refused("pkg:1npm/a", "no type");
    refused("pkg:n&m/a", "no type");
    refused("pkg:maven/log4j@1", "namespace");
    refused("pkg:pypi/a/b", "namespace");
    refused("pkg:npm/a?b c=d", "qualifier key");
    refused("pkg:npm/a?b=c&b=d", "twice");
    refused("pkg:npm/a%zz", "hexadecimal");
    refused("pkg:npm/a%ff", "UTF-8");
    refused("pkg:julia/Dates", "uuid");
}

#[test]
fn what_tools_emit_is_tolerated() {
    tolerated("pkg:golang/stdlib@1.22.1", "pkg:golang/stdlib@1.22.1");
    tolerated("pkg:maven/log4j@1", "pkg:maven/log4j@1");
    tolerated("pkg:rpm/fedora/curl@7.50?Arch=i386&arch=x", "pkg:rpm/fedora/curl@7.50?arch=i386");
    tolerated("pkg:npm/a@100%", "pkg:npm/a@100%25");
    tolerated("pkg:npm/a?flag&x=1", "pkg:npm/a?x=1");
}

fn debian() -> Distro {
    Distro { id: "debian".to_owned(), version_id: Some("12".to_owned()), ..Distro::default() }
}

#[track_caller]
fn made(package: &Package, distro: Option<&Distro>, purl: &str) {
    assert_eq!(package.purl(distro).unwrap().to_string(), purl);
    let back = Purl::parse_lenient(purl).unwrap().to_package();
    assert_eq!((back.kind, &back.name, &back.version), (package.kind, &package.name, &package.version));
    assert_eq!((&back.arch, &back.module), (&package.arch, &package.module));
    if package.source.is_some() {
        assert_eq!(back.source, package.source);
    }
}

fn os(kind: PackageKind, name: &str, version: &str, source: (&str, &str)) -> Package {
    let source = SourcePackage { name: source.0.to_owned(), version: Some(source.1.to_owned()) };
    Package { source: Some(source), ..Package::new(kind, name, version) }
}

#[test]
fn operating_system_packages_and_back() {
    let mut package = os(PackageKind::Deb, "libssl3", "3.0.11-1", ("openssl", "3.0.11-1"));
    package.arch = Some("amd64".to_owned());
    made(&package, Some(&debian()), "pkg:deb/debian/libssl3@3.0.11-1?arch=amd64&distro=debian-12&upstream=openssl");
    let package = os(PackageKind::Deb, "bash", "1:5.2-2+b2", ("bash", "5.2-2"));
    made(&package, Some(&debian()), "pkg:deb/debian/bash@1:5.2-2%2Bb2?distro=debian-12&upstream=bash%405.2-2");
    made(&os(PackageKind::Deb, "a", "1", ("a", "1")), Some(&debian()), "pkg:deb/debian/a@1?distro=debian-12");

    let rhel = Distro { id: "rhel".to_owned(), version_id: Some("9.4".to_owned()), ..Distro::default() };
    let mut package = os(PackageKind::Rpm, "openssl-libs", "1:3.0.7-27.el9", ("openssl", "1:3.0.7-27.el9"));
    package.module = Some("ssl:3:9:aa".to_owned());
    let purl = "pkg:rpm/redhat/openssl-libs@3.0.7-27.el9?distro=rhel-9.4&epoch=1&rpmmod=ssl:3:9:aa&upstream=openssl-3.0.7-27.el9.src.rpm";
    made(&package, Some(&rhel), purl);
    let distro: Distro = purl.parse::<Purl>().unwrap().distro().unwrap();
    assert_eq!((distro.id.as_str(), distro.version_id.as_deref()), ("rhel", Some("9.4")));

    let wolfi = Distro { id: "wolfi".to_owned(), version_id: Some("20230201".to_owned()), ..Distro::default() };
    let package = os(PackageKind::Apk, "ssl_client", "1.36.1-r2", ("busybox", "1.36.1-r2"));
    made(&package, Some(&wolfi), "pkg:apk/wolfi/ssl_client@1.36.1-r2?distro=wolfi-20230201&upstream=busybox");
    made(&Package::new(PackageKind::Portage, "app-misc/jq", "1.7"), None, "pkg:ebuild/app-misc/jq@1.7");
}

#[test]
fn language_packages_and_back() {
    for (kind, name, version, purl) in [
        (PackageKind::Npm, "@babel/core", "7.0.0", "pkg:npm/%40babel/core@7.0.0"),
        (PackageKind::Npm, "left-pad", "1.3.0", "pkg:npm/left-pad@1.3.0"),
        (PackageKind::Java, "org.slf4j:slf4j-api", "2.0.0", "pkg:maven/org.slf4j/slf4j-api@2.0.0"),
        (PackageKind::Java, "orphan", "1", "pkg:maven/orphan@1"),
        (
            PackageKind::Go,
            "github.com/Masterminds/semver/v3",
            "v3.2.1",
            "pkg:golang/github.com/Masterminds/semver/v3@v3.2.1",
        ),
        (PackageKind::Go, "stdlib", "1.22.1", "pkg:golang/stdlib@1.22.1"),
        (PackageKind::Composer, "symfony/yaml", "6.0.0", "pkg:composer/symfony/yaml@6.0.0"),
        (PackageKind::Cargo, "serde", "1.0.0", "pkg:cargo/serde@1.0.0"),
        (PackageKind::Gem, "rails", "7.0.0", "pkg:gem/rails@7.0.0"),
        (
            PackageKind::Swift,
            "github.com/Alamofire/Alamofire",
            "5.4.3",
            "pkg:swift/github.com/Alamofire/Alamofire@5.4.3",
        ),
        (PackageKind::Jsr, "@std/path", "1.0.0", "pkg:jsr/%40std/path@1.0.0"),
        (
            PackageKind::VscodeExtension,
            "ms-python.python",
            "2025.2.0",
            "pkg:vscode-extension/ms-python/python@2025.2.0",
        ),
        (
            PackageKind::ChromeExtension,
            "aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbb",
            "1.2.3.4",
            "pkg:chrome-extension/aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbb@1.2.3.4",
        ),
        (PackageKind::Other, "curl", "", "pkg:generic/curl"),
    ] {
        made(&Package::new(kind, name, version), Some(&debian()), purl);
    }
    let flask = Package::new(PackageKind::Python, "Flask_Login", "0.6");
    assert_eq!(flask.purl(None).unwrap().to_string(), "pkg:pypi/flask-login@0.6");
    assert_eq!(Package::new(PackageKind::Npm, "", "1").purl(None), None);
}

#[test]
fn distribution_by_qualifier_or_namespace() {
    for (text, id, version, codename) in [
        ("pkg:deb/debian/a@1?distro=debian-12.5", "debian", Some("12.5"), None),
        ("pkg:deb/debian/a@1?distro=bookworm", "debian", None, Some("bookworm")),
        ("pkg:deb/ubuntu/a@1", "ubuntu", None, None),
        ("pkg:rpm/opensuse/a@1?distro=opensuse-leap-15.5", "opensuse-leap", Some("15.5"), None),
        ("pkg:rpm/redhat/a@1?distro=redhat-8.4", "rhel", Some("8.4"), None),
        ("pkg:alpm/arch/a@1?distro=arch", "arch", None, None),
        ("pkg:apk/alpine/a@1?distro=3.20.1", "alpine", Some("3.20.1"), None),
        ("pkg:rpm/amazon/a@1?distro=amazon-2%20%28Karoo%29", "amzn", Some("2"), None),
    ] {
        let distro = text.parse::<Purl>().unwrap().distro().unwrap();
        let found = (distro.id.as_str(), distro.version_id.as_deref(), distro.codename.as_deref());
        assert_eq!(found, (id, version, codename), "{text}");
    }
    assert_eq!("pkg:npm/a@1".parse::<Purl>().unwrap().distro(), None);
}

proptest! {
    #[test]
    fn whatever_is_read_can_be_read_again(text in "(pkg:)?[a-z]{0,4}/[a-zA-Z0-9@/%?#&=+:. é-]{0,40}") {
        if let Ok(purl) = Purl::parse_lenient(&text) {
            let canonical = purl.to_string();
            prop_assert_eq!(Purl::parse_lenient(&canonical).map(|again| again.to_string()), Ok(canonical));
        }
        let _ = text.parse::<Purl>();
    }

    #[test]
    fn what_is_built_reads_the_same(name in "[^/ ]{1,12}", version in ".{0,12}", value in ".{0,12}", subpath in "[a-z /%]{0,9}") {
        let purl = Purl::build("generic", Some("a b/c"), &name, Some(&version), [("key", value.as_str())], Some(&subpath)).unwrap();
        prop_assert_eq!(purl.to_string().parse::<Purl>(), Ok(purl));
    }

    #[test]
    fn every_package_survives(name in "[a-z@][a-z0-9@._/:+-]{0,20}", version in "[0-9a-z:.+~-]{0,12}", kind in 0usize..6) {
        let kinds = [PackageKind::Deb, PackageKind::Rpm, PackageKind::Apk, PackageKind::Npm, PackageKind::Go, PackageKind::Java];
        if let Some(purl) = Package::new(kinds[kind], name, version).purl(Some(&debian())) {
            let again = Purl::parse_lenient(&purl.to_string()).unwrap();
            prop_assert_eq!(&again, &purl);
            let _ = again.to_package();
        }
    }
}
