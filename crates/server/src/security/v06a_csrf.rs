//! クロスサイト・リクエスト・フォージェリ (CWE-352).
//!
//! The door before every handler takes a form only with the token of its session (before sign-in: of the browser's own
//! cookie), and not when the browser says that it came from elsewhere. The cookie is `SameSite=Strict`. What is asked
//! with GET changes nothing: no entry of the ledger comes from looking.
