//! The file `release` of a Java runtime or development kit.

use std::collections::BTreeMap;

use signet_model::{PackageKind, Purl, UnexaminedKind};

use crate::classifier::side::below;
use crate::syntax;
use crate::{Claim, Found, Input, Leaf, any_path};

/// Reads `release`.
pub(crate) static LEAF: Leaf = Leaf {
    id: "java-runtime",
    claims: &[Claim::Name("release")],
    accepts: any_path,
    max_size: 512 << 10,
    read,
    coverage: super::COVERAGE,
};

/// Reads one file; one that states no version of Java is something else and gives nothing.
///
/// Shape: lines `NAME="value"`. The version is `JAVA_RUNTIME_VERSION`, else `FULL_VERSION` when it belongs to the same major version as
/// `JAVA_VERSION`, else that: `1.8.0_411-b25` before JEP 223, `21.0.4+7-LTS` since.
/// The name is `zulu` for Azul's builds, `graalvm` for those with its compiler, `java` for IBM's, `jdk` or `jre` for Sun's and Oracle's own, and `openjdk` for all others: under these names
/// vulnerabilities are published. Source: openjdk.org/jeps/223; openjdk/jdk:make/ReleaseFile.gmk.
fn read(input: &Input<'_>) -> Found {
    let text = syntax::text(input.bytes);
    let facts: BTreeMap<&str, &str> = text
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.trim(), value.trim().trim_matches('"')))
        .filter(|(_, value)| !value.is_empty())
        .collect();
    let get = |name: &str| facts.get(name).copied();
    let Some(version) = version(&get) else { return Found::default() };
    if !version.starts_with(|first: char| first.is_ascii_digit()) {
        let why = "the Java runtime's release file states no version that can be read";
        return Found::unexamined(input.unexamined(UnexaminedKind::Malformed, why));
    }
    let maker = get("IMPLEMENTOR").or(get("JVM_VENDOR")).unwrap_or_default();
    let plain = maker.to_ascii_lowercase().replace(' ', "");
    let path = input.path().to_ascii_lowercase();
    let edition = match get("IMAGE_TYPE") {
        Some(kind) => {
            if kind.to_ascii_lowercase().contains("jre") {
                "jre"
            } else {
                "jdk"
            }
        }
        // the runtime of a development kit of the old layout lies in its directory `jre`
        None => {
            if path.ends_with("jre/release") {
                "jre"
            } else {
                "jdk"
            }
        }
    };
    let (vendor, product) = if plain.contains("azul") || path.contains("zulu") {
        ("azul", "zulu")
    } else if plain.contains("graalvm") || version.contains("jvmci") {
        ("oracle", "graalvm")
    } else if plain.contains("ibm") {
        ("ibm", "java")
    } else if plain.contains("sun") {
        ("sun", edition)
    } else if plain.contains("oracle") || path.contains("oracle") {
        ("oracle", edition)
    } else {
        ("oracle", "openjdk")
    };
    let mut package = input.package(PackageKind::Binary, product, version);
    package.cpes = cpes(vendor, product, version);
    package.vendor = Some(maker.to_owned()).filter(|maker| !maker.is_empty());
    package.arch = get("OS_ARCH").map(str::to_owned);
    for (fact, name) in [
        ("java.version", "JAVA_VERSION"),
        ("java.implementor_version", "IMPLEMENTOR_VERSION"),
        ("java.image_type", "IMAGE_TYPE"),
        ("java.jvm_variant", "JVM_VARIANT"),
        ("java.version_date", "JAVA_VERSION_DATE"),
        ("java.libc", "LIBC"),
        ("java.source", "SOURCE"),
        ("java.modules", "MODULES"),
        ("java.graalvm_version", "GRAALVM_VERSION"),
    ] {
        if let Some(value) = get(name) {
            package.extra.insert(fact.to_owned(), value.to_owned());
        }
    }
    let mut purl = format!("pkg:generic/{vendor}/{product}@{}", encoded(version));
    if let Some(repository) = get("SOURCE_REPO").or(get("BUILD_SOURCE_REPO")) {
        purl.push_str(&format!("?repository_url={}", encoded(repository)));
    }
    package.stated_purl = Purl::parse_lenient(&purl).ok();
    Found { owns: below(input.path(), JAVA_FILES, 0), packages: vec![package], ..Found::default() }
}

