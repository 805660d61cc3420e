use super::*;
use crate::Format;

#[track_caller]
fn is(text: &str, format: Option<Format>) {
    assert_eq!(detect(text.as_bytes()), format, "{text}");
}

#[test]
fn formats_are_told_apart() {
    is(r#"{"bomFormat":"CycloneDX","specVersion":"1.4"}"#, Some(Format::CycloneDxJson));
    is(r#"{"$schema":"http://cyclonedx.org/schema/bom-1.5.schema.json"}"#, Some(Format::CycloneDxJson));
    is("\u{feff} {\"spdxVersion\":\"SPDX-2.3\"}", Some(Format::SpdxJson));
    is(r#"{"@context":"https://spdx.org/rdf/3.0.1/spdx-context.jsonld","@graph":[]}"#, Some(Format::Spdx3Json));
    is(r#"{"artifacts":[],"schema":{"version":"16.0.0"}}"#, Some(Format::SyftJson));
    is(r#"{"SchemaVersion":2,"ArtifactName":"x"}"#, Some(Format::TrivyJson));
    is(r#"{"matches":[]}"#, Some(Format::GrypeJson));
    is(r#"{"_type":"https://in-toto.io/Statement/v1","predicateType":"x"}"#, Some(Format::InToto));
    is(r#"{"payloadType":"application/vnd.in-toto+json"}"#, Some(Format::Envelope));
    is(r#"{"@context":"https://openvex.dev/ns/v0.2.0"}"#, Some(Format::OpenVex));
    is(r#"<bom xmlns="http://cyclonedx.org/schema/bom/1.5">"#, Some(Format::CycloneDxXml));
    is("# note\nSPDXVersion: SPDX-2.3\n", Some(Format::SpdxTagValue));
    is(r#"{"name":"left-pad"}"#, None);
    is(r#"{"bomFormat":"#, None);
    is("", None);
}

#[track_caller]
fn refused(text: &str, limits: Limits, why: &str) {
    let error = read(text.as_bytes(), &limits).unwrap_err();
    let whole = match std::error::Error::source(&error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    };
    assert!(whole.contains(why), "{whole}");
}

#[test]
fn what_cannot_be_read_says_why() {
    let limits = Limits::default();
    refused("plain text", limits, "no SBOM");
    refused(r#"{"SchemaVersion":2,"ArtifactName":"x"}"#, limits, "a Trivy report");
    refused(r#"{"bomFormat":"CycloneDX","#, limits, "line 1 column");
    refused(r#"{"bomFormat":"CycloneDX","specVersion":"2.0"}"#, limits, "not 1.x");
    refused(r#"{"bomFormat":"CycloneDX","specVersion":"1.5","components":{}}"#, limits, "invalid type: map");
    refused(r#"{"spdxVersion":"SPDX-1.2"}"#, limits, "not SPDX-2.x");
    let two = r#"{"bomFormat":"CycloneDX","specVersion":"1.5","components":[{"type":"library","name":"a"},{"type":"library","name":"b"}]}"#;
    refused(two, Limits { packages: 1, ..limits }, "more than 1 components");
    refused(two, Limits { bytes: 10, ..limits }, "more than 10 bytes");
    let deep = |levels: usize| {
        let mut text = r#"{"type":"library","name":"a"}"#.to_owned();
        for _ in 0..levels {
            text = format!(r#"{{"type":"library","name":"a","components":[{text}]}}"#);
        }
        format!(r#"{{"bomFormat":"CycloneDX","specVersion":"1.5","components":[{text}]}}"#)
    };
    refused(&deep(10), Limits { depth: 5, ..limits }, "more than 5 levels");
    refused(&deep(5_000), limits, "recursion limit");
    assert_eq!(parse(deep(3).as_bytes()).inventory.packages.len(), 4);
}

#[test]
fn nothing_is_lost_in_silence() {
    let found = parse(
        br#"{"bomFormat":"CycloneDX","specVersion":"1.9","components":[
            {"type":"library","name":"bare"},
            {"type":"library","name":"odd","version":"1","purl":"purl:nonsense"},
            {"type":"library"},
            {"bom-ref":"x","type":"library","name":"twice"},{"bom-ref":"x","type":"library","name":"again"},
            {"type":"operating-system","name":"alpine","version":"3.20"},
            {"type":"operating-system","name":"debian","version":"12"}],
           "dependencies":[{"ref":"x","dependsOn":["nowhere"]},{"ref":"y","dependsOn":null}]}"#,
    );
    let names: Vec<&str> = found.inventory.packages.iter().map(|package| package.name.as_str()).collect();
    assert_eq!(names, ["again", "bare", "odd", "twice"]);
    assert!(found.inventory.packages.iter().all(|package| package.kind == PackageKind::Other));
    let notes: Vec<String> = found
        .inventory
        .unexamined
        .iter()
        .map(|note| format!("{}: {}: {}", note.location, note.kind.name(), note.why))
        .collect();
    insta::assert_snapshot!(notes.join("\n"), @r##"
    components[1]: malformed: `purl:nonsense` is no package URL: it does not start with `pkg:`
    components[2]: malformed: a component has neither name nor purl
    components[6]: unsupported: a second operating system, `debian`
    nowhere: unresolved: a relationship names a component that is not there
    specVersion: unsupported: version 1.9 is newer than 1.7, the newest that is known here
    x: malformed: `x` names more than one component
    "##);
}

#[test]
fn trivys_documents() {
    let found = parse(
        br#"{"bomFormat":"CycloneDX","specVersion":"1.5","metadata":{"component":{"bom-ref":"r","type":"container","name":"app.tar","properties":[
              {"name":"aquasecurity:trivy:ImageID","value":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
              {"name":"aquasecurity:trivy:DiffID","value":"sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"}]}},
           "components":[
            {"bom-ref":"o","type":"operating-system","name":"redhat","version":"9.4","properties":[
              {"name":"aquasecurity:trivy:Class","value":"os-pkgs"},{"name":"aquasecurity:trivy:Type","value":"redhat"}]},
            {"bom-ref":"p","type":"library","name":"openssl-libs","version":"3.0.7-27.el9",
             "purl":"pkg:rpm/redhat/openssl-libs@3.0.7-27.el9?arch=x86_64&epoch=1&distro=redhat-9.4","properties":[
              {"name":"aquasecurity:trivy:PkgID","value":"openssl-libs@3.0.7-27.el9.x86_64"},
              {"name":"aquasecurity:trivy:SrcName","value":"openssl"},{"name":"aquasecurity:trivy:SrcVersion","value":"3.0.7"},
              {"name":"aquasecurity:trivy:SrcRelease","value":"27.el9"},{"name":"aquasecurity:trivy:SrcEpoch","value":"1"},
              {"name":"aquasecurity:trivy:Modularitylabel","value":"ssl:3:1:aa"},
              {"name":"aquasecurity:trivy:LayerDigest","value":"sha256:fcde2b2edba56bf408601fb721fe9b5c338d10ee429ea04fae5511b68fbf8fb9"},
              {"name":"aquasecurity:trivy:LayerDiffID","value":"sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"}]},
            {"bom-ref":"l","type":"application","name":"srv/package-lock.json","properties":[
              {"name":"aquasecurity:trivy:Class","value":"lang-pkgs"},{"name":"aquasecurity:trivy:Type","value":"npm"}]},
            {"bom-ref":"n","type":"library","group":"@babel","name":"core","version":"7.0.0","purl":"pkg:npm/%40babel/core@7.0.0"}],
           "dependencies":[{"ref":"r","dependsOn":["o","l"]},{"ref":"o","dependsOn":["p"]},{"ref":"l","dependsOn":["n"]}]}"#,
    );
    assert_eq!(found.inventory.unexamined, []);
    let distro = found.inventory.distro.unwrap();
    assert_eq!((distro.id.as_str(), distro.version_id.as_deref()), ("rhel", Some("9.4")));
    let [rpm, npm] = found.inventory.packages.as_slice() else { panic!("two packages") };
    assert_eq!((rpm.name.as_str(), rpm.version.as_str()), ("openssl-libs", "1:3.0.7-27.el9"));
    let source = SourcePackage { name: "openssl".to_owned(), version: Some("1:3.0.7-27.el9".to_owned()) };
    assert_eq!((rpm.source.as_ref(), rpm.module.as_deref()), (Some(&source), Some("ssl:3:1:aa")));
    assert_eq!(rpm.extra["trivy.pkg_id"], "openssl-libs@3.0.7-27.el9.x86_64");
    let image = found.subject.image.unwrap();
    assert_eq!(rpm.locations[0].layer, Some(image.layers[0].diff_id));
    assert!(image.layers[0].digest.is_some());
    assert_eq!((npm.name.as_str(), npm.directness), ("@babel/core", Directness::Direct));
    assert_eq!(npm.locations[0].path, "srv/package-lock.json");
    assert_eq!(npm.extra["trivy.type"], "npm");
}

#[test]
fn syfts_properties() {
    let found = parse(
        br#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[
            {"bom-ref":"a","type":"library","publisher":"Debian","name":"libc-bin","version":"2.36-9","cpe":"cpe:2.3:a:x:libc-bin:2.36-9:*:*:*:*:*:*:*",
             "purl":"pkg:deb/debian/libc-bin@2.36-9?arch=amd64&distro=debian-12&upstream=glibc","properties":[
              {"name":"syft:package:type","value":"deb"},{"name":"syft:cpe23","value":"cpe:2.3:a:y:libc-bin:2.36-9:*:*:*:*:*:*:*"},
              {"name":"syft:location:0:path","value":"/var/lib/dpkg/status"},{"name":"syft:location:1:path","value":"/usr/share/doc/libc-bin/copyright"}]},
            {"bom-ref":"b","type":"application","name":"busybox","version":"1.36","purl":"pkg:generic/busybox@1.36","properties":[
              {"name":"syft:package:type","value":"binary"}]}]}"#,
    );
    let [deb, binary] = found.inventory.packages.as_slice() else { panic!("two packages") };
    assert_eq!(deb.source, Some(SourcePackage { name: "glibc".to_owned(), version: Some("2.36-9".to_owned()) }));
    assert_eq!((deb.vendor.as_deref(), deb.cpes.len(), deb.locations.len()), (Some("Debian"), 2, 2));
    assert_eq!(binary.kind, PackageKind::Binary);
    // No operating-system component: the packages tell.
    assert_eq!(found.inventory.distro.unwrap().version_id.as_deref(), Some("12"));
}

#[test]
fn utf_16_is_read() {
    let text =
        r#"{"spdxVersion":"SPDX-2.2","name":"x","packages":[{"SPDXID":"SPDXRef-a","name":"é","versionInfo":"1"}]}"#;
    let bytes: Vec<u8> = [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    assert_eq!(parse(&bytes).inventory.packages[0].name, "é");
}

#[test]
fn a_limit_names_itself() {
    let error = read(b"{}", &Limits { bytes: 1, ..Limits::default() }).unwrap_err();
    assert!(matches!(error, ReadError::TooLarge { what: "bytes", limit: 1 }));
}

#[test]
fn trivys_spdx() {
    let found = parse(
        br#"{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","name":"app.tar","packages":[
            {"SPDXID":"SPDXRef-ContainerImage-1","name":"app.tar","primaryPackagePurpose":"CONTAINER","attributionTexts":["SchemaVersion: 2",
              "ImageID: sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"]},
            {"SPDXID":"SPDXRef-OperatingSystem-2","name":"redhat","versionInfo":"9.4","primaryPackagePurpose":"OPERATING-SYSTEM"},
            {"SPDXID":"SPDXRef-Package-3","name":"openssl-libs","versionInfo":"3.0.7","sourceInfo":"built package from: openssl 1:3.0.7-27.el9",
             "externalRefs":[{"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl",
               "referenceLocator":"pkg:rpm/redhat/openssl-libs@3.0.7-27.el9?arch=x86_64&distro=redhat-9.4&epoch=1"}]},
            {"SPDXID":"SPDXRef-Application-4","name":"srv/package-lock.json","primaryPackagePurpose":"APPLICATION",
             "annotations":[{"comment":"Class: lang-pkgs"},{"comment":"Type: npm"}]},
            {"SPDXID":"SPDXRef-Package-5","name":"a","versionInfo":"1","licenseDeclared":"MIT AND LicenseRef-1",
             "externalRefs":[{"referenceType":"purl","referenceLocator":"pkg:npm/a@1"}]}],
           "hasExtractedLicensingInfos":[{"licenseId":"LicenseRef-1","extractedText":"Do what you like"}],
           "relationships":[
            {"spdxElementId":"SPDXRef-DOCUMENT","relationshipType":"DESCRIBES","relatedSpdxElement":"SPDXRef-ContainerImage-1"},
            {"spdxElementId":"SPDXRef-ContainerImage-1","relationshipType":"CONTAINS","relatedSpdxElement":"SPDXRef-OperatingSystem-2"},
            {"spdxElementId":"SPDXRef-OperatingSystem-2","relationshipType":"CONTAINS","relatedSpdxElement":"SPDXRef-Package-3"},
            {"spdxElementId":"SPDXRef-Application-4","relationshipType":"CONTAINS","relatedSpdxElement":"SPDXRef-Package-5"}]}"#,
    );
    assert_eq!(found.inventory.unexamined, []);
    let [rpm, npm] = found.inventory.packages.as_slice() else { panic!("two packages") };
    let source = SourcePackage { name: "openssl".to_owned(), version: Some("1:3.0.7-27.el9".to_owned()) };
    assert_eq!((rpm.version.as_str(), rpm.source.as_ref()), ("1:3.0.7-27.el9", Some(&source)));
    assert_eq!((npm.locations[0].path.as_str(), npm.extra["trivy.type"].as_str()), ("srv/package-lock.json", "npm"));
    assert_eq!(npm.licenses, [license("MIT"), license("Do what you like")]);
    assert_eq!(found.inventory.distro.map(|distro| distro.id).as_deref(), Some("rhel"));
    assert!(found.subject.image.is_some());
}
