//! Databases.

use super::{Product, Program, at, string};

/// The text after a version of Redis and Valkey: the host that built it (in a container: 12 hexadecimal digits), the second, the state of git.
macro_rules! build_id {
    ($version:literal) => {
        concat!($version, r"(?:[0-9a-f]{12}|[A-Za-z][0-9A-Za-z._-]{0,63}?)-\d{10}\d?[0-9a-f]{8}",)
    };
}

const MYSQL: &[&str] = &[
    "mysql",
    "mysqld",
    "mysqld-debug",
    "mysqladmin",
    "mysqldump",
    "mysqlbinlog",
    "mysqlcheck",
    "mysqlimport",
    "mysqlshow",
    "mysqlslap",
    "mysqlpump",
    "libmysqlclient.so*",
];

pub(super) static ROWS: &[Program] = &[
    Program::new(
        Product::new("valkey", &["lfprojects:valkey", "linuxfoundation:valkey"]),
        &["valkey-server*", "valkey-sentinel", "valkey-check-*"],
        &[
            string(16, 96, build_id!(r"valkey(\d{1,2}\.\d{1,2}\.\d{1,3}?(?:-rc\d+)?)")),
            string(16, 96, build_id!(r"[^0-9.](\d{1,2}\.\d{1,2}\.\d{1,3}?(?:-rc\d+)?)")),
            string(2, 64, r"\x00(\d{1,2}\.\d{1,2}\.\d{1,3}(?:-rc\d+)?)\x00(?:c11-builtin|atomic-builtin|sync-builtin)\x00"),
        ],
    )
    .of_family("redis"),
    Program::new(
        Product::new("redis", &["redis:redis", "redislabs:redis"]),
        &["redis-server*", "redis-sentinel", "redis-check-*"],
        &[
            string(16, 96, build_id!(r"[^0-9.](\d{1,2}\.\d{1,2}\.\d{1,3}?(?:-rc\d+)?)")),
            string(2, 64, r"\x00(\d{1,2}\.\d{1,2}\.\d{1,3}(?:-rc\d+)?)\x00(?:c11-builtin|atomic-builtin|sync-builtin)\x00"),
            at("Redis ", 0, 40, r"Redis (?:version |server v=)?(\d{1,2}\.\d{1,2}\.\d{1,3})"),
            // before 4.0 no commands state the version that brought them
            string(2, 48, r"\x00([23]\.\d{1,2}\.\d{1,3})\x00"),
        ],
    )
    .of_family("redis"),
    Program::new(
        Product::new("memcached", &["memcached:memcached"]),
        &["memcached", "memcached-*"],
        &[at("memcached ", 0, 24, r"memcached (\d\.\d{1,2}\.\d{1,3}(?:[_-][0-9A-Za-z]+)?)")],
    ),
    Program::new(
        Product::new("postgresql", &["postgresql:postgresql"]),
        &["postgres", "postmaster"],
        &[at("PostgreSQL ", 0, 48, r"PostgreSQL (\d{1,2}(?:\.\d{1,3}){0,2}(?:(?:alpha|beta|rc)\d{1,2}|devel)?)(?: on | \()")],
    ),
    Program::new(
        Product::new("percona-xtrabackup", &["percona:xtrabackup"]),
        &["xtrabackup", "xbstream", "xbcloud", "xbcrypt", "innobackupex"],
        &[at("percona-xtrabackup-", 0, 48, r"percona-xtrabackup-(\d{1,2}\.\d{1,2}\.\d{1,3})")],
    ),
    Program::new(
        Product::new("percona-server", &["percona:percona_server", "oracle:mysql"]),
        MYSQL,
        &[at("ercona-", 2, 64, r"[Pp]ercona-(?:[Ss]erver|XtraDB-Cluster)-(\d{1,2}\.\d{1,2}\.\d{1,3})")],
    )
    .of_family("mysql"),
    Program::new(
        Product::new("mariadb", &["mariadb:mariadb"]),
        &["mariadb", "mariadbd", "mariadb-*", "mysql", "mysqld", "mysqladmin", "mysqldump", "libmariadb.so*"],
        &[
            at("-MariaDB", 24, 0, r"[^0-9.](\d{1,2}\.\d{1,2}\.\d{1,3})-MariaDB$"),
            at("mariadb-", 0, 64, r"mariadb-(?:[a-z]+-)?(?:\d{1,2}\.\d{1,2}-)?(\d{1,2}\.\d{1,2}\.\d{1,3})[^0-9.]"),
            string(2, 48, r"\x00(1[01]\.\d{1,2}\.\d{1,3})\x00"),
        ],
    )
    .of_family("mysql")
    .if_agrees(|name, version| !name.starts_with("libmariadb") || !version.starts_with("3.")),
    Program::new(
        Product::new("mysql", &["oracle:mysql"]),
        MYSQL,
        &[
            at("mysql-", 0, 64, r"mysql-(?:community-|commercial-|server-|cluster-[a-z]+-)?(\d{1,2}\.\d{1,2}\.\d{1,3}(?:-(?:rc|dmr|m\d+|labs)[0-9A-Za-z-]*)?)[/-]"),
            at("mysqlcom-", 0, 64, r"mysqlcom-(?:pro-)?(\d{1,2}\.\d{1,2}\.\d{1,3})[/-]"),
            at("MySQL Community", 160, 160, r"\x00(\d{1,2}\.\d{1,2}\.\d{1,3})\x00"),
            string(2, 48, r"\x00([5-9]\.\d{1,2}\.\d{1,3})(?:-debug|-log)?\x00"),
        ],
    )
    .of_family("mysql"),
    // A string of its own among those that `buildInfo` and the options bring.
    Program::new(
        Product::new("mongodb", &["mongodb:mongodb"]),
        &["mongod", "mongos", "mongo"],
        &[
            string(
                96,
                96,
                r"\x00([2-9]\.\d{1,2}\.\d{1,3}(?:-(?:rc|alpha)\d*)?)\x00(?:tcmalloc|mozjs|heap_size|cppdefines|EnableVersionInfo|distmod|gitVersion)",
            ),
            string(96, 96, r"(?:OptionSetup|ParameterDocuments|outputConfig|schedulers\.empty\(\)|gitVersion)\x00([2-9]\.\d{1,2}\.\d{1,3}(?:-(?:rc|alpha)\d*)?)\x00"),
            string(256, 256, r"(?:tcmalloc|mozjs|distmod|distarch|gitVersion|buildInfo).{0,256}?\x00([2-9]\.\d{1,2}\.\d{1,3}(?:-(?:rc|alpha)\d*)?)\x00"),
            string(256, 256, r"\x00([2-9]\.\d{1,2}\.\d{1,3}(?:-(?:rc|alpha)\d*)?)\x00.{0,256}?(?:tcmalloc|mozjs|distmod|distarch|gitVersion|buildInfo)"),
            string(2, 48, r"\x00([2-9]\.\d{1,2}\.\d{1,3}(?:-(?:rc|alpha)\d*)?)\x00"),
        ],
    ),
    Program::new(
        Product::new("arangodb", &["arangodb:arangodb"]),
        &["arango*"],
        &[
            at(" [linux]", 48, 0, r"[\x00 ](\d\.\d{1,2}\.\d{1,3}(?:-[0-9A-Za-z.]+)?) \[linux\]$"),
            at(" [darwin]", 48, 0, r"[\x00 ](\d\.\d{1,2}\.\d{1,3}(?:-[0-9A-Za-z.]+)?) \[darwin\]$"),
            at("ArangoDB ", 0, 32, r"ArangoDB (\d\.\d{1,2}\.\d{1,3}(?:-[0-9A-Za-z.]+)?)"),
        ],
    ),
    Program::new(
        Product::new("sqlcipher", &["zetetic:sqlcipher"]),
        &["sqlcipher", "libsqlcipher*"],
        &[
            at("community\0", 0, 32, r"^community\x00+(\d\.\d{1,2}\.\d{1,2})\x00"),
            at("commercial\0", 0, 32, r"^commercial\x00+(\d\.\d{1,2}\.\d{1,2})\x00"),
            at("enterprise\0", 0, 32, r"^enterprise\x00+(\d\.\d{1,2}\.\d{1,2})\x00"),
            at(" community", 24, 0, r"[\x00 ](\d\.\d{1,2}\.\d{1,2}) community$"),
            string(64, 64, r"\x00(\d\.\d{1,2}\.\d{1,2})\x00.{0,64}sqlcipher_"),
        ],
    ),
];
