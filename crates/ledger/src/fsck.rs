//! Full verification.
