//! Files of builds, runtimes, bundles and native images.

use proptest::prelude::*;
use signet_model::{Location, PackageKind, Presence, RelationshipKind};

use super::{bazel, bundle, gradle, maven, native_image, runtime, sbt};
use crate::syntax::testing::{check, mutate, read, rows};
use crate::syntax::zip::build::zip;
use crate::{Found, Input, Leaf};

#[test]
fn gradle_lock_files() {
    let leaf = &gradle::lock::LEAF;
    check(
        leaf,
        "app/gradle.lockfile",
        "# made by Gradle\n a:b:1=compileClasspath, testRuntimeClasspath\nj:u:4=testCompileClasspath,debugAndroidTestRuntimeClasspath\nempty=x,y\nempty=\n////\n",
        &["a:b@1 L2-2", "j:u@4 dev L3-3", "! malformed: line 6: no `group:artifact:version=`"],
    );
    check(leaf, "buildscript-gradle.lockfile", "p:q:2=classpath\n", &["p:q@2 dev L1-1"]);
    check(leaf, "gradle/dependency-locks/testRuntime.lockfile", "p:q:2\n", &["p:q@2 dev L1-1"]);
    check(
        leaf,
        "versions.lock",
        "# Run\na:b:1 (2 constraints: 0a1b)\n\n[Test dependencies]\nj:u:4 (1 constraints: ff)\n",
        &["a:b@1 L2-2", "j:u@4 dev L5-5"],
    );
    check(leaf, "versions.lock", "{}", &[]);
    assert_eq!(read(leaf, "gradle.lockfile", b"a:b:1=c\n").packages[0].presence, Presence::Declared);
}

#[test]
fn gradle_verification() {
    let leaf = &gradle::verification::LEAF;
    let text = "<?xml version='1.0'?>
<verification-metadata xmlns='x'><components>
 <component version='1' name='b' group='a'>
  <artifact name='b-1.jar'><sha256 value='AB12' origin='x'/></artifact>
  <artifact name='b-1.pom'><sha256 value='cd'/></artifact>
 </component>
 <component name='b' version='1'/>
 <component group='a' name='c'/>
</components></verification-metadata>";
    let broken = "a component without group, name or version";
    check(
        leaf,
        "gradle/verification-metadata.xml",
        text,
        &[
            "a:b@1 L3-6",
            "a:c@ L8-8",
            &format!("! malformed: line 7: {broken}"),
            &format!("! malformed: line 8: {broken}"),
        ],
    );
    let found = read(leaf, "gradle/verification-metadata.xml", text.as_bytes());
    assert_eq!(found.packages[0].checksums.iter().map(|sum| sum.hex.as_str()).collect::<Vec<_>>(), ["ab12"]);
    check(
        leaf,
        "gradle/verification-metadata.xml",
        "<x/>",
        &["! malformed: the root element is `x`, not `verification-metadata`"],
    );
    check(leaf, "gradle/verification-metadata.xml", "text", &["! malformed: line 1: no XML: it ends too early"]);
}

#[test]
fn gradle_catalogs() {
    let leaf = &gradle::catalog::LEAF;
    check(
        leaf,
        "gradle/libs.versions.toml",
        "[versions]
v-one = '1.0'
rich = {strictly = '[3.8, 4.0[', prefer = '3.9'}
[libraries]
short = 'a:short:2'
module = {module = 'a:module', version.ref = 'v.one'}
parts = {group = 'a', name = 'parts', version.ref = 'rich'}
open = {module = 'a:open', version = '1.+'}
none = {module = 'a:none'}
lost = {module = 'a:lost', version.ref = 'x'}
bad = 'a'
[plugins]
p = {id = 'org.p', version = '5'}
",
        &[
            "a:short@2 L5-5",
            "a:module@1.0 L6-6",
            "a:parts@3.9 L7-7",
            "a:open@ L8-8",
            "a:none@ L9-9",
            "a:lost@ L10-10",
            "org.p:org.p.gradle.plugin@5 dev L13-13",
            "! unresolved: line 8: `open`: a repository chooses the version, within `1.+`",
            "! unresolved: line 9: `none` has no version in this catalog",
            "! unresolved: line 10: `lost`: there is no version `x`",
            "! malformed: line 11: `bad` names no artifact",
        ],
    );
    check(leaf, "libs.versions.toml", "plain text", &["! malformed: line 1: not TOML"]);
    for (path, claimed) in
        [("a/libs.versions.toml", true), ("gradle/t.versions.toml", true), ("src/t.versions.toml", false)]
    {
        assert_eq!((leaf.accepts)(path), claimed, "{path}");
    }
}

