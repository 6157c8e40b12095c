//! アクセス制御 (CWE-284, 306, 425).
//!
//! A route cannot be added without saying who may use it; the door checks it before the handler runs, on each request
//! anew, with the person's period as it stands then. What is not for the visitor looks like what does not exist, whatever
//! the method, to the last header. `walk.rs` walks every route × caller × method.
