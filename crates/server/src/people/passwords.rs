//! Passwords: argon2id, long, and none that everybody tries first.

use super::{People, PeopleError, random};
use argon2::Argon2;
use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};
use sqlx::Row as _;
use std::collections::HashSet;
use std::sync::LazyLock;
use unicode_normalization::UnicodeNormalization;
use yakujo_contract::id::PersonId;
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
    /// On the list of what is tried first, or easily foretold: repeated, in a row, the name of the contract.
    Common,
    /// Contains the sign-in name.
    ContainsLogin,
}

/// Words that passwords are commonly made of. Each stands for thousands of passwords: with digits and signs around it
/// and in it, written twice, with 0 for o and @ for a.
static COMMON: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    include_str!("common_passwords.txt").lines().filter(|line| !line.starts_with('#')).collect()
});

/// What is written for a letter.
const LOOKALIKES: [(char, &str); 12] = [
    ('0', "o"),
    ('1', "il"),
    ('3', "e"),
    ('4', "a"),
    ('5', "s"),
    ('7', "t"),
    ('8', "b"),
    ('9', "g"),
    ('@', "a"),
    ('$', "s"),
    ('!', "il"),
    ('+', "t"),
];

/// Rows of a keyboard.
const ROWS: [&str; 4] = ["1234567890-^", "qwertyuiop", "asdfghjkl;", "zxcvbnm,./"];

/// Fewest characters that do not follow from the one before.
const FEWEST_STEPS: usize = 5;
/// Shortest piece that may be written several times.
const SHORTEST_PIECE: usize = 8;

/// Says why the password is weak, if it is. The contract's id is as easily guessed as the sign-in name.
///
/// # Errors
/// [`Weak`].
pub fn check(password: &str, login: &str, contract: &str) -> Result<(), Weak> {
    let folded = Zeroizing::new(fold(password));
    let length = folded.chars().count();
    if length < SHORTEST {
        return Err(Weak::Short);
    }
    if length > LONGEST {
        return Err(Weak::Long);
    }
    if folded.contains(login) {
        return Err(Weak::ContainsLogin);
    }
    let piece = Zeroizing::new(smallest_piece(&folded));
    if piece.chars().count() < SHORTEST_PIECE || steps(&folded) < FEWEST_STEPS {
        return Err(Weak::Common);
    }
    for read in readings(&folded) {
        let word = Zeroizing::new(smallest_piece(&read));
        if read.is_empty() || *word == contract || COMMON.contains(&**word) || COMMON.contains(&**read) {
            return Err(Weak::Common);
        }
    }
    Ok(())
}

/// Half width, lower case, hiragana: what differs only in these is the same to a guesser.
fn fold(password: &str) -> String {
    let hiragana = |c: char| match c {
        'ァ'..='ヶ' => char::from_u32(u32::from(c) - 0x60).unwrap_or(c),
        other => other,
    };
    password.nfkc().flat_map(char::to_lowercase).map(hiragana).collect()
}

/// The password as it is, its letters alone, and its letters with what is written for them. What is at the ends may be
/// ornament or a letter.
fn readings(folded: &str) -> Vec<Zeroizing<String>> {
    let letters = |text: &str| Zeroizing::new(text.chars().filter(|c| c.is_alphabetic()).collect());
    let mut readings = vec![Zeroizing::new(folded.to_owned()), letters(folded)];
    let ornament = |c: char| !c.is_alphabetic();
    for inner in [
        folded,
        folded.trim_start_matches(ornament),
        folded.trim_end_matches(ornament),
        folded.trim_matches(ornament),
    ] {
        for which in 0..2 {
            let read: Zeroizing<String> = Zeroizing::new(inner.chars().map(|c| letter(c, which)).collect());
            readings.push(letters(&read));
        }
    }
    readings
}

