//! Who may have signed: identities of certificates, and how they are matched. Always as bytes, never folded.

use regex::Regex;

use crate::certificate::{Certificate, SubjectName};
use crate::check::{Check, VerifyError};

/// Longest pattern, and the largest automaton that is built from one.
const PATTERN: usize = 8 << 10;
const AUTOMATON: usize = 4 << 20;

/// How a text must look.
#[derive(Clone, Debug)]
pub enum Matcher {
    /// Byte for byte.
    Exact(String),
    /// With `*` for any run of characters; the whole text is matched, so it is anchored at both ends.
    Glob(Regex, String),
    /// A regular expression as Cosign takes it (RE2's syntax): it may match anywhere unless it says `^` and `$`.
    Pattern(Regex, String),
}

impl Matcher {
    /// A glob.
    ///
    /// # Errors
    /// When it is too long.
    pub fn glob(text: &str) -> Result<Self, String> {
        let pattern: Vec<String> = text.split('*').map(regex::escape).collect();
        Ok(Self::Glob(build(&format!("^(?s:{})$", pattern.join(".*")))?, text.to_owned()))
    }

    /// A regular expression.
    ///
    /// # Errors
    /// When it is no regular expression, or too long.
    pub fn pattern(text: &str) -> Result<Self, String> {
        Ok(Self::Pattern(build(text)?, text.to_owned()))
    }

    /// Whether the text is as it must be.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        match self {
            Self::Exact(wanted) => wanted == text,
            Self::Glob(regex, _) | Self::Pattern(regex, _) => regex.is_match(text),
        }
    }

    /// What a person should be told about this matcher: an expression that is not anchored accepts names that merely contain what it describes, and an
    /// unescaped dot accepts any character.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        let Self::Pattern(_, text) = self else { return None };
        let anchored = text.starts_with('^') && text.ends_with('$') && !text.ends_with("\\$") && !has_bare_bar(text);
        (!anchored).then(|| {
            format!("`{text}` is not anchored: any identity that contains a match is accepted; write `^(?:{text})$` to match the whole")
        })
    }

    fn describe(&self) -> String {
        match self {
            Self::Exact(text) => format!("`{text}`"),
            Self::Glob(_, text) => format!("something like `{text}`"),
            Self::Pattern(_, text) => format!("something that matches `{text}`"),
        }
    }
}

/// `^a|b$` is anchored on neither side.
fn has_bare_bar(text: &str) -> bool {
    let (mut depth, mut escaped) = (0_usize, false);
    for letter in text.chars() {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            '|' if depth == 0 => return true,
            _ => {}
        }
    }
    false
}

fn build(pattern: &str) -> Result<Regex, String> {
    if pattern.len() > PATTERN {
        return Err(format!("the pattern is longer than {PATTERN} bytes"));
    }
    regex::RegexBuilder::new(pattern).size_limit(AUTOMATON).build().map_err(|error| error.to_string())
}

/// Which kind of name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameKind {
    /// Any of the three.
    Any,
    /// An e-mail address.
    Email,
    /// A URI.
    Uri,
    /// Fulcio's other name.
    Other,
}

/// Who vouched for a name. No default: a name alone is anybody's who finds an issuer that gives it out.
#[derive(Clone, Debug)]
pub enum Issuer {
    /// The issuer in the certificate must be like this.
    Is(Matcher),
    /// The certificate must name none: for authorities that vouch themselves, such as GitHub's for its releases.
    NotNamed,
    /// Not looked at. The name alone then says who it is, which is only as good as the one issuer or the private authority that gives it out.
    Any,
}

/// One signer who may have signed: name and issuer, both required, and further claims.
#[derive(Clone, Debug)]
pub struct CertificateIdentity {
    /// Which kind of name it must be.
    pub kind: NameKind,
    /// The name.
    pub name: Matcher,
    /// Who vouched for it.
    pub issuer: Issuer,
    /// Claims that must be there, each equal byte for byte: what is asked and its value.
    pub claims: Vec<(Claim, String)>,
}

/// A claim that can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "named after Cosign's flags and Fulcio's extensions")]
pub enum Claim {
    GithubWorkflowTrigger,
    GithubWorkflowSha,
    GithubWorkflowName,
    GithubWorkflowRepository,
    GithubWorkflowRef,
    BuildSignerUri,
    RunnerEnvironment,
    SourceRepositoryUri,
    SourceRepositoryDigest,
    SourceRepositoryRef,
    BuildConfigUri,
    BuildTrigger,
}

