//! [`Token`]: what an order must show.

use std::fmt;

use chaos_core::{Error, Result};
use rustix::rand::{GetRandomFlags, getrandom};
use serde::{Deserialize, Serialize};

/// A secret of one run: 32 to 128 letters, digits, `-` and `_`. An agent's socket can be spoken to by everybody in the pod
/// that it is in; orders are taken from who knows the token.
///
/// Whoever may read pods (`get pods`) reads it in the agent's variables: it keeps out what runs in the pod, not users of
/// the cluster.
#[derive(Clone, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Token(String);

const LENGTHS: std::ops::RangeInclusive<usize> = 32..=128;

impl Token {
    /// 128 bits of the kernel's randomness.
    pub fn fresh() -> Self {
        let mut bytes = [0; 16];
        let mut done = 0;
        while done < bytes.len() {
            // It fails for an interrupt only, and gives 16 bytes at once otherwise (getrandom(2)).
            done += getrandom(&mut bytes[done..], GetRandomFlags::empty()).unwrap_or(0);
        }
        Self(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// This one.
    ///
    /// # Errors
    /// Too short, too long, or with another character.
    pub fn try_new(text: impl Into<String>) -> Result<Self> {
        let text = text.into();
        let is_plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        if is_plain && LENGTHS.contains(&text.len()) {
            return Ok(Self(text));
        }
        // Not shown: a secret with a typing error is still one.
        Err(Error::invalid("a token is 32 to 128 letters, digits, - and _"))
    }

    /// The token, for who must show it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Takes as long for a wrong one as for the right one.
impl PartialEq for Token {
    fn eq(&self, other: &Self) -> bool {
        let differ = self.0.bytes().zip(other.0.bytes()).fold(0, |differ, (a, b)| differ | (a ^ b));
        self.0.len() == other.0.len() && differ == 0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

impl TryFrom<String> for Token {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        Self::try_new(text)
    }
}

impl From<Token> for String {
    fn from(token: Token) -> Self {
        token.0
    }
}
