//! The rolling hash of content-defined chunking: `rustic_cdc` 0.3.1, changed as `README.md` says.

mod polynom;
mod rolling_hash;

pub use polynom::{Polynom, Polynom64};
pub use rolling_hash::{Rabin64, RollingHash64};
