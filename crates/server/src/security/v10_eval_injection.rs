//! eval インジェクション (CWE-95, 94, 1336).
//!
//! There is no interpreter to reach. Templates are compiled into the program, so a text that looks like a template is a
//! text; the one script knows no `eval`, and the content policy forbids it.
