//! Where the cluster is and who we are there: a Pod's own account, or a kubeconfig.
//!
//! Source: <https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/>, `client.authentication.k8s.io/v1`,
//! <https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/>.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use signet_yaml::{Limits, Node};
use zeroize::Zeroizing;

use crate::error::{KubeError, printable};

/// Where a Pod finds its own account.
pub const IN_POD: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// Bytes of a kubeconfig, a token, a certificate.
const MAX_FILE: u64 = 4 << 20;
/// Bytes of a token.
const MAX_TOKEN: usize = 64 << 10;

/// Where the cluster is and who we are there.
pub struct Access {
    /// `https://host[:port][/path]`, without a slash at the end.
    pub(crate) server: String,
    /// Whom to trust, in PEM; the machine's authorities if it is not said.
    pub(crate) roots: Option<Vec<u8>>,
    /// Certificate and key, in PEM.
    pub(crate) identity: Option<Zeroizing<Vec<u8>>>,
    pub(crate) insecure: bool,
    pub(crate) token: Token,
    /// Our own namespace, if it is said.
    pub(crate) namespace: Option<String>,
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Access").field("server", &self.server).finish_non_exhaustive()
    }
}

/// What proves who we are.
pub(crate) enum Token {
    /// A client certificate, or nothing.
    None,
    Fixed(Zeroizing<String>),
    /// Read again while it is used: tokens of Pods are exchanged every hour.
    File(PathBuf),
    Exec(Exec),
}

/// A program that gives the token.
#[derive(Clone, Debug)]
pub(crate) struct Exec {
    command: String,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    version: String,
}

/// In the file itself, or beside it.
enum Data {
    Inline(Zeroizing<Vec<u8>>),
    File(PathBuf),
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, KubeError> {
    let failed = |err: std::io::Error| KubeError::setup(format!("cannot read `{}`: {err}", path.display()));
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(MAX_FILE.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(KubeError::setup(format!("`{}` is larger than {MAX_FILE} bytes", path.display())));
    }
    Ok(bytes)
}

/// A token as it may stand in a header.
pub(crate) fn token_of(bytes: &[u8], whence: &str) -> Result<Zeroizing<String>, KubeError> {
    let text = std::str::from_utf8(bytes).unwrap_or_default().trim();
    if text.is_empty() || text.len() > MAX_TOKEN || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(KubeError::setup(format!("{whence} is no token")));
    }
    Ok(Zeroizing::new(text.to_owned()))
}

/// The token of a file.
pub(crate) fn token_of_file(path: &Path) -> Result<Zeroizing<String>, KubeError> {
    token_of(&read(path)?, &format!("`{}`", path.display()))
}

impl Access {
    /// The file that is named; else this Pod's own account; else the kubeconfig of `KUBECONFIG` or `~/.kube/config`.
    ///
    /// # Errors
    /// None is there, or the one that is there is not usable.
    pub fn find(kubeconfig: Option<&Path>, variable: &dyn Fn(&str) -> Option<String>) -> Result<Self, KubeError> {
        if let Some(path) = kubeconfig {
            return Self::of_file(path);
        }
        if let (Some(host), Some(port)) = (variable("KUBERNETES_SERVICE_HOST"), variable("KUBERNETES_SERVICE_PORT")) {
            return Self::of_pod(&host, &port, Path::new(IN_POD));
        }
        // Of a list of files, the first that is there: merging them is kubectl's.
        let named = variable("KUBECONFIG").unwrap_or_default();
        let home = variable("HOME").map(|home| Path::new(&home).join(".kube/config"));
        let mut places = named.split(':').filter(|place| !place.is_empty()).map(PathBuf::from).chain(home);
        match places.find(|place| place.exists()) {
            Some(place) => Self::of_file(&place),
            None => Err(KubeError::setup(
                "no cluster is known: this is no Pod, and there is no kubeconfig; give `--kubeconfig FILE`",
            )),
        }
    }

    /// The account of the Pod that we run in.
    ///
    /// # Errors
    /// Its files are not there: the Pod has `automountServiceAccountToken: false`.
    pub fn of_pod(host: &str, port: &str, folder: &Path) -> Result<Self, KubeError> {
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        let token = folder.join("token");
        token_of_file(&token)?;
        let namespace = read(&folder.join("namespace")).ok();
        Ok(Self {
            server: checked(&format!("https://{host}:{port}"), true)?,
            roots: Some(read(&folder.join("ca.crt"))?.to_vec()),
            identity: None,
            insecure: false,
            token: Token::File(token),
            namespace: namespace
                .and_then(|bytes| std::str::from_utf8(&bytes).ok().map(|text| text.trim().to_owned()))
                .filter(|text| !text.is_empty()),
        })
    }

