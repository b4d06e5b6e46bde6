//! What the kernel tells of this process, under the names that Prometheus' own clients give it.

use std::fs;

use super::exposition::{Exposition, Kind, number};

/// Ticks in which the kernel tells times of processors, in a second. Source: `USER_HZ`, proc_pid_stat(5).
const TICKS: f64 = 100.0;

/// What can be told; what the kernel does not tell is left out.
pub(super) fn measure(text: &mut Exposition) {
    let time = fs::read_to_string("/proc/self/stat").ok().and_then(|stat| processor_time(&stat));
    let help = "Time of processors that the process took.";
    text.family("process_cpu_seconds_total", Kind::Counter, help, time.map(|time| (Vec::new(), time)));
    let memory = fs::read_to_string("/proc/self/status").ok().and_then(|status| resident(&status));
    let help = "Memory of the process.";
    text.family("process_resident_memory_bytes", Kind::Gauge, help, memory.map(|bytes| (Vec::new(), number(bytes))));
    // The folder is open itself while it is read.
    let open = fs::read_dir("/proc/self/fd").ok().map(|open| open.count().saturating_sub(1));
    let help = "Descriptors that the process has open.";
    text.family("process_open_fds", Kind::Gauge, help, open.map(|open| (Vec::new(), number(open as u64))));
}

/// The fields `utime` and `stime`; they are counted from behind the name, which may hold anything.
fn processor_time(stat: &str) -> Option<f64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(number(user + system) / TICKS)
}

fn resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_memory_are_read_from_what_the_kernel_writes() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 1 0 100 1000 200";
        assert_eq!(processor_time(stat), Some(3.0));
        assert_eq!(resident("Name:\twrit\nVmRSS:\t    2048 kB\n"), Some(2 << 20));
        assert_eq!((processor_time("7"), resident("")), (None, None));
    }
}
