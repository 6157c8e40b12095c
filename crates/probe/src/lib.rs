//! Tries agreed targets from outside and says how they stood (7.a).
//!
//! A crate of its own because it is the one part that connects to where somebody else's words lead: the targets of the
//! ledger. It goes nowhere else, follows nothing, sends nothing but a request for a page (or, where the operator gave it an
//! account for that, a form to sign in with), and takes in little. The server probes with it, and so does every agent whose
//! host both parties named as a probe.
//!
//! [`plan`] decides what is tried when and what is worth a fact; [`own`] decides whether the probe's own network is cut;
//! [`sights`] decides which looks at what users rely on are worth a fact; all are plain functions of what they are given.
//! [`attempt`] tries, [`look`] looks, [`run`] keeps the time. [`doors`] tries the doors of a host that was cut off, for the
//! server. [`session`] is one session of a web application, for the agent that leaves it alone.

pub mod attempt;
mod dial;
pub mod doors;
mod http;
pub mod look;
pub mod own;
mod page;
mod ping;
pub mod plan;
mod roots;
pub mod run;
pub mod session;
pub mod sights;
mod track;