/// What is meant by the character, where it may be one of two.
fn letter(c: char, which: usize) -> char {
    let found = LOOKALIKES.iter().find(|(sign, _)| *sign == c).map(|(_, letters)| letters.chars());
    found.and_then(|letters| letters.clone().nth(which).or(letters.last())).unwrap_or(c)
}

/// `abcabcabc` is `abc`.
fn smallest_piece(text: &str) -> String {
    let all: Vec<char> = text.chars().collect();
    let repeats = |length: &usize| all.iter().zip(all.iter().skip(*length)).all(|(a, b)| a == b);
    let length = (1..all.len()).find(repeats).unwrap_or(all.len());
    all.into_iter().take(length).collect()
}

/// Characters that do not follow from the one before: not the same, not the next in the alphabet or on the keyboard.
fn steps(text: &str) -> usize {
    let follows = |before: char, c: char| {
        let near = |a: u32, b: u32| a.abs_diff(b) <= 1;
        let on_keyboard = |row: &&str| match (row.find(before), row.find(c)) {
            (Some(a), Some(b)) => a.abs_diff(b) <= 1,
            _ => false,
        };
        near(u32::from(before), u32::from(c)) || ROWS.iter().any(on_keyboard)
    };
    let pairs = text.chars().zip(text.chars().skip(1));
    1 + pairs.filter(|(before, c)| !follows(*before, *c)).count()
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
    /// Whether this is the password of somebody who is signed in: asked again before his credentials change.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn is_password_of(&self, id: &PersonId, password: &str) -> Result<bool, PeopleError> {
        let row = sqlx::query("SELECT password FROM person WHERE id = ?").bind(id.as_str());
        let hash = row.fetch_optional(&self.pool).await?.map(|row| row.try_get("password")).transpose()?;
        self.verify(password, hash.flatten()).await
    }

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
            ("P@ssw0rd-2026", Weak::Common),
            ("passwordpassword", Weak::Common),
            ("4dm1n1str4t0r!", Weak::Common),
            ("123456789012", Weak::Common),
            ("aaaaaaaaaaaaa", Weak::Common),
            ("abcdefghijklmn", Weak::Common),
            ("qwertyuiop2026", Weak::Common),
            ("1qaz2wsx3edc", Weak::Common),
            ("asdfghjkl;asdf", Weak::Common),
            ("k7#xk7#xk7#xk7#x", Weak::Common),
            ("Sakura20260401", Weak::Common),
            ("2026-reiwa-08", Weak::Common),
            ("Shiyakusho#2026", Weak::Common),
            ("パスワードです！２０２６", Weak::Common),
            ("ヨロシクオネガイシマス", Weak::Short),
            ("よろしくおねがいします１２３", Weak::Common),
            ("2026*amagasaki-a*", Weak::Common),
            ("xk-tanaka-9fq2", Weak::ContainsLogin),
            ("xk-ＴＡＮＡＫＡ-9fq2", Weak::ContainsLogin),
        ] {
            assert_eq!(check(password, "tanaka", "amagasakia"), Err(weak), "{password}");
        }
        assert_eq!(check(&"x1y2z3".repeat(50), "tanaka", "main"), Err(Weak::Long));
    }

    #[test]
    fn long_ones_of_unrelated_words_are_taken() {
        for password in [
            "窓口の朝は紅茶と新聞から",
            "correct horse battery",
            "zitrone-fenster-anker",
            "kT9#vQ2m!xLp7",
            "雨の日は傘を二本持つ",
            "domain-remains-quiet",
        ] {
            let long_enough = password.chars().count() >= SHORTEST;
            assert_eq!(check(password, "tanaka", "main").is_ok(), long_enough, "{password}");
        }
    }

    #[test]
    fn the_list_is_folded_and_holds_thousands() {
        assert!(COMMON.len() > 5_000, "{}", COMMON.len());
        for word in COMMON.iter() {
            assert_eq!(fold(word), *word);
        }
    }
}