/// Programs and libraries of a Java runtime.
const JAVA_FILES: &[&str] = &[
    "bin/java",
    "bin/javac",
    "bin/javadoc",
    "bin/javap",
    "bin/jar",
    "bin/jarsigner",
    "bin/jcmd",
    "bin/jconsole",
    "bin/jdb",
    "bin/jdeprscan",
    "bin/jdeps",
    "bin/jfr",
    "bin/jhsdb",
    "bin/jimage",
    "bin/jinfo",
    "bin/jlink",
    "bin/jmap",
    "bin/jmod",
    "bin/jpackage",
    "bin/jps",
    "bin/jrunscript",
    "bin/jshell",
    "bin/jstack",
    "bin/jstat",
    "bin/jstatd",
    "bin/jwebserver",
    "bin/keytool",
    "bin/rmid",
    "bin/rmiregistry",
    "bin/serialver",
    "lib/jexec",
    "lib/jspawnhelper",
    "lib/libattach.so",
    "lib/libawt.so",
    "lib/libawt_headless.so",
    "lib/libawt_xawt.so",
    "lib/libdt_socket.so",
    "lib/libextnet.so",
    "lib/libfontmanager.so",
    "lib/libfreetype.so",
    "lib/libinstrument.so",
    "lib/libj2gss.so",
    "lib/libj2pcsc.so",
    "lib/libj2pkcs11.so",
    "lib/libjaas.so",
    "lib/libjava.so",
    "lib/libjavajpeg.so",
    "lib/libjawt.so",
    "lib/libjdwp.so",
    "lib/libjimage.so",
    "lib/libjli.so",
    "lib/libjsig.so",
    "lib/libjsound.so",
    "lib/liblcms.so",
    "lib/libmanagement.so",
    "lib/libmanagement_agent.so",
    "lib/libmanagement_ext.so",
    "lib/libmlib_image.so",
    "lib/libnet.so",
    "lib/libnio.so",
    "lib/libprefs.so",
    "lib/librmi.so",
    "lib/libsaproc.so",
    "lib/libsctp.so",
    "lib/libsplashscreen.so",
    "lib/libsyslookup.so",
    "lib/libverify.so",
    "lib/libzip.so",
    "lib/server/libjsig.so",
    "lib/server/libjvm.so",
    "lib/client/libjvm.so",
];

fn version<'a>(get: &impl Fn(&str) -> Option<&'a str>) -> Option<&'a str> {
    let (runtime, full, java) = (get("JAVA_RUNTIME_VERSION"), get("FULL_VERSION"), get("JAVA_VERSION"));
    let major = |text: Option<&'a str>| text.and_then(|text| text.split('.').next());
    match (runtime, full, java) {
        (Some(runtime), _, _) => Some(runtime),
        (None, Some(full), Some(java)) if major(Some(full)) == major(Some(java)) => Some(full),
        (None, _, java) => java,
    }
}

/// Names under which the National Vulnerability Database lists runtimes. An update of the old form is a field of its own.
fn cpes(vendor: &str, product: &str, version: &str) -> Vec<String> {
    let (number, update) = match version.split_once('_') {
        Some((number, rest)) => {
            let update = rest.split(['-', '+']).next().unwrap_or_default().trim_start_matches('0');
            (number, if update.is_empty() { "*".to_owned() } else { format!("update{update}") })
        }
        None => (version.split(['+', '-']).next().unwrap_or(version), "*".to_owned()),
    };
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'*');
    if !plain(number) || !plain(&update) {
        return Vec::new();
    }
    let mut names = vec![(vendor, product)];
    match (vendor, product) {
        ("azul", _) => names.push(("oracle", "openjdk")),
        ("oracle", "openjdk") => {}
        ("oracle", "jdk") => names = vec![("oracle", "java_se"), ("oracle", "jre"), ("oracle", "jdk")],
        ("oracle", _) => names.insert(0, ("oracle", "java_se")),
        (_, "jdk") => names.insert(0, (vendor, "jre")),
        _ => {}
    }
    names
        .iter()
        .map(|(vendor, product)| format!("cpe:2.3:a:{vendor}:{product}:{number}:{update}:*:*:*:*:*:*"))
        .collect()
}

/// For a purl: all but what may stand there as it is.
fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'.' | b'-' | b'_' | b'~' | b':' => out.push(char::from(byte)),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}
