//! The CPU time of this process, for both programs of the comparison.

use std::time::Duration;

/// Of all threads; zero where the system does not tell.
#[cfg(target_os = "linux")]
pub(crate) fn cpu() -> Duration {
    let t = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(t.tv_sec as u64, t.tv_nsec as u32)
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn cpu() -> Duration {
    Duration::ZERO
}
