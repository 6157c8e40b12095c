//! Passwords: argon2id, long, and none that everybody tries first.

use super::{People, PeopleError, random};
use argon2::Argon2;
use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// Shortest password, in characters.
pub const SHORTEST: usize = 12;
/// Longest password, in characters: longer ones only cost time.
pub const LONGEST: usize = 256;

/// Why a password is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weak {
    /// Fewer than [`SHORTEST`] characters.
    Short,
    /// More than [`LONGEST`].
    Long,
    /// On the list of what is tried first, or only a few different characters.
    Common,
    /// Contains the sign-in name.
    ContainsLogin,
}

/// Words that passwords are commonly made of; a password that is one of them with some digits and signs is refused.
static COMMON: &str = include_str!("common_passwords.txt");

/// Says why the password is weak, if it is.
///
/// # Errors
/// [`Weak`].
pub fn check(password: &str, login: &str) -> Result<(), Weak> {
    let normal: Zeroizing<String> = Zeroizing::new(password.nfkc().collect());
    let length = normal.chars().count();
    if length < SHORTEST {
        return Err(Weak::Short);
    }
    if length > LONGEST {
        return Err(Weak::Long);
    }
    let lower = Zeroizing::new(normal.to_lowercase());
    if lower.contains(login) {
        return Err(Weak::ContainsLogin);
    }
    let different: std::collections::BTreeSet<char> = lower.chars().collect();
    let letters: Zeroizing<String> = Zeroizing::new(lower.chars().filter(|c| c.is_alphabetic()).collect());
    let common = |word: &str| *lower == *word || (!letters.is_empty() && *letters == *word);
    if different.len() < 5 || letters.is_empty() || COMMON.lines().any(common) {
        return Err(Weak::Common);
    }
    Ok(())
}

impl People {
    /// The argon2id hash of a password, in the PHC form. Takes its turn: hashing needs memory.
    pub(super) async fn hash(&self, password: &str) -> Result<String, PeopleError> {
        let _turn = self.hashing.acquire().await.map_err(|_| PeopleError::Hashing)?;
        let normal: Zeroizing<String> = Zeroizing::new(password.nfkc().collect());
        let salt = random::<16>()?;
        let hashed = tokio::task::spawn_blocking(move || {
            Argon2::default().hash_password_with_salt(normal.as_bytes(), &*salt).map(|hash| hash.to_string())
        });
        hashed.await.map_err(|_| PeopleError::Hashing)?.map_err(|_| PeopleError::Hashing)
    }

    /// Whether the password is the one of the hash. Without a hash it takes as long and says no.
    pub(super) async fn verify(&self, password: &str, hash: Option<String>) -> Result<bool, PeopleError> {
        let _turn = self.hashing.acquire().await.map_err(|_| PeopleError::Hashing)?;
        let normal: Zeroizing<String> = Zeroizing::new(password.chars().take(LONGEST).nfkc().collect());
        let verified = tokio::task::spawn_blocking(move || match hash {
            Some(hash) => {
                let parsed = PasswordHash::new(&hash).map_err(|_| PeopleError::Hashing)?;
                Ok(Argon2::default().verify_password(normal.as_bytes(), &parsed).is_ok())
            }
            None => {
                let spent = Argon2::default().hash_password_with_salt(normal.as_bytes(), b"nobody has this!");
                spent.map(|_| false).map_err(|_| PeopleError::Hashing)
            }
        });
        verified.await.map_err(|_| PeopleError::Hashing)?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weak_passwords_are_refused_by_name_of_the_weakness() {
        for (password, weak) in [
            ("短いです", Weak::Short),
            ("elevenchars", Weak::Short),
            ("password2026!!", Weak::Common),
            ("ｐａｓｓｗｏｒｄ１２３４５", Weak::Common),
            ("123456789012", Weak::Common),
            ("aaaaaaaaaaaaa", Weak::Common),
            ("qwertyuiop2026", Weak::Common),
            ("xk-tanaka-9fq2", Weak::ContainsLogin),
        ] {
            assert_eq!(check(password, "tanaka"), Err(weak), "{password}");
        }
        assert_eq!(check(&"x1y2z3".repeat(50), "tanaka"), Err(Weak::Long));
        assert_eq!(check("窓口の朝は紅茶と新聞から", "tanaka"), Ok(()));
        assert_eq!(check("correct horse battery", "tanaka"), Ok(()));
    }
}
