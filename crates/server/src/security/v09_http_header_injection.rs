//! HTTP ヘッダ・インジェクション (CWE-113).
//!
//! Header values are typed: a text with a line end is no header value, and the answer then fails instead of splitting.
//! Nothing a visitor typed goes into a header: targets are made of ids that hold no such character, names of downloads
//! are fixed.
