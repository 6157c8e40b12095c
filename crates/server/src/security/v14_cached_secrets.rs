//! 秘密情報表示時のキャッシュ不停止 (CWE-524, 525).
//!
//! Every answer says `no-store` unless it is one of the three files of the look. The header is set outside the handlers,
//! so that no page can forget it.
