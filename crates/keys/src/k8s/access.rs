//! Where the cluster is and who we are there.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use signet_oci_client::{Client, Secret};
use signet_yaml::{Limits, Node};

use crate::context::Context;
use crate::error::{Error, printable};
use crate::file;
use crate::secret::SecretBytes;
use crate::service::Request;

/// Where a pod finds its own account.
const IN_POD: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// No kubeconfig is longer.
const LONGEST: usize = 4 << 20;

pub(super) struct Access {
    /// `https://host[:port][/path]`, without a slash at the end.
    pub(super) server: String,
    pub(super) client: Client,
    token: Option<Secret>,
}

impl Access {
    pub(super) fn authorize(&self, request: Request) -> Request {
        match &self.token {
            Some(token) => request.bearer(token.reveal()),
            None => request,
        }
    }
}

pub(super) fn find(context: &Context, doing: &str) -> Result<Access, Error> {
    let named = context.variable("KUBECONFIG");
    // Of a list of files, the first that is there: merging them is kubectl's.
    let listed = named.iter().flat_map(|list| list.split(':')).map(PathBuf::from).find(|place| place.exists());
    let place = match (&named, listed) {
        (Some(_), Some(place)) => Some(place),
        (Some(list), None) => {
            return Err(Error::new(doing, format!("no file of `KUBECONFIG` is there: `{}`", printable(list))));
        }
        (None, _) => context.home().map(|home| home.join(".kube/config")).filter(|place| place.exists()),
    };
    match place {
        Some(place) => of_file(&place, context, doing),
        None => of_pod(context, doing),
    }
}

fn of_pod(context: &Context, doing: &str) -> Result<Access, Error> {
    let (Some(host), Some(port)) =
        (context.variable("KUBERNETES_SERVICE_HOST"), context.variable("KUBERNETES_SERVICE_PORT"))
    else {
        return Err(Error::new(doing, "no cluster is known: there is no kubeconfig, and this is no pod")
            .hint("set `KUBECONFIG`, or log in to the cluster so that `~/.kube/config` is there"));
    };
    let folder = Path::new(IN_POD);
    let token = file::read(&folder.join("token"), "the pod's token")?;
    let authority = file::read(&folder.join("ca.crt"), "the cluster's certificates")?.reveal().to_vec();
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    Ok(Access {
        server: format!("https://{host}:{port}"),
        client: context.client_with(|options| {
            options.extra_ca_pem = vec![authority];
            options.only_extra_ca = true;
        }),
        token: Some(Secret::new(token.reveal_text().unwrap_or_default().trim())),
    })
}

/// What a kubeconfig says of its current context.
#[derive(Debug)]
struct Settings {
    server: String,
    authority: Option<Data>,
    insecure: bool,
    token: Option<SecretBytes>,
    token_file: Option<PathBuf>,
    certificate: Option<Data>,
    key: Option<Data>,
    exec: Option<Exec>,
}

/// In the file itself, or beside it.
#[derive(Debug)]
enum Data {
    Inline(SecretBytes),
    File(PathBuf),
}

/// A program that gives the token (`client.authentication.k8s.io`).
#[derive(Debug)]
struct Exec {
    command: String,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    version: String,
}

/// Whether bytes are a kubeconfig that is understood. For fuzzing.
///
/// # Errors
/// With a sentence that quotes no value.
pub fn check_kubeconfig(bytes: &[u8]) -> Result<(), String> {
    Settings::parse(bytes, Path::new("/")).map(|_| ())
}

