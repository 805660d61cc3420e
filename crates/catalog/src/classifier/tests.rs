//! Rows of what programs really say, and files beside them.

use proptest::prelude::*;

use super::table;
use super::{Scan, Sighting, side};
use crate::syntax::testing::{check, mutate, read};

/// What a program of this name is told to be, when these bytes lie in it.
#[track_caller]
fn check_program(path: &str, bytes: &[u8], expected: &[&str]) {
    let program = [&[b'x'; 2000][..], b"\0", bytes, b"\0", &[b'x'; 2000]].concat();
    let told: Vec<String> =
        Scan::new(path).map(|scan| scan.whole(&program)).unwrap_or_default().iter().map(text).collect();
    assert_eq!(told, expected, "{path}");
    let mut scan = Scan::new(path);
    for block in program.chunks(257) {
        if let Some(scan) = &mut scan {
            scan.push(block);
        }
    }
    let streamed: Vec<String> = scan.map(Scan::finish).unwrap_or_default().iter().map(text).collect();
    assert_eq!(streamed, expected, "{path}, by blocks");
}

fn text(sighting: &Sighting) -> String {
    format!("{}@{}", table::row(sighting.row).unwrap().product.name, sighting.version)
}

#[test]
fn languages() {
    check_program(
        "usr/bin/python3.11",
        b"pymalloc_debug\x003.11.2\x00strict\x00<prefix>/lib/pythonX.X\x00Python %s\n",
        &["python@3.11.2"],
    );
    check_program("usr/lib/libpython3.11.so.1.0", b"a\x003.45.1\x00b\x003.11.2\x00c", &["python@3.11.2"]);
    check_program("usr/bin/python3", b"a\x003.45.1\x00b", &[]);
    check_program("usr/bin/python3.8", b"a\x003.7.4\x00%.80s (%.80s) %.80s", &[]);
    check_program("opt/python310.dll", b"a\x003.10.4\x00b", &["python@3.10.4"]);
    check_program("opt/pypy3.9", b"3.9.18 (abc)\n[PyPy 7.3.15 with GCC 10.2.1]", &["pypy@7.3.15"]);
    check_program("usr/bin/node", b"/json\x00node.js/v20.20.2\x00(delegate_)", &["node@20.20.2"]);
    check_program("usr/bin/node", b"\x00v0.10.48\x00", &["node@0.10.48"]);
    check_program(
        "usr/bin/nodejs",
        b"https://nodejs.org/download/rc/v22.0.0-rc.1/node-v22.0.0-rc.1.tar.gz",
        &["node@22.0.0-rc.1"],
    );
    check_program("usr/local/go/bin/go", b"x\0go1.22rc1\0", &["go@1.22rc1"]);
    check_program("usr/local/go/bin/go", b"cargo1.2.3\0", &[]);
    check_program("usr/bin/perl", b"/usr/local/lib/perl5/site_perl/5.38.0/x86_64-linux-gnu", &["perl@5.38.0"]);
    check_program("usr/bin/perl", b"/usr/local/share/perl/5.36.0\0", &["perl@5.36.0"]);
    check_program("usr/local/bin/php", b"X-Powered-By: PHP/8.3.0RC1\0", &["php-cli@8.3.0RC1"]);
    check_program("usr/local/sbin/php-fpm", b"X-Powered-By: PHP/8.2.36\0", &["php-fpm@8.2.36"]);
    check_program("usr/lib/apache2/modules/libphp8.2.so", b"X-Powered-By: PHP/8.2.36\0", &["libphp@8.2.36"]);
    check_program(
        "usr/lib/libruby-3.1.so.3.1.2",
        b"ruby 3.1.2p20 (2022-04-12 revision 4491bb740a) [x86_64-linux-gnu]",
        &["ruby@3.1.2p20"],
    );
    check_program(
        "usr/lib/libruby.so.3.4",
        b"ruby 3.4.0dev (2024-09-15T01:06:11Z master 532af89e3b)",
        &["ruby@3.4.0dev"],
    );
    check_program(
        "lib/libstd-0a1b.so",
        b"clang LLVM (rustc version 1.85.0-nightly (abcdef012 2025-01-02))",
        &["rust@1.85.0-nightly"],
    );
    check_program("erts/bin/beam.smp", b"\x0027.1.2\x00\x00Erlang/OTP 27%s [erts-15.1]", &["erlang@27.1.2"]);
    check_program("bin/bun", b"Bun v1.2.3-canary.5 (x)", &["bun@1.2.3-canary.5"]);
    check_program("bin/ghc-9.4.7", b"libHSghc-9.4.7-ghc9.4.7.so\0", &["haskell/ghc@9.4.7"]);
    check_program("bin/ghc-9.4.7", b"libHSghc-9.2.1-ghc9.2.1.so\0", &[]);
}

