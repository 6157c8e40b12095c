//! クローラへの耐性 (CWE-400, 770).
//!
//! A crawler finds two pages without signing in. Looking changes nothing, keeps nothing for a stranger and costs little:
//! lists come in pages of bounded size, bodies are bounded, hashing of passwords waits its turn. A person's own crawler
//! finds a finite number of pages that all answer.
