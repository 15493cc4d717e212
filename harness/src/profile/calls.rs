//! System calls that `strace` counted.

use std::collections::BTreeMap;

use tracerig_reports::profile::Cost;

/// How often each call was made, from the table that `strace -c` writes: share, seconds, time a
/// call, calls, errors if there are any, name.
pub(super) fn costs(text: &str) -> BTreeMap<String, Cost> {
    let of_line = |line: &str| {
        let cells: Vec<&str> = line.split_ascii_whitespace().collect();
        let (calls, name) = (cells.get(3)?.parse().ok()?, *cells.last()?);
        (cells.len() >= 5 && name != "total")
            .then(|| (name.to_owned(), Cost { own: calls, total: None }))
    };
    text.lines().filter_map(of_line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_read_with_and_without_errors() {
        let text = "% time     seconds  usecs/call     calls    errors syscall\n\
                    ------ ----\n 51.77    0.000205         205         1           execve\n  \
                    0.25    0.000001           1       173         2 pread64\n\
                    ------ ----------- ----------- --------- --------- ------------------\n\
                    100.00    0.000396           6       174         2 total\n";
        let own = costs(text).into_iter().map(|(name, cost)| (name, cost.own));
        assert_eq!(
            own.collect::<Vec<_>>(),
            [("execve".to_owned(), 1), ("pread64".to_owned(), 173)]
        );
    }
}