    /// The current context of a kubeconfig. A program that it names for the token is run.
    ///
    /// # Errors
    /// What is missing in it; no value of it is quoted.
    pub fn of_file(path: &Path) -> Result<Self, KubeError> {
        let failed =
            |what: String| KubeError::setup(format!("the kubeconfig `{}` is not usable: {what}", path.display()));
        let folder = path.parent().unwrap_or(Path::new("."));
        let found = Settings::parse(&read(path)?, folder).map_err(failed)?;
        let load = |data: Option<Data>| match data {
            Some(Data::Inline(bytes)) => Ok(Some(bytes)),
            Some(Data::File(path)) => read(&path).map(Some),
            None => Ok(None),
        };
        let roots = load(found.authority)?.map(|bytes| bytes.to_vec());
        let mut certificate = load(found.certificate)?;
        let mut key = load(found.key)?;
        let mut token = match (found.token, found.token_file) {
            (Some(token), _) => Token::Fixed(
                token_of(token.as_bytes(), "the `token` of its user").map_err(|err| failed(err.to_string()))?,
            ),
            (None, Some(path)) => Token::File(path),
            (None, None) => Token::None,
        };
        if let Some(exec) = found.exec {
            let answer = exec.run()?;
            let field = |name: &str| answer.pointer(&format!("/status/{name}")).and_then(Value::as_str);
            let bytes = |name: &str| field(name).map(|text| Zeroizing::new(text.as_bytes().to_vec()));
            certificate = bytes("clientCertificateData").or(certificate);
            key = bytes("clientKeyData").or(key);
            if field("token").is_some() {
                token = Token::Exec(exec);
            }
        }
        let identity = match (certificate, key) {
            (Some(certificate), Some(key)) => {
                let mut both = Zeroizing::new(key.to_vec());
                both.push(b'\n');
                both.extend_from_slice(&certificate);
                Some(both)
            }
            (None, None) => None,
            _ => return Err(failed("a client certificate and its key belong together, and one is missing".to_owned())),
        };
        let proves = identity.is_some() || !matches!(token, Token::None);
        Ok(Self {
            server: checked(&found.server, proves)?,
            roots,
            identity,
            insecure: found.insecure,
            token,
            namespace: found.namespace,
        })
    }

    /// Our own namespace, if it is said.
    #[must_use]
    pub fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    /// `https://host[:port]`
    #[must_use]
    pub fn server(&self) -> &str {
        &self.server
    }
}

/// The address of an API server. Who we are is not told in the clear, but to this machine.
fn checked(server: &str, proves: bool) -> Result<String, KubeError> {
    let url = reqwest::Url::parse(server)
        .map_err(|_| KubeError::setup(format!("`{}` is no address of an API server", printable(server))))?;
    let here = match url.host_str().unwrap_or_default() {
        "localhost" => true,
        host => host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback()),
    };
    let plain = url.scheme() != "https";
    if url.host_str().is_none() || !matches!(url.scheme(), "http" | "https") || (plain && proves && !here) {
        return Err(KubeError::setup(format!(
            "`{}` is no address that credentials may be sent to: it must begin with https://",
            printable(server)
        )));
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err(KubeError::setup("the address of the API server holds more than a host, a port and a path"));
    }
    Ok(server.trim_end_matches('/').to_owned())
}

/// What a kubeconfig says of its current context.
struct Settings {
    server: String,
    authority: Option<Data>,
    insecure: bool,
    token: Option<Zeroizing<String>>,
    token_file: Option<PathBuf>,
    certificate: Option<Data>,
    key: Option<Data>,
    exec: Option<Exec>,
    namespace: Option<String>,
}

/// Whether bytes are a kubeconfig that is understood. For fuzzing.
///
/// # Errors
/// With a sentence that quotes no value.
pub fn check_kubeconfig(bytes: &[u8]) -> Result<(), String> {
    Settings::parse(bytes, Path::new("/")).map(|_| ())
}

