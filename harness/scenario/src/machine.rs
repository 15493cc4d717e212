//! What a record says about where and when it was made: the machine, its load, the time.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::Path;

use jiff::{Timestamp, Unit};
use tracerig_reports::ByteSize;
use tracerig_reports::record::Machine;

use crate::platform;

/// Vendors of machines that are always virtual.
const HYPERVISORS: [&str; 6] = ["QEMU", "Amazon EC2", "Google", "Microsoft", "VMware", "Parallels"];

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

/// Cores that this process may use.
#[must_use]
pub fn cores() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// Load averages over 1, 5 and 15 minutes.
#[must_use]
pub fn load() -> Option<[f64; 3]> {
    let text = std::fs::read_to_string("/proc/loadavg").ok()?;
    let mut fields = text.split(' ').map(str::parse::<f64>);
    Some([fields.next()?.ok()?, fields.next()?.ok()?, fields.next()?.ok()?])
}

/// The machine that runs, with the file system under `data`.
#[must_use]
pub fn machine(data: &Path) -> Machine {
    let processors = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let mut machine = Machine {
        cpu: models(&processors),
        cores: cores().get() as u64,
        memory_bytes: std::fs::read_to_string("/proc/meminfo")
            .ok()
            .and_then(|text| value(&text, "MemTotal")?.strip_suffix(" kB")?.parse::<u64>().ok())
            .map(|kib| ByteSize(kib * 1024)),
        kernel: rustix::system::uname().release().to_string_lossy().into_owned(),
        os: std::env::consts::OS.to_owned(),
        arch: std::env::consts::ARCH.to_owned(),
        file_system: platform::file_system(data),
        is_virtual: is_virtual(&processors),
        confines_writes: Some(platform::can_confine()),
        fingerprint: String::new(),
    };
    machine.fingerprint = machine.computed_fingerprint();
    machine
}

/// The value of the first line `name : value` in `text`.
fn value<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim())
    })
}

/// The models of the processors in `/proc/cpuinfo`: one name, or each with its number where they
/// differ. ARM processors have no names there, but the numbers of who made them and of what.
fn models(processors: &str) -> Option<String> {
    let mut models: BTreeMap<String, u64> = BTreeMap::new();
    for processor in processors.split("\n\n") {
        let value = |name| value(processor, name);
        let model = value("model name").map(str::to_owned).or_else(|| {
            Some(format!("implementer {} part {}", value("CPU implementer")?, value("CPU part")?))
        });
        *models.entry(model.unwrap_or_default()).or_default() += 1;
    }
    models.remove("");
    match models.len() {
        0 | 1 => models.into_keys().next(),
        _ => Some(
            models
                .iter()
                .map(|(model, count)| format!("{count} x {model}"))
                .collect::<Vec<_>>()
                .join(", "),
        ),
    }
}

/// Whether the machine is virtual: x86 processors tell; on others, so does what the machine calls
/// itself.
fn is_virtual(processors: &str) -> Option<bool> {
    if let Some(flags) = value(processors, "flags") {
        return Some(flags.split(' ').any(|flag| flag == "hypervisor"));
    }
    if Path::new("/proc/device-tree/hypervisor").exists() {
        return Some(true);
    }
    let vendor = std::fs::read_to_string("/sys/class/dmi/id/sys_vendor").ok()?;
    Some(HYPERVISORS.iter().any(|name| vendor.contains(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_named_after_its_start() {
        let id = run_id("relaunch", "2026-11-21T07:00:00.123Z");
        assert!(id.starts_with("relaunch-20261121T070000Z-"), "{id}");
        assert!(
            run_id("relaunch", "2026-11-21T07:00:00Z").starts_with("relaunch-20261121T070000Z-")
        );
    }

    #[test]
    fn processors_are_named_whatever_the_architecture() {
        let x86 = "processor\t: 0\n\
                   model name\t: A\n\
                   flags\t: fpu hypervisor\n\n\
                   processor\t: 1\n\
                   model name\t: A\n\
                   flags\t: fpu\n\n";
        assert_eq!((models(x86).as_deref(), is_virtual(x86)), (Some("A"), Some(true)));
        assert_eq!(is_virtual("flags\t: fpu vmx\n"), Some(false));
        let arm = |part| {
            format!(
                "processor\t: 0\n\
                 CPU implementer\t: 0x41\n\
                 CPU architecture: 8\n\
                 CPU part\t: {part}\n\n"
            )
        };
        assert_eq!(models(&arm("0xd0c").repeat(4)).as_deref(), Some("implementer 0x41 part 0xd0c"));
        let mixed = arm("0xd05").repeat(4) + &arm("0xd0b").repeat(2);
        assert_eq!(
            models(&mixed).as_deref(),
            Some("4 x implementer 0x41 part 0xd05, 2 x implementer 0x41 part 0xd0b")
        );
        assert_eq!(models("Hardware\t: x\n"), None);
    }

    #[test]
    fn the_machine_has_a_fingerprint() {
        let machine = machine(Path::new("."));
        assert_eq!(machine.fingerprint, machine.computed_fingerprint());
        assert!(!machine.kernel.is_empty());
    }
}
