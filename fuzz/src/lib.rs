//! What every executable here is made of: libFuzzer calls a function of
//! `tracerig_harness::fuzzing`, and changes inputs by that module's rules as often as by its own.

pub use libfuzzer_sys;
pub use tracerig_harness::fuzzing;

/// Makes an executable of the target with this name.
#[macro_export]
macro_rules! target {
    ($name:literal) => {
        use $crate::libfuzzer_sys;

        libfuzzer_sys::fuzz_target!(|data: &[u8]| {
            static RUN: std::sync::LazyLock<fn(&[u8])> =
                std::sync::LazyLock::new(|| {
                    $crate::fuzzing::target($name).expect("a target of this name")
                });
            RUN(data);
        });

        libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
            if seed % 2 == 0 {
                return libfuzzer_sys::fuzzer_mutate(data, size, max_size);
            }
            let changed = $crate::fuzzing::mutated(&data[..size], u64::from(seed));
            let size = changed.len().min(max_size).min(data.len());
            data[..size].copy_from_slice(&changed[..size]);
            size
        });
    };
}