impl Settings {
    fn parse(bytes: &[u8], folder: &Path) -> Result<Self, String> {
        // The parser's own message may quote a line, and lines hold tokens.
        let documents =
            signet_yaml::parse_bytes(bytes, &Limits::default()).map_err(|_| "it is no YAML that can be read")?;
        let root = &documents.first().ok_or("it is empty")?.root;
        let text = |node: &Node, route: &[&str]| node.path(route).and_then(Node::text).map(str::to_owned);
        let named = |list: &str, name: &str| {
            let items = root.get(list).and_then(Node::as_seq).unwrap_or_default();
            items.iter().find(|item| text(item, &["name"]).as_deref() == Some(name))
        };
        let current =
            text(root, &["current-context"]).filter(|name| !name.is_empty()).ok_or("it has no `current-context`")?;
        let context = named("contexts", &current).ok_or("its `current-context` is not among its contexts")?;
        let cluster = text(context, &["context", "cluster"]).ok_or("its context names no cluster")?;
        let cluster = named("clusters", &cluster).ok_or("the cluster of its context is not in it")?;
        let there = |node: &Node, route: &[&str]| node.path(route).is_some_and(|node| !node.is_null());
        for (field, why) in [
            ("proxy-url", "its cluster is reached by a proxy, which is not supported"),
            ("tls-server-name", "its cluster has a `tls-server-name`, which is not supported"),
        ] {
            if there(cluster, &["cluster", field]) {
                return Err(why.to_owned());
            }
        }
        let data = |node: &Node, route: [&str; 2]| -> Result<Option<Data>, String> {
            let [section, field] = route;
            if let Some(inline) = text(node, &[section, &format!("{field}-data")]) {
                let bytes = STANDARD.decode(inline.trim()).map_err(|_| format!("its `{field}-data` is no base64"))?;
                return Ok(Some(Data::Inline(Zeroizing::new(bytes))));
            }
            Ok(text(node, &[section, field]).map(|place| Data::File(folder.join(place))))
        };
        let mut found = Self {
            server: text(cluster, &["cluster", "server"]).ok_or("its cluster has no `server`")?,
            authority: data(cluster, ["cluster", "certificate-authority"])?,
            insecure: cluster.path(&["cluster", "insecure-skip-tls-verify"]).and_then(Node::as_bool).unwrap_or(false),
            token: None,
            token_file: None,
            certificate: None,
            key: None,
            exec: None,
            namespace: text(context, &["context", "namespace"]).filter(|name| !name.is_empty()),
        };
        let user = text(context, &["context", "user"]).and_then(|user| named("users", &user));
        let Some(user) = user else { return Ok(found) };
        for (field, why) in [
            ("auth-provider", "its user logs in by an `auth-provider`, which Kubernetes has removed"),
            ("username", "its user logs in by name and password, which Kubernetes has removed"),
            ("as", "its user stands for somebody else, which is not supported"),
        ] {
            if there(user, &["user", field]) {
                return Err(why.to_owned());
            }
        }
        found.token = text(user, &["user", "token"]).map(Zeroizing::new);
        found.token_file = text(user, &["user", "tokenFile"]).map(|place| folder.join(place));
        found.certificate = data(user, ["user", "client-certificate"])?;
        found.key = data(user, ["user", "client-key"])?;
        if there(user, &["user", "exec"]) {
            let exec = user.path(&["user", "exec"]).and_then(Exec::of);
            found.exec = Some(exec.ok_or("its `exec` names no command")?);
        }
        Ok(found)
    }
}

impl Exec {
    fn of(node: &Node) -> Option<Self> {
        let items = |field: &str| node.get(field).and_then(Node::as_seq).unwrap_or_default();
        let pair = |node: &Node| Some((node.get("name")?.text()?.to_owned(), node.get("value")?.text()?.to_owned()));
        let version = node.get("apiVersion").and_then(Node::text);
        Some(Self {
            command: node.get("command").and_then(Node::text).filter(|command| !command.is_empty())?.to_owned(),
            arguments: items("args").iter().filter_map(Node::text).map(str::to_owned).collect(),
            environment: items("env").iter().filter_map(pair).collect(),
            version: version.unwrap_or("client.authentication.k8s.io/v1").to_owned(),
        })
    }

    /// Runs it as kubectl does. Whoever wrote the file said with it whom to run. It waits: not for a thread that serves.
    fn run(&self) -> Result<Value, KubeError> {
        let name = printable(&self.command);
        let failed = |what: &str| {
            KubeError::setup(format!(
                "the kubeconfig's program `{name}` {what}; log in to the cluster with its own program"
            ))
        };
        let info = json!({"apiVersion": self.version, "kind": "ExecCredential", "spec": {"interactive": false}});
        let output = Command::new(&self.command)
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .env("KUBERNETES_EXEC_INFO", info.to_string())
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .map_err(|err| failed(&format!("cannot be run: {err}")))?;
        if !output.status.success() {
            return Err(failed("failed"));
        }
        serde_json::from_slice(&output.stdout).map_err(|_| failed("printed no JSON"))
    }

