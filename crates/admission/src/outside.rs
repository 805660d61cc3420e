//! Where answers to needs come from: a cluster, registries, files. What is not reached is said, and never guessed.

use std::fmt::Debug;

use futures_util::future::BoxFuture;
use serde_json::Value;
use signet_policy::kyverno::Need;
use signet_policy::kyverno::verify_images::{Answer, ImageNeed};
use signet_policy::trust_policy::facts;

/// An answer on its way.
pub type Asked<'a, T> = BoxFuture<'a, T>;

/// Answers needs. Each call is bounded by the caller in time and number.
pub trait Outside: Debug + Send + Sync + 'static {
    /// What a rule's context asks for. `Err`: why it cannot be had, in one sentence without a full stop.
    fn context<'a>(&'a self, need: &'a Need) -> Asked<'a, Result<Value, String>>;

    /// What a rule asks of an image. What cannot be found out is [`Answer::Unknown`].
    fn image<'a>(&'a self, need: &'a ImageNeed) -> Asked<'a, Answer>;

    /// What a TrustPolicy asks of an image. What cannot be found out is [`facts::Answer::Unknown`].
    fn question<'a>(&'a self, question: &'a facts::Question) -> Asked<'a, facts::Answer> {
        Box::pin(async move { facts::Answer::Unknown(format!("this server does not find out {question}")) })
    }

    /// Names what signatures are verified with; when it changes, answers that are kept are worth nothing.
    fn trust_version(&self) -> String {
        String::new()
    }
}

/// Nobody is asked.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nobody;

impl Outside for Nobody {
    fn context<'a>(&'a self, _need: &'a Need) -> Asked<'a, Result<Value, String>> {
        Box::pin(async { Err("this server asks no cluster and no service".to_owned()) })
    }

    fn image<'a>(&'a self, _need: &'a ImageNeed) -> Asked<'a, Answer> {
        Box::pin(async { Answer::Unknown("this server asks no registry".to_owned()) })
    }
}