#[test]
fn java() {
    let seventeen = b"openjdk\x00java\x000.0\x0017.0.21.1+2-1-deb12u1-Debian\x00-J-ms8m";
    check_program("jdk/bin/java", seventeen, &["openjdk@17.0.21.1+2-1-deb12u1-Debian"]);
    check_program("jdk/bin/java", b"openjdk\x00java\x000.0\x0021+35-2513\x00-J-ms8m", &["openjdk@21+35-2513"]);
    check_program("jre/bin/java", b"java\x00java\x001.8\x001.8.0_411-b09\x00", &["jre@1.8.0_411-b09"]);
    check_program(
        "jre/bin/java",
        b"java\x001.8\x001.8.0-foreman_2022_09_22_15_30-b00\x00",
        &["java@1.8.0-foreman_2022_09_22_15_30-b00"],
    );
    check_program(
        "jdk/bin/javac",
        b"openjdk\x00javac\x000.0\x0017.0.11+9-LTS\x00zulu17.50\x00",
        &["zulu@17.0.11+9-LTS"],
    );
}

#[test]
fn compilers_say_their_own_version_under_their_own_name() {
    check_program("usr/local/bin/gcc", b"GCC: (GNU) 12.3.0\0", &["gcc@12.3.0"]);
    check_program("usr/bin/gcc-12", b"GCC: (Debian 12.2.0-14) 12.2.0\0", &["gcc@12.2.0"]);
    check_program("testdata/gcc-386-freebsd-exec", b"GCC: (GNU) 3.4.6\0", &[]);
    check_program("testdata/gcc-amd64-linux-exec", b"GCC: (GNU) 4.2.4\0", &[]);
}

#[test]
fn servers_and_databases() {
    check_program("usr/sbin/nginx", b"nginx version: openresty/1.25.3.1\n", &["nginx@1.25.3"]);
    check_program("usr/sbin/nginx", b"/etc/nginx/\x00nginx/1.22.1\0", &["nginx@1.22.1"]);
    check_program(
        "usr/sbin/haproxy",
        b"2023/02/14\0\x002.7.3-1065b10\x00\x00\x00HAProxy version follows\0",
        &["haproxy@2.7.3"],
    );
    check_program("usr/bin/redis-server", b"\x007.2.400aabbccddee-1705000000000000000\0", &["redis@7.2.4"]);
    check_program("usr/bin/redis-server", b"x\x006.2.6buildkitsandbox-1637000000000000000\0", &["redis@6.2.6"]);
    check_program(
        "usr/bin/redis-check-rdb",
        b"\x007.0.3\x00Added\x007.0.15\x00c11-builtin\x00jemalloc-5.3.0\0",
        &["redis@7.0.15"],
    );
    check_program("usr/bin/valkey-server", b"\x008.0.1buildkitsandbox-1730000000000000000\0", &["valkey@8.0.1"]);
    check_program("usr/bin/postgres", b"PostgreSQL 17rc1 (Debian 17~rc1-1)", &["postgresql@17rc1"]);
    check_program(
        "usr/sbin/mysqld",
        b"/build/percona-server-8.0.36-28/sql/a.cc\x00/mysql-8.0.36/b.cc",
        &["percona-server@8.0.36"],
    );
    check_program("usr/sbin/mysqld", b"10.6.15-MariaDB\0", &["mariadb@10.6.15"]);
    check_program("usr/sbin/mysqld", b"/export/home/pb2/build/mysql-5.6.51/sql/a.cc", &["mysql@5.6.51"]);
    check_program("usr/bin/mongod", b"\x001.2.11\x00outputConfig\x006.0.27\x00tcmalloc\x00mozjs", &["mongodb@6.0.27"]);
    check_program(
        "usr/local/bin/envoy",
        b"\x001.2.13\x00envoy.filters\x00abc\x001.33.1\x00envoy_quic\0",
        &["envoy@1.33.1"],
    );
}

#[test]
fn a_file_is_told_once_and_only_what_it_is() {
    // the names of applets lead to BusyBox, which is no gzip
    let busybox = b"BusyBox v1.36.1 (2023-12-04 19:44:32 UTC)\x001.12\x00gzip";
    check_program("bin/gzip", busybox, &[]);
    check_program("bin/busybox", busybox, &["busybox@1.36.1"]);
    check_program("bin/gzip", b"file size changed while zipping\n\x001.12\x00\x00\x00", &["gzip@1.12"]);
    check_program(
        "usr/bin/openssl",
        b"OpenSSL 1.1.1 (compatible; AWS-LC 1.69.0)\0OpenSSL 1.1.1k  25 Mar 2021\0",
        &["aws-lc@1.69.0"],
    );
    check_program("usr/lib/libcrypto.so.1.1", b"OpenSSL 1.0.2k-fips  26 Jan 2017", &["openssl@1.0.2k"]);
    check_program("usr/bin/cat", b"OpenSSL 3.0.22 25 Aug 2026", &[]);
    check_program("usr/bin/traefik", b"\x00go1.22.4\x00\x13\x1c3.0.4\x00\x00", &["traefik@3.0.4"]);
    check_program("usr/bin/pilot-agent", b"\x001.3.7\x00\x00\x001.3.8\x00\x00\x00\x01", &["pilot-agent@1.3.8"]);
    check_program("usr/bin/helm", b"\x001.2.3\x00v3.14.0-rc.1\x00\x00", &["helm@3.14.0-rc.1"]);
}

