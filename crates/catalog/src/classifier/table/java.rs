//! Java: all launchers of a JDK are one small source, `main.c`, compiled with the name and the full version of the build.

use super::{Product, Program, Sign, at};

const LAUNCHERS: &[&str] = &[
    "java",
    "javaw",
    "javac",
    "javadoc",
    "javap",
    "jar",
    "jarsigner",
    "jcmd",
    "jconsole",
    "jdb",
    "jdeprscan",
    "jdeps",
    "jfr",
    "jhsdb",
    "jimage",
    "jinfo",
    "jjs",
    "jlink",
    "jmap",
    "jmod",
    "jps",
    "jrunscript",
    "jshell",
    "jstack",
    "jstat",
    "jstatd",
    "jwebserver",
    "keytool",
    "rmid",
    "rmiregistry",
    "serialver",
    "jpackage",
];

/// `1.8.0_352-b08`, `11.0.17+8-LTS`, `21+35-2513`, `17.0.3+7-jvmci-22.1-b06`.
macro_rules! full {
    () => {
        r"((?:1\.[4-9]\.\d+(?:_\d+)?(?:-[0-9A-Za-z_.]+)?-b\d+|\d{1,2}(?:\.\d+){0,5}(?:-[0-9a-z.]+)?\+\d+(?:-[0-9A-Za-z.+_-]+)?))"
    };
}

const ZULU: &[Sign] = &[
    at("openjdk\0", 160, 160, concat!(r"(?i:zulu|azul).{0,160}?\x00", full!(), r"\x00")),
    at("openjdk\0", 160, 160, concat!(r"\x00", full!(), r"\x00.{0,160}?(?i:zulu|azul)")),
];

const OPENJDK: &[Sign] = &[
    // name of the launcher, program, short version, full version
    at("openjdk\0", 0, 160, concat!(r"^openjdk\x00+[a-z]+\x00+(?:[0-9.]+\x00+)?", full!(), r"\x00")),
    at("openjdk\0", 96, 0, concat!(r"\x00", full!(), r"\x00+openjdk\x00$")),
    at("openjdk\0", 160, 160, concat!(r"\x00", full!(), r"\x00")),
];

const ORACLE: &[Sign] = &[
    at("-J-ms8m", 128, 64, concat!(r"\x00", full!(), r"\x00")),
    at("java\0", 0, 96, concat!(r"^java\x00+(?:[0-9.]+\x00+)?", full!(), r"\x00")),
    at("java\0", 96, 0, concat!(r"\x00", full!(), r"\x00+java\x00$")),
];

pub(super) static ROWS: &[Program] = &[
    Program::new(
        Product::of_purl("graalvm", "generic/oracle/graalvm", &["oracle:graalvm"]),
        LAUNCHERS,
        &[at("-jvmci-", 64, 64, r"\x00(\d{1,2}(?:\.\d+){0,5}\+\d+-jvmci-[0-9A-Za-z.-]+)\x00")],
    )
    .of_family("jvm"),
    Program::new(
        Product::of_purl("java", "generic/ibm/java", &["ibm:java"]),
        LAUNCHERS,
        &[at("foreman_", 64, 64, r"\x00(1\.\d\.\d(?:_\d+)?-foreman_[0-9A-Za-z_]+-b\d+)\x00")],
    )
    .of_family("jvm"),
    Program::new(Product::of_purl("zulu", "generic/azul/zulu", &["azul:zulu"]), LAUNCHERS, ZULU).of_family("jvm"),
    Program::new(Product::of_purl("openjdk", "generic/oracle/openjdk", &["oracle:openjdk"]), LAUNCHERS, OPENJDK)
        .of_family("jvm"),
    // Oracle's own builds do not call themselves openjdk. A program beside `java` comes with the whole kit.
    Program::new(Product::of_purl("jre", "generic/oracle/jre", &["oracle:jre"]), &["java", "javaw", "keytool"], ORACLE)
        .of_family("jvm"),
    Program::new(Product::of_purl("jdk", "generic/oracle/jdk", &["oracle:jdk"]), LAUNCHERS, ORACLE).of_family("jvm"),
];