impl Claim {
    /// The claim in words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::GithubWorkflowTrigger => "GitHub workflow trigger",
            Self::GithubWorkflowSha => "GitHub workflow SHA",
            Self::GithubWorkflowName => "GitHub workflow name",
            Self::GithubWorkflowRepository => "GitHub workflow repository",
            Self::GithubWorkflowRef => "GitHub workflow ref",
            Self::BuildSignerUri => "build signer URI",
            Self::RunnerEnvironment => "runner environment",
            Self::SourceRepositoryUri => "source repository URI",
            Self::SourceRepositoryDigest => "source repository digest",
            Self::SourceRepositoryRef => "source repository ref",
            Self::BuildConfigUri => "build config URI",
            Self::BuildTrigger => "build trigger",
        }
    }

    fn of(self, certificate: &Certificate) -> Option<&str> {
        let claims = certificate.claims();
        match self {
            Self::GithubWorkflowTrigger => &claims.github_workflow_trigger,
            Self::GithubWorkflowSha => &claims.github_workflow_sha,
            Self::GithubWorkflowName => &claims.github_workflow_name,
            Self::GithubWorkflowRepository => &claims.github_workflow_repository,
            Self::GithubWorkflowRef => &claims.github_workflow_ref,
            Self::BuildSignerUri => &claims.build_signer_uri,
            Self::RunnerEnvironment => &claims.runner_environment,
            Self::SourceRepositoryUri => &claims.source_repository_uri,
            Self::SourceRepositoryDigest => &claims.source_repository_digest,
            Self::SourceRepositoryRef => &claims.source_repository_ref,
            Self::BuildConfigUri => &claims.build_config_uri,
            Self::BuildTrigger => &claims.build_trigger,
        }
        .as_deref()
    }
}

impl CertificateIdentity {
    /// A name and an issuer, both byte for byte.
    #[must_use]
    pub fn exact(name: &str, issuer: &str) -> Self {
        Self {
            kind: NameKind::Any,
            name: Matcher::Exact(name.to_owned()),
            issuer: Issuer::Is(Matcher::Exact(issuer.to_owned())),
            claims: Vec::new(),
        }
    }

    /// Whether the certificate is this signer's, or which of its parts is not.
    pub(crate) fn check(&self, certificate: &Certificate) -> Result<(), VerifyError> {
        let fits = |name: &SubjectName| match self.kind {
            NameKind::Any => true,
            NameKind::Email => matches!(name, SubjectName::Email(_)),
            NameKind::Uri => matches!(name, SubjectName::Uri(_)),
            NameKind::Other => matches!(name, SubjectName::Other(_)),
        };
        // Fulcio writes one name. With several, all must fit: a certificate that also names somebody else is not this signer's alone.
        let names = certificate.names();
        if names.is_empty() || !names.iter().all(|name| fits(name) && self.name.matches(name.value())) {
            let found: Vec<&str> = names.iter().map(SubjectName::value).collect();
            let found = if found.is_empty() { "no name".to_owned() } else { format!("`{}`", found.join("`, `")) };
            return Err(VerifyError::new(Check::Identity, self.name.describe(), found));
        }
        let wrong = |expected: String, found: String| Err(VerifyError::new(Check::Issuer, expected, found));
        match (&self.issuer, certificate.claims().issuer.as_deref()) {
            (Issuer::Is(wanted), Some(issuer)) if wanted.matches(issuer) => {}
            (Issuer::Is(wanted), Some(issuer)) => return wrong(wanted.describe(), format!("`{issuer}`")),
            (Issuer::Is(wanted), None) => return wrong(wanted.describe(), "no issuer".to_owned()),
            (Issuer::NotNamed, None) | (Issuer::Any, _) => {}
            (Issuer::NotNamed, Some(issuer)) => return wrong("no issuer".to_owned(), format!("`{issuer}`")),
        }
        for (claim, wanted) in &self.claims {
            let found = claim.of(certificate);
            if found != Some(wanted) {
                return Err(VerifyError::new(
                    Check::Claims,
                    format!("{} `{wanted}`", claim.name()),
                    found.map_or_else(|| "no such claim".to_owned(), |found| format!("`{found}`")),
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(matcher: Result<Matcher, String>, yes: &[&str], no: &[&str]) {
        let matcher = matcher.unwrap();
        for text in yes {
            assert!(matcher.matches(text), "{text}");
        }
        for text in no {
            assert!(!matcher.matches(text), "{text}");
        }
    }

    #[test]
    fn texts_are_matched_as_bytes() {
        check(Ok(Matcher::Exact("a@x".into())), &["a@x"], &["A@x", "a@x ", "\u{430}@x"]);
        check(
            Matcher::glob("https://x/*"),
            &["https://x/", "https://x/a\nb"],
            &["https://x", "zhttps://x/", "httpsx//x/"],
        );
        check(Matcher::glob("a.c"), &["a.c"], &["abc", "a.cd"]);
        check(Matcher::pattern("x.com"), &["x.com", "evil-xycom.org"], &["X.com"]);
        check(Matcher::pattern("^a(b|c)$"), &["ab"], &["abd", "a"]);
        assert!(Matcher::pattern("(").is_err());
        assert!(Matcher::pattern(&"a".repeat(9000)).is_err());
        assert!(Matcher::pattern("(?:a{1000}){1000}").is_err());
    }

    #[test]
    fn patterns_that_are_not_anchored_are_warned_about() {
        for (text, warned) in [
            ("^a$", false),
            ("^(?:a|b)$", false),
            ("^a|b$", true),
            ("a", true),
            ("^a", true),
            ("a$", true),
            (r"^a\$", true),
            (r"^a\|b$", false),
        ] {
            assert_eq!(Matcher::pattern(text).unwrap().warning().is_some(), warned, "{text}");
        }
        assert!(Matcher::glob("a*").unwrap().warning().is_none());
    }
}
