//! アップロードファイルによるサーバ側スクリプト実行 (CWE-434).
//!
//! An uploaded file is bounded, loses the name it came with, and lies on the shelf under its digest in a folder that no
//! address reaches. It leaves as `application/octet-stream` to be saved, with `nosniff`, so that no browser shows or
//! runs it as a page of the portal. The server runs nothing (see `v02_os_command_injection`) and hands out no file by
//! its name (see `v12_unintended_files`).
