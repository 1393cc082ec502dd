//! What the engine is told about its host: for INFO and MEMORY.

/// Facts about the process or page that the engine runs in. Hosts keep them true.
#[derive(Clone, Debug, Default)]
pub struct Host {
    /// The system, as `uname` or the browser names it.
    pub os: String,
    pub process_id: u32,
    pub tcp_port: u16,
    pub executable: String,
    pub config_file: String,
    pub multiplexing_api: &'static str,
    pub allocator: &'static str,
    /// Parameters whose change it may be unable to follow: CONFIG SET waits for its answer.
    pub may_fail: &'static [&'static str],
    /// Tells how many bytes are allocated at any moment, where somebody counts.
    pub gauge: Option<fn() -> u64>,
    /// Bytes allocated now, when the engine was empty, and at the most.
    pub used_memory: u64,
    pub startup_memory: u64,
    pub peak_memory: u64,
    /// Bytes that the process takes of the machine's memory.
    pub resident_memory: u64,
    pub total_system_memory: u64,
    /// Whether it can connect to other servers.
    pub connects: bool,
    /// Seconds of processor time, in the system and in the program itself.
    pub cpu_system_seconds: f64,
    pub cpu_user_seconds: f64,
    pub reads: u64,
    pub writes: u64,
}

impl Host {
    /// Returns how many bytes are allocated: now, where somebody counts, otherwise when the host last said it.
    pub fn used(&self) -> u64 {
        self.gauge.map_or(self.used_memory, |gauge| gauge())
    }

    /// Says how much is allocated now; the peak follows.
    pub fn set_used_memory(&mut self, bytes: u64) {
        self.used_memory = bytes;
        self.peak_memory = self.peak_memory.max(bytes);
    }
}