impl Settings {
    fn parse(bytes: &[u8], folder: &Path) -> Result<Settings, String> {
        if bytes.len() > LONGEST {
            return Err("it is larger than 4 MiB".to_owned());
        }
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
        let user = text(context, &["context", "user"]).and_then(|user| named("users", &user));
        let data = |node: &Node, route: [&str; 2]| -> Result<Option<Data>, String> {
            let [section, field] = route;
            if let Some(inline) = text(node, &[section, &format!("{field}-data")]) {
                let bytes = STANDARD.decode(inline.trim()).map_err(|_| format!("its `{field}-data` is no base64"))?;
                return Ok(Some(Data::Inline(SecretBytes::new(bytes))));
            }
            Ok(text(node, &[section, field]).map(|place| Data::File(folder.join(place))))
        };
        let server = text(cluster, &["cluster", "server"]).ok_or("its cluster has no `server`")?;
        let mut settings = Settings {
            server: server.trim_end_matches('/').to_owned(),
            authority: data(cluster, ["cluster", "certificate-authority"])?,
            insecure: cluster.path(&["cluster", "insecure-skip-tls-verify"]).and_then(Node::as_bool).unwrap_or(false),
            token: None,
            token_file: None,
            certificate: None,
            key: None,
            exec: None,
        };
        if let Some(user) = user {
            settings.token = text(user, &["user", "token"]).map(SecretBytes::new);
            settings.token_file = text(user, &["user", "tokenFile"]).map(|place| folder.join(place));
            settings.certificate = data(user, ["user", "client-certificate"])?;
            settings.key = data(user, ["user", "client-key"])?;
            if user.path(&["user", "auth-provider"]).is_some_and(|node| !node.is_null()) {
                return Err("its user logs in by an `auth-provider`, which Kubernetes has removed".to_owned());
            }
            if user.path(&["user", "username"]).is_some_and(|node| !node.is_null()) {
                return Err("its user logs in by name and password, which Kubernetes has removed".to_owned());
            }
            if let Some(exec) = user.path(&["user", "exec"]).filter(|node| !node.is_null()) {
                settings.exec = Some(Exec::of(exec).ok_or("its `exec` names no command")?);
            }
        }
        Ok(settings)
    }
}

impl Exec {
    fn of(node: &Node) -> Option<Exec> {
        let texts = |field: &str| node.get(field).and_then(Node::as_seq).unwrap_or_default();
        Some(Exec {
            command: node.get("command").and_then(Node::text).filter(|command| !command.is_empty())?.to_owned(),
            arguments: texts("args").iter().filter_map(Node::text).map(str::to_owned).collect(),
            environment: texts("env")
                .iter()
                .filter_map(|pair| Some((pair.get("name")?.text()?.to_owned(), pair.get("value")?.text()?.to_owned())))
                .collect(),
            version: node
                .get("apiVersion")
                .and_then(Node::text)
                .unwrap_or("client.authentication.k8s.io/v1")
                .to_owned(),
        })
    }

    /// Runs it as kubectl does. The user wrote the file, and with it whom to run.
    fn token(&self, doing: &str) -> Result<Value, Error> {
        let name = printable(&self.command);
        let failed =
            |what: String| Error::new(doing, what).hint("log in to the cluster with its own program, then try again");
        let info = serde_json::json!({ "apiVersion": self.version, "kind": "ExecCredential", "spec": { "interactive": false } });
        let output = Command::new(&self.command)
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .env("KUBERNETES_EXEC_INFO", info.to_string())
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .map_err(|err| failed(format!("the kubeconfig's program `{name}` cannot be run")).cause(err))?;
        if !output.status.success() {
            return Err(failed(format!("the kubeconfig's program `{name}` failed")));
        }
        serde_json::from_slice(&output.stdout)
            .map_err(|_| failed(format!("the kubeconfig's program `{name}` printed no JSON")))
    }
}