    /// A token of now.
    pub(crate) fn token(&self) -> Result<Zeroizing<String>, KubeError> {
        let answer = self.run()?;
        let text = answer.pointer("/status/token").and_then(Value::as_str).unwrap_or_default();
        token_of(text.as_bytes(), "what the kubeconfig's program printed")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FILE: &str = "current-context: b\ncontexts:\n- {name: a, context: {cluster: x, user: y}}\n- {name: b, context: {cluster: c, user: u, namespace: mine}}\nclusters:\n- name: c\n  cluster:\n    server: https://k.example:6443/\n    certificate-authority-data: UEVN\nusers:\n- name: u\n  user:\n    token: sesame-0123456789\n";

    fn of(text: &str) -> Result<Access, KubeError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config");
        std::fs::write(&path, text).unwrap();
        Access::of_file(&path)
    }

    #[test]
    fn the_current_context_is_used() {
        let access = of(FILE).unwrap();
        assert_eq!((access.server(), access.namespace()), ("https://k.example:6443", Some("mine")));
        assert_eq!(access.roots.as_deref(), Some(&b"PEM"[..]));
        assert!(matches!(&access.token, Token::Fixed(token) if token.as_str() == "sesame-0123456789"));
        assert!(!format!("{access:?}").contains("sesame"));
    }

    #[track_caller]
    fn refused(text: &str, why: &str) {
        let err = of(text).unwrap_err().to_string();
        assert!(err.contains(why) && !err.contains("sesame"), "{err}");
    }

    #[test]
    fn what_is_missing_is_named_and_no_token_quoted() {
        refused("", "empty");
        refused("a: 1\n", "current-context");
        refused("current-context: z\ncontexts: []\n", "not among");
        refused("users: [{token: sesame\n", "no YAML");
        refused(&FILE.replace("UEVN", "'sesame!'"), "no base64");
        refused(&FILE.replace("token: sesame-0123456789", "token: \"sesame \\n x\""), "no token");
        refused(&FILE.replace("token: ", "client-key-data: UEVN\n    x: "), "belong together");
        refused(&FILE.replace("    server", "    proxy-url: http://p\n    server"), "proxy");
        refused(&FILE.replace("token: ", "as: admin\n    token: "), "somebody else");
    }

    /// Credentials leave by TLS alone; the machine itself is no network.
    #[test]
    fn nobody_is_told_in_the_clear_who_we_are() {
        refused(&FILE.replace("https://", "http://"), "must begin with https://");
        refused(&FILE.replace("https://k", "https://u:sesame@k"), "more than a host");
        refused(&FILE.replace("https://", "file://"), "no address");
        assert!(of(&FILE.replace("https://k.example", "http://127.0.0.1")).is_ok());
        assert!(of(&FILE.replace("https://k.example", "http://[::1]")).is_ok());
    }

    #[test]
    fn a_program_gives_the_token() {
        let exec = "exec:\n      command: printf\n      args: ['{\"status\":{\"token\":\"from-a-program\"}}']\n      env: [{name: A, value: b}]";
        let access = of(&FILE.replace("token: sesame-0123456789", exec)).unwrap();
        let Token::Exec(exec) = &access.token else { panic!("no program") };
        assert_eq!(exec.token().unwrap().as_str(), "from-a-program");
        refused(&FILE.replace("token: sesame-0123456789", "exec: {command: 'false'}"), "failed");
        refused(&FILE.replace("token: sesame-0123456789", "exec: {command: ''}"), "names no command");
    }

    #[test]
    fn a_pod_reads_its_own_account() {
        let folder = tempfile::tempdir().unwrap();
        let missing = Access::of_pod("10.0.0.1", "443", folder.path()).unwrap_err();
        assert!(missing.to_string().contains("token"), "{missing}");
        for (name, text) in [("token", "t0k3n\n"), ("ca.crt", "PEM"), ("namespace", "signet-system\n")] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let access = Access::of_pod("fd00::1", "443", folder.path()).unwrap();
        assert_eq!((access.server(), access.namespace()), ("https://[fd00::1]:443", Some("signet-system")));
    }

    proptest! {
        #[test]
        fn a_damaged_kubeconfig_breaks_nothing(at in 0..FILE.len(), byte: u8, cut in 0..FILE.len()) {
            let mut bytes = FILE.as_bytes().to_vec();
            bytes[at] = byte;
            let _read = Settings::parse(&bytes, Path::new("/"));
            let _read = Settings::parse(&bytes[..cut], Path::new("/"));
        }
    }
}
