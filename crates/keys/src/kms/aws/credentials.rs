//! Who we are at AWS, looked for in the order of AWS's own programs: environment, web identity, profile files, container, instance metadata.
//!
//! Source: <https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html>. Not read: SSO sessions, `credential_process`, chained roles.

use std::path::PathBuf;

use serde_json::Value;
use signet_oci_client::Secret;

use crate::context::Context;
use crate::error::{Error, printable};
use crate::file;
use crate::service::{Request, escape, text};

const DOING: &str = "log in to AWS";
const METADATA: &str = "169.254.169.254";
/// Where container agents may live that are asked by plain HTTP (ECS, EKS Pod Identity).
const AGENTS: [&str; 2] = ["169.254.170.2", "169.254.170.23"];

/// An access key; temporary ones have a session token.
#[derive(Clone)]
pub(super) struct Credentials {
    pub(super) id: String,
    pub(super) secret: Secret,
    pub(super) session: Option<Secret>,
}

/// The region that is set for this user.
pub(super) fn region(context: &Context) -> Option<String> {
    context
        .variable("AWS_REGION")
        .or_else(|| context.variable("AWS_DEFAULT_REGION"))
        .or_else(|| Profile::read(context).ok()?.get("region").map(str::to_owned))
}

/// The first source that has something. A source that is set and does not work is an error and not passed over.
pub(super) async fn find(context: &Context, region: &str) -> Result<Credentials, Error> {
    if let (Some(id), Some(secret)) = (context.variable("AWS_ACCESS_KEY_ID"), context.variable("AWS_SECRET_ACCESS_KEY"))
    {
        let session = context.variable("AWS_SESSION_TOKEN").map(Secret::new);
        return Ok(Credentials { id, secret: Secret::new(secret), session });
    }
    if let (Some(token), Some(role)) =
        (context.variable("AWS_WEB_IDENTITY_TOKEN_FILE"), context.variable("AWS_ROLE_ARN"))
    {
        return web_identity(context, region, &token, &role).await;
    }
    if let Some(found) = Profile::read(context)?.credentials()? {
        return Ok(found);
    }
    let relative =
        context.variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI").map(|path| format!("http://{}{path}", AGENTS[0]));
    if let Some(url) = relative.or_else(|| context.variable("AWS_CONTAINER_CREDENTIALS_FULL_URI")) {
        return container(context, &url).await;
    }
    instance(context).await
}

/// `AssumeRoleWithWebIdentity`: needs no signature. Source: AWS STS API reference. The answer is XML of fixed element names.
async fn web_identity(context: &Context, region: &str, place: &str, role: &str) -> Result<Credentials, Error> {
    let token = file::read(place.as_ref(), "the token of `AWS_WEB_IDENTITY_TOKEN_FILE`")?;
    let token = token.reveal_text().unwrap_or_default().trim().to_owned();
    let session = context.variable("AWS_ROLE_SESSION_NAME").unwrap_or_else(|| "signet".to_owned());
    let endpoint = context.variable("AWS_ENDPOINT_URL_STS").or_else(|| context.variable("AWS_ENDPOINT_URL"));
    let endpoint = endpoint.unwrap_or_else(|| format!("https://sts.{region}.amazonaws.com"));
    let request = Request::new("POST", format!("{}/", endpoint.trim_end_matches('/')), DOING).form(&[
        ("Action", "AssumeRoleWithWebIdentity"),
        ("Version", "2011-06-15"),
        ("RoleArn", role),
        ("RoleSessionName", &session),
        ("WebIdentityToken", &token),
    ]);
    let hint = "does the role of `AWS_ROLE_ARN` trust the issuer, audience and subject of the token?";
    let answer = request.send_well(context.client(), hint).await?;
    let xml = std::str::from_utf8(&answer.body).unwrap_or_default();
    let element = |name: &str| {
        let (_, after) = xml.split_once(&format!("<{name}>"))?;
        Some(after.split_once(&format!("</{name}>"))?.0.to_owned())
    };
    match (element("AccessKeyId"), element("SecretAccessKey"), element("SessionToken")) {
        (Some(id), Some(secret), Some(session)) => {
            Ok(Credentials { id, secret: Secret::new(secret), session: Some(Secret::new(session)) })
        }
        _ => Err(request.odd("the answer holds no access key")),
    }
}

async fn container(context: &Context, url: &str) -> Result<Credentials, Error> {
    let client = context.metadata_client(&AGENTS);
    let mut request = Request::new("GET", url, DOING);
    let file = match context.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
        Some(place) => file::read(place.as_ref(), "the token of `AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE`")?
            .reveal_text()
            .map(|text| text.trim().to_owned()),
        None => context.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN"),
    };
    if let Some(token) = file {
        request = request.header("authorization", token);
    }
    let json = request.send_for_json(&client, "has the task or pod a role?").await?;
    of_json(&json, &request)
}

