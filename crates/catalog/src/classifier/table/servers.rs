//! Servers and their proxies, except those that are written in Go.

use super::{Product, Program, at, string};

pub(super) static ROWS: &[Program] = &[
    Program::new(
        Product::new("nginx", &["f5:nginx", "nginx:nginx", "f5:nginx_open_source"]),
        &["nginx", "nginx-debug", "openresty"],
        &[
            at("nginx version: ", 0, 64, r"nginx version: (?:nginx|openresty|freenginx)/(\d{1,2}\.\d{1,3}\.\d{1,3})"),
            at("nginx/", 0, 24, r"nginx/(\d{1,2}\.\d{1,3}\.\d{1,3})[^0-9.]"),
        ],
    ),
    Program::new(
        Product::new("httpd", &["apache:http_server"]),
        &["httpd", "apache2", "httpd.*", "apache2.*"],
        &[at("Apache/", 0, 32, r"Apache/(\d\.\d{1,2}\.\d{1,3}(?:-dev)?)")],
    ),
    Program::new(
        Product::new("haproxy", &["haproxy:haproxy"]),
        &["haproxy", "haproxy-*"],
        &[
            at(
                "HAProxy version follows",
                96,
                0,
                r"\x00(\d{1,2}\.\d{1,3}(?:\.\d{1,3})?(?:-dev\d{1,3})?)(?:-[0-9A-Za-z.+~_-]+)?\x00+HAProxy version follows$",
            ),
            at("HA-Proxy version ", 0, 40, r"HA-Proxy version (\d{1,2}\.\d{1,3}(?:\.\d{1,3})?(?:-dev\d{1,3})?)"),
            at("HAProxy version ", 0, 40, r"HAProxy version (\d{1,2}\.\d{1,3}(?:\.\d{1,3})?(?:-dev\d{1,3})?)"),
            at(
                ", released 20",
                40,
                0,
                r" version (\d{1,2}\.\d{1,3}(?:\.\d{1,3})?(?:-dev\d{1,3})?)(?:-[0-9A-Za-z.+~_-]+)?, released 20$",
            ),
        ],
    ),
    // The version is a string of its own among those of the whole program; Envoy's own strings lie around it.
    Program::new(
        Product::new("envoy", &["envoyproxy:envoy"]),
        &["envoy", "envoy-*", "envoy.*"],
        &[
            string(320, 320, r"[Ee]nvoy[^\x00]{0,160}\x00(1\.\d{1,2}\.\d{1,2}(?:-dev(?:-[0-9a-f]+)?)?)\x00"),
            string(320, 320, r"\x00(1\.\d{1,2}\.\d{1,2}(?:-dev(?:-[0-9a-f]+)?)?)\x00[^\x00]{0,160}[Ee]nvoy"),
            string(64, 64, r"\x00(1\.\d{1,2}\.\d{1,2}(?:-dev(?:-[0-9a-f]+)?)?)\x00Unable to convert YAML as JSON"),
            string(640, 640, r"[Ee]nvoy.{0,640}?\x00(1\.\d{1,2}\.\d{1,2}(?:-dev(?:-[0-9a-f]+)?)?)\x00"),
            string(640, 640, r"\x00(1\.\d{1,2}\.\d{1,2}(?:-dev(?:-[0-9a-f]+)?)?)\x00.{0,640}?[Ee]nvoy"),
            string(2, 48, r"\x00(1\.\d{1,2}\.\d{1,2}(?:-dev(?:-[0-9a-f]+)?)?)\x00"),
        ],
    )
    // zlib is 1.2 and 1.3, nghttp2 1.40 and up
    .if_agrees(|_, version| {
        let minor = version.split('.').nth(1).and_then(|minor| minor.parse::<u32>().ok());
        minor.is_some_and(|minor| minor > 3)
    }),
    Program::new(
        Product::new("lighttpd", &["lighttpd:lighttpd"]),
        &["lighttpd", "lighttpd-angel"],
        &[at("lighttpd/", 0, 24, r"lighttpd/(\d\.\d{1,2}\.\d{1,3})")],
    ),
    Program::new(
        Product::new("proftpd", &["proftpd:proftpd"]),
        &["proftpd"],
        &[
            at("ProFTPD Version ", 0, 32, r"ProFTPD Version (\d\.\d{1,2}\.\d{1,2}(?:[a-z]|rc\d)?)"),
            at("ProFTPD ", 0, 32, r"ProFTPD (\d\.\d{1,2}\.\d{1,2}(?:[a-z]|rc\d)?)"),
        ],
    ),
    Program::new(
        Product::new("openldap", &["openldap:openldap"]),
        &["ldap*", "slapd", "slap*", "libldap*.so*", "liblber*.so*"],
        &[at("$OpenLDAP: ", 0, 80, r"\$OpenLDAP: [0-9A-Za-z_. -]{1,32}? (\d\.\d{1,2}\.\d{1,3}) ")],
    ),
    Program::new(
        Product::of_purl("fluent-bit", "github/fluent/fluent-bit", &["treasuredata:fluent_bit"]),
        &["fluent-bit"],
        &[
            at(
                "Fluent Bit v%s",
                64,
                0,
                r"\x00(\d{1,2}\.\d{1,2}\.\d{1,3}(?:-(?:rc|dev|beta)-?\d*)?)\x00[^0-9A-Za-z]{0,8}(?:\x1b\[[0-9;]*m\x00*)*(?:%s)?Fluent Bit v%s$",
            ),
            at("Fluent-Bit/", 0, 32, r"Fluent-Bit/v?(\d{1,2}\.\d{1,2}\.\d{1,3})"),
            string(2, 48, r"\x00(\d{1,2}\.\d{1,2}\.\d{1,3})\x00.{0,40}Fluent Bit v"),
        ],
    ),
    Program::new(
        Product::new("heimdal-krb5", &["heimdal_project:heimdal"]),
        &[
            "libkrb5.so*",
            "libkrb5.*dylib",
            "kdc",
            "kinit",
            "klist",
            "kadmin*",
            "kpasswd*",
            "libgssapi.so*",
            "libheim*.so*",
        ],
        &[at("Heimdal ", 0, 32, r"Heimdal (\d{1,2}\.\d{1,2}(?:\.\d{1,3})?)")],
    )
    .of_family("kerberos"),
    Program::new(
        Product::new("krb5", &["mit:kerberos_5"]),
        &["libkrb5.so*", "libkrb5.*dylib", "krb5kdc", "kinit", "klist", "kadmin*", "kpropd"],
        &[at("KRB5_BRAND: krb5-", 0, 48, r"KRB5_BRAND: krb5-(\d\.\d{1,2}(?:\.\d{1,2})?)")],
    )
    .of_family("kerberos"),
    Program::new(
        Product::new("openssh", &["openbsd:openssh"]),
        &["ssh", "sshd", "ssh-keygen", "ssh-agent", "ssh-add"],
        &[at("OpenSSH_", 0, 24, r"OpenSSH_(\d{1,2}\.\d(?:p\d)?)")],
    ),
];
