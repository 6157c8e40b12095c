//! メールヘッダ・インジェクション (CWE-93).
//!
//! The server sends no mail and links no library that could: one-time links are handed over by the person who asked for
//! them. The test looks at what is linked.