#[test]
fn sbt_lock_files() {
    let leaf = &sbt::LEAF;
    let text = r#"{"lockVersion": 1, "dependencies": [
 {"org": "o", "name": "n_2.13", "version": "1", "artifacts": [{"name": "n.jar", "hash": "sha1:AB"}], "configurations": ["compile", "test"]},
 {"org": "o", "name": "t", "version": "2", "configurations": ["test"]},
 {"org": "o", "version": "2"}]}"#;
    check(
        leaf,
        "build.sbt.lock",
        text,
        &["o:n_2.13@1 L2-2", "o:t@2 dev L3-3", "! malformed: line 4: a dependency without name or version"],
    );
    assert_eq!(read(leaf, "build.sbt.lock", text.as_bytes()).packages[0].checksums[0].hex, "ab");
    check(
        leaf,
        "build.sbt.lock",
        r#"{"lockVersion": 9, "dependencies": []}"#,
        &["! unsupported: version 9 of the lock file is not known"],
    );
    check(leaf, "build.sbt.lock", "[", &["! malformed: no JSON: line 1: the JSON document ends too early"]);
}

#[test]
fn bazel_lock_files() {
    let leaf = &bazel::LEAF;
    let two = r#"{"version": "2", "artifacts": {
 "g:a": {"shasums": {"jar": "0000000000000000000000000000000000000000000000000000000000000000"}, "version": "1"},
 "g:a:jar:sources": {"shasums": {"jar": null}, "version": "1"},
 "g:b": {"version": "2"}}, "dependencies": {"g:a": ["g:b", "g:a:jar:sources"]}}"#;
    check(leaf, "maven_install.json", two, &["g:a@1 L2-2 -> g:b@2", "g:b@2 L4-4"]);
    let one = r#"{"dependency_tree": {"dependencies": [
 {"coord": "g:a:1", "directDependencies": ["g:b:jar:2"], "sha256": "x"}, {"coord": "g:b:jar:2"}, {"coord": "g"}]}}"#;
    check(
        leaf,
        "x_install.json",
        one,
        &["g:a@1 L2-2 -> g:b@2", "g:b@2 L2-2", "! malformed: line 2: an entry that names no artifact"],
    );
    check(leaf, "other_install.json", r#"{"artifacts": {"x": 1}}"#, &[]);
}

#[test]
fn bazel_build_files() {
    let leaf = &bazel::LEAF;
    let module = r#"
bazel_dep(name = "rules_jvm_external", version = "6.3")
maven = use_extension("@rules_jvm_external//:extensions.bzl", "maven")
V = "1." + "2"
MORE = ["g:more:3"]
MORE += ["g:%s:%s" % ("percent", V), "g:format:{}".format(V)]
maven.install(
    artifacts = [
        "g:plain:1",  # why
        "g:joined:" + V,
        "g:none",
    ] + MORE,
    repositories = ["https://repo1.example"],
)
maven.artifact(group = "g", artifact = "fields", version = V, testonly = True)
other = use_extension("//:x.bzl", "maven")
other.install(artifacts = ["g:other:1"])
maven.install(artifacts = [x for x in MORE])
"#;
    check(
        leaf,
        "MODULE.bazel",
        module,
        &[
            "g:plain@1 direct L7-7",
            "g:joined@1.2 direct L7-7",
            "g:none@ direct L7-7",
            "g:more@3 direct L7-7",
            "g:percent@1.2 direct L7-7",
            "g:format@1.2 direct L7-7",
            "g:fields@1.2 dev direct L15-15",
            "! unresolved: line 7: g:none has no version in this file",
            "! unresolved: line 18: an artifact that is not written as plain text",
        ],
    );
    check(
        leaf,
        "WORKSPACE",
        "load('@rules_jvm_external//:defs.bzl', install = 'maven_install')\ninstall(artifacts = ['g:a:1', maven.artifact('g', 'b', '2', exclusions = ['x:y'])])\nmaven_install(artifacts = ['g:c:1'])\n",
        &["g:a@1 direct L2-2", "g:b@2 direct L2-2"],
    );
    check(leaf, "MODULE.bazel", "module(name = 'x'\n", &["! malformed: no Starlark: line 2: expected `)`"]);
    let deep = format!("x = {}", "[".repeat(10_000));
    check(leaf, "MODULE.bazel", deep, &["! malformed: no Starlark: line 1: nested too deeply"]);
    let doubling = format!("a = 'xxxxxxxxxxxxxxxx'\n{}", "a = a + a\n".repeat(100));
    check(leaf, "MODULE.bazel", doubling, &["! malformed: no Starlark: line 18: the file is too large"]);
}