fn of_file(place: &Path, context: &Context, doing: &str) -> Result<Access, Error> {
    let failed = |what: &str| Error::new(doing, format!("the kubeconfig `{}` is not usable: {what}", place.display()));
    let bytes = std::fs::read(place).map_err(|err| failed("it cannot be read").cause(err))?;
    let folder = place.parent().unwrap_or(Path::new("."));
    let settings = Settings::parse(&bytes, folder).map_err(|what| failed(&what))?;
    let load = |data: &Option<Data>, what: &str| match data {
        Some(Data::Inline(bytes)) => Ok(Some(bytes.clone())),
        Some(Data::File(place)) => file::read(place, what).map(Some),
        None => Ok(None),
    };
    let authority = load(&settings.authority, "the cluster's certificates")?;
    let mut certificate = load(&settings.certificate, "the client certificate")?;
    let mut key = load(&settings.key, "the client key")?;
    let mut token = match (&settings.token, &settings.token_file) {
        (Some(token), _) => token.reveal_text().map(str::to_owned),
        (None, Some(place)) => file::read(place, "the cluster token")?.reveal_text().map(|text| text.trim().to_owned()),
        (None, None) => None,
    };
    if let Some(exec) = &settings.exec {
        let answer = exec.token(doing)?;
        let field = |name: &str| answer.pointer(&format!("/status/{name}")).and_then(Value::as_str);
        token = field("token").map(str::to_owned).or(token);
        certificate = field("clientCertificateData").map(SecretBytes::new).or(certificate);
        key = field("clientKeyData").map(SecretBytes::new).or(key);
    }
    let identity = match (certificate, key) {
        (Some(certificate), Some(key)) => {
            let both = [key.reveal_text(), Some("\n"), certificate.reveal_text()];
            let both: Option<Vec<&str>> = both.into_iter().collect();
            Some(Secret::new(both.ok_or_else(|| failed("the client certificate or key is no text"))?.concat()))
        }
        (None, None) => None,
        _ => return Err(failed("a client certificate and its key belong together, and one is missing")),
    };
    let client = context.client_with(|options| {
        if let Some(authority) = authority {
            options.extra_ca_pem = vec![authority.reveal().to_vec()];
            options.only_extra_ca = true;
        }
        options.dangerously_skip_tls_verification |= settings.insecure;
        options.client_identity_pem = identity;
    });
    Ok(Access { server: settings.server, client, token: token.map(Secret::new) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "apiVersion: v1\ncurrent-context: b\ncontexts:\n- {name: a, context: {cluster: x, user: y}}\n- {name: b, context: {cluster: c, user: u}}\nclusters:\n- name: c\n  cluster:\n    server: https://k.example:6443/\n    certificate-authority-data: UEVN\nusers:\n- name: u\n  user:\n    tokenFile: token\n    exec:\n      command: aws\n      args: [eks, get-token]\n      env: [{name: A, value: b}]\n";

    #[test]
    fn the_current_context_is_used() {
        let settings = Settings::parse(FILE.as_bytes(), Path::new("/home/u/.kube")).unwrap();
        assert_eq!(settings.server, "https://k.example:6443");
        assert!(matches!(&settings.authority, Some(Data::Inline(pem)) if pem.reveal() == b"PEM"));
        assert_eq!(settings.token_file.as_deref(), Some(Path::new("/home/u/.kube/token")));
        let exec = settings.exec.unwrap();
        assert_eq!((exec.command.as_str(), exec.arguments.len()), ("aws", 2));
        assert_eq!(exec.environment, [("A".to_owned(), "b".to_owned())]);
    }

    #[test]
    fn what_is_missing_is_named_and_no_token_quoted() {
        for (file, why) in [
            ("", "empty"),
            ("a: 1\n", "current-context"),
            ("current-context: z\ncontexts: []\n", "not among"),
            (
                "current-context: a\ncontexts: [{name: a, context: {cluster: c, user: u}}]\nclusters: [{name: c, cluster: {server: s, certificate-authority-data: 'sesame!'}}]\n",
                "no base64",
            ),
            ("users: [{token: sesame\n", "no YAML"),
        ] {
            let err = Settings::parse(file.as_bytes(), Path::new("/")).unwrap_err();
            assert!(err.contains(why) && !err.contains("sesame"), "{err}");
        }
    }
}
