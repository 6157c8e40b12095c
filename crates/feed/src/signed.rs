//! Signatures in the form of minisign: Ed25519 over BLAKE2b, so that a maker or an auditor may also use that program.

use crate::refused::Refused;
use minisign::{KeyPair, PublicKey, SecretKey, SecretKeyBox, SignatureBox};
use std::io::Cursor;

/// A maker's key that this site knows.
#[derive(Debug, Clone)]
pub struct MakerKey(PublicKey);

impl MakerKey {
    /// Reads the file of a public key, or its line alone.
    ///
    /// # Errors
    /// When it is no public key of minisign.
    pub fn read(text: &str) -> Result<Self, String> {
        let line = text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default();
        PublicKey::from_base64(line).map(Self).map_err(|error| format!("no public key of minisign: {error}"))
    }

    /// The line of the key.
    #[must_use]
    pub fn line(&self) -> String {
        self.0.to_base64()
    }
}

/// A pair of keys as two files: the secret one, and the public one.
///
/// # Errors
/// When no randomness is to be had.
pub fn new_pair() -> Result<(String, String), String> {
    let pair = KeyPair::generate_unencrypted_keypair().map_err(|error| error.to_string())?;
    let secret = pair.sk.to_box(None).map_err(|error| error.to_string())?.into_string();
    let public = pair.pk.to_box().map_err(|error| error.to_string())?.into_string();
    Ok((secret, public))
}

/// The public key that belongs to a secret one.
///
/// # Errors
/// When the secret key cannot be read.
pub fn public_of(secret: &str) -> Result<MakerKey, String> {
    let key = secret_key(secret)?;
    PublicKey::from_secret_key(&key).map(MakerKey).map_err(|error| error.to_string())
}

fn secret_key(text: &str) -> Result<SecretKey, String> {
    let key = SecretKeyBox::from_string(text).and_then(SecretKeyBox::into_unencrypted_secret_key);
    key.map_err(|error| format!("no secret key of minisign without a password: {error}"))
}

/// Signs the bytes of a manifest.
///
/// # Errors
/// When the secret key cannot be read.
pub fn sign(secret: &str, bytes: &[u8], comment: &str) -> Result<String, String> {
    let key = secret_key(secret)?;
    let signature = minisign::sign(None, &key, Cursor::new(bytes), Some(comment), None);
    signature.map(SignatureBox::into_string).map_err(|error| error.to_string())
}

/// Whether one of the makers signed the bytes.
///
/// # Errors
/// When none did.
pub fn verify(keys: &[MakerKey], bytes: &[u8], signature: &str) -> Result<(), Refused> {
    let wrong = |why: String| Refused::Signature(why);
    let signature = SignatureBox::from_string(signature).map_err(|error| wrong(error.to_string()))?;
    let mut last = "no key of a maker is set".to_owned();
    for key in keys {
        match minisign::verify(&key.0, &signature, Cursor::new(bytes), true, false, false) {
            Ok(()) => return Ok(()),
            Err(error) => last = error.to_string(),
        }
    }
    Err(wrong(last))
}