#[test]
fn runtimes() {
    let leaf = &runtime::LEAF;
    let cpes = |path: &str, text: &str| {
        let found = read(leaf, path, text.as_bytes());
        let package = &found.packages[0];
        let purl = package.purl(None).unwrap().to_string();
        (format!("{} {}", package.name, package.version), purl, package.cpes.clone())
    };
    let (id, purl, names) = cpes(
        "opt/java/openjdk/release",
        "IMPLEMENTOR=\"Eclipse Adoptium\"\nJAVA_RUNTIME_VERSION=\"21.0.4+7-LTS\"\nJAVA_VERSION=\"21.0.4\"\nIMAGE_TYPE=\"JRE\"\nSOURCE_REPO=\"https://h/r.git\"\n",
    );
    assert_eq!(id, "openjdk 21.0.4+7-LTS");
    assert!(purl.starts_with("pkg:generic/oracle/openjdk@21.0.4%2B7-LTS?repository_url="), "{purl}");
    assert_eq!(names, ["cpe:2.3:a:oracle:openjdk:21.0.4:*:*:*:*:*:*:*"]);
    let (id, _, names) =
        cpes("usr/lib/jvm/x-oracle/release", "JAVA_VERSION=\"1.8.0_051\"\nFULL_VERSION=\"1.8.0_051-b16\"\n");
    assert_eq!(id, "jdk 1.8.0_051-b16");
    assert_eq!(names[2], "cpe:2.3:a:oracle:jdk:1.8.0:update51:*:*:*:*:*:*");
    assert_eq!(names.len(), 3);
    let (id, _, names) = cpes("opt/zulu/release", "JAVA_VERSION=\"17.0.1\"\nFULL_VERSION=\"9\"\n");
    assert_eq!((id.as_str(), names.len()), ("zulu 17.0.1", 2));
    check(leaf, "etc/release", "NAME=\"x\"\n", &[]);
    let (graal, ibm) = (
        "IMPLEMENTOR=\"GraalVM Community\"\nJAVA_VERSION=\"21.0.2\"\n",
        "IMPLEMENTOR=\"IBM\"\nJAVA_VERSION=\"8.0.7\"\n",
    );
    check(leaf, "opt/graal/release", graal, &["graalvm@21.0.2"]);
    check(leaf, "opt/ibm/release", ibm, &["java@8.0.7"]);
    let broken = "! malformed: the Java runtime's release file states no version that can be read";
    check(leaf, "opt/jdk/release", "JAVA_VERSION=\"?\"\n", &[broken]);
    assert!(read(leaf, "opt/jdk/release", graal.as_bytes()).owns[0].1.contains(&"opt/jdk/bin/java".to_owned()));
}

const POM: (&str, &[u8]) = ("META-INF/maven/g/a/pom.properties", b"groupId=g\nartifactId=a\nversion=1\n");

