//! 推測可能なセッション ID (CWE-330, 331, 340).
//!
//! The secret of a session is 32 bytes from the operating system. The ledger and the pages name a session by another,
//! random name, which opens nothing. Only the digest of the secret is stored, so that the database opens nothing either.
