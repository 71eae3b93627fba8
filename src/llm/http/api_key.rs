//! Keys of servers. They come from the environment alone, and no text that we write holds one.

use std::fmt;

/// A key and where it came from.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey {
    env_name: String,
    secret: String,
}

/// Why there is no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The variable is not set, or empty.
    #[error("the environment variable \"{0}\" is not set")]
    Missing(String),
    /// It holds what no header can carry.
    #[error("the environment variable \"{0}\" holds characters that a key cannot have (spaces or control characters)")]
    Unusable(String),
}

impl ApiKey {
    /// Reads the key from the variable `env_name` with `lookup`.
    ///
    /// # Errors
    /// When the variable is missing, empty, or holds characters that no header can carry.
    pub fn from_env(env_name: &str, lookup: impl Fn(&str) -> Option<String>) -> Result<ApiKey, KeyError> {
        let secret = lookup(env_name).unwrap_or_default().trim().to_owned();
        if secret.is_empty() {
            return Err(KeyError::Missing(env_name.to_owned()));
        }
        if !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(KeyError::Unusable(env_name.to_owned()));
        }
        Ok(ApiKey { env_name: env_name.to_owned(), secret })
    }

    /// The variable it came from.
    pub fn env_name(&self) -> &str {
        &self.env_name
    }

    /// `text` without the key: a server may repeat it in an error.
    pub fn redact(&self, text: &str) -> String {
        text.replace(&self.secret, "[key]")
    }

    /// The value of the `Authorization` header; marked so that no log shows it.
    pub(super) fn header(&self) -> Option<reqwest::header::HeaderValue> {
        let mut value = reqwest::header::HeaderValue::from_str(&format!("Bearer {}", self.secret)).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKey(in {})", self.env_name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_from_its_variable_and_shows_nowhere() {
        let lookup = |name: &str| (name == "MY_KEY").then(|| " sk-12345 \n".to_owned());
        let key = ApiKey::from_env("MY_KEY", lookup).unwrap();
        assert_eq!(format!("{key:?}"), "ApiKey(in MY_KEY)");
        assert_eq!(key.redact("Incorrect key sk-12345!"), "Incorrect key [key]!");
        let header = key.header().unwrap();
        assert_eq!(header.to_str().unwrap(), "Bearer sk-12345");
        assert_eq!(format!("{header:?}"), "Sensitive");
    }

    #[test]
    fn a_missing_or_broken_key_is_refused_by_the_name_of_its_variable() {
        let check = |held: Option<&str>, text: &str| {
            assert_eq!(ApiKey::from_env("K", |_| held.map(str::to_owned)).unwrap_err().to_string(), text);
        };
        check(None, "the environment variable \"K\" is not set");
        check(Some("  "), "the environment variable \"K\" is not set");
        let unusable =
            "the environment variable \"K\" holds characters that a key cannot have (spaces or control characters)";
        check(Some("a b"), unusable);
        check(Some("ключ"), unusable);
    }
}
