//! Groups of artifacts whose archives do not state one.
//!
//! Only names that their makers have used for years and that nobody else publishes under. Sources: the projects' own coordinates on
//! Maven Central. It is used only when nothing in the archive speaks against it.

/// Artifacts by their whole name.
const NAMES: &[(&str, &str)] = &[
    ("commons-beanutils", "commons-beanutils"),
    ("commons-cli", "commons-cli"),
    ("commons-codec", "commons-codec"),
    ("commons-collections", "commons-collections"),
    ("commons-collections4", "org.apache.commons"),
    ("commons-compress", "org.apache.commons"),
    ("commons-configuration2", "org.apache.commons"),
    ("commons-csv", "org.apache.commons"),
    ("commons-fileupload", "commons-fileupload"),
    ("commons-io", "commons-io"),
    ("commons-lang", "commons-lang"),
    ("commons-lang3", "org.apache.commons"),
    ("commons-logging", "commons-logging"),
    ("commons-net", "commons-net"),
    ("commons-text", "org.apache.commons"),
    ("gson", "com.google.code.gson"),
    ("guava", "com.google.guava"),
    ("h2", "com.h2database"),
    ("jackson-annotations", "com.fasterxml.jackson.core"),
    ("jackson-core", "com.fasterxml.jackson.core"),
    ("jackson-databind", "com.fasterxml.jackson.core"),
    ("log4j", "log4j"),
    ("log4j-api", "org.apache.logging.log4j"),
    ("log4j-core", "org.apache.logging.log4j"),
    ("logback-access", "ch.qos.logback"),
    ("logback-classic", "ch.qos.logback"),
    ("logback-core", "ch.qos.logback"),
    ("mysql-connector-java", "mysql"),
    ("postgresql", "org.postgresql"),
    ("protobuf-java", "com.google.protobuf"),
    ("shiro-core", "org.apache.shiro"),
    ("shiro-web", "org.apache.shiro"),
    ("snakeyaml", "org.yaml"),
    ("spring-aop", "org.springframework"),
    ("spring-beans", "org.springframework"),
    ("spring-context", "org.springframework"),
    ("spring-context-support", "org.springframework"),
    ("spring-core", "org.springframework"),
    ("spring-expression", "org.springframework"),
    ("spring-jdbc", "org.springframework"),
    ("spring-messaging", "org.springframework"),
    ("spring-orm", "org.springframework"),
    ("spring-tx", "org.springframework"),
    ("spring-web", "org.springframework"),
    ("spring-webflux", "org.springframework"),
    ("spring-webmvc", "org.springframework"),
    ("spring-websocket", "org.springframework"),
    ("struts2-core", "org.apache.struts"),
    ("xstream", "com.thoughtworks.xstream"),
];

/// Artifacts by the beginning of their name.
const FAMILIES: &[(&str, &str)] = &[
    ("bcpkix-", "org.bouncycastle"),
    ("bcprov-", "org.bouncycastle"),
    ("jetty-", "org.eclipse.jetty"),
    ("netty-", "io.netty"),
    ("slf4j-", "org.slf4j"),
    ("spring-boot", "org.springframework.boot"),
    ("spring-security-", "org.springframework.security"),
    ("tomcat-embed-", "org.apache.tomcat.embed"),
];

/// The group of an artifact, if it is one of these.
pub(super) fn known(artifact: &str) -> Option<&'static str> {
    let by_name = NAMES.iter().find(|(name, _)| *name == artifact);
    by_name.or_else(|| FAMILIES.iter().find(|(prefix, _)| artifact.starts_with(prefix))).map(|(_, group)| *group)
}
