//! クッキーのセキュア属性不備 (CWE-614, 1004, 1275).
//!
//! Every cookie is `Secure` and `HttpOnly`. Those that open something are `SameSite=Strict` and begin with `__Host-`, which
//! makes the browser itself refuse them without `Secure`, with a `Domain`, or from a neighbouring host. There is no door
//! without TLS that could receive them.
