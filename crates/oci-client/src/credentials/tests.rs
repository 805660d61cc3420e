use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use super::*;

const WAIT: Duration = Duration::from_secs(5);

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn find(config: &CredentialConfig, registry: &str, repository: &str) -> Result<Credential, Error> {
    runtime().block_on(config.find(registry, repository, WAIT))
}

fn password(username: &str, password: &str) -> Credential {
    Credential::Password { username: username.to_owned(), password: Secret::new(password) }
}

#[track_caller]
fn check(file: &str, registry: &str, repository: &str, expected: Credential) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json");
    std::fs::write(&path, file).unwrap();
    let config = CredentialConfig { files: vec![path], ..Default::default() };
    assert_eq!(find(&config, registry, repository).unwrap(), expected, "{file} {registry}/{repository}");
}

#[test]
fn entries_of_every_form_are_read() {
    // base64 of u:p, u:a:b, <token>:t
    check(r#"{"auths":{"r.example":{"auth":"dTpw"}}}"#, "r.example", "a", password("u", "p"));
    check(r#"{"auths":{"https://r.example/v2/":{"auth":"dTphOmI="}}}"#, "r.example", "a", password("u", "a:b"));
    check(
        r#"{"auths":{"r.example":{"auth":"PHRva2VuPjp0"}}}"#,
        "r.example",
        "a",
        Credential::IdentityToken(Secret::new("t")),
    );
    check(
        r#"{"auths":{"https://index.docker.io/v1/":{"auth":"dTpw"}}}"#,
        "docker.io",
        "library/nginx",
        password("u", "p"),
    );
    check(r#"{"auths":{"docker.io":{"auth":"dTpw"}}}"#, "docker.io", "library/nginx", password("u", "p"));
    check(r#"{"auths":{"r.example":{"username":"u","password":"p"}}}"#, "r.example", "a", password("u", "p"));
    check(
        r#"{"auths":{"r.example":{"auth":"dTpw","identitytoken":"i"}}}"#,
        "r.example",
        "a",
        Credential::IdentityToken(Secret::new("i")),
    );
    check(
        r#"{"auths":{"r.example":{"registrytoken":"t"}}}"#,
        "r.example",
        "a",
        Credential::RegistryToken(Secret::new("t")),
    );
    // kubewarden had to fork a library for this one: an entry without `auth`
    check(r#"{"auths":{"r.example":{}, "x":null},"credsStore":""}"#, "r.example", "a", Credential::Anonymous);
    check(r#"{"auths":{"other.example":{"auth":"dTpw"}},"psFormat":"x"}"#, "r.example", "a", Credential::Anonymous);
    check("", "r.example", "a", Credential::Anonymous);
    check("{}", "r.example", "a", Credential::Anonymous);
}

#[test]
fn the_longest_namespace_wins() {
    let file =
        r#"{"auths":{"r.example":{"auth":"aDpo"},"r.example/a":{"auth":"YTph"},"r.example/a/b":{"auth":"Yjpi"}}}"#;
    check(file, "r.example", "a/b/c", password("b", "b"));
    check(file, "r.example", "a/b", password("b", "b"));
    check(file, "r.example", "a/bc", password("a", "a"));
    check(file, "r.example", "x", password("h", "h"));
    check(file, "r.example:443", "x", Credential::Anonymous);
}

#[test]
fn a_broken_file_is_an_error_and_shows_no_secret() {
    for text in
        ["{", "[]", r#"{"auths":{"r.example":{"auth":"hunter2!"}}}"#, r#"{"auths":{"r.example":{"auth":"dXA="}}}"#]
    {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        std::fs::write(&path, text).unwrap();
        let config = CredentialConfig { files: vec![path], ..Default::default() };
        let err = find(&config, "r.example", "a").unwrap_err();
        assert_eq!(err.kind, ErrorKind::Credentials, "{text}");
        assert!(!format!("{err} {err:?}").contains("hunter2"), "{err:?}");
    }
}

#[test]
fn the_environment_names_the_files() {
    let get = |name: &str| match name {
        "HOME" => Some(OsString::from("/h")),
        "REGISTRY_AUTH_FILE" => Some("/auth".into()),
        "XDG_RUNTIME_DIR" => Some("/run/u".into()),
        "REGISTRY_USERNAME" => Some("u".into()),
        "REGISTRY_PASSWORD" => Some("p".into()),
        _ => None,
    };
    let config = CredentialConfig::from_environment(&get);
    let files: Vec<&str> = config.files.iter().filter_map(|path| path.to_str()).collect();
    assert_eq!(
        files,
        ["/auth", "/h/.docker/config.json", "/run/u/containers/auth.json", "/h/.config/containers/auth.json"]
    );
    assert_eq!(config.login_file.as_deref(), Some(Path::new("/h/.docker/config.json")));
    assert_eq!(find(&config, "any.example", "a").unwrap(), password("u", "p"));
    assert!(!format!("{config:?}").contains("\"p\""));
}

/// A helper written in shell; it keeps what it is told in the folder.
fn helper(folder: &Path, script: &str) -> CredentialConfig {
    let program = folder.join("docker-credential-test");
    std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = folder.join("config.json");
    CredentialConfig {
        files: vec![path.clone()],
        login_file: Some(path),
        path: Some(folder.as_os_str().to_owned()),
        ..Default::default()
    }
}

#[test]
fn helpers_are_asked() {
    let folder = tempfile::tempdir().unwrap();
    let config = helper(
        folder.path(),
        r#"read server; case "$1 $server" in
        "get r.example") echo '{"ServerURL":"x","Username":"hu","Secret":"hs"}';;
        "get https://index.docker.io/v1/") echo '{"Username":"<token>","Secret":"hub"}';;
        "get broken.example") echo 'keychain locked'; exit 1;;
        *) echo 'credentials not found in native keychain'; exit 1;; esac"#,
    );
    let write = |text: &str| std::fs::write(folder.path().join("config.json"), text).unwrap();
    write(r#"{"credsStore":"test","auths":{"plain.example":{"auth":"dTpw"}}}"#);
    assert_eq!(find(&config, "r.example", "a").unwrap(), password("hu", "hs"));
    assert_eq!(find(&config, "docker.io", "a/b").unwrap(), Credential::IdentityToken(Secret::new("hub")));
    assert_eq!(
        find(&config, "plain.example", "a").unwrap(),
        password("u", "p"),
        "the file is asked when the store has nothing"
    );
    assert_eq!(find(&config, "none.example", "a").unwrap(), Credential::Anonymous);
    let err = find(&config, "broken.example", "a").unwrap_err();
    assert!(err.what.contains("keychain locked"), "{err}");
    write(r#"{"credHelpers":{"r.example":"test","x.example":"gone","y.example":"../evil"}}"#);
    assert_eq!(find(&config, "r.example", "a").unwrap(), password("hu", "hs"));
    assert_eq!(find(&config, "other.example", "a").unwrap(), Credential::Anonymous);
    assert!(find(&config, "x.example", "a").unwrap_err().what.contains("docker-credential-gone"));
    assert!(find(&config, "y.example", "a").unwrap_err().what.contains("no name of a credential helper"));
}

#[test]
fn a_helper_that_hangs_or_floods_is_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let config = helper(folder.path(), "exec sleep 60");
    std::fs::write(folder.path().join("config.json"), r#"{"credsStore":"test"}"#).unwrap();
    let err = runtime().block_on(config.find("r.example", "a", Duration::from_millis(200))).unwrap_err();
    assert!(err.what.contains("gave no answer"), "{err}");
    let config = helper(folder.path(), "exec head -c 1000000 /dev/zero");
    let err = find(&config, "r.example", "a").unwrap_err();
    assert!(err.what.contains("more than"), "{err}");
}

#[test]
fn login_keeps_everything_else_and_is_private() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/config.json");
    let config = CredentialConfig { files: vec![path.clone()], login_file: Some(path.clone()), ..Default::default() };
    let save = |registry: &str, user: &str| {
        runtime().block_on(config.save(registry, user, &Secret::new("s:p"), WAIT)).unwrap()
    };
    assert_eq!(save("r.example", "u"), SavedTo::File(path.clone()));
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(find(&config, "r.example", "a").unwrap(), password("u", "s:p"));

    std::fs::write(
        &path,
        r#"{"zeta":[1,{"x":null}],"auths":{"o.example":{"auth":"dTpw","email":"e"}},"HttpHeaders":{"A":"b"}}"#,
    )
    .unwrap();
    save("docker.io", "hub");
    let after: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!(after["zeta"], serde_json::json!([1, {"x": null}]));
    assert_eq!(after["HttpHeaders"]["A"], "b");
    assert_eq!(after["auths"]["o.example"]["email"], "e");
    assert_eq!(find(&config, "docker.io", "library/x").unwrap(), password("hub", "s:p"));
    assert!(runtime().block_on(config.erase("docker.io", WAIT)).unwrap());
    assert!(!runtime().block_on(config.erase("docker.io", WAIT)).unwrap());
    assert_eq!(find(&config, "docker.io", "library/x").unwrap(), Credential::Anonymous);
    assert_eq!(find(&config, "o.example", "x").unwrap(), password("u", "p"));
    assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no temporary file is left");
}

#[test]
fn login_with_a_helper_writes_no_secret_into_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("kept");
    let config = helper(
        folder.path(),
        &format!(
            r#"case "$1" in store) /bin/cat > '{0}';; get) test -f '{0}' && echo '{{"Username":"u","Secret":"s"}}' || {{ echo credentials not found; exit 1; }};; erase) /bin/rm '{0}';; esac"#,
            kept.display()
        ),
    );
    let path = folder.path().join("config.json");
    std::fs::write(&path, r#"{"credsStore":"test"}"#).unwrap();
    let to = runtime().block_on(config.save("r.example", "u", &Secret::new("hunter2"), WAIT)).unwrap();
    assert_eq!(to, SavedTo::Helper("test".to_owned()));
    assert!(
        std::fs::read_to_string(&kept)
            .unwrap()
            .contains(r#""ServerURL":"r.example","Username":"u","Secret":"hunter2""#)
    );
    assert!(!std::fs::read_to_string(&path).unwrap().contains("hunter2"));
    assert!(std::fs::read_to_string(&path).unwrap().contains("r.example"));
    assert!(runtime().block_on(config.erase("r.example", WAIT)).unwrap());
    assert!(!kept.exists());
}
