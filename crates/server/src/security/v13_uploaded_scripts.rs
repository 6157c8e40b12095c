//! アップロードファイルによるサーバ側スクリプト実行 (CWE-434).
//!
//! An uploaded file is bytes in memory: bounded, without its name, never written where it could be asked for or run. The
//! server runs nothing (see `v02_os_command_injection`) and hands out no file (see `v12_unintended_files`).
