//! What a record says about where and by what it was made: the machine, its load, the build.

use std::path::Path;

use jiff::{Timestamp, Unit};
use tracerig_reports::ByteSize;
use tracerig_reports::record::{Build, Machine};

use crate::platform;

/// Now, as RFC 3339 in UTC, to the millisecond.
#[must_use]
pub fn now() -> String {
    let now = Timestamp::now();
    now.round(Unit::Millisecond).unwrap_or(now).to_string()
}

/// A name for a run of `scenario` started at `started` that no other run has.
#[must_use]
pub fn run_id(scenario: &str, started: &str) -> String {
    let digits: String = started
        .chars()
        .take_while(|&character| character != '.')
        .filter(char::is_ascii_alphanumeric)
        .collect();
    format!("{scenario}-{}Z-{:04x}", digits.trim_end_matches('Z'), std::process::id() & 0xffff)
}

/// Load averages over 1, 5 and 15 minutes.
#[must_use]
pub fn load() -> Option<[f64; 3]> {
    let text = std::fs::read_to_string("/proc/loadavg").ok()?;
    let mut fields = text.split(' ').map(str::parse::<f64>);
    Some([fields.next()?.ok()?, fields.next()?.ok()?, fields.next()?.ok()?])
}

/// The build that runs.
#[must_use]
pub fn build() -> Build {
    let known = |text: &'static str| (!text.is_empty()).then(|| text.to_owned());
    Build {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        revision: known(env!("TRACERIG_REVISION")),
        dirty: match env!("TRACERIG_DIRTY") {
            "" => None,
            dirty => Some(dirty == "true"),
        },
        profile: env!("TRACERIG_PROFILE").to_owned(),
        rustc: env!("TRACERIG_RUSTC").to_owned(),
        sqlite: rusqlite::version().to_owned(),
    }
}

/// The machine that runs, with the file system under `data`.
#[must_use]
pub fn machine(data: &Path) -> Machine {
    let mut machine = Machine {
        cpu: field("/proc/cpuinfo", "model name"),
        cores: std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64),
        memory_bytes: field("/proc/meminfo", "MemTotal")
            .and_then(|text| text.strip_suffix(" kB")?.parse::<u64>().ok())
            .map(|kib| ByteSize(kib * 1024)),
        kernel: rustix::system::uname().release().to_string_lossy().into_owned(),
        os: std::env::consts::OS.to_owned(),
        arch: std::env::consts::ARCH.to_owned(),
        file_system: platform::file_system(data),
        fingerprint: String::new(),
    };
    machine.fingerprint = machine.computed_fingerprint();
    machine
}

/// The value of the first line `name : value` in `file`.
fn field(file: &str, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim().to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_named_after_its_start() {
        let id = run_id("relaunch", "2026-11-21T07:00:00.123Z");
        assert!(id.starts_with("relaunch-20261121T070000Z-"), "{id}");
        assert!(run_id("relaunch", "2026-11-21T07:00:00Z").starts_with("relaunch-20261121T070000Z-"));
    }

    #[test]
    fn the_machine_has_a_fingerprint() {
        let machine = machine(Path::new("."));
        assert_eq!(machine.fingerprint, machine.computed_fingerprint());
        assert!(!machine.kernel.is_empty());
    }
}
