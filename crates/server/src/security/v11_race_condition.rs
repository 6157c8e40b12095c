//! 競合状態 (CWE-362, 367).
//!
//! What may happen once is decided in one place and in one step: acts in the writer's turn, one after the other; one-time
//! links, codes and enrolments by one statement that finds and uses up; tries to sign in are counted before they are
//! verified. A form that is sent twice is taken once; whoever decides on a request or a finding about which something was
//! recorded after his page was made is refused, and told what it was.