#[test]
fn launchers_belong_to_their_library() {
    let owned = |path, product, version| super::launchers(path, product, version).join(" ");
    let python = "usr/local/bin/python usr/local/bin/python3 usr/local/bin/python3.9";
    assert_eq!(owned("usr/local/lib/libpython3.9.so.1.0", "python", "3.9.1"), python);
    assert_eq!(owned("usr/lib/x86_64-linux-gnu/libruby-3.1.so", "ruby", "3.1.2"), "usr/bin/ruby usr/bin/ruby3.1");
    assert_eq!(owned("usr/bin/python3.9", "python", "3.9.1"), "");
    assert_eq!(owned("usr/lib/libssl.so.3", "openssl", "3.0.1"), "");
}

#[test]
fn files_beside_a_program() {
    check(&side::LEAF, "usr/local/go/VERSION", include_str!("testdata/VERSION"), &["go@1.21.3"]);
    check(&side::LEAF, "srv/app/VERSION", "1.2.3\n", &[]);
    check(
        &side::LEAF,
        "opt/firefox/application.ini",
        "[App]\nVendor=Mozilla\nName=Firefox\nVersion=128.5.0esr\n",
        &["firefox@128.5.0esr"],
    );
    check(
        &side::LEAF,
        "opt/thunderbird/application.ini",
        "[App]\nVendor=Mozilla\nName=Thunderbird\nVersion=1.2\n",
        &[],
    );
    check(&side::LEAF, "usr/bin/elixir", "#!/bin/sh\nset -e\nELIXIR_VERSION=1.18.0-dev\n", &["elixir@1.18.0-dev"]);
    check(
        &side::LEAF,
        "lib/elixir/ebin/elixir.app",
        "{application,elixir,\n [{vsn,\"1.12.0-rc.1\"}]}.",
        &["elixir@1.12.0-rc.1"],
    );
    check(&side::LEAF, "lib/erl/liberts_internal.a", "!<arch>\n\0/usr/src/otp_src_26.2.4/erts\0", &["erlang@26.2.4"]);
    check(&side::LEAF, "usr/bin/wp", phar(b"2.9.0\n"), &["wp-cli@2.9.0"]);
    check(&side::LEAF, "usr/bin/wp", "#!/bin/sh\necho\n", &[]);
}

/// A PHP archive of two files.
fn phar(version: &[u8]) -> Vec<u8> {
    let mut table = vec![];
    for (name, size) in [("phar://a.php", 3), ("vendor/wp-cli/wp-cli/VERSION", version.len() as u32)] {
        table.extend((name.len() as u32).to_le_bytes());
        table.extend(name.as_bytes());
        [size, 0, size, 0, 0o644, 0].iter().for_each(|word: &u32| table.extend(word.to_le_bytes()));
    }
    let mut head = vec![];
    head.extend(2u32.to_le_bytes());
    head.extend([0x11, 0, 0, 0, 1, 0]);
    head.extend(1u32.to_le_bytes());
    head.extend(b"a");
    head.extend(0u32.to_le_bytes());
    head.extend(table);
    let length = (head.len() as u32).to_le_bytes();
    [&b"#!/usr/bin/env php\n<?php __HALT_COMPILER(); ?>\r\n"[..], &length, &head, b"abc", version].concat()
}

proptest! {
    #[test]
    fn blocks_do_not_matter(bytes: Vec<u8>, at in 0..3000usize, block in 1..700usize) {
        let mut file = vec![0u8; 3000];
        let said = b"\x001.33.1\x00envoy_quic\0";
        file.splice(at..at, said.iter().copied().chain(bytes));
        let mut scan = Scan::new("envoy").unwrap();
        file.chunks(block).for_each(|block| scan.push(block));
        let whole = Scan::new("envoy").unwrap().whole(&file);
        prop_assert_eq!(scan.finish(), whole);
    }

    #[test]
    fn damaged_files_never_panic(which in 0..3usize, place: usize, byte: u8, cut in 0..40usize, keep: usize) {
        let (path, file) = match which {
            0 => ("usr/local/go/VERSION", b"go1.21.3\ntime 2023-10-09T17:04:35Z\n".to_vec()),
            1 => ("usr/bin/wp", phar(b"2.9.0")),
            _ => ("x/application.ini", b"[App]\nVendor=Mozilla\nName=Firefox\nVersion=128.5.0esr\n".to_vec()),
        };
        prop_assert!(read(&side::LEAF, path, &mutate(&file, place, byte, cut, keep)).packages.len() <= 1);
    }
}
