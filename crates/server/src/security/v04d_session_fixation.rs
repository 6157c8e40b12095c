//! セッション ID の固定化 (CWE-384).
//!
//! A session begins with a fresh secret at the moment of sign-in; a value that a browser brought along is never taken
//! over. Signing in again ends the session before it, signing out and setting a new password end sessions on the server,
//! not only in the browser.
