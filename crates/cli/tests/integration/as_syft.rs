//! `signet syft`: Syft's flags, configuration, outputs and exit codes.

use signet_image::Compression;
use signet_image::build::{ImageBuilder, LayerBuilder};

use crate::harness::{OS_RELEASE, Room, stanza};

/// A room with the directory `shop` and the image `shop.tar`, whose lock file promises a package that is not installed.
fn room() -> Room {
    let room = Room::with_shop();
    room.file("shop/app/package-lock.json", LOCK);
    let layer = LayerBuilder::new()
        .file("etc/os-release", OS_RELEASE.as_bytes())
        .file("var/lib/dpkg/status", stanza("sample-tls", "3.0.9-1").as_bytes())
        .file("app/node_modules/sample-templates/package.json", br#"{"name":"sample-templates","version":"2.4.0"}"#)
        .file("app/package-lock.json", LOCK.as_bytes());
    let image = ImageBuilder::new().layer(layer.finish(), Compression::Gzip, "test").build();
    std::fs::write(room.path("shop.tar"), image.docker_archive(&["example.org/shop:1"])).unwrap();
    room
}

const LOCK: &str = r#"{"name":"shop","version":"1.0.0","lockfileVersion":3,"packages":{"":{"name":"shop","version":"1.0.0"},
    "node_modules/sample-promised":{"version":"9.9.9"}}}"#;

#[test]
fn the_table_is_syfts() {
    let room = room();
    let table =
        "NAME              VERSION  TYPE  \nsample-templates  2.4.0    npm   \nsample-tls        3.0.9-1  deb   \n";
    for line in ["syft shop.tar", "syft scan docker-archive:shop.tar", "syft -q packages ./shop.tar -o table"] {
        let run = room.check(line, 0, &[]);
        assert_eq!(run.out, table, "{line}");
    }
    // Of a directory, what is promised counts too.
    room.check("syft dir:shop", 0, &["sample-promised", "sample-colours"]);
    room.file("empty/nothing.txt", "");
    room.check("syft empty", 0, &["No packages discovered"]);
    room.check("syft shop.tar -o text", 0, &["[Image]", "[sample-tls]\n Version:\t3.0.9-1\n Type:\t\tdeb"]);
}

#[test]
fn outputs_go_where_they_are_sent() {
    let room = room();
    let run =
        room.check("syft shop.tar -o json=out/s.json -o spdx-json=s.spdx,cyclonedx-json@1.6=c.json -o purls", 0, &[]);
    assert_eq!(run.out.lines().count(), 2, "{run}");
    assert_eq!(room.json("out/s.json")["source"]["type"], "image");
    assert_eq!(room.json("s.spdx")["spdxVersion"], "SPDX-2.3");
    assert_eq!(room.json("c.json")["specVersion"], "1.6");
    room.check("syft shop.tar --file table.txt", 0, &[]);
    assert!(room.read("table.txt").starts_with("NAME"));
    let named = "syft dir:shop -o json=n.json -o spdx-json=n.spdx -o cyclonedx-json=n.cdx --source-name app --source-version 7 --source-supplier Acme";
    room.check(named, 0, &[]);
    let source = &room.json("n.json")["source"];
    assert_eq!(
        (&source["name"], &source["version"], &source["supplier"]),
        (&"app".into(), &"7".into(), &"Acme".into())
    );
    let component = &room.json("n.cdx")["metadata"]["component"];
    assert_eq!((&component["name"], &component["version"]), (&"app".into(), &"7".into()));
    assert!(room.read("n.spdx").contains("Organization: Acme"));
    room.check("syft convert n.spdx -o cyclonedx-json=again.json", 0, &[]);
    assert!(room.read("again.json").contains("sample-tls"));
}

#[test]
fn packages_are_selected_and_excluded() {
    let room = room();
    let out = |line: &str| room.check(line, 0, &[]).out;
    assert!(!out("syft shop.tar --select-catalogers=-npm -o purls").contains("npm"));
    assert!(out("syft shop.tar --select-catalogers +javascript-lock-cataloger").contains("sample-promised"));
    assert!(!out("syft shop.tar --override-default-catalogers dpkg-db-cataloger").contains("npm"));
    assert!(!out("syft shop.tar --exclude /app/**").contains("npm"));
    assert!(!out("syft dir:shop --exclude './app/node_modules/**'").contains("sample-templates"));
    assert!(out("syft dir:shop/app --base-path . -o json").contains("\"/shop/app/node_modules"));
    room.check("syft dir:shop --exclude app/**", 1, &["must start with one of"]);
    room.check("syft shop.tar --select-catalogers nonsense", 1, &["no cataloger or tag `nonsense`"]);
    room.check("syft cataloger list", 0, &["dpkg-db-cataloger", "javascript"]);
    room.check("syft cataloger list -o json", 0, &["\"apk-db-cataloger\""]);
}

#[test]
fn flags_win_over_variables_over_the_file() {
    let room = room();
    room.file(".syft.yaml", "output: [purls]\nexclude: ['/app/**']\nnonsense: {deep: 1}\n");
    let run = room.check("syft shop.tar", 0, &["settings that do nothing in this version: nonsense.deep"]);
    assert_eq!(run.out.trim(), "pkg:deb/debian/sample-tls@3.0.9-1?arch=amd64&distro=debian-12");
    assert!(room.check("syft shop.tar -o table", 0, &[]).out.starts_with("NAME"));
    let output = room.command("syft shop.tar").env("SYFT_OUTPUT", "text").output().unwrap();
    assert!(String::from_utf8(output.stdout).unwrap().starts_with("[Image]"));
    room.file("other.yaml", "output: table\n");
    assert!(room.check("syft -c other.yaml shop.tar", 0, &[]).out.contains("sample-templates"));
    room.check("syft -c absent.yaml shop.tar", 1, &["cannot read the configuration `absent.yaml`"]);
    room.file("other.yaml", "output: {a: 1}\n");
    room.check("syft --config=other.yaml shop.tar", 1, &["`output` is a mapping"]);
}