#[test]
fn bundles() {
    let leaf = &bundle::LEAF;
    assert!((leaf.accepts)("opt/x.tar") && !(leaf.accepts)("usr/share/go-1.19/src/archive/tar/testdata/neg-size.tar"));
    let jar = zip(&[POM], true);
    let tar = signet_image::build::LayerBuilder::new().file("x/readme", b"x").file("x/lib/a-1.jar", &jar).finish();
    for (path, bytes) in [
        ("x.tar", tar.clone()),
        ("x.tar.gz", signet_image::build::pack(&tar, signet_image::Compression::Gzip)),
        ("x.tar.zst", signet_image::build::pack(&tar, signet_image::Compression::Zstd)),
        ("x.zip", zip(&[("x/lib/a-1.jar", &jar), ("x/readme", b"x")], true)),
    ] {
        let found = read(leaf, path, &bytes);
        assert_eq!(rows(&found), ["g:a@1"], "{path}");
        assert_eq!(found.packages[0].locations[0].path, format!("{path}!/x/lib/a-1.jar"));
    }
    check(
        leaf,
        "x.tar",
        "example archive",
        &["! malformed: no whole tar archive: the tar stream ends at offset 15, inside a header"],
    );
    check(leaf, "x.zip", "example", &["! malformed: no zip archive: the end of the central directory was not found"]);
    let broken = signet_image::build::LayerBuilder::new().file("a.jar", b"no zip").finish();
    check(leaf, "x.tar", broken, &["! malformed: no zip archive: the end of the central directory was not found"]);
}

/// A program of 64 bits with one segment that holds everything, and the sections that the leaf asks for.
fn program(names: &[u8], symbols: &[(u32, u64)], data: &[u8]) -> Vec<u8> {
    let put = |out: &mut Vec<u8>, values: &[(u64, usize)]| {
        for (value, width) in values {
            out.extend(&value.to_le_bytes()[..*width]);
        }
    };
    let mut table = vec![0; 24];
    for (name, value) in symbols {
        put(&mut table, &[(u64::from(*name), 4), (0x11, 1), (0, 1), (1, 2), (*value, 8), (8, 8)]);
    }
    let heads = b"\0.dynsym\0.dynstr\0.shstrtab\0.svm_heap\0";
    let start = 64 + 56;
    let places =
        [start, start + data.len(), start + data.len() + table.len(), start + data.len() + table.len() + names.len()];
    let sections = places[3] + heads.len();
    let mut out = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    put(&mut out, &[(2, 2), (62, 2), (1, 4), (0, 8), (64, 8), (sections as u64, 8), (0, 4)]);
    put(&mut out, &[(64, 2), (56, 2), (1, 2), (64, 2), (5, 2), (3, 2)]);
    put(
        &mut out,
        &[(1, 4), (6, 4), (0, 8), (0x1000, 8), (0x1000, 8), (sections as u64, 8), (sections as u64, 8), (1, 8)],
    );
    out.extend(data);
    out.extend(&table);
    out.extend(names);
    out.extend(heads);
    put(&mut out, &[(0, 8); 8]);
    for (name, kind, place, len, link) in [
        (1, 11, places[1], table.len(), 2),
        (9, 3, places[2], names.len(), 0),
        (17, 3, places[3], heads.len(), 0),
        (27, 1, places[0], data.len(), 0),
    ] {
        put(
            &mut out,
            &[
                (name, 4),
                (kind, 4),
                (0, 8),
                (0, 8),
                (place as u64, 8),
                (len as u64, 8),
                (link, 4),
                (0, 4),
                (1, 8),
                (24, 8),
            ],
        );
    }
    out
}

fn native(json: &str, length: Option<u64>) -> Vec<u8> {
    use std::io::Write as _;
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(json.as_bytes()).unwrap();
    let packed = packer.finish().unwrap();
    let mut data = length.unwrap_or(packed.len() as u64).to_le_bytes().to_vec();
    data.extend(&packed);
    let at = 0x1000 + 64 + 56;
    program(b"\0sbom\0sbom_length\0__svm_version_info\0", &[(1, at + 8), (6, at), (18, at)], &data)
}

#[test]
fn native_images() {
    let leaf = &native_image::LEAF;
    let json = r#"{"bomFormat": "CycloneDX", "components": [
 {"type": "library", "group": "g", "name": "a", "version": "1", "purl": "pkg:maven/g/a@1", "licenses": [{"license": {"id": "MIT"}}]}, {"version": "2"}]}"#;
    let found = read(leaf, "app", &native(json, None));
    assert_eq!(rows(&found), ["g:a@1", "! malformed: a component without name"]);
    assert_eq!((found.packages[0].kind, found.packages[0].presence), (PackageKind::Java, Presence::Installed));
    assert_eq!(found.packages[0].licenses[0].value, "MIT");
    check(leaf, "app", native(json, Some(1 << 40)), &["! too-large: the list of components has 1099511627776 bytes"]);
    check(leaf, "app", native(json, Some(1 << 20)), &["! malformed: the list of components leads out of the program"]);
    check(
        leaf,
        "app",
        native("[", None),
        &["! malformed: the list of components is no JSON: line 1: the JSON document ends too early"],
    );
    check(leaf, "app", program(b"\0main\0", &[(1, 0x1000)], b""), &[]);
}

