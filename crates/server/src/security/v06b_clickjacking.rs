//! クリックジャッキング (CWE-1021).
//!
//! No page may be put into a frame: `frame-ancestors 'none'` and `X-Frame-Options: DENY` on every answer, set outside the
//! handlers, so that no page can forget them.