#[test]
fn packages_of_hidden_layers_are_found_where_they_are_wanted() {
    let room = Room::with_shop();
    let module = |name: &str, version: &str| format!(r#"{{"name":"{name}","version":"{version}"}}"#);
    let debug = "app/node_modules/sample-debug/package.json";
    let base = LayerBuilder::new()
        .file("etc/os-release", OS_RELEASE.as_bytes())
        .file("var/lib/dpkg/status", stanza("sample-tls", "3.0.9-1").as_bytes());
    let second = [stanza("sample-tls", "3.0.9-1"), stanza("sample-zip", "1.2-1")].concat();
    // Its name is not a leaf's: it is read again, when the link is seen, and only the second layer shows that.
    let application = LayerBuilder::new()
        .file("var/lib/dpkg/status", second.as_bytes())
        .file(debug, module("sample-debug", "4.3.1").as_bytes())
        .file("opt/linked.txt", module("sample-linked", "1.1.1").as_bytes())
        .symlink("app/node_modules/sample-linked/package.json", "/opt/linked.txt")
        .file("app/node_modules/sample-templates/package.json", module("sample-templates", "2.4.0").as_bytes());
    let third = [stanza("sample-tls", "3.0.9-2"), stanza("sample-zip", "1.2-1")].concat();
    let cleaned = LayerBuilder::new()
        .whiteout("app/node_modules/sample-debug")
        .whiteout("app/node_modules/sample-linked")
        .file("var/lib/dpkg/status", third.as_bytes());
    let image = ImageBuilder::new()
        .layer(base.finish(), Compression::Gzip, "base")
        .layer(application.finish(), Compression::Gzip, "application")
        .layer(cleaned.finish(), Compression::Gzip, "cleaned")
        .build();
    std::fs::write(room.path("hidden.tar"), image.docker_archive(&["example.org/hidden:1"])).unwrap();
    // Packages, each with the number of its layers.
    let found = |flags: &str| -> Vec<String> {
        room.check(&format!("syft hidden.tar -q -o json=found.json {flags}"), 0, &[]);
        let found = room.json("found.json");
        let packages = found["artifacts"].as_array().unwrap().iter();
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let layers = |package: &serde_json::Value| -> std::collections::BTreeSet<String> {
            package["locations"].as_array().unwrap().iter().map(|place| text(&place["layerID"])).collect()
        };
        let mut lines: Vec<String> = packages
            .map(|package| {
                format!("{} {} {}", text(&package["name"]), text(&package["version"]), layers(package).len())
            })
            .collect();
        lines.sort();
        lines
    };
    let squashed = ["sample-templates 2.4.0 1", "sample-tls 3.0.9-2 1", "sample-zip 1.2-1 1"];
    assert_eq!(found(""), squashed);
    let all = [
        "sample-debug 4.3.1 1",
        "sample-linked 1.1.1 1",
        "sample-templates 2.4.0 1",
        "sample-tls 3.0.9-1 2",
        "sample-tls 3.0.9-2 1",
        "sample-zip 1.2-1 2",
    ];
    assert_eq!(found("--scope all-layers"), all);
    assert_eq!(found("-s AllLayers"), all);
    assert_eq!(
        found("--scope deep-squashed"),
        ["sample-templates 2.4.0 1", "sample-tls 3.0.9-2 1", "sample-zip 1.2-1 2"]
    );
    // None of them is remembered as what the image holds.
    assert_eq!(found("--scope squashed"), squashed);
    room.file(".syft.yaml", "scope: all-layers\n");
    assert_eq!(found(""), all);
    assert_eq!(found("--scope squashed"), squashed);
    let output = room.command("syft shop").env("SYFT_SCOPE", "all-layers").output().unwrap();
    assert!(String::from_utf8(output.stdout).unwrap().contains("sample-colours"));
}

#[test]
fn what_is_not_there_is_said() {
    let room = room();
    for (line, words) in [
        ("syft", "an image/directory argument is required"),
        ("syft shop.tar -o nonsense", "unsupported output format `nonsense`"),
        ("syft shop.tar -o template -t x.tmpl", "cannot read the template"),
        ("syft shop.tar -o template", "needs `-t FILE`"),
        ("syft shop.tar -o cyclonedx-json@0.1", "not written in version `0.1`"),
        ("syft attest shop.tar --key x", "`syft attest` is not in this version"),
        ("syft singularity:x.sif", "not in this version"),
        ("syft shop.tar --scope nothing", "bad scope value"),
        ("syft shop.tar --no-such-flag", "unexpected argument"),
        ("syft --from oci-dir shop.tar", "oci-dir: "),
        ("syft -o json scan shop.tar", "`output` stands before the command `scan`"),
        ("--offline syft absent:1", "could not determine source of `absent:1`"),
    ] {
        let run = room.check(line, 1, &[words]);
        assert!(run.out.is_empty(), "{run}");
    }
    room.file("names.tmpl", "{{range .artifacts}}{{.name}} {{.version}}\n{{end}}");
    room.check("syft shop.tar -q -o template -t names.tmpl", 0, &["sample-tls 3.0.9-1\n"]);
    room.check("syft version", 0, &["Application:     syft"]);
    room.check("syft version -o json", 0, &["\"implementation\": \"signet\""]);
    room.check("syft --help", 0, &["--select-catalogers"]);
}