#[test]
fn shaded_descriptors_know_their_variables() {
    let pom = b"<project><parent><groupId>g</groupId><version>1</version></parent><artifactId>a</artifactId><version>${r}-x</version><properties><r>2</r></properties></project>";
    check(&super::archive::LEAF, "x.jar", zip(&[("META-INF/maven/g/a/pom.xml", pom)], true), &["g:a@2-x"]);
}

fn quiet(leaf: &'static Leaf, path: &str, bytes: &[u8]) -> Found {
    let location = Location::of_path(path);
    (leaf.read)(&Input { location: &location, bytes, binary: None, leaf: leaf.id })
}

const FILES: &[(&Leaf, &str, &str)] = &[
    (&gradle::lock::LEAF, "gradle.lockfile", "a:b:1=x,testY\nempty=z\n"),
    (
        &gradle::verification::LEAF,
        "gradle/verification-metadata.xml",
        "<verification-metadata><components><component group='a' name='b' version='1'><artifact name='b.jar'><sha1 value='ab'/></artifact></component></components></verification-metadata>",
    ),
    (
        &gradle::catalog::LEAF,
        "libs.versions.toml",
        "[versions]\na = '1'\n[libraries]\nb = {module = 'g:b', version.ref = 'a'}\n",
    ),
    (
        &sbt::LEAF,
        "build.sbt.lock",
        r#"{"lockVersion": 1, "dependencies": [{"org": "o", "name": "n", "version": "1", "configurations": ["test"]}]}"#,
    ),
    (
        &bazel::LEAF,
        "maven_install.json",
        r#"{"artifacts": {"g:a": {"version": "1"}}, "dependencies": {"g:a": ["g:a"]}}"#,
    ),
    (
        &bazel::LEAF,
        "MODULE.bazel",
        "m = use_extension('@rules_jvm_external//:e', 'maven')\nx = ['g:a:{}'.format('1')] + [\"g:b:%s\" % '2']\nm.install(artifacts = x, y = {'a': r'\\b'})\n",
    ),
    (&runtime::LEAF, "release", "JAVA_VERSION=\"1.8.0_1\"\nIMPLEMENTOR=\"Azul\"\n"),
    (
        &maven::LEAF,
        "pom.xml",
        "<project><artifactId>a</artifactId><dependencies><dependency><groupId>g</groupId></dependency></dependencies></project>",
    ),
];

proptest! {
    #[test]
    fn broken_files_never_panic(file in 0..FILES.len(), place: usize, byte: u8, cut in 0usize..30, keep: usize) {
        let (leaf, path, text) = FILES[file];
        let found = quiet(leaf, path, &mutate(text.as_bytes(), place, byte, cut, keep));
        prop_assert!(found.packages.len() + found.unexamined.len() < 20);
        let count = found.packages.len();
        let whole = found.edges.iter().all(|(from, to, kind)| *from < count && *to < count && *kind == RelationshipKind::DependsOn);
        prop_assert!(whole);
    }

    #[test]
    fn broken_bundles_and_programs_never_panic(place: usize, byte: u8, cut in 0usize..40, keep: usize) {
        let tar = signet_image::build::LayerBuilder::new().file("a-1.jar", &zip(&[POM], true)).finish();
        prop_assert!(quiet(&bundle::LEAF, "x.tar", &mutate(&tar, place, byte, cut, keep)).packages.len() < 5);
        let program = native(r#"{"components": [{"name": "a"}]}"#, None);
        prop_assert!(read(&native_image::LEAF, "x", &mutate(&program, place, byte, cut, keep)).packages.len() < 5);
    }

    #[test]
    fn starlark_never_panics(text in "[a-z =+%(){}\\[\\]'\",.:\n*\\\\]{0,80}") {
        quiet(&bazel::LEAF, "WORKSPACE", text.as_bytes());
    }
}
