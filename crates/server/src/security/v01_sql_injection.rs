//! SQL インジェクション (CWE-89).
//!
//! Whatever comes from outside reaches the database as a bound value, never as part of a statement. The library takes
//! a statement only as a text that was written at compile time (`&'static str`); the one way around it,
//! `AssertSqlSafe`, stands nowhere in this crate, and the test keeps it so. Searches and sort orders of lists are done
//! in the program, not by composing statements.
