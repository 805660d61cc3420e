//! Languages: interpreters, compilers and their run-time libraries.

use super::super::glob;
use super::{Product, Program, anywhere, as_named, at, string};

const ERLANG: Product = Product::new("erlang", &["erlang:erlang\\/otp"]);
const PYTHON: Product = Product::new("python", &["python:python", "python_software_foundation:python"]);

const PYTHONS: &[&str] = &["python", "python2*", "python3*", "libpython*.so*", "libpython*.dylib", "python*.dll"];
const PHP: &[&str] = &["php:php"];

pub(super) static ROWS: &[Program] = &[
    Program::new(
        Product::new("pypy", &["pypy:pypy"]),
        &["pypy*", "libpypy*"],
        // `sys.version`: `3.9.18 (...)\n[PyPy 7.3.15 with GCC 10.2.1]`
        &[at("[PyPy ", 0, 32, r"\[PyPy (\d{1,2}\.\d{1,2}\.\d{1,2}(?:-?(?:alpha|beta|a|b|rc)\d*)?)")],
    ),
    // The version stands beside the format of `Py_GetVersion`, or beside what getpath looks for.
    Program::new(
        PYTHON,
        PYTHONS,
        &[
            at(
                "%.80s (%.80s) %.80s",
                96,
                96,
                r"\x00([23]\.\d{1,2}\.\d{1,2}(?:(?:a|b|c|rc)\d{1,2})?\+?)\x00",
            ),
            at(
                "<prefix>/lib/python",
                96,
                96,
                r"\x00([23]\.\d{1,2}\.\d{1,2}(?:(?:a|b|c|rc)\d{1,2})?\+?)\x00",
            ),
            string(
                128,
                128,
                r"(?:[Pp]ython|PYTHON|pymalloc).{0,128}?\x00([23]\.\d{1,2}\.\d{1,2}(?:(?:a|b|c|rc)\d{1,2})?\+?)\x00",
            ),
            string(
                128,
                128,
                r"\x00([23]\.\d{1,2}\.\d{1,2}(?:(?:a|b|c|rc)\d{1,2})?\+?)\x00.{0,128}?(?:[Pp]ython|PYTHON|pymalloc)",
            ),
        ],
    )
    .if_agrees(python),
    // Where the linker put it elsewhere the file's name decides among the versions that are there (SQLite's, zlib's).
    Program::new(
        PYTHON,
        PYTHONS,
        &[string(2, 48, r"\x00([23]\.\d{1,2}\.\d{1,2}(?:(?:a|b|c|rc)\d{1,2})?\+?)\x00")],
    )
    .if_agrees(|name, version| glob::version_in(name, "python").len() > 1 && python(name, version)),
    Program::new(
        Product::new("node", &["nodejs:node.js"]),
        &["node", "nodejs", "node.exe", "libnode.so*"],
        &[
            at("node.js/v", 0, 48, r"node\.js/v(\d{1,3}\.\d{1,3}\.\d{1,3}(?:-[0-9A-Za-z.]+)?)\x00"),
            at("/node-v", 0, 64, r"/node-v(\d{1,3}\.\d{1,3}\.\d{1,3}(?:-[0-9A-Za-z.]+)?)(?:-headers)?\.tar\.gz"),
            // before 6.0 only `process.version`
            string(8, 48, r"\x00v((?:0\.\d{1,2}|[1-9]|1\d|2\d)\.\d{1,3}\.\d{1,3}(?:-[0-9A-Za-z.]+)?)\x00"),
            string(8, 48, r"\x00v(0\.\d{1,2}\.\d{1,3})\x00"),
        ],
    ),
    Program::new(
        Product::new("go", &["golang:go"]),
        &["go", "go.exe"],
        &[at(
            "go1.",
            1,
            32,
            r"[^0-9A-Za-z]go(1\.\d{1,3}(?:\.\d{1,3})?(?:(?:rc|beta|alpha)\d{1,2})?)(?: X:[a-z,]+)?\x00",
        )],
    ),
    Program::new(
        Product::new("perl", &["perl:perl"]),
        &["perl", "perl5*", "libperl.so*"],
        &[
            at("/perl5/5.", 0, 32, r"/perl5/(5\.\d{1,2}\.\d{1,2})(?:[^0-9.]|$)"),
            at("/perl/5.", 0, 32, r"/perl/(5\.\d{1,2}\.\d{1,2})(?:[^0-9.]|$)"),
            at("/perl5/", 0, 64, r"/perl5/(?:site|vendor|core)_perl/(5\.\d{1,2}\.\d{1,2})(?:[^0-9.]|$)"),
        ],
    )
    .if_agrees(|name, version| !name.starts_with("perl5") || as_named("perl", name, version)),
    // Each way to run PHP is a package of its own.
    Program::new(
        Product::new("php-fpm", PHP),
        &["php-fpm*"],
        &[at("PHP/", 0, 32, r"PHP/(\d{1,2}\.\d{1,2}\.\d{1,3}(?:(?:alpha|beta|RC)\d{1,2}|-dev)?)")],
    ),
    Program::new(
        Product::new("libphp", PHP),
        &["libphp*.so"],
        &[at("PHP/", 0, 32, r"PHP/(\d{1,2}\.\d{1,2}\.\d{1,3}(?:(?:alpha|beta|RC)\d{1,2}|-dev)?)")],
    ),
    Program::new(
        Product::new("php-cli", PHP),
        &["php", "php4*", "php5*", "php7*", "php8*", "php9*", "php-cgi*", "php-cli*"],
        &[at("PHP/", 0, 32, r"PHP/(\d{1,2}\.\d{1,2}\.\d{1,3}(?:(?:alpha|beta|RC)\d{1,2}|-dev)?)")],
    ),
    Program::new(
        Product::new("ruby", &["ruby-lang:ruby"]),
        &["ruby", "ruby1*", "ruby2*", "ruby3*", "ruby4*", "ruby-*", "libruby*"],
        &[at(
            "ruby ",
            0,
            64,
            r"ruby (\d\.\d{1,2}\.\d{1,2}(?:p\d{1,4}|dev|preview\d+|rc\d+)?) \(\d{4}-\d{2}-\d{2}",
        )],
    ),
    Program::new(
        Product::new("rust", &["rust-lang:rust"]),
        &["libstd-*", "librustc_driver-*", "rustc", "rustdoc", "libtest-*"],
        &[
            at("rustc version ", 0, 64, r"rustc version (\d\.\d{1,3}\.\d{1,2}(?:-(?:nightly|beta[.0-9]*))?) \("),
            // metadata of crates: the version of the compiler with its commit and date
            anywhere(
                2,
                64,
                r"[^0-9.](1\.\d{1,3}\.\d{1,2}(?:-(?:nightly|beta[.0-9]*))?) \([0-9a-f]{9,10} \d{4}-\d{2}-\d{2}\)",
            ),
        ],
    ),
    Program::new(
        ERLANG,
        &["beam", "beam.*", "erlexec", "erl_child_setup", "liberts*", "erl", "epmd", "dialyzer", "typer", "ct_run"],
        &[
            at("Erlang/OTP ", 64, 0, r"\x00(\d{2}(?:\.\d{1,3}){1,5}(?:-rc\d+)?)\x00+Erlang/OTP $"),
            at("Erlang/OTP ", 0, 320, r"^Erlang/OTP [^\x00]{0,256}\x00+(\d{2}(?:\.\d{1,3}){1,5}(?:-rc\d+)?)\x00"),
            // paths of the sources, where the compiler kept them
            at("otp_src_", 0, 48, r"otp_src_(R?\d{2}(?:[.A-Z]\d{1,3}){0,5}(?:-rc\d+)?)[/\x00]"),
            at("/otp-OTP-", 0, 48, r"/otp-OTP-(\d{2}(?:\.\d{1,3}){0,5}(?:-rc\d+)?)[/\x00]"),
            at("/otp-", 0, 48, r"/otp-(\d{2}(?:\.\d{1,3}){1,5}(?:-rc\d+)?)[/\x00]"),
        ],
    ),
    Program::new(
        Product::new("dart", &["dart:dart_software_development_kit"]),
        &["dart", "dartaotruntime", "dartvm", "dart.exe", "gen_snapshot"],
        &[
            at(" (stable) (", 48, 0, r"[\x00 ](\d\.\d{1,3}\.\d{1,3}) \(stable\) \($"),
            at(" (beta) (", 48, 0, r"[\x00 ](\d\.\d{1,3}\.\d{1,3}-[0-9a-z.]+) \(beta\) \($"),
            at(" (dev) (", 48, 0, r"[\x00 ](\d\.\d{1,3}\.\d{1,3}-[0-9a-z.]+) \(dev\) \($"),
            at(" (main) (", 48, 0, r"[\x00 ](\d\.\d{1,3}\.\d{1,3}-[0-9a-z.]+) \(main\) \($"),
        ],
    ),
    Program::new(
        Product::new("deno", &["deno:deno"]),
        &["deno", "deno.exe", "denort"],
        &[
            at("Deno/", 0, 40, r"Deno/(\d\.\d{1,3}\.\d{1,3}(?:-(?:rc|alpha|beta)\.\d+)?)"),
            // The names of release and canary follow the version of the commit.
            at("deno-", 0, 80, r"deno-(?:canary/)?[0-9a-f]{40}(\d\.\d{1,2}\.\d{1,2}?)(?:[^0-9.]|$)"),
            at("deno-canary/", 0, 80, r"deno-canary/[0-9a-f]{40}(\d\.\d{1,2}\.\d)"),
            at("denover", 0, 32, r"denover(\d\.\d{1,3}\.\d{1,2})(?:[^0-9.]|$)"),
        ],
    ),
    Program::new(
        Product::new("bun", &["bun:bun"]),
        &["bun", "bunx", "bun.exe", "bun-profile"],
        &[
            at("Bun v", 0, 40, r"Bun v(\d\.\d{1,3}\.\d{1,3}(?:-canary[.0-9]*)?)"),
            at("Bun/", 0, 40, r"Bun/(\d\.\d{1,3}\.\d{1,3})"),
            at("bun-v", 0, 40, r"bun-v(\d\.\d{1,3}\.\d{1,3})"),
        ],
    ),
    Program::new(
        Product::new("julia", &["julialang:julia"]),
        &["libjulia-internal.so*", "libjulia-internal.*dylib", "libjulia.so*", "julia"],
        &[
            string(
                160,
                160,
                r"(?:GIT_VERSION_INFO|verify_methods|_require_dependencies).{0,120}?\x00([01]\.\d{1,2}\.\d{1,2}(?:-(?:alpha|beta|rc|pre)\.?\d*|-DEV[.0-9]*)?)\x00(?:[A-Za-z]|_)",
            ),
            string(2, 48, r"\x00([01]\.\d{1,2}\.\d{1,2}(?:-(?:alpha|beta|rc|pre)\.?\d*|-DEV[.0-9]*)?)\x00(?:branch|BigInt)\x00"),
            string(2, 48, r"\x00([01]\.\d{1,2}\.\d{1,2}(?:-(?:alpha|beta|rc|pre)\.?\d*|-DEV[.0-9]*)?)\x00"),
        ],
    )
    .if_agrees(|name, version| {
        // `libjulia.so.1` says less than `libjulia-internal.so.1.11.9`; a name without a version says nothing
        name.contains(".so.") && as_named(".so", name, version) || !name.contains(".so.")
    }),
    Program::new(
        Product::of_purl("haskell/ghc", "generic/haskell/ghc", &["haskell:ghc"]),
        &["ghc", "ghc-*", "ghci*", "runghc*", "haddock*"],
        &[
            at("libHSghc-", 0, 64, r"libHSghc-(\d{1,2}\.\d{1,2}\.\d{1,2}(?:\.\d+)?)-"),
            at("GHC ", 0, 24, r"GHC (\d{1,2}\.\d{1,2}\.\d{1,2}(?:\.\d+)?)\x00"),
            at("-ghc", 0, 24, r"-ghc(\d{1,2}\.\d{1,2}\.\d{1,2}(?:\.\d+)?)\.so"),
        ],
    )
    .if_agrees(|name, version| as_named("ghc-", name, version)),
    Program::new(
        Product::of_purl("haskell/cabal", "generic/haskell/cabal", &["haskell:cabal"]),
        &["cabal", "cabal-*"],
        &[at("cabal-install-", 0, 48, r"cabal-install-(\d{1,2}(?:\.\d{1,3}){1,4})[^0-9.]")],
    ),
    Program::new(
        Product::of_purl("haskell/stack", "generic/haskell/stack", &["haskell:stack"]),
        &["stack"],
        &[
            at("stack-", 0, 64, r"stack-(\d{1,2}\.\d{1,2}(?:\.\d{1,3}){1,2})-[0-9A-Za-z]{8,}"),
            at("Version ", 0, 48, r"Version (\d{1,2}\.\d{1,2}(?:\.\d{1,3}){1,2}), Git revision"),
        ],
    ),
    Program::new(
        Product::new("swipl", &["swi-prolog:swi-prolog"]),
        &["swipl", "libswipl.so*", "swipl-ld"],
        &[
            at("swipl-", 0, 40, r"swipl-(\d{1,2}\.\d{1,2}\.\d{1,3})[/\x00]"),
            at("SWI-Prolog version ", 0, 40, r"SWI-Prolog version (\d{1,2}\.\d{1,2}\.\d{1,3})"),
        ],
    ),
    Program::new(
        Product::new("gcc", &["gnu:gcc"]),
        &["gcc", "g++", "gcc-1*", "gcc-2*", "gcc-4*", "gcc-5*", "gcc-6*", "gcc-7*", "gcc-8*", "gcc-9*", "g++-1*", "x86_64-linux-gnu-gcc-1*", "x86_64-*-gcc", "aarch64-*-gcc"],
        &[at("GCC: (", 0, 96, r"GCC: \([^)]{1,64}\) (\d{1,2}\.\d{1,2}\.\d{1,2})")],
    )
    .if_agrees(|name, version| as_named("gcc", name, version) || as_named("g++", name, version) && name.starts_with("g++")),
    Program::new(
        Product::new("lua", &["lua:lua"]),
        &["lua", "lua5*", "luac", "luac5*", "liblua*.so*"],
        &[at("Lua ", 0, 24, r"Lua (5\.\d\.\d{1,2})")],
    ),
];

/// `python3.6` and `libpython3.6m.so.1.0` hold 3.6.*, `python310.dll` 3.10.*.
fn python(name: &str, version: &str) -> bool {
    let named = glob::version_in(name, "python");
    let named = match named.as_bytes() {
        [major @ (b'2' | b'3'), minor @ ..] if !minor.is_empty() && !named.contains('.') => {
            format!("{}.{}", char::from(*major), String::from_utf8_lossy(minor))
        }
        _ => named,
    };
    glob::begins(version, &named)
}
