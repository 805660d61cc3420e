//! Keys in the variables of a GitLab project, `gitlab://OWNER/PROJECT` or `gitlab://ID`, under the names that Cosign uses.
//!
//! Settings: `GITLAB_TOKEN` (scope `api`), `GITLAB_HOST` (default `https://gitlab.com`). Source: <https://docs.gitlab.com/api/project_level_variables/>.

use serde_json::{Value, json};
use signet_oci_client::Secret;

use crate::context::Context;
use crate::error::{Error, printable};
use crate::k8s::StoredKey;
use crate::secret::SecretBytes;
use crate::service::{Request, escape};

const HINT: &str = "is the project's name right, and has `GITLAB_TOKEN` the scope `api` and the role Maintainer?";
/// Names of the variables: private key, public key, password.
const NAMES: [&str; 3] = ["COSIGN_PRIVATE_KEY", "COSIGN_PUBLIC_KEY", "COSIGN_PASSWORD"];

struct Project<'c> {
    context: &'c Context,
    /// Of its variables.
    url: String,
    token: Secret,
    name: String,
}

impl<'c> Project<'c> {
    fn new(rest: &str, context: &'c Context) -> Result<Project<'c>, Error> {
        let doing = "use a key in GitLab";
        let usable = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
        if rest.is_empty() || rest.len() > 1024 || !rest.chars().all(usable) {
            return Err(Error::new(doing, format!("`gitlab://{}` names no project", printable(rest)))
                .hint("write `gitlab://OWNER/PROJECT` or `gitlab://PROJECT_ID`"));
        }
        let token = context.variable("GITLAB_TOKEN").ok_or_else(|| {
            Error::new(doing, "`GITLAB_TOKEN` is not set").hint("set it to an access token with the scope `api`")
        })?;
        let host = context.variable("GITLAB_HOST").unwrap_or_else(|| "https://gitlab.com".to_owned());
        let host = host.trim_end_matches('/').trim_end_matches("/api/v4");
        let host = if host.contains("://") { host.to_owned() } else { format!("https://{host}") };
        Ok(Project {
            context,
            url: format!("{host}/api/v4/projects/{}/variables", escape(rest)),
            token: Secret::new(token),
            name: rest.to_owned(),
        })
    }

    fn request(&self, method: &'static str, tail: &str, doing: &str) -> Request {
        Request::new(method, format!("{}{tail}", self.url), doing).header("private-token", self.token.reveal())
    }

    async fn get(&self, name: &str) -> Result<Option<SecretBytes>, Error> {
        let doing = format!("read variable `{name}` of GitLab project `{}`", self.name);
        let request = self.request("GET", &format!("/{name}"), &doing);
        let answer = request.send(self.context.client()).await?;
        match answer.status {
            404 => Ok(None),
            200..300 => {
                let json: Value =
                    serde_json::from_slice(&answer.body).map_err(|_| request.odd("the answer is no JSON"))?;
                let value = json.get("value").and_then(Value::as_str);
                value
                    .map(SecretBytes::new)
                    .map(Some)
                    .ok_or_else(|| request.odd("it is hidden, so its value cannot be read"))
            }
            _ => Err(request.refused(&answer, HINT)),
        }
    }
}

/// The variables of a project. With `private` false only the public key is asked for.
pub(crate) async fn read(rest: &str, private: bool, context: &Context) -> Result<StoredKey, Error> {
    let project = Project::new(rest, context)?;
    let [key, public, password] = NAMES;
    let public = project.get(public).await?.and_then(|bytes| bytes.reveal_text().map(str::to_owned));
    let mut stored = StoredKey { private: None, public, password: None };
    if private {
        stored.private = project.get(key).await?;
        stored.password = project.get(password).await?;
    }
    Ok(stored)
}

/// Makes the three variables. If one is there already, none is touched.
pub(crate) async fn create(
    rest: &str,
    private: &str,
    public: &str,
    password: &SecretBytes,
    context: &Context,
) -> Result<(), Error> {
    let project = Project::new(rest, context)?;
    for name in NAMES {
        if project.get(name).await?.is_some() {
            return Err(Error::new(
                format!("make a key in GitLab project `{}`", project.name),
                format!("it has a variable `{name}` already"),
            )
            .hint("a key that is overwritten is lost: delete the variables first if nobody needs them"));
        }
    }
    let [key_name, public_name, password_name] = NAMES;
    let password = password.reveal_text().ok_or_else(|| Error::new("store the password", "it is no text"))?;
    for (name, value) in [(password_name, password), (key_name, private), (public_name, public)] {
        let doing = format!("make variable `{name}` of GitLab project `{}`", project.name);
        // Not masked: GitLab masks no value of several lines. Not protected: Cosign does the same, so that every branch can sign.
        let body = json!({
            "key": name, "value": value, "variable_type": "env_var", "protected": false, "masked": false, "environment_scope": "*",
        });
        let request = project.request("POST", "", &doing).json(&body);
        request.send_well(context.client(), HINT).await?;
    }
    Ok(())
}
