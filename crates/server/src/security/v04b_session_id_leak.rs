//! URL 埋め込みのセッション ID の外部への漏えい (CWE-598, 200).
//!
//! The secret of a session travels in a cookie and nowhere else: no address, no page, no log line holds it, and a secret
//! in an address opens nothing. Addresses themselves stay inside: `Referrer-Policy: no-referrer` on every answer, and no
//! page loads anything from elsewhere.
