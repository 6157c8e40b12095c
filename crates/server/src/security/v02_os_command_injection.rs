//! OS コマンド・インジェクション (CWE-78).
//!
//! The server starts no program: nothing in this crate names `std::process::Command` or its asynchronous twin, and the
//! test keeps it so. What the operator's own machine has to do for the server it does itself.
