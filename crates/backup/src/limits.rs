//! What a job may use: memory, and only the time of the processor that nobody else wants.

use rustix::process::{Resource, Rlimit, nice, setrlimit};

/// Lets no image of this process reach the disk: it holds a secret for as long as it runs.
///
/// # Errors
/// When the kernel refuses the limit.
pub fn leave_no_core() -> std::io::Result<()> {
    Ok(setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?)
}

/// Sets the most memory (bytes) of this process and of the programs it starts, and gives others the way.
///
/// The limit is on private writable memory (`RLIMIT_DATA`), not on addresses: programs reserve far more of those than they
/// use. Where more is needed the job ends with an error and a fact; the host goes on.
///
/// # Errors
/// When the kernel refuses the limit: a job without one must not start.
pub fn confine(memory: u64) -> std::io::Result<()> {
    let limit = Rlimit { current: Some(memory), maximum: Some(memory) };
    setrlimit(Resource::Data, limit)?;
    // Only a courtesy: a job that may not be nice still has to be done.
    let _ = nice(15);
    Ok(())
}
