//! 意図しないファイル公開 (CWE-548, 552, 530, 425, 219).
//!
//! The server hands out no file of the disk. Three files of the look are compiled in; everything else is made for the
//! request. There is no folder to list and no copy to forget. The data folder is readable by its owner alone.
