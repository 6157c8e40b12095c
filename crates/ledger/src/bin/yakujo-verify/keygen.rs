//! `keygen`: the key of the city's witness.

use crate::arguments::Keygen;
use crate::file::{Readers, create};
use yakujo_ledger::note::CosigningKey;
use zeroize::Zeroizing;

/// Makes the key from the system's random source and writes both halves.
pub fn run(arguments: &Keygen) -> Result<u8, String> {
    let mut seed = Zeroizing::new([0u8; 32]);
    getrandom::fill(seed.as_mut_slice())
        .map_err(|error| format!("the system gives no random numbers: {error}"))?;
    let key = CosigningKey::from_seed(&arguments.name, &seed).map_err(|error| error.to_string())?;
    let file = arguments.name.replace(['/', '\\', ':'], "_");
    let secret = arguments.out.join(format!("{file}.key"));
    let public = arguments.out.join(format!("{file}.vkey"));
    create(&secret, &key.to_secret_text(), Readers::Owner)?;
    create(&public, &format!("{}\n", key.verifier()), Readers::Everybody)?;
    println!("{}", key.verifier());
    eprintln!("秘密 / secret: {}（市の外へ出さない / never leaves the city）", secret.display());
    eprintln!("公開 / public: {}（受託者に渡す / for the contractor）", public.display());
    Ok(0)
}
