//! Who we are, told by the surroundings of a build: identity tokens (OpenID Connect) that a certificate authority exchanges for a certificate.
//!
//! The token is a secret for as long as it lives: whoever has it can sign as us. It is parsed here for what it says of us and not verified, which is
//! the authority's matter.

mod providers;
mod spiffe;
mod token;

pub use self::providers::{Provider, ambient, from_provider};
pub use self::spiffe::check_answer as check_spiffe_answer;
pub use self::token::{IdentityToken, SIGSTORE};