/// Instance metadata, version 2 (a session token by PUT first).
async fn instance(context: &Context) -> Result<Credentials, Error> {
    let nothing = || {
        Error::new(DOING, "there are no credentials in the environment, in a profile, nor from this machine").hint(
            "set `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, or `AWS_PROFILE`; with SSO: `eval \"$(aws configure export-credentials --format env)\"`",
        )
    };
    if context.variable("AWS_EC2_METADATA_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return Err(nothing());
    }
    let base = context.variable("AWS_EC2_METADATA_SERVICE_ENDPOINT").unwrap_or_else(|| format!("http://{METADATA}"));
    let base = base.trim_end_matches('/');
    let client = context.metadata_client(&[METADATA]);
    let request = Request::new("PUT", format!("{base}/latest/api/token"), DOING)
        .header("x-aws-ec2-metadata-token-ttl-seconds", "300");
    // Nobody there: this is no instance. The reason of the network is of no use to who has no credentials.
    let Ok(answer) = request.send_well(&client, "").await else { return Err(nothing()) };
    let session = String::from_utf8(answer.body.to_vec()).map_err(|_| request.odd("the metadata token is no text"))?;
    let path = format!("{base}/latest/meta-data/iam/security-credentials/");
    let request = Request::new("GET", &*path, DOING).header("x-aws-ec2-metadata-token", &*session);
    let answer = request.send_well(&client, "give the instance a role").await?;
    let role = String::from_utf8_lossy(&answer.body);
    let role = role.lines().next().unwrap_or_default().trim();
    let request =
        Request::new("GET", format!("{path}{}", escape(role)), DOING).header("x-aws-ec2-metadata-token", session);
    let json = request.send_for_json(&client, "give the instance a role").await?;
    of_json(&json, &request)
}

fn of_json(json: &Value, request: &Request) -> Result<Credentials, Error> {
    Ok(Credentials {
        id: text(json, "/AccessKeyId", request)?.to_owned(),
        secret: Secret::new(text(json, "/SecretAccessKey", request)?),
        session: Some(Secret::new(text(json, "/Token", request)?)),
    })
}

/// The lines of one profile in `~/.aws/credentials` and `~/.aws/config`; the first file wins.
struct Profile {
    name: String,
    asked: bool,
    entries: Vec<(String, Secret)>,
}

impl Profile {
    fn read(context: &Context) -> Result<Profile, Error> {
        let asked = context.variable("AWS_PROFILE").or_else(|| context.variable("AWS_DEFAULT_PROFILE"));
        let name = asked.clone().unwrap_or_else(|| "default".to_owned());
        let mut profile = Profile { name, asked: asked.is_some(), entries: Vec::new() };
        for (variable, file, prefix) in
            [("AWS_SHARED_CREDENTIALS_FILE", "credentials", ""), ("AWS_CONFIG_FILE", "config", "profile ")]
        {
            let place = context.variable(variable).map(PathBuf::from);
            let Some(place) = place.or_else(|| Some(context.home()?.join(".aws").join(file))) else { continue };
            if !place.exists() {
                continue;
            }
            let content = file::read(&place, "the AWS settings")?;
            profile.take(content.reveal_text().unwrap_or_default(), prefix);
        }
        Ok(profile)
    }

    /// Shape: INI with `[NAME]` (in `config`: `[profile NAME]`, but `[default]`), `key = value`; nested settings are indented and not read.
    fn take(&mut self, content: &str, prefix: &str) {
        let mut inside = false;
        for line in content.lines() {
            if let Some(section) = line.trim_end().strip_prefix('[').and_then(|rest| rest.split(']').next()) {
                let section = section.trim();
                inside = section.strip_prefix(prefix).map(str::trim) == Some(&self.name)
                    || (section == "default" && self.name == "default");
            } else if inside
                && !line.starts_with([' ', '\t', '#', ';'])
                && let Some((key, value)) = line.split_once('=')
                && self.get(key.trim()).is_none()
            {
                self.entries.push((key.trim().to_owned(), Secret::new(value.trim())));
            }
        }
    }

    fn get(&self, key: &str) -> Option<&str> {
        self.entries.iter().find(|(name, _)| name == key).map(|(_, value)| value.reveal())
    }

    fn credentials(&self) -> Result<Option<Credentials>, Error> {
        if let (Some(id), Some(secret)) = (self.get("aws_access_key_id"), self.get("aws_secret_access_key")) {
            let session = self.get("aws_session_token").map(Secret::new);
            return Ok(Some(Credentials { id: id.to_owned(), secret: Secret::new(secret), session }));
        }
        let other = ["sso_session", "sso_start_url", "credential_process", "role_arn"];
        let other = other.iter().find(|key| self.get(key).is_some());
        match other {
            Some(key) => Err(Error::new(
                DOING,
                format!("profile `{}` logs in by `{key}`, which is not read", printable(&self.name)),
            )
            .hint("let AWS's own program do it: `eval \"$(aws configure export-credentials --format env)\"`")),
            None if self.asked && self.entries.is_empty() => {
                Err(Error::new(DOING, format!("there is no profile `{}`", printable(&self.name))))
            }
            None => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_are_read_from_both_files() {
        let mut profile = Profile { name: "ci".into(), asked: true, entries: Vec::new() };
        profile.take(
            "[default]\naws_access_key_id = no\n[ci]\naws_access_key_id=AKID\n# x = y\naws_secret_access_key = s=1\n",
            "",
        );
        profile.take(
            "[profile ci]\nregion = eu-1\naws_access_key_id = later\ns3 =\n  region = nested\n[ci]\noutput = json\n",
            "profile ",
        );
        assert_eq!(profile.get("aws_access_key_id"), Some("AKID"));
        assert_eq!(profile.get("aws_secret_access_key"), Some("s=1"));
        assert_eq!(profile.get("region"), Some("eu-1"));
        assert_eq!(profile.get("output"), None, "`config` says `profile` before the name");
        assert!(profile.credentials().unwrap().is_some());
        let mut sso = Profile { name: "default".into(), asked: false, entries: Vec::new() };
        sso.take("[default]\nsso_session = corp\n", "profile ");
        assert!(sso.credentials().is_err());
    }
}
