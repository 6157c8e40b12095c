//! オープンリダイレクト (CWE-601).
//!
//! A redirect leads to a path of this contract that the server composed. No field names a target, and neither does the
//! `Host` of the request: targets are paths, not addresses.
